"""Command lines as Velaria has them: the examples of its documents, and the members of the JSON they print."""
import json
import os

from workspace import Workspace

w = Workspace()
(w.folder / "input.csv").write_text("name,score\na,5\nb,15\nc,25\n")
(w.folder / "input.jsonl").write_text('{"uid":1,"action":"x"}\n{"uid":2,"action":"y"}\n')
(w.folder / "array.json").write_text('[{"uid":1,"action":"x"},{"uid":2,"action":"y"}]')
(w.folder / "events.log").write_text('uid=7 action="buy" latency=12 ok=true note=all well\nanother line\n')
(w.folder / "split.txt").write_text("1|x\n2|y\n")
os.mkdir(w.folder / "in")
(w.folder / "in" / "1.csv").write_text("key,value\na,1\nb,2\na,3\n")
(w.folder / "in" / "2.csv").write_text("key,value\na,10\n")


def action(*arguments, code=0):
    return w.json("run", "start", "--", *arguments, code=code)


# ---- file-sql alone: no ok, all rows
plain = w.json("file-sql", "--csv", "input.csv", "--input-type", "csv", "--query", "SELECT name, score FROM input_table WHERE score > 10")
w.same("file-sql", plain, {"table": "input_table", "query": "SELECT name, score FROM input_table WHERE score > 10", "input_type": "csv",
                           "schema": ["name", "score"], "rows": [{"name": "b", "score": 15}, {"name": "c", "score": 25}]})
w.same("csv-sql", w.json("csv-sql", "--csv=input.csv", "--table", "t", "--query", "SELECT count(*) AS n FROM t")["rows"], [{"n": 3}])
w.same("all rows", len(w.json("file-sql", "--csv", "input.csv", "--query", "SELECT i FROM input_table, range(100) r(i)")["rows"]), 300)
w.same("no rows", w.json("file-sql", "--csv", "input.csv", "--query", "SELECT name FROM input_table WHERE false")["rows"], [])
w.same("json lines", w.json("file-sql", "--input-path", "input.jsonl", "--input-type", "auto", "--query", "SELECT * FROM input_table LIMIT 5")["rows"],
       [{"uid": 1, "action": "x"}, {"uid": 2, "action": "y"}])
w.same("a json array", w.json("file-sql", "--input-path", "array.json", "--json-format", "json_array", "--columns", "action", "--query",
                              "SELECT * FROM input_table")["rows"], [{"action": "x"}, {"action": "y"}])
w.same("lines by pattern", w.json("file-sql", "--input-path", "events.log", "--input-type", "line", "--line-mode", "regex", "--regex-pattern",
                                  r'^uid=(\d+) action="([^"]+)" latency=(\d+) ok=(true|false) note=(.+)$', "--mappings",
                                  "uid:1,action:2,latency:3,ok:4,note:5", "--query", "SELECT * FROM input_table LIMIT 5")["rows"],
       [{"uid": 7, "action": "buy", "latency": 12, "ok": True, "note": "all well"}])
w.same("lines that are split", w.json("file-sql", "--input-path", "split.txt", "--input-type", "line", "--line-mode", "split", "--delimiter", "|",
                                      "--columns", "uid,action", "--query", "SELECT * FROM input_table")["rows"],
       [{"uid": 1, "action": "x"}, {"uid": 2, "action": "y"}])
w.same("another delimiter", w.json("file-sql", "--csv", "split.txt", "--input-type", "csv", "--delimiter", "|", "--query",
                                   "SELECT count(*) AS n FROM input_table")["input_type"], "csv")
wrong = w.json("file-sql", "--csv", "nothing.csv", "--query", "SELECT 1", code=1)
w.same("a missing file", (wrong["error_type"], wrong["phase"]), ("file_not_found", "sql_input_register"))
wrong = w.json("file-sql", "--csv", "input.csv", "--query", "SELECT nope FROM input_table", code=1)
w.same("wrong SQL", (wrong["error_type"], wrong["phase"]), ("value_error", "sql_execute"))
for words in (["--csv", "input.csv"], ["--csv", "input.csv", "--query", "SELECT 1", "--nope"], ["--csv"],
              ["--csv", "input.csv", "--query", "SELECT 1", "--input-type", "xls"], ["--csv", "input.csv", "--query", "SELECT 1", "word"],
              ["--csv", "input.csv", "--query", "SELECT 1", "--tag", "a"],
              ["--csv", "input.csv", "--query", "SELECT 1", "--columns", "name"]):
    wrong = w.json("file-sql", *words, code=2)
    w.same(f"usage of {words}", (wrong["error_type"], wrong["phase"]), ("usage_error", "argument_parse"))

