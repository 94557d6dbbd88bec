"""Answers and duties for a paid product in the EU; each row was worked out by hand from the terms.

The columns are the answer; the conclusion, if any; the clauses that deny; the points left to a person; everything to
ship, show, name or pass on, as kind and licence; and the conflicts.
"""

from __future__ import annotations

from collections.abc import Callable, Set
from pathlib import Path
from typing import NamedTuple

import pytest
from builders.license_repositories import MODELS, write_hub_cache

import modelaudit
from modelaudit.model.finding import Severity
from modelaudit.model.report import AuditReport
from modelaudit.reports.license_screen import render_license
from modelaudit.reports.notices import build_notices


class Expected(NamedTuple):
    """The answer that was worked out by hand for one repository, as the columns above describe it."""

    answer: str
    concluded: str
    denied_by: Set[str] = frozenset()
    reviewed_for: Set[str] = frozenset()
    duties: Set[tuple[str, str]] = frozenset()
    conflicts: Set[str] = frozenset()


def build_duties(license_id: str, *kinds: str) -> set[tuple[str, str]]:
    """Build (kind, licence) for each kind of duty."""
    return {(kind, license_id) for kind in kinds}


LLAMA_DUTIES = ("include-license-text", "keep-notices", "attribution-naming", "derivative-naming", "output-disclosure")
TEXT_CHANGES_NOTICES = ("include-license-text", "state-changes", "keep-notices")
APACHE_DUTIES = build_duties("Apache-2.0", *TEXT_CHANGES_NOTICES)

