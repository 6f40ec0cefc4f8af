/* regex.c - regular expression operators and functions over regex.h.
 *
 * Names and results are PostgreSQL's where it has the function (regexp_match, regexp_replace,
 * regexp_substr ...) and DuckDB's where it has not (regexp_extract, regexp_full_match;
 * regexp_matches is a condition). Constant patterns are tried when the call is bound, so that a
 * mistake shows up with its place in the statement. */
#include "expr/fn/regex.h"
#include "expr/fn/characters.h"
#include "expr/fn/pick.h"

/* Compiles constant patterns once, to report mistakes early. */
static weir_status bind_regex(wr_fn_bind *b)
{
    wr_value pattern;
    if (!wr_bind_const(b, 1, &pattern) || pattern.is_null) return WR_OK;
    wr_regex re = {0};
    weir_status bad = wr_regex_use(&re, pattern.text, WR_STR(""), 0);
    wr_regex_clear(&re);
    return bad ? wr_with_span(bad, b->args[1]->span) : WR_OK;
}

static wr_str flags_of(const wr_call *call, int a, uint32_t i)
{
    return a < call->arg_count ? wr_arg_str(call, a, i) : WR_STR("");
}

/* ---- conditions ---- */

static weir_status test_rows(wr_call *call, wr_column *out, wr_str flags, int wrap, bool negated)
{
    wr_regex *re = call->state;
    WR_ROWS(i)
    {
        wr_str text = wr_arg_str(call, 0, i);
        bool found = false;
        weir_status bad = wr_regex_use(re, wr_arg_str(call, 1, i),
                                       call->arg_count > 2 ? flags_of(call, 2, i) : flags, wrap);
        if (!bad) bad = wr_regex_search(re, text, 0, &found);
        if (bad) return wr_bad_row(call, i, bad);
        WR_OUT(out, uint8_t, i) = found != negated;
    }
    return WR_OK;
}
static weir_status fn_match(wr_call *call, wr_column *out)
{
    return test_rows(call, out, WR_STR(""), 0, false);
}
static weir_status fn_imatch(wr_call *call, wr_column *out)
{
    return test_rows(call, out, WR_STR("i"), 0, false);
}
static weir_status fn_not_match(wr_call *call, wr_column *out)
{
    return test_rows(call, out, WR_STR(""), 0, true);
}
static weir_status fn_not_imatch(wr_call *call, wr_column *out)
{
    return test_rows(call, out, WR_STR("i"), 0, true);
}
static weir_status fn_full_match(wr_call *call, wr_column *out)
{
    return test_rows(call, out, WR_STR(""), 1, false);
}

static weir_status fn_similar(wr_call *call, wr_column *out)
{
    wr_regex *re = call->state;
    WR_BUF(pattern);
    WR_ROWS(i)
    {
        bool found = false;
        pattern.length = 0;
        wr_str escape = call->arg_count > 2 ? wr_arg_str(call, 2, i) : WR_STR("\\");
        weir_status bad = wr_similar_to_regex(wr_arg_str(call, 1, i), escape, &pattern);
        if (!bad) bad = wr_regex_use(re, wr_buf_str(&pattern), WR_STR(""), 0);
        if (!bad) bad = wr_regex_search(re, wr_arg_str(call, 0, i), 0, &found);
        if (bad) return wr_bad_row(call, i, bad);
        WR_OUT(out, uint8_t, i) = found;
    }
    return WR_OK;
}
static weir_status fn_similar_escape(wr_call *call, wr_column *out)
{
    wr_text_out text = {call->arena, NULL, NULL};
    WR_BUF(pattern);
    WR_ROWS(i)
    {
        pattern.length = 0;
        wr_str escape = call->arg_count > 1 ? wr_arg_str(call, 1, i) : WR_STR("\\");
        weir_status bad = wr_similar_to_regex(wr_arg_str(call, 0, i), escape, &pattern);
        if (bad) return wr_bad_row(call, i, bad);
        WR_OUT(out, wr_view, i) = wr_text_buf(&text, &pattern);
    }
    return WR_OK;
}

/* ---- parts ---- */

static weir_status bad_group(const wr_regex *re, int64_t group)
{
    return wr_fail(WR_E_BAD_ARGUMENT, "the regular expression has %d groups, not %lld",
                   wr_regex_group_count(re), (long long)group);
}

