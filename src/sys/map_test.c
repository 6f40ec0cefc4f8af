/* map_test.c - a map of a file is found, and gives its pages back without losing them. */
#include "base/test.h"
#include "sys/map.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

TEST(pages_of_a_map_leave_the_process_and_come_back)
{
    enum { SIZE = 8 << 20 };
    char name[] = "/tmp/weir_map_XXXXXX";
    int file = mkstemp(name);
    struct stat about;
    EXPECT(file >= 0 && ftruncate(file, SIZE) == 0 && fstat(file, &about) == 0);
    unlink(name);
    EXPECT(!wr_map_of(about.st_dev, about.st_ino).start);
    unsigned char *bytes = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    memset(bytes, 7, SIZE);
    wr_map map = wr_map_of(about.st_dev, about.st_ino);
    if (!map.start) return; /* the system does not tell */
    EXPECT(map.start == bytes);
    EXPECT_INT(map.size, SIZE);
    uint64_t before = wr_map_resident();
    wr_map_forget(map);
    EXPECT(wr_map_resident() + SIZE / 2 < before);
    EXPECT_INT(bytes[SIZE / 2], 7);
    munmap(bytes, SIZE);
    close(file);
}
