"""Take the signatures beside the files of a model as sources of claims, and compare the names with what they cover."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterable, Iterator, Sequence, Set
from pathlib import Path
from typing import Final, NamedTuple

from modelaudit.integrity.bundles import MOST_BYTES, Bundle, may_be_bundle, parse_bundle
from modelaudit.integrity.digests import can_compute
from modelaudit.integrity.signed_manifest import (
    DEFAULT_IGNORED,
    PREDICATE_FAMILY,
    SignedManifest,
    SignedPart,
    read_manifest,
)
from modelaudit.integrity.signed_parts import hash_parts, read_start
from modelaudit.integrity.statements import parse_statement
from modelaudit.integrity.strict_json import shorten
from modelaudit.integrity.user_files import read_user_file
from modelaudit.integrity.verifiers import Verifier, explain_unchecked, find_signer
from modelaudit.model.address import read_file_path, write_file_address
from modelaudit.model.artifact import Artifact, RefKind, Snapshot
from modelaudit.model.code_names import has_code_name
from modelaudit.model.copies import replace
from modelaudit.model.digest import Claim, ClaimSource, Digest, DigestAlgorithm, sort_claims
from modelaudit.model.errors import (
    ConfigurationError,
    SignatureError,
    UncheckedSignerError,
    UntrustedSignerError,
    WindowError,
)
from modelaudit.model.limits import Limits
from modelaudit.model.signature import Signature, SignatureState
from modelaudit.model.source_fact import SourceFact, SourceFactKind
from modelaudit.model.structure import Unread, UnreadReason
from modelaudit.model.tree import EntryKind, is_bookkeeping, is_git_setting
from modelaudit.model.verification import DifferenceKind, TreeDifference, VerifiedFile
from modelaudit.sources.entries import list_tree

_SIGNATURE_DIFFERENCES: Final = {
    SourceFactKind.SIGNATURE_REFUSED: DifferenceKind.SIGNATURE,
    SourceFactKind.NOT_SIGNED: DifferenceKind.ADDED,
    SourceFactKind.SIGNED_RANGE_DIFFERS: DifferenceKind.CONTRADICTED,
}
_SUFFIXES: Final = (".sig", ".sigstore", ".sigstore.json")
_NAMES: Final = frozenset({"claims.jsonl"})
_HEAD: Final = 4096
_MOST_SIGNATURES: Final = 20
ALLOWED_GAPS: Final = (*DEFAULT_IGNORED, ".gitmodules", ".cache", "__pycache__")
"""The ignored paths at the root that a signature may have if the policy does not name others."""


def add_signatures(
    snapshot: Snapshot,
    verifiers: Sequence[Verifier],
    allowed_gaps: Collection[str] = ALLOWED_GAPS,
    detached: Sequence[Path] = (),
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> Snapshot:
    """Return the snapshot with the result for each signature that lies in it, and with what the verified ones state.

    A verified signature claims the digest of each file that it covers. A covered file that is not there becomes an
    artifact without content. Each other result is a fact.

    Args:
        snapshot: the model.
        verifiers: of the trusted signers.
        allowed_gaps: the paths that a signature may leave out, from the root.
        detached: signatures outside of the model.
        limits: bounds on the listing of folders.

    Raises:
        ConfigurationError: a detached signature cannot be read, or the model is a single file.
        SourceError: the folder of the model cannot be listed any more.
    """
    if snapshot.ref.kind is RefKind.FILE:
        if detached:
            raise ConfigurationError(f"{snapshot.ref.name!r} is a file; --signature covers a folder of a model")
        return snapshot
    adding = _Adding(snapshot, verifiers, frozenset(allowed_gaps), limits)
    adding.add_files()
    for file in detached:
        adding.add_detached(file)
    return adding.finish()


def is_signature_name(path: str) -> bool:
    """Whether a file at the root has a name that signers of models use."""
    return "/" not in path and (path.lower().endswith(_SUFFIXES) or path in _NAMES)


class _File(NamedTuple):
    """The file of a signature: its SHA-256, empty if not all of it was read, and if it lies outside of the model."""

    sha256: str = ""
    detached: bool = False


class _Adding:
    """The artifacts, facts and signatures of a snapshot, while its signatures are checked one by one."""

    def __init__(
        self, snapshot: Snapshot, verifiers: Sequence[Verifier], allowed_gaps: frozenset[str], limits: Limits
    ) -> None:
        self._snapshot = snapshot
        self._limits = limits
        self._verifiers = verifiers
        self._allowed_gaps = allowed_gaps
        self._artifacts = {read_file_path(each.path): each for each in snapshot.artifacts}
        self._facts: list[SourceFact] = []
        self._signatures: list[Signature] = []
        self._records: frozenset[str] = frozenset()
        self._untrusted: list[tuple[str, Bundle | None, str, _File]] = []
        self._file = _File()

    def finish(self) -> Snapshot:
        """Return the snapshot with all that was added.

        A signature of somebody else beside one of a trusted signer is a countersignature, which proves nothing and
        contradicts nothing. Alone, it is refused.
        """
        is_signed = any(each.state is SignatureState.VERIFIED for each in self._signatures)
        for record, bundle, reason, file in self._untrusted:
            self._file = file
            if is_signed:
                self._leave_unchecked(record, bundle, f"it is of no trusted signer: {reason}")
            else:
                self._refuse(record, reason, bundle)
        return replace(
            self._snapshot,
            artifacts=tuple(sorted(self._artifacts.values(), key=lambda artifact: artifact.path)),
            facts=(*self._snapshot.facts, *self._facts),
            signatures=tuple(self._signatures),
            signature_records=self._records,
        )

    def add_files(self) -> None:
        """Check each signature that lies in the model."""
        files = {path: each for path, each in self._artifacts.items() if is_signature_name(path) and each.open}
        bundles = {}
        for path, artifact in files.items():
            try:
                if may_be_bundle(read_start(artifact, _HEAD), path in _NAMES):
                    bundles[path] = artifact
                elif path not in _NAMES:
                    self._leave_unchecked(path, None, "it is not a Sigstore bundle, and no other kind is checked")
            except WindowError as error:
                self._refuse(path, f"it cannot be read: {error}")
        # Another file is a file of the model, so that a signature has to cover it.
        self._records = frozenset(bundles)
        for number, (path, artifact) in enumerate(bundles.items(), 1):
            self._file = _File()
            if number > _MOST_SIGNATURES:
                self._refuse(path, f"the model has {len(bundles)} files of signatures; {_MOST_SIGNATURES} are read")
                break
            try:
                self._add_bundles(read_start(artifact, MOST_BYTES + 1), path)
            except WindowError as error:
                self._refuse(path, f"it cannot be read: {error}")

    def add_detached(self, path: Path) -> None:
        """Check each bundle of a file outside of the model. Raises ``ConfigurationError`` if it cannot be read."""
        self._add_bundles(read_user_file(path, "--signature", MOST_BYTES), path.name, detached=True)

    def _add_bundles(self, data: bytes, record: str, detached: bool = False) -> None:
        """Check the bundles of a file."""
        self._file = _File(hashlib.sha256(data).hexdigest() if len(data) <= MOST_BYTES else "", detached)
        lines = data.splitlines() if record in _NAMES else [data]
        bundles = [line for line in lines if line.strip()]
        if not bundles:
            self._refuse(record, "it is empty")
        if len(bundles) > _MOST_SIGNATURES:
            self._refuse(record, f"it holds {len(bundles)} bundles, and at most {_MOST_SIGNATURES} are read")
            return
        for each in bundles:
            self._add_bundle(each, record)

    def _add_bundle(self, data: bytes, record: str) -> None:
        """Check one bundle, and add what follows from the result."""
        bundle: Bundle | None = None
        try:
            bundle = parse_bundle(data)
            statement = parse_statement(bundle.envelope.payload)
            if not statement.predicate_type.startswith(PREDICATE_FAMILY) and not record.endswith(".sig"):
                reason = f"it is an attestation of {shorten(statement.predicate_type)}, and no signature of a model"
                self._leave_unchecked(record, bundle, reason)
                return
            manifest = read_manifest(statement)
            signer = find_signer(bundle, self._verifiers)
            if signer is not None:
                self._refuse_wide_gaps(manifest)
        except UncheckedSignerError as error:
            self._leave_unchecked(record, bundle, str(error))
            return
        except UntrustedSignerError as error:
            self._untrusted.append((record, bundle, str(error), self._file))
            return
        except SignatureError as error:
            self._refuse(record, str(error), bundle)
            return
        if signer is None:
            self._leave_unchecked(record, bundle, explain_unchecked(bundle.method, self._verifiers))
        elif not can_compute(manifest.algorithm):
            self._leave_unchecked(record, bundle, f"its digests are {manifest.algorithm}; install the package blake3")
        else:
            others = self._list_others(manifest)
            left_out = [path for path in others if manifest.leaves_out(path)]
            uncovered = [path for path in others if not manifest.leaves_out(path)]
            claimed = manifest.files.items()
            differing = [path for path, parts in claimed if not self._add_claim(path, parts, manifest, record)]
            self._signatures.append(
                Signature(
                    record, SignatureState.VERIFIED, bundle.method, signer=signer, covered=len(manifest.files),
                    uncovered=tuple(uncovered), left_out=tuple(left_out), ignored_paths=manifest.ignored_paths,
                    differing=tuple(sorted(differing)), sha256=self._file.sha256, detached=self._file.detached,
                )
            )  # fmt: skip
            for path in uncovered:
                self._facts.append(
                    self._make_fact(SourceFactKind.NOT_SIGNED, path, self._explain(path, manifest, record))
                )
            self._add_facts(SourceFactKind.LEFT_OUT, left_out, f"{record} ignores it")

    def _list_others(self, manifest: SignedManifest) -> list[str]:
        """List the paths that a manifest does not name.

        A signer who does not follow links signs no folder with one. Another one may have left a link to a folder there,
        but no signature covers the file at its end if the manifest leaves that out.
        """
        links = self._find_folder_links()
        if manifest.follows_links:
            links = {each for each in links if self._leads_to_unsigned(each, manifest)}
        paths = self._artifacts.keys() | links
        # The records of a checkout or a download that have their form are no files of the model.
        return sorted(paths - manifest.files.keys() - self._records - self._snapshot.records)

    def _find_folder_links(self) -> Set[str]:
        """Find the links to folders of the model, which are no artifacts."""
        if self._snapshot.root is None:
            return frozenset()
        links = {each.path for each in list_tree(self._snapshot, self._limits) if each.kind is EntryKind.LINK}
        return links - self._artifacts.keys()

    def _leads_to_unsigned(self, link: str, manifest: SignedManifest) -> bool:
        """Whether a link leads to a folder that a manifest leaves out, or to one with files that it does not name."""
        root = os.path.realpath(str(self._snapshot.root))
        folder = os.path.relpath(os.path.realpath(f"{root}/{link}"), root)
        start = "" if folder == "." else f"{folder}/"
        below = {path for path in self._artifacts if path.startswith(start)} - self._records
        return manifest.leaves_out(folder) or is_bookkeeping(folder) or not below <= manifest.files.keys()

    def _explain(self, path: str, manifest: SignedManifest, record: str) -> str:
        """Explain that a signature does not cover a file."""
        if path not in self._artifacts:
            return f"{record} covers {len(manifest.files):,} files and no link, and this one leads to a folder"
        if manifest.in_shards and not self._artifacts[path].size:
            return f"{record} signs ranges of bytes, and so no file without bytes"
        return f"{record} covers {len(manifest.files):,} files"

    def _is_free(self, path: str) -> bool:
        """Whether nothing lies at a path of the model, neither a file nor a link nor a folder."""
        root = self._snapshot.root
        is_listed = any(each == path or each.startswith(f"{path}/") for each in self._artifacts)
        return not is_listed and (root is None or not os.path.lexists(f"{root}/{path}"))

    def _refuse_wide_gaps(self, manifest: SignedManifest) -> None:
        """Raise ``SignatureError`` if the signature leaves out a path that is not allowed."""
        allowed = (*self._allowed_gaps, *self._records)
        wide = [
            path
            for path in manifest.ignored_paths
            # A signature that was moved out of the model names its former place, where nothing may lie now.
            if not (is_signature_name(path) and self._is_free(path))
            and not any(f"{path}/".startswith(f"{gap}/") for gap in allowed)
        ]
        if wide:
            raise SignatureError(
                f"it leaves out {wide[0]!r}, which is not allowed (allowed-signature-gaps of a policy, "
                "--allowed-signature-gap of verify)"
            )

    def _refuse(self, record: str, reason: str, bundle: Bundle | None = None) -> None:
        """Record a refused signature."""
        method = bundle.method if bundle else None
        self._signatures.append(Signature(record, SignatureState.REFUSED, method, reason, **self._file._asdict()))
        self._facts.append(self._make_fact(SourceFactKind.SIGNATURE_REFUSED, record, reason))

    def _leave_unchecked(self, record: str, bundle: Bundle | None, reason: str) -> None:
        """Record a signature that was not checked: nothing was given to check it with, or it is of another kind."""
        method = bundle.method if bundle else None
        self._signatures.append(Signature(record, SignatureState.UNCHECKED, method, reason, **self._file._asdict()))
        self._facts.append(self._make_fact(SourceFactKind.SIGNATURE_UNCHECKED, record, reason))

    def _add_facts(self, kind: SourceFactKind, paths: Sequence[str], detail: str) -> None:
        """Add a fact for each path."""
        self._facts += [self._make_fact(kind, path, detail) for path in paths]

    @staticmethod
    def _make_fact(kind: SourceFactKind, path: str, detail: str) -> SourceFact:
        """Make a fact about a file."""
        return SourceFact(kind, write_file_address(path), ClaimSource.SIGNATURE, detail)

    def _add_claim(self, path: str, parts: Sequence[SignedPart], manifest: SignedManifest, record: str) -> bool:
        """Add the claim on one file; one in shards is hashed at once, because no digest of the whole is signed.

        Returns:
            False if a range differs or the file is not there, which is a fact and not a claim.
        """
        artifact = self._artifacts.get(path)
        if not manifest.in_shards:
            claim = Claim(Digest(manifest.algorithm, parts[0].value), ClaimSource.SIGNATURE, record)
            self._set_claim(path, artifact, claim, 0)
            return True
        size = parts[-1].end or 0
        if artifact is None or artifact.open is None:
            self._set_claim(path, artifact, None, size)
            self._add_facts(SourceFactKind.SIGNED_RANGE_DIFFERS, [path], f"{record} signs it, and it is not there")
            return False
        try:
            sha256, differing = hash_parts(artifact, parts, manifest.algorithm)
        except WindowError:
            return True  # the scan meets the same fault, and reports it
        if differing:
            detail = f"{record} states another digest of {'; '.join(differing[:5])}"
            self._add_facts(SourceFactKind.SIGNED_RANGE_DIFFERS, [path], detail)
            return False
        claim = Claim(Digest(DigestAlgorithm.SHA256, sha256), ClaimSource.SIGNATURE, record)
        self._set_claim(path, artifact, claim, size)
        return True

    def _set_claim(self, path: str, artifact: Artifact | None, claim: Claim | None, size: int) -> None:
        """Add a claim to an artifact, or an artifact without content for a file that is not there."""
        claims = () if claim is None else (claim,)
        if artifact is None:
            missing = Unread(UnreadReason.CONTENT_ABSENT, "the signature covers it, and it is not there")
            self._artifacts[path] = Artifact(write_file_address(path), size, None, claims, missing)
        elif claims:
            self._artifacts[path] = replace(artifact, claims=sort_claims((*claims, *artifact.claims)))


def list_signature_differences(snapshot: Snapshot, needs_signer: bool) -> Iterator[TreeDifference]:
    """Yield a difference for each signature that does not hold, and for each file that a verified one does not cover.

    Args:
        snapshot: the model with the results of its signatures.
        needs_signer: somebody is trusted to sign, so that a model without a verified signature differs.
    """
    for fact in snapshot.facts:
        kind = _SIGNATURE_DIFFERENCES.get(fact.kind)
        path = read_file_path(fact.path)
        # git runs its hooks and the commands of its settings, whatever their names are.
        is_run = has_code_name(path) or is_git_setting(path)
        if kind is not None or (fact.kind is SourceFactKind.LEFT_OUT and is_run):
            yield TreeDifference(kind or DifferenceKind.ADDED, path, fact.detail)
    if needs_signer and all(each.state is SignatureState.UNCHECKED for each in snapshot.signatures):
        unchecked = describe_unchecked(snapshot)
        detail = f"no signature was verified: {unchecked}" if unchecked else "the model has no signature"
        yield TreeDifference(DifferenceKind.SIGNATURE, ".", detail)


def describe_unchecked(snapshot: Snapshot) -> str:
    """Return a clause on the first signature that was not checked; empty without one."""
    unchecked = [each for each in snapshot.signatures if each.state is SignatureState.UNCHECKED]
    return f"of {unchecked[0].record}, {unchecked[0].reason}" if unchecked else ""


def list_missing_signed(files: Iterable[VerifiedFile]) -> Iterator[TreeDifference]:
    """Yield a difference for each file that a signature covers and that is not there."""
    for file in files:
        if not file.digests and any(claim.source is ClaimSource.SIGNATURE for claim in file.claims):
            yield TreeDifference(DifferenceKind.MISSING, file.path, "the signature covers it")
