/* thrift_test.c - what is written reads back, and hostile bytes end in bad, not in a crash. */
#include "base/test.h"
#include "enc/thrift.h"

static wr_thrift_in reader(const wr_buf *buf)
{
    wr_thrift_in in;
    wr_thrift_in_init(&in, buf->data, buf->length);
    return in;
}

TEST(thrift_fields_read_back_as_written)
{
    WR_BUF(buf);
    wr_thrift_out out = {.buf = &buf};
    wr_thrift_begin(&out);
    wr_thrift_put_i32(&out, 1, -7);
    wr_thrift_put_bool(&out, 2, true);
    wr_thrift_put_i64(&out, 200, INT64_MIN);
    wr_thrift_put_binary(&out, 201, WR_STR("abc"));
    wr_thrift_end(&out);
    wr_thrift_in in = reader(&buf);
    wr_thrift_field f = {0};
    EXPECT(wr_thrift_next(&in, &f) && f.id == 1 && wr_thrift_int(&in, &f) == -7);
    EXPECT(wr_thrift_next(&in, &f) && f.id == 2 && wr_thrift_bool(&f));
    EXPECT(wr_thrift_next(&in, &f) && f.id == 200 && wr_thrift_int(&in, &f) == INT64_MIN);
    EXPECT(wr_thrift_next(&in, &f) && f.id == 201 &&
           wr_str_eq(wr_thrift_binary(&in, &f), WR_STR("abc")));
    EXPECT(!wr_thrift_next(&in, &f) && !in.bad);
}

TEST(thrift_skips_nested_values_it_does_not_know)
{
    WR_BUF(buf);
    wr_thrift_out out = {.buf = &buf};
    wr_thrift_begin(&out);
    wr_thrift_put_struct(&out, 3);
    wr_thrift_put_list(&out, 1, WR_THRIFT_I32, 20);
    for (int i = 0; i < 20; i++)
        wr_thrift_add_int(&out, i);
    wr_thrift_put_list(&out, 2, WR_THRIFT_TRUE, 2);
    wr_thrift_add_bool(&out, true);
    wr_thrift_add_bool(&out, false);
    wr_thrift_end(&out);
    wr_thrift_put_byte(&out, 4, -1);
    wr_thrift_end(&out);
    wr_thrift_in in = reader(&buf);
    wr_thrift_field f = {0};
    EXPECT(wr_thrift_next(&in, &f) && f.id == 3);
    wr_thrift_skip(&in, f.type);
    EXPECT(wr_thrift_next(&in, &f) && f.id == 4 && wr_thrift_int(&in, &f) == -1);
    EXPECT(!wr_thrift_next(&in, &f) && !in.bad);
}

TEST(thrift_marks_every_cut_as_bad)
{
    WR_BUF(buf);
    wr_thrift_out out = {.buf = &buf};
    wr_thrift_begin(&out);
    wr_thrift_put_binary(&out, 1, WR_STR("some bytes"));
    wr_thrift_put_list(&out, 2, WR_THRIFT_BINARY, 1);
    wr_thrift_add_binary(&out, WR_STR("more bytes"));
    wr_thrift_end(&out);
    for (size_t cut = 0; cut < buf.length; cut++) {
        wr_thrift_in in;
        wr_thrift_in_init(&in, buf.data, cut);
        wr_thrift_field f = {0};
        while (wr_thrift_next(&in, &f))
            wr_thrift_skip(&in, f.type);
        EXPECT(in.bad);
    }
}

TEST(thrift_refuses_lists_longer_than_the_input)
{
    static const uint8_t bytes[] = {0x19, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x07, 0, 0};
    wr_thrift_in in;
    wr_thrift_in_init(&in, bytes, sizeof bytes);
    wr_thrift_field f = {0};
    uint8_t type;
    EXPECT(wr_thrift_next(&in, &f));
    EXPECT_INT(wr_thrift_list(&in, &f, &type), 0);
    EXPECT(in.bad);
}

TEST(thrift_limits_nesting)
{
    uint8_t deep[4096];
    memset(deep, 0x1c, sizeof deep); /* field 1, struct, for ever */
    wr_thrift_in in;
    wr_thrift_in_init(&in, deep, sizeof deep);
    wr_thrift_skip(&in, WR_THRIFT_STRUCT);
    EXPECT(in.bad);
}
