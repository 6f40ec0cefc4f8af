#!/usr/bin/env python3
"""Group-bys, joins, sorts and windows in the shapes of the H2O database benchmark, on tables in memory.

  bench/h2o/run.py --rows 1e7 --peer duckdb      g1-g10, j1-j5, s1-s6; medians of 5, interleaved, tables loaded once
  bench/h2o/run.py --memory 512MB --only g10,s2  the same answers under a limit (weir only has the limit)

The big table x has 9 columns: id1, id2 of 100 texts, id3 of rows/100 texts, id4, id5 of 100 integers, id6 of rows/100
integers, v1 in 1...5, v2 in 1...15, v3 a double of 6 decimals. Joins look up small (rows/1e6), medium (rows/1e3) and big
(rows) tables. Results that are tables are kept with CREATE TABLE AS, so both engines produce them whole. The last line
is the figure.
"""
import argparse
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import child
import compare
import workplace

KEEP = "CREATE TABLE answer AS "

# name: (query whose result is kept as a table, what is compared afterwards)
QUESTIONS = {
    "g1": ("SELECT id1, sum(v1) AS v1 FROM x GROUP BY id1", "sum(v1), min(id1)"),
    "g2": ("SELECT id1, id2, sum(v1) AS v1 FROM x GROUP BY id1, id2", "sum(v1), max(id2)"),
    "g3": ("SELECT id3, sum(v1) AS v1, avg(v3) AS v3 FROM x GROUP BY id3", "sum(v1), round(sum(v3), 3)"),
    "g4": ("SELECT id4, avg(v1) AS v1, avg(v2) AS v2, avg(v3) AS v3 FROM x GROUP BY id4",
           "round(sum(v1), 6), round(sum(v2), 6), round(sum(v3), 6)"),
    "g5": ("SELECT id6, sum(v1) AS v1, sum(v2) AS v2, sum(v3) AS v3 FROM x GROUP BY id6",
           "sum(v1), sum(v2), round(sum(v3), 2)"),
    "g6": ("SELECT id4, id5, median(v3) AS m, stddev(v3) AS s FROM x GROUP BY id4, id5",
           "round(sum(m), 4), round(sum(s), 4)"),
    "g7": ("SELECT id3, max(v1) - min(v2) AS r FROM x GROUP BY id3", "sum(r)"),
    "g8": ("SELECT id6, v3 FROM (SELECT id6, v3, row_number() OVER (PARTITION BY id6 ORDER BY v3 DESC) AS n FROM x "
           "WHERE v3 IS NOT NULL) t WHERE n <= 2", "round(sum(v3), 3), sum(id6)"),
    "g9": ("SELECT id2, id4, power(corr(v1, v2), 2) AS r2 FROM x GROUP BY id2, id4", "round(sum(r2), 6)"),
    "g10": ("SELECT id1, id2, id3, id4, id5, id6, sum(v3) AS v3, count(*) AS n FROM x "
            "GROUP BY id1, id2, id3, id4, id5, id6", "round(sum(v3), 1), sum(n)"),
    "j1": ("SELECT x.*, small.v2 AS w FROM x JOIN small USING (id4)", "round(sum(v3), 1), sum(w)"),
    "j2": ("SELECT x.*, medium.v2 AS w FROM x JOIN medium USING (id5)", "round(sum(v3), 1), sum(w)"),
    "j3": ("SELECT x.*, medium.v2 AS w FROM x LEFT JOIN medium USING (id5)", "round(sum(v3), 1), sum(w)"),
    "j4": ("SELECT x.*, big.v2 AS w FROM x JOIN big USING (id6)", "round(sum(v3), 1), sum(w)"),
    "j5": ("SELECT count(*) AS n, sum(x.v1) AS v1, sum(big.v2) AS v2 FROM x JOIN big USING (id6)",
           "sum(n), sum(v1), sum(v2)"),
    "s1": ("SELECT id6, v3, v1, v2 FROM x ORDER BY id6, v3", "sum(v1), sum(v2)"),
    "s2": ("SELECT * FROM x ORDER BY id3, v3", "sum(v1), sum(v2)"),
    "s3": ("SELECT id1, id6, v3 FROM x ORDER BY v3 DESC, id6 LIMIT 10", "sum(id6), round(sum(v3), 6)"),
    "s4": ("SELECT id5, row_number() OVER w AS n, sum(v1) OVER (PARTITION BY id5, id4 ORDER BY v3, id6 ROWS BETWEEN 9 "
           "PRECEDING AND CURRENT ROW) AS moving FROM x WINDOW w AS (PARTITION BY id5, id4 ORDER BY v3, id6)",
           "sum(n), sum(moving)"),
    "s5": ("SELECT id6, rank() OVER (ORDER BY v3) AS r FROM x", "sum(r)"),
    "s6": ("SELECT count(DISTINCT id3) AS n FROM x", "sum(n)"),
}
# The joins' keys are drawn from sets that only nine tenths of the rows find a partner in.
JOINS = {"j1", "j2", "j3", "j4", "j5"}

