/* format_ddl.c - definitions (CREATE, ALTER, DROP) as text. */
#include "sql/printer.h"

static void print_options(wr_buf *out, const char *word, wr_nodes options)
{
    if (!options.count) return;
    wr_buf_printf(out, " %s (", word);
    wr_print_series(out, options);
    wr_buf_add_char(out, ')');
}

static void print_option_name(wr_buf *out, wr_name name)
{
    /* a.b.c is one name; each part must be able to stand without quotes */
    bool plain = true, start = true;
    for (size_t i = 0; i < name.text.length && plain; i++) {
        char c = name.text.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        plain = letter || (!start && ((c >= '0' && c <= '9') || c == '.'));
        start = c == '.';
    }
    if (plain && !start && name.text.length)
        wr_buf_add_str(out, name.text);
    else
        wr_format_string(out, name.text);
}

void wr_print_option(wr_buf *out, const wr_sql_option *node)
{
    print_option_name(out, node->name);
    if (!node->value) return;
    wr_buf_add_text(out, " = ");
    wr_node_format(out, node->value);
}

void wr_print_name_node(wr_buf *out, const wr_sql_name_node *node)
{
    wr_print_qualified(out, node->name, WR_PLACE_COLUMN);
}

static void print_create(wr_buf *out, const wr_create_mode *mode, const char *what)
{
    wr_buf_printf(out, "CREATE %s%s%s ", mode->replace ? "OR REPLACE " : "",
                  mode->temporary ? "TEMPORARY " : "", what);
    wr_print_if(out, mode->if_not_exists, "IF NOT EXISTS ");
}

static void print_label_after(wr_buf *out, const char *word, wr_name name)
{
    if (!wr_name_given(name)) return;
    wr_buf_printf(out, " %s ", word);
    wr_print_name(out, name, WR_PLACE_LABEL);
}

void wr_print_create_table(wr_buf *out, const wr_sql_create_table *node)
{
    static const char *const roles[] = {"TABLE", "SOURCE", "SINK"};
    static const char *const commits[] = {"", " ON COMMIT PRESERVE ROWS", " ON COMMIT DELETE ROWS",
                                          " ON COMMIT DROP"};
    print_create(out, &node->mode, node->unlogged ? "UNLOGGED TABLE" : roles[node->role]);
    wr_print_qualified(out, node->name, WR_PLACE_COLUMN);
    if (node->elements.count) {
        wr_buf_add_text(out, " (");
        wr_print_series(out, node->elements);
        wr_buf_add_char(out, ')');
    }
    print_label_after(out, "USING", node->format);
    print_label_after(out, "ENCODE", node->encode_name);
    if (node->encode.count) print_options(out, "", node->encode);
    print_options(out, "OPTIONS", node->options);
    if (node->from.count) wr_buf_add_text(out, " FROM ");
    wr_print_qualified(out, node->from, WR_PLACE_COLUMN);
    print_options(out, "WITH", node->with);
    print_options(out, "PARTITIONED BY", node->partition_by);
    wr_buf_add_text(out, commits[node->on_commit]);
    wr_print_after(out, "AS", node->query);
    wr_print_if(out, node->no_data, " WITH NO DATA");
    wr_print_if(out, node->emit_on_close, " EMIT ON WINDOW CLOSE");
}

void wr_print_column_def(wr_buf *out, const wr_sql_column_def *node)
{
    wr_print_name(out, node->name, WR_PLACE_COLUMN);
    if (node->type) wr_buf_add_char(out, ' ');
    wr_node_format(out, node->type);
    if (node->collation.count) wr_buf_add_text(out, " COLLATE ");
    wr_print_qualified(out, node->collation, WR_PLACE_COLUMN);
    for (int i = 0; i < node->constraints.count; i++) {
        wr_buf_add_char(out, ' ');
        wr_node_format(out, node->constraints.items[i]);
    }
}

