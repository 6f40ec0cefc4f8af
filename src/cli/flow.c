/* flow.c - how streams are getting on: one line on a terminal, a line per stream every
 * PLAIN_EVERY_MS elsewhere, or snapshots as JSON lines every JSON_EVERY_MS and at the end.
 *
 * Drawn by the thread that waits for them, between two looks. The line of the terminal is about all
 * streams together: rows a second, what waits at the sources, the watermark that is furthest
 * behind, the state. */
#include "base/date.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "sys/clock.h"
#include <unistd.h>

enum { LINE_EVERY_MS = 200, PLAIN_EVERY_MS = 5000, JSON_EVERY_MS = 1000 };
typedef enum flow_style { FLOW_NONE, FLOW_LINE, FLOW_PLAIN, FLOW_JSON } flow_style;

struct cli_flow {
    weir_stream *const *streams;
    int count;
    flow_style style;
    FILE *json;
    bool is_quiet, is_drawn;
    int64_t began_ns, next_ns, drawn_ns;
    uint64_t *rows_before; /* per stream, at drawn_ns */
    double smoothed_rate;
};

/* Rows on the same terminal would be written into the line. */
static bool shares_terminal(const cli_flow *flow)
{
    bool has_console = false;
    for (int i = 0; i < flow->count; i++) {
        weir_stream_figures f;
        weir_stream_progress(flow->streams[i], &f);
        has_console |= strcmp(f.sink_connector, "console") == 0;
    }
    return has_console && isatty(STDOUT_FILENO);
}

cli_flow *cli_flow_new(cli_state *state, weir_stream *const *streams, int count)
{
    const char *how = state->options.progress;
    cli_flow *flow = wr_heap_new(sizeof *flow);
    bool terminal = isatty(STDERR_FILENO), never = strcmp(how, "never") == 0;
    flow->streams = streams;
    flow->count = count;
    flow->is_quiet = state->options.quiet;
    flow->rows_before = wr_heap_new(sizeof *flow->rows_before * (size_t)count);
    flow->began_ns = flow->drawn_ns = flow->next_ns = wr_clock_mono_ns();
    if (state->options.json)
        flow->json = state->out;
    else if (strcmp(how, "json") == 0 && !flow->is_quiet)
        flow->json = stderr;
    bool line = strcmp(how, "bar") == 0 ||
                (terminal && strcmp(how, "plain") != 0 && !shares_terminal(flow));
    flow->style = flow->json                ? FLOW_JSON
                  : flow->is_quiet || never ? FLOW_NONE
                  : line                    ? FLOW_LINE
                                            : FLOW_PLAIN;
    if (flow->style == FLOW_PLAIN) flow->next_ns += PLAIN_EVERY_MS * INT64_C(1000000);
    return flow;
}

/* ---- figures ---- */

static void add_number(wr_buf *out, double value, const char *what)
{
    static const char *const counts[] = {"", "k", "M", "G", NULL};
    char text[32];
    cli_human(value, counts, text, sizeof text);
    wr_buf_printf(out, "%s%s%s", out->length ? " · " : "", text, what);
}

static void add_size(wr_buf *out, const char *what, double value)
{
    static const char *const sizes[] = {" B", " kB", " MB", " GB", " TB", NULL};
    char text[32];
    cli_human(value, sizes, text, sizeof text);
    wr_buf_printf(out, " · %s%s", what, text);
}

/* "3.5 s behind", or the time itself if that is not about now. */
static void add_watermark(wr_buf *out, int64_t watermark_us)
{
    double behind_s = (double)(wr_clock_unix_us() - watermark_us) / 1e6;
    if (behind_s >= 0 && behind_s < 86400) {
        wr_buf_printf(out, " · watermark %.1f s behind", behind_s);
        return;
    }
    char printed[64];
    size_t length = (size_t)wr_ts_print(watermark_us, printed);
    const char *dot = memchr(printed, '.', length); /* whole seconds are enough */
    wr_buf_add_text(out, " · watermark ");
    wr_buf_add(out, printed, dot ? (size_t)(dot - printed) : length);
}

static void add_figures(wr_buf *out, const weir_stream_figures *f, double rows_per_s)
{
    if (rows_per_s >= 0) add_number(out, rows_per_s, " rows/s");
    add_number(out, (double)f->rows_in, " in");
    add_number(out, (double)f->rows_out, " out");
    if (f->has_lag_rows && f->lag_rows) {
        wr_buf_add_text(out, " · lag");
        WR_BUF(lag);
        add_number(&lag, (double)f->lag_rows, " rows");
        wr_buf_printf(out, " %s", lag.data);
    } else if (f->has_lag_bytes) {
        add_size(out, "lag ", (double)f->lag_bytes);
    } else if (f->has_lag_rows) {
        wr_buf_add_text(out, " · lag 0");
    }
    if (f->has_watermark) add_watermark(out, f->watermark_us);
    add_size(out, "state ", (double)f->state_bytes);
    if (f->late_rows) add_number(out, (double)f->late_rows, " late");
    if (f->dead_rows) add_number(out, (double)f->dead_rows, " dead");
    if (f->status == WEIR_STREAM_BACKPRESSURE) wr_buf_add_text(out, " · behind");
}

