"""Recognise the start of a pickle: the opcode ``PROTO`` since protocol 2, two plausible opcodes before.

Source: ``Lib/pickletools.py``.
"""

from __future__ import annotations

import pickletools
import re
from typing import Final

from modelaudit.model.lazy_pattern import defer_pattern

NEWEST_PROTOCOL: Final = 5
"""The highest protocol of today's picklers; a higher number among other bytes is chance."""

HIGHEST_FUTURE_PROTOCOL: Final = 16
"""The highest number that counts as a protocol where a pickle is expected: an unknown one must not go unread."""

_PROTO: Final = 0x80
_OPCODES: Final = frozenset(ord(opcode.code) for opcode in pickletools.opcodes)

PROTOCOL_AND_OPCODE: Final = defer_pattern(
    rb"\x80[\x02-\x05][" + b"".join(re.escape(bytes((byte,))) for byte in sorted(_OPCODES)) + b"]", re.DOTALL
)
"""Pattern to search for: PROTO, protocol 2 to 5, an opcode. Protocols 0 and 1 would match by chance."""

MARK_AND_OPCODE: Final = rb"\([cdilSVINFLKXUMJGt(]"
CONTAINER_AND_OPCODE: Final = rb"[\]}][(0qra-zA-Z\x94]"
"""Patterns of the first two opcodes in protocols 0 and 1: MARK, or an empty list or dictionary, and one more."""


# Protocols 0 and 1 have no PROTO opcode. They begin with GLOBAL and its two names, or with MARK or an empty container
# and a further opcode. A space as the third byte is rather that of prose in brackets, such as "(c) 2024".
# ``codings.CONTENT_STARTS`` asks for less, since it decides by four bytes.
_OLD_PICKLE: Final = defer_pattern(rb"c[\w.]+\n[\w.]+\n|" + MARK_AND_OPCODE + b"[^ ]|" + CONTAINER_AND_OPCODE)


def begins_pickle(data: bytes) -> bool:
    """Whether ``data`` begin like a pickle of protocol 0 to 5."""
    return begins_with_protocol_and_opcode(data, NEWEST_PROTOCOL) or _OLD_PICKLE.match(data) is not None


def begins_with_protocol(data: bytes, highest: int) -> bool:
    """Whether the first two bytes are ``PROTO`` and a protocol up to ``highest``. They also occur by chance."""
    return len(data) > 1 and data[0] == _PROTO and data[1] <= highest


def begins_with_protocol_and_opcode(data: bytes, highest: int) -> bool:
    """Whether the first three bytes are ``PROTO``, a protocol up to ``highest`` and the code of any opcode."""
    return len(data) > 2 and begins_with_protocol(data, highest) and data[2] in _OPCODES


# Opcodes that need nothing on the stack, with the bytes of their argument; negative where these vary.
_FIRST_OPCODES: Final = {
    ord(opcode.code): 0 if opcode.arg is None else opcode.arg.n
    for opcode in pickletools.opcodes
    if not opcode.stack_before
}


def can_begin_program(data: bytes, start: int) -> bool:
    """Whether the bytes from ``start`` can be the first opcodes of any pickle: one that pushes, and then another one.

    Other bytes mostly fail this test, which costs far less than executing them on trial.
    """
    argument_bytes = _FIRST_OPCODES.get(data[start]) if start < len(data) else None
    if argument_bytes is None:
        return False
    second = start + 1 + argument_bytes
    return argument_bytes < 0 or second >= len(data) or data[second] in _OPCODES
