/* format_expr.c - expressions, windows and types as text. */
#include "sql/printer.h"

wr_level wr_node_level(const wr_node *node)
{
    switch (node->kind) {
    case WR_SQL_LOGIC:
        return wr_sql_as_logic(node)->is_or ? WR_LEVEL_OR : WR_LEVEL_AND;
    case WR_SQL_TEST:
        return WR_LEVEL_IS;
    case WR_SQL_BETWEEN:
    case WR_SQL_IN:
    case WR_SQL_LIKE:
        return WR_LEVEL_LIKE;
    case WR_SQL_BINARY:
        return wr_sql_op_level(wr_sql_as_binary(node)->op);
    case WR_SQL_QUANTIFIED: {
        wr_sql_op op = wr_sql_as_quantified(node)->op;
        bool like =
            op == WR_OP_LIKE || op == WR_OP_ILIKE || op == WR_OP_NOT_LIKE || op == WR_OP_NOT_ILIKE;
        return like ? WR_LEVEL_LIKE : wr_sql_op_level(op);
    }
    case WR_SQL_UNARY: {
        wr_sql_op op = wr_sql_as_unary(node)->op;
        if (op == WR_OP_NONE) return WR_LEVEL_NOT;
        return op == WR_OP_ADD || op == WR_OP_SUB ? WR_LEVEL_SIGN : WR_LEVEL_OTHER;
    }
    case WR_SQL_COLLATE:
        return WR_LEVEL_COLLATE;
    case WR_SQL_CALL:
        if (wr_sql_as_call(node)->syntax == WR_CALL_TIME_ZONE) return WR_LEVEL_AT;
        if (wr_sql_as_call(node)->syntax == WR_CALL_OVERLAPS) return WR_LEVEL_LIKE;
        return WR_LEVEL_PRIMARY;
    case WR_SQL_LAMBDA:
        return WR_LEVEL_NONE;
    default:
        return WR_LEVEL_PRIMARY;
    }
}

void wr_print_literal(wr_buf *out, const wr_sql_literal *node)
{
    switch (node->literal) {
    case WR_LIT_NULL:
        wr_buf_add_text(out, "NULL");
        return;
    case WR_LIT_TRUE:
        wr_buf_add_text(out, "TRUE");
        return;
    case WR_LIT_FALSE:
        wr_buf_add_text(out, "FALSE");
        return;
    case WR_LIT_INTEGER:
    case WR_LIT_DECIMAL:
    case WR_LIT_FLOAT:
        wr_buf_add_str(out, node->text);
        return;
    case WR_LIT_STRING:
        wr_format_string(out, node->text);
        return;
    case WR_LIT_BITS:
    case WR_LIT_HEX:
        wr_buf_add_char(out, node->literal == WR_LIT_BITS ? 'b' : 'x');
        wr_format_string(out, node->text);
        return;
    }
}

void wr_print_typed_literal(wr_buf *out, const wr_sql_typed_literal *node)
{
    wr_node_format(out, node->type);
    wr_buf_add_char(out, ' ');
    wr_format_string(out, node->text);
}

void wr_print_unit(wr_buf *out, wr_interval_unit unit, wr_interval_unit to, int precision)
{
    static const char *const units[] = {"",        "YEAR",   "MONTH",       "DAY",         "HOUR",
                                        "MINUTE",  "SECOND", "MILLISECOND", "MICROSECOND", "WEEK",
                                        "QUARTER", "DECADE", "CENTURY",     "MILLENNIUM"};
    if (unit == WR_UNIT_NONE) return;
    wr_buf_printf(out, " %s", units[unit]);
    if (to != WR_UNIT_NONE) wr_buf_printf(out, " TO %s", units[to]);
    if (precision >= 0) wr_buf_printf(out, "(%d)", precision);
}

void wr_print_interval(wr_buf *out, const wr_sql_interval *node)
{
    const wr_node *value = node->value;
    bool simple = value->kind == WR_SQL_PARAM;
    if (value->kind == WR_SQL_LITERAL) {
        wr_literal_kind literal = wr_sql_as_literal(value)->literal;
        simple = literal == WR_LIT_STRING || literal == WR_LIT_INTEGER || literal == WR_LIT_DECIMAL;
    }
    wr_buf_add_text(out, "INTERVAL");
    if (node->unit == WR_UNIT_NONE && node->precision >= 0)
        wr_buf_printf(out, "(%d)", node->precision);
    wr_buf_add_text(out, simple ? " " : " (");
    wr_node_format(out, value);
    if (!simple) wr_buf_add_char(out, ')');
    wr_print_unit(out, node->unit, node->to, node->precision);
}

