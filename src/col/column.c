/* column.c - single values of a column, order, hash, and making columns.
 *
 * Everything here takes one value at a time and is meant for printing, tests and cold paths. The
 * idea is one resolve step (wr_column_at) that turns any form into a flat column and a row; after
 * it only widths differ. A NULL row of a dictionary column may carry any code, so codes are clamped
 * before they are followed. */
#include "col/column.h"
#include "col/hash.h"
#include <stdatomic.h>

int wr_view_cmp(const wr_view *a, const wr_view *b)
{
    uint32_t shorter = WR_MIN(a->length, b->length);
    int order = memcmp(wr_view_bytes(a), wr_view_bytes(b), shorter);
    if (order) return order;
    return (a->length > b->length) - (a->length < b->length);
}

static uint32_t code_at(const wr_column *c, uint32_t i)
{
    switch (c->phys) {
    case WR_P_U8:
        return ((const uint8_t *)c->data)[i];
    case WR_P_U16:
        return ((const uint16_t *)c->data)[i];
    default:
        return ((const uint32_t *)c->data)[i];
    }
}

const wr_column *wr_column_at(const wr_column *c, uint32_t i, uint32_t *row)
{
    *row = c->form == WR_CONSTANT ? 0 : i;
    if (c->form != WR_DICTIONARY) return c;
    uint32_t code = code_at(c, i);
    *row = code < c->dict->rows ? code : 0;
    return c->dict;
}

bool wr_column_is_null(const wr_column *c, uint32_t i)
{
    if (c->type->id == WR_T_NULL) return true;
    if (c->form == WR_CONSTANT) return c->valid && !wr_bit_get(c->valid, 0);
    if (c->valid && !wr_bit_get(c->valid, i)) return true;
    if (c->form == WR_FLAT) return false;
    uint32_t code = code_at(c, i);
    if (code >= c->dict->rows) return true;
    return c->dict->valid && !wr_bit_get(c->dict->valid, code);
}

bool wr_column_has_no_nulls(const wr_column *c)
{
    if (c->type->id == WR_T_NULL) return false;
    if (c->form == WR_CONSTANT) return !c->valid || wr_bit_get(c->valid, 0);
    if (c->valid) return false;
    return c->form == WR_FLAT || !c->dict->valid;
}

static wr_i128 flat_i128(const wr_column *c, uint32_t i)
{
    switch (c->phys) {
    case WR_P_U8:
        return ((const uint8_t *)c->data)[i];
    case WR_P_U16:
        return ((const uint16_t *)c->data)[i];
    case WR_P_U32:
        return ((const uint32_t *)c->data)[i];
    case WR_P_U64:
        return ((const uint64_t *)c->data)[i];
    case WR_P_I8:
        return (wr_i128)((const int8_t *)c->data)[i] + c->base;
    case WR_P_I16:
        return (wr_i128)((const int16_t *)c->data)[i] + c->base;
    case WR_P_I32:
        return (wr_i128)((const int32_t *)c->data)[i] + c->base;
    case WR_P_I64:
        return (wr_i128)((const int64_t *)c->data)[i] + c->base;
    case WR_P_I128:
        return ((const wr_i128 *)c->data)[i];
    default:
        return 0;
    }
}

wr_i128 wr_column_i128(const wr_column *c, uint32_t i)
{
    uint32_t row;
    const wr_column *flat = wr_column_at(c, i, &row);
    return flat_i128(flat, row);
}

int64_t wr_column_int(const wr_column *c, uint32_t i) { return (int64_t)wr_column_i128(c, i); }

double wr_column_f64(const wr_column *c, uint32_t i)
{
    uint32_t row;
    const wr_column *flat = wr_column_at(c, i, &row);
    if (flat->phys == WR_P_F32) return ((const float *)flat->data)[row];
    wr_check(flat->phys == WR_P_F64);
    return ((const double *)flat->data)[row];
}

