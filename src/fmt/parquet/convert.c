/* convert.c - stored values to values of the engine.
 *
 * Integers of every kind end in the narrow form the reader chose for the chunk (phys, base) from
 * the statistics; every value is checked against them on the way, because a value that does not fit
 * would come out as another one. A file whose values contradict its own statistics is damaged and
 * refused. Kinds that are no plain integers (scaled times, INT96, decimal bytes) are first made
 * 64-bit integers in scratch. */
#include "fmt/parquet/chunk.h"

enum { STEP = 1024 };

weir_status wr_pq_check_seen(const wr_pq_reader *r, const wr_pq_seen *seen)
{
    if (seen->least >= r->lo && seen->most <= r->hi) return WR_OK;
    if (seen->least > seen->most) return WR_OK;
    return wr_fail(WR_E_CORRUPT, "a value is outside of %lld to %lld, which the %s",
                   (long long)r->lo, (long long)r->hi,
                   r->by_statistics ? "statistics promise" : "type can hold");
}

static weir_status narrow(wr_pq_reader *r, wr_pq_source source, const void *in, size_t count,
                          void *out, size_t at)
{
    wr_pq_seen seen = WR_PQ_NOTHING_SEEN;
    wr_pq_narrow(source, r->phys, in, (char *)out + at * r->size, count, r->base, &seen);
    return wr_pq_check_seen(r, &seen);
}

weir_status wr_pq_convert_longs(wr_pq_reader *r, const int64_t *in, size_t count, void *out,
                                size_t at)
{
    const wr_pq_leaf *leaf = r->leaf;
    if (leaf->make == WR_PQ_MAKE_SCALED) {
        int64_t some[STEP], by = leaf->scale_by;
        for (size_t done = 0; done < count;) {
            size_t here = WR_MIN(count - done, STEP);
            bool over = false;
            for (size_t i = 0; i < here; i++) {
                int64_t v = in[done + i];
                if (by > 0)
                    over |= __builtin_mul_overflow(v, by, &some[i]);
                else
                    some[i] = v / -by; /* towards zero, as the other engines have it */
            }
            if (over)
                return wr_fail(WR_E_CORRUPT, "a time does not fit the range of %s",
                               leaf->type->sql.data);
            WR_TRY(narrow(r, WR_PQ_FROM_I64, some, here, out, at + done));
            done += here;
        }
        return WR_OK;
    }
    if (leaf->make == WR_PQ_MAKE_U64 && r->phys == WR_P_U64) {
        memcpy((char *)out + at * 8, in, count * 8);
        return WR_OK;
    }
    if (leaf->make == WR_PQ_MAKE_U32) {
        int64_t some[STEP];
        for (size_t done = 0; done < count;) {
            size_t here = WR_MIN(count - done, STEP);
            for (size_t i = 0; i < here; i++)
                some[i] = (uint32_t)in[done + i];
            WR_TRY(narrow(r, WR_PQ_FROM_I64, some, here, out, at + done));
            done += here;
        }
        return WR_OK;
    }
    return narrow(r, WR_PQ_FROM_I64, in, count, out, at);
}

static weir_status convert_int96(wr_pq_reader *r, const uint8_t *raw, size_t count, void *out,
                                 size_t at)
{
    int64_t some[STEP];
    for (size_t done = 0; done < count;) {
        size_t here = WR_MIN(count - done, STEP);
        bool over = false;
        for (size_t i = 0; i < here; i++, raw += 12) {
            int64_t nanos;
            int32_t day;
            memcpy(&nanos, raw, 8);
            memcpy(&day, raw + 8, 4);
            int64_t usecs = ((int64_t)day - 2440588) * (WR_USECS_PER_DAY / 1000);
            over |= __builtin_mul_overflow(usecs, INT64_C(1000), &usecs);
            over |= __builtin_add_overflow(usecs, nanos / 1000 - (nanos % 1000 < 0), &some[i]);
        }
        if (over) return wr_fail(WR_E_CORRUPT, "a timestamp is out of range");
        WR_TRY(narrow(r, WR_PQ_FROM_I64, some, here, out, at + done));
        done += here;
    }
    return WR_OK;
}

