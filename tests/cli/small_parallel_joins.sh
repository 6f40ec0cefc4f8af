#!/bin/sh
# Many small parallel joins and aggregates: workers that come late must find everything ready.
set -eu
python3 - "$WEIR" <<'PY'
import json, subprocess, sys
child = subprocess.Popen([sys.argv[1], "--threads", "7", "--stdio", "jsonl"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

def ask(sql):
    child.stdin.write(json.dumps({"id": 1, "sql": sql}) + "\n")
    child.stdin.flush()
    line = child.stdout.readline()
    if not line:
        sys.exit(f"the engine died: {child.wait()}")
    reply = json.loads(line)
    if not reply["ok"]:
        sys.exit(reply["error"]["message"])
    return reply["rows"]

ask("CREATE TABLE a AS SELECT x, x % 10 AS g FROM generate_series(1, 20000) s(x)")
ask("CREATE TABLE b AS SELECT x * 3 AS x, x % 7 AS h FROM generate_series(1, 5000) s(x)")
for _ in range(300):
    got = ask("SELECT h, count(*), sum(g) FROM a JOIN b USING (x) WHERE g IN (SELECT DISTINCT g FROM a WHERE x < 5000) GROUP BY h ORDER BY h")
    if [r[1] for r in got] != [714, 715, 715, 714, 714, 714, 714]:
        sys.exit(f"wrong: {got}")
PY
