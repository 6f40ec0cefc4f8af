#!/bin/sh
# Arrow files and streams through the command line: what is written is read back with the same values.
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

# fails NAME TEXT COMMAND...: exit code not 0 and TEXT in the message
fails() {
    name=$1 text=$2
    shift 2
    if "$@" >out.txt 2>err.txt; then echo "$name: did not fail"; failed=1; fi
    grep -qF -- "$text" err.txt || { echo "$name: no \"$text\" in"; cat err.txt; failed=1; }
}

every="SELECT i, (i % 100)::TINYINT AS t, i::USMALLINT AS us, i * 12345678901234567::HUGEINT AS h, i / 4.0::REAL AS r, i % 3 = 0 AS bo,
    (i % 700 * 1.1)::DECIMAL(4,1) AS d4, (i * 1.01)::DECIMAL(18,2) AS d18, (i * 1.01)::DECIMAL(38,2) AS d38,
    CASE WHEN i % 2 = 0 THEN 'a longer text, number ' || i END AS s, ('blob' || i)::BLOB AS bl,
    DATE '2020-01-01' + i::INTEGER AS dt, TIME '10:00:00.5' AS tm, TIMESTAMP '2020-01-01 10:00:00.123456' AS ts,
    TIMESTAMPTZ '2020-01-01 10:00:00+02' AS tz, TIMESTAMP_NS '2020-01-01 10:00:00.123456789' AS tn,
    TIMESTAMP_S '2020-01-01 10:00:00' AS s0, INTERVAL '3 months 2 days 5 seconds' AS iv,
    CASE WHEN i % 5 > 0 THEN [i, NULL, i + 1] END AS l, [['a', 'b' || i], []] AS ll, {'a': i, 'b': {'c': 'x'}} AS st,
    MAP {'k': i, 'l': NULL} AS m, [i, i + 1, i + 2]::INTEGER[3] AS ar, '{\"a\":1}'::JSON AS js,
    '00112233-4455-6677-8899-aabbccddeeff'::UUID AS u,
    CASE WHEN i % 7 > 0 THEN (['sad', 'ok', 'happy'])[1 + i % 3]::mood END AS e, [['ok'::mood], NULL] AS le
    FROM range(5000) r(i)"
$weir -c "CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy'); CREATE TABLE t AS $every ORDER BY i;
    COPY t TO 'want.parquet'; COPY t TO 'a.arrow'; COPY t TO 'b.arrows'; COPY t TO 'small.arrow' (FORMAT arrow, BATCH_SIZE 7);
    COPY t TO 'c.arrow' (COMPRESSION zstd, TEXT_VIEW true, BATCH_SIZE 777);
    COPY t TO 'd.arrows' (COMPRESSION lz4, BATCH_SIZE 3000, LAYOUT 'file');
    COPY (FROM t WHERE i < 0) TO 'none.arrows'; COPY (FROM t WHERE i < 0) TO 'none.arrow'" || failed=1
$weir -o jsonl -c "SELECT * REPLACE (h::DECIMAL(38,0) AS h) FROM 'want.parquet' ORDER BY i" >want.txt
for file in a.arrow b.arrows c.arrow d.arrows small.arrow; do
    $weir -o jsonl -c "FROM '$file' ORDER BY i" >got.txt
    cmp want.txt got.txt || { echo "$file differs"; failed=1; }
    same "some columns of $file" "2|4999|1250" "$($weir -o csv -c "SELECT count(DISTINCT bo) || '|' || max(i) || '|' ||
        (SELECT count(*) FROM '$file' WHERE i % 4 = 0) AS x FROM '$file'" | tail -1)"
done
for file in none.arrow none.arrows; do
    same "$file has columns but no rows" "0 27" "$($weir -o csv -c "SELECT (SELECT count(*) FROM '$file') || ' ' ||
        (SELECT count(*) FROM (DESCRIBE FROM '$file')) AS x" | tail -1)"
done
same "layouts" "file stream file" "$(for f in a.arrow b.arrows d.arrows; do
    $weir -c "EXPLAIN FROM '$f'" | grep -oE '(file|stream) format' | cut -d' ' -f1; done | tr '\n' ' ' | sed 's/ $//')"
same "a filter and row numbers" "4998:4998" "$($weir -o csv -c "SELECT i || ':' || file_row_number AS x FROM 'c.arrow'
    WHERE i > 4997 AND i < 4999" | tail -1)"
same "groups over dictionaries" "happy 1428,ok 1429,sad 1428" "$($weir -o csv -c "SELECT string_agg(e || ' ' || n, ',' ORDER BY e)
    FROM (SELECT e, count(*) AS n FROM 'd.arrows' WHERE e IS NOT NULL GROUP BY e)" | tail -1 | tr -d '"')"

same "a stream through a pipe" "5000|4999" "$($weir -o arrow -c "FROM 'a.arrow'" |
    $weir -o csv -c "SELECT count(*) || '|' || max(i) AS x FROM '/dev/stdin'" | tail -1)"
