"""The whole rule set: which file is what, and the digest over all of them."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from modelaudit.catalogue.callables import CallablesReader
from modelaudit.catalogue.directory import rules_directory
from modelaudit.catalogue.document import Document, read_document
from modelaudit.catalogue.examples import FILE as EXAMPLES
from modelaudit.catalogue.findings import read_findings, read_subjects, with_words
from modelaudit.catalogue.fingerprints import FOLDER as FINGERPRINTS
from modelaudit.catalogue.formats import read_formats
from modelaudit.catalogue.licenses import read_licenses
from modelaudit.catalogue.openness import read_openness
from modelaudit.catalogue.operators import read_operators
from modelaudit.catalogue.origins import read_origins
from modelaudit.catalogue.policies import read_policy
from modelaudit.catalogue.restrictions import read_restrictions
from modelaudit.catalogue.retired import read_retired
from modelaudit.catalogue.skops import read_skops
from modelaudit.catalogue.taxonomy import read_taxonomy
from modelaudit.catalogue.terms import read_vocabulary
from modelaudit.catalogue.vocabularies import read_declarations, read_vocabularies, require_declarations
from modelaudit.model.catalogue import Catalogue, Policy
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.format_facts import NO_FORMATS, FormatFacts
from modelaudit.model.terms import LicenseCategory, Vocabulary


def load_catalogue(
    directory: Path | None = None, extra: Sequence[Path] = (), formats: FormatFacts = NO_FORMATS
) -> Catalogue:
    """Read and validate the rule set.

    Args:
        directory: the rule set; by default the one of this installation, which is read once in a process.
        extra: further folders laid out alike, whose entries are added. No entry replaces another, and what one folder
            calls dangerous another cannot trust.
        formats: what the declarations of formats state. Without it, no rule is checked against the kinds of defects,
            and extensions promise no format: enough to look up rules and licences, and too little to judge a file.

    Raises:
        ConfigurationError: a file is not what its place says, or two of them contradict each other.
    """
    if directory is None and not extra:
        return _shipped(formats)
    for folder in extra:
        if folder.resolve() == rules_directory():
            raise ConfigurationError(f"{folder}: these rules are built in already; leave the folder out")
        if not any(_documents(folder)):
            raise ConfigurationError(
                f"{folder}: holds no rule; lay it out like rules/, as in findings/<family>/<name>.yaml or "
                "licenses/<id>.yaml"
            )
    return _load((directory if directory is not None else rules_directory(), *extra), formats)


def load_policy(path: Path, vocabulary: Vocabulary) -> Policy:
    """Read a policy file of the user, which speaks in the words of ``vocabulary``. Raises ``ConfigurationError``."""
    return read_policy(read_document(path, str(path)), vocabulary)


@functools.cache
def _shipped(formats: FormatFacts) -> Catalogue:
    return _load((rules_directory(),), formats)


@dataclass(slots=True)
class _Sorted:
    """The files by what they are. Findings and licences carry the id that their place gives them."""

    subjects: list[Document] = field(default_factory=list)
    findings: list[tuple[str, Document]] = field(default_factory=list)
    trusted: list[Document] = field(default_factory=list)
    dangerous: list[Document] = field(default_factory=list)
    standard_library: list[Document] = field(default_factory=list)
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
    operators: list[Document] = field(default_factory=list)
    dangerous_operators: list[Document] = field(default_factory=list)
    vocabularies: list[tuple[str, Document]] = field(default_factory=list)
    declarations: list[tuple[str, Document]] = field(default_factory=list)
    retired: list[Document] = field(default_factory=list)

    def _unnamed(self) -> dict[tuple[str, ...], list[Document]]:
        """The files whose own name says nothing, or all in a folder, by their place."""
        return {
            ("subjects",): self.subjects,
            ("retired",): self.retired,
            ("formats",): self.formats,
            ("skops",): self.skops,
            ("taxonomy",): self.taxonomy,
            ("clauses",): self.clauses,
            ("openness",): self.openness,
            ("restrictions",): self.restrictions,
            ("torchscript", "trusted", "*"): self.operators,
            ("torchscript", "dangerous"): self.dangerous_operators,
            ("callables", "standard-library"): self.standard_library,
            ("callables", "trusted", "*"): self.trusted,
            ("callables", "dangerous", "*"): self.dangerous,
            ("licenses", "_vague"): self.vague,
            ("licenses", "_origins"): self.origins,
        }

    def add(self, parts: tuple[str, ...], document: Document) -> None:
        """Sort in one file by its place, told by the parts of its path without the ending."""
        places = self._unnamed()
        unnamed = places.get(parts, places.get((*parts[:-1], "*")))
        match parts:
            case ("findings", family, name):
                self.findings.append((f"{family}/{name}", document))
            case ("policies", name):
                self.policies.append((name, document))
            case ("vocabularies", vocabulary, "_vocabulary"):
                self.declarations.append((vocabulary, document))
            case ("vocabularies", vocabulary, _):
                self.vocabularies.append((vocabulary, document))
            case _ if unnamed is not None:
                unnamed.append(document)
            case ("licenses", name):
                self.licenses.append((name, document))
            case _:
                raise ConfigurationError(
                    f"{document.label}: no rules have their place here; move it to "
                    "findings/<family>/<name>.yaml, callables/trusted/, callables/dangerous/, "
                    "vocabularies/<vocabulary>/, licenses/ or policies/"
                )


def _load(directories: Sequence[Path], formats: FormatFacts) -> Catalogue:
    files = _Sorted()
    digest = hashlib.sha256()
    for directory in directories:
        for parts, document in _documents(directory):
            files.add(parts, document)
            _note(digest, "/".join(parts), document.text.encode())
        # Fingerprints are large and read only where a text was met; what they are belongs to the digest all the same.
        for path in sorted((directory / FINGERPRINTS).glob("*.yaml")):
            _note(digest, f"{FINGERPRINTS}/{path.stem}", path.read_bytes())
    callables = CallablesReader()
    for document in files.standard_library:
        callables.read_standard_library(document)
    for document in files.dangerous:
        callables.read_dangerous(document)
    for document in files.trusted:
        callables.read_trusted(document)
    clauses = read_vocabulary(files.clauses)
    licenses, vague = read_licenses(files.licenses, files.vague, clauses)
    vocabularies = read_vocabularies(files.vocabularies)
    declarations = read_declarations(files.declarations)
    require_declarations(files.vocabularies, declarations)
    subjects = read_subjects(files.subjects)
    for kind, name, words in (
        ("defect", "format", formats.defects),
        ("defect", "kind", {kind for kinds in formats.defects.values() for kind in kinds}),
        ("mention", "vocabulary", declarations),
        ("license-obligation", "kind", clauses.kinds),
        ("license-answer", "kind", clauses.kinds),
        ("license-obligation", "id", licenses),
        ("license-entry", "id", licenses),
        ("license-entry", "category", LicenseCategory),
        ("license-conclusion", "category", LicenseCategory),
    ):
        subjects = with_words(subjects, kind, name, words)
    findings = read_findings(files.findings, subjects, formats)
    return Catalogue(
        findings=findings,
        callables=callables.finish(),
        licenses=licenses,
        policies=_policies(files.policies, clauses),
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
        restrictions=read_restrictions(files.restrictions, clauses.kinds),
        origins=read_origins(files.origins, licenses),
    )


def _note(digest: hashlib._Hash, name: str, content: bytes) -> None:
    for data in (name.encode(), content):
        digest.update(len(data).to_bytes(8) + data)


def _policies(documents: Sequence[tuple[str, Document]], vocabulary: Vocabulary) -> dict[str, Policy]:
    policies: dict[str, Policy] = {}
    for name, document in documents:
        policy = read_policy(document, vocabulary)
        if policy.name != name:
            raise document.error(
                f"name: {policy.name!r} does not follow from the file's name, which says {name!r}", ("name",)
            )
        if name in policies:
            raise document.error(f"name: {name!r} is taken by another file", ("name",))
        policies[name] = policy
    return policies


def _documents(directory: Path) -> Iterator[tuple[tuple[str, ...], Document]]:
    """Every file of a rule set in order of its path, with the parts of that path without the ending."""
    if not directory.is_dir():
        raise ConfigurationError(f"{directory}: is not a folder of rules")
    for path in sorted(directory.rglob("*.y*ml")):
        within = path.relative_to(directory)
        if within.parts[0] == FINGERPRINTS or within.parts == (EXAMPLES,):
            continue  # each has a loader of its own, which runs only where it is needed
        label = f"{directory.name}/{within.as_posix()}"
        if path.suffix != ".yaml":
            raise ConfigurationError(f"{label}: rename it so that it ends in .yaml")
        yield within.with_suffix("").parts, read_document(path, label)
