/* regex.h - compiled regular expressions of one worker: PCRE2 with JIT and limits. */
#pragma once
#include "expr/fn/call.h"

/* State of a row of functions (wr_fn.state_size): zeroed at first, cleared by wr_regex_clear. */
typedef struct wr_regex {
    void *code, *match, *context, *stack; /* pcre2 objects */
    char *pattern;                        /* of code; heap */
    size_t pattern_size;
    uint32_t options;
    bool is_global; /* flag g was given */
} wr_regex;

/* The slot clear of a function: frees the expression in state, a wr_regex. */
void wr_regex_clear(void *state);
/* Makes the expression current; does nothing if it is already. flags: PostgreSQL's letters (i c g n
 * m p s w x q). wrap: 0 as it is, 1 must match the whole text. BAD_PATTERN with the position in the
 * pattern. */
WR_MUST_CHECK weir_status wr_regex_use(wr_regex *re, wr_str pattern, wr_str flags, int wrap);
/* Searches from byte start on. *found tells whether; then wr_regex_group gives the parts. Fails
 * with TOO_BIG when the match takes too many steps. */
WR_MUST_CHECK weir_status wr_regex_search(wr_regex *re, wr_str text, size_t start, bool *found);
int wr_regex_group_count(const wr_regex *re); /* without group 0 */
/* Part of text that group matched; data NULL if it took no part. */
wr_str wr_regex_group(const wr_regex *re, wr_str text, int group);
/* Where to go on after a match ending at end (an empty match must step on). */
size_t wr_regex_next(wr_str text, wr_str match);
/* Turns a SIMILAR TO pattern into a regular expression. */
WR_MUST_CHECK weir_status wr_similar_to_regex(wr_str pattern, wr_str escape, wr_buf *out);
