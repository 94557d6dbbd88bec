"""Learn the weights of sentences anew: ``python rules/sentences/derive.py --prose FOLDER``; needs scikit-learn.

``restricting.txt`` and ``harmless.txt`` hold a sentence on each line, all written for this purpose. To teach a
restriction, add a sentence in the words of an author and run this script. ``--prose`` names a folder of ordinary
descriptions of software and models (``METADATA`` of packages and ``*.md``, at any depth), so that what most cards say
stays harmless. A sentence of the prose that a sign of ``rules/restrictions.yaml`` matches is left out. The prose itself
is not kept here; ``reviewed.txt`` holds the judgement of a person about its most suspicious sentences, each under the
digest of its words: ``restricting``, ``doubtful``, which is left out, or ``near``, which is harmless and counts more.

The script holds a quarter of the examples back and prints the rates that it measures with them for several thresholds.
It then learns from all examples and writes ``weights.yaml``. The same input gives the same file.
"""

from __future__ import annotations

import argparse
import email
import hashlib
import random
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import normalize

from modelaudit.catalogue import load_catalogue
from modelaudit.licenses.evidence.restriction_sentences import has_restriction_stem, match_restriction_sign
from modelaudit.licenses.evidence.sentence_weights import list_features, score_features
from modelaudit.licenses.evidence.sentences import fold_sentence, split_sentences
from modelaudit.model.restrictions import SentenceWeights
from modelaudit.model.weight_table import WeightTable

HERE = Path(__file__).resolve().parent
SEED = 20261129
DOUBTFUL = "doubtful"
MOST_PROSE = 60_000
"""Sentences of ordinary prose, drawn by the seed."""
LEAST_EXAMPLES, REGULARITY = 3, 15
IMPORTANCE = {"restricting": 10, "harmless": 7, "near": 3, "prose": 1}
"""The weight of an example of each kind in the loss."""
LEAST_WEIGHT = 0.5
"""Features whose weight is smaller are left out of the file; they change no rate by more than a hundredth."""
SHARE_HELD_BACK = 0.25


class Example(NamedTuple):
    """The features of a sentence with its kind: ``restricting``, ``harmless``, ``near`` or ``prose``."""

    kind: str
    features: frozenset[str]


def read_examples() -> Iterator[Example]:
    """Read the written examples."""
    cues = load_catalogue().restrictions.cues
    for kind in ("restricting", "harmless"):
        for line in (HERE / f"{kind}.txt").read_text(encoding="utf-8").splitlines():
            yield Example(kind, list_features(fold_sentence(line), cues))


def read_prose(folder: Path, generator: random.Random) -> Iterator[Example]:
    """Draw sentences from the descriptions of a folder."""
    restrictions = load_catalogue().restrictions
    reviewed = read_reviewed()
    sentences: set[str] = set()
    for path in sorted((*folder.rglob("METADATA"), *folder.rglob("*.md"))):
        text = path.read_text(encoding="utf-8", errors="replace")
        if path.name == "METADATA":
            payload = email.message_from_string(text).get_payload()
            text = payload if isinstance(payload, str) else ""
        sentences.update(fold_sentence(sentence) for _, sentence in split_sentences(text[:60_000]))
    drawn = sorted(each for each in sentences if 15 < len(each) < 600)
    generator.shuffle(drawn)
    for sentence in drawn[:MOST_PROSE]:
        has_sign = has_restriction_stem(sentence, restrictions) and match_restriction_sign(sentence, restrictions)
        kind = reviewed.get(digest_sentence(sentence), DOUBTFUL if has_sign else "prose")
        if kind != DOUBTFUL:
            yield Example(kind, list_features(sentence, restrictions.cues))


def read_reviewed() -> Mapping[str, str]:
    """Read the judgements of a person about sentences of the prose, by the digests of the sentences."""
    lines = (HERE / "reviewed.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split() for line in lines)


def digest_sentence(sentence: str) -> str:
    """Digest a folded sentence."""
    return hashlib.sha256(sentence.encode()).hexdigest()[:16]


class LearnedWeights(NamedTuple):
    """The weights of features, and the score of a sentence without a known one."""

    by_feature: Mapping[str, float]
    bias: float

    def build_table(self) -> SentenceWeights:
        """Build the table by which sentences are scored."""
        return SentenceWeights(WeightTable(self.by_feature.items()), self.bias)


def learn(examples: Sequence[Example]) -> LearnedWeights:
    """Learn the weights: a logistic regression over features that are there or not, scaled by their number."""
    counter = CountVectorizer(analyzer=sorted, min_df=1, binary=True)
    counts = Counter(feature for each in examples for feature in each.features)
    rows = normalize(counter.fit_transform([each.features for each in examples]))
    kept = [number for number, name in enumerate(counter.get_feature_names_out()) if counts[name] >= LEAST_EXAMPLES]
    model = LogisticRegression(C=REGULARITY, max_iter=300, solver="liblinear", random_state=0)
    model.fit(
        rows[:, kept],
        [each.kind == "restricting" for each in examples],
        sample_weight=[IMPORTANCE[each.kind] for each in examples],
    )
    names = counter.get_feature_names_out()[kept]
    weights = {str(name): round(float(weight), 2) for name, weight in zip(names, model.coef_[0], strict=True)}
    kept_weights = {name: weight for name, weight in weights.items() if abs(weight) >= LEAST_WEIGHT}
    return LearnedWeights(kept_weights, round(float(model.intercept_[0]), 2))


def measure(weights: SentenceWeights, examples: Sequence[Example], threshold: float) -> Mapping[str, float]:
    """Measure the share of the examples of each kind that score above a threshold."""
    above = Counter(each.kind for each in examples if score_features(each.features, weights) > threshold)
    counts = Counter(each.kind for each in examples)
    return {kind: above[kind] / counts[kind] for kind in sorted(counts)}


def format_weights(weights: LearnedWeights, threshold: float) -> str:
    """Format the file of weights, the features in the order of their characters."""
    lines = [f"  {weight:g} {feature}" for feature, weight in sorted(weights.by_feature.items())]
    head = (
        "# Learned by rules/sentences/derive.py from restricting.txt and harmless.txt; change those and run it again.",
        f"bias: {weights.bias:g}",
        f"threshold: {threshold:g}",
        "# A line for each feature: its weight, and the feature, which sentence_weights.py explains.",
        "weights: |",
    )
    return "\n".join((*head, *lines, ""))


def main() -> None:
    """Measure on the examples held back, then learn from all and write the weights."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--prose", type=Path, required=True, help="a folder of ordinary descriptions")
    parser.add_argument("--threshold", type=float, default=1.0, help="the score above which a sentence counts")
    chosen = parser.parse_args()
    generator = random.Random(SEED)
    examples = [*read_examples(), *read_prose(chosen.prose, generator)]
    generator.shuffle(examples)
    held_back = int(len(examples) * SHARE_HELD_BACK)
    weights = learn(examples[held_back:]).build_table()
    for threshold in (-2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0):
        rates = measure(weights, examples[:held_back], threshold)
        sys.stdout.write(f"{threshold:5}: {', '.join(f'{kind} {rate:.3f}' for kind, rate in rates.items())}\n")
    learned = learn(examples)
    (HERE / "weights.yaml").write_text(format_weights(learned, chosen.threshold), encoding="utf-8")
    sys.stdout.write(f"{len(learned.by_feature)} weights\n")


if __name__ == "__main__":
    main()
