/* expr.h - syntax nodes of expressions, windows and types. */
#pragma once
#include "sql/node.h"

typedef enum wr_sql_op {
    WR_OP_NONE = 0,
#define X(name, text, level) WR_OP_##name,
#include "sql/operators.def"
#undef X
    WR_OP_COUNT
} wr_sql_op;

/* The operator as written in SQL: "+", "IS DISTINCT FROM". */
const char *wr_sql_op_text(wr_sql_op op);

/* PostgreSQL's precedence, loosest first. */
typedef enum wr_level {
    WR_LEVEL_NONE,
    WR_LEVEL_OR,
    WR_LEVEL_AND,
    WR_LEVEL_NOT,
    WR_LEVEL_IS,
    WR_LEVEL_COMPARE,
    WR_LEVEL_LIKE,
    WR_LEVEL_OTHER,
    WR_LEVEL_ADD,
    WR_LEVEL_MUL,
    WR_LEVEL_POWER,
    WR_LEVEL_AT,
    WR_LEVEL_COLLATE,
    WR_LEVEL_SIGN,
    WR_LEVEL_PRIMARY
} wr_level;
wr_level wr_sql_op_level(wr_sql_op op);

typedef enum wr_literal_kind {
    WR_LIT_NULL,
    WR_LIT_TRUE,
    WR_LIT_FALSE,
    WR_LIT_INTEGER, /* decimal digits of any length; 0x, 0o and 0b forms and underscores are
                       resolved */
    WR_LIT_DECIMAL, /* digits with a point */
    WR_LIT_FLOAT,   /* with an exponent */
    WR_LIT_STRING,  /* decoded: escapes and doubled quotes are resolved */
    WR_LIT_BITS,    /* b'0101': the digits */
    WR_LIT_HEX      /* x'1fe0': the digits */
} wr_literal_kind;

struct wr_sql_literal {
    wr_node node;
    wr_literal_kind literal;
    wr_str text;
};

/* DATE '2024-01-31', float8 '1.5', my_enum 'red': a type and the text to convert. */
struct wr_sql_typed_literal {
    wr_node node;
    wr_node *type;
    wr_str text;
};

typedef enum wr_interval_unit {
    WR_UNIT_NONE,
    WR_UNIT_YEAR,
    WR_UNIT_MONTH,
    WR_UNIT_DAY,
    WR_UNIT_HOUR,
    WR_UNIT_MINUTE,
    WR_UNIT_SECOND,
    WR_UNIT_MILLISECOND,
    WR_UNIT_MICROSECOND,
    WR_UNIT_WEEK,
    WR_UNIT_QUARTER,
    WR_UNIT_DECADE,
    WR_UNIT_CENTURY,
    WR_UNIT_MILLENNIUM
} wr_interval_unit;

/* INTERVAL '1 day' (unit NONE), INTERVAL 1 day, INTERVAL (x + 1) day, INTERVAL '1:02' HOUR TO
 * SECOND(3). */
struct wr_sql_interval {
    wr_node node;
    wr_node *value;            /* a string literal, or any expression when unit is given */
    wr_interval_unit unit, to; /* to: NONE unless a range was given */
    int precision;             /* of seconds; -1 = not given */
};

struct wr_sql_column { /* a, t.a, s.t.a, c.s.t.a or field access: the binder decides */
    wr_node node;
    wr_names parts;
};

struct wr_sql_star { /* *, t.*, (struct_value).* */
    wr_node node;
    wr_names qualifier;
    wr_node *operand;
    wr_nodes exclude; /* wr_sql_column */
    wr_nodes replace; /* wr_sql_item: new value AS column */
    wr_nodes rename;  /* wr_sql_item: wr_sql_column AS new name */
};

struct wr_sql_columns { /* COLUMNS('re'), COLUMNS(*), COLUMNS(c -> ...), COLUMNS([a, b]),
                           t.COLUMNS(..) */
    wr_node node;
    wr_names qualifier;
    wr_node *pattern;
    bool unpack; /* *COLUMNS(..): expand into arguments */
};

struct wr_sql_param { /* $1, ?, :name, $name */
    wr_node node;
    int index; /* from 1; "?" and names are numbered in order of text, the same name once */
    wr_str name;
};

struct wr_sql_unary { /* + - ~ @ |/ ||/ !; NOT is WR_OP_NONE */
    wr_node node;
    wr_sql_op op; /* WR_OP_NONE: NOT */
    wr_node *operand;
};

struct wr_sql_binary { /* span: the operator */
    wr_node node;
    wr_sql_op op;
    wr_node *left, *right;
};

struct wr_sql_logic { /* a AND b AND c: one flat list of at least two */
    wr_node node;
    bool is_or;
    wr_nodes operands;
};

