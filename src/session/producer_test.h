/* producer_test.h - an Arrow producer for tests: arrays of known values that count who still holds
 * them. Included by one test each. */
#pragma once
#include "base/test.h"
#include "col/arrow.h"
#include "session/session.h"
#include <stdio.h>

enum { P_COLUMNS = 5 }; /* i int64, d double, v view, u utf8, k dictionary of int8 to utf8 */

typedef struct producer {
    int64_t rows, per_array, given;
    _Atomic int alive, released; /* nodes of arrays */
    _Atomic int schemas, streams;
    int fails_after; /* arrays; 0: never */
    const int *only; /* columns that are given; NULL: all */
    int only_count;
    const void *first[P_COLUMNS][4]; /* buffers of the first array */
    int64_t first_length;
} producer;

static inline void p_release_schema(struct ArrowSchema *s)
{
    producer *p = s->private_data;
    for (int64_t i = 0; i < s->n_children; i++) {
        if (s->children[i]->release) s->children[i]->release(s->children[i]);
        wr_heap_drop(s->children[i]);
    }
    wr_heap_drop(s->children);
    if (s->dictionary) {
        s->dictionary->release(s->dictionary);
        wr_heap_drop(s->dictionary);
    }
    p->schemas--;
    s->release = NULL;
}

static inline struct ArrowSchema p_schema_node(producer *p, const char *format, const char *name)
{
    p->schemas++;
    return (struct ArrowSchema){.format = format,
                                .name = name,
                                .flags = ARROW_FLAG_NULLABLE,
                                .release = p_release_schema,
                                .private_data = p};
}

static inline int p_column(const producer *p, int i) { return p->only ? p->only[i] : i; }
static inline int p_count(const producer *p) { return p->only ? p->only_count : P_COLUMNS; }

static inline void p_schema(producer *p, struct ArrowSchema *out)
{
    static const char *const formats[] = {"l", "g", "vu", "u", "c"};
    static const char *const names[] = {"i", "d", "v", "u", "k"};
    *out = p_schema_node(p, "+s", "");
    out->n_children = p_count(p);
    out->children = wr_heap_new(((size_t)p_count(p) + 1) * sizeof *out->children);
    for (int i = 0; i < p_count(p); i++) {
        int c = p_column(p, i);
        out->children[i] = wr_heap_raw(sizeof **out->children);
        *out->children[i] = p_schema_node(p, formats[c], names[c]);
        if (c < 4) continue;
        out->children[i]->dictionary = wr_heap_raw(sizeof **out->children);
        *out->children[i]->dictionary = p_schema_node(p, "u", "");
    }
}

static inline void p_release_array(struct ArrowArray *a)
{
    producer *p = a->private_data;
    for (int64_t i = 0; i < a->n_children; i++) {
        if (a->children[i]->release) a->children[i]->release(a->children[i]);
        wr_heap_drop(a->children[i]);
    }
    wr_heap_drop(a->children);
    if (a->dictionary) {
        if (a->dictionary->release) a->dictionary->release(a->dictionary);
        wr_heap_drop(a->dictionary);
    }
    for (int64_t i = 0; i < a->n_buffers; i++)
        wr_heap_drop((void *)(uintptr_t)a->buffers[i]);
    wr_heap_drop(a->buffers);
    a->release = NULL;
    p->alive--;
    p->released++;
}

static inline struct ArrowArray p_node(producer *p, int64_t rows, int buffers)
{
    p->alive++;
    struct ArrowArray a = {
        .length = rows, .n_buffers = buffers, .release = p_release_array, .private_data = p};
    a.buffers = wr_heap_new(((size_t)buffers + 1) * sizeof *a.buffers);
    return a;
}

/* Of row n: "t" and its number, every third with a tail that makes it long. */
static inline int p_text(int64_t n, char *out)
{
    return snprintf(out, 40, n % 3 ? "t%lld" : "t%lld of the long kind", (long long)n);
}

static inline struct ArrowArray p_texts(producer *p, int64_t from, int64_t rows)
{
    struct ArrowArray a = p_node(p, rows, 3);
    int32_t *offsets = wr_heap_new(((size_t)rows + 1) * 4);
    char *bytes = wr_heap_raw((size_t)rows * 40 + 1);
    for (int64_t i = 0; i < rows; i++)
        offsets[i + 1] = offsets[i] + p_text(from + i, bytes + offsets[i]);
    a.buffers[1] = offsets;
    a.buffers[2] = bytes;
    return a;
}

static inline struct ArrowArray p_views(producer *p, int64_t from, int64_t rows)
{
    struct ArrowArray a = p_node(p, rows, 4);
    wr_view *views = wr_heap_new(((size_t)rows + 1) * sizeof *views);
    char *bytes = wr_heap_raw((size_t)rows * 40 + 1);
    int64_t *sizes = wr_heap_new(8);
    for (int64_t i = 0; i < rows; i++) {
        char text[64];
        int length = p_text(from + i, text);
        views[i] = wr_view_of(text, (size_t)length);
        if (length <= 12) continue;
        int32_t place[2] = {0, (int32_t)*sizes};
        memcpy((char *)&views[i] + 8, place, 8);
        memcpy(bytes + *sizes, text, (size_t)length);
        *sizes += length;
    }
    a.buffers[1] = views;
    a.buffers[2] = bytes;
    a.buffers[3] = sizes;
    return a;
}