void wr_print_column(wr_buf *out, const wr_sql_column *node)
{
    wr_print_qualified(out, node->parts, WR_PLACE_COLUMN);
}

/* The operand in front of ".": anything that could merge with the name behind it is in brackets. */
static void print_before_point(wr_buf *out, const wr_node *operand)
{
    bool bare = operand->kind == WR_SQL_FIELD || operand->kind == WR_SQL_SUBSCRIPT ||
                operand->kind == WR_SQL_SLICE || operand->kind == WR_SQL_LIST ||
                operand->kind == WR_SQL_STRUCT;
    bool call = operand->kind == WR_SQL_CALL && wr_sql_as_call(operand)->syntax == WR_CALL_PLAIN &&
                !wr_sql_as_call(operand)->over;
    wr_print_operand(out, operand, bare || call ? WR_LEVEL_NONE : WR_LEVEL_PRIMARY + 1);
    wr_buf_add_char(out, '.');
}

void wr_print_star(wr_buf *out, const wr_sql_star *node)
{
    if (node->operand) print_before_point(out, node->operand);
    wr_print_qualified(out, node->qualifier, WR_PLACE_COLUMN);
    wr_buf_add_text(out, node->qualifier.count ? ".*" : "*");
    static const char *const words[] = {" EXCLUDE (", " REPLACE (", " RENAME ("};
    const wr_nodes lists[] = {node->exclude, node->replace, node->rename};
    for (int i = 0; i < 3; i++) {
        if (lists[i].count == 0) continue;
        wr_buf_add_text(out, words[i]);
        wr_print_series(out, lists[i]);
        wr_buf_add_char(out, ')');
    }
}

void wr_print_columns(wr_buf *out, const wr_sql_columns *node)
{
    wr_print_if(out, node->unpack, "*");
    wr_print_qualified(out, node->qualifier, WR_PLACE_COLUMN);
    wr_print_if(out, node->qualifier.count > 0, ".");
    wr_buf_add_text(out, "COLUMNS(");
    wr_node_format(out, node->pattern);
    wr_buf_add_char(out, ')');
}

void wr_print_param(wr_buf *out, const wr_sql_param *node)
{
    bool plain = node->name.length && !memchr(node->name.data, '$', node->name.length);
    wr_name name = {.text = node->name, .quoted = !plain};
    if (node->name.length) {
        wr_buf_add_char(out, '$'); /* $a$ would begin a text: such names are quoted */
        wr_print_name(out, name, WR_PLACE_LABEL);
    } else {
        wr_buf_printf(out, "$%d", node->index);
    }
}

void wr_print_unary(wr_buf *out, const wr_sql_unary *node)
{
    if (node->op == WR_OP_NONE) {
        wr_buf_add_text(out, "NOT ");
        wr_print_operand(out, node->operand, WR_LEVEL_NOT);
    } else if (node->op == WR_OP_FACTORIAL) {
        wr_print_operand(out, node->operand, WR_LEVEL_OTHER);
        wr_buf_add_text(out, " !");
    } else {
        bool sign = node->op == WR_OP_ADD || node->op == WR_OP_SUB;
        wr_buf_add_text(out, wr_sql_op_text(node->op));
        /* "- -1" must not become a comment, "@ -1" not another operator */
        wr_print_if(out, !sign || node->operand->kind == WR_SQL_UNARY, " ");
        wr_print_operand(out, node->operand, sign ? WR_LEVEL_SIGN : WR_LEVEL_ADD);
    }
}

void wr_print_binary(wr_buf *out, const wr_sql_binary *node)
{
    /* Down the left spine without recursion, then back up; the spine is remembered in an arena. */
    WR_ARENA(arena);
    WR_LIST(const wr_sql_binary *) spine = {0};
    for (const wr_sql_binary *next = node;; next = wr_sql_as_binary(next->left)) {
        wr_push(&arena, &spine, next);
        if (next->left->kind != WR_SQL_BINARY) break;
    }
    for (int i = 0; i + 1 < spine.count; i++) {
        wr_level level = wr_sql_op_level(spine.items[i]->op),
                 left = wr_node_level(spine.items[i]->left);
        if (left < level + (level == WR_LEVEL_COMPARE)) wr_buf_add_char(out, '(');
    }
    for (int i = spine.count - 1; i >= 0; i--) {
        const wr_sql_binary *one = spine.items[i];
        wr_level level = wr_sql_op_level(one->op), least = level + (level == WR_LEVEL_COMPARE);
        if (i == spine.count - 1)
            wr_print_operand(out, one->left, least);
        else if (wr_node_level(one->left) < least)
            wr_buf_add_char(out, ')');
        wr_buf_printf(out, " %s ", wr_sql_op_text(one->op));
        wr_print_operand(out, one->right, level + 1);
    }
}

