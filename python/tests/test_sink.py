"""Sinks written in Python: what they get, their part in checkpoints, what goes wrong in them."""

import gc
import threading
import weakref

import ledger
import pyarrow
import pytest

import weir
from weir import stream

NUMBERS = {"n": "BIGINT", "t": "VARCHAR"}


def test_functions_get_rows_as_they_like(db):
    seen = {}

    @stream.sink("plain", columns=NUMBERS, connection=db)
    def plain(batch):
        seen["batch"] = batch.num_rows

    for by in ("arrow", "polars", "rows", "dicts"):
        stream.create_sink(by, lambda rows, by=by: seen.update({by: rows}), columns=NUMBERS, by=by, connection=db)
        db.execute(f"INSERT INTO {by} SELECT 1, NULL")
    db.execute("INSERT INTO plain SELECT i, 'x' FROM range(3) t(i)")
    assert seen["batch"] == 3 and seen["rows"] == [(1, None)] and seen["dicts"] == [{"n": 1, "t": None}]
    assert seen["arrow"].to_pylist() == [{"n": 1, "t": None}] and isinstance(seen["arrow"], pyarrow.RecordBatch)
    assert seen["polars"].rows() == [(1, None)]
    assert db.execute("INSERT INTO rows SELECT 1, 'a' WHERE false") == 0


def test_all_types_reach_a_sink(db):
    values = {
        "b": ("true", True), "h": ("170141183460469231731687303715884105727::HUGEINT", 2**127 - 1), "d": ("1.50", None), "x": ("'\\x00'::BLOB", None),
        "l": ("[1, NULL]", [1, None]), "s": ("{'a': 'b'}", {"a": "b"}), "t": ("TIMESTAMP '2020-01-01'", None),
    }  # fmt: skip
    query = "SELECT " + ", ".join(f"{sql} AS {name}" for name, (sql, _) in values.items())
    kinds = {column.name: column.type for column in db.sql(query).schema}
    got = []
    stream.create_sink("all_types", got.extend, columns=kinds, by="dicts", connection=db)
    db.execute(f"INSERT INTO all_types {query}")
    wanted = db.sql(query).dicts()
    assert got == wanted and all(wanted[0][name] == value for name, (_, value) in values.items() if value is not None)


def test_a_function_is_told_to_be_at_least_once(db):
    source = stream.Source("numbers", {"n": "BIGINT"}, connection=db)
    got = []
    stream.create_sink("out", got.extend, columns={"n": "BIGINT"}, by="rows", connection=db)
    with stream.start("INSERT INTO out SELECT n FROM numbers", connection=db) as query:
        source.push([{"n": 1}, {"n": 2}])
        assert query.await_idle("10 s") and got == [(1,), (2,)]
        assert query.progress["delivery_reason"] and query.progress["connector"] == "callback"
    with pytest.raises(weir.Error, match="prepare and commit"):
        stream.open("INSERT INTO out SELECT n FROM numbers", connection=db, delivery="exactly-once", state="nowhere")


class Recorder:
    """Says what is called, in which order."""

    calls: list = []

    def open(self, query):
        self.calls.append(("open", query))

    def write(self, rows):
        self.calls.append(("write", rows))

    def prepare(self, epoch):
        self.calls.append(("prepare", epoch))
        return b"%d" % epoch

    def commit(self, epoch, token):
        self.calls.append(("commit", epoch, token))

    def close(self):
        self.calls.append(("close",))


def test_commits_are_repeated_after_a_restart_and_have_epochs_of_their_own(tmp_path):
    Recorder.calls = calls = []
    for number in (1, 2):
        with weir.connect(threads=1) as db:
            stream.create_sink("out", Recorder, columns={"n": "BIGINT"}, by="rows", connection=db)
            source = stream.Source("numbers", {"n": "BIGINT"}, connection=db)
            with stream.start("INSERT INTO out SELECT n FROM numbers", connection=db, name="q", state=str(tmp_path)) as query:
                source.push([{"n": number}], number=number)
                assert query.await_idle("10 s") and query.progress["delivery"] == "exactly-once"
    assert [call for call in calls if call[0] == "write"] == [("write", [(1,)]), ("write", [(2,)])]
    assert calls[0] == ("open", "q") and calls[-1] == ("close",)
    second = calls.index(("open", "q"), 1)
    last = [call for call in calls[:second] if call[0] == "commit"][-1]
    assert calls[second + 1] == last, "repeated, with its token"
    epochs = [call[1] for call in calls if call[0] == "prepare"]
    assert epochs == sorted(set(epochs)) and all(call[2] == b"%d" % call[1] for call in calls if call[0] == "commit")


