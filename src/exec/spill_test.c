/* spill_test.c - operators that exceed their memory: same results, clean failures, nothing left. */
#include "exec/kit_test.h"
#include "exec/spill.h"

/* A table of `rows` rows "key, text, number"; every key comes `repeat` times, far apart. */
static wr_plan_node *numbered(kit *k, int rows, int repeat)
{
    WR_BUF(text);
    for (int i = 0; i < rows; i++)
        wr_buf_printf(&text, "%s%d a-text-of-some-length-%d %g", i ? "; " : "",
                      i * 7919 % (rows / repeat), i, i / 7.0);
    k->morsel_rows = 1000;
    return table(k, "a:integer t:varchar x:double",
                 wr_arena_copy(&k->arena, text.data, text.length)); /* texts stay there */
}

static wr_plan_node *sorted(kit *k, wr_plan_node *in)
{
    wr_plan_node *n = over(k, WR_PN_SORT, in);
    n->sort.keys = wr_new_array(&k->arena, wr_sort_key, 2);
    n->sort.keys[0] = (wr_sort_key){col(k, in, 0), true, false};
    n->sort.keys[1] = (wr_sort_key){col(k, in, 1), false, false};
    n->sort.key_count = 2;
    return n;
}

static wr_plan_node *grouped(kit *k, wr_plan_node *in)
{
    wr_aggregate_call calls[] = {agg(k, "count", 0, NULL),
                                 agg(k, "sum", 1, (wr_expr *[]){col(k, in, 2)}),
                                 agg(k, "min", 1, (wr_expr *[]){col(k, in, 1)}),
                                 agg(k, "count", 1, (wr_expr *[]){col(k, in, 1)})};
    calls[3].is_distinct = true;
    wr_plan_node *n =
        gives(k, over(k, WR_PN_AGGREGATE, in), "a:integer n:bigint s:double m:varchar d:bigint");
    n->aggregate.keys = exprs(k, 1, (wr_expr *[]){col(k, in, 0)});
    n->aggregate.key_count = n->aggregate.carried_first = 1;
    n->aggregate.calls = wr_new_array(&k->arena, wr_aggregate_call, 4);
    memcpy(n->aggregate.calls, calls, sizeof calls);
    n->aggregate.call_count = 4;
    return n;
}

static wr_plan_node *joined(kit *k, wr_plan_node *left, wr_plan_node *right, wr_join_kind kind)
{
    wr_plan_node *n = both(k, WR_PN_JOIN, left, right);
    int all = left->schema.count + right->schema.count;
    int *output = wr_new_array(&k->arena, int, all);
    for (int i = 0; i < all; i++)
        output[i] = i;
    n->schema.count = all;
    n->schema.fields = wr_new_array(&k->arena, wr_field, all);
    memcpy(n->schema.fields, left->schema.fields, sizeof(wr_field) * (size_t)left->schema.count);
    memcpy(n->schema.fields + left->schema.count, right->schema.fields,
           sizeof(wr_field) * (size_t)right->schema.count);
    n->join.kind = kind;
    n->join.keys = wr_new_array(&k->arena, wr_join_key, 1);
    n->join.keys[0] = (wr_join_key){col(k, left, 0), col(k, right, 0), false};
    n->join.key_count = 1;
    n->join.output = output;
    return n;
}

/* One row that says what all rows are. */
static wr_plan_node *summed(kit *k, wr_plan_node *in)
{
    wr_aggregate_call calls[] = {agg(k, "count", 0, NULL),
                                 agg(k, "sum", 1, (wr_expr *[]){col(k, in, 2)}),
                                 agg(k, "sum", 1, (wr_expr *[]){col(k, in, 5)}),
                                 agg(k, "count", 1, (wr_expr *[]){col(k, in, 1)}),
                                 agg(k, "max", 1, (wr_expr *[]){col(k, in, 4)})};
    wr_plan_node *n =
        gives(k, over(k, WR_PN_AGGREGATE, in), "n:bigint s:double r:double l:bigint m:varchar");
    n->aggregate.calls = wr_new_array(&k->arena, wr_aggregate_call, WR_COUNT(calls));
    memcpy(n->aggregate.calls, calls, sizeof calls);
    n->aggregate.call_count = WR_COUNT(calls);
    return n;
}

