"""Bounds on the work that a hostile file or server can cause. Reaching a bound is reported as an absence."""

from __future__ import annotations

from msgspec import Struct

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB


class ServerLimits(Struct, frozen=True):
    """Bounds on the answers of a Hub or mirror, each with the reason for its figure.

    Attributes:
        answer_bytes: decompressed bytes of one answer of the API; 100,000 files take about 20 MB. In memory, an answer
            takes up to ten times its bytes. A text with a character above U+FFFF counts four times.
        answer_values: JSON values in one answer of the API, because each takes many times its bytes in memory. An
            object counts three times, a list twice.
        answer_keys: different keys in one answer of the API; those of a Hub are some hundred at most. A repeated key
            takes no memory.
        answer_wide: characters above U+FFFF in one answer of the API, such as emoji, because each is replaced.
        listing_bytes: decompressed bytes of all answers of the API for one repository, each of up to ``answer_bytes``;
            100,000 files take about 60 MB.
        listing_values: JSON values in all answers of the API for one repository, counted in the same way;
            100,000 files have about 2,600,000.
        pages: pages of one listing; the Hub needs 100 for the most files, a mirror may make smaller pages.
        listed_files: files of one commit; the Hub advises to stay below 100,000.
        name_bytes: names of all files in one listing, in memory; 100,000 names of 100 characters take about 10 MB.
        listing_seconds: all requests that resolve and list one repository, waits and retries included.
        scanner_seconds: all requests for the answers of the Hub's scanners, waits and retries included; a scan does not
            need them.
        scanner_seconds_for_each_file: time that each file adds to it, up to ``listing_seconds``; a page of 50 files may
            take a second.
        longest_wait: seconds that a rate limit may demand before the next request.
        waiting_seconds: all waits before repeated requests for one file, or for one listing, in sum.
        file_seconds: a file may take this long before its rate counts; it covers connections, waits and retries.
        file_rate: bytes a second that a file has to arrive with after ``file_seconds``: a slow mobile connection.
        file_requests: requests for one file, with redirects and resumed downloads.
        unstated_file_bytes: a file whose size the listing does not state.
        unstated_bytes: all files of one download whose size the listing does not state, because the check of free space
            does not count them.
        seconds_for_each_file: time that each file adds to that of a whole download, beside ``file_seconds`` and the
            time of its bytes at ``file_rate``; the Hub lets a user fetch about 5 files a second for long.
        failed_files: files that could not be fetched, after which the others are no longer requested.
        head_bytes: headers and interim answers before one answer, and the part of the body that arrives with them.
        side_bytes: the body of an error or a redirect; messages show its first words alone.
        free_pieces: pieces of one body, such as its chunks, that may be of any size.
        piece_bytes: bytes that a body has to have for each piece beyond them, because each costs about 13 µs of CPU
            time; a packet of a network has more.
    """

    answer_bytes: int = 20 * MIB
    answer_values: int = 1_500_000
    answer_keys: int = 10_000
    answer_wide: int = 100_000
    listing_bytes: int = 96 * MIB
    listing_values: int = 3_000_000
    pages: int = 2_000
    listed_files: int = 100_000
    name_bytes: int = 16 * MIB
    listing_seconds: float = 300.0
    scanner_seconds: float = 20.0
    scanner_seconds_for_each_file: float = 0.02
    longest_wait: float = 60.0
    waiting_seconds: float = 180.0
    file_seconds: float = 90.0
    file_rate: float = 32.0 * KIB
    file_requests: int = 64
    unstated_file_bytes: int = GIB
    unstated_bytes: int = 4 * GIB
    seconds_for_each_file: float = 0.5
    failed_files: int = 20
    head_bytes: int = 256 * KIB
    side_bytes: int = 64 * KIB
    free_pieces: int = 1_000
    piece_bytes: int = 512


