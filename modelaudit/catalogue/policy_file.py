"""The shape of a policy file: ``modelaudit.yaml``, another file of the user, or ``rules/policies/<name>.yaml``.

The JSON Schema in ``docs/`` derives from it, so types are strict: ``yes`` is no boolean, ``"5"`` is no number.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from modelaudit.catalogue.schema import CONFIG, Kebab, Territory, Text, require_match
from modelaudit.model.finding import CheckFamily
from modelaudit.model.policy import Requirement
from modelaudit.model.structure import UnreadReason
from modelaudit.model.terms import Use

_NAME_ON_HUB = r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?"

Gate = Literal["info", "low", "medium", "high", "critical", "never"]
Flag = Annotated[bool, Field(strict=True)]
Amount = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]
HubName = Annotated[
    str, require_match(rf"(datasets/)?({_NAME_ON_HUB}/)?{_NAME_ON_HUB}", "a model of the Hub, such as org/model")
]
Commit = Annotated[str, require_match(r"[0-9a-f]{40}", "the id of a commit: 40 of the digits 0-9 and a-f")]


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

    allow: list[Text] = Field(default_factory=list)
    deny: list[Text] = Field(default_factory=list)


@dataclass(config=CONFIG)
class ModelFile:
    """A model that the project uses, at one commit."""

    name: HubName
    revision: Commit
    note: Text = ""


@dataclass(config=CONFIG)
class PolicyFile:
    """What may be loaded and used, and what the gate fails on. An entry that is left out comes from ``extends``."""

    extends: Text | None = None
    name: Kebab | None = None
    description: Text | None = None
    gates: GatesFile = Field(default_factory=GatesFile)
    checks: Annotated[list[CheckFamily], Field(min_length=1)] | None = None
    require: list[Requirement] = Field(default_factory=list)
    use: dict[Use, Flag] = Field(default_factory=dict)
    territories: list[Territory] = Field(default_factory=list)
    field: Kebab | None = None
    monthly_active_users: Amount | None = None
    annual_revenue_usd: Amount | None = None
    licenses: LicensesFile = Field(default_factory=LicensesFile)
    models: list[ModelFile] = Field(default_factory=list)
    allow_unread: list[AllowedAbsenceFile] = Field(default_factory=list)
    accept_critical: Flag | None = None
    offline: Flag | None = None
    decisions: Text | None = None
    baseline: Text | None = None
