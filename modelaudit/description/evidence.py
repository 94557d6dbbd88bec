"""State what the files as a whole show: their formats, adapter or full model, and whether weights are quantised.

These facts are compared with the card and are no part of a description.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from modelaudit.description.tensors import WeightSet
from modelaudit.model.description import Confidence, Fact, Topic
from modelaudit.model.structure import Location

_PICKLES: Final = frozenset({"pickle", "torch-zip", "torch-tar", "torch-legacy", "joblib", "skops", "torch-bytecode"})
_FORMATS: Final = frozenset({"safetensors", "gguf", "onnx", "tflite", "keras", "hdf5", "ggml", "executorch", "coreml"})
_FORMAT_NAME: Final = (("name", "format"),)
_KIND_NAME: Final = (("name", "kind"),)
_CONTEXT_NAME: Final = (("name", "context"),)
_MOST_FACTORS: Final = 4
_MOST_FILES: Final = 1_000


def list_evidence(
    facts: Iterable[Fact],
    formats: Mapping[str, Sequence[str]],
    weights: Sequence[WeightSet],
    pickles_beside: re.Pattern[str],
) -> Iterator[Fact]:
    """Yield what the files as a whole show.

    Args:
        facts: of the description so far.
        formats: of each file by its path.
        weights: the sets of weights of the model.
        pickles_beside: parts of paths, in lower case, of pickles that are not the weights.
    """
    for path in sorted(formats)[:_MOST_FILES]:
        for name in _list_formats(path, formats[path], pickles_beside):
            yield Fact(Topic.TAG, name, Confidence.FOUND, path, Location(), _FORMAT_NAME)
    full = [each for each in weights if not each.is_adapter]
    for each in full or weights[:1]:
        kind = "adapter" if each.is_adapter else "full model"
        yield Fact(Topic.ARCHITECTURE, kind, Confidence.FOUND, each.artifact, Location(), _KIND_NAME)
    known = list(facts)
    yield from _extend_contexts(known)
    others = {each.artifact for each in known if each.artifact.lower() != "readme.md"}
    quantised = [each for each in known if each.topic is Topic.QUANTISATION and each.artifact in others]
    for fact in quantised[:1]:
        yield _state_quantisation(f"quantised: {fact.value}", fact)
    for fact in () if quantised else known:
        if fact.topic is Topic.PRECISION and fact.confidence is Confidence.VERIFIED and "float" in fact.value:
            yield _state_quantisation(f"not quantised: {fact.value}", fact)


def _extend_contexts(facts: Sequence[Fact]) -> Iterator[Fact]:
    """Yield each length of a context times the extension factor in the same file."""
    sized = [each for each in facts if each.topic is Topic.DIMENSION and each.value.isdigit()]
    factors = [each for each in facts if each.topic is Topic.DIMENSION and each.get("name") == "context factor"]
    for factor in factors[:_MOST_FACTORS]:
        for fact in sized:
            if fact.artifact == factor.artifact and fact.get("name") in ("context", "unscaled context"):
                value = round(int(fact.value) * float(factor.value))
                yield Fact(fact.topic, str(value), Confidence.FOUND, fact.artifact, factor.where, _CONTEXT_NAME)


def _state_quantisation(value: str, fact: Fact) -> Fact:
    """Return the fact that the weights are quantised or not, with the place of the fact that shows it."""
    return Fact(Topic.QUANTISATION, value, Confidence.FOUND, fact.artifact, fact.where, (("name", "presence"),))


def _list_formats(path: str, formats: Sequence[str], pickles_beside: re.Pattern[str]) -> Iterator[str]:
    """Yield the formats of a file by the names that cards use."""
    if not _PICKLES.isdisjoint(formats):
        yield "pickle beside the weights" if pickles_beside.search(path.lower()) else "pickle"
    yield from (each for each in formats if each in _FORMATS)
