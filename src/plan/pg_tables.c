/* pg_tables.c - pg_catalog as drivers, psql and tools read it to learn what tables there are.
 *
 * Columns follow PostgreSQL 15 as far as tools name them; what weir has no notion of (access
 * methods of tables, tablespaces, inheritance) holds the value PostgreSQL shows for a plain table,
 * or its table is empty. Keys are indexes and constraints at once, as there; both go by the name of
 * the key. A cell list written with cells() reads: t text, i integer, b boolean, - NULL. */
#include "plan/pg_catalog.h"
#include "expr/fn.h"
#include <stdarg.h>

#define ENTRY_TABLES (WR_RELATION_KINDS)

enum { OWNER = 10, DATABASE = 1, HEAP = 2, BTREE = 403, LANGUAGE_INTERNAL = 12 };

/* Adds cells: kinds as above, one argument each (const char *, int64_t, int; none for '-'). */
static void cells(wr_row_list *rows, const char *kinds, ...)
{
    va_list list;
    va_start(list, kinds);
    for (; *kinds; kinds++) {
        if (*kinds == 't')
            wr_row_text(rows, wr_str_of(va_arg(list, const char *)));
        else if (*kinds == 'i')
            wr_row_int(rows, va_arg(list, int64_t));
        else if (*kinds == 'b')
            wr_row_bool(rows, va_arg(list, int));
        else
            wr_row_null(rows);
    }
    va_end(list);
}

/* A list of numbers: values[0...count), each with plus added. */
static void cell_list(wr_row_list *rows, const int *values, int count, int plus)
{
    wr_arena *arena = rows->planner->arena;
    wr_column *list = wr_new(arena, wr_column);
    wr_column_init(list, arena, wr_type_list(WR_BIGINT), WR_P_LIST, 1);
    list->rows = 1;
    wr_column_init(list->children, arena, WR_BIGINT, WR_P_I64, (uint32_t)WR_MAX(count, 1));
    list->children->rows = (uint32_t)count;
    for (int i = 0; i < count; i++)
        ((int64_t *)list->children->data)[i] = (values ? values[i] : 0) + plus;
    ((wr_list_slot *)list->data)[0] = (wr_list_slot){0, (uint32_t)count};
    wr_row_value(rows, (wr_value){.type = wr_type_list(WR_BIGINT), .nested = list});
}

static int64_t schema_oid(wr_str schema) { return wr_builtin_oid(WR_STR(""), schema); }

static int64_t object_oid(const wr_object *object)
{
    return wr_builtin_oid(object->schema, object->name);
}

static weir_status fill_nothing(wr_scope *scope, wr_row_list *rows)
{
    (void)scope;
    (void)rows;
    return WR_OK;
}

static weir_status fill_namespace(wr_scope *scope, wr_row_list *rows)
{
    int count;
    wr_str *list = wr_builtin_schemas(scope, &count);
    for (int i = 0; i < count; i++) {
        wr_row_int(rows, schema_oid(list[i]));
        wr_row_text(rows, list[i]);
        cells(rows, "i-", (int64_t)OWNER);
    }
    return WR_OK;
}

/* ---- tables, views, sequences, indexes ---- */

static void class_row(wr_row_list *rows, int64_t oid, wr_str name, wr_str schema, const char *kind,
                      const wr_object *object, int64_t count)
{
    bool is_table = object && object->kind == WR_ENTRY_TABLE;
    wr_row_int(rows, oid);
    wr_row_text(rows, name);
    wr_row_int(rows, schema_oid(schema));
    cells(rows, "iiiiiiiiii", (int64_t)0, (int64_t)0, (int64_t)OWNER,
          (int64_t)(*kind == 'i'   ? BTREE
                    : *kind == 'r' ? HEAP
                                   : 0),
          oid, (int64_t)0, (int64_t)0, count, (int64_t)0, (int64_t)0);
    cells(rows, "bbttiibbbbbbtb---", is_table && object->key_count > 0, false,
          object && object->is_temporary ? "t" : "p", kind,
          (int64_t)(object ? object->column_count : 0),
          (int64_t)(is_table ? object->check_count : 0), false, false, false, false, false, true,
          "d", false);
}

