/* settings.c - SET, RESET and SHOW of one value; rows are in settings.def.
 *
 * Values are kept as the text the user gave, after it was checked, so SHOW answers what was said. A
 * few settings do something the moment they change (time zone, search path, memory limit); the
 * others are read when a statement starts. */
#include "session/session.h"
#include "store/state.h"
#include <ctype.h>

const wr_setting_row wr_setting_rows[WR_SETTING_COUNT] = {
#define X(id, name, kind, fallback, help) {name, kind, fallback, help},
#include "session/settings.def"
#undef X
};

/* PostgreSQL settings that clients send by habit and whose only possible value in weir is the one
 * given. */
static const char *const fixed[][2] = {
    {"client_encoding", "UTF8"},
    {"server_encoding", "UTF8"},
    {"standard_conforming_strings", "on"},
    {"DateStyle", "ISO, MDY"},
    {"IntervalStyle", "postgres"},
    {"integer_datetimes", "on"},
    {"transaction_isolation", "repeatable read"},
    {"default_transaction_isolation", "repeatable read"},
    {"server_version", "15.0"},
    {"extra_float_digits", "1"},
    {"bytea_output", "hex"},
    {"default_null_order", "nulls_last"},
    {"preserve_insertion_order", "true"},
};

static wr_str first_name(const char *names)
{
    const char *bar = strchr(names, '|');
    return bar ? (wr_str){names, (size_t)(bar - names)} : wr_str_of(names);
}

static bool has_name(const char *names, wr_str wanted)
{
    while (*names) {
        wr_str one = first_name(names);
        if (wr_str_ieq(one, wanted)) return true;
        names += one.length + (names[one.length] == '|');
    }
    return false;
}

static int find_setting(wr_str name)
{
    for (int i = 0; i < WR_SETTING_COUNT; i++)
        if (has_name(wr_setting_rows[i].name, name)) return i;
    return -1;
}

static const char *const *find_fixed(wr_str name)
{
    for (size_t i = 0; i < WR_COUNT(fixed); i++)
        if (wr_str_is(name, fixed[i][0])) return fixed[i];
    return NULL;
}

static weir_status unknown(wr_str name, wr_span span)
{
    wr_nearest nearest = {.wanted = name};
    for (int i = 0; i < WR_SETTING_COUNT; i++)
        wr_nearest_offer(&nearest, first_name(wr_setting_rows[i].name));
    weir_status bad =
        wr_fail_at(WR_E_UNKNOWN_OPTION, span, "no setting \"%.*s\"", WR_STR_ARGS(name));
    bad = wr_with_nearest(bad, &nearest);
    return nearest.count ? bad : wr_with_fix(bad, "SHOW ALL");
}

/* "512MB", "1.5 GiB", "10s" -> number in the smallest unit; false if malformed. units: name and
 * factor pairs. */
typedef struct unit {
    const char *name;
    double factor;
} unit;
static const unit size_units[] = {
    {"", 1},       {"b", 1},        {"kb", 1e3},     {"mb", 1e6},     {"gb", 1e9},
    {"tb", 1e12},  {"kib", 0x1p10}, {"mib", 0x1p20}, {"gib", 0x1p30}, {"tib", 0x1p40},
    {"k", 0x1p10}, {"m", 0x1p20},   {"g", 0x1p30},   {NULL, 0}};
static const unit time_units[] = {{"", 1},        {"ms", 1},       {"s", 1000},
                                  {"sec", 1000},  {"min", 60000},  {"m", 60000},
                                  {"h", 3600000}, {"d", 86400000}, {NULL, 0}};

static bool read_with_unit(wr_str text, const unit *units, int64_t *out)
{
    text = wr_str_trim(text);
    size_t digits = 0;
    while (digits < text.length &&
           (isdigit((unsigned char)text.data[digits]) || text.data[digits] == '.'))
        digits++;
    double number;
    if (!digits || !wr_f64_read((wr_str){text.data, digits}, &number)) return false;
    wr_str name = wr_str_trim((wr_str){text.data + digits, text.length - digits});
    for (; units->name; units++) {
        if (!wr_str_is(name, units->name)) continue;
        double value = number * units->factor;
        if (value > 9e18) return false;
        *out = (int64_t)value;
        return true;
    }
    return false;
}

static bool read_bool(wr_str text, bool *out)
{
    static const char *const words[] = {"off", "on", "false", "true", "0", "1", "no", "yes"};
    for (size_t i = 0; i < WR_COUNT(words); i++) {
        if (!wr_str_is(text, words[i])) continue;
        *out = i & 1;
        return true;
    }
    return false;
}

