/* catalog.c - the list of named objects. See catalog.h.
 *
 * Names have versions as rows have: an entry carries the transaction that added it and the one that
 * removed it, and when those commit, the times of that. A view sees what its own transaction or one
 * committed before its snapshot added and did not remove likewise, so the names it finds and the
 * rows below them are of one moment. What was removed stays as long as a transaction may see it.
 * Two transactions never change one name side by side: the second gets TXN_CONFLICT.
 *
 * Commit and rollback walk the list: it has hundreds of entries, not millions, so there is no index
 * to keep in step. The lock guards the list only; objects are immutable once added (sequences count
 * atomically) and kept alive by references. It is taken before the store's lock, never after. */
#include "catalog/catalog.h"
#include "expr/host_fn.h"
#include "sys/thread.h"
#include <stdlib.h>

typedef struct entry {
    wr_object *object;
    uint64_t session_id;           /* of temporary objects, else 0 */
    uint64_t adder, remover;       /* ids of running transactions, else 0 */
    uint64_t added_at, removed_at; /* their savepoint counters; once committed, when; 0 = never */
} entry;

struct wr_catalog {
    wr_store *store;
    wr_mutex lock;
    entry *entries; /* guarded by lock */
    _Atomic bool has_foreign_keys;
    int count, cap; /* guarded by lock */
};

wr_str wr_column_type_text(wr_arena *arena, const wr_column_def *column)
{
    if (!column->length.characters) return column->type->sql;
    return wr_arena_printf(arena, "%s(%u)", column->length.cuts_blanks ? "CHAR" : "VARCHAR",
                           column->length.characters);
}

uint64_t wr_column_number_new(void)
{
    static _Atomic uint64_t last;
    return ++last;
}

wr_object *wr_object_new(wr_entry_kind kind, wr_str schema, wr_str name)
{
    wr_object *object = wr_heap_new(sizeof *object);
    object->kind = kind;
    object->references = 1;
    object->schema = wr_arena_str(&object->arena, schema);
    object->name = wr_arena_str(&object->arena, name);
    return object;
}

void wr_object_release(wr_object *object)
{
    if (!object || --object->references != 0) return;
    wr_table_release(object->table);
    wr_relation_release(object->relation);
    wr_source_release(object->source);
    wr_target_release(object->target);
    wr_host_forms_release(&object->forms);
    wr_arena_clear(&object->arena);
    wr_heap_drop(object);
}

bool wr_object_has_constraint(const wr_object *table, wr_str name)
{
    for (int i = 0; i < table->key_count; i++)
        if (wr_str_ieq(table->keys[i].name, name)) return true;
    for (int i = 0; i < table->check_count; i++)
        if (wr_str_ieq(table->checks[i].name, name)) return true;
    for (int i = 0; i < table->foreign_key_count; i++)
        if (wr_str_ieq(table->foreign_keys[i].name, name)) return true;
    return false;
}

wr_catalog *wr_catalog_new(wr_store *store)
{
    wr_catalog *catalog = wr_heap_new(sizeof *catalog);
    catalog->store = store;
    wr_mutex_init(&catalog->lock);
    return catalog;
}

void wr_catalog_drop(wr_catalog *catalog)
{
    if (!catalog) return;
    for (int i = 0; i < catalog->count; i++)
        wr_object_release(catalog->entries[i].object);
    wr_heap_drop(catalog->entries);
    wr_mutex_clear(&catalog->lock);
    wr_heap_drop(catalog);
}

wr_store *wr_catalog_store(wr_catalog *catalog) { return catalog->store; }

/* "public" is another spelling of "main". */
static wr_str canonical(wr_str schema)
{
    return wr_str_is(schema, "public") ? WR_STR("main") : schema;
}

/* Kinds that share one name space. */
static unsigned space_of(wr_entry_kind kind)
{
    static const unsigned tables = WR_RELATION_KINDS;
    static const unsigned macros = 1u << WR_ENTRY_MACRO | 1u << WR_ENTRY_FUNCTION;
    if (tables >> kind & 1) return tables;
    return macros >> kind & 1 ? macros : 1u << kind;
}

/* Does view see what transaction id, or 0 and the one that committed at time, did? */
static bool is_seen(uint64_t id, uint64_t time, const wr_catalog_view *view)
{
    if (id) return view->txn && id == wr_txn_id(view->txn);
    return !view->txn || time <= wr_txn_snapshot(view->txn);
}

