"""Opcodes of pickles, put together by hand, and the acts that the checks find in them."""

from __future__ import annotations

import pickle

from modelaudit.checks.pickle import build_pickle_subjects
from modelaudit.model.pickle import PickleProgram
from support.catalogue import load_shipped
from support.reading import ReadBytes


def push(value: object) -> bytes:
    """Return opcodes that push plain data, in protocol 2; bytes are opcodes already."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, tuple):
        return b"(" + b"".join(map(push, value)) + b"t"
    if isinstance(value, list):
        return b"](" + b"".join(map(push, value)) + b"e"
    if isinstance(value, dict):
        return b"}(" + b"".join(push(part) for item in value.items() for part in item) + b"u"
    return pickle.dumps(value, 2)[2:-1]


def name(text: str) -> bytes:
    """Return the opcode that pushes a global."""
    return b"c" + "\n".join(text.rsplit(".", 1)).encode() + b"\n"


def call(callee: str | bytes, *arguments: object) -> bytes:
    """Return opcodes that call a global, or what other opcodes push."""
    return (name(callee) if isinstance(callee, str) else callee) + push(arguments) + b"R"


def construct(callee: str, *arguments: object, keywords: object = None) -> bytes:
    """Return opcodes that construct a class, with keyword arguments where they are given."""
    return name(callee) + push(arguments) + (b"\x81" if keywords is None else push(keywords) + b"\x92")


def find_acts(program: bytes, read_bytes: ReadBytes) -> list[str]:
    """Return the acts of a pickle that the shipped lists do not trust."""
    reading = read_bytes(b"\x80\x04" + program + b".")
    subjects: list[str] = []
    for path, structure in reading.structures:
        if isinstance(structure, PickleProgram):
            subjects += [str(s.fields["act"]) for s in build_pickle_subjects(path, structure, load_shipped().callables)]
    return subjects
