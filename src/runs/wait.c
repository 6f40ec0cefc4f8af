/* wait.c - streams that run together: until when, and what becomes of the others when one fails.
 *
 * The waiting thread looks at them every LOOK_EVERY_MS. Stopping is asked for once and waited for:
 * the last commit belongs to it. */
#include "runs/runs.h"
#include "sys/clock.h"

enum { LOOK_EVERY_MS = 40, ROUNDS_BEFORE_DRAINED = 2 };

static void stop_all(weir_stream *const *streams, int count)
{
    for (int i = 0; i < count; i++)
        weir_stream_stop(streams[i]);
}

/* Has this one nothing to do any more? */
static bool is_over(const weir_streams_limits *limits, const weir_stream_figures *f)
{
    int64_t idle_ms = WR_MIN(f->idle_us, f->running_us) / 1000;
    if (!f->is_drained || f->rounds < ROUNDS_BEFORE_DRAINED) return false;
    return limits->once || (limits->idle_ms > 0 && idle_ms >= limits->idle_ms);
}

weir_status weir_streams_wait(weir_stream *const *streams, int count,
                              const weir_streams_limits *limits, weir_streams_fn *watch, void *arg,
                              int *failed)
{
    weir_status first = WR_OK;
    bool is_stopping = false;
    *failed = -1;
    for (bool ended = false; !ended;) {
        int over = 0;
        bool stop = watch && !watch(arg, streams, count);
        ended = true;
        for (int i = 0; i < count; i++) {
            weir_stream_figures f;
            bool has_ended;
            weir_status bad = weir_stream_await(streams[i], 0, &has_ended);
            weir_stream_progress(streams[i], &f);
            ended &= has_ended;
            over += has_ended || is_over(limits, &f);
            stop |= limits->run_ms > 0 && f.running_us / 1000 >= limits->run_ms;
            if (bad && *failed < 0)
                first = bad, *failed = i;
            else
                weir_error_drop(bad);
        }
        stop |= *failed >= 0 || over == count;
        if (stop && !is_stopping) stop_all(streams, count);
        is_stopping |= stop;
        if (!ended) wr_sleep_ms(LOOK_EVERY_MS);
    }
    if (watch) watch(arg, streams, count);
    return first;
}

/* ---- of a tracked run ---- */

typedef struct waiting {
    weir_run *run;
    int64_t began_ns, timeout_ms; /* 0: none */
    int64_t tell_ns, next_tell_ns;
    bool is_stopped, is_late;
} waiting;

void wr_run_tell(weir_run *run, const weir_stream *stream)
{
    char *json = weir_stream_snapshot(stream);
    weir_error_drop(weir_run_progress(run, json));
    weir_text_free(json);
}

static bool watch_run(void *arg, weir_stream *const *streams, int count)
{
    waiting *w = arg;
    weir_run *run = w->run;
    int64_t now = wr_clock_mono_ns();
    if (run->watch_streams && !run->watch_streams(run->watch_streams_arg, streams, count))
        w->is_stopped = true;
    bool is_late = w->timeout_ms && (now - w->began_ns) / 1000000 > w->timeout_ms;
    if (is_late && !w->is_late) {
        w->is_late = true;
        for (int i = 0; i < count; i++)
            weir_stream_cancel(streams[i]);
    }
    run->is_ending = w->is_stopped || w->is_late;
    if (!w->tell_ns || now < w->next_tell_ns) return !run->is_ending;
    w->next_tell_ns = now + w->tell_ns;
    for (int i = 0; i < count; i++)
        wr_run_tell(run, streams[i]);
    return !run->is_ending;
}

weir_status wr_run_wait(weir_run *run, weir_stream *const *streams, int count,
                        const weir_streams_limits *limits, int64_t tell_every_ms, int *failed,
                        bool *is_stopped)
{
    int64_t timeout_ms = wr_json_int_of(run->inputs, "timeout_ms", 0);
    waiting w = {.run = run,
                 .began_ns = wr_clock_mono_ns(),
                 .timeout_ms = timeout_ms,
                 .tell_ns = tell_every_ms * INT64_C(1000000)};
    weir_status bad = weir_streams_wait(streams, count, limits, watch_run, &w, failed);
    *is_stopped = w.is_stopped;
    if (!w.is_late) return bad;
    weir_error_drop(bad);
    return wr_fail(WR_E_TIMEOUT, "the run took longer than %lld ms", (long long)timeout_ms);
}
