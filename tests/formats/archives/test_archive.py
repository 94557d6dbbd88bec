from __future__ import annotations

import gc
import io
import struct
import zipfile
import zlib
from contextlib import nullcontext, suppress
from itertools import islice

import pytest
from builders.payloads import EVAL_ONE
from builders.zip_writer import Item, build_end_record, build_entry_record, build_local_record
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cases import check_each
from support.fixtures import FIXTURES
from support.reading import BytesWindow

from modelaudit.formats.archives.zip import members
from modelaudit.formats.archives.zip.contents import find_contents
from modelaudit.formats.archives.zip.members import MemberData
from modelaudit.formats.archives.zip.reader import read
from modelaudit.formats.archives.zip.records import LocalHeader
from modelaudit.formats.registry import find_reader
from modelaudit.model.artifact import Artifact
from modelaudit.model.limits import Limits
from modelaudit.model.pickle import PickleProgram
from modelaudit.model.structure import ArchiveListing, TensorData, Unread, UnreadReason
from modelaudit.wire.base import DamagedError
from modelaudit.wire.windows import Budget, SubWindow

# These fixtures show something that is not a defect, or are named after the place of the payload.
_NO_DEFECT = {
    "archive-as-storage", "beside-the-root", "concatenated", "eval", "link-escape", "not-utf-8-name", "packed-with-xz",
    "packed-with-zstd",
}  # fmt: skip
_IN_TORCH = ("archive-as-storage", "beside-the-root", "case-duplicate-member", "crc-mismatch", "false-encryption-flag")
_HOSTILE = sorted(
    [
        *(FIXTURES / "zip/malicious").iterdir(),
        *(FIXTURES / f"torch-zip/malicious/{name}.pt" for name in (*_IN_TORCH, "eval")),
    ]
)
_UNREADABLE = {
    "encrypted-member", "unknown-compression", "damaged-content", "local-header-missing", "link-member", "link-escape",
}  # fmt: skip
# The payload of this fixture follows the compressed data, where only a loader that ignores their end would read it.
_PAYLOAD_AFTER_STREAM = {"data-after-stream"}
# A local header: signature, version, flags, method, time, date, CRC-32, stored size, size, lengths of name and extra.
_LOCAL_FIELDS = "<4sHHHHHIIIHH"
# The flag for sizes that follow the data, in a data descriptor.
_DESCRIPTOR_FLAG = 8


def get_listing(reading) -> ArchiveListing:
    """Return the listing of the outermost archive."""
    return reading.of(ArchiveListing)[0]


