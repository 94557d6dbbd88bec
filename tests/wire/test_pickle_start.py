from __future__ import annotations

import pickle

import pytest

from modelaudit.formats.pickles.pickle.machine import is_opcode
from modelaudit.wire.pickle_start import ANNOUNCED, FUTURE, NEWEST, announces_pickle, names_protocol


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_protocol_header_of_pickle_is_recognised(protocol: int) -> None:
    data = pickle.dumps({"a": [1]}, protocol)
    assert announces_pickle(data, NEWEST)
    assert ANNOUNCED.match(data)
    assert not announces_pickle(data, protocol - 1)


@pytest.mark.parametrize("data", [b"", b"\x80", b"\x80\x04", b"\x80\x04\x00", b"\x81\x04N", b"\x80\x11N"])
def test_other_bytes_announce_no_protocol(data: bytes) -> None:
    assert not announces_pickle(data, FUTURE)


def test_two_bytes_suffice_to_name_protocol() -> None:
    assert names_protocol(b"\x80\x05", NEWEST)
    assert names_protocol(b"\x80\x10", FUTURE)
    assert not names_protocol(b"\x80\x06", NEWEST)
    assert not names_protocol(b"\x80", FUTURE)


def test_any_known_opcode_may_follow_proto() -> None:
    for byte in range(256):
        data = bytes((0x80, 4, byte))
        assert announces_pickle(data, NEWEST) == is_opcode(byte) == bool(ANNOUNCED.match(data))
