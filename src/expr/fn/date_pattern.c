/* date_pattern.c - the languages that patterns of dates are written in: strftime's %-letters, the
 * keywords of PostgreSQL's to_char (longest first), where "quoted" text is taken as it is, and the
 * letters of Java, where 'quoted' text is.
 *
 * All name the same elements, so one writer and one reader (date_format.c) serve them. */
#include "expr/fn/date_pattern.h"

static const struct percent {
    char letter;
    wr_date_element what;
    const char *expands;
} percents[] = {
    {'Y', EL_YEAR4, NULL},       {'y', EL_YEAR2, NULL},         {'m', EL_MONTH, NULL},
    {'B', EL_MONTH_NAME, NULL},  {'b', EL_MONTH_SHORT, NULL},   {'h', EL_MONTH_SHORT, NULL},
    {'d', EL_DAY, NULL},         {'e', EL_DAY, NULL},           {'A', EL_DAY_NAME, NULL},
    {'a', EL_DAY_SHORT, NULL},   {'j', EL_DOY, NULL},           {'H', EL_HOUR24, NULL},
    {'I', EL_HOUR12, NULL},      {'M', EL_MINUTE, NULL},        {'S', EL_SECOND, NULL},
    {'f', EL_MICRO, NULL},       {'g', EL_MILLI, NULL},         {'p', EL_AMPM, NULL},
    {'G', EL_ISO_YEAR, NULL},    {'V', EL_ISO_WEEK, NULL},      {'u', EL_ISO_DOW, NULL},
    {'w', EL_DOW, NULL},         {'C', EL_CENTURY, NULL},       {'U', EL_WEEK_SUNDAY, NULL},
    {'W', EL_WEEK_MONDAY, NULL}, {'s', EL_EPOCH, NULL},         {'z', EL_OFFSET, NULL},
    {'Z', EL_ZONE, NULL},        {'F', 0, "%Y-%m-%d"},          {'T', 0, "%H:%M:%S"},
    {'R', 0, "%H:%M"},           {'D', 0, "%m/%d/%y"},          {'x', 0, "%Y-%m-%d"},
    {'X', 0, "%H:%M:%S"},        {'c', 0, "%Y-%m-%d %H:%M:%S"},
};

static void push_literal(wr_arena *arena, wr_date_pieces *list, const char *at, size_t size)
{
    if (size) wr_push(arena, list, ((wr_date_piece){.what = EL_LITERAL, .literal = {at, size}}));
}

weir_status wr_date_pattern_percent(wr_arena *arena, wr_str pattern, wr_date_pieces *list)
{
    for (size_t k = 0; k < pattern.length;) {
        if (pattern.data[k] != '%') {
            const char *next = memchr(pattern.data + k, '%', pattern.length - k);
            size_t n = next ? (size_t)(next - pattern.data) - k : pattern.length - k;
            push_literal(arena, list, pattern.data + k, n);
            k += n;
            continue;
        }
        k++;
        bool plain = k < pattern.length && pattern.data[k] == '-';
        k += plain;
        char letter = k < pattern.length ? pattern.data[k] : 0;
        k++;
        if (letter == '%' || letter == 'n' || letter == 't') {
            push_literal(arena, list, letter == '%' ? "%" : letter == 'n' ? "\n" : "\t", 1);
            continue;
        }
        size_t p = 0;
        while (p < WR_COUNT(percents) && percents[p].letter != letter)
            p++;
        if (p == WR_COUNT(percents))
            return wr_fail(WR_E_BAD_ARGUMENT, "unknown element \"%%%c\" of a date pattern",
                           letter ? letter : ' ');
        if (percents[p].expands)
            WR_TRY(wr_date_pattern_percent(arena, wr_str_of(percents[p].expands), list));
        else
            wr_push(arena, list,
                    ((wr_date_piece){.what = percents[p].what,
                                     .no_padding = plain,
                                     .blank_padded = letter == 'e'}));
    }
    return WR_OK;
}

