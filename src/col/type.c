/* type.c - logical types, interned for the life of the process.
 *
 * Types without parameters are a static table made from types.def. A type with parameters is found
 * by its SQL spelling: the spelling names every part of the type (field names are quoted unless
 * they are plain words), so equal spellings mean equal types and one map is all the interning there
 * is. Nested types hold pointers to their interned parts. Nothing is ever freed. The map is guarded
 * by a lock; finished types are read without one. */
#include "col/type.h"
#include "base/map.h"
#include "base/mem.h"
#include <pthread.h>

typedef struct type_row {
    const char *name;
    wr_phys phys;
    char type_class;
} type_row;

static const type_row type_rows[WR_T_COUNT] = {
#define X(id, name, phys, arrow, class) [WR_T_##id] = {name, WR_P_##phys, #class[0]},
#include "col/types.def"
#undef X
};

#define GENERIC_PRECISION 38
#define GENERIC_SCALE 12

static wr_type plain_types[WR_T_COUNT];
static wr_map interned;         /* spelling -> wr_type; guarded by lock */
static wr_arena interned_arena; /* guarded by lock */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t plain_once = PTHREAD_ONCE_INIT;

static void fill_plain_types(void)
{
    for (int i = 0; i < WR_T_COUNT; i++) {
        plain_types[i] = (wr_type){.id = (wr_type_id)i, .phys = type_rows[i].phys};
        plain_types[i].sql = wr_str_of(type_rows[i].name);
    }
}

const wr_type *wr_type_of(wr_type_id id)
{
    wr_assert((unsigned)id < WR_T_COUNT);
    if (id == WR_T_DECIMAL) return wr_type_decimal(GENERIC_PRECISION, GENERIC_SCALE);
    pthread_once(&plain_once, fill_plain_types);
    return &plain_types[id];
}

/* Takes over the spelling and copies the prototype when the type is met for the first time. */
static const wr_type *intern(wr_buf *sql, const wr_type *prototype)
{
    pthread_mutex_lock(&lock);
    wr_type *type = wr_map_get(&interned, wr_buf_str(sql));
    if (!type) {
        type = wr_new(&interned_arena, wr_type);
        *type = *prototype;
        type->sql = wr_arena_str(&interned_arena, wr_buf_str(sql));
        if (prototype->field_count > 0) {
            wr_field *fields = wr_new_array(&interned_arena, wr_field, prototype->field_count);
            for (int i = 0; i < prototype->field_count; i++) {
                fields[i].name = wr_arena_str(&interned_arena, prototype->fields[i].name);
                fields[i].type = prototype->fields[i].type;
            }
            type->fields = fields;
        }
        if (prototype->label_count > 0) {
            wr_str *labels = wr_new_array(&interned_arena, wr_str, prototype->label_count);
            for (int i = 0; i < prototype->label_count; i++)
                labels[i] = wr_arena_str(&interned_arena, prototype->labels[i]);
            type->labels = labels;
        }
        wr_map_put(&interned, type->sql, type);
    }
    pthread_mutex_unlock(&lock);
    return type;
}

const wr_type *wr_type_decimal(int precision, int scale)
{
    static _Atomic(const wr_type *) known[39][39];
    wr_assert(precision >= 1 && precision <= 38 && scale >= 0 && scale <= precision);
    const wr_type *type = known[precision][scale];
    if (type) return type;
    wr_type prototype = {.id = WR_T_DECIMAL,
                         .precision = (uint8_t)precision,
                         .scale = (uint8_t)scale,
                         .phys = precision <= 4    ? WR_P_I16
                                 : precision <= 9  ? WR_P_I32
                                 : precision <= 18 ? WR_P_I64
                                                   : WR_P_I128};
    WR_BUF(sql);
    wr_buf_printf(&sql, "DECIMAL(%d,%d)", precision, scale);
    type = intern(&sql, &prototype);
    known[precision][scale] = type;
    return type;
}

