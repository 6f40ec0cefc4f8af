/* schema.c - from the flat list of schema elements to a tree of columns with levels.
 *
 * Lists have grown several spellings over the years; which element is "the element" follows the
 * compatibility rules of the format: the repeated child of a LIST is the element itself when it is
 * no group, has several fields, or is named "array" or "<list>_tuple"; otherwise its only field is.
 * A repeated field outside of a LIST or MAP is a list of required elements. Levels: each OPTIONAL
 * or REPEATED ancestor adds one definition level, each REPEATED one repetition level (see
 * wr_pq_node for how they are used). */
#include "fmt/parquet/meta.h"

typedef struct place { /* where in the tree a node is built */
    int def, rep, slot_def, depth;
} place;

typedef struct builder {
    wr_pq_meta *meta;
    wr_arena *arena;
    const wr_pq_read_options *options;
} builder;

static weir_status build(builder *b, int at, place p, wr_pq_node *out);

/* Fills next for the subtree at; depth is bounded because the recursion of build follows it. */
static weir_status link_subtree(wr_pq_meta *meta, int at, int depth, int *next)
{
    if (at >= meta->element_count) return wr_fail(WR_E_CORRUPT, "the schema misses elements");
    if (depth > WR_PQ_NESTING_MAX)
        return wr_fail(WR_E_TOO_BIG, "the schema is nested more than %d levels deep",
                       WR_PQ_NESTING_MAX);
    wr_pq_element *e = &meta->elements[at];
    int child = at + 1;
    for (int i = 0; i < e->child_count; i++)
        WR_TRY(link_subtree(meta, child, depth + 1, &child));
    *next = e->next = child;
    return WR_OK;
}

static weir_status mismatch(const wr_pq_element *e)
{
    return wr_fail(WR_E_CORRUPT,
                   "column \"%.*s\" has a logical type that does not fit its physical type",
                   WR_STR_ARGS(e->name));
}

static void set_integer(wr_pq_leaf *leaf, wr_type_id id, wr_pq_make make, int64_t least,
                        int64_t most)
{
    leaf->type = wr_type_of(id);
    leaf->make = make;
    leaf->least = least;
    leaf->most = most;
}

static weir_status map_integer(wr_pq_leaf *leaf, const wr_pq_element *e)
{
    bool is_long = e->physical == WR_PQ_INT64;
    if ((e->physical != WR_PQ_INT32 && !is_long) || (is_long ? e->bits != 64 : e->bits == 64))
        return mismatch(e);
    wr_pq_make signed_make = is_long ? WR_PQ_MAKE_I64 : WR_PQ_MAKE_I32;
    switch (e->bits) {
    case 8:
        if (e->is_unsigned)
            set_integer(leaf, WR_T_UTINYINT, WR_PQ_MAKE_U32, 0, UINT8_MAX);
        else
            set_integer(leaf, WR_T_TINYINT, signed_make, INT8_MIN, INT8_MAX);
        return WR_OK;
    case 16:
        if (e->is_unsigned)
            set_integer(leaf, WR_T_USMALLINT, WR_PQ_MAKE_U32, 0, UINT16_MAX);
        else
            set_integer(leaf, WR_T_SMALLINT, signed_make, INT16_MIN, INT16_MAX);
        return WR_OK;
    case 32:
        if (e->is_unsigned)
            set_integer(leaf, WR_T_UINTEGER, WR_PQ_MAKE_U32, 0, UINT32_MAX);
        else
            set_integer(leaf, WR_T_INTEGER, signed_make, INT32_MIN, INT32_MAX);
        return WR_OK;
    case 64:
        if (e->is_unsigned)
            set_integer(leaf, WR_T_UBIGINT, WR_PQ_MAKE_U64, 0, INT64_MAX);
        else
            set_integer(leaf, WR_T_BIGINT, signed_make, INT64_MIN, INT64_MAX);
        return WR_OK;
    }
    return mismatch(e);
}

static weir_status map_decimal(wr_pq_leaf *leaf, const wr_pq_element *e)
{
    if (e->precision < 1 || e->scale < 0 || e->scale > e->precision) return mismatch(e);
    if (e->precision > WR_DECIMAL_DIGITS_MAX)
        return wr_fail(WR_E_UNSUPPORTED,
                       "column \"%.*s\" is a decimal of %d digits; weir has at most %d",
                       WR_STR_ARGS(e->name), e->precision, WR_DECIMAL_DIGITS_MAX);
    leaf->type = wr_type_decimal(e->precision, e->scale);
    if (e->precision <= 18) {
        leaf->most = wr_pow10_i64[e->precision] - 1;
        leaf->least = -leaf->most;
    }
    switch (e->physical) {
    case WR_PQ_INT32:
        leaf->make = WR_PQ_MAKE_I32;
        return e->precision <= 18 ? WR_OK : mismatch(e);
    case WR_PQ_INT64:
        leaf->make = WR_PQ_MAKE_I64;
        return e->precision <= 18 ? WR_OK : mismatch(e);
    case WR_PQ_BYTE_ARRAY:
    case WR_PQ_FIXED:
        leaf->make = WR_PQ_MAKE_DECIMAL;
        return WR_OK;
    default:
        return mismatch(e);
    }
}

