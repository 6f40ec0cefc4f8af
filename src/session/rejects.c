/* rejects.c - the tables that receive rows which could not be read: read_csv('f', rejects =>
 * 'bad').
 *
 * Scans hand over rows from several threads; they are collected in a table of their own, which
 * takes its name in the catalog (temporary, replacing one of the same name) when the statement has
 * ended well. A failed statement leaves no table behind. */
#include "session/session.h"

enum { COLUMN_COUNT = 6 };

typedef struct reject_table {
    wr_rejects base;
    weir_query *query;
    wr_object *object;
    wr_mutex lock;
    uint64_t count; /* guarded by lock */
} reject_table;

static void set_text(wr_column *column, wr_arena *arena, wr_str text)
{
    wr_column_init(column, arena, WR_VARCHAR, WR_P_VIEW, 1);
    column->rows = 1;
    *(wr_view *)column->data = wr_view_of(text.data ? text.data : "", text.length);
}

static void set_number(wr_column *column, wr_arena *arena, uint64_t value)
{
    wr_column_init(column, arena, WR_BIGINT, WR_P_I64, 1);
    column->rows = 1;
    *(int64_t *)column->data = (int64_t)value;
}

/* Bytes that are not UTF-8 would not be valid text: they are shown as \xNN. */
static wr_str readable(wr_arena *arena, wr_str text)
{
    if (wr_utf8_valid(text.data, text.length)) return text;
    WR_BUF(out);
    for (size_t i = 0; i < text.length; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c < 0x80)
            wr_buf_add_char(&out, (char)c);
        else
            wr_buf_printf(&out, "\\x%02x", c);
    }
    return wr_arena_str(arena, wr_buf_str(&out));
}

static weir_status reject_add(wr_rejects *self, wr_str file, uint64_t line, uint64_t byte_offset,
                              wr_str column, wr_str reason, wr_str text)
{
    reject_table *rejects = (reject_table *)self;
    WR_ARENA(arena);
    wr_column row[COLUMN_COUNT];
    set_text(&row[0], &arena, file);
    set_number(&row[1], &arena, line);
    set_number(&row[2], &arena, byte_offset);
    set_text(&row[3], &arena, column);
    set_text(&row[4], &arena, readable(&arena, reason));
    set_text(&row[5], &arena, readable(&arena, text));
    if (!column.length) wr_bit_clear(wr_column_need_valid(&row[3], &arena, 1), 0);
    wr_batch batch = {.columns = row, .column_count = COLUMN_COUNT, .rows = 1};
    wr_mutex_lock(&rejects->lock);
    weir_status bad = wr_table_append(rejects->object->table, rejects->query->view.txn, &batch);
    rejects->count += !bad;
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
        wr_object *object = WR_TAKE(rejects->object);
        wr_str name = object->name;
        if (rejects->count)
            wr_buf_printf(&query->notices, "%llu line%s could not be read: FROM %.*s\n",
                          (unsigned long long)rejects->count, rejects->count == 1 ? "" : "s",
                          WR_STR_ARGS(name));
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
        wr_heap_drop(rejects);
    }
    query->rejects.count = 0;
}
