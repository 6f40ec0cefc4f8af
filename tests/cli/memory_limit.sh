#!/bin/sh
# memory_limit is a promise about resident memory: a statement that fits finishes, one that does not is refused by name, and
# either way the process stays below the limit + 10 % (beside what it takes to run at all).
set -eu
case ${WEIR:-} in *asan* | *tsan*) echo "sanitizers take memory of their own"; exit 77 ;; esac
WEIR=$(realpath "$WEIR")
export WEIR
here=$(realpath "$(dirname "$0")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
make_file() { "$WEIR" -q -c "$1" || { echo "failed: $1"; exit 1; }; }
columns=$(seq 1 150 | sed "s/.*/'column & ' || range * 7919 % 20011 || repeat('x', 20) AS c&/" | paste -sd,)
make_file "COPY (SELECT $columns FROM range(8000)) TO 'wide.parquet'"
make_file "COPY (SELECT repeat('y', 30000000) AS t FROM range(2)) TO 'value.parquet' (COMPRESSION brotli)"
make_file "COPY (SELECT repeat('text ' || range, 8) AS t FROM range(400000)) TO 'rows.arrow'"
python3 - <<'P'
with open("line.csv", "w") as f:
    f.write("a,b\n1," + "q" * 20_000_000 + "\n2,x\n")
with open("quoted.csv", "w") as f:
    f.write('a,b\n1,"' + 'q""' * 6_000_000 + '"\n')
with open("lines.csv", "w") as f:
    f.write("a,b\n")
    for i in range(40):
        f.write(f"{i}," + "q" * 1_000_000 + "\n")
with open("columns.csv", "w") as f:
    f.write(",".join(f"col{i}" for i in range(3000)) + "\n")
    for r in range(300):
        f.write(",".join(str(r * i) for i in range(3000)) + "\n")
with open("columns20k.csv", "w") as f:
    f.write(",".join(f"col{i}" for i in range(20_000)) + "\n")
    for r in range(100):
        f.write(",".join(str(r * i) for i in range(20_000)) + "\n")
with open("value.json", "w") as f:
    f.write('[{"a":1,"t":"' + "j" * 30_000_000 + '"},{"a":2,"t":"x"}]')
with open("escapes.jsonl", "w") as f:
    f.write('{"a":1,"t":"' + "j\\n" * 9_000_000 + '"}\n{"a":2,"t":"x"}\n')
with open("list.json", "w") as f:
    f.write('[{"a":[' + ",".join(str(i) for i in range(3_000_000)) + "]}]")
P
base=$(python3 "$here/peak.py" "SELECT 1" --threads 2 | sed -n '1s/.* //p')

# fits|refused, limit in MB, statement, words of the answer
check() {
    python3 "$here/peak.py" "$3" --threads 2 --memory "$2MB" >said
    read -r status peak <said
    most=$((base + $2 * 1100 * 1000 / 1000 * 1000 / 1024))
    [ "$peak" -le "$most" ] || { echo "$3: $peak KiB, more than $most, with $2 MB"; cat said; exit 1; }
    case $1 in
    fits) [ "$status" = 0 ] || { echo "$3 failed with $2 MB:"; cat said; exit 1; } ;;
    refused)
        [ "$status" != 0 ] || { echo "$3 was done with $2 MB:"; cat said; exit 1; }
        for words in W6002 "the memory limit of" "needs" "SET memory_limit"; do
            grep -qF "$words" said || { echo "$3 with $2 MB does not say \"$words\":"; cat said; exit 1; }
        done ;;
    esac
    grep -qF "$4" said || { echo "$3 with $2 MB does not say \"$4\":"; cat said; exit 1; }
}
check fits 32 "SELECT count(*), min(c1), max(c150) FROM 'wide.parquet'" 8000
check refused 16 "SELECT max(length(columns(*))) FROM 'wide.parquet'" scan
check fits 192 "SELECT max(length(columns(*))) FROM 'wide.parquet'" 36
check refused 32 "SELECT length(t) FROM 'value.parquet'" 'column "t"'
check fits 96 "SELECT length(t) FROM 'value.parquet'" 30000000
check fits 96 "SELECT t FROM 'value.parquet'" yyyy
check fits 96 "SELECT [t, 'b'] FROM 'value.parquet'" yyyy
check fits 96 "COPY (SELECT [t, 'b'] AS l FROM 'value.parquet') TO 'value.csv'" ""
check fits 96 "COPY (SELECT t, [t, 'b'] AS l FROM 'value.parquet') TO 'value.ndjson'" ""
check fits 192 "SELECT count(*), sum(length(l)) FROM 'value.csv'" 2,60000010
check fits 256 "SELECT count(*), sum(length(t)), sum(length(l[1])) FROM 'value.ndjson'" 2,60000000,60000000
check refused 16 "SELECT sum(length(t)) FROM 'rows.arrow'" 'column "t"'
check fits 64 "SELECT sum(length(t)) FROM 'rows.arrow'" 34311120
check refused 32 "SELECT length(b) FROM 'line.csv'" "needs"
check fits 128 "SELECT length(b) FROM 'line.csv'" 20000000
check refused 32 "SELECT length(b) FROM 'quoted.csv'" "needs"
check fits 128 "SELECT length(b) FROM 'quoted.csv'" 12000000
check fits 32 "SELECT sum(length(b)) FROM 'lines.csv'" 40000000
check fits 32 "SELECT sum(col2999), count(*) FROM 'columns.csv'" 134505150
check fits 32 "SELECT sum(col19999), count(*) FROM 'columns20k.csv'" 98995050,100
check fits 192 "SELECT columns(*) FROM 'columns20k.csv'" 1979901
check refused 48 "SELECT columns(*) FROM 'columns20k.csv'" query
make_file "COPY (SELECT * FROM 'columns20k.csv') TO 'columns20k.parquet'"
check fits 32 "SELECT sum(col19999), count(*) FROM 'columns20k.parquet'" 98995050,100
check refused 48 "SELECT columns(*) FROM 'columns20k.parquet'" query
check refused 96 "SELECT columns(*) FROM 'columns20k.parquet'" scan
check refused 32 "SELECT length(t) FROM 'value.json'" scan
check fits 160 "SELECT length(t) FROM 'value.json'" 30000000
check refused 32 "SELECT length(t) FROM 'escapes.jsonl'" scan
check fits 192 "SELECT length(t) FROM 'escapes.jsonl'" 18000000
check refused 32 "SELECT len(a) FROM 'list.json'" scan
check refused 32 "SELECT len(range(20000000))" query
check refused 32 "SELECT length(replace(replace(repeat('ab', 5000000), 'a', 'xyz'), 'b', 'qqq'))" needs
check fits 160 "SELECT length(replace(replace(repeat('ab', 5000000), 'a', 'xyz'), 'b', 'qqq'))" 30000000
check refused 32 "SELECT histogram(range) FROM range(1000000)" needs
check fits 32 "SELECT cardinality(histogram(range % 7)) FROM range(150000)" 7
check refused 32 "SELECT len(list_repeat('x', 5000000))" query
check fits 32 "SELECT count(*), sum(a) FROM (SELECT range AS a FROM range(3000000) INTERSECT SELECT range * 2 FROM range(3000000))" \
    1500000,2249998500000
