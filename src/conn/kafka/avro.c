/* avro.c - schemas of Avro: JSON text to a graph of types, and the schema of given columns.
 *
 * Named types are known from the moment their name was read, so a type may contain itself. A name
 * without dots belongs to the namespace around it. Schemas come from strangers: depth and sizes are
 * limited, and what is not understood is an error. */
#include "conn/kafka/avro.h"
#include "base/json.h"
#include "base/map.h"

enum { DEPTH_MAX = 64, STEPS_MAX = 10000 };

typedef struct schema_text {
    wr_arena *arena;
    wr_map named;
} schema_text;

static const char *const primitives[] = {"null",  "boolean", "int",   "long",
                                         "float", "double",  "bytes", "string"};

static weir_status malformed(const char *what)
{
    return wr_fail(WR_E_BAD_VALUE, "the Avro schema is wrong: %s", what);
}

static weir_status parse(schema_text *s, wr_str text, wr_str space, int depth, avro_node **out);

/* ---- pieces of JSON ---- */
/* The text of a member; *has false: there is none. */
static weir_status text_member(schema_text *s, wr_str object, const char *name, wr_str *out,
                               bool *has)
{
    wr_str value;
    WR_BUF(text);
    *has = wr_json_find(object, wr_str_of(name), &value);
    if (!*has) return WR_OK;
    if (wr_json_kind_of(value) != WR_JSON_STRING || !wr_json_unquote(value, &text))
        return malformed(name);
    *out = wr_arena_str(s->arena, wr_buf_str(&text));
    return WR_OK;
}

static bool number_member(wr_str object, const char *name, int64_t *out)
{
    wr_str value;
    return wr_json_find(object, wr_str_of(name), &value) && wr_i64_read(value, out, NULL);
}

static int count_members(wr_str list)
{
    wr_json_members members;
    wr_str key, value;
    int count = 0;
    for (wr_json_begin(list, &members); wr_json_next(&members, &key, &value);)
        count++;
    return count;
}

/* ---- types ---- */
static wr_str full_name(schema_text *s, wr_str name, wr_str space)
{
    if (memchr(name.data, '.', name.length) || space.length == 0) return name;
    return wr_arena_printf(s->arena, "%.*s.%.*s", WR_STR_ARGS(space), WR_STR_ARGS(name));
}

static weir_status by_name(schema_text *s, wr_str name, wr_str space, avro_node **out)
{
    for (size_t i = 0; i < WR_COUNT(primitives); i++) {
        if (!wr_str_eq(name, wr_str_of(primitives[i]))) continue;
        *out = wr_new(s->arena, avro_node);
        (*out)->kind = (avro_kind)i;
        return WR_OK;
    }
    *out = wr_map_get(&s->named, full_name(s, name, space));
    if (!*out) *out = wr_map_get(&s->named, name);
    if (*out) return WR_OK;
    return wr_fail(WR_E_BAD_VALUE, "the Avro schema is wrong: there is no type \"%.*s\"",
                   WR_STR_ARGS(name));
}

static void read_logical(const schema_text *s, wr_str object, wr_str logical, avro_node *node)
{
    static const struct {
        const char *name;
        avro_kind kind;
        avro_logical logical;
    } known[] = {{"date", AVRO_INT, AVRO_DATE},
                 {"time-millis", AVRO_INT, AVRO_TIME_MILLIS},
                 {"time-micros", AVRO_LONG, AVRO_TIME_MICROS},
                 {"timestamp-millis", AVRO_LONG, AVRO_TIMESTAMP_MILLIS},
                 {"timestamp-micros", AVRO_LONG, AVRO_TIMESTAMP_MICROS},
                 {"local-timestamp-millis", AVRO_LONG, AVRO_TIMESTAMP_MILLIS},
                 {"local-timestamp-micros", AVRO_LONG, AVRO_TIMESTAMP_MICROS},
                 {"decimal", AVRO_BYTES, AVRO_DECIMAL},
                 {"decimal", AVRO_FIXED, AVRO_DECIMAL}};
    int64_t scale = 0, precision = 0;
    (void)s;
    for (size_t i = 0; i < WR_COUNT(known); i++)
        if (wr_str_is(logical, known[i].name) && node->kind == known[i].kind)
            node->logical = known[i].logical;
    if (node->logical != AVRO_DECIMAL) return;
    number_member(object, "scale", &scale);
    bool is_sound = number_member(object, "precision", &precision) && precision >= 1 &&
                    precision <= 38 && scale >= 0 && scale <= precision;
    if (!is_sound) node->logical = AVRO_PLAIN; /* as the standard says of what is not valid */
    node->scale = (int)scale;
    node->precision = (int)precision;
}

