#!/bin/sh
# run.sh - whole-system tests through the command line. WEIR names the binary (default build/weir).
# Last line: N passed, N failed. Fails when nothing ran.
set -u
cd "$(dirname "$0")/.."
WEIR=${WEIR:-build/weir}
export WEIR
exec python3 tests/run.py "$@"
