/* mem.c - counting memory along a tree of budgets. See mem.h.
 *
 * A reservation adds its bytes to every budget from the asking one to the root; the first one that
 * would pass its limit takes the additions below back, and the hooks below it are asked for memory,
 * largest holder first, before the reservation is tried again. Counting is lock-free; one
 * process-wide lock guards the shape of the trees and is never held while a hook runs.
 *
 * Traps: a hook may not be called after its budget is gone, hence `asking`: whoever unregisters a
 * hook waits until nobody is inside it (except from inside it). A hook that reserves memory itself
 * gets no second round of hooks: it fails at once instead of recursing. */
#include "base/mem.h"
#include "base/failpoint.h"
#include "base/pages.h"
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { ALIGN = 64, PAGE = 4096, HOOKS_ASKED_MAX = 64, PAGES_LIMIT = 1 << 30, PAGES_KEPT = 1 << 28 };
enum { MAPPED_MIN = 4 << 20 };             /* malloc maps what is this large */
static const size_t BIG = (size_t)2 << 20; /* also the size and alignment of a huge page */

struct wr_mem {
    wr_mem *parent;
    const char *name;
    _Atomic uint64_t limit, used, peak;
    _Atomic uint64_t yielding; /* of used: what budgets below give back at once */
    bool yields;
    wr_mem *first_child, *next_sibling; /* guarded by tree_lock */
    wr_reclaim_fn *reclaim;             /* guarded by tree_lock */
    void *owner;                        /* guarded by tree_lock */
    int asking;                         /* calls of reclaim under way; guarded by tree_lock */
};

static pthread_mutex_t tree_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t nobody_asks = PTHREAD_COND_INITIALIZER;
static _Thread_local const wr_mem *inside_hook_of;
static _Atomic int64_t fail_countdown;

/* ---- the tree */

static void limit_pages(const wr_mem *mem, uint64_t limit)
{
    if (!mem->parent) wr_pages_keep(!limit ? PAGES_KEPT : limit >= PAGES_LIMIT ? limit / 8 : 0);
}

wr_mem *wr_mem_new(wr_mem *parent, const char *name, uint64_t limit)
{
    wr_mem *mem = wr_heap_new(sizeof *mem);
    mem->parent = parent;
    mem->name = name;
    atomic_store(&mem->limit, limit);
    limit_pages(mem, limit);
    if (parent) {
        pthread_mutex_lock(&tree_lock);
        mem->next_sibling = parent->first_child;
        parent->first_child = mem;
        pthread_mutex_unlock(&tree_lock);
    }
    return mem;
}

void wr_mem_set_reclaim(wr_mem *mem, wr_reclaim_fn *fn, void *owner)
{
    pthread_mutex_lock(&tree_lock);
    while (mem->asking && inside_hook_of != mem)
        pthread_cond_wait(&nobody_asks, &tree_lock);
    mem->reclaim = fn;
    mem->owner = owner;
    pthread_mutex_unlock(&tree_lock);
}

void wr_mem_drop(wr_mem *mem)
{
    if (!mem) return;
    wr_mem_set_reclaim(mem, NULL, NULL);
    pthread_mutex_lock(&tree_lock);
    wr_assert(!mem->first_child);
    if (mem->parent) {
        wr_mem **link = &mem->parent->first_child;
        while (*link != mem)
            link = &(*link)->next_sibling;
        *link = mem->next_sibling;
    }
    pthread_mutex_unlock(&tree_lock);
    /* What was never released dies with the budget: the ancestors must not count it for ever. */
    uint64_t left = atomic_load(&mem->used);
    wr_check(left == 0);
    for (wr_mem *up = mem->parent; left && up; up = up->parent)
        atomic_fetch_sub(&up->used, left);
    free(mem);
}

void wr_mem_set_yields(wr_mem *mem) { mem->yields = true; }

void wr_mem_set_limit(wr_mem *mem, uint64_t limit)
{
    atomic_store(&mem->limit, limit);
    limit_pages(mem, limit);
}
uint64_t wr_mem_used(const wr_mem *mem) { return atomic_load(&mem->used); }
uint64_t wr_mem_peak(const wr_mem *mem) { return atomic_load(&mem->peak); }
const char *wr_mem_name(const wr_mem *mem) { return mem->name; }

uint64_t wr_mem_limit(const wr_mem *mem)
{
    uint64_t smallest = 0;
    for (; mem; mem = mem->parent) {
        uint64_t limit = atomic_load(&mem->limit);
        if (limit && (!smallest || limit < smallest)) smallest = limit;
    }
    return smallest;
}

