"""List the operators of a TensorFlow model, each once with its first location, and the files that it refers to.

Some operators that read or write a file are trusted when the path comes from the caller, as in every saver. When the
graph itself fixes the path, the operator is mentioned under another name, such as ``SaveV2 with a fixed path``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from modelaudit.formats.graphs.tensorflow.contents import ModelContents
from modelaudit.formats.graphs.tensorflow.graph import FILE_ATTRIBUTES, Graph, Node
from modelaudit.formats.graphs.tensorflow.paths import PathOrigin, PathResolver
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.outline import Mention, Reference, ReferenceKind
from modelaudit.model.structure import Location

VOCABULARY: Final = "tensorflow-operators"
# The positions of the inputs that are paths, by operator.
_WRITER_PATH_INPUTS: Final = {"SaveV2": (0,), "MergeV2Checkpoints": (1, 0)}
_RESTORERS: Final = frozenset({"RestoreV2", "Restore", "RestoreSlice"})
_TABLE_PATH_INPUT: Final = {"InitializeTableFromTextFile": 1, "InitializeTableFromTextFileV2": 1}
_CACHE_PATH_INPUT: Final = {"CacheDataset": 1, "CacheDatasetV2": 1}
_RECORD_PATH_INPUT: Final = dict.fromkeys(
    (
        *("TFRecordDataset", "TFRecordDatasetV2", "TextLineDataset"),
        *("FixedLengthRecordDataset", "FixedLengthRecordDatasetV2"),
    ),
    0,
)
_READ_PATH_INPUTS: Final = {**_TABLE_PATH_INPUT, **_CACHE_PATH_INPUT, **_RECORD_PATH_INPUT}
_DECIDED_BY_ARGUMENT: Final = frozenset({*FILE_ATTRIBUTES, *_WRITER_PATH_INPUTS, *_READ_PATH_INPUTS})
# A path into the working folder. Paths of this form, one behind the other, make no path out of it either.
_RELATIVE_PATH: Final = defer_pattern(rb"(?!.*\.\.)(?:\./)?\w(?:[\w ./-]*\w)?")
# Texts that savers put into a graph: the default name, which TF1 replaces when it runs, parts of temporary names, and
# the empty text.
_SAVER_TEXT: Final = defer_pattern(rb"model|(?:[\w-]*/)?\.?part|")
# Values of ``descriptor_source`` that are not files. A third one is ``bytes://`` with the descriptors behind it.
_DESCRIPTOR_SOURCES: Final = (b"", b"local://")
MOST_OPERATORS: Final = 10_000
"""Distinct operators of one file that are listed."""
_MOST_FUNCTIONS: Final = 10_000
MOST_CHECKPOINTS: Final = 1000
"""Checkpoints outside the model that are listed."""
_QUOTED_LENGTH: Final = 120


def list_mentions(
    contents: ModelContents, resolver: PathResolver, is_text: bool = False
) -> tuple[tuple[Mention, ...], bool]:
    """List every operator of the graphs and functions, once under each name that its arguments give it.

    Args:
        contents: the model.
        resolver: resolves the paths in it.
        is_text: whether the file is in text form, so that offsets of the binary form would mislead.

    Returns:
        The mentions, and whether operators were left out because there are more than ``MOST_OPERATORS``.
    """
    mentions: dict[tuple[str, str], Mention] = {}
    function_count = 0
    for graph, node in _iter_nodes(contents):
        if len(mentions) - function_count >= MOST_OPERATORS:
            return tuple(mentions.values()), True
        # A function attribute that is not a function of the file can only be the name of an operator.
        for name in node.functions:
            if name and not resolver.defines_function(name) and ("operator", name) not in mentions:
                where, detail = _locate_node(graph, node, is_text), f"given to {node.op}"
                mentions["operator", name] = Mention(VOCABULARY, "operator", name, where, detail)
        # A function of the file has a use of its own, because its nodes are reviewed in its place. Therefore functions
        # do not use up the bound on operators; those beyond a bound of their own are left out.
        is_function = resolver.defines_function(node.op)
        if is_function and function_count >= _MOST_FUNCTIONS:
            continue
        use = "function" if is_function else "operator"
        # Tracing arguments is expensive, so an operator whose name cannot change is resolved once.
        if (use, node.op) in mentions and node.op not in _DECIDED_BY_ARGUMENT:
            continue
        name, detail = _name_operator(graph, node, resolver)
        if node.op and (use, name) not in mentions:
            mentions[use, name] = Mention(VOCABULARY, use, name, _locate_node(graph, node, is_text), detail)
            function_count += is_function
    return tuple(mentions.values()), False


def list_references(
    contents: ModelContents, resolver: PathResolver, is_text: bool = False
) -> tuple[tuple[Reference, ...], bool]:
    """List the assets, and the checkpoints outside the model whose path the graph fixes.

    Args:
        contents: the model.
        resolver: resolves the paths in it.
        is_text: whether the file is in text form, so that offsets of the binary form would mislead.

    Returns:
        The references, and whether checkpoints were left out because there are more than ``MOST_CHECKPOINTS``.
    """
    references = []
    checkpoints: dict[tuple[str, str], Reference] = {}
    for asset in contents.assets:
        if asset.name:
            where = Location(offset=None if is_text else asset.offset)
            references.append(Reference(ReferenceKind.DATA, _resolve_asset(asset.name), "asset_file_def", where=where))
    for graph, node in _iter_nodes(contents):
        if node.op in _RESTORERS:
            path = resolver.trace_input(graph, node, 0).outside_path
            if path is None or (node.op, _format_text(path)) in checkpoints:
                continue
            if len(checkpoints) >= MOST_CHECKPOINTS:
                return tuple(dict.fromkeys((*references, *checkpoints.values()))), True
            where = _locate_node(graph, node, is_text)
            target = _format_text(path)
            checkpoints[node.op, target] = Reference(ReferenceKind.MODEL, target, node.op, where=where)
    return tuple(dict.fromkeys((*references, *checkpoints.values()))), False


def _resolve_asset(name: str) -> str:
    """Join the name to the folder ``assets`` as the loader does; an absolute path or an address stays as it is."""
    is_absolute_path = name.startswith(("/", "\\"))
    is_address = re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", name) is not None
    return name if is_absolute_path or is_address else f"assets/{name}"


def _iter_nodes(contents: ModelContents) -> Iterator[tuple[Graph, Node]]:
    """Iterate over the nodes of all graphs and functions, each with its graph."""
    for graph in contents.graphs.graphs:
        for node in graph.nodes:
            yield graph, node


def _name_operator(graph: Graph, node: Node, resolver: PathResolver) -> tuple[str, str]:
    """Return the name under which an operator is reviewed, and the paths in its arguments as evidence.

    The name is that of the operator, such as ``SaveV2``; or, when the graph itself supplies a file or path that makes
    the operator dangerous, the name with an addition, such as ``SaveV2 with a fixed path``.
    """
    text = b"".join(node.texts or ())
    if node.op in FILE_ATTRIBUTES and _names_file(node.op, text):
        return _name_with_file(node.op), "" if node.op == "XlaCallModule" else _format_text(text)
    if node.op in _WRITER_PATH_INPUTS:
        for position in _WRITER_PATH_INPUTS[node.op]:
            origin = resolver.trace_input(graph, node, position)
            if _is_fixed(origin):
                return f"{node.op} with a fixed path", _format_texts(origin.texts)
    elif node.op in _READ_PATH_INPUTS:
        origin = resolver.trace_input(graph, node, _READ_PATH_INPUTS[node.op])
        if addition := _describe_read_path(node.op, origin):
            return f"{node.op} {addition}", _format_texts(origin.texts)
    takes_path = node.op.endswith(("File", "Files", "Dataset"))
    return node.op, _format_texts(_list_input_texts(graph, node, resolver)) if takes_path else ""


def _describe_read_path(op: str, origin: PathOrigin) -> str:
    """Return the addition to the name of an operator that reads, or keeps, a file at a path of the graph."""
    if op in _TABLE_PATH_INPUT:
        # A table may read an asset, whose path the loader supplies, or a relative path of the graph.
        is_fixed = origin.outside_path is not None or ((origin.other or origin.is_computed) and not origin.asset)
    elif op in _CACHE_PATH_INPUT:
        is_fixed = any(origin.texts) or origin.other or origin.is_computed
    else:
        return "of fixed relative paths" if _is_in_working_folder(origin) else ""
    return "with a fixed path" if is_fixed else ""


def _is_fixed(origin: PathOrigin) -> bool:
    """Whether the graph decides where a file is written.

    It does when it computes the path, when the path has a constant that no saver writes, or when no caller supplies
    any part of the path and it is not the default name of a saver.
    """
    if origin.is_computed or any(not _SAVER_TEXT.fullmatch(text) for text in origin.texts):
        return True
    has_default_name = not origin.other and b"model" in origin.texts
    return not origin.caller and not has_default_name


def _is_in_working_folder(origin: PathOrigin) -> bool:
    """Whether the graph fixes a path to constants, each of them a relative path that leads nowhere else."""
    is_unknown = origin.other or origin.has_computed_part or origin.is_reordered or origin.is_incomplete
    is_given = origin.caller or origin.asset
    return not (is_unknown or is_given) and bool(origin.texts) and all(map(_RELATIVE_PATH.fullmatch, origin.texts))


def _names_file(op: str, text: bytes) -> bool:
    """Whether the attribute of an operator in ``FILE_ATTRIBUTES`` names a file, or a callback into Python."""
    if op == "PrintV2":
        return b"://" in text  # a stream such as stderr or log(info) has no address
    if op == "ImmutableConst":
        return not text.startswith(b"memmapped_package://")  # a part of the package that the model comes in
    if op in ("DecodeProtoV2", "EncodeProto"):
        return text not in _DESCRIPTOR_SOURCES and not text.startswith(b"bytes://")
    return bool(text)


def _name_with_file(op: str) -> str:
    """Return the name under which an operator is reviewed whose attribute names a file or holds a callback."""
    if op == "PrintV2":
        return "PrintV2 into a file"
    return f"{op} with a callback into Python" if op == "XlaCallModule" else f"{op} with a file"


def _list_input_texts(graph: Graph, node: Node, resolver: PathResolver) -> list[bytes]:
    """List the constants in the first three inputs of an operator, for the evidence.

    The path is the first input of most operators and the second of ``SnapshotDataset``. ``SqlDataset`` takes three: a
    driver, a source and a query.
    """
    positions = range(min(3, len(node.inputs)))
    return [text for position in positions for text in resolver.trace_input(graph, node, position).texts]


def _format_texts(texts: Iterable[bytes]) -> str:
    """Format constants in one line of at most 120 characters."""
    return ", ".join(_format_text(text) for text in texts if text)[:_QUOTED_LENGTH]


def _format_text(text: bytes) -> str:
    """Decode the first 120 bytes, with ``?`` for each character that is not printable."""
    shown = text[:_QUOTED_LENGTH].decode("utf-8", "backslashreplace")
    return "".join(character if character.isprintable() else "?" for character in shown)


def _locate_node(graph: Graph, node: Node, is_text: bool) -> Location:
    """Return the offset of a node, except in text form, and its name, after that of its function if it is in one."""
    key = f"{graph.name}/{node.name}" if graph.name else node.name
    return Location(offset=None if is_text else node.offset, key=key[:200])
