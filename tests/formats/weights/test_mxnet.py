from __future__ import annotations

import json

import pytest
from support.fixtures import fixture_path

from modelaudit.model.outline import Outline
from modelaudit.model.structure import UnreadReason

ARRAYS = fixture_path("mxnet/benign/model-0000.params")


def test_outline_counts_the_arrays(read_bytes) -> None:
    reading = read_bytes(ARRAYS.read_bytes(), ARRAYS.name)
    (outline,) = reading.of(Outline)
    assert outline.format == "mxnet"
    assert int(dict(outline.facts)["arrays"]) > 0
    assert reading.unread == []


def test_bytes_after_the_arrays_are_an_artifact(read_bytes) -> None:
    reading = read_bytes(ARRAYS.read_bytes() + b"\x80\x02cos\nsystem\n.", ARRAYS.name)
    assert "pickle" in {name for names in reading.formats.values() for name in names}


@pytest.mark.parametrize("length", [20, 24, 40])
def test_truncated_arrays_are_damaged(length: int, read_bytes) -> None:
    assert UnreadReason.DAMAGED in read_bytes(ARRAYS.read_bytes()[:length], ARRAYS.name).reasons()


def test_every_operator_of_a_symbol_is_mentioned(read_bytes) -> None:
    symbol = json.loads(fixture_path("mxnet/benign/model-symbol.json").read_text())
    symbol["nodes"].append({"op": "acme_exec_shell", "name": "last", "inputs": []})
    reading = read_bytes(json.dumps(symbol).encode(), "model-symbol.json")
    names = {mention.name for outline in reading.of(Outline) for mention in outline.mentions}
    assert "acme_exec_shell" in names
