#!/usr/bin/env python3
"""Fails when a file below src/ includes what src/LAYERS does not let its folder see.

Also checked: LAYERS itself (a folder may name only folders above it), that project includes are written
"folder/file.h", that included files exist, and that children of a folder marked "name/*" do not include
each other. Tables made by the build ("gen/...") may be included from anywhere.
"""
import pathlib
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)
PUBLIC = "weir"


def read_layers(path):
    """Returns folder -> folders it may include, the set of isolated folders, and complaints."""
    may, isolated, bad = {PUBLIC: {PUBLIC}}, set(), []
    for line in path.read_text().splitlines():
        name, colon, rest = line.split("#")[0].partition(":")
        if not colon:
            continue
        folder = name.strip().removesuffix("/*")
        if name.strip().endswith("/*"):
            isolated.add(folder)
        bad += [f"{path}: {folder} names {seen}, which does not stand above it"
                for seen in rest.split() if seen not in may]
        may[folder] = set(rest.split()) | {folder}
    return may, isolated, bad


def complaint(path, include, may, isolated):
    """What is wrong with one include of a file, or None."""
    me, parts = path.parts[1], include.split("/")
    if parts[0] == "gen":
        return None
    if len(parts) < 2:
        return f'{path}: write "{me}/{include}"'
    if parts[0] not in may[me]:
        return f"{path}: {me} must not include {include}"
    if me in isolated and parts[0] == me and len(path.parts) > 3 and parts[1] != path.parts[2]:
        return f"{path}: includes its sibling {include}"
    root = "include" if parts[0] == PUBLIC else "src"
    return None if pathlib.Path(root, include).exists() else f"{path}: {include} does not exist"


def main():
    may, isolated, bad = read_layers(pathlib.Path("src/LAYERS"))
    for path in sorted(pathlib.Path("src").rglob("*")):
        if path.suffix not in (".c", ".h", ".def"):
            continue
        if path.parts[1] not in may:
            bad.append(f"{path}: folder {path.parts[1]} is not in LAYERS")
            continue
        found = (complaint(path, include, may, isolated)
                 for include in INCLUDE.findall(path.read_text()))
        bad += [text for text in found if text]
    print("\n".join(bad), end="\n" if bad else "")
    sys.exit(bool(bad))


main()
