/* rle.c - runs, bit-packed groups and delta blocks.
 *
 * Packed groups come in multiples of eight values; a reader may stop anywhere inside, so unpacking
 * starts either at a group (a byte boundary, the fast kernel) or finishes a started group value by
 * value. Writers may cut the last group short at the end of the page; only the values whose bits
 * are all there count. Delta miniblocks may be of any multiple of 8 values; they are unpacked in
 * slices of the fixed buffer, so a hostile block size costs nothing. */
#include "fmt/parquet/rle.h"

static bool varint(const uint8_t **at, const uint8_t *end, uint64_t *out)
{
    uint64_t v = 0;
    for (int shift = 0; shift < 64 && *at < end; shift += 7) {
        uint8_t b = *(*at)++;
        v |= (uint64_t)(b & 0x7f) << shift;
        if (!(b & 0x80)) {
            *out = v;
            return true;
        }
    }
    return false;
}

void wr_pq_rle_init(wr_pq_rle *r, const uint8_t *bytes, size_t size, unsigned width)
{
    wr_assert(width <= 32);
    *r = (wr_pq_rle){.at = bytes, .end = bytes + size, .width = width};
}

/* Reads the head of the next run. */
static bool next_run(wr_pq_rle *r)
{
    while (true) {
        uint64_t head;
        if (!varint(&r->at, r->end, &head)) return false;
        uint64_t count = head >> 1;
        if (!(head & 1)) {
            size_t bytes = (r->width + 7) / 8;
            if ((size_t)(r->end - r->at) < bytes || count > UINT32_MAX) return false;
            r->run_value = 0;
            for (size_t i = 0; i < bytes; i++)
                r->run_value |= (uint32_t)r->at[i] << (8 * i);
            r->at += bytes;
            r->run_left = (uint32_t)count;
            if (count) return true;
            continue;
        }
        uint64_t bits = (uint64_t)(r->end - r->at) * 8;
        uint64_t there = r->width ? bits / r->width : UINT32_MAX;
        if (count > UINT32_MAX / 8) return false;
        r->packed = r->at;
        r->packed_done = 0;
        r->packed_left = (uint32_t)WR_MIN(count * 8, there);
        size_t bytes = (size_t)(count * r->width);
        r->at += WR_MIN(bytes, (size_t)(r->end - r->at));
        if (r->packed_left) return true;
        if (r->at == r->end) return false;
    }
}

static void take_packed(wr_pq_rle *r, uint32_t *out, uint32_t count)
{
    uint32_t inside = r->packed_done & 7;
    if (inside) {
        uint32_t group[8];
        uint32_t here = WR_MIN(count, 8 - inside);
        const uint8_t *from = r->packed + (size_t)(r->packed_done >> 3) * r->width;
        wr_pq_unpack(from, r->width, group, 8);
        memcpy(out, group + inside, here * sizeof *out);
        r->packed_done += here;
        r->packed_left -= here;
        out += here;
        count -= here;
    }
    if (count == 0) return;
    wr_pq_unpack(r->packed + (size_t)(r->packed_done >> 3) * r->width, r->width, out, count);
    r->packed_done += count;
    r->packed_left -= count;
}

bool wr_pq_rle_get(wr_pq_rle *r, uint32_t *out, size_t count)
{
    while (count > 0) {
        if (r->run_left) {
            uint32_t here = (uint32_t)WR_MIN(count, (size_t)r->run_left);
            for (uint32_t i = 0; i < here; i++)
                out[i] = r->run_value;
            r->run_left -= here;
            out += here;
            count -= here;
        } else if (r->packed_left) {
            uint32_t here = (uint32_t)WR_MIN(count, (size_t)r->packed_left);
            take_packed(r, out, here);
            out += here;
            count -= here;
        } else if (!next_run(r)) {
            return false;
        }
    }
    return true;
}

bool wr_pq_rle_skip(wr_pq_rle *r, size_t count)
{
    while (count > 0) {
        if (r->run_left) {
            uint32_t here = (uint32_t)WR_MIN(count, (size_t)r->run_left);
            r->run_left -= here;
            count -= here;
        } else if (r->packed_left) {
            uint32_t here = (uint32_t)WR_MIN(count, (size_t)r->packed_left);
            r->packed_done += here;
            r->packed_left -= here;
            count -= here;
        } else if (!next_run(r)) {
            return false;
        }
    }
    return true;
}

