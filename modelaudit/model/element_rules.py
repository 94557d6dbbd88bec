"""The rules for lists of minimum elements: what makes each element present."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct

from modelaudit.model.description import Topic


class ReportFact(StrEnum):
    """A fact of a report beside its description, by which a rule file names it."""

    ORGANIZATION = "organization"
    """For whom the model is reviewed, as the policy states it."""
    REVIEWER = "reviewer"
    TOOL = "tool"
    TOOL_VERSION = "tool-version"
    CREATED = "created"
    BILL_FORMAT = "bill-format"
    """The format of the bills that a report is rendered to."""
    BILL_VERSION = "bill-version"
    BILL_IDENTIFIER = "bill-identifier"
    BILL_ISSUE = "bill-issue"
    GENERATION_CONTEXT = "generation-context"
    COMPONENT_TYPE = "component-type"
    TARGET_NAME = "target-name"
    """The id of the repository, or the name of the folder."""
    OWNER = "owner"
    SUPPLIED_BY = "supplied-by"
    """The supplier that bills of materials state: the publisher, the owner, or a signer with a name."""
    DEVELOPED_BY = "developed-by"
    """The authors that bills of materials state."""
    COMMIT = "commit"
    PINNED_VERSION = "pinned-version"
    """The commit, or the SHA-256 over the listing of all files where there is none."""
    PURL = "purl"
    TREE_DIGEST = "tree-digest"
    """The SHA-256 over the listing of all files."""
    FILE_DIGESTS = "file-digests"
    DIGEST_ALGORITHM = "digest-algorithm"
    FILES = "files"
    PAGE = "page"
    """The page of the model on the Hub."""
    SIGNER = "signer"
    SIGNATURE_TIME = "signature-time"
    DECLARED_LICENSE = "declared-license"
    FOUND_LICENSE = "found-license"
    CONCLUDED_LICENSE = "concluded-license"
    USE_POLICY = "use-policy"
    BASE_MODELS = "base-models"
    DATASETS = "datasets"
    DATASET_DIGESTS = "dataset-digests"
    """The digests of data that lie in the repository itself."""
    DATASET_LICENSES = "dataset-licenses"
    FINDINGS = "findings"
    OWNER_ID = "owner-id"
    """The identifier of the owner on the Hub, which a renaming keeps."""
    VERIFIED_FILES = "verified-files"
    """The number of files that the Hub, a signature or a lock confirms and no source contradicts; numbers of zero are
    no fact, here and below."""
    CONTRADICTED_FILES = "contradicted-files"
    UNCLAIMED_FILES = "unclaimed-files"
    """The number of files for which no source states a digest."""
    LOCKED_FILES = "locked-files"
    """The number of files whose bytes are those of a lock."""
    SIGNED_FILES = "signed-files"
    UNSIGNED_FILES = "unsigned-files"
    UNREAD_PARTS = "unread-parts"
    """The number of parts that were not examined, and that nothing accepts."""
    ACCEPTED_PARTS = "accepted-parts"
    """The number of parts that were not examined, and that a policy or a person accepts."""
    UNOPENED_FILES = "unopened-files"
    """The number of files that were left closed, because the question did not need them."""
    COMPLETE_COVERAGE = "complete-coverage"
    """The number of files, if each was opened and examined completely."""
    HUB_FILES = "hub-files"
    """The number of files with the bytes that the Hub states for them, and that no source contradicts."""
    SECURITY_CHECK = "security-check"
    """The number of its findings, if the check for attacks ran and there was a file to check."""
    GATING_FINDINGS = "gating-findings"
    """The number of open findings that break the policy."""
    QUOTED_CLAUSES = "quoted-clauses"
    RESTRICTING_CLAUSES = "restricting-clauses"
    """The number of clauses that do not allow the planned use."""
    DUTIES = "duties"
    STATED_USE = "stated-use"
    POLICY = "policy"
    POLICY_DIGEST = "policy-digest"
    GATES = "gates"
    REQUIREMENTS = "requirements"
    SIGNER_REQUIRED = "signer-required"
    DECISIONS = "decisions"
    """A decision that holds: on what, by whom, approved by whom, until when."""
    SIGNOFFS = "signoffs"
    """A sign-off that holds. Documents cite it apart, because the digest of a report leaves it out."""


class ElementMatcher(Struct, frozen=True):
    """A condition of an element: facts on a topic, a fact of the report, or files of a name. Exactly one is set.

    Attributes:
        topic: of the description.
        fact: of the report.
        files: patterns of file names, as ``fnmatch`` reads them, without case; ``*`` passes over slashes.
        values: the values of the fact that count, without case; empty for any.
        when: the value has to match it completely; ``None`` for any.
        qualifiers: by the name of a qualifier, its values that count, without case; none for any that is not empty.
        take: the qualifier that is the value; empty for that of the fact.
    """

    topic: Topic | None = None
    fact: ReportFact | None = None
    files: tuple[str, ...] = ()
    values: frozenset[str] = frozenset()
    when: re.Pattern[str] | None = None
    qualifiers: tuple[tuple[str, frozenset[str]], ...] = ()
    take: str = ""


class ElementPart(Struct, frozen=True):
    """A part of an element: one of its matchers has to find something.

    Attributes:
        name: of the part; empty for the only one.
    """

    name: str
    matchers: tuple[ElementMatcher, ...]


class ElementRule(Struct, frozen=True):
    """The rule for one element.

    Attributes:
        parts: what the element asks for. It is present if each part is, and partly present if some are; empty for an
            element that is not automatable.
        where: where a publisher or a user would state it, in one sentence.
        reason: why it is not automatable; empty for one with ``parts``.
        tier: for a formula; empty without one.
        counts_if_present: whether the formula leaves the element out while it is absent.
        path: where the list's own program looks for it in a CycloneDX file, as JSONPath.
    """

    id: str
    group: str
    name: str
    parts: tuple[ElementPart, ...] = ()
    where: str = ""
    reason: str = ""
    tier: str = ""
    counts_if_present: bool = False
    path: str = ""


class Penalty(Struct, frozen=True):
    """A factor on the score: ``least`` absent elements of a tier or more bring it in."""

    tier: str
    least: int
    factor: float


class Profile(Struct, frozen=True):
    """A named level of the score, with the elements that it requires."""

    name: str
    least: float
    elements: tuple[str, ...]


class ScoreFormula(Struct, frozen=True):
    """The formula of a score from 0 to 100.

    Attributes:
        weights: the share of each group, by its name; together 100.
        penalties: of those on one tier, the first that applies counts.
        profiles: the lowest first.
    """

    weights: Mapping[str, float]
    penalties: tuple[Penalty, ...] = ()
    profiles: tuple[Profile, ...] = ()


class ElementListRules(Struct, frozen=True):
    """The rules for one published list; ``elements.ElementList`` documents what the fields have in common."""

    id: str
    title: str
    date: str
    checked: str
    source: str
    elements: tuple[ElementRule, ...]
    notes: tuple[str, ...] = ()
    formula: ScoreFormula | None = None
