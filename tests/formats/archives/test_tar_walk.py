"""Tar archives where the dialects differ: what Python's ``tarfile`` sees in them is what is read."""

from __future__ import annotations

import io
import tarfile
from contextlib import nullcontext

import pytest
from builders.tar_archives import BLOCK, END, header, member, padded, pax, summed
from support.cases import check_each

from modelaudit.formats.archives.tar.sparse import is_valid_map
from modelaudit.formats.registry import find_reader
from modelaudit.model.artifact import Artifact
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.structure import ArchiveListing, Unread, UnreadReason
from modelaudit.wire.tar_headers import GNU_SPARSE, is_header, parse_header

NOTE = b"some text\n"


def _read(data: bytes, bytes_window, limits: Limits | None = None):
    """The listing, the contents by their address below the file, and what was not read."""
    window = bytes_window(data)
    listing, contents, unread = None, {}, []
    for item in find_reader("tar").read(
        Artifact("file", window.size, lambda: nullcontext(window)), window, limits or Limits()
    ):
        if isinstance(item, ArchiveListing):
            listing = item
        elif isinstance(item, Artifact):
            with item.open() as content:
                contents[item.path.removeprefix("file!")] = content.read(0, content.size)
        else:
            assert isinstance(item, Unread)
            unread.append(item)
    assert listing is not None
    return listing, contents, unread


def _by_tarfile(data: bytes) -> list[tuple[str, int]]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return [(entry.name, entry.size) for entry in archive.getmembers()]


def _kinds(listing: ArchiveListing) -> list[str]:
    return [defect.kind for defect in listing.defects]


def _signed(block: bytes) -> bytes:
    """The header with its checksum as old writers made it."""
    others = block[:148] + b" " * 8 + block[156:]
    total = sum(others) - 256 * sum(byte >= 0x80 for byte in others)
    return block[:148] + b"%06o\0 " % total + block[156:]


def test_a_checksum_of_signed_bytes_is_one_too(bytes_window):
    block = header("é☃.txt".encode(), len(NOTE))
    assert _signed(block) != block
    data = member(b"first", NOTE) + _signed(block) + padded(NOTE) + END
    listing, contents, unread = _read(data, bytes_window)
    assert [(each.name, each.size) for each in listing.members] == _by_tarfile(data)
    assert contents == {"first": NOTE, "é☃.txt": NOTE}
    assert (listing.defects, unread) == ((), [])


def test_a_checksum_that_is_off_by_one_is_none():
    block = header("é.txt".encode())
    assert is_header(block)
    assert is_header(_signed(block))
    for sound in (block, _signed(block)):
        assert not is_header(sound[:148] + b"%06o\0 " % (int(sound[148:154], 8) + 1) + sound[156:])


@pytest.mark.parametrize("kind", [b"0", b"5", b"Q", GNU_SPARSE])
def test_a_prefix_stands_before_the_name_but_in_kinds_of_gnu(kind):
    # There, old GNU archives keep times.
    block = header(b"weights.pkl", kind=kind, more=b"00000000000\0")
    found = parse_header(block, 0)
    assert found is not None
    assert found.name == ("weights.pkl" if kind == GNU_SPARSE else "00000000000/weights.pkl")
    with tarfile.open(fileobj=io.BytesIO(block + END)) as archive:
        assert [entry.name for entry in archive.getmembers()] == [found.name]


def test_the_old_spelling_of_a_folder_is_a_folder_without_data(bytes_window):
    data = header(b"folder/", 2 * BLOCK, kind=b"\0", magic=b"") + member(b"folder/note.txt", NOTE) + END
    listing, contents, _ = _read(data, bytes_window)
    assert [each.name.rstrip("/") for each in listing.members] == [name for name, _ in _by_tarfile(data)]
    assert contents == {"folder/note.txt": NOTE}
    assert _kinds(listing) == ["data-without-file"]


def test_the_old_kind_without_a_slash_is_a_file(bytes_window):
    data = member(b"note.txt", NOTE, kind=b"\0", magic=b"") + END
    _, contents, _ = _read(data, bytes_window)
    assert contents == {"note.txt": NOTE}


def test_a_path_for_all_members_names_those_without_one(bytes_window):
    named = pax(path=b"own.txt") + member(b"b", NOTE)
    data = pax(b"g", path=b"shared.txt", comment=b"x") + member(b"a", NOTE) + named + END
    listing, contents, _ = _read(data, bytes_window)
    assert [(each.name, each.size) for each in listing.members] == _by_tarfile(data)
    assert contents == {"shared.txt": NOTE, "own.txt": NOTE}


