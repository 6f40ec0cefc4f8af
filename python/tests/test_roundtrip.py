"""All types, in all layouts of Arrow, through pyarrow, polars, pandas and DuckDB; random tables, the same ones each time."""

import datetime
import decimal
import random
import uuid

import duckdb
import numpy
import pandas
import polars
import pyarrow
import pytest

import weir

UTC = datetime.timezone.utc
PLAIN = [
    pyarrow.bool_(), pyarrow.int8(), pyarrow.int16(), pyarrow.int32(), pyarrow.int64(), pyarrow.uint8(), pyarrow.uint16(), pyarrow.uint32(),
    pyarrow.uint64(), pyarrow.float32(), pyarrow.float64(), pyarrow.string(), pyarrow.large_string(), pyarrow.string_view(), pyarrow.binary(),
    pyarrow.large_binary(), pyarrow.binary_view(), pyarrow.binary(5), pyarrow.date32(), pyarrow.date64(), pyarrow.time32("s"), pyarrow.time32("ms"),
    pyarrow.time64("us"), pyarrow.timestamp("s"), pyarrow.timestamp("ms"), pyarrow.timestamp("us"), pyarrow.timestamp("ns"),
    pyarrow.timestamp("us", "UTC"), pyarrow.timestamp("ms", "Europe/Paris"), pyarrow.duration("s"), pyarrow.duration("us"), pyarrow.decimal32(7, 2),
    pyarrow.decimal64(15, 3), pyarrow.decimal128(38, 10), pyarrow.decimal128(5, 0), pyarrow.month_day_nano_interval(), pyarrow.uuid(), pyarrow.null(),
]  # fmt: skip


