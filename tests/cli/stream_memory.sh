#!/bin/sh
# Streams whose state is several times memory_limit say what they say without a limit, with and without a folder for their
# state, and stay below the limit + 10 % (beside what it takes to run
# at all and to have a state store).
set -eu
case ${WEIR:-} in *asan* | *tsan*) echo "sanitizers take memory of their own"; exit 77 ;; esac
WEIR=$(realpath "$WEIR")
here=$(realpath "$(dirname "$0")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
exec python3 "$here/stream_memory.py" "$WEIR"
