/* repeated_subplans.c - computes equal parts of a query once.
 *
 * Candidates are joins and groupings. Two are equal when they have the same shape over the same
 * sources, their expressions being equal once the column ids of one are translated into those of
 * the other; scans may read different columns, the definition then reads all of them. The rule runs
 * when filters and join orders are settled, so that equal questions look equal. The first of them
 * becomes the definition of a SHARED subplan.
 *
 * What is shared has to be stored and no longer gets the runtime filters of its surroundings: only
 * parts with few rows compared with what they read are worth it, and only if the filters of both
 * places together would have left more than one whole computation.
 *
 * Traps: parts that refer to columns outside, call volatile functions or stand inside a recursion
 * are left alone. Every change makes the lists of candidates stale: they are collected again. */
#include "plan/shared.h"
#include "plan/unnest.h"
#include <math.h>

/* A part joined with something small reads all keys, but does the rest only for matching rows. */
static const double SHRINKS_TO = 0.25, ROWS_MAX = 2e6, READING = 0.3;
enum { CANDIDATES_MAX = 128, ROUNDS_MAX = 32 };

typedef struct pair {
    wr_column_id from, to;
} pair;

typedef struct added { /* a column that the scan of the definition has to read too */
    wr_logical *scan;
    int column;
    wr_output output;
} added;

typedef struct additions {
    WR_LIST(added) all;
} additions;

typedef struct matching {
    wr_planner *planner;
    WR_LIST(pair) ids; /* of the second part -> of the first */
    additions *added;  /* to the first part, for all that equal it */
} matching;

typedef struct candidate {
    wr_logical *node, **slot;
    int end; /* candidates from the next one to this lie inside */
    double input_rows;
    double partner_rows; /* of the smallest side whose runtime filters reach the node */
} candidate;

typedef struct equal_part {
    candidate *place;
    matching ids; /* the first part has none: its ids are those of the definition */
    wr_logical *use;
} equal_part;

typedef struct finding {
    wr_planner *planner;
    WR_LIST(candidate) candidates;
    wr_column_set seen; /* ids of SHARED */
    wr_column_set used; /* columns read outside of the parts */
    WR_LIST(equal_part) parts;
    additions added;
} finding;

/* ---- equality ---- */

static void translate(matching *m, wr_column_id from, wr_column_id to)
{
    wr_push(m->planner->arena, &m->ids, ((pair){from, to}));
}

static bool translated(const matching *m, wr_column_id from, wr_column_id *to)
{
    for (int i = m->ids.count; i-- > 0;) {
        if (m->ids.items[i].from != from) continue;
        *to = m->ids.items[i].to;
        return true;
    }
    return false;
}

static wr_expr *translate_column(wr_expr *e, void *arg)
{
    const matching *m = arg;
    wr_column_id to;
    if (e->kind == WR_X_COLUMN && translated(m, e->column, &to)) e->column = to;
    return e;
}

static bool same_expr(matching *m, const wr_expr *a, const wr_expr *b)
{
    if (!a || !b) return a == b;
    wr_expr *copy = wr_expr_rewrite(wr_expr_copy(m->planner->arena, b), translate_column, m);
    if (wr_expr_eq(a, copy)) return true;
    return a->kind == WR_X_COMPARE && a->op == WR_EQ && copy->kind == WR_X_COMPARE &&
           copy->op == WR_EQ && wr_expr_eq(a->args[0], copy->args[1]) &&
           wr_expr_eq(a->args[1], copy->args[0]);
}

/* Conjuncts in any order. */
static bool same_conjuncts(matching *m, wr_expr **a, int a_count, wr_expr **b, int b_count)
{
    if (a_count != b_count || a_count > 64) return false;
    uint64_t used = 0;
    for (int i = 0; i < a_count; i++) {
        int other = 0;
        while (other < b_count && ((used >> other & 1) || !same_expr(m, a[i], b[other])))
            other++;
        if (other == b_count) return false;
        used |= UINT64_C(1) << other;
    }
    return true;
}