typedef enum wr_test_kind { WR_IS_NULL, WR_IS_TRUE, WR_IS_FALSE, WR_IS_UNKNOWN } wr_test_kind;
struct wr_sql_test {
    wr_node node;
    wr_test_kind test;
    bool negated;
    wr_node *operand;
};

struct wr_sql_between {
    wr_node node;
    bool negated, symmetric;
    wr_node *operand, *low, *high;
};

struct wr_sql_in { /* exactly one of list, query, array is set */
    wr_node node;
    bool negated;
    wr_node *operand;
    wr_nodes list;
    wr_node *query; /* wr_sql_query */
    wr_node *array; /* x IN expression_giving_a_list */
};

typedef enum wr_like_kind { WR_LIKE, WR_ILIKE, WR_SIMILAR, WR_GLOB } wr_like_kind;
struct wr_sql_like {
    wr_node node;
    wr_like_kind like;
    bool negated;
    wr_node *operand, *pattern, *escape;
};

struct wr_sql_quantified { /* x op ANY (...), x op ALL (...); exactly one of query and array */
    wr_node node;
    wr_sql_op op; /* LIKE ANY is WR_OP_LIKE, and so on */
    bool all;
    wr_node *operand, *query, *array;
};

struct wr_sql_exists { /* NOT EXISTS is a NOT around it */
    wr_node node;
    wr_node *query;
};

struct wr_sql_subquery { /* (SELECT ...) as a value, or ARRAY(SELECT ...) */
    wr_node node;
    bool array;
    wr_node *query;
};

struct wr_sql_case {
    wr_node node;
    wr_node *operand; /* NULL: searched CASE */
    wr_nodes whens;   /* wr_sql_when */
    wr_node *otherwise;
};

struct wr_sql_when {
    wr_node node;
    wr_node *condition, *result;
};

struct wr_sql_cast { /* CAST(x AS t), TRY_CAST(x AS t), x::t */
    wr_node node;
    bool try_cast;
    wr_node *operand, *type;
};

/* How a call was written. The arguments are always those of the plain function, so binding may
 * ignore this. */
typedef enum wr_call_syntax {
    WR_CALL_PLAIN,
    WR_CALL_KEYWORD,   /* CURRENT_DATE, LOCALTIME, SESSION_USER: no parentheses */
    WR_CALL_EXTRACT,   /* extract('year', x) */
    WR_CALL_POSITION,  /* position(text, part) from POSITION(part IN text) */
    WR_CALL_SUBSTRING, /* substring(text, from, for); FOR alone: from is 1 */
    WR_CALL_SIMILAR, /* substring(text, pattern, escape) from SUBSTRING(text SIMILAR pattern ESCAPE
                        escape) */
    WR_CALL_OVERLAY, /* overlay(text, placing, from, for) */
    WR_CALL_TRIM,    /* btrim, ltrim, rtrim (text [, characters]) */
    WR_CALL_TIME_ZONE, /* timezone(zone, x) from x AT TIME ZONE zone */
    WR_CALL_OVERLAPS   /* overlaps(a, b, c, d) from (a, b) OVERLAPS (c, d) */
} wr_call_syntax;

typedef enum wr_null_treatment {
    WR_NULLS_UNSAID,
    WR_NULLS_RESPECT,
    WR_NULLS_IGNORE
} wr_null_treatment;

struct wr_sql_call { /* coalesce, nullif, greatest, grouping, row_number ... are calls as well;
                        span: the name */
    wr_node node;
    wr_names name;
    wr_call_syntax syntax;
    wr_nodes args; /* expressions; named ones are wr_sql_arg; count(*) has one wr_sql_star */
    bool distinct, variadic, within_group;
    wr_nodes order_by; /* wr_sql_order_item: inside the parentheses, or of WITHIN GROUP */
    wr_null_treatment nulls;
    wr_node *filter;
    wr_node *over; /* wr_sql_window; OVER w has only .base */
};

struct wr_sql_arg { /* name => value; also the fields of struct literals */
    wr_node node;
    wr_name name;
    wr_node *value;
};

struct wr_sql_collate {
    wr_node node;
    wr_node *operand;
    wr_names collation;
};

struct wr_sql_row { /* (a, b) or ROW(a, b) */
    wr_node node;
    bool keyword;
    wr_nodes items;
};

struct wr_sql_list { /* [a, b] or ARRAY[a, b] */
    wr_node node;
    wr_nodes items;
};

struct wr_sql_struct { /* {name: value, ...} */
    wr_node node;
    wr_nodes fields; /* wr_sql_arg */
};

