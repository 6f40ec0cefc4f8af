/* target.c - options of the sink.
 *
 * The key of a message is made of the column(s) named by key_column, by default those of the
 * primary key. With a primary key rows replace and remove each other: the topic can be compacted.
 */
#include "conn/kafka/encode.h"
#include "conn/kafka/options.h"
#include "fmt/files.h"

#define TEXT_OPTIONS                                                                           \
    {"delimiter|delim|sep", WR_OPT_TEXT, NULL, "csv: between fields, default ','"},            \
        {"quote", WR_OPT_CHAR, NULL, "csv: around fields that need it, '' for none"},          \
        {"force_quote", WR_OPT_ANY, NULL, "csv: columns that are always quoted, '*' for all"}, \
    {                                                                                          \
        "nullstr|null", WR_OPT_TEXT, NULL, "csv: what NULL is written as"                      \
    }

const wr_opt wr_kafka_sink_options[] = {
    {"format|value.format|payload_format", WR_OPT_TEXT, "json",
     "json, csv, raw, avro or avro-confluent"},
    {"key_column|message_key_column|key.fields|key_columns", WR_OPT_TEXT, NULL,
     "the column of the key; several, by commas: a JSON object. Default: the primary key"},
    {"value.fields-include|value_columns", WR_OPT_TEXT, "all",
     "all, or except_key: columns of the key are not in the payload"},
    {"delivery|sink.delivery-guarantee|delivery.guarantee", WR_OPT_TEXT, "exactly-once",
     "exactly-once, at-least-once or none"},
    {"transactional_id|sink.transactional-id-prefix", WR_OPT_TEXT, "weir",
     "how names of transactions begin"},
    {"sink.partitioner|partitioner", WR_OPT_TEXT, "default",
     "default: by key, else at random; round-robin; fixed: the first partition"},
    TEXT_OPTIONS,
    AVRO_OPTIONS,
    CONNECTION_OPTIONS,
    {0}};
static const wr_opt text_options[] = {TEXT_OPTIONS, {0}};

static weir_status find_column(const kafka_target *target, wr_str name, wr_span span, int *out)
{
    const wr_schema *schema = &target->base.schema;
    wr_nearest nearest = {.wanted = name};
    *out = wr_schema_find(schema, name);
    if (*out >= 0) return WR_OK;
    for (int i = 0; i < schema->count; i++)
        wr_nearest_offer(&nearest, schema->fields[i].name);
    return wr_with_nearest(
        wr_fail_at(WR_E_UNKNOWN_COLUMN, span, "the sink has no column \"%.*s\"", WR_STR_ARGS(name)),
        &nearest);
}

static bool has_key(const kafka_target *target, int column)
{
    for (int i = 0; i < target->key_count; i++)
        if (target->key_columns[i] == column) return true;
    return false;
}

/* Names by ',' or ';'. */
static weir_status read_key(kafka_target *target, const wr_connect *connect)
{
    wr_str names;
    bool is_set;
    const wr_opt *rows = wr_kafka_sink_options;
    wr_span span = wr_kafka_option_span(connect->options, rows, "key_column");
    target->key_columns = wr_new_array(&target->arena, int, target->base.schema.count + 1);
    WR_TRY(wr_option_text(connect->options, rows, "key_column", &names, &is_set));
    for (int i = 0; !is_set && i < connect->key_count; i++)
        target->key_columns[target->key_count++] = connect->keys[i];
    while (is_set && names.length) {
        size_t end = 0;
        int column;
        while (end < names.length && names.data[end] != ',' && names.data[end] != ';')
            end++;
        WR_TRY(find_column(target, wr_str_trim((wr_str){names.data, end}), span, &column));
        if (has_key(target, column))
            return wr_fail_at(WR_E_DUPLICATE_COLUMN, span, "a column is in the key twice");
        target->key_columns[target->key_count++] = column;
        end += end < names.length;
        names = (wr_str){names.data + end, names.length - end};
    }
    bool is_primary = target->key_count == connect->key_count;
    for (int i = 0; i < connect->key_count; i++)
        is_primary &= has_key(target, connect->keys[i]);
    if (is_set && connect->key_count && !is_primary)
        return wr_fail_at(WR_E_PARAMETER_VALUE, span,
                          "the key of messages must be the primary key: rows replace each other by "
                          "it");
    return WR_OK;
}

static weir_status read_value(kafka_target *target, const wr_options *given)
{
    static const char *const words[] = {"all", "except_key", "except-key", NULL};
    int word;
    const wr_schema *schema = &target->base.schema;
    WR_TRY(wr_kafka_option_word(given, wr_kafka_sink_options, "value_columns", words, &word));
    bool leaves_out = word > 0 || target->format == KAFKA_RAW;
    target->value_columns = wr_new_array(&target->arena, int, schema->count + 1);
    target->value.fields = wr_new_array(&target->arena, wr_field, schema->count + 1);
    for (int k = 0; k < schema->count; k++) {
        if (leaves_out && has_key(target, k)) continue;
        target->value_columns[target->value.count] = k;
        target->value.fields[target->value.count++] = schema->fields[k];
    }
    if (target->format == KAFKA_RAW && target->value.count > 1)
        return wr_fail(WR_E_COLUMN_COUNT, "the format raw has one column besides the key, not %d",
                       target->value.count);
    if (target->format != KAFKA_RAW && target->value.count == 0)
        return wr_fail(WR_E_COLUMN_COUNT, "no column is left for the payload");
    return WR_OK;
}

