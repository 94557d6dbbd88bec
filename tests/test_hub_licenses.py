"""Licences over the loopback Hub: requests, traced base models, and answers for gated or private repositories."""

from __future__ import annotations

import json
import socket
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
from hub.server import LoopbackHub
from support.command import run_command

import modelaudit
from modelaudit.model.license import ConclusionState, OriginState
from modelaudit.model.limits import Limits
from modelaudit.model.report import AuditReport
from modelaudit.reports import render
from modelaudit.reports.answers import describe_conclusion
from modelaudit.reports.license_words import describe_claim
from modelaudit.sources import retries
from modelaudit.sources.small import LARGEST_SMALL_FILE, LARGEST_TEXT, MOST_SMALL_FILES, MOST_TEXTS

MIT = next(file.read_text("utf-8") for file in distribution("pytest").files or () if file.name == "LICENSE")
AGREEMENT = (
    "Subject to this Agreement we grant you a licence to study whales. You shall not distribute the model or use it for"
    " commercial purposes without our prior written consent. It is provided as is, and we are not liable."
)
# A safetensors file without tensors: the length of its header, and the empty header.
WEIGHTS = {"model.safetensors": b"\x02\x00\x00\x00\x00\x00\x00\x00{}"}

NON_COMMERCIAL_HEADER = "# This model is licensed for non-commercial use only.\n# Commercial use is prohibited.\n"