GENERATE = """
import pathlib, sys
import numpy, pyarrow, pyarrow.parquet
rows, folder = int(float(sys.argv[1])), pathlib.Path(sys.argv[2])
random = numpy.random.default_rng(1)
many = max(rows // 100, 1)
def text(numbers, width):
    values = pyarrow.array([f"id{n:0{width}d}" for n in range(1, int(numbers.max()) + 1)])
    return values.take(pyarrow.array(numbers - 1))
def draw(top):
    return random.integers(1, top + 1, rows)
pyarrow.parquet.write_table(pyarrow.table({
    "id1": text(draw(100), 3), "id2": text(draw(100), 3), "id3": text(draw(many), 10),
    "id4": draw(100).astype("int32"), "id5": draw(100).astype("int32"), "id6": draw(many).astype("int32"),
    "v1": draw(5).astype("int32"), "v2": draw(15).astype("int32"),
    "v3": numpy.round(random.random(rows) * 100, 6)}), folder / "x.parquet")
def keys(count):
    return random.permutation(count * 11 // 10)[:count].astype("int32") + 1
def found(count):
    return random.integers(1, count * 11 // 10 + 1, rows).astype("int32")
small, medium = max(rows // 1000000, 10), max(rows // 1000, 10)
for name, column, count in (("small", "id4", small), ("medium", "id5", medium), ("big", "id6", rows)):
    pyarrow.parquet.write_table(pyarrow.table({column: keys(count), "v2": numpy.round(random.random(count) * 100).astype(
        "int32")}), folder / f"{name}.parquet")
pyarrow.parquet.write_table(pyarrow.table({
    "id1": text(draw(100), 3), "id4": found(small), "id5": found(medium), "id6": found(rows),
    "v1": draw(5).astype("int32"), "v3": numpy.round(random.random(rows) * 100, 6)}), folder / "joined.parquet")
"""


def data(python, rows):
    folder = workplace.HOME / f"h2o-{rows:.0e}"
    if not (folder / "joined.parquet").exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run([python, "-c", GENERATE, str(rows), str(folder)], check=True)
    return folder


def load(engine, folder, group):
    tables = {"x": "joined", "small": "small", "medium": "medium", "big": "big"} if group is JOINS else {"x": "x"}
    for name, file in tables.items():
        engine.run(f"CREATE OR REPLACE TABLE {name} AS SELECT * FROM read_parquet('{folder}/{file}.parquet')")


def under_limit(args, python, folder, chosen):
    """Answers of weir under a memory limit, from Parquet to Parquet, against DuckDB's without one; and the peak."""
    limit = workplace.in_bytes(args.memory)
    peer, engine = child.duckdb(python, args.threads), child.weir(workplace.binary(), args.threads, "--memory", args.memory)
    failed = peak = 0
    for name in chosen:
        query, look = QUESTIONS[name]
        answers = []
        for command in (peer, engine):
            for table in ["x", "small", "medium", "big"]:
                file = "joined" if table == "x" and name in JOINS else table
                command.run(f"CREATE OR REPLACE VIEW {table} AS SELECT * FROM read_parquet('{folder}/{file}.parquet')")
            answer = folder / "answer.parquet"
            try:
                command.run(f"COPY ({query}) TO '{answer}' (FORMAT parquet)")
                answers.append(peer.run(f"SELECT count(*), {look} FROM read_parquet('{answer}')")[0])
            except RuntimeError as error:
                answers.append(str(error))
        right = compare.same_rows(*answers)
        peak = engine.peak_rss()
        print(f"{name:4} {'right' if right else f'WRONG: {answers}'}, peak {peak / 2**20:.0f} MiB", flush=True)
        failed += not right
    peer.close()
    engine.close()
    print(f"{len(chosen) - failed}/{len(chosen)} right, peak {peak / limit:.2f} of the limit")
    return 1 if failed or peak > 1.1 * limit else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=float, default=1e7)
    parser.add_argument("--peer", choices=["duckdb"], default="duckdb")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", help="g1,s2")
    parser.add_argument("--memory", help="check answers with this memory_limit, such as 512MB; nothing is timed")
    args = parser.parse_args()
    python = workplace.python_with("duckdb", "pyarrow", "numpy")
    folder = data(python, args.rows)
    chosen = args.only.split(",") if args.only else list(QUESTIONS)
    if args.memory:
        return under_limit(args, python, folder, chosen)
    engines = {"weir": child.weir(workplace.binary(), args.threads), "duckdb": child.duckdb(python, args.threads)}
    print(f"{args.rows:.0e} rows in memory, {args.threads} threads, medians of {args.runs}, milliseconds")
    ratios, right = {}, True
    for group in (QUESTIONS.keys() - JOINS, JOINS):
        names = [name for name in chosen if name in group]
        if names:
            for engine in engines.values():
                load(engine, folder, group)
            questions = {name: dict.fromkeys(engines, KEEP + QUESTIONS[name][0]) for name in names}
            looks = {name: f"SELECT count(*), {QUESTIONS[name][1]} FROM answer" for name in names}
            some, agree = compare.table(engines, questions, args.runs, looks, "DROP TABLE answer")
            ratios |= some
            right = right and agree
    compare.close(engines)
    print(compare.figure(ratios))
    return 0 if right else 1


sys.exit(main())
