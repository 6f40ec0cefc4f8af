/* print.c - plans as trees of text for EXPLAIN: one line per node, two blanks per level. */
#include "expr/fn.h"
#include "plan/logical.h"

static wr_str name_by_id(void *arg, uint32_t column)
{
    const wr_planner *planner = arg;
    if (column < (uint32_t)planner->column_names.count) return planner->column_names.items[column];
    return WR_STR("x");
}

typedef struct printer {
    wr_buf *out;
    wr_str (*name_of)(void *arg, uint32_t column);
    void *arg;
} printer;

static void print_exprs(const printer *p, const char *word, wr_expr *const *exprs, int count,
                        const char *between)
{
    for (int i = 0; i < count; i++) {
        wr_buf_add_text(p->out, i ? between : word);
        if (exprs[i]) wr_expr_print(exprs[i], p->name_of, p->arg, p->out);
    }
}

static void print_keys(const printer *p, const char *word, const wr_sort_key *keys, int count)
{
    for (int i = 0; i < count; i++) {
        wr_buf_add_text(p->out, i ? ", " : word);
        wr_expr_print(keys[i].expr, p->name_of, p->arg, p->out);
        if (keys[i].descending) wr_buf_add_text(p->out, " DESC");
        if (keys[i].nulls_first != keys[i].descending)
            wr_buf_add_text(p->out, keys[i].nulls_first ? " NULLS FIRST" : " NULLS LAST");
    }
}

static wr_str plain_name(const char *names)
{
    const char *bar = strchr(names, '|');
    return (wr_str){names, bar && bar > names ? (size_t)(bar - names) : strlen(names)};
}

static void print_call(const printer *p, const char *name, const wr_aggregate_call *call)
{
    wr_str plain = plain_name(name);
    wr_buf_printf(p->out, "%.*s(%s", WR_STR_ARGS(plain), call->is_distinct ? "DISTINCT " : "");
    if (!call->arg_count)
        wr_buf_add_text(p->out, plain.length == 5 && !memcmp(plain.data, "count", 5) ? "*" : "");
    print_exprs(p, "", call->args, call->arg_count, ", ");
    print_keys(p, " ORDER BY ", call->order, call->order_count);
    wr_buf_add_char(p->out, ')');
    if (call->filter) print_exprs(p, " FILTER ", &call->filter, 1, "");
}

static void print_windows(const printer *p, const wr_window_call *calls, int count)
{
    for (int i = 0; i < count; i++) {
        wr_buf_add_text(p->out, i ? ", " : " ");
        print_call(p, calls[i].fn ? calls[i].fn->name : calls[i].aggregate.fn->name,
                   &calls[i].aggregate);
    }
    if (!count) return;
    print_exprs(p, " by ", calls[0].partition, calls[0].partition_count, ", ");
    print_keys(p, " order ", calls[0].order, calls[0].order_count);
}

static void print_rows(wr_buf *out, double rows)
{
    if (rows >= 0) wr_buf_printf(out, "  ~%.0f rows", rows);
}

static void indent(wr_buf *out, int depth)
{
    for (int i = 0; i < depth; i++)
        wr_buf_add_text(out, "  ");
}

/* ---- logical ---- */
static const char *const logical_names[] = {[WR_L_SCAN] = "scan",
                                            [WR_L_VALUES] = "values",
                                            [WR_L_FILTER] = "filter",
                                            [WR_L_PROJECT] = "project",
                                            [WR_L_AGGREGATE] = "aggregate",
                                            [WR_L_DISTINCT_ON] = "distinct on",
                                            [WR_L_WINDOW] = "window",
                                            [WR_L_JOIN] = "join",
                                            [WR_L_ASOF_JOIN] = "asof join",
                                            [WR_L_SORT] = "sort",
                                            [WR_L_LIMIT] = "limit",
                                            [WR_L_SET] = "set",
                                            [WR_L_UNNEST] = "unnest",
                                            [WR_L_SHARED] = "shared",
                                            [WR_L_RECURSIVE] = "recursive",
                                            [WR_L_WORKING] = "working",
                                            [WR_L_SINGLE_ROW] = "single row",
                                            [WR_L_ORDINAL] = "ordinal",
                                            [WR_L_CALL] = "call",
                                            [WR_L_SAMPLE] = "sample",
                                            [WR_L_WATERMARK] = "watermark",
                                            [WR_L_TIME_WINDOW] = "time window",
                                            [WR_L_SINK] = "sink",
                                            [WR_L_AFTER] = "after",
                                            [WR_L_EMPTY] = "empty"};

