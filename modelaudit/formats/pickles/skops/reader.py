"""The reader of ``schema.json`` in a file of skops, a ZIP archive that rebuilds scikit-learn models without pickle.

Each node names a module, a class in it and the loader that makes it; loading imports the module and then makes, calls
or fetches what the loader says. Source: ``skops/io/_general.py``, ``_numpy.py``, ``_sklearn.py`` and ``_audit.py``; the
flaws in them are CVE-2024-37065, CVE-2025-54412, CVE-2025-54413 and CVE-2025-54886.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from modelaudit.formats.pickles.skops import SkopsDefect
from modelaudit.formats.registry import find_reader
from modelaudit.model.address import is_member
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.model.skops import SkopsNode, SkopsSchema
from modelaudit.model.structure import Defect, DefectKind, Location
from modelaudit.wire.base import Head, LimitReachedError, Reading
from modelaudit.wire.documents import whole_text
from modelaudit.wire.json_text import as_deep_as_the_parser_goes, keep_bounds, obstacle_to
from modelaudit.wire.text import file_name, looks_like_text

_MOST_KINDS: Final = 50_000
_MOST_VALUES: Final = 2_000_000
_MOST_INNER: Final = 1000
_DEFECTS_KEPT: Final = 50
# Loaders that call what one of their children refers to, and the key of that child.
_CALLING: Final = frozenset({"PartialNode.func", "DefaultDictNode.default_factory", "DictNode.key_types"})


def recognises(head: Head) -> bool:
    """A member of that name in an archive, for that is the name by which skops asks for it."""
    return is_member(head.path) and file_name(head.path) == "schema.json" and looks_like_text(head)


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the nodes; a file of that name without any is some other JSON.

    Raises:
        DamagedError: it is not text.
        LimitReachedError: it nests too deep or holds too many values.
        WindowError: it is larger than is read at once, or from the window.
    """
    text, _, _ = whole_text(window, limits)
    tree = _Tree()
    unread = obstacle_to(lambda: tree.follow(text, limits))
    if not tree.nodes and unread is None:
        yield from find_reader("json").read(artifact, window, limits)
        return
    yield SkopsSchema(tree.protocol, tuple(tree.nodes), tuple(tree.defects))
    if unread is not None:
        yield unread


@dataclass(slots=True)
class _Ended:
    """What is remembered of a node until the node around it ends: itself, and what a caller of it would call.

    ``text`` is what a ``JsonNode`` holds, or what a mapping holds under ``bit_generator``.
    """

    node: SkopsNode
    callees: tuple[SkopsNode, ...]
    text: str = ""


_KEPT: Final = (_Ended, dict, list, str)


