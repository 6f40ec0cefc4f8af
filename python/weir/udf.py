"""SQL functions and aggregates written in Python.

    @weir.udf.udf(["DOUBLE"], "DOUBLE")
    def twice(x):                        # a pyarrow.Array in, one of the same length out
        return pyarrow.compute.multiply(x, 2)

    weir.sql("SELECT twice(price) FROM orders")

by says what a function sees and gives: "arrow" pyarrow arrays, "numpy" arrays of numpy (no copy of numbers without NULLs),
"polars" Series, "row" one value per argument and row. Batches of rows come from several threads, a part of the rows each; Python
computes them one at a time (the GIL is held in the call alone). An exception ends the statement with weir.DatabaseError, code
W3130, which has the traceback in detail and names the rows. Definitions belong to the database: all its sessions may call
them, streams and views keep theirs, DROP FUNCTION ends them.
"""

from __future__ import annotations

import pickle
import traceback
from array import array
from collections.abc import Callable, Sequence
from typing import Any, Generic, Literal, Protocol, TypeVar

from weir import _weir
from weir._weir import Batch
from weir.connection import Connection, default_connection
from weir.errors import ProgrammingError

By = Literal["arrow", "numpy", "polars", "row"]
Volatility = Literal["immutable", "stable", "volatile"]
_VOLATILITIES = {"immutable": 0, "stable": 1, "volatile": 2}
S = TypeVar("S")


def told(error: BaseException) -> tuple[str, str]:
    """Message and traceback of an exception; called by the extension."""
    return f"{type(error).__name__}: {error}", "".join(traceback.format_exception(error)).rstrip()


# ---- arguments


def _arrow(batch: Batch, types: list[str]) -> list[Any]:
    import pyarrow

    # Most functions of pyarrow.compute know no views.
    plain = {pyarrow.string_view(): pyarrow.string(), pyarrow.binary_view(): pyarrow.binary()}
    return [c.cast(plain[c.type]) if c.type in plain else c for c in pyarrow.record_batch(batch).columns]


def _numpy(batch: Batch, types: list[str]) -> list[Any]:
    from weir.arrays import columns

    return columns(batch, types)


def _polars(batch: Batch, types: list[str]) -> list[Any]:
    import polars

    return list(polars.DataFrame(batch).get_columns())


_ARGUMENTS: dict[str, Callable[[Batch, list[str]], list[Any]]] = {"arrow": _arrow, "numpy": _numpy, "polars": _polars}

# ---- results


