"""Test tar archives that dialects store differently: the reader must find what ``tarfile`` of Python finds."""

from __future__ import annotations

import io
import tarfile
from contextlib import nullcontext

import pytest
from builders.tar_archives import (
    BLOCK,
    END,
    build_pax_header,
    build_tar_header,
    build_tar_member,
    insert_checksum,
    pad_to_block,
)
from support.cases import check_each

from modelaudit.formats.archives.tar.sparse import is_valid_map, read_data_map
from modelaudit.formats.registry import find_reader
from modelaudit.model.artifact import Artifact
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.structure import ArchiveListing, Unread, UnreadReason
from modelaudit.wire.tar_headers import GNU_SPARSE, is_header, parse_header

NOTE_TEXT = b"some text\n"
# Fields of a header (POSIX ustar): size of the member, checksum, and magic number with version.
_SIZE_FIELD = slice(124, 136)
_CHECKSUM_FIELD = slice(148, 156)
_MAGIC_FIELD = slice(257, 265)


def read_archive(data: bytes, bytes_window, limits: Limits | None = None):
    """Return the listing, the contents by their address within the file, and the absences."""
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


def list_with_tarfile(data: bytes) -> list[tuple[str, int]]:
    """Return (name, size) of each member as ``tarfile`` lists them."""
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return [(entry.name, entry.size) for entry in archive.getmembers()]


def get_kinds(listing: ArchiveListing) -> list[str]:
    """Return the kinds of the defects, in order."""
    return [defect.kind for defect in listing.defects]


def use_signed_checksum(block: bytes) -> bytes:
    """Return the header with the sum of its bytes as signed numbers, as old writers computed the checksum."""
    before, after = block[: _CHECKSUM_FIELD.start], block[_CHECKSUM_FIELD.stop :]
    summed = before + b" " * 8 + after  # the field counts as eight spaces
    # As a signed number, a byte from 128 on is 256 less.
    total = sum(summed) - 256 * sum(byte >= 0x80 for byte in summed)
    return before + b"%06o\0 " % total + after


def test_tar_header_is_valid_if_its_checksum_sums_signed_bytes(bytes_window):
    block = build_tar_header("é☃.txt".encode(), len(NOTE_TEXT))
    assert use_signed_checksum(block) != block
    data = build_tar_member(b"first", NOTE_TEXT) + use_signed_checksum(block) + pad_to_block(NOTE_TEXT) + END
    listing, contents, unread = read_archive(data, bytes_window)
    assert [(each.name, each.size) for each in listing.members] == list_with_tarfile(data)
    assert contents == {"first": NOTE_TEXT, "é☃.txt": NOTE_TEXT}
    assert (listing.defects, unread) == ((), [])


def test_tar_header_is_invalid_if_its_checksum_is_off_by_one():
    block = build_tar_header("é.txt".encode())
    assert is_header(block)
    assert is_header(use_signed_checksum(block))
    for valid in (block, use_signed_checksum(block)):
        # The field is six octal digits, a zero byte and a space.
        wrong_checksum = b"%06o\0 " % (int(valid[_CHECKSUM_FIELD][:6], 8) + 1)
        assert not is_header(valid[: _CHECKSUM_FIELD.start] + wrong_checksum + valid[_CHECKSUM_FIELD.stop :])


# A file, a folder, an unknown kind, and a sparse file of old GNU tar.
@pytest.mark.parametrize("kind", [b"0", b"5", b"Q", GNU_SPARSE])
def test_prefix_field_is_part_of_the_member_name_except_in_old_gnu_headers(kind):
    # Old GNU headers store times, such as these zeros, in the field of the prefix.
    block = build_tar_header(b"weights.pkl", kind=kind, more=b"00000000000\0")
    header = parse_header(block, 0)
    assert header is not None
    assert header.name == ("weights.pkl" if kind == GNU_SPARSE else "00000000000/weights.pkl")
    with tarfile.open(fileobj=io.BytesIO(block + END)) as archive:
        assert [entry.name for entry in archive.getmembers()] == [header.name]


def test_old_tar_entry_whose_name_ends_with_a_slash_is_a_folder_without_data(bytes_window):
    data = (
        build_tar_header(b"folder/", 2 * BLOCK, kind=b"\0", magic=b"")
        + build_tar_member(b"folder/note.txt", NOTE_TEXT)
        + END
    )
    listing, contents, _ = read_archive(data, bytes_window)
    assert [each.name.rstrip("/") for each in listing.members] == [name for name, _ in list_with_tarfile(data)]
    assert contents == {"folder/note.txt": NOTE_TEXT}
    assert get_kinds(listing) == ["data-without-file"]


