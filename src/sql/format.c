/* format.c - syntax tree to SQL text: dispatch, names, lists, and the names of result columns.
 *
 * Parentheses are written exactly where the parser would otherwise build another tree. Names keep
 * their quotes, and get them where the bare word would be read as a keyword or not as one name at
 * all. */
#include "sql/printer.h"

void wr_node_format(wr_buf *out, const wr_node *node)
{
    if (!node) return;
    switch (node->kind) {
#define X(kind, suffix)                                   \
    case WR_SQL_##kind:                                   \
        wr_print_##suffix(out, wr_sql_as_##suffix(node)); \
        return;
#include "sql/node.def"
#undef X
    case WR_SQL_NONE:
    case WR_SQL_KIND_COUNT:
        break;
    }
    wr_panic(__FILE__, __LINE__, "a syntax node without a kind");
}

void wr_print_operand(wr_buf *out, const wr_node *node, wr_level level)
{
    bool loose = wr_node_level(node) < level;
    if (loose) wr_buf_add_char(out, '(');
    wr_node_format(out, node);
    if (loose) wr_buf_add_char(out, ')');
}

void wr_print_series(wr_buf *out, wr_nodes nodes)
{
    for (int i = 0; i < nodes.count; i++) {
        if (i) wr_buf_add_text(out, ", ");
        wr_node_format(out, nodes.items[i]);
    }
}

void wr_print_series_after(wr_buf *out, const char *word, wr_nodes nodes)
{
    if (nodes.count == 0) return;
    wr_buf_printf(out, " %s ", word);
    wr_print_series(out, nodes);
}

void wr_print_after(wr_buf *out, const char *word, const wr_node *node)
{
    if (!node) return;
    wr_buf_printf(out, " %s ", word);
    wr_node_format(out, node);
}

void wr_print_if(wr_buf *out, bool condition, const char *text)
{
    if (condition) wr_buf_add_text(out, text);
}

/* Would the lexer read the text as one unquoted name? */
static bool is_plain(wr_str text)
{
    if (text.length == 0) return false;
    for (size_t i = 0; i < text.length; i++) {
        unsigned char c = (unsigned char)text.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        bool digit = (c >= '0' && c <= '9') || c == '$';
        if (!letter && !(digit && i > 0))
            return false; /* other alphabets may hold wide blanks: quote them */
    }
    return true;
}

static void print_quoted(wr_buf *out, wr_str text, char quote)
{
    wr_buf_add_char(out, quote);
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] == quote) wr_buf_add_char(out, quote);
        wr_buf_add_char(out, text.data[i]);
    }
    wr_buf_add_char(out, quote);
}

static bool needs_quotes(wr_str text, wr_name_place place)
{
    if (!is_plain(text)) return true;
    wr_keyword keyword = wr_keyword_find(text);
    if (keyword == WR_NOT_A_KEYWORD) return false;
    wr_keyword_category category = wr_keyword_category_of(keyword);
    if (category == WR_WORD_RESERVED) return true;
    return place == WR_PLACE_COLUMN && category == WR_WORD_TYPE_FUNC;
}

void wr_print_name(wr_buf *out, wr_name name, wr_name_place place)
{
    if (name.quoted || needs_quotes(name.text, place))
        print_quoted(out, name.text, '"');
    else
        wr_buf_add_str(out, name.text);
}

void wr_format_name(wr_buf *out, wr_str name)
{
    wr_print_name(out, (wr_name){name, {0, 0}, false}, WR_PLACE_COLUMN);
}

void wr_format_string(wr_buf *out, wr_str text) { print_quoted(out, text, '\''); }

void wr_print_qualified(wr_buf *out, wr_names names, wr_name_place place)
{
    for (int i = 0; i < names.count; i++) {
        if (i) wr_buf_add_char(out, '.');
        wr_print_name(out, names.items[i], i ? WR_PLACE_LABEL : place);
    }
}

void wr_print_names(wr_buf *out, wr_names names)
{
    for (int i = 0; i < names.count; i++) {
        if (i) wr_buf_add_text(out, ", ");
        wr_print_name(out, names.items[i], WR_PLACE_COLUMN);
    }
}

void wr_print_names_after(wr_buf *out, const char *word, wr_names names)
{
    if (names.count == 0) return;
    wr_buf_printf(out, "%s(", word);
    wr_print_names(out, names);
    wr_buf_add_char(out, ')');
}