void wr_print_logic(wr_buf *out, const wr_sql_logic *node)
{
    wr_level level = node->is_or ? WR_LEVEL_OR : WR_LEVEL_AND;
    for (int i = 0; i < node->operands.count; i++) {
        if (i) wr_buf_add_text(out, node->is_or ? " OR " : " AND ");
        wr_print_operand(out, node->operands.items[i], level + 1);
    }
}

void wr_print_test(wr_buf *out, const wr_sql_test *node)
{
    static const char *const words[] = {"NULL", "TRUE", "FALSE", "UNKNOWN"};
    wr_print_operand(out, node->operand, WR_LEVEL_IS);
    wr_buf_printf(out, " IS %s%s", node->negated ? "NOT " : "", words[node->test]);
}

void wr_print_between(wr_buf *out, const wr_sql_between *node)
{
    wr_print_operand(out, node->operand, WR_LEVEL_OTHER);
    wr_buf_printf(out, " %sBETWEEN %s", node->negated ? "NOT " : "",
                  node->symmetric ? "SYMMETRIC " : "");
    wr_print_operand(out, node->low, WR_LEVEL_OTHER);
    wr_buf_add_text(out, " AND ");
    wr_print_operand(out, node->high, WR_LEVEL_OTHER);
}

void wr_print_in(wr_buf *out, const wr_sql_in *node)
{
    wr_print_operand(out, node->operand, WR_LEVEL_OTHER);
    wr_buf_printf(out, " %sIN ", node->negated ? "NOT " : "");
    if (node->array) {
        wr_print_operand(out, node->array, WR_LEVEL_OTHER);
        return;
    }
    wr_buf_add_char(out, '(');
    wr_node_format(out, node->query);
    wr_print_series(out, node->list);
    wr_buf_add_char(out, ')');
}

void wr_print_like(wr_buf *out, const wr_sql_like *node)
{
    static const char *const words[] = {"LIKE", "ILIKE", "SIMILAR TO", "GLOB"};
    wr_print_operand(out, node->operand, WR_LEVEL_OTHER);
    wr_buf_printf(out, " %s%s ", node->negated ? "NOT " : "", words[node->like]);
    wr_print_operand(out, node->pattern, WR_LEVEL_OTHER);
    if (!node->escape) return;
    wr_buf_add_text(out, " ESCAPE ");
    wr_print_operand(out, node->escape, WR_LEVEL_OTHER);
}

void wr_print_quantified(wr_buf *out, const wr_sql_quantified *node)
{
    const char *word = wr_sql_op_text(node->op);
    wr_level level = wr_node_level(&node->node);
    if (node->op == WR_OP_LIKE) word = "LIKE";
    if (node->op == WR_OP_ILIKE) word = "ILIKE";
    if (node->op == WR_OP_NOT_LIKE) word = "NOT LIKE";
    if (node->op == WR_OP_NOT_ILIKE) word = "NOT ILIKE";
    wr_print_operand(out, node->operand, level < WR_LEVEL_OTHER ? level + 1 : level);
    wr_buf_printf(out, " %s %s (", word, node->all ? "ALL" : "ANY");
    wr_node_format(out, node->query);
    wr_node_format(out, node->array);
    wr_buf_add_char(out, ')');
}

void wr_print_exists(wr_buf *out, const wr_sql_exists *node)
{
    wr_buf_add_text(out, "EXISTS (");
    wr_node_format(out, node->query);
    wr_buf_add_char(out, ')');
}

void wr_print_subquery(wr_buf *out, const wr_sql_subquery *node)
{
    wr_buf_add_text(out, node->array ? "ARRAY(" : "(");
    wr_node_format(out, node->query);
    wr_buf_add_char(out, ')');
}

void wr_print_case(wr_buf *out, const wr_sql_case *node)
{
    wr_buf_add_text(out, "CASE");
    if (node->operand) wr_buf_add_char(out, ' ');
    wr_node_format(out, node->operand);
    for (int i = 0; i < node->whens.count; i++) {
        wr_buf_add_char(out, ' ');
        wr_node_format(out, node->whens.items[i]);
    }
    wr_print_after(out, "ELSE", node->otherwise);
    wr_buf_add_text(out, " END");
}

