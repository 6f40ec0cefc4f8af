/* flat.h - FlatBuffers as far as Arrow's messages use them: tables read in place, and a builder. */
#pragma once
#include "base/arena.h"

/* Borrowed bytes being read. Every access is checked; malformed ones set bad, which stays set, and
 * give zero values, so that a caller asks once at the end. One thread. */
typedef struct wr_flat {
    const uint8_t *bytes;
    size_t size;
    bool bad;
} wr_flat;

/* A table; at 0 = absent, all of its fields then have their defaults. */
typedef struct wr_flat_table {
    wr_flat *in;
    uint32_t at, vtable;
    uint16_t vtable_size, size;
} wr_flat_table;

/* count elements of element_size bytes begin at at; all lie inside the bytes. */
typedef struct wr_flat_vector {
    wr_flat *in;
    uint32_t at, count, element_size;
} wr_flat_vector;

/* The root table of the message; absent when the bytes are malformed. */
wr_flat_table wr_flat_root(wr_flat *in);
/* A signed integer of 1, 2, 4 or 8 bytes in slot number slot, or fallback if it is not there. */
int64_t wr_flat_int(wr_flat_table table, int slot, int size, int64_t fallback);
wr_flat_table wr_flat_sub(wr_flat_table table, int slot);
/* Borrowed; data NULL if it is not there. */
wr_str wr_flat_text(wr_flat_table table, int slot);
wr_flat_vector wr_flat_list(wr_flat_table table, int slot, uint32_t element_size);
/* Element i of a vector of tables, which has elements of 4 bytes. i < count. */
wr_flat_table wr_flat_list_table(wr_flat_vector vector, uint32_t i);
/* A signed integer of 4 or 8 bytes at byte offset of element i. i < count. */
int64_t wr_flat_list_int(wr_flat_vector vector, uint32_t i, uint32_t offset, int size);

/* Builds from the leaves to the root, from the last byte to the first. A reference is the distance
 * of a finished object from the end. Zeroed but for the arena = empty. */
enum { WR_FLAT_SLOTS = 8 };
typedef struct wr_flat_out {
    wr_arena *arena;
    uint8_t *bytes; /* the last used ones of cap are the message so far */
    size_t cap, used;
    uint32_t slots[WR_FLAT_SLOTS];
    uint32_t table_start;
} wr_flat_out;

/* Copies the text, with a NUL behind; gives a reference. */
uint32_t wr_flat_put_text(wr_flat_out *out, wr_str text);
/* count elements of size bytes, aligned to align. */
uint32_t wr_flat_put_list(wr_flat_out *out, const void *elements, size_t count, size_t size,
                          size_t align);
uint32_t wr_flat_put_refs(wr_flat_out *out, const uint32_t *refs, size_t count);
/* A table: begin, its fields, end. What it refers to is built before begin. */
void wr_flat_begin(wr_flat_out *out);
void wr_flat_set_int(wr_flat_out *out, int slot, int size, int64_t value);
void wr_flat_set_ref(wr_flat_out *out, int slot, uint32_t ref);
uint32_t wr_flat_end(wr_flat_out *out);
/* The finished bytes with root as their root, a multiple of 8; they live as long as the arena. */
wr_str wr_flat_finish(wr_flat_out *out, uint32_t root);
