/* run_filter.c - see run_filter.h.
 *
 * A block is 64 runs of 2^16 keys: 2^21 words, five of which belong to a hash. With all keys in, a
 * bit is set in a seventh of the words, so one run in 10000 is asked in vain. Where that is more
 * than the filter should take, words that stand side by side become one, in all blocks: half the
 * memory, and more runs asked in vain. Blocks are given back when their runs are empty. */
#include "stream/ops/run_filter.h"
#include <string.h>

enum { NEAR_BITS = 9, FAR_BITS = 12, BITS_MAX = NEAR_BITS + FAR_BITS, BITS_MIN = 14, HASHES = 5 };

static size_t bytes_of(uint32_t bits) { return sizeof(uint64_t) << bits; }

static void drop_words(wr_run_filter *f, wr_run_block *block)
{
    if (block->words) wr_mem_free(f->mem, block->words, bytes_of(block->bits));
    block->words = NULL;
}

void wr_run_filter_clear(wr_run_filter *f)
{
    for (uint32_t i = 0; i < f->count; i++)
        drop_words(f, &f->blocks[i]);
    if (f->blocks) wr_mem_free(f->mem, f->blocks, f->cap * sizeof *f->blocks);
    *f = (wr_run_filter){.mem = f->mem, .most = f->most};
}

static wr_run_block *find(const wr_run_filter *f, uint64_t run)
{
    for (uint32_t i = f->count; i-- > 0;)
        if (f->blocks[i].number == run / 64) return &f->blocks[i];
    return NULL;
}

static weir_status need(wr_run_filter *f, uint64_t run, wr_run_block **out)
{
    *out = find(f, run);
    if (*out) return WR_OK;
    if (f->count == f->cap) {
        uint32_t cap = f->cap ? f->cap * 2 : 4;
        WR_TRY(wr_mem_grow(f->mem, (void **)&f->blocks, f->cap * sizeof *f->blocks,
                           cap * sizeof *f->blocks));
        f->cap = cap;
    }
    uint32_t at = f->count;
    for (; at > 0 && f->blocks[at - 1].number > run / 64; at--)
        f->blocks[at] = f->blocks[at - 1];
    f->count++;
    *out = &f->blocks[at];
    **out = (wr_run_block){.number = run / 64};
    return WR_OK;
}

static void fold(wr_run_filter *f, wr_run_block *block, uint32_t bits)
{
    void *memory;
    if (!block->words || block->bits <= bits) return;
    weir_status bad = wr_mem_alloc(f->mem, bytes_of(bits), &memory);
    wr_status_drop(bad);
    if (bad) return; /* it stays as it is */
    uint64_t *folded = memory, per_word = UINT64_C(1) << (block->bits - bits);
    for (uint64_t i = 0; i < UINT64_C(1) << bits; i++) {
        folded[i] = 0;
        for (uint64_t k = 0; k < per_word; k++)
            folded[i] |= block->words[i * per_word + k];
    }
    drop_words(f, block);
    block->words = folded;
    block->bits = bits;
}

/* Without words each run is asked. */
static void need_words(wr_run_filter *f, wr_run_block *block)
{
    if (block->words || block->is_refused) return;
    uint32_t bits = BITS_MAX, blocks = 1;
    for (uint32_t i = 0; i < f->count; i++)
        blocks += f->blocks[i].words != NULL;
    while (f->most && bits > BITS_MIN && blocks * bytes_of(bits) > f->most)
        bits--;
    for (uint32_t i = 0; i < f->count; i++)
        fold(f, &f->blocks[i], bits);
    void *words = NULL;
    weir_status bad = wr_mem_zalloc(f->mem, bytes_of(bits), &words);
    block->is_refused = bad != WR_OK;
    wr_status_drop(bad);
    block->words = words;
    block->bits = bits;
}

weir_status wr_run_filter_meet(wr_run_filter *f, uint64_t run, int64_t stored)
{
    wr_run_block *block;
    uint64_t bit = UINT64_C(1) << run % 64;
    WR_TRY(need(f, run, &block));
    if (block->present & bit) return WR_OK;
    block->present |= bit;
    block->known &= ~bit;
    block->stored[run % 64] = stored;
    block->more[run % 64] = 0;
    return WR_OK;
}

/* Of BITS_MAX bits: the highest ones of the hash, then any. So keys in the order of their hashes go
 * through the words from front to back. */
static uint64_t word_of(const wr_run_block *block, uint32_t hash, uint64_t all, int i)
{
    uint64_t near = all >> (64 - NEAR_BITS * (i + 1)) & ((1 << NEAR_BITS) - 1);
    return (hash >> (32 - FAR_BITS) << NEAR_BITS | near) >> (BITS_MAX - block->bits);
}

