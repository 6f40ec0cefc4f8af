#!/usr/bin/env python3
"""TPC-H on files: right answers (--check) and speed against a peer (--peer duckdb).

  bench/tpch/run.py --sf 1 --check            22 answers from Parquet and CSV, 1 and 2 threads, equal to DuckDB's
  bench/tpch/run.py --sf 1 --peer duckdb      CPU and wall ratios, medians of 5, same files, interleaved, hot page cache
  bench/tpch/run.py --sf 1 --peer duckdb --cached
                                              the same when weir has its cache of decoded columns warm: every query ran before
  bench/tpch/run.py --sf 1 --scaling          wall time with 1 thread divided by that with 2, medians of 5, interleaved
  bench/tpch/run.py --sf 1 --memory 256MB     22 answers from Parquet within a memory limit, each by a process of its own, equal to
                                              those without a limit; the peak of resident memory is at most the limit + 10 %

--writer rewrites the Parquet files first, by DuckDB or by pyarrow, with snappy or zstd.

Query texts: ../shared/corpora/tpch next to the repository, or --queries DIR (q01.sql ... q22.sql). Data: tpchgen-cli
from PyPI, kept below build/bench. The last line is the figure.
"""
import argparse
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import child
import compare
import workplace

TABLES = "customer lineitem nation orders part partsupp region supplier".split()
CSV_TYPES = {
    "lineitem": "l_orderkey BIGINT, l_partkey BIGINT, l_suppkey BIGINT, l_linenumber INTEGER, l_quantity DECIMAL(15,2), "
                "l_extendedprice DECIMAL(15,2), l_discount DECIMAL(15,2), l_tax DECIMAL(15,2), l_returnflag VARCHAR, "
                "l_linestatus VARCHAR, l_shipdate DATE, l_commitdate DATE, l_receiptdate DATE, l_shipinstruct VARCHAR, "
                "l_shipmode VARCHAR, l_comment VARCHAR",
    "orders": "o_orderkey BIGINT, o_custkey BIGINT, o_orderstatus VARCHAR, o_totalprice DECIMAL(15,2), o_orderdate DATE, "
              "o_orderpriority VARCHAR, o_clerk VARCHAR, o_shippriority INTEGER, o_comment VARCHAR",
    "customer": "c_custkey BIGINT, c_name VARCHAR, c_address VARCHAR, c_nationkey INTEGER, c_phone VARCHAR, "
                "c_acctbal DECIMAL(15,2), c_mktsegment VARCHAR, c_comment VARCHAR",
    "part": "p_partkey BIGINT, p_name VARCHAR, p_mfgr VARCHAR, p_brand VARCHAR, p_type VARCHAR, p_size INTEGER, "
            "p_container VARCHAR, p_retailprice DECIMAL(15,2), p_comment VARCHAR",
    "partsupp": "ps_partkey BIGINT, ps_suppkey BIGINT, ps_availqty INTEGER, ps_supplycost DECIMAL(15,2), ps_comment VARCHAR",
    "supplier": "s_suppkey BIGINT, s_name VARCHAR, s_address VARCHAR, s_nationkey INTEGER, s_phone VARCHAR, "
                "s_acctbal DECIMAL(15,2), s_comment VARCHAR",
    "nation": "n_nationkey INTEGER, n_name VARCHAR, n_regionkey INTEGER, n_comment VARCHAR",
    "region": "r_regionkey INTEGER, r_name VARCHAR, r_comment VARCHAR",
}


def data(python, sf, kind):
    """Folder with one file per table; generated once."""
    folder = workplace.HOME / f"tpch-sf{sf}-{kind}"
    if not (folder / f"region.{kind}").exists():
        folder.mkdir(parents=True, exist_ok=True)
        generator = pathlib.Path(python).parent / "tpchgen-cli"
        subprocess.run([str(generator), kind, "-s", str(sf), "--output-dir", str(folder)], check=True,
                       stdout=subprocess.DEVNULL)
    return folder


REWRITE = {
    "duckdb": "import duckdb, sys; duckdb.sql(f\"COPY (FROM '{sys.argv[1]}') TO '{sys.argv[2]}' (FORMAT parquet, COMPRESSION {sys.argv[3]})\")",
    "pyarrow": "import pyarrow.parquet as p, sys; p.write_table(p.read_table(sys.argv[1]), sys.argv[2], compression=sys.argv[3])",
}


