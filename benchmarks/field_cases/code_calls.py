"""How a rewritten call is made, and what is put around its statements."""

from __future__ import annotations

import base64
import textwrap
import zlib
from collections.abc import Callable, Mapping
from typing import Any, Final

from code_pieces import MODULES, REACHES, Source, spell, spell_value

Call = Callable[[Source, str, str, str], None]
"""Takes the callable, the positional arguments as one expression of a list, and the named ones as one of a mapping."""


def _call_direct(source: Source, run: str, values: str, named: str) -> None:
    source.lines.append(f"{run}(*{values}, **{named})")


def _call_partial(source: Source, run: str, values: str, named: str) -> None:
    source.need("import functools")
    source.lines.append(f"functools.partial({run}, *{values})(**{named})")


def _call_operator(source: Source, run: str, values: str, named: str) -> None:
    source.need("import operator")
    source.lines.append(f"operator.call({run}, *{values}, **{named})")


def _call_method(source: Source, run: str, values: str, named: str) -> None:
    source.lines.append(f"{run}.__call__(*{values}, **{named})")


def _call_comprehension(source: Source, run: str, values: str, named: str) -> None:
    source.lines.append(f"{source.name()} = [each(*{values}, **{named}) for each in [{run}]]")


def _call_generator(source: Source, run: str, values: str, named: str) -> None:
    source.lines.append(f"{source.name()} = next(each(*{values}, **{named}) for each in ({run},))")


def _call_set(source: Source, run: str, values: str, named: str) -> None:
    source.lines.append(f"{source.name()} = {{str(each): each(*{values}, **{named}) for each in ({run},)}}")


def _call_map(source: Source, run: str, values: str, named: str) -> None:
    source.lines.append(f"{source.name()} = list(map(lambda each: each(*{values}, **{named}), [{run}]))")


def _call_filter(source: Source, run: str, values: str, named: str) -> None:
    source.lines.append(f"{source.name()} = list(filter(lambda each: each(*{values}, **{named}), [{run}]))")


def _call_sorted(source: Source, run: str, values: str, named: str) -> None:
    source.lines.append(f"{source.name()} = sorted([{run}], key=lambda each: id(each(*{values}, **{named})))")


def _call_reduce(source: Source, run: str, values: str, named: str) -> None:
    source.need("import functools")
    source.lines.append(f"functools.reduce(lambda each, more: each(*more, **{named}), [{run}, {values}])")


def _call_walrus(source: Source, run: str, values: str, named: str) -> None:
    source.lines.append(f"({source.name()} := {run})(*{values}, **{named})")


def _call_lambda(source: Source, run: str, values: str, named: str) -> None:
    source.lines.append(f"(lambda each, more: each(*more, **{named}))({run}, {values})")


def _call_function(source: Source, run: str, values: str, named: str) -> None:
    name = source.name()
    source.lines.append(f"def {name}(each={run}):\n    return each(*{values}, **{named})")
    source.lines.append(f"{name}()")


def _call_closure(source: Source, run: str, values: str, named: str) -> None:
    name = source.name()
    inner = f"    def inner():\n        return each(*{values}, **{named})\n    return inner"
    source.lines.append(f"def {name}(each):\n{inner}")
    source.lines.append(f"{name}({run})()")


def _call_class(source: Source, run: str, values: str, named: str) -> None:
    name = source.name()
    held = source.assign(run)
    source.lines.append(f"class {name}:\n    def __init__(self):\n        {held}(*{values}, **{named})")
    source.lines.append(f"{name}()")


def _call_property(source: Source, run: str, values: str, named: str) -> None:
    name = source.name()
    held = source.assign(run)
    source.lines.append(
        f"class {name}:\n    @property\n    def size(self):\n        return {held}(*{values}, **{named})"
    )
    source.lines.append(f"{source.name()} = {name}().size")


def _call_decorator(source: Source, run: str, values: str, named: str) -> None:
    name = source.name()
    held = source.assign(run)
    source.lines.append(f"@(lambda inner: {held}(*{values}, **{named}))\ndef {name}():\n    return 1")


def _call_context(source: Source, run: str, values: str, named: str) -> None:
    source.need("import contextlib")
    source.lines.append(f"with contextlib.ExitStack() as stack:\n    stack.callback({run}, *{values}, **{named})")


def _call_thread(source: Source, run: str, values: str, named: str) -> None:
    source.need("import threading")
    name = source.assign(f"threading.Thread(target={run}, args={values}, kwargs={named})")
    source.lines.append(f"{name}.start()\n{name}.join()")


def _call_pool(source: Source, run: str, values: str, named: str) -> None:
    source.need("from concurrent.futures import ThreadPoolExecutor")
    source.lines.append(f"ThreadPoolExecutor(1).submit({run}, *{values}, **{named}).result()")


def _call_conditional(source: Source, run: str, values: str, named: str) -> None:
    source.lines.append(f"if len({values!s}) >= 0:\n    {run}(*{values}, **{named})")


def _call_try(source: Source, run: str, values: str, named: str) -> None:
    source.lines.append(f"try:\n    pass\nfinally:\n    {run}(*{values}, **{named})")


def _call_loop(source: Source, run: str, values: str, named: str) -> None:
    source.lines.append(f"for each in ({run},):\n    each(*{values}, **{named})")


