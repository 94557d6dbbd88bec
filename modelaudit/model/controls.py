"""Controls of published catalogues, with the evidence that a report may hold for each, as the rule set states them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from msgspec import Struct, field
from msgspec.structs import force_setattr

from modelaudit.model.description import Topic
from modelaudit.model.element_rules import ReportFact

if TYPE_CHECKING:
    FactName = ReportFact | Topic
else:
    # ``msgspec`` decodes no union of two enumerations of texts; ``EvidenceLine`` finds the member of each word.
    FactName = str
"""The name of a fact of a report or of its description; no word is in both."""


_REPORT_FACTS: Final = frozenset(ReportFact)


def read_fact_name(word: str) -> FactName:
    """Return the fact that a word names. Raises ``ValueError`` if it names none."""
    return ReportFact(word) if word in _REPORT_FACTS else Topic(word)


class EvidenceLine(Struct, frozen=True):
    """A part of a sentence that is evidence where the report holds facts.

    Attributes:
        needs: the facts that must all be present.
        lacks: the facts that must all be absent.
        says: a clause; the value of a fact replaces ``{name}``.
    """

    needs: tuple[FactName, ...]
    says: str
    lacks: tuple[FactName, ...] = ()
    is_signed: bool = False
    """Whether it cites a sign-off, which the digest of a report leaves out."""

    def __post_init__(self) -> None:
        """Look for a sign-off once, because every report asks for it; find the members of decoded words."""
        force_setattr(self, "needs", tuple(map(read_fact_name, self.needs)))
        force_setattr(self, "lacks", tuple(map(read_fact_name, self.lacks)))
        force_setattr(self, "is_signed", ReportFact.SIGNOFFS in self.needs)


class Control(Struct, frozen=True):
    """One control of a catalogue.

    Attributes:
        framework: ``NIST SP 800-53 Rev. 5``.
        id: ``SR-4``.
        supports: what each kind of evidence that bears on the control contributes, by the kind.
        open: what a report cannot show.
        adds: what further kinds contribute beside that evidence; they are none by themselves.
    """

    framework: str
    id: str
    title: str
    supports: Mapping[str, str]
    open: tuple[str, ...]
    adds: Mapping[str, str] = field(default_factory=dict)


class Controls(Struct, frozen=True):
    """The controls in the order of the rule set.

    Attributes:
        evidence: the lines of each kind of evidence; those that hold are joined to one sentence.
        checked: ISO date on which the controls were compared with their sources; empty without controls.
        cited: the facts that the lines need or that they must lack, each once.
    """

    controls: tuple[Control, ...] = ()
    evidence: Mapping[str, tuple[EvidenceLine, ...]] = field(default_factory=dict)
    checked: str = ""
    cited: tuple[FactName, ...] = ()

    def __post_init__(self) -> None:
        """Collect the cited facts once: every report is searched for them."""
        lines = (line for lines in self.evidence.values() for line in lines)
        cited = dict.fromkeys(name for line in lines for name in (*line.needs, *line.lacks))
        force_setattr(self, "cited", tuple(cited))