static uint64_t spread(uint32_t hash)
{
    uint64_t all = (hash + UINT64_C(1)) * UINT64_C(0xd6e8feb86659fd93);
    return (all ^ all >> 32) * UINT64_C(0x9e3779b97f4a7c15);
}

weir_status wr_run_filter_add(wr_run_filter *f, uint64_t run, uint32_t hash)
{
    wr_run_block *block;
    uint64_t bit = UINT64_C(1) << run % 64, all = spread(hash);
    WR_TRY(need(f, run, &block));
    need_words(f, block);
    if (!(block->present & bit)) {
        WR_TRY(wr_run_filter_meet(f, run, 0));
        if (block->words) block->known |= bit;
    }
    for (int i = 0; i < HASHES && block->words; i++)
        block->words[word_of(block, hash, all, i)] |= bit;
    return WR_OK;
}

void wr_run_filter_learnt(wr_run_filter *f, uint64_t run)
{
    wr_run_block *block = find(f, run);
    if (block && block->words) block->known |= UINT64_C(1) << run % 64;
}

uint32_t wr_run_filter_unknown(const wr_run_filter *f, uint64_t *runs, uint32_t most)
{
    for (uint32_t i = 0; i < f->count; i++) {
        const wr_run_block *block = &f->blocks[i];
        uint64_t unknown = block->present & ~block->known;
        uint32_t count = 0;
        if (!unknown || block->is_refused) continue;
        for (; unknown && count < most; unknown &= unknown - 1)
            runs[count++] = block->number * 64 + (uint64_t)__builtin_ctzll(unknown);
        return count;
    }
    return 0;
}

void wr_run_filter_prefetch(const wr_run_filter *f, uint32_t hash)
{
    uint64_t all = spread(hash);
    for (uint32_t i = 0; i < f->count; i++)
        for (int k = 0; k < HASHES && f->blocks[i].words; k++)
            __builtin_prefetch(&f->blocks[i].words[word_of(&f->blocks[i], hash, all, k)]);
}

void wr_run_filter_look(const wr_run_filter *f, uint32_t hash, wr_run_fn *each, void *arg)
{
    uint64_t all = spread(hash);
    for (uint32_t i = 0; i < f->count; i++) {
        const wr_run_block *block = &f->blocks[i];
        uint64_t may = block->present;
        if (block->words) {
            uint64_t has = ~UINT64_C(0);
            for (int k = 0; k < HASHES; k++)
                has &= block->words[word_of(block, hash, all, k)];
            may &= has | ~block->known;
        }
        for (; may; may &= may - 1)
            each(arg, block->number * 64 + (uint64_t)__builtin_ctzll(may));
    }
}

/* ---- how many are there ---- */

void wr_run_filter_count(wr_run_filter *f, uint64_t run, int64_t count)
{
    wr_run_block *block = find(f, run);
    if (block) block->more[run % 64] += count;
}

void wr_run_filter_uncount(wr_run_filter *f)
{
    for (uint32_t i = 0; i < f->count; i++)
        memset(f->blocks[i].more, 0, sizeof f->blocks[i].more);
}

weir_status wr_run_filter_counted(const wr_run_filter *f, wr_run_count_fn *each, void *arg)
{
    for (uint32_t i = 0; i < f->count; i++) {
        const wr_run_block *block = &f->blocks[i];
        for (uint64_t left = block->present; left; left &= left - 1) {
            int run = __builtin_ctzll(left);
            if (block->more[run])
                WR_TRY(each(arg, block->number * 64 + (uint64_t)run,
                            block->stored[run] + block->more[run]));
        }
    }
    return WR_OK;
}

/* Their bits in words stay: a number never comes again. */
static void settle_block(wr_run_block *block, uint64_t open)
{
    for (uint64_t left = block->present; left; left &= left - 1) {
        int run = __builtin_ctzll(left);
        block->stored[run] += block->more[run];
        block->more[run] = 0;
        if (block->stored[run] == 0 && block->number * 64 + (uint64_t)run < open)
            block->present &= ~(UINT64_C(1) << run);
    }
}

void wr_run_filter_settle(wr_run_filter *f, uint64_t open)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < f->count; i++) {
        wr_run_block *block = &f->blocks[i];
        settle_block(block, open);
        if (block->present || block->number == open / 64)
            f->blocks[kept++] = *block;
        else
            drop_words(f, block);
    }
    f->count = kept;
}
