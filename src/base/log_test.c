/* log_test.c */
#include "base/log.h"
#include "base/test.h"
#include <stdlib.h>
#include <unistd.h>

TEST(a_log_line_names_level_event_and_fields)
{
    int ends[2], kept = dup(STDERR_FILENO);
    EXPECT_INT(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    wr_log(WR_LOG_ERROR, "spill failed", "path", "a b\n", "bytes", "12", NULL);
    dup2(kept, STDERR_FILENO);
    char line[200] = "";
    ssize_t got = read(ends[0], line, sizeof line - 1);
    EXPECT(got > 0);
    EXPECT_TEXT(line, "weir: error: spill failed path=\"a b\\n\" bytes=12\n");
}

TEST(quiet_levels_are_off_by_default)
{
    if (getenv("WEIR_LOG")) wr_test_skip("WEIR_LOG is set");
    EXPECT(wr_log_enabled(WR_LOG_WARN));
    EXPECT(!wr_log_enabled(WR_LOG_INFO));
}