def test_a_link_target_for_all_members_is_told(bytes_window):
    link = header(b"a", kind=b"2", link=b"b")
    listing, _, _ = _read(pax(b"g", linkpath=b"../../etc/passwd") + link + END, bytes_window)
    assert [each.link_target for each in listing.members] == ["../../etc/passwd"]


@pytest.mark.parametrize("size", [1, 600, 9 << 30])
def test_a_size_for_all_members_moves_none_and_is_told(size, bytes_window):
    data = pax(b"g", size=b"%d" % size) + member(b"a", NOTE) + member(b"b", NOTE) + END
    listing, contents, _ = _read(data, bytes_window)
    assert [each.name for each in listing.members] == ["a", "b"] == [name for name, _ in _by_tarfile(data)]
    assert contents == {"a": NOTE, "b": NOTE}
    assert _kinds(listing) == ["pax-size-mismatch"] * 2


def test_a_size_of_its_own_moves_what_follows(bytes_window):
    data = pax(size=b"600") + header(b"a", 0) + padded(b"x" * 600) + member(b"b", NOTE) + END
    listing, contents, _ = _read(data, bytes_window)
    assert [(each.name, each.size) for each in listing.members] == _by_tarfile(data)
    assert contents == {"a": b"x" * 600, "b": NOTE}
    # From 8 GiB on, a header has no room for a size; below, two sizes are a contradiction.
    assert _kinds(listing) == ["pax-size-mismatch"]


@pytest.mark.parametrize(
    ("size", "shared", "kinds"),
    [(0, False, {"truncated-member"}), (10, False, {"truncated-member", "pax-size-mismatch"}), (0, True, {"pax-size-mismatch"})],
)  # fmt: skip
def test_only_a_header_without_a_size_may_leave_a_large_one_to_its_own_records(size, shared, kinds, bytes_window):
    data = pax(b"g" if shared else b"x", size=b"%d" % (9 << 30)) + header(b"a", size) + padded(b"x" * size)
    listing, _, _ = _read(data, bytes_window)
    assert set(_kinds(listing)) == kinds


def test_what_looks_like_a_header_behind_the_end_is_trailing_data(bytes_window):
    block = bytearray(header(b"b"))
    block[124:136] = b"\xff" * 12
    negative = summed(bytes(block))
    listing, contents, unread = _read(member(b"a", NOTE) + END + negative, bytes_window)
    assert _kinds(listing) == ["trailing-data"]
    assert negative.rstrip(b"\0") in contents.values()
    assert unread == []


@pytest.mark.parametrize("between", [END, padded(NOTE) + END])
@pytest.mark.parametrize("magic", [True, False])
def test_zeros_behind_a_damaged_header_are_no_end(between, magic, bytes_window):
    damaged = bytearray(header(b"b", len(NOTE), magic=b"ustar\0" + b"00" if magic else b""))
    damaged[148:156] = b"000000\0 "
    listing, _, _ = _read(member(b"a", NOTE) + bytes(damaged) + between + member(b"c", NOTE) + END, bytes_window)
    assert [each.name for each in listing.members] == ["a", "c"]
    assert "header-damaged" in _kinds(listing)
    assert "member-after-end" not in _kinds(listing)


def test_what_stands_behind_the_end_is_no_damaged_header(bytes_window):
    trailer = b"behind the end".ljust(BLOCK, b"!")
    listing, contents, unread = _read(member(b"a", NOTE) + END + trailer, bytes_window)
    assert _kinds(listing) == ["trailing-data"]
    assert trailer in contents.values()
    assert unread == []


@pytest.mark.parametrize("magic", [True, False])
def test_a_damaged_header_is_left_over_unless_it_still_looks_like_one(magic, bytes_window):
    block = bytearray(header(b"b", len(NOTE)))
    block[148:156] = b"000000\0 "
    if not magic:
        block[257:265] = bytes(8)
    listing, contents, unread = _read(member(b"a", NOTE) + bytes(block) + padded(NOTE), bytes_window)
    assert _kinds(listing)[0] == "header-damaged"
    assert [each.reason for each in unread] == [UnreadReason.DAMAGED]
    rest = [content for path, content in contents.items() if path != "a"]
    assert rest == [NOTE if magic else bytes(block) + NOTE]


def _sparse(name: bytes, pieces: list[tuple[int, int]], size: int, data: bytes, further: bool = False) -> bytes:
    """A member of the old GNU kind; ``further`` puts what comes after the fourth piece into a block of its own."""
    numbers = [b"".join(b"%011o\0" % number for piece in part for number in piece) for part in (pieces[:4], pieces[4:])]
    more = bytes(41) + numbers[0].ljust(96, b"\0") + (b"\1" if further else b"\0") + b"%011o\0" % size
    block = header(name, len(data), kind=b"S", magic=b"ustar  \0", more=more)
    return block + (numbers[1].ljust(BLOCK, b"\0") if further else b"") + padded(data)


