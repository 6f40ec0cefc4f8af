/* exact_sum.c - order-independent sums of doubles by fixed-point accumulation.
 *
 * Every finite double is m * 2^(p - 1074) with m < 2^53 and 0 <= p <= 2045, so a number of 36 limbs
 * holds any sum of up to 2^63 of them. The window of 6 limbs around the first value does for real
 * data: values may start in its limbs 0...2, which leaves at least 64 bits above for carries.
 * Batches go faster: when their exponents lie close together they are added up in one 128-bit
 * integer first. Integer addition commutes, so no order of adding or merging changes a bit. */
#include "expr/fn/exact_sum.h"
#include "base/int128.h"
#include <math.h>

typedef struct parts {
    uint64_t mantissa;
    int position; /* of bit 0 of the mantissa, counted from 2^-1074 */
    bool negative;
} parts;

static inline parts split(uint64_t bits)
{
    int exponent = (int)(bits >> 52 & 0x7ff);
    uint64_t fraction = bits & ((UINT64_C(1) << 52) - 1);
    return (parts){exponent ? fraction | UINT64_C(1) << 52 : fraction, exponent ? exponent - 1 : 0,
                   bits >> 63 != 0};
}

static inline uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

void wr_exact_init(wr_exact_sum *sum) { *sum = (wr_exact_sum){.low = -1}; }

/* limbs[0...count) += sign-extended add[0...add_count). */
static void add_signed(uint64_t *limbs, int count, const uint64_t *add, int add_count)
{
    uint64_t fill = add[add_count - 1] >> 63 ? ~UINT64_C(0) : 0, carry = 0;
    for (int i = 0; i < count; i++) {
        wr_u128 total = (wr_u128)limbs[i] + (i < add_count ? add[i] : fill) + carry;
        limbs[i] = (uint64_t)total;
        carry = (uint64_t)(total >> 64);
    }
}

static void go_wide(wr_exact_sum *sum, wr_arena *heap)
{
    if (sum->wide) return;
    sum->wide = wr_new_array(heap, uint64_t, WR_EXACT_WIDE);
    if (sum->low >= 0) {
        int room = WR_EXACT_WIDE - sum->low;
        /* The window may reach past the top of the range; only sign bits are there. */
        add_signed(sum->wide + sum->low, room, sum->limbs, WR_MIN(WR_EXACT_LIMBS, room));
        memset(sum->limbs, 0, sizeof sum->limbs);
    }
}

/* Adds value * 2^position; |value| < 2^126. */
static void add_i128(wr_exact_sum *sum, wr_i128 value, int position, wr_arena *heap)
{
    int limb = position >> 6, shift = position & 63;
    uint64_t low = (uint64_t)value, high = (uint64_t)(value >> 64);
    uint64_t add[3] = {low << shift, high << shift, (uint64_t)(value >> 127)};
    if (shift) {
        add[1] |= low >> (64 - shift);
        add[2] = (uint64_t)((int64_t)high >> (64 - shift));
    }
    if (!sum->wide) {
        if (sum->low < 0) sum->low = WR_MAX(limb - 1, 0);
        if (limb >= sum->low && limb <= sum->low + 2) {
            int at = limb - sum->low;
            add_signed(sum->limbs + at, WR_EXACT_LIMBS - at, add, 3);
            return;
        }
        go_wide(sum, heap);
    }
    add_signed(sum->wide + limb, WR_EXACT_WIDE - limb, add, WR_MIN(3, WR_EXACT_WIDE - limb));
}

static void add_special(wr_exact_sum *sum, double value)
{
    sum->special |= isnan(value) ? 1 : value > 0 ? 2 : 4;
}

