"""Phrases for the values of a licence conclusion; every output takes its wording from here."""

from __future__ import annotations

from collections.abc import Iterable

from modelaudit.model.license import Basis, ClaimKind, Conflict, LicenseClaim, OriginState, UseAnswer
from modelaudit.model.restrictions import is_unsearched
from modelaudit.model.term_files import is_package_metadata
from modelaudit.model.terms import GENERAL_FIELD, Answer, Clause, Group, Intent, Outcome, Purpose, Relation, Use
from modelaudit.reports.clause_words import TITLES
from modelaudit.reports.wording import format_number, join_phrases

ANSWERS = {Answer.ALLOW: "ALLOWED", Answer.REVIEW: "FOR REVIEW", Answer.DENY: "DENIED"}

_OUTCOMES = {
    Outcome.ALLOWED: ANSWERS[Answer.ALLOW],
    Outcome.AGREED: "ALLOWED UNDER AGREEMENT",
    Outcome.ACCEPTED: "ACCEPTED",
    Outcome.REVIEW: ANSWERS[Answer.REVIEW],
    Outcome.INCOMPLETE: "INCOMPLETE",
    Outcome.FAILS: "FAILS THE POLICY",
    Outcome.DENIED: ANSWERS[Answer.DENY],
}

GROUPS = {
    Group.LIMIT: "Limits",
    Group.SHIP: "Ship with every copy",
    Group.SHOW: "Show to people",
    Group.NAME: "Name",
    Group.PASS_ON: "Pass on to those who receive it",
    Group.WATCH: "Keep an eye on",
    Group.FACT: "Good to know",
}

SHORT_GROUPS = {
    Group.LIMIT: "limits",
    Group.SHIP: "ship",
    Group.SHOW: "show",
    Group.NAME: "name",
    Group.PASS_ON: "pass on",
    Group.WATCH: "watch",
    Group.FACT: "know",
}

RELATIONS = {
    Relation.ADAPTER: "adapter of",
    Relation.FINETUNE: "fine-tuned from",
    Relation.MERGE: "merged from",
    Relation.QUANTIZED: "quantized from",
    Relation.DISTILLED: "distilled from",
    Relation.UNSTATED: "based on",
}

LOOKS = {
    OriginState.READ: "read",
    OriginState.KNOWN: "not read; the licence on record for its name counts only where it limits the use",
    OriginState.MISSING: "not read: there is no such repository",
    OriginState.GATED: "not read: access must be requested from its publisher",
    OriginState.UNREACHED: "not read: it could not be reached",
    OriginState.CYCLE: "not followed: it descends from the model itself",
    OriginState.LIMIT: "not read: a limit was reached",
}

USES = {
    Use.COMMERCIAL: "commercial use",
    Use.HOSTED_SERVICE: "hosting as a service",
    Use.REDISTRIBUTE: "giving copies to others",
    Use.FINE_TUNE: "fine-tuning",
    Use.DISTILL: "distilling",
    Use.TRAIN_ON_OUTPUTS: "training on outputs",
    Use.EMBED_ON_DEVICE: "building into devices",
}

TRIGGERS = {
    Use.COMMERCIAL: "use it commercially",
    Use.HOSTED_SERVICE: "host it as a service",
    Use.REDISTRIBUTE: "pass it on",
    Use.FINE_TUNE: "change it",
    Use.DISTILL: "distil it",
    Use.TRAIN_ON_OUTPUTS: "train a model on its outputs",
    Use.EMBED_ON_DEVICE: "build it into devices",
}
"""What a person does whose use triggers a duty."""


def describe_triggers(*groups: Iterable[Use]) -> str:
    """Describe the acts that trigger a duty as a condition: ``if you change it, and pass it on or host it``.

    Args:
        groups: one act of each is needed; an empty group needs none.
    """
    acts = [" or ".join(TRIGGERS[use] for use in group) for group in groups]
    return f"if you {', and '.join(filter(None, acts))}" if any(acts) else ""


_FIELDS = {
    "personal-data": "personal data without the right to it",
    "surveillance": "surveillance without consent",
    "impersonation": "impersonation without consent",
}
"""The fields of use of ``rules/clauses.yaml`` that are limited only without a consent or a right."""


