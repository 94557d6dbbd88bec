from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
import yaml
from support.cases import check_each

import modelaudit
from modelaudit.catalogue import load_catalogue
from modelaudit.checks.formats import build_extension_subjects, build_name_subjects, describe_formats, find_extension
from modelaudit.formats.registry import FACTS
from modelaudit.model.copies import replace
from modelaudit.model.format_promises import Formats, Promise, RunName
from modelaudit.reports.inventory import describe_format

SOURCES = Path(__file__).resolve().parents[2] / "fixtures"
FORMATS = Formats(
    {".safetensors": Promise("tensors", frozenset({"safetensors"})), ".json": Promise("text", frozenset())},
    {"pickle": "runs", "zip": "holds what runs"},
)  # fmt: skip


def load_shipped_formats() -> Formats:
    """Return the shipped knowledge about formats and extensions."""
    return load_catalogue(formats=FACTS).formats


def find_mismatches(*recognised: tuple[str, str]) -> list[tuple[str, str, str]]:
    """Return path, format and danger for each pair of a path and its recognised format that do not fit together."""
    subjects = build_extension_subjects(recognised, FORMATS)
    return [(subject.artifact, subject.key, str(subject.fields["danger"])) for subject in subjects]


@check_each(
    "address, extension",
    [
        ("model.safetensors", ".safetensors"), ("a/b/Model.SafeTensors", ".safetensors"), ("a.zip!b/c.json", ".json"),
        ("a.json/b", ""), ("a.zip!c.json#2", ".json"), ("a.zip!dir\\c.json", ".json"), ("a.pkl!pickle@27", ""), ("x.zip![bytes 0-9]", ""),
        (".json", ""), ("a.tar.gz", ".gz"), ("", ""), ("a.", "."),
    ],
)  # fmt: skip
def test_extension_is_taken_from_the_last_part_of_an_address(address: str, extension: str) -> None:
    assert find_extension(address) == extension


def test_file_that_can_run_code_under_a_data_extension_is_reported() -> None:
    assert find_mismatches(("m.safetensors", "pickle"), ("z.zip!a.json", "zip")) == [
        ("m.safetensors", "pickle", "code"), ("z.zip!a.json", "zip", "code"),
    ]  # fmt: skip


def test_mismatch_of_format_and_extension_is_reported_as_harmless_if_both_are_data() -> None:
    assert find_mismatches(("m.safetensors", "json")) == [("m.safetensors", "json", "none")]


def test_each_format_of_a_polyglot_is_compared_with_the_extension() -> None:
    assert find_mismatches(("m.safetensors", "safetensors"), ("m.safetensors", "zip")) == [
        ("m.safetensors", "zip", "code")
    ]


@check_each(
    "address, format_name",
    [
        # The extension promises exactly the format, nothing, or text where the data are inert.
        ("m.safetensors", "safetensors"),
        ("m.bin", "pickle"),
        ("m", "zip"),
        ("m.pkl!pickle@3", "pickle"),
        ("m.json", "text"),
        ("m.json", "anything"),
    ],
)
def test_file_makes_no_subject_if_its_extension_promises_its_format_nothing_or_text_for_inert_data(
    address: str, format_name: str
) -> None:
    assert find_mismatches((address, format_name)) == []


@check_each(
    "extension", [".bin", ".pt", ".pth", ".ckpt", ".pkl", ".model", ".dat", ".joblib", ".mar", ".nemo", ".skops", ".gz", ".zip", ".keras", ".sav"]
)  # fmt: skip
def test_extension_such_as_bin_pt_pkl_gz_or_zip_promises_no_format(extension: str) -> None:
    assert extension not in load_shipped_formats().promises


def test_no_extension_except_npz_promises_a_format_that_can_run_code() -> None:
    extensions_of_code = {
        extension
        for extension, promise in load_shipped_formats().promises.items()
        if promise.formats & load_shipped_formats().runs_code.keys()
    }
    assert extensions_of_code == {".npz"}


