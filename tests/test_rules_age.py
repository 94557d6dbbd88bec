"""``require: [rules-not-older-than: 90d]``: rules that are too old leave a scan incomplete."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from support.attested import TINY, make_attested, make_keys
from support.cases import check_each
from support.catalogue import load_shipped
from support.command import run_command
from support.rule_packs import change_files, write_signed

EDITION: Final = load_shipped().edition
assert EDITION is not None
CAUSE: Final = "rules-age"


def at(days: int, time: str = "12:00") -> dict[str, str]:
    """Return the clock of a scan so many days after the date of the rules."""
    assert EDITION is not None
    moment = datetime.fromisoformat(f"{date.fromisoformat(EDITION.date) + timedelta(days)}T{time}").replace(tzinfo=UTC)
    return {"SOURCE_DATE_EPOCH": str(int(moment.timestamp()))}


def scan(folder: Path, policy: str, clock: dict[str, str], *options: str) -> tuple[int, dict[str, Any]]:
    """Scan a harmless model by a policy; return the exit code and the report."""
    (folder / "modelaudit.yaml").write_text(policy)
    saved = f"json={folder / 'report.json'}"
    done = run_command(
        *("scan", TINY, "--no-second-opinion", "-q", "--policy", folder / "modelaudit.yaml", "-o", saved, *options),
        **clock,
    )
    return done.returncode, json.loads((folder / "report.json").read_text())


def list_causes(report: dict[str, Any]) -> list[str]:
    """List the reasons of the cause."""
    return [each["reason"] for each in report["decision"]["causes"] if each["kind"] == CAUSE]


@check_each(
    "days, time, is_too_old",
    [
        (0, "00:00", False),
        (89, "12:00", False),
        (90, "00:00", False),
        (90, "23:59", False),
        (91, "00:00", True),
        (4000, "12:00", True),
    ],
)
def test_rules_count_as_new_for_the_number_of_days_and_then_leave_the_scan_incomplete(
    tmp_path: Path, days: int, time: str, is_too_old: bool
) -> None:
    assert EDITION is not None
    code, report = scan(tmp_path, "require:\n  - rules-not-older-than: 90d\n", at(days, time))
    reason = f"the rules are of {EDITION.date}, {days} days old, and the policy allows 90 (modelaudit.yaml:2)"
    assert (code, list_causes(report)) == ((3, [reason]) if is_too_old else (0, []))
    assert report["decision"]["load"]["verdict"] == ("incomplete" if is_too_old else "pass")
    assert not [note for note in report["target"]["notes"] if "the clock" in note]


def test_age_of_the_rules_counts_for_nothing_without_the_condition(tmp_path: Path) -> None:
    for days in (-4000, 4000):
        code, report = scan(tmp_path, "extends: default\n", at(days))
        assert (code, list_causes(report), report["target"]["notes"]) == (0, [], [])


def test_rules_of_a_day_after_today_count_as_new_and_the_report_names_both_days(tmp_path: Path) -> None:
    assert EDITION is not None
    clock = at(-1)
    code, report = scan(tmp_path, "require: [rules-not-older-than: 1d]\n", clock)
    assert (code, list_causes(report)) == (0, [])
    today = report["created"][:10]
    assert report["target"]["notes"] == [
        f"the rules are of {EDITION.date}, and today is {today}: the clock, or the rule set, has a wrong date"
    ]


def test_number_of_days_of_a_file_takes_the_place_of_that_below_whether_it_is_more_or_less(tmp_path: Path) -> None:
    base = tmp_path / "base.yaml"
    for below, own, days, expected in ((30, 90, 60, 0), (90, 30, 60, 3), (30, None, 60, 3), (90, None, 60, 0)):
        base.write_text(f"require: [lock, rules-not-older-than: {below}d]\n")
        condition = "" if own is None else f"require: [rules-not-older-than: {own}d]\n"
        _, report = scan(tmp_path, f"extends: base.yaml\n{condition}", at(days))
        assert bool(list_causes(report)) == bool(expected), (below, own)
        shown = run_command("policy", "show", tmp_path / "modelaudit.yaml").stdout
        place = "base.yaml:1" if own is None else "modelaudit.yaml:2"
        [line] = [each for each in shown.splitlines() if "rules-not-older-than" in each]
        assert line.split() == ["-", "rules-not-older-than:", f'"{own or below}d"', "#", place]
        (tmp_path / "shown.yaml").write_text(shown)
        assert run_command("policy", "check", tmp_path / "shown.yaml").returncode == 0
        as_json = json.loads(run_command("policy", "show", "--json", tmp_path / "modelaudit.yaml").stdout)
        assert {"rules-not-older-than": f"{own or below}d"} in as_json["entries"]["require"]


def test_pack_without_an_edition_is_too_old_and_a_newer_pack_meets_the_condition(tmp_path: Path) -> None:
    make_keys(tmp_path)
    condition, clock, key = "require: [rules-not-older-than: 90d]\n", at(200), str(tmp_path / "key.pub")
    assert EDITION is not None
    newer = f'number: {EDITION.number + 1}\ndate: "{date.fromisoformat(EDITION.date) + timedelta(150)}"\n'
    for text, expected in ((None, 3), (newer, 0)):
        pack = write_signed(tmp_path / "p", tmp_path / "key.pem", change_files({"edition.yaml": text}))
        code, report = scan(tmp_path, condition, clock, "--rules", str(pack), "--rules-key", key)
        assert code == expected
        if text is None:
            assert list_causes(report) == [
                "the rule set states no date, and the policy requires newer rules (modelaudit.yaml:1)"
            ]
            assert (report["tool"]["rules_number"], report["tool"]["rules_date"]) == (0, "")


def test_explain_names_the_meaning_of_the_cause_and_the_next_step() -> None:
    done = run_command("explain", CAUSE)
    assert done.returncode == 0
    assert "The policy requires newer rules than those of this installation." in done.stdout
    assert "--rules FILE --rules-key KEY" in " ".join(done.stdout.split())


def test_evidence_of_an_attestation_states_the_edition(tmp_path: Path) -> None:
    assert EDITION is not None
    evidence, _ = make_attested(tmp_path).read_payloads()
    rule_set = evidence["predicate"]["ruleSet"]
    assert (rule_set["number"], rule_set["date"]) == (EDITION.number, EDITION.date)
    assert rule_set["sha256"] == load_report_digest(tmp_path / "report.json")


def load_report_digest(path: Path) -> str:
    """Return the digest of the rules that a report states."""
    digest: str = json.loads(path.read_text())["tool"]["rules_digest"]
    return digest


def test_documents_show_the_edition_and_say_when_to_raise_it() -> None:
    assert EDITION is not None
    root = Path(__file__).parents[1]
    assert f"rules {EDITION.number} of {EDITION.date} (`rules/edition.yaml`)" in (root / "docs/rules.md").read_text()
    assert "`rules/edition.yaml`" in (root / "docs/policy.md").read_text()
    assert "#the-edition" in (root / "CONTRIBUTING.md").read_text()
    assert "### The edition\n\n`rules/edition.yaml` holds" in (root / "docs/extending.md").read_text()
