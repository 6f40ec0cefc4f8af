/* foreign_key_text.c - a foreign key as SHOW CREATE and pg_get_constraintdef spell it. */
#include "plan/key_log.h"
#include "sql/format.h"

static void add_columns(wr_buf *out, const wr_object *table, const uint64_t *ids, int count)
{
    for (int i = 0; i < count; i++) {
        wr_buf_add_text(out, i ? ", " : " (");
        wr_format_name(out, table->columns[wr_object_column(table, ids[i])].name);
    }
    if (count) wr_buf_add_char(out, ')');
}

void wr_foreign_key_text(const wr_catalog_view *view, const wr_object *owner,
                         const wr_reference_def *key, wr_buf *out)
{
    static const char *const actions[] = {[WR_KEY_RESTRICT] = "RESTRICT",
                                          [WR_KEY_CASCADE] = "CASCADE",
                                          [WR_KEY_SET_NULL] = "SET NULL",
                                          [WR_KEY_SET_DEFAULT] = "SET DEFAULT"};
    WR_AUTO(wr_object) *target = wr_catalog_table_of(view, key->keys[0]);
    if (!target) return;
    wr_buf_add_text(out, "FOREIGN KEY");
    add_columns(out, owner, key->columns, key->column_count);
    wr_buf_add_text(out, " REFERENCES ");
    if (!target->is_temporary && !wr_str_is(target->schema, "main")) {
        wr_format_name(out, target->schema);
        wr_buf_add_char(out, '.');
    }
    wr_format_name(out, target->name);
    add_columns(out, target, key->keys, key->column_count);
    if (key->match_full) wr_buf_add_text(out, " MATCH FULL");
    if (key->on_update) wr_buf_printf(out, " ON UPDATE %s", actions[key->on_update]);
    if (key->on_delete) wr_buf_printf(out, " ON DELETE %s", actions[key->on_delete]);
    add_columns(out, owner, key->set_columns, key->set_count);
}
