/* run_filter.h - which runs of the state may hold a key.
 *
 * What is made one after the other is stored in runs of equal size, so that a commit writes in few
 * places. Whoever looks for a key would have to ask each run; the filter says which ones may have
 * it: for 64 runs at once, one bit each in the words that the hash of the key chooses. A run that
 * was there before the start is unknown (it may have any key) until its keys were added. */
#pragma once
#include "base/mem.h"

typedef struct wr_run_block {
    uint64_t number;  /* of its first run, by 64 */
    uint64_t known;   /* runs all of whose keys are in words */
    uint64_t counted; /* runs of which stored is right */
    uint64_t present; /* runs that may hold something */
    int64_t stored[64];
    uint32_t touched[64]; /* since the last commit */
    uint64_t *words;      /* NULL: nothing is known */
    bool is_refused;      /* there was no memory for words */
} wr_run_block;

typedef struct wr_run_filter {
    wr_mem *mem;
    wr_run_block *blocks; /* ascending */
    uint32_t count, cap;
} wr_run_filter;

/* Gives everything back; the filter can be used again. */
void wr_run_filter_clear(wr_run_filter *f);
/* A run that exists; is_new: from now on, and nothing is in it yet. Its keys are not known. */
WR_MUST_CHECK weir_status wr_run_filter_meet(wr_run_filter *f, uint64_t run, bool is_new);
/* A key that will be in a run, or is. A run nobody has met is new, and known from now on. */
WR_MUST_CHECK weir_status wr_run_filter_add(wr_run_filter *f, uint64_t run, uint64_t hash);
/* All keys of a run were added, count of them. */
void wr_run_filter_learnt(wr_run_filter *f, uint64_t run, int64_t count);
/* The first run that is not known; false: there is none. */
bool wr_run_filter_unknown(const wr_run_filter *f, uint64_t *run);
/* count more keys are stored in the run; less if negative. */
void wr_run_filter_count(wr_run_filter *f, uint64_t run, int64_t count);
/* Calls each for every run that may have the key, in order. */
typedef void wr_run_fn(void *arg, uint64_t run);
void wr_run_filter_look(const wr_run_filter *f, uint64_t hash, wr_run_fn *each, void *arg);
/* Counts what a commit will touch: whether this is among the first most ones in the run. */
bool wr_run_filter_touch(wr_run_filter *f, uint64_t run, uint32_t most);
/* After a commit: nothing is touched, runs that became empty are forgotten. */
void wr_run_filter_settle(wr_run_filter *f);
