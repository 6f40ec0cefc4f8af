"""One engine as a child process that answers JSON lines, with its CPU time read from outside.

weir speaks the protocol itself (weir --stdio jsonl); DuckDB is wrapped by this file run as a program:
    python child.py duckdb
Polars has no SQL over files worth comparing: its statements are Python expressions over `pl` (python child.py polars).
Both are measured the same way: wall time around request and reply, CPU time as the sum over all threads of the child from
the request until all of them sleep again.
"""
import glob
import json
import os
import subprocess
import sys
import time


def cpu_ns(pid):
    """Nanoseconds all threads of a process have run."""
    total = 0
    for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
        try:
            with open(path) as f:
                total += int(f.read().split()[0])
        except OSError:
            pass
    return total


def rest(pid):
    """Waits until every thread of a process sleeps, 50 ms at most: what it clears away after a reply is its CPU time too."""
    for _ in range(500):
        states = set()
        for path in glob.glob(f"/proc/{pid}/task/*/stat"):
            try:
                with open(path) as f:
                    states.add(f.read().rsplit(")", 1)[1].split()[0])
            except OSError:
                pass
        if "R" not in states:
            return
        time.sleep(0.0001)


def peak_rss(pid):
    """Largest resident size so far, in bytes."""
    with open(f"/proc/{pid}/status") as f:
        for line in f:
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024
    return 0


class Child:
    """A running engine. run(sql) -> (rows, wall seconds, cpu seconds); raises RuntimeError on an SQL error."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.count = 0

    def run(self, sql):
        self.count += 1
        request = json.dumps({"id": self.count, "sql": sql}) + "\n"
        cpu, wall = cpu_ns(self.process.pid), time.perf_counter()
        self.process.stdin.write(request)
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        wall = time.perf_counter() - wall
        rest(self.process.pid)
        cpu = cpu_ns(self.process.pid) - cpu
        if not line:
            raise RuntimeError("the engine died")
        reply = json.loads(line)
        if not reply["ok"]:
            raise RuntimeError(json.dumps(reply["error"])[:500])
        return reply["rows"], wall, cpu / 1e9

    def peak_rss(self):
        return peak_rss(self.process.pid)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def weir(binary, threads, *options, cached=False):
    """Decoded columns of files are kept between queries only where a bench says so."""
    cache = () if cached else ("--set", "file_cache_size=0")
    return Child([binary, "--threads", str(threads), *cache, *options, "--stdio", "jsonl"])


def duckdb(python, threads):
    child = Child([python, os.path.abspath(__file__), "duckdb"])
    child.run(f"SET threads = {threads}")
    return child


def polars(python, threads):
    os.environ["POLARS_MAX_THREADS"] = str(threads)
    return Child([python, os.path.abspath(__file__), "polars"])


def duckdb_rows():
    import duckdb as engine
    connection = engine.connect()
    return lambda sql: connection.execute(sql).fetchall()


def polars_rows():
    import polars as pl
    return lambda expression: eval(expression, {"pl": pl}).rows()


def serve(rows_of):
    for line in sys.stdin:
        request = json.loads(line)
        try:
            reply = {"id": request["id"], "ok": True, "rows": rows_of(request["sql"])}
        except Exception as error:  # whatever a peer raises is its answer
            reply = {"id": request["id"], "ok": False, "error": str(error)}
        sys.stdout.write(json.dumps(reply, default=str) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve({"duckdb": duckdb_rows, "polars": polars_rows}[sys.argv[1]]())
