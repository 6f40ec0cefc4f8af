/* text_build.c - functions whose text is longer than or different from their arguments: joining,
 * padding, replacing.
 *
 * Everything whose size depends on values of the data asks wr_text_room_checked first, so
 * repeat('x', 10^12) is an error and not the end of the process. concat and format take any type:
 * bind turns arguments into text. */
#include "expr/fn/call.h"
#include "expr/fn/characters.h"
#include "expr/fn/pick.h"

static weir_status bind_to_text(wr_fn_bind *b, int from)
{
    for (int a = from; a < b->arg_count; a++)
        if (b->args[a]->type->id != WR_T_VARCHAR)
            WR_TRY(wr_bind_cast(b->arena, b->args[a], WR_VARCHAR, false, b->span, &b->args[a]));
    return WR_OK;
}
static weir_status bind_all_text(wr_fn_bind *b)
{
    if (!b->arg_count)
        return wr_fail_at(WR_E_UNKNOWN_FUNCTION, b->span, "at least one argument is needed");
    return bind_to_text(b, 0);
}
static weir_status bind_rest_text(wr_fn_bind *b) { return bind_to_text(b, 1); }

/* Joins arguments from first on, skipping NULLs. */
static weir_status join_row(wr_call *call, uint32_t i, int first, wr_str separator,
                            wr_text_out *text, wr_view *out)
{
    size_t total = 0;
    for (int a = first; a < call->arg_count; a++)
        if (!wr_arg_is_null(call, a, i)) total += wr_arg_str(call, a, i).length + separator.length;
    char *to, *start;
    WR_TRY(wr_text_room_checked(text, call->env, total, &to));
    start = to;
    bool any = false;
    for (int a = first; a < call->arg_count; a++) {
        if (wr_arg_is_null(call, a, i)) continue;
        if (any && separator.length) to = mempcpy(to, separator.data, separator.length);
        wr_str s = wr_arg_str(call, a, i);
        to = mempcpy(to, s.data, s.length);
        any = true;
    }
    *out = wr_text_take(text, (size_t)(to - start));
    return WR_OK;
}

static weir_status fn_concat(wr_call *call, wr_column *out)
{
    wr_text_out text = {call->arena, NULL, NULL};
    WR_ALL_ROWS(i) { WR_TRY(join_row(call, i, 0, WR_STR(""), &text, &WR_OUT(out, wr_view, i))); }
    return WR_OK;
}
static weir_status fn_concat_ws(wr_call *call, wr_column *out)
{
    wr_text_out text = {call->arena, NULL, NULL};
    WR_ALL_ROWS(i)
    {
        if (wr_arg_is_null(call, 0, i))
            wr_out_null(call, out, i);
        else
            WR_TRY(join_row(call, i, 1, wr_arg_str(call, 0, i), &text, &WR_OUT(out, wr_view, i)));
    }
    return WR_OK;
}
/* a || b || ...; NULL if one is. */
static weir_status fn_join(wr_call *call, wr_column *out)
{
    wr_text_out text = {call->arena, NULL, NULL};
    WR_ROWS(i)
    {
        size_t length = 0;
        for (int a = 0; a < call->arg_count; a++)
            length += wr_arg_str(call, a, i).length;
        char *to;
        WR_TRY(wr_text_room_checked(&text, call->env, length, &to));
        for (int a = 0; a < call->arg_count; a++) {
            wr_str part = wr_arg_str(call, a, i);
            to = mempcpy(to, part.data, part.length);
        }
        WR_OUT(out, wr_view, i) = wr_text_take(&text, length);
    }
    return WR_OK;
}

static weir_status fn_repeat(wr_call *call, wr_column *out)
{
    wr_text_out text = {call->arena, NULL, NULL};
    WR_ROWS(i)
    {
        wr_str s = wr_arg_str(call, 0, i);
        int64_t count = WR_MAX(WR_ARG(call, 1, int64_t, i), 0);
        size_t size;
        char *to;
        if (__builtin_mul_overflow(s.length, (size_t)count, &size)) size = SIZE_MAX;
        weir_status bad = wr_text_room_checked(&text, call->env, size, &to);
        if (bad) return wr_bad_row(call, i, bad);
        for (size_t at = 0; at < size; at += s.length)
            memcpy(to + at, s.data, s.length);
        WR_OUT(out, wr_view, i) = wr_text_take(&text, size);
    }
    return WR_OK;
}