def test_old_tar_member_whose_name_lacks_a_final_slash_is_a_file(bytes_window):
    data = build_tar_member(b"note.txt", NOTE_TEXT, kind=b"\0", magic=b"") + END
    _, contents, _ = read_archive(data, bytes_window)
    assert contents == {"note.txt": NOTE_TEXT}


def test_path_in_a_global_tar_header_applies_to_members_without_their_own(bytes_window):
    global_header = build_pax_header(b"g", path=b"shared.txt", comment=b"x")
    member_with_path = build_pax_header(path=b"own.txt") + build_tar_member(b"b", NOTE_TEXT)
    data = global_header + build_tar_member(b"a", NOTE_TEXT) + member_with_path + END
    listing, contents, _ = read_archive(data, bytes_window)
    assert [(each.name, each.size) for each in listing.members] == list_with_tarfile(data)
    assert contents == {"shared.txt": NOTE_TEXT, "own.txt": NOTE_TEXT}


def test_link_target_in_a_global_tar_header_is_listed(bytes_window):
    link = build_tar_header(b"a", kind=b"2", link=b"b")
    listing, _, _ = read_archive(build_pax_header(b"g", linkpath=b"../../etc/passwd") + link + END, bytes_window)
    assert [each.link_target for each in listing.members] == ["../../etc/passwd"]


@pytest.mark.parametrize("size", [1, 600, 9 << 30])
def test_size_in_a_global_tar_header_is_a_defect_and_does_not_change_where_members_begin(size, bytes_window):
    data = (
        build_pax_header(b"g", size=b"%d" % size)
        + build_tar_member(b"a", NOTE_TEXT)
        + build_tar_member(b"b", NOTE_TEXT)
        + END
    )
    listing, contents, _ = read_archive(data, bytes_window)
    assert [each.name for each in listing.members] == ["a", "b"] == [name for name, _ in list_with_tarfile(data)]
    assert contents == {"a": NOTE_TEXT, "b": NOTE_TEXT}
    assert get_kinds(listing) == ["pax-size-mismatch"] * 2


def test_size_in_an_extended_tar_header_decides_where_the_next_member_begins(bytes_window):
    data = (
        build_pax_header(size=b"600")
        + build_tar_header(b"a", 0)
        + pad_to_block(b"x" * 600)
        + build_tar_member(b"b", NOTE_TEXT)
        + END
    )
    listing, contents, _ = read_archive(data, bytes_window)
    assert [(each.name, each.size) for each in listing.members] == list_with_tarfile(data)
    assert contents == {"a": b"x" * 600, "b": NOTE_TEXT}
    # Only from 8 GiB on may the two sizes differ, because the field in the header is too small.
    assert get_kinds(listing) == ["pax-size-mismatch"]


@pytest.mark.parametrize(
    ("size", "is_global", "kinds"),
    [(0, False, {"truncated-member"}), (10, False, {"truncated-member", "pax-size-mismatch"}), (0, True, {"pax-size-mismatch"})],
)  # fmt: skip
def test_tar_member_size_of_8_gib_or_more_is_valid_only_in_a_local_pax_header_before_a_header_with_size_zero(
    size, is_global, kinds, bytes_window
):
    data = (
        build_pax_header(b"g" if is_global else b"x", size=b"%d" % (9 << 30))
        + build_tar_header(b"a", size)
        + pad_to_block(b"x" * size)
    )
    listing, _, _ = read_archive(data, bytes_window)
    assert set(get_kinds(listing)) == kinds


def test_invalid_header_after_the_end_of_a_tar_is_reported_as_trailing_data(bytes_window, read_bytes):
    block = bytearray(build_tar_header(b"b"))
    block[_SIZE_FIELD] = b"\xff" * 12  # -1 as a binary number
    negative = insert_checksum(bytes(block))
    data = build_tar_member(b"a", NOTE_TEXT) + END + negative
    listing, _, unread = read_archive(data, bytes_window)
    assert get_kinds(listing) == ["trailing-data"]
    assert unread == []
    start = len(data) - BLOCK
    assert read_bytes(data).unclaimed() == f"{start}-{start + len(negative.rstrip(bytes(1))) - 1}"


@pytest.mark.parametrize("between", [END, pad_to_block(NOTE_TEXT) + END])
@pytest.mark.parametrize("has_magic", [True, False])
def test_tar_members_after_a_damaged_header_and_zero_bytes_are_listed(between, has_magic, bytes_window):
    damaged = bytearray(build_tar_header(b"b", len(NOTE_TEXT), magic=b"ustar\0" + b"00" if has_magic else b""))
    damaged[_CHECKSUM_FIELD] = b"000000\0 "
    listing, _, _ = read_archive(
        build_tar_member(b"a", NOTE_TEXT) + bytes(damaged) + between + build_tar_member(b"c", NOTE_TEXT) + END,
        bytes_window,
    )
    assert [each.name for each in listing.members] == ["a", "c"]
    assert "header-damaged" in get_kinds(listing)
    assert "member-after-end" not in get_kinds(listing)


