/* zone.c - time zones from the system's compiled tables (TZif, RFC 8536). See clock.h.
 *
 * A zone is a list of moments, each with the offset that holds from there on, and a rule for the
 * time behind the last one. The rule is the POSIX text at the end of the file
 * ("CET-1CEST,M3.5.0,M10.5.0/3"). Zones are read once, never freed, and immutable afterwards, so
 * callers need no lock. Files are checked like any other input: every count and length before it is
 * used. */
#include "base/date.h"
#include "base/map.h"
#include "base/mem.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "sys/thread.h"
#include <stdlib.h>

enum { FILE_SIZE_MAX = 1 << 20, ABBREVIATION_MAX = 15, DAY = 86400 };

typedef struct local_type {
    int32_t offset; /* seconds east */
    char abbreviation[ABBREVIATION_MAX + 1];
} local_type;

typedef enum rule_kind { RULE_MONTH_WEEK, RULE_JULIAN, RULE_DAY } rule_kind;

/* When in a year a change happens: "M3.5.0/2", "J60" (never 29 February) or "59" (from 0). */
typedef struct change_rule {
    rule_kind kind;
    int month, week, weekday, day;
    int32_t seconds; /* of the local day; may be negative or beyond 24 hours */
} change_rule;

struct wr_zone {
    char *name;
    int count;
    int64_t *starts;     /* seconds since the epoch, ascending */
    uint8_t *start_type; /* index into types */
    int type_count;
    local_type *types; /* types[0] holds before the first start */
    bool has_rule, has_summer;
    local_type winter, summer;
    change_rule summer_begin, summer_end;
};

static const wr_zone utc = {.name = (char *)"UTC", .has_rule = true, .winter = {0, "UTC"}};

/* ---- the rule for the time behind the table */

static int64_t change_day(const change_rule *rule, int32_t year)
{
    int64_t new_year = wr_date_of(year, 1, 1);
    if (rule->kind == RULE_DAY) return new_year + rule->day;
    if (rule->kind == RULE_JULIAN)
        return new_year + rule->day - 1 + (rule->day >= 60 && wr_days_in_month(year, 2) == 29);
    int32_t first = wr_date_of(year, rule->month, 1);
    int day = (rule->weekday - wr_date_weekday(first) + 7) % 7 + (rule->week - 1) * 7;
    if (day >= wr_days_in_month(year, rule->month)) day -= 7; /* week 5 means the last one */
    return first + day;
}

static const local_type *by_rule(const wr_zone *zone, int64_t utc_seconds)
{
    if (!zone->has_summer) return &zone->winter;
    wr_civil civil;
    int64_t local = utc_seconds + zone->winter.offset;
    wr_ts_split(local * WR_USECS_PER_SEC, &civil);
    int64_t begin = change_day(&zone->summer_begin, civil.year) * DAY + zone->summer_begin.seconds -
                    zone->winter.offset;
    int64_t end = change_day(&zone->summer_end, civil.year) * DAY + zone->summer_end.seconds -
                  zone->summer.offset;
    bool is_summer = begin < end ? utc_seconds >= begin && utc_seconds < end
                                 : utc_seconds >= begin || utc_seconds < end;
    return is_summer ? &zone->summer : &zone->winter;
}

