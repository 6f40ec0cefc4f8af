/* column.h - a column of values in memory: the one data structure everything works on.
 *
 * A column has a logical type and, per batch, a physical form: form (FLAT, CONSTANT, DICTIONARY) x
 * phys (width). A BIGINT or DECIMAL column may arrive as I8 + base; readers go through
 * wr_column_flat_* or the kernels of kern, never assume type->phys. Allowed narrowing: int-like
 * types (wr_type_is_int_like) may use I8, I16, I32, I64 (or their full type->phys); every other
 * type uses exactly type->phys.
 *
 *   value(i) of FLAT       = data[i] + base            (base only for int-like narrow forms; 0
 * otherwise) value(i) of CONSTANT   = data[0] + base            (validity bit 0 says whether it is
 * NULL) value(i) of DICTIONARY = value(codes[i]) of dict   (codes in data: U8/U16/U32 by code_phys;
 * NULL by this column's validity, or by the dict's; dict is always FLAT)
 *
 * Validity: one bit per row, 1 = present, least significant bit first, 64-bit words, bit 0 = row 0;
 * NULL pointer = no NULLs. Bits past rows may be anything. Values at NULL rows are defined memory
 * but may be any value (views at NULL rows are safe to copy, not to follow).
 *
 * Rows of nested types: LIST row i = child rows [slot.offset, slot.offset + slot.length). Children
 * are flat or dictionary columns of their own with their own validity.
 *
 * Ownership: a wr_column is a view. Memory behind it lives in arenas, scan buffers or refcounted
 * wr_buffers; who hands a column out says how long it lives (in the engine: until the next call to
 * the same producer). Whoever needs it longer copies it into its own memory (wr_column_copy,
 * exec/rows.h). */
#pragma once
#include "base/mem.h"
#include "base/date.h"
#include "base/int128.h"
#include "col/type.h"

#ifndef WR_BATCH_ROWS
#define WR_BATCH_ROWS 2048
#endif
#define WR_BATCH_WORDS ((WR_BATCH_ROWS + 63) / 64)

/* Text and bytes: up to 12 bytes inline, else the first 4 and a pointer. Unused inline bytes are
 * zero, so two inline views are equal exactly when their 16 bytes are. */
typedef union wr_view {
    struct {
        uint32_t length;
        char inlined[12];
    };
    struct {
        uint32_t length_;
        char prefix[4];
        const char *pointer;
    };
    uint64_t words[2];
} wr_view;
_Static_assert(sizeof(wr_view) == 16, "a view is 16 bytes");

static inline const char *wr_view_bytes(const wr_view *v)
{
    return v->length <= 12 ? v->inlined : v->pointer;
}
static inline wr_str wr_view_str(const wr_view *v) { return (wr_str){wr_view_bytes(v), v->length}; }
/* Borrows bytes when longer than 12. */
static inline wr_view wr_view_of(const char *bytes, size_t length)
{
    wr_view v = {.words = {0, 0}};
    v.length = (uint32_t)length;
    if (length > 12) {
        memcpy(v.prefix, bytes, 4);
        v.pointer = bytes;
    } else if (length) { /* empty text may have no address */
        memcpy(v.inlined, bytes, length);
    }
    return v;
}
static inline bool wr_view_eq(const wr_view *a, const wr_view *b)
{
    if (a->words[0] != b->words[0]) return false; /* length and first 4 bytes */
    if (a->length <= 12) return a->words[1] == b->words[1];
    return a->pointer == b->pointer || memcmp(a->pointer, b->pointer, a->length) == 0;
}
int wr_view_cmp(const wr_view *a, const wr_view *b); /* byte order, shorter first */

typedef struct wr_list_slot {
    uint32_t offset, length;
} wr_list_slot;

typedef enum wr_form { WR_FLAT, WR_CONSTANT, WR_DICTIONARY } wr_form;

typedef struct wr_column wr_column;
struct wr_column {
    const wr_type *type;
    uint8_t form; /* wr_form */
    uint8_t phys; /* wr_phys of data (DICTIONARY: of the codes, U8, U16 or U32) */
    bool
        has_bounds; /* lo and hi hold for every non-NULL value (after adding base); int-like only */
    bool sorted;    /* ascending within this batch, NULLs last */
    uint32_t rows;  /* logical rows; CONSTANT has data for one */
    void *data;
    uint64_t *valid; /* NULL: no NULLs */
    int64_t base;    /* frame of reference, added to each value */
    int64_t lo, hi;
    wr_column *children;   /* LIST/ARRAY/MAP: 1, STRUCT: field_count */
    const wr_column *dict; /* DICTIONARY: FLAT column of distinct-enough values; same pointer = same
                              dictionary */
    uint64_t dict_id;      /* identity of the dictionary across batches; 0 = unknown */
};

static inline bool wr_bit_get(const uint64_t *bits, size_t i)
{
    return bits[i >> 6] >> (i & 63) & 1;
}
static inline void wr_bit_set(uint64_t *bits, size_t i) { bits[i >> 6] |= UINT64_C(1) << (i & 63); }
static inline void wr_bit_clear(uint64_t *bits, size_t i)
{
    bits[i >> 6] &= ~(UINT64_C(1) << (i & 63));
}

/* True if row i is NULL (through constants and dictionaries). For single values, not for loops over
 * rows. */
bool wr_column_is_null(const wr_column *c, uint32_t i);
/* Every row of c is present. Cheap: may say false although it is so. */
bool wr_column_has_no_nulls(const wr_column *c);

