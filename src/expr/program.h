/* program.h - compiled expressions and one worker's state, shared by the files of the evaluator.
 *
 * A program is an array of steps, one per distinct subexpression; a step names its operands by
 * index, so a common subexpression is one step used twice. The evaluator asks for a step's result
 * for some rows; the result is kept in the step's register and valid for those rows and every
 * subset asked for while the same scope is open. */
#pragma once
#include "expr/cast.h"

typedef struct wr_step wr_step;
struct wr_step {
    const wr_expr *expr;
    int *args;     /* steps; -1 for a lambda */
    int arg_count; /* 1 for IN over constants: the list stays in the expression */
    int spine;     /* how many first operands of first operands are below, for strict steps */
    int uses;      /* by other steps; roots count as several */
    bool is_const; /* no columns below */
    bool is_volatile;
    bool can_fail;
    struct wr_lambda_code
        *lambdas; /* CALL with lambdas: one per argument, program NULL for others */
};

/* The body of a lambda: its inputs are the captured columns, then the parameters. */
typedef struct wr_lambda_code {
    wr_program *program;
    uint32_t *captured; /* positions in the outer batch */
    int captured_count, param_count;
} wr_lambda_code;

struct wr_program {
    wr_step *steps;
    int step_count;
    int *roots;
    int root_count;
};

/* Rows to compute: sel NULL means 0...count-1, the whole batch. */
typedef struct wr_rows {
    const uint16_t *sel;
    uint32_t count;
} wr_rows;

static inline uint32_t wr_rows_at(wr_rows rows, uint32_t i) { return rows.sel ? rows.sel[i] : i; }

typedef struct wr_register {
    wr_column result;
    void *buffer; /* WR_BATCH_ROWS values of the type's width */
    uint64_t *valid;
    uint64_t scope; /* serial of the scope the result was made in; 0 = none */
    int depth;
    bool is_fixed; /* the result is a constant for the life of the eval */
    void *state;   /* of functions that have one */
    /* the result for a whole dictionary, kept from batch to batch */
    const wr_column *dict_in;
    uint64_t dict_in_id;
    wr_column *dict_out;
    uint64_t dict_out_id;
    wr_arena *dict_arena;
    wr_eval **lambdas;        /* per argument */
    struct wr_in_set *in_set; /* IN over constants */
    /* measured by filters: rows in, rows out, nanoseconds */
    uint64_t rows_in, rows_out, ticks;
} wr_register;

#define WR_SPINE_PART 32 /* longer chains are computed in parts of this length */
#define WR_SCOPES_MAX 512
#define WR_NESTING_MAX 120 /* AND, OR, CASE inside each other: each takes scopes and stack */

struct wr_eval {
    const wr_program *program;
    const wr_env *env;
    wr_register *registers;
    wr_arena arena; /* until the next batch */
    wr_arena heap;  /* until drop */
    const wr_batch *batch;
    uint64_t scopes[WR_SCOPES_MAX]; /* serials of the open scopes */
    int depth;
    uint64_t next_scope;
    void *spare[2]; /* buffers given back by chains of calls, of 8 and of 16 bytes per value */
    int *order;     /* the conjuncts of a filter, by measured cost */
    int order_count;
    bool order_is_fixed; /* one of them can fail */
    int batches;
};

/* The result of a step for the rows; *out stays with the register. */
WR_MUST_CHECK weir_status wr_eval_step(wr_eval *ev, int step, wr_rows rows, const wr_column **out);
/* Rows where a BOOLEAN step is true, ascending, into out (room for rows.count). */
WR_MUST_CHECK weir_status wr_eval_select(wr_eval *ev, int step, wr_rows rows, uint16_t *out,
                                         uint32_t *count);
/* Opens a scope: results made inside are valid only for the subset of rows asked for there. */
void wr_eval_enter(wr_eval *ev);
void wr_eval_leave(wr_eval *ev);
/* Makes the register an empty FLAT column at phys of the step's type for the batch's rows, validity
 * absent. */
wr_column *wr_eval_result(wr_eval *ev, int step, wr_phys phys);
/* Validity of a register, all rows present. */
uint64_t *wr_eval_valid(wr_eval *ev, int step);

/* The kinds with files of their own (eval_logic.c, eval_compare.c). */
WR_MUST_CHECK weir_status wr_eval_junction(wr_eval *ev, int step, wr_rows rows);
WR_MUST_CHECK weir_status wr_eval_case(wr_eval *ev, int step, wr_rows rows);
/* Calls with WR_FN_LAZY: arguments are computed only for the rows that need them. */
WR_MUST_CHECK weir_status wr_eval_lazy(wr_eval *ev, int step, wr_rows rows);
WR_MUST_CHECK weir_status wr_eval_in(wr_eval *ev, int step, wr_rows rows);
WR_MUST_CHECK weir_status wr_select_in(wr_eval *ev, int step, wr_rows rows, uint16_t *out,
                                       uint32_t *count);
WR_MUST_CHECK weir_status wr_eval_compare(wr_eval *ev, int step, wr_rows rows);
WR_MUST_CHECK weir_status wr_select_compare(wr_eval *ev, int step, wr_rows rows, uint16_t *out,
                                            uint32_t *count);
