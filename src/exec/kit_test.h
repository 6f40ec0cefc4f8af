/* kit_test.h - what tests of operators share: tables written as text, plan nodes, and running a
 * plan at several thread counts.
 *
 *   table(&k, "a:integer b:varchar", "1 x; 2 NULL")   rows by ';', values by blanks
 *
 * Tables give their rows in morsels of a few rows, in one of several forms: wide, narrow with a
 * base, dictionary, or with rows in between that the selection leaves out. */
#pragma once
#include "base/test.h"
#include "exec/run.h"
#include <stdio.h>
#include <stdlib.h>

typedef enum kit_form { KIT_WIDE, KIT_NARROW, KIT_DICTIONARY, KIT_GAPS, KIT_FORMS } kit_form;

typedef struct kit {
    wr_arena arena;
    wr_mem *mem;
    wr_cancel cancel;
    wr_env env;
    kit_form form;
    uint32_t morsel_rows;
    int next_id, next_shared;
    wr_temp_space temp;
} kit;

__attribute__((unused)) static void kit_open(kit *k)
{
    *k = (kit){.morsel_rows = 3};
    k->mem = wr_mem_new(NULL, "test", 0);
    k->env = (wr_env){.mem = k->mem, .cancel = &k->cancel};
}

__attribute__((unused)) static void kit_close(kit *k)
{
    EXPECT_INT(wr_mem_used(k->mem), 0);
    wr_mem_drop(k->mem);
    wr_arena_clear(&k->arena);
}

/* ---- a relation over literal rows ---- */

typedef struct kit_table {
    wr_relation base;
    kit *k;
    wr_column *columns;
    uint32_t rows;
    kit_form form;
    int64_t fail_at; /* row whose batch is an error; -1 = none */
    int64_t cancel_at;
} kit_table;

typedef struct kit_scan {
    kit_table *table;
    wr_scan_request request;
    _Atomic uint32_t next;
} kit_scan;

typedef struct kit_worker {
    kit_scan *scan;
    int number;
    uint32_t at, end;
    wr_arena arena;
} kit_worker;

static weir_status kit_scan_open(wr_relation *rel, const wr_scan_request *request, wr_scan **out)
{
    kit_scan *s = wr_heap_new(sizeof *s);
    s->table = (kit_table *)rel;
    s->request = *request;
    *out = (wr_scan *)s;
    return WR_OK;
}

static weir_status kit_worker_new(wr_scan *scan, int number, wr_scan_worker **out)
{
    kit_worker *w = wr_heap_new(sizeof *w);
    w->scan = (kit_scan *)scan;
    w->number = number;
    *out = (wr_scan_worker *)w;
    return WR_OK;
}

static weir_status kit_next_morsel(wr_scan_worker *worker, bool *got)
{
    kit_worker *w = (kit_worker *)worker;
    kit_table *t = w->scan->table;
    w->at = atomic_fetch_add(&w->scan->next, t->k->morsel_rows);
    *got = w->at < t->rows;
    w->end = WR_MIN(w->at + t->k->morsel_rows, t->rows);
    return WR_OK;
}

static void kit_narrow(wr_column *c, wr_arena *arena)
{
    if (!wr_type_is_int_like(c->type) || c->phys == WR_P_I128 || c->phys == WR_P_I8) return;
    int64_t lo = INT64_MAX, hi = INT64_MIN;
    for (uint32_t i = 0; i < c->rows; i++) {
        if (wr_column_is_null(c, i)) continue;
        lo = WR_MIN(lo, wr_column_int(c, i));
        hi = WR_MAX(hi, wr_column_int(c, i));
    }
    if (lo > hi || hi - lo > 100) return;
    wr_column narrow;
    wr_column_init(&narrow, arena, c->type, WR_P_I8, c->rows);
    narrow.rows = c->rows;
    narrow.valid = c->valid;
    narrow.base = lo;
    narrow.has_bounds = true;
    narrow.lo = lo;
    narrow.hi = hi;
    for (uint32_t i = 0; i < c->rows; i++)
        ((int8_t *)narrow.data)[i] =
            wr_column_is_null(c, i) ? 0 : (int8_t)(wr_column_int(c, i) - lo);
    *c = narrow;
}

