/* statement.h - syntax nodes of statements; includes all other nodes. */
#pragma once
#include "sql/query.h"

/* name [=|=>|:|space] value. Names keep dots: 'properties.topic' and properties.topic are the same
 * text. */
struct wr_sql_option {
    wr_node node;
    wr_name name;
    wr_node *value; /* NULL: only the name was given; a bare word is a wr_sql_column */
};

struct wr_sql_name_node { /* a qualified name in a list */
    wr_node node;
    wr_names name;
};

/* What every CREATE has. */
typedef struct wr_create_mode {
    bool replace, temporary, if_not_exists;
} wr_create_mode;

typedef enum wr_table_role { WR_ROLE_TABLE, WR_ROLE_SOURCE, WR_ROLE_SINK } wr_table_role;
typedef enum wr_on_commit {
    WR_COMMIT_UNSAID,
    WR_COMMIT_PRESERVE,
    WR_COMMIT_DELETE,
    WR_COMMIT_DROP
} wr_on_commit;

struct wr_sql_create_table { /* CREATE TABLE, CREATE TABLE AS, CREATE SOURCE [TABLE], CREATE SINK
                                [TABLE] */
    wr_node node;
    wr_create_mode mode;
    wr_table_role role;
    bool unlogged;
    wr_names name;
    wr_nodes elements; /* wr_sql_column_def, _constraint, _like_table, _watermark */
    wr_node *query;    /* AS query; columns then have no type */
    bool no_data;      /* WITH NO DATA */
    wr_names from;     /* CREATE SINK k FROM table */
    wr_name format;    /* USING csv, FORMAT of a source */
    wr_nodes with;     /* WITH (..): wr_sql_option */
    wr_nodes options;  /* OPTIONS (..): wr_sql_option */
    wr_nodes encode;   /* FORMAT PLAIN ENCODE JSON (..): wr_sql_option */
    wr_name encode_name;
    wr_nodes partition_by; /* PARTITIONED BY (..) */
    wr_on_commit on_commit;
    bool emit_on_close;
};

struct wr_sql_column_def { /* also fields of STRUCT (no constraints) and FROM f() AS t(a int) */
    wr_node node;
    wr_name name;
    wr_node *type; /* NULL if left to the generating expression or query */
    wr_names collation;
    wr_nodes constraints; /* wr_sql_constraint */
};

typedef enum wr_constraint_kind {
    WR_CONSTRAINT_NOT_NULL,
    WR_CONSTRAINT_NULL,
    WR_CONSTRAINT_PRIMARY_KEY,
    WR_CONSTRAINT_UNIQUE,
    WR_CONSTRAINT_CHECK,
    WR_CONSTRAINT_DEFAULT,
    WR_CONSTRAINT_GENERATED,
    WR_CONSTRAINT_IDENTITY,
    WR_CONSTRAINT_FOREIGN_KEY
} wr_constraint_kind;
typedef enum wr_reference_action {
    WR_ACTION_UNSAID,
    WR_ACTION_NONE,
    WR_ACTION_RESTRICT,
    WR_ACTION_CASCADE,
    WR_ACTION_SET_NULL,
    WR_ACTION_SET_DEFAULT
} wr_reference_action;

struct wr_sql_constraint { /* of a column (columns empty) or of a table */
    wr_node node;
    wr_name name;
    wr_constraint_kind constraint;
    wr_node *expression; /* CHECK, DEFAULT, GENERATED */
    bool stored;         /* GENERATED .. STORED; else virtual */
    bool always;         /* IDENTITY ALWAYS; else BY DEFAULT */
    wr_names columns;    /* PRIMARY KEY, UNIQUE, FOREIGN KEY of a table */
    wr_names reference;  /* REFERENCES table */
    wr_names reference_columns;
    wr_reference_action on_delete, on_update;
    wr_names set_columns; /* ON DELETE SET NULL (a, b) */
    bool match_full;      /* MATCH FULL; else SIMPLE */
    bool deferrable, initially_deferred, not_valid, nulls_not_distinct;
    wr_nodes options; /* of the sequence of an IDENTITY */
};

