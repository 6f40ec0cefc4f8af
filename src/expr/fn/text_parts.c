/* text_parts.c - pieces of text found by delimiters, paths and sizes in words, text as sounds.
 *
 * Results that are pieces of an argument are borrowed from it. */
#include "expr/fn/call.h"
#include "expr/fn/characters.h"
#include <utf8proc.h>

/* Everything before the count-th delimiter, or behind it from the end. */
static weir_status fn_substring_index(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        wr_str s = wr_arg_str(call, 0, i), delimiter = wr_arg_str(call, 1, i), rest = s;
        int64_t count = WR_ARG(call, 2, int64_t, i);
        if (count == 0 || delimiter.length == 0) {
            wr_out_str(out, i, WR_STR(""));
            continue;
        }
        if (count < 0) { /* the same from the front, once the delimiters are counted */
            int64_t found = 0;
            for (ptrdiff_t at; (at = wr_str_find(rest, delimiter)) >= 0; found++)
                rest = (wr_str){rest.data + at + delimiter.length,
                                rest.length - (size_t)at - delimiter.length};
            int64_t skip = found + count + 1;
            for (rest = s; skip > 0; skip--) {
                ptrdiff_t at = wr_str_find(rest, delimiter);
                rest = (wr_str){rest.data + at + delimiter.length,
                                rest.length - (size_t)at - delimiter.length};
            }
            wr_out_str(out, i, rest);
            continue;
        }
        size_t end = 0;
        for (; count > 0; count--) {
            ptrdiff_t at = wr_str_find(rest, delimiter);
            end = at < 0 ? s.length : (size_t)(rest.data - s.data) + (size_t)at;
            if (at < 0) break;
            rest = (wr_str){s.data + end + delimiter.length, s.length - end - delimiter.length};
        }
        wr_out_str(out, i, (wr_str){s.data, end});
    }
    return WR_OK;
}

static weir_status fn_space(wr_call *call, wr_column *out)
{
    wr_text_out text = {call->arena, NULL, NULL};
    WR_ROWS(i)
    {
        int64_t count = WR_MAX(WR_ARG(call, 0, int64_t, i), 0);
        char *to;
        weir_status bad = wr_text_room_checked(&text, call->env, (size_t)count, &to);
        if (bad) return wr_bad_row(call, i, bad);
        memset(to, ' ', (size_t)count);
        WR_OUT(out, wr_view, i) = wr_text_take(&text, (size_t)count);
    }
    return WR_OK;
}

/* The classic code: the first letter and three digits of the consonants behind it. */
static weir_status fn_soundex(wr_call *call, wr_column *out)
{
    static const char codes[] = "01230120022455012623010202"; /* A to Z; H and W see below */
    wr_text_out text = {call->arena, NULL, NULL};
    WR_ROWS(i)
    {
        wr_str s = wr_arg_str(call, 0, i);
        char code[4] = "000", last = 0;
        int n = 0;
        for (size_t k = 0; k < s.length && n < 4; k++) {
            char c = (char)(s.data[k] & ~32);
            if (c < 'A' || c > 'Z') continue;
            char digit = codes[c - 'A'];
            if (n == 0)
                code[n++] = c;
            else if (digit != '0' && digit != last)
                code[n++] = digit;
            if (c != 'H' && c != 'W') last = digit; /* they do not part equal codes */
        }
        for (int k = n; k < 4 && n > 0; k++)
            code[k] = '0';
        WR_OUT(out, wr_view, i) = wr_text_add(&text, code, n ? 4 : 0);
    }
    return WR_OK;
}

/* ---- sizes in words ---- */

static weir_status fn_format_bytes(wr_call *call, wr_column *out)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    wr_text_out text = {call->arena, NULL, NULL};
    WR_BUF(buf);
    WR_ROWS(i)
    {
        int64_t size = WR_ARG(call, 0, int64_t, i);
        double value = size < 0 ? -(double)size : (double)size;
        size_t unit = 0;
        for (; value >= 1024 && unit + 1 < WR_COUNT(units); unit++)
            value /= 1024;
        buf.length = 0;
        if (unit == 0)
            wr_buf_printf(&buf, "%lld %s", (long long)size, size == 1 ? "byte" : units[0]);
        else
            wr_buf_printf(&buf, "%s%.1f %s", size < 0 ? "-" : "", value, units[unit]);
        WR_OUT(out, wr_view, i) = wr_text_buf(&text, &buf);
    }
    return WR_OK;
}
/* PostgreSQL's way: whole units, the next one from 10240 on, halves rounded away from zero. */
static weir_status fn_size_pretty(wr_call *call, wr_column *out)
{
    static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB", "PB"};
    wr_text_out text = {call->arena, NULL, NULL};
    WR_BUF(buf);
    WR_ROWS(i)
    {
        int64_t size = WR_ARG(call, 0, int64_t, i);
        double value = size < 0 ? -(double)size : (double)size;
        size_t unit = 0;
        while (unit + 1 < WR_COUNT(units) && (unit ? value >= 10239.5 : value >= 10240)) {
            value /= 1024;
            unit++;
        }
        buf.length = 0;
        int64_t whole = (int64_t)(value + 0.5);
        wr_buf_printf(&buf, "%lld %s", (long long)(size < 0 ? -whole : whole), units[unit]);
        WR_OUT(out, wr_view, i) = wr_text_buf(&text, &buf);
    }
    return WR_OK;
}

