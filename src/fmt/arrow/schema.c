/* schema.c - Arrow types as tables of messages and as format texts of the C data interface.
 *
 * One table of rows serves both directions; types with parameters are handled beside it. A schema
 * is read into struct ArrowSchema, from which col makes engine types, so what maps to what is
 * written once, in col.
 *
 * Traps: tables may be shared by several references, so a few bytes can describe a tree without
 * end; depth and number of fields are limited by what an honest file of that size could hold. The
 * defaults of absent integers differ per type (a Date without a unit counts milliseconds). */
#include "fmt/arrow/ipc.h"
#include <stdio.h>

enum { /* members of the union Type */
       T_NULL = 1,
       T_INT,
       T_FLOAT,
       T_BINARY,
       T_UTF8,
       T_BOOL,
       T_DECIMAL,
       T_DATE,
       T_TIME,
       T_TIMESTAMP,
       T_INTERVAL,
       T_LIST,
       T_STRUCT,
       T_UNION,
       T_FIXED_BINARY,
       T_FIXED_LIST,
       T_MAP,
       T_DURATION,
       T_LARGE_BINARY,
       T_LARGE_UTF8,
       T_LARGE_LIST,
       T_RUNS,
       T_BINARY_VIEW,
       T_UTF8_VIEW,
       T_LIST_VIEW,
       T_LARGE_LIST_VIEW,
       T_COUNT
};
enum { FIELD_BYTES_MIN = 8 }; /* a field has at least a reference and a table */

/* Integers in the tables of types: their sizes and defaults. */
static const struct {
    int size[2], fallback[2];
} parameters[T_COUNT] = {
    [T_INT] = {{4, 1}, {0, 0}},   [T_FLOAT] = {{2, 0}, {0, 0}},    [T_DATE] = {{2, 0}, {1, 0}},
    [T_TIME] = {{2, 4}, {1, 32}}, [T_INTERVAL] = {{2, 0}, {0, 0}}, [T_DURATION] = {{2, 0}, {1, 0}},
};

static const struct {
    const char *format;
    int type, value[2];
    wr_ipc_kind kind;
    int size;
} rows[] = {
    {"n", T_NULL, {0, 0}, WR_IPC_NOTHING, 0},
    {"b", T_BOOL, {0, 0}, WR_IPC_BITS, 0},
    {"c", T_INT, {8, 1}, WR_IPC_FIXED, 1},
    {"C", T_INT, {8, 0}, WR_IPC_FIXED, 1},
    {"s", T_INT, {16, 1}, WR_IPC_FIXED, 2},
    {"S", T_INT, {16, 0}, WR_IPC_FIXED, 2},
    {"i", T_INT, {32, 1}, WR_IPC_FIXED, 4},
    {"I", T_INT, {32, 0}, WR_IPC_FIXED, 4},
    {"l", T_INT, {64, 1}, WR_IPC_FIXED, 8},
    {"L", T_INT, {64, 0}, WR_IPC_FIXED, 8},
    {"e", T_FLOAT, {0, 0}, WR_IPC_FIXED, 2},
    {"f", T_FLOAT, {1, 0}, WR_IPC_FIXED, 4},
    {"g", T_FLOAT, {2, 0}, WR_IPC_FIXED, 8},
    {"u", T_UTF8, {0, 0}, WR_IPC_TEXT, 4},
    {"U", T_LARGE_UTF8, {0, 0}, WR_IPC_TEXT, 8},
    {"vu", T_UTF8_VIEW, {0, 0}, WR_IPC_VIEWS, 16},
    {"z", T_BINARY, {0, 0}, WR_IPC_TEXT, 4},
    {"Z", T_LARGE_BINARY, {0, 0}, WR_IPC_TEXT, 8},
    {"vz", T_BINARY_VIEW, {0, 0}, WR_IPC_VIEWS, 16},
    {"tdD", T_DATE, {0, 0}, WR_IPC_FIXED, 4},
    {"tdm", T_DATE, {1, 0}, WR_IPC_FIXED, 8},
    {"tts", T_TIME, {0, 32}, WR_IPC_FIXED, 4},
    {"ttm", T_TIME, {1, 32}, WR_IPC_FIXED, 4},
    {"ttu", T_TIME, {2, 64}, WR_IPC_FIXED, 8},
    {"ttn", T_TIME, {3, 64}, WR_IPC_FIXED, 8},
    {"tDs", T_DURATION, {0, 0}, WR_IPC_FIXED, 8},
    {"tDm", T_DURATION, {1, 0}, WR_IPC_FIXED, 8},
    {"tDu", T_DURATION, {2, 0}, WR_IPC_FIXED, 8},
    {"tDn", T_DURATION, {3, 0}, WR_IPC_FIXED, 8},
    {"tiM", T_INTERVAL, {0, 0}, WR_IPC_FIXED, 4},
    {"tiD", T_INTERVAL, {1, 0}, WR_IPC_FIXED, 8},
    {"tin", T_INTERVAL, {2, 0}, WR_IPC_FIXED, 16},
    {"+l", T_LIST, {0, 0}, WR_IPC_LIST, 4},
    {"+L", T_LARGE_LIST, {0, 0}, WR_IPC_LIST, 8},
    {"+vl", T_LIST_VIEW, {0, 0}, WR_IPC_LIST_VIEWS, 4},
    {"+vL", T_LARGE_LIST_VIEW, {0, 0}, WR_IPC_LIST_VIEWS, 8},
    {"+s", T_STRUCT, {0, 0}, WR_IPC_PARENT, 0},
    {"+m", T_MAP, {0, 0}, WR_IPC_LIST, 4},
    {"+r", T_RUNS, {0, 0}, WR_IPC_NOTHING, 0},
};
static const char units[] = "smun";

