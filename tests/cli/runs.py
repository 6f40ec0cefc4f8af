"""Tracked runs of the command line: every verb, its JSON, what lies in the folders, and what becomes of damage."""
import json
import os
import pathlib
import re
import shutil
import signal
import sqlite3
import subprocess
import time

from workspace import WEIR, Workspace

w = Workspace()


def of(run_id, name):
    return w.home / "runs" / run_id / name


# ---- keeping a query
first = w.save("select city, sum(amount) as s from orders group by city order by city", "orders.csv", "--name", "first",
               "--tag", "a", "--tag", "b,c", "--description", "sums of cities")
run_id = first["run_id"]
w.same("members", list(first), ["ok", "run_id", "run_dir", "status", "action", "tags", "result", "artifacts"])
w.true("the id", re.fullmatch(r"\d{8}T\d{6}Z_[0-9a-f]{8}", run_id))
w.same("the folder", first["run_dir"], str(w.home / "runs" / run_id))
w.same("its files", sorted(os.listdir(first["run_dir"])),
       ["artifacts", "explain.json", "inputs.json", "progress.jsonl", "run.json", "stderr.log", "stdout.log"])
w.same("tags", first["tags"], ["a", "b", "c"])
w.same("rows", first["result"]["rows"], [{"city": "Oslo", "s": 4}, {"city": "Rome", "s": 8}])
w.same("row count", (first["result"]["row_count"], first["result"]["truncated"]), (2, False))
artifact = first["artifacts"][0]
w.true("id of the artifact", re.fullmatch(r"artifact_[0-9a-f]{16}", artifact["artifact_id"]))
w.same("artifact", (artifact["type"], artifact["format"], artifact["row_count"], artifact["uri"]),
       ("result", "parquet", 2, f"file://{of(run_id, 'artifacts/result.parquet')}"))
record = json.loads(of(run_id, "run.json").read_text())
w.same("run.json", (record["status"], record["run_name"], record["description"], record["action"]),
       ("succeeded", "first", "sums of cities", "query"))
inputs = json.loads(of(run_id, "inputs.json").read_text())
w.same("inputs.json", (inputs["action"], inputs["action_args"]["files"]), ("query", ["orders.csv"]))
w.same("explain.json", sorted(json.loads(of(run_id, "explain.json").read_text())), ["logical", "physical", "strategy"])
w.true("the plan is one", "scan orders.csv" in json.loads(of(run_id, "explain.json").read_text())["physical"])
lines = [json.loads(line) for line in of(run_id, "progress.jsonl").read_text().splitlines()]
w.same("progress.jsonl", (lines[-1]["phase"], lines[-1]["rows_written"]), ("end", 2))
w.same("stdout.log", of(run_id, "stdout.log").read_text(), f"SELECT 2 -> {of(run_id, 'artifacts/result.parquet')}\n")

shown = w.weir("query", "select 42 as answer", "--save", "--name", "shown", "-o", "csv")
w.same("the result is shown", (shown.stdout, shown.returncode), ("answer\n42\n", 0))
w.true("and where it is", "1 row in" in shown.stderr)
w.same("-O keeps it there", w.save("from orders", "orders.csv", "-O", "kept.csv")["artifacts"][0]["uri"], f"file://{w.folder}/kept.csv")
w.same("with its rows", (w.folder / "kept.csv").read_text(), "city,amount\nRome,3\nOslo,4\nRome,5\n")
w.same("statements before the last", w.save("create table t(a int); insert into t values (1), (2); from t")["result"]["row_count"], 2)
w.same("what is no query", w.save("create table t(a int)")["result"], {"tag": "CREATE TABLE", "affected": None})
w.same("what COPY does not take", w.save("show threads", "--threads", "1")["artifacts"][0]["format"], "jsonl")
w.same("parameters", w.save("select :a::int + 1 as b", "--param", "a=41")["result"]["rows"], [{"b": 42}])
w.same("--limit", w.save("from orders", "orders.csv", "--limit", "2")["result"]["row_count"], 2)
large = w.save("select i, repeat('x', 10000) as t from range(100) r(i)")
w.true("a preview has 200 KiB at most", len(large["result"]["rows"]) < 21 and large["result"]["truncated"])
w.same("and 50 rows", len(w.save("from range(1000)")["result"]["rows"]), 50)
piped = subprocess.run([WEIR, "query", "select count(*) as n from '/dev/stdin'", "--save", "--json"], input="a,b\n1,2\n3,4\n", text=True,
                       capture_output=True, env={**os.environ, "WEIR_HOME": str(w.home)})
