/* connect.c - connectors by name, and sources and sinks of what the catalog keeps of them.
 *
 * The catalog holds the options as they were given. A connector is told those that are its own in
 * the direction asked for: a table that is both source and sink has options of both. */
#include "plan/connect.h"

/* What sinks of every connector take. */
const wr_opt wr_sink_options[] = {
    {"force_append_only", WR_OPT_BOOL, "false",
     "append rows that replace earlier ones, too, and leave out that those are taken back: for "
     "queries whose answers change into what can only be appended to"},
    {0}};

static bool has_option(const wr_opt *rows, wr_str name)
{
    const wr_options one = {.items = &(wr_given){.name = name}, .count = 1};
    weir_status bad = wr_options_check(&one, rows, "");
    wr_status_drop(bad);
    return rows && !bad;
}

static const wr_connector *added[WR_CONNECTORS_ADDED_MAX + 1];

bool wr_connector_add(const wr_connector *connector)
{
    int count = 0;
    while (added[count])
        count++;
    if (count == WR_CONNECTORS_ADDED_MAX) return false;
    added[count] = connector;
    return true;
}

/* Those of the build, then those that were added; NULL: no more. */
static const wr_connector *connector_at(int i)
{
    for (int k = 0; wr_connectors[k]; k++)
        if (i-- == 0) return wr_connectors[k];
    return i < WR_CONNECTORS_ADDED_MAX ? added[i] : NULL;
}

weir_status wr_connector_find(wr_str name, wr_span span, const wr_connector **out)
{
    wr_nearest nearest = {.wanted = name};
    WR_BUF(known);
    if (wr_str_is(name, "filesystem") || wr_str_is(name, "file")) name = WR_STR("files");
    for (int i = 0; (*out = connector_at(i)); i++) {
        if (wr_str_is(name, (*out)->name)) return WR_OK;
        wr_nearest_offer(&nearest, wr_str_of((*out)->name));
        wr_buf_printf(&known, "%s%s", i ? ", " : "connectors: ", (*out)->name);
    }
    weir_status bad =
        wr_fail_at(WR_E_UNKNOWN_OPTION, span, "no connector \"%.*s\"", WR_STR_ARGS(nearest.wanted));
    if (known.length) bad = wr_with_hint(bad, "%s", known.data);
    return wr_with_nearest(bad, &nearest);
}

static int count_rows(const wr_opt *rows)
{
    int count = 0;
    while (rows && rows[count].name)
        count++;
    return count;
}

/* a and those of b that it does not have. */
static const wr_opt *both(wr_arena *arena, const wr_opt *a, const wr_opt *b)
{
    int count = count_rows(a), more = count_rows(b);
    wr_opt *all = wr_new_array(arena, wr_opt, count + more + 1);
    if (count) memcpy(all, a, sizeof *all * (size_t)count);
    for (int i = 0; i < more; i++) {
        size_t length = strcspn(b[i].name, "|");
        if (!has_option(a, (wr_str){b[i].name, length})) all[count++] = b[i];
    }
    return all;
}

weir_status wr_connector_check(wr_planner *planner, const wr_connector *connector,
                               const wr_options *options, int directions, wr_span span)
{
    const wr_opt *reads = directions & WR_CONNECT_READS ? connector->source_options : NULL;
    const wr_opt *writes = directions & WR_CONNECT_WRITES ? connector->sink_options : NULL;
    if (!reads && !writes)
        return wr_fail_at(WR_E_UNSUPPORTED, span, "the connector %s %s", connector->name,
                          directions & WR_CONNECT_READS ? "has no rows to read: it is for sinks"
                                                        : "takes no rows: it is for sources");
    if (writes) writes = both(planner->arena, writes, wr_sink_options);
    return wr_options_check(options, both(planner->arena, reads, writes), connector->name);
}

