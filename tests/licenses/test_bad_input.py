"""Hostile and damaged licence statements: reported by the scan and the command, without a crash or a permission."""

from __future__ import annotations

import json
from importlib.metadata import distribution
from pathlib import Path

import pytest
from support.command import run_command

import modelaudit
from modelaudit.model.license import OriginState
from modelaudit.model.limits import Limits
from modelaudit.model.report import AuditReport
from modelaudit.reports.json_report import parse_report, render_json

SALE = {"policy": "commercial-product", "territories": ["EU"], "monthly_active_users": 5e6, "annual_revenue_usd": 2e7}
ARGUMENTS = ("--policy", "commercial-product", "--territory", "EU", "--mau", "5e6", "--revenue", "2e7", "--offline")
MIT = next(file.read_text("utf-8") for file in distribution("pytest").files or () if file.name == "LICENSE")

# Name of the case -> the files, and the state of the conclusion; an empty state may be any but concluded.
CASES: dict[str, tuple[dict[str, bytes], str]] = {
    "no YAML": ({"README.md": b"---\nlicense: [mit\n: :\n---\n# M\n"}, "unrecognised"),
    "a zero byte": ({"README.md": b"---\nlicense: mit\x00\n---\n# M\n"}, "undeclared"),
    "never closed": ({"README.md": b"---\nlicense: mit\n# M\n"}, "unrecognised"),
    "of the wrong type": ({"README.md": b"---\n- license\n- mit\n---\n"}, "unrecognised"),
    "a licence that is a mapping": ({"README.md": b"---\nlicense: {name: mit}\n---\n"}, "unrecognised"),
    "a licence that is a number": ({"README.md": b"---\nlicense: 5\n---\n"}, "unrecognised"),
    "a list of licences": ({"README.md": b"---\nlicense: [mit, cc-by-nc-4.0]\n---\n"}, "contradictory"),
    "a list in a list": ({"README.md": b"---\nlicense: [[mit]]\n---\n"}, "unrecognised"),
    "three megabytes of a name": ({"README.md": b"---\nlicense: " + b"mit " * 750_000 + b"\n---\n"}, ""),
    "three megabytes of text": (
        {"README.md": b"---\nlicense: mit\n---\n", "LICENSE": MIT.encode() + b"and more words " * 200_000},
        "unrecognised",
    ),
    "three megabytes of a card": ({"README.md": b"# M\n" + b"some words on it\n" * 180_000}, "undeclared"),
    "invalid UTF-8 in the front matter": ({"README.md": b"---\nlicense: m\xffit\n---\n"}, "unrecognised"),
    "invalid UTF-8 in the text": (
        {"README.md": b"---\nlicense: mit\n---\n", "LICENSE": MIT.encode().replace(b"without", b"with\xffout", 1)},
        "unrecognised",
    ),
    "a link to no file": ({"README.md": b"---\nlicense: other\nlicense_link: LICENSE.md\n---\n"}, "vague"),
    "a link that leads outside": ({"README.md": b"---\nlicense: other\nlicense_link: ../../etc/passwd\n---\n"}, "vague"),
    "a link to everywhere": (
        {"README.md": b"---\nlicense: other\nlicense_link: javascript:alert(1)\n---\n"}, "vague"
    ),
    "an empty file": ({"README.md": b"---\nlicense: mit\n---\n", "LICENSE": b""}, "unrecognised"),
    "a text of one word": ({"README.md": b"---\nlicense: mit\n---\n", "LICENSE": b"MITX\n"}, "unrecognised"),
    "a sentence more": (
        {"README.md": b"---\nlicense: mit\n---\n", "LICENSE": MIT.encode() + b"\nNo commercial use.\n"},
        "unrecognised",
    ),
    "letters that look alike": ({"README.md": "---\nlicense: m\u0456t\n---\n".encode()}, "unrecognised"),
}  # fmt: skip


