#!/usr/bin/env python3
"""Processes that share the partitions of a topic, with a real broker: several run the same query, at random moments one is
killed, stopped for longer than its group waits, asked to end, or another one is started. Whoever reads what is committed
must at last find every message once.

  kafka_groups.py WEIR [KILLS] [SEED]

Last line: N passed, N failed. Without Java, Maven or the broker's jars: SKIPPED, and 0 failed.
"""
import collections
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests/kafka")]
import broker as brokers

PARTITIONS, PROCESSES, SESSION_S = 6, 3, 1.5
SCRIPT = """CREATE SOURCE s (id BIGINT) WITH (connector = 'kafka', brokers = '{0}', topic = 'in', group.id = 'g',
  share_partitions = true, properties.session.timeout.ms = 1500, properties.heartbeat.interval.ms = 300,
  properties.fetch.wait.max.ms = 5);
CREATE SINK o (id BIGINT, twice BIGINT) WITH (connector = 'kafka', brokers = '{0}', topic = 'out',
  properties.transaction.timeout.ms = 3000);
INSERT INTO o SELECT id, id * 2 FROM s WHERE id % 10 <> 3;
"""


class Fleet:
    def __init__(self, weir, folder, dice):
        self.weir, self.folder, self.dice, self.running, self.count = weir, folder, dice, [], 0

    def start(self, point=None):
        """point: a failpoint of a commit at which it ends."""
        self.count += 1
        log = open(self.folder / f"log{self.count}", "w")
        env = {**os.environ, "WEIR_LOG": "info", "WEIR_FAILPOINTS": f"{point}=kill@{self.dice.randint(2, 9)}" if point else ""}
        self.running.append(subprocess.Popen([self.weir, "run", str(self.folder / "q.sql"), "--checkpoint-interval", "20ms"],
                                             stdout=log, stderr=log, env=env))

    def harm(self, kind):
        """Gives what is wrong."""
        wrong = self.take_dead()
        if wrong or not self.running:
            return wrong
        one = self.dice.choice(self.running)
        if kind == "kill":
            one.kill()
        elif kind == "end":
            one.terminate()
        else:  # it is taken for dead, and goes on as if nothing had been
            one.send_signal(signal.SIGSTOP)
            time.sleep(SESSION_S * 2)
            one.send_signal(signal.SIGCONT)
            return ""
        one.wait(60)
        return self.take_dead()

    def take_dead(self):
        gone = [one for one in self.running if one.poll() is not None]
        self.running = [one for one in self.running if one.poll() is None]
        bad = [one.returncode for one in gone if one.returncode not in (0, -signal.SIGKILL, -signal.SIGTERM)]
        return f"exits {bad}: see {self.folder}" if bad else ""

    def stop(self):
        for one in self.running:
            one.terminate()
        codes = [one.wait(60) for one in self.running]
        return "" if not any(codes) else f"exits {codes}: see {self.folder}"


def run(weir, address, folder, kills, dice):
    client.create(address, "in", PARTITIONS)
    client.create(address, "out", 3)
    (folder / "q.sql").write_text(SCRIPT.format(address))
    fleet, producer, sent, is_over = Fleet(weir, folder, dice), client.Producer(address), [0], threading.Event()

    def feed():
        while not is_over.is_set():
            for _ in range(dice.choice([1, 20, 300])):
                producer.send("in", json.dumps({"id": sent[0]}), partition=sent[0] % PARTITIONS)
                sent[0] += 1
            producer.flush()
            time.sleep(0.02)

    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    kinds = collections.Counter()
    plan = ["kill"] * (kills // 2) + ["point"] * (kills // 4) + ["end"] * (kills // 8) + ["stop"] * (kills // 8)
    dice.shuffle(plan)
    wrong = ""
    for kind in plan:
        while len(fleet.running) < PROCESSES:
            fleet.start(dice.choice(["stream_prepared", "kafka_sent", "stream_delivered"]) if kind == "point" else None)
            kind = "kill" if kind == "point" else kind
        time.sleep(dice.uniform(0.3, 2.5))
        kinds[kind] += 1
        wrong = fleet.harm(kind)
        if wrong:
            break
    is_over.set()
    feeder.join()
    while len(fleet.running) < 2:
        fleet.start()
    want = {n for n in range(sent[0]) if n % 10 != 3}
    follower, seen, until = client.Follower(address, "out", 3), collections.Counter(), time.monotonic() + 60
    while not wrong and time.monotonic() < until and not want <= set(seen):
        seen = collections.Counter(json.loads(value)["id"] for value in follower.look())
        time.sleep(0.05)
    time.sleep(1)
    seen = collections.Counter(json.loads(value)["id"] for value in follower.look())
    wrong = wrong or fleet.stop()
    for one in fleet.running:
        one.kill()
    lost, twice = want - set(seen), [n for n, times in seen.items() if times > 1]
    print(f"{sent[0]} messages, {fleet.count} processes, {dict(kinds)}: {len(lost)} lost, {len(twice)} twice")
    if wrong or lost or twice or set(seen) - want:
        return wrong or f"lost {sorted(lost)[:5]}, twice {sorted(twice)[:5]}, odd {sorted(set(seen) - want)[:5]}"
    at = sum(client.committed(address, "g", "in", PARTITIONS))
    return "" if at == sent[0] else f"the group is at {at} of {sent[0]}"


def main():
    global client
    kills, seed = (int(sys.argv[i]) if len(sys.argv) > i else (40, 1)[i - 2] for i in (2, 3))
    try:
        broker = brokers.Broker()
    except brokers.Unavailable as reason:
        print(f"SKIPPED: no broker: {reason}\n0 passed, 0 failed")
        return 0
    import client as real
    client = real
    folder, began = pathlib.Path(tempfile.mkdtemp(prefix="weir-groups-")), time.monotonic()
    with broker:
        wrong = run(str(pathlib.Path(sys.argv[1]).resolve()), broker.address, folder, kills, random.Random(seed))
    if wrong:
        print(f"FAILED (seed {seed}), kept in {folder}: {wrong}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{time.monotonic() - began:.0f} s\n{int(not wrong)} passed, {int(bool(wrong))} failed")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
