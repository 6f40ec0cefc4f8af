/* parse_type.c - type names, and the literals that begin with one (DATE '..', INTERVAL 1 day).
 *
 * Names of several words become one: DOUBLE PRECISION is double, TIMESTAMP WITH TIME ZONE is
 * timestamptz. Any other name is kept as spelled for the binder. Array suffixes wrap the type, so
 * int[3][] is a list of arrays of 3. Trap: ">>" may close two angle brackets; the token is then
 * split in place. */
#include "sql/parser.h"

static wr_sql_type *new_type(wr_parser *p, wr_type_form form)
{
    wr_sql_type *node = WR_NODE(p, TYPE, type, span_now(p));
    node->form = form;
    node->size = -1;
    return node;
}

static void set_name(wr_parser *p, wr_sql_type *type, const char *name)
{
    wr_name_list list = {0};
    wr_push(p->arena, &list, ((wr_name){wr_str_of(name), type->node.span, false}));
    type->name = wr_names_of(&list);
}

static bool take_angle_close(wr_parser *p)
{
    wr_token *token = &p->tokens[p->at];
    if (take_op(p, WR_OP_GT)) return true;
    if (!at_op(p, WR_OP_SHIFT_RIGHT)) return false;
    token->detail = WR_OP_GT;
    token->pos++;
    token->length = 1;
    return true;
}

/* Fields "name type" or "name: type" up to the closing bracket, which is taken. */
static wr_nodes parse_fields(wr_parser *p, bool angle)
{
    wr_node_list list = {0};
    while (!at_punct(p, ')') && !p->error) {
        wr_sql_column_def *field = WR_NODE(p, COLUMN_DEF, column_def, span_now(p));
        field->name = wr_grammar_label(p, "the name of a field");
        take_punct(p, ':');
        field->type = wr_grammar_type(p);
        wr_push(p->arena, &list, &field->node);
        if (!take_punct(p, ',')) break;
    }
    if (!angle)
        wr_need_punct(p, ')');
    else if (!take_angle_close(p))
        wr_expected(p, ">");
    return wr_nodes_of(&list);
}

static wr_nodes parse_type_arguments(wr_parser *p, bool angle)
{
    wr_node_list list = {0};
    do
        wr_push(p->arena, &list, wr_grammar_type(p));
    while (take_punct(p, ','));
    if (!angle)
        wr_need_punct(p, ')');
    else if (!take_angle_close(p))
        wr_expected(p, ">");
    return wr_nodes_of(&list);
}

/* STRUCT(..), ROW(..), UNION(..), MAP(..), LIST<..>, ARRAY<..>; NULL if the cursor is at none of
 * them. */
static wr_sql_type *parse_nested_type(wr_parser *p)
{
    const wr_token *next = ahead(p, 1);
    bool angle = token_is_op(next, WR_OP_LT), open = angle || token_is_punct(next, '(');
    if (!open || now(p)->kind != WR_TOKEN_NAME) return NULL;
    bool fields = at_text(p, "struct") || at_text(p, "row") || at_text(p, "union");
    bool map = at_text(p, "map"), list = at_text(p, "list") || (angle && at_text(p, "array"));
    if (!fields && !map && !list) return NULL;
    wr_sql_type *type = new_type(p, at_text(p, "union") ? WR_TYPE_UNION
                                    : fields            ? WR_TYPE_STRUCT
                                    : map               ? WR_TYPE_MAP
                                                        : WR_TYPE_ARRAY);
    advance(p);
    advance(p);
    type->arguments = fields ? parse_fields(p, angle) : parse_type_arguments(p, angle);
    int wanted = map ? 2 : list ? 1 : type->arguments.count;
    if (type->arguments.count != wanted)
        wr_misplaced(p, type->node.span,
                     map ? "MAP needs two types, of key and value" : "one type is needed here",
                     NULL);
    return type;
}

static wr_sql_type *parse_enum(wr_parser *p)
{
    wr_sql_type *type = new_type(p, WR_TYPE_ENUM);
    advance(p);
    advance(p);
    if (wr_at_query(p)) {
        type->query = wr_grammar_query(p);
    } else {
        wr_node_list list = {0};
        while (!at_punct(p, ')') && !p->error) {
            wr_push(p->arena, &list, wr_grammar_string(p, "a text"));
            if (!take_punct(p, ',')) break;
        }
        type->modifiers = wr_nodes_of(&list);
    }
    wr_need_punct(p, ')');
    return type;
}

