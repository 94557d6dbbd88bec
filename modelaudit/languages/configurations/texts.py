"""Names that loaders act on, in texts that are parsed by nobody here: strings within JSON, literals of Python, TOML.

Uni2TS and FlexTok keep such a text in the metadata of a safetensors file; a configuration of MMEngine or of
latent-diffusion names its classes under keys that data sets use, too (``type``, ``target``), for which no document is
followed value by value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Final

from modelaudit.languages.configurations.names import runs_code, told
from modelaudit.languages.configurations.tags import IN_TEXT
from modelaudit.model.outline import PYTHON_NAMES, Mention
from modelaudit.model.structure import Location
from modelaudit.wire.base import Reading
from modelaudit.wire.deadline import keep_time

_MARK: Final = r"\\{0,8}[\"']?"
_VALUE: Final = r"([^\W\d]\w{0,99}(?:\.[^\W\d]\w{0,99}){1,20})"
_STRONG: Final = ("_target_", "__target__", "_component_", "class_path", "loader_module")
_KEYS: Final = tuple((key, re.compile(rf"{key}{_MARK}\s{{0,20}}[:=]\s{{0,20}}{_MARK}{_VALUE}")) for key in _STRONG)
_WEAK: Final = tuple(
    (key, re.compile(rf"{key}{_MARK}\s{{0,20}}[:=]\s{{0,20}}{_MARK}{_VALUE}(?=[\s\"'\\,}}]|\Z)"))
    for key in ("target", "type")
)
_RESOLVER: Final = re.compile(r"\$\{\s{0,5}([A-Za-z_][\w.]{0,60}):([^{}\n]{0,300})")
_HOSTILE: Final = re.compile(r"__\w+__|\b(?:import|exec|eval|open|system|popen|getattr|globals|compile|subprocess)\b")
_EVALUATORS: Final = frozenset({"eval", "python", "exec", "py", "lambda"})
_MOST: Final = 2000


def names_in_text(text: str) -> Iterator[Reading]:
    """Yield the names that the text hands to a loader, as far as its spelling alone shows them."""
    yield from told(_mentions(text))


def _mentions(text: str) -> Iterator[Mention]:
    if "python/" in text:
        for match in islice(IN_TEXT.finditer(text), _MOST):
            yield _mention("target", match[1], match)
    for key, pattern in _KEYS:
        yield from (_mention("target", match[1], match) for match in _hits(text, key, pattern))
    for key, pattern in _WEAK:
        for match in _hits(text, key, pattern):
            before = text[match.start() - 1 : match.start()]
            is_key = not (before.isalnum() or before in ("_", ".", "-")) or not before
            if is_key and runs_code(match[1]):
                yield _mention("named", match[1], match)
    if "${" in text:
        for match in islice(_RESOLVER.finditer(text), _MOST):
            yield from _resolver(match[1], match[2], match)


def _hits(text: str, key: str, pattern: re.Pattern[str]) -> Iterator[re.Match[str]]:
    """Where the pattern, which begins with the key, matches; a search for a word costs little in a large text."""
    at = text.find(key)
    found = 0
    while at >= 0 and found < _MOST:
        keep_time()
        match = pattern.match(text, at)
        if match is not None:
            found += 1
            yield match
        at = text.find(key, at + len(key))


def _mention(use: str, name: str, match: re.Match[str]) -> Mention:
    return Mention(PYTHON_NAMES, use, name[:200], Location(line=_line(match)), " ".join(match[0].split())[:200])


def _resolver(name: str, argument: str, match: re.Match[str]) -> Iterator[Mention]:
    where = Location(line=_line(match))
    if name in _EVALUATORS:
        use = "evaluated-code" if _HOSTILE.search(argument) else "evaluated"
        yield Mention("resolvers", use, name, where, argument.strip()[:200])
    elif name in ("oc.env", "env", "oc.decode"):
        yield Mention("resolvers", "environment", name, where, argument.partition(",")[0].strip()[:60])


def _line(match: re.Match[str]) -> int:
    return match.string.count("\n", 0, match.start()) + 1
