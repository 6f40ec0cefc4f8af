/* build.c - columns made of JSON values, row by row, nested types included.
 *
 * A builder mirrors its type: a STRUCT has one child per field, LIST and MAP one child that grows
 * freely, ARRAY one child with a fixed number of rows per row. Every way of adding a row adds
 * exactly one to each level that shares its row numbers, so a row that fails half-way is taken back
 * by cutting all levels to the same number. */
#include "fmt/json/json.h"
#include "fmt/fast_cell.h"

bool wr_json_supports(const wr_type *type)
{
    if (type->id == WR_T_STRUCT) {
        for (int i = 0; i < type->field_count; i++)
            if (!wr_json_supports(type->fields[i].type)) return false;
        return type->field_count > 0;
    }
    if (type->id == WR_T_MAP)
        return type->child->fields[0].type->phys == WR_P_VIEW &&
               wr_json_supports(type->child->fields[1].type);
    if (type->child) return wr_json_supports(type->child);
    return wr_cell_supports(type);
}

wr_json_builder *wr_json_builder_new(wr_mem *mem, const wr_type *type)
{
    wr_json_builder *b = wr_heap_new(sizeof *b);
    b->type = type;
    b->mem = mem;
    b->width = wr_phys_size(type->phys);
    b->child_count = type->id == WR_T_STRUCT ? type->field_count : type->child ? 1 : 0;
    if (b->child_count == 0) return b;
    b->children = wr_heap_new((size_t)b->child_count * sizeof *b->children);
    b->child_columns = wr_heap_new((size_t)b->child_count * sizeof *b->child_columns);
    b->seen = wr_heap_new((size_t)b->child_count * sizeof *b->seen);
    for (int i = 0; i < b->child_count; i++)
        b->children[i] =
            wr_json_builder_new(mem, type->id == WR_T_STRUCT ? type->fields[i].type : type->child);
    return b;
}

void wr_json_builder_drop(wr_json_builder *b)
{
    if (!b) return;
    for (int i = 0; i < b->child_count; i++)
        wr_json_builder_drop(b->children[i]);
    wr_mem_free(b->mem, b->data, b->data ? b->width * b->cap : 0);
    wr_mem_free(b->mem, b->valid, b->valid_cap / 64 * 8);
    wr_heap_drop(b->children);
    wr_heap_drop(b->child_columns);
    wr_heap_drop(b->seen);
    wr_heap_drop(b);
}

void wr_json_builder_reset(wr_json_builder *b)
{
    b->rows = 0;
    b->has_nulls = false;
    for (int i = 0; i < b->child_count; i++) {
        b->seen[i] = 0;
        wr_json_builder_reset(b->children[i]);
    }
}

void wr_json_builder_truncate(wr_json_builder *b, uint32_t rows)
{
    if (b->rows > rows) b->rows = rows;
    for (int i = 0; i < b->child_count; i++) {
        if (b->seen[i] > rows) b->seen[i] = 0;
        if (b->type->id == WR_T_STRUCT) wr_json_builder_truncate(b->children[i], rows);
        if (b->type->id == WR_T_ARRAY)
            wr_json_builder_truncate(b->children[i], rows * b->type->array_length);
    }
}

uint32_t wr_json_builder_rows(const wr_json_builder *b) { return b->rows; }

static weir_status grow(wr_json_builder *b)
{
    if (b->cap >= (uint32_t)1 << 30)
        return wr_fail(WR_E_TOO_BIG, "a list of more than 2^30 elements in one batch");
    uint32_t cap = b->cap ? b->cap * 2 : 256;
    if (b->valid_cap < cap) {
        void *valid = b->valid;
        WR_TRY(wr_mem_grow(b->mem, &valid, b->valid_cap / 64 * 8, cap / 64 * 8));
        b->valid = valid;
        b->valid_cap = cap;
        if (b->has_nulls) memset((char *)valid + b->cap / 64 * 8, 0xff, (cap - b->cap) / 64 * 8);
    }
    if (b->width) WR_TRY(wr_mem_grow(b->mem, &b->data, b->width * b->cap, b->width * cap));
    b->cap = cap;
    return WR_OK;
}

/* The slot of the next row, marked present. NULL: build->status. */
static void *next_slot(wr_json_build *build, wr_json_builder *b)
{
    if (b->rows == b->cap) {
        build->status = grow(b);
        if (build->status) return NULL;
    }
    if (b->has_nulls) wr_bit_set(b->valid, b->rows);
    static char nothing[16];
    return b->width ? (char *)b->data + b->width * b->rows++ : (b->rows++, nothing);
}

