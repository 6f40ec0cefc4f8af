"""Sources written in Python: their part in checkpoints, time, ends, and what goes wrong in them."""

import queue
import threading
import time

import ledger
import numbers_source
import pyarrow
import pytest

import weir
from weir import stream


def sink(db, columns="n BIGINT"):
    db.execute(f"CREATE TABLE got ({columns})")
    return lambda: db.sql("SELECT * FROM got ORDER BY ALL").rows()


def test_a_generator_is_read_to_its_end(db):
    @stream.source("numbers", columns={"n": "BIGINT", "t": "VARCHAR"}, bounded=True, connection=db)
    def numbers(position):
        assert position is None
        yield [{"n": 1, "t": "a"}, {"n": 2, "t": None}]
        yield pyarrow.table({"t": ["b", "c"], "n": pyarrow.array([3, 4], pyarrow.int32())}), 4
        yield []
        yield None
        yield pyarrow.record_batch({"n": list(range(5, 10001)), "t": ["x"] * 9996}), 10000

    assert db.sql("SELECT count(*), sum(n), count(t) FROM numbers").rows() == [(10000, 50005000, 9999)]
    got = sink(db)
    assert db.execute("INSERT INTO got SELECT n FROM numbers WHERE n < 5") == 4
    stream.create_sink("out", lambda rows: db.session().executemany("INSERT INTO got VALUES ($1)", rows), columns={"n": "BIGINT"}, by="rows", connection=db)
    with stream.start("INSERT INTO out SELECT -n FROM numbers WHERE n < 3", connection=db) as query:
        assert query.wait("10 s")
    assert got() == [(-2,), (-1,), (1,), (2,), (3,), (4,)]
    assert db.sql("SELECT n FROM numbers LIMIT 1").rows() == [(1,)]


class Log:
    """Ten rows per position; says how it is called."""

    calls: list = []
    end = 5

    def open(self, position):
        self.calls.append(("open", position))
        self.next = position or 0

    def read(self, timeout):
        if self.next == self.end:
            raise StopIteration
        self.next += 1
        first = self.next * 10 - 10
        return pyarrow.record_batch({"n": list(range(first, first + 10))}), self.next

    def lag(self):
        return (self.end - self.next) * 10

    def committed(self, position):
        self.calls.append(("committed", position))

    def close(self):
        self.calls.append(("close",))


def test_a_restart_opens_it_where_the_last_commit_was(tmp_path):
    Log.calls = calls = []
    out = f"CREATE SINK out (n BIGINT) WITH (connector = 'files', format = 'csv', path = '{tmp_path}/out')"
    for end in (3, 7):
        Log.end = end
        with weir.connect(threads=1) as db:
            stream.create_source("log", Log, columns={"n": "BIGINT"}, connection=db)
            db.execute(out)
            with stream.start("INSERT INTO out SELECT n FROM log", connection=db, state=str(tmp_path / "state")) as query:
                assert query.wait("10 s") and query.progress["delivery"] == "exactly-once"
                assert query.lag.rows == 0
    assert [call for call in calls if call[0] == "open"] == [("open", None), ("open", 3)]
    assert calls[-2:] == [("committed", 7), ("close",)]
    assert weir.sql(f"SELECT n FROM '{tmp_path}/out/part*.csv' ORDER BY n").rows() == [(n,) for n in range(70)]


@pytest.mark.parametrize("size", [1, 100, 5000])
def test_rows_behind_a_position_are_not_read_twice_however_they_are_cut(tmp_path, size):
    """It tells no positions after the first: a restart reads from there, and leaves out what was committed."""
    script = f"CREATE SINK out (n BIGINT) WITH (connector = 'files', format = 'csv', path = '{tmp_path}/out')"
    opened = []
    for step, last in ((7, 4000), (size, 5000)):

        def numbers(position, step=step, last=last):
            opened.append(position)
            for first in range(position or 0, last, step):
                batch = pyarrow.record_batch({"n": list(range(first, min(first + step, last)))})
                yield (batch, first + step) if first < 100 else batch

        with weir.connect(threads=1) as db:
            stream.create_source("numbers", numbers, columns={"n": "BIGINT"}, connection=db)
            db.execute(script)
            with stream.start("INSERT INTO out SELECT n FROM numbers", connection=db, state=str(tmp_path / "state")) as query:
                assert query.wait("20 s")
    assert opened == [None, 105]
    assert weir.sql(f"SELECT n FROM '{tmp_path}/out/part*.csv' ORDER BY n").rows() == [(n,) for n in range(5000)]


def test_a_source_that_cannot_go_back_promises_nothing(db, tmp_path):
    stream.create_source("once", lambda position: iter([]), columns={"n": "BIGINT"}, repeatable=False, connection=db)
    db.execute(f"CREATE SINK out (n BIGINT) WITH (connector = 'files', format = 'csv', path = '{tmp_path}/out')")
    with stream.start("INSERT INTO out SELECT n FROM once", connection=db, state=str(tmp_path / "s")) as query:
        assert query.wait("10 s") and query.progress["delivery"] == "best-effort"
    with pytest.raises(weir.Error, match="read again"):
        stream.open("INSERT INTO out SELECT n FROM once", connection=db, state=str(tmp_path / "s"), delivery="exactly-once")