static const struct keyword {
    const char *word; /* compared without regard to case; longer ones first */
    wr_date_element what;
} keywords[] = {
    {"Y,YYY", EL_YEAR_COMMA},
    {"MONTH", EL_MONTH_NAME},
    {"SSSSS", EL_SECONDS_OF_DAY},
    {"YYYY", EL_YEAR4},
    {"IYYY", EL_ISO_YEAR},
    {"IDDD", EL_ISO_DOY},
    {"SSSS", EL_SECONDS_OF_DAY},
    {"HH24", EL_HOUR24},
    {"HH12", EL_HOUR12},
    {"A.M.", EL_AMPM},
    {"P.M.", EL_AMPM},
    {"A.D.", EL_ERA},
    {"B.C.", EL_ERA},
    {"DAY", EL_DAY_NAME},
    {"MON", EL_MONTH_SHORT},
    {"DDD", EL_DOY},
    {"YYY", EL_YEAR3},
    {"IYY", EL_ISO_YEAR3},
    {"FF1", EL_FRACTION},
    {"FF2", EL_FRACTION},
    {"FF3", EL_FRACTION},
    {"FF4", EL_FRACTION},
    {"FF5", EL_FRACTION},
    {"FF6", EL_FRACTION},
    {"TZH", EL_OFFSET_HOURS},
    {"TZM", EL_OFFSET_MINUTES},
    {"OF", EL_OFFSET},
    {"TZ", EL_ZONE},
    {"YY", EL_YEAR2},
    {"IY", EL_ISO_YEAR2},
    {"MM", EL_MONTH},
    {"DD", EL_DAY},
    {"DY", EL_DAY_SHORT},
    {"HH", EL_HOUR12},
    {"MI", EL_MINUTE},
    {"SS", EL_SECOND},
    {"MS", EL_MILLI},
    {"US", EL_MICRO},
    {"AM", EL_AMPM},
    {"PM", EL_AMPM},
    {"IW", EL_ISO_WEEK},
    {"ID", EL_ISO_DOW},
    {"WW", EL_WEEK_OF_YEAR},
    {"RM", EL_ROMAN_MONTH},
    {"CC", EL_CENTURY},
    {"BC", EL_ERA},
    {"AD", EL_ERA},
    {"Y", EL_YEAR1},
    {"I", EL_ISO_YEAR1},
    {"D", EL_DOW},
    {"W", EL_WEEK_OF_MONTH},
    {"Q", EL_QUARTER},
    {"J", EL_JULIAN},
};

static wr_letter_style style_of(const char *written)
{
    if (written[0] >= 'a') return AS_LOWER;
    return written[1] >= 'a' ? AS_TITLE : AS_UPPER;
}

weir_status wr_date_pattern_keywords(wr_arena *arena, wr_str pattern, wr_date_pieces *list)
{
    bool fill_mode = false;
    for (size_t k = 0; k < pattern.length;) {
        wr_str rest = {pattern.data + k, pattern.length - k};
        if (rest.length >= 2 && wr_str_is((wr_str){rest.data, 2}, "FM")) {
            fill_mode = true, k += 2;
            continue;
        }
        if (*rest.data == '"') {
            const char *close = memchr(rest.data + 1, '"', rest.length - 1);
            size_t n = close ? (size_t)(close - rest.data) - 1 : rest.length - 1;
            push_literal(arena, list, rest.data + 1, n);
            k += n + 1 + (close != NULL);
            continue;
        }
        size_t w = 0, n = 0;
        for (; w < WR_COUNT(keywords); w++) {
            n = strlen(keywords[w].word);
            if (rest.length >= n && wr_str_is((wr_str){rest.data, n}, keywords[w].word)) break;
        }
        if (w == WR_COUNT(keywords)) {
            push_literal(arena, list, rest.data, 1);
            k++;
            continue;
        }
        wr_date_piece p = {
            .what = keywords[w].what, .no_padding = fill_mode, .style = style_of(rest.data)};
        if (p.what == EL_FRACTION) p.digits = (int8_t)(rest.data[2] - '0');
        if (p.what == EL_AMPM || p.what == EL_ERA) {
            p.dotted = n == 4;
            if (p.style == AS_TITLE) p.style = AS_UPPER;
        }
        fill_mode = false; /* FM speaks of one keyword */
        k += n;
        if (k + 2 <= pattern.length && wr_str_is((wr_str){pattern.data + k, 2}, "TH") &&
            p.what != EL_MONTH_NAME)
            p.ordinal = true, p.style = style_of(pattern.data + k), k += 2;
        wr_push(arena, list, p);
    }
    return WR_OK;
}

