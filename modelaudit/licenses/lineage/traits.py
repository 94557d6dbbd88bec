"""Gather the facts about one model, or one part of it, that several files state."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct, field

from modelaudit.model.address import file_of
from modelaudit.model.lineage import Dimension, DimensionFact, ModelTraits, TemplatePiece, VocabularyFact

_KEPT_KEYS = (Dimension.LAYERS, Dimension.CONTEXT)
"""Dimensions that the tensors of one file of several do not show."""
_OWN_UNIT_SUFFIX = ".gguf"
"""A file of this kind holds a whole model: its shape, its vocabulary and its template."""


class GatheredTraits(Struct):
    """The facts about one model or part.

    Attributes:
        place: the folder or the file, and the key of a part: ``text_encoder``; empty for the model itself.
        stated: the dimensions that configurations state, each with its file.
        stored: the dimensions that tensors have, each with its file.
        vocabularies: each with its file.
        special_tokens: each with the first file that has it.
        template: the pieces of the chat template, and its file.
    """

    place: str
    architecture: str = ""
    stated: dict[Dimension, tuple[str, DimensionFact]] = field(default_factory=dict)
    stored: dict[Dimension, tuple[str, DimensionFact]] = field(default_factory=dict)
    vocabularies: list[tuple[str, VocabularyFact]] = field(default_factory=list)
    special_tokens: dict[str, str] = field(default_factory=dict)
    template: tuple[tuple[TemplatePiece, ...], str] = ((), "")

    def list_views(self) -> list[dict[Dimension, tuple[str, DimensionFact]]]:
        """List the shapes to compare: as stated, with gaps filled from the tensors, and as stored.

        A configuration may state another shape than the weights have, to hide where they come from.
        """
        views = [{**self.stored, **self.stated}]
        if self.stored and self.stated:
            views.append(self.stored | {key: self.stated[key] for key in _KEPT_KEYS if key in self.stated})
        return views


def gather_traits(traits: Iterable[tuple[str, ModelTraits]]) -> Sequence[GatheredTraits]:
    """Gather facts by model: one for the root, and one for each folder, part of a configuration and GGUF file.

    Args:
        traits: each with the address of its file, in the order of reading.
    """
    found = list(traits)
    gathered: dict[str, GatheredTraits] = {}
    for address, each in found:
        place = _name_place(address, each.part)
        _add_traits(gathered.setdefault(place, GatheredTraits(place)), address, each)
    for address, each in found:
        if each.part:
            # The tokenizer of a part lies beside the configuration.
            _share_tokenizer(gathered[_name_place(address, each.part)], gathered.get(_name_place(address, "")))
    tokenizers = [unit for unit in gathered.values() if not (unit.stated or unit.stored)]
    for unit in gathered.values():
        # A folder of its own for the tokenizer serves the model if it is the only one.
        if (unit.stated or unit.stored) and len(tokenizers) == 1:
            _share_tokenizer(unit, tokenizers[0])
    return tuple(gathered.values())


def _name_place(address: str, part: str) -> str:
    """Name the model or part that a file describes."""
    path = file_of(address)
    if path.lower().endswith(_OWN_UNIT_SUFFIX):
        return path
    folder = path.rpartition("/")[0]
    # Tokenizers of diffusion models lie beside the folder of their text encoder.
    return "/".join(filter(None, (folder, part)))


def _add_traits(gathered: GatheredTraits, address: str, traits: ModelTraits) -> None:
    """Add the facts of one file; the first file that states one counts, of layers in tensors the highest number."""
    is_stated = bool(traits.architecture or traits.vocabulary or address.lower().endswith((".json", ".gguf")))
    target = gathered.stated if is_stated else gathered.stored
    for fact in traits.dimensions:
        known = target.get(fact.dimension)
        is_later_layer = known is not None and fact.dimension is Dimension.LAYERS and fact.value > known[1].value
        if known is None or (is_later_layer and not is_stated):
            target[fact.dimension] = (address, fact)
    gathered.architecture = gathered.architecture or traits.architecture
    if traits.vocabulary is not None:
        gathered.vocabularies.append((address, traits.vocabulary))
    for token in traits.special_tokens:
        gathered.special_tokens.setdefault(token, address)
    if traits.template and not gathered.template[0]:
        gathered.template = (traits.template, address)


def _share_tokenizer(part: GatheredTraits, whole: GatheredTraits | None) -> None:
    """Add the tokenizer of the whole model to a part that has none."""
    if whole is None or part.vocabularies:
        return
    part.vocabularies += whole.vocabularies
    for token, address in whole.special_tokens.items():
        part.special_tokens.setdefault(token, address)
    part.template = part.template if part.template[0] else whole.template