const wr_type *wr_type_list(const wr_type *element)
{
    wr_type prototype = {.id = WR_T_LIST, .phys = WR_P_LIST, .child = element};
    WR_BUF(sql);
    wr_buf_add_str(&sql, element->sql);
    wr_buf_add_text(&sql, "[]");
    return intern(&sql, &prototype);
}

const wr_type *wr_type_array(const wr_type *element, uint32_t length)
{
    wr_type prototype = {
        .id = WR_T_ARRAY, .phys = WR_P_ARRAY, .child = element, .array_length = length};
    WR_BUF(sql);
    wr_buf_add_str(&sql, element->sql);
    wr_buf_printf(&sql, "[%u]", length);
    return intern(&sql, &prototype);
}

static bool is_plain_word(wr_str name)
{
    if (name.length == 0 || (name.data[0] >= '0' && name.data[0] <= '9')) return false;
    for (size_t i = 0; i < name.length; i++) {
        char c = name.data[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!is_letter && !(c >= '0' && c <= '9')) return false;
    }
    return true;
}

static void add_quoted(wr_buf *out, wr_str text, char quote)
{
    wr_buf_add_char(out, quote);
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] == quote) wr_buf_add_char(out, quote);
        wr_buf_add_char(out, text.data[i]);
    }
    wr_buf_add_char(out, quote);
}

const wr_type *wr_type_struct(const wr_field *fields, int count)
{
    wr_type prototype = {
        .id = WR_T_STRUCT, .phys = WR_P_STRUCT, .fields = fields, .field_count = count};
    WR_BUF(sql);
    wr_buf_add_text(&sql, "STRUCT(");
    for (int i = 0; i < count; i++) {
        if (i) wr_buf_add_text(&sql, ", ");
        if (is_plain_word(fields[i].name))
            wr_buf_add_str(&sql, fields[i].name);
        else
            add_quoted(&sql, fields[i].name, '"');
        wr_buf_add_char(&sql, ' ');
        wr_buf_add_str(&sql, fields[i].type->sql);
    }
    wr_buf_add_char(&sql, ')');
    return intern(&sql, &prototype);
}

const wr_type *wr_type_map(const wr_type *key, const wr_type *value)
{
    const wr_field entry[2] = {{WR_STR("key"), key}, {WR_STR("value"), value}};
    wr_type prototype = {.id = WR_T_MAP, .phys = WR_P_LIST, .child = wr_type_struct(entry, 2)};
    WR_BUF(sql);
    wr_buf_add_text(&sql, "MAP(");
    wr_buf_add_str(&sql, key->sql);
    wr_buf_add_text(&sql, ", ");
    wr_buf_add_str(&sql, value->sql);
    wr_buf_add_char(&sql, ')');
    return intern(&sql, &prototype);
}

const wr_type *wr_type_enum(const wr_str *labels, int count)
{
    wr_type prototype = {.id = WR_T_ENUM, .phys = WR_P_U32, .labels = labels, .label_count = count};
    WR_BUF(sql);
    wr_buf_add_text(&sql, "ENUM(");
    for (int i = 0; i < count; i++) {
        if (i) wr_buf_add_text(&sql, ", ");
        add_quoted(&sql, labels[i], '\'');
    }
    wr_buf_add_char(&sql, ')');
    return intern(&sql, &prototype);
}

/* ---- facts ---- */

static char class_of(const wr_type *t) { return type_rows[t->id].type_class; }

bool wr_type_is_integer(const wr_type *t) { return class_of(t) == 'I' || class_of(t) == 'U'; }
int wr_type_integer_digits(const wr_type *t)
{
    switch (t->id) {
    case WR_T_TINYINT:
    case WR_T_UTINYINT:
        return 3;
    case WR_T_SMALLINT:
    case WR_T_USMALLINT:
        return 5;
    case WR_T_INTEGER:
    case WR_T_UINTEGER:
        return 10;
    case WR_T_BIGINT:
        return 19;
    case WR_T_UBIGINT:
        return 20;
    default:
        return 0;
    }
}

