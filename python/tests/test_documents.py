"""What documents say runs: the quickstart of python/README.md and examples/python."""

import importlib
import inspect
import os
import pathlib
import pkgutil
import subprocess
import sys

import nbclient
import nbformat
import pytest

import weir

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "examples" / "python").glob("*.py"))


@pytest.mark.parametrize("page", ["python/README.md", "docs/runs.md"])
def test_the_python_of_a_page_runs(page):
    done = subprocess.run([sys.executable, "tests/python/snippets.py", page], cwd=ROOT, capture_output=True, text=True, timeout=60)
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


def told(cell):
    """What a cell prints and shows, as text."""
    return "".join(o["text"] if o["output_type"] == "stream" else o["data"]["text/plain"] for o in cell.outputs if o["output_type"] != "error")


def test_the_tutorial_gives_what_it_shows(tmp_path, monkeypatch):
    monkeypatch.setenv("WEIR_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYTHONPATH", str(pathlib.Path(weir.__file__).parents[1]))
    stored = nbformat.read(ROOT / "docs" / "tutorial.ipynb", as_version=4)
    nbformat.validate(stored)
    again = nbformat.from_dict({**stored, "cells": [{**cell, "outputs": []} if cell.cell_type == "code" else cell for cell in stored.cells]})
    nbclient.NotebookClient(again, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    pairs = [(a, b) for a, b in zip(stored.cells, again.cells, strict=True) if a.cell_type == "code"]
    assert len(pairs) > 10 and sum(bool(told(a)) for a, _ in pairs) > 10
    for before, now in pairs:
        assert told(now) == told(before), before.source


def public(module):
    """Functions and classes of a module that are its own, and the methods and properties of those."""
    for name, found in vars(module).items():
        if name.startswith("_") or getattr(found, "__module__", None) != module.__name__ or not callable(found):
            continue
        yield name, found
        for inner, member in vars(found).items() if isinstance(found, type) else ():
            member = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
            if not inner.startswith("_") and inspect.isfunction(member):
                yield f"{name}.{inner}", member


def test_every_public_name_says_what_it_is():
    """Modules, functions, classes and methods have a docstring; and every function has types."""
    modules = [weir, *(importlib.import_module(f"weir.{m.name}") for m in pkgutil.iter_modules(weir.__path__) if m.name not in ("_weir", "compat"))]
    assert len(modules) > 20
    silent = [module.__name__ for module in modules if not module.__doc__]
    silent += [f"{module.__name__}.{name}" for module in modules for name, found in public(module) if not inspect.getdoc(found)]
    assert silent == []
    untyped = [
        f"{module.__name__}.{name}"
        for module in modules
        for name, found in public(module)
        if inspect.isfunction(found) and "return" not in found.__annotations__ and found.__name__ != "__init__"
    ]
    assert untyped == []
    assert all(hasattr(weir, name) for name in weir.__all__)
