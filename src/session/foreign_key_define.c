/* foreign_key_define.c - FOREIGN KEY and REFERENCES in definitions, and what depends on them.
 *
 * A foreign key names the columns of both tables by their ids, so renaming and altering either
 * table changes nothing. The table that is referred to is replaced by an equal one when a foreign
 * key to it is made: transactions that do not know of it can change it no longer. */
#include "session/session.h"
#include "sql/format.h"

typedef struct definition {
    weir_query *query;
    const wr_sql_constraint *constraint;
    wr_object *owner;
    const wr_object *target;
    wr_reference_def def;
    const int *owner_columns;
    const int *target_columns;
} definition;

static weir_status misfit(const definition *d, const char *text)
{
    return wr_fail_at(WR_E_FOREIGN_KEY, d->constraint->node.span, "%s", text);
}

static weir_status column_number(const wr_object *table, wr_name name, int *out)
{
    wr_nearest nearest = {.wanted = name.text};
    for (*out = 0; *out < table->column_count; ++*out) {
        if (wr_str_ieq(table->columns[*out].name, name.text)) return WR_OK;
        wr_nearest_offer(&nearest, table->columns[*out].name);
    }
    return wr_with_nearest(wr_fail_at(WR_E_UNKNOWN_COLUMN, name.span, "no column \"%.*s\" in %.*s",
                                      WR_STR_ARGS(name.text), WR_STR_ARGS(table->name)),
                           &nearest);
}

/* Ids of the columns, which must differ. */
static weir_status column_ids(const definition *d, const wr_object *table, wr_names names,
                              uint64_t *ids)
{
    for (int i = 0; i < names.count; i++) {
        int column = 0;
        WR_TRY(column_number(table, names.items[i], &column));
        ids[i] = table->columns[column].id;
        for (int k = 0; k < i; k++)
            if (ids[k] == ids[i])
                return wr_fail_at(WR_E_DUPLICATE_COLUMN, d->constraint->node.span,
                                  "column \"%.*s\" is given twice",
                                  WR_STR_ARGS(names.items[i].text));
    }
    return WR_OK;
}

/* The columns of the key that is referred to: those given, else the primary key. */
static weir_status target_keys(definition *d)
{
    const wr_sql_constraint *constraint = d->constraint;
    uint64_t *ids = wr_new_array(&d->owner->arena, uint64_t,
                                 WR_MAX(constraint->reference_columns.count, d->def.column_count));
    const wr_key_def *primary = NULL;
    int count = constraint->reference_columns.count;
    for (int k = 0; k < d->target->key_count; k++)
        if (d->target->keys[k].is_primary) primary = &d->target->keys[k];
    if (!count && !primary)
        return wr_fail_at(WR_E_FOREIGN_KEY, constraint->node.span,
                          "there is no primary key for referenced table \"%.*s\"",
                          WR_STR_ARGS(d->target->name));
    if (!count) count = primary->column_count;
    if (count != d->def.column_count)
        return misfit(d, "number of referencing and referenced columns for foreign key disagree");
    if (constraint->reference_columns.count)
        WR_TRY(column_ids(d, d->target, constraint->reference_columns, ids));
    else
        for (int i = 0; i < count; i++)
            ids[i] = d->target->columns[primary->columns[i]].id;
    d->def.keys = ids;
    if (wr_key_of_columns(d->target, ids, count) >= 0) return WR_OK;
    return wr_fail_at(WR_E_FOREIGN_KEY, constraint->node.span,
                      "there is no unique constraint matching given keys for referenced table "
                      "\"%.*s\"",
                      WR_STR_ARGS(d->target->name));
}

/* Values of both columns must be comparable. */
static weir_status check_types(const definition *d)
{
    wr_arena *arena = &d->query->arena;
    for (int i = 0; i < d->def.column_count; i++) {
        const wr_column_def *own =
                                &d->owner->columns[wr_object_column(d->owner, d->def.columns[i])],
                            *key = &d->target->columns[wr_object_column(d->target, d->def.keys[i])];
        bool numbers = wr_type_is_numeric(own->type) && wr_type_is_numeric(key->type);
        if (own->type == key->type || numbers) continue;
        return wr_fail_at(
            WR_E_TYPE_MISMATCH, d->constraint->node.span,
            "foreign key \"%.*s\" cannot be made: column \"%.*s\" is %s, the key \"%.*s\" is %s",
            WR_STR_ARGS(d->def.name), WR_STR_ARGS(own->name),
            wr_arena_str(arena, wr_str_of(wr_type_name(own->type))).data, WR_STR_ARGS(key->name),
            wr_arena_str(arena, wr_str_of(wr_type_name(key->type))).data);
    }
    return WR_OK;
}

