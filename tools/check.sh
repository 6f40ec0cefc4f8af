#!/bin/sh
# check.sh <build/flavour> - everything a script can check about the source, in under a minute.
# The last line is "N checks passed, N failed"; the output of a check is shown only when it fails.
set -u
cd "$(dirname "$0")/.."
build=${1:-build/release}
passed=0
failed=0

check() {
    name=$1
    shift
    if output=$("$@" 2>&1); then
        passed=$((passed + 1))
        echo "ok      $name"
    else
        failed=$((failed + 1))
        echo "$output" | head -40
        echo "FAILED  $name"
    fi
}

check "layers" python3 tools/check_layers.py
check "banned functions, names and shapes" python3 tools/check_banned.py
check "prototypes are told about" python3 tools/check_prototypes.py
check "headers compile alone" tools/check_headers.sh "$build"
check "exported symbols" tools/check_symbols.sh "$build"
check "reference pages" python3 tools/write_reference.py --check "$build/weir"
check "format" tools/check_format.sh
check "clang warnings" tools/check_clang.sh "$build"
echo "$passed checks passed, $failed failed"
[ "$failed" -eq 0 ]
