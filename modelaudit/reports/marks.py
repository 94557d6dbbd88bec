"""The mark and the style of each severity and verdict on a terminal: a word, a shape and a colour."""

from __future__ import annotations

from typing import Final

from modelaudit.model.finding import Severity
from modelaudit.model.verdict import Verdict

SEVERITY_MARKS: Final = {
    Severity.CRITICAL: ("■", "bold white on red"),
    Severity.HIGH: ("▲", "bold red"),
    Severity.MEDIUM: ("◆", "bold yellow"),
    Severity.LOW: ("●", "bold cyan"),
    Severity.INFO: ("○", "bold blue"),
}
VERDICT_MARKS: Final = {
    Verdict.PASS: ("✔", "bold white on green"),
    Verdict.FAIL: ("✘", "bold white on red"),
    Verdict.REVIEW: ("◐", "bold black on yellow"),
    Verdict.INCOMPLETE: ("◌", "bold black on yellow"),
}
