"""Where benches keep what they need: a virtual environment and generated data below build/bench."""
import fcntl
import math
import os
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
HOME = ROOT / "build" / "bench"
SHARED = pathlib.Path(os.environ.get("WEIR_SHARED", ROOT.parent / "shared"))


def binary():
    """The release binary, built if needed."""
    subprocess.run(["make", "--no-print-directory", "-s", "-C", str(ROOT), "all"], check=True, stdout=subprocess.DEVNULL)
    return str(ROOT / "build" / "weir")


def python_with(*packages):
    """A Python of our own that has the packages (from PyPI); made once, by one process at a time."""
    venv = HOME / "venv"
    python = venv / "bin" / "python"
    HOME.mkdir(parents=True, exist_ok=True)
    with open(HOME / "venv.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not python.exists():
            made = subprocess.run([sys.executable, "-m", "venv", str(venv)])
            if made.returncode:
                sys.exit("bench: python3-venv is needed")
        have = subprocess.run([str(python), "-m", "pip", "list", "--format=freeze"], capture_output=True, text=True).stdout.lower()
        missing = [p for p in packages if p.lower().replace("_", "-") not in have.replace("_", "-")]
        if missing:
            subprocess.run([str(python), "-m", "pip", "install", "-q", *missing], check=True)
    return str(python)


def geomean(values):
    return math.exp(sum(math.log(max(v, 1e-9)) for v in values) / len(values))


def median(values):
    return statistics.median(values)


def in_bytes(size):
    """256MB -> 256000000, 1GiB -> 1073741824, as the setting memory_limit reads it."""
    number = size.rstrip("KMGiB")
    unit = size[len(number):]
    step = 1024 if "i" in unit else 1000
    return int(float(number) * step ** " KMG".index(unit[0] if unit else " "))
