/* ipc.h - the Arrow IPC format: what messages, types and bodies look like; shared by reading and
 * writing.
 *
 * A type is what struct ArrowSchema says (col/arrow.h): its format text is translated to and from
 * the tables of the messages here, and everything else about types is known in col only. */
#pragma once
#include "col/arrow.h"
#include "fmt/arrow/flat.h"

#define WR_IPC_MAGIC "ARROW1"
enum {
    WR_IPC_MAGIC_SIZE = 6,
    WR_IPC_VERSION_4 = 3,
    WR_IPC_VERSION_5 = 4,
    WR_IPC_DEPTH_MAX = 60, /* nesting of fields */
    WR_IPC_PREFIX = 8      /* continuation mark and size before the metadata */
};

typedef enum wr_ipc_header {
    WR_IPC_SCHEMA = 1,
    WR_IPC_DICTIONARY = 2,
    WR_IPC_BATCH = 3
} wr_ipc_header;

/* How a column of a format lies in the body: after the validity bits (which kinds NOTHING lack). */
typedef enum wr_ipc_kind {
    WR_IPC_NOTHING,    /* NULL and runs: no buffer at all */
    WR_IPC_PARENT,     /* struct and fixed list: validity only */
    WR_IPC_BITS,       /* booleans */
    WR_IPC_FIXED,      /* values of size bytes */
    WR_IPC_TEXT,       /* offsets of size bytes, then the bytes */
    WR_IPC_VIEWS,      /* views, then any number of buffers */
    WR_IPC_LIST,       /* offsets of size bytes */
    WR_IPC_LIST_VIEWS, /* offsets and lengths of size bytes each */
} wr_ipc_kind;
typedef struct wr_ipc_layout {
    wr_ipc_kind kind;
    int64_t size;
} wr_ipc_layout;
/* The layout of a column with this schema: of its indices if it has a dictionary. */
wr_ipc_layout wr_ipc_layout_of(const struct ArrowSchema *schema);

/* What a field of a schema that was read or will be written carries in private_data. */
typedef struct wr_ipc_field {
    int dictionary; /* its number in wr_ipc_schema.dictionaries; -1: none */
} wr_ipc_field;

typedef struct wr_ipc_dictionary {
    int64_t id;
    const struct ArrowSchema *values;
    const wr_type *type; /* of the values */
} wr_ipc_dictionary;

typedef struct wr_ipc_schema {
    struct ArrowSchema root; /* a struct whose children are the columns */
    WR_LIST(wr_ipc_dictionary) dictionaries;
} wr_ipc_schema;

/* Translates a Schema table. Everything lives in arena. UNSUPPORTED for types that do not exist
 * here, CORRUPT for malformed bytes. */
WR_MUST_CHECK weir_status wr_ipc_schema_read(wr_flat_table schema, wr_arena *arena,
                                             wr_ipc_schema *out);
/* The columns of an engine schema as they are written, copied to arena. text_views: texts keep
 * their view layout; else they have offsets, as every reader knows. */
WR_MUST_CHECK weir_status wr_ipc_schema_make(const wr_schema *schema, bool text_views,
                                             wr_arena *arena, wr_ipc_schema *out);
/* True if columns have the same names, types and dictionaries; numbers (ids) of dictionaries may
 * differ. */
bool wr_ipc_schema_equal(const wr_ipc_schema *a, const wr_ipc_schema *b);
/* The Schema table of it; returns its reference. */
uint32_t wr_ipc_schema_put(wr_flat_out *out, const wr_ipc_schema *schema);