static weir_status map_time(wr_pq_leaf *leaf, const wr_pq_element *e)
{
    bool is_long = e->physical == WR_PQ_INT64;
    if (e->unit == 0 || (!is_long && (e->physical != WR_PQ_INT32 || e->unit != WR_PQ_MILLIS)))
        return mismatch(e);
    bool is_time = e->logical == WR_PQ_L_TIME;
    if (!is_time && !is_long) return mismatch(e);
    bool is_nanos_kept = !is_time && !e->adjusted && e->unit == WR_PQ_NANOS;
    wr_type_id id = is_time         ? WR_T_TIME
                    : e->adjusted   ? WR_T_TIMESTAMPTZ
                    : is_nanos_kept ? WR_T_TIMESTAMP_NS
                                    : WR_T_TIMESTAMP;
    set_integer(leaf, id, WR_PQ_MAKE_I64, is_time ? 0 : INT64_MIN,
                is_time ? WR_USECS_PER_DAY : INT64_MAX);
    if (e->unit == WR_PQ_MICROS || is_nanos_kept) return WR_OK;
    leaf->make = WR_PQ_MAKE_SCALED;
    leaf->scale_by = e->unit == WR_PQ_MILLIS ? 1000 : -1000;
    return WR_OK;
}

static weir_status map_bytes(builder *b, wr_pq_leaf *leaf, const wr_pq_element *e)
{
    leaf->make = WR_PQ_MAKE_TEXT;
    leaf->type = wr_type_of(WR_T_BLOB);
    switch (e->logical) {
    case WR_PQ_L_STRING:
    case WR_PQ_L_ENUM:
        leaf->type = WR_VARCHAR;
        break;
    case WR_PQ_L_JSON:
        leaf->type = wr_type_of(WR_T_JSON);
        break;
    case WR_PQ_L_UUID:
        if (e->physical != WR_PQ_FIXED || e->type_length != 16) return mismatch(e);
        leaf->type = wr_type_of(WR_T_UUID);
        leaf->make = WR_PQ_MAKE_UUID;
        return WR_OK;
    case WR_PQ_L_FLOAT16:
        if (e->physical != WR_PQ_FIXED || e->type_length != 2) return mismatch(e);
        leaf->type = wr_type_of(WR_T_REAL);
        leaf->make = WR_PQ_MAKE_F16;
        return WR_OK;
    case WR_PQ_L_INTERVAL:
        if (e->physical != WR_PQ_FIXED || e->type_length != 12) return mismatch(e);
        leaf->type = wr_type_of(WR_T_INTERVAL);
        leaf->make = WR_PQ_MAKE_INTERVAL;
        return WR_OK;
    case WR_PQ_L_NONE:
        if (b->options->binary_as_string && e->physical == WR_PQ_BYTE_ARRAY)
            leaf->type = WR_VARCHAR;
        break;
    case WR_PQ_L_BSON:
    case WR_PQ_L_GEOMETRY:
        break;
    default:
        return mismatch(e);
    }
    leaf->check_utf8 = leaf->type->id != WR_T_BLOB;
    return WR_OK;
}

