"""Takes secrets out of what reports show of a file. What they are, and where, is told by a finding of its own."""

from __future__ import annotations

import re
from typing import Final

_SHAPES: Final = re.compile(
    r"(?P<auth>://[^\s:/?#@]{1,100}:)[^\s/@]{1,200}(?=@)"
    r"|(?P<start>\b(?:hf_|api_org_|sk-|sk_live_|rk_live_|gh[pousr]_|github_pat_|glpat-|xox[abposr]-|AKIA|ASIA|AIza|pypi-"
    r"|gsk_|nvapi-|r8_|SG\.|eyJ))[A-Za-z0-9_.+/=-]{12,}"
    r"|(?P<name>(?i:(?:password|passwd|api_?key|secret|access_?token|auth_?token)[\"']?\s?[:=]\s?[\"']?|bearer\s))"
    r"[^\s\"'$<{]{8,200}"
)
_MARKS: Final = re.compile(r"hf_|api_org_|sk[-_]|rk_live|gh[pousr]_|github_pat|glpat|xox|AKIA|ASIA|AIza|pypi-|gsk_"
                           r"|nvapi|r8_|SG\.|eyJ|://|(?i:passw|api_?key|secret|token|bearer)")  # fmt: skip


def redacted(text: str) -> str:
    """``text`` with an ellipsis for what has the shape of a secret."""
    return _SHAPES.sub(_hidden, text) if _MARKS.search(text) else text


def _hidden(match: re.Match[str]) -> str:
    return f"{match['auth'] or match['start'] or match['name'] or ''}…"