class Limits(Struct, frozen=True):
    """Bounds for one scan. Sizes are bytes, times are seconds.

    Attributes:
        artifact_cpu_seconds: CPU time to read one artifact and all its members, hashing included, or all files of one
            base model; grows with the size (see ``cpu_seconds_per_gib``). It is the same on an idle and a busy machine.
        cpu_seconds_per_gib: added to ``artifact_cpu_seconds`` for every GiB of the artifact.
        artifact_wall_seconds: a backstop for one artifact whose reads block, such as on a broken disk.
        read_bytes: bytes that one window read returns.
        depth: nesting depth of containers.
        folder_depth: nesting depth of folders below the root of a local model.
        folder_entries: files, links and folders below the root of a local model, in the order of the listing; a record
            of each is kept.
        folder_absences: entries of one folder that cannot be opened for one reason and are reported one by one; the
            last of them counts the others.
        absences: absences of parts of the files that are reported one by one, in all; the last one of a file counts the
            others. Of each further file, the first is reported.
        findings: findings of all files that are listed with all of their evidence. Of each further file, the first
            finding of each rule is listed with less evidence, and counts the others.
        references: references to files that are compared with the snapshot, in all; those of a file beyond are unread.
        members: entries in one archive.
        members_total: child artifacts below one top-level artifact.
        structure_bytes: memory, as estimated, of the facts about one top-level artifact and its members, after which no
            further member is read.
        expanded_bytes: bytes that one top-level artifact expands to.
        expansion_ratio: expanded bytes for each stored byte, once ``expansion_floor`` is passed.
        expansion_floor: expanded bytes below which no ratio counts as a decompression bomb.
        document_bytes: size of a JSON, YAML, Markdown or text document that is read completely.
        table_bytes: size of a text that is read completely because it consists of the rows of a table of numbers and
            identifiers behind ``document_bytes``.
        document_depth: nesting depth of a document.
        document_nodes: values in a document.
        header_bytes: size of a safetensors header (the library's own bound is 100 MB).
        pickle_opcodes: opcodes of one pickle that are executed one by one; plain data passed over do not count.
        pickle_stack: values on the stack of the pickle machine.
        pickle_memo: entries in the memo of the pickle machine.
        pickle_value_bytes: memory of the values that a pickle program can reach; after that, arguments are unknown.
        pickle_events: events kept for one artifact.
        pickle_streams: consecutive pickles in one artifact.
        second_opinion_seconds: time for the second scanner, all files together.
        prose_bytes: characters (the name is permanent) kept of texts that may contain licence terms, for one top-level
            artifact.
        origin_depth: steps from a model to its most distant base model.
        origins: base models in all.
        origin_seconds: time after which no further base model is looked up; also the most for the listing of one.
        server: bounds on the answers of a Hub.
    """

    artifact_cpu_seconds: float = 45.0
    cpu_seconds_per_gib: float = 20.0
    artifact_wall_seconds: float = 3600.0
    read_bytes: int = 16 * MIB
    depth: int = 8
    folder_depth: int = 512
    folder_entries: int = 101_000
    folder_absences: int = 100
    absences: int = 10_000
    findings: int = 10_000
    references: int = 200_000
    members: int = 100_000
    members_total: int = 200_000
    structure_bytes: int = 48 * MIB
    expanded_bytes: int = 64 * GIB
    expansion_ratio: int = 200
    expansion_floor: int = 64 * MIB
    document_bytes: int = 64 * MIB
    table_bytes: int = 256 * MIB
    document_depth: int = 200
    document_nodes: int = 5_000_000
    header_bytes: int = 100_000_000
    pickle_opcodes: int = 20_000_000
    pickle_stack: int = 3_000_000
    pickle_memo: int = 3_000_000
    pickle_value_bytes: int = 48 * MIB
    pickle_events: int = 50_000
    pickle_streams: int = 10_000
    second_opinion_seconds: float = 120.0
    prose_bytes: int = 16 * MIB
    origin_depth: int = 8
    origins: int = 50
    origin_seconds: float = 60.0
    server: ServerLimits = ServerLimits()
