/* map.c - see map.h. Linux tells about maps in /proc/self; without it nothing is found and nothing
 * is given back, which costs memory and nothing else. */
#include "sys/map.h"
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <unistd.h>

wr_map wr_map_of(uint64_t device, uint64_t inode)
{
    char line[512];
    wr_map found = {NULL, 0};
    FILE *file = fopen("/proc/self/maps", "re");
    if (!file) return found;
    while (!found.start && fgets(line, sizeof line, file)) {
        uint64_t start, end, node;
        unsigned major_number, minor_number;
        if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %*s %*s %x:%x %" SCNu64, &start, &end,
                   &major_number, &minor_number, &node) != 5)
            continue;
        if (node != inode || makedev(major_number, minor_number) != device) continue;
        found = (wr_map){(void *)(uintptr_t)start, (size_t)(end - start)};
    }
    fclose(file);
    return found;
}

void wr_map_forget(wr_map map)
{
    if (map.start) madvise(map.start, map.size, MADV_DONTNEED);
}

uint64_t wr_map_resident(void)
{
    char text[128];
    unsigned long long all, resident, shared;
    int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    ssize_t length = read(file, text, sizeof text - 1);
    close(file);
    if (length <= 0) return 0;
    text[length] = '\0';
    if (sscanf(text, "%llu %llu %llu", &all, &resident, &shared) != 3) return 0;
    return shared * (uint64_t)sysconf(_SC_PAGESIZE);
}
