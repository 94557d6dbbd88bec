"""The story of a licence on one page: what the files say, what the origins say, and what follows for the use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from modelaudit.licenses import conclude
from modelaudit.licenses.conclusion.agreement import get_agreement_checker
from modelaudit.licenses.evidence.claims import extract_claims, is_license_file_name
from modelaudit.licenses.evidence.record import Evidence
from modelaudit.licenses.evidence.restriction_sentences import NOT_COMPARED, claim_uncompared_text, find_restrictions
from modelaudit.licenses.evidence.scope import ROOT_CARD
from modelaudit.licenses.evidence.text_claims import drop_repeated_code_claims
from modelaudit.licenses.lineage.traversal import LookUp, LookupResult, trace_base_models
from modelaudit.licenses.obligations.permission import flatten_text
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

_KEPT_KINDS = frozenset({ProseKind.LICENSE, ProseKind.NOTICE, ProseKind.POLICY, ProseKind.CARD})
_RESTRICTING_KINDS = frozenset({ProseKind.NOTICE, ProseKind.CARD, ProseKind.CODE})
_MAX_TEXT_CHARACTERS = 200_000
_MAX_TEXTS = 40
_MIN_COST = 500
_MAX_COMPARED_CHARACTERS = 2_000_000
"""Characters of different texts that are looked at of one repository; more of them is a doubt."""

# Tasks of the Hub in which a model takes in, or puts out, more than text (https://huggingface.co/tasks).
_MULTIMODAL_TASKS = frozenset(
    {
        *("any-to-any", "audio-text-to-text", "document-question-answering", "image-text-to-image"),
        *("image-text-to-text", "image-text-to-video", "image-to-text", "video-text-to-text"),
        *("visual-document-retrieval", "visual-question-answering"),
    }
)


@dataclass(slots=True)
class ClaimCollector:
    """What the files of one repository say, one structure after the other.

    Attributes:
        folders: further rule folders, which may know further texts.
        claims: in the order of the files.
        multimodal: whether the model handles more than text; ``None`` where nobody says so.
        read_paths: the files of whose text something was read.
    """

    rules: Catalogue
    folders: Sequence[Path] = ()
    claims: list[LicenseClaim] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    kinds: dict[str, ProseKind] = field(default_factory=dict)
    components: dict[str, str] = field(default_factory=dict)
    fields: set[str] = field(default_factory=set)
    multimodal: bool | None = None
    compared_characters: int = 0
    _seen: set[int] = field(default_factory=set)
    read_paths: set[str] = field(default_factory=set)

    def collect_claims(self, address: str, structure: Structure) -> None:
        """Take what one structure says of licence and origins; most structures say nothing of them."""
        licenses, vague = self.rules.licenses, self.rules.vague_licenses
        match structure:
            case ModelCard():
                self.claims += extract_claims(structure, address, licenses, vague)
                if address == ROOT_CARD:
                    self.fields |= {each.key for each in structure.fields if each.values}
                    if _MULTIMODAL_TASKS & set(structure.values("pipeline_tag")):
                        self.multimodal = True
            case Statements():
                self.claims += extract_claims(structure, address, licenses, vague)
                self._record_statements(structure, address)
            case Prose():
                self._collect_text_claims(structure, address)
            case _:
                pass

    def _record_statements(self, statements: Statements, address: str) -> None:
        for each in statements.items:
            if each.topic is Topic.COMPONENT:
                self.components.setdefault(each.value, address)
            elif each.topic is Topic.MODALITY:
                self.multimodal = self.multimodal or each.value == "multimodal"

    def _collect_text_claims(self, prose: Prose, address: str) -> None:
        self.read_paths.add(address)
        # Fingerprints and the classifier take a while to load, and many models hold no text that could be a licence.
        from modelaudit.catalogue.fingerprints import load_fingerprints
        from modelaudit.licenses.evidence.text_claims import extract_text_claims

        size = self._measure_cost(prose)
        if size is None:
            if not is_license_file_name(address) and not any(map(_marks_uncompared_text, self.claims)):
                self.claims.append(claim_uncompared_text(address))
            return
        self.compared_characters += size
        self.claims += extract_text_claims(prose, address, self.rules.licenses, load_fingerprints(extra=self.folders))
        if prose.kind in _RESTRICTING_KINDS:
            commented = prose.kind is ProseKind.CODE
            given = find_restrictions(
                prose.text, prose.first_line, address, self.rules.restrictions, commented=commented
            )
            self.claims += given
        if prose.kind in _KEPT_KINDS and not is_member(address) and len(self.texts) < _MAX_TEXTS:
            words = flatten_text(prose.text[:_MAX_TEXT_CHARACTERS])
            self.texts[address] = f"{self.texts[address]} {words}" if address in self.texts else words
            self.kinds.setdefault(address, prose.kind)

    def _measure_cost(self, prose: Prose) -> int | None:
        """The characters that looking at a text will cost, none for one that stood elsewhere; ``None`` for too many."""
        key = hash(prose.text)
        if key in self._seen:
            return 0
        self._seen.add(key)
        size = min(max(len(prose.text), _MIN_COST), 2 * _MAX_TEXT_CHARACTERS)
        return size if self.compared_characters + size <= _MAX_COMPARED_CHARACTERS else None

    def finish(self, snapshot: Snapshot) -> None:
        """Take what the Hub itself says; the claims of the root card come first, as lineage wants them."""
        if snapshot.stated is not None:
            self.collect_claims("", snapshot.stated)
        self.claims.sort(key=lambda claim: claim.artifact != ROOT_CARD)
        self.claims[:] = drop_repeated_code_claims(self.claims)


@dataclass(slots=True)
class BaseModelLookup:
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

    def look_up(self, name: str, is_dataset: bool) -> LookupResult:
        """What one repository of the Hub says of itself; never raises for what cannot be seen."""
        try:
            snapshot = resolve_small(name, is_dataset=is_dataset, offline=self.offline, limits=self.limits)
        except GatedError as error:
            return self._read_snapshot(name, error.snapshot, OriginState.GATED, _format_error(error))
        except MissingError as error:
            return LookupResult(OriginState.MISSING, _format_error(error))
        except SourceError as error:
            return LookupResult(OriginState.UNREACHED, _format_error(error))
        return self._read_snapshot(name, snapshot, OriginState.READ, "")

    def _read_snapshot(self, name: str, snapshot: Snapshot | None, look: OriginState, detail: str) -> LookupResult:
        if snapshot is None:
            return LookupResult(look, detail)
        hearing = ClaimCollector(self.rules, self.folders)
        for artifact in snapshot.artifacts:
            if artifact.open is not None:
                for address, structure in self.read(artifact):
                    hearing.collect_claims(address, structure)
        hearing.finish(snapshot)
        if hearing.multimodal is not None:
            self.modalities[name.casefold()] = hearing.multimodal
        paths = [artifact.path for artifact in snapshot.artifacts]
        if look is OriginState.GATED:
            # A licence file that nobody may open says nothing against what the Hub shows of the card.
            paths = [path for path in paths if not is_license_file_name(path)]
        return LookupResult(
            look, detail or _summarize_claims(hearing), snapshot.commit, tuple(hearing.claims), tuple(paths)
        )


def conclude_license(
    hearing: ClaimCollector,
    snapshot: Snapshot,
    origins: BaseModelLookup,
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
    agreement = get_agreement_checker(rules)
    found, datasets = trace_base_models(
        hearing.claims,
        look_up or origins.look_up,
        lambda claims, files: agreement.assess(claims, files),
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
        unread=[path for path in paths if is_license_file_name(path) and path not in hearing.read_paths],
    )
    return conclude(evidence, rules, intent if intent != Intent() else None)


def _marks_uncompared_text(claim: LicenseClaim) -> bool:
    return claim.location.key == NOT_COMPARED


def _format_error(error: Exception) -> str:
    """An error as one line."""
    return " ".join(str(error).split())[:300]


def _summarize_claims(hearing: ClaimCollector) -> str:
    stated: Mapping[str, None] = dict.fromkeys(
        f"{claim.field}: {' '.join(claim.quotation.split())[:80]}"
        for claim in hearing.claims
        if claim.kind == "declared"
    )
    return "; ".join(list(stated)[:3]) or "it states no licence"
