#!/usr/bin/env python3
"""Whole-system tests: tests/sql/*.slt, tests/errors/*.txt, tests/cli/*.sh, tests/formats/*.py and the examples of all SQL
functions.

Each .slt file runs in a fresh engine, with 1 and with 3 threads, once with the optimizer off, and once with everything that
can spill to temporary files spilling from the first row on. Usage: run.py [substring...]; files with a word of
WEIR_LEAVE_OUT in their names are left out.
"""
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import errors
import slt

ROOT = pathlib.Path(__file__).resolve().parent.parent
WEIR = os.environ.get("WEIR", "build/weir")
VARIANTS = {"1 thread": ["--threads", "1"], "3 threads": ["--threads", "3", "--set", "stream_workers=3"],
            "no optimizer": ["--threads", "2", "--set", "disabled_rules=all"],
            "spilling": ["--threads", "2", "--set", "force_spill=on"]}
# Of files about what several threads must not change.
MORE_VARIANTS = {"row_order.slt": {"2 threads": ["--threads", "2"], "8 threads": ["--threads", "8"],
                                   "8 threads, spilling": ["--threads", "8", "--set", "force_spill=on"]}}


def run_slt(path, flags):
    return slt.run_file(path, [WEIR, *flags, "--stdio", "jsonl"])


def run_with_packages(path):
    """A script that needs DuckDB and pyarrow to compare with; skipped aloud where PyPI cannot be reached."""
    find = "import sys; sys.path.insert(0, 'bench'); import workplace; print(workplace.python_with('duckdb', 'pyarrow'))"
    found = subprocess.run([sys.executable, "-c", find], cwd=ROOT, capture_output=True, text=True, timeout=300)
    if found.returncode:
        print(f"SKIPPED {path.name}: no duckdb and pyarrow: {(found.stderr or found.stdout).strip().splitlines()[-1][:200]}")
        return 0, []
    return run_script(path, [found.stdout.strip().splitlines()[-1]])


def run_script(path, interpreter=()):
    done = subprocess.run([*interpreter, str(path)], capture_output=True, text=True, timeout=600,
                          env={**os.environ, "WEIR": WEIR})
    if done.returncode == 77:
        print(f"SKIPPED {path.name}: {done.stdout.strip().splitlines()[-1] if done.stdout.strip() else 'no reason given'}")
        return 0, []
    return 1, [] if done.returncode == 0 else [f"{path.name}: exit {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"]


def run_function_examples():
    """Every SQL function row carries an example and its result."""
    described = json.loads(subprocess.run([WEIR, "describe", "--json"], capture_output=True, text=True, check=True).stdout)
    engine = slt.Engine([WEIR, "--stdio", "jsonl"])
    count, failures = 0, []
    for row in described["functions"]:
        if not row["example"]:
            continue
        count += 1
        sql = row["example"] if row["example"].lower().startswith(("select ", "from ", "with ")) else f"SELECT {row['example']}"
        reply = engine.ask(f"SELECT CAST(x AS VARCHAR) FROM ({sql}) t(x)")
        got = (reply["rows"][0][0] if reply["rows"] else "no row") if reply["ok"] else reply["error"]["message"]
        if str("NULL" if got is None else got) != row["result"]:
            failures.append(f"example of {row['name']}: {row['example']} is {got}, not {row['result']}")
    engine.close()
    return count, failures


def main():
    wanted = sys.argv[1:]

    left_out = os.environ.get("WEIR_LEAVE_OUT", "").split()

    def matches(name):
        return (not wanted or any(w in name for w in wanted)) and not any(w in name for w in left_out)

    jobs = []
    # Scripts first, and the one that takes longest before all others.
    for path in sorted((ROOT / "tests" / "cli").glob("*.sh"), key=lambda path: (path.name != "python.sh", path.name)):
        if matches(path.name):
            jobs.append((path.name, run_script, (path,)))
    for path in sorted((ROOT / "tests" / "formats").glob("*.py")):
        if matches(path.name):
            jobs.append((path.name, run_with_packages, (path,)))
    for path in sorted((ROOT / "tests" / "sql").glob("*.slt")):
        variants = {**VARIANTS, **MORE_VARIANTS.get(path.name, {})}
        jobs += [(f"{path.name} ({name})", run_slt, (path, flags)) for name, flags in variants.items() if matches(path.name)]
    for path in sorted((ROOT / "tests" / "errors").glob("*.txt")):
        if matches(path.name):
            jobs.append((path.name, errors.run_file, (path, WEIR)))
    if matches("functions"):
        jobs.append(("function examples", run_function_examples, ()))
    passed = failed = 0
    # One more than processors: many tests wait, for servers and for clocks.
    with concurrent.futures.ThreadPoolExecutor((os.cpu_count() or 1) + 1) as pool:
        for name, future in [(name, pool.submit(run, *args)) for name, run, args in jobs]:
            try:
                count, failures = future.result()
            except Exception as error:  # a crash of the engine is a failure of the file
                count, failures = 1, [f"{name}: {error!r}"]
            passed += count - len(failures)
            failed += len(failures)
            for failure in failures[:20]:
                print(f"FAILED {name}: {failure}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
