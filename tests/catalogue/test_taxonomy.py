from __future__ import annotations

from pathlib import Path

import pytest
from support.catalogue import load_shipped

from modelaudit.catalogue.document import read_document
from modelaudit.catalogue.taxonomy import find_standards, read_taxonomy
from modelaudit.model.errors import ConfigurationError

TEXT = """frameworks:
  A list: {address: "https://example.org/{id}", entries: {A1: First}}
weaknesses:
  CWE-502: {title: Deserialization of Untrusted Data, in: [A1]}
"""


def read_taxonomy_text(tmp_path: Path, text: str):
    """Read a taxonomy from a text."""
    path = tmp_path / "taxonomy.yaml"
    path.write_text(text)
    return read_taxonomy([read_document(path, "taxonomy.yaml")])


def test_weakness_maps_to_its_cwe_entry_and_to_the_entries_of_other_standards(tmp_path):
    weakness_itself, entry_of_list = read_taxonomy_text(tmp_path, TEXT)["CWE-502"]
    assert (weakness_itself.id, weakness_itself.url) == ("CWE-502", "https://cwe.mitre.org/data/definitions/502.html")
    assert (entry_of_list.framework, entry_of_list.id, entry_of_list.title, entry_of_list.url) == (
        "A list",
        "A1",
        "First",
        "https://example.org/A1",
    )


@pytest.mark.parametrize("wrong", [TEXT.replace("[A1]", "[A2]"), TEXT.replace("[A1]", "[]"), TEXT + "more: 1\n"])
def test_mistake_in_taxonomy_names_file_and_line(tmp_path, wrong):
    with pytest.raises(ConfigurationError, match=r"taxonomy\.yaml:\d+"):
        read_taxonomy_text(tmp_path, wrong)


def test_standards_of_a_rule_contain_no_duplicate_entry():
    catalogue = load_shipped()
    for rule in catalogue.findings.values():
        standards = find_standards(rule, catalogue.taxonomy)
        assert len(standards) == len(set(standards))
