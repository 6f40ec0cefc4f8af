/* json.c - fuzzes layout detection, inference and reading of JSON. See scan.h. */
#include "scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_scan(wr_format_find(WR_STR("json")), false, data, size);
}
