/* top_tree.c - see top_tree.h.
 *
 * A treap: in the order of rows from left to right, and a row's priority is at least that of those
 * below it. Which rows there are decides its shape, not how they came, so it is as deep as a random
 * tree, some 40 levels for a million rows; no level needs recursion. */
#include "stream/ops/top_tree.h"

static wr_shelf_row *header(const wr_top_order *order, uint8_t *row)
{
    return wr_shelf_row_of(order->shelf, row);
}

static uint64_t priority(const wr_top_order *order, uint8_t *row)
{
    uint64_t x = header(order, row)->sequence + UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

int wr_top_compare(const wr_top_order *order, const wr_rows_layout *layout, int first,
                   const uint8_t *row, const uint8_t *of_tree)
{
    for (int k = 0; k < order->key_count; k++) {
        const wr_sort_key *key = &order->keys[k];
        bool here = wr_row_is_null(row, first + k);
        bool there = wr_row_is_null(of_tree, order->first + k);
        if (here && there) continue;
        if (here || there) return here == key->nulls_first ? -1 : 1;
        int result = wr_keys_compare_between(layout, first + k, row, &order->shelf->layout,
                                             order->first + k, of_tree);
        if (result) return key->descending ? -result : result;
    }
    return 0;
}

/* Strictly, arrival included. */
static bool stands_before(const wr_top_order *order, uint8_t *a, uint8_t *b)
{
    int result = wr_top_compare(order, &order->shelf->layout, order->first, a, b);
    return result ? result < 0 : header(order, a)->sequence < header(order, b)->sequence;
}

void wr_top_insert(const wr_top_order *order, uint8_t **root, uint8_t *row)
{
    uint8_t **at = root;
    uint64_t own = priority(order, row);
    while (*at && priority(order, *at) >= own)
        at = &header(order, *at)->link[stands_before(order, *at, row)];
    uint8_t *rest = *at, **before = &header(order, row)->link[0],
            **behind = &header(order, row)->link[1];
    *at = row;
    while (rest) {
        uint8_t ***side = stands_before(order, rest, row) ? &before : &behind;
        uint8_t **link = &header(order, rest)->link[side == &before];
        **side = rest;
        *side = link;
        rest = *link;
    }
    *before = *behind = NULL;
}

void wr_top_remove(const wr_top_order *order, uint8_t **root, uint8_t *row)
{
    uint8_t **at = root;
    while (*at != row) {
        wr_assert(*at != NULL);
        at = &header(order, *at)->link[stands_before(order, *at, row)];
    }
    uint8_t *before = header(order, row)->link[0], *behind = header(order, row)->link[1];
    while (before && behind) {
        bool takes_before = priority(order, before) >= priority(order, behind);
        uint8_t **rest = takes_before ? &before : &behind;
        *at = *rest;
        at = &header(order, *rest)->link[takes_before];
        *rest = *at;
    }
    *at = before ? before : behind;
    header(order, row)->link[0] = header(order, row)->link[1] = NULL;
}

uint8_t *wr_top_last(const wr_top_order *order, uint8_t *root)
{
    while (root && header(order, root)->link[1])
        root = header(order, root)->link[1];
    return root;
}

uint8_t *wr_top_before(const wr_top_order *order, uint8_t *root, uint8_t *row)
{
    uint8_t *found = NULL;
    while (root) {
        bool is_before = stands_before(order, root, row);
        if (is_before) found = root;
        root = header(order, root)->link[is_before];
    }
    return found;
}

uint8_t *wr_top_behind(const wr_top_order *order, uint8_t *root, uint8_t *row)
{
    uint8_t *found = NULL;
    while (root) {
        bool is_behind = stands_before(order, row, root);
        if (is_behind) found = root;
        root = header(order, root)->link[!is_behind];
    }
    return found;
}

uint8_t *wr_top_seek(const wr_top_order *order, const wr_rows_layout *layout, int first,
                     uint8_t *root, const uint8_t *row)
{
    uint8_t *found = NULL;
    while (root) {
        bool is_before = wr_top_compare(order, layout, first, row, root) > 0;
        if (!is_before) found = root;
        root = header(order, root)->link[is_before];
    }
    return found;
}

static void walk_down(const wr_top_order *order, wr_top_walk *walk, uint8_t *row)
{
    for (; row; row = header(order, row)->link[0]) {
        wr_assert(walk->depth < WR_TOP_DEPTH);
        walk->path[walk->depth++] = row;
    }
}

void wr_top_walk_begin(const wr_top_order *order, wr_top_walk *walk, uint8_t *root)
{
    walk->depth = 0;
    walk_down(order, walk, root);
}

uint8_t *wr_top_walk_next(const wr_top_order *order, wr_top_walk *walk)
{
    if (walk->depth == 0) return NULL;
    uint8_t *row = walk->path[--walk->depth];
    walk_down(order, walk, header(order, row)->link[1]);
    return row;
}
