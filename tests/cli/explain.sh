#!/bin/sh
# EXPLAIN ANALYZE tells, for every operator, what was expected and what happened: rows, time, memory, spilled bytes; for
# scans also what was read, decoded, filtered and skipped.
set -eu
WEIR=$(realpath "$WEIR")
export WEIR
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
"$WEIR" -q -c "
COPY (SELECT range AS i, range % 7 AS k, hash(range) AS h, 'text ' || range AS t FROM range(200000))
    TO 'many.parquet' (COMPRESSION zstd, ROW_GROUP_SIZE 20000);
COPY (SELECT range AS i, 'text ' || range AS t FROM range(50000)) TO 'lines.csv.gz' (COMPRESSION gzip);
COPY (SELECT range AS i, 'text ' || range AS t FROM range(50000)) TO 'lines.csv';
COPY (SELECT range AS i, 'text' AS t FROM range(50000)) TO 'lines.jsonl';
COPY (SELECT range AS i, 'text' AS t FROM range(50000)) TO 'lines.arrow' (COMPRESSION zstd);
COPY (SELECT range * 7 AS i FROM range(500)) TO 'few.parquet'"
exec python3 - <<'P'
import json, os, re, subprocess, sys

def run(*words):
    return subprocess.run([os.environ["WEIR"], *words], check=True, capture_output=True, text=True).stdout

def nodes(plan):
    yield plan
    for i in plan.get("inputs", []):
        yield from nodes(i)

def analyze(sql, *flags):
    plan = json.loads(run(*flags, "explain", "--analyze", "--format", "json", sql))["plan"]
    found = [n for n in nodes(plan) if "same_as" not in n]
    for n in found:
        for key in ("rows", "busy_ms", "memory_bytes", "spilled_bytes"):
            assert key in n["actual"], (key, n)
        assert n["estimated_rows"] >= 0, n
    assert sum(n["actual"]["busy_ms"] for n in found) > 0, found
    return found

def only(found, operator):
    wanted = [n for n in found if n["operator"] == operator]
    assert len(wanted) == 1, (operator, found)
    return wanted[0]

# Row groups that cannot match are skipped; of the others only the columns asked for are read and decoded.
scan = only(analyze("SELECT sum(k) FROM 'many.parquet' WHERE i >= 130000 AND k = 3"), "scan")
done = scan["actual"]
assert "where" in scan["label"] and "130000" in scan["label"], scan
assert done["rows_skipped"] >= 120000 and done["rows_read"] + done["rows_skipped"] == 200000, done
assert done["rows"] == sum(1 for i in range(130000, 200000) if i % 7 == 3), done
one, all_columns = done, only(analyze("FROM 'many.parquet'"), "scan")["actual"]
assert all_columns["rows_read"] == all_columns["rows"] == 200000 and "rows_skipped" not in all_columns, all_columns
assert 0 < one["file_bytes"] < all_columns["file_bytes"] < 1.1 * os.path.getsize("many.parquet"), (one, all_columns)
assert all_columns["decoded_bytes"] > all_columns["file_bytes"] > 1_600_000 and one["decoded_bytes"] > 0, all_columns
assert only(analyze("SELECT i FROM 'many.parquet' LIMIT 5"), "scan")["actual"]["decoded_bytes"] > 0

# Texts: decoded is what was unpacked. Set of files: the sum.
text = os.path.getsize("lines.csv")
plain = only(analyze("FROM 'lines.csv'"), "scan")["actual"]
packed = only(analyze("FROM 'lines.csv.gz'"), "scan")["actual"]
both = only(analyze("FROM 'lines.csv*'"), "scan")["actual"]
assert plain["file_bytes"] == text and abs(plain["decoded_bytes"] - text) < 100, (plain, text)
assert packed["file_bytes"] == os.path.getsize("lines.csv.gz"), packed
assert packed["decoded_bytes"] == plain["decoded_bytes"], (packed, plain)
assert both["decoded_bytes"] == 2 * plain["decoded_bytes"] and both["rows_read"] == 100000, both
for name in ("lines.jsonl", "lines.arrow"):
    scan = only(analyze(f"FROM '{name}'"), "scan")["actual"]
    assert 0 < scan["file_bytes"] <= scan["decoded_bytes"], (name, scan)

# Rows that a filter removed are read, but do not leave the scan; tables in memory skip chunks, too.
setup = "CREATE TABLE t AS SELECT range AS i FROM range(100000); EXPLAIN ANALYZE SELECT count(*) FROM t WHERE i > 90000 AND i % 2 = 0"
said = run("-q", "-o", "csv", "-c", setup)
scan = next(line for line in said.splitlines() if "scan" in line)
numbers = re.search(r"~(\d+) rows  \[(\d+) rows, [0-9.]+ ms, (\d+) read, (\d+) skipped by statistics", scan)
assert numbers and int(numbers[2]) == 4999 and int(numbers[3]) + int(numbers[4]) == 100000, scan

