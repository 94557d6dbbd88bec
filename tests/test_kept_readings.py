"""Tests for the readings of small files that equal files share."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from support.reading import BytesWindow

import modelaudit
from modelaudit.integrity.hashing import hash_at_once
from modelaudit.kept_readings import KeptReading, KeptReadings, hold_small_file, make_reading_key
from modelaudit.model.artifact import Artifact
from modelaudit.model.copies import replace
from modelaudit.model.errors import WindowError
from modelaudit.model.limits import KIB, Limits
from modelaudit.model.outline import Outline
from modelaudit.model.report import AuditReport
from modelaudit.model.structure import UnreadReason
from modelaudit.pipeline import ArtifactReading
from modelaudit.sources import resolve_target
from modelaudit.wire.windows import make_opener

_CARD = "---\nlicense: mit\nbase_model: acme/base\n---\n# Acme\n\nNot for commercial use.\n"


def read(path: str, data: bytes) -> ArtifactReading:
    """Read a file as a scan does."""
    reading = ArtifactReading(Limits())
    reading.run(Artifact(path, len(data), make_opener(BytesWindow(data))))
    return reading


def digest(path: str, data: bytes) -> str | None:
    """Compute the digest of a file, if it is small."""
    artifact = Artifact(path, len(data), make_opener(BytesWindow(data)))
    held = hold_small_file(artifact, BytesWindow(data), Limits())
    return held.digest if held is not None else None


def make_key(path: str, data: bytes, limits: Limits | None = None, *, is_terms_only: bool = False) -> object:
    """Make the key of a file."""
    artifact = Artifact(path, len(data), make_opener(BytesWindow(data)))
    digest_ = digest(path, data)
    assert digest_ is not None
    return make_reading_key(artifact, digest_, limits or Limits(), "", is_terms_only=is_terms_only)


def answer(folder: Path, text: str) -> AuditReport:
    """Answer on a model with this card, without the time of the answer."""
    folder.mkdir()
    (folder / "README.md").write_text(text, encoding="utf-8")
    (folder / "config.json").write_text('{"model_type": "llama"}', encoding="utf-8")
    return replace(modelaudit.license(folder, offline=True, uses={"commercial": True}), created="")


def test_an_equal_file_shares_the_structures_of_the_first() -> None:
    first, second = read("README.md", _CARD.encode()), read("README.md", _CARD.encode())
    assert first.structures
    assert [id(each) for _, each in first.structures] == [id(each) for _, each in second.structures]
    assert (first.formats, first.byte_counts) == (second.formats, second.byte_counts)


def test_a_file_with_an_absence_is_read_again() -> None:
    data = b"\x93NUMPY\x01\x00\xff"
    first, second = read("array.npy", data), read("array.npy", data)
    assert first.unread == second.unread != []
    assert not {id(each) for _, each in first.unread} & {id(each) for _, each in second.unread}


def test_reports_on_equal_models_are_equal(tmp_path: Path) -> None:
    first, second = answer(tmp_path / "a", _CARD), answer(tmp_path / "b", _CARD)
    assert first.license == second.license
    assert first.findings == second.findings
    assert first.decision == second.decision
    other = answer(tmp_path / "c", _CARD.replace("Not for", "Made for"))
    assert other.license.claims != first.license.claims


@pytest.mark.parametrize(
    "other",
    [
        make_key("README.md", b"b"),
        make_key("other.md", b"a"),
        make_key("README.md", b"a", replace(Limits(), depth=1)),
        make_key("README.md", b"a", is_terms_only=True),
    ],
    ids=["bytes", "path", "limits", "terms"],
)
def test_a_key_holds_all_that_a_reading_depends_on(other: object) -> None:
    assert make_key("README.md", b"a") == make_key("README.md", b"a") != other


def test_large_and_empty_files_are_not_kept() -> None:
    assert digest("weights.bin", bytes(64 * KIB)) == hashlib.sha256(bytes(64 * KIB)).hexdigest()
    assert digest("weights.bin", bytes(64 * KIB + 1)) is None
    assert digest("weights.bin", b"") is None


def test_the_digest_of_a_reading_is_that_of_the_bytes_that_were_read(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(_CARD, encoding="utf-8")
    (artifact,) = resolve_target(str(tmp_path)).artifacts
    for _ in range(2):  # the second one takes the facts of the first
        reading = ArtifactReading(Limits())
        reading.run(artifact)
        assert reading.digest == hashlib.sha256(_CARD.encode()).hexdigest()
    (tmp_path / "README.md").write_text(_CARD.replace("mit", "isc"), encoding="utf-8")
    reading = ArtifactReading(Limits())
    reading.run(artifact)
    assert [unread.reason for _, unread in reading.unread] == [UnreadReason.CHANGED]
    assert reading.digest is None


class _ChangingWindow(BytesWindow):
    """A window whose bytes change after the first read, which a file mapped into memory can do with all its times."""

    def read(self, offset: int, length: int) -> bytes:
        piece = super().read(offset, length)
        self.data = b"#".ljust(self.size)
        return piece


def test_the_bytes_of_a_small_file_are_those_of_its_digest() -> None:
    data = b"import os\nos.system('true')\n"
    reading = ArtifactReading(Limits())
    hashed = reading.run(Artifact("setup.py", len(data), make_opener(_ChangingWindow(data))), hash_at_once)
    assert hashed is not None
    assert [each.value for each in hashed().digests] == [hashlib.sha256(data).hexdigest()]
    # An equal file of the next repository has the facts of its own bytes.
    for structures in (reading.structures, read("setup.py", data).structures):
        names = {each.name for _, outline in structures if isinstance(outline, Outline) for each in outline.mentions}
        assert "os.system" in names


def test_a_held_file_refuses_the_reads_that_a_file_on_disk_refuses() -> None:
    artifact = Artifact("a", 4, make_opener(BytesWindow(b"1234")))
    held = hold_small_file(artifact, BytesWindow(b"1234"), replace(Limits(), read_bytes=5))
    assert held is not None
    assert (held.size, held.read(1, 2), held.read(3, 5), held.read(9, 1)) == (4, b"23", b"4", b"")
    for offset, length, reason in ((0, 6, UnreadReason.LIMIT), (-1, 1, UnreadReason.UNREADABLE), (0, -1, None)):
        with pytest.raises(WindowError) as caught:
            held.read(offset, length)
        assert caught.value.reason is (reason or UnreadReason.UNREADABLE)


def test_the_readings_kept_have_a_bound_in_bytes() -> None:
    kept = KeptReadings()
    for number in range(40):
        kept.keep(number, KeptReading((), (), None, 200 * KIB))
    assert kept.find(0) is None
    assert kept.find(39) is not None
    assert sum(kept.find(number) is not None for number in range(40)) == 20
    kept.keep("large", KeptReading((), (), None, 300 * KIB))
    assert kept.find("large") is None


def test_the_latest_used_reading_stays() -> None:
    kept = KeptReadings()
    for number in range(30):
        kept.keep(number, KeptReading((), (), None, 200 * KIB))
        kept.find(0)
    assert kept.find(0) is not None
    assert kept.find(1) is None
