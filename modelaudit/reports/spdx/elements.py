"""Elements of SPDX 3.0.1 that share one creation record; their identifiers derive from the bytes of the model.

The classes are those of ``spdx-python-model``, which refuses a property or a value that the model does not have. It
takes ten times as long for an element as its JSON, so the elements that a large model has by the thousand are JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final, TypeAlias, TypeVar, cast
from uuid import NAMESPACE_URL, uuid5

from pydantic_core import to_json
from spdx_python_model.bindings import v3_0_1 as spdx

from modelaudit.model.digest import Digest, DigestAlgorithm
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.reports.canonical_json import Json
from modelaudit.reports.text import escape_unprintable

JsonObject: TypeAlias = "dict[str, Json]"
_Element = TypeVar("_Element", bound=spdx.Element)

_DATE: Final = defer_pattern(r"(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}:\d{2})(?:\.\d+)?(Z|[+-]\d{2}:\d{2})?)?")
_HASHES: Final = {
    DigestAlgorithm.SHA256: "sha256",
    DigestAlgorithm.BLAKE2B: "blake2b512",
    DigestAlgorithm.BLAKE3: "blake3",
}
"""The algorithms of ``HashAlgorithm``."""


class ElementSet:
    """The elements of one document.

    Attributes:
        creation: the record that all of them share.
    """

    def __init__(self, identity: str, created: str) -> None:
        """Begin a document.

        Args:
            identity: what its identifiers derive from; neither a place nor a time.
            created: an ISO 8601 time in UTC.
        """
        self._namespace = f"urn:uuid:{uuid5(NAMESPACE_URL, identity)}#"
        self._elements: list[spdx.Element] = []
        self._written: list[tuple[str, str, JsonObject, JsonObject]] = []
        self._references: list[tuple[str, str, Sequence[str]]] = []
        self._relations = 0
        moment = datetime.fromisoformat(created).astimezone(UTC)
        self.creation = spdx.CreationInfo(_id="_:creation", specVersion="3.0.1", created=moment)

    def add(self, element: _Element, key: str, name: str | None = None) -> _Element:
        """Give an element its identifier, which ends with ``key``, and its name, and add it."""
        element.spdxId = f"{self._namespace}{key}"
        element.creationInfo = self.creation
        if name is not None:
            element.name = escape_unprintable(name)
        self._elements.append(element)
        return element

    def write(self, type_: str, key: str, first: JsonObject, last: JsonObject) -> str:
        """Add an element as JSON in the form of the library, and return its identifier, which ends with ``key``.

        Args:
            type_: the name of the class.
            key: the end of the identifier.
            first: the properties of the class itself, in the order of the library.
            last: the properties after ``creationInfo``, which all elements have.
        """
        id_ = f"{self._namespace}{key}"
        self._written.append((id_, type_, first, last))
        return id_

    def refer_to(self, element: spdx.Element, name: str, targets: Sequence[str]) -> None:
        """Let a property of an element, which holds one target already, list these identifiers."""
        self._references.append((str(element.spdxId), name, targets))

    def relate(
        self,
        kind: str,
        source: spdx.Element,
        targets: Sequence[spdx.Element | str],
        completeness: str | None = None,
        comment: str = "",
    ) -> spdx.Relationship | None:
        """Add a relationship and return it, if there are targets.

        Args:
            kind: one of ``RelationshipType``.
            source: the element that it begins at.
            targets: the elements that it leads to, or the address of an individual of the model.
            completeness: one of ``RelationshipCompleteness``.
            comment: an explanation.
        """
        if not targets:
            return None
        self._relations += 1
        relation = self.add(spdx.Relationship(), f"relation-{self._relations}")
        relation.from_ = source
        relation.to.extend(targets)
        relation.relationshipType = kind
        if completeness:
            relation.completeness = completeness
        if comment:
            relation.comment = escape_unprintable(comment)
        return relation

    def relate_all(self, kind: str, source: spdx.Element, targets: Sequence[str], completeness: str) -> None:
        """Add a relationship to any number of elements by their identifiers; the arguments are those of ``relate``."""
        relation = self.relate(kind, source, targets[:1], completeness)
        if relation is not None:
            self.refer_to(relation, "to", targets)

    def list_all(self) -> list[str]:
        """List the identifiers of the elements so far, sorted."""
        return sorted([*(str(each.spdxId) for each in self._elements), *(id_ for id_, *_ in self._written)])

    def encode(self) -> bytes:
        """Encode the document as JSON-LD."""
        objects = spdx.SHACLObjectSet()
        objects.objects.update(self._elements)  # ``add`` would keep an index too, which nothing here needs
        document = cast(JsonObject, spdx.JSONLDSerializer().serialize_data(objects, force_at_graph=True))
        graph = cast("list[JsonObject]", document["@graph"])
        nodes = {str(node.get("spdxId")): node for node in graph}
        for id_, name, targets in self._references:
            nodes[id_][name] = list(targets)
        # The library writes the creation record first, because it is the only one without an identifier.
        creation, *others = graph
        link = {"creationInfo": creation["@id"]}
        others += ({"type": type_, "spdxId": id_, **first, **link, **last} for id_, type_, first, last in self._written)
        document["@graph"] = [creation, *sorted(others, key=lambda node: str(node["spdxId"]))]
        return to_json(document, indent=1) + b"\n"


def hash_key(kind: str, name: str) -> str:
    """Return the end of an identifier that is unique to a name, which may contain any character."""
    return f"{kind}-{sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"


def list_hashes(digests: Iterable[Digest]) -> list[Json]:
    """Convert digests to hashes, as JSON. The id that git gives a blob is none, because it covers a heading too."""
    return [
        {"type": "Hash", "algorithm": _HASHES[each.algorithm], "hashValue": each.value}
        for each in digests
        if each.algorithm in _HASHES
    ]


def build_entries(pairs: Iterable[tuple[str, str]]) -> list[spdx.DictionaryEntry]:
    """Build entries of key and value, each once."""
    return [
        spdx.DictionaryEntry(key=escape_unprintable(key), value=escape_unprintable(value))
        for key, value in dict.fromkeys(pairs)
    ]


def read_moment(text: str) -> datetime | None:
    """Read a date, or a time without fractions of a second, which the model's own parser refuses; ``None`` for others.

    A time without a zone is taken as UTC, and a date as its beginning.
    """
    match = _DATE.fullmatch(text.strip())
    if match is None:
        return None
    day, time, zone = match.groups()
    try:
        return datetime.fromisoformat(f"{day}T{time or '00:00:00'}{(zone or 'Z')}".replace("Z", "+00:00")).astimezone(
            UTC
        )
    except (ValueError, OverflowError):
        return None
