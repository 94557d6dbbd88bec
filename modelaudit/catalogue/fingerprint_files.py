"""Read ``rules/fingerprints/*.yaml``: hashes of the known licence texts, several to a file."""

from __future__ import annotations

import binascii
import sys
from array import array
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from modelaudit.catalogue.directory import FINGERPRINTS, FolderFiles, find_installed_rules
from modelaudit.catalogue.document import Document, Place, read_document
from modelaudit.catalogue.schema import CONFIG, IsoDate, Shape, Text, require_match
from modelaudit.model.fingerprint import Fingerprint, Fingerprints, Span, sort_fingerprints

_PATTERN_WORDS = "_pattern_words.yaml"
_MAX_WORDS = 100_000

_Word = Annotated[str, require_match(r"[a-z]+", "a word of ASCII letters in lower case")]
Part = Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=2, max_length=2)]


@dataclass(config=CONFIG)
class FingerprintEntry:
    """One text. ``triples`` and ``marks`` are 32-bit numbers in network order, in base64; ``copies`` is for people."""

    id: Annotated[
        str,
        require_match(
            r"[A-Za-z0-9][A-Za-z0-9.+-]*",
            "an id of letters, digits, dots, plus signs and hyphens that begins with a letter or digit",
        ),
    ]
    of: Text
    words: Annotated[int, Field(ge=3, le=_MAX_WORDS)]
    source: Text
    date: IsoDate
    triples: Text
    marks: str = ""
    policy: bool = False
    notice: bool = False
    exception: bool = False
    certain: bool = True
    titles: list[Text] = Field(default_factory=list)
    versions: list[Text] = Field(default_factory=list)
    optional: list[Part] = Field(default_factory=list)
    slots: list[Part] = Field(default_factory=list)
    dates: list[Part] = Field(default_factory=list)
    anchors: str = ""
    copies: Annotated[int, Field(ge=1)] = 1


@dataclass(config=CONFIG)
class FingerprintFile:
    """The texts of one group, such as the standard licences or the use policies."""

    fingerprints: Annotated[list[FingerprintEntry], Field(min_length=1)]


@dataclass(config=CONFIG)
class PatternWordsFile:
    """``rules/fingerprints/_pattern_words.yaml``."""

    pattern_words: dict[Text, Annotated[list[_Word], Field(min_length=1)]]


_FILE = Shape(FingerprintFile)
_WORDS_FILE = Shape(PatternWordsFile)


def read_fingerprints(folders: tuple[FolderFiles, ...]) -> Fingerprints:
    """Read every file of ``fingerprints/`` in the folders; other files that begin with ``_`` are for ``derive.py``."""
    fingerprints: dict[str, Fingerprint] = {}
    pattern_words: dict[str, tuple[str, ...]] = {}
    for directory in (each.folder for each in folders):
        words_path = directory / FINGERPRINTS / _PATTERN_WORDS
        if words_path.is_file():
            words = _WORDS_FILE.read(read_document(words_path, f"{FINGERPRINTS}/{_PATTERN_WORDS}"))
            pattern_words |= {id_: tuple(each) for id_, each in words.pattern_words.items()}
        for path in sorted((directory / FINGERPRINTS).glob("*.yaml")):
            if path.name.startswith("_"):
                continue
            document = read_document(path, f"{FINGERPRINTS}/{path.name}", is_shared=directory != find_installed_rules())
            for number, entry in enumerate(_FILE.read(document).fingerprints):
                place: Place = ("fingerprints", number)
                if entry.id in fingerprints:
                    raise document.error(f"id: {entry.id!r} is listed already, in this rule set or another", place)
                fingerprints[entry.id] = _parse_entry(entry, document, place)
    return sort_fingerprints(fingerprints.values(), pattern_words)


def _parse_entry(entry: FingerprintEntry, document: Document, place: Place) -> Fingerprint:
    """Decode one entry, and check that its parts fit each other.

    Raises:
        ConfigurationError: its numbers are not base64, their count differs from ``words``, or a span leaves the text.
    """
    triples = _unpack_numbers(entry.triples, document, (*place, "triples"))
    # Each three consecutive words have one hash, so a text has two fewer hashes than words.
    if len(triples) != entry.words - 2:
        message = f"words: {entry.words} words have {entry.words - 2} triples, not {len(triples)}"
        raise document.error(message, (*place, "words"))
    return Fingerprint(
        id=entry.id,
        license_id=entry.of,
        is_use_policy=entry.policy,
        triples=triples,
        marks=tuple(_unpack_numbers(entry.marks, document, (*place, "marks"))),
        titles=tuple(entry.titles),
        versions=tuple(entry.versions),
        optional=_check_spans(entry.optional, entry.words, document, (*place, "optional")),
        slots=_check_spans(entry.slots, entry.words, document, (*place, "slots")),
        dates=_check_spans(entry.dates, entry.words, document, (*place, "dates")),
        anchors=_unpack_anchors(entry, document, (*place, "anchors")),
        is_from_owner=entry.certain,
        is_notice=entry.notice,
        is_exception=entry.exception,
        source=entry.source,
        date=entry.date,
    )


def _unpack_numbers(text: str, document: Document, place: Place) -> array[int]:
    """Decode base64 into unsigned 32-bit numbers in network order."""
    try:
        # Line breaks are skipped, and so are all characters outside base64. A lost one shows in the number of bytes.
        packed = binascii.a2b_base64(text, strict_mode=False)
    except binascii.Error as error:
        raise document.error(f"{place[-1]}: is not base64: {error}", place) from None
    if len(packed) % 4:
        raise document.error(
            f"{place[-1]}: has {len(packed)} bytes, which is not a multiple of 4, the size of a number", place
        )
    numbers = array("I", packed)
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers


def _unpack_anchors(entry: FingerprintEntry, document: Document, place: Place) -> dict[int, int]:
    """Decode the anchors, which are pairs of a word number and a hash."""
    numbers = _unpack_numbers(entry.anchors, document, place) if entry.anchors else array("I")
    if len(numbers) % 2 or any(position >= entry.words for position in numbers[::2]):
        raise document.error(f"anchors: are no pairs of a word number below {entry.words} and a hash", place)
    return dict(zip(numbers[::2], numbers[1::2], strict=True))


def _check_spans(parts: list[list[int]], words: int, document: Document, place: Place) -> tuple[Span, ...]:
    """Check that each span lies within the text, and return them as tuples."""
    for number, (first, end) in enumerate(parts):
        if not first < end <= words:
            raise document.error(
                f"{place[-1]}: the span from {first} to {end} is empty or exceeds the text of {words} words",
                (*place, number),
            )
    return tuple((first, end) for first, end in parts)
