#!/bin/sh
# Options of reading and writing files, each by what it changes; those that are refused say so.
set -u
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
weir=$(readlink -f "$WEIR")
cd "$dir" || exit 1
failed=0

# is WANTED SQL: the rows, without names of columns, lines joined by blanks
is() {
    got=$("$weir" -q -o csv -c "$2" 2>&1 | tail -n +2 | tr '\n' ' ')
    [ "$got" = "$1 " ] && return
    printf '%s\n  gave %s\n  not  %s\n' "$2" "$got" "$1"
    failed=1
}

# fails TEXT SQL: an error that speaks of TEXT
fails() {
    got=$("$weir" -q -o csv -c "$2" 2>&1) && { echo "$2 passed"; failed=1; }
    case $got in *"$1"*) return ;; esac
    printf '%s\n  said %s\n  not  %s\n' "$2" "$got" "$1"
    failed=1
}

run() { "$weir" -q -c "$1" >out.txt 2>&1 || { echo "$1"; cat out.txt; failed=1; }; }
files() { # files WANTED FOLDER
    got=$(cd "$2" && find . -type f | sort | tr '\n' ' ')
    [ "$got" = "$1 " ] || { echo "$2 holds $got, not $1"; failed=1; }
}

# ---- CSV
printf 'd;x\n31.12.2024;1,5\n01.02.2024;2,25\n' >a.csv
for sep in sep delim delimiter; do
    for format in dateformat date_format; do
        is "2024-12-31,1.5 2024-02-01,2.25" "SELECT * FROM read_csv('a.csv', $sep => ';', $format => '%d.%m.%Y', decimal_separator => ',')"
    done
done
printf 't\n12/31/2024 07-30\n' >t.csv
for format in timestampformat timestamp_format; do
    is "2024-12-31 07:30:00" "SELECT * FROM read_csv('t.csv', $format => '%m/%d/%Y %H-%M')"
done
printf 'caf\351,1\n' >latin.csv
is "café!" "SELECT column0 || '!' FROM read_csv('latin.csv', header => false, encoding => 'latin-1')"
printf 'a,b\n1\n2,3\n' >short.csv
is "1, 2,3" "SELECT * FROM read_csv('short.csv', null_padding => true)"
fails "has 1 field" "SELECT * FROM read_csv('short.csv', null_padding => false)"
is "VARCHAR" "SELECT DISTINCT typeof(x) FROM read_csv('a.csv', delim => ';', dtypes => {'x': 'VARCHAR'})"
is "VARCHAR" "SELECT DISTINCT typeof(q) FROM read_csv('a.csv', delim => ';', header => true, column_types => ['VARCHAR', 'VARCHAR'], column_names => ['p', 'q'])"
is "1" "SELECT count(*) FROM read_csv('a.csv', delim => ';', null_string => '1,5') WHERE x IS NULL"
"$weir" -q -c "COPY (SELECT i, repeat('y', 1500000) AS t FROM range(3) r(i)) TO 'long.csv'" >/dev/null
for limit in max_line_size maximum_line_size; do
    fails "longer than 1000000 bytes" "SELECT sum(len(t)) FROM read_csv('long.csv', $limit => '1MB')"
    is "4500000" "SELECT sum(len(t)) FROM read_csv('long.csv', $limit => '2MB')"
done
is "4500000" "SELECT sum(len(t)) FROM read_csv('long.csv', parallel => false)"
run "COPY (SELECT 'a' AS x, 1 AS y, 'b' AS z) TO 'forced.csv' (FORCE_QUOTE (x), SEP '|')"
[ "$(tail -1 forced.csv)" = '"a"|1|b' ] || { cat forced.csv; failed=1; }
fails "strftime" "COPY (SELECT DATE '2024-12-31' AS d) TO 'o.csv' (DATEFORMAT '%d')"