static void parse_modifiers(wr_parser *p, wr_sql_type *type)
{
    if (!take_punct(p, '(')) return;
    if (!at_punct(p, ')')) type->modifiers = wr_grammar_expressions(p);
    wr_need_punct(p, ')');
}

/* WITH or WITHOUT TIME ZONE behind TIME and TIMESTAMP. */
static bool take_with_time_zone(wr_parser *p)
{
    bool with = at_word2(p, WR_KW_WITH, WR_KW_TIME),
         without = at_word2(p, WR_KW_WITHOUT, WR_KW_TIME);
    if ((!with && !without) || ahead(p, 2)->keyword != WR_KW_ZONE) return false;
    for (int i = 0; i < 3; i++)
        advance(p);
    return with;
}

/* Names of several words; false (nothing taken) if the cursor is at a plain name. */
static bool parse_wordy_type(wr_parser *p, wr_sql_type *type)
{
    if (at_word(p, WR_KW_TIMESTAMP) || at_word(p, WR_KW_TIME)) {
        bool stamp = at_word(p, WR_KW_TIMESTAMP);
        type->name.items = wr_new(p->arena, wr_name);
        type->name.items[0] = wr_name_of(now(p));
        type->name.count = 1;
        advance(p);
        parse_modifiers(p, type);
        if (take_with_time_zone(p)) set_name(p, type, stamp ? "timestamptz" : "timetz");
        return true;
    }
    if (at_word2(p, WR_KW_DOUBLE, WR_KW_PRECISION)) {
        take_word2(p, WR_KW_DOUBLE, WR_KW_PRECISION);
        set_name(p, type, "double");
        return true;
    }
    if (at_word(p, WR_KW_INTERVAL)) {
        int precision = -1;
        advance(p);
        set_name(p, type, "interval");
        type->unit = wr_take_interval_unit(p, &type->to, &precision);
        if (type->unit == WR_UNIT_NONE) {
            parse_modifiers(p, type);
        } else if (precision >= 0) {
            wr_node_list list = {0};
            wr_sql_literal *digits = WR_NODE(p, LITERAL, literal, type->node.span);
            digits->literal = WR_LIT_INTEGER;
            digits->text = wr_arena_printf(p->arena, "%d", precision);
            wr_push(p->arena, &list, &digits->node);
            type->modifiers = wr_nodes_of(&list);
        }
        return true;
    }
    bool national = at_word(p, WR_KW_NATIONAL);
    const wr_token *base = ahead(p, national);
    bool character = base->keyword == WR_KW_CHARACTER || base->keyword == WR_KW_CHAR;
    bool varying = ahead(p, national + 1)->keyword == WR_KW_VARYING;
    if (!(character && (national || varying)) && !(base->keyword == WR_KW_BIT && varying))
        return false;
    for (int i = 0; i < 1 + national + varying; i++)
        advance(p);
    set_name(p, type, !character ? "varbit" : varying ? "varchar" : "char");
    parse_modifiers(p, type);
    return true;
}

static wr_sql_type *parse_plain_type(wr_parser *p)
{
    wr_sql_type *type = new_type(p, WR_TYPE_NAMED);
    if (parse_wordy_type(p, type)) return type;
    const wr_token *token = now(p);
    if (!wr_token_is_function_name(token) && !wr_token_is_column_name(token)) {
        wr_expected(p, "a type");
        return type;
    }
    wr_name_list parts = {0};
    wr_push(p->arena, &parts, wr_name_of(token));
    advance(p);
    while (at_punct(p, '.') && wr_token_is_label(ahead(p, 1))) {
        advance(p);
        wr_push(p->arena, &parts, wr_grammar_label(p, "a type"));
    }
    type->name = wr_names_of(&parts);
    parse_modifiers(p, type);
    return type;
}

static wr_node *wrap_array(wr_parser *p, wr_node *element, int64_t size)
{
    wr_sql_type *array = WR_NODE(p, TYPE, type, element->span);
    wr_node_list list = {0};
    wr_push(p->arena, &list, element);
    array->form = WR_TYPE_ARRAY;
    array->arguments = wr_nodes_of(&list);
    array->size = size;
    return &array->node;
}

