/* nested.c - structs and maps: building and taking apart.
 *
 * A struct's fields are columns beside each other, so building one and taking a field costs no copy
 * of values. A map is a list of STRUCT(key, value) rows; keys are searched one by one. */
#include "expr/fn/call.h"
#include "expr/fn/pick.h"

/* ---- structs ---- */

static weir_status fn_struct_pack(wr_call *call, wr_column *out)
{
    out->children = wr_new_array(call->arena, wr_column, call->arg_count + 1);
    for (int a = 0; a < call->arg_count; a++)
        out->children[a] = call->args[a];
    return WR_OK;
}

static weir_status name_fields(wr_fn_bind *b, const wr_field *first, int first_count)
{
    int count = first_count + b->arg_count - (first_count ? 1 : 0), from = first_count ? 1 : 0;
    wr_field *fields = wr_new_array(b->arena, wr_field, count + 1);
    for (int f = 0; f < first_count; f++)
        fields[f] = first[f];
    for (int a = from; a < b->arg_count; a++) {
        bool is_named = b->names && b->names[a].length;
        const wr_expr *e = b->args[a];
        if (e->type->id == WR_T_NULL)
            WR_TRY(wr_bind_cast(b->arena, b->args[a], WR_INTEGER, false, b->span, &b->args[a]));
        fields[first_count + a - from] = (wr_field){
            is_named ? b->names[a] : wr_arena_printf(b->arena, "f%d", a + 1), b->args[a]->type};
    }
    for (int f = 0; f < count; f++)
        for (int g = 0; g < f; g++)
            if (wr_str_ieq(fields[f].name, fields[g].name))
                return wr_fail_at(WR_E_DUPLICATE_NAME, b->span,
                                  "the struct has two fields named \"%.*s\"",
                                  WR_STR_ARGS(fields[f].name));
    b->type = wr_type_struct(fields, count);
    return WR_OK;
}
static weir_status bind_struct_pack(wr_fn_bind *b) { return name_fields(b, NULL, 0); }

static weir_status fn_struct_insert(wr_call *call, wr_column *out)
{
    const wr_column *old = &call->args[0];
    int fields = old->type->field_count;
    out->children = wr_new_array(call->arena, wr_column, fields + call->arg_count);
    for (int f = 0; f < fields; f++)
        out->children[f] = old->children[f];
    for (int a = 1; a < call->arg_count; a++)
        out->children[fields + a - 1] = call->args[a];
    WR_ALL_ROWS(i)
    {
        if (wr_arg_is_null(call, 0, i)) wr_out_null(call, out, i);
    }
    return WR_OK;
}
static weir_status bind_struct_insert(wr_fn_bind *b)
{
    const wr_type *type = b->args[0]->type;
    return name_fields(b, type->fields, type->field_count);
}

typedef struct field_bound {
    int index;
} field_bound;

static weir_status fn_struct_extract(wr_call *call, wr_column *out)
{
    const field_bound *bound = call->bound;
    wr_pick *picks = wr_new_array(call->arena, wr_pick, call->rows + 1);
    WR_ALL_ROWS(i)
    {
        if (!wr_arg_is_null(call, 0, i))
            picks[i] = (wr_pick){&call->args[0].children[bound->index], i};
    }
    wr_column_pick(picks, call->rows, out->type, call->arena, out);
    return WR_OK;
}
static weir_status bind_struct_extract(wr_fn_bind *b)
{
    const wr_type *type = b->args[0]->type;
    wr_value which;
    int index = -1;
    if (!wr_bind_const(b, 1, &which) || which.is_null)
        return wr_fail_at(WR_E_BAD_ARGUMENT, b->args[1]->span,
                          "the field of a struct must be a constant");
    wr_nearest nearest = {.wanted = which.type == WR_VARCHAR ? which.text : WR_STR("")};
    if (which.type == WR_VARCHAR) {
        for (int f = 0; f < type->field_count; f++) {
            wr_nearest_offer(&nearest, type->fields[f].name);
            if (wr_str_ieq(type->fields[f].name, which.text)) index = f;
        }
    } else if (which.i64 >= 1 && which.i64 <= type->field_count) {
        index = (int)which.i64 - 1;
    }
    if (index < 0) {
        weir_status bad = wr_fail_at(WR_E_UNKNOWN_COLUMN, b->args[1]->span, "no such field in %s",
                                     wr_type_name(type));
        return which.type == WR_VARCHAR ? wr_with_nearest(bad, &nearest) : bad;
    }
    field_bound *bound = wr_new(b->arena, field_bound);
    bound->index = index;
    b->bound = bound;
    b->type = type->fields[index].type;
    return WR_OK;
}