wr_json_fault wr_json_build_null(wr_json_build *build, wr_json_builder *b)
{
    void *slot = next_slot(build, b);
    if (!slot) return JSON_MEMORY;
    if (!b->has_nulls) {
        memset(b->valid, 0xff, b->valid_cap / 64 * 8);
        b->has_nulls = true;
    }
    wr_bit_clear(b->valid, b->rows - 1);
    memset(slot, 0, b->width);
    if (b->type->id == WR_T_LIST || b->type->id == WR_T_MAP)
        ((wr_list_slot *)slot)->offset = b->children[0]->rows;
    uint32_t times = b->type->id == WR_T_STRUCT  ? 1
                     : b->type->id == WR_T_ARRAY ? b->type->array_length
                                                 : 0;
    for (uint32_t n = 0; n < times; n++)
        for (int i = 0; i < b->child_count; i++) {
            wr_json_fault fault = wr_json_build_null(build, b->children[i]);
            if (fault) return fault;
        }
    return JSON_OK;
}

static wr_json_fault is_bad(wr_json_build *build, const wr_json_builder *b, wr_str value)
{
    build->bad = value;
    build->bad_type = b->type;
    build->path = (wr_str){0};
    return JSON_VALUE;
}

/* Puts a step before the path to a bad value, on the way back to its column. */
static wr_json_fault in_field(wr_json_build *build, wr_json_fault fault, wr_str name)
{
    if (fault == JSON_VALUE || fault == JSON_SURROGATE)
        build->path =
            wr_arena_printf(build->arena, ".%.*s%.*s", (int)WR_MIN(name.length, (size_t)60),
                            name.data, WR_STR_ARGS(build->path));
    return fault;
}

static wr_json_fault in_element(wr_json_build *build, wr_json_fault fault, uint32_t number)
{
    if (fault == JSON_VALUE || fault == JSON_SURROGATE)
        build->path = wr_arena_printf(build->arena, "[%u]%.*s", number, WR_STR_ARGS(build->path));
    return fault;
}

/* Finds the field of a key, looking first where it is expected. -1: none. */
static int find_field(wr_json_builder *b, wr_str key)
{
    const wr_field *fields = b->type->fields;
    int at = b->next_field < b->child_count ? b->next_field : 0;
    for (int n = 0; n < b->child_count; n++) {
        if (wr_str_eq(fields[at].name, key)) return b->next_field = at + 1, at;
        if (++at == b->child_count) at = 0;
    }
    for (int i = 0; i < b->child_count; i++)
        if (wr_str_ieq(fields[i].name, key)) return i;
    return -1;
}

static wr_json_fault syntax(wr_json_build *build, const char *error)
{
    build->text->error = error;
    return JSON_SYNTAX;
}

/* Takes `"key" :` */
static wr_json_fault take_key(wr_json_build *build, wr_str *key)
{
    wr_json_text *t = build->text;
    bool has_escapes;
    wr_json_skip_blanks(t);
    if (t->at >= t->end || *t->at != '"') return syntax(build, "a key in quotes is expected here");
    if (!wr_json_take_string(t, key, &has_escapes)) return JSON_SYNTAX;
    if (has_escapes) {
        char *plain = wr_arena_alloc(build->arena, key->length + 4);
        size_t length = 0;
        build->bad = *key;
        build->path = (wr_str){0};
        if (!wr_json_unescape(*key, plain, &length)) return JSON_SURROGATE;
        *key = (wr_str){plain, length};
    }
    wr_json_skip_blanks(t);
    if (t->at >= t->end || *t->at != ':') return syntax(build, "a colon is expected here");
    t->at++;
    return JSON_OK;
}

/* Behind a member or element: true if another follows; false at the closing bracket (taken) or an
 * error. */
static bool take_comma(wr_json_text *t, char close, wr_json_fault *fault)
{
    wr_json_skip_blanks(t);
    *fault = JSON_OK;
    if (t->at < t->end && *t->at == close) return t->at++, false;
    if (t->at < t->end && *t->at == ',') return t->at++, true;
    t->error = close == '}' ? "a comma or } is expected here" : "a comma or ] is expected here";
    *fault = JSON_SYNTAX;
    return false;
}

static bool is_empty(wr_json_text *t, char close)
{
    t->at++;
    wr_json_skip_blanks(t);
    if (t->at >= t->end || *t->at != close) return false;
    t->at++;
    return true;
}

