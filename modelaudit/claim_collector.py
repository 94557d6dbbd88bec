"""Collect the licence claims and texts of one repository from the structures of its files.

A licence check and a scan collect with this one class, and from the same files (``term_choice``).
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct, field

from modelaudit.licenses.evidence.claims import extract_claims, is_license_file_name
from modelaudit.licenses.evidence.fields import NOTICE, RESTRICTION, TEXT
from modelaudit.licenses.evidence.path_limits import find_path_limits
from modelaudit.licenses.evidence.scope import ROOT_CARD, ClaimScope, determine_scope
from modelaudit.licenses.evidence.text_claims import drop_repeated_code_claims, mark_claims_on_model
from modelaudit.licenses.evidence.unsearched_texts import (
    OVER_LIMIT,
    claim_uncompared_text,
    claim_unsearched_texts,
    is_over_limit,
)
from modelaudit.licenses.lineage.training_bases import find_restricted_bases
from modelaudit.licenses.obligations.permission import flatten_text
from modelaudit.model.address import is_member
from modelaudit.model.artifact import Snapshot
from modelaudit.model.catalogue import Catalogue
from modelaudit.model.evidence import Prose, ProseKind, Statements, Topic
from modelaudit.model.license import Basis, ClaimKind, LicenseClaim
from modelaudit.model.lineage import ModelTraits
from modelaudit.model.reading import Structure
from modelaudit.model.restrictions import is_unsearched
from modelaudit.model.structure import Location, ModelCard

if TYPE_CHECKING:
    from modelaudit.licenses.evidence.judged_texts import JudgedText

_KEPT_KINDS = frozenset({ProseKind.LICENSE, ProseKind.NOTICE, ProseKind.POLICY, ProseKind.CARD})
_MAX_KEPT_CHARACTERS = 200_000
_TEXT_BASES = frozenset({Basis.TEXT, Basis.VARIANT})
_MAX_TEXTS_OF_ONE_LICENSE = 4
_MAX_TEXTS = 40
_MIN_COMPARED_CHARACTERS = 500
_MAX_CHARACTERS_OF_ONE_TEXT = 400_000
"""A longer text counts as this many characters, because no more of it is searched for restrictions."""
_MAX_COMPARED_CHARACTERS = 2_000_000
"""Characters of different texts that are compared with licences in one repository; further texts become a doubt."""

# Hub tasks whose models read or write more than text (https://huggingface.co/tasks).
_MULTIMODAL_TASKS = frozenset(
    {
        *("any-to-any", "audio-text-to-text", "document-question-answering", "image-text-to-image"),
        *("image-text-to-text", "image-text-to-video", "image-to-text", "video-text-to-text"),
        *("visual-document-retrieval", "visual-question-answering"),
    }
)


class KeptText:
    """The text of one file, which is normalized by ``flatten_text`` when it is called first.

    Attributes:
        parts: as the file has them.
    """

    def __init__(self) -> None:
        self.parts: list[str] = []
        self._flattened: list[str] = []

    def __call__(self) -> str:
        """Return the normalized text."""
        self._flattened += map(flatten_text, self.parts[len(self._flattened) :])
        return " ".join(self._flattened)


class ClaimCollector(Struct):
    """Collects the licence claims and texts of one repository, one structure after the other.

    Attributes:
        rules: the rule set.
        folders: further rule folders, whose fingerprints are used too.
        claims: in the order of the files.
        texts: texts of cards, licence files and notices by path.
        kinds: the kind of each of these texts.
        components: id from ``rules/openness.yaml`` -> the file that states this part of the release.
        fields: the fields of the root card that have a value.
        multimodal: whether the model handles more than text; ``None`` if no file states it.
        compared_characters: characters that were compared with licences so far.
        read_paths: the files whose text was read.
        traits: the facts about architecture and tokenizer, each with its address.
        license_texts: by the id of a licence, the texts that are it or a variant of it, with their addresses.
        pointers: licence files that say nothing but in which other files the licences are, with the names of these.
        unsearched: the texts behind the limit on the texts of one model, by what they may be about.
    """

    rules: Catalogue
    folders: Sequence[Path] = ()
    claims: list[LicenseClaim] = field(default_factory=list)
    texts: dict[str, KeptText] = field(default_factory=dict)
    kinds: dict[str, ProseKind] = field(default_factory=dict)
    components: dict[str, str] = field(default_factory=dict)
    fields: set[str] = field(default_factory=set)
    multimodal: bool | None = None
    compared_characters: int = 0
    _seen_text_hashes: set[int] = field(default_factory=set)
    read_paths: set[str] = field(default_factory=set)
    traits: list[tuple[str, ModelTraits]] = field(default_factory=list)
    license_texts: dict[str, list[tuple[str, Prose]]] = field(default_factory=dict)
    pointers: dict[str, tuple[str, ...]] = field(default_factory=dict)
    unsearched: dict[ClaimScope, list[str]] = field(default_factory=dict)

    def collect_claims(self, address: str, structure: Structure) -> None:
        """Collect the claims of one structure about licence and base models; most structures have none."""
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
                self.claims += find_restricted_bases(structure, address, self.rules)
            case ModelTraits():
                self.traits.append((address, structure))
            case Prose():
                first = len(self.claims)
                self._collect_text_claims(structure, address)
                self.claims[first:] = mark_claims_on_model(structure, address, self.claims[first:])
            case _:
                pass

    def _record_statements(self, statements: Statements, address: str) -> None:
        """Record the parts of the release and the modality that the statements name."""
        for each in statements.items:
            if each.topic is Topic.COMPONENT:
                self.components.setdefault(each.value, address)
            elif each.topic is Topic.MODALITY:
                self.multimodal = self.multimodal or each.value == "multimodal"

    def _collect_text_claims(self, prose: Prose, address: str) -> None:
        """Collect the claims of one text, and keep the text to look for notices that a licence requires.

        A text over the limit is not compared with licences; a claim records this doubt.
        """
        if prose.text.strip():
            self.read_paths.add(address)
        # Fingerprints and the classifier load slowly, and many models have no text that could be a licence.
        from modelaudit.catalogue.fingerprints import load_fingerprints
        from modelaudit.licenses.evidence.judged_texts import judge_text

        cost = self._count_characters_to_compare(prose)
        if cost is None:
            if is_license_file_name(address):
                self.read_paths.discard(address)  # it is an unread licence file, and each such file is a doubt
            else:
                self._record_unsearched(address)
            return
        self.compared_characters += cost
        if len(prose.text) > _MAX_CHARACTERS_OF_ONE_TEXT:
            bound = f"only its first {_MAX_CHARACTERS_OF_ONE_TEXT} characters were searched"
            self.claims.append(claim_uncompared_text(address, bound))
        restrictions = sum(each.artifact == address and each.field == RESTRICTION for each in self.claims)
        judged = judge_text(prose, address, self.rules, load_fingerprints(extra=self.folders), restrictions)
        self.claims += judged.licenses
        self._keep_license_text(prose, address, judged)
        self.claims += judged.limits
        if prose.kind in _KEPT_KINDS and not is_member(address) and len(self.texts) < _MAX_TEXTS:
            self.texts.setdefault(address, KeptText()).parts.append(prose.text[:_MAX_KEPT_CHARACTERS])
            self.kinds.setdefault(address, prose.kind)

    def _claim_siblings(self, address: str, names: Iterable[str]) -> list[LicenseClaim]:
        """Claim the licences of the files that a licence file points to, if each of them is a licence word for word."""
        claimed = []
        for name in names:
            path = posixpath.join(posixpath.dirname(address), name)
            found = [claim for claim in self.claims if claim.artifact == path]
            if not found or not all(claim.field == TEXT and claim.basis is Basis.TEXT for claim in found):
                return []
            place = Location(line=1)
            claimed += [
                LicenseClaim(ClaimKind.FOUND, address, NOTICE, name, claim.entry, place, basis=Basis.NAME)
                for claim in found
            ]
        return claimed

    def _keep_license_text(self, prose: Prose, address: str, judged: JudgedText) -> None:
        """Keep a text to quote its clauses, for each licence that it is or resembles, and the files it points to."""
        if judged.siblings:
            self.pointers[address] = judged.siblings
        for claim in judged.licenses:
            kept = (
                self.license_texts.setdefault(claim.entry, []) if claim.entry and claim.basis in _TEXT_BASES else None
            )
            if kept is not None and len(kept) < _MAX_TEXTS_OF_ONE_LICENSE:
                kept.append((address, prose))

    def _record_unsearched(self, address: str) -> None:
        """Record a text behind the limit: one doubt of a scope stands for all of its texts."""
        doubt = claim_uncompared_text(address, OVER_LIMIT)
        scope = determine_scope(doubt)
        if scope in self.unsearched:
            self.unsearched[scope].append(address)
        elif not self._has_doubt(scope):
            self.unsearched[scope] = [address]
            self.claims.append(doubt)

    def _has_doubt(self, scope: ClaimScope) -> bool:
        """Whether a claim on an uncompared text makes another one of this scope needless.

        One doubt is enough, except that one on a component has no effect on the model.
        """
        scopes = {determine_scope(claim) for claim in self.claims if is_unsearched(claim.location)}
        return scope in scopes or bool(scopes - {ClaimScope.COMPONENT})

    def _count_characters_to_compare(self, prose: Prose) -> int | None:
        """Return the characters to compare, 0 for a text that was compared before; ``None`` if over the limit.

        A short text counts as ``_MIN_COMPARED_CHARACTERS``, because a comparison has a cost of its own.
        """
        key = hash(prose.text)
        if key in self._seen_text_hashes:
            return 0
        size = min(max(len(prose.text), _MIN_COMPARED_CHARACTERS), _MAX_CHARACTERS_OF_ONE_TEXT)
        if self.compared_characters + size > _MAX_COMPARED_CHARACTERS:
            return None
        self._seen_text_hashes.add(key)
        return size

    def finish(self, snapshot: Snapshot) -> None:
        """Add the statements of the Hub, and sort the claims: those of the root card come first."""
        if snapshot.hub_statements is not None:
            self.collect_claims("", snapshot.hub_statements)
        for address, names in self.pointers.items():
            self.claims += self._claim_siblings(address, names)
        self.claims += find_path_limits(artifact.path for artifact in snapshot.artifacts)
        counted = {addresses[0]: claim_unsearched_texts(addresses) for addresses in self.unsearched.values()}
        self.claims[:] = [counted[each.artifact] if is_over_limit(each) else each for each in self.claims]
        self.claims.sort(key=lambda claim: claim.artifact != ROOT_CARD)
        self.claims[:] = drop_repeated_code_claims(self.claims)