bool wr_type_is_unsigned(const wr_type *t) { return class_of(t) == 'U'; }
bool wr_type_is_float(const wr_type *t) { return class_of(t) == 'F'; }
bool wr_type_is_text(const wr_type *t) { return class_of(t) == 'T'; }
bool wr_type_is_moment(const wr_type *t) { return class_of(t) == 'M'; }
bool wr_type_is_nested(const wr_type *t) { return class_of(t) == 'C'; }

bool wr_type_is_numeric(const wr_type *t)
{
    return wr_type_is_integer(t) || wr_type_is_float(t) || class_of(t) == 'D';
}

bool wr_type_is_int_like(const wr_type *t)
{
    return wr_type_is_integer(t) || wr_type_is_moment(t) || class_of(t) == 'D';
}

size_t wr_phys_size(wr_phys phys)
{
    static const uint8_t sizes[WR_P_COUNT] = {
        [WR_P_U8] = 1,    [WR_P_I8] = 1,    [WR_P_I16] = 2,       [WR_P_I32] = 4,  [WR_P_I64] = 8,
        [WR_P_I128] = 16, [WR_P_U16] = 2,   [WR_P_U32] = 4,       [WR_P_U64] = 8,  [WR_P_F32] = 4,
        [WR_P_F64] = 8,   [WR_P_VIEW] = 16, [WR_P_INTERVAL] = 16, [WR_P_LIST] = 8,
    };
    return sizes[phys];
}

const char *wr_type_name(const wr_type *t) { return t->sql.data; }
const char *wr_type_id_name(wr_type_id id) { return type_rows[id].name; }

int64_t wr_phys_int_min(wr_phys phys)
{
    switch (phys) {
    case WR_P_I8:
        return INT8_MIN;
    case WR_P_I16:
        return INT16_MIN;
    case WR_P_I32:
        return INT32_MIN;
    case WR_P_I64:
    case WR_P_I128:
        return INT64_MIN;
    default:
        return 0;
    }
}

int64_t wr_phys_int_max(wr_phys phys)
{
    switch (phys) {
    case WR_P_I8:
        return INT8_MAX;
    case WR_P_I16:
        return INT16_MAX;
    case WR_P_I32:
        return INT32_MAX;
    case WR_P_U8:
        return UINT8_MAX;
    case WR_P_U16:
        return UINT16_MAX;
    case WR_P_U32:
        return UINT32_MAX;
    default:
        return INT64_MAX;
    }
}

wr_phys wr_phys_for_range(int64_t lo, int64_t hi)
{
    if (lo >= INT8_MIN && hi <= INT8_MAX) return WR_P_I8;
    if (lo >= INT16_MIN && hi <= INT16_MAX) return WR_P_I16;
    if (lo >= INT32_MIN && hi <= INT32_MAX) return WR_P_I32;
    return WR_P_I64;
}

/* ---- names ---- */

static const struct type_alias {
    const char *name;
    wr_type_id id;
} aliases[] = {
    {"bool", WR_T_BOOLEAN},
    {"logical", WR_T_BOOLEAN},
    {"int1", WR_T_TINYINT},
    {"byte", WR_T_TINYINT},
    {"int2", WR_T_SMALLINT},
    {"short", WR_T_SMALLINT},
    {"int", WR_T_INTEGER},
    {"int4", WR_T_INTEGER},
    {"signed", WR_T_INTEGER},
    {"int8", WR_T_BIGINT},
    {"long", WR_T_BIGINT},
    {"int16", WR_T_SMALLINT},
    {"int32", WR_T_INTEGER},
    {"int64", WR_T_BIGINT},
    {"int128", WR_T_HUGEINT},
    {"uint8", WR_T_UTINYINT},
    {"uint16", WR_T_USMALLINT},
    {"uint32", WR_T_UINTEGER},
    {"uint64", WR_T_UBIGINT},
    {"float4", WR_T_REAL},
    {"float", WR_T_REAL},
    {"float8", WR_T_DOUBLE},
    {"double precision", WR_T_DOUBLE},
    {"numeric", WR_T_DECIMAL},
    {"dec", WR_T_DECIMAL},
    {"text", WR_T_VARCHAR},
    {"string", WR_T_VARCHAR},
    {"char", WR_T_VARCHAR},
    {"character", WR_T_VARCHAR},
    {"bpchar", WR_T_VARCHAR},
    {"character varying", WR_T_VARCHAR},
    {"nvarchar", WR_T_VARCHAR},
    {"name", WR_T_VARCHAR},
    {"jsonb", WR_T_JSON},
    {"bytea", WR_T_BLOB},
    {"binary", WR_T_BLOB},
    {"varbinary", WR_T_BLOB},
    {"guid", WR_T_UUID},
    {"time without time zone", WR_T_TIME},
    {"datetime", WR_T_TIMESTAMP},
    {"timestamp_us", WR_T_TIMESTAMP},
    {"timestamp without time zone", WR_T_TIMESTAMP},
    {"timestamptz", WR_T_TIMESTAMPTZ},
};

static bool needs_parts(wr_type_id id)
{
    return id == WR_T_LIST || id == WR_T_ARRAY || id == WR_T_STRUCT || id == WR_T_MAP ||
           id == WR_T_ENUM;
}

static const wr_type *decimal_of_modifiers(const int64_t *modifiers, int count)
{
    if (count == 0) return wr_type_of(WR_T_DECIMAL);
    int64_t scale = count > 1 ? modifiers[1] : 0;
    if (modifiers[0] < 1 || modifiers[0] > 38 || scale < 0 || scale > modifiers[0]) return NULL;
    return wr_type_decimal((int)modifiers[0], (int)scale);
}

/* timestamp(p): the coarsest unit that keeps p digits. */
static const wr_type *timestamp_of_digits(int64_t digits)
{
    if (digits < 0 || digits > 9) return NULL;
    return wr_type_of(digits == 0   ? WR_T_TIMESTAMP_S
                      : digits <= 3 ? WR_T_TIMESTAMP_MS
                      : digits <= 6 ? WR_T_TIMESTAMP
                                    : WR_T_TIMESTAMP_NS);
}

static const wr_type *with_modifiers(wr_type_id id, wr_str name, const int64_t *mod, int count)
{
    if (id == WR_T_DECIMAL && count <= 2) return decimal_of_modifiers(mod, count);
    if (wr_str_is(name, "float") && count == 1) {
        if (mod[0] < 1 || mod[0] > 53) return NULL;
        return wr_type_of(mod[0] <= 24 ? WR_T_REAL : WR_T_DOUBLE);
    }
    if (count == 0) return wr_type_of(id);
    if (count > 1) return NULL;
    if (id == WR_T_VARCHAR) return mod[0] > 0 ? wr_type_of(id) : NULL;
    if (id == WR_T_TIMESTAMP) return timestamp_of_digits(mod[0]);
    if (id == WR_T_TIME || id == WR_T_TIMESTAMPTZ) return mod[0] == 6 ? wr_type_of(id) : NULL;
    return NULL;
}

const wr_type *wr_type_find(wr_str name, const int64_t *modifiers, int modifier_count)
{
    for (int i = 0; i < WR_T_COUNT; i++) {
        if (needs_parts((wr_type_id)i) || !wr_str_is(name, type_rows[i].name)) continue;
        return with_modifiers((wr_type_id)i, name, modifiers, modifier_count);
    }
    for (size_t i = 0; i < WR_COUNT(aliases); i++)
        if (wr_str_is(name, aliases[i].name))
            return with_modifiers(aliases[i].id, name, modifiers, modifier_count);
    return NULL;
}

void wr_type_offer_names(wr_nearest *nearest)
{
    for (int i = 0; i < WR_T_COUNT; i++)
        wr_nearest_offer(nearest, wr_str_of(type_rows[i].name));
    for (size_t i = 0; i < WR_COUNT(aliases); i++)
        wr_nearest_offer(nearest, wr_str_of(aliases[i].name));
}
