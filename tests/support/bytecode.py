"""Keep compiled modules in the folders ``__pycache__``, whatever the environment sets.

Every worker imports all tests, and the processes that tests start import the package; compiling takes longer than most
tests. Importing this module has that effect on this process and on those that it starts. The folders are the usual ones,
because a folder of our own would have all installed packages compiled again.
"""

from __future__ import annotations

import os
import sys

sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
