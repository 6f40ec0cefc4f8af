/* status.c - the error object. See status.h.
 *
 * Invariant: building an error never fails. When the heap is exhausted the static out_of_memory
 * object is returned instead; it is never freed and never decorated. */
#include "base/status.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct weir_error out_of_memory = {.code = WR_E_MEMORY_LIMIT,
                                          .message = (char *)"the process is out of memory"};

typedef struct code_row {
    wr_code code;
    const char *name, *sqlstate, *title;
} code_row;

static const code_row rows[] = {
#define X(number, name, sqlstate, title) {WR_E_##name, #name, sqlstate, title},
#include "base/errors.def"
#undef X
};

static const code_row *row_of(wr_code code)
{
    for (size_t i = 0; i < WR_COUNT(rows); i++)
        if (rows[i].code == code) return &rows[i];
    return &rows[WR_COUNT(rows) - 1];
}

static char *format(const char *fmt, va_list args)
{
    char *text = NULL;
    return vasprintf(&text, fmt, args) < 0 ? NULL : text;
}

static weir_status make(wr_code code, wr_span span, char *message)
{
    struct weir_error *error = message ? calloc(1, sizeof *error) : NULL;
    if (!error) {
        free(message);
        return &out_of_memory;
    }
    error->code = code;
    error->span = span;
    error->message = message;
    return error;
}

weir_status wr_fail(wr_code code, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    char *message = format(fmt, args);
    va_end(args);
    return make(code, (wr_span){0}, message);
}

weir_status wr_fail_at(wr_code code, wr_span span, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    char *message = format(fmt, args);
    va_end(args);
    return make(code, span, message);
}

weir_status wr_wrap(weir_status cause, const char *fmt, ...)
{
    if (!cause || cause == &out_of_memory) return cause;
    va_list args;
    va_start(args, fmt);
    char *context = format(fmt, args), *joined = NULL;
    va_end(args);
    if (context && asprintf(&joined, "%s: %s", context, cause->message) >= 0) {
        free(cause->message);
        cause->message = joined;
    }
    free(context);
    return cause;
}

static weir_status replace(weir_status s, char **field, char *text)
{
    if (!s || s == &out_of_memory) {
        free(text);
        return s;
    }
    free(*field);
    *field = text;
    return s;
}

#define DEFINE_DECORATOR(function, field)                     \
    weir_status function(weir_status s, const char *fmt, ...) \
    {                                                         \
        va_list args;                                         \
        va_start(args, fmt);                                  \
        char *text = format(fmt, args);                       \
        va_end(args);                                         \
        return replace(s, s ? &s->field : NULL, text);        \
    }
DEFINE_DECORATOR(wr_with_hint, hint)
DEFINE_DECORATOR(wr_with_fix, fix)
DEFINE_DECORATOR(wr_with_detail, detail)

weir_status wr_with_edit(weir_status s, wr_span span, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    char *text = format(fmt, args);
    va_end(args);
    if (s && s != &out_of_memory) s->edit_span = span;
    return replace(s, s ? &s->edit : NULL, text);
}

weir_status wr_with_candidates(weir_status s, const char *names)
{
    return replace(s, s ? &s->candidates : NULL, names ? strdup(names) : NULL);
}

weir_status wr_with_span(weir_status s, wr_span span)
{
    if (s && s != &out_of_memory && s->span.length == 0) s->span = span;
    return s;
}

const char *wr_status_text(weir_status s) { return s ? s->message : "ok"; }
const char *wr_code_sqlstate(wr_code code) { return row_of(code)->sqlstate; }
const char *wr_code_name(wr_code code) { return row_of(code)->name; }
const char *wr_code_title(wr_code code) { return row_of(code)->title; }

void wr_status_drop(weir_status s)
{
    if (!s || s == &out_of_memory) return;
    free(s->message);
    free(s->detail);
    free(s->hint);
    free(s->fix);
    free(s->candidates);
    free(s->edit);
    free(s);
}

_Noreturn void wr_panic(const char *file, int line, const char *what)
{
    fprintf(stderr, "weir: internal error at %s:%d: %s\n", file, line, what);
    abort();
}

weir_status wr_with_row(weir_status s)
{
    if (s && s != &out_of_memory) s->of_row = !s->is_fatal;
    return s;
}

weir_status wr_with_fatal(weir_status s)
{
    if (s && s != &out_of_memory) s->is_fatal = true;
    return s;
}

weir_status wr_status_copy(weir_status from)
{
    if (!from) return WR_OK;
    weir_status s = wr_fail_at(from->code, from->span, "%s", from->message);
    if (from->hint) s = wr_with_hint(s, "%s", from->hint);
    if (from->fix) s = wr_with_fix(s, "%s", from->fix);
    if (from->detail) s = wr_with_detail(s, "%s", from->detail);
    if (from->candidates) s = wr_with_candidates(s, from->candidates);
    if (from->is_fatal) s = wr_with_fatal(s);
    return from->of_row ? wr_with_row(s) : s;
}
