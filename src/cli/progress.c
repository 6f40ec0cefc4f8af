/* progress.c - how far a statement has come, on stderr.
 *
 * A thread looks at the query now and then and draws one line once the statement has taken
 * SHOW_AFTER_MS. The fraction is shown only when the engine knows it; otherwise there are counters,
 * never a made-up percentage. Without a terminal a plain line is written every PLAIN_EVERY_MS. The
 * line is wiped before results are printed. */
#include "base/mem.h"
#include "cli/cli.h"
#include "sys/clock.h"
#include "sys/thread.h"
#include <unistd.h>

enum {
    SHOW_AFTER_MS = 700,
    FINAL_AFTER_MS = 2000,
    REDRAW_MS = 100,
    PLAIN_EVERY_MS = 10000,
    BAR_WIDTH = 24
};
typedef enum progress_style { STYLE_BAR, STYLE_PLAIN, STYLE_JSON } progress_style;

struct cli_progress {
    weir_query *query;
    progress_style style;
    wr_thread *thread;
    wr_mutex lock;
    wr_cond wake;
    bool stopped; /* guarded by lock */
    bool drawn;
    double smoothed_end_s; /* estimated total time, smoothed */
};

void cli_human(double value, const char *const *units, char *out, size_t size)
{
    int i = 0;
    while (value >= 1000 && units[i + 1])
        value /= 1000, i++;
    snprintf(out, size, value < 10 && i ? "%.1f%s" : "%.0f%s", value, units[i]);
}

static void add_counters(wr_buf *out, const weir_progress *now)
{
    static const char *const counts[] = {"", "k", "M", "G", NULL};
    static const char *const sizes[] = {" B", " kB", " MB", " GB", " TB", NULL};
    char text[32];
    double seconds = (double)now->elapsed_us / 1e6;
    cli_human((double)now->rows, counts, text, sizeof text);
    wr_buf_printf(out, "%s rows", text);
    if (now->bytes) {
        cli_human((double)now->bytes, sizes, text, sizeof text);
        wr_buf_printf(out, " · %s", text);
        cli_human((double)now->bytes / WR_MAX(seconds, 0.001), sizes, text, sizeof text);
        wr_buf_printf(out, " · %s/s", text);
    }
    cli_human((double)now->memory, sizes, text, sizeof text);
    wr_buf_printf(out, " · mem %s", text);
    if (now->spilled) {
        cli_human((double)now->spilled, sizes, text, sizeof text);
        wr_buf_printf(out, " · spill %s", text);
    }
}

/* The whole statement is expected to take elapsed / fraction; jumps are damped. */
static double seconds_left(cli_progress *progress, const weir_progress *now)
{
    double elapsed = (double)now->elapsed_us / 1e6, end = elapsed / now->fraction;
    progress->smoothed_end_s =
        progress->smoothed_end_s > 0 ? progress->smoothed_end_s * 0.7 + end * 0.3 : end;
    return WR_MAX(progress->smoothed_end_s - elapsed, 0);
}

static void draw_bar(cli_progress *progress, const weir_progress *now)
{
    static const char *const eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    WR_BUF(line);
    wr_buf_add_text(&line, "\r\033[K");
    if (now->fraction > 0) {
        int filled = (int)(WR_MIN(now->fraction, 1.0) * BAR_WIDTH * 8);
        wr_buf_printf(&line, "%3.0f%% ▕", WR_MIN(now->fraction, 1.0) * 100);
        for (int i = 0; i < filled / 8; i++)
            wr_buf_add_text(&line, "█");
        wr_buf_add_text(&line, eighths[filled % 8]);
        for (int i = (filled + 7) / 8; i < BAR_WIDTH; i++)
            wr_buf_add_char(&line, ' ');
        wr_buf_add_text(&line, "▏ ");
    } else {
        wr_buf_printf(&line, "%c ", "|/-\\"[now->elapsed_us / 100000 % 4]);
    }
    add_counters(&line, now);
    if (now->fraction > 0) wr_buf_printf(&line, " · ~%.0f s left", seconds_left(progress, now));
    if (now->phase && *now->phase) wr_buf_printf(&line, "  [%s]", now->phase);
    fwrite(line.data, 1, line.length, stderr);
    fflush(stderr);
    progress->drawn = true;
}