def value(kind, rng):
    """A random value that the type has, as to_pylist() gives it."""
    if pyarrow.types.is_null(kind) or rng.random() < 0.2:
        return None
    if isinstance(kind, pyarrow.UuidType):
        return uuid.UUID(int=rng.getrandbits(128))
    if pyarrow.types.is_boolean(kind):
        return rng.random() < 0.5
    if pyarrow.types.is_integer(kind):
        low, high = (-(2 ** (kind.bit_width - 1)), 2 ** (kind.bit_width - 1) - 1) if pyarrow.types.is_signed_integer(kind) else (0, 2**kind.bit_width - 1)
        return rng.choice([low, high, 0, rng.randint(low, high)])
    if pyarrow.types.is_floating(kind):
        return rng.choice([0.0, 1.5, -2.25, float("inf"), 1e30 if kind.bit_width == 32 else 1e300]) if rng.random() < 0.99 else 0.5
    if pyarrow.types.is_fixed_size_binary(kind):
        return rng.randbytes(kind.byte_width)
    if pyarrow.types.is_binary(kind) or pyarrow.types.is_large_binary(kind) or pyarrow.types.is_binary_view(kind):
        return rng.randbytes(rng.choice([0, 3, 12, 13, 40]))
    if pyarrow.types.is_string(kind) or pyarrow.types.is_large_string(kind) or pyarrow.types.is_string_view(kind):
        return "".join(rng.choice("abü\0€😀 ") for _ in range(rng.choice([0, 3, 12, 13, 40])))
    if pyarrow.types.is_date(kind):
        return datetime.date.fromordinal(rng.randint(1, 3652059))
    if pyarrow.types.is_time(kind):
        found = datetime.time(rng.randrange(24), rng.randrange(60), rng.randrange(60), rng.randrange(1000000))
        return found.replace(microsecond={"s": 0, "ms": found.microsecond // 1000 * 1000}.get(kind.unit, found.microsecond))
    if pyarrow.types.is_timestamp(kind) or pyarrow.types.is_duration(kind):
        seconds = rng.randint(-2 * 10**9, 4 * 10**9)
        micros = {"s": 0, "ms": rng.randrange(1000) * 1000}.get(kind.unit, rng.randrange(1000000))
        span = datetime.timedelta(seconds=seconds, microseconds=micros)
        if pyarrow.types.is_duration(kind):
            return span
        return datetime.datetime(1970, 1, 1, tzinfo=UTC if kind.tz else None) + span
    if pyarrow.types.is_decimal(kind):
        most = 10 ** kind.precision - 1
        return decimal.Decimal(rng.choice([most, -most, 0, rng.randint(-most, most)])).scaleb(-kind.scale, decimal.Context(prec=40))
    if pyarrow.types.is_interval(kind):
        return pyarrow.MonthDayNano([rng.randint(-100, 100), rng.randint(-1000, 1000), rng.randint(-(10**9), 10**9) * 1000])
    if pyarrow.types.is_struct(kind):
        return {kind.field(i).name: value(kind.field(i).type, rng) for i in range(kind.num_fields)}
    if pyarrow.types.is_map(kind):
        keys = {value(kind.key_type, rng) for _ in range(rng.randrange(4))} - {None}
        return [(key, value(kind.item_type, rng)) for key in sorted(keys)]
    count = kind.list_size if pyarrow.types.is_fixed_size_list(kind) else rng.choice([0, 1, 3])
    return [value(kind.value_type, rng) for _ in range(count)]


def nested(rng, depth):
    if depth == 0 or rng.random() < 0.3:
        return rng.choice([kind for kind in PLAIN if not isinstance(kind, pyarrow.UuidType)])  # pyarrow makes no lists of them
    make = rng.choice(["list", "large", "view", "large view", "fixed", "struct", "map"])
    if make == "struct":
        return pyarrow.struct([(f"f{i}", nested(rng, depth - 1)) for i in range(rng.randint(1, 3))])
    if make == "map":
        return pyarrow.map_(rng.choice([pyarrow.int32(), pyarrow.string()]), nested(rng, depth - 1))
    inner = nested(rng, depth - 1)
    return {"list": pyarrow.list_, "large": pyarrow.large_list, "view": pyarrow.list_view, "large view": pyarrow.large_list_view,
            "fixed": lambda t: pyarrow.list_(t, 2)}[make](inner)  # fmt: skip


def plain(found):
    """Values of rows() and of to_pylist() in one spelling."""
    if isinstance(found, weir.Interval):
        return ("span", found.months, found.days, found.microseconds)
    if isinstance(found, pyarrow.MonthDayNano):
        return ("span", found.months, found.days, found.nanoseconds // 1000) if found.months else plain(datetime.timedelta(found.days, 0, found.nanoseconds // 1000))
    if isinstance(found, datetime.timedelta):
        return ("time", found.days, found.seconds, found.microseconds)
    if isinstance(found, pandas.Timedelta):
        return plain(found.to_pytimedelta())
    if isinstance(found, datetime.datetime):
        return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else datetime.datetime(*found.timetuple()[:6], found.microsecond)
    if isinstance(found, dict):
        return [[plain(k), plain(v)] for k, v in found.items()]
    if isinstance(found, (list, tuple)):
        return [plain(v) for v in found]
    return found


def in_chunks(array, rng):
    """The same values in pieces, some of them slices of longer arrays."""
    cut = rng.randrange(len(array) + 1)
    if isinstance(array, pyarrow.ExtensionArray):
        return pyarrow.chunked_array([array.slice(0, cut), array.slice(cut)], array.type)
    padded = pyarrow.concat_arrays([array.slice(0, min(3, len(array))), array])
    return pyarrow.chunked_array([array.slice(0, cut), array.slice(0, 0), padded.slice(min(3, len(array)) + cut)], array.type)


def through_the_engine(db, table):
    """As the producer's arrays, computed, and through a table."""
    frame = db.from_arrow(table)
    yield frame
    yield frame.sql("select * from self where random() < 2")
    frame.into("kept", mode="replace")
    yield db.table("kept")


def check(db, kind, values, rng):
    array = pyarrow.array(values, kind)
    wanted = [plain(v) for v in array.to_pylist()]
    table = pyarrow.table({"v": in_chunks(array, rng)})
    for frame in through_the_engine(db, table):
        assert [plain(row[0]) for row in frame.rows()] == wanted, kind
        back = frame.arrow()
        back.validate(full=True)
        assert [plain(v) for v in back.column(0).to_pylist()] == wanted, kind
        assert [plain(row[0]) for row in db.from_arrow(back).rows()] == wanted, kind


@pytest.mark.parametrize("kind", PLAIN, ids=str)
def test_plain_types(db, kind):
    rng = random.Random(str(kind))
    check(db, kind, [value(kind, rng) for _ in range(50)], rng)
    for layout in () if isinstance(kind, pyarrow.UuidType) else (pyarrow.list_, pyarrow.large_list, pyarrow.list_view, pyarrow.large_list_view):
        outer = layout(kind)
        check(db, outer, [value(outer, rng) for _ in range(20)], rng)
    check(db, kind, [], rng)
    check(db, kind, [None] * 3, rng)


@pytest.mark.parametrize("seed", range(40))
def test_random_nested_types(db, seed):
    rng = random.Random(seed)
    kind = nested(rng, 3)
    check(db, kind, [value(kind, rng) for _ in range(30)], rng)


@pytest.mark.parametrize("kind", [pyarrow.string(), pyarrow.int64(), pyarrow.timestamp("us"), pyarrow.bool_()], ids=str)
def test_encoded_columns(db, kind):
    rng = random.Random(1)
    values = [value(kind, rng) for _ in range(6)]
    runs = [v for v in values for _ in range(5)]
    wanted = [plain(v) for v in runs]
    ends = pyarrow.array([5 * (i + 1) for i in range(6)], pyarrow.int32())
    encoded = pyarrow.RunEndEncodedArray.from_arrays(ends, pyarrow.array(values, kind))
    first, second = pyarrow.array(runs[:10], kind).dictionary_encode(), pyarrow.array(runs[10:], kind).dictionary_encode()
    delta = pyarrow.chunked_array([first, second, first.slice(0, 0)])
    for column, same in ((encoded, wanted), (encoded.slice(3, 20), wanted[3:23]), (delta, wanted)):
        for frame in through_the_engine(db, pyarrow.table({"v": column})):
            assert [plain(row[0]) for row in frame.rows()] == same


ENGINE = {
    "INTERVAL": "1 month -2 days 00:00:00.5", "HUGEINT": "-99999999999999999999999999999999999999", "MAP(VARCHAR, INTEGER)": "{a=1, b=NULL}",
    "ENUM('x', 'y')[]": "[x, NULL]", "STRUCT(u UUID, i INTERVAL)": "{'u': 01234567-89ab-cdef-0123-456789abcdef, 'i': 3 days}", "JSON": '{"a": 1}',
    "DECIMAL(1,1)": "0.5", "DECIMAL(9,0)": "-999999999", "INTEGER[2][]": "[[1, NULL], NULL]",
}  # fmt: skip


@pytest.mark.parametrize("kind", ENGINE)
def test_types_of_the_engine_come_back_by_arrow(db, kind):
    frame = db.sql(f"select cast(v as {kind}) as v from (values ($1), (null), ($1)) t(v)", ENGINE[kind])
    table = frame.arrow()
    table.validate(full=True)
    assert db.from_arrow(table).sql(f"select cast(v as {kind}) as v from self").rows() == frame.rows()
    assert len(frame.dicts()) == 3 and frame.batches and frame.numpy()["v"].shape == (3,)


POLARS = [
    polars.Series("v", [1, None, 3], polars.Int8), polars.Series("v", ["a", None, "long text over twelve"]), polars.Series("v", [b"a", None]),
    polars.Series("v", [[1], None, []], polars.List(polars.Int64)), polars.Series("v", [[1, 2], None], polars.Array(polars.Int32, 2)), polars.Series("v", [{"a": 1, "b": None}, None]),
    polars.Series("v", ["a", "b", None, "a"], polars.Categorical), polars.Series("v", ["a", None], polars.Enum(["a", "b"])), polars.Series("v", [decimal.Decimal("1.50"), None]),
    polars.Series("v", [datetime.timedelta(1, 2, 3), None]), polars.Series("v", [datetime.time(1, 2, 3, 4), None]), polars.Series("v", [datetime.datetime(2024, 1, 1), None], polars.Datetime("ns", "UTC")),
    polars.Series("v", [None, None]), polars.Series("v", [datetime.date(1, 1, 1), None]), polars.Series("v", [2**100, None], polars.Int128),
]  # fmt: skip


@pytest.mark.parametrize("series", POLARS, ids=lambda s: str(s.dtype))
def test_columns_of_polars(db, series):
    df = series.to_frame()
    if series.dtype == polars.Int128:
        with pytest.raises(weir.Error):
            db.from_arrow(df)
        return
    frame = db.sql("select * from df where random() < 2")
    assert [plain(r[0]) for r in frame.rows()] == [plain(v) for v in series.to_list()]
    if series.dtype != polars.Duration:
        assert frame.polars()["v"].to_list() == series.to_list()


PANDAS = [
    pandas.Series([1, 2, 3], dtype="int8"), pandas.Series([1.5, None]), pandas.Series([True, False]), pandas.Series(["a", None, "ü"]), pandas.Series(["a", None], dtype=object),
    pandas.Series([1, None, 2**62], dtype="Int64"), pandas.Series([True, None], dtype="boolean"), pandas.Series([1.5, None], dtype="Float64"), pandas.Series(["a", None], dtype="string"),
    pandas.Series(["a", None], dtype="string[pyarrow]"), pandas.Series([1, None], dtype="int32[pyarrow]"), pandas.Series([[1], None], dtype=pandas.ArrowDtype(pyarrow.list_(pyarrow.int64()))),
    pandas.Series(["a", "b", None, "a"], dtype="category"), pandas.Series([3, 1, 3], dtype="category"), pandas.Series(pandas.to_datetime(["2024-01-01", None])),
    pandas.Series(pandas.to_datetime(["2024-01-01 10:00", None])).dt.tz_localize("Europe/Paris"), pandas.Series(pandas.to_timedelta(["1 day", None])),
    pandas.Series([decimal.Decimal("1.5"), None]), pandas.Series([datetime.date(2024, 1, 1), None]), pandas.Series([[1, 2], None]), pandas.Series([{"a": 1}, None]), pandas.Series([b"x", None]),
    pandas.Series([], dtype="float64"), pandas.Series([], dtype=object), pandas.Series([None, None]), pandas.Series(range(10))[::3], pandas.Series([uuid.UUID(int=1), None]), pandas.Series([1, "a", None]),
    pandas.Series(pandas.period_range("2024", periods=2, freq="M")), pandas.Series(pandas.interval_range(0, 2)), pandas.Series(pandas.arrays.SparseArray([0, 1])), pandas.Series([1j]),
]  # fmt: skip


@pytest.mark.parametrize("series", PANDAS, ids=lambda s: f"{s.dtype}-{len(s)}")
def test_columns_of_pandas(db, series):
    df = pandas.DataFrame({"v": series})
    if str(series.dtype).startswith(("period", "interval", "Sparse", "complex")) or set(map(type, series)) == {int, str, type(None)}:
        with pytest.raises(weir.NotSupportedError, match='column "v"'):
            db.from_pandas(df)
        return
    wanted = [None if v is None or v is pandas.NaT or v is pandas.NA or isinstance(v, float) and v != v else v for v in series.astype(object).tolist()]
    frame = db.sql("select v from df where random() < 2")
    assert [plain(r[0]) for r in frame.rows()] == [plain(v) for v in wanted]
    back = frame.pandas()
    assert list(back.columns) == ["v"] and len(back) == len(series)
    assert [plain(r[0]) for r in db.from_pandas(back).rows()] == [plain(v) for v in wanted]


def test_frames_of_pandas_with_an_index(db):
    df = pandas.DataFrame({"a": [1, 2], 7: ["x", "y"]}, index=pandas.Index([10, 20], name="key"))
    assert db.from_pandas(df).sql('select key, a, "7" from self').rows() == [(10, 1, "x"), (20, 2, "y")]
    assert [c.name for c in db.from_pandas(df.reset_index(drop=True)).schema] == ["a", "7"]
    two = df.set_index("a", append=True)
    assert sorted(c.name for c in db.from_pandas(two).schema) == ["7", "a", "key"]


def test_arrays_of_numpy(db):
    given = {
        "big": numpy.array([1, 2], ">i4"), "half": numpy.array([0.5, 1], "f2"), "strided": numpy.arange(4)[::2], "masked": numpy.ma.MaskedArray([1, 2], [False, True]),
        "text": numpy.array(["a", "ü"]), "bytes": numpy.array([b"a", b"bc"]), "day": numpy.array(["2024-01-01", "NaT"], "M8[D]"), "hour": numpy.array(["2024-01-01T05", "NaT"], "M8[h]"),
        "span": numpy.array([5, 6], "m8[ms]"), "bool": numpy.array([True, False]), "pairs": numpy.array([[1, 2], [3, 4]]), "cube": numpy.zeros((2, 2, 1)), "objects": numpy.array([None, "x"], object),
    }  # fmt: skip
    rows = db.sql("from given").dicts()
    assert rows[0] == {"big": 1, "half": 0.5, "strided": 0, "masked": 1, "text": "a", "bytes": b"a", "day": datetime.date(2024, 1, 1), "hour": datetime.datetime(2024, 1, 1, 5),
                       "span": datetime.timedelta(milliseconds=5), "bool": True, "pairs": [1, 2], "cube": [[0.0], [0.0]], "objects": None}  # fmt: skip
    assert rows[1]["masked"] is None and rows[1]["day"] is None and rows[1]["pairs"] == [3, 4] and rows[1]["objects"] == "x"
    with pytest.raises(weir.Error, match="different lengths"):
        db.from_arrow({"a": [1, 2], "b": [1]})


def test_duckdb_gives_and_takes_everything(db):
    there = duckdb.connect()
    frame = db.sql("select 1 as a, 'x' as t, [1, null] as l, {'s': date '2024-01-01'} as s, interval '1 month' as i, null as n")
    assert there.sql("select a, t, l, s, n from frame").fetchall() == [(1, "x", [1, None], {"s": datetime.date(2024, 1, 1)}, None)]
    relation = there.sql("select map {'a': 1} as m, 5::hugeint as h, 'x'::enum('x','y') as e, interval '1 month' as i, 1::utinyint as u")
    assert db.sql("select m, h, e, u from relation").rows() == [({"a": 1}, 5, "x", 1)]
