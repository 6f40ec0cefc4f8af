/* sink_test.c - rows handed to writers, lists taken apart, and values of every kind kept in the
 * tuple store. */
#include "exec/kit_test.h"

typedef struct recorder {
    wr_batch_sink base;
    wr_buf text;
    int finished, aborted;
    bool fails;
} recorder;

static weir_status record(wr_batch_sink *self, int worker, const wr_batch *batch)
{
    recorder *r = (recorder *)self;
    (void)worker;
    if (r->fails) return wr_fail(WR_E_DISK_FULL, "no space");
    for (uint32_t i = 0; i < wr_batch_count(batch); i++)
        wr_buf_printf(&r->text, "%lld ",
                      (long long)wr_column_int(&batch->columns[0], wr_batch_row(batch, i)));
    return WR_OK;
}
static weir_status record_finish(wr_batch_sink *self)
{
    ((recorder *)self)->finished++;
    return WR_OK;
}
static void record_abort(wr_batch_sink *self) { ((recorder *)self)->aborted++; }

static wr_plan_node *into(kit *k, wr_plan_node *in, recorder *r)
{
    r->base = (wr_batch_sink){
        .write = record, .finish = record_finish, .abort = record_abort, .name = "record"};
    wr_plan_node *n = gives(k, over(k, WR_PN_SINK, in), "n:bigint");
    n->sink.sink = &r->base;
    return n;
}

TEST(writers_get_rows_in_source_order_and_report_the_count)
{
    for (size_t t = 0; t < WR_COUNT(kit_threads); t++) {
        kit k;
        kit_open(&k);
        k.morsel_rows = 1;
        recorder r = {0};
        WR_BUF(got);
        EXPECT_OK(kit_run(&k, into(&k, table(&k, "a:integer", "1; 2; 3; 4; 5; 6; 7; 8; 9"), &r),
                          kit_threads[t], &got));
        EXPECT_TEXT(got.data, "9");
        EXPECT_TEXT(r.text.data, "1 2 3 4 5 6 7 8 9 ");
        EXPECT_INT(r.finished, 1);
        EXPECT_INT(r.aborted, 0);
        wr_buf_clear(&r.text);
        kit_close(&k);
    }
}

TEST(a_failed_query_aborts_its_writer_once)
{
    for (int which = 0; which < 2; which++) {
        kit k;
        kit_open(&k);
        recorder r = {.fails = which == 0};
        wr_plan_node *scan = table(&k, "a:integer", "1; 2; 3; 4; 5; 6; 7; 8; 9");
        if (which == 1) ((kit_table *)scan->scan.relation)->fail_at = 7;
        WR_BUF(got);
        EXPECT_FAIL(kit_run(&k, into(&k, scan, &r), 2, &got), which ? WR_E_IO : WR_E_DISK_FULL);
        EXPECT_INT(r.finished, 0);
        EXPECT_INT(r.aborted, 1);
        wr_buf_clear(&r.text);
        kit_close(&k);
    }
}

/* A table with a list column: rows of lengths 2, 0, NULL, 3, 1 over texts. */
static wr_plan_node *lists(kit *k)
{
    wr_plan_node *scan = table(k, "a:integer", "1; 2; 3; 4; 5");
    kit_table *t = (kit_table *)scan->scan.relation;
    const wr_type *type = wr_type_list(WR_VARCHAR);
    wr_field *fields = wr_new_array(&k->arena, wr_field, 2);
    fields[0] = t->base.schema.fields[0];
    fields[1] = (wr_field){WR_STR("l"), type};
    t->base.schema = scan->schema = (wr_schema){fields, NULL, 2};
    wr_column *columns = wr_new_array(&k->arena, wr_column, 2);
    columns[0] = t->columns[0];
    wr_column_init(&columns[1], &k->arena, type, WR_P_LIST, 5);
    columns[1].rows = 5;
    static const wr_list_slot slots[5] = {{0, 2}, {2, 0}, {2, 0}, {2, 3}, {5, 1}};
    memcpy(columns[1].data, slots, sizeof slots);
    wr_bit_clear(wr_column_need_valid(&columns[1], &k->arena, 5), 2);
    wr_column *child = wr_new(&k->arena, wr_column);
    wr_column_init(child, &k->arena, WR_VARCHAR, WR_P_VIEW, 6);
    child->rows = 6;
    static const char *const texts[6] = {"x", "a text of some length", "y", "z", "NULL", "w"};
    for (uint32_t i = 0; i < 6; i++)
        kit_put(child, i, wr_str_of(texts[i]), &k->arena);
    columns[1].children = child;
    t->columns = columns;
    static const int positions[2] = {0, 1};
    scan->scan.columns = positions;
    return scan;
}

TEST(unnest_gives_a_row_per_element)
{
    kit k;
    kit_open(&k);
    wr_plan_node *in = lists(&k);
    wr_plan_node *n = gives(&k, over(&k, WR_PN_UNNEST, in), "a:integer e:varchar n:bigint");
    static const int carried[] = {0};
    n->unnest.lists = exprs(&k, 1, (wr_expr *[]){col(&k, in, 1)});
    n->unnest.list_count = 1;
    n->unnest.carried = carried;
    n->unnest.carried_count = 1;
    n->unnest.with_ordinality = true;
    EXPECT_RESULT(&k, n, "1|x|1; 1|a text of some length|2; 4|y|1; 4|z|2; 4|NULL|3; 5|w|1");
    n->unnest.keep_empty = true;
    EXPECT_RESULT(
        &k, n,
        "1|x|1; 1|a text of some length|2; 2|NULL|1; 3|NULL|1; 4|y|1; 4|z|2; 4|NULL|3; 5|w|1");
    kit_close(&k);
}

TEST(nested_values_survive_sorting_grouping_and_joining)
{
    kit k;
    kit_open(&k);
    wr_plan_node *in = lists(&k);
    wr_plan_node *sort = over(&k, WR_PN_SORT, in);
    wr_sort_key key = {col(&k, in, 0), true, false};
    sort->sort.keys = &key;
    sort->sort.key_count = 1;
    EXPECT_RESULT(&k, sort, "5|[w]; 4|[y, z, NULL]; 3|NULL; 2|[]; 1|[x, a text of some length]");
    wr_plan_node *twice = both(&k, WR_PN_UNION, in, in);
    wr_plan_node *distinct = over(&k, WR_PN_AGGREGATE, twice);
    distinct->aggregate.keys = exprs(&k, 2, (wr_expr *[]){col(&k, in, 0), col(&k, in, 1)});
    distinct->aggregate.key_count = distinct->aggregate.carried_first = 2;
    EXPECT_SET(&k, distinct, "1|[x, a text of some length]; 2|[]; 3|NULL; 4|[y, z, NULL]; 5|[w]");
    EXPECT_SET(&k, both(&k, WR_PN_EXCEPT, twice, in), "");
    kit_close(&k);
}
