#!/usr/bin/env python3
"""Kills `weir run` at random moments and at every failpoint of a commit, and compares what is there at last with what
an uninterrupted run leaves: nothing may be lost and nothing twice.

Two folders of files that appear while it runs, windows of both joined, rows that come too late, into SQLite or into
files with a manifest. Rows are made so that every way to run the query gives the same: those out of order are well
within the watermark, and late ones come when the output shows that their window is closed. Each run has a number of
workers of its own.

  streams.py WEIR [KILLS] [SEED]      kills at random moments, besides every failpoint twice
  streams.py WEIR --short             few of them, every failpoint once

Last line: N passed, N failed.
"""
import calendar
import collections
import csv
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

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
POINTS = re.findall(r"X\((\w+),", (ROOT / "src/base/failpoints.def").read_text())
COMMIT = [p for p in POINTS if p.startswith("stream_")]
STATE = [p for p in POINTS if p.startswith("state_") and p != "state_grow"]  # the file is larger than it ever gets
SINKS = {"sqlite": [p for p in POINTS if p.startswith("sqlite_")], "files": ["files_manifest", "file_rename"],
         "append": [p for p in POINTS if p.startswith("append_")]}
EXCUSES = []  # what a run may end with besides
DISK = ["file_write", "file_sync"]  # said by nobody: there are too many
WINDOW, ALWAYS_ALONE, LATE_IDS = 10, 1000, 10**9
STALLED_S = 60
DELAYS = 0.002, 0.15  # seconds until a run is killed


def stamp(seconds):
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(1_600_000_000 + seconds)) + f".{int(seconds % 1 * 1e6):06d}"


def window_of(text):
    """The number of the window that begins at this moment."""
    moment = time.strptime(text[:19], "%Y-%m-%d %H:%M:%S")
    return (calendar.timegm(moment) - 1_600_000_000) // WINDOW


# ---- what is asked ----

SOURCE = """CREATE SOURCE {0} (k BIGINT, id BIGINT, ts TIMESTAMP, WATERMARK FOR ts AS ts - INTERVAL '5 seconds')
  WITH (connector = 'files', path = '{1}/{0}', format = 'csv', settle_ms = 0, poll_interval_ms = 2);
CREATE VIEW {0}w AS SELECT * FROM tumble({0}, ts, INTERVAL '10 seconds');
"""
JOINED = "FROM lw a {} JOIN rw b ON a.k = b.k AND a.window_start = b.window_start AND a.window_end = b.window_end"
QUERIES = {
    "pairs": ("w TIMESTAMP, k BIGINT, l BIGINT, r BIGINT",
              "SELECT a.window_start, a.k, a.id, b.id " + JOINED.format("LEFT")),
    "counts": ("w TIMESTAMP, k BIGINT, l BIGINT, r BIGINT",
               "SELECT a.window_start, a.k, count(*), sum(a.id + coalesce(b.id, 0)) " + JOINED.format("LEFT") +
               " GROUP BY a.window_start, a.window_end, a.k EMIT ON WINDOW CLOSE"),
}
SINK = {"sqlite": "connector = 'sqlite', path = '{0}/out.db', \"table\" = 'o'",
        "files": "connector = 'files', path = '{0}/out', format = 'csv', roll_rows = 500",
        "append": "connector = 'files', path = '{0}/out.csv', mode = 'append'"}
CASES = [("pairs", "sqlite"), ("pairs", "files"), ("counts", "sqlite"), ("counts", "files"), ("pairs", "append")]


