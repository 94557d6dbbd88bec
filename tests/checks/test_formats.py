from __future__ import annotations

from pathlib import Path

import pytest
from support.cases import check_each

import modelaudit
from modelaudit.catalogue import load_catalogue
from modelaudit.checks.formats import build_extension_subjects, describe_formats, find_extension
from modelaudit.formats.registry import FACTS
from modelaudit.model.catalogue import Formats, Promise

FORMATS = Formats(
    {".safetensors": Promise("tensors", frozenset({"safetensors"})), ".json": Promise("text", frozenset())},
    {"pickle": "runs", "zip": "holds what runs"},
)  # fmt: skip


def load_shipped() -> Formats:
    return load_catalogue(formats=FACTS).formats


def told(*recognised: tuple[str, str]) -> list[tuple[str, str, str]]:
    return [(s.artifact, s.key, str(s.fields["danger"])) for s in build_extension_subjects(recognised, FORMATS)]


@check_each(
    "address, extension",
    [
        ("model.safetensors", ".safetensors"), ("a/b/Model.SafeTensors", ".safetensors"), ("a.zip!b/c.json", ".json"),
        ("a.json/b", ""), ("a.zip!c.json#2", ".json"), ("a.zip!dir\\c.json", ".json"), ("a.pkl!pickle@27", ""), ("x.zip![bytes 0-9]", ""),
        (".json", ""), ("a.tar.gz", ".gz"), ("", ""), ("a.", "."),
    ],
)  # fmt: skip
def test_the_extension_is_that_of_the_artifact_itself(address: str, extension: str) -> None:
    assert find_extension(address) == extension


def test_what_can_run_code_under_a_name_of_data_is_told_as_that() -> None:
    assert told(("m.safetensors", "pickle"), ("z.zip!a.json", "zip")) == [
        ("m.safetensors", "pickle", "code"), ("z.zip!a.json", "zip", "code"),
    ]  # fmt: skip


def test_other_data_is_told_as_harmless() -> None:
    assert told(("m.safetensors", "json")) == [("m.safetensors", "json", "none")]


def test_each_format_of_a_polyglot_counts() -> None:
    assert told(("m.safetensors", "safetensors"), ("m.safetensors", "zip")) == [("m.safetensors", "zip", "code")]


def test_names_that_promise_nothing_and_promises_that_are_kept_are_quiet() -> None:
    assert (
        told(
            ("m.bin", "pickle"), ("m", "zip"), ("m.json", "text"), ("m.json", "anything"), ("m.pkl!pickle@3", "pickle")
        )
        == []
    )


@check_each(
    "extension", [".bin", ".pt", ".pth", ".ckpt", ".pkl", ".model", ".dat", ".joblib", ".mar", ".nemo", ".skops", ".gz", ".zip", ".keras", ".sav"]
)  # fmt: skip
def test_extensions_that_stand_over_many_formats_promise_nothing(extension: str) -> None:
    assert extension not in load_shipped().promises


def test_nothing_promised_but_archives_of_arrays_can_run_code() -> None:
    bent = {
        extension
        for extension, promise in load_shipped().promises.items()
        if promise.formats & load_shipped().runs_code.keys()
    }
    assert bent == {".npz"}


@pytest.mark.parametrize(
    ("name", "content", "code", "rules"),
    [
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
def test_a_scan_tells(name: str, content: bytes, code: int, rules: set[str], tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    report = modelaudit.scan(tmp_path / name, second_opinion=False, checks=["security"])
    assert report.exit_code == code
    assert {finding.rule for finding in report.findings} == rules


def test_what_is_known_of_each_format_is_told_once():
    formats = Formats(runs_code={"pickle": "it is a program"}, inert={"text": "nobody runs it"})
    assert [
        (note.format, note.runs_code, note.why)
        for note in describe_formats(["text", "pickle", "other", "text"], formats)
    ] == [
        ("other", None, ""),
        ("pickle", True, "it is a program"),
        ("text", False, "nobody runs it"),
    ]
