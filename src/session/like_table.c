/* like_table.c - CREATE TABLE (LIKE other INCLUDING ..).
 *
 * Names, types, lengths and NOT NULL are always copied; the rest when it is asked for. A default is
 * copied as it is: a SERIAL column shares its sequence with the copy, an IDENTITY column gets a
 * sequence of its own that starts anew. Keys are named after the table that is made, checks keep
 * their names. Storage, compression and extended statistics are nothing that tables have here, so
 * there is nothing to copy. */
#include "session/create_table.h"

static weir_status add_columns(weir_query *query, wr_table_parts *parts,
                               const wr_sql_like_table *like, const wr_object *model,
                               const wr_object *object)
{
    wr_arena *arena = parts->arena;
    int including = like->including;
    for (int i = 0; i < model->column_count; i++) {
        const wr_column_def *from = &model->columns[i];
        if (wr_table_parts_column(parts, from->name) >= 0)
            return wr_fail_at(WR_E_DUPLICATE_COLUMN, like->node.span,
                              "column \"%.*s\" is given twice", WR_STR_ARGS(from->name));
        bool identity = from->filler >= WR_FILLER_IDENTITY;
        wr_column_def column = {.name = wr_arena_str(arena, from->name),
                                .type = from->type,
                                .not_null = from->not_null,
                                .length = from->length,
                                .id = wr_column_number_new()};
        if (including & WR_LIKE_DEFAULTS && !identity)
            column.default_sql = wr_arena_str(arena, from->default_sql);
        if (including & WR_LIKE_GENERATED)
            column.generated_sql = wr_arena_str(arena, from->generated_sql);
        if (including & WR_LIKE_COMMENTS) column.comment = wr_arena_str(arena, from->comment);
        if (including & WR_LIKE_IDENTITY && identity)
            WR_TRY(wr_column_sequence_like(query, object, arena, from, &column));
        wr_push(arena, &parts->columns, column);
    }
    return WR_OK;
}

weir_status wr_table_parts_like(weir_query *query, wr_table_parts *parts,
                                const wr_sql_like_table *like, const wr_object *object)
{
    wr_str schema, name;
    int first = parts->columns.count;
    wr_arena *arena = parts->arena;
    wr_ddl_split_name(&like->name, WR_STR(""), &schema, &name);
    WR_AUTO(wr_object) *model = wr_catalog_find(&query->view, 1u << WR_ENTRY_TABLE, schema, name);
    if (!model)
        return wr_fail_at(WR_E_UNKNOWN_TABLE, like->node.span, "no table \"%.*s\"",
                          WR_STR_ARGS(name));
    WR_TRY(add_columns(query, parts, like, model, object));
    for (int k = 0; like->including & WR_LIKE_INDEXES && k < model->key_count; k++) {
        const wr_key_def *key = &model->keys[k];
        const wr_name unnamed = {.span = like->node.span};
        int *columns = wr_new_array(arena, int, key->column_count);
        for (int i = 0; i < key->column_count; i++)
            columns[i] = first + key->columns[i];
        WR_TRY(wr_table_parts_key(parts, unnamed, object->name, columns, key->column_count,
                                  key->is_primary));
    }
    for (int c = 0; like->including & WR_LIKE_CONSTRAINTS && c < model->check_count; c++)
        wr_push(arena, &parts->checks,
                ((wr_check_def){wr_arena_str(arena, model->checks[c].name),
                                wr_arena_str(arena, model->checks[c].sql)}));
    return WR_OK;
}
