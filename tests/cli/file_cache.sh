#!/bin/sh
# Decoded columns of Parquet files kept between statements: see file_cache.py.
WEIR=$(realpath "$WEIR")
export WEIR
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
here=$(realpath "$(dirname "$0")")
cd "$work" && python3 "$here/file_cache.py"
