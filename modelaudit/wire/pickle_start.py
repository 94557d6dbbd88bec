"""How a pickle begins: by the opcode ``PROTO`` from protocol 2 on, by nothing of its own before.

Source: ``Lib/pickletools.py``.
"""

from __future__ import annotations

import pickletools
import re
from typing import Final

NEWEST: Final = 5
"""The highest protocol that is written; amid data that are numbers or ciphers, a higher one is chance."""

FUTURE: Final = 16
"""Where nothing but a pickle is likely, a protocol that does not exist yet is a pickle that cannot be read."""

_PROTO: Final = 0x80
_OPCODES: Final = frozenset(ord(opcode.code) for opcode in pickletools.opcodes)

ANNOUNCED: Final = re.compile(
    rb"\x80[\x02-\x05][" + b"".join(re.escape(bytes((byte,))) for byte in sorted(_OPCODES)) + b"]", re.DOTALL
)
"""What announces itself amid other bytes: of a protocol that has to, for two more would hit more often by chance."""

AFTER_MARK: Final = rb"\([cdilSVINFLKXUMJGt(]"
AFTER_CONTAINER: Final = rb"[\]}][(0qra-zA-Z\x94]"
"""Two opcodes with which pickles of protocols 0 and 1 begin, as patterns: a mark or container, and one more."""


# Protocols 0 and 1 do not announce themselves: an import with its two names, or a mark or container and more opcodes.
# ``codings.STARTS`` asks for less, since it decides by four bytes.
_OLD_PICKLE: Final = re.compile(rb"c[\w.]+\n[\w.]+\n|" + AFTER_MARK + b"[^ ]|" + AFTER_CONTAINER)


def begins_pickle(data: bytes) -> bool:
    """Whether ``data`` begin like a pickle of any protocol that is written."""
    return announces(data, NEWEST) or _OLD_PICKLE.match(data) is not None


def names_protocol(data: bytes, highest: int) -> bool:
    """Whether ``data`` begin with ``PROTO`` and a protocol up to ``highest``: two bytes, which occur by chance."""
    return len(data) > 1 and data[0] == _PROTO and data[1] <= highest


def announces(data: bytes, highest: int) -> bool:
    """Whether ``data`` begin with ``PROTO``, a protocol up to ``highest`` and any opcode."""
    return len(data) > 2 and names_protocol(data, highest) and data[2] in _OPCODES
