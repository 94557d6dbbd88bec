"""Callables that are harmless with bytes that were read as an artifact of their own."""

from __future__ import annotations

import pytest
from support.catalogue import load_shipped

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

FIRST_ARGUMENT_IS_READ = (ArgumentRule(0, ArgumentUse.READS),)
CALLABLES = Callables(
    {
        "pkg.load": CallableEntry(
            "pkg.load", Standing.DANGEROUS, "loads a pickle", "pkg", "deserialise", FIRST_ARGUMENT_IS_READ
        ),
        "pkg.view": CallableEntry("pkg.view", Standing.TRUSTED, "it looks", "pkg", "", FIRST_ARGUMENT_IS_READ),
    },
    {},
)
UNEXAMINED_ARGUMENTS = [
    PlainValue("b'…'"), Name("pkg", "data"), CallResult(Name("pkg", "read"), True), Unknown("x"), UNKNOWN_ARGUMENTS,
    ContainerValue("tuple", (("0", Embedded(1, 2)),)),
]  # fmt: skip


def judge_argument(callee: str, *arguments: Value, callables: Callables = CALLABLES) -> list[str]:
    """Return the act of each subject that a call of ``callee`` makes."""
    event = PickleEvent(Act.CALL, 7, "REDUCE", Name(*callee.rsplit(".", 1)), arguments)
    subjects = build_pickle_subjects("a", PickleProgram("raw", (), (event,), 1), callables)
    return [str(subject.fields["act"]) for subject in subjects]


@pytest.mark.parametrize("callee", ["pkg.load", "pkg.view"])
def test_loader_call_on_bytes_that_are_examined_as_an_artifact_is_harmless(callee: str) -> None:
    assert judge_argument(callee, Embedded(27, 100)) == []


@pytest.mark.parametrize("argument", UNEXAMINED_ARGUMENTS)
def test_call_of_a_loader_is_reported_if_its_argument_is_not_examined_as_an_artifact(argument: Value) -> None:
    # The dangerous callable is reported itself, and the trusted one for its argument.
    assert judge_argument("pkg.load", argument) == ["call"]
    assert judge_argument("pkg.view", argument) == ["argument"]


def test_torch_load_from_bytes_is_reported_unless_its_bytes_are_examined_as_an_artifact() -> None:
    shipped = load_shipped().callables
    assert judge_argument("torch.storage._load_from_bytes", Embedded(27, 100), callables=shipped) == []
    assert judge_argument("torch.storage._load_from_bytes", PlainValue("b'x'"), callables=shipped) == ["call"]
    assert judge_argument("torch.storage._load_from_bytes", UNKNOWN_ARGUMENTS, callables=shipped) == ["call"]
