#!/bin/sh
# check_format.sh - the C files are formatted as .clang-format says. To repair: check_format.sh --fix
set -eu
command -v clang-format >/dev/null 2>&1 || {
    echo "clang-format is not installed (tools/setup.sh installs it)"
    exit 1
}
if [ "${1:-}" = --fix ]; then
    find include src fuzz python/src -name '*.[ch]' -print0 2>/dev/null | xargs -0 clang-format -i
    exit 0
fi
odd=$(find include src fuzz python/src -name '*.[ch]' -print0 2>/dev/null |
    xargs -0 -P 2 -I{} sh -c 'clang-format --dry-run -Werror {} >/dev/null 2>&1 || echo {}' | sort)
[ -n "$odd" ] || exit 0
echo "not formatted (tools/check_format.sh --fix repairs):"
echo "$odd"
exit 1
