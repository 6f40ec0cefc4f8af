/* exact_sum.c - order-independent sums of doubles by fixed-point accumulation.
 *
 * Every finite double is m * 2^(p - 1074) with m < 2^53 and 0 <= p <= 2045, so a number of 36 limbs
 * holds any sum of up to 2^63 of them. Real data needs far less: the sum is kept in 128 bits, and
 * its base moves to where sum and values fit, exactly or not at all; only when no base does, the
 * sum becomes wide. Batches go faster: when their exponents lie close together they are added up in
 * one 128-bit integer first. Integer addition commutes, so no order of adding or merging changes a
 * bit of what is read; the base does depend on the order and is never seen. */
#include "expr/fn/exact_sum.h"
#include "kern/kern.h"
#include <math.h>

enum { SLACK = 37 }; /* bits left below the first value, for smaller ones */

static inline uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline bool is_wide(const wr_exact_sum *sum) { return sum->base < 0; }
static inline uint64_t *limbs_of(const wr_exact_sum *sum)
{
    return (uint64_t *)(uintptr_t)sum->low;
}
static inline wr_i128 total_of(const wr_exact_sum *sum)
{
    return (wr_i128)((wr_u128)sum->high << 64 | sum->low);
}
static inline void set_total(wr_exact_sum *sum, wr_i128 total, int base)
{
    sum->low = (uint64_t)total;
    sum->high = (uint64_t)((wr_u128)total >> 64);
    sum->base = base;
}

/* Bits of a number without its sign. */
static int width_of(wr_i128 value)
{
    wr_u128 magnitude = (wr_u128)(value < 0 ? ~value : value);
    uint64_t high = (uint64_t)(magnitude >> 64), low = (uint64_t)magnitude;
    return high ? 128 - __builtin_clzll(high) : low ? 64 - __builtin_clzll(low) : 0;
}
static int zeros_below(wr_i128 value) /* value is not 0 */
{
    return (uint64_t)value ? __builtin_ctzll((uint64_t)value)
                           : 64 + __builtin_ctzll((uint64_t)((wr_u128)value >> 64));
}
static wr_i128 shifted(wr_i128 value, int by)
{
    return by >= 0 ? (wr_i128)((wr_u128)value << by) : value >> -by;
}

/* Adds value * 2^position to limbs of full range. */
static void add_wide(uint64_t *limbs, wr_i128 value, int position)
{
    int at = position >> 6, shift = position & 63;
    wr_u128 magnitude = value < 0 ? -(wr_u128)value : (wr_u128)value;
    uint64_t low = (uint64_t)magnitude, high = (uint64_t)(magnitude >> 64);
    uint64_t add[3] = {low << shift, high << shift, 0};
    if (shift) {
        add[1] |= low >> (64 - shift);
        add[2] = high >> (64 - shift);
    }
    bool carry = false;
    for (int i = 0; at < WR_EXACT_WIDE && (i < 3 || carry); i++, at++) {
        uint64_t term = i < 3 ? add[i] : 0, before = limbs[at];
        if (value < 0) {
            limbs[at] = before - term - carry;
            carry = before < term || (carry && before == term);
        } else {
            limbs[at] = before + term + carry;
            carry = limbs[at] < before || (carry && limbs[at] == before);
        }
    }
}

static void go_wide(wr_exact_sum *sum, wr_arena *heap)
{
    if (is_wide(sum)) return;
    uint64_t *limbs = wr_new_array(heap, uint64_t, WR_EXACT_WIDE);
    add_wide(limbs, total_of(sum), sum->base);
    *sum = (wr_exact_sum){(uint64_t)(uintptr_t)limbs, 0, WR_EXACT_IS_WIDE, sum->special};
}

/* Adds value * 2^position by moving the base to where everything fits; false if there is no such
 * base. */
static bool add_at_new_base(wr_exact_sum *sum, wr_i128 value, int position)
{
    wr_i128 total = total_of(sum);
    int base = position + zeros_below(value);
    if (total) base = WR_MIN(base, sum->base + zeros_below(total));
    if (width_of(value) + position - base > 125) return false;
    if (total && width_of(total) + sum->base - base > 125) return false;
    value = shifted(value, position - base);
    if (total) value += shifted(total, sum->base - base);
    /* Room for what comes, below and above. */
    int slack = WR_MIN(WR_MIN((126 - width_of(value)) / 2, (int)SLACK), base);
    set_total(sum, shifted(value, slack), base - slack);
    return true;
}

static void add_at(wr_exact_sum *sum, wr_i128 value, int position, wr_arena *heap)
{
    if (value == 0) return;
    if (!is_wide(sum)) {
        int shift = position - sum->base;
        wr_i128 total;
        if (total_of(sum) && shift >= 0 && width_of(value) + shift <= 126 &&
            !__builtin_add_overflow(total_of(sum), shifted(value, shift), &total)) {
            set_total(sum, total, sum->base);
            return;
        }
        if (add_at_new_base(sum, value, position)) return;
        go_wide(sum, heap);
    }
    add_wide(limbs_of(sum), value, position);
}

void wr_exact_add_rare(wr_exact_sum *sum, double value, wr_arena *heap)
{
    if (value == 0) return;
    if (!isfinite(value)) {
        sum->special |= isnan(value) ? 1 : value > 0 ? 2 : 4;
        return;
    }
    uint64_t bits = bits_of(value), fraction = bits & ((UINT64_C(1) << 52) - 1);
    int exponent = (int)(bits >> 52 & 0x7ff);
    wr_i128 mantissa = (wr_i128)(exponent ? fraction | UINT64_C(1) << 52 : fraction);
    add_at(sum, bits >> 63 ? -mantissa : mantissa, exponent ? exponent - 1 : 0, heap);
}

