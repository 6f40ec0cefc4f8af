#!/bin/sh
# A fault of weir itself ends with exit code 70 and a report that tells what to send, but nothing the user wrote.
set -u
case ${WEIR:-build/weir} in /*) weir=${WEIR} ;; *) weir=$PWD/${WEIR:-build/weir} ;; esac
case $weir in *asan* | *tsan* | *fuzz*) echo "sanitizers have reports of their own"; exit 77 ;; esac
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
mkfifo input

fail() {
    echo "$1"
    cat out err report 2>/dev/null
    exit 1
}

# crash SIGNAL STATE_FOLDER: weir gets it between its second statement and the end of its input
crash() {
    rm -f out err report
    WEIR_HOME=$2 $weir -c "SELECT 'very secret'" -c 'SELECT 2' -f - <input >out 2>err &
    pid=$!
    exec 3>input
    for _ in $(seq 400); do
        grep -qs '^ *2$' out && break
        sleep 0.05
    done
    kill -s "$1" "$pid"
    wait "$pid"
    code=$?
    exec 3>&-
    [ "$code" = 70 ] || fail "$1: exit code $code, not 70"
}

for signal in SEGV BUS ABRT FPE ILL; do
    rm -rf home
    crash $signal "$dir/home"
    cp home/crash-"$pid".txt report || fail "$signal: no report"
    grep -q "internal error in weir .*, statement 2" err || fail "$signal: no statement"
    grep -q "report: $dir/home/crash-$pid.txt" err || fail "$signal: the report is not named"
    grep -q 'please report this bug' err || fail "$signal: nobody is asked to report"
    grep -q "^weir [0-9]" report || fail "$signal: no version"
    grep -q "SIG$signal" report || fail "$signal: the report does not tell what happened"
    grep -q 'weir(+0x' report || fail "$signal: no places"
    if grep -q secret err report; then fail "$signal: the text of a statement was told"; fi
    [ "$(stat -c %a report home/crash-"$pid".txt | tail -1)" = 600 ] || fail "the report may be read by others"
done
crash SEGV /proc/none
grep -q '(+0x' err || fail "without a folder the report is not on stderr"
