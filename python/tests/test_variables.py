"""Variables of the program that hold tables, read by their names."""

import gc
import threading
import weakref

import duckdb
import numpy
import pandas
import polars
import pyarrow
import pyarrow.dataset
import pytest

import weir

ROWS = {"i": [1, 2, 3], "t": ["x", None, "z"]}


def tables(db, folder):
    table = pyarrow.table(ROWS)
    pyarrow.dataset.write_dataset(table, folder, format="parquet")
    return {
        "pyarrow.Table": table,
        "pyarrow.RecordBatch": table.to_batches()[0],
        "batches": table.to_batches(max_chunksize=2),
        "reader": table.to_reader(),
        "generator": (b for b in table.to_batches(max_chunksize=1)),
        "dataset": pyarrow.dataset.dataset(folder),
        "polars": polars.DataFrame(ROWS),
        "lazy": polars.LazyFrame(ROWS),
        "pandas": pandas.DataFrame(ROWS),
        "duckdb": duckdb.connect().sql("select * from (values (1, 'x'), (2, null), (3, 'z')) v(i, t)"),
        "structured": numpy.array([(1, "x"), (2, "y"), (3, "z")], [("i", "i8"), ("t", "U3")]),
        "dict of lists": dict(ROWS),
        "dict of arrays": {"i": numpy.array([1, 2, 3]), "t": pyarrow.array(["x", None, "z"])},
        "dict of Series": {"i": pandas.Series([1, 2, 3]), "t": polars.Series(["x", None, "z"])},
        "frame": db.sql("select * from (values (1, 'x'), (2, null), (3, 'z')) v(i, t)"),
        "frame of another": weir.connect().sql("select * from (values (1, 'x'), (2, null), (3, 'z')) v(i, t)"),
    }


KINDS = ["pyarrow.Table", "pyarrow.RecordBatch", "batches", "reader", "generator", "dataset", "polars", "lazy", "pandas", "duckdb", "structured",
         "dict of lists", "dict of arrays", "dict of Series", "frame", "frame of another"]  # fmt: skip
ONCE = {"reader", "generator"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_variable_is_a_table(db, tmp_path, kind):
    df = tables(db, tmp_path)[kind]
    frame = db.sql("select sum(i) as s, min(t) as t from df where i > 1 or t = 'x'")
    assert [c.name for c in frame.schema] == ["s", "t"], "looking reads nothing"
    assert frame.rows() == [(6, "x")]
    if kind not in ONCE:
        assert frame.rows() == [(6, "x")], "again"
        assert db.sql("select count(*) from df a join df b using (i)").item() == 3
        assert db.sql("select count(*) from df").item() == 3
        assert db.sql("select 1 as one from df limit 2").rows() == [(1,), (1,)]
        db.execute("create table kept as from df")
        assert db.execute("insert into kept from df where i = 3") == 1
        assert db.table("kept").rows().count((3, "z")) == 2
        cursor = db.cursor()
        cursor.execute("select max(i) from df where i < ?", (3,))
        assert cursor.fetchall() == [(2,)]
    else:
        with pytest.raises(weir.Error, match="read already"):
            frame.rows()
        with pytest.raises(weir.Error, match="read already"):
            db.sql("select i from df").rows()
    assert df is not None


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"batches", "generator", "dict of lists", "dict of arrays", "dict of Series"}))
def test_a_table_is_passed_by_its_name(db, tmp_path, kind):
    db.execute("create table df (other int)")
    given = tables(db, tmp_path)[kind]
    frame = db.sql("select sum(i) as s from df where i >= :least", df=given, least=2)
    assert frame.item() == 5, "what is passed comes before what is there"
    if kind not in ONCE:
        assert frame.item() == 5


def test_only_the_wanted_columns_are_read(db):
    asked = []

    lazy = polars.LazyFrame({"a": [1, 2], "b": [3, 4], "c": [5, 6]})
    seen = lazy.map_batches(lambda df: asked.append(df.columns) or df, projection_pushdown=True, schema=None)
    asked.clear()
    assert db.sql("select sum(b) from seen").item() == 7
    assert asked[-1] == ["b"]
    assert db.sql("select count(*) from lazy").item() == 2


def test_tables_come_before_variables_and_words_are_no_tables(db):
    df = polars.DataFrame({"i": [1]})
    number, word = 5, "text"
    db.execute("create table df as select 9 as i")
    assert db.sql("select i from df").item() == 9
    db.execute("drop table df")
    assert db.sql("select i from df").item() == 1
    for name in ("number", "word", "nothing_of_that_name"):
        with pytest.raises(weir.ProgrammingError, match="no table"):
            db.sql(f"from {name}").rows()
    assert (number, word, df.height) == (5, "text", 1)
    with weir.connect(variables=False) as blind, pytest.raises(weir.ProgrammingError):
        blind.sql("from df").rows()


def test_a_frame_keeps_what_it_found(db):
    df = polars.DataFrame({"i": [1]})
    first = db.sql("from df")
    df = polars.DataFrame({"i": [2]})
    second = db.sql("select * from df")
    del df
    assert (first.item(), second.item()) == (1, 2)
    assert sorted(first.union(second).rows()) == [(1,), (2,)]
    assert first.join(second.select(j="i"), how="cross").rows() == [(1, 2)]
    assert first.sql("select s.i + o.i from self s, second o").item() == 3
    assert first.filter(weir.col("i") > 0).sort("i").into("kept") == 1


