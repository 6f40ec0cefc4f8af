/* regex_engine.c - PCRE2 as the engine of regular expressions.
 *
 * Each worker compiles for itself (the JIT code of PCRE2 has an owner that must free it) and keeps
 * the last expression, so a constant pattern is compiled once. As in PostgreSQL a dot matches a
 * newline and $ only the very end unless flag n is given. Patterns and texts are valid UTF-8 by the
 * rules of the engine, so PCRE2 need not check the texts. Steps, depth and heap of a match are
 * limited: a hostile pattern is an error after a fraction of a second. */
#include "expr/fn/regex.h"
#include "expr/fn/characters.h"
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

enum { STEPS_MAX = 5000000, HEAP_KIB_MAX = 65536, PATTERN_BYTES_MAX = 1 << 20 };

void wr_regex_clear(void *state)
{
    wr_regex *re = state;
    if (re->code) pcre2_code_free(re->code);
    if (re->match) pcre2_match_data_free(re->match);
    if (re->context) pcre2_match_context_free(re->context);
    if (re->stack) pcre2_jit_stack_free(re->stack);
    wr_heap_drop(re->pattern);
    *re = (wr_regex){0};
}

static weir_status read_flags(wr_str flags, uint32_t *options, bool *is_global)
{
    *options = PCRE2_UTF | PCRE2_DOTALL | PCRE2_DOLLAR_ENDONLY | PCRE2_NO_UTF_CHECK;
    *is_global = false;
    for (size_t i = 0; i < flags.length; i++) {
        switch (flags.data[i]) {
        case 'i':
            *options |= PCRE2_CASELESS;
            break;
        case 'c':
            *options &= ~(uint32_t)PCRE2_CASELESS;
            break;
        case 'g':
            *is_global = true;
            break;
        case 's':
            *options |= PCRE2_DOTALL, *options &= ~(uint32_t)PCRE2_MULTILINE;
            break;
        case 'n':
        case 'm':
            *options &= ~(uint32_t)(PCRE2_DOTALL | PCRE2_DOLLAR_ENDONLY),
                *options |= PCRE2_MULTILINE;
            break;
        case 'p':
            *options &= ~(uint32_t)PCRE2_DOTALL;
            break;
        case 'w':
            *options |= PCRE2_MULTILINE, *options &= ~(uint32_t)PCRE2_DOLLAR_ENDONLY;
            break;
        case 'x':
            *options |= PCRE2_EXTENDED;
            break;
        case 't':
            break;
        case 'q':
        case 'l':
            *options = PCRE2_UTF | PCRE2_NO_UTF_CHECK | PCRE2_LITERAL | (*options & PCRE2_CASELESS);
            break;
        default:
            return wr_with_hint(wr_fail(WR_E_BAD_ARGUMENT,
                                        "unknown flag of a regular expression: \"%c\"",
                                        flags.data[i]),
                                "flags are i, c, g, n, m, p, s, w, x and q");
        }
    }
    return WR_OK;
}

static weir_status compile_failed(wr_str pattern, int code, size_t at)
{
    char reason[160];
    pcre2_get_error_message(code, (PCRE2_UCHAR8 *)reason, sizeof reason);
    return wr_with_hint(wr_fail(WR_E_BAD_PATTERN, "invalid regular expression \"%.*s\": %s",
                                (int)WR_MIN(pattern.length, 200), pattern.data, reason),
                        "near character %zu of the pattern",
                        wr_utf8_count(pattern.data, WR_MIN(at, pattern.length)));
}

weir_status wr_regex_use(wr_regex *re, wr_str pattern, wr_str flags, int wrap)
{
    uint32_t options;
    bool is_global;
    WR_TRY(read_flags(flags, &options, &is_global));
    if (wrap) options |= PCRE2_ANCHORED | PCRE2_ENDANCHORED;
    if (re->code && re->options == options &&
        wr_str_eq((wr_str){re->pattern, re->pattern_size}, pattern)) {
        re->is_global = is_global;
        return WR_OK;
    }
    wr_regex_clear(re);
    if (pattern.length > PATTERN_BYTES_MAX)
        return wr_fail(WR_E_TOO_BIG, "the regular expression is longer than 1 MiB");
    if (!wr_utf8_valid(pattern.data, pattern.length))
        return wr_fail(WR_E_BAD_ENCODING, "the pattern is not valid UTF-8");
    int code;
    size_t at = 0;
    re->code = pcre2_compile((PCRE2_SPTR8)pattern.data, pattern.length, options, &code, &at, NULL);
    if (!re->code) return compile_failed(pattern, code, at);
    re->match = pcre2_match_data_create_from_pattern(re->code, NULL);
    re->context = pcre2_match_context_create(NULL);
    pcre2_set_match_limit(re->context, STEPS_MAX);
    pcre2_set_heap_limit(re->context, HEAP_KIB_MAX);
    if (pcre2_jit_compile(re->code, PCRE2_JIT_COMPLETE) == 0) {
        re->stack = pcre2_jit_stack_create(32768, 1 << 20, NULL);
        pcre2_jit_stack_assign(re->context, NULL, re->stack);
    }
    re->pattern = wr_heap_copy(pattern.data, pattern.length);
    re->pattern_size = pattern.length;
    re->options = options;
    re->is_global = is_global;
    return WR_OK;
}

