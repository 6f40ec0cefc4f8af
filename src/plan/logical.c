/* logical.c - building and asking logical plans.
 *
 * A plan is a tree of nodes over column ids. What a node provides (its outputs) is either fixed
 * when the node is made (scans, values, set operations) or follows from its parts (projections,
 * joins): wr_logical_set_outputs recomputes the second kind. Aggregate and window calls carry no
 * ids themselves: their ids are those of the node's outputs, so the recomputation keeps them.
 *
 * Trap: SHARED nodes make the tree a graph. Every walk below visits the input of one shared id
 * once, otherwise chains of common table expressions that are used twice each would cost
 * exponential time. */
#include "plan/logical.h"

wr_column_id wr_planner_column(wr_planner *planner, wr_str name, const wr_type *type)
{
    if (planner->column_names.count == 0) { /* ids start at 1 */
        wr_push(planner->arena, &planner->column_names, WR_STR(""));
        wr_push(planner->arena, &planner->column_types, WR_NULLTYPE);
    }
    wr_push(planner->arena, &planner->column_names, name);
    wr_push(planner->arena, &planner->column_types, type);
    planner->next_column = (wr_column_id)planner->column_names.count;
    return planner->next_column - 1;
}

wr_logical *wr_logical_new(wr_planner *planner, wr_logical_kind kind, wr_logical *left,
                           wr_logical *right)
{
    wr_logical *node = wr_new(planner->arena, wr_logical);
    node->kind = kind;
    node->rows = -1;
    node->input_count = (left != NULL) + (right != NULL);
    node->inputs = wr_new_array(planner->arena, wr_logical *, 2);
    node->inputs[0] = left;
    node->inputs[1] = right;
    return node;
}

wr_logical *wr_logical_after(wr_planner *planner, wr_logical *plan, wr_logical *before)
{
    wr_logical *node = wr_logical_new(planner, WR_L_AFTER, plan, before);
    node->outputs = plan->outputs;
    node->output_count = plan->output_count;
    return node;
}

static wr_output output_of(const wr_planner *planner, wr_column_id id, const wr_type *type)
{
    wr_str name = id < (wr_column_id)planner->column_names.count ? planner->column_names.items[id]
                                                                 : WR_STR("");
    return (wr_output){.id = id, .type = type, .name = name};
}

/* *next: behind the output found last. Projections name them mostly in order, and wide ones must
 * not cost the square of their width. */
static bool binding_not_null(const wr_logical *node, const wr_expr *e, int *next)
{
    if (e->kind == WR_X_CONST) return !e->value.is_null;
    if (e->kind != WR_X_COLUMN || node->input_count == 0) return false;
    const wr_logical *in = node->inputs[0];
    bool is_next = *next < in->output_count && in->outputs[*next].id == e->column;
    const wr_output *from = is_next ? &in->outputs[*next] : wr_logical_output(in, e->column);
    if (from) *next = (int)(from - in->outputs) + 1;
    return from && from->not_null;
}

static void outputs_from_bindings(wr_planner *planner, wr_logical *node, const wr_binding *bindings,
                                  int count)
{
    for (int i = 0, next = 0; i < count; i++) {
        node->outputs[i] = output_of(planner, bindings[i].id, bindings[i].expr->type);
        node->outputs[i].not_null = binding_not_null(node, bindings[i].expr, &next);
    }
}

static void aggregate_outputs(wr_planner *planner, wr_logical *node)
{
    int keys = node->aggregate.key_count, calls = node->aggregate.call_count;
    int groupings = node->aggregate.grouping_count;
    wr_output *old = node->outputs;
    int old_count = node->output_count;
    node->output_count = keys + calls + groupings;
    node->outputs = wr_new_array(planner->arena, wr_output, node->output_count + 1);
    outputs_from_bindings(planner, node, node->aggregate.keys, keys);
    if (node->aggregate.sets)
        for (int i = 0; i < keys; i++)
            node->outputs[i].not_null = false;
    for (int i = 0; i < calls + groupings; i++) {
        const wr_type *type = i < calls ? node->aggregate.calls[i].type : WR_INTEGER;
        if (old_count == node->output_count) {
            node->outputs[keys + i] = old[keys + i];
            node->outputs[keys + i].type = type;
        } else {
            wr_column_id id = wr_planner_column(planner, WR_STR(""), type);
            node->outputs[keys + i] = output_of(planner, id, type);
        }
    }
}