/* ---- maps ---- */

/* Key or value (part 0 or 1) of entry k of the map at row i. */
static wr_pick entry_part(const wr_column *map, uint32_t i, uint32_t k, int part)
{
    uint32_t row;
    wr_pick entry = wr_pick_element(map, i, k);
    const wr_column *entries = wr_column_at(entry.column, entry.row, &row);
    return (wr_pick){&entries->children[part], row};
}

static bool is_repeated(const wr_pick *keys, int from, int at)
{
    for (int k = from; k < at; k++)
        if (wr_column_cmp(keys[k].column, keys[k].row, keys[at].column, keys[at].row) == 0)
            return true;
    return false;
}

typedef struct map_builder {
    WR_LIST(wr_pick) keys, values;
} map_builder;

static weir_status add_entry(wr_call *call, uint32_t i, map_builder *b, int from, wr_pick key,
                             wr_pick value)
{
    if (wr_column_is_null(key.column, key.row))
        return wr_bad_row(call, i, wr_fail(WR_E_BAD_ARGUMENT, "a key of a map must not be NULL"));
    wr_push(call->arena, &b->keys, key);
    wr_push(call->arena, &b->values, value);
    if (is_repeated(b->keys.items, from, b->keys.count - 1))
        return wr_bad_row(call, i, wr_fail(WR_E_BAD_ARGUMENT, "a key of a map occurs twice"));
    return WR_OK;
}
static void finish_maps(const wr_call *call, map_builder *b, wr_column *out)
{
    const wr_type *entry = out->type->child;
    wr_column *rows = out->children = wr_new(call->arena, wr_column);
    *rows = (wr_column){
        .type = entry, .form = WR_FLAT, .phys = WR_P_STRUCT, .rows = (uint32_t)b->keys.count};
    rows->children = wr_new_array(call->arena, wr_column, 2);
    wr_column_pick(b->keys.items, rows->rows, entry->fields[0].type, call->arena,
                   &rows->children[0]);
    wr_column_pick(b->values.items, rows->rows, entry->fields[1].type, call->arena,
                   &rows->children[1]);
}

static weir_status fn_map(wr_call *call, wr_column *out)
{
    map_builder b = {0};
    memset(out->data, 0, sizeof(wr_list_slot) * call->rows);
    WR_ROWS(i)
    {
        int from = b.keys.count;
        uint32_t length = call->arg_count ? wr_list_length(&call->args[0], i) : 0;
        if (call->arg_count && wr_list_length(&call->args[1], i) != length)
            return wr_bad_row(call, i,
                              wr_fail(WR_E_BAD_ARGUMENT, "a map needs as many keys as values"));
        for (uint32_t k = 0; k < length; k++)
            WR_TRY(add_entry(call, i, &b, from, wr_pick_element(&call->args[0], i, k),
                             wr_pick_element(&call->args[1], i, k)));
        WR_OUT(out, wr_list_slot, i) = (wr_list_slot){(uint32_t)from, length};
    }
    finish_maps(call, &b, out);
    return WR_OK;
}
static weir_status bind_map(wr_fn_bind *b)
{
    b->type = b->arg_count ? wr_type_map(b->args[0]->type->child, b->args[1]->type->child)
                           : wr_type_map(WR_NULLTYPE, WR_NULLTYPE);
    return WR_OK;
}

