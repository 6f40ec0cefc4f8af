/* top_tree.h - the rows of one partition in their order: a search tree through link[0] (before) and
 * link[1] (behind) of shelf rows, balanced by chance (priorities are hashes of sequence numbers).
 * Rows that are equal by the order stand in that of their arrival. */
#pragma once
#include "expr/expr.h"
#include "stream/ops/shelf.h"

enum { WR_TOP_DEPTH = 256 };

typedef struct wr_top_order {
    const wr_shelf *shelf;
    const wr_sort_key *keys;
    int key_count, first; /* the order columns of shelf rows begin at first */
} wr_top_order;

/* Order of any row, whose order columns begin at first of layout, and a row of the tree; arrival
 * does not count. */
int wr_top_compare(const wr_top_order *order, const wr_rows_layout *layout, int first,
                   const uint8_t *row, const uint8_t *of_tree);
static inline bool wr_top_is_tie(const wr_top_order *order, const uint8_t *a, const uint8_t *b)
{
    return wr_top_compare(order, &order->shelf->layout, order->first, a, b) == 0;
}

/* Into the tree, behind rows that are equal by the order. */
void wr_top_insert(const wr_top_order *order, uint8_t **root, uint8_t *row);
/* The row is in the tree; its links are NULL then. */
void wr_top_remove(const wr_top_order *order, uint8_t **root, uint8_t *row);
uint8_t *wr_top_last(const wr_top_order *order, uint8_t *root); /* NULL: no rows */
/* The neighbours of a row of the tree; NULL: none. */
uint8_t *wr_top_before(const wr_top_order *order, uint8_t *root, uint8_t *row);
uint8_t *wr_top_behind(const wr_top_order *order, uint8_t *root, uint8_t *row);
/* The first row of the tree that is not before the given one by order. */
uint8_t *wr_top_seek(const wr_top_order *order, const wr_rows_layout *layout, int first,
                     uint8_t *root, const uint8_t *row);

/* All rows in order; the tree does not change meanwhile. */
typedef struct wr_top_walk {
    int depth;
    uint8_t *path[WR_TOP_DEPTH];
} wr_top_walk;
void wr_top_walk_begin(const wr_top_order *order, wr_top_walk *walk, uint8_t *root);
uint8_t *wr_top_walk_next(const wr_top_order *order, wr_top_walk *walk); /* NULL: the end */