static weir_status pad_rows(wr_call *call, wr_column *out, bool at_left)
{
    wr_text_out text = {call->arena, NULL, NULL};
    WR_ROWS(i)
    {
        wr_str s = wr_arg_str(call, 0, i),
               fill = call->arg_count > 2 ? wr_arg_str(call, 2, i) : WR_STR(" ");
        int64_t want = WR_MAX(WR_ARG(call, 1, int64_t, i), 0),
                have = (int64_t)wr_utf8_count(s.data, s.length);
        if (want <= have || fill.length == 0) {
            wr_out_str(out, i, (wr_str){s.data, wr_char_offset(s.data, s.length, want)});
            continue;
        }
        int64_t missing = want - have, fill_chars = (int64_t)wr_utf8_count(fill.data, fill.length);
        size_t rest = wr_char_offset(fill.data, fill.length, missing % fill_chars), whole, size;
        if (__builtin_mul_overflow(fill.length, (size_t)(missing / fill_chars), &whole) ||
            __builtin_add_overflow(whole, rest + s.length, &size))
            size = SIZE_MAX;
        char *to;
        weir_status bad = wr_text_room_checked(&text, call->env, size, &to);
        if (bad) return wr_bad_row(call, i, bad);
        if (!at_left) to = mempcpy(to, s.data, s.length);
        for (size_t at = 0; at < whole; at += fill.length)
            to = mempcpy(to, fill.data, fill.length);
        to = mempcpy(to, fill.data, rest);
        if (at_left) memcpy(to, s.data, s.length);
        WR_OUT(out, wr_view, i) = wr_text_take(&text, size);
    }
    return WR_OK;
}
static weir_status fn_lpad(wr_call *call, wr_column *out) { return pad_rows(call, out, true); }
static weir_status fn_rpad(wr_call *call, wr_column *out) { return pad_rows(call, out, false); }

static weir_status fn_reverse(wr_call *call, wr_column *out)
{
    wr_text_out text = {call->arena, NULL, NULL};
    WR_ROWS(i)
    {
        wr_str s = wr_arg_str(call, 0, i);
        char *end = wr_text_room(&text, s.length) + s.length;
        for (size_t at = 0; at < s.length;) {
            size_t n = wr_char_size(s.data + at, s.length - at);
            end -= n;
            memcpy(end, s.data + at, n);
            at += n;
        }
        WR_OUT(out, wr_view, i) = wr_text_take(&text, s.length);
    }
    return WR_OK;
}

static size_t count_of(wr_str s, wr_str part)
{
    size_t found = 0;
    for (ptrdiff_t at; (at = wr_str_find(s, part)) >= 0; found++) {
        size_t skip = (size_t)at + part.length;
        s.data += skip, s.length -= skip;
    }
    return found;
}

static weir_status fn_replace(wr_call *call, wr_column *out)
{
    wr_text_out text = {call->arena, NULL, NULL};
    WR_ROWS(i)
    {
        wr_str s = wr_arg_str(call, 0, i), from = wr_arg_str(call, 1, i),
               by = wr_arg_str(call, 2, i);
        size_t found = from.length ? count_of(s, from) : 0;
        if (!found) {
            wr_out_str(out, i, s);
            continue;
        }
        size_t size = s.length - found * from.length, added;
        if (__builtin_mul_overflow(found, by.length, &added) ||
            __builtin_add_overflow(size, added, &size))
            size = SIZE_MAX;
        char *to;
        weir_status bad = wr_text_room_checked(&text, call->env, size, &to);
        if (bad) return wr_bad_row(call, i, bad);
        for (ptrdiff_t at; (at = wr_str_find(s, from)) >= 0;) {
            to = mempcpy(to, s.data, (size_t)at);
            to = mempcpy(to, by.data, by.length);
            s.data += (size_t)at + from.length, s.length -= (size_t)at + from.length;
        }
        memcpy(to, s.data, s.length);
        WR_OUT(out, wr_view, i) = wr_text_take(&text, size);
    }
    return WR_OK;
}

