#!/bin/sh
# Builds and runs the micro benchmarks against the release objects.
set -e
cd "$(dirname "$0")/../.."
make -s all
objects=$(find build/release/src -name '*.o' ! -name '*_test.o' ! -path '*/cli/*')
for source in bench/micro/*.c; do
    name=$(basename "$source" .c)
    gcc -std=gnu17 -O2 -D_GNU_SOURCE -Isrc -Iinclude -Ibuild/release "$source" $objects -o "build/release/micro_$name" \
        -lzstd -llz4 -lz -lbrotlidec -lbrotlienc -lpcre2-8 -lutf8proc -llmdb -lsqlite3 -lpthread -lm
    "build/release/micro_$name"
done
