/* error_text.c - errors as people and as programs read them.
 *
 *   error[W1203]: no column "custmer_id" in orders
 *     1 | select custmer_id from orders
 *       |        ^^^^^^^^^^ did you mean customer_id?
 *     fix: select customer_id from orders */
#include "base/secret.h"
#include "session/session.h"
#include "sql/format.h"
#include <stdlib.h>

void weir_error_drop(weir_status error) { wr_status_drop(error); }
const char *weir_error_sqlstate(weir_status error) { return wr_code_sqlstate(error->code); }
const char *weir_error_message(weir_status error) { return error->message; }
const char *weir_error_detail(weir_status error) { return error->detail; }
const char *weir_error_hint(weir_status error) { return error->hint; }
const char *weir_error_fix(weir_status error) { return error->fix; }
const char *weir_error_candidates(weir_status error) { return error->candidates; }

const char *weir_error_code(weir_status error)
{
    switch (error->code) {
#define X(number, name, sqlstate, title) \
    case number:                         \
        return number < 1000 ? "W0" #number : "W" #number;
#include "base/errors.def"
#undef X
    default:
        return "W9001";
    }
}

bool weir_error_retryable(weir_status error)
{
    return error->code == WR_E_TXN_CONFLICT || error->code == WR_E_TIMEOUT ||
           error->code == WR_E_CANCELLED || error->code == WR_E_CONNECTION;
}

bool weir_error_position(weir_status error, size_t *pos, size_t *length)
{
    *pos = error->span.pos;
    *length = error->span.length;
    return error->span.length != 0;
}

int weir_error_exit_code(weir_status error)
{
    switch (error->code) {
    case WR_E_CANCELLED:
        return 130;
    case WR_E_FILE_NOT_FOUND:
    case WR_E_IO:
    case WR_E_FILE_EXISTS:
        return 4;
    case WR_E_MEMORY_LIMIT:
    case WR_E_TIMEOUT:
    case WR_E_TOO_BIG:
    case WR_E_DISK_FULL:
        return 5;
    case WR_E_READ_ONLY:
        return 6;
    case WR_E_INTERNAL:
    case WR_E_API_MISUSE:
        return 70;
    default:
        return 1;
    }
}

static uint32_t width_of(wr_str text)
{
    uint32_t width = 0, code;
    while (text.length) {
        int used = wr_utf8_decode(text.data, text.length, &code);
        if (!used) used = 1, code = '?';
        width += code == '\t' ? 4 : (uint32_t)wr_utf8_width(code);
        text = (wr_str){text.data + used, text.length - (size_t)used};
    }
    return width;
}

typedef struct source_line {
    wr_str text;
    uint32_t number, column; /* from 1; column in bytes from 0 */
} source_line;

static source_line line_at(wr_str sql, size_t pos)
{
    source_line line = {.number = 1};
    size_t start = 0;
    for (size_t i = 0; i < pos && i < sql.length; i++) {
        if (sql.data[i] != '\n') continue;
        line.number++;
        start = i + 1;
    }
    size_t end = start;
    while (end < sql.length && sql.data[end] != '\n')
        end++;
    line.column = (uint32_t)(pos - start);
    line.text = (wr_str){sql.data + start, end - start};
    return line;
}

/* Long lines are cut to a window around the caret. */
static void cut(source_line *line, uint32_t span)
{
    enum { ROOM = 100, BEFORE = 60 };
    if (line->text.length <= ROOM) return;
    size_t from = line->column > BEFORE ? line->column - BEFORE : 0;
    while (from && ((unsigned char)line->text.data[from] & 0xc0) == 0x80)
        from--;
    size_t size = WR_MIN(line->text.length - from,
                         WR_MAX((size_t)ROOM, line->column - from + WR_MIN(span, 200u)));
    while (from + size < line->text.length &&
           ((unsigned char)line->text.data[from + size] & 0xc0) == 0x80)
        size++;
    line->text = (wr_str){line->text.data + from, size};
    line->column -= (uint32_t)from;
}