/* What LIKE copies besides names, types and NOT NULL; bits. */
typedef enum wr_like_part {
    WR_LIKE_COMMENTS = 1,
    WR_LIKE_COMPRESSION = 2,
    WR_LIKE_CONSTRAINTS = 4,
    WR_LIKE_DEFAULTS = 8,
    WR_LIKE_GENERATED = 16,
    WR_LIKE_IDENTITY = 32,
    WR_LIKE_INDEXES = 64,
    WR_LIKE_STATISTICS = 128,
    WR_LIKE_STORAGE = 256,
    WR_LIKE_ALL = 511
} wr_like_part;
/* The words behind INCLUDING and EXCLUDING, in the order of the bits; NULL at the end. */
extern const char *const wr_like_words[];

struct wr_sql_like_table { /* LIKE t [INCLUDING x | EXCLUDING y] .. */
    wr_node node;
    wr_names name;
    int including; /* wr_like_part; what EXCLUDING took away again is not in it */
};

struct wr_sql_watermark { /* WATERMARK FOR column AS expression */
    wr_node node;
    wr_name column;
    wr_node *expression;
};

struct wr_sql_create_view {
    wr_node node;
    wr_create_mode mode;
    bool materialized, recursive;
    wr_names name, columns;
    wr_nodes options; /* WITH (..) */
    wr_node *query;
    bool no_data;
    bool emit_on_close;
};

struct wr_sql_create_schema {
    wr_node node;
    wr_create_mode mode;
    wr_names name;
};

struct wr_sql_create_sequence { /* ALTER SEQUENCE has the same options */
    wr_node node;
    wr_create_mode mode;
    wr_names name;
    wr_nodes options; /* as, increment, minvalue, maxvalue, start, restart, cache, cycle, owned_by:
                         names as here; a NULL value of minvalue, maxvalue, owned_by is NO MINVALUE
                         ..; cycle has true or false */
};

struct wr_sql_create_type {
    wr_node node;
    wr_create_mode mode;
    wr_names name;
    wr_node *type; /* wr_sql_type: ENUM, STRUCT or any other for an alias */
};

struct wr_sql_create_macro { /* CREATE MACRO f(a, b := 1) AS e; CREATE FUNCTION .. RETURNS .. */
    wr_node node;
    wr_create_mode mode;
    wr_names name;
    wr_nodes overloads; /* wr_sql_macro_body */
};

struct wr_sql_macro_body { /* exactly one of expression, query, text */
    wr_node node;
    wr_nodes params;  /* wr_sql_param_def */
    wr_node *returns; /* type; NULL if not said */
    bool returns_set;
    wr_nodes returns_table; /* RETURNS TABLE (a int): wr_sql_column_def */
    wr_name language;       /* empty = SQL */
    wr_nodes options;       /* IMMUTABLE, STRICT .. as bare options */
    wr_node *expression, *query;
    wr_node *text; /* AS 'body': string literal, for the language */
};

struct wr_sql_param_def {
    wr_node node;
    wr_name name;
    wr_node *type, *value; /* each may be NULL; value: the default */
};

struct wr_sql_create_index {
    wr_node node;
    wr_create_mode mode;
    bool unique, concurrently, nulls_not_distinct;
    wr_names name; /* may be empty */
    wr_names table;
    wr_name method; /* USING bm25 */
    wr_nodes items; /* wr_sql_order_item */
    wr_names include;
    wr_nodes options; /* WITH (..) */
    wr_node *where;
};

struct wr_sql_create_secret {
    wr_node node;
    wr_create_mode mode;
    bool persistent;
    wr_names name;   /* may be empty */
    wr_name storage; /* IN storage */
    wr_nodes options;
};

