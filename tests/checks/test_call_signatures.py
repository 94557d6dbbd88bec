from __future__ import annotations

import datetime
import decimal
import fractions
import pathlib
import pickle
import re
import uuid
from collections import Counter, OrderedDict, defaultdict, deque

import numpy as np
import pytest
import yaml
from support.cases import check_each
from support.catalogue import load_shipped
from support.fixtures import ROOT
from support.pickle_opcodes import call, construct, find_acts, name, push
from support.reading import ReadBytes

from modelaudit.checks.pickle import build_pickle_subjects
from modelaudit.model.catalogue import Standing
from modelaudit.model.pickle import PickleProgram

SOURCE = "import os; os.system('id')"
STORAGE = push(("storage", name("torch.FloatStorage"), "0", "cpu", 4)) + b"Q"
TENSOR = call("torch._utils._rebuild_tensor_v2", STORAGE, 0, (2, 2), (2, 1), False, call("collections.OrderedDict"))
DTYPE = call("numpy.dtype", "f8", False, True)


@check_each(
    "program",
    [
        call("collections.OrderedDict", SOURCE),
        call("collections.OrderedDict", SOURCE, "exec"),
        call("collections.OrderedDict", [SOURCE]),
        call("collections.OrderedDict", 5),
        b"(" + push(SOURCE) + b"icollections\nOrderedDict\n",
        call("collections.OrderedDict", SOURCE) + b"0" + push(5),
        call("collections.defaultdict", SOURCE),
        call("collections.deque", [1], SOURCE),
        call("builtins.dict", SOURCE),
        call("builtins.list", 5),
        call("builtins.object", SOURCE),
        call("builtins.bytes", SOURCE),
        call("builtins.float", SOURCE),
        call("builtins.int", SOURCE),
        call("builtins.complex", SOURCE),
        call("builtins.slice", SOURCE, SOURCE, SOURCE, SOURCE),
        call("builtins.range", SOURCE),
        call("_codecs.encode", [SOURCE], "latin1"),
        call("datetime.datetime", SOURCE),
        call("datetime.date", 2024, 1, 1) + b"0" + call("datetime.date", SOURCE, 1, 1),
        call("datetime.timedelta", SOURCE),
        call("decimal.Decimal", "1.5") + b"0" + call("decimal.Decimal", SOURCE),
        call("fractions.Fraction", "1/3") + b"0" + call("fractions.Fraction", SOURCE),
        call("uuid.UUID", SOURCE),
        call("pathlib.PosixPath", 5),
        call("functools.partial", SOURCE),
        call("numpy.dtype", "<f8") + b"0" + call("numpy.dtype", SOURCE),
        call("numpy.core.multiarray._reconstruct", name("numpy.ndarray"), SOURCE, "b"),
        call("numpy.core.multiarray.scalar", SOURCE),
        call("torch.Size", [2, 2]) + b"0" + call("torch.Size", [SOURCE]),
        call("torch.device", "cuda:0") + b"0" + call("torch.device", SOURCE),
        call("torch._utils._rebuild_tensor_v2", SOURCE),
        call("torch._utils._rebuild_tensor_v2", SOURCE, 0, (2, 2), (2, 1), False, {}),
        TENSOR + b"0" + call("torch._utils._rebuild_tensor_v2", STORAGE, 0, (2, SOURCE), (2, 1), False, {}),
        call("torch._utils._rebuild_parameter", SOURCE, True, call("collections.OrderedDict")),
        call("torch.nn.modules.linear.Linear", SOURCE),
        call("torch.nn.modules.linear.Linear", 4, SOURCE),
    ],
)
def test_trusted_callable_with_arguments_that_it_cannot_take_is_reported(program: bytes, read_bytes: ReadBytes) -> None:
    assert "misfit" in find_acts(program, read_bytes)


