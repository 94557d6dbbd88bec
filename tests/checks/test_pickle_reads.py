"""Callables that are harmless when what they are given was read as an artifact of its own."""

from __future__ import annotations

import pytest

from modelaudit.catalogue import load_catalogue
from modelaudit.checks.pickle import build_pickle_subjects
from modelaudit.model.catalogue import ArgumentRule, ArgumentUse, CallableEntry, Callables, Standing
from modelaudit.model.pickle import (
    UNKNOWN_ARGUMENTS,
    Act,
    CallResult,
    ContainerValue,
    Embedded,
    Name,
    PickleEvent,
    PickleProgram,
    PlainValue,
    Unknown,
    Value,
)

READS = (ArgumentRule(0, ArgumentUse.READS),)
CALLABLES = Callables(
    {
        "pkg.load": CallableEntry("pkg.load", Standing.DANGEROUS, "loads a pickle", "pkg", "deserialise", READS),
        "pkg.view": CallableEntry("pkg.view", Standing.TRUSTED, "it looks", "pkg", "", READS),
    },
    {},
)
OTHERS = [
    PlainValue("b'…'"), Name("pkg", "data"), CallResult(Name("pkg", "read"), True), Unknown("x"), UNKNOWN_ARGUMENTS,
    ContainerValue("tuple", (("0", Embedded(1, 2)),)),
]  # fmt: skip


def told(callee: str, *arguments: Value, callables: Callables = CALLABLES) -> list[str]:
    event = PickleEvent(Act.CALL, 7, "REDUCE", Name(*callee.rsplit(".", 1)), arguments)
    return [str(s.fields["act"]) for s in build_pickle_subjects("a", PickleProgram("raw", (), (event,), 1), callables)]


@pytest.mark.parametrize("callee", ["pkg.load", "pkg.view"])
def test_bytes_that_were_read_are_a_quiet_argument(callee: str) -> None:
    assert told(callee, Embedded(27, 100)) == []


@pytest.mark.parametrize("argument", OTHERS)
def test_anything_else_is_told(argument: Value) -> None:
    assert told("pkg.load", argument) == ["call"]
    assert told("pkg.view", argument) == ["argument"]


def test_the_loader_inside_a_pickled_tensor_is_such_a_callable() -> None:
    shipped = load_catalogue().callables
    assert told("torch.storage._load_from_bytes", Embedded(27, 100), callables=shipped) == []
    assert told("torch.storage._load_from_bytes", PlainValue("b'x'"), callables=shipped) == ["call"]
    assert told("torch.storage._load_from_bytes", UNKNOWN_ARGUMENTS, callables=shipped) == ["call"]