static const local_type *type_at(const wr_zone *zone, int64_t utc_us)
{
    int64_t seconds = utc_us / WR_USECS_PER_SEC - (utc_us % WR_USECS_PER_SEC < 0);
    if (zone->count == 0 || (seconds >= zone->starts[zone->count - 1] && zone->has_rule))
        return zone->has_rule ? by_rule(zone, seconds) : &zone->types[0];
    int low = 0, high = zone->count; /* the number of starts that are not later */
    while (low < high) {
        int middle = (low + high) / 2;
        if (zone->starts[middle] <= seconds)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? &zone->types[zone->start_type[low - 1]] : &zone->types[0];
}

/* The outermost years cannot be shifted or split; no zone has rules there. */
static bool is_finite(int64_t us)
{
    const int64_t margin = 400 * WR_USECS_PER_DAY;
    return us < WR_TS_INF - margin && us > WR_TS_NEG_INF + margin;
}

int32_t wr_zone_offset_at(const wr_zone *zone, int64_t utc_us)
{
    return is_finite(utc_us) ? type_at(zone, utc_us)->offset : 0;
}

const char *wr_zone_abbreviation(const wr_zone *zone, int64_t utc_us)
{
    return is_finite(utc_us) ? type_at(zone, utc_us)->abbreviation : "";
}

const char *wr_zone_name(const wr_zone *zone) { return zone->name; }

/* Tries the offsets of the day before and of the day after. In a gap neither fits and in a fold
 * both do; then the later moment is meant: the old offset in a gap, the new one in a fold. */
int64_t wr_zone_local_to_utc(const wr_zone *zone, int64_t local_us)
{
    if (!is_finite(local_us)) return local_us;
    int32_t before = wr_zone_offset_at(zone, local_us - WR_USECS_PER_DAY);
    int32_t after = wr_zone_offset_at(zone, local_us + WR_USECS_PER_DAY);
    int64_t with_before = local_us - before * WR_USECS_PER_SEC;
    int64_t with_after = local_us - after * WR_USECS_PER_SEC;
    bool before_fits = wr_zone_offset_at(zone, with_before) == before;
    bool after_fits = wr_zone_offset_at(zone, with_after) == after;
    if (before_fits != after_fits) return before_fits ? with_before : with_after;
    return WR_MAX(with_before, with_after);
}

/* ---- reading POSIX rules */

typedef struct cursor {
    const char *at, *end;
} cursor;

static bool take_char(cursor *c, char wanted)
{
    if (c->at == c->end || *c->at != wanted) return false;
    c->at++;
    return true;
}

static bool take_number(cursor *c, int max, int *out)
{
    const char *from = c->at;
    for (*out = 0; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++) {
        *out = *out * 10 + (*c->at - '0');
        if (*out > max) return false;
    }
    return c->at > from;
}

/* Takes [+-]hh[:mm[:ss]]. */
static bool take_seconds(cursor *c, int32_t *out)
{
    bool negative = take_char(c, '-');
    if (!negative) take_char(c, '+');
    int hours, minutes = 0, seconds = 0;
    if (!take_number(c, 167, &hours)) return false;
    if (take_char(c, ':') && !take_number(c, 59, &minutes)) return false;
    if (take_char(c, ':') && !take_number(c, 59, &seconds)) return false;
    *out = hours * 3600 + minutes * 60 + seconds;
    if (negative) *out = -*out;
    return true;
}

/* Takes "CET" or "<+0530>". */
static bool take_abbreviation(cursor *c, char *out)
{
    bool quoted = take_char(c, '<');
    int length = 0;
    for (; c->at < c->end && length < ABBREVIATION_MAX; c->at++) {
        bool is_letter = (*c->at | 32) >= 'a' && (*c->at | 32) <= 'z';
        if (quoted ? *c->at == '>' : !is_letter) break;
        out[length++] = *c->at;
    }
    out[length] = '\0';
    return length > 0 && (!quoted || take_char(c, '>'));
}

static bool take_change(cursor *c, change_rule *out)
{
    *out = (change_rule){.seconds = 2 * 3600};
    if (!take_char(c, ',')) return false;
    bool ok;
    if (take_char(c, 'M')) {
        ok = take_number(c, 12, &out->month) && take_char(c, '.') &&
             take_number(c, 5, &out->week) && take_char(c, '.') &&
             take_number(c, 6, &out->weekday) && out->month && out->week;
    } else {
        out->kind = take_char(c, 'J') ? RULE_JULIAN : RULE_DAY;
        ok = take_number(c, 365, &out->day);
    }
    return ok && (!take_char(c, '/') || take_seconds(c, &out->seconds));
}

static bool parse_rule(wr_str text, wr_zone *zone)
{
    cursor c = {text.data, text.data + text.length};
    int32_t west;
    if (!take_abbreviation(&c, zone->winter.abbreviation) || !take_seconds(&c, &west)) return false;
    zone->winter.offset = -west;
    if (c.at == c.end) return zone->has_rule = true;
    if (!take_abbreviation(&c, zone->summer.abbreviation)) return false;
    zone->summer.offset = zone->winter.offset + 3600;
    if (c.at < c.end && *c.at != ',') {
        if (!take_seconds(&c, &west)) return false;
        zone->summer.offset = -west;
    }
    if (!take_change(&c, &zone->summer_begin) || !take_change(&c, &zone->summer_end)) return false;
    zone->has_summer = true;
    return zone->has_rule = c.at == c.end;
}

/* ---- reading TZif */

static int64_t big_endian(const unsigned char *at, int size)
{
    uint64_t value = at[0] & 0x80 ? ~UINT64_C(0) : 0;
    for (int i = 0; i < size; i++)
        value = value << 8 | at[i];
    return (int64_t)value;
}

typedef struct tzif_header {
    char version;
    int64_t ut_count, std_count, leap_count, time_count, type_count, char_count;
} tzif_header;

enum { HEADER_SIZE = 44 };

static bool parse_header(const unsigned char *at, size_t size, tzif_header *out)
{
    if (size < HEADER_SIZE || memcmp(at, "TZif", 4) != 0) return false;
    int64_t counts[6];
    for (int i = 0; i < 6; i++) {
        counts[i] = big_endian(at + 20 + 4 * i, 4);
        if (counts[i] < 0 || counts[i] > FILE_SIZE_MAX) return false;
    }
    *out = (tzif_header){(char)at[4], counts[0], counts[1], counts[2],
                         counts[3],   counts[4], counts[5]};
    return true;
}

static size_t body_size(const tzif_header *h, int time_size)
{
    return (size_t)(h->time_count * (time_size + 1) + h->type_count * 6 + h->char_count +
                    h->leap_count * (time_size + 4) + h->std_count + h->ut_count);
}

static bool parse_types(const unsigned char *at, const tzif_header *h, wr_zone *zone)
{
    const char *names = (const char *)at + h->type_count * 6;
    zone->type_count = (int)h->type_count;
    zone->types = wr_heap_new((size_t)h->type_count * sizeof *zone->types);
    for (int i = 0; i < zone->type_count; i++, at += 6) {
        zone->types[i].offset = (int32_t)big_endian(at, 4);
        if (at[5] >= h->char_count || labs(zone->types[i].offset) > 2 * DAY) return false;
        size_t length = strnlen(names + at[5], (size_t)h->char_count - at[5]);
        if (length > ABBREVIATION_MAX) length = ABBREVIATION_MAX;
        memcpy(zone->types[i].abbreviation, names + at[5], length);
    }
    return true;
}

static bool parse_starts(const unsigned char *at, const tzif_header *h, int time_size,
                         wr_zone *zone)
{
    const unsigned char *types = at + h->time_count * time_size;
    zone->count = (int)h->time_count;
    zone->starts = wr_heap_new((size_t)h->time_count * sizeof *zone->starts);
    zone->start_type = (uint8_t *)wr_heap_copy((const char *)types, (size_t)h->time_count);
    for (int i = 0; i < zone->count; i++) {
        zone->starts[i] = big_endian(at + i * time_size, time_size);
        bool ascends = i == 0 || zone->starts[i] > zone->starts[i - 1];
        if (!ascends || types[i] >= h->type_count) return false;
    }
    return true;
}

static bool parse_tzif(const unsigned char *bytes, size_t size, wr_zone *zone)
{
    tzif_header h;
    int time_size = 4;
    if (!parse_header(bytes, size, &h)) return false;
    if (h.version >= '2') { /* the same again with 64-bit times */
        size_t skip = HEADER_SIZE + body_size(&h, 4);
        if (skip > size || !parse_header(bytes + skip, size - skip, &h)) return false;
        bytes += skip, size -= skip;
        time_size = 8;
    }
    size_t body = body_size(&h, time_size);
    if (h.type_count < 1 || h.type_count > 255 || h.char_count < 1 || body > size - HEADER_SIZE)
        return false;
    const unsigned char *at = bytes + HEADER_SIZE;
    if (!parse_starts(at, &h, time_size, zone)) return false;
    if (!parse_types(at + h.time_count * (time_size + 1), &h, zone)) return false;
    const char *footer = (const char *)at + body, *end = (const char *)bytes + size;
    if (time_size == 4 || end - footer < 3 || *footer != '\n') return true;
    const char *newline = memchr(footer + 1, '\n', (size_t)(end - footer - 1));
    if (!newline) return false;
    return newline == footer + 1 ||
           parse_rule((wr_str){footer + 1, (size_t)(newline - footer - 1)}, zone);
}

/* ---- finding zones by name */

static wr_mutex cache_lock = WR_MUTEX_INIT;
static wr_map cache = {.ignore_case = true}; /* name -> zone; guarded by cache_lock */

static void drop_zone(wr_zone *zone)
{
    wr_heap_drop(zone->name);
    wr_heap_drop(zone->starts);
    wr_heap_drop(zone->start_type);
    wr_heap_drop(zone->types);
    wr_heap_drop(zone);
}
WR_DEFINE_CLEANUP(wr_zone, drop_zone)

static weir_status unknown(wr_str name)
{
    weir_status s =
        wr_fail(WR_E_BAD_DATETIME, "time zone \"%.*s\" is not known", WR_STR_ARGS(name));
    return wr_with_hint(s, "use a name such as Europe/Berlin, or an offset such as +02:00");
}

/* Zone names are paths below the zone folder, so nothing that leads out of it may pass. */
static bool is_plausible(wr_str name)
{
    if (name.length == 0 || name.length > 64 || name.data[0] == '/') return false;
    for (size_t i = 0; i < name.length; i++) {
        char c = name.data[i];
        bool ok = ((c | 32) >= 'a' && (c | 32) <= 'z') || (c >= '0' && c <= '9') || c == '/' ||
                  c == '_' || c == '-' || c == '+';
        if (!ok) return false;
    }
    return true;
}

/* Finds the spelling of name in the folder, whose names are case-sensitive. False if there is none.
 */
static bool correct_case(wr_str root, wr_str name, wr_arena *arena, wr_str *out)
{
    wr_str path = root;
    while (name.length) {
        const char *slash = memchr(name.data, '/', name.length);
        wr_str part = {name.data, slash ? (size_t)(slash - name.data) : name.length};
        wr_path_list list;
        weir_status s = wr_fs_list(wr_fs_real(), path, arena, &list);
        bool found = false;
        for (int i = 0; !s && i < list.count && !found; i++) {
            found = wr_str_ieq(list.paths[i], part);
            if (found)
                path = wr_arena_printf(arena, "%.*s/%s", WR_STR_ARGS(path), list.paths[i].data);
        }
        wr_status_drop(s);
        if (!found) return false;
        size_t used = part.length + (slash != NULL);
        name = (wr_str){name.data + used, name.length - used};
    }
    *out = path;
    return true;
}

static weir_status read_zone_file(wr_str path, wr_arena *arena, wr_str *out)
{
    WR_AUTO(wr_file) *file = NULL;
    wr_file_stat stat;
    WR_TRY(wr_file_open(wr_fs_real(), path, WR_FILE_READ, &file));
    WR_TRY(wr_file_stat_of(file, &stat));
    if (stat.size > FILE_SIZE_MAX)
        return wr_fail(WR_E_CORRUPT, "\"%.*s\" is no time zone file", WR_STR_ARGS(path));
    char *bytes = wr_arena_alloc(arena, stat.size);
    WR_TRY(wr_file_read_exact(file, 0, bytes, stat.size));
    *out = (wr_str){bytes, stat.size};
    return WR_OK;
}

static bool is_file(wr_str path)
{
    wr_file_stat stat = {0};
    wr_status_drop(wr_fs_stat(wr_fs_real(), path, &stat));
    return stat.is_regular;
}

static weir_status load_zone(wr_str name, wr_zone **out)
{
    WR_ARENA(arena);
    const char *set = getenv("TZDIR");
    wr_str root = wr_str_of(set && *set ? set : "/usr/share/zoneinfo"), path, bytes = {0};
    if (!is_plausible(name)) return unknown(name);
    path = wr_arena_printf(&arena, "%.*s/%.*s", WR_STR_ARGS(root), WR_STR_ARGS(name));
    if (!is_file(path) && !(correct_case(root, name, &arena, &path) && is_file(path)))
        return unknown(name);
    weir_status s = read_zone_file(path, &arena, &bytes);
    if (s) return wr_wrap(s, "reading time zone \"%.*s\"", WR_STR_ARGS(name));
    WR_AUTO(wr_zone) *zone = wr_heap_new(sizeof *zone);
    zone->name = wr_heap_copy(path.data + root.length + 1, path.length - root.length - 1);
    if (!parse_tzif((const unsigned char *)bytes.data, bytes.length, zone))
        return wr_fail(WR_E_CORRUPT, "\"%.*s\" is no time zone file", WR_STR_ARGS(path));
    *out = WR_TAKE(zone);
    return WR_OK;
}

static wr_zone *fixed_zone(wr_str name, int32_t offset)
{
    wr_zone *zone = wr_heap_new(sizeof *zone);
    zone->name = wr_heap_copy(name.data, name.length);
    zone->has_rule = true;
    zone->winter.offset = offset;
    memcpy(zone->winter.abbreviation, name.data, WR_MIN(name.length, (size_t)ABBREVIATION_MAX));
    return zone;
}

/* Reads "+02:00", "-5", "+0530" and the abbreviations PostgreSQL knows that name no file. */
static bool fixed_offset(wr_str name, int32_t *out)
{
    static const struct {
        const char *name;
        int hours;
    } known[] = {{"EDT", -4},  {"CDT", -5},  {"MDT", -6},  {"PST", -8},  {"PDT", -7}, {"CST", -6},
                 {"CEST", 2},  {"EEST", 3},  {"WEST", 1},  {"BST", 1},   {"JST", 9},  {"KST", 9},
                 {"AEST", 10}, {"AEDT", 11}, {"NZST", 12}, {"NZDT", 13}, {"MSK", 3},  {"SGT", 8}};
    for (size_t i = 0; i < WR_COUNT(known); i++) {
        if (!wr_str_is(name, known[i].name)) continue;
        *out = known[i].hours * 3600;
        return true;
    }
    if (name.length < 2 || (name.data[0] != '+' && name.data[0] != '-')) return false;
    cursor c = {name.data + 1, name.data + name.length};
    int hours, minutes = 0, seconds = 0;
    if (!take_number(&c, 2359, &hours)) return false;
    if (c.at - name.data > 3)
        minutes = hours % 100, hours /= 100;
    else if (take_char(&c, ':') && !take_number(&c, 59, &minutes))
        return false;
    if (take_char(&c, ':') && !take_number(&c, 59, &seconds)) return false;
    if (c.at != c.end || hours > 15 || minutes > 59) return false;
    *out = (hours * 3600 + minutes * 60 + seconds) * (name.data[0] == '-' ? -1 : 1);
    return true;
}

static weir_status find_locked(wr_str name, const wr_zone **out)
{
    enum { CACHED_MAX = 4096 }; /* offsets are made up by queries; do not keep them without bound */
    wr_zone *zone = wr_map_get(&cache, name);
    int32_t offset;
    if (!zone) {
        bool is_fixed = fixed_offset(name, &offset);
        if (cache.count >= CACHED_MAX)
            return wr_fail(WR_E_TOO_BIG, "more than %d time zones are in use", CACHED_MAX);
        if (!is_fixed) WR_TRY(load_zone(name, &zone));
        if (is_fixed) zone = fixed_zone(name, offset);
        wr_map_put(&cache, wr_str_of(zone->name), zone);
    }
    *out = zone;
    return WR_OK;
}

weir_status wr_zone_find(wr_str name, const wr_zone **out)
{
    *out = &utc;
    name = wr_str_trim(name);
    if (wr_str_is(name, "UTC") || wr_str_is(name, "Z") || wr_str_is(name, "GMT")) return WR_OK;
    wr_mutex_lock(&cache_lock);
    weir_status s = find_locked(name, out);
    wr_mutex_unlock(&cache_lock);
    return s;
}
