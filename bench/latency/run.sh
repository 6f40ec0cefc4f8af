#!/bin/sh
# Latency of small statements through the C API; the last line is the median of reading a table of one row.
set -e
cd "$(dirname "$0")/../.."
make -s lib >/dev/null
gcc -std=gnu17 -O2 -D_GNU_SOURCE -Iinclude bench/latency/latency.c -Lbuild/release -lweir -Wl,-rpath,"$PWD/build/release" -o build/release/latency
build/release/latency