static void kit_dictionary(wr_column *c, wr_arena *arena)
{
    wr_column *dict = wr_new(arena, wr_column);
    *dict = *c;
    wr_column coded;
    wr_column_init(&coded, arena, c->type, WR_P_U8, c->rows);
    coded.form = WR_DICTIONARY;
    coded.phys = WR_P_U8;
    coded.rows = c->rows;
    coded.dict = dict;
    coded.data = wr_arena_alloc(arena, c->rows + 64);
    for (uint32_t i = 0; i < c->rows; i++) {
        uint32_t code = i;
        for (uint32_t j = 0; j < i; j++)
            if (wr_column_cmp(c, i, c, j) == 0) {
                code = j;
                break;
            }
        ((uint8_t *)coded.data)[i] = (uint8_t)code;
    }
    *c = coded;
}

/* Puts each row twice; the selection takes the second one. */
static void kit_gaps(wr_batch *b, wr_arena *arena)
{
    uint16_t *twice = wr_new_array(arena, uint16_t, b->rows * 2 + 1),
             *sel = wr_new_array(arena, uint16_t, b->rows + 1);
    for (uint32_t i = 0; i < b->rows; i++) {
        twice[2 * i] = twice[2 * i + 1] = (uint16_t)i;
        sel[i] = (uint16_t)(2 * i + 1);
    }
    wr_column *columns = wr_new_array(arena, wr_column, b->column_count + 1);
    for (int c = 0; c < b->column_count; c++)
        wr_column_gather(&b->columns[c], twice, b->rows * 2, arena, &columns[c]);
    b->columns = columns;
    b->sel = sel;
    b->sel_count = b->rows;
    b->rows *= 2;
}

static weir_status kit_filters(kit_worker *w, wr_batch *out)
{
    uint16_t *sel = wr_new_array(&w->arena, uint16_t, out->rows + 1);
    uint32_t count = wr_batch_count(out);
    for (uint32_t i = 0; i < count; i++)
        sel[i] = (uint16_t)wr_batch_row(out, i);
    for (int f = 0; f < w->scan->request.filter_count; f++) {
        wr_scan_filter *filter = w->scan->request.filters[f];
        if (filter->ready && !filter->ready(filter)) continue;
        WR_TRY(filter->apply(filter, w->number, out, sel, &count));
    }
    out->sel = sel;
    out->sel_count = count;
    return WR_OK;
}

static weir_status kit_next_batch(wr_scan_worker *worker, wr_batch *out, bool *more)
{
    kit_worker *w = (kit_worker *)worker;
    kit_table *t = w->scan->table;
    *out = (wr_batch){0};
    *more = w->at < w->end;
    if (!*more) return WR_OK;
    wr_arena_reset(&w->arena);
    uint32_t most = t->form == KIT_GAPS ? WR_MAX(WR_BATCH_ROWS / 2, 1) : WR_BATCH_ROWS;
    uint32_t n = WR_MIN(w->end - w->at, most);
    if (t->fail_at >= (int64_t)w->at && t->fail_at < (int64_t)(w->at + n))
        return wr_fail(WR_E_IO, "row %d is damaged", (int)t->fail_at);
    if (t->cancel_at >= (int64_t)w->at && t->cancel_at < (int64_t)(w->at + n))
        wr_cancel_request(&t->k->cancel);
    out->column_count = w->scan->request.column_count;
    out->columns = wr_new_array(&w->arena, wr_column, out->column_count + 1);
    out->rows = n;
    for (int c = 0; c < out->column_count; c++) {
        wr_column *column = &out->columns[c];
        wr_column_copy(&t->columns[w->scan->request.columns[c]], w->at, n, &w->arena, column);
        if (t->form == KIT_NARROW) kit_narrow(column, &w->arena);
        if (t->form == KIT_DICTIONARY && !wr_type_is_nested(column->type))
            kit_dictionary(column, &w->arena);
    }
    w->at += n;
    if (t->form == KIT_GAPS && WR_BATCH_ROWS > 1) kit_gaps(out, &w->arena);
    return w->scan->request.filter_count ? kit_filters(w, out) : WR_OK;
}

