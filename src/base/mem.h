/* mem.h - the budget tree and the only heap that grows with data.
 *
 * engine > query > operator: each node counts the bytes of itself and all its children and may
 * carry a limit. Anything that grows with the data takes its memory here and handles refusal; small
 * things that die together come from an arena (arena.h) and never fail. */
#pragma once
#include "base/status.h"

typedef struct wr_mem wr_mem;

/* Makes a budget below parent (NULL for a root). name must outlive the budget. limit 0 = only the
 * ancestors limit. Thread-safe; drop children before parents. */
wr_mem *wr_mem_new(wr_mem *parent, const char *name, uint64_t limit);
void wr_mem_drop(wr_mem *mem);
void wr_mem_set_limit(wr_mem *mem, uint64_t limit);

/* Counts bytes without allocating. Fails with MEMORY_LIMIT naming this budget, the need and the
 * fix, after giving the reclaim hooks below the limiting budget a chance. Any thread. */
WR_MUST_CHECK weir_status wr_mem_reserve(wr_mem *mem, uint64_t bytes);
void wr_mem_release(wr_mem *mem, uint64_t bytes);
/* As reserve, but false instead of an error, and nobody is asked to give anything back. */
bool wr_mem_try_reserve(wr_mem *mem, uint64_t bytes);
/* Counts bytes that are taken already, whatever the limits: for small pieces whose taker cannot
 * fail. Above a limit the next reservation fails. wr_mem_release gives them back. */
void wr_mem_charge(wr_mem *mem, uint64_t bytes);

/* Reserved, 64-byte aligned, padded so that 64 bytes past the end may be read. Contents undefined
 * (alloc), zero (zalloc). wr_mem_free must be given the same budget and size. */
WR_MUST_CHECK weir_status wr_mem_alloc(wr_mem *mem, size_t size, void **out);
WR_MUST_CHECK weir_status wr_mem_zalloc(wr_mem *mem, size_t size, void **out);
/* Grows *ptr from old_size to new_size keeping the contents; *ptr NULL is allowed. */
WR_MUST_CHECK weir_status wr_mem_grow(wr_mem *mem, void **ptr, size_t old_size, size_t new_size);
void wr_mem_free(wr_mem *mem, void *ptr, size_t size);

/* Bytes reserved now, and the most there ever were, budgets below included. A moment's picture from
 * any thread. */
uint64_t wr_mem_used(const wr_mem *mem);
uint64_t wr_mem_peak(const wr_mem *mem);
uint64_t wr_mem_limit(const wr_mem *mem); /* the smallest limit on the way to the root; 0 = none */
/* Bytes that could be reserved before some limit on the way to the root refuses; UINT64_MAX without
 * limits. A moment's picture. */
uint64_t wr_mem_room(const wr_mem *mem);
const char *wr_mem_name(const wr_mem *mem);

/* A holder of memory that can be given back (by spilling). Called without locks held by this
 * module, from the thread whose reservation failed; returns the number of bytes released.
 * Registered hooks are asked in order of wr_mem_used, largest first, also the one of the budget
 * that asks: a hook that cannot give now returns 0. Inside a hook no further hooks are asked, so
 * what spilling needs is reserved beforehand. Unregistering waits for a hook that is running. */
typedef uint64_t wr_reclaim_fn(void *owner, uint64_t wanted);
void wr_mem_set_reclaim(wr_mem *mem, wr_reclaim_fn *fn, void *owner);
/* Before its first use: what this budget counts is given back by its hook at once whenever it is
 * wanted, so the ancestors count it as room. */
void wr_mem_set_yields(wr_mem *mem);

/* Plain heap for objects whose size does not depend on data. Aborts with a message when the process
 * is out of memory; counted nowhere. Zeroed. */
void *wr_heap_new(size_t size);
void *wr_heap_raw(size_t size); /* as new, but contents undefined */
void *wr_heap_grow(void *ptr, size_t old_size, size_t new_size);
char *wr_heap_copy(const char *text, size_t length); /* NUL-terminated */
void wr_heap_drop(void *ptr);
/* Large buffers that are handed to other programs, aligned and padded as those of wr_mem_alloc and
 * from the same pages; contents undefined, counted nowhere. drop must be given the same size. */
void *wr_heap_buffer(size_t size);
void wr_heap_buffer_drop(void *ptr, size_t size);
/* For programs, once, before threads start: malloc keeps what is freed at the end of the heap, up
 * to bytes, for the next statement. Not for libraries: it changes malloc for the whole process. */
void wr_heap_keep(size_t bytes);

/* Test hook: makes the n-th counted allocation from now on fail (0 = off). Also set by
 * WEIR_FAIL_ALLOC=n. */
void wr_mem_fail_after(int64_t n);
