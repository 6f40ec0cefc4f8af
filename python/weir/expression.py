"""Expressions: pieces of SQL with Python's operators. They are text; what they mean the engine says.

    weir.col("price") * 2 > weir.lit(10)        F.sum("price").filter(col("ok")).over("shop")
    weir.when(col("n") > 0).then("some").otherwise("none").alias("how_many")

A str where an expression is wanted names a column; where a value is wanted (right of an operator, in when .. then)
it is that text. Values are written as literals of their own type. Expressions are immutable; any thread.
"""

from __future__ import annotations

from weir import text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, Union

    from weir.frame import Frame

    IntoExpr = Union["Expr", str]
    """An expression, or the name of a column."""


class Expr:
    """A piece of SQL that gives one value per row. str() is the SQL."""

    __slots__ = ("_name", "_sql", "_suffix")
    __hash__ = None  # type: ignore[assignment]  # == makes an expression

    def __init__(self, sql: str, name: str | None = None, suffix: str = "") -> None:
        self._sql = sql
        self._name = name
        self._suffix = suffix

    def __str__(self) -> str:
        return self._sql + self._suffix + (f" AS {text.identifier(self._name)}" if self._name is not None else "")

    def __repr__(self) -> str:
        return f"<weir.Expr {self}>"

    def __bool__(self) -> bool:
        raise TypeError("an expression is neither true nor false: combine conditions with & | ~")

    # ---- operators

    def _binary(self, operator: str, other: Any, swapped: bool = False) -> Expr:
        left, right = (_value(other), self._sql) if swapped else (self._sql, _value(other))
        return Expr(f"({left} {operator} {right})")

    def __add__(self, other: Any) -> Expr:
        return self._binary("+", other)

    def __radd__(self, other: Any) -> Expr:
        return self._binary("+", other, True)

    def __sub__(self, other: Any) -> Expr:
        return self._binary("-", other)

    def __rsub__(self, other: Any) -> Expr:
        return self._binary("-", other, True)

    def __mul__(self, other: Any) -> Expr:
        return self._binary("*", other)

    def __rmul__(self, other: Any) -> Expr:
        return self._binary("*", other, True)

    def __truediv__(self, other: Any) -> Expr:
        """SQL's /: of two integers it gives an integer (docs/reference)."""
        return self._binary("/", other)

    def __rtruediv__(self, other: Any) -> Expr:
        return self._binary("/", other, True)

    def __mod__(self, other: Any) -> Expr:
        return self._binary("%", other)

    def __rmod__(self, other: Any) -> Expr:
        return self._binary("%", other, True)

    def __neg__(self) -> Expr:
        return Expr(f"(- {self._sql})")

    def __and__(self, other: Any) -> Expr:
        return self._binary("AND", other)

    def __rand__(self, other: Any) -> Expr:
        return self._binary("AND", other, True)

    def __or__(self, other: Any) -> Expr:
        return self._binary("OR", other)

    def __ror__(self, other: Any) -> Expr:
        return self._binary("OR", other, True)

    def __invert__(self) -> Expr:
        return Expr(f"(NOT {self._sql})")

    def __eq__(self, other: object) -> Expr:  # type: ignore[override]
        """SQL's =: NULL compared with anything is NULL; is_null() asks for NULL."""
        return self._binary("=", other)

    def __ne__(self, other: object) -> Expr:  # type: ignore[override]
        return self._binary("<>", other)

    def __lt__(self, other: Any) -> Expr:
        return self._binary("<", other)

    def __le__(self, other: Any) -> Expr:
        return self._binary("<=", other)

    def __gt__(self, other: Any) -> Expr:
        return self._binary(">", other)

    def __ge__(self, other: Any) -> Expr:
        return self._binary(">=", other)

    def __getitem__(self, key: Any) -> Expr:
        """An element of a list (SQL counts from 1), a value of a map, a field of a struct by its name."""
        return Expr(f"{self._sql}[{_value(key)}]")

    # ---- tests

    def is_null(self) -> Expr:
        """Whether it is NULL: true or false, never NULL itself."""
        return Expr(f"({self._sql} IS NULL)")

    def is_not_null(self) -> Expr:
        """Whether it is anything but NULL."""
        return Expr(f"({self._sql} IS NOT NULL)")

    def is_in(self, values: Iterable[Any] | Frame) -> Expr:
        """Whether it is one of the values, or of the rows of a frame with one column, without parameters and data of the program."""
        from weir.frame import Frame

        if isinstance(values, Frame):
            return Expr(f"({self._sql} IN ({values._inlined()}))")
        listed = [_value(v) for v in values]
        return Expr(f"({self._sql} IN ({', '.join(listed)}))") if listed else Expr("FALSE")

    def between(self, low: Any, high: Any) -> Expr:
        """Both ends belong to it."""
        return Expr(f"({self._sql} BETWEEN {_value(low)} AND {_value(high)})")

    def like(self, pattern: Any, *, ignore_case: bool = False) -> Expr:
        """Whether a text is like a pattern, in which % stands for any letters and _ for one."""
        return self._binary("ILIKE" if ignore_case else "LIKE", pattern)

    # ---- what else one does with a value

    def cast(self, type: str, *, strict: bool = True) -> Expr:  # noqa: A002
        """As another SQL type ("DECIMAL(10, 2)"); strict=False gives NULL where it does not fit."""
        return Expr(f"{'CAST' if strict else 'TRY_CAST'}({self._sql} AS {type})")

    def fill_null(self, value: Any) -> Expr:
        """The value in place of NULL."""
        return Expr(f"coalesce({self._sql}, {_value(value)})")

    def call(self, function: str, *args: Any) -> Expr:
        """function(self, *args): for SQL functions that have no method here."""
        return Expr(_call(function, [self._sql, *(_value(a) for a in args)]))

    def alias(self, name: str) -> Expr:
        """The same with another name as a column of a result."""
        return Expr(self._sql, name, self._suffix)

    # ---- sorting

    def asc(self, *, nulls_first: bool | None = None) -> Expr:
        """A key of sort(): least first; NULLs last, if nothing else is said."""
        return Expr(self._sql, None, " ASC" + _nulls(nulls_first))

    def desc(self, *, nulls_first: bool | None = None) -> Expr:
        """A key of sort(): greatest first; NULLs first, if nothing else is said."""
        return Expr(self._sql, None, " DESC" + _nulls(nulls_first))

    # ---- aggregates

    def filter(self, condition: Expr) -> Expr:
        """An aggregate over the rows for which the condition is true."""
        return Expr(f"{self._sql} FILTER (WHERE {condition._sql})", self._name)

    def over(self, *partition_by: IntoExpr, order_by: IntoExpr | Iterable[IntoExpr] = (), frame: str | None = None) -> Expr:
        """A window function: an aggregate, or F.row_number() and its like, over the rows of its partition.

        frame: SQL's text for it, "ROWS BETWEEN 2 PRECEDING AND CURRENT ROW".
        """
        return Expr(f"{self._sql} OVER ({window_text(partition_by, order_by, frame)})", self._name)