@pytest.mark.parametrize("further", [False, True])
def test_the_map_of_holes_goes_on_in_a_block_that_is_no_data(further, bytes_window):
    count = 6 if further else 4
    pieces = [(1000 * index, 2) for index in range(count)]
    stored = b"".join(b"%d." % index for index in range(count))
    data = _sparse(b"a", pieces, 5002, stored, further) + member(b"b", NOTE) + END
    listing, contents, unread = _read(data, bytes_window)
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        expected = {entry.name: archive.extractfile(entry).read() for entry in archive.getmembers()}
    assert contents == expected
    assert (listing.defects, unread) == ((), [])


def test_a_hole_free_map_in_front_of_the_data_takes_part_in_their_size(bytes_window):
    lines = padded(b"2\n0\n%d\n%d\n0\n" % (len(NOTE), len(NOTE)))
    values = {"GNU__sparse__major": b"1", "GNU__sparse__minor": b"0", "GNU__sparse__realsize": b"%d" % len(NOTE)}
    data = pax(**values) + member(b"a", lines + NOTE) + member(b"b", NOTE) + END
    listing, contents, unread = _read(data, bytes_window)
    assert contents == {"a": NOTE, "b": NOTE}
    assert (listing.defects, unread) == ((), [])
    # One byte more than is stored behind the map.
    longer = len(NOTE) + 1
    lines = padded(b"2\n0\n%d\n%d\n0\n" % (longer, longer))
    broken = pax(**values | {"GNU__sparse__realsize": b"%d" % longer}) + member(b"a", lines + NOTE) + END
    listing, _, unread = _read(broken, bytes_window)
    assert _kinds(listing) == ["sparse-map-invalid"]
    assert [each.reason for each in unread] == [UnreadReason.DAMAGED]


@pytest.mark.parametrize("size", [b"", b"many", b"-1", "²".encode()])
def test_a_size_with_holes_that_is_no_number_is_told(size, bytes_window):
    values = {"GNU__sparse__map": b"0,%d" % len(NOTE), "GNU__sparse__size": size}
    listing, contents, unread = _read(pax(**values) + member(b"a", NOTE) + END, bytes_window)
    assert _kinds(listing) == ["sparse-map-invalid"]
    assert [each.reason for each in unread] == [UnreadReason.DAMAGED]
    assert contents == {"a": NOTE}


@check_each(
    "pieces, size, stored, sound",
    [
        ([], 0, 0, True),
        ([(0, 10)], 10, 10, True),
        ([(0, 10)], 9, 10, False),
        ([(0, 10)], 10, 9, False),
        ([(0, 10), (10, 5)], 15, 15, True),
        ([(0, 10), (9, 5)], 15, 15, False),
        ([(10, 5), (0, 10)], 15, 15, False),
        ([(5, 0), (5, 5)], 10, 5, True),
        ([(5, -1), (5, 5)], 10, 5, False),
        ([(0, 10), (20, -5)], 30, 10, False),
        ([(0, 10)], -1, 10, False),
        ([], -1, 0, False),
    ],
)
def test_a_map_of_holes_is_sound_within_its_bounds(pieces, size, stored, sound):
    assert is_valid_map(pieces, size, stored) is sound


def test_a_negative_length_in_a_map_is_told(bytes_window):
    block = bytearray(_sparse(b"a", [(0, 2), (9, 2)], 11, b"abcd"))
    block[422:434] = b"\xff" * 11 + b"\xfe"
    data = summed(bytes(block[:BLOCK])) + bytes(block[BLOCK:]) + END
    listing, _, unread = _read(data, bytes_window)
    assert _kinds(listing) == ["sparse-map-invalid"]
    assert [each.reason for each in unread] == [UnreadReason.DAMAGED]


def test_the_holes_of_all_members_draw_on_one_budget(bytes_window):
    limits = Limits(expansion_floor=MIB, expansion_ratio=1)
    count = 5
    holes = [_sparse(b"%d" % index, [(0, 1)], 700_000, b"x") for index in range(count)]
    listing, contents, unread = _read(b"".join(holes) + END, bytes_window, limits)
    assert len(listing.members) == len(contents) == count
    assert len(contents["0"]) == 700_000
    assert sum(len(content) for content in contents.values()) <= MIB + count
    assert [(each.reason, each.where.key) for each in unread] == [
        (UnreadReason.LIMIT, str(index)) for index in range(1, count)
    ]