static int row_of(const char *format)
{
    for (int i = 0; i < (int)WR_COUNT(rows); i++)
        if (strcmp(rows[i].format, format) == 0) return i;
    return -1;
}

wr_ipc_layout wr_ipc_layout_of(const struct ArrowSchema *schema)
{
    const char *f = schema->format;
    int row = row_of(f), precision, scale, bits = 128;
    if (row >= 0) return (wr_ipc_layout){rows[row].kind, rows[row].size};
    if (strncmp(f, "ts", 2) == 0) return (wr_ipc_layout){WR_IPC_FIXED, 8};
    if (strncmp(f, "+w:", 3) == 0) return (wr_ipc_layout){WR_IPC_PARENT, 0};
    if (sscanf(f, "d:%d,%d,%d", &precision, &scale, &bits) >= 2)
        return (wr_ipc_layout){WR_IPC_FIXED, bits / 8};
    int64_t size = 0;
    bool is_binary = strncmp(f, "w:", 2) == 0 && wr_i64_read(wr_str_of(f + 2), &size, NULL);
    wr_assert(is_binary); /* no other format is made in this file or by col */
    return (wr_ipc_layout){WR_IPC_FIXED, size};
}

/* ---- reading */

typedef struct reading {
    wr_flat *in;
    wr_arena *arena;
    wr_ipc_schema *out;
    uint64_t fields_left;
} reading;

static void keep_nothing(struct ArrowSchema *schema) { schema->release = NULL; }

static weir_status corrupt(const char *what)
{
    return wr_fail(WR_E_CORRUPT, "malformed Arrow metadata: %s", what);
}

static weir_status read_name(const reading *r, wr_str text, const char **out)
{
    if (text.length &&
        (memchr(text.data, 0, text.length) || !wr_utf8_valid(text.data, text.length)))
        return wr_fail(WR_E_BAD_ENCODING, "the name of an Arrow column is not valid text");
    *out = text.length ? wr_arena_str(r->arena, text).data : "";
    return WR_OK;
}

static const char *printed(const reading *r, const char *format, int64_t value)
{
    return wr_arena_printf(r->arena, format, (long long)value).data;
}

