/* text.c - length, case, parts and positions of text.
 *
 * Positions count characters (code points) from 1, as in PostgreSQL. Parts are borrowed from the
 * argument, nothing is copied. Case mapping is Unicode's simple mapping (one code point to one),
 * with a shortcut for ASCII. */
#include "expr/fn/call.h"
#include "expr/fn/characters.h"
#include <utf8proc.h>

static weir_status fn_length(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        wr_str s = wr_arg_str(call, 0, i);
        WR_OUT(out, int64_t, i) = (int64_t)wr_utf8_count(s.data, s.length);
    }
    return WR_OK;
}
static weir_status fn_octet_length(wr_call *call, wr_column *out)
{
    WR_ROWS(i) { WR_OUT(out, int64_t, i) = WR_ARG(call, 0, wr_view, i).length; }
    return WR_OK;
}
static weir_status fn_bit_length(wr_call *call, wr_column *out)
{
    WR_ROWS(i) { WR_OUT(out, int64_t, i) = (int64_t)WR_ARG(call, 0, wr_view, i).length * 8; }
    return WR_OK;
}

/* ---- case ---- */

typedef enum letter_case { TO_LOWER, TO_UPPER, TO_INITIAL } letter_case;

static size_t map_ascii(char *to, wr_str s, letter_case want)
{
    bool in_word = false;
    for (size_t i = 0; i < s.length; i++) {
        uint8_t c = (uint8_t)s.data[i];
        bool is_lower = (uint8_t)(c - 'a') < 26, is_upper = (uint8_t)(c - 'A') < 26;
        bool up = want == TO_UPPER || (want == TO_INITIAL && !in_word);
        to[i] = (char)(up ? (is_lower ? c - 32 : c) : (is_upper ? c + 32 : c));
        in_word = is_lower || is_upper || (uint8_t)(c - '0') < 10;
    }
    return s.length;
}

static bool is_word_char(uint32_t code)
{
    utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)code);
    return (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO) ||
           category == UTF8PROC_CATEGORY_ND || category == UTF8PROC_CATEGORY_MN;
}

static size_t map_unicode(char *to, wr_str s, letter_case want)
{
    size_t at = 0, written = 0;
    bool in_word = false;
    while (at < s.length) {
        size_t used;
        uint32_t code = wr_char_at(s.data + at, s.length - at, &used);
        bool up = want == TO_UPPER || (want == TO_INITIAL && !in_word);
        in_word = is_word_char(code);
        utf8proc_int32_t mapped = up ? utf8proc_toupper((utf8proc_int32_t)code)
                                     : utf8proc_tolower((utf8proc_int32_t)code);
        if (code == 0xdf) mapped = 0xdf; /* sharp s: its simple upper case is itself */
        written += (size_t)wr_utf8_encode((uint32_t)mapped, to + written);
        at += used;
    }
    return written;
}

size_t wr_text_lower(char *to, wr_str s)
{
    return wr_is_ascii(s.data, s.length) ? map_ascii(to, s, TO_LOWER)
                                         : map_unicode(to, s, TO_LOWER);
}

static weir_status map_case(wr_call *call, wr_column *out, letter_case want)
{
    wr_text_out text = {call->arena, NULL, NULL};
    WR_ROWS(i)
    {
        wr_str s = wr_arg_str(call, 0, i);
        bool ascii = wr_is_ascii(s.data, s.length);
        /* A character of 2 bytes may map to one of 3, never more than that. */
        char *to = wr_text_room(&text, ascii ? s.length : s.length * 2 + 4);
        size_t used = ascii ? map_ascii(to, s, want) : map_unicode(to, s, want);
        WR_OUT(out, wr_view, i) = wr_text_take(&text, used);
    }
    return WR_OK;
}
static weir_status fn_lower(wr_call *call, wr_column *out) { return map_case(call, out, TO_LOWER); }
static weir_status fn_upper(wr_call *call, wr_column *out) { return map_case(call, out, TO_UPPER); }
static weir_status fn_initcap(wr_call *call, wr_column *out)
{
    return map_case(call, out, TO_INITIAL);
}

