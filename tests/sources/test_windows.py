from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelaudit.model.artifact import Window
from modelaudit.model.errors import WindowError
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.structure import UnreadReason
from modelaudit.sources import FileWindow
from modelaudit.sources.windows import FileState, LocalFile

READ_BYTES = Limits().read_bytes


def make_local_file(path: Path) -> LocalFile:
    """Make the opener of a file in its present state, as the listing of its folder does."""
    return LocalFile(str(path.parent), path.name, FileState.from_stat(path.lstat()), READ_BYTES)


def get_open_error(file: LocalFile) -> WindowError:
    """Open the file, and return the error that this raises."""
    with pytest.raises(WindowError) as caught:
        file()
    return caught.value


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a file of 1,024 bytes, which repeats the values from 0 to 255."""
    path = tmp_path / "weights.bin"
    path.write_bytes(bytes(range(256)) * 4)
    return path


def test_window_reads_any_range(file: Path) -> None:
    content = file.read_bytes()
    with make_local_file(file)() as window:
        assert window.size == 1024
        assert window.read(0, 4) == content[:4]
        assert window.read(1000, 100) == content[1000:]
        assert window.read(1024, 1) == window.read(10**30, 5) == window.read(3, 0) == b""
        assert window.describe_change() is None


@given(data=st.binary(max_size=300), offset=st.integers(0, 400), length=st.integers(0, 400))
def test_window_read_returns_the_same_bytes_as_a_slice_of_the_file(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, offset: int, length: int
) -> None:
    path = tmp_path_factory.mktemp("window") / "data"
    path.write_bytes(data)
    with make_local_file(path)() as window:
        assert window.read(offset, length) == data[offset : offset + length]


def test_single_window_read_of_more_than_16_mib_is_refused(file: Path) -> None:
    with make_local_file(file)() as window:
        with pytest.raises(WindowError) as caught:
            window.read(0, 16 * MIB + 1)
        assert caught.value.reason is UnreadReason.LIMIT
        assert len(window.read(0, 16 * MIB)) == 1024


@pytest.mark.parametrize(("offset", "length"), [(-1, 4), (0, -1)])
def test_invalid_range_is_refused(file: Path, offset: int, length: int) -> None:
    with make_local_file(file)() as window, pytest.raises(WindowError):
        window.read(offset, length)


def test_empty_file_can_be_opened(tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.touch()
    with make_local_file(path)() as window:
        assert (window.size, window.read(0, 10), window.describe_change()) == (0, b"", None)


def test_window_can_be_closed_twice(file: Path) -> None:
    window: Window = make_local_file(file)()
    assert isinstance(window, FileWindow)
    window.close()
    window.close()


def test_windows_leave_no_descriptor_open(file: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    with make_local_file(file)() as window:
        window.read(0, 1)
        window.describe_change()
    open_removed = make_local_file(file)
    file.unlink()
    get_open_error(open_removed)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_window_opener_can_be_pickled_and_used_by_another_process(file: Path) -> None:
    with pickle.loads(pickle.dumps(make_local_file(file)))() as window:
        assert window.read(0, 2) == b"\0\1"


def test_ten_gigabyte_sparse_file_is_read_at_any_offset(tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(10 * 1024 * MIB)
        file.seek(7 * 1024 * MIB)
        file.write(b"needle")
    with make_local_file(path)() as window:
        assert window.size == 10 * 1024 * MIB
        assert window.read(7 * 1024 * MIB - 2, 10) == b"\0\0needle\0\0"
        assert window.read(window.size - 1, 5) == b"\0"


def test_bytes_appended_after_opening_are_detected_and_not_read(file: Path) -> None:
    with make_local_file(file)() as window:
        with file.open("ab") as writer:
            writer.write(b"more")
        assert window.read(1020, 100) == b"\xfc\xfd\xfe\xff"
        assert window.describe_change() == "its size went from 1024 to 1028 bytes"


def test_truncation_is_detected_during_and_after_reads(file: Path) -> None:
    with make_local_file(file)() as window:
        os.truncate(file, 10)
        with pytest.raises(WindowError) as caught:
            window.read(0, 100)
        assert caught.value.reason is UnreadReason.CHANGED
        assert window.describe_change() == "its size went from 1024 to 10 bytes"


def test_write_to_an_open_file_is_detected_even_if_its_size_is_unchanged(file: Path) -> None:
    with make_local_file(file)() as window:
        with file.open("r+b") as writer:
            writer.write(b"XX")
        os.utime(file, ns=(1, 1))
        assert window.describe_change() == "its content was written to"


def test_write_to_an_open_file_is_detected_even_if_its_times_are_reset(file: Path) -> None:
    before = file.stat()
    with make_local_file(file)() as window:
        with file.open("r+b") as writer:
            writer.write(b"XX")
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
        message = window.describe_change()
        assert message is not None
        assert "status was changed" in message


def test_removal_or_replacement_of_an_open_file_is_detected(file: Path) -> None:
    with make_local_file(file)() as window:
        file.unlink()
        assert window.read(0, 2) == b"\0\1"
        assert window.describe_change() == "it was removed"
        file.write_bytes(bytes(1024))
        assert window.describe_change() == "another file took its place"


def test_change_between_listing_and_opening_is_reported(file: Path) -> None:
    open_listed = make_local_file(file)
    file.write_bytes(b"short")
    with open_listed() as window:
        assert window.size == 5
        assert window.describe_change() == "its size went from 1024 to 5 bytes"


def test_file_deleted_after_the_listing_is_reported_as_changed(file: Path) -> None:
    open_listed = make_local_file(file)
    file.unlink()
    assert get_open_error(open_listed).reason is UnreadReason.CHANGED


def test_file_that_was_replaced_after_the_listing_cannot_be_opened(file: Path) -> None:
    open_listed = make_local_file(file)
    file.rename(file.with_name("other"))
    file.write_bytes(bytes(1024))
    assert get_open_error(open_listed).reason is UnreadReason.CHANGED


@pytest.mark.parametrize("what", ["link", "fifo", "folder"])
def test_special_file_in_place_of_a_file_is_not_opened(file: Path, what: str) -> None:
    open_listed = make_local_file(file)
    file.rename(file.with_name("other"))
    match what:
        case "link":
            file.symlink_to("other")  # the very same inode, but reached through a link
        case "fifo":
            os.mkfifo(file)  # opening it would block
        case _:
            file.mkdir()
    assert get_open_error(open_listed).reason is UnreadReason.CHANGED


def test_file_is_not_opened_if_a_link_has_replaced_its_folder(tmp_path: Path) -> None:
    inside, outside = tmp_path / "model" / "sub", tmp_path / "outside"
    inside.mkdir(parents=True)
    (inside / "file").write_text("model")
    open_listed = LocalFile(
        str(tmp_path / "model"), "sub/file", FileState.from_stat((inside / "file").lstat()), READ_BYTES
    )
    inside.rename(outside)
    inside.symlink_to(outside)
    assert get_open_error(open_listed).reason is UnreadReason.CHANGED