void wr_exact_add(wr_exact_sum *sum, double value, wr_arena *heap)
{
    if (wr_unlikely(!isfinite(value))) {
        add_special(sum, value);
        return;
    }
    parts p = split(bits_of(value));
    if (p.mantissa == 0) return;
    int at = (p.position >> 6) - sum->low, shift = p.position & 63;
    if (wr_unlikely(sum->low < 0 || sum->wide || at < 0 || at > 2)) {
        add_i128(sum, p.negative ? -(wr_i128)p.mantissa : (wr_i128)p.mantissa, p.position, heap);
        return;
    }
    wr_u128 placed = (wr_u128)p.mantissa << shift;
    uint64_t low = (uint64_t)placed, high = (uint64_t)(placed >> 64), *limb = sum->limbs + at;
    uint64_t *end = sum->limbs + WR_EXACT_LIMBS;
    bool carry;
    if (p.negative) {
        carry = __builtin_sub_overflow(limb[0], low, &limb[0]);
        bool first = __builtin_sub_overflow(limb[1], (uint64_t)carry, &limb[1]);
        carry = first | __builtin_sub_overflow(limb[1], high, &limb[1]);
        for (limb += 2; carry && limb < end; limb++)
            carry = (*limb)-- == 0;
    } else {
        carry = __builtin_add_overflow(limb[0], low, &limb[0]);
        bool first = __builtin_add_overflow(limb[1], (uint64_t)carry, &limb[1]);
        carry = first | __builtin_add_overflow(limb[1], high, &limb[1]);
        for (limb += 2; carry && limb < end; limb++)
            carry = ++*limb == 0;
    }
}

/* Blocks of at most 4096 values whose positions lie within 56 bits: 53 + 56 + 12 bits fit 126. */
static bool add_block(wr_exact_sum *sum, const double *values, uint32_t count, wr_arena *heap)
{
    uint32_t least = 0x7ff, most = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t exponent = (uint32_t)(bits_of(values[i]) >> 52 & 0x7ff);
        most = exponent > most ? exponent : most;
        uint32_t floor = exponent ? exponent : 0x7fe; /* zeros do not widen the range; see below */
        least = floor < least ? floor : least;
    }
    if (most == 0x7ff || most < least || most - least > 56) return false;
    wr_i128 total = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t bits = bits_of(values[i]);
        uint32_t exponent = (uint32_t)(bits >> 52 & 0x7ff);
        uint64_t fraction = bits & ((UINT64_C(1) << 52) - 1);
        if (wr_unlikely(exponent == 0)) {
            if (fraction) return false; /* subnormal: the slow way knows them */
            continue;
        }
        wr_i128 placed = (wr_i128)(fraction | UINT64_C(1) << 52) << (exponent - least);
        wr_i128 sign = -(wr_i128)(bits >> 63);
        total += (placed ^ sign) - sign;
    }
    if (total) add_i128(sum, total, (int)least - 1, heap);
    return true;
}

void wr_exact_add_many(wr_exact_sum *sum, const double *values, uint32_t count, wr_arena *heap)
{
    for (uint32_t from = 0; from < count; from += 2048) {
        uint32_t some = WR_MIN(count - from, 2048u);
        if (add_block(sum, values + from, some, heap)) continue;
        for (uint32_t i = 0; i < some; i++)
            wr_exact_add(sum, values[from + i], heap);
    }
}

void wr_exact_merge(wr_exact_sum *into, const wr_exact_sum *from, wr_arena *heap)
{
    into->special |= from->special;
    if (from->wide) {
        go_wide(into, heap);
        add_signed(into->wide, WR_EXACT_WIDE, from->wide, WR_EXACT_WIDE);
        return;
    }
    if (from->low < 0) return;
    if (!into->wide && into->low < 0) {
        memcpy(into->limbs, from->limbs, sizeof into->limbs);
        into->low = from->low;
    } else if (!into->wide && into->low == from->low) {
        add_signed(into->limbs, WR_EXACT_LIMBS, from->limbs, WR_EXACT_LIMBS);
    } else {
        go_wide(into, heap);
        int room = WR_EXACT_WIDE - from->low;
        add_signed(into->wide + from->low, room, from->limbs, WR_MIN(WR_EXACT_LIMBS, room));
    }
}