static weir_status fn_map_from_entries(wr_call *call, wr_column *out)
{
    map_builder b = {0};
    memset(out->data, 0, sizeof(wr_list_slot) * call->rows);
    WR_ROWS(i)
    {
        int from = b.keys.count;
        uint32_t length = wr_list_length(&call->args[0], i);
        for (uint32_t k = 0; k < length; k++)
            WR_TRY(add_entry(call, i, &b, from, entry_part(&call->args[0], i, k, 0),
                             entry_part(&call->args[0], i, k, 1)));
        WR_OUT(out, wr_list_slot, i) = (wr_list_slot){(uint32_t)from, length};
    }
    finish_maps(call, &b, out);
    return WR_OK;
}
static weir_status bind_map_from_entries(wr_fn_bind *b)
{
    const wr_type *entry = b->args[0]->type->child;
    if (entry->id != WR_T_STRUCT || entry->field_count != 2)
        return wr_fail_at(WR_E_TYPE_MISMATCH, b->args[0]->span,
                          "the entries of a map are structs of a key and a value");
    b->type = wr_type_map(entry->fields[0].type, entry->fields[1].type);
    return WR_OK;
}

static weir_status map_parts(wr_call *call, wr_column *out, int part)
{
    WR_LIST(wr_pick) picks = {0};
    memset(out->data, 0, sizeof(wr_list_slot) * call->rows);
    WR_ROWS(i)
    {
        int before = picks.count;
        uint32_t length = wr_list_length(&call->args[0], i);
        for (uint32_t k = 0; k < length; k++)
            wr_push(call->arena, &picks,
                    part < 2 ? entry_part(&call->args[0], i, k, part)
                             : wr_pick_element(&call->args[0], i, k));
        WR_OUT(out, wr_list_slot, i) = (wr_list_slot){(uint32_t)before, length};
    }
    out->children = wr_new(call->arena, wr_column);
    wr_column_pick(picks.items, (uint32_t)picks.count, out->type->child, call->arena,
                   out->children);
    return WR_OK;
}
static weir_status fn_map_keys(wr_call *call, wr_column *out) { return map_parts(call, out, 0); }
static weir_status fn_map_values(wr_call *call, wr_column *out) { return map_parts(call, out, 1); }
static weir_status fn_map_entries(wr_call *call, wr_column *out) { return map_parts(call, out, 2); }
static weir_status bind_map_keys(wr_fn_bind *b)
{
    b->type = wr_type_list(b->args[0]->type->child->fields[0].type);
    return WR_OK;
}
static weir_status bind_map_values(wr_fn_bind *b)
{
    b->type = wr_type_list(b->args[0]->type->child->fields[1].type);
    return WR_OK;
}
static weir_status bind_map_entries(wr_fn_bind *b)
{
    b->type = wr_type_list(b->args[0]->type->child);
    return WR_OK;
}

/* Index of the entry with the key in argument 1, -1 if there is none. */
static int64_t find_key(const wr_call *call, uint32_t i)
{
    uint32_t length = wr_list_length(&call->args[0], i);
    for (uint32_t k = 0; k < length; k++) {
        wr_pick key = entry_part(&call->args[0], i, k, 0);
        if (wr_column_cmp(key.column, key.row, &call->args[1], i) == 0) return k;
    }
    return -1;
}
static weir_status fn_map_value(wr_call *call, wr_column *out)
{
    wr_pick *picks = wr_new_array(call->arena, wr_pick, call->rows + 1);
    WR_ROWS(i)
    {
        int64_t at = find_key(call, i);
        if (at >= 0) picks[i] = entry_part(&call->args[0], i, (uint32_t)at, 1);
    }
    wr_column_pick(picks, call->rows, out->type, call->arena, out);
    return WR_OK;
}
static weir_status fn_map_extract(wr_call *call, wr_column *out)
{
    WR_LIST(wr_pick) picks = {0};
    memset(out->data, 0, sizeof(wr_list_slot) * call->rows);
    WR_ROWS(i)
    {
        int64_t at = find_key(call, i);
        WR_OUT(out, wr_list_slot, i) = (wr_list_slot){(uint32_t)picks.count, at >= 0};
        if (at >= 0) wr_push(call->arena, &picks, entry_part(&call->args[0], i, (uint32_t)at, 1));
    }
    out->children = wr_new(call->arena, wr_column);
    wr_column_pick(picks.items, (uint32_t)picks.count, out->type->child, call->arena,
                   out->children);
    return WR_OK;
}
static weir_status fn_map_contains(wr_call *call, wr_column *out)
{
    WR_ROWS(i) { WR_OUT(out, uint8_t, i) = find_key(call, i) >= 0; }
    return WR_OK;
}
static weir_status fn_map_length(wr_call *call, wr_column *out)
{
    WR_ROWS(i) { WR_OUT(out, int64_t, i) = wr_list_length(&call->args[0], i); }
    return WR_OK;
}