static bool value_fits(const wr_setting_row *row, wr_str value)
{
    int64_t number;
    bool truth;
    if (strcmp(row->kind, "text") == 0) return true;
    if (strcmp(row->kind, "bool") == 0) return read_bool(value, &truth);
    if (strcmp(row->kind, "int") == 0)
        return wr_i64_read(value, &number, NULL) && number >= 0 && number <= 1024;
    if (strcmp(row->kind, "size") == 0)
        return value.length == 0 || read_with_unit(value, size_units, &number);
    if (strcmp(row->kind, "duration") == 0) return read_with_unit(value, time_units, &number);
    return has_name(row->kind, value);
}

int64_t wr_session_int(const weir_session *session, wr_setting_id id)
{
    wr_str value = wr_session_text(session, id);
    const char *kind = wr_setting_rows[id].kind;
    int64_t number = 0;
    bool truth = false;
    if (strcmp(kind, "bool") == 0) return read_bool(value, &truth) && truth;
    if (strcmp(kind, "int") == 0) return wr_i64_read(value, &number, NULL) ? number : 0;
    return read_with_unit(value, strcmp(kind, "duration") == 0 ? time_units : size_units, &number)
               ? number
               : 0;
}

wr_str wr_session_text(const weir_session *session, wr_setting_id id)
{
    return wr_str_of(session->settings[id] ? session->settings[id] : wr_setting_rows[id].fallback);
}

static weir_status set_search_path(weir_session *session, wr_str value, wr_span span)
{
    wr_catalog_view view;
    wr_session_view(session, &view);
    WR_ARENA(arena);
    WR_LIST(wr_str) path = {0};
    while (value.length) {
        const char *comma = memchr(value.data, ',', value.length);
        wr_str one =
            wr_str_trim((wr_str){value.data, comma ? (size_t)(comma - value.data) : value.length});
        if (one.length > 1 && one.data[0] == '"') one = (wr_str){one.data + 1, one.length - 2};
        size_t used = comma ? (size_t)(comma - value.data) + 1 : value.length;
        value = (wr_str){value.data + used, value.length - used};
        if (!one.length || wr_str_is(one, "$user") || wr_str_is(one, "pg_catalog")) continue;
        if (!wr_catalog_has_schema(&view, one))
            return wr_fail_at(WR_E_UNKNOWN_SCHEMA, span, "there is no schema \"%.*s\"",
                              WR_STR_ARGS(one));
        wr_push(&arena, &path, wr_str_is(one, "public") ? WR_STR("main") : one);
    }
    wr_arena old = session->path_arena;
    session->path_arena = (wr_arena){0};
    session->search_path = wr_new_array(&session->path_arena, wr_str, WR_MAX(path.count, 1));
    for (int i = 0; i < path.count; i++)
        session->search_path[i] = wr_arena_str(&session->path_arena, path.items[i]);
    session->search_path_count = path.count;
    wr_arena_clear(&old);
    return WR_OK;
}

static weir_status take_effect(weir_session *session, wr_setting_id id, wr_str value, wr_span span)
{
    switch (id) {
    case WR_SET_TIMEZONE:
        return wr_with_span(wr_zone_find(value, &session->zone), span);
    case WR_SET_SEARCH_PATH:
        return set_search_path(session, value, span);
    default:
        return WR_OK;
    }
}

/* What all sessions of an engine share. */
static bool is_engine_wide(int id)
{
    return id == WR_SET_MEMORY_LIMIT || id == WR_SET_FILE_CACHE_SIZE;
}

/* Where the engine keeps the text of what its sessions share; its lock is held. */
static char **shared_text(weir_engine *engine, int id)
{
    return id == WR_SET_MEMORY_LIMIT ? &engine->memory_text : &engine->cache_text;
}

/* An empty value: as opened. */
static void set_shared(weir_engine *engine, int id, wr_str value)
{
    int64_t bytes = 0;
    bool given = value.length && read_with_unit(value, size_units, &bytes);
    wr_mutex_lock(&engine->lock);
    char **text = shared_text(engine, id);
    wr_heap_drop(*text);
    *text = given ? wr_heap_copy(value.data, value.length) : NULL;
    if (id == WR_SET_MEMORY_LIMIT)
        wr_mem_set_limit(engine->mem, given ? (uint64_t)bytes : engine->memory_limit);
    if (!engine->cache_text)
        wr_file_cache_set_limit(engine->cache, wr_mem_limit(engine->mem) / WR_FILE_CACHE_PART);
    else if (id == WR_SET_FILE_CACHE_SIZE)
        wr_file_cache_set_limit(engine->cache, (uint64_t)bytes);
    wr_mutex_unlock(&engine->lock);
}