@pytest.fixture
def without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry without a pause."""
    monkeypatch.setattr(retries, "pause", lambda budget, seconds: None)


def build_card(**fields: str) -> str:
    """Build a model card with the fields as front matter."""
    return "---\n" + "".join(f"{key}: {value}\n" for key, value in fields.items()) + "---\n# Model\n"


def judge_license(name: str, **options: object) -> AuditReport:
    """Judge the licences of a repository for a commercial product in the EU, unless options say otherwise."""
    defaults = {
        "policy": "commercial-product",
        "territories": ["EU"],
        "monthly_active_users": 5e6,
        "annual_revenue_usd": 1e6,
    }
    return modelaudit.license(name, **{**defaults, **options})  # type: ignore[arg-type]


def test_use_of_a_model_and_its_base_model_under_mit_is_allowed_without_a_request_for_weights(hub: LoopbackHub) -> None:
    hub.add_repository("acme/base", {"README.md": build_card(license="mit"), "LICENSE": MIT, **WEIGHTS})
    hub.add_repository(
        "acme/tuned", {"README.md": build_card(license="mit", base_model="acme/base"), "LICENSE": MIT, **WEIGHTS}
    )
    report = judge_license("acme/tuned")
    assert (report.license.expression, report.license.permission, report.exit_code) == ("MIT", "allow", 0)
    [origin] = report.license.origins
    assert (origin.name, origin.look, origin.entries) == ("acme/base", OriginState.READ, ("MIT",))
    assert origin.commit
    assert not [request.path for request in hub.requests if "safetensors" in request.path]


def test_prohibition_in_the_license_of_an_indirect_base_model_denies_the_use(hub: LoopbackHub) -> None:
    hub.add_repository("acme/root", {"README.md": build_card(license="cc-by-nc-4.0"), **WEIGHTS})
    hub.add_repository("acme/base", {"README.md": build_card(license="mit", base_model="acme/root"), **WEIGHTS})
    hub.add_repository(
        "acme/small",
        {"README.md": build_card(license="apache-2.0", base_model="acme/base", base_model_relation="quantized")},
    )
    report = judge_license("acme/small")
    assert report.license.expression == "Apache-2.0 AND MIT AND CC-BY-NC-4.0"
    assert (report.license.permission, report.exit_code) == ("deny", 1)
    assert {each.via for each in report.license.answers if each.answer == "deny"} == {"acme/root"}
    assert "license/declared-against-inherited" in {finding.rule for finding in report.findings}
    scanned = modelaudit.scan("acme/small", second_opinion=False, policy="commercial-product")
    assert scanned.license.expression == report.license.expression


@pytest.mark.parametrize("order", ["[acme/decoy, acme/base]", "[acme/base, acme/decoy]"])
@pytest.mark.parametrize("is_stated_in_text", [False, True])
def test_use_is_denied_if_one_of_two_chains_to_a_base_model_lets_its_prohibition_through(
    hub: LoopbackHub, order: str, is_stated_in_text: bool
) -> None:
    tuned, distilled = {"base_model_relation": "finetune"}, {"base_model_relation": "distilled"}
    sentence = "It was distilled from [middle](https://huggingface.co/acme/middle).\n"
    decoy = build_card(license="mit", base_model="acme/middle", **distilled)
    if is_stated_in_text:
        decoy = build_card(license="mit") + sentence
    cards = {
        "acme/root": build_card(license="cc-by-nc-4.0"),
        "acme/middle": build_card(license="mit", base_model="acme/root", **tuned),
        "acme/base": build_card(license="mit", base_model="acme/middle", **tuned),
        "acme/decoy": decoy,
        "acme/tuned": build_card(license="mit", base_model=order, **tuned),
        # Its nearest mention of the middle model is the weaker one.
        "acme/near": build_card(license="mit", base_model="acme/base", **tuned) + sentence,
    }
    for name, card in cards.items():
        hub.add_repository(name, {"README.md": card, "LICENSE": MIT} if name != "acme/root" else {"README.md": card})
    for name in ("acme/tuned", "acme/near"):
        for report in (judge_license(name), judge_license(name, offline=True)):
            assert (report.license.permission, report.exit_code) == ("deny", 1), name
            assert {each.via for each in report.license.answers if each.answer == "deny"} == {"acme/root"}


@pytest.mark.parametrize("unread", ["LICENSE", "NOTICE.txt", "USE_POLICY.md", "adapter_config.json", "README.md"])
@pytest.mark.parametrize(("licence", "permission"), [("mit", "review"), ("cc-by-nc-4.0", "deny")])
@pytest.mark.parametrize("barrier", [{"gated": "manual"}, {"disabled": True}])
def test_hub_tags_of_a_gated_base_model_can_deny_a_use_but_never_allow_it(
    hub: LoopbackHub, unread: str, licence: str, permission: str, barrier: dict[str, Any]
) -> None:
    files = {unread: "This model is for non-commercial use only.", "README.md": build_card(license=licence), **WEIGHTS}
    hub.add_repository("acme/base", files, **barrier)
    hub.add_repository("acme/tuned", {"README.md": build_card(license="mit", base_model="acme/base"), "LICENSE": MIT})
    report = judge_license("acme/tuned")
    [origin] = report.license.origins
    assert (origin.look, origin.state) == (OriginState.GATED, ConclusionState.CONCLUDED)
    assert report.license.permission == permission
    scanned = modelaudit.scan("acme/tuned", second_opinion=False, policy="commercial-product")
    assert scanned.exit_code == report.exit_code == (3 if permission == "review" else 1)


@pytest.mark.parametrize("fault", [{"status": 500}, {"content": b"<html>"}, {"headers": {"X-Repo-Commit": "x"}}])
@pytest.mark.parametrize("match", ["/api/models/acme/base/revision/", "/api/models/acme/base/tree/"])
def test_scan_is_incomplete_if_the_look_up_of_its_base_model_fails(
    hub: LoopbackHub, without_waiting: None, match: str, fault: dict[str, Any]
) -> None:
    hub.add_repository("acme/base", {"README.md": build_card(license="cc-by-nc-4.0"), **WEIGHTS})
    hub.add_repository("acme/tuned", {"README.md": build_card(license="mit", base_model="acme/base"), "LICENSE": MIT})
    hub.inject_fault(match, **fault)
    report = modelaudit.scan("acme/tuned", second_opinion=False)
    assert report.exit_code == 3
    assert (
        "1 base model not looked up: scan again when the Hub delivers all, or with --offline to ask for none"
        in report.decision.reasons
    )
    assert judge_license("acme/tuned").exit_code == 3
    hub.clear_faults()
    assert modelaudit.scan("acme/tuned", second_opinion=False).exit_code == 1


@pytest.mark.parametrize("offline", [False, True])
def test_use_is_for_review_if_a_card_of_the_base_model_is_over_the_limit(hub: LoopbackHub, offline: bool) -> None:
    sentence = "This model is licensed for non-commercial use only.\n"
    card = build_card(license="mit") + sentence + "filler words\n" * (LARGEST_SMALL_FILE // 13 + 1)
    hub.add_repository("acme/base", {"README.md": card, "config.json": "{}"})
    hub.add_repository("acme/tuned", {"README.md": build_card(license="mit", base_model="acme/base"), "LICENSE": MIT})
    judge_license("acme/tuned")
    report = judge_license("acme/tuned", offline=offline)
    assert (report.license.permission, report.exit_code) == ("review", 3)
    assert modelaudit.scan("acme/tuned", second_opinion=False, offline=offline).exit_code == 3


@pytest.mark.parametrize("offline", [False, True])
def test_use_is_denied_by_a_base_model_that_only_settings_of_more_than_one_mib_name(
    hub: LoopbackHub, offline: bool
) -> None:
    settings = json.dumps({"base_model_name_or_path": "acme/root", "note": "x" * 1_100_000})
    hub.add_repository("acme/root", {"README.md": build_card(license="cc-by-nc-4.0")})
    hub.add_repository("acme/base", {"README.md": build_card(license="mit"), "adapter_config.json": settings})
    hub.add_repository("acme/tuned", {"README.md": build_card(license="mit", base_model="acme/base"), "LICENSE": MIT})
    judge_license("acme/tuned")
    report = judge_license("acme/tuned", offline=offline)
    assert (report.license.permission, report.exit_code) == ("deny", 1)


def test_offline_use_is_for_review_if_the_recorded_listing_of_the_base_model_is_damaged(
    hub: LoopbackHub, hub_home: Path
) -> None:
    hub.add_repository("acme/base", {"README.md": build_card(license="mit"), "LICENSE": MIT})
    hub.add_repository("acme/tuned", {"README.md": build_card(license="mit", base_model="acme/base"), "LICENSE": MIT})
    assert judge_license("acme/tuned").license.permission == "allow"
    for record in hub_home.glob("hub/models--acme--base/trees/*.json"):
        kept = record.read_text()
        record.write_text("{}")
        assert judge_license("acme/tuned", offline=True).license.permission == "review"
        record.write_text(kept)
    assert judge_license("acme/tuned", offline=True).license.permission == "allow"


@pytest.mark.parametrize("tree_has_card", [True, False])
def test_use_is_not_allowed_by_the_tags_of_a_base_model_whose_description_lists_no_file(
    hub: LoopbackHub, tree_has_card: bool
) -> None:
    base = hub.add_repository("acme/base", {"README.md": build_card(license="cc-by-nc-4.0"), **WEIGHTS})
    hub.add_repository("acme/tuned", {"README.md": build_card(license="mit", base_model="acme/base"), "LICENSE": MIT})
    info = {"id": "acme/base", "sha": base.sha, "siblings": None, "tags": ["license:mit"]}
    hub.inject_fault("/api/models/acme/base/revision/", content=json.dumps(info).encode())
    if not tree_has_card:
        hub.inject_fault("/api/models/acme/base/tree/", content=b"[]")
    answers = [judge_license("acme/tuned"), judge_license("acme/tuned", offline=True)]
    assert [answer.license.permission for answer in answers] == ["deny" if tree_has_card else "review"] * 2


@pytest.mark.parametrize("tagged", ["acme/tuned", "acme/base"])
def test_offline_use_is_denied_by_a_licence_that_only_the_tags_of_the_hub_name(hub: LoopbackHub, tagged: str) -> None:
    repositories = {
        "acme/base": hub.add_repository("acme/base", {"README.md": build_card(license="mit"), "LICENSE": MIT}),
        "acme/tuned": hub.add_repository(
            "acme/tuned", {"README.md": build_card(license="mit", base_model="acme/base")}
        ),
    }
    siblings = [{"rfilename": path} for path in repositories[tagged].find_commit("main").files]
    info = {"id": tagged, "sha": repositories[tagged].sha, "tags": ["license:cc-by-nc-4.0"], "siblings": siblings}
    hub.inject_fault(f"/api/models/{tagged}/revision/", content=json.dumps(info).encode())
    for offline in (False, True):
        report = judge_license("acme/tuned", offline=offline)
        assert (report.license.permission, report.exit_code) == ("deny", 1)


def test_offline_answer_notes_that_a_cache_of_another_program_lacks_the_statements_of_the_hub(
    hub: LoopbackHub,
) -> None:
    from huggingface_hub import snapshot_download

    hub.add_repository("acme/tuned", {"README.md": build_card(license="mit"), "LICENSE": MIT})
    snapshot_download("acme/tuned")
    note = "the cache has no record of the Hub's own statements on licence and base models (its tags)"
    assert note in judge_license("acme/tuned", offline=True).target.notes
    judge_license("acme/tuned")
    assert note not in judge_license("acme/tuned", offline=True).target.notes


@pytest.mark.parametrize("fault", [{"status": 500}, {"status": 403}, {"tamper": True}, {"drop_after": 3}])
def test_scan_is_incomplete_if_a_text_of_its_base_model_is_not_delivered_unchanged(
    hub: LoopbackHub, without_waiting: None, fault: dict[str, Any]
) -> None:
    base = hub.add_repository("acme/base", {"README.md": build_card(license="mit"), "LICENSE": MIT, **WEIGHTS})
    hub.add_repository("acme/tuned", {"README.md": build_card(license="mit", base_model="acme/base"), "LICENSE": MIT})
    hub.inject_fault(f"{base.sha}/README.md", **fault)
    report = modelaudit.scan("acme/tuned", second_opinion=False)
    assert report.exit_code == 3
    assert any("acme/base" in reason and "README.md" in reason for reason in report.decision.reasons)
    assert judge_license("acme/tuned").license.permission == "review"
    offline = modelaudit.scan("acme/tuned", second_opinion=False, offline=True)
    assert offline.exit_code == 3
    assert any("acme/base" in reason and "README.md" in reason for reason in offline.decision.reasons)
    assert judge_license("acme/tuned", offline=True).license.permission == "review"
    hub.clear_faults()
    assert judge_license("acme/tuned").license.permission == "allow"
    assert judge_license("acme/tuned", offline=True).license.permission == "allow"


@pytest.mark.parametrize("offline", [False, True])
def test_scan_does_not_pass_if_the_cache_holds_an_altered_text_of_its_base_model(
    hub: LoopbackHub, hub_home: Path, offline: bool
) -> None:
    base_card = build_card(license="cc-by-nc-4.0")
    hub.add_repository("acme/base", {"README.md": base_card, **WEIGHTS})
    hub.add_repository("acme/tuned", {"README.md": build_card(license="mit", base_model="acme/base"), "LICENSE": MIT})
    assert modelaudit.scan("acme/tuned", second_opinion=False, offline=False).exit_code == 1
    (cached_card,) = hub_home.glob("hub/models--acme--base/snapshots/*/README.md")
    blob = cached_card.resolve()
    blob.chmod(0o644)
    blob.write_text(build_card(license="mit"))
    report = modelaudit.scan("acme/tuned", second_opinion=False, offline=offline)
    # The tags of the Hub, which the cache records, still name the licence that forbids.
    assert report.exit_code == 1
    assert any("its bytes contradict the digest" in reason for reason in report.decision.reasons)


def test_offline_scan_passes_although_its_base_model_is_not_cached(hub: LoopbackHub) -> None:
    hub.add_repository("acme/tuned", {"README.md": build_card(license="mit", base_model="acme/base"), "LICENSE": MIT})
    hub.inject_fault("/api/models/acme/base", status=500)
    assert modelaudit.scan("acme/tuned", second_opinion=False, checks=["security"]).exit_code == 0
    assert modelaudit.scan("acme/tuned", second_opinion=False, offline=True).exit_code == 0
    assert modelaudit.scan("acme/tuned", second_opinion=False).exit_code == 3


def test_scan_of_a_model_on_disk_passes_without_a_connection_and_is_incomplete_if_the_hub_fails(
    hub: LoopbackHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Hub that answers must not choose the verdict by its failures, and a scan on disk needs no Hub."""
    for name, content in {"README.md": build_card(license="mit", base_model="acme/base"), "LICENSE": MIT}.items():
        (tmp_path / name).write_text(content)
    hub.inject_fault("/api/models/acme/base", status=500)
    assert modelaudit.scan(str(tmp_path), second_opinion=False).exit_code == 3
    with socket.socket() as refusing:  # a bound port that does not listen refuses connections
        refusing.bind(("127.0.0.1", 0))
        dead_end = f"http://127.0.0.1:{refusing.getsockname()[1]}"
        hub.inject_fault("/api/models/acme/base", status=302, headers={"Location": dead_end})
        assert modelaudit.scan(str(tmp_path), second_opinion=False).exit_code == 3
        monkeypatch.setenv("HF_ENDPOINT", dead_end)
        assert modelaudit.scan(str(tmp_path), second_opinion=False).exit_code == 0


