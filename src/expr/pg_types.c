/* pg_types.c - the types of weir under the numbers PostgreSQL gave them.
 *
 * Drivers know types by these numbers, so a type that PostgreSQL has keeps its number; the types
 * only weir has get numbers from OWN_FIRST on, beyond what PostgreSQL uses for itself. A list is
 * the array of its innermost element, as in PostgreSQL; structs and maps are shown as json. */
#include "expr/pg_types.h"

enum { OWN_FIRST = 15000, OWN_ARRAY_FIRST = 15500 };

typedef struct pg_type_row {
    wr_type_id id;
    int oid, array_oid, length;
    const char *name, *category;
    const char *formatted; /* as format_type says it */
} pg_type_row;

static const pg_type_row rows[] = {
    {WR_T_BOOLEAN, 16, 1000, 1, "bool", "B", "boolean"},
    {WR_T_BLOB, 17, 1001, -1, "bytea", "U", "bytea"},
    {WR_T_BIGINT, 20, 1016, 8, "int8", "N", "bigint"},
    {WR_T_SMALLINT, 21, 1005, 2, "int2", "N", "smallint"},
    {WR_T_INTEGER, 23, 1007, 4, "int4", "N", "integer"},
    {WR_T_VARCHAR, 25, 1009, -1, "text", "S", "text"},
    {WR_T_JSON, 114, 199, -1, "json", "U", "json"},
    {WR_T_REAL, 700, 1021, 4, "float4", "N", "real"},
    {WR_T_DOUBLE, 701, 1022, 8, "float8", "N", "double precision"},
    {WR_T_DATE, 1082, 1182, 4, "date", "D", "date"},
    {WR_T_TIME, 1083, 1183, 8, "time", "D", "time without time zone"},
    {WR_T_TIMESTAMP, 1114, 1115, 8, "timestamp", "D", "timestamp without time zone"},
    {WR_T_TIMESTAMPTZ, 1184, 1185, 8, "timestamptz", "D", "timestamp with time zone"},
    {WR_T_INTERVAL, 1186, 1187, 16, "interval", "T", "interval"},
    {WR_T_DECIMAL, 1700, 1231, -1, "numeric", "N", "numeric"},
    {WR_T_UUID, 2950, 2951, 16, "uuid", "U", "uuid"},
    {WR_T_TINYINT, OWN_FIRST, OWN_ARRAY_FIRST, 1, "tinyint", "N", "tinyint"},
    {WR_T_HUGEINT, OWN_FIRST + 1, OWN_ARRAY_FIRST + 1, 16, "hugeint", "N", "hugeint"},
    {WR_T_UTINYINT, OWN_FIRST + 2, OWN_ARRAY_FIRST + 2, 1, "utinyint", "N", "utinyint"},
    {WR_T_USMALLINT, OWN_FIRST + 3, OWN_ARRAY_FIRST + 3, 2, "usmallint", "N", "usmallint"},
    {WR_T_UINTEGER, OWN_FIRST + 4, OWN_ARRAY_FIRST + 4, 4, "uinteger", "N", "uinteger"},
    {WR_T_UBIGINT, OWN_FIRST + 5, OWN_ARRAY_FIRST + 5, 8, "ubigint", "N", "ubigint"},
    {WR_T_TIMESTAMP_S, OWN_FIRST + 6, OWN_ARRAY_FIRST + 6, 8, "timestamp_s", "D", "timestamp_s"},
    {WR_T_TIMESTAMP_MS, OWN_FIRST + 7, OWN_ARRAY_FIRST + 7, 8, "timestamp_ms", "D", "timestamp_ms"},
    {WR_T_TIMESTAMP_NS, OWN_FIRST + 8, OWN_ARRAY_FIRST + 8, 8, "timestamp_ns", "D", "timestamp_ns"},
};

static const pg_type_row *row_of(wr_type_id id)
{
    if (id == WR_T_STRUCT || id == WR_T_MAP) id = WR_T_JSON;
    if (id == WR_T_NULL || id == WR_T_ENUM) id = WR_T_VARCHAR;
    for (size_t i = 0; i < WR_COUNT(rows); i++)
        if (rows[i].id == id) return &rows[i];
    return NULL;
}

int64_t wr_pg_type_oid(const wr_type *type)
{
    bool is_array = false;
    for (; type->id == WR_T_LIST || type->id == WR_T_ARRAY; type = type->child)
        is_array = true;
    const pg_type_row *row = row_of(type->id);
    wr_assert(row);
    return is_array ? row->array_oid : row->oid;
}

int64_t wr_pg_type_modifier(const wr_type *type)
{
    if (type->id != WR_T_DECIMAL) return -1;
    return ((int64_t)type->precision << 16 | type->scale) + 4;
}

int wr_pg_type_length(const wr_type *type)
{
    const pg_type_row *row = row_of(type->id);
    return row ? row->length : -1;
}

bool wr_pg_type_at(int i, wr_pg_type *out)
{
    int count = (int)WR_COUNT(rows);
    if (i < 0 || i >= 2 * count) return false;
    const pg_type_row *row = &rows[i % count];
    bool is_array = i >= count;
    *out = (wr_pg_type){.oid = is_array ? row->array_oid : row->oid,
                        .element = is_array ? row->oid : 0,
                        .array = is_array ? 0 : row->array_oid,
                        .length = is_array ? -1 : row->length,
                        .name = row->name,
                        .is_array = is_array,
                        .category = is_array ? "A" : row->category,
                        .formatted = row->formatted};
    return true;
}
