/* lookup.c - see lookup.h.
 *
 * A lookup is a relation over another one, which it exchanges. Its schema is that of the first
 * version; the columns of later ones are found by name. It says nothing of statistics and keys, so
 * plans do not lean on what may change, only of how many rows there may be.
 *
 * What is newer: of files other names, sizes or times; of a table a later commit, or another table
 * of its name (ALTER TABLE makes one), of a source that is a table its stamp. Looking at a table
 * takes a transaction for the moment. */
#include "plan/lookup.h"
#include "fmt/files.h"
#include "spi/source_relation.h"

typedef struct version {
    wr_relation *relation;
    int *columns;    /* by column of the lookup: that of the relation, -1: it has none */
    wr_table *table; /* of whose rows this is; NULL: files */
    uint64_t seen;   /* commits up to this one; of a source: its stamp before it was read */
} version;

struct wr_lookup {
    wr_relation base;
    wr_arena arena;
    wr_catalog_view view; /* without a transaction */
    wr_str schema, name;
    bool is_source; /* always the same relation */
    bool *is_used;  /* by column */
    version now, before;
    bool is_open; /* look found something that is not settled */
};

struct wr_scan {
    wr_relation *relation; /* reference */
    wr_scan *inner;
    int *columns;
};

struct wr_scan_worker {
    wr_scan *scan;
    wr_scan_worker *inner;
};

static wr_lookup *lookup_of(const wr_relation *relation)
{
    return (wr_lookup *)(uintptr_t)relation;
}

static void version_clear(version *v)
{
    wr_relation_release(v->relation);
    wr_table_release(v->table);
    wr_heap_drop(v->columns);
    *v = (version){0};
}

/* ---- the relation ---- */

static void lookup_close(wr_scan *scan)
{
    if (scan->inner) scan->relation->def->close(scan->inner);
    wr_relation_release(scan->relation);
    wr_heap_drop(scan->columns);
    wr_heap_drop(scan);
}

static weir_status lookup_open(wr_relation *relation, const wr_scan_request *request, wr_scan **out)
{
    const version *now = &lookup_of(relation)->now;
    wr_scan *scan = wr_heap_new(sizeof *scan);
    scan->columns = wr_heap_new(sizeof(int) * (size_t)(request->column_count + 1));
    for (int i = 0; i < request->column_count; i++) {
        scan->columns[i] = now->columns[request->columns[i]];
        wr_assert(scan->columns[i] >= 0);
    }
    wr_scan_request inner = *request;
    inner.columns = scan->columns;
    inner.places = 0;
    scan->relation = wr_relation_keep(now->relation);
    weir_status bad = now->relation->def->open(now->relation, &inner, &scan->inner);
    if (bad) lookup_close(scan);
    if (!bad) *out = scan;
    return bad;
}

static weir_status lookup_worker_new(wr_scan *scan, int worker, wr_scan_worker **out)
{
    wr_scan_worker *inner;
    WR_TRY(scan->relation->def->worker_new(scan->inner, worker, &inner));
    *out = wr_heap_new(sizeof **out);
    (*out)->scan = scan;
    (*out)->inner = inner;
    return WR_OK;
}

static weir_status lookup_next_morsel(wr_scan_worker *worker, bool *got)
{
    return worker->scan->relation->def->next_morsel(worker->inner, got);
}

static weir_status lookup_next_batch(wr_scan_worker *worker, wr_batch *out, bool *more)
{
    return worker->scan->relation->def->next_batch(worker->inner, out, more);
}

static void lookup_worker_drop(wr_scan_worker *worker)
{
    worker->scan->relation->def->worker_drop(worker->inner);
    wr_heap_drop(worker);
}

static const wr_progress *lookup_progress(const wr_scan *scan)
{
    static const wr_progress none;
    const wr_relation_def *def = scan->relation->def;
    return def->progress ? def->progress(scan->inner) : &none;
}

static void lookup_explain(const wr_relation *relation, wr_buf *out)
{
    const wr_relation *inner = lookup_of(relation)->now.relation;
    wr_buf_add_text(out, "read again when it changes");
    if (!inner->def->explain) return;
    wr_buf_add_text(out, ", ");
    inner->def->explain(inner, out);
}

