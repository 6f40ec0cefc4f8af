#!/bin/sh
# What README.md and the pages of docs/ tell a user to type runs as it stands there.
cd "$(dirname "$0")/../.." || exit 1
exec python3 tests/documents.py