static weir_status extract_row(wr_call *call, uint32_t i, int64_t group, wr_str *part)
{
    wr_regex *re = call->state;
    wr_str text = wr_arg_str(call, 0, i);
    bool found = false;
    WR_TRY(wr_regex_use(re, wr_arg_str(call, 1, i), flags_of(call, 3, i), 0));
    if (group < 0 || group > wr_regex_group_count(re)) return bad_group(re, group);
    WR_TRY(wr_regex_search(re, text, 0, &found));
    *part = found ? wr_regex_group(re, text, (int)group) : (wr_str){NULL, 0};
    return WR_OK;
}

static weir_status fn_extract(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        wr_str part = {0};
        weir_status bad =
            extract_row(call, i, call->arg_count > 2 ? WR_ARG(call, 2, int64_t, i) : 0, &part);
        if (bad) return wr_bad_row(call, i, bad);
        wr_out_str(out, i, part.data ? part : WR_STR(""));
    }
    return WR_OK;
}

/* substring(text FROM pattern): the first group if there is one, NULL without a match. */
static weir_status fn_substring(wr_call *call, wr_column *out)
{
    wr_regex *re = call->state;
    WR_ROWS(i)
    {
        wr_str text = wr_arg_str(call, 0, i), part = {NULL, 0};
        bool found = false;
        weir_status bad = wr_regex_use(re, wr_arg_str(call, 1, i), WR_STR(""), 0);
        if (!bad) bad = wr_regex_search(re, text, 0, &found);
        if (bad) return wr_bad_row(call, i, bad);
        if (found) part = wr_regex_group(re, text, wr_regex_group_count(re) > 0);
        if (part.data)
            wr_out_str(out, i, part);
        else
            wr_out_null(call, out, i);
    }
    return WR_OK;
}

/* Lists of texts are collected in one growing array of views. */
typedef struct text_list {
    WR_LIST(wr_view) views;
    WR_LIST(uint32_t) nulls; /* indexes of NULL elements */
} text_list;

static void push_part(wr_arena *arena, text_list *list, wr_str part)
{
    if (!part.data) wr_push(arena, &list->nulls, (uint32_t)list->views.count);
    wr_push(arena, &list->views, wr_view_of(part.data ? part.data : "", part.length));
}

static void finish_lists(wr_call *call, text_list *list, wr_column *out)
{
    uint32_t count = (uint32_t)list->views.count;
    out->children = wr_new(call->arena, wr_column);
    wr_column_init(out->children, call->arena, WR_VARCHAR, WR_P_VIEW, count + 1);
    out->children->rows = count;
    if (count) memcpy(out->children->data, list->views.items, sizeof(wr_view) * count);
    for (int k = 0; k < list->nulls.count; k++)
        wr_bit_clear(wr_column_need_valid(out->children, call->arena, count + 1),
                     list->nulls.items[k]);
}

/* regexp_match: the groups of the first match (or the match itself), NULL without one. */
static weir_status fn_groups(wr_call *call, wr_column *out)
{
    wr_regex *re = call->state;
    text_list list = {0};
    WR_ROWS(i)
    {
        wr_str text = wr_arg_str(call, 0, i);
        bool found = false;
        int before = list.views.count;
        weir_status bad = wr_regex_use(re, wr_arg_str(call, 1, i), flags_of(call, 2, i), 0);
        if (!bad) bad = wr_regex_search(re, text, 0, &found);
        if (bad) return wr_bad_row(call, i, bad);
        int groups = wr_regex_group_count(re);
        if (!found)
            wr_out_null(call, out, i);
        else if (!groups)
            push_part(call->arena, &list, wr_regex_group(re, text, 0));
        else
            for (int g = 1; g <= groups; g++)
                push_part(call->arena, &list, wr_regex_group(re, text, g));
        WR_OUT(out, wr_list_slot, i) =
            (wr_list_slot){(uint32_t)before, (uint32_t)(list.views.count - before)};
    }
    finish_lists(call, &list, out);
    return WR_OK;
}

static weir_status all_of_row(wr_call *call, uint32_t i, int64_t group, text_list *list)
{
    wr_regex *re = call->state;
    wr_str text = wr_arg_str(call, 0, i);
    WR_TRY(wr_regex_use(re, wr_arg_str(call, 1, i), flags_of(call, 3, i), 0));
    if (group < 0 || group > wr_regex_group_count(re)) return bad_group(re, group);
    for (size_t at = 0;;) {
        bool found;
        WR_TRY(wr_regex_search(re, text, at, &found));
        if (!found) return WR_OK;
        push_part(call->arena, list, wr_regex_group(re, text, (int)group));
        at = wr_regex_next(text, wr_regex_group(re, text, 0));
    }
}