static void print_references(wr_buf *out, const wr_sql_constraint *node)
{
    static const char *const actions[] = {"",        "NO ACTION", "RESTRICT",
                                          "CASCADE", "SET NULL",  "SET DEFAULT"};
    wr_buf_add_text(out, "REFERENCES ");
    wr_print_qualified(out, node->reference, WR_PLACE_COLUMN);
    wr_print_names_after(out, " ", node->reference_columns);
    wr_print_if(out, node->match_full, " MATCH FULL");
    if (node->on_delete) wr_buf_printf(out, " ON DELETE %s", actions[node->on_delete]);
    wr_print_names_after(out, " ", node->set_columns);
    if (node->on_update) wr_buf_printf(out, " ON UPDATE %s", actions[node->on_update]);
}

static void print_sequence_options(wr_buf *out, wr_nodes options);

void wr_print_constraint(wr_buf *out, const wr_sql_constraint *node)
{
    if (wr_name_given(node->name)) {
        wr_buf_add_text(out, "CONSTRAINT ");
        wr_print_name(out, node->name, WR_PLACE_COLUMN);
        wr_buf_add_char(out, ' ');
    }
    switch (node->constraint) {
    case WR_CONSTRAINT_NOT_NULL:
        wr_buf_add_text(out, "NOT NULL");
        break;
    case WR_CONSTRAINT_NULL:
        wr_buf_add_text(out, "NULL");
        break;
    case WR_CONSTRAINT_PRIMARY_KEY:
        wr_buf_add_text(out, "PRIMARY KEY");
        break;
    case WR_CONSTRAINT_UNIQUE:
        wr_buf_add_text(out, node->nulls_not_distinct ? "UNIQUE NULLS NOT DISTINCT" : "UNIQUE");
        break;
    case WR_CONSTRAINT_CHECK:
    case WR_CONSTRAINT_GENERATED:
        wr_buf_add_text(out, node->constraint == WR_CONSTRAINT_CHECK ? "CHECK ("
                                                                     : "GENERATED ALWAYS AS (");
        wr_node_format(out, node->expression);
        wr_buf_add_text(out, node->stored ? ") STORED" : ")");
        break;
    case WR_CONSTRAINT_DEFAULT:
        wr_buf_add_text(out, "DEFAULT ");
        wr_print_operand(out, node->expression, WR_LEVEL_COMPARE);
        break;
    case WR_CONSTRAINT_IDENTITY:
        wr_buf_printf(out, "GENERATED %s AS IDENTITY", node->always ? "ALWAYS" : "BY DEFAULT");
        if (node->options.count) wr_buf_add_text(out, " (");
        print_sequence_options(out, node->options);
        if (node->options.count) wr_buf_add_char(out, ')');
        break;
    case WR_CONSTRAINT_FOREIGN_KEY:
        if (node->columns.count) wr_print_names_after(out, "FOREIGN KEY ", node->columns);
        if (node->columns.count) wr_buf_add_char(out, ' ');
        print_references(out, node);
        break;
    }
    if (node->constraint != WR_CONSTRAINT_FOREIGN_KEY)
        wr_print_names_after(out, " ", node->columns);
    wr_print_if(out, node->deferrable, " DEFERRABLE");
    wr_print_if(out, node->initially_deferred, " INITIALLY DEFERRED");
    wr_print_if(out, node->not_valid, " NOT VALID");
}

void wr_print_like_table(wr_buf *out, const wr_sql_like_table *node)
{
    wr_buf_add_text(out, "LIKE ");
    wr_print_qualified(out, node->name, WR_PLACE_COLUMN);
    if (node->including == WR_LIKE_ALL) {
        wr_buf_add_text(out, " INCLUDING ALL");
        return;
    }
    for (int i = 0; wr_like_words[i]; i++)
        if (node->including >> i & 1) wr_buf_printf(out, " INCLUDING %s", wr_like_words[i]);
}