@pytest.mark.parametrize(
    ("name", "content", "code", "rules"),
    [
        # a pickle of an empty dictionary, and one of a list of two numbers
        ("weights.safetensors", b"\x80\x04}.", 1, {"format/extension-mismatch"}),
        ("picture.PNG", b"\x80\x04](K\x01K\x02e.", 1, {"format/extension-mismatch"}),
        ("weights.bin", b"\x80\x04}.", 0, set()),
        ("weights", b"\x80\x04}.", 0, set()),
        ("weights.npy", b"some text\n", 0, {"format/other-format"}),
        ("notes.txt", b'{"a": 1}\n', 0, set()),
        ("notes.md", b"# Title\n", 0, set()),
        ("data.csv", b"name,age\nx,1\n", 0, set()),
    ],
)  # fmt: skip
def test_scan_reports_a_format_that_contradicts_the_one_promised_by_the_extension(
    name: str, content: bytes, code: int, rules: set[str], tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    report = modelaudit.scan(tmp_path / name, second_opinion=False, checks=["security"])
    assert report.exit_code == code
    assert {finding.rule for finding in report.findings} == rules


def test_extension_that_a_program_runs_is_listed_once() -> None:
    """Of two entries the last would count, with its reason and its readers."""
    table = yaml.safe_load((SOURCES.parent / "rules/formats.yaml").read_text(encoding="utf-8"))["run-by-name"]
    listed = [extension for entry in table for extension in entry["extensions"]]
    assert sorted(set(listed)) == sorted(listed)


RUN_NAMES = sorted(load_shipped_formats().run_names)
PROGRAM_TEXT = b"\r\ncalc.exe\r\n<script>alert(1)</script><?php system('id'); ?>\n"


def name_file(stem: str, run_name: str) -> str:
    """Return a file name with an extension, or a whole name."""
    return f"{stem}{run_name}" if run_name.startswith(".") else run_name


@pytest.mark.parametrize("extension", RUN_NAMES)
def test_numbers_under_a_name_that_a_program_runs_do_not_pass(extension: str, tmp_path: Path) -> None:
    header = json.dumps({"a": {"dtype": "U8", "shape": [len(PROGRAM_TEXT)], "data_offsets": [0, len(PROGRAM_TEXT)]}})
    content = len(header).to_bytes(8, "little") + header.encode() + PROGRAM_TEXT
    (tmp_path / name_file("weights", extension)).write_bytes(content)
    report = modelaudit.scan(tmp_path, second_opinion=False, checks=["security"])
    assert report.exit_code == 3
    assert {"format/run-by-name"} <= {finding.rule for finding in report.findings}


@pytest.mark.parametrize("extension", RUN_NAMES)
def test_values_under_a_name_that_a_program_runs_are_judged_by_its_reader(extension: str, tmp_path: Path) -> None:
    (tmp_path / name_file("values", extension)).write_text(json.dumps({"a": '" & calc & "<script>alert(1)</script>'}))
    report = modelaudit.scan(tmp_path, second_opinion=False, checks=["security"])
    (record,) = report.decision.coverage.artifacts
    assert report.exit_code == 3 or "shell" in record.formats


@pytest.mark.parametrize(
    ("ending", "code"), [(".dat", 0), (".html", 3), (".bat", 3), (".php", 3), ("/Makefile", 3), ("/.bashrc", 3)]
)
def test_external_data_under_a_name_that_a_program_runs_does_not_pass(ending: str, code: int, tmp_path: Path) -> None:
    source = SOURCES / "written/onnx/external-one"
    model, data = (source / "model.onnx").read_bytes(), bytearray((source / "model.onnx.data").read_bytes())
    data[8:48] = PROGRAM_TEXT[:40]
    name = ending.rjust(len("model.onnx.data"), "w")
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / "model.onnx").write_bytes(model.replace(b"model.onnx.data", name.encode()))
    (tmp_path / name).write_bytes(data)
    assert modelaudit.scan(tmp_path, second_opinion=False, checks=["security"]).exit_code == code


def test_name_that_a_program_runs_counts_for_formats_without_a_reader_of_programs() -> None:
    formats = replace(FORMATS, run_names={".html": RunName("a browser runs it", frozenset({"markup"}))})
    recognised = (
        *[("a.html", "safetensors"), ("b.html", "markup"), ("b.html", "text"), ("c.html", "git-lfs-pointer")],
        *[("d.zip!d.html", "npy"), ("e.html", "pickle"), ("f.txt", "npy"), ("a/.HTML", "npy")],
    )
    found = [(each.artifact, each.fields["danger"]) for each in build_extension_subjects(recognised, formats)]
    assert found == [("a.html", "program"), ("d.zip!d.html", "program"), ("e.html", "program"), ("a/.HTML", "program")]


