"""List the files of a rule set, and sort them by their kinds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from msgspec import Struct, field

from modelaudit.catalogue.directory import FINGERPRINTS, LINEAGE, find_installed_rules
from modelaudit.catalogue.document import Document, read_document
from modelaudit.catalogue.examples import FILE as EXAMPLES
from modelaudit.model.errors import ConfigurationError


class RuleFile(Struct, frozen=True):
    """A file of a rule set.

    Attributes:
        parts: the parts of its path within the rule set, without the ending.
        label: its name in messages.
        is_installed: as in ``Document``.
        is_shared: as for ``read_document``.
    """

    path: Path
    parts: tuple[str, ...]
    label: str
    is_installed: bool
    is_shared: bool

    def read_bytes(self) -> bytes:
        """Read it without parsing it. Raises ``ConfigurationError`` if it cannot be read."""
        try:
            return self.path.read_bytes()
        except OSError as error:
            raise ConfigurationError(f"{self.label}: cannot be read: {error.strerror or error}") from error

    def read(self) -> Document:
        """Read and parse it. Raises ``ConfigurationError`` as ``read_document`` does."""
        return read_document(self.path, self.label, is_installed=self.is_installed, is_shared=self.is_shared)


class RuleFiles(Struct):
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
    card_layout: list[Document] = field(default_factory=list)
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
            ("card_layout",): self.card_layout,
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


def read_files(sources: Sequence[RuleFile]) -> RuleFiles:
    """Read and parse files of a rule set."""
    files = RuleFiles()
    for file in sources:
        files.add(file.parts, file.read())
    return files


def iterate_files(sources: Iterable[RuleFile]) -> Iterator[RuleFiles]:
    """Read and parse files of a rule set; yield each alone, so that its memory is free before the next one."""
    for file in sources:
        yield read_files((file,))


def list_files(directory: Path) -> Iterator[RuleFile]:
    """Yield every file of a rule set, in the order of paths."""
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
        yield RuleFile(path, within.with_suffix("").parts, label, is_installed, is_shared=directory != installed)


def _is_copy(path: Path, original: Path) -> bool:
    """Whether two files have the same bytes; a file that cannot be read has none."""
    try:
        return path.stat().st_size == original.stat().st_size and path.read_bytes() == original.read_bytes()
    except OSError:
        return False
