"""Runs the same questions on several engines in turn and prints their ratios.

A question is {engine: text} with weir as the one compared. Rounds are interleaved (weir, peer, weir, peer ...), the
first round warms up and checks that the answers agree, medians of the others count.
"""
import decimal
import sys

import workplace


def number(value):
    try:
        return decimal.Decimal(str(value))
    except decimal.InvalidOperation:
        return None


def same_value(a, b):
    if a == b or str(a) == str(b):
        return True
    x, y = number(a), number(b)
    if x is None or y is None or not (x.is_finite() and y.is_finite()):
        return False
    return abs(x - y) <= abs(y) * decimal.Decimal("1e-9")


def same_rows(a, b):
    return len(a) == len(b) and all(len(x) == len(y) and all(map(same_value, x, y)) for x, y in zip(a, b))


def in_any_order(rows):
    return sorted(rows, key=lambda row: [str(v) for v in row])


def measure(engines, texts, runs, look=None, clean=None):
    """{engine: (wall, cpu)} medians of one question, whether the answers agree, the answers.

    When the question leaves its answer in a table, look is the query that reads it and clean removes it; neither is timed.
    """
    times = {name: [] for name in texts}
    answers = {}
    for run in range(runs + 1):
        for name, text in texts.items():
            rows, wall, cpu = engines[name].run(text)
            if run:
                times[name].append((wall, cpu))
            else:
                answers[name] = in_any_order(engines[name].run(look)[0] if look else rows)
            if clean:
                engines[name].run(clean)
    agree = all(same_rows(rows, answers["weir"]) for rows in answers.values())
    return {name: tuple(workplace.median(t[i] for t in times[name]) for i in (0, 1)) for name in texts}, agree, answers


def table(engines, questions, runs, looks=None, clean=None):
    """Measures questions ({name: {engine: text}}) and prints a line each.

    looks: {name: query that reads the answer}. Returns {name: {peer: (cpu ratio, wall ratio)}} and whether all agree.
    """
    ratios, right = {}, True
    for name, texts in questions.items():
        medians, agree, answers = measure(engines, texts, runs, (looks or {}).get(name), clean)
        ratios[name] = {p: (medians["weir"][1] / medians[p][1], medians["weir"][0] / medians[p][0])
                        for p in texts if p != "weir"}
        cells = "  ".join(f"{p} wall {m[0] * 1e3:8.1f} cpu {m[1] * 1e3:8.1f}" for p, m in medians.items())
        shares = "  ".join(f"{p} {cpu:.2f}" for p, (cpu, _) in ratios[name].items())
        print(f"{name:10} {cells}  ratio {shares}{'' if agree else '  ANSWERS DIFFER'}", flush=True)
        if not agree:
            right = False
            for engine, rows in answers.items():
                print(f"    {engine}: {len(rows)} rows, {rows[:2]}")
    return ratios, right


def figure(ratios, peer="duckdb"):
    """The last line of a bench: geometric means of CPU and wall ratios, and the worst question."""
    cpu = {name: by[peer][0] for name, by in ratios.items() if peer in by}
    wall = {name: by[peer][1] for name, by in ratios.items() if peer in by}
    worst = max(cpu, key=cpu.get)
    return (f"geomean {workplace.geomean(cpu.values()):.2f} wall {workplace.geomean(wall.values()):.2f} "
            f"worst {worst} {cpu[worst]:.2f}")


def close(engines):
    """Ends the engines and returns their peak memory in bytes."""
    peaks = {}
    for name, engine in engines.items():
        peaks[name] = engine.peak_rss()
        engine.close()
        print(f"peak memory of {name}: {peaks[name] / 2**20:.0f} MiB")
    sys.stdout.flush()
    return peaks