# ---- run start
run = w.json("run", "start", "--run-name", "high_score_rows", "--description", "high score rows for local inspection", "--tag", "local-demo", "--",
             "file-sql", "--csv", "input.csv", "--query", "SELECT name, score FROM input_table WHERE score > 10")
w.same("members of a run", list(run), ["ok", "run_id", "run_dir", "status", "action", "tags", "result", "artifacts"])
w.same("its action", (run["action"], run["tags"], run["status"]), ("file-sql", ["local-demo"], "succeeded"))
w.same("its result", (run["result"]["table"], run["result"]["input_type"], run["result"]["schema"], run["result"]["row_count"]),
       ("input_table", "csv", ["name", "score"], 2))
w.same("its artifact", (run["artifacts"][0]["format"], run["artifacts"][0]["uri"]), ("parquet", f"file://{run['run_dir']}/artifacts/result.parquet"))
again = action("file-sql", "--run-name", "named behind", "--tag", "a", "--tag", "slow-query,demo", "--csv", "input.csv", "--query",
               "SELECT name FROM input_table", "--output-path", "rows.csv")
w.same("flags of the run behind the action", again["tags"], ["a", "slow-query", "demo"])
w.same("--output-path", (w.folder / "rows.csv").read_text(), "name\na\nb\nc\n")
inputs = json.loads(open(f"{again['run_dir']}/inputs.json").read())
w.same("inputs.json", (inputs["action"], inputs["run_name"], inputs["action_args"]["csv"]), ("file-sql", "named behind", "input.csv"))
missing = action("file-sql", "--csv", "nothing.csv", "--query", "SELECT nope FROM input_table", code=1)
w.same("a missing input of a run", (missing["error_type"], missing["phase"], "line" in missing["details"]),
       ("file_not_found", "sql_input_register", False))
failed = action("file-sql", "--csv", "input.csv", "--query", "SELECT nope FROM input_table", code=1)
w.same("members of a failure", [name for name in failed if name not in ("hint", "fix")],
       ["ok", "run_id", "run_dir", "status", "action", "error", "error_type", "phase", "details", "code", "sqlstate"])
late = w.json("run", "start", "--timeout-ms", "200", "--", "file-sql", "--csv", "input.csv", "--query",
              "SELECT count(*) FROM input_table, range(1000000000000) r(i) WHERE i % 7 = 8", code=1)
w.same("--timeout-ms", (late["status"], late["error_type"], late["phase"]), ("timed_out", "timeout", "run_timeout"))
w.same("an unknown action", action("file-sq", code=2)["error_type"], "usage_error")
w.same("without one", w.json("run", "start", "--tag", "x", code=2)["phase"], "argument_parse")

# ---- stream-sql-once: a file is a batch, told by a snapshot; what it changed is appended to the sink
SUMS = ["stream-sql-once", "--source-csv-dir", "in", "--sink-schema", "key STRING, value_sum INT", "--query",
        "INSERT INTO output_sink SELECT key, SUM(value) AS value_sum FROM input_stream GROUP BY key"]


def pairs(run):
    return [(row["key"], row["value_sum"]) for row in run["result"]["rows"]]


def snapshots(run):
    return [json.loads(line) for line in open(f"{run['run_dir']}/progress.jsonl")]


stream = action(*SUMS)
w.same("--max-batches is 1", (sorted(pairs(stream)), stream["result"]["processed_batches"]), ([("a", 4), ("b", 2)], 1))
w.same("the sink", stream["artifacts"][0]["uri"], f"file://{stream['run_dir']}/artifacts/stream_result.csv")
w.same("explain.json", sorted(json.loads(open(f"{stream['run_dir']}/explain.json").read())), ["logical", "physical", "strategy"])
for most, last in (("2", [("a", 14)]), ("0", [("a", 14)]), ("9", [("a", 14)])):
    stream = action(*SUMS, "--max-batches", most)
    w.same("what changed behind each file", (sorted(pairs(stream)[:2]), pairs(stream)[2:]), ([("a", 4), ("b", 2)], last))
told = [(one["status"], one["batches_processed"], one["rows_in"], one["last_source_offset"]) for one in snapshots(stream)]
w.same("a snapshot for each", told, [("running", 1, 3, "input_stream: 1 file read"), ("running", 2, 4, "input_stream: 2 files read"),
                                     ("stopped", 2, 4, "input_stream: 2 files read")])