static weir_status fill_class(wr_scope *scope, wr_row_list *rows)
{
    int count;
    wr_object **list = wr_builtin_objects(
        scope, ENTRY_TABLES | 1u << WR_ENTRY_SEQUENCE | 1u << WR_ENTRY_INDEX, &count);
    for (int i = 0; i < count; i++) {
        const wr_object *object = list[i];
        const char *kind = object->kind == WR_ENTRY_VIEW       ? "v"
                           : object->kind == WR_ENTRY_SEQUENCE ? "S"
                           : object->kind == WR_ENTRY_INDEX    ? "i"
                                                               : "r";
        bool is_table = object->kind == WR_ENTRY_TABLE;
        int64_t size =
            is_table ? (int64_t)wr_table_count(object->table, scope->planner->catalog->txn) : 0;
        class_row(rows, object_oid(object), object->name, object->schema, kind, object, size);
        for (int k = 0; is_table && k < object->key_count; k++) {
            wr_str name = object->keys[k].name;
            bool listed = false; /* CREATE UNIQUE INDEX: an object of its own */
            for (int other = 0; other < count; other++)
                listed |=
                    list[other]->kind == WR_ENTRY_INDEX && wr_str_ieq(list[other]->name, name);
            if (!listed)
                class_row(rows, wr_builtin_oid(object->schema, name), name, object->schema, "i",
                          NULL, size);
        }
    }
    return WR_OK;
}

static weir_status fill_attribute(wr_scope *scope, wr_row_list *rows)
{
    int count;
    wr_object **list = wr_builtin_objects(scope, ENTRY_TABLES, &count);
    for (int i = 0; i < count; i++) {
        wr_column_def *columns = NULL;
        int width = wr_builtin_columns(scope, list[i], &columns);
        for (int c = 0; c < width; c++) {
            const wr_type *type = columns[c].type;
            bool is_list = type->id == WR_T_LIST || type->id == WR_T_ARRAY;
            bool generated = columns[c].generated_sql.length > 0;
            wr_row_int(rows, object_oid(list[i]));
            wr_row_text(rows, columns[c].name);
            cells(rows, "iiiiiib", wr_pg_type_oid(type), (int64_t)-1,
                  (int64_t)wr_pg_type_length(type), (int64_t)(c + 1), (int64_t)is_list,
                  wr_pg_type_modifier(type), columns[c].not_null);
            wr_column_filler filler = columns[c].filler;
            const char *identity = filler == WR_FILLER_IDENTITY_ALWAYS ? "a"
                                   : filler == WR_FILLER_IDENTITY      ? "d"
                                                                       : "";
            cells(rows, "bbttbbii", generated || columns[c].default_sql.length > 0, false, identity,
                  generated ? "s" : "", false, true, (int64_t)0, (int64_t)0);
        }
    }
    return WR_OK;
}

static weir_status fill_attrdef(wr_scope *scope, wr_row_list *rows)
{
    int count;
    wr_object **list = wr_builtin_objects(scope, 1u << WR_ENTRY_TABLE, &count);
    for (int i = 0; i < count; i++)
        for (int c = 0; c < list[i]->column_count; c++) {
            const wr_column_def *column = &list[i]->columns[c];
            wr_str sql = column->generated_sql.length ? column->generated_sql : column->default_sql;
            if (!sql.length) continue;
            cells(rows, "iii", object_oid(list[i]) + c + 1, object_oid(list[i]), (int64_t)(c + 1));
            wr_row_text(rows, sql);
        }
    return WR_OK;
}

