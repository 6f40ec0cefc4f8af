/* files_bind.c - which files a pattern means, and one schema for all of them.
 *
 * All files must have the same columns in the same order, or, with union_by_name, may have any.
 * Where types differ, text formats are bound again with the common type; integer widths and REAL to
 * DOUBLE are adapted batch by batch; everything else is an error that names both files. A file is
 * never left out because it does not fit. */
#include "fmt/files_parts.h"
#include "base/map.h"
#include "col/hash.h"
#include "fmt/cell.h"
#include "fmt/option_value.h"
#include "sys/unfinished.h"

typedef struct bind_state {
    wr_format_context *context;
    const wr_format *format;
    const wr_options *options;
    wr_options format_options;
    wr_files *rel;
    WR_LIST(wr_field) columns; /* of files and partitions, before pseudo-columns */
    wr_map places;             /* name to place in columns plus 1 */
    int file_columns;          /* how many of them come from files */
    bool union_by_name, wants_row_number;
    wr_str filename_column; /* empty: hidden */
    int hive;               /* 0 no, 1 yes, 2 if every file has the same keys */
    wr_field *hive_types;
    int hive_type_count;
} bind_state;

wr_opt *wr_opt_join(wr_arena *arena, const wr_opt *a, const wr_opt *b)
{
    size_t a_count = 0, b_count = 0;
    while (a && a[a_count].name)
        a_count++;
    while (b && b[b_count].name)
        b_count++;
    wr_opt *joined = wr_new_array(arena, wr_opt, a_count + b_count + 1);
    if (a_count) memcpy(joined, a, a_count * sizeof *a);
    if (b_count) memcpy(joined + a_count, b, b_count * sizeof *b);
    return joined;
}

wr_options wr_options_known(wr_arena *arena, const wr_options *given, const wr_opt *rows)
{
    wr_options known = {0};
    if (!given || given->count == 0) return known;
    known.items = wr_new_array(arena, wr_given, given->count);
    for (int i = 0; i < given->count; i++) {
        wr_options one = {&given->items[i], 1};
        weir_status bad = wr_options_check(&one, rows, "");
        if (!bad) known.items[known.count++] = given->items[i];
        wr_status_drop(bad);
    }
    return known;
}

bool wr_files_can_adapt(const wr_type *from, const wr_type *to)
{
    if (from == to) return true;
    bool both_signed = wr_type_is_integer(from) && wr_type_is_integer(to) &&
                       !wr_type_is_unsigned(from) && !wr_type_is_unsigned(to);
    if (both_signed)
        return wr_phys_size(from->phys) <= wr_phys_size(to->phys) && to->phys != WR_P_I128;
    return from->id == WR_T_REAL && to->id == WR_T_DOUBLE;
}

void wr_files_adapt(wr_column *column, const wr_type *to, wr_arena *arena)
{
    if (column->type->id != WR_T_REAL) { /* a narrow form of the wider integer */
        column->type = to;
        return;
    }
    wr_column flat;
    wr_column_flatten(column, NULL, column->rows, arena, &flat);
    double *wide = wr_arena_alloc(arena, flat.rows * sizeof(double) + 64);
    for (uint32_t i = 0; i < flat.rows; i++)
        wide[i] = ((const float *)flat.data)[i];
    flat.data = wide;
    flat.phys = WR_P_F64;
    flat.type = to;
    *column = flat;
}

/* ---- paths ---- */
static bool is_hidden(wr_str path)
{
    wr_str base = wr_path_base(path);
    return base.length > 0 && (base.data[0] == '.' || base.data[0] == '_');
}