static void add_source(wr_buf *out, weir_status error, wr_str sql, bool color)
{
    if (!error->span.length || !sql.data || error->span.pos > sql.length) return;
    source_line line = line_at(sql, error->span.pos);
    cut(&line, error->span.length);
    size_t shown = WR_MIN((size_t)error->span.length,
                          line.text.length - WR_MIN(line.column, line.text.length));
    uint32_t before = width_of((wr_str){line.text.data, WR_MIN(line.column, line.text.length)});
    uint32_t under = WR_MAX(1u, width_of((wr_str){line.text.data + line.column, shown}));
    int gutter = line.number > 99 ? 5 : 3;
    wr_buf_printf(out, "%*u | ", gutter, line.number);
    for (size_t i = 0; i < line.text.length; i++) {
        if (line.text.data[i] == '\t')
            wr_buf_add_text(out, "    ");
        else if (line.text.data[i] != '\r')
            wr_buf_add_char(out, line.text.data[i]);
    }
    wr_buf_printf(out, "\n%*s | %*s%s", gutter, "", (int)before, "", color ? "\033[1;31m" : "");
    for (uint32_t i = 0; i < under; i++)
        wr_buf_add_char(out, '^');
    if (color) wr_buf_add_text(out, "\033[0m");
    if (error->hint) wr_buf_printf(out, " %s", error->hint);
    wr_buf_add_char(out, '\n');
}

static void add_indented(wr_buf *out, const char *text)
{
    while (*text) {
        size_t length = strcspn(text, "\n");
        wr_buf_printf(out, "  %.*s\n", (int)length, text);
        text += length + (text[length] == '\n');
    }
}

/* "did you mean X?" as X; empty if the hint says something else. */
static wr_str suggestion_of(const char *hint)
{
    wr_str text = wr_str_of(hint), lead = WR_STR("did you mean ");
    if (!hint || !wr_str_has_prefix(text, lead) || !wr_str_has_suffix(text, WR_STR("?")))
        return WR_STR("");
    return (wr_str){text.data + lead.length, text.length - lead.length - 1};
}

/* The statement with what the error says to write instead, if that is a statement. */
static weir_status apply_edit(weir_status bad, wr_str sql, wr_span statement)
{
    size_t from = statement.pos, end = (size_t)statement.pos + statement.length;
    size_t at = bad->edit_span.pos, behind = at + bad->edit_span.length;
    if (at < from || behind > end || end > sql.length) return bad;
    if (memchr(sql.data + from, '\n', end - from)) return bad;
    WR_BUF(fix);
    wr_buf_add(&fix, sql.data + from, at - from);
    wr_buf_add_text(&fix, bad->edit);
    wr_buf_add(&fix, sql.data + behind, end - behind);
    while (fix.length && fix.data[fix.length - 1] == ' ')
        fix.data[--fix.length] = 0;
    WR_ARENA(arena);
    wr_statement parsed;
    weir_status wrong = wr_parse_one(&arena, wr_buf_str(&fix), &parsed);
    bool is_statement = !wrong;
    wr_status_drop(wrong);
    return is_statement ? wr_with_fix(bad, "%s", fix.data) : bad;
}

