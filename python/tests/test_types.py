"""Types: the package and what uses it, as mypy and pyright see it."""

import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("command", [["mypy", "--cache-dir", "{tmp}"], ["pyright"]], ids=lambda c: c[0])
def test_types_are_right(command, tmp_path):
    words = [w.format(tmp=tmp_path) for w in command]
    done = subprocess.run([sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
