/* read_test.c - the stream of COPY, in whatever pieces it comes and whatever is wrong with it. */
#define wr_remote_read wr_remote_read_here
#include "remote/read.c"
#include "base/test.h"

/* Two rows: (1, "k", "vv") and (2, "", ""). */
static const char whole[] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\2xx"
                            "\0\3\0\0\0\4\0\0\0\1\0\0\0\1k\0\0\0\2vv"
                            "\0\3\0\0\0\4\0\0\0\2\0\0\0\0\0\0\0\0"
                            "\377\377";
enum { WHOLE = sizeof whole - 1, FIRST_ROW = 21 };

static wr_buf seen;

static weir_status take_pair(void *arg, uint32_t section, wr_str key, wr_str value)
{
    (void)arg;
    wr_buf_printf(&seen, "%u %.*s=%.*s;", section, WR_STR_ARGS(key), WR_STR_ARGS(value));
    return WR_OK;
}

static const wr_remote_reader reader = {.pair = take_pair};
static wr_remote remote = {.address = {.shown = {"here", 4}}};

/* Feeds the bytes in pieces of that size. */
static weir_status fed(const char *bytes, size_t size, size_t piece, bool *ended)
{
    copy c = {.r = &remote, .reader = &reader};
    weir_status bad = WR_OK;
    wr_buf_clear(&seen);
    wr_buf_reserve(&c.bytes, 1);
    for (size_t at = 0; at < size && !bad; at += piece)
        bad = take_message(&c, bytes + at, WR_MIN(piece, size - at));
    *ended = c.has_ended;
    wr_buf_clear(&c.bytes);
    return bad;
}

TEST(rows_are_found_whatever_the_pieces_are)
{
    for (size_t piece = 1; piece <= WHOLE; piece++) {
        bool ended = false;
        EXPECT_OK(fed(whole, WHOLE, piece, &ended));
        EXPECT(ended);
        EXPECT_TEXT(seen.data, "1 k=vv;2 =;");
    }
    wr_buf_clear(&seen);
}

TEST(a_copy_that_is_cut_off_has_no_end)
{
    for (size_t size = 0; size < WHOLE; size++) {
        bool ended = true;
        EXPECT_OK(fed(whole, size, 7, &ended));
        EXPECT(!ended);
    }
    wr_buf_clear(&seen);
}

/* Whatever a byte is changed to, nothing is read that is not there. */
TEST(damage_is_an_error_or_another_value_and_nothing_worse)
{
    int errors = 0;
    for (size_t at = 0; at < WHOLE; at++) {
        for (int value = 0; value < 256; value++) {
            char bytes[WHOLE];
            bool ended;
            memcpy(bytes, whole, WHOLE);
            bytes[at] = (char)value;
            weir_status bad = fed(bytes, WHOLE, 5, &ended);
            EXPECT(!bad || bad->code == WR_E_CORRUPT);
            errors += bad != WR_OK;
            wr_status_drop(bad);
        }
    }
    EXPECT(errors > 256 * 11);
    char bytes[WHOLE];
    bool ended;
    memcpy(bytes, whole, WHOLE);
    bytes[FIRST_ROW + 2] = 0x7f; /* a length of gigabytes */
    EXPECT_FAIL(fed(bytes, WHOLE, WHOLE, &ended), WR_E_CORRUPT);
    wr_buf_clear(&seen);
}