static weir_status expand_dir(wr_fs *fs, wr_str dir, const wr_format *format, wr_arena *arena,
                              wr_path_list *out)
{
    while (dir.length > 1 && dir.data[dir.length - 1] == '/')
        dir.length--;
    wr_path_list all;
    WR_TRY(wr_fs_glob(fs, wr_arena_printf(arena, "%.*s/**/*", WR_STR_ARGS(dir)), arena, &all));
    out->paths = wr_new_array(arena, wr_str, all.count + 1);
    out->count = 0;
    for (int i = 0; i < all.count; i++) {
        const wr_format *claims = wr_format_of_path(all.paths[i]);
        if (is_hidden(all.paths[i]) || !claims || (format && claims != format)) continue;
        out->paths[out->count++] = all.paths[i];
    }
    return WR_OK;
}

/* A pattern means what is complete, not what somebody is writing. */
static weir_status glob_finished(wr_fs *fs, wr_str pattern, wr_arena *arena, wr_path_list *out)
{
    WR_TRY(wr_fs_glob(fs, pattern, arena, out));
    int kept = 0;
    for (int i = 0; i < out->count; i++)
        if (!wr_unfinished_is(out->paths[i])) out->paths[kept++] = out->paths[i];
    out->count = kept;
    return WR_OK;
}

/* Names the file of the same folder whose name comes nearest. */
static weir_status no_such_file(wr_fs *fs, wr_str path, weir_status cause)
{
    wr_status_drop(cause);
    WR_ARENA(scratch);
    wr_path_list list = {0};
    wr_str dir = wr_path_dir(path), base = wr_path_base(path);
    size_t prefix = path.length - base.length;
    wr_nearest nearest = {.wanted = path};
    weir_status bad = wr_fs_list(fs, dir, &scratch, &list);
    for (int i = 0; i < list.count; i++)
        if (wr_edit_distance(base, list.paths[i]) <= (int)WR_MAX(base.length / 3, (size_t)1))
            wr_nearest_offer(&nearest, wr_arena_printf(&scratch, "%.*s%.*s", (int)prefix, path.data,
                                                       WR_STR_ARGS(list.paths[i])));
    weir_status missing = wr_fail(WR_E_FILE_NOT_FOUND, "no file \"%.*s\"", WR_STR_ARGS(path));
    if (bad) missing = wr_with_detail(missing, "there is no folder \"%.*s\"", WR_STR_ARGS(dir));
    wr_status_drop(bad);
    return wr_with_nearest(missing, &nearest);
}

weir_status wr_files_expand(wr_fs *fs, const wr_str *patterns, int count, const wr_format *format,
                            wr_arena *arena, wr_path_list *out)
{
    WR_LIST(wr_str) paths = {0};
    for (int p = 0; p < count; p++) {
        wr_path_list found = {0};
        wr_file_stat stat;
        wr_str pattern = wr_arena_str(arena, patterns[p]);
        weir_status bad = wr_fs_stat(fs, pattern, &stat);
        bool exists = !bad;
        if (!exists && !wr_path_has_glob(pattern))
            return bad->code == WR_E_FILE_NOT_FOUND ? no_such_file(fs, pattern, bad) : bad;
        wr_status_drop(bad);
        if (exists && stat.is_dir) {
            WR_TRY(expand_dir(fs, pattern, format, arena, &found));
        } else if (exists) {
            found.paths = &pattern;
            found.count = 1;
        } else {
            WR_TRY(glob_finished(fs, pattern, arena, &found));
        }
        if (found.count == 0)
            return wr_fail(WR_E_FILE_NOT_FOUND, "no file matches \"%.*s\"", WR_STR_ARGS(pattern));
        for (int i = 0; i < found.count; i++)
            wr_push(arena, &paths, found.paths[i]);
    }
    out->paths = paths.items;
    out->count = paths.count;
    return WR_OK;
}