static void lookup_drop(wr_relation *relation)
{
    wr_lookup *lookup = lookup_of(relation);
    version_clear(&lookup->now);
    version_clear(&lookup->before);
    wr_arena_clear(&lookup->arena);
    wr_heap_drop(lookup);
}

static const wr_relation_def lookup_def = {.name = "lookup",
                                           .open = lookup_open,
                                           .worker_new = lookup_worker_new,
                                           .next_morsel = lookup_next_morsel,
                                           .next_batch = lookup_next_batch,
                                           .worker_drop = lookup_worker_drop,
                                           .close = lookup_close,
                                           .progress = lookup_progress,
                                           .explain = lookup_explain,
                                           .drop = lookup_drop};

/* ---- making them ---- */

static wr_relation *lookup_new(wr_planner *planner, const wr_logical *scan)
{
    wr_relation *inner = scan->scan.relation;
    wr_object *object = scan->scan.object && scan->scan.object->table ? scan->scan.object : NULL;
    wr_lookup *lookup = wr_heap_new(sizeof *lookup);
    const wr_schema *schema = &inner->schema;
    if (planner->catalog) lookup->view = *planner->catalog;
    lookup->view.txn = NULL;
    lookup->name = wr_arena_str(&lookup->arena, scan->scan.name);
    if (object) lookup->schema = wr_arena_str(&lookup->arena, object->schema);
    lookup->is_used = wr_new_array(&lookup->arena, bool, schema->count + 1);
    lookup->now = (version){.relation = wr_relation_keep(inner),
                            .table = object ? wr_table_keep(object->table) : NULL,
                            .seen = object ? wr_txn_snapshot(planner->catalog->txn) : 0};
    lookup->is_source = wr_relation_stamp(inner, &lookup->now.seen);
    lookup->now.columns = wr_heap_new(sizeof(int) * (size_t)(schema->count + 1));
    for (int i = 0; i < schema->count; i++)
        lookup->now.columns[i] = i;
    lookup->base = (wr_relation){.def = &lookup_def,
                                 .schema = *wr_schema_copy(&lookup->arena, schema),
                                 .visible_count = inner->visible_count,
                                 .names_are_made_up = inner->names_are_made_up,
                                 .row_count = inner->row_count,
                                 .references = 1};
    return &lookup->base;
}

static bool can_change(const wr_logical *scan)
{
    const wr_object *object = scan->scan.object;
    uint64_t stamp;
    if (object && object->kind == WR_ENTRY_TABLE) return object->table != NULL;
    if (wr_relation_stamp(scan->scan.relation, &stamp)) return true;
    return !object && wr_relation_is_files(scan->scan.relation);
}

static bool wrap_subquery(const wr_expr *e, void *arg)
{
    if (e->kind == WR_X_SUBQUERY) wr_lookups_wrap(arg, ((const wr_subquery *)e->subquery)->plan);
    return true;
}
static void wrap_slot(wr_expr **slot, void *arg) { wr_expr_walk(*slot, wrap_subquery, arg); }

void wr_lookups_wrap(wr_planner *planner, wr_logical *root)
{
    if (root->kind == WR_L_SCAN && !wr_relation_lookup(root->scan.relation) && can_change(root)) {
        root->scan.relation = lookup_new(planner, root);
        wr_push(planner->arena, &planner->relations, root->scan.relation);
    }
    wr_logical_each_expr(root, wrap_slot, planner);
    for (int i = 0; i < root->input_count; i++)
        wr_lookups_wrap(planner, root->inputs[i]);
}

wr_lookup *wr_relation_lookup(wr_relation *relation)
{
    return relation->def == &lookup_def ? lookup_of(relation) : NULL;
}

wr_str wr_lookup_name(const wr_lookup *lookup) { return lookup->name; }

void wr_lookup_uses(wr_lookup *lookup, const int *columns, int count)
{
    for (int i = 0; i < count; i++)
        lookup->is_used[columns[i]] = true;
}

/* ---- newer versions ---- */

static weir_status drifted(const wr_lookup *lookup, const wr_field *field, const char *how)
{
    return wr_fail(WR_E_FILE_SCHEMA, "%.*s has changed: column \"%.*s\" %s",
                   WR_STR_ARGS(lookup->name), WR_STR_ARGS(field->name), how);
}

