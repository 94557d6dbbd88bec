"""Names that a program looks up while it runs are judged like written ones where they can be resolved."""

from __future__ import annotations

import collections
import functools
import io
import operator
import pickle
import re
from collections.abc import Callable

import pytest
from support.reading import Reading

from modelaudit import scan
from modelaudit.model.finding import Severity
from modelaudit.model.pickle import Act


def push_text(value: str) -> bytes:
    """Return an opcode that pushes a text of less than 256 bytes."""
    return pickle.SHORT_BINUNICODE + bytes([len(value)]) + value.encode()


def push_name(module: str, name: str) -> bytes:
    """Return opcodes that push the object of a name."""
    return push_text(module) + push_text(name) + pickle.STACK_GLOBAL


def make_call(callee: bytes, *arguments: bytes) -> bytes:
    """Return opcodes that push the result of a call."""
    return callee + pickle.MARK + b"".join(arguments) + pickle.TUPLE + pickle.REDUCE


def make_program(body: bytes) -> bytes:
    """Return a pickle of protocol 4 with these opcodes."""
    return pickle.PROTO + b"\x04" + body + pickle.STOP


GETATTR = push_name("builtins", "getattr")
# The pattern ``a`` without flags.
COMPILED_PATTERN = make_call(push_name("re", "_compile"), push_text("a"), pickle.BININT1 + b"\x00")
LOAD_TYPE = push_name("dill._dill", "_load_type")
BUILTIN_TYPE = push_name("cloudpickle.cloudpickle", "_builtin_type")


def find_failing_rules(data: bytes, tmp_path) -> set[str]:
    """Scan a pickle with the security check; return the rules with findings of at least high severity."""
    file = tmp_path / "x.pkl"
    file.write_bytes(data)
    report = scan(file, offline=True, second_opinion=False, checks=["security"])
    return {finding.rule for finding in report.findings if finding.severity in (Severity.HIGH, Severity.CRITICAL)}


@pytest.mark.parametrize(
    "body",
    [
        make_call(make_call(GETATTR, push_name("zoneinfo", "ZoneInfo"), push_text("_unpickle")), push_text("UTC"), pickle.NEWTRUE),
        make_call(GETATTR, COMPILED_PATTERN, push_text("search")),
        make_call(LOAD_TYPE, push_text("list")),
        make_call(make_call(LOAD_TYPE, push_text("object"))),
        make_call(make_call(LOAD_TYPE, push_text("PartialType")), push_name("collections", "OrderedDict")),
        make_call(push_name("collections", "defaultdict"), make_call(LOAD_TYPE, push_text("list"))),
        make_call(make_call(BUILTIN_TYPE, push_text("SimpleNamespace"))),
        make_call(make_call(push_name("functools", "partial"), push_name("collections", "OrderedDict"))),
        push_name("scipy.spatial.kdtree", "KDTree.leafnode") + pickle.EMPTY_TUPLE + pickle.NEWOBJ,
        make_call(GETATTR, push_name("scipy.spatial.kdtree", "KDTree"), push_text("leafnode")) + pickle.EMPTY_TUPLE + pickle.NEWOBJ,
    ],
    ids=lambda body: str(len(body)),
)  # fmt: skip
def test_pickle_that_reaches_a_trusted_name_through_a_lookup_has_no_high_or_critical_finding(
    body: bytes, tmp_path
) -> None:
    assert find_failing_rules(make_program(body), tmp_path) == set()


