/* write.h - writing Arrow IPC. */
#pragma once
#include "fmt/arrow/ipc.h"
#include "spi/format.h"
#include "enc/codec.h"
#include "enc/compress.h"

extern const wr_opt wr_ipc_write_options[];
/* Begins a file; spi/format.h says what a writer does. */
WR_MUST_CHECK weir_status wr_ipc_writer_new(wr_format_context *context, wr_file *file,
                                            const wr_schema *schema, const wr_options *options,
                                            wr_writer **out);

/* Growing bytes of a budget. */
typedef struct wr_ipc_bytes {
    wr_mem *mem;
    uint8_t *at;
    size_t size, cap;
} wr_ipc_bytes;
WR_MUST_CHECK weir_status wr_ipc_bytes_add(wr_ipc_bytes *bytes, const void *from, size_t size);
void wr_ipc_bytes_clear(wr_ipc_bytes *bytes);

typedef struct wr_ipc_encoder {
    wr_ipc_bytes body, raw;      /* raw: the buffer being made */
    bool is_compressed, is_zstd; /* zstd, else lz4 frames */
    int level;
    wr_codec_state codec;
    wr_arena arena;            /* of the message */
    WR_LIST(int64_t) nodes;    /* length and number of NULLs per field */
    WR_LIST(int64_t) buffers;  /* offset and size */
    WR_LIST(int64_t) variadic; /* buffers per column of views */
} wr_ipc_encoder;

/* Starts a batch: forgets the last one. */
void wr_ipc_encode_begin(wr_ipc_encoder *encoder);
/* Appends a column: the arrays of count parts, as col exports them, one after the other, in the
 * layout of schema. */
WR_MUST_CHECK weir_status wr_ipc_encode_column(wr_ipc_encoder *encoder,
                                               const struct ArrowSchema *schema,
                                               const struct ArrowArray *const *parts, int count);
/* The metadata of the batch, a whole message; dictionary NULL: a record batch. It lives until the
 * next begin. The body is encoder->body, a multiple of 8 bytes. */
wr_str wr_ipc_encode_message(wr_ipc_encoder *encoder, int64_t rows, const int64_t *dictionary_id);
void wr_ipc_encode_clear(wr_ipc_encoder *encoder);
