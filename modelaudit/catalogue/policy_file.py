"""The shape of a policy file: ``modelaudit.yaml``, another file of the user, or ``rules/policies/<name>.yaml``.

The JSON Schema in ``docs/`` derives from it, so types are strict: ``yes`` is not a boolean, ``"5"`` is not a number.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag
from pydantic.dataclasses import dataclass

from modelaudit.catalogue.schema import (
    CONFIG,
    FORM_TAGS,
    SIGNOFF_TAG,
    Amount,
    Flag,
    Kebab,
    Territory,
    Text,
    require_match,
)
from modelaudit.model.finding import CheckFamily
from modelaudit.model.policy import Requirement
from modelaudit.model.structure import UnreadReason
from modelaudit.model.terms import Purpose, Use

_NAME_ON_HUB = r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?"

Gate = Literal["info", "low", "medium", "high", "critical", "never"]
# A path begins with ./ and has no part .. or .; its length is bounded, because reports show it.
_LOCAL_PATH = r"\.(/(?!\.{1,2}(/|$))[^/\x00-\x1f\x7f]{1,255}){1,32}/?"
ModelName = Annotated[
    str,
    require_match(
        rf"(datasets/)?({_NAME_ON_HUB}/)?{_NAME_ON_HUB}|{_LOCAL_PATH}",
        "a model of the Hub, such as org/model, or a path below the folder of this file that begins with ./",
    ),
]
Commit = Annotated[str, require_match(r"[0-9a-f]{40}", "the id of a commit: 40 of the digits 0-9 and a-f")]
REQUIREMENT_ALIASES = {"pinned-revision": Requirement.PINNED_REVISIONS}
"""Words that a file may use for a condition."""


def _read_alias(word: object) -> object:
    """Return the condition that an alias means, and anything else as it is."""
    return REQUIREMENT_ALIASES.get(word, word) if isinstance(word, str) else word


_Word = Annotated[Requirement, BeforeValidator(_read_alias)]


def _spell_number(value: object) -> object:
    """Return a whole number as text, so that the error on it names the form with days."""
    return str(value) if isinstance(value, int) else value


def _spell_version(value: object) -> object:
    """Return the value. Raises ``ValueError`` for a number: YAML reads 2.10 as 2.1."""
    if isinstance(value, int | float):
        raise ValueError("must be a version in quotes, such as '2.13' or '5.3.0'")
    return value


@dataclass(config=CONFIG)
class RulesAgeFile:
    """The condition on the age of the rule set, which has a number of days."""

    rules_not_older_than: Annotated[
        str,
        BeforeValidator(_spell_number),
        require_match(r"[1-9][0-9]{0,3}d", "a number of days such as 90d"),
        Field(description="The most days since the date of the rule set."),
    ]

    @property
    def days(self) -> int:
        """The number of days."""
        return int(self.rules_not_older_than.removesuffix("d"))


@dataclass(config=CONFIG)
class SignOffTermsFile:
    """Who has to sign off a model."""

    approved: Annotated[
        Flag, Field(description="Whether a second person has to approve the answer: --approved-by of decide.")
    ] = False
    roles: Annotated[
        list[Text], Field(min_length=1, description="One of these is the role of who answers: --role of decide.")
    ] = Field(default_factory=list)


@dataclass(config=CONFIG)
class SignOffFile:
    """The condition on a sign-off with its terms."""

    signoff: SignOffTermsFile


def _tag_condition(entry: object) -> str:
    """Return the tag of the form that an entry of ``require`` has, so that an error concerns this form alone."""
    word, mapping = FORM_TAGS
    if isinstance(entry, dict):
        return SIGNOFF_TAG if Requirement.SIGNOFF in entry else mapping
    return word


Condition = Annotated[
    Annotated[_Word, Tag(FORM_TAGS[0])]
    | Annotated[RulesAgeFile, Tag(FORM_TAGS[1])]
    | Annotated[SignOffFile, Tag(SIGNOFF_TAG)],
    Discriminator(_tag_condition),
]


# The forms of PEP 440 that releases have.
_RELEASE = r"[0-9]+(\.[0-9]+)*((a|b|rc)[0-9]+)?(\.post[0-9]+)?(\.dev[0-9]+)?(\+[a-z0-9]+(\.[a-z0-9]+)*)?"
_Release = Annotated[
    str, BeforeValidator(_spell_version), require_match(_RELEASE, "a version in quotes, such as '2.13' or '5.3.0'")
]
_Package = Annotated[str, require_match(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", "the name of a package")]


@dataclass(config=CONFIG)
class AllowedAbsenceFile:
    """An absence that does not keep the scan from a pass."""

    reasons: Annotated[list[UnreadReason], Field(min_length=1)]
    paths: Text
    why: Text
    formats: list[Text] = Field(default_factory=list)
    most_bytes: Annotated[int, Field(strict=True, ge=1)] | None = None


@dataclass(config=CONFIG)
class GatesFile:
    """The lowest severity that fails, for each family of checks, and whether the answer to a stated use gates."""

    security: Gate | None = None
    integrity: Gate | None = None
    license: Gate | None = None
    provenance: Gate | None = None
    use: Literal["gate", "report"] | None = None


@dataclass(config=CONFIG)
class LicensesFile:
    """Licences by their SPDX id, their id in the rule set, or their category."""

    allow: Annotated[list[Text], Field(description="A licence outside of this list is for review.")] = Field(
        default_factory=list
    )
    deny: Annotated[list[Text], Field(description="A licence of this list fails the gate.")] = Field(
        default_factory=list
    )


@dataclass(config=CONFIG)
class ModelFile:
    """A model that the project uses: of the Hub at one commit, or a file or folder below the folder of the policy."""

    name: Annotated[ModelName, Field(description="org/model, or a path that begins with ./, relative to this file.")]
    revision: Annotated[Commit | None, Field(description="Required for a model of the Hub; a path has none.")] = None
    note: Text = ""


@dataclass(config=CONFIG)
class ExcludedCodeFile:
    """Files of code whose loads ``scan --discover`` leaves out."""

    paths: Text
    why: Text


@dataclass(config=CONFIG)
class TrustedSignerFile:
    """A signer of models: by a key, by a certificate, or by an identity. Files are relative to the policy."""

    public_key: Annotated[Text | None, Field(description="A file with an EC key in PEM.")] = None
    certificate_root: Annotated[Text | None, Field(description="A file with the pinned certificates in PEM.")] = None
    subject: Annotated[Text | None, Field(description="Of the certificate, such as CN=models,O=Acme.")] = None
    identity: Annotated[Text | None, Field(description="An e-mail address or a URI.")] = None
    issuer: Annotated[Text | None, Field(description="Who vouches for the identity, or issued the certificate.")] = None
    trusted_root: Annotated[Text | None, Field(description="The trusted_root.json of a Sigstore instance.")] = None


@dataclass(config=CONFIG)
class PolicyFile:
    """What may be loaded and used, and what the gate fails on. An entry that is left out comes from ``extends``."""

    extends: Annotated[
        Text | None, Field(description="A policy of the rule set, or a file relative to this one; default if left out.")
    ] = None
    name: Annotated[Kebab | None, Field(description="Shown in reports; the name of the file if left out.")] = None
    description: Text | None = None
    organization: Annotated[Text | None, Field(description="For whom models are reviewed; shown in documents.")] = None
    reference: Annotated[Text | None, Field(description="The number or name of the review; shown in documents.")] = None
    reviewer: Annotated[Text | None, Field(description="The person who reviews; shown in documents.")] = None
    gates: GatesFile = Field(default_factory=GatesFile)
    checks: Annotated[list[CheckFamily] | None, Field(min_length=1, description="The families of checks to run.")] = (
        None
    )
    require: Annotated[list[Condition], Field(description="Conditions without which a scan does not pass.")] = Field(
        default_factory=list
    )
    use: Annotated[
        dict[Use, Flag], Field(description="Whether each use is intended; one that is not stated is unknown.")
    ] = Field(default_factory=dict)
    purpose: Annotated[
        Purpose | None, Field(description="Of the whole planned use: research, or other for anything but research.")
    ] = None
    territories: Annotated[
        list[Territory], Field(description="Codes of ISO 3166-1, such as DE, and the groups EU, EEA, WORLD.")
    ] = Field(default_factory=list)
    field: Annotated[Kebab | None, Field(description="The field of use.")] = None
    monthly_active_users: Annotated[
        Amount | None, Field(description="Of all products of the organisation together.")
    ] = None
    annual_revenue_usd: Annotated[Amount | None, Field(description="Of the organisation, in US dollars.")] = None
    licenses: LicensesFile = Field(default_factory=LicensesFile)
    models: Annotated[
        list[ModelFile], Field(description="The models of the project, which a scan without a target scans.")
    ] = Field(default_factory=list)
    discover_exclude: Annotated[
        list[ExcludedCodeFile], Field(description="Code that scan --discover leaves out, as paths below this folder.")
    ] = Field(default_factory=list)
    trusted_signers: Annotated[list[TrustedSignerFile], Field(description="Whose signatures of models count.")] = Field(
        default_factory=list
    )
    allowed_signature_gaps: Annotated[
        list[Text], Field(description="Paths at the root that a signature may leave out, such as .gitmodules.")
    ] = Field(default_factory=list)
    runtime: Annotated[
        dict[_Package, _Release],
        Field(description="The versions of the libraries that load the models, such as torch: '2.13'."),
    ] = Field(default_factory=dict)
    allow_unread: Annotated[list[AllowedAbsenceFile], Field(description="Parts that need not be read for a pass.")] = (
        Field(default_factory=list)
    )
    accept_critical: Annotated[
        Flag | None, Field(description="Whether a decision may accept a critical finding; false if left out.")
    ] = None
    offline: Annotated[
        Flag | None, Field(description="Whether to use the local Hub cache only and make no request.")
    ] = None
    decisions: Annotated[
        Text | None, Field(description="The register of decisions; decisions.yaml beside this file if left out.")
    ] = None
    baseline: Annotated[
        Text | None, Field(description="An earlier report; the gate counts only what is new since.")
    ] = None
