/* array.c - see array.h.
 *
 * For the engine every column has a node of its own (a shallow copy, so that the offset of the
 * struct is in it), and its dictionary is imported as a whole at first use, so that codes can be
 * borrowed and all batches refer to one dictionary.
 *
 * For other programs the nodes are copied down to the leaves and point at the same buffers. Each
 * node that is handed out holds a reference of its own, because a consumer may move it away from
 * its parent. */
#include "host/array.h"
#include "col/value.h"

enum { DICTIONARY_ROWS_MAX = UINT32_MAX / 4 };

typedef struct array_column {
    struct ArrowArray node;       /* what is imported; not released */
    struct ArrowArray dictionary; /* guarded by the lock until it is ready, as flat */
    wr_column *flat;
    _Atomic bool is_ready;
    wr_host_array *shared; /* has the same dictionary; NULL: none */
} array_column;

struct wr_host_array {
    _Atomic int users;      /* in the engine; all of them are one reference */
    _Atomic int references; /* nodes that were handed out hold one each */
    wr_host_schema *schema;
    struct ArrowArray arrow;
    wr_mem *mem;
    uint64_t bytes;
    wr_mutex lock;
    wr_arena arena; /* of imported dictionaries; guarded by lock */
    array_column *columns;
};

/* ---- schemas ---- */

weir_status wr_host_schema_new(struct ArrowSchema *schema, wr_host_schema **out)
{
    WR_AUTO(wr_host_schema) *s = wr_heap_new(sizeof *s);
    s->references = 1;
    s->arrow = *schema;
    schema->release = NULL;
    if (!s->arrow.release) return wr_fail(WR_E_CORRUPT, "malformed Arrow data: a released schema");
    WR_TRY(wr_arrow_import_schema(&s->arrow, &s->arena, &s->columns));
    *out = WR_TAKE(s);
    return WR_OK;
}

void wr_host_schema_release(wr_host_schema *schema)
{
    if (!schema || --schema->references > 0) return;
    if (schema->arrow.release) schema->arrow.release(&schema->arrow);
    wr_arena_clear(&schema->arena);
    wr_heap_drop(schema);
}

/* ---- making and ending ---- */

static weir_status misfit(const char *what)
{
    return wr_fail(WR_E_CORRUPT, "malformed Arrow data: %s", what);
}

/* Nodes are there where the schema has them: nobody who follows the schema meets a NULL. */
static weir_status check_nodes(const struct ArrowSchema *schema, const struct ArrowArray *array)
{
    if (!array || !array->release) return misfit("a child is missing");
    if (array->n_buffers < 0 || array->n_buffers > 1 << 20) return misfit("a buffer is missing");
    if ((array->dictionary != NULL) != (schema->dictionary != NULL)) return misfit("a dictionary");
    if (array->n_children != schema->n_children || (array->n_children && !array->children))
        return misfit("an array with other children than its schema");
    for (int64_t i = 0; i < array->n_children; i++)
        WR_TRY(check_nodes(schema->children[i], array->children[i]));
    return array->dictionary ? check_nodes(schema->dictionary, array->dictionary) : WR_OK;
}

static weir_status check_shape(const wr_host_array *a)
{
    const struct ArrowArray *array = &a->arrow;
    int count = a->schema->columns.count;
    if (!array->release) return misfit("a released array");
    if (array->length < 0 || array->offset < 0) return misfit("a negative length");
    WR_TRY(check_nodes(&a->schema->arrow, array));
    for (int i = 0; i < count; i++) {
        const struct ArrowArray *child = array->children[i];
        if (child->offset < 0 || child->length < 0 || array->offset > child->length ||
            array->length > child->length - array->offset ||
            child->offset > INT64_MAX - child->length)
            return misfit("a child is too short");
    }
    return WR_OK;
}

static int64_t offset_at(const void *offsets, bool is_long, int64_t i)
{
    int32_t narrow;
    int64_t wide;
    if (is_long)
        memcpy(&wide, (const char *)offsets + i * 8, 8);
    else
        memcpy(&narrow, (const char *)offsets + i * 4, 4);
    return is_long ? wide : narrow;
}

