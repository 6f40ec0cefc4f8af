/* kafka.c - options of the source and the connector.
 *
 * Several spellings of other systems mean the same option; what begins with "properties." and is
 * not an option of weir is a setting of librdkafka. Columns that are not made of the payload are
 * named by options (offset_column = 'o'), so no name of a column means anything by itself. */
#include "conn/kafka/decode.h"
#include "conn/kafka/options.h"

#define TEXT_OPTIONS                                                                              \
    {"delimiter|delim|sep", WR_OPT_TEXT, NULL, "csv: between fields, default ','"},               \
        {"quote", WR_OPT_CHAR, NULL, "csv: around fields, '' for none"},                          \
        {"escape", WR_OPT_CHAR, NULL, "csv: before a quote inside quotes"},                       \
        {"nullstr|null", WR_OPT_ANY, NULL, "csv: what means NULL"},                               \
        {"short_rows", WR_OPT_TEXT, NULL, "csv: 'error', or 'null' for fields that are missing"}, \
        {"trim", WR_OPT_BOOL, NULL, "csv: remove blanks around unquoted fields"},                 \
        {"decimal_separator", WR_OPT_CHAR, NULL, "csv: '.' or ','"},                              \
        {"dateformat|date_format", WR_OPT_TEXT, NULL, "csv, json: strptime pattern of DATE"},     \
        {"timestampformat|timestamp_format", WR_OPT_TEXT, NULL,                                   \
         "csv, json: pattern of TIMESTAMP"},                                                      \
    {                                                                                             \
        "maximum_depth", WR_OPT_INT, NULL, "json: deepest nesting accepted"                       \
    }

static const wr_opt source_options[] = {
    {"format|value.format|payload_format", WR_OPT_TEXT, "json",
     "json, csv, raw, avro, avro-confluent or debezium (changes of a database, as JSON)"},
    {"properties.group.id|group.id|group_id", WR_OPT_TEXT, NULL,
     "where committed positions are shown to others; read only with share_partitions"},
    {"share_partitions", WR_OPT_BOOL, "false",
     "processes with the same group share the partitions; positions are the group's"},
    {"scan.startup.mode|properties.auto.offset.reset|auto_offset_reset", WR_OPT_TEXT, "earliest",
     "where to begin without a state: earliest, latest or timestamp"},
    {"scan.startup.timestamp.millis|scan.startup.timestamp-millis", WR_OPT_INT, NULL,
     "milliseconds since 1970, for the mode timestamp"},
    {"bounded", WR_OPT_BOOL, "false", "read what is there and end"},
    {"scan.bounded.mode", WR_OPT_TEXT, NULL, "unbounded, or latest-offset: the same as bounded"},
    {"partition_discovery_ms", WR_OPT_INT, "10000",
     "how often to look for new partitions, 0: never"},
    {"null_payload", WR_OPT_TEXT, NULL,
     "messages without payload: skip (raw: null), null (a row of NULLs) or error"},
    {"key_column|message_key_column|key.fields", WR_OPT_TEXT, NULL, "the column of the key"},
    {"topic_column", WR_OPT_TEXT, NULL, "a column of the topic"},
    {"partition_column", WR_OPT_TEXT, NULL, "a column of the partition"},
    {"offset_column", WR_OPT_TEXT, NULL, "a column of the offset"},
    {"timestamp_column", WR_OPT_TEXT, NULL, "a column of the time of the message"},
    {"headers_column", WR_OPT_TEXT, NULL, "a column of the headers: {\"name\": \"value\"}"},
    TEXT_OPTIONS,
    AVRO_OPTIONS,
    CONNECTION_OPTIONS,
    {0}};
/* Those of them that are not the connector's own. */
static const wr_opt text_options[] = {TEXT_OPTIONS, {0}};

/* ---- the source ---- */
static weir_status read_start(kafka_source *source, const wr_options *given)
{
    static const char *const modes[] = {"earliest",      "earliest-offset", "latest",
                                        "latest-offset", "timestamp",       NULL};
    static const char *const ends[] = {"", "unbounded", "latest-offset", NULL};
    int mode, end;
    bool has_time;
    const char *time = "scan.startup.timestamp.millis";
    WR_TRY(wr_kafka_option_word(given, source_options, "scan.startup.mode", modes, &mode));
    source->start = mode < 2 ? KAFKA_EARLIEST : mode < 4 ? KAFKA_LATEST : KAFKA_AT_TIME;
    WR_TRY(wr_option_int(given, source_options, time, &source->start_ms, &has_time));
    if (has_time != (source->start == KAFKA_AT_TIME) || source->start_ms < 0)
        return wr_fail_at(WR_E_PARAMETER_VALUE, wr_kafka_option_span(given, source_options, time),
                          "\"%s\" belongs to scan.startup.mode = 'timestamp'", time);
    WR_TRY(wr_option_bool(given, source_options, "bounded", &source->base.is_bounded, NULL));
    WR_TRY(wr_kafka_option_word(given, source_options, "scan.bounded.mode", ends, &end));
    source->base.is_bounded |= end == 2;
    WR_TRY(wr_kafka_option_ms(given, source_options, "partition_discovery_ms", 0,
                              &source->discover_ns));
    source->discover_ns *= 1000000;
    return WR_OK;
}