w.same("standard input", json.loads(piped.stdout)["result"]["rows"], [{"n": 2}])
w.same("--name without --save", w.weir("query", "select 1", "--name", "n").returncode, 2)

# ---- failures
bad = w.save("select 1;\nselect nope from orders", "orders.csv", "--name", "bad", code=1)
w.same("members of a failure", [name for name in bad if name != "hint"],
       ["ok", "run_id", "run_dir", "status", "action", "error", "error_type", "phase", "details", "code", "sqlstate"])
w.same("what failed", (bad["status"], bad["error_type"], bad["phase"], bad["code"], bad["sqlstate"]),
       ("failed", "value_error", "sql_execute", "W1203", "42703"))
for text in ("select 1/0", "select 1 as a;\n select 1/0", "select 1/0 -- why"):
    where = w.json("query", text, "--save", "--json", code=1)["details"]["position"]
    w.same("where in the text", text[where], "/")
w.same("where", bad["details"]["line"], 2)
w.true("the log says it", "nope" in of(bad["run_id"], "stderr.log").read_text())
missing = w.save("select 1", "nothing.csv", code=4)
w.same("a missing file", (missing["error_type"], missing["phase"]), ("file_not_found", "sql_input_register"))
late = w.save("select count(*) from range(1000000000000) r(i) where i % 7 = 8", "--timeout", "300ms", code=5)
w.same("a time limit", (late["status"], late["error_type"], late["phase"]), ("timed_out", "timeout", "run_timeout"))
w.true("progress on the way", any("fraction" in line for line in of(late["run_id"], "progress.jsonl").read_text().splitlines()))

# ---- ls, show, status, logs, result
w.same("by name", w.names("--query", "SUMS of"), ["first"])
w.same("by tag", w.names("--tag", "b"), ["first"])
w.same("by status", w.names("--status", "timed_out"), [None])
w.same("filters come before the limit", w.names("--tag", "a", "--limit", "1"), ["first"])
w.same("% is no pattern", w.names("--query", "su%ms"), [])
listed = w.json("runs", "ls", "--json", "--query", "sums")["runs"][0]
w.same("a run of ls", (listed["run_id"], listed["artifact_count"]), (run_id, 1))
w.true("its duration", 0 <= listed["duration_ms"] < 60000)
w.same("a table", w.weir("runs", "ls", "--tag", "a", "-o", "csv").stdout.splitlines()[1].split(",")[0], run_id)
w.same("an unknown status", w.json("runs", "ls", "--status", "ended", "--json", code=1)["phase"], "run_lookup")
w.same("show", list(w.json("runs", "show", run_id, "--json")), ["ok", "run", "inputs", "artifacts"])
w.true("show for people", "sums of cities" in w.weir("runs", "show", run_id).stdout)
status = w.json("runs", "status", run_id, "--json")
w.same("status", (status["status"], status["artifact_count"], status["latest_progress"]["phase"]), ("succeeded", 1, "end"))
w.true("logs", "nope" in w.json("runs", "logs", bad["run_id"], "--json")["stderr"])
w.same("the last line of logs", w.json("runs", "logs", run_id, "--json", "--limit", "1")["stdout"].count("\n"), 1)
result = w.json("runs", "result", run_id, "--json", "--limit", "1")
w.same("result", (result["artifact_id"], result["preview"]["rows"], result["preview"]["truncated"]),
       (artifact["artifact_id"], [{"city": "Oslo", "s": 4}], True))
