#!/bin/sh
# The prompt in a pseudo terminal: see repl.py.
exec python3 "$(dirname "$0")/repl.py"
