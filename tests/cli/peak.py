"""Peak of resident memory of one command: peak.py SQL FLAGS... prints "<exit status> <KiB>", then what the command said.

The peak is that of the child alone, at least this interpreter's own (the child begins as a copy of it): a few MB, which the
caller measures with a trivial statement.
"""
import os
import subprocess
import sys

child = subprocess.Popen([os.environ["WEIR"], "-q", "-o", "csv", *sys.argv[2:], "-c", sys.argv[1]], stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT)
said = child.stdout.read().decode(errors="replace")
_, status, usage = os.wait4(child.pid, 0)
print(os.waitstatus_to_exitcode(status), usage.ru_maxrss)
print(said[-1500:])
