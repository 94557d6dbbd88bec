"""The nodes of a skops file: a tree, where each node has the loader that rebuilds an object, and its type.

A list of mentions would lose the relations that decide the judgement. A method counts by the class that it is taken
from, and a function by the node around it, which may call it (CVE-2025-54412, CVE-2025-54413).
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from modelaudit.model.structure import Defect


class SkopsNode(Struct, frozen=True):
    """One kind of node, kept once however often it occurs.

    Attributes:
        loader: the class of skops that rebuilds the object, such as ``ObjectNode``.
        module: of the type or function that it constructs or refers to; for ``MethodNode`` of the class of the object.
        name: of the same in that module.
        role: the use of the result by the node around it, as its loader and key: ``PartialNode.func``; empty for most.
        member: the attribute that ``MethodNode`` takes, or the generator that ``RandomGeneratorNode`` makes.
        bound: for ``MethodNode``, the class of the object that the attribute is taken from.
    """

    loader: str
    module: str
    name: str
    role: str = ""
    member: str = ""
    bound: str = ""


class SkopsSchema(Struct, frozen=True):
    """The nodes of ``schema.json``, inner ones first. ``protocol`` is ``None`` where the file states none."""

    protocol: int | None
    nodes: tuple[SkopsNode, ...]
    defects: tuple[Defect, ...] = ()


class SkopsLoader(Struct, frozen=True):
    """A loader of skops: ``use`` is ``calls``, ``constructs`` or ``refers``; ``expects`` lists its ordinary names."""

    use: str
    expects: frozenset[str] = frozenset()


class SkopsLoaders(Struct, frozen=True):
    """The loaders of skops by name, and the generators of random numbers that they may take from ``numpy.random``."""

    by_name: Mapping[str, SkopsLoader] = field(default_factory=dict)
    generators: frozenset[str] = frozenset()
