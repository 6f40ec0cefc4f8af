"""Arrow arrays made of what Python has: lists of values, arrays of numpy, columns of pandas. pyarrow is not needed.

A Column is buffers and what they are called in Arrow; capsules() hands them out any number of times, nothing is copied
then. What kind of values a list has is found by looking at all of them; None, NaT and pandas.NA are NULL.
"""

from __future__ import annotations

import datetime
import decimal
import itertools
import struct
import sys
import uuid
from array import array
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from weir import _weir
from weir.errors import DataError, NotSupportedError
from weir.interval import Interval

Pair = tuple[Any, Any]
UUID_NAME = b"\x01\0\0\0\x14\0\0\0ARROW:extension:name\x0a\0\0\0arrow.uuid"


class Column(NamedTuple):
    """An array: buffers of its own and of what is below it."""

    format: str
    length: int
    nulls: int
    buffers: list[Any]
    children: tuple[tuple[str, Any], ...] = ()
    dictionary: Any = None
    metadata: bytes | None = None

    def capsules(self) -> Pair:
        """Capsules of schema and array, new each time."""
        below = [(name, child.capsules()) for name, child in self.children]
        codes = None if self.dictionary is None else self.dictionary.capsules()
        return _weir.array_of(self.format, self.length, self.nulls, self.buffers, below, codes, self.metadata)


class Given:
    """An array that another package holds."""

    def __init__(self, data: Any, length: int) -> None:
        self._data = data
        self.length = length

    def capsules(self) -> Pair:
        """Capsules of schema and array, new each time."""
        pair: Pair = self._data.__arrow_c_array__()
        return pair


AnyColumn = Column | Given


def table(columns: Sequence[tuple[str, AnyColumn]], length: int) -> Column:
    """Columns of one length as a struct."""
    for name, column in columns:
        if column.length != length:
            raise DataError(f'the columns have different lengths: "{name}" has {column.length} values, others {length}')
    return Column("+s", length, 0, [None], tuple(columns))


def list_of(column: AnyColumn) -> Column:
    """One list of all values of a column."""
    return Column("+L", 1, 0, [None, array("q", [0, column.length])], (("item", column),))


# ---- what values are


class Kind(NamedTuple):
    """The type of values: a name, and what lists and structs have inside."""

    name: str
    inside: tuple[tuple[str, Kind], ...] = ()
    digits: tuple[int, int] = (0, 0)  # of a decimal, before and behind the point

    def __str__(self) -> str:
        return self.name


NULL = Kind("NULL")
_PLAIN = {
    bool: "BOOLEAN", float: "DOUBLE", str: "VARCHAR", bytes: "BLOB", bytearray: "BLOB", memoryview: "BLOB", uuid.UUID: "UUID",
    datetime.timedelta: "INTERVAL", Interval: "INTERVAL",
}  # fmt: skip
_KINDS = {kind: Kind(name) for kind, name in _PLAIN.items()}
_WHOLE, _HUGE = Kind("BIGINT"), Kind("HUGEINT")


def unsupported(value: object, why: str) -> NotSupportedError:
    """What cannot be brought over."""
    return NotSupportedError(f"a {type(value).__name__} cannot be a value: {why}", code="W0104", sqlstate="0A000")


def plain(value: Any) -> Any:
    """A value without numpy's and pandas' clothes; None for what stands for NULL."""
    name = type(value).__name__
    if name in ("NAType", "NaTType"):
        return None
    if hasattr(value, "dtype") and hasattr(value, "item") and not getattr(value, "ndim", 1):
        if value.dtype.kind in "mM":
            return _of_numpy_time(value)
        return value.item()
    if hasattr(value, "as_py"):
        return value.as_py()
    if name == "DateOffset" and hasattr(value, "kwds"):
        return _of_offset(value.kwds)
    return value


def _of_offset(parts: Mapping[str, int]) -> Interval:
    """What pandas makes of an INTERVAL."""
    get = parts.get
    seconds = get("seconds", 0) + 60 * (get("minutes", 0) + 60 * get("hours", 0))
    micros = get("nanoseconds", 0) // 1000 + get("microseconds", 0) + 1000 * get("milliseconds", 0) + 1000000 * seconds
    return Interval(12 * get("years", 0) + get("months", 0), 7 * get("weeks", 0) + get("days", 0), micros)