/* ---- hive ---- */
static wr_str percent_decode(wr_str text, wr_arena *arena)
{
    if (text.length == 0 || !memchr(text.data, '%', text.length)) return text;
    char *out = wr_arena_alloc(arena, text.length + 1);
    size_t n = 0;
    for (size_t i = 0; i < text.length; i++) {
        unsigned code = 0;
        bool is_code = text.data[i] == '%' && i + 2 < text.length;
        for (size_t k = 1; is_code && k <= 2; k++) {
            char c = text.data[i + k];
            int digit = c >= '0' && c <= '9'                     ? c - '0'
                        : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                                 : -1;
            is_code = digit >= 0;
            code = code << 4 | (unsigned)(digit & 15);
        }
        out[n++] = is_code ? (char)code : text.data[i];
        i += is_code ? 2 : 0;
    }
    return (wr_str){out, n};
}

void wr_hive_each(wr_str path, wr_arena *arena, wr_hive_fn *fn, void *arg)
{
    size_t start = 0;
    for (size_t i = 0; i < path.length; i++) {
        if (path.data[i] != '/') continue;
        wr_str part = {path.data + start, i - start};
        const char *equals = part.length ? memchr(part.data, '=', part.length) : NULL;
        if (equals && equals > part.data) {
            wr_str key = {part.data, (size_t)(equals - part.data)};
            wr_str value = {equals + 1, part.length - key.length - 1};
            bool is_null = wr_str_eq(value, WR_STR(WR_HIVE_NULL)); /* as written: %5F... is text */
            fn(arg, percent_decode(key, arena),
               is_null ? (wr_str){NULL, 0} : percent_decode(value, arena));
        }
        start = i + 1;
    }
}

typedef struct hive_find {
    wr_str key, value;
    bool found;
    int count;
} hive_find;

static void find_key(void *arg, wr_str key, wr_str value)
{
    hive_find *find = arg;
    find->count++;
    if (!wr_str_ieq(key, find->key)) return;
    find->found = true;
    find->value = value;
}

static bool hive_value(const bind_state *b, int file, wr_str key, wr_str *out)
{
    hive_find find = {.key = key};
    wr_hive_each(b->rel->entries[file].path, &b->rel->arena, find_key, &find);
    *out = find.value;
    return find.found;
}

/* BIGINT or DATE when every file's value is one, else VARCHAR. */
static const wr_type *hive_type(const bind_state *b, wr_str key)
{
    for (int i = 0; i < b->hive_type_count; i++)
        if (wr_str_ieq(b->hive_types[i].name, key)) return b->hive_types[i].type;
    bool all_int = true, all_date = true;
    for (int f = 0; f < b->rel->count; f++) {
        wr_str value;
        int64_t number;
        int32_t days;
        if (!hive_value(b, f, key, &value) || !value.data) continue;
        bool has_zero = value.length > 1 && value.data[0] == '0';
        all_int &= !has_zero && wr_i64_read(value, &number, NULL) && value.data[0] != '+';
        all_date &= value.length == 10 && wr_date_read(value, &days, NULL);
    }
    return all_int ? WR_BIGINT : all_date ? wr_type_of(WR_T_DATE) : WR_VARCHAR;
}

typedef struct hive_keys {
    bind_state *b;
    WR_LIST(wr_str) keys;
} hive_keys;

static void collect_key(void *arg, wr_str key, wr_str value)
{
    (void)value;
    hive_keys *found = arg;
    for (int i = 0; i < found->keys.count; i++)
        if (wr_str_ieq(found->keys.items[i], key)) return;
    wr_push(&found->b->rel->arena, &found->keys, key);
}

static int find_column(const bind_state *b, wr_str name)
{
    return (int)(uintptr_t)wr_map_get(&b->places, name) - 1;
}

/* Of columns with one name the first is the one that is found. */
static void add_column(bind_state *b, wr_field field)
{
    wr_push(&b->rel->arena, &b->columns, field);
    if (find_column(b, field.name) < 0)
        wr_map_put(&b->places, field.name, (void *)(uintptr_t)b->columns.count);
}

