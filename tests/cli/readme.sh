#!/bin/sh
# Every build/weir command of the README runs as it stands there.
set -eu
commands=$(grep '^build/weir ' README.md)
[ -n "$commands" ] || { echo "no commands found in README.md"; exit 1; }
printf '%s\n' "$commands" | while IFS= read -r command; do
    sh -ec "$(printf '%s\n' "$command" | sed "s|^build/weir|\"\$WEIR\"|")" >/dev/null || { echo "fails: $command"; exit 1; }
done
