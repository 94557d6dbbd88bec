"""Files of checksums beside the files of a model: ``SHA256SUMS``, ``weights.bin.sha256`` and the like.

Forms: the output of ``sha256sum`` in text and binary mode, with and without escaped names; the BSD form of
``sha256sum --tag`` and of openssl; and a digest alone in ``NAME.sha256``.
Source: https://www.gnu.org/software/coreutils/manual/html_node/cksum-output-modes.html.
"""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from modelaudit.model.artifact import Artifact, Snapshot
from modelaudit.model.copies import replace
from modelaudit.model.digest import Claim, ClaimSource, Digest, DigestAlgorithm
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import Limits
from modelaudit.model.source_fact import SourceFact, SourceFactKind
from modelaudit.sources.claims import explain_unstorable_name
from modelaudit.sources.folder_records import add_listed_claims, name_some, read_small_artifact

_MOST_BYTES: Final = 16 << 20
_LONGEST_LINE: Final = 8192  # longer than any path and a digest
_NAME: Final = defer_pattern(
    r"sha256sums?(?:\.txt)?|checksums?(?:\.txt|\.sha256)?|(?:tag)?manifest-sha256\.txt|.+\.sha256(?:sums?)?(?:\.txt)?",
    re.IGNORECASE,
)
_OF_ONE_FILE: Final = defer_pattern(r"(.+)\.sha256(?:sum)?(?:\.txt)?", re.IGNORECASE)
_OTHER_NAME: Final = defer_pattern(
    r"(?:md5|sha1|sha224|sha384|sha512|b2|blake2b?|blake3|b3)sums?(?:\.txt)?|"
    r".+\.(?:md5|sha1|sha224|sha384|sha512|b2|blake2b?|blake3|b3)(?:sums?)?(?:\.txt)?",
    re.IGNORECASE,
)
# ``sha256sum`` passes over white space before a line, and takes one space for two.
_LINE: Final = defer_pattern(r"[ \t]*(\\?)(?:[Ss][Hh][Aa]-?256[:=] ?)?([0-9A-Fa-f]{64})(?: [ *]|[ \t])(.+)")
_BSD_LINE: Final = defer_pattern(r"(\\?)SHA(?:2-)?256 ?\((.+)\) ?= ?([0-9A-Fa-f]{64})", re.IGNORECASE)
# A line of the files whose names tell another algorithm.
_LINE_OF_OTHER: Final = defer_pattern(
    r"\\?[0-9A-Fa-f]{32,128}(?:(?: [ *]|[ \t]).+)?|\\?[A-Za-z0-9-]{2,20} ?\(.+\) ?= ?[0-9A-Fa-f]{32,128}"
)
_DIGEST_ALONE: Final = defer_pattern(r"(?:sha-?256[:=] ?)?([0-9A-Fa-f]{64})", re.IGNORECASE)
# A line with a digest of another length, or of an algorithm by its name.
_OTHER_LINE: Final = defer_pattern(
    r"\\?(?:[0-9A-Fa-f]{32}|[0-9A-Fa-f]{40}|[0-9A-Fa-f]{56}|[0-9A-Fa-f]{96}|[0-9A-Fa-f]{128})(?: [ *]|\t).+|"
    r"\\?[A-Za-z0-9-]{2,20} ?\(.+\) ?= ?[0-9A-Fa-f]{32,128}"
)
# A line that is meant to state a digest, and states none of a known form.
_BROKEN_LINE: Final = defer_pattern(
    r"\\?[0-9A-Za-z+/=_-]{32,}(?: [ *]|\t).+|\\?SHA(?:2-)?256 ?\(.+\) ?=.*", re.IGNORECASE
)
_STRAY_DIGEST: Final = defer_pattern(r"(?<![0-9A-Fa-f])[0-9A-Fa-f]{64}(?![0-9A-Fa-f])")
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")
"""The first bytes of the text that a shell of Windows writes into a file."""
_NAMING_LINE: Final = defer_pattern(r"\S+ [ *](.+)")
_ESCAPE: Final = defer_pattern(r"\\(.)")
_ESCAPED_CHARACTERS: Final = {"n": "\n", "r": "\r", "\\": "\\"}


