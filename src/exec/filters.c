/* filters.c - the filters a scan carries: conjuncts of the query, one evaluator per worker each,
 * and runtime filters.
 *
 * Facts for pruning: the planner's facts about a conjunct stand in scan.prunes; they all hand on to
 * the first conjunct, since they hold together. A runtime filter over integers implies two facts,
 * its bounds; each change of a moving bound gets a new pair, because the scan may still read the
 * old one. */
#include "exec/filters.h"
#include "exec/keys.h"

typedef struct scan_filter {
    wr_scan_filter base;
    wr_filter_set *set;
    int *needed;
    wr_exprs exprs;         /* a conjunct */
    wr_eval **evals;        /* by worker */
    wr_filter_state *state; /* or a runtime filter */
    int column;
    const wr_type *type;
    bool gives_planned_prunes;
    wr_prune *made; /* guarded by set->lock */
    int64_t made_lo, made_hi;
} scan_filter;

struct wr_filter_set {
    wr_op *scan;
    wr_scan_filter **items;
    int count, conjuncts;
    wr_mutex lock;
    wr_arena arena; /* guarded by lock once the scan runs */
};

wr_filter_state *wr_filter_of(wr_exec *exec, const wr_runtime_filter *filter)
{
    if (!filter) return NULL;
    for (wr_exec *e = exec; e; e = e->parent)
        for (wr_filter_state *s = e->filters; s; s = s->next)
            if (s->filter == filter) return s;
    wr_filter_state *s = wr_new(&exec->arena, wr_filter_state);
    s->filter = filter;
    s->next = exec->filters;
    exec->filters = s;
    return s;
}

static const wr_prune *planned_prunes(const wr_scan_filter *self, int *count)
{
    const scan_filter *f = (const scan_filter *)self;
    const wr_plan_node *node = f->set->scan->node;
    *count = f->gives_planned_prunes ? node->scan.prune_count : 0;
    return node->scan.prunes;
}

static weir_status apply_conjunct(const wr_scan_filter *self, int worker, const wr_batch *in,
                                  uint16_t *sel, uint32_t *count)
{
    const scan_filter *f = (const scan_filter *)self;
    if (!f->evals[worker])
        WR_TRY(wr_eval_new(f->exprs.program, f->set->scan->exec->env, &f->evals[worker]));
    wr_bad_rows *bad = wr_exec_bad_rows(f->set->scan->exec);
    return wr_eval_filter_sieved(f->evals[worker], in, bad, sel, count);
}

static bool runtime_ready(const wr_scan_filter *self)
{
    return atomic_load_explicit(&((const scan_filter *)self)->state->ready, memory_order_acquire);
}

static const wr_prune *runtime_prunes(const wr_scan_filter *self, int *count)
{
    scan_filter *f = (scan_filter *)(uintptr_t)self;
    wr_filter_state *s = f->state;
    *count = 0;
    if (!runtime_ready(self) || !s->is_int || s->keeps_nulls || s->is_empty) return NULL;
    int64_t lo = s->lo, hi = s->hi;
    wr_mutex_lock(&f->set->lock);
    if (!f->made || f->made_lo != lo || f->made_hi != hi) {
        wr_value *values = wr_new_array(&f->set->arena, wr_value, 2);
        values[0] = wr_value_int(f->type, lo);
        values[1] = wr_value_int(f->type, hi);
        f->made = wr_new_array(&f->set->arena, wr_prune, 2);
        f->made[0] = (wr_prune){f->column, WR_PRUNE_GE, &values[0], 1};
        f->made[1] = (wr_prune){f->column, WR_PRUNE_LE, &values[1], 1};
        f->made_lo = lo;
        f->made_hi = hi;
    }
    const wr_prune *made = f->made;
    wr_mutex_unlock(&f->set->lock);
    *count = 2;
    return made;
}

/* Of count integers at rows sel: those the bloom filter may have. */
static uint32_t keep_hashes(const wr_filter_state *s, const int64_t *values, const uint8_t *is_null,
                            uint16_t *sel, uint32_t count)
{
    uint64_t hashes[WR_BATCH_ROWS];
    wr_keys_hash_ints(values, is_null, count, hashes);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t wanted = wr_bloom_bits(hashes[i]);
        bool in = (s->bloom[wr_bloom_word(hashes[i], s->bloom_mask)] & wanted) == wanted;
        sel[kept] = sel[i];
        kept += is_null[i] ? s->keeps_nulls : in;
    }
    return kept;
}

static uint32_t keep_ints(const wr_filter_state *s, const wr_column *c, uint16_t *sel,
                          uint32_t count)
{
    int64_t values[WR_BATCH_ROWS];
    uint8_t is_null[WR_BATCH_ROWS];
    wr_keys_ints(c, sel, count, values, is_null);
    int64_t lo = s->lo, hi = s->hi;
    const uint64_t *bits = s->bits;
    uint32_t kept = 0;
    if (bits) {
        uint64_t span = (uint64_t)hi - (uint64_t)lo;
        for (uint32_t i = 0; i < count; i++) {
            uint64_t at = (uint64_t)values[i] - (uint64_t)lo;
            sel[kept] = sel[i];
            bool in = at <= span && wr_bit_get(bits, at);
            kept += is_null[i] ? s->keeps_nulls : in;
        }
        return kept;
    }
    bool is_inside = c->has_bounds && c->lo >= lo && c->hi <= hi;
    for (uint32_t i = 0; !is_inside && i < count; i++) {
        bool in = values[i] >= lo && values[i] <= hi, null = is_null[i];
        sel[kept] = sel[i];
        values[kept] = values[i];
        is_null[kept] = null;
        kept += null ? s->keeps_nulls : in;
    }
    if (is_inside) kept = count;
    return s->bloom ? keep_hashes(s, values, is_null, sel, kept) : kept;
}