def test_bytes_after_the_end_of_a_tar_are_unclaimed_and_not_reported_as_a_damaged_header(bytes_window, read_bytes):
    trailer = b"behind the end".ljust(BLOCK, b"!")
    data = build_tar_member(b"a", NOTE_TEXT) + END + trailer
    listing, _, unread = read_archive(data, bytes_window)
    assert get_kinds(listing) == ["trailing-data"]
    assert unread == []
    assert read_bytes(data).unclaimed() == f"{len(data) - BLOCK}-{len(data) - 1}"


@pytest.mark.parametrize("has_magic", [True, False])
def test_damaged_tar_header_is_unclaimed_if_it_lacks_the_magic_number(has_magic, bytes_window, read_bytes):
    block = bytearray(build_tar_header(b"b", len(NOTE_TEXT)))
    block[_CHECKSUM_FIELD] = b"000000\0 "
    if not has_magic:
        block[_MAGIC_FIELD] = bytes(8)
    first = build_tar_member(b"a", NOTE_TEXT)
    data = first + bytes(block) + pad_to_block(NOTE_TEXT)
    listing, _, unread = read_archive(data, bytes_window)
    assert get_kinds(listing)[0] == "header-damaged"
    assert [each.reason for each in unread] == [UnreadReason.DAMAGED]
    # With its magic number, the header itself is parsed, and only the data after it are unclaimed.
    start = len(first) + (BLOCK if has_magic else 0)
    assert read_bytes(data).unclaimed() == f"{start}-{len(first) + BLOCK + len(NOTE_TEXT) - 1}"


def make_sparse_member(
    name: bytes, pieces: list[tuple[int, int]], size: int, data: bytes, continues: bool = False
) -> bytes:
    """Make a sparse member of the old GNU kind.

    Args:
        name: its name.
        pieces: the offset and the length of each piece in the expanded file.
        size: the size of the expanded file.
        data: the bytes of all pieces.
        continues: whether a block after the header holds the pieces after the fourth.
    """

    def encode_pieces(part: list[tuple[int, int]]) -> bytes:
        """Return the offset and the length of each piece as octal numbers of eleven digits."""
        return b"".join(b"%011o\0%011o\0" % (offset, length) for offset, length in part)

    # The fields of an old GNU header from byte 345 on: times and others, four pieces, the flag for a further block, size.
    more = bytes(41) + encode_pieces(pieces[:4]).ljust(96, b"\0") + (b"\1" if continues else b"\0") + b"%011o\0" % size
    block = build_tar_header(name, len(data), kind=b"S", magic=b"ustar  \0", more=more)
    further_block = encode_pieces(pieces[4:]).ljust(BLOCK, b"\0") if continues else b""
    return block + further_block + pad_to_block(data)


@pytest.mark.parametrize("continues", [False, True])
def test_sparse_tar_map_that_continues_in_a_further_block_is_read_completely(continues, bytes_window):
    piece_count = 6 if continues else 4  # the header has place for four
    pieces = [(1000 * index, 2) for index in range(piece_count)]
    stored = b"".join(b"%d." % index for index in range(piece_count))
    size = 5002  # where the last of six pieces ends; four pieces leave a hole at the end
    data = make_sparse_member(b"a", pieces, size, stored, continues) + build_tar_member(b"b", NOTE_TEXT) + END
    listing, contents, unread = read_archive(data, bytes_window)
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        expected = {entry.name: archive.extractfile(entry).read() for entry in archive.getmembers()}
    assert contents == expected
    assert (listing.defects, unread) == ((), [])


def test_sparse_tar_member_with_a_size_of_thousands_of_digits_is_listed_with_a_defect(bytes_window):
    values = {"GNU__sparse__map": b"0,1", "GNU__sparse__size": b"9" * 5000}
    data = build_pax_header(**values) + build_tar_member(b"a", NOTE_TEXT) + build_tar_member(b"b", NOTE_TEXT) + END
    listing, contents, unread = read_archive(data, bytes_window)
    assert get_kinds(listing) == ["sparse-map-invalid"]
    assert contents == {"a": NOTE_TEXT, "b": NOTE_TEXT}
    assert [each.reason for each in unread] == [UnreadReason.DAMAGED]


@pytest.mark.parametrize(
    ("lines", "data_end"),
    # A number that is longer than any size, and 300 pieces in a member of one block, which cannot hold their lines.
    [(b"1" * 200_000, 200_000), (b"300\n" + b"0\n1\n" * 300, BLOCK)],
    ids=["long-line", "beyond-data"],
)
def test_map_before_sparse_tar_data_is_read_only_up_to_the_block_of_its_first_contradiction(
    lines, data_end, bytes_window
):
    window = bytes_window(lines.ljust(300_000, b"\0"))
    most_pieces = 1000
    assert read_data_map(window, 0, data_end, most_pieces) is None
    assert window.bytes_read == BLOCK