class _Tree:
    """Takes in the nodes from the inside out, as the parser meets their ends, and keeps each kind once."""

    def __init__(self) -> None:
        self.nodes: dict[SkopsNode, None] = {}
        self.defects: list[Defect] = []
        self.protocol: int | None = None
        self._by_id: dict[str, SkopsNode] = {}

    def follow(self, text: str, limits: Limits) -> None:
        """Take in the whole schema.

        Raises:
            ValueError: it is not JSON; the nodes that ended before the fault were taken in.
            LimitReachedError: it is larger, deeper or tells more kinds of nodes than is followed.
        """
        keep_bounds(text, replace(limits, document_nodes=min(_MOST_VALUES, limits.document_nodes)))
        decoder = json.JSONDecoder(object_pairs_hook=self._object_ends, parse_int=str, parse_float=str)
        with as_deep_as_the_parser_goes():
            decoder.decode(text)

    def _object_ends(self, pairs: list[tuple[str, object]]) -> object:
        value = dict(pairs)
        if len(value) < len(pairs):
            self.defect(SkopsDefect.DUPLICATE_KEY, "a key occurs twice in one node")
        if "__loader__" not in value:
            # A plain mapping holds the children of the node around it under their names.
            return {key: inner for key, inner in value.items() if isinstance(inner, _KEPT)} or None
        loader = str(value["__loader__"])[:100]
        module, name = (str(value.get(key))[:200] for key in ("__module__", "__class__"))
        protocol = str(value.get("protocol"))[:9]
        self.protocol = int(protocol) if protocol.isascii() and protocol.isdigit() else self.protocol
        node = SkopsNode(loader, module, name)
        content = value.get("content")
        if loader == "MethodNode":
            node = _method(node, content)
        elif loader == "RandomGeneratorNode":
            node = replace(node, member=_generator(content))
        elif loader == "FunctionNode" and isinstance(content, dict):
            # Protocol 0 named the function here.
            node = replace(node, module=str(content.get("module_path")), name=str(content.get("function")))
        self._add(node)
        self._identify(value.get("__id__"), node)
        for key, child in _children(value):
            self._role(f"{loader}.{key}", child)
        return _Ended(node, _callees(node, content), _text(node, content))

    def _role(self, role: str, child: _Ended) -> None:
        key = role.partition(".")[2]
        if role in _CALLING or (key[:2] == "__" == key[-2:] and len(key) > 4 and key != "__reduce__"):
            for callee in child.callees:
                self._add(replace(callee, role=role[:100]))

    def _identify(self, identity: object, node: SkopsNode) -> None:
        if identity is None or node.loader == "CachedNode":
            return
        known = self._by_id.setdefault(str(identity)[:40], node)
        if (known.loader, known.module, known.name) != (node.loader, node.module, node.name):
            detail = f"a {node.loader} of {node.module}.{node.name} has the id of a {known.loader} of another type"
            self.defect(SkopsDefect.DUPLICATE_NODE_ID, detail)

    def _add(self, node: SkopsNode) -> None:
        if len(self.nodes) >= _MOST_KINDS:
            raise LimitReachedError(f"more than {_MOST_KINDS} different kinds of nodes")
        self.nodes[node] = None

    def defect(self, kind: DefectKind, detail: str) -> None:
        """Note a contradiction, while there are few."""
        if len(self.defects) < _DEFECTS_KEPT:
            self.defects.append(Defect(kind, detail, Location(key=detail[:100])))


def _children(value: dict[str, object]) -> Iterator[tuple[str, _Ended]]:
    """The nodes directly below a node, with the key under which its loader finds them."""
    for key, inner in value.items():
        if isinstance(inner, _Ended):
            yield key, inner
        elif isinstance(inner, dict):
            yield from ((name, child) for name, child in inner.items() if isinstance(child, _Ended))


def _callees(node: SkopsNode, content: object) -> tuple[SkopsNode, ...]:
    """What is called where the object that a node makes, or each item of it, is called."""
    if not isinstance(content, list):
        return (node,)
    inner = {callee: None for child in content if isinstance(child, _Ended) for callee in child.callees}
    return (*list(inner)[:_MOST_INNER], *((replace(node, name="…"),) if len(inner) > _MOST_INNER else ()))


def _method(node: SkopsNode, content: object) -> SkopsNode:
    if not isinstance(content, dict):
        return node
    target = content.get("obj")
    bound = f"{target.node.module}.{target.node.name}" if isinstance(target, _Ended) else ""
    return replace(node, member=str(content.get("func"))[:200], bound=bound)


def _text(node: SkopsNode, content: object) -> str:
    if node.loader == "JsonNode":
        return str(content)[:200]
    child = content.get("bit_generator") if isinstance(content, dict) else None
    return child.text if isinstance(child, _Ended) else ""


def _generator(content: object) -> str:
    """The name in the state of a generator, which skops looks up in ``numpy.random`` and calls."""
    state = content.get("bit_generator") if isinstance(content, dict) else None
    if isinstance(state, _Ended):
        return state.text.strip().strip('"')
    # Protocol 0 kept the state as it is.
    name = state.get("bit_generator") if isinstance(state, dict) else None
    return name[:200] if isinstance(name, str) else ""