static uint32_t keep_bloom(const wr_filter_state *s, const wr_column *c, uint16_t *sel,
                           uint32_t count, wr_arena *scratch)
{
    wr_column flat;
    uint64_t hashes[WR_BATCH_ROWS];
    wr_keys_flatten(c, 1, sel, count, scratch, &flat);
    wr_keys_hash(&flat, 1, sel, count, hashes);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t wanted = wr_bloom_bits(hashes[i]);
        uint16_t row = sel[i];
        sel[kept] = row;
        bool null = flat.valid && !wr_bit_get(flat.valid, row);
        bool in = (s->bloom[wr_bloom_word(hashes[i], s->bloom_mask)] & wanted) == wanted;
        kept += null ? s->keeps_nulls : in;
    }
    return kept;
}

static weir_status apply_runtime(const wr_scan_filter *self, int worker, const wr_batch *in,
                                 uint16_t *sel, uint32_t *count)
{
    (void)worker;
    const scan_filter *f = (const scan_filter *)self;
    wr_filter_state *s = f->state;
    if (!runtime_ready(self) || *count == 0) return WR_OK;
    const wr_column *c = &in->columns[f->column];
    uint32_t before = *count;
    WR_ARENA(scratch);
    if (s->is_empty && !s->keeps_nulls) *count = 0;
    if (*count > 0 && s->is_int) *count = keep_ints(s, c, sel, *count);
    if (*count > 0 && s->bloom && !s->is_int) *count = keep_bloom(s, c, sel, *count, &scratch);
    atomic_fetch_add_explicit(&s->removed, before - *count, memory_order_relaxed);
    return WR_OK;
}

typedef struct column_set {
    scan_filter *filter;
    wr_arena *arena;
} column_set;

static bool note_column(const wr_expr *e, void *arg)
{
    column_set *set = arg;
    if (e->kind != WR_X_COLUMN) return true;
    scan_filter *f = set->filter;
    for (int i = 0; i < f->base.column_count; i++)
        if (f->needed[i] == (int)e->column) return true;
    f->needed = wr_arena_grow(set->arena, f->needed, sizeof(int) * (size_t)f->base.column_count,
                              sizeof(int) * (size_t)(f->base.column_count + 1));
    f->needed[f->base.column_count++] = (int)e->column;
    return true;
}

static weir_status open_conjunct(wr_filter_set *set, scan_filter *f, wr_expr *e)
{
    wr_op *scan = set->scan;
    f->set = set;
    column_set columns = {f, &set->arena};
    wr_expr_walk(e, note_column, &columns);
    f->base.columns = f->needed;
    f->base.apply = apply_conjunct;
    f->evals = wr_new_array(&set->arena, wr_eval *, wr_exec_workers(scan->exec));
    if (f->gives_planned_prunes) f->base.prunes = planned_prunes;
    return wr_exprs_open(&f->exprs, scan, &e, 1);
}

static void open_runtime(wr_filter_set *set, scan_filter *f, const wr_runtime_filter_use *use)
{
    f->set = set;
    f->state = wr_filter_of(set->scan->exec, use->filter);
    f->column = use->column;
    f->type = use->filter->type;
    f->needed = wr_new_array(&set->arena, int, 1);
    f->needed[0] = use->column;
    f->base = (wr_scan_filter){f->needed, 1, runtime_prunes, runtime_ready, apply_runtime};
}

weir_status wr_filter_set_new(wr_op *scan, wr_filter_set **out)
{
    wr_filter_set *set = wr_heap_new(sizeof *set);
    const wr_plan_node *node = scan->node;
    *out = set;
    set->scan = scan;
    wr_mutex_init(&set->lock);
    set->items = wr_new_array(&set->arena, wr_scan_filter *,
                              node->scan.filter_count + node->scan.runtime_count + 1);
    /* Runtime filters first: they are cheap, and selective whenever the planner made them. */
    for (int i = 0; i < node->scan.runtime_count; i++) {
        scan_filter *f = wr_new(&set->arena, scan_filter);
        open_runtime(set, f, &node->scan.runtime[i]);
        set->items[set->count++] = &f->base;
    }
    for (int i = 0; i < node->scan.filter_count; i++) {
        scan_filter *f = wr_new(&set->arena, scan_filter);
        f->gives_planned_prunes = i == 0;
        set->items[set->count++] = &f->base;
        WR_TRY(open_conjunct(set, f, node->scan.filters[i]));
    }
    return WR_OK;
}

void wr_filter_set_drop(wr_filter_set *set)
{
    if (!set) return;
    for (int i = 0; i < set->count; i++) {
        scan_filter *f = (scan_filter *)set->items[i];
        for (int w = 0; f->evals && w < wr_exec_workers(set->scan->exec); w++)
            if (f->evals[w]) wr_eval_drop(f->evals[w]);
    }
    wr_mutex_clear(&set->lock);
    wr_arena_clear(&set->arena);
    wr_heap_drop(set);
}

wr_scan_filter **wr_filter_set_items(wr_filter_set *set, int *count)
{
    *count = set->count;
    return set->items;
}

uint64_t wr_filter_set_removed(const wr_filter_set *set)
{
    uint64_t removed = 0;
    for (int i = 0; i < set->count; i++) {
        const scan_filter *f = (const scan_filter *)set->items[i];
        if (f->state) removed += f->state->removed;
    }
    return removed;
}
