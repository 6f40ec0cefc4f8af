/* divided.h - one operator whose keys are divided among workers: to the graph it is an operator as
 * others are, inside it has parts that each keep the keys of one range of hashes. */
#pragma once
#include "stream/workers.h"

typedef struct wr_division {
    int worker_count; /* 1: nothing is divided */
    int part_count;   /* a state keeps the number it was made with */
    bool can_be;      /* something in the graph has keys to divide by */
    const char *why;  /* divided by what, or why not */
} wr_division;

enum { WR_PARTS_MAX = 64 };

/* Divides the operators of a built graph that come first among those that keep state by key.
 * worker_count > 1 was asked for, or part_count > 1 comes from a state; with part_count 1 it is
 * only looked whether they could be. out->why is in the graph's arena. */
void wr_divide(wr_graph *graph, int worker_count, int part_count, wr_division *out);
/* By the hash of which of its input columns an operator can be divided; names are the graph's. */
typedef struct wr_division_keys {
    int *columns[2];
    int count; /* 0: it cannot */
    const char *why_not;
} wr_division_keys;
/* Puts an operator with part_count parts of op's kind in the place of op, which was never opened.
 */
void wr_divided_replace(wr_graph *graph, int number, const wr_division_keys *keys, int part_count);

extern const wr_packet_calls wr_divided_calls;
