"""Data that comes and goes by Arrow: all types through pyarrow, polars, pandas and DuckDB, and Arrow's own files."""

import os
import pathlib

import duckdb
import numpy
import pandas
import polars
import pyarrow
import pyarrow.ipc
import pyarrow.parquet
import pytest

import weir

TYPES = {
    "BOOLEAN": "true", "TINYINT": "-128", "SMALLINT": "-32768", "INTEGER": "2147483647", "BIGINT": "-9223372036854775808",
    "UTINYINT": "255", "USMALLINT": "65535", "UINTEGER": "4294967295", "UBIGINT": "18446744073709551615", "REAL": "1.5", "DOUBLE": "-0.1",
    "DECIMAL(4,1)": "-123.4", "DECIMAL(18,3)": "123456789012345.678", "DECIMAL(38,10)": "1234567890123456789012345678.0123456789",
    "VARCHAR": "a text that is longer than twelve bytes, ü", "BLOB": "\\x00ff41", "UUID": "01234567-89ab-cdef-0123-456789abcdef",
    "DATE": "1969-12-31", "TIME": "23:59:59.123456", "TIMESTAMP": "1969-12-31 23:59:59.999999", "TIMESTAMP_S": "2024-01-01 00:00:01",
    "TIMESTAMP_MS": "2024-01-01 00:00:00.001", "TIMESTAMP_NS": "2024-01-01 00:00:00.000000001",
    "TIMESTAMP WITH TIME ZONE": "2024-06-01 12:00:00+02", "INTEGER[]": "[1, NULL, 3]", "VARCHAR[]": "[a, b]", "DOUBLE[2]": "[1.5, 2.5]",
    "STRUCT(a INTEGER, b VARCHAR)": "{'a': 1, 'b': x}", "STRUCT(l INTEGER[])[]": "[{'l': [1]}, NULL]", "ENUM('x', 'y')": "y",
}  # fmt: skip
NOT_IN_DUCKDB = {"DOUBLE[2]"}  # reads fixed-size lists from Arrow with NULLs in another layout; compared as text below
NOT_IN_POLARS = {"UUID", "INTERVAL", "ENUM('x', 'y')"}


def frame_of(db, kind, text):
    """A value, NULL, and the value again."""
    return db.sql(f"select cast(v as {kind}) as v from (values ($${text}$$), (null), ($${text}$$)) t(v)")


@pytest.mark.parametrize("kind", TYPES)
def test_a_type_comes_back_from_pyarrow(db, kind):
    frame = frame_of(db, kind, TYPES[kind])
    table = frame.arrow()
    assert table.num_rows == 3 and table.column(0).null_count == 1
    table.validate(full=True)
    back = db.from_arrow(table)
    assert back.rows() == frame.rows()
    assert db.from_arrow(back).arrow().equals(table)
    assert db.from_arrow(table.slice(1)).rows() == frame.rows()[1:]
    computed = back.sql("select v from self where v is not null or v is null limit 5")
    assert computed.rows() == frame.rows()


@pytest.mark.parametrize("kind", sorted(set(TYPES) - NOT_IN_POLARS))
def test_a_type_comes_back_from_polars(db, kind):
    frame = frame_of(db, kind, TYPES[kind])
    back = db.from_arrow(frame.polars())
    assert back.sql(f"select cast(v as {kind}) as v from self").rows() == frame.rows()


@pytest.mark.parametrize("kind", sorted(set(TYPES) - NOT_IN_DUCKDB))
def test_a_type_comes_back_from_duckdb(db, kind):
    frame = frame_of(db, kind, TYPES[kind])
    given = frame.arrow()
    there = duckdb.connect()
    back = db.from_arrow(there.sql("select * from given"))
    assert back.sql(f"select cast(v as {kind}) as v from self").rows() == frame.rows()
    assert given.num_rows == 3


