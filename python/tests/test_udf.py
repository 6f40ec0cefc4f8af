"""Functions and aggregates of Python in SQL: what they see and give, errors, threads, streams, states that are kept."""

import threading

import numpy
import pyarrow
import pyarrow.compute
import pytest

import weir
from weir import stream, udf


def test_a_function_works_on_arrays(db):
    @udf.udf(["DOUBLE"], "DOUBLE", connection=db)
    def twice(x):
        assert isinstance(x, pyarrow.Array)
        return pyarrow.compute.multiply(x, 2)

    assert db.sql("select sum(twice(i)) from range(100000) r(i)").item() == sum(range(100000)) * 2
    assert db.sql("select twice(v) from (values (1.5), (null)) t(v)").rows() == [(3.0,), (None,)]
    udf.create_function("twice", lambda x: x * 3, ["DOUBLE"], "DOUBLE", by="numpy", connection=db)
    assert db.sql("select twice(2)").item() == 6.0
    db.execute("drop function twice")
    with pytest.raises(weir.ProgrammingError):
        db.sql("select twice(1)").rows()


@pytest.mark.parametrize(("by", "function"), [
    ("arrow", lambda a, b: pyarrow.array([f"{x}{y}" for x, y in zip(a.to_pylist(), b.to_pylist())])),
    ("numpy", lambda a, b: numpy.array([f"{x}{y}" for x, y in zip(a, b)], object)),
    ("polars", lambda a, b: (a.cast(str) + b).alias("v")),
    ("row", lambda a, b: f"{a}{b}"),
])  # fmt: skip
def test_all_ways_to_see_rows_give_the_same(db, by, function):
    udf.create_function("glue", function, ["BIGINT", "VARCHAR"], "VARCHAR", by=by, connection=db)
    rows = db.sql("select glue(i, 'é' || i) from range(3000) r(i)").rows()
    assert rows == [(f"{i}é{i}",) for i in range(3000)]


@pytest.mark.parametrize(("kind", "value"), [
    ("BOOLEAN", True), ("BIGINT", -5), ("DOUBLE", 1.5), ("VARCHAR", "text"), ("BLOB", b"\x00"), ("DECIMAL(10,2)", __import__("decimal").Decimal("1.25")),
    ("DATE", __import__("datetime").date(2024, 2, 29)), ("INTEGER[]", [1, None, 3]), ("INTEGER", 7),
])  # fmt: skip
def test_values_of_all_kinds_go_in_and_out(db, kind, value):
    udf.create_function("same", lambda v: v, [kind], kind, by="row", nulls=True, connection=db)
    assert db.sql(f"select same(cast(v as {kind})) from (select $1 as v union all select null) t", value).rows() == [(value,), (None,)]
    udf.create_function("as_given", lambda v: v, [kind], kind, by="arrow", connection=db)
    assert db.sql(f"select as_given(cast($1 as {kind}))", value).item() == value


def test_one_value_stands_for_all_rows_and_numbers_keep_their_nulls(db):
    udf.create_function("seven", lambda: 7, [], "INTEGER", connection=db, volatility="volatile")
    assert db.sql("select seven() from range(3)").rows() == [(7,)] * 3
    udf.create_function("masked", lambda x: numpy.ma.MaskedArray(x, x > 1), ["BIGINT"], "BIGINT", by="numpy", connection=db)
    assert db.sql("select masked(i) from range(4) r(i)").rows() == [(0,), (1,), (None,), (None,)]


def test_an_exception_carries_its_traceback_and_the_rows(db):
    @udf.udf(["BIGINT"], "BIGINT", by="row", connection=db)
    def picky(x):
        if x == 5000:
            raise LookupError("no five thousand")
        return x

    with pytest.raises(weir.Error) as caught:
        db.sql("select picky(i) from range(10000) r(i)").rows()
    error = caught.value
    assert "LookupError: no five thousand" in str(error) and "picky" in str(error)
    assert "Traceback" in (error.detail or "") and "if x == 5000" not in error.message
    udf.create_function("short", lambda x: [1], ["BIGINT"], "BIGINT", connection=db)
    with pytest.raises(weir.Error):
        db.sql("select short(i) from range(10) r(i)").rows()
    with pytest.raises(weir.ProgrammingError):
        udf.create_function("f", lambda x: x, ["BIGINT"], "BIGINT", by="magic", connection=db)
    with pytest.raises(weir.Error):
        udf.create_function("f", lambda x: x, ["NO_TYPE"], "BIGINT", connection=db)


