"""The behaviour of the session's methods beyond the documents' examples."""

import threading
import time

import pyarrow
import pytest

import weir
from weir.compat.velaria import (
    CustomArrowStreamSink,
    CustomArrowStreamSource,
    CustomStreamEmitOptions,
    Session,
    consume_arrow_batches_with_custom_sink,
    create_stream_from_custom_source,
)

EVENTS = pyarrow.table({"ts": ["2026-03-29T10:00:00", "2026-03-29T10:00:10", "2026-03-29T10:00:35"], "key": ["u"] * 3, "value": [1, 2, 3]})


@pytest.fixture
def session():
    return Session()


def polled(sink, seconds=10):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if (table := sink.poll_arrow()) is not None:
            return table
        time.sleep(0.01)
    raise AssertionError("nothing came")


def sink_table(session, name, columns, path):
    session.sql(f"CREATE SINK TABLE {name} ({columns}) USING csv OPTIONS(path: '{path}', delimiter: ',')")


def test_everything_that_speaks_arrow_comes_in_and_keeps_its_types(session):
    table = pyarrow.table(
        {
            "flag": pyarrow.array([True, None]),
            "small": pyarrow.array([1, 2], pyarrow.int32()),
            "vector": pyarrow.array([[1.0, 2.0], [3.0, 4.0]], pyarrow.list_(pyarrow.float32(), 2)),
            "day": pyarrow.array([0, 20000], pyarrow.date32()),
        }
    )
    readers = [table, table.to_batches()[0], table.to_reader(), table.to_batches(), [table], session.create_dataframe_from_arrow(table)]
    for data in readers:
        df = session.create_dataframe_from_arrow(data)
        out = df.to_arrow()
        assert out.to_pylist() == table.to_pylist() and df.count() == 2
        assert out.schema.field("vector").type == pyarrow.list_(pyarrow.float32(), 2)
    assert pyarrow.record_batch(df).to_pylist() == table.to_pylist()
    assert session.create_dataframe_from_arrow({"a": [1, None]}).to_rows() == {"schema": ["a"], "rows": [[1], [None]]}


def test_sessions_share_nothing(session):
    session.create_temp_view("mine", session.create_dataframe_from_arrow({"a": [1]}))
    with pytest.raises(weir.ProgrammingError):
        Session().sql("SELECT * FROM mine").to_rows()
    session.create_temp_view("mine", session.create_dataframe_from_arrow({"a": [2]}))
    assert session.sql("SELECT * FROM mine").to_rows()["rows"] == [[2]]


def test_plans_have_their_headings(session, capsys):
    plan = session.explain_sql("SELECT 1 AS a")
    assert [line for line in plan.split("\n") if line in ("frontend", "logical", "physical", "strategy")] == [
        "frontend", "logical", "physical", "strategy",
    ]  # fmt: skip
    session.create_temp_view("s", session.create_stream_from_arrow(EVENTS))
    plan = session.explain_stream_sql("SELECT key, SUM(value) AS v FROM s GROUP BY key", execution_mode="local-workers", local_workers=2)
    assert all(f"\n{heading}\n" in f"\n{plan}\n" for heading in ("logical", "physical", "strategy"))
    session.sql("SELECT 41 + 1 AS answer").show()
    assert "42" in capsys.readouterr().out


def test_a_materialized_file_is_read_again_when_it_changes(session, tmp_path):
    path, kept = tmp_path / "f.csv", tmp_path / "kept"
    path.write_text("a\n1\n")
    options = {"materialization": True, "materialization_dir": kept, "materialization_format": "nanoarrow_ipc"}
    for _ in range(2):
        assert session.read_csv(path, **options).to_rows()["rows"] == [[1]]
    (first,) = kept.iterdir()
    written = first.stat().st_mtime_ns
    path.write_text("a\n1\n2\n")
    assert session.read_csv(path, **options).to_rows()["rows"] == [[1], [2]]
    assert len(list(kept.iterdir())) == 2 and first.stat().st_mtime_ns == written
    held = session.read_csv(path, cache_in_memory=True)
    path.unlink()
    assert held.count() == 2
    with pytest.raises(weir.ProgrammingError, match="materialization format"):
        session.read_csv(first, materialization_format="xml")


