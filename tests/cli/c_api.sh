#!/bin/sh
# The C API as another program sees it: libraries, visible symbols, examples/*.c.
set -u
weir=${WEIR:-build/weir}
case $weir in
*asan* | *tsan*)
    echo "the libraries are tested without sanitizers"
    exit 77
    ;;
esac
flavor=$(basename "$(dirname "$(readlink -f "$weir")")")
lib=$(dirname "$(readlink -f "$weir")")
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
failed=0
cc=${CC:-gcc}
flock "$lib" make -s FLAVOR="$flavor" lib >"$dir/make.txt" 2>&1 || { cat "$dir/make.txt"; exit 1; }

for symbol in $(nm -D --defined-only "$lib/libweir.so" | awk '{print $3}') \
    $(nm -g --defined-only "$lib/libweir.a" | awk 'NF == 3 {print $3}'); do
    case $symbol in weir_*) ;; *) echo "visible but not public: $symbol"; failed=1 ;; esac
done
for name in $(grep -o 'weir_[a-z0-9_]*(' include/weir/weir.h | tr -d '(' | sort -u); do
    grep -q "WEIR_API.*[ *]$name(" include/weir/weir.h || continue
    nm -D --defined-only "$lib/libweir.so" | grep -q " $name\$" || { echo "not in the library: $name"; failed=1; }
done
echo '#include <weir/weir.h>' | $cc -x c -std=c11 -pedantic -Wall -Wextra -Werror -Iinclude -fsyntax-only - || failed=1

# build NAME SOURCE FLAGS...
build() {
    name=$1 source=$2
    shift 2
    $cc -std=gnu17 -Wall -Wextra -Werror -Iinclude "$source" "$@" -lpthread -lm -o "$dir/$name" || failed=1
}

# run NAME EXPECTED: the standard output of an example
run() {
    got=$(LD_LIBRARY_PATH=$lib "$dir/$1" 2>"$dir/err.txt") || { echo "$1 failed"; cat "$dir/err.txt"; failed=1; }
    [ "$got" = "$2" ] && return
    printf '%s printed\n%s\n  not\n%s\n' "$1" "$got" "$2"
    failed=1
}

for source in examples/*.c; do
    build "$(basename "$source" .c)" "$source" -L"$lib" -lweir
done
build static examples/query_rows.c "$lib/libweir.a" \
    -lzstd -llz4 -lz -lbrotlidec -lbrotlienc -lpcre2-8 -lutf8proc -llmdb -lsqlite3 -lm
[ $failed = 0 ] || exit 1

squares="i BIGINT, square BIGINT
1,1
2,4
3,9"
run query_rows "$squares"
run static "$squares"
run arrow_stream "column i has Arrow format l
50000 rows, sum 2499950000"
run register_stream "Oslo: 12
Rome: 30"
run tables "numbers is opened for 1 columns
6247500
numbers is opened for 0 columns
5000
elsewhere is opened for 1 columns
4999
elsewhere is dropped
W1201: no table, view or file \"nowhere\"
numbers is dropped"
run functions "212 | true
0 | 370.854
1 | 368.134
W3130: function c_to_f, rows 1 to 1000 that it was given: colder than cold can be"
run sink "3 rows prepared
3 rows visible
q: 1000, 2000, 3000"
run prepared "parameter 1 is low
parameter 2 is high
5
15
25
2024-02-29 00:00:00"
run cancel "57014: the statement was cancelled"
run progress "100000 different values"
run stream 'nothing: ended, 4600 rows in, 4600 out
{"query_id":"nothing"'
run push "2 rows in, 1 out"
run error_object 'code W1203, SQLSTATE 42703
message: no column "custmer" in orders
at: custmer
hint: did you mean customer?
near names: customer
worth another try: no
fix: select customer from orders (runs)
{"code":"W1203","sqlstate":"42703","message":"no column \"custmer\" in orders","position":7,"length":7,"line":1,"column":8,"detail":"columns: id, customer","hint":"did you mean customer?","fix":"select customer from orders","candidates":"customer","retryable":false}'
LD_LIBRARY_PATH=$lib "$dir/explain" >"$dir/out.txt" || failed=1
for word in "-- logical" "-- physical" "-- analyze" "execution:"; do
    grep -q -- "$word" "$dir/out.txt" || { echo "explain: no $word"; failed=1; }
done
exit $failed
