/* workers.c - see workers.h.
 *
 * One lock guards all queues; it is taken once per packet, that is once per some thousand rows.
 * Bounds: a worker waits when the driving thread has TAKEN_MAX of its packets still to take. The
 * driving thread does not wait when it posts, because it may stand in the middle of the graph and
 * cannot take anything there; it waits between batches, and takes while it waits. So nobody waits
 * for one who waits for him, and what is queued is at most WR_QUEUED_MAX packets and what one batch
 * becomes. Packets are counted by a budget of their own and used again.
 *
 * After a failure a worker drops what is posted; the error waits for the driving thread. */
#include "stream/workers.h"
#include "sys/clock.h"
#include "sys/thread.h"

/* FULL: bytes of a packet, so that it is still in a cache when it is worked on. */
enum { TAKEN_MAX = 16, KEPT_MAX = 16, FULL = 192 << 10 };
static const int64_t LOOK_EVERY_NS = 50 * INT64_C(1000000);

typedef struct packets {
    wr_packet *first, *last;
    int count;
} packets;

typedef struct worker {
    wr_workers *all;
    wr_thread *thread;
    int number;
    wr_cond wake;      /* there is work, or room for what comes back */
    wr_packet *open;   /* the driving thread's own; NULL: nothing to post */
    wr_packet *answer; /* the worker's own */
    wr_state *view;    /* NULL: none was asked for */
    /* Guarded by the lock. */
    packets queue;
    bool is_busy, waits;
    int untaken; /* of its packets on the way back */
    weir_status error;
} worker;

struct wr_workers {
    wr_graph *graph;
    const wr_packet_calls *calls;
    wr_mem *mem;
    worker *each;
    int count;
    bool are_running;
    wr_mutex lock;
    wr_cond progress; /* for the driving thread */
    /* Guarded by the lock. */
    packets back, spare;
    bool stop, driver_waits;
};

static void add(packets *list, wr_packet *packet)
{
    packet->next = NULL;
    if (list->last)
        list->last->next = packet;
    else
        list->first = packet;
    list->last = packet;
    list->count++;
}

static wr_packet *take_first(packets *list)
{
    wr_packet *packet = list->first;
    if (!packet) return NULL;
    list->first = packet->next;
    if (!list->first) list->last = NULL;
    list->count--;
    return packet;
}

static void packet_drop(wr_packet *packet)
{
    wr_arena_clear(&packet->arena);
    wr_heap_drop(packet);
}

static void drop_all(packets *list)
{
    for (wr_packet *packet; (packet = take_first(list));)
        packet_drop(packet);
}

bool wr_workers_have_room(const wr_graph *graph, int count)
{
    enum { EACH = 8 << 20, PART_OF_LIMIT = 8 }; /* EACH: what its packets take both ways, about */
    uint64_t limit = wr_mem_limit(graph->mem);
    return !limit || (uint64_t)count * EACH <= limit / PART_OF_LIMIT;
}

wr_workers *wr_workers_new(wr_graph *graph, int count, const wr_packet_calls *calls)
{
    wr_workers *w = wr_heap_new(sizeof *w);
    *w = (wr_workers){.graph = graph, .calls = calls, .count = count};
    w->mem = wr_mem_new(graph->mem, "local workers", 0);
    w->each = wr_heap_new(sizeof *w->each * (size_t)count);
    wr_mutex_init(&w->lock);
    wr_cond_init(&w->progress);
    for (int i = 0; i < count; i++) {
        w->each[i] = (worker){.all = w, .number = i};
        wr_cond_init(&w->each[i].wake);
    }
    return w;
}

void wr_workers_drop(wr_workers *w)
{
    if (!w) return;
    wr_workers_stop(w);
    for (int i = 0; i < w->count; i++) {
        drop_all(&w->each[i].queue);
        if (w->each[i].open) packet_drop(w->each[i].open);
        if (w->each[i].answer) packet_drop(w->each[i].answer);
        wr_state_view_drop(w->each[i].view);
        wr_status_drop(w->each[i].error);
        wr_cond_clear(&w->each[i].wake);
    }
    drop_all(&w->back);
    drop_all(&w->spare);
    wr_mem_drop(w->mem);
    wr_cond_clear(&w->progress);
    wr_mutex_clear(&w->lock);
    wr_heap_drop(w->each);
    wr_heap_drop(w);
}

bool wr_workers_are_running(const wr_workers *w) { return w->are_running; }

