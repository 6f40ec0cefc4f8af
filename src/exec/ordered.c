/* ordered.c - see ordered.h.
 *
 * Only the owner of the head delivers: its own batches directly, and, when it ends its morsel, what
 * the next morsels have held meanwhile. The head moves to the next morsel only after that one's
 * held batches are delivered, so its owner cannot overtake them; delivering happens without the
 * lock. */
#include "exec/ordered.h"

enum { HELD_BYTES_MAX = 8 << 20, HELD_SHARE = 16 /* of the memory limit, at most */ };

void wr_ordered_init(wr_ordered *o, wr_exec *exec, wr_mem *mem)
{
    o->exec = exec;
    o->mem = mem;
}

weir_status wr_held_new(wr_mem *mem, const wr_batch *batch, wr_held **out)
{
    wr_held *held = wr_heap_new(sizeof *held);
    wr_batch_copy(batch, &held->arena, &held->batch);
    weir_status bad = wr_mem_reserve(mem, held->arena.total);
    if (bad) {
        wr_arena_clear(&held->arena);
        wr_heap_drop(held);
        return bad;
    }
    held->reserved = held->arena.total;
    *out = held;
    return WR_OK;
}

void wr_held_drop(wr_mem *mem, wr_held *held)
{
    if (!held) return;
    wr_mem_release(mem, held->reserved);
    wr_arena_clear(&held->arena);
    wr_heap_drop(held);
}

void wr_ordered_clear(wr_ordered *o)
{
    while (o->waiting) {
        wr_waiting_morsel *w = o->waiting;
        o->waiting = w->next;
        for (wr_held *h = w->first, *next; h; h = next) {
            next = h->next;
            wr_held_drop(o->mem, h);
        }
        wr_heap_drop(w);
    }
}

bool wr_ordered_is_full(const wr_ordered *o, uint64_t morsel)
{
    uint64_t limit = wr_mem_limit(o->mem), most = HELD_BYTES_MAX;
    if (limit) most = WR_MIN(most, limit / HELD_SHARE);
    return morsel != o->head && o->held_bytes >= most;
}

static wr_waiting_morsel *waiting_of(wr_ordered *o, uint64_t number)
{
    wr_waiting_morsel **at = &o->waiting;
    while (*at && (*at)->number < number)
        at = &(*at)->next;
    if (*at && (*at)->number == number) return *at;
    wr_waiting_morsel *w = wr_heap_new(sizeof *w);
    w->number = number;
    w->end = &w->first;
    w->next = *at;
    *at = w;
    return w;
}

weir_status wr_ordered_put(wr_ordered *o, uint64_t morsel, const wr_batch *batch, bool may_wait)
{
    wr_exec *exec = o->exec;
    wr_mutex_lock(&exec->lock);
    while (may_wait && !exec->stop && wr_ordered_is_full(o, morsel))
        wr_cond_wait(&exec->changed, &exec->lock);
    bool is_head = morsel == o->head;
    wr_mutex_unlock(&exec->lock);
    if (is_head) return o->deliver(o->owner, NULL, batch);
    wr_held *held;
    WR_TRY(wr_held_new(o->mem, batch, &held));
    wr_mutex_lock(&exec->lock);
    is_head = morsel == o->head;
    if (!is_head) {
        wr_waiting_morsel *w = waiting_of(o, morsel);
        *w->end = held;
        w->end = &held->next;
        o->held_bytes += held->reserved;
    }
    wr_mutex_unlock(&exec->lock);
    return is_head ? o->deliver(o->owner, held, NULL) : WR_OK;
}

/* Takes the batches held for morsel `number`; lock held. */
static wr_held *take_held(wr_ordered *o, uint64_t number, bool *is_done)
{
    *is_done = false;
    wr_waiting_morsel *w = o->waiting;
    if (!w || w->number != number) return NULL;
    wr_held *first = w->first;
    for (wr_held *h = first; h; h = h->next)
        o->held_bytes -= h->reserved;
    w->first = NULL;
    w->end = &w->first;
    *is_done = w->is_done && !first;
    if (*is_done) {
        o->waiting = w->next;
        wr_heap_drop(w);
    }
    return first;
}

weir_status wr_ordered_end(wr_ordered *o, uint64_t morsel)
{
    wr_exec *exec = o->exec;
    weir_status bad = WR_OK;
    wr_mutex_lock(&exec->lock);
    if (morsel != o->head) {
        waiting_of(o, morsel)->is_done = true;
        wr_mutex_unlock(&exec->lock);
        return WR_OK;
    }
    if (o->waiting &&
        o->waiting->number == morsel) { /* from before it became the head; empty since */
        wr_waiting_morsel *own = o->waiting;
        o->waiting = own->next;
        wr_heap_drop(own);
    }
    for (;;) {
        bool is_done;
        wr_held *list = take_held(o, o->head + 1, &is_done);
        if (!list) {
            o->head++;
            wr_cond_broadcast(&exec->changed);
            if (is_done) continue;
            break;
        }
        wr_mutex_unlock(&exec->lock);
        while (list) {
            wr_held *next = list->next;
            list->next = NULL;
            if (bad)
                wr_held_drop(o->mem, list);
            else
                bad = o->deliver(o->owner, list, NULL);
            list = next;
        }
        wr_mutex_lock(&exec->lock);
    }
    wr_mutex_unlock(&exec->lock);
    return bad;
}
