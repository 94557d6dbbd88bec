from __future__ import annotations

import pickle

import pytest

from modelaudit.formats.pickles.pickle.machine import is_opcode
from modelaudit.wire.pickle_start import (
    HIGHEST_FUTURE_PROTOCOL,
    NEWEST_PROTOCOL,
    PROTOCOL_AND_OPCODE,
    begins_with_protocol,
    begins_with_protocol_and_opcode,
    can_begin_program,
)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_pickle_is_recognised_by_a_protocol_up_to_the_given_maximum_and_its_first_opcode(protocol: int) -> None:
    data = pickle.dumps({"a": [1]}, protocol)
    assert begins_with_protocol_and_opcode(data, NEWEST_PROTOCOL)
    assert PROTOCOL_AND_OPCODE.match(data)
    assert not begins_with_protocol_and_opcode(data, protocol - 1)


# Too short three times; 0 is not an opcode; 0x81 is not PROTO; protocol 17 is above the highest.
@pytest.mark.parametrize("data", [b"", b"\x80", b"\x80\x04", b"\x80\x04\x00", b"\x81\x04N", b"\x80\x11N"])
def test_bytes_without_a_valid_protocol_and_opcode_are_not_a_pickle_start(data: bytes) -> None:
    assert not begins_with_protocol_and_opcode(data, HIGHEST_FUTURE_PROTOCOL)


def test_pickle_protocol_is_recognised_by_two_bytes_up_to_the_given_maximum() -> None:
    assert begins_with_protocol(b"\x80\x05", NEWEST_PROTOCOL)
    assert begins_with_protocol(b"\x80\x10", HIGHEST_FUTURE_PROTOCOL)
    assert not begins_with_protocol(b"\x80\x06", NEWEST_PROTOCOL)
    assert not begins_with_protocol(b"\x80", HIGHEST_FUTURE_PROTOCOL)


def test_proto_and_a_protocol_are_a_pickle_start_only_if_a_known_opcode_follows() -> None:
    for byte in range(256):
        data = bytes((0x80, 4, byte))  # PROTO 4
        assert begins_with_protocol_and_opcode(data, NEWEST_PROTOCOL) == is_opcode(byte)
        assert bool(PROTOCOL_AND_OPCODE.match(data)) == is_opcode(byte)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"N0", True), (b"K\xff0", True), (b"Va\n", True), (b"\x80\4N", True), (b"N", True), (b"K", True),
        (b"0N", False), (b"N\xff", False), (b"K\xff\xff", False), (b"\0", False), (b"", False),
    ],
)  # fmt: skip
def test_bytes_can_begin_a_program_if_an_opcode_that_pushes_and_another_one_come_first(data, expected):
    assert can_begin_program(b"..." + data, 3) is expected
