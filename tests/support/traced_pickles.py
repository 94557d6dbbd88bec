"""Write pickles that rebuild traced modules of torch, opcode by opcode, without torch."""

from __future__ import annotations

from typing import Final

IMPORTS: Final = "import torch\nfrom math import inf\nfrom torch import device"
SOURCE: Final = "\n\ndef forward(self, x):\n    lin = self.lin(x);  x = None\n    return torch.relu(lin)\n    "


def text(content: str) -> bytes:
    """Return the opcode that pushes a text."""
    data = content.encode()
    return b"X" + len(data).to_bytes(4, "little") + data


def name(dotted: str) -> bytes:
    """Return the opcode that pushes a global."""
    module, _, qualname = dotted.rpartition(".")
    return f"c{module}\n{qualname}\n".encode()


def mapping(**items: bytes) -> bytes:
    """Return the opcodes that push a mapping with these items."""
    return b"}(" + b"".join(text(key) + value for key, value in items.items()) + b"u"


def call(function: bytes, *arguments: bytes) -> bytes:
    """Return the opcodes that push the result of a call."""
    return function + b"(" + b"".join(arguments) + b"tR"


def module(class_: str, **state: bytes) -> bytes:
    """Return the opcodes that push an object of a class with this state."""
    return name(class_) + b")\x81" + mapping(**state) + b"b"


def tensor() -> bytes:
    """Return the opcodes that push a tensor of two numbers."""
    storage = b"(" + text("storage") + name("torch.FloatStorage") + text("0") + text("cpu") + b"K\x02tQ"
    size = b"K\x02\x85K\x01\x85"
    hooks = name("collections.OrderedDict") + b")R"
    return call(name("torch._utils._rebuild_tensor_v2"), storage, b"K\x00", size, b"\x89", hooks)


def parameter() -> bytes:
    """Return the opcodes that push a parameter of two numbers."""
    hooks = name("collections.OrderedDict") + b")R"
    return call(name("torch._utils._rebuild_parameter"), tensor(), b"\x88", hooks)


LINEAR: Final = module("torch.nn.modules.linear.Linear", training=b"\x88")


def body(source: str = SOURCE, **items: bytes) -> bytes:
    """Return the opcodes that push the body of a traced module."""
    parts = {
        "training": b"\x88",
        "_parameters": mapping(par=parameter()),
        "_buffers": mapping(buf=tensor(), ruf=tensor()),
        "_modules": mapping(lin=LINEAR),
        "_tracer_cls": b"N",
        "_tracer_extras": b"}",
        "_code": text(source),
    }
    return mapping(**(parts | items))


def rebuild(content: bytes, imports: str = IMPORTS) -> bytes:
    """Return the opcodes that rebuild a traced module of this body."""
    return call(name("torch.fx.graph_module.reduce_graph_module"), content, text(imports))


def finish(content: bytes) -> bytes:
    """Return a whole pickle."""
    return b"\x80\x02" + content + b"."


def insert(line: str) -> str:
    """Return the source with a line at the begin of its function."""
    head, _, rest = SOURCE.partition("(self, x):\n")
    return f"{head}(self, x):\n    {line}\n{rest}"
