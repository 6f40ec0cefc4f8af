/* module_test.c - libraries that are loaded on demand. */
#include "base/test.h"
#include "sys/module.h"
#include <zlib.h>

#define ROWS(X) X(zlibVersion) X(crc32)
static const wr_module_symbol symbols[] = {ROWS(WR_MODULE_SYMBOL){0}};
static const wr_module_symbol unknown[] = {{"zlibVersion"}, {"no_such_function"}, {0}};
typedef struct library {
    ROWS(WR_MODULE_SLOT)
} library;

TEST(a_library_is_loaded_and_called)
{
    library z;
    EXPECT_OK(wr_module_load("libz.so.1", "zlib1g", "the test", symbols, &z));
    EXPECT(z.zlibVersion()[0] == '1');
    EXPECT_INT(z.crc32(0, (const unsigned char *)"a", 1), 0xe8b7be43);
}

TEST(a_missing_library_says_what_to_install)
{
    library z;
    weir_status bad = wr_module_load("libz_no.so.7", "zlib9", "the test", symbols, &z);
    EXPECT(bad && bad->code == WR_E_MISSING_LIBRARY);
    EXPECT_TEXT(wr_status_text(bad), "the test needs the library libz_no.so.7, which is not "
                                     "installed");
    EXPECT_TEXT(bad->fix, "apt-get install zlib9");
    wr_status_drop(bad);
    bad = wr_module_load("libz.so.1", "zlib1g", "the test", unknown, &z);
    EXPECT(bad && bad->code == WR_E_MISSING_LIBRARY);
    wr_status_drop(bad);
}
