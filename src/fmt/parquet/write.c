/* write.c - batches to row groups.
 *
 * Every leaf of the schema has a sink that collects levels and values; a row group is written when
 * it has enough rows or bytes. Columns without nesting go to their sink a batch at a time; nested
 * values are walked one by one, each step down adding to the definition level, each further element
 * of a list setting the repetition level. Only metadata of written row groups is kept, so memory
 * does not grow with the file beyond that. */
#include "fmt/parquet/write.h"
#include "fmt/parquet/footer.h"

const wr_opt wr_pq_write_options[] = {
    {"compression|codec", WR_OPT_TEXT, "zstd", "zstd, snappy, gzip, lz4_raw, brotli or none"},
    {"compression_level", WR_OPT_INT, NULL, "level of zstd (1-22), gzip (1-9) or brotli (0-11)"},
    {"row_group_size", WR_OPT_INT, "122880", "rows per row group"},
    {"row_group_size_bytes", WR_OPT_SIZE, "256MB",
     "a row group ends early at this size before compression"},
    {"page_size_bytes", WR_OPT_SIZE, "1MB",
     "a page ends at this size before compression, or at 20480 rows"},
    {"encoding", WR_OPT_TEXT, "auto", "auto, plain, dictionary or delta"},
    {"bloom_filter_columns", WR_OPT_TEXT, "",
     "columns that get bloom filters, separated by commas"},
    {0},
};

typedef struct pq_writer {
    wr_writer base;
    wr_mem *mem;
    wr_arena arena; /* schema and metadata of written row groups */
    wr_arena scratch;
    wr_pq_out out;
    wr_pq_write_node *columns;
    int column_count;
    wr_pq_sink *sinks;
    int sink_count;
    int64_t group_rows, rows_max, rows_total;
    uint64_t bytes_max;
    WR_LIST(wr_pq_written_group) groups;
} pq_writer;

/* ---- schema */

static int count_leaves(const wr_type *type)
{
    if (type->id == WR_T_STRUCT) {
        int count = 0;
        for (int i = 0; i < type->field_count; i++)
            count += count_leaves(type->fields[i].type);
        return count;
    }
    return type->child ? count_leaves(type->child) : 1;
}

typedef struct place {
    int def, rep;
    wr_str *path;
    int path_length;
} place;

static place below(pq_writer *w, place p, wr_str name)
{
    wr_str *path = wr_new_array(&w->arena, wr_str, p.path_length + 1);
    if (p.path_length) memcpy(path, p.path, sizeof *path * (size_t)p.path_length);
    path[p.path_length] = name;
    return (place){p.def, p.rep, path, p.path_length + 1};
}

static weir_status build_node(pq_writer *w, wr_str name, const wr_type *type, bool optional,
                              place p, wr_pq_write_node *n)
{
    if (p.path_length > WR_PQ_NESTING_MAX)
        return wr_fail(WR_E_TOO_BIG, "column \"%.*s\" is nested more than %d levels deep",
                       WR_STR_ARGS(name), WR_PQ_NESTING_MAX);
    *n = (wr_pq_write_node){
        .type = type, .name = name, .optional = optional, .first_sink = w->sink_count};
    p = below(w, p, name);
    p.def += optional;
    n->def = p.def;
    n->rep = p.rep;
    wr_pq_target target;
    if (wr_pq_target_of(type, &target)) {
        n->sink = &w->sinks[w->sink_count++];
        *n->sink = (wr_pq_sink){.target = target,
                                .path = p.path,
                                .path_length = p.path_length,
                                .max_def = p.def,
                                .max_rep = p.rep};
        n->sink_count = 1;
        return WR_OK;
    }
    bool is_struct = type->id == WR_T_STRUCT, is_map = type->id == WR_T_MAP;
    n->child_count = is_struct ? type->field_count : 1;
    n->children = wr_new_array(&w->arena, wr_pq_write_node, n->child_count);
    if (is_struct) {
        /* The key of a map is the only part that must be present. */
        for (int i = 0; i < type->field_count; i++)
            WR_TRY(build_node(w, type->fields[i].name, type->fields[i].type, true, p,
                              &n->children[i]));
    } else {
        place inner = is_map ? p : below(w, p, WR_STR("list"));
        inner.def++;
        inner.rep++;
        n->rep = inner.rep;
        WR_TRY(build_node(w, is_map ? WR_STR("key_value") : WR_STR("element"), type->child, !is_map,
                          inner, n->children));
    }
    n->sink_count = w->sink_count - n->first_sink;
    return WR_OK;
}

