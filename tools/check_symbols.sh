#!/bin/sh
# check_symbols.sh <build/flavour> - what object files export to each other begins with wr_ or weir_.
# Inside src/cli, which is a program and no library, cli_ will do.
# A test that includes the source it tests renames its exports to names ending in _here. Only the command
# line and the test runner have a main.
set -eu
foreign=$(find "$1/src" -name '*.o' ! -name 'runner_test.o' -print0 |
    xargs -0 nm -A -g --defined-only |
    awk '$NF !~ /^(wr_|weir_)/ && !($NF == "main" && $1 ~ /src\/cli\/main\.o/) &&
         !($NF ~ /^cli_/ && $1 ~ /src\/cli\//) && !($NF ~ /_here$/ && $1 ~ /_test\.o:/) && $NF !~ /^(__asan_|__odr_|__ubsan|__tsan|DW\.ref)/ { print $1, $NF }')
[ -z "$foreign" ] && exit 0
echo "exported without the prefix wr_ or weir_:"
echo "$foreign"
exit 1