/* Bytes that the rows of an array take in its buffers; of text only what is known cheaply. */
static uint64_t bytes_of(const struct ArrowSchema *schema, const struct ArrowArray *array,
                         int64_t from, int64_t rows, int depth)
{
    const char *f = schema->format;
    uint64_t sum = 0, n = (uint64_t)rows;
    if (depth > 64 || rows <= 0 || array->n_buffers < 1 || !array->buffers) return 0;
    int64_t first = array->offset + from;
    sum += array->buffers[0] ? n / 8 : 0;
    bool is_long = f[0] == 'U' || f[0] == 'Z', has_offsets = is_long || f[0] == 'u' || f[0] == 'z';
    if (has_offsets && array->n_buffers > 1 && array->buffers[1]) {
        int64_t size = offset_at(array->buffers[1], is_long, first + rows) -
                       offset_at(array->buffers[1], is_long, first);
        sum += n * (is_long ? 8 : 4) + (uint64_t)WR_MAX(size, 0);
    } else if (f[0] == 'v' && array->n_buffers > 2) {
        const void *sizes = array->buffers[array->n_buffers - 1];
        sum += n * 16;
        for (int64_t b = 0; sizes && b < array->n_buffers - 3; b++)
            sum += (uint64_t)WR_MAX(offset_at(sizes, true, b), 0);
    } else if (f[0] != '+') {
        sum += strchr("cCb", f[0])   ? n
               : strchr("sSe", f[0]) ? n * 2
               : strchr("iIf", f[0]) ? n * 4
               : f[0] == 'd'         ? n * 16
                                     : n * 8;
    }
    bool is_plain = !strcmp(f, "+s");
    for (int64_t i = 0; array->children && i < array->n_children && i < schema->n_children; i++) {
        const struct ArrowArray *child = array->children[i];
        if (!child || child->length < 0 || child->offset < 0) continue;
        bool fits = is_plain && first <= child->length && rows <= child->length - first;
        sum += bytes_of(schema->children[i], child, fits ? first : 0, fits ? rows : child->length,
                        depth + 1);
    }
    if (array->dictionary && schema->dictionary && array->dictionary->length > 0 &&
        array->dictionary->offset >= 0)
        sum += bytes_of(schema->dictionary, array->dictionary, 0, array->dictionary->length,
                        depth + 1);
    return sum;
}

weir_status wr_host_array_new(wr_host_schema *schema, struct ArrowArray *array, wr_mem *mem,
                              wr_host_array **out)
{
    wr_host_array *a = wr_heap_new(sizeof *a);
    a->references = a->users = 1;
    a->schema = schema;
    schema->references++;
    a->arrow = *array;
    array->release = NULL;
    wr_mutex_init(&a->lock);
    a->arena.mem = mem;
    a->mem = mem;
    weir_status bad = check_shape(a);
    uint64_t bytes = 0;
    for (int i = 0; !bad && i < schema->columns.count; i++)
        bytes += bytes_of(schema->arrow.children[i], a->arrow.children[i], a->arrow.offset,
                          a->arrow.length, 0);
    if (!bad) bad = wr_mem_reserve(mem, bytes);
    if (bad) {
        wr_host_array_release(a);
        return bad;
    }
    a->bytes = bytes;
    a->columns = wr_heap_new(sizeof *a->columns * (size_t)(schema->columns.count + 1));
    for (int i = 0; i < schema->columns.count; i++) {
        struct ArrowArray *node = &a->columns[i].node;
        *node = *a->arrow.children[i];
        node->offset += a->arrow.offset;
        node->length = a->arrow.length;
    }
    *out = a;
    return WR_OK;
}

wr_host_array *wr_host_array_keep(wr_host_array *array)
{
    array->users++;
    return array;
}

static void let_go(wr_host_array *array)
{
    if (--array->references > 0) return;
    if (array->arrow.release) array->arrow.release(&array->arrow);
    wr_mutex_clear(&array->lock);
    wr_host_schema_release(array->schema);
    wr_heap_drop(array->columns);
    wr_heap_drop(array);
}

/* What was handed out may outlive the engine: nothing is counted there any more. */
void wr_host_array_release(wr_host_array *array)
{
    if (!array || --array->users > 0) return;
    wr_mem_release(array->mem, array->bytes);
    wr_arena_clear(&array->arena);
    let_go(array);
}

int64_t wr_host_array_rows(const wr_host_array *array) { return array->arrow.length; }

int64_t wr_host_array_nulls(const wr_host_array *array, int column)
{
    const struct ArrowArray *child = array->arrow.children[column];
    const char *format = array->schema->arrow.children[column]->format;
    bool has_bits = child->n_buffers > 0 && child->buffers && strcmp(format, "n") != 0 &&
                    strcmp(format, "+r") != 0;
    if (!has_bits || child->dictionary) return -1;
    if (!child->buffers[0] || child->null_count == 0) return 0;
    bool is_whole = child->length == array->arrow.length;
    return is_whole && child->null_count <= child->length ? WR_MAX(child->null_count, -1) : -1;
}

