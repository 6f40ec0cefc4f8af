#!/bin/sh
# check_headers.sh <build/flavour> - every header compiles on its own. Templates (*.tmpl.h) are not headers.
set -eu
flags="-std=gnu17 -Wall -Wextra -Werror -D_GNU_SOURCE -DWR_BATCH_ROWS=2048 -Iinclude -Isrc -I$1"
find include src -name '*.h' ! -name '*.tmpl.h' -print0 |
    # shellcheck disable=SC2086
    xargs -0 -P 2 -I{} gcc $flags -Wno-unused-function -fsyntax-only -x c -include {} /dev/null