@pytest.mark.parametrize("kind", ["BOOLEAN", "BIGINT", "DOUBLE", "VARCHAR", "DATE", "TIMESTAMP", "INTEGER[]", "DECIMAL(18,3)"])
def test_a_type_comes_back_from_pandas(db, kind):
    full = frame_of(db, kind, TYPES[kind]).filter(weir.col("v").is_not_null())
    back = db.from_pandas(full.pandas())
    assert back.sql(f"select cast(v as {kind}) as v from self").rows() == full.rows()


def test_numpy_gives_arrays_with_masks(db):
    sql = "select i, i / 4.0::double as f, i % 2 = 0 as b, date '2020-01-01' + i::int as d, case when i > 2 then i end as n, i::text as t from range(5000) r(i)"
    found = db.sql(sql).numpy()
    assert found["i"].dtype == numpy.int64 and found["i"].sum() == sum(range(5000))
    assert found["f"][3] == 0.75 and found["b"].tolist()[:3] == [True, False, True]
    assert found["d"][1] == numpy.datetime64("2020-01-02")
    assert isinstance(found["n"], numpy.ma.MaskedArray) and found["n"].mask.sum() == 3 and found["n"][3] == 3
    assert found["t"][7] == "7"
    assert db.sql("select 1::bigint as a, 'x' as b limit 0").numpy()["a"].dtype == numpy.int64
    with pytest.raises(weir.DataError):
        db.sql("select 1 as a, 2 as a").numpy()
    with pytest.raises(weir.DataError, match="same name"):
        db.sql("select 1 as a, 2 as a").dicts()


def test_whatever_holds_arrow_data_can_be_a_table(db):
    table = pyarrow.table({"a": [1, 2, 3], "b": ["x", None, "z"]})
    batches = table.to_batches(max_chunksize=2)
    for make in (lambda: table, lambda: batches[0], lambda: batches, lambda: iter(batches), table.to_reader, lambda: polars.DataFrame(table),
                 lambda: pandas.DataFrame({"a": [1], "b": ["x"]}), lambda: duckdb.sql("select 1 as a, 'x' as b"), lambda: db.from_arrow(table),
                 lambda: {"a": [1], "b": ["x"]}, lambda: db.sql("select 1 as a, 'x' as b")):  # fmt: skip
        db.register("t", make())
        assert db.sql("select min(a), min(b) from t").rows() == [(1, "x")]
        db.unregister("t")
        if hasattr(make(), "__arrow_c_stream__"):
            assert db.sql("select min(a), min(b) from t", t=make()).rows() == [(1, "x")]
    for data in (1, "text", [], [1]):
        with pytest.raises(weir.InterfaceError):
            db.register("t", data)
    with pytest.raises(weir.ProgrammingError):
        db.unregister("t")
    with pytest.raises(weir.InterfaceError):
        reader = table.to_reader()
        capsule = reader.__arrow_c_stream__()
        db._session.register("u", capsule)
        db._session.register("u", capsule)


def test_what_an_iterator_raises_is_raised(db):
    def batches():
        yield pyarrow.record_batch({"a": [1]})
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        db.register("t", batches())
    with pytest.raises(weir.Error, match="different columns"):
        db.register("t", [pyarrow.record_batch({"a": [1]}), pyarrow.record_batch({"a": ["x"]})])


def test_consumers_pull_from_a_frame(db):
    frame = db.sql("select i, i::text as t from range(100000) r(i)")
    assert pyarrow.table(frame).num_rows == 100000
    assert polars.DataFrame(frame).height == 100000
    assert duckdb.sql("select sum(i) from frame").fetchall()[0][0] == sum(range(100000))
    assert pyarrow.schema(frame).names == ["i", "t"]
    batch = next(frame.batches())
    first, second = pyarrow.record_batch(batch), pyarrow.record_batch(batch)
    assert first.equals(second) and first.column(0).buffers()[1].address == second.column(0).buffers()[1].address


