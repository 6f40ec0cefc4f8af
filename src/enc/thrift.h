/* thrift.h - the Thrift compact protocol, as far as file formats use it for their metadata. */
#pragma once
#include "base/text.h"

typedef enum wr_thrift_type {
    WR_THRIFT_STOP,
    WR_THRIFT_TRUE,
    WR_THRIFT_FALSE,
    WR_THRIFT_BYTE,
    WR_THRIFT_I16,
    WR_THRIFT_I32,
    WR_THRIFT_I64,
    WR_THRIFT_DOUBLE,
    WR_THRIFT_BINARY,
    WR_THRIFT_LIST,
    WR_THRIFT_SET,
    WR_THRIFT_MAP,
    WR_THRIFT_STRUCT,
} wr_thrift_type;

/* Reads from borrowed bytes. After malformed or missing bytes bad is set and stays set; all calls
 * then return zero values, so a caller checks once at the end. One thread. */
typedef struct wr_thrift_in {
    const uint8_t *at, *end;
    bool bad;
    int depth;
} wr_thrift_in;

typedef struct wr_thrift_field {
    int16_t id;   /* 0 before the first field */
    uint8_t type; /* wr_thrift_type */
} wr_thrift_field;

/* Starts to read; the bytes must outlive in and what is borrowed from it. */
void wr_thrift_in_init(wr_thrift_in *in, const void *bytes, size_t size);
/* Steps to the next field of a struct; field must be zero before the first call and kept between
 * calls. False at the end of the struct or when bad. */
bool wr_thrift_next(wr_thrift_in *in, wr_thrift_field *field);
/* Values. The reader of a field checks the type first (wr_thrift_is) or skips it. */
bool wr_thrift_bool(const wr_thrift_field *field);
int64_t wr_thrift_int(wr_thrift_in *in,
                      const wr_thrift_field *field); /* any integer type; others: bad */
wr_str wr_thrift_binary(wr_thrift_in *in, const wr_thrift_field *field); /* borrowed */
/* Enters a list; *count elements of *type follow. Every count is checked against the bytes that are
 * left. */
uint32_t wr_thrift_list(wr_thrift_in *in, const wr_thrift_field *field, uint8_t *type);
/* One element of a list of integers, of binaries, of booleans. */
int64_t wr_thrift_element_int(wr_thrift_in *in, uint8_t type);
wr_str wr_thrift_element_binary(wr_thrift_in *in, uint8_t type);
bool wr_thrift_element_bool(wr_thrift_in *in, uint8_t type);
/* True when the field is a struct; otherwise marks bad. */
bool wr_thrift_enter(wr_thrift_in *in, const wr_thrift_field *field);
/* Steps over a value of the type, to a nesting of 32. */
void wr_thrift_skip(wr_thrift_in *in, uint8_t type);

/* Writes to a wr_buf. */
typedef struct wr_thrift_out {
    wr_buf *buf;
    int16_t last[16]; /* last field id per open struct */
    int depth;
} wr_thrift_out;

void wr_thrift_begin(wr_thrift_out *out); /* a struct that is the root or an element of a list */
void wr_thrift_end(wr_thrift_out *out);   /* closes any struct */
void wr_thrift_put_struct(wr_thrift_out *out, int16_t id); /* opens a struct field */
/* Fields of the open struct, by rising id. A list is followed by its count elements. */
void wr_thrift_put_bool(wr_thrift_out *out, int16_t id, bool v);
void wr_thrift_put_byte(wr_thrift_out *out, int16_t id, int8_t v);
void wr_thrift_put_i32(wr_thrift_out *out, int16_t id, int32_t v);
void wr_thrift_put_i64(wr_thrift_out *out, int16_t id, int64_t v);
void wr_thrift_put_binary(wr_thrift_out *out, int16_t id, wr_str v);
void wr_thrift_put_list(wr_thrift_out *out, int16_t id, uint8_t type, uint32_t count);
/* Elements of a list. */
void wr_thrift_add_int(wr_thrift_out *out, int64_t v);
void wr_thrift_add_bool(wr_thrift_out *out, bool v);
void wr_thrift_add_binary(wr_thrift_out *out, wr_str v);
