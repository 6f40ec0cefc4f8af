#!/bin/sh
# run.sh - builds every fuzz target with clang (address and undefined-behaviour sanitizers) and runs it.
# SECONDS_EACH (or make fuzz SECONDS=600) seconds per target; 0 = only replay the seeds. Last line: N passed, N failed.
set -eu
cd "$(dirname "$0")/.."
exec python3 tools/fuzz.py "$@"