@pytest.mark.parametrize(
    "body",
    [
        make_call(make_call(GETATTR, push_name("posix", "system"), push_text("__call__")), push_text("echo")),
        make_call(GETATTR, push_name("collections", "OrderedDict"), push_text("fromkeys")),
        make_call(GETATTR, push_name("zoneinfo", "ZoneInfo"), push_text("_unpickle.__globals__")),
        make_call(GETATTR, COMPILED_PATTERN, push_text("__class__")),
        make_call(GETATTR, make_call(GETATTR, COMPILED_PATTERN, push_text("search")), push_text("__self__")),
        # A bound method is known by the place of its definition, but not by the effect of a call.
        make_call(make_call(GETATTR, COMPILED_PATTERN, push_text("search")), push_text("a")),
        make_call(push_name("functools", "partial"), make_call(GETATTR, COMPILED_PATTERN, push_text("search"))),
        make_call(LOAD_TYPE, push_text("CodeType")),
        make_call(make_call(LOAD_TYPE, push_text("FunctionType"))),
        make_call(make_call(LOAD_TYPE, push_text("type")), push_text("A"), pickle.EMPTY_TUPLE, pickle.EMPTY_DICT),
        make_call(make_call(LOAD_TYPE, push_text("AttrGetterType")), push_text("a.b")),
        make_call(LOAD_TYPE, push_text("list"), push_text("dict")),
        make_call(LOAD_TYPE, push_name("builtins", "list")),
        make_call(BUILTIN_TYPE, push_text("CodeType")),
        make_call(BUILTIN_TYPE, push_text("FunctionType")),
        make_call(make_call(push_name("functools", "partial"), push_name("posix", "system")), push_text("echo")),
        make_call(make_call(push_name("functools", "partial"), push_name("functools", "partial"), push_name("posix", "system")), push_text("echo")),
        # The function is exchanged after it was judged.
        make_call(push_name("functools", "partial"), push_name("collections", "OrderedDict"))
        + pickle.MARK + push_name("subprocess", "run") + pickle.EMPTY_TUPLE + pickle.EMPTY_DICT + pickle.NONE + pickle.TUPLE + pickle.BUILD,
        push_name("scipy.spatial.kdtree", "KDTree.query") + pickle.EMPTY_TUPLE + pickle.REDUCE,
    ],
    ids=lambda body: str(len(body)),
)  # fmt: skip
def test_pickle_with_an_untrusted_or_unresolved_lookup_has_a_high_or_critical_finding(body: bytes, tmp_path) -> None:
    assert find_failing_rules(make_program(body), tmp_path)


def test_pickle_whose_second_getattr_call_alone_is_untrusted_has_a_high_or_critical_finding(tmp_path) -> None:
    body = (
        make_call(GETATTR, COMPILED_PATTERN, push_text("search"))
        + pickle.POP
        + make_call(GETATTR, COMPILED_PATTERN, push_text("sub"))
    )
    assert find_failing_rules(make_program(body), tmp_path)


class RecordingUnpickler(pickle.Unpickler):
    """An unpickler that records the names that Python imports."""

    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data))
        self.imported: set[str] = set()

    def find_class(self, module: str, name: str) -> object:
        self.imported.add(f"{module}.{name}")
        return super().find_class(module, name)


@pytest.mark.parametrize(
    "data",
    [
        pickle.dumps(functools.partial(collections.OrderedDict)),
        pickle.dumps(operator.itemgetter(1)),
        make_program(make_call(GETATTR, COMPILED_PATTERN, push_text("search"))),
    ],
    ids=["partial", "itemgetter", "pattern-method"],
)
def test_names_that_python_imports_for_a_partial_itemgetter_or_pattern_method_are_those_recorded(
    data: bytes, read_bytes: Callable[..., Reading]
) -> None:
    unpickler = RecordingUnpickler(data)
    unpickler.load()
    recorded = {str(event.operand) for event in read_bytes(data).events if event.act is Act.IMPORT}
    assert recorded == unpickler.imported


def test_python_loads_the_partial_itemgetter_and_pattern_method_that_were_pickled() -> None:
    partial = pickle.loads(pickle.dumps(functools.partial(collections.OrderedDict)))
    assert (type(partial), partial.func, partial.args) == (functools.partial, collections.OrderedDict, ())
    assert pickle.loads(pickle.dumps(operator.itemgetter(1)))("ab") == "b"
    lookup_of_search = make_program(make_call(GETATTR, COMPILED_PATTERN, push_text("search")))
    assert pickle.loads(lookup_of_search) == re.compile("a").search
