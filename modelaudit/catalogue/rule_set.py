"""Read the whole rule set: sort its files by their paths, read each, and compute the digest over all of them."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Final, TypeVar

from modelaudit.catalogue.controls import read_controls
from modelaudit.catalogue.description import read_description
from modelaudit.catalogue.directory import FINGERPRINTS, LINEAGE, find_installed_rules
from modelaudit.catalogue.edition import read_edition
from modelaudit.catalogue.findings import Subjects, read_findings, read_subjects, restrict_field
from modelaudit.catalogue.formats import read_formats
from modelaudit.catalogue.garbage import pause_garbage_collection
from modelaudit.catalogue.licenses import read_licenses
from modelaudit.catalogue.openness import read_openness
from modelaudit.catalogue.origins import read_origins
from modelaudit.catalogue.policies import read_policies
from modelaudit.catalogue.policy_layer import PolicyWords
from modelaudit.catalogue.publishers import read_publishers
from modelaudit.catalogue.restrictions import read_restrictions
from modelaudit.catalogue.retired import read_retired
from modelaudit.catalogue.rule_files import RuleFile, RuleFiles, iterate_files, list_files, read_files
from modelaudit.catalogue.standard_texts import read_standard_texts
from modelaudit.catalogue.taxonomy import read_taxonomy
from modelaudit.catalogue.term_words import read_term_words
from modelaudit.catalogue.terms import read_vocabulary
from modelaudit.catalogue.vocabularies import read_declarations, read_vocabularies, require_declarations
from modelaudit.model.catalogue import Callables, Catalogue, FindingRule, NameLists, VocabularyDeclaration
from modelaudit.model.discovery import DiscoveryRules
from modelaudit.model.element_rules import ElementListRules
from modelaudit.model.format_facts import FormatFacts
from modelaudit.model.terms import LicenseCategory, LicenseEntry, Vocabulary

_Item = TypeVar("_Item")
_NAMES, _DISCOVERY, _ELEMENTS = "names", "discovery", "elements"
_FINDINGS, _LICENSES, _SENTENCES, _DESCRIPTION = "findings", "licenses", "sentences", "description"
_LATER_FOLDERS: Final = {
    "callables": _NAMES, "vocabularies": _NAMES, "torchscript": _NAMES, "elements": _ELEMENTS,
    "findings": _FINDINGS, "licenses": _LICENSES, "sentences": _SENTENCES, "description": _DESCRIPTION,
}  # fmt: skip
_LATER_FILES: Final = {"skops": _NAMES, "discovery": _DISCOVERY}
"""The part of the rule set that a folder or a file belongs to, for the parts that are parsed when they are used.

