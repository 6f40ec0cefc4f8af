#!/usr/bin/env python3
"""Builds fuzz/<target>.c with clang's libFuzzer, address and undefined-behaviour sanitizers, and runs them.

  tools/fuzz.py                     replays the seeds of every target (seconds, part of the tests)
  SECONDS_EACH=600 tools/fuzz.py    runs each target that long, starting from its seeds
  tools/fuzz.py sql                 only targets whose name contains "sql"

Crashing inputs stay in build/fuzz/<target>/. Last line: N passed, N failed.
"""
import os
import pathlib
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
OUT = ROOT / "build" / "fuzz"


def build():
    """The engine's objects in the fuzz flavour, by the Makefile."""
    command = ["make", "--no-print-directory", "-s", "-j", str(os.cpu_count()), "FLAVOR=fuzz", "CC=clang", "fuzz-targets"]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def run(target, seconds):
    binary = ROOT / "build" / "fuzz" / f"fuzz_{target}"
    seeds = ROOT / "fuzz" / "seeds" / target
    work = OUT / target
    work.mkdir(parents=True, exist_ok=True)
    corpus = [str(work / "corpus")] if seconds else []
    if corpus:
        pathlib.Path(corpus[0]).mkdir(exist_ok=True)
    limits = [f"-max_total_time={seconds}", "-timeout=20", "-rss_limit_mb=3000", "-print_final_stats=1"] if seconds else ["-runs=0"]
    dictionary = ROOT / "fuzz" / f"{target}.dict"
    if dictionary.exists():
        limits.append(f"-dict={dictionary}")
    command = [str(binary), *limits, f"-artifact_prefix={work}/", *corpus, *([str(seeds)] if seeds.exists() else [])]
    done = subprocess.run(command, capture_output=True, text=True, cwd=work)
    (work / "log").write_text(done.stderr)
    lines = done.stderr.splitlines()
    runs = next((line.split()[-1] for line in lines if "number_of_executed_units" in line), str(len(list(seeds.glob("*")))))
    print(f"{target}: {'clean' if done.returncode == 0 else 'FAILED'}, {runs} inputs", flush=True)
    if done.returncode:
        print(f"  {shlex.join(command)}\n  " + "\n  ".join(lines[-25:]))
    return done.returncode == 0


def main():
    seconds = int(os.environ.get("SECONDS_EACH", "0"))
    targets = [p.stem for p in sorted((ROOT / "fuzz").glob("*.c")) if not sys.argv[1:] or any(w in p.stem for w in sys.argv[1:])]
    build()
    results = [run(target, seconds) for target in targets]
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    return 0 if results and all(results) else 1


sys.exit(main())