class Place:
    """A folder with the inputs, the script, the state and the output of one way to run a query."""

    def __init__(self, base, query, sink):
        self.base, self.sink = pathlib.Path(base), sink
        for side in "lr":
            (self.base / side).mkdir(parents=True)
        columns, select = QUERIES[query]
        text = SOURCE.format("l", base) + SOURCE.format("r", base)
        text += f"CREATE SINK o ({columns}) WITH ({SINK[sink].format(base)});\nINSERT INTO o {select};\n"
        (self.base / "q.sql").write_text(text)

    def command(self, weir, *flags):
        return [weir, "run", str(self.base / "q.sql"), "--state", str(self.base / "state"), *flags]

    def rows(self):
        """All rows of the output, as tuples of texts; None stands for NULL."""
        return {"sqlite": self.sqlite_rows, "files": self.file_rows, "append": self.appended_rows}[self.sink]()

    def sqlite_rows(self, query="SELECT w, k, l, r FROM o"):
        path = self.base / "out.db"
        if not path.exists():
            return []
        database = sqlite3.connect(path, timeout=30)
        try:
            return [tuple(None if v is None else str(v) for v in row) for row in database.execute(query)]
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return []
            raise
        finally:
            database.close()

    def file_rows(self):
        manifest, rows = self.base / "out" / "_manifest.jsonl", []
        if not manifest.exists():
            return []
        for line in manifest.read_text().splitlines():
            entry = json.loads(line)
            with open(self.base / "out" / entry["file"], newline="") as file:
                found = [tuple(v or None for v in row) for row in csv.reader(file)][1:]
            if len(found) != entry["rows"]:
                raise AssertionError(f"{entry['file']} has {len(found)} rows, not {entry['rows']}")
            rows += found
        return rows

    def appended_rows(self):
        """Whole lines: a commit may be on its way."""
        path = self.base / "out.csv"
        text = path.read_text() if path.exists() else ""
        lines = text[:text.rfind("\n") + 1].splitlines()
        if lines and lines[0] != "w,k,l,r" or "w,k,l,r" in lines[1:]:
            raise AssertionError("a header is not where it belongs")
        return [tuple(v or None for v in row) for row in csv.reader(lines[1:])]

    def leftovers(self):
        """Visible files of the output that the manifest does not list; of one that grows what was to be added."""
        if self.sink == "append":
            return [f.name for f in self.base.iterdir() if f.name.startswith(".out.csv")]
        if self.sink != "files" or not (self.base / "out").exists():
            return []
        listed = {json.loads(line)["file"] for line in (self.base / "out/_manifest.jsonl").read_text().splitlines()}
        return [f.name for f in (self.base / "out").iterdir() if f.name[0] not in "._" and f.name not in listed]

    def closed(self):
        """The last window that the output shows to be closed: its row that finds no partner is there."""
        if self.sink == "sqlite":
            found = [row[:1] for row in self.sqlite_rows(f"SELECT max(w) FROM o WHERE k = {ALWAYS_ALONE}") if row[0]]
        else:
            found = [row for row in self.rows() if row[1] == str(ALWAYS_ALONE)]
        return max((window_of(row[0]) for row in found), default=-1)


# ---- what is read ----