@pytest.mark.parametrize("license_", ["mit", None])
def test_answer_names_the_hub_if_no_file_of_the_model_names_the_license(hub: LoopbackHub, license_: str | None) -> None:
    card = build_card(license=license_) if license_ else build_card(language="en")
    repository = hub.add_repository("acme/tagged", {"README.md": card, **WEIGHTS})
    info = {
        "id": "acme/tagged",
        "sha": repository.sha,
        "tags": ["license:mit"],
        "siblings": [{"rfilename": "README.md"}],
    }
    hub.inject_fault("/revision/", content=json.dumps(info).encode())
    license_conclusion = modelaudit.scan("acme/tagged", second_opinion=False).license
    place = "stated in README.md:2" if license_ else "stated by the Hub's metadata"
    assert describe_conclusion(license_conclusion).startswith(f"MIT, {place}")
    assert (license_conclusion.expression, license_conclusion.permission) == ("MIT", None)


def test_private_base_model_leaves_answer_for_review(hub: LoopbackHub) -> None:
    hub.add_repository("acme/base", {"README.md": build_card(license="mit")}, private=True)
    hub.add_repository("acme/tuned", {"README.md": build_card(license="mit", base_model="acme/base"), "LICENSE": MIT})
    report = judge_license("acme/tuned")
    assert (report.license.origins[0].look, report.license.permission) == (OriginState.MISSING, "review")