same "a named pipe function" "3" "$($weir -o arrow -c "SELECT 3 AS a" | $weir -o csv -c "FROM read_arrow('/dev/stdin')" | tail -1)"
$weir -o arrow -c "SELECT 1 AS a" >redirected.bin
same "a stream without a suffix is recognised" "1" "$($weir -o csv -c "FROM 'redirected.bin'" | tail -1)"
$weir -o arrow -O out.arrow -c "SELECT 7 AS a" || failed=1
same "-o arrow -O" "7" "$($weir -o csv -c "FROM 'out.arrow'" | tail -1)"
fails "a second result" "writes one result, and this is the second" $weir -o arrow -c "SELECT 1 AS a; SELECT 2 AS a"
fails "a second result into a file" "-o parquet writes one result" $weir -o parquet -O two.parquet -c "SELECT 1 AS a; SELECT 2 AS b"
$weir -o arrow -c "CREATE TABLE u(a INT); INSERT INTO u VALUES (5); FROM u" >one.arrows || failed=1

# a stream behind a stream
$weir -c "COPY (SELECT 'x' AS s, (['a', 'b'])[1 + i % 2] AS d FROM range(10) r(i)) TO 'first.arrows';
    COPY (SELECT 'y' AS s, (['c', 'b'])[1 + i % 2] AS d FROM range(6) r(i)) TO 'second.arrows';
    CREATE TYPE dim AS ENUM ('p', 'q'); CREATE TYPE mid AS ENUM ('q', 'r', 's');
    COPY (SELECT (['q', 'p', NULL])[1 + i % 3]::dim AS e FROM range(9) r(i)) TO 'dict1.arrows';
    COPY (SELECT (['r', 'q'])[1 + i % 2]::mid AS e FROM range(8) r(i)) TO 'dict2.arrows';
    COPY (SELECT 'z' AS s, 1 AS d) TO 'other.arrows'" || failed=1
cat first.arrows second.arrows first.arrows >three.arrows
same "streams with the same columns are read on" "26|20|a 10,b 13,c 3" "$($weir -o csv -c "SELECT count(*) || '|' ||
    count(*) FILTER (s = 'x') || '|' || (SELECT string_agg(d || ' ' || n, ',' ORDER BY d) FROM
    (SELECT d, count(*) AS n FROM 'three.arrows' GROUP BY d)) AS x FROM 'three.arrows'" | tail -1 | tr -d '"')"
cat dict1.arrows dict2.arrows dict1.arrows >dicts.arrows
same "each stream has its dictionary" "p 6,q 10,r 4, 6" "$($weir -o csv -c "SELECT string_agg(coalesce(e, '') || ' ' || n, ',' ORDER BY e
    NULLS LAST) FROM (SELECT e, count(*) AS n FROM 'dicts.arrows' GROUP BY e)" | tail -1 | tr -d '"')"
size=$(stat -c %s first.arrows)
cat first.arrows other.arrows >mixed.arrows
fails "a stream with other columns" "stream from offset $size on has other columns" $weir -c "FROM 'mixed.arrows'"
(cat first.arrows; echo "more") >more.arrows
fails "bytes behind the end" "bytes from offset $size on, behind the end of a stream" $weir -c "FROM 'more.arrows'"
(cat first.arrows; head -c 4 /dev/zero) >zeros.arrows
fails "zeros behind the end" "bytes from offset $size on" $weir -c "FROM 'zeros.arrows'"
gzip -k b.arrows
same "a compressed stream" "5000" "$($weir -o csv -c "SELECT count(*) FROM 'b.arrows.gz'" | tail -1)"
printf 'a;b\n1;x\n2;y\n' >in.csv
$weir -q convert in.csv in.arrow --compression lz4 && $weir -q convert in.arrow in.arrows && $weir -q convert in.arrows back.csv
same "convert there and back" "1,x" "$(sed -n 2p back.csv)"

fails "more than 38 digits" "more digits than Arrow's 38" \
    $weir -c "COPY (SELECT 170141183460469231731687303715884105727 AS h) TO 'x.arrow'"
fails "whole-file compression" "not compressed as a whole" $weir -c "COPY (SELECT 1 AS a) TO 'x.arrow.gz'"
fails "an unknown compression" "one of zstd, lz4, none" $weir -c "COPY (SELECT 1 AS a) TO 'x.arrow' (COMPRESSION snappy)"
fails "an unknown layout" "one of file, stream, auto" $weir -c "COPY (SELECT 1 AS a) TO 'x.arrow' (LAYOUT heap)"
fails "a level of lz4" "only zstd has levels" $weir -c "COPY (SELECT 1 AS a) TO 'x.arrow' (COMPRESSION lz4, COMPRESSION_LEVEL 3)"
fails "an unknown read option" "batch" $weir -c "FROM read_arrow('a.arrow', batch => 3)"
[ -e x.arrow ] && { echo "a failed COPY left a file"; failed=1; }
head -c 3000 a.arrow >cut.arrow
fails "a file that was cut off" "no footer" $weir -c "FROM 'cut.arrow'"
head -c 30000 b.arrows >cut.arrows
fails "a stream that was cut off" "ends within a batch" $weir -c "FROM 'cut.arrows'"
exit $failed
