"""Collect the description of a model from the structures of its files, one after the other."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Final

from modelaudit.description.cards import read_card_text
from modelaudit.description.comparison import compare_facts
from modelaudit.description.evidence import list_evidence
from modelaudit.description.kept_facts import KeptFacts
from modelaudit.description.keys import HISTORY, read_keys
from modelaudit.description.libraries import ImportCollector
from modelaudit.description.tensors import WeightCounter, list_storages
from modelaudit.description.values import FactMaker
from modelaudit.model.copies import replace
from modelaudit.model.description import Confidence, Fact, ModelDescription, Topic
from modelaudit.model.description_rules import DescriptionRules
from modelaudit.model.evidence import Prose, ProseKind
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.lineage import Dimension, ModelTraits
from modelaudit.model.outline import Outline
from modelaudit.model.pickle import PickleProgram
from modelaudit.model.provenance import Provenance
from modelaudit.model.reading import Structure
from modelaudit.model.signature import Signature, SignatureState
from modelaudit.model.stated import CARD_SOURCE, StatedValues, TensorTable
from modelaudit.model.structure import Location

_MOST_FACTS: Final = 5_000
_MOST_NAMES: Final = 100
_CARD_NAME: Final = "readme.md"
_MODULE: Final = defer_pattern(r"\d{1,2}_[A-Z]\w+/")
"""A folder of a step of sentence-transformers, such as ``1_Pooling``: the steps together are the model."""
_RESULT: Final = defer_pattern(r"eval_(?!runtime|steps|samples)\w+")
_LAST: Final = "last evaluation of the training"
_CONFIDENCES: Final = (Confidence.VERIFIED, Confidence.FOUND, Confidence.DECLARED)
_TOPICS: Final = {topic: number for number, topic in enumerate(Topic)}


_KEPT: Final = KeptFacts()


class DescriptionCollector:
    """Collects the facts of one repository."""

    def __init__(self, rules: DescriptionRules) -> None:
        self._rules = rules
        self._maker = FactMaker(rules.placeholders)
        self._facts: dict[Fact, None] = {}
        self._weights = WeightCounter(rules.no_weights)
        self._imports = ImportCollector()

    def collect(self, address: str, structure: Structure) -> None:
        """Collect the facts of one structure; most structures state none."""
        match structure:
            case StatedValues() if structure.source != CARD_SOURCE or _is_root_card(address):
                self._add(_KEPT.read(structure, address, self._rules, partial(self._read_values, structure, address)))
            case Prose(kind=ProseKind.CARD) if _is_root_card(address):
                self._add(_KEPT.read(structure, address, self._rules, partial(self._read_text, structure, address)))
            case ModelTraits():
                self._add(_list_dimensions(structure, address))
            case Outline(format="python"):
                self._imports.add(structure, address)
            case PickleProgram() if structure.storages:
                self._weights.add(list_storages(structure), address)
            case TensorTable():
                self._weights.add(structure, address)
            case _:
                pass

    def _read_values(self, stated: StatedValues, address: str) -> Iterable[Fact]:
        return read_keys(stated, address, self._rules.keys, self._maker)

    def _read_text(self, prose: Prose, address: str) -> Iterable[Fact]:
        return read_card_text(prose, address, self._rules.card, self._maker)

    def _add(self, facts: Iterable[Fact]) -> None:
        """Keep facts, each once, up to a bound."""
        for fact in facts:
            if len(self._facts) >= _MOST_FACTS:
                return
            self._facts.setdefault(fact)

    def describe(
        self,
        provenance: Provenance | None,
        signatures: Iterable[Signature],
        formats: Mapping[str, Sequence[str]],
        unfinished: Collection[str] = (),
    ) -> ModelDescription:
        """Return all facts, in the order of a description, and the contradictions between card and files.

        Args:
            provenance: of a repository of the Hub.
            signatures: of the model.
            formats: of each file by its path.
            unfinished: the paths of the files that were not read to their end, which verify nothing.
        """
        weights = self._weights.describe(self._find_bits(), unfinished)
        facts = [*self._facts, *weights, *_list_origins(provenance, signatures)]
        facts += self._imports.list_facts(self._rules.libraries, facts)
        facts = list(_drop_repeated(sorted(_drop_own_name(_keep_nearest(facts)), key=_order)))
        declared = [each for each in facts if _is_root_card(each.artifact)]
        declared = _drop_other_data(declared)
        found = [each for each in facts if each.artifact and not _is_root_card(each.artifact)]
        found += list_evidence(facts, formats, self._weights.list_sets(), self._rules.pickles_beside)
        contradictions = compare_facts(declared, found, self._rules.comparisons) if declared else []
        hidden = self._rules.compared_only
        kept = tuple(each for each in facts if hidden.isdisjoint((each.get("name"), each.get("record"))))
        # Behind the bound there may be a later evaluation.
        results = _find_last_results(facts) if len(self._facts) < _MOST_FACTS else []
        shown = tuple(sorted((*kept, *results), key=_order)) if results else kept
        return ModelDescription(shown, tuple(contradictions))

    def _find_bits(self) -> int:
        """Return the bits of one packed weight; 0 if no file states them."""
        bits = (each.value for each in self._facts if each.topic is Topic.QUANTISATION and each.get("name") == "bits")
        found = (int(each) for each in bits if each.isdigit())
        return next((each for each in found if 1 <= each <= 16), 0)


def _find_last_results(facts: Iterable[Fact]) -> list[Fact]:
    """Return the results of the last evaluation in the history of a training; earlier ones are compared alone."""
    last: dict[tuple[str, str], tuple[int, Fact]] = {}
    for fact in facts:
        name, steps = fact.get("name"), (fact.where.key or "").split(".")
        if fact.get("record") == HISTORY and _RESULT.fullmatch(name) and len(steps) > 1 and steps[-2].isdigit():
            position, key = int(steps[-2]), (fact.artifact, name)
            if key not in last or last[key][0] < position:
                last[key] = position, fact
    return [
        replace(fact, qualifiers=tuple((key, _LAST if key == "record" else text) for key, text in fact.qualifiers))
        for _, fact in last.values()
    ]


def _is_root_card(address: str) -> bool:
    """Whether a file is the card of the model."""
    return address.lower() == _CARD_NAME


def _order(fact: Fact) -> tuple[int, int, str, int, str, str]:
    """Return the place of a fact in the description."""
    line = fact.where.line or 0
    rank = _CONFIDENCES.index(fact.confidence)
    return _TOPICS[fact.topic], rank, fact.artifact, line, fact.where.key or "", fact.value


def _keep_nearest(facts: Iterable[Fact]) -> list[Fact]:
    """Leave out the facts of folders on topics that describe the whole model, if a file of its root states others."""
    kept = list(facts)
    at_root = {fact.topic for fact in kept if "/" not in fact.artifact and fact.confidence is not Confidence.DECLARED}
    at_root.discard(Topic.LIBRARY)
    return [
        fact
        for fact in kept
        if "/" not in fact.artifact or fact.topic not in at_root or _MODULE.match(fact.artifact) is not None
    ]


def _drop_own_name(facts: Sequence[Fact]) -> Iterable[Fact]:
    """Leave out base models with the name of the model itself, which a configuration keeps of its last loading."""
    own = {each.value.rpartition("/")[2].lower() for each in facts if each.topic is Topic.NAME}
    for fact in facts:
        is_last_loaded = fact.topic is Topic.BASE_MODEL and fact.where.key == "_name_or_path"
        if not is_last_loaded or fact.value.rpartition("/")[2].lower() not in own:
            yield fact


def _drop_other_data(declared: Sequence[Fact]) -> list[Fact]:
    """Leave out the results of a card on data that its list of training data does not name: files state others."""
    data = (each for each in declared if each.topic is Topic.DATASET and each.get("use") == "training")
    names = [each.value.rpartition("/")[2].lower() for each in islice(data, _MOST_NAMES)]

    def is_own(name: str) -> bool:
        return any(each in name or name in each for each in names)

    return [
        each for each in declared if each.topic is not Topic.METRIC or not names or is_own(each.get("dataset").lower())
    ]


def _drop_repeated(facts: Iterable[Fact]) -> Iterable[Fact]:
    """Yield the facts, and of equal ones in one file the first."""
    seen = set()
    for fact in facts:
        key = (fact.topic, fact.value, fact.qualifiers, fact.artifact)
        if key not in seen:
            seen.add(key)
            yield fact


def _list_dimensions(traits: ModelTraits, address: str) -> Iterable[Fact]:
    """Yield the dimensions of an architecture and the size of a vocabulary."""
    for each in traits.dimensions:
        key = f"{traits.part}.{each.key}" if traits.part else each.key
        name = (("name", each.dimension.value),)
        yield Fact(Topic.DIMENSION, str(each.value), Confidence.FOUND, address, Location(key=key[:200]), name)
    is_stated = any(each.dimension is Dimension.VOCABULARY for each in traits.dimensions)
    # The tokens that a file of weights lists are those of the model; a file of a tokenizer may leave added ones out.
    if traits.dimensions and traits.vocabulary is not None and not is_stated:
        where = Location(key=traits.vocabulary.key[:200])
        name = (("name", Dimension.VOCABULARY.value),)
        yield Fact(Topic.DIMENSION, str(traits.vocabulary.tokens), Confidence.FOUND, address, where, name)


def _list_origins(provenance: Provenance | None, signatures: Iterable[Signature]) -> Iterable[Fact]:
    """Yield who publishes the model, and when: the owner on the Hub, and the signers that were verified."""
    if provenance is not None and provenance.owner is not None:
        where = Location(key="author")
        yield Fact(Topic.SUPPLIER, provenance.owner.name[:300], Confidence.DECLARED, "", where)
    if provenance is not None and provenance.modified is not None:
        where = Location(key="lastModified")
        yield Fact(Topic.RELEASE_TIME, provenance.modified, Confidence.DECLARED, "", where)
    for each in signatures:
        if each.state is SignatureState.VERIFIED and each.signer is not None and each.signer.name:
            name = each.signer.name[:300]
            yield Fact(Topic.SUPPLIER, name, Confidence.VERIFIED, each.record, Location(key="signer"))
