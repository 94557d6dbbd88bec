"""Licence claims, base models, conflicts, and the conclusion drawn from them.

The JSON report contains the names of these fields, so they are permanent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from modelaudit.model.acceptance import Acceptance
from modelaudit.model.license_name import NAME_LIMIT as NAME_LIMIT
from modelaudit.model.license_name import fold_license_name as fold_license_name
from modelaudit.model.license_text import ClauseQuotation as ClauseQuotation
from modelaudit.model.license_text import TextChange as TextChange
from modelaudit.model.lineage import Kinship
from modelaudit.model.openness import Component as Component
from modelaudit.model.openness import Openness as Openness
from modelaudit.model.structure import NOWHERE, Location
from modelaudit.model.terms import (
    UNREAD_TERMS,
    Answer,
    Group,
    Intent,
    LicenseCategory,
    LicenseEntry,
    Outcome,
    Relation,
    Use,
)

THE_REST = "the rest of the repository"
"""What lies outside of the folders of several models."""

_RUNNING_TEXT_FIELDS = frozenset(
    {
        *("license-notice", "third-party-text", "code-text"),
        "text",
        "SPDX-License-Identifier",
        "use-policy",
        "restriction",
        "prohibition",
    }
)


class ClaimKind(StrEnum):
    """The source of a claim: a field that declares it, a text that was found, or a base model."""

    DECLARED = "declared"
    FOUND = "found"
    INHERITED = "inherited"


class Basis(StrEnum):
    """The evidence behind a claim."""

    NAME = "name"
    """The claim names the licence or the base model."""
    TEXT = "text"
    """The file holds the text of the licence, word for word."""
    VARIANT = "variant"
    """The file holds a text that resembles the licence without being equal to it."""
    FILE_NAME = "file-name"
    """Only the name of the file promises terms: no text of it was read."""
    NO_MATCH = "no-match"
    """The name of the file promises terms, and its text matches no licence of the rule set."""
    WORDS = "words"
    """The file reads like terms, whatever its name, and holds no known licence."""


@dataclass(frozen=True, slots=True)
class LicenseClaim:
    """One statement about a licence or a base model, with its place and words.

    Attributes:
        artifact: path of the file that states it; empty for the Hub.
        field: a field of the card, a key of the metadata, or ``text`` for running text.
        quotation: its words, bounded.
        entry: id of the ``LicenseEntry`` that it resolves to; ``None`` if the rule set has none.
        differs: for a variant, the words that the licence does not have, bounded.
        relation: for a base model, how the model was made from it.
        is_about_model: whether the text around it speaks of the model, although its path names something else.
        changes: for a variant, the first places at which it differs.
    """

    kind: ClaimKind
    artifact: str
    field: str
    quotation: str
    entry: str | None
    location: Location = NOWHERE
    basis: Basis = Basis.NAME
    differs: tuple[str, ...] = ()
    relation: Relation | None = None
    is_about_model: bool = False
    changes: tuple[TextChange, ...] = ()

    @property
    def is_in_running_text(self) -> bool:
        """Whether its words come from running text: a name there mentions a licence and declares none."""
        return self.field in _RUNNING_TEXT_FIELDS

    @property
    def names_dataset(self) -> bool:
        """Whether it names a data set: one that names a base model has a relation, an unstated one included."""
        return self.kind is ClaimKind.INHERITED and self.relation is None


class ConclusionState(StrEnum):
    """The result of comparing the claims."""

    CONCLUDED = "concluded"
    CONTRADICTORY = "contradictory"
    UNRECOGNISED = "unrecognised"
    VAGUE = "vague"
    UNDECLARED = "undeclared"
    NOT_CHECKED = "not-checked"


class OriginState(StrEnum):
    """The result of looking up a base model."""

    READ = "read"
    KNOWN = "known-by-name"
    """It could not be read; the rule set has its publisher's licence on record."""
    MISSING = "missing"
    GATED = "gated"
    UNREACHED = "unreached"
    """No network, offline without a cached copy, or a failure of the Hub."""
    CYCLE = "ring"
    """It descends from the model whose base model it is: the lineage is a cycle."""
    LIMIT = "limit-reached"


@dataclass(frozen=True, slots=True)
class Origin:
    """A base model: a model that this one was made from, directly or through others.

    Attributes:
        name: Hub id, as the claim spells it.
        made: Hub id of the model made from it; empty for the scanned model itself.
        relation: how that model was made from it.
        depth: 1 for a base model that the scanned model names itself.
        look: whether it was read.
        state: of its own licence; ``NOT_CHECKED`` if it was not read and is not known.
        entries: ids of the licences concluded for it alone.
        detail: one line on the result, or on the reason for having none.
        commit: the commit that the Hub resolved it to, if it was read.
        claim: the claim that names it.
    """

    name: str
    made: str
    relation: Relation
    depth: int
    look: OriginState
    state: ConclusionState
    entries: tuple[str, ...] = ()
    detail: str = ""
    commit: str | None = None
    claim: LicenseClaim | None = None


