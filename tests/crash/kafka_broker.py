#!/usr/bin/env python3
"""What is slow in tests/kafka/run.py: a broker that is killed while a stream reads and writes, two streams of one name.

  kafka_broker.py WEIR        Last line: N passed, N failed.
"""
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "kafka"))
os.environ["WEIR"] = str(pathlib.Path(sys.argv[1]).resolve())
import run

if __name__ == "__main__":
    counts = run.main([test.__name__ for test in run.TESTS if hasattr(test, "is_slow")])
    if counts is None:
        print("SKIPPED\n0 passed, 0 failed")
        sys.exit(0)
    sys.exit(counts[1] > 0 or counts[0] == 0)
