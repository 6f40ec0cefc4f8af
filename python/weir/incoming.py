"""Data of the program as tables, whatever holds it.

    offer(data)         what the engine gets when it asks for a name: a stream that it reads at once, or rows that
                        every scan reads anew, with the columns it wants
    stream(data)        a stream to read now
    variables(query)    tables that words of a query name, among the variables of whoever called weir

Understood are: frames; __arrow_c_stream__ and __arrow_c_array__ (tables, batches and readers of pyarrow, polars, DuckDB ..);
polars.LazyFrame; datasets of pyarrow; pandas.DataFrame; numpy's arrays with named fields; dicts of columns; sequences
and iterators of batches; callables that give any of these. None of it needs pyarrow, except what is pyarrow's.

A reader (RecordBatchReader, an iterator) can be read once; whoever wants its rows again is told so.
"""

from __future__ import annotations

import _thread
import sys

from weir import _weir
from weir.errors import InterfaceError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any

    Pair = tuple[Any, Any]
    Offer = Any
    """A stream capsule, or (schema capsule, open, number of rows or -1); see wrp_find_table in python/src/tables.h."""

# ---- what data is


def _has(value: Any, name: str) -> bool:
    return hasattr(type(value), name)


def _is_frame(value: Any) -> bool:
    from weir.frame import Frame

    return isinstance(value, Frame)


def _is_of(value: Any, package: str, name: str) -> bool:
    kind = type(value)
    return kind.__name__ == name and kind.__module__.partition(".")[0] == package


def _is_lazy(value: Any) -> bool:
    return _is_of(value, "polars", "LazyFrame")


def _is_dataset(value: Any) -> bool:
    return _has(value, "scanner") and _has(value, "to_batches") and _has(value, "schema")


def _is_pandas(value: Any) -> bool:
    return _is_of(value, "pandas", "DataFrame")


def _is_array(value: Any) -> bool:
    """One column rather than a table: an array, a Series."""
    return hasattr(value, "dtype") or (hasattr(value, "null_count") and hasattr(value, "type"))


def _is_structured(value: Any) -> bool:
    return _is_of(value, "numpy", "ndarray") and value.dtype.names is not None


def is_reader(value: Any) -> bool:
    """Whether its rows can be read only once."""
    return any(_has(value, name) for name in ("__next__", "read_next_batch", "read_next"))


def is_data(value: Any) -> bool:
    """Whether a value is a table and nothing else: no parameter either."""
    if isinstance(value, (str, bytes, int, float, type)) or value is None:
        return False
    if _has(value, "__arrow_c_stream__") or _has(value, "__arrow_c_array__"):
        return not _is_array(value)
    return _is_lazy(value) or _is_dataset(value) or _is_pandas(value) or _is_structured(value)


def _is_like_data(value: Any) -> bool:
    """Whether a variable may be meant by the name of a table."""
    if is_data(value):
        return True
    if isinstance(value, dict):
        return bool(value) and all(isinstance(k, str) and hasattr(v, "__len__") and not isinstance(v, (str, bytes)) for k, v in value.items())
    if isinstance(value, (list, tuple)):
        return bool(value) and all(map(_is_batch, value))
    return _is_of(value, "builtins", "generator")


def _is_batch(value: Any) -> bool:
    return (_has(value, "__arrow_c_array__") or _has(value, "to_batches")) and not _is_array(value)


def variables(query: str, namespaces: Iterable[Mapping[str, Any]] | None = None) -> dict[str, Any]:
    """Variables that hold tables and whose names are words of a query; the engine asks for those it wants.

    namespaces: where to look; else locals and globals of the caller of weir.
    """
    found: dict[str, Any] = {}
    if namespaces is not None:
        for names in namespaces:
            _look(query, names, found)
        return found
    caller = sys._getframe(1)
    while caller.f_back is not None and caller.f_globals.get("__name__", "").partition(".")[0] == "weir":
        caller = caller.f_back
    local = caller.f_locals
    _look(query, local, found)
    if sys.version_info < (3, 13) and caller.f_code.co_flags & 1 and sys.getrefcount(local) <= 3:
        local.clear()  # a copy that the frame of a function keeps, which would hold what it deletes; nobody else has it
    _look(query, caller.f_globals, found)
    return found


