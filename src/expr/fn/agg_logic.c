/* agg_logic.c - bool_and, bit_and and their kin, product, single values (first, any_value, min_by).
 */
#include "expr/fn/box.h"
#include <math.h>

static void init_zero(const wr_aggregate_call *call, void *state)
{
    memset(state, 0, call->fn->state_size(call));
}

/* ---- bits: booleans are integers of one bit ---- */

typedef wr_i128 loose_i128 __attribute__((aligned(8)));
typedef struct bits_state {
    loose_i128 bits;
    int64_t count;
} bits_state;

static size_t size_of_bits(const wr_aggregate_call *call)
{
    (void)call;
    return sizeof(bits_state);
}
/* 'a' and, 'o' or, 'x' xor: what stands behind bit_ or bool_. */
static char bits_kind(const wr_aggregate_env *env) { return strchr(env->call->fn->name, '_')[1]; }
static void bits_add(bits_state *s, wr_i128 value, char kind)
{
    if (!s->count++)
        s->bits = value;
    else
        s->bits = kind == 'a' ? s->bits & value : kind == 'o' ? s->bits | value : s->bits ^ value;
}
static weir_status bits_groups(wr_aggregate_env *env, const wr_column *args, const uint16_t *sel,
                               uint32_t count, uint8_t *const *states, wr_arena *scratch)
{
    const wr_column *c = wr_agg_flat(args, sel, count, scratch);
    char kind = bits_kind(env);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = sel ? sel[i] : i;
        if (wr_agg_is_null(c, row)) continue;
        wr_i128 value =
            c->phys == WR_P_U8 ? ((const uint8_t *)c->data)[row] : wr_column_i128(c, row);
        bits_add((bits_state *)(states[i] + env->state_offset), value, kind);
    }
    return WR_OK;
}
static weir_status bits_merge(wr_aggregate_env *env, void *into, const void *from)
{
    bits_state *a = into;
    const bits_state *b = from;
    if (!b->count) return WR_OK;
    bits_add(a, b->bits, bits_kind(env));
    a->count += b->count - 1;
    return WR_OK;
}
static weir_status bits_finish(wr_aggregate_env *env, uint8_t *const *states, uint32_t count,
                               wr_arena *arena, wr_column *out)
{
    size_t size = wr_phys_size((wr_phys)out->phys);
    for (uint32_t i = 0; i < count; i++) {
        const bits_state *s = (const bits_state *)(states[i] + env->state_offset);
        wr_i128 bits = s->bits;
        memcpy((char *)out->data + i * size, &bits, size); /* little-endian: the low bytes */
        if (!s->count) wr_bit_clear(wr_column_need_valid(out, arena, WR_MAX(count, 1)), i);
    }
    return WR_OK;
}

/* ---- product ---- */

/* (mantissa + rest) * 2 ^ exponent: a long product neither over- nor underflows on its way, and
 * twice the precision keeps its one rounding at the end from showing how the rows were divided. */
typedef struct product_state {
    double mantissa, rest; /* 0.5 <= |mantissa| < 1 */
    int64_t exponent, count;
} product_state;

static size_t size_of_product(const wr_aggregate_call *call)
{
    (void)call;
    return sizeof(product_state);
}
static void product_multiply(product_state *s, double mantissa, double rest, int64_t exponent)
{
    int shift = 0;
    double high = mantissa, low = rest;
    if (s->count) {
        high = s->mantissa * mantissa;
        low = fma(s->mantissa, mantissa, -high) + (s->mantissa * rest + s->rest * mantissa);
        exponent += s->exponent;
    }
    double whole = high + low;
    bool is_finite = isfinite(high) && high != 0;
    s->mantissa = frexp(is_finite ? whole : high, &shift);
    s->rest = is_finite ? ldexp(low - (whole - high), -shift) : 0;
    s->exponent = exponent + shift;
}
static weir_status product_groups(wr_aggregate_env *env, const wr_column *args, const uint16_t *sel,
                                  uint32_t count, uint8_t *const *states, wr_arena *scratch)
{
    const wr_column *c = wr_agg_flat(args, sel, count, scratch);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = sel ? sel[i] : i;
        if (wr_agg_is_null(c, row)) continue;
        product_state *s = (product_state *)(states[i] + env->state_offset);
        int shift = 0;
        double mantissa = frexp(((const double *)c->data)[row], &shift);
        product_multiply(s, mantissa, 0, shift);
        s->count++;
    }
    return WR_OK;
}
static weir_status product_merge(wr_aggregate_env *env, void *into, const void *from)
{
    (void)env;
    product_state *a = into;
    const product_state *b = from;
    if (!b->count) return WR_OK;
    product_multiply(a, b->mantissa, b->rest, b->exponent);
    a->count += b->count;
    return WR_OK;
}
static weir_status product_finish(wr_aggregate_env *env, uint8_t *const *states, uint32_t count,
                                  wr_arena *arena, wr_column *out)
{
    for (uint32_t i = 0; i < count; i++) {
        const product_state *s = (const product_state *)(states[i] + env->state_offset);
        int exponent = (int)WR_MAX(WR_MIN(s->exponent, 5000), -5000);
        ((double *)out->data)[i] = ldexp(s->mantissa, exponent);
        if (!s->count) wr_bit_clear(wr_column_need_valid(out, arena, WR_MAX(count, 1)), i);
    }
    return WR_OK;
}

