"""Columns of results."""

from __future__ import annotations

from typing import NamedTuple


class Column(NamedTuple):
    """A column of a result: its name and its SQL type, "DECIMAL(10,2)"."""

    name: str
    type: str
