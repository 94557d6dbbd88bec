from __future__ import annotations

import json
import struct

import pytest
from support.fixtures import fixture_path

from modelaudit.model.outline import Outline
from modelaudit.model.structure import UnreadReason

ARRAYS = fixture_path("mxnet/benign/model-0000.params")


def test_outline_of_an_mxnet_array_file_states_the_number_of_arrays(read_bytes) -> None:
    reading = read_bytes(ARRAYS.read_bytes(), ARRAYS.name)
    (outline,) = reading.of(Outline)
    assert outline.format == "mxnet"
    assert dict(outline.facts) == {"arrays": "2"}
    assert reading.unread == []


def test_bytes_after_mxnet_arrays_are_read_as_an_artifact(read_bytes) -> None:
    reading = read_bytes(ARRAYS.read_bytes() + b"\x80\x02cos\nsystem\n.", ARRAYS.name)
    assert "pickle" in {name for names in reading.formats.values() for name in names}


def test_mxnet_arrays_without_dimensions_in_the_oldest_layout_are_counted(read_bytes) -> None:
    # The magic number of a list, ten arrays that are nothing but the number of their dimensions, and no names.
    data = struct.pack("<3Q", 0x112, 0, 10) + struct.pack("<10I", *[0] * 10) + struct.pack("<Q", 0)
    reading = read_bytes(data, "model.params")
    assert dict(reading.of(Outline)[0].facts)["arrays"] == "10"
    assert reading.unread == []


@pytest.mark.parametrize("length", [20, 24, 40])
def test_truncated_mxnet_array_file_is_reported_as_damaged(length: int, read_bytes) -> None:
    assert UnreadReason.DAMAGED in read_bytes(ARRAYS.read_bytes()[:length], ARRAYS.name).reasons()


def test_operators_of_all_nodes_of_an_mxnet_graph_are_mentioned_with_an_unknown_one_at_the_end(read_bytes) -> None:
    symbol = json.loads(fixture_path("mxnet/benign/model-symbol.json").read_text())
    symbol["nodes"].append({"op": "acme_exec_shell", "name": "last", "inputs": []})
    reading = read_bytes(json.dumps(symbol).encode(), "model-symbol.json")
    names = {mention.name for outline in reading.of(Outline) for mention in outline.mentions}
    assert names == {"null", "FullyConnected", "softmax", "acme_exec_shell"}


def test_mxnet_operators_over_the_bound_are_reported_as_unread(read_bytes) -> None:
    symbol = {"nodes": [{"op": f"op{number}", "name": "a", "inputs": []} for number in range(2001)], "arg_nodes": []}
    assert UnreadReason.LIMIT in read_bytes(json.dumps(symbol).encode(), "model-symbol.json").reasons()
