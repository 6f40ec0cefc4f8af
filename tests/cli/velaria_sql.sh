#!/bin/sh
# Velaria's SQL runs as it is: every kind of statement its documents name, over files and in memory, and what it refuses is
# refused or has an answer. Streams in its words are in velaria_streams.sh.
set -u
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
weir=$(readlink -f "$WEIR")
cd "$dir" || exit 1
failed=0
export WEIR_LOG=error # warnings are looked at where they are wanted

# is WANTED SQL: the rows of its last query, without names of columns, lines joined by blanks
is() {
    got=$("$weir" -q -o csv -c "$2" 2>&1 | tail -n +2 | tr '\n' ' ')
    [ "$got" = "$1 " ] && return
    printf '%s\n  gave %s\n  not  %s\n' "$2" "$got" "$1"
    failed=1
}
fails() { # fails TEXT SQL: an error that speaks of TEXT
    got=$("$weir" -q -o csv -c "$2" 2>&1) && { echo "$2 passed"; failed=1; }
    case $got in *"$1"*) return ;; esac
    printf '%s\n  said %s\n  not  %s\n' "$2" "$got" "$1"
    failed=1
}
types() { # types WANTED STATEMENT: of the columns of the table t that it makes
    is "$1" "$2; SELECT string_agg(column_type, ' ') FROM (DESCRIBE t)"
}

# ---- tables over files
printf 'name,score,share\nalice,15,0.53\nbob,20,-0.5\ncarol,3,0.1\n' >input.csv
printf '{"user_id":1,"action":"open","latency":12.5}\n{"user_id":2,"action":"close","latency":9.0}\n' >events.jsonl
printf '[{"a":1,"b":{"b1":1}},{"a":2,"b":{"b1":2,"b2":["x",3,null]}}]' >nested.json
printf 'uid=7 action="open" latency=12 ok=true note=a b\nnothing\nuid=8 action="shut" latency=3 ok=false note=-\n' >events.log
printf 'alice|10|2026-01-02\nonly\nbob||2026-01-03\n' >fields.log
is "alice,15,0.53 bob,20,-0.5 carol,3,0.1" "CREATE TABLE t OPTIONS(path: 'input.csv'); SELECT * FROM t LIMIT 5"
is "alice,15 bob,20" "CREATE TABLE input_table OPTIONS(path: 'input.csv'); SELECT name, score FROM input_table WHERE score > 10"
is "1,open,12.5 2,close,9" "CREATE TABLE t OPTIONS(path: 'events.jsonl'); SELECT * FROM t"
types "VARCHAR BIGINT DOUBLE" "CREATE TABLE t OPTIONS(path: 'input.csv')"
is "bob,20" "CREATE TABLE t USING csv OPTIONS(path: 'input.csv', delimiter: ','); SELECT name, score FROM t ORDER BY score DESC LIMIT 1"
types "VARCHAR INTEGER REAL" "CREATE TABLE t (name STRING, score INT, share FLOAT) USING csv OPTIONS(path: 'input.csv')"
types "VARCHAR INTEGER REAL" "CREATE TABLE t (name STRING, score INT, share FLOAT) OPTIONS(path: 'input.csv')"
is "open,1 close,2" "CREATE TABLE t USING json OPTIONS(path: 'events.jsonl', columns: 'action,user_id', format: 'json_lines'); SELECT * FROM t"
is "1,open 2,close" "CREATE TABLE t (user_id INT64, action TEXT) USING json OPTIONS(path: 'events.jsonl', columns: 'user_id, action'); SELECT * FROM t"
fails "names others than those that are declared" "CREATE TABLE t (user_id INT) USING json OPTIONS(path: 'events.jsonl', columns: 'action')"
is '1,"{""b1"":1}", 2,"{""b1"":2,""b2"":[""x"",3,null]}",' "CREATE TABLE t USING json OPTIONS(path: 'nested.json', columns: 'a,b,absent', format: 'json_array'); SELECT * FROM t"
regex="mode: 'regex', regex_pattern: '^uid=(\\d+) action=\"([^\"]+)\" latency=(\\d+) ok=(true|false) note=(.+)\$'"
five="mappings: 'uid:1,action:2,latency:3,ok:4,note:5'"
is "7,open,12,true,a b 8,shut,3,false,-" "CREATE TABLE t USING line OPTIONS(path: 'events.log', $regex, $five); SELECT * FROM t"
types "BIGINT VARCHAR BIGINT BOOLEAN VARCHAR" "CREATE TABLE t USING line OPTIONS(path: 'events.log', $regex, $five)"
types "BIGINT VARCHAR BIGINT BOOLEAN VARCHAR" "CREATE TABLE t USING line OPTIONS(path: 'events.log', $regex, columns: 'uid,action,latency,ok,note')"
types "SMALLINT VARCHAR" "CREATE TABLE t (latency SMALLINT, line TEXT) USING line OPTIONS(path: 'events.log', $regex, mappings: 'latency:3,line:0')"
fails "the pattern has 5 groups, not 6" "CREATE TABLE t USING line OPTIONS(path: 'events.log', $regex, mappings: 'x:6')"
told=$(WEIR_LOG=warn "$weir" -q -c "CREATE TABLE t USING line OPTIONS(path: 'events.log', $regex, $five); SELECT * FROM t" 2>&1 >/dev/null)
case $told in *"lines that do not match were left out"*) ;; *) echo "lines are left out and nobody says so"; failed=1 ;; esac
fails "does not match the pattern" "CREATE TABLE t USING line OPTIONS(path: 'events.log', $regex, $five, unmatched: 'error'); SELECT * FROM t"
split="CREATE TABLE t USING line OPTIONS(path: 'fields.log', mode: 'split', split_delimiter: '|'"
is "alice,10,2026-01-02 bob,,2026-01-03" "$split, mappings: 'name:0,score:1,since:2'); SELECT * FROM t"
types "DATE VARCHAR" "$split, mappings: 'since:2,name:0')"
types "VARCHAR VARCHAR VARCHAR" "$split, columns: 'name,score,since', sample_size: 0)"
fails "mode split needs mappings" "$split)"
fails "the file is not named" "CREATE TABLE t USING line OPTIONS(mode: 'split')"
fails 'there is no format "cvs"' "CREATE TABLE t USING cvs OPTIONS(path: 'input.csv')"