def test_data_set_license_is_looked_up_but_does_not_join_the_model_license(hub: LoopbackHub) -> None:
    hub.add_repository("acme/rows", {"README.md": build_card(license="cc-by-nc-4.0")}, kind="dataset")
    hub.add_repository("acme/model", {"README.md": build_card(license="mit", datasets="[acme/rows]"), "LICENSE": MIT})
    report = judge_license("acme/model")
    [data] = report.license.datasets
    assert (data.entries, report.license.expression, report.license.permission) == (("CC-BY-NC-4.0",), "MIT", "allow")
    assert "license/dataset-stricter" in {finding.rule for finding in report.findings}


def test_data_set_of_the_card_and_of_its_tag_on_the_hub_is_no_base_model(hub: LoopbackHub) -> None:
    hub.add_repository("acme/rows", {"README.md": build_card(license="cc-by-4.0")}, kind="dataset")
    hub.add_repository("acme/model", {"README.md": build_card(license="mit", datasets="[acme/rows]"), "LICENSE": MIT})
    report = judge_license("acme/model")
    tags = [each for each in report.license.claims if each.location.key == "dataset:acme/rows"]
    assert [describe_claim(each) for each in tags] == ["named as a data set"]
    for format in ("html", "table", "markdown"):
        words = " ".join(render(report, format).decode().split())
        assert "base model acme/rows" not in words and "base model (acme/rows)" not in words, format
        assert "(acme/rows)?" not in words, format
        assert "may bring further duties" not in words, format


