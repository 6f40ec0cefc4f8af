/* columns.c - the columns of one file made those of the source.
 *
 * The source has one schema, declared or that of the first file. JSON is simply told the columns.
 * CSV is looked at first: with a header its columns are found by name, without by their place; then
 * it is bound again with the types that are wanted, so a file whose first rows look like numbers is
 * still read as text. Parquet has types of its own; integers and REAL may be narrower than wanted.
 * Columns the source does not have are left out; one that is missing in CSV or Parquet is an error,
 * because NULLs nobody wrote would be taken for values. */
#include "conn/files/files.h"
#include "fmt/files_parts.h"
#include "fmt/option_value.h"

static wr_options with_types(const files_source *source, const char *option, const wr_field *fields,
                             int count, wr_arena *arena)
{
    const wr_options *given = &source->options;
    wr_options out = {wr_new_array(arena, wr_given, given->count + 1), 0};
    for (int i = 0; i < given->count; i++) {
        wr_str name = given->items[i].name;
        bool says_types = wr_str_is(name, "types") || wr_str_is(name, "dtypes") ||
                          wr_str_is(name, "column_types") || wr_str_is(name, "columns") ||
                          wr_str_is(name, "all_varchar");
        if (!says_types) out.items[out.count++] = given->items[i];
    }
    out.items[out.count++] =
        (wr_given){.name = wr_str_of(option), .value = wr_value_of_fields(fields, count, arena)};
    return out;
}

static weir_status lacks(wr_str path, wr_str column, const wr_schema *has)
{
    wr_nearest nearest = {.wanted = column};
    for (int i = 0; i < has->count; i++)
        wr_nearest_offer(&nearest, has->fields[i].name);
    return wr_with_nearest(wr_fail(WR_E_FILE_SCHEMA, "%.*s has no column \"%.*s\"",
                                   WR_STR_ARGS(path), WR_STR_ARGS(column)),
                           &nearest);
}

/* Where the columns are; *differs: types are not those wanted. */
static weir_status find_places(const wr_relation *rel, wr_str path, const wr_schema *schema,
                               int *places, bool *differs)
{
    *differs = false;
    if (rel->names_are_made_up && rel->visible_count != schema->count)
        return wr_fail(WR_E_FILE_SCHEMA, "%.*s has %d columns, not %d", WR_STR_ARGS(path),
                       rel->visible_count, schema->count);
    for (int k = 0; k < schema->count; k++) {
        places[k] = rel->names_are_made_up ? k : -1;
        for (int i = 0; i < rel->visible_count && places[k] < 0; i++)
            if (wr_str_ieq(rel->schema.fields[i].name, schema->fields[k].name)) places[k] = i;
        if (places[k] < 0) return lacks(path, schema->fields[k].name, &rel->schema);
        *differs |= rel->schema.fields[places[k]].type != schema->fields[k].type;
    }
    return WR_OK;
}

static weir_status bind_again(const files_source *source, wr_format_context *context, wr_str path,
                              const wr_schema *schema, wr_arena *arena, const int *places,
                              wr_relation **rel)
{
    wr_field *fields = wr_new_array(arena, wr_field, schema->count + 1);
    for (int k = 0; k < schema->count; k++)
        fields[k] = (wr_field){wr_arena_str(arena, (*rel)->schema.fields[places[k]].name),
                               schema->fields[k].type};
    wr_options options = with_types(source, "types", fields, schema->count, arena);
    wr_relation_release(WR_TAKE(*rel));
    return source->format->bind(context, path, &options, rel);
}

weir_status wr_files_bind_one(const files_source *source, wr_format_context *context, wr_str path,
                              const wr_schema *schema, wr_arena *arena, int *places,
                              wr_relation **out)
{
    const wr_format *format = source->format;
    WR_AUTO(wr_relation) *rel = NULL;
    bool differs;
    if (schema && wr_str_is(WR_STR("json"), format->name)) {
        wr_options options = with_types(source, "columns", schema->fields, schema->count, arena);
        WR_TRY(format->bind(context, path, &options, &rel));
    } else {
        WR_TRY(format->bind(context, path, &source->options, &rel));
    }
    if (schema) WR_TRY(find_places(rel, path, schema, places, &differs));
    if (schema && differs && wr_str_is(WR_STR("csv"), format->name)) {
        WR_TRY(bind_again(source, context, path, schema, arena, places, &rel));
        WR_TRY(find_places(rel, path, schema, places, &differs));
    }
    for (int k = 0; schema && k < schema->count; k++) {
        const wr_type *has = rel->schema.fields[places[k]].type, *wanted = schema->fields[k].type;
        if (!wr_files_can_adapt(has, wanted))
            return wr_fail(WR_E_FILE_SCHEMA, "column \"%.*s\" of %.*s is %s, not %s",
                           WR_STR_ARGS(schema->fields[k].name), WR_STR_ARGS(path),
                           wr_type_name(has), wr_type_name(wanted));
    }
    *out = WR_TAKE(rel);
    return WR_OK;
}