@dataclass(frozen=True, slots=True)
class DatasetClaim:
    """A data set that the card names, with the licence of that data; it is apart from the model's licence."""

    name: str
    look: OriginState
    entries: tuple[str, ...] = ()
    detail: str = ""
    location: Location = NOWHERE


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two pieces of evidence that contradict each other, or a missing one that another requires.

    Attributes:
        kind: ``declared-found``, ``declared-inherited``, ``declared-prose``, ``unplanned-prose``, ``missing-text``,
            ``missing-notice``, ``missing-naming``, ``missing-policy``, ``dataset-stricter``, ``dataset-unknown``,
            ``variant-text``, ``version-dependent``, ``origin-unknown``, ``origin-local``, ``origin-undeclared``,
            ``template-differs``, ``text-not-recognised``, ``shared-weights``; rules match it.
        detail: one sentence that names both sides.
        entries: ids of the licences concerned.
        artifact: the file to open first.
        evidence: the quotations of both sides, with their places.
        drops: the most severe terms that the milder side lacks: ``restrictions``, ``duties`` or ``nothing``.
    """

    kind: str
    detail: str
    entries: tuple[str, ...] = ()
    artifact: str = ""
    location: Location = NOWHERE
    evidence: tuple[str, ...] = ()
    drops: str = "nothing"

    @property
    def is_open_point(self) -> bool:
        """Whether a permission leaves it open: a missing item is a duty, and unplanned acts have no effect."""
        return not self.kind.startswith(("missing-", "unplanned-"))

    @property
    def held_text(self) -> str:
        """The words of a contradiction with a text: which file holds the text of which licence; empty for others."""
        words = self.detail.partition(" is declared, and ")[2].partition(". ")[0].rstrip(".")
        return words if self.kind == "declared-found" else ""


@dataclass(frozen=True, slots=True)
class UseAnswer:
    """The answer of one clause to the intended use.

    Attributes:
        license: id of the licence; empty for a doubt about the conclusion itself.
        kind: the kind of clause, ``conclusion``, or ``unread-terms`` for a file that could not be read.
        because: one sentence to the person who asks.
        text: the clause in our words.
        section: its section in the licence.
        url: the address of the text.
        read: ISO date of reading.
        via: the base model that brings it in; empty for the model's own licence.
        acceptance: by the decision of a person; of a denial only by an agreement with the owner.
        ended: one sentence on an agreement that permitted it and holds no more; empty without one.
        folders: of a repository of several models, the folders of those that it concerns; empty where it concerns all.
            Files in its sentences are named from the folder.
        unstated: what the planned use does not state and the clause asks for, by the keys of a policy: a ``Use``,
            ``purpose``, ``territories``, ``field``, ``monthly-active-users`` or ``annual-revenue-usd``.
        outcome: what it means for the verdict; ``None`` before the findings and the policy are known.
    """

    answer: Answer
    license: str
    kind: str
    because: str
    text: str = ""
    section: str = ""
    url: str = ""
    read: str = ""
    via: str = ""
    acceptance: Acceptance | None = None
    ended: str = ""
    folders: tuple[str, ...] = ()
    unstated: tuple[str, ...] = ()
    outcome: Outcome | None = None

    @property
    def models(self) -> str:
        """The folders that it concerns, as a phrase; empty where it concerns all."""
        return ", ".join(each or THE_REST for each in self.folders)

    def is_stated_by(self, message: str) -> bool:
        """Whether the message of a finding, or its part behind the first sentence, states its reason, or the fact."""
        for folder in self.folders:
            message = message.removeprefix(f"{folder}: ")
        reason, fact = (each.casefold().rstrip(".") for each in (self.because, message))
        detail = fact.partition(". ")[2]
        return reason in fact or fact in reason or bool(detail and detail in reason)

    def judge(self, failing: Iterable[str] = ()) -> Outcome:
        """Judge what it means for the verdict; ``failing`` are the messages of the findings that break the policy."""
        if self.acceptance is not None:
            return Outcome.AGREED if self.acceptance.reference else Outcome.ACCEPTED
        if self.answer is not Answer.REVIEW:
            return Outcome.DENIED if self.answer is Answer.DENY else Outcome.ALLOWED
        if self.kind == UNREAD_TERMS:
            return Outcome.INCOMPLETE
        return Outcome.FAILS if any(map(self.is_stated_by, failing)) else Outcome.REVIEW


@dataclass(frozen=True, slots=True)
class Duty:
    """A duty from a clause that the intended use triggers; without a stated use, from every clause.

    Attributes:
        words: exact words that the licence fixes.
        via: the base model that brings it in; empty for the model's own licence.
        met: a file of the snapshot that meets it already; empty if there is none.
        uses: any of them triggers it; empty for a duty of every use, and in reports of older versions.
        with_uses: any of them must come on top of ``uses``; empty where one of those is enough.
    """

    license: str
    kind: str
    group: Group
    text: str
    section: str = ""
    words: tuple[str, ...] = ()
    via: str = ""
    met: str = ""
    uses: tuple[Use, ...] = ()
    with_uses: tuple[Use, ...] = ()

    def depends_on(self, stated: Mapping[Use, bool]) -> bool:
        """Whether the stated uses leave open whether it applies."""
        groups = (self.uses, self.with_uses)
        return any(group and not any(stated.get(use) for use in group) for group in groups)


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """The licence of one of several models of a repository; the answers that concern it name its folder.

    Attributes:
        folder: its path in the repository; empty for the files outside of the folders of models.
        state: the result of comparing the claims on it.
        expression: its SPDX expression; empty without a conclusion.
        entries: ids of the licences concluded or claimed, those of its base models included.
    """

    folder: str
    state: ConclusionState
    expression: str = ""
    entries: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The folder, or a phrase for all that lies outside of such folders."""
        return self.folder or THE_REST


