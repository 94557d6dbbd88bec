"""Read ``rules/licenses/``: one licence per file, and the identifiers that name no licence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from modelaudit.catalogue.document import Document, LineIndex, Place
from modelaudit.catalogue.schema import Shape
from modelaudit.catalogue.terms import LicenseFile, VagueFile, build_clause
from modelaudit.model.license import fold_license_name
from modelaudit.model.terms import (
    PERMISSIVE_CATEGORIES,
    Answer,
    ClauseKind,
    Group,
    LicenseCategory,
    LicenseEntry,
    Use,
    Vocabulary,
)

_FILE = Shape(LicenseFile)
_VAGUE = Shape(VagueFile)


class _NameRegistry:
    """Registers every name; each one belongs to one licence, or is a vague word."""

    def __init__(self) -> None:
        self._taken: dict[str, tuple[str, Document, Place]] = {}

    def register_license(self, file: LicenseFile, document: Document) -> None:
        """Register every name of a licence. Raises ``ConfigurationError`` if another licence has it."""
        self._register_name(file.id, f"means {file.id}", document, ("id",))
        self._register_name(file.name, f"means {file.id}", document, ("name",))
        self._register_name(file.url, f"means {file.id}", document, ("url",))
        for index, name in enumerate(file.hub_ids):
            self._register_name(name, f"means {file.id}", document, ("hub-ids", index))
        for index, name in enumerate(file.aliases):
            self._register_name(name, f"means {file.id}", document, ("aliases", index))

    def register_vague_words(self, names: Iterable[str], document: Document) -> None:
        """Register vague words. Raises ``ConfigurationError`` if a licence has one, or another spelling is listed."""
        lines = LineIndex(document.text)
        for name in names:
            place = ("hub-ids", name)
            # The line is a part of the meaning, so that two spellings of one word in a file have different ones.
            self._register_name(name, f"is the vague word of line {lines.find(place)}", document, place)

    def _register_name(self, name: str, meaning: str, document: Document, place: Place) -> None:
        """Register one name. Raises ``ConfigurationError`` if another file gave it another meaning.

        Args:
            name: the name, in any spelling.
            meaning: the end of the sentence about the name: "means MIT".
            document: the file that gives it.
            place: its place there.
        """
        key = fold_license_name(name)
        if not key:
            raise document.error(f"{name!r} is too long for the name of a licence, or holds only separators", place)
        # A licence may repeat its own name, in another spelling too; that is the same meaning in the same file.
        first_meaning, first_document, first_place = self._taken.setdefault(key, (meaning, document, place))
        if (first_meaning, first_document.label) != (meaning, document.label):
            where = f"{first_document.label}:{first_document.line_of(first_place)}"
            raise document.error(f"{name!r} already {first_meaning}, in {where}; one name must mean one licence", place)


def read_licenses(
    documents: Iterable[tuple[str, Document]], vague_documents: Iterable[Document], vocabulary: Vocabulary
) -> tuple[Mapping[str, LicenseEntry], Mapping[str, str]]:
    """Read the licences, sorted by id, and the vague words, each with its reason.

    Args:
        documents: the name of each file without its suffix, and the file.
        vague_documents: the files of vague words.
        vocabulary: the kinds of clauses.

    Raises:
        ConfigurationError: a file is not a licence, a clause is of an unknown kind or lacks a field that its kind
            needs, a permissive licence limits the use, the clauses of a restrictive licence restrict nothing, or two
            licences have one name.
    """
    entries: dict[str, LicenseEntry] = {}
    names = _NameRegistry()
    for stem, document in documents:
        file = _FILE.read(document)
        if file.id.casefold() != stem.casefold():
            raise document.error(f"id: {file.id!r} differs from the file name {stem!r}", ("id",))
        if file.id in entries:
            raise document.error(f"id: {file.id!r} is taken by another file", ("id",))
        names.register_license(file, document)
        _check_category(file, vocabulary, document)
        if file.read:
            _check_restriction(file, vocabulary, document)
        entries[file.id] = LicenseEntry(
            id=file.id,
            name=file.name,
            category=file.category,
            hub_ids=tuple(file.hub_ids),
            aliases=tuple(file.aliases),
            clauses=tuple(
                build_clause(clause, vocabulary, document, index, read=bool(file.read))
                for index, clause in enumerate(file.clauses)
            ),
            url=file.url,
            read=file.read,
            version=file.version,
            open=file.open,
            policy_url=file.policy_url,
            incorporates=tuple(file.incorporates),
            licensor=file.licensor,
        )
    vague: dict[str, str] = {}
    for document in vague_documents:
        words = _VAGUE.read(document).hub_ids
        names.register_vague_words(words, document)
        vague |= words
    return dict(sorted(entries.items())), vague


def _check_category(file: LicenseFile, vocabulary: Vocabulary, document: Document) -> None:
    """Refuse a permissive category for a licence with a limit: readers of the category would overlook the limit."""
    if file.category not in PERMISSIVE_CATEGORIES:
        return
    for index, clause in enumerate(file.clauses):
        kind = vocabulary.kinds.get(clause.kind)
        if kind is not None and kind.group is Group.LIMIT:
            where = f"{document.label}:{document.line_of(('clauses', index))}"
            raise document.error(
                f"category: {file.category} is permissive, but the clause in {where} is a limit", ("category",)
            )


def _check_restriction(file: LicenseFile, vocabulary: Vocabulary, document: Document) -> None:
    """Refuse a restrictive category without the clause that restricts.

    Only clauses answer a use, so without that clause every use would be allowed. A licence that was not read needs no
    clause, because each use of it is for review. So is each use under the category ``unknown``.
    """
    # ``build_clause`` reports an unknown kind.
    kinds = [vocabulary.kinds[clause.kind] for clause in file.clauses if clause.kind in vocabulary.kinds]
    match file.category:
        case LicenseCategory.NON_COMMERCIAL | LicenseCategory.RESEARCH_ONLY:
            has_clause, needed = any(map(_restricts_commercial_use, kinds)), "restricts commercial use"
        case LicenseCategory.USE_RESTRICTED:
            has_clause, needed = any(kind.group is Group.LIMIT for kind in kinds), "is a limit"
        case LicenseCategory.CONDITIONAL:
            groups = {Group.LIMIT, Group.SHOW, Group.NAME}
            has_clause, needed = any(kind.group in groups for kind in kinds), "is a limit, or a duty to show or to name"
        case _:
            return
    if not has_clause:
        fault = f"category: {file.category}, but no clause {needed}; add that clause, or correct the category"
        raise document.error(fault, ("category",))


def _restricts_commercial_use(kind: ClauseKind) -> bool:
    """Whether clauses of a kind answer any commercial use with denial or review, without a further condition."""
    return any(
        rule.answer is not Answer.ALLOW
        and Use.COMMERCIAL in rule.uses
        and not (rule.over or rule.inside or rule.listed or rule.purpose or rule.beside)
        for rule in kind.answers
    )