static void print_interval(wr_buf *out, const char *what, int64_t us)
{
    wr_value value = {.type = wr_type_of(WR_T_INTERVAL), .interval = {.usecs = us}};
    wr_buf_add_text(out, what);
    wr_value_print(&value, out);
}

static void print_time_window(const printer *p, const wr_logical *node)
{
    wr_buf *out = p->out;
    bool is_session = node->time_window.kind == WR_TIME_SESSION;
    bool tumbles = !is_session && node->time_window.slide == node->time_window.size;
    wr_buf_add_text(out, is_session ? " session" : tumbles ? " tumble" : " hop");
    print_exprs(p, " ", (wr_expr **)&node->time_window.time, 1, "");
    if (is_session) print_interval(out, " gap ", node->time_window.gap);
    if (!is_session && !tumbles) print_interval(out, " slide ", node->time_window.slide);
    if (!is_session) print_interval(out, " size ", node->time_window.size);
    if (node->time_window.offset) print_interval(out, " offset ", node->time_window.offset);
    print_exprs(p, " by ", node->time_window.partition, node->time_window.partition_count, ", ");
}

static void print_logical_parts(const printer *p, const wr_logical *node)
{
    static const char *const ops[] = {
        [WR_SET_UNION] = " union", [WR_SET_INTERSECT] = " intersect", [WR_SET_EXCEPT] = " except"};
    wr_buf *out = p->out;
    switch (node->kind) {
    case WR_L_SCAN:
        wr_buf_printf(out, " %.*s", WR_STR_ARGS(node->scan.name));
        print_exprs(p, " where ", node->scan.filters, node->scan.filter_count, " AND ");
        return;
    case WR_L_VALUES:
        wr_buf_printf(out, " %d", node->values.row_count);
        return;
    case WR_L_FILTER:
        print_exprs(p, " ", node->filter.conjuncts, node->filter.count, " AND ");
        return;
    case WR_L_PROJECT:
        for (int i = 0; i < node->project.count; i++) {
            wr_str name = name_by_id(p->arg, node->project.bindings[i].id);
            print_exprs(p, i ? ", " : " ", &node->project.bindings[i].expr, 1, "");
            wr_buf_printf(out, " AS %.*s", WR_STR_ARGS(name));
        }
        return;
    case WR_L_AGGREGATE:
        for (int i = 0; i < node->aggregate.key_count; i++)
            print_exprs(p, i ? ", " : " by ", &node->aggregate.keys[i].expr, 1, "");
        for (int i = 0; i < node->aggregate.call_count; i++) {
            wr_buf_add_text(out, i ? ", " : ": ");
            print_call(p, node->aggregate.calls[i].fn->name, &node->aggregate.calls[i]);
        }
        return;
    case WR_L_DISTINCT_ON:
        print_exprs(p, " ", node->distinct_on.keys, node->distinct_on.key_count, ", ");
        print_keys(p, " order ", node->distinct_on.order, node->distinct_on.order_count);
        return;
    case WR_L_WINDOW:
        print_windows(p, node->window.calls, node->window.call_count);
        return;
    case WR_L_JOIN:
        wr_buf_printf(out, " %s%s", wr_join_kind_name(node->join.kind),
                      node->join.is_lateral ? " lateral" : "");
        if (node->join.mark_left) {
            print_exprs(p, " on ", &node->join.mark_left, 1, "");
            print_exprs(p, " in ", &node->join.mark_right, 1, "");
        }
        print_exprs(p, " on ", node->join.conditions, node->join.condition_count, " AND ");
        return;
    case WR_L_ASOF_JOIN:
        print_exprs(p, " on ", node->asof.conditions, node->asof.condition_count, " AND ");
        print_exprs(p, " nearest ", &node->asof.inequality, 1, "");
        return;
    case WR_L_SORT:
        print_keys(p, " ", node->sort.keys, node->sort.key_count);
        if (node->sort.limit) print_exprs(p, " limit ", &node->sort.limit, 1, "");
        if (node->sort.offset) print_exprs(p, " offset ", &node->sort.offset, 1, "");
        return;
    case WR_L_LIMIT:
        if (node->limit.count) print_exprs(p, " ", &node->limit.count, 1, "");
        if (node->limit.offset) print_exprs(p, " offset ", &node->limit.offset, 1, "");
        return;
    case WR_L_SET:
        wr_buf_printf(out, "%s%s", ops[node->set.op], node->set.is_all ? " all" : "");
        return;
    case WR_L_UNNEST:
        print_exprs(p, " ", node->unnest.lists, node->unnest.list_count, ", ");
        return;
    case WR_L_CALL:
        for (int i = 0; i < node->call.count; i++)
            print_exprs(p, i ? ", " : " ", &node->call.bindings[i].expr, 1, "");
        return;
    case WR_L_TIME_WINDOW:
        print_time_window(p, node);
        return;
    case WR_L_SHARED:
        wr_buf_printf(out, " #%d", node->shared.id);
        return;
    case WR_L_RECURSIVE:
        wr_buf_printf(out, " #%d%s", node->recursive.id, node->recursive.is_all ? " all" : "");
        return;
    case WR_L_WORKING:
        wr_buf_printf(out, " #%d", node->working.id);
        return;
    case WR_L_SINK:
        wr_buf_printf(out, " %s", node->sink.sink->name);
        return;
    default:
        return;
    }
}

