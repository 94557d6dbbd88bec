"""The programs of npm that read what modelaudit writes; ``make test`` installs them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
_MULTITOOL: Final = ROOT / "build/npm/node_modules/@microsoft/sarif-multitool-linux"
SARIF_SCHEMA: Final = _MULTITOOL / "sarif-2.1.0.json"
"""The schema of SARIF 2.1.0 that its authors publish."""


def run_sarif_multitool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the multitool of SARIF's authors, such as ``validate FILE``."""
    # Its run-time would look for the tables of ICU, which a small system lacks.
    environment = {**os.environ, "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1"}
    command = [str(_MULTITOOL / "Sarif.Multitool"), *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
