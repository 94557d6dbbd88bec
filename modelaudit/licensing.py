"""The story of a licence on one page: what the files say, what the origins say, and what follows for the use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from modelaudit.licenses import conclude
from modelaudit.licenses.conclusion.agreement import agreement_by
from modelaudit.licenses.evidence.claims import claims_of, holds_license_text
from modelaudit.licenses.evidence.record import Evidence
from modelaudit.licenses.evidence.restriction_sentences import NOT_COMPARED, not_compared, restrictions_in
from modelaudit.licenses.evidence.scope import ROOT_CARD
from modelaudit.licenses.evidence.text_claims import without_repeats
from modelaudit.licenses.lineage.traversal import Found, LookUp, follow
from modelaudit.licenses.obligations.permission import flattened
from modelaudit.model.address import is_member
from modelaudit.model.artifact import Artifact, Snapshot
from modelaudit.model.catalogue import Catalogue
from modelaudit.model.errors import GatedError, MissingError, SourceError
from modelaudit.model.evidence import Prose, ProseKind, Statements, Topic
from modelaudit.model.license import LicenseClaim, LicenseConclusion, OriginState
from modelaudit.model.limits import Limits
from modelaudit.model.reading import Structure
from modelaudit.model.structure import ModelCard
from modelaudit.model.terms import Intent
from modelaudit.sources import resolve_small

ReadArtifact = Callable[[Artifact], Iterable[tuple[str, Structure]]]
"""Reads one artifact whole; what is damaged or fails is left out. The pipeline gives it, with its error boundary."""

_TEXTS = frozenset({ProseKind.LICENSE, ProseKind.NOTICE, ProseKind.POLICY, ProseKind.CARD})
_RESTRICTING = frozenset({ProseKind.NOTICE, ProseKind.CARD, ProseKind.CODE})
_TEXT_LENGTH = 200_000
_MOST_TEXTS = 40
_LEAST_COST = 500
_MOST_COMPARED = 2_000_000
"""Characters of different texts that are looked at of one repository; more of them is a doubt."""

# Tasks of the Hub in which a model takes in, or puts out, more than text (https://huggingface.co/tasks).
_MORE_THAN_TEXT = frozenset(
    {
        *("any-to-any", "audio-text-to-text", "document-question-answering", "image-text-to-image"),
        *("image-text-to-text", "image-text-to-video", "image-to-text", "video-text-to-text"),
        *("visual-document-retrieval", "visual-question-answering"),
    }
)


@dataclass(slots=True)
class Hearing:
    """What the files of one repository say, heard one structure after the other.

    Attributes:
        folders: further rule folders, which may know further texts.
        claims: in the order of the files.
        multimodal: whether the model handles more than text; ``None`` where nobody says so.
        heard: the files of whose text something was read.
    """

    rules: Catalogue
    folders: Sequence[Path] = ()
    claims: list[LicenseClaim] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    kinds: dict[str, ProseKind] = field(default_factory=dict)
    components: dict[str, str] = field(default_factory=dict)
    fields: set[str] = field(default_factory=set)
    multimodal: bool | None = None
    compared: int = 0
    _seen: set[int] = field(default_factory=set)
    heard: set[str] = field(default_factory=set)

    def hear(self, address: str, structure: Structure) -> None:
        """Take what one structure says of licence and origins; most structures say nothing of them."""
        licenses, vague = self.rules.licenses, self.rules.vague_licenses
        match structure:
            case ModelCard():
                self.claims += claims_of(structure, address, licenses, vague)
                if address == ROOT_CARD:
                    self.fields |= {each.key for each in structure.fields if each.values}
                    if _MORE_THAN_TEXT & set(structure.values("pipeline_tag")):
                        self.multimodal = True
            case Statements():
                self.claims += claims_of(structure, address, licenses, vague)
                self._note(structure, address)
            case Prose():
                self._read(structure, address)
            case _:
                pass

    def _note(self, statements: Statements, address: str) -> None:
        for each in statements.items:
            if each.topic is Topic.COMPONENT:
                self.components.setdefault(each.value, address)
            elif each.topic is Topic.MODALITY:
                self.multimodal = self.multimodal or each.value == "multimodal"

    def _read(self, prose: Prose, address: str) -> None:
        self.heard.add(address)
        # Fingerprints and the classifier take a while to load, and many models hold no text that could be a licence.
        from modelaudit.catalogue.fingerprints import load_fingerprints
        from modelaudit.licenses.evidence.text_claims import prose_claims

        size = self._size_of(prose)
        if size is None:
            if not holds_license_text(address) and not any(map(_is_left, self.claims)):
                self.claims.append(not_compared(address))
            return
        self.compared += size
        self.claims += prose_claims(prose, address, self.rules.licenses, load_fingerprints(extra=self.folders))
        if prose.kind in _RESTRICTING:
            commented = prose.kind is ProseKind.CODE
            given = restrictions_in(prose.text, prose.first_line, address, self.rules.restrictions, commented=commented)
            self.claims += given
        if prose.kind in _TEXTS and not is_member(address) and len(self.texts) < _MOST_TEXTS:
            heard = flattened(prose.text[:_TEXT_LENGTH])
            self.texts[address] = f"{self.texts[address]} {heard}" if address in self.texts else heard
            self.kinds.setdefault(address, prose.kind)

    def _size_of(self, prose: Prose) -> int | None:
        """The characters that looking at a text will cost, none for one that stood elsewhere; ``None`` for too many."""
        key = hash(prose.text)
        if key in self._seen:
            return 0
        self._seen.add(key)
        size = min(max(len(prose.text), _LEAST_COST), 2 * _TEXT_LENGTH)
        return size if self.compared + size <= _MOST_COMPARED else None

    def finish(self, snapshot: Snapshot) -> None:
        """Take what the Hub itself says; the claims of the root card come first, as lineage wants them."""
        if snapshot.stated is not None:
            self.hear("", snapshot.stated)
        self.claims.sort(key=lambda claim: claim.artifact != ROOT_CARD)
        self.claims[:] = without_repeats(self.claims)


@dataclass(slots=True)
class Origins:
    """Looks at what a model was made from: at the small files of each, and nothing else.

    Attributes:
        modalities: whether each one that was read handles more than text, by its name without case.
    """

    rules: Catalogue
    limits: Limits
    offline: bool
    read: ReadArtifact
    folders: Sequence[Path] = ()
    modalities: dict[str, bool] = field(default_factory=dict)

    def look_up(self, name: str, is_dataset: bool) -> Found:
        """What one repository of the Hub says of itself; never raises for what cannot be seen."""
        try:
            snapshot = resolve_small(name, is_dataset=is_dataset, offline=self.offline, limits=self.limits)
        except GatedError as error:
            return self._seen(name, error.snapshot, OriginState.GATED, _line(error))
        except MissingError as error:
            return Found(OriginState.MISSING, _line(error))
        except SourceError as error:
            return Found(OriginState.UNREACHED, _line(error))
        return self._seen(name, snapshot, OriginState.READ, "")

    def _seen(self, name: str, snapshot: Snapshot | None, look: OriginState, detail: str) -> Found:
        if snapshot is None:
            return Found(look, detail)
        hearing = Hearing(self.rules, self.folders)
        for artifact in snapshot.artifacts:
            if artifact.open is not None:
                for address, structure in self.read(artifact):
                    hearing.hear(address, structure)
        hearing.finish(snapshot)
        if hearing.multimodal is not None:
            self.modalities[name.casefold()] = hearing.multimodal
        paths = [artifact.path for artifact in snapshot.artifacts]
        if look is OriginState.GATED:
            # A licence file that nobody may open says nothing against what the Hub shows of the card.
            paths = [path for path in paths if not holds_license_text(path)]
        return Found(look, detail or _summary(hearing), snapshot.commit, tuple(hearing.claims), tuple(paths))


def conclude_on(
    hearing: Hearing,
    snapshot: Snapshot,
    origins: Origins,
    intent: Intent,
    look_up: LookUp | None = None,
) -> LicenseConclusion:
    """Follow what the model was made from, conclude, and answer to the intended use.

    Args:
        hearing: what its files say.
        snapshot: the model.
        origins: the way to look at others.
        intent: what is stated of the use, if anything.
        look_up: what is asked of others; by default that of ``origins``.
    """
    rules = hearing.rules
    hearing.finish(snapshot)
    paths = [artifact.path for artifact in snapshot.artifacts]
    repository = snapshot.ref.name if snapshot.commit else None
    agreement = agreement_by(rules)
    found, datasets = follow(
        hearing.claims,
        look_up or origins.look_up,
        lambda claims, files: agreement.weigh(claims, files),
        origins.limits,
        own=repository or "",
        paths=paths,
    )
    evidence = Evidence(
        claims=hearing.claims,
        paths=paths,
        repository=repository,
        origins=found,
        datasets=datasets,
        texts=hearing.texts,
        kinds=hearing.kinds,
        modalities=origins.modalities,
        multimodal=hearing.multimodal,
        fields=hearing.fields,
        components=hearing.components,
        unread=[path for path in paths if holds_license_text(path) and path not in hearing.heard],
    )
    return conclude(evidence, rules, intent if intent != Intent() else None)


def _is_left(claim: LicenseClaim) -> bool:
    return claim.location.key == NOT_COMPARED


def _line(error: Exception) -> str:
    """An error as one line."""
    return " ".join(str(error).split())[:300]


def _summary(hearing: Hearing) -> str:
    stated: Mapping[str, None] = dict.fromkeys(
        f"{claim.field}: {' '.join(claim.quotation.split())[:80]}"
        for claim in hearing.claims
        if claim.kind == "declared"
    )
    return "; ".join(list(stated)[:3]) or "it states no licence"