static void kit_worker_drop(wr_scan_worker *worker)
{
    wr_arena_clear(&((kit_worker *)worker)->arena);
    wr_heap_drop(worker);
}
static void kit_scan_close(wr_scan *scan) { wr_heap_drop(scan); }

static const wr_relation_def kit_relation = {.name = "literal",
                                             .open = kit_scan_open,
                                             .worker_new = kit_worker_new,
                                             .next_morsel = kit_next_morsel,
                                             .next_batch = kit_next_batch,
                                             .worker_drop = kit_worker_drop,
                                             .close = kit_scan_close};

/* Sets row i of a wide column from text. */
static void kit_put(wr_column *c, uint32_t i, wr_str text, wr_arena *arena)
{
    if (wr_str_eq(text, WR_STR("NULL"))) {
        wr_bit_clear(wr_column_need_valid(c, arena, c->rows), i);
        return;
    }
    int64_t v = 0;
    switch ((wr_phys)c->type->phys) {
    case WR_P_VIEW:
        ((wr_view *)c->data)[i] = wr_view_of(text.data, text.length);
        return;
    case WR_P_F64:
        wr_f64_read(text, &((double *)c->data)[i]);
        return;
    case WR_P_U8:
        ((uint8_t *)c->data)[i] = wr_str_is(text, "true");
        return;
    default:
        break;
    }
    EXPECT(wr_i64_read(text, &v, NULL));
    if (c->type->phys == WR_P_I64) ((int64_t *)c->data)[i] = v;
    if (c->type->phys == WR_P_I32) ((int32_t *)c->data)[i] = (int32_t)v;
    if (c->type->phys == WR_P_I16) ((int16_t *)c->data)[i] = (int16_t)v;
    if (c->type->phys == WR_P_I128) ((wr_i128 *)c->data)[i] = v;
}

static wr_str kit_word(const char **at, const char *stops)
{
    while (**at == ' ')
        (*at)++;
    const char *start = *at;
    while (**at && !strchr(stops, **at))
        (*at)++;
    return (wr_str){start, (size_t)(*at - start)};
}

__attribute__((unused)) static wr_plan_node *kit_node(kit *k, wr_phys_kind kind, int inputs)
{
    wr_plan_node *n = wr_new(&k->arena, wr_plan_node);
    n->kind = kind;
    n->inputs = wr_new_array(&k->arena, wr_plan_node *, inputs + 1);
    n->input_count = inputs;
    n->id = k->next_id++;
    return n;
}

static wr_field *kit_fields(kit *k, const char *spec, int *count)
{
    wr_field *fields = wr_new_array(&k->arena, wr_field, 32);
    *count = 0;
    for (const char *at = spec; *at;) {
        wr_str name = kit_word(&at, ":");
        if (!*at) break;
        at++;
        wr_str type = kit_word(&at, " ");
        fields[*count] = (wr_field){wr_arena_str(&k->arena, name), wr_type_find(type, NULL, 0)};
        EXPECT(fields[*count].type != NULL);
        (*count)++;
    }
    return fields;
}

