#!/bin/sh
# The rules of weir.h about threads, by a program that uses them hard; with the sanitizer of the flavour, if it has one.
set -u
weir=${WEIR:-build/weir}
lib=$(dirname "$(readlink -f "$weir")")
flavor=$(basename "$lib")
case $flavor in
*tsan*) flags="-fsanitize=thread" ;;
*asan*) flags="-fsanitize=address,undefined" ;;
*) flags="" ;;
esac
case $flavor in
*-*) set -- "FLAVOR=${flavor%-*}" "BATCH=${flavor#*-}" ;;
*) set -- "FLAVOR=$flavor" ;;
esac
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
flock "$lib" make -s "$@" "build/$flavor/libweir.a" >"$dir/make.txt" 2>&1 || { cat "$dir/make.txt"; exit 1; }
${CC:-gcc} -std=gnu17 -g -Wall -Wextra -Werror $flags -Iinclude tests/cli/c_api_threads.c "$lib/libweir.a" \
    -lzstd -llz4 -lz -lbrotlidec -lbrotlienc -lpcre2-8 -lutf8proc -llmdb -lsqlite3 -lpthread -lm -o "$dir/c_api_threads" || exit 1
TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=0} "$dir/c_api_threads" >"$dir/out.txt" 2>"$dir/err.txt"
code=$?
head -200 "$dir/err.txt"
[ "$code" = 0 ] && [ "$(cat "$dir/out.txt")" = "0 failures" ]
