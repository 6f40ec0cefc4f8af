/* infer.c - the types of JSON values, learned from a sample.
 *
 * A guess is a small tree: which kinds of values stood here, the fields of the objects, the
 * elements of the arrays. What has no common type (numbers beside texts, objects beside arrays),
 * and objects with too many different keys, becomes JSON text: nothing is lost, and json functions
 * still reach inside. */
#include "fmt/json/json.h"

enum {
    K_BOOLEAN = 1,
    K_INTEGER = 2,
    K_HUGE = 4,
    K_DOUBLE = 8,
    K_TEXT = 16,
    K_OBJECT = 32,
    K_ARRAY = 64,
    K_OPAQUE = 128,
    FIELDS_MAX = 1000
};
enum { S_DATE = 1, S_TIMESTAMP = 2, S_TIMESTAMPTZ = 4, S_TIME = 8, S_ALL = 15 };

struct wr_json_guess {
    int kinds, texts; /* texts: what all of them could be */
    WR_LIST(wr_str) names;
    WR_LIST(wr_json_guess *) fields;
    wr_json_guess *element;
};

wr_json_guess *wr_json_guess_new(wr_arena *arena)
{
    wr_json_guess *g = wr_new(arena, wr_json_guess);
    g->texts = S_ALL;
    return g;
}

static bool has_digits(wr_str text, const char *shape)
{
    for (size_t i = 0; shape[i]; i++) {
        bool is_digit = i < text.length && text.data[i] >= '0' && text.data[i] <= '9';
        if (i >= text.length || (shape[i] == 'd' ? !is_digit : text.data[i] != shape[i]))
            return false;
    }
    return true;
}

static int texts_of(wr_str text)
{
    int32_t days;
    int64_t us;
    bool has_zone = false;
    wr_str zone = {0};
    if (has_digits(text, "dd:dd:dd") && (text.length == 8 || text.data[8] == '.'))
        return wr_time_read(text, &us, NULL) ? S_TIME : 0;
    if (!has_digits(text, "dddd-dd-dd")) return 0;
    if (text.length == 10)
        return wr_date_read(text, &days, NULL) ? S_DATE | S_TIMESTAMP | S_TIMESTAMPTZ : 0;
    if (text.length < 16 || (text.data[10] != ' ' && text.data[10] != 'T') ||
        !wr_ts_read(text, &us, &has_zone, &zone, NULL))
        return 0;
    return has_zone ? S_TIMESTAMPTZ : S_TIMESTAMP | S_TIMESTAMPTZ;
}

static wr_json_guess *field_of(wr_json_guess *g, wr_str name, wr_arena *arena)
{
    for (int i = 0; i < g->names.count; i++)
        if (wr_str_eq(g->names.items[i], name)) return g->fields.items[i];
    if (g->names.count >= FIELDS_MAX) return NULL;
    wr_json_guess *field = wr_json_guess_new(arena);
    wr_push(arena, &g->names, wr_arena_str(arena, name));
    wr_push(arena, &g->fields, field);
    return field;
}

static bool guess_object(wr_json_guess *g, wr_json_text *t, int depth, wr_arena *arena)
{
    /* Syntax is checked by skipping first; then the pieces are known to be there. */
    wr_json_text whole = *t;
    if (!wr_json_skip_value(&whole, depth, NULL)) return *t = whole, false;
    t->at++;
    wr_json_skip_blanks(t);
    while (*t->at != '}') {
        wr_str key;
        bool has_escapes;
        if (!wr_json_take_string(t, &key, &has_escapes)) return false;
        if (has_escapes) {
            char *plain = wr_arena_alloc(arena, key.length + 1);
            size_t length = 0;
            if (wr_json_unescape(key, plain, &length)) key = (wr_str){plain, length};
        }
        wr_json_skip_blanks(t);
        t->at++;
        wr_json_guess *field = field_of(g, key, arena);
        if (!field) {
            g->kinds |= K_OPAQUE;
            *t = whole;
            return true;
        }
        if (!wr_json_guess_value(field, t, depth + 1, arena)) return false;
        wr_json_skip_blanks(t);
        if (*t->at == ',') t->at++;
        wr_json_skip_blanks(t);
    }
    t->at++;
    return true;
}

