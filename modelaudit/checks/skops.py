"""Judge the nodes of a skops file: each name as if a pickle used it in the way that the node's loader does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from modelaudit.checks.callables import UNREVIEWED, Judgement, judge_name
from modelaudit.checks.mentions import build_mention_subject
from modelaudit.model.catalogue import Callables, Catalogue, Standing, Subject
from modelaudit.model.outline import PYTHON_NAMES, Mention
from modelaudit.model.pickle import Name
from modelaudit.model.skops import SkopsLoader, SkopsLoaders, SkopsNode, SkopsSchema
from modelaudit.model.structure import Location

_ACTS: Final = {"calls": "call", "constructs": "construct", "refers": "refer"}
# Loaders of functions and types as such; the others make objects.
_CALLABLE_LOADERS: Final = frozenset({"FunctionNode", "TypeNode"})
_OBJECT_LOADERS: Final = frozenset({"ConstructorFromReduceNode", "ObjectNode"})


def build_skops_subjects(artifact: str, schema: SkopsSchema, catalogue: Catalogue) -> Iterator[Subject]:
    """Yield a subject for every untrusted name in the nodes of the schema."""
    for node, use, name, judgement in _judge_nodes(schema, catalogue.skops, catalogue.callables):
        mention = Mention(PYTHON_NAMES, use, name, Location(key=name), node.loader)
        role = f" as {node.role}" if node.role else ""
        evidence = f"{node.loader}{role}: {node.module}.{node.name}" + (f", {node.member}" if node.member else "")
        yield build_mention_subject(
            artifact, "skops", mention, judgement, catalogue.declarations, f"{use} {name}", evidence
        )


_JudgedName = tuple[SkopsNode, str, str, Judgement]
"""A node, the use of a name in it, the name, and its judgement."""


def _judge_nodes(schema: SkopsSchema, loaders: SkopsLoaders, callables: Callables) -> Iterator[_JudgedName]:
    """Yield every untrusted name of every node."""
    for node in schema.nodes:
        loader = loaders.by_name.get(node.loader)
        if loader is None:
            judgement = Judgement(Standing.UNRESOLVED, why="its loader is not known")
            yield (node, "unknown-loader", _join_name(node), judgement)
        elif node.role:
            yield from _judge_role(node, loader, callables)
        else:
            yield from _judge_type(node, loader, callables)
            yield from _judge_member(node, loaders, callables)


def _join_name(node: SkopsNode) -> str:
    """Return the dotted name of the type or function of a node."""
    return f"{node.module}.{node.name}"


def _judge_type(node: SkopsNode, loader: SkopsLoader, callables: Callables) -> Iterator[_JudgedName]:
    """Judge the type or function of a node by the use that its loader makes of it."""
    module = node.module
    if node.loader == "OperatorFuncNode" and module != "operator":
        # Older versions fetch the name from operator whatever module the node names (CVE-2025-54412).
        why = "skops takes it from the module operator, whatever module the node names"
        yield (node, "mismatch", _join_name(node), Judgement(Standing.UNRESOLVED, why=why))
        module = "operator"
    if f"{module}.{node.name}" not in loader.expects:
        yield from _judge_name(node, Name(module, node.name), _ACTS[loader.use], callables)


def _judge_member(node: SkopsNode, loaders: SkopsLoaders, callables: Callables) -> Iterator[_JudgedName]:
    """Judge the attribute that a ``MethodNode`` takes, or the class that a ``RandomGeneratorNode`` looks up."""
    if node.loader == "MethodNode":
        if node.bound != _join_name(node):
            # The type that is shown for approval is not the one whose attribute is taken (CVE-2025-54413).
            why = f"the attribute is taken from {node.bound or 'something else'}"
            yield (node, "mismatch", _join_name(node), Judgement(Standing.UNRESOLVED, why=why))
        method = Name(node.module, f"{node.name}.{node.member}")
        judgement = judge_name(method, callables)
        is_public_name = node.member.isidentifier() and not node.member.startswith("_")
        if judgement.standing is Standing.UNRESOLVED and is_public_name:
            # In a pickle, a dotted name may walk anywhere. This one is a single public attribute of a known class.
            judgement = Judgement(Standing.UNLISTED, why=UNREVIEWED)
        if judgement.standing is not Standing.TRUSTED:
            yield (node, "method", str(method), judgement)
    elif node.loader == "RandomGeneratorNode" and node.member not in loaders.generators:
        generator = Name("numpy.random", node.member or "…")
        yield from _judge_name(node, generator, "call", callables)


def _judge_role(node: SkopsNode, loader: SkopsLoader, callables: Callables) -> Iterator[_JudgedName]:
    """Judge a node that the node around it calls, such as the function of a partial.

    Methods, partials and operators are judged where they are made.
    """
    if node.loader in _CALLABLE_LOADERS and _join_name(node) not in loader.expects:
        yield from _judge_name(node, Name(node.module, node.name), "call", callables)
    elif node.loader in _OBJECT_LOADERS:
        why = "the effect of calling such an object is unknown"
        yield (node, "call", f"{_join_name(node)}(…)", Judgement(Standing.UNLISTED, why=why))
    elif node.loader == "CachedNode":
        why = "it is only known when the file is loaded"
        # The fingerprint contains this name, so it stays as it is.
        yield (node, "call", "a node that stands elsewhere", Judgement(Standing.UNRESOLVED, why=why))


def _judge_name(node: SkopsNode, name: Name, act: str, callables: Callables) -> Iterator[_JudgedName]:
    """Yield ``name`` with its judgement for the use ``act``, unless it is trusted for that use."""
    judgement = judge_name(name, callables)
    entry = judgement.entry
    if entry is not None and (entry.apart or entry.unpickles):
        judgement = Judgement(Standing.UNLISTED, why=f"it is reviewed only for pickles: {entry.why}")
    elif entry is not None and judgement.standing is Standing.TRUSTED and act == "call":
        if entry.construct_only and node.role == "PartialNode.func":
            # Loading does not call a partial, and the function itself is one that models use.
            judgement = Judgement(Standing.UNLISTED, why=f"its use in a partial is not reviewed: {entry.why}")
            act = "refer"
        elif entry.construct_only:
            judgement = Judgement(
                Standing.UNLISTED, why=f"reviewed as a class to construct, not as a call: {entry.why}"
            )
        elif entry.arguments:
            why = f"it is harmless only with certain arguments: {entry.why}"
            judgement = Judgement(Standing.UNRESOLVED, why=why)
    if judgement.standing is not Standing.TRUSTED:
        yield (node, act, str(name), judgement)