static weir_status fn_extract_all(wr_call *call, wr_column *out)
{
    text_list list = {0};
    WR_ROWS(i)
    {
        int before = list.views.count;
        weir_status bad =
            all_of_row(call, i, call->arg_count > 2 ? WR_ARG(call, 2, int64_t, i) : 0, &list);
        if (bad) return wr_bad_row(call, i, bad);
        WR_OUT(out, wr_list_slot, i) =
            (wr_list_slot){(uint32_t)before, (uint32_t)(list.views.count - before)};
    }
    finish_lists(call, &list, out);
    return WR_OK;
}

static weir_status split_row(wr_call *call, uint32_t i, text_list *list)
{
    wr_regex *re = call->state;
    wr_str text = wr_arg_str(call, 0, i);
    size_t from = 0;
    WR_TRY(wr_regex_use(re, wr_arg_str(call, 1, i), flags_of(call, 2, i), 0));
    for (size_t at = 0;;) {
        bool found;
        WR_TRY(wr_regex_search(re, text, at, &found));
        if (!found) break;
        wr_str match = wr_regex_group(re, text, 0);
        size_t begin = (size_t)(match.data - text.data);
        at = wr_regex_next(text, match);
        /* An empty match splits only between two characters. */
        if (match.length == 0 && (begin == 0 || begin >= text.length || begin == from)) {
            if (begin >= text.length) break;
            continue;
        }
        push_part(call->arena, list, (wr_str){text.data + from, begin - from});
        from = begin + match.length;
    }
    push_part(call->arena, list, (wr_str){text.data + from, text.length - from});
    return WR_OK;
}

static weir_status fn_split(wr_call *call, wr_column *out)
{
    text_list list = {0};
    WR_ROWS(i)
    {
        int before = list.views.count;
        weir_status bad = split_row(call, i, &list);
        if (bad) return wr_bad_row(call, i, bad);
        WR_OUT(out, wr_list_slot, i) =
            (wr_list_slot){(uint32_t)before, (uint32_t)(list.views.count - before)};
    }
    finish_lists(call, &list, out);
    return WR_OK;
}

/* ---- replacing ---- */

/* Adds the replacement: \1...\9 are groups, \& and \0 the match, \\ a backslash. */
static void add_replacement(const wr_regex *re, wr_str text, wr_str by, wr_buf *buf)
{
    for (size_t k = 0; k < by.length; k++) {
        char c = by.data[k], next = k + 1 < by.length ? by.data[k + 1] : 0;
        if (c == '\\' && ((next >= '0' && next <= '9') || next == '&')) {
            wr_str part = wr_regex_group(re, text, next == '&' ? 0 : next - '0');
            if (part.data) wr_buf_add_str(buf, part);
            k++;
        } else {
            if (c == '\\' && next == '\\') k++;
            wr_buf_add_char(buf, c);
        }
    }
}

static weir_status replace_row(wr_call *call, uint32_t i, wr_buf *buf)
{
    wr_regex *re = call->state;
    wr_str text = wr_arg_str(call, 0, i), by = wr_arg_str(call, 2, i);
    size_t from = 0;
    WR_TRY(wr_regex_use(re, wr_arg_str(call, 1, i), flags_of(call, 3, i), 0));
    for (size_t at = 0;;) {
        bool found;
        WR_TRY(wr_regex_search(re, text, at, &found));
        if (!found) break;
        wr_str match = wr_regex_group(re, text, 0);
        size_t begin = (size_t)(match.data - text.data);
        wr_buf_add(buf, text.data + from, begin - from);
        add_replacement(re, text, by, buf);
        from = begin + match.length;
        at = wr_regex_next(text, match);
        if (buf->length > WR_TEXT_MAX)
            return wr_fail(WR_E_TOO_BIG, "the text would be longer than 1 GiB");
        if (!re->is_global) break;
    }
    wr_buf_add(buf, text.data + from, text.length - from);
    return WR_OK;
}

static weir_status fn_replace(wr_call *call, wr_column *out)
{
    wr_text_out text = {call->arena, NULL, NULL};
    WR_BUF(buf);
    WR_ROWS(i)
    {
        buf.length = 0;
        weir_status bad = replace_row(call, i, &buf);
        if (bad) return wr_bad_row(call, i, bad);
        WR_OUT(out, wr_view, i) = wr_text_buf(&text, &buf);
    }
    return WR_OK;
}

/* ---- counting and finding the n-th ---- */

typedef struct nth_wanted {
    int64_t start, n, group; /* n 0: count all */
    wr_str flags;
} nth_wanted;

/* Finds the n-th match from character start on: *part is the group's text, *found_count how many
 * there were. */
