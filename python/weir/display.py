"""Frames as text and as HTML: the first rows with the names and types of the columns."""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Sequence
from typing import Any

WIDTH_MAX = 32
ROWS = 10


def shown(value: Any) -> str:
    """One line, shortened."""
    if value is None:
        return "NULL"
    text = value if isinstance(value, str) else str(value)
    text = text.replace("\n", "\\n").replace("\t", "\\t")
    return text if len(text) <= WIDTH_MAX else text[: WIDTH_MAX - 1] + "…"


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 0 if unicodedata.combining(c) else 1 for c in text)


def _padded(text: str, width: int, right: bool) -> str:
    blanks = " " * (width - _width(text))
    return blanks + text if right else text + blanks


def _is_number(kind: str) -> bool:
    return kind.endswith("INT") or kind in ("INTEGER", "DOUBLE", "REAL") or kind.startswith("DECIMAL")


def as_text(columns: Sequence[tuple[str, str]], rows: Sequence[tuple[Any, ...]], is_cut: bool) -> str:
    """A box; is_cut: there are more rows."""
    if not columns:
        return "(no columns)"
    cells = [[shown(v) for v in row] for row in rows]
    heads = [[shown(name) for name, _ in columns], [kind.lower()[:WIDTH_MAX] for _, kind in columns]]
    widths = [max(_width(line[i]) for line in [*heads, *cells]) for i in range(len(columns))]
    rights = [_is_number(kind) for _, kind in columns]

    def line(texts: Sequence[str]) -> str:
        return "│ " + " │ ".join(_padded(t, w, r) for t, w, r in zip(texts, widths, rights)) + " │"

    def rule(left: str, middle: str, right: str) -> str:
        return left + middle.join("─" * (w + 2) for w in widths) + right

    lines = [rule("┌", "┬", "┐"), *map(line, heads), rule("├", "┼", "┤"), *map(line, cells), rule("└", "┴", "┘")]
    count = f"first {len(rows)} rows" if is_cut else f"{len(rows)} row{'' if len(rows) == 1 else 's'}"
    return "\n".join([*lines, count])


def as_html(columns: Sequence[tuple[str, str]], rows: Sequence[tuple[Any, ...]], is_cut: bool) -> str:
    """A table; every text is escaped."""
    head = "".join(f"<th>{html.escape(name)}<br><small>{html.escape(kind.lower())}</small></th>" for name, kind in columns)
    body = []
    for row in rows:
        cells = []
        for value, (_, kind) in zip(row, columns):
            style = ' style="text-align:right"' if _is_number(kind) else ""
            inner = "<i>NULL</i>" if value is None else html.escape(shown(value))
            cells.append(f"<td{style}>{inner}</td>")
        body.append(f"<tr>{''.join(cells)}</tr>")
    note = f"first {len(rows)} rows" if is_cut else f"{len(rows)} row{'' if len(rows) == 1 else 's'}"
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table><small>{note}</small>"
