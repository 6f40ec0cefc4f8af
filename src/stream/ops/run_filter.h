/* run_filter.h - which runs of the state may hold a key.
 *
 * What is made one after the other is stored in runs of equal size, so that a commit writes in few
 * places. Whoever looks for a key would have to ask each run; the filter says which ones may have
 * it: for 64 runs at once, one bit each in the words that the hash of the key chooses. A run that
 * was there before the start is unknown (it may have any key) until its keys were added. */
#pragma once
#include "base/mem.h"

typedef struct wr_run_block {
    uint64_t number;              /* of its first run, by 64 */
    uint64_t known;               /* runs all of whose keys are in words */
    uint64_t present;             /* runs that may hold something */
    int64_t stored[64], more[64]; /* sessions at the last commit, and what the next one adds */
    uint64_t *words;              /* NULL: nothing is known */
    uint32_t bits;                /* 2 to the power of it are the words */
    bool is_refused;              /* there was no memory for words */
} wr_run_block;

typedef struct wr_run_filter {
    wr_mem *mem;
    uint64_t most;        /* bytes that words should take; 0: any number */
    wr_run_block *blocks; /* ascending */
    uint32_t count, cap;
} wr_run_filter;

/* Gives everything back; the filter can be used again. */
void wr_run_filter_clear(wr_run_filter *f);
/* A run that exists, with so many sessions. Its keys are not known. */
WR_MUST_CHECK weir_status wr_run_filter_meet(wr_run_filter *f, uint64_t run, int64_t stored);
/* A key that will be in a run, or is. A run nobody has met is new, and known from now on. */
WR_MUST_CHECK weir_status wr_run_filter_add(wr_run_filter *f, uint64_t run, uint32_t hash);
/* All keys of a run were added. */
void wr_run_filter_learnt(wr_run_filter *f, uint64_t run);
/* Runs of one block that are not known, in order, up to most of them; 0: there is none. */
uint32_t wr_run_filter_unknown(const wr_run_filter *f, uint64_t *runs, uint32_t most);
/* What a look will read is fetched from memory meanwhile. */
void wr_run_filter_prefetch(const wr_run_filter *f, uint32_t hash);
/* Calls each for every run that may have the key, in order. */
typedef void wr_run_fn(void *arg, uint64_t run);
void wr_run_filter_look(const wr_run_filter *f, uint32_t hash, wr_run_fn *each, void *arg);
/* The next commit adds count sessions to a run that was met; takes them away if negative. */
void wr_run_filter_count(wr_run_filter *f, uint64_t run, int64_t count);
/* What was counted since the last commit is not so. */
void wr_run_filter_uncount(wr_run_filter *f);
/* Calls each for every run that was counted: it will have so many sessions. */
typedef weir_status wr_run_count_fn(void *arg, uint64_t run, int64_t stored);
WR_MUST_CHECK weir_status wr_run_filter_counted(const wr_run_filter *f, wr_run_count_fn *each,
                                                void *arg);
/* After a commit: what was counted is so. Empty runs below `open` are forgotten. */
void wr_run_filter_settle(wr_run_filter *f, uint64_t open);