int wr_workers_count(const wr_workers *w) { return w->count; }

static wr_packet *packet_new(wr_workers *w, int number)
{
    wr_mutex_lock(&w->lock);
    wr_packet *packet = take_first(&w->spare);
    wr_mutex_unlock(&w->lock);
    if (!packet) packet = wr_heap_new(sizeof *packet);
    wr_arena arena = packet->arena;
    arena.mem = w->mem;
    *packet = (wr_packet){.arena = arena, .worker = number};
    wr_arena_expect(&packet->arena, FULL + FULL / 4);
    return packet;
}

wr_packet *wr_workers_open(wr_workers *w, int number)
{
    wr_assert(w->are_running);
    if (!w->each[number].open) w->each[number].open = packet_new(w, number);
    return w->each[number].open;
}

wr_packet *wr_workers_answer(wr_workers *w, int number)
{
    if (!w->each[number].answer) w->each[number].answer = packet_new(w, number);
    return w->each[number].answer;
}

wr_packet_item *wr_packet_add(wr_packet *packet, wr_stream_op *op, int kind)
{
    int count = packet->items.count;
    wr_packet_item *last = count ? &packet->items.items[count - 1] : NULL;
    if (last && kind == WR_PACKET_TIME && last->kind == WR_PACKET_TIME && last->op == op)
        return last;
    wr_packet_item item = {.op = op, .kind = kind};
    wr_push(&packet->arena, &packet->items, item);
    return &packet->items.items[packet->items.count - 1];
}

/* Under the lock. */
static void wake_driver(wr_workers *w)
{
    if (w->driver_waits) wr_cond_signal(&w->progress);
}

static void set_aside(wr_workers *w, wr_packet *packet)
{
    wr_arena_reset(&packet->arena);
    wr_mutex_lock(&w->lock);
    bool keep = w->spare.count < KEPT_MAX;
    if (keep) add(&w->spare, packet);
    wr_mutex_unlock(&w->lock);
    if (!keep) packet_drop(packet);
}

/* ---- a worker's thread ---- */

static void answer(wr_workers *w, wr_packet *packet)
{
    worker *own = &w->each[packet->worker];
    wr_mutex_lock(&w->lock);
    if (w->stop) { /* nobody takes it any more */
        wr_mutex_unlock(&w->lock);
        set_aside(w, packet);
        return;
    }
    add(&w->back, packet);
    if (++own->untaken == TAKEN_MAX / 2) wake_driver(w);
    while (own->untaken >= TAKEN_MAX && !w->stop) {
        wake_driver(w);
        own->waits = true;
        wr_cond_wait(&own->wake, &w->lock);
        own->waits = false;
    }
    wr_mutex_unlock(&w->lock);
}

/* The next packet; NULL: it is to stop. Under the lock. */
static wr_packet *next_of(worker *own)
{
    while (!own->all->stop && !own->queue.first) {
        own->waits = true;
        wr_cond_wait(&own->wake, &own->all->lock);
        own->waits = false;
    }
    return own->all->stop ? NULL : take_first(&own->queue);
}

/* Until the first failure; what it puts out leaves with its end. */
static weir_status work_on(worker *own, const wr_packet *packet)
{
    weir_status bad = WR_OK;
    for (int i = 0; i < packet->items.count && !bad; i++)
        bad = own->all->calls->work(&packet->items.items[i], own->number);
    if (own->answer) answer(own->all, WR_TAKE(own->answer));
    return bad;
}

static void work(void *arg)
{
    worker *own = arg;
    wr_workers *w = own->all;
    wr_mutex_lock(&w->lock);
    for (wr_packet *packet; (packet = next_of(own));) {
        bool failed = own->error != NULL;
        own->is_busy = true;
        wr_mutex_unlock(&w->lock);
        weir_status bad = failed ? WR_OK : work_on(own, packet);
        set_aside(w, packet);
        wr_mutex_lock(&w->lock);
        own->is_busy = false;
        if (bad) own->error = bad;
        if (bad || !own->queue.first || own->queue.count == WR_QUEUED_MAX / 2) wake_driver(w);
    }
    wr_mutex_unlock(&w->lock);
}

/* ---- the driving thread ---- */

weir_status wr_workers_start(wr_workers *w)
{
    w->stop = false;
    w->are_running = true;
    for (int i = 0; i < w->count; i++)
        WR_TRY(wr_thread_start("weir-worker", work, &w->each[i], &w->each[i].thread));
    return WR_OK;
}

