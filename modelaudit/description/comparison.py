"""Compare the facts of a card with those of the files beside it, by ``rules/description/comparisons.yaml``.

A card is right about a thing if any of its statements in one place agrees with any file. Only plain disagreement
counts, so that rounding, spelling and statements that cannot be compared give no contradiction.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

from modelaudit.description.name_sets import find_other_labels, find_unknown_members
from modelaudit.model.description import Confidence, Contradiction, Fact, Topic
from modelaudit.model.description_rules import Comparing, Comparison
from modelaudit.model.lazy_pattern import defer_pattern

_MOST_CONTRADICTIONS: Final = 100
_MOST_COMPARED: Final = 100
"""Statements on one thing, and facts of files on it, that are compared with each other."""
_MOST_OF_SAME: Final = 1_000
"""As ``_MOST_COMPARED``, of facts with one name: the results of a history of training."""
_COUNT_TOLERANCE: Final = 0.15
"""Published sizes leave out embeddings, norms or heads, and round: Mistral 7B has 7.24, Gemma 7B 8.54 billion."""
_ROUNDED: Final = 1000
_SHORTEST_NAME: Final = 4
_LIKE: Final = 0.7
_LONGEST_SHOWN: Final = 120
_NAME_NOISE: Final = defer_pattern(r"[^a-z0-9\u3040-\u9fff]+")
_NAME_SUFFIX: Final = defer_pattern(
    r"[-_.](?:bnb[-_.]4bit|4bit|8bit|gguf|gptq|awq|hf|fp16|bf16|unsloth)(?=[-_.]|\Z)", re.IGNORECASE
)
_PREFIX: Final = defer_pattern(r"^(?:eval|test|predict|val|validation)[_/ -]")
"""Before the name of a metric, where a trainer writes it."""
_VERSION: Final = defer_pattern(r"(\d{1,6})(?:\.(\d{1,6}))?(?:\.(\d{1,6}))?")
_DECIMAL: Final = defer_pattern(r"-?\d{1,12}(?:\.\d{1,12})?(?:e-?\d{1,2})?", re.IGNORECASE)
_PERCENT: Final = 100
_ANY_NAME: Final = "*"
_Index = Mapping[tuple[Topic, str], Sequence[Fact]]
_Compare = Callable[[Fact, Fact, Comparison], bool | None]
_STRENGTHS: Final = (Confidence.VERIFIED, Confidence.FOUND, Confidence.DECLARED)


def compare_facts(
    declared: Sequence[Fact], found: Sequence[Fact], comparisons: Iterable[Comparison]
) -> list[Contradiction]:
    """Return the contradictions between the facts of a card and those of files.

    Args:
        declared: of the card.
        found: of files.
        comparisons: which facts are compared, and how.
    """
    contradictions: list[Contradiction] = []
    stated, opposite = _index(declared), _index(found)
    topics = {topic for topic, _ in stated}
    for comparison in comparisons:
        if comparison.topic not in topics:
            continue
        name = _ANY_NAME if comparison.same else comparison.name
        if (comparison.topic, name) in stated:
            contradictions += _compare(stated, opposite, comparison)
        if len(contradictions) >= _MOST_CONTRADICTIONS:
            break
    return contradictions[:_MOST_CONTRADICTIONS]


def _index(facts: Iterable[Fact]) -> dict[tuple[Topic, str], list[Fact]]:
    """Index facts by topic and the qualifier ``name``, and under ``_ANY_NAME`` by topic alone."""
    index: dict[tuple[Topic, str], list[Fact]] = {}
    for fact in facts:
        for name in (fact.get("name"), _ANY_NAME):
            index.setdefault((fact.topic, name), []).append(fact)
    return index


def _compare(stated: _Index, opposite: _Index, comparison: Comparison) -> Iterator[Contradiction]:
    """Yield the contradictions of one comparison, one at most for each place of the card."""
    declared = stated.get((comparison.topic, _ANY_NAME if comparison.same else comparison.name), ())
    if not declared or (comparison.unless and (comparison.topic, comparison.unless) in stated):
        return
    found = [
        each
        for topic, name in comparison.against
        for each in opposite.get((topic, _ANY_NAME if comparison.same else name), ())
    ]
    if comparison.strongest and found:
        best = min(_STRENGTHS.index(each.confidence) for each in found)
        found = [each for each in found if _STRENGTHS.index(each.confidence) == best]
    opposite_groups = _group(found, comparison) if comparison.same else {}
    for key, facts in _group(declared, comparison).items() if found else ():
        compared = opposite_groups.get(key, ()) if comparison.same else found
        if comparison.how in _COMPARE_SETS:
            pair = _COMPARE_SETS[comparison.how](facts[:_MOST_COMPARED], compared[:_MOST_OF_SAME], comparison)
            if pair is not None:
                yield Contradiction(*pair, _word_contradiction(*pair, comparison))
            continue
        yield from _find_contradiction(
            facts[:_MOST_COMPARED],
            compared[: _MOST_OF_SAME if comparison.same else _MOST_COMPARED],
            comparison,
            _COMPARE[comparison.how],
        )


def _group(stated: Sequence[Fact], comparison: Comparison) -> dict[object, list[Fact]]:
    """Group alternative statements: those on one thing, else those in one place. One of a group has to be right.

    Labels are one list, wherever a card has them.
    """
    groups: dict[object, list[Fact]] = {}
    for fact in stated:
        place = None if comparison.how is Comparing.LABEL else (fact.where.line, fact.where.key)
        key = _get_key(fact, comparison.same) if comparison.same else place
        groups.setdefault(key, []).append(fact)
    return groups


def _find_contradiction(
    stated: Sequence[Fact], opposite: Sequence[Fact], comparison: Comparison, compare: _Compare
) -> Iterator[Contradiction]:
    """Yield a contradiction if none of the statements in one place agrees with any file, and one disagrees."""
    differing: list[tuple[Fact, Fact]] = []
    for fact in stated:
        for other in opposite:
            answer = compare(fact, other, comparison)
            if answer and not comparison.every:
                return
            if answer is False:
                differing.append((fact, other))
    for fact, other in differing[:1]:
        yield Contradiction(fact, other, _word_contradiction(fact, other, comparison))


def _get_key(fact: Fact, same: str) -> str:
    """Return what two facts must have in common to be compared."""
    key = (fact.value if same == "value" else fact.get(same)).lower()
    return _PREFIX.sub("", key).replace("_", "-").replace(" ", "-")


def _word_contradiction(fact: Fact, other: Fact, comparison: Comparison) -> str:
    """Word a contradiction in one plain sentence."""
    title = comparison.title
    if comparison.same:
        title = title.replace("{}", _get_key(fact, comparison.same))
    place = f"line {fact.where.line}" if fact.where.line else fact.where.key or "front matter"
    key = f" ({other.where.key})" if other.where.key else f" (line {other.where.line})" if other.where.line else ""
    return (
        f"The card gives the {title} as {_show(fact, comparison)} ({place}), "
        f"but {other.artifact[:200]} has {_show(other, comparison)}{key}."
    )


def _show(fact: Fact, comparison: Comparison) -> str:
    """Return the compared value of a fact for a person, bounded."""
    value = fact.get("version") if comparison.how is Comparing.VERSION and fact.get("version") else fact.value
    # Four digits may be a year, unless the values are counts.
    if value.isdigit() and (len(value) > len("9999") or comparison.how is Comparing.COUNT):
        value = f"{int(value):,}"
    return value if len(value) <= _LONGEST_SHOWN else f"{value[: _LONGEST_SHOWN - 1]}…"


def _compare_words(fact: Fact, other: Fact, comparison: Comparison) -> bool | None:
    """Compare by words; ``None`` if one of both has none."""
    meant = {word.name for word in comparison.words if word.declared.search(fact.value)}
    held = {word.name for word in comparison.words if word.found.search(other.value)}
    return bool(meant & held) if meant and held else None


def _compare_numbers(fact: Fact, other: Fact, comparison: Comparison) -> bool | None:
    """Compare numbers; a round one in the card may stand for a power of two."""
    mine, theirs = _parse_decimal(fact.value), _parse_decimal(other.value)
    if mine is None or theirs is None:
        return None
    if comparison.at_most and mine <= theirs:
        return True
    tolerance = max(comparison.tolerance, 0.05 if mine >= _ROUNDED and mine % _ROUNDED == 0 else 0.0)
    return abs(mine - theirs) <= tolerance * max(abs(mine), abs(theirs)) + 1e-9


def _compare_counts(fact: Fact, other: Fact, comparison: Comparison) -> bool | None:
    """Compare a number of parameters as people round it with that of the tensors, with or without embeddings."""
    if not fact.value.isdigit() or not other.value.isdigit() or other.get("part"):
        return None
    mine, total = int(fact.value), int(other.value)
    embeddings = int(other.get("embeddings") or 0)
    tolerance = comparison.tolerance or _COUNT_TOLERANCE
    low, high = (total - embeddings) * (1 - tolerance), total * (1 + tolerance)
    unit = 10.0 ** min(len(fact.value) - len(fact.value.rstrip("0")), len(fact.value) - 1)
    return low <= mine + unit / 2 and mine - unit / 2 <= high


def _compare_names(fact: Fact, other: Fact, comparison: Comparison) -> bool | None:
    """Compare names without their owners; one that contains the other is equal, and a text is not compared."""
    mine, theirs = _normalize_name(fact.value), _normalize_name(other.value)
    if " " in fact.value.strip() and theirs not in _NAME_NOISE.sub("", fact.value.lower()):
        return None
    if min(len(mine), len(theirs)) < _SHORTEST_NAME:
        return True if mine == theirs else None
    if mine in theirs or theirs in mine:
        return True
    # A library keeps the path that it loaded, which may be a step between the model and its base.
    is_step = other.where.key == "_name_or_path" and _measure_likeness(mine, theirs) >= _LIKE
    return None if is_step else False


def _measure_likeness(mine: str, theirs: str) -> float:
    """Return the share of the shorter name that both names begin with."""
    common = next((index for index, (a, b) in enumerate(zip(mine, theirs, strict=False)) if a != b), len(mine))
    return common / min(len(mine), len(theirs))


def _normalize_name(name: str) -> str:
    """Return a name without owner, revision, suffixes of formats and punctuation."""
    bare = name.rstrip("/").rpartition("/")[2].partition("@")[0]
    return _NAME_NOISE.sub("", _NAME_SUFFIX.sub("", bare).lower())


def _compare_shares(fact: Fact, other: Fact, comparison: Comparison) -> bool | None:
    """Compare results as fractions or in percent, within half a unit of the last place of either."""
    mine, theirs = _DECIMAL.search(fact.value), _DECIMAL.search(other.value)
    if mine is None or theirs is None:
        return None
    pairs = [(scale * float(mine[0]), scale * _find_unit(mine[0])) for scale in (1, _PERCENT, 1 / _PERCENT)]
    value, unit = float(theirs[0]), _find_unit(theirs[0])
    return any(abs(number - value) <= max(step, unit) * 1.01 for number, step in pairs)


def _find_unit(text: str) -> float:
    """Return the value of the last place of a number in decimal digits."""
    digits, _, exponent = text.lower().partition("e")
    return float(10 ** (int(exponent or 0) - len(digits.partition(".")[2])))


def _compare_versions(fact: Fact, other: Fact, comparison: Comparison) -> bool | None:
    """Compare the first two numbers of versions; a card that states one number is compared by that."""
    texts = [each.get("version") if each.topic is Topic.LIBRARY else each.value for each in (fact, other)]
    mine, theirs = map(_VERSION.search, texts)
    if mine is None or theirs is None:
        return None
    return all(
        own is None or own == (its or "0") for own, its in zip(mine.groups()[:2], theirs.groups()[:2], strict=True)
    )


def _parse_decimal(text: str) -> float | None:
    """Return a number in decimal digits; ``None`` for any other text."""
    match = _DECIMAL.fullmatch(text.strip().replace(",", ""))
    return float(match[0]) if match is not None else None


_COMPARE: Final = {
    Comparing.WORD: _compare_words,
    Comparing.NUMBER: _compare_numbers,
    Comparing.COUNT: _compare_counts,
    Comparing.NAME: _compare_names,
    Comparing.SHARE: _compare_shares,
    Comparing.VERSION: _compare_versions,
}
_COMPARE_SETS: Final = {Comparing.MEMBER: find_unknown_members, Comparing.LABEL: find_other_labels}
