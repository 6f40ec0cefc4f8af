/* fn.h - SQL functions, aggregates and window functions as rows.
 *
 * One file per family in expr/fn/, each exporting arrays that end with a zero row:
 *   const wr_fn wr_fns_<file>[]; const wr_aggregate wr_aggregates_<file>[]; const wr_window_fn
 * wr_window_fns_<file>[]; Adding a function is adding a row: overload resolution, help, completion,
 * docs and the test of its example follow.
 *
 * Signatures: "(text, start bigint, count bigint = NULL) -> text". Type words: any SQL type name;
 * any (any type, all any must agree after implicit casts), any2, list (T[] of any), array, struct,
 * map, integer_ (any integer type), number (any numeric type), decimal (any precision), each (any
 * type, every such argument on its own: concat, format, struct_pack), scalar (the same without
 * lists), lambda1, lambda2; "..." after the last one repeats it (zero times too if it is the only
 * one); "= value" makes an argument optional; the result may be any of these or "auto": then bind
 * sets it. T[] is a list of any type word, also any[]. "list" binds any to its element type, so
 * "(list, any) -> list" and "(list) -> any" mean what they say. number, integer_ and decimal need
 * not agree with each other; as a result they mean the type of the first such argument. lambda1
 * takes (element) or (element, index bigint) of the list before it; lambda2 takes (element,
 * element) of a list or (key, value) of a map. A lambda argument is not evaluated: exec runs it
 * with wr_call_lambda.
 *
 * Every family file defines wr_fns_<file> (just {0} when it has no scalar functions: it is what the
 * registry finds the file by); wr_aggregates_<file> and wr_window_fns_<file> only when it has some
 * (weak references). */
#pragma once
#include "expr/expr.h"

typedef struct wr_call {
    const wr_expr *expr; /* the CALL node: types, span, bound */
    const void *bound;
    const wr_env *env;
    wr_column *args; /* FLAT at type->phys unless the row says WR_FN_ANY_FORM */
    int arg_count;
    uint32_t rows; /* physical rows; out has as many */
    const uint16_t
        *sel; /* NULL: all rows; only these may be looked at by functions that can fail */
    uint32_t sel_count;
    wr_arena
        *arena;  /* for text and lists of the result; lives until the next batch of this worker */
    void *state; /* per worker, of the size the row asks for, zeroed at first */
    uint32_t bad_row; /* set together with an error: the row at fault */
    void *lambdas;    /* the evaluator's, for wr_call_lambda */
} wr_call;

/* Evaluates the lambda that is argument arg of this call for rows (at most WR_BATCH_ROWS) sets of
 * parameters. params: one column per parameter, rows rows each, any form; outer[i] is the row of
 * the batch the i-th evaluation belongs to (for columns the body captures). *out belongs to the
 * call's arena. */
WR_MUST_CHECK weir_status wr_call_lambda(wr_call *call, int arg, const wr_column *params,
                                         const uint16_t *outer, uint32_t rows, wr_column *out);

/* Fills out (already initialised: FLAT, type->phys, rows rows, validity possibly set: NULL
 * arguments of a strict function have made the row NULL; such rows may be computed or skipped).
 * Must write every selected row. */
typedef weir_status wr_fn_exec(wr_call *call, wr_column *out);

enum {
    WR_FN_STRICT = 0,     /* default: any NULL argument gives NULL */
    WR_FN_SEES_NULLS = 1, /* gets NULLs and sets validity itself */
    WR_FN_VOLATILE = 2,   /* random(), nextval(): never folded, never shared */
    WR_FN_STABLE = 4,     /* now(): constant within a statement */
    WR_FN_CAN_FAIL = 8,   /* may raise an error for some rows: evaluated only for selected rows */
    WR_FN_ANY_FORM = 16,  /* takes constants, dictionaries and narrow widths as they come */
    WR_FN_HIDDEN = 32,    /* not listed in help and completion */
    WR_FN_MONOTONE = 64,  /* non-decreasing in its first argument, the others constant: filters can
                             be turned into ranges */
    /* The evaluator chooses among the arguments itself and computes them only for rows that need
       them; exec is not called. */
    WR_FN_FIRST_KNOWN = 128, /* the first argument that is not NULL */
    WR_FN_CHOOSES = 256, /* the second argument where the first is true, else the third or NULL */
    WR_FN_CATCHES = 512, /* the argument, NULL where computing it fails for the sake of a value */
    WR_FN_ASSOCIATIVE = 1024, /* exec takes any number of arguments of the result's type, f(f(a, b),
                                 c) is f(a, b, c): chains become one call */
    WR_FN_IN_TURN =
        2048, /* nextval(): rows are computed in the order of the input, by one worker */
    WR_FN_LAZY = WR_FN_FIRST_KNOWN | WR_FN_CHOOSES | WR_FN_CATCHES,
};

typedef struct wr_fn_bind {
    wr_arena *arena;
    const wr_env *env;
    wr_expr **args; /* after casts; may be replaced */
    int arg_count;
    const wr_type *type; /* of the result: preset unless "auto" */
    const void *bound;   /* to set: immutable, shared by all workers, arena memory */
    const wr_str *names; /* as the call gave them, per argument, empty = none; NULL = no names at
                            all: struct_pack(a => 1) */
    wr_span span;
} wr_fn_bind;

struct wr_fn {
    const char *name; /* aliases after '|': "substr|substring" */
    const char *signature;
    wr_fn_exec *exec;
    const char *help;             /* one sentence */
    const char *example, *result; /* an expression and the text of its value: run by the tests */
    uint32_t flags;
    weir_status (*bind)(wr_fn_bind *b); /* NULL: nothing beyond the signature */
    size_t state_size;
    void (*state_clear)(void *state); /* NULL: nothing to free */
};

