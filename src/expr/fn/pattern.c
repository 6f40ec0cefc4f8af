/* pattern.c - LIKE, ILIKE and GLOB.
 *
 * A LIKE pattern is cut at its percent signs into segments; the first and the last may be tied to
 * the ends of the text, those between are searched one after the other, leftmost first, which needs
 * no backtracking. Most patterns are a single literal (equal, prefix, suffix, contained) and get
 * loops of their own. Constant patterns are compiled when the call is bound, others once per run of
 * equal patterns. Case-insensitive matching compares lower-cased texts. A literal inside a text is
 * found 16 positions at a time by its first and last byte. */
#include "expr/fn/call.h"
#include "expr/fn/characters.h"
#ifdef __SSE2__
#include <emmintrin.h>
#endif

typedef struct segment {
    const char *bytes;
    const uint8_t *wild; /* NULL, or per byte 1 where any character may stand ("_") */
    size_t size;
} segment;

typedef enum like_kind {
    LIKE_ALL,
    LIKE_EQUAL,
    LIKE_PREFIX,
    LIKE_SUFFIX,
    LIKE_CONTAINS,
    LIKE_GENERAL
} like_kind;

typedef struct like_pattern {
    like_kind kind;
    segment *segments;
    int count;
    bool tied_start, tied_end; /* no percent sign at that end */
} like_pattern;

/* ---- compiling ---- */

typedef struct pattern_reader {
    wr_arena *arena;
    WR_LIST(segment) segments;
    char *bytes;
    uint8_t *wild;
    size_t size;
    bool has_wild;
} pattern_reader;

static void end_segment(pattern_reader *r)
{
    segment s = {wr_arena_copy(r->arena, r->bytes, r->size), NULL, r->size};
    if (r->has_wild) s.wild = (const uint8_t *)wr_arena_copy(r->arena, r->wild, r->size);
    wr_push(r->arena, &r->segments, s);
    r->size = 0;
    r->has_wild = false;
}

static like_kind classify(const like_pattern *p)
{
    for (int i = 0; i < p->count; i++)
        if (p->segments[i].wild) return LIKE_GENERAL;
    if (p->count == 0) return LIKE_ALL;
    if (p->count > 1) return LIKE_GENERAL;
    if (p->tied_start) return p->tied_end ? LIKE_EQUAL : LIKE_PREFIX;
    return p->tied_end ? LIKE_SUFFIX : LIKE_CONTAINS;
}

static weir_status compile_like(wr_arena *arena, wr_str text, wr_str escape, like_pattern *out)
{
    pattern_reader r = {.arena = arena};
    r.bytes = wr_arena_alloc(arena, text.length + 1);
    r.wild = wr_arena_alloc(arena, text.length + 1);
    *out = (like_pattern){.tied_start = true, .tied_end = true};
    for (size_t at = 0; at < text.length;) {
        size_t n = wr_char_size(text.data + at, text.length - at);
        bool escaped =
            escape.length && n == escape.length && memcmp(text.data + at, escape.data, n) == 0;
        if (escaped) {
            at += n;
            if (at >= text.length)
                return wr_fail(WR_E_BAD_PATTERN,
                               "LIKE pattern must not end with the escape character");
            n = wr_char_size(text.data + at, text.length - at);
        }
        if (!escaped && text.data[at] == '%') {
            if (at == 0) out->tied_start = false;
            if (r.size) end_segment(&r);
            out->tied_end = false;
        } else {
            bool any = !escaped && text.data[at] == '_';
            out->tied_end = true;
            memset(r.wild + r.size, any, n);
            memcpy(r.bytes + r.size, text.data + at, n);
            r.size += n;
            r.has_wild |= any;
        }
        at += n;
    }
    if (r.size || (out->tied_start && out->tied_end && r.segments.count == 0)) end_segment(&r);
    out->segments = r.segments.items;
    out->count = r.segments.count;
    out->kind = classify(out);
    return WR_OK;
}

/* ---- matching ---- */