/* A map's keys are REQUIRED in the file: their level is one less than that of other fields. */
static void require_keys(wr_pq_write_node *n)
{
    for (int i = 0; i < n->child_count; i++)
        require_keys(&n->children[i]);
    if (n->type->id != WR_T_MAP) return;
    wr_pq_write_node *key = &n->children->children[0];
    if (!key->sink) return; /* nested keys stay as they are: readers accept both */
    key->optional = false;
    key->def--;
    key->sink->max_def--;
}

static weir_status build_schema(pq_writer *w, const wr_schema *schema)
{
    int leaves = 0;
    for (int i = 0; i < schema->count; i++)
        leaves += count_leaves(schema->fields[i].type);
    w->sinks = wr_new_array(&w->arena, wr_pq_sink, leaves + 1);
    w->columns = wr_new_array(&w->arena, wr_pq_write_node, schema->count + 1);
    w->column_count = schema->count;
    if (schema->count == 0)
        return wr_fail(WR_E_UNSUPPORTED, "a Parquet file needs at least one column");
    for (int i = 0; i < schema->count; i++) {
        bool optional = !schema->not_null || !schema->not_null[i];
        wr_str name = wr_arena_str(&w->arena, schema->fields[i].name);
        WR_TRY(build_node(w, name, schema->fields[i].type, optional, (place){0}, &w->columns[i]));
        require_keys(&w->columns[i]);
    }
    return WR_OK;
}

/* ---- options */

static weir_status choose_codec(pq_writer *w, const wr_options *options)
{
    wr_str name = {0};
    int64_t level = 0;
    bool has_level = false;
    int least, normal, most;
    WR_TRY(wr_option_text(options, wr_pq_write_options, "compression", &name, NULL));
    if (!wr_codec_find(name, &w->out.codec))
        return wr_with_hint(
            wr_fail(WR_E_PARAMETER_VALUE, "unknown compression \"%.*s\"", WR_STR_ARGS(name)),
            "one of zstd, snappy, gzip, lz4_raw, brotli, none");
    wr_codec_levels(w->out.codec, &least, &normal, &most);
    const wr_given *given = wr_option_find(options, wr_pq_write_options, "compression_level");
    if (given) {
        WR_TRY(
            wr_option_int(options, wr_pq_write_options, "compression_level", &level, &has_level));
        if (level < least || level > most)
            return wr_fail_at(WR_E_PARAMETER_VALUE, given->value_span, "%s has levels %d to %d",
                              wr_codec_name(w->out.codec), least, most);
    }
    w->out.level = given ? (int)level : normal;
    return WR_OK;
}

static weir_status choose_encoding(pq_writer *w, const wr_options *options)
{
    static const char *const names[] = {"auto", "plain", "dictionary", "delta"};
    wr_str name = {0};
    WR_TRY(wr_option_text(options, wr_pq_write_options, "encoding", &name, NULL));
    for (int i = 0; i < (int)WR_COUNT(names); i++)
        if (wr_str_is(name, names[i])) {
            w->out.choice = (wr_pq_choice)i;
            return WR_OK;
        }
    return wr_with_hint(
        wr_fail(WR_E_PARAMETER_VALUE, "unknown encoding \"%.*s\"", WR_STR_ARGS(name)),
        "one of auto, plain, dictionary, delta");
}

static weir_status choose_blooms(pq_writer *w, const wr_options *options)
{
    wr_str names = {0};
    WR_TRY(wr_option_text(options, wr_pq_write_options, "bloom_filter_columns", &names, NULL));
    while (names.length) {
        size_t end = 0;
        while (end < names.length && names.data[end] != ',')
            end++;
        wr_str name = wr_str_trim((wr_str){names.data, end});
        names.data += WR_MIN(end + 1, names.length);
        names.length -= WR_MIN(end + 1, names.length);
        wr_nearest nearest = {.wanted = name};
        bool found = false;
        for (int i = 0; i < w->column_count; i++) {
            wr_nearest_offer(&nearest, w->columns[i].name);
            if (!wr_str_ieq(w->columns[i].name, name) || !w->columns[i].sink) continue;
            w->columns[i].sink->wants_bloom = found = true;
        }
        if (!found)
            return wr_with_nearest(wr_fail(WR_E_UNKNOWN_COLUMN,
                                           "no column \"%.*s\" that can have a bloom filter",
                                           WR_STR_ARGS(name)),
                                   &nearest);
    }
    return WR_OK;
}

