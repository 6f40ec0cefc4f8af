#!/usr/bin/env python3
"""Writes the registries build/<flavour>/gen/*.inc: one X(name) line per implementation found in src/.

A file registers itself by its name and the object it exports:
  functions.inc  src/expr/fn/<name>.c                 exports wr_fns_<name>
  formats.inc    src/fmt/<name>.c or src/fmt/<name>/  exports wr_format_<name>
  rules.inc      src/plan/rules/<name>.c              exports wr_rule_<name>
  commands.inc   src/cli/cmd_<name>.c                 exports wr_cmd_<name>
  connectors.inc src/conn/<name>/*.c                  exports wr_connector_<name>
A table is rewritten only when its contents change. Usage: gen_registry.py <out-folder>
"""
import pathlib
import re
import sys

# table -> (glob below src, definition searched for in the files)
TABLES = {
    "functions": ("expr/fn/*.c", r"^const\s+\w+\s+wr_fns_(\w+)\s*\["),
    "formats": ("fmt/**/*.c", r"^const\s+\w+\s+wr_format_(\w+)\s*="),
    "rules": ("plan/rules/*.c", r"^const\s+\w+\s+wr_rule_(\w+)\s*="),
    "connectors": ("conn/*/*.c", r"^const\s+wr_connector\s+wr_connector_(\w+)\s*="),
    "commands": ("cli/cmd_*.c", r"^const\s+\w+\s+wr_cmd_(\w+)\s*="),
}


def expected_name(table, path):
    """The name the path stands for: file names are the registration, so the object must carry it."""
    if table == "formats":
        return path.relative_to("src/fmt").parts[0].removesuffix(".c")
    if table == "connectors":
        return path.parent.name
    return path.stem.removeprefix("cmd_") if table == "commands" else path.stem


def names(table, pattern, definition):
    found = {}
    for path in sorted(pathlib.Path("src").glob(pattern)):
        if path.name.endswith("_test.c"):
            continue
        for name in re.findall(definition, path.read_text(), re.M):
            expected = expected_name(table, path)
            if table != "formats" and name != expected:
                sys.exit(f"{path}: defines the {table} object of \"{name}\", "
                         f"but its file name says \"{expected}\"")
            if name in found:
                sys.exit(f"{path}: \"{name}\" is defined in {found[name]} already")
            found[name] = path
    return sorted(found)


def main():
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    for table, (pattern, definition) in TABLES.items():
        lines = ["/* made by tools/gen_registry.py */"]
        lines += [f"X({name})" for name in names(table, pattern, definition)]
        text = "\n".join(lines) + "\n"
        target = out / f"{table}.inc"
        if not target.exists() or target.read_text() != text:
            target.write_text(text)


main()
