#!/bin/sh
# startup.sh - what `weir -c 'select 1'` costs: CPU time and resident memory (medians of 21 runs), and the stripped size.
# Last line: cpu <ms> ms rss <MB> MB size <MB> MB
set -eu
cd "$(dirname "$0")/.."
make --no-print-directory -s strip
python3 - build/release/weir.stripped <<'PY'
import os, statistics, sys
binary = sys.argv[1]
cpu, rss = [], []
for _ in range(21):
    pid = os.fork()
    if pid == 0:
        os.dup2(os.open("/dev/null", os.O_WRONLY), 1)
        os.execv(binary, [binary, "-c", "select 1"])
    _, status, usage = os.wait4(pid, 0)
    if status:
        sys.exit("weir failed")
    cpu.append((usage.ru_utime + usage.ru_stime) * 1e3)
    rss.append(usage.ru_maxrss / 1024)
print(f"cpu {statistics.median(cpu):.1f} ms rss {statistics.median(rss):.1f} MB size {os.path.getsize(binary) / 1e6:.1f} MB")
PY
