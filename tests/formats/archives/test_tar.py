from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from contextlib import nullcontext
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cases import check_each
from support.fixtures import FIXTURES

from modelaudit.formats.registry import find_reader
from modelaudit.model.artifact import TENSOR_STORAGE, Artifact
from modelaudit.model.limits import Limits
from modelaudit.model.pickle import PickleProgram
from modelaudit.model.structure import ArchiveListing, UnreadReason
from modelaudit.wire.base import Head

EVAL = b"\x80\x02cbuiltins\neval\nX\x01\x00\x00\x001\x85R."  # a pickle that evaluates "1"
FORMS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}
# These fixtures show something that is not a defect, or a defect of another name.
_NO_DEFECT = {
    "eval", "packed", "no-extension", "pickle-name", "sparse", "unknown-kind", "link-escape", "hard-link-escape",
    "first-header-damaged", "zip-in-header", "zip-in-padding", "zip-in-two-members",
}  # fmt: skip
_NO_PAYLOAD = {"hard-link-escape", "link-escape", "link-member", "path-escape", "special-member", "sparse-map-invalid"}
_HOSTILE = sorted((FIXTURES / "tar/malicious").iterdir())


def get_stem(path: Path) -> str:
    """Return the name of a file up to its first dot."""
    return path.name.partition(".")[0]


