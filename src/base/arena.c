/* arena.c - a chain of blocks and a bump pointer. See arena.h.
 *
 * Blocks double from 4 KiB to 1 MiB, so small statements cost one block and large ones few. An
 * object too large for the current block gets a block of its own size. Memory is zeroed when handed
 * out, not when a block is made: after wr_arena_reset blocks are dirty. Invariant: next is 16-byte
 * aligned; [next, end) lies in the newest block. */
#include "base/arena.h"
#include "base/mem.h"
#include "base/pages.h"
#include <stdarg.h>
#include <stdio.h>

enum { ALIGN = 16, BLOCK_MIN = 4096, BLOCK_MAX = 1 << 20 };

struct wr_arena_block {
    wr_arena_block *older;
    size_t size; /* with this header */
};
_Static_assert(sizeof(struct wr_arena_block) % ALIGN == 0, "objects behind it must be aligned");

struct wr_arena_end {
    void (*end)(void *arg);
    void *arg;
    wr_arena_end *next;
};

static size_t aligned(size_t size)
{
    wr_assert(size <= SIZE_MAX / 2);
    return (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
}

static void add_block(wr_arena *arena, size_t payload)
{
    size_t size = arena->blocks ? WR_MIN(arena->blocks->size * 2, (size_t)BLOCK_MAX) : BLOCK_MIN;
    size = WR_MAX(size, payload + sizeof(wr_arena_block));
    bool zeroed;
    wr_arena_block *block = wr_pages_take(WR_PAGES_PLAIN, size, &zeroed);
    if (!block) block = wr_heap_raw(size);
    block->older = arena->blocks;
    block->size = size;
    arena->blocks = block;
    arena->next = (char *)(block + 1);
    arena->end = (char *)block + size;
    arena->total += size;
    if (arena->mem) wr_mem_charge(arena->mem, size);
}

static char *take(wr_arena *arena, size_t size)
{
    size_t need = aligned(size);
    if ((size_t)(arena->end - arena->next) < need || !arena->next) add_block(arena, need);
    char *result = arena->next;
    arena->next += need;
    return result;
}

weir_status wr_arena_admit(const wr_arena *arena, size_t size)
{
    enum { SMALL = 64 << 10 };
    if (!arena->mem || size < SMALL) return WR_OK;
    WR_TRY(wr_mem_reserve(arena->mem, size));
    wr_mem_release(arena->mem, size);
    return WR_OK;
}

weir_status wr_arena_check(const wr_arena *arena)
{
    return arena->mem && wr_mem_room(arena->mem) == 0 ? wr_arena_admit(arena, BLOCK_MAX) : WR_OK;
}

void *wr_arena_alloc(wr_arena *arena, size_t size) { return memset(take(arena, size), 0, size); }

void *wr_arena_raw(wr_arena *arena, size_t size) { return take(arena, size); }

void wr_arena_expect(wr_arena *arena, size_t size)
{
    size_t need = aligned(size);
    if (need > BLOCK_MAX - sizeof(wr_arena_block)) return;
    if (!arena->next || (size_t)(arena->end - arena->next) < need) add_block(arena, need);
}

void *wr_arena_grow(wr_arena *arena, void *ptr, size_t old_size, size_t new_size)
{
    wr_assert(new_size >= old_size);
    bool is_last = ptr && (char *)ptr + aligned(old_size) == arena->next;
    if (is_last && (size_t)(arena->end - (char *)ptr) >= aligned(new_size)) {
        arena->next = (char *)ptr + aligned(new_size);
        memset((char *)ptr + old_size, 0, new_size - old_size);
        return ptr;
    }
    char *moved = take(arena, new_size);
    if (old_size) memcpy(moved, ptr, old_size);
    memset(moved + old_size, 0, new_size - old_size);
    return moved;
}

char *wr_arena_copy(wr_arena *arena, const void *bytes, size_t size)
{
    char *copy = take(arena, size + 1);
    if (size) memcpy(copy, bytes, size);
    copy[size] = '\0';
    return copy;
}

wr_str wr_arena_str(wr_arena *arena, wr_str text)
{
    return (wr_str){wr_arena_copy(arena, text.data, text.length), text.length};
}

wr_str wr_arena_printf(wr_arena *arena, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    wr_assert(length >= 0);
    char *text = take(arena, (size_t)length + 1);
    vsnprintf(text, (size_t)length + 1, fmt, again);
    va_end(again);
    return (wr_str){text, (size_t)length};
}

static void drop_from(wr_mem *mem, wr_arena_block *block)
{
    while (block) {
        wr_arena_block *older = block->older;
        if (mem) wr_mem_release(mem, block->size);
        if (!wr_pages_give(block, block->size)) wr_heap_drop(block);
        block = older;
    }
}

void wr_arena_on_end(wr_arena *arena, void (*end)(void *arg), void *arg)
{
    wr_arena_end *e = wr_arena_alloc(arena, sizeof *e);
    *e = (wr_arena_end){end, arg, arena->ends};
    arena->ends = e;
}

static void call_ends(wr_arena *arena)
{
    for (wr_arena_end *e = arena->ends; e; e = e->next)
        e->end(e->arg);
    arena->ends = NULL;
}

void wr_arena_clear(wr_arena *arena)
{
    call_ends(arena);
    drop_from(arena->mem, arena->blocks);
    *arena = (wr_arena){.mem = arena->mem};
}

void wr_arena_reset(wr_arena *arena)
{
    wr_arena_block *newest = arena->blocks;
    if (!newest) return;
    call_ends(arena);
    drop_from(arena->mem, newest->older);
    newest->older = NULL;
    arena->next = (char *)(newest + 1);
    arena->total = newest->size;
}
