"""What a model of TensorFlow names: each operator once, with the first place, and the files that it wants."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from modelaudit.formats.graphs.tensorflow.graph import NAMED, Graph, Node
from modelaudit.formats.graphs.tensorflow.paths import Origin, Wiring
from modelaudit.formats.graphs.tensorflow.saved import Saved
from modelaudit.model.outline import Mention, Reference, ReferenceKind
from modelaudit.model.structure import Location

VOCABULARY: Final = "tensorflow-operators"
_WRITES: Final = {"SaveV2": (0,), "MergeV2Checkpoints": (1, 0)}
_RESTORES: Final = frozenset({"RestoreV2", "Restore", "RestoreSlice"})
_TABLES: Final = {"InitializeTableFromTextFile": 1, "InitializeTableFromTextFileV2": 1}
_CACHES: Final = {"CacheDataset": 1, "CacheDatasetV2": 1}
_BY_ARGUMENT: Final = frozenset({*NAMED, *_WRITES, *_TABLES, *_CACHES})
# What the savers of TensorFlow put into a graph: the name that TF1 replaces when it runs, and parts of a temporary one.
_OF_SAVERS: Final = re.compile(rb"model|(?:[\w-]*/)?\.?part|")
_DESCRIBED: Final = (b"", b"local://", b"bytes://")
_MOST_MENTIONS: Final = 10_000
_MOST_REFERENCES: Final = 1000
_SHOWN: Final = 120


def mentions_of(saved: Saved, wiring: Wiring, is_text: bool = False) -> tuple[Mention, ...]:
    """Every operator that graphs and functions name, once under each name that its arguments give it."""
    found: dict[tuple[str, str], tuple[Location, str]] = {}
    for graph, node in _nodes(saved):
        # What is given as a function and is none of the file's can only be an operator.
        for name in node.functions:
            if name and not wiring.defines(name) and len(found) < _MOST_MENTIONS:
                found.setdefault(("operator", name), (_place(graph, node, is_text), f"given to {node.op}"))
        # A function may have the name of an operator; which of them is called, or whether any is, is not for the file.
        use = "function" if wiring.defines(node.op) else "operator"
        if (use, node.op) in found and node.op not in _BY_ARGUMENT:
            continue
        name, given = _judged_as(graph, node, wiring)
        if node.op and (use, name) not in found and len(found) < _MOST_MENTIONS:
            found[use, name] = (_place(graph, node, is_text), given)
    return tuple(Mention(VOCABULARY, use, name, *rest) for (use, name), rest in found.items())


def references_of(saved: Saved, wiring: Wiring, is_text: bool = False) -> tuple[Reference, ...]:
    """The assets, and checkpoints at a path that the graph fixes."""
    found = [
        Reference(ReferenceKind.DATA, _asset_path(asset.name), "asset_file_def", where=where)
        for asset in saved.assets
        for where in (Location(offset=None if is_text else asset.offset),)
        if asset.name
    ]
    for graph, node in _nodes(saved):
        if node.op in _RESTORES:
            text = wiring.origin(graph, node, 0).elsewhere
            if text is not None and len(found) < _MOST_REFERENCES:
                found.append(Reference(ReferenceKind.MODEL, _shown(text), node.op, where=_place(graph, node, is_text)))
    return tuple(dict.fromkeys(found))


def _asset_path(name: str) -> str:
    """The loader joins the name to the folder ``assets`` as a path; one that is absolute or climbs stays what it is."""
    return name if name.startswith(("/", "\\")) or re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", name) else f"assets/{name}"


def _nodes(saved: Saved) -> Iterator[tuple[Graph, Node]]:
    for graph in saved.graphs.graphs:
        for node in graph.nodes:
            yield graph, node


def _judged_as(graph: Graph, node: Node, wiring: Wiring) -> tuple[str, str]:
    """The name under which an operator is judged, and what it is given there."""
    text = b"".join(node.texts or ())
    if node.op in NAMED and _names_file(node.op, text):
        return _name_with_file(node.op), "" if node.op == "XlaCallModule" else _shown(text)
    if node.op in _WRITES:
        for place in _WRITES[node.op]:
            origin = wiring.origin(graph, node, place)
            if _is_fixed(origin):
                return f"{node.op} with a fixed path", _given(origin)
    elif node.op in _TABLES:
        origin = wiring.origin(graph, node, _TABLES[node.op])
        if origin.elsewhere is not None or ((origin.other or origin.worked_out) and not origin.asset):
            return f"{node.op} with a fixed path", _given(origin)
    elif node.op in _CACHES:
        origin = wiring.origin(graph, node, _CACHES[node.op])
        if any(origin.texts) or origin.other or origin.worked_out:
            return f"{node.op} with a fixed path", _given(origin)
    return node.op, _given(_every(graph, node, wiring)) if node.op.endswith(("File", "Files", "Dataset")) else ""


def _is_fixed(origin: Origin) -> bool:
    """Whether the graph says where a file is written: by a constant, by what works it out, or by no caller at all."""
    if origin.worked_out or any(not _OF_SAVERS.fullmatch(text) for text in origin.texts):
        return True
    return not origin.caller and (origin.other or b"model" not in origin.texts)


def _names_file(op: str, text: bytes) -> bool:
    if op == "PrintV2":
        return b"://" in text
    if op == "ImmutableConst":
        return not text.startswith(b"memmapped_package://")
    if op in ("DecodeProtoV2", "EncodeProto"):
        return not (text in _DESCRIBED or text.startswith(b"bytes://"))
    return bool(text)


def _name_with_file(op: str) -> str:
    if op == "PrintV2":
        return "PrintV2 into a file"
    return f"{op} with a callback into Python" if op == "XlaCallModule" else f"{op} with a file"


def _every(graph: Graph, node: Node, wiring: Wiring) -> Origin:
    """What all inputs of an operator are made of, for the evidence."""
    found = Origin()
    for place in range(min(3, len(node.inputs))):
        found.texts += wiring.origin(graph, node, place).texts
    return found


def _given(origin: Origin) -> str:
    return ", ".join(_shown(text) for text in origin.texts if text)[:_SHOWN]


def _shown(text: bytes) -> str:
    shown = text[:_SHOWN].decode("utf-8", "backslashreplace")
    return "".join(character if character.isprintable() else "?" for character in shown)


def _place(graph: Graph, node: Node, is_text: bool) -> Location:
    key = f"{graph.name}/{node.name}" if graph.name else node.name
    return Location(offset=None if is_text else node.offset, key=key[:200])
