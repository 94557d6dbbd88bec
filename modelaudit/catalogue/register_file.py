"""The shape of ``decisions.yaml``, from which the JSON Schema in ``docs/`` derives."""

from __future__ import annotations

import json
import re
from typing import Annotated, Final

from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic.dataclasses import dataclass

from modelaudit.catalogue.schema import CONFIG, Amount, Flag, Kebab, RuleId, Shape, Territory, Text, require_match
from modelaudit.model.register import DecisionAnswer, SubjectKind
from modelaudit.model.structure import UnreadReason
from modelaudit.model.terms import Purpose

_FINGERPRINT: Final = r"[0-9a-f]{16}"
_BINDING: Final = r"(sha256|terms):[0-9a-f]{64}|commit:[0-9a-f]{40}( sha256:[0-9a-f]{64})?"
_LICENSE_ID: Final = r"[A-Za-z0-9][A-Za-z0-9.+-]*"
_SHA256: Final = r"sha256:[0-9a-f]{64}"
_DATE: Final = r"\d{4}-\d{2}-\d{2}"

Fingerprint = Annotated[
    str,
    require_match(_FINGERPRINT, "a fingerprint of 16 hexadecimal digits"),
    WithJsonSchema({"type": "string", "pattern": f"^{_FINGERPRINT}$"}),
]
Binding = Annotated[
    str,
    require_match(_BINDING, "sha256: or terms: and 64 hexadecimal digits, or commit: and 40, or that and the first"),
    WithJsonSchema({"type": "string", "pattern": f"^({_BINDING})$"}),
]
Licenses = Annotated[
    list[Annotated[str, require_match(_LICENSE_ID, "the id of a licence, such as LicenseRef-Gemma")]],
    BeforeValidator(lambda value: [value] if isinstance(value, str) else value),
    Field(min_length=1),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": f"^{_LICENSE_ID}$"},
                {"type": "array", "minItems": 1, "items": {"type": "string", "pattern": f"^{_LICENSE_ID}$"}},
            ]
        }
    ),
]
Sha256 = Annotated[
    str,
    require_match(_SHA256, "sha256: and 64 hexadecimal digits"),
    WithJsonSchema({"type": "string", "pattern": f"^{_SHA256}$"}),
]
Day = Annotated[
    str, require_match(_DATE, "a date such as 2026-01-31"), WithJsonSchema({"type": "string", "format": "date"})
]


@dataclass(config=CONFIG)
class SubjectFile:
    """The subject of a decision: one kind, and for a rule or an absence the artifact.

    Attributes:
        finding: the fingerprint of one finding.
        rule: the id of a rule; all of its findings in the artifact.
        absence: the reason of an absence in the artifact.
        licence: the id of a licence that leaves the use open, or `conclusion` for all open questions of the licences.
        agreement: the id of a licence whose owner permits the use by a contract, or a list of such ids.
        reference: the number or name of the contract of an agreement.
        model: the name of a model: all of its findings, absences and open questions of the licences.
        artifact: the address as the report shows it; empty for a finding on the model as a whole.
    """

    finding: Fingerprint | None = None
    rule: RuleId | None = None
    absence: UnreadReason | None = None
    licence: Text | None = None
    agreement: Licenses | None = None
    model: Text | None = None
    artifact: str | None = None
    reference: Text | None = None


@dataclass(config=CONFIG)
class UseFile:
    """The planned use that a decision answers, in the words of a policy. What is left out was not stated.

    Attributes:
        purpose: of the whole planned use, `research` or `other`.
        territories: codes of ISO 3166-1, such as DE, and the groups EU, EEA, WORLD.
        field: the field of use.
        monthly_active_users: of all products of the organisation together.
        annual_revenue_usd: of the organisation, in US dollars.
    """

    commercial: Flag | None = None
    hosted_service: Flag | None = None
    redistribute: Flag | None = None
    fine_tune: Flag | None = None
    distill: Flag | None = None
    train_on_outputs: Flag | None = None
    embed_on_device: Flag | None = None
    purpose: Purpose | None = None
    territories: list[Territory] = Field(default_factory=list)
    field: Kebab | None = None
    monthly_active_users: Amount | None = None
    annual_revenue_usd: Amount | None = None