w.same("the last one is in the result", stream["result"]["progress"], snapshots(stream)[-1])
w.true("in Velaria's order", list(snapshots(stream)[0])[:8] == ["query_id", "status", "requested_execution_mode", "execution_mode", "execution_reason",
                                                             "transport_mode", "aggregate_impl", "aggregate_reason"])
slow = action(*SUMS, "--max-batches", "0", "--trigger-interval-ms", "400", "--max-inflight-partitions", "3", "--checkpoint-delivery-mode", "at-least-once")
w.true("--trigger-interval-ms", slow["result"]["processed_batches"] == 2 and w.json("run", "status", "--run-id", slow["run_id"])["duration_ms"] >= 400)
elsewhere = action(*SUMS, "--sink-path", "sums.csv", "--sink-delimiter", ";", "--sink-table", "output_sink")
w.same("--sink-path, --sink-delimiter", sorted((w.folder / "sums.csv").read_text().split()), ["a;4", "b;2", "key;value_sum"])
none = action(*SUMS[:-1], "INSERT INTO output_sink SELECT key, SUM(value) AS value_sum FROM input_stream WHERE value > 99 GROUP BY key")
w.same("no rows", (pairs(none), none["result"]["row_count"]), ([], 0))
os.mkdir(w.folder / "large")
(w.folder / "large" / "1.csv").write_text("key,value\n" + "".join(f"{i % 3},1\n" for i in range(400000)))
large = action("stream-sql-once", "--source-csv-dir", "large", *SUMS[3:])
w.same("a large file is one batch, too", sorted(pairs(large)), [(0, 133334), (1, 133333), (2, 133333)])
workers = action(*SUMS, "--max-batches", "0", "--execution-mode", "local-workers", "--local-workers", "2")
w.same("workers share the keys", (sorted(pairs(workers)), workers["result"]["progress"]["requested_execution_mode"]),
       ([("a", 4), ("a", 14), ("b", 2)], "local-workers"))
for words, error in ((["--max-batches", "many"], "usage_error"), (["--checkpoint-delivery-mode", "twice"], "usage_error"),
                     (["--local-workers", "2"], "usage_error"), (["--execution-mode", "cluster"], "usage_error")):
    w.same(f"usage of {words}", action(*SUMS, *words, code=2)["error_type"], error)
for words, wanted in (([*SUMS[:2], "nowhere", *SUMS[3:]], ("file_not_found", "stream_source_read")),
                      ([*SUMS[:4], "key NOTYPE", *SUMS[5:]], ("value_error", "stream_setup")),
                      ([*SUMS[:-1], "INSERT INTO output_sink SELECT nope, 1 FROM input_stream"], ("value_error", "stream_start")),
                      ([*SUMS[:-1], "INSERT INTO output_sink SELECT key, value // (value - 2) FROM input_stream"], ("value_error", "stream_wait"))):
    wrong = action(*words, code=1)
    w.same(f"a failure in {wanted[1]}", (wrong["error_type"], wrong["phase"], wrong["status"]), (*wanted, "failed"))
late = w.json("run", "start", "--timeout-ms", "300", "--", *SUMS, "--max-batches", "0", "--trigger-interval-ms", "60000", code=1)
w.same("--timeout-ms of a stream", (late["status"], late["phase"], len(snapshots(late))), ("timed_out", "run_timeout", 2))
again = w.json("runs", "rerun", stream["run_id"], "--json")
w.same("repeated", (again["action"], sorted(pairs(again))), ("stream-sql-once", [("a", 4), ("a", 14), ("b", 2)]))
w.same("alone it is no command", w.json("stream-sql-once", code=2)["error_type"], "usage_error")

# killed in the middle: told as failed, with what it had said; repeated from the beginning
victim = w.start("run", "start", "--run-name", "victim", "--", *SUMS, "--max-batches", "0", "--trigger-interval-ms", "60000")
w.until("the first batch", lambda: [one for one in w.json("run", "list", "--query", "victim")["runs"] if snapshots(one)])
victim.kill()
victim.wait()
left = w.json("run", "list", "--query", "victim")["runs"][0]
w.same("a killed run", (left["status"], left["error_type"], [one["batches_processed"] for one in snapshots(left)]), ("failed", "killed", [1]))
stopped = w.start("run", "start", "--", *SUMS, "--max-batches", "0", "--trigger-interval-ms", "60000")
w.until("the first batch", lambda: [one for one in w.json("run", "list", "--status", "running")["runs"] if snapshots(one)])
stopped.send_signal(2)
w.same("Ctrl-C", (stopped.wait(), json.loads(stopped.stdout.read())["error_type"]), (130, "cancelled"))

