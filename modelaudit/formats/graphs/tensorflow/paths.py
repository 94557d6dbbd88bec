"""Trace where the path arguments of TensorFlow operators come from: the caller, an asset, or the graph itself.

A path is followed backwards from the input of an operator through the nodes that pass text on, and from the argument of
a function to every call of it. Savers take their path from the caller; a path that the graph fixes is suspicious.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from msgspec import Struct, field

from modelaudit.formats.graphs.tensorflow.contents import ModelContents
from modelaudit.formats.graphs.tensorflow.graph import CONSTANTS, Graph, Node, is_shortened
from modelaudit.model.lazy_pattern import defer_pattern

MOST_STEPS: Final = 3_000_000
"""Inputs that are followed in one file, all paths together."""
_CALLER_INPUTS: Final = frozenset({"Placeholder", "PlaceholderV2", "PlaceholderWithDefault", "_Arg"})
# Operators that pass on the text of an input, join texts, select among them or test them. Savers use no others between
# the caller's path and the operator that writes; any other operator could compute an arbitrary path.
_PASSING_OPERATORS: Final = frozenset({
    "Identity", "IdentityN", "StopGradient", "PreventGradient", "EnsureShape", "Reshape", "ExpandDims", "Squeeze",
    "Pack", "ConcatV2", "Switch", "RefSwitch", "Merge", "RefMerge", "Enter", "Exit", "Select", "SelectV2", "StringJoin",
    "ShardedFilename", "ShardedFilespec", "StaticRegexFullMatch", "RegexFullMatch", "If", "StatelessIf", "Case",
    "StatelessCase", "PartitionedCall", "StatefulPartitionedCall", "TPUPartitionedCall", "RemoteCall",
    "TensorSliceDataset",
})  # fmt: skip
# Operators that call a function for their inputs, or for each element of the first one. A loop passes results on.
_CALLERS_IN_ORDER: Final = frozenset({"PartitionedCall", "StatefulPartitionedCall", "FlatMapDataset", "MapDataset"})
# An absolute path (/, \, ~ or C: at the start), an address (https://…), or a path with a parent folder (../).
_OUTSIDE_PATH: Final = defer_pattern(
    rb"[/\\~]|[A-Za-z]:|[A-Za-z][A-Za-z0-9+.-]+://|(?:.*[/\\])?\.\.(?:[/\\]|\Z)", re.DOTALL
)


class PathOrigin(Struct):
    """The sources of the parts of a path.

    Attributes:
        caller: whether the program that runs the graph supplies a part.
        asset: whether a part is the path of an asset, which the loader supplies.
        other: whether a part has another or an unknown source, such as a variable.
        has_computed_part: whether an operator computes a part, so that it may be any text.
        is_ambiguous: whether inputs that do not belong to the path may have been followed too.
        is_reordered: whether an operator may give a function other arguments than its inputs in their order.
        is_incomplete: whether sources are missing: the bound on steps was reached, or a name is too long to follow.
        texts: the constants in the path, and the texts that operators insert.
    """

    caller: bool = False
    asset: bool = False
    other: bool = False
    has_computed_part: bool = False
    is_ambiguous: bool = False
    is_reordered: bool = False
    is_incomplete: bool = False
    texts: list[bytes] = field(default_factory=list)

    @property
    def is_computed(self) -> bool:
        """Whether an operator of the graph certainly computes a part of the path, or no source can be excluded."""
        return self.is_incomplete or (self.has_computed_part and not self.is_ambiguous)

    @property
    def outside_path(self) -> bytes | None:
        """The first constant that is an absolute path, an address, or a path out of the folder; ``None`` for none."""
        return next((text for text in self.texts if _OUTSIDE_PATH.match(text)), None)


class PathResolver:
    """Traces paths through the graphs of a model, from function arguments to the nodes that call the function.

    Attributes:
        is_exhausted: whether the bound on steps was reached, so that the sources of some paths are incomplete.
    """

    def __init__(self, contents: ModelContents) -> None:
        self._assets = {asset.tensor for asset in contents.assets if asset.tensor}
        self._captures = contents.captures
        self._main = next((graph for graph in contents.graphs.graphs if not graph.name), Graph())
        self._functions: dict[str, list[Graph]] = {}
        for graph in contents.graphs.graphs:
            if graph.name:
                self._functions.setdefault(graph.name, []).append(graph)
        # The position of each argument, by the identity of the graph and the name of the argument.
        self._argument_positions: dict[int, dict[str, int]] = {}
        # The nodes that call a function, each with its graph, by the name of the function.
        self._callers: dict[str, list[tuple[Graph, Node]]] = {}
        self._steps_left = MOST_STEPS
        self.is_exhausted = False
        for graph in contents.graphs.graphs:
            for node in graph.nodes:
                # A node calls the functions in its attributes, and a function that takes the place of its operator.
                for name in self._functions.keys() & {*node.functions, node.op}:
                    self._callers.setdefault(name, []).append((graph, node))

    def defines_function(self, op: str) -> bool:
        """Whether an operator of this name is a function of the file."""
        return op in self._functions

    def trace_input(self, graph: Graph, node: Node, position: int) -> PathOrigin:
        """Trace the input at ``position`` of ``node`` back to its sources.

        Returns:
            The sources of the input. ``other`` is set if the input does not exist.
        """
        origin = PathOrigin()
        if position >= len(node.inputs):
            return PathOrigin(other=True)
        waiting = [(graph, node.inputs[position])]
        seen = {(id(graph), node.inputs[position])}
        while waiting:
            value_graph, value_name = waiting.pop()
            for source_graph, source_name in self._iter_sources(value_graph, value_name, origin):
                self._steps_left -= 1
                if self._steps_left < 0:
                    origin.other = origin.is_incomplete = self.is_exhausted = True
                    return origin
                # A hostile graph can have cycles, so each value is followed once.
                source_key = (id(source_graph), source_name)
                if source_key not in seen:
                    seen.add(source_key)
                    waiting.append((source_graph, source_name))
        return origin

    def _iter_sources(self, graph: Graph, name: str, origin: PathOrigin) -> Iterator[tuple[Graph, str]]:
        """Record in ``origin`` what the node or argument ``name`` adds to a path; yield the values that it reads.

        Yields:
            The graph and the name of each input to follow.
        """
        node = graph.by_name.get(name)
        if node is None:
            yield from self._trace_argument(graph, name, origin)
            return
        # The loader replaces the value of this node by the path of the asset, so its constant does not count.
        if not graph.name and name in self._assets:
            origin.asset = True
            return
        if node.op in _CALLER_INPUTS:
            # PlaceholderWithDefault has an input, its default, which is followed too.
            origin.caller = True
        elif node.op in CONSTANTS:
            if node.texts is not None:
                origin.texts += node.texts
            return
        else:
            origin.texts += node.inserted
            if not node.inputs:
                origin.other = True
            elif node.op not in _PASSING_OPERATORS and node.op not in self._functions:
                origin.has_computed_part = True
            for name in self._functions.keys() & {*node.functions, node.op}:
                yield from self._iter_results(name, origin)
        yield from ((graph, source) for source in node.inputs)

    def _iter_results(self, name: str, origin: PathOrigin) -> Iterator[tuple[Graph, str]]:
        """Yield what a function returns; a function without results may return any path."""
        for function in self._functions[name]:
            origin.other = origin.other or not function.results
            yield from ((function, result) for result in function.results)

    def _find_argument_position(self, graph: Graph, name: str) -> int | None:
        """Return the position of the argument ``name`` of a function; ``None`` where it is not an argument."""
        if id(graph) not in self._argument_positions:
            positions = {argument: position for position, argument in enumerate(graph.arguments)}
            self._argument_positions[id(graph)] = positions
        return self._argument_positions[id(graph)].get(name)

    def _trace_argument(self, graph: Graph, name: str, origin: PathOrigin) -> Iterator[tuple[Graph, str]]:
        """Record the source of a function argument: a capture, the program that runs the function, or its callers.

        The last arguments of a function are its captures, which the SavedModel binds to assets and constants.
        """
        # A name that is too long leads neither to its node nor to the callers and captures of its function.
        origin.is_incomplete = origin.is_incomplete or is_shortened(name) or is_shortened(graph.name)
        position = self._find_argument_position(graph, name)
        if position is None:
            origin.other = True
            return
        captures = self._captures.get(graph.name, [])
        first_capture = len(graph.arguments) - len(captures)
        callers = self._callers.get(graph.name, ())
        if position >= first_capture:
            capture = captures[position - first_capture]
            if capture == "asset":
                origin.asset = True
            elif capture.startswith("="):
                yield self._main, capture[1:]
            # The value of any other capture is unknown, unless a call passes it, which is followed below.
            elif not callers:
                origin.other = True
        elif not callers:
            origin.caller = True
        for calling_graph, node in callers:
            # A call passes its inputs as the arguments in order; If and Case have a condition before them (shift 1).
            # For any other operator the assignment is unknown, so all inputs are followed.
            shift = len(node.inputs) - len(graph.arguments)
            inputs = node.inputs[position + shift : position + shift + 1] if shift in (0, 1) else node.inputs
            origin.is_ambiguous = origin.is_ambiguous or len(inputs) > 1
            origin.is_reordered |= node.op not in _CALLERS_IN_ORDER and node.op != graph.name
            yield from ((calling_graph, source) for source in inputs)