uint64_t wr_mem_room(const wr_mem *mem)
{
    uint64_t least = UINT64_MAX;
    for (; mem; mem = mem->parent) {
        uint64_t limit = atomic_load_explicit(&mem->limit, memory_order_relaxed);
        uint64_t used = atomic_load_explicit(&mem->used, memory_order_relaxed);
        uint64_t soft = atomic_load_explicit(&mem->yielding, memory_order_relaxed);
        used -= WR_MIN(used, soft);
        if (limit) least = WR_MIN(least, used < limit ? limit - used : 0);
    }
    return least;
}

/* ---- reserving */

static void raise_peak(wr_mem *mem, uint64_t used)
{
    uint64_t peak = atomic_load_explicit(&mem->peak, memory_order_relaxed);
    while (used > peak && !atomic_compare_exchange_weak(&mem->peak, &peak, used))
        ;
}

/* Adds bytes to one budget unless it passes the limit. Never counts what it refuses, not even for a
 * moment: another thread might be refused because of it. */
static bool add(wr_mem *mem, uint64_t bytes)
{
    uint64_t used = atomic_load_explicit(&mem->used, memory_order_relaxed);
    uint64_t limit = atomic_load_explicit(&mem->limit, memory_order_relaxed);
    if (!limit) limit = UINT64_MAX / 2;
    do {
        if (wr_unlikely(bytes > limit || used > limit - bytes)) return false;
    } while (!atomic_compare_exchange_weak(&mem->used, &used, used + bytes));
    raise_peak(mem, used + bytes);
    return true;
}

/* Adds bytes to mem and its ancestors. Returns NULL, or the budget that refused after undoing all.
 */
static wr_mem *try_reserve(wr_mem *mem, uint64_t bytes)
{
    for (wr_mem *at = mem; at; at = at->parent) {
        if (wr_likely(add(at, bytes))) continue;
        for (wr_mem *undo = mem; undo != at; undo = undo->parent)
            atomic_fetch_sub(&undo->used, bytes);
        return at;
    }
    return NULL;
}

static void count_yielding(wr_mem *mem, uint64_t bytes, bool more)
{
    for (wr_mem *up = mem->parent; up; up = up->parent)
        if (more)
            atomic_fetch_add(&up->yielding, bytes);
        else
            atomic_fetch_sub(&up->yielding, bytes);
}

typedef struct holder {
    wr_mem *mem;
    uint64_t used;
} holder;

/* Collects the registered hooks below top, keeping the largest; tree_lock is held. */
static int collect_holders(wr_mem *top, holder *out, int count)
{
    for (wr_mem *m = top->first_child; m; m = m->next_sibling)
        count = collect_holders(m, out, count);
    uint64_t used = atomic_load(&top->used);
    if (!top->reclaim || used == 0) return count;
    int at = count;
    if (count == HOOKS_ASKED_MAX) {
        for (at = 0; at < count && out[at].used >= used; at++)
            ;
        if (at == count) return count;
        at = count - 1;
    } else {
        count++;
    }
    for (; at > 0 && out[at - 1].used < used; at--)
        out[at] = out[at - 1];
    out[at] = (holder){top, used};
    return count;
}

static uint64_t ask(wr_mem *mem, wr_reclaim_fn *fn, void *owner, uint64_t wanted)
{
    inside_hook_of = mem;
    uint64_t got = fn(owner, wanted);
    inside_hook_of = NULL;
    return got;
}

static void end_asking(wr_mem *mem)
{
    if (--mem->asking == 0) pthread_cond_broadcast(&nobody_asks);
}

/* Asks the hooks below top until bytes have come back. Returns how many did. */
static uint64_t reclaim_below(wr_mem *top, uint64_t bytes)
{
    holder holders[HOOKS_ASKED_MAX];
    uint64_t got = 0;
    pthread_mutex_lock(&tree_lock);
    int count = collect_holders(top, holders, 0);
    for (int i = 0; i < count; i++)
        holders[i].mem->asking++;
    for (int i = 0; i < count; i++) {
        wr_mem *mem = holders[i].mem;
        wr_reclaim_fn *fn = mem->reclaim;
        void *owner = mem->owner;
        if (got < bytes && fn) {
            pthread_mutex_unlock(&tree_lock);
            got += ask(mem, fn, owner, bytes - got);
            pthread_mutex_lock(&tree_lock);
        }
        end_asking(mem);
    }
    pthread_mutex_unlock(&tree_lock);
    return got;
}

static void size_text(uint64_t bytes, char *out, size_t out_size)
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
    if (bytes < 1024) {
        snprintf(out, out_size, "%llu bytes", (unsigned long long)bytes);
        return;
    }
    double value = (double)bytes / 1024;
    size_t unit = 0;
    for (; value >= 1024 && unit + 1 < WR_COUNT(units); unit++)
        value /= 1024;
    snprintf(out, out_size, "%.1f %s", value, units[unit]);
}

