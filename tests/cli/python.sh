#!/bin/sh
# The Python package: its tests, with packages of PyPI to exchange data with.
set -u
case ${WEIR:-build/weir} in
*asan* | *tsan*)
    echo "the Python package is tested without sanitizers"
    exit 77
    ;;
esac
flavor=$(basename "$(dirname "$(readlink -f "${WEIR:-build/weir}")")")
[ "$flavor" = release ] || { echo "the Python package is tested as release"; exit 77; }
python=$(python3 tests/python/venv.py) || { echo "$python"; exit 77; }
mkdir -p build/python
flock build/python make -s FLAVOR="$flavor" PYTHON="$python" python || exit 1
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
TMPDIR=$dir PYTHONPATH="$PWD/python" PYTHONDONTWRITEBYTECODE=1 "$python" -m pytest -q -p no:cacheprovider python/tests
