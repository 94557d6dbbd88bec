"""``modelaudit license``: its screen, its exit code, and the files that it writes."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest
from support.command import CommandResult, run_command

MIT = next(file.read_text("utf-8") for file in distribution("pytest").files or () if file.name == "LICENSE")
# The options for a commercial product in the EU.
COMPANY = ("--policy", "commercial-product", "--territory", "EU", "--revenue", "2e7", "--offline")
PRODUCT = (*COMPANY, "--mau", "5e6")


def write_model(folder: Path, license_: str, text: str = "") -> Path:
    """Write a model whose card declares ``license_``, with ``text`` as its licence file, and return the folder."""
    folder.mkdir(exist_ok=True)
    (folder / "README.md").write_text(f"---\nlicense: {license_}\n---\n# M\n")
    # A valid file without tensors: the length of the header as 64-bit number, and an empty header.
    (folder / "model.safetensors").write_bytes(b"\x02\x00\x00\x00\x00\x00\x00\x00{}")
    if text:
        (folder / "LICENSE").write_text(text)
    return folder


@pytest.mark.parametrize(
    ("license_", "arguments", "code", "word"),
    [
        ("mit", PRODUCT, 0, "USE: PASS"),
        ("cc-by-nc-4.0", PRODUCT, 1, "USE: FAIL"),
        ("cc-by-nc-4.0", ("--policy", "research", "--offline"), 0, "USE: PASS"),
        ("cc-by-nc-4.0", ("--policy", "research", "--use", "commercial", "--offline"), 1, "USE: FAIL"),
        ("other", PRODUCT, 3, "USE: REVIEW"),
        ("mit OR cc-by-nc-4.0", PRODUCT, 0, "USE: PASS"),
        ("mit AND cc-by-nc-4.0", PRODUCT, 1, "USE: FAIL"),
        ("llama3.1", (*COMPANY, "--mau", "8e8"), 1, "USE: FAIL"),
        ("llama3.1", PRODUCT, 0, "USE: PASS"),
        ("llama3.1", (*PRODUCT, "--field", "military"), 1, "USE: FAIL"),
        ("mit", ("--offline",), 0, "USE: REVIEW"),
    ],
)
def test_first_line_of_the_license_command_is_the_answer_and_the_exit_code_matches_it(
    tmp_path: Path, license_: str, arguments: tuple[str, ...], code: int, word: str
) -> None:
    done = run_command("license", write_model(tmp_path / "m", license_), *arguments)
    assert (done.returncode, word in done.stdout.splitlines()[0]) == (code, True), done.stdout + done.stderr
    assert done.stderr == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ("--use", "flying"), ("--use", "commercial=maybe"), ("--territory", "Europe"), ("--field", "nonsense"),
        ("--territory", "XX"), ("--mau", "-5"), ("--mau", "many"), ("--nonsense",), ("--policy", "nonsense"), ("-o", "pdf=x.pdf"), ("--revenue", "nan"),
    ],
)  # fmt: skip
def test_license_and_scan_with_a_wrong_option_print_one_line_and_exit_with_2(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    for command in ("license", "scan"):
        done = run_command(command, write_model(tmp_path / "m", "mit"), "--offline", *arguments)
        assert (done.returncode, done.stdout, "Traceback" in done.stderr) == (2, "", False)
        assert (done.stderr.startswith("modelaudit: error: "), done.stderr.count("\n")) == (True, 1)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("territories: [FR, XX]", "'XX' is not a territory"),
        ("territories: [ABCDE]", "'ABCDE' is not a territory"),
        ("field: medical", "'medical' is not a field of use"),
    ],
)
def test_misspelt_policy_value_is_reported_with_its_line(tmp_path: Path, line: str, message: str) -> None:
    policy = tmp_path / "ours.yaml"
    policy.write_text(f"name: ours\ndescription: x\ngates: {{security: high}}\n{line}\n")
    done = run_command("license", write_model(tmp_path / "m", "gemma"), "--offline", "--policy", policy)
    assert done.returncode == 2
    assert f"{policy}:4: " in done.stderr
    assert message in done.stderr


def test_options_field_and_territory_accept_other_case_and_underscores(tmp_path: Path) -> None:
    done = run_command(
        "license",
        write_model(tmp_path / "m", "llama3.2"),
        "--policy",
        "commercial-product",
        "--territory",
        "no",  # Norway
        "--field",
        "Medical_Advice",
        "-o",
        "json",
        "--offline",
    )
    intent = json.loads(done.stdout)["license"]["intent"]
    assert (intent["territories"], intent["field"]) == (["NO"], "medical-advice")


def test_license_table_written_to_a_file_equals_the_printed_one(tmp_path: Path) -> None:
    page = tmp_path / "answer.txt"
    done = run_command("license", write_model(tmp_path / "m", "mit"), *PRODUCT, "-o", page)
    assert page.read_text() == done.stdout


def test_license_command_without_an_intended_use_prints_the_options_for_it(tmp_path: Path) -> None:
    screen = " ".join(run_command("license", write_model(tmp_path / "m", "mit"), "--offline").stdout.split())
    assert "state one with --use commercial or --policy commercial-saas" in screen


def test_explain_prints_no_page_if_one_of_its_names_is_unknown() -> None:
    assert run_command("explain", "MIT", "nonsense").stdout == ""


def test_lines_of_a_license_page_without_an_address_fit_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.get_terminal_size", lambda *_, **__: os.terminal_size((50, 20)))
    lines = run_command("explain", "Apache-2.0").stdout.splitlines()
    assert 45 < max(len(line) for line in lines if "://" not in line) <= 50


def test_license_of_a_missing_target_exits_with_4(tmp_path: Path) -> None:
    assert run_command("license", tmp_path / "absent", "--offline").returncode == 4
    assert run_command("license", "acme/nowhere", "--offline").returncode == 4


def test_scan_with_an_intended_use_exits_with_the_code_of_the_licence_answer(tmp_path: Path) -> None:
    denied = run_command(
        "scan", write_model(tmp_path / "a", "cc-by-nc-4.0"), "--no-second-opinion", *PRODUCT, "-o", "json"
    )
    assert denied.returncode == 1
    report = json.loads(denied.stdout)
    assert report["license"]["permission"] == "deny"
    assert report["license"]["intent"]["territories"] == ["EU"]
    assert "license/use-denied" in {finding["rule"] for finding in report["findings"]}
    review = run_command("scan", write_model(tmp_path / "b", "other"), "--no-second-opinion", *PRODUCT, "-q")
    assert review.returncode == 3
    allowed = run_command("scan", write_model(tmp_path / "c", "mit", MIT), "--no-second-opinion", *PRODUCT, "-q")
    assert allowed.returncode == 0


def test_license_writes_html_cyclonedx_and_json_in_one_run(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m", "mit", MIT)
    html, bom = tmp_path / "r.html", tmp_path / "r.cdx.json"
    done = run_command("license", folder, *PRODUCT, "-o", html, "-o", f"cyclonedx={bom}", "-o", "json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["license"]["expression"] == "MIT"
    assert b"MIT" in html.read_bytes()
    assert json.loads(bom.read_bytes())["bomFormat"] == "CycloneDX"


def test_license_report_states_how_many_files_were_not_opened(tmp_path: Path) -> None:
    folder, html = write_model(tmp_path / "m", "mit", MIT), tmp_path / "r.html"
    (folder / "weights.bin").write_bytes(b"\1\2\3")
    done = run_command("license", folder, *PRODUCT, "-o", html, "-o", "json")
    assert json.loads(done.stdout)["decision"]["coverage"]["unopened"] == 1
    assert json.loads(done.stdout)["decision"]["coverage"]["unopened_files"] == [{"path": "weights.bin", "size": 3}]
    page = html.read_text(encoding="utf-8")
    assert "1 file left unopened (3 bytes in all)" in page
    assert re.search(r"\d of \d files opened, [\d,]+ of [\d,]+ bytes", page)
    assert "Left unopened: 1 file, 3 bytes in all" in page and "3  not opened  weights.bin" in page
    assert "every file was" not in page.lower()
    assert "1 file left unopened (3 bytes in all)" in run_command("license", folder, *PRODUCT).stdout
    assert '"weights.bin",3,"","","","unopened"' in run_command("license", folder, *PRODUCT, "-o", "csv").stdout


def test_notices_are_written_into_the_given_folder_and_stderr_names_that_folder(tmp_path: Path) -> None:
    out = tmp_path / "out" / "notices"
    done = run_command("license", write_model(tmp_path / "m", "llama3.1"), *PRODUCT, "--notices", out)
    assert done.returncode == 0
    assert any("Llama 3.1" in file.read_text() for file in out.iterdir() if file.is_file())
    assert str(out) in done.stderr


@pytest.mark.parametrize("place", ["m", "m/notices/new", "link/notices"])
def test_notices_into_the_model_are_refused_in_one_line_and_nothing_is_written(tmp_path: Path, place: str) -> None:
    model = write_model(tmp_path / "m", "mit", MIT)
    (tmp_path / "link").symlink_to(model)
    before = sorted(each.name for each in model.rglob("*"))
    done = run_command("license", model, *PRODUCT, "-q", "--notices", tmp_path / place)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert f"--notices {tmp_path / place}: lies in the model" in done.stderr
    assert "name a folder outside of it" in done.stderr
    assert sorted(each.name for each in model.rglob("*")) == before


def write_notices(model: Path, out: Path) -> CommandResult:
    """Run the command for notices; return what it says."""
    return run_command("license", model, *PRODUCT, "-q", "--notices", out)


def test_notices_collect_texts_and_copyright_lines_and_never_replace_what_is_not_theirs(tmp_path: Path) -> None:
    model, out = write_model(tmp_path / "m", "mit"), tmp_path / "out"
    (model / "README.md").write_text("---\nlicense: mit\n---\n# M\nCopyright (c) 2024 Jane\ncopyright notice above\n")
    (model / "third_party").mkdir()
    (model / "third_party/NOTICE").write_text("Contains Foo.\n (c) 2020 Foo Inc.\n(c) You must keep it\n")
    (model / "a.py").write_text("# Copyright (C) Bar and others.\n# Copyright [yyyy] [name]\n")
    assert write_notices(model, out).returncode == 0
    assert (out / "texts/1-NOTICE").read_bytes() == (model / "third_party/NOTICE").read_bytes()
    assert "Permission is hereby granted" in (out / "texts/standard-MIT.txt").read_text()
    lines = [each["text"] for each in json.loads((out / "MANIFEST.json").read_text())["copyrights"]]
    assert lines == ["Copyright (c) 2024 Jane", "Copyright (C) Bar and others.", "(c) 2020 Foo Inc."]
    for text in ("Nothing has to be shown", "No attribution is required"):
        assert text.lower() not in (out / "ATTRIBUTIONS.md").read_text().lower()
    assert not [each for each in out.rglob("*") if each.name.startswith(".")]

    # The same folder is renewed, and a text that is gone from the model is gone from the folder.
    (model / "third_party/NOTICE").rename(model / "third_party/readme.rst")
    (out / "mine.txt").write_text("mine")
    assert write_notices(model, out).returncode == 0
    assert not (out / "texts/1-NOTICE").exists()
    assert (out / "mine.txt").read_text() == "mine"

    before = {each: each.read_bytes() for each in out.rglob("*") if each.is_file()}
    for name, content in (("CHECKLIST.md", b"- [x] done\n"), ("MANIFEST.json", b"[]"), ("MANIFEST.json", b'{"a"')):
        (out / name).write_bytes(content)
        done = write_notices(model, out)
        assert (done.returncode, done.stderr.count("error: "), f"{name}: " in done.stderr) == (2, 1, True), done.stderr
        assert (out / name).read_bytes() == content
        (out / name).write_bytes(before[out / name])
    outside = tmp_path / "outside.txt"
    outside.write_text("other")
    (out / "NOTICE-LINK").symlink_to(outside)
    (out / "COPYRIGHT.txt").unlink()
    (out / "COPYRIGHT.txt").symlink_to(outside)
    assert write_notices(model, out).returncode == 2
    assert outside.read_text() == "other"


def test_manifest_that_names_a_file_outside_of_the_folder_removes_nothing(tmp_path: Path) -> None:
    model, out = write_model(tmp_path / "m", "mit"), tmp_path / "out"
    assert write_notices(model, out).returncode == 0
    victim = tmp_path / "victim.md"
    victim.write_text("x")
    manifest = json.loads((out / "MANIFEST.json").read_text())
    digest = hashlib.sha256(b"x").hexdigest()
    names = ("../victim.md", str(victim), "texts/../../victim.md")
    manifest["files"] += [{"file": name, "sha256": digest} for name in names]
    (out / "MANIFEST.json").write_text(json.dumps(manifest))
    assert write_notices(model, out).returncode == 0
    assert victim.read_text() == "x"


@pytest.mark.parametrize("name", ["llama3.1", "LicenseRef-Llama-3.1", "Apache License, Version 2.0"])
def test_explain_prints_the_page_of_a_license(name: str) -> None:
    done = run_command("explain", name)
    assert done.returncode == 0
    assert "terms read on: 2026" in done.stdout
    assert all(len(line) <= 100 or "://" in line for line in done.stdout.splitlines())


@pytest.mark.parametrize(
    ("name", "hint"), [("nonsense", "is no rule, licence, policy or cause"), ("other", "no single licence")]
)
def test_explain_of_an_unknown_or_vague_license_name_is_a_usage_error(name: str, hint: str) -> None:
    done = run_command("explain", name)
    assert (done.returncode, hint in done.stderr) == (2, True)


@pytest.mark.parametrize("arguments", [("license", "show", "MIT"), ("rules", "pickle")])
def test_former_commands_name_the_command_that_does_their_work(arguments: tuple[str, ...]) -> None:
    done = run_command(*arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert f"is a part of explain now: modelaudit explain {arguments[-1]}" in done.stderr


RESEARCH_USE = (
    *("--use", "fine-tune", "--use", "redistribute", "--territory", "DE", "--field", "general", "--offline"),
    *("--use", "commercial=no", "--use", "hosted-service=no", "--use", "embed-on-device=no", "--use", "distill=no"),
    *("--use", "train-on-outputs=no"),
)


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("--use", "research=yes"), 0, "The licence allows research, and your planned use is research"),
        ((), 3, "it is not stated whether your planned use is research."),
        (("--use", "research=no"), 1, "The licence allows research only, and your planned use is not research."),
        (("--use", "research", "--use", "commercial"), 1, "Your planned use is commercial, and the licence forbids"),
    ],
)
def test_research_permits_what_a_research_licence_allows_and_every_output_shows_it(
    tmp_path: Path, arguments: tuple[str, ...], code: int, sentence: str
) -> None:
    model, outputs = write_model(tmp_path / "m", "apple-amlr"), {"html", "json", "cyclonedx", "markdown", "notices"}
    use = (*RESEARCH_USE, *arguments)
    files = [each for name in sorted(outputs - {"notices"}) for each in ("-o", f"{name}={tmp_path / name}")]
    done = run_command("license", model, *use, *files, "--notices", tmp_path / "notices")
    assert done.returncode == code
    assert sentence in " ".join(done.stdout.split())
    stated = {"research=yes": "for research", "research": "for research", "research=no": "not for research"}
    words = stated[arguments[1]] if arguments else ""
    assert (f"; {words};" in " ".join(done.stdout.split())) is bool(words)
    texts = {name: " ".join((tmp_path / name).read_text().split()) for name in ("html", "cyclonedx", "markdown")}
    if words:
        assert all(words in text for text in texts.values())
    assert sentence in texts["html"].replace("&#39;", "'")
    assert sentence in texts["cyclonedx"]
    intent = json.loads((tmp_path / "json").read_text())["license"]["intent"]
    assert intent["purpose"] == {"for research": "research", "not for research": "other", "": None}[words]


def test_purpose_of_a_policy_answers_as_the_option_does_and_gives_way_to_it(tmp_path: Path) -> None:
    policy = tmp_path / "ours.yaml"
    policy.write_text("name: ours\npurpose: research\n")
    model, stated = write_model(tmp_path / "m", "apple-amlr"), ("--policy", policy)
    assert run_command("license", model, *RESEARCH_USE, *stated).returncode == 0
    assert run_command("license", model, *RESEARCH_USE, *stated, "--use", "research=no").returncode == 1
    shown = run_command("policy", "show", policy)
    assert "purpose: research" in shown.stdout
    policy.write_text("name: ours\npurpose: fun\n")
    done = run_command("license", model, *stated)
    assert (done.returncode, done.stderr.count("\n"), "'fun' is not one of research, other" in done.stderr) == (
        2,
        1,
        True,
    )


def test_license_of_several_targets_exits_with_1_if_one_of_them_is_denied(tmp_path: Path) -> None:
    good, bad = write_model(tmp_path / "a", "mit"), write_model(tmp_path / "b", "cc-by-nc-4.0")
    done = run_command("license", good, bad, *PRODUCT)
    assert done.returncode == 1
    assert "USE: PASS" in done.stdout
    assert "USE: FAIL" in done.stdout
    # The option --notices is for one target only.
    assert run_command("license", good, bad, *PRODUCT, "--notices", tmp_path / "n").returncode == 2


def test_license_command_started_as_a_python_module_prints_the_answer_and_exits_with_1(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "modelaudit",
        "license",
        str(write_model(tmp_path / "m", "cc-by-nc-4.0")),
        *PRODUCT,
    ]
    done = subprocess.run(command, capture_output=True, check=False, env=dict(os.environ))
    assert (done.returncode, "USE: FAIL" in done.stdout.decode().splitlines()[0], done.stderr) == (1, True, b"")
