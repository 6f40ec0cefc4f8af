/* rejects.c - the tables that receive rows which could not be read: read_csv('f', rejects =>
 * 'bad').
 *
 * Scans hand over rows from several threads; they are collected, some hundred at a time, and put
 * into a table of their own, which
 * takes its name in the catalog (temporary, replacing one of the same name) when the statement has
 * ended well. A failed statement leaves no table behind. */
#include "session/session.h"
#include "sql/format.h"
#include "stream/dead.h"

enum { COLUMN_COUNT = 6, PENDING_ROWS = 512, PENDING_BYTES = 256 << 10 };

typedef struct reject_table {
    wr_rejects base;
    weir_query *query;
    wr_object *object;
    wr_mutex lock;
    /* guarded by lock */
    uint64_t count;
    wr_arena arena; /* of the rows that are not yet in the table */
    wr_column pending[COLUMN_COUNT];
    uint32_t pending_rows;
    size_t pending_bytes;
} reject_table;

/* Puts what is pending into the table. Called under the lock, or when no scan is left. */
static weir_status flush(reject_table *rejects)
{
    if (rejects->pending_rows == 0) return WR_OK;
    wr_batch batch = {
        .columns = rejects->pending, .column_count = COLUMN_COUNT, .rows = rejects->pending_rows};
    for (int i = 0; i < COLUMN_COUNT; i++)
        rejects->pending[i].rows = rejects->pending_rows;
    weir_status bad = wr_table_append(rejects->object->table, rejects->query->view.txn, &batch);
    rejects->pending_rows = 0;
    return bad;
}

/* Room for the next row. */
static void begin_row(reject_table *rejects)
{
    if (rejects->pending_rows > 0) return;
    wr_arena_reset(&rejects->arena);
    rejects->pending_bytes = 0;
    for (int i = 0; i < COLUMN_COUNT; i++) {
        bool is_number = i == 1 || i == 2;
        wr_column_init(&rejects->pending[i], &rejects->arena, is_number ? WR_BIGINT : WR_VARCHAR,
                       is_number ? WR_P_I64 : WR_P_VIEW, PENDING_ROWS);
    }
    wr_column_need_valid(&rejects->pending[3], &rejects->arena, PENDING_ROWS);
}

static void set_text(reject_table *rejects, int column, wr_str text)
{
    wr_str own = wr_arena_str(&rejects->arena, text);
    ((wr_view *)rejects->pending[column].data)[rejects->pending_rows] =
        wr_view_of(own.data ? own.data : "", own.length);
    rejects->pending_bytes += own.length;
}

static weir_status reject_add(wr_rejects *self, wr_str file, uint64_t line, uint64_t byte_offset,
                              wr_str column, wr_str reason, wr_str text)
{
    reject_table *rejects = (reject_table *)self;
    WR_ARENA(scratch);
    wr_str shown_reason = wr_dead_shown(&scratch, reason), shown = wr_dead_shown(&scratch, text);
    weir_status bad = WR_OK;
    wr_mutex_lock(&rejects->lock);
    begin_row(rejects);
    uint32_t row = rejects->pending_rows;
    set_text(rejects, 0, file);
    ((int64_t *)rejects->pending[1].data)[row] = (int64_t)line;
    ((int64_t *)rejects->pending[2].data)[row] = (int64_t)byte_offset;
    set_text(rejects, 3, column);
    set_text(rejects, 4, shown_reason);
    set_text(rejects, 5, shown);
    if (!column.length) wr_bit_clear(rejects->pending[3].valid, row);
    rejects->pending_rows++;
    rejects->count++;
    if (rejects->pending_rows == PENDING_ROWS || rejects->pending_bytes >= PENDING_BYTES)
        bad = flush(rejects);
    wr_mutex_unlock(&rejects->lock);
    return bad;
}

static reject_table *find(weir_query *query, wr_str name)
{
    for (int i = 0; i < query->rejects.count; i++) {
        reject_table *rejects = query->rejects.items[i];
        if (wr_str_ieq(rejects->object->name, name)) return rejects;
    }
    return NULL;
}

static weir_status rejects_open(wr_format_context *context, wr_str name, wr_rejects **out)
{
    weir_query *query = context->owner;
    reject_table *rejects = find(query, name);
    if (!name.length) return wr_fail(WR_E_PARAMETER_VALUE, "rejects needs the name of a table");
    if (!rejects) {
        static const char *const names[COLUMN_COUNT] = {"file",   "line",   "byte_offset",
                                                        "column", "reason", "text"};
        wr_object *object = wr_object_new(WR_ENTRY_TABLE, WR_STR("main"), name);
        wr_schema schema = {.fields = wr_new_array(&object->arena, wr_field, COLUMN_COUNT),
                            .count = COLUMN_COUNT};
        object->is_temporary = true;
        object->columns = wr_new_array(&object->arena, wr_column_def, COLUMN_COUNT);
        object->column_count = COLUMN_COUNT;
        for (int i = 0; i < COLUMN_COUNT; i++) {
            schema.fields[i] =
                (wr_field){wr_str_of(names[i]), i == 1 || i == 2 ? WR_BIGINT : WR_VARCHAR};
            object->columns[i] =
                (wr_column_def){.name = schema.fields[i].name, .type = schema.fields[i].type};
        }
        object->table = wr_table_new(query->session->engine->store, &schema);
        rejects = wr_heap_new(sizeof *rejects);
        rejects->base.add = reject_add;
        rejects->query = query;
        rejects->object = object;
        wr_mutex_init(&rejects->lock);
        wr_push(&query->arena, &query->rejects, rejects);
    }
    *out = &rejects->base;
    return WR_OK;
}

void wr_rejects_prepare(weir_query *query)
{
    query->files.rejects_open = rejects_open;
    query->files.owner = query;
}

weir_status wr_rejects_publish(weir_query *query)
{
    for (int i = 0; i < query->rejects.count; i++) {
        reject_table *rejects = query->rejects.items[i];
        WR_TRY(flush(rejects));
        wr_object *object = WR_TAKE(rejects->object);
        wr_str name = object->name;
        if (rejects->count) {
            wr_buf_printf(&query->notices, "%llu line%s could not be read: FROM ",
                          (unsigned long long)rejects->count, rejects->count == 1 ? "" : "s");
            wr_format_name(&query->notices, name);
            wr_buf_add_char(&query->notices, '\n');
        }
        WR_TRY(wr_catalog_add(&query->view, object, true));
    }
    return WR_OK;
}

void wr_rejects_drop(weir_query *query)
{
    for (int i = 0; i < query->rejects.count; i++) {
        reject_table *rejects = query->rejects.items[i];
        wr_object_release(rejects->object);
        wr_mutex_clear(&rejects->lock);
        wr_arena_clear(&rejects->arena);
        wr_heap_drop(rejects);
    }
    query->rejects.count = 0;
}
