"""Read ``rules/sentences/weights.yaml``: the weights by which a sentence is scored that no sign or cue matches."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic.dataclasses import dataclass

from modelaudit.catalogue.document import Document
from modelaudit.catalogue.schema import CONFIG, Shape, Text
from modelaudit.model.restrictions import SentenceWeights
from modelaudit.model.weight_table import WeightTable


@dataclass(config=CONFIG)
class WeightsFile:
    """``rules/sentences/weights.yaml``; ``weights`` holds a line for each feature: its weight, a space, the feature."""

    bias: float
    threshold: float
    weights: Text


_FILE = Shape(WeightsFile)


def read_sentence_weights(documents: Iterable[Document]) -> SentenceWeights:
    """Read the weights; a later rule set replaces those of an earlier one, because weights of two sets do not add up.

    Raises:
        ConfigurationError: a line is not a number, a space and a feature.
    """
    weights = SentenceWeights()
    for document in documents:
        file = _FILE.read(document)
        by_feature: dict[str, float] = {}
        numbers: dict[str, float] = {}  # few of them differ, so they are kept once
        for line in file.weights.splitlines():
            number, _, feature = line.partition(" ")
            try:
                by_feature[feature] = numbers.setdefault(number, float(number))
            except ValueError:
                raise document.error(
                    f"weights: {line[:60]!r} is not a number, a space and a feature", ("weights",)
                ) from None
        weights = SentenceWeights(WeightTable(by_feature), file.bias, file.threshold)
    return weights