static weir_status fill_index(wr_scope *scope, wr_row_list *rows)
{
    int count;
    wr_object **list = wr_builtin_objects(scope, 1u << WR_ENTRY_TABLE, &count);
    for (int i = 0; i < count; i++)
        for (int k = 0; k < list[i]->key_count; k++) {
            const wr_key_def *key = &list[i]->keys[k];
            int64_t width = key->column_count;
            cells(rows, "iiiibbbbbbbbbb", wr_builtin_oid(list[i]->schema, key->name),
                  object_oid(list[i]), width, width, true, key->is_primary, false, true, false,
                  true, false, true, true, false);
            cell_list(rows, key->columns, key->column_count, 1);
            for (int list_number = 0; list_number < 3; list_number++)
                cell_list(rows, NULL, key->column_count, 0);
            cells(rows, "--");
        }
    return WR_OK;
}

static void constraint_row(wr_row_list *rows, const wr_object *table, wr_str name, const char *kind,
                           const wr_key_def *key, wr_str check)
{
    int64_t oid = wr_builtin_oid(table->schema, name);
    wr_row_int(rows, oid);
    wr_row_text(rows, name);
    cells(rows, "itbbbiiiiittt", schema_oid(table->schema), kind, false, false, true,
          object_oid(table), (int64_t)0, key ? oid : (int64_t)0, (int64_t)0, (int64_t)0, " ", " ",
          " ");
    cells(rows, "bib", true, (int64_t)0, true);
    if (key)
        cell_list(rows, key->columns, key->column_count, 1);
    else
        wr_row_null(rows);
    wr_row_null(rows);
    if (check.length)
        wr_row_text(rows, check);
    else
        wr_row_null(rows);
}

static void foreign_key_row(wr_scope *scope, wr_row_list *rows, const wr_object *table,
                            const wr_reference_def *key)
{
    static const char *const letters[] = {[WR_KEY_NO_ACTION] = "a",
                                          [WR_KEY_RESTRICT] = "r",
                                          [WR_KEY_CASCADE] = "c",
                                          [WR_KEY_SET_NULL] = "n",
                                          [WR_KEY_SET_DEFAULT] = "d"};
    wr_object *target = wr_catalog_table_of(scope->planner->catalog, key->keys[0]);
    if (!target) return;
    wr_push(scope->planner->arena, &scope->planner->objects, target);
    int *own = wr_new_array(scope->planner->arena, int, key->column_count),
        *other = wr_new_array(scope->planner->arena, int, key->column_count);
    for (int i = 0; i < key->column_count; i++) {
        own[i] = wr_object_column(table, key->columns[i]);
        other[i] = wr_object_column(target, key->keys[i]);
    }
    wr_row_int(rows, wr_builtin_oid(table->schema, key->name));
    wr_row_text(rows, key->name);
    cells(rows, "itbbbiiiiittt", schema_oid(table->schema), "f", false, false, true,
          object_oid(table), (int64_t)0, (int64_t)0, (int64_t)0, object_oid(target),
          letters[key->on_update], letters[key->on_delete], key->match_full ? "f" : "s");
    cells(rows, "bib", true, (int64_t)0, true);
    cell_list(rows, own, key->column_count, 1);
    cell_list(rows, other, key->column_count, 1);
    wr_row_null(rows);
}

static weir_status fill_constraint(wr_scope *scope, wr_row_list *rows)
{
    int count;
    wr_object **list = wr_builtin_objects(scope, 1u << WR_ENTRY_TABLE, &count);
    for (int i = 0; i < count; i++) {
        for (int k = 0; k < list[i]->key_count; k++)
            constraint_row(rows, list[i], list[i]->keys[k].name,
                           list[i]->keys[k].is_primary ? "p" : "u", &list[i]->keys[k], WR_STR(""));
        for (int k = 0; k < list[i]->check_count; k++)
            constraint_row(rows, list[i], list[i]->checks[k].name, "c", NULL,
                           list[i]->checks[k].sql);
        for (int k = 0; k < list[i]->foreign_key_count; k++)
            foreign_key_row(scope, rows, list[i], &list[i]->foreign_keys[k]);
    }
    return WR_OK;
}

