"""The one set of bounds on what a hostile file may cost. Reaching one is reported, never a crash and never silence."""

from __future__ import annotations

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds for one scan. Sizes are bytes, times are seconds.

    Attributes:
        artifact_seconds: time one artifact and all that it contains may take to be read, hashing included
            in proportion to its size (see ``seconds_per_gib``).
        seconds_per_gib: added to ``artifact_seconds`` for every GiB of the artifact.
        read_bytes: the most that one window read may return.
        depth: how far containers may nest.
        folder_depth: how far folders may nest below the root of a local model.
        members: entries in one archive.
        members_total: child artifacts below one top-level artifact.
        expanded_bytes: bytes that one top-level artifact may expand to.
        expansion_ratio: expanded bytes for each stored byte, once ``expansion_floor`` is passed.
        expansion_floor: expansion below this is never called a bomb.
        document_bytes: the largest JSON, YAML, Markdown or text document that is read whole.
        document_depth: nesting of a document.
        document_nodes: values in a document.
        header_bytes: the largest safetensors header (the library's own bound is 100 MB).
        pickle_stack: values on the stack of the pickle machine.
        pickle_memo: entries in its memo.
        pickle_events: events kept for one artifact.
        pickle_streams: pickles that follow one another in one artifact.
        second_opinion_seconds: time for the second scanner as a whole.
        prose_bytes: characters of texts that may hold terms, kept of one top-level artifact.
        origin_depth: steps from a model to what it was made from.
        origins: models that one was made from, in all.
        origin_seconds: time after which no further origin is looked at.
    """

    artifact_seconds: float = 120.0
    seconds_per_gib: float = 60.0
    read_bytes: int = 16 * MIB
    depth: int = 8
    folder_depth: int = 512
    members: int = 100_000
    members_total: int = 200_000
    expanded_bytes: int = 64 * GIB
    expansion_ratio: int = 200
    expansion_floor: int = 64 * MIB
    document_bytes: int = 64 * MIB
    document_depth: int = 200
    document_nodes: int = 5_000_000
    header_bytes: int = 100_000_000
    pickle_stack: int = 3_000_000
    pickle_memo: int = 3_000_000
    pickle_events: int = 50_000
    pickle_streams: int = 10_000
    second_opinion_seconds: float = 120.0
    prose_bytes: int = 16 * MIB
    origin_depth: int = 8
    origins: int = 50
    origin_seconds: float = 60.0