void wr_exact_add_int_rare(wr_exact_sum *sum, int64_t value, wr_arena *heap)
{
    if (!is_wide(sum) && total_of(sum) == 0)
        set_total(sum, value, WR_EXACT_ONE);
    else
        add_at(sum, value, WR_EXACT_ONE, heap);
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
    add_at(sum, total, (int)least - 1, heap);
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

/* Values whose positions are within FEW_SHIFT bits below that of the greatest fit 63 bits there;
 * they add up in two halves of 64 bits each, without carries, in two places per group, lest a row
 * waits for the one before. All others, few of most data, go their own way: so rows that are not
 * selected, or NaN, may spoil the range without harm. */
bool wr_exact_add_few(const double *values, const uint16_t *sel, uint32_t count,
                      const uint8_t *number, uint32_t groups, uint8_t *const *rows, uint32_t offset,
                      wr_arena *heap)
{
    enum { FEW_SHIFT = 10, LANES = 2, GROUPS_MAX = 256 };
    int64_t halves[GROUPS_MAX * LANES][2];
    double lo, hi;
    if (count == 0) return true;
    wr_kern()->fold->range_f64(values, sel ? sel[count - 1] + (size_t)1 : count, &lo, &hi);
    uint64_t most = WR_MAX(bits_of(lo) << 1, bits_of(hi) << 1);
    uint32_t top = (uint32_t)(most >> 53), least = top > FEW_SHIFT ? top - FEW_SHIFT : 1;
    if (top == 0x7ff) return false;
    memset(halves, 0, groups * LANES * sizeof *halves);
    for (uint32_t i = 0; i < count; i++) {
        double value = values[sel ? sel[i] : i];
        uint64_t bits = bits_of(value);
        uint32_t shift = ((uint32_t)(bits >> 52) & 0x7ff) - least;
        if (wr_unlikely(shift > FEW_SHIFT)) {
            if (value != 0) wr_exact_add((wr_exact_sum *)(rows[number[i]] + offset), value, heap);
            continue;
        }
        int64_t sign = (int64_t)bits >> 63;
        int64_t mantissa = (int64_t)((bits & ((UINT64_C(1) << 52) - 1)) | UINT64_C(1) << 52);
        int64_t placed = (int64_t)((uint64_t)((mantissa ^ sign) - sign) << shift);
        int64_t *into = halves[number[i] * LANES + i % LANES];
        into[0] += placed & UINT32_MAX;
        into[1] += placed >> 32;
    }
    for (uint32_t n = 0; n < groups; n++) {
        const int64_t(*of)[2] = &halves[n * LANES];
        int64_t low = of[0][0] + of[1][0], high = of[0][1] + of[1][1];
        if ((low | high) == 0) continue;
        wr_i128 total = (wr_i128)high * ((wr_i128)1 << 32) + low;
        add_at((wr_exact_sum *)(rows[n] + offset), total, (int)least - 1, heap);
    }
    return true;
}

void wr_exact_merge(wr_exact_sum *into, const wr_exact_sum *from, wr_arena *heap)
{
    into->special |= from->special;
    if (!is_wide(from)) {
        if (!is_wide(into) && total_of(into) == 0)
            set_total(into, total_of(from), from->base);
        else
            add_at(into, total_of(from), from->base, heap);
        return;
    }
    go_wide(into, heap);
    uint64_t *a = limbs_of(into), carry = 0;
    const uint64_t *b = limbs_of(from);
    for (int i = 0; i < WR_EXACT_WIDE; i++) {
        wr_u128 total = (wr_u128)a[i] + b[i] + carry;
        a[i] = (uint64_t)total;
        carry = (uint64_t)(total >> 64);
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
    /* Conversion rounds to nearest-even; scaling is exact, as a result too small for 53 bits has
     * less than 53 of them. */
    if (!is_wide(sum)) return ldexp((double)total_of(sum), sum->base - WR_EXACT_ONE);
    uint64_t limbs[WR_EXACT_WIDE];
    memcpy(limbs, limbs_of(sum), sizeof limbs);
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
    wr_buf_add(out, &sum->base, sizeof sum->base);
    wr_buf_add(out, &sum->special, sizeof sum->special);
    if (is_wide(sum)) {
        wr_buf_add(out, limbs_of(sum), sizeof(uint64_t) * WR_EXACT_WIDE);
    } else {
        wr_buf_add(out, &sum->low, sizeof sum->low);
        wr_buf_add(out, &sum->high, sizeof sum->high);
    }
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
    wr_exact_init(sum);
    int32_t base;
    if (!take(bytes, &base, sizeof base)) return false;
    if (!take(bytes, &sum->special, sizeof sum->special)) return false;
    if (base != WR_EXACT_IS_WIDE) {
        if (base < 0 || base >= WR_EXACT_WIDE * 64 - 128) return false;
        sum->base = base;
        return take(bytes, &sum->low, sizeof sum->low) && take(bytes, &sum->high, sizeof sum->high);
    }
    go_wide(sum, heap);
    return take(bytes, limbs_of(sum), sizeof(uint64_t) * WR_EXACT_WIDE);
}
