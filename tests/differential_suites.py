#!/usr/bin/env python3
"""TPC-H at scale 0.01 and samples of the classic sqllogictest files, answered by weir in many ways; all answers must be the same.

The ways: one, two and seven threads, the optimizer off (classic), each rule off by itself (TPC-H; without pushdown its joins by
commas are products of 10^9 rows), everything that can spill spilling, and the binaries in WEIR_ALSO (built with batches of 7 rows and of 1). Rows are compared as multisets of the texts of
the reply, so floats are compared bit by bit: the shortest text that reads back as the same number.

Usage: differential_suites.py [FILES] [QUERIES]: so many classic files, so many queries of each. Skipped aloud where the
corpora (WEIR_SHARED) or PyPI cannot be had. Last line: N passed, N failed.
"""
import collections
import importlib.util
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "bench")]
import slt
import workplace

spec = importlib.util.spec_from_file_location("tpch", ROOT / "bench" / "tpch" / "run.py")  # tests has a run.py too
tpch = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tpch)

WEIR = os.environ.get("WEIR", str(ROOT / "build" / "weir"))
BASE = "1 thread"


def ways(rules):
    """{name: command}; the first is what the others are compared with. rules: each is off in one of them."""
    made = {BASE: [WEIR, "--threads", "1"], "2 threads": [WEIR, "--threads", "2"], "7 threads": [WEIR, "--threads", "7"],
            "spilling": [WEIR, "--threads", "2", "--set", "force_spill=on"]}
    for other in filter(None, os.environ.get("WEIR_ALSO", "").split(":")):
        made[other] = [other, "--threads", "2"]
    for rule in rules:
        made[f"without {rule}"] = [WEIR, "--threads", "2", "--set", f"disabled_rules={rule}"]
    return made


class Answers:
    """Children that run the same statements; one that dies answers with its death and is started anew."""

    def __init__(self, commands):
        self.commands = commands
        self.engines = {name: self.start(name) for name in commands}
        self.before = []  # statements that a new child has to run first

    def start(self, name):
        return slt.Engine([*self.commands[name], "--stdio", "jsonl"], timeout=60)

    def ask(self, name, sql):
        try:
            reply = self.engines[name].ask(sql)
        except RuntimeError as error:
            self.engines[name] = self.start(name)
            for statement in self.before:
                self.engines[name].ask(statement)
            return str(error)[:80]
        if not reply["ok"]:
            return reply["error"]["code"]
        return collections.Counter(json.dumps(row) for row in reply.get("rows", []))

    def tell(self, sql):
        self.before.append(sql)
        for name in self.engines:
            self.ask(name, sql)

    def compare(self, what, sql):
        """1 if all answers are the same."""
        first = self.ask(BASE, sql)
        others = [name for name in self.engines if name != BASE and self.ask(name, sql) != first]
        if others or (isinstance(first, str) and not first.startswith("W")):
            print(f"DIFFERS {what}: {', '.join(others) or first}\n{sql[:400]}")
            return 0
        return 1

    def close(self):
        for engine in self.engines.values():
            engine.close()


def rules():
    described = json.loads(subprocess.run([WEIR, "describe", "--json"], capture_output=True, text=True, check=True).stdout)
    return [rule["name"] for rule in described["rules"] if not rule["required"] and rule["name"] != "pushdown"]


def tpch_counts():
    """(queries, same)"""
    try:
        folder = tpch.data(workplace.python_with("tpchgen-cli"), "0.01", "parquet")
    except (SystemExit, subprocess.CalledProcessError) as error:
        print(f"SKIPPED TPC-H: no data from tpchgen-cli: {error}")
        return 0, 0
    answers = Answers(ways(rules()))
    for table in tpch.TABLES:
        answers.tell(f"CREATE VIEW {table} AS SELECT * FROM {tpch.source('weir', folder, table, 'parquet')}")
    texts = tpch.queries(workplace.SHARED / "corpora" / "tpch")
    same = sum(answers.compare(f"TPC-H {name}", text.strip().rstrip(";")) for name, text in texts.items())
    answers.close()
    return len(texts), same


def classic_counts(file_count, query_count):
    """(queries, same) over files spread evenly; of each the statements and every n-th query."""
    files = sorted(p for p in (workplace.SHARED / "corpora" / "classic").rglob("*.test"))
    count = same = 0
    for path in files[::max(1, len(files) // file_count)][:file_count]:
        answers = Answers(ways(["all"]))
        found = [(kind, sql) for _, kind, sql, _ in slt.records(path) if kind[0] in ("statement", "query")]
        queries = [sql for kind, sql in found if kind[0] == "query"]
        step, at = max(1, len(queries) // query_count), 0
        for kind, sql in found:
            if kind[0] == "statement":
                answers.tell(sql)
                continue
            at += 1
            if at % step == 0:
                count += 1
                same += answers.compare(f"{path.name} query {at}", sql)
        answers.close()
    return count, same


def main():
    if not (workplace.SHARED / "corpora").exists():
        print(f"SKIPPED: {workplace.SHARED} with the corpora is not there (set WEIR_SHARED)\n0 passed, 0 failed")
        return 0
    file_count = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    query_count = int(sys.argv[2]) if len(sys.argv) > 2 else 50
    all_counts = [tpch_counts(), classic_counts(file_count, query_count)]
    for name, (count, same) in zip(("TPC-H", "classic"), all_counts):
        print(f"{name}: {same} of {count} queries have the same answer in all ways")
    count, same = (sum(values) for values in zip(*all_counts))
    print(f"{same} passed, {count - same} failed")
    return count != same or not count


if __name__ == "__main__":
    sys.exit(main())
