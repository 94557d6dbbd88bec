"""Find the base models on record that have the vocabulary and the shape of a model, whatever its files say.

Two models of one shape are related only if their vocabulary is the same too: Llama 2 7B, DeepSeek 7B and OpenLLaMA 7B
share a shape. So a shape alone shows no kinship, and a model without a match is of unknown origin. Where no file lists
the tokens, a large size of the vocabulary takes their place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

from msgspec import Struct

from modelaudit.licenses.lineage.traits import GatheredTraits, gather_traits
from modelaudit.model.lineage import (
    BaseModel,
    BaseModels,
    Dimension,
    DimensionFact,
    Kinship,
    ModelTraits,
    TemplateDifference,
    VocabularyFact,
    VocabularyRecord,
)

_DETAILS = (Dimension.INTERMEDIATE, Dimension.QUERY, Dimension.KEY)
"""Two of these have to agree besides the hidden size and the layers: many models share those two."""
_FEWEST_DETAILS = 2
_MAX_ADDED_PIECES = 8
_MAX_EVIDENCE = 10
_MAX_PLACES = 200
"""Models and parts of one repository that are compared."""
_SEGMENT_WORDS = "parts of 8,000 tokens"

_LEAST_RARE_SIZE = 100_000
_MOST_PADDING = 1024
"""Rows that trainers add to a vocabulary."""

_View = Mapping[Dimension, tuple[str, DimensionFact]]


class _Match(Struct, frozen=True):
    """One base model that fits, and the facts that agree."""

    base: BaseModel
    evidence: tuple[str, ...]
    artifact: str


def find_kinships(
    traits: Sequence[tuple[str, ModelTraits]],
    models: BaseModels,
    names: Collection[str],
    licenses: Collection[str],
    own: str = "",
) -> tuple[Kinship, ...]:
    """Find the base models of a model and of its parts.

    Args:
        traits: each with the address of its file.
        models: the base models on record.
        names: the Hub ids that the files name as base models, as far as their own terms are not known.
        licenses: ids of the licences that the files declare or bring in.
        own: Hub id of the model; empty for a folder.
    """
    found = []
    for gathered in gather_traits(traits)[:_MAX_PLACES]:
        matches = list(_find_matches(gathered, models))
        if matches:
            found.append(_build_kinship(gathered, matches, names, licenses, own))
    return tuple(found)


def _find_matches(gathered: GatheredTraits, models: BaseModels) -> Iterator[_Match]:
    """Yield the base models that fit; those whose longest input differs only if no other fits."""
    shared = Counter(segment for each in models.vocabularies.values() for segment in enumerate(each.segments))
    fitting = []
    for base in models.models:
        for view in gathered.list_views():
            agreeing = _compare_shape(view, base)
            evidence = _compare_vocabulary(gathered, view, base, shared) if agreeing else None
            if agreeing and evidence is None:
                evidence = _compare_size(gathered, view, base)
            if agreeing and evidence:
                addresses = [address for address, _ in agreeing]
                lines = [_format_fact(address, fact) for address, fact in agreeing]
                fitting.append((view, _Match(base, (*evidence, *lines)[:_MAX_EVIDENCE], addresses[0])))
                break
    same_context = [match for view, match in fitting if _has_context(view, match.base)]
    yield from same_context or (match for _, match in fitting)


def _has_context(view: _View, base: BaseModel) -> bool:
    """Whether the longest input is that of the base model."""
    fact = view.get(Dimension.CONTEXT)
    return fact is not None and fact[1].value == base.context


def _compare_shape(view: _View, base: BaseModel) -> list[tuple[str, DimensionFact]]:
    """Return the dimensions that agree, each with its file; none if one differs, or if too few are stated."""
    agreeing = []
    for dimension, value in base.shape.items():
        stated = view.get(dimension)
        if stated is None or dimension is Dimension.VOCABULARY:
            continue
        if stated[1].value != value:
            return []
        agreeing.append(stated)
    known = {fact.dimension for _, fact in agreeing}
    # A mixture of experts has the shape of its model for the rest.
    if (Dimension.EXPERTS in view) != (Dimension.EXPERTS in base.shape) and Dimension.VOCABULARY in view:
        return []
    wanted = sum(1 for each in _DETAILS if each in base.shape)
    has_details = sum(1 for each in _DETAILS if each in known) >= min(_FEWEST_DETAILS, wanted)
    return agreeing if {Dimension.HIDDEN, Dimension.LAYERS} <= known and has_details else []


def _compare_vocabulary(
    gathered: GatheredTraits, view: _View, base: BaseModel, shared: Mapping[tuple[int, str], int]
) -> list[str] | None:
    """Return the evidence that the vocabulary is that of the base model; ``None`` without any."""
    record = base.vocabulary
    if record is None:
        return None
    if record.segments and gathered.vocabularies:
        for address, fact in gathered.vocabularies:
            agreeing = _count_agreeing(fact, record, shared)
            if agreeing:
                key = f"{fact.key}: " if fact.key else ""
                total = len(record.segments)
                count = f"all {total}" if agreeing == total else f"{agreeing} of {total}"
                return [f"{address}: {key}{count} {_SEGMENT_WORDS} are those of {base.id}"]
        return None
    return _compare_special_tokens(gathered, view, base, record)


def _count_agreeing(fact: VocabularyFact, record: VocabularyRecord, shared: Mapping[tuple[int, str], int]) -> int:
    """Count the segments that agree; 0 if more than one in four differs, or only what other vocabularies have too."""
    agreeing = [
        (number, segment)
        for number, (segment, stated) in enumerate(zip(record.segments, fact.segments, strict=False))
        if segment == stated
    ]
    is_own = any(shared[each] == 1 for each in agreeing)
    return len(agreeing) if is_own and 4 * len(agreeing) >= 3 * len(record.segments) else 0


def _compare_special_tokens(
    gathered: GatheredTraits, view: _View, base: BaseModel, record: VocabularyRecord
) -> list[str] | None:
    """Return the evidence of the special tokens and the size, for a model or a record without a vocabulary."""
    size = view.get(Dimension.VOCABULARY)
    if not record.special_tokens or size is None or size[1].value != base.shape.get(Dimension.VOCABULARY):
        return None
    if gathered.architecture not in ("", base.architecture) or not set(record.special_tokens) <= set(
        gathered.special_tokens
    ):
        return None
    address = gathered.special_tokens[record.special_tokens[0]]
    tokens = ", ".join(record.special_tokens)
    return [_format_fact(*size), f"{address}: special tokens: {tokens}"]


def _compare_size(gathered: GatheredTraits, view: _View, base: BaseModel) -> list[str] | None:
    """Return the size of the vocabulary as evidence where no file lists its tokens; ``None`` if it may be another's.

    A large size is rarely met twice, so all dimensions with it, or with some rows more, are those of the base model,
    whatever architecture the configuration states. Many vocabularies have one of the smaller, round sizes.
    """
    size, own = view.get(Dimension.VOCABULARY), base.shape.get(Dimension.VOCABULARY)
    if gathered.vocabularies or size is None or own is None or own < _LEAST_RARE_SIZE:
        return None
    has_all = all(each in view for each in base.shape)
    return [_format_fact(*size)] if has_all and own <= size[1].value <= own + _MOST_PADDING else None


def _format_fact(address: str, fact: DimensionFact) -> str:
    """Format a dimension as a line of evidence."""
    return f"{address}: {fact.key}: {fact.value} ({fact.dimension})"


def _build_kinship(
    gathered: GatheredTraits,
    matches: Sequence[_Match],
    names: Collection[str],
    licenses: Collection[str],
    own: str,
) -> Kinship:
    """Build the result for one model or part."""
    bases = [match.base for match in matches]
    declared = any(
        base.license in licenses or base.id.casefold() == own.casefold() or any(map(base.covers, names))
        for base in bases
    )
    return Kinship(
        bases=tuple(base.id for base in bases),
        licenses=tuple(dict.fromkeys(base.license for base in bases)),
        artifact=matches[0].artifact,
        part=gathered.place,
        declared=declared,
        evidence=matches[0].evidence,
        template=_compare_templates(gathered, bases),
    )


def _compare_templates(gathered: GatheredTraits, bases: Sequence[BaseModel]) -> TemplateDifference | None:
    """Compare the chat template with those of the base models; ``None`` if it is one of them, or none is known."""
    pieces, artifact = gathered.template
    known = frozenset(digest for base in bases for digest in base.template)
    if not pieces or not known:
        return None
    added = [f"line {piece.line}: {piece.text}" for piece in pieces if piece.digest not in known]
    missing = len(known - {piece.digest for piece in pieces})
    if not added and not missing:
        return None
    more = [f"and {len(added) - _MAX_ADDED_PIECES} more"] if len(added) > _MAX_ADDED_PIECES else []
    return TemplateDifference(artifact, (*added[:_MAX_ADDED_PIECES], *more), missing)
