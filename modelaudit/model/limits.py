"""Bounds on the work that a hostile file can cause. Reaching a bound is reported as an absence."""

from __future__ import annotations

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds for one scan. Sizes are bytes, times are seconds.

    Attributes:
        artifact_seconds: time to read one artifact and all its members, hashing included; grows with the size
            (see ``seconds_per_gib``).
        seconds_per_gib: added to ``artifact_seconds`` for every GiB of the artifact.
        read_bytes: bytes that one window read returns.
        depth: nesting depth of containers.
        folder_depth: nesting depth of folders below the root of a local model.
        members: entries in one archive.
        members_total: child artifacts below one top-level artifact.
        expanded_bytes: bytes that one top-level artifact expands to.
        expansion_ratio: expanded bytes for each stored byte, once ``expansion_floor`` is passed.
        expansion_floor: expanded bytes below which no ratio counts as a decompression bomb.
        document_bytes: size of a JSON, YAML, Markdown or text document that is read completely.
        document_depth: nesting depth of a document.
        document_nodes: values in a document.
        header_bytes: size of a safetensors header (the library's own bound is 100 MB).
        pickle_stack: values on the stack of the pickle machine.
        pickle_memo: entries in the memo of the pickle machine.
        pickle_events: events kept for one artifact.
        pickle_streams: consecutive pickles in one artifact.
        second_opinion_seconds: time for the second scanner, all files together.
        prose_bytes: characters kept of texts that may contain licence terms, for one top-level artifact.
        origin_depth: steps from a model to its most distant base model.
        origins: base models in all.
        origin_seconds: time after which no further base model is looked up.
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
