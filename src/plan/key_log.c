/* key_log.c - notes of a table sink for foreign keys. See key_log.h.
 *
 * Only keys that matter are kept: NULL refers to nothing (MATCH SIMPLE), and a key that an UPDATE
 * leaves as it is was neither taken away nor changed. */
#include "plan/key_log.h"
#include "plan/table_sink.h"

static wr_relation *keys_relation(wr_planner *planner, const wr_object *table, const int *columns,
                                  int count, bool pairs)
{
    int width = pairs ? count * 2 : count;
    wr_schema schema = {.fields = wr_new_array(planner->arena, wr_field, width), .count = width};
    for (int i = 0; i < width; i++) {
        wr_str name = wr_arena_printf(planner->arena, "%c%d", i < count ? 'k' : 'n', i % count);
        schema.fields[i] = (wr_field){name, table->columns[columns[i % count]].type};
    }
    wr_relation *relation = wr_kept_relation_new(&schema, planner->env->mem);
    wr_push(planner->arena, &planner->relations, relation);
    return relation;
}

static void add_log(wr_planner *planner, wr_key_log log, wr_key_log **list, int *count)
{
    wr_key_log *made = wr_new(planner->arena, wr_key_log);
    const wr_object *table = log.is_own ? log.owner : log.target;
    const uint64_t *ids = log.is_own ? log.key->columns : log.key->keys;
    int width = log.key->column_count;
    *made = log;
    made->columns = wr_new_array(planner->arena, int, width);
    for (int i = 0; i < width; i++) {
        made->columns[i] = wr_object_column(table, ids[i]);
        wr_assert(made->columns[i] >= 0);
    }
    if (log.is_own) {
        made->written = keys_relation(planner, table, made->columns, width, false);
    } else {
        made->removed = keys_relation(planner, table, made->columns, width, false);
        made->changed = keys_relation(planner, table, made->columns, width, true);
    }
    wr_push(planner->arena, &planner->key_logs, made);
    list[(*count)++] = made;
}

wr_key_log **wr_key_logs_new(wr_planner *planner, wr_object *table, int *count)
{
    *count = 0;
    if (!planner->catalog || !wr_catalog_has_foreign_keys(planner->catalog)) return NULL;
    int owner_count = 0, room = table->foreign_key_count;
    wr_object **owners =
        wr_catalog_referrers(planner->catalog, table, planner->arena, &owner_count);
    for (int i = 0; i < owner_count; i++)
        room += owners[i]->foreign_key_count;
    wr_key_log **list = wr_new_array(planner->arena, wr_key_log *, room + 1);
    for (int i = 0; i < table->foreign_key_count; i++) {
        const wr_reference_def *key = &table->foreign_keys[i];
        wr_object *target = wr_catalog_table_of(planner->catalog, key->keys[0]);
        if (!target) continue;
        wr_push(planner->arena, &planner->objects, target);
        add_log(planner, (wr_key_log){table, target, key, .is_own = true}, list, count);
    }
    for (int i = 0; i < owner_count; i++) {
        wr_push(planner->arena, &planner->objects, owners[i]);
        for (int k = 0; k < owners[i]->foreign_key_count; k++) {
            const wr_reference_def *key = &owners[i]->foreign_keys[k];
            if (wr_object_column(table, key->keys[0]) < 0) continue;
            add_log(planner, (wr_key_log){owners[i], table, key, .is_own = false}, list, count);
        }
    }
    return list;
}

/* Columns of the key in rows, then those in fresh, for the chosen rows. */
static weir_status keep(wr_relation *relation, const wr_key_log *log, const wr_batch *old,
                        const wr_batch *fresh, const uint16_t *sel, const uint16_t *fresh_sel,
                        uint32_t count, wr_arena *scratch)
{
    int width = log->key->column_count;
    if (!count) return WR_OK;
    wr_batch keys = {.rows = count, .column_count = fresh ? width * 2 : width};
    keys.columns = wr_new_array(scratch, wr_column, keys.column_count);
    for (int i = 0; i < width; i++) {
        wr_column_gather(&old->columns[log->columns[i]], sel, count, scratch, &keys.columns[i]);
        if (fresh)
            wr_column_gather(&fresh->columns[log->columns[i]], fresh_sel, count, scratch,
                             &keys.columns[width + i]);
    }
    return wr_kept_relation_add(relation, &keys);
}

static int nulls_in(const wr_key_log *log, const wr_batch *rows, uint32_t row)
{
    int nulls = 0;
    for (int i = 0; i < log->key->column_count; i++)
        nulls += wr_column_is_null(&rows->columns[log->columns[i]], row);
    return nulls;
}

weir_status wr_key_log_written(wr_key_log *log, const wr_batch *rows, wr_arena *scratch)
{
    uint32_t count = wr_batch_count(rows), kept = 0;
    uint16_t *sel = wr_new_array(scratch, uint16_t, count + 1);
    if (!log->is_own) return WR_OK;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = wr_batch_row(rows, i);
        int nulls = nulls_in(log, rows, row);
        if (nulls && nulls < log->key->column_count && log->key->match_full)
            return wr_with_detail(
                wr_fail(WR_E_FOREIGN_KEY_VIOLATION,
                        "insert or update on table \"%.*s\" violates foreign key constraint "
                        "\"%.*s\"",
                        WR_STR_ARGS(log->owner->name), WR_STR_ARGS(log->key->name)),
                "MATCH FULL does not allow a key of which only a part is NULL");
        if (!nulls) sel[kept++] = (uint16_t)row;
    }
    return keep(log->written, log, rows, NULL, sel, NULL, kept, scratch);
}

static bool same_key(const wr_key_log *log, const wr_batch *old, uint32_t old_row,
                     const wr_batch *fresh, uint32_t fresh_row)
{
    for (int i = 0; i < log->key->column_count; i++) {
        const wr_column *a = &old->columns[log->columns[i]], *b = &fresh->columns[log->columns[i]];
        if (wr_column_is_null(b, fresh_row) || wr_column_cmp(a, old_row, b, fresh_row) != 0)
            return false;
    }
    return true;
}

weir_status wr_key_log_ended(wr_key_log *log, const wr_batch *old, const wr_batch *fresh,
                             wr_arena *scratch)
{
    uint32_t count = wr_batch_count(old), kept = 0;
    if (log->is_own) return WR_OK;
    uint16_t *sel = wr_new_array(scratch, uint16_t, count + 1),
             *fresh_sel = wr_new_array(scratch, uint16_t, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = wr_batch_row(old, i), fresh_row = fresh ? wr_batch_row(fresh, i) : 0;
        if (nulls_in(log, old, row)) continue;
        if (fresh && same_key(log, old, row, fresh, fresh_row)) continue;
        sel[kept] = (uint16_t)row;
        fresh_sel[kept++] = (uint16_t)fresh_row;
    }
    return keep(fresh ? log->changed : log->removed, log, old, fresh, sel, fresh_sel, kept,
                scratch);
}
