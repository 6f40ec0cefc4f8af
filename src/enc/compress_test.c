/* compress_test.c - what goes through a compressor comes back, whatever the sizes of the pieces. */
#include "base/test.h"
#include "enc/compress.h"

static void inflate_all(wr_compression method, wr_str packed, size_t step, wr_buf *out,
                        wr_code want)
{
    wr_mem *mem = wr_mem_new(NULL, "test", 0);
    wr_inflate *inflate = NULL;
    EXPECT_OK(wr_inflate_new(mem, method, &inflate));
    size_t pos = 0;
    char piece[777];
    weir_status bad = WR_OK;
    for (;;) {
        size_t give = WR_MIN(step, packed.length - pos), used = 0, made = 0;
        bad = wr_inflate_run(inflate, packed.data + pos, give, pos + give == packed.length, piece,
                             sizeof piece, &used, &made);
        if (bad) break;
        pos += used;
        wr_buf_add(out, piece, made);
        if (pos == packed.length && made == 0 && give == 0) break;
    }
    EXPECT_INT(bad ? bad->code : WR_E_NONE, want);
    wr_status_drop(bad);
    wr_inflate_drop(inflate);
    EXPECT_INT(wr_mem_used(mem), 0);
    wr_mem_drop(mem);
}

static void pack(wr_compression method, wr_str text, wr_buf *out)
{
    wr_mem *mem = wr_mem_new(NULL, "test", 0);
    wr_deflate *deflate = NULL;
    EXPECT_OK(wr_deflate_new(mem, method, 0, &deflate));
    EXPECT_OK(wr_deflate_run(deflate, text.data, text.length / 2, false, out));
    EXPECT_OK(wr_deflate_run(deflate, text.data + text.length / 2, text.length - text.length / 2,
                             true, out));
    wr_deflate_drop(deflate);
    wr_mem_drop(mem);
}

TEST(every_method_reads_back_what_it_wrote_also_concatenated)
{
    WR_BUF(text);
    for (int i = 0; i < 40000; i++)
        wr_buf_printf(&text, "%d,", i * 7919 % 10007);
    for (int m = WR_COMPRESS_GZIP; m <= WR_COMPRESS_LZ4; m++) {
        WR_BUF(packed);
        pack((wr_compression)m, wr_buf_str(&text), &packed);
        EXPECT(packed.length < text.length);
        EXPECT_INT(wr_compression_of_head(packed.data, packed.length), m);
        pack((wr_compression)m, wr_buf_str(&text), &packed);
        for (size_t step = 1; step < 100000; step = step * 7 + 1) {
            WR_BUF(back);
            inflate_all((wr_compression)m, wr_buf_str(&packed), step, &back, WR_E_NONE);
            EXPECT_INT(back.length, 2 * text.length);
            EXPECT(back.length == 2 * text.length &&
                   memcmp(back.data + text.length, text.data, text.length) == 0);
        }
    }
}

TEST(a_stream_cut_short_is_an_error)
{
    for (int m = WR_COMPRESS_GZIP; m <= WR_COMPRESS_LZ4; m++) {
        WR_BUF(packed);
        pack((wr_compression)m, WR_STR("some text that is long enough to be cut, cut, cut"),
             &packed);
        for (size_t cut = 0; cut < packed.length; cut++) {
            WR_BUF(back);
            inflate_all((wr_compression)m, (wr_str){packed.data, cut}, 1000, &back, WR_E_CORRUPT);
        }
    }
}

TEST(methods_are_known_by_name_suffix_and_magic)
{
    wr_compression found = WR_COMPRESS_NONE;
    EXPECT(wr_compression_find(WR_STR("GZ"), &found) && found == WR_COMPRESS_GZIP);
    EXPECT(!wr_compression_find(WR_STR("rar"), &found));
    EXPECT_INT(wr_compression_of_path(WR_STR("a/b.csv.zst")), WR_COMPRESS_ZSTD);
    EXPECT_INT(wr_compression_of_path(WR_STR("a/b.csv")), WR_COMPRESS_NONE);
}
