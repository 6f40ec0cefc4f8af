/* kern.h - the tables of typed loops, chosen once by what the processor can do.
 *
 * Arrays are indexed by wr_phys; entries for widths that make no sense are NULL. Inputs may be read
 * up to 64 bytes past their end only where said. Loops never fail and never allocate; integer
 * arithmetic wraps. Any thread. */
#pragma once
#include "col/column.h"

enum wr_kern_compare { WR_K_EQ, WR_K_NE, WR_K_LT, WR_K_LE, WR_K_GT, WR_K_GE, WR_K_COMPARES };
enum wr_kern_arith { WR_K_ADD, WR_K_SUB, WR_K_MUL, WR_K_DIV, WR_K_ARITHS }; /* DIV: floating only */

/* out[i] = 1 where a[i] op b[i], else 0. Floating: NaN equals NaN and is greater than all numbers.
 */
typedef void wr_compare_loop(const void *a, const void *b, uint8_t *out, size_t n);
/* The same for rows sel[0...n) only, giving the rows where it holds; returns their number. out may
 * be sel. */
typedef uint32_t wr_compare_sel_loop(const void *a, const void *b, const uint16_t *sel, uint32_t n,
                                     uint16_t *out);
typedef void wr_arith_loop(const void *a, const void *b, void *out, size_t n);
/* Stops at the first row that overflows and returns its number, else n. */
typedef size_t wr_checked_loop(const void *a, const void *b, void *out, size_t n);

typedef struct wr_kern_compares {
    /* b points to one value for the const forms */
    wr_compare_loop *column[WR_K_COMPARES][WR_P_COUNT], *constant[WR_K_COMPARES][WR_P_COUNT];
    wr_compare_sel_loop *column_sel[WR_K_COMPARES][WR_P_COUNT],
        *constant_sel[WR_K_COMPARES][WR_P_COUNT];
    /* Row numbers of the ones among n bytes (0 or 1) whose validity bit is set; valid may be NULL.
     * out needs room for n + 32. truth may be read up to 64 bytes past its end. */
    uint32_t (*select)(const uint8_t *truth, const uint64_t *valid, uint32_t n, uint16_t *out);
} wr_kern_compares;

typedef struct wr_kern_ariths {
    wr_arith_loop *column[WR_K_ARITHS][WR_P_COUNT];   /* a[i] op b[i] */
    wr_arith_loop *constant[WR_K_ARITHS][WR_P_COUNT]; /* a[i] op b[0] */
    wr_arith_loop *from[WR_K_ARITHS][WR_P_COUNT];     /* a[0] op b[i] */
    wr_checked_loop *checked[3];                      /* I64: a[i] op b[i] */
} wr_kern_ariths;

typedef struct wr_kern_moves {
    /* out[i] = in[i] + base at another width of integers; narrowing cuts off. From U8...U64 base
     * must be 0. */
    void (*convert[WR_P_COUNT][WR_P_COUNT])(const void *in, int64_t base, void *out, size_t n);
    /* out[i] = in[rows[i]]; by size of the values: 1, 2, 4, 8, 16 -> 0...4 */
    void (*gather[5])(const void *in, const uint16_t *rows, size_t n, void *out);
    void (*decode8[5])(const void *dict, const uint8_t *codes, size_t n, void *out);
    void (*decode16[5])(const void *dict, const uint16_t *codes, size_t n, void *out);
    void (*decode32[5])(const void *dict, const uint32_t *codes, size_t n, void *out);
} wr_kern_moves;

typedef struct wr_kern_hashes {
    /* out[i] = hash of in[i] + base; signed widths, and unsigned ones with base 0 */
    void (*ints[WR_P_COUNT])(const void *in, int64_t base, uint64_t *out, size_t n);
    void (*floats[WR_P_COUNT])(const void *in, uint64_t *out, size_t n);
    void (*combine)(uint64_t *into, const uint64_t *next, size_t n);
} wr_kern_hashes;

typedef struct wr_kern_folds {
    /* Over n > 0 values, without NULLs; sums wrap nowhere: 32-bit and narrower lanes add into 64
     * bits, 64 into 128. */
    void (*range[WR_P_COUNT])(const void *in, size_t n, int64_t *lo, int64_t *hi); /* I8...I64 */
    wr_i128 (*sum[WR_P_COUNT])(const void *in, size_t n);                          /* I8...I64 */
    void (*range_f64)(const double *in, size_t n, double *lo, double *hi);         /* no NaN */
} wr_kern_folds;

typedef struct wr_kern_table {
    const char *isa;
    const wr_kern_compares *compare;
    const wr_kern_ariths *arith;
    const wr_kern_moves *move;
    const wr_kern_hashes *hash;
    const wr_kern_folds *fold;
} wr_kern_table;

/* The best table this processor can run, or the one WEIR_ISA names if it can run that. */
const wr_kern_table *wr_kern(void);
/* All tables the processor can run, for tests: index 0, 1, ...; NULL at the end. */
const wr_kern_table *wr_kern_at(int index);
/* Makes wr_kern() return another table: for tests. NULL = the best. */
void wr_kern_use(const wr_kern_table *table);

/* ---- with columns (columns.c) ---- */
/* Hashes of rows sel[0...count) (NULL: 0...count-1) over several columns of any form: out[i]
 * belongs to row sel[i]. Equal to wr_column_hash of one column, combined in order by
 * wr_hash_combine. arena holds scratch. */
void wr_kern_hash_rows(const wr_column *columns, int column_count, const uint16_t *sel,
                       uint32_t count, wr_arena *arena, uint64_t *out);
/* 0...4 for value sizes 1, 2, 4, 8, 16. */
int wr_kern_size_index(size_t size);
