/* guess.c - see guess.h. By elimination: every value removes the types it does not fit. What would
 * lose information (leading zeros, integers beyond a double's 53 bits among decimals) stays text.
 * So do dates like 5/6/2024 as long as no value tells days from months: a format is one more type
 * that the values remove, and two that are left are one too many. */
#include "fmt/guess.h"

enum {
    M_BOOLEAN = 1,
    M_BIGINT = 2,
    M_HUGEINT = 4,
    M_DOUBLE = 8,
    M_DATE = 16,
    M_TIMESTAMP = 32,
    M_TIMESTAMPTZ = 64,
    M_TIME = 128,
    M_FORMAT = 256 /* the first of moment_formats */
};

/* Ways to write a date beside ISO 8601, alone and with a time. Dots mean day, month, year. */
static const struct {
    char separator;
    bool is_year_first;
    const char *pattern[3]; /* date, with seconds, with minutes */
} moment_formats[] = {
    {'.', false, {"%d.%m.%Y", "%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M"}},
    {'/', false, {"%d/%m/%Y", "%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M"}},
    {'/', false, {"%m/%d/%Y", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M"}},
    {'-', false, {"%d-%m-%Y", "%d-%m-%Y %H:%M:%S", "%d-%m-%Y %H:%M"}},
    {'-', false, {"%m-%d-%Y", "%m-%d-%Y %H:%M:%S", "%m-%d-%Y %H:%M"}},
    {'/', true, {"%Y/%m/%d", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M"}},
};

static int number_mask(wr_str text, char separator)
{
    size_t i = 0, digits = 0, fraction = 0;
    if (text.data[0] == '-') i++;
    size_t begin = i;
    while (i < text.length && text.data[i] >= '0' && text.data[i] <= '9')
        i++, digits++;
    if (digits > 1 && text.data[begin] == '0') return 0;
    if (i == text.length && digits > 0) {
        wr_i128 wide;
        int64_t narrow;
        if (wr_i64_read(text, &narrow, NULL))
            return M_BIGINT | M_HUGEINT | (digits <= 15 ? M_DOUBLE : 0);
        return wr_i128_read(text, &wide, NULL) && digits <= 38 ? M_HUGEINT : 0;
    }
    if (i < text.length && text.data[i] == separator)
        for (i++; i < text.length && text.data[i] >= '0' && text.data[i] <= '9';)
            i++, fraction++;
    if (digits + fraction == 0) return 0;
    if (i < text.length && (text.data[i] | 0x20) == 'e') {
        size_t exponent = 0;
        if (++i < text.length && (text.data[i] == '+' || text.data[i] == '-')) i++;
        while (i < text.length && text.data[i] >= '0' && text.data[i] <= '9')
            i++, exponent++;
        if (exponent == 0) return 0;
    }
    return i == text.length ? M_DOUBLE : 0;
}

/* Digits stand for digits: "dddd-dd-dd". */
static bool has_shape(wr_str text, const char *shape)
{
    size_t i = 0;
    for (; shape[i]; i++) {
        if (i >= text.length) return false;
        bool is_digit = text.data[i] >= '0' && text.data[i] <= '9';
        if (shape[i] == 'd' ? !is_digit : text.data[i] != shape[i]) return false;
    }
    return true;
}

static size_t digits_at(wr_str text, size_t from)
{
    size_t i = from;
    while (i < text.length && text.data[i] >= '0' && text.data[i] <= '9')
        i++;
    return i - from;
}

/* Length of "2024-2-9" at the start of text, 0 if there is no such thing. */
static size_t iso_date_length(wr_str text)
{
    size_t i = digits_at(text, 0), month, day;
    if (i != 4 || i == text.length || text.data[i++] != '-') return 0;
    month = digits_at(text, i);
    i += month;
    if (month < 1 || month > 2 || i == text.length || text.data[i++] != '-') return 0;
    day = digits_at(text, i);
    return day >= 1 && day <= 2 ? i + day : 0;
}

static int iso_mask(wr_str text, size_t date_length)
{
    int64_t us;
    int32_t days;
    bool has_zone = false;
    wr_str zone = {0};
    if (text.length == date_length)
        return wr_date_read(text, &days, NULL) ? M_DATE | M_TIMESTAMP | M_TIMESTAMPTZ : 0;
    bool has_time = text.length >= date_length + 6 &&
                    (text.data[date_length] == ' ' || text.data[date_length] == 'T');
    if (!has_time || !wr_ts_read(text, &us, &has_zone, &zone, NULL)) return 0;
    if (!has_zone) return M_TIMESTAMP | M_TIMESTAMPTZ;
    /* a zone may have a name; it must be one that the reader knows */
    return wr_cell_read(NULL, wr_type_of(WR_T_TIMESTAMPTZ), text, &us) ? M_TIMESTAMPTZ : 0;
}

/* Bits of moment_formats: three per row. */
static int format_mask(wr_str text)
{
    size_t first = digits_at(text, 0), second, third;
    if (first == 0 || first == text.length) return 0;
    char separator = text.data[first];
    second = digits_at(text, first + 1);
    size_t at = first + 1 + second;
    if (second < 1 || second > 2 || at >= text.length || text.data[at] != separator) return 0;
    third = digits_at(text, at + 1);
    at += 1 + third;
    bool is_year_first = first == 4 && third >= 1 && third <= 2;
    if (!is_year_first && (first > 2 || third != 4)) return 0;
    int column = at == text.length ? 0 : digits_at(text, text.length - 2) == 2 ? 1 : -1;
    if (column == 1) {
        int colons = 0;
        for (size_t i = at; i < text.length; i++)
            colons += text.data[i] == ':';
        column = colons == 2 ? 1 : 2;
    }
    int mask = 0;
    int64_t us;
    for (int i = 0; column >= 0 && i < (int)WR_COUNT(moment_formats); i++)
        if (moment_formats[i].separator == separator &&
            moment_formats[i].is_year_first == is_year_first &&
            wr_cell_strptime(wr_str_of(moment_formats[i].pattern[column]), text, &us))
            mask |= M_FORMAT << (3 * i + column);
    return mask;
}

static int moment_mask(const wr_cell_rules *rules, wr_str text)
{
    int64_t us;
    int mask = 0;
    if (rules->date_format.length && wr_cell_strptime(rules->date_format, text, &us))
        mask |= M_DATE;
    if (rules->timestamp_format.length && wr_cell_strptime(rules->timestamp_format, text, &us))
        mask |= M_TIMESTAMP;
    if (mask) return mask;
    if (!rules->date_format.length && !rules->timestamp_format.length) {
        size_t iso = iso_date_length(text);
        mask = iso ? iso_mask(text, iso) : format_mask(text);
        if (mask || iso) return mask;
    }
    if (has_shape(text, "dd:dd:dd") && (text.length == 8 || text.data[8] == '.'))
        return wr_time_read(text, &us, NULL) ? M_TIME : 0;
    return 0;
}

int wr_guess_cell(const wr_cell_rules *rules, wr_str text)
{
    text = wr_str_trim(text);
    if (text.length == 0 || text.length > 64) return 0;
    if (wr_str_is(text, "true") || wr_str_is(text, "false")) return M_BOOLEAN;
    int mask = number_mask(text, rules->decimal_separator);
    return mask ? mask : moment_mask(rules, text);
}

const wr_type *wr_guessed_type(int mask, wr_str *format)
{
    static const struct {
        int bit;
        wr_type_id id;
    } order[] = {{M_BIGINT, WR_T_BIGINT},       {M_HUGEINT, WR_T_HUGEINT},
                 {M_DOUBLE, WR_T_DOUBLE},       {M_BOOLEAN, WR_T_BOOLEAN},
                 {M_DATE, WR_T_DATE},           {M_TIME, WR_T_TIME},
                 {M_TIMESTAMP, WR_T_TIMESTAMP}, {M_TIMESTAMPTZ, WR_T_TIMESTAMPTZ}};
    *format = (wr_str){0};
    if (mask == WR_GUESS_ANY) return WR_VARCHAR; /* nothing but NULLs */
    for (size_t i = 0; i < WR_COUNT(order); i++)
        if (mask & order[i].bit) return wr_type_of(order[i].id);
    unsigned formats = (unsigned)mask / M_FORMAT;
    if (formats == 0 || (formats & (formats - 1)) != 0) return WR_VARCHAR;
    int only = __builtin_ctz(formats);
    *format = wr_str_of(moment_formats[only / 3].pattern[only % 3]);
    return wr_type_of(only % 3 == 0 ? WR_T_DATE : WR_T_TIMESTAMP);
}