def test_windows_close_by_the_time_of_its_rows(db):
    rows = queue.Queue()

    class Events:
        def read(self, timeout):
            try:
                return rows.get(timeout=timeout) if timeout else rows.get_nowait()
            except queue.Empty:
                return None

    stream.create_source("events", Events, connection=db)
    db.execute("CREATE SOURCE events (ts TIMESTAMP, WATERMARK FOR ts AS ts) WITH (connector = 'callback', name = 'events')")
    got = []
    stream.create_sink("out", got.extend, columns={"w": "TIMESTAMP", "n": "BIGINT"}, by="rows", connection=db)
    count = "SELECT window_start, count(*) FROM tumble(events, ts, INTERVAL '1 minute') GROUP BY 1, window_end EMIT ON WINDOW CLOSE"
    with stream.start(f"INSERT INTO out {count}", connection=db) as query:
        for second in (0, 30, 60):
            rows.put([{"ts": f"2020-01-01 00:00:{second:02}"}] if second < 60 else [{"ts": "2020-01-01 00:01:00"}])
        deadline = time.monotonic() + 10
        while not got and time.monotonic() < deadline:
            query.await_idle("1 s")
        assert [n for _, n in got] == [2]
        assert query.progress["rows_in"] == 3


@pytest.mark.parametrize("method", ["open", "read", "committed"])
def test_what_a_source_raises_fails_the_stream_with_its_traceback(db, tmp_path, method):
    class Broken(Log):
        calls: list = []
        end = 5

    def fail(self, *args):
        raise OSError(f"{method} is broken")

    setattr(Broken, method, fail)
    stream.create_source("log", Broken, columns={"n": "BIGINT"}, connection=db)
    db.execute(f"CREATE SINK out (n BIGINT) WITH (connector = 'files', format = 'csv', path = '{tmp_path}/out')")
    query = stream.start("INSERT INTO out SELECT n FROM log", connection=db, state=str(tmp_path / "s"))
    with pytest.raises(weir.DatabaseError, match=f"{method} is broken") as told:
        query.wait("10 s")
    assert "in fail" in told.value.detail
    query.close()
    setattr(Broken, method, getattr(Log, method))
    with stream.start("INSERT INTO out SELECT n FROM log", connection=db, state=str(tmp_path / "s")) as query:
        assert query.wait("10 s")
    assert db.sql(f"SELECT n FROM '{tmp_path}/out/part*.csv' ORDER BY n").rows() == [(n,) for n in range(50)]


@pytest.mark.parametrize(
    "rows, message",
    [
        ([{"m": 1}], "no column"),
        ([{"n": "x"}], "x"),
        (7, "is no|not iterable"),
        (pyarrow.record_batch({"n": [1], "m": [2]}), "2 columns"),
        ((pyarrow.record_batch({"n": [1]}), {1, 2}), "JSON"),
    ],
)
def test_rows_that_are_wrong_are_told(db, rows, message):
    stream.create_source("wrong", lambda position: iter([rows]), columns={"n": "BIGINT"}, bounded=True, connection=db)
    with pytest.raises(weir.Error, match=message):
        db.sql("SELECT * FROM wrong").rows()


def test_a_definition_that_cannot_work_is_refused(db):
    for of in (7, int, "x"):
        with pytest.raises(weir.ProgrammingError):
            stream.create_source("s", of, connection=db)
    with pytest.raises(weir.ProgrammingError, match="no source"):
        db.execute("CREATE SOURCE s (n BIGINT) WITH (connector = 'callback', name = 'nothing')")
    with pytest.raises(weir.ProgrammingError, match="columns"):
        stream.create_source("s", lambda position: iter([]), connection=db)
        db.execute("CREATE SOURCE s WITH (connector = 'callback', name = 's')")


def test_generators_are_closed_when_a_stream_stops(db):
    closed = threading.Event()

    def endless(position):
        try:
            n = position or 0
            while True:
                n += 1
                yield [{"n": n}] if n < 3 else None
        finally:
            closed.set()

    stream.create_source("endless", endless, columns={"n": "BIGINT"}, connection=db)
    got = sink(db)
    with stream.start("INSERT INTO got SELECT n FROM endless", connection=db) as query:
        assert query.await_idle("10 s")
        asked = query.progress["rounds"]
        time.sleep(0.2)
        assert query.progress["rounds"] - asked < 100, "who has nothing is not asked all the time"
    assert closed.is_set() and got() == [(1,), (2,)]


def test_arrays_are_read_where_they_are(db):
    column = pyarrow.array(range(100000), pyarrow.int64())
    batch = pyarrow.record_batch({"n": column})
    before = pyarrow.total_allocated_bytes()
    stream.create_source("numbers", lambda position: iter([batch]), columns={"n": "BIGINT"}, bounded=True, connection=db)
    assert db.sql("SELECT sum(n) FROM numbers").item() == sum(range(100000))
    assert pyarrow.total_allocated_bytes() == before


def test_a_killed_program_reads_and_writes_every_row_once(tmp_path):
    script = "CREATE SOURCE numbers (n BIGINT, t VARCHAR) WITH (connector = 'callback', name = 'numbers');"
    script += "CREATE SINK out (n BIGINT, t VARCHAR) WITH (connector = 'callback', name = 'ledger')"
    kills = ledger.killed_until_done("numbers_source.py", tmp_path, script, "INSERT INTO out SELECT n, t FROM numbers", 6)
    assert kills == 6
    assert ledger.lines(tmp_path) == [[n, f"number {n}"] for n in range(numbers_source.LAST)]
