"""Read ``schema.json`` of a skops file, a ZIP archive that stores scikit-learn models without pickle.

Each node gives a module, a class and the loader that rebuilds the object. Loading imports the module and then
constructs or calls the class, or returns it, depending on the loader. Source: ``skops/io/_general.py``, ``_numpy.py``,
``_sklearn.py`` and ``_audit.py``; the flaws in them are CVE-2024-37065, CVE-2025-54412, CVE-2025-54413 and
CVE-2025-54886.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from modelaudit.formats.pickles.skops import SkopsDefect
from modelaudit.formats.registry import find_reader
from modelaudit.model.address import is_member
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.copies import replace
from modelaudit.model.defect_kind import DefectKind
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.skops import SkopsNode, SkopsSchema
from modelaudit.model.structure import Defect, Location, Unread, UnreadReason
from modelaudit.wire.base import Head, LimitReachedError, Reading
from modelaudit.wire.documents import check_text
from modelaudit.wire.json_text import catch_parse_failure, check_bounds, convert_recursion_error
from modelaudit.wire.text import cut_at_memory, get_file_name, looks_like_text

_MOST_NODES: Final = 50_000
_MOST_VALUES: Final = 1_000_000  # all of one list are in memory at once; a tree of scikit-learn has about 200
_MOST_MEMORY: Final = 40 * MIB  # of the text
_MOST_CALLEES: Final = 1000  # of one node
_DEFECTS_KEPT: Final = 50
_MOST_PROTOCOL_DIGITS: Final = 9
_LONGEST_LOADER: Final = 100  # characters of the name of a loader
_LONGEST_NAME: Final = 200  # characters of a module, a class or a function
_LONGEST_ROLE: Final = 100
_LONGEST_ID: Final = 40  # characters; skops writes the address of the object as a number
_SPECIAL_METHOD: Final = defer_pattern(r"__.+__", re.DOTALL)
# ``loader.key``: loaders that call what one of their children refers to, and the key of that child.
_CALLING_ROLES: Final = frozenset({"PartialNode.func", "DefaultDictNode.default_factory", "DictNode.key_types"})


def recognises(head: Head) -> bool:
    """Whether this is the member of an archive with the name that skops reads."""
    return is_member(head.path) and get_file_name(head.path) == "schema.json" and looks_like_text(head)


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the nodes of the schema and its defects, then an absence if the rest could not be parsed.

    A file without nodes is read as plain JSON, which raises what the reader of JSON raises.

    Raises:
        DamagedError: it is not text.
        WindowError: it is larger than ``document_bytes``, or the window could not return the requested bytes.
    """
    text, is_cut = cut_at_memory(check_text(window, limits), limits.document_bytes, _MOST_MEMORY)
    parser = _SchemaParser()
    unread = catch_parse_failure(lambda: parser.parse_schema(text, limits))
    if is_cut:
        unread = Unread(UnreadReason.LIMIT, f"the part of it behind the first {len(text)} characters was not read")
    if not parser.nodes and (unread is None or is_cut):
        yield from find_reader("json").read(artifact, window, limits)
    else:
        yield SkopsSchema(parser.protocol, tuple(parser.nodes), tuple(parser.defects))
    if unread is not None:
        yield unread


class _FinishedNode(Struct):
    """A node that the parser has finished, kept until the node around it is finished.

    Attributes:
        node: the node.
        callees: the nodes that are called when its object, or each item of it, is called.
        text: the content of a ``JsonNode``, or of the entry ``bit_generator`` of a mapping.
    """

    node: SkopsNode
    callees: tuple[SkopsNode, ...]
    text: str = ""


# Types of values in a mapping that the node around it still needs.
_KEPT_TYPES: Final = (_FinishedNode, dict, list, str)


