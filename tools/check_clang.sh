#!/bin/sh
# check_clang.sh <build/flavour> - the second compiler's warnings. Nothing is built.
# Off: rows of tables leave trailing fields out, kernels join conditions without branches on purpose, and
# some pragmas are for gcc only.
set -eu
flags="-std=gnu17 -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef
-D_GNU_SOURCE -DWR_BATCH_ROWS=2048 -DWR_ISA=base -Iinclude -Isrc -I$1 -Wno-missing-field-initializers -Wno-bitwise-instead-of-logical
-Wno-unknown-pragmas"
[ "$(uname -m)" != x86_64 ] || flags="$flags -march=x86-64-v2"
find src -name '*.c' -print0 |
    # shellcheck disable=SC2086
    xargs -0 -P 2 -n 8 clang $flags -fsyntax-only
