/* options.c - see options.h. What begins with "properties." and is no option of weir is a setting
 * of librdkafka; that is decided by the rows, of which the first that has the name counts. */
#include "conn/kafka/options.h"

wr_span wr_kafka_option_span(const wr_options *given, const wr_opt *rows, const char *name)
{
    const wr_given *item = wr_option_find(given, rows, name);
    return item ? item->value_span : (wr_span){0};
}

/* One of the words, ended by NULL; its number in *out. */
weir_status wr_kafka_option_word(const wr_options *given, const wr_opt *rows, const char *name,
                                 const char *const *words, int *out)
{
    wr_str text;
    WR_BUF(known);
    WR_TRY(wr_option_text(given, rows, name, &text, NULL));
    for (int i = 0; words[i]; i++) {
        if (wr_str_is(text, words[i])) return *out = i, WR_OK;
        wr_buf_printf(&known, "%s%s", i ? ", " : "", words[i]);
    }
    return wr_fail_at(WR_E_PARAMETER_VALUE, wr_kafka_option_span(given, rows, name),
                      "the option \"%s\" takes one of %s, not '%.*s'", name, known.data,
                      WR_STR_ARGS(text));
}

weir_status wr_kafka_refuse_format(const wr_options *given, const wr_opt *rows)
{
    wr_str text;
    WR_TRY(wr_option_text(given, rows, "format", &text, NULL));
    if (!wr_str_has_prefix(text, WR_STR("protobuf"))) return WR_OK;
    return wr_with_hint(
        wr_fail_at(WR_E_UNSUPPORTED, wr_kafka_option_span(given, rows, "format"),
                   "payloads of protobuf cannot be used: there is no C library that reads messages "
                   "by a schema that is known only when it runs"),
        "let the producer write avro or json; format = 'raw' hands on the bytes");
}

weir_status wr_kafka_option_needed(const wr_options *given, const wr_opt *rows, const char *name,
                                   wr_arena *arena, wr_str *out)
{
    wr_str text;
    WR_TRY(wr_option_text(given, rows, name, &text, NULL));
    if (text.length == 0 || memchr(text.data, 0, text.length))
        return wr_fail_at(WR_E_PARAMETER_VALUE, wr_kafka_option_span(given, rows, name),
                          "kafka needs the option \"%s\"", name);
    *out = wr_arena_str(arena, text);
    return WR_OK;
}

weir_status wr_kafka_option_ms(const wr_options *given, const wr_opt *rows, const char *name,
                               int64_t least, int64_t *out)
{
    WR_TRY(wr_option_int(given, rows, name, out, NULL));
    if (*out >= least && *out <= 86400000) return WR_OK;
    return wr_fail_at(WR_E_PARAMETER_VALUE, wr_kafka_option_span(given, rows, name),
                      "the option \"%s\" takes %lld to 86400000, not %lld", name, (long long)least,
                      (long long)*out);
}

/* Is it a setting of librdkafka, and is it secret? */
static bool is_property(wr_str name, const wr_opt *rows, bool *is_secret)
{
    const wr_opt any[] = {{"properties.*", WR_OPT_ANY, NULL, NULL}, {0}};
    const wr_options one = {&(wr_given){.name = name}, 1};
    weir_status other = wr_options_check(&one, any, "");
    bool is_one = other == WR_OK;
    wr_status_drop(other);
    for (const wr_opt *row = rows; is_one && row->name; row++) {
        const wr_opt alone[] = {*row, {0}};
        other = wr_options_check(&one, alone, "");
        bool is_it = other == WR_OK;
        wr_status_drop(other);
        if (!is_it) continue;
        *is_secret = row->kind == WR_OPT_SECRET;
        return *is_secret || row->kind == WR_OPT_ANY;
    }
    return false;
}