w.same("result for people", w.weir("runs", "result", run_id, "-o", "csv").stdout, "city,s\nOslo,4\nRome,8\n")
w.same("no result", w.json("runs", "result", bad["run_id"], "--json", code=1)["phase"], "run_result")
w.same("the beginning of an id", w.json("runs", "show", run_id[:-2], "--json")["run"]["run_id"], run_id)
w.same("last", w.json("runs", "show", "last", "--json")["run"]["run_id"], late["run_id"])
w.same("an unknown run", w.json("runs", "show", "nope", "--json", code=1)["error_type"], "value_error")
w.same("an unknown verb", w.json("runs", "lss", "--json", code=2)["error_type"], "usage_error")
w.same("a flag of another verb", w.json("runs", "show", "last", "--tag", "x", "--json", code=2)["phase"], "argument_parse")

# ---- rerun, diff
(w.folder / "orders.csv").write_text("city,amount\nRome,3\nOslo,4\nRome,6\nBergen,1\nBergen,1\n")
again = w.json("runs", "rerun", run_id, "--json", "--name", "again")
run = w.json("runs", "show", again["run_id"], "--json")["run"]
w.same("rerun", (run["parent_run_id"], run["run_name"], run["tags"]), (run_id, "again", ["a", "b", "c"]))
diff = w.json("runs", "diff", run_id, again["run_id"], "--json")
w.same("members of diff", list(diff), ["ok", "left_run", "right_run", "metadata_diff", "result_diff"])
w.same("metadata", diff["metadata_diff"]["run_name"], {"left": "first", "right": "again"})
comparison = diff["result_diff"]["comparison"]
w.same("rows", comparison["row_count"], {"left": 2, "right": 3, "delta": 1})
w.same("content", (comparison["rows"]["only_left"]["rows"], comparison["rows"]["only_right"]["row_count"], comparison["rows"]["equal"]),
       ([{"city": "Rome", "s": 8}], 2, False))
rows_a = w.save("select * from (values (1, 'x'), (1, 'x'), (2, 'y')) t(a, b)")["run_id"]
rows_b = w.save("select * from (values (2, 'y'), (1, 'x'), (1, 'x')) t(a, b)")["run_id"]
rows_c = w.save("select * from (values (2, 'y'), (1, 'x'), (2, 'y')) t(a, b)")["run_id"]
rows_d = w.save("select a, 7 as c from (values (2), (1), (1)) t(a)", "-O", "d.csv")["run_id"]


def rows_of(left, right):
    return w.json("runs", "diff", left, right, "--json")["result_diff"]["comparison"]


w.true("order does not matter", rows_of(rows_a, rows_b)["rows"]["equal"])
w.same("how often does", rows_of(rows_a, rows_c)["rows"]["only_left"], {"row_count": 1, "rows": [{"a": 1, "b": "x"}]})
other = rows_of(rows_a, rows_d)
w.same("other columns", (other["schema"]["only_left"], other["schema"]["only_right"], other["rows"]["compared_columns"]), (["b"], ["c"], ["a"]))
w.same("equal in those of both, and yet not equal", (other["rows"]["only_left"]["row_count"], other["rows"]["equal"]), (0, False))
w.same("without a result", w.json("runs", "diff", run_id, bad["run_id"], "--json")["result_diff"]["comparison"], None)
w.true("diff for people", "only_right" in w.weir("runs", "diff", run_id, again["run_id"]).stdout)

# ---- tag
before = of(run_id, "run.json").read_text()
dry = w.json("runs", "tag", run_id, "x", "--remove", "a,b", "--dry-run", "--json")
w.same("a dry run", (dry["run"]["tags"], dry["before"]["tags"], of(run_id, "run.json").read_text()), (["c", "x"], ["a", "b", "c"], before))
w.same("tag", w.json("runs", "tag", run_id, "x", "y,z", "--remove", "a,b", "--name", "once", "--json")["run"]["tags"], ["c", "x", "y", "z"])
w.same("is kept", (w.names("--tag", "z"), json.loads(of(run_id, "run.json").read_text())["tags"]), (["once"], ["c", "x", "y", "z"]))

