"""What the nodes of a skops file mean: each name judged as if a pickle did with it what the node's loader does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from modelaudit.checks.callables import Judgement, judge
from modelaudit.model.catalogue import Callables, Scalar, SkopsLoader, SkopsLoaders, Standing, Subject
from modelaudit.model.pickle import Name
from modelaudit.model.skops import SkopsNode, SkopsSchema
from modelaudit.model.structure import Location

_ACTS: Final = {"calls": "call", "constructs": "construct", "refers": "refer"}
# Loaders of functions and types as such; what the others make is an object.
_CALLABLE: Final = frozenset({"FunctionNode", "TypeNode"})
_OBJECTS: Final = frozenset({"ConstructorFromReduceNode", "ObjectNode"})


def subjects_of_schema(
    artifact: str, schema: SkopsSchema, loaders: SkopsLoaders, callables: Callables
) -> Iterator[Subject]:
    """Every node that is not plainly trusted."""
    for node in schema.nodes:
        loader = loaders.by_name.get(node.loader)
        if loader is None:
            judgement = Judgement(Standing.UNRESOLVED, why="what its loader does is not known")
            yield _subject(artifact, node, "unknown-loader", _name(node), judgement)
        elif node.role:
            yield from _called_by_parent(artifact, node, loader, callables)
        else:
            yield from _made(artifact, node, loader, callables)
            yield from _member(artifact, node, loaders, callables)


def _name(node: SkopsNode) -> str:
    return f"{node.module}.{node.name}"


def _made(artifact: str, node: SkopsNode, loader: SkopsLoader, callables: Callables) -> Iterator[Subject]:
    module = node.module
    if node.loader == "OperatorFuncNode" and module != "operator":
        # Older versions fetch the name from operator whatever module the node names (CVE-2025-54412).
        why = "skops takes it from the module operator whatever the node says"
        yield _subject(artifact, node, "mismatch", _name(node), Judgement(Standing.UNRESOLVED, why=why))
        module = "operator"
    if f"{module}.{node.name}" not in loader.expects:
        yield from _judged(artifact, node, Name(module, node.name), _ACTS[loader.use], callables)


def _member(artifact: str, node: SkopsNode, loaders: SkopsLoaders, callables: Callables) -> Iterator[Subject]:
    """The attribute that a method's node takes, and the class that a generator's node looks up."""
    if node.loader == "MethodNode":
        if node.bound != _name(node):
            # The type that is shown for approval is not the one whose attribute is taken (CVE-2025-54413).
            why = f"the attribute is taken from {node.bound or 'something else'}"
            yield _subject(artifact, node, "mismatch", _name(node), Judgement(Standing.UNRESOLVED, why=why))
        method = Name(node.module, f"{node.name}.{node.member}")
        judgement = judge(method, callables)
        if judgement.standing is Standing.UNRESOLVED and not node.member.startswith("_") and node.member.isidentifier():
            judgement = Judgement(Standing.UNLISTED, why="nobody has vetted what this method does when it is called")
        if judgement.standing is not Standing.TRUSTED:
            yield _subject(artifact, node, "method", str(method), judgement)
    elif node.loader == "RandomGeneratorNode" and node.member not in loaders.generators:
        generator = Name("numpy.random", node.member or "…")
        yield from _judged(artifact, node, generator, "call", callables)


def _called_by_parent(artifact: str, node: SkopsNode, loader: SkopsLoader, callables: Callables) -> Iterator[Subject]:
    """What the node around this one calls, such as the function of a partial.

    Methods, partials and operators are judged where they are made.
    """
    if node.loader in _CALLABLE and _name(node) not in loader.expects:
        yield from _judged(artifact, node, Name(node.module, node.name), "call", callables)
    elif node.loader in _OBJECTS:
        why = "what such an object does when it is called is not known"
        yield _subject(artifact, node, "call", f"{_name(node)}(…)", Judgement(Standing.UNLISTED, why=why))
    elif node.loader == "CachedNode":
        why = "it is only known when the file is loaded"
        yield _subject(artifact, node, "call", "a node that stands elsewhere", Judgement(Standing.UNRESOLVED, why=why))


def _judged(artifact: str, node: SkopsNode, name: Name, act: str, callables: Callables) -> Iterator[Subject]:
    judgement = judge(name, callables)
    entry = judgement.entry
    if entry is not None and judgement.standing is Standing.TRUSTED and act == "call":
        if entry.construct_only and node.role == "PartialNode.func":
            # A partial is not called by loading; with whatever arguments it is, the function is one that models use.
            judgement = Judgement(Standing.UNLISTED, why=f"nobody has vetted its use in a partial: {entry.why}")
            act = "refer"
        elif entry.construct_only:
            judgement = Judgement(Standing.UNLISTED, why=f"as a class it is known, as a call it is not: {entry.why}")
        elif entry.arguments:
            why = f"it is harmless only with certain arguments: {entry.why}"
            judgement = Judgement(Standing.UNRESOLVED, why=why)
    if judgement.standing is not Standing.TRUSTED:
        yield _subject(artifact, node, act, str(name), judgement)


def _subject(artifact: str, node: SkopsNode, act: str, name: str, judgement: Judgement) -> Subject:
    fields: dict[str, Scalar] = {
        "loader": node.loader,
        "act": act,
        "name": name,
        "standing": judgement.standing.value,
        "effect": judgement.effect,
        "why": judgement.why,
    }
    place = f" as {node.role}" if node.role else ""
    evidence = f"{node.loader}{place}: {node.module}.{node.name}" + (f", {node.member}" if node.member else "")
    return Subject("skops-node", artifact, fields, f"{act} {name}", Location(key=name), (evidence,))
