#!/usr/bin/env python3
"""Questions on one file of JSON lines: TPC-H orders.

  bench/json/run.py --peer duckdb     CPU ratios, medians of 5, interleaved, hot page cache; the last line is the figure

The figure is of the question "sum by priority" with the column types given; with types found by sampling it is printed too.
"""
import argparse
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import child
import compare
import workplace

TYPES = {"o_orderkey": "BIGINT", "o_custkey": "BIGINT", "o_orderstatus": "VARCHAR", "o_totalprice": "DECIMAL(15,2)",
         "o_orderdate": "DATE", "o_orderpriority": "VARCHAR", "o_clerk": "VARCHAR", "o_shippriority": "INTEGER",
         "o_comment": "VARCHAR"}


def data(python, sf):
    folder = workplace.HOME / f"tpch-sf{sf}-parquet"
    path = folder / "orders.jsonl"
    if not path.exists():
        if not (folder / "orders.parquet").exists():
            folder.mkdir(parents=True, exist_ok=True)
            generator = pathlib.Path(python).parent / "tpchgen-cli"
            subprocess.run([str(generator), "parquet", "-s", str(sf), "--output-dir", str(folder)], check=True,
                           stdout=subprocess.DEVNULL)
        writer = child.duckdb(python, 2)
        writer.run(f"COPY (FROM '{folder}/orders.parquet') TO '{path}' (FORMAT json)")
        writer.close()
    return path


def source(engine, path, typed):
    is_ = "=>" if engine == "weir" else "="
    columns = ", ".join(f"'{name}': '{kind}'" for name, kind in TYPES.items())
    given = f", columns {is_} {{{columns}}}" if typed else ""
    return f"read_json('{path}', format {is_} 'newline_delimited'{given})"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sf", default="1")
    parser.add_argument("--peer", choices=["duckdb"], default="duckdb")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=5)
    args = parser.parse_args()
    python = workplace.python_with("duckdb", "tpchgen-cli")
    path = data(python, args.sf)
    engines = {"weir": child.weir(workplace.binary(), args.threads), "duckdb": child.duckdb(python, args.threads)}
    print(f"orders SF{args.sf}, {path.stat().st_size / 1e6:.0f} MB of JSON lines, {args.threads} threads, medians of "
          f"{args.runs}, milliseconds")
    text = "SELECT o_orderpriority, sum(o_totalprice), count(*) FROM {} GROUP BY o_orderpriority"
    ratios, right = compare.table(engines, {
        "typed": {e: text.format(source(e, path, True)) for e in engines},
        "sampled": {e: text.format(source(e, path, False)) for e in engines},
    }, args.runs)
    compare.close(engines)
    print(compare.figure({"typed": ratios["typed"]}))
    return 0 if right else 1


sys.exit(main())