/* As given, or table_a_b_fkey with a number if that is taken. */
static weir_status choose_name(definition *d)
{
    wr_arena *arena = &d->owner->arena;
    wr_name given = d->constraint->name;
    if (given.text.length) {
        d->def.name = wr_arena_str(arena, given.text);
        if (!wr_object_has_constraint(d->owner, given.text)) return WR_OK;
        return wr_fail_at(WR_E_DUPLICATE_NAME, d->constraint->node.span,
                          "two constraints are named \"%.*s\"", WR_STR_ARGS(given.text));
    }
    WR_BUF(text);
    wr_buf_add_str(&text, d->owner->name);
    for (int i = 0; i < d->def.column_count; i++) {
        int column = wr_object_column(d->owner, d->def.columns[i]);
        wr_buf_printf(&text, "_%.*s", WR_STR_ARGS(d->owner->columns[column].name));
    }
    d->def.name = wr_arena_printf(arena, "%s_fkey", text.data);
    for (int number = 1; wr_object_has_constraint(d->owner, d->def.name); number++)
        d->def.name = wr_arena_printf(arena, "%s_fkey%d", text.data, number);
    return WR_OK;
}

static weir_status set_actions(definition *d)
{
    static const wr_key_action actions[] = {
        [WR_ACTION_UNSAID] = WR_KEY_NO_ACTION,  [WR_ACTION_NONE] = WR_KEY_NO_ACTION,
        [WR_ACTION_RESTRICT] = WR_KEY_RESTRICT, [WR_ACTION_CASCADE] = WR_KEY_CASCADE,
        [WR_ACTION_SET_NULL] = WR_KEY_SET_NULL, [WR_ACTION_SET_DEFAULT] = WR_KEY_SET_DEFAULT};
    const wr_sql_constraint *constraint = d->constraint;
    d->def.on_delete = actions[constraint->on_delete];
    d->def.on_update = actions[constraint->on_update];
    d->def.match_full = constraint->match_full;
    uint64_t *ids = wr_new_array(&d->owner->arena, uint64_t, constraint->set_columns.count + 1);
    WR_TRY(column_ids(d, d->owner, constraint->set_columns, ids));
    d->def.set_columns = ids;
    d->def.set_count = constraint->set_columns.count;
    for (int i = 0; i < d->def.set_count; i++) {
        bool part = false;
        for (int k = 0; k < d->def.column_count; k++)
            part = part || d->def.columns[k] == ids[i];
        if (!part)
            return misfit(d, "ON DELETE SET names a column that is not part of the foreign key");
    }
    bool writes = d->def.on_update >= WR_KEY_CASCADE || d->def.on_delete > WR_KEY_CASCADE;
    for (int i = 0; i < d->def.column_count && writes; i++) {
        const wr_column_def *column =
            &d->owner->columns[wr_object_column(d->owner, d->def.columns[i])];
        if (column->generated_sql.length || column->filler == WR_FILLER_IDENTITY_ALWAYS)
            return misfit(d, "this action would change a column that makes its own values");
    }
    return WR_OK;
}

static weir_status define(definition *d, int column)
{
    wr_arena *arena = &d->owner->arena;
    int count = column >= 0 ? 1 : d->constraint->columns.count;
    uint64_t *ids = wr_new_array(arena, uint64_t, count);
    if (d->constraint->not_valid)
        return wr_fail_at(WR_E_UNSUPPORTED, d->constraint->node.span, "NOT VALID is not supported");
    if (d->owner->is_temporary != d->target->is_temporary)
        return misfit(d, d->owner->is_temporary
                             ? "constraints on temporary tables may reference only temporary tables"
                             : "constraints on permanent tables may reference only permanent "
                               "tables");
    if (column >= 0)
        ids[0] = d->owner->columns[column].id;
    else
        WR_TRY(column_ids(d, d->owner, d->constraint->columns, ids));
    d->def.columns = ids;
    d->def.column_count = count;
    WR_TRY(choose_name(d));
    WR_TRY(target_keys(d));
    WR_TRY(check_types(d));
    return set_actions(d);
}

static bool is_self(const weir_query *query, const wr_object *owner, wr_str schema, wr_str name)
{
    (void)query;
    bool same_schema = !schema.length || wr_str_ieq(schema, owner->schema) ||
                       (wr_str_is(schema, "public") && wr_str_is(owner->schema, "main")) ||
                       (wr_str_is(schema, "temp") && owner->is_temporary);
    return same_schema && wr_str_ieq(name, owner->name);
}

