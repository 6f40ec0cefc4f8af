#!/usr/bin/env python3
"""The state of streams in PostgreSQL, against a real server (server.py), as a user meets it.

Usage: run.py [--quick] [substring...]; --quick leaves out tests that take long. Ends with 77 and the reason where there is
no server to be had.
"""
import json
import os
import pathlib
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import server as servers

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
WEIR = str(ROOT / os.environ.get("WEIR", "build/weir"))
TESTS = []


def test(function):
    TESTS.append(function)
    return function


def slow(function):
    function.is_slow = True
    return function


def same(got, want, what=""):
    if got != want:
        raise AssertionError(f"{what}\n    is     {got!r}\n    not    {want!r}")


def has(text, *parts):
    for part in parts:
        if part not in text:
            raise AssertionError(f"no {part!r} in {text!r}")


def wait_for(condition, what, seconds=30):
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.02)


class Place:
    """A folder with files that appear, a query over them into SQLite, and a machine's cache of its own. `url` is a place of
    states in a schema of its own."""

    def __init__(self, server, folder, name):
        self.server, self.folder, self.files, self.rows_in = server, pathlib.Path(folder), 0, []
        self.schema = name[:50]
        self.url = server.url(more=f"&schema={self.schema}")
        (self.folder / "in").mkdir()
        self.script = self.folder / "q.sql"
        self.script.write_text(f"""
CREATE SOURCE s (k BIGINT, n BIGINT) WITH (connector = 'files', path = '{folder}/in', format = 'csv', header = true,
  settle_ms = 0, poll_interval_ms = 2);
CREATE SINK out (k BIGINT PRIMARY KEY, c BIGINT, t BIGINT) WITH (connector = 'sqlite', path = '{folder}/o.db', "table" = 'o');
INSERT INTO out SELECT k, count(*), sum(n) FROM s GROUP BY k;
""")

    def env(self, machine="machine", **more):
        (self.folder / "tmp").mkdir(exist_ok=True)
        return {**os.environ, "XDG_CACHE_HOME": str(self.folder / machine), "TMPDIR": str(self.folder / "tmp"), "WEIR_LOG": "warn",
                **more}

    def command(self, *flags, url=None):
        return [WEIR, "run", str(self.script), "--state", url or self.url, *flags]

    def put(self, rows=50):
        """One more file."""
        self.files += 1
        made = [((self.files * 7 + i) % 11, self.files * 1000 + i) for i in range(rows)]
        hidden = self.folder / "part"
        hidden.write_text("k,n\n" + "".join(f"{k},{n}\n" for k, n in made))
        hidden.rename(self.folder / "in" / f"{self.files:06d}.csv")
        self.rows_in += made

    def once(self, ok=True, url=None, flags=(), **env):
        done = subprocess.run(self.command("--once", *flags, url=url), capture_output=True, text=True, timeout=90, env=self.env(**env))
        if ok and done.returncode:
            raise AssertionError(f"exit {done.returncode}: {done.stdout}{done.stderr}")
        if not ok and not done.returncode:
            raise AssertionError(f"went well: {done.stdout}{done.stderr}")
        return done.stderr

    def start(self, *flags, url=None, **env):
        """A process that goes on, and the file of what it says."""
        log = self.folder / f"log{time.monotonic_ns()}"
        with open(log, "w") as out:
            process = subprocess.Popen(self.command("--checkpoint-interval", "20ms", *flags, url=url), stdout=out, stderr=out,
                                       env=self.env(**env))
        return process, log

    def out(self):
        if not (self.folder / "o.db").exists():
            return {}
        database = sqlite3.connect(self.folder / "o.db", timeout=30)
        try:
            return {k: (c, t) for k, c, t in database.execute("SELECT k, c, t FROM o")}
        except sqlite3.OperationalError:
            return {}
        finally:
            database.close()

    def want(self):
        groups = {}
        for k, n in self.rows_in:
            c, t = groups.get(k, (0, 0))
            groups[k] = (c + 1, t + n)
        return groups

    def wait(self, process=None, log=None):
        def done():
            if process and process.poll() is not None:
                raise AssertionError(f"ended with {process.returncode}: {log.read_text()}")
            return self.out() == self.want()
        try:
            wait_for(done, "the output")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.out()}\n{self.want()}\n{log.read_text() if log else ''}")

    def row(self, columns):
        return self.server.sql(f"SELECT {columns} FROM {self.schema}.stream_states WHERE stream = 'out'", "states")[0]

    def state(self, verb, *flags, url=None, ok=True, **env):
        place, _, query = (url or self.url).partition("?")
        done = subprocess.run([WEIR, "state", verb, f"{place}/out" + (f"?{query}" if query else ""), *flags], capture_output=True,
                              text=True, timeout=60, env=self.env(**env))
        if ok and done.returncode:
            raise AssertionError(done.stderr)
        return done.stdout if ok else done.stderr

    def info(self, **env):
        return json.loads(self.state("show", "-o", "jsonl", **env))