/* Settings that say how positions and transactions work, and those that load code. */
static bool is_ours(const char *name)
{
    static const char *const ours[] = {"enable.auto.commit",   "enable.auto.offset.store",
                                       "enable.partition.eof", "transactional.id",
                                       "enable.idempotence",   "metadata.broker.list",
                                       "plugin.library.paths", "bootstrap.servers",
                                       "partitioner",          "partition.assignment.strategy"};
    for (size_t i = 0; i < WR_COUNT(ours); i++)
        if (strcmp(name, ours[i]) == 0) return true;
    return false;
}

static weir_status take_properties(kafka_config *config, const wr_options *given,
                                   const wr_opt *rows, wr_arena *arena)
{
    const size_t prefix = sizeof "properties." - 1;
    for (int i = 0; given && i < given->count; i++) {
        const wr_given *item = &given->items[i];
        bool is_secret;
        WR_BUF(text);
        if (!is_property(item->name, rows, &is_secret)) continue;
        if (item->value.is_null)
            return wr_fail_at(WR_E_PARAMETER_VALUE, item->value_span, "the option \"%.*s\" is NULL",
                              WR_STR_ARGS(item->name));
        wr_value_print(&item->value, &text);
        if (memchr(text.data, 0, text.length))
            return wr_fail_at(WR_E_PARAMETER_VALUE, item->value_span,
                              "the option \"%.*s\" has a NUL byte", WR_STR_ARGS(item->name));
        wr_str name = {item->name.data + prefix, item->name.length - prefix};
        if (is_ours(wr_arena_str(arena, name).data))
            return wr_fail_at(WR_E_PARAMETER_VALUE, item->span,
                              "the setting \"%.*s\" cannot be chosen: weir keeps positions and "
                              "transactions itself",
                              WR_STR_ARGS(name));
        wr_push(arena, &config->properties,
                ((kafka_property){.name = wr_arena_str(arena, name).data,
                                  .value = wr_arena_str(arena, wr_buf_str(&text)).data,
                                  .is_secret = is_secret}));
    }
    return WR_OK;
}

/* User and password under short names; over TLS unless properties.security.protocol says
 * otherwise, which is set later. */
static weir_status read_login(kafka_config *config, const wr_options *given, const wr_opt *rows,
                              wr_arena *arena)
{
    static const char *const names[] = {"sasl_plain_username", "sasl_plain_password",
                                        "sasl_scram_username", "sasl_scram_password"};
    static const char *const words[] = {"sha-256", "sha-512", NULL};
    static const char *const scram[] = {"SCRAM-SHA-256", "SCRAM-SHA-512"};
    const char *values[WR_COUNT(names)] = {0};
    int word;
    bool is_set;
    WR_TRY(wr_kafka_option_word(given, rows, "sasl_scram_mechanism", words, &word));
    for (size_t i = 0; i < WR_COUNT(names); i++) {
        wr_str text;
        WR_TRY(wr_option_text(given, rows, names[i], &text, &is_set));
        if (is_set) WR_TRY(wr_kafka_option_needed(given, rows, names[i], arena, &text));
        values[i] = is_set ? text.data : NULL;
    }
    bool is_plain = values[0] != NULL, is_scram = values[2] != NULL;
    bool has_word = wr_option_find(given, rows, "sasl_scram_mechanism") != NULL;
    if (is_plain != (values[1] != NULL) || is_scram != (values[3] != NULL) ||
        (is_plain && is_scram) || (has_word && !is_scram))
        return wr_fail(WR_E_PARAMETER_VALUE,
                       "to log in, give sasl_plain_username and sasl_plain_password, or "
                       "sasl_scram_username, sasl_scram_password and sasl_scram_mechanism");
    if (!is_plain && !is_scram) return WR_OK;
    const kafka_property login[] = {
        {.name = "security.protocol", .value = "sasl_ssl"},
        {.name = "sasl.mechanism", .value = is_plain ? "PLAIN" : scram[word]},
        {.name = "sasl.username", .value = values[is_plain ? 0 : 2]},
        {.name = "sasl.password", .value = values[is_plain ? 1 : 3], .is_secret = true}};
    for (size_t i = 0; i < WR_COUNT(login); i++)
        wr_push(arena, &config->properties, login[i]);
    return WR_OK;
}

