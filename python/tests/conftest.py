"""What tests share: a connection of their own, and data outside of the repository if it is there."""

import os
import pathlib

import pytest

import weir

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def db():
    with weir.connect(threads=2) as connection:
        yield connection


@pytest.fixture
def shared():
    folder = pathlib.Path(os.environ.get("WEIR_SHARED", ROOT.parent / "shared"))
    if not (folder / "corpora").is_dir():
        pytest.skip("WEIR_SHARED names no folder with corpora")
    return folder