# ---- JSON
printf '{"a":{"b":{"c":1}},"d":"31/12/2024","t":"31/12/2024 10:00"}\n' >a.json
is "{'b': {'c': 1}}" "SELECT a FROM read_json('a.json', maximum_depth => 3)"
fails "nested too deeply" "SELECT * FROM read_json('a.json', maximum_depth => 2)"
is "2024-12-31,2024-12-31 10:00:00" "SELECT d, t FROM read_json('a.json', types => {'d': 'DATE', 't': 'TIMESTAMP'}, dateformat => '%d/%m/%Y', timestampformat => '%d/%m/%Y %H:%M')"
is "2024-12-31,2024-12-31 10:00:00" "SELECT d, t FROM read_json('a.json', types => {'d': 'DATE', 't': 'TIMESTAMP'}, date_format => '%d/%m/%Y', timestamp_format => '%d/%m/%Y %H:%M')"
fails "never dropped silently" "SELECT * FROM read_json('a.json', ignore_errors => true)"
"$weir" -q -c "COPY (SELECT i, repeat('y', 1500000) AS t FROM range(3) r(i)) TO 'long.json'" >/dev/null
fails "longer than" "SELECT sum(len(t)) FROM read_json('long.json', columns => {'t': 'VARCHAR'}, maximum_object_size => '1MB')"
is "4500000" "SELECT sum(len(t)) FROM read_json('long.json', maximum_object_size => '2MB')"

# ---- lines
printf 'k=1 v=2\n\nk=3 v=4\n' >a.log
is "2" "SELECT count(*) FROM read_lines('a.log', skip_empty_lines => true)"
is "3" "SELECT count(*) FROM read_lines('a.log', skip_empty_lines => false)"
for name in regex regex_pattern; do
    is "6" "SELECT sum(v) FROM read_lines('a.log', mode => 'regex', $name => 'k=(\\d+) v=(\\d+)', mappings => 'k:1,v:2', types => {'v': 'INTEGER'})"
done
printf 'a|b|c\nd|e|f\n' >p.txt
is "a,c d,f" "SELECT * FROM read_lines('p.txt', mode => 'split', split_delimiter => '|', mappings => 'x:0,y:2')"
fails "longer than 1000000 bytes" "SELECT count(*) FROM read_lines('long.csv', max_line_size => '1MB')"

# ---- the longest record is exact, also where many fit into a buffer
x50=$(printf 'x%.0s' $(seq 50))
printf 'a,b\n1,%s\n2,y\n' "$x50" >long.csv
printf 'a,b\r\n1,"%s"\r\n2,y\r\n' "$x50" >quoted.csv
printf 'hello\r\n%s\r\nend' "$x50" >long.txt
printf '{"a":1}\n{"a":"%s"}\n' "$x50" >long.ndjson
printf '[{"a":1},\n {"a":"%s"}]\n' "$x50" >long.json
for size in 4 1MiB; do
    is "2" "SELECT count(*) FROM read_csv('long.csv', max_line_size => '52', buffer_size => '$size')"
    fails "in line 2 of long.csv is longer than 51 bytes" "SELECT count(*) FROM read_csv('long.csv', max_line_size => '51', buffer_size => '$size')"
    fails "in line 2 of quoted.csv is longer than 53 bytes" "SELECT b FROM read_csv('quoted.csv', max_line_size => '53', buffer_size => '$size')"
    is "$x50 y" "SELECT b FROM read_csv('quoted.csv', max_line_size => '54', buffer_size => '$size')"
    is "3" "SELECT count(*) FROM read_lines('long.txt', max_line_size => '50', buffer_size => '$size')"
    fails "in line 2 of long.txt is longer than 49 bytes" "SELECT count(*) FROM read_lines('long.txt', max_line_size => '49', buffer_size => '$size')"
    is "2" "SELECT count(*) FROM read_json('long.ndjson', maximum_object_size => '58', buffer_size => '$size')"
    fails "in line 2 of long.ndjson is longer than 57 bytes" "SELECT a FROM read_json('long.ndjson', maximum_object_size => '57', buffer_size => '$size')"
done
is "2" "SELECT count(*) FROM read_json('long.json', maximum_object_size => '58')"
fails "in line 2 of long.json is longer than 57 bytes" "SELECT a FROM read_json('long.json', maximum_object_size => '57')"

