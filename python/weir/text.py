"""SQL texts put together: names and literals quoted, parameters renamed. Nothing here knows what SQL means."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Callable
    from typing import Any

# What can hide a parameter comes first: texts, names, dollar quotes, comments; then the parameters themselves.
_TOKENS = r"""
    (?P<skip> [eE]'(?:[^'\\]|\\.|'')*'? | '(?:[^']|'')*'? | "(?:[^"]|"")*"?
        | \$(?P<tag>[A-Za-z_]\w*|)\$ .*? (?:\$(?P=tag)\$|\Z)
        | --[^\n]* | /\* | :: | \w+ )
    | [$:](?P<name>\w+)
    """
_COMMENT = r"/\*|\*/"


def _tokens() -> re.Pattern[str]:
    """Compiled when it is first wanted, which takes longer than importing weir; re remembers it."""
    import re

    return re.compile(_TOKENS, re.VERBOSE | re.DOTALL)


def identifier(name: str) -> str:
    """A name in double quotes."""
    if "\0" in name:
        raise ValueError("a name cannot contain NUL")
    return '"' + name.replace('"', '""') + '"'


def quoted(text: str) -> str:
    """A text in single quotes."""
    if "\0" in text:
        raise ValueError("a text cannot contain NUL; pass bytes")
    return "'" + text.replace("'", "''") + "'"


def literal(value: Any) -> str:
    """A value as SQL that gives the same value with the same type."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int) and -(2**63) < value < 2**63:
        return str(value) if value >= 0 else f"({value})"
    if isinstance(value, float):
        return f"CAST('{_NOT_FINITE.get(repr(value), repr(value))}' AS DOUBLE)"
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, (bytes, bytearray)):
        return f"CAST('\\x{bytes(value).hex()}' AS BLOB)"
    from weir.parameter import typed

    pair = typed(value)
    return "NULL" if pair is None else f"CAST({quoted(pair[0])} AS {pair[1]})"


_NOT_FINITE = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def _end_of_comment(sql: str, start: int) -> int:
    depth = 0
    import re

    for match in re.compile(_COMMENT).finditer(sql, start):
        depth += 1 if match[0] == "/*" else -1
        if depth == 0:
            return match.end()
    return len(sql)


def rename_parameters(sql: str, rename: Callable[[str], str | None]) -> str:
    """Writes $new for each :name, $name or $1 for which rename gives another name."""
    out: list[str] = []
    at = 0
    tokens = _tokens()
    while match := tokens.search(sql, at):
        out.append(sql[at : match.start()])
        at = match.end()
        name = match["name"]
        if match["skip"] == "/*":
            at = _end_of_comment(sql, match.start())
            out.append(sql[match.start() : at])
        elif name is not None and (new := rename(name)) is not None:
            out.append(f"${new}")
        else:
            out.append(match[0])
    out.append(sql[at:])
    return "".join(out)

