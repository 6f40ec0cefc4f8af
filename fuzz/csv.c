/* csv.c - fuzzes sniffing and reading of CSV: whatever the bytes, an error or rows, and the same
 * rows in any chunks, read or only counted.
 *
 * The first byte chooses the chunk size and whether rows go to the rejects. */
#include "scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_scan(wr_format_find(WR_STR("csv")), true, data, size);
}
