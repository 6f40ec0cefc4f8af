#!/bin/sh
# Scripts of streams in Velaria's words run as they are: CREATE SOURCE TABLE over a folder of CSV files, CREATE SINK TABLE
# that is one CSV file, WINDOW BY .. EVERY .. [SLIDE ..] AS, INSERT INTO sink SELECT. Groups that change are written again.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
WEIR=$(realpath "$WEIR")
cd "$dir"
mkdir in
printf 'key,value,t\na,5,2026-01-01T00:00:01\nb,7,2026-01-01T00:00:02\na,20,2026-01-01T00:00:31\n' >in/one.csv
cat >sums.sql <<'Q'
CREATE SOURCE TABLE input_stream (key STRING, value INT, t STRING) USING csv OPTIONS (path: 'in', delimiter: ',');
CREATE SINK TABLE output_sink (key STRING, value_sum INT) USING csv OPTIONS (path: 'out/sums.csv', delimiter: ',');
INSERT INTO output_sink
SELECT key, SUM(value) AS value_sum FROM input_stream WHERE value > 4 GROUP BY key HAVING value_sum > 6;
Q
"$WEIR" run sums.sql --until-idle 500ms --state state -q
[ "$(sort out/sums.csv | tr '\n' ' ')" = "a,25 b,7 key,value_sum " ] || { echo "sums: $(cat out/sums.csv)"; exit 1; }

# What changes is appended anew, behind what is there; an older answer stays. The header stands once.
printf 'key,value,t\nb,10,2026-01-01T00:01:01\n' >in/two.csv
"$WEIR" run sums.sql --until-idle 500ms --state state -q
[ "$(tail -1 out/sums.csv)" = "b,17" ] && [ "$(wc -l <out/sums.csv)" = 4 ] || { echo "sums: $(cat out/sums.csv)"; exit 1; }
[ "$(ls -A out)" = sums.csv ] || { echo "left: $(ls -A out)"; exit 1; }
"$WEIR" explain -f sums.sql | grep -q "rows: appended, new ones of those that change, too"

window() {
    cat >"$1.sql" <<Q
CREATE SOURCE TABLE events (key STRING, value INT, t STRING) USING csv OPTIONS (path: 'in');
CREATE SINK TABLE windows (w STRING, key STRING, n INT) USING csv OPTIONS (path: '$1.csv');
INSERT INTO windows SELECT w, key, COUNT(*) AS n FROM events WINDOW BY t EVERY 60000$2 AS w GROUP BY w, key;
Q
    "$WEIR" run "$1.sql" --once -q
    sort "$1.csv" | tr '\n' ' '
}
said=$(window tumbling "")
[ "$said" = "2026-01-01T00:00:00,a,2 2026-01-01T00:00:00,b,1 2026-01-01T00:01:00,b,1 w,key,n " ] || { echo "$said"; exit 1; }
said=$(window sliding " SLIDE 30000")
want="2025-12-31T23:59:30,a,1 2025-12-31T23:59:30,b,1 2026-01-01T00:00:00,a,2 2026-01-01T00:00:00,b,1 "
want="${want}2026-01-01T00:00:30,a,1 2026-01-01T00:00:30,b,1 2026-01-01T00:01:00,b,1 w,key,n "
[ "$said" = "$want" ] || { echo "$said"; exit 1; }

# LIMIT is that of the whole query, also over a restart; ORDER BY needs it.
cat >first.sql <<'Q'
CREATE SOURCE TABLE s (key STRING, value INT, t STRING) USING csv OPTIONS (path: 'in');
CREATE SINK TABLE k (key STRING, value INT) USING csv OPTIONS (path: 'first.csv');
INSERT INTO k SELECT key, value FROM s WHERE value >= 7 OR key = 'x' LIMIT 2;
Q
"$WEIR" run first.sql --until-idle 500ms --state state_first -q
printf 'key,value,t\nx,8,2026-01-01T00:01:01\n' >in/zero.csv
"$WEIR" run first.sql --until-idle 500ms --state state_first -q
[ "$(wc -l <first.csv)" = 3 ] && ! grep -q x first.csv || { cat first.csv; exit 1; }
"$WEIR" explain -f first.sql | grep -q "keeps: the first 2"
sed 's/LIMIT 2/ORDER BY value DESC LIMIT 1/; s/first.csv/best.csv/' first.sql >best.sql
"$WEIR" run best.sql --until-idle 500ms -q
[ "$(tail -1 best.csv)" = a,20 ] || { cat best.csv; exit 1; }
sed 's/LIMIT 2/ORDER BY value DESC/' first.sql >sorted.sql
! "$WEIR" run sorted.sql --until-idle 500ms -q 2>said || exit 1
grep -q "W0104.*a stream has no end, so its rows cannot be sorted" said
rm in/zero.csv

# A sink of one file elsewhere: what replaces rows is refused unless it is asked for.
cat >refused.sql <<'Q'
CREATE SOURCE s (key VARCHAR, value INT) WITH (connector = 'files', path = 'in', format = 'csv');
CREATE SINK o WITH (connector = 'files', path = 'o.csv', mode = 'append') AS SELECT key, sum(value) AS n FROM s GROUP BY key;
Q
! "$WEIR" run refused.sql --once 2>said || exit 1
grep -q "W0104.*can only append" said && grep -q "force_append_only = true" said
sed -i "s/mode = 'append'/mode = 'append', force_append_only = true/" refused.sql
"$WEIR" run refused.sql --once -q
[ "$(grep ^a o.csv | tail -1)" = "a,25" ] && [ "$(grep ^b o.csv | tail -1)" = "b,17" ] || { cat o.csv; exit 1; }
