"""Continuous queries, rows pushed and pulled into them, changes that come out."""

import asyncio
import threading
import time

import pyarrow
import pytest

import weir
from weir import stream


@pytest.fixture
def warm(db):
    db.execute("create source readings (place varchar, degrees double) with (connector = 'push'); create table warm (place varchar, degrees double)")
    return "insert into warm select place, degrees from readings where degrees > 20"


def test_pushed_rows_go_through_a_stream(db, warm):
    readings = stream.Source("readings", connection=db)
    assert not readings.push([{"place": "Rome", "degrees": 1.0}], timeout="10 ms"), "nobody reads yet"
    with stream.start(warm, connection=db) as query:
        assert readings.push([{"place": "Rome", "degrees": 30.5}, {"place": "O'slo", "degrees": None}])
        readings.push(pyarrow.table({"degrees": [21.0, 5.0], "place": ["Lyon", "Kiel"]}))
        readings.push(db.sql("select 'Nice' as place, 25 as degrees"))
        assert query.await_idle("10 s")
        assert query.progress["rows_in"] == 5 and query.progress["rows_out"] == 3
        assert query.lag.rows == 0 and query.name == "warm" and query.snapshot["query_id"] == "warm"
        assert "readings" in query.explain() or query.explain()
    assert query.progress["status"] == "stopped"
    assert db.table("warm").sort("place").rows() == [("Lyon", 21.0), ("Nice", 25.0), ("Rome", 30.5)]
    with pytest.raises(weir.InterfaceError):
        query.start()
    readings.close()
    with pytest.raises(weir.InterfaceError):
        readings.push([{"place": "x", "degrees": 1.0}])


def test_a_stream_ends_with_its_sources_and_tells_its_error(db, warm):
    with stream.Source("readings", connection=db) as readings:
        query = stream.start("insert into warm select place, 1 / degrees::int from readings", connection=db)
        readings.push([{"place": "Rome", "degrees": 0.0}])
        with pytest.raises(weir.DataError):
            query.wait("10 s")
        query.close()
        assert query.progress["status"] == "failed"
        again = stream.start(warm, connection=db)
        readings.end()
        assert again.wait(10)
    with pytest.raises(weir.ProgrammingError):
        stream.start("insert into nothing select * from readings", connection=db)


class Numbers:
    """Ten batches of ten rows; the same number is always the same rows."""

    def __init__(self):
        self.asked = []

    def batches(self, after):
        self.asked.append(after)
        for number in range(after + 1, 11):
            yield pyarrow.record_batch({"i": list(range(number * 10, number * 10 + 10))})


def test_a_pulled_source_goes_on_behind_what_is_committed(tmp_path):
    script = "create source numbers (i bigint) with (connector = 'push'); create sink out (i bigint) with (connector = 'files', path = '{}', format = 'jsonl')"
    numbers = Numbers()
    for upto in (4, 10):
        with weir.connect(threads=1) as db:
            db.execute(script.format(tmp_path / "out"))
            source = stream.Source("numbers", connection=db)
            query = stream.open("insert into out select i from numbers", connection=db, state=str(tmp_path / "state"), checkpoint_interval="50 ms")
            query.start()
            if upto == 4:
                for number, batch in zip(range(1, 5), Numbers().batches(0)):
                    source.push(batch, number=number)
                assert query.await_idle("10 s") and source.committed == 4
                query.stop("10 s")
            else:
                source.feed(numbers, query)
                assert source.join("10 s") and query.wait("10 s")
            source.close()
            query.close()
    with weir.connect() as db:
        assert db.read_json(tmp_path / "out" / "part-*.jsonl").sort("i").rows() == [(i,) for i in range(10, 110)]
    assert numbers.asked in ([4], [0])


def test_what_a_pulled_source_raises_is_told(db, warm):
    class Broken:
        def batches(self, after):
            yield pyarrow.record_batch({"place": ["x"], "degrees": [30.0]})
            raise OSError("gone")

    with stream.start(warm, connection=db), stream.Source("readings", connection=db) as readings:
        readings.feed(Broken())
        with pytest.raises(OSError, match="gone"):
            readings.join("10 s")


def test_changes_of_a_view_come_as_they_happen(db):
    source = stream.Source("clicks", {"page": "varchar"}, connection=db)
    db.execute("create materialized view per_page as select page, count(*) as n from clicks group by page")
    with db.subscribe("per_page") as changes:
        source.push([{"page": "a"}, {"page": "a"}, {"page": "b"}])
        state = {}
        for change in changes:
            state[change.row["page"]] = state.get(change.row["page"], 0) + change.diff * change.row["n"]
            if state == {"a": 2, "b": 1}:
                break
    assert list(changes) == []


def test_subscriptions_end_when_they_are_closed(db):
    stream.Source("clicks", {"page": "varchar"}, connection=db)
    db.execute("create materialized view per_page as select page, count(*) as n from clicks group by page")
    changes = db.subscribe("per_page")
    threading.Timer(0.2, changes.close).start()
    begin = time.perf_counter()
    assert list(changes) == []
    assert time.perf_counter() - begin < 10


def test_changes_come_to_a_task_of_asyncio(db):
    source = stream.Source("clicks", {"page": "varchar"}, connection=db)
    db.execute("create materialized view per_page as select page, count(*) as n from clicks group by page")

    async def first():
        source.push([{"page": "a"}])
        async for change in db.subscribe("per_page"):
            return change.diff, change.row

    async def cancelled():
        async for _ in db.subscribe("per_page", snapshot=False):
            pass

    async def main():
        assert await asyncio.wait_for(first(), 10) == (1, {"page": "a", "n": 1})
        task = asyncio.create_task(cancelled())
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 10)

    asyncio.run(main())


def test_a_tap_looks_at_what_flows(db):
    db.execute("create source bids with (connector = 'nexmark', table = 'bid', events = 5000)")
    rows = list(stream.tap("select auction, price from bids where price > 1000", rows=3, connection=db))
    assert len(rows) == 3 and set(rows[0]) == {"auction", "price"}
    assert stream.seconds("5 min") == 300 and stream.seconds("250 ms") == 0.25 and stream.seconds("2 hours") == 7200
    with pytest.raises(weir.InterfaceError):
        stream.seconds("soon")