wr_i128 wr_pq_big_endian(const uint8_t *bytes, size_t size, bool *overflow)
{
    if (size == 0) return 0;
    uint8_t fill = bytes[0] & 0x80 ? 0xff : 0;
    for (; size > 16; size--)
        if (*bytes++ != fill) *overflow = true;
    if (size == 16 && (bytes[0] & 0x80) != (fill & 0x80)) *overflow = true;
    wr_u128 v = fill ? ~(wr_u128)0 : 0;
    for (size_t i = 0; i < size; i++)
        v = v << 8 | bytes[i];
    return (wr_i128)v;
}

/* Decimals given one by one: bytes of value i by next. */
typedef struct bytes_source {
    const uint8_t *raw; /* fixed width, or ... */
    size_t width;
    const wr_view *views;
} bytes_source;

/* As many of the count decimals of width (at most 8) bytes at raw as can be loaded 8 bytes at once;
 * returns how many. */
static size_t short_decimals(const uint8_t *restrict raw, size_t width, size_t count, int64_t lo,
                             int64_t hi, int64_t *restrict out, bool *over)
{
    int shift = 64 - 8 * (int)width;
    size_t whole = count * width >= 8 ? (count * width - 8) / width + 1 : 0;
    bool is_out = false;
    for (size_t i = 0; i < whole; i++) {
        uint64_t bits;
        memcpy(&bits, raw + i * width, 8);
        int64_t v = (int64_t)__builtin_bswap64(bits) >> shift;
        is_out |= v < lo || v > hi;
        out[i] = v;
    }
    *over |= is_out;
    return whole;
}

static weir_status convert_decimals(wr_pq_reader *r, bytes_source from, size_t count, void *out,
                                    size_t at)
{
    int64_t some[STEP];
    wr_i128 most = wr_pow10[r->leaf->type->precision] - 1;
    bool over = false, is_short = !from.views && r->phys != WR_P_I128 && from.width >= 1 &&
                                  from.width <= 8 && r->leaf->type->precision <= 18;
    int64_t lo = is_short ? WR_MAX((int64_t)-most, (int64_t)r->lo) : 0,
            hi = is_short ? WR_MIN((int64_t)most, (int64_t)r->hi) : 0;
    for (size_t done = 0; done < count;) {
        size_t here = WR_MIN(count - done, STEP), i = 0;
        if (is_short)
            i = short_decimals(from.raw + done * from.width, from.width, here, lo, hi, some, &over);
        for (; i < here; i++) {
            wr_i128 v;
            if (from.views)
                v = wr_pq_big_endian((const uint8_t *)wr_view_bytes(&from.views[done + i]),
                                     from.views[done + i].length, &over);
            else
                v = wr_pq_big_endian(from.raw + (done + i) * from.width, from.width, &over);
            over |= v > most || v < -most;
            if (r->phys == WR_P_I128)
                ((wr_i128 *)out)[at + done + i] = v;
            else
                some[i] = v > r->hi || v < r->lo ? (over = true, 0) : (int64_t)v;
        }
        if (over)
            return wr_fail(WR_E_CORRUPT, "a decimal does not fit %s or the statistics",
                           r->leaf->type->sql.data);
        if (r->phys != WR_P_I128) WR_TRY(narrow(r, WR_PQ_FROM_I64, some, here, out, at + done));
        done += here;
    }
    return WR_OK;
}

static float half_to_float(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = h >> 10 & 0x1f, fraction = h & 0x3ff,
             bits;
    if (exponent == 31) {
        bits = sign | 0x7f800000 | fraction << 13;
    } else if (exponent) {
        bits = sign | (exponent + 112) << 23 | fraction << 13;
    } else {
        float small = (float)fraction * 0x1p-24f;
        return sign ? -small : small;
    }
    float f;
    memcpy(&f, &bits, 4);
    return f;
}

