/* encode.h - rows as messages of a sink. */
#pragma once
#include "base/map.h"
#include "conn/kafka/kafka.h"

typedef enum kafka_partitioner { KAFKA_BY_KEY, KAFKA_ROUND_ROBIN, KAFKA_FIRST } kafka_partitioner;

typedef struct kafka_target {
    wr_target base;
    wr_arena arena;
    kafka_config config;
    kafka_format format;
    wr_options format_options;
    int *key_columns; /* of which the key of a message is made */
    int key_count;
    int *value_columns; /* of which the payload is made */
    wr_schema value;    /* these */
    kafka_avro_config avro;
    int *avro_columns; /* field of the schema -> column of value */
    kafka_partitioner partitioner;
    wr_str prefix; /* of the names of transactions */
} kafka_target;

/* Messages as bytes, one behind the other, in the order they are sent. */
typedef struct kafka_encoder {
    const kafka_target *target;
    wr_fs *memory;
    wr_mem *mem; /* counts bytes; NULL: nobody does */
    wr_buf messages, text, key;
    bool has_number; /* payloads begin with that of their schema */
    uint32_t number;
    uint64_t count; /* of messages */
    size_t charged;
    wr_map tombstones; /* keys whose last message is one -> its place + 1 */
    wr_arena keys;     /* of these */
} kafka_encoder;

/* target outlives it. */
void wr_kafka_encoder_init(kafka_encoder *encoder, const kafka_target *target, wr_mem *mem);
void wr_kafka_encoder_clear(kafka_encoder *encoder);
/* Adds the rows. A row that is taken back becomes a message without payload, unless a row of its
 * key follows before the messages are taken. MEMORY_LIMIT. */
WR_MUST_CHECK weir_status wr_kafka_encode(kafka_encoder *encoder, const wr_delta *delta);
/* The messages are somewhere else: it is empty again. */
void wr_kafka_encoder_reset(kafka_encoder *encoder);

/* One message of the bytes; key or payload without address: it has none. */
typedef struct kafka_encoded {
    wr_str key, payload;
    bool is_dropped; /* a later one stands for it */
} kafka_encoded;
/* Takes the message at the front; false: the bytes are damaged. */
bool wr_kafka_take_encoded(wr_str *from, kafka_encoded *out);