weir_status wr_error_with_fix(weir_status bad, wr_str sql, wr_span statement)
{
    if (bad->edit && !bad->fix) return apply_edit(bad, sql, statement);
    wr_str name = suggestion_of(bad->hint);
    size_t from = statement.pos, end = (size_t)statement.pos + statement.length;
    size_t at = bad->span.pos, behind = at + bad->span.length;
    if (bad->fix || !name.length || !bad->span.length || at < from || behind > end ||
        end > sql.length)
        return bad;
    if (memchr(sql.data + from, '\n', end - from)) return bad;
    /* What destroys is not offered for pasting: the hint suffices. */
    static const char *const destroying[] = {"drop ", "delete ", "truncate "};
    for (size_t i = 0; i < WR_COUNT(destroying); i++)
        if (strncasecmp(sql.data + from, destroying[i], strlen(destroying[i])) == 0) return bad;
    wr_str token = {sql.data + at, behind - at};
    bool is_text = token.data[0] == '\'';
    wr_str wanted = token;
    if (token.length > 2 && (is_text || token.data[0] == '"'))
        wanted = (wr_str){token.data + 1, token.length - 2};
    const char *dot = is_text ? NULL : memrchr(wanted.data, '.', wanted.length);
    if (dot) wanted = (wr_str){dot + 1, (size_t)(wanted.data + wanted.length - dot) - 1};
    int limit = (int)WR_MAX(wanted.length / 3, (size_t)1);
    if (wr_edit_distance(wanted, name) > limit) return bad; /* the place is not the name's */
    WR_BUF(fix);
    wr_buf_add(&fix, sql.data + from, at - from);
    if (is_text)
        wr_format_string(&fix, name);
    else if (bad->code == WR_E_UNKNOWN_COLUMN || bad->code == WR_E_UNKNOWN_TABLE)
        wr_format_name(&fix, name);
    else
        wr_buf_add_str(&fix, name);
    wr_buf_add(&fix, sql.data + behind, end - behind);
    return wr_with_fix(bad, "%s", fix.data);
}

char *weir_error_render(weir_status error, const char *sql, size_t length, bool color)
{
    WR_BUF(out);
    const char *on = color ? "\033[1;31m" : "", *off = color ? "\033[0m" : "";
    wr_buf_printf(&out, "%serror[%s]%s: %s\n", on, weir_error_code(error), off, error->message);
    size_t before = out.length;
    add_source(&out, error, (wr_str){sql, length}, color);
    bool hint_shown = out.length > before;
    if (error->detail) add_indented(&out, error->detail);
    if (error->hint && !hint_shown) wr_buf_printf(&out, "  hint: %s\n", error->hint);
    if (error->candidates && !(error->hint && strstr(error->hint, error->candidates)))
        wr_buf_printf(&out, "  near names: %s\n", error->candidates);
    if (error->fix) wr_buf_printf(&out, "  fix: %s\n", error->fix);
    wr_passwords_mask(out.data, out.length);
    return wr_heap_copy(out.data, out.length);
}

static void add_member(wr_buf *out, const char *name, const char *text)
{
    if (!text) return;
    wr_buf_printf(out, ",\"%s\":", name);
    wr_buf_add_json(out, wr_str_of(text));
}

char *weir_error_json(weir_status error, const char *sql, size_t length)
{
    WR_BUF(out);
    wr_buf_printf(&out, "{\"code\":\"%s\",\"sqlstate\":\"%s\",\"message\":", weir_error_code(error),
                  weir_error_sqlstate(error));
    wr_buf_add_json(&out, wr_str_of(error->message));
    if (error->span.length) {
        wr_buf_printf(&out, ",\"position\":%u,\"length\":%u", error->span.pos, error->span.length);
        if (sql && error->span.pos <= length) {
            source_line line = line_at((wr_str){sql, length}, error->span.pos);
            wr_buf_printf(&out, ",\"line\":%u,\"column\":%u", line.number, line.column + 1);
        }
    }
    add_member(&out, "detail", error->detail);
    add_member(&out, "hint", error->hint);
    add_member(&out, "fix", error->fix);
    add_member(&out, "candidates", error->candidates);
    wr_buf_printf(&out, ",\"retryable\":%s}", weir_error_retryable(error) ? "true" : "false");
    wr_passwords_mask(out.data, out.length);
    return wr_heap_copy(out.data, out.length);
}

void weir_text_free(char *text) { wr_heap_drop(text); }
