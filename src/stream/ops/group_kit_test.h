/* group_kit_test.h - what tests of grouping streams share: an operator between a source of literal
 * rows and one that writes down what comes out, with or without a state on disk. */
#pragma once
#include "exec/kit_test.h"
#include "stream/specs.h"
#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

/* Writes every row it is given: "+a|b" or "-a|b". */
typedef struct kit_collector {
    wr_stream_op op;
    wr_buf rows;
} kit_collector;

static weir_status collect(wr_stream_op *op, int input, const wr_delta *delta)
{
    (void)input;
    kit_collector *c = (kit_collector *)op;
    const wr_batch *b = &delta->batch;
    for (uint32_t i = 0; i < wr_batch_count(b); i++) {
        uint32_t row = wr_batch_row(b, i);
        if (c->rows.length) wr_buf_add_text(&c->rows, "; ");
        wr_buf_add_char(&c->rows, delta->changes && delta->changes[row] < 0 ? '-' : '+');
        for (int k = 0; k < b->column_count; k++) {
            if (k) wr_buf_add_char(&c->rows, '|');
            const wr_column *column = &b->columns[k];
            bool is_time = column->type->id == WR_T_TIMESTAMP;
            if (wr_column_is_null(column, row))
                wr_buf_add_text(&c->rows, "NULL");
            else if (is_time)
                wr_buf_printf(&c->rows, "%lld", (long long)wr_column_int(column, row));
            else
                wr_column_print(column, row, &c->rows);
        }
    }
    return WR_OK;
}

static void collector_close(wr_stream_op *op) { wr_buf_clear(&((kit_collector *)op)->rows); }

static const wr_stream_op_def kit_collector_def = {.name = "collector",
                                                   .size = sizeof(kit_collector),
                                                   .takes_back = true,
                                                   .push = collect,
                                                   .close = collector_close};

static weir_status feed_on(wr_stream_op *op, int input, const wr_delta *delta)
{
    (void)input;
    return wr_stream_emit(op, delta);
}
static const wr_stream_op_def kit_source_def = {
    .name = "literal", .size = sizeof(wr_stream_op), .takes_back = true, .push = feed_on};

/* A graph of one grouping operator. */
typedef struct flow {
    kit k;
    wr_graph *graph;
    wr_stream_op *source, *op;
    kit_collector *out;
    const char *input; /* columns, as table() takes them */
    wr_group_spec spec;
    wr_aggregate_call calls[8];
    int arg_first[8], filter[8];
    wr_time_window window;
    wr_schema schema;
    const wr_stream_op_def *def;
    wr_state *state;
    char directory[64];
    bool forgets; /* all of memory after each commit */
} flow;

/* Columns of the input by number: keys first. */
__attribute__((unused)) static void flow_begin(flow *f, const char *input, int keys)
{
    memset(f, 0, sizeof *f);
    kit_open(&f->k);
    f->input = input;
    f->spec = (wr_group_spec){.key_count = keys, .end_key = -1, .emit = WR_EMIT_ON_CHANGE};
    f->spec.calls = f->calls;
    f->spec.arg_first = f->arg_first;
    f->spec.filter = f->filter;
}

/* A call over the column `arg` (-1: none), only rows where the column `filter` holds (-1: all). */
__attribute__((unused)) static wr_aggregate_call *flow_call(flow *f, const char *name, int arg,
                                                            int filter)
{
    int at = f->spec.call_count++, count;
    wr_field *fields = kit_fields(&f->k, f->input, &count);
    wr_expr *e = arg < 0 ? NULL : wr_expr_column(&f->k.arena, (uint32_t)arg, fields[arg].type);
    f->calls[at] = agg(&f->k, name, arg >= 0, &e);
    f->arg_first[at] = WR_MAX(arg, 0);
    f->filter[at] = filter;
    return &f->calls[at];
}

__attribute__((unused)) static void flow_window(flow *f, int64_t size, int64_t slide, int time)
{
    f->window = (wr_time_window){.kind = WR_WINDOW_HOP, .size = size, .slide = slide};
    f->spec.window = &f->window;
    f->spec.time = time;
    f->spec.emit = WR_EMIT_ON_CLOSE;
}

__attribute__((unused)) static void flow_session(flow *f, int64_t gap, int time)
{
    f->window = (wr_time_window){.kind = WR_WINDOW_SESSION, .gap = gap};
    f->spec.window = &f->window;
    f->spec.time = time;
    f->spec.emit = WR_EMIT_ON_CLOSE;
}

static void flow_schema(flow *f)
{
    int count, at = 0;
    wr_field *in = kit_fields(&f->k, f->input, &count);
    wr_field *out = wr_new_array(&f->k.arena, wr_field, 32);
    for (int i = 0; i < f->spec.key_count; i++)
        out[at++] = in[i];
    for (int i = 0; f->spec.window && i < 2; i++)
        out[at++] = (wr_field){WR_STR("edge"), wr_type_find(WR_STR("timestamp"), NULL, 0)};
    for (int i = 0; i < f->spec.call_count; i++)
        out[at++] = (wr_field){WR_STR("call"), f->calls[i].type};
    f->schema = (wr_schema){out, NULL, at};
}