# ---- questions
listed = w.json("run", "list", "--tag", "local-demo", "--query", "high score", "--limit", "20")
w.same("run list", [one["run_name"] for one in listed["runs"]], ["high_score_rows"])
w.true("its members", {"run_id", "created_at", "finished_at", "status", "action", "cli_args", "run_dir", "run_name", "description", "tags", "error",
                       "details", "artifact_count", "duration_ms"} <= set(listed["runs"][0]))
w.same("filters before the limit", len(w.json("run", "list", "--action", "file-sql", "--status", "succeeded", "--limit", "1")["runs"]), 1)
shown = w.json("run", "show", "--run-id", run["run_id"])
w.same("run show", (shown["run"]["run_id"], len(shown["artifacts"])), (run["run_id"], 1))
status = w.json("run", "status", "--run-id", run["run_id"])
w.true("run status", {"run_id", "status", "action", "artifacts", "artifact_count", "duration_ms", "latest_progress"} <= set(status))
result = w.json("run", "result", "--run-id", run["run_id"], "--limit", "1")
w.same("run result", (list(result), result["preview"]["rows"], result["preview"]["row_count"], result["preview"]["truncated"]),
       (["ok", "run", "artifact_id", "artifact", "preview"], [{"name": "b", "score": 15}], 2, True))
diff = w.json("run", "diff", "--run-id", run["run_id"], "--other-run-id", again["run_id"])
w.true("run diff", {"left_run", "right_run", "metadata_diff", "result_diff"} <= set(diff))
w.true("its comparison", {"format", "row_count", "schema", "preview"} <= set(diff["result_diff"]["comparison"]))
artifacts = w.json("artifacts", "list", "--run-id", run["run_id"])["artifacts"]
w.same("artifacts list", [one["artifact_id"] for one in artifacts], [run["artifacts"][0]["artifact_id"]])
preview = w.json("artifacts", "preview", "--artifact-id", artifacts[0]["artifact_id"])["preview"]
w.same("artifacts preview", (preview["schema"], len(preview["rows"]), preview["row_count"], preview["truncated"]), (["name", "score"], 2, 2, False))
datasets = w.json("datasets", "list", "--limit", "50")
w.true("datasets list", datasets["datasets"][0]["dataset_id"].startswith("artifact:") and datasets["artifacts_count"] == len(datasets["datasets"]))
w.same("an unknown run", w.json("run", "show", "--run-id", "nope", code=1)["phase"], "run_lookup")
w.same("an unknown artifact", w.json("artifacts", "preview", "--artifact-id", "nope", code=1)["phase"], "artifact_lookup")
w.same("a limit that is none", w.json("run", "list", "--limit", "many", code=1)["phase"], "argument_parse")
w.same("a flag of another word", w.json("run", "show", "--run-id", "last", "--keep-last", "1", code=2)["error_type"], "usage_error")
count = len(w.json("run", "list", "--limit", "1000")["runs"])
cleaned = w.json("run", "cleanup", "--keep-last", str(count - 1))
w.same("run cleanup", (len(cleaned["deleted_run_ids"]), cleaned["deleted_run_dirs"], cleaned["backend"]), (1, [], "sqlite"))
w.same("with files", len(w.json("run", "cleanup", "--keep-last", "1", "--delete-files")["deleted_run_dirs"]), count - 2)

# ---- what is not there, and what stays what it was
for word in ("vector-search", "embedding-build", "embedding-query"):
    for words in ([word], ["run", "start", "--", word, "--csv", "x"]):
        later = w.json(*words, code=1)
        w.same(word, (later["error_type"], later["phase"], "arrives with search" in later["error"]), ("not_available", "run_action_dispatch", True))
(w.folder / "list").write_text("CREATE SINK s (a INT) WITH (connector = 'blackhole');")
w.same("a file of that name is run", w.weir("run", "list").returncode, 0)
(w.folder / "list").unlink()
for words in (["file-sql", "--help"], ["run", "start", "--help"], ["run", "list", "--help"], ["datasets", "--help"]):
    w.true(f"help of {words}", "--source-csv-dir" in w.weir(*words).stdout)
w.end()
