"""Values of Python as text and SQL type: what the extension has no function for (include/weir/weir.h, weir_bind_typed)."""

from __future__ import annotations

import datetime
import decimal
import uuid
from collections.abc import Callable
from typing import Any

from weir import text
from weir.errors import NotSupportedError
from weir.interval import Interval


def interval_text(months: int, days: int, microseconds: int) -> str:
    """An interval as the engine reads it."""
    return f"{months} months {days} days {microseconds} microseconds"


def decimal_type(value: decimal.Decimal) -> str:
    """The type with just the digits of a finite decimal."""
    _, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        raise ValueError(f"{value} is no number that a DECIMAL can hold")
    scale = max(0, -exponent)
    return f"DECIMAL({max(len(digits) + max(0, exponent), scale, 1)}, {scale})"


TYPED: dict[type, tuple[Callable[[Any], str], Callable[[Any], str]]] = {
    datetime.date: (str, lambda _: "DATE"),
    datetime.datetime: (str, lambda v: "TIMESTAMP" if v.tzinfo is None else "TIMESTAMP WITH TIME ZONE"),
    datetime.timedelta: (
        lambda v: interval_text(0, v.days, v.seconds * 1000000 + v.microseconds),
        lambda _: "INTERVAL",
    ),
    Interval: (lambda v: interval_text(*v), lambda _: "INTERVAL"),
    decimal.Decimal: (lambda v: f"{v:f}", decimal_type),
    uuid.UUID: (str, lambda _: "UUID"),
}


def _unsupported(value: object, why: str) -> NotSupportedError:
    return NotSupportedError(f"a {type(value).__name__} cannot be a parameter: {why}", code="W0104", sqlstate="0A000")


def _inside(value: Any) -> tuple[str, str | None]:
    """An element of a list or field of a struct: its text there, and its type (None: NULL)."""
    if value is None:
        return "NULL", None
    if isinstance(value, bool):
        return ("true" if value else "false"), "BOOLEAN"
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return str(value), "BIGINT"
    if isinstance(value, float):
        return repr(value), "DOUBLE"
    if isinstance(value, str):
        return _in_quotes(value), "VARCHAR"
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields") or isinstance(value, dict):
        pair = typed(value)
        assert pair is not None
        return pair
    if isinstance(value, (bytes, bytearray)):
        raise _unsupported([], "lists of bytes are not written as text")
    pair = typed(value)
    return ("NULL", None) if pair is None else (_in_quotes(pair[0]), pair[1])


def _in_quotes(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _wider(a: str | None, b: str | None, value: object) -> str | None:
    if a is None or b is None or a == b:
        return a or b
    if {a, b} == {"BIGINT", "DOUBLE"}:
        return "DOUBLE"
    if a.startswith("DECIMAL(") and b.startswith("DECIMAL("):
        (p, s), (q, t) = ([int(n) for n in name[8:-1].split(",")] for name in (a, b))
        scale = max(s, t)
        return f"DECIMAL({max(p - s, q - t) + scale}, {scale})"
    if a.endswith("[]") and b.endswith("[]"):
        return f"{_wider(a[:-2], b[:-2], value)}[]"
    raise _unsupported(value, f"its elements are {a} and {b}")


def _list(values: Any) -> tuple[str, str]:
    kind: str | None = None
    texts = []
    for value in values:
        shown, its_kind = _inside(value)
        texts.append(shown)
        kind = _wider(kind, its_kind, values)
    return f"[{', '.join(texts)}]", f"{kind or 'VARCHAR'}[]"


def _struct(values: dict[Any, Any]) -> tuple[str, str]:
    texts, kinds = [], []
    if not values:
        raise _unsupported(values, "a STRUCT has fields")
    for name, value in values.items():
        if not isinstance(name, str):
            raise _unsupported(values, "the keys are names of fields")
        shown, kind = _inside(value)
        texts.append(f"{_in_quotes(name)}: {shown}")
        kinds.append(f"{text.identifier(name)} {kind or 'VARCHAR'}")
    return "{" + ", ".join(texts) + "}", f"STRUCT({', '.join(kinds)})"


def typed(value: Any) -> tuple[str, str] | None:
    """The text of a value and the SQL type it is read as; None for what stands for NULL (pandas.NA, NaT).

    int beyond 64 bits is HUGEINT; date, datetime (with a zone: TIMESTAMP WITH TIME ZONE), time, timedelta, Interval,
    Decimal and UUID are what they are called; lists, tuples and arrays of numpy are lists of one type; dicts are
    structs; scalars of numpy are what item() gives. Anything else raises NotSupportedError.
    """
    if isinstance(value, bool):
        return ("true" if value else "false"), "BOOLEAN"
    if isinstance(value, int):
        return str(int(value)), "BIGINT" if -(2**63) <= value < 2**63 else "HUGEINT"
    if isinstance(value, float):
        return repr(float(value)), "DOUBLE"
    if isinstance(value, str):
        return str(value), "VARCHAR"
    known = TYPED.get(type(value))
    if known:
        try:
            return known[0](value), known[1](value)
        except ValueError as why:
            raise _unsupported(value, str(why)) from None
    if isinstance(value, datetime.time):
        if value.tzinfo is not None:
            raise _unsupported(value, "a TIME has no zone")
        return str(value), "TIME"
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    if hasattr(value, "tolist") and getattr(value, "ndim", False):  # numpy.ndarray
        return _list(value.tolist())
    if hasattr(value, "item") and hasattr(value, "dtype"):  # a scalar of numpy
        plain = value.item()
        if type(plain) is not type(value):
            return None if plain is None else typed(plain)
    if isinstance(value, (list, tuple)):
        return _list(value)
    if isinstance(value, dict):
        return _struct(value)
    for kind, (write, name) in TYPED.items():  # subclasses, such as pandas.Timestamp
        if isinstance(value, kind) and kind is not datetime.date:
            return write(value), name(value)
    if isinstance(value, datetime.date):
        return str(value), "DATE"
    raise _unsupported(value, "there is no SQL type for it")


def bound(value: Any) -> tuple[str, str] | tuple[Any, Any] | None:
    """What the extension binds for a value it has no function for: text and type as typed() gives them; for lists, structs,
    arrays and scalars of pyarrow capsules of an array whose first value it is; None for NULL."""
    if isinstance(value, (list, tuple, set, frozenset, range, dict)) and not isinstance(value, Interval):
        from weir import building

        return building.of_values([value]).capsules()
    if hasattr(value, "as_py"):  # a scalar of pyarrow
        import pyarrow

        return pyarrow.array([value.as_py()], value.type).__arrow_c_array__()  # type: ignore[no-any-return]
    if getattr(value, "ndim", 1) and any(hasattr(type(value), n) for n in ("tolist", "to_list", "__arrow_c_array__", "__arrow_c_stream__")):
        from weir import building

        return building.list_of(building.column(value)).capsules()
    return typed(value)
