/* group_calls.c - see group.h: how groups lie in memory, and what leaves of them.
 *
 * A result that cannot be computed (a sum out of range) is the matter of its group alone where bad
 * rows do not fail the query: it is found by halving the groups that are computed together. Such a
 * group says nothing; as long as it stays so it is told once.
 *
 *   row of a group: [NULL bits][keys][head][state, state, ..][roots of kept values]
 *
 * States have the layout batch aggregation gives them, so the aggregates are the same ones. */
#include "stream/ops/group.h"
#include "expr/sieve.h"

weir_status wr_row_list_add(wr_mem *mem, wr_row_list *list, uint8_t *row)
{
    if (list->count == list->cap) {
        uint64_t cap = list->cap ? list->cap * 2 : 64;
        WR_TRY(wr_mem_grow(mem, (void **)&list->items, list->cap * sizeof *list->items,
                           cap * sizeof *list->items));
        list->cap = cap;
    }
    list->items[list->count++] = row;
    return WR_OK;
}

void wr_row_list_clear(wr_mem *mem, wr_row_list *list)
{
    if (list->items) wr_mem_free(mem, list->items, list->cap * sizeof *list->items);
    *list = (wr_row_list){0};
}

static weir_status open_call(wr_grouping *g, int i, uint32_t *at)
{
    const wr_group_spec *spec = g->spec;
    const wr_aggregate_call *call = &spec->calls[i];
    wr_group_call *c = &g->calls[i];
    bool ignores = call->fn->flags & WR_AGG_IGNORES_DISTINCT;
    *c = (wr_group_call){.call = call, .first_arg = spec->arg_first[i], .filter = spec->filter[i]};
    c->is_set = call->is_distinct && !ignores;
    c->is_kept = c->is_set || (spec->input_takes_back && !call->fn->take_back);
    c->is_ordered = c->is_kept && spec->input_takes_back;
    c->once = c->is_set || ignores;
    const char *name = call->fn->name;
    c->ends = call->arg_count == 1 && (strcmp(name, "min") == 0 || strcmp(name, "max") == 0);
    c->state_size = (uint32_t)((call->fn->state_size(call) + 7) / 8 * 8);
    c->state_offset = *at;
    *at += c->state_size;
    c->root_offset = *at;
    if (c->is_kept) *at += sizeof(uint8_t *);
    g->any_kept |= c->is_kept;
    return c->is_kept ? wr_group_kept_open(g, c) : WR_OK;
}

weir_status wr_grouping_open(wr_grouping *g, bool with_edges)
{
    const wr_group_spec *spec = g->op.spec;
    wr_arena *arena = &g->op.arena;
    const wr_schema *schema = g->op.schema;
    g->spec = spec;
    g->key_count = spec->key_count;
    g->edge_count = with_edges ? 2 : 0;
    g->closed = WR_NO_TIME_YET;
    g->lateness = spec->late == WR_LATE_REOPEN ? spec->lateness : 0;
    wr_assert(schema->count == g->key_count + g->edge_count + spec->call_count);
    g->calls = wr_new_array(arena, wr_group_call, spec->call_count + 1);
    uint32_t at = sizeof(wr_group_head);
    for (int i = 0; i < spec->call_count; i++)
        WR_TRY(open_call(g, i, &at));
    g->session_offset = at;
    if (g->is_session) at += sizeof(wr_session);
    const wr_type **types = wr_new_array(arena, const wr_type *, schema->count + 1);
    for (int i = 0; i < schema->count; i++)
        types[i] = schema->fields[i].type;
    wr_rows_layout_init(&g->layout, arena, types, g->key_count, at);
    wr_rows_layout_init(&g->output, arena, types, schema->count, 0);
    g->session_offset += g->layout.extra_offset;
    for (int i = 0; i < spec->call_count; i++) {
        g->calls[i].state_offset += g->layout.extra_offset;
        g->calls[i].root_offset += g->layout.extra_offset;
    }
    return wr_rows_new(g->op.mem, &g->output, &g->said);
}

void wr_grouping_close(wr_grouping *g)
{
    for (int i = 0; i < g->pane_count; i++)
        wr_pane_drop(g, g->panes[i]);
    wr_heap_drop(g->panes);
    wr_rows_drop(g->said);
    wr_buf_clear(&g->gone);
    wr_arena_clear(&g->scratch);
    wr_arena_clear(&g->results);
}

wr_aggregate_env *wr_group_envs(const wr_grouping *g, wr_mem *mem, wr_arena *heap)
{
    wr_aggregate_env *envs = wr_heap_new(sizeof *envs * ((size_t)g->spec->call_count + 1));
    for (int i = 0; i < g->spec->call_count; i++)
        envs[i] = (wr_aggregate_env){.call = g->calls[i].call,
                                     .env = g->op.graph->env,
                                     .mem = mem,
                                     .heap = heap,
                                     .state_offset = g->calls[i].state_offset};
    return envs;
}

void wr_group_init_states(const wr_grouping *g, uint8_t *row)
{
    for (int i = 0; i < g->spec->call_count; i++) {
        const wr_group_call *c = &g->calls[i];
        memset(row + c->state_offset, 0, c->state_size);
        if (c->call->fn->init) c->call->fn->init(c->call, row + c->state_offset);
    }
}

uint32_t wr_group_filter(const wr_grouping *g, int call, const wr_batch *in, const uint16_t *sel,
                         uint32_t count, uint8_t *const *groups, uint16_t *passed,
                         uint8_t **passed_groups)
{
    const wr_column *condition = &in->columns[g->calls[call].filter];
    int64_t is_true[WR_BATCH_ROWS];
    uint8_t is_null[WR_BATCH_ROWS];
    wr_keys_ints(condition, sel, count, is_true, is_null);
    uint32_t n = 0;
    for (uint32_t i = 0; i < count; i++) {
        passed[n] = (uint16_t)wr_row_at(sel, i);
        passed_groups[n] = groups[i];
        n += is_true[i] && !is_null[i];
    }
    return n;
}