static weir_status parse_fields(schema_text *s, wr_str object, wr_str space, int depth,
                                avro_node *node)
{
    wr_str list, key, field;
    wr_json_members members;
    bool has;
    if (!wr_json_find(object, WR_STR("fields"), &list) || wr_json_kind_of(list) != WR_JSON_ARRAY)
        return malformed("a record has no fields");
    int count = count_members(list);
    node->parts = wr_new_array(s->arena, avro_node *, count + 1);
    node->names = wr_new_array(s->arena, wr_str, count + 1);
    for (wr_json_begin(list, &members); wr_json_next(&members, &key, &field);) {
        wr_str type;
        WR_TRY(text_member(s, field, "name", &node->names[node->count], &has));
        if (!has || !wr_json_find(field, WR_STR("type"), &type))
            return malformed("a field has no name or no type");
        WR_TRY(parse(s, type, space, depth + 1, &node->parts[node->count]));
        node->count++;
    }
    return WR_OK;
}

static weir_status parse_symbols(schema_text *s, wr_str object, avro_node *node)
{
    wr_str list, key, symbol;
    wr_json_members members;
    if (!wr_json_find(object, WR_STR("symbols"), &list) || wr_json_kind_of(list) != WR_JSON_ARRAY)
        return malformed("an enum has no symbols");
    node->names = wr_new_array(s->arena, wr_str, count_members(list) + 1);
    for (wr_json_begin(list, &members); wr_json_next(&members, &key, &symbol);) {
        WR_BUF(text);
        if (wr_json_kind_of(symbol) != WR_JSON_STRING || !wr_json_unquote(symbol, &text))
            return malformed("a symbol is not a text");
        node->names[node->count++] = wr_arena_str(s->arena, wr_buf_str(&text));
    }
    return WR_OK;
}

/* record, enum, fixed */
static weir_status parse_named(schema_text *s, wr_str object, wr_str space, int depth,
                               avro_node *node)
{
    bool has_name, has_space;
    wr_str name = {0};
    int64_t size;
    WR_TRY(text_member(s, object, "name", &name, &has_name));
    WR_TRY(text_member(s, object, "namespace", &space, &has_space));
    if (!has_name || name.length == 0) return malformed("a named type has no name");
    node->name = full_name(s, name, space);
    ptrdiff_t dot = -1;
    for (size_t i = 0; i < node->name.length; i++)
        if (node->name.data[i] == '.') dot = (ptrdiff_t)i;
    if (dot >= 0) space = (wr_str){node->name.data, (size_t)dot};
    if (wr_map_get(&s->named, node->name)) return malformed("a type is defined twice");
    wr_map_put(&s->named, node->name, node);
    if (node->kind == AVRO_RECORD) return parse_fields(s, object, space, depth, node);
    if (node->kind == AVRO_ENUM) return parse_symbols(s, object, node);
    if (!number_member(object, "size", &size) || size < 0 || size > INT32_MAX)
        return malformed("a fixed has no size");
    node->size = (uint64_t)size;
    return WR_OK;
}

static weir_status parse_element(schema_text *s, wr_str object, const char *member, wr_str space,
                                 int depth, avro_node *node)
{
    wr_str type;
    if (!wr_json_find(object, wr_str_of(member), &type))
        return malformed("an array or map does not say of what");
    node->parts = wr_new_array(s->arena, avro_node *, 1);
    node->count = 1;
    return parse(s, type, space, depth + 1, &node->parts[0]);
}

static weir_status parse_object(schema_text *s, wr_str object, wr_str space, int depth,
                                avro_node **out)
{
    wr_str type, word = {0}, logical;
    bool has;
    if (!wr_json_find(object, WR_STR("type"), &type)) return malformed("a type is missing");
    if (wr_json_kind_of(type) != WR_JSON_STRING) return parse(s, type, space, depth + 1, out);
    WR_TRY(text_member(s, object, "type", &word, &has));
    avro_node *node = wr_new(s->arena, avro_node);
    *out = node;
    if (wr_str_is(word, "record") || wr_str_is(word, "error"))
        node->kind = AVRO_RECORD;
    else if (wr_str_is(word, "enum"))
        node->kind = AVRO_ENUM;
    else if (wr_str_is(word, "fixed"))
        node->kind = AVRO_FIXED;
    else if (wr_str_is(word, "array"))
        return node->kind = AVRO_ARRAY, parse_element(s, object, "items", space, depth, node);
    else if (wr_str_is(word, "map"))
        return node->kind = AVRO_MAP, parse_element(s, object, "values", space, depth, node);
    else
        WR_TRY(by_name(s, word, space, out));
    if ((*out) == node) WR_TRY(parse_named(s, object, space, depth, node));
    WR_TRY(text_member(s, object, "logicalType", &logical, &has));
    if (has) read_logical(s, object, logical, *out);
    return WR_OK;
}

