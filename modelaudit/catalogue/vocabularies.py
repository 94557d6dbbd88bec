"""Read ``rules/vocabularies/``: the reviewed names that files hand to their loaders.

A vocabulary is a folder of lists, which judge names as trusted or dangerous. ``rules/vocabularies.yaml`` declares for
each vocabulary the consequence of a name that is on no list.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic.dataclasses import dataclass

from modelaudit.catalogue.document import Document, Place
from modelaudit.catalogue.schema import CONFIG, Kebab, Shape, Text, require_word
from modelaudit.model.catalogue import (
    CODE_KINDS,
    EFFECTS,
    OTHER_EFFECTS,
    OTHER_KINDS,
    CallableEntry,
    Harmless,
    Standing,
    Unlisted,
    UnlistedPolicy,
    VocabularyDeclaration,
)

VocabularyKind = Annotated[Kebab, require_word((*CODE_KINDS, *OTHER_KINDS))]
Effect = Annotated[str, require_word((*EFFECTS, *OTHER_EFFECTS))]


def _as_entry(value: object) -> object:
    """Expand the short form of an entry, its bare reason, to a mapping; any other value is validated as it is."""
    return {"why": value} if isinstance(value, str) else value


@dataclass(config=CONFIG)
class DangerousNameFile:
    """A dangerous name with its reason; ``effect`` replaces the family of harm of the file."""

    why: Text
    effect: Effect | None = None


@dataclass(config=CONFIG)
class DangerousAlikeFile(DangerousNameFile):
    """Dangerous names that share their reason."""

    names: Annotated[list[Text], Field(min_length=1)] = Field(kw_only=True)


@dataclass(config=CONFIG)
class DangerousFile:
    """The dangerous names of one file; ``effect`` holds for every entry without its own."""

    effect: Effect
    names: dict[Text, Annotated[DangerousNameFile, BeforeValidator(_as_entry)]] = field(default_factory=dict)
    alike: list[DangerousAlikeFile] = field(default_factory=list)


@dataclass(config=CONFIG)
class TrustedAlikeFile:
    """Trusted names that share their reason."""

    why: Text
    names: Annotated[list[Text], Field(min_length=1)]


@dataclass(config=CONFIG)
class TrustedFile:
    """The trusted names of one file, each with its reason."""

    names: dict[Text, Text] = field(default_factory=dict)
    alike: list[TrustedAlikeFile] = field(default_factory=list)


@dataclass(config=CONFIG)
class VocabularyFile:
    """``rules/vocabularies/<vocabulary>/<name>.yaml``. A name on neither list is unlisted."""

    library: Text
    trusted: TrustedFile | None = None
    dangerous: list[DangerousFile] = field(default_factory=list)


@dataclass(config=CONFIG)
class UnlistedUseFile:
    """Uses for which the consequence of an unlisted name differs from that of the vocabulary."""

    names: Annotated[list[Text], Field(min_length=1)]
    unlisted: Unlisted
    kind: VocabularyKind | None = None
    reason: Text | None = None


@dataclass(config=CONFIG)
class HarmlessFile:
    """Uses that need no rule for a dangerous name of these effects, or of any effect if none is listed.

    A detection in these uses needs no rule either. The names in ``but_names`` need a rule all the same.
    """

    uses: Annotated[list[Text], Field(min_length=1)]
    reason: Text
    effects: list[Effect] = field(default_factory=list)
    but_names: list[Text] = field(default_factory=list)


@dataclass(config=CONFIG)
class DeclarationFile:
    """The declaration of one vocabulary."""

    kind: VocabularyKind
    unlisted: Unlisted
    reason: Text | None = None
    uses: list[UnlistedUseFile] = field(default_factory=list)
    harmless: list[HarmlessFile] = field(default_factory=list)


@dataclass(config=CONFIG)
class DeclarationsFile:
    """``rules/vocabularies.yaml``: the declarations by the names of their vocabularies."""

    vocabularies: dict[Kebab, DeclarationFile]


_SHAPE = Shape(VocabularyFile)
_DECLARATIONS = Shape(DeclarationsFile)


def read_declarations(documents: Iterable[Document]) -> Mapping[str, VocabularyDeclaration]:
    """Read the declarations of all vocabularies.

    Raises:
        ConfigurationError: ``unlisted`` is missing or unknown, a quiet vocabulary has no reason, a vocabulary whose
            names select code is quiet as a whole, or two files declare one vocabulary.
    """
    declarations: dict[str, VocabularyDeclaration] = {}
    for document in documents:
        for vocabulary, declared in _DECLARATIONS.read(document).vocabularies.items():
            place = ("vocabularies", vocabulary)
            if vocabulary in declarations:
                raise document.error(f"the vocabulary {vocabulary!r} is declared already", place)
            declarations[vocabulary] = _read_declaration(document, declared, place)
    return declarations


def _read_declaration(document: Document, declared: DeclarationFile, place: Place) -> VocabularyDeclaration:
    """Check one declaration, at ``place`` in its file. Raises ``ConfigurationError`` as ``read_declarations`` does."""
    if declared.unlisted is Unlisted.QUIET and declared.kind in CODE_KINDS:
        raise document.error(
            f"{_join_place(place)}.unlisted: names of the kind {declared.kind} select code, so unlisted ones must not "
            "be ignored; write 'unlisted: absent', and list the uses to ignore under 'uses'",
            (*place, "unlisted"),
        )
    uses: dict[str, UnlistedPolicy] = {}
    for index, part in enumerate(declared.uses):
        where = (*place, "uses", index)
        policy = _read_policy(document, part.kind or declared.kind, part.unlisted, part.reason, where)
        for number, name in enumerate(part.names):
            if name in uses:
                message = f"{_join_place(where[:-1])}: {name!r} is listed already"
                raise document.error(message, (*where, "names", number))
            uses[name] = policy
    return VocabularyDeclaration(
        _read_policy(document, declared.kind, declared.unlisted, declared.reason, place),
        uses,
        tuple(
            Harmless(frozenset(each.uses), frozenset(each.effects), each.reason, frozenset(each.but_names))
            for each in declared.harmless
        ),
    )


def _join_place(place: Place) -> str:
    """Write a place in a file as its keys and indices with dots between them."""
    return ".".join(map(str, place))


def _read_policy(document: Document, kind: str, unlisted: Unlisted, reason: str | None, place: Place) -> UnlistedPolicy:
    """Build the policy for unlisted names of one place. Raises ``ConfigurationError`` if it is quiet without reason."""
    if unlisted is Unlisted.QUIET and reason is None:
        raise document.error(
            f"{_join_place(place)}.unlisted: 'quiet' needs a 'reason'; state there why the loader selects no code "
            "by such a name",
            (*place, "unlisted"),
        )
    return UnlistedPolicy(kind, unlisted, reason or "")


def require_declarations(
    documents: Iterable[tuple[str, Document]], declarations: Mapping[str, VocabularyDeclaration]
) -> None:
    """Raise ``ConfigurationError`` for the first list of a vocabulary that no file declares."""
    for vocabulary, document in documents:
        if vocabulary not in declarations:
            raise document.error(
                f"the vocabulary {vocabulary!r} is not declared; add it to vocabularies.yaml with 'unlisted: absent', "
                "or 'unlisted: quiet' with a reason"
            )


def read_vocabularies(documents: Iterable[tuple[str, Document]]) -> Mapping[str, Mapping[str, CallableEntry]]:
    """Read the lists, by vocabulary and exact name.

    Args:
        documents: each file with the vocabulary that its path implies.

    Raises:
        ConfigurationError: a file is not a list, or a name is listed twice in one vocabulary.
    """
    vocabularies: dict[str, dict[str, CallableEntry]] = {}
    for vocabulary, document in documents:
        entries = vocabularies.setdefault(vocabulary, {})
        for entry, place in _list_entries(_SHAPE.read(document)):
            earlier_entry = entries.get(entry.name)
            if earlier_entry is not None:
                raise document.error(f"{entry.name} is listed already, as {earlier_entry.standing}", place)
            entries[entry.name] = entry
    return vocabularies


def _list_entries(file: VocabularyFile) -> Iterator[tuple[CallableEntry, Place]]:
    """Yield (entry, place in the file) for each name, the dangerous ones first."""
    for index, family in enumerate(file.dangerous):
        place: Place = ("dangerous", index)
        for name, listed in family.names.items():
            yield _make_dangerous_entry(file, family, listed, name), (*place, "names", name)
        for number, group in enumerate(family.alike):
            for position, name in enumerate(group.names):
                yield _make_dangerous_entry(file, family, group, name), (*place, "alike", number, "names", position)
    trusted = file.trusted or TrustedFile()
    for name, why in trusted.names.items():
        yield CallableEntry(name, Standing.TRUSTED, why, file.library), ("trusted", "names", name)
    for number, trusted_group in enumerate(trusted.alike):
        for position, name in enumerate(trusted_group.names):
            entry = CallableEntry(name, Standing.TRUSTED, trusted_group.why, file.library)
            yield entry, ("trusted", "alike", number, "names", position)


def _make_dangerous_entry(
    file: VocabularyFile, family: DangerousFile, listed: DangerousNameFile, name: str
) -> CallableEntry:
    """Build the entry of a dangerous name; its own effect replaces that of its family."""
    return CallableEntry(name, Standing.DANGEROUS, listed.why, file.library, listed.effect or family.effect)