/* A node without outputs has no array of them. */
static void copy_outputs(wr_output *to, const wr_output *from, int count)
{
    if (count) memcpy(to, from, sizeof *to * (size_t)count);
}

static void window_outputs(wr_planner *planner, wr_logical *node)
{
    const wr_logical *in = node->inputs[0];
    int calls = node->window.call_count;
    wr_output *old = node->outputs;
    int old_count = node->output_count;
    node->output_count = in->output_count + calls;
    node->outputs = wr_new_array(planner->arena, wr_output, node->output_count + 1);
    copy_outputs(node->outputs, in->outputs, in->output_count);
    for (int i = 0; i < calls; i++) {
        const wr_type *type = node->window.calls[i].aggregate.type;
        wr_output *out = &node->outputs[in->output_count + i];
        if (old_count >= calls && old) {
            *out = old[old_count - calls + i];
            out->type = type;
        } else {
            *out = output_of(planner, wr_planner_column(planner, WR_STR(""), type), type);
        }
    }
}

static void join_outputs(wr_planner *planner, wr_logical *node, bool left_only, bool null_left,
                         bool null_right)
{
    const wr_logical *left = node->inputs[0], *right = node->inputs[1];
    bool mark = node->kind == WR_L_JOIN && node->join.kind == WR_JOIN_MARK;
    int count = left->output_count + (left_only ? 0 : right->output_count) + mark;
    node->outputs = wr_new_array(planner->arena, wr_output, count + 1);
    node->output_count = count;
    copy_outputs(node->outputs, left->outputs, left->output_count);
    if (null_left)
        for (int i = 0; i < left->output_count; i++)
            node->outputs[i].not_null = false;
    if (mark) node->outputs[count - 1] = output_of(planner, node->join.mark, WR_BOOLEAN);
    if (left_only) return;
    wr_output *at = node->outputs + left->output_count;
    copy_outputs(at, right->outputs, right->output_count);
    if (null_right)
        for (int i = 0; i < right->output_count; i++)
            at[i].not_null = false;
}

static void extend_outputs(wr_planner *planner, wr_logical *node, const wr_output *more, int count)
{
    const wr_logical *in = node->inputs[0];
    node->output_count = in->output_count + count;
    node->outputs = wr_new_array(planner->arena, wr_output, node->output_count + 1);
    copy_outputs(node->outputs, in->outputs, in->output_count);
    copy_outputs(node->outputs + in->output_count, more, count);
}

static void unnest_outputs(wr_planner *planner, wr_logical *node)
{
    int count = node->unnest.list_count + node->unnest.with_ordinality;
    wr_output *more = wr_new_array(planner->arena, wr_output, count + 1);
    for (int i = 0; i < node->unnest.list_count; i++) {
        wr_column_id id = node->unnest.ids[i];
        more[i] = output_of(planner, id, planner->column_types.items[id]);
    }
    if (node->unnest.with_ordinality)
        more[count - 1] = output_of(planner, node->unnest.ordinality, WR_BIGINT);
    extend_outputs(planner, node, more, count);
}

