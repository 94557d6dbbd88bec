"""The evidence about one model: everything that was read and that a licence conclusion rests on."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial

from msgspec import Struct, field

from modelaudit.licenses.evidence.texts_on_demand import TextsOnDemand
from modelaudit.model.evidence import Prose, ProseKind
from modelaudit.model.license import DatasetClaim, LicenseClaim, Origin
from modelaudit.model.lineage import BaseModels, ModelTraits


class Evidence(Struct, frozen=True):
    """Everything that was read of one model and of its base models.

    Attributes:
        claims: from cards, metadata, texts and the Hub, in any order.
        paths: POSIX paths of the snapshot's files; members of containers may be among them and are ignored.
        repository: Hub id of the model, which identifies links into its own files; ``None`` for a folder.
        origins: the base models, direct and indirect.
        datasets: the data sets that the card names.
        texts: texts of cards, licence files and notices by path, normalized by ``flatten_text``.
        kinds: the kind of each text, by path.
        modalities: whether a base model handles more than text, by its case-folded name.
        multimodal: whether the model itself handles more than text; ``None`` if unknown.
        fields: the fields of the root card that have a value.
        components: id from ``rules/openness.yaml`` -> the file that states this part of the release.
        unread: paths of licence files that could not be read at all.
        read: paths of the files whose text was read and compared with every licence.
        license_texts: by the id of a licence, the texts that are it or a variant of it, with their paths.
        traits: the facts about architecture and tokenizer, each with the address of its file.
        base_models: the base models on record.
        weights_elsewhere: where the folder in question holds no weights, the first file of the repository with weights.
        unnamed_weights: paths of files that may be weights by their content, whatever their names.
    """

    claims: Sequence[LicenseClaim]
    paths: Sequence[str]
    repository: str | None = None
    origins: Sequence[Origin] = ()
    datasets: Sequence[DatasetClaim] = ()
    texts: Mapping[str, str] = field(default_factory=dict)
    kinds: Mapping[str, ProseKind] = field(default_factory=dict)
    modalities: Mapping[str, bool] = field(default_factory=dict)
    multimodal: bool | None = None
    fields: Collection[str] = ()
    components: Mapping[str, str] = field(default_factory=dict)
    unread: Sequence[str] = ()
    read: Collection[str] = ()
    license_texts: Mapping[str, Sequence[tuple[str, Prose]]] = field(default_factory=dict)
    traits: Sequence[tuple[str, ModelTraits]] = ()
    base_models: BaseModels = field(default_factory=BaseModels)
    unnamed_weights: Sequence[str] = ()
    weights_elsewhere: str = ""

    def select_texts(self, *kinds: ProseKind) -> Mapping[str, str]:
        """Select the texts of the given kinds, by path."""
        selected = (path for path in self.texts if self.kinds.get(path) in kinds)
        return TextsOnDemand({path: partial(self.texts.__getitem__, path) for path in selected})
