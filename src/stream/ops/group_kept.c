/* group_kept.c - see group.h: arguments that are kept because the state of a call is not enough.
 *
 * DISTINCT needs to know which values a group has seen, a minimum that is taken back which one
 * comes next. A table finds the value of a group; its rows count how often the value is there, and
 * hang below their group: where rows may be taken back as a tree in the order of the values (a
 * treap, the hash is the priority), otherwise as a chain, which is such a tree with right branches
 * only.
 *
 * Values that appear go straight into the state. One that leaves is subtracted if the function can
 * do that; if not, the group is stale, and before anybody looks its state is computed again: of min
 * and max from the two ends of the tree, of others from all of it. */
#include "stream/ops/group.h"

weir_status wr_group_kept_open(wr_grouping *g, wr_group_call *c)
{
    wr_arena *arena = &g->op.arena;
    int args = c->call->arg_count;
    const wr_type **types = wr_new_array(arena, const wr_type *, args + 1);
    types[0] = WR_BIGINT;
    for (int k = 0; k < args; k++)
        types[1 + k] = c->call->args[k]->type;
    wr_rows_layout_init(&c->kept, arena, types, args + 1, sizeof(wr_kept_head));
    return WR_OK;
}

void wr_group_kept_clear(wr_grouping *g, wr_pane *pane)
{
    for (int i = 0; pane->kept && i < g->spec->call_count; i++) {
        wr_groups_clear(&pane->kept[i].values);
        wr_row_list_clear(g->op.mem, &pane->kept[i].changed);
    }
}

/* ---- trees ---- */

static uint8_t **root_of(const wr_group_call *c, uint8_t *group)
{
    return (uint8_t **)(void *)(group + c->root_offset);
}

static int compare(const wr_group_call *c, const uint8_t *a, const uint8_t *b)
{
    for (int k = 1; k < c->kept.column_count; k++) {
        int order = wr_keys_compare(&c->kept, k, a, b);
        if (order) return order;
    }
    return 0;
}

/* Values of tree before that of row, and those after it. */
static void split(const wr_group_call *c, uint8_t *tree, const uint8_t *row, uint8_t **before,
                  uint8_t **after)
{
    while (tree) {
        wr_kept_head *head = wr_kept_head_of(c, tree);
        if (compare(c, tree, row) < 0) {
            *before = tree;
            before = &head->right;
            tree = head->right;
        } else {
            *after = tree;
            after = &head->left;
            tree = head->left;
        }
    }
    *before = *after = NULL;
}

static void join(const wr_group_call *c, uint8_t *before, uint8_t *after, uint8_t **out)
{
    while (before && after) {
        wr_kept_head *left = wr_kept_head_of(c, before), *right = wr_kept_head_of(c, after);
        if (left->hash > right->hash) {
            *out = before;
            out = &left->right;
            before = left->right;
        } else {
            *out = after;
            out = &right->left;
            after = right->left;
        }
    }
    *out = before ? before : after;
}

static void hang(const wr_group_call *c, uint8_t *row)
{
    wr_kept_head *head = wr_kept_head_of(c, row);
    uint8_t **at = root_of(c, head->group);
    if (!c->is_ordered) {
        head->left = NULL;
        head->right = *at;
        *at = row;
        return;
    }
    while (*at) {
        wr_kept_head *there = wr_kept_head_of(c, *at);
        if (there->hash < head->hash) break;
        at = compare(c, *at, row) < 0 ? &there->right : &there->left;
    }
    split(c, *at, row, &head->left, &head->right);
    *at = row;
}

static void take_off(const wr_group_call *c, uint8_t *row)
{
    wr_kept_head *head = wr_kept_head_of(c, row);
    uint8_t **at = root_of(c, head->group);
    while (*at && *at != row)
        at = compare(c, *at, row) < 0 ? &wr_kept_head_of(c, *at)->right
                                      : &wr_kept_head_of(c, *at)->left;
    wr_assert(*at == row);
    join(c, head->left, head->right, at);
    head->left = head->right = NULL;
}

/* ---- rows that appear or are taken back ---- */

typedef struct some_rows {
    uint16_t rows[WR_BATCH_ROWS];
    uint8_t *groups[WR_BATCH_ROWS];
    uint32_t count;
} some_rows;

