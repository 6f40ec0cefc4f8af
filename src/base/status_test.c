/* status_test.c - the error object keeps what it is told and never gets lost. */
#include "base/test.h"

static weir_status fail_below(void)
{
    WR_TRY(wr_fail(WR_E_IO, "disk \"%s\" is gone", "a"));
    return WR_OK;
}

TEST(an_error_carries_code_message_and_decorations)
{
    weir_status s = wr_fail_at(WR_E_SYNTAX, (wr_span){3, 4}, "odd word \"%s\"", "FORM");
    s = wr_with_hint(s, "did you mean %s?", "FROM");
    s = wr_with_fix(s, "select 1");
    s = wr_with_span(s, (wr_span){9, 9});
    EXPECT_INT(s->code, WR_E_SYNTAX);
    EXPECT_TEXT(s->message, "odd word \"FORM\"");
    EXPECT_TEXT(s->hint, "did you mean FROM?");
    EXPECT_TEXT(s->fix, "select 1");
    EXPECT_INT(s->span.pos, 3);
    EXPECT_TEXT(wr_code_sqlstate(s->code), "42601");
    EXPECT_TEXT(wr_code_name(s->code), "SYNTAX");
    wr_status_drop(s);
}

TEST(wrapping_puts_the_context_in_front)
{
    weir_status s = wr_wrap(fail_below(), "reading %d", 7);
    EXPECT_TEXT(wr_status_text(s), "reading 7: disk \"a\" is gone");
    wr_status_drop(s);
    EXPECT_TEXT(wr_status_text(wr_wrap(WR_OK, "nothing")), "ok");
}

TEST(decorating_ok_leaves_ok)
{
    EXPECT(wr_with_hint(WR_OK, "x") == WR_OK);
    EXPECT(wr_with_span(WR_OK, (wr_span){1, 1}) == WR_OK);
    wr_status_drop(WR_OK);
}