@check_each(
    "program",
    [
        call("collections.OrderedDict"),
        call("collections.OrderedDict", [["weight", TENSOR]]),
        call("collections.OrderedDict", []),
        call("collections.OrderedDict", ["ab", "cd"]),
        call("collections.OrderedDict", ""),
        call("collections.OrderedDict", {"a": 1}),
        call("collections.OrderedDict", call("builtins.zip", ["a"], [1])),
        construct("collections.OrderedDict", SOURCE),  # ``dict.__new__`` takes anything
        call("collections.Counter", SOURCE),
        call("builtins.list", SOURCE),
        call("builtins.str", b"]" + b"(" + push(SOURCE) + b"e"),
        call("builtins.bytearray", SOURCE, "latin-1"),
        # Too long to keep: the start of what follows is no text.
        call("builtins.bytearray", b"{L\0" * 3000),
        call("builtins.bytearray", bytearray(b"{L\0" * 3000)),
        call("builtins.range", 1 << 60_000),
        call("builtins.int", "ff", 16),
        call("builtins.float", "-1.5e3"),
        call("builtins.float", "nan"),
        call("builtins.complex", "(1+2j)"),
        call("_codecs.encode", SOURCE, "latin1"),
        call("datetime.datetime", call("_codecs.encode", "\x07\xe8\x01\x01\0\0\0\0\0\0", "latin1")),
        call("datetime.datetime", "0123456789"),
        call("numpy.dtype", "<M8[ns]"),
        call("numpy.dtype", "(2,3)f4, i8"),
        call("numpy.dtype", [["a", "<f8"]]),
        call("numpy.core.multiarray._reconstruct", name("numpy.ndarray"), (0,), "b"),
        call("numpy.core.multiarray.scalar", DTYPE, call("_codecs.encode", "\0" * 8, "latin1")),
        call("torch.device", "cuda:1"),
        call("torch.device", "cuda", 1),
        call("torch._utils._rebuild_parameter", TENSOR, True, call("collections.OrderedDict")),
        b"(" + b"}Q" + b"0" + TENSOR,
        TENSOR,
    ],
)
def test_trusted_callable_with_arguments_that_it_takes_or_may_take_is_not_reported(
    program: bytes, read_bytes: ReadBytes
) -> None:
    assert "misfit" not in find_acts(program, read_bytes)


@pytest.mark.parametrize("protocol", range(6))
def test_objects_that_python_and_numpy_pickle_themselves_fit_the_signatures(
    protocol: int, read_bytes: ReadBytes
) -> None:
    moment = datetime.datetime(2024, 2, 29, 12, 30, 1, 5, datetime.timezone(datetime.timedelta(hours=1), "x"))
    values = [
        moment, moment.date(), moment.time(), moment.timetz(), decimal.Decimal("-1.5E+10"), decimal.Decimal("sNaN"),
        fractions.Fraction(-1, 3), uuid.uuid4(), pathlib.PurePosixPath("a/b"), re.compile("a+"), 1 + 2j, range(3),
        slice(1, None), frozenset({1}), bytearray(b"a"), b"\xff", Counter("aab"), OrderedDict(a=1), deque([1], 2),
        defaultdict(list, a=[1]), np.arange(6.0).reshape(2, 3), np.float64(1.5), np.datetime64("2024-01-01", "ns"),
        np.dtype([("a", "<f8"), ("b", "i4", (2,))]), np.ma.array([1, 2], mask=[0, 1]), np.array(["a", None], object),
        np.random.default_rng(1), np.random.RandomState(1),
    ]  # fmt: skip
    reading = read_bytes(pickle.dumps(values, protocol))
    programs = [(path, each) for path, each in reading.structures if isinstance(each, PickleProgram)]
    assert programs
    callables = load_shipped().callables
    acts = [
        (subject.fields["name"], subject.fields["detail"])
        for path, program in programs
        for subject in build_pickle_subjects(path, program, callables)
        if subject.fields["act"] == "misfit"
    ]
    assert acts == []


def test_every_signature_belongs_to_a_trusted_name_or_a_former_one_of_it() -> None:
    callables = load_shipped().callables
    unknown = [name for name in callables.signatures if name not in callables.by_name]
    assert unknown == []
    assert all(callables.by_name[name].standing is Standing.TRUSTED for name in callables.signatures)


def test_handwritten_signature_takes_precedence_over_a_derived_one() -> None:
    folder = ROOT / "rules" / "callables" / "signatures"
    listed = {
        file.stem: {name for group in yaml.safe_load(file.read_text())["signatures"] for name in group["names"]}
        for file in folder.glob("*.yaml")
    }
    assert not listed["written"] & listed["derived"]