undo = w.weir("runs", "tag", run_id, "more", "--remove", "c", "--name", "twice").stderr.split("undo: ")[1]
w.same("undo", undo, f"weir runs tag {run_id} 'c' --remove 'more' --name 'once'\n")
subprocess.run(undo.replace("weir", WEIR, 1), shell=True, env={**os.environ, "WEIR_HOME": str(w.home)}, capture_output=True, check=True)
w.same("undone", (w.names("--tag", "c"), w.names("--tag", "more")), (["again", "once"], []))

# ---- artifacts
w.same("artifacts of a run", [one["artifact_id"] for one in w.json("artifacts", "ls", "--run", run_id, "--json")["artifacts"]],
       [artifact["artifact_id"]])
w.same("show", w.json("artifacts", "show", artifact["artifact_id"][:14], "--json")["artifact"]["run_id"], run_id)
w.same("preview", w.json("artifacts", "preview", artifact["artifact_id"], "--json")["preview"]["rows"], first["result"]["rows"])
w.json("artifacts", "export", artifact["artifact_id"], "out.csv", "--dry-run", "--json")
w.true("a dry run writes nothing", not (w.folder / "out.csv").exists())
w.same("export", w.json("artifacts", "export", artifact["artifact_id"], "out.csv", "--json")["row_count"], 2)
w.same("in another format", (w.folder / "out.csv").read_text(), "city,s\nOslo,4\nRome,8\n")
w.same("not over a file", w.json("artifacts", "export", artifact["artifact_id"], "out.csv", "--json", code=4)["phase"], "filesystem")
w.json("artifacts", "export", artifact["artifact_id"], "out.csv", "--overwrite", "--format", "jsonl", "--json")
w.same("unless told", (w.folder / "out.csv").read_text().splitlines()[0], '{"city":"Oslo","s":4}')
kept = w.json("runs", "show", rows_d, "--json")["artifacts"][0]["artifact_id"]
w.same("a file of the user stays", (w.json("artifacts", "rm", kept, "--delete-files", "--json")["file_deleted"], (w.folder / "d.csv").exists()),
       (False, True))
w.same("rm", w.json("runs", "show", rows_d, "--json")["artifacts"], [])
gone = w.json("runs", "show", rows_c, "--json")["artifacts"][0]
w.same("rm with the file", (w.json("artifacts", "rm", gone["artifact_id"], "--delete-files", "--json")["file_deleted"], os.path.exists(gone["path"])),
       (True, False))

# ---- streams
(w.folder / "bids.sql").write_text("CREATE SOURCE bids WITH (connector = 'nexmark', table = 'bid', events = 500);\n"
                                   "CREATE SINK totals (auction BIGINT) WITH (connector = 'blackhole');\n"
                                   "INSERT INTO totals SELECT auction FROM bids;\n")
stream = w.json("run", "bids.sql", "--save", "--json", "--once", "--run-name", "bids", "--tag", "s")
w.same("weir run", (stream["action"], stream["tags"], stream["result"]["streams"][0]["rows_out"]), ("run", ["s"], 460))
w.same("its progress", json.loads(of(stream["run_id"], "progress.jsonl").read_text().splitlines()[-1])["rows_in"], 460)
w.same("its plan", json.loads(of(stream["run_id"], "explain.json").read_text())["strategy"]["mode"], "stream")
(w.folder / "bids.sql").unlink()
once_more = w.json("runs", "rerun", stream["run_id"], "--json")
w.same("once more, as it was read", (once_more["result"]["streams"][0]["rows_out"], once_more["action"]), (460, "run"))
snapshot = [one["uri"].rsplit("/", 1)[1] for one in once_more["artifacts"]]
w.same("with its snapshot", (snapshot, of(once_more["run_id"], "progress.jsonl").exists()), (["totals.snapshot.json"], True))
w.same("shown to people", w.weir("runs", "rerun", stream["run_id"]).returncode, 0)
(w.folder / "named.sql").write_text("CREATE SOURCE bids WITH (connector = 'nexmark', table = 'bid', rate = 1000);\n"
                                    "CREATE SINK a (auction BIGINT) WITH (connector = 'blackhole'); CREATE SINK b (n BIGINT) WITH (connector = "
                                    "'blackhole');\nINSERT INTO a SELECT auction FROM bids; INSERT INTO b SELECT price FROM bids;\nSELECT 7 AS x;\n")