static void convert_halves(const uint8_t *raw, size_t count, float *out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = half_to_float((uint16_t)(raw[2 * i] | raw[2 * i + 1] << 8));
}

/* The engine keeps UUIDs with the first bit flipped, so that signed order is their order. */
wr_i128 wr_pq_uuid_of(const uint8_t *raw)
{
    bool ignored = false;
    return wr_pq_big_endian(raw, 16, &ignored) ^ WR_I128_MIN;
}

static void convert_uuids(const uint8_t *raw, size_t count, wr_i128 *out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = wr_pq_uuid_of(raw + 16 * i);
}

static weir_status convert_intervals(const uint8_t *raw, size_t count, wr_interval *out)
{
    for (size_t i = 0; i < count; i++, raw += 12) {
        uint32_t months, days, millis;
        memcpy(&months, raw, 4);
        memcpy(&days, raw + 4, 4);
        memcpy(&millis, raw + 8, 4);
        out[i] = (wr_interval){(int32_t)months, (int32_t)days, (int64_t)millis * 1000};
    }
    return WR_OK;
}

static weir_status check_utf8(const wr_view *views, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!wr_utf8_valid(wr_view_bytes(&views[i]), views[i].length))
            return wr_fail(WR_E_BAD_ENCODING, "a text is not valid UTF-8");
    return WR_OK;
}

weir_status wr_pq_convert_fixed(wr_pq_reader *r, const uint8_t *raw, size_t count, void *out,
                                size_t at)
{
    char *to = (char *)out + at * r->size;
    switch (r->leaf->make) {
    case WR_PQ_MAKE_I32:
        return narrow(r, WR_PQ_FROM_I32, raw, count, out, at);
    case WR_PQ_MAKE_U32:
        return narrow(r, WR_PQ_FROM_U32, raw, count, out, at);
    case WR_PQ_MAKE_I64:
    case WR_PQ_MAKE_U64:
    case WR_PQ_MAKE_SCALED:
        if (r->leaf->width == 4) { /* TIME in milliseconds, and the like */
            int64_t some[STEP];
            for (size_t done = 0; done < count;) {
                size_t here = WR_MIN(count - done, STEP);
                for (size_t i = 0; i < here; i++) {
                    int32_t v;
                    memcpy(&v, raw + 4 * (done + i), 4);
                    some[i] = v;
                }
                WR_TRY(wr_pq_convert_longs(r, some, here, out, at + done));
                done += here;
            }
            return WR_OK;
        }
        if (r->leaf->make == WR_PQ_MAKE_I64) return narrow(r, WR_PQ_FROM_I64, raw, count, out, at);
        WR_TRY(wr_pq_bytes_need(r->pool->mem, &r->pool->longs, count * 8));
        memcpy(r->pool->longs.data, raw, count * 8);
        return wr_pq_convert_longs(r, r->pool->longs.data, count, out, at);
    case WR_PQ_MAKE_INT96:
        return convert_int96(r, raw, count, out, at);
    case WR_PQ_MAKE_DECIMAL:
        return convert_decimals(r, (bytes_source){.raw = raw, .width = r->leaf->width}, count, out,
                                at);
    case WR_PQ_MAKE_F32:
    case WR_PQ_MAKE_F64:
        memcpy(to, raw, count * r->size);
        return WR_OK;
    case WR_PQ_MAKE_F16:
        convert_halves(raw, count, (float *)out + at);
        return WR_OK;
    case WR_PQ_MAKE_UUID:
        convert_uuids(raw, count, (wr_i128 *)out + at);
        return WR_OK;
    case WR_PQ_MAKE_INTERVAL:
        return convert_intervals(raw, count, (wr_interval *)out + at);
    case WR_PQ_MAKE_TEXT: {
        wr_view *views = (wr_view *)out + at;
        for (size_t i = 0; i < count; i++)
            views[i] = wr_view_of((const char *)raw + i * r->leaf->width, r->leaf->width);
        return r->leaf->check_utf8 && !r->is_ascii ? check_utf8(views, count) : WR_OK;
    }
    case WR_PQ_MAKE_NULL:
        memset(to, 0, count * r->size);
        return WR_OK;
    case WR_PQ_MAKE_BOOL:
        break;
    }
    return wr_fail(WR_E_CORRUPT, "the encoding does not fit the type");
}

