#!/bin/sh
# Queries that exceed memory_limit finish by way of temporary files, which leave no trace; a full disk is an error that the
# engine survives.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
groups="SELECT count(*), sum(n), sum(t) FROM (SELECT range * 7919 % 1000003 AS k, count(*) AS n, sum(range) AS t FROM range(1000000) GROUP BY 1)"
sorted="SELECT range * 7919 % 300007 AS x, 'text ' || range AS t, range / 7.0 AS y FROM range(300000) ORDER BY 1 DESC, 2"
joined="SELECT a.x, b.t FROM (SELECT range * 7 AS x FROM range(200000)) a JOIN (SELECT range AS x, 'text ' || range AS t FROM range(400000)) b USING (x) ORDER BY 1"
for query in "$groups" "$sorted" "$joined"; do
    whole=$("$WEIR" -q -o csv -c "$query" | cksum)
    small=$("$WEIR" -q -o csv --memory 24MB --threads 2 --set temp_directory="$work" -c "$query" | cksum)
    [ "$whole" = "$small" ] || { echo "with 24MB: $small, not $whole"; exit 1; }
done
[ -z "$(ls -A "$work")" ] || { echo "left behind: $(ls -A "$work")"; exit 1; }

"$WEIR" -q --memory 24MB -c "EXPLAIN ANALYZE $groups" | grep -q "MiB spilled" || { echo "EXPLAIN ANALYZE does not tell"; exit 1; }

# The disk is full at the third block; the next statement runs.
printf '%s\n' "{\"id\":1,\"sql\":\"$groups\"}" '{"id":2,"sql":"SELECT 42 AS x"}' |
    WEIR_FAULT="write:3+:ENOSPC" "$WEIR" --memory 24MB --set temp_directory="$work" --stdio jsonl >"$work/replies" ||
    { echo "the process ended: $(cat "$work/replies")"; exit 1; }
grep -q '"sqlstate": *"53100"' "$work/replies" || { echo "no 53100: $(cat "$work/replies")"; exit 1; }
grep -q '42' "$work/replies" || { echo "the next statement failed: $(cat "$work/replies")"; exit 1; }
rm "$work/replies"

# The bound on temporary files, and a folder that is not there.
said=$("$WEIR" --memory 24MB --set max_temp_directory_size=1MB -c "$groups" 2>&1) && { echo "1 MB sufficed"; exit 1; }
echo "$said" | grep -q "max_temp_directory_size" || { echo "$said"; exit 1; }
said=$("$WEIR" --memory 24MB --set temp_directory="$work/none" -c "$groups" 2>&1) && { echo "$work/none was found"; exit 1; }
echo "$said" | grep -q "$work/none" || { echo "$said"; exit 1; }

# A statement that spills can be stopped.
said=$("$WEIR" --memory 24MB --timeout 300ms -c "SELECT count(*) FROM (SELECT DISTINCT hash(range) FROM range(100000000))" 2>&1) &&
    { echo "300 ms sufficed"; exit 1; }
echo "$said" | grep -q W6003 || { echo "$said"; exit 1; }