bool wr_pq_rle_bits(wr_pq_rle *r, uint64_t *bits, size_t from, size_t count, size_t *ones)
{
    wr_assert(r->width == 1);
    uint64_t nowhere[2] = {0};
    while (count > 0) {
        size_t here;
        if (r->run_left) {
            here = WR_MIN(count, (size_t)r->run_left);
            if (r->run_value > 1) return false;
            if (bits) wr_pq_bits_fill(bits, from, here, r->run_value);
            *ones += r->run_value ? here : 0;
            r->run_left -= (uint32_t)here;
        } else if (r->packed_left) {
            here = WR_MIN(count, (size_t)r->packed_left);
            if (!bits) here = WR_MIN(here, 64);
            *ones += wr_pq_bits_copy(bits ? bits : nowhere, bits ? from : 0, r->packed,
                                     r->packed_done, here);
            r->packed_done += (uint32_t)here;
            r->packed_left -= (uint32_t)here;
        } else {
            if (!next_run(r)) return false;
            continue;
        }
        from += here;
        count -= here;
    }
    return true;
}

/* ---- delta */

bool wr_pq_delta_init(wr_pq_delta *d, const uint8_t *bytes, size_t size)
{
    uint64_t block, minis, total, first;
    d->at = bytes;
    d->end = bytes + size;
    if (!varint(&d->at, d->end, &block) || !varint(&d->at, d->end, &minis) ||
        !varint(&d->at, d->end, &total) || !varint(&d->at, d->end, &first))
        return false;
    if (minis == 0 || minis > 65536 || block == 0 || block > UINT32_MAX || block % minis)
        return false;
    d->per_mini = (uint32_t)(block / minis);
    d->mini_count = (uint32_t)minis;
    if (d->per_mini % 8 || total > INT32_MAX) return false;
    d->left = total;
    d->last = (first >> 1) ^ -(first & 1);
    d->first = true;
    d->mini = d->mini_count;
    d->ready = d->taken = d->mini_left = 0;
    d->widths = NULL;
    return true;
}

static bool next_block(wr_pq_delta *d)
{
    uint64_t v;
    if (!varint(&d->at, d->end, &v) || (size_t)(d->end - d->at) < d->mini_count) return false;
    d->min_delta = (v >> 1) ^ -(v & 1);
    d->widths = d->at;
    d->at += d->mini_count;
    d->mini = 0;
    return true;
}

/* Fills buffer with the next slice of deltas. */
static bool next_slice(wr_pq_delta *d)
{
    if (d->mini_left == 0) {
        if (d->mini == d->mini_count && !next_block(d)) return false;
        d->mini_width = d->widths[d->mini++];
        if (d->mini_width > 64) return false;
        d->mini_at = d->at;
        d->mini_left = d->per_mini;
        uint64_t bytes = (uint64_t)d->per_mini / 8 * d->mini_width;
        uint64_t needed = (WR_MIN(d->left, (uint64_t)d->per_mini) * d->mini_width + 7) / 8;
        uint64_t there = (uint64_t)(d->end - d->at);
        if (needed > there) return false;
        d->at += WR_MIN(bytes, there);
    }
    uint32_t count = WR_MIN(d->mini_left, (uint32_t)WR_COUNT(d->buffer));
    if (count > d->left) count = (uint32_t)d->left;
    wr_pq_unpack_wide(d->mini_at, d->mini_width, d->buffer, count);
    d->mini_at += (size_t)(count / 8) * d->mini_width;
    d->mini_left = count == d->left ? 0 : d->mini_left - count;
    d->ready = count;
    d->taken = 0;
    return count > 0;
}

bool wr_pq_delta_get(wr_pq_delta *d, int64_t *out, size_t count)
{
    if (count > d->left) return false;
    if (count && d->first) {
        d->first = false;
        d->left--;
        *out++ = (int64_t)d->last;
        count--;
    }
    while (count > 0) {
        if (d->taken == d->ready && !next_slice(d)) return false;
        uint32_t here = (uint32_t)WR_MIN(count, (size_t)(d->ready - d->taken));
        uint64_t last = d->last, least = d->min_delta;
        const uint64_t *in = d->buffer + d->taken;
        for (uint32_t i = 0; i < here; i++) {
            last += least + in[i];
            out[i] = (int64_t)last;
        }
        d->last = last;
        d->taken += here;
        d->left -= here;
        out += here;
        count -= here;
    }
    return true;
}

const uint8_t *wr_pq_delta_end(const wr_pq_delta *d) { return d->at; }
