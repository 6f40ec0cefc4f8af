/* query.h - syntax nodes of queries and of what stands in FROM. */
#pragma once
#include "sql/expr.h"

/* Any query, top level or in parentheses: WITH, a body, and what applies to the whole result. FROM
 * t without SELECT and TABLE t become SELECT * FROM t. */
struct wr_sql_query {
    wr_node node;
    bool recursive;
    wr_nodes ctes;     /* wr_sql_cte */
    wr_node *body;     /* wr_sql_select, wr_sql_setop, wr_sql_values, wr_sql_query (parentheses),
                          wr_sql_pivot,     wr_sql_unpivot, wr_sql_describe, wr_sql_show, or DML with
                          RETURNING inside a CTE */
    wr_nodes order_by; /* wr_sql_order_item */
    wr_node *limit;    /* NULL also for LIMIT ALL */
    bool limit_percent, with_ties;
    wr_node *offset;
    wr_nodes locks;     /* wr_sql_lock */
    bool emit_on_close; /* EMIT ON WINDOW CLOSE */
    bool emit_changes;  /* EMIT CHANGES */
    wr_nodes emit_with; /* EMIT .. WITH (..): wr_sql_option */
};

typedef enum wr_materialized {
    WR_MATERIALIZED_UNSAID,
    WR_MATERIALIZED_YES,
    WR_MATERIALIZED_NO
} wr_materialized;
struct wr_sql_cte {
    wr_node node;
    wr_name name;
    wr_names columns;
    wr_names key; /* USING KEY (..) of a recursive one */
    wr_materialized materialized;
    wr_node *query; /* wr_sql_query; or wr_sql_insert, _update, _delete, _merge */
};

struct wr_sql_select {
    wr_node node;
    bool distinct;
    wr_nodes distinct_on;
    wr_nodes items; /* wr_sql_item */
    wr_nodes from;  /* relations, comma separated */
    wr_node *where;
    bool group_all, group_distinct;
    wr_nodes group_by; /* expressions and wr_sql_grouping_set */
    wr_node *having;
    wr_nodes windows; /* wr_sql_window with name */
    wr_node *qualify;
    wr_node *sample; /* USING SAMPLE */
    wr_node *window_by, *keyword_search, *hybrid_search;
};

typedef enum wr_setop_kind { WR_UNION, WR_INTERSECT, WR_EXCEPT } wr_setop_kind;
struct wr_sql_setop { /* ((a op b) op c): one flat list while op, all and by_name are the same */
    wr_node node;
    wr_setop_kind op;
    bool all, by_name;
    wr_nodes inputs; /* as wr_sql_query.body, at least two */
};

struct wr_sql_values {
    wr_node node;
    wr_nodes rows; /* wr_sql_row */
};

struct wr_sql_item { /* value AS alias, or "alias: value" */
    wr_node node;
    wr_node *value;
    wr_name alias;
};

typedef enum wr_grouping_kind {
    WR_GROUPING_SETS, /* sets: expressions, wr_sql_row for several, wr_sql_row of none for () */
    WR_GROUPING_ROLLUP,
    WR_GROUPING_CUBE
} wr_grouping_kind;
struct wr_sql_grouping_set {
    wr_node node;
    wr_grouping_kind grouping;
    wr_nodes sets;
};

/* AS name (columns), of any relation. */
typedef struct wr_sql_alias {
    wr_name name;
    wr_names columns;
    wr_nodes types; /* wr_sql_column_def: f(..) AS t(a int, b text) */
} wr_sql_alias;

struct wr_sql_table_ref { /* span: the name */
    wr_node node;
    wr_names name; /* catalog.schema.table */
    bool file;     /* FROM 'path': name is one quoted text, the path */
    bool only;
    wr_sql_alias alias;
    wr_node *time_travel; /* AT (..) */
    wr_node *sample;
};

struct wr_sql_function_ref {
    wr_node node;
    wr_node *call; /* wr_sql_call */
    bool lateral, ordinality;
    wr_sql_alias alias;
    wr_node *sample;
};