void wr_print_when(wr_buf *out, const wr_sql_when *node)
{
    wr_buf_add_text(out, "WHEN ");
    wr_node_format(out, node->condition);
    wr_print_after(out, "THEN", node->result);
}

void wr_print_cast(wr_buf *out, const wr_sql_cast *node)
{
    wr_buf_add_text(out, node->try_cast ? "TRY_CAST(" : "CAST(");
    wr_node_format(out, node->operand);
    wr_print_after(out, "AS", node->type);
    wr_buf_add_char(out, ')');
}

static void print_upper(wr_buf *out, wr_str text)
{
    for (size_t i = 0; i < text.length; i++) {
        char c = text.data[i];
        wr_buf_add_char(out, c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c);
    }
}

static void print_arguments(wr_buf *out, const wr_sql_call *call)
{
    wr_print_if(out, call->distinct, "DISTINCT ");
    for (int i = 0; i < call->args.count; i++) {
        if (i) wr_buf_add_text(out, ", ");
        wr_print_if(out, call->variadic && i == call->args.count - 1, "VARIADIC ");
        wr_node_format(out, call->args.items[i]);
    }
    if (call->within_group || !call->order_by.count) return;
    wr_buf_add_text(out, call->args.count ? " ORDER BY " : "ORDER BY ");
    wr_print_series(out, call->order_by);
}

static void print_plain_call(wr_buf *out, const wr_sql_call *call)
{
    wr_print_qualified(out, call->name, WR_PLACE_FUNCTION);
    wr_buf_add_char(out, '(');
    print_arguments(out, call);
    wr_buf_add_char(out, ')');
    if (call->within_group) {
        wr_buf_add_text(out, " WITHIN GROUP (ORDER BY ");
        wr_print_series(out, call->order_by);
        wr_buf_add_char(out, ')');
    }
    if (call->filter) {
        wr_print_after(out, "FILTER (WHERE", call->filter);
        wr_buf_add_char(out, ')');
    }
    if (call->nulls)
        wr_buf_add_text(out, call->nulls == WR_NULLS_IGNORE ? " IGNORE NULLS" : " RESPECT NULLS");
    wr_print_after(out, "OVER", call->over);
}

static void print_trim(wr_buf *out, const wr_sql_call *call)
{
    wr_str name = call->name.items[0].text;
    wr_buf_add_text(out, wr_str_is(name, "ltrim")   ? "TRIM(LEADING"
                         : wr_str_is(name, "rtrim") ? "TRIM(TRAILING"
                                                    : "TRIM(BOTH");
    if (call->args.count > 1) wr_buf_add_char(out, ' ');
    if (call->args.count > 1) wr_node_format(out, call->args.items[1]);
    wr_print_after(out, "FROM", call->args.items[0]);
    wr_buf_add_char(out, ')');
}

/* NAME(first WORD second WORD third ..) */
static void print_wordy(wr_buf *out, const wr_sql_call *call, const char *name,
                        const char *const *words)
{
    wr_buf_printf(out, "%s(", name);
    wr_print_operand(out, call->args.items[0], WR_LEVEL_OTHER);
    for (int i = 1; i < call->args.count; i++) {
        wr_buf_printf(out, " %s ", words[i - 1]);
        wr_print_operand(out, call->args.items[i], WR_LEVEL_OTHER);
    }
    wr_buf_add_char(out, ')');
}

