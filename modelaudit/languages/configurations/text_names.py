"""Find names that loaders import in text that is not parsed: strings inside JSON, Python literals, large documents.

Uni2TS and FlexTok store such a text in the metadata of a safetensors file. Configurations of MMEngine and
latent-diffusion name classes under keys that data sets use as well (``type``, ``target``). Parsing every data set value
by value would be too slow, so these names are found by pattern.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Final

from modelaudit.languages.configurations.python_names import build_outlines, is_code_running_name
from modelaudit.languages.configurations.tags import TAG_IN_TEXT
from modelaudit.model.outline import PYTHON_NAMES, Mention
from modelaudit.model.structure import Location
from modelaudit.wire.base import Reading
from modelaudit.wire.deadline import check_deadline

# A quote that may be escaped several times, since the text can be a string within strings.
_QUOTE: Final = r"\\{0,8}[\"']?"
_VALUE: Final = r"([^\W\d]\w{0,99}(?:\.[^\W\d]\w{0,99}){1,20})"
_UNAMBIGUOUS_KEYS: Final = ("_target_", "__target__", "_component_", "class_path", "loader_module")
_UNAMBIGUOUS_PATTERNS: Final = tuple(
    (key, re.compile(rf"{key}{_QUOTE}\s{{0,20}}[:=]\s{{0,20}}{_QUOTE}{_VALUE}")) for key in _UNAMBIGUOUS_KEYS
)
_AMBIGUOUS_PATTERNS: Final = tuple(
    (key, re.compile(rf"{key}{_QUOTE}\s{{0,20}}[:=]\s{{0,20}}{_QUOTE}{_VALUE}(?=[\s\"'\\,}}]|\Z)"))
    for key in ("target", "type")
)
# ``${name:argument}`` of OmegaConf.
_RESOLVER: Final = re.compile(r"\$\{\s{0,5}([A-Za-z_][\w.]{0,60}):([^{}\n]{0,300})")
_HOSTILE_ARGUMENT: Final = re.compile(
    r"__\w+__|\b(?:import|exec|eval|open|system|popen|getattr|globals|compile|subprocess)\b"
)
_EVALUATORS: Final = frozenset({"eval", "python", "exec", "py", "lambda"})
_MAX_MATCHES: Final = 2000


def read_text_names(text: str) -> Iterator[Reading]:
    """Yield an outline of the names that patterns find in the text."""
    yield from build_outlines(_collect_mentions(text))


def _collect_mentions(text: str) -> Iterator[Mention]:
    """Yield the names in PyYAML tags, under loader keys and in resolvers that a text contains."""
    if "python/" in text:
        for match in islice(TAG_IN_TEXT.finditer(text), _MAX_MATCHES):
            yield _make_mention("target", match[1], match)
    for key, pattern in _UNAMBIGUOUS_PATTERNS:
        yield from (_make_mention("target", match[1], match) for match in _find_matches(text, key, pattern))
    for key, pattern in _AMBIGUOUS_PATTERNS:
        for match in _find_matches(text, key, pattern):
            before = text[match.start() - 1 : match.start()]  # empty at the beginning of the text
            is_part_of_key = before.isalnum() or before in ("_", ".", "-")  # ``data_type``
            if not is_part_of_key and is_code_running_name(match[1]):
                yield _make_mention("named", match[1], match)
    if "${" in text:
        for match in islice(_RESOLVER.finditer(text), _MAX_MATCHES):
            yield from _collect_resolver(match[1], match[2], match)


def _find_matches(text: str, key: str, pattern: re.Pattern[str]) -> Iterator[re.Match[str]]:
    """Yield the matches of ``pattern``, which begins with ``key``.

    Searching for the key first is much faster in a large text than searching for the pattern.
    """
    position = text.find(key)
    match_count = 0
    while position >= 0 and match_count < _MAX_MATCHES:
        check_deadline()
        match = pattern.match(text, position)
        if match is not None:
            match_count += 1
            yield match
        position = text.find(key, position + len(key))


def _make_mention(use: str, name: str, match: re.Match[str]) -> Mention:
    """Return a mention of a name at the line of its match, which is the detail."""
    return Mention(PYTHON_NAMES, use, name[:200], Location(line=_get_line(match)), " ".join(match[0].split())[:200])


def _collect_resolver(name: str, argument: str, match: re.Match[str]) -> Iterator[Mention]:
    """Yield a mention of a resolver that evaluates its argument or reads the environment."""
    where = Location(line=_get_line(match))
    if name in _EVALUATORS:
        use = "evaluated-code" if _HOSTILE_ARGUMENT.search(argument) else "evaluated"
        yield Mention("resolvers", use, name, where, argument.strip()[:200])
    elif name in ("oc.env", "env", "oc.decode"):
        yield Mention("resolvers", "environment", name, where, argument.partition(",")[0].strip()[:60])


def _get_line(match: re.Match[str]) -> int:
    """Return the line of a match in its text, from 1."""
    return match.string.count("\n", 0, match.start()) + 1