/* ---- columns for the engine ---- */

static bool same_dictionary(const struct ArrowArray *a, const struct ArrowArray *b)
{
    if (!a || !b || a->length != b->length || a->offset != b->offset || a->n_children ||
        b->n_children || a->dictionary || b->dictionary || a->n_buffers != b->n_buffers)
        return false;
    for (int64_t i = 0; i < a->n_buffers; i++)
        if (!a->buffers || !b->buffers || a->buffers[i] != b->buffers[i]) return false;
    return a->n_buffers > 0;
}

void wr_host_array_share(wr_host_array *array, wr_host_array *before)
{
    for (int i = 0; i < array->schema->columns.count; i++) {
        wr_host_array *first = before->columns[i].shared ? before->columns[i].shared : before;
        if (same_dictionary(array->columns[i].node.dictionary, first->columns[i].node.dictionary))
            array->columns[i].shared = first;
    }
}

/* The lock is held. */
static weir_status import_dictionary(wr_host_array *array, int column)
{
    array_column *c = &array->columns[column];
    const struct ArrowSchema *schema = array->schema->arrow.children[column]->dictionary;
    const struct ArrowArray *values = array->arrow.children[column]->dictionary;
    if (values->length < 0 || values->length > DICTIONARY_ROWS_MAX)
        return wr_fail(WR_E_TOO_BIG, "a dictionary of %lld values", (long long)values->length);
    WR_TRY(wr_arena_admit(&array->arena, (size_t)values->length * sizeof(wr_view)));
    wr_column imported;
    c->flat = wr_new(&array->arena, wr_column);
    if (values->length == 0) { /* all values are NULL, but a dictionary has a row */
        wr_value null = wr_value_null(array->schema->columns.fields[column].type);
        wr_value_column(&null, 1, &array->arena, &imported);
    } else {
        WR_TRY(wr_arrow_import_column(schema, values, 0, (uint32_t)values->length, &array->arena,
                                      &imported));
    }
    wr_column_flatten(&imported, NULL, imported.rows, &array->arena, c->flat);
    c->flat->dict_id = wr_dict_id_next();
    wr_arrow_ready_dictionary(c->flat, values->length, &c->dictionary);
    c->node.dictionary = &c->dictionary;
    c->is_ready = true;
    return WR_OK;
}

static weir_status ready_dictionary(wr_host_array *array, int column)
{
    array_column *c = &array->columns[column];
    if (c->is_ready) return WR_OK;
    weir_status bad = WR_OK;
    if (c->shared) bad = ready_dictionary(c->shared, column);
    wr_mutex_lock(&array->lock);
    if (!bad && !c->is_ready && c->shared) {
        c->node.dictionary = c->shared->columns[column].node.dictionary;
        c->is_ready = true;
    } else if (!bad && !c->is_ready) {
        bad = import_dictionary(array, column);
    }
    wr_mutex_unlock(&array->lock);
    return bad;
}

weir_status wr_host_array_column(wr_host_array *array, int column, int64_t from, uint32_t count,
                                 wr_arena *arena, wr_column *out)
{
    const struct ArrowSchema *schema = array->schema->arrow.children[column];
    weir_status bad = schema->dictionary ? ready_dictionary(array, column) : WR_OK;
    if (!bad)
        bad = wr_arrow_import_column(schema, &array->columns[column].node, from, count, arena, out);
    return bad ? wr_wrap(bad, "column \"%s\"", schema->name ? schema->name : "") : WR_OK;
}

/* ---- arrays for other programs ---- */

typedef struct lent {
    wr_host_array *array;
    wr_arena arena; /* of the nodes below this one, if it is the outermost */
} lent;

static void release_lent(struct ArrowArray *node)
{
    lent *l = node->private_data;
    for (int64_t i = 0; i < node->n_children; i++)
        if (node->children[i]->release) node->children[i]->release(node->children[i]);
    if (node->dictionary && node->dictionary->release) node->dictionary->release(node->dictionary);
    node->release = NULL;
    let_go(l->array);
    wr_arena_clear(&l->arena);
    wr_heap_drop(l);
}

static wr_arena *lend_node(wr_host_array *array, struct ArrowArray *out)
{
    lent *l = wr_heap_new(sizeof *l);
    l->array = array;
    array->references++;
    out->release = release_lent;
    out->private_data = l;
    return &l->arena;
}