static bool same_source(const wr_logical *a, const wr_logical *b)
{
    if (a->scan.relation == b->scan.relation) return true;
    return a->scan.object && a->scan.object == b->scan.object &&
           a->scan.object->kind == WR_ENTRY_TABLE;
}

/* A column that the definition's scan does not read yet. */
static wr_output added_column(matching *m, wr_logical *scan, int column, const wr_output *like)
{
    for (int i = 0; i < m->added->all.count; i++) {
        const added *known = &m->added->all.items[i];
        if (known->scan == scan && known->column == column) return known->output;
    }
    wr_output output = *like;
    output.id = wr_planner_column(m->planner, output.name, output.type);
    wr_push(m->planner->arena, &m->added->all, ((added){scan, column, output}));
    return output;
}

static bool same_scan(matching *m, wr_logical *a, wr_logical *b)
{
    if (!same_source(a, b) || a->scan.limit >= 0 || b->scan.limit >= 0 || a->scan.runtime_count ||
        b->scan.runtime_count)
        return false;
    for (int i = 0; i < b->output_count; i++) {
        int at = 0;
        while (at < a->output_count && a->scan.columns[at] != b->scan.columns[i])
            at++;
        wr_output output = at < a->output_count
                               ? a->outputs[at]
                               : added_column(m, a, b->scan.columns[i], &b->outputs[i]);
        translate(m, b->outputs[i].id, output.id);
    }
    return same_conjuncts(m, a->scan.filters, a->scan.filter_count, b->scan.filters,
                          b->scan.filter_count);
}

/* Every binding of b is one of a. */
static bool same_bindings(matching *m, const wr_binding *a, int a_count, const wr_binding *b,
                          int b_count)
{
    for (int i = 0; i < b_count; i++) {
        int at = 0;
        while (at < a_count && !same_expr(m, a[at].expr, b[i].expr))
            at++;
        if (at == a_count) return false;
        translate(m, b[i].id, a[at].id);
    }
    return true;
}

static bool same_call(matching *m, const wr_logical *a, const wr_logical *b, int i)
{
    wr_expr x = {.kind = WR_X_AGGREGATE,
                 .type = a->aggregate.calls[i].type,
                 .aggregate = &a->aggregate.calls[i]};
    wr_expr y = {.kind = WR_X_AGGREGATE,
                 .type = b->aggregate.calls[i].type,
                 .aggregate = &b->aggregate.calls[i]};
    return same_expr(m, &x, &y);
}

static bool same_aggregate(matching *m, const wr_logical *a, const wr_logical *b)
{
    int keys = a->aggregate.key_count, calls = a->aggregate.call_count;
    if (a->aggregate.sets || b->aggregate.sets || a->aggregate.grouping_count ||
        b->aggregate.grouping_count || keys != b->aggregate.key_count ||
        calls != b->aggregate.call_count ||
        a->aggregate.carried_first != b->aggregate.carried_first)
        return false;
    for (int k = 0; k < keys; k++) {
        if (!same_expr(m, a->aggregate.keys[k].expr, b->aggregate.keys[k].expr)) return false;
        translate(m, b->aggregate.keys[k].id, a->aggregate.keys[k].id);
    }
    for (int i = 0; i < calls; i++) {
        if (!same_call(m, a, b, i)) return false;
        translate(m, b->outputs[keys + i].id, a->outputs[keys + i].id);
    }
    return true;
}

static bool same_join(matching *m, const wr_logical *a, const wr_logical *b)
{
    if (a->join.kind != b->join.kind || a->join.is_lateral || b->join.is_lateral ||
        a->join.publish_count || b->join.publish_count)
        return false;
    if (a->join.kind == WR_JOIN_MARK) translate(m, b->join.mark, a->join.mark);
    return same_expr(m, a->join.mark_left, b->join.mark_left) &&
           same_expr(m, a->join.mark_right, b->join.mark_right) &&
           same_conjuncts(m, a->join.conditions, a->join.condition_count, b->join.conditions,
                          b->join.condition_count);
}