static void print_logical(const printer *p, const wr_logical *node, int depth, wr_column_set *seen,
                          wr_arena *arena);

typedef struct subplans {
    const printer *p;
    int depth;
    wr_column_set *seen;
    wr_arena *arena;
} subplans;

static bool print_subquery(const wr_expr *e, void *arg)
{
    subplans *s = arg;
    if (e->kind != WR_X_SUBQUERY) return true;
    indent(s->p->out, s->depth);
    wr_buf_add_text(s->p->out, "subquery\n");
    print_logical(s->p, ((const wr_subquery *)e->subquery)->plan, s->depth + 1, s->seen, s->arena);
    return true;
}

static void print_subqueries_of(wr_expr **slot, void *arg)
{
    wr_expr_walk(*slot, print_subquery, arg);
}

static void print_logical(const printer *p, const wr_logical *node, int depth, wr_column_set *seen,
                          wr_arena *arena)
{
    indent(p->out, depth);
    wr_buf_add_text(p->out, logical_names[node->kind]);
    print_logical_parts(p, node);
    print_rows(p->out, node->rows);
    wr_buf_add_char(p->out, '\n');
    subplans s = {p, depth + 1, seen, arena};
    wr_logical_each_expr((wr_logical *)node, print_subqueries_of, &s);
    if (node->kind == WR_L_SHARED) { /* its input is shown once */
        if (wr_column_set_has(seen, (wr_column_id)node->shared.id)) return;
        wr_column_set_add(arena, seen, (wr_column_id)node->shared.id);
    }
    for (int i = 0; i < node->input_count; i++)
        print_logical(p, node->inputs[i], depth + 1, seen, arena);
}

void wr_logical_print(const wr_planner *planner, const wr_logical *node, wr_buf *out)
{
    WR_ARENA(scratch);
    wr_column_set seen = {0};
    printer p = {.out = out, .name_of = name_by_id, .arg = (void *)planner};
    print_logical(&p, node, 0, &seen, &scratch);
}

/* ---- physical ---- */
typedef struct input_names {
    const wr_plan_node *left, *right;
    const wr_plan_node *scan;
} input_names;

static wr_str name_by_position(void *arg, uint32_t column)
{
    const input_names *in = arg;
    if (column >= WR_LAMBDA_IDS) return WR_STR("x");
    if (in->scan) {
        const wr_schema *schema = &in->scan->scan.relation->schema;
        int width = in->scan->schema.count + in->scan->scan.hidden_count;
        return (int)column < width ? schema->fields[in->scan->scan.columns[column]].name
                                   : WR_STR("?");
    }
    uint32_t left = in->left ? (uint32_t)in->left->schema.count : 0;
    if (column < left) return in->left->schema.fields[column].name;
    if (in->right && column - left < (uint32_t)in->right->schema.count)
        return in->right->schema.fields[column - left].name;
    return WR_STR("?");
}

