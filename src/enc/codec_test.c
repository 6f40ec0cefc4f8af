/* codec_test.c - every codec gives back what it was given, and nothing for damaged input. */
#include "base/test.h"
#include "enc/codec.h"
#include "enc/snappy.h"

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* Text with repetitions near and far, numbers with a stride of eight, noise. */
static void fill(uint8_t *bytes, size_t size, int kind)
{
    uint32_t state = 7;
    for (size_t i = 0; i < size; i++) {
        uint32_t r = next_random(&state);
        if (kind == 0)
            bytes[i] = (uint8_t) "the quick brown fox "[r % 7 + i % 13];
        else if (kind == 1)
            bytes[i] = i % 8 < 2 ? (uint8_t)r : 0;
        else if (kind == 2)
            bytes[i] = (uint8_t)r;
        else
            bytes[i] = (uint8_t)(i / 1000);
    }
}

static void round_trip(wr_codec codec, size_t size, int kind)
{
    wr_codec_state state = {0};
    int least, normal, most;
    wr_codec_levels(codec, &least, &normal, &most);
    uint8_t *in = wr_heap_new(size + WR_CODEC_SLOP), *back = wr_heap_new(size + WR_CODEC_SLOP);
    uint8_t *packed = wr_heap_new(wr_codec_bound(codec, size) + WR_CODEC_SLOP);
    size_t packed_size;
    fill(in, size, kind);
    EXPECT_OK(wr_codec_encode(&state, codec, normal, in, size, packed, &packed_size));
    EXPECT(packed_size <= wr_codec_bound(codec, size));
    EXPECT_OK(wr_codec_decode(&state, codec, packed, packed_size, back, size));
    EXPECT(memcmp(in, back, size) == 0);
    if (codec != WR_CODEC_NONE && size > 64) {
        weir_status cut = wr_codec_decode(&state, codec, packed, packed_size / 2, back, size);
        EXPECT(cut && cut->code == WR_E_CORRUPT);
        wr_status_drop(cut);
    }
    wr_heap_drop(in);
    wr_heap_drop(back);
    wr_heap_drop(packed);
    wr_codec_clear(&state);
}

TEST(codecs_give_back_what_they_were_given)
{
    static const size_t sizes[] = {1, 15, 60, 61, 100, 4096, 65536, 200001};
    for (int codec = 0; codec < WR_CODEC_COUNT; codec++)
        for (size_t i = 0; i < WR_COUNT(sizes); i++)
            for (int kind = 0; kind < 4; kind++)
                round_trip((wr_codec)codec, sizes[i], kind);
}

TEST(codecs_are_found_by_name)
{
    wr_codec codec = WR_CODEC_COUNT;
    EXPECT(wr_codec_find(WR_STR("ZSTD"), &codec) && codec == WR_CODEC_ZSTD);
    EXPECT(wr_codec_find(WR_STR("uncompressed"), &codec) && codec == WR_CODEC_NONE);
    EXPECT(!wr_codec_find(WR_STR("zip"), &codec));
}

TEST(snappy_survives_damage_and_stays_in_its_buffer)
{
    enum { SIZE = 5000 };
    uint8_t *in = wr_heap_new(SIZE + WR_SNAPPY_SLOP),
            *out = wr_heap_new(SIZE + WR_SNAPPY_SLOP + 64);
    uint8_t *packed = wr_heap_new(wr_snappy_bound(SIZE) + WR_SNAPPY_SLOP);
    uint16_t *table = wr_heap_new(sizeof *table << 14);
    uint32_t state = 99;
    for (int round = 0; round < 4000; round++) {
        fill(in, SIZE, round & 3);
        size_t size = wr_snappy_encode(in, SIZE, packed, table);
        for (int hit = 0; hit < 3; hit++)
            packed[next_random(&state) % size] = (uint8_t)next_random(&state);
        memset(out + SIZE + WR_SNAPPY_SLOP, 0xab, 64);
        (void)wr_snappy_decode(packed, size, out, SIZE);
        for (int i = 0; i < 64; i++)
            EXPECT_INT(out[SIZE + WR_SNAPPY_SLOP + i], 0xab);
    }
    wr_heap_drop(in);
    wr_heap_drop(out);
    wr_heap_drop(packed);
    wr_heap_drop(table);
}