weir_status wr_kafka_config_read(kafka_config *config, const wr_options *given, const wr_opt *rows,
                                 wr_arena *arena)
{
    int64_t timeout;
    WR_TRY(wr_options_check(given, rows, "kafka"));
    WR_TRY(wr_kafka_option_needed(given, rows, "properties.bootstrap.servers", arena,
                                  &config->brokers));
    WR_TRY(wr_kafka_option_needed(given, rows, "topic", arena, &config->topic));
    WR_TRY(wr_kafka_option_ms(given, rows, "connect_timeout_ms", 1, &timeout));
    config->timeout_ms = (int)timeout;
    WR_TRY(read_login(config, given, rows, arena));
    return take_properties(config, given, rows, arena);
}

/* ---- avro ---- */
static weir_status refuse_avro(const wr_options *given, const wr_opt *rows)
{
    static const char *const names[] = {"avro.schema", "schema.registry",
                                        "schema.registry.username", "schema.registry.password"};
    for (size_t i = 0; i < WR_COUNT(names); i++) {
        const wr_given *item = wr_option_find(given, rows, names[i]);
        if (item)
            return wr_fail_at(WR_E_UNKNOWN_OPTION, item->span,
                              "the option \"%s\" is for the format avro", names[i]);
    }
    return WR_OK;
}

static weir_status read_registry(kafka_registry_config *registry, const wr_options *given,
                                 const wr_opt *rows, wr_arena *arena)
{
    wr_str text[3];
    static const char *const names[] = {"schema.registry", "schema.registry.username",
                                        "schema.registry.password"};
    wr_str *to[] = {&registry->url, &registry->user, &registry->password};
    for (size_t i = 0; i < WR_COUNT(names); i++) {
        WR_TRY(wr_option_text(given, rows, names[i], &text[i], NULL));
        if (memchr(text[i].data, 0, text[i].length))
            return wr_fail_at(WR_E_PARAMETER_VALUE, wr_kafka_option_span(given, rows, names[i]),
                              "the option \"%s\" has a NUL byte", names[i]);
        *to[i] = wr_arena_str(arena, text[i]);
    }
    bool has_user = registry->user.length > 0, has_password = registry->password.length > 0;
    if (has_user != has_password || (has_user && !registry->url.length))
        return wr_fail(WR_E_PARAMETER_VALUE,
                       "user and password of the schema registry are given both, with its address");
    bool is_url = wr_str_has_prefix(registry->url, WR_STR("http://")) ||
                  wr_str_has_prefix(registry->url, WR_STR("https://"));
    if (registry->url.length && !is_url)
        return wr_fail_at(WR_E_PARAMETER_VALUE, wr_kafka_option_span(given, rows, names[0]),
                          "a schema registry has an address of http:// or https://");
    return WR_OK;
}

weir_status wr_kafka_avro_config_read(kafka_avro_config *config, bool is_avro,
                                      const wr_options *given, const wr_opt *rows, wr_arena *arena)
{
    wr_str text;
    if (!is_avro) return refuse_avro(given, rows);
    WR_TRY(read_registry(&config->registry, given, rows, arena));
    WR_TRY(wr_option_text(given, rows, "avro.schema", &text, NULL));
    config->text = wr_arena_str(arena, text);
    wr_span span = wr_kafka_option_span(given, rows, "avro.schema");
    if (text.length)
        WR_TRY(wr_with_span(wr_avro_schema(config->text, arena, &config->schema), span));
    if (config->schema && config->schema->kind != AVRO_RECORD)
        return wr_fail_at(WR_E_BAD_VALUE, span, "the Avro schema of rows must be a record");
    return WR_OK;
}