/* All of them as if they were one. */
static void add_up(const cli_flow *flow, weir_stream_figures *all)
{
    *all = (weir_stream_figures){.has_lag_rows = true, .has_lag_bytes = true};
    for (int i = 0; i < flow->count; i++) {
        weir_stream_figures f;
        weir_stream_progress(flow->streams[i], &f);
        all->rows_in += f.rows_in;
        all->rows_out += f.rows_out;
        all->late_rows += f.late_rows;
        all->dead_rows += f.dead_rows;
        all->state_bytes += f.state_bytes;
        all->has_lag_rows &= f.has_lag_rows;
        all->has_lag_bytes &= f.has_lag_bytes;
        all->lag_rows += f.lag_rows;
        all->lag_bytes += f.lag_bytes;
        if (f.status == WEIR_STREAM_BACKPRESSURE) all->status = f.status;
        if (!f.has_watermark) continue;
        all->watermark_us =
            all->has_watermark ? WR_MIN(all->watermark_us, f.watermark_us) : f.watermark_us;
        all->has_watermark = true;
    }
}

/* ---- lines ---- */

static void draw_line(cli_flow *flow, double seconds)
{
    weir_stream_figures all;
    add_up(flow, &all);
    double rate = (double)(all.rows_in - flow->rows_before[0]) / WR_MAX(seconds, 1e-3);
    flow->smoothed_rate = flow->is_drawn ? flow->smoothed_rate * 0.7 + rate * 0.3 : rate;
    flow->rows_before[0] = all.rows_in;
    WR_BUF(line);
    add_figures(&line, &all, flow->smoothed_rate);
    fprintf(stderr, "\r\033[K%c %s", "|/-\\"[wr_clock_mono_ns() / 200000000 % 4], line.data);
    fflush(stderr);
    flow->is_drawn = true;
}

static void write_lines(cli_flow *flow, double seconds)
{
    for (int i = 0; i < flow->count; i++) {
        weir_stream_figures f;
        WR_BUF(line);
        weir_stream_progress(flow->streams[i], &f);
        add_figures(&line, &f, (double)(f.rows_in - flow->rows_before[i]) / WR_MAX(seconds, 1e-3));
        flow->rows_before[i] = f.rows_in;
        fprintf(stderr, "%s %.0f s: %s\n", weir_stream_name(flow->streams[i]),
                (double)f.running_us / 1e6, line.data);
    }
}

static void write_json(const cli_flow *flow)
{
    for (int i = 0; i < flow->count; i++) {
        char *json = weir_stream_snapshot(flow->streams[i]);
        fprintf(flow->json, "%s\n", json);
        weir_text_free(json);
    }
    fflush(flow->json);
}

void cli_flow_show(cli_flow *flow)
{
    int64_t now = wr_clock_mono_ns();
    if (flow->style == FLOW_NONE || now < flow->next_ns) return;
    double seconds = (double)(now - flow->drawn_ns) / 1e9;
    int every_ms = PLAIN_EVERY_MS;
    if (flow->style == FLOW_LINE) {
        draw_line(flow, seconds);
        every_ms = LINE_EVERY_MS;
    } else if (flow->style == FLOW_JSON) {
        write_json(flow);
        every_ms = JSON_EVERY_MS;
    } else {
        write_lines(flow, seconds);
    }
    flow->drawn_ns = now;
    flow->next_ns = now + every_ms * INT64_C(1000000);
}

void cli_flow_make_room(cli_flow *flow)
{
    if (flow->is_drawn) fputs("\r\033[K", stderr);
}

void cli_flow_end(cli_flow *flow)
{
    cli_flow_make_room(flow);
    if (flow->style == FLOW_JSON) write_json(flow);
    for (int i = 0; i < flow->count && !flow->is_quiet && flow->json != stderr; i++) {
        weir_stream_figures f;
        weir_stream_progress(flow->streams[i], &f);
        fprintf(stderr, "weir: %s %s: %llu rows in, %llu out", weir_stream_name(flow->streams[i]),
                f.status == WEIR_STREAM_FAILED ? "failed" : "stopped",
                (unsigned long long)f.rows_in, (unsigned long long)f.rows_out);
        if (f.late_rows) fprintf(stderr, ", %llu late", (unsigned long long)f.late_rows);
        if (f.dead_rows) fprintf(stderr, ", %llu dead", (unsigned long long)f.dead_rows);
        fprintf(stderr, ", %llu commit%s\n", (unsigned long long)f.checkpoints,
                f.checkpoints == 1 ? "" : "s");
    }
    wr_heap_drop(flow->rows_before);
    wr_heap_drop(flow);
}