weir_status wr_pq_convert_views(wr_pq_reader *r, const wr_view *in, size_t count, void *out,
                                size_t at)
{
    if (r->leaf->make == WR_PQ_MAKE_DECIMAL)
        return convert_decimals(r, (bytes_source){.views = in}, count, out, at);
    if (r->leaf->make == WR_PQ_MAKE_NULL) {
        memset((char *)out + at * r->size, 0, count * r->size);
        return WR_OK;
    }
    wr_assert(r->leaf->make == WR_PQ_MAKE_TEXT);
    wr_view *to = (wr_view *)out + at;
    if (in != to) memcpy(to, in, count * sizeof *in);
    return r->leaf->check_utf8 && !r->is_ascii ? check_utf8(to, count) : WR_OK;
}

/* ---- bounds */

static bool scaled_bound(const wr_pq_leaf *leaf, int64_t v, int64_t *out)
{
    if (leaf->make != WR_PQ_MAKE_SCALED) {
        *out = v;
        return true;
    }
    if (leaf->scale_by > 0) return !__builtin_mul_overflow(v, (int64_t)leaf->scale_by, out);
    int64_t by = -(int64_t)leaf->scale_by;
    *out = v / by;
    return true;
}

bool wr_pq_bound_int(const wr_pq_leaf *leaf, wr_str bound, int64_t *out)
{
    int32_t narrow_value;
    int64_t wide;
    bool overflow = false;
    switch (leaf->make) {
    case WR_PQ_MAKE_I32:
    case WR_PQ_MAKE_U32:
    case WR_PQ_MAKE_I64:
    case WR_PQ_MAKE_U64:
    case WR_PQ_MAKE_SCALED:
        if (bound.length != leaf->width) return false;
        if (leaf->width == 4) {
            memcpy(&narrow_value, bound.data, 4);
            wide = leaf->make == WR_PQ_MAKE_U32 ? (int64_t)(uint32_t)narrow_value : narrow_value;
        } else {
            memcpy(&wide, bound.data, 8);
        }
        return scaled_bound(leaf, wide, out);
    case WR_PQ_MAKE_DECIMAL: {
        wr_i128 v = wr_pq_big_endian((const uint8_t *)bound.data, bound.length, &overflow);
        *out = (int64_t)v;
        return !overflow && bound.length > 0 && v >= INT64_MIN && v <= INT64_MAX;
    }
    default:
        return false;
    }
}

bool wr_pq_range_ints(const wr_pq_leaf *leaf, const wr_pq_range *range, int64_t *lo, int64_t *hi)
{
    if (!range->min.data || !range->max.data) return false;
    bool is_unsigned = leaf->make == WR_PQ_MAKE_U32 || leaf->make == WR_PQ_MAKE_U64;
    /* The deprecated bounds compare decimals byte by byte and unsigned numbers as signed ones. */
    if (range->old_order && (is_unsigned || leaf->make == WR_PQ_MAKE_DECIMAL)) return false;
    if (!wr_pq_bound_int(leaf, range->min, lo) || !wr_pq_bound_int(leaf, range->max, hi) ||
        *lo > *hi)
        return false;
    if (leaf->make == WR_PQ_MAKE_U64 && *lo < 0) return false;
    return leaf->make == WR_PQ_MAKE_DECIMAL || (*lo >= leaf->least && *hi <= leaf->most);
}
