"""What is gathered while a graph is walked, each kind bounded: names, references, contradictions, texts to open."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from modelaudit.formats.embedded import decode_content, detect_coding, make_content_artifact
from modelaudit.formats.metadata_text import MetadataEntry, collect_mentions, read_metadata
from modelaudit.languages.terms.statements import extract_statements, iter_description_pairs
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.defect_kind import DefectKind
from modelaudit.model.limits import KIB, MIB, Limits
from modelaudit.model.outline import Mention, Outline, Reference, ReferenceKind, References
from modelaudit.model.structure import Defect, Location, Unread, UnreadReason
from modelaudit.wire.base import HEAD_BYTES, LimitReachedError, Reading
from modelaudit.wire.codings import Coding
from modelaudit.wire.protobuf import Message
from modelaudit.wire.sniff import detect_strong_magic
from modelaudit.wire.windows import SubWindow, get_budget

VOCABULARY: Final = "onnx-operators"
STANDARD: Final = "ai.onnx"
_MOST_NAMES: Final = 10_000
_MOST_DEFECTS: Final = 200
_MOST_FACTS: Final = 100
_MOST_CHILDREN: Final = 1_000
_SHORTEST_TEXT: Final = 24
_DESCRIBED: Final = 64 * KIB
_LONGEST_NOTE: Final = MIB
_MOST_NOTED: Final = 16 * MIB
# An operator that imports and calls Python, in whatever domain an application registers it under.
# Source: docs/PyOp.md and docs/LanguageInterOp.md of ONNX Runtime; PythonOp of its training.
_PYTHON: Final = frozenset({"PyOp", "PythonOp", "PythonOpGrad", "PyCustomOp"})


@dataclass(slots=True)
class Found:
    """What one model says, as far as it was read.

    Attributes:
        window: of the model, for the texts in it.
        functions: those that the model defines itself, by domain, name and overload.
        calls: the first node of each domain, operator and overload.
        notes: texts of the metadata, and ``unlooked`` the number of those over a bound.
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
    left_out: int = 0
    notes: list[MetadataEntry] = field(default_factory=list)
    unlooked: int = 0
    description: str = ""
    _noted: int = 0

    def fact(self, name: str, value: str) -> None:
        """What a person would ask first; empty ones and those over a bound are left out."""
        if value and len(self.facts) < _MOST_FACTS:
            self.facts.append((name, value))

    def call(self, domain: str, operator: str, overload: str, where: Location, detail: str) -> None:
        """A node of a graph.

        Raises:
            LimitReachedError: there are more distinct operators than any model has.
        """
        self.nodes += 1
        domain = domain or STANDARD
        key = (domain, operator, overload)
        if operator in _PYTHON:
            name, detail = operator, f"{domain}::{operator} {detail}".strip()
            key = (domain, operator, detail)
        elif key in self.calls:
            return
        else:
            name = f"{domain}::{operator}"
        if len(self.calls) >= _MOST_NAMES:
            raise LimitReachedError(f"more than {_MOST_NAMES} distinct operators", where.offset)
        use = "python-operator" if operator in _PYTHON else "operator"
        self.calls.setdefault(key, Mention(VOCABULARY, use, name, where, detail))

    def refer(self, target: str, needs: int, by: str, where: Location) -> None:
        """Data in another file; of several stretches of one file, the one that reaches farthest is kept.

        Raises:
            LimitReachedError: there are more files than any model has.
        """
        known = self.references.get(target)
        if known is None and len(self.references) >= _MOST_NAMES:
            raise LimitReachedError(f"more than {_MOST_NAMES} files of external data", where.offset)
        if known is None or known.needs < needs:
            self.references[target] = Reference(ReferenceKind.DATA, target, by, needs, where)

    def defect(self, kind: DefectKind, detail: str, where: Location) -> None:
        """A contradiction; those over a bound are counted only."""
        if len(self.defects) < _MOST_DEFECTS:
            self.defects.append(Defect(kind, detail, where))
        else:
            self.left_out += 1

    def text(self, name: str, body: Message) -> None:
        """Look into a text for what a loader might open: a pickle or an archive, coded or not."""
        if body.size < _SHORTEST_TEXT or len(self.children) >= _MOST_CHILDREN:
            return
        head = body.raw(HEAD_BYTES)
        window = SubWindow(self.window, body.start, body.size, get_budget(self.window, self.limits))
        coding = detect_coding(head, body.size > len(head))
        # Letters and line breaks alone pass for an old pickle, which labels of classes would.
        if coding is not None and (coding is not Coding.RAW or head[:1] == b"\x80" or detect_strong_magic(head)):
            content = decode_content(window, self.limits)
            if content is not None:
                self.children.append(make_content_artifact(self.path, body.start, window, self.limits, content))

    def note(self, key: str, body: Message) -> None:
        """A note of the metadata: the same, and what it means to whoever evaluates, shows or parses it."""
        if body.size > _LONGEST_NOTE or self._noted + body.size > _MOST_NOTED:
            self.text(key, body)
            self.unlooked += 1
            return
        self._noted += body.size
        self.notes.append(MetadataEntry(key, body.raw(_LONGEST_NOTE)))

    def describe(self, body: Message) -> None:
        """The text that describes the model to people; every occurrence counts, bounded."""
        self.description = f"{self.description}\n{body.text(_DESCRIBED)}"[-_DESCRIBED:].lstrip("\n")

    def readings(self, artifact: Artifact) -> Iterator[Reading]:
        """The structures, and then what the texts of ``artifact`` hold."""
        mentions = (*(self._judged(key, mention) for key, mention in self.calls.items()), *collect_mentions(self.notes))
        facts = (*self.facts, ("nodes", str(self.nodes)), ("tensors", str(self.tensors)))
        if self.left_out:
            facts = (*facts, ("contradictions not listed", str(self.left_out)))
        yield Outline(self.format, mentions, facts, tuple(self.defects))
        if self.references:
            yield References(self.format, tuple(self.references.values()))
        yield from self.children
        yield from read_metadata(artifact, self.window, self.notes, self.limits)
        yield from extract_statements(iter_description_pairs(self.description, "doc_string"))
        if self.unlooked:
            detail = f"{self.unlooked} notes of its metadata are too long, or too many, to look into"
            yield Unread(UnreadReason.LIMIT, detail)

    def _judged(self, key: tuple[str, str, str], mention: Mention) -> Mention:
        """A function of the model itself is no custom operator; its nodes are judged in its place."""
        return replace(mention, use="function") if mention.use == "operator" and key in self.functions else mention
