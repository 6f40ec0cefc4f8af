"""Results in the types that a consumer of the Arrow PyCapsule interface asks for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from weir import _weir, text

if TYPE_CHECKING:
    from weir.frame import Frame

_TYPES = {
    "b": "BOOLEAN", "c": "TINYINT", "C": "UTINYINT", "s": "SMALLINT", "S": "USMALLINT", "i": "INTEGER", "I": "UINTEGER", "l": "BIGINT",
    "L": "UBIGINT", "f": "REAL", "g": "DOUBLE", "u": "VARCHAR", "U": "VARCHAR", "vu": "VARCHAR", "z": "BLOB", "Z": "BLOB", "vz": "BLOB",
    "tdD": "DATE", "ttu": "TIME", "tss:": "TIMESTAMP_S", "tsm:": "TIMESTAMP_MS", "tsu:": "TIMESTAMP", "tsn:": "TIMESTAMP_NS",
    "tsu:UTC": "TIMESTAMP WITH TIME ZONE", "tin": "INTERVAL",
}  # fmt: skip
_DECIMAL = re.compile(r"d:(\d+),(\d+)(?:,128)?")


def _type(format: str) -> str | None:  # noqa: A002
    """The SQL type that leaves in an Arrow format."""
    digits = _DECIMAL.fullmatch(format)
    return f"DECIMAL({digits[1]},{digits[2]})" if digits else _TYPES.get(format)


def cast(frame: Frame, requested: object) -> Frame:
    """The frame with casts where a requested schema has other types. The same frame if the columns are not the same, or two
    have one name: a producer may give what it has then."""
    wanted = _weir.schema_fields(requested)
    columns = frame.schema
    names = [column.name for column in columns]
    if [name for name, _ in wanted] != names or len({name.lower() for name in names}) < len(names):
        return frame
    shown = []
    for column, (name, form) in zip(columns, wanted):
        kind = _type(form)
        same = kind is None or column.type == kind
        shown.append(text.identifier(name) if same else f"CAST({text.identifier(name)} AS {kind}) AS {text.identifier(name)}")
    if all(part == text.identifier(name) for part, name in zip(shown, names)):
        return frame
    return frame._with(f"SELECT {', '.join(shown)} FROM {frame._source}")

