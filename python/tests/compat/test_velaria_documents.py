"""What Velaria's documents show of Python, with the import changed; search, embeddings and finance are not here."""

import json

import pyarrow
import pytest

from weir.compat import velaria
from weir.compat.velaria import Session, read_excel


@pytest.fixture
def session():
    return Session()


def csv_lines(path):
    return path.read_text().splitlines()


def test_the_minimal_examples_of_files(session, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "input.csv").write_text("id,x\n1,0.53\n2,-0.5\n")
    (tmp_path / "events.jsonl").write_text(
        '{"user_id":1,"action":"open","latency":12.5}\n{"user_id":2,"action":"close","latency":9.0}\n'
    )
    (tmp_path / "events.json").write_text('[{"event":"open","cost":1.5},{"event":"close","cost":2}]')
    (tmp_path / "events_nested.json").write_text('[{"a":1,"b":{"b1":1}},{"a":2,"b":{"b1":2,"b2":["x",3,null]}}]')
    assert session.read_csv("input.csv").to_rows() == {"schema": ["id", "x"], "rows": [[1, 0.53], [2, -0.5]]}
    probe = session.probe("events.jsonl")
    assert probe["kind"] == "json" and probe["final_format"] == "json_lines" and probe["confidence"] == "high"
    assert probe["schema"] == ["user_id", "action", "latency"] and probe["warnings"] == [] and probe["score"] > 90
    assert {c["format"] for c in probe["candidates"]} >= {"json", "csv", "lines"}
    auto = session.read("events.jsonl").to_rows()
    lines = session.read_json("events.jsonl", columns=["user_id", "action", "latency"], format="json_lines").to_rows()
    assert auto == lines and lines["rows"] == [[1, "open", 12.5], [2, "close", 9.0]]
    array = session.read_json("events.json", columns=["event", "cost"], format="json_array")
    assert array.to_rows()["rows"] == [["open", 1.5], ["close", 2]]
    nested = session.read_json("events_nested.json", columns=["a", "b"], format="json_array").to_rows()
    assert nested["rows"] == [[1, '{"b1":1}'], [2, '{"b1":2,"b2":["x",3,null]}']]


def test_the_example_of_lines_by_a_regular_expression(session, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "events.log").write_text(
        'uid=7 action="open" latency=12 ok=true note=a b\nnothing\nuid=8 action="shut" latency=3 ok=false note=-\n'
    )
    regex_df = session.read_line_file(
        "events.log",
        mappings=[("uid", 1), ("action", 2), ("latency", 3), ("ok", 4), ("note", 5)],
        mode="regex",
        regex_pattern=r'^uid=(\d+) action="([^"]+)" latency=(\d+) ok=(true|false) note=(.+)$',
    )
    assert regex_df.to_rows() == {
        "schema": ["uid", "action", "latency", "ok", "note"],
        "rows": [[7, "open", 12, True, "a b"], [8, "shut", 3, False, "-"]],
    }


def test_the_example_of_excel(session, tmp_path):
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("openpyxl")
    path = str(tmp_path / "file.xlsx")
    days = pandas.to_datetime(["2026-01-02", "2026-03-04"])
    pandas.DataFrame({"name": ["ann", "bo"], "age": [31, 42], "since": days}).to_excel(path, sheet_name="Sheet1", index=False)
    df = read_excel(session, path, sheet_name="Sheet1")
    session.create_temp_view("staff", df)
    rows = session.sql("SELECT * FROM staff LIMIT 5").to_rows()
    assert rows == {"schema": ["name", "age", "since"], "rows": [["ann", 31, "2026-01-02"], ["bo", 42, "2026-03-04"]]}
    days = read_excel(session, path, sheet_name=0, coerce_datetime_to_string=False)
    assert str(days.to_arrow().schema.field("since").type).startswith("timestamp")


def test_the_demo_of_batch_sql_over_arrow(session):
    scores = pyarrow.table({"name": ["alice", "alice", "bob", "carol"], "score": [10, 15, 20, 3]})
    session.create_temp_view("scores_arrow", session.create_dataframe_from_arrow(scores))
    result = session.sql(
        "SELECT name, SUM(score) AS total FROM scores_arrow WHERE score > 5 GROUP BY name HAVING total > 20 LIMIT 10"
    ).to_arrow()
    assert result.schema.names == ["name", "total"] and json.dumps(result.to_pylist()) == '[{"name": "alice", "total": 25}]'


def test_the_demo_of_stream_sql(session, tmp_path):
    batches = [
        pyarrow.record_batch({"key": ["userA", "userA"], "value": [7, 10]}),
        pyarrow.record_batch({"key": ["userB", "userC"], "value": [20, 2]}),
    ]
    sink = tmp_path / "summary.csv"
    session.sql(
        f"CREATE SINK TABLE summary (key STRING, value_sum INT) USING csv OPTIONS(path: '{sink}', delimiter: ',')"
    )
    session.create_temp_view("events", session.create_stream_from_arrow(batches))
    statement = """
        INSERT INTO summary
        SELECT key, SUM(value) AS value_sum FROM events WHERE value > 6 GROUP BY key HAVING value_sum > 15 LIMIT 10
    """
    query = session.start_stream_sql(statement, trigger_interval_ms=50)
    query.start()
    assert query.await_termination(max_batches=1) == 1
    assert session.read_csv(str(sink)).to_arrow().to_pylist() == [{"key": "userA", "value_sum": 17}]
    assert query.progress()["status"] == "stopped" and query.progress()["batches_processed"] == 1
    again = session.start_stream_sql(statement.replace("LIMIT 10", ""), trigger_interval_ms=0)
    again.start()
    assert again.await_termination() == 2
    assert csv_lines(sink)[-2:] == ["userA,17", "userB,20"]


def test_the_session_has_the_documented_methods(session):
    documented = """
        probe read read_csv read_line_file read_json sql explain_sql create_dataframe_from_arrow create_stream_from_arrow
        create_temp_view create_realtime_stream_source read_realtime_stream_source create_realtime_stream_sink
        read_stream_csv_dir stream_sql explain_stream_sql start_stream_sql vector_search explain_vector_search hybrid_search
        explain_hybrid_search
    """
    assert [name for name in documented.split() if not callable(getattr(session, name, None))] == []
    assert [name for name in velaria.__all__ if not hasattr(velaria, name)] == []
    for name in ("vector_search", "explain_vector_search", "hybrid_search", "explain_hybrid_search"):
        with pytest.raises(velaria.session.NotSupportedError, match=f"{name} arrives with search"):
            getattr(session, name)("docs", "embedding", [1.0, 2.0], top_k=3, metric="l2")