The parts that every command uses are parsed later too, one after the other, because all together take much memory.
"""


def _read_sources(directories: Sequence[Path]) -> tuple[RuleFiles, Mapping[str, Sequence[RuleFile]], str]:
    """Read the files of all rule folders.

    Returns:
        The parsed files, the files that are parsed when they are used by their part of the rule set, and the digest
        over all of them.
    """
    files = RuleFiles()
    later: defaultdict[str, list[RuleFile]] = defaultdict(list)
    digest = hashlib.sha256()
    for directory in directories:
        for file in list_files(directory):
            part = _find_later_part(file.parts)
            if part:
                later[part].append(file)
                content = file.read_bytes()
            else:
                document = file.read()
                files.add(file.parts, document)
                content = document.text.encode()
            update_digest(digest, "/".join(file.parts), content)
        # Fingerprints and base models are large and are parsed only where needed. The digest includes them always.
        for folder in (FINGERPRINTS, LINEAGE):
            for path in sorted((directory / folder).glob("*.yaml")):
                update_digest(digest, f"{folder}/{path.stem}", path.read_bytes())
    return files, later, digest.hexdigest()


@pause_garbage_collection()
def read_rule_set(directories: Sequence[Path], formats: FormatFacts) -> Catalogue:
    """Read all rule folders and build the catalogue; the files of later folders are added to those of the first."""
    files, later, digest = _read_sources(directories)
    clauses = read_vocabulary(files.clauses)
    license_files = (each for file in iterate_files(later.get(_LICENSES, ())) for each in file.licenses)
    licenses, vague = read_licenses(license_files, files.vague, clauses)
    declarations = read_declarations(files.declarations)
    read_names = cache(partial(_read_names, tuple(later.get(_NAMES, ())), declarations))
    read_uses = cache(partial(_read_discovery, tuple(later.get(_DISCOVERY, ()))))
    read_elements = cache(partial(_read_element_lists, tuple(later.get(_ELEMENTS, ()))))
    if tuple(directories) != (find_installed_rules(),):
        # The rules of this installation are tested. A fault of others is reported before they are used.
        read_names(), read_uses(), read_elements()
    # Findings come last: their matchers are checked against the words that all other files define.
    subjects = _restrict_subjects(read_subjects(files.subjects), formats, clauses, licenses, declarations)
    finding_files = (each for file in iterate_files(later.get(_FINDINGS, ())) for each in file.findings)
    findings = read_findings(finding_files, subjects, formats)
    return Catalogue(
        findings=findings,
        read_names=read_names,
        read_discovery=read_uses,
        read_element_lists=read_elements,
        licenses=licenses,
        policies=read_policies(files.policies, list_policy_words(findings, licenses, clauses)),
        digest=digest,
        vague_licenses=vague,
        formats=read_formats(files.formats, formats),
        declarations=declarations,
        retired=read_retired(files.retired, findings),
        taxonomy=read_taxonomy(files.taxonomy),
        clauses=clauses,
        openness=read_openness(files.openness),
        restrictions=read_restrictions(
            _take(files.restrictions),
            _take(files.cues),
            (each for file in iterate_files(later.get(_SENTENCES, ())) for each in file.sentence_weights),
            _take(files.clause_subjects),
            _take(files.card_layout),
            clauses.kinds,
        ),
        term_words=read_term_words(files.term_words),
        known_models=read_origins(files.origins, licenses),
        known_names=read_publishers(files.publishers),
        edition=read_edition(files.editions),
        controls=read_controls(files.controls),
        standard_texts=read_standard_texts(files.standard_texts, licenses),
        description=read_description(
            each for file in iterate_files(later.get(_DESCRIPTION, ())) for each in file.description
        ),
    )


def list_policy_words(
    findings: Mapping[str, FindingRule], licenses: Mapping[str, LicenseEntry], clauses: Vocabulary
) -> PolicyWords:
    """List the words that policies may use in a rule set."""
    return PolicyWords(clauses, licenses, frozenset(rule.rule.check for rule in findings.values()))


def _take(documents: list[_Item]) -> list[_Item]:
    """Take documents out of the rule set, so that their memory is free once they are read."""
    taken = documents[:]
    documents.clear()
    return taken


def _find_later_part(parts: tuple[str, ...]) -> str:
    """Find the part of the rule set that a file belongs to, if the part is parsed when it is used; empty otherwise."""
    if parts[-1].startswith("_"):
        return ""  # a statement on the whole folder
    return (_LATER_FOLDERS if len(parts) > 1 else _LATER_FILES).get(parts[0], "")


def _read_names(sources: Sequence[RuleFile], declarations: Mapping[str, VocabularyDeclaration]) -> NameLists:
    """Read the lists that judge names."""
    from modelaudit.catalogue.operators import read_operators
    from modelaudit.catalogue.skops import read_skops

    files = read_files(sources)
    require_declarations(files.vocabularies, declarations)
    return NameLists(
        callables=_read_callables(files),
        operators=read_operators(files.operators, files.dangerous_operators),
        skops=read_skops(files.skops),
        vocabularies=read_vocabularies(files.vocabularies),
    )


def _read_discovery(sources: Sequence[RuleFile]) -> DiscoveryRules:
    """Read the forms in which code loads models."""
    from modelaudit.catalogue.discovery import read_discovery

    return read_discovery(read_files(sources).discovery)


def _read_element_lists(sources: Sequence[RuleFile]) -> tuple[ElementListRules, ...]:
    """Read the published lists of minimum elements."""
    from modelaudit.catalogue.elements import read_element_lists

    return read_element_lists(read_files(sources).element_lists)


def _read_callables(files: RuleFiles) -> Callables:
    """Read the lists of Python names: the standard library, the dangerous names, then the trusted ones."""
    from modelaudit.catalogue.call_signatures import read_signatures
    from modelaudit.catalogue.callables import CallablesReader

    callables = CallablesReader()
    for document in _take(files.standard_library):
        callables.read_standard_library(document)
    for document in _take(files.dangerous):
        callables.read_dangerous(document)
    for document in _take(files.trusted):
        callables.read_trusted(document)
    return callables.finish(read_signatures(_take(files.signatures)))


def _restrict_subjects(
    subjects: Subjects,
    formats: FormatFacts,
    clauses: Vocabulary,
    licenses: Mapping[str, LicenseEntry],
    declarations: Mapping[str, VocabularyDeclaration],
) -> Subjects:
    """Limit fields of subjects to the words that formats, clauses, licences and vocabularies define."""
    defect_kinds = {kind for kinds in formats.defects.values() for kind in kinds}
    for subject, field_name, words in (
        ("defect", "format", formats.defects),
        ("defect", "kind", defect_kinds),
        ("mention", "vocabulary", declarations),
        ("license-obligation", "kind", clauses.kinds),
        ("license-answer", "kind", clauses.kinds),
        ("license-obligation", "id", licenses),
        ("license-entry", "id", licenses),
        ("license-entry", "category", LicenseCategory),
        ("license-conclusion", "category", LicenseCategory),
    ):
        subjects = restrict_field(subjects, subject, field_name, words)
    return subjects


def update_digest(digest: hashlib._Hash, name: str, content: bytes) -> None:
    """Add one file to the digest: the length and the bytes of its name, then those of its content."""
    for part in (name.encode(), content):
        digest.update(len(part).to_bytes(8) + part)