def test_frames_are_tables_with_their_parameters(db):
    east = db.sql("select $1::int as i, 'Oslo' as city", 7)
    west = db.sql("select :n::int as i, 'Lyon' as city", n=8)
    assert db.sql("select city from (from east union all from west) where i = $1", 8).rows() == [("Lyon",)]
    db.execute("create table moved as from east")
    assert db.table("moved").rows() == [(7, "Oslo")]
    assert db.sql("select 1 as east").query == "select 1 as east", "only what is asked for"
    f = db.sql("select 1 as a from range(3) where false")
    for _ in range(5):
        f = db.sql("select 1 as a from range(3) where false")
        assert f.filter("a > 0").rows() == [] and "WITH" not in f.query
    both = db.sql("with east as (select 3 as i) from east, west where west.i = 8")
    assert [row[:2] for row in both.rows()] == [(3, 8)]


def test_globals_and_closures_are_seen_and_builtins_are_not_called(db):
    inner = pyarrow.table({"i": [5]})

    def read():
        assert inner.num_rows
        return db.sql("select i from inner_again union all select i from shared_table", inner_again=inner).rows()

    assert sorted(read()) == [(4,), (5,)]
    with pytest.raises(weir.ProgrammingError):
        db.sql("from print").rows()


shared_table = pyarrow.table({"i": [4]})


def test_nothing_is_kept_longer_than_it_is_needed(db):
    def use(make, read=True):
        df = make()
        seen = weakref.ref(df)
        frame = db.sql("select * from df")
        if read:
            frame.rows()
            frame.arrow()
            frame.schema
        del df
        gc.collect()
        assert seen() is not None, "the frame holds it"
        return seen

    class Table:
        def __init__(self):
            self.inner = pyarrow.table({"i": range(10000)})

        def __arrow_c_stream__(self, requested_schema=None):
            return self.inner.__arrow_c_stream__()

    for make in (Table, lambda: polars.DataFrame({"i": [1]}).lazy(), lambda: pandas.DataFrame({"i": [1]}), lambda: pyarrow.table({"i": [1]}).to_reader()):
        seen = use(make, read=not hasattr(make(), "read_next_batch"))
        gc.collect()
        assert seen() is None, make
    df = Table()
    seen = weakref.ref(df)
    assert db.sql("select count(*) from df").item() == 10000
    del df
    assert seen() is None, "a function that goes on keeps nothing"
    held = locals()
    assert db.sql("select 1").item() == 1
    assert "db" in held, "what locals() gave remains"
    del held
    before = pyarrow.total_allocated_bytes()
    rows = pyarrow.table({"i": pyarrow.array(range(100000))})
    out = db.sql("from passed", passed=rows).arrow()
    batches = db.sql("select i + 1 as i from rows").batches()
    next(batches)
    del rows, batches
    gc.collect()
    assert out.column(0).to_pylist()[-1] == 99999
    del out
    db.execute("select 1")
    gc.collect()
    assert pyarrow.total_allocated_bytes() <= before


def test_what_a_source_raises_comes_through(db):
    class Broken:
        def __arrow_c_stream__(self, requested_schema=None):
            raise KeyError("mine")

    broken = Broken()
    with pytest.raises(KeyError, match="mine"):
        db.sql("from broken").rows()
    assert db.sql("select 1").item() == 1

    calls = []

    def later():
        calls.append(1)
        if len(calls) > 1:
            raise ValueError("the file has gone")
        return pyarrow.table({"i": [1]})

    db.register("later", later)
    assert db.sql("select i from later").item() == 1
    with pytest.raises(weir.Error, match="the file has gone") as caught:
        db.sql("select i from later").rows()
    assert "ValueError" in (caught.value.detail or "")
    db.unregister("later")


def test_recipes_are_read_anew(db, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("i\n1\n2\n")
    db.register("lazy", polars.scan_csv(path))
    db.register("data", pyarrow.dataset.dataset(path, format="csv"))
    assert db.sql("select sum(i) from lazy join data using (i)").item() == 3
    path.write_text("i\n10\n20\n30\n")
    assert db.sql("select sum(i) from lazy").item() == 60
    assert db.sql("select count(*) from lazy").item() == 3
    assert db.sql("from lazy limit 1").rows() == [(10,)]


def test_many_threads_read_one_variable(db):
    lazy = polars.LazyFrame({"i": range(1000)})
    found, sessions = [], [db.session() for _ in range(4)]

    def work(session):
        assert lazy is not None, "otherwise it is no variable of this function"
        for _ in range(20):
            found.append(session.sql("select sum(i) from lazy").item())

    threads = [threading.Thread(target=work, args=(s,)) for s in sessions]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert found == [499500] * 80


def test_code_that_a_scan_calls_cannot_use_its_connection(db):
    """On whichever thread it is called: it is told so rather than waiting for itself."""

    def mine():
        for i in range(5):
            yield pyarrow.record_batch({"i": [i]})
        db.sql("select 1").rows()

    for _ in range(5):
        rows = mine()
        with pytest.raises(weir.Error, match="in use"):
            db.sql("select sum(i) from rows").rows()
    reader = pyarrow.RecordBatchReader.from_stream(db.sql("select i from range(100000) r(i)"))
    with pytest.raises(weir.Error, match="in use"):
        db.sql("select sum(i) from reader").rows()
    assert db.sql("select 1").item() == 1
