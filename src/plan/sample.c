/* sample.c - see sample.h.
 *
 * Every conjunct is tried on all rows of the sample, and all of them together: columns are seldom
 * independent. Two things can make a sample lie. Rows that lie together in a file are like each
 * other: a conjunct whose share differs from place to place by more than chance is clustered, and
 * where its fraction is known from the column's range that is believed instead; the others are then
 * measured among the rows that pass the known ones. And what is rare may not be in the sample at
 * all: then the estimate is kept if it is smaller than what one row would have said.
 *
 * Cost: SAMPLE_ROWS rows at most, from sources that offer places (spi/relation.h), and only of
 * tables with many times more rows. */
#include "plan/sample.h"
#include "expr/eval.h"
#include <math.h>

enum { SAMPLE_ROWS = 2048, WORTH_ROWS = 10 * SAMPLE_ROWS, FILTERS_MAX = 32, ENOUGH_ROWS = 64 };
static const double CLUSTERED = 8, DIFFERS = 2;

/* One conjunct or several together, counted over the sample. */
typedef struct tally {
    double passed, by_place[WR_SAMPLE_PLACES];
} tally;

typedef struct sampling {
    wr_estimator *es;
    const wr_logical *scan;
    wr_profile whole;
    bool known[FILTERS_MAX];
    double estimate[FILTERS_MAX];
    wr_eval *evals[FILTERS_MAX];
    tally one[FILTERS_MAX], known_ones, all;
    double rows, rows_by_place[WR_SAMPLE_PLACES];
    int places, place;
} sampling;

/* ---- reading ---- */

static wr_expr *to_position(wr_expr *e, void *arg)
{
    const wr_column_id *ids = arg;
    if (e->kind != WR_X_COLUMN || e->column >= WR_LAMBDA_IDS) return e;
    uint32_t position = 0;
    while (ids[position] != e->column)
        position++;
    e->column = position;
    return e;
}

/* The columns the filters use: positions in the relation and, ended by 0, ids. */
static int used_columns(const sampling *s, int *columns, wr_column_id *ids)
{
    wr_arena *arena = s->es->planner->arena;
    const wr_logical *scan = s->scan;
    wr_column_set used = {0};
    int count = 0;
    for (int f = 0; f < scan->scan.filter_count; f++)
        wr_expr_columns(arena, scan->scan.filters[f], &used);
    for (int i = 0; i < scan->output_count; i++) {
        if (!wr_column_set_has(&used, scan->outputs[i].id)) continue;
        columns[count] = scan->scan.columns[i];
        ids[count++] = scan->outputs[i].id;
    }
    return count;
}

static weir_status compile(sampling *s, wr_column_id *ids)
{
    wr_arena *arena = s->es->planner->arena;
    for (int f = 0; f < s->scan->scan.filter_count; f++) {
        wr_expr *copy = wr_expr_copy(arena, s->scan->scan.filters[f]);
        copy = wr_expr_rewrite(copy, to_position, ids);
        wr_program *program;
        WR_TRY(wr_program_new(arena, &copy, 1, &program));
        WR_TRY(wr_eval_new(program, s->es->planner->env, &s->evals[f]));
    }
    return WR_OK;
}

static void count_rows(const sampling *s, tally *t, uint32_t rows)
{
    t->passed += rows;
    t->by_place[s->place] += rows;
}

/* Rows of a batch spread over it, at steps that change: values may repeat at even ones. */
static uint32_t spread_rows(const wr_batch *batch, uint32_t most, uint16_t *sel)
{
    uint32_t rows = wr_batch_count(batch), taken = WR_MIN(rows, most);
    for (uint32_t i = 0; i < taken; i++) {
        uint32_t from = (uint32_t)((uint64_t)i * rows / taken);
        uint32_t to = (uint32_t)((uint64_t)(i + 1) * rows / taken);
        uint32_t turn = i * UINT32_C(0x9e3779b1) >> 16;
        sel[i] = (uint16_t)wr_batch_row(batch, from + turn % (to - from));
    }
    return taken;
}