static weir_status check_scope(weir_session *session, wr_set_scope scope, int id, wr_str value,
                               wr_span span)
{
    wr_str name = first_name(wr_setting_rows[id].name);
    if (!is_engine_wide(id)) {
        if (scope != WR_SET_GLOBAL) return WR_OK;
        return wr_with_hint(wr_fail_at(WR_E_UNSUPPORTED, span,
                                       "%.*s is a setting of the session, it has no global value",
                                       WR_STR_ARGS(name)),
                            "SET without GLOBAL changes it for this session");
    }
    wr_mutex_lock(&session->engine->lock);
    bool alone = session->engine->session_count <= 1;
    wr_mutex_unlock(&session->engine->lock);
    if (scope == WR_SET_GLOBAL || (scope == WR_SET_UNSAID && alone)) return WR_OK;
    WR_BUF(fix);
    wr_buf_printf(&fix, "SET GLOBAL %.*s = '%.*s'", WR_STR_ARGS(name), WR_STR_ARGS(value));
    return wr_with_fix(wr_fail_at(WR_E_PARAMETER_VALUE, span,
                                  "%.*s is shared by all sessions and changes for all of them",
                                  WR_STR_ARGS(name)),
                       "%s", fix.data);
}

weir_status wr_session_set(weir_session *session, wr_str name, wr_str value, wr_span span)
{
    return wr_session_set_scoped(session, WR_SET_UNSAID, name, value, span);
}

/* Remembers what a setting was before the first SET LOCAL of the transaction. */
static void keep_for_end(weir_session *session, int id)
{
    for (int i = 0; i < session->local_count; i++)
        if (session->local[i].id == id) return;
    const char *text = session->settings[id];
    session->local[session->local_count].id = id;
    session->local[session->local_count++].text = text ? wr_heap_copy(text, strlen(text)) : NULL;
}

void wr_session_end_local(weir_session *session)
{
    while (session->local_count) {
        int id = session->local[--session->local_count].id;
        char *text = session->local[session->local_count].text;
        wr_str value = wr_str_of(text ? text : wr_setting_rows[id].fallback);
        /* It held before; a search path whose schema went away is kept as the text it was. */
        wr_status_drop(take_effect(session, (wr_setting_id)id, value, (wr_span){0}));
        wr_heap_drop(session->settings[id]);
        session->settings[id] = text;
    }
}

weir_status wr_session_set_scoped(weir_session *session, wr_set_scope scope, wr_str name,
                                  wr_str value, wr_span span)
{
    int id = find_setting(name);
    const char *const *constant = find_fixed(name);
    if (constant) {
        if (wr_str_is(value, constant[1]) || wr_str_is(value, "default")) return WR_OK;
        if (wr_str_is(name, "client_encoding") && wr_str_is(value, "UTF-8")) return WR_OK;
        return wr_fail_at(WR_E_PARAMETER_VALUE, span, "%s is always '%s' in weir", constant[0],
                          constant[1]);
    }
    if (id < 0) return unknown(name, span);
    const wr_setting_row *row = &wr_setting_rows[id];
    if (!value_fits(row, value)) {
        weir_status bad = wr_fail_at(WR_E_PARAMETER_VALUE, span, "setting %.*s cannot be '%.*s'",
                                     WR_STR_ARGS(first_name(row->name)), WR_STR_ARGS(value));
        if (strchr(row->kind, '|')) return wr_with_hint(bad, "one of: %s", row->kind);
        return wr_with_hint(bad,
                            strcmp(row->kind, "size") == 0       ? "a size such as 512MB or 2GiB"
                            : strcmp(row->kind, "duration") == 0 ? "a duration such as 30s or 500ms"
                            : strcmp(row->kind, "bool") == 0     ? "on or off"
                                                                 : "a whole number from 0 to 1024");
    }
    int64_t bytes;
    if (id == WR_SET_WORK_MEM && read_with_unit(value, size_units, &bytes) && bytes > 0 &&
        bytes < WR_WORK_MEM_MIN)
        return wr_with_fix(
            wr_with_hint(wr_fail_at(WR_E_PARAMETER_VALUE, span,
                                    "setting work_mem cannot be '%.*s': that is too little to "
                                    "work in, even with temporary files",
                                    WR_STR_ARGS(value)),
                         "it holds for a whole query, not for one sort of it"),
            "SET work_mem = '%d MB'", WR_WORK_MEM_MIN / 1000000);
    WR_TRY(check_scope(session, scope, id, value, span));
    if (is_engine_wide(id)) {
        set_shared(session->engine, id, value);
        return WR_OK;
    }
    /* Outside of a block the transaction ends with this statement, and so would the change. */
    if (scope == WR_SET_LOCAL && !session->in_block) return WR_OK;
    WR_TRY(take_effect(session, (wr_setting_id)id, value, span));
    if (scope == WR_SET_LOCAL) keep_for_end(session, id);
    wr_heap_drop(session->settings[id]);
    session->settings[id] = wr_heap_copy(value.data, value.length);
    return WR_OK;
}