static weir_status coerce_key(wr_fn_bind *b)
{
    return wr_bind_coerce(b->arena, b->args[1], b->args[0]->type->child->fields[0].type,
                          "the key of the map", &b->args[1]);
}
static weir_status bind_map_value(wr_fn_bind *b)
{
    b->type = b->args[0]->type->child->fields[1].type;
    return coerce_key(b);
}
static weir_status bind_map_extract(wr_fn_bind *b)
{
    b->type = wr_type_list(b->args[0]->type->child->fields[1].type);
    return coerce_key(b);
}

const wr_fn wr_fns_nested[] = {
    {"struct_pack|row", "(each...) -> auto", fn_struct_pack,
     "A struct of the arguments, with their names.", "struct_pack(a => 1, b => 'x')",
     "{'a': 1, 'b': x}", .flags = WR_FN_SEES_NULLS, .bind = bind_struct_pack},
    {"struct_insert", "(struct, each...) -> auto", fn_struct_insert, "A struct with more fields.",
     "struct_insert({'a': 1}, b => 2)", "{'a': 1, 'b': 2}", .flags = WR_FN_SEES_NULLS,
     .bind = bind_struct_insert},
    {"struct_extract", "(struct, name text) -> auto", fn_struct_extract, "A field of a struct.",
     "struct_extract({'a': 1}, 'a')", "1", .flags = WR_FN_SEES_NULLS, .bind = bind_struct_extract},
    {"struct_extract|struct_extract_at", "(struct, n bigint) -> auto", fn_struct_extract,
     "The n-th field of a struct.", "struct_extract(row(4, 5), 2)", "5", .flags = WR_FN_SEES_NULLS,
     .bind = bind_struct_extract},
    {"map", "(any[], any2[]) -> auto", fn_map, "A map of a list of keys and a list of values.",
     "map(['a', 'b'], [1, 2])", "{a=1, b=2}", .flags = WR_FN_CAN_FAIL, .bind = bind_map},
    {"map", "() -> auto", fn_map, "The empty map.", "cardinality(map())", "0", .bind = bind_map},
    {"map_from_entries", "(list) -> auto", fn_map_from_entries,
     "A map of a list of key and value structs.", "map_from_entries([row('a', 1)])", "{a=1}",
     .flags = WR_FN_CAN_FAIL, .bind = bind_map_from_entries},
    {"map_keys", "(map) -> auto", fn_map_keys, "The keys of a map.", "map_keys(map(['a'], [1]))",
     "[a]", .bind = bind_map_keys},
    {"map_values", "(map) -> auto", fn_map_values, "The values of a map.",
     "map_values(map(['a'], [1]))", "[1]", .bind = bind_map_values},
    {"map_entries", "(map) -> auto", fn_map_entries, "The entries of a map as structs.",
     "len(map_entries(map(['a'], [1])))", "1", .bind = bind_map_entries},
    {"element_at|map_extract_value|map_value", "(map, key each) -> auto", fn_map_value,
     "The value of a key; NULL if there is none.", "element_at(map(['a'], [1]), 'a')", "1",
     .bind = bind_map_value},
    {"map_extract", "(map, key each) -> auto", fn_map_extract,
     "The value of a key as a list; empty if there is none.", "map_extract(map(['a'], [1]), 'b')",
     "[]", .bind = bind_map_extract},
    {"map_contains|map_contains_key", "(map, key each) -> boolean", fn_map_contains,
     "True if the map has the key.", "map_contains(map(['a'], [1]), 'a')", "true",
     .bind = coerce_key},
    {"cardinality|len|length|map_length", "(map) -> bigint", fn_map_length, "Number of entries.",
     "cardinality(map(['a'], [1]))", "1"},
    {0},
};