def test_hub_tags_of_a_gated_model_can_deny_a_use_but_never_allow_it(hub: LoopbackHub) -> None:
    hub.add_repository("acme/closed", {"README.md": build_card(license="cc-by-nc-4.0"), **WEIGHTS}, gated="manual")
    report = judge_license("acme/closed")
    assert (report.license.permission, report.exit_code) == ("deny", 1)
    assert any("that the Hub shows" in note for note in report.target.notes)
    hub.add_repository("acme/mild", {"README.md": build_card(license="mit"), **WEIGHTS}, gated="manual")
    assert judge_license("acme/mild").exit_code == 3


@pytest.mark.parametrize(
    "base",
    [
        {"README.md": build_card(license="mit") + "\nThis model is for research purposes only.\n", "LICENSE": MIT},
        {"README.md": build_card(license="mit", extra_gated_prompt="Non-commercial use only."), "LICENSE": MIT},
        {"README.md": build_card(license="mit", license_link="https://example.org/terms"), "LICENSE": MIT},
        {"README.md": build_card(license="mit", base_model="/mnt/llama"), "LICENSE": MIT},
        {"README.md": build_card(license="mit"), "LICENSE": MIT, "USE_POLICY.md": "# Use policy\n\nNo whales.\n"},
        {"README.md": build_card(license="mit"), "LICENSE": MIT, "TERMS.md": "Ask the harbour master.\n"},
    ],
    ids=["a sentence", "a gate", "a link", "a base model by local path", "a use policy", "terms"],
)
def test_uncertain_terms_of_a_base_model_prevent_permission(base: dict[str, str], hub: LoopbackHub) -> None:
    hub.add_repository("acme/base", {**base, **WEIGHTS})
    hub.add_repository("acme/tuned", {"README.md": build_card(license="mit", base_model="acme/base"), "LICENSE": MIT})
    report = judge_license("acme/tuned")
    assert (report.license.permission, report.exit_code) == ("review", 3)


@pytest.mark.parametrize(
    ("path", "content", "permission"),
    [
        ("LICENSE.json", '{"license": "cc-by-nc-4.0"}', "deny"),
        ("license.yaml", "license: cc-by-nc-4.0\n", "deny"),
        ("LICENSE.xml", "<terms>Non-commercial use only.</terms>", "review"),
        ("NONCOMMERCIAL.md", "This model is licensed for non-commercial use only.\n", "review"),
        ("RESTRICTED_USE.txt", "This model is licensed for non-commercial use only.\n", "review"),
        # No reader recognises UTF-16 without a byte order mark as text.
        ("README.zh.md", "For non-commercial use only.\n".encode("utf-16-le"), "review"),
        ("USE_POLICY.md", "For non-commercial use only.\n".encode("utf-16-le"), "review"),
        ("README.zh.md", "\n", "allow"),
        ("README.zh.md", "", "allow"),
        ("licenses.json", '["MIT", "ISC"]', "allow"),
        ("usage.mov", b"\x00\x00\x00\x14ftypqt  \x00\x00\x00\x00qt  ", "allow"),
        ("docs/README.md", build_card(language="en"), "allow"),
    ],
)
@pytest.mark.parametrize("offline", [False, True])
def test_use_is_allowed_only_if_every_file_of_the_base_model_that_is_named_for_terms_is_read(
    hub: LoopbackHub, offline: bool, path: str, content: str | bytes, permission: str
) -> None:
    hub.add_repository("acme/base", {"README.md": build_card(license="mit"), "LICENSE": MIT, path: content})
    hub.add_repository("acme/tuned", {"README.md": build_card(license="mit", base_model="acme/base"), "LICENSE": MIT})
    judge_license("acme/tuned")
    report = judge_license("acme/tuned", offline=offline)
    exit_codes = {"allow": 0, "review": 3, "deny": 1}
    assert (report.license.permission, report.exit_code) == (permission, exit_codes[permission])


def test_altered_license_text_of_a_component_subfolder_leaves_the_answer_for_review(hub: LoopbackHub) -> None:
    own_files = {"README.md": build_card(license="mit"), "LICENSE": MIT}
    hub.add_repository("acme/unaltered", {**own_files, "vendor/LICENSE": MIT})
    report = judge_license("acme/unaltered")
    assert (report.license.permission, report.exit_code) == ("allow", 0)
    altered = MIT.replace("without restriction", "for study alone")
    hub.add_repository("acme/altered", {**own_files, "parts/deep/LICENSE": altered})
    report = judge_license("acme/altered")
    assert (report.license.permission, report.exit_code) == ("review", 3)
    assert any("resembles one" in each.because for each in report.license.answers)