static weir_status find_nth(wr_call *call, uint32_t i, nth_wanted want, wr_str *part,
                            int64_t *found_count)
{
    wr_regex *re = call->state;
    wr_str text = wr_arg_str(call, 0, i);
    *part = (wr_str){NULL, 0}, *found_count = 0;
    if (want.start < 1) return wr_fail(WR_E_BAD_ARGUMENT, "the start position must be 1 or more");
    WR_TRY(wr_regex_use(re, wr_arg_str(call, 1, i), want.flags, 0));
    if (want.group < 0) return bad_group(re, want.group);
    if (want.start > 1 && (uint64_t)want.start > wr_utf8_count(text.data, text.length) + 1)
        return WR_OK;
    for (size_t at = wr_char_offset(text.data, text.length, want.start - 1);;) {
        bool found;
        WR_TRY(wr_regex_search(re, text, at, &found));
        if (!found) return WR_OK;
        if (++*found_count == want.n) {
            *part = wr_regex_group(re, text, (int)WR_MIN(want.group, 1000));
            return WR_OK;
        }
        at = wr_regex_next(text, wr_regex_group(re, text, 0));
    }
}

static weir_status fn_count(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        wr_str part;
        int64_t count;
        nth_wanted want = {WR_ARG(call, 2, int64_t, i), 0, 0, flags_of(call, 3, i)};
        weir_status bad = find_nth(call, i, want, &part, &count);
        if (bad) return wr_bad_row(call, i, bad);
        WR_OUT(out, int32_t, i) = (int32_t)count;
    }
    return WR_OK;
}

static weir_status fn_substr(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        wr_str part;
        int64_t count;
        nth_wanted want = {WR_ARG(call, 2, int64_t, i), WR_ARG(call, 3, int64_t, i),
                           WR_ARG(call, 5, int64_t, i), flags_of(call, 4, i)};
        weir_status bad =
            want.n < 1 ? wr_fail(WR_E_BAD_ARGUMENT, "the number of the match must be 1 or more")
                       : find_nth(call, i, want, &part, &count);
        if (bad) return wr_bad_row(call, i, bad);
        if (part.data)
            wr_out_str(out, i, part);
        else
            wr_out_null(call, out, i);
    }
    return WR_OK;
}

static weir_status fn_instr(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        wr_str part, text = wr_arg_str(call, 0, i);
        int64_t count, after = WR_ARG(call, 4, int64_t, i);
        nth_wanted want = {WR_ARG(call, 2, int64_t, i), WR_ARG(call, 3, int64_t, i),
                           WR_ARG(call, 6, int64_t, i), flags_of(call, 5, i)};
        weir_status bad =
            want.n < 1 ? wr_fail(WR_E_BAD_ARGUMENT, "the number of the match must be 1 or more")
                       : find_nth(call, i, want, &part, &count);
        if (bad) return wr_bad_row(call, i, bad);
        size_t at = part.data ? (size_t)(part.data - text.data) + (after ? part.length : 0) : 0;
        WR_OUT(out, int32_t, i) = part.data ? (int32_t)wr_utf8_count(text.data, at) + 1 : 0;
    }
    return WR_OK;
}

static weir_status fn_escape(wr_call *call, wr_column *out)
{
    wr_text_out text = {call->arena, NULL, NULL};
    WR_ROWS(i)
    {
        wr_str s = wr_arg_str(call, 0, i);
        char *to = wr_text_room(&text, s.length * 2), *start = to;
        for (size_t k = 0; k < s.length; k++) {
            if (s.data[k] && strchr("\\^$.|?*+()[]{}-#/&~ ", s.data[k])) *to++ = '\\';
            *to++ = s.data[k];
        }
        WR_OUT(out, wr_view, i) = wr_text_take(&text, (size_t)(to - start));
    }
    return WR_OK;
}

#define REGEX_ROW                                                                \
    .flags = WR_FN_CAN_FAIL, .bind = bind_regex, .state_size = sizeof(wr_regex), \
    .state_clear = wr_regex_clear
#define SIMILAR_ROW \
    .flags = WR_FN_CAN_FAIL, .state_size = sizeof(wr_regex), .state_clear = wr_regex_clear

