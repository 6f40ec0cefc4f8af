/* host_fn.h - functions and aggregates whose code is in the host program.
 *
 * They are not in the registry: the catalog holds them, and whoever binds a call of one says which.
 * For the evaluator and the aggregation they are functions like all others. */
#pragma once
#include "col/arrow.h"
#include "expr/fn.h"

/* One call: rows of arguments in, as many results out. */
typedef struct wr_host_call {
    const struct ArrowSchema
        *schema;             /* a struct, one child per argument; as long as the function */
    struct ArrowArray *args; /* taken over if the callee sets release to NULL */
    struct ArrowSchema *result_schema; /* to be filled; left alone: the declared type's own */
    struct ArrowArray *result;         /* to be filled */
} wr_host_call;

/* Rows for states: those of state k are [starts[k], starts[k + 1]). */
typedef struct wr_host_update {
    const struct ArrowSchema *schema;
    struct ArrowArray *args; /* as above */
    void *const *states;
    const int64_t *starts;
    int64_t state_count;
} wr_host_update;

typedef struct wr_host_fn_def {
    const char *name, *help;
    const wr_type *const *arg_types;
    int arg_count;
    const wr_type *result;
    uint32_t flags; /* WR_FN_VOLATILE, WR_FN_STABLE */
    bool sees_nulls, sees_order, is_serial;
    void *arg;
    void (*drop)(void *arg); /* NULL: nothing to do */
    /* NULL: an aggregate */
    weir_status (*call)(void *arg, wr_host_call *call);
    uint64_t state_bytes; /* what a state takes, about */
    weir_status (*state_new)(void *arg, void **state);
    void (*state_drop)(void *arg, void *state);
    weir_status (*update)(void *arg, wr_host_update *update);
    weir_status (*merge)(void *arg, void *into, const void *from);
    weir_status (*evaluate)(void *arg, void *const *states, int64_t count,
                            struct ArrowSchema *result_schema, struct ArrowArray *result);
    weir_status (*save)(void *arg, const void *state, wr_buf *out);
    weir_status (*load)(void *arg, const void *bytes, size_t size, void **state);
    weir_status (*take_back)(void *arg, wr_host_update *update); /* NULL: it cannot */
} wr_host_fn_def;

typedef struct wr_host_fn wr_host_fn;
/* Copies def but takes over what arg stands for, also on failure. references = 1. */
WR_MUST_CHECK weir_status wr_host_fn_new(const wr_host_fn_def *def, wr_host_fn **out);
wr_host_fn *wr_host_fn_keep(wr_host_fn *fn);
void wr_host_fn_release(wr_host_fn *fn); /* accepts NULL; any thread */
bool wr_host_fn_is_aggregate(const wr_host_fn *fn);
const char *wr_host_fn_signature(const wr_host_fn *fn); /* "(double, text) -> double" */
const char *wr_host_fn_help(const wr_host_fn *fn);

/* What one name stands for: functions, or aggregates, with different types of arguments. There is
 * at least one. */
typedef struct wr_host_forms {
    wr_host_fn **items;
    int count;
} wr_host_forms;
/* The form with exactly these types of arguments; NULL: there is none. */
wr_host_fn *wr_host_form_of(const wr_host_forms *forms, const wr_type *const *arg_types, int count);
/* The forms with fn, in place of the one with its types of arguments, or of all if they are of the
 * other kind; in the arena, with references. Takes over the one of fn. NULL before: only fn. */
wr_host_forms wr_host_forms_with(wr_arena *arena, const wr_host_forms *before, wr_host_fn *fn);
/* The forms without one, which may leave none. */
wr_host_forms wr_host_forms_without(wr_arena *arena, const wr_host_forms *before,
                                    const wr_host_fn *fn);
void wr_host_forms_release(const wr_host_forms *forms);

/* As wr_bind_call and wr_bind_aggregate, of the form that fits best. It outlives what is bound. */
WR_MUST_CHECK weir_status wr_bind_host_call(wr_arena *arena, const wr_env *env,
                                            const wr_host_forms *forms, wr_expr **args,
                                            const wr_str *names, int count, wr_span span,
                                            wr_expr **out);
WR_MUST_CHECK weir_status wr_bind_host_aggregate(wr_arena *arena, const wr_host_forms *forms,
                                                 wr_span span, wr_aggregate_call *call);
/* The function an expression calls; NULL: another kind of expression or a built-in one. */
const wr_host_fn *wr_host_fn_of(const wr_expr *e);
const wr_schema *wr_host_fn_args(const wr_host_fn *fn); /* as long as the function */
/* The rows of a batch of arguments that a scalar function sees, ascending, in room or args->sel;
 * all of them: *sel NULL. Gives their number. */
uint32_t wr_host_fn_rows(const wr_host_fn *fn, const wr_batch *args, uint16_t *room,
                         const uint16_t **sel);
/* Calls a scalar function for count rows of args (taken over): the results live in arena, or in
 * arrays that end with it. They are of the type they came in until they are settled.
 * rows_before: of the input, for messages; -1: nobody knows. */
WR_MUST_CHECK weir_status wr_host_fn_call(const wr_host_fn *fn, struct ArrowArray *args,
                                          uint32_t count, int64_t rows_before, wr_arena *arena,
                                          wr_column *out);
/* Results, or a part of them, at most a batch: made to be of the declared type. */
WR_MUST_CHECK weir_status wr_host_fn_settle(const wr_host_fn *fn, const wr_env *env,
                                            wr_arena *arena, wr_column *results);
/* For resolve.c. */
struct wr_signature;
const struct wr_signature *wr_host_fn_words(const wr_host_fn *fn);
const wr_fn_entry *wr_host_fn_entry(const wr_host_fn *fn);
