"""Write pickles by opcode, so that a name can stand in one without being imported, and a call without being made.

``write_pickle`` takes a tree of plain values. A mapping with a key of ``MARKS`` is something that pickle does:

====================== ===============================================================================================
``{"!name": "os.sep"}`` the object of that name; ``"os:path.sep"`` states where the module ends
``{"!call": "os.getcwd", "args": [], "state": …, "items": …, "appends": …}`` a call by REDUCE, and what follows it
``{"!call": {"!call": …}, "args": []}`` a call of what another one returns
``{"!new": "a.B", "args": []}`` ``B.__new__`` by NEWOBJ
``{"!obj": "a.B", "args": []}`` a call by the opcode OBJ, which protocol 0 had
``{"!inst": "a.B", "args": []}`` a call by the opcode INST
``{"!drop": [first, …, last]}`` all of them, where only the last one stays
``{"!pickled": value}`` the bytes of a pickle of the value
``{"!base64": "…"}`` bytes
``{"!tuple": […]}`` a tuple
====================== ===============================================================================================
"""

from __future__ import annotations

import base64
import pickle
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

MARKS: Final = ("!name", "!call", "!new", "!obj", "!inst", "!drop", "!pickled", "!base64", "!tuple")


def write_pickle(value: Any, protocol: int = 4) -> bytes:
    """Return a pickle of ``value`` by the opcodes of protocol 2 or 4."""
    return b"\x80" + bytes([protocol]) + _write(value, protocol) + b"."


def has_marks(value: Any) -> bool:
    """Return whether a tree holds something that a plain pickler cannot write."""
    if isinstance(value, Mapping):
        return any(mark in value for mark in MARKS) or any(map(has_marks, value.values()))
    return isinstance(value, list) and any(map(has_marks, value))


def split_name(name: str) -> tuple[str, str]:
    """Return module and name within it."""
    if ":" in name:
        module, _, inner = name.partition(":")
    else:
        module, _, inner = name.rpartition(".")
    return module, inner


def _write_name(name: str, protocol: int) -> bytes:
    module, inner = split_name(name)
    if protocol < 4:
        return f"c{module}\n{inner}\n".encode()
    return _write(module, protocol) + _write(inner, protocol) + b"\x93"


def _write_text(text: str) -> bytes:
    coded = text.encode("utf-8")
    return b"X" + struct.pack("<I", len(coded)) + coded


def _write_bytes(data: bytes, protocol: int) -> bytes:
    if protocol < 3:
        call = {"!call": "_codecs.encode", "args": [data.decode("latin-1"), "latin1"]}
        return _write(call, protocol)
    return b"B" + struct.pack("<I", len(data)) + data


def _write_all(values: Sequence[Any], protocol: int) -> bytes:
    return b"".join(_write(each, protocol) for each in values)


def _write_call(value: Mapping[str, Any], protocol: int) -> bytes:
    """Write a call and the state, the items and the appends that follow it."""
    called = value["!call"]
    coded = _write_name(called, protocol) if isinstance(called, str) else _write(called, protocol)
    coded += b"(" + _write_all(value.get("args", []), protocol) + b"tR"
    if "items" in value:
        coded += b"(" + b"".join(_write_all(pair, protocol) for pair in value["items"].items()) + b"u"
    if "appends" in value:
        coded += b"(" + _write_all(value["appends"], protocol) + b"e"
    if "state" in value:
        coded += _write(value["state"], protocol) + b"b"
    return coded


def _write_new(value: Mapping[str, Any], protocol: int) -> bytes:
    return _write_name(value["!new"], protocol) + b"(" + _write_all(value.get("args", []), protocol) + b"t\x81"


def _write_obj(value: Mapping[str, Any], protocol: int) -> bytes:
    return b"(" + _write_name(value["!obj"], protocol) + _write_all(value.get("args", []), protocol) + b"o"


def _write_inst(value: Mapping[str, Any], protocol: int) -> bytes:
    module, inner = split_name(value["!inst"])
    return b"(" + _write_all(value.get("args", []), protocol) + f"i{module}\n{inner}\n".encode()


def _write_drop(value: Mapping[str, Any], protocol: int) -> bytes:
    return b"0".join(_write(each, protocol) for each in value["!drop"])


_WRITERS: Final[Mapping[str, Callable[[Mapping[str, Any], int], bytes]]] = {
    "!name": lambda value, protocol: _write_name(value["!name"], protocol),
    "!call": _write_call,
    "!new": _write_new,
    "!obj": _write_obj,
    "!inst": _write_inst,
    "!drop": _write_drop,
    "!pickled": lambda value, protocol: _write_bytes(write_pickle(value["!pickled"], protocol), protocol),
    "!base64": lambda value, protocol: _write_bytes(base64.b64decode(value["!base64"]), protocol),
    "!tuple": lambda value, protocol: b"(" + _write_all(value["!tuple"], protocol) + b"t",
}


def _write(value: Any, protocol: int) -> bytes:
    """Return the opcodes of one value."""
    if isinstance(value, Mapping):
        for mark, writer in _WRITERS.items():
            if mark in value:
                return writer(value, protocol)
        return b"}(" + b"".join(_write_all(pair, protocol) for pair in value.items()) + b"u"
    if isinstance(value, list):
        return b"](" + _write_all(value, protocol) + b"e"
    if isinstance(value, str):
        return _write_text(value)
    if isinstance(value, bytes):
        return _write_bytes(value, protocol)
    plain = pickle.dumps(value, protocol=2)  # None, a truth value or a number, between PROTO and STOP
    return plain[2:-1]
