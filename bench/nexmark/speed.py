"""Speed of one thread."""


def measure(args):
    raise SystemExit("run.py --check is what there is")
