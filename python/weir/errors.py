"""The errors of weir: one tree, of which every member is a weir.Error.

The classes are those of PEP 249; which one an error belongs to is decided by its code (docs/reference/errors.md lists
them). An error may be used by any thread.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Warning(Exception):  # noqa: A001  (the name is PEP 249's)
    """PEP 249 asks for it; weir tells what may surprise in notices and raises none."""


class Error(Exception):
    """Anything that went wrong in weir. str() gives the whole of it as people read it, with the line and a caret.

    code: stable, "W1203". sqlstate: five letters, "42703". message: one sentence. detail, hint, fix: more lines, a
    short advice, a text to paste; None if there is none. candidates: near names. position, length: characters in the
    text that was run, None if it is not about a place. retryable: the same again may succeed. run_id: of the tracked run
    that it ended, if it was one (weir.runs).
    """

    code: str
    sqlstate: str
    message: str
    detail: str | None
    hint: str | None
    fix: str | None
    candidates: tuple[str, ...]
    position: int | None
    length: int | None
    retryable: bool
    run_id: str | None = None

    def __init__(self, message: str = "", **parts: Any) -> None:
        self.message = message
        self.code = parts.get("code") or "W9002"
        self.sqlstate = parts.get("sqlstate") or "HV010"
        self.detail = parts.get("detail")
        self.hint = parts.get("hint")
        self.fix = parts.get("fix")
        self.candidates = tuple(parts.get("candidates") or ())
        self.position = parts.get("position")
        self.length = parts.get("length")
        self.retryable = bool(parts.get("retryable"))
        self._parts = {"message": message, **parts}
        super().__init__(parts.get("rendered") or _rendered(message, self.hint, self.fix))

    def __reduce__(self) -> Any:
        return _again, (type(self), self._parts)


class InterfaceError(Error):
    """weir was used in a way that cannot work, such as a connection that is closed."""


class DatabaseError(Error):
    """Something about the statement or its data."""


class DataError(DatabaseError):
    """A value does not fit: a division by zero, a text that is no number, a damaged file."""


class OperationalError(DatabaseError):
    """The world around: files, servers, memory, time, other transactions."""


class CancelledError(OperationalError):
    """The statement was cancelled or took longer than its limit."""


class IntegrityError(DatabaseError):
    """A row breaks a constraint."""


class InternalError(DatabaseError):
    """A bug in weir."""


class ProgrammingError(DatabaseError):
    """The statement is wrong: its syntax, a name, a type, a parameter."""


class NotSupportedError(DatabaseError):
    """Something weir does not do."""


# Codes that are told from the rest of their hundred.
_BY_CODE: dict[str, type[Error]] = {
    "W0104": NotSupportedError,
    "W2201": ProgrammingError,
    "W2210": IntegrityError,
    "W2211": IntegrityError,
    "W2212": IntegrityError,
    "W2214": ProgrammingError,
    "W2219": ProgrammingError,
    "W2220": IntegrityError,
    "W2221": ProgrammingError,
    "W3101": OperationalError,
    "W3102": OperationalError,
    "W3105": OperationalError,
    "W3113": NotSupportedError,
    "W3120": OperationalError,
    "W3121": OperationalError,
    "W6001": CancelledError,
    "W6003": CancelledError,
    "W8002": ProgrammingError,
    "W9002": InterfaceError,
}
_BY_HUNDRED: dict[str, type[Error]] = {
    "W01": ProgrammingError,
    "W12": ProgrammingError,
    "W22": DataError,
    "W31": DataError,
    "W60": OperationalError,
    "W80": OperationalError,
    "W90": InternalError,
}


def _rendered(message: str, hint: str | None, fix: str | None) -> str:
    lines = [message]
    if hint:
        lines.append(f"  hint: {hint}")
    if fix:
        lines.append(f"  fix: {fix}")
    return "\n".join(lines)


def _again(kind: type[Error], parts: dict[str, Any]) -> Error:
    return kind(**parts)


def of_engine(*, code: str, candidates: str | None, rendered: str, **parts: Any) -> Error:
    """The exception for an error of the engine; called by the extension."""
    kind = _BY_CODE.get(code) or _BY_HUNDRED.get(code[:3]) or DatabaseError
    names = tuple(candidates.split(", ")) if candidates else ()
    return kind(code=code, candidates=names, rendered=rendered.rstrip("\n"), **parts)


def of_package(*, name: str, message: str, hint: str | None = None) -> Error:
    """The exception for what the package finds itself; called by the extension."""
    kind: type[Error] = globals()[name]
    codes = {"ProgrammingError": ("W2214", "22023"), "DataError": ("W2202", "22003"), "NotSupportedError": ("W0104", "0A000")}
    code, sqlstate = codes.get(name, ("W9002", "HV010"))
    return kind(message=message, hint=hint, code=code, sqlstate=sqlstate)