/* Where in list the character stands, counted in characters; -1 if nowhere. */
static int64_t index_of_char(wr_str list, const char *character, size_t size)
{
    int64_t index = 0;
    for (size_t at = 0; at < list.length; index++) {
        size_t n = wr_char_size(list.data + at, list.length - at);
        if (n == size && memcmp(list.data + at, character, size) == 0) return index;
        at += n;
    }
    return -1;
}

static weir_status fn_translate(wr_call *call, wr_column *out)
{
    wr_text_out text = {call->arena, NULL, NULL};
    WR_ROWS(i)
    {
        wr_str s = wr_arg_str(call, 0, i), from = wr_arg_str(call, 1, i),
               to = wr_arg_str(call, 2, i);
        char *start = wr_text_room(&text, s.length * 4), *next = start;
        for (size_t at = 0; at < s.length;) {
            size_t n = wr_char_size(s.data + at, s.length - at);
            int64_t index = index_of_char(from, s.data + at, n);
            if (index < 0) {
                next = mempcpy(next, s.data + at, n);
            } else {
                size_t offset = wr_char_offset(to.data, to.length, index);
                if (offset < to.length)
                    next = mempcpy(next, to.data + offset,
                                   wr_char_size(to.data + offset, to.length - offset));
            }
            at += n;
        }
        WR_OUT(out, wr_view, i) = wr_text_take(&text, (size_t)(next - start));
    }
    return WR_OK;
}

static weir_status fn_overlay(wr_call *call, wr_column *out)
{
    wr_text_out text = {call->arena, NULL, NULL};
    WR_ROWS(i)
    {
        wr_str s = wr_arg_str(call, 0, i), by = wr_arg_str(call, 1, i);
        int64_t from = WR_ARG(call, 2, int64_t, i), end;
        int64_t count = call->arg_count > 3 ? WR_ARG(call, 3, int64_t, i)
                                            : (int64_t)wr_utf8_count(by.data, by.length);
        if (from < 1 || __builtin_add_overflow(from, count, &end))
            return wr_bad_row(
                call, i, wr_fail(WR_E_BAD_ARGUMENT, "the position to overlay must be 1 or more"));
        size_t head = wr_char_offset(s.data, s.length, from - 1);
        size_t tail = wr_char_offset(s.data, s.length, WR_MAX(end - 1, 0));
        char *to;
        WR_TRY(wr_text_room_checked(&text, call->env, head + by.length + s.length - tail, &to));
        to = mempcpy(to, s.data, head);
        to = mempcpy(to, by.data, by.length);
        memcpy(to, s.data + tail, s.length - tail);
        WR_OUT(out, wr_view, i) = wr_text_take(&text, head + by.length + s.length - tail);
    }
    return WR_OK;
}

/* ---- splitting into lists ---- */

typedef WR_LIST(wr_view) view_list;

static void split_into(view_list *list, wr_arena *arena, wr_str s, wr_str delimiter)
{
    if (delimiter.length == 0) {
        for (size_t at = 0, n; at < s.length; at += n) {
            n = wr_char_size(s.data + at, s.length - at);
            wr_push(arena, list, wr_view_of(s.data + at, n));
        }
        return;
    }
    for (ptrdiff_t at; (at = wr_str_find(s, delimiter)) >= 0;) {
        wr_push(arena, list, wr_view_of(s.data, (size_t)at));
        s.data += (size_t)at + delimiter.length, s.length -= (size_t)at + delimiter.length;
    }
    wr_push(arena, list, wr_view_of(s.data, s.length));
}

