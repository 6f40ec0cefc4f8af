"""What documents say runs: the quickstart of python/README.md and examples/python."""

import os
import pathlib
import subprocess
import sys

import pytest

import weir

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "examples" / "python").glob("*.py"))


@pytest.mark.parametrize("page", ["python/README.md", "docs/runs.md"])
def test_the_python_of_a_page_runs(page, tmp_path):
    here = {**os.environ, "WEIR_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "tests/python/snippets.py", page], cwd=ROOT, env=here, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.name)
def test_an_example_prints_what_it_says(path, tmp_path):
    """The docstring ends with what it prints, behind a line "Prints:"."""
    here = {**os.environ, "PYTHONPATH": str(pathlib.Path(weir.__file__).parents[1])}
    done = subprocess.run([sys.executable, str(path)], cwd=tmp_path, env=here, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    expected = path.read_text().split('"""')[1].split("Prints:\n", 1)[1].strip("\n")
    assert done.stdout.rstrip("\n") == "\n".join(line[4:] for line in expected.split("\n"))


def test_there_are_examples():
    assert len(EXAMPLES) >= 5