void wr_print_call(wr_buf *out, const wr_sql_call *node)
{
    wr_node **args = node->args.items;
    switch (node->syntax) {
    case WR_CALL_PLAIN:
        print_plain_call(out, node);
        return;
    case WR_CALL_KEYWORD:
        print_upper(out, node->name.items[0].text);
        if (node->args.count) wr_buf_add_char(out, '(');
        wr_print_series(out, node->args);
        if (node->args.count) wr_buf_add_char(out, ')');
        return;
    case WR_CALL_EXTRACT:
        print_wordy(out, node, "EXTRACT", (const char *const[]){"FROM"});
        return;
    case WR_CALL_SUBSTRING:
        print_wordy(out, node, "SUBSTRING", (const char *const[]){"FROM", "FOR"});
        return;
    case WR_CALL_SIMILAR:
        print_wordy(out, node, "SUBSTRING", (const char *const[]){"SIMILAR", "ESCAPE"});
        return;
    case WR_CALL_OVERLAY:
        print_wordy(out, node, "OVERLAY", (const char *const[]){"PLACING", "FROM", "FOR"});
        return;
    case WR_CALL_POSITION:
        wr_buf_add_text(out, "POSITION(");
        wr_print_operand(out, args[1], WR_LEVEL_OTHER);
        wr_print_after(out, "IN", args[0]);
        wr_buf_add_char(out, ')');
        return;
    case WR_CALL_TRIM:
        print_trim(out, node);
        return;
    case WR_CALL_TIME_ZONE:
        wr_print_operand(out, args[node->args.count - 1], WR_LEVEL_AT);
        wr_buf_add_text(out, node->args.count > 1 ? " AT TIME ZONE " : " AT LOCAL");
        if (node->args.count > 1) wr_print_operand(out, args[0], WR_LEVEL_COLLATE);
        return;
    case WR_CALL_OVERLAPS:
        for (int i = 0; i < 4; i++) {
            static const char *const before[] = {"(", ", ", ") OVERLAPS (", ", "};
            wr_buf_add_text(out, before[i]);
            wr_node_format(out, args[i]);
        }
        wr_buf_add_char(out, ')');
        return;
    }
}

void wr_print_arg(wr_buf *out, const wr_sql_arg *node)
{
    wr_print_name(out, node->name, WR_PLACE_LABEL);
    wr_buf_add_text(out, " => ");
    wr_node_format(out, node->value);
}

void wr_print_collate(wr_buf *out, const wr_sql_collate *node)
{
    wr_print_operand(out, node->operand, WR_LEVEL_COLLATE);
    wr_buf_add_text(out, " COLLATE ");
    wr_print_qualified(out, node->collation, WR_PLACE_COLUMN);
}

void wr_print_row(wr_buf *out, const wr_sql_row *node)
{
    wr_buf_add_text(out, node->keyword ? "ROW(" : "(");
    wr_print_series(out, node->items);
    /* (1) would be a number in brackets */
    wr_print_if(out, !node->keyword && node->items.count == 1, ",");
    wr_buf_add_char(out, ')');
}

void wr_print_list(wr_buf *out, const wr_sql_list *node)
{
    wr_buf_add_char(out, '[');
    wr_print_series(out, node->items);
    wr_buf_add_char(out, ']');
}

void wr_print_struct(wr_buf *out, const wr_sql_struct *node)
{
    for (int i = 0; i < node->fields.count; i++) {
        const wr_sql_arg *field = wr_sql_as_arg(node->fields.items[i]);
        wr_buf_add_text(out, i ? ", " : "{");
        wr_format_string(out, field->name.text);
        wr_buf_add_text(out, ": ");
        wr_node_format(out, field->value);
    }
    wr_buf_add_text(out, node->fields.count ? "}" : "{}");
}

void wr_print_map(wr_buf *out, const wr_sql_map *node)
{
    wr_buf_add_text(out, "MAP {");
    for (int i = 0; i < node->keys.count; i++) {
        wr_print_if(out, i > 0, ", ");
        wr_node_format(out, node->keys.items[i]);
        wr_buf_add_text(out, ": ");
        wr_node_format(out, node->values.items[i]);
    }
    wr_buf_add_char(out, '}');
}

void wr_print_subscript(wr_buf *out, const wr_sql_subscript *node)
{
    wr_print_operand(out, node->operand, WR_LEVEL_PRIMARY);
    wr_buf_add_char(out, '[');
    wr_node_format(out, node->index);
    wr_buf_add_char(out, ']');
}

void wr_print_slice(wr_buf *out, const wr_sql_slice *node)
{
    wr_print_operand(out, node->operand, WR_LEVEL_PRIMARY);
    wr_buf_add_char(out, '[');
    wr_node_format(out, node->low);
    wr_buf_add_text(out, " : ");
    wr_node_format(out, node->high);
    if (node->step) {
        wr_buf_add_text(out, node->high ? " : " : "- : ");
        wr_node_format(out, node->step);
    }
    wr_buf_add_char(out, ']');
}

void wr_print_field(wr_buf *out, const wr_sql_field *node)
{
    print_before_point(out, node->operand);
    wr_print_name(out, node->name, WR_PLACE_LABEL);
}