def write_model(folder: Path, files: dict[str, bytes]) -> Path:
    """Write the files, beside a safetensors file without tensors; return the folder."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    header = b"{}"
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    return folder


def examine_license(folder: Path, **options: object) -> AuditReport:
    """Report the licence of a folder for sale in the EU, without network."""
    return modelaudit.license(folder, **{"offline": True, **SALE, **options})  # type: ignore[arg-type]


@pytest.mark.parametrize("case", CASES)
def test_invalid_license_statement_never_leads_to_permission(case: str, tmp_path: Path) -> None:
    files, state = CASES[case]
    folder = write_model(tmp_path, files)
    for report in (examine_license(folder), modelaudit.scan(folder, second_opinion=False, offline=True, **SALE)):  # type: ignore[arg-type]
        assert (report.license.state, report.license.expression) == (state or report.license.state, "")
        assert report.license.state != "concluded"
        # One licence of the list forbids commercial use.
        assert report.license.permission == ("deny" if case == "a list of licences" else "review")
        assert report.exit_code in (1, 3)
        fired = {finding.rule for finding in report.findings if finding.rule.startswith("license/")}
        assert "license/use-for-review" in fired
        # Beside the answer to the use, a rule names the fault of the statement.
        assert fired - {"license/use-for-review", "license/use-denied"}
        assert parse_report(render_json(report)) == report


@pytest.mark.parametrize(
    "base",
    ["acme/does-not-exist", "../../outside", "/data/checkpoints", "https://example.org/model", "x" * 5000, "a/b/c/d"],
)
def test_base_model_that_cannot_be_looked_up_is_unreached_and_makes_a_finding(base: str, tmp_path: Path) -> None:
    folder = write_model(tmp_path, {"README.md": f"---\nlicense: mit\nbase_model: {base}\n---\n# M\n".encode()})
    report = examine_license(folder)
    [origin] = report.license.origins
    assert origin.look == "unreached"
    assert {"license/base-model-not-followed", "license/permissive-over-base-model"} & {
        finding.rule for finding in report.findings
    }


def test_cycle_of_base_models_ends_the_walk_and_leaves_the_answer_for_review(hub, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    def build_files(base: str) -> dict[str, str]:
        return {"README.md": f"---\nlicense: mit\nbase_model: {base}\n---\n# M\n", "LICENSE": MIT}

    hub.add_repository("acme/one", files=build_files("acme/two"))
    hub.add_repository("acme/two", files=build_files("acme/three"))
    hub.add_repository("acme/three", files=build_files("acme/one"))
    report = examine_license("acme/one", offline=False)  # type: ignore[arg-type]
    assert [(origin.name, origin.look) for origin in report.license.origins] == [
        ("acme/two", "read"), ("acme/three", "read"), ("acme/one", str(OriginState.CYCLE)),
    ]  # fmt: skip
    assert report.license.state == "concluded"
    assert report.license.permission == "review"


def test_base_models_over_the_limit_are_cut_and_leave_the_answer_for_review(tmp_path: Path) -> None:
    names = "\n".join(f"- acme/m{number}" for number in range(300))
    folder = write_model(tmp_path, {"README.md": f"---\nlicense: mit\nbase_model:\n{names}\n---\n".encode()})
    report = examine_license(folder, limits=Limits(origins=5))
    assert [origin.look for origin in report.license.origins].count(OriginState.LIMIT) == 1
    assert report.license.permission == "review"


def test_model_with_consistent_license_passes_license_check_and_scan(tmp_path: Path) -> None:
    folder = write_model(tmp_path, {"README.md": b"---\nlicense: mit\n---\n# M\n", "LICENSE": MIT.encode()})
    for report in (examine_license(folder), modelaudit.scan(folder, second_opinion=False, offline=True, **SALE)):  # type: ignore[arg-type]
        assert (report.license.expression, report.license.permission, report.exit_code) == ("MIT", "allow", 0)
        assert not [finding for finding in report.findings if finding.rule.startswith("license/")]


@pytest.mark.parametrize(
    ("case", "code"),
    # A changed text under a permissive name fails the gate, as in a scan.
    [("no YAML", 3), ("of the wrong type", 3), ("three megabytes of text", 1), ("a link that leads outside", 3)],
)
def test_license_command_reports_review_for_invalid_license_statement(case: str, code: int, tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model", CASES[case][0])
    ran = run_command("license", folder, *ARGUMENTS, "-o", "json")
    assert (ran.returncode, ran.stderr) == (code, "")
    assert json.loads(ran.stdout)["license"]["permission"] == "review"