def _nulls(first: bool | None) -> str:
    return "" if first is None else " NULLS FIRST" if first else " NULLS LAST"


def _value(value: Any) -> str:
    return value._sql if isinstance(value, Expr) else text.literal(value)


def _call(function: str, args: Iterable[str]) -> str:
    name = function if function.isidentifier() and function.isascii() else text.identifier(function)
    return f"{name}({', '.join(args)})"


def column(value: IntoExpr) -> Expr:
    """An expression as it is; a str names a column."""
    if isinstance(value, Expr):
        return value
    if isinstance(value, str):
        return col(value)
    raise TypeError(f"an expression or the name of a column is wanted, not a {type(value).__name__}")


def columns(values: Iterable[Any]) -> list[Expr]:
    """Expressions and names, one level of lists among them."""
    out: list[Expr] = []
    for value in values:
        out += [column(v) for v in value] if isinstance(value, (list, tuple)) else [column(value)]
    return out


def listed(values: IntoExpr | Iterable[IntoExpr]) -> str:
    """Expressions with commas between them, without their aliases."""
    each = [values] if isinstance(values, (Expr, str)) else list(values)
    return ", ".join(e._sql + e._suffix for e in map(column, each))


def window_text(partition_by: Any, order_by: Any, frame: str | None) -> str:
    """What stands in the parentheses behind OVER."""
    parts = []
    if partition := listed(partition_by):
        parts.append(f"PARTITION BY {partition}")
    if order := listed(order_by):
        parts.append(f"ORDER BY {order}")
    return " ".join([*parts, *([frame] if frame else [])])


def col(*name: str) -> Expr:
    """A column by its name, whatever letters it has; col("left", "id") is the column of one side of a join. "*" is all."""
    if not name:
        raise TypeError("col() needs the name of a column")
    return Expr(".".join("*" if part == "*" else text.identifier(part) for part in name))


def lit(value: Any) -> Expr:
    """A value as an expression: None, bool, int, float, str, bytes, and what weir.parameter.typed names."""
    return Expr(text.literal(value))


def sql_expr(sql: str) -> Expr:
    """An expression that is written in SQL already. The text is taken as it is: never make it of foreign input."""
    return Expr(f"({sql}\n)")


class When:
    """CASE that still wants a value for its last condition, or another condition, or its end."""

    __slots__ = ("_sql",)

    def __init__(self, sql: str) -> None:
        self._sql = sql

    def then(self, value: Any) -> Then:
        """What it gives where the condition is true. A str is a text here."""
        return Then(f"{self._sql} THEN {_value(value)}")


class Then(Expr):
    """CASE that is complete: NULL where no condition is true, until otherwise() says more."""

    __slots__ = ("_open",)

    def __init__(self, sql: str) -> None:
        super().__init__(f"{sql} END")
        self._open = sql

    def when(self, condition: Expr) -> When:
        """Another condition, for rows for which those before are not true."""
        return When(f"{self._open} WHEN {condition._sql}")

    def otherwise(self, value: Any) -> Expr:
        """What it gives where no condition is true."""
        return Expr(f"{self._open} ELSE {_value(value)} END")


def when(condition: Expr) -> When:
    """CASE: when(condition).then(value).otherwise(value). A str is a text here, not a column."""
    return When(f"CASE WHEN {condition._sql}")


class Functions:
    """F.name(...) calls the SQL function of that name: F.sum("price"), F.lower("name"), F.count().

    A str is the name of a column, lit("text") a text; other values are literals. distinct=True is for aggregates, order_by
    for those in which order shows. Names are looked up by the engine when the query runs.
    """

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)

        def call(*args: Any, distinct: bool = False, order_by: IntoExpr | Iterable[IntoExpr] = ()) -> Expr:
            shown = [column(a)._sql if isinstance(a, (Expr, str)) else text.literal(a) for a in args]
            if name == "count" and not args:
                shown = ["*"]
            inside = ("DISTINCT " if distinct else "") + ", ".join(shown)
            order = listed(order_by)
            return Expr(_call(name, [f"{inside} ORDER BY {order}" if order else inside]))

        call.__name__ = name
        return call


F = Functions()