class _Statement(Struct, frozen=True):
    """The digest that one line states for a file; ``name`` as the line spells it, empty for a digest alone."""

    name: str
    digest: Digest


def apply_sidecars(snapshot: Snapshot, limits: Limits) -> Snapshot:
    """Return the snapshot with the claims of the files of checksums in it, and facts about unsound ones."""
    paths = {artifact.path for artifact in snapshot.artifacts}
    claims: defaultdict[str, list[Claim]] = defaultdict(list)
    facts: list[SourceFact] = []
    not_compared: list[str] = []
    uncompared_records: set[str] = set()
    lines_left = limits.folder_entries
    for artifact in snapshot.artifacts:
        name = artifact.path.rpartition("/")[2]
        if artifact.open is not None and _OTHER_NAME.fullmatch(name):
            not_compared.append(artifact.path)
            if _holds_digests_alone(artifact):
                uncompared_records.add(artifact.path)
        if artifact.open is None or not _NAME.fullmatch(name):
            continue
        sidecar = _Sidecar(artifact, paths, lines_left)
        lines_left = sidecar.read()
        facts += sidecar.facts
        for path, found in sidecar.claims.items():
            claims[path] += found
        if sidecar.has_other_lines:
            not_compared.append(artifact.path)
    notes = snapshot.notes
    if not_compared:
        why = "files of checksums whose digests are not compared, because only SHA-256 is"
        notes = (*notes, f"{why}: {name_some(not_compared)}")
    if not (claims or facts or not_compared or any(each.claims for each in snapshot.artifacts)):
        return snapshot
    artifacts = (add_listed_claims(each, None, claims.get(each.path, ())) for each in snapshot.artifacts)
    return replace(
        snapshot,
        artifacts=tuple(artifacts),
        facts=(*snapshot.facts, *facts),
        notes=notes,
        uncompared_records=frozenset(uncompared_records),
    )


def _holds_digests_alone(artifact: Artifact) -> bool:
    """Whether every line of a file states a digest, so that it is a file of checksums and nothing else."""
    data = read_small_artifact(artifact, _MOST_BYTES)
    lines = [] if data is None else data.decode("utf-8-sig", "surrogateescape").split("\n")
    stated = [line.rstrip("\r") for line in lines if line.strip() and not line.startswith("#")]
    return bool(stated) and all(len(line) <= _LONGEST_LINE and _LINE_OF_OTHER.fullmatch(line) for line in stated)