/* The format of types that have parameters; NULL for others. */
static weir_status parameter_format(const reading *r, int64_t type, wr_flat_table t,
                                    const char **out)
{
    *out = NULL;
    if (type == T_TIMESTAMP) {
        int64_t unit = wr_flat_int(t, 0, 2, 0);
        const char *zone;
        WR_TRY(read_name(r, wr_flat_text(t, 1), &zone));
        if (unit < 0 || unit > 3) return corrupt("the unit of a timestamp");
        *out = wr_arena_printf(r->arena, "ts%c:%s", units[unit], zone).data;
    } else if (type == T_DECIMAL) {
        int64_t bits = wr_flat_int(t, 2, 4, 128);
        if (bits != 32 && bits != 64 && bits != 128 && bits != 256)
            return corrupt("the width of a decimal");
        *out = wr_arena_printf(r->arena, "d:%d,%d,%d", (int)wr_flat_int(t, 0, 4, 0),
                               (int)wr_flat_int(t, 1, 4, 0), (int)bits)
                   .data;
    } else if (type == T_FIXED_BINARY || type == T_FIXED_LIST) {
        int64_t size = wr_flat_int(t, 0, 4, 0);
        if (size < 0) return corrupt("a negative size");
        *out = printed(r, type == T_FIXED_LIST ? "+w:%lld" : "w:%lld", size);
    }
    return WR_OK;
}

static weir_status read_format(const reading *r, int64_t type, wr_flat_table t, const char *name,
                               const char **out)
{
    WR_TRY(parameter_format(r, type, t, out));
    if (*out) return WR_OK;
    int64_t value[2] = {0, 0};
    for (int i = 0; i < 2 && type > 0 && type < T_COUNT; i++)
        if (parameters[type].size[i])
            value[i] = wr_flat_int(t, i, parameters[type].size[i], parameters[type].fallback[i]);
    if (type == T_INT) value[1] = value[1] != 0;
    for (size_t i = 0; i < WR_COUNT(rows); i++)
        if (rows[i].type == type && rows[i].value[0] == value[0] && rows[i].value[1] == value[1]) {
            *out = rows[i].format;
            return WR_OK;
        }
    if (type == T_UNION)
        return wr_fail(WR_E_UNSUPPORTED, "column \"%s\" is an Arrow union, which cannot be read",
                       name);
    return wr_fail(WR_E_UNSUPPORTED, "column \"%s\" has the unknown Arrow type number %lld", name,
                   (long long)type);
}

/* The name of an extension type is kept, in the form of the C data interface. */
static const char *read_metadata(const reading *r, wr_flat_vector pairs)
{
    static const char key[] = "ARROW:extension:name";
    for (uint32_t i = 0; i < pairs.count; i++) {
        wr_flat_table pair = wr_flat_list_table(pairs, i);
        wr_str name = wr_flat_text(pair, 0), value = wr_flat_text(pair, 1);
        if (!wr_str_eq(name, wr_str_of(key))) continue;
        int32_t counts[3] = {1, sizeof key - 1, (int32_t)value.length};
        char *bytes = wr_arena_alloc(r->arena, 12 + sizeof key + value.length);
        memcpy(bytes, counts, 8);
        memcpy(bytes + 8, key, sizeof key - 1);
        memcpy(bytes + 8 + sizeof key - 1, &counts[2], 4);
        if (value.length) memcpy(bytes + 12 + sizeof key - 1, value.data, value.length);
        return bytes;
    }
    return NULL;
}

static weir_status read_field(reading *r, wr_flat_table field, int depth, struct ArrowSchema *out);

static weir_status read_children(reading *r, wr_flat_vector fields, int depth,
                                 struct ArrowSchema *out)
{
    if (fields.count > r->fields_left) return corrupt("more fields than the bytes can hold");
    r->fields_left -= fields.count;
    out->n_children = fields.count;
    out->children = wr_new_array(r->arena, struct ArrowSchema *, (size_t)fields.count + 1);
    for (uint32_t i = 0; i < fields.count; i++) {
        out->children[i] = wr_new(r->arena, struct ArrowSchema);
        WR_TRY(read_field(r, wr_flat_list_table(fields, i), depth + 1, out->children[i]));
    }
    return WR_OK;
}

static bool has_children(const struct ArrowSchema *s)
{
    const char *f = s->format;
    int64_t wanted = strcmp(f, "+r") == 0 ? 2 : strcmp(f, "+s") == 0 ? s->n_children : f[0] == '+';
    if (s->n_children != wanted) return false;
    bool is_map = strcmp(f, "+m") == 0;
    return !is_map || (strcmp(s->children[0]->format, "+s") == 0 &&
                       s->children[0]->n_children == 2 && !s->children[0]->dictionary);
}

