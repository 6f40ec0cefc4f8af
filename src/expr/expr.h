/* expr.h - bound expressions: names and types are resolved, every node knows its type.
 *
 * Built in an arena by plan/bind and the constructors below; treated as immutable afterwards (rules
 * build new nodes). In the logical plan a COLUMN names its column by id (unique within the
 * statement); lowering rewrites ids to input positions before evaluation. AGGREGATE, WINDOW and
 * SUBQUERY nodes exist only in the planner and never reach the evaluator. */
#pragma once
#include "base/cancel.h"
#include "col/value.h"

typedef enum wr_expr_kind {
    WR_X_COLUMN,
    WR_X_CONST,
    WR_X_PARAM, /* $n, n >= 1; replaced by CONST before execution */
    WR_X_CALL,  /* fn(args) */
    WR_X_CAST,  /* args[0] to type; is_try: NULL instead of an error */
    WR_X_AND,   /* n-ary, args BOOLEAN */
    WR_X_OR,
    WR_X_NOT,
    WR_X_COMPARE, /* op, args[0], args[1] of the same type */
    WR_X_IS_NULL, /* args[0]; is_negated: IS NOT NULL */
    WR_X_CASE,    /* args: condition, result, condition, result, ..., else (always present) */
    WR_X_IN,      /* args[0] IN (args[1...]) all of the same type; is_negated */
    WR_X_LAMBDA,  /* args[0] = body; its parameters are COLUMNs with ids first_param... (>=
                     WR_LAMBDA_IDS) */
    /* planner only */
    WR_X_AGGREGATE,
    WR_X_WINDOW,
    WR_X_SUBQUERY,
} wr_expr_kind;

typedef enum wr_compare_op {
    WR_EQ,
    WR_NE,
    WR_LT,
    WR_LE,
    WR_GT,
    WR_GE,
    WR_DISTINCT,
    WR_NOT_DISTINCT
} wr_compare_op;

/* The operator that says the same with its sides exchanged: < becomes >. Any thread. */
wr_compare_op wr_compare_mirrored(wr_compare_op op);
/* The operator that is true where op is false (and NULL where op is NULL): < becomes >=. Any
 * thread. */
wr_compare_op wr_compare_opposite(wr_compare_op op);

/* Parameters of lambdas have ids from here on, so that they never collide with columns or input
 * positions. */
#define WR_LAMBDA_IDS UINT32_C(0x40000000)

typedef struct wr_expr wr_expr;
typedef struct wr_fn wr_fn; /* expr/fn.h */
typedef struct wr_aggregate wr_aggregate;
typedef struct wr_window_fn wr_window_fn;

typedef struct wr_sort_key {
    wr_expr *expr;
    bool descending, nulls_first;
} wr_sort_key;

typedef enum wr_window_unit { WR_WINDOW_ROWS, WR_WINDOW_RANGE, WR_WINDOW_GROUPS } wr_window_unit;
typedef enum wr_frame_bound {
    WR_UNBOUNDED_PRECEDING,
    WR_OFFSET_PRECEDING,
    WR_CURRENT_ROW,
    WR_OFFSET_FOLLOWING,
    WR_UNBOUNDED_FOLLOWING
} wr_frame_bound;
typedef enum wr_window_exclude {
    WR_WINDOW_EXCLUDE_NONE,
    WR_WINDOW_EXCLUDE_CURRENT,
    WR_WINDOW_EXCLUDE_GROUP,
    WR_WINDOW_EXCLUDE_TIES
} wr_window_exclude;
typedef struct wr_frame {
    wr_window_unit unit;
    wr_frame_bound start, end;
    wr_expr *start_offset,
        *end_offset; /* for the OFFSET bounds; ROWS and GROUPS: BIGINT; RANGE: fits the sort key */
    wr_window_exclude exclude;
} wr_frame;

/* One aggregate call: planner (inside WR_X_AGGREGATE and aggregate nodes) and exec. */
typedef struct wr_aggregate_call {
    const wr_aggregate *fn;
    wr_expr **args;
    int arg_count;
    const wr_type *type;
    bool is_distinct;
    wr_expr *filter;    /* NULL or BOOLEAN */
    wr_sort_key *order; /* ORDER BY inside the call, or WITHIN GROUP */
    int order_count;
} wr_aggregate_call;

