#!/usr/bin/env python3
"""Kills a stream with dead letters at random moments and at every failpoint of a commit. Rows come that cannot be read,
rows that cannot be calculated, and good ones; at last each must be where it belongs, once, and dead letters must say
where their row stands.

  dead_letters.py WEIR [KILLS] [SEED]

Last line: N passed, N failed.
"""
import collections
import csv
import json
import os
import pathlib
import random
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
POINTS = re.findall(r"X\((\w+),", (ROOT / "src/base/failpoints.def").read_text())
COMMIT = [p for p in POINTS if p.startswith("stream_")]
DEAD = "CREATE SINK dead (kind VARCHAR, position VARCHAR, reason VARCHAR, raw VARCHAR) WITH ({0});\n"
QUERY = """INSERT INTO o SELECT id, 100 // v::BIGINT FROM s WHERE v <> 'skip'
EMIT WITH (on_error = 'dlq', dead_letters = dead);
"""


def text_of(number):
    """The row of a number: every seventh is no JSON, others have a number that is none, or a zero."""
    if number % 7 == 5:
        return f'no json {number}'
    value = "x" if number % 7 == 3 else "skip" if number % 11 == 0 else str(number % 5)
    return json.dumps({"id": number, "v": value})


def fate_of(number):
    if number % 7 in (3, 5):
        return "dead"
    return "skipped" if number % 11 == 0 else "good" if number % 5 else "dead"


class Place:
    """A log that grows, read into files or SQLite; dead letters go into files."""
    points = COMMIT + ["files_manifest", "file_rename"]

    def __init__(self, base, sink):
        self.base, self.sink, self.sent = pathlib.Path(base), sink, 0
        self.base.mkdir(parents=True)
        self.log = self.base / "in.jsonl"
        self.log.touch()
        out = {"files": f"connector = 'files', path = '{base}/out', format = 'csv'",
               "sqlite": f"connector = 'sqlite', path = '{base}/out.db', \"table\" = 'o'"}[sink]
        dead = f"connector = 'files', path = '{base}/dead', format = 'jsonl'"
        self.write(f"connector = 'files', mode = 'tail', path = '{self.log}', format = 'jsonl'", out, dead)

    def write(self, source, out, dead):
        (self.base / "q.sql").write_text(
            f"CREATE SOURCE s (id BIGINT, v VARCHAR) WITH ({source});\n"
            f"CREATE SINK o (id BIGINT, n BIGINT) WITH ({out});\n" + DEAD.format(dead) + QUERY)

    def command(self, weir, *flags):
        return [weir, "run", str(self.base / "q.sql"), "--state", str(self.base / "state"), *flags]

    def send(self, count):
        with open(self.log, "a") as out:
            out.writelines(text_of(self.sent + i) + "\n" for i in range(count))
        self.sent += count

    def parts(self, folder):
        manifest = self.base / folder / "_manifest.jsonl"
        lines = manifest.read_text().splitlines() if manifest.exists() else []
        return [self.base / folder / json.loads(line)["file"] for line in lines]

    def good(self):
        if self.sink == "sqlite":
            return [tuple(row) for row in sqlite3.connect(self.base / "out.db").execute("SELECT id, n FROM o")]
        return [tuple(map(int, row)) for part in self.parts("out") for row in list(csv.reader(open(part)))[1:]]

    def dead(self):
        return [json.loads(line) for part in self.parts("dead") for line in part.read_text().splitlines()]

    def position(self, number):
        return f"{self.log}:{number + 1}"


def number_of(letter):
    return int(re.search(r"\d+", letter["raw"]).group())


