"""Run a command and tell what it took, as JSON on the descriptor that comes first: `launch.py FD COMMAND...`.

A process of its own, and small: Linux lets a child begin with the peak of whoever started it, so that what a large
process starts would seem large.
"""

from __future__ import annotations

import json
import os
import sys
import time


def main() -> None:
    """Start, wait, tell."""
    told, command = int(sys.argv[1]), sys.argv[2:]
    os.set_inheritable(told, False)  # noqa: FBT003 -- takes no name
    began = time.perf_counter()
    process = os.posix_spawnp(command[0], command, os.environ)
    _, status, used = os.wait4(process, 0)
    wall = time.perf_counter() - began
    figures = {"wall": wall, "cpu": used.ru_utime + used.ru_stime, "peak": used.ru_maxrss / 1024}
    os.write(told, json.dumps({"code": os.waitstatus_to_exitcode(status), "figures": figures}).encode())


if __name__ == "__main__":
    main()
