#!/bin/sh
# COPY: which files were written, which columns go where, and where a bad value stands.
set -eu
WEIR=$(realpath "$WEIR")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
run() { (cd "$dir" && "$WEIR" -q -o csv -c "$1"); }
same() { [ "$1" = "$2" ] || { echo "got: $1"; echo "not: $2"; exit 1; }; }
fails() { # SQL, words of the error; the table must stay empty
    if run "CREATE TABLE t (a INT, b TEXT, c INT DEFAULT 7); $1" 2>"$dir/err"; then echo "accepted: $1"; exit 1; fi
    grep -qF "$2" "$dir/err" || { echo "$1"; cat "$dir/err"; exit 1; }
}
printf 'b,a\nx,1\ny,2\n' >"$dir/swapped.csv"
printf '1,x\n2,y\n' >"$dir/bare.csv"
printf 'a,bb\n1,x\n' >"$dir/unknown.csv"
printf 'a\n1\n' >"$dir/few.csv"
printf 'a,b\n1,x\nzz,y\n' >"$dir/bad.csv"
printf '{"a":1,"b":"x"}\n{"a":"q","b":"y"}\n' >"$dir/bad.jsonl"
want='a,b,c
1,x,7
2,y,7'
same "$(run "CREATE TABLE t (a INT, b TEXT, c INT DEFAULT 7); COPY t FROM 'swapped.csv'; FROM t ORDER BY a")" "$want"
same "$(run "CREATE TABLE t (a INT, b TEXT, c INT DEFAULT 7); COPY t (a, b) FROM 'bare.csv'; FROM t ORDER BY a")" "$want"
fails "COPY t FROM 'unknown.csv'" 'did you mean b?'
fails "COPY t FROM 'few.csv'" 'few.csv has no column "b"'
fails "COPY t FROM 'bad.csv'" 'cannot read "zz" as INTEGER (column a, bad.csv line 3)'
fails "COPY t FROM 'bad.jsonl'" 'cannot read the text "q" as INTEGER (column a, bad.jsonl line 2'
printf '{"a":{"b":[1,2]}}\n{"a":{"b":[3,true]}}\n' >"$dir/deep.jsonl"
if run "FROM read_json('deep.jsonl', columns => {a: 'STRUCT(b INT[])'})" 2>"$dir/err"; then echo "accepted"; exit 1; fi
grep -qF 'cannot read the boolean true as INTEGER (column a.b[2], deep.jsonl line 2)' "$dir/err" || { cat "$dir/err"; exit 1; }
# A damaged page is named by file, row group, column and page.
run "COPY (SELECT range AS a, 'text ' || range AS b FROM range(100000)) TO 'pages.parquet' (ROW_GROUP_SIZE 50000, COMPRESSION zstd)"
python3 - "$dir/pages.parquet" <<'P'
import sys
data = bytearray(open(sys.argv[1], "rb").read())
middle = len(data) // 2
data[middle:middle + 4000] = bytes(4000)
open(sys.argv[1], "wb").write(data)
P
if run "SELECT max(a), max(b) FROM 'pages.parquet' WHERE b > 'a'" 2>"$dir/err"; then echo "a damaged page was read"; exit 1; fi
grep -Eq 'pages.parquet, row group [01], column "[ab]", page ([0-9]+ )?at byte [0-9]+' "$dir/err" || { cat "$dir/err"; exit 1; }
fails "COPY (SELECT CASE WHEN i = 2999 THEN 'zz' ELSE i::TEXT END a, 'x' b FROM range(3000) r(i)) TO 'bad.parquet';
    COPY t FROM 'bad.parquet'" 'cannot read "zz" as INTEGER (column a, bad.parquet row 2999)'
same "$(run "COPY (FROM range(3)) TO 'one.csv' (RETURN_FILES)")" 'path,rows,bytes,partition_keys
one.csv,3,12,{}'
# Files of about a size, each one listed with what is in it.
run "COPY (SELECT range AS i, repeat('x', 90) AS t FROM range(40000)) TO 'sized' (FORMAT csv, FILE_SIZE_BYTES 1000000, RETURN_FILES)" >"$dir/list"
python3 - "$dir" <<'P'
import csv, os, sys
rows = list(csv.DictReader(open(os.path.join(sys.argv[1], "list"))))
assert len(rows) >= 3, rows
assert sum(int(r["rows"]) for r in rows) == 40000, rows
on_disk = {os.path.join("sized", n) for n in os.listdir(os.path.join(sys.argv[1], "sized"))}
assert {r["path"] for r in rows} == on_disk, (rows, on_disk)
for r in rows:
    path = os.path.join(sys.argv[1], r["path"])
    assert os.path.getsize(path) == int(r["bytes"]), r
    assert sum(1 for _ in open(path)) == int(r["rows"]) + 1, r
    assert int(r["bytes"]) < 2500000, r
P
same "$(run "SELECT count(*), sum(i) FROM 'sized/*.csv'")" 'count,sum
40000,799980000'
got=$(run "COPY (SELECT i, CASE WHEN i > 0 THEN '__HIVE_DEFAULT_PARTITION__' END k FROM range(3) r(i)) TO 'parts'
    (FORMAT csv, PARTITION_BY (k), RETURN_FILES)")
same "$got" 'path,rows,bytes,partition_keys
parts/k=__HIVE_DEFAULT_PARTITION__/data_0.csv,1,4,{k=NULL}
parts/k=%5F_HIVE_DEFAULT_PARTITION__/data_0.csv,2,6,{k=__HIVE_DEFAULT_PARTITION__}'
same "$(run "SELECT count(*), count(k) FROM 'parts/**/*.csv'")" 'count,count
3,2'
# Columns of one name are told apart, so that the file has the data of all of them.
for form in csv json arrow parquet; do
    run "COPY (SELECT 1 AS a, 2 AS a, 3 AS \"A\", 4 AS a_1) TO 'names.$form'"
    same "$(run "FROM 'names.$form'")" 'a,a_1,A_2,a_1_1
1,2,3,4'
done