def stop(process, log):
    process.terminate()
    code = process.wait(60)
    if code not in (0, -signal.SIGTERM):
        raise AssertionError(f"exit {code}: {log.read_text()}")


# ---- going on ----

@test
def a_stream_goes_on_here_and_on_another_machine(p):
    p.put()
    has(p.once(), "exactly-once", "50 rows in")
    p.put()
    has(p.once(), "50 rows in")  # with the copy of this machine
    copies = list((p.folder / "machine" / "weir").iterdir())
    same(len(copies), 1)
    p.put()
    has(p.once(machine="other"), "50 rows in")  # has none
    p.put()
    has(p.once(), "50 rows in")  # has an old one
    shutil.rmtree(p.folder / "machine")
    p.put()
    has(p.once(), "50 rows in")
    has(p.once(), " 0 rows in")
    same(p.out(), p.want())
    same(p.row("format, sections"), ["1", "2"])


@test
def what_is_kept_can_be_looked_at(p):
    p.put()
    p.once()
    info = p.info()
    same([info["commits"], info["epoch"], str(info["pairs"])], [int(p.row("commits")[0]), 1, p.row("pairs")[0]])
    here, elsewhere = p.state("dump", "-o", "csv"), p.state("dump", "-o", "csv", machine="other")
    same(here, elsewhere)
    has(p.state("check", "-o", "jsonl"), '"is_whole":true')
    has(p.state("size", "-o", "csv"), "1 group,")
    same(p.state("hash", "-o", "csv").split()[-1], f"{int(p.row('hash')[0]) % 2**64:016x}")
    same(list((p.folder / "tmp").iterdir()), [], "copies of readers")
    # While it runs, too.
    process, log = p.start()
    p.put()
    p.wait(process, log)
    wait_for(lambda: p.info()["epoch"] >= 2, "the state of a stream that runs")
    has(p.state("check", "-o", "jsonl"), '"is_whole":true')
    stop(process, log)
    snapshot = subprocess.run(p.command("--once", "--json"), capture_output=True, text=True, env=p.env()).stdout
    same(json.loads(snapshot.splitlines()[-1])["state"], p.url.replace("/states?", "/states/out?"))


@test
def a_copy_that_is_damaged_is_made_again(p):
    p.put()
    p.once()
    file = next((p.folder / "machine" / "weir").glob("*/state.mdb"))
    content = bytearray(file.read_bytes())
    for at in range(8192, len(content), 512):
        content[at + 100] ^= 0x55
    file.write_bytes(content)
    p.put()
    has(p.once(), "50 rows in")
    file.write_bytes(b"x")
    p.put()
    has(p.once(), "50 rows in")
    same(p.out(), p.want())