void wr_print_comprehension(wr_buf *out, const wr_sql_comprehension *node)
{
    wr_buf_add_char(out, '[');
    wr_node_format(out, node->result);
    wr_buf_add_text(out, " FOR ");
    wr_print_names(out, node->variables);
    wr_print_after(out, "IN", node->source);
    wr_print_after(out, "IF", node->condition);
    wr_buf_add_char(out, ']');
}

void wr_print_lambda(wr_buf *out, const wr_sql_lambda *node)
{
    wr_buf_add_text(out, "lambda ");
    wr_print_names(out, node->params);
    wr_buf_add_text(out, ": ");
    wr_node_format(out, node->body);
}

void wr_print_default(wr_buf *out, const wr_sql_default *node)
{
    (void)node;
    wr_buf_add_text(out, "DEFAULT");
}

void wr_print_order_item(wr_buf *out, const wr_sql_order_item *node)
{
    if (node->value)
        wr_node_format(out, node->value);
    else
        wr_buf_add_text(out, "ALL");
    if (node->opclass.count) wr_buf_add_char(out, ' ');
    wr_print_qualified(out, node->opclass, WR_PLACE_COLUMN);
    if (node->direction) wr_buf_add_text(out, node->direction == WR_ORDER_ASC ? " ASC" : " DESC");
    if (node->nulls)
        wr_buf_add_text(out, node->nulls == WR_ORDER_NULLS_FIRST ? " NULLS FIRST" : " NULLS LAST");
}

static void print_bound(wr_buf *out, wr_bound_kind bound, const wr_node *offset)
{
    static const char *const words[] = {"UNBOUNDED PRECEDING", " PRECEDING", "CURRENT ROW",
                                        " FOLLOWING", "UNBOUNDED FOLLOWING"};
    if (offset) wr_print_operand(out, offset, WR_LEVEL_COMPARE);
    wr_buf_add_text(out, words[bound]);
}

void wr_print_frame(wr_buf *out, const wr_sql_frame *node)
{
    static const char *const modes[] = {"ROWS", "RANGE", "GROUPS"};
    static const char *const excludes[] = {"", " EXCLUDE CURRENT ROW", " EXCLUDE GROUP",
                                           " EXCLUDE TIES"};
    wr_buf_printf(out, "%s BETWEEN ", modes[node->mode]);
    print_bound(out, node->start, node->start_offset);
    wr_buf_add_text(out, " AND ");
    print_bound(out, node->end, node->end_offset);
    wr_buf_add_text(out, excludes[node->exclude]);
}

void wr_print_window(wr_buf *out, const wr_sql_window *node)
{
    if (wr_name_given(node->name)) {
        wr_print_name(out, node->name, WR_PLACE_COLUMN);
        wr_buf_add_text(out, " AS ");
    }
    if (node->bare) {
        wr_print_name(out, node->base, WR_PLACE_COLUMN);
        return;
    }
    wr_buf_add_char(out, '(');
    size_t start = out->length;
    if (wr_name_given(node->base)) wr_print_name(out, node->base, WR_PLACE_COLUMN);
    if (node->partition_by.count) {
        wr_print_if(out, out->length > start, " ");
        wr_buf_add_text(out, "PARTITION BY ");
        wr_print_series(out, node->partition_by);
    }
    if (node->order_by.count) {
        wr_print_if(out, out->length > start, " ");
        wr_buf_add_text(out, "ORDER BY ");
        wr_print_series(out, node->order_by);
    }
    wr_print_if(out, node->frame && out->length > start, " ");
    wr_node_format(out, node->frame);
    wr_buf_add_char(out, ')');
}

void wr_print_type(wr_buf *out, const wr_sql_type *node)
{
    static const char *const words[] = {"", "STRUCT", "UNION", "MAP", "ENUM", ""};
    if (node->form == WR_TYPE_ARRAY) {
        wr_node_format(out, node->arguments.items[0]);
        if (node->size < 0)
            wr_buf_add_text(out, "[]");
        else
            wr_buf_printf(out, "[%lld]", (long long)node->size);
        return;
    }
    wr_buf_add_text(out, words[node->form]);
    wr_print_qualified(out, node->name, WR_PLACE_FUNCTION);
    if (node->unit != WR_UNIT_NONE) {
        wr_print_unit(out, node->unit, node->to, -1);
    }
    if (node->form == WR_TYPE_NAMED && !node->modifiers.count) return;
    wr_buf_add_char(out, '(');
    wr_print_series(out, node->modifiers);
    wr_print_series(out, node->arguments);
    wr_node_format(out, node->query);
    wr_buf_add_char(out, ')');
}
