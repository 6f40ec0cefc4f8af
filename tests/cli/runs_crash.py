"""4 processes of 250 tracked runs each at once, kill -9 among them: afterwards index and folders agree, and no run that was
finished is lost.

Each of the 4 starts one `weir query --save` after the other, and kills every few of them with SIGKILL after a random time
that reaches from before the folder is made to after the result is told. A fifth looks (`weir runs ls`) meanwhile, which
mends what the others left, and takes the index away twice. Usage: runs_crash.py [RUNS_EACH [SEED]]
"""
import concurrent.futures
import json
import os
import pathlib
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

WEIR = str(pathlib.Path(os.environ.get("WEIR", "build/weir")).absolute())
WRITERS, KILLED_ONE_IN = 4, 3
RUN_ID = re.compile(r"\d{8}T\d{6}Z_[0-9a-f]{8}")


def weir(home, *arguments):
    done = subprocess.run([WEIR, *arguments], capture_output=True, text=True, env={**os.environ, "WEIR_HOME": str(home)})
    return done.returncode, done.stdout, done.stderr


def usual_time(home):
    """Seconds one run takes here, by which kills are spread."""
    times = []
    for _ in range(5):
        begin = time.monotonic()
        weir(home, "query", "select 1", "--save", "--json")
        times.append(time.monotonic() - begin)
    return sorted(times)[2]


def write(home, writer, count, seed, seconds):
    """Returns what the runs that told their end said, how many were killed before, and what went wrong."""
    chance = random.Random(f"{seed}-{writer}")
    told, killed, wrong = {}, 0, []
    for number in range(count):
        sql = f"select i, {writer} as writer, {number} as number from range({1 + number % 40}) t(i)"
        if number % 10 == 9:
            sql = "select no_such_column"
        child = subprocess.Popen([WEIR, "query", sql, "--save", "--json", "--tag", f"w{writer}", "--name", f"{writer}-{number}"],
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                                 env={**os.environ, "WEIR_HOME": str(home)})
        if number % KILLED_ONE_IN == 0:
            time.sleep(chance.uniform(0, 1.3) * seconds)
            child.send_signal(signal.SIGKILL)
        out = child.communicate()[0]
        try:
            reply = json.loads(out)
        except json.JSONDecodeError:
            if child.returncode != -signal.SIGKILL:
                wrong.append(f"{sql}: exit {child.returncode} without a reply")
            killed += 1
            continue
        told[reply["run_id"]] = reply
        if reply["ok"] != (number % 10 != 9):
            wrong.append(f"{sql}: {out}")
    return told, killed, wrong


def look(home, over, wrong):
    looks = 0
    while not over.is_set():
        code, out, err = weir(home, "runs", "ls", "--json", "--limit", "1000000")
        looks += 1
        if code or not json.loads(out)["ok"]:
            wrong.append(f"runs ls: exit {code} {err}")
        if looks in (3, 9):
            for name in ("artifacts.sqlite", "artifacts.sqlite-wal", "artifacts.sqlite-shm"):
                (home / "index" / name).unlink(missing_ok=True)
        over.wait(0.3)
    return looks


def check(home, told):
    """What does not agree."""
    code, out, err = weir(home, "runs", "ls", "--json", "--limit", "1000000")
    if code:
        return [f"runs ls: exit {code} {err}"], {}
    runs = {run["run_id"]: run for run in json.loads(out)["runs"]}
    wrong = []
    names = [path.name for path in (home / "runs").iterdir()]
    wrong += [f"left behind: {name}" for name in names if not RUN_ID.fullmatch(name)]
    folders = {name for name in names if RUN_ID.fullmatch(name)}
    wrong += [f"not in the index: {name}" for name in folders - set(runs)]
    wrong += [f"without a folder: {name}" for name in set(runs) - folders]
    base = sqlite3.connect(home / "index" / "artifacts.sqlite")
    wrong += [f"index: {row[0]}" for row in base.execute("pragma integrity_check") if row[0] != "ok"]
    rows = dict(base.execute("select run_id, status from runs"))
    artifacts = {}
    for run_id, uri in base.execute("select run_id, uri from artifacts"):
        artifacts.setdefault(run_id, []).append(uri.removeprefix("file://"))
    for name in folders & set(runs):
        record = json.loads((home / "runs" / name / "run.json").read_text())
        if not record["status"] == runs[name]["status"] == rows.get(name):
            wrong.append(f"{name}: {record['status']}, {runs[name]['status']} and {rows.get(name)} in the index")
        paths = [one["uri"].removeprefix("file://") for one in record["artifacts"]]
        if sorted(paths) != sorted(artifacts.get(name, [])):
            wrong.append(f"{name}: artifacts {paths}, in the index {artifacts.get(name)}")
        wrong += [f"{name}: {path} is missing" for path in paths if not os.path.getsize(path)]
        if record["status"] == "running":
            wrong.append(f"{name} still runs")
        if record["status"] == "succeeded" and not paths:
            wrong.append(f"{name} has succeeded without a result")
        if record["error_type"] == "killed" and (record["status"] != "failed" or not record["phase"]):
            wrong.append(f"{name} was killed and is {record['status']}, phase {record['phase']}")
        left = [path.name for path in (home / "runs" / name).rglob("*") if ".tmp-" in path.name]
        if left:
            wrong.append(f"{name}: left behind: {left}")
    for name, reply in told.items():
        if name not in runs:
            wrong.append(f"{name} told its end and is lost")
        elif runs[name]["status"] != reply["status"]:
            wrong.append(f"{name} told {reply['status']} and is {runs[name]['status']}")
    return wrong, runs


def check_rows(home, runs, told):
    """The rows of some results are those of the query."""
    wrong = []
    good = [name for name in told if told[name]["ok"] and name in runs]
    for name in random.Random(1).sample(good, min(10, len(good))):
        code, out, _ = weir(home, "runs", "result", name, "--json")
        reply = json.loads(out)
        rows = int(runs[name]["run_name"].split("-")[1]) % 40 + 1
        if code or reply["preview"]["row_count"] != rows or len(reply["preview"]["rows"]) != rows:
            wrong.append(f"{name}: {out[:300]}, not {rows} rows")
    return wrong


def main():
    each, seed = int((sys.argv + ["250"])[1]), int((sys.argv + ["", "1"])[2])
    home = pathlib.Path(tempfile.mkdtemp())
    wrong, over = [], threading.Event()
    try:
        seconds = usual_time(home)
        with concurrent.futures.ThreadPoolExecutor(WRITERS + 1) as pool:
            looking = pool.submit(look, home, over, wrong)
            writing = [pool.submit(write, home, writer, each, seed, seconds) for writer in range(WRITERS)]
            results = [future.result() for future in writing]
            over.set()
            looks = looking.result()
        told = {name: reply for result in results for name, reply in result[0].items()}
        killed = sum(result[1] for result in results)
        wrong += [text for result in results for text in result[2]]
        more, runs = check(home, told)
        wrong += more + check_rows(home, runs, told)
        marked = sum(run["error_type"] == "killed" for run in runs.values())
        if not killed or not marked:
            wrong.append(f"nothing was killed ({killed}) or nothing noticed ({marked})")
        print(f"{WRITERS * each} runs, {len(told)} told their end, {killed} killed before, {marked} of them in the middle, "
              f"{looks} looks")
    finally:
        shutil.rmtree(home)
    print("\n".join(wrong[:40]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