named = w.json("run", "named.sql", "--save", "--json", "--for", "300ms", "--name", "n", "--workers", "2", "--state", "state")
named = w.json("runs", "rerun", named["run_id"], "--json")
w.same("rerun keeps flags", [(one["query_id"], one["status"]) for one in named["result"]["streams"]], [("n", "stopped"), ("n-2", "stopped")])
w.same("and the rows of queries", (named["result"]["rows"], named["result"]["row_count"]), ([{"x": 7}], 1))
inputs = json.loads(of(named["run_id"], "inputs.json").read_text())["action_args"]
w.same("as inputs", (inputs["limits"]["run_ms"], inputs["stream"]["workers"], inputs["stream"]["state"]), (300, "2", "state"))
(w.folder / "forever.sql").write_text((w.folder / "named.sql").read_text())
forever = w.json("run", "forever.sql", "--save", "--json", "--for", "10ms", "--run-name", "forever")
endless = json.loads(of(forever["run_id"], "inputs.json").read_text())
endless["action_args"]["limits"]["run_ms"] = 0
of(forever["run_id"], "inputs.json").write_text(json.dumps(endless))
child = w.start("runs", "rerun", forever["run_id"], "--json")
w.until("it runs", lambda: [one for one in w.json("runs", "ls", "--status", "running", "--json")["runs"] if of(one["run_id"], "progress.jsonl").read_text()])
child.send_signal(15)
w.same("SIGTERM ends it well", (child.wait(), json.loads(child.stdout.read())["status"]), (0, "succeeded"))
(w.folder / "divides.sql").write_text("CREATE SOURCE bids WITH (connector = 'nexmark', table = 'bid', events = 500);\n"
                                      "CREATE SINK a (n BIGINT) WITH (connector = 'blackhole');\nINSERT INTO a SELECT 1 // (auction - auction) FROM bids;\n")
divides = w.json("run", "divides.sql", "--save", "--json", "--once", code=1)
divides = w.json("runs", "rerun", divides["run_id"], "--json", code=1)
w.same("a stream that fails in a rerun", (divides["phase"], divides["status"], divides["details"]["line"]), ("stream_execute", "failed", 3))
(w.folder / "wrong.sql").write_text("CREATE SINK totals (auction INT) WITH (connector = 'blackhole');\nINSERT INTO totals SELECT x FROM nothing;\n")
wrong = w.json("run", "wrong.sql", "--save", "--json", code=1)
w.same("a script that fails", (wrong["status"], wrong["phase"], wrong["code"]), ("failed", "stream_execute", "W1201"))

# ---- secrets
secret = "hunter2-is-secret"
w.save(f"select '{secret}' = :password as p", "--param", f"password={secret}")
w.save(f"create source s (a int) with (connector = 'files', path = 'none/*.csv', format = 'csv', \"sasl.password\" = '{secret}')", code=1)
w.save(f"select 1 as a from 'postgres://user:{secret}@host/db'", code=4)
found = [path for path in w.home.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]
w.same("secrets are in no file", found, [])
w.true("nor what came of them", secret not in w.weir("runs", "show", "last", "--json").stdout)
w.same("rerun asks for them", w.json("runs", "rerun", "last", "--json", code=1)["error_type"], "value_error")

