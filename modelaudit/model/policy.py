"""The policy of a scan: the gates, the required conditions, the intended use, and the models of a project."""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path

from msgspec import Struct, field

from modelaudit.model.finding import CheckFamily, Severity
from modelaudit.model.structure import UnreadReason
from modelaudit.model.terms import Intent
from modelaudit.model.trust import TrustedSigner


class Requirement(StrEnum):
    """A condition of ``require`` that a scan can check."""

    STATED_USE = "stated-use"
    """The intended use is stated, so that the licences are judged for it."""
    PINNED_REVISIONS = "pinned-revisions"
    """A model of the Hub is named by the id of a commit, because a branch or tag can move."""
    VERIFIED_BYTES = "verified-bytes"
    """A source stronger than a file of checksums confirms every file, and none contradicts one."""
    LOCK = "lock"
    """A lock was given, and the model fits it."""
    RULES_AGE = "rules-not-older-than"
    """The rule set is not older than a number of days."""
    SIGNER = "signer"
    """A trusted signer signed the model, and every file fits the signature."""
    SIGNOFF = "signoff"
    """A person signed off a report with the same judgement, and no person refuses the model."""


class SignOffTerms(Struct, frozen=True):
    """Who has to sign off a model, where a policy requires it.

    Attributes:
        approved: whether a second person has to approve the answer.
        roles: one of them is the role of who answers, whatever its case; empty for any.
    """

    approved: bool = False
    roles: tuple[str, ...] = ()


class AllowedAbsence(Struct, frozen=True):
    """An absence that a policy accepts: any of ``reasons`` in artifacts that match the glob ``paths``.

    Attributes:
        paths: as ``fnmatch`` reads it, case and all; ``*`` passes over slashes.
        formats: what the bytes must have been recognised as; empty for any. ``no-reader`` and
            ``unclaimed-bytes`` are only accepted with it.
        most_bytes: how many unclaimed bytes are accepted in one artifact; only ``unclaimed-bytes`` has such a bound.
    """

    reasons: tuple[UnreadReason, ...]
    paths: str
    why: str
    formats: tuple[str, ...] = ()
    most_bytes: int = 0


class ExcludedCode(Struct, frozen=True):
    """Files of code whose loads ``scan --discover`` leaves out.

    Attributes:
        paths: as ``fnmatch`` reads it, case and all, relative to ``folder``; ``*`` passes over slashes.
        folder: that of the policy file with this entry.
    """

    paths: str
    why: str
    folder: Path

    def covers(self, file: str) -> bool:
        """Whether the entry leaves out a file, given by its path."""
        path = os.path.relpath(os.path.abspath(file), self.folder.absolute())  # noqa: PTH100 - it keeps the dots
        return fnmatchcase(path.replace(os.sep, "/"), self.paths)


class PinnedModel(Struct, frozen=True):
    """A model that a policy lists for ``modelaudit scan`` without a target.

    Attributes:
        name: ``org/model`` or ``datasets/org/name`` on the Hub, or a path relative to ``file`` that begins with ``./``.
        revision: the id of a commit, 40 hexadecimal digits; empty for a path.
        note: a remark of the author of the policy.
        file: the policy file that lists it; ``None`` for a policy of the rule set.
        line: of that file, from 1.
    """

    name: str
    revision: str
    note: str = ""
    file: Path | None = None
    line: int = 0

    @property
    def is_local(self) -> bool:
        """Whether the model is a file or folder beside the policy, and none of the Hub."""
        return self.name.startswith("./")

    @property
    def target(self) -> str:
        """The target of a scan: with its scheme it never means a path, and with its dots it always does."""
        if not self.is_local:
            return f"hf://{self.name}@{self.revision}"
        folder = self.file.absolute().parent if self.file is not None else Path.cwd()
        path = os.path.relpath(folder / self.name)
        return path if path.startswith("..") else f"./{path}"


class Policy(Struct, frozen=True):
    """The effective policy: a file with everything that it extends.

    Attributes:
        gates: the lowest severity of a finding that fails, for each family of checks; ``None`` never fails.
        checks: the families to check.
        digest: the SHA-256, in hexadecimal, of the policy file; where it extends another one, of the digest of that
            one in hexadecimal, a line break, and the text of the file. Options that change an entry change the digest.
        intent: the intended use, for which licences are judged.
        gate_use: whether the answer to a stated use changes the exit code; if not, it is only reported.
        require: the conditions without which the scan does not pass.
        allowed_licenses: ids and categories of licences; a licence outside of them is for review. Empty allows all.
        denied_licenses: ids and categories of licences that fail.
        models: what the project uses.
        rules_days: the most days since the date of the rule set; ``None`` for any.
        signoff_terms: who has to sign off.
        trusted_signers: whose signatures count.
        allowed_signature_gaps: the paths from the root that a signature may leave out, beside those of the standard.
        runtime: versions of the libraries that load the models, by normalised name; others are unknown.
        discover_exclude: files of code whose loads ``scan --discover`` leaves out.
        accept_critical: whether a decision may accept a critical finding.
        offline: whether to use the local Hub cache only and make no request.
        decisions_path: the register of decisions that the policy names, if any.
        baseline_path: the earlier report that the policy names, if any.
        organization: for whom models are reviewed; empty if not stated, as the two below.
        reference: the number or name of the review.
        reviewer: the person who reviews.
        files: every policy file that was read, the one that was named first; empty for a policy of the rule set.
        origins: ``file:line`` of each effective entry, by its dotted key, such as ``gates.security`` and
            ``licenses.deny.MIT``.
    """

    name: str
    description: str
    gates: Mapping[CheckFamily, Severity | None]
    checks: tuple[CheckFamily, ...]
    allow_unread: tuple[AllowedAbsence, ...] = ()
    digest: str = ""
    intent: Intent = Intent()
    gate_use: bool = True
    require: frozenset[Requirement] = frozenset()
    allowed_licenses: frozenset[str] = frozenset()
    denied_licenses: frozenset[str] = frozenset()
    models: tuple[PinnedModel, ...] = ()
    discover_exclude: tuple[ExcludedCode, ...] = ()
    rules_days: int | None = None
    signoff_terms: SignOffTerms = SignOffTerms()
    trusted_signers: tuple[TrustedSigner, ...] = ()
    allowed_signature_gaps: tuple[str, ...] = ()
    runtime: Mapping[str, str] = field(default_factory=dict)
    accept_critical: bool = False
    offline: bool = False
    decisions_path: Path | None = None
    baseline_path: Path | None = None
    organization: str = ""
    reference: str = ""
    reviewer: str = ""
    files: tuple[Path, ...] = ()
    origins: Mapping[str, str] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The name for reports: that of a policy of the rule set alone, else with the name of the file."""
        file = self.files[0].name if self.files else self.name
        return self.name if self.name == file else f"{self.name} ({file})"


class LicenseListing(Struct, frozen=True):
    """The licences of a model beside the lists of the policy, in sentences.

    Attributes:
        denials: a sentence for each licence that the policy denies.
        objections: a sentence for each licence that is not on the list of allowed ones.
    """

    denials: tuple[str, ...] = ()
    objections: tuple[str, ...] = ()