check fits 32 "SELECT count(*) FROM (SELECT 'text ' || range FROM range(1500000) EXCEPT SELECT 'text ' || range * 2 FROM range(700000))" 800000
check fits 32 "WITH RECURSIVE r(n) AS (SELECT range FROM range(300000) UNION SELECT n + 200000 FROM r WHERE n < 1500000)
    SELECT count(*), sum(n) FROM r" 1700000,1444999150000
check fits 32 "SELECT count(*), sum(b.y) FROM (SELECT range * 3 AS k, range % 7 AS g FROM range(1000000)) a
    ASOF JOIN (SELECT range * 5 AS k, range % 7 AS g, range AS y FROM range(1000000)) b ON a.g = b.g AND a.k >= b.k" \
    999994,299996300016
check fits 32 "SELECT count(*) FROM (SELECT * FROM range(3000000) USING SAMPLE 10000 ROWS)" 10000

# The least work_mem is enough for whatever spills, and less is refused when it is set.
worked() {
    said=$("$WEIR" -q -o csv --threads 8 --set work_mem=4MB -c "$1" 2>&1 | sed 1d)
    [ "$said" = "$2" ] || { echo "$1 with work_mem 4MB says \"$said\", not \"$2\""; exit 1; }
}
worked "SELECT count(*), sum(s) FROM (SELECT 'key ' || range % 300000 AS k, sum(range) AS s FROM range(900000) GROUP BY 1)" \
    300000,404999550000
worked "SELECT count(*), sum(a.range) FROM range(400000) a JOIN range(400000) b ON a.range = b.range * 2" 200000,39999800000
worked "SELECT max(r), count(*) FROM (SELECT row_number() OVER (PARTITION BY range % 100 ORDER BY -range) r FROM range(300000))" \
    3000,300000
worked "SELECT range FROM (SELECT range FROM range(600000) ORDER BY hash(range), range) ORDER BY -range LIMIT 1" 599999
said=$("$WEIR" -q -c "SET work_mem = '1MB'" 2>&1) && { echo "work_mem of 1MB was taken"; exit 1; }
case $said in *W2214*"SET work_mem = '4 MB'"*) ;; *) echo "work_mem of 1MB: $said"; exit 1 ;; esac