void wr_workers_stop(wr_workers *w)
{
    wr_mutex_lock(&w->lock);
    w->stop = true;
    for (int i = 0; i < w->count; i++)
        wr_cond_broadcast(&w->each[i].wake);
    wr_mutex_unlock(&w->lock);
    for (int i = 0; i < w->count; i++) {
        if (w->each[i].thread) wr_thread_join(w->each[i].thread);
        w->each[i].thread = NULL;
    }
    w->are_running = false;
}

static void post(wr_workers *w, wr_packet *packet)
{
    worker *to = &w->each[packet->worker];
    wr_mutex_lock(&w->lock);
    add(&to->queue, packet);
    if (to->waits) wr_cond_signal(&to->wake);
    wr_mutex_unlock(&w->lock);
}

void wr_workers_filled(wr_workers *w, wr_packet *packet, bool is_answer)
{
    worker *of = &w->each[packet->worker];
    const wr_packet_item *last = &packet->items.items[packet->items.count - 1];
    packet->filled += wr_batch_size(&last->delta.batch);
    if (packet->filled < FULL) return;
    if (is_answer)
        answer(w, WR_TAKE(of->answer));
    else
        post(w, WR_TAKE(of->open));
}

/* Everything that came back so far. Under the lock. */
static wr_packet *take_back(wr_workers *w)
{
    wr_packet *first = w->back.first;
    w->back = (packets){0};
    for (int i = 0; i < w->count; i++) {
        worker *each = &w->each[i];
        if (each->untaken >= TAKEN_MAX) wr_cond_signal(&each->wake);
        each->untaken = 0;
    }
    return first;
}

/* After a failure the others are not handed on. */
static weir_status hand_on(wr_workers *w, wr_packet *packet)
{
    weir_status bad = WR_OK;
    for (wr_packet *next; packet; packet = next) {
        next = packet->next;
        for (int i = 0; i < packet->items.count && !bad; i++)
            bad = w->calls->take(&packet->items.items[i], packet->worker);
        set_aside(w, packet);
    }
    return bad;
}

/* Under the lock. */
static weir_status error_of(wr_workers *w)
{
    for (int i = 0; i < w->count; i++)
        if (w->each[i].error) return wr_status_copy(w->each[i].error);
    return WR_OK;
}

static bool any_has_more_than(const wr_workers *w, int most)
{
    for (int i = 0; i < w->count; i++)
        if (w->each[i].queue.count > most) return true;
    return false;
}

static bool any_is_busy(const wr_workers *w)
{
    for (int i = 0; i < w->count; i++)
        if (w->each[i].is_busy) return true;
    return false;
}

/* Until no worker has more than so many packets to do. */
static weir_status wait_until_within(wr_workers *w, int most, bool all_done)
{
    for (;;) {
        wr_mutex_lock(&w->lock);
        wr_packet *back = take_back(w);
        bool waits = any_has_more_than(w, most) || (all_done && any_is_busy(w));
        weir_status bad = error_of(w);
        if (!back && !bad && waits) {
            w->driver_waits = true;
            wr_cond_wait_until(&w->progress, &w->lock, wr_clock_mono_ns() + LOOK_EVERY_NS);
            w->driver_waits = false;
        }
        wr_mutex_unlock(&w->lock);
        bool had = back != NULL;
        weir_status failed = hand_on(w, back);
        if (bad) {
            wr_status_drop(failed);
            return bad;
        }
        WR_TRY(failed);
        if (!waits && !(had && all_done)) return WR_OK;
        WR_TRY(wr_cancel_check(w->graph->env->cancel));
    }
}

weir_status wr_workers_relieve(wr_workers *w)
{
    return w->are_running ? wait_until_within(w, WR_QUEUED_MAX, false) : WR_OK;
}

weir_status wr_workers_settle(wr_workers *w)
{
    if (!w->are_running) return WR_OK;
    for (int i = 0; i < w->count; i++)
        if (w->each[i].open) post(w, WR_TAKE(w->each[i].open));
    return wait_until_within(w, 0, true);
}

/* ---- reading the state ---- */

wr_state *wr_workers_view(wr_workers *w, int number, wr_state *state)
{
    if (!w->each[number].view) w->each[number].view = wr_state_view(state);
    return w->each[number].view;
}

void wr_workers_forget_views(wr_workers *w)
{
    for (int i = 0; i < w->count; i++)
        if (w->each[i].view) wr_state_view_forget(w->each[i].view);
}
