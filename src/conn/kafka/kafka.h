/* kafka.h - what the parts of the connector share.
 *
 *   kafka.c  the connector, options of the source   target.c  those of the sink
 *   options.c  those of both   api.c  librdkafka, loaded when it is needed
 *   client.c  a connection to a cluster and what goes wrong with it   read.c  the source
 *   group.c  processes that share partitions   debezium.c  changes of a database
 *   decode.c, text.c  messages -> rows   sink.c  the sink   encode.c  rows -> messages
 *   avro.c, avro_read.c, avro_write.c  Avro   registry.c  its schemas by number, over HTTP */
#pragma once
#include "conn/kafka/registry.h"
#include "spi/connector.h"
#include "sys/module.h"
#include <librdkafka/rdkafka.h>

/* ---- api.c ---- */
/* Every function of librdkafka that is used. */
#define KAFKA_FUNCTIONS(X)                      \
    X(rd_kafka_conf_new)                        \
    X(rd_kafka_conf_destroy)                    \
    X(rd_kafka_conf_set)                        \
    X(rd_kafka_conf_set_error_cb)               \
    X(rd_kafka_conf_set_log_cb)                 \
    X(rd_kafka_conf_set_dr_msg_cb)              \
    X(rd_kafka_conf_set_opaque)                 \
    X(rd_kafka_conf_set_rebalance_cb)           \
    X(rd_kafka_new)                             \
    X(rd_kafka_destroy_flags)                   \
    X(rd_kafka_poll)                            \
    X(rd_kafka_err2str)                         \
    X(rd_kafka_last_error)                      \
    X(rd_kafka_fatal_error)                     \
    X(rd_kafka_topic_new)                       \
    X(rd_kafka_topic_destroy)                   \
    X(rd_kafka_metadata)                        \
    X(rd_kafka_metadata_destroy)                \
    X(rd_kafka_query_watermark_offsets)         \
    X(rd_kafka_get_watermark_offsets)           \
    X(rd_kafka_offsets_for_times)               \
    X(rd_kafka_topic_partition_list_new)        \
    X(rd_kafka_topic_partition_list_add)        \
    X(rd_kafka_topic_partition_list_copy)       \
    X(rd_kafka_topic_partition_list_destroy)    \
    X(rd_kafka_queue_new)                       \
    X(rd_kafka_queue_destroy)                   \
    X(rd_kafka_queue_cb_event_enable)           \
    X(rd_kafka_consume_start_queue)             \
    X(rd_kafka_consume_stop)                    \
    X(rd_kafka_consume_batch_queue)             \
    X(rd_kafka_message_destroy)                 \
    X(rd_kafka_message_timestamp)               \
    X(rd_kafka_message_headers)                 \
    X(rd_kafka_header_get_all)                  \
    X(rd_kafka_poll_set_consumer)               \
    X(rd_kafka_subscribe)                       \
    X(rd_kafka_consumer_poll)                   \
    X(rd_kafka_consumer_close)                  \
    X(rd_kafka_assign)                          \
    X(rd_kafka_assignment_lost)                 \
    X(rd_kafka_consumer_group_metadata)         \
    X(rd_kafka_clusterid)                       \
    X(rd_kafka_mem_free)                        \
    X(rd_kafka_commit)                          \
    X(rd_kafka_event_destroy)                   \
    X(rd_kafka_queue_poll)                      \
    X(rd_kafka_commit_queue)                    \
    X(rd_kafka_committed)                       \
    X(rd_kafka_produce)                         \
    X(rd_kafka_flush)                           \
    X(rd_kafka_purge)                           \
    X(rd_kafka_init_transactions)               \
    X(rd_kafka_begin_transaction)               \
    X(rd_kafka_commit_transaction)              \
    X(rd_kafka_abort_transaction)               \
    X(rd_kafka_send_offsets_to_transaction)     \
    X(rd_kafka_consumer_group_metadata_new)     \
    X(rd_kafka_consumer_group_metadata_destroy) \
    X(rd_kafka_error_code)                      \
    X(rd_kafka_error_string)                    \
    X(rd_kafka_error_is_fatal)                  \
    X(rd_kafka_error_is_retriable)              \
    X(rd_kafka_error_txn_requires_abort)        \
    X(rd_kafka_error_destroy)
typedef struct kafka_api {
    KAFKA_FUNCTIONS(WR_MODULE_SLOT)
} kafka_api;
/* Loads the library once. MISSING_LIBRARY. Any thread. */
WR_MUST_CHECK weir_status wr_kafka_api(const kafka_api **out);

/* ---- kafka.c ---- */
/* A setting of librdkafka. */
typedef struct kafka_property {
    const char *name, *value;
    bool is_secret;
} kafka_property;

/* What source and sink are told alike. Texts end with a NUL and live in the owner's arena. */
typedef struct kafka_config {
    wr_str brokers, topic, group; /* group: empty = none given */
    WR_LIST(kafka_property) properties;
    int timeout_ms; /* for the first answer of the brokers */
} kafka_config;

typedef enum kafka_format {
    KAFKA_JSON,
    KAFKA_CSV,
    KAFKA_RAW,
    KAFKA_AVRO,
    KAFKA_DEBEZIUM, /* JSON; sources only */
} kafka_format;

