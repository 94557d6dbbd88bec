"""Combine the answers of all binding licences into one permission, with its reasons and duties."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from msgspec import Struct

from modelaudit.licenses.evidence.alternatives import Alternatives
from modelaudit.licenses.evidence.scope import find_text_file, get_claim_path, is_license_text, is_variant_text
from modelaudit.licenses.obligations.answers import BindingLicense, answer_intended_use, list_duties
from modelaudit.model.catalogue import Catalogue
from modelaudit.model.copies import replace
from modelaudit.model.license import Duty, LicenseClaim, UseAnswer
from modelaudit.model.terms import TEXT_DUTIES, Answer, Group, Intent

CONCLUSION = "conclusion"
"""The answer kind for a doubt about the conclusion itself."""
NOTICE_DUTY = "keep-notices"


class BindingTerms(Struct, frozen=True):
    """Everything that binds the user of the model.

    Attributes:
        own: licences of the model itself as alternatives; any one suffices.
        others: licences of base models and components, which all bind.
        multimodal: whether the model handles more than text; ``None`` if unknown.
    """

    own: Alternatives
    others: Sequence[BindingLicense]
    multimodal: bool | None = None

    def list_binding_licenses(self, alternative: Sequence[str], rules: Catalogue) -> list[BindingLicense]:
        """List the licences that bind under one alternative; the model's own one is not repeated for a base model."""
        own = [BindingLicense(rules.licenses[name], multimodal=self.multimodal) for name in alternative]
        return [*own, *(each for each in self.others if each.entry.id not in alternative)]


class Permission(Struct, frozen=True):
    """The answer to the intended use.

    Attributes:
        answer: the worst of ``answers``; ``None`` if no use is stated.
        answers: worst first.
        duties: in the order of the groups.
        chosen: the alternative of the model's own licence that all of this is for.
    """

    answer: Answer | None
    answers: tuple[UseAnswer, ...]
    duties: tuple[Duty, ...]
    chosen: tuple[str, ...]


def determine_permission(binding: BindingTerms, intent: Intent | None, rules: Catalogue) -> Permission:
    """Answer the intended use under the mildest alternative; without an intended use, list the duties alone.

    An alternative with unverified terms is chosen only if there is no other.
    """
    vocabulary = rules.clauses
    planned = intent or Intent()
    options = []
    # Without a licence of its own, the model is judged by the licences of its base models alone.
    for alternative in binding.own or ((),):
        bounds = binding.list_binding_licenses(alternative, rules)
        answers = answer_intended_use(planned, bounds, vocabulary) if intent is not None else ()
        duties = list_duties(planned, bounds, vocabulary)
        # The user may choose any alternative, so the mildest one counts: verified terms first, then the least severe
        # answer, fewer points for review, and fewer duties.
        is_unverified = any(not rules.licenses[id_].read for id_ in alternative)
        worst_rank = max((each.answer.rank for each in answers), default=0)
        reviews = sum(each.answer is Answer.REVIEW for each in answers)
        options.append(((is_unverified, worst_rank, reviews, len(duties)), alternative, answers, duties))
    _, chosen, answers, duties = min(options, key=lambda option: option[0])
    return Permission(None if intent is None else _find_worst(answers), answers, duties, chosen)


def add_doubts(permission: Permission, doubts: Sequence[str], likely_denials: Sequence[str]) -> Permission:
    """Return a permission by clauses with the doubts as further answers; as it is, if no use is stated.

    Args:
        permission: from ``determine_permission``.
        doubts: one sentence for each reason why no permission can be shown, whatever the licences permit.
        likely_denials: one sentence for each statement of the author that forbids a part of the planned use; they come
            before all other points for review.
    """
    if permission.answer is None or not (doubts or likely_denials):
        return permission
    likely, doubtful = (
        [UseAnswer(Answer.REVIEW, "", CONCLUSION, sentence) for sentence in sentences]
        for sentences in (likely_denials, doubts)
    )
    every = tuple(sorted((*likely, *permission.answers, *doubtful), key=lambda each: -each.answer.rank))
    return replace(permission, answer=_find_worst(every), answers=every)


def _find_worst(answers: Sequence[UseAnswer]) -> Answer:
    """Return the first of the answers, which are sorted, worst first; without answers, the use is allowed."""
    return answers[0].answer if answers else Answer.ALLOW


def mark_met_duties(
    duties: Sequence[Duty], claims: Sequence[LicenseClaim], texts: Mapping[str, str]
) -> tuple[Duty, ...]:
    """Add to each duty the file of the snapshot that meets it already.

    Only duties to ship something can be met by files. Duties to show or to name concern the user's own product.

    Args:
        duties: from ``list_duties``.
        claims: all claims.
        texts: texts of licence files and notices by path, normalized by ``flatten_text``.
    """
    met_by = [_find_meeting_file(duty, claims, texts) for duty in duties]
    return tuple(replace(duty, met=file) if file else duty for duty, file in zip(duties, met_by, strict=True))


def _find_meeting_file(duty: Duty, claims: Sequence[LicenseClaim], texts: Mapping[str, str]) -> str:
    """Find the file that meets a duty to ship something; empty if none does, or if no file can show it."""
    if duty.group is not Group.SHIP:
        return ""
    if duty.kind in TEXT_DUTIES:
        return find_text_file(claims, duty.license)
    if duty.kind == NOTICE_DUTY and duty.words:
        return find_file_with_words(duty.words, exclude_license_texts(texts, claims))
    return ""


def exclude_license_texts(texts: Mapping[str, str], claims: Sequence[LicenseClaim]) -> Mapping[str, str]:
    """Leave out files that hold a licence text: a licence that fixes the words of a notice contains them itself."""
    licenses = {get_claim_path(claim) for claim in claims if is_license_text(claim) or is_variant_text(claim)}
    return {path: texts[path] for path in texts if path not in licenses}


def find_file_with_words(words: Sequence[str], texts: Mapping[str, str]) -> str:
    """Find the first file that holds all phrases of ``words``, ignoring case and line breaks; empty if none does."""
    phrases = [flatten_phrase(phrase) for phrase in words]
    return next((path for path, text in texts.items() if all(phrase in text for phrase in phrases)), "")


@lru_cache(maxsize=2048)
def flatten_phrase(phrase: str) -> str:
    """Flatten a phrase of the rule set, which is compared with the texts of each repository."""
    return flatten_text(phrase)


def flatten_text(text: str) -> str:
    """Fold case, line breaks, emphasis marks and apostrophes, so that phrases are found in any layout."""
    return " ".join(text.casefold().replace("*", "").replace("_", " ").replace("\u2019", "'").split())