/* Where needle begins in hay; NULL if nowhere. */
static const char *find_bytes(const char *hay, size_t size, const char *needle, size_t length)
{
    if (length == 0) return hay;
    if (size < length) return NULL;
    if (length == 1) return memchr(hay, *needle, size);
    size_t at = 0;
#ifdef __SSE2__
    const __m128i first = _mm_set1_epi8(needle[0]), last = _mm_set1_epi8(needle[length - 1]);
    for (; at + length - 1 + 16 <= size; at += 16) {
        __m128i a = _mm_loadu_si128((const __m128i *)(hay + at));
        __m128i b = _mm_loadu_si128((const __m128i *)(hay + at + length - 1));
        uint32_t both = (uint32_t)_mm_movemask_epi8(
            _mm_and_si128(_mm_cmpeq_epi8(a, first), _mm_cmpeq_epi8(b, last)));
        for (; both; both &= both - 1) {
            const char *candidate = hay + at + __builtin_ctz(both);
            if (memcmp(candidate + 1, needle + 1, length - 2) == 0) return candidate;
        }
    }
#endif
    for (; at + length <= size; at++)
        if (hay[at] == needle[0] && memcmp(hay + at, needle, length) == 0) return hay + at;
    return NULL;
}

/* Bytes that the segment takes of s when it begins at its start; -1 if it does not match. */
static ptrdiff_t match_here(const segment *seg, const char *s, size_t size)
{
    if (!seg->wild)
        return size >= seg->size && memcmp(s, seg->bytes, seg->size) == 0 ? (ptrdiff_t)seg->size
                                                                          : -1;
    size_t at = 0;
    for (size_t k = 0; k < seg->size; k++) {
        if (at >= size) return -1;
        if (seg->wild[k])
            at += wr_char_size(s + at, size - at);
        else if (s[at++] != seg->bytes[k])
            return -1;
    }
    return (ptrdiff_t)at;
}

/* Leftmost place at or after s where the segment matches; *taken is its size there. */
static const char *find_segment(const segment *seg, const char *s, size_t size, size_t *taken)
{
    if (!seg->wild) {
        *taken = seg->size;
        return find_bytes(s, size, seg->bytes, seg->size);
    }
    for (size_t at = 0; at < size; at += wr_char_size(s + at, size - at)) {
        ptrdiff_t n = match_here(seg, s + at, size - at);
        if (n >= 0) {
            *taken = (size_t)n;
            return s + at;
        }
    }
    return NULL;
}

/* True if the segment matches the very end of s: it begins as many characters before the end as it
 * has. */
static bool match_end(const segment *seg, const char *s, size_t size)
{
    if (!seg->wild)
        return size >= seg->size && memcmp(s + size - seg->size, seg->bytes, seg->size) == 0;
    int64_t have = (int64_t)wr_utf8_count(s, size),
            want = (int64_t)wr_utf8_count(seg->bytes, seg->size);
    if (have < want) return false;
    size_t at = wr_char_offset(s, size, have - want);
    return match_here(seg, s + at, size - at) == (ptrdiff_t)(size - at);
}

static bool match_general(const like_pattern *p, wr_str s)
{
    int from = 0, to = p->count;
    if (p->tied_start && to > 0) {
        ptrdiff_t n = match_here(&p->segments[0], s.data, s.length);
        if (n < 0) return false;
        if (to == 1 && p->tied_end) return (size_t)n == s.length;
        s.data += n, s.length -= (size_t)n;
        from = 1;
    }
    if (p->tied_end && to > from) to--;
    for (int i = from; i < to; i++) {
        size_t taken;
        const char *at = find_segment(&p->segments[i], s.data, s.length, &taken);
        if (!at) return false;
        size_t skip = (size_t)(at - s.data) + taken;
        s.data += skip, s.length -= skip;
    }
    return to == p->count || match_end(&p->segments[to], s.data, s.length);
}

static inline bool match_like(const like_pattern *p, wr_str s)
{
    const segment *seg = p->segments;
    switch (p->kind) {
    case LIKE_ALL:
        return true;
    case LIKE_EQUAL:
        return s.length == seg->size && memcmp(s.data, seg->bytes, seg->size) == 0;
    case LIKE_PREFIX:
        return s.length >= seg->size && memcmp(s.data, seg->bytes, seg->size) == 0;
    case LIKE_SUFFIX:
        return s.length >= seg->size &&
               memcmp(s.data + s.length - seg->size, seg->bytes, seg->size) == 0;
    case LIKE_CONTAINS:
        return find_bytes(s.data, s.length, seg->bytes, seg->size) != NULL;
    default:
        return match_general(p, s);
    }
}

/* ---- the functions ---- */

typedef struct like_mode {
    bool ignore_case, is_negated;
} like_mode;

static wr_str lowered(wr_arena *arena, wr_str s)
{
    char *to = wr_arena_alloc(arena, s.length * 2 + 4);
    return (wr_str){to, wr_text_lower(to, s)};
}

