/* drill_test.h - what tests of stateful stream operators share: a small graph of entries, one
 * operator and a collector; batches made from rows of numbers; and an account of what was put out
 * against what should have been.
 *
 * Values of all columns are small integers, written as the column's type has it: as text long
 * enough not to be inlined, as integers, as moments. DRILL_NULL is NULL. */
#pragma once
#include "base/test.h"
#include "stream/graph.h"
#include "sys/clock.h"
#include "sys/file.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { DRILL_COLUMNS = 8, DRILL_NULL = -1000000 };

typedef struct drill_row {
    int64_t values[DRILL_COLUMNS];
    int change;
} drill_row;

typedef struct drill {
    wr_arena arena;
    wr_mem *mem;
    wr_env env;
    wr_graph *graph;
    const wr_stream_op_def *def;
    const void *spec;
    const wr_schema *inputs[2], *output;
    int input_count;
    wr_stream_op *entries[2], *op, *collector;
    uint32_t section;
    wr_state *state;
    bool forgets;                 /* all of memory after each commit */
    WR_LIST(char *) said, wanted; /* "+a|b" and "-a|b" */
} drill;

static int dice(int sides) { return (int)(wr_random_u64() % (unsigned)sides); }

/* ---- the collector ---- */

typedef struct drill_collector {
    wr_stream_op op;
    drill *drill;
} drill_collector;

static weir_status collect(wr_stream_op *op, int input, const wr_delta *delta)
{
    drill *d = ((drill_collector *)op)->drill;
    (void)input;
    EXPECT_INT(delta->batch.column_count, d->output->count);
    for (uint32_t i = 0; i < wr_batch_count(&delta->batch); i++) {
        uint32_t row = wr_batch_row(&delta->batch, i);
        WR_BUF(line);
        wr_buf_add_char(&line, !delta->changes || delta->changes[row] > 0 ? '+' : '-');
        for (int c = 0; c < delta->batch.column_count; c++) {
            const wr_column *column = &delta->batch.columns[c];
            EXPECT(column->type == d->output->fields[c].type);
            if (c) wr_buf_add_char(&line, '|');
            if (wr_column_is_null(column, row))
                wr_buf_add_text(&line, "NULL");
            else
                wr_column_print(column, row, &line);
        }
        wr_push(&d->arena, &d->said, wr_arena_copy(&d->arena, line.data, line.length));
    }
    return WR_OK;
}

static const wr_stream_op_def drill_collector_def = {
    .name = "collector", .size = sizeof(drill_collector), .takes_back = true, .push = collect};

/* ---- the graph ---- */

static const wr_schema *drill_schema(drill *d, const wr_type *const *types, int count)
{
    wr_schema *schema = wr_new(&d->arena, wr_schema);
    schema->fields = wr_new_array(&d->arena, wr_field, count + 1);
    schema->count = count;
    for (int c = 0; c < count; c++)
        schema->fields[c] = (wr_field){WR_STR("x"), types[c]};
    return schema;
}

static void drill_begin(drill *d)
{
    *d = (drill){0};
    d->mem = wr_mem_new(NULL, "test", 0);
    d->env = (wr_env){.mem = d->mem};
}

static void drill_graph(drill *d)
{
    d->graph = wr_graph_new(d->mem, &d->env, NULL);
    for (int i = 0; i < d->input_count; i++)
        d->entries[i] = wr_graph_add(d->graph, &wr_stream_entry, NULL, d->inputs[i], 0);
    d->op = wr_graph_add(d->graph, d->def, d->spec, d->output, d->input_count);
    d->collector = wr_graph_add(d->graph, &drill_collector_def, NULL, d->output, 1);
    ((drill_collector *)d->collector)->drill = d;
    for (int i = 0; i < d->input_count; i++)
        wr_graph_connect(d->graph, d->entries[i], d->op, i);
    wr_graph_connect(d->graph, d->op, d->collector, 0);
    EXPECT_OK(wr_graph_open(d->graph));
    d->op->section = d->section;
    d->op->share = d->forgets;
}

static void drill_end(drill *d)
{
    wr_graph_drop(d->graph);
    EXPECT_INT(wr_mem_used(d->mem), 0);
    wr_mem_drop(d->mem);
    wr_arena_clear(&d->arena);
}

/* ---- rows ---- */

static void drill_value(drill *d, wr_column *c, uint32_t i, int64_t v)
{
    if (v == DRILL_NULL) {
        wr_bit_clear(wr_column_need_valid(c, &d->arena, WR_BATCH_ROWS), i);
        v = 0;
    }
    if (c->type->phys == WR_P_I64) ((int64_t *)c->data)[i] = v;
    if (c->type->phys == WR_P_I32) ((int32_t *)c->data)[i] = (int32_t)v;
    if (c->type->phys != WR_P_VIEW) return;
    wr_str text = wr_arena_printf(&d->arena, "a longer text %d", (int)v);
    ((wr_view *)c->data)[i] = wr_view_of(text.data, text.length);
}