struct wr_sql_map { /* MAP {key: value, ...}: lists of equal length */
    wr_node node;
    wr_nodes keys, values;
};

struct wr_sql_subscript {
    wr_node node;
    wr_node *operand, *index;
};

struct wr_sql_slice { /* a[low:high:step], each may be NULL */
    wr_node node;
    wr_node *operand, *low, *high, *step;
};

struct wr_sql_field { /* (expression).name */
    wr_node node;
    wr_node *operand;
    wr_name name;
};

struct wr_sql_comprehension { /* [result FOR variables IN source IF condition] */
    wr_node node;
    wr_node *result;
    wr_names variables; /* one, or element and index */
    wr_node *source, *condition;
};

/* x -> body, (x, y) -> body, lambda x, y: body. "f(x -> e)" is a lambda if f is one of the
 * functions that take one (list_transform, list_filter, ...) or e mentions x; otherwise it is
 * WR_OP_JSON_GET. */
struct wr_sql_lambda {
    wr_node node;
    wr_names params;
    wr_node *body;
};

struct wr_sql_default { /* DEFAULT as a value in INSERT and UPDATE */
    wr_node node;
};

typedef enum wr_frame_mode { WR_FRAME_ROWS, WR_FRAME_RANGE, WR_FRAME_GROUPS } wr_frame_mode;
typedef enum wr_bound_kind {
    WR_BOUND_UNBOUNDED_PRECEDING,
    WR_BOUND_PRECEDING,
    WR_BOUND_CURRENT_ROW,
    WR_BOUND_FOLLOWING,
    WR_BOUND_UNBOUNDED_FOLLOWING
} wr_bound_kind;
typedef enum wr_frame_exclude {
    WR_EXCLUDE_NONE,
    WR_EXCLUDE_CURRENT_ROW,
    WR_EXCLUDE_GROUP,
    WR_EXCLUDE_TIES
} wr_frame_exclude;

struct wr_sql_frame {
    wr_node node;
    wr_frame_mode mode;
    wr_bound_kind start, end; /* without BETWEEN end is CURRENT ROW */
    wr_node *start_offset, *end_offset;
    wr_frame_exclude exclude;
};

struct wr_sql_window { /* OVER (...), OVER name, WINDOW name AS (...) */
    wr_node node;
    wr_name name; /* of the WINDOW clause definition */
    wr_name base; /* the window it refers to */
    bool bare;    /* OVER name, without parentheses */
    wr_nodes partition_by;
    wr_nodes order_by; /* wr_sql_order_item */
    wr_node *frame;    /* wr_sql_frame or NULL */
};

typedef enum wr_order_direction { WR_ORDER_UNSAID, WR_ORDER_ASC, WR_ORDER_DESC } wr_order_direction;
typedef enum wr_order_nulls {
    WR_ORDER_NULLS_UNSAID,
    WR_ORDER_NULLS_FIRST,
    WR_ORDER_NULLS_LAST
} wr_order_nulls;

struct wr_sql_order_item { /* ORDER BY ALL has a NULL value; USING < and > are ASC and DESC */
    wr_node node;
    wr_node *value;
    wr_order_direction direction;
    wr_order_nulls nulls;
    wr_names opclass; /* only in CREATE INDEX */
};

typedef enum wr_type_form {
    WR_TYPE_NAMED,  /* name [(modifiers)]; words are joined into one: double, varchar, timestamptz,
                       timetz, varbit */
    WR_TYPE_STRUCT, /* STRUCT(a int, ..), ROW(a int, ..), STRUCT<a int>: fields are
                       wr_sql_column_def */
    WR_TYPE_UNION,  /* UNION(a int, ..) */
    WR_TYPE_MAP,    /* arguments: key, value */
    WR_TYPE_ENUM,   /* modifiers: string literals; or query */
    WR_TYPE_ARRAY   /* element[] or element[n]: arguments: element; LIST(t) and ARRAY<t> as well */
} wr_type_form;

struct wr_sql_type {
    wr_node node;
    wr_type_form form;
    wr_names name;
    wr_nodes modifiers;        /* expressions: DECIMAL(p, s), VARCHAR(n) */
    wr_nodes arguments;        /* wr_sql_type; of STRUCT and UNION wr_sql_column_def */
    wr_node *query;            /* ENUM (SELECT ...) */
    int64_t size;              /* of an ARRAY with fixed size; else -1 */
    wr_interval_unit unit, to; /* INTERVAL day TO second */
};

/* The name PostgreSQL gives the result column of the expression: the column's, the function's, the
 * type's of a cast of something nameless, "case", "?column?" ... Borrowed from the tree or static.
 */
wr_str wr_node_column_name(const wr_node *expression);
