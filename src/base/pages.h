/* pages.h - blocks of 64 KiB to 1 MiB, and runs of whole huge pages, kept for reuse.
 *
 * Queries take and give back such blocks by the thousand. Taken from the system one by one, each
 * costs dozens of page faults and is cleared; here they are cut from huge pages, and what was given
 * back stays with the process for the next query. Any thread. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum { WR_PAGES_MIN = 64 << 10, WR_PAGES_MAX = 1 << 20 };

typedef enum wr_pages_kind {
    WR_PAGES_PLAIN, /* read in the order it lies: costs the system less at first */
    WR_PAGES_HUGE   /* read here and there */
} wr_pages_kind;

/* A block of at least size bytes, aligned to 64; NULL when size is not between the two bounds, or
 * so little is in use that huge pages would only waste memory, or there is none: malloc is asked
 * then. *zeroed: the block is known to be zero. */
void *wr_pages_take(wr_pages_kind kind, size_t size, bool *zeroed);
/* size above WR_PAGES_MAX: whole huge pages, aligned to one. NULL as above. */
void *wr_pages_take_run(size_t size, bool zeroed);
/* Makes a run longer where it lies; false if there is no room behind it. */
bool wr_pages_extend(void *run, size_t size, size_t new_size);
bool wr_pages_owns(const void *block);
/* Takes a block or a run back; false if it did not come from here. size: as taken. */
bool wr_pages_give(void *block, size_t size);
/* Gives what is kept for reuse, and what malloc keeps in small pieces, to the system. */
void wr_pages_trim(void);
/* How much may be kept for reuse; the system can have it back when it is short of memory. 0: all of
 * this is switched off, for limits so small that unused parts of huge pages would count too much.
 */
void wr_pages_keep(size_t bytes);
