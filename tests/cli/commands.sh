#!/bin/sh
# Flags, commands, exit codes and outputs of the command line.
set -u
case ${WEIR:-build/weir} in /*) weir=${WEIR} ;; *) weir=$PWD/${WEIR:-build/weir} ;; esac
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
failed=0

# same NAME EXPECTED ACTUAL
same() {
    [ "$2" = "$3" ] && return
    printf '%s\n  got\n%s\n  not\n%s\n' "$1" "$3" "$2"
    failed=1
}

# code NAME EXPECTED COMMAND...
code() {
    name=$1 want=$2
    shift 2
    "$@" >out.txt 2>err.txt
    got=$?
    [ "$got" = "$want" ] || { echo "$name: exit code $got, not $want"; cat err.txt; failed=1; }
}

# has NAME TEXT FILE
has() {
    grep -qF -- "$2" "$3" || { echo "$1: no \"$2\" in"; cat "$3"; failed=1; }
}

printf 'city;amount\nRome;3\nOslo;4\nRome;5\n' >sales.csv

same "-c" "a
1" "$($weir -o csv -c 'select 1 as a')"
same "several -c" "1
2" "$($weir -o jsonl -c 'select 1 as a' -c 'select 2 as a' | tr -dc '0-9\n')"
printf 'select 5 as a;\n' >five.sql
same "-f" "[{\"a\":5}]" "$($weir --json -f five.sql)"
same "stdin" "[{\"a\":5}]" "$($weir --json <five.sql)"
same "stdin as data" "[{\"n\":3}]" "$($weir --json -c "select count(*) as n from '/dev/stdin'" <sales.csv)"
same "files become tables" "8" "$($weir sales.csv -o csv -c "select sum(amount) from sales where city = 'Rome'" | tail -1)"
same "query" "8" "$($weir q "select sum(amount) from sales where city = :city" sales.csv --param city=Rome -o csv | tail -1)"
same "csv" 'a,b,c
1,"x,""y""",' "$($weir -o csv -c "select 1 as a, 'x,\"y\"' as b, null as c")"
same "tsv" 'a	b
x\ty	\N' "$($weir -o tsv -c "select E'x\ty' as a, null as b")"
same "json" '[{"a":1,"b":[1,2]},
 {"a":2,"b":null}]' "$($weir -o json -c "select 1 as a, [1, 2] as b union all select 2, null order by a")"
same "json of no rows" '[]' "$($weir -o json -c "select 1 as a where false")"
same "markdown" '| a | b |
|---|---|
| 1 | x |' "$($weir -o markdown -c "select 1 as a, 'x' as b")"
same "html" '<table>
<tr><th>a</th></tr>
<tr><td>&lt;b&gt;</td></tr>
</table>' "$($weir -o html -c "select '<b>' as a")"
same "line" 'a = 1
b = x' "$($weir -o line -c "select 1 as a, 'x' as b")"
same "none" '' "$($weir -o none -c 'select 1')"
same "box" '┌─────────┐
│       a │
│ INTEGER │
├─────────┤
│       1 │
└─────────┘
1 row' "$($weir -o box -c 'select 1 as a')"
same "control characters are shown as escapes" '\x1b[31mred' "$($weir -c "select E'\\x1b[31mred' as a" | sed -n 3p)"
same "--null" "-" "$($weir --null - -o csv -c 'select null as a' | tail -1)"
same "--set" "2" "$($weir --set threads=2 -o csv -c 'show threads' | tail -1)"

code "success" 0 $weir -c 'select 1'
code "an SQL error" 1 $weir -c 'selct 1'
code "an unknown flag" 2 $weir --outptu csv
has "it names the near one" "did you mean --output" err.txt
code "a bad value of a flag" 2 $weir --threads many
code "an unknown format" 2 $weir -o cvs -c 'select 1'
code "a missing file" 4 $weir -c "from 'nothing.csv'"
code "a folder that is not there" 4 $weir -C nowhere -c 'select 1'
code "a time limit" 5 $weir --timeout 200ms -c 'select count(*) from range(1000000000000) r(i) where i % 7 = 8'
code "a memory limit" 5 $weir --memory 2MB -c 'select list(i) from range(10000000) r(i)'
code "read-only refuses" 6 $weir --read-only -c 'create table t(a int)'
code "read-only reads" 0 $weir --read-only sales.csv -c 'from sales'
code "an error stops a text" 1 $weir -o csv -c 'select 1 as a; select 1/0; select 2 as a'
same "what came before was shown" "a
1" "$(cat out.txt)"
$weir -c 'select count(*) from range(1000000000000) r(i) where i % 7 = 8' 2>err.txt &
child=$!
sleep 1
kill -INT $child
wait $child
same "Ctrl-C" 130 $?

code "-O" 0 $weir -o csv -O out.csv -c 'select 1 as a'
same "-O writes" "a
1" "$(cat out.csv)"
code "-O after a failure" 1 $weir -o csv -O out.csv -c 'select 2 as a; select 1/0'
same "-O leaves what was there" "a
1" "$(cat out.csv)"
same "no leftovers" "" "$(ls | grep tmp-)"
code "-O into a folder that is not there" 4 $weir -o csv -O nowhere/out.csv -c 'select 1'
code "-o parquet" 0 $weir -o parquet -O out.parquet -c 'from range(3) r(i)'
same "-o parquet writes" "3" "$($weir -o csv -c "select sum(i) from 'out.parquet'" | tail -1)"
code "-o parquet needs -O" 2 $weir -o parquet -c 'select 1'

code "convert" 0 $weir convert sales.csv sales.parquet --where 'amount > 3' --sort 'amount desc' --select 'city, amount'
same "convert writes" '[{"city":"Rome","amount":5},
 {"city":"Oslo","amount":4}]' "$($weir --json -c "from 'sales.parquet'")"
code "convert into a folder" 0 $weir convert sales.csv parts --partition-by city
same "partitions" "city=Oslo
city=Rome" "$(ls parts)"
code "convert into files of some rows" 0 $weir convert sales.csv split.jsonl --rows-per-file 2
same "two files" 2 "$(ls split.jsonl | wc -l | tr -d ' ')"
code "convert with one name" 2 $weir convert sales.csv
code "convert with a wrong flag" 2 $weir convert sales.csv x.parquet --wher 'a'
has "it names the right one" "did you mean --where" err.txt

$weir describe sales.csv >out.txt
has "describe tells types" "BIGINT" out.txt
has "describe tells the delimiter" "delimiter => ';'" out.txt
$weir summarize sales.csv -o csv >out.txt
has "summarize" "amount,BIGINT,3,5,3,4" out.txt
$weir describe --json | python3 -c 'import json, sys; d = json.load(sys.stdin); assert len(d["functions"]) > 300 and d["settings"] and d["formats"] and d["errors"]' || failed=1
$weir explain 'select city, count(*) from sales group by 1' sales.csv >out.txt
has "explain" "aggregate" out.txt
$weir explain --analyze --format json 'select city, count(*) from sales group by 1' sales.csv |
    python3 -c 'import json, sys; p = json.load(sys.stdin)["plan"]; assert p["actual"]["rows"] == 2, p' || failed=1
$weir explain --format mermaid 'select 1' >out.txt
has "mermaid" "flowchart BT" out.txt
$weir explain --format html "select city, count(*) from 'sales.csv' where city <> '<b>' group by city" >out.txt
has "html" '<details open><summary>' out.txt
has "html: text" '&#60;b&#62;' out.txt
same "html: lists end" "$(grep -o '<ul>' out.txt | wc -l)" "$(grep -o '</ul>' out.txt | wc -l)"
$weir explain --analyze --format html "select count(*) from 'sales.csv'" >out.txt
has "html: analyze" ' rows, ' out.txt
has "html: time" '<meter max=' out.txt
same "insert" "INSERT INTO result (\"a\", \"B c\", \"d\", \"e\", \"f\", \"g\", \"h\") VALUES (1, 'it''s', NULL, true, 1.50, 'NaN', '2024-01-31');
INSERT INTO result (\"a\", \"B c\", \"d\", \"e\", \"f\", \"g\", \"h\") VALUES (-2, '', 3, false, -0.25, 1e+300, NULL);" "$(
    $weir -o insert -c "select 1 as a, 'it''s' as \"B c\", null::int as d, true as e, 1.5::decimal(5,2) as f, 'NaN'::double as g,
    date '2024-01-31' as h union all select -2, '', 3, false, -0.25, 1e300, null order by a desc")"
{
    echo 'create table result (a int, l int[], s struct(x int, y text), t timestamp, j json, b blob);'
    $weir -o insert -c "select 7 as a, [1, 2] as l, {'x': 1, 'y': 'it''s'} as s, timestamp '2024-01-31 10:20:30' as t, '{\"k\": [1]}'::json as j, '\\x00ff'::blob as b"
    echo 'select * from result;'
} >insert.sql
same "insert runs" "$($weir -o json -c "select 7 as a, [1, 2] as l, {'x': 1, 'y': 'it''s'} as s, timestamp '2024-01-31 10:20:30' as t, '{\"k\": [1]}'::json as j, '\\x00ff'::blob as b")" "$($weir -o json -f insert.sql)"
same "query --limit" "5
4" "$($weir q --limit 2 "select amount from sales order by amount desc; -- all" sales.csv -o csv | tail -2)"
same "query --limit of stdin" "1" "$(echo 'select 1 as a union all select 2' | $weir q --limit=1 - -o csv | tail -1)"
code "query --limit of a change" 2 $weir q --limit 2 "create table x (a int)"
code "query --limit of nonsense" 2 $weir q --limit some "select 1"
code "query --limit and an error" 1 $weir q --limit 2 "select nothing from 'sales.csv'"
has "query --limit and an error" '1 | select nothing' err.txt
code "query --watch of nonsense" 2 $weir q --watch soon "select 1"
$weir q --watch 100ms "select 1 as a" -o csv >watched.txt &
watching=$!
for _ in $(seq 200); do
    [ "$(grep -c 1 watched.txt)" -ge 3 ] && break
    sleep 0.05
done
kill -INT $watching
wait $watching
same "query --watch ends" 130 $?
same "query --watch shows it again" yes "$([ "$(grep -c 1 watched.txt)" -ge 3 ] && echo yes)"
same "summarize --sample" "2" "$($weir summarize --sample 2 sales.csv -o json | grep -o '"count":[0-9]*' | head -1 | cut -d: -f2)"
printf 'n,t,one,none\n1,a,7,\n1,b,7,\n1,c,7,\n1,d,7,\n8,e,7,\n' >bars.csv
$weir summarize bars.csv >out.txt
has "summarize: histogram" '█▁▁▁▁▁▁▃' out.txt
same "summarize: one histogram" 1 "$(grep -c '▁' out.txt)"
same "summarize: order" 'n t one none ' "$(sed '1,2d' out.txt | grep VARCHAR\\\|BIGINT | cut -d' ' -f1 | tr '\n' ' ')"
same "summarize: rows" 7 "$(wc -l <out.txt)"
same "summarize: programs" "" "$($weir summarize bars.csv -o csv | grep histogram)"
$weir summarize --sample 3 bars.csv >out.txt
same "summarize: sample for people" 3 "$(grep -c ' 3 ' out.txt)"
code "summarize: no file" 4 $weir summarize nothing.csv
has "summarize: no file" "SUMMARIZE SELECT * FROM 'nothing.csv'" err.txt
code "summarize --sample of nonsense" 2 $weir summarize --sample 0 sales.csv
printf 'a,b\n1,2\n3\n5,6\n' >short.csv
$weir describe short.csv >out.txt
has "describe counts what cannot be read" 'rejected = 1 of 3' out.txt
$weir describe sales.csv >out.txt
has "describe counts nothing" 'rejected = 0 of 3' out.txt
code "a comparison with NULL" 0 $weir -c "select 1 from 'sales.csv' where city = NULL"
has "a comparison with NULL" '= NULL is never true: IS NULL asks for it' err.txt
code "a comparison with a value" 0 $weir -c "select 1 from 'sales.csv' where city = 'NULL'"
same "a comparison with a value" "" "$(cat err.txt)"
$weir help W1203 >out.txt
has "help on an error" "UNKNOWN_COLUMN" out.txt
$weir help date_trunc >out.txt
has "help on a function" "Start of the unit" out.txt
code "help on nothing" 1 $weir help nosuchthing
$weir completion bash | bash -n || { echo "the completion of bash is not bash"; failed=1; }
same "version" "$($weir --version)" "$($weir version)"
for command in completion convert describe explain help query summarize version; do
    $weir "$command" --help >out.txt
    has "help of $command" "example: " out.txt
    [ "$(wc -l <out.txt)" -le 40 ] || { echo "help of $command is too long"; failed=1; }
done
# every flag of the whole program and of each command stands in its help
for flag in command file output out json threads memory timeout read-only set param null progress color timer quiet verbose \
    chdir stdio help version; do
    $weir --help >out.txt
    has "help tells --$flag" "--$flag" out.txt
done
code "--timeout stops a sort" 5 $weir --timeout 300ms -o none -c 'select i from range(200000000) r(i) order by i * 7 % 1000003, i'
code "--timeout stops an aggregate" 5 $weir --timeout 300ms -o none -c 'select i * 7 % 50000017, count(*) from range(1000000000) r(i) group by 1'
code "--timeout stops a join" 5 $weir --timeout 300ms -o none -c 'select count(*) from range(100000) a(i), range(100000) b(j) where i * j % 7 = 9'
$weir --progress auto --timeout 1200ms -o none -c 'select count(*) from range(1000000000000) r(i) where i % 7 = 8' 2>err.txt
same "no progress on a pipe" 1 "$(grep -c . err.txt)"
code "a command misspelt" 2 $weir sumarize
has "it names the right one" "did you mean summarize" err.txt
code "a size that is none" 2 $weir --memory lots -c 'select 1'
code "a time that is none" 2 $weir --timeout soon -c 'select 1'
code "a setting that is none" 2 $weir --set nothing=1 -c 'select 1'
same "a footer is readable" "1,234 rows" "$($weir -c 'from range(1234)' | tail -1)"
same "flags hold for every connection" "5s" "$(printf '{"sql":"show statement_timeout","conn":"x"}\n' |
    $weir --timeout 5s --stdio jsonl | grep -o '5s')"
$weir --threads 1 --progress json -o none -c 'select count(*) from range(500000000) r(i) where hash(i) = 8' 2>err.txt
[ ! -s err.txt ] || python3 -c 'import json, sys
for line in open("err.txt"): assert {"t", "phase", "rows", "memory"} <= set(json.loads(line)), line' || failed=1
[ -s err.txt ] || { echo "no progress as JSON"; failed=1; }
exit $failed
