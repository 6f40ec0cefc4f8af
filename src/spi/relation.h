/* relation.h - anything that has rows and can be scanned: a file, a set of files, a snapshot of a
 * table, a stream of Arrow batches, a generator.
 *
 * Life: bind (schema known) -> open one scan per use in a query -> workers take morsels -> batches
 * -> close. Filters travel into the scan: it prunes with them before reading, decodes the columns
 * of one filter at a time, asks the filter to narrow the selection, and decodes the remaining
 * columns only where rows survived, when that pays.
 *
 * Threads: wr_relation is immutable after bind; wr_scan may be used by several workers at once; a
 * wr_scan_worker by one.*/
#pragma once
#include "base/cancel.h"
#include "col/value.h"
#include "spi/option.h"
#include "sys/file.h"

/* What is known about a column before reading it. Unknown fields have their flag off. */
typedef struct wr_column_stats {
    bool has_range, has_null_count, has_distinct, sorted, unique;
    bool is_exact;     /* min and max occur in the column; NaN does not */
    wr_value min, max; /* inclusive bounds; may be wider than the truth */
    uint64_t null_count;
    double distinct;      /* estimated number of different values */
    double bytes_per_row; /* cost of decoding; 0 = unknown */
} wr_column_stats;

/* A simple fact a filter implies about one column: rows can be skipped where statistics exclude it.
 */
typedef enum wr_prune_op {
    WR_PRUNE_EQ,
    WR_PRUNE_LT,
    WR_PRUNE_LE,
    WR_PRUNE_GT,
    WR_PRUNE_GE,
    WR_PRUNE_IN,
    WR_PRUNE_NULL,
    WR_PRUNE_NOT_NULL
} wr_prune_op;
typedef struct wr_prune {
    int column; /* position in wr_scan_request.columns */
    wr_prune_op op;
    const wr_value
        *values; /* of the column's type; IN: value_count of them, else one (NULL tests: none) */
    int value_count;
} wr_prune;

/* One conjunct pushed into a scan. Owned by exec; the scan calls it. */
typedef struct wr_scan_filter wr_scan_filter;
struct wr_scan_filter {
    const int *columns; /* positions in wr_scan_request.columns that apply needs */
    int column_count;
    /* Facts implied, for pruning; NULL function = none. May change while the scan runs (runtime
     * filters): asked again at each morsel; the result stays valid until the scan closes. */
    const wr_prune *(*prunes)(const wr_scan_filter *self, int *count);
    /* False while a runtime filter has nothing to say yet: the scan then skips it. NULL function =
     * always ready. */
    bool (*ready)(const wr_scan_filter *self);
    /* Narrows sel[0...*count) (ascending rows of in; only the needed columns are filled) in place.
     * worker is the number given to wr_scan_worker_new. */
    weir_status (*apply)(const wr_scan_filter *self, int worker, const wr_batch *in, uint16_t *sel,
                         uint32_t *count);
};

/* Lives as long as the call of open; what its pointers point at lives as long as the scan. */
typedef struct wr_scan_request {
    const int
        *columns; /* positions in the relation's schema, in output order; distinct; may be empty */
    int column_count;
    wr_scan_filter **filters; /* all must hold for a row to be delivered */
    int filter_count;
    int64_t limit; /* rows wanted at most over all workers, -1 = all; a hint */
    /* 0: all rows. Else at most what places() said: a sample is wanted, and only the first batch of
     * each morsel will be taken. That many morsels spread over the rows are enough. */
    int places;
    int worker_count; /* workers 0...worker_count-1 may be made */
    /* False: morsels are taken in the order of the rows. True: in any, so each worker may have a
     * part of the rows for its own. */
    bool any_order;
    bool long_morsels; /* tens of thousands of rows in each suit whoever reads; a hint */
    wr_mem *mem;       /* the scan's budget */
    const wr_cancel *cancel;
} wr_scan_request;