/* The same rows without and with a limit, and the limit did make it spill. */
static void expect_same_within(kit *k, const wr_plan_node *plan, uint64_t limit, bool has_order)
{
    for (size_t t = 0; t < 2; t++) {
        WR_BUF(rows);
        WR_BUF(wanted);
        WR_BUF(got);
        _Atomic uint64_t used = 0;
        wr_mem_set_limit(k->mem, 0);
        EXPECT_OK(kit_run(k, plan, kit_threads[t], &rows));
        kit_sort(&rows, &wanted);
        if (has_order) wanted.length = 0, wr_buf_add_str(&wanted, wr_buf_str(&rows));
        wr_mem_set_limit(k->mem, limit);
        k->temp.used = &used;
        k->temp.bytes_max = 1; /* so the first byte written is an error */
        EXPECT_FAIL(kit_run(k, plan, kit_threads[t], &rows), WR_E_DISK_FULL);
        k->temp.bytes_max = 0;
        EXPECT_OK(kit_run(k, plan, kit_threads[t], &rows));
        kit_sort(&rows, &got);
        if (has_order) got.length = 0, wr_buf_add_str(&got, wr_buf_str(&rows));
        EXPECT(strcmp(got.data, wanted.data) == 0);
        EXPECT_INT(used, 0);
        EXPECT_INT(wr_mem_used(k->mem), 0);
    }
    k->temp = (wr_temp_space){0};
    wr_mem_set_limit(k->mem, 0);
}

TEST(a_sort_within_a_limit_gives_the_same_rows_in_the_same_order)
{
    kit k;
    kit_open(&k);
    expect_same_within(&k, sorted(&k, numbered(&k, 60000, 3)), 4 << 20, true);
    kit_close(&k);
}

TEST(groups_within_a_limit_are_the_same_to_the_last_bit)
{
    kit k;
    kit_open(&k);
    expect_same_within(&k, grouped(&k, numbered(&k, 60000, 3)), 11 << 20, false);
    kit_close(&k);
}

TEST(joins_within_a_limit_give_the_same_rows)
{
    kit k;
    kit_open(&k);
    wr_plan_node *left = numbered(&k, 20000, 2), *right = numbered(&k, 40000, 1);
    expect_same_within(&k, summed(&k, joined(&k, left, right, WR_JOIN_INNER)), 4 << 20, false);
    expect_same_within(&k, summed(&k, joined(&k, left, right, WR_JOIN_FULL)), 4 << 20, false);
    kit_close(&k);
}

TEST(one_key_for_all_rows_is_joined_in_chunks)
{
    kit k;
    kit_open(&k);
    wr_plan_node *left = numbered(&k, 7, 7), *right = numbered(&k, 30000, 30000);
    expect_same_within(&k, summed(&k, joined(&k, left, right, WR_JOIN_LEFT)), 3 << 20, false);
    kit_close(&k);
}

TEST(a_full_disk_is_an_error_that_leaves_nothing_behind)
{
    const char *const plans[] = {"write:1:ENOSPC", "write:3:ENOSPC", "write:2:SHORT",
                                 "write:5+:EDQUOT"};
    kit k;
    kit_open(&k);
    wr_plan_node *rows = numbered(&k, 20000, 2);
    wr_plan_node *all[] = {sorted(&k, rows), grouped(&k, rows),
                           joined(&k, rows, rows, WR_JOIN_INNER)};
    for (size_t p = 0; p < WR_COUNT(plans); p++)
        for (size_t n = 0; n < WR_COUNT(all); n++) {
            wr_fs *fs = wr_fs_fault_new(wr_fs_real(), plans[p]);
            k.temp = (wr_temp_space){.fs = fs, .force = true};
            WR_BUF(out);
            EXPECT_FAIL(kit_run(&k, all[n], 2, &out), WR_E_DISK_FULL);
            EXPECT_INT(wr_mem_used(k.mem), 0);
            wr_fs_drop(fs);
        }
    kit_close(&k);
}

TEST(what_cannot_be_read_back_is_an_error)
{
    kit k;
    kit_open(&k);
    wr_plan_node *rows = numbered(&k, 20000, 2);
    wr_plan_node *all[] = {sorted(&k, rows), grouped(&k, rows),
                           joined(&k, rows, rows, WR_JOIN_INNER)};
    for (size_t n = 0; n < WR_COUNT(all); n++) {
        wr_fs *fs = wr_fs_fault_new(wr_fs_real(), "read:3:EIO");
        k.temp = (wr_temp_space){.fs = fs, .force = true};
        WR_BUF(out);
        EXPECT_FAIL(kit_run(&k, all[n], 2, &out), WR_E_IO);
        EXPECT_INT(wr_mem_used(k.mem), 0);
        wr_fs_drop(fs);
    }
    kit_close(&k);
}