static bool is_removed(const entry *e) { return e->remover || e->removed_at; }

static bool visible(const entry *e, const wr_catalog_view *view)
{
    if (e->session_id && e->session_id != view->session_id) return false;
    if (!is_seen(e->adder, e->added_at, view)) return false;
    return !is_removed(e) || !is_seen(e->remover, e->removed_at, view);
}

static entry *lookup(const wr_catalog_view *view, unsigned kinds, wr_str schema, wr_str name,
                     bool temporary)
{
    wr_catalog *catalog = view->catalog;
    for (int i = catalog->count - 1; i >= 0; i--) {
        entry *e = &catalog->entries[i];
        if (!(kinds >> e->object->kind & 1) || e->object->is_temporary != temporary) continue;
        if (!wr_str_ieq(e->object->name, name) || !visible(e, view)) continue;
        if (temporary || wr_str_ieq(e->object->schema, canonical(schema))) return e;
    }
    return NULL;
}

static entry *lookup_path(const wr_catalog_view *view, unsigned kinds, wr_str schema, wr_str name)
{
    if (schema.length && !wr_str_is(schema, "temp") && !wr_str_is(schema, "pg_temp"))
        return lookup(view, kinds, schema, name, false);
    entry *found = lookup(view, kinds, schema, name, true);
    if (found || schema.length) return found;
    for (int i = 0; i < view->search_path_count && !found; i++)
        found = lookup(view, kinds, view->search_path[i], name, false);
    return found;
}

wr_object *wr_catalog_find(const wr_catalog_view *view, unsigned kinds, wr_str schema, wr_str name)
{
    wr_mutex_lock(&view->catalog->lock);
    entry *found = lookup_path(view, kinds, schema, name);
    wr_object *object = found ? found->object : NULL;
    if (object) object->references++;
    wr_mutex_unlock(&view->catalog->lock);
    return object;
}

static bool is_built_in_schema(wr_str schema)
{
    return wr_str_is(schema, "main") || wr_str_is(schema, "public") || wr_str_is(schema, "temp") ||
           wr_str_is(schema, "pg_temp");
}

bool wr_catalog_has_schema(const wr_catalog_view *view, wr_str schema)
{
    if (is_built_in_schema(schema)) return true;
    wr_mutex_lock(&view->catalog->lock);
    bool found = lookup(view, 1u << WR_ENTRY_SCHEMA, WR_STR(""), schema, false) != NULL;
    wr_mutex_unlock(&view->catalog->lock);
    return found;
}

static void append(wr_catalog *catalog, entry e)
{
    if (catalog->count == catalog->cap) {
        int cap = catalog->cap ? catalog->cap * 2 : 32;
        catalog->entries =
            wr_heap_grow(catalog->entries, (size_t)catalog->cap * sizeof e, (size_t)cap * sizeof e);
        catalog->cap = cap;
    }
    catalog->entries[catalog->count++] = e;
}

static void erase(wr_catalog *catalog, int i)
{
    wr_object_release(catalog->entries[i].object);
    memmove(&catalog->entries[i], &catalog->entries[i + 1],
            (size_t)(catalog->count - i - 1) * sizeof(entry));
    catalog->count--;
}

static void mark_removed(const wr_catalog_view *view, entry *e)
{
    e->remover = wr_txn_id(view->txn);
    e->removed_at = wr_txn_savepoint(view->txn);
    wr_txn_mark(view->txn);
}

static void keep(entry *e) { e->remover = e->removed_at = 0; }

static const char *word_for(wr_entry_kind kind)
{
    switch (kind) {
    case WR_ENTRY_TABLE:
        return "table";
    case WR_ENTRY_VIEW:
        return "view";
    case WR_ENTRY_SEQUENCE:
        return "sequence";
    case WR_ENTRY_TYPE:
        return "type";
    case WR_ENTRY_MACRO:
        return "macro";
    case WR_ENTRY_TABLE_MACRO:
        return "table macro";
    case WR_ENTRY_INDEX:
        return "index";
    case WR_ENTRY_RELATION:
        return "registered table";
    case WR_ENTRY_SCHEMA:
        return "schema";
    case WR_ENTRY_SOURCE:
        return "source";
    case WR_ENTRY_SINK:
        return "sink";
    case WR_ENTRY_FUNCTION:
        return "function";
    }
    return "object";
}