typedef struct kafka_avro_config {
    wr_str text;             /* of the schema; empty: none given */
    const avro_node *schema; /* of it; a record */
    kafka_registry_config registry;
} kafka_avro_config;

typedef enum kafka_field { /* what a column is made of */
                           KAFKA_PAYLOAD,
                           KAFKA_KEY,
                           KAFKA_TOPIC,
                           KAFKA_PARTITION,
                           KAFKA_OFFSET,
                           KAFKA_TIMESTAMP,
                           KAFKA_HEADERS,
                           KAFKA_FIELD_COUNT,
} kafka_field;

typedef enum kafka_start { KAFKA_EARLIEST, KAFKA_LATEST, KAFKA_AT_TIME } kafka_start;
typedef enum kafka_tombstones { KAFKA_SKIP, KAFKA_NULL, KAFKA_BAD } kafka_tombstones;

typedef struct kafka_source {
    wr_source base;
    wr_arena arena;
    kafka_config config;
    kafka_format format;
    wr_options format_options; /* of the text format below */
    kafka_avro_config avro;
    kafka_field *fields; /* per column */
    bool *is_key;        /* per column: of the primary key, or not of the payload */
    kafka_start start;
    int64_t start_ms;
    kafka_tombstones tombstones;
    int64_t discover_ns; /* how often to look for new partitions; 0: never */
} kafka_source;

/* ---- client.c ---- */
typedef struct kafka_client kafka_client;
struct kafka_client {
    const kafka_api *api;
    const kafka_config *config;
    rd_kafka_t *rk;
    rd_kafka_topic_t *topic;
    int partition_count;
    /* What librdkafka said last about the connection; is_refused: it will not get better. */
    char said[512];
    bool is_refused, has_topic; /* has_topic: brokers have answered once */
    const wr_cancel *cancel;
    /* Of a producer: messages that could not be delivered since the last transaction or flush. */
    uint64_t undelivered;
    rd_kafka_resp_err_t undelivered_why;
    /* Of a member of a group: called while it is polled. */
    void (*on_change)(kafka_client *client, rd_kafka_resp_err_t what,
                      rd_kafka_topic_partition_list_t *partitions);
    void *owner;
};

typedef enum kafka_role { KAFKA_CONSUMER, KAFKA_PRODUCER, KAFKA_MEMBER } kafka_role;

/* Connects and finds the topic. own: settings besides those of config, ended by a NULL name; config
 * and cancel outlive the client. CONNECTION when the brokers do not answer in time or refuse us or
 * have no such topic; PARAMETER_VALUE for a setting librdkafka does not take. One thread. */
WR_MUST_CHECK weir_status wr_kafka_client_open(const kafka_config *config, kafka_role role,
                                               const kafka_property *own, const wr_cancel *cancel,
                                               kafka_client **out);
void wr_kafka_client_close(kafka_client *client);
WR_DEFINE_CLEANUP(kafka_client, wr_kafka_client_close)
/* Asks how many partitions there are now; what was known stays when nobody answers within
 * timeout_ms. CONNECTION if the topic is gone. */
WR_MUST_CHECK weir_status wr_kafka_count_partitions(kafka_client *client, int timeout_ms);
/* CONNECTION with what librdkafka said of late, if it will not get better. */
WR_MUST_CHECK weir_status wr_kafka_check(const kafka_client *client);
/* "cannot <doing>: <reason>" with the code for it. */
WR_MUST_CHECK weir_status wr_kafka_failed(const kafka_client *client, const char *doing,
                                          rd_kafka_resp_err_t error);

/* ---- decode.c ---- */
typedef struct kafka_decoder kafka_decoder;
/* request and source outlive it. */
WR_MUST_CHECK weir_status wr_kafka_decoder_new(kafka_source *source,
                                               const wr_reader_request *request,
                                               kafka_decoder **out);
void wr_kafka_decoder_drop(kafka_decoder *decoder);
WR_DEFINE_CLEANUP(kafka_decoder, wr_kafka_decoder_drop)
/* Takes up to WR_BATCH_ROWS messages without errors; they live until the rows of all of them were
 * taken. Messages that cannot be read go to the dead letters or fail with ROW_VALUE, saying where
 * they stand. */
WR_MUST_CHECK weir_status wr_kafka_decode(kafka_decoder *decoder,
                                          rd_kafka_message_t *const *messages, uint32_t count);
/* The next rows in the order of the messages, valid until the next call. *done: messages whose rows
 * have all been given, these included; *has false: no more rows (then all are done). */
WR_MUST_CHECK weir_status wr_kafka_decoded(kafka_decoder *decoder, wr_batch *out, uint32_t *done,
                                           bool *has);
/* +1 or -1 by physical row of the last batch; NULL: all appear. */
const int8_t *wr_kafka_changes(const kafka_decoder *decoder);
/* How many messages wr_kafka_decode takes at once. */
uint32_t wr_kafka_decode_max(const kafka_source *source);
/* Appends where a physical row of the last batch comes from: topic, partition and offset. */
void wr_kafka_locate(const kafka_decoder *decoder, uint32_t row, wr_buf *out);

/* ---- read.c, sink.c, target.c ---- */
extern const wr_source_def wr_kafka_source_def;
extern const wr_target_def wr_kafka_target_def;
extern const wr_opt wr_kafka_sink_options[];
WR_MUST_CHECK weir_status wr_kafka_sink(const wr_connect *connect, wr_target **out);