/* Moves the type of out below a column of indices. Dictionaries of one id are one. */
static weir_status read_dictionary(reading *r, wr_flat_table encoding, struct ArrowSchema *out)
{
    wr_flat_table index = wr_flat_sub(encoding, 1);
    struct ArrowSchema *values = wr_new(r->arena, struct ArrowSchema);
    wr_ipc_field *field = out->private_data;
    wr_ipc_dictionary dictionary = {.id = wr_flat_int(encoding, 0, 8, 0), .values = values};
    *values = *out;
    values->name = "";
    out->metadata = NULL;
    out->n_children = 0;
    out->children = NULL;
    out->dictionary = values;
    out->format = "i";
    if (index.at) WR_TRY(read_format(r, T_INT, index, out->name, &out->format));
    values->private_data = wr_new(r->arena, wr_ipc_field);
    ((wr_ipc_field *)values->private_data)->dictionary = -1;
    wr_schema typed; /* a struct of the values has them as its only column */
    struct ArrowSchema *only[1] = {values};
    struct ArrowSchema whole = {
        .format = "+s", .n_children = 1, .children = only, .release = keep_nothing};
    WR_TRY(wr_arrow_import_schema(&whole, r->arena, &typed));
    dictionary.type = typed.fields[0].type;
    for (field->dictionary = 0; field->dictionary < r->out->dictionaries.count;
         field->dictionary++) {
        const wr_ipc_dictionary *known = &r->out->dictionaries.items[field->dictionary];
        if (known->id != dictionary.id) continue;
        if (known->type != dictionary.type) return corrupt("one dictionary for two types");
        return WR_OK;
    }
    wr_push(r->arena, &r->out->dictionaries, dictionary);
    return WR_OK;
}

static weir_status read_field(reading *r, wr_flat_table field, int depth, struct ArrowSchema *out)
{
    if (depth > WR_IPC_DEPTH_MAX)
        return wr_fail(WR_E_TOO_DEEP, "Arrow types nested deeper than %d", WR_IPC_DEPTH_MAX);
    wr_ipc_field *mine = wr_new(r->arena, wr_ipc_field);
    mine->dictionary = -1;
    *out = (struct ArrowSchema){.release = keep_nothing, .private_data = mine};
    if (wr_flat_int(field, 1, 1, 0)) out->flags = ARROW_FLAG_NULLABLE;
    WR_TRY(read_name(r, wr_flat_text(field, 0), &out->name));
    WR_TRY(read_format(r, wr_flat_int(field, 2, 1, 0) & 255, wr_flat_sub(field, 3), out->name,
                       &out->format));
    out->metadata = read_metadata(r, wr_flat_list(field, 6, 4));
    WR_TRY(read_children(r, wr_flat_list(field, 5, 4), depth, out));
    if (r->in->bad) return corrupt("a field");
    if (!has_children(out)) return corrupt("the number of children of a field");
    wr_flat_table encoding = wr_flat_sub(field, 4);
    return encoding.at ? read_dictionary(r, encoding, out) : WR_OK;
}

weir_status wr_ipc_schema_read(wr_flat_table schema, wr_arena *arena, wr_ipc_schema *out)
{
    reading r = {.in = schema.in,
                 .arena = arena,
                 .out = out,
                 .fields_left = schema.in->size / FIELD_BYTES_MIN + 1};
    *out = (wr_ipc_schema){.root = {.format = "+s", .name = "", .release = keep_nothing}};
    if (!schema.at) return corrupt("there is no schema");
    if (wr_flat_int(schema, 0, 2, 0) != 0)
        return wr_fail(WR_E_UNSUPPORTED, "Arrow data of a big-endian machine cannot be read");
    WR_TRY(read_children(&r, wr_flat_list(schema, 1, 4), 0, &out->root));
    return r.in->bad ? corrupt("the schema") : WR_OK;
}

/* ---- comparing */

