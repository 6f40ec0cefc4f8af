#!/bin/sh
# weir query --save, weir run --save, weir runs and weir artifacts: see runs.py.
exec python3 "$(dirname "$0")/runs.py" "$@"
