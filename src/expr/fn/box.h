/* box.h - one value of any type inside an aggregate state, and growing lists of values. */
#pragma once
#include "base/int128.h"
#include "expr/fn.h"
#include "expr/fn/pick.h"

/* A zeroed box is empty. Long text and nested values live in the heap of the aggregation. */
typedef struct wr_box {
    union {
        uint64_t words[2]; /* fixed-width values, as in memory */
        wr_view view;
        const wr_column *nested; /* one row */
    };
    uint32_t cap; /* bytes of heap text owned, for reuse */
    uint8_t is_set, is_null;
    uint16_t spare;
} wr_box;

/* Stores row row of column (any form), which may be NULL. Fails with MEMORY_LIMIT. */
WR_MUST_CHECK weir_status wr_box_set(wr_aggregate_env *env, wr_box *box, const wr_column *column,
                                     uint32_t row);
WR_MUST_CHECK weir_status wr_box_copy(wr_aggregate_env *env, const wr_type *type, wr_box *into,
                                      const wr_box *from);
/* The box as a one-row column; *storage must live as long as the column. */
typedef struct wr_box_column {
    _Alignas(16) char bytes[16];
    uint64_t valid[1];
    wr_column column;
} wr_box_column;
const wr_column *wr_box_as_column(const wr_box *box, const wr_type *type, wr_box_column *storage);
/* Order as ORDER BY ASC has it, of a set box and a value. */
int wr_box_cmp(const wr_box *box, const wr_column *column, uint32_t row);
int wr_box_cmp_box(const wr_box *a, const wr_box *b, const wr_type *type);
/* Writes the boxes' values to rows 0...count-1 of out, empty ones as NULL. boxes[i] points
 * anywhere. */
void wr_box_write(wr_box *const *boxes, uint32_t count, const wr_type *type, wr_arena *arena,
                  wr_column *out);
void wr_box_save(const wr_box *box, const wr_type *type, wr_buf *out);
/* Takes its bytes from the front of *bytes; CORRUPT if they are malformed. */
WR_MUST_CHECK weir_status wr_box_load(wr_aggregate_env *env, const wr_type *type, wr_str *bytes,
                                      wr_box *box);
bool wr_bytes_take(wr_str *bytes, void *out, size_t size);

/* Growing list of boxes. */
typedef struct wr_box_list {
    wr_box *items;
    uint32_t count, cap;
} wr_box_list;
WR_MUST_CHECK weir_status wr_box_list_add(wr_aggregate_env *env, wr_box_list *list, wr_box **out);
WR_MUST_CHECK weir_status wr_box_list_merge(wr_aggregate_env *env, const wr_type *type,
                                            wr_box_list *into, const wr_box_list *from);
void wr_box_list_save(const wr_box_list *list, const wr_type *type, wr_buf *out);
WR_MUST_CHECK weir_status wr_box_list_load(wr_aggregate_env *env, const wr_type *type,
                                           wr_str *bytes, wr_box_list *list);
/* Grows heap memory of an aggregation, counted against its budget. */
WR_MUST_CHECK weir_status wr_agg_grow(wr_aggregate_env *env, void **ptr, size_t old_size,
                                      size_t new_size);

/* How many rows ahead loops over groups ask for the states of a group. */
enum { WR_AGG_AHEAD = 12 };

/* The FLAT form of an argument at type->phys: itself if it is, else flattened into scratch. */
static inline const wr_column *wr_agg_flat(const wr_column *in, const uint16_t *sel, uint32_t count,
                                           wr_arena *scratch)
{
    if (in->form == WR_FLAT && in->phys == in->type->phys && in->base == 0) return in;
    wr_column *flat = wr_new(scratch, wr_column);
    wr_column_flatten(in, sel, count, scratch, flat);
    return flat;
}
static inline bool wr_agg_is_null(const wr_column *c, uint32_t row)
{
    return c->valid && !wr_bit_get(c->valid, row);
}

/* update_one by way of update, where rows are costly anyway. One state for all rows: the pointers
 * of the grouped update all lead to it. */
static inline weir_status wr_agg_one_by_groups(wr_aggregate_env *env, const wr_column *args,
                                               const uint16_t *sel, uint32_t count, void *state,
                                               wr_arena *scratch)
{
    uint8_t **states = wr_new_array(scratch, uint8_t *, count + 1);
    for (uint32_t i = 0; i < count; i++)
        states[i] = (uint8_t *)state - env->state_offset;
    return env->call->fn->update(env, args, sel, count, states, scratch);
}
