/* avro.h - Avro's schemas, and its binary form read as JSON and written from columns.
 *
 *   avro.c  schemas   avro_read.c  bytes -> JSON   avro_write.c  columns -> bytes */
#pragma once
#include "col/batch.h"

typedef enum avro_kind {
    AVRO_NULL,
    AVRO_BOOLEAN,
    AVRO_INT,
    AVRO_LONG,
    AVRO_FLOAT,
    AVRO_DOUBLE,
    AVRO_BYTES,
    AVRO_STRING,
    AVRO_RECORD,
    AVRO_ENUM,
    AVRO_ARRAY,
    AVRO_MAP,
    AVRO_UNION,
    AVRO_FIXED,
} avro_kind;

typedef enum avro_logical {
    AVRO_PLAIN,
    AVRO_DATE,
    AVRO_TIME_MILLIS,
    AVRO_TIME_MICROS,
    AVRO_TIMESTAMP_MILLIS,
    AVRO_TIMESTAMP_MICROS,
    AVRO_DECIMAL,
} avro_logical;

typedef struct avro_node avro_node;
struct avro_node {
    avro_kind kind;
    avro_logical logical;
    int scale, precision; /* of decimals */
    uint64_t size;        /* FIXED: bytes */
    wr_str name;          /* RECORD, ENUM, FIXED: with its namespace */
    avro_node **parts; /* RECORD: types of fields; UNION: branches; ARRAY, MAP: one, of elements */
    wr_str *names;     /* RECORD: fields; ENUM: symbols */
    int count;         /* of parts, or of symbols */
};

/* Reads a schema; all of it lives in arena. BAD_VALUE, saying what is wrong. Types may contain
 * themselves. */
WR_MUST_CHECK weir_status wr_avro_schema(wr_str text, wr_arena *arena, const avro_node **out);
/* The schema of rows with these columns, every field NULL or a value; appended as JSON. name: of
 * the record. */
void wr_avro_schema_of(const wr_schema *schema, wr_str name, wr_buf *out);

/* The columns that a record read as JSON has: what has no type of its own in SQL is JSON. */
void wr_avro_columns(const avro_node *record, wr_arena *arena, wr_schema *out);

/* Appends the value that bytes hold, all of them, as JSON without line ends. Bytes and fixed become
 * text with a character per byte; moments and decimals are written as SQL has them. False: *why
 * (static) says what is wrong; what was appended is rubbish. */
bool wr_avro_to_json(const avro_node *node, wr_str bytes, wr_buf *out, const char **why);

/* How columns become fields of a record: field k is column columns[k], -1 = always NULL. Fails with
 * TYPE_MISMATCH or UNKNOWN_COLUMN where they do not fit. columns has room for the fields. */
WR_MUST_CHECK weir_status wr_avro_match(const avro_node *record, const wr_schema *schema,
                                        int *columns);
/* Appends row of the batch as the record. OUT_OF_RANGE, NOT_NULL_VIOLATION or BAD_VALUE if a value
 * does not fit. */
WR_MUST_CHECK weir_status wr_avro_write(const avro_node *record, const int *columns,
                                        const wr_batch *batch, uint32_t row, wr_buf *out);
