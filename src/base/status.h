/* status.h - how every fallible function in weir reports failure.
 *
 * A weir_status is NULL when all is well, else a heap object the receiver owns: pass it up
 * (WR_TRY), add context (wr_wrap, wr_with_*), or end its life (wr_status_drop). It travels between
 * threads like any pointer; there is no global "last error". */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum wr_code {
    WR_E_NONE = 0,
#define X(number, name, sqlstate, title) WR_E_##name = number,
#include "base/errors.def"
#undef X
} wr_code;

/* A piece of source text: byte offset and length. length 0 means "no position known". */
typedef struct wr_span {
    uint32_t pos, length;
} wr_span;

typedef struct weir_error *weir_status;

struct weir_error {
    wr_code code;
    wr_span span;  /* in the text of the statement */
    char *message; /* one sentence, lower case start, no full stop */
    char *detail;  /* NULL or extra lines: the offending input line with its caret, counts, what was
                      not done */
    char *hint;    /* NULL or words under the caret: "did you mean FROM?" */
    char *fix;     /* NULL or a statement or option to paste */
    char *candidates; /* NULL or near names, comma separated, at most 3 */
    bool of_row;      /* a value of a row is to blame, so that other rows may do */
    bool is_fatal;    /* it is not, whatever else may be said */
    char *edit;       /* NULL or what to write instead of edit_span; becomes the fix */
    wr_span edit_span;
};

#define WR_MUST_CHECK __attribute__((warn_unused_result))
#define WR_PRINTF(fmt_index, args_index) __attribute__((format(printf, fmt_index, args_index)))
#define WR_OK ((weir_status)0)
#define WR_TRY(call)                                         \
    do {                                                     \
        weir_status try_ = (call);                           \
        if (__builtin_expect(try_ != WR_OK, 0)) return try_; \
    } while (0)

/* Makes an error. Never fails: without memory it returns a static "out of memory" object. */
WR_MUST_CHECK weir_status wr_fail(wr_code code, const char *fmt, ...) WR_PRINTF(2, 3);
WR_MUST_CHECK weir_status wr_fail_at(wr_code code, wr_span span, const char *fmt, ...)
    WR_PRINTF(3, 4);
/* Puts "text: " before the message of cause and returns it. */
WR_MUST_CHECK weir_status wr_wrap(weir_status cause, const char *fmt, ...) WR_PRINTF(2, 3);
/* Decorate an error and return the same object; each replaces what was there before. */
WR_MUST_CHECK weir_status wr_with_hint(weir_status s, const char *fmt, ...) WR_PRINTF(2, 3);
WR_MUST_CHECK weir_status wr_with_fix(weir_status s, const char *fmt, ...) WR_PRINTF(2, 3);
WR_MUST_CHECK weir_status wr_with_detail(weir_status s, const char *fmt, ...) WR_PRINTF(2, 3);
/* What stands at span in the statement is to be replaced by the text; length 0 inserts it at pos.
 * Who has the text of the statement makes the fix of it, the whole statement. */
WR_MUST_CHECK weir_status wr_with_edit(weir_status s, wr_span span, const char *fmt, ...)
    WR_PRINTF(3, 4);
WR_MUST_CHECK weir_status wr_with_candidates(weir_status s, const char *names);
/* Sets the position unless the error has one already (the innermost position is the best one). */
WR_MUST_CHECK weir_status wr_with_span(weir_status s, wr_span span);

/* A value of a row is to blame, although the code does not say so; not for fatal errors. */
WR_MUST_CHECK weir_status wr_with_row(weir_status s);
WR_MUST_CHECK weir_status wr_with_fatal(weir_status s);

const char *wr_status_text(weir_status s); /* "ok" for WR_OK */
/* What a code is: the SQLSTATE ("42703"), the name, a short title. All static; any thread. */
const char *wr_code_sqlstate(wr_code code);
const char *wr_code_name(wr_code code); /* "UNKNOWN_COLUMN" */
const char *wr_code_title(wr_code code);
void wr_status_drop(weir_status s); /* accepts WR_OK */
/* The same error once more, for another who asks; WR_OK of WR_OK. */
WR_MUST_CHECK weir_status wr_status_copy(weir_status from);

/* Programmer mistakes. wr_assert is always on; wr_check only in debug and sanitizer builds. */
_Noreturn void wr_panic(const char *file, int line, const char *what);
#define wr_assert(cond) \
    ((void)(__builtin_expect(!!(cond), 1) || (wr_panic(__FILE__, __LINE__, #cond), 0)))
#ifdef WR_CHECKS
#define wr_check(cond) wr_assert(cond)
#else
#define wr_check(cond) ((void)sizeof(!!(cond)))
#endif

/* Owned locals: WR_AUTO(wr_file) *f = NULL; is closed on every return path unless WR_TAKE(f) hands
 * it over. */
#define WR_AUTO(type) __attribute__((cleanup(type##_cleanup))) type
#define WR_DEFINE_CLEANUP(type, drop)                                       \
    __attribute__((unused)) static inline void type##_cleanup(type **owned) \
    {                                                                       \
        if (*owned) drop(*owned);                                           \
    }
#define WR_TAKE(ptr)                  \
    ({                                \
        __typeof__(ptr) taken_ = ptr; \
        (ptr) = NULL;                 \
        taken_;                       \
    })
#define WR_COUNT(array) (sizeof(array) / sizeof(array)[0])
#define WR_MIN(a, b) ((a) < (b) ? (a) : (b))
#define WR_MAX(a, b) ((a) > (b) ? (a) : (b))
#define wr_likely(cond) __builtin_expect(!!(cond), 1)
#define wr_unlikely(cond) __builtin_expect(!!(cond), 0)
