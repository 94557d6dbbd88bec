"""Sentences whose wording no list foresees are scored by weights that were learned from examples."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from support.catalogue import load_shipped

from modelaudit.licenses.evidence.restriction_sentences import find_restrictions
from modelaudit.licenses.evidence.sentence_weights import list_features, score_features, score_sentence
from modelaudit.licenses.evidence.sentences import fold_sentence
from modelaudit.model.restrictions import SentenceWeights
from modelaudit.model.weight_table import WeightTable

EXAMPLES = Path(__file__).parents[3] / "rules" / "sentences"


def test_examples_are_told_apart() -> None:
    """The weights fit the examples that they were learned from; other cases measure how far they carry."""
    restrictions = load_shipped().restrictions
    above = {}
    for kind in ("restricting", "harmless"):
        lines = (EXAMPLES / f"{kind}.txt").read_text(encoding="utf-8").splitlines()
        assert len(lines) == len(set(lines)) > 500
        weights, cues = restrictions.weights, restrictions.cues
        scores = [score_sentence(fold_sentence(each), weights, cues, weights.threshold) for each in lines]
        above[kind] = sum(score > weights.threshold for score in scores) / len(lines)
    assert above["restricting"] > 0.92
    assert above["harmless"] < 0.05


@pytest.mark.parametrize(
    "sentence",
    [
        "Drop us a line before you put the checkpoint behind an endpoint that customers pay for.",
        "Ask us in writing before you build a product on these weights.",
        "请在上线之前先与我们取得联系 获得书面同意后方可使用。",
    ],
)
def test_sentence_without_a_listed_word_is_found_and_quoted(sentence: str) -> None:
    claims = list(find_restrictions(f"# Acme\n\nA model.\n\n{sentence}\n", 1, "README.md", load_shipped().restrictions))
    assert [(claim.location.line, claim.quotation[:20]) for claim in claims] == [(5, sentence[:20])]


def test_score_grows_with_the_weights_of_its_features_and_not_with_length() -> None:
    cues = load_shipped().restrictions.cues
    weights = SentenceWeights(WeightTable([("talk", 2.0), ("talk to", 1.0)]), bias=-1.0)
    short, long = (
        list_features("talk to us", cues),
        list_features("talk to us " + "and then some more words " * 5, cues),
    )
    assert -1 < score_features(long, weights) < score_features(short, weights)
    assert score_features(frozenset(), weights) == -1
    assert score_sentence("talk to us before you sell", SentenceWeights(), cues, 0) == -math.inf
