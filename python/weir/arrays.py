"""Results as arrays of numpy, made of the buffers of the batches."""

from __future__ import annotations

from typing import Any

import numpy

from weir._weir import Batch, Result
from weir.frame import names_once

_DTYPES = {
    "c": "i1", "C": "u1", "s": "i2", "S": "u2", "i": "i4", "I": "u4", "l": "i8", "L": "u8", "f": "f4", "g": "f8",
    "tss": "M8[s]", "tsm": "M8[ms]", "tsu": "M8[us]", "tsn": "M8[ns]", "tDs": "m8[s]", "tDm": "m8[ms]", "tDu": "m8[us]", "tDn": "m8[ns]",
}  # fmt: skip


def _bits(batch: Batch, column: int, index: int) -> Any:
    """The bits of a buffer, one boolean per row; None if there is no buffer."""
    held = batch._buffer(column, index, 0)
    if held is None:
        return None
    offset, _ = batch._place(column)
    bits = numpy.unpackbits(numpy.frombuffer(held, numpy.uint8), bitorder="little")
    return bits[offset : offset + batch.num_rows].astype(bool)


def _values(batch: Batch, column: int, format: str) -> Any:  # noqa: A002
    if format == "b":
        return _bits(batch, column, 1)
    if format == "tdD":
        return numpy.frombuffer(batch._buffer(column, 1, 4), "i4").astype("M8[D]")
    dtype = numpy.dtype(_DTYPES[format.split(":")[0]])
    return numpy.frombuffer(batch._buffer(column, 1, dtype.itemsize), dtype)


def _objects(batch: Batch, columns: list[int], types: list[str]) -> dict[int, Any]:
    out = {c: numpy.empty(batch.num_rows, object) for c in columns}
    for row, values in enumerate(batch._rows(types)):
        for c in columns:
            out[c][row] = values[c]
    return out


def _joined(parts: list[Any], masks: list[Any]) -> Any:
    values = parts[0] if len(parts) == 1 else numpy.concatenate(parts)
    if all(mask is None for mask in masks):
        return values
    hidden = numpy.concatenate([numpy.zeros(len(p), bool) if m is None else ~m for p, m in zip(parts, masks)])
    return numpy.ma.MaskedArray(values, hidden)


def _empty(format: str) -> Any:  # noqa: A002
    if format == "b":
        return numpy.empty(0, bool)
    if format == "tdD":
        return numpy.empty(0, "M8[D]")
    return numpy.empty(0, _DTYPES.get(format.split(":")[0], object))


def _taken(result: Result) -> list[Any]:
    """All columns, in their order."""
    types = [kind for _, kind in result.columns()]
    parts: list[list[Any]] = [[] for _ in types]
    masks: list[list[Any]] = [[] for _ in types]
    while (batch := result.batch()) is not None:
        formats = [form for _, form in batch._formats]
        plain = [f in ("b", "tdD") or f.split(":")[0] in _DTYPES for f in formats]
        objects = _objects(batch, [c for c, is_plain in enumerate(plain) if not is_plain], types) if not all(plain) else {}
        for c, is_plain in enumerate(plain):
            parts[c].append(_values(batch, c, formats[c]) if is_plain else objects[c])
            masks[c].append(_bits(batch, c, 0) if is_plain else None)
    return [_joined(parts[c], masks[c]) if parts[c] else _empty(_format(kind)) for c, kind in enumerate(types)]


def arrays(result: Result) -> dict[str, Any]:
    """All columns by name; see Frame.numpy."""
    return dict(zip(names_once(result, "arrays"), _taken(result)))


def data_frame(result: Result) -> Any:
    """All columns as a pandas.DataFrame, with the dtypes that pyarrow would give them; see Frame.pandas."""
    import pandas

    found = result.columns()
    columns = dict(enumerate(_column(values, kind) for values, (_, kind) in zip(_taken(result), found)))
    frame = pandas.DataFrame(columns)
    frame.columns = pandas.Index([name for name, _ in found], dtype=None if found else object)
    return frame


def _column(values: Any, kind: str) -> Any:
    """NULL is what pandas has for it: NaN, NaT or None."""
    import pandas

    if isinstance(values, numpy.ma.MaskedArray):
        hidden, values = numpy.ma.getmaskarray(values), values.data
        if hidden.any():
            values = values.astype({"i": "f8", "u": "f8", "b": object}.get(values.dtype.kind, values.dtype))
            values[hidden] = {"M": numpy.datetime64("NaT"), "m": numpy.timedelta64("NaT"), "f": numpy.nan}.get(values.dtype.kind)
    if values.dtype.kind == "M" and kind == "TIMESTAMP WITH TIME ZONE":
        return pandas.DatetimeIndex(values).tz_localize("UTC")
    if values.dtype == "M8[D]":
        return numpy.array(values.tolist(), object)
    return values


def columns(batch: Batch, types: list[str]) -> list[Any]:
    """The columns of one batch: as in Frame.numpy, without copying numbers."""
    formats = [form for _, form in batch._formats]
    plain = [f in ("b", "tdD") or f.split(":")[0] in _DTYPES for f in formats]
    objects = _objects(batch, [c for c, is_plain in enumerate(plain) if not is_plain], types) if not all(plain) else {}
    out = []
    for c, is_plain in enumerate(plain):
        valid = _bits(batch, c, 0) if is_plain else None
        out.append(_joined([_values(batch, c, formats[c]) if is_plain else objects[c]], [valid]))
    return out


def _format(kind: str) -> str:
    """The Arrow format of an SQL type, for results without rows."""
    known = {
        "BOOLEAN": "b", "TINYINT": "c", "SMALLINT": "s", "INTEGER": "i", "BIGINT": "l", "UTINYINT": "C", "USMALLINT": "S",
        "UINTEGER": "I", "UBIGINT": "L", "REAL": "f", "DOUBLE": "g", "DATE": "tdD", "TIMESTAMP": "tsu:",
        "TIMESTAMP_S": "tss:", "TIMESTAMP_MS": "tsm:", "TIMESTAMP_NS": "tsn:", "TIMESTAMP WITH TIME ZONE": "tsu:UTC",
    }  # fmt: skip
    return known.get(kind, "u")