static wr_json_fault build_struct(wr_json_build *build, wr_json_builder *b, int depth)
{
    wr_json_fault fault = JSON_OK;
    uint32_t row = b->rows;
    if (!next_slot(build, b)) return JSON_MEMORY;
    b->next_field = 0;
    bool more = !is_empty(build->text, '}');
    while (more) {
        wr_str key;
        if ((fault = take_key(build, &key))) return fault;
        int field = find_field(b, key);
        if (field < 0 && build->rules->strict_keys) return build->bad = key, JSON_KEY;
        if (field < 0) {
            if (!wr_json_skip_value(build->text, depth + 1, NULL)) return JSON_SYNTAX;
        } else {
            if (b->seen[field] == row + 1)
                wr_json_builder_truncate(b->children[field], row); /* the last one wins */
            b->seen[field] = row + 1;
            if ((fault = wr_json_build_value(build, b->children[field], depth + 1)))
                return in_field(build, fault, b->type->fields[field].name);
        }
        more = take_comma(build->text, '}', &fault);
        if (fault) return fault;
    }
    for (int i = 0; i < b->child_count; i++) {
        if (b->seen[i] == row + 1) continue;
        if ((fault = wr_json_build_null(build, b->children[i]))) return fault;
    }
    return JSON_OK;
}

static wr_json_fault build_map(wr_json_build *build, wr_json_builder *b, int depth)
{
    wr_json_fault fault = JSON_OK;
    wr_json_builder *entry = b->children[0];
    wr_list_slot slot = {entry->rows, 0};
    bool more = !is_empty(build->text, '}');
    while (more) {
        wr_str key;
        if ((fault = take_key(build, &key))) return fault;
        wr_view *at = next_slot(build, entry->children[0]);
        if (!at || !next_slot(build, entry)) return JSON_MEMORY;
        *at = wr_view_of(key.data, key.length);
        if ((fault = wr_json_build_value(build, entry->children[1], depth + 2)))
            return in_field(build, fault, key);
        slot.length++;
        more = take_comma(build->text, '}', &fault);
        if (fault) return fault;
    }
    wr_list_slot *out = next_slot(build, b);
    if (!out) return JSON_MEMORY;
    *out = slot;
    return JSON_OK;
}

/* LIST and ARRAY. */
static wr_json_fault build_list(wr_json_build *build, wr_json_builder *b, int depth)
{
    wr_json_fault fault = JSON_OK;
    wr_json_builder *element = b->children[0];
    const char *start = build->text->at;
    wr_list_slot slot = {element->rows, 0};
    bool more = !is_empty(build->text, ']');
    while (more) {
        if ((fault = wr_json_build_value(build, element, depth + 1)))
            return in_element(build, fault, slot.length + 1);
        slot.length++;
        more = take_comma(build->text, ']', &fault);
        if (fault) return fault;
    }
    if (b->type->id == WR_T_ARRAY && slot.length != b->type->array_length)
        return is_bad(build, b, (wr_str){start, (size_t)(build->text->at - start)});
    void *out = next_slot(build, b);
    if (!out) return JSON_MEMORY;
    if (b->type->id == WR_T_LIST) *(wr_list_slot *)out = slot;
    return JSON_OK;
}

wr_json_fault wr_json_build_simple_text(wr_json_build *build, wr_json_builder *b, wr_str raw)
{
    const wr_type *type = b->type;
    void *slot = next_slot(build, b);
    if (!slot) return JSON_MEMORY;
    if (type->phys == WR_P_VIEW && type->id != WR_T_JSON)
        return fast_view(raw.data, raw.length, slot), JSON_OK;
    if (type->id == WR_T_JSON) {
        *(wr_view *)slot = wr_view_of(raw.data - 1, raw.length + 2);
        return JSON_OK;
    }
    const wr_cell_rules *rules = &build->rules->cells;
    if (type->id == WR_T_DATE && raw.length == 10 && rules->date_format.length == 0 &&
        fast_date(raw.data, slot))
        return JSON_OK;
    if (!wr_cell_supports(type) || !wr_cell_read(rules, type, raw, slot))
        return is_bad(build, b, raw);
    return JSON_OK;
}

