#!/usr/bin/env python3
"""Fails on functions, names and shapes the house style forbids in src/ (see docs/internals/style.md).

Comments and literals are blanked out first, so that they may speak of anything.
"""
import pathlib
import re
import sys

ANYWHERE = "strcpy strcat sprintf vsprintf strtok gets alloca rand srand tmpnam mktemp"
# The heap and files have one door each: base/mem.h and sys/file.h. Tests may take short cuts.
OUTSIDE_GROUND = ("malloc calloc realloc free aligned_alloc posix_memalign fopen open creat unlink "
                  "mmap munmap exit time localtime gmtime setlocale signal")
GROUND = {"base", "sys"}
# The command line is a program: it may end itself, listen to signals, know the terminal and
# print to a file the user names (or a temporary one for the editor) as it prints to the standard output.
PROGRAM_MAY = {"exit", "signal", "open", "fopen", "unlink", "free"}  # free: what the line editor hands out
NAMES = re.compile(r"(^|[_/])(utils?|helpers?|misc|common|managers?|data|info)([_./]|$)")
NOISE = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def blanked(text):
    return NOISE.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text)


def calls(words):
    return re.compile(r"(?<![\w.>])(" + "|".join(words) + r")\s*\(")


def complaints(path):
    text = path.read_text()
    code, folder, is_test = blanked(text), path.parts[1], path.name.endswith("_test.c")
    words = set(ANYWHERE.split())
    if folder not in GROUND and not is_test:
        words |= set(OUTSIDE_GROUND.split()) - (PROGRAM_MAY if folder == "cli" else set())
    for number, line in enumerate(code.split("\n"), 1):
        for match in calls(sorted(words)).finditer(line):
            yield f"{path}:{number}: {match[1]} is banned here"
        if re.search(r"\bgoto\b", line):
            yield f"{path}:{number}: goto is not used"
    if NAMES.search(str(path.relative_to("src"))):
        yield f"{path}: the name does not say what lives there"
    if path.suffix == ".c" and not text.startswith(f"/* {path.name} - "):
        if not (is_test and text.startswith(f"/* {path.name} ")):
            yield f"{path}: does not begin with its essay: /* {path.name} - ..."
    if path.suffix == ".h" and ".tmpl." not in path.name and "#pragma once" not in text:
        yield f"{path}: #pragma once is missing"


def main():
    bad = [text for path in sorted(pathlib.Path("src").rglob("*.[ch]")) for text in complaints(path)]
    print("\n".join(bad), end="\n" if bad else "")
    sys.exit(bool(bad))


main()