static bool same_shared(matching *m, const wr_logical *a, const wr_logical *b)
{
    if (a->shared.id != b->shared.id) return false;
    for (int i = 0; i < b->output_count; i++) {
        int at = 0;
        while (at < a->output_count && a->shared.inner[at] != b->shared.inner[i])
            at++;
        if (at == a->output_count) return false;
        translate(m, b->outputs[i].id, a->outputs[at].id);
    }
    return true;
}

static bool same_plan(matching *m, wr_logical *a, wr_logical *b)
{
    if (a->kind != b->kind || a->input_count != b->input_count) return false;
    if (a->kind == WR_L_SHARED) return same_shared(m, a, b);
    for (int i = 0; i < a->input_count; i++)
        if (!same_plan(m, a->inputs[i], b->inputs[i])) return false;
    switch (a->kind) {
    case WR_L_SCAN:
        return same_scan(m, a, b);
    case WR_L_FILTER:
        return same_conjuncts(m, a->filter.conjuncts, a->filter.count, b->filter.conjuncts,
                              b->filter.count);
    case WR_L_PROJECT:
        return same_bindings(m, a->project.bindings, a->project.count, b->project.bindings,
                             b->project.count);
    case WR_L_AGGREGATE:
        return same_aggregate(m, a, b);
    case WR_L_JOIN:
        return same_join(m, a, b);
    default:
        return false;
    }
}

/* ---- candidates ---- */

/* The rows of what an input of the node is joined with: below, runtime filters take the others
 * away. */
static double partner_of(const wr_logical *node, int input, double partner_rows)
{
    switch (node->kind) {
    case WR_L_FILTER:
    case WR_L_PROJECT:
        return partner_rows;
    case WR_L_JOIN:
        if (node->join.condition_count == 0) return INFINITY;
        if (node->join.kind == WR_JOIN_INNER || (node->join.kind == WR_JOIN_SEMI && input == 0) ||
            (input == 1 && node->join.kind != WR_JOIN_FULL && node->join.kind != WR_JOIN_RIGHT))
            return WR_MIN(node->inputs[1 - input]->rows, input == 0 ? partner_rows : INFINITY);
        return input == 0 ? partner_rows : INFINITY;
    default:
        return INFINITY;
    }
}

/* Adds up the rows read by a subtree; collects joins and groupings on the way. */
static double collect(finding *f, wr_logical **slot, bool is_definition, double partner_rows)
{
    wr_logical *node = *slot;
    if (node->kind == WR_L_RECURSIVE) return node->rows;
    if (node->kind == WR_L_SHARED) {
        if (wr_column_set_has(&f->seen, (wr_column_id)node->shared.id)) return node->rows;
        wr_column_set_add(f->planner->arena, &f->seen, (wr_column_id)node->shared.id);
    }
    bool fits = (node->kind == WR_L_JOIN || node->kind == WR_L_AGGREGATE) && !is_definition;
    int at = -1;
    if (fits && f->candidates.count < CANDIDATES_MAX) {
        at = f->candidates.count;
        wr_push(f->planner->arena, &f->candidates, ((candidate){node, slot, at, 0, partner_rows}));
    }
    double rows = 0;
    if (node->kind == WR_L_SCAN) rows = node->scan.relation->row_count;
    for (int i = 0; i < node->input_count; i++)
        rows += collect(f, &node->inputs[i], node->kind == WR_L_SHARED,
                        partner_of(node, i, partner_rows));
    if (at >= 0) {
        f->candidates.items[at].end = f->candidates.count - 1;
        f->candidates.items[at].input_rows = rows;
    }
    return WR_MAX(rows, 0);
}

static bool is_worth_it(const candidate *c)
{
    return c->node->rows >= 0 && c->node->rows <= ROWS_MAX &&
           c->node->rows <= c->input_rows * SHRINKS_TO;
}

/* The part of its work that is left when runtime filters reach the candidate. */
static double narrowed_to(const candidate *c)
{
    double matched = WR_MIN(c->partner_rows / WR_MAX(c->node->rows, 1), 1);
    return READING + (1 - READING) * matched;
}

