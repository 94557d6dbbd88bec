"""Write and read an in-toto statement: what is stated about which digests (in-toto Attestation Framework, v1)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from modelaudit.integrity.strict_json import parse_object, shorten, take_list, take_object, take_text
from modelaudit.model.errors import SignatureError

STATEMENT: Final = "https://in-toto.io/Statement/v1"


class Subject(Struct, frozen=True):
    """A thing that a statement is about.

    Attributes:
        name: its name; empty where the statement gives none.
        digests: hexadecimal digests by the name of the algorithm.
    """

    name: str
    digests: Mapping[str, str]


class Statement(Struct, frozen=True):
    """A statement about subjects.

    Attributes:
        predicate_type: the URI of the kind of statement.
        subjects: at least one.
        predicate: the statement itself.
    """

    predicate_type: str
    subjects: tuple[Subject, ...]
    predicate: Mapping[str, object]


def encode_statement(predicate_type: str, subjects: Sequence[object], predicate: Mapping[str, object]) -> bytes:
    """Encode a statement as JSON with sorted keys, in ASCII, so that equal ones have equal bytes."""
    statement = {"_type": STATEMENT, "predicateType": predicate_type, "subject": subjects, "predicate": predicate}
    return json.dumps(statement, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def require_type(statement: Statement, predicate_type: str) -> None:
    """Raise ``SignatureError`` unless a statement is of the kind that belongs in its place."""
    if statement.predicate_type != predicate_type:
        raise SignatureError(f"it holds {shorten(statement.predicate_type)} in the place of {predicate_type}")


def parse_statement(payload: bytes) -> Statement:
    """Parse the payload of an envelope.

    Raises:
        SignatureError: it is not a statement of version 1, or has no subject or predicate.
    """
    noun = "the statement"
    document = parse_object(payload, noun)
    kind = take_text(document, "_type", noun)
    if kind != STATEMENT:
        raise SignatureError(f"the statement has the type {shorten(kind)}, and not {STATEMENT}")
    predicate_type = take_text(document, "predicateType", noun)
    listed = take_list(document, "subject", noun)
    if not listed:
        raise SignatureError("the statement has no subject")
    subjects = tuple(map(_parse_subject, listed))
    return Statement(predicate_type, subjects, take_object(document, "predicate", noun))


def _parse_subject(value: object) -> Subject:
    """Return one subject."""
    noun = "a subject of the statement"
    if not isinstance(value, dict):
        raise SignatureError(f"{noun} is not a JSON object")
    name = value.get("name", "")
    digests = take_object(value, "digest", noun)
    if not isinstance(name, str) or not all(isinstance(each, str) for each in digests.values()):
        raise SignatureError(f"{noun} has a name or a digest that is not a string")
    return Subject(name, {key: str(each) for key, each in digests.items()})
