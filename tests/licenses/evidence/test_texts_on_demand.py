"""Tests for texts that are made when they are asked for."""

from __future__ import annotations

from modelaudit.claim_collector import KeptText
from modelaudit.licenses.evidence.record import Evidence
from modelaudit.licenses.evidence.texts_on_demand import TextsOnDemand
from modelaudit.model.evidence import ProseKind


def test_a_text_is_made_when_it_is_looked_up() -> None:
    made: list[str] = []
    texts = TextsOnDemand({path: lambda path=path: made.append(path) or path.upper() for path in ("a", "b")})
    selected = Evidence((), (), texts=texts, kinds={"a": ProseKind.CARD, "b": ProseKind.LICENSE}).select_texts(
        ProseKind.CARD
    )
    assert (list(texts), len(texts), "a" in texts, "c" in texts, list(selected), "b" in selected) == (
        ["a", "b"],
        2,
        True,
        False,
        ["a"],
        False,
    )
    assert made == []
    assert dict(selected) == {"a": "A"}
    assert made == ["a"]


def test_the_parts_of_a_text_are_normalized_and_joined() -> None:
    text = KeptText()
    text.parts += ["The *Acme*\nModel", "is Here"]
    assert text() == text() == "the acme model is here"
    text.parts.append("Now")
    assert text() == "the acme model is here now"
