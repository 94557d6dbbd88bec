"""Collect facts about the root and the keys of JSON text, and check text against limits before it is parsed."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from msgspec import Struct

from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import Limits
from modelaudit.model.structure import Unread, UnreadReason
from modelaudit.wire.base import LimitReachedError
from modelaudit.wire.deadline import check_deadline, iterate_within_deadline
from modelaudit.wire.json_stream import JsonStream
from modelaudit.wire.json_structure import exceeds_depth, exceeds_nodes
from modelaudit.wire.key_set import MOST_KEYS_KEPT, UNNAMED_KEY, KeySet

_MOST_KEYS_OF_SETTINGS = 1000
_MOST_DUPLICATES_KEPT = 1000
_OBJECT = True  # takes the place of an object among values that are dropped
_DEFAULT_LIMITS = Limits()
_MOST_DIGITS = 4000
# An escape in a JSON string; group 1 is the code of ``\ud83d``.
_ESCAPE = defer_pattern(r"\\(?:u([0-9a-fA-F]{4})|.)", re.DOTALL)


def parse_whole_number(digits: str) -> int | float:
    """Return a JSON integer; beyond 4,000 digits a float or infinity, because ``int`` rejects more than 4,300."""
    return int(digits) if len(digits) <= _MOST_DIGITS else float(digits)


def has_lone_surrogate(text: str) -> bool:
    r"""Whether an escape in ``text`` is half of a surrogate pair without the other half, so that it is not a character.

    ``\ud83d\ude00`` is a pair: a high surrogate (D800 to DBFF) and directly behind it a low one (DC00 to DFFF).
    """
    if "\\u" not in text:
        return False
    high_end = -1  # the end of a high surrogate that waits for its low one; -1 if none waits
    for match in iterate_within_deadline(_ESCAPE.finditer(text), 4096):
        code = int(match[1], 16) if match[1] else 0
        is_low = 0xDC00 <= code <= 0xDFFF
        high_waits = high_end >= 0
        completes_pair = is_low and high_end == match.start()
        if (is_low or high_waits) and not completes_pair:
            return True
        high_end = match.end() if 0xD800 <= code <= 0xDBFF else -1
    return high_end >= 0


class JsonFacts(Struct, frozen=True):
    """The facts of a JSON text.

    Attributes:
        root: ``mapping``, ``sequence`` or ``scalar``.
        keys: the keys of the root, if it is a mapping.
        duplicates: keys that occur twice in one object.
        present_keys: the wanted keys that occur at any depth.
        is_json_lines: the text is JSON lines: one value a line.
        limit: the bound that ended the scan early, if any; the facts before it are kept.
    """

    root: str
    keys: tuple[str, ...]
    duplicates: tuple[str, ...]
    present_keys: frozenset[str] = frozenset()
    is_json_lines: bool = False
    limit: LimitReachedError | None = None


class _OpenObject:
    """The keys of an object whose pairs follow one by one.

    Attributes:
        first_keys: the first keys, up to a bound, and the wanted ones behind them.
        present_keys: the wanted keys that occur.
        non_number_keys: the wanted keys whose value is not a number.
        duplicates: keys that occur twice.
    """

    def __init__(self) -> None:
        self.first_keys: list[str] = []
        self.present_keys: set[str] = set()
        self.non_number_keys: set[str] = set()
        self.duplicates: dict[str, None] = {}
        self._keys = KeySet()

    def add(self, key: str, is_wanted: bool) -> None:
        """Record a key."""
        if self._keys.add(key) and len(self.duplicates) < _MOST_DUPLICATES_KEPT:
            self.duplicates[key] = None
        if self._keys.count <= MOST_KEYS_KEPT or is_wanted:
            self.first_keys.append(key)
        if is_wanted:
            self.present_keys.add(key)

    def end(self) -> None:
        """Finish the facts at the end of the object. In a table, only keys with a value other than a number count."""
        if self._keys.count > _MOST_KEYS_OF_SETTINGS:
            self.present_keys = self.non_number_keys
        if self._keys.has_unnamed_duplicate():
            self.duplicates[UNNAMED_KEY] = None


class _KeyScanner:
    """Receives JSON without keeping values; remembers the keys of the root, and duplicate keys.

    An object of more than ``_MOST_KEYS_OF_SETTINGS`` keys is a table, such as a vocabulary that maps words to numbers.
    Numbers are dropped to ``None`` while parsing, so a word of a vocabulary does not count as a setting.
    """

    def __init__(self, wanted: frozenset[str]) -> None:
        self.keys: tuple[str, ...] = ()
        self.duplicates: dict[str, None] = {}
        self.present_keys: set[str] = set()
        self._wanted = wanted
        self._key = ""  # the last key of the innermost object
        self._open: list[_OpenObject | None] = []  # of each open array or object; ``None`` for an array
        # The object that ended last. It may be a batch of pairs of the open one: that is known when the parser returns.
        self._ended: list[tuple[str, object]] | None = None
        self.decoder = json.JSONDecoder(
            object_pairs_hook=self._take_object,
            parse_int=_drop_value,
            parse_float=_drop_value,
            parse_constant=_drop_value,
        )

    def scan(self, parse: Callable[[], None]) -> LimitReachedError | None:
        """Call ``parse``, a method of the parser of this handler; return the bound that ended it early, if any."""
        try:
            with convert_recursion_error():
                parse()
        except LimitReachedError as error:
            while self._open:
                self.end_container()
            return error
        return None

    def begin_row(self, number: int) -> None:
        """Do nothing: rows have no names."""

    def begin_container(self, is_object: bool) -> None:
        """Open an array or object."""
        self._add_non_number_key()
        self._open.append(_OpenObject() if is_object else None)

    def end_container(self) -> None:
        """End the innermost array or object, and record the keys of an object."""
        ended = self._open.pop()
        # The root ends last, so ``keys`` finally has its keys.
        self.keys = ()
        if ended is not None:
            ended.end()
            self.keys = tuple(ended.first_keys)
            self.present_keys |= ended.present_keys
            self._record_duplicates(ended.duplicates)

    def add_key(self, key: str) -> None:
        """Record a key of the innermost object."""
        innermost = self._open[-1]
        if innermost is not None:
            innermost.add(key, key in self._wanted)
        self._key = key

    def discard_ended_object(self) -> None:
        """Forget the object that ended last, because the caller will parse its text again.

        The objects inside it stay recorded; to record them twice changes nothing.
        """
        self._ended = None

    def add_value(self, value: object) -> None:
        """Record the keys of the last object in a value."""
        self._record_ended()
        if value is not None:
            self._add_non_number_key()

    def add_batch(self, value: object) -> None:
        """Record pairs of the innermost object, or the keys of the last object in several items."""
        innermost = self._open[-1]
        if innermost is None:
            self._record_ended()
            return
        for key, value_or_none in self._ended or ():
            self.add_key(key)
            if value_or_none is not None:  # not a number
                self._add_non_number_key()
        self._ended = None

    def _add_non_number_key(self) -> None:
        """Record the last key of the innermost object, whose value is not a number, if that key is wanted."""
        innermost = self._open[-1] if self._open else None
        if innermost is not None and self._key in self._wanted:
            innermost.non_number_keys.add(self._key)

    def _take_object(self, pairs: list[tuple[str, object]]) -> object:
        """Take the pairs of an object that was parsed, and record the one before; ``json`` calls this at its end."""
        self._record_ended()
        self._ended = pairs
        return _OBJECT

    def _record_ended(self) -> None:
        """Record the keys of the object that ended last."""
        check_deadline()
        pairs, self._ended = self._ended, None
        if pairs is None:
            return
        # Objects end from the inside out: the last one to end is the top, if the top is an object.
        keys = [key for key, _ in pairs]
        self.keys = (*keys[:MOST_KEYS_KEPT], *self._wanted.intersection(keys[MOST_KEYS_KEPT:]))
        if len(pairs) <= _MOST_KEYS_OF_SETTINGS:
            self.present_keys.update(self._wanted.intersection(keys))
        else:
            self.present_keys.update(key for key, value in pairs if value is not None and key in self._wanted)
        if len(set(keys)) < len(keys):
            self._record_duplicates(key for key, count in Counter(keys).items() if count > 1)

    def _record_duplicates(self, keys: Iterable[str]) -> None:
        """Record keys that occur twice, up to a bound far above what a report shows."""
        for key in keys:
            if len(self.duplicates) < _MOST_DUPLICATES_KEPT:
                self.duplicates[key] = None


def _drop_value(_: str) -> None:
    """Replace a number with ``None``; numbers of a large document would take much memory."""


def check_bounds(text: str, limits: Limits) -> None:
    """Reject JSON or TOML text that would be too expensive to parse, whether it is valid or not.

    Raises:
        LimitReachedError: it nests too deep or holds too many values.
    """
    if exceeds_nodes(text, limits.document_nodes):
        raise LimitReachedError(
            f"outside double quotes the text has commas and brackets for more than {limits.document_nodes} values, "
            "so it was not parsed"
        )
    if exceeds_depth(text, limits.document_depth):
        raise LimitReachedError(
            f"outside double quotes the brackets of the text nest deeper than {limits.document_depth} levels, "
            "so it was not parsed"
        )


@contextmanager
def convert_recursion_error() -> Iterator[None]:
    """Convert the ``RecursionError`` of a parser: ``check_bounds`` may allow more depth than the stack has left.

    Raises:
        LimitReachedError: the parser ran out of stack.
    """
    try:
        yield
    except RecursionError:
        raise LimitReachedError("the text nests deeper than the parser supports; the rest was not parsed") from None


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


def scan_json(
    pieces: Iterable[str], wanted: frozenset[str] = frozenset(), limits: Limits = _DEFAULT_LIMITS
) -> JsonFacts:
    """Parse JSON without keeping its values, and return the facts about its root and keys.

    ``NaN`` and ``Infinity`` are accepted, as in loaders.

    Args:
        pieces: the JSON text, in any number of pieces.
        wanted: keys to look for; those that occur become ``JsonFacts.present_keys``.
        limits: bounds on depth and number of values.

    Raises:
        ValueError: it is not JSON.
    """
    scan = _KeyScanner(wanted)
    first = _FirstCharacter(pieces)
    limit = scan.scan(JsonStream(first, scan, limits).parse_document)
    root = {"{": "mapping", "[": "sequence"}.get(first.character, "scalar")
    return JsonFacts(
        root,
        scan.keys if root == "mapping" else (),
        tuple(scan.duplicates),
        frozenset(scan.present_keys),
        limit=limit,
    )


class _FirstCharacter:
    """Passes pieces of text on, and remembers the first character that is not blank."""

    def __init__(self, pieces: Iterable[str]) -> None:
        self.character = ""
        self._pieces = pieces

    def __iter__(self) -> Iterator[str]:
        """Yield the pieces as they are."""
        for piece in self._pieces:
            self.character = self.character or piece.lstrip()[:1]
            yield piece


def scan_json_lines(pieces: Iterable[str], limits: Limits, wanted: frozenset[str] = frozenset()) -> JsonFacts:
    """Parse each line that is not blank as a JSON value, and return the facts as ``scan_json`` does.

    Raises:
        ValueError: a line is not JSON, or there are fewer than two.
    """
    scan = _KeyScanner(wanted)
    limit = scan.scan(JsonStream(pieces, scan, limits).parse_rows)
    return JsonFacts(
        "sequence", (), tuple(scan.duplicates), frozenset(scan.present_keys), is_json_lines=True, limit=limit
    )