void wr_logical_set_outputs(wr_planner *planner, wr_logical *node)
{
    switch (node->kind) {
    case WR_L_SCAN:
    case WR_L_VALUES:
    case WR_L_EMPTY:
    case WR_L_WORKING:
    case WR_L_SET:
    case WR_L_SHARED:
    case WR_L_RECURSIVE:
        return; /* fixed when made */
    case WR_L_FILTER:
    case WR_L_DISTINCT_ON:
    case WR_L_SORT:
    case WR_L_LIMIT:
    case WR_L_SAMPLE:
    case WR_L_WATERMARK:
    case WR_L_AFTER:
        node->outputs = node->inputs[0]->outputs;
        node->output_count = node->inputs[0]->output_count;
        return;
    case WR_L_SINGLE_ROW:
        extend_outputs(planner, node, NULL, 0);
        if (node->single.is_outer)
            for (int i = 0; i < node->output_count; i++)
                node->outputs[i].not_null = false;
        return;
    case WR_L_PROJECT:
        node->output_count = node->project.count;
        node->outputs = wr_new_array(planner->arena, wr_output, node->project.count + 1);
        outputs_from_bindings(planner, node, node->project.bindings, node->project.count);
        return;
    case WR_L_AGGREGATE:
        aggregate_outputs(planner, node);
        return;
    case WR_L_WINDOW:
        window_outputs(planner, node);
        return;
    case WR_L_JOIN: {
        wr_join_kind kind = node->join.kind;
        join_outputs(planner, node,
                     kind == WR_JOIN_SEMI || kind == WR_JOIN_ANTI || kind == WR_JOIN_MARK,
                     kind == WR_JOIN_RIGHT || kind == WR_JOIN_FULL,
                     kind == WR_JOIN_LEFT || kind == WR_JOIN_FULL || kind == WR_JOIN_SINGLE);
        return;
    }
    case WR_L_ASOF_JOIN:
        join_outputs(planner, node, false, false, node->asof.is_left);
        return;
    case WR_L_UNNEST:
        unnest_outputs(planner, node);
        return;
    case WR_L_TIME_WINDOW: {
        const wr_type *type = node->time_window.time->type;
        wr_output more[2] = {output_of(planner, node->time_window.start, type),
                             output_of(planner, node->time_window.end, type)};
        more[0].not_null = more[1].not_null = true;
        extend_outputs(planner, node, more, 2);
        return;
    }
    case WR_L_CALL: {
        wr_output *more = wr_new_array(planner->arena, wr_output, node->call.count + 1);
        for (int i = 0; i < node->call.count; i++)
            more[i] =
                output_of(planner, node->call.bindings[i].id, node->call.bindings[i].expr->type);
        extend_outputs(planner, node, more, node->call.count);
        return;
    }
    case WR_L_ORDINAL: {
        wr_output ordinal = output_of(planner, node->ordinal.id, WR_BIGINT);
        ordinal.not_null = true;
        extend_outputs(planner, node, &ordinal, 1);
        return;
    }
    case WR_L_SINK:
        if (node->output_count) return;
        node->outputs = wr_new(planner->arena, wr_output);
        node->outputs[0] =
            output_of(planner, wr_planner_column(planner, WR_STR("Count"), WR_BIGINT), WR_BIGINT);
        node->output_count = 1;
        return;
    }
}

const wr_output *wr_logical_output(const wr_logical *node, wr_column_id id)
{
    /* Where it is if the ids were given out in the order of the outputs. */
    uint32_t guess = node->output_count ? id - node->outputs[0].id : 0;
    if (guess < (uint32_t)node->output_count && node->outputs[guess].id == id)
        return &node->outputs[guess];
    for (int i = 0; i < node->output_count; i++)
        if (node->outputs[i].id == id) return &node->outputs[i];
    return NULL;
}

/* ---- expression slots ---- */
typedef void slot_fn(wr_expr **slot, void *arg);

static void each_of(wr_expr **slots, int count, slot_fn *fn, void *arg)
{
    for (int i = 0; i < count; i++)
        if (slots[i]) fn(&slots[i], arg);
}

static void each_sort_key(wr_sort_key *keys, int count, slot_fn *fn, void *arg)
{
    for (int i = 0; i < count; i++)
        fn(&keys[i].expr, arg);
}

static void each_of_call(wr_aggregate_call *call, slot_fn *fn, void *arg)
{
    each_of(call->args, call->arg_count, fn, arg);
    each_of(&call->filter, 1, fn, arg);
    each_sort_key(call->order, call->order_count, fn, arg);
}

static void each_of_window(wr_window_call *call, slot_fn *fn, void *arg)
{
    each_of_call(&call->aggregate, fn, arg);
    each_of(call->partition, call->partition_count, fn, arg);
    each_sort_key(call->order, call->order_count, fn, arg);
    each_of(&call->frame.start_offset, 1, fn, arg);
    each_of(&call->frame.end_offset, 1, fn, arg);
}

static void each_binding(wr_binding *bindings, int count, slot_fn *fn, void *arg)
{
    for (int i = 0; i < count; i++)
        fn(&bindings[i].expr, arg);
}