static weir_status read_text_options(kafka_target *target, const wr_options *given)
{
    static const char *const names[] = {"json", "csv", "raw", "avro"};
    const wr_format *csv = wr_format_find(WR_STR("csv"));
    wr_options *out = &target->format_options;
    out->items = wr_new_array(&target->arena, wr_given, (given ? given->count : 0) + 4);
    for (int i = 0; given && i < given->count; i++) {
        const wr_options one = {&given->items[i], 1};
        weir_status other = wr_options_check(&one, text_options, "");
        bool is_text = other == WR_OK;
        wr_status_drop(other);
        if (!is_text) continue;
        if (target->format != KAFKA_CSV)
            return wr_fail_at(WR_E_UNKNOWN_OPTION, given->items[i].span,
                              "the format %s has no option \"%.*s\"", names[target->format],
                              WR_STR_ARGS(given->items[i].name));
        WR_TRY(wr_options_check(&one, csv->write_options, "csv"));
        wr_given *item = &out->items[out->count++];
        *item = given->items[i];
        item->name = wr_arena_str(&target->arena, item->name);
        item->value = wr_value_copy(&item->value, &target->arena);
    }
    out->items[out->count++] =
        (wr_given){.name = WR_STR("compression"), .value = wr_value_text(WR_STR("none"))};
    if (target->format == KAFKA_CSV)
        out->items[out->count++] =
            (wr_given){.name = WR_STR("header"), .value = wr_value_text(WR_STR("false"))};
    return WR_OK;
}

/* Without a schema one is made of the columns. */
static weir_status read_avro(kafka_target *target, const wr_options *given)
{
    kafka_avro_config *avro = &target->avro;
    bool is_avro = target->format == KAFKA_AVRO;
    WR_BUF(text);
    WR_TRY(wr_kafka_avro_config_read(avro, is_avro, given, wr_kafka_sink_options, &target->arena));
    if (!is_avro) return WR_OK;
    if (!avro->schema) {
        wr_avro_schema_of(&target->value, WR_STR("row"), &text);
        avro->text = wr_arena_str(&target->arena, wr_buf_str(&text));
        WR_TRY(wr_avro_schema(avro->text, &target->arena, &avro->schema));
    }
    target->avro_columns = wr_new_array(&target->arena, int, avro->schema->count + 1);
    return wr_avro_match(avro->schema, &target->value, target->avro_columns);
}

static weir_status read_delivery(kafka_target *target, const wr_options *given)
{
    static const char *const words[] = {"exactly-once",
                                        "exactly_once",
                                        "at-least-once",
                                        "at_least_once",
                                        "none",
                                        "best-effort",
                                        NULL};
    static const char *const partitioners[] = {"default", "round-robin", "fixed", NULL};
    int word, partitioner;
    wr_str prefix;
    const wr_opt *rows = wr_kafka_sink_options;
    WR_TRY(wr_kafka_option_word(given, rows, "delivery", words, &word));
    target->base.strongest = word < 2   ? WR_DELIVERY_EXACTLY_ONCE
                             : word < 4 ? WR_DELIVERY_AT_LEAST_ONCE
                                        : WR_DELIVERY_BEST_EFFORT;
    if (word >= 2) target->base.why_no_more = "the option delivery of the sink asks for no more";
    WR_TRY(wr_kafka_option_word(given, rows, "sink.partitioner", partitioners, &partitioner));
    target->partitioner = (kafka_partitioner)partitioner;
    WR_TRY(wr_kafka_option_needed(given, rows, "transactional_id", &target->arena, &prefix));
    target->prefix = prefix;
    return WR_OK;
}

weir_status wr_kafka_sink(const wr_connect *connect, wr_target **out)
{
    static const char *const formats[] = {"json",           "csv", "raw", "raw_bytes", "avro",
                                          "avro-confluent", NULL};
    static const kafka_format meant[] = {KAFKA_JSON, KAFKA_CSV,  KAFKA_RAW,
                                         KAFKA_RAW,  KAFKA_AVRO, KAFKA_AVRO};
    WR_AUTO(wr_target) *base = NULL;
    int format;
    kafka_target *target = wr_heap_new(sizeof *target);
    target->base = (wr_target){.def = &wr_kafka_target_def, .connector = "kafka", .references = 1};
    base = &target->base;
    const wr_options *given = connect->options;
    WR_TRY(wr_kafka_config_read(&target->config, given, wr_kafka_sink_options, &target->arena));
    WR_TRY(wr_kafka_refuse_format(given, wr_kafka_sink_options));
    WR_TRY(wr_kafka_option_word(given, wr_kafka_sink_options, "format", formats, &format));
    target->format = meant[format];
    if (!connect->schema || connect->schema->count == 0)
        return wr_fail(WR_E_COLUMN_COUNT, "kafka needs at least one column");
    base->schema = *wr_schema_copy(&target->arena, connect->schema);
    int *keys = wr_new_array(&target->arena, int, connect->key_count + 1);
    if (connect->key_count) memcpy(keys, connect->keys, sizeof *keys * (size_t)connect->key_count);
    base->keys = keys;
    base->key_count = connect->key_count;
    base->takes_back = connect->key_count > 0;
    WR_TRY(read_key(target, connect));
    WR_TRY(read_value(target, given));
    WR_TRY(read_text_options(target, given));
    WR_TRY(read_avro(target, given));
    WR_TRY(read_delivery(target, given));
    *out = WR_TAKE(base);
    return WR_OK;
}