@dataclass(frozen=True, slots=True)
class LicenseConclusion:
    """The conclusion from all claims.

    Attributes:
        entries: the concluded or claimed licences and those of the base models, complete, so that a report needs no
            rule set.
        category: the strictest of them; ``unknown`` unless ``state`` is ``concluded``.
        reasoning: one sentence each.
        expression: the concluded SPDX expression of the model, with the licences inherited from base models; empty
            without a conclusion.
        own: ids of the model's own licences among ``entries``.
        intent: the intended use of the policy; ``None`` if it states none.
        permission: the worst of ``answers``; ``None`` without an intended use.
        answers: worst first.
        multimodal: whether the model handles more than text; ``None`` if unknown.
        acceptance: the first to end of the decisions that settle every open question; ``None`` while one is open.
        quotations: the sentences of the licence texts in the repository that state the clauses of ``entries``; a clause
            whose sentence was not found has none.
        kinships: the base models on record that have the vocabulary and the shape of the model or of a part of it.
        terms_digest: SHA-256 of what states the terms of the model, which a decision on them binds; empty if not known.
        models: of a repository of several models under different terms, one for each; ``expression`` and ``answers``
            are then those of all together, and ``permission`` is the worst.
    """

    state: ConclusionState
    category: LicenseCategory
    claims: tuple[LicenseClaim, ...] = ()
    entries: tuple[LicenseEntry, ...] = ()
    reasoning: tuple[str, ...] = ()
    expression: str = ""
    own: tuple[str, ...] = ()
    origins: tuple[Origin, ...] = ()
    datasets: tuple[DatasetClaim, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    intent: Intent | None = None
    permission: Answer | None = None
    answers: tuple[UseAnswer, ...] = ()
    duties: tuple[Duty, ...] = ()
    openness: Openness | None = None
    multimodal: bool | None = None
    acceptance: Acceptance | None = None
    terms_digest: str = ""
    kinships: tuple[Kinship, ...] = ()
    quotations: tuple[ClauseQuotation, ...] = ()
    models: tuple[ModelAnswer, ...] = ()

    def list_answers(self, model: ModelAnswer) -> tuple[UseAnswer, ...]:
        """List the answers that concern one of several models, worst first."""
        return tuple(each for each in self.answers if not each.folders or model.folder in each.folders)

    def find_quotation(self, license_: str, kind: str, section: str) -> ClauseQuotation | None:
        """Find the original words of a clause; ``None`` if no text in the repository shows them."""
        wanted = (license_, kind, section)
        return next((each for each in self.quotations if (each.license, each.kind, each.section) == wanted), None)

    @property
    def open_answers(self) -> tuple[UseAnswer, ...]:
        """The answers that do not allow the use, and that no decision settles."""
        return tuple(each for each in self.answers if each.answer is not Answer.ALLOW and each.acceptance is None)

    @property
    def lacks_permission(self) -> bool:
        """Whether no licence was determined that could permit the use, and no decision replaces one."""
        is_undetermined = self.state is not ConclusionState.CONCLUDED and not self.models
        return is_undetermined and self.open_permission is Answer.REVIEW

    @property
    def open_permission(self) -> Answer | None:
        """The permission that decisions leave: the worst open answer; ``allow`` if they settle every one."""
        if self.permission in (None, Answer.ALLOW) or self.acceptance is not None:
            return self.permission and Answer.ALLOW
        if self.permission not in {each.answer for each in self.answers}:
            return self.permission
        worst = max((each.answer for each in self.open_answers), key=lambda answer: answer.rank, default=None)
        return worst or Answer.ALLOW