void wr_print_watermark(wr_buf *out, const wr_sql_watermark *node)
{
    wr_buf_add_text(out, "WATERMARK FOR ");
    wr_print_name(out, node->column, WR_PLACE_COLUMN);
    wr_print_after(out, "AS", node->expression);
}

void wr_print_create_view(wr_buf *out, const wr_sql_create_view *node)
{
    print_create(out, &node->mode,
                 node->materialized ? "MATERIALIZED VIEW"
                 : node->recursive  ? "RECURSIVE VIEW"
                                    : "VIEW");
    wr_print_qualified(out, node->name, WR_PLACE_COLUMN);
    wr_print_names_after(out, " ", node->columns);
    print_options(out, "WITH", node->options);
    wr_print_after(out, "AS", node->query);
    wr_print_if(out, node->no_data, " WITH NO DATA");
    wr_print_if(out, node->emit_on_close, " EMIT ON WINDOW CLOSE");
}

void wr_print_create_schema(wr_buf *out, const wr_sql_create_schema *node)
{
    print_create(out, &node->mode, "SCHEMA");
    wr_print_qualified(out, node->name, WR_PLACE_COLUMN);
}

static void print_sequence_options(wr_buf *out, wr_nodes options)
{
    static const char *const words[][3] = {
        {"as", "AS", ""},
        {"increment", "INCREMENT BY", ""},
        {"minvalue", "MINVALUE", "NO MINVALUE"},
        {"start", "START WITH", ""},
        {"maxvalue", "MAXVALUE", "NO MAXVALUE"},
        {"restart", "RESTART WITH", "RESTART"},
        {"cache", "CACHE", ""},
        {"owned_by", "OWNED BY", "OWNED BY NONE"},
    };
    for (int i = 0; i < options.count; i++) {
        const wr_sql_option *option = wr_sql_as_option(options.items[i]);
        if (i) wr_buf_add_char(out, ' ');
        if (wr_str_is(option->name.text, "cycle")) {
            bool yes = wr_sql_as_literal(option->value)->literal == WR_LIT_TRUE;
            wr_buf_add_text(out, yes ? "CYCLE" : "NO CYCLE");
            continue;
        }
        for (size_t k = 0; k < WR_COUNT(words); k++) {
            if (!wr_str_is(option->name.text, words[k][0])) continue;
            wr_buf_add_text(out, words[k][option->value ? 1 : 2]);
            if (option->value) wr_buf_add_char(out, ' ');
            if (option->value) wr_print_operand(out, option->value, WR_LEVEL_OTHER);
        }
    }
}

void wr_print_create_sequence(wr_buf *out, const wr_sql_create_sequence *node)
{
    print_create(out, &node->mode, "SEQUENCE");
    wr_print_qualified(out, node->name, WR_PLACE_COLUMN);
    if (node->options.count) wr_buf_add_char(out, ' ');
    print_sequence_options(out, node->options);
}

void wr_print_create_type(wr_buf *out, const wr_sql_create_type *node)
{
    print_create(out, &node->mode, "TYPE");
    wr_print_qualified(out, node->name, WR_PLACE_COLUMN);
    wr_print_after(out, "AS", node->type);
}

void wr_print_create_macro(wr_buf *out, const wr_sql_create_macro *node)
{
    print_create(out, &node->mode, "FUNCTION");
    wr_print_qualified(out, node->name, WR_PLACE_COLUMN);
    wr_print_series(out, node->overloads);
}

void wr_print_macro_body(wr_buf *out, const wr_sql_macro_body *node)
{
    wr_buf_add_char(out, '(');
    wr_print_series(out, node->params);
    wr_buf_add_char(out, ')');
    wr_print_after(out, node->returns_set ? "RETURNS SETOF" : "RETURNS", node->returns);
    if (node->returns_table.count) print_options(out, "RETURNS TABLE", node->returns_table);
    print_label_after(out, "LANGUAGE", node->language);
    for (int i = 0; i < node->options.count; i++) {
        wr_buf_add_char(out, ' ');
        wr_node_format(out, node->options.items[i]);
    }
    wr_print_after(out, "AS", node->text);
    bool declared = node->returns || node->returns_table.count || wr_name_given(node->language);
    wr_print_after(out, declared ? "RETURN" : "AS", node->expression);
    wr_print_after(out, "AS TABLE", node->query);
}

