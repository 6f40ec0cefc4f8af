/* rle_test.c - the integer encodings against the straightforward way to do the same. */
#include "base/test.h"
#include "fmt/parquet/sink.h"

static uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 11;
}

TEST(unpacking_agrees_with_single_bits_at_every_width)
{
    uint8_t bytes[8 * 64 + 64];
    uint64_t state = 3;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)next_random(&state);
    for (unsigned width = 0; width <= 64; width++) {
        uint32_t narrow[64];
        uint64_t wide[64];
        if (width <= 32) wr_pq_unpack(bytes, width, narrow, 61);
        wr_pq_unpack_wide(bytes, width, wide, 61);
        for (size_t i = 0; i < 61; i++) {
            uint64_t want = 0;
            for (unsigned k = 0; k < width; k++) {
                size_t bit = i * width + k;
                want |= (uint64_t)(bytes[bit / 8] >> (bit % 8) & 1) << k;
            }
            if (width <= 32) EXPECT_INT(narrow[i], want);
            EXPECT(wide[i] == want);
        }
    }
}

TEST(runs_read_back_in_pieces_of_any_size)
{
    enum { COUNT = 3000 };
    static uint32_t values[COUNT], back[COUNT];
    uint64_t state = 5;
    for (unsigned width = 1; width <= 20; width++) {
        for (size_t i = 0; i < COUNT; i++)
            values[i] = next_random(&state) % 5 && i
                            ? values[i - 1]
                            : (uint32_t)next_random(&state) & ((1u << width) - 1);
        WR_BUF(buf);
        wr_pq_encode_runs(&buf, values, COUNT, width);
        size_t size = buf.length;
        wr_buf_reserve(&buf, WR_PQ_UNPACK_SLOP);
        wr_pq_rle r;
        wr_pq_rle_init(&r, (const uint8_t *)buf.data, size, width);
        for (size_t at = 0; at < COUNT;) {
            size_t here = 1 + next_random(&state) % 40;
            if (here > COUNT - at) here = COUNT - at;
            if (next_random(&state) % 4 == 0) {
                EXPECT(wr_pq_rle_skip(&r, here));
                memcpy(back + at, values + at, here * sizeof *back);
            } else {
                EXPECT(wr_pq_rle_get(&r, back + at, here));
            }
            at += here;
        }
        EXPECT(memcmp(values, back, sizeof values) == 0);
    }
}

TEST(deltas_read_back_whatever_the_distance)
{
    enum { COUNT = 1000 };
    static int64_t values[COUNT], back[COUNT];
    uint64_t state = 11;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        for (size_t i = 0; i < COUNT; i++)
            values[i] = (int64_t)(next_random(&state) * 0x9e3779b97f4a7c15u) >> shift;
        values[1] = INT64_MIN;
        values[2] = INT64_MAX;
        WR_BUF(buf);
        wr_pq_encode_delta(&buf, values, COUNT, false);
        size_t size = buf.length;
        wr_buf_reserve(&buf, WR_PQ_UNPACK_SLOP);
        wr_pq_delta d;
        EXPECT(wr_pq_delta_init(&d, (const uint8_t *)buf.data, size));
        EXPECT(wr_pq_delta_get(&d, back, 1) && wr_pq_delta_get(&d, back + 1, 200) &&
               wr_pq_delta_get(&d, back + 201, COUNT - 201));
        EXPECT(memcmp(values, back, sizeof values) == 0);
        EXPECT(!wr_pq_delta_get(&d, back, 1));
        EXPECT(wr_pq_delta_end(&d) == (const uint8_t *)buf.data + size);
    }
}

TEST(a_delta_head_with_impossible_sizes_is_refused)
{
    static const uint8_t no_minis[] = {0x80, 1, 0, 5, 0}, odd[] = {100, 3, 5, 0};
    wr_pq_delta d;
    EXPECT(!wr_pq_delta_init(&d, no_minis, sizeof no_minis));
    EXPECT(!wr_pq_delta_init(&d, odd, sizeof odd));
    EXPECT(!wr_pq_delta_init(&d, odd, 1));
}

TEST(spreading_moves_values_to_the_rows_that_are_present)
{
    static const uint64_t valid = 0x5a3; /* 1010 0011 of ..0101 1010 0011 */
    for (size_t size = 1; size <= 16; size *= 2) {
        uint8_t values[12 * 16] = {0};
        size_t present = 0;
        for (size_t i = 0; i < 12; i++)
            present += valid >> i & 1;
        for (size_t i = 0; i < present; i++)
            values[i * size] = (uint8_t)(i + 1);
        wr_pq_spread(values, size, &valid, 0, 12, present);
        for (size_t i = 0, seen = 0; i < 12; i++) {
            bool is_present = valid >> i & 1;
            seen += is_present;
            EXPECT_INT(values[i * size], is_present ? seen : 0);
        }
    }
}
