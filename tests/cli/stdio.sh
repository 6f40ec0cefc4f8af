#!/bin/sh
# --stdio jsonl: a reply waits in memory until its last row is there. It is counted: one that does not fit is refused by
# name, and the session goes on.
set -eu
WEIR=$(realpath "$WEIR")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
# The reply of the last request is 40 MB long, beyond every limit; those before are given back when they were sent.
python3 - >"$dir/requests" <<'P'
import json
rows = "SELECT range AS i, repeat('text ' || range, 100) AS t FROM range(%d)"
asked = [rows % 8000] * 12 + [rows % 40000, "SELECT 42 AS x", rows % 8000, "SELECT repeat('z', 60000000)", "SELECT 43 AS x"]
for number, sql in enumerate(asked):
    print(json.dumps({"id": number, "sql": sql}))
P
"$WEIR" --memory 32MB --threads 2 --stdio jsonl <"$dir/requests" >"$dir/replies" || { echo "the process ended"; exit 1; }
python3 - "$dir/replies" <<'P'
import json, sys
replies = [json.loads(line) for line in open(sys.argv[1])]
assert [r["id"] for r in replies] == list(range(17)), [r["id"] for r in replies]
for number in [*range(12), 14]:
    r = replies[number]
    assert r["ok"], r["error"]
    assert [row[0] for row in r["rows"]] == list(range(8000))
    assert all(row[1] == f"text {row[0]}" * 100 for row in r["rows"])
    assert [c["name"] for c in r["columns"]] == ["i", "t"]
for number in (12, 15):
    assert not replies[number]["ok"], number
    error = replies[number]["error"]
    assert (error["code"], error["sqlstate"]) == ("W6002", "53200"), error
    assert "the memory limit of" in error["message"], error
assert replies[13]["rows"] == [[42]] and replies[16]["rows"] == [[43]]
P