@test
def without_a_folder_for_copies_it_goes_on_as_well(p):
    bare = {**p.env(), "HOME": "", "XDG_CACHE_HOME": ""}
    for _ in range(2):
        p.put()
        done = subprocess.run(p.command("--once"), capture_output=True, text=True, env=bare, timeout=60)
        same(done.returncode, 0, done.stderr)
        has(done.stderr, "50 rows in")
    same(p.out(), p.want())
    p.put()
    p.once(url=p.url + f"&cache={p.folder}/here")
    same(len(list((p.folder / "here").glob("state-*/state.mdb"))), 1)
    same(p.out(), p.want())


@test
def views_and_settings_take_a_server_too(p):
    p.put(20)
    sql = f"""SET stream_state = '{p.server.tcp_url(password=servers.PASSWORD, more=f"?schema={p.schema}")}';
CREATE SOURCE s (k BIGINT, n BIGINT) WITH (connector = 'files', path = '{p.folder}/in', format = 'csv', header = true, settle_ms = 0);
CREATE MATERIALIZED VIEW v AS SELECT count(*) AS c, sum(n) AS t FROM s;
REFRESH MATERIALIZED VIEW v;
SELECT c, t FROM v; SHOW stream_state; SHOW ALL;
CREATE SINK k (c BIGINT) WITH (connector = 'console'); EXPLAIN INSERT INTO k SELECT n FROM s;"""
    for _ in range(2):
        done = subprocess.run([WEIR, "-o", "csv", "-c", sql], capture_output=True, text=True, env=p.env(), timeout=60)
        same(done.returncode, 0, done.stderr)
        want = p.want()
        has(done.stdout, f"{sum(c for c, _ in want.values())},{sum(t for _, t in want.values())}")
        has(done.stdout, f"postgresql://weir:***@127.0.0.1:{p.server.port}/states?schema={p.schema}")
        same(servers.PASSWORD in done.stdout + done.stderr, False)
        p.put(20)
    same(p.server.sql(f"SELECT stream FROM {p.schema}.stream_states", "states"), [["v"]])


@test
def large_values_and_many_pairs(p):
    p.script.write_text(f"""
CREATE SOURCE s (k BIGINT, t VARCHAR) WITH (connector = 'files', path = '{p.folder}/in', format = 'csv', header = true, settle_ms = 0);
CREATE SINK out (k BIGINT PRIMARY KEY, t VARCHAR) WITH (connector = 'sqlite', path = '{p.folder}/o.db', "table" = 'o');
INSERT INTO out SELECT k, max(t) FROM s GROUP BY k;
""")
    lines = [f"{k},{'xyz'[k % 3] * (3_000_000 if k == 5 else 20)}\n" for k in range(40_000)]
    (p.folder / "in" / "a.csv").write_text("k,t\n" + "".join(lines))
    has(p.once(), "40000 rows in")
    info = p.info()
    shutil.rmtree(p.folder / "machine")
    (p.folder / "in" / "b.csv").write_text("k,t\n5,\n6,zzzzzzzzzzzzzzzzzzzzzz\n")
    has(p.once(), "2 rows in")
    database = sqlite3.connect(p.folder / "o.db")
    same(database.execute("SELECT count(*), sum(length(t)) FROM o").fetchone(), (40_000, 39_998 * 20 + 22 + 3_000_000))
    database.close()
    if info["pairs"] < 40_000 or int(p.row("pairs")[0]) != info["pairs"]:
        raise AssertionError(f"{info} {p.row('pairs')}")
    has(p.state("check", "-o", "jsonl"), '"is_whole":true')
    p.server.sql(f"DELETE FROM {p.schema}.stream_states WHERE stream = 'out'", "states")
    same(p.server.sql(f"SELECT count(*) FROM {p.schema}.stream_pairs", "states"), [["0"]])
    has(p.state("show", ok=False), "W3101", "there is no state in")


# ---- one writer ----

