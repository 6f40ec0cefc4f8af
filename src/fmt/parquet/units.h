/* units.h - the morsels of a Parquet file and who takes which. */
#pragma once
#include "fmt/parquet/scan.h"

typedef struct wr_pq_unit { /* rows [from, to) of a row group */
    int group;
    int64_t from, to;
} wr_pq_unit;

typedef struct wr_pq_units {
    wr_pq_unit *items;
    int count;
    _Atomic uint64_t *stretches; /* units that are left: see units.c */
    int stretch_count;
} wr_pq_units;

/* Cuts the file for the request; with places into a unit of a few rows for each. Memory from arena.
 */
void wr_pq_units_init(wr_pq_units *u, wr_arena *arena, const wr_pq_meta *meta,
                      const wr_scan_request *request);
/* In how many places a sample of the file may look. */
int wr_pq_units_places(const wr_pq_meta *meta);
/* The next unit of a worker; false: there is none. Any thread. */
bool wr_pq_units_take(wr_pq_units *u, int worker, wr_pq_unit *out);