/* ---- single values and the key they were chosen by ---- */

typedef struct pick_state {
    wr_box value, key;
    uint64_t position; /* in the input, of the row the value is from */
} pick_state;

static size_t size_of_pick(const wr_aggregate_call *call)
{
    (void)call;
    return sizeof(pick_state);
}
typedef enum pick_kind { PICK_FIRST, PICK_LAST, PICK_ANY, PICK_LEAST, PICK_MOST } pick_kind;
static pick_kind kind_of(const wr_aggregate_env *env)
{
    const char *name = env->call->fn->name;
    if (name[0] == 'f') return PICK_FIRST;
    if (name[0] == 'l') return PICK_LAST;
    if (name[0] == 'a') return PICK_ANY;
    return name[1] == 'i' ? PICK_LEAST : PICK_MOST;
}

static weir_status offer(wr_aggregate_env *env, pick_kind kind, pick_state *s, const wr_pick *value,
                         const wr_pick *key, uint64_t position)
{
    bool is_null = wr_column_is_null(value->column, value->row);
    switch (kind) {
    case PICK_FIRST:
        if (s->value.is_set && position >= s->position) return WR_OK;
        break;
    case PICK_LAST:
        if (s->value.is_set && position < s->position) return WR_OK;
        break;
    case PICK_ANY:
        if (is_null || (s->value.is_set && position >= s->position)) return WR_OK;
        break;
    default:
        if (wr_column_is_null(key->column, key->row)) return WR_OK;
        if (s->key.is_set) {
            int order = wr_box_cmp(&s->key, key->column, key->row);
            if (kind == PICK_LEAST ? order < 0 : order > 0) return WR_OK;
            if (order == 0 && position >= s->position) return WR_OK;
        }
        WR_TRY(wr_box_set(env, &s->key, key->column, key->row));
    }
    s->position = position;
    return wr_box_set(env, &s->value, value->column, value->row);
}

static weir_status pick_groups(wr_aggregate_env *env, const wr_column *args, const uint16_t *sel,
                               uint32_t count, uint8_t *const *states, wr_arena *scratch)
{
    (void)scratch;
    pick_kind kind = kind_of(env);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = sel ? sel[i] : i;
        wr_pick value = {&args[0], row}, key = {env->call->arg_count > 1 ? &args[1] : NULL, row};
        WR_TRY(offer(env, kind, (pick_state *)(states[i] + env->state_offset), &value, &key,
                     env->position + i));
    }
    return WR_OK;
}
static weir_status pick_merge(wr_aggregate_env *env, void *into, const void *from)
{
    const pick_state *b = from;
    wr_box_column value, key;
    wr_pick v, k = {NULL, 0};
    if (!b->value.is_set) return WR_OK;
    v = (wr_pick){wr_box_as_column(&b->value, env->call->args[0]->type, &value), 0};
    if (env->call->arg_count > 1)
        k = (wr_pick){wr_box_as_column(&b->key, env->call->args[1]->type, &key), 0};
    return offer(env, kind_of(env), into, &v, &k, b->position);
}
static weir_status pick_finish(wr_aggregate_env *env, uint8_t *const *states, uint32_t count,
                               wr_arena *arena, wr_column *out)
{
    wr_box **boxes = wr_new_array(arena, wr_box *, count + 1);
    for (uint32_t i = 0; i < count; i++)
        boxes[i] = &((pick_state *)(states[i] + env->state_offset))->value;
    wr_box_write(boxes, count, out->type, arena, out);
    return WR_OK;
}
static weir_status pick_save(wr_aggregate_env *env, const void *state, wr_buf *out)
{
    const pick_state *s = state;
    wr_buf_add(out, &s->position, sizeof s->position);
    wr_box_save(&s->value, env->call->args[0]->type, out);
    if (env->call->arg_count > 1) wr_box_save(&s->key, env->call->args[1]->type, out);
    return WR_OK;
}
static weir_status pick_load(wr_aggregate_env *env, wr_str bytes, void *state)
{
    pick_state *s = state;
    *s = (pick_state){0};
    if (bytes.length < sizeof s->position)
        return wr_fail(WR_E_CORRUPT, "the saved state of an aggregate is too short");
    memcpy(&s->position, bytes.data, sizeof s->position);
    bytes.data += sizeof s->position;
    bytes.length -= sizeof s->position;
    WR_TRY(wr_box_load(env, env->call->args[0]->type, &bytes, &s->value));
    return env->call->arg_count > 1 ? wr_box_load(env, env->call->args[1]->type, &bytes, &s->key)
                                    : WR_OK;
}

