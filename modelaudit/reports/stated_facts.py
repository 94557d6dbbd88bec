"""The facts on a model that several documents state: CycloneDX, SPDX and the lists of elements read them here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from msgspec import Struct
from packageurl import PackageURL

from modelaudit.model.artifact import RefKind
from modelaudit.model.description import Confidence, Fact, ModelDescription, Topic
from modelaudit.model.digest import DigestAlgorithm
from modelaudit.model.elements import ElementSource
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.report import AuditReport, Target
from modelaudit.model.signature import SignatureMethod, SignatureState
from modelaudit.reports.fact_places import name_place
from modelaudit.reports.package_url import build_repository_purl
from modelaudit.reports.text import escape_unprintable

_KILOWATT_HOURS: Final = defer_pattern(r"((?:\d{1,3}(?:,\d{3}){1,4}|\d{1,15})(?:\.\d{1,9})?)(?: ?kwh)?", re.IGNORECASE)
_ACTIVITIES: Final = {"pre-training": "training"}
"""Activities under another name in the standards."""


class Energy(Struct, frozen=True):
    """An amount of energy with its activity.

    Attributes:
        kilowatt_hours: in decimal digits, with a point at most.
        activity: lower case, with hyphens: ``fine-tuning``.
        fact: its source.
    """

    kilowatt_hours: str
    activity: str
    fact: Fact


def get_component_type(target: Target) -> str:
    """Return the type of the scanned component, a word of CycloneDX: ``data`` or ``machine-learning-model``."""
    return "data" if target.kind is RefKind.DATASET else "machine-learning-model"


def find_version(report: AuditReport, listing_digest: str | None) -> str | None:
    """Find the version of the model: its commit, else the SHA-256 of its single file or over all files."""
    target, records = report.target, report.coverage.artifacts
    if target.commit:
        return target.commit.lower()
    if target.kind is not RefKind.FILE:
        return listing_digest
    digests = records[0].digests if len(records) == 1 else ()
    return next((each.value for each in digests if each.algorithm is DigestAlgorithm.SHA256), None)


def build_model_purl(report: AuditReport, version: str | None) -> PackageURL | None:
    """Build the package URL: of the Hub for a repository of it, else a generic one with the digest."""
    target = report.target
    if target.kind in (RefKind.MODEL, RefKind.CACHE, RefKind.DATASET):
        return build_repository_purl(target)
    name = escape_unprintable(target.short_name)
    if version is None or not name.strip("/ "):
        return None
    return PackageURL("generic", None, name, version)


def find_owner(target: Target) -> ElementSource | None:
    """Find the account that owns a repository of the Hub: as the Hub states it, else as the id begins."""
    if target.provenance is not None and target.provenance.owner is not None:
        name = target.provenance.owner.name
        return ElementSource(name, Confidence.DECLARED, "owner of the repository on the Hub")
    is_on_hub = target.kind in (RefKind.MODEL, RefKind.DATASET, RefKind.CACHE)
    owner, slash, _ = target.name.partition("/")
    return ElementSource(owner, Confidence.DECLARED, "id of the repository") if is_on_hub and slash else None


def list_suppliers(report: AuditReport) -> list[ElementSource]:
    """List the names of the supplier: statements of the model, the strongest first, then the owner; else signers.

    A signature proves the signer, whose subject or identity is seldom the name of the publisher; a key has no name.
    """
    stated = [_convert_fact(each) for each in report.description.list_facts(Topic.SUPPLIER)]
    owner = find_owner(report.target)
    return [*stated, *([owner] if owner else [])] or [
        ElementSource(each.signer.name, Confidence.VERIFIED, each.record)
        for each in report.target.signatures
        if each.state is SignatureState.VERIFIED
        and each.signer is not None
        and each.signer.method is not SignatureMethod.KEY
    ]


def list_authors(description: ModelDescription) -> list[ElementSource]:
    """List the persons and organisations that developed the model; a role such as that of a sponsor is another."""
    facts = (fact for fact in description.list_facts(Topic.AUTHOR) if fact.value and not fact.get("role"))
    return list({fact.value: _convert_fact(fact) for fact in reversed(tuple(facts))}.values())[::-1]


def list_energy(description: ModelDescription) -> Iterator[Energy]:
    """Yield each amount of energy whose number and activity are stated."""
    for fact in description.list_facts(Topic.ENERGY):
        match = _KILOWATT_HOURS.fullmatch(fact.value)
        activity = "-".join(fact.get("activity").lower().split())
        if match is not None and activity:
            yield Energy(match[1].replace(",", ""), _ACTIVITIES.get(activity, activity), fact)


def _convert_fact(fact: Fact) -> ElementSource:
    """Convert a fact to a source with its confidence and its place."""
    return ElementSource(fact.value, fact.confidence, name_place(fact.artifact, fact.where))