def rewritten(python, sf, writer):
    """The Parquet files as another writer makes them, such as pyarrow-zstd; made once."""
    made = data(python, sf, "parquet")
    if not writer:
        return made
    program, codec = writer.split("-")
    folder = workplace.HOME / f"tpch-sf{sf}-parquet-{writer}"
    folder.mkdir(parents=True, exist_ok=True)
    for table in TABLES:
        path, part = folder / f"{table}.parquet", folder / f"{table}.part"
        if not path.exists():
            subprocess.run([python, "-c", REWRITE[program], str(made / path.name), str(part), codec], check=True)
            part.rename(path)
    return folder


def source(engine, folder, table, kind):
    path = folder / f"{table}.{kind}"
    if kind == "parquet":
        return f"read_parquet('{path}')"
    arrow = "=>" if engine == "weir" else "="
    types = ", ".join(f"'{c.split()[0]}': '{c.split()[1]}'" for c in CSV_TYPES[table].replace("15,2", "15;2").split(", "))
    return f"read_csv('{path}', header {arrow} true, columns {arrow} {{{types.replace(';', ',')}}})"


def open_engine(engine, command, folder, kind):
    for table in TABLES:
        command.run(f"CREATE OR REPLACE VIEW {table} AS SELECT * FROM {source(engine, folder, table, kind)}")
    return command


def queries(folder):
    found = sorted(folder.glob("q[0-9][0-9].sql"))
    if len(found) != 22:
        sys.exit(f"bench: {folder} does not hold q01.sql ... q22.sql (give --queries DIR)")
    return {path.stem: path.read_text() for path in found}


def check(args, python, texts):
    failed = 0
    for kind in ("parquet", "csv"):
        folder = data(python, args.sf, kind)
        peer = open_engine("duckdb", child.duckdb(python, 2), folder, kind)
        answers = {name: peer.run(text)[0] for name, text in texts.items()}
        peer.close()
        for threads in (1, 2):
            engine = open_engine("weir", child.weir(workplace.binary(), threads), folder, kind)
            right = 0
            for name, text in texts.items():
                try:
                    rows = engine.run(text)[0]
                    if compare.same_rows(rows, answers[name]):
                        right += 1
                    else:
                        print(f"{name} {kind} {threads} threads: WRONG\n  weir   {rows[:2]}\n  duckdb {answers[name][:2]}")
                except RuntimeError as error:
                    print(f"{name} {kind} {threads} threads: {error}")
            print(f"{kind} {threads} threads: {right}/{len(texts)} right", flush=True)
            failed += len(texts) - right
            engine.close()
    print(f"{4 * len(texts) - failed}/{4 * len(texts)} right")
    return 1 if failed else 0


SIZES = {"KB": 1e3, "MB": 1e6, "GB": 1e9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}


def size(text):
    unit = text.strip().upper().lstrip("0123456789. ")
    if unit not in SIZES:
        sys.exit(f"bench: {text} is not a size such as 256MB")
    return float(text.strip()[: -len(unit)]) * SIZES[unit]


def within(args, python, texts):
    """Every query with a memory limit, in a fresh process, so that its peak is its own."""
    folder, limit = data(python, args.sf, "parquet"), size(args.memory)
    engine = open_engine("weir", child.weir(workplace.binary(), args.threads), folder, "parquet")
    answers = {name: engine.run(text) for name, text in texts.items()}
    engine.close()
    right, worst = 0, ("", 0)
    for name, text in texts.items():
        engine = open_engine("weir", child.weir(workplace.binary(), args.threads, "--memory", args.memory), folder, "parquet")
        verdict, wall, peak = "right", 0, 0
        try:
            rows, wall, _ = engine.run(text)
            peak = engine.peak_rss()
            if rows != answers[name][0]:
                verdict = "WRONG"
        except (RuntimeError, OSError) as error:
            verdict = f"FAILED {error}"
        if peak > limit * 1.1:
            verdict += ", TOO LARGE"
        right += verdict == "right"
        worst = max(worst, (name, peak), key=lambda pair: pair[1])
        print(f"{name}  {wall * 1e3:8.1f} ms ({answers[name][1] * 1e3:.1f} without limit)  {peak / 2**20:6.1f} MiB  {verdict}", flush=True)
        engine.close()
    print(f"{right}/{len(texts)} right within {args.memory}, largest {worst[0]} {worst[1] / limit:.2f} of the limit")
    return 0 if right == len(texts) else 1


