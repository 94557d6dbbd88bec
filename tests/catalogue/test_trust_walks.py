"""Names that a program looks up while it runs are judged like written ones where they can be resolved."""

from __future__ import annotations

import collections
import functools
import io
import operator
import pickle
import re

import pytest

from modelaudit import scan
from modelaudit.model.finding import Severity


def text(value: str) -> bytes:
    return pickle.SHORT_BINUNICODE + bytes([len(value)]) + value.encode()


def named(module: str, name: str) -> bytes:
    return text(module) + text(name) + pickle.STACK_GLOBAL


def call(callee: bytes, *arguments: bytes) -> bytes:
    return callee + pickle.MARK + b"".join(arguments) + pickle.TUPLE + pickle.REDUCE


def program(body: bytes) -> bytes:
    return pickle.PROTO + b"\x04" + body + pickle.STOP


GETATTR = named("builtins", "getattr")
COMPILED = call(named("re", "_compile"), text("a"), pickle.BININT1 + b"\x00")
LOAD_TYPE = named("dill._dill", "_load_type")
BUILTIN_TYPE = named("cloudpickle.cloudpickle", "_builtin_type")
SYSTEM = call(GETATTR, named("os", "path"), text("os"))


def alarms(data: bytes, tmp_path) -> set[str]:
    """Return the rules that fail the gate."""
    file = tmp_path / "x.pkl"
    file.write_bytes(data)
    report = scan(file, offline=True, second_opinion=False, checks=["security"])
    return {finding.rule for finding in report.findings if finding.severity in (Severity.HIGH, Severity.CRITICAL)}


@pytest.mark.parametrize(
    "body",
    [
        call(call(GETATTR, named("zoneinfo", "ZoneInfo"), text("_unpickle")), text("UTC"), pickle.NEWTRUE),
        call(GETATTR, COMPILED, text("search")),
        call(LOAD_TYPE, text("list")),
        call(call(LOAD_TYPE, text("object"))),
        call(call(LOAD_TYPE, text("PartialType")), named("collections", "OrderedDict")),
        call(named("collections", "defaultdict"), call(LOAD_TYPE, text("list"))),
        call(call(BUILTIN_TYPE, text("SimpleNamespace"))),
        call(call(named("functools", "partial"), named("collections", "OrderedDict"))),
        named("scipy.spatial.kdtree", "KDTree.leafnode") + pickle.EMPTY_TUPLE + pickle.NEWOBJ,
        call(GETATTR, named("scipy.spatial.kdtree", "KDTree"), text("leafnode")) + pickle.EMPTY_TUPLE + pickle.NEWOBJ,
    ],
    ids=lambda body: str(len(body)),
)  # fmt: skip
def test_walk_to_a_trusted_name_is_quiet(body: bytes, tmp_path) -> None:
    assert alarms(program(body), tmp_path) == set()


@pytest.mark.parametrize(
    "body",
    [
        call(call(GETATTR, named("posix", "system"), text("__call__")), text("echo")),
        call(GETATTR, named("collections", "OrderedDict"), text("fromkeys")),
        call(GETATTR, named("zoneinfo", "ZoneInfo"), text("_unpickle.__globals__")),
        call(GETATTR, COMPILED, text("__class__")),
        call(GETATTR, call(GETATTR, COMPILED, text("search")), text("__self__")),
        # A bound method is known by where it is defined; what it does when it is called is not.
        call(call(GETATTR, COMPILED, text("search")), text("a")),
        call(named("functools", "partial"), call(GETATTR, COMPILED, text("search"))),
        call(LOAD_TYPE, text("CodeType")),
        call(call(LOAD_TYPE, text("FunctionType"))),
        call(call(LOAD_TYPE, text("type")), text("A"), pickle.EMPTY_TUPLE, pickle.EMPTY_DICT),
        call(call(LOAD_TYPE, text("AttrGetterType")), text("a.b")),
        call(LOAD_TYPE, text("list"), text("dict")),
        call(LOAD_TYPE, named("builtins", "list")),
        call(BUILTIN_TYPE, text("CodeType")),
        call(BUILTIN_TYPE, text("FunctionType")),
        call(call(named("functools", "partial"), named("posix", "system")), text("echo")),
        call(call(named("functools", "partial"), named("functools", "partial"), named("posix", "system")), text("echo")),
        # The function is exchanged after it was judged.
        call(named("functools", "partial"), named("collections", "OrderedDict"))
        + pickle.MARK + named("subprocess", "run") + pickle.EMPTY_TUPLE + pickle.EMPTY_DICT + pickle.NONE + pickle.TUPLE + pickle.BUILD,
        named("scipy.spatial.kdtree", "KDTree.query") + pickle.EMPTY_TUPLE + pickle.REDUCE,
    ],
    ids=lambda body: str(len(body)),
)  # fmt: skip
def test_walk_to_any_other_name_is_reported(body: bytes, tmp_path) -> None:
    assert alarms(program(body), tmp_path)


def test_second_of_two_walks_is_judged_as_well(tmp_path) -> None:
    body = call(GETATTR, COMPILED, text("search")) + pickle.POP + call(GETATTR, COMPILED, text("sub"))
    assert alarms(program(body), tmp_path)


def test_judged_name_is_the_one_that_python_resolves() -> None:
    """Load pickles of our own data, and check that Python finds the objects that were judged."""
    objects = [functools.partial(collections.OrderedDict), operator.itemgetter(1), re.compile("a").search]
    for value in objects[:2]:
        assert pickle.loads(pickle.dumps(value)) is not None
    assert pickle.Unpickler(io.BytesIO(program(call(GETATTR, COMPILED, text("search"))))).load()("a")
