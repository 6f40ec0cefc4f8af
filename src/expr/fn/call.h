/* call.h - what every family of functions needs: walking the rows of a call, reading arguments,
 * writing text.
 *
 * Families read FLAT arguments at type->phys. WR_ROWS(i) visits the selected rows whose result is
 * not NULL yet, which for a strict function are the rows without NULL arguments. */
#pragma once
#include "expr/fn.h"

static inline uint32_t wr_call_count(const wr_call *call)
{
    return call->sel ? call->sel_count : call->rows;
}

static inline bool wr_next_row(const wr_call *call, const wr_column *out, uint32_t *k,
                               uint32_t *row)
{
    uint32_t count = wr_call_count(call);
    while (*k < count) {
        uint32_t i = call->sel ? call->sel[*k] : *k;
        ++*k;
        if (!out->valid || wr_bit_get(out->valid, i)) {
            *row = i;
            return true;
        }
    }
    return false;
}
/* Both need the names call and out of wr_fn_exec. */
#define WR_ROWS(i) for (uint32_t k_ = 0, i = 0; wr_next_row(call, out, &k_, &i);)
/* All selected rows, NULL or not: for functions that see NULLs. */
#define WR_ALL_ROWS(i)           \
    for (uint32_t k_ = 0, i = 0; \
         k_ < wr_call_count(call) && (i = call->sel ? call->sel[k_] : k_, true); k_++)

#define WR_ARG(call, a, T, i) (((const T *)(call)->args[a].data)[i])
#define WR_OUT(out, T, i) (((T *)(out)->data)[i])

/* Text or bytes of argument a; valid as long as the argument column. */
static inline wr_str wr_arg_str(const wr_call *call, int a, uint32_t i)
{
    return wr_view_str(&WR_ARG(call, a, wr_view, i));
}
static inline bool wr_arg_is_null(const wr_call *call, int a, uint32_t i)
{
    const wr_column *c = &call->args[a];
    return c->valid && !wr_bit_get(c->valid, i);
}
/* Makes row i of the result NULL. */
static inline void wr_out_null(const wr_call *call, wr_column *out, uint32_t i)
{
    wr_bit_clear(wr_column_need_valid(out, call->arena, call->rows), i);
}
/* Marks the row at fault and passes the error on. */
static inline weir_status wr_bad_row(wr_call *call, uint32_t i, weir_status status)
{
    call->bad_row = i;
    return status;
}
static inline void wr_out_str(wr_column *out, uint32_t i, wr_str s)
{
    WR_OUT(out, wr_view, i) = wr_view_of(s.data, s.length);
}

/* Writes a number that fits the result's type: any integer, DECIMAL or HUGEINT. */
void wr_out_int(wr_column *out, uint32_t i, wr_i128 value);

/* Result text in large pieces of arena: ask for room, write, take what was used. */
typedef struct wr_text_out {
    wr_arena *arena;
    char *next, *end;
} wr_text_out;

#define WR_TEXT_PIECE ((size_t)16384)
#define WR_TEXT_MAX ((size_t)1 << 30) /* bytes of one text value */

char *wr_text_more(wr_text_out *text, size_t size); /* the slow path of wr_text_room */
static inline char *wr_text_room(wr_text_out *text, size_t size)
{
    return wr_likely((size_t)(text->end - text->next) >= size) ? text->next
                                                               : wr_text_more(text, size);
}
/* The same for sizes that come from the data: TOO_BIG above WR_TEXT_MAX, MEMORY_LIMIT when the
 * budget would not bear it. */
WR_MUST_CHECK weir_status wr_text_room_checked(wr_text_out *text, const wr_env *env, size_t size,
                                               char **out);
static inline wr_view wr_text_take(wr_text_out *text, size_t used)
{
    wr_view v = wr_view_of(text->next, used);
    if (used > 12) text->next += used;
    return v;
}
static inline wr_view wr_text_add(wr_text_out *text, const void *bytes, size_t size)
{
    if (size) memcpy(wr_text_room(text, size), bytes, size);
    return wr_text_take(text, size);
}
/* A buffer's contents as a result. */
static inline wr_view wr_text_buf(wr_text_out *text, const wr_buf *buf)
{
    return wr_text_add(text, buf->data ? buf->data : "", buf->length);
}

/* Constant argument of a call at bind time: false if it is not a constant (column or parameter). */
static inline bool wr_bind_const(const wr_fn_bind *b, int a, wr_value *out)
{
    if (a >= b->arg_count || b->args[a]->kind != WR_X_CONST) return false;
    *out = b->args[a]->value;
    return true;
}

/* Days, time of day and microseconds of the zone-free timestamp types; shared by date families. */
static inline int64_t wr_floor_div(int64_t a, int64_t b)
{
    int64_t q = a / b;
    return q - (a % b != 0 && (a < 0) != (b < 0));
}
static inline int64_t wr_floor_mod(int64_t a, int64_t b) { return a - wr_floor_div(a, b) * b; }

/* Lower case of s (Unicode's simple mapping) written to to, which has room for s.length * 2 + 4
 * bytes; returns the bytes written. */
size_t wr_text_lower(char *to, wr_str s);
