#!/bin/sh
# A weir that is killed while it writes leaves the target as it was, and what it leaves beside it goes when the next one
# writes there. Files of one that still writes stay. Temporary files of a statement vanish with the process.
set -eu
WEIR=$(realpath "$WEIR")
dir=$(mktemp -d)
running=
trap '[ -z "$running" ] || kill -9 "$running" 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
die() { echo "$1"; find . -type f | head -20; exit 1; }
parts() { find . -name '*.tmp-*' | wc -l; }
many="SELECT range % 3 AS g, 'new' AS v, hash(range) AS h FROM range(1000000000000)"

# begins ARGUMENT...: starts weir and waits until it has written into a file beside its target
begins() {
    before=$(find . -name '*.tmp-*' -size +0 | wc -l)
    "$WEIR" -q --threads 1 "$@" >out 2>err &
    running=$!
    for _ in $(seq 600); do
        [ "$(find . -name '*.tmp-*' -size +0 | wc -l)" -gt "$before" ] && return
        kill -0 "$running" 2>/dev/null || die "it ended: $(cat err)"
        sleep 0.05
    done
    die "nothing was written by: $*"
}
killed() { # -9, and waits
    kill -9 "$running"
    wait "$running" 2>/dev/null || true
    running=
}
whole() { "$WEIR" -q -o csv -c "SELECT count(*), min(v), max(v) FROM '$1'" | tail -1; }

for suffix in csv parquet arrow; do
    begins -c "COPY ($many) TO 'x.$suffix'"
    killed
    [ ! -e "x.$suffix" ] || die "COPY: half a file appeared"
    [ "$(parts)" -gt 0 ] || die "the test saw nothing"
    "$WEIR" -q -c "COPY (SELECT 'old' AS v FROM range(5)) TO 'x.$suffix'"
    [ "$(parts)" = 0 ] || die "COPY to $suffix left something behind"
    begins -c "COPY ($many) TO 'x.$suffix'"
    killed
    [ "$(whole "x.$suffix")" = 5,old,old ] || die "COPY: the older file is not what it was"
    "$WEIR" -q -c "COPY (SELECT 1 AS one) TO 'other.csv'" # any write into the folder
    [ "$(parts)" = 0 ] || die "COPY beside x.$suffix left something behind"
done

begins -o csv -O out.csv -c "$many"
killed
[ ! -e out.csv ] || die "-O: half a file appeared"
"$WEIR" -q -o csv -O out.csv -c "SELECT 'old' AS v"
[ "$(parts)" = 0 ] || die "-O left something behind"
begins -o csv -O out.csv -c "$many"
killed
[ "$(cat out.csv)" = "v
old" ] || die "-O: the older file is not what it was"
"$WEIR" -q -o csv -O out.csv -c "SELECT 'newer' AS v"
[ "$(parts)" = 0 ] || die "-O left something behind the second time"

# A folder of partitions: what is left does not stand in the way of the same statement.
begins -c "COPY ($many) TO 'parts' (FORMAT csv, PARTITION_BY (g))"
killed
[ "$(find parts -name '*.csv' | wc -l)" = 0 ] || die "partitions: half a file appeared"
"$WEIR" -q -c "COPY (SELECT range % 3 AS g, 'old' AS v FROM range(6)) TO 'parts' (FORMAT csv, PARTITION_BY (g))" ||
    die "a killed COPY stands in the way of the next one"
[ "$(parts)" = 0 ] || die "partitions left something behind"
begins -c "COPY ($many) TO 'parts' (FORMAT csv, PARTITION_BY (g), OVERWRITE)"
killed
[ "$(whole 'parts/**/*.csv')" = 6,old,old ] || die "OVERWRITE: the older files are not what they were"
[ "$(whole 'parts/*/*')" = 6,old,old ] || die "a pattern matches a file that is not complete"

# One that still writes keeps its file, whatever others do; it is stopped here so that it cannot end.
begins -c "COPY ($many) TO 'living.csv'"
kill -STOP "$running"
[ "$(find . -name 'living.csv.tmp-*' | wc -l)" = 1 ] || die "the living one has no file"
"$WEIR" -q -c "COPY (SELECT 1 AS one) TO 'other.csv'"
"$WEIR" -q -o csv -O out.csv -c "SELECT 1 AS one"
[ "$(find . -name 'living.csv.tmp-*' | wc -l)" = 1 ] || die "the file of a living process was removed"
kill -CONT "$running"
killed
"$WEIR" -q -c "COPY (SELECT 1 AS one) TO 'other.csv'"
[ "$(find . -maxdepth 1 -name '*.tmp-*' | wc -l)" = 0 ] || die "it stayed after the process had died"

# Temporary files have no names: nothing is there while a statement spills, nor when it was killed.
mkdir spill
"$WEIR" -q --threads 2 --memory 24MB --set temp_directory="$dir/spill" -o none \
    -c "SELECT hash(range) AS h, 'text ' || range AS t FROM range(1000000000) ORDER BY 1" >out 2>err &
running=$!
spills=
for _ in $(seq 600); do
    # shellcheck disable=SC2012
    if ls -l "/proc/$running/fd" 2>/dev/null | grep -q "$dir/spill/.*deleted"; then spills=1; break; fi
    kill -0 "$running" 2>/dev/null || die "it ended: $(cat err)"
    sleep 0.05
done
[ -n "$spills" ] || die "it did not spill"
[ -z "$(ls -A spill)" ] || die "a temporary file has a name: $(ls -A spill)"
killed
[ -z "$(ls -A spill)" ] || die "a killed statement left $(ls -A spill)"
got=$("$WEIR" -q -o csv --memory 24MB --set temp_directory="$dir/spill" \
    -c "SELECT count(*) FROM (SELECT hash(range) AS h, 'text ' || range AS t FROM range(300000) ORDER BY 1)" | tail -1)
[ "$got" = 300000 ] || die "the next one said $got"
[ -z "$(ls -A spill)" ] || die "the next one left $(ls -A spill)"
