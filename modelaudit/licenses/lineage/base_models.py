"""List the base models and data sets that a repository names, each once, with the relation to the model.

A base model is a model that this one derives from. Cards, adapter settings, GGUF metadata and the paths that loaders
write down all name base models, in different spellings and with different reliability.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence

from msgspec import Struct

from modelaudit.licenses.evidence.hub_ids import drop_revision, fold_hub_id, parse_hub_id
from modelaudit.model.copies import replace
from modelaudit.model.license import ClaimKind, LicenseClaim
from modelaudit.model.terms import Relation

# Loaders record the path that they loaded from. It names a base model only if no better field does: first the path of
# the weights (level 1), then that of the tokenizer (level 2), which many models take from unrelated models.
LOADER_PATH_FIELDS = {"_name_or_path": 1, "name_or_path": 2}
# Most licence terms do not reach a distilled model, so a weak relation yields to any other that is known.
_WEAK_RELATIONS = (Relation.UNSTATED, Relation.DISTILLED)
_ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors", "adapter_model.bin")
_MODEL_WEIGHT_SUFFIXES = (".safetensors", ".bin", ".pt", ".pth", ".h5", ".onnx", ".ckpt", ".msgpack")


class NamedBaseModel(Struct, frozen=True):
    """A base model as one repository names it.

    Attributes:
        name: Hub id with its revision, or the words of the claim if they are not an id.
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
        """The name without its case, which Hub ids do not distinguish; the revision keeps its own."""
        return fold_hub_id(self.name)


def list_base_models(
    claims: Sequence[LicenseClaim], paths: Collection[str] = (), own: str = ""
) -> tuple[NamedBaseModel, ...]:
    """List every base model that the claims name, once each, with the best known relation.

    Args:
        claims: of one repository; claims of its card come before those of other files.
        paths: its files, which imply a relation where none is stated.
        own: its own Hub id, which loaders also record as the path that they loaded from.
    """
    by_key: dict[str, NamedBaseModel] = {}
    inherited = (claim for claim in claims if claim.kind is ClaimKind.INHERITED and not claim.names_dataset)
    # A base model in a folder of the repository brings its own texts, which are judged with all others.
    stated = [claim for claim in inherited if not _lies_in_repository(claim.quotation, paths)]
    # Reliable fields first (level 0), because the models that they name decide whether a loader's path counts.
    for level in range(3):
        more_reliable = tuple(by_key.values())
        for claim in stated:
            if LOADER_PATH_FIELDS.get(claim.field, 0) == level:
                _add_base_model(by_key, claim, more_reliable, own)
    return tuple(_add_default_revisions(_infer_relations(by_key.values(), paths), own))


def _lies_in_repository(name: str, paths: Collection[str]) -> bool:
    """Whether a name is the relative path of a folder of the repository that holds weights: ``./base``."""
    folder = name.replace("\\", "/").removeprefix("./").rstrip("/")
    if not folder or folder.startswith(("/", "~")) or ".." in folder.split("/"):
        return False
    return any(path.startswith(f"{folder}/") and path.lower().endswith(_MODEL_WEIGHT_SUFFIXES) for path in paths)


def _add_default_revisions(base_models: Iterable[NamedBaseModel], own: str) -> Iterator[NamedBaseModel]:
    """Yield the base models, and before each one at a named revision the same repository at its default revision.

    The terms of both count, because anyone may add a revision with other terms, and a revision may be missing.
    """
    in_order = tuple(base_models)
    yielded = {fold_hub_id(drop_revision(own)), *(base_model.key for base_model in in_order)}
    for base_model in in_order:
        default = replace(base_model, name=drop_revision(base_model.name)) if base_model.is_id else base_model
        if default.key not in yielded:
            yielded.add(default.key)
            yield default
        yield base_model


def list_dataset_claims(claims: Iterable[LicenseClaim]) -> tuple[LicenseClaim, ...]:
    """List the claims that name data sets, the first claim for each."""
    first_claims: dict[str, LicenseClaim] = {}
    for claim in claims:
        if claim.names_dataset:
            name = parse_hub_id(claim.quotation) or claim.quotation
            first_claims.setdefault(fold_hub_id(name), claim)
    return tuple(first_claims.values())


def _add_base_model(
    by_key: dict[str, NamedBaseModel], claim: LicenseClaim, more_reliable: Collection[NamedBaseModel], own: str
) -> None:
    """Add the base model of one claim; if it is known already, only replace a weaker relation.

    Args:
        by_key: the base models so far, which this changes.
        claim: the claim that names it.
        more_reliable: the base models that more reliable fields name.
        own: Hub id of the derived model, empty if it has none.
    """
    level = LOADER_PATH_FIELDS.get(claim.field, 0)
    name = parse_hub_id(claim.quotation)
    relation = claim.relation or Relation.UNSTATED
    # A path that a loader recorded for the model (level 1) or for its tokenizer (level 2) is weak evidence. It is
    # dropped if it is the model's own id, if it is local and a Hub id is known, or if it is the tokenizer's and any
    # base model is known.
    if level > 0:
        is_local = name is None or "/" not in name
        is_itself = name is not None and name.casefold() == own.casefold()
        if is_itself or (is_local and any(each.is_id for each in more_reliable)) or (level == 2 and more_reliable):
            return
    known = by_key.get(fold_hub_id(name or claim.quotation))
    if known is None and name is None:
        known = _find_by_path(claim.quotation, by_key)
    if known is None:
        new = NamedBaseModel(name or claim.quotation, name is not None, relation, claim)
        by_key[new.key] = new
    elif known.relation in _WEAK_RELATIONS and relation is not Relation.UNSTATED:
        by_key[known.key] = replace(known, relation=relation)


def _find_by_path(path: str, by_key: dict[str, NamedBaseModel]) -> NamedBaseModel | None:
    """Find the base model whose name is the last part of a path, as in ``/models/Llama-3-8B``."""
    folder_name = re.split(r"[/\\]", path.rstrip("/\\"))[-1].casefold()
    for base_model in by_key.values():
        if base_model.is_id and drop_revision(base_model.name).rpartition("/")[2].casefold() == folder_name:
            return base_model
    return None


def _infer_relations(base_models: Collection[NamedBaseModel], paths: Collection[str]) -> Iterator[NamedBaseModel]:
    """Yield the base models, with unstated and weak relations replaced by the one that follows from the files.

    Without a sign in the files, several base models whose relation is unstated make a merge.
    """
    inferred = _infer_relation_from_files(paths)
    unstated = [each for each in base_models if each.relation is Relation.UNSTATED]
    if inferred is None and len(unstated) > 1 and all(each.is_id for each in unstated):
        inferred = Relation.MERGE
    for base_model in base_models:
        if inferred is not None and base_model.relation in _WEAK_RELATIONS:
            yield replace(base_model, relation=inferred)
        else:
            yield base_model


def _infer_relation_from_files(paths: Collection[str]) -> Relation | None:
    """Infer the relation from the files: adapter or GGUF files without other weights; otherwise ``None``."""
    names = [path.rpartition("/")[2].lower() for path in paths]
    has_full_weights = any(name.endswith(_MODEL_WEIGHT_SUFFIXES) and name not in _ADAPTER_FILES for name in names)
    if has_full_weights:
        return None
    if any(name in _ADAPTER_FILES for name in names):
        return Relation.ADAPTER
    return Relation.QUANTIZED if any(name.endswith(".gguf") for name in names) else None
