#!/usr/bin/env python3
"""Questions on one CSV file: TPC-H lineitem, clean, quoted and dirty.

  bench/csv/run.py --peer duckdb,polars     CPU ratios, medians of 5, interleaved, hot page cache

count, sum and group (as TPC-H Q1) on the clean file are compared with the peers; then the same group on a file with every
text in quotes, commas, doubled quotes and line breaks inside (quoted) and on one with bad lines that weir puts into a
rejects table (dirty) are compared with the clean one, per byte. Then come the bars: shares of DuckDB's CPU, less CPU than
Polars, peak memory. The last line is the figure.
"""
import argparse
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import child
import compare
import workplace

COLUMNS = ("l_orderkey BIGINT, l_partkey BIGINT, l_suppkey BIGINT, l_linenumber INTEGER, l_quantity DECIMAL(15;2), "
           "l_extendedprice DECIMAL(15;2), l_discount DECIMAL(15;2), l_tax DECIMAL(15;2), l_returnflag VARCHAR, "
           "l_linestatus VARCHAR, l_shipdate DATE, l_commitdate DATE, l_receiptdate DATE, l_shipinstruct VARCHAR, "
           "l_shipmode VARCHAR, l_comment VARCHAR").split(", ")
TYPES = {c.split()[0]: c.split()[1].replace(";", ",") for c in COLUMNS}

VARIANTS = """
import sys
from pathlib import Path
clean, quoted, dirty = map(Path, sys.argv[1:])
texts = (8, 9, 13, 14, 15)
with clean.open() as lines, quoted.open("w") as q, dirty.open("w") as d:
    header = next(lines)
    q.write(header)
    d.write(header)
    for n, line in enumerate(lines):
        cells = line.rstrip("\\n").split(",", 15)
        comment = cells[15].strip('"')
        if n % 4 == 0:
            comment = comment[:9] + ',' + comment[9:]
        if n % 8 == 0:
            comment = comment[:5] + '""' + comment[5:]
        if n % 16 == 0:
            comment = comment[:7] + "\\n" + comment[7:]
        values = cells[:15] + [comment]
        q.write(",".join(f'"{v}"' if i in texts else v for i, v in enumerate(values)) + "\\n")
        if n % 1000 == 500:
            d.write(",".join(["not a number"] + cells[1:]) + "\\n")
        elif n % 1000 == 750:
            d.write(",".join(cells[:9]) + "\\n")
        else:
            d.write(line)
"""


def data(python, sf):
    folder = workplace.HOME / f"tpch-sf{sf}-csv"
    clean, quoted, dirty = (folder / f"lineitem{part}.csv" for part in ("", "-quoted", "-dirty"))
    if not clean.exists():
        folder.mkdir(parents=True, exist_ok=True)
        generator = pathlib.Path(python).parent / "tpchgen-cli"
        subprocess.run([str(generator), "csv", "-s", str(sf), "--output-dir", str(folder)], check=True,
                       stdout=subprocess.DEVNULL)
    if not dirty.exists():
        subprocess.run([python, "-c", VARIANTS, str(clean), str(quoted), str(dirty)], check=True)
    return clean, quoted, dirty


def source(engine, path, more=""):
    is_ = "=>" if engine == "weir" else "="
    columns = ", ".join(f"'{name}': '{kind}'" for name, kind in TYPES.items())
    return f"read_csv('{path}', header {is_} true, columns {is_} {{{columns}}}{more})"