def contest(args, texts, pair):
    """Prints wall and CPU of two engines, interleaved, and returns the ratios of the first to the second by query."""
    ratios = {}
    (first, _), (second, _) = pair.items()
    for name, text in texts.items():
        times = {engine: [] for engine in pair}
        for run in range(args.runs + 1):  # the first round warms up
            for engine, process in pair.items():
                _, *spent = process.run(text)
                if run:
                    times[engine].append(spent)
        wall, cpu = ({e: workplace.median([t[k] for t in times[e]]) for e in pair} for k in (0, 1))
        ratios[name] = wall[first] / wall[second], cpu[first] / cpu[second]
        print(f"{name}  wall {wall[first] * 1e3:8.1f} / {wall[second] * 1e3:8.1f}   cpu {cpu[first] * 1e3:8.1f} / "
              f"{cpu[second] * 1e3:8.1f}   wall ratio {ratios[name][0]:5.2f} cpu ratio {ratios[name][1]:5.2f}", flush=True)
    for name, process in pair.items():
        print(f"peak memory of {name}: {process.peak_rss() / 2**20:.0f} MiB")
        process.close()
    return ratios


def measure(args, python, texts):
    folder = rewritten(python, args.sf, args.writer)
    weir = child.weir(workplace.binary(), args.threads, cached=args.cached)
    pair = {"weir": open_engine("weir", weir, folder, "parquet"),
            "duckdb": open_engine("duckdb", child.duckdb(python, args.threads), folder, "parquet")}
    for text in queries(args.queries).values() if args.cached else ():
        weir.run(text)
    state = "file cache warm" if args.cached else "hot page cache"
    print(f"TPC-H SF{args.sf} from Parquet{' by ' + args.writer if args.writer else ''}, {args.threads} threads, {state}, "
          f"medians of {args.runs}, milliseconds")
    ratios = contest(args, texts, pair)
    wall, cpu = (workplace.geomean([r[k] for r in ratios.values()]) for k in (0, 1))
    worst = max(ratios, key=lambda name: ratios[name][1])
    print(f"geomean {cpu:.2f} wall {wall:.2f} worst {worst} {ratios[worst][1]:.2f}")
    return 0


def scaling(args, python, texts):
    folder = rewritten(python, args.sf, args.writer)
    pair = {f"{n} thread{'s' if n > 1 else ''}": open_engine("weir", child.weir(workplace.binary(), n), folder, "parquet")
            for n in (1, 2)}
    print(f"TPC-H SF{args.sf} from Parquet, 1 thread / 2 threads, hot page cache, medians of {args.runs}, milliseconds")
    ratios = contest(args, texts, pair)
    worst = min(ratios, key=lambda name: ratios[name][0])
    print(f"wall speed-up {workplace.geomean([r[0] for r in ratios.values()]):.2f} worst {worst} {ratios[worst][0]:.2f}")
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sf", default="1")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--peer", choices=["duckdb"])
    parser.add_argument("--cached", action="store_true", help="with --peer: weir's cache of decoded columns is warm")
    parser.add_argument("--scaling", action="store_true", help="weir with 1 thread against weir with 2")
    parser.add_argument("--writer", choices=[f"{w}-{c}" for w in REWRITE for c in ("snappy", "zstd")],
                        help="with --peer and --scaling: who wrote the files")
    parser.add_argument("--memory", help="a limit such as 256MB")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--queries", type=pathlib.Path, default=workplace.SHARED / "corpora" / "tpch")
    parser.add_argument("--only", help="q01,q06")
    args = parser.parse_args()
    texts = queries(args.queries)
    if args.only:
        texts = {name: texts[name] for name in args.only.split(",")}
    python = workplace.python_with("duckdb", "tpchgen-cli", *["pyarrow"] * (args.writer or "").startswith("pyarrow"))
    if args.memory:
        return within(args, python, texts)
    if args.scaling:
        return scaling(args, python, texts)
    return check(args, python, texts) if args.check or not args.peer else measure(args, python, texts)


if __name__ == "__main__":
    sys.exit(main())
