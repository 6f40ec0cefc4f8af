/* units.c - see units.h.
 *
 * A unit is a row group, or a slice of one when there are few row groups; a worker's readers go on
 * where its slice before has ended.
 *
 * Where the order of rows shows, units are handed out one after the other. Where it does not, every
 * worker begins with a stretch of its own: what lies together in the file stays together, slices of
 * a row group follow each other, and keys that ascend with the file do not meet in several workers.
 * Who has none left takes the second half of the longest stretch of another one.
 *
 * A stretch is one word: its first unit over the one behind its last. A unit never comes back to a
 * stretch, so an old value of the word that is seen again still says the truth. Only its owner
 * writes to an empty stretch. */
#include "fmt/parquet/units.h"

enum {
    SLICE_ROWS = 32 * WR_BATCH_ROWS, /* at least: who begins in the middle of a row group has its
                                        dictionaries and pages to load that others load too */
    UNITS_PER_WORKER = 4,
    /* A page or two is decompressed in each place and column: few places of few rows. */
    PLACE_ROWS = 512,
    PLACES_MAX = 4,
    ROWS_PER_PLACE = 512 * 1024,
    STRETCH_SHIFT = 32
};

static void cut(wr_pq_units *u, wr_arena *arena, const wr_pq_meta *meta, int workers)
{
    int64_t wanted = UNITS_PER_WORKER * (int64_t)workers, slice = INT64_MAX;
    bool split = workers > 1 && meta->group_count < wanted;
    if (split) {
        slice = WR_MAX(meta->rows / wanted, (int64_t)SLICE_ROWS);
        slice -= slice % WR_BATCH_ROWS;
    }
    WR_LIST(wr_pq_unit) units = {0};
    for (int g = 0; g < meta->group_count; g++)
        for (int64_t from = 0; from < meta->groups[g].rows;) {
            /* The last slice takes what is too little for one of its own. */
            int64_t left = meta->groups[g].rows - from;
            int64_t take = split && left / 2 >= slice ? slice : left;
            wr_push(arena, &units, ((wr_pq_unit){g, from, from + take}));
            from += take;
        }
    u->items = units.items;
    u->count = units.count;
}

int wr_pq_units_places(const wr_pq_meta *meta)
{
    return (int)WR_MIN(meta->rows / ROWS_PER_PLACE, (int64_t)PLACES_MAX);
}

static void choose_places(wr_pq_units *u, wr_arena *arena, const wr_pq_meta *meta, int places)
{
    u->items = wr_new_array(arena, wr_pq_unit, places);
    for (int p = 0; p < places; p++) {
        int64_t row = meta->rows / places * p + meta->rows / places / 2;
        int group = 0;
        while (group < meta->group_count && row >= meta->groups[group].rows)
            row -= meta->groups[group++].rows;
        if (group == meta->group_count) break;
        row -= row % WR_BATCH_ROWS;
        int64_t to = WR_MIN(row + PLACE_ROWS, meta->groups[group].rows);
        u->items[u->count++] = (wr_pq_unit){group, row, to};
    }
}

static uint64_t stretch_of(uint64_t from, uint64_t to) { return from << STRETCH_SHIFT | to; }

static uint64_t units_left(uint64_t stretch)
{
    return (stretch & UINT32_MAX) - (stretch >> STRETCH_SHIFT);
}

void wr_pq_units_init(wr_pq_units *u, wr_arena *arena, const wr_pq_meta *meta,
                      const wr_scan_request *request)
{
    int workers = WR_MAX(request->worker_count, 1);
    *u = (wr_pq_units){.stretch_count = request->any_order ? workers : 1};
    if (request->places)
        choose_places(u, arena, meta, request->places);
    else
        cut(u, arena, meta, workers);
    u->stretches = wr_arena_alloc(arena, sizeof *u->stretches * (size_t)u->stretch_count);
    uint64_t from = 0;
    for (int i = 0; i < u->stretch_count; i++) {
        uint64_t to = (uint64_t)u->count * (uint64_t)(i + 1) / (uint64_t)u->stretch_count;
        atomic_init(&u->stretches[i], stretch_of(from, to));
        from = to;
    }
}

static bool take_first(_Atomic uint64_t *stretch, int *number)
{
    uint64_t now = atomic_load(stretch);
    do {
        if (units_left(now) == 0) return false;
        *number = (int)(now >> STRETCH_SHIFT);
    } while (!atomic_compare_exchange_weak(stretch, &now, now + (UINT64_C(1) << STRETCH_SHIFT)));
    return true;
}

/* The first unit of another one's second half; the rest of it becomes the worker's own. */
static bool take_half(wr_pq_units *u, _Atomic uint64_t *own, int *number)
{
    for (;;) {
        _Atomic uint64_t *victim = NULL;
        uint64_t most = 0;
        for (int i = 0; i < u->stretch_count; i++) {
            uint64_t now = atomic_load(&u->stretches[i]);
            if (units_left(now) <= units_left(most)) continue;
            most = now;
            victim = &u->stretches[i];
        }
        if (!victim) return false;
        uint64_t from = most >> STRETCH_SHIFT, to = most & UINT32_MAX;
        uint64_t middle = from + (to - from) / 2;
        if (!atomic_compare_exchange_strong(victim, &most, stretch_of(from, middle))) continue;
        atomic_store(own, stretch_of(middle + 1, to));
        *number = (int)middle;
        return true;
    }
}

bool wr_pq_units_take(wr_pq_units *u, int worker, wr_pq_unit *out)
{
    int number;
    _Atomic uint64_t *own = &u->stretches[worker % u->stretch_count];
    bool got = take_first(own, &number) || (u->stretch_count > 1 && take_half(u, own, &number));
    if (got) *out = u->items[number];
    return got;
}
