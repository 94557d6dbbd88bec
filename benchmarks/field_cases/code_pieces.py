"""The pieces of a rewritten call: how its texts are spelt, its callable reached, and the call made.

A ``Source`` gathers imports, statements and further files while the pieces are chosen. Every choice keeps the meaning;
``prove_rewrites.py`` holds each to it by running the result.
"""

from __future__ import annotations

import base64
import codecs
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final


@dataclass(slots=True)
class Source:
    """A program in the making.

    Attributes:
        dice: the source of all choices.
        has_config: whether ``config`` is a configuration of transformers where the statements stand.
        imports: lines of import.
        lines: the statements before the call.
        helper: the lines of a helper file.
        config: values that a configuration beside the code holds.
        steps: the names of the choices, for the manifest.
    """

    dice: random.Random
    has_config: bool = False
    imports: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    helper: list[str] = field(default_factory=list)
    config: dict[str, Any] = field(default_factory=dict)
    steps: list[str] = field(default_factory=list)
    count: int = 0

    def need(self, line: str) -> None:
        """Import something once."""
        if line not in self.imports:
            self.imports.append(line)

    def name(self) -> str:
        """Return a new name."""
        self.count += 1
        return f"part_{self.count}"

    def assign(self, expression: str) -> str:
        """Put an expression in a statement of its own; return the name of the result."""
        name = self.name()
        self.lines.append(f"{name} = {expression}")
        return name


def _cut(text: str, dice: random.Random, most: int = 4) -> list[str]:
    """Cut a text at up to ``most`` places."""
    places = sorted(dice.sample(range(1, len(text)), min(most, len(text) - 1))) if len(text) > 1 else []
    return [text[start:end] for start, end in zip([0, *places], [*places, len(text)], strict=True)]


def _spell_format(source: Source, text: str) -> str:
    parts = _cut(text, source.dice, 2)
    return f"{'{}' * len(parts)!r}.format({', '.join(map(repr, parts))})"


def _spell_percent(source: Source, text: str) -> str:
    parts = _cut(text, source.dice, 2)
    return f"({'%s' * len(parts)!r} % ({', '.join(map(repr, parts))},))"


def _spell_f_string(source: Source, text: str) -> str:
    parts = [source.assign(repr(part)) for part in _cut(text, source.dice, 2)]
    return 'f"' + "".join("{" + part + "}" for part in parts) + '"'


def _spell_base64(source: Source, text: str) -> str:
    source.need("import base64")
    return f"base64.b64decode({base64.b64encode(text.encode()).decode()!r}).decode()"


def _spell_rot13(source: Source, text: str) -> str:
    source.need("import codecs")
    return f"codecs.decode({codecs.encode(text, 'rot13')!r}, 'rot13')"


def _spell_xor(source: Source, text: str) -> str:
    key = source.dice.randrange(1, 120)
    return f"bytes(each ^ {key} for each in {bytes(each ^ key for each in text.encode())!r}).decode()"


def _spell_table(source: Source, text: str) -> str:
    letters = sorted(set(text))
    table = source.assign(repr("".join(letters)))
    return f"''.join({table}[each] for each in {[letters.index(each) for each in text]})"


def _spell_class(source: Source, text: str) -> str:
    name = source.name()
    source.lines.append(f"class {name}:\n    value = {text!r}")
    return f"{name}.value"


def _spell_function(source: Source, text: str) -> str:
    name = source.name()
    source.lines.append(f"def {name}(value={text!r}):\n    return value")
    return f"{name}()"


def _spell_helper(source: Source, text: str) -> str:
    name = source.name().upper()
    source.helper.append(f"{name} = {text!r}")
    source.need(f"from @helper@ import {name}")
    return name


def _spell_config(source: Source, text: str) -> str:
    if not source.has_config:
        return _spell_helper(source, text)
    name = source.name()
    source.config[name] = text
    return source.dice.choice([f"config.{name}", f"getattr(config, {name!r})", f"config.to_dict()[{name!r}]"])


def _spell_config_list(source: Source, text: str) -> str:
    if not source.has_config:
        return _spell_table(source, text)
    name = source.name()
    source.config[name] = _cut(text, source.dice)
    return f"''.join(config.{name})"


SPELLINGS: Final[Mapping[str, Callable[[Source, str], str]]] = {
    "plain": lambda source, text: repr(text),
    "name": lambda source, text: source.assign(repr(text)),
    "sum": lambda source, text: "(" + " + ".join(map(repr, _cut(text, source.dice))) + ")",
    "adjacent": lambda source, text: "(" + " ".join(map(repr, _cut(text, source.dice))) + ")",
    "join": lambda source, text: f"''.join({_cut(text, source.dice)!r})",
    "reversed": lambda source, text: f"{text[::-1]!r}[::-1]",
    "stride": lambda source, text: f"{''.join(each + 'x' for each in text)!r}[::2]",
    "format": _spell_format,
    "percent": _spell_percent,
    "f-string": _spell_f_string,
    "escapes": lambda source, text: "'" + "".join(f"\\x{ord(each):02x}" for each in text) + "'",
    "codes": lambda source, text: f"''.join(map(chr, {[ord(each) for each in text]}))",
    "bytes": lambda source, text: f"bytes({list(text.encode())}).decode()",
    "hex": lambda source, text: f"bytes.fromhex({text.encode().hex()!r}).decode()",
    "base64": _spell_base64,
    "rot13": _spell_rot13,
    "xor": _spell_xor,
    "replace": lambda source, text: f"{text.replace('t', '~')!r}.replace('~', 't')",
    "table": _spell_table,
    "dict": lambda source, text: f"{{'a': {text!r}, 'b': ''}}['a']",
    "class": _spell_class,
    "function": _spell_function,
    "helper": _spell_helper,
    "config": _spell_config,
    "config-list": _spell_config_list,
}


