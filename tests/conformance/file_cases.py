"""Files in the wild (Parquet, CSV, JSON, JSON lines) against the rows they are known to hold.

The cases are prepared in build/conformance first: BLOBs are expected the way PostgreSQL prints them (the corpus has
DuckDB's escapes), files of partitions get their folders back (the corpus is flat), and options of a case choose the SQL.
"""
import collections
import json
import os
import re
import subprocess
import sys

# Differences that were looked at: fewer rows than the corpus expects, and none is lost.
REVIEWED = {
    "csv/csv-spectrum/location_coordinates.csv": "the corpus expects the names of the columns as rows; the file has one",
    "csv/duckdb/error__quotednewlines.csv": "100 records have five lines in double quotes; the corpus counts lines",
}
SQL = {
    "parquet": "FROM '{sqlpath}'",
    "csv": "FROM '{sqlpath}'",
    "csv_text": "FROM read_csv('{sqlpath}', header => true, all_varchar => true, nullstr => 'NULL')",
    "json": "FROM '{sqlpath}'",
    "jsonl": "FROM '{sqlpath}'",
}


def postgres_blob(text):
    """hello\\x04 -> \\x68656c6c6f04"""
    raw = re.sub(rb"\\x([0-9A-Fa-f]{2})", lambda m: bytes([int(m[1], 16)]), text.encode())
    return "\\x" + raw.hex()


def blob_columns(weir, path):
    sql = "DESCRIBE FROM '" + path.replace("'", "''") + "'"
    done = subprocess.run([weir, "-q", "-o", "jsonl", "-c", sql], capture_output=True, text=True)
    rows = [json.loads(line) for line in done.stdout.splitlines()] if done.returncode == 0 else []
    return {row["column_name"] for row in rows if row["column_type"] == "BLOB"}


def prepared(case, weir, corpora, work):
    """The case with its path, format and rows as they are run here."""
    case["path"] = str(corpora / case["path"])
    if case.get("options") == {"header": True, "all_varchar": True}:
        case["fmt"] = "csv_text"
    if "hive-partitioning__" in case["path"]:
        link = work / "partitions" / os.path.basename(case["path"]).replace("__", "/")
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.exists():
            link.symlink_to(case["path"])
        case["path"] = str(link)
    if case["fmt"] == "parquet" and case["expect"] == "table":
        blobs = blob_columns(weir, case["path"])
        rows = [json.loads(row) for row in case.get("rows", [])]
        for row in rows:
            for name in blobs & set(row):
                if isinstance(row[name], str) and row[name] != "\u0001opaque":
                    row[name] = postgres_blob(row[name])
        case["rows"] = [json.dumps(row) for row in rows]
    return case


def run(weir, shared, root, sample):
    """(line of figures, complaints); no complaint means the bars are met."""
    work = root / "build" / "conformance"
    work.mkdir(parents=True, exist_ok=True)
    corpora = shared / "corpora"
    cases = [json.loads(line) for line in (corpora / "cases.jsonl").read_text().splitlines()]
    cases = [case for case in cases if case["fmt"] in SQL]
    if sample:
        cases = cases[::max(1, len(cases) // (sample * 4))]
    cases = [prepared(case, weir, corpora, work) for case in cases]
    (work / "cases.jsonl").write_text("".join(json.dumps(case) + "\n" for case in cases))
    report = work / "files.json"
    report.unlink(missing_ok=True)
    command = [sys.executable, str(shared / "tools" / "corpus_runner.py"), str(work / "cases.jsonl"), "--root", "/",
               "--report", str(report), "--jobs", "2", "--max-rss-mb", "1100"]
    for name, sql in SQL.items():
        command += ["--run", f'{name}={weir} -q --memory 800MB -o jsonl -c "{sql}"']
    done = subprocess.run(command, capture_output=True, text=True)
    if not report.exists():
        return "files: the runner failed", [done.stderr[-2000:]]
    results = json.loads(report.read_text())
    totals = collections.Counter(results["total"])
    complaints = [f"BUG {bad['id']}: {bad['why']}" for bad in results["bad"] if bad["result"] == "BUG"]
    for bad in results["bad"]:
        counts = re.match(r"(\d+) rows, expected (\d+)$", bad["why"])
        if counts and int(counts[1]) < int(counts[2]) and bad["id"] not in REVIEWED:
            complaints.append(f"rows lost {bad['id']}: {bad['why']}")
    tables = {k: n for k, n in totals.items() if re.search(r"/(table|accept|reject|advise)/", k)}
    right = sum(n for k, n in tables.items() if k.endswith("/ok"))
    # A reader may see another dialect in a messy CSV file; what is not messy must be right.
    clear = {k: n for k, n in tables.items() if "/advise/" not in k}
    rate = 100.0 * sum(n for k, n in clear.items() if k.endswith("/ok")) / max(sum(clear.values()), 1)
    if rate < 90.0:
        complaints.append(f"files: only {rate:.1f} % of the clear cases are right")
    complaints += [f"{bad['result']} {bad['id']}: {bad['why'][:160]}" for bad in results["bad"]
                   if bad["result"] in ("wrong", "failed")] if rate < 90.0 else []
    return (f"files: {right} of {sum(tables.values())} right, {rate:.1f} % of the clear ones (bar 90 %), "
            f"{totals['BUG']} crashes", complaints)
