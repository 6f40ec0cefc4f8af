"""Frames: queries that are written step by step and run when their rows are wanted.

    top = (weir.sql("FROM 'orders.csv'").filter(weir.col("status") == "paid")
           .group_by("city").agg(total=weir.F.sum("amount")).sort("total", descending=True).limit(3))
    print(top.query)          # the SQL it stands for
    top.rows()                # runs it

A frame holds SQL, the values of its parameters and the connection; no rows. Each end (rows(), arrow(), ...) runs it anew
and sees the tables as they are then. Frames are immutable and may be used by any thread; runs of one connection take turns.
The order of rows is kept as docs/decisions/0020-order-of-rows.md says.
"""

from __future__ import annotations

import itertools
import os

from weir import text
from weir.errors import DataError, Error, ProgrammingError
from weir.expression import Expr, column, columns, listed, window_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import Any, Literal, TypeVar, Union

    import numpy
    import pandas
    import polars
    import pyarrow

    from weir._weir import Batch, Result
    from weir.column import Column
    from weir.connection import Connection
    from weir.expression import IntoExpr

    T = TypeVar("T")
    Values = Union[Sequence[Any], Mapping[str, Any], None]
    Tables = Mapping[str, Any]
    JoinHow = Literal["inner", "left", "right", "full", "semi", "anti", "cross"]


_numbers = itertools.count(1)