weir_status wr_regex_search(wr_regex *re, wr_str text, size_t start, bool *found)
{
    *found = false;
    if (start > text.length) return WR_OK;
    int n = pcre2_match(re->code, (PCRE2_SPTR8)text.data, text.length, start, PCRE2_NO_UTF_CHECK,
                        re->match, re->context);
    if (n >= 0) {
        *found = true;
        return WR_OK;
    }
    if (n == PCRE2_ERROR_NOMATCH) return WR_OK;
    if (n == PCRE2_ERROR_MATCHLIMIT || n == PCRE2_ERROR_DEPTHLIMIT || n == PCRE2_ERROR_HEAPLIMIT ||
        n == PCRE2_ERROR_JIT_STACKLIMIT || n == PCRE2_ERROR_NOMEMORY)
        return wr_with_hint(wr_fail(WR_E_TOO_BIG, "matching \"%.*s\" takes too many steps",
                                    (int)WR_MIN(re->pattern_size, 200), re->pattern),
                            "avoid nested repetitions such as (a+)+");
    char reason[160];
    pcre2_get_error_message(n, (PCRE2_UCHAR8 *)reason, sizeof reason);
    return wr_fail(WR_E_BAD_PATTERN, "the regular expression cannot be matched: %s", reason);
}

int wr_regex_group_count(const wr_regex *re)
{
    uint32_t count = 0;
    pcre2_pattern_info(re->code, PCRE2_INFO_CAPTURECOUNT, &count);
    return (int)count;
}

wr_str wr_regex_group(const wr_regex *re, wr_str text, int group)
{
    const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(re->match);
    if (group > wr_regex_group_count(re)) return (wr_str){NULL, 0};
    PCRE2_SIZE from = ends[2 * group], to = ends[2 * group + 1];
    if (from == PCRE2_UNSET || to < from) return (wr_str){NULL, 0};
    return (wr_str){text.data + from, to - from};
}

size_t wr_regex_next(wr_str text, wr_str match)
{
    size_t end = (size_t)(match.data - text.data) + match.length;
    if (match.length) return end;
    return end < text.length ? end + wr_char_size(text.data + end, text.length - end) : end + 1;
}

weir_status wr_similar_to_regex(wr_str pattern, wr_str escape, wr_buf *out)
{
    bool in_brackets = false;
    wr_buf_add_text(out, "^(?:");
    for (size_t at = 0; at < pattern.length;) {
        size_t n = wr_char_size(pattern.data + at, pattern.length - at);
        char c = n == 1 ? pattern.data[at] : 0;
        if (escape.length && n == escape.length && memcmp(pattern.data + at, escape.data, n) == 0) {
            at += n;
            if (at >= pattern.length)
                return wr_fail(WR_E_BAD_PATTERN, "SIMILAR TO pattern must not end with the escape");
            n = wr_char_size(pattern.data + at, pattern.length - at);
            if (n == 1 && !((pattern.data[at] | 32) >= 'a' && (pattern.data[at] | 32) <= 'z'))
                wr_buf_add_char(out, '\\');
            wr_buf_add(out, pattern.data + at, n);
        } else if (in_brackets) {
            if (c == '\\') wr_buf_add_char(out, '\\');
            wr_buf_add(out, pattern.data + at, n);
            in_brackets = c != ']';
        } else if (c == '%') {
            wr_buf_add_text(out, ".*");
        } else if (c == '_') {
            wr_buf_add_char(out, '.');
        } else if (c == '(') {
            wr_buf_add_text(out, "(?:");
        } else {
            in_brackets = c == '[';
            if (c == '.' || c == '^' || c == '$' || c == '\\') wr_buf_add_char(out, '\\');
            wr_buf_add(out, pattern.data + at, n);
        }
        at += n;
    }
    wr_buf_add_text(out, ")$");
    return WR_OK;
}