def make_zip(members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    """Return an archive that ``zipfile`` writes, with fixed times."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return buffer.getvalue()


@check_each("path", [path for path in _HOSTILE if path.stem not in _NO_DEFECT])
def test_hostile_zip_fixture_that_is_named_after_a_defect_has_that_defect(path, read_fixture):
    assert path.stem in read_fixture(str(path.relative_to(FIXTURES))).kinds(path.name)


@check_each("path", [path for path in _HOSTILE if path.stem not in _UNREADABLE | _PAYLOAD_AFTER_STREAM])
def test_call_in_the_readable_payload_of_a_hostile_zip_is_found(path, read_fixture):
    assert read_fixture(str(path.relative_to(FIXTURES))).evaluates


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("encrypted-member", UnreadReason.ENCRYPTED),
        ("unknown-compression", UnreadReason.NO_READER),
        ("damaged-content", UnreadReason.DAMAGED),
        ("local-header-missing", UnreadReason.DAMAGED),
    ],
)
def test_unreadable_zip_member_is_reported_with_the_reason(name, reason, read_fixture):
    assert reason in read_fixture(f"zip/malicious/{name}.zip").reasons()


@pytest.mark.parametrize("name", sorted(p.stem for p in (FIXTURES / "zip/truncated").iterdir()))
def test_call_in_the_payload_of_a_truncated_zip_is_found(name, read_fixture):
    reading = read_fixture(f"zip/truncated/{name}.zip")
    assert reading.evaluates
    assert UnreadReason.DAMAGED in reading.reasons()


def test_encrypted_zip_fixture_is_valid_and_opens_with_its_password_in_zipfile():
    with zipfile.ZipFile(FIXTURES / "zip/malicious/encrypted-member.zip") as archive:
        assert archive.read("weights.pkl", b"infected").startswith(b"\x80\x02cbuiltins")


def test_stored_zip_member_with_two_sizes_is_read_up_to_the_larger_one(read_fixture):
    reading = read_fixture("zip/malicious/stored-size-mismatch.zip")
    listing = get_listing(reading)
    assert max(member.stored_size for member in listing.members) < max(member.size for member in listing.members)
    assert {"stored-size-mismatch", "overlapping-members"} <= {defect.kind for defect in listing.defects}
    # Only with the larger size does a.txt contain the pickle.
    assert any("a.txt" in path for path, found in reading.structures if isinstance(found, PickleProgram))


def test_at_most_16_zip_members_that_share_the_same_data_are_read():
    data = BytesWindow((FIXTURES / "zip/bomb/overlapping.zip").read_bytes())
    artifact = Artifact("overlapping.zip", data.size, lambda: nullcontext(data))
    items = list(find_reader("zip").read(artifact, data, Limits()))
    (listing,) = (item for item in items if isinstance(item, ArchiveListing))
    assert len(listing.members) == 201
    assert sum(isinstance(item, Artifact) for item in items) == 16
    assert [item.detail for item in items if isinstance(item, Unread) and item.reason is UnreadReason.LIMIT] == [
        "185 members were not read: more than 16 share the data at one byte"
    ]


def test_checksum_of_zip_members_that_share_their_data_is_computed_once(monkeypatch):
    calls = []
    measure_content = members.measure_content

    def count_and_measure(*arguments):
        """Count the call of the real function, which computes the checksum, and perform it."""
        calls.append(arguments)
        return measure_content(*arguments)

    monkeypatch.setattr(members, "measure_content", count_and_measure)
    data = BytesWindow((FIXTURES / "zip/bomb/overlapping.zip").read_bytes())
    artifact = Artifact("overlapping.zip", data.size, lambda: nullcontext(data))
    list(find_reader("zip").read(artifact, data, Limits()))
    assert len(calls) == 1


def test_zip_with_two_central_directories_has_the_members_of_both(read_fixture):
    path = FIXTURES / "zip/malicious/directory-ambiguous.zip"
    assert zipfile.ZipFile(path).namelist() == ["weights.pkl"]
    reading = read_fixture("zip/malicious/directory-ambiguous.zip")
    assert {member.name for member in get_listing(reading).members} == {"weights.pkl", "payload.pkl"}


def test_listing_of_a_zip_states_the_target_of_a_link(read_fixture):
    *_, member = get_listing(read_fixture("zip/malicious/link-member.zip")).members
    assert member.link_target == "weights.pkl"
    reading = read_fixture("zip/malicious/link-escape.zip")
    assert get_listing(reading).members[0].link_target == "/etc/passwd"
    assert reading.kinds() == {"link-member", "path-escape"}


def test_zip_members_with_equal_names_get_different_addresses(read_fixture):
    reading = read_fixture("zip/malicious/duplicate-member.zip")
    paths = [path for path, _ in reading.structures if "!" in path]
    assert paths == ["duplicate-member.zip!weights.pkl", "duplicate-member.zip!weights.pkl#2"]


def test_bytes_after_a_zip_archive_are_read_as_an_artifact(read_fixture):
    reading = read_fixture("zip/malicious/trailing-data.zip")
    assert reading.formats["trailing-data.zip![bytes 139-165]"] == ["pickle"]


def test_zip_member_name_that_is_not_utf_8_is_listed_with_its_original_bytes(read_fixture):
    (member,) = get_listing(read_fixture("zip/malicious/not-utf-8-name.zip")).members
    assert member.name.encode("utf-8", "surrogateescape") == b"w\xe9ights.pkl"


@check_each(
    "names, layout",
    [
        (["a.npy", "b.npy"], "npz"),
        (["config.json", "metadata.json", "model.weights.h5"], "keras"),
        (["x/data.pkl", "x/version", "x/data/0"], "torch-zip"),
        (["x/version", "x/DATA.pkl"], "torch-zip"),
        (["x/version", "X/data.pkl"], "torch-zip"),
        (["x/version", "X/bytecode.pkl"], "torchscript"),
        (["x/data.pkl", "x/constants.pkl", "x/code/__torch__.py"], "torchscript"),
        (["x/data.pkl"], "torch-zip"),
        (["readme.txt"], "plain"),
        (["y/a", "x/data.pkl", "x/version"], "plain"),  # torch takes the folder of the first member as the root
        (["data.pkl"], "plain"),
    ],
)
def test_names_of_zip_members_decide_the_layout_of_the_archive(names, layout, read_bytes):
    assert get_listing(read_bytes(make_zip(dict.fromkeys(names, b"1")))).layout == layout


def test_torch_member_is_tensor_data_only_if_it_is_a_storage_in_the_root_folder(read_bytes):
    pickle = b"\x80\x02N."
    names = ["a/data.pkl", "a/data/0", "a/data/x", "b/data/0", "A/data/0"]
    formats = read_bytes(make_zip(dict.fromkeys(names, pickle)), "m.pt").formats
    assert formats["m.pt!a/data/0"] == ["tensor-storage"]
    assert formats["m.pt!a/data/x"] == formats["m.pt!b/data/0"] == formats["m.pt!A/data/0"] == ["pickle"]


def test_listing_of_a_torch_archive_does_not_read_the_bytes_of_its_storages(bytes_window):
    data = make_zip({"a/data.pkl": b"\x80\x02N.", "a/data/0": bytes(8 << 20)})
    window = bytes_window(data)
    listing_and_members = list(find_reader("zip").read(make_artifact(window), window, Limits()))
    assert len(listing_and_members) == 3
    assert window.bytes_read < 1 << 18


def make_artifact(window):
    """Return an artifact that opens ``window``."""
    return Artifact("file", window.size, lambda: nullcontext(window))


def test_zip_members_over_the_bound_are_reported_as_unread(read_bytes):
    data = make_zip({f"{number}.txt": b"x" for number in range(30)})
    reading = read_bytes(data, limits=Limits(members=20))
    assert len(get_listing(reading).members) == 20
    assert UnreadReason.LIMIT in reading.reasons()


def test_members_over_the_bound_in_a_zip_without_a_directory_are_reported_as_unread(read_bytes):
    data = make_zip({f"{number}.txt": b"x" for number in range(30)})
    reading = read_bytes(data[: data.index(b"PK\x01\x02")], limits=Limits(members=20))
    assert len(get_listing(reading).members) == 20
    assert UnreadReason.LIMIT in reading.reasons()


def test_content_of_a_zip_member_before_the_expansion_bound_is_read(read_bytes):
    # After the call, the pickle pushes None and drops it, many times.
    payload = EVAL_ONE[:-1] + b"N0" * 600_000 + b"."
    limits = Limits(expansion_floor=100_000, expansion_ratio=2)
    reading = read_bytes(make_zip({"weights.pkl": payload}, zipfile.ZIP_DEFLATED), limits=limits)
    assert reading.evaluates
    assert UnreadReason.LIMIT in reading.reasons()
    assert "expansion-ratio" in reading.kinds()


def test_content_of_a_zip_member_before_damage_in_its_compressed_data_is_read(read_bytes):
    payload = EVAL_ONE[:-1] + bytes(range(256)) * 40 + b"."
    packed = bytearray(make_zip({"weights.pkl": payload}, zipfile.ZIP_DEFLATED))
    data_start = struct.calcsize(_LOCAL_FIELDS) + len("weights.pkl")
    *_, stored_size, _, _, _ = struct.unpack_from(_LOCAL_FIELDS, packed)
    # The second half of the compressed data is overwritten.
    for offset in range(data_start + stored_size // 2, data_start + stored_size):
        packed[offset] = 0xFF
    reading = read_bytes(bytes(packed))
    assert reading.evaluates
    assert UnreadReason.DAMAGED in reading.reasons()


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@settings(max_examples=25, deadline=None)
@given(members=st.dictionaries(st.text("abc/.xé", min_size=1, max_size=8), st.binary(max_size=400), max_size=5))
def test_valid_archive_is_read_as_zipfile_wrote_it(method, members, bytes_window):
    members = {name: data for name, data in members.items() if not name.endswith("/")}
    window = bytes_window(make_zip(members, method))
    listing, *children = find_reader("zip").read(make_artifact(window), window, Limits())
    assert {defect.kind for defect in listing.defects} <= {"path-escape"}
    assert [member.name for member in listing.members] == list(members)
    for child, data in zip(children, members.values(), strict=True):
        with child.open() as content:
            assert content.size == child.size == len(data)
            assert content.read(0, len(data) + 10) == data
            assert content.read(len(data) // 2, 7) == data[len(data) // 2 :][:7]


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_mutated_zip_archive_is_read_without_an_error(data, read_bytes):
    names = [
        "zip/benign/zip64.zip",
        "zip/benign/descriptor.zip",
        "torch-zip/benign/script.pt",
        "zip/benign/bzip2-lzma.zip",
    ]
    sample = bytearray((FIXTURES / data.draw(st.sampled_from(names))).read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        sample[data.draw(st.integers(0, len(sample) - 1))] = data.draw(st.integers(0, 255))
    kept_length = data.draw(st.integers(0, len(sample)) | st.just(len(sample)))
    # The test fails if this raises.
    read_bytes(bytes(sample[:kept_length]))


@settings(max_examples=100, deadline=None)
@given(
    parts=st.lists(
        st.sampled_from([b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07", b"PK\x07\x08"])
        | st.binary(max_size=60),
        max_size=12,
    )
)
def test_zip_reader_raises_at_most_a_damage_error_for_random_records(parts, bytes_window):
    window = bytes_window(b"".join(parts))
    with suppress(DamagedError):
        list(find_reader("zip").read(make_artifact(window), window, Limits()))


def test_zip_signature_without_a_plausible_header_is_not_read_as_a_header(read_bytes):
    # The signature of a local header, with a method and a length of the name that no archive has.
    noise = b"PK\x03\x04" + b"\xff" * 40
    data = make_zip({"a.txt": b"x"})
    reading = read_bytes(data[: data.index(b"PK\x01\x02")] + noise)
    assert [member.name for member in get_listing(reading).members] == ["a.txt"]


def test_zip_archive_behind_leading_zero_bytes_is_read_without_a_defect(read_bytes):
    reading = read_bytes(b"\x00" * 5000 + make_zip({"weights.pkl": b"\x80\x02N."}))
    assert reading.formats["file"] == ["zip"]
    assert reading.kinds() == set(), "leading zero bytes are padding"


def test_wrong_checksum_of_a_stored_zip_member_is_reported(read_bytes):
    data = make_zip({"a.txt": b"hello"}).replace(b"hello", b"jello")
    assert zlib.crc32(b"jello") != zlib.crc32(b"hello")
    assert "crc-mismatch" in read_bytes(data).kinds()


def make_unsized_headers(count: int, method: int = 0) -> bytes:
    """Return local headers in a row that leave their sizes to data descriptors, which are missing."""
    header = struct.pack(_LOCAL_FIELDS, b"PK\3\4", 20, _DESCRIPTOR_FLAG, method, 0, 0, 0, 0, 0, 1, 0)
    return (header + b"a") * count


class CountingWindow:
    """A window that counts the bytes requested from it."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.requested = 0

    @property
    def size(self) -> int:
        return len(self.data)

    def read(self, offset: int, length: int) -> bytes:
        self.requested += length
        return self.data[offset : offset + length]


def count_read_bytes(data: bytes) -> int:
    """Return how many bytes are requested while the members of an archive are found."""
    window = CountingWindow(data)
    limits = Limits()
    assert find_contents(window, limits, Budget(limits, window.size)).members
    return window.requested


@pytest.mark.parametrize(
    "build",
    [
        make_unsized_headers,
        lambda count: b"".join(make_unsized_headers(1) + b"x" for _ in range(count)),
        lambda count: b"".join(make_unsized_headers(1) + b"PK\1\2" for _ in range(count)),
        lambda count: make_unsized_headers(1) + b"PK\7\x08" * (8 * count),
        lambda count: make_unsized_headers(1) + (b"PK\3\4" + b"\xff" * 26) * count,
    ],
    ids=["headers", "headers-with-data", "directory-entries", "descriptors", "implausible-headers"],
)
def test_search_for_zip_headers_reads_a_number_of_bytes_linear_in_the_size_of_the_file(build):
    short, long = build(500), build(4000)
    # The factor and the summand allow for the chunks of the reads.
    assert count_read_bytes(long) / len(long) < 2 * count_read_bytes(short) / len(short) + 20


def test_zip_local_header_is_read_a_bounded_number_of_times_if_many_entries_point_to_it():
    count, name, extra = 300, b"n" * 60_000, bytes(60_000)
    local = struct.pack(_LOCAL_FIELDS, b"PK\3\4", 20, 0, 0, 0, 0, 0, 1, 1, len(name), len(extra)) + name + extra + b"x"
    directory = b"".join(build_entry_record(Item(b"%d" % number, b"x"), 0) for number in range(count))
    data = local + directory + build_end_record(count, len(directory), len(local))
    window, limits = CountingWindow(data), Limits()
    contents = find_contents(window, limits, Budget(limits, len(data)))
    assert len(contents.entries) == count
    assert len(contents.members) + contents.unlocated == count
    assert [unread.reason for unread in contents.unread] == [UnreadReason.LIMIT]
    assert window.requested < 30 * len(data)


def test_each_member_of_a_streamed_zip_gets_its_size_from_its_own_data_descriptor():
    # The first member is empty, and so both of its sizes are zero.
    files = {f"{number}.bin": bytes([number]) * number for number in range(50)}
    data = b""
    for name, content in files.items():
        crc, size = zlib.crc32(content), len(content)
        header = struct.pack(_LOCAL_FIELDS, b"PK\3\4", 20, _DESCRIPTOR_FLAG, 0, 0, 0, 0, 0, 0, len(name), 0)
        descriptor = struct.pack("<4sIII", b"PK\7\x08", crc, size, size)
        data += header + name.encode() + content + descriptor
    limits = Limits()
    contents = find_contents(CountingWindow(data), limits, Budget(limits, len(data)))
    assert {member.entry.name: data[member.data_start : member.end] for member in contents.members} == files


@pytest.mark.parametrize("empty_first", [True, False])
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_members_before_or_behind_an_empty_one_in_a_streamed_zip_without_directory_are_read(
    method, empty_first, read_bytes
):
    class Stream(io.RawIOBase):
        """A file without seeking, for which ``zipfile`` writes descriptors."""

        written = b""

        def writable(self):
            return True

        def write(self, data):
            self.written += bytes(data)
            return len(data)

    names = ["a/empty", "a/data.pkl"] if empty_first else ["a/data.pkl", "a/empty"]
    stream = Stream()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name in names:
            archive.writestr(name, b"" if name == "a/empty" else EVAL_ONE)
    data = stream.written[: stream.written.index(b"PK\1\2")]
    reading = read_bytes(data, "a.zip")
    sizes = {member.name: member.size for member in get_listing(reading).members}
    assert sizes == {"a/empty": 0, "a/data.pkl": len(EVAL_ONE)}
    assert reading.evaluates
    assert reading.unclaimed("a.zip") == ""


@pytest.mark.parametrize("size", [0, 7])
def test_zip_data_descriptor_with_8_byte_sizes_is_read(size):
    content = b"x" * size
    header = struct.pack(_LOCAL_FIELDS, b"PK\3\4", 45, _DESCRIPTOR_FLAG, 0, 0, 0, 0, 0, 0, 1, 0)
    descriptor = struct.pack("<4sIQQ", b"PK\7\x08", zlib.crc32(content), size, size)
    # Without a directory, the second member is found only where the descriptor of the first one ends.
    data = (header + b"a" + content + descriptor) + (header + b"b" + content + descriptor)
    limits = Limits()
    contents = find_contents(CountingWindow(data), limits, Budget(limits, len(data)))
    assert [(member.entry.name, member.entry.size) for member in contents.members] == [("a", size), ("b", size)]


@pytest.mark.parametrize("change", [{}, {"crc": 0}, {"method": 8, "stored": b"text"}, {"flags": 1}])
def test_zip_directories_for_torch_and_zipfile_are_ambiguous_if_checksum_method_or_flags_differ(change, read_bytes):
    # torch reads the directory at the stated offset. zipfile reads the one that ends where the end record begins, and
    # corrects the offsets in it by the difference.
    other_member, item = build_local_record(Item(b"other.txt", b"x" * 100)), Item(b"a.txt", b"text")
    body = other_member + build_local_record(item)
    torch_directory = build_entry_record(item, len(other_member))
    changed = Item(b"a.txt", b"text", **change)
    zipfile_directory = build_entry_record(changed, len(other_member) - len(torch_directory))
    end_record = build_end_record(1, len(zipfile_directory), len(body))
    kinds = read_bytes(body + torch_directory + zipfile_directory + end_record, "a.zip").kinds()
    assert ("directory-ambiguous" in kinds) is bool(change)


def test_zip_data_descriptors_over_the_bound_are_reported_as_unread(read_bytes):
    data = make_unsized_headers(1) + b"PK\7\x08" * 200
    assert UnreadReason.LIMIT in read_bytes(data, "a.zip", Limits(members=100)).reasons()
    assert UnreadReason.LIMIT not in read_bytes(data, "a.zip", Limits(members=1000)).reasons()


def test_torch_storage_whose_bytes_begin_like_an_npy_array_is_read_as_npy(read_fixture):
    reading = read_fixture("torch-zip/malicious/array-as-storage.npz")
    assert not reading.of(TensorData)
    assert ["npy"] in reading.formats.values()


def test_zip_with_200000_members_is_reported_as_partly_unread_if_the_limit_is_500_members(read_bytes):
    # ``zipfile`` would take seconds to write so many members, so the records are built here; each holds one "x".
    count = 200_000
    local = struct.pack(_LOCAL_FIELDS, b"PK\3\4", 20, 0, 0, 0, 0x21, zlib.crc32(b"x"), 1, 1, 7, 0)
    entry = struct.pack("<4s6H3I5HI", b"PK\1\2", 20, 20, 0, 0, 0, 0x21, zlib.crc32(b"x"), 1, 1, 7, 0, 0, 0, 0, 0)
    names = [b"%07d" % number for number in range(count)]
    body = b"".join(local + name + b"x" for name in names)
    member_size = len(local) + len(names[0]) + len(b"x")
    directory = b"".join(entry + struct.pack("<I", number * member_size) + name for number, name in enumerate(names))
    record = b"PK\x06\x06" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, count, count, len(directory), len(body))
    locator = b"PK\x06\x07" + struct.pack("<IQI", 0, len(body) + len(directory), 1)
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    reading = read_bytes(body + directory + record + locator + end, limits=Limits(members=500))
    assert len(get_listing(reading).members) == 500
    assert reading.reasons() == {UnreadReason.LIMIT, UnreadReason.UNCLAIMED}
    assert any(f"of {count} members" in detail for detail in reading.details)


