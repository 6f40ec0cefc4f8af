/* pg_types.h - types under the numbers and names PostgreSQL gave them. Any thread. */
#pragma once
#include "col/type.h"

typedef struct wr_pg_type {
    int oid, element, array, length;         /* element: of an array, else 0; array: 0 for arrays */
    const char *name, *category, *formatted; /* of the element, if it is an array */
    bool is_array;
} wr_pg_type;
bool wr_pg_type_at(int i, wr_pg_type *out); /* false behind the last one */
/* PostgreSQL's number for the type; of a list, also of lists, that of the array. */
int64_t wr_pg_type_oid(const wr_type *type);
int64_t wr_pg_type_modifier(const wr_type *type); /* as in atttypmod; -1: none */
int wr_pg_type_length(const wr_type *type);       /* bytes; -1: varies */