static weir_status fn_string_split(wr_call *call, wr_column *out)
{
    view_list list = {0};
    WR_ROWS(i)
    {
        wr_str s = wr_arg_str(call, 0, i);
        int before = list.count;
        split_into(&list, call->arena, s, wr_arg_str(call, 1, i));
        WR_OUT(out, wr_list_slot, i) =
            (wr_list_slot){(uint32_t)before, (uint32_t)(list.count - before)};
    }
    out->children = wr_new(call->arena, wr_column);
    wr_column_init(out->children, call->arena, WR_VARCHAR, WR_P_VIEW, (uint32_t)list.count + 1);
    out->children->rows = (uint32_t)list.count;
    if (list.count) memcpy(out->children->data, list.items, sizeof(wr_view) * (size_t)list.count);
    return WR_OK;
}
/* string_to_array(text, delimiter [, null text]): a NULL delimiter parts the characters, an empty
 * one nothing. */
static weir_status fn_string_to_array(wr_call *call, wr_column *out)
{
    view_list list = {0};
    WR_LIST(uint32_t) nulls = {0};
    WR_ALL_ROWS(i)
    {
        uint32_t before = (uint32_t)list.count;
        WR_OUT(out, wr_list_slot, i) = (wr_list_slot){before, 0};
        if (wr_arg_is_null(call, 0, i)) {
            wr_out_null(call, out, i);
            continue;
        }
        wr_str s = wr_arg_str(call, 0, i), delimiter = WR_STR("");
        bool by_character = wr_arg_is_null(call, 1, i);
        if (!by_character) delimiter = wr_arg_str(call, 1, i);
        if (s.length && (by_character || delimiter.length))
            split_into(&list, call->arena, s, delimiter);
        else if (s.length)
            wr_push(call->arena, &list, wr_view_of(s.data, s.length));
        bool has_null_text = call->arg_count > 2 && !wr_arg_is_null(call, 2, i);
        for (uint32_t k = before; has_null_text && k < (uint32_t)list.count; k++)
            if (wr_str_eq(wr_view_str(&list.items[k]), wr_arg_str(call, 2, i)))
                wr_push(call->arena, &nulls, k);
        WR_OUT(out, wr_list_slot, i).length = (uint32_t)list.count - before;
    }
    uint32_t count = (uint32_t)list.count;
    out->children = wr_new(call->arena, wr_column);
    wr_column_init(out->children, call->arena, WR_VARCHAR, WR_P_VIEW, count + 1);
    out->children->rows = count;
    if (count) memcpy(out->children->data, list.items, sizeof(wr_view) * count);
    for (int k = 0; k < nulls.count; k++)
        wr_bit_clear(wr_column_need_valid(out->children, call->arena, count), nulls.items[k]);
    return WR_OK;
}

/* ---- format ---- */

static void add_padded(wr_buf *buf, wr_str s, int64_t width, bool at_left)
{
    int64_t missing = width - (int64_t)wr_utf8_count(s.data, s.length);
    if (at_left) wr_buf_add_str(buf, s);
    for (; missing > 0; missing--)
        wr_buf_add_char(buf, ' ');
    if (!at_left) wr_buf_add_str(buf, s);
}

static void add_quoted(wr_buf *buf, wr_str s, char quote)
{
    wr_buf_add_char(buf, quote);
    for (size_t i = 0; i < s.length; i++) {
        if (s.data[i] == quote) wr_buf_add_char(buf, quote);
        wr_buf_add_char(buf, s.data[i]);
    }
    wr_buf_add_char(buf, quote);
}

static bool is_plain_name(wr_str s)
{
    for (size_t i = 0; i < s.length; i++) {
        char c = s.data[i];
        if (!((c >= 'a' && c <= 'z') || c == '_' || (i && c >= '0' && c <= '9'))) return false;
    }
    return s.length > 0;
}

typedef struct format_spec {
    int position; /* argument number from 1; 0 = next */
    int64_t width;
    int width_argument; /* -1 none, 0 next, else number */
    bool at_left;
    char kind;
} format_spec;

static int64_t read_digits(wr_str *s)
{
    int64_t value = 0;
    while (s->length && *s->data >= '0' && *s->data <= '9') {
        if (value < 100000000) value = value * 10 + (*s->data - '0');
        s->data++, s->length--;
    }
    return value;
}
static bool take_char(wr_str *s, char c)
{
    if (!s->length || *s->data != c) return false;
    s->data++, s->length--;
    return true;
}