typedef struct wr_progress {
    _Atomic uint64_t rows, bytes;     /* read so far: rows before filters, bytes of files */
    _Atomic uint64_t rows_excluded;   /* by what is known of whole pieces: nobody looked at them */
    _Atomic uint64_t decoded_bytes;   /* of text or encoded values, no longer compressed */
    _Atomic uint64_t cached_bytes;    /* decoded columns that came from the file cache */
    uint64_t rows_total, bytes_total; /* 0 = unknown */
} wr_progress;

typedef struct wr_relation wr_relation;
typedef struct wr_scan wr_scan; /* implementations embed their own state */
typedef struct wr_scan_worker wr_scan_worker;

enum { WR_SAMPLE_PLACES = 16, WR_KEY_COLUMNS_MAX = 6 };

typedef struct wr_relation_def {
    const char *name; /* as EXPLAIN shows it: "csv", "parquet", "table" */
    weir_status (*open)(wr_relation *rel, const wr_scan_request *request, wr_scan **out);
    weir_status (*worker_new)(wr_scan *scan, int worker, wr_scan_worker **out);
    /* Takes the next piece of work; *got false = the scan is exhausted for this worker. */
    weir_status (*next_morsel)(wr_scan_worker *worker, bool *got);
    /* How many pieces of work there are, or more; NULL function: many. */
    int (*morsels)(const wr_scan *scan);
    /* Fills out with the next rows of the morsel, filters applied: columns in request order, rows
     * <= WR_BATCH_ROWS, sel set when filters removed some. wr_batch_count(out) may be 0 with *more
     * true. *more false = the morsel is done (out is empty then). Memory of out is the worker's,
     * valid until its next call. */
    weir_status (*next_batch)(wr_scan_worker *worker, wr_batch *out, bool *more);
    void (*worker_drop)(wr_scan_worker *worker);
    void (*close)(wr_scan *scan);
    const wr_progress *(*progress)(const wr_scan *scan); /* NULL function: unknown */
    void (*stats)(wr_relation *rel, int column,
                  wr_column_stats *out); /* NULL function: nothing known */
    /* Number of rows, exactly, cheaper than a scan; NULL function: only has_row_count says it. */
    uint64_t (*count)(wr_relation *rel);
    /* The columns of the number-th declared key: no two rows without NULLs in them are equal in all
     * of them. Gives how many there are; 0: there is no key of that number; -1: one of more than
     * WR_KEY_COLUMNS_MAX columns. NULL function: no keys. */
    int (*key)(wr_relation *rel, int number, int *columns);
    /* In how many places rows can be looked at for a small part of the cost of a scan, at most
     * WR_SAMPLE_PLACES; such a look must not use the rows up nor tell others about them. NULL
     * function: in none. */
    int (*places)(wr_relation *rel);
    void (*explain)(const wr_relation *rel,
                    wr_buf *out); /* NULL function: nothing to add; e.g. "3 files, delimiter ';'" */
    void (*drop)(wr_relation *rel);
} wr_relation_def;

struct wr_relation {
    const wr_relation_def *def;
    wr_schema schema;       /* all columns, pseudo-columns (filename, file_row_number) at the end */
    int visible_count;      /* columns that * expands to: schema.count minus pseudo-columns */
    bool has_row_count;     /* row_count is exact */
    bool names_are_made_up; /* the source has no names of its own: columns go by position */
    /* An empty batch with *more true says that there is nothing at the moment: whoever runs the
     * query gets control back (wr_run_next) and may run it on. Its scan has one worker. */
    bool pauses;
    double row_count; /* exact or estimated; negative = unknown */
    _Atomic int references;
};

static inline wr_relation *wr_relation_keep(wr_relation *rel)
{
    rel->references++;
    return rel;
}
static inline void wr_relation_release(wr_relation *rel)
{
    if (rel && --rel->references == 0) rel->def->drop(rel);
}
WR_DEFINE_CLEANUP(wr_relation, wr_relation_release)

/* Where rows that could not be read go, when the user asked to keep them. Thread-safe. */
typedef struct wr_rejects {
    weir_status (*add)(struct wr_rejects *self, wr_str file, uint64_t line, uint64_t byte_offset,
                       wr_str column, wr_str reason, wr_str text);
} wr_rejects;