# ---- a JSON sample without a record tells why, not that columns are missing
printf '{"a":%s1%s}\n' "$(printf '[%.0s' $(seq 2000))" "$(printf ']%.0s' $(seq 2000))" >deep.json
fails "deep.json line 1 is not valid JSON: it is nested too deeply" "SELECT a FROM 'deep.json'"
is "1" "SELECT count(a) FROM read_json('deep.json', maximum_depth => 3000)"
printf '[\n{"a": ' >broken.json
fails "broken.json line 2 is not valid JSON: a value is missing" "SELECT a FROM 'broken.json'"
"$weir" -q -c "COPY (SELECT repeat('x', 3000000) AS a) TO 'wide.json' (FORMAT json, ARRAY true)"
is "3000000" "SELECT length(a) FROM 'wide.json'"
fails "the first record of wide.json is longer than 1000000 bytes" "SELECT a FROM read_json('wide.json', maximum_object_size => '1000000')"

# ---- files in folders
run "COPY (SELECT i, i % 2 AS g, i % 2 AS h FROM range(10) r(i)) TO 'parts' (FORMAT csv, PARTITION_BY (g), FILENAME_PATTERN 'part-{i}', FILE_EXTENSION 'txt')"
files "./g=0/part-0.txt ./g=1/part-0.txt" parts
is "25" "SELECT sum(i) FROM read_csv('parts/*/*.txt', hive_partitioning => true) WHERE g = 1"
is "VARCHAR" "SELECT DISTINCT typeof(g) FROM read_csv('parts/*/*.txt', hive_types => {'g': 'VARCHAR'})"
fails "g" "SELECT g FROM read_csv('parts/*/*.txt', hive_partitioning => false)"
grep -q '^i,h' parts/g=0/part-0.txt || { head -1 parts/g=0/part-0.txt; failed=1; }
run "COPY (SELECT i, i % 2 AS g FROM range(10) r(i)) TO 'with' (FORMAT csv, PARTITION_BY (g), WRITE_PARTITION_COLUMNS true)"
for file in with/g=0/*; do grep -q '^i,g' "$file" || { head -1 "$file"; failed=1; }; done
fails "parts" "COPY (SELECT 1 AS i, 0 AS g) TO 'parts' (FORMAT csv, PARTITION_BY (g), FILENAME_PATTERN 'part-{i}', FILE_EXTENSION 'txt')"
run "COPY (SELECT 1 AS i, 0 AS g) TO 'parts' (FORMAT csv, PARTITION_BY (g), FILENAME_PATTERN 'part-{i}', FILE_EXTENSION 'txt', OVERWRITE_OR_IGNORE true)"
files "./g=0/part-0.txt ./g=1/part-0.txt" parts
is "1" "SELECT sum(i) FROM read_csv('parts/g=0/*.txt')"
run "COPY (SELECT i FROM range(10) r(i)) TO 'rows' (FORMAT csv, FILE_ROWS 4)"
is "3,10" "SELECT count(DISTINCT filename), count(*) FROM read_csv('rows/*', filename => true)"
run "COPY (SELECT i, repeat('z', 1000) AS t FROM range(20000) r(i)) TO 'sized' (FORMAT csv, FILE_SIZE_BYTES '4MB')"
is "true,20000" "SELECT count(DISTINCT filename) > 2, count(*) FROM read_csv('sized/*', filename => true)"
run "COPY (SELECT 1 AS i) TO 'tmp.csv' (USE_TMP_FILE false)"
is "1" "SELECT * FROM 'tmp.csv'"
run "COPY (SELECT i, repeat('z', 1000) || i AS t FROM range(20000) r(i)) TO 'groups.parquet' (ROW_GROUP_SIZE_BYTES '1MB')"
"$weir" -q -c "EXPLAIN SELECT * FROM 'groups.parquet'" | grep -q '[0-9][0-9] row groups' || { echo "not 10 row groups or more"; failed=1; }

# ---- settings by their other names
is "3" "SET worker_threads = 3; SELECT current_setting('threads')"
is "64MB" "SET max_memory = '64MB'; SELECT current_setting('memory_limit')"
is "mine" "SET application_name = 'mine'; SELECT current_setting('application_name')"
fails "fix: SET work_mem" "SET work_mem = '4MB'; SELECT len(l) FROM (SELECT array_agg(i) AS l FROM range(1000000) r(i))"
fails "cannot be '1MB'" "SET work_mem = '1MB'"
exit $failed