class Frame:
    """A query. See the module for what frames are; connections and Connection.sql() make them."""

    __slots__ = ("_connection", "_kept", "_tables", "_values", "query")

    query: str
    """The SQL it stands for, one statement without a semicolon. Values of parameters are not in it."""

    def __init__(
        self, connection: Connection, query: str, values: Values = None, kept: tuple[Any, ...] = (), tables: Tables | None = None
    ) -> None:
        self._connection = connection
        self.query = query
        self._values = values
        self._kept = kept  # what must live as long as the frame, such as registered tables
        self._tables = tables or {}  # variables that names in the query may stand for

    # ---- putting queries together

    def _with(self, query: str) -> Frame:
        return Frame(self._connection, query, self._values, self._kept, self._tables)

    @property
    def _source(self) -> str:
        return f"({self.query}\n)"

    def _inlined(self) -> str:
        if self._values or self._kept:
            what = "with parameters" if self._values else "of data of the program"
            raise ProgrammingError(f"a frame {what} cannot stand inside an expression", hint="join it with how='semi'")
        return f"{self.query}\n"

    def _apart(self, other: Frame) -> Frame:
        """The same query, without variables that are called like others of the other frame."""
        frame = self
        for name in [n for n, table in self._tables.items() if other._tables.get(n, table) is not table]:
            table = self._tables[name]
            frame = Frame(frame._connection, frame.query, frame._values, frame._kept, {n: t for n, t in frame._tables.items() if n != name})
            if not self._connection._session.look(f"SELECT * FROM {name}"):
                frame = self._connection._named(name, table, frame)
        return frame

    def _combined(self, other: Frame, template: Callable[[str, str], str]) -> Frame:
        """A query of both, in which parameters have different names."""
        if other._connection is not self._connection:
            raise ProgrammingError("frames of two connections cannot be put together", hint="register one: into='table', or arrow()")
        one = self._apart(other)
        kept, tables = one._kept + other._kept, {**other._tables, **one._tables}
        if not one._values or not other._values:
            return Frame(self._connection, template(one._source, other._source), one._values or other._values, kept, tables)
        values: dict[str, Any] = {}
        sources = []
        for frame in (one, other):
            named: Any = frame._values if hasattr(frame._values, "keys") else dict(enumerate(frame._values or (), 1))
            names = {str(key): f"weir_{next(_numbers)}" for key in named}
            values.update({names[str(key)]: value for key, value in named.items()})
            sources.append(f"({text.rename_parameters(frame.query, names.get)}\n)")
        return Frame(self._connection, template(*sources), values, kept, tables)

    # ---- steps

    def select(self, *expressions: IntoExpr | Iterable[IntoExpr], **named: IntoExpr) -> Frame:
        """The columns given, in their order; names=expressions are added behind. Aggregates alone give one row."""
        shown = [*map(str, columns(expressions)), *(str(column(e).alias(name)) for name, e in named.items())]
        return self._with(f"SELECT {', '.join(shown) or '*'} FROM {self._source}")

    def filter(self, *conditions: Expr | str) -> Frame:
        """The rows for which all conditions are true. A str is SQL here: "price > 10"."""
        if not conditions:
            return self
        each = [f"({c}\n)" if isinstance(c, str) else c._sql for c in conditions]
        return self._with(f"SELECT * FROM {self._source} WHERE {' AND '.join(each)}")

    def with_columns(self, *expressions: Expr, **named: IntoExpr) -> Frame:
        """All columns, and more: those whose names are there already take their places. Positional ones need alias()."""
        new: dict[str, Expr] = {}
        for expression in columns(expressions):
            if expression._name is None:
                raise ProgrammingError("a column without a name", hint="name=expression, or expression.alias('name')")
            new[expression._name] = expression
        new.update({name: column(e).alias(name) for name, e in named.items()})
        have = {c.name.lower() for c in self.schema}
        replaced = [str(e) for name, e in new.items() if name.lower() in have]
        added = [str(e) for name, e in new.items() if name.lower() not in have]
        star = f"* REPLACE ({', '.join(replaced)})" if replaced else "*"
        return self._with(f"SELECT {', '.join([star, *added])} FROM {self._source}")

    def drop(self, *names: str) -> Frame:
        """All columns but these."""
        return self._with(f"SELECT * EXCLUDE ({', '.join(map(text.identifier, names))}) FROM {self._source}") if names else self

    def rename(self, names: Mapping[str, str]) -> Frame:
        """Other names, {old: new}."""
        pairs = ", ".join(f"{text.identifier(old)} AS {text.identifier(new)}" for old, new in names.items())
        return self._with(f"SELECT * RENAME ({pairs}) FROM {self._source}") if names else self

    def group_by(self, *keys: IntoExpr | Iterable[IntoExpr]) -> GroupBy:
        """Groups of rows with equal keys; agg() says what is told of each. NULL is equal to NULL here."""
        return GroupBy(self, columns(keys))

    def agg(self, *aggregates: Expr, **named: Expr) -> Frame:
        """One row about all rows."""
        return self.select(*aggregates, **named)

    def join(
        self,
        other: Frame,
        on: str | Sequence[str] | Expr | None = None,
        *,
        how: JoinHow = "inner",
    ) -> Frame:
        """Rows of both that belong together.

        on: names of columns both have (they come once), or a condition over col("left", ..) and col("right", ..); none
        with how="cross". semi and anti keep rows of this frame that have, or have not, a partner.
        """
        words = {"inner": "INNER", "left": "LEFT", "right": "RIGHT", "full": "FULL", "semi": "SEMI", "anti": "ANTI", "cross": "CROSS"}
        if how not in words:
            raise ProgrammingError(f"how is \"{how}\"", hint="one of " + ", ".join(words))
        if (on is None) != (how == "cross"):
            raise ProgrammingError("a join needs on, except a cross join")
        tail = "" if on is None else f" {_condition(on)}"
        return self._combined(
            other, lambda a, b: f'SELECT * FROM {a} AS "left" {words[how]} JOIN {b} AS "right"{tail}'
        )

    def asof_join(
        self, other: Frame, on: str | Expr, by: str | Sequence[str] = (), *, how: Literal["inner", "left"] = "left"
    ) -> Frame:
        """Each row with the row of the other frame that was valid at its time: the last one not after it.

        on: a column that both have and that orders them, or a condition with one inequality over col("left", ..) and
        col("right", ..) that contains by, too. by: names of columns that must be equal. Without a partner: how="left"
        gives NULLs, "inner" leaves the row out. Columns of on and by come once, from this frame.
        """
        if how not in ("inner", "left"):
            raise ProgrammingError(f"how is \"{how}\"", hint="inner or left")
        names = [by] if isinstance(by, str) else list(by)
        word = "ASOF LEFT JOIN" if how == "left" else "ASOF JOIN"
        tail = _condition(on) if isinstance(on, Expr) else _condition([*names, on])
        return self._combined(other, lambda a, b: f'SELECT * FROM {a} AS "left" {word} {b} AS "right" {tail}')

    def sort(
        self,
        *keys: IntoExpr | Iterable[IntoExpr],
        descending: bool | Sequence[bool] = False,
        nulls_first: bool | None = None,
    ) -> Frame:
        """In the order of the keys; a key may say its own by asc() and desc(). NULLs: last ascending, first descending."""
        each = columns(keys)
        down = [descending] * len(each) if isinstance(descending, bool) else list(descending)
        if len(down) != len(each):
            raise ProgrammingError(f"{len(down)} directions for {len(each)} keys")
        order = [k if k._suffix else k.desc(nulls_first=nulls_first) if d else k.asc(nulls_first=nulls_first) for k, d in zip(each, down)]
        return self._with(f"SELECT * FROM {self._source} ORDER BY {listed(order)}") if order else self

    def limit(self, count: int, offset: int = 0) -> Frame:
        """At most count rows, after leaving out offset."""
        tail = f" OFFSET {int(offset)}" if offset else ""
        return self._with(f"SELECT * FROM {self._source} LIMIT {int(count)}{tail}")

    def distinct(self, *on: IntoExpr) -> Frame:
        """Each row once; with on, the first row of each."""
        word = f"DISTINCT ON ({listed(on)})" if on else "DISTINCT"
        return self._with(f"SELECT {word} * FROM {self._source}")

    def union(self, other: Frame, *, all: bool = True, by_name: bool = False) -> Frame:  # noqa: A002
        """The rows of both, one after the other; all=False: each once. by_name: columns by their names."""
        word = "UNION" + (" ALL" if all else "") + (" BY NAME" if by_name else "")
        return self._combined(other, lambda a, b: f"SELECT * FROM {a} {word} SELECT * FROM {b}")

    def window(
        self,
        *,
        partition_by: IntoExpr | Iterable[IntoExpr] = (),
        order_by: IntoExpr | Iterable[IntoExpr] = (),
        frame: str | None = None,
        **named: Expr,
    ) -> Frame:
        """All columns, and window functions over the same window: window(partition_by="k", order_by="t", n=F.row_number())."""
        inside = window_text(partition_by, order_by, frame)
        return self.with_columns(**{name: Expr(f"{e._sql} OVER ({inside})") for name, e in named.items()})

    def sample(self, n: int | None = None, *, fraction: float | None = None, seed: int | None = None) -> Frame:
        """n rows, or each row with a probability (0 to 1). seed: the same ones each time."""
        if (n is None) == (fraction is None):
            raise ProgrammingError("a sample has a number of rows or a fraction")
        how = f"RESERVOIR ({int(n)} ROWS)" if n is not None else f"BERNOULLI ({float(fraction or 0) * 100!r})"
        tail = "" if seed is None else f" REPEATABLE ({int(seed)})"
        return self._with(f"SELECT * FROM {self._source} AS \"sampled\" TABLESAMPLE {how}{tail}")

    def sql(self, query: str, **params: Any) -> Frame:
        """A query in which this frame is the table self; parameters and tables as in Connection.sql()."""
        return self._connection.sql(query, **{**params, "self": self})

    # ---- looking at it

    @property
    def schema(self) -> list[Column]:
        """Names and SQL types of the columns, in their order. Plans the query; reads no rows."""
        from weir.column import Column

        result = self._start()
        try:
            return [Column(*c) for c in result.columns()]
        finally:
            result.close()

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return [c.name for c in self.schema]

    def explain(self, *, analyze: bool = False, format: Literal["text", "json", "mermaid"] = "text") -> str:  # noqa: A002
        """The plan. analyze=True runs the query and adds rows and times (ms) of each operator."""
        options = [*(["ANALYZE"] if analyze else []), f"FORMAT {format}"]
        rows = self._connection._rows(f"EXPLAIN ({', '.join(options)}) {self.query}", self._values, self._tables)
        return "\n".join(row[0] for row in rows)

    def profile(self) -> dict[str, Any]:
        """Runs the query and gives the plan with rows, milliseconds and bytes of each operator, as explain's JSON."""
        import json

        out: dict[str, Any] = json.loads(self.explain(analyze=True, format="json"))
        return out

    def summarize(self) -> Frame:
        """A row per column: its type, least and greatest value, quartiles, how many are NULL."""
        return self._with(f"SELECT * FROM (SUMMARIZE {self.query}\n)")

    def _head(self) -> tuple[list[tuple[str, str]], list[tuple[Any, ...]], bool]:
        from weir.display import ROWS

        result = self.limit(ROWS + 1)._start()
        try:
            found = result.rows()
            return result.columns(), found[:ROWS], len(found) > ROWS
        finally:
            result.close()

    def __repr__(self) -> str:
        """The first rows; what is wrong, if they cannot be had."""
        from weir.display import as_text

        try:
            return as_text(*self._head())
        except Error as error:
            return f"<weir.Frame that fails: {error}>"

    def _repr_html_(self) -> str:
        from weir.display import as_html

        return as_html(*self._head())

    # ---- ends

    def _start(self) -> Result:
        return self._connection._run(self.query, self._values, self._tables)

    def _consumed(self, take: Callable[[Result], T]) -> T:
        """Gives the rows to somebody else as an Arrow stream; what went wrong here is raised as a weir.Error."""
        with self._connection._watched(self._start()) as result:
            try:
                return take(result)
            except Exception:
                result.check()
                raise

    def rows(self) -> list[tuple[Any, ...]]:
        """All rows as tuples.

        Integers of any width are int; REAL and DOUBLE float; DECIMAL decimal.Decimal; VARCHAR, JSON and enums str; BLOB
        bytes; BOOLEAN bool; DATE, TIME and TIMESTAMP what datetime has (a TIMESTAMP WITH TIME ZONE in UTC; nanoseconds
        are cut off); INTERVAL timedelta, or weir.Interval if it has months; UUID uuid.UUID; lists list; structs and maps
        dict (maps with nested keys a list of pairs); NULL None. A moment outside of years 1 to 9999 raises DataError.
        """
        with self._connection._watched(self._start()) as result:
            return result.rows()

    def dicts(self) -> list[dict[str, Any]]:
        """All rows as dicts by column name; values as in rows(). DataError if two columns have the same name."""
        with self._connection._watched(self._start()) as result:
            names_once(result, "values")
            return result.rows(True)

    def item(self) -> Any:
        """The one value of a result of one row and one column; DataError if it has more or fewer."""
        found = self.limit(2).rows()
        if len(found) != 1 or len(found[0]) != 1:
            count = "more than one row" if len(found) > 1 else f"{len(found)} rows" if not found else f"{len(found[0])} columns"
            raise DataError(f"item() needs one row of one column, there are {count}")
        return found[0][0]

    def batches(self) -> Iterator[Batch]:
        """The rows in record batches, as they come; each has __arrow_c_array__. The query runs while they are taken.

        Close the iterator, or take all, to end it: for batch in frame.batches() does.
        """
        result = self._start()
        try:
            while (batch := result.batch()) is not None:
                yield batch
        finally:
            result.close()

    def arrow(self) -> pyarrow.Table:
        """All rows as a pyarrow.Table; needs pyarrow."""
        import pyarrow

        return self._consumed(lambda result: pyarrow.table(result))

    def polars(self) -> polars.DataFrame:
        """All rows as a polars.DataFrame; needs polars."""
        import polars

        return self._consumed(lambda result: polars.DataFrame(result))

    def pandas(self) -> pandas.DataFrame:
        """All rows as a pandas.DataFrame, by pyarrow if that is there; needs pandas. NULL is NaN, NaT or None, so integers
        with NULL are float64."""
        import pandas  # noqa: F401

        try:
            import pyarrow  # noqa: F401
        except ImportError:
            from weir.arrays import data_frame

            with self._connection._watched(self._start()) as result:
                return data_frame(result)  # type: ignore[no-any-return]
        return self.arrow().to_pandas()  # type: ignore[no-any-return]

    def numpy(self) -> dict[str, numpy.ndarray[Any, Any]]:
        """The columns as arrays by name; needs numpy.

        Numbers, booleans, dates and timestamps have a dtype of numpy's, with a mask (numpy.ma) if there are NULLs;
        everything else is an array of objects as in rows(). DataError if two columns have the same name.
        """
        from weir.arrays import arrays

        with self._connection._watched(self._start()) as result:
            return arrays(result)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Arrow PyCapsule interface: runs the query as its consumer pulls.

        requested_schema: columns of the same names, in their order; those of plain types are cast to the types it has, and
        texts and bytes laid out by offsets if it wants that. What cannot be had otherwise comes as it is.
        """
        if requested_schema is None:
            return self._start().__arrow_c_stream__()
        from weir.requested import cast

        return cast(self, requested_schema)._start().__arrow_c_stream__(requested_schema)

    def __arrow_c_schema__(self) -> object:
        """Arrow PyCapsule interface: the schema, without running the query."""
        result = self._start()
        try:
            return result.__arrow_c_schema__()
        finally:
            result.close()

    # ---- writing

    def _copy(self, path: str | os.PathLike[str], format: str, options: Mapping[str, Any]) -> int:  # noqa: A002
        shown = [f"FORMAT {format}", *(f"{name} {_option(value)}" for name, value in options.items())]
        sql = f"COPY {self._source} TO {text.quoted(os.fspath(path))} ({', '.join(shown)})"
        return self._connection._change(sql, self._values, self._tables)

    def write_parquet(self, path: str | os.PathLike[str], **options: Any) -> int:
        """Writes a Parquet file, or with partition_by a folder of them; returns the number of rows.

        options: those of COPY (docs/reference/formats.md), such as compression="zstd", partition_by=["day"].
        """
        return self._copy(path, "parquet", options)

    def write_csv(self, path: str | os.PathLike[str], **options: Any) -> int:
        """Writes a CSV file; returns the number of rows. options: those of COPY, such as header=True, delimiter=";"."""
        return self._copy(path, "csv", options)

    def write_json(self, path: str | os.PathLike[str], **options: Any) -> int:
        """Writes a file of one JSON object per line; returns the number of rows. options: those of COPY."""
        return self._copy(path, "json", options)

    def save(self, name: str | None = None, **options: Any) -> dict[str, Any]:
        """Runs the query as a tracked run, which keeps its rows as a file: weir.runs.query() says with which options, and what
        it returns. Values are kept with it; tables of the program are not, so a run that reads some cannot be repeated."""
        from weir import runs

        return runs.query(self, name=name, **options)

    def into(
        self,
        table: str,
        *,
        mode: Literal["create", "replace", "append", "upsert"] = "create",
        key: str | Sequence[str] = (),
    ) -> int:
        """Puts the rows into a table of the connection; returns how many.

        create: a table that is not there yet; replace: in place of one that may be there; append: behind its rows,
        columns by position; upsert: rows whose key is there replace the others, columns by name; key must be the primary
        key or unique. table is a name, not SQL; "schema.table" names one in a schema.
        """
        name = ".".join(map(text.identifier, table.split(".")))
        if mode in ("create", "replace"):
            word = "CREATE OR REPLACE TABLE" if mode == "replace" else "CREATE TABLE"
            return self._connection._change(f"{word} {name} AS {self.query}", self._values, self._tables)
        if mode == "append":
            return self._connection._change(f"INSERT INTO {name} {self._source}", self._values, self._tables)
        keys = [key] if isinstance(key, str) else list(key)
        if mode != "upsert" or not keys:
            raise ProgrammingError("mode is create, replace, append or upsert; upsert needs key")
        names = self.columns
        rest = [n for n in names if n.lower() not in {k.lower() for k in keys}]
        updates = ", ".join(f"{text.identifier(n)} = EXCLUDED.{text.identifier(n)}" for n in rest)
        sql = (
            f"INSERT INTO {name} ({', '.join(map(text.identifier, names))}) {self._source} "
            f"ON CONFLICT ({', '.join(map(text.identifier, keys))}) DO {f'UPDATE SET {updates}' if rest else 'NOTHING'}"
        )
        return self._connection._change(sql, self._values, self._tables)


def names_once(result: Result, what: str) -> list[str]:
    """The names of columns by which something is to be found. DataError if two are the same."""
    names = [name for name, _ in result.columns()]
    if len(set(names)) < len(names):
        raise DataError(f"two columns have the same name, so {what} cannot be found by name", hint="name them with AS, or take rows()")
    return names


class GroupBy:
    """A frame and its keys; agg() makes a frame of them again."""

    __slots__ = ("_frame", "_keys")

    def __init__(self, frame: Frame, keys: list[Expr]) -> None:
        self._frame = frame
        self._keys = keys

    def agg(self, *aggregates: Expr, **named: Expr) -> Frame:
        """A row per group: the keys, then the aggregates."""
        shown = [*map(str, self._keys), *map(str, columns(aggregates))]
        shown += [str(column(e).alias(name)) for name, e in named.items()]
        groups = ", ".join(str(i + 1) for i in range(len(self._keys)))
        tail = f" GROUP BY {groups}" if groups else ""
        return self._frame._with(f"SELECT {', '.join(shown) or '*'} FROM {self._frame._source}{tail}")

    def count(self, name: str = "count") -> Frame:
        """A row per group with the number of its rows."""
        return self.agg(Expr("count(*)", name))


def _condition(on: str | Sequence[str] | Expr) -> str:
    if isinstance(on, Expr):
        return f"ON {on._sql}"
    names = [on] if isinstance(on, str) else list(on)
    return f"USING ({', '.join(map(text.identifier, names))})"


def _option(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return f"({', '.join(text.identifier(str(v)) for v in value)})"
    return text.literal(value)