/* A scan of a literal table. */
__attribute__((unused)) static wr_plan_node *table(kit *k, const char *spec, const char *text)
{
    kit_table *t = wr_new(&k->arena, kit_table);
    int count;
    wr_field *fields = kit_fields(k, spec, &count);
    for (const char *at = text; *at; at++)
        t->rows += *at == ';';
    if (*text) t->rows++;
    t->k = k;
    t->form = k->form;
    t->fail_at = t->cancel_at = -1;
    t->base = (wr_relation){.def = &kit_relation, .schema = {fields, NULL, count}, .row_count = -1};
    t->columns = wr_new_array(&k->arena, wr_column, count + 1);
    for (int c = 0; c < count; c++) {
        wr_column_init(&t->columns[c], &k->arena, fields[c].type, (wr_phys)fields[c].type->phys,
                       WR_MAX(t->rows, 1u));
        t->columns[c].rows = t->rows;
    }
    const char *at = text;
    for (uint32_t r = 0; r < t->rows; r++) {
        for (int c = 0; c < count; c++)
            kit_put(&t->columns[c], r, kit_word(&at, " ;"), &k->arena);
        while (*at == ' ')
            at++;
        if (*at == ';') at++;
    }
    wr_plan_node *n = kit_node(k, WR_PN_SCAN, 0);
    int *columns = wr_new_array(&k->arena, int, count + 1);
    for (int c = 0; c < count; c++)
        columns[c] = c;
    n->schema = t->base.schema;
    n->scan.relation = &t->base;
    n->scan.columns = columns;
    n->scan.limit = -1;
    return n;
}

/* ---- expressions and nodes ---- */

__attribute__((unused)) static wr_expr *col(kit *k, const wr_plan_node *input, int column)
{
    return wr_expr_column(&k->arena, (uint32_t)column, input->schema.fields[column].type);
}
__attribute__((unused)) static wr_expr *number(kit *k, const wr_type *type, int64_t v)
{
    return wr_expr_const(&k->arena, wr_value_int(type, v));
}
__attribute__((unused)) static wr_expr **exprs(kit *k, int count, wr_expr **list)
{
    wr_expr **copy = wr_new_array(&k->arena, wr_expr *, count + 1);
    if (count) memcpy(copy, list, sizeof *copy * (size_t)count);
    return copy;
}
/* The output schema of a node: "a:integer b:varchar". */
__attribute__((unused)) static wr_plan_node *gives(kit *k, wr_plan_node *n, const char *spec)
{
    n->schema.fields = kit_fields(k, spec, &n->schema.count);
    return n;
}
__attribute__((unused)) static wr_plan_node *over(kit *k, wr_phys_kind kind, wr_plan_node *input)
{
    wr_plan_node *n = kit_node(k, kind, 1);
    n->inputs[0] = input;
    n->schema = input->schema;
    return n;
}
__attribute__((unused)) static wr_plan_node *both(kit *k, wr_phys_kind kind, wr_plan_node *left,
                                                  wr_plan_node *right)
{
    wr_plan_node *n = kit_node(k, kind, 2);
    n->inputs[0] = left;
    n->inputs[1] = right;
    n->schema = left->schema;
    return n;
}
__attribute__((unused)) static wr_aggregate_call agg(kit *k, const char *name, int count,
                                                     wr_expr **args)
{
    wr_aggregate_call call = {.args = exprs(k, count, args), .arg_count = count};
    EXPECT_OK(wr_bind_aggregate(&k->arena, wr_str_of(name), (wr_span){0}, &call));
    return call;
}

/* ---- running ---- */

static int kit_by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* All rows, "a|b; a|b". */
__attribute__((unused)) static weir_status kit_run(kit *k, const wr_plan_node *plan, int threads,
                                                   wr_buf *out)
{
    wr_pool *pool;
    WR_TRY(wr_pool_new(threads, &pool));
    wr_run_options options = {.thread_count = threads, .temp = &k->temp};
    wr_run *run = NULL;
    out->length = 0;
    wr_buf_add_text(out, "");
    weir_status bad = wr_run_new(pool, plan, &k->env, k->mem, &options, &run);
    for (bool more = true; !bad && more;) {
        wr_batch batch;
        bad = wr_run_next(run, &batch, &more);
        for (uint32_t i = 0; !bad && more && i < wr_batch_count(&batch); i++) {
            if (out->length) wr_buf_add_text(out, "; ");
            for (int c = 0; c < batch.column_count; c++) {
                uint32_t row = wr_batch_row(&batch, i);
                if (c) wr_buf_add_char(out, '|');
                if (wr_column_is_null(&batch.columns[c], row))
                    wr_buf_add_text(out, "NULL");
                else
                    wr_column_print(&batch.columns[c], row, out);
            }
        }
    }
    wr_run_drop(run);
    wr_pool_drop(pool);
    return bad;
}

