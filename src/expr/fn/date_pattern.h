/* date_pattern.h - patterns of dates, whichever language they are written in, as a list of pieces.
 */
#pragma once
#include "expr/fn/date_units.h"

typedef enum wr_date_element {
    EL_LITERAL,
    EL_YEAR4,
    EL_YEAR2,
    EL_MONTH,
    EL_MONTH_NAME,
    EL_MONTH_SHORT,
    EL_DAY,
    EL_DAY_NAME,
    EL_DAY_SHORT,
    EL_DOY,
    EL_HOUR24,
    EL_HOUR12,
    EL_MINUTE,
    EL_SECOND,
    EL_MICRO,
    EL_MILLI,
    EL_AMPM,
    EL_ISO_YEAR,
    EL_ISO_WEEK,
    EL_ISO_DOW,
    EL_DOW,
    EL_QUARTER,
    EL_CENTURY,
    EL_WEEK_SUNDAY,
    EL_WEEK_MONDAY,
    EL_WEEK_OF_YEAR,
    EL_WEEK_OF_MONTH,
    EL_EPOCH,
    EL_OFFSET,
    EL_OFFSET_HOURS,
    EL_OFFSET_MINUTES,
    EL_ZONE,
    EL_JULIAN,
    EL_SECONDS_OF_DAY,
    EL_ERA,
    EL_YEAR_COMMA, /* 2,024 */
    EL_YEAR3,
    EL_YEAR1,
    EL_ISO_YEAR3,
    EL_ISO_YEAR2,
    EL_ISO_YEAR1,
    EL_ISO_DOY,
    EL_ROMAN_MONTH,
    EL_FRACTION /* digits in piece.digits */
} wr_date_element;

typedef enum wr_letter_style { AS_TITLE, AS_UPPER, AS_LOWER } wr_letter_style;

typedef struct wr_date_piece {
    wr_date_element what;
    bool no_padding, blank_padded, ordinal, dotted;
    int8_t digits;
    wr_letter_style style;
    wr_str literal;
} wr_date_piece;

typedef WR_LIST(wr_date_piece) wr_date_pieces;

/* Reads a pattern of strftime's %-letters and adds its pieces, which borrow from pattern, to list
 * in arena. Fails on unknown letters. Any thread. */
WR_MUST_CHECK weir_status wr_date_pattern_percent(wr_arena *arena, wr_str pattern,
                                                  wr_date_pieces *list);
/* The same for the keywords of to_char; what is no keyword stands for itself, so it never fails. */
WR_MUST_CHECK weir_status wr_date_pattern_keywords(wr_arena *arena, wr_str pattern,
                                                   wr_date_pieces *list);
/* The same for the letters of Java's patterns (yyyy-MM-dd HH:mm:ss.SSS 'at'); a pattern with a % is
 * one of %-letters. Fails on unknown letters and quotes that do not end. */
WR_MUST_CHECK weir_status wr_date_pattern_java(wr_arena *arena, wr_str pattern,
                                               wr_date_pieces *list);
