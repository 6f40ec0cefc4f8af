#!/usr/bin/env python3
"""Random nested queries, answered by weir in several ways and by DuckDB; all answers must be the same.

Queries are made from a seed over four small tables with NULLs, repeated keys and a declared key: joins of all kinds, correlated
subqueries, aggregates, windows, set operations, common table expressions. weir answers with one thread, with three, with
the optimizer off and with all that can spill spilling (and with every binary in WEIR_ALSO, e.g. one built with BATCH=7).
Values are integers and short texts, so that no rounding differs; answers are compared as multisets.

Usage: differential.py [COUNT] [SEED]; `differential.py one SEED` prints one query.
"""
import collections
import os
import pathlib
import random
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import slt

ROOT = pathlib.Path(__file__).resolve().parent.parent
WEIR = os.environ.get("WEIR", str(ROOT / "build" / "weir"))

SETUP = [
    "CREATE TABLE t(a INTEGER, b INTEGER, c VARCHAR)",
    "CREATE TABLE u(a INTEGER, d INTEGER, e VARCHAR)",
    "CREATE TABLE v(b INTEGER, d INTEGER, f INTEGER)",
    "CREATE TABLE w(a INTEGER PRIMARY KEY, b INTEGER, c VARCHAR)",
    "INSERT INTO w VALUES (1,2,'x'),(2,2,NULL),(3,NULL,'y'),(5,1,'x'),(10,7,'')",
    "INSERT INTO t VALUES (1,1,'x'),(2,1,'y'),(3,2,NULL),(4,NULL,'x'),(NULL,3,'z'),(2,2,'y'),(7,0,'')",
    "INSERT INTO u VALUES (1,10,'x'),(1,20,'y'),(3,NULL,'z'),(NULL,30,'x'),(5,10,NULL),(2,2,'q')",
    "INSERT INTO v VALUES (1,10,1),(1,10,2),(2,20,NULL),(NULL,NULL,4),(3,2,5),(2,1,0),(0,3,3),(2,10,2)",
]
TABLES = {"t": [("a", int), ("b", int), ("c", str)], "u": [("a", int), ("d", int), ("e", str)],
          "v": [("b", int), ("d", int), ("f", int)],
          "w": [("a", int), ("b", int), ("c", str)]}


