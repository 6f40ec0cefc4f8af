#!/usr/bin/env python3
"""Arrow files and streams of pyarrow are read by weir and those of weir by pyarrow, with the same values.

Uses the weir binary in $WEIR (default build/weir). Without pyarrow everything is skipped aloud. Exit 0: everything that
ran passed; 77: nothing ran."""
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
    import pyarrow.ipc as ipc
except ImportError:
    pa = None

failures = checks = 0


def weir(sql):
    done = subprocess.run([WEIR, "-o", "jsonl", "-c", sql], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr.strip())
    return [json.loads(line, parse_float=decimal.Decimal) for line in done.stdout.splitlines()]


def check(name, got, want):
    global failures, checks
    checks += 1
    if got != want:
        failures += 1
        print(f"FAILED {name}\n  got  {str(got)[:600]}\n  want {str(want)[:600]}")


def refused(name, sql, words):
    try:
        check(name, weir(sql), words)
    except RuntimeError as error:
        check(f"{name}: {error}", words in str(error), True)


def read(path):
    opened = ipc.open_stream(path) if path.endswith("arrows") else ipc.open_file(path)
    with opened as reader:
        table = reader.read_all()
    table.validate(full=True)
    return table


def write(path, table, rows=700, **options):
    make = ipc.new_stream if path.endswith("arrows") else ipc.new_file
    with make(path, table.schema, options=ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table, max_chunksize=rows)


def repeated(values, kind, n):
    return pa.array([values[k % len(values)] for k in range(n)], kind)