/* ---- paths ---- */

static size_t last_slash(wr_str s)
{
    size_t at = s.length;
    while (at > 0 && s.data[at - 1] != '/' && s.data[at - 1] != '\\')
        at--;
    return at; /* one behind it; 0 = none */
}
static weir_status fn_parse_filename(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        wr_str s = wr_arg_str(call, 0, i);
        size_t at = last_slash(s), length = s.length - at;
        const char *dot = memrchr(s.data + at, '.', length);
        if (call->arg_count > 1 && WR_ARG(call, 1, uint8_t, i) && dot && dot > s.data + at)
            length = (size_t)(dot - s.data) - at;
        wr_out_str(out, i, (wr_str){s.data + at, length});
    }
    return WR_OK;
}
static weir_status fn_parse_dirpath(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        wr_str s = wr_arg_str(call, 0, i);
        size_t at = last_slash(s);
        wr_out_str(out, i, (wr_str){s.data, at > 1 ? at - 1 : at});
    }
    return WR_OK;
}

/* ---- Unicode and encodings ---- */

static weir_status fn_normalize(wr_call *call, wr_column *out)
{
    static const struct {
        const char *name;
        utf8proc_option_t options;
    } forms[] = {{"NFC", UTF8PROC_COMPOSE},
                 {"NFD", UTF8PROC_DECOMPOSE},
                 {"NFKC", UTF8PROC_COMPOSE | UTF8PROC_COMPAT},
                 {"NFKD", UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT}};
    wr_text_out text = {call->arena, NULL, NULL};
    WR_ROWS(i)
    {
        wr_str s = wr_arg_str(call, 0, i);
        wr_str form = call->arg_count > 1 ? wr_arg_str(call, 1, i) : WR_STR("NFC");
        size_t f = 0;
        while (f < WR_COUNT(forms) && !wr_str_is(form, forms[f].name))
            f++;
        if (f == WR_COUNT(forms))
            return wr_bad_row(
                call, i,
                wr_with_hint(
                    wr_fail(WR_E_BAD_ARGUMENT, "no normalization form \"%.*s\"", WR_STR_ARGS(form)),
                    "forms are NFC, NFD, NFKC, NFKD"));
        if (wr_is_ascii(s.data, s.length)) {
            wr_out_str(out, i, s);
            continue;
        }
        size_t cap = s.length * 18 + 64; /* the longest decomposition, as code points */
        int32_t *codes = wr_new_array(call->arena, int32_t, cap);
        utf8proc_option_t options = forms[f].options | UTF8PROC_STABLE;
        utf8proc_ssize_t n =
            utf8proc_decompose((const utf8proc_uint8_t *)s.data, (utf8proc_ssize_t)s.length, codes,
                               (utf8proc_ssize_t)cap, options);
        if (n >= 0 && (size_t)n < cap) n = utf8proc_normalize_utf32(codes, n, options);
        if (n < 0 || (size_t)n > cap)
            return wr_bad_row(call, i, wr_fail(WR_E_BAD_ENCODING, "the text is not valid UTF-8"));
        char *to;
        weir_status bad = wr_text_room_checked(&text, call->env, (size_t)n * 4, &to);
        if (bad) return wr_bad_row(call, i, bad);
        size_t used = 0;
        for (utf8proc_ssize_t k = 0; k < n; k++) {
            char bytes[4];
            int size = wr_utf8_encode((uint32_t)codes[k], bytes);
            memcpy(to + used, bytes, (size_t)size);
            used += (size_t)size;
        }
        WR_OUT(out, wr_view, i) = wr_text_take(&text, used);
    }
    return WR_OK;
}

