/* run_index.h - which sessions of a run a key may have.
 *
 * Sessions are numbered as they are made; 65536 numbers are a run. Of a run that is still filled
 * hashes and numbers are in memory; of one that is complete they are in the state, in the order of
 * the hashes, cut into buckets that are one page of the state each, and never change. A hash is not
 * a key: who asks has to compare. Numbers of sessions that have ended since are still told. */
#pragma once
#include "store/state.h"

enum { WR_RUN_BITS = 16, WR_RUN_BUCKET_BITS = 7 };

/* A run that is filled. */
typedef struct wr_open_run {
    uint64_t run;
    uint32_t count;
    bool is_sorted, is_written; /* written: by the commit in progress */
    uint64_t has[(1 << WR_RUN_BITS) / 64];
    uint64_t entries[1 << WR_RUN_BITS]; /* hash << 16 | number within the run */
} wr_open_run;

typedef struct wr_run_index {
    wr_mem *mem;
    uint32_t section;
    wr_open_run **open;
    uint32_t count, cap;
} wr_run_index;

/* Some hashes in order, as they are stored. */
typedef struct wr_run_bucket {
    uint64_t run;
    uint32_t number, count; /* number UINT32_MAX: none was read yet */
    const char *hashes, *numbers;
} wr_run_bucket;

/* Of a hash of 64 bits the index keeps so many. */
static inline uint32_t wr_run_hash(uint64_t hash) { return (uint32_t)(hash >> 32); }

void wr_run_index_clear(wr_run_index *index); /* gives everything back */
/* A session that will be in the state. Doing it again changes nothing. */
WR_MUST_CHECK weir_status wr_run_index_add(wr_run_index *index, uint64_t number, uint32_t hash);
/* Writes an open run that gets no more numbers. */
WR_MUST_CHECK weir_status wr_run_index_write(wr_run_index *index, uint64_t run, wr_state *state);
/* The commit that wrote runs has succeeded or not. */
void wr_run_index_settle(wr_run_index *index, bool committed);
/* Calls each for the numbers of a hash in a run. bucket is kept between calls, while the state does
 * not change. CORRUPT. */
typedef weir_status wr_run_number_fn(void *arg, uint64_t number);
WR_MUST_CHECK weir_status wr_run_index_find(wr_run_index *index, wr_state *state, uint64_t run,
                                            uint32_t hash, wr_run_bucket *bucket,
                                            wr_run_number_fn *each, void *arg);
/* Calls each for the hashes of one bucket of a run. */
typedef weir_status wr_run_hash_fn(void *arg, uint64_t run, uint32_t hash);
WR_MUST_CHECK weir_status wr_run_index_each(wr_run_index *index, wr_state *state, uint64_t run,
                                            uint32_t bucket, wr_run_hash_fn *each, void *arg);
/* Forgets a run without sessions. */
WR_MUST_CHECK weir_status wr_run_index_drop(wr_run_index *index, uint64_t run, wr_state *state);