wr_view wr_column_view(const wr_column *c, uint32_t i)
{
    uint32_t row;
    const wr_column *flat = wr_column_at(c, i, &row);
    wr_check(flat->phys == WR_P_VIEW);
    return ((const wr_view *)flat->data)[row];
}

/* ---- making ---- */

void wr_column_init(wr_column *c, wr_arena *arena, const wr_type *type, wr_phys phys, uint32_t cap)
{
    *c = (wr_column){.type = type, .form = WR_FLAT, .phys = (uint8_t)phys, .rows = cap};
    size_t size = wr_phys_size(phys);
    if (size) c->data = wr_arena_alloc(arena, size * cap + 64);
    if (type->id == WR_T_STRUCT) {
        c->children = wr_new_array(arena, wr_column, WR_MAX(type->field_count, 1));
        for (int i = 0; i < type->field_count; i++) {
            const wr_type *field = type->fields[i].type;
            wr_column_init(&c->children[i], arena, field, field->phys, cap);
        }
    } else if (type->child) {
        uint32_t child_rows = type->id == WR_T_ARRAY ? cap * type->array_length : 0;
        c->children = wr_new(arena, wr_column);
        wr_column_init(c->children, arena, type->child, type->child->phys, child_rows);
    }
    if (type->id == WR_T_NULL) c->valid = wr_arena_alloc(arena, ((size_t)cap + 63) / 64 * 8 + 8);
}

uint64_t *wr_column_need_valid(wr_column *c, wr_arena *arena, uint32_t cap)
{
    if (c->valid) return c->valid;
    size_t words = ((size_t)cap + 63) / 64 + 1;
    c->valid = wr_arena_alloc(arena, words * 8);
    memset(c->valid, 0xff, words * 8);
    return c->valid;
}

/* ---- order ---- */

static int cmp_i128(wr_i128 a, wr_i128 b) { return (a > b) - (a < b); }

static int cmp_f64(double a, double b)
{
    if (a != a || b != b) return (a != a) - (b != b);
    return (a > b) - (a < b);
}

static int cmp_runs(const wr_column *a, uint32_t i, uint32_t i_count, const wr_column *b,
                    uint32_t j, uint32_t j_count)
{
    uint32_t shared = WR_MIN(i_count, j_count);
    for (uint32_t k = 0; k < shared; k++) {
        int order = wr_column_cmp(a, i + k, b, j + k);
        if (order) return order;
    }
    return (i_count > j_count) - (i_count < j_count);
}

static int cmp_nested(const wr_column *a, uint32_t i, const wr_column *b, uint32_t j)
{
    if (a->phys == WR_P_LIST) {
        wr_list_slot x = ((const wr_list_slot *)a->data)[i], y = ((const wr_list_slot *)b->data)[j];
        return cmp_runs(a->children, x.offset, x.length, b->children, y.offset, y.length);
    }
    if (a->phys == WR_P_ARRAY) {
        uint32_t n = a->type->array_length;
        return cmp_runs(a->children, i * n, n, b->children, j * n, n);
    }
    for (int f = 0; f < a->type->field_count; f++) {
        int order = wr_column_cmp(&a->children[f], i, &b->children[f], j);
        if (order) return order;
    }
    return 0;
}

int wr_column_cmp(const wr_column *a, uint32_t i, const wr_column *b, uint32_t j)
{
    bool a_null = wr_column_is_null(a, i), b_null = wr_column_is_null(b, j);
    if (a_null || b_null) return a_null - b_null;
    uint32_t x, y;
    const wr_column *fa = wr_column_at(a, i, &x), *fb = wr_column_at(b, j, &y);
    switch (a->type->phys) {
    case WR_P_F32:
    case WR_P_F64:
        return cmp_f64(wr_column_f64(fa, x), wr_column_f64(fb, y));
    case WR_P_VIEW:
        return wr_view_cmp((const wr_view *)fa->data + x, (const wr_view *)fb->data + y);
    case WR_P_INTERVAL:
        return cmp_i128(wr_interval_order(((const wr_interval *)fa->data)[x]),
                        wr_interval_order(((const wr_interval *)fb->data)[y]));
    case WR_P_LIST:
    case WR_P_ARRAY:
    case WR_P_STRUCT:
        return cmp_nested(fa, x, fb, y);
    default:
        return cmp_i128(flat_i128(fa, x), flat_i128(fb, y));
    }
}

