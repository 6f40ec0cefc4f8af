/* scan.c - strict JSON (RFC 8259) under a cursor.
 *
 * Strings are crossed 16 bytes at a time looking for a quote, a backslash or a control byte.
 * Everything that is passed over is checked completely: a value nobody asked for may not hide a
 * syntax error. Depth is limited, so hostile nesting cannot exhaust the stack. */
#include "fmt/json/json.h"
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

static bool fail(wr_json_text *t, const char *error)
{
    t->error = error;
    return false;
}

void wr_json_skip_blanks(wr_json_text *t)
{
    while (t->at < t->end && (*t->at == ' ' || *t->at == '\n' || *t->at == '\t' || *t->at == '\r'))
        t->at++;
}

/* The next quote, backslash or control byte at or behind at; may lie behind the end. */
static inline const char *find_special(const char *at, const char *end)
{
#if defined(__SSE2__)
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\'),
                  control = _mm_set1_epi8(0x1f);
    for (; at < end; at += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)at);
        __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(v, control), v);
        __m128i hit =
            _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, slash)), low);
        int mask = _mm_movemask_epi8(hit);
        if (mask) return at + __builtin_ctz((unsigned)mask);
    }
    return at;
#else
    while (at < end && *at != '"' && *at != '\\' && (unsigned char)*at >= 0x20)
        at++;
    return at;
#endif
}

static int hex4(const char *at, const char *end, uint32_t *out)
{
    if (end - at < 4) return 0;
    *out = 0;
    for (int i = 0; i < 4; i++) {
        char c = at[i];
        int digit = c >= '0' && c <= '9'                     ? c - '0'
                    : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                             : -1;
        if (digit < 0) return 0;
        *out = *out << 4 | (uint32_t)digit;
    }
    return 4;
}

bool wr_json_take_string(wr_json_text *t, wr_str *raw, bool *has_escapes)
{
    const char *start = t->at + 1;
    *has_escapes = false;
    for (const char *at = start;;) {
        at = find_special(at, t->end);
        t->at = at < t->end ? at : t->end;
        if (at >= t->end) return fail(t, "a text is never closed");
        if (*at == '"') {
            *raw = (wr_str){start, (size_t)(at - start)};
            t->at = at + 1;
            return true;
        }
        if (*at != '\\') return fail(t, "a control character stands in a text");
        *has_escapes = true;
        uint32_t code;
        if (at + 1 >= t->end) return fail(t, "a text is never closed");
        if (at[1] == 'u') {
            if (!hex4(at + 2, t->end, &code)) return fail(t, "\\u wants four hexadecimal digits");
            at += 6;
        } else {
            if (!at[1] || !strchr("\"\\/bfnrt", at[1])) return fail(t, "there is no such escape");
            at += 2;
        }
    }
}

bool wr_json_unescape(wr_str raw, char *out, size_t *length)
{
    const char *at = raw.data, *end = raw.data + raw.length;
    char *to = out;
    while (at < end) {
        if (*at != '\\') {
            *to++ = *at++;
            continue;
        }
        static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
        if (at[1] != 'u') {
            const char *found = strchr(letters, at[1]);
            *to++ = meanings[found - letters];
            at += 2;
            continue;
        }
        uint32_t code = 0, low = 0;
        hex4(at + 2, end, &code);
        at += 6;
        if (code >= 0xd800 && code < 0xe000) {
            bool is_pair = code < 0xdc00 && end - at >= 6 && at[0] == '\\' && at[1] == 'u' &&
                           hex4(at + 2, end, &low) && low >= 0xdc00 && low < 0xe000;
            if (!is_pair) return false;
            code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
            at += 6;
        }
        to += wr_utf8_encode(code, to);
    }
    *length = (size_t)(to - out);
    return true;
}

static bool is_digit(const wr_json_text *t)
{
    return t->at < t->end && *t->at >= '0' && *t->at <= '9';
}