static weir_status changed_by_another(const wr_object *object)
{
    return wr_with_fix(wr_fail(WR_E_TXN_CONFLICT, "another transaction changed %s \"%.*s\"",
                               word_for(object->kind), WR_STR_ARGS(object->name)),
                       "run the transaction again");
}

/* Is the name taken by what view does not see, or is what it sees there gone for others? */
static bool is_contested(const wr_catalog_view *view, const wr_object *object)
{
    for (int i = 0; i < view->catalog->count; i++) {
        const entry *e = &view->catalog->entries[i];
        if (!(space_of(object->kind) >> e->object->kind & 1) || e->object->is_temporary) continue;
        if (!wr_str_ieq(e->object->name, object->name) ||
            !wr_str_ieq(e->object->schema, object->schema))
            continue;
        bool is_gone = e->removed_at && !e->remover;
        if (visible(e, view) ? is_removed(e) : !is_gone && !is_seen(e->adder, e->added_at, view))
            return true;
    }
    return false;
}

static weir_status add_locked(const wr_catalog_view *view, wr_object *object, bool or_replace)
{
    entry *old =
        lookup(view, space_of(object->kind), object->schema, object->name, object->is_temporary);
    if (old && (!or_replace || old->object->kind != object->kind))
        return wr_fail(WR_E_DUPLICATE_TABLE, "a %s named \"%.*s\" exists already",
                       word_for(old->object->kind), WR_STR_ARGS(object->name));
    if (!object->is_temporary && is_contested(view, object)) return changed_by_another(object);
    if (old) mark_removed(view, old);
    entry e = {
        .object = object, .adder = wr_txn_id(view->txn), .added_at = wr_txn_savepoint(view->txn)};
    if (object->is_temporary) e.session_id = view->session_id;
    append(view->catalog, e);
    if (object->foreign_key_count) view->catalog->has_foreign_keys = true;
    wr_txn_mark(view->txn);
    return WR_OK;
}

weir_status wr_catalog_add(const wr_catalog_view *view, wr_object *object, bool or_replace)
{
    WR_AUTO(wr_object) *owned = object;
    object->schema = wr_arena_str(&object->arena, canonical(object->schema));
    if (!object->is_temporary && object->kind != WR_ENTRY_SCHEMA &&
        !wr_catalog_has_schema(view, object->schema))
        return wr_fail(WR_E_UNKNOWN_SCHEMA, "there is no schema \"%.*s\"",
                       WR_STR_ARGS(object->schema));
    wr_mutex_lock(&view->catalog->lock);
    weir_status bad = add_locked(view, object, or_replace);
    wr_mutex_unlock(&view->catalog->lock);
    if (!bad) owned = NULL;
    return bad;
}

static entry *entry_of(wr_catalog *catalog, const wr_object *object)
{
    for (int i = catalog->count - 1; i >= 0; i--)
        if (catalog->entries[i].object == object) return &catalog->entries[i];
    return NULL;
}

static weir_status remove_locked(const wr_catalog_view *view, wr_object *object)
{
    entry *e = entry_of(view->catalog, object);
    if (!e || !visible(e, view))
        return wr_fail(WR_E_UNKNOWN_TABLE, "%s \"%.*s\" does not exist", word_for(object->kind),
                       WR_STR_ARGS(object->name));
    if (is_removed(e)) return changed_by_another(object);
    mark_removed(view, e);
    return WR_OK;
}

weir_status wr_catalog_remove(const wr_catalog_view *view, wr_object *object)
{
    wr_mutex_lock(&view->catalog->lock);
    weir_status bad = remove_locked(view, object);
    wr_mutex_unlock(&view->catalog->lock);
    return bad;
}

weir_status wr_catalog_replace(const wr_catalog_view *view, wr_object *old, wr_object *changed)
{
    WR_AUTO(wr_object) *owned = changed;
    wr_mutex_lock(&view->catalog->lock);
    weir_status bad = remove_locked(view, old);
    if (!bad) {
        bad = add_locked(view, changed, false);
        if (!bad)
            owned = NULL;
        else
            keep(entry_of(view->catalog, old));
    }
    wr_mutex_unlock(&view->catalog->lock);
    return bad;
}