def join_fields(fields: Iterable[str]) -> str:
    """Join fields of use in words; each names its limit."""
    return ", ".join(_FIELDS.get(each) or each.replace("-", " ") for each in fields)


PURPOSES = {Purpose.RESEARCH: "for research", Purpose.OTHER: "not for research"}

_YEARLY_LIMITS = frozenset({"revenue-cap", "company-revenue-cap", "service-revenue-cap"})

CONFLICTS = {
    "declared-found": "The card and the text differ",
    "declared-prose": "A text may be stricter than the declared licence",
    "unplanned-prose": "A text limits acts that are not planned",
    "declared-inherited": "The card grants more than the base model does",
    "missing-text": "A licence text is missing",
    "missing-notice": "A notice is missing",
    "missing-naming": "A required name is missing",
    "missing-policy": "A use policy is missing",
    "dataset-stricter": "A data set is under stricter terms",
    "dataset-unknown": "The terms of a data set are not known",
    "variant-text": "A variant of a licence text",
    "version-dependent": "The terms depend on the version or the size",
    "origin-unknown": "The terms of a base model are not known",
    "origin-local": "A base model is only named by a local path",
    "origin-undeclared": "Vocabulary and shape show a base model that no file names",
    "template-differs": "The chat template differs from that of the base model",
    "text-not-recognised": "A text was not recognised",
    "shared-weights": "Two models hold the same weights under different terms",
}

STATEMENTS: dict[str, tuple[str, str]] = {
    "purpose": ("whether your use is research", "--use research=yes or =no"),
    "territories": ("where you use it", "--territory CODE"),
    "field": ("your field of use", "--field FIELD"),
    "monthly-active-users": ("your number of monthly active users", "--mau N"),
    "annual-revenue-usd": ("your annual revenue in US dollars", "--revenue USD"),
    **{use: (f"whether you plan {words}", f"--use {use}=yes or =no") for use, words in USES.items()},
}
"""What a planned use may leave unstated, by the keys of a policy: in words, and the option that states it."""

MISSING_PREFIX = "missing-"
"""Prefix of the conflict kinds for items that the publisher left out."""

CONFLICTS_LEAVING_LICENSE_OPEN = frozenset(
    {
        "declared-found",
        "declared-inherited",
        "declared-prose",
        "variant-text",
        "version-dependent",
        "origin-unknown",
        "origin-undeclared",
        "text-not-recognised",
        "shared-weights",
    }
)
"""Conflicts that leave the licence itself open; the other kinds show missing items, or concern data sets."""


def describe_kind(kind: str) -> str:
    """Describe a kind of clause or of conflict in words."""
    return CONFLICTS.get(kind) or TITLES.get(kind) or kind.replace("-", " ")


def describe_conflict(conflict: Conflict) -> str:
    """Describe the kind of a conflict; a text that was not searched contradicts nothing."""
    if is_unsearched(conflict.location):
        return "A text was not searched for terms"
    return describe_kind(conflict.kind)


def describe_answer(answer: UseAnswer) -> str:
    """Describe the outcome of an answer in capital words; a denial that a decision settles counts as settled."""
    return _OUTCOMES[answer.outcome or answer.judge()]


def describe_planned_use(intent: Intent | None) -> str:
    """Describe the planned acts in one line, without excluded and unstated ones; empty without a stated use."""
    if intent is None or not intent.is_stated:
        return ""
    users, revenue = intent.monthly_active_users, intent.annual_revenue_usd
    parts = [
        ", ".join(words for use, words in USES.items() if intent.uses.get(use)),
        PURPOSES[intent.purpose] if intent.purpose else "",
        f"in {join_phrases(intent.territories)}" if intent.territories else "",
        _describe_field(intent.field) if intent.field else "",
        f"{format_number(users)} users a month" if users is not None else "",
        f"USD {format_number(revenue)} a year" if revenue is not None else "",
    ]
    return "; ".join(filter(None, parts)) or "none of the known uses"


def _describe_field(field: str) -> str:
    stated = " (stated as none that licences forbid)" if field == GENERAL_FIELD else ""
    return f"field {field.replace('-', ' ')}{stated}"


