"""Which models and data sets a repository says it was made from: of many statements one name each, and how."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from modelaudit.licenses.evidence.hub_ids import parse_hub_id
from modelaudit.model.license import ClaimKind, LicenseClaim
from modelaudit.model.terms import Relation

# Loaders write down where they loaded from, which is an origin only where nothing better speaks of one: the path of the
# weights, and then that of the tokenizer, which many models take from others.
LOADER_PATH_FIELDS = {"_name_or_path": 1, "name_or_path": 2}
# Most terms do not reach what was distilled, so that this word gives way to whatever else is known.
_WEAK_RELATIONS = (Relation.UNSTATED, Relation.DISTILLED)
_ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors", "adapter_model.bin")
_MODEL_WEIGHT_SUFFIXES = (".safetensors", ".bin", ".pt", ".pth", ".h5", ".onnx", ".ckpt", ".msgpack")


@dataclass(frozen=True, slots=True)
class NamedBaseModel:
    """One origin as a repository names it.

    Attributes:
        name: Hub id, or the words that stand there where they are none.
        is_id: whether it can be looked up.
    """

    name: str
    is_id: bool
    relation: Relation
    claim: LicenseClaim

    @property
    def key(self) -> str:
        """What two spellings of one origin share: the Hub tells no case apart."""
        return self.name.casefold()


def list_base_models(
    claims: Sequence[LicenseClaim], paths: Collection[str] = (), own: str = ""
) -> tuple[NamedBaseModel, ...]:
    """Every model that the claims name as an origin, once each, with what is known of the relation.

    Args:
        claims: of one repository; its card's come before those of other files.
        paths: its files, from which a relation follows that nobody states.
        own: its own Hub id, which loaders write into its settings, too.
    """
    found: dict[str, NamedBaseModel] = {}
    stated = [claim for claim in claims if claim.kind is ClaimKind.INHERITED and claim.relation is not None]
    for level in range(3):
        above = tuple(found.values())
        for claim in stated:
            if LOADER_PATH_FIELDS.get(claim.field, 0) == level:
                _add_base_model(found, claim, above, own)
    return tuple(_infer_relations(found.values(), paths))


def list_dataset_claims(claims: Iterable[LicenseClaim]) -> tuple[LicenseClaim, ...]:
    """The claims that name data sets, the first of each."""
    found: dict[str, LicenseClaim] = {}
    for claim in claims:
        if claim.kind is ClaimKind.INHERITED and claim.relation is None:
            found.setdefault((parse_hub_id(claim.quotation) or claim.quotation).casefold(), claim)
    return tuple(found.values())


def _add_base_model(
    found: dict[str, NamedBaseModel], claim: LicenseClaim, above: Collection[NamedBaseModel], own: str
) -> None:
    level = LOADER_PATH_FIELDS.get(claim.field, 0)
    name = parse_hub_id(claim.quotation)
    relation = claim.relation or Relation.UNSTATED
    if level and (not name or "/" not in name) and any(each.is_id for each in above):
        return
    if level == 2 and above:
        return
    if level and name and name.casefold() == own.casefold():
        return
    twin = found.get((name or claim.quotation).casefold()) or (None if name else _find_by_path(claim.quotation, found))
    if twin is None:
        new = NamedBaseModel(name or claim.quotation, name is not None, relation, claim)
        found[new.key] = new
    elif twin.relation in _WEAK_RELATIONS and relation is not Relation.UNSTATED:
        found[twin.key] = replace(twin, relation=relation)


def _find_by_path(path: str, found: dict[str, NamedBaseModel]) -> NamedBaseModel | None:
    """The origin whose name is the last part of a path, as in ``/models/Llama-3-8B``."""
    last = re.split(r"[/\\]", path.rstrip("/\\"))[-1].casefold()
    return next(
        (each for each in found.values() if each.is_id and each.name.rpartition("/")[2].casefold() == last), None
    )


def _infer_relations(origins: Collection[NamedBaseModel], paths: Collection[str]) -> Iterator[NamedBaseModel]:
    """The same with relations that follow: of adapters, of GGUF alone, and of several models that make one."""
    inferred = _infer_relation_from_files(paths)
    unstated = [each for each in origins if each.relation is Relation.UNSTATED]
    if inferred is None and len(unstated) > 1 and all(each.is_id for each in unstated):
        inferred = Relation.MERGE
    for each in origins:
        yield each if each.relation not in _WEAK_RELATIONS or inferred is None else replace(each, relation=inferred)


def _infer_relation_from_files(paths: Collection[str]) -> Relation | None:
    names = [path.rpartition("/")[2].lower() for path in paths]
    whole = any(name.endswith(_MODEL_WEIGHT_SUFFIXES) and name not in _ADAPTER_FILES for name in names)
    if whole:
        return None
    if any(name in _ADAPTER_FILES for name in names):
        return Relation.ADAPTER
    return Relation.QUANTIZED if any(name.endswith(".gguf") for name in names) else None