/* Reads what follows a percent sign: [n$][-][width|*|*n$]kind. */
static format_spec read_spec(wr_str *s)
{
    format_spec spec = {.width_argument = -1};
    wr_str saved = *s;
    int64_t number = read_digits(s);
    if (number && take_char(s, '$'))
        spec.position = (int)WR_MIN(number, INT32_MAX);
    else
        *s = saved;
    while (take_char(s, '-'))
        spec.at_left = true;
    if (take_char(s, '*')) {
        number = read_digits(s);
        spec.width_argument = number && take_char(s, '$') ? (int)number : 0;
    } else {
        spec.width = read_digits(s);
    }
    if (s->length) spec.kind = *s->data, s->data++, s->length--;
    return spec;
}

static weir_status format_argument(wr_call *call, uint32_t i, format_spec spec, int position,
                                   wr_buf *buf)
{
    if (position < 1 || position >= call->arg_count)
        return wr_fail(WR_E_BAD_ARGUMENT, "too few arguments for format()");
    bool is_null = wr_arg_is_null(call, position, i);
    wr_str s = is_null ? WR_STR("") : wr_arg_str(call, position, i);
    WR_BUF(quoted);
    if (spec.kind == 'I') {
        if (is_null) return wr_fail(WR_E_BAD_ARGUMENT, "NULL cannot be formatted as a name");
        if (!is_plain_name(s)) add_quoted(&quoted, s, '"'), s = wr_buf_str(&quoted);
    } else if (spec.kind == 'L') {
        if (is_null)
            s = WR_STR("NULL");
        else
            add_quoted(&quoted, s, '\''), s = wr_buf_str(&quoted);
    } else if (spec.kind != 's') {
        return wr_with_hint(
            wr_fail(WR_E_BAD_ARGUMENT, "unknown format() kind \"%c\"", spec.kind ? spec.kind : '%'),
            "use %%s, %%I, %%L, or %%%% for a single %%");
    }
    if (spec.width > 10000000)
        return wr_fail(WR_E_TOO_BIG, "the width asked of format() is too large");
    add_padded(buf, s, spec.width, spec.at_left);
    return WR_OK;
}

static weir_status format_row(wr_call *call, uint32_t i, wr_buf *buf)
{
    wr_str s = wr_arg_str(call, 0, i);
    int next = 1;
    while (s.length) {
        const char *percent = memchr(s.data, '%', s.length);
        size_t plain = percent ? (size_t)(percent - s.data) : s.length;
        wr_buf_add(buf, s.data, plain);
        s.data += plain, s.length -= plain;
        if (!s.length) break;
        s.data++, s.length--;
        if (take_char(&s, '%')) {
            wr_buf_add_char(buf, '%');
            continue;
        }
        format_spec spec = read_spec(&s);
        if (spec.width_argument >= 0) {
            int at = spec.width_argument ? spec.width_argument : next++;
            if (at >= call->arg_count)
                return wr_fail(WR_E_BAD_ARGUMENT, "too few arguments for format()");
            int64_t width = 0;
            if (!wr_arg_is_null(call, at, i) && !wr_i64_read(wr_arg_str(call, at, i), &width, NULL))
                return wr_fail(WR_E_BAD_ARGUMENT, "the width given to format() is not a number");
            if (width < 0) spec.at_left = true, width = width < -INT32_MAX ? INT32_MAX : -width;
            spec.width = width;
        }
        int position = spec.position ? spec.position : next;
        next = position + 1;
        WR_TRY(format_argument(call, i, spec, position, buf));
    }
    return WR_OK;
}

static weir_status fn_format(wr_call *call, wr_column *out)
{
    wr_text_out text = {call->arena, NULL, NULL};
    WR_BUF(buf);
    WR_ALL_ROWS(i)
    {
        if (wr_arg_is_null(call, 0, i)) {
            wr_out_null(call, out, i);
            continue;
        }
        buf.length = 0;
        weir_status bad = format_row(call, i, &buf);
        if (bad) return wr_bad_row(call, i, bad);
        WR_OUT(out, wr_view, i) = wr_text_buf(&text, &buf);
    }
    return WR_OK;
}