def _look(query: str, names: Mapping[str, Any], found: dict[str, Any]) -> None:
    for name in list(names):
        if name in query and name not in found and _is_like_data(value := names.get(name)) and _is_word(name, query):
            found[name] = value


def _is_word(name: str, query: str) -> bool:
    at = query.find(name)
    while at >= 0:
        end = at + len(name)
        if not (at and (query[at - 1].isalnum() or query[at - 1] == "_")) and not (query[end : end + 1].isalnum() or query[end : end + 1] == "_"):
            return True
        at = query.find(name, at + 1)
    return False


# ---- streams


class Incoming:
    """A stream capsule, and what its iterator raised while it was read."""

    def __init__(self, capsule: Any, failures: list[BaseException]) -> None:
        self.capsule = capsule
        self._failures = failures

    def raise_own(self, error: BaseException) -> None:
        """Raises what the iterator raised, if that is why reading failed."""
        if self._failures:
            raise self._failures[0] from error


def _no_data(data: Any) -> InterfaceError:
    return InterfaceError(
        f"a {type(data).__name__} is no data that weir can read",
        hint="anything with __arrow_c_stream__ or __arrow_c_array__, such as tables of pyarrow and polars, or batches of them",
    )


def stream(data: Any) -> Incoming:
    """The Arrow stream of anything that is data; raises InterfaceError for what is not."""
    if is_reader(data):
        return _reader(data).stream()
    if not _is_pandas(data) and _has(data, "__arrow_c_stream__"):
        return Incoming(data.__arrow_c_stream__(), [])
    if _has(data, "__arrow_c_array__"):
        return _of_batches(iter([data]))
    made = _columns(data)
    if made is not None:
        schema, array = made
        return Incoming(_weir.stream_of(schema, iter([(schema, array)]), []), [])
    if _is_lazy(data):
        return Incoming(data.collect().__arrow_c_stream__(), [])
    if _is_dataset(data):
        return Incoming(data.scanner().to_reader().__arrow_c_stream__(), [])
    if hasattr(data, "__iter__") and not isinstance(data, (str, bytes)):
        return _of_batches(iter(data))
    if hasattr(data, "__dataframe__"):
        return Incoming(_by_interchange(data).__arrow_c_stream__(), [])
    if callable(data) and not isinstance(data, type):
        return stream(data())
    raise _no_data(data)


class Held:
    """All rows of a result, taken now; they can be read any number of times."""

    def __init__(self, result: _weir.Result) -> None:
        self._schema = result.__arrow_c_schema__
        self._batches: list[_weir.Batch] = []
        while (batch := result.batch()) is not None:
            self._batches.append(batch)

    def __arrow_c_stream__(self, requested_schema: object = None) -> Any:
        return _weir.stream_of(self._schema(), (b.__arrow_c_array__() for b in self._batches), [])


def _columns(data: Any) -> Pair | None:
    """What is made of columns, as one batch."""
    from weir import building

    if _is_pandas(data):
        return building.of_pandas_frame(data).capsules()
    if _is_structured(data):
        return building.of_numpy(data).capsules()
    if hasattr(data, "keys") and data:
        columns = [(str(name), building.column(values)) for name, values in data.items()]
        return building.table(columns, columns[0][1].length).capsules()
    return None


def _by_interchange(data: Any) -> Any:
    try:
        from pyarrow import interchange
    except ImportError:
        raise InterfaceError(
            f"a {type(data).__module__}.{type(data).__name__} is read through pyarrow, which is not installed", hint="pip install pyarrow"
        ) from None
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


# ---- readers: what can be read once