/* Single values for printing, tests and cold paths. */
int64_t wr_column_int(const wr_column *c,
                      uint32_t i); /* int-like up to 64 bits, BOOLEAN, ENUM codes */
/* Writes the value at the full width of a flat column that was made for any int-like type. */
static inline void wr_column_put_i128(wr_column *c, uint32_t i, wr_i128 value)
{
    switch (wr_phys_size((wr_phys)c->phys)) {
    case 1:
        ((uint8_t *)c->data)[i] = (uint8_t)value;
        break;
    case 2:
        ((uint16_t *)c->data)[i] = (uint16_t)value;
        break;
    case 4:
        ((uint32_t *)c->data)[i] = (uint32_t)value;
        break;
    case 8:
        ((uint64_t *)c->data)[i] = (uint64_t)value;
        break;
    default:
        ((wr_i128 *)c->data)[i] = value;
    }
}
wr_i128 wr_column_i128(const wr_column *c, uint32_t i); /* any int-like, UUID */
double wr_column_f64(const wr_column *c, uint32_t i);   /* REAL, DOUBLE */
wr_view wr_column_view(const wr_column *c, uint32_t i); /* text-like with VIEW storage */
/* Resolves form: the flat column and row that hold row i. */
const wr_column *wr_column_at(const wr_column *c, uint32_t i, uint32_t *row);

/* New columns in an arena, or with counted memory through mem when mem is not NULL (freed with the
 * arena owner's discipline: see wr_batch_new). Data is allocated for cap rows at phys; validity on
 * demand. */
void wr_column_init(wr_column *c, wr_arena *arena, const wr_type *type, wr_phys phys, uint32_t cap);
/* Makes validity present and all 1 for cap rows if it is NULL, and returns it. */
uint64_t *wr_column_need_valid(wr_column *c, wr_arena *arena, uint32_t cap);

/* Turns any form into FLAT at exactly type->phys with base 0 (out may alias nothing). Only the rows
 * in sel (NULL: all) are defined afterwards, at their own positions. Text pointers are borrowed.
 * Memory from arena. */
void wr_column_flatten(const wr_column *in, const uint16_t *sel, uint32_t sel_count,
                       wr_arena *arena, wr_column *out);
/* Like flatten but gives rows 0...sel_count-1 (compacts), keeps dictionaries and narrow widths. */
void wr_column_gather(const wr_column *in, const uint16_t *sel, uint32_t sel_count, wr_arena *arena,
                      wr_column *out);
/* Deep copy of rows [from, from+count), text and children included, into arena. */
void wr_column_copy(const wr_column *in, uint32_t from, uint32_t count, wr_arena *arena,
                    wr_column *out);
/* The same of rows sel[0...count). */
void wr_column_copy_rows(const wr_column *in, const uint16_t *sel, uint32_t count, wr_arena *arena,
                         wr_column *out);
/* Puts rows of several columns of one type together: row i of out is row rows[i] of
 * *sources[which[i]]; NULL where which[i] is UINT32_MAX. out is FLAT at type->phys, its text is
 * borrowed from the sources. */
void wr_column_stitch(const wr_type *type, const wr_column *const *sources, uint32_t source_count,
                      const uint32_t *which, const uint32_t *rows, uint32_t count, wr_arena *arena,
                      wr_column *out);
/* A view of rows [from, from+count); from must be a multiple of 64 unless there is no validity
 * bitmap, and 0 for flat ARRAY and STRUCT columns (use part for these). */
void wr_column_slice(const wr_column *in, uint32_t from, uint32_t count, wr_column *out);
/* The same for any column and any from; what cannot be viewed (shifted validity, arrays of
 * children) is made in arena. */
void wr_column_part(const wr_column *in, uint32_t from, uint32_t count, wr_arena *arena,
                    wr_column *out);

/* Prints the value at row i as SQL shows it in results (text unquoted; inside nested values quoted
 * as PostgreSQL/DuckDB would); NULL prints as "NULL" inside nested values; callers handle top-level
 * NULL. tz_zone NULL = UTC. */
void wr_column_print(const wr_column *c, uint32_t i, wr_buf *out);
/* The same as a JSON value. */
void wr_column_print_json(const wr_column *c, uint32_t i, wr_buf *out);
/* Order of two values of the same logical type as ORDER BY ASC has it; NULL greater than
 * everything; nested values element by element; NaN greater than all numbers. */
int wr_column_cmp(const wr_column *a, uint32_t i, const wr_column *b, uint32_t j);
/* Hash equal for values that compare equal, whatever form, width or base they have. For cold paths;
 * the hot one is kern's and gives the same numbers. */
uint64_t wr_column_hash(const wr_column *c, uint32_t i);
/* Flat integers in any int form as signed 64 bits, base added: out[i] for every row of sel (NULL:
 * 0...count-1), at its own position. c must be FLAT and hold at most 64 bits. */
void wr_column_flat_i64(const wr_column *c, const uint16_t *sel, uint32_t count, int64_t *out);
/* UUIDs are stored as the big-endian number of their 16 bytes with the top bit flipped, so that
 * signed order is byte order. read accepts the usual spellings; print writes 36 bytes and
 * returns 36. */
bool wr_uuid_read(wr_str text, wr_i128 *out);
int wr_uuid_print(wr_i128 value, char *out);
wr_i128 wr_uuid_of_bytes(const uint8_t bytes[16]);
void wr_uuid_bytes(wr_i128 value, uint8_t out[16]);
/* Sets dictionary identity source: a process-wide counter. */
uint64_t wr_dict_id_next(void);
