/* optimize.c - runs the rewrite rules over a logical plan.
 *
 * Rules register themselves by their file name (plan/rules/<name>.c); each says at which place it
 * runs. The rule at place n of wr_rules is bit n of rules_off. */
#include "plan/logical.h"

#define X(name) extern const wr_rule wr_rule_##name;
#include "gen/rules.inc"
#undef X

const wr_rule *const wr_rules[] = {
#define X(name) &wr_rule_##name,
#include "gen/rules.inc"
#undef X
    NULL,
};

/* The rule that runs after one of this order and place; NULL at the end. */
static const wr_rule *next_rule(int order, int place, int *next_place)
{
    const wr_rule *best = NULL;
    for (int i = 0; wr_rules[i]; i++) {
        bool later = wr_rules[i]->order > order || (wr_rules[i]->order == order && i > place);
        if (!later || (best && best->order <= wr_rules[i]->order)) continue;
        best = wr_rules[i];
        *next_place = i;
    }
    return best;
}

weir_status wr_optimize(wr_planner *planner, wr_logical **root)
{
    int place = -1;
    const wr_rule *rule = next_rule(INT32_MIN, -1, &place);
    for (; rule; rule = next_rule(rule->order, place, &place)) {
        bool off = place < 64 && (planner->rules_off >> place & 1);
        off |= planner->is_continuous && rule->is_for_batches;
        if (!off || rule->is_required) WR_TRY(rule->apply(planner, root));
        WR_TRY(wr_arena_check(planner->arena)); /* wide plans */
    }
    wr_estimate(planner, *root);
    return WR_OK;
}