bool wr_files_read_constant(const wr_type *type, wr_str text, void *slot, wr_arena *arena,
                            wr_value *out)
{
    if (!wr_cell_supports(type) || !wr_cell_read(NULL, type, text, slot)) return false;
    wr_column one = {.type = type, .phys = type->phys, .rows = 1, .data = slot};
    *out = wr_value_at(&one, 0, arena);
    return true;
}

/* Adds partition columns that no file has itself. */
static weir_status add_hive_columns(bind_state *b)
{
    hive_keys found = {.b = b};
    wr_arena *arena = &b->rel->arena;
    if (b->hive == 0) return WR_OK;
    wr_hive_each(b->rel->entries[0].path, arena, collect_key, &found);
    for (int k = 0; k < found.keys.count; k++) {
        wr_str value;
        for (int f = 1; f < b->rel->count; f++) {
            if (hive_value(b, f, found.keys.items[k], &value)) continue;
            if (b->hive == 2) return WR_OK;
            return wr_fail(WR_E_FILE_SCHEMA,
                           "the path of %.*s has no partition \"%.*s\", that of %.*s has",
                           WR_STR_ARGS(b->rel->entries[f].path), WR_STR_ARGS(found.keys.items[k]),
                           WR_STR_ARGS(b->rel->entries[0].path));
        }
    }
    for (int k = 0; k < found.keys.count; k++) {
        if (find_column(b, found.keys.items[k]) >= 0) continue;
        wr_field field = {found.keys.items[k], hive_type(b, found.keys.items[k])};
        add_column(b, field);
    }
    return WR_OK;
}

static weir_status partition_constant(const bind_state *b, int file, wr_field column, wr_value *out)
{
    wr_str text;
    _Alignas(16) char slot[16];
    *out = wr_value_null(column.type);
    if (!hive_value(b, file, column.name, &text) || !text.data) return WR_OK;
    if (column.type == WR_VARCHAR) {
        *out = wr_value_text(wr_arena_str(&b->rel->arena, text));
        return WR_OK;
    }
    if (!wr_files_read_constant(column.type, text, slot, &b->rel->arena, out))
        return wr_fail(WR_E_BAD_VALUE,
                       "cannot read the partition value \"%.*s\" as %s (column %.*s, %.*s)",
                       WR_STR_ARGS(text), wr_type_name(column.type), WR_STR_ARGS(column.name),
                       WR_STR_ARGS(b->rel->entries[file].path));
    return WR_OK;
}

/* ---- schemas ---- */
static weir_status schema_differs(const bind_state *b, int file, const char *fmt, wr_str column)
{
    weir_status bad =
        wr_fail(WR_E_FILE_SCHEMA, "%.*s and %.*s have different columns",
                WR_STR_ARGS(b->rel->entries[0].path), WR_STR_ARGS(b->rel->entries[file].path));
    bad = wr_with_detail(bad, fmt, WR_STR_ARGS(column));
    return wr_with_fix(
        bad, "union_by_name => true   matches columns by name and fills missing ones with NULL");
}

static const wr_type *wider(const wr_type *a, const wr_type *b)
{
    if (a == b || wr_files_can_adapt(b, a)) return a;
    if (wr_files_can_adapt(a, b)) return b;
    bool both_numbers = wr_type_is_numeric(a) && wr_type_is_numeric(b);
    if (both_numbers && (wr_type_is_float(a) || wr_type_is_float(b))) return WR_DOUBLE;
    if (wr_type_is_integer(a) && wr_type_is_integer(b)) return WR_HUGEINT;
    bool both_moments =
        wr_type_is_moment(a) && wr_type_is_moment(b) && a->id != WR_T_TIME && b->id != WR_T_TIME;
    if (both_moments && (a->id == WR_T_TIMESTAMPTZ || b->id == WR_T_TIMESTAMPTZ))
        return wr_type_of(WR_T_TIMESTAMPTZ);
    if (both_moments) return wr_type_of(WR_T_TIMESTAMP);
    return wr_type_is_nested(a) || wr_type_is_nested(b) ? wr_type_of(WR_T_JSON) : WR_VARCHAR;
}

