"""Keep compiled modules below ``build/pycache``, whatever the environment sets, and never beside the sources.

Every worker imports all tests, and the processes that tests start import the package; compiling takes longer than most
tests. Importing this module has that effect on this process and on those that it starts.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.dont_write_bytecode = False
sys.pycache_prefix = str(Path(__file__).parents[2] / "build/pycache")
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix
