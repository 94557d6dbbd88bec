from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support.cases import check_each

from modelaudit.integrity.digests import DigestingWindow, compare_digests
from modelaudit.integrity.unverified import find_unverified_bytes
from modelaudit.model.digest import Claim, ClaimSource, Digest, DigestAlgorithm
from modelaudit.model.errors import WindowError
from modelaudit.model.report import ArtifactRecord, DigestState, Extent
from modelaudit.model.structure import UnreadReason

_GIT = Digest(DigestAlgorithm.GIT_BLOB, "c" * 40)
_SHA = Digest(DigestAlgorithm.SHA256, "a" * 64)


class BytesWindow:
    """A window over bytes in memory that counts the bytes it returns; it may state a false size."""

    def __init__(self, data: bytes, stated_size: int | None = None) -> None:
        self.data = data
        self.size = len(data) if stated_size is None else stated_size
        self.bytes_read = 0

    def read(self, offset: int, length: int) -> bytes:
        piece = self.data[offset : offset + length]
        self.bytes_read += len(piece)
        return piece


@settings(suppress_health_check=[HealthCheck.too_slow])  # a busy machine draws slowly
@example(b"x" * 10, [(0, 5), (0, 10)])
@example(b"x" * 10, [(0, 5), (3, 4), (2, 8)])
@given(st.binary(max_size=200), st.lists(st.tuples(st.integers(0, 220), st.integers(0, 220))))
def test_digests_do_not_depend_on_read_order(data: bytes, reads: list[tuple[int, int]]) -> None:
    window = DigestingWindow(BytesWindow(data), [_GIT])
    for offset, length in reads:
        assert window.read(offset, length) == data[offset : offset + length]
    sha256, git = window.finish()
    assert sha256 == Digest(DigestAlgorithm.SHA256, hashlib.sha256(data).hexdigest())
    assert git.value == hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def test_blob_id_is_computed_only_for_a_file_whose_source_claims_one() -> None:
    (only,) = DigestingWindow(BytesWindow(b"x"), [_SHA]).finish()
    assert only.algorithm is DigestAlgorithm.SHA256


def test_computed_blob_id_equals_the_one_that_git_computes(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"some content\n")
    command = ["git", "hash-object", "file"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    _, git_digest = DigestingWindow(BytesWindow(b"some content\n"), [_GIT]).finish()
    assert git_digest.value == done.stdout.strip()


def test_digests_of_bytes_that_were_read_in_order_need_no_second_read() -> None:
    inner = BytesWindow(b"x" * 1000)
    window = DigestingWindow(inner)
    for offset in range(0, 1000, 100):
        window.read(offset, 100)
    window.finish()
    assert inner.bytes_read == 1000


def test_digest_of_a_file_shorter_than_its_stated_size_raises_an_error_of_a_changed_file() -> None:
    with pytest.raises(WindowError) as caught:
        DigestingWindow(BytesWindow(b"abc", stated_size=10)).finish()
    assert caught.value.reason is UnreadReason.CHANGED


_OTHER = Digest(DigestAlgorithm.SHA256, "b" * 64)


@check_each(
    "claimed, computed, state",
    [
        ((), (_SHA, _GIT), DigestState.UNCLAIMED),
        ((_SHA,), (), DigestState.NOT_COMPUTED),
        ((_SHA,), (_SHA, _GIT), DigestState.MATCH),
        ((_GIT,), (_SHA, _GIT), DigestState.MATCH_SHA1),
        ((_OTHER,), (_SHA, _GIT), DigestState.MISMATCH),
        ((_OTHER, _GIT), (_SHA, _GIT), DigestState.MISMATCH),
        ((_GIT,), (_SHA,), DigestState.NOT_COMPARED),
    ],
)
def test_digest_comparison_tells_match_mismatch_missing_claim_and_missing_computation(
    claimed: tuple[Digest, ...], computed: tuple[Digest, ...], state: DigestState
) -> None:
    assert compare_digests(claimed, computed) is state


def test_claim_of_an_algorithm_that_was_not_computed_is_an_absence_beside_one_that_fits() -> None:
    claims = tuple(Claim(each, ClaimSource.SIDECAR, "SUMS") for each in (_SHA, _GIT))
    record = ArtifactRecord("a", 1, Extent.EXAMINED, digests=(_SHA,), claims=claims)
    (absence,) = find_unverified_bytes(record, is_listed=True, expects_claims=False)
    assert absence.reason is UnreadReason.UNVERIFIED_BYTES
    assert absence.detail == "a file of checksums (SUMS) states a git blob digest, which was not compared"
