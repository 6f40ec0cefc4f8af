/* builtin_tables.c - information_schema and the part of pg_catalog that tools ask for, made from
 * the catalog.
 *
 * The tables are small: they are collected when a statement that names them is bound, and become
 * VALUES. Object identifiers are hashes of names: stable while the name is. */
#include "plan/pg_catalog.h"

#define ENTRY_TABLES (WR_RELATION_KINDS)
#define WIDTH_MAX 48

bool wr_is_builtin_schema(wr_str schema)
{
    return wr_str_is(schema, "information_schema") || wr_str_is(schema, "pg_catalog");
}

int64_t wr_builtin_oid(wr_str schema, wr_str name)
{
    return (int64_t)((wr_hash_str_ci(schema) * 31 + wr_hash_str_ci(name)) & 0x7fffffff) | 0x4000;
}

wr_str wr_builtin_database(wr_scope *scope)
{
    wr_str name = scope->planner->env->database;
    return name.length ? name : WR_STR("weir");
}

wr_object **wr_builtin_objects(wr_scope *scope, unsigned kinds, int *count)
{
    wr_planner *planner = scope->planner;
    *count = 0;
    if (!planner->catalog) return NULL;
    wr_object **list = wr_catalog_list(planner->catalog, kinds, planner->arena, count);
    for (int i = 0; i < *count; i++)
        wr_push(planner->arena, &planner->objects, list[i]);
    return list;
}

static const char *table_type(const wr_object *object)
{
    if (object->kind == WR_ENTRY_VIEW) return "VIEW";
    return object->is_temporary ? "LOCAL TEMPORARY" : "BASE TABLE";
}

static weir_status fill_tables(wr_scope *scope, wr_row_list *rows)
{
    int count;
    wr_object **list = wr_builtin_objects(scope, ENTRY_TABLES, &count);
    for (int i = 0; i < count; i++) {
        wr_row_text(rows, wr_builtin_database(scope));
        wr_row_text(rows, list[i]->schema);
        wr_row_text(rows, list[i]->name);
        wr_row_text(rows, wr_str_of(table_type(list[i])));
        wr_row_text(rows, list[i]->kind == WR_ENTRY_TABLE ? WR_STR("YES") : WR_STR("NO"));
        if (list[i]->comment.length)
            wr_row_text(rows, list[i]->comment);
        else
            wr_row_null(rows);
    }
    return WR_OK;
}

int wr_builtin_columns(wr_scope *scope, const wr_object *object, wr_column_def **out)
{
    wr_planner *planner = scope->planner;
    if (object->kind == WR_ENTRY_TABLE || object->kind == WR_ENTRY_SOURCE ||
        object->kind == WR_ENTRY_SINK) {
        *out = object->columns;
        return object->column_count;
    }
    if (object->kind == WR_ENTRY_RELATION) {
        const wr_schema *schema = &object->relation->schema;
        *out = wr_new_array(planner->arena, wr_column_def, schema->count + 1);
        for (int i = 0; i < object->relation->visible_count; i++)
            (*out)[i] =
                (wr_column_def){.name = schema->fields[i].name, .type = schema->fields[i].type};
        return object->relation->visible_count;
    }
    wr_result result;
    int depth = planner->depth;
    weir_status s = wr_bind_stored_query(scope, object->sql, object->name, (wr_span){0}, &result);
    planner->depth = depth;
    wr_status_drop(s);
    if (s) return 0;
    *out = wr_new_array(planner->arena, wr_column_def, result.count + 1);
    for (int i = 0; i < result.count; i++) {
        bool named = i < object->column_count;
        (*out)[i] =
            (wr_column_def){.name = named ? object->columns[i].name : result.columns[i].name,
                            .type = result.columns[i].type};
    }
    return result.count;
}

