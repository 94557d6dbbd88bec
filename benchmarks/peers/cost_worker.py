"""Run a command, and print its exit code, CPU seconds, wall seconds and peak of memory in bytes as JSON.

The CPU seconds include those of the processes that it waits for. The figure of the system for the peak begins with
that of the process that starts the command, so this one imports little.
"""

import json
import os
import sys
import time

begun = time.perf_counter()
nothing = os.open(os.devnull, os.O_WRONLY)
actions = [(os.POSIX_SPAWN_DUP2, nothing, 1)]
process = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=actions)
_, status, usage = os.wait4(process, 0)
wall = time.perf_counter() - begun
code = os.waitstatus_to_exitcode(status)
print(json.dumps([code, usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss * 1024]))