static weir_status read_sharing(kafka_source *source, const wr_options *given)
{
    const char *option = "share_partitions";
    wr_span span = wr_kafka_option_span(given, source_options, option);
    WR_TRY(wr_option_bool(given, source_options, option, &source->base.is_shared, NULL));
    if (!source->base.is_shared) return WR_OK;
    if (!source->config.group.length)
        return wr_with_hint(wr_fail_at(WR_E_PARAMETER_VALUE, span,
                                       "partitions are shared by a group, and none is named"),
                            "group.id = 'name of the group'");
    if (memchr(source->config.group.data, 0, source->config.group.length))
        return wr_fail_at(WR_E_PARAMETER_VALUE, span, "the name of the group has a NUL byte");
    if (source->base.is_bounded)
        return wr_fail_at(WR_E_UNSUPPORTED, span,
                          "what is read to its end at the moment is read by one process: bounded "
                          "and share_partitions exclude each other");
    return WR_OK;
}

/* Rows of such a source are taken back: only streams know what that means. */
static weir_status check_debezium(kafka_source *source, const wr_options *given)
{
    source->base.takes_back = true;
    if (source->tombstones == KAFKA_NULL)
        return wr_fail_at(WR_E_UNSUPPORTED,
                          wr_kafka_option_span(given, source_options, "null_payload"),
                          "messages of debezium without payload are skipped or an error");
    if (!source->base.is_bounded) return WR_OK;
    const char *option =
        wr_option_find(given, source_options, "bounded") ? "bounded" : "scan.bounded.mode";
    return wr_with_hint(
        wr_fail_at(WR_E_UNSUPPORTED, wr_kafka_option_span(given, source_options, option),
                   "debezium tells of rows that change, and a query that ends would count each "
                   "version"),
        "leave the source unbounded and make a view of it: CREATE MATERIALIZED VIEW v AS SELECT "
        "* FROM s");
}

static weir_status read_format(kafka_source *source, const wr_options *given)
{
    static const char *const formats[] = {"json",      "csv",           "raw",
                                          "raw_bytes", "avro",          "avro-confluent",
                                          "debezium",  "debezium-json", NULL};
    static const kafka_format meant[] = {KAFKA_JSON, KAFKA_CSV,  KAFKA_RAW,      KAFKA_RAW,
                                         KAFKA_AVRO, KAFKA_AVRO, KAFKA_DEBEZIUM, KAFKA_DEBEZIUM};
    static const char *const tombstones[] = {"skip", "null", "error", NULL};
    int format, tombstone;
    WR_TRY(wr_kafka_refuse_format(given, source_options));
    WR_TRY(wr_kafka_option_word(given, source_options, "format", formats, &format));
    source->format = meant[format];
    source->tombstones = source->format == KAFKA_RAW ? KAFKA_NULL : KAFKA_SKIP;
    if (wr_option_find(given, source_options, "null_payload")) {
        WR_TRY(wr_kafka_option_word(given, source_options, "null_payload", tombstones, &tombstone));
        source->tombstones = (kafka_tombstones)tombstone;
    }
    if (source->format == KAFKA_CSV && source->tombstones == KAFKA_NULL)
        return wr_fail_at(WR_E_UNSUPPORTED,
                          wr_kafka_option_span(given, source_options, "null_payload"),
                          "messages of csv without payload are skipped or an error");
    if (source->format == KAFKA_DEBEZIUM) WR_TRY(check_debezium(source, given));
    kafka_avro_config *avro = &source->avro;
    bool is_avro = source->format == KAFKA_AVRO;
    WR_TRY(wr_kafka_avro_config_read(avro, is_avro, given, source_options, &source->arena));
    if (is_avro && (avro->schema != NULL) == (avro->registry.url.length > 0))
        return wr_fail(WR_E_PARAMETER_VALUE, "the format avro needs the option \"avro.schema\" or "
                                             "\"schema.registry\", one of them");
    if (source->format != KAFKA_RAW) return wr_kafka_text_options(source, given, text_options);
    for (int i = 0; given && i < given->count; i++) {
        const wr_options one = {&given->items[i], 1};
        weir_status other = wr_options_check(&one, text_options, "");
        bool is_text = other == WR_OK;
        wr_status_drop(other);
        if (is_text)
            return wr_fail_at(WR_E_UNKNOWN_OPTION, given->items[i].span,
                              "the format raw has no option \"%.*s\"",
                              WR_STR_ARGS(given->items[i].name));
    }
    return WR_OK;
}

static bool field_fits(kafka_field field, const wr_type *type)
{
    bool is_bytes = type->id == WR_T_VARCHAR || type->id == WR_T_BLOB;
    switch (field) {
    case KAFKA_KEY:
        return is_bytes;
    case KAFKA_TOPIC:
        return type->id == WR_T_VARCHAR;
    case KAFKA_HEADERS:
        return type->id == WR_T_VARCHAR || type->id == WR_T_JSON;
    case KAFKA_PARTITION:
        return type->id == WR_T_INTEGER || type->id == WR_T_BIGINT;
    case KAFKA_OFFSET:
        return type->id == WR_T_BIGINT;
    case KAFKA_TIMESTAMP:
        return type->id == WR_T_TIMESTAMP || type->id == WR_T_TIMESTAMPTZ;
    default:
        return true;
    }
}

static weir_status name_field(kafka_source *source, const wr_options *given, kafka_field field,
                              const char *option)
{
    wr_str name;
    bool is_set;
    const wr_schema *schema = &source->base.schema;
    WR_TRY(wr_option_text(given, source_options, option, &name, &is_set));
    if (!is_set) return WR_OK;
    int at = wr_schema_find(schema, name);
    wr_span span = wr_kafka_option_span(given, source_options, option);
    wr_nearest nearest = {.wanted = name};
    for (int i = 0; i < schema->count; i++)
        wr_nearest_offer(&nearest, schema->fields[i].name);
    if (at < 0)
        return wr_with_nearest(wr_fail_at(WR_E_UNKNOWN_COLUMN, span,
                                          "the source has no column \"%.*s\"", WR_STR_ARGS(name)),
                               &nearest);
    if (source->fields[at] != KAFKA_PAYLOAD)
        return wr_fail_at(WR_E_DUPLICATE_COLUMN, span, "column \"%.*s\" is named twice",
                          WR_STR_ARGS(name));
    if (!field_fits(field, schema->fields[at].type))
        return wr_fail_at(WR_E_TYPE_MISMATCH, span, "\"%s\" cannot be a column of type %s", option,
                          wr_type_name(schema->fields[at].type));
    source->fields[at] = field;
    return WR_OK;
}

static bool has_bytes_inside(const wr_type *type)
{
    if (type->id == WR_T_STRUCT) {
        for (int i = 0; i < type->field_count; i++)
            if (type->fields[i].type->id == WR_T_BLOB || has_bytes_inside(type->fields[i].type))
                return true;
        return false;
    }
    return type->child && (type->child->id == WR_T_BLOB || has_bytes_inside(type->child));
}

/* Columns of the payload are fields of the schema, if it is known. */
static weir_status check_avro(const kafka_source *source)
{
    const avro_node *schema = source->avro.schema;
    for (int k = 0; k < source->base.schema.count; k++) {
        const wr_field *field = &source->base.schema.fields[k];
        if (source->fields[k] != KAFKA_PAYLOAD) continue;
        if (has_bytes_inside(field->type))
            return wr_fail(WR_E_UNSUPPORTED,
                           "column \"%.*s\": BLOB inside of other types cannot be "
                           "read from avro",
                           WR_STR_ARGS(field->name));
        wr_nearest nearest = {.wanted = field->name};
        bool is_there = !schema;
        for (int i = 0; schema && i < schema->count; i++) {
            is_there |= wr_str_ieq(schema->names[i], field->name);
            wr_nearest_offer(&nearest, schema->names[i]);
        }
        if (!is_there)
            return wr_with_nearest(wr_fail(WR_E_UNKNOWN_COLUMN,
                                           "the Avro schema has no field \"%.*s\"",
                                           WR_STR_ARGS(field->name)),
                                   &nearest);
    }
    return WR_OK;
}

