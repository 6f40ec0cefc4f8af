"""weir.runs and weir.artifacts: tracked runs of Python, and of the command line, in one workspace."""

import json
import os
import pathlib
import subprocess
import sys
import threading

import pyarrow
import pytest

import weir

PROGRAM = pathlib.Path(__file__).resolve().parents[2] / "build" / "weir"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("WEIR_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


def cli(*words):
    if not PROGRAM.exists():
        pytest.skip("the command line is not built")
    done = subprocess.run([PROGRAM, *words, "--json"], capture_output=True, text=True)
    return json.loads(done.stdout)


def test_a_query_is_kept_with_what_came_of_it(db, home):
    reply = weir.runs.query("select i, i * :f as x from range(1000) r(i)", name="numbers", tags=["a", "b"], description="for a test", connection=db, f=2)
    assert reply["ok"] and reply["status"] == "succeeded" and reply["result"]["row_count"] == 1000 and len(reply["result"]["rows"]) == 50
    assert weir.runs.home() == str(home) and reply["run_dir"].startswith(str(home))
    frame = weir.runs.result("last", connection=db)
    assert frame.schema == [("i", "BIGINT"), ("x", "BIGINT")] and frame.agg(s=weir.F.sum("x")).item() == 999000
    assert weir.runs.show()["inputs"]["action_args"]["params"] == {"f": {"text": "2", "type": "BIGINT"}}
    assert [(r["run_name"], r["tags"], r["artifact_count"]) for r in weir.runs.ls(tag="a")] == [("numbers", ["a", "b"], 1)]
    assert weir.runs.ls(tag="c") == [] and weir.runs.status()["status"] == "succeeded"
    assert "SELECT 1000" in weir.runs.logs()["stdout"]


def test_the_command_line_sees_the_same_runs(db):
    reply = weir.runs.query("select 42 as answer", name="from Python", connection=db)
    assert cli("runs", "show", "last")["run"]["run_id"] == reply["run_id"]
    other = cli("query", "SELECT 43 AS answer", "--save", "--name", "from the shell")
    assert set(other) == set(reply) and set(other["result"]) == set(reply["result"])
    assert weir.runs.result().item() == 43 and weir.runs.result("last~1").item() == 42
    assert weir.runs.diff("last~1", "last") == cli("runs", "diff", "last~1", "last")
    assert weir.runs.show() == cli("runs", "show", "last")
    assert weir.runs.ls(query="shell") == cli("runs", "ls", "--query", "shell")["runs"]
    assert weir.artifacts.show() == cli("artifacts", "show", "last")["artifact"]


@pytest.mark.parametrize("value", [1, 2.5, "it's", None, True, b"\x00\xff", [1, 2], {"a": 1}], ids=repr)
def test_values_keep_their_types(db, value):
    if isinstance(value, bytes):
        with pytest.raises(weir.NotSupportedError):
            weir.runs.query("select $1 as v", value, connection=db)
        return
    weir.runs.query("select $1 as v, typeof($1) as t", value, connection=db)
    assert weir.runs.result(connection=db).rows() == db.sql("select $1 as v, typeof($1) as t", value).rows()
    weir.runs.rerun()
    assert weir.runs.result(connection=db).rows()[0][0] == value


def test_frames_are_saved_with_tables_of_the_program(db):
    cities = pyarrow.table({"city": ["Lyon", "Oslo"], "n": [1, 2]})
    frame = db.sql("from cities where n > :least", least=1)
    assert frame.save("kept", format="csv")["result"]["rows"] == [{"city": "Oslo", "n": 2}]
    assert weir.artifacts.show()["format"] == "csv" and weir.runs.result(connection=db).rows() == [("Oslo", 2)]
    assert weir.runs.query("select sum(n) as s from cities", connection=db)["result"]["rows"] == [{"s": 3}]
    with pytest.raises(weir.ProgrammingError, match='"cities"') as caught:
        weir.runs.rerun("last")
    assert caught.value.run_id == weir.runs.ls()[0]["run_id"] and weir.runs.status()["status"] == "failed"
    with pytest.raises(weir.InterfaceError):
        weir.runs.query(frame, 5)
    assert cities.num_rows == 2


def test_a_query_that_fails_is_a_failed_run_and_raises(db):
    with pytest.raises(weir.ProgrammingError) as caught:
        weir.runs.query("select 1;\nselect nope from (select 1 as a)", name="bad", connection=db)
    assert caught.value.code == "W1203" and weir.runs.show(caught.value.run_id)["run"]["run_name"] == "bad"
    run = weir.runs.ls(status="failed")[0]
    assert run["error_type"] == "value_error" and run["phase"] == "sql_execute" and run["details"]["line"] == 2
    with pytest.raises(weir.Error, match="has no result"):
        weir.runs.result(run["run_id"])
    before = db.sql("show statement_timeout").rows()
    with pytest.raises(weir.CancelledError):
        weir.runs.query("select count(*) from range(100000) a(i), range(100000) b(j) where (i * j) % 7 = 3", timeout=0.2, connection=db)
    assert weir.runs.status()["status"] == "timed_out"
    assert db.sql("select 1").item() == 1 and db.sql("show statement_timeout").rows() == before


def test_runs_are_repeated_compared_named_and_given_up(db):
    pathlib.Path("numbers.csv").write_text("n\n1\n2\n")
    first = weir.runs.query("select sum(n) as s from 'numbers.csv'", name="sum", tags=["x"], connection=db)
    pathlib.Path("numbers.csv").write_text("n\n1\n2\n3\n")
    os.makedirs("elsewhere")
    os.chdir("elsewhere")
    second = weir.runs.rerun(first["run_id"], name="again")
    assert os.path.basename(os.getcwd()) == "elsewhere"
    assert second["result"]["rows"] == [{"s": 6}] and weir.runs.show()["run"]["parent_run_id"] == first["run_id"]
    difference = weir.runs.diff(first["run_id"])
    assert difference["metadata_diff"] and difference["result_diff"]["comparison"]
    assert weir.runs.tag("last", "checked", remove=["x"], dry_run=True)["dry_run"]
    assert weir.runs.tag("last", "checked", remove=["x"], description="well")["run"]["tags"] == ["checked"]
    assert weir.runs.gc(keep_last=1, dry_run=True)["deleted_run_ids"] == [first["run_id"]]
    assert weir.runs.gc(keep_last=1, delete_files=True)["deleted_run_ids"] == [first["run_id"]]
    assert not os.path.exists(first["run_dir"]) and len(weir.runs.ls()) == 1
    with pytest.raises(weir.Error, match="no run"):
        weir.runs.show(first["run_id"])


def test_artifacts(db, tmp_path):
    weir.runs.query("select i from range(10) r(i)", connection=db)
    (one,) = weir.artifacts.ls(run="last")
    assert weir.artifacts.preview(one["artifact_id"], limit=3)["rows"] == [{"i": 0}, {"i": 1}, {"i": 2}]
    assert weir.artifacts.frame(connection=db).agg(n=weir.F.count()).item() == 10
    assert weir.artifacts.export("last", "out.csv", dry_run=True)["dry_run"] and not os.path.exists("out.csv")
    weir.artifacts.export("last", "out.csv")
    assert db.read_csv("out.csv").agg(n=weir.F.sum("i")).item() == 45
    with pytest.raises(weir.Error):
        weir.artifacts.export("last", "out.csv")
    weir.artifacts.rm("last", delete_files=True)
    assert weir.artifacts.ls() == []


def test_a_program_is_a_run(db, capsys):
    with weir.runs.track("cleaning", tags=["p"], inputs={"day": "2024-03-01", "password": "secret word"}) as run:
        frame = run.query("select i from range(100) r(i) where i % 2 = :rest", rest=1, connection=db)
        assert frame.agg(n=weir.F.count()).item() == 50
        print("half done")
        print("careful", file=sys.stderr)
        run.log("a line")
        run.progress(step=1, of=2)
        pathlib.Path("model.bin").write_bytes(b"\1\2")
        run.add("model.bin", type="model")
        run.result = {"kept": 50}
    assert run.reply["ok"] and run.reply["result"] == {"kept": 50} and run.reply["action"] == "python"
    shown = weir.runs.show(run.id)
    assert shown["inputs"]["action_args"]["inputs"] == {"day": "2024-03-01", "password": "***"}
    assert {a["type"] for a in shown["artifacts"]} == {"result", "model"}
    logs = weir.runs.logs(run.id)
    assert "half done\n" in logs["stdout"] and "a line\n" in logs["stdout"] and "careful\n" in logs["stderr"]
    assert weir.runs.status(run.id)["latest_progress"] == {"step": 1, "of": 2}
    assert "half done" in capsys.readouterr().out, "and it is still printed"
    with pytest.raises(weir.InterfaceError, match="not read as rows"):
        weir.artifacts.frame(next(a["artifact_id"] for a in shown["artifacts"] if a["type"] == "model"))
    with pytest.raises(weir.NotSupportedError):
        weir.runs.rerun(run.id)


def test_a_program_that_fails_is_a_failed_run(db):
    with pytest.raises(ZeroDivisionError):
        with weir.runs.track("wrong"):
            1 / 0  # noqa: B018
    run = weir.runs.ls()[0]
    assert run["status"] == "failed" and "division by zero" in run["error"] and run["phase"] == "program"
    assert "ZeroDivisionError" in weir.runs.logs()["stderr"] and "test_runs.py" in weir.runs.logs()["stderr"]
    with pytest.raises(weir.ProgrammingError) as caught:
        with weir.runs.track("sql") as run:
            run.query("select nope", connection=db)
    found = weir.runs.show(run.id)["run"]
    assert found["details"]["code"] == "W1203" and found["details"]["column"] == 8 and caught.value.run_id == run.id
    with weir.runs.track("caught") as run:
        with pytest.raises(weir.ProgrammingError):
            run.query("select nope", connection=db)
    assert run.reply["status"] == "succeeded"
    with pytest.raises(SystemExit):
        with weir.runs.track("leaves"):
            sys.exit(0)
    assert weir.runs.status()["status"] == "succeeded"


def test_wrong_use_of_a_run_is_told(db):
    run = weir.runs.track("x")
    with pytest.raises(weir.InterfaceError, match="not begun"):
        run.log("x")
    with run:
        pass
    with pytest.raises(weir.InterfaceError, match="once"):
        run.__enter__()
    with weir.runs.track() as run:
        with pytest.raises(weir.OperationalError, match="nowhere.bin"):
            run.add("nowhere.bin")
        assert run.query("create table made as select 1 as a", connection=db).columns == ["count"]
    with pytest.raises(weir.Error, match="no run"):
        weir.runs.show("last~99")
    with pytest.raises(weir.Error):
        weir.runs.ls(status="unknown")


def test_a_run_is_interrupted_and_told_of_meanwhile(db):
    told = []
    db.progress(told.append)
    timer = threading.Timer(0.9, db.interrupt)
    timer.start()
    with pytest.raises(weir.CancelledError):
        weir.runs.query("select count(*) from range(100000) a(i), range(100000) b(j) where (i * j) % 7 = 3", connection=db)
    assert told and weir.runs.ls()[0]["error_type"] == "cancelled"


def test_functions_of_a_query_may_print_into_its_run(db):
    def talk(x):
        print("called")
        return x

    weir.udf.create_function("talk", talk, ["BIGINT"], "BIGINT", by="row", connection=db)
    with weir.runs.track() as run:
        assert run.query("select talk(1) as x", connection=db).item() == 1
    assert "called" in weir.runs.logs(run.id)["stdout"]


def test_threads_save_at_once():
    def work(number):
        with weir.connect(threads=1) as mine:
            for i in range(5):
                weir.runs.query("select $1 as a", number * 10 + i, connection=mine, tags=[str(number)])

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(weir.runs.ls(limit=100)) == 20 and {r["status"] for r in weir.runs.ls(limit=100)} == {"succeeded"}
    assert len(weir.runs.ls(tag="3")) == 5


def test_a_run_that_was_killed_is_told_as_failed():
    script = "import weir, os\nwith weir.runs.track('killed') as run:\n    print('here', flush=True)\n    os.kill(os.getpid(), 9)"
    here = {**os.environ, "PYTHONPATH": str(pathlib.Path(weir.__file__).parents[1])}
    subprocess.run([sys.executable, "-c", script], env=here, capture_output=True)
    run = weir.runs.ls()[0]
    assert run["status"] == "failed" and run["error_type"] == "killed" and "here" in weir.runs.logs()["stdout"]


def test_runs_of_the_command_line_are_repeated_here(db):
    first = cli("query", "SELECT 6 * :n AS a", "--param", "n=7", "--save")
    assert weir.runs.rerun()["result"]["rows"] == first["result"]["rows"]
    os.makedirs("in")
    pathlib.Path("in/a.csv").write_text("k,v\na,1\nb,2\na,3\n")
    words = ["--source-csv-dir", "in", "--sink-schema", "k STRING, s INT", "--query", "INSERT INTO output_sink SELECT k, SUM(v) AS s FROM input_stream GROUP BY k"]
    if not PROGRAM.exists():
        pytest.skip("the command line is not built")
    done = subprocess.run([PROGRAM, "run", "start", "--", "stream-sql-once", *words], capture_output=True, text=True)
    stream = json.loads(done.stdout)
    assert stream["ok"], stream
    again = weir.runs.rerun()
    assert again["ok"] and again["action"] == "stream-sql-once" and again["result"]["rows"] == stream["result"]["rows"]

    pathlib.Path("in.csv").write_text("n\n1\n2\n")
    pathlib.Path("script.sql").write_text("CREATE SOURCE numbers (n BIGINT) WITH (connector = 'files', format = 'csv', bounded = true, path = 'in.csv');\n"
                                          "CREATE SINK out WITH (connector = 'files', format = 'csv', path = 'out') AS SELECT n * 2 AS m FROM numbers;\n")
    done = subprocess.run([PROGRAM, "run", "script.sql", "--save", "--json"], capture_output=True, text=True)
    assert json.loads(done.stdout)["ok"], done.stdout
    os.makedirs("other")
    os.chdir("other")
    assert weir.runs.rerun()["action"] == "run"
    assert weir.runs.ls()[0]["status"] == "succeeded"
