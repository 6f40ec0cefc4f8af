/* module.h - libraries that are loaded when somebody needs them, so that nobody else pays for them.
 *
 * A library's functions are rows of an X macro; the struct of pointers and the table of names are
 * both made from them, so neither can differ from the other:
 *
 *     #define ROWS(X) X(zlibVersion) X(crc32)
 *     static const wr_module_symbol symbols[] = {ROWS(WR_MODULE_SYMBOL) {0}};
 *     struct lib { ROWS(WR_MODULE_SLOT) };  */
#pragma once
#include "base/text.h"

typedef struct wr_module_symbol {
    const char *name;
} wr_module_symbol;
#define WR_MODULE_SYMBOL(function) {#function},
#define WR_MODULE_SLOT(function) __typeof__(&function) function;

/* Loads the library (file: "libz.so.1") and puts the addresses of the symbols (ended by a zero row)
 * into slots, in their order. It stays loaded until the process ends. MISSING_LIBRARY, naming what
 * to install, if it is not there or too old. what: "the connector kafka". Any thread; calling it
 * again is cheap. */
WR_MUST_CHECK weir_status wr_module_load(const char *file, const char *package, const char *what,
                                         const wr_module_symbol *symbols, void *slots);
