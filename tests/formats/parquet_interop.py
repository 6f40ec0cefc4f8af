#!/usr/bin/env python3
"""Parquet files of other programs are read by weir and those of weir by them, with the same values.

Uses the weir binary in $WEIR (default build/weir) and whichever of pyarrow and duckdb Python can import; the parts
that need a missing one are skipped aloud. Exit 0: everything that ran passed; 77: nothing ran."""
import datetime
import decimal
import json
import os
import subprocess
import sys
import tempfile

WEIR = os.environ.get("WEIR", "build/weir")
try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError:
    pa = None
try:
    import duckdb
except ImportError:
    duckdb = None

failures = 0


def weir(sql):
    done = subprocess.run([WEIR, "-o", "jsonl", "-c", sql], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr.strip())
    return [json.loads(line) for line in done.stdout.splitlines()]


def check(name, got, want):
    global failures
    if got != want:
        failures += 1
        print(f"FAILED {name}\n  got  {str(got)[:400]}\n  want {str(want)[:400]}")


def sample_table():
    n = 5000
    day = datetime.date(2020, 1, 1)
    return pa.table({
        "i": pa.array([None if k % 11 == 0 else k * 7 for k in range(n)], pa.int64()),
        "small": pa.array([k % 5 for k in range(n)], pa.int8()),
        "u": pa.array([k * 800000 for k in range(n)], pa.uint32()),
        "f": pa.array([k / 8 for k in range(n)], pa.float64()),
        "s": pa.array([f"word {k % 37}" if k % 3 else None for k in range(n)]),
        "long": pa.array([f"a text that is different every time {k}" for k in range(n)]),
        "d": pa.array([day + datetime.timedelta(days=k % 900) for k in range(n)]),
        "dec": pa.array([decimal.Decimal(k) / 100 for k in range(n)], pa.decimal128(15, 2)),
        "l": pa.array([None if k % 13 == 0 else list(range(k % 4)) for k in range(n)], pa.list_(pa.int32())),
        "b": pa.array([k % 2 == 0 for k in range(n)]),
    })


QUERY = ("SELECT count(*) AS n, count(i) AS ni, sum(i) AS si, sum(small) AS ss, sum(u) AS su, sum(f) AS sf, "
         "count(s) AS ns, min(s) AS mins, max(s) AS maxs, min(long) AS minl, max(d)::VARCHAR AS maxd, "
         "sum(dec)::VARCHAR AS sdec, count(l) AS nl, sum(CASE WHEN b THEN 1 ELSE 0 END) AS nb FROM ")


def expected(table):
    i = [v for v in table["i"].to_pylist() if v is not None]
    s = [v for v in table["s"].to_pylist() if v is not None]
    return [{"n": table.num_rows, "ni": len(i), "si": sum(i), "ss": sum(table["small"].to_pylist()),
             "su": sum(table["u"].to_pylist()), "sf": sum(table["f"].to_pylist()), "ns": len(s), "mins": min(s),
             "maxs": max(s), "minl": min(table["long"].to_pylist()), "maxd": str(max(table["d"].to_pylist())),
             "sdec": str(sum(table["dec"].to_pylist())), "nl": sum(v is not None for v in table["l"].to_pylist()),
             "nb": sum(table["b"].to_pylist())}]


def reads_decimals_of_every_width(folder):
    """pyarrow writes decimals as bytes, as few as the precision needs."""
    path = os.path.join(folder, "decimals.parquet")
    for precision in (1, 4, 9, 12, 15, 17, 18, 19, 30):
        for n in (1, 3, 2000):
            most = 10 ** precision - 1
            numbers = [None if k % 7 == 3 else (most, -most, k % 10, -(k % 10))[k % 4] for k in range(n)]
            values = [None if v is None else decimal.Decimal(v).scaleb(-1, decimal.Context(prec=40)) for v in numbers]
            pq.write_table(pa.table({"x": pa.array(values, pa.decimal128(precision, 1))}), path, use_dictionary=n == 3)
            got = [row["x"] for row in weir(f"SELECT x::VARCHAR AS x FROM '{path}'")]
            check(f"decimal({precision}, 1), {n} rows", [None if v is None else decimal.Decimal(v) for v in got], values)


def reads_pyarrow(folder):
    table = sample_table()
    want = expected(table)
    path = os.path.join(folder, "in.parquet")
    for options in ({"compression": "snappy"}, {"compression": "zstd", "data_page_version": "2.0"},
                    {"compression": "gzip", "use_dictionary": False}, {"compression": "brotli"},
                    {"compression": "lz4", "write_page_index": True}, {"compression": "none", "row_group_size": 999},
                    {"use_dictionary": False, "column_encoding": {"i": "DELTA_BINARY_PACKED", "f": "BYTE_STREAM_SPLIT",
                                                                  "s": "DELTA_BYTE_ARRAY",
                                                                  "long": "DELTA_LENGTH_BYTE_ARRAY"}}):
        pq.write_table(table, path, **options)
        check(f"weir reads pyarrow {options}", weir(f"{QUERY} '{path}'"), want)


def writes_for(folder, reader_name, read_back):
    table = sample_table()
    source, path = os.path.join(folder, "in.parquet"), os.path.join(folder, "out.parquet")
    pq.write_table(table, source)
    for options in ("", ", COMPRESSION snappy", ", COMPRESSION gzip, ROW_GROUP_SIZE 1000", ", COMPRESSION none",
                    ", COMPRESSION brotli", ", COMPRESSION lz4_raw", ", ENCODING 'delta'", ", ENCODING 'plain'",
                    ", BLOOM_FILTER_COLUMNS 'i,s', PAGE_SIZE_BYTES 1000"):
        if os.path.exists(path):
            os.remove(path)
        weir(f"COPY (SELECT * FROM '{source}') TO '{path}' (FORMAT parquet{options})")
        check(f"{reader_name} reads weir ({options})", read_back(path), table.to_pylist())


def main():
    if not os.path.exists(WEIR):
        sys.exit(f"no weir binary at {WEIR}")
    with tempfile.TemporaryDirectory() as folder:
        if not pa:
            print("SKIPPED everything: pyarrow is not installed")
            sys.exit(77)
        reads_decimals_of_every_width(folder)
        reads_pyarrow(folder)
        writes_for(folder, "pyarrow", lambda path: pq.read_table(path).to_pylist())
        if duckdb:
            writes_for(folder, "duckdb", lambda path: duckdb.sql(f"FROM '{path}'").to_arrow_table().to_pylist())
        else:
            print("SKIPPED reading by duckdb: it is not installed")
    print("parquet_interop:", f"{failures} failed" if failures else "passed")
    sys.exit(1 if failures else 0)


main()