/* Puts a random element into the block and what it means behind out + size; returns bytes put. */
static size_t put_element(uint8_t *to, uint8_t *out, size_t *size, uint32_t *state, bool numbers)
{
    uint32_t kind = next_random(state) % 8, wild = next_random(state) % (numbers ? 64 : 4);
    if (numbers && wild) kind = to[-1] == 0xff ? 1 + kind % 2 : 0; /* literals end with 255 */
    kind = *size == 0 || kind == 4 ? 0 : kind & 3;
    uint8_t *start = to;
    if (kind == 0) {
        uint32_t length = 1 + next_random(state) % (wild ? 8 : 60);
        *to++ = (uint8_t)((length - 1) << 2);
        for (uint32_t i = 0; i < length; i++)
            out[(*size)++] = *to++ = i + 1 == length ? 0xff : (uint8_t)next_random(state);
        return (size_t)(to - start);
    }
    uint32_t length = kind == 1 ? 4 + next_random(state) % 8 : 1 + next_random(state) % 64;
    uint32_t farthest = WR_MIN((uint32_t)*size, kind == 1 ? 2047 : 65535);
    uint32_t offset = 1 + next_random(state) % WR_MIN(farthest, wild & 1 ? 65535 : 20);
    *to++ =
        (uint8_t)(kind == 1 ? 1 | (length - 4) << 2 | offset >> 8 << 5 : kind | (length - 1) << 2);
    for (uint32_t i = 0; i < (kind == 3 ? 4 : kind); i++)
        *to++ = (uint8_t)(offset >> (8 * i));
    for (uint32_t i = 0; i < length; i++, (*size)++)
        out[*size] = out[*size - offset];
    return (size_t)(to - start);
}

TEST(snappy_decodes_every_kind_of_element_as_one_byte_after_another_would)
{
    enum { MOST = 200000 };
    uint8_t *block = wr_heap_new(MOST + 256), *want = wr_heap_new(MOST + 256);
    uint8_t *out = wr_heap_new(MOST + 256);
    uint32_t state = 7;
    for (int round = 0; round < 200; round++) {
        size_t size = 0, at = 3, most = 20 + next_random(&state) % (MOST - 200);
        while (size < most && at < MOST)
            at += put_element(block + at, want, &size, &state, round & 1);
        for (int i = 0; i < 3; i++)
            block[i] = (uint8_t)((size >> (7 * i) & 0x7f) | (i < 2 ? 0x80 : 0));
        EXPECT(wr_snappy_decode(block, at, out, size));
        EXPECT(memcmp(out, want, size) == 0);
        EXPECT(!wr_snappy_decode(block, at - 1, out, size));
    }
    wr_heap_drop(block);
    wr_heap_drop(want);
    wr_heap_drop(out);
}

TEST(snappy_refuses_a_copy_from_before_the_start)
{
    static const uint8_t block[80] = {5, 0 << 2, 'a', 1 | 0 << 2,
                                      2}; /* one literal, then a copy from 2 back */
    uint8_t out[5 + WR_SNAPPY_SLOP];
    EXPECT(!wr_snappy_decode(block, 5, out, 5));
}

TEST(lz4_reads_hadoop_framing_and_bare_blocks)
{
    wr_codec_state state = {0};
    uint8_t in[300 + WR_CODEC_SLOP], packed[600 + WR_CODEC_SLOP], back[300 + WR_CODEC_SLOP];
    size_t size;
    fill(in, 300, 0);
    EXPECT_OK(wr_codec_encode(&state, WR_CODEC_LZ4_RAW, 0, in, 300, packed, &size));
    EXPECT_OK(wr_codec_decode(&state, WR_CODEC_LZ4, packed, size, back, 300));
    EXPECT(memcmp(in, back, 300) == 0);
    EXPECT_OK(wr_codec_encode(&state, WR_CODEC_LZ4, 0, in, 300, packed, &size));
    EXPECT_OK(wr_codec_decode(&state, WR_CODEC_LZ4, packed, size, back, 300));
    EXPECT(memcmp(in, back, 300) == 0);
    wr_codec_clear(&state);
}
