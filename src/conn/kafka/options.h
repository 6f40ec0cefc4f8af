/* options.h - options that source and sink have alike, and reading them. */
#pragma once
#include "conn/kafka/kafka.h"

#define SECRET(name)                                                    \
    {                                                                   \
        "properties." name, WR_OPT_SECRET, NULL, "as librdkafka has it" \
    }
#define CONNECTION_OPTIONS                                                                    \
    {"properties.bootstrap.servers|properties.bootstrap.server|bootstrap.servers|"            \
     "bootstrap_servers|brokers",                                                             \
     WR_OPT_TEXT, NULL, "host:port of some brokers, by commas (required)"},                   \
        {"topic", WR_OPT_TEXT, NULL, "the topic (required)"},                                 \
        {"sasl_plain_username", WR_OPT_TEXT, NULL, "log in by SASL PLAIN"},                   \
        {"sasl_plain_password", WR_OPT_SECRET, NULL, "with this password"},                   \
        {"sasl_scram_username", WR_OPT_TEXT, NULL, "log in by SASL SCRAM"},                   \
        {"sasl_scram_password", WR_OPT_SECRET, NULL, "with this password"},                   \
        {"sasl_scram_mechanism", WR_OPT_TEXT, "sha-256", "sha-256 or sha-512"},               \
        {"connect_timeout_ms", WR_OPT_INT, "10000", "how long to wait for the first answer"}, \
        SECRET("sasl.password"), SECRET("ssl.key.password"), SECRET("ssl.key.pem"),           \
        SECRET("ssl.keystore.password"), SECRET("ssl.truststore.password"),                   \
        SECRET("sasl.oauthbearer.config"), SECRET("sasl.oauthbearer.client.secret"),          \
        SECRET("sasl.jaas.config"),                                                           \
    {                                                                                         \
        "properties.*", WR_OPT_ANY, NULL,                                                     \
            "settings of librdkafka: properties.security.protocol = 'sasl_ssl'"               \
    }

#define AVRO_OPTIONS                                                                           \
    {"avro.schema", WR_OPT_TEXT, NULL, "avro: the schema of payloads, as JSON"},               \
        {"schema.registry|schema.registry.url|schema_registry_url|avro-confluent.url",         \
         WR_OPT_TEXT, NULL, "avro: address of a schema registry; payloads name their schema"}, \
        {"schema.registry.username|schema_registry_basic_auth_user", WR_OPT_TEXT, NULL,        \
         "who asks the registry"},                                                             \
    {                                                                                          \
        "schema.registry.password|schema_registry_basic_auth_password", WR_OPT_SECRET, NULL,   \
            "with which password"                                                              \
    }

/* Where the value stands, if it was given. */
wr_span wr_kafka_option_span(const wr_options *given, const wr_opt *rows, const char *name);
/* One of the words, ended by NULL; its number in *out. PARAMETER_VALUE, naming them. */
WR_MUST_CHECK weir_status wr_kafka_option_word(const wr_options *given, const wr_opt *rows,
                                               const char *name, const char *const *words,
                                               int *out);
/* UNSUPPORTED, with a way out, for payloads that many have and weir does not read or write. */
WR_MUST_CHECK weir_status wr_kafka_refuse_format(const wr_options *given, const wr_opt *rows);
/* A text that must be given, without NUL bytes; ended by one, in arena. */
WR_MUST_CHECK weir_status wr_kafka_option_needed(const wr_options *given, const wr_opt *rows,
                                                 const char *name, wr_arena *arena, wr_str *out);
/* Milliseconds, at most a day. */
WR_MUST_CHECK weir_status wr_kafka_option_ms(const wr_options *given, const wr_opt *rows,
                                             const char *name, int64_t least, int64_t *out);
/* Brokers, topic and settings of librdkafka; texts in arena. Checks given against rows. */
WR_MUST_CHECK weir_status wr_kafka_config_read(kafka_config *config, const wr_options *given,
                                               const wr_opt *rows, wr_arena *arena);
/* What the format avro is told; refused for others. Texts in arena. */
WR_MUST_CHECK weir_status wr_kafka_avro_config_read(kafka_avro_config *config, bool is_avro,
                                                    const wr_options *given, const wr_opt *rows,
                                                    wr_arena *arena);
