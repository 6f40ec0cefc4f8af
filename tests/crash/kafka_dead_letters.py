#!/usr/bin/env python3
"""What dead_letters.py does, from a topic of three partitions into two topics, with a real broker.

  kafka_dead_letters.py WEIR [KILLS] [SEED]

Last line: N passed, N failed. Without Java, Maven or the broker's jars: SKIPPED, and 0 failed.
"""
import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests/crash"), str(ROOT / "tests/kafka")]
import broker as brokers
import dead_letters

PARTITIONS = 3


class KafkaPlace(dead_letters.Place):
    points = dead_letters.COMMIT + ["kafka_sent"]
    address = None

    def __init__(self, base, _):
        self.base, self.sent, self.places = pathlib.Path(base), 0, {}
        self.base.mkdir(parents=True)
        for topic in ("in", "out", "dead"):
            client.create(self.address, topic, PARTITIONS)
        self.producer = client.Producer(self.address)
        at = f"connector = 'kafka', brokers = '{self.address}', topic = "
        self.write(at + "'in', properties.fetch.wait.max.ms = 5", at + "'out'", at + "'dead'")

    def send(self, count):
        for number in range(self.sent, self.sent + count):
            self.producer.send("in", dead_letters.text_of(number), partition=number % PARTITIONS)
        self.producer.flush()
        self.sent += count

    def values(self, topic):
        return [json.loads(m[3]) for m in client.read(self.address, topic, PARTITIONS)]

    def good(self):
        return [(row["id"], row["n"]) for row in self.values("out")]

    def dead(self):
        return self.values("dead")

    def position(self, number):
        return f"topic in partition {number % PARTITIONS} offset {number // PARTITIONS}"


def main():
    global client
    try:
        broker = brokers.Broker()
    except brokers.Unavailable as reason:
        print(f"SKIPPED: no broker: {reason}\n0 passed, 0 failed")
        return 0
    import client as real
    client, KafkaPlace.address = real, broker.address
    with broker:
        return dead_letters.main(KafkaPlace, ["kafka"], (0.1, 1.0))


if __name__ == "__main__":
    sys.exit(main())
