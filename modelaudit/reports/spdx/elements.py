"""Elements of SPDX 3.0.1 that share one creation record; their identifiers derive from the bytes of the model.

The classes are those of ``spdx-python-model``, which refuses a property or a value that the model does not have.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from io import BytesIO
from typing import Final, TypeVar
from uuid import NAMESPACE_URL, uuid5

from spdx_python_model.bindings import v3_0_1 as spdx

from modelaudit.model.digest import Digest, DigestAlgorithm
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.reports.text import escape_unprintable

_Element = TypeVar("_Element", bound=spdx.Element)

_DATE: Final = defer_pattern(r"(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}:\d{2})(?:\.\d+)?(Z|[+-]\d{2}:\d{2})?)?")
_HASHES: Final = {
    DigestAlgorithm.SHA256: spdx.HashAlgorithm.sha256,
    DigestAlgorithm.BLAKE2B: spdx.HashAlgorithm.blake2b512,
    DigestAlgorithm.BLAKE3: spdx.HashAlgorithm.blake3,
}


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
        self._objects = spdx.SHACLObjectSet()
        self._elements: list[spdx.Element] = []
        self._relations = 0
        moment = datetime.fromisoformat(created).astimezone(UTC)
        self.creation = spdx.CreationInfo(_id="_:creation", specVersion="3.0.1", created=moment)

    def add(self, element: _Element, key: str, name: str | None = None) -> _Element:
        """Give an element its identifier, which ends with ``key``, and its name, and add it."""
        element.spdxId = f"{self._namespace}{key}"
        element.creationInfo = self.creation
        if name is not None:
            element.name = escape_unprintable(name)
        self._objects.add(element)
        self._elements.append(element)
        return element

    def relate(
        self,
        kind: str,
        source: spdx.Element,
        targets: Sequence[spdx.Element | str],
        completeness: str | None = None,
        comment: str = "",
    ) -> None:
        """Add a relationship, if there are targets.

        Args:
            kind: one of ``RelationshipType``.
            source: the element that it begins at.
            targets: the elements that it leads to, or the address of an individual of the model.
            completeness: one of ``RelationshipCompleteness``.
            comment: an explanation.
        """
        if not targets:
            return
        self._relations += 1
        relation = self.add(spdx.Relationship(), f"relation-{self._relations}")
        relation.from_ = source
        relation.to.extend(targets)
        relation.relationshipType = kind
        if completeness:
            relation.completeness = completeness
        if comment:
            relation.comment = escape_unprintable(comment)

    def list_all(self) -> list[spdx.Element]:
        """List the elements so far, sorted by identifier."""
        return sorted(self._elements, key=lambda element: str(element.spdxId))

    def encode(self) -> bytes:
        """Encode the document as JSON-LD."""
        buffer = BytesIO()
        spdx.JSONLDSerializer().write(self._objects, buffer, force_at_graph=True, indent=1, ensure_ascii=False)
        return buffer.getvalue().rstrip() + b"\n"


def hash_key(kind: str, name: str) -> str:
    """Return the end of an identifier that is unique to a name, which may contain any character."""
    return f"{kind}-{sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"


def list_hashes(digests: Iterable[Digest]) -> list[spdx.IntegrityMethod]:
    """Convert digests to hashes. The id that git gives a blob is none, because it covers a heading too."""
    return [
        spdx.Hash(algorithm=_HASHES[each.algorithm], hashValue=each.value)
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
