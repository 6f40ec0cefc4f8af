#!/bin/sh
# leaves_nothing.sh <command ..> - runs tests and fails if they left files in the working tree that git would add.
# Tests write into folders of their own below /tmp. Outside of a git checkout it only runs the command.
set -u
strays() { git ls-files --others --exclude-standard 2>/dev/null; }
before=$(strays)
"$@" || exit $?
after=$(strays)
[ "$before" = "$after" ] && exit 0
echo "the tests left files behind:"
printf '%s\n' "$after" | while read -r path; do
    printf '%s\n' "$before" | grep -qxF -- "$path" || echo "  $path"
done
exit 1