const wr_fn wr_fns_regex[] = {
    {"~", "(text, pattern text) -> boolean", fn_match,
     "True if the regular expression matches somewhere.", "'weir' ~ '^w.*r$'", "true", REGEX_ROW},
    {"~*", "(text, pattern text) -> boolean", fn_imatch, "As ~ without regard to case.",
     "'Weir' ~* 'EIR'", "true", REGEX_ROW},
    {"!~", "(text, pattern text) -> boolean", fn_not_match,
     "True if the regular expression matches nowhere.", "'weir' !~ 'x'", "true", REGEX_ROW},
    {"!~*", "(text, pattern text) -> boolean", fn_not_imatch, "As !~ without regard to case.",
     "'Weir' !~* 'w'", "false", REGEX_ROW},
    {"regexp_like|regexp_matches|rlike", "(text, pattern text, flags text = '') -> boolean",
     fn_match, "True if the regular expression matches somewhere.",
     "regexp_like('Hello', 'hel+', 'i')", "true", REGEX_ROW},
    {"regexp_full_match", "(text, pattern text, flags text = '') -> boolean", fn_full_match,
     "True if the regular expression matches the whole text.", "regexp_full_match('abc', 'ab')",
     "false", REGEX_ROW},
    {"similar_to", "(text, pattern text) -> boolean", fn_similar,
     "SQL's SIMILAR TO: %, _, and the operators | * + ? () [] over the whole text.",
     "'abc' SIMILAR TO '%(b|d)%'", "true", SIMILAR_ROW},
    {"similar_to|similar_to_escape", "(text, pattern text, escape text) -> boolean", fn_similar,
     "SIMILAR TO with an escape character.", "'a%' SIMILAR TO 'a!%' ESCAPE '!'", "true",
     SIMILAR_ROW},
    {"similar_to_escape|similar_escape", "(pattern text) -> text", fn_similar_escape,
     "The regular expression of a SIMILAR TO pattern.", "similar_to_escape('a_c')", "^(?:a.c)$",
     .flags = WR_FN_CAN_FAIL},
    {"similar_to_escape|similar_escape", "(pattern text, escape text) -> text", fn_similar_escape,
     "The regular expression of a SIMILAR TO pattern.", "similar_to_escape('a!_c', '!')",
     "^(?:a\\_c)$", .flags = WR_FN_CAN_FAIL},
    {"regexp_extract", "(text, pattern text, group bigint = 0, flags text = '') -> text",
     fn_extract, "The part matched by the pattern or one of its groups; empty without a match.",
     "regexp_extract('2024-05', '(\\d+)-(\\d+)', 2)", "05", REGEX_ROW},
    {"regexp_extract_all", "(text, pattern text, group bigint = 0, flags text = '') -> text[]",
     fn_extract_all, "All parts matched by the pattern or one of its groups.",
     "regexp_extract_all('a1b22', '\\d+')", "[1, 22]", REGEX_ROW},
    {"regexp_match", "(text, pattern text, flags text = '') -> text[]", fn_groups,
     "The groups of the first match, or the match if there are none; NULL without a match.",
     "regexp_match('foobar', '(o+)(b)')", "[oo, b]", REGEX_ROW},
    {"regexp_replace", "(text, pattern text, replacement text, flags text = '') -> text",
     fn_replace, "Replaces the first match, with flag g all; \\1 is a group, \\& the match.",
     "regexp_replace('banana', 'a(.)', '<\\1>', 'g')", "b<n><n>a", REGEX_ROW},
    {"regexp_split_to_array|regexp_split|string_split_regex|str_split_regex",
     "(text, pattern text, flags text = '') -> text[]", fn_split,
     "Splits text where the pattern matches.", "regexp_split_to_array('a, b;c', '[,;] *')",
     "[a, b, c]", REGEX_ROW},
    {"regexp_count", "(text, pattern text, start bigint = 1, flags text = '') -> integer", fn_count,
     "How often the pattern matches.", "regexp_count('banana', 'an')", "2", REGEX_ROW},
    {"regexp_substr",
     "(text, pattern text, start bigint = 1, n bigint = 1, flags text = '', group bigint = 0) -> "
     "text",
     fn_substr, "The n-th match or a group of it; NULL if there is none.",
     "regexp_substr('a1b22', '\\d+', 1, 2)", "22", REGEX_ROW},
    {"regexp_instr",
     "(text, pattern text, start bigint = 1, n bigint = 1, after bigint = 0, flags text = '', "
     "group bigint = 0) -> integer",
     fn_instr, "Position of the n-th match (after 1: behind it); 0 if there is none.",
     "regexp_instr('a1b22', '\\d+')", "2", REGEX_ROW},
    {"substring|substr", "(text, pattern text) -> text", fn_substring,
     "The part matched by a regular expression, or its first group; NULL without a match.",
     "substring('foobar' FROM 'o(.)b')", "o", REGEX_ROW},
    {"regexp_escape", "(text) -> text", fn_escape,
     "text as a regular expression that matches just it.", "regexp_escape('a.b')", "a\\.b"},
    {0},
};
