/* catalog.h - names -> things: schemas, tables, views, sequences, types, macros, indexes.
 *
 * Lookup is case-insensitive and keeps spelling. Changes belong to a transaction: they are visible
 * to it at once, to others after commit, and vanish on rollback. Objects are refcounted so that a
 * running statement keeps what it bound. Definitions of views, macros, defaults and checks are kept
 * as SQL text and parsed when used. Any thread. */
#pragma once
#include "expr/expr.h"
#include "spi/format.h"
#include "store/table.h"

typedef struct wr_catalog wr_catalog;

typedef enum wr_entry_kind {
    WR_ENTRY_TABLE,
    WR_ENTRY_VIEW,
    WR_ENTRY_SEQUENCE,
    WR_ENTRY_TYPE,
    WR_ENTRY_MACRO,
    WR_ENTRY_TABLE_MACRO,
    WR_ENTRY_INDEX,
    WR_ENTRY_RELATION, /* RELATION: an Arrow stream or another relation registered by name */
    WR_ENTRY_SCHEMA,
} wr_entry_kind;

/* VARCHAR(n) and CHAR(n) are texts that columns and casts keep short; no type of their own. */
typedef struct wr_text_length {
    uint32_t characters; /* at most; 0 = any number */
    bool cuts_blanks;    /* CHAR(n): blanks at the end mean nothing and are not kept */
} wr_text_length;

typedef struct wr_column_def {
    wr_str name;
    const wr_type *type;
    bool not_null;
    wr_str default_sql;   /* empty = none */
    wr_str generated_sql; /* empty = ordinary column */
    wr_text_length length;
} wr_column_def;

typedef struct wr_key_def {
    wr_str name;
    const int *columns;
    int column_count;
    bool is_primary;
} wr_key_def;

typedef struct wr_check_def {
    wr_str name;
    wr_str sql;
} wr_check_def;

typedef struct wr_object {
    wr_entry_kind kind;
    wr_str schema, name;
    bool is_temporary;
    _Atomic int references;
    wr_arena arena; /* owns everything below */
    /* TABLE */
    wr_table *table;
    wr_column_def *columns; /* also VIEW when a column list was given (names only) */
    int column_count;
    wr_key_def *keys;
    int key_count;
    wr_check_def *checks;
    int check_count;
    /* VIEW: the query; MACRO: the expression or query; INDEX: the statement */
    wr_str sql;
    wr_str *params;         /* MACRO: names */
    wr_str *param_defaults; /* SQL text or empty */
    int param_count;
    /* TYPE */
    const wr_type *type;
    /* SEQUENCE */
    int64_t start, increment, min_value, max_value;
    bool cycles;
    _Atomic int64_t next;
    _Atomic bool used; /* the last value that 64 bits hold was given */
    /* RELATION */
    wr_relation *relation;
    /* INDEX: the table it is on */
    wr_str on_table;
    wr_str comment;
} wr_object;

/* The type of a column as SQL spells it, VARCHAR(3) included; in the arena or static. */
wr_str wr_column_type_text(wr_arena *arena, const wr_column_def *column);

wr_object *wr_object_new(wr_entry_kind kind, wr_str schema, wr_str name); /* references = 1 */
void wr_object_release(wr_object *object);
WR_DEFINE_CLEANUP(wr_object, wr_object_release)

wr_catalog *wr_catalog_new(wr_store *store);
void wr_catalog_drop(wr_catalog *catalog);
wr_store *wr_catalog_store(wr_catalog *catalog);

/* One session's and transaction's view of the catalog. */
typedef struct wr_catalog_view {
    wr_catalog *catalog;
    wr_txn *txn;
    uint64_t session_id; /* temporary objects belong to a session */
    const wr_str
        *search_path; /* schemas, in order; "main" is the default schema, "public" an alias of it */
    int search_path_count;
} wr_catalog_view;

/* schema empty = search path (temporary objects first). Returns a reference or NULL. TABLE, VIEW
 * and RELATION share one name space; so do MACROs; the others have their own. kinds: bit set 1 <<
 * kind. */
wr_object *wr_catalog_find(const wr_catalog_view *view, unsigned kinds, wr_str schema, wr_str name);
bool wr_catalog_has_schema(const wr_catalog_view *view, wr_str schema);
/* Takes over the reference. DUPLICATE_TABLE when the name is taken (unless or_replace),
 * UNKNOWN_SCHEMA. */
WR_MUST_CHECK weir_status wr_catalog_add(const wr_catalog_view *view, wr_object *object,
                                         bool or_replace);
/* Removes an object (the caller found it before). DEPENDENT is the caller's business. */
WR_MUST_CHECK weir_status wr_catalog_remove(const wr_catalog_view *view, wr_object *object);
/* Swaps an object for an altered copy of it under possibly another name. */
WR_MUST_CHECK weir_status wr_catalog_replace(const wr_catalog_view *view, wr_object *old,
                                             wr_object *changed);
WR_MUST_CHECK weir_status wr_catalog_add_schema(const wr_catalog_view *view, wr_str schema,
                                                bool if_not_exists);
WR_MUST_CHECK weir_status wr_catalog_drop_schema(const wr_catalog_view *view, wr_str schema,
                                                 bool cascade);
/* Called at the end of a transaction, before wr_txn_commit / rollback. */
void wr_catalog_commit(wr_catalog *catalog, wr_txn *txn);
void wr_catalog_rollback(wr_catalog *catalog, wr_txn *txn,
                         uint64_t savepoint);                          /* savepoint 0: everything */
void wr_catalog_end_session(wr_catalog *catalog, uint64_t session_id); /* drops temporary objects */
/* Everything visible, sorted by schema and name, references kept for the caller in the
 * arena-allocated array. */
wr_object **wr_catalog_list(const wr_catalog_view *view, unsigned kinds, wr_arena *arena,
                            int *count);
wr_str *wr_catalog_schemas(const wr_catalog_view *view, wr_arena *arena, int *count);
void wr_catalog_offer_names(const wr_catalog_view *view, unsigned kinds, wr_nearest *nearest);
