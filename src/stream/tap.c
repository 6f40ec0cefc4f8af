/* tap.c - see tap.h: a queue of copies between the thread of a stream and a reader.
 *
 * Batches are copied as they are written, because those of a graph live for one call. The queue is
 * bounded: a reader that is slow makes the stream wait, and with it its sources; one that is gone
 * makes it go on. Nothing is promised about rows that were not taken. */
#include "stream/tap.h"
#include "sys/clock.h"
#include "sys/thread.h"

static const int64_t LOOK_EVERY_NS = 20 * INT64_C(1000000);

typedef struct piece {
    struct piece *next;
    wr_arena arena;
    wr_delta delta;
} piece;

typedef struct tap {
    wr_target base;
    wr_arena arena;
    int batches_max;
    wr_mutex lock;
    wr_cond changed;
    /* Guarded by lock. */
    piece *first, *last;
    int waiting;
    bool is_closed;
    piece *taken; /* the reader's own */
} tap;

typedef struct tap_deliverer {
    wr_deliverer base;
    wr_mem *mem;
    const wr_cancel *cancel;
} tap_deliverer;

static void piece_drop(piece *p)
{
    if (!p) return;
    wr_arena_clear(&p->arena);
    wr_heap_drop(p);
}
WR_DEFINE_CLEANUP(piece, piece_drop)

/* What waits is counted in the memory of the stream. */
static void forget(tap *t)
{
    while (t->first) {
        piece *next = t->first->next;
        piece_drop(t->first);
        t->first = next;
    }
    t->last = NULL;
    t->waiting = 0;
}

/* ---- the stream's side ---- */

static weir_status tap_open(wr_target *target, const wr_deliverer_request *request,
                            wr_deliverer **out)
{
    tap_deliverer *deliverer = wr_heap_new(sizeof *deliverer);
    deliverer->base.target = target;
    deliverer->mem = request->mem;
    deliverer->cancel = request->cancel;
    *out = &deliverer->base;
    return WR_OK;
}

static weir_status copy(const tap_deliverer *d, const wr_delta *delta, piece **out)
{
    WR_AUTO(piece) *made = wr_heap_new(sizeof *made);
    uint32_t count = wr_batch_count(&delta->batch);
    made->arena.mem = d->mem;
    wr_batch_copy(&delta->batch, &made->arena, &made->delta.batch);
    if (delta->changes) {
        int8_t *changes = wr_new_array(&made->arena, int8_t, count + 1);
        for (uint32_t i = 0; i < count; i++)
            changes[i] = delta->changes[wr_batch_row(&delta->batch, i)];
        made->delta.changes = changes;
    }
    WR_TRY(wr_arena_check(&made->arena));
    *out = WR_TAKE(made);
    return WR_OK;
}

static weir_status tap_write(wr_deliverer *base, const wr_delta *delta)
{
    const tap_deliverer *d = (const tap_deliverer *)base;
    tap *t = (tap *)base->target;
    piece *made;
    if (!wr_batch_count(&delta->batch)) return WR_OK;
    WR_TRY(copy(d, delta, &made));
    weir_status bad = WR_OK;
    wr_mutex_lock(&t->lock);
    while (!t->is_closed && t->waiting >= t->batches_max && !bad) {
        wr_cond_wait_until(&t->changed, &t->lock, wr_clock_mono_ns() + LOOK_EVERY_NS);
        bad = wr_cancel_check(d->cancel);
    }
    bool is_wanted = !t->is_closed && !bad;
    if (is_wanted) {
        if (t->last)
            t->last->next = made;
        else
            t->first = made;
        t->last = made;
        t->waiting++;
        wr_cond_broadcast(&t->changed);
    }
    wr_mutex_unlock(&t->lock);
    if (!is_wanted) piece_drop(made);
    return bad;
}

static weir_status tap_flush(wr_deliverer *base)
{
    (void)base; /* what was written is where it is taken from */
    return WR_OK;
}

static void tap_close(wr_deliverer *base)
{
    tap *t = (tap *)base->target;
    wr_mutex_lock(&t->lock);
    forget(t);
    wr_mutex_unlock(&t->lock);
    wr_heap_drop(base);
}

static void tap_drop(wr_target *base)
{
    tap *t = (tap *)base;
    forget(t);
    piece_drop(t->taken);
    wr_cond_clear(&t->changed);
    wr_mutex_clear(&t->lock);
    wr_arena_clear(&t->arena);
    wr_heap_drop(t);
}

static const wr_target_def tap_def = {
    .open = tap_open, .write = tap_write, .flush = tap_flush, .close = tap_close, .drop = tap_drop};

wr_target *wr_tap_new(const wr_schema *schema, int batches_max)
{
    tap *t = wr_heap_new(sizeof *t);
    t->base = (wr_target){.def = &tap_def,
                          .connector = "tap",
                          .schema = *wr_schema_copy(&t->arena, schema),
                          .takes_back = true,
                          .strongest = WR_DELIVERY_BEST_EFFORT,
                          .why_no_more = "it is only looked at",
                          .references = 1};
    t->batches_max = batches_max;
    wr_mutex_init(&t->lock);
    wr_cond_init(&t->changed);
    return &t->base;
}

/* ---- the reader's side ---- */

void wr_tap_next(wr_target *target, int64_t deadline_ns, wr_delta *out, bool *has)
{
    tap *t = (tap *)target;
    piece_drop(t->taken);
    wr_mutex_lock(&t->lock);
    while (!t->first)
        if (!wr_cond_wait_until(&t->changed, &t->lock, deadline_ns)) break;
    t->taken = t->first;
    if (t->taken) {
        t->first = t->taken->next;
        t->waiting--;
        wr_cond_broadcast(&t->changed);
    }
    if (!t->first) t->last = NULL;
    wr_mutex_unlock(&t->lock);
    *has = t->taken != NULL;
    if (*has) *out = t->taken->delta;
}

void wr_tap_close(wr_target *target)
{
    tap *t = (tap *)target;
    piece_drop(t->taken);
    t->taken = NULL;
    wr_mutex_lock(&t->lock);
    t->is_closed = true;
    forget(t);
    wr_cond_broadcast(&t->changed);
    wr_mutex_unlock(&t->lock);
}