static weir_status fill_columns(wr_scope *scope, wr_row_list *rows)
{
    int count;
    wr_object **list = wr_builtin_objects(scope, ENTRY_TABLES, &count);
    for (int i = 0; i < count; i++) {
        wr_column_def *columns = NULL;
        int width = wr_builtin_columns(scope, list[i], &columns);
        for (int c = 0; c < width; c++) {
            wr_row_text(rows, wr_builtin_database(scope));
            wr_row_text(rows, list[i]->schema);
            wr_row_text(rows, list[i]->name);
            wr_row_text(rows, columns[c].name);
            wr_row_int(rows, c + 1);
            if (columns[c].default_sql.length)
                wr_row_text(rows, columns[c].default_sql);
            else
                wr_row_null(rows);
            wr_row_text(rows, columns[c].not_null ? WR_STR("NO") : WR_STR("YES"));
            wr_row_text(rows, wr_column_type_text(scope->planner->arena, &columns[c]));
            if (columns[c].type->id == WR_T_DECIMAL)
                wr_row_int(rows, columns[c].type->precision);
            else
                wr_row_null(rows);
            if (columns[c].type->id == WR_T_DECIMAL)
                wr_row_int(rows, columns[c].type->scale);
            else
                wr_row_null(rows);
            wr_row_text(rows, columns[c].generated_sql.length ? WR_STR("ALWAYS") : WR_STR("NEVER"));
        }
    }
    return WR_OK;
}

wr_str *wr_builtin_schemas(wr_scope *scope, int *count)
{
    wr_arena *arena = scope->planner->arena;
    int n = 0;
    wr_str *known =
        scope->planner->catalog ? wr_catalog_schemas(scope->planner->catalog, arena, &n) : NULL;
    wr_str *all = wr_new_array(arena, wr_str, n + 2);
    for (int i = 0; i < n; i++)
        all[i] = known[i];
    all[n] = WR_STR("information_schema");
    all[n + 1] = WR_STR("pg_catalog");
    *count = n + 2;
    return all;
}

static weir_status fill_schemata(wr_scope *scope, wr_row_list *rows)
{
    int count;
    wr_str *list = wr_builtin_schemas(scope, &count);
    for (int i = 0; i < count; i++) {
        wr_row_text(rows, wr_builtin_database(scope));
        wr_row_text(rows, list[i]);
        wr_row_text(rows, scope->planner->env->user);
    }
    return WR_OK;
}

static weir_status fill_pg_tables(wr_scope *scope, wr_row_list *rows)
{
    int count;
    wr_object **list = wr_builtin_objects(scope, 1u << WR_ENTRY_TABLE, &count);
    for (int i = 0; i < count; i++) {
        wr_row_text(rows, list[i]->schema);
        wr_row_text(rows, list[i]->name);
        wr_row_text(rows, scope->planner->env->user);
        wr_row_bool(rows, list[i]->key_count > 0);
    }
    return WR_OK;
}

static weir_status fill_pg_views(wr_scope *scope, wr_row_list *rows)
{
    int count;
    wr_object **list = wr_builtin_objects(scope, 1u << WR_ENTRY_VIEW, &count);
    for (int i = 0; i < count; i++) {
        wr_row_text(rows, list[i]->schema);
        wr_row_text(rows, list[i]->name);
        wr_row_text(rows, scope->planner->env->user);
        wr_row_text(rows, list[i]->sql);
    }
    return WR_OK;
}

static weir_status fill_pg_enum(wr_scope *scope, wr_row_list *rows)
{
    int count;
    wr_object **list = wr_builtin_objects(scope, 1u << WR_ENTRY_TYPE, &count);
    for (int i = 0; i < count; i++)
        for (int k = 0; list[i]->type->id == WR_T_ENUM && k < list[i]->type->label_count; k++) {
            wr_row_int(rows, wr_builtin_oid(list[i]->schema, list[i]->name));
            wr_row_int(rows, k + 1);
            wr_row_text(rows, list[i]->type->labels[k]);
        }
    return WR_OK;
}