/* ---- parts ---- */

/* Characters [from, to) of s, both counted from 0 and not negative. */
static wr_str part_of(wr_str s, int64_t from, int64_t to)
{
    if (to <= from) return (wr_str){s.data, 0};
    size_t begin = wr_char_offset(s.data, s.length, from);
    size_t size = wr_char_offset(s.data + begin, s.length - begin, to - from);
    return (wr_str){s.data + begin, size};
}

/* What (text, from [, count]) asks for: [*from, *to), counted from 1, maybe beyond the ends. */
static weir_status read_range(wr_call *call, uint32_t i, int64_t *from, int64_t *to)
{
    *from = WR_ARG(call, 1, int64_t, i);
    *to = INT64_MAX;
    if (call->arg_count < 3) return WR_OK;
    int64_t count = WR_ARG(call, 2, int64_t, i);
    if (count < 0)
        return wr_bad_row(call, i,
                          wr_fail(WR_E_BAD_ARGUMENT, "negative substring length not allowed"));
    if (__builtin_add_overflow(*from, count, to)) *to = INT64_MAX;
    return WR_OK;
}

static weir_status fn_substr(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        wr_str s = wr_arg_str(call, 0, i);
        int64_t from, to;
        WR_TRY(read_range(call, i, &from, &to));
        wr_out_str(out, i, part_of(s, from > 1 ? from - 1 : 0, to > 1 ? to - 1 : 0));
    }
    return WR_OK;
}

static weir_status fn_blob_substr(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        wr_str s = wr_arg_str(call, 0, i);
        int64_t from, to;
        WR_TRY(read_range(call, i, &from, &to));
        int64_t size = (int64_t)s.length;
        from = from > 1 ? WR_MIN(from - 1, size) : 0;
        to = to > 1 ? WR_MIN(to - 1, size) : 0;
        wr_out_str(out, i, (wr_str){s.data + from, (size_t)WR_MAX(to - from, 0)});
    }
    return WR_OK;
}

/* What VARCHAR(n) columns store: more than n characters are refused unless they are blanks. */
static weir_status fn_fit_text(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        wr_str s = wr_arg_str(call, 0, i);
        int64_t count = WR_ARG(call, 1, int64_t, i);
        wr_out_str(out, i, s);
        if ((int64_t)s.length <= count) continue;
        size_t size = wr_char_offset(s.data, s.length, count), rest = size;
        while (rest < s.length && s.data[rest] == ' ')
            rest++;
        if (rest == s.length) {
            wr_out_str(out, i, (wr_str){s.data, size});
            continue;
        }
        wr_str column = call->arg_count > 2 ? wr_arg_str(call, 2, i) : WR_STR("");
        size_t shown = wr_char_offset(s.data, s.length, 40);
        return wr_bad_row(call, i,
                          wr_fail(WR_E_TEXT_TOO_LONG,
                                  "%.*s%s\"%.*s%s\" has %lld characters, at most %lld fit",
                                  WR_STR_ARGS(column), column.length ? ": " : "", (int)shown,
                                  s.data, shown < s.length ? "..." : "",
                                  (long long)wr_utf8_count(s.data, s.length), (long long)count));
    }
    return WR_OK;
}

static weir_status fn_left(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        wr_str s = wr_arg_str(call, 0, i);
        int64_t count = WR_ARG(call, 1, int64_t, i);
        if (count < 0)
            count = WR_MAX((int64_t)wr_utf8_count(s.data, s.length) + WR_MAX(count, -INT64_MAX), 0);
        wr_out_str(out, i, part_of(s, 0, count));
    }
    return WR_OK;
}
static weir_status fn_right(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        wr_str s = wr_arg_str(call, 0, i);
        int64_t count = WR_ARG(call, 1, int64_t, i),
                have = (int64_t)wr_utf8_count(s.data, s.length);
        int64_t skip = count < 0 ? -WR_MAX(count, -INT64_MAX) : have - WR_MIN(count, have);
        wr_out_str(out, i, part_of(s, skip, INT64_MAX));
    }
    return WR_OK;
}