def test_unread_license_file_leaves_answer_for_review(hub: LoopbackHub) -> None:
    own_files = {"README.md": build_card(license="mit"), "LICENSE": MIT}
    hub.add_repository("acme/pdf", {**own_files, "vendor/LICENSE.pdf": b"%PDF-1.7\n"})
    hub.add_repository("acme/large", {**own_files, "vendor/LICENSE": MIT + " " * LARGEST_SMALL_FILE})
    # With the two files above, the last two of these exceed the number of files that are fetched.
    hub.add_repository(
        "acme/many", {**own_files, **{f"part{number:03}/LICENSE": MIT for number in range(MOST_SMALL_FILES)}}
    )
    first_unfetched = f"part{MOST_SMALL_FILES - 2:03}/LICENSE"
    for name, path in (("pdf", "vendor/LICENSE.pdf"), ("large", "vendor/LICENSE"), ("many", first_unfetched)):
        report = judge_license(f"acme/{name}")
        assert (report.license.permission, report.exit_code) == ("review", 3), name
        assert any(path in each.because for each in report.license.answers), (name, report.license.answers)


def test_texts_of_any_name_are_fetched_up_to_a_limit_and_read(hub: LoopbackHub) -> None:
    own_files = {"README.md": build_card(license="mit"), "LICENSE": MIT, "vocab.txt": "a\n" * LARGEST_TEXT}
    notes = {f"notes/{number:03}.txt": f"Note {number}" for number in range(MOST_TEXTS)}
    hub.add_repository("acme/plain", {**own_files, **notes})
    report = judge_license("acme/plain")
    assert (report.license.permission, report.exit_code, report.coverage.unopened) == ("allow", 0, 1)
    assert not [each for each in hub.requests if "vocab.txt" in each.path]
    hub.add_repository("acme/bound", {**own_files, "deep/er/about.cfg": AGREEMENT})
    hub.add_repository("acme/many", {**own_files, **notes, "notes/further/last.txt": "Note"})
    for name, words in (("bound", "deep/er/about.cfg"), ("many", f"the limit of {MOST_TEXTS} texts")):
        report = judge_license(f"acme/{name}")
        assert (report.license.permission, report.exit_code) == ("review", 3), name
        assert any(words in each.because for each in report.license.answers), (name, report.license.answers)


@pytest.mark.parametrize("gated", [True, False])
def test_hub_license_tag_allows_a_use_only_if_the_card_of_the_scanned_model_can_be_read(
    hub: LoopbackHub, gated: bool
) -> None:
    hub.add_repository("acme/closed", {"README.md": build_card(license="mit")}, gated="manual" if gated else False)
    report = judge_license("acme/closed")
    assert report.license.expression == "MIT"
    assert (report.license.permission, report.exit_code) == (("review", 3) if gated else ("allow", 0))
    reasons = [each.because for each in report.license.answers]
    assert len(reasons) == (1 if gated else 0)
    assert all(reason.startswith("README.md could not be read") for reason in reasons)


@pytest.mark.parametrize(
    ("path", "content", "answer"),
    [
        ("adapter/adapter_config.json", '{"base_model_name_or_path": "acme/root"}', ("deny", 1)),
        ("a/b/config.json", '{"license": "cc-by-nc-4.0"}', ("deny", 1)),
        ("modeling_acme.py", f"# License: CC-BY-NC-4.0\n{NON_COMMERCIAL_HEADER}import torch\n", ("review", 3)),
        ("src/modeling_acme.py", f"{NON_COMMERCIAL_HEADER}import torch\n", ("review", 3)),
    ],
)
def test_files_with_terms_in_any_folder_count_alike_online_offline_and_in_a_folder(
    hub: LoopbackHub, tmp_path: Path, path: str, content: str, answer: tuple[str, int]
) -> None:
    hub.add_repository("acme/root", {"README.md": build_card(license="cc-by-nc-4.0")})
    files = {"README.md": build_card(license="mit"), "LICENSE": MIT, path: content}
    hub.add_repository("acme/tuned", {**files, **WEIGHTS})
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    reports = {
        "online": judge_license("acme/tuned"),
        "offline": judge_license("acme/tuned", offline=True),
        "folder": judge_license(str(tmp_path)),
        "scan": modelaudit.scan("acme/tuned", second_opinion=False, policy="commercial-product"),
    }
    permissions = {way: report.license.permission for way, report in reports.items()}
    assert permissions == dict.fromkeys(reports, answer[0])
    assert {reports[way].exit_code for way in ("online", "offline", "folder")} == {answer[1]}


def test_use_is_denied_by_a_base_model_that_settings_in_a_folder_of_another_base_model_name(hub: LoopbackHub) -> None:
    hub.add_repository("acme/root", {"README.md": build_card(license="cc-by-nc-4.0")})
    settings = {"lora/adapter_config.json": '{"base_model_name_or_path": "acme/root"}'}
    hub.add_repository("acme/base", {"README.md": build_card(license="mit"), "LICENSE": MIT, **settings})
    hub.add_repository("acme/tuned", {"README.md": build_card(license="mit", base_model="acme/base"), "LICENSE": MIT})
    assert [judge_license("acme/tuned", offline=offline).exit_code for offline in (False, True)] == [1, 1]


