#!/usr/bin/env python3
"""Nexmark: queries on the events of an auction house that do not end.

  bench/nexmark/run.py --check        q0-q22 as streams against the same SQL as a batch; the last line is the figure
  bench/nexmark/run.py --peer flink   ratios to Flink on the same files of events; the last line is the figure
  bench/nexmark/run.py --workers 2    keys divided among workers against one thread, pairs in turns; the last line is the figure
  bench/nexmark/run.py                speed of one thread, NDJSON, cost of checkpoints, latency; the last line is the figure

A run is a process that does nothing else; its wall time counts, start and end included.
"""
import argparse
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]
import answers

import flink
import speed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--peer", choices=["flink"])
    parser.add_argument("--only", nargs="*", help="queries; for speeds also: ndjson checkpoints latency")
    parser.add_argument("--events", type=int, help="how many; each part has its own default")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--workers", type=int, default=0, help="local workers of the streams, for --check and speeds of pairs")
    parser.add_argument("--server", action="store_true", help="checkpoints into a PostgreSQL server of its own")
    args = parser.parse_args()
    if args.check:
        return answers.check(args)
    if args.workers:
        return speed.workers(args)
    return flink.compare(args) if args.peer else speed.measure(args)


sys.exit(main())