static void drill_push_batch(drill *d, int input, const drill_row *rows, uint32_t count,
                             bool has_gaps)
{
    const wr_schema *schema = d->inputs[input];
    uint32_t step = has_gaps ? 2 : 1, physical = count * step;
    wr_column *columns = wr_new_array(&d->arena, wr_column, schema->count + 1);
    uint16_t *sel = wr_new_array(&d->arena, uint16_t, count + 1);
    int8_t *changes = wr_new_array(&d->arena, int8_t, physical + 1);
    wr_assert(physical <= WR_BATCH_ROWS);
    bool all_new = true;
    for (int c = 0; c < schema->count; c++) {
        const wr_type *type = schema->fields[c].type;
        wr_column_init(&columns[c], &d->arena, type, (wr_phys)type->phys, WR_BATCH_ROWS);
        columns[c].rows = physical;
        for (uint32_t i = 0; i < physical; i++)
            drill_value(d, &columns[c], i, rows[i / step].values[c]);
    }
    for (uint32_t i = 0; i < physical; i++) {
        changes[i] = (int8_t)rows[i / step].change;
        all_new &= changes[i] > 0;
        if (i % step == 0) sel[i / step] = (uint16_t)i;
    }
    wr_delta delta = {
        .batch = {.columns = columns, .column_count = schema->count, .rows = physical},
        .changes = all_new ? NULL : changes};
    if (has_gaps) {
        delta.batch.sel = sel;
        delta.batch.sel_count = count;
    }
    EXPECT_OK(wr_stream_emit(d->entries[input], &delta));
}

/* With gaps: every other row of the batch is selected. */
static void drill_push(drill *d, int input, const drill_row *rows, uint32_t count, bool has_gaps)
{
    has_gaps &= WR_BATCH_ROWS > 1;
    uint32_t most = has_gaps ? WR_BATCH_ROWS / 2 : WR_BATCH_ROWS;
    for (uint32_t at = 0; at < count; at += most)
        drill_push_batch(d, input, rows + at, WR_MIN(count - at, most), has_gaps);
}

/* ---- the account ---- */

static void drill_print(wr_buf *line, const wr_type *type, int64_t v)
{
    if (v == DRILL_NULL)
        wr_buf_add_text(line, "NULL");
    else
        wr_buf_printf(line, type->phys == WR_P_VIEW ? "a longer text %lld" : "%lld", (long long)v);
}

/* Says that a row of the output is expected: change and values in turn. */
static void drill_want(drill *d, int change, const int64_t *values)
{
    WR_BUF(line);
    wr_buf_add_char(&line, change > 0 ? '+' : '-');
    for (int c = 0; c < d->output->count; c++) {
        if (c) wr_buf_add_char(&line, '|');
        drill_print(&line, d->output->fields[c].type, values[c]);
    }
    wr_push(&d->arena, &d->wanted, wr_arena_copy(&d->arena, line.data, line.length));
}

static int by_row(const void *a, const void *b)
{
    return strcmp(*(char *const *)a + 1, *(char *const *)b + 1);
}

/* The rows without those that took each other back, sorted, as one text. */
static void drill_net(char **lines, int count, wr_buf *out)
{
    wr_buf_add_text(out, "");
    if (count) qsort(lines, (size_t)count, sizeof *lines, by_row);
    for (int i = 0, end; i < count; i = end) {
        int sum = 0;
        for (end = i; end < count && strcmp(lines[i] + 1, lines[end] + 1) == 0; end++)
            sum += lines[end][0] == '+' ? 1 : -1;
        if (sum) wr_buf_printf(out, "%+d %s; ", sum, lines[i] + 1);
    }
}

/* What was put out since the last time is what was wanted. */
static bool drill_agrees(drill *d)
{
    WR_BUF(said);
    WR_BUF(wanted);
    drill_net(d->said.items, d->said.count, &said);
    drill_net(d->wanted.items, d->wanted.count, &wanted);
    d->said.count = d->wanted.count = 0;
    EXPECT_TEXT(said.data, wanted.data);
    return strcmp(said.data, wanted.data) == 0;
}

/* ---- state ---- */

__attribute__((unused)) static wr_str drill_place(void)
{
    static char path[256];
    const char *temp = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/weir_stream_%d", temp ? temp : "/tmp", getpid());
    return wr_str_of(path);
}

__attribute__((unused)) static wr_state *drill_state(void)
{
    wr_state *state = NULL;
    EXPECT_OK(wr_state_open(drill_place(), &(wr_state_options){.create = true}, &state));
    wr_assert(state != NULL);
    return state;
}

__attribute__((unused)) static void drill_remove_state(wr_state *state)
{
    static const char *const names[] = {"state.mdb", "state.mdb-lock", "lock", "unsynced"};
    wr_state_close(state);
    for (size_t i = 0; i < WR_COUNT(names); i++) {
        WR_BUF(path);
        wr_buf_printf(&path, "%s/%s", drill_place().data, names[i]);
        wr_status_drop(wr_fs_remove(wr_fs_real(), wr_buf_str(&path)));
    }
    rmdir(drill_place().data);
}

/* One commit; now and then one that fails before it succeeds. */
__attribute__((unused)) static void drill_commit(drill *d, wr_state *state)
{
    for (int fails = dice(4) == 0; fails >= 0; fails--) {
        EXPECT_OK(d->def->save(d->op, state));
        if (fails)
            wr_state_rollback(state);
        else
            EXPECT_OK(wr_state_commit(state));
        d->def->settled(d->op, !fails);
    }
}

/* What expires may wait for commits. */
static void drill_advance(drill *d, int64_t time)
{
    for (int i = 0; i < d->input_count; i++)
        EXPECT_OK(wr_stream_advance(d->op, i, time));
    while (wr_graph_is_behind(d->graph)) {
        EXPECT_OK(wr_graph_flush(d->graph));
        drill_commit(d, d->state);
        EXPECT_OK(wr_graph_catch_up(d->graph));
    }
}

/* What is in the state becomes the state of a new graph. */
__attribute__((unused)) static void drill_reopen(drill *d, wr_state *state)
{
    wr_graph_drop(d->graph);
    EXPECT_INT(wr_mem_used(d->mem), 0);
    drill_graph(d);
    EXPECT_OK(d->def->load(d->op, state));
}