@test
def a_second_process_is_refused(p):
    p.put()
    process, log = p.start()
    p.wait(process, log)
    refused = p.once(ok=False, machine="other")
    has(refused, "W8005", "is in use by process", f"process {process.pid} on", "SELECT pg_terminate_backend(")
    has(p.once(ok=False), "W8005", "is in use by process")
    p.put()
    p.wait(process, log)  # it has not been disturbed
    stop(process, log)
    p.once(machine="other")
    same(p.out(), p.want())


@test
def who_was_taken_over_commits_nothing_more(p):
    p.put()
    process, log = p.start()
    p.wait(process, log)
    process.send_signal(signal.SIGSTOP)
    p.put()
    fix = re.search(r"SELECT pg_terminate_backend\(\d+\)", p.once(ok=False, machine="other"))
    p.server.sql(fix[0])
    p.once(machine="other")
    same(p.out(), p.want())
    process.send_signal(signal.SIGCONT)
    p.put()
    code = process.wait(60)
    has(log.read_text(), "W8005", "was taken over by process")
    same(code, 1)
    p.once(machine="other")
    same(p.out(), p.want())


@test
def a_generation_that_is_not_ours_any_more_commits_nothing(p):
    """Two that both believe to be the writer, without the lock between them."""
    p.put()
    process, log = p.start()
    p.wait(process, log)
    p.server.sql(f"UPDATE {p.schema}.stream_states SET generation = generation + 1, holder = 'somebody'", "states")
    commits = p.row("commits")
    p.put()
    same(process.wait(60), 1)
    has(log.read_text(), "was taken over by somebody")
    same(p.row("commits"), commits)
    p.once()
    same(p.out(), p.want())


@test
def a_state_that_is_removed_under_a_stream_ends_it(p):
    p.put()
    process, log = p.start()
    p.wait(process, log)
    p.server.sql(f"DELETE FROM {p.schema}.stream_states", "states")
    p.put()
    same(process.wait(60), 4)
    has(log.read_text(), "W3101", "there is no state in")


# ---- connections that are lost ----

@test
def a_session_that_is_ended_is_made_again(p):
    p.put()
    process, log = p.start()
    p.wait(process, log)
    for _ in range(8):
        p.server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'weir'")
        p.put()
        p.wait(process, log)
    stop(process, log)
    same(p.out(), p.want())
    has(log.read_text(), "a commit to a server is tried again")
    p.once()
    same(p.out(), p.want())


@test
def a_server_that_is_started_again_is_found_again(p):
    p.put()
    process, log = p.start()
    p.wait(process, log)
    for how in (signal.SIGINT, signal.SIGQUIT):
        p.server.stop(how)
        p.put()
        time.sleep(0.4)
        p.put()
        same(process.poll(), None, log.read_text())
        p.server.start()
        p.wait(process, log)
    stop(process, log)
    p.once(machine="other")
    same(p.out(), p.want())


@test
def commits_whose_answer_is_lost_are_not_doubled(p):
    """The session is ended while its COMMIT has been sent and its answer has not been read, and just before."""
    p.put()
    p.once()
    for point in ("remote_asked", "remote_sent", "remote_begun"):
        process, log = p.start(WEIR_FAILPOINTS=f"{point}=say:300")
        for _ in range(3):
            p.put()
            said = log.read_text().count(f"failpoint {point}")
            wait_for(lambda: log.read_text().count(f"failpoint {point}") > said, point)
            time.sleep(0.05)
            p.server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'weir'")
        wait_for(lambda: p.out() == p.want() or process.poll() is not None, "the output", 60)
        stop(process, log)
        same(p.out(), p.want(), point)
    p.once(machine="other")
    same(p.out(), p.want())