def test_stored_size_of_a_sparse_tar_member_includes_the_map_before_its_data(bytes_window):
    lines = pad_to_block(b"2\n0\n%d\n%d\n0\n" % (len(NOTE_TEXT), len(NOTE_TEXT)))
    values = {"GNU__sparse__major": b"1", "GNU__sparse__minor": b"0", "GNU__sparse__realsize": b"%d" % len(NOTE_TEXT)}
    data = (
        build_pax_header(**values) + build_tar_member(b"a", lines + NOTE_TEXT) + build_tar_member(b"b", NOTE_TEXT) + END
    )
    listing, contents, unread = read_archive(data, bytes_window)
    assert contents == {"a": NOTE_TEXT, "b": NOTE_TEXT}
    assert (listing.defects, unread) == ((), [])
    # The map states one byte more than is stored after it.
    longer = len(NOTE_TEXT) + 1
    lines = pad_to_block(b"2\n0\n%d\n%d\n0\n" % (longer, longer))
    broken = (
        build_pax_header(**values | {"GNU__sparse__realsize": b"%d" % longer})
        + build_tar_member(b"a", lines + NOTE_TEXT)
        + END
    )
    listing, _, unread = read_archive(broken, bytes_window)
    assert get_kinds(listing) == ["sparse-map-invalid"]
    assert [each.reason for each in unread] == [UnreadReason.DAMAGED]


@pytest.mark.parametrize("size", [b"", b"many", b"-1", "²".encode()])
def test_sparse_tar_member_with_an_invalid_size_has_a_defect(size, bytes_window):
    values = {"GNU__sparse__map": b"0,%d" % len(NOTE_TEXT), "GNU__sparse__size": size}
    listing, contents, unread = read_archive(
        build_pax_header(**values) + build_tar_member(b"a", NOTE_TEXT) + END, bytes_window
    )
    assert get_kinds(listing) == ["sparse-map-invalid"]
    assert [each.reason for each in unread] == [UnreadReason.DAMAGED]
    assert contents == {"a": NOTE_TEXT}


@pytest.mark.parametrize(
    "records",
    [
        {"GNU__sparse__map": b"0,%d,9" % len(NOTE_TEXT)},
        {"GNU__sparse__offset": b"0"},
        {"GNU__sparse__numbytes": b"%d" % len(NOTE_TEXT)},
    ],
)
def test_sparse_tar_map_with_an_odd_number_of_values_is_a_defect(records, bytes_window):
    header = build_pax_header(**records, GNU__sparse__size=b"%d" % len(NOTE_TEXT))
    listing, contents, unread = read_archive(header + build_tar_member(b"a", NOTE_TEXT) + END, bytes_window)
    assert get_kinds(listing) == ["sparse-map-invalid"]
    assert [each.reason for each in unread] == [UnreadReason.DAMAGED]
    assert contents == {"a": NOTE_TEXT}


@check_each(
    "pieces, size, stored, is_valid",
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
def test_sparse_tar_map_is_valid_only_if_its_pieces_fit_the_size_and_the_stored_data(pieces, size, stored, is_valid):
    assert is_valid_map(pieces, size, stored) is is_valid


def test_negative_length_in_a_sparse_tar_map_is_a_defect(bytes_window):
    block = bytearray(make_sparse_member(b"a", [(0, 2), (9, 2)], 11, b"abcd"))
    # The pieces begin at byte 386, and each has an offset and a length of 12 bytes.
    length_of_second_piece = slice(422, 434)
    block[length_of_second_piece] = b"\xff" * 11 + b"\xfe"  # -2 as a binary number
    data = insert_checksum(bytes(block[:BLOCK])) + bytes(block[BLOCK:]) + END
    listing, _, unread = read_archive(data, bytes_window)
    assert get_kinds(listing) == ["sparse-map-invalid"]
    assert [each.reason for each in unread] == [UnreadReason.DAMAGED]


def test_all_sparse_members_of_a_tar_expand_from_one_shared_budget(bytes_window):
    limits = Limits(expansion_floor=MIB, expansion_ratio=1)
    count = 5
    members = [make_sparse_member(b"%d" % index, [(0, 1)], 700_000, b"x") for index in range(count)]
    listing, contents, unread = read_archive(b"".join(members) + END, bytes_window, limits)
    assert len(listing.members) == len(contents) == count
    assert len(contents["0"]) == 700_000
    # The budget is used up within the second member; the others have their stored byte only.
    assert sum(len(content) for content in contents.values()) <= MIB + count
    assert [(each.reason, each.where.key) for each in unread] == [
        (UnreadReason.LIMIT, str(index)) for index in range(1, count)
    ]
