#!/bin/sh
# Window functions over streams: see streams_over.py.
WEIR=$(realpath "$WEIR")
export WEIR
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 "$(dirname "$0")/streams_over.py" "$work"