/* The pattern and escape of row i, compiled; kept from the row before when they are the same. */
static weir_status pattern_of_row(wr_call *call, uint32_t i, like_mode mode, wr_str *last,
                                  like_pattern *out)
{
    wr_str text = wr_arg_str(call, 1, i),
           escape = call->arg_count > 2 ? wr_arg_str(call, 2, i) : WR_STR("\\");
    if (last->data && call->arg_count <= 2 && wr_str_eq(*last, text)) return WR_OK;
    *last = text;
    if (escape.length && wr_utf8_count(escape.data, escape.length) != 1)
        return wr_fail(WR_E_BAD_ARGUMENT, "the escape of LIKE must be empty or one character");
    return compile_like(call->arena, mode.ignore_case ? lowered(call->arena, text) : text, escape,
                        out);
}

static weir_status like_rows(wr_call *call, wr_column *out, like_mode mode)
{
    like_pattern own = {0};
    const like_pattern *p = call->bound ? call->bound : &own;
    wr_str last = {NULL, 0};
    WR_BUF(lower);
    uint8_t *restrict result = out->data;
    WR_ROWS(i)
    {
        if (!call->bound) {
            weir_status bad = pattern_of_row(call, i, mode, &last, &own);
            if (bad) return wr_bad_row(call, i, bad);
        }
        wr_str s = wr_arg_str(call, 0, i);
        if (mode.ignore_case) {
            lower.length = 0;
            wr_buf_reserve(&lower, s.length * 2 + 4);
            s = (wr_str){lower.data, wr_text_lower(lower.data, s)};
        }
        result[i] = match_like(p, s) != mode.is_negated;
    }
    return WR_OK;
}
static weir_status fn_like(wr_call *call, wr_column *out)
{
    return like_rows(call, out, (like_mode){false, false});
}
static weir_status fn_ilike(wr_call *call, wr_column *out)
{
    return like_rows(call, out, (like_mode){true, false});
}
static weir_status fn_not_like(wr_call *call, wr_column *out)
{
    return like_rows(call, out, (like_mode){false, true});
}
static weir_status fn_not_ilike(wr_call *call, wr_column *out)
{
    return like_rows(call, out, (like_mode){true, true});
}

static weir_status bind_pattern(wr_fn_bind *b, bool ignore_case)
{
    wr_value pattern, escape = wr_value_text(WR_STR("\\"));
    if (!wr_bind_const(b, 1, &pattern) || (b->arg_count > 2 && !wr_bind_const(b, 2, &escape)))
        return WR_OK;
    if (pattern.is_null || escape.is_null) return WR_OK;
    if (escape.text.length && wr_utf8_count(escape.text.data, escape.text.length) != 1)
        return wr_fail_at(WR_E_BAD_ARGUMENT, b->args[2]->span,
                          "the escape of LIKE must be empty or one character");
    like_pattern *compiled = wr_new(b->arena, like_pattern);
    wr_str text = ignore_case ? lowered(b->arena, pattern.text) : pattern.text;
    weir_status bad = compile_like(b->arena, text, escape.text, compiled);
    if (bad) return wr_with_span(bad, b->args[1]->span);
    b->bound = compiled;
    return WR_OK;
}
static weir_status bind_like(wr_fn_bind *b) { return bind_pattern(b, false); }
static weir_status bind_ilike(wr_fn_bind *b) { return bind_pattern(b, true); }

/* ---- GLOB ---- */

/* One bracket set at pattern ("[" already taken): whether c is in it; *used is its size with the
 * closing bracket, 0 if there is none. */
static bool in_set(wr_str pattern, uint32_t c, size_t *used)
{
    size_t at = 0;
    bool negated = at < pattern.length && (pattern.data[at] == '!' || pattern.data[at] == '^'),
         found = false;
    at += negated;
    for (size_t start = at; at < pattern.length;) {
        if (pattern.data[at] == ']' && at > start) {
            *used = at + 1;
            return found != negated;
        }
        size_t n;
        uint32_t low = wr_char_at(pattern.data + at, pattern.length - at, &n), high = low;
        at += n;
        if (at + 1 < pattern.length && pattern.data[at] == '-' && pattern.data[at + 1] != ']') {
            high = wr_char_at(pattern.data + at + 1, pattern.length - at - 1, &n);
            at += n + 1;
        }
        found |= c >= low && c <= high;
    }
    *used = 0;
    return false;
}

