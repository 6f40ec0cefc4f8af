/* arrow_test.c - what is exported comes back the same; other layouts read as columns; damage is an
 * error. */
#include "base/test.h"
#include "col/arrow.h"
#include "col/value.h"
#include <stdio.h>

static void there_and_back(wr_column *columns, int count, uint32_t rows, const uint16_t *sel,
                           uint32_t sel_count)
{
    WR_ARENA(arena);
    wr_field fields[16];
    for (int i = 0; i < count; i++)
        fields[i] = (wr_field){WR_STR("c"), columns[i].type};
    wr_schema schema = {.fields = fields, .count = count}, back_schema;
    wr_batch batch = {.columns = columns,
                      .column_count = count,
                      .rows = rows,
                      .sel = sel,
                      .sel_count = sel_count},
             back;
    struct ArrowSchema arrow_schema;
    struct ArrowArray arrow;
    EXPECT_OK(wr_arrow_export_schema(&schema, &arrow_schema));
    EXPECT_OK(wr_arrow_export_batch(&schema, &batch, &arrow));
    EXPECT_OK(wr_arrow_import_schema(&arrow_schema, &arena, &back_schema));
    EXPECT_OK(
        wr_arrow_import_rows(&arrow_schema, &arrow, 0, wr_batch_count(&batch), &arena, &back));
    WR_BUF(want);
    WR_BUF(got);
    wr_batch_print(&batch, &want);
    wr_batch_print(&back, &got);
    EXPECT_TEXT(got.data, want.data);
    for (int i = 0; i < count; i++)
        if (fields[i].type->id != WR_T_ENUM && fields[i].type->id != WR_T_HUGEINT)
            EXPECT_TEXT(wr_type_name(back_schema.fields[i].type), wr_type_name(fields[i].type));
    arrow.release(&arrow);
    arrow_schema.release(&arrow_schema);
    EXPECT(arrow.release == NULL && arrow_schema.release == NULL);
}

TEST(scalars_survive_the_way_through_arrow)
{
    WR_ARENA(arena);
    wr_column c[8];
    wr_column_init(&c[0], &arena, WR_BOOLEAN, WR_P_U8, 3);
    memcpy(c[0].data, (uint8_t[]){1, 0, 1}, 3);
    wr_column_init(&c[1], &arena, wr_type_decimal(15, 2), WR_P_I8, 3);
    memcpy(c[1].data, (int8_t[]){-5, 0, 100}, 3);
    c[1].base = 1000;
    wr_column_init(&c[2], &arena, WR_VARCHAR, WR_P_VIEW, 3);
    ((wr_view *)c[2].data)[0] = wr_view_of("a text of more than twelve bytes", 32);
    ((wr_view *)c[2].data)[2] = wr_view_of("another text of many bytes", 26);
    wr_column_init(&c[3], &arena, wr_type_of(WR_T_UUID), WR_P_I128, 3);
    wr_uuid_read(WR_STR("f0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"), &((wr_i128 *)c[3].data)[1]);
    wr_column_init(&c[4], &arena, wr_type_of(WR_T_INTERVAL), WR_P_INTERVAL, 3);
    ((wr_interval *)c[4].data)[1] = (wr_interval){1, 2, 3000001};
    wr_str labels[2] = {WR_STR("low"), WR_STR("a rather high label")};
    wr_column_init(&c[5], &arena, wr_type_enum(labels, 2), WR_P_U32, 3);
    ((uint32_t *)c[5].data)[1] = 1;
    wr_column_init(&c[6], &arena, wr_type_of(WR_T_TIMESTAMPTZ), WR_P_I64, 3);
    memcpy(c[6].data, (int64_t[]){0, -1, 1700000000000000}, 24);
    wr_value hundred = wr_value_int(WR_BIGINT, 100);
    wr_value_column(&hundred, 3, &arena, &c[7]);
    for (int i = 1; i < 7; i++)
        wr_bit_clear(wr_column_need_valid(&c[i], &arena, 3), (size_t)(i % 3));
    there_and_back(c, 8, 3, NULL, 0);
    there_and_back(c, 8, 3, (uint16_t[]){0, 2}, 2);
}

