#!/bin/sh
# Streams whose state does not fit in memory_limit say what they say without a limit, with and without a folder for it.
# bench/state/run.py looks at their memory.
set -eu
WEIR=$(realpath "$WEIR")
here=$(realpath "$(dirname "$0")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
exec python3 "$here/stream_memory.py" "$WEIR"