# ---- what a file is taken for
printf 'name;score\nalice;15\n' >"2024 sales.csv"
is "csv,csv,;,_2024_sales" "SELECT format, kind, delimiter, table_name FROM probe('2024 sales.csv')"
is "csv json" "SELECT c->>'format' FROM (SELECT unnest(candidates::JSON[]) AS c FROM probe('input.csv')) WHERE c->>'format' IN ('csv', 'json')"
is "json_array,,5" "SELECT kind, delimiter, json_array_length(candidates) FROM probe('nested.json')"

# ---- tables in memory, and what changes them
made="CREATE TABLE t (id INT, name STRING, v DOUBLE, f FLOAT8, r FLOAT4, b BOOL, n NUMERIC)"
is "1,a 2," "$made; INSERT INTO t (id, name, v) VALUES (1, 'a', 1.5), (2, NULL, 2.5); SELECT id, name FROM t WHERE v < 2 UNION ALL SELECT id, name FROM t WHERE NOT v < 2"
is "2,4" "CREATE TABLE t (id INT); INSERT INTO t VALUES (1), (3); CREATE TABLE u (id INT64); INSERT INTO u SELECT id FROM t; SELECT COUNT(*), SUM(id) FROM u"
fails 'column "id" is given twice' "CREATE TABLE t (id INT); INSERT INTO t (id, id) VALUES (1, 2)"
fails 'no table, view or file "t"' "INSERT INTO t VALUES (1)"
fails "already" "CREATE TABLE t (a INT); CREATE TABLE t (a INT)"
fails "rows cannot be inserted into it" "CREATE SOURCE TABLE s (a INT) USING csv OPTIONS(path: '.'); INSERT INTO s VALUES (1)"
fails "its rows cannot be read" "CREATE SINK TABLE k (a INT) USING csv OPTIONS(path: 'k.csv'); SELECT * FROM k"

