"""Flink beside weir: the same SQL on the same files of JSON lines.

Flink comes from PyPI (apache-flink-libraries: its jars) and runs in one JVM of its own with a cluster inside, parallelism 1,
object reuse, mini-batches, state on the heap. One thread per operator chain is still what it takes, so it may use more
than one core. Its time is that of the job alone (JVM and planner are not counted, an unmeasured job comes first); weir's is that
of the whole process. Both read <kind>.jsonl to the end and throw the rows away.
"""
import os
import pathlib
import subprocess
import sys

import answers
import events
import workplace
from process import Failed, HERE, MILLION, QUERIES, mode, query_text, run, statement

LEFT_OUT = {"q6": "Flink has no OVER of rows that change", "q13": "Flink cannot look up in files"}
OPENED = [f"--add-opens=java.base/java.{package}=ALL-UNNAMED" for package in ("lang", "util", "nio", "time")]


class Flink:
    def __init__(self, jars, classes, scratch):
        self.scratch = scratch
        with open(scratch / "flink.log", "w") as log:
            self.process = subprocess.Popen(["java", "-Xmx3g", *OPENED, "-cp", f"{classes}:{jars}/*", "Statements"],
                                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True)

    def cpu(self):
        """Seconds of all threads so far, ended ones included."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def ask(self, command, script):
        path = self.scratch / "statements.sql"
        path.write_text(script)
        self.process.stdin.write(f"{command} {path}\n")
        self.process.stdin.flush()
        while line := self.process.stdout.readline():
            if line.startswith("ok "):
                return int(line[3:])
            if line.startswith("failed "):
                raise Failed(line[7:].strip()[:200])
        raise Failed("the JVM died")

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def start(scratch):
    python = workplace.python_with("apache-flink-libraries")
    jars = next(pathlib.Path(python).parent.parent.glob("lib/python*/site-packages/pyflink/lib"))
    classes = scratch / "classes"
    made = subprocess.run(["javac", "-cp", f"{jars}/*", "-d", str(classes), str(HERE / "Statements.java")])
    if made.returncode:
        sys.exit("bench: a JDK of 17 or later is needed")
    version = next(jars.glob("flink-dist-*.jar")).stem.removeprefix("flink-dist-")
    return Flink(jars, classes, scratch), version


def event_files(count):
    folder = workplace.HOME / "nexmark" / f"events-{count}"
    if not (folder / "bid.jsonl").exists():
        folder.mkdir(parents=True, exist_ok=True)
        for kind in events.COLUMNS:
            names = ", ".join(f'"{name}"' for name, _ in events.COLUMNS[kind])
            run(events.generated(count) + f"COPY (SELECT {names} FROM {kind}) TO '{folder}/{kind}.jsonl'")
    return folder


def flink_script(name, folder):
    return events.flink_of_files(folder) + query_text(name).replace('"', "`")


def weir_script(name, folder, sink):
    return events.of_files(folder) + mode(True) + statement(name, sink)


def same_count(flink, name):
    """Rows that are left of a few events."""
    folder = event_files(20_000)
    theirs = flink.ask("count", flink_script(name, folder))
    ours = answers.console_rows(run(weir_script(name, folder, "connector = 'console'"), subprocess.PIPE).output)
    return theirs == sum(ours.values()), f"{sum(ours.values())} rows, Flink {theirs}"


def measure_one(flink, name, folder, runs):
    """Medians of both: seconds, CPU seconds."""
    ours, theirs = [], []
    script = weir_script(name, folder, "connector = 'blackhole'")
    for _ in range(runs):
        cpu = flink.cpu()
        seconds = flink.ask("time", flink_script(name, folder)) / 1000
        theirs.append((seconds, flink.cpu() - cpu))
        made = run(script)
        ours.append((made.seconds, made.cpu))
    return [[workplace.median([r[i] for r in rs]) for i in range(2)] for rs in (ours, theirs)]


def compare(args):
    count = args.events or MILLION
    scratch = workplace.HOME / "nexmark"
    scratch.mkdir(parents=True, exist_ok=True)
    folder = event_files(count)
    size = sum(path.stat().st_size for path in folder.iterdir())
    flink, version = start(scratch)
    print(f"Flink {version}, parallelism 1, mini-batches; {count} events, {size / 1e6:.0f} MB of JSON lines; medians of "
          f"{args.runs}; seconds")
    print(f"{'':5}{'weir':>8}{'CPU':>8}{'Flink':>8}{'CPU':>8}{'ratio':>8}{'of CPU':>8}")
    ratios, cpu_ratios = {}, {}
    flink.ask("time", flink_script("q0", folder))
    for name in args.only or QUERIES:
        if name in LEFT_OUT:
            print(f"{name:5}left out: {LEFT_OUT[name]}")
            continue
        try:
            is_same, counts = (True, "") if name == "q12" else same_count(flink, name)
            ours, theirs = measure_one(flink, name, folder, args.runs)
        except Failed as why:
            print(f"{name:5}{why}", flush=True)
            continue
        ratios[name], cpu_ratios[name] = ours[0] / theirs[0], ours[1] / theirs[1]
        print(f"{name:5}{ours[0]:8.2f}{ours[1]:8.2f}{theirs[0]:8.2f}{theirs[1]:8.2f}{ratios[name]:8.3f}{cpu_ratios[name]:8.3f}"
              + ("" if is_same else f"  other answers: {counts}"), flush=True)
    flink.close()
    worst = max(ratios, key=ratios.get)
    print(f"{len(ratios)} queries, geomean of time {workplace.geomean(ratios.values()):.3f} of CPU "
          f"{workplace.geomean(cpu_ratios.values()):.3f} worst {worst} {ratios[worst]:.3f}")
    return 0
