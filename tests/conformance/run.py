#!/usr/bin/env python3
"""Runs the sqllogictest corpora and the file cases; prints pass rates and every wrong answer, crash and time-out.

Bars: no wrong answer, crash or time-out; at least 97 % of classic and 75 % of the others pass. Of the files (Parquet, CSV,
JSON) whose content is beyond doubt 90 % are read right, none crashes the reader and none loses rows.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import file_cases

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SHARED = pathlib.Path(os.environ.get("WEIR_SHARED", ROOT.parent / "shared"))
WEIR = str((ROOT / os.environ.get("WEIR", "build/weir")).resolve())
BARS = {"classic": 97.0, "df": 75.0, "rw": 75.0, "duck": 75.0}


def known():
    """{(corpus, file:line)} of known.txt."""
    lines = (ROOT / "tests" / "conformance" / "known.txt").read_text().splitlines()
    return {tuple(line.split()[:2]) for line in lines if line and not line.startswith("#")}


def corpus(name, sample):
    """(passed, counted, bugs) of one folder of .slt/.test files."""
    report = ROOT / "build" / f"conformance-{name}.json"
    report.parent.mkdir(exist_ok=True)
    folder = SHARED / "corpora" / name
    files = sorted(str(p) for p in folder.rglob("*") if p.is_file())
    command = [sys.executable, str(SHARED / "tools" / "slt_runner.py"), "--cmd", f"{WEIR} --stdio jsonl", "--as", "postgresql",
               "--as", "weir", "--jobs", "2", "--multi", "--timeout", "20", "--report", str(report), "-q"]
    if sample:
        command += ["--sample", str(sample)]
    done = subprocess.run(command + files, cwd=folder, capture_output=True, text=True)
    if not report.exists():
        sys.exit(f"conformance: the runner failed: {done.stderr[-2000:]}")
    counts, bugs = {}, []
    results = json.loads(report.read_text())
    for file in results["files"] if isinstance(results, dict) else results:
        for kind, n in file["n"].items():
            counts[kind] = counts.get(kind, 0) + n
        bugs += [(file.get("file", "?"), bug) for bug in file["bugs"]]
    counted = sum(counts.get(k, 0) for k in ("pass", "wrong", "rejected", "unexpected_ok", "crash", "timeout"))
    return counts, counted, bugs


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help="classic, df, rw, duck or files")
    parser.add_argument("--allow-known", action="store_true", help="fail only for records that known.txt does not list")
    parser.add_argument("--sample", type=int, default=0, help="at most this many queries per file")
    args = parser.parse_args()
    if not SHARED.exists():
        print(f"SKIPPED: {SHARED} with the corpora is not there (set WEIR_SHARED)")
        print("0 passed, 0 failed")
        return 0
    bad, lines = 0, []
    for name, bar in BARS.items():
        if args.only and args.only != name:
            continue
        counts, counted, bugs = corpus(name, args.sample)
        rate = 100.0 * counts.get("pass", 0) / max(counted, 1)
        serious = sum(counts.get(k, 0) for k in ("wrong", "crash", "timeout"))
        listed = [(file, bug) for file, bug in bugs
                  if any(corpus == name and f"{file}:{bug['at']}".endswith(place) for corpus, place in known())]
        if args.allow_known:
            serious -= len(listed)
            bugs = [pair for pair in bugs if pair not in listed]
            print(f"{name}: {len(listed)} differences are listed in known.txt")
        for file, bug in bugs:
            if bug["kind"] != "unexpected_ok":
                print(f"{bug['kind']} {file}:{bug['at']}\n  {bug['sql'][:300]}\n  {bug['why'][:300]}")
        lines.append(f"{name}: {counts.get('pass', 0)} of {counted} pass ({rate:.1f} %, bar {bar} %), "
                     f"{counts.get('wrong', 0)} wrong, {counts.get('crash', 0)} crashes, {counts.get('timeout', 0)} time-outs")
        bad += serious > 0 or rate < bar or counted == 0
    if args.only in (None, "files"):
        figures, complaints = file_cases.run(WEIR, SHARED, ROOT, args.sample)
        print("".join(f"{complaint}\n" for complaint in complaints), end="")
        lines.append(figures)
        bad += bool(complaints)
    print("\n".join(lines))
    print(f"{len(lines) - bad} passed, {bad} failed")
    return 1 if bad else 0


sys.exit(main())