static void edge_column(const wr_grouping *g, const wr_type *type, int64_t value, bool is_end,
                        uint8_t *const *rows, uint32_t count, wr_arena *arena, wr_column *out)
{
    wr_column_init(out, arena, type, WR_P_I64, count);
    out->rows = count;
    int64_t *edges = out->data;
    for (uint32_t i = 0; i < count; i++)
        edges[i] = value;
    for (uint32_t i = 0; g->is_session && i < count; i++) {
        const wr_session *session = wr_session_of(g, rows[i]);
        edges[i] = is_end ? wr_session_end(g, session) : session->start;
    }
}

weir_status wr_group_results(wr_grouping *g, wr_pane *pane, int64_t start, int64_t end,
                             uint8_t *const *rows, uint32_t count, wr_arena *arena, wr_batch *out)
{
    const wr_schema *schema = g->op.schema;
    *out = (wr_batch){.column_count = schema->count, .rows = count};
    out->columns = wr_new_array(arena, wr_column, schema->count + 1);
    int at = 0;
    if (g->any_kept) WR_TRY(wr_group_kept_refresh(g, pane, rows, count));
    for (; at < g->key_count; at++)
        wr_rows_gather(&g->layout, at, rows, count, arena, &out->columns[at]);
    for (int i = 0; i < g->edge_count; i++, at++)
        edge_column(g, schema->fields[at].type, i ? end : start, i == 1, rows, count, arena,
                    &out->columns[at]);
    for (int i = 0; i < g->spec->call_count; i++, at++) {
        const wr_type *type = schema->fields[at].type;
        wr_column_init(&out->columns[at], arena, type, (wr_phys)type->phys, count);
        out->columns[at].rows = count;
        WR_TRY(g->calls[i].call->fn->finish(&pane->envs[i], rows, count, arena, &out->columns[at]));
    }
    return WR_OK;
}

/* What is known of a group without its results; whether the query asks for the edges of its window
 * or not. */
static void group_keys(wr_grouping *g, int64_t start, int64_t end, uint8_t *row, wr_arena *arena,
                       wr_schema *schema, wr_batch *out)
{
    int at = 0, count = g->key_count + g->edge_count;
    *schema = (wr_schema){.fields = wr_new_array(arena, wr_field, count + 1), .count = count};
    memcpy(schema->fields, g->op.schema->fields, sizeof *schema->fields * (size_t)count);
    *out = (wr_batch){.column_count = count, .rows = 1};
    out->columns = wr_new_array(arena, wr_column, count + 1);
    for (; at < g->key_count; at++)
        wr_rows_gather(&g->layout, at, &row, 1, arena, &out->columns[at]);
    for (int i = 0; i < g->edge_count; i++, at++) {
        schema->fields[at].name = i ? WR_STR("window_end") : WR_STR("window_start");
        edge_column(g, schema->fields[at].type, i ? end : start, i == 1, &row, 1, arena,
                    &out->columns[at]);
    }
}

typedef struct group_sifting {
    wr_grouping *g;
    wr_pane *pane;
    int64_t start, end;
    uint8_t *const *rows;
    bool tells;
    wr_arena *arena;
    bool *is_bad;
} group_sifting;

static weir_status tell_group(const group_sifting *s, uint32_t i, weir_status why)
{
    wr_schema schema;
    wr_batch keys;
    s->is_bad[i] = true;
    if (!s->tells || wr_group_head_of(s->g, s->rows[i])->flags & WR_GROUP_MUTE) return WR_OK;
    group_keys(s->g, s->start, s->end, s->rows[i], s->arena, &schema, &keys);
    return wr_stream_bad_group(&s->g->op, &schema, &keys, why);
}

/* Groups from ... failed together for this reason, which is taken. As deep as they can be halved.
 */
static weir_status sift_groups(const group_sifting *s, uint32_t from, uint32_t count,
                               weir_status why)
{
    if (!wr_is_of_row(why)) return why;
    if (count == 1) {
        weir_status bad = tell_group(s, from, why);
        wr_status_drop(why);
        return bad;
    }
    wr_status_drop(why);
    const uint32_t sizes[] = {count / 2, count - count / 2};
    for (int half = 0; half < 2; from += sizes[half++]) {
        wr_batch ignored;
        weir_status failed = wr_group_results(s->g, s->pane, s->start, s->end, s->rows + from,
                                              sizes[half], s->arena, &ignored);
        if (failed) WR_TRY(sift_groups(s, from, sizes[half], failed));
    }
    return WR_OK;
}

weir_status wr_group_good_results(wr_grouping *g, wr_pane *pane, int64_t start, int64_t end,
                                  uint8_t *const *rows, uint32_t count, bool tells, wr_arena *arena,
                                  bool *is_bad, wr_batch *out)
{
    uint8_t *good[WR_BATCH_ROWS];
    uint32_t n = 0;
    memset(is_bad, 0, count * sizeof *is_bad);
    weir_status failed = wr_group_results(g, pane, start, end, rows, count, arena, out);
    if (!failed || !g->op.graph->dead_groups) return failed;
    group_sifting s = {g, pane, start, end, rows, tells, arena, is_bad};
    WR_TRY(sift_groups(&s, 0, count, failed));
    for (uint32_t i = 0; i < count; i++)
        if (!is_bad[i]) good[n++] = rows[i];
    *out = (wr_batch){0};
    return n ? wr_group_results(g, pane, start, end, good, n, arena, out) : WR_OK;
}