static void print_join_keys(const wr_plan_node *node, const wr_join_key *keys, int count,
                            wr_buf *out)
{
    input_names left = {.left = node->inputs[0]}, right = {.left = node->inputs[1]};
    for (int i = 0; i < count; i++) {
        wr_buf_add_text(out, i ? " AND " : " on ");
        wr_expr_print(keys[i].left, name_by_position, &left, out);
        wr_buf_add_text(out, keys[i].null_equal ? " IS NOT DISTINCT FROM " : " = ");
        wr_expr_print(keys[i].right, name_by_position, &right, out);
    }
}

static void print_runtime(const wr_plan_node *node, wr_buf *out)
{
    for (int i = 0; i < node->scan.runtime_count; i++) {
        input_names in = {.scan = node};
        wr_str name = name_by_position(&in, (uint32_t)node->scan.runtime[i].column);
        wr_buf_printf(out, "%s%.*s<-filter %d", i ? ", " : " runtime ", WR_STR_ARGS(name),
                      node->scan.runtime[i].filter->id);
    }
}

static void print_physical_parts(const printer *p, const wr_plan_node *node)
{
    wr_buf *out = p->out;
    switch (node->kind) {
    case WR_PN_SCAN:
        wr_buf_printf(out, " %.*s [%s", WR_STR_ARGS(node->scan.name),
                      node->scan.relation->def->name);
        if (node->scan.relation->def->explain) {
            wr_buf_add_text(out, " ");
            node->scan.relation->def->explain(node->scan.relation, out);
        }
        wr_buf_add_text(out, "] (");
        for (int i = 0; i < node->schema.count; i++)
            wr_buf_printf(out, "%s%.*s", i ? ", " : "", WR_STR_ARGS(node->schema.fields[i].name));
        wr_buf_add_text(out, ")");
        print_exprs(p, " where ", node->scan.filters, node->scan.filter_count, " AND ");
        if (node->scan.is_sampled) wr_buf_add_text(out, " (sampled)");
        print_runtime(node, out);
        if (node->scan.limit >= 0) wr_buf_printf(out, " limit %lld", (long long)node->scan.limit);
        return;
    case WR_PN_VALUES:
        wr_buf_printf(out, " %d", node->values.row_count);
        return;
    case WR_PN_FILTER:
        print_exprs(p, " ", &node->filter.condition, 1, "");
        return;
    case WR_PN_PROJECT:
        print_exprs(p, " ", node->project.exprs, node->schema.count, ", ");
        return;
    case WR_PN_LIMIT:
        if (node->limit.count) print_exprs(p, " ", &node->limit.count, 1, "");
        if (node->limit.is_percent) wr_buf_add_text(out, " percent");
        if (node->limit.offset) print_exprs(p, " offset ", &node->limit.offset, 1, "");
        return;
    case WR_PN_SORT:
        print_keys(p, " ", node->sort.keys, node->sort.key_count);
        if (node->sort.limit) print_exprs(p, " limit ", &node->sort.limit, 1, "");
        if (node->sort.offset) print_exprs(p, " offset ", &node->sort.offset, 1, "");
        return;
    case WR_PN_AGGREGATE:
        print_exprs(p, " by ", node->aggregate.keys, node->aggregate.carried_first, ", ");
        print_exprs(p, " carrying ", node->aggregate.keys + node->aggregate.carried_first,
                    node->aggregate.key_count - node->aggregate.carried_first, ", ");
        for (int i = 0; i < node->aggregate.call_count; i++) {
            wr_buf_add_text(out, i ? ", " : ": ");
            print_call(p, node->aggregate.calls[i].fn->name, &node->aggregate.calls[i]);
        }
        if (node->aggregate.sets)
            wr_buf_printf(out, " in %d grouping sets", node->aggregate.set_count);
        return;
    case WR_PN_WINDOW:
        print_windows(p, node->window.calls, node->window.call_count);
        return;
    case WR_PN_JOIN:
        wr_buf_printf(out, " %s%s", wr_join_kind_name(node->join.kind),
                      node->join.build_left ? " build left" : "");
        print_join_keys(node, node->join.keys, node->join.key_count, out);
        if (node->join.residual) print_exprs(p, " and ", &node->join.residual, 1, "");
        for (int i = 0; i < node->join.key_count; i++)
            if (node->join.publish && node->join.publish[i])
                wr_buf_printf(out, " publishes filter %d", node->join.publish[i]->id);
        return;
    case WR_PN_ASOF_JOIN:
        print_join_keys(node, node->asof.keys, node->asof.key_count, out);
        return;
    case WR_PN_UNNEST:
        print_exprs(p, " ", node->unnest.lists, node->unnest.list_count, ", ");
        return;
    case WR_PN_CALL:
        print_exprs(p, " ", node->call.exprs, node->call.count, ", ");
        return;
    case WR_PN_SHARED:
    case WR_PN_WORKING:
        wr_buf_printf(out, " #%d", node->shared.id);
        return;
    case WR_PN_RECURSIVE:
        wr_buf_printf(out, " #%d", node->recursive.id);
        return;
    case WR_PN_SINK:
        wr_buf_printf(out, " %s", node->sink.sink->name);
        return;
    default:
        return;
    }
}