@test
def a_stop_does_not_wait_for_a_server_that_is_gone(p):
    p.put()
    process, log = p.start()
    p.wait(process, log)
    p.server.stop()
    try:
        p.put()
        time.sleep(0.3)
        began = time.monotonic()
        process.terminate()
        same(process.wait(20), 1, log.read_text())
        if time.monotonic() - began > 8:
            raise AssertionError(f"took {time.monotonic() - began} s")
        has(log.read_text(), "W3120", "nothing that was committed is lost")
        p.put()
        process, log = p.start(url=p.url + "&retry_for=1")
        same(process.wait(20), 1)
        has(log.read_text(), "W3120", "does the server run, and listen there?")
    finally:
        p.server.start()
    process, log = p.start(url=p.url + "&retry_for=1")
    p.wait(process, log)
    p.server.stop()
    p.put()
    same(process.wait(20), 1, log.read_text())
    p.server.start()
    p.once()
    same(p.out(), p.want())


@test
def a_server_that_does_not_answer_is_given_up(p):
    p.put()
    process, log = p.start()
    p.wait(process, log)
    backend = int(p.server.sql("SELECT pid FROM pg_stat_activity WHERE usename = 'weir'")[0][0])
    os.kill(backend, signal.SIGSTOP)
    try:
        p.put()
        time.sleep(0.3)
        process.terminate()
        same(process.wait(30), 1, log.read_text())
        has(log.read_text(), "W3120", "no answer from")
    finally:
        os.kill(backend, signal.SIGCONT)
    p.once()
    same(p.out(), p.want())


# ---- kills ----

@test
def kills_lose_nothing_and_double_nothing(p):
    points = [point for point in re.findall(r"X\((\w+),", (ROOT / "src/base/failpoints.def").read_text())
              if point.startswith(("remote_", "stream_", "state_", "sqlite_")) and point not in ("state_grow", "state_created")]
    p.put()
    for number, point in enumerate(points):
        machine = ["machine", "other"][number % 2]
        process, log = p.start(WEIR_FAILPOINTS=f"{point}=kill@{1 + number % 2}", machine=machine)
        until = time.monotonic() + 20
        while process.poll() is None and time.monotonic() < until:
            p.put(5)
            time.sleep(0.05)
        same(process.wait(5), -signal.SIGKILL, f"{point}: {log.read_text()}")
    p.once()
    same(p.out(), p.want())
    p.once(machine="third")
    same(p.out(), p.want())


@test
def a_commit_that_fails_beside_the_server_is_gone_on_with(p):
    p.put()
    p.once()
    for point in ("remote_begun", "remote_sent", "remote_asked", "remote_committed", "state_pairs"):
        p.put()
        has(p.once(ok=False, WEIR_FAILPOINTS=f"{point}=error"), f"failpoint {point}")
        p.once()
        same(p.out(), p.want(), point)


# ---- what is wrong ----

@test
def whoever_cannot_be_reached_or_refuses_is_told_with_the_way_out(p):
    p.put()
    def told(url, *parts):
        text = p.once(ok=False, url=url)
        has(text, *parts)
        for secret in ("wrong-word", servers.PASSWORD):
            same(secret in text, False, text)
        return text

    tcp = p.server.tcp_url
    told(tcp(password="wrong-word"), "W3120", "password authentication failed", "the password in the address is not the user's")
    told(tcp(), "W3120", "set PGPASSWORD")
    told(tcp(database="nowhere", password=servers.PASSWORD), "W3120", 'database "nowhere" does not exist', "fix: createdb nowhere")
    told("postgresql://weir:wrong-word@no-such-host.invalid/states", "W3120", "could not translate host name", "is the name of the host right?")
    told("postgresql://weir:wrong-word@127.0.0.1:1/states", "W3120", "Connection refused", "does the server run")
    told(tcp(password=servers.PASSWORD + "%"), "W2214", "that is no escape")
    told(tcp(password="wrong-word@x"), "W2214", "written %40")
    told("postgresql://weir:wrong-word@127.0.0.1", "W2214", "names no database", "a place of states looks like postgresql://")
    told(tcp(password="wrong-word", more="?colour=red"), "W2214", "libpq cannot read")
    told(tcp(password=servers.PASSWORD, more="?schema=pg_weir"), "W3102", "pg_weir")
    p.server.sql("CREATE ROLE guest LOGIN PASSWORD 'sesame-4711'")
    told(tcp(user="guest", password=servers.PASSWORD, more=f"?schema={p.schema}"), "W3120", "permission denied", "GRANT")
    error = subprocess.run([WEIR, "-c", f"FROM stream_state_info('{tcp(password='wrong-word')}/out')"], capture_output=True, text=True)
    has(error.stderr, "W3120", "password authentication failed", "weir:***@127", "weir:**********@127")
    same("wrong-word" in error.stderr, False)
    done = subprocess.run(p.command("--once", url=tcp(more=f"?schema={p.schema}")), capture_output=True, text=True,
                          env=p.env(PGPASSWORD=servers.PASSWORD), timeout=60)
    same(done.returncode, 0, done.stderr)
    same(p.out(), p.want())
    same(servers.PASSWORD in p.server.log(), False)


