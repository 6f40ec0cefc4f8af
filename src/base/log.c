/* log.c - one line per event: `weir: warn: event name=value name="value with blanks"`. See log.h.
 *
 * The level is read from WEIR_LOG once, at start. A line is built first and written with one call,
 * so that lines of several threads do not mix. No time stamp: whoever collects stderr adds its own.
 */
#include "base/log.h"
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

static const char *const level_names[] = {"error", "warn", "info", "debug"};
static wr_log_level level_wanted = WR_LOG_WARN;

__attribute__((constructor)) static void read_environment(void)
{
    const char *text = getenv("WEIR_LOG");
    for (size_t i = 0; text && i < WR_COUNT(level_names); i++)
        if (wr_str_is(wr_str_of(text), level_names[i])) level_wanted = (wr_log_level)i;
}

bool wr_log_enabled(wr_log_level level) { return level <= level_wanted; }

static bool needs_quotes(const char *value)
{
    if (!*value) return true;
    for (; *value; value++)
        if ((unsigned char)*value <= ' ' || *value == '"' || *value == '=' || *value == '\\')
            return true;
    return false;
}

void wr_log(wr_log_level level, const char *event, ...)
{
    if (!wr_log_enabled(level)) return;
    WR_BUF(line);
    wr_buf_printf(&line, "weir: %s: %s", level_names[level], event);
    va_list args;
    va_start(args, event);
    for (const char *name; (name = va_arg(args, const char *));) {
        const char *value = va_arg(args, const char *);
        if (!value) break;
        wr_buf_printf(&line, " %s=", name);
        if (needs_quotes(value))
            wr_buf_add_json(&line, wr_str_of(value));
        else
            wr_buf_add_text(&line, value);
    }
    va_end(args);
    wr_buf_add_char(&line, '\n');
    /* Nobody can be told that the log cannot be written. */
    ssize_t written = write(STDERR_FILENO, line.data, line.length);
    (void)written;
}