void wr_logical_each_expr(wr_logical *node, void (*fn)(wr_expr **slot, void *arg), void *arg)
{
    switch (node->kind) {
    case WR_L_SCAN:
        each_of(node->scan.filters, node->scan.filter_count, fn, arg);
        return;
    case WR_L_VALUES:
        for (int r = 0; r < node->values.row_count; r++)
            each_of(node->values.rows[r], node->output_count, fn, arg);
        return;
    case WR_L_FILTER:
        each_of(node->filter.conjuncts, node->filter.count, fn, arg);
        return;
    case WR_L_PROJECT:
        each_binding(node->project.bindings, node->project.count, fn, arg);
        return;
    case WR_L_AGGREGATE:
        each_binding(node->aggregate.keys, node->aggregate.key_count, fn, arg);
        for (int i = 0; i < node->aggregate.call_count; i++)
            each_of_call(&node->aggregate.calls[i], fn, arg);
        return;
    case WR_L_DISTINCT_ON:
        each_of(node->distinct_on.keys, node->distinct_on.key_count, fn, arg);
        each_sort_key(node->distinct_on.order, node->distinct_on.order_count, fn, arg);
        return;
    case WR_L_WINDOW:
        for (int i = 0; i < node->window.call_count; i++)
            each_of_window(&node->window.calls[i], fn, arg);
        return;
    case WR_L_JOIN:
        each_of(node->join.conditions, node->join.condition_count, fn, arg);
        each_of(&node->join.mark_left, 1, fn, arg);
        each_of(&node->join.mark_right, 1, fn, arg);
        return;
    case WR_L_ASOF_JOIN:
        each_of(node->asof.conditions, node->asof.condition_count, fn, arg);
        each_of(&node->asof.inequality, 1, fn, arg);
        return;
    case WR_L_SORT:
        each_sort_key(node->sort.keys, node->sort.key_count, fn, arg);
        each_of(&node->sort.limit, 1, fn, arg);
        each_of(&node->sort.offset, 1, fn, arg);
        return;
    case WR_L_LIMIT:
        each_of(&node->limit.count, 1, fn, arg);
        each_of(&node->limit.offset, 1, fn, arg);
        return;
    case WR_L_UNNEST:
        each_of(node->unnest.lists, node->unnest.list_count, fn, arg);
        return;
    case WR_L_CALL:
        each_binding(node->call.bindings, node->call.count, fn, arg);
        return;
    case WR_L_WATERMARK:
        each_of(&node->watermark.time, 1, fn, arg);
        return;
    case WR_L_TIME_WINDOW:
        each_of(&node->time_window.time, 1, fn, arg);
        each_of(node->time_window.partition, node->time_window.partition_count, fn, arg);
        return;
    case WR_L_SET:
    case WR_L_SHARED:
    case WR_L_RECURSIVE:
    case WR_L_WORKING:
    case WR_L_SINGLE_ROW:
    case WR_L_ORDINAL:
    case WR_L_SAMPLE:
    case WR_L_SINK:
    case WR_L_AFTER:
    case WR_L_EMPTY:
        return;
    }
}

/* ---- sets of column ids ---- */
void wr_column_set_add(wr_arena *arena, wr_column_set *set, wr_column_id id)
{
    uint32_t word = id / 64;
    if (word >= set->word_count) {
        uint32_t count = WR_MAX(word + 1, set->word_count * 2);
        set->words = wr_arena_grow(arena, set->words, sizeof(uint64_t) * set->word_count,
                                   sizeof(uint64_t) * count);
        memset(set->words + set->word_count, 0, sizeof(uint64_t) * (count - set->word_count));
        set->word_count = count;
    }
    set->words[word] |= UINT64_C(1) << (id % 64);
}

void wr_column_set_add_all(wr_arena *arena, wr_column_set *set, const wr_column_set *more)
{
    for (uint32_t w = more->word_count; w-- > 0;) {
        if (!more->words[w]) continue;
        if (w >= set->word_count)
            wr_column_set_add(arena, set, w * 64 + (uint32_t)__builtin_ctzll(more->words[w]));
        set->words[w] |= more->words[w];
    }
}

bool wr_column_set_has(const wr_column_set *set, wr_column_id id)
{
    return id / 64 < set->word_count && (set->words[id / 64] >> (id % 64) & 1);
}

bool wr_column_set_within(const wr_column_set *inner, const wr_column_set *outer)
{
    for (uint32_t w = 0; w < inner->word_count; w++) {
        uint64_t have = w < outer->word_count ? outer->words[w] : 0;
        if (inner->words[w] & ~have) return false;
    }
    return true;
}

