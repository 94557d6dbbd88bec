from __future__ import annotations

import pytest

from modelaudit.catalogue.document import Document, parse_text
from modelaudit.catalogue.operators import read_operators
from modelaudit.catalogue.skops import read_skops
from modelaudit.model.catalogue import Standing
from modelaudit.model.errors import ConfigurationError


def make_document(text: str) -> Document:
    """Parse a text as a file of the rule set."""
    return Document("rules/x.yaml", text, parse_text(text, "rules/x.yaml"))


DANGEROUS = make_document("operators:\n  aten::save: {effect: file, why: writes a file}\n")


def test_each_listed_operator_name_gets_the_standing_of_its_list() -> None:
    trusted = make_document("library: x\nnames: {print: writes text}\nalike: [{why: computes, names: ['a::b', c.d]}]\n")
    operators = read_operators([trusted], [DANGEROUS])
    assert {name: entry.standing for name, entry in operators.items()} == {
        "aten::save": Standing.DANGEROUS,
        "print": Standing.TRUSTED,
        "a::b": Standing.TRUSTED,
        "c.d": Standing.TRUSTED,
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("library: x\nnames: {'aten::save': harmless}\n", "listed already, as dangerous"),
        ("library: x\nalike: [{why: y, names: [a, a]}]\n", "listed already, as trusted"),
        ("library: x\nalike: [{why: y, names: ['a b']}]\n", "neither namespace::operator nor a dotted name"),
        ("library: x\nprefix: aten\n", "not a known key"),
    ],
)
def test_mistake_in_a_list_of_operators_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        read_operators([make_document(text)], [DANGEROUS])


def test_skops_loaders_and_generators_are_read_and_a_repeated_or_invalid_loader_is_refused() -> None:
    document = make_document("loaders: {ListNode: {use: calls, expects: [builtins.list]}}\ngenerators: [PCG64]\n")
    loaders = read_skops([document])
    assert loaders.by_name["ListNode"].expects == {"builtins.list"}
    assert loaders.generators == {"PCG64"}
    with pytest.raises(ConfigurationError, match="listed already"):
        read_skops([document, document])
    with pytest.raises(ConfigurationError, match="calls"):
        read_skops([make_document("loaders: {ListNode: {use: runs}}\n")])
