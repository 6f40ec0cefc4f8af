/* guess.h - of which type a column of a text file is, from its values. */
#pragma once
#include "fmt/cell.h"

/* A set of types. WR_GUESS_ANY: that of a column without values; the sets of its values are taken
 * off it one after the other by &. */
enum { WR_GUESS_ANY = 0x3ffffff };
/* The types a value fits; 0: only text. Any thread. */
int wr_guess_cell(const wr_cell_rules *rules, wr_str text);
/* The type of a column whose values all fit; *format is the pattern of its dates (static), empty if
 * they are ISO dates or none. Any thread. */
const wr_type *wr_guessed_type(int set, wr_str *format);