static weir_status fill_description(wr_scope *scope, wr_row_list *rows)
{
    int count;
    wr_object **list = wr_builtin_objects(scope, ENTRY_TABLES, &count);
    int64_t class_oid = wr_builtin_oid(WR_STR("pg_catalog"), WR_STR("pg_class"));
    for (int i = 0; i < count; i++) {
        if (list[i]->comment.length) {
            cells(rows, "iii", object_oid(list[i]), class_oid, (int64_t)0);
            wr_row_text(rows, list[i]->comment);
        }
        for (int c = 0; list[i]->kind == WR_ENTRY_TABLE && c < list[i]->column_count; c++) {
            if (!list[i]->columns[c].comment.length) continue;
            cells(rows, "iii", object_oid(list[i]), class_oid, (int64_t)(c + 1));
            wr_row_text(rows, list[i]->columns[c].comment);
        }
    }
    return WR_OK;
}

/* ---- types and functions ---- */

static void type_row(wr_row_list *rows, int64_t oid, wr_str name, wr_str schema, int64_t length,
                     const char *kind, const char *category, int64_t element, int64_t array)
{
    wr_row_int(rows, oid);
    wr_row_text(rows, name);
    cells(rows, "iiibttbbtiiiib", schema_oid(schema), (int64_t)OWNER, length,
          length > 0 && length <= 8, kind, category, false, true, ",", (int64_t)0, element, array,
          (int64_t)0, false);
    cells(rows, "iii-", (int64_t)-1, (int64_t)0, (int64_t)0);
}

static weir_status fill_type(wr_scope *scope, wr_row_list *rows)
{
    wr_pg_type type;
    for (int i = 0; wr_pg_type_at(i, &type); i++) {
        wr_str name =
            wr_arena_printf(scope->planner->arena, "%s%s", type.is_array ? "_" : "", type.name);
        type_row(rows, type.oid, name, WR_STR("pg_catalog"), type.length, "b", type.category,
                 type.element, type.array);
    }
    int count;
    wr_object **list = wr_builtin_objects(scope, 1u << WR_ENTRY_TYPE, &count);
    for (int i = 0; i < count; i++) {
        bool is_enum = list[i]->type->id == WR_T_ENUM;
        type_row(rows, object_oid(list[i]), list[i]->name, list[i]->schema, is_enum ? 4 : -1,
                 is_enum ? "e" : "c", is_enum ? "E" : "C", 0, 0);
    }
    return WR_OK;
}

static void proc_rows(wr_row_list *rows, const char *names, const char *signature, const char *kind,
                      bool is_set, const char *change)
{
    const char *arguments = strchr(signature, '(');
    bool none = !arguments || arguments[1] == ')';
    int64_t count = none ? 0 : 1;
    for (int depth = 0; !none && *++arguments && (*arguments != ')' || depth);) {
        depth += *arguments == '(' || *arguments == '[';
        depth -= *arguments == ')' || *arguments == ']';
        count += *arguments == ',' && !depth;
    }
    for (size_t length; *names; names += length + (names[length] == '|')) {
        length = strcspn(names, "|");
        wr_str name = {names, length};
        wr_row_int(rows, wr_builtin_oid(WR_STR("pg_proc"), name) ^
                             (int64_t)wr_hash_str_ci(wr_str_of(signature)) % 4096);
        wr_row_text(rows, name);
        cells(rows, "iiitbbtt", schema_oid(WR_STR("pg_catalog")), (int64_t)OWNER,
              (int64_t)LANGUAGE_INTERNAL, kind, *kind == 'f' && !is_set, is_set, change, "s");
        cells(rows, "iit", count, (int64_t)2276, signature);
    }
}