def make_tar(members, form: int = tarfile.PAX_FORMAT) -> bytes:
    """Return an archive that ``tarfile`` writes of (name, content) pairs."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for name, data in members:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


# Fields of a header (POSIX ustar): size of the member and checksum.
_SIZE_FIELD = slice(124, 136)
_CHECKSUM_FIELD = slice(148, 156)


def format_checksum(block: bytes | bytearray) -> bytes:
    """Return the checksum of a header as its field holds it; the field counts as eight spaces."""
    total = sum(block[: _CHECKSUM_FIELD.start]) + 8 * ord(" ") + sum(block[_CHECKSUM_FIELD.stop :])
    return b"%06o\0 " % total


def make_artifact(window) -> Artifact:
    """Return an artifact that opens ``window``."""
    return Artifact("file", window.size, lambda: nullcontext(window))


def read_archive(data: bytes, bytes_window, limits: Limits | None = None):
    """Return the listing, and the content of each member by its address."""
    window = bytes_window(data)
    listing, contents = None, {}
    for item in find_reader("tar").read(make_artifact(window), window, limits or Limits()):
        if isinstance(item, ArchiveListing):
            listing = item
        elif isinstance(item, Artifact):
            with item.open() as content:
                assert content.size == item.size
                # Of an expanded bomb, the start is enough.
                contents[item.path] = content.read(0, min(content.size, 16 << 20))
    return listing, contents


@check_each("path", [path for path in _HOSTILE if get_stem(path) not in _NO_DEFECT])
def test_hostile_tar_fixture_that_is_named_after_a_defect_has_that_defect(path, read_fixture):
    assert get_stem(path) in read_fixture(str(path.relative_to(FIXTURES))).kinds(path.name)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("link-escape", "path-escape"), ("hard-link-escape", "path-escape"), ("first-header-damaged", "header-damaged")],
)
def test_tar_fixture_that_is_not_named_after_its_defect_has_the_defect_of_this_table(name, kind, read_fixture):
    assert kind in read_fixture(f"tar/malicious/{name}.tar").kinds(f"{name}.tar")


def test_each_tar_fixture_that_this_file_lists_as_without_defect_or_payload_exists():
    assert {get_stem(path) for path in _HOSTILE} > (_NO_DEFECT | _NO_PAYLOAD)


@check_each("path", [path for path in _HOSTILE if get_stem(path) not in _NO_PAYLOAD])
def test_call_in_the_readable_payload_of_a_hostile_tar_is_found(path, read_fixture):
    assert read_fixture(str(path.relative_to(FIXTURES))).evaluates


@pytest.mark.parametrize("path", sorted((FIXTURES / "tar/truncated").iterdir()), ids=get_stem)
def test_call_in_the_payload_of_a_truncated_tar_is_found(path, read_fixture):
    reading = read_fixture(str(path.relative_to(FIXTURES)))
    assert reading.evaluates
    assert UnreadReason.DAMAGED in reading.reasons()


def test_listing_of_a_tar_states_the_target_of_each_link(read_fixture):
    *_, link = read_fixture("tar/malicious/link-member.tar").of(ArchiveListing)[0].members
    assert link.link_target == "../weights.pkl"
    assert read_fixture("tar/malicious/link-member.tar").kinds() == {"link-member"}
    (hard,) = read_fixture("tar/malicious/hard-link-escape.tar").of(ArchiveListing)[0].members
    assert hard.link_target == "/etc/passwd"


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@settings(max_examples=30, deadline=None)
@given(
    members=st.lists(st.tuples(st.text("abcé☃/._-", min_size=1, max_size=40), st.binary(max_size=1500)), max_size=5),
    has_long_names=st.booleans(),
)
def test_valid_archive_is_read_as_tarfile_wrote_it(form, members, has_long_names, bytes_window):
    members = [(name.strip("/") or "x", data) for name, data in members]
    if has_long_names:
        # Names of more than 100 bytes need a prefix or an extended header.
        members = [(f"{'folder/' * 18}{name}"[-140:].lstrip("/"), data) for name, data in members]
    data = make_tar(members, form)
    listing, contents = read_archive(data, bytes_window)
    assert listing is not None
    assert {defect.kind for defect in listing.defects} <= {"path-escape", "duplicate-member"}
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        expected = [(member.name, member.size) for member in archive.getmembers()]
    assert [(member.name, member.size) for member in listing.members] == expected
    assert list(contents.values()) == [content for _, content in members if content]


@pytest.mark.skipif(shutil.which("tar") is None, reason="no tar here")
@pytest.mark.parametrize(
    "options",
    [("--format=gnu",), *(("--format=posix", f"--sparse-version={v}") for v in ("0.0", "0.1", "1.0"))],
    ids=lambda options: options[-1],
)
def test_sparse_file_of_gnu_tar_is_read_with_its_holes(options, tmp_path, bytes_window):
    path = tmp_path / "sparse.bin"
    with path.open("wb") as file:
        # 40 pieces with holes between them, and a hole at the end.
        for number in range(40):
            file.seek(number * 100_000)
            file.write(bytes([number + 1]) * 3000)
        file.truncate(4_100_000)
    command = ["tar", "-C", tmp_path, "-S", *options, "-cf", "-", "sparse.bin"]
    packed = subprocess.run(command, capture_output=True, check=False)
    if packed.returncode:
        pytest.skip("this tar does not support sparse files")
    data = packed.stdout
    listing, contents = read_archive(data, bytes_window)
    assert len(data) < 1 << 20, "the holes were stored"
    assert listing.defects == ()
    assert contents == {"file!sparse.bin": path.read_bytes()}


@pytest.mark.parametrize("name", ["sparse-gnu", "sparse-pax", "sparse-pax-records"])
def test_sparse_fixtures_are_read_as_tarfile_reads_them(name, bytes_window):
    path = FIXTURES / f"tar/benign/{name}.tar"
    _, contents = read_archive(path.read_bytes(), bytes_window)
    with tarfile.open(path) as archive:
        (member,) = archive.getmembers()
        expected = archive.extractfile(member).read()
    assert list(contents.values()) == [expected]


def test_sparse_tar_file_over_the_expansion_ratio_is_reported_as_partly_unread(read_bytes):
    data = (FIXTURES / "tar/bomb/sparse.tar").read_bytes()
    reading = read_bytes(data, limits=Limits(expansion_floor=1 << 20))
    assert "expansion-ratio" in reading.kinds()
    assert UnreadReason.LIMIT in reading.reasons()
    assert reading.of(PickleProgram)


def test_tar_members_over_the_bound_are_reported_as_unread(read_bytes):
    reading = read_bytes(make_tar([(f"{n}.txt", b"x") for n in range(30)]), limits=Limits(members=20))
    assert len(reading.of(ArchiveListing)[0].members) == 20
    assert UnreadReason.LIMIT in reading.reasons()


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.XGLTYPE])
def test_tar_members_before_an_oversized_header_are_read(kind, read_bytes):
    member = tarfile.TarInfo("x")
    member.type, member.size = kind, 1 << 33
    # The member with the payload has two blocks, its header and its data.
    data = make_tar([("weights.pkl", EVAL)])[:1024] + member.tobuf(tarfile.GNU_FORMAT) + bytes(1024)
    reading = read_bytes(data)
    assert reading.evaluates
    assert UnreadReason.LIMIT in reading.reasons()


@pytest.mark.parametrize(
    ("field", "is_valid"),
    [(b"\xff" * 12, False), (b"\x80" + b"\x7f" * 11, True), (b"77777777777\0", True), (b"not octal!!\0", False)],
    ids=["negative", "large-binary", "large-octal", "not-octal"],
)
def test_tar_members_around_one_of_absurd_size_are_read_unless_its_valid_size_covers_them(field, is_valid, read_bytes):
    block = bytearray(tarfile.TarInfo("huge").tobuf(tarfile.USTAR_FORMAT))
    block[_SIZE_FIELD] = field
    block[_CHECKSUM_FIELD] = format_checksum(block)
    before = read_bytes(make_tar([("weights.pkl", EVAL)])[:1024] + bytes(block))
    after = read_bytes(bytes(block) + make_tar([("weights.pkl", EVAL)]))
    assert UnreadReason.DAMAGED in before.reasons() & after.reasons()
    assert before.evaluates
    # A valid size makes the payload after the header a part of its member.
    assert after.evaluates or is_valid


def test_tar_whose_first_member_name_is_a_pickle_is_read_as_tar_and_as_pickle(read_fixture):
    reading = read_fixture("tar/malicious/pickle-name.pt")
    assert set(reading.formats["pickle-name.pt"]) == {"tar", "pickle"}


@pytest.mark.parametrize("name", ["zip-in-header", "zip-in-padding", "zip-in-two-members"])
def test_zip_in_the_header_the_padding_or_several_members_of_a_tar_is_read(name, read_fixture):
    reading = read_fixture(f"tar/malicious/{name}.tar")
    assert {listing.format for listing in reading.of(ArchiveListing)} >= {"tar", "zip"}
    assert reading.evaluates


@pytest.mark.parametrize("name", ["zip-at-end", "zip-in-tar-at-end"])
def test_zip_that_lies_within_one_member_of_a_tar_is_read_once(name, read_fixture):
    reading = read_fixture(f"tar/benign/{name}.tar")
    listings = reading.of(ArchiveListing)
    assert [listing.format for listing in listings].count("zip") == 1
    assert not any(listing.defects for listing in listings)


def test_tar_members_with_equal_names_get_different_addresses(read_bytes):
    reading = read_bytes(make_tar([("a.pkl", b"\x80\x02N."), ("a.pkl", EVAL)]), "m.tar")
    assert {"m.tar!a.pkl", "m.tar!a.pkl#2"} <= set(reading.formats)


def test_tensor_data_are_recognised_as_tar_only_if_the_header_checksum_is_valid(bytes_window):
    data = make_tar([("a", b"x")])
    assert find_reader("tar").recognises(Head("x", TENSOR_STORAGE, data, bytes_window(data)))
    damaged = data[: _CHECKSUM_FIELD.start] + b"000000\0 " + data[_CHECKSUM_FIELD.stop :]
    assert not find_reader("tar").recognises(Head("x", TENSOR_STORAGE, damaged, bytes_window(damaged)))
    # A file of its own is recognised by its magic number, so that its damage is reported.
    assert find_reader("tar").recognises(Head("x", None, damaged, bytes_window(damaged)))


def test_too_long_extended_headers_of_one_tar_member_are_reported_as_unread(read_bytes):
    extended = tarfile.TarInfo.create_pax_global_header({"comment": "x" * 60_000})
    # The kind, which follows the checksum, becomes that of a header for the next member only.
    local = extended[:156] + b"x" + extended[157:]
    block = bytearray(local[:512])
    block[_CHECKSUM_FIELD] = format_checksum(block)
    # 40 headers of 60 kB each, all for one member.
    data = (bytes(block) + local[512:]) * 40 + make_tar([("weights.pkl", EVAL)])
    assert UnreadReason.LIMIT in read_bytes(data).reasons()


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_mutated_tar_archive_is_read_without_an_error(data, read_bytes):
    # All folders but benign and bomb.
    paths = sorted((FIXTURES / "tar").glob("[!b]*/*.tar"))
    sample = bytearray(data.draw(st.sampled_from(paths)).read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        block_start = data.draw(st.integers(0, len(sample) // 512 - 1)) * 512
        sample[block_start + data.draw(st.integers(0, 511))] = data.draw(st.integers(0, 255))
        # With a valid checksum, the mutated header is parsed further.
        if data.draw(st.booleans()):
            block = sample[block_start : block_start + 512]
            checksum_start = block_start + _CHECKSUM_FIELD.start
            sample[checksum_start : checksum_start + 8] = format_checksum(block)
    kept_length = data.draw(st.integers(0, len(sample)) | st.just(len(sample)))
    # The test fails if this raises.
    read_bytes(bytes(sample[:kept_length]), limits=Limits(expansion_floor=1 << 20))
