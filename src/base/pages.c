/* pages.c - see pages.h.
 *
 * Three stretches of addresses, two of them for huge pages, are reserved and cut into units of the
 * size of a huge page. A unit holds 2 to 32 blocks of equal size: of a size class. Units with a
 * free block form a list per class. Units that are entirely free are dirty (their memory stays) or
 * clean (given back, reads as zero); dirty ones are preferred, and there are at most kept_units of
 * them. The system is told that it may take dirty units when it needs memory (MADV_FREE), so what
 * they hold is undefined. What one stretch keeps is of no use to the others, so when they grow it
 * is given back as soon as used and kept units together pass the most there ever were in use: a
 * process does not become larger by keeping.
 *
 * A run is units side by side, the lowest free ones that are long enough.
 *
 * The first blocks of a process come from malloc, so that small statements do not pay for a whole
 * huge page. Invariant: a unit is in the list of its class exactly if it has a free block and one
 * in use. */
#include "base/pages.h"
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

enum {
    UNIT_SHIFT = 21,
    UNITS_MAX = 1 << 15,
    RUNS = 2,
    CLASSES = 33,     /* by blocks per unit */
    HELD_UNITS = 256, /* dirty units that the system is not offered */
    FREELY_KEPT = 128 /* units, used ones included, below which nothing is given back */
};
static const size_t UNIT = (size_t)1 << UNIT_SHIFT;
static const size_t FROM_MALLOC = (size_t)32 << 20; /* in use before units are begun */

typedef struct unit {
    /* In the list of its class or of free units; 0 = none, for unit 0 is not used. */
    uint32_t next, prev;
    uint32_t free, fresh; /* bits of blocks; fresh: never handed out since the unit was clean */
    uint8_t blocks;       /* of a unit cut into blocks */
    bool is_used, is_clean;
} unit;

typedef struct pool {
    char *base; /* NULL: not reserved yet, or not to be had */
    bool has_failed;
    uint32_t begun; /* units up to here were used once */
    uint32_t partial[CLASSES], dirty, clean;
    unit units[UNITS_MAX];
} pool;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pool pools[3]; /* by wr_pages_kind; then runs, which blocks would cut into pieces */
static uint32_t dirty_count, used_count, used_most;
static _Atomic size_t in_use;
static _Atomic uint32_t kept_units = 128;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
static const bool is_checked = true; /* a sanitizer sees more when every block is its own */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
static const bool is_checked = true;
#else
static const bool is_checked = false;
#endif
#else
static const bool is_checked = false;
#endif

static uint32_t blocks_for(size_t size)
{
    size_t n = UNIT / size;
    return n > 32 ? 32 : (uint32_t)n;
}

static size_t block_size(uint32_t blocks) { return UNIT / blocks & ~(size_t)63; }

static uint32_t all_blocks(uint32_t blocks)
{
    return blocks == 32 ? UINT32_MAX : (UINT32_C(1) << blocks) - 1;
}

static void link_unit(pool *p, uint32_t *list, uint32_t u)
{
    p->units[u].next = *list;
    p->units[u].prev = 0;
    if (*list) p->units[*list].prev = u;
    *list = u;
}

static void unlink_unit(pool *p, uint32_t *list, uint32_t u)
{
    unit *x = &p->units[u];
    if (x->prev)
        p->units[x->prev].next = x->next;
    else
        *list = x->next;
    if (x->next) p->units[x->next].prev = x->prev;
}

