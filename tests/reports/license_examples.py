"""Licence conclusions for tests: an allowed use, a denied use, conflicting base models, and hostile strings."""

from __future__ import annotations

from modelaudit.model.copies import replace
from modelaudit.model.license import (
    Basis,
    ClaimKind,
    Component,
    ConclusionState,
    Conflict,
    DatasetClaim,
    Duty,
    LicenseClaim,
    LicenseConclusion,
    Openness,
    Origin,
    OriginState,
    UseAnswer,
)
from modelaudit.model.structure import Location
from modelaudit.model.terms import (
    Answer,
    Clause,
    Group,
    Intent,
    LicenseCategory,
    LicenseEntry,
    Relation,
    Use,
)

COMMIT = "5f0b02c75b57c5855da9ae460ce51323ea669d8a"
PRODUCT = Intent(
    {
        Use.COMMERCIAL: True,
        Use.HOSTED_SERVICE: False,
        Use.REDISTRIBUTE: True,
        Use.FINE_TUNE: True,
        Use.DISTILL: False,
        Use.TRAIN_ON_OUTPUTS: False,
        Use.EMBED_ON_DEVICE: True,
    },
    monthly_active_users=5e6,
    territories=("EU",),
    field="general",
)
APACHE = LicenseEntry(
    id="Apache-2.0",
    name="Apache License 2.0",
    category=LicenseCategory.PERMISSIVE,
    hub_ids=("apache-2.0",),
    aliases=(),
    clauses=(
        Clause("include-license-text", "Give everyone who receives the model a copy of the licence.", "section 4(a)"),
        Clause("keep-notices", "Keep the notices on copyright and origin.", "section 4(c)"),
    ),
    url="https://www.apache.org/licenses/LICENSE-2.0",
    read="2026-11-20",
    version="2.0",
    open=True,
)
LLAMA = LicenseEntry(
    id="LicenseRef-Llama-3.1",
    name="Llama 3.1 Community License Agreement",
    category=LicenseCategory.CONDITIONAL,
    hub_ids=("llama3.1",),
    aliases=(),
    clauses=(
        Clause("include-license-text", "Ship a copy of the agreement.", "section 1.b.i"),
        Clause("attribution-naming", "Show “Built with Llama”.", "section 1.b.i", words=("Built with Llama",)),
        Clause("user-cap", "Above 700 million users ask for a licence.", "section 2", number=700e6),
        Clause(
            "use-policy",
            "Follow the acceptable use policy.",
            "section 1.b.iv",
            fields=("military", "malware"),
            url="https://www.llama.com/llama3_1/use-policy",
        ),
    ),
    url="https://www.llama.com/llama3_1/license/",
    read="2026-11-24",
    policy_url="https://www.llama.com/llama3_1/use-policy",
)
NOTICE_WORDS = "Llama 3.1 is licensed under the Llama 3.1 Community License, Copyright © Meta Platforms, Inc."
BASE, ROOT, DATA = "acme/tiny-instruct", "acme/tiny-root", "acme/pairs"


def build_plain_conclusion() -> LicenseConclusion:
    """Build a conclusion that allows the use: card and licence text agree, and there is no base model."""
    return LicenseConclusion(
        ConclusionState.CONCLUDED,
        LicenseCategory.PERMISSIVE,
        (
            LicenseClaim(ClaimKind.DECLARED, "README.md", "license", "apache-2.0", APACHE.id, Location(line=2)),
            LicenseClaim(ClaimKind.FOUND, "LICENSE", "text", "Apache License", APACHE.id, Location(line=1), Basis.TEXT),
        ),
        (APACHE,),
        ("The card declares Apache-2.0.", "LICENSE holds its text."),
        expression="Apache-2.0",
        own=("Apache-2.0",),
        intent=PRODUCT,
        permission=Answer.ALLOW,
        duties=(
            Duty(APACHE.id, "include-license-text", Group.SHIP, APACHE.clauses[0].text, "section 4(a)", met="LICENSE"),
            Duty(APACHE.id, "keep-notices", Group.SHIP, APACHE.clauses[1].text, "section 4(c)"),
            Duty(APACHE.id, "no-endorsement", Group.WATCH, "The marks are not licensed.", "section 6"),
        ),
        openness=Openness(
            "Class III, open model",
            (Component("weights", "Weights", True, ("Apache-2.0",), True, "model.safetensors"),),
            ("The training code is not there.",),
        ),
    )


