"""Find the base models under terms of their own among the models that training settings, scripts and logs name."""

from __future__ import annotations

from collections.abc import Iterator

from modelaudit.licenses.evidence.fields import RESTRICTION, truncate_quotation
from modelaudit.licenses.evidence.restriction_sentences import RESTRICTED_BASE, match_restriction_sign
from modelaudit.licenses.evidence.sentences import fold_sentence
from modelaudit.licenses.lineage.binding_licenses import find_known_model
from modelaudit.model.catalogue import Catalogue
from modelaudit.model.evidence import Statements, Topic
from modelaudit.model.license import ClaimKind, LicenseClaim
from modelaudit.model.structure import Location


def find_restricted_bases(statements: Statements, artifact: str, rules: Catalogue) -> Iterator[LicenseClaim]:
    """Yield a claim for each model on record, or of a name in ``restrictions.yaml``, that restricts its use.

    Such a name is no declaration of a base model, so it is shown as a restriction that a person must judge.
    """
    seen: set[str] = set()
    for each in statements.items:
        if each.topic is not Topic.TRAINED_FROM or each.value in seen:
            continue
        seen.add(each.value)
        if find_known_model(each.value, rules) is not None or _is_named_as_restricted(each.value, rules):
            place = Location(line=each.where.line, key=RESTRICTED_BASE)
            quotation = truncate_quotation(f"{each.field}: {each.value}")
            yield LicenseClaim(ClaimKind.DECLARED, artifact, RESTRICTION, quotation, None, place)


def _is_named_as_restricted(name: str, rules: Catalogue) -> bool:
    """Whether the last part of a name or of a path is that of a restricted base model."""
    words = fold_sentence(f"base model: {name.rstrip('/').rpartition('/')[2]}")
    return match_restriction_sign(words, rules.restrictions) == RESTRICTED_BASE
