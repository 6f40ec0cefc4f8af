/* module.c - see module.h. Loading is the dynamic linker's business; it counts how often a library
 * was asked for, so asking again only finds the symbols again. Nothing is ever unloaded: libraries
 * with threads of their own do not survive that. */
#include "sys/module.h"
#include <dlfcn.h>

static weir_status missing(const char *file, const char *package, const char *what,
                           const char *reason)
{
    return wr_with_fix(
        wr_fail(WR_E_MISSING_LIBRARY, "%s needs the library %s, which %s", what, file, reason),
        "apt-get install %s", package);
}

weir_status wr_module_load(const char *file, const char *package, const char *what,
                           const wr_module_symbol *symbols, void *slots)
{
    void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (!library) return missing(file, package, what, "is not installed");
    for (size_t i = 0; symbols[i].name; i++) {
        void *address = dlsym(library, symbols[i].name);
        if (!address) return missing(file, package, what, "is too old");
        memcpy((char *)slots + i * sizeof address, &address, sizeof address);
    }
    return WR_OK;
}
