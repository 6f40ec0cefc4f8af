"""Connections: statements, values, errors, transactions, what closing ends."""

import ast
import datetime
import decimal
import pathlib
import pickle
import subprocess
import sys
import uuid

import pytest

import weir

WHERE = str(pathlib.Path(weir.__file__).parents[1])


def test_importing_and_a_first_query_need_nothing_else():
    """It starts in a few milliseconds because of that; bench/python/run.py has the figures."""
    script = """
        import os, sys; before = set(sys.modules)
        import weir; weir.connect().sql("select 1 as a, 'x' as b").filter(weir.col("a") > 0).rows(); weir.sql("select 1").rows()
        print(sorted(name for name in set(sys.modules) - before if not name.startswith("weir")))
    """
    lines = "\n".join(line.strip() for line in script.strip().splitlines())
    done = subprocess.run([sys.executable, "-I", "-S", "-c", f"import sys; sys.path.append({WHERE!r})\n{lines}"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert set(ast.literal_eval(done.stdout)) <= {"__future__", "atexit", "itertools"}


def test_what_is_imported_later_is_there():
    assert weir.Column("a", "INTEGER").type == "INTEGER" and weir.stream.Source
    assert {"Interval", "aio", "sql"} <= set(dir(weir))
    with pytest.raises(AttributeError, match="nothing"):
        weir.nothing


def test_a_query_gives_rows_of_its_own_types(db):
    assert db.sql("select 1 as a, 'x' as b, 2.50 as c, null as d, true as e").rows() == [(1, "x", decimal.Decimal("2.50"), None, True)]
    assert db.sql("select 1 as a, 2 as b").dicts() == [{"a": 1, "b": 2}]


def test_what_is_no_query_runs_at_once(db):
    assert db.sql("create table t (a int)").rows() == [("CREATE TABLE", 0)]
    assert db.sql("insert into t values (1), (2)").rows() == [("INSERT", 2)]
    assert db.sql("insert into t values (3) returning a").rows() == [(3,)]
    assert db.sql("show tables").rows()[0][1] == "t"
    assert db.execute("update t set a = a + 1") == 3
    assert db.tables() == ["t"]
    assert db.sql("create table u (b int); insert into u values (7); from u").rows() == [(7,)]


@pytest.mark.parametrize("value", [
    None, True, False, 0, -1, 2**62, -(2**63), 2**100, 1.5, float("inf"), "", "it's", "naïve \U0001f600 \"x\"", b"\x00\xff", bytearray(b"ab"),
    datetime.date(2024, 2, 29), datetime.datetime(2024, 2, 29, 1, 2, 3, 456789), datetime.time(23, 59, 59, 1),
    datetime.timedelta(days=-2, seconds=5, microseconds=7), decimal.Decimal("-12.340"), decimal.Decimal("1E+3"), decimal.Decimal("0.001"),
    uuid.UUID(int=2**127 + 5), weir.Interval(14, -3, 1), [1, 2, None], ["a,b", 'c"d', "NULL", None, "\\"], [[1], [2, 3]], [1.5, 2], {"a": 1, "b c": ["x"]},
    [decimal.Decimal("1.5"), decimal.Decimal("22.25")], [datetime.date(2020, 1, 1)], [{"a": 1}, {"a": 2}], [True, False],
], ids=repr)
def test_a_value_that_is_bound_comes_back(db, value):
    expected = bytes(value) if isinstance(value, bytearray) else value
    assert db.sql("select $1 as v", value).item() == expected
    assert db.sql("select :v as v", v=value).item() == expected
    if not isinstance(value, bytearray):
        assert db.sql("select 1 as one").select(v=weir.lit(value)).item() == expected


def test_a_zone_is_told_in_utc(db):
    there = datetime.timezone(datetime.timedelta(hours=2))
    moment = datetime.datetime(2024, 6, 1, 12, tzinfo=there)
    found = db.sql("select $1 as v", moment).item()
    assert found == moment and found.tzinfo is datetime.timezone.utc


def test_values_that_do_not_match_are_refused(db):
    for run in (
        lambda: db.sql("select $1", 1, 2).rows(),
        lambda: db.sql("select $1 + $2", 1).rows(),
        lambda: db.sql("select :a", b=1).rows(),
        lambda: db.sql("select :a", 1).rows(),
        lambda: db.sql("select :a", a=1, b=2).rows(),
    ):
        with pytest.raises(weir.ProgrammingError):
            run()
    with pytest.raises(weir.NotSupportedError):
        db.sql("select $1", object()).rows()


def test_text_that_looks_like_sql_stays_a_value(db):
    evil = "'; drop table t; --"
    db.execute("create table t (a text)")
    db.execute("insert into t values ($1)", [evil])
    assert db.sql("from t where a = :x", x=evil).rows() == [(evil,)]
    assert db.table("t").filter(weir.col("a") == evil).rows() == [(evil,)]


def test_errors_say_what_where_and_how(db):
    db.execute("create table orders (customer int)")
    with pytest.raises(weir.ProgrammingError) as caught:
        db.sql("select 'ü', custmer from orders").rows()
    error = caught.value
    assert (error.code, error.sqlstate) == ("W1203", "42703")
    assert error.candidates == ("customer",) and error.fix == "select 'ü', customer from orders"
    assert "select 'ü', custmer from orders"[error.position : error.position + error.length] == "custmer"
    assert "^^^^^^^" in str(error) and "custmer" in error.message
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error) and again.code == error.code


@pytest.mark.parametrize(("sql", "kind"), [
    ("selct 1", weir.ProgrammingError), ("select 1/0", weir.DataError), ("select 'x'::int", weir.DataError),
    ("from 'no_such_file.csv'", weir.DatabaseError), ("insert into k values (1), (1)", weir.IntegrityError),
    ("insert into k values (null)", weir.IntegrityError), ("commit", weir.ProgrammingError),
])  # fmt: skip
def test_classes_of_errors_are_those_of_pep_249(db, sql, kind):
    db.execute("create table k (a int primary key)")
    with pytest.raises(kind):
        db.sql(sql).rows()


def test_a_connection_has_tables_of_its_own_and_sessions_share_them(db):
    db.execute("create table t as select 1 as a")
    with weir.connect() as other, pytest.raises(weir.ProgrammingError):
        other.sql("from t").rows()
    with db.session() as second:
        assert second.sql("from t").rows() == [(1,)]
        with db.begin():
            db.execute("insert into t values (2)")
            assert second.sql("select count(*) from t").item() == 1
        assert second.sql("select count(*) from t").item() == 2


def test_a_transaction_is_undone_when_something_is_raised(db):
    db.execute("create table t (a int)")
    with pytest.raises(KeyError), db.begin():
        db.execute("insert into t values (1)")
        raise KeyError
    assert not db.in_transaction
    assert db.sql("select count(*) from t").item() == 0
    with pytest.raises(weir.DataError), db.begin():
        db.sql("select 1/0").rows()
    with db.begin():
        db.execute("insert into t values (1)")
    db.rollback()
    assert db.sql("from t").rows() == [(1,)]


def test_only_memory_can_be_opened():
    with pytest.raises(weir.NotSupportedError) as caught:
        weir.connect("shop.weir")
    assert caught.value.fix == "weir.connect()"


def test_settings_are_made_when_it_opens():
    with weir.connect(threads=1, memory_limit="100MB", compat="duckdb") as db:
        assert db.sql("select 7 / 2").item() == 3.5
        assert db.sql("show memory_limit").rows()
    with pytest.raises(weir.Error):
        weir.connect(no_such_setting=1)
    with weir.connect(read_only=True) as db, pytest.raises(weir.OperationalError):
        db.execute("create table t (a int)")


def test_closing_ends_what_is_open(db):
    batches = db.sql("from range(100000)").batches()
    next(batches)
    db.close()
    db.close()
    assert db.closed
    with pytest.raises(weir.InterfaceError):
        next(batches)
    with pytest.raises(weir.InterfaceError):
        db.sql("select 1").rows()


def test_the_shared_connection_is_one():
    assert weir.sql("select 1").item() == 1
    assert weir.default_connection() is weir.default_connection()
    with pytest.raises(weir.ProgrammingError):
        weir.sql("selct 1")


def test_moments_python_cannot_say_are_refused(db):
    for value in ("date 'infinity'", "timestamp '10000-01-01'", "time '24:00:00'"):
        with pytest.raises(weir.DataError):
            db.sql(f"select {value}").rows()
    assert db.sql("select interval '1 month 2 days'").item() == weir.Interval(1, 2, 0)


def test_nested_values_are_lists_and_dicts(db):
    sql = "select [1, null] a, {'x': [1.5], 'y': null} b, map {'k': 1} c, [{'z': true}] d, []::int[] e, [1, 2]::int[2] f, {'h': 5::hugeint} g"
    assert db.sql(sql).rows() == [([1, None], {"x": [decimal.Decimal("1.5")], "y": None}, {"k": 1}, [{"z": True}], [], [1, 2], {"h": 5})]
    assert db.sql("select map {[1]: 'x'}").item() == [([1], "x")]
    assert db.sql("select 'b'::enum('a', 'b') from range(3)").rows() == [("b",)] * 3