def sample(n=5000):
    """Columns by name: the array, and what weir shows of a value (None: the value itself)."""
    day, noon = datetime.date(2020, 1, 1), datetime.datetime(2020, 1, 1, 12, 0, 0)
    words = pa.array([f"word {k % 37}" if k % 3 else None for k in range(n)])
    points = pa.struct([("a", pa.int8()), ("b", pa.utf8())])
    runs = pa.RunEndEncodedArray.from_arrays(pa.array([n // 3, n // 2, n], pa.int32()), pa.array(["p", None, "q"]))
    text = str
    money = decimal.Decimal
    iso = lambda value: value.isoformat()
    return {
        "i8": (pa.array([k % 100 for k in range(n)], pa.int8()), None),
        "u64": (pa.array([2**64 - 1 - k for k in range(n)], pa.uint64()), None),
        "i": (pa.array([None if k % 11 == 0 else k * 7 for k in range(n)], pa.int64()), None),
        "half": (pa.array([float(k % 64) / 4 for k in range(n)], pa.float16()), None),
        "f": (pa.array([k / 8 for k in range(n)], pa.float64()), None),
        "flag": (pa.array([None if k % 7 == 0 else k % 2 == 0 for k in range(n)]), None),
        "s": (words, None),
        "big": (words.cast(pa.large_utf8()), None),
        "view": (pa.array([f"a text that is different {k}" if k % 2 else "x" for k in range(n)], pa.string_view()), None),
        "bytes": (repeated([b"ab", None, b""], pa.large_binary(), n), lambda v: "\\x" + v.hex()),
        "fixed": (repeated([b"abc", b"xyz"], pa.binary(3), n), lambda v: "\\x" + v.hex()),
        "d32": (repeated([money("12.5"), None], pa.decimal32(5, 1), n), None),
        "d64": (repeated([money("-12345678.25"), None], pa.decimal64(15, 2), n), None),
        "d128": (repeated([money("12345678901234567890.5"), None], pa.decimal128(30, 1), n), None),
        "d256": (repeated([money("-12345678901234567890.5"), None], pa.decimal256(35, 1), n), None),
        "date": (pa.array([day + datetime.timedelta(days=k % 900) for k in range(n)]), text),
        "date64": (repeated([day, None], pa.date64(), n), text),
        "time": (repeated([datetime.time(10, 30), None], pa.time32("ms"), n), text),
        "moment": (repeated([noon, None], pa.timestamp("ms"), n), iso),
        "zoned": (repeated([noon, None], pa.timestamp("s", "Europe/Rome"), n), lambda v: text(v.astimezone(datetime.timezone.utc))[:22]),
        "span": (repeated([datetime.timedelta(hours=3), None], pa.duration("us"), n), lambda v: "03:00:00"),
        "codes": (words.dictionary_encode(), None),
        "small": (words.cast(pa.dictionary(pa.uint8(), pa.utf8())), None),
        "runs": (runs, None),
        "l": (repeated([[1, 2], None, [], [None, 3]], pa.list_(pa.int32()), n), None),
        "ll": (repeated([[["x"], []], None, []], pa.large_list(pa.list_(pa.utf8())), n), None),
        "lv": (repeated([[1, 2], None, []], pa.list_view(pa.int32()), n), None),
        "pair": (repeated([[1, 2], None, [3, 4]], pa.list_(pa.int8(), 2), n), None),
        "point": (repeated([{"a": 1, "b": "x"}, None, {"a": 2, "b": None}], points, n), None),
        "m": (repeated([[("k", 1)], None, []], pa.map_(pa.utf8(), pa.int8()), n), dict),
        "coded": (repeated([["u"], [], ["v", "u"], None], pa.list_(pa.dictionary(pa.int8(), pa.utf8())), n), None),
        "nothing": (pa.nulls(n), None),
    }


def shown(columns):
    values = {name: [value if value is None or not show else show(value) for value in array.to_pylist()]
              for name, (array, show) in columns.items()}
    return [dict(zip(values, row)) for row in zip(*values.values())]


def reads_pyarrow(folder):
    columns = sample()
    table = pa.table({name: array for name, (array, _) in columns.items()})
    want = shown(columns)
    plain = table.drop(["runs", "view", "lv"])
    for name, options in (("a.arrow", {}), ("b.arrows", {}), ("c.arrow", {"compression": "zstd"}), ("d.arrows", {"compression": "lz4"}),
                          ("e.arrow", {"rows": 5000}), ("f.arrow", {"metadata_version": ipc.MetadataVersion.V4}),
                          ("g.arrows", {"metadata_version": ipc.MetadataVersion.V4, "use_legacy_format": True})):
        path = os.path.join(folder, name)
        is_old = "metadata_version" in options
        write(path, plain if is_old else table, **options)
        names = (plain if is_old else table).column_names
        check(f"weir reads {name} {options}", weir(f"SELECT * FROM '{path}' ORDER BY file_row_number"), [{k: row[k] for k in names} for row in want])
        check(f"a filter on {name}", weir(f"SELECT count(*) AS n FROM '{path}' WHERE s = 'word 5' AND point.a = 2"),
              [{"n": sum(row["s"] == "word 5" and bool(row["point"]) and row["point"]["a"] == 2 for row in want)}])
    path = os.path.join(folder, "long.arrow")
    write(path, pa.table({"k": pa.array(range(1000000))}), rows=1000000)
    check("one long batch, many workers", weir(f"SELECT sum(k) AS s, count(*) AS n FROM '{path}' WHERE k % 2 = 0"),
          [{"s": 249999500000, "n": 500000}])


def reads_changing_dictionaries(folder):
    schema = pa.schema([("d", pa.dictionary(pa.int8(), pa.utf8()))])
    pieces = (([0, 1, None], ["a", "b"]), ([2, 0, 1], ["a", "b", "c"]), ([1, 0, 0], ["z", "y"]), ([0, 2, 1], ["z", "y", "x"]))
    path = os.path.join(folder, "dictionaries.arrows")
    for deltas in (False, True):
        with ipc.new_stream(path, schema, options=ipc.IpcWriteOptions(emit_dictionary_deltas=deltas)) as writer:
            for codes, words in pieces:
                array = pa.DictionaryArray.from_arrays(pa.array(codes, pa.int8()), pa.array(words))
                writer.write_batch(pa.record_batch([array], schema=schema))
        check(f"dictionaries that change, deltas {deltas}", weir(f"SELECT d FROM '{path}' ORDER BY file_row_number"),
              [{"d": word} for word in read(path)["d"].to_pylist()])


def refuses(folder):
    path = os.path.join(folder, "union.arrow")
    union = pa.UnionArray.from_dense(pa.array([0, 1], pa.int8()), pa.array([0, 0], pa.int32()), [pa.array([1]), pa.array(["x"])])
    write(path, pa.table({"u": union}))
    refused("a union", f"FROM '{path}'", "union")
    write(path, pa.table({"d": pa.array([decimal.Decimal(10) ** 40], pa.decimal256(50, 0))}))
    refused("a decimal that is too long", f"FROM '{path}'", "does not fit")


def writes_for_pyarrow(folder):
    table = pa.table({name: array for name, (array, _) in sample().items() if name not in ("runs", "lv", "half")})
    source = os.path.join(folder, "in.arrow")
    write(source, table)
    want = table.to_pylist()
    for row in want:  # weir has one kind of zoned timestamps, and intervals instead of durations
        row["span"] = row["span"] and pa.MonthDayNano([0, 0, 3 * 3600 * 10**9])
        row["zoned"] = row["zoned"] and row["zoned"].astimezone(datetime.timezone.utc)
    for name, options in (("a.arrow", ""), ("b.arrows", ""), ("c.arrow", "COMPRESSION zstd, COMPRESSION_LEVEL 5"),
                          ("d.arrows", "COMPRESSION lz4, BATCH_SIZE 1234"), ("e.arrow", "TEXT_VIEW true"), ("f.arrow", "BATCH_SIZE 1")):
        path = os.path.join(folder, name)
        rows = 40 if "BATCH_SIZE 1" == options else 5000
        weir(f"COPY (SELECT * FROM '{source}' ORDER BY file_row_number LIMIT {rows}) TO '{path}' (FORMAT arrow{', ' + options if options else ''})")
        check(f"pyarrow reads {name} ({options})", read(path).to_pylist(), want[:rows])
    done = subprocess.run([WEIR, "-o", "arrow", "-c", f"SELECT i, s FROM '{source}' ORDER BY file_row_number"], capture_output=True, check=True)
    check("pyarrow reads -o arrow", ipc.open_stream(done.stdout).read_all().to_pylist(), [{"i": row["i"], "s": row["s"]} for row in want])
    weir(f"CREATE TYPE mood AS ENUM ('sad', 'ok'); COPY (SELECT 'ok'::mood AS e, '{{}}'::JSON AS j, "
         f"'00112233-4455-6677-8899-aabbccddeeff'::UUID AS u, ['sad'::mood] AS l) TO '{path}'")
    table = read(path)
    check("types of weir's own", [str(field.type) for field in table.schema],
          ["dictionary<values=string, indices=int32, ordered=0>", "extension<arrow.json>", "extension<arrow.uuid>",
           "list<item: dictionary<values=string, indices=int32, ordered=0>>"])
    check("values of weir's own", str(table.to_pylist()),
          "[{'e': 'ok', 'j': '{}', 'u': UUID('00112233-4455-6677-8899-aabbccddeeff'), 'l': ['sad']}]")


def main():
    if not os.path.exists(WEIR):
        sys.exit(f"no weir binary at {WEIR}")
    if not pa:
        print("SKIPPED everything: pyarrow is not installed")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as folder:
        reads_pyarrow(folder)
        reads_changing_dictionaries(folder)
        refuses(folder)
        writes_for_pyarrow(folder)
    print(f"arrow_interop: {failures} of {checks} failed" if failures else f"arrow_interop: {checks} passed")
    sys.exit(1 if failures else 0)


main()