/* Where the "; " behind a row is; NULL: it is the last. (strstr under AddressSanitizer measures the
 * whole rest each time.) */
static inline char *kit_row_end(char *at)
{
    while ((at = strchr(at, ';')) && at[1] != ' ')
        at++;
    return at;
}

/* The rows of a result in order of text. */
__attribute__((unused)) static void kit_sort(const wr_buf *in, wr_buf *out)
{
    WR_ARENA(arena);
    WR_LIST(char *) rows = {0};
    char *text = wr_arena_copy(&arena, in->data, in->length);
    for (char *at = text; at && *at;) {
        char *end = kit_row_end(at);
        if (end) *end = 0;
        wr_push(&arena, &rows, at);
        at = end ? end + 2 : NULL;
    }
    if (rows.count) qsort(rows.items, (size_t)rows.count, sizeof *rows.items, kit_by_text);
    out->length = 0;
    wr_buf_add_text(out, "");
    for (int i = 0; i < rows.count; i++)
        wr_buf_printf(out, "%s%s", i ? "; " : "", rows.items[i]);
}

static const int kit_threads[] = {1, 2, 7};

/* Rows sorted by text, at every thread count, spilling all that can be spilled. */
__attribute__((unused)) static void kit_expect_spilled(kit *k, const wr_plan_node *plan,
                                                       const char *want)
{
    WR_BUF(wanted);
    WR_BUF(wanted_sorted);
    wr_buf_add_text(&wanted, want);
    kit_sort(&wanted, &wanted_sorted);
    k->temp.force = true;
    for (size_t t = 0; t < WR_COUNT(kit_threads); t++) {
        WR_BUF(rows);
        WR_BUF(sorted);
        EXPECT_OK(kit_run(k, plan, kit_threads[t], &rows));
        kit_sort(&rows, &sorted);
        EXPECT_TEXT(sorted.data, wanted_sorted.data);
        EXPECT_INT(wr_mem_used(k->mem), 0);
    }
    k->temp.force = false;
}

/* The result is want, in this order, at every thread count; in any order when it is spilled. */
#define EXPECT_RESULT(k, plan, want)                          \
    for (size_t t_ = 0; t_ < WR_COUNT(kit_threads); t_++) {   \
        WR_BUF(rows_);                                        \
        EXPECT_OK(kit_run(k, plan, kit_threads[t_], &rows_)); \
        EXPECT_TEXT(rows_.data ? rows_.data : "", want);      \
        EXPECT_INT(wr_mem_used((k)->mem), 0);                 \
        if (t_ == 0) kit_expect_spilled(k, plan, want);       \
    }
/* The same rows in any order; want is sorted by text. */
#define EXPECT_SET(k, plan, want)                             \
    for (size_t t_ = 0; t_ < WR_COUNT(kit_threads); t_++) {   \
        WR_BUF(rows_);                                        \
        WR_BUF(sorted_);                                      \
        EXPECT_OK(kit_run(k, plan, kit_threads[t_], &rows_)); \
        kit_sort(&rows_, &sorted_);                           \
        EXPECT_TEXT(sorted_.data ? sorted_.data : "", want);  \
        EXPECT_INT(wr_mem_used((k)->mem), 0);                 \
        if (t_ == 0) kit_expect_spilled(k, plan, want);       \
    }
#define EXPECT_ERROR(k, plan, code)                                   \
    for (size_t t_ = 0; t_ < WR_COUNT(kit_threads); t_++) {           \
        WR_BUF(rows_);                                                \
        (k)->cancel.requested = false;                                \
        EXPECT_FAIL(kit_run(k, plan, kit_threads[t_], &rows_), code); \
        EXPECT_INT(wr_mem_used((k)->mem), 0);                         \
    }