typedef struct wr_window_call {
    const wr_window_fn *fn;      /* row_number, lag...; NULL when it is an aggregate */
    wr_aggregate_call aggregate; /* args, filter, distinct also for window functions */
    bool ignore_nulls;
    wr_expr **partition;
    int partition_count;
    wr_sort_key *order;
    int order_count;
    wr_frame frame; /* always filled; the default frame is made explicit */
} wr_window_call;

struct wr_expr {
    wr_expr_kind kind;
    uint8_t op; /* wr_compare_op */
    bool is_negated, is_try;
    bool
        is_untyped; /* CONST from a bare string literal or NULL: takes the type its context wants */
    const wr_type *type;
    wr_span span;
    wr_expr **args;
    int arg_count;
    union {
        uint32_t column; /* COLUMN: id, or input position after lowering */
        wr_value value;  /* CONST */
        int param;       /* PARAM */
        struct {
            const wr_fn *fn;
            const void *bound; /* what the function's bind made of its constant arguments; NULL if
                                  nothing */
        } call;
        struct {
            uint32_t first_param;
            int param_count;
        } lambda;
        wr_aggregate_call *aggregate;
        wr_window_call *window;
        void *subquery; /* plan/logical.h: wr_subquery */
    };
};

/* Constructors; types of arguments must fit already (asserted). */
wr_expr *wr_expr_column(wr_arena *arena, uint32_t id, const wr_type *type);
wr_expr *wr_expr_const(wr_arena *arena, wr_value value);
wr_expr *wr_expr_bool(wr_arena *arena, bool value);
wr_expr *wr_expr_compare(wr_arena *arena, wr_compare_op op, wr_expr *left, wr_expr *right);
wr_expr *wr_expr_not(wr_arena *arena, wr_expr *arg);
wr_expr *wr_expr_is_null(wr_arena *arena, wr_expr *arg, bool negated);
wr_expr *wr_expr_and(wr_arena *arena, wr_expr **args,
                     int count); /* flattens; 0 args = TRUE, 1 arg = itself */
wr_expr *wr_expr_or(wr_arena *arena, wr_expr **args, int count);
wr_expr *wr_expr_raw_cast(wr_arena *arena, wr_expr *arg, const wr_type *type,
                          bool is_try); /* itself if the type is equal */

/* Structure. */
bool wr_expr_eq(const wr_expr *a,
                const wr_expr *b); /* same shape; spans ignored; volatile calls are never equal */
uint64_t wr_expr_hash(const wr_expr *e);
/* Of the node alone, operands left out; for kinds the evaluator knows. */
bool wr_expr_node_eq(const wr_expr *a, const wr_expr *b); /* of the same kind */
uint64_t wr_expr_node_hash(const wr_expr *e);
bool wr_expr_may_fail_itself(const wr_expr *e);
wr_expr *wr_expr_copy(wr_arena *arena, const wr_expr *e); /* deep */
/* Calls fn on e and everything below, also inside aggregate and window calls (not into subqueries);
 * fn returns what to put in its place (itself to keep) after its children were visited. Nodes are
 * changed in place. */
wr_expr *wr_expr_rewrite(wr_expr *e, wr_expr *(*fn)(wr_expr *e, void *arg), void *arg);
/* Calls fn on e and everything below, parents first; fn returns false to skip the children. */
void wr_expr_walk(const wr_expr *e, bool (*fn)(const wr_expr *e, void *arg), void *arg);
bool wr_expr_is_const(
    const wr_expr *e); /* no columns, params, subqueries, aggregates or volatile calls below */
bool wr_expr_is_volatile(const wr_expr *e);
bool wr_expr_is_in_turn(const wr_expr *e); /* calls nextval() or the like: WR_FN_IN_TURN */
bool wr_expr_can_fail(
    const wr_expr *e); /* evaluation may raise an error (division, casts, overflow) */
/* SQL-like text for EXPLAIN; name_of gives column names and may be NULL (then #id). */
void wr_expr_print(const wr_expr *e, wr_str (*name_of)(void *arg, uint32_t column), void *arg,
                   wr_buf *out);

/* ---- what evaluation needs to know about the session ---- */
/* One setting as weir_settings() and pg_settings show it. kind: text, int, bool, size, duration, or
 * the values there are, "a|b"; scope: session, engine (shared by all sessions), fixed. */