TEST(nested_values_survive_the_way_through_arrow)
{
    WR_ARENA(arena);
    wr_column c[3];
    wr_column_init(&c[0], &arena, wr_type_list(WR_INTEGER), WR_P_LIST, 3);
    wr_column_init(c[0].children, &arena, WR_INTEGER, WR_P_I32, 5);
    memcpy(c[0].children->data, (int32_t[]){1, 2, 3, 4, 5}, 20);
    memcpy(c[0].data, (wr_list_slot[]){{3, 2}, {77, 5}, {0, 1}}, 24);
    wr_bit_clear(wr_column_need_valid(&c[0], &arena, 3), 1);
    wr_field fields[2] = {{WR_STR("x"), WR_INTEGER}, {WR_STR("y"), WR_VARCHAR}};
    wr_column_init(&c[1], &arena, wr_type_struct(fields, 2), WR_P_STRUCT, 3);
    wr_bit_clear(wr_column_need_valid(&c[1], &arena, 3), 0);
    wr_column_init(&c[2], &arena, wr_type_array(WR_DOUBLE, 2), WR_P_ARRAY, 3);
    ((double *)c[2].children->data)[5] = 0.5;
    there_and_back(c, 3, 3, NULL, 0);
    there_and_back(c, 3, 3, (uint16_t[]){1, 2}, 2);
}

static void no_release_schema(struct ArrowSchema *s) { s->release = NULL; }
static void no_release_array(struct ArrowArray *a) { a->release = NULL; }

/* One column as a table of its own. */
static weir_status read_one(struct ArrowSchema *schema, struct ArrowArray *array, wr_arena *arena,
                            wr_batch *out)
{
    struct ArrowSchema *schema_child = schema;
    struct ArrowArray *array_child = array;
    const void *no_buffers[1] = {NULL};
    struct ArrowSchema table_schema = {
        .format = "+s", .n_children = 1, .children = &schema_child, .release = no_release_schema};
    struct ArrowArray table = {.length = array->length,
                               .n_buffers = 1,
                               .buffers = no_buffers,
                               .n_children = 1,
                               .children = &array_child,
                               .release = no_release_array};
    return wr_arrow_import_rows(&table_schema, &table, 0, (uint32_t)array->length, arena, out);
}

TEST(offsets_dictionaries_and_runs_are_read)
{
    WR_ARENA(arena);
    wr_batch batch;
    WR_BUF(out);
    int32_t offsets[4] = {0, 1, 3, 6}, ends[2] = {2, 4};
    int8_t indices[4] = {2, 0, 0, 1};
    const void *text_buffers[3] = {NULL, offsets, "abbccc"}, *index_buffers[2] = {NULL, indices},
               *end_buffers[2] = {NULL, ends};
    const void *no_buffers[1] = {NULL};
    struct ArrowSchema text_schema = {.format = "u", .release = no_release_schema};
    struct ArrowArray text = {
        .length = 3, .n_buffers = 3, .buffers = text_buffers, .release = no_release_array};
    struct ArrowSchema dict_schema = {
        .format = "c", .dictionary = &text_schema, .release = no_release_schema};
    struct ArrowArray dict = {.length = 4,
                              .n_buffers = 2,
                              .buffers = index_buffers,
                              .dictionary = &text,
                              .release = no_release_array};
    EXPECT_OK(read_one(&dict_schema, &dict, &arena, &batch));
    wr_batch_print(&batch, &out);
    EXPECT_TEXT(out.data, "ccc\na\na\nbb\n");
    wr_buf_clear(&out);
    struct ArrowSchema end_schema = {.format = "i", .release = no_release_schema};
    struct ArrowArray end = {
        .length = 2, .n_buffers = 2, .buffers = end_buffers, .release = no_release_array};
    struct ArrowSchema *run_schemas[2] = {&end_schema, &text_schema};
    struct ArrowArray *run_arrays[2] = {&end, &text};
    struct ArrowSchema run_schema = {
        .format = "+r", .n_children = 2, .children = run_schemas, .release = no_release_schema};
    struct ArrowArray runs = {.length = 3,
                              .offset = 1,
                              .n_buffers = 0,
                              .buffers = no_buffers,
                              .n_children = 2,
                              .children = run_arrays,
                              .release = no_release_array};
    EXPECT_OK(read_one(&run_schema, &runs, &arena, &batch));
    wr_batch_print(&batch, &out);
    EXPECT_TEXT(out.data, "a\nbb\nbb\n");
    indices[1] = 9;
    EXPECT_FAIL(read_one(&dict_schema, &dict, &arena, &batch), WR_E_CORRUPT);
    offsets[1] = 5;
    EXPECT_FAIL(read_one(&text_schema, &text, &arena, &batch), WR_E_CORRUPT);
    text_schema.format = "+us:0,1";
    EXPECT_FAIL(read_one(&text_schema, &text, &arena, &batch), WR_E_UNSUPPORTED);
}
