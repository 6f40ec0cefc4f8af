#!/usr/bin/env python3
"""Runs the Python in a page's code blocks, one after the other as one program, in a temporary folder.

A comment at the end of a line that ends in an expression, "# [('Oslo', 20)]", says what it gives.
"""

import ast
import os
import pathlib
import re
import sys
import tempfile


def wanted(line):
    """The value that the comment at the end of a line tells, if it tells one."""
    found = re.search(r"#\s+([\[({'\"\d-].*|None|True|False|Decimal.*)$", line)
    return found[1].strip() if found else None


def main():
    page = pathlib.Path(sys.argv[1]).resolve()
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(), re.S)
    if not blocks:
        sys.exit(f"{page} has no Python")
    names = {"__name__": "__main__"}
    exec("from decimal import Decimal", names)
    folder = tempfile.TemporaryDirectory()
    os.chdir(folder.name)
    os.environ["WEIR_HOME"] = folder.name
    checked = 0
    for block in blocks:
        lines = block.split("\n")
        for statement in ast.parse(block).body:
            text = ast.get_source_segment(block, statement)
            expected = wanted(lines[statement.end_lineno - 1])
            if expected is None or not isinstance(statement, ast.Expr):
                exec(compile(ast.Module([statement], []), page.name, "exec"), names)
                continue
            inner = statement.value
            if isinstance(inner, ast.Call) and getattr(inner.func, "id", "") == "print":
                inner = inner.args[0]
            got = eval(ast.unparse(inner), names)
            if got != eval(expected, names):
                sys.exit(f"{page.name}: {text}\n  gives {got!r}, not {expected}")
            checked += 1
    print(f"{page.name}: {len(blocks)} blocks ran, {checked} values as told")


main()
