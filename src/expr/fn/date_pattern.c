/* date_pattern.c - the two languages that patterns of dates are written in: strftime's %-letters,
 * and the keywords of PostgreSQL's to_char (longest first), where "quoted" text is taken as it is.
 *
 * Both name the same elements, so one writer and one reader (date_format.c) serve both. */
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
