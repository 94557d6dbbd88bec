"""Texts that code puts into annotations, which run when something resolves the types of a function or class."""

from __future__ import annotations

from support.cases import check_each

from modelaudit.languages.python.analysis import analyze_source

STORE = "*.__annotations__[=]"


def list_called_names(source: str) -> set[str]:
    """Return the names that a source calls."""
    return {each.name for each in analyze_source(source).mentions if each.use.startswith("call")}


@check_each(
    "statement",
    [
        "f.__annotations__['x'] = text",
        "f.__annotations__['x'] = '__import__(%r)' % 'os'",
        "f.__annotations__ = {'x': text}",
        "f.__annotations__ = text",
        "f.__annotations__.update(x=text)",
        "f.__annotations__.update({'x': text})",
        "f.__annotations__.setdefault('x', text)",
        "held = f.__annotations__\nheld['x'] = text",
        "setattr(f, '__annotations__', {'x': text})",
        "f.__annotations__ |= {'x': text}",
        "import operator\noperator.setitem(f.__annotations__, 'x', text)",
        "dict.update(f.__annotations__, x=text)",
        "import torch\ntorch.nn.Module.__annotations__['x'] = text",
        "def g(owner): owner.__annotations__['x'] = text",
    ],
)
def test_text_of_unknown_content_in_annotations_counts_as_evaluated_text(statement: str) -> None:
    assert STORE in list_called_names(f"def f(x): pass\ndef h(text):\n  {statement.replace(chr(10), chr(10) + '  ')}")


@check_each(
    "statement",
    [
        "f.__annotations__['x'] = 'int'",
        "f.__annotations__['x'] = int",
        "f.__annotations__ = {'x': 'torch.Tensor', 'return': None}",
        "f.__annotations__ = g.__annotations__",
        "f.__annotations__.update(g.__annotations__)",
        "names = list(f.__annotations__.keys())",
        "x = f.__annotations__.get(text)",
    ],
)
def test_names_of_types_in_annotations_count_as_no_evaluated_text(statement: str) -> None:
    assert STORE not in list_called_names(f"def f(x): pass\ndef g(x): pass\ndef h(text):\n  {statement}")


@check_each(
    "call, name",
    [
        ("inspect.signature(f, eval_str=True)", "inspect.signature(eval_str)"),
        ("inspect.get_annotations(f, eval_str=text)", "inspect.get_annotations(eval_str)"),
        ("inspect.Signature.from_callable(f, eval_str=True)", "inspect.Signature.from_callable(eval_str)"),
        ("inspect.signature(f)", "inspect.signature"),
        ("inspect.signature(f, eval_str=False)", "inspect.signature"),
    ],
)
def test_reading_annotations_has_a_name_of_its_own_where_it_evaluates_them(call: str, name: str) -> None:
    assert name in list_called_names(f"import inspect\ndef h(f, text): {call}")


@check_each(
    "call, is_code",
    [("sympy.sqrt('f(1)')", True), ("sympy.Add(x, '_'.join(['f', '(1)']))", True), ("sympy.sqrt(x)", True),
     ("sympy.Symbol('x').subs('x', x[::-1])", True), ("sympy.Integer(1).__add__(x)", True), ("sympy.Matrix([x])", True),
     ("sympy.Symbol('x')", False), ("sympy.symbols(x)", False), ("sympy.sqrt(2)", False), ("sympy.isprime(x)", False),
     ("sympy.simplify(sympy.sqrt(2))", False)],
)  # fmt: skip
def test_text_with_a_call_is_an_evaluated_text_for_every_function_of_sympy(call: str, is_code: bool) -> None:
    assert ("sympy.sympify" in list_called_names(f"import sympy\ndef f(x): {call}")) is is_code


@check_each(
    "call, is_code",
    [("create_model('A', a=(text, 1))", True), ("create_model('A', a=text)", True),
     ("create_model('A', a=(int, 1))", False), ("create_model(text, __base__=text, a=(str, ...))", False)],
)  # fmt: skip
def test_model_with_a_type_in_an_unknown_text_evaluates_it(call: str, is_code: bool) -> None:
    names = list_called_names(f"from pydantic import create_model\ndef f(text): {call}")
    assert ("pydantic.create_model(text)" in names) is is_code