static void add_some(some_rows *s, uint32_t row, uint8_t *group)
{
    s->rows[s->count] = (uint16_t)row;
    s->groups[s->count++] = group;
}

/* A single NULL argument means nothing to most functions. */
static void choose(const wr_group_call *c, const wr_column *args, const uint16_t *sel,
                   uint32_t count, uint8_t *const *groups, some_rows *out)
{
    bool skips = c->call->arg_count == 1 && !(c->call->fn->flags & WR_AGG_SEES_NULLS) &&
                 !wr_column_has_no_nulls(args);
    out->count = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = wr_row_at(sel, i);
        if (!skips || !wr_column_is_null(args, row)) add_some(out, row, groups[i]);
    }
}

static weir_status find_values(wr_grouping *g, wr_pane *pane, int call, const wr_column *args,
                               uint32_t all_rows, const some_rows *rows, uint8_t **found)
{
    const wr_group_call *c = &g->calls[call];
    wr_column *columns = wr_new_array(&g->scratch, wr_column, c->kept.column_count);
    wr_column_init(&columns[0], &g->scratch, WR_BIGINT, WR_P_I64, WR_MAX(all_rows, 1u));
    columns[0].rows = all_rows;
    for (uint32_t i = 0; i < rows->count; i++)
        ((int64_t *)columns[0].data)[rows->rows[i]] =
            (int64_t)wr_group_head_of(g, rows->groups[i])->serial;
    for (int k = 0; k < c->call->arg_count; k++)
        columns[1 + k] = args[k];
    uint16_t added[WR_BATCH_ROWS];
    uint32_t fresh;
    WR_TRY(wr_groups_find(&pane->kept[call].values, columns, rows->rows, rows->count, NULL,
                          &g->scratch, found, added, &fresh));
    for (uint32_t i = 0; i < fresh; i++)
        wr_kept_head_of(c, found[added[i]])->group = rows->groups[added[i]];
    return WR_OK;
}

static weir_status count_value(wr_grouping *g, wr_kept *kept, const wr_group_call *c, uint8_t *row,
                               bool back, bool *turned)
{
    wr_kept_head *head = wr_kept_head_of(c, row);
    head->count += back ? -1 : 1;
    *turned = head->count == !back;
    if (*turned && back) {
        take_off(c, row);
        head->flags |= WR_GROUP_DEAD;
        kept->dead++;
    } else if (*turned) {
        hang(c, row);
        kept->dead -= (head->flags & WR_GROUP_DEAD) != 0;
        head->flags &= ~(uint64_t)WR_GROUP_DEAD;
    }
    if (g->op.graph->is_volatile || head->flags & WR_GROUP_CHANGED) return WR_OK;
    head->flags |= WR_GROUP_CHANGED;
    return wr_row_list_add(g->op.mem, &kept->changed, row);
}

weir_status wr_group_kept_add(wr_grouping *g, wr_pane *pane, int call, const wr_batch *in,
                              const uint16_t *sel, uint32_t count, uint8_t *const *groups,
                              bool back)
{
    const wr_group_call *c = &g->calls[call];
    const wr_aggregate *fn = c->call->fn;
    const wr_column *args = in->columns + c->first_arg;
    some_rows rows, turned = {.count = 0};
    uint8_t *found[WR_BATCH_ROWS];
    choose(c, args, sel, count, groups, &rows);
    if (rows.count == 0) return WR_OK;
    WR_TRY(find_values(g, pane, call, args, in->rows, &rows, found));
    for (uint32_t i = 0; i < rows.count; i++) {
        bool has_turned;
        WR_TRY(count_value(g, &pane->kept[call], c, found[i], back, &has_turned));
        if (has_turned) add_some(&turned, rows.rows[i], rows.groups[i]);
    }
    const some_rows *fed = c->once ? &turned : &rows;
    if (fed->count == 0) return WR_OK;
    if (!back)
        return fn->update(&pane->envs[call], args, fed->rows, fed->count, fed->groups, &g->scratch);
    if (fn->take_back)
        return fn->take_back(&pane->envs[call], args, fed->rows, fed->count, fed->groups,
                             &g->scratch);
    for (uint32_t i = 0; i < fed->count; i++)
        wr_group_head_of(g, fed->groups[i])->flags |= WR_GROUP_STALE;
    return WR_OK;
}

