/* run_filter.c - see run_filter.h.
 *
 * A block is 64 runs of 2^16 keys: 2^20 words, four of which belong to a hash. With all keys in, a
 * bit is set in about a fifth of the words, so one run in 400 is asked in vain. Blocks are given
 * back when their runs are empty. */
#include "stream/ops/run_filter.h"
#include <string.h>

enum { WORD_BITS = 20, HASHES = 4 };
static const size_t BLOCK_BYTES = sizeof(uint64_t) << WORD_BITS;

static void drop_words(wr_run_filter *f, wr_run_block *block)
{
    if (block->words) wr_mem_free(f->mem, block->words, BLOCK_BYTES);
    block->words = NULL;
}

void wr_run_filter_clear(wr_run_filter *f)
{
    for (uint32_t i = 0; i < f->count; i++)
        drop_words(f, &f->blocks[i]);
    if (f->blocks) wr_mem_free(f->mem, f->blocks, f->cap * sizeof *f->blocks);
    *f = (wr_run_filter){.mem = f->mem};
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

/* Without words each run is asked. */
static void need_words(wr_run_filter *f, wr_run_block *block)
{
    if (block->words || block->is_refused) return;
    void *words = NULL;
    weir_status bad = wr_mem_zalloc(f->mem, BLOCK_BYTES, &words);
    block->is_refused = bad != WR_OK;
    wr_status_drop(bad);
    block->words = words;
}

weir_status wr_run_filter_meet(wr_run_filter *f, uint64_t run, bool is_new)
{
    wr_run_block *block;
    uint64_t bit = UINT64_C(1) << run % 64;
    WR_TRY(need(f, run, &block));
    if (is_new && !(block->present & bit)) block->counted |= bit;
    block->present |= bit;
    return WR_OK;
}

static uint64_t word_of(uint64_t hash, int i)
{
    return (hash + (uint64_t)i * (hash >> 32 | 1)) * UINT64_C(0x9e3779b97f4a7c15) >>
           (64 - WORD_BITS);
}

weir_status wr_run_filter_add(wr_run_filter *f, uint64_t run, uint64_t hash)
{
    wr_run_block *block;
    uint64_t bit = UINT64_C(1) << run % 64;
    WR_TRY(need(f, run, &block));
    need_words(f, block);
    if (!(block->present & bit)) {
        block->present |= bit;
        block->counted |= bit;
        block->stored[run % 64] = 0;
        if (block->words) block->known |= bit;
    }
    for (int i = 0; i < HASHES && block->words; i++)
        block->words[word_of(hash, i)] |= bit;
    return WR_OK;
}

void wr_run_filter_learnt(wr_run_filter *f, uint64_t run, int64_t count)
{
    wr_run_block *block = find(f, run);
    if (!block) return;
    uint64_t bit = UINT64_C(1) << run % 64;
    block->stored[run % 64] = count;
    block->counted |= bit;
    if (block->words) block->known |= bit;
}

bool wr_run_filter_unknown(const wr_run_filter *f, uint64_t *run)
{
    for (uint32_t i = 0; i < f->count; i++) {
        const wr_run_block *block = &f->blocks[i];
        uint64_t unknown = block->present & ~block->known;
        if (!unknown || block->is_refused) continue;
        *run = block->number * 64 + (uint64_t)__builtin_ctzll(unknown);
        return true;
    }
    return false;
}

void wr_run_filter_count(wr_run_filter *f, uint64_t run, int64_t count)
{
    wr_run_block *block = find(f, run);
    if (!block) return;
    block->stored[run % 64] += count;
}

void wr_run_filter_look(const wr_run_filter *f, uint64_t hash, wr_run_fn *each, void *arg)
{
    for (uint32_t i = 0; i < f->count; i++) {
        const wr_run_block *block = &f->blocks[i];
        uint64_t may = block->present;
        if (block->words) {
            uint64_t has = ~UINT64_C(0);
            for (int k = 0; k < HASHES; k++)
                has &= block->words[word_of(hash, k)];
            may &= has | ~block->known;
        }
        for (; may; may &= may - 1)
            each(arg, block->number * 64 + (uint64_t)__builtin_ctzll(may));
    }
}

bool wr_run_filter_touch(wr_run_filter *f, uint64_t run, uint32_t most)
{
    wr_run_block *block = find(f, run);
    return !block || block->touched[run % 64]++ < most;
}

/* Its bits in words stay: a number never comes again. */
static void leave_empty(wr_run_block *block)
{
    for (uint64_t left = block->present & block->counted; left; left &= left - 1) {
        int run = __builtin_ctzll(left);
        if (block->stored[run] == 0) block->present &= ~(UINT64_C(1) << run);
    }
}

void wr_run_filter_settle(wr_run_filter *f)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < f->count; i++) {
        wr_run_block *block = &f->blocks[i];
        memset(block->touched, 0, sizeof block->touched);
        bool is_last = i + 1 == f->count; /* goes on */
        if (!is_last) leave_empty(block);
        if (is_last || block->present)
            f->blocks[kept++] = *block;
        else
            drop_words(f, block);
    }
    f->count = kept;
}
