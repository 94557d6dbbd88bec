"""Invariants of the shipped licence files."""

from __future__ import annotations

import datetime

import pytest

from modelaudit.licenses.evidence.names import index_license_names
from modelaudit.model.license import fold_license_name
from modelaudit.model.terms import LicenseCategory

# Identifiers of the Hub's list that are not SPDX identifiers and name one licence.
NAMED = [
    "llama2",
    "llama3",
    "llama3.1",
    "llama3.2",
    "llama3.3",
    "llama4",
    "gemma",
    "openrail++",
    "creativeml-openrail-m",
    "bigscience-openrail-m",
    "bigscience-bloom-rail-1.0",
    "bigcode-openrail-m",
    "apple-amlr",
    "deepfloyd-if-license",
]
SPDX = [
    "apache-2.0",
    "mit",
    "bsd-2-clause",
    "bsd-3-clause",
    "isc",
    "gpl-2.0",
    "gpl-3.0",
    "agpl-3.0",
    "lgpl-2.1",
    "lgpl-3.0",
    "mpl-2.0",
    "unlicense",
    "cc0-1.0",
    "cc-by-4.0",
    "cc-by-sa-4.0",
    "cc-by-nc-4.0",
    "cc-by-nc-sa-4.0",
    "cc-by-nc-nd-4.0",
    "artistic-2.0",
    "wtfpl",
    "bsl-1.0",
]


@pytest.mark.parametrize("hub_id", [*NAMED, *SPDX])
def test_license_identifier_of_the_hub_belongs_to_exactly_one_entry(rules, hub_id):
    assert [entry.id for entry in rules.licenses.values() if hub_id in entry.hub_ids] == [
        index_license_names(rules.licenses)[fold_license_name(hub_id)]
    ]


def test_every_license_family_of_the_hub_is_listed_as_vague(rules):
    families = {"openrail", "cc", "gpl", "lgpl", "bsd", "gfdl", "odbl", "odc-by", "other", "unknown"}
    assert families <= set(rules.vague_licenses)


def test_every_name_address_and_alias_of_a_license_resolves_to_it_and_no_vague_name_to_a_license(rules):
    names = index_license_names(rules.licenses)
    for entry in rules.licenses.values():
        own_names = {entry.id, entry.name, entry.url, *entry.aliases, *entry.hub_ids}
        assert {names.get(fold_license_name(name)) for name in own_names} == {entry.id}
    assert not {fold_license_name(name) for name in rules.vague_licenses} & set(names)


def test_date_of_verification_is_in_iso_format_and_license_without_one_cites_no_section(rules):
    for entry in rules.licenses.values():
        date_of_verification = entry.read
        if date_of_verification:
            assert datetime.date.fromisoformat(date_of_verification)
        else:
            assert not any(clause.section for clause in entry.clauses), entry.id


def test_every_license_with_verified_terms_has_a_clause_that_cites_a_section(rules):
    verified = [entry for entry in rules.licenses.values() if entry.read]
    assert [entry.id for entry in verified if not any(clause.section for clause in entry.clauses)] == []


def test_unverified_license_is_never_permissive(rules):
    free = {LicenseCategory.PERMISSIVE, LicenseCategory.PUBLIC_DOMAIN}
    unverified = [entry for entry in rules.licenses.values() if not entry.read]
    assert [entry.id for entry in unverified if entry.category in free] == []


def test_license_has_the_clause_kinds_that_its_category_requires(rules):
    for entry in rules.licenses.values():
        kinds = {clause.kind for clause in entry.clauses}
        if entry.category in (LicenseCategory.NON_COMMERCIAL, LicenseCategory.RESEARCH_ONLY):
            assert "no-commercial-use" in kinds, entry.id
        if entry.category is LicenseCategory.USE_RESTRICTED:
            assert kinds & {"use-policy", "no-derivatives", "purpose-limit", "no-hosting"}, entry.id
        if entry.category in (LicenseCategory.COPYLEFT, LicenseCategory.WEAK_COPYLEFT):
            assert "share-alike" in kinds, entry.id
        if entry.category is LicenseCategory.PERMISSIVE:
            assert not kinds & {"no-commercial-use", "use-policy", "share-alike", "user-cap", "territory-limit"}, (
                entry.id
            )