def test_answer_notes_the_files_that_may_state_terms_and_were_not_fetched(hub: LoopbackHub) -> None:
    own_files = {"README.md": build_card(license="mit"), "LICENSE": MIT}
    modules = {f"part{number:03}.py": "pass" for number in range(MOST_SMALL_FILES)}
    hub.add_repository("acme/coded", {**own_files, **modules})
    report = judge_license("acme/coded")
    first_unfetched = f"part{MOST_SMALL_FILES - 2:03}.py"
    assert any(first_unfetched in note and "may state terms" in note for note in report.target.notes)
    settings = {f"part{number:03}/config.json": "{}" for number in range(MOST_SMALL_FILES)}
    hub.add_repository("acme/parts", {**own_files, **settings})
    report = judge_license("acme/parts")
    assert (report.license.permission, report.exit_code) == ("review", 3)
    assert any("may state terms" in note for note in report.target.notes)


def test_use_is_for_review_if_a_module_of_the_target_is_not_delivered(hub: LoopbackHub, without_waiting: None) -> None:
    files = {"README.md": build_card(license="mit"), "LICENSE": MIT, "modeling_acme.py": "import torch\n"}
    target = hub.add_repository("acme/coded", files)
    hub.inject_fault(f"{target.sha}/modeling_acme.py", status=403)
    assert [judge_license("acme/coded", offline=offline).exit_code for offline in (False, True)] == [3, 3]
    hub.clear_faults()
    assert [judge_license("acme/coded", offline=offline).exit_code for offline in (False, True)] == [0, 0]


@pytest.mark.parametrize(
    "files",
    [
        {"README.md": build_card(license="mit", base_model="acme/base-1@{}")},
        {"README.md": build_card(license="mit", base_model='"hf://acme/base-1@{}"')},
        {"README.md": build_card(license="mit", base_model="https://huggingface.co/acme/base-1/tree/{}")},
        {"README.md": build_card(license="mit") + "It was fine-tuned from acme/base-1@{}.\n"},
        {"adapter_config.json": '{{"base_model_name_or_path": "acme/base-1", "revision": "{}"}}'},
        {"mergekit_config.yml": "models:\n- model:\n    model:\n      path: acme/base-1\n      revision: {}\n"},
        {"axolotl_config.yml": "base_model: acme/base-1\nrevision_of_model: {}\n"},
    ],
    ids=["id", "address of a file system", "page", "sentence", "adapter", "merge", "training"],
)
def test_base_model_is_judged_by_the_terms_of_the_revision_that_is_named(
    hub: LoopbackHub, files: dict[str, str]
) -> None:
    base = hub.add_repository("acme/base-1", {"README.md": build_card(license="mit"), "LICENSE": MIT})
    base.set_branch("nc")
    named_commit = base.commit({"README.md": build_card(license="cc-by-nc-4.0")}, branch="nc", delete=["LICENSE"])
    own_files = {"README.md": build_card(license="mit"), "LICENSE": MIT}
    for revision, answer in (("nc", ("deny", 1)), ("main", ("allow", 0)), ("gone", ("review", 3))):
        stated = {
            path: text.replace("{{", "{").replace("}}", "}").replace("{}", revision) for path, text in files.items()
        }
        hub.add_repository(f"acme/tuned-{revision}", {**own_files, **stated})
        for offline in (False, True):
            report = judge_license(f"acme/tuned-{revision}", offline=offline)
            assert (report.license.permission, report.exit_code) == answer, (revision, offline)
        if revision == "nc":
            [default, named] = report.license.origins
            assert (default.name, default.commit) == ("acme/base-1", base.sha)
            assert (named.name, named.commit) == ("acme/base-1@nc", named_commit)


@pytest.mark.parametrize("revision", ["refs/pr/1", "refs%2Fpr%2F1", "{commit}", "{commit:.8}", "gone"])
@pytest.mark.parametrize(("default_terms", "answer"), [("cc-by-nc-4.0", ("deny", 1)), ("mit", ("review", 3))])
def test_revision_that_a_stranger_may_have_made_or_that_is_missing_removes_no_term_of_a_base_model(
    hub: LoopbackHub, revision: str, default_terms: str, answer: tuple[str, int]
) -> None:
    base = hub.add_repository("acme/base", {"README.md": build_card(license=default_terms)})
    if default_terms == "mit":
        base.commit({"LICENSE": MIT})
    commit = base.commit({"README.md": build_card(license="mit"), "LICENSE": MIT}, branch="refs/pr/1")
    named = f"https://huggingface.co/acme/base/tree/{revision.replace('{commit:.8}', commit[:8])}"
    stated = {"README.md": build_card(license="mit", base_model=named.replace("{commit}", commit)), "LICENSE": MIT}
    hub.add_repository("acme/tuned", stated)
    report = judge_license("acme/tuned")
    assert (report.license.permission, report.exit_code) == answer


