/* map.h - memory that is the map of a file: what of it is resident, and giving that back. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct wr_map {
    void *start; /* NULL: it was not found */
    size_t size;
} wr_map;

/* Where this process has the file mapped. */
wr_map wr_map_of(uint64_t device, uint64_t inode);
/* Pages of a map of a file that nobody writes through it leave this process; the system still has
 * them, and they come back when they are read. */
void wr_map_forget(wr_map map);
/* Bytes of this process that belong to files: its own code, and all maps. */
uint64_t wr_map_resident(void);