def test_measures_of_zip_members_are_forgotten_once_the_members_are_checked(bytes_window, monkeypatch):
    allowance = members.CheckAllowance()
    monkeypatch.setattr("modelaudit.formats.archives.zip.reader.CheckAllowance", lambda: allowance)
    before = allowance.remaining_bytes
    window = bytes_window(make_zip({"a.txt": b"text", "b.txt": b"more text"}))
    list(find_reader("zip").read(Artifact("a.zip", window.size, lambda: nullcontext(window)), window, Limits()))
    assert allowance.remaining_bytes < before  # the members were measured
    assert allowance.measures == {}


def list_records():
    """Return the records of members of all zip archives."""
    # The collector does not track a record itself: its fields refer to nothing that can form a cycle.
    held = {id(part): part for each in gc.get_objects() for part in gc.get_referents(each)}
    return [part for part in held.values() if isinstance(part, LocalHeader | MemberData)]


def test_records_of_a_zip_member_are_freed_once_the_member_was_read():
    data = make_zip({f"{number}.txt": b"text" for number in range(200)})
    window = BytesWindow(data)
    artifact = Artifact("a.zip", window.size, lambda: nullcontext(window))
    members_in_turn = (item for item in read(artifact, window, Limits()) if isinstance(item, Artifact))
    records_of_other_tests = list_records()  # holding them keeps their number until the end of this test
    next(members_in_turn)
    count_at_first_member = len(list_records()) - len(records_of_other_tests)
    assert sum(1 for _ in islice(members_in_turn, 199)) == 199
    count_at_last_member = len(list_records()) - len(records_of_other_tests)
    assert count_at_last_member <= count_at_first_member - 2 * 199
    assert not list(members_in_turn)


def test_zip_local_header_shares_the_values_that_equal_those_of_its_entry():
    data = make_zip({f"{number}.txt": b"%d" % number for number in range(100)})
    contents = find_contents(BytesWindow(data), Limits(), Budget(Limits(), len(data)))
    shared_names = [member.local.raw_name is member.entry.raw_name for member in contents.members]
    shared_checksums = [member.local.crc is member.entry.crc for member in contents.members]
    assert shared_names == shared_checksums == [True] * 100


def test_window_of_an_archive_member_has_no_dictionary_of_attributes():
    assert not hasattr(SubWindow(BytesWindow(b"abc"), 0, 1, Budget(Limits(), 3)), "__dict__")
