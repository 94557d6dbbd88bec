"""Licences of SPDX elements: what the artifact declares, and what the report concludes.

The Licensing profile of SPDX 3.0.1 gives an element one relationship of each kind: several declared licences are one
expression, and a difference between both kinds is explained in a comment.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from cyclonedx.spdx import is_supported_id
from spdx_python_model.bindings import v3_0_1 as spdx

from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.license import ClaimKind, ConclusionState, LicenseConclusion
from modelaudit.reports.spdx.elements import ElementSet, hash_key
from modelaudit.reports.text import escape_unprintable

_NO_ASSERTION: Final = spdx.expandedlicensing_IndividualLicensingInfo.NoAssertionLicense
_KINDS: Final = spdx.RelationshipType
_REFERENCE: Final = defer_pattern(r"LicenseRef-[A-Za-z0-9.-]+")
_ID: Final = r"\(*[A-Za-z0-9][A-Za-z0-9.+:-]*\)*"
_EXPRESSION: Final = defer_pattern(rf"{_ID}(?: (?:AND|OR|WITH) {_ID})*")
_NOT_AN_ID: Final = defer_pattern(r"[^A-Za-z0-9.-]+")


class Licenses:
    """The licences of one document, each expression and each text once."""

    def __init__(self, elements: ElementSet, conclusion: LicenseConclusion) -> None:
        self._elements = elements
        self._conclusion = conclusion
        self._expressions: dict[str, spdx.simplelicensing_LicenseExpression] = {}
        self._texts: dict[str, spdx.simplelicensing_SimpleLicensingText] = {}

    def relate_model(self, model: spdx.Element) -> None:
        """Relate the model to its declared licence and to the conclusion."""
        conclusion = self._conclusion
        declared = join_expressions(
            claim.entry or self._refer_to_words(claim.quotation)
            for claim in conclusion.claims
            if claim.kind is not ClaimKind.INHERITED
            and not claim.is_in_running_text
            and (claim.entry or claim.quotation)
        )
        concluded = conclusion.expression if conclusion.state is ConclusionState.CONCLUDED else ""
        reasons = " ".join(conclusion.reasoning) if concluded != declared else ""
        self.relate(model, declared, concluded, reasons)

    def relate_words(self, element: spdx.Element, declared: Iterable[str]) -> None:
        """Relate an element to its declared licences: ids of the rule set or of SPDX, or the words of a card."""
        known = {each.id for each in self._conclusion.entries}
        self.relate(
            element,
            join_expressions(
                each if each in known or is_supported_id(each) else self._refer_to_words(each) for each in declared
            ),
            "",
        )

    def relate(self, element: spdx.Element, declared: str, concluded: str, comment: str = "") -> None:
        """Relate an element to both licences; an empty expression makes no assertion."""
        for kind, expression, words in (
            (_KINDS.hasDeclaredLicense, declared, ""),
            (_KINDS.hasConcludedLicense, concluded, comment),
        ):
            target = self._build_expression(expression) if expression else None
            self._elements.relate(kind, element, [target or _NO_ASSERTION], comment=words)

    def _refer_to_words(self, words: str) -> str:
        """Return a reference to the author's own words for a licence, and keep them as its text."""
        reference = f"LicenseRef-{_NOT_AN_ID.sub('-', words).strip('-.')[:60] or 'unnamed'}"
        if reference not in self._texts:
            self._add_text(reference, reference, words)
        return reference

    def _build_expression(self, expression: str) -> spdx.simplelicensing_LicenseExpression | None:
        """Build the element of an expression, with the texts of its references; ``None`` if it is no expression."""
        if expression in self._expressions:
            return self._expressions[expression]
        if not is_expression(expression):
            return None
        element = self._elements.add(spdx.simplelicensing_LicenseExpression(), hash_key("license", expression))
        element.simplelicensing_licenseExpression = expression
        for reference in dict.fromkeys(_REFERENCE.findall(expression)):
            text = self._texts.get(reference) or self._build_text(reference)
            element.simplelicensing_customIdToUri.append(spdx.DictionaryEntry(key=reference, value=str(text.spdxId)))
        self._expressions[expression] = element
        return element

    def _build_text(self, reference: str) -> spdx.simplelicensing_SimpleLicensingText:
        """Build the text of a licence that SPDX does not list: its address, and the sentences that the model holds."""
        conclusion = self._conclusion
        entry = next((each for each in conclusion.entries if each.id == reference), None)
        if entry is None:
            return self._add_text(reference, reference, f"The report names {reference} and holds no text of it.")
        name = f"{entry.name} {entry.version}".strip()
        source = f"Full text: {entry.url}" if entry.url else "The report has no address of the full text."
        quoted = (each for each in conclusion.quotations if each.license == reference)
        lines = (f"{each.artifact}:{each.line}: {each.text}" for each in quoted)
        return self._add_text(reference, name, "\n".join([name, source, *lines]))

    def _add_text(self, reference: str, name: str, text: str) -> spdx.simplelicensing_SimpleLicensingText:
        """Add the text of a reference."""
        element = self._elements.add(
            spdx.simplelicensing_SimpleLicensingText(), hash_key("license-text", reference), name
        )
        element.simplelicensing_licenseText = "\n".join(escape_unprintable(line) for line in text.splitlines())
        self._texts[reference] = element
        return element


def join_expressions(expressions: Iterable[str]) -> str:
    """Join expressions that all apply, each once."""
    parts = dict.fromkeys(expressions)
    return " AND ".join(f"({each})" if " OR " in each and len(parts) > 1 else each for each in parts)


def is_expression(text: str) -> bool:
    """Whether a text has the form of an SPDX expression (SPDX 3.0.1, annex B)."""
    return _EXPRESSION.fullmatch(text) is not None and text.count("(") == text.count(")")
