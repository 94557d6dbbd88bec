"""Folders of TensorDict: arrays without a header count as numbers only where the metadata describe them."""

from __future__ import annotations

import json

import pytest
from builders.tensordict_files import build_metadata
from support.work import count_lines, find_growth_fault

import modelaudit
from modelaudit.formats.weights.tensordict import interpreter
from modelaudit.languages.document_settings import parse_json_settings
from modelaudit.model.limits import Limits

NUMBERS = bytes(range(150, 158))


def scan(folder, metadata, numbers=NUMBERS, name="meta.json"):
    """Return the exit code and the rules of a scan of a folder with one array."""
    (folder / "w").mkdir()
    (folder / "w" / name).write_text(json.dumps(metadata), encoding="utf-8")
    (folder / "w" / "weight.memmap").write_bytes(numbers)
    report = modelaudit.scan(folder, second_opinion=False)
    return report.exit_code, {each.rule for each in report.findings if not each.rule.startswith("license/")}


def test_array_that_the_metadata_describe_counts_as_numbers(tmp_path):
    assert scan(tmp_path, build_metadata()) == (0, set())


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({}, "other.json"),
        ({"_type": "<class 'acme.Folder'>"}, "meta.json"),
        ({"weight": {"shape": [2], "dtype": "acme"}}, "meta.json"),
        ({"weight": {"shape": [-2], "dtype": "torch.float32"}}, "meta.json"),
    ],
)
def test_array_that_no_metadata_describe_stays_an_absence(changed, name, tmp_path):
    assert scan(tmp_path, build_metadata(**changed), name=name) == (3, {"coverage/no-reader"})


def test_array_that_is_a_pickle_is_judged_as_one(tmp_path):
    code, rules = scan(tmp_path, build_metadata(), b"\x80\x04cos\nsystem\n(S'true'\ntR.")
    assert code == 1
    assert "pickle/dangerous-call" in rules


def test_work_on_metadata_grows_with_the_number_of_arrays():
    def count(arrays: int) -> int:
        names = {f"a{number}": {"shape": [2, 3], "dtype": "torch.float32"} for number in range(arrays)}
        settings = parse_json_settings(json.dumps(build_metadata(**names)), Limits())
        return count_lines(lambda: list(interpreter.read("meta.json", settings, Limits())))

    assert find_growth_fault(count, 400) == ""