/* ---- positions ---- */

static weir_status fn_position(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        wr_str s = wr_arg_str(call, 0, i);
        ptrdiff_t at = wr_str_find(s, wr_arg_str(call, 1, i));
        WR_OUT(out, int32_t, i) = at < 0 ? 0 : (int32_t)wr_utf8_count(s.data, (size_t)at) + 1;
    }
    return WR_OK;
}
static weir_status fn_locate(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        wr_str part = wr_arg_str(call, 0, i), s = wr_arg_str(call, 1, i);
        int64_t from = WR_ARG(call, 2, int64_t, i);
        size_t skip = wr_char_offset(s.data, s.length, from - 1);
        ptrdiff_t at = from < 1 ? -1 : wr_str_find((wr_str){s.data + skip, s.length - skip}, part);
        WR_OUT(out, int32_t, i) =
            at < 0 ? 0 : (int32_t)wr_utf8_count(s.data, skip + (size_t)at) + 1;
    }
    return WR_OK;
}
static weir_status fn_contains(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        WR_OUT(out, uint8_t, i) = wr_str_find(wr_arg_str(call, 0, i), wr_arg_str(call, 1, i)) >= 0;
    }
    return WR_OK;
}
static weir_status fn_starts_with(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        WR_OUT(out, uint8_t, i) = wr_str_has_prefix(wr_arg_str(call, 0, i), wr_arg_str(call, 1, i));
    }
    return WR_OK;
}
static weir_status fn_ends_with(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        WR_OUT(out, uint8_t, i) = wr_str_has_suffix(wr_arg_str(call, 0, i), wr_arg_str(call, 1, i));
    }
    return WR_OK;
}

/* ---- trimming ---- */

enum { TRIM_LEFT = 1, TRIM_RIGHT = 2 };

static bool is_among(wr_str set, const char *character, size_t size)
{
    for (size_t at = 0; at < set.length;) {
        size_t n = wr_char_size(set.data + at, set.length - at);
        if (n == size && memcmp(set.data + at, character, size) == 0) return true;
        at += n;
    }
    return false;
}

static wr_str trim(wr_str s, wr_str set, int sides)
{
    while ((sides & TRIM_LEFT) && s.length) {
        size_t n = wr_char_size(s.data, s.length);
        if (!is_among(set, s.data, n)) break;
        s.data += n, s.length -= n;
    }
    while ((sides & TRIM_RIGHT) && s.length) {
        size_t n = 1;
        while (n < s.length && n < 4 && ((uint8_t)s.data[s.length - n] & 0xc0) == 0x80)
            n++;
        if (!is_among(set, s.data + s.length - n, n)) break;
        s.length -= n;
    }
    return s;
}

static weir_status trim_rows(wr_call *call, wr_column *out, int sides)
{
    WR_ROWS(i)
    {
        wr_str set = call->arg_count > 1 ? wr_arg_str(call, 1, i) : WR_STR(" ");
        wr_out_str(out, i, trim(wr_arg_str(call, 0, i), set, sides));
    }
    return WR_OK;
}
static weir_status fn_btrim(wr_call *call, wr_column *out)
{
    return trim_rows(call, out, TRIM_LEFT | TRIM_RIGHT);
}
static weir_status fn_ltrim(wr_call *call, wr_column *out)
{
    return trim_rows(call, out, TRIM_LEFT);
}
static weir_status fn_rtrim(wr_call *call, wr_column *out)
{
    return trim_rows(call, out, TRIM_RIGHT);
}

