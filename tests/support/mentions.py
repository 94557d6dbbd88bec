"""Find every combination of format, vocabulary and use in which a fixture mentions a name, with one fixture each.

All fixtures are read, and no rule is applied. The result is kept in ``build/mentions.json`` with a digest of the
fixtures, the package and the rules, so that only the first run after a change reads them.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from modelaudit.model.artifact import Artifact
from modelaudit.model.copies import replace
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.outline import PYTHON_NAMES, TORCH_OPERATORS, Mention, Outline
from modelaudit.model.reading import Structure
from modelaudit.model.skops import SkopsSchema
from modelaudit.model.torch import TorchProgram
from modelaudit.pipeline import ArtifactReading
from support.fixtures import FIXTURES, ROOT, WRITTEN, fixture_name
from support.reading import BytesWindow

_CACHE = ROOT / "build/mentions.json"
_LIMITS = Limits(
    artifact_cpu_seconds=60, expanded_bytes=MIB, members_total=1000, document_nodes=50_000, document_depth=60
)
"""Low bounds: a decompression bomb would take seconds under the usual ones, and its names are at its beginning."""

INVENTED = "acme_exec_shell"
"""A name that no vocabulary lists."""


@dataclass(frozen=True, order=True, slots=True)
class Place:
    """One way a format mentions names: the vocabulary and the use. For skops, the use is the node's loader."""

    format: str
    vocabulary: str
    use: str


def list_places(structure: Structure) -> Iterator[Place]:
    """Yield the place of every mention of a structure."""
    match structure:
        case Outline():
            yield from (Place(structure.format, each.vocabulary, each.use) for each in structure.mentions)
        case TorchProgram():
            yield from (Place(structure.format, TORCH_OPERATORS, each.use.value) for each in structure.mentions)
        case SkopsSchema():
            yield from (Place("skops", PYTHON_NAMES, each.loader) for each in structure.nodes if not each.role)
        case _:
            return


def keep_invented(structure: Structure, place: Place) -> Structure:
    """Return the structure with an invented name at ``place`` as its only name, and without defects."""
    match structure:
        case Outline():
            return replace(structure, mentions=(Mention(place.vocabulary, place.use, INVENTED),), defects=())
        case TorchProgram():
            first = next(each for each in structure.mentions if each.use.value == place.use)
            # An attribute that is only read may be a field of the program's own classes.
            invented = replace(first, name=f"acme::{INVENTED}", called=True)
            return replace(structure, mentions=(invented,), defines=(), types=(), fields=())
        case SkopsSchema():
            node = next(each for each in structure.nodes if each.loader == place.use and not each.role)
            invented_node = replace(node, module="acme", name="Runner", bound="acme.Runner")
            return replace(structure, nodes=(invented_node,), defects=())
        case _:
            raise AssertionError(f"{type(structure).__name__} names nothing")


@functools.cache
def find_places() -> Mapping[Place, str]:
    """Return every place where a fixture mentions a name, with the smallest such fixture."""
    fixtures = sorted(path for root in (FIXTURES, WRITTEN) for path in root.rglob("*") if path.is_file())
    digest = _digest_files(
        [*fixtures, *sorted((ROOT / "modelaudit").rglob("*.py")), *sorted((ROOT / "rules").rglob("*.yaml"))]
    )
    if _CACHE.is_file():
        cached = json.loads(_CACHE.read_text(encoding="utf-8"))
        if cached["digest"] == digest:
            return {Place(*place): fixture for *place, fixture in cached["places"]}
    smallest: dict[Place, tuple[int, str]] = {}
    for path in fixtures:
        fixture = fixture_name(path)
        window = BytesWindow(path.read_bytes())
        for structure in _read_structures(fixture, window):
            for place in list_places(structure):
                smallest[place] = min(smallest.get(place, (window.size, fixture)), (window.size, fixture))
    places = {place: fixture for place, (_, fixture) in sorted(smallest.items())}
    rows = [[place.format, place.vocabulary, place.use, fixture] for place, fixture in places.items()]
    # Several processes may write it at once: each replaces the whole file.
    temporary = _CACHE.with_suffix(f".{os.getpid()}")
    temporary.write_text(json.dumps({"digest": digest, "places": rows}), encoding="utf-8")
    temporary.replace(_CACHE)
    return places


def _read_structures(name: str, window: BytesWindow) -> Iterator[Structure]:
    """Yield the structures of a fixture and of its members."""
    reading = ArtifactReading(_LIMITS)
    reading.run(Artifact(name, window.size, lambda: nullcontext(window)))
    return (structure for _, structure in reading.structures)


def _digest_files(paths: list[Path]) -> str:
    """Compute one SHA-256 over the paths, sizes and bytes of files."""
    digest = sha256()
    for path in paths:
        digest.update(f"{path.relative_to(ROOT)}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    return digest.hexdigest()