static bool is_closed(wr_planner *planner, wr_logical *node)
{
    wr_column_set free = {0};
    wr_logical_free_columns(planner->arena, node, &free);
    return wr_column_set_empty(&free) && !wr_unnest_is_volatile(node);
}

/* ---- sharing ---- */

static void use_slot(wr_expr **slot, void *arg)
{
    finding *f = arg;
    wr_expr_columns(f->planner->arena, *slot, &f->used);
}

static void use(finding *f, wr_column_id id) { wr_column_set_add(f->planner->arena, &f->used, id); }

static void collect_used(finding *f, wr_logical *node)
{
    for (int i = 0; i < f->parts.count; i++)
        if (node == f->parts.items[i].place->node) return;
    wr_logical_each_expr(node, use_slot, f);
    if (node->kind == WR_L_SHARED) {
        for (int i = 0; i < node->output_count; i++)
            use(f, node->shared.inner[i]);
        if (wr_column_set_has(&f->seen, (wr_column_id)node->shared.id)) return;
        wr_column_set_add(f->planner->arena, &f->seen, (wr_column_id)node->shared.id);
    }
    for (int i = 0; node->kind == WR_L_SET && i < node->input_count; i++)
        for (int c = 0; c < node->output_count; c++)
            use(f, node->set.columns[i][c]);
    for (int i = 0; node->kind == WR_L_RECURSIVE && i < node->output_count; i++) {
        use(f, node->recursive.start[i]);
        use(f, node->recursive.step[i]);
    }
    for (int i = 0; node->kind == WR_L_SINK && i < node->sink.column_count; i++)
        use(f, node->sink.columns[i]);
    for (int i = 0; i < node->input_count; i++)
        collect_used(f, node->inputs[i]);
}

static void add_columns(finding *f)
{
    wr_arena *arena = f->planner->arena;
    for (int i = 0; i < f->added.all.count; i++) {
        const added *more = &f->added.all.items[i];
        wr_logical *scan = more->scan;
        int count = scan->output_count;
        wr_output *outputs = wr_new_array(arena, wr_output, count + 2);
        int *columns = wr_new_array(arena, int, count + 2);
        if (count) {
            memcpy(outputs, scan->outputs, sizeof *outputs * (size_t)count);
            memcpy(columns, scan->scan.columns, sizeof *columns * (size_t)count);
        }
        outputs[count] = more->output;
        columns[count] = more->column;
        scan->outputs = outputs;
        scan->scan.columns = columns;
        scan->output_count++;
    }
}

static void renew_outputs(wr_planner *planner, wr_logical *node, wr_column_set *seen)
{
    if (node->kind == WR_L_SHARED) {
        if (wr_column_set_has(seen, (wr_column_id)node->shared.id)) return;
        wr_column_set_add(planner->arena, seen, (wr_column_id)node->shared.id);
    }
    for (int i = 0; i < node->input_count; i++)
        renew_outputs(planner, node->inputs[i], seen);
    if (node->input_count) wr_logical_set_outputs(planner, node);
}

/* A use of the definition in the place of node; ids NULL: the ids are the same. Outputs nobody
 * reads are left out. */
static wr_logical *reference(finding *f, const wr_logical *node, const matching *ids, int id)
{
    wr_planner *planner = f->planner;
    wr_logical *shared = wr_logical_new(planner, WR_L_SHARED, NULL, NULL);
    shared->input_count = 1;
    shared->rows = node->rows;
    shared->shared.id = id;
    shared->shared.inner = wr_new_array(planner->arena, wr_column_id, node->output_count + 1);
    shared->outputs = wr_new_array(planner->arena, wr_output, node->output_count + 1);
    for (int i = 0; i < node->output_count; i++) {
        if (!wr_column_set_has(&f->used, node->outputs[i].id)) continue;
        wr_column_id inner = node->outputs[i].id;
        if (ids && !translated(ids, inner, &inner)) continue;
        shared->shared.inner[shared->output_count] = inner;
        shared->outputs[shared->output_count++] = node->outputs[i];
    }
    return shared;
}