def test_a_function_gets_many_rows_at_once(db):
    given = []

    def plus(x):
        given.append(len(x))
        return x + 1

    udf.create_function("plus", plus, ["BIGINT"], "BIGINT", by="numpy", connection=db)
    db.execute("create table t as select case when i % 5 > 0 then i end as i, i::text as s from range(300000) r(i)")
    rows = db.sql("select plus(i), s from t").rows()
    assert rows == [(i + 1 if i % 5 else None, str(i)) for i in range(300000)]
    assert sum(given) == 240000 and len(given) < 40
    assert db.sql("select i, plus(i) from t where plus(i) % 1000 = 4 and s <> '3' limit 3").rows() == [(1003, 1004), (2003, 2004), (3003, 3004)]
    given.clear()
    assert len(db.sql("select plus(i) from t limit 7").rows()) == 7
    assert sum(given) <= 7
    plan = "\n".join(row[0] for row in db.sql("explain analyze select max(plus(i)) from t").rows())
    assert "call plus(i)" in plan and "240000 rows" in plan


@pytest.mark.parametrize("text", ["x" * 200, "é", None])
def test_texts_are_kept_until_their_batch_comes_out(db, text):
    udf.create_function("echo", lambda t: t, ["VARCHAR"], "VARCHAR", by="arrow", connection=db)
    db.execute("create table t as select i, case when i % 3 > 0 then $1 || i end as t, [i, i + 1] as l from range(100000) r(i)", [text])
    assert db.sql("select count(*) from t where echo(t) is distinct from t or l[2] <> i + 1").item() == 0
    rows = db.sql("select i, echo(t), l from t where i % 50000 = 7").rows()
    assert rows == [(i, None if text is None or i % 3 == 0 else f"{text}{i}", [i, i + 1]) for i in (7, 50007)]


def test_calls_that_are_held_back_count_as_memory_and_end_with_the_query(db):
    udf.create_function("size", pyarrow.compute.binary_length, ["VARCHAR"], "INTEGER", connection=db)
    db.set("memory_limit", "64MB")
    assert db.sql("select sum(size(repeat('x', 10000))) from range(20000) r(i)").item() == 200_000_000
    assert db.sql("select sum(size(repeat('x', 10000 + i % 2))) from range(20000) r(i)").item() == 200_010_000
    db.set("threads", 2)
    next(iter(db.sql("select size(i::text) from range(1000000) r(i)").batches()))
    assert db.sql("select size('abc')").item() == 3


def test_a_name_has_forms_for_different_arguments(db):
    for types, name in ((["DOUBLE"], "number"), (["VARCHAR"], "text"), (["VARCHAR", "VARCHAR"], "two texts"), ([], "nothing")):
        udf.create_function("kind", lambda *given, name=name: name, types, "VARCHAR", by="row", connection=db)
    db.execute("create table t as select 1.5::double as d, 'a' as s")
    assert db.sql("select kind(d), kind(s), kind(s, s), kind() from t").rows() == [("number", "text", "two texts", "nothing")]
    udf.udf(["VARCHAR"], "VARCHAR", name="kind", connection=db)(lambda texts: texts)
    assert db.sql("select kind(s), kind(d) from t").rows() == [("a", "number")]
    with pytest.raises(weir.ProgrammingError, match="existing forms"):
        db.sql("select kind([1]) from t").rows()
    db.execute("drop function kind(varchar, varchar)")
    with pytest.raises(weir.ProgrammingError):
        db.sql("select kind(s, s) from t").rows()
    db.execute("drop function kind")
    assert db.sql("select count(*) from weir_functions() where name = 'kind'").item() == 0


def test_rows_for_which_a_function_fails_are_bad_rows(db):
    calls = []

    def picky(x):
        calls.append(x)
        if x % 1000 == 7:
            raise ValueError("no sevens")
        return x

    udf.create_function("picky", picky, ["BIGINT"], "BIGINT", by="row", connection=db)
    udf.create_function("picky_once", picky, ["BIGINT"], "BIGINT", by="row", volatility="volatile", connection=db)
    assert db.sql("select count(*), count(try(picky(i))) from range(5000) r(i)").rows() == [(5000, 4995)]
    calls.clear()
    assert db.sql("select count(try(picky_once(i))) from range(3000) r(i)").item() == 2997
    assert len(calls) == 3000
    with pytest.raises(weir.Error, match="no sevens"):
        db.sql("select sum(picky(i)) from range(5000) r(i)").rows()
    udf.create_function("stop", lambda x: (_ for _ in ()).throw(KeyboardInterrupt()), ["BIGINT"], "BIGINT", by="row", connection=db)
    with pytest.raises(BaseException, match="KeyboardInterrupt"):
        db.sql("select count(try(stop(i))) from range(10) r(i)").rows()