weir_status wr_add_foreign_key(weir_query *query, wr_object *owner,
                               const wr_sql_constraint *constraint, int column)
{
    wr_str schema, name;
    wr_ddl_split_name(&constraint->reference, WR_STR(""), &schema, &name);
    bool self = is_self(query, owner, schema, name);
    WR_AUTO(wr_object) *found =
        self ? NULL : wr_catalog_find(&query->view, 1u << WR_ENTRY_TABLE, schema, name);
    if (!found && !self) {
        wr_nearest nearest = {.wanted = name};
        wr_catalog_offer_names(&query->view, 1u << WR_ENTRY_TABLE, &nearest);
        return wr_with_nearest(wr_fail_at(WR_E_UNKNOWN_TABLE, constraint->node.span,
                                          "no table \"%.*s\"", WR_STR_ARGS(name)),
                               &nearest);
    }
    definition d = {
        .query = query, .constraint = constraint, .owner = owner, .target = self ? owner : found};
    WR_TRY(define(&d, column));
    int count = owner->foreign_key_count;
    wr_reference_def *all = wr_new_array(&owner->arena, wr_reference_def, count + 1);
    if (count) memcpy(all, owner->foreign_keys, sizeof *all * (size_t)count);
    all[count] = d.def;
    owner->foreign_keys = all;
    owner->foreign_key_count = count + 1;
    return self ? WR_OK
                : wr_with_span(wr_replace_keys(query, found, NULL, WR_STR("")),
                               constraint->node.span);
}

/* ---- what depends on a table or key ---- */

static bool is_listed(wr_object *const *list, int count, const wr_object *object)
{
    for (int i = 0; i < count; i++)
        if (list[i] == object) return true;
    return false;
}

static bool refers_to(const wr_reference_def *key, const wr_object *target, const wr_key_def *only)
{
    if (wr_object_column(target, key->keys[0]) < 0) return false;
    if (!only) return true;
    int found = 0;
    for (int i = 0; i < key->column_count; i++)
        for (int c = 0; c < only->column_count; c++)
            found += target->columns[only->columns[c]].id == key->keys[i];
    return found == key->column_count && found == only->column_count;
}

weir_status wr_free_of_referrers(weir_query *query, const wr_object *target, const wr_key_def *only,
                                 wr_object *const *besides, int besides_count, bool cascade)
{
    int count = 0;
    weir_status bad = WR_OK;
    wr_object **owners = wr_catalog_referrers(&query->view, target, &query->arena, &count);
    for (int i = 0; i < count; i++) {
        wr_object *owner = owners[i];
        bool skip = (owner == target && !only) || is_listed(besides, besides_count, owner);
        for (int k = 0; k < owner->foreign_key_count && !bad && !skip; k++) {
            const wr_reference_def *key = &owner->foreign_keys[k];
            if (!refers_to(key, target, only)) continue;
            if (cascade) {
                bad = wr_drop_foreign_keys(query, owner, target, only);
                break;
            }
            bad =
                wr_with_hint(wr_fail(WR_E_DEPENDENT,
                                     "constraint \"%.*s\" of table \"%.*s\" refers to %s \"%.*s\"",
                                     WR_STR_ARGS(key->name), WR_STR_ARGS(owner->name),
                                     only ? "constraint" : "table",
                                     WR_STR_ARGS(only ? only->name : target->name)),
                             "CASCADE drops the constraint as well");
        }
        wr_object_release(owner);
    }
    return bad;
}

bool wr_in_foreign_key(weir_query *query, const wr_object *table, uint64_t column)
{
    int count = 0;
    bool used = false;
    wr_object **owners = wr_catalog_referrers(&query->view, table, &query->arena, &count);
    for (int i = 0; i < count; i++) {
        for (int k = 0; k < owners[i]->foreign_key_count; k++)
            for (int c = 0; c < owners[i]->foreign_keys[k].column_count; c++)
                used = used || owners[i]->foreign_keys[k].keys[c] == column;
        wr_object_release(owners[i]);
    }
    for (int k = 0; k < table->foreign_key_count; k++)
        for (int c = 0; c < table->foreign_keys[k].column_count; c++)
            used = used || table->foreign_keys[k].columns[c] == column;
    return used;
}

bool wr_reference_uses(const wr_reference_def *key, uint64_t column)
{
    for (int i = 0; i < key->column_count; i++)
        if (key->columns[i] == column) return true;
    return false;
}

void wr_copy_foreign_keys(wr_object *to, const wr_object *from, const wr_object *not_to,
                          const wr_key_def *only)
{
    wr_arena *arena = &to->arena;
    to->foreign_key_count = 0;
    to->foreign_keys = wr_new_array(arena, wr_reference_def, from->foreign_key_count + 1);
    for (int i = 0; i < from->foreign_key_count; i++) {
        const wr_reference_def *key = &from->foreign_keys[i];
        if (not_to && refers_to(key, not_to, only)) continue;
        wr_reference_def copy = *key;
        uint64_t *ids = wr_new_array(arena, uint64_t, key->column_count * 2 + key->set_count);
        memcpy(ids, key->columns, sizeof *ids * (size_t)key->column_count);
        memcpy(ids + key->column_count, key->keys, sizeof *ids * (size_t)key->column_count);
        for (int c = 0; c < key->set_count; c++)
            ids[key->column_count * 2 + c] = key->set_columns[c];
        copy.name = wr_arena_str(arena, key->name);
        copy.columns = ids;
        copy.keys = ids + key->column_count;
        copy.set_columns = ids + key->column_count * 2;
        to->foreign_keys[to->foreign_key_count++] = copy;
    }
}
