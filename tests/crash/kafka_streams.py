#!/usr/bin/env python3
"""What streams.py does, from Kafka to Kafka with a real broker: two topics, windows of both joined, late rows, into a
topic of three partitions that is read by somebody who sees only what is committed. Kills come at random moments and at
every failpoint of a commit, one of them within a transaction.

Inputs have one partition each: rows of several come in no order that two runs share.

  kafka_streams.py WEIR [KILLS] [SEED]

Last line: N passed, N failed. Without Java, Maven or the broker's jars: SKIPPED, and 0 failed.
"""
import collections
import json
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests/crash"), str(ROOT / "tests/kafka")]
import broker as brokers
import streams

SOURCE = """CREATE SOURCE {0} (k BIGINT, id BIGINT, ts TIMESTAMP, WATERMARK FOR ts AS ts - INTERVAL '5 seconds')
  WITH (connector = 'kafka', topic = '{1}-{0}', brokers = '{2}', properties.fetch.wait.max.ms = 5);
CREATE VIEW {0}w AS SELECT * FROM tumble({0}, ts, INTERVAL '10 seconds');
"""
SINK = "connector = 'kafka', topic = '{0}-out', brokers = '{1}', transactional_id = '{0}', key_column = 'k'"
PARTITIONS, QUERIES = 3, ("pairs", "counts")
streams.SINKS["kafka"] = ["kafka_sent"]
streams.DELAYS = 0.05, 1.2


class KafkaPlace:
    """A place whose inputs and output are topics."""
    address, made = None, 0

    def __init__(self, base, query, sink):
        KafkaPlace.made += 1
        self.base, self.sink, self.name = pathlib.Path(base), sink, f"t{KafkaPlace.made}"
        self.base.mkdir(parents=True)
        for side, partitions in (("l", 1), ("r", 1), ("out", PARTITIONS)):
            client.create(self.address, f"{self.name}-{side}", partitions)
        self.producer = client.Producer(self.address)
        self.follower = client.Follower(self.address, f"{self.name}-out", PARTITIONS)
        self.looked, self.latest = 0, -1
        columns, select = streams.QUERIES[query]
        text = "".join(SOURCE.format(side, self.name, self.address) for side in "lr")
        text += f"CREATE SINK o ({columns}) WITH ({SINK.format(self.name, self.address)});\nINSERT INTO o {select};\n"
        (self.base / "q.sql").write_text(text)

    def command(self, weir, *flags):
        return [weir, "run", str(self.base / "q.sql"), "--state", str(self.base / "state"), *flags]

    def rows(self):
        return [row_of(m[3]) for m in client.read(self.address, f"{self.name}-out", PARTITIONS)]

    def closed(self):
        values = self.follower.look()  # all there ever were: only what is new is looked at
        for row in map(row_of, values[self.looked:]):
            if row[1] == str(streams.ALWAYS_ALONE):
                self.latest = max(self.latest, streams.window_of(row[0]))
        self.looked = len(values)
        return self.latest

    def leftovers(self):
        return []


def row_of(value):
    row = json.loads(value)
    return (row["w"].replace("T", " "), *(None if row[c] is None else str(row[c]) for c in "klr"))


class KafkaFeeder(streams.Feeder):
    def put(self, side, rows):
        place = self.place
        for k, number, moment in rows:
            place.producer.send(f"{place.name}-{side}", json.dumps({"k": k, "id": number, "ts": streams.stamp(moment)}))
        place.producer.flush()
        self.done += 1


def run_to_end(weir, place, feeder):
    """Runs without being killed until all was sent, then until all is read."""
    log = place.base / "log"
    for flags in (["--checkpoint-interval", "10ms"], ["--once"]):
        with open(log, "w") as out:
            child = subprocess.Popen(place.command(weir, *flags), stdout=out, stderr=out)
            if flags[0] != "--once":
                began = time.monotonic()
                while child.poll() is None and (feeder.is_alive() or time.monotonic() < began + 2):
                    time.sleep(0.01)
                if child.poll() is None:
                    child.send_signal(signal.SIGTERM)
            try:
                code = child.wait(120)
            except subprocess.TimeoutExpired:
                child.kill()
                return "does not end"
        if code:
            return f"exit {code}: {pathlib.Path(log).read_text()[-2000:]}"
    return str(feeder.error or "")


streams.Place, streams.Feeder, streams.run_to_end = KafkaPlace, KafkaFeeder, run_to_end


def plan_of(kills, dice):
    points = streams.COMMIT + streams.STATE + streams.SINKS["kafka"]
    plan = [None] * max(0, kills) + [(p, "kill", 1 if p == "state_created" else dice.randint(1, 4)) for p in points]
    return streams.first(plan, dice)


def main():
    global client
    kills, seed = (int(sys.argv[i]) if len(sys.argv) > i else (300, 1)[i - 2] for i in (2, 3))
    try:
        broker = brokers.Broker()
    except brokers.Unavailable as reason:
        print(f"SKIPPED: no broker: {reason}\n0 passed, 0 failed")
        return 0
    import client as real
    client, KafkaPlace.address = real, broker.address
    dice, began, failed = random.Random(seed), time.monotonic(), 0
    report = {"phases": collections.Counter(), "hit": collections.Counter(), "missed": collections.Counter(),
              "kills": 0, "rows": 0, "late": 0}
    weir, base = str(pathlib.Path(sys.argv[1]).resolve()), tempfile.mkdtemp(prefix="weir-crash-")
    with broker:
        for number, query in enumerate(QUERIES):
            plan = plan_of(kills // len(QUERIES), dice)
            wrong = streams.run_case(weir, f"{base}/{number}", query, "kafka", plan, seed * 1000 + number, report)
            failed += bool(wrong)
            if wrong:
                print(f"FAILED {query} (seed {seed}), kept in {base}/{number}: {wrong}", flush=True)
    if not failed:
        shutil.rmtree(base, ignore_errors=True)
    print(f"{time.monotonic() - began:.0f} s; failpoints not reached in time: {dict(report['missed'])}")
    print("where kills landed: " + ", ".join(f"{p} {n}" for p, n in report["phases"].most_common()))
    print(f"{report['kills']} kills; {report['rows']} rows out, {report['late']} late rows in")
    print(f"{len(QUERIES) - failed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