static bool guess_array(wr_json_guess *g, wr_json_text *t, int depth, wr_arena *arena)
{
    wr_json_text whole = *t;
    if (!wr_json_skip_value(&whole, depth, NULL)) return *t = whole, false;
    if (!g->element) g->element = wr_json_guess_new(arena);
    t->at++;
    wr_json_skip_blanks(t);
    while (*t->at != ']') {
        if (!wr_json_guess_value(g->element, t, depth + 1, arena)) return false;
        wr_json_skip_blanks(t);
        if (*t->at == ',') t->at++;
        wr_json_skip_blanks(t);
    }
    t->at++;
    return true;
}

static void guess_number(wr_json_guess *g, wr_str number, bool is_integer)
{
    int64_t narrow;
    wr_i128 wide;
    if (!is_integer)
        g->kinds |= K_DOUBLE;
    else if (wr_i64_read(number, &narrow, NULL))
        g->kinds |= K_INTEGER;
    else
        g->kinds |= number.length <= 38 && wr_i128_read(number, &wide, NULL) ? K_HUGE : K_OPAQUE;
}

bool wr_json_guess_value(wr_json_guess *g, wr_json_text *t, int depth, wr_arena *arena)
{
    wr_json_skip_blanks(t);
    if (t->at < t->end && *t->at == '{')
        return g->kinds |= K_OBJECT, guess_object(g, t, depth, arena);
    if (t->at < t->end && *t->at == '[')
        return g->kinds |= K_ARRAY, guess_array(g, t, depth, arena);
    wr_str raw;
    if (!wr_json_skip_value(t, depth, &raw)) return false;
    if (raw.data[0] == '"') {
        g->kinds |= K_TEXT;
        g->texts &= texts_of((wr_str){raw.data + 1, raw.length - 2});
    } else if (raw.data[0] == 't' || raw.data[0] == 'f') {
        g->kinds |= K_BOOLEAN;
    } else if (raw.data[0] != 'n') {
        bool is_integer = true;
        for (size_t i = 0; i < raw.length; i++)
            is_integer &= raw.data[i] != '.' && (raw.data[i] | 0x20) != 'e';
        guess_number(g, raw, is_integer);
    }
    return true;
}

static const wr_type *type_of_texts(int texts)
{
    if (texts & S_DATE) return wr_type_of(WR_T_DATE);
    if (texts & S_TIMESTAMP) return wr_type_of(WR_T_TIMESTAMP);
    if (texts & S_TIMESTAMPTZ) return wr_type_of(WR_T_TIMESTAMPTZ);
    return texts & S_TIME ? wr_type_of(WR_T_TIME) : WR_VARCHAR;
}

static wr_field *fields_of(const wr_json_guess *g, wr_arena *arena)
{
    wr_field *fields = wr_new_array(arena, wr_field, g->names.count + 1);
    for (int i = 0; i < g->names.count; i++)
        fields[i] = (wr_field){g->names.items[i], wr_json_guess_type(g->fields.items[i], arena)};
    return fields;
}

const wr_type *wr_json_guess_type(const wr_json_guess *g, wr_arena *arena)
{
    switch (g->kinds) {
    case K_BOOLEAN:
        return WR_BOOLEAN;
    case K_INTEGER:
        return WR_BIGINT;
    case K_HUGE:
    case K_HUGE | K_INTEGER:
        return WR_HUGEINT;
    case K_DOUBLE:
    case K_DOUBLE | K_INTEGER:
        return WR_DOUBLE;
    case K_TEXT:
        return type_of_texts(g->texts);
    case K_ARRAY:
        return wr_type_list(wr_json_guess_type(g->element, arena));
    case K_OBJECT:
        break;
    default:
        return wr_type_of(WR_T_JSON);
    }
    if (g->names.count == 0) return wr_type_of(WR_T_JSON);
    for (int i = 0; i < g->names.count;
         i++) /* names that differ only in case cannot be told apart in SQL */
        for (int k = 0; k < i; k++)
            if (wr_str_ieq(g->names.items[i], g->names.items[k])) return wr_type_of(WR_T_JSON);
    return wr_type_struct(fields_of(g, arena), g->names.count);
}

bool wr_json_guess_is_object(const wr_json_guess *g, wr_arena *arena, wr_field **out, int *count)
{
    if (g->kinds != K_OBJECT || g->names.count == 0) return false;
    *out = fields_of(g, arena);
    *count = g->names.count;
    return true;
}
