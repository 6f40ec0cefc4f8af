#!/usr/bin/env python3
"""State that is larger than memory: sessions of 10 million keys, all open at once, under memory_limit = '256MB'.

  bench/state/run.py                  the whole: run, kill in the middle, start again, compare; the last line is the figure
  bench/state/run.py --keys 1000000   smaller
  bench/state/run.py --volatile       without stream_state: what does not fit goes to a temporary file; nothing is killed

Each key has one or two events, a cycle of all keys apart; the gap is longer than a cycle. So all sessions are open when the
first cycle ends, and the rest of the events puts out those that had one event. The process is killed when the first
sessions were put out, and started again: the time until more of them are visible counts as the restart. Output goes to
files, exactly once, and is compared as a whole with what DuckDB finds by itself (window functions, no sessions).
bench/state/run.sh measures the store below alone.
"""
import argparse
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent)]
import child
import workplace

STRIDE = 7368787  # no common factor with a power of ten


def make_events(binary, folder, keys):
    """Keys in an order of their own; the events of a key are 10000 s apart."""
    path = folder / f"events-{keys}.parquet"
    if path.exists():
        return path
    step = 10_000_000_000 // keys  # microseconds
    subprocess.run([binary, "-c", f"""
        COPY (SELECT i * {STRIDE} % {keys} AS key, i % 1000 AS value,
                     TIMESTAMP '2026-01-01' + to_microseconds(i * {step}) AS ts
              FROM (SELECT i::BIGINT AS i FROM generate_series(0, {2 * keys - 1}) AS t(i))
              WHERE i < {keys} OR (i * {STRIDE} % {keys}) % 4 <> 0)
        TO '{path}.new' (FORMAT parquet)"""], check=True, stdout=subprocess.DEVNULL)
    os.rename(f"{path}.new", path)
    return path


def script(events, target, state, limit, work):
    keep = f"SET stream_state = '{state}';" if state else ""
    return f"""
        SET memory_limit = '{limit}'; SET threads = 1; SET stream_mode = 'always'; SET temp_directory = '{work}'; {keep}
        CREATE SOURCE events (key BIGINT, value BIGINT, ts TIMESTAMP, WATERMARK FOR ts AS ts)
        WITH (connector = 'files', path = '{events}', format = 'parquet', bounded = true);
        CREATE SINK sessions (key BIGINT, first TIMESTAMP, last TIMESTAMP, events BIGINT, total BIGINT)
        WITH (connector = 'files', path = '{target}', format = 'parquet');
        INSERT INTO sessions SELECT key, window_start, window_end, count(*), sum(value)
        FROM session(events, ts, gap => INTERVAL '4 hours') GROUP BY key, window_start, window_end
        EMIT ON WINDOW CLOSE;"""


class Run:
    """A process with the query; its memory is watched."""

    def __init__(self, binary, text):
        self.began = time.perf_counter()
        self.process = subprocess.Popen([binary, "-c", text], stdout=subprocess.DEVNULL)
        self.peak = 0
        self.watch = threading.Thread(target=self.look, daemon=True)
        self.watch.start()

    def look(self):
        while self.process.poll() is None:
            try:
                self.peak = max(self.peak, child.peak_rss(self.process.pid))
            except OSError:
                pass
            time.sleep(0.02)

    def seconds(self):
        return time.perf_counter() - self.began

    def wait(self):
        code = self.process.wait()
        self.watch.join()
        if code:
            sys.exit(f"weir ended with {code}")
        return self.seconds()

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.watch.join()


def parts(target):
    return len(list(target.glob("part*.parquet"))) if target.exists() else 0


def wait_for_parts(run, target, count):
    """Until more than count files are visible."""
    while parts(target) <= count and run.process.poll() is None:
        time.sleep(0.005)
    return run.seconds()


def bytes_in(folder):
    return sum(f.stat().st_blocks * 512 for f in folder.rglob("*") if f.is_file()) if folder.exists() else 0


COMPARE = """
import duckdb, sys
events, found = sys.argv[1:]
db = duckdb.connect()
db.execute('SET enable_progress_bar = false')
db.execute(f'''CREATE TABLE wanted AS
    WITH marked AS (SELECT *, coalesce(ts - lag(ts) OVER w > INTERVAL 4 HOUR, true)::INT AS is_first
                    FROM '{events}' WINDOW w AS (PARTITION BY key ORDER BY ts)),
         numbered AS (SELECT *, sum(is_first) OVER (PARTITION BY key ORDER BY ts) AS number FROM marked)
    SELECT key, min(ts) AS first, max(ts) + INTERVAL 4 HOUR AS last, count(*)::BIGINT AS events, sum(value)::BIGINT AS total
    FROM numbered GROUP BY key, number''')
db.execute(f"CREATE TABLE found AS SELECT key, first, last, events, total FROM '{found}'")
count = lambda sql: db.execute(f"SELECT count(*) FROM ({sql})").fetchone()[0]
print(count("FROM wanted"), count("FROM wanted EXCEPT ALL FROM found"), count("FROM found EXCEPT ALL FROM wanted"))
"""


def compare(events, target):
    python = workplace.python_with("duckdb")
    out = subprocess.run([python, "-c", COMPARE, str(events), str(target / "part*.parquet")],
                         check=True, capture_output=True, text=True).stdout
    wanted, missing, extra = map(int, out.split())
    print(f"{wanted:,} sessions, {missing:,} missing, {extra:,} too many", flush=True)
    return missing == 0 and extra == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", type=int, default=10_000_000)
    parser.add_argument("--memory", default="256MB")
    parser.add_argument("--volatile", action="store_true")
    parser.add_argument("--folder", help="for state and output; default: build/bench/state")
    args = parser.parse_args()
    binary = workplace.binary()
    folder = workplace.HOME / "state"
    folder.mkdir(parents=True, exist_ok=True)
    events = make_events(binary, folder, args.keys)
    work = pathlib.Path(args.folder or folder) / f"work-{os.getpid()}"
    target, state = work / "out", None if args.volatile else work / "state"
    target.mkdir(parents=True)
    try:
        return measure(args, binary, script(events, target, state, args.memory, work), events, target, state)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def measure(args, binary, text, events, target, state):
    run = Run(binary, text)
    size, restart, took = 0, 0.0, 0.0
    if state:
        took = wait_for_parts(run, target, 0)
        run.kill()
        size, before = bytes_in(state), parts(target)
        print(f"killed after {took:.1f} s: state {size / 1e9:.2f} GB on disk, peak {run.peak / 1e6:.0f} MB", flush=True)
        first, run = run, Run(binary, text)
        run.peak = first.peak
        restart = wait_for_parts(run, target, before)
        print(f"started again: more output after {restart:.2f} s", flush=True)
    took += run.wait()
    allowed = workplace.in_bytes(args.memory) * 1.1
    is_right = compare(events, target)
    is_small = run.peak <= allowed
    is_fast = restart < max(size / 1e9, 1)
    rows = args.keys * 7 // 4
    print(f"{took:.1f} s, {rows / took / 1e6:.2f} M events/s; peak RSS {run.peak / 1e6:.0f} MB of {allowed / 1e6:.0f} MB")
    print(f"{args.keys:,} keys under {args.memory}: {'right' if is_right else 'WRONG'}, {run.peak / 1e6:.0f} MB"
          + (f", restart {restart:.2f} s with {size / 1e9:.2f} GB of state" if state else ""))
    return 0 if is_right and is_small and is_fast else 1


sys.exit(main())