static weir_status merge_schema(bind_state *b, int file)
{
    const wr_relation *rel = b->rel->entries[file].rel;
    for (int k = 0; k < rel->visible_count; k++) {
        wr_field field = rel->schema.fields[k];
        int at = b->union_by_name ? find_column(b, field.name) : k;
        if (at < 0 || (file == 0 && !b->union_by_name)) {
            field.name = wr_arena_str(&b->rel->arena, field.name); /* the file may be bound again */
            add_column(b, field);
            continue;
        }
        if (at >= b->columns.count)
            return schema_differs(b, file, "the second has one more: \"%.*s\"", field.name);
        if (!wr_str_ieq(b->columns.items[at].name, field.name))
            return schema_differs(
                b, file, "where the first has another name the second has \"%.*s\"", field.name);
        b->columns.items[at].type = wider(b->columns.items[at].type, field.type);
    }
    if (!b->union_by_name && rel->visible_count < b->columns.count)
        return schema_differs(b, file, "the second lacks \"%.*s\"",
                              b->columns.items[rel->visible_count].name);
    return WR_OK;
}

/* A text format reads the file again with the common types. */
static weir_status bind_again(bind_state *b, int file)
{
    wr_file_entry *entry = &b->rel->entries[file];
    wr_arena *arena = &b->rel->arena;
    const wr_schema *schema = &entry->rel->schema;
    int count = 0, most = entry->rel->visible_count;
    wr_field *fields = wr_new_array(arena, wr_field, most + 1);
    wr_column *texts = wr_new_array(arena, wr_column, most + 1);
    for (int k = 0; k < most; k++) {
        int at = find_column(b, schema->fields[k].name);
        const wr_type *type = at < 0 ? schema->fields[k].type : b->columns.items[at].type;
        if (wr_files_can_adapt(schema->fields[k].type, type)) continue;
        wr_value name = wr_value_text(type->sql);
        wr_value_column(&name, 1, arena, &texts[count]);
        fields[count++] = (wr_field){wr_arena_str(arena, schema->fields[k].name), WR_VARCHAR};
    }
    if (count == 0) return WR_OK;
    bool has_types = false;
    for (const wr_opt *row = b->format->read_options; row && row->name; row++)
        has_types |= strncmp(row->name, "types", 5) == 0;
    for (int i = 0; i < b->format_options.count; i++)
        has_types &= !wr_str_is(b->format_options.items[i].name, "types") &&
                     !wr_str_is(b->format_options.items[i].name, "columns");
    if (!has_types) {
        int at = find_column(b, fields[0].name);
        wr_str type = b->rel->entries[0]
                          .rel->schema.fields[WR_MIN(at, b->rel->entries[0].rel->visible_count - 1)]
                          .type->sql;
        return schema_differs(b, file,
                              "the types of a column do not fit together: %.*s and another", type);
    }
    wr_column *row = wr_new(arena, wr_column);
    *row = (wr_column){
        .type = wr_type_struct(fields, count), .phys = WR_P_STRUCT, .rows = 1, .children = texts};
    wr_given *items = wr_new_array(arena, wr_given, b->format_options.count + 1);
    if (b->format_options.count)
        memcpy(items, b->format_options.items, (size_t)b->format_options.count * sizeof *items);
    items[b->format_options.count] =
        (wr_given){.name = WR_STR("types"), .value = {.type = row->type, .nested = row}};
    wr_options options = {items, b->format_options.count + 1};
    wr_relation_release(WR_TAKE(entry->rel));
    return b->format->bind(b->context, entry->path, &options, &entry->rel);
}

