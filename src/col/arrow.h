/* arrow.h - the Arrow C Data Interface (structures after its specification) and conversion in both
 * directions.
 *
 * Export copies what Arrow lays out differently (booleans to bits, narrow widths and bases to the
 * declared width, text views to buffer index + offset); it keeps dictionaries as they are when
 * asked. Import borrows fixed-width data, text bytes and validity (when aligned) and keeps the
 * producer's array alive until the batch is released. */
#pragma once
#include "col/batch.h"

#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE
#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE 2
#define ARROW_FLAG_MAP_KEYS_SORTED 4
struct ArrowSchema {
    const char *format, *name, *metadata;
    int64_t flags, n_children;
    struct ArrowSchema **children, *dictionary;
    void (*release)(struct ArrowSchema *);
    void *private_data;
};
struct ArrowArray {
    int64_t length, null_count, offset, n_buffers, n_children;
    const void **buffers;
    struct ArrowArray **children, *dictionary;
    void (*release)(struct ArrowArray *);
    void *private_data;
};
#endif
#ifndef ARROW_C_STREAM_INTERFACE
#define ARROW_C_STREAM_INTERFACE
struct ArrowArrayStream {
    int (*get_schema)(struct ArrowArrayStream *, struct ArrowSchema *out);
    int (*get_next)(struct ArrowArrayStream *, struct ArrowArray *out);
    const char *(*get_last_error)(struct ArrowArrayStream *);
    void (*release)(struct ArrowArrayStream *);
    void *private_data;
};
#endif

/* The schema as a struct type whose children are the columns. Caller releases. */
WR_MUST_CHECK weir_status wr_arrow_export_schema(const wr_schema *schema, struct ArrowSchema *out);
/* Copies the selected rows out as one struct array that owns all its memory. Caller releases. Any
 * thread. */
WR_MUST_CHECK weir_status wr_arrow_export_batch(const wr_schema *schema, const wr_batch *batch,
                                                struct ArrowArray *out);

/* The same of one column; in has dense rows. */
WR_MUST_CHECK weir_status wr_arrow_export_column(const wr_column *in, struct ArrowArray *out);

/* Reads a schema; names and types are copied to the arena. Fails with UNSUPPORTED for types weir
 * has no equal of. */
WR_MUST_CHECK weir_status wr_arrow_import_schema(const struct ArrowSchema *schema, wr_arena *arena,
                                                 wr_schema *out);
/* Views rows [from, from+count), count <= WR_BATCH_ROWS, of a struct array as a batch; borrows from
 * array as far as the layouts allow, the rest comes from arena. Offsets and lengths are checked. */
WR_MUST_CHECK weir_status wr_arrow_import_rows(const struct ArrowSchema *schema,
                                               const struct ArrowArray *array, int64_t from,
                                               uint32_t count, wr_arena *arena, wr_batch *out);
/* One column of it, any count below 2^31; the rules are those of wr_arrow_import_rows. */
WR_MUST_CHECK weir_status wr_arrow_import_column(const struct ArrowSchema *schema,
                                                 const struct ArrowArray *array, int64_t from,
                                                 uint32_t count, wr_arena *arena, wr_column *out);
/* Makes out stand for a dictionary of length values that was imported as the FLAT column flat, so
 * that many arrays refer to it without importing it again; flat->dict_id becomes the identity of
 * the dictionary. flat has at least one row and outlives out. */
void wr_arrow_ready_dictionary(const wr_column *flat, int64_t length, struct ArrowArray *out);