TEST(a_temporary_folder_that_is_not_there_is_named)
{
    kit k;
    kit_open(&k);
    WR_BUF(out);
    k.temp = (wr_temp_space){.directory = WR_STR("/nowhere/at/all"), .force = true};
    weir_status bad = kit_run(&k, sorted(&k, numbered(&k, 100, 2)), 1, &out);
    EXPECT(bad && strstr(bad->message, "/nowhere/at/all") != NULL);
    wr_status_drop(bad);
    kit_close(&k);
}

static void fill(wr_rows *rows, wr_arena *arena)
{
    static const char long_text[] = "this is a text of more than twelve bytes";
    wr_column *columns = wr_new_array(arena, wr_column, 2);
    for (int from = 0; from < 500; from += WR_BATCH_ROWS) {
        uint32_t n = (uint32_t)WR_MIN(500 - from, WR_BATCH_ROWS);
        wr_column_init(&columns[0], arena, WR_BIGINT, WR_P_I64, n);
        wr_column_init(&columns[1], arena, WR_VARCHAR, WR_P_VIEW, n);
        columns[0].rows = columns[1].rows = n;
        for (uint32_t i = 0; i < n; i++) {
            ((int64_t *)columns[0].data)[i] = from + i;
            ((wr_view *)columns[1].data)[i] = wr_view_of(long_text, (from + i) % 40);
        }
        EXPECT_OK(wr_rows_append(rows, columns, NULL, n, NULL));
    }
}

TEST(packed_rows_come_back_and_damaged_ones_are_refused)
{
    WR_ARENA(arena);
    wr_mem *mem = wr_mem_new(NULL, "test", 0);
    const wr_type *types[] = {WR_BIGINT, WR_VARCHAR};
    wr_rows_layout layout;
    wr_rows_layout_init(&layout, &arena, types, 2, 8);
    wr_rows *rows, *back;
    EXPECT_OK(wr_rows_new(mem, &layout, &rows));
    EXPECT_OK(wr_rows_new(mem, &layout, &back));
    fill(rows, &arena);
    uint8_t *addresses[500];
    wr_rows_cursor cursor = {0, 0};
    EXPECT_INT(wr_rows_next(rows, &cursor, addresses, 500), 500);
    WR_BUF(packed);
    for (uint32_t at = 0, n; at < 500; at += n) {
        void *block;
        n = wr_rows_pack(&layout, addresses + at, 500 - at, 4096, &packed);
        EXPECT(n > 0 && packed.length <= 4096);
        EXPECT_OK(wr_mem_alloc(mem, packed.length, &block));
        memcpy(block, packed.data, packed.length);
        EXPECT_OK(wr_rows_add_packed(back, block, packed.length, n));
    }
    uint8_t *again[500];
    cursor = (wr_rows_cursor){0, 0};
    EXPECT_INT(wr_rows_next(back, &cursor, again, 500), 500);
    for (int c = 0; c < 2; c++) {
        wr_column before, after;
        wr_rows_gather(&layout, c, addresses, 500, &arena, &before);
        wr_rows_gather(&layout, c, again, 500, &arena, &after);
        for (uint32_t i = 0; i < 500; i++)
            EXPECT_INT(wr_column_cmp(&before, i, &after, i), 0);
    }
    void *block;
    uint32_t n = wr_rows_pack(&layout, addresses, 500, 4096, &packed);
    EXPECT_OK(wr_mem_alloc(mem, packed.length - 30, &block));
    memcpy(block, packed.data, packed.length - 30); /* the last texts are cut off */
    EXPECT_FAIL(wr_rows_add_packed(back, block, packed.length - 30, n), WR_E_CORRUPT);
    wr_rows_drop(rows);
    wr_rows_drop(back);
    EXPECT_INT(wr_mem_used(mem), 0);
    wr_mem_drop(mem);
}

TEST(rows_of_one_partition_spread_at_the_next_level)
{
    int seen[2][64] = {0};
    for (uint64_t i = 0; i < 200000; i++) {
        uint64_t hash = i * UINT64_C(0x9e3779b97f4a7c15);
        if (wr_spill_part(hash, 0, 64) != 5) continue;
        seen[0][5]++;
        seen[1][wr_spill_part(hash, 1, 64)]++;
    }
    EXPECT(seen[0][5] > 2000 && seen[0][5] < 4500);
    for (int p = 0; p < 64; p++)
        EXPECT(seen[1][p] > 10 && seen[1][p] < 120);
}