def test_base_model_at_the_commit_of_its_default_branch_is_judged_by_its_terms(hub: LoopbackHub) -> None:
    base = hub.add_repository("acme/base", {"README.md": build_card(license="mit"), "LICENSE": MIT})
    stated = build_card(license="mit", base_model=f"acme/base@{base.sha}")
    hub.add_repository("acme/tuned", {"README.md": stated, "LICENSE": MIT})
    for offline in (False, True):
        assert judge_license("acme/tuned", offline=offline).exit_code == 0


def test_base_model_whose_revision_lies_below_main_can_be_scanned_offline_afterwards(
    hub: LoopbackHub, hub_home: Path
) -> None:
    base = hub.add_repository("acme/base", {"README.md": build_card(license="mit"), "LICENSE": MIT, **WEIGHTS})
    base.set_branch("main/x")
    stated = build_card(license="mit", base_model="acme/base@main/x")
    hub.add_repository("acme/tuned", {"README.md": stated, "LICENSE": MIT})
    assert judge_license("acme/tuned").exit_code == 0
    assert modelaudit.scan("acme/base", second_opinion=False).exit_code == 0
    assert modelaudit.scan("acme/base", second_opinion=False, offline=True).exit_code == 0
    assert (hub_home / "hub/models--acme--base/refs/main").read_text() == base.sha


def test_earlier_commit_of_the_model_itself_is_looked_up_as_a_base_model(hub: LoopbackHub) -> None:
    target = hub.add_repository("acme/tuned", {"README.md": build_card(license="cc-by-nc-4.0")})
    target.set_tag("v0")
    target.commit({"README.md": build_card(license="mit", base_model="acme/tuned@v0"), "LICENSE": MIT})
    assert (judge_license("acme/tuned").license.permission, judge_license("acme/tuned").exit_code) == ("deny", 1)


@pytest.mark.parametrize("offline", [False, True])
def test_use_is_for_review_if_the_files_of_a_base_model_take_more_cpu_time_than_one_artifact_may(
    hub: LoopbackHub, offline: bool
) -> None:
    settings = json.dumps({f"key_{number}": ["import os", "text", number] for number in range(6_000)})
    names = ("config.json", "tokenizer_config.json", "generation_config.json", "processor_config.json")
    files = {f"{folder}/{name}": settings for folder in "ab" for name in names}
    hub.add_repository("acme/base", {"README.md": build_card(license="mit"), "LICENSE": MIT, **files})
    hub.add_repository("acme/tuned", {"README.md": build_card(license="mit", base_model="acme/base"), "LICENSE": MIT})
    assert judge_license("acme/tuned").exit_code == 0
    limits = Limits(artifact_cpu_seconds=0.1, cpu_seconds_per_gib=0)
    report = judge_license("acme/tuned", offline=offline, limits=limits)
    [origin] = report.license.origins
    assert origin.look is OriginState.UNREACHED
    assert origin.detail.startswith("its files take more than 0.1 seconds of CPU time, so reading ended at ")
    assert (report.license.permission, report.exit_code) == ("review", 3)


def test_notices_of_a_repository_hold_the_texts_of_the_judged_commit_without_a_request_for_weights(
    hub: LoopbackHub, tmp_path: Path, hub_home: Path
) -> None:
    notice = "Whale Tools\nCopyright 2025 Acme GmbH\n"
    files = {"README.md": build_card(license="apache-2.0"), "NOTICE": notice, "third_party/LICENSE": MIT, **WEIGHTS}
    repository = hub.add_repository("acme/whale", files)
    judged = repository.sha
    repository.commit({**files, "NOTICE": "Copyright 2026 Somebody Else\n"})
    out = tmp_path / "notices"
    done = run_command("license", f"acme/whale@{judged}", "-q", "--notices", out)
    assert (done.returncode, done.stderr.count("modelaudit: wrote")) == (0, 1), done.stderr
    written = {each.relative_to(out).as_posix(): each.read_text("utf-8") for each in out.rglob("*") if each.is_file()}
    texts = "\n".join(text for name, text in written.items() if name.startswith("texts/"))
    assert notice.strip() in texts and MIT.strip() in texts
    assert "Copyright 2025 Acme GmbH" in written["COPYRIGHT.txt"]
    assert "Somebody Else" not in "".join(written.values())
    listed = {each["file"]: each["sha256"] for each in json.loads(written["MANIFEST.json"])["files"]}
    assert listed.keys() == written.keys() - {"MANIFEST.json"}
    assert not [request.path for request in hub.requests if "safetensors" in request.path]


def test_notices_of_a_repository_that_went_away_are_not_written(hub: LoopbackHub, tmp_path: Path) -> None:
    done = run_command("license", "acme/nothing", "-q", "--notices", tmp_path / "notices")
    assert done.returncode == 4, done.stderr
    assert not (tmp_path / "notices").exists()