@check_each(
    "statement",
    [
        "class A:\n  x: config.text",
        "class A:\n  x: config.text[::-1] = 1",
        "class A:\n  x: config['text']",
        "class A:\n  x: ''.join(reversed(config.text))",
        "class A:\n  x: f'{config.a}'",
        "class A:\n  held = config.text\n  x: held",
        "class A:\n  x: int | config.text",
        "class A:\n  __annotations__ = {'x': config.text}",
        "class A:\n  __annotations__['x'] = config.text",
        "class A:\n  __annotations__.update(x=config.text)",
        "class A:\n  locals()['__annotations__'] = {'x': config.text}",
        "type('A', (), {'__annotations__': {'x': config.text}})",
        "def g(x: config.text): pass",
        "def g(*, x: config.text = 1): pass",
        "def g() -> config.text: pass",
        "import typing\nclass A:\n  x: typing.List[config.text]",
        "import typing\nclass A:\n  x: typing.Optional[typing.Tuple[int, config.text]]",
        "import typing\nheld = typing.Union[int, config.text]",
        "class A:\n  x: list[config.text]",
        "from typing import Annotated\nclass A:\n  x: Annotated[config.text, 1]",
    ],
)
def test_annotation_of_unknown_content_counts_as_evaluated_text(statement: str) -> None:
    assert STORE in list_called_names(f"def h(config):\n  {statement.replace(chr(10), chr(10) + '  ')}")


@check_each(
    "source",
    [
        "from .base import Base\nclass A:\n  x: Base\n  y: Base | None = None\n  z: list[Base | int] | tuple[Base, ...] = ()",
        "from .base import Base\ndef f(x: Base, y: 'Base | None' = None) -> tuple[Base, ...]: pass",
        "from typing import *\nT = TypeVar('T')\nclass A(Generic[T]):\n  x: Optional[T]\n  y: Callable[..., 'A']",
        "import torch\ndef f(config):\n  def g(x: torch.Tensor, y: Optional[int] = None) -> Tuple[torch.Tensor]: pass",
        "from typing import Literal\ndef f(config):\n  class A:\n    x: Literal['a(b)', 'c']",
        "class A:\n  def f(self): self.x: dict[str, int | None] = {}",
        "def f():\n  from typing import List\n  x: List[int] = []",
        "def f():\n  from .base import Base\n  x: Base | None = None",
        "from typing import Annotated\nfrom pydantic import Field\nclass A:\n  x: Annotated[int, Field(gt=MIN)]",
        "from .base import Base\nT = TypeVar('T', bound=Base)\nclass A:\n  def f(self: T) -> T: pass",
        "import torch\nclass A:\n  __annotations__ = {'bias': torch.Tensor | None, 'x': 'Base'}",
        "import typing\ndef f(x): return isinstance(x, typing.ForwardRef) or typing.ForwardRef('A')",
        "import jaxtyping\ndef f(b):\n  def g(x: jaxtyping.Float[Tensor, f'{b} d']): pass",
    ],
)
def test_annotation_with_types_counts_as_no_evaluated_text(source: str) -> None:
    assert not list_called_names(source) & {STORE, "typing.ForwardRef(text)"}


@check_each(
    "source, is_code",
    [("dataclasses.make_dataclass('A', [('x', t, 1)])", True), ("dataclasses.make_dataclass('A', t)", True),
     ("dataclasses.make_dataclass('A', [('x', 'f(1)')])", True), ("dataclasses.make_dataclass('A', fields=t)", True),
     ("dataclasses.make_dataclass('A', [('x', t[::-1]) for x in y])", True), ("typing.NamedTuple('A', [('x', t)])", True),
     ("typing.TypedDict('A', {'x': t})", True), ("msgspec.defstruct('A', [('x', t)])", True),
     ("dataclasses.make_dataclass('A', [('x', int, 1), 'y'])", False), ("typing.NamedTuple(t, [('x', int)])", False),
     ("dataclasses.make_dataclass(t, ['x', 'y'])", False), ("typing.TypedDict('A', {'x': 'int'})", False),
     ("typing.NamedTuple('A', [('x', typing.List[int])])", False)],
)  # fmt: skip
def test_class_of_listed_fields_with_a_type_in_an_unknown_text_evaluates_it(source: str, is_code: bool) -> None:
    names = list_called_names(f"import dataclasses, typing, msgspec\ndef h(t): {source}")
    assert any(name.endswith("(text)") for name in names) is is_code


@check_each(
    "source, is_code",
    [("DictConfigurator({'a': t})", True), ("DictConfigurator({'a': 'ext://' + t})", True), ("ConvertingDict(t)", True),
     ("BaseConfigurator({'a': ['b', t]}).config['a'](1)", True), ("dictConfigClass(config=t)", True),
     ("DictConfigurator({'version': 1, 'a': 'b'})", False)],
)  # fmt: skip
def test_object_of_logging_that_resolves_its_texts_is_judged_by_them(source: str, is_code: bool) -> None:
    names = list_called_names(f"from logging.config import *\ndef h(t): {source}")
    assert any(name.endswith("(text)") for name in names) is is_code


def test_type_of_torchscript_is_no_text_unless_the_source_binds_its_name() -> None:
    source = "class A(Module):\n  __annotations__['0'] = __torch__.torch.nn.modules.linear.Linear\n"
    assert STORE not in {each.name for each in analyze_source(source).mentions}
    bound = f"def run(config):\n  __torch__ = config\n  {source.replace(chr(10), chr(10) + '  ')}"
    assert STORE in {each.name for each in analyze_source(bound).mentions}