AGGREGATES = {
    "count": "SELECT count(*) FROM {}",
    "sum": "SELECT sum(l_extendedprice * l_discount) FROM {}",
    "group": "SELECT l_returnflag, l_linestatus, sum(l_quantity), sum(l_extendedprice), sum(l_extendedprice * (1 - "
             "l_discount)), avg(l_discount), count(*) FROM {} WHERE l_shipdate <= DATE '1998-09-02' GROUP BY ALL",
}
# Polars reads numbers as doubles here, as its users do: exact decimals would cost it more.
POLARS = {
    "count": "pl.scan_csv('{}').select(pl.len()).collect(engine='streaming')",
    "sum": "pl.scan_csv('{}').select((pl.col('l_extendedprice') * pl.col('l_discount')).sum()).collect(engine='streaming')",
    "group": "pl.scan_csv('{}', try_parse_dates=True).filter(pl.col('l_shipdate') <= pl.date(1998, 9, 2))"
             ".group_by('l_returnflag', 'l_linestatus').agg(pl.col('l_quantity').sum().alias('a'), "
             "pl.col('l_extendedprice').sum().alias('b'), (pl.col('l_extendedprice') * (1 - pl.col('l_discount'))).sum()"
             ".alias('c'), pl.col('l_discount').mean().alias('d'), pl.len()).collect(engine='streaming')",
}


BARS = {"count": 0.15, "sum": 0.25, "group": 0.25}
PEAK_MB = 128


def variants(engine, runs, clean, quoted, dirty):
    """CPU per byte of the group question on the quoted and dirty files, as shares of the clean one's."""
    seconds = {}
    files = {"clean": (clean, ""), "quoted": (quoted, ""), "dirty": (dirty, ", rejects => 'bad_lines'")}
    texts = {name: AGGREGATES["group"].format(source("weir", path, more)) for name, (path, more) in files.items()}
    times = {name: [] for name in texts}
    for run in range(runs + 1):
        for name, text in texts.items():
            cpu = engine.run(text)[2]
            if name == "dirty":
                bad = engine.run("SELECT count(*) FROM bad_lines")[0][0][0]
                engine.run("DROP TABLE bad_lines")
            if run:
                times[name].append(cpu)
    for name, (path, _) in files.items():
        seconds[name] = workplace.median(times[name]) / path.stat().st_size
    shares = {name: seconds[name] / seconds["clean"] for name in ("quoted", "dirty")}
    print(f"against the clean file, CPU per byte: quoted {shares['quoted']:.2f}, dirty {shares['dirty']:.2f} ({bad} rejects)")
    return shares


def bars(ratios, peaks):
    """How far the figures are from what they must be: shares of DuckDB's CPU, less CPU than Polars, peak memory."""
    if "duckdb" in peaks:
        print("of DuckDB's CPU: " + ", ".join(f"{name} {ratios[name]['duckdb'][0]:.3f} (bar {bar})" for name, bar in BARS.items()))
    if "polars" in peaks:
        worst = max(ratios, key=lambda name: ratios[name]["polars"][0])
        print(f"of Polars' CPU: at most {ratios[worst]['polars'][0]:.2f}, {worst} (bar 1)")
    print(f"peak memory: {peaks['weir'] / 1e6:.0f} MB (bar {PEAK_MB})")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sf", default="1")
    parser.add_argument("--peer", default="duckdb,polars")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=5)
    args = parser.parse_args()
    python = workplace.python_with("duckdb", "polars", "tpchgen-cli")
    clean, quoted, dirty = data(python, args.sf)
    engines = {"weir": child.weir(workplace.binary(), args.threads)}
    for peer in args.peer.split(","):
        engines[peer] = {"duckdb": child.duckdb, "polars": child.polars}[peer](python, args.threads)
    print(f"lineitem SF{args.sf}, {clean.stat().st_size / 1e6:.0f} MB of CSV, {args.threads} threads, medians of {args.runs}, "
          "milliseconds")
    questions = {name: {e: POLARS[name].format(clean) if e == "polars" else text.format(source(e, clean)) for e in engines}
                 for name, text in AGGREGATES.items()}
    ratios, right = compare.table(engines, questions, args.runs)
    variants(engines["weir"], args.runs, clean, quoted, dirty)
    bars(ratios, compare.close(engines))
    print(compare.figure(ratios, args.peer.split(",")[0]))
    return 0 if right else 1


sys.exit(main())