static weir_status refuse(const wr_mem *at, const wr_mem *asker, uint64_t bytes)
{
    char need[32], used[32], limit[32];
    size_text(bytes, need, sizeof need);
    size_text(atomic_load(&at->used), used, sizeof used);
    uint64_t cap = atomic_load(&at->limit);
    size_text(cap, limit, sizeof limit);
    weir_status s =
        wr_fail(WR_E_MEMORY_LIMIT,
                "the memory limit of %s (%s) is exceeded: %s needs %s more, %s are in use",
                at->name, limit, asker->name, need, used);
    /* Of the budgets below the root only that of a query has a limit. */
    const char *setting = at->parent ? "work_mem" : "memory_limit";
    s = wr_with_hint(s, "raise %s or lower threads", setting);
    return wr_with_fix(s, "SET %s = '%llu MB'", setting,
                       (unsigned long long)((cap + bytes) * 2 / 1000000 + 1));
}

static bool is_time_to_fail(void)
{
    int64_t left = atomic_load_explicit(&fail_countdown, memory_order_relaxed);
    return wr_unlikely(left > 0) && atomic_fetch_sub(&fail_countdown, 1) == 1;
}

weir_status wr_mem_reserve(wr_mem *mem, uint64_t bytes)
{
    enum { ROUNDS_MAX = 16 };
    WR_FAILPOINT(mem_reserve);
    if (is_time_to_fail()) return refuse(mem, mem, bytes);
    wr_mem *refuser = try_reserve(mem, bytes);
    for (int round = 0; wr_unlikely(refuser != NULL); round++) {
        uint64_t got = inside_hook_of ? 0 : reclaim_below(refuser, bytes);
        /* Memory others released meanwhile counts as well, so try again even if no hook gave. */
        refuser = try_reserve(mem, bytes);
        if (refuser && (got == 0 || round == ROUNDS_MAX)) return refuse(refuser, mem, bytes);
    }
    if (mem->yields) count_yielding(mem, bytes, true);
    return WR_OK;
}

bool wr_mem_try_reserve(wr_mem *mem, uint64_t bytes)
{
    if (is_time_to_fail() || try_reserve(mem, bytes)) return false;
    if (mem->yields) count_yielding(mem, bytes, true);
    return true;
}

void wr_mem_charge(wr_mem *mem, uint64_t bytes)
{
    if (mem->yields) count_yielding(mem, bytes, true);
    for (; mem; mem = mem->parent)
        raise_peak(mem, atomic_fetch_add(&mem->used, bytes) + bytes);
}

void wr_mem_release(wr_mem *mem, uint64_t bytes)
{
    if (mem->yields) count_yielding(mem, bytes, false);
    for (; mem; mem = mem->parent) {
        uint64_t before = atomic_fetch_sub(&mem->used, bytes);
        wr_check(before >= bytes);
        (void)before;
    }
}

void wr_mem_fail_after(int64_t n) { atomic_store(&fail_countdown, n); }

__attribute__((constructor)) static void read_environment(void)
{
    const char *n = getenv("WEIR_FAIL_ALLOC");
    if (n) wr_mem_fail_after(strtoll(n, NULL, 10));
}

/* ---- memory. Below BIG from malloc or cut from huge pages (pages.h); from BIG on mapped, so that
 * it returns to the system at once. */

static size_t padded(size_t size)
{
    size_t unit = size >= BIG ? PAGE : ALIGN;
    return (size + ALIGN + unit - 1) & ~(unit - 1);
}

/* Maps length bytes aligned to a huge page, for fewer page faults and TLB misses. */
static void *map_big(size_t length)
{
    char *at = mmap(NULL, length + BIG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) return NULL;
    size_t before = (BIG - ((uintptr_t)at & (BIG - 1))) & (BIG - 1);
    if (before) munmap(at, before);
    if (BIG - before) munmap(at + before + length, BIG - before);
    madvise(at + before, length, MADV_HUGEPAGE);
    return at + before;
}

static void *raw_alloc(size_t size, bool zero)
{
    size_t length = padded(size);
    if (size >= BIG) {
        void *run = wr_pages_take_run(length, zero);
        return run ? run : map_big(length);
    }
    bool zeroed;
    void *ptr = wr_pages_take(WR_PAGES_HUGE, length, &zeroed);
    if (!ptr) ptr = aligned_alloc(ALIGN, length);
    if (ptr && zero && !zeroed) memset(ptr, 0, length);
    return ptr;
}