static bool same_metadata(const char *a, const char *b)
{
    int32_t key, value, length;
    if (!a || !b) return a == b;
    memcpy(&key, a + 4, 4); /* one pair, as they are read */
    memcpy(&value, a + 8 + key, 4);
    memcpy(&length, b + 4, 4);
    if (length != key) return false;
    memcpy(&length, b + 8 + key, 4);
    return length == value && memcmp(a, b, 12 + (size_t)key + (size_t)value) == 0;
}

static bool same_field(const struct ArrowSchema *a, const struct ArrowSchema *b)
{
    const wr_ipc_field *x = a->private_data, *y = b->private_data;
    if (strcmp(a->name, b->name) != 0 || strcmp(a->format, b->format) != 0 ||
        a->flags != b->flags || a->n_children != b->n_children || !a->dictionary != !b->dictionary)
        return false;
    if (!same_metadata(a->metadata, b->metadata)) return false;
    if (a->dictionary &&
        (x->dictionary != y->dictionary || !same_field(a->dictionary, b->dictionary)))
        return false;
    for (int64_t i = 0; i < a->n_children; i++)
        if (!same_field(a->children[i], b->children[i])) return false;
    return true;
}

bool wr_ipc_schema_equal(const wr_ipc_schema *a, const wr_ipc_schema *b)
{
    return a->dictionaries.count == b->dictionaries.count && same_field(&a->root, &b->root);
}

/* ---- writing */

static void make_field(const struct ArrowSchema *from, bool text_views, wr_arena *arena,
                       wr_ipc_schema *schema, struct ArrowSchema *out)
{
    wr_ipc_field *mine = wr_new(arena, wr_ipc_field);
    mine->dictionary = -1;
    *out = *from;
    out->private_data = mine;
    out->release = keep_nothing;
    out->name = wr_arena_str(arena, wr_str_of(from->name)).data;
    if (!out->name) out->name = "";
    out->format = wr_arena_str(arena, wr_str_of(from->format)).data;
    bool is_view = out->format[0] == 'v';
    if (is_view && !text_views) out->format++; /* "vu" is "u" with views */
    if (from->metadata) {                      /* one pair, as col writes them */
        int32_t key, value;
        memcpy(&key, from->metadata + 4, 4);
        memcpy(&value, from->metadata + 8 + key, 4);
        out->metadata = wr_arena_copy(arena, from->metadata, 12 + (size_t)key + (size_t)value);
    }
    out->children = wr_new_array(arena, struct ArrowSchema *, from->n_children + 1);
    for (int64_t i = 0; i < from->n_children; i++) {
        out->children[i] = wr_new(arena, struct ArrowSchema);
        make_field(from->children[i], text_views, arena, schema, out->children[i]);
    }
    if (!from->dictionary) return;
    out->dictionary = wr_new(arena, struct ArrowSchema);
    make_field(from->dictionary, text_views, arena, schema, out->dictionary);
    /* Indices below 2^31 are the same bytes as signed ones, which more readers take. */
    if (strcmp(out->format, "I") == 0) out->format = "i";
    mine->dictionary = schema->dictionaries.count;
    wr_push(arena, &schema->dictionaries,
            ((wr_ipc_dictionary){.id = mine->dictionary, .values = out->dictionary}));
}

weir_status wr_ipc_schema_make(const wr_schema *schema, bool text_views, wr_arena *arena,
                               wr_ipc_schema *out)
{
    struct ArrowSchema exported;
    *out = (wr_ipc_schema){0};
    WR_TRY(wr_arrow_export_schema(schema, &exported));
    make_field(&exported, text_views, arena, out, &out->root);
    exported.release(&exported);
    return WR_OK;
}

