#!/bin/sh
# The tests of the Python package with the extension, and the engine in it, under the address and undefined-behaviour
# sanitizers. Arguments go to pytest. Leaks are not looked for: CPython keeps much to its end, and says so of every call of ours.
set -u
python=$(python3 tests/python/venv.py) || { echo "left out: $python"; exit 0; }
home=build/asan/python
make -s -j"$(nproc)" FLAVOR=asan PYTHON="$python" $home/_weir.abi3.so || exit 1
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
mkdir "$dir/package" "$dir/temp"
cp -r python/weir "$dir/package/" && cp $home/_weir.abi3.so "$dir/package/weir/" || exit 1
[ $# -gt 0 ] || set -- python/tests
# The type checkers are programs of their own that do not run under it.
LD_PRELOAD="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libubsan.so)" PYTHONMALLOC=malloc \
    ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1 \
    TMPDIR=$dir/temp PYTHONPATH=$dir/package PYTHONDONTWRITEBYTECODE=1 \
    "$python" -m pytest -q -p no:cacheprovider --deselect python/tests/test_types.py "$@"
