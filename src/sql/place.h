/* place.h - places in the text of a statement where a repair puts something. */
#pragma once
#include "base/arena.h"

/* Where another key of GROUP BY goes in the SELECT around pos; *has_keys: there are some already.
 * False if the text cannot be read or pos is in no SELECT. */
bool wr_place_of_group_by(wr_str sql, size_t pos, size_t *at, bool *has_keys);

/* Behind the closing bracket of a call whose name ends at pos. False if no call stands there. */
bool wr_place_after_call(wr_str sql, size_t pos, size_t *at);

/* Where the word that stands directly before pos begins, if it is the one wanted. */
bool wr_place_of_word_before(wr_str sql, size_t pos, const char *word, size_t *at);

/* The first place of a word in sql outside of texts, names in quotes and comments. False: none. */
bool wr_place_of_word(wr_str sql, const char *word, size_t *at);