weir_status wr_session_reset(weir_session *session, wr_str name, wr_span span)
{
    int only = name.length ? find_setting(name) : -1;
    if (name.length && only < 0) return find_fixed(name) ? WR_OK : unknown(name, span);
    for (int id = 0; id < WR_SETTING_COUNT; id++) {
        if (only >= 0 && id != only) continue;
        if (is_engine_wide(id)) { /* RESET ALL is about the session */
            if (only < 0) continue;
            WR_TRY(check_scope(session, WR_SET_UNSAID, id, WR_STR(""), span));
            set_shared(session->engine, id, WR_STR(""));
            continue;
        }
        WR_TRY(
            take_effect(session, (wr_setting_id)id, wr_str_of(wr_setting_rows[id].fallback), span));
        wr_heap_drop(session->settings[id]);
        session->settings[id] = NULL;
    }
    return WR_OK;
}

/* What SHOW prints: settings that stand for "as the machine has it" show what that is. */
static wr_str effective(weir_session *session, int id, wr_arena *arena)
{
    wr_str value = wr_session_text(session, (wr_setting_id)id);
    if (id == WR_SET_THREADS && wr_str_is(value, "0"))
        return wr_arena_printf(arena, "%d", session->engine->thread_count);
    if (id == WR_SET_STREAM_STATE) return wr_state_place_shown(arena, value);
    if (!is_engine_wide(id)) return value;
    wr_mutex_lock(&session->engine->lock);
    const char *text = *shared_text(session->engine, id);
    uint64_t bytes = wr_mem_limit(session->engine->mem);
    if (id == WR_SET_FILE_CACHE_SIZE) bytes /= WR_FILE_CACHE_PART;
    value = text ? wr_arena_str(arena, wr_str_of(text))
                 : wr_arena_printf(arena, "%.1fGiB", (double)bytes / 0x1p30);
    wr_mutex_unlock(&session->engine->lock);
    return value;
}

weir_status wr_session_get(weir_session *session, wr_str name, wr_span span, wr_arena *arena,
                           wr_str *out)
{
    int id = find_setting(name);
    const char *const *constant = find_fixed(name);
    if (id < 0 && !constant) return unknown(name, span);
    *out = constant ? wr_str_of(constant[1]) : wr_arena_str(arena, effective(session, id, arena));
    return WR_OK;
}

void wr_session_clear_settings(weir_session *session)
{
    wr_session_end_local(session);
    for (int id = 0; id < WR_SETTING_COUNT; id++)
        wr_heap_drop(session->settings[id]);
}

int wr_session_settings(void *owner, wr_arena *arena, wr_setting_text **out)
{
    weir_session *session = owner;
    wr_setting_text *rows =
        wr_new_array(arena, wr_setting_text, WR_SETTING_COUNT + WR_COUNT(fixed));
    int count = 0;
    for (int id = 0; id < WR_SETTING_COUNT; id++) {
        const wr_setting_row *row = &wr_setting_rows[id];
        wr_str value = wr_arena_str(arena, effective(session, id, arena));
        bool is_set = is_engine_wide(id) ? *shared_text(session->engine, id) != NULL
                                         : session->settings[id] != NULL;
        rows[count++] =
            (wr_setting_text){.name = first_name(row->name),
                              .value = value,
                              .fallback = wr_str_of(row->fallback),
                              .help = wr_str_of(row->help),
                              .kind = wr_str_of(row->kind),
                              .scope = is_engine_wide(id) ? WR_STR("engine") : WR_STR("session"),
                              .is_set = is_set};
    }
    for (size_t i = 0; i < WR_COUNT(fixed); i++)
        rows[count++] = (wr_setting_text){.name = wr_str_of(fixed[i][0]),
                                          .value = wr_str_of(fixed[i][1]),
                                          .fallback = wr_str_of(fixed[i][1]),
                                          .help = WR_STR("always this value"),
                                          .kind = WR_STR("text"),
                                          .scope = WR_STR("fixed")};
    *out = rows;
    return count;
}

void wr_settings_list(weir_session *session, weir_query *query)
{
    static const char *const columns[] = {"name", "setting", "description"};
    wr_text_columns(query, columns, 3);
    wr_setting_text *rows;
    int count = wr_session_settings(session, &query->arena, &rows);
    for (int i = 0; i < count; i++) {
        wr_str row[3] = {rows[i].name, rows[i].value, rows[i].help};
        wr_text_row(query, row);
    }
}