weir_status wr_group_kept_restore(wr_grouping *g, wr_pane *pane, int call, uint8_t *group,
                                  const wr_column *args, int64_t count)
{
    const wr_group_call *c = &g->calls[call];
    some_rows rows = {.count = 0};
    uint8_t *found;
    add_some(&rows, 0, group);
    WR_TRY(find_values(g, pane, call, args, 1, &rows, &found));
    wr_kept_head *head = wr_kept_head_of(c, found);
    if (head->count != 0) return wr_fail(WR_E_CORRUPT, "a kept value is in the state twice");
    head->count = count;
    head->flags = WR_GROUP_SAVED;
    hang(c, found);
    return WR_OK;
}

static weir_status merge_value(wr_grouping *g, wr_pane *pane, int call, uint8_t *into, uint8_t *row)
{
    const wr_group_call *c = &g->calls[call];
    WR_ARENA(scratch);
    wr_column *args = wr_new_array(&scratch, wr_column, c->call->arg_count + 1);
    some_rows rows = {.count = 0};
    uint8_t *found;
    for (int k = 0; k < c->call->arg_count; k++)
        wr_rows_gather(&c->kept, 1 + k, &row, 1, &scratch, &args[k]);
    add_some(&rows, 0, into);
    WR_TRY(find_values(g, pane, call, args, 1, &rows, &found));
    bool turned;
    WR_TRY(count_value(g, &pane->kept[call], c, found, false, &turned));
    wr_kept_head_of(c, found)->count += wr_kept_head_of(c, row)->count - 1;
    if (!turned) return WR_OK;
    return c->call->fn->update(&pane->envs[call], args, rows.rows, 1, rows.groups, &scratch);
}

weir_status wr_group_kept_merge(wr_grouping *g, wr_pane *pane, int call, uint8_t *into,
                                uint8_t *from)
{
    const wr_group_call *c = &g->calls[call];
    wr_kept *kept = &pane->kept[call];
    wr_assert(!c->is_ordered);
    for (uint8_t *row = *root_of(c, from), *next; row; row = next) {
        wr_kept_head *head = wr_kept_head_of(c, row);
        next = head->right;
        WR_TRY(merge_value(g, pane, call, into, row));
        head->count = 0;
        head->flags |= WR_GROUP_DEAD;
        kept->dead++;
    }
    *root_of(c, from) = NULL;
    return WR_OK;
}

/* ---- computing again ---- */

typedef struct feeder {
    wr_grouping *g;
    wr_pane *pane;
    int call;
    uint8_t *group;
    uint8_t *rows[WR_BATCH_ROWS];
    uint32_t count;
} feeder;

static weir_status feed(feeder *f)
{
    const wr_group_call *c = &f->g->calls[f->call];
    if (f->count == 0) return WR_OK;
    WR_ARENA(scratch);
    int args = c->call->arg_count;
    wr_column *columns = wr_new_array(&scratch, wr_column, args + 1);
    for (int k = 0; k < args; k++)
        wr_rows_gather(&c->kept, 1 + k, f->rows, f->count, &scratch, &columns[k]);
    uint32_t count = f->count;
    f->count = 0;
    return c->call->fn->update_one(&f->pane->envs[f->call], columns, NULL, count,
                                   f->group + c->state_offset, &scratch);
}

static weir_status feed_value(feeder *f, uint8_t *row)
{
    const wr_group_call *c = &f->g->calls[f->call];
    int64_t times = c->once ? 1 : wr_kept_head_of(c, row)->count;
    for (; times > 0; times--) {
        if (f->count == WR_BATCH_ROWS) WR_TRY(feed(f));
        f->rows[f->count++] = row;
    }
    return WR_OK;
}

static weir_status feed_tree(feeder *f, uint8_t *row)
{
    const wr_group_call *c = &f->g->calls[f->call];
    for (; row; row = wr_kept_head_of(c, row)->right) {
        WR_TRY(feed_tree(f, wr_kept_head_of(c, row)->left));
        WR_TRY(feed_value(f, row));
    }
    return WR_OK;
}