/* The n-th field between delimiters, counted from the end if n is negative. */
static wr_str field_of(wr_str s, wr_str delimiter, int64_t n)
{
    int64_t fields = 1;
    if (delimiter.length == 0) return n == 1 || n == -1 ? s : (wr_str){s.data, 0};
    if (n < 0) {
        for (wr_str rest = s;;) {
            ptrdiff_t at = wr_str_find(rest, delimiter);
            if (at < 0) break;
            size_t skip = (size_t)at + delimiter.length;
            rest.data += skip, rest.length -= skip, fields++;
        }
        n = fields + n + 1;
        if (n < 1) return (wr_str){s.data, 0};
    }
    for (;; n--) {
        ptrdiff_t at = wr_str_find(s, delimiter);
        if (n == 1) return (wr_str){s.data, at < 0 ? s.length : (size_t)at};
        if (at < 0) return (wr_str){s.data, 0};
        size_t skip = (size_t)at + delimiter.length;
        s.data += skip, s.length -= skip;
    }
}

static weir_status fn_split_part(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        int64_t n = WR_ARG(call, 2, int64_t, i);
        if (n == 0)
            return wr_bad_row(call, i,
                              wr_fail(WR_E_BAD_ARGUMENT, "field position must not be zero"));
        wr_str s = wr_arg_str(call, 0, i);
        wr_out_str(out, i, field_of(s, wr_arg_str(call, 1, i), WR_MAX(n, -INT64_MAX)));
    }
    return WR_OK;
}

/* Counted from 0, as Flink does; NULL where split_part has an empty text. */
static weir_status fn_split_index(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        wr_str rest = wr_arg_str(call, 0, i), separator = wr_arg_str(call, 1, i);
        int64_t n = WR_ARG(call, 2, int64_t, i);
        ptrdiff_t at = separator.length ? wr_str_find(rest, separator) : -1;
        bool is_there = n >= 0 && rest.length;
        for (; is_there && n > 0; n--) {
            is_there = at >= 0;
            if (!is_there) break;
            size_t skip = (size_t)at + separator.length;
            rest = (wr_str){rest.data + skip, rest.length - skip};
            at = wr_str_find(rest, separator);
        }
        if (is_there)
            wr_out_str(out, i, (wr_str){rest.data, at < 0 ? rest.length : (size_t)at});
        else
            wr_out_null(call, out, i);
    }
    return WR_OK;
}

static weir_status fn_count_char(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        wr_str rest = wr_arg_str(call, 0, i), wanted = wr_arg_str(call, 1, i);
        int64_t count = 0;
        size_t length = wanted.length > 0;
        while (length && length < wanted.length && (wanted.data[length] & 0xc0) == 0x80)
            length++;
        wanted.length = length;
        for (ptrdiff_t at; length && (at = wr_str_find(rest, wanted)) >= 0; count++) {
            size_t skip = (size_t)at + length;
            rest = (wr_str){rest.data + skip, rest.length - skip};
        }
        WR_OUT(out, int64_t, i) = count;
    }
    return WR_OK;
}