#define BITS(names, signature, help_text, example_text, result_text)                            \
    {                                                                                           \
        names, signature, .state_size = size_of_bits, .init = init_zero, .update = bits_groups, \
                          .update_one = wr_agg_one_by_groups, .merge = bits_merge,              \
                          .finish = bits_finish, .help = help_text,                             \
                          .example = "SELECT " example_text, .result = result_text              \
    }
#define PICK(names, signature, extra_flags, help_text, example_text, result_text)               \
    {                                                                                           \
        names, signature, .state_size = size_of_pick, .init = init_zero, .update = pick_groups, \
                          .update_one = wr_agg_one_by_groups, .merge = pick_merge,              \
                          .finish = pick_finish, .save = pick_save, .load = pick_load,          \
                          .help = help_text, .example = "SELECT " example_text,                 \
                          .result = result_text, .flags = extra_flags                           \
    }

const wr_fn wr_fns_agg_logic[] = {{0}};
const wr_aggregate wr_aggregates_agg_logic[] = {
    BITS("bool_and|every|logical_and", "(boolean) -> boolean", "True if all values are true.",
         "bool_and(x) FROM (VALUES (true), (false)) t(x)", "false"),
    BITS("bool_or|logical_or", "(boolean) -> boolean", "True if any value is true.",
         "bool_or(x) FROM (VALUES (true), (false)) t(x)", "true"),
    BITS("bit_and", "(integer_) -> integer_", "Bitwise and of the values.",
         "bit_and(x) FROM (VALUES (6), (3)) t(x)", "2"),
    BITS("bit_or", "(integer_) -> integer_", "Bitwise or of the values.",
         "bit_or(x) FROM (VALUES (6), (3)) t(x)", "7"),
    BITS("bit_xor", "(integer_) -> integer_", "Bitwise exclusive or of the values.",
         "bit_xor(x) FROM (VALUES (6), (3)) t(x)", "5"),
    {"product", "(double) -> double", .state_size = size_of_product, .init = init_zero,
     .update = product_groups, .update_one = wr_agg_one_by_groups, .merge = product_merge,
     .finish = product_finish, .help = "Product of the values.",
     .example = "SELECT product(x) FROM (VALUES (2), (3), (4)) t(x)", .result = "24"},
    PICK("first", "(any) -> any", WR_AGG_SEES_NULLS | WR_AGG_POSITIONED,
         "The first value, also if it is NULL.", "first(x ORDER BY x) FROM (VALUES (2), (1)) t(x)",
         "1"),
    PICK("last", "(any) -> any", WR_AGG_SEES_NULLS | WR_AGG_POSITIONED,
         "The last value, also if it is NULL.", "last(x ORDER BY x) FROM (VALUES (2), (1)) t(x)",
         "2"),
    PICK("any_value|arbitrary", "(any) -> any", WR_AGG_POSITIONED,
         "The first value that is not NULL.", "any_value(x) FROM (VALUES (NULL), (1)) t(x)", "1"),
    PICK("min_by|arg_min|argmin", "(any, by any2) -> any", WR_AGG_SEES_NULLS | WR_AGG_POSITIONED,
         "The first argument in the row where the second is least.",
         "min_by(name, age) FROM (VALUES ('a', 30), ('b', 20)) t(name, age)", "b"),
    PICK("max_by|arg_max|argmax", "(any, by any2) -> any", WR_AGG_SEES_NULLS | WR_AGG_POSITIONED,
         "The first argument in the row where the second is greatest.",
         "max_by(name, age) FROM (VALUES ('a', 30), ('b', 20)) t(name, age)", "a"),
    {0},
};