static weir_status try_batch(sampling *s, const wr_batch *batch)
{
    uint16_t rows[WR_BATCH_ROWS], sel[WR_BATCH_ROWS], both[WR_BATCH_ROWS];
    uint32_t taken = spread_rows(batch, (uint32_t)(SAMPLE_ROWS / s->places), rows);
    wr_batch in = *batch;
    in.sel = NULL;
    s->rows += taken;
    s->rows_by_place[s->place] += taken;
    uint32_t together = taken;
    memcpy(both, rows, sizeof *both * taken);
    for (int pass = 0; pass < 2; pass++) {
        for (int f = 0; f < s->scan->scan.filter_count; f++) {
            if (s->known[f] != (pass == 0)) continue;
            uint32_t count = taken;
            memcpy(sel, rows, sizeof *sel * taken);
            if (count) WR_TRY(wr_eval_filter(s->evals[f], &in, sel, &count));
            count_rows(s, &s->one[f], count);
            if (together) WR_TRY(wr_eval_filter(s->evals[f], &in, both, &together));
        }
        count_rows(s, pass == 0 ? &s->known_ones : &s->all, together);
    }
    return WR_OK;
}

static weir_status read_places(sampling *s, const wr_relation_def *def, wr_scan_worker *worker)
{
    for (s->place = 0; s->place < s->places; s->place++) {
        bool got, more;
        wr_batch batch;
        WR_TRY(def->next_morsel(worker, &got));
        if (!got) return WR_OK;
        WR_TRY(def->next_batch(worker, &batch, &more));
        if (more) WR_TRY(try_batch(s, &batch));
    }
    return WR_OK;
}

static weir_status read_sample(sampling *s)
{
    wr_planner *planner = s->es->planner;
    wr_relation *relation = s->scan->scan.relation;
    const wr_relation_def *def = relation->def;
    int *columns = wr_new_array(planner->arena, int, s->scan->output_count + 1);
    wr_column_id *ids = wr_new_array(planner->arena, wr_column_id, s->scan->output_count + 1);
    int count = used_columns(s, columns, ids);
    WR_TRY(compile(s, ids));
    wr_scan_request request = {.columns = columns,
                               .column_count = count,
                               .limit = -1,
                               .places = s->places,
                               .worker_count = 1,
                               .mem = planner->env->mem,
                               .cancel = planner->env->cancel};
    wr_scan *scan;
    wr_scan_worker *worker;
    WR_TRY(def->open(relation, &request, &scan));
    weir_status bad = def->worker_new(scan, 0, &worker);
    if (!bad) {
        bad = read_places(s, def, worker);
        def->worker_drop(worker);
    }
    def->close(scan);
    return bad;
}

/* ---- judging ---- */

/* Do the places differ by more than chance? Chi squared over its degrees of freedom. */
static bool is_clustered(const sampling *s, const tally *t)
{
    double share = t->passed / s->rows, sum = 0;
    int places = 0;
    for (int p = 0; p < s->places; p++) {
        double rows = s->rows_by_place[p], off = t->by_place[p] - rows * share;
        if (rows == 0) continue;
        places++;
        sum += off * off / WR_MAX(rows * share * (1 - share), 1);
    }
    return places > 1 && sum / (places - 1) > CLUSTERED;
}

/* What was found among rows of the sample, where estimate was expected. */
static double settled(double passed, double rows, double estimate)
{
    if (passed == 0) return WR_MIN(estimate, 0.5 / rows);
    return (passed + estimate) / (rows + 1);
}

