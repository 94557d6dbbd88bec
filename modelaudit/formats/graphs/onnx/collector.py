"""Collect the operators, references, defects and embedded texts of one model, with a bound on the number of each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import Struct, field

from modelaudit.formats.embedded import decode_content, detect_coding, make_content_artifact
from modelaudit.formats.graphs.onnx.ports import GraphDescription
from modelaudit.formats.metadata_text import MetadataEntry, collect_mentions, read_metadata
from modelaudit.languages.terms.prose import read_metadata_texts
from modelaudit.languages.terms.statements import extract_statements, iter_description_pairs
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.copies import replace
from modelaudit.model.defect_kind import DefectKind
from modelaudit.model.limits import KIB, MIB, Limits
from modelaudit.model.outline import Mention, Outline, Reference, ReferenceKind, References
from modelaudit.model.structure import Defect, Location, Unread, UnreadReason
from modelaudit.wire.base import HEAD_BYTES, LimitReachedError, Reading
from modelaudit.wire.bounds import KeptItems
from modelaudit.wire.codings import Coding
from modelaudit.wire.protobuf import Message
from modelaudit.wire.sniff import detect_strong_magic
from modelaudit.wire.windows import SubWindow, get_budget

VOCABULARY: Final = "onnx-operators"
STANDARD_DOMAIN: Final = "ai.onnx"
_MOST_NAMES: Final = 10_000
_MOST_FUNCTIONS: Final = 100_000
_MOST_DEFECTS: Final = 200
_MOST_FACTS: Final = 100
_MOST_CHILDREN: Final = 1_000
_SHORTEST_SEARCHED_TEXT: Final = 24
_DESCRIPTION_LENGTH: Final = 64 * KIB
_LONGEST_METADATA_VALUE: Final = MIB
_MOST_METADATA_BYTES: Final = 16 * MIB
_METADATA_OVERHEAD: Final = 200  # bytes that an entry takes in memory beside its key and value
_MOST_FUNCTION_BYTES: Final = 8 * MIB  # of their names, domains and overloads
# Operators that import and call Python code. An application may register them under any domain.
# Source: docs/PyOp.md and docs/LanguageInterOp.md of ONNX Runtime; PythonOp of its training.
_PYTHON_OPERATORS: Final = frozenset({"PyOp", "PythonOp", "PythonOpGrad", "PyCustomOp"})


class ModelCollector(Struct):
    """The facts of one model that its reader has recorded so far.

    Attributes:
        format: the format for the structures, ``onnx`` or ``ort``.
        path: the path of the model.
        window: the bytes of the model, for embedded texts.
        limits: the bounds for embedded texts and metadata.
        facts: pairs of a name and a value for the outline.
        functions: the functions that the model defines itself, as (domain, name, overload).
        calls: the first node of each (domain, operator, overload).
        references: the files of external data, by path.
        defects: the first 200 defects; ``omitted_defects`` counts the others.
        children: embedded pickles and archives.
        nodes: the number of nodes.
        tensors: the number of tensors.
        metadata: the metadata entries to examine; ``unread_metadata`` counts the entries over a bound.
        unsearched_texts: the number of texts behind the last embedded content that is listed.
        description: the last 64 KiB of the model's descriptions.
        graph: the inputs, outputs and weights of the outermost graph.
    """

    format: str
    path: str
    window: Window
    limits: Limits
    facts: list[tuple[str, str]] = field(default_factory=list)
    functions: set[tuple[str, str, str]] = field(default_factory=set)
    calls: dict[tuple[str, str, str], Mention] = field(default_factory=dict)
    references: dict[str, Reference] = field(default_factory=dict)
    defects: list[Defect] = field(default_factory=list)
    children: list[Artifact] = field(default_factory=list)
    nodes: int = 0
    tensors: int = 0
    omitted_defects: int = 0
    metadata: list[MetadataEntry] = field(default_factory=list)
    unread_metadata: int = 0
    unsearched_texts: int = 0
    description: str = ""
    graph: GraphDescription = field(default_factory=GraphDescription)
    _metadata_bytes: int = 0
    _kept_functions: KeptItems = field(
        default_factory=lambda: KeptItems("functions", _MOST_FUNCTIONS, _MOST_FUNCTION_BYTES)
    )

    def record_fact(self, name: str, value: str) -> None:
        """Record a fact for the outline; drop it when the value is empty or there are too many."""
        if value and len(self.facts) < _MOST_FACTS:
            self.facts.append((name, value))

    def record_function(self, domain: str, name: str, overload: str, offset: int) -> None:
        """Record a function of the model at ``offset``. Raises ``LimitReachedError`` if there are too many."""
        self._kept_functions.count(offset, len(domain) + len(name) + len(overload))
        self.functions.add((domain or STANDARD_DOMAIN, name, overload))

    def record_call(self, domain: str, operator: str, overload: str, where: Location, detail: str) -> None:
        """Record that a node of a graph calls an operator; an operator that is recorded already is only counted.

        Args:
            domain: the namespace of the operator; empty for ``ai.onnx``.
            operator: the name of the operator.
            overload: the overload of a function of the model; empty for any other operator.
            where: the location of the node.
            detail: the attributes of the node that a finding quotes.

        Raises:
            LimitReachedError: more than 10,000 distinct operators.
        """
        self.nodes += 1
        domain = domain or STANDARD_DOMAIN
        if operator in _PYTHON_OPERATORS:
            # Each call of Python may import another module, so the attributes take the place of the overload in the
            # key: calls with different attributes become different mentions.
            use, name, detail = "python-operator", operator, f"{domain}::{operator} {detail}".strip()
            key = (domain, operator, detail)
        else:
            use, name = "operator", f"{domain}::{operator}"
            key = (domain, operator, overload)
            if key in self.calls:
                return
        if len(self.calls) >= _MOST_NAMES:
            raise LimitReachedError(f"only the first {_MOST_NAMES} distinct operators were read", where.offset)
        self.calls.setdefault(key, Mention(VOCABULARY, use, name, where, detail))

    def record_reference(self, target: str, min_size: int, named_by: str, where: Location) -> None:
        """Record that data are in another file; keep the reference that needs the most bytes of that file.

        Args:
            target: the path of the file, relative to the model.
            min_size: how many bytes the file must have.
            named_by: the tensor or node that refers to the file.
            where: the location of that tensor or node.

        Raises:
            LimitReachedError: more than 10,000 files.
        """
        known = self.references.get(target)
        if known is None and len(self.references) >= _MOST_NAMES:
            raise LimitReachedError(f"only the first {_MOST_NAMES} files of external data were listed", where.offset)
        if known is None or known.min_size < min_size:
            self.references[target] = Reference(ReferenceKind.DATA, target, named_by, min_size, where)

    def record_defect(self, kind: DefectKind, detail: str, where: Location) -> None:
        """Record a defect; beyond the first 200, count it only."""
        if len(self.defects) < _MOST_DEFECTS:
            self.defects.append(Defect(kind, detail, where))
        else:
            self.omitted_defects += 1

    def search_text(self, body: Message) -> None:
        """Record a pickle or archive that a text or byte field contains, encoded or not, as an embedded artifact.

        Beyond ``_MOST_CHILDREN`` of them, count the texts that are not searched.
        """
        if body.size < _SHORTEST_SEARCHED_TEXT:
            return
        if len(self.children) >= _MOST_CHILDREN:
            self.unsearched_texts += 1
            return
        head = body.raw(HEAD_BYTES)
        window = SubWindow(self.window, body.start, body.size, get_budget(self.window, self.limits))
        coding = detect_coding(head, body.size > len(head))
        # Plain letters and line breaks, such as class labels, are also a valid pickle of protocol 0. Without an
        # encoding, only the opcode of protocol 2 and later or another strong magic is evidence enough.
        if coding is not None and (coding is not Coding.RAW or head[:1] == b"\x80" or detect_strong_magic(head)):
            content = decode_content(window, self.limits)
            if content is not None:
                self.children.append(make_content_artifact(self.path, body.start, window, self.limits, content))

    def record_metadata(self, key: str, body: Message) -> None:
        """Record a metadata entry, which programs may evaluate, show or parse.

        An entry that is too long, alone or with those before it, is searched as text and counted as unread.
        """
        entry_bytes = _METADATA_OVERHEAD + len(key) + body.size
        if body.size > _LONGEST_METADATA_VALUE or self._metadata_bytes + entry_bytes > _MOST_METADATA_BYTES:
            self.search_text(body)
            self.unread_metadata += 1
            return
        self._metadata_bytes += entry_bytes
        self.metadata.append(MetadataEntry(key, body.raw(_LONGEST_METADATA_VALUE)))

    def record_description(self, doc_string: Message) -> None:
        """Append a ``doc_string`` to the description, because the field may occur again, and keep the last 64 KiB."""
        text = f"{self.description}\n{doc_string.text(_DESCRIPTION_LENGTH)}"
        self.description = text[-_DESCRIPTION_LENGTH:].lstrip("\n")

    def build_readings(self, artifact: Artifact) -> Iterator[Reading]:
        """Yield the outline and the references, then the embedded content and the metadata of ``artifact``."""
        calls = (self._resolve_function(key, mention) for key, mention in self.calls.items())
        metadata_mentions, absences = collect_mentions(self.metadata)
        mentions = (*calls, *metadata_mentions)
        facts = (*self.facts, ("nodes", str(self.nodes)), ("tensors", str(self.tensors)))
        if self.omitted_defects:
            facts = (*facts, ("defects not listed", str(self.omitted_defects)))
        yield Outline(self.format, mentions, facts, tuple(self.defects))
        if self.references:
            yield References(self.format, tuple(self.references.values()))
        yield from self.children
        yield from read_metadata(artifact, self.window, self.metadata, self.limits)
        yield from absences
        yield from extract_statements(iter_description_pairs(self.description, "doc_string"))
        yield from read_metadata_texts((self.description,))
        if self.unsearched_texts:
            detail = (
                f"{self.unsearched_texts} texts were not searched: {_MOST_CHILDREN} embedded contents lie before them"
            )
            yield Unread(UnreadReason.LIMIT, detail)
        if self.unread_metadata:
            detail = f"{self.unread_metadata} metadata entries were not examined: too long or too many"
            yield Unread(UnreadReason.LIMIT, detail)

    def _resolve_function(self, key: tuple[str, str, str], mention: Mention) -> Mention:
        """Return the mention of a call, with the use ``function`` if it calls a function of the model itself.

        Such a call needs no review, because the nodes of the function are recorded as calls of their own. The name of a
        Python operator stays suspicious, even when the model defines a function of that name.
        """
        return replace(mention, use="function") if mention.use == "operator" and key in self.functions else mention