def _of_numpy_time(value: Any) -> Any:
    if value.dtype.str.endswith("[D]"):
        return value.item()
    return value.astype(f"{value.dtype.kind}8[us]").item()


def _decimal_digits(value: decimal.Decimal) -> tuple[int, int]:
    _, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        raise unsupported(value, f"{value} is no number that a DECIMAL can hold")
    return max(len(digits) + exponent, 0), max(-exponent, 0)


def kind_of(value: Any) -> Kind:
    """The kind of one value that plain() gave. NotSupportedError if there is none."""
    known = _KINDS.get(type(value))
    if known is not None:
        return known
    if value is None:
        return NULL
    if isinstance(value, bool):
        return _KINDS[bool]
    if isinstance(value, int):
        if -(2**63) <= value < 2**63:
            return _WHOLE
        if abs(value) < 10**38:
            return _HUGE
        raise unsupported(value, "it has more than 38 digits")
    if isinstance(value, decimal.Decimal):
        return Kind("DECIMAL", (), _decimal_digits(value))
    if isinstance(value, datetime.datetime):
        return Kind("TIMESTAMP" if value.tzinfo is None else "TIMESTAMP WITH TIME ZONE")
    if isinstance(value, datetime.date):
        return Kind("DATE")
    if isinstance(value, datetime.time):
        if value.tzinfo is not None:
            raise unsupported(value, "a TIME has no zone")
        return Kind("TIME")
    for base in (float, str, bytes, uuid.UUID, datetime.timedelta):
        if isinstance(value, base):
            return _KINDS[base]
    if isinstance(value, Mapping):
        return _struct_kind(value)
    if isinstance(value, (list, tuple, set, frozenset, range)) or hasattr(value, "tolist"):
        return Kind("LIST", (("item", kind_of_all(_items(value))),))
    raise unsupported(value, "there is no SQL type for it")


def _items(value: Any) -> list[Any]:
    return value.tolist() if hasattr(value, "tolist") else list(value)


def _struct_kind(value: Mapping[Any, Any]) -> Kind:
    if not value:
        raise unsupported(value, "a STRUCT has fields")
    for name in value:
        if not isinstance(name, str):
            raise unsupported(value, "the keys are names of fields")
    return Kind("STRUCT", tuple((name, kind_of(plain(v))) for name, v in value.items()))


_CHAIN = ["BIGINT", "HUGEINT", "DECIMAL", "DOUBLE"]


def _wider(a: Kind, b: Kind) -> Kind:
    if a == b or b is NULL:
        return a
    if a is NULL:
        return b
    if a.name in _CHAIN and b.name in _CHAIN:
        name = max(a.name, b.name, key=_CHAIN.index)
        digits = [_digits_of(a), _digits_of(b)]
        return Kind(name, (), (max(d[0] for d in digits), max(d[1] for d in digits)) if name == "DECIMAL" else (0, 0))
    if a.name == b.name == "LIST":
        return Kind("LIST", (("item", _wider(a.inside[0][1], b.inside[0][1])),))
    if a.name == b.name == "STRUCT":
        fields = dict(a.inside)
        for name, kind in b.inside:
            fields[name] = _wider(fields.get(name, NULL), kind)
        return Kind("STRUCT", tuple(fields.items()))
    raise unsupported([], f"its elements are {a} and {b}")


def _digits_of(kind: Kind) -> tuple[int, int]:
    return {"BIGINT": (19, 0), "HUGEINT": (38, 0)}.get(kind.name, kind.digits)


def kind_of_all(values: Sequence[Any]) -> Kind:
    """The one kind that all values have or can be widened to."""
    types = set(map(type, values)) - {type(None)}
    if len(types) == 1 and (known := _KINDS.get(next(iter(types)))) is not None:
        return known
    found = NULL
    for value in values:
        kind = kind_of(plain(value))
        if kind is not found:
            found = _wider(found, kind)
    return found


# ---- arrays of values