static weir_status parse_union(schema_text *s, wr_str list, wr_str space, int depth,
                               avro_node **out)
{
    wr_json_members members;
    wr_str key, type;
    avro_node *node = *out = wr_new(s->arena, avro_node);
    node->kind = AVRO_UNION;
    node->parts = wr_new_array(s->arena, avro_node *, count_members(list) + 1);
    for (wr_json_begin(list, &members); wr_json_next(&members, &key, &type);) {
        WR_TRY(parse(s, type, space, depth + 1, &node->parts[node->count]));
        node->count++;
    }
    return WR_OK;
}

static weir_status parse(schema_text *s, wr_str text, wr_str space, int depth, avro_node **out)
{
    WR_BUF(name);
    if (depth > DEPTH_MAX) return malformed("it is nested too deeply");
    switch (wr_json_kind_of(text)) {
    case WR_JSON_STRING:
        if (!wr_json_unquote(text, &name)) return malformed("a name is no text");
        return by_name(s, wr_arena_str(s->arena, wr_buf_str(&name)), space, out);
    case WR_JSON_ARRAY:
        return parse_union(s, text, space, depth, out);
    case WR_JSON_OBJECT:
        return parse_object(s, text, space, depth, out);
    default:
        return malformed("a type is a name, a list or an object");
    }
}

weir_status wr_avro_schema(wr_str text, wr_arena *arena, const avro_node **out)
{
    schema_text s = {.arena = arena};
    avro_node *node = NULL;
    text = wr_str_trim(text);
    if (!wr_json_valid(text)) return malformed("it is not valid JSON");
    weir_status bad = parse(&s, text, WR_STR(""), 0, &node);
    wr_map_clear(&s.named);
    *out = node;
    return bad;
}

/* ---- the schema of columns ---- */
static void add_type(const wr_type *type, wr_str name, wr_buf *out);

static void add_record(const wr_field *fields, int count, wr_str name, wr_buf *out)
{
    wr_buf_add_text(out, "{\"type\":\"record\",\"name\":");
    wr_buf_add_json(out, name);
    wr_buf_add_text(out, ",\"fields\":[");
    for (int i = 0; i < count; i++) {
        WR_BUF(inner);
        wr_buf_printf(&inner, "%.*s_%.*s", WR_STR_ARGS(name), WR_STR_ARGS(fields[i].name));
        wr_buf_add_text(out, i ? ",{\"name\":" : "{\"name\":");
        wr_buf_add_json(out, fields[i].name);
        wr_buf_add_text(out, ",\"type\":[\"null\",");
        add_type(fields[i].type, wr_buf_str(&inner), out);
        wr_buf_add_text(out, "],\"default\":null}");
    }
    wr_buf_add_text(out, "]}");
}

static void add_logical(wr_buf *out, const char *type, const char *logical)
{
    wr_buf_printf(out, "{\"type\":\"%s\",\"logicalType\":\"%s\"}", type, logical);
}

static void add_nested(const wr_type *type, wr_str name, wr_buf *out)
{
    if (type->id == WR_T_STRUCT) {
        add_record(type->fields, type->field_count, name, out);
        return;
    }
    bool is_map = type->id == WR_T_MAP;
    wr_buf_add_text(out, is_map ? "{\"type\":\"map\",\"values\":[\"null\","
                                : "{\"type\":\"array\",\"items\":[\"null\",");
    add_type(is_map ? type->child->fields[1].type : type->child, name, out);
    wr_buf_add_text(out, "]}");
}

static void add_type(const wr_type *type, wr_str name, wr_buf *out)
{
    switch (type->id) {
    case WR_T_BOOLEAN:
        wr_buf_add_text(out, "\"boolean\"");
        break;
    case WR_T_REAL:
        wr_buf_add_text(out, "\"float\"");
        break;
    case WR_T_DOUBLE:
        wr_buf_add_text(out, "\"double\"");
        break;
    case WR_T_BLOB:
        wr_buf_add_text(out, "\"bytes\"");
        break;
    case WR_T_DATE:
        add_logical(out, "int", "date");
        break;
    case WR_T_TIME:
        add_logical(out, "long", "time-micros");
        break;
    case WR_T_TIMESTAMP:
    case WR_T_TIMESTAMPTZ:
        add_logical(out, "long", "timestamp-micros");
        break;
    case WR_T_DECIMAL:
        wr_buf_printf(out,
                      "{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":%d,"
                      "\"scale\":%d}",
                      type->precision, type->scale);
        break;
    default:
        if (wr_type_is_nested(type))
            add_nested(type, name, out);
        else if (wr_type_is_integer(type) && type->id != WR_T_HUGEINT && type->id != WR_T_UBIGINT)
            wr_buf_add_text(out, wr_phys_size(type->phys) < 4 || type->id == WR_T_INTEGER
                                     ? "\"int\""
                                     : "\"long\"");
        else
            wr_buf_add_text(out, "\"string\"");
    }
}

