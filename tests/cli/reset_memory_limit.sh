#!/bin/sh
# RESET memory_limit gives back the limit weir was opened with.
set -eu
query="SELECT length(string_agg('x', '')) FROM generate_series(1, 2000000)"
if "$WEIR" -c "SET memory_limit = '2MB'; $query" >/dev/null 2>&1; then echo "2 MB sufficed"; exit 1; fi
got=$("$WEIR" -q -o csv -c "SET memory_limit = '2MB'; RESET memory_limit; $query" | tail -n 1)
[ "$got" = 2000000 ] || { echo "got $got"; exit 1; }