typedef enum wr_object_kind {
    WR_OBJECT_TABLE,
    WR_OBJECT_VIEW,
    WR_OBJECT_MATERIALIZED_VIEW,
    WR_OBJECT_SCHEMA,
    WR_OBJECT_SEQUENCE,
    WR_OBJECT_TYPE,
    WR_OBJECT_MACRO,
    WR_OBJECT_MACRO_TABLE,
    WR_OBJECT_FUNCTION,
    WR_OBJECT_INDEX,
    WR_OBJECT_SECRET,
    WR_OBJECT_SOURCE,
    WR_OBJECT_SINK,
    WR_OBJECT_DATABASE,
    WR_OBJECT_COLUMN,
    WR_OBJECT_CONSTRAINT
} wr_object_kind;
/* "TABLE", "MATERIALIZED VIEW". */
const char *wr_object_kind_text(wr_object_kind object);

struct wr_sql_alter {
    wr_node node;
    wr_object_kind object;
    bool if_exists, only;
    wr_names name;
    wr_nodes actions; /* wr_sql_alter_action, in order */
};

typedef enum wr_alter_kind {
    WR_ALTER_ADD_COLUMN,        /* column; if_not_exists; field: parent path for nested fields */
    WR_ALTER_DROP_COLUMN,       /* name; if_exists; cascade */
    WR_ALTER_RENAME_COLUMN,     /* name -> new_name */
    WR_ALTER_TYPE,              /* name; type (may be NULL); expression: USING */
    WR_ALTER_SET_DEFAULT,       /* name; expression */
    WR_ALTER_DROP_DEFAULT,      /* name */
    WR_ALTER_SET_NOT_NULL,      /* name */
    WR_ALTER_DROP_NOT_NULL,     /* name */
    WR_ALTER_RENAME,            /* new_name */
    WR_ALTER_SET_SCHEMA,        /* new_name */
    WR_ALTER_ADD_CONSTRAINT,    /* column: wr_sql_constraint */
    WR_ALTER_DROP_CONSTRAINT,   /* name; if_exists; cascade */
    WR_ALTER_RENAME_CONSTRAINT, /* name -> new_name */
    WR_ALTER_SET_OPTIONS,       /* options */
    WR_ALTER_RESET_OPTIONS,     /* options */
    WR_ALTER_SEQUENCE,          /* options as in CREATE SEQUENCE */
    WR_ALTER_ADD_VALUE,         /* of an enum: expression, if_not_exists */
    WR_ALTER_OWNER              /* new_name */
} wr_alter_kind;

struct wr_sql_alter_action {
    wr_node node;
    wr_alter_kind action;
    bool if_exists, if_not_exists, cascade;
    wr_names name; /* of columns: path into nested fields */
    wr_name new_name;
    wr_node *column; /* wr_sql_column_def or wr_sql_constraint */
    wr_node *type, *expression;
    wr_nodes options;
};

typedef enum wr_drop_behavior {
    WR_DROP_UNSAID,
    WR_DROP_RESTRICT,
    WR_DROP_CASCADE
} wr_drop_behavior;
struct wr_sql_drop {
    wr_node node;
    wr_object_kind object;
    bool if_exists, concurrently;
    wr_nodes names; /* wr_sql_name_node */
    bool has_types; /* FUNCTION f(types): only the form with these */
    wr_nodes types;
    wr_drop_behavior behavior;
};

typedef enum wr_insert_mode {
    WR_INSERT_PLAIN,
    WR_INSERT_OR_REPLACE,
    WR_INSERT_OR_IGNORE
} wr_insert_mode;
/* INSERT .. OVERRIDING {SYSTEM | USER} VALUE: which of two values an IDENTITY column takes. */
typedef enum wr_overriding {
    WR_OVERRIDING_NONE,
    WR_OVERRIDING_SYSTEM,
    WR_OVERRIDING_USER
} wr_overriding;
struct wr_sql_insert {
    wr_node node;
    bool recursive;
    wr_nodes ctes;
    wr_insert_mode mode;
    wr_overriding overriding;
    wr_names table;
    wr_name alias;
    wr_names columns;
    bool by_name, default_values;
    wr_node *query;     /* wr_sql_query; values may hold wr_sql_default; NULL for DEFAULT VALUES */
    wr_node *conflict;  /* wr_sql_conflict */
    wr_nodes returning; /* wr_sql_item */
};