class Maker:
    """One query. A scope is a list of (name, type); outer scopes make correlation."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.aliases = 0
        self.ctes = {}

    def chance(self, share):
        return self.random.random() < share

    def alias(self, letter="r"):
        self.aliases += 1
        return f"{letter}{self.aliases}"

    def column(self, scopes, kind):
        """A column of the type, mostly of the innermost scope; None if there is none."""
        order = [scopes[0]] * 3 + list(scopes) if scopes else []
        self.random.shuffle(order)
        for scope in order:
            fits = [name for name, k in scope if k is kind]
            if fits:
                return self.random.choice(fits)
        return None

    # ---- scalars
    def value(self, scopes, kind, depth):
        pick = self.random.random()
        column = self.column(scopes, kind)
        if column and (pick < 0.6 or depth <= 0):
            return column
        if depth <= 0 or pick < 0.68:
            if kind is str:
                return self.random.choice(["'x'", "'y'", "'zz'", "''", "CAST(NULL AS VARCHAR)"])
            return self.random.choice(["0", "1", "2", "3", "10", "CAST(NULL AS INTEGER)"])
        if pick < 0.76:
            return self.scalar_query(scopes, kind, depth - 1)
        if pick < 0.84:
            return f"CASE WHEN {self.condition(scopes, depth - 1)} THEN {self.value(scopes, kind, depth - 1)} ELSE {self.value(scopes, kind, depth - 1)} END"
        if pick < 0.9:
            return f"coalesce({self.value(scopes, kind, depth - 1)}, {self.value(scopes, kind, depth - 1)})"
        if kind is str:
            return self.random.choice([f"upper({self.value(scopes, str, depth - 1)})", f"({self.value(scopes, str, depth - 1)} || 'k')",
                                       f"nullif({self.value(scopes, str, depth - 1)}, 'x')"])
        a, b = self.value(scopes, int, depth - 1), self.value(scopes, int, depth - 1)
        return self.random.choice([f"({a} + {b})", f"({a} - {b})", f"abs({a})", f"nullif({a}, {b})", f"(({a}) % 3)",
                                   f"greatest({a}, {b})", f"length({self.value(scopes, str, depth - 1)})"])

    def aggregate(self, scopes, depth):
        """Over integers of scopes[0]: with columns of outer queries only, it would belong to the outer query."""
        argument = self.value(scopes[:1], int, min(depth, 1)) if self.chance(0.3) else self.column(scopes[:1], int) or "1"
        call = self.random.choice(["count(*)", f"sum({argument})", f"min({argument})", f"max({argument})", f"count({argument})",
                                   f"count(DISTINCT {argument})", f"sum(DISTINCT {argument})"])
        if self.chance(0.15):
            call += f" FILTER (WHERE {self.condition(scopes[:1], 0)})"
        return call

    def scalar_query(self, scopes, kind, depth):
        source, inner = self.source(scopes, depth)
        where = self.where([inner, *scopes], depth, 0.8)
        if kind is int and self.chance(0.75):
            call = self.aggregate([inner, *scopes], depth)
            if self.chance(0.2):
                return f"(SELECT {call} + 1 FROM {source}{where})"
            return f"(SELECT {call} FROM {source}{where})"
        return f"(SELECT {self.random.choice(['min', 'max'])}({self.value([inner], kind, 0)}) FROM {source}{where})"

    # ---- conditions
    def condition(self, scopes, depth):
        pick = self.random.random()
        if depth <= 0 or pick < 0.4:
            kind = int if self.chance(0.8) else str
            op = self.random.choice(["=", "=", "=", "<>", "<", "<=", ">", "IS NOT DISTINCT FROM"])
            return f"{self.value(scopes, kind, 0)} {op} {self.value(scopes, kind, depth - 1)}"
        if pick < 0.46:
            return f"{self.value(scopes, int, 0)} IS {self.random.choice(['', 'NOT '])}NULL"
        if pick < 0.52:
            return f"{self.value(scopes, int, 0)} {self.random.choice(['', 'NOT '])}IN (1, 2, {self.value(scopes, int, 0)})"
        if pick < 0.64:
            return f"({self.condition(scopes, depth - 1)} {self.random.choice(['AND', 'OR'])} {self.condition(scopes, depth - 1)})"
        if pick < 0.68:
            return f"NOT ({self.condition(scopes, depth - 1)})"
        source, inner = self.source(scopes, depth - 1)
        where = self.where([inner, *scopes], depth - 1, 0.8)
        if pick < 0.82:
            return f"{self.random.choice(['', 'NOT '])}EXISTS (SELECT 1 FROM {source}{where})"
        if pick < 0.94:
            left = self.value(scopes, int, 0)
            return f"{left} {self.random.choice(['', 'NOT '])}IN (SELECT {self.value([inner], int, 0)} FROM {source}{where})"
        op = self.random.choice(["=", "<", ">=", "<>"])
        return f"{self.value(scopes, int, 0)} {op} {self.random.choice(['ANY', 'ALL'])} (SELECT {self.value([inner], int, 0)} FROM {source}{where})"

    def where(self, scopes, depth, share):
        return f" WHERE {self.condition(scopes, depth)}" if self.chance(share) else ""

    # ---- relations
    def relation(self, outer, depth):
        """(text, columns)"""
        alias = self.alias()
        pick = self.random.random()
        if self.ctes and pick < 0.2:
            name = self.random.choice(sorted(self.ctes))
            return f"{name} {alias}", [(f"{alias}.{n}", k) for n, k in self.ctes[name]]
        if depth <= 0 or pick < 0.7:
            name = self.random.choice(sorted(TABLES))
            return f"{name} {alias}", [(f"{alias}.{n}", k) for n, k in TABLES[name]]
        text, columns = self.select(outer if self.lateral_allowed else [], depth - 1)
        lateral = "LATERAL " if self.lateral_allowed and outer else ""
        return f"{lateral}({text}) {alias}", [(f"{alias}.{n}", k) for n, k in columns]

    lateral_allowed = False

    def source(self, outer, depth):
        """A FROM clause: (text, columns). Relations in it may look at the outer scopes through lateral subqueries."""
        text, columns = self.relation(outer, depth)
        while self.chance(0.35):
            kind = self.random.choice(["JOIN", "JOIN", "LEFT JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "CROSS JOIN", "SEMI JOIN", "ANTI JOIN"])
            right, more = self.relation(outer, depth - 1)
            if kind == "CROSS JOIN":
                text, columns = f"{text} CROSS JOIN {right}", columns + more
                continue
            left_key, right_key = self.column([columns], int), self.column([more], int)
            if not left_key or not right_key:
                continue
            on = f"{left_key} = {right_key}"
            if self.chance(0.25):
                on += f" AND {self.condition([columns + more], 0)}"
            elif self.chance(0.1):
                on = f"{left_key} < {right_key}" if kind != "FULL JOIN" else on
            text = f"{text} {kind} {right} ON {on}"
            if kind not in ("SEMI JOIN", "ANTI JOIN"):
                columns = columns + more
        return text, columns

    # ---- queries
    def select(self, outer, depth):
        """(text, columns with plain names)"""
        if depth > 0 and self.chance(0.15):
            return self.set_operation(outer, depth)
        source, columns = self.source(outer, depth)
        scopes = [columns, *outer]
        where = self.where(scopes, depth, 0.6)
        pick = self.random.random()
        if pick < 0.3:
            return self.grouped(source, columns, outer, where, depth)
        items, names = [], []
        for i in range(self.random.randint(1, 3)):
            kind = int if self.chance(0.75) else str
            names.append((f"c{i}", kind))
            items.append(f"{self.value(scopes, kind, depth)} AS c{i}")
        if pick < 0.4:
            names.append(("w", int))
            items.append(f"{self.window(columns)} AS w")
        distinct = "DISTINCT " if self.chance(0.15) else ""
        return f"SELECT {distinct}{', '.join(items)} FROM {source}{where}", names

    def window(self, columns):
        """Only calls whose result does not depend on the order of equal rows."""
        argument = self.column([columns], int) or "1"
        order = self.column([columns], int) or "1"
        partition = f"PARTITION BY {self.column([columns], int) or '1'} " if self.chance(0.6) else ""
        call = self.random.choice(["rank()", "dense_rank()", f"sum({argument})", "count(*)", f"min({argument})", f"max({argument})"])
        return f"{call} OVER ({partition}ORDER BY {order} {self.random.choice(['ASC', 'DESC'])} NULLS {self.random.choice(['FIRST', 'LAST'])})"

    def grouped(self, source, columns, outer, where, depth):
        keys = [self.column([columns], self.random.choice([int, int, str])) or "1" for _ in range(self.random.randint(0, 2))]
        keys = list(dict.fromkeys(k for k in keys if k != "1"))
        kinds = dict(columns)
        items = [f"{key} AS k{i}" for i, key in enumerate(keys)]
        names = [(f"k{i}", kinds[key]) for i, key in enumerate(keys)]
        for i in range(self.random.randint(1, 2)):
            items.append(f"CAST({self.aggregate([columns, *outer], depth)} AS INTEGER) AS g{i}")
            names.append((f"g{i}", int))
        group = ""
        if keys:
            joined = ", ".join(keys)
            group = " GROUP BY " + self.random.choice([joined, joined, joined, f"ROLLUP ({joined})", f"CUBE ({joined})"])
        having = f" HAVING {self.random.choice(['count(*) > 1', 'count(*) <= 2', 'min(1) = 1'])}" if self.chance(0.2) else ""
        return f"SELECT {', '.join(items)} FROM {source}{where}{group}{having}", names

    def set_operation(self, outer, depth):
        kinds = [int if self.chance(0.75) else str for _ in range(self.random.randint(1, 2))]
        parts = []
        for _ in range(2):
            source, columns = self.source(outer, depth - 1)
            items = [f"{self.value([columns, *outer], kind, 1)} AS c{i}" for i, kind in enumerate(kinds)]
            parts.append(f"SELECT {', '.join(items)} FROM {source}{self.where([columns, *outer], depth - 1, 0.5)}")
        op = self.random.choice(["UNION", "UNION ALL", "INTERSECT", "EXCEPT", "INTERSECT ALL", "EXCEPT ALL"])
        return f"{parts[0]} {op} {parts[1]}", [(f"c{i}", kind) for i, kind in enumerate(kinds)]

    def query(self):
        self.lateral_allowed = self.chance(0.3)
        clause = ""
        if self.chance(0.25):
            text, columns = self.select([], 1)
            clause = f"WITH s AS ({text}) "
            self.ctes["s"] = columns
        text, columns = self.select([], self.random.randint(1, 3))
        if self.chance(0.2):
            order = ", ".join(f"{n} {self.random.choice(['ASC', 'DESC'])} NULLS {self.random.choice(['FIRST', 'LAST'])}" for n, _ in columns)
            return f"{clause}SELECT * FROM ({text}) o ORDER BY {order} LIMIT {self.random.randint(0, 6)} OFFSET {self.random.randint(0, 2)}"
        return clause + text


def query_of(seed):
    return Maker(seed).query()


def normal(rows):
    return collections.Counter(tuple("NULL" if x is None else str(x) for x in row) for row in rows)


class Duck:
    """DuckDB in a process of its own: an internal error of it must not end the run."""

    CODE = """