weir_status wr_catalog_add_schema(const wr_catalog_view *view, wr_str schema, bool if_not_exists)
{
    if (wr_catalog_has_schema(view, schema)) {
        if (if_not_exists) return WR_OK;
        return wr_fail(WR_E_DUPLICATE_TABLE, "a schema named \"%.*s\" exists already",
                       WR_STR_ARGS(schema));
    }
    return wr_catalog_add(view, wr_object_new(WR_ENTRY_SCHEMA, WR_STR(""), schema), false);
}

weir_status wr_catalog_drop_schema(const wr_catalog_view *view, wr_str schema, bool cascade)
{
    if (is_built_in_schema(schema))
        return wr_fail(WR_E_UNKNOWN_SCHEMA, "schema \"%.*s\" cannot be dropped",
                       WR_STR_ARGS(schema));
    wr_catalog *catalog = view->catalog;
    weir_status bad = WR_OK;
    wr_mutex_lock(&catalog->lock);
    entry *own = lookup(view, 1u << WR_ENTRY_SCHEMA, WR_STR(""), schema, false);
    if (!own)
        bad = wr_fail(WR_E_UNKNOWN_SCHEMA, "there is no schema \"%.*s\"", WR_STR_ARGS(schema));
    for (int i = 0; i < catalog->count && !bad; i++) {
        entry *e = &catalog->entries[i];
        bool inside = e->object->kind != WR_ENTRY_SCHEMA && !e->object->is_temporary &&
                      wr_str_ieq(e->object->schema, schema) && visible(e, view);
        if (inside && !cascade)
            bad = wr_with_fix(wr_fail(WR_E_DEPENDENT,
                                      "schema \"%.*s\" is not empty: it holds %s \"%.*s\"",
                                      WR_STR_ARGS(schema), word_for(e->object->kind),
                                      WR_STR_ARGS(e->object->name)),
                              "DROP SCHEMA %.*s CASCADE", WR_STR_ARGS(schema));
        else if (inside)
            bad = remove_locked(view, e->object);
    }
    if (!bad && is_removed(own)) bad = changed_by_another(own->object);
    if (!bad) mark_removed(view, own);
    wr_mutex_unlock(&catalog->lock);
    return bad;
}

static bool has_changes(const wr_catalog *catalog, uint64_t id)
{
    for (int i = catalog->count - 1; i >= 0; i--)
        if (catalog->entries[i].adder == id || catalog->entries[i].remover == id) return true;
    return false;
}

bool wr_catalog_uses(wr_catalog *catalog, const wr_source *source)
{
    bool found = false;
    wr_mutex_lock(&catalog->lock);
    for (int i = 0; i < catalog->count && !found; i++) {
        const entry *e = &catalog->entries[i];
        found = e->object->source == source && (e->remover || !e->removed_at);
    }
    wr_mutex_unlock(&catalog->lock);
    return found;
}

bool wr_catalog_holds(wr_catalog *catalog, const wr_object *object)
{
    wr_mutex_lock(&catalog->lock);
    const entry *e = entry_of(catalog, object);
    bool found = e && (e->remover || !e->removed_at);
    wr_mutex_unlock(&catalog->lock);
    return found;
}

/* Drops what no running transaction may see any more. */
static void sweep(wr_catalog *catalog)
{
    uint64_t oldest = wr_store_oldest_snapshot(catalog->store);
    for (int i = catalog->count - 1; i >= 0; i--) {
        const entry *e = &catalog->entries[i];
        if (!e->remover && e->removed_at && e->removed_at <= oldest) erase(catalog, i);
    }
}

void wr_catalog_commit(wr_catalog *catalog, wr_txn *txn)
{
    uint64_t id = wr_txn_id(txn);
    wr_mutex_lock(&catalog->lock);
    /* Who begins in between sees the rows, and waits here for the names. */
    bool changes = has_changes(catalog, id);
    if (!changes) wr_mutex_unlock(&catalog->lock);
    uint64_t time = wr_txn_commit(txn);
    if (!changes) wr_mutex_lock(&catalog->lock);
    for (int i = catalog->count - 1; i >= 0 && changes; i--) {
        entry *e = &catalog->entries[i];
        if (e->adder == id) e->adder = 0, e->added_at = time;
        if (e->remover == id) e->remover = 0, e->removed_at = time;
    }
    sweep(catalog);
    wr_mutex_unlock(&catalog->lock);
}

