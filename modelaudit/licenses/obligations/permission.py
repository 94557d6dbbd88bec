"""What all that binds says to the intended use: one answer, its reasons, and what is to be done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from modelaudit.licenses.evidence.alternatives import Alternatives
from modelaudit.licenses.evidence.scope import find_text_file, get_claim_path, is_license_text, is_variant_text
from modelaudit.licenses.obligations.answers import BindingLicense, answer_intended_use, list_duties
from modelaudit.model.catalogue import Catalogue
from modelaudit.model.license import Duty, LicenseClaim, UseAnswer
from modelaudit.model.terms import Answer, Group, Intent

CONCLUSION = "conclusion"
"""The kind of an answer that follows from what is not known."""
TEXT_DUTY = "include-license-text"
NOTICE_DUTY = "keep-notices"


@dataclass(frozen=True, slots=True)
class BindingTerms:
    """Everything that binds whoever uses the model.

    Attributes:
        own: licences of the model itself; one alternative suffices.
        others: of its origins and of its parts.
        doubts: why no permission can be shown whatever the licences say, one sentence each.
        multimodal: whether the model handles more than text.
    """

    own: Alternatives
    others: Sequence[BindingLicense]
    doubts: Sequence[str]
    multimodal: bool | None = None

    def list_binding_licenses(self, alternative: Sequence[str], rules: Catalogue) -> list[BindingLicense]:
        """What binds under one alternative; a licence that the model has itself is not counted again for an origin."""
        own = [BindingLicense(rules.licenses[name], multimodal=self.multimodal) for name in alternative]
        return [*own, *(each for each in self.others if each.entry.id not in alternative)]


@dataclass(frozen=True, slots=True)
class Permission:
    """The answer. ``chosen`` is the alternative that it stands upon."""

    answer: Answer | None
    answers: tuple[UseAnswer, ...]
    duties: tuple[Duty, ...]
    chosen: tuple[str, ...]


def determine_permission(binding: BindingTerms, intent: Intent | None, rules: Catalogue) -> Permission:
    """Answer to the intended use with the kindest alternative; without an intent, only list what has to be done.

    An alternative whose terms nobody has read is taken only where there is no other.
    """
    vocabulary = rules.clauses
    meant = intent or Intent()
    options = []
    for alternative in binding.own or ((),):
        bounds = binding.list_binding_licenses(alternative, rules)
        answers = answer_intended_use(meant, bounds, vocabulary) if intent is not None else ()
        unread = sum(not rules.licenses[name].read for name in alternative)
        worst = max((each.answer.rank for each in answers), default=0)
        reviews = sum(each.answer is Answer.REVIEW for each in answers)
        options.append(
            ((bool(unread), worst, reviews, len(list_duties(meant, bounds, vocabulary))), alternative, answers)
        )
    _, chosen, answers = min(options, key=lambda option: option[0])
    duties = list_duties(meant, binding.list_binding_licenses(chosen, rules), vocabulary)
    if intent is None:
        return Permission(None, (), duties, chosen)
    doubts = tuple(UseAnswer(Answer.REVIEW, "", CONCLUSION, sentence) for sentence in binding.doubts)
    every = tuple(sorted((*answers, *doubts), key=lambda each: -each.answer.rank))
    worst_answer = max((each.answer for each in every), key=lambda each: each.rank, default=Answer.ALLOW)
    return Permission(worst_answer, every, duties, chosen)


def mark_met_duties(
    duties: Sequence[Duty], claims: Sequence[LicenseClaim], texts: Mapping[str, str]
) -> tuple[Duty, ...]:
    """The duties, with the file of the snapshot that meets one already.

    Only what has to be shipped can lie in a repository; what has to be shown or named is for the user's own product.

    Args:
        duties: what has to be done.
        claims: all that was found.
        texts: the words of licence files and notices by path, as ``flatten_text`` leaves them.
    """
    return tuple(
        replace(duty, met=_find_meeting_file(duty, claims, texts)) if duty.group is Group.SHIP else duty
        for duty in duties
    )


def _find_meeting_file(duty: Duty, claims: Sequence[LicenseClaim], texts: Mapping[str, str]) -> str:
    if duty.kind == TEXT_DUTY:
        return find_text_file(claims, duty.license)
    if duty.kind == NOTICE_DUTY and duty.words:
        return find_file_with_words(duty.words, exclude_license_texts(texts, claims))
    return ""


def exclude_license_texts(texts: Mapping[str, str], claims: Sequence[LicenseClaim]) -> dict[str, str]:
    """The texts of files in which no licence stands: one that fixes the words of a notice holds them itself."""
    licenses = {get_claim_path(claim) for claim in claims if is_license_text(claim) or is_variant_text(claim)}
    return {path: text for path, text in texts.items() if path not in licenses}


def find_file_with_words(words: Sequence[str], texts: Mapping[str, str]) -> str:
    """The first file that holds all of ``words``, of whatever case and line breaks; empty where none does."""
    wanted = [flatten_text(each) for each in words]
    return next((path for path, text in texts.items() if all(each in text for each in wanted)), "")


def flatten_text(text: str) -> str:
    """A text without case, line breaks and the marks around words, so that a phrase is found however it is set."""
    return " ".join(text.casefold().replace("*", "").replace("_", " ").replace("\u2019", "'").split())
