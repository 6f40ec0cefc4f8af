"""weir run and weir tap as a user meets them: what is read once, what signals do, what a restart goes on with, what is shown.

Interrupted runs read files that appear one after the other, are stopped or killed every few files, and must leave what one
statement over all files gives.
"""
import json
import os
import pathlib
import pty
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

WEIR = os.path.realpath(os.environ.get("WEIR", "build/weir"))
FILES = "connector = 'files', path = '{path}', format = 'csv', header = true"
QUICK = ", settle_ms = 10, poll_interval_ms = 10"


def weir(*arguments, code=0, stdin=None, timeout=120):
    done = subprocess.run([WEIR, *arguments], capture_output=True, text=True, input=stdin, timeout=timeout)
    assert done.returncode == code, f"{arguments}: exit {done.returncode}, not {code}\n{done.stdout}{done.stderr}"
    return done


def rows_of(sql):
    return sorted(weir("-o", "csv", "-c", sql).stdout.splitlines()[1:])


def put(path, text):
    """A file that is whole when it has its name."""
    hidden = pathlib.Path(path).parent / f".{pathlib.Path(path).name}"
    hidden.write_text(text)
    hidden.rename(path)


def begin(*arguments):
    """A process of which has been heard that its streams run."""
    process = subprocess.Popen([WEIR, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while line := process.stderr.readline():
        if " runs, " in line:
            return process
    raise AssertionError(f"{arguments} ended: {process.wait()}")


def end(process, signal_number, code):
    process.send_signal(signal_number)
    out, err = process.communicate(timeout=60)
    codes = code if isinstance(code, tuple) else (code,)
    assert process.returncode in codes, f"exit {process.returncode}, not {code}: {out}{err}"
    return out, err


# ---- reading once ----

def script(name="out", query="SELECT n * 2 AS n FROM s", more=""):
    pathlib.Path("in").mkdir(exist_ok=True)
    pathlib.Path("q.sql").write_text(
        f"CREATE SOURCE s (n BIGINT) WITH ({FILES.format(path='in')}{QUICK});\n"
        f"CREATE SINK {name} (n BIGINT) WITH ({FILES.format(path='out')});\n"
        f"INSERT INTO {name} {query};\n{more}")


def once_reads_what_is_there_and_nothing_twice():
    script()
    put("in/a.csv", "n\n1\n2\n")
    first = weir("run", "q.sql", "--once", "--state", "st")
    assert "out stopped: 2 rows in, 2 out, 1 commit\n" in first.stderr, first.stderr
    assert "exactly-once" in first.stderr
    again = weir("run", "q.sql", "--once", "--state", "st")
    assert "0 rows in, 0 out" in again.stderr, again.stderr
    put("in/0.csv", "n\n3\n")  # a name before those that were read
    assert weir("run", "q.sql", "--once", "--state", "st", "-q").stderr == ""
    assert rows_of("FROM 'out/*.csv'") == ["2", "4", "6"]
    forgetful = weir("run", "q.sql", "--once")
    assert "best-effort: no state directory" in forgetful.stderr, forgetful.stderr
    assert len(rows_of("FROM 'out/*.csv'")) == 6


def statements_of_a_script_run_in_their_order():
    script(query="SELECT n + (SELECT max(x) FROM t) AS n FROM s", more="SELECT count(*) AS left_over FROM t;\n-- the end\n")
    text = pathlib.Path("q.sql").read_text()
    pathlib.Path("q.sql").write_text("CREATE TABLE t AS SELECT 100 AS x;\n" + text)
    put("in/a.csv", "n\n1\n")
    shown = weir("run", "q.sql", "--once", "-o", "csv")
    assert shown.stdout == "left_over\n1\n", shown.stdout
    assert rows_of("FROM 'out/*.csv'") == ["101"]
    assert weir("run", "-o", "csv", "-c", "SELECT 1 AS one").stdout == "one\n1\n"  # nothing streams: a batch
    block = "CREATE TABLE t (a INT); BEGIN; INSERT INTO t VALUES (1); CREATE TABLE u AS SELECT 2 AS a; INSERT INTO t FROM u; COMMIT; "
    assert weir("run", "-o", "csv", "-c", block + "SELECT sum(a) AS a FROM t").stdout == "a\n3\n"
    assert weir("run", "-", "--once", "-q", stdin=pathlib.Path("q.sql").read_text()).stdout


def several_streams_have_names_of_their_own():
    script(more="INSERT INTO out SELECT -n FROM s;\n")
    put("in/a.csv", "n\n1\n")
    refused = weir("run", "q.sql", "--once", code=1)
    assert 'a stream named "out" runs already' in refused.stderr and "--name" in refused.stderr
    assert not pathlib.Path("out").exists() or not list(pathlib.Path("out").glob("*.csv"))
    weir("run", "q.sql", "--once", "--name", "both", "--state", "st")
    assert sorted(p.name for p in pathlib.Path("st").iterdir()) == ["both", "both-2"]
    weir("run", "q.sql", "--once", "--name", "both", "--state", "st")
    assert rows_of("FROM 'out/*.csv'") == ["-1", "2"]


def a_sink_that_is_made_with_its_query_is_a_stream():
    script()
    source = pathlib.Path("q.sql").read_text().splitlines()[0]
    pathlib.Path("q.sql").write_text(
        f"{source}\nCREATE VIEW twice AS SELECT n * 2 AS n FROM s;\n"
        f"CREATE SINK one WITH ({FILES.format(path='one')}) AS SELECT n FROM s WHERE n > 1 EMIT WITH (on_error = 'drop');\n"
        f"CREATE SINK two FROM twice WITH ({FILES.format(path='two')});\n")
    put("in/a.csv", "n\n1\nx\n2\n")
    failed = weir("run", "q.sql", "--once", code=1).stderr  # the second wants every row
    assert "two failed" in failed and "EMIT WITH (on_error" in failed and "nothing was loaded" not in failed, failed
    shutil.rmtree("one", ignore_errors=True)
    put("in/a.csv", "n\n1\n2\n")
    told = weir("run", "q.sql", "--once", "--state", "st").stderr
    assert "one runs" in told and "two runs" in told, told
    one, two = rows_of("FROM 'one/*.csv'"), rows_of("FROM 'two/*.csv'")
    assert one == ["2"] and two == ["2", "4"], (told, one, two)
    pathlib.Path("q.sql").write_text(f"{source}\nCREATE SINK bad WITH (connector = 'console') AS SELECT m FROM s;\n")
    assert 'column "m"' in weir("run", "q.sql", "--once", code=1).stderr


def standard_output_is_shared_with_others():
    script()
    pathlib.Path("q.sql").write_text(pathlib.Path("q.sql").read_text().replace(
        f"({FILES.format(path='out')})", "(connector = 'console')"))
    put("in/a.csv", "n\n1\n")
    subprocess.run(f"(echo before; '{WEIR}' run q.sql --once -q; echo after) > log", shell=True, check=True)
    assert pathlib.Path("log").read_text() == "before\n+ 2\nafter\n", pathlib.Path("log").read_text()


def script_into_sqlite(query):
    script(query=query)
    pathlib.Path("q.sql").write_text(pathlib.Path("q.sql").read_text().replace(
        f"CREATE SINK out (n BIGINT) WITH ({FILES.format(path='out')})",
        "CREATE SINK out (n BIGINT PRIMARY KEY) WITH (connector = 'sqlite', path = 'db', table = 't')"))


def a_state_is_of_one_query():
    script_into_sqlite("SELECT count(*) AS n FROM s")
    put("in/a.csv", "n\n1\n2\n")
    weir("run", "q.sql", "--once", "--state", "st")
    text = pathlib.Path("q.sql").read_text()
    pathlib.Path("q.sql").write_text(text.replace("count(*) AS n", "/* the same */ count ( * )  as n"))
    weir("run", "q.sql", "--once", "--state", "st")
    pathlib.Path("q.sql").write_text(text.replace("count(*)", "sum(n)::BIGINT"))
    other = weir("run", "q.sql", "--once", "--state", "st", code=1).stderr
    assert 'the state in "st/out" is that of another query' in other and "it was: INSERT INTO" in other, other
    script(query="SELECT n FROM s WHERE n > 1")  # only positions: the text may change
    weir("run", "q.sql", "--once", "--name", "filter", "--state", "st")
    script(query="SELECT n FROM s WHERE n > 0")
    assert "0 rows in" in weir("run", "q.sql", "--once", "--name", "filter", "--state", "st").stderr


def a_state_can_be_looked_into():
    script_into_sqlite("SELECT DISTINCT n % 10 AS n FROM s")
    put("in/a.csv", "n\n" + "".join(f"{i}\n" for i in range(100)))
    weir("run", "q.sql", "--once", "--state", "st")
    shown = weir("state", "show", "st/out", "-o", "line").stdout
    assert "statement = INSERT INTO out SELECT DISTINCT" in shown and "epoch = 1" in shown, shown
    first = weir("state", "hash", "st/out", "-o", "csv").stdout
    assert " group,12," in weir("state", "size", "st/out", "-o", "csv").stdout  # ten groups, their pane, a record
    assert len(rows_of("FROM stream_state('st/out') WHERE section LIKE '%group'")) == 12
    weir("run", "q.sql", "--once", "--state", "st")
    assert weir("state", "check", "st/out", "-o", "csv").stdout.rstrip().endswith("true")
    put("in/b.csv", "n\n1\n")
    weir("run", "q.sql", "--once", "--state", "st")
    assert weir("state", "hash", "st/out", "-o", "csv").stdout != first
    path = pathlib.Path("st/out/state.mdb")
    path.write_bytes(path.read_bytes().replace(b"SELECT DISTINCT", b"SELECT DISTINKT"))  # also where it is not in use any more
    assert "damaged" in weir("state", "check", "st/out", code=1).stderr
    assert "there is no state in" in weir("state", "show", "st", code=4).stderr


def keys_are_divided_among_any_number_of_workers():
    dice = random.Random(5)
    lines = [f"{dice.choice(['a', 'b', 'c', 'dd', 'a longer key than fits', ''])}{dice.randint(0, 40)},{dice.random()},{t}"
             for t in range(20000)]
    query = ("SELECT k, window_start AS w, sum(x) AS s, count(*) AS n, max(t) AS t FROM tumble((SELECT *, to_timestamp(t) AT TIME "
             "ZONE 'UTC' AS ts FROM s), ts, INTERVAL '1 minute') GROUP BY k, window_start, window_end")
    top = ("SELECT k, x, t FROM (SELECT *, row_number() OVER (PARTITION BY k ORDER BY x DESC) AS r FROM s) WHERE r <= 3")
    for name, select, columns in (("groups", query, "k VARCHAR, w TIMESTAMP, s DOUBLE, n BIGINT, t BIGINT, PRIMARY KEY (k, w)"),
                                  ("tops", top, "k VARCHAR, x DOUBLE, t BIGINT, PRIMARY KEY (k, t)")):
        pathlib.Path("in").mkdir(exist_ok=True)
        pathlib.Path("q.sql").write_text(
            f"CREATE SOURCE s (k VARCHAR, x DOUBLE, t BIGINT) WITH ({FILES.format(path='in')}{QUICK});\n"
            f"CREATE SINK {name} ({columns}) WITH (connector = 'sqlite', path = '{{db}}', table = 't');\n"
            f"INSERT INTO {name} {select};\n")
        text = pathlib.Path("q.sql").read_text()
        for path in pathlib.Path("in").iterdir():
            path.unlink()
        for run, workers in enumerate((["0"] * 4, ["2", "3", "1", "8"], ["3", "2", "2", "0"], ["1", "2", "2", "2"])):
            pathlib.Path("q.sql").write_text(text.replace("{db}", f"{name}{run}.db"))
            for part, count in enumerate(workers):
                put(f"in/{part}.csv", "\n".join(["k,x,t", *lines[part * 5000:part * 5000 + 5000]]) + "\n")
                weir("run", "q.sql", "--once", "--state", f"st{name}{run}", "--workers", count, "-q")
            for path in pathlib.Path("in").iterdir():
                path.unlink()
        tables = [sorted(sqlite3.connect(f"{name}{run}.db").execute("SELECT * FROM t")) for run in range(4)]
        assert len(tables[0]) > 600, len(tables[0])
        assert tables[0] == tables[1] == tables[2] == tables[3], name  # sums of doubles to the last bit
    explained = weir("-c", "SET stream_workers = 2; " + text.split("INSERT")[0].replace("{db}", "x") + "EXPLAIN INSERT INTO tops " + top).stdout
    how = "local-workers: 2 workers, 2 partitions of the state, top by hash of k"
    if len(os.sched_getaffinity(0)) == 1:
        how = "not divided among workers: this process may use one core only"
    assert how in " ".join(explained.split()), explained
    assert "--workers takes a number" in weir("run", "q.sql", "--workers", "many", code=2).stderr


def a_growing_file_is_followed_until_nothing_comes():
    pathlib.Path("q.sql").write_text(
        "CREATE SOURCE log (n BIGINT) WITH (connector = 'files', path = 'log.jsonl', format = 'jsonl', mode = 'tail');\n"
        "CREATE SINK rows (n BIGINT) WITH (connector = 'sqlite', path = 'rows.db', table = 'rows');\n"
        "INSERT INTO rows SELECT n FROM log;\n")
    log = open("log.jsonl", "w")
    process = begin("run", "q.sql", "--state", "st", "--until-idle", "1s", "--checkpoint-interval", "50ms")
    for i in range(10):
        log.write(f'{{"n": {i}}}\n{{"n": ')  # half a line stays for the next time
        log.flush()
        time.sleep(0.1)
        log.write(f"{i + 100}}}\n")
        log.flush()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0 and "20 rows in" in err, err
    log.write('{"n": 7}\n')
    log.flush()
    assert "1 rows in" in weir("run", "q.sql", "--state", "st", "--until-idle=300ms").stderr
    got = sqlite3.connect("rows.db").execute("SELECT n FROM rows ORDER BY n").fetchall()
    assert [n for n, in got] == sorted([*range(10), *range(100, 110), 7]), got


# ---- interrupted ----

INTERRUPTED = f"""
CREATE SOURCE s (id BIGINT, k BIGINT, ts TIMESTAMP, v DECIMAL(12, 2), WATERMARK FOR ts AS ts - INTERVAL '5 seconds')
WITH ({FILES.format(path='in')}{QUICK});
CREATE SINK windows (w TIMESTAMP, k BIGINT, n BIGINT, v DECIMAL(18, 2)) WITH ({FILES.format(path='windows')});
CREATE SINK totals (k BIGINT, n BIGINT, v DECIMAL(18, 2), PRIMARY KEY (k)) WITH (connector = 'sqlite', path = 'db', table = 'totals');
CREATE SINK sevens (id BIGINT) WITH (connector = 'sqlite', path = 'db', table = 'sevens');
INSERT INTO windows SELECT window_start, k, count(*), sum(v) FROM tumble(s, ts, INTERVAL '10 seconds') GROUP BY 1, 2
EMIT ON WINDOW CLOSE;
INSERT INTO totals SELECT k, count(*), sum(v) FROM s GROUP BY k;
INSERT INTO sevens SELECT id FROM s WHERE id % 7 = 0;
"""
RUN = ["run", "q.sql", "--state", "st", "--checkpoint-interval", "20ms", "--set", "threads=1"]


def write_files(count, pause_s):
    made = random.Random(5)
    for number in range(count):
        rows = []
        for i in range(200):
            row = number * 200 + i
            seconds = row // 40 + (1000 if number == count - 1 and i == 199 else 0)  # the last row closes all windows
            moment = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(1_700_000_000 + seconds))
            rows.append(f"{row},{made.randrange(9)},{moment},{made.randrange(100000) / 100}")
        put(f"in/{number:04}.csv", "id,k,ts,v\n" + "\n".join(rows) + "\n")
        time.sleep(pause_s)


def interrupted(signal_number, code):
    pathlib.Path("in").mkdir()
    pathlib.Path("q.sql").write_text(INTERRUPTED)
    writer = threading.Thread(target=write_files, args=(80, 0.03))
    writer.start()
    waits, stops = random.Random(7), 0
    while writer.is_alive():
        process = begin(*RUN)
        time.sleep(waits.random() * 0.2)
        end(process, signal_number, code)
        stops += 1
    assert stops >= 4, stops
    last = weir(*RUN, "--until-idle", "400ms")
    assert "failed" not in last.stderr, last.stderr
    everything = "read_csv('in/*.csv', types => {'v': 'DECIMAL(12, 2)'})"
    start = "time_bucket(INTERVAL '10 seconds', ts)"
    want = rows_of(f"SELECT {start} AS w, k, count(*) AS n, sum(v) AS v FROM {everything} WHERE {start} < "
                   f"(SELECT max({start}) FROM {everything}) GROUP BY 1, 2")
    assert len(want) > 100
    types = "{'v': 'DECIMAL(18, 2)'}"
    assert rows_of(f"FROM read_csv('windows/*.csv', types => {types})") == want
    db = sqlite3.connect("db")
    want = rows_of(f"SELECT k, count(*) AS n, sum(v) AS v FROM {everything} GROUP BY 1")
    assert sorted(f"{k},{n},{float(v):.2f}" for k, n, v in db.execute("SELECT k, n, v FROM totals")) == want
    assert [n for n, in db.execute("SELECT id FROM sevens ORDER BY id")] == list(range(0, 80 * 200, 7))


def stopped_and_started_again_it_says_everything_once():
    interrupted(signal.SIGTERM, 0)


def killed_and_started_again_it_says_everything_once():
    interrupted(signal.SIGKILL, -signal.SIGKILL)


def signals_end_it_well_or_at_once():
    script()
    put("in/a.csv", "n\n1\n")
    out, err = end(begin("run", "q.sql", "--state", "st"), signal.SIGINT, 130)
    assert "stopping" in err and "out stopped: " in err, err
    end(begin("run", "q.sql", "--state", "st"), signal.SIGTERM, 0)
    process = begin("run", "q.sql", "--state", "st", "--checkpoint-interval", "1h")
    while "1 rows in" not in weir("run", "q.sql", "--name", "other", "--once").stderr:
        pass
    in_use = weir("run", "q.sql", "--state", "st", "--once", code=1)
    assert f"in use by process {process.pid}" in in_use.stderr, in_use.stderr
    process.send_signal(signal.SIGSTOP)  # so that both signals wait for it
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    end(process, signal.SIGCONT, (128 + signal.SIGINT, 128 + signal.SIGTERM))  # whichever came second


# ---- what is shown ----

def errors_point_into_the_script():
    script(query="SELECT m FROM s")
    put("in/a.csv", "n\n1\nx\n")
    wrong = weir("run", "q.sql", "--once", code=1).stderr
    assert 'no column "m" in s\n  3 | INSERT INTO out SELECT m FROM s;\n' in wrong and "^" in wrong, wrong
    script()
    failed = weir("run", "q.sql", "--once", "--state", "st", code=1).stderr
    assert 'weir: out failed\n' in failed and 'cannot read "x" as BIGINT (column n, in/a.csv line 3)' in failed, failed
    assert weir("run", code=2).stderr.startswith("weir: run needs a file")
    assert "did you mean --once?" in weir("run", "q.sql", "--onec", code=2).stderr
    assert "10m" in weir("run", "q.sql", "--for", "soon", code=2).stderr
    assert "--until-idle" in weir("run", "q.sql", "--once", "--until-idle", code=2).stderr
    assert "at least 1ms" in weir("run", "q.sql", "--checkpoint-interval", "0", code=2).stderr
    assert 'cannot be named "a/b"' in weir("run", "q.sql", "--once", "--name", "a/b", code=1).stderr
    assert "exactly-once delivery cannot be had" in weir("run", "q.sql", "--once", "--delivery", "exactly-once", code=1).stderr
    assert 'no delivery "twice"' in weir("run", "q.sql", "--once", "--delivery", "twice", code=1).stderr
    weir("run", "missing.sql", code=4)
    assert "read-only" in weir("run", "q.sql", "--once", "--read-only", code=6).stderr


def one_that_fails_ends_the_others_well():
    script(more=f"CREATE SOURCE t (n BIGINT) WITH ({FILES.format(path='other')}{QUICK});\n"
                "CREATE SINK second (n BIGINT) WITH (connector = 'sqlite', path = 'db', table = 'second');\n"
                "INSERT INTO second SELECT n FROM t;\n")
    pathlib.Path("other").mkdir()
    put("in/a.csv", "n\n1\n")
    put("other/a.csv", "n\n7\n")
    process = begin("run", "q.sql", "--state", "st", "--checkpoint-interval", "1h", "--progress", "json")
    have_read = set()
    while len(have_read) < 2:  # nothing of it is committed: the interval is an hour
        line = process.stderr.readline()
        if line.startswith("{") and json.loads(line)["rows_in"]:
            have_read.add(json.loads(line)["query_id"])
    put("in/b.csv", "n\nx\n")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1 and "weir: out failed\n" in err and 'cannot read "x"' in err, err
    last = [json.loads(line) for line in err.splitlines() if line.startswith("{")][-1]
    assert (last["query_id"], last["status"], last["checkpoints"]) == ("second", "stopped", 1), last
    assert sqlite3.connect("db").execute("SELECT n FROM second").fetchall() == [(7,)]
    pathlib.Path("in/b.csv").unlink()
    again = weir("run", "q.sql", "--state", "st", "--once").stderr
    assert "out stopped: 1 rows in" in again and "second stopped: 0 rows in" in again, again


def snapshots_are_lines_of_json():
    script()
    put("in/a.csv", "n\n1\n2\n")
    lines = weir("run", "q.sql", "--for", "1300ms", "--json", "--state", "st").stdout.splitlines()
    seen = [json.loads(line) for line in lines]
    assert len(seen) >= 2 and seen[-1]["status"] == "stopped" and seen[-1]["query_id"] == "out"
    assert seen[-1]["rows_in"] == 2 and seen[-1]["epoch"] >= 1 and seen[-1]["lag_bytes"] == 0
    assert seen[-1]["checkpoint_delivery_mode"] == "exactly-once" and len(seen[-1]) > 55
    quiet = weir("run", "q.sql", "--once", "--progress", "json", "--state", "st")
    assert quiet.stdout == "" and '"status":"stopped"' in quiet.stderr.splitlines()[-1]


NEXMARK = """CREATE SOURCE bids (WATERMARK FOR dateTime AS dateTime - INTERVAL '100 ms')
WITH (connector = 'nexmark', table = 'bid', rate = 20000);
CREATE SINK nothing (n BIGINT) WITH (connector = 'blackhole');
INSERT INTO nothing SELECT price FROM bids;
"""


def progress_is_a_line_on_a_terminal_and_lines_elsewhere():
    pathlib.Path("q.sql").write_text(NEXMARK)
    plain = subprocess.Popen([WEIR, "run", "q.sql", "--for", "5500ms"], stderr=subprocess.PIPE, text=True)
    process, terminal = pty.fork()
    if process == 0:
        os.execv(WEIR, [WEIR, "run", "q.sql", "--for", "1s"])
    shown = b""
    try:
        while piece := os.read(terminal, 4096):
            shown += piece
    except OSError:
        pass
    os.waitpid(process, 0)
    line = shown.decode()
    assert "\r\x1b[K" in line and " rows/s · " in line and " · watermark 2015-07-15 " in line and "state " in line, line
    lines = plain.communicate(timeout=60)[1].splitlines()
    assert any(l.startswith("nothing 5 s: ") and " rows/s · " in l for l in lines) and "\r" not in "".join(lines), lines


# ---- tap ----

def tap_shows_rows_as_they_come():
    pathlib.Path("q.sql").write_text(NEXMARK)
    some = weir("tap", "-f", "q.sql", "SELECT auction, price FROM bids WHERE price > 0", "-n", "5", "-o", "jsonl").stdout
    rows = [json.loads(line) for line in some.splitlines()]
    assert len(rows) == 5 and all(sorted(row) == ["auction", "price"] for row in rows), some
    assert len(weir("tap", "-f", "q.sql", "bids", "--limit=3", "-o", "csv").stdout.splitlines()) == 4
    table = weir("tap", "-f", "q.sql", "SELECT price FROM bids", "-n2").stdout.splitlines()
    assert table[0].strip() == "price" and set(table[1]) == {"-"} and len(table) == 4, table
    sums = weir("tap", "-f", "q.sql", "SELECT count(*) AS n FROM bids", "--for", "700ms", "-o", "csv").stdout.splitlines()
    assert sums[0] == "change,n" and sums[1].startswith("1,"), sums[:3]
    alive = None
    for line in sums[1:]:
        change, n = line.split(",")
        assert (change == "-1" and n == alive) or (change == "1" and alive is None), line
        alive = n if change == "1" else None
    windows = ("SELECT window_start, count(*) AS n FROM tumble(bids, dateTime, INTERVAL '200 ms') GROUP BY 1 "
               "EMIT ON WINDOW CLOSE")
    assert weir("tap", "-f", "q.sql", windows, "-n", "1", "-o", "csv").stdout.startswith("window_start,n\n2015-07-15 00:00:00")


def tap_ends_as_it_is_told():
    pathlib.Path("q.sql").write_text(NEXMARK)
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 0)):
        process = subprocess.Popen([WEIR, "tap", "-f", "q.sql", "bids", "-o", "jsonl"], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        json.loads(process.stdout.readline())
        out, err = end(process, number, code)
        assert err == "", err
    wrong = weir("tap", "-f", "q.sql", "SELECT pirce FROM bids", code=1).stderr
    assert "did you mean price?" in wrong and "^^^^^" in wrong, wrong
    assert "needs all rows at once" in weir("tap", "-f", "q.sql", "bids", "-o", "box", code=2).stderr
    assert "one query" in weir("tap", code=2).stderr
    assert "number of rows" in weir("tap", "bids", "-n", "x", code=2).stderr
    assert "nothing in the query streams" in weir("tap", "SELECT 1", code=1).stderr
    assert "only the rows of a query" in weir("tap", "-f", "q.sql", "INSERT INTO nothing SELECT price FROM bids", code=1).stderr


def tap_changes_nothing_for_a_stream_that_runs():
    script()
    process = begin("run", "q.sql", "--state", "st", "--checkpoint-interval", "20ms")
    for i in range(4):
        put(f"in/{i}.csv", f"n\n{i}\n")
        seen = weir("tap", "-f", "q.sql", "s", "-n", str(i + 1), "-o", "csv").stdout.splitlines()
        assert seen == ["n", *map(str, range(i + 1))], seen
    end(process, signal.SIGTERM, 0)
    weir("run", "q.sql", "--state", "st", "--once")
    assert rows_of("FROM 'out/*.csv'") == ["0", "2", "4", "6"]


def tables_that_are_joined_are_read_again():
    put("names.csv", "n,name\n1,one\n")
    script(query="SELECT s.n FROM s JOIN 'names.csv' AS t ON s.n = t.n EMIT WITH (lookup_refresh = '10 ms')")
    process = begin("run", "q.sql", "--state", "st", "--checkpoint-interval", "20ms")
    put("in/1.csv", "n\n1\n2\n")
    wait_for_rows(["1"])
    put("names.csv", "name,n\ntwo,2\n")  # a column less is not missed, their order is free
    time.sleep(0.3)
    put("names.csv", "n,name\nno number,x\n")  # refused: the rows that were there are kept
    time.sleep(0.3)
    put("in/2.csv", "n\n1\n2\n")
    wait_for_rows(["1", "2"])
    out, err = end(process, signal.SIGTERM, 0)
    assert err.count("the rows of a lookup that were there are kept") == 1, err
    assert "was BIGINT and is VARCHAR now" in err, err


def rows_meet_the_version_of_their_time_whenever_they_are_read():
    """Orders and rates appear in files one after the other, the stream is killed between them; a batch says the same."""
    random.seed(7)
    for name in ("orders", "rates"):
        pathlib.Path(name).mkdir()
    pathlib.Path("q.sql").write_text(
        "".join(f"CREATE SOURCE {name} (t BIGINT, k BIGINT, ts AS TIMESTAMP '2024-01-01' + t * INTERVAL '1 second', "
                f"WATERMARK FOR ts AS ts - INTERVAL '20 seconds') WITH ({FILES.format(path=name)}{QUICK}, bounded = {{bounded}});\n"
                for name in ("orders", "rates")) +
        "CREATE SINK out (n BIGINT, r BIGINT) WITH (connector = 'sqlite', path = 'db', table = 't');\n")
    sources = pathlib.Path("q.sql").read_text()
    query = "SELECT o.t, r.t FROM orders o LEFT JOIN rates FOR SYSTEM_TIME AS OF o.ts AS r ON o.k = r.k"
    pathlib.Path("q.sql").write_text(sources.format(bounded="false") + f"INSERT INTO out {query};\n")
    for i in range(8):
        for name in ("orders", "rates"):
            times = sorted(random.randrange(i * 100, i * 100 + 100) for _ in range(40))
            rows = "".join(f"{t},{random.randrange(5)}\n" for t in times)
            put(f"{name}/{i}.csv", "t,k\n" + rows)
        process = begin("run", "q.sql", "--state", "st", "--checkpoint-interval", "10ms")
        time.sleep(random.random() / 4)
        end(process, *random.choice([(signal.SIGTERM, 0), (signal.SIGKILL, -9)]))
    weir("run", "q.sql", "--state", "st", "--once", "-q")
    seen = sorted(sqlite3.connect("db").execute("SELECT n, coalesce(r, '') FROM t"), key=str)
    wanted = [tuple(line.split(",")) for line in rows_of(sources.format(bounded="true") + query)]
    wanted = sorted([(int(n), int(r) if r else "") for n, r in wanted], key=str)
    left_out = len(wanted) - len(seen)  # those that wait for more
    assert 0 < left_out < 40 and all(n > 740 for n, _ in wanted if (n, _) not in seen), left_out
    assert not set(seen) - set(wanted)


def wait_for_rows(want):
    deadline = time.time() + 30
    while time.time() < deadline:
        if list(pathlib.Path("out").glob("*.csv")) and rows_of("FROM 'out/*.csv'") == want:
            return
        time.sleep(0.02)
    raise AssertionError(f"not {want}")


def main():
    tests = [once_reads_what_is_there_and_nothing_twice, statements_of_a_script_run_in_their_order,
             several_streams_have_names_of_their_own,
             a_sink_that_is_made_with_its_query_is_a_stream, standard_output_is_shared_with_others, a_state_is_of_one_query, a_state_can_be_looked_into, a_growing_file_is_followed_until_nothing_comes,
             stopped_and_started_again_it_says_everything_once, killed_and_started_again_it_says_everything_once,
             signals_end_it_well_or_at_once, errors_point_into_the_script, one_that_fails_ends_the_others_well, snapshots_are_lines_of_json,
             progress_is_a_line_on_a_terminal_and_lines_elsewhere, tap_shows_rows_as_they_come, tap_ends_as_it_is_told,
             tap_changes_nothing_for_a_stream_that_runs, tables_that_are_joined_are_read_again,
             rows_meet_the_version_of_their_time_whenever_they_are_read,
             keys_are_divided_among_any_number_of_workers]
    wanted, home = sys.argv[1:], os.getcwd()
    for test in tests:
        if wanted and not any(word in test.__name__ for word in wanted):
            continue
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            try:
                test()
            except Exception:
                print(f"FAILED {test.__name__}")
                raise
            finally:
                os.chdir(home)


main()
