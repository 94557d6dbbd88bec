"""Parse the JSON of signed documents: one reading alone, so that two verifiers cannot see two documents."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from typing import Final, NoReturn

from modelaudit.model.errors import SignatureError
from modelaudit.model.lazy_pattern import defer_pattern

_BASE64: Final = defer_pattern(r"[A-Za-z0-9+/_-]*={0,2}")
_SHOWN: Final = 128
_MOST_COMMAS: Final = 2_000_000
"""In one document: each value takes memory, and values are set apart by commas; 250,000 signed files need 1,000,000."""


def parse_object(data: bytes, noun: str) -> Mapping[str, object]:
    """Parse one JSON object.

    Args:
        data: UTF-8 without a byte order mark.
        noun: names the document in the error, such as ``the statement``.

    Raises:
        SignatureError: it is not JSON, has more than two million values, repeats a key, holds ``NaN``, or is not an
            object.
    """
    if data.count(b",") > _MOST_COMMAS:
        raise SignatureError(f"{noun} has more than {_MOST_COMMAS:,} values")

    def refuse_constant(word: str) -> NoReturn:
        raise ValueError(f"{word} is not a JSON value")

    def build(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
        built = dict(pairs)
        if len(built) < len(pairs):
            seen: set[str] = set()
            repeated = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
            raise ValueError(f"the key {repeated!r} occurs twice in one object")
        return built

    try:
        value = json.loads(data.decode(), object_pairs_hook=build, parse_constant=refuse_constant)
    except RecursionError as error:
        raise SignatureError(f"{noun} is nested too deeply") from error
    except ValueError as error:  # also what is not UTF-8
        raise SignatureError(f"{noun} is not sound JSON: {error}") from error
    if not isinstance(value, dict):
        raise SignatureError(f"{noun} is not a JSON object")
    return value


def take_object(parent: Mapping[str, object], key: str, noun: str) -> Mapping[str, object]:
    """Return the object under a key. Raises ``SignatureError`` if there is none."""
    value = parent.get(key)
    if not isinstance(value, dict):
        raise SignatureError(f"{noun} has no object {key!r}")
    return value


def take_list(parent: Mapping[str, object], key: str, noun: str) -> Sequence[object]:
    """Return the list under a key; an empty one where the key is absent. Raises ``SignatureError`` for another type."""
    value = parent.get(key, [])
    if not isinstance(value, list):
        raise SignatureError(f"{key!r} of {noun} is not a list")
    return value


def take_text(parent: Mapping[str, object], key: str, noun: str) -> str:
    """Return the string under a key. Raises ``SignatureError`` if there is none."""
    value = parent.get(key)
    if not isinstance(value, str):
        raise SignatureError(f"{noun} has no string {key!r}")
    return value


def decode_base64(text: str, noun: str) -> bytes:
    """Decode Base64 of the standard or the URL alphabet, as protobuf JSON allows both (RFC 4648, sections 4 and 5).

    Raises:
        SignatureError: the text is not Base64.
    """
    if not _BASE64.fullmatch(text):
        raise SignatureError(f"{noun} is not Base64")
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except binascii.Error as error:
        raise SignatureError(f"{noun} is not Base64: {error}") from error


def shorten(text: str) -> str:
    """Return a foreign text as a Python literal, of at most 128 characters, for a message."""
    return repr(text) if len(text) <= _SHOWN else f"{text[:_SHOWN]!r}…"