static bool is_utf8_name(wr_str name)
{
    return wr_str_is(name, "UTF8") || wr_str_is(name, "UTF-8") || wr_str_is(name, "UNICODE");
}
static bool is_latin1_name(wr_str name)
{
    return wr_str_is(name, "LATIN1") || wr_str_is(name, "ISO88591") ||
           wr_str_is(name, "ISO-8859-1");
}
static weir_status no_encoding(wr_call *call, uint32_t i, wr_str name)
{
    return wr_bad_row(
        call, i,
        wr_with_hint(wr_fail(WR_E_UNSUPPORTED, "no encoding \"%.*s\"", WR_STR_ARGS(name)),
                     "encodings are UTF8 and LATIN1"));
}
static weir_status fn_convert_from(wr_call *call, wr_column *out)
{
    wr_text_out text = {call->arena, NULL, NULL};
    WR_ROWS(i)
    {
        wr_str s = wr_arg_str(call, 0, i), name = wr_arg_str(call, 1, i);
        if (is_utf8_name(name)) {
            if (!wr_utf8_valid(s.data, s.length))
                return wr_bad_row(call, i,
                                  wr_fail(WR_E_BAD_ENCODING, "the bytes are not valid UTF-8"));
            wr_out_str(out, i, s);
            continue;
        }
        if (!is_latin1_name(name)) return no_encoding(call, i, name);
        char *to = wr_text_room(&text, s.length * 2);
        size_t used = 0;
        for (size_t k = 0; k < s.length; k++) {
            char bytes[4];
            int size = wr_utf8_encode((uint8_t)s.data[k], bytes);
            memcpy(to + used, bytes, (size_t)size);
            used += (size_t)size;
        }
        WR_OUT(out, wr_view, i) = wr_text_take(&text, used);
    }
    return WR_OK;
}
static weir_status fn_convert_to(wr_call *call, wr_column *out)
{
    wr_text_out text = {call->arena, NULL, NULL};
    WR_ROWS(i)
    {
        wr_str s = wr_arg_str(call, 0, i), name = wr_arg_str(call, 1, i);
        if (is_utf8_name(name)) {
            wr_out_str(out, i, s);
            continue;
        }
        if (!is_latin1_name(name)) return no_encoding(call, i, name);
        char *to = wr_text_room(&text, s.length);
        size_t used = 0;
        for (size_t k = 0, size; k < s.length; k += size) {
            uint32_t code = wr_char_at(s.data + k, s.length - k, &size);
            if (code > 255)
                return wr_bad_row(call, i,
                                  wr_fail(WR_E_BAD_ENCODING, "LATIN1 has no character \"%.*s\"",
                                          (int)size, s.data + k));
            to[used++] = (char)code;
        }
        WR_OUT(out, wr_view, i) = wr_text_take(&text, used);
    }
    return WR_OK;
}

const wr_fn wr_fns_text_parts[] = {
    {"substring_index", "(text, delimiter text, count bigint) -> text", fn_substring_index,
     "Everything before the n-th delimiter; negative n from the end.",
     "substring_index('a.b.c', '.', 2)", "a.b"},
    {"space", "(count bigint) -> text", fn_space, "So many spaces.", "'[' || space(3) || ']'",
     "[   ]", .flags = WR_FN_CAN_FAIL},
    {"soundex", "(text) -> text", fn_soundex, "The code of how an English name sounds.",
     "soundex('Robert')", "R163"},
    {"format_bytes|formatreadablesize", "(size bigint) -> text", fn_format_bytes,
     "A number of bytes in KiB, MiB and so on.", "format_bytes(16000)", "15.6 KiB"},
    {"pg_size_pretty", "(size bigint) -> text", fn_size_pretty,
     "A number of bytes in whole kB, MB and so on.", "pg_size_pretty(123456789)", "118 MB"},
    {"parse_filename", "(path text) -> text", fn_parse_filename, "The last part of a path.",
     "parse_filename('data/2024/sales.csv')", "sales.csv"},
    {"parse_filename", "(path text, without_extension boolean) -> text", fn_parse_filename,
     "The last part of a path, without what follows its last point.",
     "parse_filename('data/sales.csv', true)", "sales"},
    {"parse_dirpath", "(path text) -> text", fn_parse_dirpath, "A path without its last part.",
     "parse_dirpath('data/2024/sales.csv')", "data/2024"},
    {"normalize", "(text, form text = 'NFC') -> text", fn_normalize, "In a Unicode normal form.",
     "length(normalize('é', 'NFD'))", "2", .flags = WR_FN_CAN_FAIL},
    {"nfc_normalize", "(text) -> text", fn_normalize, "In the Unicode normal form NFC.",
     "nfc_normalize('é')", "é", .flags = WR_FN_CAN_FAIL},
    {"convert_from", "(blob, encoding text) -> text", fn_convert_from,
     "Text of bytes in an encoding, UTF8 or LATIN1.", "convert_from('\\xe4'::blob, 'LATIN1')", "ä",
     .flags = WR_FN_CAN_FAIL},
    {"convert_to", "(text, encoding text) -> blob", fn_convert_to,
     "The bytes of a text in an encoding, UTF8 or LATIN1.", "convert_to('ä', 'LATIN1')", "\\xe4",
     .flags = WR_FN_CAN_FAIL},
    {0},
};
