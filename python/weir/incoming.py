"""Data of the program as Arrow streams: whatever kind of table it is.

Understood are, in this order: __arrow_c_stream__ (pyarrow tables and readers, polars, DuckDB, weir's own frames),
__arrow_c_array__ (record batches), record batch readers without either, pandas without pyarrow (through numpy),
__dataframe__ (the interchange protocol, by pyarrow), sequences and iterators of batches, dicts of columns (by pyarrow).
"""

from __future__ import annotations

from weir import _weir
from weir.errors import InterfaceError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    Pair = tuple[Any, Any]


def is_data(value: Any) -> bool:
    """Whether a value is a table rather than a parameter."""
    return any(hasattr(value, name) for name in ("__arrow_c_stream__", "__arrow_c_array__", "__dataframe__"))


class Incoming:
    """A stream capsule, and what its iterator raised while it was read."""

    def __init__(self, capsule: Any, failures: list[BaseException]) -> None:
        self.capsule = capsule
        self._failures = failures

    def raise_own(self, error: BaseException) -> None:
        """Raises what the iterator raised, if that is why reading failed."""
        if self._failures:
            raise self._failures[0] from error


def stream(data: Any) -> Incoming:
    """The Arrow stream of anything that is data; raises InterfaceError for what is not."""
    if hasattr(data, "__arrow_c_stream__"):
        return Incoming(data.__arrow_c_stream__(), [])
    if hasattr(data, "__arrow_c_array__"):
        return _of_batches(iter([data]))
    if type(data).__module__.startswith("pandas.") or hasattr(data, "__dataframe__") or isinstance(data, dict):
        return Incoming(_by_pyarrow(data).__arrow_c_stream__(), [])
    if hasattr(data, "__iter__") and not isinstance(data, (str, bytes)):
        return _of_batches(iter(data))
    raise InterfaceError(
        f"a {type(data).__name__} is no data that weir can read",
        hint="anything with __arrow_c_stream__ or __arrow_c_array__, such as tables of pyarrow and polars, or batches of them",
    )


def held(result: _weir.Result) -> Incoming:
    """All rows of a result, taken now."""
    batches = []
    while (batch := result.batch()) is not None:
        batches.append(batch)
    return Incoming(_weir.stream_of(result.__arrow_c_schema__(), (b.__arrow_c_array__() for b in batches), []), [])


def _by_pyarrow(data: Any) -> Any:
    try:
        import pyarrow
    except ImportError:
        raise InterfaceError(
            f"a {type(data).__module__}.{type(data).__name__} of this version is read through pyarrow, which is not installed",
            hint="pip install pyarrow",
        ) from None
    if isinstance(data, dict):
        return pyarrow.table(data)
    if type(data).__module__.startswith("pandas."):
        return pyarrow.Table.from_pandas(data)
    from pyarrow import interchange

    return interchange.from_dataframe(data)


def pairs(batch: Any) -> Iterator[Pair]:
    """The capsules of schema and array of one batch; of a table, of each of its batches."""
    if hasattr(batch, "__arrow_c_array__"):
        yield batch.__arrow_c_array__()
    elif hasattr(batch, "to_batches"):
        for part in batch.to_batches():
            yield part.__arrow_c_array__()
    else:
        raise InterfaceError(f"a {type(batch).__name__} is no batch: it has no __arrow_c_array__")



def _of_batches(batches: Iterator[Any]) -> Incoming:
    failures: list[BaseException] = []

    def each() -> Iterator[Pair]:
        for batch in batches:
            yield from pairs(batch)

    rest = each()
    first = next(rest, None)
    if first is None:
        raise InterfaceError("there are no batches, so nothing says which columns there are", hint="pass a table with a schema")

    def again() -> Iterator[Pair]:
        yield first
        yield from rest

    return Incoming(_weir.stream_of(first[0], again(), failures), failures)
