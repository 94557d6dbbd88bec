"""The words of the layout of cards, in ``rules/card_layout.yaml``."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from support.catalogue import load_shipped

from modelaudit.catalogue.card_layout import read_card_layout
from modelaudit.catalogue.directory import find_installed_rules
from modelaudit.catalogue.document import read_document
from modelaudit.licenses.evidence.headed_limits import find_headed_limits
from modelaudit.model.errors import ConfigurationError

FILE = find_installed_rules() / "card_layout.yaml"


def read_changed(folder: Path, part: str, name: str, value: object):
    """Read the file with one changed entry, as a file of another rule folder."""
    content = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    content[part][name] = value
    path = folder / FILE.name
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    return read_card_layout([read_document(FILE, FILE.name), read_document(path, path.name)])


def test_rule_set_has_the_words_and_another_may_have_none() -> None:
    assert load_shipped().restrictions.layout is not None
    assert read_card_layout([]) is None


def test_another_folder_adds_words(tmp_path: Path) -> None:
    text = "## Not for\n\n- pigeon breeders\n"
    first, second = (
        read_card_layout([read_document(FILE, "")]),
        read_changed(tmp_path, "words", "company", ["pigeon breeders"]),
    )
    assert [len(list(find_headed_limits(text, 1, "README.md", each.limits))) for each in (first, second)] == [0, 1]
    kept = "## Not for\n\n- companies\n"
    assert len(list(find_headed_limits(kept, 1, "README.md", second.limits))) == 1


@pytest.mark.parametrize(
    "part, name, value, message",
    [
        ("limits", "limited", "{pigeons}", "limits: {pigeons} is none of the lists of words"),
        ("limits", "denied", "no(", "limits.denied: "),
        ("labels", "label", "License: (?P<value>.*)", "labels.label: has no group 'license'"),
        ("labels", "heading", "License", "labels.heading: has no group 'block'"),
        ("labels", "pigeons", "a", "pigeons"),
    ],
)
def test_mistake_is_named_with_its_place(tmp_path: Path, part: str, name: str, value: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_changed(tmp_path, part, name, value)
    assert message in str(caught.value)
