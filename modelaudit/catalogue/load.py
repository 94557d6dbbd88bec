"""Load the whole rule set: sort its files by their paths, read each, and compute the digest over all of them."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from modelaudit.catalogue.base_models import FOLDER as LINEAGE
from modelaudit.catalogue.call_signatures import read_signatures
from modelaudit.catalogue.callables import CallablesReader
from modelaudit.catalogue.controls import read_controls
from modelaudit.catalogue.description import read_description
from modelaudit.catalogue.directory import find_installed_rules, find_rules_directory
from modelaudit.catalogue.discovery import read_discovery
from modelaudit.catalogue.document import Document, read_document
from modelaudit.catalogue.edition import read_edition
from modelaudit.catalogue.elements import read_element_lists
from modelaudit.catalogue.examples import FILE as EXAMPLES
from modelaudit.catalogue.findings import Subjects, read_findings, read_subjects, restrict_field
from modelaudit.catalogue.fingerprints import FOLDER as FINGERPRINTS
from modelaudit.catalogue.formats import read_formats
from modelaudit.catalogue.licenses import read_licenses
from modelaudit.catalogue.openness import read_openness
from modelaudit.catalogue.operators import read_operators
from modelaudit.catalogue.origins import read_origins
from modelaudit.catalogue.policies import read_policies, read_policy_file
from modelaudit.catalogue.policy_layer import PolicyWords
from modelaudit.catalogue.publishers import read_publishers
from modelaudit.catalogue.restrictions import read_restrictions
from modelaudit.catalogue.retired import read_retired
from modelaudit.catalogue.skops import read_skops
from modelaudit.catalogue.standard_texts import read_standard_texts
from modelaudit.catalogue.taxonomy import read_taxonomy
from modelaudit.catalogue.term_words import read_term_words
from modelaudit.catalogue.terms import read_vocabulary
from modelaudit.catalogue.vocabularies import read_declarations, read_vocabularies, require_declarations
from modelaudit.model.catalogue import Callables, Catalogue, FindingRule, VocabularyDeclaration
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.format_facts import NO_FORMATS, FormatFacts
from modelaudit.model.policy import Policy
from modelaudit.model.terms import LicenseCategory, LicenseEntry, Vocabulary

_Item = TypeVar("_Item")


def load_catalogue(
    directory: Path | None = None, extra: Sequence[Path] = (), formats: FormatFacts = NO_FORMATS
) -> Catalogue:
    """Read and validate the rule set.

    Args:
        directory: the rule set; by default the one of this installation, which is read once in a process.
        extra: further folders of the same layout, whose entries are added. No entry replaces another, and no folder
            can trust a name that another calls dangerous.
        formats: the facts that formats declare. Without them, rules are not checked against the kinds of defects, and
            extensions promise no format. That is enough to look up rules and licences, and too little to judge a file.

    Raises:
        ConfigurationError: a file does not have the shape that its path requires, or two files contradict each other.
    """
    if directory is None and not extra:
        return _load_shipped(find_rules_directory(), formats)
    for folder in extra:
        if folder.resolve() == find_rules_directory():
            raise ConfigurationError(f"{folder}: these rules are built in already; leave the folder out")
        if not any(_read_documents(folder)):
            raise ConfigurationError(
                f"{folder}: contains no rule; use the layout of rules/, as in findings/<family>/<name>.yaml or "
                "licenses/<id>.yaml"
            )
    return _load_folders((directory if directory is not None else find_rules_directory(), *extra), formats)


def load_policy(path: Path, catalogue: Catalogue) -> Policy:
    """Read a policy file of the user, with everything that it extends.

    Raises:
        ConfigurationError: a file is not a valid policy.
    """
    words = _list_policy_words(catalogue.findings, catalogue.licenses, catalogue.clauses)
    return read_policy_file(path, words, catalogue.policies)


def _list_policy_words(
    findings: Mapping[str, FindingRule], licenses: Mapping[str, LicenseEntry], clauses: Vocabulary
) -> PolicyWords:
    """List the words that policies may use in a rule set."""
    return PolicyWords(clauses, licenses, frozenset(rule.rule.check for rule in findings.values()))


@functools.lru_cache(maxsize=4)
def _load_shipped(directory: Path, formats: FormatFacts) -> Catalogue:
    """Load the rule set of this installation or of a pack, once for each set of format facts."""
    if directory == find_installed_rules():
        return _load_folders((directory,), formats)
    return _load_content(_identify_content(directory), formats)


@dataclass(frozen=True, slots=True)
class _RuleContent:
    """The content of a rule folder: equal for two folders with equal names and files, as two copies of a pack are.

    Attributes:
        name: the name of the folder, with which messages and origins begin.
        digest: a SHA-256 over the paths and bytes of all files.
        directory: the folder.
    """

    name: str
    digest: str
    directory: Path = field(compare=False)


def _identify_content(directory: Path) -> _RuleContent:
    """Read each file of a rule folder, which takes a twentieth of the time of loading its rules."""
    digest = hashlib.sha256()
    for path in sorted(directory.rglob("*.y*ml")):
        _update_digest(digest, path.relative_to(directory).as_posix(), path.read_bytes())
    return _RuleContent(directory.name, digest.hexdigest(), directory)


@functools.lru_cache(maxsize=2)
def _load_content(content: _RuleContent, formats: FormatFacts) -> Catalogue:
    """Load a rule set that is not the one of this installation, once for the same content in any folder."""
    return _load_folders((content.directory,), formats)


@dataclass(slots=True)
class _RuleFiles:
    """The files of a rule set by their kind. Findings, policies and licences carry the id that their path implies."""

    subjects: list[Document] = field(default_factory=list)
    findings: list[tuple[str, Document]] = field(default_factory=list)
    trusted: list[Document] = field(default_factory=list)
    dangerous: list[Document] = field(default_factory=list)
    standard_library: list[Document] = field(default_factory=list)
    signatures: list[Document] = field(default_factory=list)
    licenses: list[tuple[str, Document]] = field(default_factory=list)
    vague: list[Document] = field(default_factory=list)
    origins: list[Document] = field(default_factory=list)
    policies: list[tuple[str, Document]] = field(default_factory=list)
    formats: list[Document] = field(default_factory=list)
    skops: list[Document] = field(default_factory=list)
    taxonomy: list[Document] = field(default_factory=list)
    clauses: list[Document] = field(default_factory=list)
    openness: list[Document] = field(default_factory=list)
    restrictions: list[Document] = field(default_factory=list)
    cues: list[Document] = field(default_factory=list)
    clause_subjects: list[Document] = field(default_factory=list)
    term_words: list[Document] = field(default_factory=list)
    sentence_weights: list[Document] = field(default_factory=list)
    operators: list[Document] = field(default_factory=list)
    dangerous_operators: list[Document] = field(default_factory=list)
    vocabularies: list[tuple[str, Document]] = field(default_factory=list)
    declarations: list[Document] = field(default_factory=list)
    retired: list[Document] = field(default_factory=list)
    discovery: list[Document] = field(default_factory=list)
    publishers: list[Document] = field(default_factory=list)
    editions: list[Document] = field(default_factory=list)
    element_lists: list[tuple[str, Document]] = field(default_factory=list)
    controls: list[Document] = field(default_factory=list)
    standard_texts: list[Document] = field(default_factory=list)
    description: list[Document] = field(default_factory=list)

    def _lists_by_path(self) -> dict[tuple[str, ...], list[Document]]:
        """Return the lists of files without an id of their own, by path; ``*`` is any file of a folder."""
        return {
            ("subjects",): self.subjects,
            ("retired",): self.retired,
            ("discovery",): self.discovery,
            ("publishers",): self.publishers,
            ("edition",): self.editions,
            ("controls",): self.controls,
            ("standard_texts",): self.standard_texts,
            ("description", "*"): self.description,
            ("formats",): self.formats,
            ("skops",): self.skops,
            ("taxonomy",): self.taxonomy,
            ("clauses",): self.clauses,
            ("openness",): self.openness,
            ("restrictions",): self.restrictions,
            ("cues",): self.cues,
            ("clause_subjects",): self.clause_subjects,
            ("term_words",): self.term_words,
            ("sentences", "weights"): self.sentence_weights,
            ("vocabularies",): self.declarations,
            ("torchscript", "trusted", "*"): self.operators,
            ("torchscript", "dangerous"): self.dangerous_operators,
            ("callables", "standard-library"): self.standard_library,
            ("callables", "trusted", "*"): self.trusted,
            ("callables", "dangerous", "*"): self.dangerous,
            ("callables", "signatures", "*"): self.signatures,
            ("licenses", "_vague"): self.vague,
            ("licenses", "_origins"): self.origins,
        }

    def add(self, parts: tuple[str, ...], document: Document) -> None:
        """Add one file to the list that the parts of its path, without the ending, imply.

        Raises:
            ConfigurationError: no rules are read from this path.
        """
        lists = self._lists_by_path()
        list_by_path = lists.get(parts, lists.get((*parts[:-1], "*")))
        match parts:
            case ("findings", family, name):
                self.findings.append((f"{family}/{name}", document))
            case ("elements", name):
                self.element_lists.append((name, document))
            case ("policies", name):
                self.policies.append((name, document))
            case ("vocabularies", vocabulary, "_vocabulary"):
                raise document.error(
                    f"this file is no longer read; move its content to the key {vocabulary!r} of vocabularies.yaml"
                )
            case ("vocabularies", vocabulary, _):
                self.vocabularies.append((vocabulary, document))
            # ``licenses/_vague`` and ``licenses/_origins`` match a licence's path too, so this case comes first.
            case _ if list_by_path is not None:
                list_by_path.append(document)
            case ("licenses", name):
                self.licenses.append((name, document))
            case _:
                raise ConfigurationError(
                    f"{document.label}: no rules are read from this path; move it to "
                    "findings/<family>/<name>.yaml, callables/trusted/, callables/dangerous/, "
                    "vocabularies/<vocabulary>/, licenses/ or policies/"
                )


def _load_folders(directories: Sequence[Path], formats: FormatFacts) -> Catalogue:
    """Read all rule folders and build the catalogue; the files of later folders are added to those of the first."""
    files = _RuleFiles()
    digest = hashlib.sha256()
    for directory in directories:
        for parts, document in _read_documents(directory):
            files.add(parts, document)
            _update_digest(digest, "/".join(parts), document.text.encode())
        # Fingerprints and base models are large and are parsed only where needed. The digest includes them always.
        for folder in (FINGERPRINTS, LINEAGE):
            for path in sorted((directory / folder).glob("*.yaml")):
                _update_digest(digest, f"{folder}/{path.stem}", path.read_bytes())
    clauses = read_vocabulary(files.clauses)
    licenses, vague = read_licenses(_take(files.licenses), files.vague, clauses)
    vocabularies = read_vocabularies(files.vocabularies)
    declarations = read_declarations(files.declarations)
    require_declarations(_take(files.vocabularies), declarations)
    # Findings come last: their matchers are checked against the words that all other files define.
    subjects = _restrict_subjects(read_subjects(files.subjects), formats, clauses, licenses, declarations)
    findings = read_findings(_take(files.findings), subjects, formats)
    return Catalogue(
        findings=findings,
        callables=_read_callables(files),
        licenses=licenses,
        policies=read_policies(files.policies, _list_policy_words(findings, licenses, clauses)),
        digest=digest.hexdigest(),
        vague_licenses=vague,
        formats=read_formats(files.formats, formats),
        skops=read_skops(files.skops),
        operators=read_operators(files.operators, files.dangerous_operators),
        vocabularies=vocabularies,
        declarations=declarations,
        retired=read_retired(files.retired, findings),
        taxonomy=read_taxonomy(files.taxonomy),
        clauses=clauses,
        openness=read_openness(files.openness),
        restrictions=read_restrictions(
            _take(files.restrictions),
            _take(files.cues),
            _take(files.sentence_weights),
            _take(files.clause_subjects),
            clauses.kinds,
        ),
        term_words=read_term_words(files.term_words),
        known_models=read_origins(files.origins, licenses),
        discovery=read_discovery(files.discovery),
        known_names=read_publishers(files.publishers),
        edition=read_edition(files.editions),
        element_lists=read_element_lists(files.element_lists),
        controls=read_controls(files.controls),
        standard_texts=read_standard_texts(files.standard_texts, licenses),
        description=read_description(files.description),
    )


def _take(documents: list[_Item]) -> list[_Item]:
    """Take documents out of the rule set, so that their memory is free once they are read."""
    taken = documents[:]
    documents.clear()
    return taken


def _read_callables(files: _RuleFiles) -> Callables:
    """Read the lists of Python names: the standard library, the dangerous names, then the trusted ones."""
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


def _update_digest(digest: hashlib._Hash, name: str, content: bytes) -> None:
    """Add one file to the digest: the length and the bytes of its name, then those of its content."""
    for part in (name.encode(), content):
        digest.update(len(part).to_bytes(8) + part)


def _read_documents(directory: Path) -> Iterator[tuple[tuple[str, ...], Document]]:
    """Yield (parts of the path without the ending, file) for every file of a rule set, in the order of paths."""
    if not directory.is_dir():
        raise ConfigurationError(f"{directory}: is not a folder of rules")
    installed = find_installed_rules()
    # The pattern finds ``.yml`` too, so that a file with that ending is an error and not silently left out.
    for path in sorted(directory.rglob("*.y*ml")):
        within = path.relative_to(directory)
        if within.parts[0] in (FINGERPRINTS, LINEAGE) or within.parts == (EXAMPLES,):
            continue  # These have loaders of their own, which run only where needed.
        label = f"{directory.name}/{within.as_posix()}"
        if path.suffix != ".yaml":
            raise ConfigurationError(f"{label}: is not read, because its name does not end in .yaml; rename it")
        # Most files of a pack are those of this installation.
        is_installed = directory == installed or _is_copy(path, installed / within)
        # A process may load several packs, and the rules of this installation once.
        document = read_document(path, label, is_installed=is_installed, is_shared=directory != installed)
        yield within.with_suffix("").parts, document


def _is_copy(path: Path, original: Path) -> bool:
    """Whether two files have the same bytes; a file that cannot be read has none."""
    try:
        return path.stat().st_size == original.stat().st_size and path.read_bytes() == original.read_bytes()
    except OSError:
        return False
