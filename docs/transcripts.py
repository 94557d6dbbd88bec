"""Run the commands of a document, and write what they print below them, as a terminal of 80 columns shows it.

A block of commands is rewritten if it lies between these two lines; the numbers are the exit codes of its commands::

    <!-- docs/generate.py writes from here: exit 1, 0 -->
    <!-- to here -->
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(
    r"^<!-- docs/generate\.py writes from here: exit ([\d, ]+) -->\n(.*?)^<!-- to here -->\n",
    re.MULTILINE | re.DOTALL,
)
"""A block between the two lines, with them."""
WHEN = "1769850000"
"""The time of every command, 2026-01-31; it lies before the last day of each decision in an example."""

_DIGEST = re.compile(r"\b[0-9a-f]{64}\b")
"""A SHA-256, which a transcript leaves out: that of a report changes with every rule."""


def update_transcripts(text: str) -> str:
    """Return a document with up-to-date transcripts; the commands of all its blocks run one after another.

    Raises:
        RuntimeError: a command ends with another exit code than its block names.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "fixtures").symlink_to(ROOT / "fixtures")
        return BLOCK.sub(lambda found: _render_block(found, folder), text)


def _render_block(found: re.Match[str], folder: Path) -> str:
    """Run the commands of one block in a folder, and return the block with their output."""
    commands = re.findall(r"^\$ (.+)$", found[2], re.MULTILINE)
    codes = [int(code) for code in found[1].split(",")]
    parts = []
    for command, code in zip(commands, codes, strict=True):
        words = shlex.split(command)
        if Path(words[0]).name != "modelaudit":
            raise RuntimeError(f"{command}: only commands of modelaudit run here")
        done = subprocess.run(
            [sys.executable, "-m", "modelaudit", *words[1:]],
            cwd=folder, text=True, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env=os.environ | {"COLUMNS": "80", "NO_COLOR": "1", "SOURCE_DATE_EPOCH": WHEN, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        if done.returncode != code:
            raise RuntimeError(f"{command} ended with {done.returncode}, not with {code}: {done.stdout}")
        output = _DIGEST.sub("…", done.stdout).rstrip()
        parts.append(f"$ {command}\n{output}".rstrip())
    begin = f"<!-- docs/generate.py writes from here: exit {found[1]} -->\n"
    return f"{begin}```console\n" + "\n".join(parts) + "\n```\n<!-- to here -->\n"
