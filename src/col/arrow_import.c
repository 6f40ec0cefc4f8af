/* arrow_import.c - arrays of other programs read as columns.
 *
 * The producer is not trusted further than necessary: counts of buffers and children, offsets,
 * dictionary indices and view positions are checked; only the sizes of buffers, which the interface
 * does not tell, must be believed. Data at the width weir uses is borrowed; bits, offsets and other
 * units are converted into the arena. Dictionaries stay dictionaries (the slice that is referred
 * to), and runs become one. */
#include "col/arrow.h"
#include <stdio.h>

#define DEPTH_MAX 64

typedef struct source {
    const struct ArrowSchema *schema;
    const struct ArrowArray *array;
    int64_t from; /* absolute: the array's offset is in it */
    uint32_t count;
    wr_arena *arena;
    int depth;
} source;

static weir_status corrupt(const char *what)
{
    return wr_fail(WR_E_CORRUPT, "malformed Arrow data: %s", what);
}

/* ---- types ---- */

static bool starts(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* The value of the extension name in the metadata, empty if there is none. */
static wr_str extension_of(const struct ArrowSchema *schema)
{
    const char *at = schema->metadata;
    int32_t pairs = 0, length;
    if (!at) return (wr_str){"", 0};
    memcpy(&pairs, at, 4);
    at += 4;
    for (int32_t i = 0; i < pairs && i < 1000; i++) {
        wr_str part[2];
        for (int k = 0; k < 2; k++) {
            memcpy(&length, at, 4);
            if (length < 0) return (wr_str){"", 0};
            part[k] = (wr_str){at + 4, (size_t)length};
            at += 4 + length;
        }
        if (wr_str_eq(part[0], WR_STR("ARROW:extension:name"))) return part[1];
    }
    return (wr_str){"", 0};
}

static weir_status unsupported(const struct ArrowSchema *schema)
{
    return wr_fail(WR_E_UNSUPPORTED,
                   "column \"%s\" has the Arrow type \"%.40s\", which has no equal here",
                   schema->name ? schema->name : "", schema->format);
}

static weir_status decimal_type(const struct ArrowSchema *schema, const wr_type **out)
{
    int precision = 0, scale = 0, bits = 128;
    if (sscanf(schema->format, "d:%d,%d,%d", &precision, &scale, &bits) < 2)
        return unsupported(schema);
    bool is_width = bits == 32 || bits == 64 || bits == 128 || bits == 256;
    if (!is_width || precision < 1 || scale < 0 || scale > 38 || scale > precision)
        return unsupported(schema);
    *out = wr_type_decimal(WR_MIN(precision, 38), scale);
    return WR_OK;
}

static const wr_type *scalar_type(const struct ArrowSchema *schema)
{
    static const struct {
        const char *format;
        wr_type_id id;
    } known[] = {{"n", WR_T_NULL},       {"b", WR_T_BOOLEAN},    {"c", WR_T_TINYINT},
                 {"C", WR_T_UTINYINT},   {"s", WR_T_SMALLINT},   {"S", WR_T_USMALLINT},
                 {"i", WR_T_INTEGER},    {"I", WR_T_UINTEGER},   {"l", WR_T_BIGINT},
                 {"L", WR_T_UBIGINT},    {"e", WR_T_REAL},       {"f", WR_T_REAL},
                 {"g", WR_T_DOUBLE},     {"u", WR_T_VARCHAR},    {"U", WR_T_VARCHAR},
                 {"vu", WR_T_VARCHAR},   {"z", WR_T_BLOB},       {"Z", WR_T_BLOB},
                 {"vz", WR_T_BLOB},      {"tdD", WR_T_DATE},     {"tdm", WR_T_DATE},
                 {"tts", WR_T_TIME},     {"ttm", WR_T_TIME},     {"ttu", WR_T_TIME},
                 {"ttn", WR_T_TIME},     {"tDs", WR_T_INTERVAL}, {"tDm", WR_T_INTERVAL},
                 {"tDu", WR_T_INTERVAL}, {"tDn", WR_T_INTERVAL}, {"tiM", WR_T_INTERVAL},
                 {"tiD", WR_T_INTERVAL}, {"tin", WR_T_INTERVAL}};
    const char *f = schema->format;
    for (size_t i = 0; i < WR_COUNT(known); i++) {
        if (strcmp(f, known[i].format) != 0) continue;
        bool is_json =
            known[i].id == WR_T_VARCHAR && wr_str_eq(extension_of(schema), WR_STR("arrow.json"));
        return wr_type_of(is_json ? WR_T_JSON : known[i].id);
    }
    if (starts(f, "w:")) {
        bool is_uuid =
            strcmp(f, "w:16") == 0 && wr_str_eq(extension_of(schema), WR_STR("arrow.uuid"));
        return wr_type_of(is_uuid ? WR_T_UUID : WR_T_BLOB);
    }
    if (!starts(f, "ts") || !f[2] || f[3] != ':') return NULL;
    if (f[4] && strchr("smun", f[2])) return wr_type_of(WR_T_TIMESTAMPTZ);
    return f[2] == 's'   ? wr_type_of(WR_T_TIMESTAMP_S)
           : f[2] == 'm' ? wr_type_of(WR_T_TIMESTAMP_MS)
           : f[2] == 'u' ? wr_type_of(WR_T_TIMESTAMP)
           : f[2] == 'n' ? wr_type_of(WR_T_TIMESTAMP_NS)
                         : NULL;
}

static weir_status type_of(const struct ArrowSchema *schema, int depth, const wr_type **out);

static weir_status child_type(const struct ArrowSchema *schema, int i, int depth,
                              const wr_type **out)
{
    if (schema->n_children <= i || !schema->children || !schema->children[i])
        return corrupt("a child is missing");
    return type_of(schema->children[i], depth + 1, out);
}

static weir_status struct_type(const struct ArrowSchema *schema, int depth, const wr_type **out)
{
    WR_ARENA(scratch);
    if (schema->n_children < 0 || schema->n_children > 100000)
        return corrupt("the number of children");
    wr_field *fields = wr_new_array(&scratch, wr_field, schema->n_children + 1);
    for (int i = 0; i < schema->n_children; i++) {
        WR_TRY(child_type(schema, i, depth, &fields[i].type));
        const char *name = schema->children[i]->name;
        fields[i].name = wr_str_of(name ? name : "");
    }
    *out = wr_type_struct(fields, (int)schema->n_children);
    return WR_OK;
}

static weir_status nested_type(const struct ArrowSchema *schema, int depth, const wr_type **out)
{
    const char *f = schema->format;
    const wr_type *child;
    if (strcmp(f, "+s") == 0) return struct_type(schema, depth, out);
    if (strcmp(f, "+r") == 0) return child_type(schema, 1, depth, out);
    bool is_list = !strcmp(f, "+l") || !strcmp(f, "+L") || !strcmp(f, "+vl") || !strcmp(f, "+vL");
    bool is_array = starts(f, "+w:"), is_map = !strcmp(f, "+m");
    if (!is_list && !is_array && !is_map) return unsupported(schema);
    WR_TRY(child_type(schema, 0, depth, &child));
    if (is_list) {
        *out = wr_type_list(child);
    } else if (is_array) {
        int64_t length;
        if (!wr_i64_read(wr_str_of(f + 3), &length, NULL) || length < 0 || length > 1 << 20)
            return unsupported(schema);
        *out = wr_type_array(child, (uint32_t)length);
    } else {
        if (child->id != WR_T_STRUCT || child->field_count != 2)
            return corrupt("the entries of a map");
        *out = wr_type_map(child->fields[0].type, child->fields[1].type);
    }
    return WR_OK;
}

static weir_status type_of(const struct ArrowSchema *schema, int depth, const wr_type **out)
{
    if (!schema->format || !schema->release) return corrupt("a released schema");
    if (depth > DEPTH_MAX)
        return wr_fail(WR_E_TOO_DEEP, "Arrow types nested deeper than %d", DEPTH_MAX);
    if (schema->dictionary) return type_of(schema->dictionary, depth + 1, out);
    if (schema->format[0] == '+') return nested_type(schema, depth, out);
    if (starts(schema->format, "d:")) return decimal_type(schema, out);
    *out = scalar_type(schema);
    return *out ? WR_OK : unsupported(schema);
}

weir_status wr_arrow_import_schema(const struct ArrowSchema *schema, wr_arena *arena,
                                   wr_schema *out)
{
    const wr_type *type;
    WR_TRY(type_of(schema, 0, &type));
    if (type->id != WR_T_STRUCT || schema->dictionary) return corrupt("a table must be a struct");
    *out = (wr_schema){.count = type->field_count};
    out->fields = wr_new_array(arena, wr_field, type->field_count + 1);
    out->not_null = wr_new_array(arena, bool, type->field_count + 1);
    for (int i = 0; i < type->field_count; i++) {
        out->fields[i] = type->fields[i];
        out->not_null[i] = !(schema->children[i]->flags & ARROW_FLAG_NULLABLE);
    }
    return WR_OK;
}

/* ---- buffers ---- */

static bool bit_at(const uint8_t *bits, int64_t i) { return bits[i >> 3] >> (i & 7) & 1; }

/* Words are borrowed where rows begin and end with them; else the bits are shifted into place, and
 * no byte behind the last row's is read. */
static weir_status import_validity(const source *s, wr_column *out)
{
    const uint8_t *bits = s->array->buffers[0];
    if (!bits || s->array->null_count == 0 || s->count == 0) return WR_OK;
    const uint8_t *at = bits + (s->from >> 3);
    unsigned shift = s->from & 7;
    size_t bytes = (s->count + shift + 7) / 8, words = ((size_t)s->count + 63) / 64;
    if (!shift && s->count % 64 == 0 && (uintptr_t)at % 8 == 0) {
        out->valid = (uint64_t *)(uintptr_t)at;
        return WR_OK;
    }
    uint64_t *valid = wr_arena_alloc(s->arena, words * 8 + 16);
    memcpy(valid, at, bytes);
    for (size_t w = 0; shift && w < words; w++)
        valid[w] = valid[w] >> shift | valid[w + 1] << (64 - shift);
    out->valid = valid;
    return WR_OK;
}

static bool is_present(const wr_column *c, uint32_t i)
{
    return !c->valid || wr_bit_get(c->valid, i);
}

static weir_status need_buffers(const source *s, int count)
{
    if (s->array->n_buffers < count || !s->array->buffers) return corrupt("a buffer is missing");
    for (int i = 1; i < count; i++)
        if (!s->array->buffers[i] && s->count > 0) return corrupt("a buffer is missing");
    return WR_OK;
}

static void start(const source *s, const wr_type *type, wr_phys phys, wr_column *out)
{
    *out = (wr_column){.type = type, .form = WR_FLAT, .phys = (uint8_t)phys, .rows = s->count};
}

/* The values of a fixed width, borrowed when aligned. */
static const void *values_of(const source *s, size_t size)
{
    if (s->count == 0) return wr_arena_alloc(s->arena, 64);
    const char *at = (const char *)s->array->buffers[1] + (size_t)s->from * size;
    if ((uintptr_t)at % WR_MIN(size, 16) == 0) return at;
    return wr_arena_copy(s->arena, at, size * s->count);
}

static int64_t signed_at(const void *data, size_t size, int64_t i)
{
    switch (size) {
    case 1:
        return ((const int8_t *)data)[i];
    case 2:
        return ((const int16_t *)data)[i];
    case 4:
        return ((const int32_t *)data)[i];
    default:
        return ((const int64_t *)data)[i];
    }
}

/* ---- scalars ---- */

static weir_status import_booleans(const source *s, wr_column *out)
{
    uint8_t *to = wr_arena_alloc(s->arena, s->count + 64);
    for (uint32_t i = 0; i < s->count; i++)
        to[i] = bit_at(s->array->buffers[1], s->from + i);
    out->data = to;
    return WR_OK;
}

static float half_to_float(uint16_t half)
{
    uint32_t sign = (uint32_t)(half >> 15) << 31, exponent = half >> 10 & 31,
             fraction = half & 1023, bits;
    float value;
    if (exponent == 0) {
        value = (float)fraction * 0x1p-24f;
        return sign ? -value : value;
    }
    bits = sign | (exponent == 31 ? 0x7f800000u : (exponent + 112) << 23) | fraction << 13;
    memcpy(&value, &bits, 4);
    return value;
}

static weir_status import_halves(const source *s, wr_column *out)
{
    const uint16_t *from = values_of(s, 2);
    float *to = wr_arena_alloc(s->arena, sizeof *to * s->count + 64);
    for (uint32_t i = 0; i < s->count; i++)
        to[i] = half_to_float(from[i]);
    out->data = to;
    return WR_OK;
}

static weir_status import_decimals(const source *s, wr_column *out)
{
    int precision, scale, bits = 128;
    sscanf(s->schema->format, "d:%d,%d,%d", &precision, &scale, &bits);
    size_t size = (size_t)bits / 8;
    if (size == 16 && out->type->phys == WR_P_I128) {
        const wr_i128 *wide = values_of(s, 16), limit = wr_pow10[out->type->precision] - 1;
        for (uint32_t i = 0; i < s->count; i++)
            if ((wide[i] > limit || wide[i] < -limit) && is_present(out, i))
                return wr_fail(WR_E_OUT_OF_RANGE, "an Arrow decimal does not fit %s",
                               wr_type_name(out->type));
        out->data = (void *)(uintptr_t)wide;
        return WR_OK;
    }
    const char *from = (const char *)s->array->buffers[1] + (size_t)s->from * size;
    wr_column_init(out, s->arena, out->type, out->type->phys, s->count);
    WR_TRY(import_validity(s, out));
    wr_i128 most = wr_pow10[out->type->precision] - 1;
    for (uint32_t i = 0; i < s->count; i++) {
        wr_i128 value = 0;
        int64_t words[4] = {0};
        memcpy(words, from + i * size, size);
        value = size == 4   ? (int32_t)words[0]
                : size == 8 ? words[0]
                            : (wr_i128)((wr_u128)(uint64_t)words[1] << 64 | (uint64_t)words[0]);
        bool fits = size < 32 || (words[2] == words[1] >> 63 && words[3] == words[1] >> 63);
        if (is_present(out, i) && (!fits || value > most || value < -most))
            return wr_fail(WR_E_OUT_OF_RANGE, "an Arrow decimal does not fit %s",
                           wr_type_name(out->type));
        memcpy((char *)out->data + i * wr_phys_size(out->phys), &value, wr_phys_size(out->phys));
    }
    return WR_OK;
}

/* Times and dates in units other than weir's: value * multiply / divide, rounded down. */
static weir_status import_scaled(const source *s, size_t size, int64_t multiply, int64_t divide,
                                 wr_column *out)
{
    const void *from = values_of(s, size);
    int64_t *wide = wr_arena_alloc(s->arena, sizeof *wide * s->count + 64);
    for (uint32_t i = 0; i < s->count; i++) {
        int64_t value = is_present(out, i) ? signed_at(from, size, i) : 0;
        if (__builtin_mul_overflow(value, multiply, &value))
            return wr_fail(WR_E_DATETIME_OVERFLOW, "an Arrow time is out of range of %s",
                           wr_type_name(out->type));
        wide[i] = value / divide - (value % divide < 0);
        if (out->phys == WR_P_I32 && wide[i] != (int32_t)wide[i])
            return wr_fail(WR_E_DATETIME_OVERFLOW, "an Arrow date is out of range of DATE");
        if (out->phys == WR_P_I32) ((int32_t *)wide)[i] = (int32_t)wide[i];
    }
    out->data = wide;
    return WR_OK;
}

static weir_status import_intervals(const source *s, wr_column *out)
{
    const char *f = s->schema->format;
    wr_interval *to = wr_arena_alloc(s->arena, sizeof *to * s->count + 64);
    size_t size = f[1] == 'i' ? (f[2] == 'M' ? 4 : f[2] == 'D' ? 8 : 16) : 8;
    const char *from = values_of(s, size);
    for (uint32_t i = 0; i < s->count; i++) {
        int32_t parts[4] = {0};
        int64_t wide;
        memcpy(parts, from + i * size, size);
        memcpy(&wide, f[2] == 'n' && f[1] == 'i' ? parts + 2 : parts, 8);
        if (!is_present(out, i)) continue;
        if (f[1] == 'i') {
            to[i].months = f[2] == 'D' ? 0 : parts[0];
            to[i].days = f[2] == 'M' ? 0 : f[2] == 'D' ? parts[0] : parts[1];
            to[i].usecs = f[2] == 'n' ? wide / 1000 : f[2] == 'D' ? (int64_t)parts[1] * 1000 : 0;
        } else if (f[2] == 'n') {
            to[i].usecs = wide / 1000;
        } else {
            int64_t unit = f[2] == 's' ? 1000000 : f[2] == 'm' ? 1000 : 1;
            if (__builtin_mul_overflow(wide, unit, &to[i].usecs))
                return wr_fail(WR_E_DATETIME_OVERFLOW,
                               "an Arrow duration is out of range of INTERVAL");
        }
    }
    out->data = to;
    return WR_OK;
}

static weir_status import_moments(const source *s, wr_column *out)
{
    const char *f = s->schema->format;
    if (starts(f, "tdm")) return import_scaled(s, 8, 1, 86400000, out);
    if (starts(f, "tts")) return import_scaled(s, 4, 1000000, 1, out);
    if (starts(f, "ttm")) return import_scaled(s, 4, 1000, 1, out);
    if (starts(f, "ttn")) return import_scaled(s, 8, 1, 1000, out);
    if (out->type->id == WR_T_TIMESTAMPTZ && f[2] == 's')
        return import_scaled(s, 8, 1000000, 1, out);
    if (out->type->id == WR_T_TIMESTAMPTZ && f[2] == 'm') return import_scaled(s, 8, 1000, 1, out);
    if (out->type->id == WR_T_TIMESTAMPTZ && f[2] == 'n') return import_scaled(s, 8, 1, 1000, out);
    out->data = (void *)values_of(s, wr_phys_size(out->phys));
    return WR_OK;
}

/* ---- text ---- */

static weir_status check_text(const wr_type *type, const char *bytes, size_t length)
{
    if (type->id == WR_T_BLOB || wr_utf8_valid(bytes, length)) return WR_OK;
    return wr_fail(WR_E_BAD_ENCODING, "an Arrow text is not valid UTF-8");
}

/* Where the bytes of a row are; false: the offsets are wrong. */
static inline bool text_place(const source *s, size_t size, uint32_t i, int64_t *first,
                              int64_t *last)
{
    const void *offsets = s->array->buffers[1];
    *first = signed_at(offsets, size, s->from + i);
    *last = signed_at(offsets, size, s->from + i + 1);
    return *first >= 0 && *last >= *first && *last - *first <= UINT32_MAX;
}

/* Whether all bytes between two places are UTF-8; what lies between texts is looked at, too. */
typedef struct text_range {
    const char *bytes;
    int64_t first, last; /* of the texts of the rows that are present */
    bool is_valid;
} text_range;

static weir_status find_text_range(const source *s, size_t size, const wr_column *out,
                                   text_range *range)
{
    *range = (text_range){s->array->n_buffers > 2 ? s->array->buffers[2] : NULL, INT64_MAX, 0};
    for (uint32_t i = 0; i < s->count; i++) {
        int64_t first, last;
        if (!is_present(out, i)) continue;
        if (!text_place(s, size, i, &first, &last)) return corrupt("the offsets of a text column");
        if (last == first) continue;
        range->first = WR_MIN(range->first, first);
        range->last = WR_MAX(range->last, last);
    }
    if (range->first >= range->last) return WR_OK;
    if (!range->bytes) return corrupt("the offsets of a text column");
    range->is_valid =
        out->type->id == WR_T_BLOB ||
        wr_utf8_valid(range->bytes + range->first, (size_t)(range->last - range->first));
    return WR_OK;
}

static bool continues(const char *at) { return (*at & 0xc0) == 0x80; }

/* In a valid range a text is valid if it begins and ends between two characters. */
static weir_status check_text_at(const wr_type *type, const text_range *range, int64_t first,
                                 int64_t last)
{
    if (type->id == WR_T_BLOB) return WR_OK;
    const char *at = range->bytes + first;
    bool is_whole = range->is_valid && !continues(at) &&
                    (last == range->last || !continues(range->bytes + last));
    return is_whole ? WR_OK : check_text(type, at, (size_t)(last - first));
}

/* A short text with one load, if as many bytes as a view takes can be read. */
static inline wr_view short_view(const char *at, uint32_t length)
{
    union {
        struct {
            uint32_t length;
            char bytes[12];
        };
        wr_view view;
        unsigned __int128 bits;
    } v;
    memcpy(v.bytes, at, sizeof v.bytes);
    v.length = length;
    v.bits &= ~(unsigned __int128)0 >> (96 - 8 * length);
    return v.view;
}

/* Offsets of 4 or 8 bytes. */
static weir_status import_offset_text(const source *s, size_t size, wr_column *out)
{
    WR_TRY(need_buffers(s, 2));
    text_range range;
    WR_TRY(find_text_range(s, size, out, &range));
    wr_view *views = wr_arena_alloc(s->arena, sizeof *views * s->count + 64);
    for (uint32_t i = 0; i < s->count; i++) {
        int64_t first, last;
        if (!is_present(out, i) || !text_place(s, size, i, &first, &last) || last == first)
            continue;
        WR_TRY(check_text_at(out->type, &range, first, last));
        const char *at = range.bytes + first;
        views[i] = last - first <= 12 && first + 12 <= range.last
                       ? short_view(at, (uint32_t)(last - first))
                       : wr_view_of(at, (size_t)(last - first));
    }
    out->data = views;
    return WR_OK;
}

static weir_status import_views(const source *s, wr_column *out)
{
    if (s->array->n_buffers < 3) return corrupt("a buffer is missing");
    int64_t count = s->array->n_buffers - 3;
    const int64_t *sizes = s->array->buffers[s->array->n_buffers - 1];
    const wr_view *from = values_of(s, sizeof *from);
    wr_view *views = wr_arena_alloc(s->arena, sizeof *views * s->count + 64);
    for (uint32_t i = 0; i < s->count; i++) {
        if (!is_present(out, i)) continue;
        int32_t place[2];
        const char *bytes = from[i].inlined;
        memcpy(place, (const char *)&from[i] + 8, 8);
        if (from[i].length > 12) {
            bool is_good = place[0] >= 0 && place[0] < count && place[1] >= 0 && sizes &&
                           s->array->buffers[2 + place[0]] && from[i].length <= INT32_MAX &&
                           (int64_t)place[1] + from[i].length <= sizes[place[0]];
            if (!is_good) return corrupt("a view points outside its buffer");
            bytes = (const char *)s->array->buffers[2 + place[0]] + place[1];
        }
        WR_TRY(check_text(out->type, bytes, from[i].length));
        views[i] = wr_view_of(bytes, from[i].length);
    }
    out->data = views;
    return WR_OK;
}

static weir_status import_fixed_binary(const source *s, wr_column *out)
{
    int64_t size;
    if (!wr_i64_read(wr_str_of(s->schema->format + 2), &size, NULL) || size < 0 || size > INT32_MAX)
        return corrupt("the size of a fixed binary");
    const char *from = (const char *)s->array->buffers[1] + s->from * size;
    wr_column_init(out, s->arena, out->type, out->type->phys, s->count);
    WR_TRY(import_validity(s, out));
    for (uint32_t i = 0; i < s->count; i++) {
        const char *bytes = from + (int64_t)i * size;
        if (out->type->id == WR_T_UUID)
            ((wr_i128 *)out->data)[i] = wr_uuid_of_bytes((const uint8_t *)bytes);
        else
            ((wr_view *)out->data)[i] = wr_view_of(bytes, (size_t)size);
    }
    return WR_OK;
}

/* ---- nested ---- */

static weir_status import_column(source s, wr_column *out);

/* Rows [from, from + count) of child number i. */
static weir_status import_child(const source *s, int i, int64_t from, int64_t count, wr_column *out)
{
    if (s->array->n_children <= i || !s->array->children || !s->array->children[i] ||
        s->schema->n_children <= i)
        return corrupt("a child is missing");
    const struct ArrowArray *child = s->array->children[i];
    if (from < 0 || count < 0 || count > UINT32_MAX / 2 || child->offset < 0 ||
        from > child->length || count > child->length - from)
        return corrupt("a child is too short");
    source next = {s->schema->children[i], child,    child->offset + from,
                   (uint32_t)count,        s->arena, s->depth + 1};
    return import_column(next, out);
}

/* Lists by offsets, or by offsets and sizes for the view layouts. */
static weir_status import_lists(const source *s, wr_column *out)
{
    const char *f = s->schema->format;
    bool is_view = f[1] == 'v';
    size_t size = f[1] == 'L' || (is_view && f[2] == 'L') ? 8 : 4;
    WR_TRY(need_buffers(s, is_view ? 3 : 2));
    int64_t least = INT64_MAX, most = 0;
    int64_t *begins = wr_new_array(s->arena, int64_t, s->count + 1);
    wr_list_slot *slots = wr_new_array(s->arena, wr_list_slot, s->count + 1);
    for (uint32_t i = 0; i < s->count; i++) {
        if (!is_present(out, i)) continue;
        int64_t first = signed_at(s->array->buffers[1], size, s->from + i), length;
        length = is_view ? signed_at(s->array->buffers[2], size, s->from + i)
                         : signed_at(s->array->buffers[1], size, s->from + i + 1) - first;
        if (first < 0 || length < 0 || length > UINT32_MAX / 2)
            return corrupt("the offsets of a list");
        begins[i] = first;
        slots[i].length = (uint32_t)length;
        if (length == 0) continue;
        least = WR_MIN(least, first);
        if (__builtin_add_overflow(first, length, &first)) return corrupt("the offsets of a list");
        most = WR_MAX(most, first);
    }
    if (least > most) least = most;
    for (uint32_t i = 0; i < s->count; i++)
        if (slots[i].length) slots[i].offset = (uint32_t)(begins[i] - least);
    out->data = slots;
    out->children = wr_new(s->arena, wr_column);
    WR_TRY(import_child(s, 0, least, most - least, out->children));
    out->children->type = out->type->child;
    return WR_OK;
}

static weir_status import_nested(const source *s, wr_column *out)
{
    if (out->type->id == WR_T_STRUCT) {
        int count = out->type->field_count;
        out->children = wr_new_array(s->arena, wr_column, count + 1);
        for (int i = 0; i < count; i++)
            WR_TRY(import_child(s, i, s->from, s->count, &out->children[i]));
        return WR_OK;
    }
    if (out->type->id != WR_T_ARRAY) return import_lists(s, out);
    int64_t n = out->type->array_length;
    out->children = wr_new(s->arena, wr_column);
    return import_child(s, 0, s->from * n, s->count * n, out->children);
}

/* ---- dictionaries and runs ---- */

static weir_status flat_dictionary(source values, wr_column **out)
{
    wr_column imported;
    *out = wr_new(values.arena, wr_column);
    WR_TRY(import_column(values, &imported));
    wr_column_flatten(&imported, NULL, imported.rows, values.arena, *out);
    return WR_OK;
}

static void release_ready(struct ArrowArray *array) { array->release = NULL; }

void wr_arrow_ready_dictionary(const wr_column *flat, int64_t length, struct ArrowArray *out)
{
    wr_assert(flat->form == WR_FLAT && flat->rows > 0);
    *out = (struct ArrowArray){
        .length = length, .release = release_ready, .private_data = (void *)(uintptr_t)flat};
}

/* Codes of at most 32 bits are those of the kernel if all of them, also at NULLs, stand for a value
 * of the dictionary. */
static bool borrow_codes(const source *s, size_t size, int64_t length, wr_column *out)
{
    const char *at = (const char *)s->array->buffers[1] + (size_t)s->from * size;
    uint32_t most = 0;
    if (size > 4 || s->count == 0 || (uintptr_t)at % size) return false;
    for (uint32_t i = 0; size == 1 && i < s->count; i++)
        most = WR_MAX(most, ((const uint8_t *)at)[i]);
    for (uint32_t i = 0; size == 2 && i < s->count; i++)
        most = WR_MAX(most, ((const uint16_t *)at)[i]);
    for (uint32_t i = 0; size == 4 && i < s->count; i++)
        most = WR_MAX(most, ((const uint32_t *)at)[i]);
    if (most >= length) return false;
    out->phys = size == 1 ? WR_P_U8 : size == 2 ? WR_P_U16 : WR_P_U32;
    out->data = (void *)(uintptr_t)at;
    return true;
}

static weir_status import_codes(const source *s, size_t size, bool is_unsigned, int64_t length,
                                uint32_t *codes, const wr_column *out)
{
    for (uint32_t i = 0; i < s->count; i++) {
        if (!is_present(out, i)) continue;
        int64_t code = signed_at(s->array->buffers[1], size, s->from + i);
        if (is_unsigned && size < 8) code &= (INT64_C(1) << (size * 8)) - 1;
        if (code < 0 || code >= length || code > UINT32_MAX) return corrupt("a dictionary index");
        codes[i] = (uint32_t)code;
    }
    return WR_OK;
}

static weir_status import_dictionary(const source *s, wr_column *out)
{
    const char *widths = "cCsSiIlL", *at = strchr(widths, s->schema->format[0]);
    const struct ArrowArray *dict = s->array->dictionary;
    if (!dict || !at || !*at || s->schema->format[1] || dict->offset < 0 || dict->length < 0)
        return corrupt("a dictionary");
    WR_TRY(need_buffers(s, 2));
    size_t size = (size_t)1 << ((at - widths) / 2);
    WR_TRY(import_validity(s, out));
    out->form = WR_DICTIONARY;
    bool is_ready = dict->release == release_ready;
    if (is_ready) {
        out->dict = dict->private_data;
        out->dict_id = out->dict->dict_id;
        if (borrow_codes(s, size, dict->length, out)) return WR_OK;
    }
    uint32_t *codes = wr_new_array(s->arena, uint32_t, s->count + 1);
    out->phys = WR_P_U32;
    out->data = codes;
    WR_TRY(import_codes(s, size, (at - widths) % 2, dict->length, codes, out));
    if (is_ready) return WR_OK;
    int64_t least = dict->length, most = -1;
    for (uint32_t i = 0; i < s->count; i++) {
        if (!is_present(out, i)) continue;
        least = WR_MIN(least, codes[i]);
        most = WR_MAX(most, codes[i]);
    }
    if (most < 0) least = most = 0;
    for (uint32_t i = 0; i < s->count; i++)
        codes[i] = is_present(out, i) ? codes[i] - (uint32_t)least : 0;
    uint32_t used = dict->length ? (uint32_t)(most - least + 1) : 0;
    source values = {s->schema->dictionary, dict, dict->offset + least, used, s->arena,
                     s->depth + 1};
    wr_column *flat;
    WR_TRY(flat_dictionary(values, &flat));
    out->dict = flat;
    return WR_OK;
}

/* Run ends count rows from the start of the array, so the array's offset is part of the position.
 */
static weir_status import_runs(const source *s, wr_column *out)
{
    if (s->array->n_children < 2 || s->schema->n_children < 2 || !s->array->children)
        return corrupt("runs without children");
    const struct ArrowArray *ends = s->array->children[0];
    const char *f = s->schema->children[0]->format;
    size_t size = !strcmp(f, "s") ? 2 : !strcmp(f, "i") ? 4 : !strcmp(f, "l") ? 8 : 0;
    if (!size || ends->n_buffers < 2 || !ends->buffers || !ends->buffers[1] || ends->offset < 0 ||
        ends->length < 0)
        return corrupt("the ends of runs");
    int64_t low = 0, high = ends->length;
    while (low < high) { /* the first run that ends after from */
        int64_t middle = low + (high - low) / 2;
        if (signed_at(ends->buffers[1], size, ends->offset + middle) > s->from)
            high = middle;
        else
            low = middle + 1;
    }
    uint32_t *codes = wr_new_array(s->arena, uint32_t, s->count + 1);
    int64_t run = low;
    for (uint32_t i = 0; i < s->count; i++) {
        while (run < ends->length &&
               signed_at(ends->buffers[1], size, ends->offset + run) <= s->from + i)
            run++;
        if (run == ends->length) return corrupt("runs end before their rows");
        codes[i] = (uint32_t)(run - low);
    }
    wr_column values;
    wr_column *flat = wr_new(s->arena, wr_column);
    WR_TRY(import_child(s, 1, low, s->count ? run - low + 1 : 0, &values));
    wr_column_flatten(&values, NULL, values.rows, s->arena, flat);
    out->form = WR_DICTIONARY;
    out->phys = WR_P_U32;
    out->data = codes;
    out->dict = flat;
    return WR_OK;
}

/* ---- columns ---- */

static weir_status import_scalar(const source *s, wr_column *out)
{
    const char *f = s->schema->format;
    if (out->phys == WR_P_VIEW && f[0] != 'w') {
        if (f[0] == 'v') return import_views(s, out);
        return import_offset_text(s, f[0] == 'U' || f[0] == 'Z' ? 8 : 4, out);
    }
    WR_TRY(need_buffers(s, 2));
    if (s->count == 0) {
        out->data = wr_arena_alloc(s->arena, 64);
        return WR_OK;
    }
    if (f[0] == 'w') return import_fixed_binary(s, out);
    if (f[0] == 'b') return import_booleans(s, out);
    if (f[0] == 'e') return import_halves(s, out);
    if (f[0] == 'd') return import_decimals(s, out);
    if (out->type->id == WR_T_INTERVAL) return import_intervals(s, out);
    if (f[0] == 't') return import_moments(s, out);
    out->data = (void *)values_of(s, wr_phys_size(out->phys));
    return WR_OK;
}

static weir_status import_column(source s, wr_column *out)
{
    const wr_type *type;
    WR_TRY(type_of(s.schema, s.depth, &type));
    if (!s.array->release) return corrupt("a released array");
    if (s.from < 0 || s.array->length < 0 || s.array->offset < 0 ||
        s.from - s.array->offset > s.array->length ||
        s.count > s.array->length - (s.from - s.array->offset))
        return corrupt("an array is too short");
    start(&s, type, type->phys, out);
    if (type->id == WR_T_NULL) {
        wr_column_init(out, s.arena, type, type->phys, s.count);
        return WR_OK;
    }
    if (!strcmp(s.schema->format, "+r")) return import_runs(&s, out);
    if (s.array->n_buffers < 1 || !s.array->buffers) return corrupt("a buffer is missing");
    if (s.schema->dictionary) return import_dictionary(&s, out);
    WR_TRY(import_validity(&s, out));
    return wr_type_is_nested(type) ? import_nested(&s, out) : import_scalar(&s, out);
}

weir_status wr_arrow_import_column(const struct ArrowSchema *schema, const struct ArrowArray *array,
                                   int64_t from, uint32_t count, wr_arena *arena, wr_column *out)
{
    if (from < 0 || array->offset < 0 || from > array->length || count > UINT32_MAX / 2)
        return corrupt("rows outside of the array");
    return import_column((source){schema, array, array->offset + from, count, arena, 0}, out);
}

weir_status wr_arrow_import_rows(const struct ArrowSchema *schema, const struct ArrowArray *array,
                                 int64_t from, uint32_t count, wr_arena *arena, wr_batch *out)
{
    wr_column all;
    if (count > WR_BATCH_ROWS)
        return wr_fail(WR_E_API_MISUSE, "more than %d rows at once", WR_BATCH_ROWS);
    if (from < 0 || array->offset < 0 || from > array->length)
        return corrupt("rows outside of the array");
    source s = {schema, array, array->offset + from, count, arena, 0};
    WR_TRY(import_column(s, &all));
    if (all.type->id != WR_T_STRUCT || all.form != WR_FLAT)
        return corrupt("a table must be a struct");
    *out =
        (wr_batch){.columns = all.children, .column_count = all.type->field_count, .rows = count};
    return WR_OK;
}