static weir_status feed_ends(feeder *f, uint8_t *root)
{
    const wr_group_call *c = &f->g->calls[f->call];
    if (!root) return WR_OK;
    uint8_t *first = root, *last = root;
    while (wr_kept_head_of(c, first)->left)
        first = wr_kept_head_of(c, first)->left;
    while (wr_kept_head_of(c, last)->right)
        last = wr_kept_head_of(c, last)->right;
    WR_TRY(feed_value(f, first));
    return feed_value(f, last);
}

static void empty_state(const wr_group_call *c, uint8_t *state)
{
    const wr_aggregate *fn = c->call->fn;
    if (fn->reset) {
        fn->reset(c->call, state);
        return;
    }
    memset(state, 0, c->state_size);
    if (fn->init) fn->init(c->call, state);
}

static weir_status refresh(wr_grouping *g, wr_pane *pane, uint8_t *group)
{
    for (int i = 0; i < g->spec->call_count; i++) {
        const wr_group_call *c = &g->calls[i];
        if (!c->is_kept || c->call->fn->take_back) continue;
        feeder f = {.g = g, .pane = pane, .call = i, .group = group};
        uint8_t *state = group + c->state_offset;
        empty_state(c, state);
        WR_TRY(c->ends ? feed_ends(&f, *root_of(c, group)) : feed_tree(&f, *root_of(c, group)));
        WR_TRY(feed(&f));
    }
    wr_group_head_of(g, group)->flags &= ~(uint64_t)WR_GROUP_STALE;
    return WR_OK;
}

weir_status wr_group_kept_refresh(wr_grouping *g, wr_pane *pane, uint8_t *const *rows,
                                  uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (wr_group_head_of(g, rows[i])->flags & WR_GROUP_STALE) WR_TRY(refresh(g, pane, rows[i]));
    return WR_OK;
}

/* ---- moving ---- */

static weir_status move_value(wr_grouping *g, wr_pane *into, int call, uint8_t *group, uint8_t *row)
{
    const wr_group_call *c = &g->calls[call];
    WR_ARENA(scratch);
    wr_column *columns = wr_new_array(&scratch, wr_column, c->kept.column_count);
    for (int k = 0; k < c->kept.column_count; k++)
        wr_rows_gather(&c->kept, k, &row, 1, &scratch, &columns[k]);
    uint8_t *found;
    uint16_t added;
    uint32_t fresh;
    WR_TRY(wr_groups_find(&into->kept[call].values, columns, NULL, 1, NULL, &scratch, &found,
                          &added, &fresh));
    wr_kept_head *head = wr_kept_head_of(c, found), *old = wr_kept_head_of(c, row);
    head->group = group;
    head->count = old->count;
    head->flags = old->flags;
    hang(c, found);
    if (!(head->flags & WR_GROUP_CHANGED)) return WR_OK;
    return wr_row_list_add(g->op.mem, &into->kept[call].changed, found);
}

static weir_status move_tree(wr_grouping *g, wr_pane *into, int call, uint8_t *group, uint8_t *row)
{
    const wr_group_call *c = &g->calls[call];
    for (; row; row = wr_kept_head_of(c, row)->right) {
        WR_TRY(move_tree(g, into, call, group, wr_kept_head_of(c, row)->left));
        WR_TRY(move_value(g, into, call, group, row));
    }
    return WR_OK;
}

weir_status wr_group_kept_move(wr_grouping *g, wr_pane *into)
{
    uint8_t *rows[WR_BATCH_ROWS];
    wr_rows_cursor cursor = {0, 0};
    for (uint32_t n; (n = wr_rows_next(into->groups.rows, &cursor, rows, WR_BATCH_ROWS)) > 0;)
        for (uint32_t i = 0; i < n; i++)
            for (int call = 0; call < g->spec->call_count; call++) {
                const wr_group_call *c = &g->calls[call];
                if (!c->is_kept) continue;
                uint8_t **root = root_of(c, rows[i]), *old = *root;
                *root = NULL;
                WR_TRY(move_tree(g, into, call, rows[i], old));
            }
    return WR_OK;
}