static void draw_line(cli_progress *progress, const weir_progress *now)
{
    WR_BUF(line);
    if (progress->style == STYLE_JSON) {
        wr_buf_printf(&line,
                      "{\"t\":%.1f,\"phase\":\"%s\",\"rows\":%llu,\"bytes\":%llu,\"memory\":%llu",
                      (double)now->elapsed_us / 1e6, now->phase ? now->phase : "",
                      (unsigned long long)now->rows, (unsigned long long)now->bytes,
                      (unsigned long long)now->memory);
        if (now->fraction >= 0) wr_buf_printf(&line, ",\"fraction\":%.4f", now->fraction);
        if (now->fraction > 0) wr_buf_printf(&line, ",\"eta_s\":%.1f", seconds_left(progress, now));
        if (now->rows_total)
            wr_buf_printf(&line, ",\"rows_total\":%llu", (unsigned long long)now->rows_total);
        if (now->bytes_total)
            wr_buf_printf(&line, ",\"bytes_total\":%llu", (unsigned long long)now->bytes_total);
        wr_buf_add_text(&line, "}\n");
    } else {
        wr_buf_printf(&line, "%.0f s: ", (double)now->elapsed_us / 1e6);
        if (now->fraction >= 0) wr_buf_printf(&line, "%.0f%% · ", now->fraction * 100);
        add_counters(&line, now);
        wr_buf_add_char(&line, '\n');
    }
    fwrite(line.data, 1, line.length, stderr);
}

static void watch(void *arg)
{
    cli_progress *progress = arg;
    int first = progress->style == STYLE_BAR    ? SHOW_AFTER_MS
                : progress->style == STYLE_JSON ? 1000
                                                : PLAIN_EVERY_MS;
    int every = progress->style == STYLE_BAR ? REDRAW_MS : first;
    int64_t next = wr_clock_mono_ns() + (int64_t)first * 1000000;
    wr_mutex_lock(&progress->lock);
    while (!progress->stopped) {
        if (wr_cond_wait_until(&progress->wake, &progress->lock, next)) continue;
        weir_progress now;
        weir_query_progress(progress->query, &now);
        if (progress->style == STYLE_BAR)
            draw_bar(progress, &now);
        else
            draw_line(progress, &now);
        next = wr_clock_mono_ns() + (int64_t)every * 1000000;
    }
    wr_mutex_unlock(&progress->lock);
}

void cli_progress_start(cli_state *state, weir_query *query)
{
    const char *how = state->options.progress;
    bool terminal = isatty(STDERR_FILENO);
    bool wanted = !state->options.quiet && strcmp(how, "never") != 0;
    if (!wanted || weir_query_kind(query) == WEIR_DONE) return;
    cli_progress *progress = wr_heap_new(sizeof *progress);
    progress->query = query;
    progress->style = strcmp(how, "json") == 0 ? STYLE_JSON
                      : strcmp(how, "plain") == 0 || (!terminal && strcmp(how, "bar") != 0)
                          ? STYLE_PLAIN
                          : STYLE_BAR;
    wr_mutex_init(&progress->lock);
    wr_cond_init(&progress->wake);
    weir_status bad = wr_thread_start("progress", watch, progress, &progress->thread);
    if (bad) { /* a statement runs as well without its progress being shown */
        weir_error_drop(bad);
        progress->thread = NULL;
    }
    state->progress = progress;
}

/* What the bar showed last stays as a line of its own if the statement took long. */
static void wipe(cli_progress *progress)
{
    weir_progress now;
    WR_BUF(line);
    weir_query_progress(progress->query, &now);
    wr_buf_add_text(&line, "\r\033[K");
    if (now.elapsed_us > FINAL_AFTER_MS * 1000) {
        add_counters(&line, &now);
        wr_buf_printf(&line, " · %.1f s\n", (double)now.elapsed_us / 1e6);
    }
    fwrite(line.data, 1, line.length, stderr);
}

void cli_progress_stop(cli_state *state)
{
    cli_progress *progress = state->progress;
    if (!progress) return;
    state->progress = NULL;
    wr_mutex_lock(&progress->lock);
    progress->stopped = true;
    wr_cond_signal(&progress->wake);
    wr_mutex_unlock(&progress->lock);
    if (progress->thread) wr_thread_join(progress->thread);
    if (progress->drawn) wipe(progress);
    wr_cond_clear(&progress->wake);
    wr_mutex_clear(&progress->lock);
    wr_heap_drop(progress);
}

void cli_progress_make_room(cli_state *state)
{
    bool shared = state->out_is_terminal && isatty(STDERR_FILENO);
    if (shared && state->progress && state->progress->style == STYLE_BAR) cli_progress_stop(state);
}