def test_lines_are_split_and_columns_typed_as_a_whole(session, tmp_path):
    (tmp_path / "f.txt").write_text("1|x|0.5\n\n2||1\n3|null|x\n")
    df = session.read_line_file(tmp_path / "f.txt", [("id", 0), ("name", 1), ("v", 2)], split_delimiter="|")
    assert df.to_rows()["rows"] == [[1, "x", "0.5"], [2, None, "1"], [3, None, "x"]]


def test_windows_in_stream_sql_and_workers(session, tmp_path):
    session.create_temp_view("s", session.create_stream_from_arrow(EVENTS))
    sink_table(session, "out", "w STRING, key STRING, n INT", tmp_path / "o.csv")
    query = session.start_stream_sql(
        "INSERT INTO out SELECT w, key, COUNT(*) AS n FROM s WINDOW BY ts EVERY 60000 SLIDE 30000 AS w GROUP BY w, key",
        trigger_interval_ms=0,
        checkpoint_delivery_mode="best-effort",
        execution_mode="local-workers",
        local_workers=2,
    )
    query.start()
    assert query.await_termination() == 1
    assert sorted((tmp_path / "o.csv").read_text().splitlines()[1:]) == [
        "2026-03-29T09:59:30,u,2", "2026-03-29T10:00:00,u,3", "2026-03-29T10:00:30,u,1",
    ]  # fmt: skip
    progress = query.progress()
    assert progress["requested_execution_mode"] == "local-workers" and progress["checkpoint_delivery_mode"] == "best-effort"
    assert '"execution_reason"' in query.snapshot_json() and progress["has_window"] in (True, False)
    with pytest.raises(weir.InterfaceError, match="ended"):
        query.start()


def test_a_restart_goes_on_where_the_checkpoint_is(tmp_path):
    batches = [pyarrow.record_batch({"k": ["a", "b"], "v": [1, 10]}) for _ in range(3)]
    for upto in (2, 0):
        session = Session()
        session.create_temp_view("s", session.create_stream_from_arrow(batches))
        sink_table(session, "out", "k STRING, v BIGINT", tmp_path / "o.csv")
        query = session.start_stream_sql(
            "INSERT INTO out SELECT k, SUM(v) AS v FROM s GROUP BY k", 0, str(tmp_path / "state")
        )
        query.start()
        query.await_termination(max_batches=upto)
    lines = (tmp_path / "o.csv").read_text().splitlines()
    assert sorted(lines[1:]) == ["a,1", "a,2", "a,3", "b,10", "b,20", "b,30"], "nothing is lost or told twice"


def test_steps_of_streaming_frames(session, tmp_path):
    frame = session.create_stream_from_arrow(EVENTS)
    path = tmp_path / "o.csv"
    made = (
        frame.with_column("more", "value").filter("value", ">=", 2).window("ts", 60000).drop("ts")
        .select("window_start", "key", "more").group_sum(["window_start", "key"], "more", False, "total")
    )  # fmt: skip
    query = made.write_stream_csv(path, ";", 0)
    query.start()
    assert query.await_termination() == 1
    assert path.read_text().splitlines() == ["window_start;key;total", "2026-03-29T10:00:00;u;5"]
    counted = frame.limit(2).group_count(["key"]).write_stream_csv(tmp_path / "n.csv", trigger_interval_ms=0)
    counted.start()
    counted.await_termination()
    assert (tmp_path / "n.csv").read_text().splitlines()[-1] == "u,2"
    with pytest.raises(weir.ProgrammingError, match="comparison"):
        frame.filter("value", "~", 2)


