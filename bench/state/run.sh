#!/bin/sh
# Builds and runs the benchmark of the state store; SYNC=1 waits for the disk at each commit.
set -e
cd "$(dirname "$0")/../.."
make -s all
objects=$(find build/release/src -name '*.o' ! -name '*_test.o' ! -path '*/cli/*')
gcc -std=gnu17 -O2 -D_GNU_SOURCE -Isrc -Iinclude bench/state/state.c $objects -o build/release/bench_state \
    -lzstd -llz4 -lz -lbrotlidec -lbrotlienc -lpcre2-8 -lutf8proc -llmdb -lsqlite3 -lpthread -lm
directory=$(mktemp -d "${TMPDIR:-/tmp}/weir-bench-XXXXXX")
trap 'rm -rf "$directory"' EXIT
build/release/bench_state "$directory/state" "${SYNC:-0}"
