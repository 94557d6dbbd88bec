from __future__ import annotations

import re
from pathlib import Path

import pytest

from modelaudit.catalogue import load_catalogue
from modelaudit.catalogue.directory import find_rules_directory
from modelaudit.catalogue.document import read_document
from modelaudit.catalogue.vocabularies import read_vocabularies
from modelaudit.model.catalogue import Standing
from modelaudit.model.errors import ConfigurationError

TEXT = """library: a framework
trusted:
  names: {Add: it adds}
  alike:
    - {why: pure, names: [Sub, Mul]}
dangerous:
  - effect: file
    names:
      ReadFile: reads a file of any name
      PyFunc: {why: calls Python, effect: code}
    alike:
      - {why: writes a file, names: [WriteFile]}
"""


def read_vocabulary_files(tmp_path: Path, *texts: str):
    """Read each text as one file of the vocabulary ``operators``."""
    documents = []
    for number, text in enumerate(texts):
        path = tmp_path / f"{number}.yaml"
        path.write_text(text)
        documents.append(("operators", read_document(path, path.name)))
    return read_vocabularies(documents)


def test_standing_effect_and_reason_of_each_listed_name_are_read(tmp_path):
    entries = read_vocabulary_files(tmp_path, TEXT)["operators"]
    read_entries = {name: (entry.standing, entry.effect, entry.why) for name, entry in entries.items()}
    assert read_entries == {
        "Add": (Standing.TRUSTED, "", "it adds"),
        "Sub": (Standing.TRUSTED, "", "pure"),
        "Mul": (Standing.TRUSTED, "", "pure"),
        "ReadFile": (Standing.DANGEROUS, "file", "reads a file of any name"),
        "PyFunc": (Standing.DANGEROUS, "code", "calls Python"),
        "WriteFile": (Standing.DANGEROUS, "file", "writes a file"),
    }


@pytest.mark.parametrize(
    "wrong",
    [
        TEXT.replace("Add: it adds", "ReadFile: it adds"),
        TEXT.replace("effect: file", "effect: magic"),
        TEXT.replace("library", "lib"),
        TEXT.replace("names: [Sub, Mul]", "names: []"),
    ],
)
def test_mistake_in_vocabulary_file_names_file_and_line(tmp_path, wrong):
    with pytest.raises(ConfigurationError, match=r"0\.yaml:\d+"):
        read_vocabulary_files(tmp_path, wrong)


def test_name_listed_in_two_files_of_a_vocabulary_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="listed already"):
        read_vocabulary_files(tmp_path, TEXT, "library: other\ntrusted: {names: {PyFunc: harmless}}\n")


def test_rule_for_an_unknown_vocabulary_is_refused(tmp_path):
    shipped = [path.read_text("utf-8") for path in sorted((find_rules_directory() / "findings/onnx").glob("*.yaml"))]
    rule = next(text for text in shipped if "vocabulary: onnx-operators" in text)
    misspelt = re.sub(r"^id: .*", "id: own/rule", rule).replace("onnx-operators", "onnx-operator")
    own_rule = tmp_path / "findings/own/rule.yaml"
    own_rule.parent.mkdir(parents=True)
    own_rule.write_text(misspelt, "utf-8")
    with pytest.raises(ConfigurationError, match=r"rule\.yaml:\d+.*onnx-operator"):
        load_catalogue(extra=[tmp_path])
