#!/usr/bin/env python3
"""What Python costs: a small query, importing and connecting, a large result as a pyarrow table; against DuckDB's package.

The two take turns in one process (importing: in processes of its own), medians of --runs (at least 5) and their ratio;
the bar is 0.7. Needs the Python of tests/python/venv.py and `make python`. Usage: run.py [--runs N] [--rows N] [--udf]
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BAR = 0.7
START = {
    "weir": "import time; t = time.perf_counter(); import weir; weir.connect(); {more}; print(time.perf_counter() - t)",
    "duckdb": "import time; t = time.perf_counter(); import duckdb; duckdb.connect(); {more}; print(time.perf_counter() - t)",
}
FIRST = {"weir": "weir.sql('select 1').rows()", "duckdb": "duckdb.sql('select 1').fetchall()"}


def own_python():
    """Runs this file again with the Python that has the packages."""
    found = subprocess.run([sys.executable, str(ROOT / "tests/python/venv.py")], capture_output=True, text=True)
    python = found.stdout.strip().splitlines()[-1]
    if found.returncode:
        sys.exit(f"bench: {python}")
    subprocess.run(["make", "-s", "-C", str(ROOT), f"PYTHON={python}", "python"], check=True)
    sys.exit(subprocess.run([python, __file__, "--here", *sys.argv[1:]]).returncode)


def timed(call):
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def in_turns(runs, weir_call, duckdb_call):
    pairs = [(timed(weir_call), timed(duckdb_call)) for _ in range(runs + 1)][1:]  # the first warms up
    return [statistics.median(side) for side in zip(*pairs)]


def report(name, ours, theirs, unit, scale, limit=None):
    bar = "" if limit is None else f"  bar {limit:g} {unit}{'' if ours * scale <= limit else ': MISSED'}"
    ratio = ours / theirs
    verdict = "" if ratio <= BAR else "  ABOVE 0.7"
    print(f"{name:42} weir {ours * scale:9.2f} {unit}  duckdb {theirs * scale:9.2f} {unit}  ratio {ratio:5.2f}{verdict}{bar}", flush=True)
    return ratio <= BAR and not bar.endswith("MISSED")


def small(weir, duckdb, runs):
    def often(sql, call):
        for _ in range(200):
            call(sql)

    ours, theirs = in_turns(runs, lambda: often("select 1", lambda s: weir.sql(s).rows()), lambda: often("select 1", lambda s: duckdb.sql(s).fetchall()))
    return report("sql('select 1').rows()", ours / 200, theirs / 200, "us", 1e6, 60)


def start(runs):
    # Compiled once, as pip leaves a package that it installs.
    here = {**os.environ, "PYTHONPATH": str(ROOT / "python"), "PYTHONPYCACHEPREFIX": str(ROOT / "build/python/bytecode")}
    here.pop("PYTHONDONTWRITEBYTECODE", None)

    def run(name, more):
        code = START[name].format(more=more)
        return float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=here).stdout)

    def medians(more):
        pairs = [(run("weir", more["weir"]), run("duckdb", more["duckdb"])) for _ in range(runs + 1)][1:]
        return [statistics.median(side) for side in zip(*pairs)]

    well = report("import and connect", *medians({"weir": "0", "duckdb": "0"}), "ms", 1e3, 30)
    return report("  and a first query", *medians(FIRST), "ms", 1e3) and well


def large(weir, duckdb, runs, rows):
    """The same table in both; what is beyond execution is the time of the whole less that of a count over the same columns."""
    make = f"create table big as select i, 'item number ' || (i % 1000003) as t from range({rows}) r(i)"
    db, there = weir.connect(), duckdb.connect()
    db.execute(make)
    there.execute(make)
    ours, theirs = in_turns(runs, lambda: db.sql("select i, t from big").arrow(), lambda: there.sql("select i, t from big").to_arrow_table())
    drained = "select count(*) from (select i, t from big offset 0) where i >= 0 and t >= ''"
    run_ours, run_theirs = in_turns(runs, lambda: db.sql(drained).rows(), lambda: there.sql(drained).fetchall())
    well = report(f"{rows:,} rows int64 + utf8 to pyarrow", ours, theirs, "ms", 1e3)
    return report("  of which beyond execution", ours - run_ours, max(theirs - run_theirs, 1e-9), "ms", 1e3, 60 * rows / 1e7) and well


def values(weir, duckdb, runs):
    sql = "select i, i::text as t, i / 3.0::double as f from range(200000) r(i)"
    ours, theirs = in_turns(runs, lambda: weir.sql(sql).rows(), lambda: duckdb.sql(sql).fetchall())
    return report("200,000 rows of 3 columns as tuples", ours, theirs, "ms", 1e3)


def functions(weir, runs, rows):
    """Functions of Python that double a column, beyond the query without them, against the same expression of numpy."""
    import numpy
    import pyarrow.compute

    ways = {"numpy": lambda x: x * 2, "arrow": lambda x: pyarrow.compute.multiply(x, 2), "polars": lambda x: x * 2}
    db = weir.connect()
    db.execute(f"create table doubles as select i::double as x from range({rows}) r(i)")
    x = numpy.arange(rows, dtype="f8")
    well = True
    for by, double in ways.items():
        weir.udf.create_function("twice", double, ["DOUBLE"], "DOUBLE", by=by, connection=db)
        whole, plain = in_turns(runs, lambda: db.sql("select max(twice(x)) from doubles").item(), lambda: x * 2)
        without, _ = in_turns(runs, lambda: db.sql("select max(x) from doubles").item(), lambda: x * 2)
        ratio = (whole - without) / plain
        well &= ratio <= 1.3
        print(f"{'a function of Python that doubles, by ' + by:45} weir {(whole - without) * 1e3:9.2f} ms  numpy  {plain * 1e3:9.2f} ms  ratio {ratio:5.2f}  bar 1.3{'' if ratio <= 1.3 else ': MISSED'}")
    weir.udf.create_function("twice", ways["numpy"], ["DOUBLE"], "DOUBLE", by="row", connection=db)
    each, _ = in_turns(runs, lambda: db.sql("select max(twice(x)) from doubles where x < 200000").item(), lambda: None)
    print(f"{'200,000 calls, by row':45} weir {each * 1e3:9.2f} ms")
    return well


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--udf", action="store_true", help="only functions written in Python, against numpy")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if not args.here:
        own_python()
    sys.path.insert(0, str(ROOT / "python"))
    import weir

    if args.udf:
        sys.exit(not functions(weir, args.runs, args.rows))
    import duckdb

    print(f"weir {weir.__version__} against duckdb {duckdb.__version__}, medians of {args.runs}, in turns")
    well = [start(args.runs), small(weir, duckdb, args.runs), values(weir, duckdb, args.runs), large(weir, duckdb, args.runs, args.rows)]
    sys.exit(not all(well))


main()