static weir_status choose_sizes(pq_writer *w, const wr_options *options)
{
    uint64_t page = 0;
    WR_TRY(wr_option_int(options, wr_pq_write_options, "row_group_size", &w->rows_max, NULL));
    WR_TRY(
        wr_option_size(options, wr_pq_write_options, "row_group_size_bytes", &w->bytes_max, NULL));
    WR_TRY(wr_option_size(options, wr_pq_write_options, "page_size_bytes", &page, NULL));
    if (w->rows_max < 1 || w->rows_max > INT32_MAX / 2)
        return wr_fail(WR_E_PARAMETER_VALUE, "row_group_size must be between 1 and %d",
                       INT32_MAX / 2);
    if (page < 64 || page > (uint64_t)1 << 28)
        return wr_fail(WR_E_PARAMETER_VALUE, "page_size_bytes must be between 64 and 256MB");
    w->out.page_bytes = (size_t)page;
    return WR_OK;
}

/* ---- values */

static weir_status put_nothing(pq_writer *w, const wr_pq_write_node *n, int rep, int def)
{
    for (int i = 0; i < n->sink_count; i++)
        WR_TRY(wr_pq_sink_level(&w->sinks[n->first_sink + i], w->mem, def, rep));
    return WR_OK;
}

static weir_status put_value(pq_writer *w, const wr_pq_write_node *n, const wr_column *column,
                             uint32_t row, int rep, int def);

static weir_status put_elements(pq_writer *w, const wr_pq_write_node *n, const wr_column *flat,
                                uint32_t row, int rep)
{
    uint32_t first, count;
    if (n->type->id == WR_T_ARRAY) {
        count = n->type->array_length;
        first = row * count;
    } else {
        wr_list_slot slot = ((const wr_list_slot *)flat->data)[row];
        first = slot.offset;
        count = slot.length;
    }
    if (count == 0) return put_nothing(w, n, rep, n->def);
    for (uint32_t i = 0; i < count; i++)
        WR_TRY(put_value(w, n->children, flat->children, first + i, i ? n->rep : rep, n->def + 1));
    return WR_OK;
}

/* def is the level of what holds the value; rep that of the entry it starts. */
static weir_status put_value(pq_writer *w, const wr_pq_write_node *n, const wr_column *column,
                             uint32_t row, int rep, int def)
{
    if (wr_column_is_null(column, row)) {
        if (!n->optional)
            return wr_fail(WR_E_NOT_NULL_VIOLATION, "NULL in a column that forbids it");
        return put_nothing(w, n, rep, def);
    }
    if (n->sink) {
        WR_TRY(wr_pq_sink_level(n->sink, w->mem, n->def, rep));
        return wr_pq_sink_value(n->sink, w->mem, column, row);
    }
    uint32_t at;
    const wr_column *flat = wr_column_at(column, row, &at);
    if (n->type->id != WR_T_STRUCT) return put_elements(w, n, flat, at, rep);
    for (int i = 0; i < n->child_count; i++)
        WR_TRY(put_value(w, &n->children[i], &flat->children[i], at, rep, n->def));
    return WR_OK;
}

static weir_status put_column(pq_writer *w, const wr_pq_write_node *n, const wr_column *column,
                              const uint16_t *rows, uint32_t count)
{
    if (n->sink) {
        if (wr_type_is_int_like(n->type) && !wr_column_has_no_nulls(column))
            return wr_pq_sink_rows(n->sink, w->mem, column, rows, count);
        wr_column flat;
        bool flattens = wr_type_is_int_like(n->type) || wr_type_is_float(n->type);
        if (flattens) wr_column_flatten(column, rows, count, &w->scratch, &flat);
        return wr_pq_sink_rows(n->sink, w->mem, flattens ? &flat : column, rows, count);
    }
    for (uint32_t i = 0; i < count; i++)
        WR_TRY(put_value(w, n, column, rows[i], 0, 0));
    return WR_OK;
}

/* ---- row groups */

