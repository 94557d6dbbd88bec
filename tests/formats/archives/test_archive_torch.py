from __future__ import annotations

import io
import zipfile

import pytest
from support.fixtures import FIXTURES

from modelaudit.model.pickle import PickleProgram
from modelaudit.model.structure import ArchiveListing, TensorData


@pytest.fixture(scope="module", autouse=True)
def _import_torch() -> None:
    """Import torch when a test runs, not when it is collected."""
    global torch
    torch = pytest.importorskip("torch", reason="installed by make test unless TORCH= leaves it out")


def make_model():
    """Return a small model with four parameters."""
    return torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))


def save_to_bytes(save, value) -> bytes:
    """Return what ``save``, a function of torch, writes for ``value``."""
    buffer = io.BytesIO()
    save(value, buffer)
    return buffer.getvalue()


def test_state_dict_that_torch_saves_is_read_completely(read_bytes):
    reading = read_bytes(save_to_bytes(torch.save, make_model().state_dict()), "m.pt")
    (listing,) = reading.of(ArchiveListing)
    assert (listing.layout, listing.defects) == ("torch-zip", ())
    assert sorted(data.size for data in reading.of(TensorData)) == [8, 16, 32, 48]
    assert len(reading.of(PickleProgram)) == 1
    assert reading.unread == []


def test_torch_file_with_an_empty_tensor_is_read_completely(read_bytes):
    reading = read_bytes(save_to_bytes(torch.save, {"a": torch.zeros(0), "b": torch.zeros(2)}), "m.pt")
    assert [data.size for data in reading.of(TensorData)] == [8]
    assert reading.unread == []


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_script_saved_by_torch_jit_has_the_layout_torchscript(read_bytes):
    reading = read_bytes(save_to_bytes(torch.jit.save, torch.jit.script(make_model())), "m.pt")
    (listing,) = reading.of(ArchiveListing)
    assert (listing.layout, listing.defects) == ("torchscript", ())
    sources = [formats for name, formats in reading.formats.items() if name.endswith(".py")]
    assert sources
    assert {tuple(formats) for formats in sources} == {("torchscript",)}
    assert reading.unread == []


def test_torch_loads_the_benign_state_dict_fixture():
    state = torch.load(FIXTURES / "torch-zip/benign/state-dict.pt", weights_only=True)
    assert state["weight"].tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize("kept_part", [0.3, 0.6, 0.9, 0.99])
def test_pickle_in_a_truncated_torch_archive_is_read(kept_part, read_bytes):
    complete = save_to_bytes(torch.save, make_model().state_dict())
    reading = read_bytes(complete[: int(len(complete) * kept_part)], "m.pt")
    (listing,) = reading.of(ArchiveListing)
    assert "directory-missing" in {defect.kind for defect in listing.defects}
    assert listing.members[0].name.endswith("/data.pkl")
    assert len(reading.of(PickleProgram)) == 1


def test_torch_archive_member_with_a_wrong_checksum_is_read_because_torch_loads_it(read_bytes):
    data = bytearray(save_to_bytes(torch.save, {"step": 7}))
    # BININT1 with the value 7, which becomes 9.
    data[data.index(b"K\x07") + 1] = 9
    assert torch.load(io.BytesIO(bytes(data)), weights_only=True) == {"step": 9}
    with zipfile.ZipFile(io.BytesIO(bytes(data))) as archive, pytest.raises(zipfile.BadZipFile):
        archive.read(archive.namelist()[0])
    reading = read_bytes(bytes(data), "m.pt")
    assert len(reading.of(PickleProgram)) == 1
    assert reading.kinds() == {"crc-mismatch"}


def test_torch_archive_is_recognised_if_the_case_of_data_pkl_differs_because_torch_loads_it(read_bytes):
    data = save_to_bytes(torch.save, {"step": 7}).replace(b"/data.pkl", b"/DATA.pkl")
    assert torch.load(io.BytesIO(data), weights_only=True) == {"step": 7}
    assert read_bytes(data, "m.pt").of(ArchiveListing)[0].layout == "torch-zip"


def test_torch_archive_is_recognised_if_the_case_of_its_folder_differs_because_torch_loads_it(read_bytes):
    data = save_to_bytes(torch.save, {"step": 7})
    # The first member decides the folder, so it keeps its name.
    names = zipfile.ZipFile(io.BytesIO(data)).namelist()
    folder, _, _ = names[0].partition("/")
    for name in names[1:]:
        data = data.replace(name.encode(), name.replace(folder, folder.upper()).encode())
    assert torch._C.PyTorchFileReader(io.BytesIO(data)).get_record("byteorder") == b"little"
    assert f"{folder.upper()}/byteorder" in zipfile.ZipFile(io.BytesIO(data)).namelist()
    assert read_bytes(data, "m.pt").of(ArchiveListing)[0].layout == "torch-zip"


def test_torch_reads_the_zip_directory_at_the_offset_that_the_end_record_states():
    with pytest.raises(RuntimeError, match=r"payload\.pkl"):
        torch._C.PyTorchFileReader(str(FIXTURES / "zip/malicious/directory-ambiguous.zip"))


def test_torch_archive_with_a_file_name_of_1_to_40_letters_has_no_defect(tmp_path, read_bytes):
    """torch always writes ZIP64 records; a directory must not be inferred from the plain end record as well."""
    for length in range(1, 41):
        path = tmp_path / ("x" * length + ".bin")
        torch.save({}, path)
        listing = read_bytes(path.read_bytes()).of(ArchiveListing)[0]
        assert listing.defects == (), length
