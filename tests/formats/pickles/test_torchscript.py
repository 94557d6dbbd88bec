from __future__ import annotations

import io
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cases import check_each

from modelaudit.formats.pickles.torch import lexer
from modelaudit.formats.pickles.torch.bytecode import read as read_torch_bytecode
from modelaudit.formats.pickles.torch.source import NameCollector
from modelaudit.model.artifact import TORCHSCRIPT, Artifact
from modelaudit.model.limits import Limits
from modelaudit.model.structure import Unread, UnreadReason
from modelaudit.model.torch import NameUse, TorchProgram
from modelaudit.wire.base import DamagedError, LimitReachedError
from modelaudit.wire.deadline import Deadline, apply_deadline

PATH = "net.pt!net/code/__torch__/a/b.py"


def collect_names(text: str) -> NameCollector:
    """Return a collector after it has read a source."""
    names = NameCollector()
    names.collect_names(text)
    return names


def list_mentions(text: str) -> set[tuple[str, str]]:
    """Return (use, name) of each mention in a source."""
    return {(item.use.value, item.name) for item in collect_names(text).mentions}


@check_each(
    "text, expected",
    [
        ("torch.relu(x)", ("operator", "aten::relu")),
        ("ops.mylib.run(x)", ("operator", "mylib::run")),
        ("f = torch.save", ("operator", "aten::save")),
        ("torch.autograd.grad(x)", ("operator", "aten::grad")),
        ("ops.mylib.autograd.save(x)", ("operator", "aten::save")),
        ("(x).save('f')", ("method", "save")),
        ("x.a.b.save('f')", ("method", "save")),
        ("[1].save('f')", ("method", "save")),
        ("'f'.from_file()", ("method", "from_file")),
        ("getattr(x, 'save')('f')", ("method", "save")),
        ("getattr(x, 'sa' \"ve\")('f')", ("method", "save")),
        ("getattr(x, '''save''')('f')", ("method", "save")),
        ("getattr(x, 's\\x61ve')", ("unresolved", "getattr of a name with escapes")),
        ("t = torch", ("unresolved", "torch")),
        ("t = ops.aten", ("unresolved", "ops.aten")),
        ("y = __torch__.a.Net(x)", ("type", "__torch__.a.Net")),
        ("y = frobnicate(x)", ("name", "frobnicate")),
        ("x is nottorch.save(x)", ("operator", "aten::save")),
        ("x not intorch.save(x)", ("operator", "aten::save")),
        ("y = (torch\n.\nsave(x))", ("operator", "aten::save")),
        ("y = torch.\\\nsave(x)", ("operator", "aten::save")),
        ("y = x # type: torch.save", ("operator", "aten::save")),
        ("def f(x: __torch__.torch.classes.a.B) -> Tensor:\n  pass", ("type", "__torch__.torch.classes.a.B")),
        ("CONSTANTS.c0.save('f')", ("method", "save")),
        ("@torch.jit.export", ("operator", "aten::jit")),
    ],
)
def test_name_on_which_torchscript_source_acts_is_mentioned(text: str, expected: tuple[str, str]) -> None:
    assert expected in list_mentions(text)


@check_each(
    "text",
    [
        "# torch.save(x)",
        "y = 'torch.save'",
        'y = """\ntorch.save(x)\n"""',
        "y = 'it\\'s torch.save'",
        "y = 'a\\\ntorch.save'",
        "import torch.save",
        "annotations : Tensor",
        "if x:\n  pass",
        "g = 1\ng(x)",
    ],
)
def test_torchscript_source_that_uses_no_outside_name_gives_no_mention(text: str) -> None:
    assert not list_mentions(text)


def test_types_methods_and_fields_that_torchscript_source_defines_are_collected() -> None:
    names = collect_names(
        "class Net(Module):\n  weight : Tensor\n  def forward(self):\n    pass\ndef helper(x):\n  y : int = 1\n"
    )
    assert names.defines == {"Net", "forward", "helper"}
    assert names.types == {"Net", "helper"}
    assert names.fields == {"weight", "y"}


def test_mention_of_a_repeated_torchscript_name_has_the_first_line_and_notes_any_call() -> None:
    (item,) = collect_names("\nf = torch.add\ny = torch.add(x)\n").mentions
    assert (item.line, item.called) == (2, True)


@pytest.mark.parametrize("text", ["y = é", "y = $", "y = 'open\n'", 'y = """open', "y = \x00", "`x`"])
def test_torchscript_names_before_text_that_torch_refuses_are_mentioned(text: str) -> None:
    names = NameCollector()
    with pytest.raises(DamagedError):
        names.collect_names("torch.add(x)\n" + text)
    assert [item.name for item in names.mentions] == ["aten::add"]


def test_torchscript_source_with_too_many_names_or_tokens_raises_a_limit_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("modelaudit.formats.pickles.torch.source._MOST_NAMES", 10)
    with pytest.raises(LimitReachedError, match="different names"):
        collect_names("\n".join(f"torch.op{number}(x)" for number in range(20)))
    monkeypatch.setattr(lexer, "_MOST_TOKENS", 10)
    with pytest.raises(LimitReachedError, match="tokens"):
        collect_names("x = 1\n" * 20)


def test_type_in_torchscript_source_is_qualified_by_the_path_of_the_source(read_bytes) -> None:
    reading = read_bytes(b"class Net(Module):\n  training : bool\n", PATH, content=TORCHSCRIPT)
    (program,) = reading.of(TorchProgram)
    assert (program.path, program.types) == ("__torch__.a.b", ("__torch__.a.b.Net",))
    assert reading.formats == {PATH: ["torchscript"]}


