"""What a file of skops would rebuild: a tree of nodes, each with the loader that makes it and the type it makes."""

from __future__ import annotations

from dataclasses import dataclass

from modelaudit.model.structure import Defect


@dataclass(frozen=True, slots=True)
class SkopsNode:
    """One kind of node, told once however often it occurs.

    Attributes:
        loader: the class of skops that makes the object, such as ``ObjectNode``.
        module, name: the type or function it makes or refers to; for ``MethodNode`` the class of the object.
        role: what the node around it does with the result, as its loader and key: ``PartialNode.func``; empty for most.
        member: the attribute that ``MethodNode`` takes, or the generator that ``RandomGeneratorNode`` makes.
        bound: for ``MethodNode``, the class of the object that the attribute is taken from.
    """

    loader: str
    module: str
    name: str
    role: str = ""
    member: str = ""
    bound: str = ""


@dataclass(frozen=True, slots=True)
class SkopsSchema:
    """The nodes of ``schema.json``, in the order in which they end. ``protocol`` is ``None`` where none is stated."""

    protocol: int | None
    nodes: tuple[SkopsNode, ...]
    defects: tuple[Defect, ...] = ()
