"""Snapshots of plans: what EXPLAIN shows for tests/plans/*.sql, and for the 22 queries of TPC-H over generated data.

X.sql is run by one weir; X.plan is what it prints. tests/plans/tpch/qNN.plan belong to the query texts in
../shared/corpora/tpch (or $WEIR_SHARED); without them, or without tpchgen-cli, that part is skipped. A plan that changed is
no failure of the engine: look at it, and run `python3 tests/plans.py --update` when it is better.
"""
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PLANS = ROOT / "tests" / "plans"
TABLES = "customer lineitem nation orders part partsupp region supplier".split()

def explained(weir, sql, folder):
    """What weir prints for the statements, run in the folder."""
    done = subprocess.run([weir, "--color", "never", "-q", "-o", "csv", "--threads", "2"], input=sql, text=True, cwd=folder,
                          capture_output=True, timeout=120)
    lines = [line.rstrip().removeprefix('"').removesuffix('"').replace('""', '"') for line in done.stdout.splitlines()]
    return "\n".join(lines) + "\n" + done.stderr


def tpch_data():
    """The folder with the tables of scale 0.01 as Parquet files; ends with a reason when it cannot be had."""
    find = ("import sys; sys.path[:0] = ['bench/tpch', 'bench']; import workplace, run; "
            "made = workplace.HOME / 'tpch-sf0.01-parquet'; "
            "print(made if (made / 'region.parquet').exists() else "
            "run.data(workplace.python_with('duckdb', 'tpchgen-cli'), '0.01', 'parquet'))")
    try:
        found = subprocess.run([sys.executable, "-c", find], cwd=ROOT, capture_output=True, text=True, timeout=60)
    except subprocess.TimeoutExpired:
        return None, "the generator could not be had within a minute"
    if found.returncode:
        return None, (found.stderr or found.stdout).strip().splitlines()[-1][:200]
    return pathlib.Path(found.stdout.strip().splitlines()[-1]), None


def tpch_cases(weir):
    queries = pathlib.Path(os.environ.get("WEIR_SHARED", ROOT.parent / "shared")) / "corpora" / "tpch"
    if not (queries / "q22.sql").exists():
        print(f"plans: no TPC-H queries in {queries}")
        return
    folder, reason = tpch_data()
    if not folder:
        print(f"plans: no TPC-H data: {reason}")
        return
    views = "".join(f"CREATE VIEW {t} AS FROM read_parquet('{t}.parquet');\n" for t in TABLES)
    for path in sorted(queries.glob("q[0-9][0-9].sql")):
        yield PLANS / "tpch" / f"{path.stem}.plan", explained(weir, f"{views}EXPLAIN {path.read_text()}", folder)


def cases(weir):
    for path in sorted(PLANS.glob("*.sql")):
        yield path.with_suffix(".plan"), explained(weir, path.read_text(), ROOT)
    yield from tpch_cases(weir)


def main():
    weir = str(ROOT / os.environ.get("WEIR", "build/weir"))
    count, changed = 0, []
    for path, got in cases(weir):
        count += 1
        want = path.read_text() if path.exists() else ""
        if got == want:
            continue
        changed.append(path.name)
        if "--update" in sys.argv:
            path.write_text(got)
        else:
            print(f"{path.relative_to(ROOT)}: got\n{got}not\n{want}")
    print(f"{count} plans, {len(changed)} {'written' if '--update' in sys.argv else 'changed'}: {' '.join(changed)}")
    return 1 if not count or (changed and "--update" not in sys.argv) else 0


if __name__ == "__main__":
    sys.exit(main())