def _call_names(source: Source, run: str, values: str, named: str) -> None:
    first, second = source.assign(run), source.assign(values)
    source.lines.append(f"{first}(*{second}, **{named})")


def _call_attribute(source: Source, run: str, values: str, named: str) -> None:
    name = source.name()
    source.need("import types")
    source.lines.append(f"{name} = types.SimpleNamespace()\nsetattr({name}, 'step', {run})")
    source.lines.append(f"{name}.step(*{values}, **{named})")


CALLS: Final[Mapping[str, Call]] = {
    "direct": _call_direct,
    "attribute": _call_attribute,
    "class": _call_class,
    "closure": _call_closure,
    "comprehension": _call_comprehension,
    "conditional": _call_conditional,
    "context": _call_context,
    "decorator": _call_decorator,
    "filter": _call_filter,
    "function": _call_function,
    "generator": _call_generator,
    "lambda": _call_lambda,
    "loop": _call_loop,
    "map": _call_map,
    "method": _call_method,
    "names": _call_names,
    "operator": _call_operator,
    "partial": _call_partial,
    "pool": _call_pool,
    "property": _call_property,
    "reduce": _call_reduce,
    "set": _call_set,
    "sorted": _call_sorted,
    "thread": _call_thread,
    "try": _call_try,
    "walrus": _call_walrus,
}


def _coded_base64(source: Source, text: str) -> str:
    source.need("import base64")
    return f"base64.b64decode({base64.b64encode(text.encode()).decode()!r}).decode()"


def _coded_zlib(source: Source, text: str) -> str:
    source.need("import base64")
    source.need("import zlib")
    return f"zlib.decompress(base64.b85decode({base64.b85encode(zlib.compress(text.encode())).decode()!r})).decode()"


def _coded_lines(source: Source, text: str) -> str:
    return f"chr(10).join({text.splitlines()!r})"


CODINGS: Final[Mapping[str, Callable[[Source, str], str]]] = {
    "base64": _coded_base64,
    "zlib": _coded_zlib,
    "lines": _coded_lines,
    "hex": lambda source, text: f"bytes.fromhex({text.encode().hex()!r}).decode()",
    "reversed": lambda source, text: f"{text[::-1]!r}[::-1]",
    "spelt": lambda source, text: spell(source, text, 1),
}
"""How the text of whole statements is coded for ``exec``; no honest code does this, so these are left out for it."""


def wrap_exec(source: Source) -> None:
    """Put all statements so far in a coded text that ``exec`` runs."""
    name = source.dice.choice(list(CODINGS))
    source.steps.append(f"exec:{name}")
    outside = [line for line in source.imports if "@helper@" in line]
    text = "\n".join([*(line for line in source.imports if line not in outside), *source.lines])
    source.imports, source.lines = outside, []
    coded = CODINGS[name](source, text)
    opened = source.dice.choice(
        ["exec({}{})", "exec(compile({}, 'acme', 'exec'){})", "getattr(__builtins__, 'exec', exec)({}{})"]
    )
    names = ", {**globals(), **locals()}" if source.has_config else ""
    source.lines.append(opened.format(coded, names))


def wrap_function(source: Source) -> None:
    """Put all statements in a function, and call it."""
    name = source.name()
    body = textwrap.indent("\n".join(source.lines), "    ")
    source.lines = [f"def {name}():\n{body}", f"{name}()"]
    source.steps.append("function")


def rewrite_call(source: Source, target: str, values: list[Any], named: dict[str, Any], hard: bool) -> None:
    """Add the statements that make one call, in pieces that chance picks; ``hard`` allows what no honest code does."""
    module, _, path = target.rpartition(":") if ":" in target else target.rpartition(".")
    dice = source.dice
    way = dice.choice(list(MODULES))
    run = MODULES[way](source, module)
    source.steps.append(f"module:{way}")
    for number, part in enumerate(path.split(".")):
        reach = dice.choice(list(REACHES) if not number else ["dot", "getattr", "attrgetter", "alias", "lambda"])
        source.steps.append(f"reach:{reach}")
        run = REACHES[reach](source, run, part)
    made = dice.choice(list(CALLS))
    source.steps.append(f"call:{made}")
    spelt = [spell_value(source, each) for each in values]
    spelt_named = {key: spell_value(source, each) for key, each in named.items()}
    listed = "[" + ", ".join(spelt) + "]"
    mapped = "{" + ", ".join(f"{key!r}: {each}" for key, each in spelt_named.items()) + "}"
    CALLS[made](source, run, listed, mapped)
    if dice.random() < 0.8:
        plain = ", ".join([*spelt, *(f"{key}={each}" for key, each in spelt_named.items())])
        for before, after in ((f"*{listed}, **{mapped}", plain), (f", **{mapped}", f", {plain}" if not values else "")):
            if not named or before.startswith("*"):
                source.lines = [line.replace(before, after) for line in source.lines]
    uses_config = any("config." in line or "(config" in line for line in source.lines)
    if hard and not uses_config and dice.random() < 0.25:
        wrap_exec(source)
    elif not uses_config and dice.random() < 0.3 and not any(line.startswith("class ") for line in source.lines):
        wrap_function(source)
