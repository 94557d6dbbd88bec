"""Judge the names that files hand to their loaders, and lay each out as a subject.

A *mention* is a name that a loader acts on: an operator, a layer, a class, a function, a filter. Its *vocabulary* lists
the names that were reviewed. A trusted name is not a subject; every other one is, with its standing and with the
consequence that remains where no rule asks for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from modelaudit.checks.callables import UNREVIEWED, Judgement
from modelaudit.checks.paths import judge_exact_path, judge_path
from modelaudit.checks.redaction import redact_secrets
from modelaudit.model.catalogue import (
    DETECTIONS,
    Catalogue,
    Scalar,
    Standing,
    Subject,
    Unlisted,
    UnlistedPolicy,
    VocabularyDeclaration,
)
from modelaudit.model.outline import PYTHON_NAMES, Mention, Outline
from modelaudit.model.structure import Location, UnreadReason

# A folder of names without a declaration is refused with the rule set. A vocabulary that has no folder at all has this
# declaration, by which each mention of a name is an absence.
_UNDECLARED: Final = VocabularyDeclaration(UnlistedPolicy("names", Unlisted.ABSENT))
# A loader may look such a name up, and nothing says that it does: a name in a dangerous module does not suffice.
_EXACT_USES: Final = frozenset({"value"})
_UNLISTED: Final = Judgement(Standing.UNLISTED, why=UNREVIEWED)


def build_outline_subjects(address: str, outline: Outline, catalogue: Catalogue) -> Iterator[Subject]:
    """Yield a subject for every mention that its vocabulary does not trust, in the order of the file."""
    for mention in outline.mentions:
        judgement = _judge_mention(mention, catalogue)
        if judgement.standing is not Standing.TRUSTED:
            yield build_mention_subject(address, outline.format, mention, judgement, catalogue.declarations)


def _judge_mention(mention: Mention, catalogue: Catalogue) -> Judgement:
    """Return the judgement of a mention by its vocabulary; a Python name is judged as a dotted path."""
    vocabulary = catalogue.vocabularies.get(mention.vocabulary, {})
    entry = vocabulary.get(mention.name)
    if entry is None and mention.vocabulary == PYTHON_NAMES:
        if mention.use in _EXACT_USES:
            return judge_exact_path(mention.name, vocabulary, catalogue.callables)
        return judge_path(mention.name, catalogue.callables)
    return Judgement(entry.standing, entry.effect, entry.why, entry) if entry else _UNLISTED


def build_mention_subject(
    address: str,
    format_: str,
    mention: Mention,
    judgement: Judgement,
    declarations: Mapping[str, VocabularyDeclaration],
    key: str = "",
    evidence: str = "",
) -> Subject:
    """Return the subject of one mention.

    Args:
        address: of the file or member.
        format_: of the file.
        mention: the name with its vocabulary and use.
        judgement: the standing of the name.
        declarations: the consequence of an unlisted name, by vocabulary; absent where a vocabulary declares nothing.
        key: for the fingerprint; by default vocabulary, use and name.
        evidence: one line; by default place, use, name and detail.
    """
    name, detail = redact_secrets(mention.name), redact_secrets(mention.detail)
    fields: dict[str, Scalar] = {
        "format": format_,
        "vocabulary": mention.vocabulary,
        "use": mention.use,
        "name": name,
        "standing": judgement.standing.value,
        "effect": judgement.effect,
        "why": judgement.why,
        "detail": detail,
        "remark": mention.remark,
        "file": mention.file,
    }
    absence_always, absence_if_unmatched = _find_consequences(
        mention, judgement, declarations.get(mention.vocabulary, _UNDECLARED)
    )
    fields["default"] = _describe_default(absence_always, absence_if_unmatched)
    key = key or f"{mention.vocabulary} {mention.use} {name}"
    addition = f": {detail}" if detail not in ("", name) else ""
    evidence = evidence or f"{_format_place(mention.where)}{mention.use} {name}{addition}"
    return Subject(
        "mention", address, fields, key, mention.where, (evidence,), (), absence_always, absence_if_unmatched
    )


def _find_consequences(
    mention: Mention, judgement: Judgement, declaration: VocabularyDeclaration
) -> tuple[UnreadReason | None, UnreadReason | None]:
    """Return the absence that remains whichever rules match, and the one that remains where no rule matches."""
    policy = declaration.policy_of(mention.use)
    is_dangerous = judgement.standing is Standing.DANGEROUS
    if not is_dangerous and policy.unlisted is Unlisted.ABSENT:
        return UnreadReason.UNVERIFIED, UnreadReason.UNVERIFIED
    # A dangerous name or a detection is known to matter. Without a rule it was not judged, which must not be a pass.
    needs_rule = is_dangerous or policy.kind == DETECTIONS
    if needs_rule and not declaration.is_harmless(mention.use, mention.name, judgement.effect):
        return None, UnreadReason.UNJUDGED
    return None, None


def _describe_default(absence_always: UnreadReason | None, absence_if_unmatched: UnreadReason | None) -> str:
    """Return the value of the field ``default``: the consequence of the mention where no rule matches it."""
    if absence_always is not None:
        return "unverified"
    return "unjudged" if absence_if_unmatched is not None else "harmless"


def _format_place(where: Location) -> str:
    """Return the place as a prefix of a line of evidence: ``line 3: ``; empty if it is unknown."""
    if where.line is not None:
        return f"line {where.line}: "
    if where.offset is not None:
        return f"byte {where.offset}: "
    return f"{where.key}: " if where.key else ""