/* The definition provides what its uses read. */
static wr_logical *define(finding *f, wr_logical *node)
{
    wr_arena *arena = f->planner->arena;
    wr_logical *project = wr_logical_new(f->planner, WR_L_PROJECT, node, NULL);
    int most = 0;
    for (int u = 0; u < f->parts.count; u++)
        most += f->parts.items[u].use->output_count;
    project->project.bindings = wr_new_array(arena, wr_binding, most + 1);
    for (int u = 0; u < f->parts.count; u++) {
        const wr_logical *use = f->parts.items[u].use;
        for (int i = 0; i < use->output_count; i++) {
            wr_column_id id = use->shared.inner[i];
            int known = 0;
            while (known < project->project.count && project->project.bindings[known].id != id)
                known++;
            if (known < project->project.count) continue;
            project->project.bindings[project->project.count++] =
                (wr_binding){id, wr_expr_column(arena, id, use->outputs[i].type)};
        }
    }
    wr_logical_set_outputs(f->planner, project);
    return project;
}

static void share(finding *f, wr_logical *root)
{
    wr_planner *planner = f->planner;
    f->seen = f->used = (wr_column_set){0};
    for (int i = 0; i < root->output_count; i++)
        use(f, root->outputs[i].id);
    collect_used(f, root);
    add_columns(f);
    int id = planner->next_shared++;
    wr_column_set seen = {0};
    wr_logical *first = f->parts.items[0].place->node;
    for (int i = 0; i < f->parts.count; i++) {
        equal_part *part = &f->parts.items[i];
        part->use = reference(f, part->place->node, i ? &part->ids : NULL, id);
    }
    renew_outputs(planner, first, &seen);
    wr_logical *definition = define(f, first);
    definition->rows = first->rows;
    for (int i = 0; i < f->parts.count; i++) {
        f->parts.items[i].use->inputs[0] = definition;
        *f->parts.items[i].place->slot = f->parts.items[i].use;
    }
    seen = (wr_column_set){0};
    renew_outputs(planner, root, &seen);
}

/* Finds the parts equal to the candidate of this number; false: they are not worth sharing. */
static bool find_equal(finding *f, int number)
{
    wr_planner *planner = f->planner;
    candidate *a = &f->candidates.items[number];
    double work = narrowed_to(a);
    f->added.all.count = f->parts.count = 0;
    wr_push(planner->arena, &f->parts, ((equal_part){.place = a}));
    for (int i = a->end + 1; i < f->candidates.count; i++) {
        candidate *b = &f->candidates.items[i];
        matching m = {.planner = planner, .added = &f->added};
        int added_before = f->added.all.count;
        if (!is_worth_it(b) || a->node->kind != b->node->kind || !same_plan(&m, a->node, b->node) ||
            !is_closed(planner, b->node)) {
            f->added.all.count = added_before;
            continue;
        }
        wr_push(planner->arena, &f->parts, ((equal_part){b, m, NULL}));
        work += narrowed_to(b);
    }
    return f->parts.count > 1 && work > 1 && is_closed(planner, a->node);
}

/* Shares one part; false: there is none. */
static bool share_one(wr_planner *planner, wr_logical **root)
{
    finding f = {.planner = planner};
    wr_estimate(planner, *root);
    collect(&f, root, false, INFINITY);
    for (int i = 0; i < f.candidates.count; i++) {
        if (!is_worth_it(&f.candidates.items[i]) || !find_equal(&f, i)) continue;
        share(&f, *root);
        return true;
    }
    return false;
}

static weir_status apply(wr_planner *planner, wr_logical **root)
{
    for (int round = 0; round < ROUNDS_MAX; round++)
        if (!share_one(planner, root)) break;
    return WR_OK;
}

const wr_rule wr_rule_repeated_subplans = {
    .name = "repeated_subplans",
    .order = 65,
    .help = "computes equal joins and groupings of a query once",
    .apply = apply,
};
