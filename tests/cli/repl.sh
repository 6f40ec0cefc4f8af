#!/bin/sh
# The prompt in a pseudo terminal: see repl.py.
python3 -c 'import os; os.openpty()' 2>/dev/null || {
    echo "no pseudo terminal can be opened: is /dev/pts mounted?"
    exit 77
}
exec python3 "$(dirname "$0")/repl.py"
