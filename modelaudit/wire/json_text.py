"""Check JSON text against limits before it is parsed, and collect facts about its root and its keys."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from modelaudit.model.limits import Limits
from modelaudit.model.structure import Unread, UnreadReason
from modelaudit.wire.base import LimitReachedError
from modelaudit.wire.deadline import check_deadline, iterate_within_deadline

# A string with its quotes. An unclosed string matches to the end of the text, so that each character is scanned once.
_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
# A piece of text that ends with a string: up to 20,000 times other characters and then a closed string.
_TEXT_WITH_WHOLE_STRINGS = re.compile(r'(?:[^"]*+"[^"\\]*+(?:\\.[^"\\]*+)*+"){1,20000}+', re.DOTALL)
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_MOST_KEYS_OF_SETTINGS = 1000
_BLANK = " \t\r\n"
_MOST_DIGITS = 4000
# An escape in a JSON string; group 1 is the code of ``\ud83d``.
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|.)", re.DOTALL)


def parse_whole_number(digits: str) -> int | float:
    """Return a JSON integer; beyond 4,000 digits a float or infinity, because ``int`` rejects more than 4,300."""
    return int(digits) if len(digits) <= _MOST_DIGITS else float(digits)


def _remove_strings(text: str) -> Iterator[str]:
    """Yield the text without its strings, in large pieces, so that a million strings do not become a million pieces."""
    position = 0
    while position < len(text):
        block = _TEXT_WITH_WHOLE_STRINGS.match(text, position)
        end = block.end() if block is not None else len(text)
        yield _STRING.sub("", text[position:end])
        position = end


def exceeds_depth(text: str, most_levels: int) -> bool:
    """Whether arrays and objects in ``text`` nest deeper than ``most_levels`` levels, whether it is JSON or not."""
    # Brackets within strings count here too; if even so there are few, the strings need not be removed.
    if text.count("[") + text.count("{") <= most_levels:
        return False
    depth = 0
    for piece in _remove_strings(text):
        # ``translate`` deletes everything but brackets, much faster than a loop over all characters.
        for bracket in piece.encode("utf-8", "replace").translate(None, _NOT_BRACKETS):
            depth += 1 if bracket in b"[{" else -1
            if depth > most_levels:
                return True
    return False


def exceeds_nodes(text: str, most_values: int, roots: int = 1) -> bool:
    """Whether the text holds more than ``most_values`` values; ``roots`` values lie at the top level.

    Each comma and each opening bracket counts as one value, so an empty array or object counts twice.
    """
    # Separators within strings count here too; if even so there are few, the strings need not be removed.
    if _count_separators(text) <= most_values - roots:
        return False
    count = roots
    for piece in _remove_strings(text):
        count += _count_separators(piece)
        if count > most_values:
            return True
    return False


def _count_separators(text: str) -> int:
    return text.count(",") + text.count("[") + text.count("{")


def has_lone_surrogate(text: str) -> bool:
    r"""Whether an escape in ``text`` is half of a surrogate pair without the other half, so that it is not a character.

    ``\ud83d\ude00`` is a pair: a high surrogate (D800 to DBFF) and directly behind it a low one (DC00 to DFFF).
    """
    if "\\u" not in text:
        return False
    high_end = -1  # the end of a high surrogate that waits for its low one; -1 if none waits
    for match in iterate_within_deadline(_ESCAPE.finditer(text), 4096):
        code = int(match[1], 16) if match[1] else 0
        follows_high = high_end == match.start()
        is_low = 0xDC00 <= code <= 0xDFFF
        if is_low != follows_high or (high_end >= 0 and not follows_high):
            return True
        high_end = match.end() if 0xD800 <= code <= 0xDBFF else -1
    return high_end >= 0


@dataclass(frozen=True, slots=True)
class JsonFacts:
    """The facts of a JSON text.

    Attributes:
        root: ``mapping``, ``sequence`` or ``scalar``.
        keys: the keys of the root, if it is a mapping.
        duplicates: keys that occur twice in one object.
        present_keys: the wanted keys that occur at any depth.
        is_json_lines: the text is JSON lines: one value a line.
    """

    root: str
    keys: tuple[str, ...]
    duplicates: tuple[str, ...]
    present_keys: frozenset[str] = frozenset()
    is_json_lines: bool = False


class _KeyScanner:
    """Parse JSON without keeping values; remember the keys of the object that ended last, and duplicate keys."""

    def __init__(self, wanted: frozenset[str]) -> None:
        self.keys: list[str] = []
        self.duplicates: dict[str, None] = {}
        self.present_keys: set[str] = set()
        self._wanted = wanted
        self.decoder = json.JSONDecoder(
            object_pairs_hook=self._record_keys,
            parse_int=_drop_value,
            parse_float=_drop_value,
            parse_constant=_drop_value,
        )

    def _record_keys(self, pairs: list[tuple[str, object]]) -> None:
        """Record the keys of an object that was parsed; ``json`` calls this at the end of each object."""
        check_deadline()
        # Objects end from the inside out: the last one to end is the top, if the top is an object.
        self.keys = [key for key, _ in pairs]
        if len(pairs) <= _MOST_KEYS_OF_SETTINGS:
            self.present_keys.update(self._wanted.intersection(self.keys))
        else:
            # An object this large is a table, such as a vocabulary that maps words to numbers. Numbers are dropped to
            # ``None`` while parsing, so a word of a vocabulary does not count as a setting.
            self.present_keys.update(key for key, value in pairs if value is not None and key in self._wanted)
        if len(set(self.keys)) < len(self.keys):
            self.duplicates.update((key, None) for key, count in Counter(self.keys).items() if count > 1)


def _drop_value(_: str) -> None:
    """Replace a number with ``None``; numbers of a large document would take much memory."""


def check_bounds(text: str, limits: Limits) -> None:
    """Reject text that would be too expensive to parse, whether it is JSON or not.

    Raises:
        LimitReachedError: it nests too deep or holds too many values.
    """
    if exceeds_nodes(text, limits.document_nodes):
        raise LimitReachedError(f"it holds more than {limits.document_nodes} values")
    if exceeds_depth(text, limits.document_depth):
        raise LimitReachedError(f"it nests deeper than {limits.document_depth} levels")


@contextmanager
def convert_recursion_error() -> Iterator[None]:
    """Convert the ``RecursionError`` of a parser: ``check_bounds`` may allow more depth than the stack has left.

    Raises:
        LimitReachedError: the parser ran out of stack.
    """
    try:
        yield
    except RecursionError:
        raise LimitReachedError("it nests deeper than the parser goes") from None


def catch_parse_failure(parse: Callable[[], None]) -> Unread | None:
    """Call ``parse``, a parser of JSON, and return the absence if it stopped early; ``None`` if it finished.

    ``parse`` keeps its results so far. It raises ``LimitReachedError``, or ``ValueError`` if its text is not JSON.
    """
    try:
        parse()
    except LimitReachedError as error:
        return Unread(UnreadReason.LIMIT, str(error))
    except ValueError as error:
        return Unread(UnreadReason.DAMAGED, f"it is not JSON: {error}")
    return None


def scan_json(text: str, wanted: frozenset[str] = frozenset()) -> JsonFacts:
    """Parse JSON without keeping its values, and return the facts about its root and keys.

    ``NaN`` and ``Infinity`` are accepted, as in loaders.

    Args:
        text: the JSON text, which has passed ``check_bounds``.
        wanted: keys to look for; those that occur become ``JsonFacts.present_keys``.

    Raises:
        ValueError: it is not JSON.
        LimitReachedError: the parser ran out of stack.
    """
    scan = _KeyScanner(wanted)
    with convert_recursion_error():
        scan.decoder.decode(text)
    root = {"{": "mapping", "[": "sequence"}.get(text.lstrip()[:1], "scalar")
    return JsonFacts(
        root, tuple(scan.keys) if root == "mapping" else (), tuple(scan.duplicates), frozenset(scan.present_keys)
    )


def split_json_lines(text: str) -> Iterator[str]:
    """Yield the lines that are not blank, one at a time: a list of them would take 20 times the memory."""
    position = 0
    while position < len(text):
        check_deadline()
        end = text.find("\n", position)
        if end < 0:
            end = len(text)
        row = text[position:end].strip(_BLANK)
        if row:
            yield row
        position = end + 1


def scan_json_lines(text: str, limits: Limits, wanted: frozenset[str] = frozenset()) -> JsonFacts:
    """Parse each line of ``text`` that is not blank as a JSON value, and return the facts as ``scan_json`` does.

    Raises:
        ValueError: a line is not JSON, or there are fewer than two.
        LimitReachedError: the lines hold too many values in all, or the parser ran out of stack.
    """
    scan = _KeyScanner(wanted)
    count = 0
    with convert_recursion_error():
        for row in split_json_lines(text):
            if scan.decoder.raw_decode(row)[1] != len(row):
                raise ValueError("a line holds more than one value")
            count += 1
            # The second line shows that these are rows. Only then does the limit on values apply to the whole text;
            # it is checked without parsing.
            if count == 2 and exceeds_nodes(text, limits.document_nodes, roots=1 + text.count("\n")):
                raise LimitReachedError(f"its rows hold more than {limits.document_nodes} values")
    if count < 2:
        raise ValueError("one line is not a sequence of rows")
    return JsonFacts("sequence", (), tuple(scan.duplicates), frozenset(scan.present_keys), is_json_lines=True)