static weir_status quote_rows(wr_call *call, wr_column *out, char quote)
{
    wr_text_out text = {call->arena, NULL, NULL};
    WR_BUF(buf);
    WR_ROWS(i)
    {
        wr_str s = wr_arg_str(call, 0, i);
        buf.length = 0;
        if (quote == '"' && is_plain_name(s))
            wr_buf_add_str(&buf, s);
        else
            add_quoted(&buf, s, quote);
        WR_OUT(out, wr_view, i) = wr_text_buf(&text, &buf);
    }
    return WR_OK;
}
static weir_status fn_quote_ident(wr_call *call, wr_column *out)
{
    return quote_rows(call, out, '"');
}
static weir_status fn_quote_literal(wr_call *call, wr_column *out)
{
    return quote_rows(call, out, '\'');
}
static weir_status fn_quote_nullable(wr_call *call, wr_column *out)
{
    wr_column all = *out;
    all.valid = call->args[0].valid;
    WR_TRY(quote_rows(call, &all, '\''));
    WR_ALL_ROWS(i)
    {
        if (wr_arg_is_null(call, 0, i)) wr_out_str(out, i, WR_STR("NULL"));
    }
    return WR_OK;
}

/* bar(x, min, max, width): a bar of block characters, with eighths. */
static weir_status fn_bar(wr_call *call, wr_column *out)
{
    wr_text_out text = {call->arena, NULL, NULL};
    WR_ROWS(i)
    {
        double x = WR_ARG(call, 0, double, i), lo = WR_ARG(call, 1, double, i),
               hi = WR_ARG(call, 2, double, i);
        int64_t width = WR_ARG(call, 3, int64_t, i);
        if (!(hi > lo) || width < 1 || width > 1000)
            return wr_bad_row(
                call, i,
                wr_fail(WR_E_BAD_ARGUMENT, "bar() needs min < max and a width of 1 to 1000"));
        double share = x != x || x <= lo ? 0 : x >= hi ? 1 : (x - lo) / (hi - lo);
        int64_t eighths = (int64_t)(share * (double)width * 8);
        char *to = wr_text_room(&text, (size_t)width * 3 + 3), *start = to;
        for (int64_t k = 0; k < width; k++) {
            int64_t fill = WR_MIN(WR_MAX(eighths - k * 8, 0), 8);
            if (fill == 0)
                *to++ = ' ';
            else
                to += wr_utf8_encode((uint32_t)(0x2590 - fill), to);
        }
        WR_OUT(out, wr_view, i) = wr_text_take(&text, (size_t)(to - start));
    }
    return WR_OK;
}