void wr_print_param_def(wr_buf *out, const wr_sql_param_def *node)
{
    wr_print_name(out, node->name, WR_PLACE_LABEL);
    if (node->type) wr_buf_add_char(out, ' ');
    wr_node_format(out, node->type);
    wr_print_after(out, ":=", node->value);
}

void wr_print_create_index(wr_buf *out, const wr_sql_create_index *node)
{
    wr_create_mode mode = node->mode;
    mode.if_not_exists = false;
    print_create(out, &mode, node->unique ? "UNIQUE INDEX" : "INDEX");
    wr_print_if(out, node->concurrently, "CONCURRENTLY ");
    wr_print_if(out, node->mode.if_not_exists, "IF NOT EXISTS ");
    wr_print_qualified(out, node->name, WR_PLACE_COLUMN);
    wr_buf_add_text(out, node->name.count ? " ON " : "ON ");
    wr_print_qualified(out, node->table, WR_PLACE_COLUMN);
    print_label_after(out, "USING", node->method);
    wr_buf_add_text(out, " (");
    wr_print_series(out, node->items);
    wr_buf_add_char(out, ')');
    wr_print_names_after(out, " INCLUDE ", node->include);
    wr_print_if(out, node->nulls_not_distinct, " NULLS NOT DISTINCT");
    print_options(out, "WITH", node->options);
    wr_print_after(out, "WHERE", node->where);
}

void wr_print_create_secret(wr_buf *out, const wr_sql_create_secret *node)
{
    print_create(out, &node->mode, node->persistent ? "PERSISTENT SECRET" : "SECRET");
    wr_print_qualified(out, node->name, WR_PLACE_COLUMN);
    print_label_after(out, "IN", node->storage);
    wr_buf_add_text(out, " (");
    wr_print_series(out, node->options);
    wr_buf_add_char(out, ')');
}

void wr_print_alter(wr_buf *out, const wr_sql_alter *node)
{
    wr_buf_printf(out, "ALTER %s ", wr_object_kind_text(node->object));
    wr_print_if(out, node->if_exists, "IF EXISTS ");
    wr_print_if(out, node->only, "ONLY ");
    wr_print_qualified(out, node->name, WR_PLACE_COLUMN);
    wr_buf_add_char(out, ' ');
    wr_print_series(out, node->actions);
}

static void print_add_column(wr_buf *out, const wr_sql_alter_action *node)
{
    wr_buf_add_text(out, node->if_not_exists ? "ADD COLUMN IF NOT EXISTS " : "ADD COLUMN ");
    wr_print_qualified(out, node->name, WR_PLACE_COLUMN);
    wr_print_if(out, node->name.count > 0, ".");
    wr_node_format(out, node->column);
}

static void print_drop_part(wr_buf *out, const wr_sql_alter_action *node, const char *what)
{
    wr_buf_printf(out, "DROP %s %s", what, node->if_exists ? "IF EXISTS " : "");
    wr_print_qualified(out, node->name, WR_PLACE_COLUMN);
    wr_print_if(out, node->cascade, " CASCADE");
}

static void print_rename(wr_buf *out, const wr_sql_alter_action *node, const char *what)
{
    wr_buf_printf(out, "RENAME %s", what);
    wr_print_qualified(out, node->name, WR_PLACE_COLUMN);
    wr_buf_add_text(out, node->name.count ? " TO " : "TO ");
    wr_print_name(out, node->new_name, WR_PLACE_COLUMN);
}