@test
def a_server_that_went_back_in_time_is_noticed(p):
    for _ in range(2):
        p.put()
        p.once()
    p.server.sql(f"CREATE TABLE {p.schema}.kept AS SELECT * FROM {p.schema}.stream_states", "states")
    p.put()
    p.once()
    p.server.sql(f"UPDATE {p.schema}.stream_states s SET commits = k.commits FROM {p.schema}.kept k", "states")
    has(p.once(ok=False), "W3103", "has gone back in time")
    shutil.rmtree(p.folder / "machine")
    p.server.sql(f"UPDATE {p.schema}.stream_pairs SET value = value || 'x' WHERE section = 2", "states")
    has(p.once(ok=False), "W3103", "is damaged: its pairs are not those of its head")
    has(p.state("check", ok=False), "W3103", "is damaged: its pairs are not those of its head")
    same(list((p.folder / "tmp").iterdir()), [], "copies of readers")


@test
def states_of_a_newer_weir_and_of_other_queries_are_refused(p):
    p.put()
    p.once()
    p.script.write_text(p.script.read_text().replace("sum(n)", "max(n)"))
    has(p.once(ok=False), "is that of another query")
    p.server.sql(f"UPDATE {p.schema}.stream_states SET format = 99", "states")
    has(p.once(ok=False), "W3113", "has format 99")
    has(p.state("show", ok=False), "W3113")


@test
def without_the_library_its_package_is_named(p):
    p.put()
    empty = p.folder / "libpq.so.5"
    empty.write_bytes(b"")
    done = subprocess.run(p.command("--once"), capture_output=True, text=True,
                          env=p.env(LD_LIBRARY_PATH=str(p.folder)), timeout=60)
    has(done.stderr, "W3121", "a state in PostgreSQL needs the library libpq.so.5", "apt-get install libpq5")


def main():
    flags = [a for a in sys.argv[1:] if a.startswith("-")]
    words = [a for a in sys.argv[1:] if not a.startswith("-")]
    try:
        server = servers.Server()
    except servers.Unavailable as error:
        print(error)
        sys.exit(77)
    passed = failed = 0
    with server:
        for function in TESTS:
            if words and not any(word in function.__name__ for word in words):
                continue
            if "--quick" in flags and getattr(function, "is_slow", False):
                continue
            began = time.monotonic()
            with tempfile.TemporaryDirectory(prefix="weir-pgtest-") as folder:
                try:
                    function(Place(server, folder, function.__name__))
                    passed += 1
                except Exception as error:  # the next one may be fine
                    failed += 1
                    print(f"FAILED {function.__name__}: {error!r}"[:3000])
                    if server.process.poll() is not None:
                        server.start()
            if "--times" in flags:
                print(f"{time.monotonic() - began:6.1f} s  {function.__name__}")
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed > 0 or passed == 0)


if __name__ == "__main__":
    main()