/* Where a file has the column number k of all of them, by its names in by_name; -1: nowhere. */
static int source_of(const bind_state *b, const wr_relation *rel, const wr_map *by_name, int k)
{
    wr_field column = b->rel->base.schema.fields[k];
    int found = -1;
    if (k < b->file_columns) return (int)(uintptr_t)wr_map_get(by_name, column.name) - 1;
    if (k < b->columns.count) return -1;
    wr_str wanted = column.type == WR_BIGINT ? WR_STR("file_row_number") : column.name;
    for (int j = rel->visible_count; j < rel->schema.count; j++)
        if (wr_str_ieq(rel->schema.fields[j].name, wanted)) found = j;
    return found;
}

static weir_status map_with(bind_state *b, int file, wr_map *by_name)
{
    wr_file_entry *entry = &b->rel->entries[file];
    const wr_relation *rel = entry->rel;
    int count = b->rel->base.schema.count;
    entry->source = wr_new_array(&b->rel->arena, int, count);
    for (int j = 0; j < rel->visible_count; j++)
        wr_map_put(by_name, rel->schema.fields[j].name, (void *)(uintptr_t)(j + 1));
    int missing = 0;
    for (int k = 0; k < count; k++) {
        entry->source[k] = source_of(b, rel, by_name, k);
        missing += entry->source[k] < 0;
    }
    if (missing) entry->constants = wr_new_array(&b->rel->arena, wr_value, count);
    for (int k = 0; k < count; k++) {
        wr_field column = b->rel->base.schema.fields[k];
        bool is_pseudo = k >= b->columns.count;
        int found = entry->source[k];
        if (found >= 0) {
            entry->casts |= rel->schema.fields[found].type != column.type;
            continue;
        }
        entry->constants[k] = wr_value_null(column.type);
        if (is_pseudo && column.type == WR_VARCHAR)
            entry->constants[k] = wr_value_text(entry->path);
        else if (k >= b->file_columns && !is_pseudo)
            WR_TRY(partition_constant(b, file, column, &entry->constants[k]));
    }
    return WR_OK;
}

static weir_status map_columns(bind_state *b, int file)
{
    wr_map by_name = {.ignore_case = true};
    weir_status bad = map_with(b, file, &by_name);
    wr_map_clear(&by_name);
    return bad;
}

/* Visible columns, then filename and file_row_number: visible if asked for, hidden unless the name
 * is taken. */
static void make_schema(bind_state *b)
{
    wr_schema *schema = &b->rel->base.schema;
    bool has_numbers = true;
    for (int f = 0; f < b->rel->count; f++) {
        const wr_relation *rel = b->rel->entries[f].rel;
        bool found = false;
        for (int j = rel->visible_count; j < rel->schema.count; j++)
            found |= wr_str_ieq(rel->schema.fields[j].name, WR_STR("file_row_number"));
        has_numbers &= found;
    }
    schema->fields = wr_new_array(&b->rel->arena, wr_field, b->columns.count + 2);
    memcpy(schema->fields, b->columns.items, (size_t)b->columns.count * sizeof *schema->fields);
    int count = b->columns.count, visible = count;
    wr_field name = {b->filename_column.length ? b->filename_column : WR_STR("filename"),
                     WR_VARCHAR};
    wr_field number = {WR_STR("file_row_number"), WR_BIGINT};
    bool takes_name = find_column(b, name.name) < 0,
         takes_number = has_numbers && find_column(b, number.name) < 0;
    if (takes_name && b->filename_column.length) schema->fields[count++] = name, visible = count;
    if (takes_number && b->wants_row_number) schema->fields[count++] = number, visible = count;
    if (takes_name && !b->filename_column.length) schema->fields[count++] = name;
    if (takes_number && !b->wants_row_number) schema->fields[count++] = number;
    schema->count = count;
    b->rel->base.visible_count = visible;
}