static weir_status map_leaf(builder *b, const wr_pq_element *e, wr_pq_leaf *leaf)
{
    static const uint32_t widths[] = {0, 4, 8, 12, 4, 8, 0, 0};
    leaf->width = e->physical == WR_PQ_FIXED ? (uint32_t)e->type_length : widths[e->physical];
    if (e->logical == WR_PQ_L_UNKNOWN) {
        leaf->type = WR_INTEGER;
        leaf->make = WR_PQ_MAKE_NULL;
        return WR_OK;
    }
    if (e->logical == WR_PQ_L_DECIMAL) return map_decimal(leaf, e);
    if (e->logical == WR_PQ_L_INTEGER) return map_integer(leaf, e);
    if (e->logical == WR_PQ_L_TIME || e->logical == WR_PQ_L_TIMESTAMP) return map_time(leaf, e);
    if (e->logical == WR_PQ_L_DATE) {
        if (e->physical != WR_PQ_INT32) return mismatch(e);
        set_integer(leaf, WR_T_DATE, WR_PQ_MAKE_I32, INT32_MIN, INT32_MAX);
        return WR_OK;
    }
    if (e->physical >= WR_PQ_BYTE_ARRAY) return map_bytes(b, leaf, e);
    if (e->logical != WR_PQ_L_NONE) return mismatch(e);
    switch (e->physical) {
    case WR_PQ_BOOLEAN:
        leaf->type = WR_BOOLEAN;
        leaf->make = WR_PQ_MAKE_BOOL;
        break;
    case WR_PQ_INT32:
        set_integer(leaf, WR_T_INTEGER, WR_PQ_MAKE_I32, INT32_MIN, INT32_MAX);
        break;
    case WR_PQ_INT64:
        set_integer(leaf, WR_T_BIGINT, WR_PQ_MAKE_I64, INT64_MIN, INT64_MAX);
        break;
    case WR_PQ_INT96:
        set_integer(leaf, WR_T_TIMESTAMP, WR_PQ_MAKE_INT96, INT64_MIN, INT64_MAX);
        break;
    case WR_PQ_FLOAT:
        leaf->type = wr_type_of(WR_T_REAL);
        leaf->make = WR_PQ_MAKE_F32;
        break;
    default:
        leaf->type = WR_DOUBLE;
        leaf->make = WR_PQ_MAKE_F64;
    }
    return WR_OK;
}

static weir_status build_leaf(builder *b, int at, place p, wr_pq_node *out)
{
    wr_pq_meta *meta = b->meta;
    const wr_pq_element *e = &meta->elements[at];
    wr_pq_leaf *leaf = &meta->leaves[meta->leaf_count];
    leaf->element = e;
    leaf->index = meta->leaf_count++;
    leaf->max_def = p.def;
    leaf->max_rep = p.rep;
    WR_TRY(map_leaf(b, e, leaf));
    out->kind = WR_PQ_LEAF;
    out->type = leaf->type;
    out->leaf_count = 1;
    return WR_OK;
}

static weir_status build_struct(builder *b, int at, place p, wr_pq_node *out)
{
    const wr_pq_element *e = &b->meta->elements[at];
    if (e->child_count == 0)
        return wr_fail(WR_E_UNSUPPORTED, "column \"%.*s\" is a group without fields",
                       WR_STR_ARGS(e->name));
    out->kind = WR_PQ_STRUCT;
    out->children = wr_new_array(b->arena, wr_pq_node, e->child_count);
    out->child_count = e->child_count;
    wr_field *fields = wr_new_array(b->arena, wr_field, e->child_count);
    int child = at + 1;
    for (int i = 0; i < e->child_count; i++) {
        WR_TRY(build(b, child, p, &out->children[i]));
        fields[i] = (wr_field){out->children[i].name, out->children[i].type};
        child = b->meta->elements[child].next;
    }
    out->leaf_count = b->meta->leaf_count - out->first_leaf;
    if (e->logical == WR_PQ_L_VARIANT) {
        out->kind = WR_PQ_VARIANT;
        out->type = WR_VARCHAR;
        return WR_OK;
    }
    out->type = wr_type_struct(fields, e->child_count);
    return WR_OK;
}

/* The element of a list whose repeated schema element is at repeated. */
static int list_element(const wr_pq_meta *meta, int list, int repeated, bool *is_repeated_itself)
{
    const wr_pq_element *r = &meta->elements[repeated], *l = &meta->elements[list];
    *is_repeated_itself = true;
    if (r->physical >= 0 || r->child_count != 1) return repeated;
    if (meta->elements[repeated + 1].repetition == WR_PQ_REPEATED) return repeated;
    if (r->logical == WR_PQ_L_LIST || r->logical == WR_PQ_L_MAP) return repeated;
    if (wr_str_eq(r->name, WR_STR("array"))) return repeated;
    if (r->name.length == l->name.length + 6 && wr_str_has_prefix(r->name, l->name) &&
        wr_str_has_suffix(r->name, WR_STR("_tuple")))
        return repeated;
    *is_repeated_itself = false;
    return repeated + 1;
}

/* What stands at at, without its own repetition (the caller has dealt with it). */
static weir_status build_body(builder *b, int at, place p, wr_pq_node *out);

