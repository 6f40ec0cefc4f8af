/* arena.h - small objects that die together.
 *
 * Allocation is a pointer bump; there is no free of one object; wr_arena_clear ends them all. An
 * arena never reports failure: a process out of its last kilobytes ends with a message. One thread
 * at a time.
 *
 * What grows with the data belongs to mem.h; where an arena serves it nevertheless (the text of one
 * batch, the columns of a file's schema), the owner names the budget that counts its blocks. Such
 * an arena still hands out what is asked: before anything large (a value) the owner asks
 * wr_arena_admit, and what slipped through makes the next reservation fail. */
#pragma once
#include "base/text.h"

typedef struct wr_arena_block wr_arena_block;
typedef struct wr_arena_end wr_arena_end;
typedef struct wr_arena {
    wr_arena_block *blocks; /* newest first */
    char *next, *end;
    size_t total;       /* bytes handed out and wasted, for accounting */
    struct wr_mem *mem; /* counts the blocks (wr_mem_charge); NULL: nobody does */
    wr_arena_end *ends; /* what is called when the objects die, newest first */
} wr_arena;

void wr_arena_clear(wr_arena *arena); /* a zeroed arena is valid and empty; the
                                        budget stays */
void wr_arena_reset(wr_arena *arena); /* as clear, but keeps the newest block for reuse */
/* end(arg) is called when the arena is cleared or reset: for what objects in it hold elsewhere. */
void wr_arena_on_end(wr_arena *arena, void (*end)(void *arg), void *arg);
void *wr_arena_alloc(wr_arena *arena, size_t size); /* zeroed, 16-byte aligned */
void *wr_arena_raw(wr_arena *arena,
                   size_t size); /* as alloc, but not zeroed: all will be written */
/* Gets memory for size bytes from one block, if they are no more than a block may have. */
void wr_arena_expect(wr_arena *arena, size_t size);
/* Whether the budget, if there is one, has room for size bytes more. Fails with MEMORY_LIMIT. */
WR_MUST_CHECK weir_status wr_arena_admit(const wr_arena *arena, size_t size);
/* For owners that take many small things: whether what the arena holds by now is within the
 * budget's limits. Fails with MEMORY_LIMIT. */
WR_MUST_CHECK weir_status wr_arena_check(const wr_arena *arena);
void *wr_arena_grow(wr_arena *arena, void *ptr, size_t old_size, size_t new_size);
char *wr_arena_copy(wr_arena *arena, const void *bytes, size_t size); /* adds a NUL behind */
wr_str wr_arena_str(wr_arena *arena, wr_str text);
wr_str wr_arena_printf(wr_arena *arena, const char *fmt, ...) WR_PRINTF(2, 3);

#define wr_new(arena, type) ((type *)wr_arena_alloc((arena), sizeof(type)))
#define wr_new_array(arena, type, count) \
    ((type *)wr_arena_alloc((arena), sizeof(type) * (size_t)(count)))
static inline void wr_arena_scope_end(wr_arena *arena) { wr_arena_clear(arena); }
#define WR_ARENA(name) __attribute__((cleanup(wr_arena_scope_end))) wr_arena name = {0}

/* Growable array in an arena: declare WR_LIST(wr_expr *) list; push with wr_push. Iterate
 * .items[0...count). */
#define WR_LIST(type)   \
    struct {            \
        type *items;    \
        int count, cap; \
    }
#define wr_push(arena, list, value)                                                      \
    do {                                                                                 \
        if ((list)->count == (list)->cap) {                                              \
            int cap_ = (list)->cap ? (list)->cap * 2 : 8;                                \
            (list)->items = wr_arena_grow((arena), (list)->items,                        \
                                          sizeof *(list)->items * (size_t)(list)->count, \
                                          sizeof *(list)->items * (size_t)cap_);         \
            (list)->cap = cap_;                                                          \
        }                                                                                \
        (list)->items[(list)->count++] = (value);                                        \
    } while (0)
