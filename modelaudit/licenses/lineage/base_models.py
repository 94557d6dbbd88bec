"""List the base models and data sets that a repository names, each once, with the relation to the model.

A base model is a model that this one derives from. Cards, adapter settings, GGUF metadata and the paths that loaders
write down all name base models, in different spellings and with different reliability.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from modelaudit.licenses.evidence.hub_ids import parse_hub_id
from modelaudit.model.license import ClaimKind, LicenseClaim
from modelaudit.model.terms import Relation

# Loaders record the path that they loaded from. It names a base model only if no better field does: first the path of
# the weights (level 1), then that of the tokenizer (level 2), which many models take from unrelated models.
LOADER_PATH_FIELDS = {"_name_or_path": 1, "name_or_path": 2}
# Most licence terms do not reach a distilled model, so a weak relation yields to any other that is known.
_WEAK_RELATIONS = (Relation.UNSTATED, Relation.DISTILLED)
_ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors", "adapter_model.bin")
_MODEL_WEIGHT_SUFFIXES = (".safetensors", ".bin", ".pt", ".pth", ".h5", ".onnx", ".ckpt", ".msgpack")


@dataclass(frozen=True, slots=True)
class NamedBaseModel:
    """A base model as one repository names it.

    Attributes:
        name: Hub id, or the words of the claim if they are no id.
        is_id: whether ``name`` is a Hub id and can be looked up.
        relation: how the model was made from it, ``unstated`` if unknown.
        claim: the claim that names it.
    """

    name: str
    is_id: bool
    relation: Relation
    claim: LicenseClaim

    @property
    def key(self) -> str:
        """The case-folded name: Hub ids do not distinguish case."""
        return self.name.casefold()


def list_base_models(
    claims: Sequence[LicenseClaim], paths: Collection[str] = (), own: str = ""
) -> tuple[NamedBaseModel, ...]:
    """List every base model that the claims name, once each, with the best known relation.

    Args:
        claims: of one repository; claims of its card come before those of other files.
        paths: its files, which imply a relation where none is stated.
        own: its own Hub id, which loaders also record as the path that they loaded from.
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
    """List the claims that name data sets, the first claim for each."""
    found: dict[str, LicenseClaim] = {}
    for claim in claims:
        if claim.kind is ClaimKind.INHERITED and claim.relation is None:
            found.setdefault((parse_hub_id(claim.quotation) or claim.quotation).casefold(), claim)
    return tuple(found.values())


def _add_base_model(
    found: dict[str, NamedBaseModel], claim: LicenseClaim, above: Collection[NamedBaseModel], own: str
) -> None:
    """Add the base model of one claim, or give its relation to the same base model found earlier."""
    # Loader paths (levels 1 and 2) are weak evidence. A local path is dropped if a Hub id is known, a tokenizer's path
    # if any base model is known, and the model's own id in every case.
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
    """Find the base model whose name is the last part of a path, as in ``/models/Llama-3-8B``."""
    last = re.split(r"[/\\]", path.rstrip("/\\"))[-1].casefold()
    return next(
        (each for each in found.values() if each.is_id and each.name.rpartition("/")[2].casefold() == last), None
    )


def _infer_relations(origins: Collection[NamedBaseModel], paths: Collection[str]) -> Iterator[NamedBaseModel]:
    """Fill in relations that follow from the files: adapters, GGUF only, and several base models that make a merge."""
    inferred = _infer_relation_from_files(paths)
    unstated = [each for each in origins if each.relation is Relation.UNSTATED]
    if inferred is None and len(unstated) > 1 and all(each.is_id for each in unstated):
        inferred = Relation.MERGE
    for each in origins:
        yield each if each.relation not in _WEAK_RELATIONS or inferred is None else replace(each, relation=inferred)


def _infer_relation_from_files(paths: Collection[str]) -> Relation | None:
    """Infer the relation from the files: adapter or GGUF files without other weights; otherwise ``None``."""
    names = [path.rpartition("/")[2].lower() for path in paths]
    whole = any(name.endswith(_MODEL_WEIGHT_SUFFIXES) and name not in _ADAPTER_FILES for name in names)
    if whole:
        return None
    if any(name in _ADAPTER_FILES for name in names):
        return Relation.ADAPTER
    return Relation.QUANTIZED if any(name.endswith(".gguf") for name in names) else None