class _SchemaParser:
    """Collects the nodes from the inside out, as the JSON parser finishes them, and keeps equal nodes once.

    Attributes:
        nodes: the nodes, in the order of their ends in the text.
        defects: the defects, up to a bound.
        protocol: the number of the protocol, as the outermost node states it.
    """

    def __init__(self) -> None:
        self.nodes: dict[SkopsNode, None] = {}
        self.defects: list[Defect] = []
        self.protocol: int | None = None
        self._by_id: dict[str, SkopsNode] = {}

    def parse_schema(self, text: str, limits: Limits) -> None:
        """Collect the nodes of the whole schema.

        Raises:
            ValueError: it is not JSON; nodes that end before the error were collected.
            LimitReachedError: it is larger or deeper, or has more kinds of nodes, than is read.
        """
        check_bounds(text, replace(limits, document_nodes=min(_MOST_VALUES, limits.document_nodes)))
        decoder = json.JSONDecoder(object_pairs_hook=self._finish_object, parse_int=str, parse_float=str)
        with convert_recursion_error():
            decoder.decode(text)

    def _finish_object(self, pairs: list[tuple[str, object]]) -> object:
        """Collect the node that a finished JSON object is, and return what the node around it needs of it.

        The JSON parser calls this for each object, the inner ones first, and puts the result in place of the object.
        """
        value = dict(pairs)
        if len(value) < len(pairs):
            self.record_defect(SkopsDefect.DUPLICATE_KEY, "a key occurs twice in one object")
        if "__loader__" not in value:
            # A plain mapping holds the children of the node around it by name. An empty one becomes ``None``, which
            # the object around it drops, as it drops every value that no node needs.
            return {key: inner for key, inner in value.items() if isinstance(inner, _KEPT_TYPES)} or None
        protocol = str(value.get("protocol"))
        if protocol.isascii() and protocol.isdigit() and len(protocol) <= _MOST_PROTOCOL_DIGITS:
            self.protocol = int(protocol)
        node = _build_node(value)
        self._add_node(node)
        self._check_id(value.get("__id__"), node)
        for key, child in _iterate_children(value):
            self._add_callees(node.loader, key, child)
        content = value.get("content")
        return _FinishedNode(node, _find_callees(node, content), _read_text(node, content))

    def _add_callees(self, loader: str, key: str, child: _FinishedNode) -> None:
        """Collect the callees of a child once more, with the role ``loader.key``, if loading the parent calls them.

        Either the loader of the parent calls what the child refers to, or Python itself does.
        """
        role = f"{loader}.{key}"
        # Python itself calls attributes such as ``__iter__``; skops uses the key ``__reduce__`` for a part of a node.
        is_special_method = _SPECIAL_METHOD.fullmatch(key) is not None and key != "__reduce__"
        if role in _CALLING_ROLES or is_special_method:
            for callee in child.callees:
                self._add_node(replace(callee, role=role[:_LONGEST_ROLE]))

    def _check_id(self, identity: object, node: SkopsNode) -> None:
        """Record a defect if an earlier node of another type has the same id.

        A ``CachedNode`` is exempt, because it repeats the id of the node that it refers to.
        """
        if identity is None or node.loader == "CachedNode":
            return
        first = self._by_id.setdefault(str(identity)[:_LONGEST_ID], node)
        if (first.loader, first.module, first.name) != (node.loader, node.module, node.name):
            detail = f"a {node.loader} of {node.module}.{node.name} has the id of a {first.loader} of another type"
            self.record_defect(SkopsDefect.DUPLICATE_NODE_ID, detail)

    def _add_node(self, node: SkopsNode) -> None:
        """Collect a node, or raise ``LimitReachedError``."""
        if len(self.nodes) >= _MOST_NODES:
            raise LimitReachedError(f"more than {_MOST_NODES} different kinds of nodes")
        self.nodes[node] = None

    def record_defect(self, kind: DefectKind, detail: str) -> None:
        """Record a contradiction, up to a bound. Fingerprints contain ``detail``, so its wording is fixed."""
        if len(self.defects) < _DEFECTS_KEPT:
            self.defects.append(Defect(kind, detail, Location(key=detail[:100])))


def _build_node(value: dict[str, object]) -> SkopsNode:
    """Return the node that a JSON object with a loader is, with the member or the function that its content names."""
    loader = str(value["__loader__"])[:_LONGEST_LOADER]
    module, name = str(value.get("__module__"))[:_LONGEST_NAME], str(value.get("__class__"))[:_LONGEST_NAME]
    node = SkopsNode(loader, module, name)
    content = value.get("content")
    if loader == "MethodNode":
        return _read_method(node, content)
    if loader == "RandomGeneratorNode":
        return replace(node, member=_read_generator(content))
    if loader == "FunctionNode" and isinstance(content, dict):
        # Protocol 0 stored the name of the function here.
        module, name = str(content.get("module_path", module)), str(content.get("function", name))
        return replace(node, module=module[:_LONGEST_NAME], name=name[:_LONGEST_NAME])
    return node


def _iterate_children(value: dict[str, object]) -> Iterator[tuple[str, _FinishedNode]]:
    """Yield (key, node) of the nodes below a node: its own values, and those of the mappings among these."""
    for key, inner in value.items():
        if isinstance(inner, _FinishedNode):
            yield key, inner
        elif isinstance(inner, dict):
            for inner_key, child in inner.items():
                if isinstance(child, _FinishedNode):
                    yield inner_key, child


def _find_callees(node: SkopsNode, content: object) -> tuple[SkopsNode, ...]:
    """Return the nodes that are called when the object of a node, or each item of it, is called.

    For a list, these are the callees of its items; beyond a bound, one node with the name ``…`` represents the others.
    """
    if not isinstance(content, list):
        return (node,)
    callees: dict[SkopsNode, None] = {}
    for child in content:
        if isinstance(child, _FinishedNode):
            callees |= dict.fromkeys(child.callees)
    if len(callees) <= _MOST_CALLEES:
        return tuple(callees)
    return (*list(callees)[:_MOST_CALLEES], replace(node, name="…"))


def _read_method(node: SkopsNode, content: object) -> SkopsNode:
    """Return the node of a method with its name and the class of the object that it is bound to."""
    if not isinstance(content, dict):
        return node
    target = content.get("obj")
    bound = f"{target.node.module}.{target.node.name}" if isinstance(target, _FinishedNode) else ""
    return replace(node, member=str(content.get("func"))[:_LONGEST_NAME], bound=bound)


def _read_text(node: SkopsNode, content: object) -> str:
    """Return the text that a node around this one may need: see ``_FinishedNode.text``."""
    if node.loader == "JsonNode":
        return str(content)[:_LONGEST_NAME]
    child = content.get("bit_generator") if isinstance(content, dict) else None
    return child.text if isinstance(child, _FinishedNode) else ""


def _read_generator(content: object) -> str:
    """Return the name in the state of a generator; skops looks it up in ``numpy.random`` and calls it."""
    state = content.get("bit_generator") if isinstance(content, dict) else None
    if isinstance(state, _FinishedNode):
        return state.text.strip().strip('"')
    # Protocol 0 stored the state without nodes.
    name = state.get("bit_generator") if isinstance(state, dict) else None
    return name[:_LONGEST_NAME] if isinstance(name, str) else ""
