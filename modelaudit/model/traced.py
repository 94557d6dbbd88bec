"""The names that the Python source of a traced module of torch uses."""

from __future__ import annotations

from msgspec import Struct


class TracedSource(Struct, frozen=True):
    """The names that the source of a traced module uses.

    Attributes:
        fault: why the source is more than one plain graph, with the line; empty if it is one. The other attributes are
            complete only then.
        imports: statements, in their normal form: ``from math import inf``.
        imported: dotted names of the functions and types that it imports under a name made of theirs.
        functions: dotted names of the functions that it calls with an input, or with a value computed from one.
        making: dotted names of the functions that it calls with constants only, so that they run at once.
        values: dotted names that it uses as values, such as ``torch.float32``.
        types: dotted names in annotations.
        methods: of intermediate values, that it calls.
        attributes: of intermediate values, that it reads.
        called_paths: the attributes from the module itself to each submodule that it calls.
        read_paths: the attributes from the module itself to each tensor that it reads.
        combines_parts: whether an operator of Python combines tensors of the module while the source runs.
    """

    fault: str = ""
    imports: tuple[str, ...] = ()
    imported: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    making: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    called_paths: tuple[tuple[str, ...], ...] = ()
    read_paths: tuple[tuple[str, ...], ...] = ()
    combines_parts: bool = False
