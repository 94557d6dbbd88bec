"""Name who is asked, and where the files or the rules show the address: the author of a model, and a licensor."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from modelaudit.model.artifact import RefKind
from modelaudit.model.description import Fact, Topic
from modelaudit.model.report import AuditReport
from modelaudit.reports.view import name_subject
from modelaudit.reports.wording import cut_text, join_phrases

_ON_HUB: Final = frozenset({RefKind.MODEL, RefKind.DATASET, RefKind.CACHE})
_NAME_CHARACTERS: Final = 60


def name_author(report: AuditReport) -> str:
    """Name who answers for the model, with the first contact that the card states, or the account of the Hub."""
    noun = name_subject(report)
    facts = report.description.facts
    contact = next((each for each in facts if each.topic is Topic.CONTACT), None)
    if contact is not None:
        return f"the author of the {noun} ({_quote(contact)})"
    owner, slash, _ = report.target.name.removeprefix("datasets/").partition("/")
    if report.target.kind in _ON_HUB and slash:
        return f"the publisher of the {noun} (the account {cut_text(owner, _NAME_CHARACTERS)} on the Hub)"
    named = next((each for each in facts if each.topic in (Topic.SUPPLIER, Topic.AUTHOR)), None)
    if named is not None:
        return f"the author of the {noun} ({_quote(named)})"
    return f"the publisher of the {noun} (not named in its files)"


def _quote(fact: Fact) -> str:
    """Quote a fact with the place that states it."""
    line = f":{fact.where.line}" if fact.where.line else ""
    place = f", {fact.artifact}{line}" if fact.artifact else ""
    return f"{cut_text(' '.join(fact.value.split()), _NAME_CHARACTERS)}{place}"


def name_licensors(report: AuditReport, ids: Iterable[str]) -> str:
    """Name who grants these licences: the party on record with the address of its text, else the author."""
    entries = {each.id: each for each in report.license.entries}
    found = [entries[each] for each in dict.fromkeys(ids) if each in entries]
    parties = [f"{each.licensor} ({each.url})" if each.licensor else name_author(report) for each in found]
    return join_phrases(parties) if parties else name_author(report)
