/* type.h - logical types: what SQL says a value is.
 *
 * Types are immutable and interned for the life of the process: two types are equal exactly when
 * their pointers are equal. Any thread. The physical form in memory may differ per batch
 * (column.h). */
#pragma once
#include "base/arena.h"

typedef enum wr_type_id {
#define X(id, name, phys, arrow, class) WR_T_##id,
#include "col/types.def"
#undef X
    WR_T_COUNT
} wr_type_id;

/* Width and layout of the values of a column in memory. */
typedef enum wr_phys {
    WR_P_U8, /* also booleans: 0 or 1, one byte per value */
    WR_P_I8,
    WR_P_I16,
    WR_P_I32,
    WR_P_I64,
    WR_P_I128,
    WR_P_U16,
    WR_P_U32,
    WR_P_U64,
    WR_P_F32,
    WR_P_F64,
    WR_P_VIEW,     /* wr_view: 16 bytes */
    WR_P_INTERVAL, /* wr_interval: 16 bytes */
    WR_P_LIST,     /* wr_list_slot: 8 bytes, into child 0 (MAP: child 0 is a STRUCT(key, value)) */
    WR_P_ARRAY,    /* no data; row i is rows [i*n, i*n+n) of child 0 */
    WR_P_STRUCT,   /* no data; one child per field, same row numbers */
    WR_P_COUNT
} wr_phys;

typedef struct wr_type wr_type;
typedef struct wr_field {
    wr_str name;
    const wr_type *type;
} wr_field;

struct wr_type {
    wr_type_id id;
    wr_phys phys;             /* the widest form, used where nothing narrower is known */
    uint8_t precision, scale; /* DECIMAL */
    uint32_t array_length;    /* ARRAY */
    const wr_type *child;     /* LIST, ARRAY: element; MAP: the STRUCT(key, value) */
    const wr_field *fields;   /* STRUCT */
    int field_count;
    const wr_str *labels; /* ENUM, in declaration order */
    int label_count;
    wr_str sql; /* as SQL would spell it: DECIMAL(15,2), INTEGER[], STRUCT(a INTEGER) */
};

const wr_type *wr_type_of(wr_type_id id); /* a type without parameters */
const wr_type *wr_type_decimal(int precision,
                               int scale); /* 1 <= precision <= 38, 0 <= scale <= precision; phys
                                              I16/I32/I64/I128 by precision (4, 9, 18, 38) */
/* Nested types and enums. Equal parts give the same pointer, which lives as long as the process;
 * names and labels are copied. Never fail; any thread. */
const wr_type *wr_type_list(const wr_type *element);
const wr_type *wr_type_array(const wr_type *element, uint32_t length);
const wr_type *wr_type_struct(const wr_field *fields, int count);
const wr_type *wr_type_map(const wr_type *key, const wr_type *value);
const wr_type *wr_type_enum(const wr_str *labels, int count);

#define WR_NULLTYPE wr_type_of(WR_T_NULL)
#define WR_BOOLEAN wr_type_of(WR_T_BOOLEAN)
#define WR_INTEGER wr_type_of(WR_T_INTEGER)
#define WR_BIGINT wr_type_of(WR_T_BIGINT)
#define WR_HUGEINT wr_type_of(WR_T_HUGEINT)
#define WR_DOUBLE wr_type_of(WR_T_DOUBLE)
#define WR_VARCHAR wr_type_of(WR_T_VARCHAR)

/* Facts. */
bool wr_type_is_integer(const wr_type *t); /* signed or unsigned, up to HUGEINT */
/* Decimal digits that every value of an integer type up to 64 bits fits in; 0 for other types. */
int wr_type_integer_digits(const wr_type *t);
bool wr_type_is_unsigned(const wr_type *t);
bool wr_type_is_float(const wr_type *t);
bool wr_type_is_numeric(const wr_type *t); /* integer, float or decimal */
bool wr_type_is_text(const wr_type *t);    /* VARCHAR, JSON, ENUM */
bool wr_type_is_moment(const wr_type *t);  /* DATE, TIME, TIMESTAMP* */
bool wr_type_is_nested(const wr_type *t);
/* True when the values are integers of some width in memory (also decimal, date, timestamps): such
 * columns may be narrowed and carry bounds. */
bool wr_type_is_int_like(const wr_type *t);
size_t wr_phys_size(wr_phys phys);          /* bytes per value; 0 for ARRAY and STRUCT */
const char *wr_type_name(const wr_type *t); /* NUL-terminated sql spelling */
const char *wr_type_id_name(wr_type_id id);
/* Finds a type by the (case-insensitive) name of types.def or a PostgreSQL/DuckDB alias (int4,
 * text, float8, numeric, bool, bytea, datetime, long...). NULL if unknown. modifiers: up to 2
 * integers, e.g. of decimal(15,2). */
const wr_type *wr_type_find(wr_str name, const int64_t *modifiers, int modifier_count);
/* Offers every type name and alias, for suggestions. */
void wr_type_offer_names(wr_nearest *nearest);
/* Number of bits a signed integer form holds, e.g. 31 for I32; its smallest and largest value. */
int64_t wr_phys_int_min(wr_phys phys);
int64_t wr_phys_int_max(wr_phys phys); /* U64 and I128: INT64_MAX */
/* The narrowest of I8, I16, I32, I64 that holds lo...hi. */
wr_phys wr_phys_for_range(int64_t lo, int64_t hi);
