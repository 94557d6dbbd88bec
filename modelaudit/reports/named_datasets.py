"""The data sets of a model: those of its licence conclusion, and those that only facts name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct
from packageurl import PackageURL

from modelaudit.model.description import Fact, Topic
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.license import DatasetClaim, OriginState
from modelaudit.model.placeholders import states_something
from modelaudit.model.report import AuditReport
from modelaudit.model.spelling import uncover_text
from modelaudit.reports.package_url import HUB, REPOSITORY_ID, build_dataset_purl
from modelaudit.reports.text import validate_https_link
from modelaudit.reports.wording import cut_text

_LONGEST_TITLE: Final = 100
_TAG: Final = defer_pattern(r"<[^<>]{0,500}>")
_EVALUATION: Final = "evaluation"
_MOST_WORDS: Final = 12
"""Words of the name of a data set; a longer text describes one."""


class Dataset(Struct, frozen=True):
    """A data set that the model names.

    Attributes:
        name: as the claim or the first fact states it.
        number: its position among the data sets of the report, from 0.
        claim: of the licence conclusion, which looked up its licence; ``None`` if only a fact names it.
        facts: those that name it.
    """

    name: str
    number: int
    claim: DatasetClaim | None
    facts: tuple[Fact, ...]

    @property
    def title(self) -> str:
        """Its name: of words that describe data, as a card may have them, those before the first colon or the end."""
        head, colon, _ = self.name.partition(": ")
        return cut_text(head if colon else self.name, _LONGEST_TITLE)

    @property
    def is_prose(self) -> bool:
        """Whether the model describes the data in words and does not name them."""
        return self.claim is None and len(self.name.split()) > _MOST_WORDS

    @property
    def address(self) -> str | None:
        """Its address: as a fact states it, else on the Hub, where the ids of a card lead; ``None`` if not known."""
        stated = next((link for fact in self.facts if (link := validate_https_link(fact.get("url")))), None)
        return stated or (f"{HUB}/datasets/{self.name}" if self._is_on_hub else None)

    @property
    def purl(self) -> PackageURL | None:
        """Its package URL; ``None`` for a data set that the card does not name by an id of the Hub."""
        return build_dataset_purl(self.name, self.revision) if self._is_on_hub else None

    @property
    def _is_on_hub(self) -> bool:
        """Whether the card names it by an id of the Hub."""
        return self.claim is not None and REPOSITORY_ID.fullmatch(self.name) is not None

    @property
    def revision(self) -> str | None:
        """The version that a fact states."""
        return next((fact.get("revision") for fact in self.facts if fact.get("revision")), None)

    @property
    def licenses(self) -> tuple[str, ...]:
        """The licences: those that were looked up for the claim, else the words of the facts."""
        entries = self.claim.entries if self.claim else ()
        words = (fact.get("license") for fact in self.facts if fact.get("license"))
        return tuple(dict.fromkeys(entries or words))

    @property
    def has_declared_license(self) -> bool:
        """Whether its own card, or the model, declares the licences; a tag of the Hub does not."""
        return not self.claim or not self.claim.entries or self.claim.look is OriginState.READ

    @property
    def is_trained_on(self) -> bool:
        """Whether the model was trained on it, as far as stated."""
        return self.claim is not None or any(fact.get("use") != _EVALUATION for fact in self.facts)

    @property
    def is_evaluated_on(self) -> bool:
        """Whether a fact states that the model was evaluated on it."""
        return any(fact.get("use") == _EVALUATION for fact in self.facts)


def list_datasets(report: AuditReport) -> list[Dataset]:
    """List the data sets of the licence conclusion, then those that only facts name."""
    facts_by_name: dict[str, list[Fact]] = {}
    for fact in report.description.list_facts(Topic.DATASET):
        facts_by_name.setdefault(_fold_name(fact.value), []).append(fact)
    claims = [claim for claim in report.license.datasets if states_something(claim.name)]
    named: list[tuple[str, DatasetClaim | None, Sequence[Fact]]] = [
        (claim.name, claim, facts_by_name.pop(_fold_name(claim.name), ())) for claim in claims
    ]
    named += ((facts[0].value, None, facts) for facts in facts_by_name.values())
    return [Dataset(name, number, claim, tuple(facts)) for number, (name, claim, facts) in enumerate(named)]


def _fold_name(name: str) -> str:
    """Return the form under which the spellings of one name compare equal: facts have no markup, and claims may."""
    return _TAG.sub("", uncover_text(name)).strip(" []").casefold()
