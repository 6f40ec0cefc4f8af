/* text.c - the readers of JSON lines and CSV, told to read payloads.
 *
 * Everything they would find out by looking at a file is said: columns and types, delimiter and
 * quote, that there is no header. Limits of files (longest record, bytes per look) do not hold for
 * messages, which the brokers limit. */
#include "conn/kafka/decode.h"
#include "fmt/files.h"
#include "fmt/option_value.h"

enum { ADDED = 8 };

static const wr_format *format_of(const kafka_source *source)
{
    return wr_format_find(source->format == KAFKA_CSV ? WR_STR("csv") : WR_STR("json"));
}

static void add_text(wr_options *options, const char *name, const char *value)
{
    options->items[options->count++] =
        (wr_given){.name = wr_str_of(name), .value = wr_value_text(wr_str_of(value))};
}

static void add_if_absent(wr_options *options, const wr_opt *rows, const char *name,
                          const char *value)
{
    if (!wr_option_find(options, rows, name)) add_text(options, name, value);
}

weir_status wr_kafka_text_options(kafka_source *source, const wr_options *given, const wr_opt *rows)
{
    const wr_format *format = format_of(source);
    wr_options *out = &source->format_options;
    out->items = wr_new_array(&source->arena, wr_given, (given ? given->count : 0) + ADDED);
    for (int i = 0; given && i < given->count; i++) {
        wr_options one = {&given->items[i], 1};
        weir_status other = wr_options_check(&one, rows, "");
        bool is_ours = other == WR_OK;
        wr_status_drop(other);
        if (!is_ours) continue;
        WR_TRY(wr_options_check(&one, format->read_options, format->name));
        wr_given *item = &out->items[out->count++];
        *item = given->items[i];
        item->name = wr_arena_str(&source->arena, item->name);
        item->value = wr_value_copy(&item->value, &source->arena);
    }
    add_text(out, "compression", "none");
    add_text(out, "buffer_size", "1GiB");
    if (source->format != KAFKA_CSV) {
        add_text(out, "format", "newline_delimited");
        add_text(out, "maximum_object_size", "4GiB");
        return WR_OK;
    }
    add_text(out, "header", "false");
    add_text(out, "new_line", "\\n");
    add_text(out, "max_line_size", "4GiB");
    add_if_absent(out, format->read_options, "delimiter", ",");
    add_if_absent(out, format->read_options, "quote", "\"");
    return WR_OK;
}

weir_status wr_kafka_text_reader(const kafka_source *source, const wr_field *fields, int count,
                                 wr_fs *memory, wr_mem *mem, const wr_cancel *cancel,
                                 wr_rejects *rejects, wr_arena *arena, wr_relation **out)
{
    WR_AUTO(wr_relation) *rel = NULL;
    const wr_options *kept = &source->format_options;
    wr_options options = {wr_new_array(arena, wr_given, kept->count + 1), kept->count};
    if (kept->count > 0)
        memcpy(options.items, kept->items, sizeof *options.items * (size_t)kept->count);
    options.items[options.count++] =
        (wr_given){.name = WR_STR("columns"), .value = wr_value_of_fields(fields, count, arena)};
    wr_format_context context = {
        .fs = memory, .mem = mem, .cancel = cancel, .rejects = rejects, .thread_count = 1};
    WR_TRY(format_of(source)->bind(&context, WR_STR("payload"), &options, &rel));
    wr_assert(rel->visible_count == count && rel->schema.count == count + 1);
    for (int i = 0; i < count; i++)
        if (rel->schema.fields[i].type != fields[i].type)
            return wr_fail(WR_E_UNSUPPORTED, "column \"%.*s\": values of %s cannot be read from %s",
                           WR_STR_ARGS(fields[i].name), wr_type_name(fields[i].type),
                           format_of(source)->name);
    *out = WR_TAKE(rel);
    return WR_OK;
}