def _bits(values: Sequence[Any]) -> bytes:
    out = bytearray((len(values) + 7) // 8)
    for i, value in enumerate(values):
        if value:
            out[i >> 3] |= 1 << (i & 7)
    return bytes(out)


def _of_values(values: list[Any]) -> tuple[object, object]:
    """Values of Python: booleans, integers, floats, texts and bytes here, anything else through pyarrow."""
    some = [v for v in values if v is not None]
    kinds = {type(v) for v in some}
    nulls = len(values) - len(some)
    valid = _bits([v is not None for v in values]) if nulls else None
    if not some:
        return _weir.array_of("n", len(values), nulls, [])
    if kinds <= {bool}:
        return _weir.array_of("b", len(values), nulls, [valid, _bits(values)])
    if kinds <= {int, bool} and all(-(2**63) <= v < 2**63 for v in some):
        return _weir.array_of("l", len(values), nulls, [valid, array("q", [v or 0 for v in values])])
    if kinds <= {float, int, bool}:
        return _weir.array_of("g", len(values), nulls, [valid, array("d", [0.0 if v is None else v for v in values])])
    if kinds in ({str}, {bytes}):
        parts = [b"" if v is None else v.encode() if isinstance(v, str) else v for v in values]
        ends, offsets = 0, array("q", [0])
        for part in parts:
            ends += len(part)
            offsets.append(ends)
        return _weir.array_of("U" if kinds == {str} else "Z", len(values), nulls, [valid, offsets, b"".join(parts)])
    import pyarrow

    return pyarrow.array(values).__arrow_c_array__()  # type: ignore[no-any-return]


_FORMATS = {"i1": "c", "i2": "s", "i4": "i", "i8": "l", "u1": "C", "u2": "S", "u4": "I", "u8": "L", "f4": "f", "f8": "g"}


def _of_numpy(values: Any) -> tuple[object, object]:
    import numpy

    mask = numpy.ma.getmaskarray(values) if isinstance(values, numpy.ma.MaskedArray) else None
    plain = numpy.ascontiguousarray(numpy.ma.getdata(values))
    form = _FORMATS.get(plain.dtype.str[1:]) if plain.dtype.isnative and plain.ndim == 1 else None
    if plain.dtype == bool and plain.ndim == 1:
        form, plain = "b", numpy.packbits(plain, bitorder="little")
    if form is None:
        listed = values.tolist()
        return _of_values(listed if isinstance(listed, list) else [listed])
    valid = None if mask is None or not mask.any() else numpy.packbits(~mask, bitorder="little")
    return _weir.array_of(form, len(values), 0 if mask is None else int(mask.sum()), [valid, plain])


def result(values: Any, rows: int) -> tuple[object, object]:
    """What a function gave, as capsules: anything with __arrow_c_array__, arrays of numpy, Series, sequences, or one value."""
    if hasattr(values, "combine_chunks") and hasattr(values, "chunks"):  # pyarrow.ChunkedArray
        values = values.combine_chunks()
    if hasattr(values, "__arrow_c_array__"):
        return values.__arrow_c_array__()  # type: ignore[no-any-return]
    if type(values).__module__.split(".")[0] == "polars":
        return values.to_arrow().__arrow_c_array__()  # type: ignore[no-any-return]
    if hasattr(values, "dtype") and getattr(values, "ndim", 0) == 1:
        return _of_numpy(values.to_numpy() if hasattr(values, "to_numpy") else values)
    if isinstance(values, (list, tuple)):
        return _of_values(list(values))
    plain = values.as_py() if hasattr(values, "as_py") else values.item() if hasattr(values, "item") else values
    return _of_values([plain] * rows)


# ---- functions

_PLAIN = {
    "TINYINT": "i1", "SMALLINT": "i2", "INTEGER": "i4", "BIGINT": "i8", "UTINYINT": "u1", "USMALLINT": "u2", "UINTEGER": "u4",
    "UBIGINT": "u8", "REAL": "f4", "DOUBLE": "f8",
}  # fmt: skip


def _of_numbers(function: Callable[..., Any], types: list[str]) -> Callable[[Batch], tuple[object, object]] | None:
    """The call of a function over numbers without NULLs, with as little as possible around it; None if some are others."""
    import numpy

    codes = [_PLAIN[kind.upper()] for kind in types if kind.upper() in _PLAIN]
    if not codes or len(codes) < len(types):
        return None
    plan = [(i, numpy.dtype(code), numpy.dtype(code).itemsize) for i, code in enumerate(codes)]
    array_of, frombuffer, ndarray = _weir.array_of, numpy.frombuffer, numpy.ndarray
    formats: dict[Any, str] = {numpy.dtype(code): form for code, form in _FORMATS.items()}

    def call(batch: Batch) -> tuple[object, object]:
        values = function(*[frombuffer(batch._buffer(i, 1, width), dtype) for i, dtype, width in plan])
        if type(values) is ndarray and values.ndim == 1 and values.dtype in formats and values.flags.c_contiguous:
            return array_of(formats[values.dtype], len(values), 0, [None, values])
        return result(values, batch.num_rows)

    return call


def _check(arguments: Sequence[str], by: str) -> list[str]:
    if by not in (*_ARGUMENTS, "row"):
        raise ProgrammingError(f'by is "{by}"', hint="arrow, numpy, polars or row")
    if isinstance(arguments, str):
        raise ProgrammingError("the types of the arguments are a list", hint=f'["{arguments}"]')
    return list(arguments)


def create_function(
    name: str,
    function: Callable[..., Any],
    arguments: Sequence[str],
    returns: str,
    *,
    by: By = "arrow",
    volatility: Volatility = "immutable",
    nulls: bool = False,
    serial: bool = False,
    connection: Connection | None = None,
) -> None:
    """Makes a function of Python an SQL function; one with the same name and types of arguments is replaced, a built-in one hidden.

    Forms of one name with different arguments stand side by side; a call takes the one that fits best.

    arguments, returns: SQL types ("DOUBLE", "DECIMAL(10,2)", "VARCHAR[]"); results are converted to returns if they can be.
    volatility: "immutable" (the same arguments give the same), "stable" (within a statement), "volatile". nulls: the
    function sees NULLs; otherwise rows with one are NULL and are not passed. serial: one call at a time.
    """
    types = _check(arguments, by)

    def call(batch: Batch) -> tuple[object, object]:
        rows = batch.num_rows
        if by == "row":
            given = batch._rows(types) if types else [()] * rows
            return _of_values([function(*values) for values in given])
        values = function(*_ARGUMENTS[by](batch, types))
        return result(values, rows)

    quick = _of_numbers(function, types) if by == "numpy" and not nulls else None
    on = connection or default_connection()
    _weir.function_create(on._session, name, function.__doc__, types, returns, _VOLATILITIES[volatility], nulls, serial, quick or call)


def udf(
    arguments: Sequence[str],
    returns: str,
    *,
    name: str | None = None,
    by: By = "arrow",
    volatility: Volatility = "immutable",
    nulls: bool = False,
    serial: bool = False,
    connection: Connection | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """create_function() as a decorator; name: that of the function if it is not given. The function stays as it is."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        create_function(
            name or function.__name__, function, arguments, returns, by=by, volatility=volatility, nulls=nulls, serial=serial,
            connection=connection,
        )  # fmt: skip
        return function

    return decorate


# ---- aggregates


class Aggregate(Protocol):
    """One state: that of a group, or of a window. A class of these is what @udaf decorates; it is made without arguments.

    state() and the class method of_state() are for checkpoints of streams and for groups that do not fit in memory; without
    them a state is pickled. retract(*columns) forgets rows that were given to update(), in streams whose rows are taken back;
    without it such streams keep the rows of every group and begin again with a new state.
    """

    def update(self, *columns: Any) -> None:
        """Takes some rows more: an array per argument (with by="row" it is called for each row with its values)."""

    def merge(self, other: Any) -> None:
        """Takes what another state has seen; other stays as it is."""

    def evaluate(self) -> Any:
        """The result, as a value of Python. More rows may come later."""


class _Methods(Generic[S]):
    """What the extension calls."""

    def __init__(self, kind: Callable[[], S], types: list[str], by: By) -> None:
        self.new = kind
        self._types = types
        self._by = by

    def update(self, states: list[Any], batch: Batch, starts: list[int]) -> None:
        self._feed([state.update for state in states], batch, starts)

    def retract(self, states: list[Any], batch: Batch, starts: list[int]) -> None:
        self._feed([state.retract for state in states], batch, starts)

    def _feed(self, takers: list[Callable[..., None]], batch: Batch, starts: list[int]) -> None:
        if self._by == "row":
            rows = batch._rows(self._types) if self._types else [()] * batch.num_rows
            for k, take in enumerate(takers):
                for values in rows[starts[k] : starts[k + 1]]:
                    take(*values)
            return
        columns = _ARGUMENTS[self._by](batch, self._types)
        for k, take in enumerate(takers):
            if starts[k + 1] > starts[k]:
                take(*(c[starts[k] : starts[k + 1]] for c in columns))

    def merge(self, into: Any, other: Any) -> None:
        into.merge(other)

    def evaluate(self, states: list[Any]) -> tuple[object, object]:
        found = [state.evaluate() for state in states]
        return _of_values([v.as_py() if hasattr(v, "as_py") else v.item() if hasattr(v, "item") else v for v in found])

    def save(self, state: Any) -> bytes:
        return bytes(state.state()) if hasattr(state, "state") else pickle.dumps(state)

    def load(self, saved: bytes) -> Any:
        make = getattr(self.new, "of_state", None)
        return make(saved) if make else pickle.loads(saved)


def create_aggregate(
    name: str,
    kind: Callable[[], Any],
    arguments: Sequence[str],
    returns: str,
    *,
    by: By = "arrow",
    nulls: bool = False,
    ordered: bool = False,
    serial: bool = False,
    state_bytes: int = 256,
    connection: Connection | None = None,
) -> None:
    """Makes a class (see Aggregate) an SQL aggregate, also for windows and streams.

    ordered: rows come in the order that ORDER BY inside the call says, which takes more memory. state_bytes: about what
    a state takes, for the memory limit. The rest is as for create_function().
    """
    types = _check(arguments, by)
    on = connection or default_connection()
    methods = _Methods(kind, types, by)
    takes_back = hasattr(kind, "retract")
    _weir.aggregate_create(on._session, name, kind.__doc__, types, returns, nulls, ordered, serial, state_bytes, takes_back, methods)


def udaf(
    arguments: Sequence[str],
    returns: str,
    *,
    name: str | None = None,
    by: By = "arrow",
    nulls: bool = False,
    ordered: bool = False,
    serial: bool = False,
    state_bytes: int = 256,
    connection: Connection | None = None,
) -> Callable[[type[S]], type[S]]:
    """create_aggregate() as a decorator of a class; name: that of the class if it is not given."""

    def decorate(kind: type[S]) -> type[S]:
        create_aggregate(
            name or kind.__name__, kind, arguments, returns, by=by, nulls=nulls, ordered=ordered, serial=serial,
            state_bytes=state_bytes, connection=connection,
        )  # fmt: skip
        return kind

    return decorate
