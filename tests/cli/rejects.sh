#!/bin/sh
# Lines that cannot be read are an error, or rows of a table the user named; never gone.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
printf 'a,b\n1,2\n3\n4,x\n5,6\n' >"$dir/dirty.csv"
if "$WEIR" -c "SELECT count(*) FROM '$dir/dirty.csv'" 2>"$dir/err"; then echo "a short line was accepted"; exit 1; fi
grep -q 'line 3 has 1 field' "$dir/err" || { cat "$dir/err"; exit 1; }
got=$("$WEIR" -q -o csv -c "SELECT count(*), sum(b) FROM read_csv('$dir/dirty.csv', types => {b: 'INTEGER'}, rejects => 'bad');
    SELECT line, \"column\", text FROM bad ORDER BY line" 2>"$dir/err")
want='count,sum
2,8
line,column,text
3,,3
4,b,"4,x"'
[ "$got" = "$want" ] || { echo "got: $got"; cat "$dir/err"; exit 1; }
grep -q '2 lines could not be read: FROM bad' "$dir/err" || { echo "no notice"; cat "$dir/err"; exit 1; }
# A failed statement leaves no table behind.
if "$WEIR" -c "SELECT 1 / (b - b) FROM read_csv('$dir/dirty.csv', types => {b: 'INTEGER'}, rejects => 'bad')" 2>/dev/null; then exit 1; fi