static weir_status fill_proc(wr_scope *scope, wr_row_list *rows)
{
    (void)scope;
    for (int i = 0; i < wr_fn_count(); i++) {
        wr_fn_entry entry = wr_fn_at(i);
        if (entry.fn && entry.fn->flags & WR_FN_HIDDEN) continue;
        if (entry.fn)
            proc_rows(rows, entry.fn->name, entry.fn->signature, "f", false,
                      entry.fn->flags & WR_FN_VOLATILE ? "v"
                      : entry.fn->flags & WR_FN_STABLE ? "s"
                                                       : "i");
        else if (entry.aggregate)
            proc_rows(rows, entry.aggregate->name, entry.aggregate->signature, "a", false, "i");
        else
            proc_rows(rows, entry.window->name, entry.window->signature, "w", false, "i");
    }
    for (const wr_table_fn *fn = wr_table_fns; fn->name; fn++)
        proc_rows(rows, fn->name, fn->signature, "f", true, "v");
    return WR_OK;
}

/* ---- the server ---- */

static weir_status fill_database(wr_scope *scope, wr_row_list *rows)
{
    wr_row_int(rows, DATABASE);
    wr_row_text(rows, wr_builtin_database(scope));
    cells(rows, "itttbbi", (int64_t)OWNER, "UTF8", "C", "C", false, true, (int64_t)-1);
    return WR_OK;
}

static weir_status fill_roles(wr_scope *scope, wr_row_list *rows)
{
    wr_row_int(rows, OWNER);
    wr_row_text(rows, scope->planner->env->user);
    cells(rows, "bbbbbbi", true, true, true, true, true, false, (int64_t)-1);
    return WR_OK;
}

static weir_status fill_am(wr_scope *scope, wr_row_list *rows)
{
    (void)scope;
    cells(rows, "itt", (int64_t)HEAP, "heap", "t");
    cells(rows, "itt", (int64_t)BTREE, "btree", "i");
    return WR_OK;
}

static weir_status fill_settings(wr_scope *scope, wr_row_list *rows)
{
    const wr_env *env = scope->planner->env;
    wr_setting_text *list = NULL;
    int count = env->settings ? env->settings(env->owner, scope->planner->arena, &list) : 0;
    for (int i = 0; i < count; i++) {
        const wr_setting_text *s = &list[i];
        bool is_choice = memchr(s->kind.data, '|', s->kind.length) != NULL;
        wr_row_text(rows, s->name);
        wr_row_text(rows, s->value);
        cells(rows, "-t", "weir");
        wr_row_text(rows, s->help);
        cells(rows, "-tttb", wr_str_is(s->scope, "fixed") ? "internal" : "user",
              is_choice                    ? "enum"
              : wr_str_is(s->kind, "bool") ? "bool"
              : wr_str_is(s->kind, "int")  ? "integer"
                                           : "string",
              s->is_set ? "session" : "default", false);
        if (is_choice)
            wr_row_text(rows, s->kind);
        else
            wr_row_null(rows);
        wr_row_text(rows, s->fallback);
        wr_row_text(rows, s->fallback);
    }
    return WR_OK;
}

