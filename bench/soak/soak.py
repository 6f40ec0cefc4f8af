#!/usr/bin/env python3
"""Events at a steady rate through windows and a join of windows into files and SQLite, with a checkpoint every second.

Looked at every few seconds: resident memory and file descriptors of the process, and of each stream the number and the
duration of its commits (the figures of `weir run --json`). The first tenth of the time is warm-up. Bars: memory grows
less than 2 % (the median of the last tenth against that after the warm-up), no descriptor more, no commit later than
three intervals after the one before.
"""
import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

GROWTH_PERCENT, GAP_S, LOOK_S = 2.0, 3.0, 2.0
SCRIPT = """CREATE SOURCE bid (auction BIGINT, bidder BIGINT, price BIGINT, "dateTime" TIMESTAMP,
  WATERMARK FOR "dateTime" AS "dateTime" - INTERVAL '2 seconds')
  WITH (connector = 'nexmark', "table" = 'bid', rate = {rate}, max_delay_ms = 1000);
CREATE SOURCE auction (id BIGINT, seller BIGINT, "dateTime" TIMESTAMP,
  WATERMARK FOR "dateTime" AS "dateTime" - INTERVAL '2 seconds')
  WITH (connector = 'nexmark', "table" = 'auction', rate = {rate}, max_delay_ms = 1000);
CREATE SINK sums (w TIMESTAMP, auction BIGINT, n BIGINT, most BIGINT)
  WITH (connector = 'files', path = '{place}/sums', format = 'parquet', roll_seconds = 10);
CREATE SINK sold (w TIMESTAMP, seller BIGINT, n BIGINT)
  WITH (connector = 'sqlite', path = '{place}/sold.db', "table" = 'sold');
INSERT INTO sums SELECT window_start, auction, count(*), max(price)
  FROM tumble(bid, "dateTime", INTERVAL '10 seconds') GROUP BY window_start, window_end, auction HAVING count(*) > 100
  EMIT ON WINDOW CLOSE;
INSERT INTO sold SELECT a.window_start, a.seller, count(*)
  FROM tumble(auction, "dateTime", INTERVAL '10 seconds') a
  JOIN tumble(bid, "dateTime", INTERVAL '10 seconds') b
    ON a.id = b.auction AND a.window_start = b.window_start AND a.window_end = b.window_end
  GROUP BY a.window_start, a.window_end, a.seller HAVING count(*) > 100 EMIT ON WINDOW CLOSE;
"""


def resident_kb(pid):
    """All resident memory, and the part of it that is no file: state files are mapped."""
    found = {}
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        found[line.split(":")[0]] = int(line.split()[1])
    return found["Rss"], found["Anonymous"]


class Commits(threading.Thread):
    """Reads the figures the process writes: when each stream committed, and the longest commit."""

    def __init__(self, pipe):
        super().__init__(daemon=True)
        self.pipe, self.last, self.seen, self.rows = pipe, {}, {}, {}
        self.gap_s = self.longest_ms = 0.0
        self.said = []

    def run(self):
        for line in self.pipe:
            if line.startswith("{"):
                self.take(json.loads(line))
            else:
                self.said.append(line.rstrip())

    def take(self, figures):
        name, count, now = figures["query_id"], figures["checkpoints"], time.monotonic()
        self.rows[name] = figures["rows_in"]
        self.longest_ms = max(self.longest_ms, figures["last_checkpoint_us"] / 1000)
        if self.seen.get(name):
            self.gap_s = max(self.gap_s, now - self.last[name])
        if count != self.seen.get(name):
            self.seen[name], self.last[name] = count, now


def watch(process, seconds):
    """(seconds, resident KB, descriptors, KB that are no files) every few seconds until the time is over."""
    looks, began = [], time.monotonic()
    while time.monotonic() - began < seconds:
        time.sleep(min(LOOK_S, seconds / 20))
        if process.poll() is not None:
            raise SystemExit(f"the process ended with {process.returncode}")
        resident, anonymous = resident_kb(process.pid)
        looks.append((time.monotonic() - began, resident, len(os.listdir(f"/proc/{process.pid}/fd")), anonymous))
    return looks


def part(looks, column, begin, end):
    whole = looks[-1][0]
    return [look[column] for look in looks if begin * whole <= look[0] <= end * whole]


def report(looks, commits, seconds):
    before, after = (statistics.median(part(looks, 1, *ends)) for ends in ((0.1, 0.2), (0.9, 1.0)))
    growth = (after / before - 1) * 100
    descriptors = max(part(looks, 2, 0.9, 1.0)) - max(part(looks, 2, 0.1, 0.2))
    for name, column in ("resident", 1), ("without files", 3):
        tenths = (statistics.median(part(looks, column, t / 10, (t + 1) / 10)) / 1024 for t in range(10))
        print(f"MB {name}, by tenths: " + " ".join(f"{mb:.1f}" for mb in tenths))
    print("rows read: " + ", ".join(f"{name} {rows}, {commits.seen[name]} commits" for name, rows in commits.rows.items()))
    is_good = growth < GROWTH_PERCENT and descriptors <= 0 and commits.gap_s < GAP_S and commits.rows and all(commits.rows.values())
    print(f"soak {seconds / 60:g} min: RSS {growth:+.1f} % ({before / 1024:.1f} -> {after / 1024:.1f} MB), fds {descriptors:+d}, "
          f"longest gap between commits {commits.gap_s:.1f} s, longest commit {commits.longest_ms:.0f} ms"
          f"{'' if is_good else ': MISSED'}")
    return 0 if is_good else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rate", type=int, default=50000, help="events per second")
    args = parser.parse_args()
    place = pathlib.Path(tempfile.mkdtemp(prefix="weir-soak-"))
    (place / "q.sql").write_text(SCRIPT.format(place=place, rate=args.rate))
    command = [os.environ.get("WEIR", "build/release/weir"), "run", str(place / "q.sql"), "--state", str(place / "state"),
               "--checkpoint-interval", "1s", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    commits = Commits(process.stdout)
    commits.start()
    try:
        looks = watch(process, args.minutes * 60)
        process.terminate()
        code = process.wait(60)
        if code:
            raise SystemExit(f"ended with {code}")
    finally:
        process.kill()
        commits.join(5)
        shutil.rmtree(place, ignore_errors=True)
        if process.returncode:
            print("\n".join(commits.said[-10:]))
    return report(looks, commits, args.minutes * 60)


sys.exit(main())