/* Aggregates. A state is a plain struct of state_size bytes inside a row of the tuple store.
 * Variable parts (text, lists, sets) go to call->heap, which lives as long as the aggregation;
 * nothing is freed singly. */
typedef struct wr_aggregate_env {
    const wr_aggregate_call *call;
    const wr_env *env;
    wr_mem *mem;           /* budget for growing states: reserve what the heap takes */
    wr_arena *heap;        /* of this worker; survives until the aggregation closes */
    uint32_t state_offset; /* of this aggregate within the group's state block */
    /* Where the first of the rows of an update stands in the input; those after it stand behind it.
     * Grows from update to update, also across workers. */
    uint64_t position;
} wr_aggregate_env;

/* The rows of an update by the numbers of their groups, when those are few. */
enum { WR_FEW_GROUPS = 256 };
typedef struct wr_few_groups {
    const uint8_t *number; /* of the group of the i-th row; less than count */
    const uint32_t *times; /* by number: how many of the rows are of the group */
    uint8_t *const *rows;  /* by number: where states are, if the group has any of the rows */
    uint32_t count;        /* at most WR_FEW_GROUPS */
} wr_few_groups;

struct wr_aggregate {
    const char *name;      /* aliases after '|' */
    const char *signature; /* "() -> bigint" for count(*); argument words as above */
    size_t (*state_size)(const wr_aggregate_call *call); /* multiple of 8 */
    void (*init)(const wr_aggregate_call *call, void *state);
    /* Makes a state that was in use an empty one. NULL: zeros and init do. */
    void (*reset)(const wr_aggregate_call *call, void *state);
    /* Row sel[i] of args belongs to the state at states[i] + env->state_offset, i < count. args are
     * as they come (any form): the implementation has fast paths and may flatten into scratch. Rows
     * with NULL arguments are skipped by the implementation. */
    weir_status (*update)(wr_aggregate_env *env, const wr_column *args, const uint16_t *sel,
                          uint32_t count, uint8_t *const *states, wr_arena *scratch);
    /* As update, for at most WR_BATCH_ROWS rows of few groups: may add them up by number first.
     * NULL: update is as good. */
    weir_status (*update_few)(wr_aggregate_env *env, const wr_column *args, const uint16_t *sel,
                              uint32_t count, const wr_few_groups *few, uint8_t *const *states,
                              wr_arena *scratch);
    /* All rows into one state (no GROUP BY, or runs of equal keys). sel NULL = rows 0...count-1. */
    weir_status (*update_one)(wr_aggregate_env *env, const wr_column *args, const uint16_t *sel,
                              uint32_t count, void *state, wr_arena *scratch);
    weir_status (*merge)(wr_aggregate_env *env, void *into, const void *from);
    /* Writes results of count states (states[i] + offset) to rows 0...count-1 of out (FLAT,
     * type->phys, count rows); text may point into the heap. */
    weir_status (*finish)(wr_aggregate_env *env, uint8_t *const *states, uint32_t count,
                          wr_arena *arena, wr_column *out);
    /* A state as bytes and back (spilling, checkpoints). NULL: the state has no pointers and is
     * copied as it is. */
    weir_status (*save)(wr_aggregate_env *env, const void *state, wr_buf *out);
    weir_status (*load)(wr_aggregate_env *env, wr_str bytes, void *state);
    weir_status (*bind)(wr_arena *arena, wr_aggregate_call *call,
                        wr_span span); /* sets call->type for "auto" results */
    /* As update, for rows that were given to update before and are forgotten again; exact. NULL:
     * the state does not know enough for that. */
    weir_status (*take_back)(wr_aggregate_env *env, const wr_column *args, const uint16_t *sel,
                             uint32_t count, uint8_t *const *states, wr_arena *scratch);
    const char *help, *example, *result; /* example: a whole query */
    uint32_t flags;                      /* WR_AGG_* */
};
enum {
    WR_AGG_SEES_NULLS = 1,       /* NULL arguments are values (array_agg, first) */
    WR_AGG_ORDERED = 2,          /* result depends on input order (string_agg, first) */
    WR_AGG_IGNORES_DISTINCT = 4, /* min, max, bool_and: DISTINCT changes nothing */
    WR_AGG_INVERTIBLE = 8,  /* has no use here; windows may subtract (sum of integers, count) */
    WR_AGG_POSITIONED = 16, /* follows env->position, so states may be merged in any order */
};

typedef enum wr_window_kind {
    WR_W_ROW_NUMBER,
    WR_W_RANK,
    WR_W_DENSE_RANK,
    WR_W_PERCENT_RANK,
    WR_W_CUME_DIST,
    WR_W_NTILE,
    WR_W_LAG,
    WR_W_LEAD,
    WR_W_FIRST_VALUE,
    WR_W_LAST_VALUE,
    WR_W_NTH_VALUE,
} wr_window_kind;
struct wr_window_fn {
    const char *name, *signature;
    wr_window_kind kind;
    const char *help, *example, *result;
};

/* Registry (expr/registry.c), for describe, docs, completion and tests. */
typedef struct wr_fn_entry {
    const wr_fn *fn;
    const wr_aggregate *aggregate;
    const wr_window_fn *window;
    const char *family; /* file name */
} wr_fn_entry;
int wr_fn_count(void);
wr_fn_entry wr_fn_at(int index);