static void raw_free(void *ptr, size_t size)
{
    if (wr_pages_give(ptr, padded(size))) return;
    if (size >= BIG)
        munmap(ptr, padded(size));
    else
        free(ptr);
}

static weir_status alloc(wr_mem *mem, size_t size, bool zero, void **out)
{
    *out = NULL;
    if (size > SIZE_MAX / 4)
        return wr_fail(WR_E_TOO_BIG, "a buffer of %zu bytes is asked for", size);
    WR_TRY(wr_mem_reserve(mem, padded(size)));
    *out = raw_alloc(size, zero);
    if (*out) return WR_OK;
    wr_mem_release(mem, padded(size));
    return wr_fail(WR_E_MEMORY_LIMIT, "the system has no memory left: %s needs %zu bytes",
                   mem->name, size);
}

weir_status wr_mem_alloc(wr_mem *mem, size_t size, void **out)
{
    return alloc(mem, size, false, out);
}

weir_status wr_mem_zalloc(wr_mem *mem, size_t size, void **out)
{
    return alloc(mem, size, true, out);
}

weir_status wr_mem_grow(wr_mem *mem, void **ptr, size_t old_size, size_t new_size)
{
    if (!*ptr) return wr_mem_alloc(mem, new_size, ptr);
    wr_assert(new_size >= old_size);
    if (padded(new_size) == padded(old_size) && (old_size >= BIG) == (new_size >= BIG))
        return WR_OK;
    if (old_size >= BIG && new_size <= SIZE_MAX / 4) { /* the system moves pages without copying */
        uint64_t more = padded(new_size) - padded(old_size);
        WR_TRY(wr_mem_reserve(mem, more));
        if (wr_pages_extend(*ptr, padded(old_size), padded(new_size))) return WR_OK;
        void *moved = wr_pages_owns(*ptr)
                          ? MAP_FAILED
                          : mremap(*ptr, padded(old_size), padded(new_size), MREMAP_MAYMOVE);
        if (moved != MAP_FAILED) {
            *ptr = moved;
            return WR_OK;
        }
        wr_mem_release(mem, more);
    }
    void *bigger = NULL;
    WR_TRY(wr_mem_alloc(mem, new_size, &bigger));
    memcpy(bigger, *ptr, old_size);
    wr_mem_free(mem, *ptr, old_size);
    *ptr = bigger;
    return WR_OK;
}

void wr_mem_free(wr_mem *mem, void *ptr, size_t size)
{
    if (!ptr) return;
    raw_free(ptr, size);
    wr_mem_release(mem, padded(size));
}

/* ---- the uncounted heap */

_Noreturn static void out_of_memory(void)
{
    static const char message[] = "weir: the process is out of memory\n";
    fputs(message, stderr);
    abort();
}

void *wr_heap_raw(size_t size)
{
    void *ptr = malloc(size ? size : 1);
    if (!ptr) out_of_memory();
    return ptr;
}

void *wr_heap_new(size_t size)
{
    void *ptr = calloc(1, size ? size : 1);
    if (!ptr) out_of_memory();
    return ptr;
}

void *wr_heap_grow(void *ptr, size_t old_size, size_t new_size)
{
    char *bigger = realloc(ptr, new_size ? new_size : 1);
    if (!bigger) out_of_memory();
    if (new_size > old_size) memset(bigger + old_size, 0, new_size - old_size);
    return bigger;
}

char *wr_heap_copy(const char *text, size_t length)
{
    char *copy = wr_heap_raw(length + 1);
    if (length) memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

void wr_heap_drop(void *ptr) { free(ptr); }

/* From half of what is cut from pages on, a whole page: it is kept for the next buffer, while
 * malloc would give it back to the system each time. */
static size_t buffer_size(size_t size)
{
    return padded(size) > WR_PAGES_MAX / 2 && size < BIG ? BIG : size;
}

void *wr_heap_buffer(size_t size)
{
    size = buffer_size(size);
    void *ptr = size <= SIZE_MAX / 4 ? raw_alloc(size, false) : NULL;
    if (!ptr) out_of_memory();
    return ptr;
}

void wr_heap_buffer_drop(void *ptr, size_t size)
{
    if (ptr) raw_free(ptr, buffer_size(size));
}

void wr_heap_keep(size_t bytes)
{
#ifdef __GLIBC__
    /* Setting the one ends the guessing of the other, which would map every block of a batch. */
    mallopt(M_TRIM_THRESHOLD, (int)WR_MIN(bytes, (size_t)INT32_MAX));
    mallopt(M_MMAP_THRESHOLD, MAPPED_MIN);
#else
    (void)bytes;
#endif
}
