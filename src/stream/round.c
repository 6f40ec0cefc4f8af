/* round.c - see round.h. */
#include "stream/round.h"

wr_round *wr_round_new(wr_mem *mem)
{
    wr_round *round = wr_heap_new(sizeof *round);
    round->references = 1;
    round->mem = round->arena.mem = mem;
    return round;
}

wr_round *wr_round_keep(wr_round *round)
{
    round->references++;
    return round;
}

void wr_round_release(wr_round *round)
{
    if (!round || --round->references != 0) return;
    wr_arena_clear(&round->arena);
    wr_heap_drop(round->deltas);
    wr_heap_drop(round);
}

weir_status wr_round_add(wr_round *round, const wr_delta *delta)
{
    uint32_t count = wr_batch_count(&delta->batch);
    if (!count) return WR_OK;
    if (round->delta_count == round->delta_cap) {
        int cap = round->delta_cap ? round->delta_cap * 2 : 4;
        round->deltas =
            wr_heap_grow(round->deltas, sizeof *round->deltas * (size_t)round->delta_cap,
                         sizeof *round->deltas * (size_t)cap);
        round->delta_cap = cap;
    }
    wr_delta *copy = &round->deltas[round->delta_count];
    *copy = (wr_delta){0};
    wr_batch_copy(&delta->batch, &round->arena, &copy->batch);
    if (delta->changes) {
        int8_t *changes = wr_new_array(&round->arena, int8_t, count);
        for (uint32_t i = 0; i < count; i++)
            changes[i] = delta->changes[wr_batch_row(&delta->batch, i)];
        copy->changes = changes;
    }
    WR_TRY(wr_arena_check(&round->arena));
    round->delta_count++;
    round->rows += count;
    return WR_OK;
}

void wr_round_push(wr_round_queue *queue, wr_round *round)
{
    if (queue->first + queue->count == queue->cap && queue->first > queue->cap / 2) {
        memmove(queue->items, queue->items + queue->first,
                sizeof *queue->items * (size_t)queue->count);
        queue->first = 0;
    }
    if (queue->first + queue->count == queue->cap) {
        int cap = queue->cap ? queue->cap * 2 : 16;
        queue->items = wr_heap_grow(queue->items, sizeof *queue->items * (size_t)queue->cap,
                                    sizeof *queue->items * (size_t)cap);
        queue->cap = cap;
    }
    queue->items[queue->first + queue->count++] = round;
    queue->rows += round->rows;
}

wr_round *wr_round_pop(wr_round_queue *queue)
{
    if (!queue->count) return NULL;
    wr_round *round = queue->items[queue->first++];
    queue->count--;
    queue->rows -= round->rows;
    return round;
}

void wr_round_queue_clear(wr_round_queue *queue)
{
    for (wr_round *round; (round = wr_round_pop(queue));)
        wr_round_release(round);
    wr_heap_drop(queue->items);
    *queue = (wr_round_queue){0};
}
