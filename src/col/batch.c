/* batch.c - batches and schemas as wholes. */
#include "col/batch.h"
#include "base/map.h"

wr_schema *wr_schema_copy(wr_arena *arena, const wr_schema *schema)
{
    wr_schema *copy = wr_new(arena, wr_schema);
    copy->count = schema->count;
    copy->fields = wr_new_array(arena, wr_field, WR_MAX(schema->count, 1));
    for (int i = 0; i < schema->count; i++) {
        copy->fields[i].name = wr_arena_str(arena, schema->fields[i].name);
        copy->fields[i].type = schema->fields[i].type;
    }
    if (schema->not_null) {
        copy->not_null = wr_new_array(arena, bool, WR_MAX(schema->count, 1));
        memcpy(copy->not_null, schema->not_null, sizeof(bool) * (size_t)schema->count);
    }
    return copy;
}

int wr_schema_find(const wr_schema *schema, wr_str name)
{
    for (int i = 0; i < schema->count; i++)
        if (wr_str_ieq(schema->fields[i].name, name)) return i;
    return -1;
}

void wr_fields_tell_apart(wr_field *fields, int count, wr_arena *arena)
{
    wr_map taken = {.ignore_case = true};
    for (int i = 0; i < count; i++) {
        wr_str name = fields[i].name;
        for (int n = 1; wr_map_get(&taken, fields[i].name); n++)
            fields[i].name = wr_arena_printf(arena, "%.*s_%d", WR_STR_ARGS(name), n);
        wr_map_put(&taken, fields[i].name, fields + i);
    }
    wr_map_clear(&taken);
}

size_t wr_batch_size(const wr_batch *batch)
{
    enum { AROUND = 64 + 15 };
    size_t count = wr_batch_count(batch);
    size_t size = sizeof(wr_column) * (size_t)WR_MAX(batch->column_count, 1);
    for (int i = 0; i < batch->column_count; i++) {
        const wr_column *c = &batch->columns[i];
        size +=
            wr_phys_size((wr_phys)c->phys) * count + AROUND + (c->valid ? count / 8 + AROUND : 0);
    }
    return size;
}

void wr_batch_copy(const wr_batch *in, wr_arena *arena, wr_batch *out)
{
    uint32_t count = wr_batch_count(in);
    *out = (wr_batch){.column_count = in->column_count, .rows = count};
    wr_arena_expect(arena, wr_batch_size(in));
    out->columns = wr_new_array(arena, wr_column, WR_MAX(in->column_count, 1));
    for (int i = 0; i < in->column_count; i++)
        if (in->sel)
            wr_column_copy_rows(&in->columns[i], in->sel, count, arena, &out->columns[i]);
        else
            wr_column_copy(&in->columns[i], 0, count, arena, &out->columns[i]);
}

void wr_batch_print(const wr_batch *b, wr_buf *out)
{
    for (uint32_t i = 0; i < wr_batch_count(b); i++) {
        uint32_t row = wr_batch_row(b, i);
        for (int c = 0; c < b->column_count; c++) {
            if (c) wr_buf_add_text(out, " | ");
            if (wr_column_is_null(&b->columns[c], row))
                wr_buf_add_text(out, "NULL");
            else
                wr_column_print(&b->columns[c], row, out);
        }
        wr_buf_add_char(out, '\n');
    }
}