/* Matches one element of the pattern (not a star) against the character at s. Returns pattern bytes
 * used, 0 = no. */
static size_t glob_element(wr_str pattern, wr_str s, size_t *taken)
{
    uint32_t c = wr_char_at(s.data, s.length, taken);
    if (*pattern.data == '?') return 1;
    if (*pattern.data == '[') {
        size_t used;
        if (in_set((wr_str){pattern.data + 1, pattern.length - 1}, c, &used)) return used + 1;
        if (used) return 0;
    }
    size_t skip = *pattern.data == '\\' && pattern.length > 1, n;
    uint32_t want = wr_char_at(pattern.data + skip, pattern.length - skip, &n);
    return want == c ? skip + n : 0;
}

static bool match_glob(wr_str pattern, wr_str s)
{
    wr_str star_pattern = {NULL, 0}, star_text = {NULL, 0};
    while (s.length) {
        size_t taken, used = 0;
        if (pattern.length && *pattern.data == '*') {
            pattern.data++, pattern.length--;
            star_pattern = pattern, star_text = s;
            continue;
        }
        if (pattern.length) used = glob_element(pattern, s, &taken);
        if (used) {
            pattern.data += used, pattern.length -= used;
            s.data += taken, s.length -= taken;
            continue;
        }
        if (!star_pattern.data) return false;
        size_t step = wr_char_size(star_text.data, star_text.length);
        star_text.data += step, star_text.length -= step;
        pattern = star_pattern, s = star_text;
    }
    while (pattern.length && *pattern.data == '*')
        pattern.data++, pattern.length--;
    return pattern.length == 0;
}

static weir_status fn_glob(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        WR_OUT(out, uint8_t, i) = match_glob(wr_arg_str(call, 1, i), wr_arg_str(call, 0, i));
    }
    return WR_OK;
}

const wr_fn wr_fns_pattern[] = {
    {"~~|like", "(text, pattern text) -> boolean", fn_like,
     "True if text matches; % is any text, _ one character.", "'weir' LIKE 'w%r'", "true",
     .flags = WR_FN_CAN_FAIL, .bind = bind_like},
    {"~~|like|like_escape", "(text, pattern text, escape text) -> boolean", fn_like,
     "True if text matches; the escape character takes the meaning from % and _.",
     "'50%' LIKE '%!%' ESCAPE '!'", "true", .flags = WR_FN_CAN_FAIL, .bind = bind_like},
    {"~~*|ilike", "(text, pattern text) -> boolean", fn_ilike, "LIKE without regard to case.",
     "'Weir' ILIKE 'W%R'", "true", .flags = WR_FN_CAN_FAIL, .bind = bind_ilike},
    {"~~*|ilike|ilike_escape", "(text, pattern text, escape text) -> boolean", fn_ilike,
     "LIKE with an escape character and without regard to case.", "'A_B' ILIKE 'a!_b' ESCAPE '!'",
     "true", .flags = WR_FN_CAN_FAIL, .bind = bind_ilike},
    {"!~~|not_like", "(text, pattern text) -> boolean", fn_not_like, "True if text does not match.",
     "'weir' NOT LIKE '%x%'", "true", .flags = WR_FN_CAN_FAIL, .bind = bind_like},
    {"!~~|not_like|not_like_escape", "(text, pattern text, escape text) -> boolean", fn_not_like,
     "True if text does not match the pattern with an escape character.",
     "'50%' NOT LIKE '5!%' ESCAPE '!'", "true", .flags = WR_FN_CAN_FAIL, .bind = bind_like},
    {"!~~*|not_ilike", "(text, pattern text) -> boolean", fn_not_ilike,
     "NOT LIKE without regard to case.", "'Weir' NOT ILIKE 'w%'", "false", .flags = WR_FN_CAN_FAIL,
     .bind = bind_ilike},
    {"!~~*|not_ilike|not_ilike_escape", "(text, pattern text, escape text) -> boolean",
     fn_not_ilike, "NOT LIKE with an escape character and without regard to case.",
     "'A' NOT ILIKE 'b' ESCAPE '!'", "true", .flags = WR_FN_CAN_FAIL, .bind = bind_ilike},
    {"~~~|glob", "(text, pattern text) -> boolean", fn_glob,
     "True if text matches a shell pattern with *, ? and [sets].",
     "'data_1.csv' GLOB '*_[0-9].csv'", "true"},
    {0},
};