EXPECTED = {
    # The card and the text agree: any use, with the text, the notices and marks on changed files.
    "acme/north-7b": Expected("allow", "Apache-2.0", duties=APACHE_DUTIES),
    # MIT asks for its text and the copyright line alone.
    "acme/encoder": Expected("allow", "MIT", duties=build_duties("MIT", "include-license-text")),
    # The card cannot grant what Llama 3.1 withholds. The limit is 700 million users, and ours are not stated.
    "acme/llama-chat-8b": Expected(
        "review",
        "Apache-2.0 AND LicenseRef-Llama-3.1",
        reviewed_for={"user-cap", "conclusion"},
        duties=APACHE_DUTIES | build_duties("LicenseRef-Llama-3.1", *LLAMA_DUTIES),
        conflicts={"declared-inherited", "missing-text", "missing-notice", "missing-naming"},
    ),
    # The use policy of Llama 3.2 grants no rights in its multimodal models in the EU.
    "acme/llama-vision-11b": Expected(
        "deny",
        "LicenseRef-Llama-3.2",
        denied_by={"territory-limit"},
        reviewed_for={"user-cap"},
        duties=build_duties("LicenseRef-Llama-3.2", *LLAMA_DUTIES),
        conflicts={"missing-text"},
    ),
    # Each version of the Gemma terms permits it, with the sentence in a notice and the limits in our own contract.
    "acme/gemma-2b-gguf": Expected(
        "allow",
        "LicenseRef-Gemma",
        duties=build_duties("LicenseRef-Gemma", *TEXT_CHANGES_NOTICES, "pass-on-use-limits", "output-disclosure"),
        conflicts={"missing-text", "version-dependent"},
    ),
    # Section 2 of the Qwen research licence is for research alone.
    "acme/qwen-3b-tuned": Expected(
        "deny",
        "LicenseRef-Qwen-Research",
        denied_by={"research-only", "no-commercial-use"},
        duties=build_duties("LicenseRef-Qwen-Research", *TEXT_CHANGES_NOTICES, "derivative-naming"),
        conflicts={"missing-text"},
    ),
    # OpenRAIL-M permits business, and binds us to lay its list of uses upon our customers.
    "acme/story-diffusion": Expected(
        "allow",
        "LicenseRef-CreativeML-OpenRAIL-M",
        duties=build_duties("LicenseRef-CreativeML-OpenRAIL-M", *TEXT_CHANGES_NOTICES, "pass-on-use-limits"),
        conflicts={"missing-text"},
    ),
    # A LoRA is shipped for use with FLUX.1 [dev], whose licence is neither for business nor for production.
    "acme/flux-lora": Expected(
        "deny",
        "LicenseRef-FLUX.1-dev",
        denied_by={"no-commercial-use", "no-production-use"},
        duties=build_duties(
            "LicenseRef-FLUX.1-dev", *TEXT_CHANGES_NOTICES, "output-disclosure", "no-sublicensing", "pass-on-use-limits"
        ),
        conflicts={"missing-text", "version-dependent"},
    ),
    # Without a licence nothing is permitted; only the author can grant a licence.
    "acme/nameless": Expected("review", "", reviewed_for={"conclusion"}),
    # Section 1 and 2 of CC BY-NC: not for commercial advantage.
    "acme/paper-voice": Expected(
        "deny",
        "CC-BY-NC-4.0",
        denied_by={"no-commercial-use"},
        duties=build_duties(
            "CC-BY-NC-4.0",
            "include-text-or-link",
            *TEXT_CHANGES_NOTICES[1:],
            "attribution-naming",
            "no-sublicensing",
            "no-added-limits",
        ),
        conflicts={"missing-text"},
    ),
    # The GPL permits sale; the product that is built on it goes out under the GPL, with its source.
    "acme/gpl-tagger": Expected(
        "allow",
        "GPL-3.0-only",
        duties=build_duties(
            "GPL-3.0-only",
            *TEXT_CHANGES_NOTICES,
            "share-alike",
            "source-disclosure",
            "no-sublicensing",
            "no-added-limits",
        ),
        conflicts={"missing-text"},
    ),
    # One of the two that were merged descends from Llama 3.1: its terms came along, by way of a card that hides them.
    "acme/merged-8b": Expected(
        "review",
        "Apache-2.0 AND LicenseRef-Llama-3.1",
        reviewed_for={"user-cap", "conclusion"},
        duties=APACHE_DUTIES | build_duties("LicenseRef-Llama-3.1", *LLAMA_DUTIES),
        conflicts={"declared-inherited", "missing-text", "missing-notice", "missing-naming"},
    ),
    # The adapter is MIT, the model that it is shipped with Apache-2.0: both are met by texts and notices.
    "acme/north-adapter": Expected(
        "allow",
        "MIT AND Apache-2.0",
        duties=build_duties("MIT", "include-license-text") | APACHE_DUTIES,
        conflicts={"missing-text"},
    ),
    # The agreement of Hunyuan 3D does not apply in the EU.
    "acme/hunyuan-shapes": Expected(
        "deny",
        "LicenseRef-Tencent-Hunyuan-3D-2.0",
        denied_by={"territory-limit"},
        reviewed_for={"user-cap"},
        duties=build_duties(
            "LicenseRef-Tencent-Hunyuan-3D-2.0", *TEXT_CHANGES_NOTICES, "output-disclosure", "pass-on-use-limits"
        ),
        conflicts={"missing-text"},
    ),
    # MIT with a sentence below it is not MIT: a person has to read the sentence.
    "acme/kimi-tuned": Expected("review", "", reviewed_for={"conclusion"}, conflicts={"variant-text"}),
    # We may choose, and MIT asks for less.
    "acme/either": Expected(
        "allow",
        "MIT OR Apache-2.0",
        duties=build_duties("MIT", "include-license-text"),
        conflicts={"missing-text"},
    ),
    # The licence of the data is reported apart; it does not change the permissions for the model.
    "acme/crawl-summarizer": Expected("allow", "Apache-2.0", duties=APACHE_DUTIES, conflicts={"dataset-stricter"}),
}

EXIT_CODES = {"allow": 0, "deny": 1, "review": 3}
# A name that must not occur in the output, since the repository has nothing to do with it.
UNRELATED_NAMES = {"acme/encoder": "Llama", "acme/north-7b": "Gemma"}