static void lend(wr_host_array *array, const struct ArrowArray *from, struct ArrowArray *out)
{
    *out = *from;
    wr_arena *arena = lend_node(array, out);
    if (from->n_children > 0 && from->children)
        out->children = wr_new_array(arena, struct ArrowArray *, from->n_children);
    else
        out->n_children = 0;
    for (int64_t i = 0; i < out->n_children; i++) {
        out->children[i] = wr_new(arena, struct ArrowArray);
        lend(array, from->children[i], out->children[i]);
    }
    if (!from->dictionary) return;
    out->dictionary = wr_new(arena, struct ArrowArray);
    lend(array, from->dictionary, out->dictionary);
}

void wr_host_array_export(wr_host_array *array, const int *columns, int column_count, int64_t from,
                          int64_t count, struct ArrowArray *out)
{
    wr_assert(from >= 0 && count >= 0 && from <= array->arrow.length - count);
    *out = (struct ArrowArray){.length = count, .n_buffers = 1, .n_children = column_count};
    wr_arena *arena = lend_node(array, out);
    out->buffers = wr_new_array(arena, const void *, 1);
    out->children = wr_new_array(arena, struct ArrowArray *, column_count + 1);
    for (int i = 0; i < column_count; i++) {
        struct ArrowArray *child = out->children[i] = wr_new(arena, struct ArrowArray);
        lend(array, array->arrow.children[columns[i]], child);
        bool is_part = count != child->length;
        child->offset += array->arrow.offset + from;
        child->length = count;
        if (is_part && child->null_count > 0) child->null_count = -1;
    }
}

typedef struct schema_copy {
    wr_arena arena;
} schema_copy;

static void release_copy(struct ArrowSchema *schema)
{
    schema_copy *copy = schema->private_data;
    for (int64_t i = 0; i < schema->n_children; i++)
        if (schema->children[i]->release) schema->children[i]->release(schema->children[i]);
    if (schema->dictionary && schema->dictionary->release)
        schema->dictionary->release(schema->dictionary);
    schema->release = NULL;
    wr_arena_clear(&copy->arena);
    wr_heap_drop(copy);
}

/* The pairs of a metadata text; lengths are believed as far as reading them went. */
static const char *copy_metadata(wr_arena *arena, const char *metadata)
{
    int32_t pairs, length;
    if (!metadata) return NULL;
    memcpy(&pairs, metadata, 4);
    const char *at = metadata + 4;
    for (int64_t i = 0; i < 2 * (int64_t)pairs; i++) {
        memcpy(&length, at, 4);
        if (length < 0) return NULL;
        at += 4 + length;
    }
    return wr_arena_copy(arena, metadata, (size_t)(at - metadata));
}

static wr_arena *open_copy(const struct ArrowSchema *from, const char *name,
                           struct ArrowSchema *out)
{
    schema_copy *copy = wr_heap_new(sizeof *copy);
    wr_arena *arena = &copy->arena;
    *out = (struct ArrowSchema){.flags = from->flags, .release = release_copy};
    out->private_data = copy;
    out->format = wr_arena_copy(arena, from->format, strlen(from->format));
    out->name = wr_arena_copy(arena, name ? name : "", name ? strlen(name) : 0);
    out->metadata = copy_metadata(arena, from->metadata);
    return arena;
}

static void copy_schema(const struct ArrowSchema *from, const char *name, struct ArrowSchema *out)
{
    wr_arena *arena = open_copy(from, name, out);
    out->n_children = from->n_children;
    out->children = wr_new_array(arena, struct ArrowSchema *, from->n_children + 1);
    for (int64_t i = 0; i < from->n_children; i++) {
        out->children[i] = wr_new(arena, struct ArrowSchema);
        copy_schema(from->children[i], from->children[i]->name, out->children[i]);
    }
    if (!from->dictionary) return;
    out->dictionary = wr_new(arena, struct ArrowSchema);
    copy_schema(from->dictionary, from->dictionary->name, out->dictionary);
}

void wr_host_schema_export(const wr_host_schema *schema, const int *columns, int column_count,
                           char *const *names, struct ArrowSchema *out)
{
    const struct ArrowSchema bare = {.format = "+s"};
    wr_arena *arena = open_copy(&bare, "", out);
    out->n_children = column_count;
    out->children = wr_new_array(arena, struct ArrowSchema *, column_count + 1);
    for (int i = 0; i < column_count; i++) {
        const struct ArrowSchema *from = schema->arrow.children[columns[i]];
        out->children[i] = wr_new(arena, struct ArrowSchema);
        copy_schema(from, names ? names[i] : from->name, out->children[i]);
    }
}