struct wr_sql_query_ref { /* (SELECT ..) AS t, (VALUES ..) AS t(a, b) */
    wr_node node;
    wr_node *query; /* wr_sql_query */
    bool lateral;
    wr_sql_alias alias;
    wr_node *sample;
};

typedef enum wr_sql_join_kind {
    WR_JOIN_SQL_INNER,
    WR_JOIN_SQL_LEFT,
    WR_JOIN_SQL_RIGHT,
    WR_JOIN_SQL_FULL,
    WR_JOIN_SQL_CROSS,
    WR_JOIN_SQL_SEMI,
    WR_JOIN_SQL_ANTI,
    WR_JOIN_SQL_POSITIONAL
} wr_sql_join_kind;
struct wr_sql_join { /* span: the JOIN words */
    wr_node node;
    wr_sql_join_kind join;
    bool natural, asof;
    wr_node *left, *right;
    wr_node *on;
    wr_names using;
    wr_name using_alias; /* USING (a) AS u */
    wr_sql_alias alias;  /* (a JOIN b ..) AS t */
};

/* PIVOT t ON c IN (..) USING sum(x) GROUP BY g, and t PIVOT (sum(x) FOR c IN (..) GROUP BY g) */
struct wr_sql_pivot {
    wr_node node;
    wr_node *source;
    wr_nodes on;     /* wr_sql_pivot_on */
    wr_nodes values; /* wr_sql_item: aggregates */
    wr_names group_by;
    wr_sql_alias alias;
};

struct wr_sql_pivot_on { /* expression [IN (values)] */
    wr_node node;
    wr_node *value;
    wr_nodes in; /* wr_sql_item; empty: all values found */
    wr_node *in_query;
    wr_names in_enum; /* IN enum_name */
};

/* UNPIVOT t ON a, (b, c) AS d INTO NAME n VALUE v, and t UNPIVOT (v FOR n IN (a, b)) */
struct wr_sql_unpivot {
    wr_node node;
    wr_node *source;
    wr_nodes on; /* wr_sql_item; value: column, wr_sql_row of columns, star or COLUMNS */
    wr_name name_column;
    wr_names value_columns;
    bool include_nulls;
    wr_sql_alias alias;
};

typedef enum wr_sample_unit { WR_SAMPLE_PERCENT, WR_SAMPLE_ROWS } wr_sample_unit;
struct wr_sql_sample {
    wr_node node;
    wr_name method; /* bernoulli, system, reservoir; empty = not said */
    wr_node *size;
    wr_sample_unit unit;
    wr_node *seed; /* REPEATABLE (seed) */
};

struct wr_sql_time_travel { /* AT (VERSION => n), AT (TIMESTAMP => x), FOR SYSTEM_TIME AS OF x */
    wr_node node;
    bool version;
    wr_node *value;
};

typedef enum wr_lock_strength {
    WR_LOCK_UPDATE,
    WR_LOCK_NO_KEY_UPDATE,
    WR_LOCK_SHARE,
    WR_LOCK_KEY_SHARE
} wr_lock_strength;
struct wr_sql_lock {
    wr_node node;
    wr_lock_strength strength;
    wr_nodes tables; /* wr_sql_name_node */
    bool nowait, skip_locked;
};

struct wr_sql_window_by { /* WINDOW BY ts EVERY 60000 [SLIDE 10000] AS w */
    wr_node node;
    wr_node *time, *every, *slide;
    wr_name alias;
};

struct wr_sql_keyword_search { /* KEYWORD SEARCH (a, b) QUERY 'q' [TOP_K n] */
    wr_node node;
    wr_nodes columns; /* wr_sql_column */
    wr_node *query, *top_k;
};

struct wr_sql_hybrid_search { /* HYBRID SEARCH c QUERY 'v' [METRIC m] [TOP_K n] [SCORE_THRESHOLD x]
                               */
    wr_node node;
    wr_node *column, *query;
    wr_name metric;
    wr_node *top_k, *threshold;
};