/* Bits [from, from+53) of a number, from may be any position inside it. */
static uint64_t take_bits(const uint64_t *limbs, int from)
{
    int limb = from >> 6, shift = from & 63;
    uint64_t bits = limbs[limb] >> shift;
    if (shift && limb + 1 < WR_EXACT_WIDE) bits |= limbs[limb + 1] << (64 - shift);
    return bits & ((UINT64_C(1) << 53) - 1);
}

static bool any_bits_below(const uint64_t *limbs, int position)
{
    for (int i = 0; i < position >> 6; i++)
        if (limbs[i]) return true;
    int rest = position & 63;
    return rest && (limbs[position >> 6] & ((UINT64_C(1) << rest) - 1));
}

static double round_magnitude(const uint64_t *limbs)
{
    int top = WR_EXACT_WIDE * 64 - 1;
    while (top >= 0 && !(limbs[top >> 6] >> (top & 63) & 1))
        top = limbs[top >> 6] ? top - 1 : (top | 63) - 64;
    if (top < 0) return 0;
    uint64_t bits;
    if (top <= 52) {
        bits = limbs[0];
    } else {
        uint64_t mantissa = take_bits(limbs, top - 52);
        bool half = limbs[(top - 53) >> 6] >> ((top - 53) & 63) & 1;
        if (half && ((mantissa & 1) || any_bits_below(limbs, top - 53))) mantissa++;
        /* A carry out of the mantissa moves into the exponent, which is what is wanted. */
        if (top - 51 >= 0x7ff) return INFINITY;
        bits = ((uint64_t)(top - 51) << 52) + (mantissa - (UINT64_C(1) << 52));
        if (bits >= UINT64_C(0x7ff) << 52) return INFINITY;
    }
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

double wr_exact_read(const wr_exact_sum *sum)
{
    if (sum->special) {
        if ((sum->special & 1) || (sum->special & 6) == 6) return NAN;
        return sum->special & 2 ? INFINITY : -INFINITY;
    }
    uint64_t limbs[WR_EXACT_WIDE] = {0};
    if (sum->wide) {
        memcpy(limbs, sum->wide, sizeof limbs);
    } else if (sum->low >= 0) {
        int room = WR_EXACT_WIDE - sum->low;
        add_signed(limbs + sum->low, room, sum->limbs, WR_MIN(WR_EXACT_LIMBS, room));
    }
    bool negative = limbs[WR_EXACT_WIDE - 1] >> 63;
    if (negative) {
        uint64_t carry = 1;
        for (int i = 0; i < WR_EXACT_WIDE; i++) {
            limbs[i] = ~limbs[i] + carry;
            carry = carry && limbs[i] == 0;
        }
    }
    double magnitude = round_magnitude(limbs);
    return negative ? -magnitude : magnitude;
}

void wr_exact_save(const wr_exact_sum *sum, wr_buf *out)
{
    uint8_t is_wide = sum->wide != NULL;
    wr_buf_add(out, &is_wide, 1);
    wr_buf_add(out, &sum->low, sizeof sum->low);
    wr_buf_add(out, &sum->special, sizeof sum->special);
    if (is_wide)
        wr_buf_add(out, sum->wide, sizeof(uint64_t) * WR_EXACT_WIDE);
    else
        wr_buf_add(out, sum->limbs, sizeof sum->limbs);
}

static bool take(wr_str *bytes, void *out, size_t size)
{
    if (bytes->length < size) return false;
    memcpy(out, bytes->data, size);
    bytes->data += size, bytes->length -= size;
    return true;
}

bool wr_exact_load(wr_exact_sum *sum, wr_str *bytes, wr_arena *heap)
{
    uint8_t is_wide;
    wr_exact_init(sum);
    if (!take(bytes, &is_wide, 1) || !take(bytes, &sum->low, sizeof sum->low)) return false;
    if (!take(bytes, &sum->special, sizeof sum->special)) return false;
    if (sum->low < -1 || sum->low >= WR_EXACT_WIDE) return false;
    if (!is_wide) return take(bytes, sum->limbs, sizeof sum->limbs);
    sum->wide = wr_new_array(heap, uint64_t, WR_EXACT_WIDE);
    return take(bytes, sum->wide, sizeof(uint64_t) * WR_EXACT_WIDE);
}