bool wr_column_set_meets(const wr_column_set *a, const wr_column_set *b)
{
    for (uint32_t w = 0; w < WR_MIN(a->word_count, b->word_count); w++)
        if (a->words[w] & b->words[w]) return true;
    return false;
}

bool wr_column_set_empty(const wr_column_set *set)
{
    for (uint32_t w = 0; w < set->word_count; w++)
        if (set->words[w]) return false;
    return true;
}

/* ---- used and free columns ---- */
typedef struct usage {
    wr_arena *arena;
    wr_column_set used, defined, shared; /* shared: ids of SHARED subplans that were visited */
} usage;

static void collect_plan(usage *u, const wr_logical *node);

static bool collect_expr(const wr_expr *e, void *arg)
{
    usage *u = arg;
    if (e->kind == WR_X_COLUMN && e->column < WR_LAMBDA_IDS)
        wr_column_set_add(u->arena, &u->used, e->column);
    if (e->kind == WR_X_SUBQUERY) {
        const wr_subquery *sub = e->subquery;
        for (int i = 0; i < sub->left_count; i++)
            wr_expr_walk(sub->left[i], collect_expr, u);
        collect_plan(u, sub->plan);
    }
    return true;
}

static void collect_slot(wr_expr **slot, void *arg) { wr_expr_walk(*slot, collect_expr, arg); }

static void collect_plan(usage *u, const wr_logical *node)
{
    wr_logical_each_expr((wr_logical *)node, collect_slot, u);
    for (int i = 0; i < node->output_count; i++)
        wr_column_set_add(u->arena, &u->defined, node->outputs[i].id);
    if (node->kind == WR_L_SHARED) {
        if (wr_column_set_has(&u->shared, (wr_column_id)node->shared.id)) return;
        wr_column_set_add(u->arena, &u->shared, (wr_column_id)node->shared.id);
    }
    for (int i = 0; i < node->input_count; i++)
        collect_plan(u, node->inputs[i]);
}

static void add_used_not_defined(usage *u, wr_arena *arena, wr_column_set *set)
{
    for (uint32_t w = 0; w < u->used.word_count; w++) {
        uint64_t bits = u->used.words[w];
        if (w < u->defined.word_count) bits &= ~u->defined.words[w];
        for (; bits; bits &= bits - 1)
            wr_column_set_add(arena, set, w * 64 + (uint32_t)__builtin_ctzll(bits));
    }
}

/* Adds columns to a set; false at the first subquery, whose own columns do not count. */
typedef struct direct_columns {
    wr_arena *arena;
    wr_column_set *set;
    bool has_subquery;
} direct_columns;

static bool add_direct(const wr_expr *e, void *arg)
{
    direct_columns *direct = arg;
    direct->has_subquery |= e->kind == WR_X_SUBQUERY;
    if (e->kind == WR_X_COLUMN && e->column < WR_LAMBDA_IDS && !direct->has_subquery)
        wr_column_set_add(direct->arena, direct->set, e->column);
    return !direct->has_subquery;
}

void wr_expr_columns(wr_arena *arena, const wr_expr *e, wr_column_set *set)
{
    /* Sets of its own for every expression would make wide projections cost the square of it. */
    direct_columns direct = {.arena = arena, .set = set};
    wr_expr_walk(e, add_direct, &direct);
    if (!direct.has_subquery) return;
    usage u = {.arena = arena};
    wr_expr_walk(e, collect_expr, &u);
    add_used_not_defined(&u, arena, set);
}

void wr_logical_provided(wr_arena *arena, const wr_logical *node, wr_column_set *set)
{
    for (int i = 0; i < node->output_count; i++)
        wr_column_set_add(arena, set, node->outputs[i].id);
}

void wr_logical_free_columns(wr_arena *arena, const wr_logical *node, wr_column_set *set)
{
    usage u = {.arena = arena};
    collect_plan(&u, node);
    add_used_not_defined(&u, arena, set);
}

bool wr_expr_has_subquery(const wr_expr *e)
{
    for (; e; e = e->arg_count ? e->args[0] : NULL) { /* chains lean to the left without limit */
        if (e->kind == WR_X_SUBQUERY) return true;
        for (int i = 1; i < e->arg_count; i++)
            if (wr_expr_has_subquery(e->args[i])) return true;
    }
    return false;
}
