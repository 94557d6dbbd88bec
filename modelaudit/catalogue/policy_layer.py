"""One policy file, as it is laid over the policy that it extends."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from msgspec import Struct

from modelaudit.catalogue.document import Document, LineIndex, Place
from modelaudit.catalogue.policy_file import PolicyFile
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.finding import CheckFamily
from modelaudit.model.terms import LicenseEntry, Vocabulary


class PolicyWords(Struct, frozen=True):
    """The words of a rule set that policies may use.

    Attributes:
        clauses: the territories and fields of use. A misspelt one would be on no licence's list of restrictions, so
            that every licence would allow it.
        licenses: by id.
        families: the families of checks that have rules.
    """

    clauses: Vocabulary
    licenses: Mapping[str, LicenseEntry]
    families: frozenset[CheckFamily]


class Layer(Struct, frozen=True, dict=True):
    """One policy file in the shape of ``PolicyFile``.

    Attributes:
        label: the name of the file in origins.
        path: the file of the user; ``None`` for a policy of the rule set.
        origins: ``file:line`` by dotted key: those of the policy below, to which this layer adds its own.
    """

    document: Document
    file: PolicyFile
    label: str
    path: Path | None
    origins: dict[str, str]

    @cached_property
    def _lines(self) -> LineIndex:
        return LineIndex(self.document.text)

    def line_of(self, place: Place) -> int:
        """Return the line of ``place``, from 1."""
        return self._lines.find(place)

    def states(self, *place: str) -> bool:
        """Whether the file has the key at ``place``."""
        data = self.document.data
        for step in place:
            if not isinstance(data, dict) or step not in data:
                return False
            data = data[step]
        return True

    def note_origin(self, key: str, place: Place) -> None:
        """Record that the effective entry ``key`` comes from ``place`` of this file."""
        self.origins[key] = f"{self.label}:{self.line_of(place)}"

    def error(self, message: str, *place: str | int) -> ConfigurationError:
        """Make an error with the file and the line of ``place``, whose dotted form precedes the message."""
        return self.document.error(f"{'.'.join(map(str, place))}: {message}", place)