def test_rows_that_are_taken_back_come_with_their_sign(db):
    source = stream.Source("numbers", {"n": "BIGINT"}, connection=db)
    got = []
    stream.create_sink("counts", got.extend, columns={"k": "BIGINT", "c": "BIGINT"}, key=["k"], by="rows", changes=True, connection=db)
    stream.create_sink("appended", got.extend, columns={"k": "BIGINT", "c": "BIGINT"}, connection=db)
    count = "SELECT n % 2, count(*) FROM numbers GROUP BY n % 2"
    with pytest.raises(weir.Error):
        stream.open(f"INSERT INTO appended {count}", connection=db)
    with stream.start(f"INSERT INTO counts {count}", connection=db) as query:
        source.push([{"n": 1}])
        assert query.await_idle("10 s")
        source.push([{"n": 3}])
        assert query.await_idle("10 s")
    assert sorted(got) == [(-1, 1, 1), (1, 1, 1), (1, 1, 2)]


@pytest.mark.parametrize("method", ["open", "write", "prepare", "commit"])
def test_what_a_sink_raises_fails_the_stream_with_its_traceback(db, tmp_path, method):
    class Broken(Recorder):
        calls: list = []

    def fail(self, *args):
        raise OSError(f"{method} is broken")

    setattr(Broken, method, fail)
    stream.create_sink("out", Broken, columns={"n": "BIGINT"}, by="rows", connection=db)
    source = stream.Source("numbers", {"n": "BIGINT"}, connection=db)
    insert = "INSERT INTO out SELECT n FROM numbers"
    query = stream.start(insert, connection=db, state=str(tmp_path), checkpoint_interval="10 ms")
    pusher = threading.Thread(target=lambda: source.push([{"n": 1}], number=1, timeout="1 s"))
    pusher.start()
    with pytest.raises(weir.DatabaseError, match=f"{method} is broken") as told:
        query.wait("10 s")
    assert "in fail" in told.value.detail and told.value.code == "W3130"
    query.close()
    pusher.join()
    delattr(Broken, method)
    if method == "write":
        Broken.write = Recorder.write
    stream.create_sink("out", Broken, by="rows", connection=db)
    db.execute("CREATE SINK again (n BIGINT) WITH (connector = 'callback', name = 'out')")
    with stream.start(insert.replace("out", "again"), connection=db, name="out", state=str(tmp_path)) as query:
        source.push([{"n": 1}], number=1)
        assert query.await_idle("10 s")
    written = [call[1] for call in Broken.calls if call[0] == "commit"]
    assert written and written == sorted(set(written)) or method == "commit"


def test_a_definition_that_cannot_work_is_refused(db):
    class Half:
        def write(self, batch): ...

        def prepare(self, epoch): ...

    for to in (Half, 7, int):
        with pytest.raises(weir.ProgrammingError):
            stream.create_sink("s", to, connection=db)
    with pytest.raises(weir.ProgrammingError, match="by is"):
        stream.create_sink("s", print, by="cards", connection=db)
    with pytest.raises(weir.ProgrammingError, match="no sink"):
        db.execute("CREATE SINK s (n BIGINT) WITH (connector = 'callback', name = 'nothing')")


def test_an_object_is_for_one_query_at_a_time(db):
    source = stream.Source("numbers", {"n": "BIGINT"}, connection=db)
    stream.create_sink("out", Recorder(), columns={"n": "BIGINT"}, by="rows", connection=db)
    with stream.start("INSERT INTO out SELECT n FROM numbers", connection=db) as query:
        source.push([{"n": 1}])
        assert query.await_idle("10 s")
        with pytest.raises(weir.DatabaseError, match="in use by another"):
            db.execute("INSERT INTO out SELECT 1")
    db.execute("INSERT INTO out SELECT 1")


def test_a_sink_that_uses_its_own_connection_is_told_so(db):
    failures = []

    def back(rows):
        try:
            db.sql("SELECT 1").rows()
        except weir.InterfaceError as error:
            failures.append(error)

    stream.create_sink("out", back, columns={"n": "BIGINT"}, connection=db)
    db.execute("INSERT INTO out SELECT 1")
    assert len(failures) == 1


def test_a_sink_that_is_dropped_lets_go_of_its_class():
    class Writer(Recorder):
        calls: list = []

    gone = weakref.ref(Writer)
    with weir.connect(threads=1) as db:
        stream.create_sink("out", Writer, columns={"n": "BIGINT"}, by="rows", connection=db)
        db.execute("INSERT INTO out SELECT 1")
        assert [call[0] for call in Writer.calls] == ["open", "write", "prepare", "commit", "close"]
    del Writer, db
    gc.collect()
    assert gone() is None


EVENTS = "CREATE SOURCE bids WITH (connector = 'nexmark', table = 'bid', events = 30000{}); CREATE SINK out ({}) WITH (connector = 'callback', name = 'ledger')"


def test_a_killed_program_writes_every_row_once(tmp_path):
    columns = "auction BIGINT, bidder BIGINT, price BIGINT"
    script = EVENTS.format(", rate = 8000", columns)
    kills = ledger.killed_until_done("ledger.py", tmp_path, script, "INSERT INTO out SELECT auction, bidder, price FROM bids", 6)
    with weir.connect() as db:
        db.execute("CREATE SOURCE bids WITH (connector = 'nexmark', table = 'bid', events = 30000)")
        wanted = sorted(map(list, db.sql("SELECT auction, bidder, price FROM bids").rows()))
    assert kills == 6 and ledger.lines(tmp_path) == wanted