static bool take_digits(wr_json_text *t)
{
    if (!is_digit(t)) return fail(t, "a digit is missing");
    while (is_digit(t))
        t->at++;
    return true;
}

bool wr_json_take_number(wr_json_text *t, wr_str *number, bool *is_integer)
{
    const char *start = t->at;
    *is_integer = true;
    if (t->at < t->end && *t->at == '-') t->at++;
    if (t->at < t->end && *t->at == '0') {
        t->at++;
        if (is_digit(t)) return fail(t, "a number may not begin with 0");
    } else if (!take_digits(t)) {
        return false;
    }
    if (t->at < t->end && *t->at == '.') {
        t->at++;
        *is_integer = false;
        if (!take_digits(t)) return false;
    }
    if (t->at < t->end && (*t->at == 'e' || *t->at == 'E')) {
        t->at++;
        *is_integer = false;
        if (t->at < t->end && (*t->at == '+' || *t->at == '-')) t->at++;
        if (!take_digits(t)) return false;
    }
    *number = (wr_str){start, (size_t)(t->at - start)};
    return true;
}

bool wr_json_take_word(wr_json_text *t, const char *word)
{
    size_t length = strlen(word);
    if ((size_t)(t->end - t->at) < length || memcmp(t->at, word, length) != 0)
        return fail(t, "a value is expected here");
    t->at += length;
    return true;
}

static bool skip_object(wr_json_text *t, int depth)
{
    wr_str key;
    bool has_escapes;
    t->at++;
    wr_json_skip_blanks(t);
    if (t->at < t->end && *t->at == '}') return t->at++, true;
    for (;;) {
        wr_json_skip_blanks(t);
        if (t->at >= t->end || *t->at != '"') return fail(t, "a key in quotes is expected here");
        if (!wr_json_take_string(t, &key, &has_escapes)) return false;
        wr_json_skip_blanks(t);
        if (t->at >= t->end || *t->at != ':') return fail(t, "a colon is expected here");
        t->at++;
        if (!wr_json_skip_value(t, depth + 1, NULL)) return false;
        wr_json_skip_blanks(t);
        if (t->at < t->end && *t->at == '}') return t->at++, true;
        if (t->at >= t->end || *t->at != ',') return fail(t, "a comma or } is expected here");
        t->at++;
    }
}

static bool skip_array(wr_json_text *t, int depth)
{
    t->at++;
    wr_json_skip_blanks(t);
    if (t->at < t->end && *t->at == ']') return t->at++, true;
    for (;;) {
        if (!wr_json_skip_value(t, depth + 1, NULL)) return false;
        wr_json_skip_blanks(t);
        if (t->at < t->end && *t->at == ']') return t->at++, true;
        if (t->at >= t->end || *t->at != ',') return fail(t, "a comma or ] is expected here");
        t->at++;
    }
}

bool wr_json_skip_value(wr_json_text *t, int depth, wr_str *raw)
{
    wr_str text;
    bool flag, ok;
    wr_json_skip_blanks(t);
    const char *start = t->at;
    if (t->at >= t->end) return fail(t, "a value is missing");
    if (depth > t->depth_max) return fail(t, "it is nested too deeply");
    switch (*t->at) {
    case '{':
        ok = skip_object(t, depth);
        break;
    case '[':
        ok = skip_array(t, depth);
        break;
    case '"':
        ok = wr_json_take_string(t, &text, &flag);
        break;
    case 't':
        ok = wr_json_take_word(t, "true");
        break;
    case 'f':
        ok = wr_json_take_word(t, "false");
        break;
    case 'n':
        ok = wr_json_take_word(t, "null");
        break;
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9':
        ok = wr_json_take_number(t, &text, &flag);
        break;
    default:
        return fail(t, "a value is expected here");
    }
    if (ok && raw) *raw = (wr_str){start, (size_t)(t->at - start)};
    return ok;
}
