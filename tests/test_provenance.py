"""Facts about a repository of the Hub itself, and the findings that they lead to, over the loopback Hub."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest
from hub.access import Overview
from hub.repository import Repository
from hub.server import LoopbackHub
from support.command import run_command

import modelaudit
from modelaudit.checks.provenance import build_provenance_subjects
from modelaudit.model.copies import replace
from modelaudit.model.description import Topic
from modelaudit.model.digest import ClaimSource
from modelaudit.model.finding import Finding
from modelaudit.model.provenance import KnownNames, OwnerKind, Pin, PinHistory, Provenance, RevisionKind
from modelaudit.model.report import AuditReport
from modelaudit.model.verdict import CauseKind
from modelaudit.reports.json_report import parse_report, render_json

FILES: dict[str, bytes | str | Path] = {"README.md": "---\nlicense: mit\n---\n", "config.json": '{"model_type": "x"}'}
OLD = 1_600_000_000
"""Seconds of a date in 2020, before the first commit of any repository of the loopback Hub, and after its owners."""


def scan(target: str, **options: object) -> AuditReport:
    """Scan a repository without a second opinion."""
    return modelaudit.scan(target, **{"second_opinion": False, **options})  # type: ignore[arg-type]


def get_provenance(report: AuditReport) -> Provenance:
    """Return the provenance that a report of a repository of the Hub has."""
    assert report.target.provenance is not None
    return report.target.provenance


def list_rules(report: AuditReport) -> list[str]:
    """List the rules of provenance that fired, but for that on unpinned revisions."""
    return [each.rule for each in list_findings(report) if each.rule != "provenance/unpinned"]


def list_findings(report: AuditReport) -> list[Finding]:
    """List the findings of provenance."""
    return [each for each in report.findings if each.check == "provenance"]


@pytest.fixture
def tiny(hub: LoopbackHub) -> Repository:
    """Return a repository that a scan passes."""
    return hub.add_repository("acme/tiny", FILES)


def test_report_states_ids_owner_revision_and_commit_and_keeps_them_in_json(hub: LoopbackHub, tiny: Repository) -> None:
    report = scan("acme/tiny")
    facts = get_provenance(report)
    assert (facts.asked, facts.answered, facts.commit) == ("acme/tiny", "acme/tiny", tiny.sha)
    assert facts.revision is RevisionKind.DEFAULT
    assert facts.created == "2023-11-14T22:13:20.000Z"
    assert facts.owner is not None
    assert (facts.owner.kind, facts.owner.id) == (OwnerKind.ORGANIZATION, "5e67bd5b1009063689407478")
    assert facts.owner.created == "2020-03-10T16:19:23.000Z"
    assert (facts.pins, facts.unanswered) == ((), ())
    assert parse_report(render_json(report)) == report
    assert report.exit_code == 0


def test_description_states_the_owner_and_the_last_change_also_from_the_record_of_the_cache(
    hub: LoopbackHub, tiny: Repository
) -> None:
    for report in (scan("acme/tiny"), scan("acme/tiny", offline=True)):
        facts = report.description.list_facts(Topic.SUPPLIER, Topic.RELEASE_TIME)
        assert [(fact.topic, fact.value, fact.artifact) for fact in facts] == [
            (Topic.RELEASE_TIME, "2023-11-14T22:13:20.000Z", ""),
            (Topic.SUPPLIER, "acme", ""),
        ]


def test_owner_is_asked_for_once_for_a_commit_and_again_if_the_repository_was_created_anew(
    hub: LoopbackHub, tiny: Repository
) -> None:
    first = get_provenance(scan("acme/tiny"))
    hub.requests.clear()
    second = get_provenance(scan("acme/tiny"))
    assert [request.path for request in hub.requests] == ["/api/models/acme/tiny/revision/main"]
    assert second.owner == first.owner
    offline = get_provenance(scan("acme/tiny", offline=True))
    assert (offline.answered, offline.owner, offline.created) == (first.answered, first.owner, first.created)
    hub.rename_repository("acme/tiny", "other/tiny")
    hub.requests.clear()
    scan("acme/tiny")
    assert "/api/organizations/other/overview" in [request.path for request in hub.requests]


def test_unknown_owner_is_stated_and_asked_for_again(hub: LoopbackHub, tiny: Repository) -> None:
    fault = hub.inject_fault("/overview", status=403)
    report = scan("acme/tiny")
    (line,) = get_provenance(report).unanswered
    assert "the owner 'acme' is unknown" in line
    assert report.exit_code == 0
    fault.times = 0
    again = get_provenance(scan("acme/tiny"))
    assert (again.unanswered, again.owner and again.owner.created) == ((), "2020-03-10T16:19:23.000Z")


def test_question_without_an_answer_leaves_the_recorded_answers_to_others(hub: LoopbackHub, tiny: Repository) -> None:
    tiny.set_tag("v1")
    first = get_provenance(scan("acme/tiny"))
    fault = hub.inject_fault("/refs", status=403)
    report = scan("acme/tiny", revision="v1")
    assert get_provenance(report).revision is RevisionKind.NAME
    (line,) = get_provenance(report).unanswered
    assert "whether 'v1' is a tag or a branch is unknown" in line
    offline = get_provenance(scan("acme/tiny", offline=True))
    assert (offline.answered, offline.created, offline.owner) == (first.answered, first.created, first.owner)
    fault.times = 0
    assert get_provenance(scan("acme/tiny", revision="v1")).revision is RevisionKind.TAG
    fault.times = None
    tiny.set_tag("v2")
    scan("acme/tiny", revision="v2")
    assert get_provenance(scan("acme/tiny", revision="v1", offline=True)).revision is RevisionKind.TAG


def test_unknown_owner_leaves_the_other_facts_to_an_offline_scan(hub: LoopbackHub, tiny: Repository) -> None:
    tiny.set_tag("v1")
    hub.inject_fault("/overview", status=403)
    first = get_provenance(scan("acme/tiny", revision="v1"))
    offline = get_provenance(scan("acme/tiny", revision="v1", offline=True))
    assert (offline.answered, offline.created, offline.owner) == (first.answered, first.created, None)
    assert (first.revision, offline.revision) == (RevisionKind.TAG, RevisionKind.TAG)
    assert "the Hub was not asked, and the cache has no record of the owner" in offline.unanswered


def test_abbreviated_commit_is_not_pinned_for_the_rule_and_for_the_policy(
    hub: LoopbackHub, tiny: Repository, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("extends: default\nrequire: [pinned-revision]\n")
    report = scan("acme/tiny", revision=tiny.sha[:8], policy=policy)
    (finding,) = list_findings(report)
    assert "a name that is not a full commit id" in finding.message
    assert [cause.kind for cause in report.decision.causes] == [CauseKind.UNPINNED]


def test_owner_that_is_a_user_is_asked_for_among_organisations_first(hub: LoopbackHub, tiny: Repository) -> None:
    hub.access.overviews["acme"] = Overview("a" * 24, "2021-01-01T00:00:00.000Z", is_user=True)
    owner = get_provenance(scan("acme/tiny")).owner
    assert owner is not None
    assert (owner.kind, owner.id, owner.created) == (OwnerKind.USER, "a" * 24, "2021-01-01T00:00:00.000Z")
    asked = [request.path for request in hub.requests if request.path.endswith("/overview")]
    assert asked == ["/api/organizations/acme/overview", "/api/users/acme/overview"]


@pytest.mark.parametrize("is_user", [True, False])
def test_owner_or_repository_that_is_younger_than_the_lock_fails_and_one_that_is_older_does_not(
    hub: LoopbackHub, tiny: Repository, tmp_path: Path, is_user: bool
) -> None:
    hub.access.overviews["acme"] = Overview(is_user=is_user)
    lock = tmp_path / "modelaudit.lock"
    assert run_command("lock", f"acme/tiny@{tiny.sha}", "-o", lock, "-q").returncode == 0
    report = scan("acme/tiny", revision=tiny.sha, lock=lock)
    (pin,) = get_provenance(report).pins
    assert (pin.commit, pin.source, pin.record) == (tiny.sha, ClaimSource.LOCK, "modelaudit.lock")
    assert (pin.history, list_rules(report), report.exit_code) == (PinHistory.SAME, [], 0)
    shutil.rmtree(os.environ["HF_HOME"])  # the record of the owner too
    hub.access.overviews["acme"] = Overview(created="2099-01-01T00:00:00.000Z", is_user=is_user)
    report = scan("acme/tiny", revision=tiny.sha, lock=lock)
    assert (list_rules(report), report.exit_code) == (["provenance/owner-younger-than-pin"], 1)
    assert "the owner was created at 2099" in list_findings(report)[0].message
    assert "modelaudit.lock" in list_findings(report)[0].message
    shutil.rmtree(os.environ["HF_HOME"])
    hub.access.overviews["acme"] = Overview(is_user=is_user)
    lock.write_text(re.sub("locked: .*", "locked: 2021-01-01T00:00:00Z", lock.read_text()))
    report = scan("acme/tiny", revision=tiny.sha, lock=lock)
    assert "the repository was created at 2023-11-14" in list_findings(report)[0].message


@pytest.mark.parametrize(
    ("revision", "kind"),
    [
        (None, RevisionKind.DEFAULT),
        ("main", RevisionKind.BRANCH),
        ("topic/x", RevisionKind.BRANCH),
        ("v1", RevisionKind.TAG),
        ("refs/pr/1", RevisionKind.PULL_REQUEST),
        ("commit", RevisionKind.COMMIT),
        ("begin", RevisionKind.BRANCH),
        ("abbreviated", RevisionKind.NAME),
    ],
)
def test_revision_other_than_a_commit_is_an_unpinned_finding_that_fails_no_default_gate(
    hub: LoopbackHub, tiny: Repository, revision: str | None, kind: RevisionKind
) -> None:
    tiny.set_tag("v1")
    tiny.set_branch("topic/x")
    tiny.commit({"a.txt": "a"}, branch="refs/pr/1")
    if revision == "begin":  # a branch may have such a name, and can move
        tiny.set_branch(tiny.sha[:7])
    forms = {"commit": tiny.sha, "begin": tiny.sha[:7], "abbreviated": tiny.sha[:8]}
    revision = forms.get(str(revision), revision)
    report = scan("acme/tiny", revision=revision)
    assert get_provenance(report).revision is kind
    assert [each.rule for each in list_findings(report)] == ["provenance/unpinned"] * (kind is not RevisionKind.COMMIT)
    assert report.exit_code == 0
    hub.requests.clear()
    assert get_provenance(scan("acme/tiny", revision=revision)).revision is kind
    assert len(hub.requests) == 1
    assert get_provenance(scan("acme/tiny", revision=revision, offline=True)).revision is kind


def test_moved_repository_is_a_finding_and_checks_select_the_family(hub: LoopbackHub, tiny: Repository) -> None:
    hub.rename_repository("acme/tiny", "other/new")
    assert list_rules(scan("acme/tiny", checks=["provenance"])) == ["provenance/moved"]
    assert list_rules(scan("acme/tiny", offline=True)) == ["provenance/moved"]
    assert list_findings(scan("acme/tiny", checks=["security"])) == []
    assert list_rules(scan("other/new")) == []


def test_owner_or_repository_that_is_younger_than_the_cached_reference_fails(
    hub: LoopbackHub, hub_home: Path, tiny: Repository
) -> None:
    scan("acme/tiny")
    assert list_rules(scan("acme/tiny")) == []
    reference = hub_home / "hub/models--acme--tiny/refs/main"
    os.utime(reference, (OLD, OLD))
    report = scan("acme/tiny")
    assert list_rules(report) == ["provenance/owner-younger-than-pin"]
    assert "the repository was created at 2023-11-14T22:13:20.000Z" in list_findings(report)[0].message
    assert report.exit_code == 1
    (pin,) = get_provenance(report).pins
    assert (pin.commit, pin.date, pin.record) == (tiny.sha, "2020-09-13T12:26:40Z", "refs/main")
    # A scan that finds the same commit leaves the date of its record.
    assert list_rules(scan("acme/tiny")) == ["provenance/owner-younger-than-pin"]


def test_account_that_was_registered_anew_fails_although_its_repository_states_an_old_date(
    hub: LoopbackHub, tiny: Repository
) -> None:
    scan("acme/tiny")
    tiny.commit({"a.txt": "a"})
    hub.access.overviews["acme"] = Overview(created="2099-01-01T00:00:00.000Z")
    report = scan("acme/tiny")
    assert list_rules(report) == ["provenance/owner-younger-than-pin"]
    assert "the owner was created at 2099" in list_findings(report)[0].message
    # A second run does not pass because of the record that the first one made.
    assert list_rules(scan("acme/tiny")) == ["provenance/owner-younger-than-pin"]
    assert list_rules(scan("acme/tiny", offline=True)) == ["provenance/owner-younger-than-pin"]
    assert list_rules(scan("acme/tiny", revision=tiny.sha)) == []


def test_dates_are_compared_by_second_and_a_moved_name_counts_as_an_imitation(hub: LoopbackHub) -> None:
    pin = Pin("b" * 40, "2026-01-01T10:00:00Z", ClaimSource.LOCK, "x.lock")
    facts = Provenance("meta-Ilama/tiny", "acme/tiny", RevisionKind.TAG, "a" * 40, pins=(pin,))
    known = KnownNames(publishers=frozenset({"meta-llama"}))
    for time, kinds in (("10:00:01", ["lookalike", "younger"]), ("10:00:00", ["lookalike"])):
        subjects = build_provenance_subjects(replace(facts, created=f"2026-01-01T{time}.000Z"), known)
        assert sorted({str(each.fields["kind"]) for each in subjects} - {"moved", "unpinned"}) == kinds


def test_decision_on_an_unpinned_revision_holds_for_the_next_commit(hub: LoopbackHub, tiny: Repository) -> None:
    (first,) = list_findings(scan("acme/tiny"))
    tiny.commit({"a.txt": "a"})
    (second,) = list_findings(scan("acme/tiny"))
    assert (first.rule, first.fingerprint) == ("provenance/unpinned", second.fingerprint)
    assert first.message != second.message


def test_replaced_history_and_moved_tag_are_findings_and_a_further_commit_is_none(
    hub: LoopbackHub, tiny: Repository
) -> None:
    first = tiny.sha
    tiny.set_tag("v1")
    scan("acme/tiny")
    scan("acme/tiny", revision="v1")
    tiny.commit({"a.txt": "a"})
    report = scan("acme/tiny")
    assert list_rules(report) == []
    assert [(pin.commit, pin.history) for pin in get_provenance(report).pins] == [(first, PinHistory.ANCESTOR)]
    tiny.set_branch("main", first)
    tiny.commit({"b.txt": "b"})
    assert list_rules(scan("acme/tiny")) == ["provenance/history-rewritten"]
    hub.requests.clear()
    assert list_rules(scan("acme/tiny")) == ["provenance/history-rewritten"]
    assert not [request.path for request in hub.requests if "/commits/" in request.path]
    tiny.set_tag("v1")
    for _ in range(2):
        assert list_rules(scan("acme/tiny", revision="v1")) == ["provenance/history-rewritten"]
    assert list_rules(scan("acme/tiny", offline=True)) == ["provenance/history-rewritten"]


def test_history_that_the_hub_does_not_show_is_stated_and_is_no_finding(hub: LoopbackHub, tiny: Repository) -> None:
    first = tiny.sha
    scan("acme/tiny")
    tiny.commit({"a.txt": "a"})
    hub.inject_fault("/commits/", status=403)
    report = scan("acme/tiny")
    assert list_rules(report) == []
    assert [line for line in get_provenance(report).unanswered if f"the history since commit {first}" in line]
    hub.clear_faults()
    assert [pin.history for pin in get_provenance(scan("acme/tiny")).pins if pin.commit == first] == [
        PinHistory.ANCESTOR
    ]


def test_name_of_an_owner_or_model_that_imitates_another_fails(hub: LoopbackHub) -> None:
    for name in ("meta-Ilama/tiny", "acme/Ilama-3"):
        hub.add_repository(name, FILES)
        report = scan(name)
        assert list_rules(report) == ["provenance/lookalike"], name
        assert report.exit_code == 1
        assert scan(name, checks=["provenance"]).exit_code == 1
    for name in ("meta-llama/Llama-3", "acme/llama-gguf"):
        hub.add_repository(name, FILES)
        assert list_rules(scan(name)) == []