wr_node *wr_grammar_type(wr_parser *p)
{
    if (!wr_parser_enter(p)) return p->hole;
    take_word(p, WR_KW_SETOF);
    bool is_enum = at_word(p, WR_KW_ENUM) && token_is_punct(ahead(p, 1), '(');
    wr_sql_type *type = is_enum ? parse_enum(p) : parse_nested_type(p);
    if (!type) type = parse_plain_type(p);
    type->node.span = span_since(p, type->node.span);
    wr_node *result = &type->node;
    for (;;) {
        int64_t size = -1;
        bool word = at_word(p, WR_KW_ARRAY);
        if (word) advance(p);
        if (take_punct(p, '[')) {
            if (!at_punct(p, ']') && !wr_take_integer(p, &size))
                wr_expected(p, "the length of the array");
            wr_need_punct(p, ']');
        } else if (!word) {
            break;
        }
        result = wrap_array(p, result, size);
    }
    wr_parser_leave(p);
    return result;
}

/* Steps over "( .. )" from the given token; 0 if it is never closed. */
static int steps_over_brackets(const wr_parser *p, int steps)
{
    int depth = 0;
    for (; p->at + steps < p->count - 1; steps++) {
        const wr_token *token = ahead(p, steps);
        if (token_is_punct(token, '(')) depth++;
        if (token_is_punct(token, ')') && --depth == 0) return steps + 1;
        if (token->kind != WR_TOKEN_PUNCT && token->kind != WR_TOKEN_INTEGER) return 0;
    }
    return 0;
}

bool wr_at_typed_literal(const wr_parser *p)
{
    const wr_token *token = now(p), *next = ahead(p, 1);
    if (!wr_token_is_function_name(token) || token->keyword == WR_KW_INTERVAL) return false;
    int steps = 1;
    if (next->kind == WR_TOKEN_STRING) {
        /* LIKE 'x' and the like: operators are no types. */
        return !token->keyword || wr_keyword_category_of(token->keyword) != WR_WORD_TYPE_FUNC;
    }
    bool timed = token->keyword == WR_KW_TIMESTAMP || token->keyword == WR_KW_TIME;
    bool wordy = timed || (token->keyword == WR_KW_DOUBLE && next->keyword == WR_KW_PRECISION) ||
                 next->keyword == WR_KW_VARYING;
    bool numeric = token->keyword == WR_KW_DECIMAL || token->keyword == WR_KW_NUMERIC ||
                   token->keyword == WR_KW_DEC || token->keyword == WR_KW_VARCHAR ||
                   token->keyword == WR_KW_CHAR || token->keyword == WR_KW_FLOAT ||
                   token->keyword == WR_KW_BIT || token->keyword == WR_KW_CHARACTER;
    if (token_is_punct(next, '.') && token->kind == WR_TOKEN_NAME) return false;
    if (!wordy && !numeric) return false;
    if (wordy && !timed) steps = 2;
    if (token_is_punct(ahead(p, steps), '(')) steps = steps_over_brackets(p, steps);
    if (steps && timed && ahead(p, steps + 1)->keyword == WR_KW_TIME &&
        ahead(p, steps + 2)->keyword == WR_KW_ZONE)
        steps += 3;
    return steps > 0 && ahead(p, steps)->kind == WR_TOKEN_STRING;
}

static const struct unit_row {
    const char *one, *many;
    wr_interval_unit unit;
} unit_rows[] = {
    {"year", "years", WR_UNIT_YEAR},
    {"month", "months", WR_UNIT_MONTH},
    {"day", "days", WR_UNIT_DAY},
    {"hour", "hours", WR_UNIT_HOUR},
    {"minute", "minutes", WR_UNIT_MINUTE},
    {"second", "seconds", WR_UNIT_SECOND},
    {"millisecond", "milliseconds", WR_UNIT_MILLISECOND},
    {"microsecond", "microseconds", WR_UNIT_MICROSECOND},
    {"week", "weeks", WR_UNIT_WEEK},
    {"quarter", "quarters", WR_UNIT_QUARTER},
    {"decade", "decades", WR_UNIT_DECADE},
    {"century", "centuries", WR_UNIT_CENTURY},
    {"millennium", "millennia", WR_UNIT_MILLENNIUM},
};

