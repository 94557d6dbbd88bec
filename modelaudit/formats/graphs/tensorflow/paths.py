"""Where the paths come from that operators of TensorFlow are given: the caller, an asset, or the graph itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from modelaudit.formats.graphs.tensorflow.graph import CONSTANTS, Graph, Node
from modelaudit.formats.graphs.tensorflow.saved import Saved

_MOST_STEPS: Final = 3_000_000
_CALLER: Final = frozenset({"Placeholder", "PlaceholderV2", "PlaceholderWithDefault", "_Arg"})
# What hands on the text that it is given, joins it to others, or asks something of it. Savers have no other.
_HANDS_ON: Final = frozenset({
    "Identity", "IdentityN", "StopGradient", "PreventGradient", "EnsureShape", "Reshape", "ExpandDims", "Squeeze",
    "Pack", "ConcatV2", "Switch", "RefSwitch", "Merge", "RefMerge", "Enter", "Exit", "Select", "SelectV2", "StringJoin",
    "ShardedFilename", "ShardedFilespec", "StaticRegexFullMatch", "RegexFullMatch", "If", "StatelessIf", "Case",
    "StatelessCase", "PartitionedCall", "StatefulPartitionedCall", "TPUPartitionedCall", "RemoteCall",
})  # fmt: skip
_ELSEWHERE: Final = re.compile(rb"[/\\~]|[A-Za-z]:|[A-Za-z][A-Za-z0-9+.-]+://|(?:.*[/\\])?\.\.(?:[/\\]|\Z)", re.DOTALL)


@dataclass(slots=True)
class Origin:
    """What a path is made of.

    Attributes:
        caller: whether some of it comes from whoever runs the graph.
        asset: whether some of it is the path of an asset, which the loader puts in.
        other: whether some of it comes from elsewhere, such as a variable, or is not known.
        made: whether an operator works some of it out, so that it may be anything.
        mixed: whether it was followed to where others than its own inputs may have been taken for them.
        texts: the constants in it, and what operators put in.
    """

    caller: bool = False
    asset: bool = False
    other: bool = False
    made: bool = False
    mixed: bool = False
    texts: list[bytes] = field(default_factory=list)

    @property
    def worked_out(self) -> bool:
        """Whether an operator of the graph surely works some of it out."""
        return self.made and not self.mixed

    @property
    def elsewhere(self) -> bytes | None:
        """The constant that is absolute, an address, or leaves the folder, if one does."""
        return next((text for text in self.texts if _ELSEWHERE.match(text)), None)


class Wiring:
    """Who calls which function with what."""

    def __init__(self, saved: Saved) -> None:
        self._assets = {asset.tensor for asset in saved.assets if asset.tensor}
        self._captures = saved.captures
        self._main = next((graph for graph in saved.graphs.graphs if not graph.name), Graph())
        self._functions = {graph.name for graph in saved.graphs.graphs if graph.name}
        self._places: dict[int, dict[str, int]] = {}
        self._callers: dict[str, list[tuple[Graph, Node]]] = {}
        self._steps_left = _MOST_STEPS
        for graph in saved.graphs.graphs:
            for node in graph.nodes:
                for name in (*node.functions, *((node.op,) if node.op in self._functions else ())):
                    self._callers.setdefault(name, []).append((graph, node))

    def defines(self, op: str) -> bool:
        """Whether an operator of this name is a function of the file."""
        return op in self._functions

    def origin(self, graph: Graph, node: Node, place: int) -> Origin:
        """What the input at ``place`` of ``node`` is made of.

        ``other`` if it has no such input, or if all steps that are taken for one file were taken.
        """
        found = Origin()
        if place >= len(node.inputs):
            return Origin(other=True)
        waiting = [(graph, node.inputs[place])]
        seen = {(id(graph), node.inputs[place])}
        while waiting:
            where, name = waiting.pop()
            for each in self._sources(where, name, found):
                self._steps_left -= 1
                if self._steps_left < 0:
                    found.other = True
                    return found
                if (id(each[0]), each[1]) not in seen:
                    seen.add((id(each[0]), each[1]))
                    waiting.append(each)
        return found

    def _sources(self, graph: Graph, name: str, found: Origin) -> Iterator[tuple[Graph, str]]:
        node = graph.by_name.get(name)
        if node is None:
            yield from self._argument(graph, name, found)
            return
        if not graph.name and name in self._assets:
            found.asset = True
            return
        if node.op in _CALLER:
            found.caller = True
        elif node.op in CONSTANTS:
            if node.texts is not None:
                found.texts += node.texts
            return
        else:
            found.texts += node.puts_in
            if not node.inputs:
                found.other = True
            elif node.op not in _HANDS_ON and node.op not in self._functions:
                found.made = True
        yield from ((graph, source) for source in node.inputs)

    def _place(self, graph: Graph, name: str) -> int | None:
        """Which argument of a function ``name`` is."""
        if id(graph) not in self._places:
            self._places[id(graph)] = {argument: place for place, argument in enumerate(graph.arguments)}
        return self._places[id(graph)].get(name)

    def _argument(self, graph: Graph, name: str, found: Origin) -> Iterator[tuple[Graph, str]]:
        """Where an argument of a function comes from: what it captures, what callers give it, or whoever runs it."""
        place = self._place(graph, name)
        if place is None:
            found.other = True
            return
        bound = self._captures.get(graph.name, [])
        captured = place - (len(graph.arguments) - len(bound))
        callers = self._callers.get(graph.name, ())
        if captured >= 0:
            if bound[captured] == "asset":
                found.asset = True
            elif bound[captured].startswith("="):
                yield self._main, bound[captured][1:]
            elif not callers:
                found.other = True
        elif not callers:
            found.caller = True
        for where, node in callers:
            # Operators that take a condition before what they hand on; others mix what they are given with their own.
            shift = len(node.inputs) - len(graph.arguments)
            exact = node.inputs[place + shift : place + shift + 1] if shift in (0, 1) else node.inputs
            found.mixed = found.mixed or len(exact) > 1
            yield from ((where, source) for source in exact)
