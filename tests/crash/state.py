#!/usr/bin/env python3
"""Kills a process that commits to a state, at random moments and at every failpoint of a commit, and looks at what is left.

After each kill the state must open, pass its check, and be exactly that of the last commit that returned or of the one in
flight. Sometimes another process reads and checks the state meanwhile. Usage: state.py WORKER [KILLS] [SEED]. Last line: N passed, N failed.
"""
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
POINTS = re.findall(r"X\((state_\w+),", (ROOT / "src/base/failpoints.def").read_text())


def killed(worker, directory, dice):
    """Runs the worker until it is dead, one way or another: how, and the last commit it was promised."""
    env, commits, how, delay = dict(os.environ), "100000", "", None
    point = dice.choice(POINTS)
    if dice.random() < 0.5:
        delay = dice.uniform(0, 0.15)
        how = f"killed after {delay * 1000:.0f} ms"
    elif dice.random() < 0.7:
        how = env["WEIR_FAILPOINTS"] = f"{point}=kill@{1 if point in ('state_created', 'state_grow') else dice.randint(1, 12)}"
        commits = "20"
    else:  # fails once, is repeated or made anew, and goes on
        how = env["WEIR_FAILPOINTS"] = f"{point}=error@{dice.randint(1, 5)}"
        commits = "12"
    sync = dice.choice("01")
    child = subprocess.Popen([worker, "work", directory, commits, sync], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    timer = threading.Timer(delay, child.kill) if delay is not None else None
    if timer:
        timer.start()
    try:
        out, err = child.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        child.kill()
        out, err = child.communicate()
        err += " (hung)"
    if timer:
        timer.cancel()
    promised = [int(n) for n in re.findall(r"^ACK (\d+)$", out, re.M)]
    is_expected = child.returncode in (0, -9) or (child.returncode == 3 and "failpoint" in err)
    return how + f" sync={sync}", promised[-1] if promised else None, "" if is_expected and "hung" not in err else f"exit {child.returncode}: {err}"


def found(worker, directory):
    """The number of commits that are there, and what is wrong."""
    done = subprocess.run([worker, "rows", directory], capture_output=True, text=True, timeout=120)
    if done.returncode or not done.stdout.endswith("DONE\n"):
        return 0, f"exit {done.returncode}: {done.stderr.strip()}"
    return done.stdout.count("ROW "), ""


def main():
    worker, kills = str(pathlib.Path(sys.argv[1]).resolve()), int(sys.argv[2]) if len(sys.argv) > 2 else 200
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    dice, passed, failed, in_flight, watches, hit = random.Random(seed), 0, 0, 0, 0, set()
    base = tempfile.mkdtemp(prefix="weir-crash-")
    directory, before = os.path.join(base, "0"), 0
    watcher = None
    for number in range(kills):
        if watcher and dice.random() < 0.2:  # killed as well, with its snapshot
            watcher.kill()
            watcher.wait()
            watcher, watches = None, watches + 1
        elif not watcher and dice.random() < 0.2 and os.path.exists(os.path.join(directory, "state.mdb")):
            watcher = subprocess.Popen([worker, "watch", directory], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if not watcher and dice.random() < 0.1:  # also the making of a state is interrupted
            shutil.rmtree(directory, ignore_errors=True)
            directory, before = os.path.join(base, str(number)), 0
        how, promised, wrong = killed(worker, directory, dice)
        count, damage = found(worker, directory)
        last = before if promised is None else promised
        wrong = wrong or damage
        if watcher and watcher.poll() is not None:
            wrong, watcher = wrong or f"the reader: {watcher.stderr.read()}", None
        if not wrong and not last <= count <= last + 1:
            wrong = f"{count} commits are there, {last} were promised"
        in_flight += count == last + 1
        hit.add(how.split("=")[0].split(" ")[0])
        passed, failed, before = passed + (not wrong), failed + bool(wrong), count
        if wrong:
            print(f"FAILED {number} (seed {seed}): {how}: {wrong}")
            break
    if watcher:
        watcher.kill()
        watcher.wait()
    shutil.rmtree(base, ignore_errors=True)
    if kills >= 200 and not set(POINTS) <= hit:
        failed += 1
        print(f"FAILED: not reached: {sorted(set(POINTS) - hit)}")
    print(f"{in_flight} commits in flight were there, {watches} readers were killed too")
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed > 0 or passed == 0)


main()