@pytest.fixture(scope="module")
def hub_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a Hub cache with all of the repositories, and return its folder."""
    folder = tmp_path_factory.mktemp("licences") / "hub"
    write_hub_cache(folder)
    return folder


@pytest.fixture
def ask(hub_cache: Path, hub_home: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., AuditReport]:
    """Return a function that reports the licence of a repository in the cache, for sale in the EU, without network."""
    monkeypatch.setenv("HF_HUB_CACHE", str(hub_cache))

    def ask(name: str, **context: object) -> AuditReport:
        options = {"policy": "commercial-product", "territories": ["EU"]} | context
        return modelaudit.license(name, offline=True, **options)  # type: ignore[arg-type]

    return ask


def test_every_example_repository_has_an_answer_worked_out_by_hand() -> None:
    assert set(EXPECTED) == set(MODELS)
    assert len(EXPECTED) >= 12


@pytest.mark.parametrize("name", list(EXPECTED))
def test_computed_license_answer_equals_the_one_worked_out_by_hand(name: str, ask: Callable[..., AuditReport]) -> None:
    report, wanted = ask(name), EXPECTED[name]
    computed = report.license
    assert str(computed.permission) == wanted.answer
    assert computed.expression == wanted.concluded
    assert {each.kind for each in computed.answers if each.answer == "deny"} == wanted.denied_by
    assert {each.kind for each in computed.answers if each.answer == "review"} == wanted.reviewed_for
    assert {(each.kind, each.license) for each in computed.duties if each.group != "watch"} == wanted.duties
    assert {each.kind for each in computed.conflicts} == wanted.conflicts
    fails_by_finding = any(each.severity.rank >= Severity.HIGH.rank for each in report.findings)
    assert report.exit_code == (1 if fails_by_finding else EXIT_CODES[wanted.answer])


@pytest.mark.parametrize("name", list(EXPECTED))
def test_license_screen_and_notice_files_state_the_same_answer(name: str, ask: Callable[..., AuditReport]) -> None:
    report, wanted = ask(name), EXPECTED[name]
    screen = render_license(report).decode()
    verdict = report.decision.use.verdict
    # Two spaces separate the answer from the rest of the first line.
    assert screen.split("  ")[0].endswith(f"USE: {verdict.upper()}")
    # A finding, such as a card that grants more than the base model does, fails where the clauses leave a question.
    assert verdict in {"allow": ("pass",), "deny": ("fail",), "review": ("review", "fail")}[wanted.answer]
    files = {path: content.decode() for path, content in build_notices(report).items()}
    assert f"**Use: {verdict}**" in files["CHECKLIST.md"]
    for duty in report.license.duties:
        for words in duty.words:
            path = "NOTICE" if duty.kind == "keep-notices" else "ATTRIBUTIONS.md"
            assert " ".join(words.split()) in " ".join(files[path].split())
    if name in UNRELATED_NAMES:
        assert UNRELATED_NAMES[name] not in screen + "".join(files.values())


def test_stated_number_of_users_decides_between_allow_and_deny_under_a_user_cap(
    ask: Callable[..., AuditReport],
) -> None:
    few = ask("acme/llama-vision-11b", territories=["US"], monthly_active_users=5e6)
    assert str(few.license.permission) == "allow"
    many = ask("acme/llama-vision-11b", territories=["US"], monthly_active_users=8e8)
    assert {each.kind for each in many.license.answers if each.answer == "deny"} == {"user-cap"}


@pytest.mark.parametrize("name", list(EXPECTED))
def test_license_screen_of_a_worked_example_has_at_most_50_lines_or_60_with_inherited_duties(
    name: str, ask: Callable[..., AuditReport]
) -> None:
    text = render_license(ask(name, monthly_active_users=1e5, annual_revenue_usd=2e6)).decode()
    concluded = EXPECTED[name].concluded
    # The duties of an inherited licence, beside those of the model's own, take more lines.
    has_inherited_duties = "LicenseRef" in concluded and "AND" in concluded
    assert len(text.splitlines()) <= (60 if has_inherited_duties else 50)


def test_answer_to_use_states_its_main_reason_or_the_open_duties(ask: Callable[..., AuditReport]) -> None:
    lines = {name: ask(f"acme/{name}").decision.use.reason for name in ("hunyuan-shapes", "gpl-tagger", "nameless")}
    assert lines == {
        "hunyuan-shapes": "Tencent Hunyuan 3D 2.0 Community License Agreement (section 1.l, 2, 3 and 5.c) does not "
        "permit the planned use. The licence grants no rights in EU, GB, KR, and your planned use includes at least part of that territory.",
        "gpl-tagger": "GPL-3.0-only permits the planned use, with 7 duties.",
        "nameless": "No licence is declared, so there is no permission to use it: ask the author to state one in writing.",
    }
    assert "Check first: " in ask("acme/crawl-summarizer").decision.use.reason


def test_non_commercial_or_research_license_denies_commercial_use_but_not_research_use(
    ask: Callable[..., AuditReport],
) -> None:
    for name in ("acme/qwen-3b-tuned", "acme/paper-voice"):
        assert str(ask(name, policy="research").license.permission) != "deny"
        assert str(ask(name, policy="commercial-saas").license.permission) == "deny"


def test_license_text_in_the_model_meets_the_duty_to_include_that_text(ask: Callable[..., AuditReport]) -> None:
    met = {each.kind: each.met for each in ask("acme/north-7b").license.duties}
    assert met["include-license-text"] == "LICENSE"
    duties = ask("acme/north-adapter").license.duties
    texts = {each.license: each.met for each in duties if each.kind == "include-license-text"}
    assert texts == {"MIT": "LICENSE", "Apache-2.0": ""}