# ---- a process that dies
child = subprocess.Popen([WEIR, "query", "select count(*) from range(1000000000000) r(i) where i % 7 = 8", "--save", "--name", "dies"],
                         cwd=w.folder, env={**os.environ, "WEIR_HOME": str(w.home)}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
deadline = time.monotonic() + 20
while w.names("--status", "running") != ["dies"] and time.monotonic() < deadline:
    time.sleep(0.05)
w.same("a run is running", w.names("--status", "running"), ["dies"])
w.same("gc leaves it", [run for run in w.json("runs", "gc", "--keep-last", "0", "--dry-run", "--json")["deleted_run_ids"]
                        if run in w.weir("runs", "ls", "--status", "running", "-o", "csv").stdout], [])
child.send_signal(signal.SIGKILL)
child.wait()
dead = w.json("runs", "ls", "--json", "--limit", "1")["runs"][0]
w.same("the next look says so", (dead["run_name"], dead["status"], dead["error_type"], dead["phase"]), ("dies", "failed", "killed", "sql_execute"))
w.same("in its folder, too", json.loads(of(dead["run_id"], "run.json").read_text())["status"], "failed")

# ---- damage
everything = w.json("runs", "ls", "--json", "--limit", "1000")["runs"]
all_artifacts = sorted(one["artifact_id"] for one in w.json("artifacts", "ls", "--json", "--limit", "1000")["artifacts"])
index = w.home / "index" / "artifacts.sqlite"


def is_whole(what):
    w.same(what, w.json("runs", "ls", "--json", "--limit", "1000")["runs"], everything)
    w.same(f"{what}: artifacts", sorted(one["artifact_id"] for one in w.json("artifacts", "ls", "--json", "--limit", "1000")["artifacts"]),
           all_artifacts)


shutil.rmtree(w.home / "index")
is_whole("without an index")
w.same("previews are made anew", w.json("artifacts", "preview", artifact["artifact_id"], "--json")["preview"]["rows"], first["result"]["rows"])
index.write_bytes(b"this is no database, and longer than the header of one, so that nobody takes it for one" * 50)
is_whole("an index that is none")
w.true("which is put aside", (w.home / "index" / "artifacts.sqlite.damaged").exists())
page = index.read_bytes()
base = sqlite3.connect(index)
base.execute("pragma wal_checkpoint(truncate)")
base.close()
size = index.stat().st_size
with open(index, "r+b") as file:
    file.seek(4096)
    file.write(os.urandom(size - 4096))
is_whole("an index with damaged pages")
base = sqlite3.connect(index)
base.execute("delete from runs where run_id = ?", [run_id])
base.execute("update runs set status = 'running', writer = null, stamp = 'old'")
base.execute("insert into runs (run_id, status) values ('20200101T000000Z_00000000', 'succeeded')")
base.commit()
base.close()
is_whole("rows that say something else")
for part in index.parent.iterdir():
    part.unlink()
base = sqlite3.connect(index)
base.executescript("""
    CREATE TABLE runs (run_id TEXT PRIMARY KEY, created_at TEXT NOT NULL, finished_at TEXT, status TEXT NOT NULL, action TEXT NOT NULL,
        args_json TEXT NOT NULL DEFAULT '[]', velaria_version TEXT, run_dir TEXT NOT NULL);
    CREATE TABLE artifacts (artifact_id TEXT PRIMARY KEY, run_id TEXT NOT NULL, created_at TEXT NOT NULL, type TEXT NOT NULL,
        uri TEXT NOT NULL, format TEXT NOT NULL, row_count INTEGER, schema_json TEXT);
""")
base.close()
is_whole("an index of an older schema")
columns = {row[1] for row in sqlite3.connect(index).execute("pragma table_info(runs)")}
w.true("has the columns of today", {"run_name", "description", "tags_json", "error", "details_json", "stamp"} <= columns)
of(rows_a, "run.json").write_text('{"run_id": ')
damaged = w.json("runs", "show", rows_a, "--json")["run"]
w.same("a damaged run.json", (damaged["status"], damaged["error_type"]), ("failed", "damaged"))
shutil.rmtree(of(rows_a, "."))
w.same("a folder that was removed", w.json("runs", "show", rows_a, "--json", code=1)["phase"], "run_lookup")

# ---- gc
count = len(w.json("runs", "ls", "--json", "--limit", "1000")["runs"])
w.same("gc needs to be told what", w.json("runs", "gc", "--json", code=2)["error_type"], "usage_error")
w.same("nothing is that old", w.json("runs", "gc", "--ttl-days", "1", "--json")["deleted_run_ids"], [])
dry = w.json("runs", "gc", "--keep-last", "5", "--delete-files", "--dry-run", "--json")
w.same("a dry run", (len(dry["deleted_run_ids"]), len(w.names("--limit", "1000"))), (count - 5, count))
forgotten = w.json("runs", "gc", "--keep-last", str(count - 2), "--json")
w.same("without --delete-files", (len(forgotten["deleted_run_ids"]), forgotten["deleted_run_dirs"], len(w.names("--limit", "1000"))), (2, [], count - 2))
w.true("folders stay", all(of(one, "run.json").exists() for one in forgotten["deleted_run_ids"]))
of(forgotten["deleted_run_ids"][0], "forgotten").unlink()
w.same("one is brought back", len(w.names("--limit", "1000")), count - 1)
w.json("runs", "gc", "--keep-last", str(count - 2), "--json")
shutil.rmtree(w.home / "index")
w.same("and stay forgotten", len(w.names("--limit", "1000")), count - 2)
deleted = w.json("runs", "gc", "--keep-last", "3", "--delete-files", "--json")
w.same("with it", (len(deleted["deleted_run_dirs"]), len(w.names("--limit", "1000"))), (count - 5, 3))
w.same("folders are gone", [path for path in deleted["deleted_run_dirs"] if os.path.exists(path)], [])
w.same("what is left", len(os.listdir(w.home / "runs")), 5)
w.true("the file of the user is left", (w.folder / "kept.csv").exists())

# ---- a disk that fails at any place: what was told is what is found
faults = {"WEIR_HOME": str(w.folder / "faults")}
begun = ended = 0
for fault in [f"write:{n}:ENOSPC" for n in range(1, 6)] + [f"rename:{n}:EIO" for n in range(1, 6)] + [f"sync:{n}:EIO" for n in range(1, 4)]:
    done = w.weir("query", "select 1 as a", "--save", "--json", **faults, WEIR_FAULT=fault)
    reply = json.loads(done.stdout)
    w.same(f"{fault}: exit code", done.returncode == 0, reply["ok"])
    if "run_id" not in reply:
        begun += 1
        continue
    ended += 1
    found = w.json("runs", "show", reply["run_id"], "--json", **faults)["run"]
    w.same(f"{fault}: status", found["status"], reply["status"])
w.true("some did not begin, others did", begun > 1 and ended > 5)
w.same("nothing else is left", [name for name in os.listdir(w.folder / "faults" / "runs") if ".tmp-" in name], [])

# ---- a home that cannot be written
nowhere = w.folder / "file"
nowhere.write_text("")
no_home = {"WEIR_HOME": str(nowhere / "home")}
reply = w.json("query", "select 1", "--save", "--json", code=4, **no_home)
w.same("no run without a folder", (reply["error_type"], reply["phase"]), ("io_error", "filesystem"))
w.same("there are none", w.json("runs", "ls", "--json", **no_home)["runs"], [])
w.same("nor in a home that is not there", w.json("runs", "ls", "--json", WEIR_HOME=str(w.folder / "none"))["runs"], [])
w.true("which a look does not make", not (w.folder / "none").exists())
if os.geteuid():
    os.chmod(w.home, 0o500)
    os.chmod(w.home / "index", 0o500)
    w.same("what cannot be written can be read", len(w.names("--limit", "1000")), 3)
    os.chmod(w.home / "index", 0o700)
    os.chmod(w.home, 0o700)
xdg = {"WEIR_HOME": "", "XDG_DATA_HOME": str(w.folder / "data")}
w.true("XDG_DATA_HOME", w.save("select 1", **xdg)["run_dir"].startswith(f"{w.folder}/data/weir/runs/"))
own = {"WEIR_HOME": "", "XDG_DATA_HOME": "", "HOME": str(w.folder)}
w.true("HOME", w.save("select 1", **own)["run_dir"].startswith(f"{w.folder}/.local/share/weir/runs/"))

# ---- help
for group, verbs in (("runs", "ls show status logs result diff rerun tag gc"), ("artifacts", "ls show preview export rm")):
    for verb in verbs.split():
        text = w.weir(group, verb, "--help").stdout
        w.true(f"help of {group} {verb}", f"example: weir {group} {verb}" in text)
w.end()
