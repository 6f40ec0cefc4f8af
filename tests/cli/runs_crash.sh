#!/bin/sh
# 4 processes of 250 tracked runs each, some of them killed at any moment: see runs_crash.py.
exec python3 "$(dirname "$0")/runs_crash.py" "$@"
