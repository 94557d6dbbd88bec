"""Remove secrets from the evidence that reports quote. A separate finding reports the kind and place of the secret."""

from __future__ import annotations

import re
from typing import Final

from modelaudit.model.lazy_pattern import defer_pattern

# Beginnings of providers' tokens, each as a plain text and a pattern that follows it. The unbroken text behind both is
# removed if it is long enough.
_TOKEN_BEGINNINGS: Final = (
    ("hf_", ""), ("api_org_", ""), ("sk-", ""), ("sk_", "(?=live|test|[0-9a-f]{20})"), ("rk_live_", ""),
    ("pk_live_", ""), ("ghp_", ""), ("gho_", ""), ("ghu_", ""), ("ghs_", ""), ("ghr_", ""), ("github_pat_", ""),
    ("glpat-", ""), ("gldt-", ""), ("glrt-", ""), ("xox", "[abposr]-"), ("AKIA", ""), ("ASIA", ""), ("AIza", ""),
    ("ya29.", ""), ("GOCSPX-", ""), ("pypi-", ""), ("npm_", ""), ("gsk_", ""), ("nvapi-", ""), ("r8_", ""),
    ("SG.", ""), ("eyJ", ""), ("pplx-", ""), ("xai-", ""), ("csk-", ""), ("fw_", "(?=[A-Za-z0-9]{20})"),
    ("pcsk_", ""), ("lsv2_", ""), ("dop_v1_", ""), ("dapi", ""), ("key-", "(?=[0-9a-f]{32})"),
    ("SK", "(?=[0-9a-f]{32})"), ("ls__", ""), ("tgp_v1_", ""), ("shpat_", ""), ("dckr_pat_", ""), ("AccountKey=", ""),
    ("hooks.slack.com/services/", ""), ("discord.com/api/webhooks/", ""), ("discordapp.com/api/webhooks/", ""),
    ("sq0csp-", ""), ("ATATT", ""), ("figd_", ""), ("sntrys_", ""),
)  # fmt: skip
_TOKEN_PREFIXES: Final = "|".join(re.escape(start) + following for start, following in _TOKEN_BEGINNINGS)
# password=…, "api_key": …, access_token = …, bearer …
_SECRET_NAMES: Final = (
    r"\b[\w.-]{0,40}(?:password|passwd|pwd|api_?key|secret(?:_?(?:access_?)?key)?|(?:access|auth|private)_?key(?:_?id)?"
    r"|[a-z]*token)[\"']?\s?[:=]\s?[\"']?|bearer\s"
)
# A secret behind a part that is kept: user name of an address, token prefix, name of a setting, number of a bot.
_SECRET: Final = defer_pattern(
    r"(?P<auth>://[^\s:/?#@]{1,100}:)[^\s/@]{1,200}(?=@)"
    rf"|(?P<start>(?:(?<![A-Za-z0-9])|(?<=_))(?:{_TOKEN_PREFIXES}))[A-Za-z0-9_.+/=-]{{12,}}"
    rf"|(?P<name>(?i:{_SECRET_NAMES}))[^\s\"'$<{{]{{8,200}}"
    r"|(?P<bot>\b\d{8,10}:)[A-Za-z0-9_-]{33,37}\b"
)
# Every match of ``_SECRET`` contains one of these or an address; most texts contain none and need no search with it.
_MARKS: Final = tuple(start for start, _ in _TOKEN_BEGINNINGS)
_NAME_MARKS: Final = ("passw", "pwd", "key", "secret", "token", "bearer")
_NUMBER_OF_BOT: Final = defer_pattern(r"\d{8}:")


def redact_secrets(text: str) -> str:
    """Replace everything that has the shape of a secret by an ellipsis."""
    return _SECRET.sub(_hide_secret, text) if _may_contain_secret(text) else text


def _may_contain_secret(text: str) -> bool:
    """Whether a part of a secret occurs in the text; searches for plain texts take a tenth of the time of a pattern."""
    folded = text.casefold()
    return (
        ("://" in text and "@" in text)
        or any(map(text.__contains__, _MARKS))
        or any(map(folded.__contains__, _NAME_MARKS))
        or (":" in text and _NUMBER_OF_BOT.search(text) is not None)
    )


def _hide_secret(match: re.Match[str]) -> str:
    """Return the kept part of a match of ``_SECRET``, and an ellipsis for the secret."""
    return f"{match['auth'] or match['start'] or match['name'] or match['bot'] or ''}…"