void wr_avro_schema_of(const wr_schema *schema, wr_str name, wr_buf *out)
{
    add_record(schema->fields, schema->count, name, out);
}

/* ---- columns of a schema ----
 * left: how many more types are looked at; one that is named again and again would have no end. */
static const wr_type *type_of(const avro_node *node, int depth, int *left);

static const wr_type *type_of_parts(const avro_node *node, int depth, int *left)
{
    WR_ARENA(scratch);
    if (depth > DEPTH_MAX || node->count == 0) return wr_type_of(WR_T_JSON);
    if (node->kind == AVRO_ARRAY) return wr_type_list(type_of(node->parts[0], depth + 1, left));
    if (node->kind == AVRO_MAP)
        return wr_type_map(WR_VARCHAR, type_of(node->parts[0], depth + 1, left));
    if (node->kind == AVRO_UNION) {
        const avro_node *only = NULL;
        for (int i = 0; i < node->count; i++) {
            if (node->parts[i]->kind == AVRO_NULL) continue;
            if (only) return wr_type_of(WR_T_JSON);
            only = node->parts[i];
        }
        return only ? type_of(only, depth + 1, left) : wr_type_of(WR_T_JSON);
    }
    wr_field *fields = wr_new_array(&scratch, wr_field, node->count);
    for (int i = 0; i < node->count; i++)
        fields[i] = (wr_field){node->names[i], type_of(node->parts[i], depth + 1, left)};
    return wr_type_struct(fields, node->count);
}

/* Is the type part of itself? Then it has no end in SQL. */
static bool holds(const avro_node *node, const avro_node *wanted, int *left)
{
    if (--*left < 0) return true;
    for (int i = 0; node->kind != AVRO_ENUM && i < node->count; i++)
        if (node->parts[i] == wanted || holds(node->parts[i], wanted, left)) return true;
    return false;
}

static const wr_type *type_of(const avro_node *node, int depth, int *left)
{
    static const wr_type_id plain[] = {
        [AVRO_NULL] = WR_T_JSON,   [AVRO_BOOLEAN] = WR_T_BOOLEAN, [AVRO_INT] = WR_T_INTEGER,
        [AVRO_LONG] = WR_T_BIGINT, [AVRO_FLOAT] = WR_T_REAL,      [AVRO_DOUBLE] = WR_T_DOUBLE,
        [AVRO_BYTES] = WR_T_BLOB,  [AVRO_STRING] = WR_T_VARCHAR,  [AVRO_ENUM] = WR_T_VARCHAR,
        [AVRO_FIXED] = WR_T_BLOB};
    switch (node->logical) {
    case AVRO_DATE:
        return wr_type_of(WR_T_DATE);
    case AVRO_TIME_MILLIS:
    case AVRO_TIME_MICROS:
        return wr_type_of(WR_T_TIME);
    case AVRO_TIMESTAMP_MILLIS:
    case AVRO_TIMESTAMP_MICROS:
        return wr_type_of(WR_T_TIMESTAMP);
    case AVRO_DECIMAL:
        return wr_type_decimal(node->precision, node->scale);
    default:
        break;
    }
    bool has_parts = node->kind == AVRO_RECORD || node->kind == AVRO_ARRAY ||
                     node->kind == AVRO_MAP || node->kind == AVRO_UNION;
    if (!has_parts) return wr_type_of(plain[node->kind]);
    return --*left < 0 || holds(node, node, left) ? wr_type_of(WR_T_JSON)
                                                  : type_of_parts(node, depth, left);
}

void wr_avro_columns(const avro_node *record, wr_arena *arena, wr_schema *out)
{
    *out = (wr_schema){.fields = wr_new_array(arena, wr_field, record->count + 1)};
    for (int i = 0; i < record->count; i++) {
        int left = STEPS_MAX;
        out->fields[out->count++] =
            (wr_field){record->names[i], type_of(record->parts[i], 0, &left)};
    }
}