def test_names_before_an_invalid_character_in_torchscript_source_are_mentioned(read_bytes) -> None:
    reading = read_bytes(b"torch.save(x)\ny = $", PATH, content=TORCHSCRIPT)
    assert [item.name for item in reading.of(TorchProgram)[0].mentions] == ["aten::save"]
    assert reading.unread == [(PATH, UnreadReason.DAMAGED), (PATH, UnreadReason.UNCLAIMED)]


def test_pickle_in_place_of_source_is_read_as_pickle(read_bytes) -> None:
    reading = read_bytes(b"\x80\x02cos\nsystem\n.", PATH, content=TORCHSCRIPT)
    assert reading.formats == {PATH: ["pickle"]}


@given(st.text(alphabet="torch.sav(x)'\"\\\n#[]= :ops123", max_size=60))
@settings(max_examples=300, deadline=None)
def test_torchscript_source_of_any_text_is_parsed_or_raises_a_damage_error(text: str) -> None:
    names = NameCollector()
    try:
        names.collect_names(text)
    except DamagedError:
        return
    assert all(item.name for item in names.mentions)


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_bytes_in_source_or_bytecode_are_read_without_error(read_bytes, data: bytes) -> None:
    # The test fails if one of these raises.
    read_bytes(data, PATH, content=TORCHSCRIPT)
    read_bytes(data, "net.ptl!net/bytecode.pkl", content=TORCHSCRIPT)


@pytest.fixture
def torch():
    """Return torch itself, to compare its behaviour with the reader's."""
    return pytest.importorskip("torch", reason="installed by make test unless TORCH= leaves it out")


@pytest.mark.filterwarnings("ignore")
def test_each_aten_operator_of_a_model_that_torch_traces_and_saves_is_mentioned(torch, read_bytes) -> None:
    layers = [torch.nn.Linear(4, 4), torch.nn.GELU(), torch.nn.LayerNorm(4), torch.nn.Softmax(-1)]
    script = torch.jit.trace(torch.nn.Sequential(*layers), torch.ones(1, 4))
    buffer = io.BytesIO()
    torch.jit.save(script, buffer)
    reading = read_bytes(buffer.getvalue(), "m.pt")
    mentions = [mention for program in reading.of(TorchProgram) for mention in program.mentions]
    mentioned = {mention.name for mention in mentions if mention.use == "operator"}
    operators_of_graph = {node.kind() for node in script.inlined_graph.nodes() if node.kind().startswith("aten::")}
    assert operators_of_graph
    assert operators_of_graph <= mentioned
    assert reading.unread == []


@pytest.mark.filterwarnings("ignore")
def test_torch_compiles_the_unusual_spellings_that_our_lexer_accepts_and_refuses_an_unknown_character(torch) -> None:
    # A number that follows "not" without a blank, a name over several lines, and a method name in two texts.
    glued = torch.jit.CompilationUnit("def f(x: Optional[int]):\n  return x is not1\n")
    assert glued.f(2) is True
    split = torch.jit.CompilationUnit("def f(x: int):\n  return (torch\n.\nadd(x, 1))\n")
    assert split.f(2) == 3
    joined = torch.jit.CompilationUnit("def f(x):\n  return getattr(x, 'a' 'dd')(1)\n")
    assert joined.f(torch.ones(1)).item() == 2
    with pytest.raises(RuntimeError):
        torch.jit.CompilationUnit("def f(x: int):\n  return x$\n")


@pytest.mark.filterwarnings("ignore")
def test_operators_of_torch_bytecode_are_mentioned(torch, read_bytes) -> None:
    script = torch.jit.script(torch.nn.Linear(2, 2))
    reading = read_bytes(script._save_to_buffer_for_lite_interpreter(), "m.ptl")
    (bytecode,) = [program for program in reading.of(TorchProgram) if program.format == "torch-bytecode"]
    assert [item.name for item in bytecode.mentions] == ["aten::linear"]
    assert reading.unread == []


def test_operators_in_truncated_torch_bytecode_are_mentioned(read_bytes) -> None:
    # A complete text of ten (0x0a) bytes, and the opcode of another text whose length is truncated.
    data = b"\x80\x02X\x0a\x00\x00\x00aten::saveX\xff"
    reading = read_bytes(data, "net.ptl!net/bytecode.pkl", content=TORCHSCRIPT)
    (program,) = reading.of(TorchProgram)
    assert [(item.use, item.name) for item in program.mentions] == [(NameUse.OPERATOR, "aten::save")]
    assert UnreadReason.DAMAGED in reading.reasons()


def test_deeply_nested_torchscript_source_is_read_without_a_recursion_error() -> None:
    # The test fails if this raises.
    collect_names("x = " + "(" * (10 * sys.getrecursionlimit()))


def test_time_limit_within_torch_bytecode_leaves_an_absence(bytes_window) -> None:
    data = b"\x80\x02X\x0a\x00\x00\x00aten::save."
    artifact = Artifact("net.ptl!net/bytecode.pkl", len(data), lambda: None)
    with apply_deadline(Deadline(0)):
        results = list(read_torch_bytecode(artifact, bytes_window(data), Limits()))
    assert [each.reason for each in results if isinstance(each, Unread)] == [UnreadReason.LIMIT]
