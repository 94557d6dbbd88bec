"""Read ``rules/clauses.yaml``, and the clauses of ``rules/licenses/<id>.yaml``."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from modelaudit.catalogue.document import Document, Place
from modelaudit.catalogue.schema import CONFIG, IsoDate, Kebab, Shape, Territory, Text, Url, require_match, require_word
from modelaudit.model.copies import replace
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.terms import (
    Answer,
    AnswerRule,
    Clause,
    ClauseKind,
    Group,
    LicenseCategory,
    Purpose,
    Relation,
    Use,
    Vocabulary,
)

QUANTITIES = ("monthly-active-users", "annual-revenue-usd")
"""Figures that a cap can be compared with."""
_CLAUSE_FIELDS = ("number", "territories", "words", "fields")
_DUTY_GROUPS = (Group.SHIP, Group.SHOW, Group.NAME, Group.PASS_ON, Group.WATCH)
# A model that was distilled from another contains no part of it, so a clause binds it only where its kind states that.
_DEFAULT_FLOWS: tuple[Relation, ...] = tuple(relation for relation in Relation if relation is not Relation.DISTILLED)
_MAX_GROUP_DEPTH = 3
_PLACEHOLDER = defer_pattern(r"\{([^}]*)\}")


@dataclass(config=CONFIG)
class AnswerFile:
    """One entry of ``answers``."""

    answer: Answer
    because: Text
    uses: list[Use] = Field(default_factory=list)
    over: Annotated[str, require_word(("", *QUANTITIES))] = ""
    inside: bool = False
    listed: bool = False
    purpose: Purpose | None = None
    beside: list[Use] = Field(default_factory=list)


@dataclass(config=CONFIG)
class KindFile:
    """One kind of clause."""

    title: Text
    group: Group
    about: Text
    duty_of: list[Use] = Field(default_factory=list)
    answers: list[AnswerFile] = Field(default_factory=list)
    flows: list[Relation] = Field(default_factory=lambda: list(_DEFAULT_FLOWS))
    needs: list[Annotated[str, require_word(_CLAUSE_FIELDS)]] = Field(default_factory=list)
    negotiable: bool = False
    key_words: list[Text] = Field(default_factory=list)


@dataclass(config=CONFIG)
class ClausesFile:
    """``rules/clauses.yaml``."""

    kinds: dict[Kebab, KindFile] = Field(default_factory=dict)
    fields: dict[Kebab, Text] = Field(default_factory=dict)
    territories: dict[Territory, list[Territory]] = Field(default_factory=dict)
    countries: list[Territory] = Field(default_factory=list)


@dataclass(config=CONFIG)
class ClauseFile:
    """One clause of a licence."""

    kind: Kebab
    text: Text
    section: str = ""
    number: Annotated[float, Field(gt=0)] | None = None
    territories: list[Territory] = Field(default_factory=list)
    scope: Annotated[str, require_word(("", "multimodal"))] = ""
    fields: list[Kebab] = Field(default_factory=list)
    url: Annotated[str, require_match(r"(https?://[^\s<>\"]+)?", "an http or https address")] = ""
    words: list[Text] = Field(default_factory=list)
    duty_of: list[Use] = Field(default_factory=list)
    duty_with: list[Use] = Field(default_factory=list)
    limit_with: list[Use] = Field(default_factory=list)


@dataclass(config=CONFIG)
class LicenseFile:
    """``rules/licenses/<id>.yaml``.

    ``read`` is the day on which the terms were read at ``url``. ``no_fingerprint`` is the reason why the text of a
    licence that was read has no fingerprint, so that a forgotten fingerprint differs from one that cannot exist.
    ``licensor`` is the party that grants a licence of its own, whom a user asks for an agreement.
    """

    id: Annotated[str, require_match(r"[A-Za-z0-9][A-Za-z0-9.+-]*", "an SPDX identifier or LicenseRef-…")]
    name: Text
    category: LicenseCategory
    url: Url
    read: IsoDate = ""
    no_fingerprint: Text = ""
    version: str = ""
    open: bool = False
    policy_url: Annotated[str, require_match(r"(https?://[^\s<>\"]+)?", "an http or https address")] = ""
    incorporates: list[Text] = Field(default_factory=list)
    licensor: str = ""
    hub_ids: list[Text] = Field(default_factory=list)
    aliases: list[Text] = Field(default_factory=list)
    clauses: list[ClauseFile] = Field(default_factory=list)


@dataclass(config=CONFIG)
class VagueFile:
    """``rules/licenses/_vague.yaml``: Hub identifiers that name no licence, each with the reason."""

    hub_ids: dict[Text, Text]


_FILE = Shape(ClausesFile)


def read_vocabulary(documents: Iterable[Document]) -> Vocabulary:
    """Read the kinds of clauses, the fields of use and the groups of territories; several files add up.

    Raises:
        ConfigurationError: a kind, field or group is listed twice; a limit has no answer; a sentence refers to a field
            that no clause has; or a group has an unknown member.
    """
    kinds: dict[str, ClauseKind] = {}
    fields: dict[str, str] = {}
    groups: dict[str, tuple[str, ...]] = {}
    countries: set[str] = set()
    document_by_group: dict[str, Document] = {}
    for document in documents:
        file = _FILE.read(document)
        _check_new_names("kinds", kinds, file.kinds, document)
        _check_new_names("fields", fields, file.fields, document)
        _check_new_names("territories", groups, file.territories, document)
        kinds |= {id_: _build_kind(id_, kind, document) for id_, kind in file.kinds.items()}
        fields |= file.fields
        groups |= {name: tuple(members) for name, members in file.territories.items()}
        document_by_group |= dict.fromkeys(file.territories, document)
        countries |= set(file.countries)
    # Members are checked after all files are read, because a group may hold a group of a later file.
    vocabulary = Vocabulary(kinds, fields, groups, frozenset(countries))
    for name, document in document_by_group.items():
        unknown = [code for code in groups[name] if code == name or not vocabulary.is_known_territory(code)]
        if unknown:
            fault = "the group itself" if unknown[0] == name else "unknown"
            raise document.error(f"territories.{name}: {unknown[0]!r} is {fault}", ("territories", name))
    return replace(vocabulary, territories={name: _expand_group(name, groups) for name in groups})


def _check_new_names(part: str, taken: Collection[str], new: Iterable[str], document: Document) -> None:
    """Refuse names that are listed already: an added rule folder could otherwise loosen an existing entry."""
    for name in new:
        if name in taken:
            raise document.error(f"{part}.{name}: is listed already", (part, name))


def _build_kind(id_: str, file: KindFile, document: Document) -> ClauseKind:
    """Build one kind of clause, and check that its group fits its answers and duties."""
    place: Place = ("kinds", id_)
    if file.answers and file.group is not Group.LIMIT:
        raise document.error(
            f"kinds.{id_}: only a kind of the group 'limit' can have answers; this kind is of the group {file.group}",
            (*place, "group"),
        )
    if file.group is Group.LIMIT and not file.answers:
        raise document.error(f"kinds.{id_}: a kind of the group 'limit' needs the key 'answers'", place)
    if file.negotiable and file.group is not Group.LIMIT:
        raise document.error(
            f"kinds.{id_}: only a kind of the group 'limit' is negotiable; remove the key", (*place, "negotiable")
        )
    if file.duty_of and file.group not in _DUTY_GROUPS:
        raise document.error(
            f"kinds.{id_}: only a duty has the key 'duty-of', and {file.group} is not one; remove the key",
            (*place, "duty-of"),
        )
    for index, answer in enumerate(file.answers):
        _check_answer(answer, file, document, (*place, "answers", index))
    return ClauseKind(
        id=id_,
        title=file.title,
        group=file.group,
        about=file.about,
        duty_of=tuple(file.duty_of),
        answers=tuple(
            AnswerRule(
                answer=each.answer,
                because=each.because,
                uses=tuple(each.uses),
                over=each.over,
                inside=each.inside,
                listed=each.listed,
                purpose=each.purpose,
                beside=tuple(each.beside),
            )
            for each in file.answers
        ),
        flows=tuple(file.flows),
        needs=tuple(file.needs),
        is_negotiable=file.negotiable,
        key_words=tuple(file.key_words),
    )


def _check_answer(answer: AnswerFile, file: KindFile, document: Document, place: Place) -> None:
    """Check that an answer has a condition, and that the kind needs the fields which it uses."""
    if not (answer.uses or answer.over or answer.inside or answer.listed or answer.purpose):
        raise document.error(
            "an answer needs a condition, one of the keys 'uses', 'over', 'inside', 'listed' or 'purpose'", place
        )
    if answer.over and "number" not in file.needs:
        raise document.error("'over' compares the number of a clause, but 'needs' lacks 'number'; add it", place)
    if answer.inside and "territories" not in file.needs:
        raise document.error(
            "'inside' compares the territories of a clause, but 'needs' lacks 'territories'; add it",
            place,
        )
    # ``listed`` needs no field: without a list of fields on record, the answer is ``review``.
    quoted = _PLACEHOLDER.findall(answer.because)
    unknown = [name for name in quoted if name not in _CLAUSE_FIELDS]
    if unknown:
        raise document.error(
            f"because: {{{unknown[0]}}} is not one of {', '.join(_CLAUSE_FIELDS)}", (*place, "because")
        )
    missing = [name for name in quoted if name not in file.needs]
    if missing:
        raise document.error(
            f"because: contains {{{missing[0]}}}, which 'needs' does not list; add it to 'needs'", (*place, "because")
        )


def _expand_group(name: str, groups: dict[str, tuple[str, ...]], depth: int = 0) -> tuple[str, ...]:
    """Expand a group to its territories, with those of groups inside it; a territory expands to itself."""
    # The bound ends the recursion of groups that contain one another.
    if name not in groups or depth > _MAX_GROUP_DEPTH:
        return (name,)
    members = (code for member in groups[name] for code in _expand_group(member, groups, depth + 1))
    return tuple(dict.fromkeys(members))


def build_clause(clause: ClauseFile, vocabulary: Vocabulary, document: Document, index: int, *, read: bool) -> Clause:
    """Build one clause.

    Raises:
        ConfigurationError: its kind is unknown, it lacks a field that the kind needs, it names an unknown field of use
            or territory, or it cites a section of a text that was not read.
    """
    place: Place = ("clauses", index)
    kind = vocabulary.kinds.get(clause.kind)
    if kind is None:
        known = ", ".join(sorted(vocabulary.kinds))
        raise document.error(f"clauses.{index}.kind: {clause.kind!r} is not one of {known}", (*place, "kind"))
    for need in kind.needs:
        if not getattr(clause, need) and read:
            raise document.error(f"clauses.{index}: a clause of kind {kind.id} needs {need}", place)
    for field in clause.fields:
        if field not in vocabulary.fields:
            known = ", ".join(vocabulary.fields)
            raise document.error(f"clauses.{index}.fields: {field!r} is not one of {known}", (*place, "fields"))
    for territory in clause.territories:
        fault = vocabulary.explain_invalid_territory(territory)
        if fault:
            raise document.error(f"clauses.{index}.territories: {fault}", (*place, "territories"))
    if clause.limit_with and kind.group is not Group.LIMIT:
        raise document.error(
            f"clauses.{index}: only a limit has the key 'limit-with', and {kind.id} is none; remove the key",
            (*place, "limit-with"),
        )
    if clause.section and not read:
        raise document.error(
            f"clauses.{index}: cites a section, but the file has no 'read' date; read the text and add the date", place
        )
    return Clause(
        kind=clause.kind,
        text=clause.text,
        section=clause.section,
        number=clause.number,
        territories=tuple(clause.territories),
        scope=clause.scope,
        fields=tuple(clause.fields),
        url=clause.url,
        words=tuple(clause.words),
        duty_of=tuple(clause.duty_of),
        duty_with=tuple(clause.duty_with),
        limit_with=tuple(clause.limit_with),
    )