static double judge(const sampling *s)
{
    double by_known = 1, guess = 1;
    bool disagrees = false, clustered = false;
    for (int f = 0; f < s->scan->scan.filter_count; f++) {
        double found = s->one[f].passed / s->rows;
        guess *= s->estimate[f];
        if (!s->known[f]) continue;
        by_known *= s->estimate[f];
        disagrees |= found > s->estimate[f] * DIFFERS || found * DIFFERS < s->estimate[f];
        clustered |= s->places < 4 || is_clustered(s, &s->one[f]);
    }
    if (!disagrees || !clustered) return settled(s->all.passed, s->rows, guess);
    if (s->known_ones.passed >= ENOUGH_ROWS)
        return by_known * settled(s->all.passed, s->known_ones.passed, guess / by_known);
    double kept = by_known;
    for (int f = 0; f < s->scan->scan.filter_count; f++)
        if (!s->known[f]) kept *= settled(s->one[f].passed, s->rows, s->estimate[f]);
    return kept;
}

static bool has_param(const wr_expr *e, void *arg)
{
    bool *found = arg;
    *found |= e->kind == WR_X_PARAM || e->kind == WR_X_SUBQUERY;
    return !*found;
}

/* Is there something that the statistics cannot say, and may it be tried? */
static bool is_worth_it(sampling *s)
{
    const wr_logical *scan = s->scan;
    int count = scan->scan.filter_count;
    wr_column_set used = {0};
    bool unknown = false, differs = false;
    if (count == 0 || count > FILTERS_MAX) return false;
    for (int f = 0; f < count; f++) {
        const wr_expr *e = scan->scan.filters[f];
        wr_column_set own = {0};
        bool open = false;
        wr_expr_walk(e, has_param, &open);
        if (open || wr_expr_is_volatile(e)) return false;
        s->known[f] = wr_filter_is_known(&s->whole, e);
        s->estimate[f] = wr_selectivity(s->es, &s->whole, e);
        unknown |= !s->known[f];
        wr_expr_columns(s->es->planner->arena, e, &own);
        differs |= f > 0 && !wr_column_set_within(&own, &used);
        wr_column_set_add_all(s->es->planner->arena, &used, &own);
    }
    return unknown || differs;
}

const wr_sample *wr_sample_filters(wr_estimator *es, wr_logical *scan)
{
    wr_relation *relation = scan->scan.relation;
    if (scan->scan.filter_count == 0 || relation->row_count < WORTH_ROWS || !relation->def->places)
        return NULL;
    wr_arena *arena = es->planner->arena;
    sampling *s = wr_new(arena, sampling);
    s->es = es;
    s->scan = scan;
    s->places = relation->def->places(relation);
    if (s->places == 0) return NULL;
    wr_profile_whole_scan(es, scan, &s->whole);
    if (!is_worth_it(s)) return NULL;
    weir_status bad = read_sample(s);
    wr_status_drop(bad);
    for (int f = 0; f < scan->scan.filter_count; f++)
        if (s->evals[f]) wr_eval_drop(s->evals[f]);
    if (bad || s->rows < ENOUGH_ROWS) return NULL;
    wr_sample *sample = wr_new(arena, wr_sample);
    sample->count = scan->scan.filter_count;
    sample->filters = wr_new_array(arena, wr_expr *, sample->count);
    memcpy(sample->filters, scan->scan.filters, sizeof *sample->filters * (size_t)sample->count);
    sample->kept = judge(s);
    return sample;
}

double wr_sample_kept(wr_estimator *es, const wr_logical *scan, const wr_profile *whole)
{
    const wr_sample *sample = scan->scan.sample;
    if (!sample) return -1;
    double kept = sample->kept;
    int tried = 0;
    for (int f = 0; f < scan->scan.filter_count; f++) {
        int i = 0;
        while (i < sample->count && !wr_expr_eq(sample->filters[i], scan->scan.filters[f]))
            i++;
        if (i < sample->count)
            tried++;
        else
            kept *= wr_selectivity(es, whole, scan->scan.filters[f]);
    }
    return tried == sample->count ? kept : -1;
}