static bool reserve(pool *p)
{
    if (p->base || p->has_failed) return p->base;
    size_t length = (size_t)UNITS_MAX << UNIT_SHIFT;
    char *at = mmap(NULL, length + UNIT, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    p->has_failed = at == MAP_FAILED;
    if (p->has_failed) return false;
    p->base = (char *)(((uintptr_t)at + UNIT - 1) & ~(uintptr_t)(UNIT - 1));
    if (p != &pools[WR_PAGES_PLAIN]) madvise(p->base, length, MADV_HUGEPAGE);
    return true;
}

static void use_unit(pool *p, uint32_t u)
{
    if (p->units[u].is_clean) {
        unlink_unit(p, &p->clean, u);
    } else {
        unlink_unit(p, &p->dirty, u);
        dirty_count--;
    }
    p->units[u].is_used = true;
    used_count++;
}

/* Begins count units; 0: there are no more. */
static uint32_t begin_units(pool *p, uint32_t count)
{
    if (!reserve(p) || count > UNITS_MAX - 1 - p->begun) return 0;
    uint32_t from = p->begun + 1;
    used_count += count;
    for (; count > 0; count--)
        p->units[++p->begun].is_used = true, p->units[p->begun].is_clean = true;
    return from;
}

static void clean_unit(pool *p, uint32_t u)
{
    madvise(p->base + ((size_t)u << UNIT_SHIFT), UNIT, MADV_DONTNEED);
    p->units[u].is_clean = true;
    link_unit(p, &p->clean, u);
}

/* Cleans a dirty unit if there is one. */
static void clean_one(pool *p)
{
    uint32_t u = p->dirty;
    if (!u) return;
    unlink_unit(p, &p->dirty, u);
    dirty_count--;
    clean_unit(p, u);
}

/* After p has taken units: the others pay. */
static void keep_less(const pool *p)
{
    if (used_count > used_most) used_most = used_count;
    uint32_t most = used_most > FREELY_KEPT ? used_most : FREELY_KEPT;
    for (pool *other = pools; other < pools + 3; other++)
        while (other != p && other->dirty && used_count + dirty_count > most)
            clean_one(other);
}

/* A free unit, in use now; 0: there is none. */
static uint32_t take_unit(pool *p)
{
    uint32_t u = p->dirty ? p->dirty : p->clean;
    if (u)
        use_unit(p, u);
    else
        u = begin_units(p, 1);
    keep_less(p);
    return u;
}

static void free_unit(pool *p, uint32_t u)
{
    p->units[u].is_used = false;
    used_count--;
    if (dirty_count >= kept_units) {
        clean_unit(p, u);
        return;
    }
    if (dirty_count >= HELD_UNITS) madvise(p->base + ((size_t)u << UNIT_SHIFT), UNIT, MADV_FREE);
    p->units[u].is_clean = false;
    link_unit(p, &p->dirty, u);
    dirty_count++;
}

void *wr_pages_take(wr_pages_kind kind, size_t size, bool *zeroed)
{
    pool *p = &pools[kind];
    *zeroed = false;
    if (is_checked || size < WR_PAGES_MIN || size > WR_PAGES_MAX || !kept_units) return NULL;
    if (atomic_fetch_add(&in_use, size) < FROM_MALLOC) return NULL;
    uint32_t blocks = blocks_for(size);
    void *block = NULL;
    pthread_mutex_lock(&lock);
    uint32_t u = p->partial[blocks];
    if (!u && (u = take_unit(p))) {
        p->units[u].blocks = (uint8_t)blocks;
        p->units[u].free = all_blocks(blocks);
        p->units[u].fresh = p->units[u].is_clean ? p->units[u].free : 0;
        p->units[u].is_clean = false;
        link_unit(p, &p->partial[blocks], u);
    }
    if (u) {
        unit *x = &p->units[u];
        uint32_t i = (uint32_t)__builtin_ctz(x->free), bit = UINT32_C(1) << i;
        *zeroed = x->fresh & bit;
        x->free &= ~bit;
        x->fresh &= ~bit;
        block = p->base + ((size_t)u << UNIT_SHIFT) + i * block_size(blocks);
        if (!x->free) unlink_unit(p, &p->partial[blocks], u);
    }
    pthread_mutex_unlock(&lock);
    return block;
}

static uint32_t units_for(size_t size) { return (uint32_t)((size + UNIT - 1) >> UNIT_SHIFT); }

/* The first of count free units side by side, in use now; 0: there are none. */
static uint32_t take_run(pool *p, uint32_t count)
{
    uint32_t length = 0;
    for (uint32_t u = 1; u <= p->begun; u++) {
        length = p->units[u].is_used ? 0 : length + 1;
        if (length < count) continue;
        for (uint32_t i = u + 1 - count; i <= u; i++)
            use_unit(p, i);
        return u + 1 - count;
    }
    return begin_units(p, count);
}

void *wr_pages_take_run(size_t size, bool zeroed)
{
    pool *p = &pools[RUNS];
    if (is_checked || !kept_units || size > UNIT * (UNITS_MAX / 2)) return NULL;
    uint32_t count = units_for(size);
    pthread_mutex_lock(&lock);
    uint32_t u = take_run(p, count);
    keep_less(p);
    pthread_mutex_unlock(&lock);
    if (!u) return NULL;
    char *run = p->base + ((size_t)u << UNIT_SHIFT);
    for (uint32_t i = 0; i < count; i++) {
        if (zeroed && !p->units[u + i].is_clean) memset(run + i * UNIT, 0, UNIT);
        p->units[u + i].is_clean = false;
    }
    return run;
}

/* The unit of an address; 0: it is not one of ours. */
static uint32_t unit_of(pool *p, const void *block)
{
    if (!p->base || (const char *)block < p->base) return 0;
    size_t u = (size_t)((const char *)block - p->base) >> UNIT_SHIFT;
    return u < UNITS_MAX ? (uint32_t)u : 0;
}

static uint32_t find_unit(const void *block, pool **of)
{
    uint32_t u = 0;
    for (int i = 0; i < 3 && !u; i++)
        u = unit_of(*of = &pools[i], block);
    return u;
}

bool wr_pages_owns(const void *block)
{
    pool *p;
    return find_unit(block, &p) != 0;
}

bool wr_pages_extend(void *run, size_t size, size_t new_size)
{
    pool *p = &pools[RUNS];
    uint32_t u = unit_of(p, run), count = units_for(size), wanted = units_for(new_size), i = count;
    if (!u || wanted > UNITS_MAX / 2) return false;
    pthread_mutex_lock(&lock);
    while (i < wanted && u + i <= p->begun && !p->units[u + i].is_used)
        i++;
    bool fits = i == wanted || (u + i == p->begun + 1 && begin_units(p, wanted - i) != 0);
    for (uint32_t k = count; fits && k < i; k++)
        use_unit(p, u + k);
    for (uint32_t k = count; fits && k < wanted; k++)
        p->units[u + k].is_clean = false;
    keep_less(p);
    pthread_mutex_unlock(&lock);
    return fits;
}

static void give_block(pool *p, uint32_t u, size_t offset)
{
    uint32_t blocks = p->units[u].blocks, bit = UINT32_C(1) << offset / block_size(blocks);
    if (!p->units[u].free) link_unit(p, &p->partial[blocks], u);
    p->units[u].free |= bit;
    if (p->units[u].free != all_blocks(blocks)) return;
    unlink_unit(p, &p->partial[blocks], u);
    free_unit(p, u);
}

bool wr_pages_give(void *block, size_t size)
{
    bool is_run = size > WR_PAGES_MAX;
    if (is_checked || size < WR_PAGES_MIN) return false;
    size_t before = atomic_load(&in_use);
    while (!is_run &&
           !atomic_compare_exchange_weak(&in_use, &before, before > size ? before - size : 0))
        continue;
    pool *p;
    uint32_t u = find_unit(block, &p);
    if (!u) return false;
    pthread_mutex_lock(&lock);
    for (uint32_t i = 0; is_run && i < units_for(size); i++)
        free_unit(p, u + i);
    if (!is_run) give_block(p, u, (size_t)((char *)block - p->base) & (UNIT - 1));
    pthread_mutex_unlock(&lock);
    return true;
}

void wr_pages_trim(void)
{
    pthread_mutex_lock(&lock);
    for (pool *p = pools; p < pools + 3; p++)
        while (p->dirty)
            clean_one(p);
    pthread_mutex_unlock(&lock);
#ifdef __GLIBC__
    /* A sanitizer replaces malloc; the one below it was never begun, and must not be by two
     * threads. */
    if (!is_checked) malloc_trim(0);
#endif
}

void wr_pages_keep(size_t bytes) { kept_units = (uint32_t)(bytes >> UNIT_SHIFT); }