def test_an_error_behind_arrow_is_a_weir_error(db):
    failing = db.sql("select 1 / (50000 - i) from range(100000) r(i)")
    for end in (failing.arrow, failing.polars, failing.numpy, failing.rows):
        with pytest.raises(weir.DataError) as caught:
            end()
        assert caught.value.code == "W2203"


def addresses(column):
    return [b.address for chunk in column.chunks for b in chunk.buffers()[1:] if b is not None]


@pytest.mark.parametrize("column", [
    pyarrow.array(range(1000), pyarrow.int64()), pyarrow.array([0.5] * 1000), pyarrow.array(["a long text, longer than twelve"] * 1000, pyarrow.string_view()),
    pyarrow.array(["a", "b"] * 500).dictionary_encode(), pyarrow.array(["plain"] * 1000), pyarrow.array([[1, 2]] * 1000),
], ids=lambda c: str(c.type))  # fmt: skip
def test_buffers_are_handed_on_not_copied(db, column):
    table = pyarrow.table({"k": range(len(column)), "v": column})
    back = db.from_arrow(table).select("v").arrow()
    assert back.column(0).type == column.type
    assert addresses(back.column(0)) == addresses(table.column(1))
    assert back.column(0).to_pylist() == column.to_pylist()
    limited = db.from_arrow(table).limit(10).arrow()
    assert set(addresses(limited.column(1))) <= set(addresses(table.column(1)))
    viewed = polars.DataFrame(db.from_arrow(table).select("v"))
    assert viewed.height == 1000


def integration_files():
    root = pathlib.Path(__file__).resolve().parents[2]
    folder = pathlib.Path(os.environ.get("WEIR_SHARED", root.parent / "shared")) / "corpora" / "files" / "arrow"
    return sorted(p for p in folder.rglob("*") if p.suffix in (".arrow_file", ".stream"))


@pytest.mark.parametrize("path", integration_files(), ids=lambda p: f"{p.parent.name}/{p.name}")
def test_files_of_arrow_itself_come_back_equal(db, path):
    reader = pyarrow.ipc.open_file(path) if path.suffix == ".arrow_file" else pyarrow.ipc.open_stream(path)
    table = reader.read_all()
    if not table.num_columns:
        return
    names = [f"c{i}" for i in range(table.num_columns)]
    table = table.rename_columns(names)
    refused = []
    for name in names:
        one = table.select([name])
        try:
            back = db.from_arrow(one)
            rows = back.sql("from self where true or random() < 2").arrow()
        except weir.Error as error:
            assert error.code in ("W0104", "W2202", "W2213"), (name, one.schema.field(0).type, error)
            refused.append(str(one.schema.field(0).type))
            continue
        there = back.arrow()
        if one.schema.field(0).type == pyarrow.null():  # a result has no columns of no type
            assert there.column(0).to_pylist() == one.column(0).to_pylist()
        else:
            assert there.equals(one.replace_schema_metadata(None)), name
        assert rows.num_rows == one.num_rows
        compared = pyarrow.table(db.from_arrow(rows))
        compared.validate()
        assert compared.equals(rows)
    assert len(refused) < len(names) or all(kind.startswith(("sparse_union", "dense_union", "extension", "decimal256", "month_day")) for kind in refused), refused


@pytest.mark.parametrize("form", ["parquet", "arrow"])
def test_columns_of_one_name_in_a_file_are_told_apart(db, tmp_path, form):
    table = pyarrow.table([pyarrow.array([k]) for k in (1, 2, 3)], names=["a", "a", "A"])
    path = str(tmp_path / f"f.{form}")
    if form == "parquet":
        pyarrow.parquet.write_table(table, path)
    else:
        with pyarrow.ipc.new_file(path, table.schema) as writer:
            writer.write_table(table)
    assert db.sql(f"FROM '{path}'").dicts() == [{"a": 1, "a_1": 2, "A_2": 3}]