void wr_catalog_rollback(wr_catalog *catalog, wr_txn *txn, uint64_t savepoint)
{
    uint64_t id = wr_txn_id(txn);
    wr_mutex_lock(&catalog->lock);
    for (int i = catalog->count - 1; i >= 0; i--) {
        entry *e = &catalog->entries[i];
        if (e->remover == id && e->removed_at >= savepoint) keep(e);
        if (e->adder == id && e->added_at >= savepoint) erase(catalog, i);
    }
    wr_mutex_unlock(&catalog->lock);
}

void wr_catalog_end_session(wr_catalog *catalog, uint64_t session_id)
{
    wr_mutex_lock(&catalog->lock);
    for (int i = catalog->count - 1; i >= 0; i--)
        if (catalog->entries[i].session_id == session_id) erase(catalog, i);
    wr_mutex_unlock(&catalog->lock);
}

static int by_schema_and_name(const void *a_, const void *b_)
{
    const wr_object *a = *(wr_object *const *)a_, *b = *(wr_object *const *)b_;
    int order = wr_str_cmp(a->schema, b->schema);
    return order ? order : wr_str_cmp(a->name, b->name);
}

wr_object **wr_catalog_list(const wr_catalog_view *view, unsigned kinds, wr_arena *arena,
                            int *count)
{
    wr_catalog *catalog = view->catalog;
    wr_mutex_lock(&catalog->lock);
    wr_object **list = wr_new_array(arena, wr_object *, catalog->count + 1);
    int n = 0;
    for (int i = 0; i < catalog->count; i++) {
        entry *e = &catalog->entries[i];
        if (!(kinds >> e->object->kind & 1) || !visible(e, view)) continue;
        e->object->references++;
        list[n++] = e->object;
    }
    wr_mutex_unlock(&catalog->lock);
    qsort(list, (size_t)n, sizeof *list, by_schema_and_name);
    *count = n;
    return list;
}

bool wr_catalog_has_foreign_keys(const wr_catalog_view *view)
{
    return view->catalog->has_foreign_keys;
}

int wr_object_column(const wr_object *table, uint64_t id)
{
    for (int i = 0; i < table->column_count; i++)
        if (table->columns[i].id == id) return i;
    return -1;
}

static bool refers_to(const wr_object *object, const wr_object *table)
{
    for (int i = 0; i < object->foreign_key_count; i++)
        if (wr_object_column(table, object->foreign_keys[i].keys[0]) >= 0) return true;
    return false;
}

wr_object **wr_catalog_referrers(const wr_catalog_view *view, const wr_object *table,
                                 wr_arena *arena, int *count)
{
    int all = 0;
    *count = 0;
    if (!wr_catalog_has_foreign_keys(view)) return NULL;
    wr_object **list = wr_catalog_list(view, 1u << WR_ENTRY_TABLE, arena, &all);
    for (int i = 0; i < all; i++) {
        if (refers_to(list[i], table))
            list[(*count)++] = list[i];
        else
            wr_object_release(list[i]);
    }
    return list;
}

wr_object *wr_catalog_table_of(const wr_catalog_view *view, uint64_t column)
{
    WR_ARENA(scratch);
    int count = 0;
    wr_object *found = NULL;
    wr_object **list = wr_catalog_list(view, 1u << WR_ENTRY_TABLE, &scratch, &count);
    for (int i = 0; i < count; i++) {
        if (!found && wr_object_column(list[i], column) >= 0)
            found = list[i];
        else
            wr_object_release(list[i]);
    }
    return found;
}

wr_str *wr_catalog_schemas(const wr_catalog_view *view, wr_arena *arena, int *count)
{
    int n = 0;
    wr_object **objects = wr_catalog_list(view, 1u << WR_ENTRY_SCHEMA, arena, &n);
    wr_str *names = wr_new_array(arena, wr_str, n + 1);
    names[0] = WR_STR("main");
    for (int i = 0; i < n; i++) {
        names[i + 1] = wr_arena_str(arena, objects[i]->name);
        wr_object_release(objects[i]);
    }
    *count = n + 1;
    return names;
}

void wr_catalog_offer_names(const wr_catalog_view *view, unsigned kinds, wr_nearest *nearest)
{
    wr_mutex_lock(&view->catalog->lock);
    for (int i = 0; i < view->catalog->count; i++) {
        const entry *e = &view->catalog->entries[i];
        if ((kinds >> e->object->kind & 1) && visible(e, view))
            wr_nearest_offer(nearest, e->object->name);
    }
    wr_mutex_unlock(&view->catalog->lock);
}