static weir_status fill_pg_sequences(wr_scope *scope, wr_row_list *rows)
{
    int count;
    wr_object **list = wr_builtin_objects(scope, 1u << WR_ENTRY_SEQUENCE, &count);
    for (int i = 0; i < count; i++) {
        wr_row_text(rows, list[i]->schema);
        wr_row_text(rows, list[i]->name);
        wr_row_int(rows, list[i]->start);
        wr_row_int(rows, list[i]->min_value);
        wr_row_int(rows, list[i]->max_value);
        wr_row_int(rows, list[i]->increment);
        wr_row_bool(rows, list[i]->cycles);
    }
    return WR_OK;
}

static void constraint_row(wr_scope *scope, wr_row_list *rows, const wr_object *table, wr_str name,
                           const char *kind)
{
    wr_row_text(rows, wr_builtin_database(scope));
    wr_row_text(rows, table->schema);
    wr_row_text(rows, name);
    wr_row_text(rows, wr_builtin_database(scope));
    wr_row_text(rows, table->schema);
    wr_row_text(rows, table->name);
    wr_row_text(rows, wr_str_of(kind));
    wr_row_text(rows, WR_STR("NO"));
    wr_row_text(rows, WR_STR("NO"));
    wr_row_text(rows, WR_STR("YES"));
}

static weir_status fill_constraints(wr_scope *scope, wr_row_list *rows)
{
    int count;
    wr_object **list = wr_builtin_objects(scope, 1u << WR_ENTRY_TABLE, &count);
    for (int i = 0; i < count; i++) {
        const wr_object *table = list[i];
        for (int k = 0; k < table->key_count; k++)
            constraint_row(scope, rows, table, table->keys[k].name,
                           table->keys[k].is_primary ? "PRIMARY KEY" : "UNIQUE");
        for (int k = 0; k < table->check_count; k++)
            constraint_row(scope, rows, table, table->checks[k].name, "CHECK");
        for (int k = 0; k < table->foreign_key_count; k++)
            constraint_row(scope, rows, table, table->foreign_keys[k].name, "FOREIGN KEY");
    }
    return WR_OK;
}

static void key_column_row(wr_scope *scope, wr_row_list *rows, const wr_object *table, wr_str name,
                           int column, int place)
{
    wr_row_text(rows, wr_builtin_database(scope));
    wr_row_text(rows, table->schema);
    wr_row_text(rows, name);
    wr_row_text(rows, wr_builtin_database(scope));
    wr_row_text(rows, table->schema);
    wr_row_text(rows, table->name);
    wr_row_text(rows, table->columns[column].name);
    wr_row_int(rows, place);
}

static weir_status fill_key_columns(wr_scope *scope, wr_row_list *rows)
{
    int count;
    wr_object **list = wr_builtin_objects(scope, 1u << WR_ENTRY_TABLE, &count);
    for (int i = 0; i < count; i++) {
        for (int k = 0; k < list[i]->key_count; k++)
            for (int c = 0; c < list[i]->keys[k].column_count; c++)
                key_column_row(scope, rows, list[i], list[i]->keys[k].name,
                               list[i]->keys[k].columns[c], c + 1);
        for (int k = 0; k < list[i]->foreign_key_count; k++) {
            const wr_reference_def *key = &list[i]->foreign_keys[k];
            for (int c = 0; c < key->column_count; c++)
                key_column_row(scope, rows, list[i], key->name,
                               wr_object_column(list[i], key->columns[c]), c + 1);
        }
    }
    return WR_OK;
}

static weir_status fill_views(wr_scope *scope, wr_row_list *rows)
{
    int count;
    wr_object **list = wr_builtin_objects(scope, 1u << WR_ENTRY_VIEW, &count);
    for (int i = 0; i < count; i++) {
        wr_row_text(rows, wr_builtin_database(scope));
        wr_row_text(rows, list[i]->schema);
        wr_row_text(rows, list[i]->name);
        wr_row_text(rows, list[i]->sql);
        wr_row_text(rows, WR_STR("NONE"));
        wr_row_text(rows, WR_STR("NO"));
    }
    return WR_OK;
}