static weir_status build_list(builder *b, int list, int repeated, place p, wr_pq_node *out)
{
    out->kind = WR_PQ_LIST;
    out->child_def = p.def + 1;
    out->children = wr_new(b->arena, wr_pq_node);
    out->child_count = 1;
    place inner = {p.def + 1, p.rep + 1, p.def + 1, p.depth + 1};
    bool is_itself;
    int element = list_element(b->meta, list, repeated, &is_itself);
    if (is_itself) {
        wr_pq_node *child = out->children;
        *child = (wr_pq_node){.slot_def = inner.slot_def,
                              .slot_rep = inner.rep,
                              .valid_def = inner.def,
                              .first_leaf = b->meta->leaf_count,
                              .name = b->meta->elements[element].name};
        WR_TRY(build_body(b, element, inner, child));
    } else {
        WR_TRY(build(b, element, inner, out->children));
    }
    out->type = wr_type_list(out->children->type);
    out->leaf_count = b->meta->leaf_count - out->first_leaf;
    return WR_OK;
}

static weir_status build_map(builder *b, int repeated, place p, wr_pq_node *out)
{
    out->kind = WR_PQ_LIST;
    out->child_def = p.def + 1;
    out->children = wr_new(b->arena, wr_pq_node);
    out->child_count = 1;
    place inner = {p.def + 1, p.rep + 1, p.def + 1, p.depth + 1};
    *out->children = (wr_pq_node){.slot_def = inner.slot_def,
                                  .slot_rep = inner.rep,
                                  .valid_def = inner.def,
                                  .first_leaf = b->meta->leaf_count};
    WR_TRY(build_struct(b, repeated, inner, out->children));
    out->type = wr_type_map(out->children->children[0].type, out->children->children[1].type);
    /* The struct of a map has the field names of the type, whatever the file calls them. */
    out->children->type = out->type->child;
    out->leaf_count = b->meta->leaf_count - out->first_leaf;
    return WR_OK;
}

static weir_status build_body(builder *b, int at, place p, wr_pq_node *out)
{
    const wr_pq_meta *meta = b->meta;
    const wr_pq_element *e = &meta->elements[at];
    if (e->physical >= 0) return build_leaf(b, at, p, out);
    const wr_pq_element *child = e->child_count == 1 ? &meta->elements[at + 1] : NULL;
    if (child && child->repetition == WR_PQ_REPEATED) {
        if (e->logical == WR_PQ_L_MAP && child->physical < 0 && child->child_count == 2)
            return build_map(b, at + 1, p, out);
        if (e->logical == WR_PQ_L_LIST || e->logical == WR_PQ_L_MAP)
            return build_list(b, at, at + 1, p, out);
    }
    return build_struct(b, at, p, out);
}

static weir_status build(builder *b, int at, place p, wr_pq_node *out)
{
    if (p.depth > WR_PQ_NESTING_MAX)
        return wr_fail(WR_E_TOO_BIG, "the schema is nested more than %d levels deep",
                       WR_PQ_NESTING_MAX);
    const wr_pq_element *e = &b->meta->elements[at];
    if (e->repetition == WR_PQ_OPTIONAL) p.def++;
    *out = (wr_pq_node){.name = e->name,
                        .slot_def = p.slot_def,
                        .slot_rep = p.rep,
                        .valid_def = p.def,
                        .first_leaf = b->meta->leaf_count};
    p.depth++;
    if (e->repetition != WR_PQ_REPEATED) return build_body(b, at, p, out);
    /* A repeated field of its own: a list that is never NULL, of elements that are never NULL. */
    out->kind = WR_PQ_LIST;
    out->child_def = p.def + 1;
    out->children = wr_new(b->arena, wr_pq_node);
    out->child_count = 1;
    place inner = {p.def + 1, p.rep + 1, p.def + 1, p.depth};
    *out->children = (wr_pq_node){.name = e->name,
                                  .slot_def = inner.slot_def,
                                  .slot_rep = inner.rep,
                                  .valid_def = inner.def,
                                  .first_leaf = b->meta->leaf_count};
    WR_TRY(build_body(b, at, inner, out->children));
    out->type = wr_type_list(out->children->type);
    out->leaf_count = b->meta->leaf_count - out->first_leaf;
    return WR_OK;
}

weir_status wr_pq_schema_build(wr_pq_meta *meta, const wr_pq_read_options *options, wr_arena *arena)
{
    int next;
    WR_TRY(link_subtree(meta, 0, 0, &next));
    if (next != meta->element_count)
        return wr_fail(WR_E_CORRUPT, "the schema has %d elements too many",
                       meta->element_count - next);
    builder b = {meta, arena, options};
    meta->leaves = wr_new_array(arena, wr_pq_leaf, meta->element_count);
    meta->column_count = meta->elements[0].child_count;
    meta->columns = wr_new_array(arena, wr_pq_node, meta->column_count + 1);
    int at = 1;
    for (int i = 0; i < meta->column_count; i++) {
        WR_TRY(build(&b, at, (place){0}, &meta->columns[i]));
        at = meta->elements[at].next;
    }
    return WR_OK;
}