const wr_fn wr_fns_text_build[] = {
    {"concat", "(each...) -> text", fn_concat, "Joins the arguments as text; NULLs are skipped.",
     "concat('a', 1, NULL, true)", "a1true", .flags = WR_FN_SEES_NULLS, .bind = bind_all_text},
    {"concat_ws", "(separator text, each...) -> text", fn_concat_ws,
     "Joins the arguments with a separator; NULLs are skipped.", "concat_ws(', ', 'a', NULL, 2)",
     "a, 2", .flags = WR_FN_SEES_NULLS, .bind = bind_rest_text},
    {"||", "(text, text) -> text", fn_join, "Joins two texts.", "'ab' || 'cd'", "abcd",
     .flags = WR_FN_ASSOCIATIVE},
    {"||", "(text, scalar) -> text", fn_join, "Joins a text and a value.", "'n = ' || 42", "n = 42",
     .flags = WR_FN_ASSOCIATIVE, .bind = bind_all_text},
    {"||", "(scalar, text) -> text", fn_join, "Joins a value and a text.", "42 || ' items'",
     "42 items", .flags = WR_FN_ASSOCIATIVE, .bind = bind_all_text},
    {"||", "(blob, blob) -> blob", fn_join, "Joins bytes.", "'\\x01'::blob || '\\x02'::blob",
     "\\x0102", .flags = WR_FN_ASSOCIATIVE},
    {"repeat", "(text, count bigint) -> text", fn_repeat, "text count times.", "repeat('ab', 3)",
     "ababab", .flags = WR_FN_CAN_FAIL},
    {"lpad", "(text, length bigint, fill text = ' ') -> text", fn_lpad,
     "Fills or cuts text to a length, filling at the start.", "lpad('7', 3, '0')", "007",
     .flags = WR_FN_CAN_FAIL},
    {"rpad", "(text, length bigint, fill text = ' ') -> text", fn_rpad,
     "Fills or cuts text to a length, filling at the end.", "rpad('hi', 5, '.')", "hi...",
     .flags = WR_FN_CAN_FAIL},
    {"reverse", "(text) -> text", fn_reverse, "Characters in reverse order.", "reverse('abc')",
     "cba"},
    {"replace", "(text, part text, replacement text) -> text", fn_replace,
     "Replaces every occurrence of part.", "replace('abcabc', 'b', 'XX')", "aXXcaXXc",
     .flags = WR_FN_CAN_FAIL},
    {"translate", "(text, from text, to text) -> text", fn_translate,
     "Replaces each character of from by that of to at the same place; without counterpart it "
     "goes.",
     "translate('12345', '143', 'ax')", "a2x5"},
    {"overlay", "(text, replacement text, start bigint) -> text", fn_overlay,
     "Replaces as many characters from a position as the replacement has.",
     "overlay('Txxxxas', 'hom', 2)", "Thomxas", .flags = WR_FN_CAN_FAIL},
    {"overlay", "(text, replacement text, start bigint, count bigint) -> text", fn_overlay,
     "Replaces count characters from a position.", "overlay('Txxxxas', 'hom', 2, 4)", "Thomas",
     .flags = WR_FN_CAN_FAIL},
    {"string_split|str_split|split", "(text, delimiter text) -> text[]", fn_string_split,
     "Splits text at a delimiter.", "string_split('a-b-c', '-')", "[a, b, c]"},
    {"string_to_array", "(text, delimiter text) -> text[]", fn_string_to_array,
     "Splits text at a delimiter, NULL for every character; the empty text gives an empty list.",
     "string_to_array('a,b', ',')", "[a, b]", .flags = WR_FN_SEES_NULLS},
    {"string_to_array", "(text, delimiter text, nulls text) -> text[]", fn_string_to_array,
     "Splits text at a delimiter; pieces equal to the third argument become NULL.",
     "string_to_array('a,-,b', ',', '-')", "[a, NULL, b]", .flags = WR_FN_SEES_NULLS},
    {"format|format_pg", "(pattern text, each...) -> text", fn_format,
     "Fills %s (text), %I (name) and %L (literal) of the pattern, as PostgreSQL.",
     "format('%s = %L', 'a', 'it''s')", "a = 'it''s'", .flags = WR_FN_SEES_NULLS | WR_FN_CAN_FAIL,
     .bind = bind_rest_text},
    {"format|format_pg", "(pattern text) -> text", fn_format, "The pattern with %% as %.",
     "format('100%%')", "100%", .flags = WR_FN_SEES_NULLS | WR_FN_CAN_FAIL},
    {"quote_ident", "(text) -> text", fn_quote_ident, "As a name in SQL, quoted where needed.",
     "quote_ident('Foo bar')", "\"Foo bar\""},
    {"quote_literal", "(text) -> text", fn_quote_literal, "As a text literal of SQL.",
     "quote_literal('it''s')", "'it''s'"},
    {"quote_nullable", "(text) -> text", fn_quote_nullable,
     "As a literal of SQL; NULL gives the word NULL.", "quote_nullable(NULL)", "NULL",
     .flags = WR_FN_SEES_NULLS},
    {"bar", "(x double, min double, max double, width bigint = 80) -> text", fn_bar,
     "A bar whose length shows where x lies between min and max.", "bar(5, 0, 10, 4)", "██  ",
     .flags = WR_FN_CAN_FAIL},
    {0},
};