def build_conflicting_conclusion() -> LicenseConclusion:
    """Build a conclusion for a card that declares Apache-2.0, while a base model of the base model is under Llama 3.1."""
    declared = LicenseClaim(ClaimKind.DECLARED, "README.md", "license", "apache-2.0", APACHE.id, Location(line=2))
    base_model = LicenseClaim(
        ClaimKind.INHERITED, "README.md", "base_model", BASE, None, Location(line=3), relation=Relation.QUANTIZED
    )
    variant = LicenseClaim(
        ClaimKind.FOUND,
        "docs/LICENSE.txt",
        "text",
        "LLAMA 3.1 COMMUNITY LICENSE AGREEMENT",
        LLAMA.id,
        Location(line=1),
        Basis.VARIANT,
        ("with the exception of section 2",),
    )
    ship_text = Duty(
        LLAMA.id, "include-license-text", Group.SHIP, "Ship a copy of the agreement.", "section 1.b.i", via=ROOT
    )
    return LicenseConclusion(
        ConclusionState.CONTRADICTORY,
        LicenseCategory.UNKNOWN,
        (declared, variant, base_model, replace(base_model, field="datasets", quotation=DATA, relation=None)),
        (APACHE, LLAMA),
        ("The card declares Apache-2.0.", "acme/tiny-root is under LicenseRef-Llama-3.1, which flows down."),
        own=(APACHE.id,),
        origins=(
            Origin(
                BASE,
                "",
                Relation.QUANTIZED,
                1,
                OriginState.READ,
                ConclusionState.CONCLUDED,
                (APACHE.id,),
                commit=COMMIT,
                claim=base_model,
            ),
            Origin(
                ROOT,
                BASE,
                Relation.FINETUNE,
                2,
                OriginState.KNOWN,
                ConclusionState.CONCLUDED,
                (LLAMA.id,),
                "gated; its publisher gives it this licence",
            ),
            Origin("acme/other", BASE, Relation.MERGE, 2, OriginState.MISSING, ConclusionState.NOT_CHECKED),
        ),
        datasets=(
            DatasetClaim(DATA, OriginState.READ, ("CC-BY-NC-4.0",), "", Location(line=5)),
            DatasetClaim("acme/more", OriginState.UNREACHED),
        ),
        conflicts=(
            Conflict(
                "declared-inherited",
                "The card says Apache-2.0, and acme/tiny-root is under LicenseRef-Llama-3.1, which caps the users.",
                (APACHE.id, LLAMA.id),
                "README.md",
                Location(line=2),
                ("README.md line 2: “apache-2.0”", "acme/tiny-root: “llama3.1”"),
            ),
        ),
        intent=PRODUCT,
        permission=Answer.REVIEW,
        answers=(
            UseAnswer(
                Answer.REVIEW,
                LLAMA.id,
                "user-cap",
                "A limit to the number of users: your own figure is not stated.",
                "Above 700 million users ask for a licence.",
                "section 2",
                LLAMA.url,
                "2026-11-24",
                ROOT,
            ),
            UseAnswer(Answer.REVIEW, "", "conclusion", "No single licence can be concluded."),
        ),
        duties=(
            ship_text,
            replace(ship_text, via=BASE),
            Duty(LLAMA.id, "keep-notices", Group.SHIP, "Ship the notice.", "1.b.iii", (NOTICE_WORDS,), ROOT),
            Duty(LLAMA.id, "attribution-naming", Group.SHOW, "Show it.", "1.b.i", ("Built with Llama",), ROOT),
            Duty(LLAMA.id, "derivative-naming", Group.NAME, "Begin the name with it.", "1.b.i", ("Llama",), ROOT),
            Duty(LLAMA.id, "pass-on-use-limits", Group.PASS_ON, "Pass the use policy on.", "1.b.iv", (), ROOT),
            Duty(LLAMA.id, "no-endorsement", Group.WATCH, "The marks are not licensed.", "5.a", (), ROOT),
        ),
        openness=Openness(
            "No class is reached",
            (
                Component("weights", "Weights", True, (LLAMA.id,), False, "model.safetensors"),
                Component("code", "Training code", False),
            ),
            ("The weights are not under an open licence.", "The training code is not there."),
        ),
        multimodal=False,
    )


def build_denied_conclusion() -> LicenseConclusion:
    """Build a conclusion whose licence forbids the intended use."""
    plain = build_plain_conclusion()
    denial = UseAnswer(
        Answer.DENY,
        "CC-BY-NC-4.0",
        "no-commercial-use",
        "Your planned use is commercial, and the licence forbids commercial use.",
        "The model may not be used for a business.",
        "section 1(i)",
        "https://creativecommons.org/licenses/by-nc/4.0/legalcode",
        "2026-11-20",
    )
    return replace(plain, permission=Answer.DENY, answers=(denial,), expression="CC-BY-NC-4.0")


def build_hostile_conclusion(evil: str, huge: str) -> LicenseConclusion:
    """Build a conclusion with hostile strings, a short and a very long one, and with every member of every enum."""
    place = Location(line=0, key=evil)
    clause = Clause(evil, huge, evil, 7e8, (evil,), evil, (evil,), evil, (evil, huge))
    entry = LicenseEntry(evil, evil, LicenseCategory.UNKNOWN, (evil,), (evil,), (clause,), evil, evil, evil, True, evil)
    claims = tuple(
        LicenseClaim(kind, evil, evil, huge if license_id else evil, license_id, place, basis, (evil,), Relation.MERGE)
        for kind in ClaimKind
        for license_id in (evil, None)
        for basis in Basis
    )
    return LicenseConclusion(
        ConclusionState.CONTRADICTORY,
        LicenseCategory.UNKNOWN,
        claims,
        (entry,),
        (evil,),
        expression=evil,
        own=(evil,),
        origins=tuple(
            Origin(evil, made, relation, 1, look, ConclusionState.CONCLUDED, (evil,), evil, evil, claims[-1])
            for look in OriginState
            for relation in Relation
            for made in ("", evil)
        ),
        datasets=tuple(DatasetClaim(evil, look, (evil,), evil, place) for look in OriginState),
        conflicts=(Conflict(evil, huge, (evil,), evil, place, (evil, huge)),),
        intent=Intent({}, None, None, (evil,), evil),
        permission=Answer.REVIEW,
        answers=tuple(UseAnswer(each, evil, evil, evil, huge, evil, evil, evil, evil) for each in Answer),
        duties=tuple(Duty(evil, evil, group, huge, evil, (evil, huge), evil, evil) for group in Group),
        openness=Openness(evil, (Component(evil, evil, True, (evil,), None, evil),), (evil,)),
    )