def spell(source: Source, text: str, chance: float = 0.5) -> str:
    """Return an expression for a text: plain, or by a spelling that chance picks."""
    if not text or source.dice.random() > chance:
        return repr(text)
    name = source.dice.choice(list(SPELLINGS))
    source.steps.append(f"text:{name}")
    return SPELLINGS[name](source, text)


def spell_value(source: Source, value: Any, chance: float = 0.5) -> str:
    """Return an expression for a value of texts, bytes, numbers, lists and mappings."""
    if isinstance(value, str):
        return spell(source, value, chance)
    if isinstance(value, bytes):
        return f"{spell(source, value.decode('latin-1'), chance)}.encode('latin-1')"
    if isinstance(value, Sequence):
        return "[" + ", ".join(spell_value(source, each, chance) for each in value) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key!r}: {spell_value(source, each, chance)}" for key, each in value.items()) + "}"
    return repr(value)


def _module_alias(source: Source, module: str) -> str:
    alias = source.name()
    source.need(f"import {module} as {alias}")
    return alias


def _module_import_module(source: Source, module: str) -> str:
    source.need("import importlib")
    return f"importlib.import_module({spell(source, module)})"


def _module_dunder(source: Source, module: str) -> str:
    return f"__import__({spell(source, module)}, fromlist=['x'])"


def _module_sys(source: Source, module: str) -> str:
    source.need("import sys")
    source.need(f"import {module}")
    return f"sys.modules[{spell(source, module)}]"


def _module_resolve(source: Source, module: str) -> str:
    source.need("import pkgutil")
    return f"pkgutil.resolve_name({spell(source, module)})"


def _module_globals(source: Source, module: str) -> str:
    if "." in module:
        return _module_sys(source, module)
    source.need(f"import {module}")
    return f"globals()[{spell(source, module)}]"


def _module_plain(source: Source, module: str) -> str:
    source.need(f"import {module}")
    return module


def _module_helper(source: Source, module: str) -> str:
    alias = source.name()
    source.helper.append(f"import {module} as {alias}")
    source.need(f"from @helper@ import {alias}")
    return alias


def _module_try(source: Source, module: str) -> str:
    alias = source.name()
    source.lines.append(f"try:\n    import {module} as {alias}\nexcept ImportError:\n    {alias} = None")
    return alias


MODULES: Final[Mapping[str, Callable[[Source, str], str]]] = {
    "plain": _module_plain,
    "alias": _module_alias,
    "import-module": _module_import_module,
    "dunder": _module_dunder,
    "sys": _module_sys,
    "resolve": _module_resolve,
    "globals": _module_globals,
    "helper": _module_helper,
    "try": _module_try,
}


def _reach_operator(source: Source, owner: str, name: str) -> str:
    source.need("import operator")
    return f"operator.attrgetter({spell(source, name)})({owner})"


def _reach_reduce(source: Source, owner: str, name: str) -> str:
    source.need("import functools")
    return f"functools.reduce(getattr, [{spell(source, name)}], {owner})"


def _reach_static(source: Source, owner: str, name: str) -> str:
    source.need("import inspect")
    return f"inspect.getattr_static({owner}, {spell(source, name)})"


def _reach_class(source: Source, owner: str, name: str) -> str:
    holder = source.name()
    source.lines.append(f"class {holder}:\n    run = staticmethod({owner}.{name})")
    return f"{holder}.run"


def _reach_item(source: Source, owner: str, name: str) -> str:
    source.need("import operator")
    return f"operator.itemgetter({spell(source, name)})(vars({owner}))"


REACHES: Final[Mapping[str, Callable[[Source, str, str], str]]] = {
    "dot": lambda source, owner, name: f"{owner}.{name}",
    "getattr": lambda source, owner, name: f"getattr({owner}, {spell(source, name)})",
    "getattr-default": lambda source, owner, name: f"getattr({owner}, {spell(source, name)}, None)",
    "vars": lambda source, owner, name: f"vars({owner})[{spell(source, name)}]",
    "dict": lambda source, owner, name: f"{owner}.__dict__[{spell(source, name)}]",
    "dict-get": lambda source, owner, name: f"{owner}.__dict__.get({spell(source, name)})",
    "attrgetter": _reach_operator,
    "itemgetter": _reach_item,
    "reduce": _reach_reduce,
    "static": _reach_static,
    "getattribute": lambda source, owner, name: f"object.__getattribute__({owner}, {spell(source, name)})",
    "class": _reach_class,
    "list": lambda source, owner, name: f"[print, {owner}.{name}][1]",
    "table": lambda source, owner, name: f"{{'run': {owner}.{name}}}['run']",
    "lambda": lambda source, owner, name: f"(lambda owner: owner.{name})({owner})",
    "conditional": lambda source, owner, name: f"({owner}.{name} if {owner} else print)",
    "alias": lambda source, owner, name: source.assign(f"{owner}.{name}"),
    "alias-two": lambda source, owner, name: source.assign(source.assign(f"{owner}.{name}")),
    "dir": lambda source, owner, name: (
        f"[getattr({owner}, each) for each in dir({owner}) if each == {spell(source, name)}][0]"
    ),
}
