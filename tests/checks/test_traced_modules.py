"""Modules of ``torch.fx`` in pickles: loading runs their source, which is no alarm only if it is one plain graph."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.cases import check_each
from support.traced_pickles import (
    IMPORTS,
    LINEAR,
    SOURCE,
    body,
    call,
    finish,
    insert,
    mapping,
    module,
    name,
    parameter,
    rebuild,
    tensor,
    text,
)

import modelaudit
from modelaudit.catalogue import load_catalogue
from modelaudit.checks.traced_modules import VOCABULARY
from modelaudit.model.finding import Severity

COMMAND = "__import__('os').system('true')"


def scan_severities(folder: Path, content: bytes) -> set[Severity]:
    """Scan one pickle, and return the severities of its findings about pickles."""
    (folder / "model.pkl").write_bytes(content)
    report = modelaudit.scan(folder / "model.pkl", second_opinion=False)
    return {each.severity for each in report.findings if each.rule.startswith("pickle/")}


def explain(folder: Path, content: bytes) -> str:
    """Scan one pickle, and return why its traced module is more than a plain graph; empty if it raises no alarm."""
    (folder / "model.pkl").write_bytes(content)
    report = modelaudit.scan(folder / "model.pkl", second_opinion=False)
    lines = [
        line
        for finding in report.findings
        if finding.severity is Severity.CRITICAL
        for line in finding.evidence
        if line.startswith("not read as a plain graph")
    ]
    return lines[0].partition(": ")[2] if lines else ""


@check_each(
    "line",
    [
        "a = x + 1;  b = -a",
        "a = x[(slice(None, -1, None), 0)];  b = a.shape;  c = b[0]",
        "a = torch.nn.functional.relu(x, inplace = False)",
        "a = torch.functional.einsum('ij,jk->ik', x, self.par)",
        "a = x.view(-1, 4).to(torch.float16);  x = a = None",
        "a = torch.zeros([2, 3], dtype = torch.float32, device = device(type='cpu'));  b = x + a",
        "a = self.par * self.par;  b = a + 1",
        "a = self.buf * self.ruf;  b = a + x",
        "a = torch.ops.aten.add.Tensor(x, 1)",
        "a = torch.ops.quantized.add_relu(x, x, self.buf, self.ruf)",
        "a : torch.Tensor = x.masked_fill(x > 0, -inf)",
        "a = getattr(self, 'lin')(x);  a += 1",
        "a = x[(Ellipsis, slice(0, 2, None))];  b = x[..., 0]",
        "a = {'out': x, 'aux': (x, [x, None])}",
    ],
)
def test_a_plain_graph_raises_no_alarm(tmp_path: Path, line: str) -> None:
    assert scan_severities(tmp_path, finish(rebuild(body(insert(line))))) == set()


def test_parts_within_parts_and_the_listed_tracer_raise_no_alarm(tmp_path: Path) -> None:
    source = "\n\ndef forward(self, x : torch.Tensor) -> torch.Tensor:\n    return getattr(self.all, '0').lin(x)\n"
    parts = mapping(all=module("torch.nn.modules.module.Module", _modules=mapping(**{
        "0": module("torch.nn.modules.container.Sequential", _modules=mapping(lin=LINEAR))
    })))  # fmt: skip
    content = body(source, _modules=parts, _tracer_cls=name("torch.fx._symbolic_trace.Tracer"))
    assert scan_severities(tmp_path, finish(rebuild(content))) == set()


def test_a_traced_module_within_another_raises_no_alarm(tmp_path: Path) -> None:
    assert scan_severities(tmp_path, finish(rebuild(body(_modules=mapping(lin=rebuild(body())))))) == set()


def test_a_source_longer_than_a_kept_constant_is_read_whole(tmp_path: Path) -> None:
    lines = "\n    ".join(f"a{number} = x + {number}" for number in range(2000))
    assert scan_severities(tmp_path, finish(rebuild(body(insert(lines))))) == set()
    assert explain(tmp_path, finish(rebuild(body(insert(f"{lines}\n    {COMMAND}"))))) != ""


@check_each(
    "line, reason",
    [
        (COMMAND, "statement of the kind Expr"),
        (f"a = {COMMAND}", "calls __import__"),
        ("def f(): pass", "FunctionDef"),
        (f"a = (lambda: {COMMAND})()", "calls the result"),
        (f"a = [{COMMAND} for b in (1,)]", "ListComp"),
        ("a = (b := x)", "NamedExpr"),
        ("a = f'{x}'", "JoinedStr"),
        ("a = '{0.__class__}'.format(x)", "calls the method format"),
        ("a = '%d' % x", "computes with constants"),
        ("a = x.__class__", "reads the attribute __class__"),
        ("a = x.__class__.__base__.__subclasses__()", "__subclasses__"),
        ("a = x.tracer", "reads the attribute tracer"),
        ("a = x.node.graph", "reads the attribute node"),
        ("a = getattr(torch, 'load')('x')", "calls the result"),
        ("a = getattr(x, 'shape')", "calls getattr"),
        ("a = torch.load('x')", "torch.load"),
        ("a = torch.hub.load('a/b', 'c')", "torch.hub.load"),
        ("a = torch.from_file(x)", "torch.from_file"),
        ("a = torch.ops.load_library(x)", "torch.ops.load_library"),
        ("a = torch.ops.aten.from_file.default(x)", "from_file"),
        ("a = torch.ops.aten.add.overloads(x)", "overloads"),
        ("a = torch.ops.prim.fork(x)", "torch.ops.prim.fork"),
        ("a = torch.serialization.os.system('true')", "os.system"),
        ("a = torch.relu(x, torch.load)", "uses torch.load"),
        ("a = self.lin", "reads lin"),
        ("a = self.par.data_ptr(x)", "par.data_ptr"),
        ("a = self.apply(x)", "reads apply"),
        ("a = self.lin.register_forward_hook(x)", "lin.register_forward_hook"),
        ("a = self.lin.reset_parameters(x)", "lin.reset_parameters"),
        ("a = self.other(x)", "not a part of the module"),
        ("a = self.__class__", "unusual name"),
        ("a = getattr(self, 'a\" + 1')", "unusual name"),
        ("a = x.numpy()", "calls the method numpy"),
        ("a = x.apply_(x)", "calls the method apply_"),
        ("a = x.register_hook(x)", "calls the method register_hook"),
        ("a = torch.zeros((1000000, 1000000))", "large"),
        ("a = torch.arange(0, 1, 1e-12)", "large"),
        ("a = 9 ** 9 ** 9", "computes with constants"),
        ("a = (x,) * 1000000000", "computes with constants"),
        ("a = torch.add(1, 2)", "with constants"),
        ("a = torch.kron(self.buf, self.buf)", "computes"),
        ("a = (1,) * self.buf", "computes several"),
        ("a = self.buf + self.ruf;  b = a * a", "computes several"),
        ("if x: pass", "kind If"),
        ("for a in x: pass", "kind For"),
        ("with x: pass", "kind With"),
        ("import os", "kind Import"),
        ("a = yield x", "Yield"),
        ("x.a = 1", "other than a name"),
        ("a, b = x", "other than a name"),
        ("torch = self.buf", "assigns torch"),
        ("self = x", "assigns self"),
        ("a = torch.relu(*[x])", "Starred"),
        ("a = torch.relu(**{'input': x})", "computed names"),
        ("a = [torch.relu][0](x)", "calls the result"),
        ("a = x if x else x", "IfExp"),
        ("a = x and x", "BoolOp"),
        ("a = x in x", "Compare"),
        ("a = os", "uses os"),
        ("a = eval(x)", "calls eval"),
        ("a = {x: x}", "computes a key"),
        ("a = {'a b': x}", "unusual key"),
        ("a = b'x'", "unusual constant"),
        ("a : eval('x') = x", "computes a type"),
        ("a : torch.load = x", "has the type"),
        ("\uff41 = x", "not ASCII"),
        ("a = " + "(" * 50 + "x" + "+ x)" * 50, "deeper"),
        ("a = )", "does not parse"),
    ],
)
def test_a_source_with_more_than_a_plain_graph_is_critical(tmp_path: Path, line: str, reason: str) -> None:
    assert reason in explain(tmp_path, finish(rebuild(body(insert(line)))))


@check_each(
    "code, reason",
    [
        (SOURCE.replace("x):", f"x = {COMMAND}):"), "computes a default"),
        (SOURCE.replace("x):", f"x : {COMMAND}):"), "computes a type"),
        (SOURCE.replace("x):", f"x) -> {COMMAND}:"), "computes a type"),
        (SOURCE.replace("def ", "@torch.jit.script\ndef "), "decorator"),
        (SOURCE.replace("def ", "async def "), "function named forward"),
        (SOURCE.replace("forward", "backward"), "function named forward"),
        (f"{SOURCE}\n{COMMAND}", "outside of the function"),
        (f"{SOURCE}\ndef g(): pass", "outside of the function"),
        (f"\n{COMMAND}\n{SOURCE}", "wraps a function"),
        (f"\nclass A: {COMMAND}\n{SOURCE}", "outside of the function"),
        (f"\ntorch.fx._symbolic_trace.wrap('eval')\n{SOURCE}", "wraps a function"),
        (SOURCE.replace("return", "a ="), "does not end with a return"),
    ],
)
def test_a_source_with_code_around_its_statements_is_critical(tmp_path: Path, code: str, reason: str) -> None:
    assert reason in explain(tmp_path, finish(rebuild(body(code))))


@check_each(
    "line",
    [
        "from os import system as system",
        "from os import system as os_system",
        "from os import *",
        "from . import x",
        "import os",
        "import os as torch",
        "import builtins",
        "import torch, os",
        "from torch import load as torch_load",
        "from builtins import eval as slice",
        "NoneType = eval('type(None)')",
        COMMAND,
    ],
)
def test_an_import_that_torch_does_not_write_is_critical(tmp_path: Path, line: str) -> None:
    assert explain(tmp_path, finish(rebuild(body(), f"{IMPORTS}\n{line}"))) != ""


def test_a_listed_function_of_another_package_may_be_imported_and_wrapped(tmp_path: Path) -> None:
    place, function = "torchvision.ops.stochastic_depth", "stochastic_depth"
    alias = f"{place}.{function}".replace(".", "_")
    code = f'torch.fx._symbolic_trace.wrap("{alias}")\n' + insert(f"a = {alias}(x, 0.1, 'row', False)")
    imports = f"{IMPORTS}\nfrom {place} import {function} as {alias}"
    assert scan_severities(tmp_path, finish(rebuild(body("\n" + code), imports))) == set()


def partial() -> bytes:
    """Return the opcodes that push a ``partial`` of a harmless function."""
    return call(name("functools.partial"), name("builtins.str"))


PAIRS = b"](" + text('lin", x"') + LINEAR + b"\x86e"
RECONSTRUCTED = call(name("copyreg._reconstructor"), name("collections.OrderedDict"), name("builtins.dict"), PAIRS)
"""An ordered mapping that a call makes of pairs: no opcode sets an item."""


@check_each(
    "items, reason",
    [
        ({"_code": text(SOURCE).replace(b"X", b"B", 1)}, "not a constant text"),
        ({"_code": call(name("builtins.str"), text(SOURCE))}, "computed"),
        ({"code": text(SOURCE)}, "no source, or several"),
        ({"_tracer_cls": name("torch.nn.modules.linear.Linear")}, "traces the module"),
        ({"_tracer_cls": partial()}, "traces the module"),
        ({"_tracer_extras": mapping(concrete_args=mapping(x=b"K\x01"))}, "_tracer_extras"),
        ({"_graphmodule_graph_node_meta_stack_trace": LINEAR}, "stack_trace"),
        ({"_graphmodule_cls_name": LINEAR}, "_graphmodule_cls_name"),
        ({"_get_name": partial()}, "_get_name"),
        ({"named_modules": partial()}, "named_modules"),
        ({"forward": LINEAR}, "forward"),
        ({"__class__": LINEAR}, "__class__"),
        ({"lin": partial()}, "unlisted class"),
        ({"lin": name("torch.nn.modules.linear.Linear")}, "unlisted class"),
        ({"lin": call(name("torch.nn.modules.linear.Linear"), b"K\x02", b"K\x02")}, "unlisted class"),
        ({"lin": module("acme.Layer")}, "unlisted class"),
        ({"_modules": mapping(lin=partial())}, "unlisted class"),
        ({"_modules": call(name("builtins.dict"), b"](" + text("lin") + LINEAR + b"\x86e")}, "not a plain mapping"),
        ({"_modules": name("collections.OrderedDict") + b"](" + text("lin") + LINEAR + b"\x86e\x85R"}, "with items"),
        ({"_modules": mapping(**{'lin", x"': LINEAR, "lin": LINEAR})}, "end its quotes"),
        ({"_modules": mapping(**{"lin\n": LINEAR, "lin": LINEAR})}, "end its quotes"),
        ({"_modules": mapping(**{"a" * 5000 + '", x"': LINEAR, "lin": LINEAR})}, "too long to read"),
        ({"_modules": RECONSTRUCTED}, "with items"),
        ({"_wrapped_call": partial()}, "_wrapped_call"),
        ({"_modules": mapping(apply=LINEAR, lin=LINEAR)}, "apply"),
    ],
)
def test_a_body_that_changes_the_traced_parts_is_critical(tmp_path: Path, items: dict[str, bytes], reason: str) -> None:
    assert reason in explain(tmp_path, finish(rebuild(body(**items))))


REBUILDER = name("torch.fx.graph_module.reduce_graph_module")
EVIL = insert(COMMAND)


@check_each(
    "content",
    [
        rebuild(body(other=REBUILDER)),
        rebuild(body(_replace_hooks=b"](" + REBUILDER + b"e")),
        rebuild(body(other=name("torch.fx._symbolic_trace.Tracer"))),
        REBUILDER + body() + text("_code") + text(EVIL) + b"s" + text(IMPORTS) + b"\x86R",
        REBUILDER + body() + b"q\x01" + text(IMPORTS) + b"\x86q\x020h\x01" + text("_code") + text(EVIL) + b"s0h\x02R",
        REBUILDER + text(EVIL) + b"q\x030" + mapping(_code=b"h\x03") + text(IMPORTS) + b"\x86R",
        REBUILDER
        + body()
        + b"("
        + call(name("_codecs.encode"), text("x"), text("latin1"))
        + text(EVIL)
        + b"u"
        + text(IMPORTS)
        + b"\x86R",
        b"(" + REBUILDER + body() + text(IMPORTS) + b"o",
        call(REBUILDER, name("collections.OrderedDict") + b")R", text(IMPORTS)),
        call(REBUILDER, body(), text(IMPORTS), b"N"),
        call(REBUILDER, body()),
        call(REBUILDER, body(), call(name("builtins.str"), text(IMPORTS))),
        call(name("torch.fx.graph_module.reduce_package_graph_module"), b"N", body(), text(IMPORTS)),
        call(name("torch.fx.graph_module.reduce_deploy_graph_module"), b"N", body(), text(IMPORTS)),
        REBUILDER + b")\x81",
        b"](" + rebuild(body()) + rebuild(body(EVIL)) + b"e",
        b"](" + rebuild(body()) + name("torch.fx._symbolic_trace.Tracer") + b")Re",
        rebuild(body(_modules=mapping(lin=rebuild(body(EVIL))))),
        name("torch.fx._symbolic_trace.Tracer") + b")R",
    ],
)
def test_a_call_whose_source_is_not_the_one_that_was_read_is_critical(tmp_path: Path, content: bytes) -> None:
    assert Severity.CRITICAL in scan_severities(tmp_path, finish(content))


BODY = body() + b"q\x01"
CHAIN = call(name("collections.ChainMap"), b"h\x01")
WRAPPER = name("collections.UserDict") + b")\x81" + mapping(data=b"h\x01") + b"b"
FILLER = {f"key{number}": mapping(a=b"}") for number in range(80)}
DEEP_WRAPPER = name("collections.UserDict") + b")\x81" + mapping(**FILLER, data=b"h\x01") + b"b"
MANY = b"".join(text(f"key{number}") + b"K\x01" for number in range(200))


@check_each(
    "change",
    [
        CHAIN + text("_code") + text(EVIL) + b"s0",
        WRAPPER + text("_code") + text(EVIL) + b"s0",
        WRAPPER + b"(" + text("_code") + text(EVIL) + b"u0",
        WRAPPER + b"(" + MANY + text("_code") + text(EVIL) + b"u0",
        DEEP_WRAPPER + text("_code") + text(EVIL) + b"s0",
        DEEP_WRAPPER + b"(" + MANY + text("_code") + text(EVIL) + b"u0",
        CHAIN + text("_tracer_extras") + mapping(concrete_args=b"}") + b"s0",
        CHAIN + b"0",
    ],
)
def test_an_object_that_may_change_the_body_of_a_module_is_critical(tmp_path: Path, change: bytes) -> None:
    """``ChainMap`` and ``UserDict`` hold the mapping that they get, so that their items become items of it."""
    content = REBUILDER + BODY + change + text(IMPORTS) + b"\x86R"
    assert Severity.CRITICAL in scan_severities(tmp_path, finish(content))


def test_a_source_under_the_older_key_that_another_object_may_change_is_critical(tmp_path: Path) -> None:
    old = mapping(training=b"\x88", _modules=mapping(lin=LINEAR), code=text(SOURCE))
    assert scan_severities(tmp_path, finish(rebuild(old) + mapping(code=text("de")) + b"\x86")) == {Severity.CRITICAL}
    assert scan_severities(tmp_path, finish(rebuild(body()) + mapping(code=text("de")) + b"\x86")) == set()
    change = DEEP_WRAPPER + text("code") + text(EVIL) + b"s0"
    content = REBUILDER + old + b"q\x01" + change + text(IMPORTS) + b"\x86R"
    assert Severity.CRITICAL in scan_severities(tmp_path, finish(content))


@check_each("class_", ["torch.nn.modules.sparse.Embedding", "onnx2torch.node_converters.sum.OnnxSum"])
@check_each("method", ["from_pretrained", "apply_reduction"])
def test_a_part_with_the_name_of_a_method_is_critical(tmp_path: Path, class_: str, method: str) -> None:
    """Python finds the method of the class before the part that the file sets under its name."""
    parts = mapping(emb=module(class_, _modules=mapping(**{method: LINEAR})), lin=LINEAR)
    content = body(insert(f"a = self.emb.{method}(x)"), _modules=parts)
    assert f"emb.{method}" in explain(tmp_path, finish(rebuild(content)))


def test_pairs_as_the_state_of_a_module_are_critical(tmp_path: Path) -> None:
    state = b"](" + text("_modules") + mapping(**{'a", 1': LINEAR}) + b"\x86e"
    part = name("torch.nn.modules.module.Module") + b")\x81" + state + b"b"
    assert "not a mapping" in explain(tmp_path, finish(rebuild(body(_modules=mapping(lin=part)))))


@check_each(
    "pair",
    [
        call(name("collections.deque"), b"](" + text("lin") + LINEAR + b"e"),
        call(name("builtins.tuple"), b"](" + text("lin") + LINEAR + b"e"),
        call(name("builtins.set")) + b"(" + text("lin") + LINEAR + b"\x90",
        b"\x8f(" + text("lin") + LINEAR + b"\x90",
    ],
)
def test_objects_of_two_items_as_the_state_of_a_module_are_critical(tmp_path: Path, pair: bytes) -> None:
    part = name("torch.nn.modules.module.Module") + b")\x81](" + pair + b"eb"
    assert "not a mapping" in explain(tmp_path, finish(rebuild(body(_modules=mapping(lin=part)))))


@check_each("value, reason", [(name("numpy.ndarray"), "numpy.ndarray"), (tensor(), ""), (name("torch.qint8"), "")])
def test_a_part_that_a_class_sets_by_its_position_is_a_tensor_or_a_constant(
    tmp_path: Path, value: bytes, reason: str
) -> None:
    """The class assigns the items of its state to attributes, and the source may call one of them."""
    state = b"(" + value + b"\x88K\x00t"
    part = name("torch.ao.nn.sparse.quantized.linear.LinearPackedParams") + b")\x81" + state + b"b"
    assert reason in (found := explain(tmp_path, finish(rebuild(body(part=part))))) and bool(reason) == bool(found)


@check_each("value", [b"J\xff\xff\xff\x7f", text("a" * 100), b"]"])
def test_an_operator_on_constants_of_the_body_is_critical(tmp_path: Path, value: bytes) -> None:
    """A source could repeat a text, or raise a number to a power, while the file is loaded."""
    content = body(insert("a = self.buf ** self.ruf"), buf=value)
    assert "computes with buf" in explain(tmp_path, finish(rebuild(content)))
    assert scan_severities(tmp_path, finish(rebuild(body(insert("a = x ** self.ruf"), buf=value)))) == set()


def test_attributes_of_an_ordered_mapping_are_critical(tmp_path: Path) -> None:
    parts = name("collections.OrderedDict") + b")R" + text("lin") + LINEAR + b"s" + mapping(items=LINEAR) + b"b"
    assert "attributes of its own" in explain(tmp_path, finish(rebuild(body(_modules=parts))))


def test_the_class_of_the_tracer_without_a_traced_module_stays_high(tmp_path: Path) -> None:
    content = finish(name("torch.fx._symbolic_trace.Tracer"))
    assert scan_severities(tmp_path, content) == {Severity.HIGH}


def test_a_parameter_outside_of_the_parameters_counts_as_a_tensor(tmp_path: Path) -> None:
    """Tracing replaces only parameters that ``torch.nn.Module.__getattr__`` finds."""
    line = "a = self.par + self.par;  b = a * a"
    assert scan_severities(tmp_path, finish(rebuild(body(insert(line))))) == set()
    content = body(insert(line), _parameters=b"}", par=parameter(), buf=tensor())
    assert "computes several" in explain(tmp_path, finish(rebuild(content)))


@pytest.mark.slow
def test_modules_that_torch_traces_raise_no_alarm_and_one_with_a_command_does(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from torch import fx, nn

    traced = fx.symbolic_trace(nn.Sequential(nn.Conv2d(3, 3, 3), nn.BatchNorm2d(3), nn.Sequential(nn.ReLU())))
    torch.save(traced, tmp_path / "model.pt")
    report = modelaudit.scan(tmp_path / "model.pt", second_opinion=False)
    assert [each.rule for each in report.findings if each.rule.startswith("pickle/")] == []
    function, (content, imports) = traced.__reduce__()
    mark = tmp_path / "mark"
    line = f"    open({str(mark)!r}, 'x')\n"
    content["_code"] = content["_code"].replace("(self, input):\n", f"(self, input):\n{line}")

    class Rebuilt:
        def __reduce__(self) -> tuple[object, ...]:
            return function, (content, imports)

    torch.save(Rebuilt(), tmp_path / "hostile.pt")
    report = modelaudit.scan(tmp_path / "hostile.pt", second_opinion=False)
    assert "pickle/dangerous-call" in {each.rule for each in report.findings}
    assert not mark.exists()
    torch.load(tmp_path / "hostile.pt", weights_only=False)
    assert mark.exists()


def test_every_listed_name_has_a_kind_that_the_check_looks_up() -> None:
    """A name of another kind would never match, and no scan would show it."""
    known = {
        *("import", "function", "overload", "making", "method", "attribute", "value", "type"),
        *("module", "tensor", "mapping", "stated", "tracer", "reserved", "member"),
    }
    listed = load_catalogue().vocabularies[VOCABULARY]
    assert {name.partition("::")[0] for name in listed} == known
