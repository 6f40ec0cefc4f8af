#!/bin/sh
# fresh.sh - the wheel in dist/ in fresh environments: it installs alone, the quickstart of python/README.md runs, and so
# does the command line. Every CPython from 3.11 on that can be found; says which could not.
set -u
cd "$(dirname "$0")/../.."
set -- dist/weir-*.whl
[ -f "$1" ] || { echo "there is no dist/*.whl: make wheel"; exit 1; }
for wheel in "$@"; do newest=$wheel; done
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
tested=0 failed=0
for version in 3.11 3.12 3.13 3.14; do
    python=
    for candidate in "python$version" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$version".*/bin/python; do
        "$candidate" -c "import sys; sys.exit('%d.%d' % sys.version_info[:2] != '$version')" 2>/dev/null && python=$candidate
    done
    [ -n "$python" ] || { echo "CPython $version: not on this machine"; continue; }
    if "$python" -m venv "$dir/$version" && "$dir/$version/bin/pip" install -q --no-index "$newest" &&
        "$dir/$version/bin/python" tests/python/snippets.py python/README.md >"$dir/out.txt" 2>&1 &&
        [ "$("$dir/$version/bin/weir" -o csv -c 'select 6 * 7 as answer')" = "answer
42" ]; then
        echo "CPython $version: well"
        tested=$((tested + 1))
    else
        echo "CPython $version: FAILED"
        tail -20 "$dir/out.txt"
        failed=1
    fi
done
[ "$tested" -gt 0 ] || { echo "no CPython was found"; exit 1; }
exit $failed