class _Sidecar:
    """One file of checksums.

    Attributes:
        claims: by the path of the file.
        facts: about names that cannot be used, and files that are not there.
        has_other_lines: whether it states digests of other algorithms.
    """

    def __init__(self, artifact: Artifact, paths: set[str], most_lines: int) -> None:
        self._artifact = artifact
        self._path = artifact.path
        self._folder, _, self._name = artifact.path.rpartition("/")
        self._paths = paths
        self._lines_left = most_lines
        self.claims: defaultdict[str, list[Claim]] = defaultdict(list)
        self.facts: list[SourceFact] = []
        self.has_other_lines = False
        self._has_broken_line = False

    def read(self) -> int:
        """Read the lines, and return how many more may be read of other files."""
        if self._artifact.size > _MOST_BYTES:
            self._add_fact(SourceFactKind.UNSOUND_RECORD, f"it has more than {_MOST_BYTES} bytes and was not read")
            return self._lines_left
        data = read_small_artifact(self._artifact, _MOST_BYTES)
        if data is None:
            return self._lines_left  # the reading of the file reports why
        is_wide = data.startswith(_UTF16)
        text = data.decode("utf-16", "replace") if is_wide else data.decode("utf-8-sig", "surrogateescape")
        has_statement = False
        for statement in self._iterate_statements(text):
            has_statement = True
            self._add_claim(statement)
        is_for_sha256 = "256" in self._name or "\0" in text
        if not has_statement and not self.has_other_lines and is_for_sha256 and text.strip():
            self._add_fact(SourceFactKind.UNSOUND_RECORD, "no line of it states a SHA-256")
        return self._lines_left

    def _iterate_statements(self, text: str) -> Iterator[_Statement]:
        """Yield the statements of the lines, up to the bound on lines."""
        for number, raw_line in enumerate(text.split("\n"), 1):
            line = raw_line.rstrip("\r")
            if not line.strip() or line.startswith("#"):
                continue
            self._lines_left -= 1
            if self._lines_left < 0:
                self._add_fact(SourceFactKind.UNSOUND_RECORD, "it has more lines than the bound, and was read in part")
                return
            if len(line) > _LONGEST_LINE:
                self._report_broken_line(number, f"it has more than {_LONGEST_LINE} characters")
                continue
            match = _LINE.fullmatch(line)
            bsd_match = _BSD_LINE.fullmatch(line)
            digest_match = _DIGEST_ALONE.fullmatch(line.strip())
            if match is not None:
                yield _make_statement(match[1], match[3], match[2])
            elif bsd_match is not None:
                yield _make_statement(bsd_match[1], bsd_match[2], bsd_match[3])
            elif digest_match is not None:
                yield _make_statement("", "", digest_match[1])
            elif _OTHER_LINE.fullmatch(line):
                self.has_other_lines = True
            elif _BROKEN_LINE.fullmatch(line) or _STRAY_DIGEST.search(line) or self._names_file(line):
                self._report_broken_line(number, "it states no digest of a known form")

    def _names_file(self, line: str) -> bool:
        """Whether a line that states no digest has the name of a file where a name is expected."""
        match = _NAMING_LINE.fullmatch(line)
        return match is not None and f"{self._folder}/{match[1]}".lstrip("/") in self._paths

    def _report_broken_line(self, number: int, why: str) -> None:
        """Add the fact that a line is not used; for the first such line only."""
        if not self._has_broken_line:
            self._has_broken_line = True
            self._add_fact(SourceFactKind.UNSOUND_RECORD, f"line {number}: {why}")

    def _add_claim(self, statement: _Statement) -> None:
        """Add the claim of one line, or a fact if its name is hostile or names no file."""
        own = _OF_ONE_FILE.fullmatch(self._name)
        name = statement.name or (own[1] if own is not None else "")
        # ``sha256sum`` opens the names as they are; these differences of spelling lead to the same file.
        name = name if name.startswith("/") else posixpath.normpath(name) if name else ""
        if own is not None and posixpath.basename(name.replace("\\", "/")) == own[1]:
            name = own[1]  # many such files hold the path that the file had elsewhere
        if name == self._name:
            return  # a shell made the file before sha256sum read the folder
        problem = "the line has a digest and no name" if not name else explain_unstorable_name(name)
        if problem is not None:
            self._add_fact(SourceFactKind.UNSOUND_RECORD, f"{name[:200]!r}: {problem}")
            return
        path = f"{self._folder}/{name}" if self._folder else name
        if path not in self._paths:
            self._add_fact(SourceFactKind.NAMED_ABSENT, f"{name[:200]!r} is not in its folder")
            return
        self.claims[path].append(Claim(statement.digest, ClaimSource.SIDECAR, self._path))

    def _add_fact(self, kind: SourceFactKind, detail: str) -> None:
        """Add a fact about the file of checksums itself."""
        self.facts.append(SourceFact(kind, self._path, ClaimSource.SIDECAR, detail))


def _make_statement(escape: str, name: str, digest: str) -> _Statement:
    """Return the statement of one line; with ``escape``, the name holds escaped characters."""
    if escape:
        name = _ESCAPE.sub(lambda match: _ESCAPED_CHARACTERS.get(match[1], match[0]), name)
    return _Statement(name, Digest(DigestAlgorithm.SHA256, digest.lower()))
