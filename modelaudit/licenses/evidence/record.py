"""Everything that was read of one model, as the conclusion takes it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from modelaudit.model.evidence import ProseKind
from modelaudit.model.license import DatasetClaim, LicenseClaim, Origin


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a model says and what it was made from.

    Attributes:
        claims: of cards, metadata, texts and the Hub, in any order.
        paths: the files of the snapshot, POSIX paths; members of containers may be among them and are ignored.
        repository: Hub id of the model, so that a link into its own files is known as such; ``None`` for a folder.
        texts: the words of cards, licence files and notices by path, as ``flattened`` leaves them.
        kinds: what kind of prose each of these is.
        modalities: whether an origin that was read handles more than text, by its name without case.
        multimodal: whether the model itself does; ``None`` where that is not known.
        fields: the fields that the root card has.
        components: parts of a release that some file states, by the id of ``rules/openness.yaml``, each with the file.
        unread: licence files of which not a word was read, by their paths.
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

    def select_texts(self, *kinds: ProseKind) -> dict[str, str]:
        """The texts of certain kinds by path."""
        return {path: text for path, text in self.texts.items() if self.kinds.get(path) in kinds}