static wr_json_fault build_text(wr_json_build *build, wr_json_builder *b)
{
    wr_str raw, text;
    bool has_escapes;
    if (!wr_json_take_string(build->text, &raw, &has_escapes)) return JSON_SYNTAX;
    if (!has_escapes) return wr_json_build_simple_text(build, b, raw);
    build->status = wr_arena_admit(build->arena, raw.length);
    if (build->status) return JSON_MEMORY;
    char *plain = wr_arena_alloc(build->arena, raw.length + 4);
    build->bad = raw;
    build->path = (wr_str){0};
    if (!wr_json_unescape(raw, plain, &text.length)) return JSON_SURROGATE;
    text.data = plain;
    void *slot = next_slot(build, b);
    if (!slot) return JSON_MEMORY;
    if (b->type->phys == WR_P_VIEW && b->type->id != WR_T_JSON) {
        *(wr_view *)slot = wr_view_of(text.data, text.length);
        return JSON_OK;
    }
    if (b->type->id == WR_T_JSON) {
        *(wr_view *)slot = wr_view_of(raw.data - 1, raw.length + 2);
        return JSON_OK;
    }
    if (!wr_cell_supports(b->type) || !wr_cell_read(&build->rules->cells, b->type, text, slot))
        return is_bad(build, b, raw);
    return JSON_OK;
}

/* The spellings that come most; false: the general reader decides. */
static inline bool read_number(const wr_type *type, wr_str raw, void *slot)
{
    int64_t value;
    switch (type->id) {
    case WR_T_BIGINT:
        return fast_int(raw, slot);
    case WR_T_INTEGER:
        if (!fast_int(raw, &value) || value != (int32_t)value) return false;
        *(int32_t *)slot = (int32_t)value;
        return true;
    case WR_T_DOUBLE:
        return fast_double(raw, slot);
    case WR_T_DECIMAL:
        if (type->phys != WR_P_I64 || type->precision > 18) return false;
        return fast_decimal(raw, type->scale, wr_pow10_i64[type->precision], slot);
    default:
        return false;
    }
}

static wr_json_fault add_plain(wr_json_build *build, wr_json_builder *b, wr_str raw, bool is_word)
{
    void *slot = next_slot(build, b);
    if (!slot) return JSON_MEMORY;
    if (!is_word && read_number(b->type, raw, slot)) return JSON_OK;
    if (is_word != (b->type->id == WR_T_BOOLEAN) && b->type->phys != WR_P_VIEW)
        return is_bad(build, b, raw);
    wr_cell_rules plain = {.decimal_separator = '.'};
    if (!wr_cell_supports(b->type) || !wr_cell_read(&plain, b->type, raw, slot))
        return is_bad(build, b, raw);
    return JSON_OK;
}

wr_json_fault wr_json_build_number(wr_json_build *build, wr_json_builder *b, wr_str raw)
{
    return add_plain(build, b, raw, false);
}

/* Numbers, true and false. */
static wr_json_fault build_plain(wr_json_build *build, wr_json_builder *b, int depth)
{
    wr_str raw;
    if (!wr_json_skip_value(build->text, depth, &raw)) return JSON_SYNTAX;
    return add_plain(build, b, raw, raw.data[0] == 't' || raw.data[0] == 'f');
}

wr_json_fault wr_json_build_value(wr_json_build *build, wr_json_builder *b, int depth)
{
    wr_json_text *t = build->text;
    wr_json_skip_blanks(t);
    if (t->at >= t->end) return syntax(build, "a value is missing");
    if (depth > t->depth_max) return syntax(build, "it is nested too deeply");
    char c = *t->at;
    if (c == 'n') {
        if (!wr_json_take_word(t, "null")) return JSON_SYNTAX;
        return wr_json_build_null(build, b);
    }
    if (c == '{' && b->type->id == WR_T_STRUCT) return build_struct(build, b, depth);
    if (c == '{' && b->type->id == WR_T_MAP) return build_map(build, b, depth);
    if (c == '[' && (b->type->id == WR_T_LIST || b->type->id == WR_T_ARRAY))
        return build_list(build, b, depth);
    if (c == '"') return build_text(build, b);
    if (c != '{' && c != '[') return build_plain(build, b, depth);
    wr_str raw;
    if (!wr_json_skip_value(t, depth, &raw)) return JSON_SYNTAX;
    if (b->type->phys != WR_P_VIEW || b->type->id == WR_T_BLOB) return is_bad(build, b, raw);
    wr_view *slot = next_slot(build, b);
    if (!slot) return JSON_MEMORY;
    *slot = wr_view_of(raw.data, raw.length);
    return JSON_OK;
}

void wr_json_builder_column(wr_json_builder *b, wr_column *out)
{
    *out = (wr_column){.type = b->type,
                       .form = WR_FLAT,
                       .phys = b->type->phys,
                       .rows = b->rows,
                       .data = b->data,
                       .valid = b->has_nulls ? b->valid : NULL};
    for (int i = 0; i < b->child_count; i++)
        wr_json_builder_column(b->children[i], &b->child_columns[i]);
    if (b->child_count > 0) out->children = b->child_columns;
}
