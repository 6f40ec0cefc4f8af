#!/usr/bin/env python3
"""Writes build/<flavour>/gen/width.inc: code point ranges whose terminal width is not 1.

The Unicode properties come from Python's own tables. Usage: gen_width.py <out-file>
"""
import pathlib
import sys
import unicodedata


def width(code):
    char = chr(code)
    category = unicodedata.category(char)
    if code == 0xAD:  # soft hyphen is drawn
        return 1
    if category in ("Mn", "Me", "Cf") or 0x1160 <= code <= 0x11FF:
        return 0
    if unicodedata.east_asian_width(char) in "WF" and category != "Cn":
        return 2
    # Unassigned code points of these planes are reserved for ideographs.
    return 2 if 0x20000 <= code <= 0x2FFFD or 0x30000 <= code <= 0x3FFFD else 1


def main():
    ranges = []
    for code in range(0x80, 0x110000):
        w = width(code)
        if ranges and ranges[-1][2] == w:
            ranges[-1][1] = code
        else:
            ranges.append([code, code, w])
    lines = ["/* made by tools/gen_width.py: {first, last, columns} */"]
    lines += [f"{{0x{a:x}, 0x{b:x}, {w}}}," for a, b, w in ranges if w != 1]
    out = pathlib.Path(sys.argv[1])
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("\n".join(lines) + "\n")


main()
