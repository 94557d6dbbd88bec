"""Find names that loaders import in text that is not parsed: strings inside JSON, Python literals, large documents.

Uni2TS and FlexTok store such a text in the metadata of a safetensors file. Configurations of MMEngine, LeRobot and
latent-diffusion name classes under keys that data sets use as well (``type``, ``class``, ``target``). Parsing every
data set value by value would be too slow, so these names are found by pattern.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from modelaudit.languages.configurations.python_names import build_outlines, is_code_running_name
from modelaudit.languages.configurations.tags import TAG_IN_TEXT
from modelaudit.model.copies import replace
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.outline import PYTHON_NAMES, Mention
from modelaudit.model.structure import Location, Unread, UnreadReason
from modelaudit.wire.base import LimitReachedError, Reading
from modelaudit.wire.deadline import check_deadline, iterate_within_deadline

# A quote that may be escaped several times, since the text can be a string within strings.
_QUOTE: Final = r"\\{0,8}[\"']?"
# A dotted Python name.
_VALUE: Final = r"([^\W\d]\w{0,99}(?:\.[^\W\d]\w{0,99}){1,20})"
_UNAMBIGUOUS_KEYS: Final = ("_target_", "__target__", "_component_", "class_path", "loader_module")
_UNAMBIGUOUS_PATTERNS: Final = tuple(
    (key, defer_pattern(rf"{key}{_QUOTE}\s{{0,20}}[:=]\s{{0,20}}{_QUOTE}{_VALUE}")) for key in _UNAMBIGUOUS_KEYS
)
_AMBIGUOUS_PATTERNS: Final = tuple(
    (key, defer_pattern(rf"{key}{_QUOTE}\s{{0,20}}[:=]\s{{0,20}}{_QUOTE}{_VALUE}(?=[\s\"'\\,}}]|\Z)"))
    for key in ("target", "type", "class", "provider")
)
# ``${name:argument}`` of OmegaConf. The argument is only looked at, so that a resolver inside it is found too.
_RESOLVER: Final = defer_pattern(r"\$\{\s{0,5}([A-Za-z_][\w.]{0,60}):(?=([^{}\n]{0,300}))")
_HOSTILE_ARGUMENT: Final = defer_pattern(
    r"__\w+__|\b(?:import|exec|eval|open|system|popen|getattr|globals|compile|subprocess)\b"
)
_EVALUATORS: Final = frozenset({"eval", "python", "exec", "py", "lambda"})
_ENVIRONMENT_READERS: Final = frozenset({"oc.env", "env"})
_MAX_NAMES: Final = 2000
"""How many distinct names of one kind are recorded. Matches that record no name are not counted."""


def read_text_names(text: str, lines_before: int = 0) -> Iterator[Reading]:
    """Yield an outline of the names that patterns find in a text, which follows ``lines_before`` lines of its file."""
    mentions = _collect_mentions(text)
    try:
        yield from build_outlines(_move_down(each, lines_before) for each in mentions)
    except LimitReachedError as error:
        # The reader goes on: its interpreters may find names that are left out here.
        yield Unread(UnreadReason.LIMIT, str(error))


def _collect_mentions(text: str) -> Iterator[Mention]:
    """Yield the names in PyYAML tags, under loader keys and in resolvers that a text contains.

    Raises:
        LimitReachedError: there are more than ``_MAX_NAMES`` names of a kind; the names before were yielded.
    """
    reached_limit: LimitReachedError | None = None
    for kind, matches in _list_kinds(text):
        try:
            for match in _select_distinct(matches):
                if kind == "resolver":
                    yield from _collect_resolver(match[1], match[2], match)
                else:
                    yield _make_mention(kind, match[1], match)
        except LimitReachedError as error:
            reached_limit = error  # the names of other kinds still count
    if reached_limit is not None:
        raise reached_limit


def _list_kinds(text: str) -> Iterator[tuple[str, Iterator[re.Match[str]]]]:
    """Yield pairs of a kind of names and its matches in the text. A kind is a use of mentions, or ``resolver``."""
    if "python/" in text:
        yield "target", iterate_within_deadline(TAG_IN_TEXT.finditer(text), 64)
    for key, pattern in _UNAMBIGUOUS_PATTERNS:
        yield "target", _find_matches(text, key, pattern)
    for key, pattern in _AMBIGUOUS_PATTERNS:
        yield "named", filter(_runs_code, _find_matches(text, key, pattern))
    if "${" in text:
        yield "resolver", filter(_is_recorded_resolver, iterate_within_deadline(_RESOLVER.finditer(text), 64))


def _find_matches(text: str, key: str, pattern: re.Pattern[str]) -> Iterator[re.Match[str]]:
    """Yield the matches of ``pattern``, which begins with ``key``.

    Searching for the key first is much faster in a large text than searching for the pattern.
    """
    position = text.find(key)
    while position >= 0:
        check_deadline()
        match = pattern.match(text, position)
        if match is not None:
            yield match
        position = text.find(key, position + len(key))


def _select_distinct(matches: Iterable[re.Match[str]]) -> Iterator[re.Match[str]]:
    """Yield the first match of each distinct content of the groups.

    Each match that is yielded costs a count of the lines before it, so repeated names would cost quadratic time.

    Raises:
        LimitReachedError: there are more than ``_MAX_NAMES``.
    """
    seen: set[tuple[str | None, ...]] = set()
    for match in matches:
        if match.groups() in seen:
            continue
        if len(seen) >= _MAX_NAMES:
            raise LimitReachedError(f"only the first {_MAX_NAMES} names of one kind in the text were read")
        seen.add(match.groups())
        yield match


def _runs_code(match: re.Match[str]) -> bool:
    """Whether the match is a whole key, and not the end of ``data_type``, with a name that runs code."""
    before = match.string[match.start() - 1 : match.start()]  # empty at the beginning of the text
    is_part_of_key = before.isalnum() or before in ("_", ".", "-")
    return not is_part_of_key and is_code_running_name(match[1])


def _is_recorded_resolver(match: re.Match[str]) -> bool:
    """Whether the resolver evaluates its argument or reads the environment."""
    return match[1] in _EVALUATORS or match[1] in _ENVIRONMENT_READERS


def _make_mention(use: str, name: str, match: re.Match[str]) -> Mention:
    """Return a mention of a name at the line of its match; the text of the match is the detail."""
    return Mention(PYTHON_NAMES, use, name[:200], Location(line=_get_line(match)), " ".join(match[0].split())[:200])


def _collect_resolver(name: str, argument: str, match: re.Match[str]) -> Iterator[Mention]:
    """Yield a mention of a resolver, if it evaluates its argument or reads the environment."""
    where = Location(line=_get_line(match))
    if name in _EVALUATORS:
        use = "evaluated-code" if _HOSTILE_ARGUMENT.search(argument) else "evaluated"
        yield Mention("resolvers", use, name, where, argument.strip()[:200])
    elif name in _ENVIRONMENT_READERS:
        yield Mention("resolvers", "environment", name, where, argument.partition(",")[0].strip()[:60])


def _move_down(mention: Mention, lines: int) -> Mention:
    """Return the mention at a line that is ``lines`` further down."""
    return replace(mention, where=Location(line=(mention.where.line or 1) + lines)) if lines else mention


def _get_line(match: re.Match[str]) -> int:
    """Return the line of a match in its text, from 1."""
    return match.string.count("\n", 0, match.start()) + 1