__attribute__((unused)) static weir_status flow_open(flow *f, const wr_stream_op_def *def)
{
    f->def = def;
    flow_schema(f);
    f->graph = wr_graph_new(f->k.mem, &f->k.env, NULL);
    f->source = wr_graph_add(f->graph, &kit_source_def, NULL, &f->schema, 1);
    f->op = wr_graph_add(f->graph, def, &f->spec, &f->schema, 1);
    f->out = (kit_collector *)wr_graph_add(f->graph, &kit_collector_def, NULL, &f->schema, 1);
    wr_graph_connect(f->graph, f->source, f->op, 0);
    wr_graph_connect(f->graph, f->op, &f->out->op, 0);
    f->op->share = f->forgets;
    return wr_graph_open(f->graph);
}

static void flow_remove_state(flow *f)
{
    wr_state_close(WR_TAKE(f->state));
    char command[96];
    snprintf(command, sizeof command, "rm -rf %s", f->directory);
    EXPECT_INT(system(command), 0);
}

__attribute__((unused)) static void flow_end(flow *f)
{
    wr_graph_drop(f->graph);
    if (f->directory[0]) flow_remove_state(f);
    kit_close(&f->k);
}

/* rows as for table(), of which the first `count` appear; the last `back` are taken back. */
__attribute__((unused)) static weir_status flow_push_change(flow *f, const char *rows,
                                                            uint32_t back)
{
    const wr_plan_node *node = table(&f->k, f->input, rows);
    const kit_table *t = (const kit_table *)node->scan.relation;
    int count = node->schema.count;
    for (uint32_t at = 0; at < t->rows; at += WR_BATCH_ROWS) {
        uint32_t n = WR_MIN(t->rows - at, (uint32_t)WR_BATCH_ROWS);
        wr_column *columns = wr_new_array(&f->k.arena, wr_column, count + 1);
        int8_t changes[WR_BATCH_ROWS];
        for (int c = 0; c < count; c++)
            wr_column_copy(&t->columns[c], at, n, &f->k.arena, &columns[c]);
        for (uint32_t i = 0; i < n; i++)
            changes[i] = at + i + back >= t->rows ? -1 : 1;
        wr_delta delta = {.batch = {.columns = columns, .column_count = count, .rows = n},
                          .changes = back ? changes : NULL};
        WR_TRY(f->source->def->push(f->source, 0, &delta));
    }
    return WR_OK;
}

/* What has come out since the last look, rows in order of text; rows of `text` likewise. */
__attribute__((unused)) static void flow_expect(flow *f, const char *want)
{
    WR_BUF(got_sorted);
    WR_BUF(wanted);
    WR_BUF(want_sorted);
    wr_buf_add_text(&f->out->rows, "");
    wr_buf_add_text(&wanted, want);
    kit_sort(&f->out->rows, &got_sorted);
    kit_sort(&wanted, &want_sorted);
    EXPECT_TEXT(got_sorted.data, want_sorted.data);
    f->out->rows.length = 0;
}
#define EXPECT_OUT(f, want) flow_expect(f, want)

__attribute__((unused)) static void flow_push(flow *f, const char *rows)
{
    EXPECT_OK(flow_push_change(f, rows, 0));
}
__attribute__((unused)) static void flow_take_back(flow *f, const char *rows)
{
    uint32_t count = 1;
    for (const char *at = rows; *at; at++)
        count += *at == ';';
    EXPECT_OK(flow_push_change(f, rows, count));
}
__attribute__((unused)) static void flow_flush(flow *f) { EXPECT_OK(wr_graph_flush(f->graph)); }

/* ---- states ---- */

static weir_status flow_open_state(flow *f)
{
    if (!f->directory[0]) {
        snprintf(f->directory, sizeof f->directory, "/tmp/weir_group_XXXXXX");
        EXPECT(mkdtemp(f->directory) != NULL);
        EXPECT_INT(rmdir(f->directory), 0);
    }
    wr_state_options options = {.create = true};
    WR_TRY(wr_state_open(wr_str_of(f->directory), &options, &f->state));
    return wr_state_section(f->state, WR_STR("op"), &f->op->section);
}

/* A round ends and is committed. */
__attribute__((unused)) static void flow_commit(flow *f)
{
    flow_flush(f);
    if (!f->state) EXPECT_OK(flow_open_state(f));
    EXPECT_OK(f->def->save(f->op, f->state));
    EXPECT_OK(wr_state_commit(f->state));
    f->def->settled(f->op, true);
}

/* What is due may wait for commits. */
__attribute__((unused)) static void flow_time(flow *f, int64_t time)
{
    EXPECT_OK(wr_stream_advance(f->source, 0, time));
    while (wr_graph_is_behind(f->graph)) {
        flow_commit(f);
        EXPECT_OK(wr_graph_catch_up(f->graph));
    }
}

/* The process ends, another one goes on from the last commit. */
__attribute__((unused)) static void flow_restart(flow *f)
{
    int64_t time = f->op->time;
    wr_graph_drop(f->graph);
    wr_state_close(WR_TAKE(f->state));
    EXPECT_OK(flow_open(f, f->def));
    EXPECT_OK(flow_open_state(f));
    EXPECT_OK(f->def->load(f->op, f->state));
    if (time != WR_NO_TIME_YET) flow_time(f, time);
}