const wr_builtin_table wr_builtin_tables[] = {
    {"information_schema", "key_column_usage",
     "constraint_catalog t,constraint_schema t,constraint_name t,table_catalog t,"
     "table_schema t,table_name t,column_name t,ordinal_position i",
     fill_key_columns},
    {"information_schema", "views",
     "table_catalog t,table_schema t,table_name t,view_definition t,check_option t,is_updatable t",
     fill_views},
    {"information_schema", "tables",
     "table_catalog t,table_schema t,table_name t,table_type t,is_insertable_into t,table_comment "
     "t",
     fill_tables},
    {"information_schema", "columns",
     "table_catalog t,table_schema t,table_name t,column_name t,ordinal_position i,column_default "
     "t,is_nullable t,data_type t,"
     "numeric_precision i,numeric_scale i,is_generated t",
     fill_columns},
    {"information_schema", "schemata", "catalog_name t,schema_name t,schema_owner t",
     fill_schemata},
    {"information_schema", "table_constraints",
     "constraint_catalog t,constraint_schema t,constraint_name t,table_catalog t,table_schema t,"
     "table_name t,constraint_type t,is_deferrable t,initially_deferred t,enforced t",
     fill_constraints},
    {"pg_catalog", "pg_tables", "schemaname t,tablename t,tableowner t,hasindexes b",
     fill_pg_tables},
    {"pg_catalog", "pg_views", "schemaname t,viewname t,viewowner t,definition t", fill_pg_views},
    {"pg_catalog", "pg_enum", "enumtypid i,enumsortorder i,enumlabel t", fill_pg_enum},
    {"pg_catalog", "pg_sequences",
     "schemaname t,sequencename t,start_value i,min_value i,max_value i,increment_by i,cycle b",
     fill_pg_sequences},
    {0},
};

/* Splits the text of columns into names and types. */
static int parse_columns(wr_arena *arena, const char *columns, const char **names,
                         const wr_type **types)
{
    int count = 0;
    for (const char *at = columns; *at && count < WIDTH_MAX; count++) {
        size_t length = strcspn(at, " ");
        char kind = at[length + 1];
        names[count] = wr_arena_copy(arena, at, length);
        types[count] = kind == 't'   ? WR_VARCHAR
                       : kind == 'b' ? WR_BOOLEAN
                       : kind == 'l' ? wr_type_list(WR_BIGINT)
                                     : WR_BIGINT;
        at += length + 2;
        if (*at == ',') at++;
    }
    return count;
}

static const wr_builtin_table *find_builtin(const wr_builtin_table *list, wr_str schema,
                                            wr_str name)
{
    for (; list->name; list++) {
        bool here = schema.length ? wr_str_is(schema, list->schema)
                                  : strcmp(list->schema, "pg_catalog") == 0;
        if (here && wr_str_is(name, list->name)) return list;
    }
    return NULL;
}

weir_status wr_bind_builtin_table(wr_scope *scope, wr_str schema, wr_str name, wr_result *out,
                                  bool *done)
{
    wr_arena *arena = scope->planner->arena;
    const wr_builtin_table *found = find_builtin(wr_builtin_tables, schema, name);
    if (!found) found = find_builtin(wr_pg_tables, schema, name);
    *done = found != NULL;
    if (!found) return WR_OK;
    const char **names = wr_new_array(arena, const char *, WIDTH_MAX);
    const wr_type **types = wr_new_array(arena, const wr_type *, WIDTH_MAX);
    wr_row_list rows = {.planner = scope->planner, .names = names, .types = types};
    rows.width = parse_columns(arena, found->columns, names, types);
    WR_TRY(found->fill(scope, &rows));
    wr_row_list_result(&rows, out);
    return WR_OK;
}