bool wr_connector_hides(const wr_connector *connector, wr_str option)
{
    const wr_opt *all[2] = {connector->source_options, connector->sink_options};
    for (int i = 0; i < 2; i++)
        for (const wr_opt *row = all[i]; row && row->name; row++) {
            const wr_opt one[2] = {*row, {0}};
            if (row->kind == WR_OPT_SECRET && has_option(one, option)) return true;
        }
    return false;
}

/* What the connector is told: the columns it gives or takes, and its own options. */
static void connect_parts(wr_planner *planner, const wr_object *object, const wr_opt *rows,
                          wr_connect *out)
{
    wr_arena *arena = planner->arena;
    wr_schema *schema = wr_new(arena, wr_schema);
    wr_options *options = wr_new(arena, wr_options);
    schema->fields = wr_new_array(arena, wr_field, object->column_count + 1);
    schema->not_null = wr_new_array(arena, bool, object->column_count + 1);
    int *places = wr_new_array(arena, int, object->column_count + 1);
    for (int i = 0; i < object->column_count; i++) {
        const wr_column_def *column = &object->columns[i];
        places[i] = column->generated_sql.length ? -1 : schema->count;
        if (places[i] < 0) continue;
        schema->fields[schema->count] = (wr_field){column->name, column->type};
        schema->not_null[schema->count++] = column->not_null;
    }
    options->items = wr_new_array(arena, wr_given, object->options.count + 1);
    for (int i = 0; i < object->options.count; i++)
        if (has_option(rows, object->options.items[i].name))
            options->items[options->count++] = object->options.items[i];
    *out = (wr_connect){.options = options,
                        .schema = object->column_count ? schema : NULL,
                        .context = planner->files,
                        .arena = arena};
    for (int k = 0; k < object->key_count; k++) {
        if (!object->keys[k].is_primary) continue;
        int *keys = wr_new_array(arena, int, object->keys[k].column_count + 1);
        for (int i = 0; i < object->keys[k].column_count; i++)
            keys[i] = places[object->keys[k].columns[i]];
        out->keys = keys;
        out->key_count = object->keys[k].column_count;
    }
}

static weir_status same_columns(const wr_connector *connector, const wr_schema *declared,
                                const wr_schema *bound)
{
    if (!declared) return WR_OK;
    if (bound->count != declared->count)
        return wr_fail(WR_E_COLUMN_COUNT, "%s has %d columns, %d are declared", connector->name,
                       bound->count, declared->count);
    for (int i = 0; i < declared->count; i++)
        if (bound->fields[i].type != declared->fields[i].type)
            return wr_fail(WR_E_TYPE_MISMATCH, "column \"%.*s\" of %s is %s, not %s",
                           WR_STR_ARGS(declared->fields[i].name), connector->name,
                           wr_type_name(bound->fields[i].type),
                           wr_type_name(declared->fields[i].type));
    return WR_OK;
}

weir_status wr_connect_source(wr_planner *planner, const wr_object *object, wr_source **out)
{
    wr_connect connect;
    WR_AUTO(wr_source) *source = NULL;
    connect_parts(planner, object, object->connector->source_options, &connect);
    if (connect.schema && !connect.schema->count) connect.schema = NULL;
    WR_TRY(object->connector->source(&connect, &source));
    WR_TRY(same_columns(object->connector, connect.schema, &source->schema));
    *out = WR_TAKE(source);
    return WR_OK;
}

weir_status wr_connect_target(wr_planner *planner, const wr_object *object, wr_target **out)
{
    wr_connect connect;
    WR_AUTO(wr_target) *target = NULL;
    connect_parts(planner, object, object->connector->sink_options, &connect);
    WR_TRY(object->connector->sink(&connect, &target));
    WR_TRY(same_columns(object->connector, connect.schema, &target->schema));
    target->has_options = true;
    WR_TRY(wr_option_bool(&object->options, wr_sink_options, "force_append_only",
                          &target->only_new_rows, NULL));
    *out = WR_TAKE(target);
    return WR_OK;
}