def test_a_folder_of_files_is_a_stream(session, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").write_text("key,value\nu,1\nu,2\n")
    session.create_temp_view("folder", session.read_stream_csv_dir(tmp_path / "in"))
    sink_table(session, "out", "key STRING, v INT", tmp_path / "o.csv")
    query = session.start_stream_sql("INSERT INTO out SELECT key, SUM(value) AS v FROM folder GROUP BY key", 10)
    query.start()
    assert query.await_termination(max_batches=1) >= 1
    assert (tmp_path / "o.csv").read_text().splitlines()[1:] == ["u,3"]


def test_rows_pushed_come_out_of_a_queue(session):
    source = session.create_realtime_stream_source(["ts", "symbol", "entry", "exit"])
    session.create_temp_view("signals", session.read_realtime_stream_source(source))
    frame = session.stream_sql("SELECT symbol, entry, exit FROM signals WHERE entry >= 1 OR exit >= 1")
    sink = session.create_realtime_stream_sink()
    query = frame.write_stream_queue_sink(sink, trigger_interval_ms=0)
    query.start()
    worker = threading.Thread(target=query.await_termination, daemon=True)
    worker.start()
    source.push_rows([{"ts": "t", "symbol": "a", "entry": 1, "exit": 0}, ("t", "b", 0, 1), ("t", "c", 0, 0)])
    assert [row["symbol"] for row in polled(sink).to_pylist()] == ["a", "b"]
    source.push_arrow(pyarrow.table({"exit": [1], "entry": [None], "symbol": ["d"], "ts": ["t"]}))
    assert polled(sink).to_pylist() == [{"symbol": "d", "entry": None, "exit": 1}]
    source.close()
    worker.join(10)
    assert sink.closed and sink.poll_arrow() is None and query.progress()["status"] == "stopped"
    with pytest.raises(weir.InterfaceError):
        source.push_rows([("t", "x", 1, 1)])


def test_groups_that_change_come_out_of_a_queue_anew(session):
    source = session.create_realtime_stream_source(["key", "value"])
    session.create_temp_view("events", session.read_realtime_stream_source(source))
    sink = session.create_realtime_stream_sink()
    query = session.stream_sql("SELECT key, SUM(value) AS v FROM events GROUP BY key").write_stream_queue_sink(sink, 0)
    source.push_rows([("a", 1)])
    query.start()
    assert polled(sink).to_pylist() == [{"key": "a", "v": 1}]
    source.push_rows([("a", 2)])
    assert polled(sink).to_pylist() == [{"key": "a", "v": 3}]
    query.stop()
    assert sink.closed


def test_custom_sources_and_sinks_gather_rows(session):
    source = CustomArrowStreamSource(emit_interval_seconds=10, emit_rows=2)
    assert [t.num_rows for t in source.to_arrow_batches([{"id": i} for i in range(3)])] == [2, 1]
    schema = pyarrow.schema([("id", pyarrow.int64()), ("v", pyarrow.int32())])
    (table,) = CustomArrowStreamSource(schema).iter_arrow_batches([(1, 2), (3, None)])
    assert table.schema == schema and table.to_pylist()[1] == {"id": 3, "v": None}
    with pytest.raises(ValueError, match="schema"):
        source.to_arrow_batches([(1, 2)])
    with pytest.raises(ValueError, match="emit_rows"):
        CustomStreamEmitOptions(emit_rows=0).validate()
    seen = []
    sink = CustomArrowStreamSink(lambda t: seen.append(t.num_rows), emit_interval_seconds=10, emit_rows=3)
    consume_arrow_batches_with_custom_sink([pyarrow.table({"a": [1] * n}) for n in (2, 1, 1)], sink)
    assert seen == [3, 1]
    frame = create_stream_from_custom_source(session, [{"k": "a", "v": i} for i in range(5)], emit_rows=2)
    session.create_temp_view("custom", frame)
    out = session.create_realtime_stream_sink()
    query = session.stream_sql("SELECT SUM(v) AS total FROM custom").write_stream_queue_sink(out, 0)
    query.start()
    assert query.await_termination() == 3
    totals = []
    while (table := out.poll_arrow()) is not None:
        totals += table.column("total").to_pylist()
    assert totals[-1] == 10


def test_what_is_wrong_with_a_stream_is_said_at_once(session, tmp_path):
    session.create_temp_view("s", session.create_stream_from_arrow(EVENTS))
    with pytest.raises(weir.ProgrammingError):
        session.stream_sql("SELECT nothing FROM s")
    with pytest.raises(weir.ProgrammingError, match="one SELECT"):
        session.stream_sql("INSERT INTO a SELECT * FROM s")
    with pytest.raises(weir.Error):
        session.start_stream_sql("SELECT * FROM s")
    with pytest.raises(weir.ProgrammingError, match="execution mode"):
        session.start_stream_sql("INSERT INTO a SELECT * FROM s", execution_mode="cluster")
