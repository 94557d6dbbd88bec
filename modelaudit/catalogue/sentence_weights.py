"""Read ``rules/sentences/weights.yaml``: the weights by which a sentence is scored that no sign or cue matches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

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
_BLOCK_CHARACTERS = 65_536


def read_sentence_weights(documents: Iterable[Document]) -> SentenceWeights:
    """Read the weights; a later rule set replaces those of an earlier one, because weights of two sets do not add up.

    Raises:
        ConfigurationError: a line is not a number, a space and a feature.
    """
    weights = SentenceWeights()
    for document in documents:
        file = _FILE.read(document)
        weights = SentenceWeights(WeightTable(_iter_weights(file.weights, document)), file.bias, file.threshold)
    return weights


def _iter_weights(text: str, document: Document) -> Iterator[tuple[str, float]]:
    """Yield each feature with its weight. Raises ``ConfigurationError`` for a line that is none."""
    for line in _iter_lines(text):
        number, _, feature = line.partition(" ")
        try:
            yield feature, float(number)
        except ValueError:
            raise document.error(
                f"weights: {line[:60]!r} is not a number, a space and a feature", ("weights",)
            ) from None


def _iter_lines(text: str) -> Iterator[str]:
    """Yield the lines of a text; a list of all lines would take several times the memory of the text."""
    start = 0
    while start < len(text):
        end = text.find("\n", start + _BLOCK_CHARACTERS) + 1 or len(text)
        yield from text[start:end].splitlines()
        start = end
