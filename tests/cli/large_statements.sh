#!/bin/sh
# large_statements.sh - statements of the size that programs write: long lists and chains, many joins and branches, and
# a clear error where something is nested too deeply. Each must be answered within seconds; quadratic work shows.
set -u
exec python3 - <<'PYTHON'
import os
import resource
import subprocess
import sys
import time

TABLE = "CREATE TEMP TABLE t AS SELECT i AS x, 'a' || i AS s FROM generate_series(1, 1000) g(i);\n"


def chain(count, between, item):
    return between.join(item(i) for i in range(count))


def joins(count, kind):
    return f"SELECT count(*) FROM t t0 {chain(count, ' ', lambda i: f'{kind} t t{i + 1} ON t{i}.x = t{i + 1}.x')}"


def nested(count, before, inside, after):
    return f"SELECT {before * count}{inside}{after * count}"


def withs(count):
    parts = chain(count, ", ", lambda i: f"c{i} AS (SELECT * FROM {f'c{i - 1}' if i else 't'})")
    return f"WITH {parts} SELECT count(*) FROM c{count - 1}"


CASES = {
    "OR of equalities": (f"SELECT count(*) FROM t WHERE {chain(5000, ' OR ', lambda i: f'x = {i * 3}')}", "333"),
    "OR with one other condition": (
        f"SELECT count(*) FROM t WHERE s = 'a1' OR {chain(5000, ' OR ', lambda i: f'x = {i * 3}')}", "334"),
    "OR of pairs": (f"SELECT count(*) FROM t WHERE {chain(5000, ' OR ', lambda i: f'(x = {i * 3} AND x > {i})')}", "333"),
    "AND": (f"SELECT count(*) FROM t WHERE {chain(10000, ' AND ', lambda i: f'x <> {i * 3}')}", "667"),
    "PIVOT of a long chain": (
        f"SELECT max(\"1\") FROM (PIVOT t ON x IN (1) USING max(x) + {chain(19000, ' + ', lambda i: '1')})", "19001"),
    "IN, numbers": (f"SELECT count(*) FROM t WHERE x IN ({chain(100000, ', ', lambda i: str(i * 3))})", "333"),
    "IN, texts": (f"SELECT count(*) FROM t WHERE s IN ({chain(100000, ', ', lambda i: chr(39) + 'a' + str(i * 3) + chr(39))})",
                  "333"),
    "NOT IN with NULL": (f"SELECT count(*) FROM t WHERE x NOT IN (NULL, {chain(10000, ', ', lambda i: str(i * 3))})", "0"),
    "sum": (f"SELECT sum({chain(10000, ' + ', lambda i: 'x')}) FROM t", "5005000000"),
    "sum without end": (f"SELECT {chain(200000, ' + ', str)}", "W0105"),
    "sum of constants": (f"SELECT {chain(10000, ' + ', str)}", "49995000"),
    "sum that fails": (f"SELECT 9223372036854775807 + {chain(10000, ' + ', str)}", "error"),
    "||": (f"SELECT max(length({chain(10000, ' || ', lambda i: 's')})) FROM t", "50000"),
    "|| with NULL": (f"SELECT count({chain(300, ' || ', lambda i: 's')} || NULL || s) FROM t", "0"),
    "CASE": (f"SELECT sum(CASE {chain(10000, ' ', lambda i: f'WHEN x = {i} THEN {i * 2}')} ELSE 0 END) FROM t", "1001000"),
    "ELSE CASE": ("SELECT sum(" + chain(450, " ", lambda i: f"CASE WHEN x = {i} THEN {i} ELSE") + " 0" + " END" * 450 +
                  ") FROM t", "101025"),
    "arguments": (f"SELECT max(greatest({chain(2000, ', ', lambda i: f'x + {i}')})) FROM t", "2999"),
    "inner joins": (joins(500, "JOIN"), "1000"),
    "left joins": (joins(500, "LEFT JOIN"), "1000"),
    "UNION ALL": (f"SELECT sum(a) FROM ({chain(1000, ' UNION ALL ', lambda i: f'SELECT {i} AS a')}) q", "499500"),
    "VALUES": (f"SELECT sum(a) FROM (VALUES {chain(50000, ', ', lambda i: f'({i}, {i}.5)')}) v(a, b)", "1249975000"),
    "columns": (f"SELECT c1999 FROM (SELECT {chain(2000, ', ', lambda i: f'x + {i} AS c{i}')} FROM t) q LIMIT 1", "2000"),
    "parentheses": (nested(900, "(", "1", ")"), "1"),
    "too many parentheses": (nested(100000, "(", "1", ")"), "W0105"),
    "calls too deep": (nested(900, "abs(", "1", ")"), "W0105"),
    "conditions too deep": ("SELECT count(*) FROM t WHERE " + "(x = 1 OR x = 2 AND " * 300 + "x = 3" + ")" * 300, "W0105"),
    "queries": ("SELECT count(*) FROM " + "(SELECT * FROM " * 250 + "t" + ") q" * 250, "1000"),
    "queries that aggregate": (
        "SELECT count(*) FROM " + "(SELECT x, count(*) AS c FROM " * 250 + "t" + " GROUP BY x) q" * 250, "1000"),
    "queries too deep": ("SELECT count(*) FROM " + "(SELECT * FROM " * 3000 + "t" + ") q" * 3000, "W0105"),
    "correlated queries": (
        "SELECT count(*) FROM t t0 WHERE " +
        chain(200, "", lambda i: f"EXISTS (SELECT 1 FROM t t{i + 1} WHERE t{i + 1}.x = t{i}.x AND ") + "true" + ")" * 200,
        "1000"),
    "WITH, one after the other": (withs(250), "1000"),
    "WITH without end": (withs(3000), "W0105"),
    "sum in a view": (f"CREATE TEMP VIEW v AS SELECT {chain(10000, ' + ', lambda i: 'x')} AS a FROM t; SELECT min(a) FROM v",
                      "10000"),
    "sum that is grouped by": (
        f"SELECT {chain(10000, ' + ', lambda i: 'x')} AS a FROM t GROUP BY 1 ORDER BY 1 LIMIT 1", "10000"),
    "sum with COLUMNS in it": (f"SELECT {chain(10000, ' + ', lambda i: 'x')} + COLUMNS('x') FROM t LIMIT 1", "10001"),
    "too many joins": (joins(1500, "JOIN"), "W0105"),
}

