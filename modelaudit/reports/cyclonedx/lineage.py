"""The pedigree of the model: its base models as ancestors with the relation, and the commit with its date."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from cyclonedx.model import IdentifiableAction, XsUri
from cyclonedx.model.component import Commit, Component, ComponentType, Pedigree

from modelaudit.model.description import Fact, Topic
from modelaudit.model.license import ConclusionState, LicenseConclusion, Origin, OriginState
from modelaudit.model.report import AuditReport
from modelaudit.reports.cyclonedx.licenses import CONCLUDED, build_license
from modelaudit.reports.cyclonedx.properties import build_properties, build_ref, describe_fact, parse_time
from modelaudit.reports.fact_places import HUB_RECORD
from modelaudit.reports.license_view import build_lineage_tree
from modelaudit.reports.license_words import RELATIONS
from modelaudit.reports.package_url import build_base_purl, find_repository_address
from modelaudit.reports.text import escape_unprintable
from modelaudit.reports.wording import describe_place

_MAX_DEPTH: Final = 12
"""Depth of nested ancestors; the library compares them recursively, and so do readers."""
_MAX_ANCESTORS: Final = 60
_MAX_NOTES: Final = 10


def build_pedigree(report: AuditReport) -> Pedigree | None:
    """Build the base models as ancestors, each with its own base models, and the commit of the model.

    Base models deeper than ``_MAX_DEPTH`` become siblings at that depth.
    """
    conclusion = report.license
    branches = build_lineage_tree(conclusion)
    # The branches are in depth-first order. Read backwards, a branch comes after its own base models, which wait one
    # level deeper.
    waiting_by_depth: dict[int, list[Component]] = {}
    for number, branch in reversed(list(enumerate(branches[:_MAX_ANCESTORS]))):
        depth = min(branch.depth, _MAX_DEPTH)
        inner = waiting_by_depth.pop(depth + 1, []) if depth < _MAX_DEPTH else []
        ancestor = _build_ancestor(branch.origin, number, inner, conclusion)
        waiting_by_depth.setdefault(depth, []).append(ancestor)
    known = {branch.origin.name.casefold() for branch in branches}
    stated = [each for each in _list_stated(report) if each.value.casefold() not in known]
    further = [_build_stated_ancestor(fact, number) for number, fact in enumerate(stated[:_MAX_ANCESTORS])]
    commits = _build_commits(report)
    ancestors = [*waiting_by_depth.get(0, ()), *further]
    if not ancestors and not commits:
        return None
    left_out = max(len(branches) - _MAX_ANCESTORS, 0) + max(len(stated) - _MAX_ANCESTORS, 0)
    direct = [f"{RELATIONS[branch.origin.relation]} {branch.origin.name}" for branch in branches if branch.depth == 0]
    direct += [
        f"{fact.get('relation')} of {fact.value}" if fact.get("relation") else f"based on {fact.value}"
        for fact in stated
    ]
    notes = direct[:_MAX_NOTES] + ([f"{left_out} more ancestors are in the JSON report"] if left_out else [])
    return Pedigree(ancestors=ancestors, commits=commits, notes=escape_unprintable("; ".join(notes)) or None)


def _build_ancestor(origin: Origin, number: int, inner: list[Component], conclusion: LicenseConclusion) -> Component:
    """Build the component of a base model; ``number`` makes its reference unique, ``inner`` are its own base models."""
    concluded = origin.look is OriginState.READ and origin.state is ConclusionState.CONCLUDED
    acknowledgement = CONCLUDED if concluded else None
    claim = origin.claim
    place = (claim.artifact or HUB_RECORD, claim.field, describe_place(claim.location)) if claim else ()
    return Component(
        type=ComponentType.MACHINE_LEARNING_MODEL,
        name=escape_unprintable(origin.name),
        version=escape_unprintable(origin.commit.lower()) if origin.commit else None,
        bom_ref=build_ref("origin", f"{number}/{origin.name}"),
        purl=build_base_purl(origin.name, origin.commit),
        licenses=[build_license(each, conclusion, acknowledgement) for each in dict.fromkeys(origin.entries)],
        pedigree=Pedigree(ancestors=inner) if inner else None,
        properties=build_properties(
            ("origin:relation", origin.relation),
            ("origin:look", origin.look),
            ("origin:license-state", origin.state),
            ("origin:detail", origin.detail or None),
            ("origin:source", ", ".join(filter(None, place)) or None),
        ),
    )


def _list_stated(report: AuditReport) -> Iterable[Fact]:
    """List the facts on base models, the first on each name."""
    facts = {fact.value.casefold(): fact for fact in reversed(report.description.list_facts(Topic.BASE_MODEL))}
    return reversed(facts.values())


def _build_stated_ancestor(fact: Fact, number: int) -> Component:
    """Build the component of a base model that a file states, and whose licence was not looked up."""
    return Component(
        type=ComponentType.MACHINE_LEARNING_MODEL,
        name=escape_unprintable(fact.value),
        bom_ref=build_ref("stated-origin", f"{number}/{fact.value}"),
        purl=build_base_purl(fact.value, None),
        properties=build_properties(
            ("origin:relation", fact.get("relation") or None), ("source:base-model", describe_fact(fact))
        ),
    )


def _build_commits(report: AuditReport) -> list[Commit]:
    """Build the commit of a repository with its time, if the Hub states that; a card does not date a commit."""
    commit, address = report.target.commit, find_repository_address(report.target)
    recorded = (fact.value for fact in report.description.list_facts(Topic.RELEASE_TIME) if not fact.artifact)
    time = next(filter(None, map(parse_time, recorded)), None)
    if not commit or time is None:
        return []
    url = XsUri(f"{address}/commit/{commit.lower()}") if address else None
    return [Commit(uid=commit.lower(), url=url, committer=IdentifiableAction(timestamp=time))]
