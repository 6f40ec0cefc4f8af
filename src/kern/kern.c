/* kern.c - picks the table of loops for this processor.
 *
 * The choice is made at first use and kept; WEIR_ISA can ask for a lesser one, to compare or to
 * find a fault. */
#include "kern/kern.h"
#include <stdatomic.h>
#include <stdlib.h>

#define DECLARE(isa)                                      \
    extern const wr_kern_compares wr_kern_compares_##isa; \
    extern const wr_kern_ariths wr_kern_ariths_##isa;     \
    extern const wr_kern_moves wr_kern_moves_##isa;       \
    extern const wr_kern_hashes wr_kern_hashes_##isa;     \
    extern const wr_kern_folds wr_kern_folds_##isa;
#define TABLE(isa)                                                                  \
    {                                                                               \
#isa, &wr_kern_compares_##isa, &wr_kern_ariths_##isa, &wr_kern_moves_##isa, \
            &wr_kern_hashes_##isa, &wr_kern_folds_##isa                             \
    }

DECLARE(base)
#ifdef __x86_64__
DECLARE(avx2)
DECLARE(avx512)
#endif

/* Worst first. */
static const wr_kern_table tables[] = {
    TABLE(base),
#ifdef __x86_64__
    TABLE(avx2),
    TABLE(avx512),
#endif
};

static _Atomic(const wr_kern_table *) current;

static bool can_run(const wr_kern_table *table)
{
#ifdef __x86_64__
    __builtin_cpu_init();
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2") &&
                __builtin_cpu_supports("fma");
    bool avx512 = avx2 && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
                  __builtin_cpu_supports("avx512vbmi2");
    if (strcmp(table->isa, "avx2") == 0) return avx2;
    if (strcmp(table->isa, "avx512") == 0) return avx512;
#endif
    return table == &tables[0];
}

const wr_kern_table *wr_kern_at(int index)
{
    for (size_t i = 0; i < WR_COUNT(tables); i++)
        if (can_run(&tables[i]) && index-- == 0) return &tables[i];
    return NULL;
}

void wr_kern_use(const wr_kern_table *table) { atomic_store(&current, table); }

static const wr_kern_table *choose(void)
{
    const char *wanted = getenv("WEIR_ISA");
    const wr_kern_table *best = &tables[0];
    for (size_t i = 0; i < WR_COUNT(tables); i++) {
        if (!can_run(&tables[i])) continue;
        best = &tables[i];
        if (wanted && strcmp(wanted, best->isa) == 0) break;
    }
    return best;
}

const wr_kern_table *wr_kern(void)
{
    const wr_kern_table *table = atomic_load_explicit(&current, memory_order_acquire);
    if (wr_likely(table != NULL)) return table;
    table = choose();
    atomic_store(&current, table);
    return table;
}
