#!/bin/sh
# The n-th request for memory of a query is refused, for many n: the query ends with a MEMORY error or its result, never with
# a crash or another result, and the session answers the next query. (Budgets check that everything came back, in builds
# with checks.)
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"$WEIR" -q -c "COPY (SELECT i AS a, i % 7 AS k, 'name ' || (i % 50) AS s FROM range(3000) t(i)) TO '$dir/a.parquet';
    COPY (SELECT i AS a, i % 11 AS k FROM range(3000) t(i)) TO '$dir/a.csv';
    COPY (SELECT a, s FROM '$dir/a.parquet') TO '$dir/a.arrow' (COMPRESSION lz4)"
cat >"$dir/queries" <<Q
SELECT k, count(*), sum(a), min(s) FROM '$dir/a.parquet' GROUP BY k ORDER BY k
SELECT p.s, count(*) FROM '$dir/a.parquet' p JOIN '$dir/a.csv' c USING (a) WHERE p.k < 5 GROUP BY p.s ORDER BY 1 LIMIT 3
SELECT s, row_number() OVER (PARTITION BY k ORDER BY a) AS r FROM '$dir/a.parquet' ORDER BY r, s, a LIMIT 3
SELECT count(DISTINCT k), max(a) FROM '$dir/a.csv'
COPY (SELECT * FROM '$dir/a.csv' ORDER BY a DESC) TO '$dir/b.parquet'
SELECT max(s), sum(a) FROM '$dir/a.arrow' WHERE a > 100
COPY (SELECT * FROM '$dir/a.csv' ORDER BY a DESC) TO '$dir/b.arrow' (COMPRESSION zstd)
Q
failures=0 refused=0
while read -r query; do
    "$WEIR" -q -o csv --threads 2 -c "$query" >"$dir/want"
    for n in 1 2 3 4 5 6 7 8 9 11 13 16 19 23 28 34 41 50 60 72 90; do
        code=0
        WEIR_FAIL_ALLOC=$n "$WEIR" -q -o csv --threads 2 -c "$query" >"$dir/got" 2>"$dir/err" || code=$?
        if [ "$code" -eq 0 ]; then
            cmp -s "$dir/want" "$dir/got" && continue
        elif [ "$code" -lt 126 ] && grep -q '^error\[W6002\]' "$dir/err"; then
            refused=$((refused + 1))
            grep -qE 'Sanitizer|internal error' "$dir/err" || continue
        fi
        failures=$((failures + 1))
        echo "refusing request $n of: $query"
        echo "  exit $code"
        head -c 1000 "$dir/err"
    done
done <"$dir/queries"
# One session: the failure is over with its query.
sql="SELECT k, count(*) FROM read_csv('$dir/a.csv') GROUP BY k ORDER BY k"
printf '{"id":1,"sql":"%s"}\n{"id":2,"sql":"%s"}\n' "$sql" "$sql" | WEIR_FAIL_ALLOC=9 "$WEIR" --stdio jsonl >"$dir/got"
if ! sed -n 1p "$dir/got" | grep -q W6002 || ! sed -n 2p "$dir/got" | grep -q '"ok":true'; then
    cat "$dir/got"
    failures=$((failures + 1))
fi
[ "$refused" -gt 20 ] || { echo "only $refused queries were refused memory"; exit 1; }
[ "$failures" -eq 0 ]