class _Reader:
    """The stream of a reader, taken when its columns are first wanted and given away once."""

    def __init__(self, data: Any) -> None:
        self._data = _reference(data) or (lambda: data)
        self._name = type(data).__name__
        self._lock = _thread.allocate_lock()
        self._taken: Incoming | None = None
        self._is_read = False

    def _take(self) -> Incoming:
        if self._is_read:
            raise InterfaceError(
                f"the rows of this {self._name} were read already: it gives them once",
                hint="keep them in a table: reader.read_all(), or connection.from_arrow(reader)",
            )
        if self._taken is None:
            data = self._data()
            self._taken = Incoming(data.__arrow_c_stream__(), []) if _has(data, "__arrow_c_stream__") else _of_batches(iter(data))
        return self._taken

    def stream(self) -> Incoming:
        with self._lock:
            found = self._take()
            self._is_read, self._taken = True, None
            return found

    def schema(self) -> Any:
        with self._lock:
            return _weir.stream_schema(self._take().capsule)


_readers: dict[int, tuple[Any, _Reader]] = {}


def _reference(data: Any, gone: Callable[[Any], Any] | None = None) -> Any:
    """A weak reference; None to what has none."""
    import weakref

    try:
        return weakref.ref(data, gone)
    except TypeError:
        return None


def _reader(data: Any) -> _Reader:
    """The same one for the same object, as long as that lives."""
    key = id(data)
    known = _readers.get(key)
    if known is not None and known[0]() is data:
        return known[1]
    reader = _Reader(data)
    reference = _reference(data, lambda _: _readers.pop(key, None))
    if reference is not None:
        _readers[key] = (reference, reader)
    return reader


# ---- offers


def finder(tables: Mapping[str, Any]) -> Callable[[str], Offer] | None:
    """What the engine asks for tables that it does not know; None if there are none."""
    return (lambda name: offer(tables[name]) if name in tables else None) if tables else None


def offer(data: Any) -> Offer:
    """What the engine gets for a name. Tables in memory are handed over; everything else is read when it is scanned."""
    if is_reader(data):
        reader = _reader(data)
        return reader.schema(), lambda names, most: reader.stream().capsule, -1
    if _is_frame(data):
        return data.__arrow_c_schema__(), lambda names, most: _of_frame(data, names, most), -1
    made = recipe(data)
    if made is not None:
        return made
    if _has(data, "__arrow_c_stream__") and not isinstance(data, Held) and not _is_pandas(data) and not _has(data, "num_rows") and not _has(data, "height"):
        return _anew(data.__arrow_c_stream__)
    return stream(data).capsule


def recipe(data: Any) -> Offer | None:
    """The offer of what is a recipe for rows rather than rows: lazy frames, datasets, callables. None: it is none."""
    if _is_lazy(data):
        schema = _weir.stream_schema(data.head(0).collect().__arrow_c_stream__())
        return schema, lambda names, most: _of_lazy(data, names, most), -1
    if _is_dataset(data):
        return data.schema.__arrow_c_schema__(), lambda names, most: data.scanner(columns=names).to_reader().__arrow_c_stream__(), -1
    if callable(data) and not isinstance(data, type) and not is_data(data):
        return _anew(lambda: stream(data()).capsule)
    return None


def _anew(make: Callable[[], Any]) -> Offer:
    """The first stream tells the columns, and is the one of the first scan."""
    made = [make()]
    schema = _weir.stream_schema(made[0])

    def open(names: list[str], most: int) -> Any:  # noqa: A001
        try:
            return made.pop()
        except IndexError:
            return make()

    return schema, open, -1


def _of_frame(frame: Any, names: list[str], most: int) -> Any:
    have = frame.columns
    if names and len(set(have)) == len(have):
        frame = frame.select(*names)
    return (frame if most < 0 else frame.limit(most)).__arrow_c_stream__()


def _of_lazy(frame: Any, names: list[str], most: int) -> Any:
    if most >= 0:
        frame = frame.head(most)
    if names:
        return frame.select(names).collect().__arrow_c_stream__()
    pair = _weir.array_of("+s", frame.select(sys.modules["polars"].len()).collect().item(), 0, [None])
    return _weir.stream_of(pair[0], iter([pair]), [])
