"""Read ``rules/torchscript/``: the reviewed operators of torch programs, and those that reach beyond tensors."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field
from pydantic.dataclasses import dataclass

from modelaudit.catalogue.document import Document, Place
from modelaudit.catalogue.schema import Effect, Shape, Text
from modelaudit.model.catalogue import CallableEntry, Standing
from modelaudit.model.lazy_pattern import defer_pattern

_CONFIG = ConfigDict(extra="forbid", hide_input_in_errors=True, defer_build=True)
# "aten::add_", "add.Tensor" or "torch.nn.functional.relu".
_NAME = defer_pattern(r"([A-Za-z_]\w*::)?[A-Za-z_]\w*(\.\w+)*", re.ASCII)


def _check_operator(text: str) -> str:
    """Return the name of an operator unchanged. Raises ``ValueError`` if it has another form."""
    if not _NAME.fullmatch(text):
        raise ValueError(f"{text!r} is neither namespace::operator nor a dotted name")
    return text


Operator = Annotated[str, AfterValidator(_check_operator)]


@dataclass(config=_CONFIG)
class AlikeOperatorsFile:
    """Operators that share their reason."""

    why: Text
    names: Annotated[list[Operator], Field(min_length=1)]


@dataclass(config=_CONFIG)
class TrustedOperatorsFile:
    """``rules/torchscript/trusted/<library>.yaml``."""

    library: Text
    names: dict[Operator, Text] = field(default_factory=dict)
    alike: list[AlikeOperatorsFile] = field(default_factory=list)


@dataclass(config=_CONFIG)
class DangerousOperatorFile:
    """An operator that reaches beyond its tensors: to files, processes or other code."""

    effect: Effect
    why: Text


@dataclass(config=_CONFIG)
class DangerousOperatorsFile:
    """``rules/torchscript/dangerous.yaml``."""

    operators: Annotated[dict[Operator, DangerousOperatorFile], Field(min_length=1)]


_TRUSTED = Shape(TrustedOperatorsFile)
_DANGEROUS = Shape(DangerousOperatorsFile)


def read_operators(trusted: Iterable[Document], dangerous: Iterable[Document]) -> Mapping[str, CallableEntry]:
    """Read the lists, by exact name.

    Raises:
        ConfigurationError: a name is listed twice, also where one list trusts a name that another calls dangerous.
    """
    entries: dict[str, CallableEntry] = {}

    def add(entry: CallableEntry, document: Document, place: Place) -> None:
        earlier_entry = entries.get(entry.name)
        if earlier_entry is not None:
            raise document.error(f"{entry.name} is listed already, as {earlier_entry.standing}", place)
        entries[entry.name] = entry

    for document in dangerous:
        for name, listed in _DANGEROUS.read(document).operators.items():
            entry = CallableEntry(name, Standing.DANGEROUS, listed.why, "torch", listed.effect)
            add(entry, document, ("operators", name))
    for document in trusted:
        file = _TRUSTED.read(document)
        for name, why in file.names.items():
            add(CallableEntry(name, Standing.TRUSTED, why, file.library), document, ("names", name))
        for index, alike in enumerate(file.alike):
            for number, name in enumerate(alike.names):
                entry = CallableEntry(name, Standing.TRUSTED, alike.why, file.library)
                add(entry, document, ("alike", index, "names", number))
    return entries
