#!/bin/sh
# A file sink leaves no lock in its folder, and commits where the file system has no locks, saying what that means.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
write="CREATE OR REPLACE SINK k (i BIGINT) WITH (connector = 'files', path = '$folder/out', format = 'jsonl');
INSERT INTO k SELECT * FROM range(3)"
read="SELECT count(*), sum(i) FROM '$folder/out/part-*.jsonl'; SELECT count(*) FROM '$folder/out/_manifest.jsonl'"

"$WEIR" query "$write" >"$folder/first" 2>&1
[ ! -s "$folder/first" ] || ! grep -q locks "$folder/first"
WEIR_FAILPOINTS=files_lock=error "$WEIR" query "$write" >"$folder/second" 2>&1
grep -q 'the file system has no locks: no process of another machine may write into the folder' "$folder/second"
"$WEIR" query -o csv "$read" | tr -d '\r' | tr '\n' ' ' >"$folder/read"
grep -q '6,6' "$folder/read"
[ -z "$(find "$folder/out" -name '.*' -type f)" ]
