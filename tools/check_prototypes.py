#!/usr/bin/env python3
"""Fails on prototypes in headers that no comment tells about.

A comment may stand behind the prototype or above it in the same paragraph: one comment serves a family of functions that
stand together, such as a keep and its release.
"""
import pathlib
import re
import sys

START = re.compile(r"^(?!typedef|static|[#/*}\s]|extern)[A-Za-z_].*\b((?:wr|weir)_\w+)\(")


def untold(text):
    """(line, name) of each prototype without a comment."""
    told, lines = False, text.split("\n")
    for number, line in enumerate(lines):
        told = bool(line.strip()) and (told or line.startswith("/*"))
        match = START.match(line)
        if not match:
            continue
        end = number
        while not re.search("[;{]", lines[end]) and end + 1 < len(lines):
            end += 1
        whole = "\n".join(lines[number:end + 1])
        if "{" not in whole and "/*" not in whole and not told:
            yield number + 1, match[1]


def main():
    seen, bad = 0, []
    for folder in ("include", "src"):
        for path in sorted(pathlib.Path(folder).rglob("*.h")):
            if ".tmpl." not in path.name:
                seen += 1
                bad += [f"{path}:{line}: no comment tells about {name}" for line, name in untold(path.read_text())]
    print("\n".join(bad), end="\n" if bad else "")
    sys.exit(bool(bad) or seen == 0)


main()