static weir_status read_fields(kafka_source *source, const wr_options *given)
{
    static const char *const names[KAFKA_FIELD_COUNT] = {[KAFKA_KEY] = "key_column",
                                                         [KAFKA_TOPIC] = "topic_column",
                                                         [KAFKA_PARTITION] = "partition_column",
                                                         [KAFKA_OFFSET] = "offset_column",
                                                         [KAFKA_TIMESTAMP] = "timestamp_column",
                                                         [KAFKA_HEADERS] = "headers_column"};
    const wr_schema *schema = &source->base.schema;
    source->fields = wr_new_array(&source->arena, kafka_field, schema->count + 1);
    for (int f = KAFKA_PAYLOAD + 1; f < KAFKA_FIELD_COUNT; f++)
        WR_TRY(name_field(source, given, (kafka_field)f, names[f]));
    int payload = 0, last = 0;
    for (int k = 0; k < schema->count; k++)
        if (source->fields[k] == KAFKA_PAYLOAD) payload++, last = k;
    if (source->format == KAFKA_AVRO) WR_TRY(check_avro(source));
    if (source->format != KAFKA_RAW)
        return payload ? WR_OK : wr_fail(WR_E_COLUMN_COUNT, "no column is made of the payload");
    const wr_type *type = schema->fields[last].type;
    if (payload > 1)
        return wr_fail(WR_E_COLUMN_COUNT, "the format raw has one column of the payload, not %d",
                       payload);
    if (payload && type->id != WR_T_VARCHAR && type->id != WR_T_BLOB)
        return wr_fail(WR_E_TYPE_MISMATCH,
                       "the payload of the format raw is VARCHAR or BLOB, not %s",
                       wr_type_name(type));
    return WR_OK;
}

/* What is not declared: raw payloads are one column. */
static weir_status take_columns(kafka_source *source, const wr_schema *declared)
{
    wr_field value = {WR_STR("value"), wr_type_of(WR_T_BLOB)};
    const wr_schema raw = {.fields = &value, .count = 1};
    if (!declared && source->avro.schema) {
        wr_avro_columns(source->avro.schema, &source->arena, &source->base.schema);
        return WR_OK;
    }
    if (!declared && source->format != KAFKA_RAW)
        return wr_with_hint(
            wr_fail(WR_E_COLUMN_COUNT, "the columns of the source are not declared"),
            "CREATE SOURCE s (a BIGINT, ...) WITH (...)");
    source->base.schema = *wr_schema_copy(&source->arena, declared ? declared : &raw);
    return WR_OK;
}

/* What tells whole rows from mere keys. */
static weir_status take_keys(kafka_source *source, const wr_connect *connect)
{
    source->is_key = wr_new_array(&source->arena, bool, source->base.schema.count + 1);
    if (source->format != KAFKA_DEBEZIUM) return WR_OK;
    if (connect->key_count == 0)
        return wr_with_hint(
            wr_fail(WR_E_PARAMETER_VALUE,
                    "the format debezium needs the primary key of the rows that change"),
            "CREATE SOURCE s (id BIGINT PRIMARY KEY, ...) WITH (...)");
    for (int i = 0; i < connect->key_count; i++)
        if (connect->keys[i] >= 0) source->is_key[connect->keys[i]] = true;
    for (int k = 0; k < source->base.schema.count; k++)
        source->is_key[k] |= source->fields[k] != KAFKA_PAYLOAD;
    return WR_OK;
}

static weir_status kafka_source_new(const wr_connect *connect, wr_source **out)
{
    WR_AUTO(wr_source) *base = NULL;
    wr_str group;
    kafka_source *source = wr_heap_new(sizeof *source);
    source->base = (wr_source){
        .def = &wr_kafka_source_def, .connector = "kafka", .is_replayable = true, .references = 1};
    base = &source->base;
    const wr_options *given = connect->options;
    WR_TRY(wr_kafka_config_read(&source->config, given, source_options, &source->arena));
    WR_TRY(wr_option_text(given, source_options, "properties.group.id", &group, NULL));
    source->config.group = wr_arena_str(&source->arena, group);
    WR_TRY(read_start(source, given));
    WR_TRY(read_sharing(source, given));
    WR_TRY(read_format(source, given));
    WR_TRY(take_columns(source, connect->schema));
    WR_TRY(read_fields(source, given));
    WR_TRY(take_keys(source, connect));
    *out = WR_TAKE(base);
    return WR_OK;
}

const wr_connector wr_connector_kafka = {
    .name = "kafka",
    .help = "Messages of a topic of Apache Kafka: read from all its partitions, written in "
            "transactions.",
    .source_options = source_options,
    .sink_options = wr_kafka_sink_options,
    .source = kafka_source_new,
    .sink = wr_kafka_sink,
};