static weir_status flush_group(pq_writer *w)
{
    if (w->group_rows == 0) return WR_OK;
    wr_pq_written_group group = {.rows = w->group_rows, .offset = (int64_t)w->out.offset};
    group.chunks = wr_new_array(&w->arena, wr_pq_written, w->sink_count);
    for (int i = 0; i < w->sink_count; i++)
        WR_TRY(wr_pq_sink_flush(&w->sinks[i], &w->out, &group.chunks[i]));
    group.bytes = (int64_t)w->out.offset - group.offset;
    wr_push(&w->arena, &w->groups, group);
    w->rows_total += w->group_rows;
    w->group_rows = 0;
    return WR_OK;
}

static uint64_t group_bytes(const pq_writer *w)
{
    uint64_t bytes = 0;
    for (int i = 0; i < w->sink_count; i++)
        bytes += wr_pq_sink_bytes(&w->sinks[i]);
    return bytes;
}

static weir_status writer_write(wr_writer *writer, const wr_batch *batch)
{
    pq_writer *w = (pq_writer *)writer;
    uint16_t rows[WR_BATCH_ROWS];
    uint32_t total = wr_batch_count(batch);
    wr_assert(batch->column_count == w->column_count && total <= WR_BATCH_ROWS);
    for (uint32_t i = 0; i < total; i++)
        rows[i] = (uint16_t)wr_batch_row(batch, i);
    for (uint32_t from = 0; from < total;) {
        uint32_t count = (uint32_t)WR_MIN((int64_t)(total - from), w->rows_max - w->group_rows);
        wr_arena_reset(&w->scratch);
        for (int i = 0; i < w->column_count; i++) {
            weir_status bad = put_column(w, &w->columns[i], &batch->columns[i], rows + from, count);
            if (bad) return wr_wrap(bad, "column \"%.*s\"", WR_STR_ARGS(w->columns[i].name));
        }
        w->group_rows += count;
        from += count;
        if (w->group_rows == w->rows_max || group_bytes(w) >= w->bytes_max) WR_TRY(flush_group(w));
    }
    return WR_OK;
}

static weir_status writer_finish(wr_writer *writer)
{
    pq_writer *w = (pq_writer *)writer;
    WR_TRY(flush_group(w));
    wr_pq_footer footer = {.columns = w->columns,
                           .column_count = w->column_count,
                           .sinks = w->sinks,
                           .sink_count = w->sink_count,
                           .groups = w->groups.items,
                           .group_count = w->groups.count,
                           .rows = w->rows_total};
    return wr_pq_footer_write(&footer, &w->out);
}

static uint64_t writer_bytes(const wr_writer *writer)
{
    const pq_writer *w = (const pq_writer *)writer;
    return w->out.offset + group_bytes(w) / 4;
}

static void writer_drop(wr_writer *writer)
{
    pq_writer *w = (pq_writer *)writer;
    for (int i = 0; i < w->sink_count; i++)
        wr_pq_sink_clear(&w->sinks[i], w->mem);
    wr_pq_bytes_clear(w->mem, &w->out.packed);
    wr_pq_bytes_clear(w->mem, &w->out.codes);
    wr_pq_bytes_clear(w->mem, &w->out.table);
    wr_buf_clear(&w->out.body);
    wr_buf_clear(&w->out.head);
    wr_codec_clear(&w->out.codec_state);
    wr_arena_clear(&w->scratch);
    wr_arena_clear(&w->arena);
    wr_heap_drop(w);
}
WR_DEFINE_CLEANUP(wr_writer, writer_drop)

static const wr_writer_def writer_def = {
    .write = writer_write,
    .finish = writer_finish,
    .bytes = writer_bytes,
    .drop = writer_drop,
};

weir_status wr_pq_writer_new(wr_format_context *context, wr_file *file, const wr_schema *schema,
                             const wr_options *options, wr_writer **out)
{
    WR_TRY(wr_options_check(options, wr_pq_write_options, "COPY ... (FORMAT parquet)"));
    pq_writer *w = wr_heap_new(sizeof *w);
    w->base.def = &writer_def;
    WR_AUTO(wr_writer) *owner = &w->base;
    w->mem = context->mem;
    w->out.mem = context->mem;
    w->out.file = file;
    w->out.arena = &w->arena;
    WR_TRY(choose_codec(w, options));
    WR_TRY(choose_encoding(w, options));
    WR_TRY(choose_sizes(w, options));
    WR_TRY(build_schema(w, schema));
    WR_TRY(choose_blooms(w, options));
    WR_TRY(wr_pq_out_append(&w->out, "PAR1", 4));
    *out = WR_TAKE(owner);
    return WR_OK;
}