/* ---- options ---- */
static weir_status read_options(bind_state *b)
{
    const wr_opt *rows = wr_files_read_options;
    wr_arena *arena = &b->rel->arena;
    wr_options mine = wr_options_known(arena, b->options, rows);
    const wr_given *item = wr_option_find(&mine, rows, "filename");
    if (item && item->value.type && item->value.type->id == WR_T_VARCHAR &&
        !wr_str_is(item->value.text, "true") && !wr_str_is(item->value.text, "false")) {
        b->filename_column = wr_arena_str(arena, item->value.text);
    } else {
        bool wants;
        WR_TRY(wr_option_bool(&mine, rows, "filename", &wants, NULL));
        if (wants) b->filename_column = WR_STR("filename");
    }
    WR_TRY(wr_option_bool(&mine, rows, "file_row_number", &b->wants_row_number, NULL));
    WR_TRY(wr_option_bool(&mine, rows, "union_by_name", &b->union_by_name, NULL));
    item = wr_option_find(&mine, rows, "hive_partitioning");
    bool is_auto =
        !item || (item->value.type->id == WR_T_VARCHAR && wr_str_is(item->value.text, "auto"));
    bool wants_hive = true;
    if (!is_auto) WR_TRY(wr_option_bool(&mine, rows, "hive_partitioning", &wants_hive, NULL));
    b->hive = is_auto ? 2 : wants_hive;
    WR_TRY(wr_option_fields(&mine, rows, "hive_types", arena, &b->hive_types, &b->hive_type_count,
                            NULL));
    item = wr_option_find(&mine, rows, "rejects");
    wr_rejects *given = b->context->rejects;
    b->context->rejects = NULL;
    if (!item) return WR_OK;
    wr_str name;
    WR_TRY(wr_option_text(&mine, rows, "rejects", &name, NULL));
    b->context->rejects = given;
    if (given) return WR_OK;
    if (!b->context->rejects_open)
        return wr_fail_at(WR_E_UNSUPPORTED, item->span, "rejects is not available here");
    return wr_with_span(b->context->rejects_open(b->context, name, &b->context->rejects),
                        item->value_span);
}

/* ---- again ---- */
/* Files that cannot be looked at count by their names: binding says what is wrong with them. */
static uint64_t stamp_of(wr_fs *fs, const wr_path_list *paths)
{
    uint64_t hash = (uint64_t)paths->count;
    for (int i = 0; i < paths->count; i++) {
        wr_file_stat stat;
        hash = wr_hash_combine(hash, wr_hash_bytes(paths->paths[i].data, paths->paths[i].length));
        weir_status bad = wr_fs_stat(fs, paths->paths[i], &stat);
        wr_status_drop(bad);
        if (bad) continue;
        uint64_t facts[3] = {stat.size, (uint64_t)stat.mtime_ns, stat.inode};
        hash = wr_hash_combine(hash, wr_hash_bytes(facts, sizeof facts));
    }
    return hash;
}

/* Keeps what was given. */
static void remember(wr_files *rel, const wr_format_context *context, const wr_str *patterns,
                     int pattern_count, const wr_format *format, const wr_options *options)
{
    wr_arena *arena = &rel->arena;
    wr_str *kept = wr_new_array(arena, wr_str, pattern_count + 1);
    for (int i = 0; i < pattern_count; i++)
        kept[i] = wr_arena_str(arena, patterns[i]);
    rel->context = *context;
    rel->patterns = kept;
    rel->pattern_count = pattern_count;
    rel->format = format;
    rel->options.count = options->count;
    rel->options.items = wr_new_array(arena, wr_given, options->count + 1);
    for (int i = 0; i < options->count; i++) {
        rel->options.items[i] = options->items[i];
        rel->options.items[i].name = wr_arena_str(arena, options->items[i].name);
        rel->options.items[i].value = wr_value_copy(&options->items[i].value, arena);
    }
}

bool wr_relation_is_files(const wr_relation *relation)
{
    return relation->def == &wr_files_relation_def;
}