# A union has the rows of its inputs, though nothing runs for it.
found = analyze("SELECT count(*) FROM (FROM range(7) UNION ALL (FROM range(9) UNION ALL FROM range(20) LIMIT 5))")
assert sorted(n["actual"]["rows"] for n in found if n["operator"] == "union") == [9, 12], found

# A join tells the other side what can match.
found = analyze("SELECT count(*) FROM 'many.parquet' m JOIN 'few.parquet' f ON m.i = f.i WHERE f.i % 2 = 0")
probe = max((n for n in found if n["operator"] == "scan"), key=lambda n: n["actual"]["rows_read"])
assert "runtime" in probe["label"], probe
assert probe["actual"].get("runtime_filtered", 0) + probe["actual"].get("rows_skipped", 0) > 150000, probe

# What does not fit is told where it happened.
found = analyze("SELECT * FROM (SELECT range * 7919 % 300007 AS x, 'text ' || range AS t FROM range(300000)) ORDER BY 1",
                "--memory", "24MB", "--threads", "2")
sort = only(found, "sort")["actual"]
assert sort["spilled_bytes"] > 1_000_000 and sort["memory_bytes"] > 0 and sort["rows"] == 300000, sort
assert all(n["actual"]["spilled_bytes"] == 0 for n in found if n["operator"] != "sort"), found

# The text has the same, estimate beside actual, in each line of an operator.
lines = run("explain", "--analyze", "SELECT k, count(*) FROM 'many.parquet' WHERE i < 50000 GROUP BY k ORDER BY k").splitlines()
for line in lines[:-1]:
    assert re.search(r"~\d+ rows  \[\d+ rows, [0-9.]+ ms", line), line
assert re.search(r"50000 read|60000 read", lines[-2]) and re.search("[KM]iB of files, [0-9.]+ [KM]iB decoded", lines[-2]), lines
assert re.search(r"execution: [0-9.]+ ms.*peak memory: [0-9.]+ MiB", lines[-1]), lines
for form, words in (("mermaid", r"rows, [0-9.]+ ms<br>~\d+ rows expected"), ("html", r"about \d+ rows expected")):
    said = run("explain", "--analyze", "--format", form, "SELECT count(*) FROM 'few.parquet'")
    assert re.search(words, said), said

# Definitions are explained by what fills them, and define nothing; of a script it is the last statement.
os.mkdir("in")
open("in/a.csv", "w").write("ts,k\n2026-01-01 00:00:01,a\n")
source = ("CREATE SOURCE s (ts TIMESTAMP, k VARCHAR, WATERMARK FOR ts AS ts) "
          "WITH (connector = 'files', path = 'in', format = 'csv');\n")
sink = "CREATE SINK o WITH (connector = 'console') AS SELECT k, count(*) AS n FROM s GROUP BY k"
view = "CREATE MATERIALIZED VIEW v AS SELECT k, count(*) AS n FROM s GROUP BY k"
open("script.sql", "w").write(source + sink + ";\n" + sink.replace("SINK o", "SINK p"))
for words in (["explain", source + sink], ["explain", "-f", "script.sql"], ["explain", "-c", source, sink], ["explain", source + view]):
    said = run(*words)
    assert re.search(r"logical\n.*physical\n.*sink [opv] \[(console|view)\].*strategy\n", said, re.S), (words, said)
assert json.loads(run("--json", "explain", "-f", "script.sql"))["v"] == 1
said = run("-q", "-c", source, "-c", "EXPLAIN " + sink, "-c", "CREATE SINK o (k VARCHAR) WITH (connector = 'console')")
assert "aggregate by k" in said, said
said = run("explain", "CREATE TABLE t(a INT); INSERT INTO t VALUES (1), (2); SELECT a FROM t WHERE a > 1")
assert "scan t" in said and "insert" not in said, said
assert "values" in run("explain", "CREATE TABLE t AS SELECT 1 AS a")
failed = subprocess.run([os.environ["WEIR"], "explain", "CREATE TABLE t(a INT); SELECT b FROM t"], capture_output=True, text=True)
assert failed.returncode == 1 and "W1203" in failed.stderr and "SELECT b FROM t\n    |                               ^" in failed.stderr, failed
for words, code, said in ((["explain", "script.sql"], 2, "of its last statement: weir explain -f script.sql"),
                          (["explain", "nothing.sql"], 2, "weir explain -f nothing.sql"), (["query", "script.sql"], 2, "weir -f script.sql"),
                          (["explain", "few.parquet"], 2, "its rows: FROM 'few.parquet'"), (["explain", "SELECT 1 frm x"], 1, "  fix: SELECT 1 FROM x")):
    failed = subprocess.run([os.environ["WEIR"], *words], capture_output=True, text=True)
    assert failed.returncode == code and said.lower() in failed.stderr.lower() and "EXPLAIN (" not in failed.stderr, failed
P