# A stack of another size may allow less, and then the answer is W0105; it is never a crash. Sanitizers need more of it.
KB = 1024
STACKS = {"stack as it is": None, "stack of 1 MB": 1 * KB * KB, "stack of 256 KB": 256 * KB}
if "asan" in os.environ["WEIR"] or "tsan" in os.environ["WEIR"]:
    STACKS = {"stack as it is": None}


def run(sql, stack):
    def limit():
        if stack:
            resource.setrlimit(resource.RLIMIT_STACK, (stack, resource.getrlimit(resource.RLIMIT_STACK)[1]))
    return subprocess.run([os.environ["WEIR"], "--output", "csv"], input=TABLE + sql + ";\n", capture_output=True,
                          text=True, preexec_fn=limit)


failed = 0
for name, (sql, wanted) in CASES.items():
    for where, stack in STACKS.items():
        began = time.monotonic()
        done = run(sql, stack)
        seconds = time.monotonic() - began
        text = done.stdout + done.stderr
        got = text.strip().splitlines()[-1] if done.returncode == 0 else text
        right = got == wanted if done.returncode == 0 else done.returncode > 0 and (wanted in got or (stack and "W0105" in got))
        if not right or seconds > 5:
            failed += 1
            print(f"{name}, {where}: wanted {wanted}, got {got[:300]} (exit {done.returncode}, {seconds:.1f} s)")
sys.exit(failed > 0)
PYTHON
