"""A source of 40000 numbers in two partitions, read in batches that are cut anew each time, into the sink of ledger.py.

numbers_source.py FOLDER SCRIPT INSERT; used by test_source.py, which kills it.
"""

import random
import sys
import time

import ledger
import pyarrow

from weir import stream

LAST = 40000


def numbers(position):
    """Partition p has the numbers p, p + 2 ..; a position is the next number of each."""
    chance = random.Random()
    places = position or {"0": 0, "1": 1}
    while any(place < LAST for place in places.values()):
        partition = "0" if places["0"] <= places["1"] else "1"
        batch = list(range(places[partition], min(places[partition] + 2 * chance.choice([1, 300, 1500]), LAST), 2))
        places[partition] += 2 * len(batch)
        yield pyarrow.record_batch({"n": batch, "t": [f"number {n}" for n in batch]}), dict(places)
        yield None
        time.sleep(0.02)


if __name__ == "__main__":
    ledger.run(*sys.argv[1:], prepare=lambda db: stream.create_source("numbers", numbers, connection=db))
