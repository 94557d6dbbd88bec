"""Which models and data sets a repository says it was made from: of many statements one name each, and how."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from modelaudit.model.license import ClaimKind, LicenseClaim
from modelaudit.model.terms import Relation

_PAGE = re.compile(
    r"(?:https?://(?:www\.)?(?:huggingface\.co|hf\.co)/|hf://)(?:(?:datasets|models)/)?"
    r"(?P<id>[^/\s?#]+/[^/\s?#]+)(?:[/?#].*)?",
    re.IGNORECASE | re.DOTALL,
)
_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,94}[A-Za-z0-9_])?")
_WEIGHTS = (".safetensors", ".ckpt", ".pt", ".pth", ".bin", ".gguf", ".onnx", ".h5", ".zip", ".tar", ".json")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_PATH = re.compile(r"(?:[/~.\\]|[A-Za-z]:[\\/])")

# Loaders write down where they loaded from, which is an origin only where nothing better speaks of one: the path of the
# weights, and then that of the tokenizer, which many models take from others.
LAST_RESORTS = {"_name_or_path": 1, "name_or_path": 2}
# Most terms do not reach what was distilled, so that this word gives way to whatever else is known.
_WEAK = (Relation.UNSTATED, Relation.DISTILLED)
_ADAPTERS = ("adapter_config.json", "adapter_model.safetensors", "adapter_model.bin")
_MODEL_WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".h5", ".onnx", ".ckpt", ".msgpack")


@dataclass(frozen=True, slots=True)
class Named:
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


def hub_id(text: str) -> str | None:
    """The Hub id that a name or an address of the Hub stands for, without a revision; ``None`` where it is none."""
    page = _PAGE.fullmatch(text.strip())
    name = (page["id"] if page else text.strip()).partition("@")[0]
    parts = name.split("/")
    if len(parts) > 2 or not all(_NAME.fullmatch(part) for part in parts):
        return None
    if "--" in name or ".." in name or name.lower().endswith((".git", *_WEIGHTS)):
        return None
    return name


def why_no_id(text: str) -> str:
    """One line on what a name is that is no Hub id."""
    if _ADDRESS.match(text):
        return "it is an address outside of the Hub, which is not followed"
    if _PATH.match(text) or text.count("/") > 1:
        return "it is a path on the machine that made the model, where nobody else can look"
    if text.lower().endswith(_WEIGHTS):
        return "it is the name of a file, which does not say whose"
    return "it is no id of a repository on the Hub"


def base_models(claims: Sequence[LicenseClaim], paths: Collection[str] = (), own: str = "") -> tuple[Named, ...]:
    """Every model that the claims name as an origin, once each, with what is known of the relation.

    Args:
        claims: of one repository; its card's come before those of other files.
        paths: its files, from which a relation follows that nobody states.
        own: its own Hub id, which loaders write into its settings, too.
    """
    found: dict[str, Named] = {}
    stated = [claim for claim in claims if claim.kind is ClaimKind.INHERITED and claim.relation is not None]
    for level in range(3):
        above = tuple(found.values())
        for claim in stated:
            if LAST_RESORTS.get(claim.field, 0) == level:
                _add(found, claim, above, own)
    return tuple(_settled(found.values(), paths))


def datasets(claims: Iterable[LicenseClaim]) -> tuple[LicenseClaim, ...]:
    """The claims that name data sets, the first of each."""
    found: dict[str, LicenseClaim] = {}
    for claim in claims:
        if claim.kind is ClaimKind.INHERITED and claim.relation is None:
            found.setdefault((hub_id(claim.quotation) or claim.quotation).casefold(), claim)
    return tuple(found.values())


def _add(found: dict[str, Named], claim: LicenseClaim, above: Collection[Named], own: str) -> None:
    level = LAST_RESORTS.get(claim.field, 0)
    name = hub_id(claim.quotation)
    relation = claim.relation or Relation.UNSTATED
    if level and (not name or "/" not in name) and any(each.is_id for each in above):
        return
    if level == 2 and above:
        return
    if level and name and name.casefold() == own.casefold():
        return
    twin = found.get((name or claim.quotation).casefold()) or (None if name else _named_by(claim.quotation, found))
    if twin is None:
        new = Named(name or claim.quotation, name is not None, relation, claim)
        found[new.key] = new
    elif twin.relation in _WEAK and relation is not Relation.UNSTATED:
        found[twin.key] = replace(twin, relation=relation)


def _named_by(path: str, found: dict[str, Named]) -> Named | None:
    """The origin whose name is the last part of a path, as in ``/models/Llama-3-8B``."""
    last = re.split(r"[/\\]", path.rstrip("/\\"))[-1].casefold()
    return next(
        (each for each in found.values() if each.is_id and each.name.rpartition("/")[2].casefold() == last), None
    )


def _settled(origins: Collection[Named], paths: Collection[str]) -> Iterator[Named]:
    """The same with relations that follow: of adapters, of GGUF alone, and of several models that make one."""
    inferred = _by_files(paths)
    unstated = [each for each in origins if each.relation is Relation.UNSTATED]
    if inferred is None and len(unstated) > 1 and all(each.is_id for each in unstated):
        inferred = Relation.MERGE
    for each in origins:
        yield each if each.relation not in _WEAK or inferred is None else replace(each, relation=inferred)


def _by_files(paths: Collection[str]) -> Relation | None:
    names = [path.rpartition("/")[2].lower() for path in paths]
    whole = any(name.endswith(_MODEL_WEIGHTS) and name not in _ADAPTERS for name in names)
    if whole:
        return None
    if any(name in _ADAPTERS for name in names):
        return Relation.ADAPTER
    return Relation.QUANTIZED if any(name.endswith(".gguf") for name in names) else None