/* count: how often the letter stands in a row; 0: any other number. */
static const struct java_letter {
    char letter;
    int8_t count;
    wr_date_element what;
    bool no_padding;
} java_letters[] = {
    {'y', 2, EL_YEAR2, false},      {'y', 0, EL_YEAR4, false},     {'u', 0, EL_YEAR4, false},
    {'M', 1, EL_MONTH, true},       {'M', 2, EL_MONTH, false},     {'M', 3, EL_MONTH_SHORT, false},
    {'M', 4, EL_MONTH_NAME, false}, {'L', 1, EL_MONTH, true},      {'L', 2, EL_MONTH, false},
    {'d', 1, EL_DAY, true},         {'d', 2, EL_DAY, false},       {'D', 1, EL_DOY, true},
    {'D', 3, EL_DOY, false},        {'E', 4, EL_DAY_NAME, false},  {'E', 1, EL_DAY_SHORT, false},
    {'E', 2, EL_DAY_SHORT, false},  {'E', 3, EL_DAY_SHORT, false}, {'H', 1, EL_HOUR24, true},
    {'H', 2, EL_HOUR24, false},     {'h', 1, EL_HOUR12, true},     {'h', 2, EL_HOUR12, false},
    {'m', 1, EL_MINUTE, true},      {'m', 2, EL_MINUTE, false},    {'s', 1, EL_SECOND, true},
    {'s', 2, EL_SECOND, false},     {'a', 1, EL_AMPM, false},      {'Q', 1, EL_QUARTER, true},
    {'q', 1, EL_QUARTER, true},     {'z', 0, EL_ZONE, false},
};

/* 'text', with '' for a quote; '' alone is a quote too. *at is behind the first one. */
static weir_status java_quoted(wr_arena *arena, wr_str pattern, size_t *at, wr_date_pieces *list)
{
    size_t k = *at;
    if (k < pattern.length && pattern.data[k] == '\'') {
        push_literal(arena, list, pattern.data + k, 1);
        *at = k + 1;
        return WR_OK;
    }
    for (;;) {
        size_t from = k;
        while (k < pattern.length && pattern.data[k] != '\'')
            k++;
        if (k == pattern.length)
            return wr_fail(WR_E_BAD_ARGUMENT, "a quote in a date pattern does not end");
        bool doubled = k + 1 < pattern.length && pattern.data[k + 1] == '\'';
        push_literal(arena, list, pattern.data + from, k - from + doubled);
        k += 1 + doubled;
        if (!doubled) break;
    }
    *at = k;
    return WR_OK;
}

weir_status wr_date_pattern_java(wr_arena *arena, wr_str pattern, wr_date_pieces *list)
{
    if (memchr(pattern.data, '%', pattern.length))
        return wr_date_pattern_percent(arena, pattern, list);
    for (size_t k = 0; k < pattern.length;) {
        char letter = pattern.data[k];
        bool is_letter = (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z');
        size_t from = k++;
        if (letter == '\'') {
            WR_TRY(java_quoted(arena, pattern, &k, list));
            continue;
        }
        while (k < pattern.length && pattern.data[k] == letter && is_letter)
            k++;
        if (!is_letter) {
            push_literal(arena, list, pattern.data + from, 1);
            continue;
        }
        if (letter == 'S' && k - from <= 6) {
            wr_push(arena, list,
                    ((wr_date_piece){.what = EL_FRACTION, .digits = (int8_t)(k - from)}));
            continue;
        }
        size_t p = 0;
        while (p < WR_COUNT(java_letters) &&
               (java_letters[p].letter != letter ||
                (java_letters[p].count && (size_t)java_letters[p].count != k - from)))
            p++;
        if (p == WR_COUNT(java_letters))
            return wr_with_hint(
                wr_fail(WR_E_BAD_ARGUMENT, "unknown element \"%.*s\" of a date pattern",
                        (int)(k - from), pattern.data + from),
                "yyyy MM dd HH mm ss SSS a EEE; 'text' in quotes stands for itself; or %%-letters");
        wr_push(arena, list,
                ((wr_date_piece){.what = java_letters[p].what,
                                 .no_padding = java_letters[p].no_padding,
                                 .style = java_letters[p].what == EL_AMPM ? AS_UPPER : AS_TITLE}));
    }
    return WR_OK;
}
