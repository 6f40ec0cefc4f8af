/* stitch.c - one column out of rows of several.
 *
 * Every source row is resolved to a flat column first. Scalars are copied by width; for lists the
 * elements of all rows become a stitch of the sources' children, so any nesting works. */
#include "col/column.h"

typedef struct stitch {
    const wr_column *const *sources;
    uint32_t source_count;
    const uint32_t *which, *rows;
    uint32_t count;
    wr_arena *arena;
} stitch;

static void store_int(wr_phys phys, void *data, uint32_t i, wr_i128 value)
{
    switch (wr_phys_size(phys)) {
    case 1:
        ((uint8_t *)data)[i] = (uint8_t)value;
        break;
    case 2:
        ((uint16_t *)data)[i] = (uint16_t)value;
        break;
    case 4:
        ((uint32_t *)data)[i] = (uint32_t)value;
        break;
    case 8:
        ((uint64_t *)data)[i] = (uint64_t)value;
        break;
    default:
        ((wr_i128 *)data)[i] = value;
    }
}

static bool is_null_row(const stitch *s, uint32_t i)
{
    return s->which[i] == UINT32_MAX || wr_column_is_null(s->sources[s->which[i]], s->rows[i]);
}

static void stitch_scalars(const stitch *s, wr_column *out)
{
    size_t size = wr_phys_size(out->phys);
    bool is_int = wr_type_is_int_like(out->type);
    for (uint32_t i = 0; i < s->count; i++) {
        if (is_null_row(s, i)) continue;
        uint32_t row;
        const wr_column *from = wr_column_at(s->sources[s->which[i]], s->rows[i], &row);
        if (is_int)
            store_int(out->phys, out->data, i, wr_column_i128(from, row));
        else
            memcpy((char *)out->data + i * size, (const char *)from->data + row * size, size);
    }
}

/* The elements of all rows, as a stitch of the children. */
static void stitch_runs(const stitch *s, wr_column *out)
{
    uint32_t total = 0, at = 0, fixed = out->type->array_length;
    bool is_list = out->phys == WR_P_LIST;
    wr_list_slot *slots = out->data;
    wr_list_slot *from = wr_new_array(s->arena, wr_list_slot, s->count + 1);
    const wr_column **children = wr_new_array(s->arena, const wr_column *, s->source_count + 1);
    for (uint32_t i = 0; i < s->count; i++) {
        if (!is_null_row(s, i)) {
            uint32_t row;
            const wr_column *c = wr_column_at(s->sources[s->which[i]], s->rows[i], &row);
            children[s->which[i]] = c->children;
            from[i] =
                is_list ? ((const wr_list_slot *)c->data)[row] : (wr_list_slot){row * fixed, fixed};
        } else if (!is_list) {
            from[i].length = fixed;
            from[i].offset = UINT32_MAX;
        }
        if (is_list) slots[i] = (wr_list_slot){total, from[i].length};
        total += from[i].length;
    }
    uint32_t *which = wr_new_array(s->arena, uint32_t, total + 1);
    uint32_t *rows = wr_new_array(s->arena, uint32_t, total + 1);
    for (uint32_t i = 0; i < s->count; i++)
        for (uint32_t k = 0; k < from[i].length; k++, at++) {
            bool is_missing = from[i].offset == UINT32_MAX;
            which[at] = is_missing ? UINT32_MAX : s->which[i];
            rows[at] = is_missing ? 0 : from[i].offset + k;
        }
    wr_column_stitch(out->type->child, children, s->source_count, which, rows, total, s->arena,
                     out->children);
}

static void stitch_fields(const stitch *s, wr_column *out)
{
    uint32_t *which = wr_new_array(s->arena, uint32_t, s->count + 1);
    uint32_t *rows = wr_new_array(s->arena, uint32_t, s->count + 1);
    const wr_column **fields = wr_new_array(s->arena, const wr_column *, s->source_count + 1);
    const wr_column **flat = wr_new_array(s->arena, const wr_column *, s->source_count + 1);
    for (uint32_t i = 0; i < s->count; i++) {
        which[i] = UINT32_MAX;
        if (is_null_row(s, i)) continue;
        which[i] = s->which[i];
        flat[which[i]] = wr_column_at(s->sources[which[i]], s->rows[i], &rows[i]);
    }
    for (int f = 0; f < out->type->field_count; f++) {
        for (uint32_t k = 0; k < s->source_count; k++)
            fields[k] = flat[k] ? &flat[k]->children[f] : NULL;
        wr_column_stitch(out->type->fields[f].type, fields, s->source_count, which, rows, s->count,
                         s->arena, &out->children[f]);
    }
}

void wr_column_stitch(const wr_type *type, const wr_column *const *sources, uint32_t source_count,
                      const uint32_t *which, const uint32_t *rows, uint32_t count, wr_arena *arena,
                      wr_column *out)
{
    stitch s = {sources, source_count, which, rows, count, arena};
    wr_column_init(out, arena, type, type->phys, count);
    for (uint32_t i = 0; i < count; i++)
        if (is_null_row(&s, i)) wr_bit_clear(wr_column_need_valid(out, arena, count), i);
    if (type->phys == WR_P_LIST || type->phys == WR_P_ARRAY)
        stitch_runs(&s, out);
    else if (type->phys == WR_P_STRUCT)
        stitch_fields(&s, out);
    else
        stitch_scalars(&s, out);
}