class Input:
    """Files of rows, made up by a dice; played again for the uninterrupted run. Each: side, rows, the window that must be
    closed before it appears (late rows) or None."""

    def __init__(self, seed):
        self.dice, self.files, self.window = random.Random(seed), [], 0

    def add_window(self, closed):
        for side in "lr":
            count = 2500 if self.dice.random() < 0.02 else self.dice.randint(3, 40)
            rows = [(self.key(), self.next_id(i), self.moment(i, count)) for i in range(count)]
            if side == "l":
                rows.insert(0, (ALWAYS_ALONE, self.next_id(count), self.window * WINDOW + 0.5))
            self.files.append((side, rows, None))
        if closed >= 0 and self.dice.random() < 0.3:
            self.add_late(self.dice.randint(max(0, closed - 3), closed))
        self.window += 1

    def add_late(self, window):
        rows = [(self.dice.randint(1, 8), LATE_IDS + self.next_id(i), window * WINDOW + self.dice.random() * WINDOW)
                for i in range(5)]
        self.files.append((self.dice.choice("lr"), rows, window))

    def add_end(self):
        self.add_window(-1)
        self.add_window(-1)
        self.add_late(0)
        for side in "lr":
            self.files.append((side, [(ALWAYS_ALONE + 1, self.next_id(0), (self.window + 100) * WINDOW)], None))

    def key(self):
        return None if self.dice.random() < 0.05 else self.dice.randint(1, 8)

    def next_id(self, row):
        return len(self.files) * 10000 + row

    def moment(self, row, count):
        """Rows go on in time, up to 4 seconds too early: less than the watermark waits."""
        return max(0, self.window * WINDOW + row / count * WINDOW - self.dice.random() * 4)

    def expected(self, query):
        """What the rows that are not late give: of pairs late left rows may be there, alone."""
        right, left = collections.defaultdict(list), []
        for side, rows, closed in self.files:
            for k, number, moment in rows if closed is None else ():
                window = int(moment // WINDOW)
                if side == "l":
                    left.append((window, k, number))
                else:
                    right[window, k].append(number)
        end = self.window + 100
        pairs = [(stamp(w * WINDOW)[:19], k, number, partner) for w, k, number in left
                 for partner in (k is not None and right.get((w, k))) or [None]]
        if query == "pairs":
            return collections.Counter(p for p in pairs if p[3] is not None or p[0] != stamp(end * WINDOW)[:19])
        groups = collections.defaultdict(lambda: [0, 0])
        for w, k, number, partner in pairs:
            groups[w, k][0] += 1
            groups[w, k][1] += number + (partner or 0)
        return collections.Counter((*key, *sums) for key, sums in groups.items() if key[0] != stamp(end * WINDOW)[:19])


class Feeder(threading.Thread):
    """Lets files appear: written beside, renamed into the folder. Without `pace` as fast as their conditions allow."""

    def __init__(self, place, files, make=None, pace=None):
        super().__init__(daemon=True)
        self.place, self.files, self.make, self.pace = place, files, make, pace
        self.is_enough, self.error, self.done = False, None, 0

    def run(self):
        try:
            self.feed()
        except Exception as error:
            self.error = error

    def feed(self):
        closed, looked = -1, 0
        while True:
            if self.done == len(self.files):
                if not self.make:
                    return
                if self.is_enough:
                    self.make.add_end()
                    self.make = None
                    continue
                if time.monotonic() - looked > 0.1:
                    closed, looked = self.place.closed(), time.monotonic()
                time.sleep(self.pace())
                self.make.add_window(closed)
                continue
            side, rows, late = self.files[self.done]
            self.wait_until_closed(-1 if late is None else late)
            self.put(side, rows)

    def wait_until_closed(self, window):
        began = time.monotonic()
        while window >= 0 and self.place.closed() < window:
            if time.monotonic() - began > STALLED_S:
                raise AssertionError(f"window {window} is not closed")
            time.sleep(0.02)

    def put(self, side, rows):
        hidden = self.place.base / f"{side}.tmp"
        with open(hidden, "w") as out:
            out.write("k,id,ts\n")
            out.writelines(f"{'' if k is None else k},{number},{stamp(moment)}\n" for k, number, moment in rows)
        hidden.rename(self.place.base / side / f"{self.done:06d}.csv")
        self.done += 1


# ---- killing ----

def failpoints(dice, sink):
    """What a run is told: where it is says it all, some places take their time."""
    plan = {point: "say" for point in COMMIT + STATE + SINKS[sink]}
    for point in dice.sample(sorted(plan), 4):
        plan[point] = f"say:{dice.randint(1, 12)}"
    return plan


def wait_for_commit(child, log):
    began = time.monotonic()
    while child.poll() is None and time.monotonic() - began < 2 and "failpoint" not in pathlib.Path(log).read_text():
        time.sleep(0.002)


def run_and_kill(weir, place, dice, kill, log):
    """One run: killed after a while, or by a failpoint. Gives where it was, and what is wrong."""
    plan, interval = failpoints(dice, place.sink), dice.choice(["3ms", "10ms", "30ms"])
    workers = ["--workers", str(dice.randint(1, 4))]  # a state stays divided as it was made
    delay = dice.uniform(*DELAYS)
    if kill:
        point, action, hit = kill
        plan[point] = f"{action}@{hit}"
        delay = 5
    timed_out = False
    env = {**os.environ, "WEIR_FAILPOINTS": ";".join(f"{p}={a}" for p, a in plan.items())}
    with open(log, "w") as out:
        child = subprocess.Popen(place.command(weir, "--checkpoint-interval", interval, *workers), env=env, stdout=out, stderr=out)
        try:
            if not kill and dice.random() < 0.7:  # not while it starts
                wait_for_commit(child, log)
            child.wait(delay)
        except subprocess.TimeoutExpired:
            timed_out = True
            child.kill()
        code = child.wait()
    text = pathlib.Path(log).read_text()
    said = re.findall(r"^failpoint (\w+)$", text, re.M)
    failed_there = code == 4 and kill and kill[1] == "error" and f"failpoint {kill[0]}" in text
    is_hit = kill and not timed_out and (failed_there or (code == -9 and kill[1] == "kill"))
    is_expected = code == -9 or is_hit or any(re.search(excuse, text) for excuse in EXCUSES)
    return (said[-1] if said else "starting"), bool(is_hit), "" if is_expected else f"exit {code}: {text[-2000:]}"


def run_to_end(weir, place, feeder):
    """Runs while files come, is stopped, and runs once more until nothing is left. Gives what is wrong."""
    log = place.base / "log"
    with open(log, "w") as out:
        child = subprocess.Popen(place.command(weir, "--checkpoint-interval", "20ms"), stdout=out, stderr=out)
        while feeder.is_alive() and child.poll() is None:
            time.sleep(0.01)
        child.terminate()
        codes = [child.wait(120)]
        codes.append(subprocess.run(place.command(weir, "--until-idle", "300ms"), stdout=out, stderr=out, timeout=120).returncode)
    is_good = codes[0] in (0, 130, -signal.SIGTERM) and codes[1] == 0  # it may be stopped before it begins
    return str(feeder.error or "") if is_good else f"exits {codes}: {log.read_text()[-2000:]}"


def uninterrupted(weir, base, query, sink, files):
    place = Place(base, query, sink)
    feeder = Feeder(place, files)
    feeder.start()
    wrong = run_to_end(weir, place, feeder)
    return collections.Counter(place.rows()), wrong


def difference(name, got, want):
    lost, twice = want - got, got - want
    if not lost and not twice:
        return ""
    return f"{name}: {sum(lost.values())} lost, {sum(twice.values())} too many: {(list(lost) + list(twice))[:5]}"


def as_texts(counter):
    return collections.Counter({tuple(None if v is None else str(v) for v in row): n for row, n in counter.items()})


def without_late(counter):
    """Late rows of the left side that leave alone are no business of the model."""
    return collections.Counter({row: n for row, n in counter.items() if int(row[2]) < LATE_IDS})


def run_case(weir, base, query, sink, kills, seed, report):
    """kills: a list of None (a random moment) and (failpoint, action, hit)."""
    dice = random.Random(seed)
    place, source = Place(f"{base}/killed", query, sink), Input(seed)
    log = place.base / "log"
    feeder = Feeder(place, source.files, source, lambda: dice.uniform(0.001, 0.02))
    feeder.start()
    for number, kill in enumerate(kills):
        phase, is_hit, wrong = run_and_kill(weir, place, dice, kill, log)
        report["phases"][kill[0] if is_hit else phase] += 1
        report["kills"] += 1
        report["hit"].update([kill[0]] if is_hit else [])
        report["missed"].update([kill[0]] if kill and not is_hit else [])
        if wrong or feeder.error:
            feeder.is_enough = True
            return f"kill {number} {kill or 'random'}: {wrong or feeder.error}"
    feeder.is_enough = True
    wrong = run_to_end(weir, place, feeder)
    if wrong:
        return wrong
    got = collections.Counter(place.rows())
    want, wrong = uninterrupted(weir, f"{base}/whole", query, sink, source.files)
    late = sum(len(rows) for _, rows, closed in source.files if closed is not None)
    report["rows"] += sum(got.values())
    report["late"] += late
    model = as_texts(source.expected(query))
    kept = without_late(want) if query == "pairs" else want
    return wrong or difference("uninterrupted against the model", kept, model) or \
        difference("killed against uninterrupted", got, want) or \
        (place.leftovers() and f"not in the manifest: {place.leftovers()}") or ""


# ---- the plan ----

def points_of(sink):
    return COMMIT + STATE + SINKS[sink] + (DISK if sink == "files" else [])


def cases(kills, is_short, dice):
    if is_short:
        for query, sink, count in (("pairs", "sqlite", 8), ("counts", "files", 7), ("pairs", "append", 2)):
            points = {"sqlite": points_of(sink), "files": COMMIT + SINKS[sink] + DISK, "append": SINKS[sink]}[sink]
            yield query, sink, first([(p, "kill", 1) for p in points] + [None] * count, dice)
        return
    each = 25
    for number in range(max(1, (kills + each - 1) // each)):
        query, sink = CASES[number % len(CASES)]
        count = min(each, kills - number * each)
        plan = [None] * count
        if number < 2 * len(CASES):
            action = "kill" if number < len(CASES) else dice.choice(["kill", "error"])
            plan += [(p, action, 1 if p == "state_created" else dice.randint(1, 6)) for p in points_of(sink)]
        yield query, sink, first(plan, dice)


def first(plan, dice):
    """Shuffled, but the state is created once only."""
    dice.shuffle(plan)
    return sorted(plan, key=lambda kill: not kill or kill[0] != "state_created")


def main():
    flags = [a for a in sys.argv[1:] if a.startswith("-")]
    words = [a for a in sys.argv[1:] if not a.startswith("-")]
    weir, is_short = str(pathlib.Path(words[0]).resolve()), "--short" in flags
    kills, seed = int(words[1]) if len(words) > 1 else 300, int(words[2]) if len(words) > 2 else 1
    dice = random.Random(seed)
    base = tempfile.mkdtemp(prefix="weir-crash-")
    report = {"phases": collections.Counter(), "hit": collections.Counter(), "missed": collections.Counter(),
              "kills": 0, "rows": 0, "late": 0}
    passed = failed = 0
    sinks = set()
    began = time.monotonic()
    for number, (query, sink, plan) in enumerate(cases(kills, is_short, dice)):
        wrong = run_case(weir, f"{base}/{number}", query, sink, plan, seed * 1000 + number, report)
        passed, failed = passed + (not wrong), failed + bool(wrong)
        sinks.add(sink)
        if wrong:
            print(f"FAILED case {number} ({query} into {sink}, seed {seed}), kept in {base}/{number}: {wrong}")
            continue
        shutil.rmtree(f"{base}/{number}", ignore_errors=True)
    if not failed:
        shutil.rmtree(base, ignore_errors=True)
    between = COMMIT[COMMIT.index("stream_prepared"):COMMIT.index("stream_acked")] + STATE + sum(SINKS.values(), [])
    within = sum(report["phases"][p] for p in between)
    print(f"{time.monotonic() - began:.0f} s; failpoints not reached in time: {dict(report['missed'])}")
    print("where kills landed: " + ", ".join(f"{p} {n}" for p, n in report["phases"].most_common()))
    missed = sorted(set(p for sink in sinks for p in points_of(sink)) - set(report["hit"]))
    if missed:
        failed += 1
        print(f"FAILED: failpoints that were never reached: {missed}")
    if within * 5 < report["kills"]:
        failed += 1
        print(f"FAILED: only {within} of {report['kills']} kills were between prepare and ack")
    print(f"{report['kills']} kills, {within} between prepare and ack; {report['rows']} rows out, {report['late']} late rows in; "
          f"{'0 lost, 0 twice' if not failed else 'not the same'}")
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed > 0 or passed == 0)


if __name__ == "__main__":
    main()