def test_note_on_whether_a_format_can_run_code_appears_once_for_several_files():
    formats = Formats(runs_code={"pickle": "it is a program"}, inert={"text": "it holds no code"})
    assert [
        (note.format, note.runs_code, note.why)
        for note in describe_formats(["text", "pickle", "other", "text"], formats)
    ] == [
        ("other", None, ""),
        ("pickle", True, "it is a program"),
        ("text", False, "it holds no code"),
    ]


@check_each(
    "paths, expected",
    [
        (["model\u202enosj.py"], [("model\u202enosj.py", "direction")]),
        (["a\nb.txt", "c\x1b[31m.txt"], [("a\nb.txt", "control"), ("c\x1b[31m.txt", "control")]),
        (["x\x9by/a.txt", "x\x9by/b.txt"], [("x\x9by", "control")]),
        (["model.py", "mod\u0435l.py"], [("mod\u0435l.py", "twin")]),
        (["Model.py", "mod\u200bel.py"], [("mod\u200bel.py", "twin")]),
        (["model.py", "sub/mod\u0435l.py"], []),
        (["mod\u0435l.py"], []),
        (
            [
                "\u043c\u043e\u0434\u0435\u043b\u044c.txt",
                "\u05e9\u05dc\u05d5\u05dd\u200f.txt",
                "caf\u00e9.txt",
                "a b.txt",
            ],
            [],
        ),
        (["\udc80.txt"], []),
    ],
)
def test_name_with_a_control_a_change_of_direction_or_a_twin_is_reported_and_a_foreign_one_is_not(
    paths: list[str], expected: list[tuple[str, str]]
) -> None:
    subjects = build_name_subjects(paths)
    assert [(subject.artifact, subject.fields["kind"]) for subject in subjects] == expected


def test_scan_reports_a_deceptive_name_of_a_file_without_its_control_characters(tmp_path):
    (tmp_path / "a\nb\x1b[31m.txt").write_text("x")
    (tmp_path / "plain.txt").write_text("x")
    report = modelaudit.scan(tmp_path, second_opinion=False)
    (finding,) = (finding for finding in report.findings if finding.rule == "document/deceptive-name")
    assert finding.message.isprintable()
    assert all(line.isprintable() for line in finding.evidence)


def scan_security(folder: Path) -> dict[str, str]:
    """Return the description of each format of a folder that was checked for attacks alone."""
    report = modelaudit.scan(folder, second_opinion=False, checks=["security"])
    return {note.format: describe_format(note, report) for note in report.formats}


def test_note_on_a_format_counts_the_findings_on_members_of_it_and_not_those_of_the_whole_container(tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "model.pt", "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02cbuiltins\neval\nX\x01\x00\x00\x001\x85R.")
        archive.writestr("archive/version", b"3\n")
    notes = scan_security(tmp_path)
    assert "Its code was analysed. Security findings on it: 1." in notes["pickle"]
    assert notes["text"].endswith("Security findings on it: none.")
    assert notes["zip"].endswith("Security findings on it: none.")


def test_note_on_a_format_states_how_many_files_were_read_in_part_or_not_at_all(tmp_path: Path):
    (tmp_path / "a.7z").write_bytes(b"7z\xbc\xaf\x27\x1c\x00\x04" + bytes([9]) * 100)
    assert (
        "Its code was not analysed, because the reader found no valid part in the file."
        in scan_security(tmp_path)["7z"]
    )
    (tmp_path / "a.pkl").write_bytes(b"\x80\x04}.")
    (tmp_path / "b.pkl").write_bytes(b"\x80\x04}q")
    assert "analysed as far as it was read: 1 file was read in part." in scan_security(tmp_path)["pickle"]
    (tmp_path / "b.pkl").unlink()
    assert "Its code was analysed." in scan_security(tmp_path)["pickle"]