def quote_claim(claim: LicenseClaim) -> str:
    """Quote the words of a claim; those on a text that was not searched are ours and no words of the file."""
    if is_unsearched(claim.location):
        return claim.quotation
    return f"“{claim.quotation}”" if claim.quotation else ""


def describe_claim(claim: LicenseClaim) -> str:
    """Describe the source of a claim as a phrase: the author, a text in a file, or a name alone."""
    if claim.kind is ClaimKind.INHERITED:
        return f"named as a {'data set' if claim.names_dataset else 'base model'}"
    if is_unsearched(claim.location):
        return "not searched for terms"
    if claim.kind is ClaimKind.DECLARED:
        if is_package_metadata(claim.artifact):
            return "declared for the Python package"
        if claim.field == "restriction" and claim.artifact:
            return "a sentence in a file of the repository"
        return "declared by the author" if claim.artifact else "declared on the Hub"
    if claim.basis is Basis.TEXT and claim.entry is None:
        return "a text that sets terms beside the licence"
    return {
        Basis.TEXT: "the text of the licence, word for word",
        Basis.VARIANT: "a text that resembles the licence but differs from it",
        Basis.FILE_NAME: "a file of the model, recognised by its name; no text of it was read",
        Basis.NO_MATCH: "a file of the model, compared with every licence of the rule set",
        Basis.NAME: "named in a file of the model",
        Basis.WORDS: "a text that reads like terms and is no known licence",
    }[claim.basis]


def describe_met_figure(clause: Clause, intent: Intent | None) -> str:
    """Describe a stated figure that a clause with a number permits, as one sentence; empty without one."""
    if intent is None or clause.number is None:
        return ""
    limit = format_number(clause.number)
    users, revenue = intent.monthly_active_users, intent.annual_revenue_usd
    if clause.kind == "user-cap" and users is not None and users <= clause.number:
        return f"Your {format_number(users)} users a month are not above the limit of {limit}."
    if clause.kind in _YEARLY_LIMITS and revenue is not None and revenue <= clause.number:
        return f"Your revenue of USD {format_number(revenue)} a year is not above the limit of USD {limit}."
    return ""


def describe_intended_use(intent: Intent) -> tuple[str, ...]:
    """Describe the intended use: uses, territories, users, revenue and field; unstated items are listed as such.

    The purpose is left out where it is not stated, because few licences distinguish one.
    """
    intended = [words for use, words in USES.items() if intent.uses.get(use)]
    ruled_out = [words for use, words in USES.items() if intent.uses.get(use) is False]
    unknown = [words for use, words in USES.items() if use not in intent.uses]
    users, revenue = intent.monthly_active_users, intent.annual_revenue_usd
    field = intent.field.replace("-", " ")
    parts = [
        ", ".join(intended),
        f"no {', no '.join(ruled_out)}" if ruled_out else "",
        f"not stated: {', '.join(unknown)}" if unknown else "",
        PURPOSES[intent.purpose] if intent.purpose else "",
        f"in {', '.join(intent.territories)}" if intent.territories else "territory not stated",
        "users not stated" if users is None else f"{format_number(users)} users a month",
        "revenue not stated" if revenue is None else f"USD {format_number(revenue)} a year",
        f"field: {field}" if field else "field not stated",
    ]
    return tuple(part for part in parts if part)


def describe_use_in_sentences(intent: Intent) -> str:
    """Describe the intended use in one sentence, and its unstated parts in a second."""
    stated = describe_planned_use(intent).replace("; ", ", ")
    ruled_out = [words for use, words in USES.items() if intent.uses.get(use) is False]
    missing = [words for use, words in USES.items() if use not in intent.uses]
    missing += [
        words
        for words, value in (
            ("territory", intent.territories or None),
            ("field", intent.field or None),
            ("number of users", intent.monthly_active_users),
            ("revenue", intent.annual_revenue_usd),
        )
        if value is None
    ]
    sentences = [f"{stated[:1].upper()}{stated[1:]}."]
    sentences += [f"Not planned: {', '.join(ruled_out)}."] if ruled_out else []
    sentences += [f"Not stated: {', '.join(missing)}."] if missing else []
    return " ".join(sentences)