# ---- queries
csv="CREATE TABLE t OPTIONS(path: 'input.csv');"
is "alice,15" "$csv SELECT name, SUM(score) AS total FROM t WHERE score > 5 AND (share > 0.1 OR name = 'carol') GROUP BY name HAVING total > 10 ORDER BY total DESC LIMIT 10"
is "bob,20,20.0,20,20,1" "$csv SELECT name, SUM(score), AVG(score)::DECIMAL(9, 1), MIN(score), MAX(score), COUNT(*) FROM t WHERE name != 'alice' AND score >= 4 GROUP BY name"
is "alice,bob bob, carol," "$csv CREATE TABLE u (k STRING, other STRING); INSERT INTO u VALUES ('alice', 'bob'); SELECT t.name, u.other FROM t LEFT JOIN u ON t.name = u.k ORDER BY name"
is "alice,bob" "$csv CREATE TABLE u (k STRING, other STRING); INSERT INTO u VALUES ('alice', 'bob'); SELECT a.name, other FROM t AS a INNER JOIN u ON a.name = u.k"
is "alice" "$csv SELECT name FROM t WHERE name = name AND score <> 20 AND score <= 15 AND NOT score = 3"
is "1 2 3" "SELECT 2 AS x UNION SELECT 2 UNION SELECT 1 UNION ALL SELECT 3 ORDER BY x"
is "13,1" "SELECT ISO_WEEK('2026-03-29') AS w, COUNT(*) AS c GROUP BY ISO_WEEK('2026-03-29')"
is "1" "SELECT \"名\" FROM (SELECT 1 AS \"名\")"
fails "KEYWORD SEARCH" "$csv SELECT name FROM t KEYWORD SEARCH(name) QUERY 'alice' TOP_K 10"
fails "HYBRID SEARCH" "$csv SELECT name FROM t WHERE score = 1 HYBRID SEARCH share QUERY '[0.1 0.2 0.3]' METRIC cosine TOP_K 5 SCORE_THRESHOLD 0.02"

# ---- functions, under all their names
is "a,A,a,a ,a" "SELECT LOWER('A'), UPPER('a'), TRIM(' a '), LTRIM(' a '), RTRIM('a ')"
is "2,2,2,2,文中" "SELECT LENGTH('中文'), LEN('ab'), CHAR_LENGTH('ab'), CHARACTER_LENGTH('ab'), REVERSE('中文')"
is "ab,a-b,ab,bc,bc,bcd,axc" "SELECT CONCAT('a','b'), CONCAT_WS('-','a','b'), LEFT('abc',2), RIGHT('abc',2), SUBSTR('abcd',2,2), SUBSTRING('abcd',2), REPLACE('abc','b','x')"
is "2,2,0" "SELECT POSITION('b', 'abc'), POSITION('b' IN 'abc'), POSITION('x', 'abc')"
is "2,2,1,2,-4" "SELECT ABS(-2), CEIL(1.2), FLOOR(1.8), ROUND(1.5), ROUND(-3.5)"
is "2026,3,29,2026,1,1,202601" "SELECT YEAR('2026-03-29T10:00:00'), MONTH('2026-03-29'), DAY('2026-03-29 10:11:12'), ISO_YEAR('2026-01-01'), ISO_WEEK('2026-01-01'), WEEK('2026-01-01'), YEARWEEK('2026-01-01')"
is "true,true,true,true,true,true,10" "SELECT NOW() > '2026-01-01', CURRENT_TIMESTAMP = NOW(), currentTimestamp() = NOW(), CURRENT_TIMESTAMP() = NOW(), TODAY() = CURRENT_DATE, UNIX_TIMESTAMP() > 1700000000, UNIX_TIMESTAMP('1970-01-01T00:00:10')"
is "12,1,1.5,1.5,1,true,3,true" "SELECT CAST('12' AS INT), CAST(1 AS STRING), CAST('1.5' AS DOUBLE), CAST('1.5' AS REAL), CAST('1' AS INT64), CAST('true' AS BOOLEAN), '3'::INT, UPPER(LOWER(CAST('x' AS TEXT))) = 'X'"
exit $failed