/* PostgreSQL names the result of a cast after its own name of the type. */
static wr_str type_column_name(const wr_sql_type *type)
{
    static const char *const names[][2] = {
        {"int", "int4"},     {"integer", "int4"},  {"bigint", "int8"},  {"smallint", "int2"},
        {"real", "float4"},  {"double", "float8"}, {"float", "float8"}, {"decimal", "numeric"},
        {"dec", "numeric"},  {"boolean", "bool"},  {"char", "bpchar"},  {"character", "bpchar"},
        {"nchar", "bpchar"},
    };
    if (type->form == WR_TYPE_ARRAY && type->arguments.items[0]->kind == WR_SQL_TYPE)
        return type_column_name(wr_sql_as_type(type->arguments.items[0]));
    if (type->form == WR_TYPE_STRUCT) return WR_STR("row");
    if (type->form == WR_TYPE_MAP) return WR_STR("map");
    if (type->form != WR_TYPE_NAMED) return WR_STR("?column?");
    wr_str name = wr_names_last(type->name).text;
    for (size_t i = 0; i < WR_COUNT(names); i++)
        if (wr_str_is(name, names[i][0])) return wr_str_of(names[i][1]);
    return name;
}

static int figure_name(const wr_node *node, wr_str *name);

/* That of its first column. */
static int figure_name_of_subquery(const wr_sql_subquery *subquery, wr_str *name)
{
    *name = WR_STR("array");
    if (subquery->array) return 2;
    const wr_node *body = subquery->query;
    while (body->kind == WR_SQL_SETOP || body->kind == WR_SQL_QUERY)
        body = body->kind == WR_SQL_SETOP ? wr_sql_as_setop(body)->inputs.items[0]
                                          : wr_sql_as_query(body)->body;
    *name = WR_STR("column1");
    if (body->kind == WR_SQL_VALUES) return 2;
    if (body->kind != WR_SQL_SELECT || !wr_sql_as_select(body)->items.count) return 0;
    const wr_sql_item *item = wr_sql_as_item(wr_sql_as_select(body)->items.items[0]);
    *name = item->alias.text;
    return wr_name_given(item->alias) ? 2 : figure_name(item->value, name);
}

/* The name and how good it is: 2 a real one, 1 that of a type or of CASE, 0 none. Depth of casts
 * and the like is that of the tree, which the parser limits. */
static int figure_name(const wr_node *node, wr_str *name)
{
    int strength = 2;
    switch (node->kind) {
    case WR_SQL_COLUMN:
        *name = wr_names_last(wr_sql_as_column(node)->parts).text;
        break;
    case WR_SQL_FIELD:
        *name = wr_sql_as_field(node)->name.text;
        break;
    case WR_SQL_CALL:
        *name = wr_names_last(wr_sql_as_call(node)->name).text;
        break;
    case WR_SQL_SUBSCRIPT:
        return figure_name(wr_sql_as_subscript(node)->operand, name);
    case WR_SQL_SLICE:
        return figure_name(wr_sql_as_slice(node)->operand, name);
    case WR_SQL_COLLATE:
        return figure_name(wr_sql_as_collate(node)->operand, name);
    case WR_SQL_CAST:
        strength = figure_name(wr_sql_as_cast(node)->operand, name);
        if (strength > 1) return strength;
        *name = type_column_name(wr_sql_as_type(wr_sql_as_cast(node)->type));
        return 1;
    case WR_SQL_TYPED_LITERAL:
        *name = type_column_name(wr_sql_as_type(wr_sql_as_typed_literal(node)->type));
        return 1;
    case WR_SQL_LITERAL: {
        wr_literal_kind literal = wr_sql_as_literal(node)->literal;
        if (literal != WR_LIT_TRUE && literal != WR_LIT_FALSE) return 0;
        *name = WR_STR("bool");
        return 1;
    }
    case WR_SQL_INTERVAL:
        *name = WR_STR("interval");
        return 1;
    case WR_SQL_CASE: {
        const wr_node *otherwise = wr_sql_as_case(node)->otherwise;
        strength = otherwise ? figure_name(otherwise, name) : 0;
        if (strength > 1) return strength;
        *name = WR_STR("case");
        return 1;
    }
    case WR_SQL_EXISTS:
        *name = WR_STR("exists");
        break;
    case WR_SQL_LIST:
    case WR_SQL_COMPREHENSION:
        *name = WR_STR("array");
        break;
    case WR_SQL_ROW:
    case WR_SQL_STRUCT:
        *name = WR_STR("row");
        break;
    case WR_SQL_MAP:
        *name = WR_STR("map");
        break;
    case WR_SQL_SUBQUERY:
        return figure_name_of_subquery(wr_sql_as_subquery(node), name);
    default:
        return 0;
    }
    return strength;
}

wr_str wr_node_column_name(const wr_node *expression)
{
    wr_str name;
    if (expression->kind == WR_SQL_ITEM) {
        const wr_sql_item *item = wr_sql_as_item(expression);
        if (wr_name_given(item->alias)) return item->alias.text;
        expression = item->value;
    }
    return figure_name(expression, &name) ? name : WR_STR("?column?");
}