def _bits(flags: Sequence[Any]) -> bytes:
    out = bytearray((len(flags) + 7) // 8)
    for i, flag in enumerate(flags):
        if flag:
            out[i >> 3] |= 1 << (i & 7)
    return bytes(out)


def _validity(values: Sequence[Any]) -> tuple[int, bytes | None]:
    nulls = sum(v is None for v in values)
    return nulls, _bits([v is not None for v in values]) if nulls else None


_DAY0 = datetime.date(1970, 1, 1).toordinal()
_MOMENT0 = datetime.datetime(1970, 1, 1)
_MOMENT0_UTC = _MOMENT0.replace(tzinfo=datetime.timezone.utc)


def _micros(span: datetime.timedelta) -> int:
    return (span.days * 86400 + span.seconds) * 1000000 + span.microseconds


def _span(value: Any) -> bytes:
    months, days, micros = value if isinstance(value, Interval) else (0, value.days, value.seconds * 1000000 + value.microseconds)
    try:
        return struct.pack("<iiq", months, days, micros * 1000)
    except struct.error:
        raise unsupported(value, "it is too long for an INTERVAL of Arrow") from None


def _wide(number: int) -> bytes:
    return number.to_bytes(16, "little", signed=True)


def _decimals(values: Sequence[Any], scale: int) -> bytes:
    def whole(value: Any) -> int:
        if isinstance(value, int):
            return value * int(10**scale)
        sign, digits, exponent = value.as_tuple()
        number: int = int("".join(map(str, digits)) or "0") * 10 ** (exponent + scale)
        return -number if sign else number

    return b"".join(_wide(0 if v is None else whole(v)) for v in values)


_WRITERS: dict[str, tuple[str, Callable[[list[Any]], Any]]] = {
    "BOOLEAN": ("b", _bits),
    "BIGINT": ("l", lambda vs: array("q", [v or 0 for v in vs])),
    "DOUBLE": ("g", lambda vs: array("d", [0.0 if v is None else v for v in vs])),
    "HUGEINT": ("d:38,0", lambda vs: b"".join(_wide(v or 0) for v in vs)),
    "DATE": ("tdD", lambda vs: array("i", [0 if v is None else v.toordinal() - _DAY0 for v in vs])),
    "TIME": ("ttu", lambda vs: array("q", [0 if v is None else ((v.hour * 60 + v.minute) * 60 + v.second) * 1000000 + v.microsecond for v in vs])),
    "TIMESTAMP": ("tsu:", lambda vs: array("q", [0 if v is None else _micros(v - _MOMENT0) for v in vs])),
    "TIMESTAMP WITH TIME ZONE": ("tsu:UTC", lambda vs: array("q", [0 if v is None else _micros(v - _MOMENT0_UTC) for v in vs])),
    "INTERVAL": ("tin", lambda vs: b"".join(bytes(16) if v is None else _span(v) for v in vs)),
    "UUID": ("w:16", lambda vs: b"".join(bytes(16) if v is None else v.bytes for v in vs)),
}


def _texts(values: list[Any], takes_bytes: bool, nan_is_null: bool = False) -> Column | None:
    found = _weir.text_buffers(values, takes_bytes, nan_is_null)
    if found is None:
        return None
    nulls, valid, offsets, held = found
    return Column("Z" if takes_bytes else "U", len(values), nulls, [valid, offsets, held])


def _nested(kind: Kind, values: list[Any]) -> Column:
    nulls, valid = _validity(values)
    if kind.name == "STRUCT":
        fields = [(name, _made(inner, [None if v is None else plain(v.get(name)) for v in values])) for name, inner in kind.inside]
        return Column("+s", len(values), nulls, [valid], tuple(fields))
    parts = [() if v is None else _items(v) for v in values]
    offsets = array("q", itertools.accumulate(map(len, parts), initial=0))
    items = [plain(v) for v in itertools.chain.from_iterable(parts)]
    return Column("+L", len(values), nulls, [valid, offsets], (("item", _made(kind.inside[0][1], items)),))


def _made(kind: Kind, values: list[Any]) -> Column:
    if kind is NULL:
        return Column("n", len(values), len(values), [])
    if kind.name in ("VARCHAR", "BLOB"):
        found = _texts([bytes(v) if isinstance(v, (bytearray, memoryview)) else v for v in values] if kind.name == "BLOB" else values, kind.name == "BLOB")
        assert found is not None
        return found
    if kind.inside:
        return _nested(kind, values)
    nulls, valid = _validity(values)
    if kind.name == "DECIMAL":
        before, scale = kind.digits
        if before + scale > 38:
            raise unsupported(decimal.Decimal(), f"{before} digits before the point and {scale} behind it are more than 38")
        return Column(f"d:{max(before + scale, 1)},{scale}", len(values), nulls, [valid, _decimals(values, scale)])
    form, write = _WRITERS[kind.name]
    return Column(form, len(values), nulls, [valid, write(values)], metadata=UUID_NAME if kind.name == "UUID" else None)


def of_values(values: list[Any], nan_is_null: bool = False) -> Column:
    """A column of a list of values. nan_is_null: as pandas has it among objects. NotSupportedError for what has no type."""
    first = next((v for v in values if v is not None), None)
    if isinstance(first, (str, bytes)) and (found := _texts(values, isinstance(first, bytes), nan_is_null)) is not None:
        return found
    simple = [plain(v) for v in values]
    if nan_is_null:
        simple = [[None if x != x else x for x in v.tolist()] if hasattr(v, "dtype") and v.dtype.kind == "f" and v.ndim == 1 else v for v in simple]
    if nan_is_null and any(type(v) is not float for v in simple if v is not None):
        simple = [None if isinstance(v, float) and v != v else v for v in simple]
    try:
        return _made(kind_of_all(simple), simple)
    except OverflowError as error:
        raise DataError(f"a value is out of the range of its type: {error}") from None


# ---- arrays of numpy

_NUMBERS = {"i1": "c", "u1": "C", "i2": "s", "u2": "S", "i4": "i", "u4": "I", "i8": "l", "u8": "L", "f2": "e", "f4": "f", "f8": "g"}


def _mask_bits(hidden: Any) -> tuple[int, Any]:
    import numpy

    nulls = int(hidden.sum())
    return nulls, numpy.packbits(~hidden, bitorder="little") if nulls else None


def of_numpy(values: Any, hidden: Any = None) -> Column:
    """A column of an array of numpy, whose buffer it shares where it can. hidden: a mask of NULLs; NaT is NULL, too.

    Of more than one dimension: lists of one length. NotSupportedError for dtypes SQL has nothing like.
    """
    import numpy

    if isinstance(values, numpy.ma.MaskedArray):
        hidden = numpy.ma.getmaskarray(values) if hidden is None else hidden
        values = values.filled() if values.dtype.kind in "OUS" else values.data
    if values.ndim > 1:
        width = int(numpy.prod(values.shape[1:]))
        inner = of_numpy(values.reshape(-1)) if values.ndim == 2 else of_numpy(values.reshape(-1, *values.shape[2:]))
        size = values.shape[1] if values.ndim > 2 else width
        return Column(f"+w:{size}", len(values), 0, [None], (("item", inner),))
    dtype, count = values.dtype, len(values)
    if dtype.kind in "OUS":
        listed = values.tolist()
        return of_values(listed if hidden is None else [None if h else v for v, h in zip(listed, hidden.tolist())])
    if dtype.fields is not None:
        return table([(name, of_numpy(values[name])) for name in dtype.names], count)
    if not dtype.isnative:
        values = values.astype(dtype.newbyteorder("="))
    values = numpy.ascontiguousarray(values)
    if dtype.kind in "mM":
        return _of_times(values, hidden)
    nulls, valid = (0, None) if hidden is None else _mask_bits(hidden)
    if dtype.kind == "b":
        return Column("b", count, nulls, [valid, numpy.packbits(values, bitorder="little")])
    form = _NUMBERS.get(values.dtype.str[1:])
    if form is None:
        raise unsupported(values, f"there is no SQL type like {dtype}")
    return Column(form, count, nulls, [valid, values])


def _of_times(values: Any, hidden: Any, zone: str = "") -> Column:
    import numpy

    unit, each = numpy.datetime_data(values.dtype)
    kind = values.dtype.kind
    if unit not in ("s", "ms", "us", "ns") or each != 1:
        wanted = "s" if kind == "m" or unit in ("h", "m") else "D"
        values = values.astype(f"{kind}8[{wanted}]")
        unit = wanted
    missing = numpy.isnat(values)
    nulls, valid = _mask_bits(missing if hidden is None else missing | hidden)
    whole = values.view("i8")
    if unit == "D":
        return Column("tdD", len(values), nulls, [valid, numpy.where(missing, 0, whole).astype("i4")])
    form = f"tD{unit[0]}" if kind == "m" else f"ts{unit[0]}:{zone}"
    return Column(form, len(values), nulls, [valid, whole])


# ---- columns of pandas

_REFUSED = {
    "period": "cast it: column.dt.to_timestamp()",
    "interval": "take its ends: .left and .right",
    "Sparse": "make it dense: column.sparse.to_dense()",
}


def of_pandas(column: Any) -> AnyColumn:
    """A column of a pandas.Series or Index. NaN of numpy's floats is NULL. NotSupportedError for what SQL has nothing like."""
    import numpy

    if not hasattr(column, "array"):  # an array of pandas' own
        column = sys.modules["pandas"].Series(column)
    dtype = column.dtype
    name = str(dtype)
    for prefix, hint in _REFUSED.items():
        if name.startswith(prefix):
            raise NotSupportedError(f"a column of the dtype {name} cannot be read", code="W0104", sqlstate="0A000", hint=hint)
    if name == "category":
        return _of_categories(column.array)
    if hasattr(dtype, "tz"):
        plain_times = column.dt.tz_convert("UTC").dt.tz_localize(None) if hasattr(column, "dt") else column.tz_convert("UTC").tz_localize(None)
        return _of_times(plain_times.to_numpy(), None, str(dtype.tz))
    if isinstance(dtype, numpy.dtype):
        values = column.to_numpy()
        if dtype.kind == "O":
            return of_values(values.tolist(), nan_is_null=True)
        return of_numpy(values, numpy.isnan(values) if dtype.kind == "f" else None)
    if hasattr(column.array, "_pa_array") or hasattr(dtype, "pyarrow_dtype"):
        return of_arrow(column.array.__arrow_array__())
    if getattr(dtype, "numpy_dtype", None) is not None:  # with a mask: Int64, Float64, boolean
        there = column.array.to_numpy(dtype=dtype.numpy_dtype, na_value=dtype.numpy_dtype.type(0))
        return of_numpy(there, numpy.asarray(column.isna()))
    return of_values(column.array.astype(object).tolist(), nan_is_null=True)


def of_pandas_frame(frame: Any) -> Column:
    """A pandas.DataFrame as a struct: its columns, and levels of the index that have names."""
    series = [(name, frame.iloc[:, i]) for i, name in enumerate(frame.columns)]
    series += [(name, frame.index.get_level_values(i)) for i, name in enumerate(frame.index.names) if name is not None]
    columns = []
    for name, values in series:
        try:
            columns.append((str(name), of_pandas(values)))
        except NotSupportedError as error:
            raise NotSupportedError(f'column "{name}": {error.message}', code=error.code, sqlstate=error.sqlstate, hint=error.hint) from None
    return table(columns, len(frame))


def _of_categories(values: Any) -> Column:
    import numpy

    codes = numpy.ascontiguousarray(values.codes)
    nulls, valid = _mask_bits(codes < 0)
    form = _NUMBERS[codes.dtype.str[1:]]
    return Column(form, len(codes), nulls, [valid, numpy.where(codes < 0, 0, codes).astype(codes.dtype)], (), of_pandas(values.categories))


def of_arrow(data: Any) -> AnyColumn:
    """A column that another package holds as an array or in chunks; these are put together."""
    if hasattr(data, "combine_chunks"):
        data = data.combine_chunks()
    if getattr(data, "chunks", None) is not None:  # of pyarrow, which leaves what does not fit into one array
        data = data.chunk(0) if data.num_chunks == 1 else sys.modules["pyarrow"].concat_arrays(data.chunks)
    if hasattr(data, "__arrow_c_array__"):
        return Given(data, len(data))
    return of_values(data.to_list())


def column(value: Any) -> AnyColumn:
    """A column of anything that is one: a list, an array, a Series."""
    module = type(value).__module__.partition(".")[0]
    if module == "pandas":
        return of_pandas(value)
    if hasattr(value, "__arrow_c_array__") or hasattr(value, "__arrow_c_stream__"):
        return of_arrow(value)
    if hasattr(value, "dtype") and hasattr(value, "tolist"):
        return of_numpy(value)
    return of_values(list(value))