static void print_size(wr_buf *out, uint64_t bytes, const char *what)
{
    bool is_small = bytes < 100 << 10;
    if (bytes)
        wr_buf_printf(out, ", %.1f %s%s", (double)bytes / (is_small ? 0x1p10 : 0x1p20),
                      is_small ? "KiB" : "MiB", what);
}

/* What a node did in a run: rows, time summed over workers, memory, and how it went about it. */
static void print_actuals(const wr_node_stats *stats, wr_buf *out)
{
    if (!stats) return;
    wr_buf_printf(out, "  [%llu rows, %.3f ms", (unsigned long long)stats->rows_out,
                  (double)stats->busy_ns / 1e6);
    if (stats->rows_scanned)
        wr_buf_printf(out, ", %llu read", (unsigned long long)stats->rows_scanned);
    if (stats->rows_excluded)
        wr_buf_printf(out, ", %llu skipped by statistics",
                      (unsigned long long)stats->rows_excluded);
    if (stats->runtime_filtered)
        wr_buf_printf(out, ", %llu removed by runtime filters",
                      (unsigned long long)stats->runtime_filtered);
    print_size(out, stats->read_bytes, " of files");
    print_size(out, stats->decoded_bytes, " decoded");
    print_size(out, stats->cached_bytes, " from cache");
    print_size(out, stats->memory_peak, " of memory");
    print_size(out, stats->spilled_bytes, " spilled");
    if (stats->note.length) wr_buf_printf(out, ", %.*s", WR_STR_ARGS(stats->note));
    wr_buf_add_char(out, ']');
}

void wr_physical_label(const wr_plan_node *node, wr_buf *out)
{
    input_names in = {.left = node->input_count ? node->inputs[0] : NULL,
                      .right = node->input_count > 1 ? node->inputs[1] : NULL};
    if (node->kind == WR_PN_SCAN) in.scan = node;
    printer p = {.out = out, .name_of = name_by_position, .arg = &in};
    wr_buf_add_text(out, wr_phys_kind_name(node->kind));
    print_physical_parts(&p, node);
}

/* run NULL: the plan only. */
static void print_physical(const wr_plan_node *node, const wr_run *run, int depth, int *printed,
                           wr_buf *out)
{
    indent(out, depth);
    wr_physical_label(node, out);
    print_rows(out, node->estimated_rows);
    if (run) print_actuals(wr_run_node_stats(run, node->id), out);
    wr_buf_add_char(out, '\n');
    *printed = WR_MAX(*printed, node->id);
    for (int i = 0; i < node->input_count; i++)
        if (node->inputs[i]->id > *printed)
            print_physical(node->inputs[i], run, depth + 1, printed, out);
}

void wr_physical_print(const wr_planner *planner, const wr_plan_node *node, wr_buf *out)
{
    (void)planner;
    int printed = node->id - 1;
    print_physical(node, NULL, 0, &printed, out);
}

void wr_physical_print_run(const wr_planner *planner, const wr_plan_node *node, const wr_run *run,
                           wr_buf *out)
{
    (void)planner;
    int printed = node->id - 1;
    print_physical(node, run, 0, &printed, out);
}
