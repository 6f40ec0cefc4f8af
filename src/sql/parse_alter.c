/* parse_alter.c - ALTER TABLE, VIEW, SEQUENCE, TYPE, SCHEMA ...: a list of actions on one object.
 */
#include "sql/parser.h"

static wr_sql_alter_action *new_action(wr_parser *p, wr_alter_kind kind, wr_span span)
{
    wr_sql_alter_action *action = WR_NODE(p, ALTER_ACTION, alter_action, span);
    action->action = kind;
    return action;
}

static wr_node *parse_add(wr_parser *p, wr_span span)
{
    wr_sql_alter_action *action;
    if (take_word(p, WR_KW_VALUE)) {
        action = new_action(p, WR_ALTER_ADD_VALUE, span);
        action->if_not_exists = wr_take_if_not_exists(p);
        action->expression = wr_grammar_string(p, "a text");
        return &action->node;
    }
    if (wr_at_table_constraint(p)) {
        action = new_action(p, WR_ALTER_ADD_CONSTRAINT, span);
        action->column = wr_grammar_table_constraint(p);
        return &action->node;
    }
    action = new_action(p, WR_ALTER_ADD_COLUMN, span);
    take_word(p, WR_KW_COLUMN);
    action->if_not_exists = wr_take_if_not_exists(p);
    wr_name_list path = {0};
    while (wr_token_is_column_name(now(p)) && token_is_punct(ahead(p, 1), '.')) {
        wr_push(p->arena, &path, wr_grammar_name(p, "a column name"));
        advance(p);
    }
    action->name = wr_names_of(&path);
    action->column = wr_grammar_column_def(p);
    return &action->node;
}

static wr_node *parse_drop(wr_parser *p, wr_span span)
{
    bool constraint = take_word(p, WR_KW_CONSTRAINT);
    if (!constraint) take_word(p, WR_KW_COLUMN);
    wr_sql_alter_action *action =
        new_action(p, constraint ? WR_ALTER_DROP_CONSTRAINT : WR_ALTER_DROP_COLUMN, span);
    action->if_exists = wr_take_if_exists(p);
    action->name =
        wr_grammar_qualified(p, constraint ? "the name of a constraint" : "a column name");
    action->cascade = wr_take_drop_behavior(p) == WR_DROP_CASCADE;
    return &action->node;
}

static wr_node *parse_rename(wr_parser *p, wr_span span)
{
    wr_sql_alter_action *action = new_action(p, WR_ALTER_RENAME, span);
    if (take_word(p, WR_KW_TO)) {
        action->new_name = wr_grammar_name(p, "the new name");
        return &action->node;
    }
    bool constraint = take_word(p, WR_KW_CONSTRAINT);
    if (!constraint) take_word(p, WR_KW_COLUMN);
    action->action = constraint ? WR_ALTER_RENAME_CONSTRAINT : WR_ALTER_RENAME_COLUMN;
    action->name = wr_grammar_qualified(p, "a column name");
    wr_need_word(p, WR_KW_TO);
    action->new_name = wr_grammar_name(p, "the new name");
    return &action->node;
}

/* ALTER [COLUMN] c {SET DATA TYPE | TYPE | SET DEFAULT | DROP DEFAULT | SET NOT NULL | DROP NOT
 * NULL} */
static wr_node *parse_alter_column(wr_parser *p, wr_span span)
{
    wr_sql_alter_action *action = new_action(p, WR_ALTER_TYPE, span);
    take_word(p, WR_KW_COLUMN);
    action->name = wr_grammar_qualified(p, "a column name");
    bool set = take_word(p, WR_KW_SET);
    if (set && take_word(p, WR_KW_DEFAULT)) {
        action->action = WR_ALTER_SET_DEFAULT;
        action->expression = wr_grammar_expression(p);
        return &action->node;
    }
    if (set && take_word2(p, WR_KW_NOT, WR_KW_NULL)) {
        action->action = WR_ALTER_SET_NOT_NULL;
        return &action->node;
    }
    if (!set && take_word(p, WR_KW_DROP)) {
        bool value = take_word(p, WR_KW_DEFAULT);
        action->action = value ? WR_ALTER_DROP_DEFAULT : WR_ALTER_DROP_NOT_NULL;
        if (!value && !take_word2(p, WR_KW_NOT, WR_KW_NULL)) wr_expected(p, "DEFAULT or NOT NULL");
        return &action->node;
    }
    if (set) take_word(p, WR_KW_DATA);
    wr_need_word(p, WR_KW_TYPE);
    if (!at_word(p, WR_KW_USING)) action->type = wr_grammar_type(p);
    if (take_word(p, WR_KW_COLLATE)) return wr_refuse(p, span_now(p), "ALTER COLUMN .. COLLATE");
    if (take_word(p, WR_KW_USING)) action->expression = wr_grammar_expression(p);
    return &action->node;
}

static wr_node *parse_action(wr_parser *p, wr_object_kind object)
{
    wr_span span = span_now(p);
    wr_sql_alter_action *action;
    if (take_word(p, WR_KW_ADD)) return parse_add(p, span);
    if (take_word(p, WR_KW_DROP)) return parse_drop(p, span);
    if (take_word(p, WR_KW_RENAME)) return parse_rename(p, span);
    if (take_word(p, WR_KW_ALTER)) return parse_alter_column(p, span);
    if (take_word(p, WR_KW_OWNER)) {
        action = new_action(p, WR_ALTER_OWNER, span);
        wr_need_word(p, WR_KW_TO);
        action->new_name = wr_grammar_label(p, "the new owner");
        return &action->node;
    }
    if (take_word(p, WR_KW_SET)) {
        bool schema = take_word(p, WR_KW_SCHEMA);
        action = new_action(p, schema ? WR_ALTER_SET_SCHEMA : WR_ALTER_SET_OPTIONS, span);
        if (schema)
            action->new_name = wr_grammar_name(p, "a schema name");
        else
            action->options = wr_grammar_options(p);
        return &action->node;
    }
    if (take_word(p, WR_KW_RESET)) {
        action = new_action(p, WR_ALTER_RESET_OPTIONS, span);
        action->options = wr_grammar_options(p);
        return &action->node;
    }
    if (object == WR_OBJECT_SEQUENCE) {
        action = new_action(p, WR_ALTER_SEQUENCE, span);
        action->options = wr_grammar_sequence_options(p);
        if (action->options.count) return &action->node;
    }
    return wr_expected(p, "ADD, DROP, RENAME, ALTER or SET");
}

wr_node *wr_grammar_alter(wr_parser *p)
{
    wr_sql_alter *node = WR_NODE(p, ALTER, alter, span_now(p));
    wr_node_list actions = {0};
    advance(p);
    if (at_word(p, WR_KW_SYSTEM) || at_word(p, WR_KW_USER) || at_text(p, "role"))
        return wr_refuse(p, span_now(p), "ALTER of this kind of object");
    node->object = wr_grammar_object_kind(p);
    node->if_exists = wr_take_if_exists(p);
    node->only = take_word(p, WR_KW_ONLY);
    node->name = wr_grammar_qualified(p, "a name");
    take_op(p, WR_OP_MUL);
    do
        wr_push(p->arena, &actions, parse_action(p, node->object));
    while (take_punct(p, ','));
    node->actions = wr_nodes_of(&actions);
    return &node->node;
}