typedef struct wr_setting_text {
    wr_str name, value, fallback, help, kind, scope;
    bool is_set; /* not the default */
} wr_setting_text;

typedef struct wr_env {
    int64_t now_us;   /* start of the transaction: now(), current_date */
    const void *zone; /* const wr_zone * of SET TimeZone; NULL = UTC */
    bool duckdb_compat;
    wr_mem *mem;
    const wr_cancel *cancel;
    wr_str user, database, schema, version;
    void *owner; /* the session, for the callbacks */
    weir_status (*next_value)(void *owner, wr_str sequence, bool advance, int64_t *out);
    weir_status (*setting)(void *owner, wr_str name, wr_arena *arena, wr_value *out);
    weir_status (*set_value)(void *owner, wr_str sequence, int64_t value, bool is_called);
    weir_status (*last_value)(void *owner, int64_t *out); /* of any sequence */
    uint64_t transaction, session;                        /* their numbers */
    /* All settings, in memory of arena; gives their number. */
    int (*settings)(void *owner, wr_arena *arena, wr_setting_text **out);
} wr_env;

/* ---- binding calls and conversions (expr/resolve.c) ---- */
/* Cost of converting implicitly (0 = same; -1 = not implicit) following PostgreSQL: integers widen,
 * integer -> decimal -> double, DATE -> TIMESTAMP -> TIMESTAMPTZ, untyped literals to anything. */
int wr_cast_implicit_cost(const wr_type *from, const wr_type *to);
bool wr_cast_exists(const wr_type *from, const wr_type *to);
/* The conversion as a user asked for it (CAST, ::): TYPE_MISMATCH when there is none. Untyped
 * literals are read at once. */
WR_MUST_CHECK weir_status wr_bind_cast(wr_arena *arena, wr_expr *arg, const wr_type *type,
                                       bool is_try, wr_span span, wr_expr **out);
/* Implicit conversion where the context wants type; what names the context for the message. */
WR_MUST_CHECK weir_status wr_bind_coerce(wr_arena *arena, wr_expr *arg, const wr_type *type,
                                         const char *what, wr_expr **out);
/* The type that all arguments of CASE, COALESCE, UNION, IN, VALUES, comparisons can be brought to.
 * untyped NULL/text literals adapt. Fails with TYPE_MISMATCH naming both types. */
WR_MUST_CHECK weir_status wr_bind_common_type(wr_expr **args, int count, const char *what,
                                              const wr_type **out);
/* Type-level version for set operations. NULL if there is none. */
const wr_type *wr_type_common(const wr_type *a, const wr_type *b);
WR_MUST_CHECK weir_status wr_bind_compare(wr_arena *arena, wr_compare_op op, wr_expr *left,
                                          wr_expr *right, wr_span span, wr_expr **out);
/* A scalar function or operator ("+", "||", "->>", "~") by name: picks the overload, inserts casts,
 * binds constants. names gives argument names for named arguments (NULL or per-arg, empty =
 * positional). UNKNOWN_FUNCTION lists what exists with other arguments, or the nearest name. */
WR_MUST_CHECK weir_status wr_bind_call(wr_arena *arena, const wr_env *env, wr_str name,
                                       wr_expr **args, const wr_str *names, int count, wr_span span,
                                       wr_expr **out);
/* Lambdas: an argument position that takes one is announced by the function's signature; the binder
 * asks for the parameter types before binding the body. Returns false if argument index of function
 * name takes no lambda. */
bool wr_fn_lambda_params(wr_str name, wr_expr **args_before, int index, int param_count,
                         const wr_type **param_types);
bool wr_fn_exists(wr_str name);
bool wr_aggregate_exists(wr_str name);
bool wr_window_fn_exists(wr_str name);
/* Fills call->fn, casts call->args, sets call->type. */
WR_MUST_CHECK weir_status wr_bind_aggregate(wr_arena *arena, wr_str name, wr_span span,
                                            wr_aggregate_call *call);
WR_MUST_CHECK weir_status wr_bind_window_fn(wr_arena *arena, wr_str name, wr_span span,
                                            wr_window_call *call);
/* Evaluates an expression for which wr_expr_is_const holds. */
WR_MUST_CHECK weir_status wr_expr_fold(wr_arena *arena, const wr_env *env, const wr_expr *e,
                                       wr_value *out);