/* ---- hash ---- */

static uint64_t hash_run(const wr_column *c, uint32_t from, uint32_t count)
{
    uint64_t h = wr_hash_u64(count);
    for (uint32_t k = 0; k < count; k++)
        h = wr_hash_combine(h, wr_column_hash(c, from + k));
    return h;
}

static uint64_t hash_nested(const wr_column *c, uint32_t i)
{
    if (c->phys == WR_P_LIST) {
        wr_list_slot slot = ((const wr_list_slot *)c->data)[i];
        return hash_run(c->children, slot.offset, slot.length);
    }
    if (c->phys == WR_P_ARRAY)
        return hash_run(c->children, i * c->type->array_length, c->type->array_length);
    uint64_t h = WR_HASH_SEED;
    for (int f = 0; f < c->type->field_count; f++)
        h = wr_hash_combine(h, wr_column_hash(&c->children[f], i));
    return h;
}

uint64_t wr_column_hash(const wr_column *c, uint32_t i)
{
    if (wr_column_is_null(c, i)) return WR_HASH_NULL;
    uint32_t row;
    const wr_column *flat = wr_column_at(c, i, &row);
    switch (flat->phys) {
    case WR_P_F32:
    case WR_P_F64:
        return wr_hash_f64(wr_column_f64(flat, row));
    case WR_P_VIEW:
        return wr_hash_view((const wr_view *)flat->data + row);
    case WR_P_INTERVAL:
        return wr_hash_interval(((const wr_interval *)flat->data)[row]);
    case WR_P_LIST:
    case WR_P_ARRAY:
    case WR_P_STRUCT:
        return hash_nested(flat, row);
    default:
        return wr_hash_i128(flat_i128(flat, row));
    }
}

uint64_t wr_dict_id_next(void)
{
    static _Atomic uint64_t next = 1;
    return atomic_fetch_add_explicit(&next, 1, memory_order_relaxed);
}

/* ---- uuid ---- */

wr_i128 wr_uuid_of_bytes(const uint8_t bytes[16])
{
    wr_u128 v = 0;
    for (int i = 0; i < 16; i++)
        v = v << 8 | bytes[i];
    return (wr_i128)(v ^ (wr_u128)1 << 127);
}

void wr_uuid_bytes(wr_i128 value, uint8_t out[16])
{
    wr_u128 v = (wr_u128)value ^ (wr_u128)1 << 127;
    for (int i = 15; i >= 0; i--, v >>= 8)
        out[i] = (uint8_t)v;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool wr_uuid_read(wr_str text, wr_i128 *out)
{
    text = wr_str_trim(text);
    if (text.length >= 2 && text.data[0] == '{') {
        if (text.data[text.length - 1] != '}') return false;
        text = (wr_str){text.data + 1, text.length - 2};
    }
    wr_u128 v = 0;
    int digits = 0;
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] == '-' && digits % 4 == 0 && digits > 0 && text.data[i - 1] != '-')
            continue;
        int digit = hex_digit(text.data[i]);
        if (digit < 0 || digits == 32) return false;
        v = v << 4 | (unsigned)digit;
        digits++;
    }
    *out = (wr_i128)(v ^ (wr_u128)1 << 127);
    return digits == 32 && text.data[text.length - 1] != '-';
}

int wr_uuid_print(wr_i128 value, char *out)
{
    uint8_t bytes[16];
    wr_uuid_bytes(value, bytes);
    int at = 0;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) out[at++] = '-';
        out[at++] = "0123456789abcdef"[bytes[i] >> 4];
        out[at++] = "0123456789abcdef"[bytes[i] & 15];
    }
    return at;
}