const wr_fn wr_fns_text[] = {
    {"length|len|char_length|character_length", "(text) -> bigint", fn_length,
     "Number of characters.", "length('héllo')", "5"},
    {"length|len|octet_length|byte_length", "(blob) -> bigint", fn_octet_length, "Number of bytes.",
     "length('\\xdead'::blob)", "2"},
    {"octet_length|strlen|byte_length", "(text) -> bigint", fn_octet_length,
     "Number of bytes of the UTF-8 text.", "octet_length('héllo')", "6"},
    {"bit_length", "(text) -> bigint", fn_bit_length, "Number of bits of the UTF-8 text.",
     "bit_length('abc')", "24"},
    {"lower|lcase", "(text) -> text", fn_lower, "Lower case.", "lower('ÄB')", "äb"},
    {"upper|ucase", "(text) -> text", fn_upper, "Upper case.", "upper('äb')", "ÄB"},
    {"initcap", "(text) -> text", fn_initcap,
     "First letter of each word in upper case, the rest in lower case.", "initcap('hi THOMAS')",
     "Hi Thomas"},
    {"substr|substring|mid", "(text, start bigint) -> text", fn_substr,
     "The rest of text from a position (from 1).", "substr('alphabet', 3)", "phabet"},
    {"substr|substring|mid", "(text, start bigint, count bigint) -> text", fn_substr,
     "count characters of text from a position (from 1).", "substr('alphabet', 3, 2)", "ph",
     .flags = WR_FN_CAN_FAIL},
    {"substr|substring", "(blob, start bigint) -> blob", fn_blob_substr,
     "The rest of the bytes from a position.", "substr('\\x010203'::blob, 2)", "\\x0203"},
    {"substr|substring", "(blob, start bigint, count bigint) -> blob", fn_blob_substr,
     "count bytes from a position.", "substr('\\x010203'::blob, 2, 1)", "\\x02",
     .flags = WR_FN_CAN_FAIL},
    {"left", "(text, count bigint) -> text", fn_left,
     "First characters; negative: all but the last.", "left('abcde', 2)", "ab"},
    {"fit_text", "(text, count bigint, name text = '') -> text", fn_fit_text,
     "The text if it has at most count characters, without blanks beyond them; else an error that "
     "begins with name. What VARCHAR(n) columns store.",
     "fit_text('ab   ', 3)", "ab ", .flags = WR_FN_CAN_FAIL},
    {"right", "(text, count bigint) -> text", fn_right,
     "Last characters; negative: all but the first.", "right('abcde', 2)", "de"},
    {"position|strpos|instr", "(text, part text) -> integer", fn_position,
     "Position of the first occurrence of part, 0 if there is none.", "strpos('high', 'ig')", "2"},
    {"locate|charindex", "(part text, text, start bigint = 1) -> integer", fn_locate,
     "Position of part in text at or after start, 0 if there is none.", "locate('b', 'abcb', 3)",
     "4"},
    {"contains", "(text, part text) -> boolean", fn_contains, "True if part occurs in text.",
     "contains('abc', 'bc')", "true"},
    {"starts_with|prefix|^@|startswith", "(text, start text) -> boolean", fn_starts_with,
     "True if text begins with start.", "starts_with('abc', 'ab')", "true"},
    {"ends_with|suffix|endswith", "(text, ending text) -> boolean", fn_ends_with,
     "True if text ends with ending.", "ends_with('abc', 'bc')", "true"},
    {"btrim|trim", "(text) -> text", fn_btrim, "Without spaces at both ends.", "btrim('  ab ')",
     "ab"},
    {"btrim|trim", "(text, characters text) -> text", fn_btrim,
     "Without any of the characters at both ends.", "btrim('xyabyx', 'xy')", "ab"},
    {"ltrim", "(text) -> text", fn_ltrim, "Without spaces at the start.", "ltrim('  ab')", "ab"},
    {"ltrim", "(text, characters text) -> text", fn_ltrim,
     "Without any of the characters at the start.", "ltrim('zzab', 'z')", "ab"},
    {"rtrim", "(text) -> text", fn_rtrim, "Without spaces at the end.", "rtrim('ab  ')", "ab"},
    {"rtrim", "(text, characters text) -> text", fn_rtrim,
     "Without any of the characters at the end.", "rtrim('abzz', 'z')", "ab"},
    {"split_index", "(text, separator text, n bigint) -> text", fn_split_index,
     "The field of text with number n, counted from 0; NULL if there are not so many.",
     "split_index('a/b/c', '/', 1)", "b"},
    {"count_char", "(text, character text) -> bigint", fn_count_char,
     "How often a character occurs in text.", "count_char('banana', 'a')", "3"},
    {"split_part", "(text, delimiter text, n bigint) -> text", fn_split_part,
     "The n-th field of text; negative n counts from the end.", "split_part('a,b,c', ',', 2)", "b",
     .flags = WR_FN_CAN_FAIL},
    {0},
};