def wrong_with(place):
    """What is lost, what is there twice, and what is said wrongly."""
    want_good = {n: 100 // (n % 5) for n in range(place.sent) if fate_of(n) == "good"}
    want_dead = [n for n in range(place.sent) if fate_of(n) == "dead"]
    good, dead = place.good(), place.dead()
    counts = collections.Counter(n for n, _ in good), collections.Counter(map(number_of, dead))
    for name, got, want in (("rows", counts[0], want_good), ("dead letters", counts[1], want_dead)):
        want = collections.Counter(list(want))
        if got != want:
            return f"{name}: {sum((want - got).values())} lost, {sum((got - want).values())} too many of {sum(want.values())}"
    for number, value in good:
        if value != want_good[number]:
            return f"row {number} is {value}"
    for letter in dead:
        if letter["position"] != place.position(number_of(letter)) or letter["kind"] != "bad row":
            return f"not {place.position(number_of(letter))}: {letter}"
    return "" if good and dead else "nothing came"


def run_and_kill(weir, place, dice, point, delays):
    """One run, killed at a failpoint or at a random moment; gives whether the failpoint was met, and what is wrong."""
    plan = {p: "say" for p in COMMIT}
    if point:
        plan[point] = f"kill@{dice.randint(1, 4)}"
    env = {**os.environ, "WEIR_FAILPOINTS": ";".join(f"{p}={a}" for p, a in plan.items())}
    with open(place.base / "log", "w") as log:
        child = subprocess.Popen(place.command(weir, "--checkpoint-interval", dice.choice(["3ms", "20ms"])), env=env,
                                 stdout=log, stderr=log)
        try:
            child.wait(5 if point else dice.uniform(*delays))
            is_hit = child.returncode == -9
        except subprocess.TimeoutExpired:
            child.kill()
            is_hit = False
        code = child.wait()
    return is_hit, "" if code == -9 else f"exit {code}: " + (place.base / "log").read_text()[-2000:]


def run_case(weir, place, kills, dice, report, delays=(0.01, 0.25)):
    """Kills at random moments, and once at every failpoint, while rows come. Gives what is wrong."""
    plan = [None] * kills + place.points
    dice.shuffle(plan)
    is_over = threading.Event()

    def feed():
        while not is_over.is_set():
            place.send(dice.choice([1, 10, 300]))
            time.sleep(dice.uniform(0.001, 0.02))

    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    wrong = ""
    for point in plan:
        is_hit, wrong = run_and_kill(weir, place, dice, point, delays)
        report["kills"] += 1
        report["hit"] += [point] if is_hit and point else []
        if wrong:
            break
    is_over.set()
    feeder.join()
    if wrong:
        return wrong
    done = subprocess.run(place.command(weir, "--until-idle", "500ms"), capture_output=True, text=True, timeout=120)
    return done.stderr[-2000:] if done.returncode else wrong_with(place)


def main(make, cases, delays=(0.01, 0.25)):
    """make(folder, case): a place."""
    weir = str(pathlib.Path(sys.argv[1]).resolve())
    kills, seed = (int(sys.argv[i]) if len(sys.argv) > i else (100, 1)[i - 2] for i in (2, 3))
    dice, began, failed = random.Random(seed), time.monotonic(), 0
    base, report, rows = tempfile.mkdtemp(prefix="weir-crash-"), {"kills": 0, "hit": []}, [0, 0]
    for case in cases:
        place = make(f"{base}/{case}", case)
        wrong = run_case(weir, place, kills // len(cases), dice, report, delays)
        failed += bool(wrong)
        rows = [rows[0] + len(place.good()), rows[1] + len(place.dead())]
        if wrong:
            print(f"FAILED into {case} (seed {seed}), kept in {base}/{case}: {wrong}", flush=True)
    missed = sorted(set(make.points) - set(report["hit"]))
    if missed:
        failed += 1
        print(f"FAILED: failpoints that were never reached: {missed}")
    if not failed:
        shutil.rmtree(base, ignore_errors=True)
    print(f"{time.monotonic() - began:.0f} s; {report['kills']} kills; {rows[0]} rows and {rows[1]} dead letters, "
          f"{'0 lost, 0 twice' if not failed else 'not the same'}")
    print(f"{max(0, len(cases) - failed)} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main(Place, ["files", "sqlite"]))
