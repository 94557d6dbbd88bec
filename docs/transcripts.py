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
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import yaml

from modelaudit.model.register import LONGEST_DAYS

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = (sys.executable, "-m", "modelaudit")
BLOCK = re.compile(
    r"^<!-- docs/generate\.py writes from here: exit ([\d, ]+) -->\n(.*?)^<!-- to here -->\n",
    re.MULTILINE | re.DOTALL,
)
"""A block between the two lines, with them."""
TODAY = date.fromisoformat(yaml.safe_load((ROOT / "rules/edition.yaml").read_text(encoding="utf-8"))["date"])
"""The day of every command: that of the rule set, so that no example is older than the rules that it shows."""
WHEN = str(int(datetime.combine(TODAY, time(9), UTC).timestamp()))
LAST_DAY = TODAY + timedelta(days=LONGEST_DAYS)
"""The last day of every decision in an example, which is the one that ``decide`` takes for a sign-off."""

_DECIDED = re.compile(r"(?<=\bdecided: )\d{4}-\d\d-\d\d\b")
_EXPIRES = re.compile(r"(?:(?<=--expires )|(?<=\bexpires: )|(?<=\buntil ))\d{4}-\d\d-\d\d\b")
"""The days of decisions in commands, in registers and in sentences."""

_DIGEST = re.compile(r"\b[0-9a-f]{64}\b")
"""A SHA-256, which a transcript leaves out: that of a report changes with every rule."""


def update_dates(text: str) -> str:
    """Return a document whose examples of decisions are made today, and last as long as a decision may."""
    return _EXPIRES.sub(LAST_DAY.isoformat(), _DECIDED.sub(TODAY.isoformat(), text))


def update_transcripts(text: str, program: Sequence[str | Path] = PROGRAM) -> str:
    """Return a document with up-to-date transcripts; the commands of all its blocks run one after another.

    Args:
        text: the document.
        program: the words that start ``modelaudit``.

    Raises:
        RuntimeError: a command ends with another exit code than its block names.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "fixtures").symlink_to(ROOT / "fixtures")
        return BLOCK.sub(lambda found: _render_block(found, folder, program), update_dates(text))


def _render_block(found: re.Match[str], folder: Path, program: Sequence[str | Path]) -> str:
    """Run the commands of one block in a folder, and return the block with their output."""
    commands = re.findall(r"^\$ (.+)$", found[2], re.MULTILINE)
    codes = [int(code) for code in found[1].split(",")]
    parts = []
    for command, code in zip(commands, codes, strict=True):
        words = shlex.split(command)
        if Path(words[0]).name != "modelaudit":
            raise RuntimeError(f"{command}: only commands of modelaudit run here")
        done = subprocess.run(
            [*program, *words[1:]],
            cwd=folder, text=True, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env=os.environ | {"COLUMNS": "80", "NO_COLOR": "1", "SOURCE_DATE_EPOCH": WHEN, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        if done.returncode != code:
            raise RuntimeError(f"{command} ended with {done.returncode}, not with {code}: {done.stdout}")
        output = _DIGEST.sub("…", done.stdout).rstrip()
        parts.append(f"$ {command}\n{output}".rstrip())
    begin = f"<!-- docs/generate.py writes from here: exit {found[1]} -->\n"
    return f"{begin}```console\n" + "\n".join(parts) + "\n```\n<!-- to here -->\n"