static void print_alter_column(wr_buf *out, const wr_sql_alter_action *node, const char *what)
{
    wr_buf_add_text(out, "ALTER COLUMN ");
    wr_print_qualified(out, node->name, WR_PLACE_COLUMN);
    wr_buf_printf(out, " %s", what);
}

void wr_print_alter_action(wr_buf *out, const wr_sql_alter_action *node)
{
    switch (node->action) {
    case WR_ALTER_ADD_COLUMN:
        print_add_column(out, node);
        return;
    case WR_ALTER_DROP_COLUMN:
        print_drop_part(out, node, "COLUMN");
        return;
    case WR_ALTER_DROP_CONSTRAINT:
        print_drop_part(out, node, "CONSTRAINT");
        return;
    case WR_ALTER_RENAME_COLUMN:
        print_rename(out, node, "COLUMN ");
        return;
    case WR_ALTER_RENAME_CONSTRAINT:
        print_rename(out, node, "CONSTRAINT ");
        return;
    case WR_ALTER_RENAME:
        print_rename(out, node, "");
        return;
    case WR_ALTER_TYPE:
        print_alter_column(out, node, "TYPE");
        if (node->type) wr_buf_add_char(out, ' ');
        wr_node_format(out, node->type);
        wr_print_after(out, "USING", node->expression);
        return;
    case WR_ALTER_SET_DEFAULT:
        print_alter_column(out, node, "SET DEFAULT ");
        wr_node_format(out, node->expression);
        return;
    case WR_ALTER_DROP_DEFAULT:
        print_alter_column(out, node, "DROP DEFAULT");
        return;
    case WR_ALTER_SET_NOT_NULL:
        print_alter_column(out, node, "SET NOT NULL");
        return;
    case WR_ALTER_DROP_NOT_NULL:
        print_alter_column(out, node, "DROP NOT NULL");
        return;
    case WR_ALTER_SET_SCHEMA:
    case WR_ALTER_OWNER:
        wr_buf_add_text(out, node->action == WR_ALTER_OWNER ? "OWNER TO " : "SET SCHEMA ");
        wr_print_name(out, node->new_name, WR_PLACE_COLUMN);
        return;
    case WR_ALTER_ADD_CONSTRAINT:
        wr_buf_add_text(out, "ADD ");
        wr_node_format(out, node->column);
        return;
    case WR_ALTER_SET_OPTIONS:
    case WR_ALTER_RESET_OPTIONS:
        wr_buf_add_text(out, node->action == WR_ALTER_SET_OPTIONS ? "SET (" : "RESET (");
        wr_print_series(out, node->options);
        wr_buf_add_char(out, ')');
        return;
    case WR_ALTER_SEQUENCE:
        print_sequence_options(out, node->options);
        return;
    case WR_ALTER_ADD_VALUE:
        wr_buf_add_text(out, node->if_not_exists ? "ADD VALUE IF NOT EXISTS " : "ADD VALUE ");
        wr_node_format(out, node->expression);
        return;
    }
}

static void print_behavior(wr_buf *out, wr_drop_behavior behavior)
{
    if (behavior) wr_buf_add_text(out, behavior == WR_DROP_CASCADE ? " CASCADE" : " RESTRICT");
}

void wr_print_drop(wr_buf *out, const wr_sql_drop *node)
{
    wr_buf_printf(out, "DROP %s %s%s", wr_object_kind_text(node->object),
                  node->concurrently ? "CONCURRENTLY " : "", node->if_exists ? "IF EXISTS " : "");
    wr_print_series(out, node->names);
    if (node->has_types) {
        wr_buf_add_char(out, '(');
        wr_print_series(out, node->types);
        wr_buf_add_char(out, ')');
    }
    print_behavior(out, node->behavior);
}

void wr_print_truncate(wr_buf *out, const wr_sql_truncate *node)
{
    wr_buf_add_text(out, "TRUNCATE ");
    wr_print_series(out, node->names);
    wr_print_if(out, node->restart_identity, " RESTART IDENTITY");
    print_behavior(out, node->behavior);
}
