/* format_statement.c - statements that change rows or the session as text. */
#include "sql/printer.h"

static void print_options(wr_buf *out, const char *word, wr_nodes options)
{
    if (!options.count) return;
    wr_buf_printf(out, " %s(", word);
    wr_print_series(out, options);
    wr_buf_add_char(out, ')');
}

void wr_print_insert(wr_buf *out, const wr_sql_insert *node)
{
    static const char *const modes[] = {"INSERT INTO ", "INSERT OR REPLACE INTO ",
                                        "INSERT OR IGNORE INTO "};
    wr_print_ctes(out, node->recursive, node->ctes);
    wr_buf_add_text(out, modes[node->mode]);
    wr_print_qualified(out, node->table, WR_PLACE_COLUMN);
    if (wr_name_given(node->alias)) {
        wr_buf_add_text(out, " AS ");
        wr_print_name(out, node->alias, WR_PLACE_COLUMN);
    }
    wr_print_names_after(out, " ", node->columns);
    static const char *const overriding[] = {"", " OVERRIDING SYSTEM VALUE",
                                             " OVERRIDING USER VALUE"};
    wr_print_if(out, node->by_name, " BY NAME");
    wr_buf_add_text(out, overriding[node->overriding]);
    wr_buf_add_text(out, node->default_values ? " DEFAULT VALUES" : " ");
    wr_node_format(out, node->query);
    if (node->conflict) wr_buf_add_char(out, ' ');
    wr_node_format(out, node->conflict);
    wr_print_series_after(out, "RETURNING", node->returning);
}

void wr_print_conflict(wr_buf *out, const wr_sql_conflict *node)
{
    wr_buf_add_text(out, "ON CONFLICT");
    print_options(out, "", node->target);
    wr_print_after(out, "WHERE", node->target_where);
    if (wr_name_given(node->constraint)) {
        wr_buf_add_text(out, " ON CONSTRAINT ");
        wr_print_name(out, node->constraint, WR_PLACE_COLUMN);
    }
    wr_buf_add_text(out, node->update ? " DO UPDATE" : " DO NOTHING");
    wr_print_series_after(out, "SET", node->set);
    wr_print_after(out, "WHERE", node->where);
}

void wr_print_assignment(wr_buf *out, const wr_sql_assignment *node)
{
    wr_print_if(out, node->several, "(");
    wr_print_series(out, node->targets);
    wr_buf_add_text(out, node->several ? ") = " : " = ");
    wr_node_format(out, node->value);
}

void wr_print_update(wr_buf *out, const wr_sql_update *node)
{
    wr_print_ctes(out, node->recursive, node->ctes);
    wr_buf_add_text(out, "UPDATE ");
    wr_node_format(out, node->table);
    wr_print_series_after(out, "SET", node->set);
    wr_print_series_after(out, "FROM", node->from);
    wr_print_after(out, "WHERE", node->where);
    wr_print_series_after(out, "RETURNING", node->returning);
}

void wr_print_delete(wr_buf *out, const wr_sql_delete *node)
{
    wr_print_ctes(out, node->recursive, node->ctes);
    wr_buf_add_text(out, "DELETE FROM ");
    wr_node_format(out, node->table);
    wr_print_series_after(out, "USING", node->using);
    wr_print_after(out, "WHERE", node->where);
    wr_print_series_after(out, "RETURNING", node->returning);
}

void wr_print_merge(wr_buf *out, const wr_sql_merge *node)
{
    wr_print_ctes(out, node->recursive, node->ctes);
    wr_buf_add_text(out, "MERGE INTO ");
    wr_node_format(out, node->target);
    wr_print_after(out, "USING", node->source);
    wr_print_after(out, "ON", node->on);
    wr_print_names_after(out, " USING ", node->using);
    for (int i = 0; i < node->whens.count; i++) {
        wr_buf_add_char(out, ' ');
        wr_node_format(out, node->whens.items[i]);
    }
    wr_print_series_after(out, "RETURNING", node->returning);
}

void wr_print_merge_when(wr_buf *out, const wr_sql_merge_when *node)
{
    static const char *const matches[] = {"MATCHED", "NOT MATCHED", "NOT MATCHED BY SOURCE"};
    static const char *const actions[] = {"DO NOTHING", "INSERT", "UPDATE", "DELETE", "ERROR"};
    wr_buf_printf(out, "WHEN %s", matches[node->match]);
    wr_print_after(out, "AND", node->condition);
    wr_buf_printf(out, " THEN %s", actions[node->action]);
    wr_print_if(out, node->by_name, " BY NAME");
    if (node->action == WR_MERGE_INSERT) {
        wr_print_if(out, node->star, " *");
        wr_print_if(out, node->default_values, " DEFAULT VALUES");
        wr_print_names_after(out, " ", node->columns);
        print_options(out, "VALUES ", node->values);
    } else if (node->action == WR_MERGE_UPDATE) {
        wr_print_if(out, node->star && !node->by_name, " SET *");
        wr_print_series_after(out, "SET", node->set);
    } else if (node->values.count) {
        wr_buf_add_char(out, ' ');
        wr_print_series(out, node->values);
    }
}

void wr_print_copy(wr_buf *out, const wr_sql_copy *node)
{
    wr_buf_add_text(out, node->query ? "COPY (" : "COPY ");
    wr_node_format(out, node->query);
    wr_print_if(out, node->query, ")");
    wr_print_qualified(out, node->table, WR_PLACE_COLUMN);
    wr_print_names_after(out, " ", node->columns);
    wr_buf_add_text(out, node->from ? " FROM " : " TO ");
    if (node->target)
        wr_print_operand(out, node->target, WR_LEVEL_PRIMARY);
    else
        wr_buf_add_text(out, node->from ? "STDIN" : "STDOUT");
    print_options(out, "", node->options);
    wr_print_after(out, "WHERE", node->where);
}

void wr_print_explain(wr_buf *out, const wr_sql_explain *node)
{
    wr_buf_add_text(out, "EXPLAIN");
    print_options(out, "", node->options);
    wr_buf_add_char(out, ' ');
    wr_node_format(out, node->statement);
}

void wr_print_describe(wr_buf *out, const wr_sql_describe *node)
{
    wr_buf_add_text(out, node->summarize ? "SUMMARIZE" : "DESCRIBE");
    if (node->query || node->name.count) wr_buf_add_char(out, ' ');
    wr_node_format(out, node->query);
    if (node->file)
        wr_format_string(out, node->name.items[0].text);
    else
        wr_print_qualified(out, node->name, WR_PLACE_COLUMN);
}

void wr_print_show(wr_buf *out, const wr_sql_show *node)
{
    bool create = wr_str_has_prefix(node->what.text, WR_STR("create "));
    wr_buf_add_text(out, "SHOW ");
    for (size_t i = 0; i < node->what.text.length; i++) {
        char c = node->what.text.data[i];
        wr_buf_add_char(out, c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c);
    }
    if (node->name.count && wr_name_given(node->what))
        wr_buf_add_text(out, create ? " " : " FROM ");
    wr_print_qualified(out, node->name, WR_PLACE_COLUMN);
    wr_print_after(out, "LIKE", node->like);
}

static void print_setting_name(wr_buf *out, wr_name name)
{
    wr_sql_option option = {.node = {WR_SQL_OPTION, {0, 0}}, .name = name};
    wr_print_option(out, &option);
}

void wr_print_set(wr_buf *out, const wr_sql_set *node)
{
    static const char *const scopes[] = {"", "LOCAL ", "SESSION ", "GLOBAL ", "VARIABLE "};
    wr_buf_printf(out, "%s %s", node->reset ? "RESET" : "SET", scopes[node->scope]);
    if (!wr_name_given(node->name)) {
        wr_buf_add_text(out, "ALL");
        return;
    }
    print_setting_name(out, node->name);
    if (node->reset) return;
    wr_buf_add_text(out, " = ");
    wr_print_series(out, node->values);
}

void wr_print_transaction(wr_buf *out, const wr_sql_transaction *node)
{
    static const char *const actions[] = {"BEGIN",      "COMMIT",       "ROLLBACK",
                                          "SAVEPOINT ", "ROLLBACK TO ", "RELEASE SAVEPOINT "};
    static const char *const levels[] = {"",
                                         " ISOLATION LEVEL READ UNCOMMITTED",
                                         " ISOLATION LEVEL READ COMMITTED",
                                         " ISOLATION LEVEL REPEATABLE READ",
                                         " ISOLATION LEVEL SNAPSHOT",
                                         " ISOLATION LEVEL SERIALIZABLE"};
    wr_buf_add_text(out, actions[node->action]);
    if (wr_name_given(node->name)) wr_print_name(out, node->name, WR_PLACE_COLUMN);
    wr_buf_add_text(out, levels[node->isolation]);
    wr_print_if(out, node->read_only, " READ ONLY");
    wr_print_if(out, node->read_write, " READ WRITE");
    wr_print_if(out, node->chain, " AND CHAIN");
}