struct wr_sql_conflict {
    wr_node node;
    wr_nodes target; /* wr_sql_order_item: ON CONFLICT (a, b) */
    wr_node *target_where;
    wr_name constraint; /* ON CONFLICT ON CONSTRAINT c */
    bool update;        /* DO UPDATE SET ..; else DO NOTHING */
    wr_nodes set;       /* wr_sql_assignment */
    wr_node *where;
};

struct wr_sql_assignment { /* a = 1, a.b = 1, (a, b) = (1, 2), (a, b) = (SELECT ..) */
    wr_node node;
    wr_nodes targets; /* wr_sql_column, wr_sql_subscript */
    bool several;     /* written with parentheses: value is a row or a query */
    wr_node *value;
};

struct wr_sql_update {
    wr_node node;
    bool recursive;
    wr_nodes ctes;
    wr_node *table; /* wr_sql_table_ref */
    wr_nodes set;   /* wr_sql_assignment */
    wr_nodes from;
    wr_node *where;
    wr_nodes returning;
};

struct wr_sql_delete {
    wr_node node;
    bool recursive;
    wr_nodes ctes;
    wr_node *table; /* wr_sql_table_ref */
    wr_nodes using;
    wr_node *where;
    wr_nodes returning;
};

struct wr_sql_merge {
    wr_node node;
    bool recursive;
    wr_nodes ctes;
    wr_node *target; /* wr_sql_table_ref */
    wr_node *source; /* relation */
    wr_node *on;
    wr_names using;
    wr_nodes whens; /* wr_sql_merge_when, first match wins */
    wr_nodes returning;
};

typedef enum wr_merge_match {
    WR_MERGE_MATCHED,
    WR_MERGE_NOT_MATCHED,
    WR_MERGE_NOT_MATCHED_BY_SOURCE
} wr_merge_match;
typedef enum wr_merge_action {
    WR_MERGE_NOTHING,
    WR_MERGE_INSERT,
    WR_MERGE_UPDATE,
    WR_MERGE_DELETE,
    WR_MERGE_ERROR
} wr_merge_action;
struct wr_sql_merge_when {
    wr_node node;
    wr_merge_match match;
    wr_node *condition;
    wr_merge_action action;
    bool by_name, star,
        default_values; /* INSERT BY NAME, INSERT * / UPDATE SET *, INSERT DEFAULT VALUES */
    wr_names columns;   /* INSERT (..) */
    wr_nodes values;    /* INSERT VALUES (..); of ERROR the message */
    wr_nodes set;       /* UPDATE SET: wr_sql_assignment */
};

struct wr_sql_truncate {
    wr_node node;
    wr_nodes names; /* wr_sql_name_node */
    bool restart_identity;
    wr_drop_behavior behavior;
};

struct wr_sql_copy {
    wr_node node;
    wr_names table, columns; /* or */
    wr_node *query;
    bool from;        /* into the table; else out of it */
    wr_node *target;  /* string literal or expression; NULL: STDIN or STDOUT */
    wr_nodes options; /* wr_sql_option; the old style is translated */
    wr_node *where;
};

struct wr_sql_explain {
    wr_node node;
    wr_nodes options; /* wr_sql_option; EXPLAIN ANALYZE is the option analyze */
    wr_node *statement;
};

struct wr_sql_describe { /* DESCRIBE and SUMMARIZE: of a table (FROM is a wr_sql_query) or query;
                            NULL: all tables */
    wr_node node;
    bool summarize;
    wr_node *query;
    wr_names name; /* DESCRIBE t: the table; query is NULL */
    bool file;     /* DESCRIBE 'path' */
};