weir_status wr_files_stamp(const wr_relation *files, uint64_t *out)
{
    const wr_files *rel = (const wr_files *)files;
    WR_ARENA(arena);
    wr_path_list paths;
    WR_TRY(wr_files_expand(rel->context.fs, rel->patterns, rel->pattern_count, rel->format, &arena,
                           &paths));
    *out = stamp_of(rel->context.fs, &paths);
    return WR_OK;
}

uint64_t wr_files_bound_stamp(const wr_relation *files) { return ((const wr_files *)files)->stamp; }

weir_status wr_files_bind_again(const wr_relation *files, wr_relation **out)
{
    wr_files *rel = (wr_files *)(uintptr_t)files;
    return wr_files_bind(&rel->context, rel->patterns, rel->pattern_count, rel->format,
                         &rel->options, out);
}

static weir_status bind_all(bind_state *b, const wr_str *patterns, int pattern_count)
{
    wr_files *rel = b->rel;
    wr_path_list paths;
    WR_TRY(
        wr_files_expand(b->context->fs, patterns, pattern_count, b->format, &rel->arena, &paths));
    rel->stamp = stamp_of(b->context->fs, &paths);
    if (!b->format) WR_TRY(wr_files_choose(b->context, paths.paths[0], &b->format));
    const wr_opt *rows = wr_opt_join(&rel->arena, b->format->read_options, wr_files_read_options);
    WR_BUF(reader);
    wr_buf_printf(&reader, "read_%s", b->format->name);
    WR_TRY(wr_options_check(b->options, rows, reader.data));
    WR_TRY(read_options(b));
    b->format_options = wr_options_known(&rel->arena, b->options, b->format->read_options);
    rel->entries = wr_new_array(&rel->arena, wr_file_entry, paths.count);
    for (int f = 0; f < paths.count; f++) {
        WR_TRY(wr_cancel_check(b->context->cancel));
        rel->entries[f].path = paths.paths[f];
        WR_TRY(
            b->format->bind(b->context, paths.paths[f], &b->format_options, &rel->entries[f].rel));
        rel->count = f + 1;
        WR_TRY(merge_schema(b, f));
        wr_file_stat stat;
        weir_status bad = wr_fs_stat(b->context->fs, paths.paths[f], &stat);
        if (!bad) rel->bytes_total += stat.size;
        wr_status_drop(bad);
    }
    for (int f = 0; f < rel->count; f++)
        WR_TRY(bind_again(b, f));
    b->file_columns = b->columns.count;
    WR_TRY(add_hive_columns(b));
    make_schema(b);
    rel->base.has_row_count = true;
    for (int f = 0; f < rel->count; f++) {
        WR_TRY(map_columns(b, f));
        const wr_relation *one = rel->entries[f].rel;
        rel->base.has_row_count &= one->has_row_count;
        rel->base.names_are_made_up |= one->names_are_made_up;
        rel->base.row_count = one->row_count < 0 || rel->base.row_count < 0
                                  ? -1
                                  : rel->base.row_count + one->row_count;
    }
    return WR_OK;
}

weir_status wr_files_bind(wr_format_context *context, const wr_str *patterns, int pattern_count,
                          const wr_format *format, const wr_options *options, wr_relation **out)
{
    wr_format_context mine = *context;
    WR_AUTO(wr_relation) *relation = NULL;
    wr_files *rel = wr_heap_new(sizeof *rel);
    rel->base.def = &wr_files_relation_def;
    rel->base.references = 1;
    relation = &rel->base;
    bind_state b = {.context = &mine, .format = format, .options = options, .rel = rel};
    b.places.ignore_case = true;
    remember(rel, context, patterns, pattern_count, format, options);
    weir_status bad = bind_all(&b, patterns, pattern_count);
    wr_map_clear(&b.places);
    if (bad) return bad;
    *out = WR_TAKE(relation);
    return WR_OK;
}