static wr_interval_unit take_unit(wr_parser *p)
{
    for (size_t i = 0; i < WR_COUNT(unit_rows); i++)
        if (take_text(p, unit_rows[i].one) || take_text(p, unit_rows[i].many))
            return unit_rows[i].unit;
    return WR_UNIT_NONE;
}

wr_interval_unit wr_take_interval_unit(wr_parser *p, wr_interval_unit *to, int *precision)
{
    wr_interval_unit unit = take_unit(p);
    int64_t digits = -1;
    *to = WR_UNIT_NONE;
    if (unit == WR_UNIT_NONE) return unit;
    if (at_word(p, WR_KW_TO)) {
        const wr_token *next = ahead(p, 1);
        if (token_is_text(next, "month") || token_is_text(next, "hour") ||
            token_is_text(next, "minute") || token_is_text(next, "second")) {
            advance(p);
            *to = take_unit(p);
        }
    }
    wr_interval_unit last = *to ? *to : unit;
    if (last == WR_UNIT_SECOND && at_punct(p, '(') && ahead(p, 1)->kind == WR_TOKEN_INTEGER &&
        token_is_punct(ahead(p, 2), ')')) {
        advance(p);
        wr_take_integer(p, &digits);
        advance(p);
        *precision = (int)digits;
    }
    return unit;
}

/* Is there a unit behind the number or bracket that follows INTERVAL? Otherwise INTERVAL is a name.
 */
static bool at_unit_behind(const wr_parser *p, int steps)
{
    for (size_t i = 0; i < WR_COUNT(unit_rows); i++) {
        const wr_token *token = ahead(p, steps);
        if (token_is_text(token, unit_rows[i].one) || token_is_text(token, unit_rows[i].many))
            return true;
    }
    return false;
}

/* Steps over "( anything )" from the given token; 0 if it is never closed. */
static int steps_over_group(const wr_parser *p, int steps)
{
    int depth = 0;
    for (; p->at + steps < p->count - 1; steps++) {
        if (token_is_punct(ahead(p, steps), '(')) depth++;
        if (token_is_punct(ahead(p, steps), ')') && --depth == 0) return steps + 1;
    }
    return 0;
}

wr_node *wr_grammar_interval(wr_parser *p)
{
    wr_sql_interval *node = WR_NODE(p, INTERVAL, interval, span_now(p));
    const wr_token *next = ahead(p, 1);
    node->precision = -1;
    if (token_is_punct(next, '(') && ahead(p, 2)->kind == WR_TOKEN_INTEGER &&
        token_is_punct(ahead(p, 3), ')') && ahead(p, 4)->kind == WR_TOKEN_STRING) {
        int64_t precision;
        advance(p);
        advance(p);
        if (wr_take_integer(p, &precision)) node->precision = (int)precision;
        advance(p);
        node->value = wr_grammar_string(p, "a text");
    } else if (next->kind == WR_TOKEN_STRING) {
        advance(p);
        node->value = wr_grammar_string(p, "a text");
        node->unit = wr_take_interval_unit(p, &node->to, &node->precision);
    } else {
        bool sign = token_is_op(next, WR_OP_SUB) || token_is_op(next, WR_OP_ADD);
        int behind = token_is_punct(next, '(') ? steps_over_group(p, 1) : 2 + sign;
        const wr_token *first = ahead(p, 1 + sign);
        bool value = first->kind == WR_TOKEN_INTEGER || first->kind == WR_TOKEN_DECIMAL ||
                     first->kind == WR_TOKEN_PARAM || token_is_op(first, WR_OP_KEY_EXISTS) ||
                     token_is_punct(first, '(') || wr_token_is_column_name(first);
        if (!value || !behind || !at_unit_behind(p, behind)) return NULL;
        advance(p);
        wr_sql_op op = sign ? now(p)->detail : WR_OP_NONE;
        wr_span span = span_now(p);
        if (sign) advance(p);
        node->value = wr_grammar_primary_without_suffix(p);
        if (sign) {
            wr_sql_unary *unary = WR_NODE(p, UNARY, unary, span);
            unary->op = op;
            unary->operand = node->value;
            node->value = &unary->node;
        }
        node->unit = wr_take_interval_unit(p, &node->to, &node->precision);
    }
    node->node.span = span_since(p, node->node.span);
    return &node->node;
}