@dataclass(config=CONFIG)
class EntryFile:
    """One decision.

    Attributes:
        subject: the finding, absence, licence or model that it decides.
        bound_to: the SHA-256 of the file, of the tree of a whole model, or of all that states the terms of the model
            (`terms:`), for a decision on licences; or the commit on the Hub, alone or with the tree. The decision ends
            when one differs. An agreement may leave it out.
        answer: `accept`; `refuse`, which fails the gate; or `approve`, which signs off the report of a model.
        by: who decided.
        approved_by: who approved the decision; a sign-off may leave it out.
        decided: the day of the decision.
        expires: the last day on which it holds, at most 366 days later.
        model: the only model that it concerns; any model if left out.
        use: the planned use that a decision on licences or on a model answers. A use that includes more opens it again.
            An agreement without it is on every use.
        permits: the kinds of the clauses that the contract of an agreement permits, such as territory-limit.
        report: the digest of the report that a sign-off answers.
        content: the digest of what that report judges, which a later report on the same bytes shares.
        role: of the person who signs off.
        approver_role: of the person who approved it.
        reference: the number or name of the review that a sign-off belongs to.
    """

    subject: SubjectFile
    answer: DecisionAnswer
    reason: Text
    by: Text
    decided: Day
    expires: Day
    approved_by: Text | None = None
    bound_to: Binding | None = None
    model: Text | None = None
    use: UseFile | None = None
    permits: list[Kebab] | None = None
    report: Sha256 | None = None
    content: Sha256 | None = None
    role: Text | None = None
    approver_role: Text | None = None
    reference: Text | None = None


@dataclass(config=CONFIG)
class RegisterFile:
    """`decisions.yaml`: the decisions of people on models, each bound to bytes and to a time."""

    decisions: list[EntryFile] | None = Field(default=None)


_SIGNED: Final = ("report", "content", "role", "approver-role", "reference")
"""The keys that only a sign-off has."""
_NEWER: Final = "a newer version of modelaudit may have written this file; install that version, or remove the key"
REGISTER_SHAPE: Final = Shape(RegisterFile, {"version": _NEWER, "schema": _NEWER})


def build_register_schema() -> str:
    """Build the JSON Schema (draft 2020-12) of the register, which ``docs/decisions-v1.schema.json`` publishes."""
    schema = REGISTER_SHAPE.build_json_schema()
    definitions = schema["$defs"]
    subject = definitions["SubjectFile"]
    with_artifact = [{"required": [kind, "artifact"]} for kind in SubjectKind if kind.has_artifact]
    alone = [kind for kind in SubjectKind if not kind.has_artifact and kind is not SubjectKind.AGREEMENT]
    with_reference = [{"required": [SubjectKind.AGREEMENT, "reference"]}]
    subject["oneOf"] = [{"required": [kind]} for kind in alone] + with_artifact + with_reference
    definitions["EntryFile"]["anyOf"] = [
        {"required": ["bound-to"]},
        {"properties": {"subject": {"required": [SubjectKind.AGREEMENT]}}},
    ]
    # A sign-off names its report, and may leave out who approved it.
    signed = [{"required": [each]} for each in _SIGNED]
    definitions["EntryFile"]["allOf"] = [
        {"anyOf": [{"required": ["approved-by"]}, {"required": ["report"]}]},
        {"anyOf": [{"required": ["report", "content"]}, {"not": {"anyOf": signed}}]},
        {"anyOf": [{"properties": {"answer": {"enum": ["accept", "refuse"]}}}, {"required": ["report"]}]},
    ]
    for definition in (schema, *definitions.values()):
        _describe_fields(definition)
    text = json.dumps(
        {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": "urn:modelaudit:decisions:v1",
            **schema,
            "title": "Register of decisions (modelaudit/decisions/v1)",
        },
        indent=2,
        sort_keys=True,
    )
    return f"{text}\n"


def _describe_fields(definition: dict[str, object]) -> None:
    """Move the text of each attribute in a docstring to its field, and drop the choice of ``null``."""
    text, _, attributes = str(definition.get("description", "")).partition("\n\nAttributes:\n")
    if text:
        definition["description"] = " ".join(text.split())
    described = dict(re.findall(r"^    (\w+): (.+(?:\n {8}.+)*)", attributes, re.MULTILINE))
    fields = definition.get("properties")
    for key, field in fields.items() if isinstance(fields, dict) else ():
        choices = [each for each in field.pop("anyOf", ()) if each != {"type": "null"}]
        field.pop("default", None)
        field.pop("title", None)
        field.update(choices[0] if len(choices) == 1 else {"anyOf": choices} if choices else {})
        if (name := key.replace("-", "_")) in described:
            field["description"] = " ".join(described[name].split())
