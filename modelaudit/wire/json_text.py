"""JSON text: bounds that hold before anything is built from it, and what it is at its top."""

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
from modelaudit.wire.deadline import iterate_in_time, keep_time

# A string that is never closed runs to the end of the text, so that each character is looked at once.
_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_BLOCK = re.compile(r'(?:[^"]*+"[^"\\]*+(?:\\.[^"\\]*+)*+"){1,20000}+', re.DOTALL)
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_LARGEST_SETTINGS = 1000
_BLANK = " \t\r\n"
_MOST_DIGITS = 4000
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|.)", re.DOTALL)


def parse_whole_number(digits: str) -> int | float:
    """A number of JSON without a fraction; one of more digits than Python makes a number of is a float, or infinity."""
    return int(digits) if len(digits) <= _MOST_DIGITS else float(digits)


def _remove_strings(text: str) -> Iterator[str]:
    """The text around its strings, in pieces, so that millions of strings do not cost millions of pieces at once."""
    position = 0
    while position < len(text):
        block = _BLOCK.match(text, position)
        end = block.end() if block is not None and block.end() > position else len(text)
        yield _STRING.sub("", text[position:end])
        position = end


def exceeds_depth(text: str, most: int) -> bool:
    """Whether arrays and objects nest deeper than ``most``."""
    if text.count("[") + text.count("{") <= most:
        return False
    depth = 0
    for piece in _remove_strings(text):
        for bracket in piece.encode("utf-8", "replace").translate(None, _NOT_BRACKETS):
            depth += 1 if bracket in b"[{" else -1
            if depth > most:
                return True
    return False


def exceeds_nodes(text: str, most: int, roots: int = 1) -> bool:
    """Whether the text holds more than ``most`` values, ``roots`` of which lie in no other."""
    if _count_separators(text) <= most - roots:
        return False
    count = roots
    for piece in _remove_strings(text):
        count += _count_separators(piece)
        if count > most:
            return True
    return False


def _count_separators(text: str) -> int:
    return text.count(",") + text.count("[") + text.count("{")


def has_lone_surrogate(text: str) -> bool:
    r"""Whether an escape such as ``\ud800`` stands without its other half, so that it spells no character."""
    if "\\u" not in text:
        return False
    high_end = -1
    for match in iterate_in_time(_ESCAPE.finditer(text), 4096):
        code = int(match[1], 16) if match[1] else 0
        waiting = high_end == match.start()
        if (0xDC00 <= code <= 0xDFFF) != waiting or (high_end >= 0 and not waiting):
            return True
        high_end = match.end() if 0xD800 <= code <= 0xDBFF else -1
    return high_end >= 0


@dataclass(frozen=True, slots=True)
class JsonFacts:
    """What a JSON text is at its top, its keys that occur twice in one object, and those asked for that occur."""

    root: str
    keys: tuple[str, ...]
    duplicates: tuple[str, ...]
    met: frozenset[str] = frozenset()
    has_rows: bool = False


class _KeyScanner:
    """Parses JSON without keeping values; remembers the keys of the object that ended last, and keys used twice."""

    def __init__(self, wanted: frozenset[str]) -> None:
        self.keys: list[str] = []
        self.duplicates: dict[str, None] = {}
        self.met: set[str] = set()
        self._wanted = wanted
        self.decoder = json.JSONDecoder(
            object_pairs_hook=self._record_keys,
            parse_int=_drop_value,
            parse_float=_drop_value,
            parse_constant=_drop_value,
        )

    def _record_keys(self, pairs: list[tuple[str, object]]) -> None:
        keep_time()
        # Objects end from the inside out: the last one to end is the top, if the top is an object.
        self.keys = [key for key, _ in pairs]
        if len(pairs) <= _LARGEST_SETTINGS:
            self.met.update(self._wanted.intersection(self.keys))
        else:
            # So large an object is a table, such as a vocabulary, in which a number belongs to a word.
            self.met.update(key for key, value in pairs if value is not None and key in self._wanted)
        if len(set(self.keys)) < len(self.keys):
            self.duplicates.update((key, None) for key, count in Counter(self.keys).items() if count > 1)


def _drop_value(_: str) -> None:
    return None


def check_bounds(text: str, limits: Limits) -> None:
    """Refuse text that would cost too much to parse, whether it is JSON or not.

    Raises:
        LimitReachedError: it nests too deep or holds too many values.
    """
    if exceeds_nodes(text, limits.document_nodes):
        raise LimitReachedError(f"it holds more than {limits.document_nodes} values")
    if exceeds_depth(text, limits.document_depth):
        raise LimitReachedError(f"it nests deeper than {limits.document_depth} levels")


@contextmanager
def convert_recursion_error() -> Iterator[None]:
    """Around whatever parses: ``check_bounds`` may allow a depth for which the interpreter has no stack left.

    Raises:
        LimitReachedError: the parser goes no deeper.
    """
    try:
        yield
    except RecursionError:
        raise LimitReachedError("it nests deeper than the parser goes") from None


def find_obstacle(follow: Callable[[], None]) -> Unread | None:
    """Why ``follow``, which parses JSON and keeps what it met until then, did not come to its end; ``None`` if it did.

    ``follow`` raises ``LimitReachedError``, or ``ValueError`` where its text is not JSON.
    """
    try:
        follow()
    except LimitReachedError as error:
        return Unread(UnreadReason.LIMIT, str(error))
    except ValueError as error:
        return Unread(UnreadReason.DAMAGED, f"it is not JSON: {error}")
    return None


def scan_json(text: str, wanted: frozenset[str] = frozenset()) -> JsonFacts:
    """Parse ``text``, for which ``check_bounds`` holds. ``NaN`` and ``Infinity`` pass, as loaders write and read them.

    Raises:
        ValueError: it is not JSON.
        LimitReachedError: the parser goes no deeper.
    """
    scan = _KeyScanner(wanted)
    with convert_recursion_error():
        scan.decoder.decode(text)
    root = {"{": "mapping", "[": "sequence"}.get(text.lstrip()[:1], "scalar")
    return JsonFacts(root, tuple(scan.keys) if root == "mapping" else (), tuple(scan.duplicates), frozenset(scan.met))


def split_rows(text: str) -> Iterator[str]:
    """The lines that are not blank, one at a time: a list of them would cost 20 times what they do."""
    position = 0
    while position < len(text):
        keep_time()
        end = text.find("\n", position)
        end = end if end >= 0 else len(text)
        row = text[position:end].strip(_BLANK)
        if row:
            yield row
        position = end + 1


def scan_rows(text: str, limits: Limits, wanted: frozenset[str] = frozenset()) -> JsonFacts:
    """Parse each line of ``text`` that is not blank as a JSON value of its own; otherwise like ``scan_json``.

    Raises:
        ValueError: a line is not JSON, or there are fewer than two.
        LimitReachedError: the lines hold too many values in all, or the parser goes no deeper.
    """
    scan = _KeyScanner(wanted)
    count = 0
    with convert_recursion_error():
        for row in split_rows(text):
            if scan.decoder.raw_decode(row)[1] != len(row):
                raise ValueError("a line holds more than one value")
            count += 1
            # Whether these are rows at all is known only now; how many there may be is known without parsing them.
            if count == 2 and exceeds_nodes(text, limits.document_nodes, roots=1 + text.count("\n")):
                raise LimitReachedError(f"its rows hold more than {limits.document_nodes} values")
    if count < 2:
        raise ValueError("one line is no sequence of rows")
    return JsonFacts("sequence", (), tuple(scan.duplicates), frozenset(scan.met), has_rows=True)