static uint32_t put_type(wr_flat_out *out, const struct ArrowSchema *s, int *type)
{
    const char *f = s->format;
    int row = row_of(f), precision, scale, bits = 128;
    if (row >= 0) {
        *type = rows[row].type;
        wr_flat_begin(out);
        for (int i = 0; i < 2; i++)
            if (parameters[*type].size[i])
                wr_flat_set_int(out, i, parameters[*type].size[i], rows[row].value[i]);
        return wr_flat_end(out);
    }
    if (strncmp(f, "ts", 2) == 0) {
        *type = T_TIMESTAMP;
        uint32_t zone = f[4] ? wr_flat_put_text(out, wr_str_of(f + 4)) : 0;
        wr_flat_begin(out);
        if (zone) wr_flat_set_ref(out, 1, zone);
        wr_flat_set_int(out, 0, 2, strchr(units, f[2]) - units);
        return wr_flat_end(out);
    }
    wr_flat_begin(out);
    if (sscanf(f, "d:%d,%d,%d", &precision, &scale, &bits) >= 2) {
        *type = T_DECIMAL;
        wr_flat_set_int(out, 0, 4, precision);
        wr_flat_set_int(out, 1, 4, scale);
        wr_flat_set_int(out, 2, 4, bits);
        return wr_flat_end(out);
    }
    int64_t size = 0;
    *type = f[0] == '+' ? T_FIXED_LIST : T_FIXED_BINARY;
    bool is_size = wr_i64_read(wr_str_of(strchr(f, ':') + 1), &size, NULL);
    wr_assert(is_size);
    wr_flat_set_int(out, 0, 4, size);
    return wr_flat_end(out);
}

static uint32_t put_metadata(wr_flat_out *out, const char *metadata)
{
    int32_t length[2];
    memcpy(&length[0], metadata + 4, 4);
    memcpy(&length[1], metadata + 8 + length[0], 4);
    uint32_t key = wr_flat_put_text(out, (wr_str){metadata + 8, (size_t)length[0]});
    uint32_t value = wr_flat_put_text(out, (wr_str){metadata + 12 + length[0], (size_t)length[1]});
    wr_flat_begin(out);
    wr_flat_set_ref(out, 0, key);
    wr_flat_set_ref(out, 1, value);
    uint32_t pair = wr_flat_end(out);
    return wr_flat_put_refs(out, &pair, 1);
}

static uint32_t put_encoding(wr_flat_out *out, const wr_ipc_schema *schema,
                             const struct ArrowSchema *s)
{
    int type;
    uint32_t index = put_type(out, s, &type);
    wr_flat_begin(out);
    wr_flat_set_int(out, 0, 8,
                    schema->dictionaries.items[((wr_ipc_field *)s->private_data)->dictionary].id);
    wr_flat_set_ref(out, 1, index);
    return wr_flat_end(out);
}

static uint32_t put_field(wr_flat_out *out, const wr_ipc_schema *schema,
                          const struct ArrowSchema *s);

static uint32_t put_fields(wr_flat_out *out, const wr_ipc_schema *schema,
                           const struct ArrowSchema *parent)
{
    uint32_t *refs = wr_new_array(out->arena, uint32_t, parent->n_children + 1);
    for (int64_t i = 0; i < parent->n_children; i++)
        refs[i] = put_field(out, schema, parent->children[i]);
    return wr_flat_put_refs(out, refs, (size_t)parent->n_children);
}

static uint32_t put_field(wr_flat_out *out, const wr_ipc_schema *schema,
                          const struct ArrowSchema *s)
{
    const struct ArrowSchema *typed = s->dictionary ? s->dictionary : s;
    int number;
    uint32_t name = wr_flat_put_text(out, wr_str_of(s->name));
    uint32_t children = put_fields(out, schema, typed);
    uint32_t type = put_type(out, typed, &number);
    uint32_t metadata = typed->metadata ? put_metadata(out, typed->metadata) : 0;
    uint32_t encoding = s->dictionary ? put_encoding(out, schema, s) : 0;
    wr_flat_begin(out);
    wr_flat_set_ref(out, 0, name);
    wr_flat_set_ref(out, 3, type);
    wr_flat_set_ref(out, 5, children);
    if (metadata) wr_flat_set_ref(out, 6, metadata);
    if (encoding) wr_flat_set_ref(out, 4, encoding);
    wr_flat_set_int(out, 1, 1, (s->flags & ARROW_FLAG_NULLABLE) != 0);
    wr_flat_set_int(out, 2, 1, number);
    return wr_flat_end(out);
}

uint32_t wr_ipc_schema_put(wr_flat_out *out, const wr_ipc_schema *schema)
{
    uint32_t fields = put_fields(out, schema, &schema->root);
    wr_flat_begin(out);
    wr_flat_set_int(out, 0, 2, 0);
    wr_flat_set_ref(out, 1, fields);
    return wr_flat_end(out);
}