def test_streams_leave_out_rows_for_which_a_function_fails(db, tmp_path):
    def picky(x):
        if (x % 1000 == 7).any():
            raise ValueError("no sevens")
        return x * 2

    udf.create_function("picky", picky, ["BIGINT"], "BIGINT", by="numpy", connection=db)
    source = stream.Source("numbers", {"i": "BIGINT"}, connection=db)
    db.execute("create table out (i bigint)")
    db.execute(f"create sink dead (reason varchar, raw varchar) with (connector = 'files', path = '{tmp_path}/dead', format = 'jsonl')")
    query = stream.start("insert into out select picky(i) from numbers emit with (on_error = 'dlq', dead_letters = dead)", connection=db)
    with query:
        source.push([{"i": i} for i in range(5000)])
        query.await_idle("20 s")
    assert db.sql("select count(*), sum(i) from out").rows() == [(4995, 2 * (sum(range(5000)) - sum(range(7, 5000, 1000))))]
    dead = db.sql(f"select reason, raw from '{tmp_path}/dead/part-*.jsonl' order by raw").rows()
    assert len(dead) == 5 and all("no sevens" in reason for reason, _ in dead)


class Longest:
    """The longest text of a group."""

    def __init__(self):
        self.text = None

    def update(self, texts):
        for text in texts.to_pylist():
            self.text = max(filter(None, (self.text, text)), key=lambda t: (len(t), t))

    def merge(self, other):
        if other.text is not None:
            self.update(pyarrow.array([other.text]))

    def evaluate(self):
        return self.text


def test_an_aggregate_has_a_state_per_group(db):
    udf.create_aggregate("longest", Longest, ["VARCHAR"], "VARCHAR", connection=db)
    rows = db.sql("select i % 3 as k, longest(i::text) from range(20000) r(i) group by 1 order by 1").rows()
    assert rows == [(k, str(max(i for i in range(10000, 20000) if i % 3 == k))) for k in range(3)]
    assert db.sql("select longest(v) from (select 'x' as v limit 0)").item() is None
    windowed = db.sql("select longest(v) over (order by i) from (values (1, 'a'), (2, 'bbb'), (3, 'cc')) t(i, v) order by i").rows()
    assert windowed == [("a",), ("bbb",), ("bbb",)]


class Total:
    def __init__(self):
        self.sum = 0

    def update(self, value):
        self.sum += value

    def merge(self, other):
        self.sum += other.sum

    def evaluate(self):
        return self.sum

    def state(self):
        return str(self.sum).encode()

    @classmethod
    def of_state(cls, saved):
        out = cls()
        out.sum = int(saved)
        return out


def test_states_are_saved_when_groups_are_spilled(db):
    udf.create_aggregate("total", Total, ["BIGINT"], "BIGINT", by="row", connection=db)
    db.set("force_spill", True)
    rows = db.sql("select i % 1000 as k, total(i) from range(20000) r(i) group by 1 order by 1").rows()
    assert rows == [(k, sum(range(k, 20000, 1000))) for k in range(1000)]


class Retractable(Total):
    retracted = 0

    def retract(self, value):
        type(self).retracted += 1
        self.sum -= value


@pytest.mark.parametrize("kind", [Total, Retractable])
def test_streams_take_rows_back_from_states(db, kind):
    Retractable.retracted = 0
    udf.create_aggregate("total", kind, ["BIGINT"], "BIGINT", by="row", connection=db)
    source = stream.Source("numbers", {"k": "BIGINT", "v": "BIGINT"}, connection=db)
    db.execute("create table out (n bigint primary key, t bigint, d bigint)")
    sql = """insert into out select n, total(s), total(distinct s % 10) from (select k, count(*) as n, sum(v)::bigint as s from numbers group by k) group by n"""
    with stream.start(sql, connection=db) as query:
        for turn in range(3):  # every group of the inner query is in another one of the outer one after each turn
            source.push([{"k": k, "v": turn + k} for k in range(100 - 10 * turn)])
            query.await_idle("20 s")
    sums = {k: [turn + k for turn in range(3) if k < 100 - 10 * turn] for k in range(100)}
    expected = [
        (n, sum(sum(v) for v in sums.values() if len(v) == n), sum({sum(v) % 10 for v in sums.values() if len(v) == n})) for n in (1, 2, 3)
    ]
    assert db.table("out").sort("n").rows() == expected
    assert (Retractable.retracted > 0) == (kind is Retractable)


def test_functions_run_in_streams_and_beside_other_threads(db):
    udf.create_function("plus", lambda x: x + 1, ["BIGINT"], "BIGINT", by="numpy", connection=db)
    source = stream.Source("numbers", {"i": "BIGINT"}, connection=db)
    db.execute("create table out (i bigint)")
    with stream.start("insert into out select plus(i) from numbers", connection=db) as query:
        source.push([{"i": 1}, {"i": 41}])
        query.await_idle("10 s")
    assert db.table("out").sort("i").rows() == [(2,), (42,)]
    failures = []

    def work():
        with db.session() as mine:
            for _ in range(20):
                if mine.sql("select sum(plus(i)) from range(10000) r(i)").item() != sum(range(10001)):
                    failures.append("wrong")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failures and not any(t.is_alive() for t in threads)


def test_a_function_may_use_another_connection(db):
    with weir.connect() as other:
        udf.create_function("ask", lambda: other.sql("select 5").item(), [], "INTEGER", volatility="volatile", connection=db)
        assert db.sql("select ask()").item() == 5
