/* registry.h - every function by name, with its signature understood. For resolve.c; others use
 * fn.h. */
#pragma once
#include "expr/fn.h"

/* What one word of a signature asks for. */
typedef enum wr_want_kind {
    WR_WANT_TYPE, /* exactly this type */
    WR_WANT_ANY,
    WR_WANT_ANY2,
    WR_WANT_EACH,   /* any type, on its own */
    WR_WANT_SCALAR, /* any type but lists, on its own */
    WR_WANT_LIST,   /* list of any */
    WR_WANT_LIST2,  /* list of any2 */
    WR_WANT_ARRAY,
    WR_WANT_STRUCT,
    WR_WANT_MAP,
    WR_WANT_ENUM,
    WR_WANT_INTEGER,
    WR_WANT_NUMBER,
    WR_WANT_DECIMAL,
    WR_WANT_LAMBDA1,
    WR_WANT_LAMBDA2,
    WR_WANT_AUTO,
} wr_want_kind;

typedef struct wr_want {
    wr_want_kind kind;
    const wr_type *type; /* TYPE */
    wr_str name;         /* of the argument; empty if it has none */
    bool is_optional;
    wr_value value; /* of an optional argument: NULL, number, text or boolean */
} wr_want;

typedef struct wr_signature {
    wr_want *args;
    int arg_count, required;
    bool repeats; /* the last argument may be given any number of times, at least once */
    wr_want result;
} wr_signature;

typedef enum wr_entry_kind { WR_ENTRY_FN, WR_ENTRY_AGGREGATE, WR_ENTRY_WINDOW } wr_entry_kind;

/* Functions of that name and kind: the first entry, then the next after entry. NULL at the end. */
const wr_fn_entry *wr_registry_first(wr_str name, wr_entry_kind kind);
const wr_fn_entry *wr_registry_next(const wr_fn_entry *entry, wr_str name, wr_entry_kind kind);
/* The parsed signature of an entry; made once, lives for ever. Any thread. */
const wr_signature *wr_registry_signature(const wr_fn_entry *entry);
const char *wr_registry_signature_text(const wr_fn_entry *entry);
void wr_registry_offer_names(wr_nearest *nearest, wr_entry_kind kind);
