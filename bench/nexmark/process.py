"""One weir process per run, and the texts it is given."""
import collections
import os
import pathlib
import subprocess
import tempfile
import time

import workplace

HERE = pathlib.Path(__file__).resolve().parent
QUERIES = [f"q{i}" for i in range(23)]
MILLION = 1_000_000


class Failed(Exception):
    pass


def query_text(name):
    return (HERE / f"{name}.sql").read_text()


def statement(name, sink):
    return f"CREATE SINK result WITH ({sink}) AS\n{query_text(name)}"


def mode(as_stream):
    return f"SET stream_mode = '{'always' if as_stream else 'auto'}';\n"


def binary(found=[]):
    """WEIR, or the release binary, built if needed."""
    if not found:
        found.append(os.environ.get("WEIR") or workplace.binary())
    return found[0]


Run = collections.namedtuple("Run", "seconds cpu peak output")


def run(sql, output=subprocess.DEVNULL):
    """One process of one worker; raises Failed with what it says."""
    with tempfile.TemporaryFile() as errors:
        began = time.perf_counter()
        process = subprocess.Popen([binary(), "--threads", "1", "-q", "-c", "-"], stdin=subprocess.PIPE,
                                   stdout=output, stderr=errors)
        process.stdin.write(sql.encode())
        process.stdin.close()
        text = process.stdout.read() if process.stdout else b""
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            errors.seek(0)
            said = errors.read().decode(errors="replace").strip()
            raise Failed(said.splitlines()[0] if said else f"ended with {process.returncode}")
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, text)