/* Every seventh integer is NULL; the codes of k are i % 4. */
static inline struct ArrowArray p_make_column(producer *p, int column, int64_t from, int64_t rows)
{
    if (column == 2) return p_views(p, from, rows);
    if (column == 3) return p_texts(p, from, rows);
    struct ArrowArray a = p_node(p, rows, 2);
    uint8_t *bits = wr_heap_new((size_t)rows / 8 + 1);
    int64_t *values = wr_heap_raw((size_t)rows * 8 + 8);
    for (int64_t i = 0; i < rows; i++) {
        if (column == 0) values[i] = from + i;
        if (column == 1) ((double *)values)[i] = (double)(from + i) / 2;
        if (column == 4) ((int8_t *)values)[i] = (int8_t)((from + i) % 4);
        if ((from + i) % 7) bits[i / 8] = (uint8_t)(bits[i / 8] | 1 << i % 8);
    }
    a.buffers[1] = values;
    a.null_count = column == 0 ? -1 : 0;
    if (column == 0)
        a.buffers[0] = bits;
    else
        wr_heap_drop(bits);
    if (column != 4) return a;
    a.dictionary = wr_heap_raw(sizeof a);
    *a.dictionary = p_texts(p, 0, 4);
    return a;
}

static inline void p_array(producer *p, int64_t from, int64_t rows, struct ArrowArray *out)
{
    *out = p_node(p, rows, 1);
    out->n_children = p_count(p);
    out->children = wr_heap_new(((size_t)p_count(p) + 1) * sizeof *out->children);
    for (int i = 0; i < p_count(p); i++) {
        out->children[i] = wr_heap_raw(sizeof *out);
        *out->children[i] = p_make_column(p, p_column(p, i), from, rows);
        for (int b = 0; from == 0 && b < out->children[i]->n_buffers; b++)
            p->first[p_column(p, i)][b] = out->children[i]->buffers[b];
    }
    if (from == 0) p->first_length = rows;
}

static inline int p_get_schema(struct ArrowArrayStream *s, struct ArrowSchema *out)
{
    p_schema(s->private_data, out);
    return 0;
}

static inline int p_get_next(struct ArrowArrayStream *s, struct ArrowArray *out)
{
    producer *p = s->private_data;
    *out = (struct ArrowArray){0};
    if (p->fails_after && p->given >= p->fails_after * p->per_array) return 5;
    if (p->given >= p->rows) return 0;
    int64_t rows = WR_MIN(p->per_array, p->rows - p->given);
    p_array(p, p->given, rows, out);
    p->given += rows;
    return 0;
}

static inline const char *p_last_error(struct ArrowArrayStream *s)
{
    (void)s;
    return "the disk of the producer is on fire";
}

static inline void p_release_stream(struct ArrowArrayStream *s)
{
    ((producer *)s->private_data)->streams--;
    s->release = NULL;
}

static inline struct ArrowArrayStream p_stream(producer *p)
{
    p->given = 0;
    p->streams++;
    return (struct ArrowArrayStream){p_get_schema, p_get_next, p_last_error, p_release_stream, p};
}

static inline void p_expect_gone(const producer *p)
{
    EXPECT_INT(p->alive, 0);
    EXPECT_INT(p->schemas, 0);
    EXPECT_INT(p->streams, 0);
}

/* ---- the engine beside it ---- */

typedef struct bench {
    weir_engine *engine;
    weir_session *session;
    bool keeps_tables; /* their memory goes with the engine */
} bench;

static inline void bench_open(bench *b)
{
    b->keeps_tables = false;
    EXPECT_OK(weir_engine_open(&(weir_config){.threads = 4}, &b->engine));
    EXPECT_OK(weir_session_open(b->engine, &b->session));
}

static inline void bench_close(bench *b)
{
    weir_session_close(b->session);
    if (!b->keeps_tables) EXPECT_INT((int64_t)wr_mem_used(b->engine->mem), 0);
    weir_engine_close(b->engine);
}

static inline void answer(bench *b, const char *sql, wr_buf *out)
{
    weir_query *query = NULL;
    const weir_rows *rows = NULL;
    weir_status bad = weir_query_start(b->session, sql, strlen(sql), &query);
    while (!bad && !(bad = weir_query_next(query, &rows)) && rows)
        wr_batch_print(&rows->batch, out);
    if (bad) {
        wr_buf_add_text(out, weir_error_message(bad));
        if (weir_error_detail(bad)) wr_buf_printf(out, " [%s]", weir_error_detail(bad));
    }
    wr_status_drop(bad);
    weir_query_close(query);
    wr_buf_add_text(out, "");
}

static inline void expect(bench *b, const char *sql, const char *want)
{
    WR_BUF(got);
    answer(b, sql, &got);
    EXPECT_TEXT(got.data, want);
}

static inline void stream_of(bench *b, const char *sql, struct ArrowArrayStream *out)
{
    weir_query *query = NULL;
    EXPECT_OK(weir_query_start(b->session, sql, strlen(sql), &query));
    EXPECT_OK(weir_query_stream(query, out));
}