struct wr_sql_show { /* SHOW setting, SHOW ALL, SHOW TABLES [FROM s] [LIKE 'x'], SHOW CREATE TABLE t
                        .. */
    wr_node node;
    wr_name what;  /* lower case words joined by a space: "tables", "all tables", "create table";
                      empty: a name */
    wr_names name; /* setting or table; or schema after FROM */
    wr_node *like;
};

typedef enum wr_set_scope {
    WR_SET_UNSAID,
    WR_SET_LOCAL,
    WR_SET_SESSION,
    WR_SET_GLOBAL,
    WR_SET_VARIABLE
} wr_set_scope;
struct wr_sql_set { /* SET and RESET */
    wr_node node;
    wr_set_scope scope;
    bool reset;   /* RESET x, SET x TO DEFAULT; RESET ALL has an empty name */
    wr_name name; /* keeps dots; SET TIME ZONE is timezone; SET TRANSACTION is transaction_mode */
    wr_nodes values; /* expressions; a bare word is a wr_sql_column */
};

typedef enum wr_transaction_action {
    WR_TRANSACTION_BEGIN,
    WR_TRANSACTION_COMMIT,
    WR_TRANSACTION_ROLLBACK,
    WR_TRANSACTION_SAVEPOINT,
    WR_TRANSACTION_ROLLBACK_TO,
    WR_TRANSACTION_RELEASE
} wr_transaction_action;
typedef enum wr_isolation {
    WR_ISOLATION_UNSAID,
    WR_ISOLATION_READ_UNCOMMITTED,
    WR_ISOLATION_READ_COMMITTED,
    WR_ISOLATION_REPEATABLE_READ,
    WR_ISOLATION_SNAPSHOT,
    WR_ISOLATION_SERIALIZABLE
} wr_isolation;
struct wr_sql_transaction {
    wr_node node;
    wr_transaction_action action;
    wr_isolation isolation;
    bool read_only, read_write;
    bool chain;   /* AND CHAIN */
    wr_name name; /* of the savepoint */
};

struct wr_sql_prepare {
    wr_node node;
    wr_name name;
    wr_nodes types;
    wr_node *statement;
};

struct wr_sql_execute {
    wr_node node;
    wr_name name;
    wr_nodes args; /* expressions or wr_sql_arg */
};

struct wr_sql_deallocate { /* an empty name is ALL */
    wr_node node;
    wr_name name;
};

struct wr_sql_attach {
    wr_node node;
    wr_create_mode mode;
    wr_node *path;
    wr_name alias;
    wr_nodes options;
};

struct wr_sql_detach {
    wr_node node;
    bool if_exists;
    wr_name name;
};

struct wr_sql_use {
    wr_node node;
    wr_names name;
};

struct wr_sql_invoke { /* CALL f(..) */
    wr_node node;
    wr_node *call;
};

typedef enum wr_maintain_action {
    WR_MAINTAIN_ANALYZE,
    WR_MAINTAIN_VACUUM,
    WR_MAINTAIN_CHECKPOINT,
    WR_MAINTAIN_FLUSH,  /* of streaming databases: waits until what was written is visible */
    WR_MAINTAIN_REFRESH /* MATERIALIZED VIEW name; the option no_data: WITH NO DATA */
} wr_maintain_action;
struct wr_sql_maintain {
    wr_node node;
    wr_maintain_action action;
    wr_nodes options;
    wr_names name, columns;
};

struct wr_sql_comment {
    wr_node node;
    wr_object_kind object;
    wr_names name;
    wr_node *text; /* string literal; NULL removes the comment */
};

struct wr_sql_pragma { /* PRAGMA name, PRAGMA name = value, PRAGMA name(args) */
    wr_node node;
    wr_name name;
    bool call;
    wr_nodes values;
};

struct wr_sql_subscribe { /* SUBSCRIBE [TO] query or table */
    wr_node node;
    wr_node *query;
    wr_nodes options;
};