/* Finds the columns of the lookup in the version; those that are read must be as they were. */
static weir_status map_columns(const wr_lookup *lookup, version *v)
{
    const wr_schema *was = &lookup->base.schema, *is = &v->relation->schema;
    v->columns = wr_heap_new(sizeof(int) * (size_t)(was->count + 1));
    for (int i = 0; i < was->count; i++) {
        const wr_field *field = &was->fields[i];
        int at = is->count - 1;
        while (at >= 0 && !wr_str_ieq(is->fields[at].name, field->name))
            at--;
        v->columns[i] = at;
        if (!lookup->is_used[i]) continue;
        if (at < 0) return drifted(lookup, field, "is not there any more");
        if (is->fields[at].type != field->type) {
            WR_BUF(how);
            wr_buf_printf(&how, "was %s and is %s now", wr_type_name(field->type),
                          wr_type_name(is->fields[at].type));
            return drifted(lookup, field, how.data);
        }
        if (was->not_null && was->not_null[i] && !(is->not_null && is->not_null[at]))
            return drifted(lookup, field, "may be NULL now");
    }
    return WR_OK;
}

static weir_status bind_files(const wr_lookup *lookup, version *v)
{
    uint64_t stamp;
    WR_TRY(wr_files_stamp(lookup->now.relation, &stamp));
    if (stamp == wr_files_bound_stamp(lookup->now.relation)) return WR_OK;
    return wr_files_bind_again(lookup->now.relation, &v->relation);
}

static weir_status bind_table(const wr_lookup *lookup, wr_txn *txn, version *v)
{
    wr_catalog_view view = lookup->view;
    view.txn = txn;
    wr_object *object = wr_catalog_find(&view, 1u << WR_ENTRY_TABLE, lookup->schema, lookup->name);
    if (!object)
        return wr_fail(WR_E_UNKNOWN_TABLE, "the table \"%.*s\" is not there any more",
                       WR_STR_ARGS(lookup->name));
    bool is_newer = object->table != lookup->now.table ||
                    wr_table_last_change(object->table) > lookup->now.seen;
    weir_status bad = is_newer ? wr_table_snapshot(object->table, txn, &v->relation) : WR_OK;
    if (v->relation) v->table = wr_table_keep(object->table);
    v->seen = wr_txn_snapshot(txn);
    wr_object_release(object);
    return bad;
}

/* v->relation stays NULL when there is nothing newer. */
static weir_status bind_newer(const wr_lookup *lookup, version *v)
{
    if (lookup->is_source) {
        if (wr_relation_stamp(lookup->now.relation, &v->seen) && v->seen != lookup->now.seen)
            v->relation = wr_relation_keep(lookup->now.relation);
        return WR_OK;
    }
    if (!lookup->now.table) return bind_files(lookup, v);
    wr_txn *txn = wr_txn_begin(wr_catalog_store(lookup->view.catalog));
    weir_status bad = bind_table(lookup, txn, v);
    wr_txn_rollback(txn);
    return bad;
}

weir_status wr_lookup_look(wr_lookup *lookup, bool *found)
{
    version v = {0};
    wr_assert(!lookup->is_open);
    weir_status bad = bind_newer(lookup, &v);
    if (!bad && v.relation) bad = map_columns(lookup, &v);
    *found = !bad && v.relation;
    if (!*found) {
        version_clear(&v);
        return bad;
    }
    lookup->before = lookup->now;
    lookup->now = v;
    lookup->is_open = true;
    return WR_OK;
}

weir_status wr_lookup_is_whole(wr_lookup *lookup, bool *is_whole)
{
    uint64_t stamp;
    *is_whole = true;
    if (!lookup->is_open || lookup->now.table || lookup->is_source)
        return WR_OK; /* they were read in one transaction */
    WR_TRY(wr_files_stamp(lookup->now.relation, &stamp));
    *is_whole = stamp == wr_files_bound_stamp(lookup->now.relation);
    return WR_OK;
}

void wr_lookup_settle(wr_lookup *lookup, bool takes)
{
    if (!lookup->is_open) return;
    version gone = takes ? lookup->before : lookup->now;
    if (!takes) lookup->now = lookup->before;
    lookup->before = (version){0};
    lookup->is_open = false;
    version_clear(&gone);
}
