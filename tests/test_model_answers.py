"""Repositories of several models: an answer for each, one for a folder alone, and the worst for all together."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from hub.server import LoopbackHub
from support.cases import check_each
from support.command import run_command

import modelaudit
from modelaudit.model.address import write_file_address
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.license import THE_REST
from modelaudit.model.report import AuditReport
from modelaudit.reports import render
from modelaudit.reports.license_screen import render_license
from modelaudit.sources.small import MOST_SMALL_FILES

CONFIG = '{"model_type": "llama"}'
USES = dict.fromkeys(
    ("hosted-service", "redistribute", "fine-tune", "distill", "train-on-outputs", "embed-on-device"), False
)
SALE = {"uses": {**USES, "commercial": True}, "territories": ["DE"], "field": "general", "offline": True}


def build_card(license_: str, text: str = "", **fields: str) -> str:
    """Build a card with a licence, further fields and running text."""
    lines = "".join(f"{key}: {value}\n" for key, value in {"license": license_, **fields}.items())
    return f"---\n{lines}---\n# Model\n\n{text}\n"


SUITE = {
    "README.md": build_card("apache-2.0"),
    "small/README.md": build_card("mit"),
    "small/config.json": CONFIG,
    "large/README.md": build_card("cc-by-nc-4.0"),
    "large/config.json": CONFIG,
    "bare/config.json": CONFIG,
    "deep/er/config.json": CONFIG,
    "deep/README.md": "# Notes\n",
}


def write_repository(folder: Path, files: Mapping[str, str]) -> Path:
    """Write the files of a repository into a new folder, and return it."""
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


def answer(folder: Path, path: str = "") -> AuditReport:
    return modelaudit.license(folder, path=path, **SALE)  # type: ignore[arg-type]


RESTRICTION = "The models may be used for research purposes only."


@check_each(
    "files, path, expression, permission",
    [
        (SUITE, "small", "MIT", "allow"),
        (SUITE, "large/", "CC-BY-NC-4.0", "deny"),
        # Without terms of its own, the nearest folder above speaks for it.
        (SUITE, "bare", "Apache-2.0", "allow"),
        (SUITE, "./deep/er", "Apache-2.0", "allow"),
        ({**SUITE, "deep/README.md": build_card("cc-by-nc-4.0")}, "deep/er", "CC-BY-NC-4.0", "deny"),
        # A sentence further up may concern every folder.
        ({**SUITE, "README.md": build_card("apache-2.0", RESTRICTION)}, "small", "MIT", "review"),
        # A base model further up may be that of the folder, unless the folder names one.
        (
            {**SUITE, "README.md": build_card("llama3.1", base_model="meta-llama/Llama-3.1-8B")},
            "small",
            "MIT AND LicenseRef-Llama-3.1",
            "review",
        ),
        # A text of the folder counts before the card above, and one that is no known licence is for review.
        ({**SUITE, "bare/LICENSE": "Ask us before you do anything with it.\n" * 3}, "bare", "", "review"),
        # Another model's terms say nothing, and a component's text within the folder does.
        ({**SUITE, "small/extra/LICENSE": "Ask us before you do anything with it.\n" * 3}, "small", "MIT", "review"),
        ({"a! b/README.md": build_card("mit"), "a! b/config.json": CONFIG}, "a! b", "MIT", "allow"),
        # A notice states no licence of the folder, and its settings can only contradict the card above.
        ({**SUITE, "bare/NOTICE": "Parts were made by others.\n"}, "bare", "Apache-2.0", "allow"),
        (
            {**SUITE, "README.md": build_card("cc-by-nc-4.0"), "bare/params.json": '{"license": "mit"}'},
            "bare",
            "",
            "deny",
        ),
        # The link of a card above starts at that card.
        (
            {**SUITE, "README.md": build_card("other", license_link="LICENSE"), "LICENSE": "Ask us first.\n" * 9},
            "bare",
            "",
            "review",
        ),
    ],
)
def test_answer_for_a_folder_rests_on_its_own_terms_or_the_nearest_above(
    tmp_path_factory: pytest.TempPathFactory, files: Mapping[str, str], path: str, expression: str, permission: str
) -> None:
    report = answer(write_repository(tmp_path_factory.mktemp("suite"), files), path)
    assert (report.license.expression, report.license.permission) == (expression, permission), report.license.answers
    assert report.target.folder == write_file_address(path.strip("./"))
    assert (report.exit_code == 0) is (permission == "allow")


@check_each(
    "files, answers, permission",
    [
        (SUITE, {THE_REST: "allow", "large": "deny", "small": "allow"}, "deny"),
        (
            {**SUITE, "large/README.md": build_card("apache-2.0")},
            {THE_REST: "allow", "large": "allow", "small": "allow"},
            "allow",
        ),
        (
            {**SUITE, "large/README.md": build_card("other")},
            {THE_REST: "allow", "large": "review", "small": "allow"},
            "review",
        ),
        (
            {**SUITE, "README.md": build_card("apache-2.0", RESTRICTION)},
            {THE_REST: "review", "large": "deny", "small": "review"},
            "deny",
        ),
        # Each base model binds the models that name it.
        (
            {
                "a/README.md": build_card("mit"),
                "a/config.json": CONFIG,
                "b/README.md": build_card("mit", base_model="acme/unknown"),
                "b/config.json": CONFIG,
            },
            {"a": "allow", "b": "review"},
            "review",
        ),
        # A licence file at the root that holds no text may bind every folder.
        (
            {
                "LICENSE": "\0\1" * 300,
                "a/README.md": build_card("mit"),
                "a/config.json": CONFIG,
                "b/README.md": build_card("apache-2.0"),
                "b/config.json": CONFIG,
            },
            {THE_REST: "review", "a": "allow", "b": "allow"},
            "review",
        ),
        # Parts of one model, equal terms, and a text outside of any model make no list.
        ({**SUITE, "model_index.json": '{"_class_name": "X"}'}, {}, "deny"),
        (
            {
                "README.md": build_card("mit"),
                "config.json": CONFIG,
                "a/README.md": build_card("mit"),
                "a/config.json": CONFIG,
            },
            {},
            "allow",
        ),
        ({"README.md": build_card("mit"), "config.json": CONFIG, "docs/LICENSE": "Ask us first.\n" * 9}, {}, "review"),
        # Too many are answered as one.
        (
            {
                f"m{number}/{name}": text
                for number in range(60)
                for name, text in (
                    ("README.md", build_card("mit" if number else "cc-by-nc-4.0")),
                    ("config.json", CONFIG),
                )
            },
            {},
            "deny",
        ),
    ],
)
def test_repository_of_several_models_has_an_answer_for_each_and_the_worst_for_all(
    tmp_path_factory: pytest.TempPathFactory, files: Mapping[str, str], answers: dict[str, str], permission: str
) -> None:
    folder = write_repository(tmp_path_factory.mktemp("suite"), files)
    for report in (answer(folder), modelaudit.scan(folder, second_opinion=False, **SALE)):  # type: ignore[arg-type]
        license_ = report.license
        worst = {
            model.name: max(
                (each.answer for each in license_.list_answers(model)), key=lambda each: each.rank, default="allow"
            )
            for model in license_.models
        }
        assert worst == answers
        assert license_.permission == permission, license_.answers
    assert answer(folder).exit_code == {"allow": 0, "review": 3, "deny": 1}[permission]


def test_every_output_shows_the_answer_for_each_model(tmp_path: Path) -> None:
    report = answer(write_repository(tmp_path, SUITE))
    texts = {name: html.unescape(render(report, name).decode()) for name in ("html", "markdown", "table", "cyclonedx")}
    texts["license"] = render_license(report, width=100).decode()
    for name, text in texts.items():
        words = " ".join(text.replace("`", "").split())
        assert THE_REST in words, name
        assert "CC-BY-NC-4.0" in words and "Your planned use is commercial" in words, name
    assert "deny     large: CC-BY-NC-4.0. Your planned use is commercial" in texts["license"]
    assert "allow    small: MIT." in texts["license"]
    data = json.loads(render(report, "json"))["license"]
    assert [each["folder"] for each in data["models"]] == ["", "large", "small"]
    assert {tuple(each["folders"]) for each in data["answers"]} == {("large",)}
    single = answer(tmp_path, "small")
    for name in ("html", "markdown", "table"):
        assert "folder small" in " ".join(render(single, name).decode().replace("`", "").split()), name


@pytest.mark.parametrize(
    ("weights", "permission", "next_step"),
    [
        ("b/model.safetensors", "review", "repeat with --path b."),
        ("model.safetensors", "review", "repeat without --path."),
        ("a/part/net.caffemodel", "allow", ""),
    ],
)
def test_folder_without_the_weights_of_its_repository_is_for_review(
    weights: str, permission: str, next_step: str, tmp_path: Path
) -> None:
    files = {"a/README.md": build_card("mit"), "a/config.json": CONFIG, "b/TERMS.txt": "Whales only.", weights: ""}
    found = answer(write_repository(tmp_path, files), "a").license
    assert found is not None
    assert found.permission == permission
    reasons = [each.because for each in found.answers if "no weights" in each.because]
    assert bool(reasons) is bool(next_step)
    assert all(each.endswith(next_step) for each in reasons)


def test_answer_for_a_folder_of_the_hub_reads_its_texts_and_those_above_and_no_other(hub: LoopbackHub) -> None:
    others = {f"m{number}/README.md": build_card("cc-by-nc-4.0") for number in range(MOST_SMALL_FILES + 5)}
    files = {
        "README.md": build_card("apache-2.0"),
        **others,
        "z/one/README.md": build_card("mit"),
        "z/one/config.json": CONFIG,
    }
    hub.add_repository("acme/suite", files)
    report = modelaudit.license("acme/suite", path="z/one", **{**SALE, "offline": False})  # type: ignore[arg-type]
    assert (report.license.expression, report.license.permission, report.target.folder) == ("MIT", "allow", "z/one")
    assert report.target.short_name == "acme/suite/z/one"
    assert not [request.path for request in hub.requests if "/m7/" in request.path]


@check_each(
    "arguments, message",
    [
        (("--path", ".."), "--path ..: name a folder below the repository"),
        (("--path", "/etc"), "--path /etc: name a folder below the repository"),
        (("--path", "."), "--path .: name a folder below the repository"),
        (("--path", ""), "--path is empty; give it a value"),
        (("--path", "smal"), "--path smal: the repository has no such folder; it has bare, deep, large, small"),
        (("--path", "small", "other"), "--path names a folder of one target"),
    ],
)
def test_wrong_folder_is_one_line_and_a_usage_error(
    tmp_path_factory: pytest.TempPathFactory, arguments: tuple[str, ...], message: str
) -> None:
    folder = write_repository(tmp_path_factory.mktemp("suite"), SUITE)
    done = run_command("license", folder, *arguments, "--offline")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert message in done.stderr


def test_folder_of_the_api_is_checked_too(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="name a folder below the repository"):
        answer(write_repository(tmp_path, SUITE), "../x")


def test_each_of_several_models_has_its_answer_and_its_findings_at_its_own_card(tmp_path: Path) -> None:
    files = {"a/README.md": build_card("mit"), "a/config.json": CONFIG}
    files |= {"b/README.md": build_card("cc-by-nc-4.0"), "b/config.json": CONFIG}
    report = answer(write_repository(tmp_path, files))
    reasons = [cause.reason for cause in report.decision.causes]
    expected = "licences do not permit the planned use of a part; they permit that of a, and forbid that of b"
    assert expected in reasons
    denied = [each for each in report.findings if each.rule in ("license/use-denied", "license/non-commercial")]
    assert [each.artifact for each in denied] == ["b/README.md"] * 2
    assert all("mit" not in line for each in denied for line in each.evidence)
    [message] = [each.message for each in denied if each.rule == "license/use-denied"]
    assert "does not permit the planned use of b. " in message
    assert report.license.openness and report.license.openness.title.startswith(
        "Not rated: the repository is judged in 2 parts"
    )
