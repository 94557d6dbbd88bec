"""Read ``rules/callables/signatures/``: the arguments that trusted callables can take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from modelaudit.catalogue.document import Document, Place
from modelaudit.catalogue.schema import CONFIG, ExactName, Shape
from modelaudit.model.call_signature import ArgumentKind, Parameter, Signature

_OPEN = "..."
_KINDS = frozenset(kind.value for kind in ArgumentKind)


@dataclass(config=CONFIG)
class AlikeSignatures:
    """Names with the same signatures. Each of ``takes`` is one: kinds between commas, ``?`` behind optional ones."""

    takes: Annotated[list[str], Field(min_length=1)]
    names: Annotated[list[ExactName], Field(min_length=1)]


@dataclass(config=CONFIG)
class SignaturesFile:
    """``rules/callables/signatures/<name>.yaml``."""

    signatures: list[AlikeSignatures]


_FILE = Shape(SignaturesFile)


def read_signatures(documents: Iterable[Document]) -> Mapping[str, tuple[Signature, ...]]:
    """Return the signatures by exact name; a call has to fit one of them. The first file that lists a name counts.

    Raises:
        ConfigurationError: a file is invalid, names an unknown kind, or lists a name twice.
    """
    signatures: dict[str, tuple[Signature, ...]] = {}
    for document in documents:
        own: dict[str, tuple[Signature, ...]] = {}
        for index, alike in enumerate(_FILE.read(document).signatures):
            place: Place = ("signatures", index, "takes")
            parsed = tuple(parse_signature(text, document, place) for text in alike.takes)
            for name in alike.names:
                if name in own:
                    raise document.error(f"{name} is listed twice", ("signatures", index, "names"))
                own[name] = parsed
        # A handwritten file comes behind ``derived`` in the alphabet, and takes precedence over it.
        signatures |= own
    return signatures


def parse_signature(text: str, document: Document, place: Place) -> Signature:
    """Parse a signature such as ``object, int|none, text?, ...``.

    Raises:
        ConfigurationError: it names an unknown kind, or a needed parameter follows an optional one.
    """
    parts = [part.strip() for part in text.split(",")] if text.strip() else []
    is_open = parts[-1:] == [_OPEN]
    parameters: list[Parameter] = []
    for part in parts[:-1] if is_open else parts:
        is_optional = part.endswith("?")
        words = part.removesuffix("?").split("|")
        unknown = [word for word in words if word not in _KINDS]
        if unknown:
            raise document.error(f"takes: {unknown[0]!r} is no kind of argument", place)
        if parameters and parameters[-1].is_optional and not is_optional:
            raise document.error(f"takes: {part!r} is needed, but follows one that may be left out", place)
        parameters.append(Parameter(frozenset(map(ArgumentKind, words)), is_optional))
    return Signature(tuple(parameters), is_open)
