#!/usr/bin/env python3
"""Writes docs/reference/*.md from what the engine says about itself (weir describe --json).

Usage: write_reference.py [--check] [weir]. With --check nothing is written; pages that differ are named and the exit
code is 1.
"""
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "reference"
NOTE = "<!-- written by tools/write_reference.py: edit the registry, then run `make docs` -->\n\n"
FAMILIES = {
    "agg_approx": "Aggregates: approximate", "agg_basic": "Aggregates: basic", "agg_collect": "Aggregates: collecting",
    "agg_logic": "Aggregates: logic and bits", "agg_order": "Aggregates: order statistics",
    "agg_stat": "Aggregates: statistics", "arith": "Operators on numbers",
    "arith_bits": "Operators on bits", "arith_time": "Operators on dates and times", "conditional": "Conditions and types",
    "date_arith": "Dates and times: computing", "stream": "Streams", "date_format": "Dates and times: patterns",
    "date_part": "Dates and times: parts", "date_units": "Dates and times: units", "digest_wide": "Text: wide digests", "json": "JSON: reading and building",
    "json_edit": "JSON: changing", "list": "Lists", "list_compute": "Lists: lambdas and aggregates",
    "list_make": "Lists: repetition and positions", "nested": "Structs and maps", "number_format": "Numbers: patterns",
    "numeric": "Numbers: rounding and integers", "numeric_real": "Numbers: real functions", "pattern": "LIKE and SIMILAR", "pg_catalog": "PostgreSQL's catalog",
    "regex": "Regular expressions", "system": "System, UUIDs, bytes", "text": "Text: looking and cutting",
    "text_build": "Text: joining and replacing", "text_code": "Text: codes and digests",
    "text_distance": "Text: distances", "text_parts": "Text: parts, sizes, encodings", "window": "Window functions",
}


def cell(text):
    return "" if text is None else str(text).replace("|", "\\|").replace("\n", " ")


def code(text):
    text = "" if text is None else str(text)
    if not text:
        return ""
    ticks = "``" if "`" in text else "`"
    return f"{ticks}{cell(text)}{ticks}"


def table(titles, rows):
    lines = ["| " + " | ".join(titles) + " |", "|" + "---|" * len(titles)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def names_of(name):
    """Aliases stand behind bars; bars at the start of a name are an operator's own."""
    names = []
    while name:
        end = len(name) - len(name.lstrip("|"))
        while end < len(name) and not (name[end] == "|" and 0 < end < len(name) - 1 and name[end - 1] != "|"):
            end += 1
        names.append(name[:end])
        name = name[end + 1:]
    return names


def functions(described):
    text = "# Functions\n\n" + NOTE
    text += ("In signatures `any` is any type (all of them must agree), `each` any type on its own, `number` any numeric "
             "type, `list` a list of any type, `lambda` a function such as `x -> x + 1`; `...` repeats the last argument "
             "and `= value` makes one optional.\n")
    families = {}
    for row in described["functions"]:
        families.setdefault(row["family"], []).append(row)
    titles = {family: FAMILIES.get(family, family.replace("_", " ").capitalize()) for family in families}
    for family in sorted(families, key=lambda f: titles[f].lower()):
        rows = []
        for row in families[family]:
            names = names_of(row["name"])
            also = f" Also {', '.join(code(n) for n in names[1:])}." if len(names) > 1 else ""
            example = f"{code(row['example'])} gives {code(row['result']) or 'the empty text'}" if row["example"] else ""
            rows.append([code(names[0] + " " + row["signature"]), cell(row["help"]) + also, example])
        text += f"\n## {titles[family]}\n\n" + table(["function", "what it does", "example"], rows)
    return text


def settings(described):
    rows = [[code(row["name"]), cell(row.get("kind")), code(row["default"]), cell(row["help"])]
            for row in sorted(described["settings"], key=lambda row: row["name"].lower())]
    return ("# Settings\n\n" + NOTE + "`SET name = value`, `RESET name`, `SHOW name`; `--set name=value` on the command "
            "line.\n\n" + table(["setting", "kind", "default", "meaning"], rows))


def error_page(described):
    rows = [[f"W{int(row['code']):04d}" if str(row["code"]).isdigit() else cell(row["code"]), code(row["name"]),
             cell(row["sqlstate"]), cell(row["title"])] for row in described["errors"]]
    return "# Errors\n\n" + NOTE + table(["code", "name", "SQLSTATE", "meaning"], rows)


def options(title, rows):
    if not rows:
        return ""
    return f"\n{title}:\n\n" + table(["option", "default", "meaning"],
                                     [[code(r["name"]), code(r["default"]), cell(r["help"])] for r in rows])


def formats(described):
    text = "# File formats\n\n" + NOTE + "Options are named arguments: `read_csv('a.csv', delimiter => ';')`.\n"
    text += "\n## All formats\n" + options("Reading", described["file_read_options"])
    text += options("Writing", described["file_write_options"])
    for row in described["formats"]:
        endings = f" Files named {code(row['extensions'])}." if row["extensions"] else ""
        text += f"\n## {row['name']}\n\n{row['help']}{endings}\n"
        text += options("Reading", row["read_options"]) + options("Writing", row["write_options"])
    return text


def connectors(described):
    text = "# Connectors\n\n" + NOTE
    text += "Named by `CREATE SOURCE` and `CREATE SINK`: `CREATE SINK s WITH (connector = 'console', format = 'jsonl')`.\n"
    text += "\n## All sinks\n" + options("Writing", described["sink_options"])
    for row in described["connectors"]:
        ways = " and ".join(way for way in ("source", "sink") if row[way])
        text += f"\n## {row['name']}\n\n{row['help']} A {ways}.\n"
        text += options("Reading", row["source_options"]) + options("Writing", row["sink_options"])
    return text


def said(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.rstrip()


def command_line(weir):
    """The help texts, which are made from the tables of flags and commands, on one page."""
    overview = said(weir, "--help")
    names = [line.split()[1] for line in overview.splitlines() if re.match(r"  weir [a-z]+", line)]
    text = "# Command line\n\n" + NOTE + f"```\n{overview}\n```\n"
    for name in names:
        told = said(weir, name, "--help")
        text += f"\n## weir {name}\n\n```\n{told}\n```\n"
        for verb in re.findall(r"^  ([a-z]+) ", told, re.M):
            text += f"\n### weir {name} {verb}\n\n```\n{said(weir, name, verb, '--help')}\n```\n"
    prompt = subprocess.run([weir, "-q"], input=".help\n", capture_output=True, text=True, check=True).stdout.rstrip()
    return text + f"\n## Commands of the prompt\n\nThey work in scripts too.\n\n```\n{prompt}\n```\n"


def main():
    words = [word for word in sys.argv[1:] if word != "--check"]
    weir = words[0] if words else str(ROOT / "build" / "weir")
    described = json.loads(subprocess.run([weir, "describe", "--json"], capture_output=True, text=True, check=True).stdout)
    pages = {"functions.md": functions(described), "settings.md": settings(described), "errors.md": error_page(described),
             "formats.md": formats(described), "connectors.md": connectors(described),
             "command_line.md": command_line(weir)}
    stale = [name for name, text in pages.items()
             if not (FOLDER / name).exists() or (FOLDER / name).read_text() != text]
    if "--check" in sys.argv[1:]:
        for name in stale:
            print(f"docs/reference/{name} is not what `make docs` writes")
        return 1 if stale else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in stale:
        (FOLDER / name).write_text(pages[name])
        print(f"wrote docs/reference/{name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