const wr_builtin_table wr_pg_tables[] = {
    {"pg_catalog", "pg_namespace", "oid i,nspname t,nspowner i,nspacl t", fill_namespace},
    {"pg_catalog", "pg_class",
     "oid i,relname t,relnamespace i,reltype i,reloftype i,relowner i,relam i,relfilenode i,"
     "reltablespace i,relpages i,reltuples i,relallvisible i,reltoastrelid i,relhasindex b,"
     "relisshared b,relpersistence t,relkind t,relnatts i,relchecks i,relhasrules b,"
     "relhastriggers b,relhassubclass b,relrowsecurity b,relforcerowsecurity b,relispopulated b,"
     "relreplident t,relispartition b,relacl t,reloptions t,relpartbound t",
     fill_class},
    {"pg_catalog", "pg_attribute",
     "attrelid i,attname t,atttypid i,attstattarget i,attlen i,attnum i,attndims i,atttypmod i,"
     "attnotnull b,atthasdef b,atthasmissing b,attidentity t,attgenerated t,attisdropped b,"
     "attislocal b,attinhcount i,attcollation i",
     fill_attribute},
    {"pg_catalog", "pg_attrdef", "oid i,adrelid i,adnum i,adbin t", fill_attrdef},
    {"pg_catalog", "pg_index",
     "indexrelid i,indrelid i,indnatts i,indnkeyatts i,indisunique b,indisprimary b,"
     "indisexclusion b,indimmediate b,indisclustered b,indisvalid b,indcheckxmin b,indisready b,"
     "indislive b,indisreplident b,indkey l,indcollation l,indclass l,indoption l,indexprs t,"
     "indpred t",
     fill_index},
    {"pg_catalog", "pg_constraint",
     "oid i,conname t,connamespace i,contype t,condeferrable b,condeferred b,convalidated b,"
     "conrelid i,contypid i,conindid i,conparentid i,confrelid i,confupdtype t,confdeltype t,"
     "confmatchtype t,conislocal b,coninhcount i,connoinherit b,conkey l,confkey l,conbin t",
     fill_constraint},
    {"pg_catalog", "weir_definitions", "oid i,kind t,name t,definition t", wr_pg_definitions},
    {"pg_catalog", "pg_description", "objoid i,classoid i,objsubid i,description t",
     fill_description},
    {"pg_catalog", "pg_type",
     "oid i,typname t,typnamespace i,typowner i,typlen i,typbyval b,typtype t,typcategory t,"
     "typispreferred b,typisdefined b,typdelim t,typrelid i,typelem i,typarray i,typbasetype i,"
     "typnotnull b,typtypmod i,typndims i,typcollation i,typdefault t",
     fill_type},
    {"pg_catalog", "pg_proc",
     "oid i,proname t,pronamespace i,proowner i,prolang i,prokind t,proisstrict b,proretset b,"
     "provolatile t,proparallel t,pronargs i,prorettype i,prosrc t",
     fill_proc},
    {"pg_catalog", "pg_database",
     "oid i,datname t,datdba i,encoding t,datcollate t,datctype t,datistemplate b,datallowconn b,"
     "datconnlimit i",
     fill_database},
    {"pg_catalog", "pg_roles",
     "oid i,rolname t,rolsuper b,rolinherit b,rolcreaterole b,rolcreatedb b,rolcanlogin b,"
     "rolreplication b,rolconnlimit i",
     fill_roles},
    {"pg_catalog", "pg_am", "oid i,amname t,amtype t", fill_am},
    {"pg_catalog", "pg_settings",
     "name t,setting t,unit t,category t,short_desc t,extra_desc t,context t,vartype t,source t,"
     "pending_restart b,enumvals t,boot_val t,reset_val t",
     fill_settings},
    {"pg_catalog", "pg_inherits", "inhrelid i,inhparent i,inhseqno i,inhdetachpending b",
     fill_nothing},
    {"pg_catalog", "pg_trigger",
     "oid i,tgrelid i,tgparentid i,tgname t,tgfoid i,tgtype i,tgenabled t,tgisinternal b",
     fill_nothing},
    {"pg_catalog", "pg_collation", "oid i,collname t,collnamespace i,collprovider t", fill_nothing},
    {"pg_catalog", "pg_policy", "oid i,polname t,polrelid i,polcmd t", fill_nothing},
    {"pg_catalog", "pg_extension", "oid i,extname t,extnamespace i,extversion t", fill_nothing},
    {"pg_catalog", "pg_foreign_table", "ftrelid i,ftserver i,ftoptions t", fill_nothing},
    {"pg_catalog", "pg_statistic_ext", "oid i,stxrelid i,stxname t,stxnamespace i", fill_nothing},
    {"pg_catalog", "pg_publication", "oid i,pubname t,puballtables b", fill_nothing},
    {"pg_catalog", "pg_matviews", "schemaname t,matviewname t,matviewowner t,definition t",
     fill_nothing},
    {0},
};