import sys, json, duckdb
def connect():
    c = duckdb.connect()
    for s in json.loads(sys.argv[1]): c.execute(s)
    return c
c = connect()
for line in sys.stdin:
    try: r = {"rows": [[None if x is None else str(x) for x in row] for row in c.execute(json.loads(line)).fetchall()]}
    except Exception as e:
        r = {"error": str(e)}
        if "INTERNAL" in str(e) or "FATAL" in str(e): c = connect()
    print(json.dumps(r), flush=True)
"""

    def __init__(self, python):
        import json
        self.json = json
        self.child = subprocess.Popen([python, "-c", self.CODE, json.dumps(SETUP)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, sql):
        self.child.stdin.write(self.json.dumps(sql) + "\n")
        self.child.stdin.flush()
        return self.json.loads(self.child.stdout.readline())


def duck():
    """None, said aloud, where DuckDB cannot be installed."""
    find = "import sys; sys.path.insert(0, 'bench'); import workplace; print(workplace.python_with('duckdb'))"
    found = subprocess.run([sys.executable, "-c", find], cwd=ROOT, capture_output=True, text=True)
    if found.returncode:
        print("differential: no DuckDB to compare with; weir is compared with itself only")
        return None
    return Duck(found.stdout.strip().splitlines()[-1])


def engines():
    variants = {"1 thread": [WEIR, "--threads", "1"], "3 threads": [WEIR, "--threads", "3"],
                "no optimizer": [WEIR, "--threads", "1", "--set", "disabled_rules=all"],
                "spilling": [WEIR, "--threads", "2", "--set", "force_spill=on"]}
    for other in filter(None, os.environ.get("WEIR_ALSO", "").split(":")):
        variants[other] = [other, "--threads", "2"]
    return {name: start(command) for name, command in variants.items()}


def start(command):
    engine = slt.Engine([*command, "--stdio", "jsonl"])
    engine.command = command
    for sql in SETUP:
        assert engine.ask(sql)["ok"], sql
    return engine


def ask_all(weirs, other, sql):
    """{who: multiset or error}"""
    answers = {}
    for name, engine in list(weirs.items()):
        try:
            reply = engine.ask(sql)
        except RuntimeError as error:
            answers[name] = str(error)[:60]
            weirs[name] = start(engine.command)
            continue
        answers[name] = normal(reply["rows"]) if reply["ok"] else f"{reply['error']['code']} {reply['error']['message']}"
    if other:
        reply = other.ask(sql)
        if "rows" in reply:  # what DuckDB refuses says nothing about weir
            answers["DuckDB"] = normal(reply["rows"])
    return answers


def main():
    if sys.argv[1:2] == ["one"]:
        print(query_of(int(sys.argv[2])))
        return 0
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    first = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    weirs, other = engines(), duck()
    bad = refused = compared = 0
    for seed in range(first, first + count):
        sql = query_of(seed)
        answers = ask_all(weirs, other, sql)
        compared += "DuckDB" in answers
        different = {repr(a) if isinstance(a, str) else repr(sorted(a.items())) for a in answers.values()}
        failed = any(isinstance(a, str) for a in answers.values())
        if len(different) == 1 and not failed:
            continue
        if len(different) == 1 and "DuckDB" not in answers and other:
            refused += 1
            continue
        bad += 1
        print(f"-- seed {seed}\n{sql};")
        for name, answer in answers.items():
            print(f"--   {name}: {answer if isinstance(answer, str) else dict(sorted(answer.items())[:12])}")
    print(f"differential: {count} queries from seed {first}, {compared} compared with DuckDB, {refused} refused by all, {bad} differ")
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())
