/* copied_files.c - the rows COPY ... TO ... (RETURN_FILES) answers with. See copied_files.h.
 *
 * The keys of a partition are read back from its folder ("k=v/l=w"), so they are what a reader of
 * the files will see: texts, NULL for the default partition. */
#include "plan/copied_files.h"
#include "fmt/files_parts.h"
#include "plan/table_sink.h"

enum { PATH, ROWS, BYTES, KEYS, COLUMNS };

wr_relation *wr_copied_files_new(wr_mem *mem)
{
    wr_field fields[COLUMNS] = {
        [PATH] = {WR_STR("path"), WR_VARCHAR},
        [ROWS] = {WR_STR("rows"), WR_BIGINT},
        [BYTES] = {WR_STR("bytes"), WR_BIGINT},
        [KEYS] = {WR_STR("partition_keys"), wr_type_map(WR_VARCHAR, WR_VARCHAR)}};
    return wr_kept_relation_new(&(wr_schema){.fields = fields, .count = COLUMNS}, mem);
}

typedef struct key_lists {
    wr_arena *arena;
    WR_LIST(wr_str) keys;
    WR_LIST(wr_str) values; /* of NULL: without an address */
} key_lists;

static void add_key(void *arg, wr_str key, wr_str value)
{
    key_lists *lists = arg;
    wr_push(lists->arena, &lists->keys, key);
    wr_push(lists->arena, &lists->values, value);
}

static void text_column(wr_column *column, wr_arena *arena, const wr_str *texts, int count)
{
    wr_column_init(column, arena, WR_VARCHAR, WR_P_VIEW, (uint32_t)count + 1);
    column->rows = (uint32_t)count;
    for (int i = 0; i < count; i++) {
        ((wr_view *)column->data)[i] = wr_view_of(texts[i].data, texts[i].length);
        if (!texts[i].data)
            wr_bit_clear(wr_column_need_valid(column, arena, (uint32_t)count + 1), (size_t)i);
    }
}

static void fill_keys(wr_column *column, wr_arena *arena, const wr_written_file *files,
                      uint32_t count)
{
    key_lists lists = {.arena = arena};
    const wr_type *type = wr_type_map(WR_VARCHAR, WR_VARCHAR);
    wr_column_init(column, arena, type, type->phys, count);
    for (uint32_t i = 0; i < count; i++) {
        wr_list_slot *slot = (wr_list_slot *)column->data + i;
        slot->offset = (uint32_t)lists.keys.count;
        wr_hive_each(wr_arena_printf(arena, "%.*s/", WR_STR_ARGS(files[i].partition)), arena,
                     add_key, &lists);
        slot->length = (uint32_t)lists.keys.count - slot->offset;
    }
    wr_column *pairs = wr_new(arena, wr_column);
    const wr_type *pair = type->child;
    wr_column_init(pairs, arena, pair, pair->phys, (uint32_t)lists.keys.count + 1);
    pairs->rows = (uint32_t)lists.keys.count;
    pairs->children = wr_new_array(arena, wr_column, 2);
    text_column(&pairs->children[0], arena, lists.keys.items, lists.keys.count);
    text_column(&pairs->children[1], arena, lists.values.items, lists.values.count);
    column->children = pairs;
    column->rows = count;
}

static void fill_numbers(wr_column *column, wr_arena *arena, const wr_written_file *files,
                         uint32_t count, bool bytes)
{
    wr_column_init(column, arena, WR_BIGINT, WR_P_I64, count);
    for (uint32_t i = 0; i < count; i++)
        ((int64_t *)column->data)[i] = (int64_t)(bytes ? files[i].bytes : files[i].rows);
    column->rows = count;
}

weir_status wr_copied_files_add(wr_relation *relation, const wr_written *written)
{
    for (int from = 0; from < written->count; from += WR_BATCH_ROWS) {
        WR_ARENA(scratch);
        const wr_written_file *files = written->files + from;
        uint32_t count = (uint32_t)WR_MIN(written->count - from, WR_BATCH_ROWS);
        wr_column columns[COLUMNS] = {0};
        wr_str *paths = wr_new_array(&scratch, wr_str, count);
        for (uint32_t i = 0; i < count; i++)
            paths[i] = files[i].path;
        text_column(&columns[PATH], &scratch, paths, (int)count);
        fill_numbers(&columns[ROWS], &scratch, files, count, false);
        fill_numbers(&columns[BYTES], &scratch, files, count, true);
        fill_keys(&columns[KEYS], &scratch, files, count);
        wr_batch batch = {.columns = columns, .column_count = COLUMNS, .rows = count};
        WR_TRY(wr_kept_relation_add(relation, &batch));
    }
    return WR_OK;
}