void wr_print_prepare(wr_buf *out, const wr_sql_prepare *node)
{
    wr_buf_add_text(out, "PREPARE ");
    wr_print_name(out, node->name, WR_PLACE_COLUMN);
    print_options(out, "", node->types);
    wr_print_after(out, "AS", node->statement);
}

void wr_print_execute(wr_buf *out, const wr_sql_execute *node)
{
    wr_buf_add_text(out, "EXECUTE ");
    wr_print_name(out, node->name, WR_PLACE_COLUMN);
    print_options(out, "", node->args);
}

void wr_print_deallocate(wr_buf *out, const wr_sql_deallocate *node)
{
    wr_buf_add_text(out, "DEALLOCATE ");
    if (wr_name_given(node->name))
        wr_print_name(out, node->name, WR_PLACE_COLUMN);
    else
        wr_buf_add_text(out, "ALL");
}

void wr_print_attach(wr_buf *out, const wr_sql_attach *node)
{
    wr_buf_printf(out, "ATTACH %s%s", node->mode.replace ? "OR REPLACE " : "",
                  node->mode.if_not_exists ? "IF NOT EXISTS " : "");
    wr_print_operand(out, node->path, WR_LEVEL_OTHER);
    if (wr_name_given(node->alias)) wr_buf_add_text(out, " AS ");
    if (wr_name_given(node->alias)) wr_print_name(out, node->alias, WR_PLACE_COLUMN);
    print_options(out, "", node->options);
}

void wr_print_detach(wr_buf *out, const wr_sql_detach *node)
{
    wr_buf_add_text(out, node->if_exists ? "DETACH DATABASE IF EXISTS " : "DETACH DATABASE ");
    wr_print_name(out, node->name, WR_PLACE_COLUMN);
}

void wr_print_use(wr_buf *out, const wr_sql_use *node)
{
    wr_buf_add_text(out, "USE ");
    wr_print_qualified(out, node->name, WR_PLACE_COLUMN);
}

void wr_print_invoke(wr_buf *out, const wr_sql_invoke *node)
{
    wr_buf_add_text(out, "CALL ");
    wr_node_format(out, node->call);
}

void wr_print_maintain(wr_buf *out, const wr_sql_maintain *node)
{
    static const char *const words[] = {"ANALYZE", "VACUUM", "CHECKPOINT", "FLUSH",
                                        "REFRESH MATERIALIZED VIEW"};
    bool is_refresh = node->action == WR_MAINTAIN_REFRESH;
    wr_buf_add_text(out, words[node->action]);
    if (!is_refresh) print_options(out, "", node->options);
    if (node->name.count) wr_buf_add_char(out, ' ');
    wr_print_qualified(out, node->name, WR_PLACE_COLUMN);
    wr_print_names_after(out, " ", node->columns);
    wr_print_if(out, is_refresh && node->options.count, " WITH NO DATA");
}

void wr_print_comment(wr_buf *out, const wr_sql_comment *node)
{
    wr_buf_printf(out, "COMMENT ON %s ", wr_object_kind_text(node->object));
    wr_print_qualified(out, node->name, WR_PLACE_COLUMN);
    wr_buf_add_text(out, node->text ? " IS " : " IS NULL");
    wr_node_format(out, node->text);
}

void wr_print_pragma(wr_buf *out, const wr_sql_pragma *node)
{
    wr_buf_add_text(out, "PRAGMA ");
    print_setting_name(out, node->name);
    if (node->call) {
        wr_buf_add_char(out, '(');
        wr_print_series(out, node->values);
        wr_buf_add_char(out, ')');
    } else if (node->values.count) {
        wr_buf_add_text(out, " = ");
        wr_print_series(out, node->values);
    }
}

void wr_print_subscribe(wr_buf *out, const wr_sql_subscribe *node)
{
    wr_buf_add_text(out, "SUBSCRIBE TO ");
    wr_node_format(out, node->query);
    print_options(out, "WITH ", node->options);
}
