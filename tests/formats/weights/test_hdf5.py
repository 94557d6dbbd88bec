from __future__ import annotations

import base64
import struct
from contextlib import nullcontext
from io import BytesIO

import pytest
from builders.hdf5_files import build_hdf5_model, build_keras2_config
from builders.hdf5_writer import BYTE, Hdf5, build_attribute, build_hard_link, build_other_link, compute_checksum
from builders.payloads import EVAL_ONE
from hypothesis import given, settings
from hypothesis import strategies as st
from support.fixtures import FIXTURES, fixture_path

from modelaudit.formats.registry import find_reader
from modelaudit.formats.weights.hdf5 import trees
from modelaudit.formats.weights.hdf5.checksums import ChecksumLog
from modelaudit.formats.weights.hdf5.source import StructureSource
from modelaudit.formats.weights.hdf5.storage import expand_lzf
from modelaudit.formats.weights.hdf5.superblock import read_superblock
from modelaudit.formats.weights.hdf5.walker import ObjectWalker
from modelaudit.model.artifact import Artifact
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Outline, References
from modelaudit.model.structure import UnreadReason
from modelaudit.wire.base import DamagedError, LimitReachedError
from modelaudit.wire.checksums import compute_lookup3

# Types of links of HDF5.
_SOFT_LINK, _EXTERNAL_LINK = 1, 64
# Files that h5py wrote.
_WRITTEN = sorted(fixture_path("written/h5py").glob("*.h5"))
SEEDS = [path.read_bytes() for path in (*_WRITTEN, *sorted((FIXTURES / "hdf5").glob("*/*")))]


def get_outline(reading) -> Outline:
    """Return the first outline of an HDF5 file."""
    return next(outline for outline in reading.of(Outline) if outline.format == "hdf5")


def get_facts(reading) -> dict[str, str]:
    """Return the facts of the HDF5 file by name."""
    return dict(get_outline(reading).facts)


def list_references(reading) -> list[tuple[str, str]]:
    """Return (kind, target) of each reference to another file."""
    return [(reference.named_by, reference.target) for group in reading.of(References) for reference in group.items]


@pytest.mark.parametrize("path", _WRITTEN, ids=lambda path: path.name)
def test_hdf5_reader_counts_the_same_objects_and_datasets_as_h5py(path, read_bytes):
    h5py = pytest.importorskip("h5py")
    # h5py does not visit the root group.
    objects, datasets = 1, 0

    def count_object(_, visited):
        """Count an object that h5py visits."""
        nonlocal objects, datasets
        objects += 1
        datasets += isinstance(visited, h5py.Dataset)

    with h5py.File(path) as file:
        file.visititems(count_object)
    reading = read_bytes(path.read_bytes(), path.name)
    assert get_facts(reading)["objects"] == str(objects)
    assert get_facts(reading)["datasets"] == str(datasets)
    assert reading.unread == []


@pytest.mark.parametrize("start", [512, 1024, 4096, 65536])
def test_hdf5_file_is_recognised_if_its_signature_follows_a_user_block(start, read_bytes):
    data = bytes(start) + build_hdf5_model(build_keras2_config())
    assert "hdf5" in read_bytes(data, "model.h5").formats["model.h5"]


def test_each_link_from_an_hdf5_file_to_another_file_is_recorded_as_a_reference(read_fixture):
    assert list_references(read_fixture("hdf5/malicious/external-storage.h5")) == [
        ("external storage", "/etc/hostname")
    ]
    assert list_references(read_fixture("hdf5/malicious/external-link.h5")) == [("external link", "../../secrets.h5")]
    assert list_references(read_fixture("hdf5/malicious/virtual-dataset.h5")) == [
        ("virtual dataset", "/var/lib/secrets.h5")
    ]


def test_reference_to_hdf5_external_storage_states_the_size_that_the_file_must_have(read_fixture):
    (references,) = read_fixture("hdf5/malicious/external-storage.h5").of(References)
    assert [reference.min_size for reference in references.items] == [32]


def test_virtual_hdf5_dataset_that_maps_to_its_own_file_gives_no_reference(read_bytes):
    # One mapping from the dataset "data" of the file ".", which is the file itself. Both selections are all elements.
    file = Hdf5()
    all_elements = struct.pack("<IIII", 3, 1, 0, 0)
    mappings = b"\0" + struct.pack("<Q", 1) + b".\0data\0" + all_elements * 2
    # A layout of version 4 and class 3 (virtual), with the mappings in the global heap.
    layout = bytes((4, 3)) + struct.pack("<QI", file.add_global_heap(mappings + compute_checksum(mappings)), 1)
    reading = read_bytes(file.build(file.add_group([build_hard_link("w", file.add_dataset((8,), layout))])), "w.h5")
    assert list_references(reading) == []
    assert reading.unread == []


def test_elements_of_hdf5_attributes_stay_in_the_file_and_can_be_read_again(bytes_window):
    file = Hdf5()
    values = [b"a" * 2000, b"b" * 3000]
    messages = [build_attribute("n" * 300, value) for value in values]
    walker = ObjectWalker(read_superblock(bytes_window(file.build(file.add_group(messages)))), 10)
    walker.run()
    attributes = [attribute for _, attribute in walker.found.attributes]
    assert not any(isinstance(getattr(each, name), bytes) for each in attributes for name in each.__struct_fields__)
    assert [each.read_elements(walker.source) for each in attributes] == values
    assert [each.name for each in attributes] == ["n" * 256] * 2


@pytest.mark.parametrize(("bound", "is_limit_reached"), [(2 * (2 + 1000), False), (2 * (2 + 1000) - 1, True)])
def test_hdf5_links_whose_targets_take_more_characters_than_the_bound_are_reported_as_unread(
    bound, is_limit_reached, read_bytes, monkeypatch
):
    monkeypatch.setattr("modelaudit.formats.weights.hdf5.walker._MAX_LINK_CHARACTERS", bound)
    file = Hdf5()
    # The paths are /a and /b; of each target, 1000 characters are kept.
    links = [build_other_link(name, _SOFT_LINK, b"t" * 5000) for name in "ab"]
    assert (UnreadReason.LIMIT in read_bytes(file.build(file.add_group(links)), "w.h5").reasons()) == is_limit_reached


def test_hdf5_soft_link_gives_no_reference_defect_or_mention(read_bytes):
    file = Hdf5()
    soft_link = build_other_link("soft", _SOFT_LINK, b"/../../etc")
    reading = read_bytes(file.build(file.add_group([soft_link])), "w.h5")
    assert (list_references(reading), reading.kinds(), get_outline(reading).mentions) == ([], set(), ())


def test_hdf5_shape_that_would_exhaust_memory_is_a_defect(read_fixture):
    assert read_fixture("hdf5/bomb/shape.h5").kinds() == {"expansion-ratio"}


def test_many_hdf5_shapes_that_would_exhaust_memory_together_are_a_defect(read_fixture):
    assert read_fixture("hdf5/bomb/many-shapes.h5").kinds() == {"expansion-ratio"}


def test_hdf5_object_in_a_cycle_is_read_once(read_fixture):
    assert get_facts(read_fixture("hdf5/bomb/cycle.h5"))["objects"] == "1"


def test_hdf5_object_beside_a_damaged_one_is_read(read_bytes):
    file = Hdf5()
    # The datatype is version 1, class 3: a string of the length of the pickle.
    datatype = bytes((0x13, 0, 0, 0)) + struct.pack("<I", len(EVAL_ONE))
    good = file.add_group([build_attribute("meta", EVAL_ONE, datatype)])
    beyond_end = 1 << 40
    root = file.add_group([build_hard_link("bad", beyond_end), build_hard_link("good", good)])
    reading = read_bytes(file.build(root), "w.h5")
    assert UnreadReason.DAMAGED in reading.reasons()
    assert reading.evaluates


def test_pickle_in_an_hdf5_attribute_or_dataset_is_read(read_fixture):
    assert read_fixture("hdf5/malicious/pickled-attribute.h5").evaluates
    assert read_fixture("hdf5/malicious/pickled-dataset.h5").evaluates


@pytest.mark.parametrize("chunk", [7, 64])
@pytest.mark.parametrize(
    "filters", [{}, {"compression": "gzip", "shuffle": True, "fletcher32": True}, {"compression": "lzf"}]
)
def test_pickle_in_the_chunks_of_an_hdf5_dataset_is_read(chunk, filters, read_bytes):
    h5py, numpy = pytest.importorskip("h5py"), pytest.importorskip("numpy")
    stored = BytesIO()
    with h5py.File(stored, "w") as file:
        file.create_dataset("bytes", data=bytearray(EVAL_ONE.ljust(64, b"\0")), dtype="u1", chunks=(chunk,), **filters)
    assert read_bytes(stored.getvalue(), "model.h5").evaluates
    stored = BytesIO()
    with h5py.File(stored, "w") as file:
        opaque_type = f"V{len(EVAL_ONE)}"
        dataset = file.create_dataset("opaque", shape=(9,), dtype=opaque_type, chunks=(3,), **filters)
        dataset[0] = numpy.void(EVAL_ONE)
    assert read_bytes(stored.getvalue(), "model.h5").evaluates


def test_pickle_in_an_hdf5_chunk_that_compression_left_as_it_is_is_read(read_bytes):
    h5py = pytest.importorskip("h5py")
    stored = BytesIO()
    with h5py.File(stored, "w") as file:
        dataset = file.create_dataset("bytes", shape=(64,), dtype="u1", chunks=(64,), compression="gzip")
        # A filter mask of 1 states that the first filter, the compression, was left out for this chunk.
        dataset.id.write_direct_chunk((0,), EVAL_ONE.ljust(64, b"\0"), 1)
    assert read_bytes(stored.getvalue(), "model.h5").evaluates


def test_bytes_in_hdf5_chunks_with_a_filter_that_is_not_undone_are_reported_as_unread(read_bytes):
    h5py, numpy = pytest.importorskip("h5py"), pytest.importorskip("numpy")
    stored = BytesIO()
    with h5py.File(stored, "w") as file:
        dataset = file.create_dataset("bytes", shape=(64,), dtype="u1", chunks=(64,), scaleoffset=4)
        dataset[:] = numpy.frombuffer(EVAL_ONE.ljust(64, b"\0"), dtype="u1")
    assert read_bytes(stored.getvalue(), "model.h5").reasons() == {UnreadReason.NO_READER}


def test_chunk_that_lzf_compressed_is_expanded_to_its_bytes():
    h5py, numpy = pytest.importorskip("h5py"), pytest.importorskip("numpy")
    stored = BytesIO()
    # Repetitions at short and long distances, among them some that overlap with themselves.
    data = bytes(range(256)) * 3 + b"a" * 400 + b"abc" * 90 + bytes(range(255, 0, -1)) * 40
    with h5py.File(stored, "w") as file:
        dataset = file.create_dataset("bytes", shape=(len(data),), dtype="u1", chunks=(len(data),), compression="lzf")
        dataset[:] = numpy.frombuffer(data, dtype="u1")
        _, chunk = dataset.id.read_direct_chunk((0,))
    assert len(chunk) < len(data)
    assert expand_lzf(chunk, len(data)) == data
    for length in range(len(chunk)):
        assert data.startswith(expand_lzf(chunk[:length], len(data)))


def test_opaque_field_of_an_hdf5_table_is_reported_as_unread(read_bytes):
    h5py, numpy = pytest.importorskip("h5py"), pytest.importorskip("numpy")
    stored = BytesIO()
    row = numpy.dtype([("number", "i4"), ("object", f"V{len(EVAL_ONE)}")])
    with h5py.File(stored, "w") as file:
        file.create_dataset("table", data=numpy.array([(1, EVAL_ONE)], dtype=row))
    assert read_bytes(stored.getvalue(), "model.h5").reasons() == {UnreadReason.NO_READER}


def test_hdf5_table_of_numbers_and_texts_leaves_nothing_unread(read_bytes):
    h5py, numpy = pytest.importorskip("h5py"), pytest.importorskip("numpy")
    stored = BytesIO()
    row = numpy.dtype([("number", "f4", (3,)), ("text", "S9"), ("flag", "?")])
    with h5py.File(stored, "w") as file:
        dataset = file.create_dataset("table", data=numpy.zeros(3, dtype=row))
        dataset.attrs["row"] = numpy.zeros(1, dtype=row)
    assert read_bytes(stored.getvalue(), "model.h5").unread == []


def test_numbers_and_texts_in_hdf5_chunks_give_no_nested_artifact(read_bytes):
    h5py = pytest.importorskip("h5py")
    stored = BytesIO()
    with h5py.File(stored, "w") as file:
        file.create_dataset("bytes", data=bytearray(range(256)) * 999, dtype="u1", chunks=(999,), compression="gzip")
        file.create_dataset("texts", data=[b"one", b"two"] * 9999, chunks=(999,), compression="gzip")
    reading = read_bytes(stored.getvalue(), "model.h5")
    assert (reading.unread, list(reading.formats)) == ([], ["model.h5"])


def test_hdf5_content_after_a_damaged_chunk_is_reported_as_unread(read_bytes):
    h5py = pytest.importorskip("h5py")
    stored = BytesIO()
    with h5py.File(stored, "w") as file:
        data = bytearray(EVAL_ONE.ljust(64, b"\0") + bytes(64))
        dataset = file.create_dataset("bytes", data=data, dtype="u1", chunks=(64,), compression="gzip")
        # A filter mask of 0 states that the chunk is compressed, and these bytes are not.
        dataset.id.write_direct_chunk((64,), b"not compressed", 0)
    reading = read_bytes(stored.getvalue(), "model.h5")
    assert reading.evaluates
    assert UnreadReason.LIMIT in reading.reasons()


def test_keras_configuration_after_white_space_is_read(read_bytes):
    config = " " * 300 + '{"class_name": "Lambda", "config": {}}'
    reading = read_bytes(build_hdf5_model(config), "model.h5")
    (keras,) = [outline for outline in reading.of(Outline) if outline.format == "keras"]
    assert [mention.name for mention in keras.mentions] == ["Lambda"]


def test_invalid_keras_configuration_in_hdf5_is_reported_as_damaged(read_bytes):
    assert UnreadReason.DAMAGED in read_bytes(build_hdf5_model("{"), "model.h5").reasons()


def test_hdf5_objects_over_the_bound_are_reported_as_unread(read_bytes):
    file = Hdf5()
    groups = [file.add_group([]) for _ in range(30)]
    links = [build_hard_link(f"g{number}", group) for number, group in enumerate(groups)]
    data = file.build(file.add_group(links))
    reading = read_bytes(data, "w.h5", Limits(members=10))
    assert UnreadReason.LIMIT in reading.reasons()
    assert reading.of(Outline)


def test_hdf5_file_whose_tree_has_too_many_nodes_is_reported_as_unread(read_bytes, monkeypatch):
    data = fixture_path("written/h5py/earliest.h5").read_bytes()
    monkeypatch.setattr("modelaudit.formats.weights.hdf5.trees._MAX_NODES", 0)
    assert UnreadReason.LIMIT in read_bytes(data, "w.h5").reasons()


def test_hdf5_reader_does_not_read_the_data_of_a_dataset_of_floats(bytes_window, read_bytes):
    file = Hdf5()
    root = file.add_group([build_hard_link("w", file.add_array((1 << 20,), bytes(4 << 20)))])
    window = bytes_window(file.build(root))
    list(find_reader("hdf5").read(_make_artifact(window), window, Limits()))
    assert window.bytes_read < 300_000


def _make_artifact(window):
    """Return an artifact that opens ``window``."""
    return Artifact("w.h5", window.size, lambda: nullcontext(window))


def test_hdf5_attribute_larger_than_its_message_is_reported_as_damaged(read_bytes):
    file = Hdf5()
    data = file.build(file.add_group([build_attribute("a", b"short", BYTE, (1 << 50,))]))
    assert UnreadReason.DAMAGED in read_bytes(data, "w.h5").reasons()


@pytest.mark.parametrize(("count", "reaches_limit"), [(50_000, False), (50_001, True)])
def test_hdf5_values_of_variable_length_are_searched_up_to_a_bound_and_then_reported_as_unread(
    count, reaches_limit, read_bytes
):
    file = Hdf5()
    # References without a value, and the 50,000th with a pickle: its length, and its address and index in the heap.
    references = bytes(16 * 49_999) + struct.pack("<IQI", len(EVAL_ONE), file.add_global_heap(EVAL_ONE), 1)
    sequence_type = bytes((0x19, 0, 0, 0)) + struct.pack("<I", 16)
    data = references + bytes(16 * (count - 50_000))
    dataset = file.add_array((count,), data, sequence_type + BYTE)
    reading = read_bytes(file.build(file.add_group([build_hard_link("values", dataset)])), "w.h5")
    assert reading.evaluates
    assert reading.reasons() == ({UnreadReason.LIMIT} if reaches_limit else set())


def test_hdf5_references_over_the_bound_are_reported_as_unread(read_bytes):
    file = Hdf5()
    # Each link names a file and a path in it.
    links = [build_other_link(f"l{number}", _EXTERNAL_LINK, b"\0a.h5\0/\0") for number in range(20_001)]
    reading = read_bytes(file.build(file.add_group(links)), "w.h5")
    assert len(list_references(reading)) == 20_000
    assert reading.reasons() == {UnreadReason.LIMIT}


def test_each_source_file_of_a_virtual_hdf5_dataset_is_recorded_as_a_reference(read_bytes):
    file = Hdf5()
    all_elements = struct.pack("<IIII", 3, 1, 0, 0)
    names = [f"f{number}.h5" for number in range(5000)]
    # Each mapping is from the dataset "data" of a file, with a selection in it and in the virtual dataset.
    mapped = b"".join(name.encode() + b"\0data\0" + all_elements * 2 for name in names)
    mappings = b"\0" + struct.pack("<Q", len(names)) + mapped
    # A layout of version 4 and class 3 (virtual), with the mappings in the global heap.
    layout = bytes((4, 3)) + struct.pack("<QI", file.add_global_heap(mappings + compute_checksum(mappings)), 1)
    reading = read_bytes(file.build(file.add_group([build_hard_link("w", file.add_dataset((8,), layout))])), "w.h5")
    assert len(list_references(reading)) == 5000
    assert reading.unread == []


@pytest.mark.parametrize("version", ["v110", "latest"])
@pytest.mark.parametrize("dataset_name", ["d", "a dataset with a long name"])
@pytest.mark.parametrize("file_names", [(".", "."), ("a-long-file-name.h5",) * 2, (".", "a.h5")])
def test_source_files_of_virtual_datasets_are_those_that_h5py_wrote(file_names, dataset_name, version, read_bytes):
    h5py = pytest.importorskip("h5py")
    stored = BytesIO()
    with h5py.File(stored, "w", libver=(version, version)) as file:
        layout = h5py.VirtualLayout((9,), "u1")
        # The second mapping refers to long names of the first.
        for part, name in zip((slice(4), slice(4, 9)), file_names, strict=True):
            layout[part] = h5py.VirtualSource(name, dataset_name, (9,), dtype="u1")[part]
        file.create_virtual_dataset("virtual", layout)
    reading = read_bytes(stored.getvalue(), "w.h5")
    assert reading.details == []
    assert {target for _, target in list_references(reading)} == set(file_names) - {"."}


def test_hdf5_heap_entries_are_read_even_if_its_free_space_address_is_invalid(read_bytes):
    data = bytearray(fixture_path("written/h5py/v110.h5").read_bytes())
    facts = get_facts(read_bytes(bytes(data), "w.h5"))
    # The address of the manager of free space is at the byte 38 of a heap; here it is beyond the end of the file.
    address_start = data.index(b"FRHP") + 38
    data[address_start : address_start + 8] = (1 << 40).to_bytes(8, "little")
    # The header takes 142 bytes, and a checksum follows.
    header_start, checksum_start = address_start - 38, address_start - 38 + 142
    data[checksum_start : checksum_start + 4] = compute_checksum(bytes(data[header_start:checksum_start]))
    reading = read_bytes(bytes(data), "w.h5")
    assert get_facts(reading) == facts
    assert UnreadReason.DAMAGED not in reading.reasons()


def _build_tree_node(level: int, *children: int) -> bytes:
    """Return the node of a B-tree of chunks in one dimension, whose keys take 24 bytes; ``children`` are addresses."""
    pointers = b"".join(bytes(24) + struct.pack("<Q", child) for child in children)
    return b"TREE" + struct.pack("<BBH", 1, level, len(children)) + b"\xff" * 16 + pointers + bytes(24)


def test_walk_of_an_hdf5_tree_raises_an_error_for_too_many_nodes_and_for_a_loop(bytes_window, monkeypatch):
    monkeypatch.setattr(trees, "_MAX_NODES", 3)
    # A root whose three children are empty leaves of 48 bytes each.
    tree = _build_tree_node(1, 200, 248, 296).ljust(200, b"\0") + _build_tree_node(0) * 3
    loop = _build_tree_node(1, 0)
    for data, error, message in (
        (tree, LimitReachedError, "more than 3 nodes"),
        (loop, DamagedError, "back into itself"),
    ):
        with pytest.raises(error, match=message):
            list(trees.list_tree_children(StructureSource(bytes_window(data)), 0, trees.CHUNK_TREE, 24))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_mutated_hdf5_files_are_parsed_or_reported_as_unread(read_bytes, data):
    mutated = bytearray(data.draw(st.sampled_from(SEEDS)))
    for _ in range(data.draw(st.integers(1, 6))):
        position = data.draw(st.integers(0, len(mutated) - 1))
        replaced = data.draw(st.binary(min_size=1, max_size=9))
        mutated[position : position + len(replaced)] = replaced
    if data.draw(st.booleans()):
        del mutated[data.draw(st.integers(8, len(mutated))) :]
    reading = read_bytes(bytes(mutated), "model.h5", only=find_reader("hdf5"))
    assert reading.structures or reading.unread


def test_variable_length_bytes_in_hdf5_chunks_are_reported_as_unread(read_bytes):
    # Texts of variable length are not unpickled by loaders, so only the dataset of bytes counts.
    file = Hdf5()
    # A layout of version 3 and class 2 (chunked), without an index, in chunks of 4 references of 16 bytes.
    layout = bytes((3, 2, 2)) + b"\xff" * 8 + struct.pack("<II", 4, 16)
    # Datatypes of version 1 and class 9 (variable length); the low bits state sequences (0) or texts (1).
    sequence_type = bytes((0x19, 0, 0, 0)) + struct.pack("<I", 16)
    text_type = bytes((0x19, 1, 0, 0)) + struct.pack("<I", 16)
    objects = file.add_dataset((1,), layout, sequence_type + BYTE)
    texts = file.add_dataset((1,), layout, text_type + BYTE)
    root = file.add_group([build_hard_link("objects", objects), build_hard_link("texts", texts)])
    reading = read_bytes(file.build(root), "w.h5")
    assert reading.reasons() == {UnreadReason.NO_READER}
    assert len(reading.unread) == 1


@pytest.mark.parametrize(
    ("data", "checksum"),
    # The values that ``driver5`` of ``lookup3.c`` prints for an initial value of 0.
    [(b"", 0xDEADBEEF), (b"Four score and seven years ago", 0x17770551)],
)
def test_lookup3_checksum_of_a_text_is_the_published_one(data, checksum):
    assert compute_lookup3(data) == checksum


@given(st.binary(max_size=100))
def test_lookup3_checksum_of_any_bytes_equals_that_of_an_implementation_that_masks_each_step(data):
    assert compute_lookup3(data).to_bytes(4, "little") == compute_checksum(data)


_INSERTED = bytes(range(1, 35))


def _find_slack(data: bytes, structure: str) -> int:
    """Return where a structure of a file that h5py wrote in its earliest layout has bytes that belong to nothing.

    The sizes of heads and entries are those of the HDF5 file format, sections III.A to III.E.
    """
    if structure == "user block":
        return 8  # anywhere before the signature of HDF5
    if structure == "local heap":
        heap = data.index(b"HEAP")
        _, free_offset, heap_data = struct.unpack_from("<QQQ", data, heap + 8)
        free_block_head = 16
        return heap_data + free_offset + free_block_head
    if structure == "list of symbols":
        node = data.index(b"SNOD")
        (count,) = struct.unpack_from("<H", data, node + 6)
        node_head, entry_size = 8, 40
        return node + node_head + entry_size * count
    if structure == "tree":
        node = data.index(b"TREE")
        (count,) = struct.unpack_from("<H", data, node + 6)
        head_and_last_key, entry_size = 32, 16
        return node + head_and_last_key + entry_size * count
    # A collection of values (GCOL). Each value has a head of 16 bytes, and is padded to a multiple of eight. The list
    # ends with the index 0 and the size of the free space, which counts that head.
    position = data.index(b"GCOL") + 16
    while data[position : position + 2] != b"\0\0":
        (size,) = struct.unpack_from("<Q", data, position + 8)
        position += 16 + size + -size % 8
    return position + 16


@pytest.mark.parametrize("structure", ["local heap", "list of symbols", "tree", "collection of values", "user block"])
def test_bytes_in_the_unused_space_of_an_hdf5_structure_are_unclaimed(structure, read_bytes):
    name = "user-block.h5" if structure == "user block" else "earliest.h5"
    data = bytearray(fixture_path(f"written/h5py/{name}").read_bytes())
    start = _find_slack(data, structure)
    assert not any(data[start : start + len(_INSERTED)])
    data[start : start + len(_INSERTED)] = _INSERTED
    reading = read_bytes(bytes(data), "model.h5")
    assert UnreadReason.UNCLAIMED in reading.reasons()
    # The zeros beside the bytes belong to nothing either, so the range begins at most 64 bytes before them.
    (detail,) = [each for each in reading.details if "belong to no part of the hdf5 format" in each]
    ranges = [tuple(map(int, each.split("-"))) for each in detail.rpartition("bytes ")[2].split(", ")]
    assert any(first <= start and start + len(_INSERTED) <= end for first, end in ranges)


def test_unused_entries_of_an_hdf5_group_tree_are_unclaimed_only_if_a_number_in_them_exceeds_the_file_size(read_bytes):
    data = bytearray(fixture_path("written/h5py/earliest.h5").read_bytes())
    start = _find_slack(data, "tree")
    # Old versions of the library left addresses and lengths in unused entries. None exceeds the size of the file.
    struct.pack_into("<QQQQ", data, start, 1_000, 112, len(data) - 1, 8)
    assert UnreadReason.UNCLAIMED not in read_bytes(bytes(data), "model.h5").reasons()
    struct.pack_into("<Q", data, start, len(data) + 1)
    assert UnreadReason.UNCLAIMED in read_bytes(bytes(data), "model.h5").reasons()


def test_bytes_after_the_end_of_an_hdf5_file_are_unclaimed_and_searched(read_bytes):
    data = fixture_path("written/keras/dense.h5").read_bytes()
    reading = read_bytes(data + EVAL_ONE, "dense.h5")
    assert UnreadReason.UNCLAIMED in reading.reasons()
    # The range begins earlier, because the zeros at the end of the file belong to nothing either.
    assert f"-{len(data) + len(EVAL_ONE) - 1}" in " ".join(reading.details)
    assert reading.evaluates


@pytest.mark.parametrize("version", ["earliest", "v108", "latest"])
@pytest.mark.parametrize("filters", [{}, {"compression": "gzip", "shuffle": True, "fletcher32": True}])
def test_hdf5_file_with_the_chunk_indexes_that_h5py_writes_leaves_nothing_unread(version, filters, read_bytes):
    h5py = pytest.importorskip("h5py")
    stored = BytesIO()
    # A word states the oldest version that h5py may use, and a pair the newest one too.
    with h5py.File(stored, "w", libver=version if version != "v108" else ("v108", "v108")) as file:
        # The shapes lead to one chunk, a fixed array without and with pages, an extensible array, and a tree.
        for shape, growth in (((4,), (4,)), ((90,), (90,)), ((4000,), (4000,)), ((4000,), (None,))):
            file.create_dataset(f"{shape}{growth}", data=range(shape[0]), chunks=(3,), maxshape=growth, **filters)
        grid = [list(range(number, number + 40)) for number in range(60)]
        file.create_dataset("grid", data=grid, chunks=(3, 4), maxshape=(None, None), **filters)
        texts = [f"text {number}" for number in range(500)]
        # A checksum cannot be stored for references to texts.
        without_checksum = {name: value for name, value in filters.items() if name != "fletcher32"}
        file.create_dataset("texts", data=texts, chunks=(50,), dtype=h5py.string_dtype(), **without_checksum)
    assert read_bytes(stored.getvalue(), "model.h5").unread == []


@pytest.mark.parametrize("storage", [{}, {"chunks": (1,), "compression": "gzip"}, "attribute"])
@pytest.mark.parametrize("is_text", [False, True])
def test_pickle_in_a_field_of_variable_length_of_an_hdf5_table_is_read(storage, is_text, read_bytes):
    h5py, numpy = pytest.importorskip("h5py"), pytest.importorskip("numpy")
    field_type = h5py.string_dtype() if is_text else h5py.vlen_dtype(numpy.uint8)
    row_type = numpy.dtype([("number", "i4"), ("object", field_type)])
    value = base64.b64encode(EVAL_ONE * 3).decode() if is_text else numpy.frombuffer(EVAL_ONE, dtype="u1")
    rows = numpy.empty((1,), dtype=row_type)
    rows[0] = (1, value)
    stored = BytesIO()
    with h5py.File(stored, "w") as file:
        if storage == "attribute":
            file.attrs.create("table", rows, dtype=row_type)
        else:
            file.create_dataset("table", shape=(1,), dtype=row_type, **storage)[...] = rows
    assert read_bytes(stored.getvalue(), "model.h5").evaluates


def test_pickle_in_a_value_of_variable_length_in_hdf5_chunks_is_read(read_bytes):
    h5py, numpy = pytest.importorskip("h5py"), pytest.importorskip("numpy")
    stored = BytesIO()
    with h5py.File(stored, "w") as file:
        dataset = file.create_dataset("objects", shape=(1,), dtype=h5py.vlen_dtype(numpy.uint8), chunks=(1,))
        dataset[0] = numpy.frombuffer(EVAL_ONE, dtype="u1")
    assert read_bytes(stored.getvalue(), "model.h5").evaluates


def test_pickle_that_only_an_object_reference_of_an_hdf5_file_reaches_is_read(read_bytes):
    h5py = pytest.importorskip("h5py")
    stored = BytesIO()
    with h5py.File(stored, "w") as file:
        dataset = file.create_dataset(None, data=bytearray(EVAL_ONE), dtype="u1")
        file.create_dataset("references", shape=(1,), dtype=h5py.ref_dtype)[0] = dataset.ref
    assert read_bytes(stored.getvalue(), "model.h5").evaluates


def test_values_in_fields_of_variable_length_over_the_bound_are_reported_as_unread(read_bytes, monkeypatch):
    h5py, numpy = pytest.importorskip("h5py"), pytest.importorskip("numpy")
    monkeypatch.setattr("modelaudit.formats.weights.hdf5.contents._MAX_VALUES_SEARCHED", 2)
    for count in (2, 3):
        row_type = numpy.dtype([("number", "i4"), ("text", h5py.string_dtype())])
        stored = BytesIO()
        with h5py.File(stored, "w") as file:
            file.create_dataset("table", data=numpy.array([(1, "a text of words")] * count, dtype=row_type))
        expected = {UnreadReason.LIMIT} if count > 2 else set()
        assert read_bytes(stored.getvalue(), "model.h5").reasons() == expected


@pytest.mark.parametrize("storage", ["attribute", {}, {"chunks": (1,)}])
def test_pickle_that_pytables_loads_is_read_whatever_its_first_opcode(storage, read_bytes):
    h5py, numpy = pytest.importorskip("h5py"), pytest.importorskip("numpy")
    value = b"N0" + EVAL_ONE
    stored = BytesIO()
    with h5py.File(stored, "w") as file:
        if storage == "attribute":
            file.attrs["pickled"] = numpy.bytes_(value)
        else:
            rows = file.create_dataset("objects", shape=(1,), dtype=h5py.vlen_dtype(numpy.uint8), **storage)
            rows[0] = numpy.frombuffer(value, dtype="u1")
            rows.attrs["PSEUDOATOM"] = numpy.bytes_("object")
    assert read_bytes(stored.getvalue(), "model.h5").evaluates


@pytest.mark.parametrize("start", [b"N0", b"N0B" + (100_000).to_bytes(4, "little") + bytes(100_000) + b"0"])
@pytest.mark.parametrize("storage", ["attribute", "opaque", "bytes", "compressed bytes"])
def test_pickle_in_bytes_that_hickle_loads_is_read_whatever_its_first_opcode(storage, start, read_bytes):
    h5py, numpy = pytest.importorskip("h5py"), pytest.importorskip("numpy")
    value = (b"N0" if storage == "attribute" else start) + EVAL_ONE
    stored = BytesIO()
    with h5py.File(stored, "w") as file:
        if storage == "attribute":
            file.attrs["type"] = numpy.void(value)
        elif storage == "opaque":
            file["object"] = numpy.void(value)
        else:
            numbers = numpy.frombuffer(value, dtype="u1")
            file.create_dataset("object", data=numbers, compression="gzip" if storage.startswith("comp") else None)
    assert read_bytes(stored.getvalue(), "model.h5").evaluates


def test_images_of_single_bytes_in_hdf5_are_not_read_as_pickles(read_bytes):
    h5py, numpy = pytest.importorskip("h5py"), pytest.importorskip("numpy")
    generator = numpy.random.default_rng(3)
    stored = BytesIO()
    with h5py.File(stored, "w") as file:
        for index in range(256):
            image = generator.integers(0, 256, (32, 32), dtype="u1")
            image[0, 0] = index
            file.create_dataset(f"image {index}", data=image, compression="gzip" if index % 2 else None)
    reading = read_bytes(stored.getvalue(), "model.h5")
    assert list(reading.formats) == ["model.h5"]
    assert reading.unread == []


def test_sentence_in_an_attribute_and_sequences_of_numbers_in_hdf5_are_not_read_as_pickles(read_bytes):
    h5py, numpy = pytest.importorskip("h5py"), pytest.importorskip("numpy")
    stored = BytesIO()
    sentences = ["Numbers of the second run.", "I think that this is enough.", "Created by the authors.", "Kept: 0."]
    with h5py.File(stored, "w") as file:
        for index, sentence in enumerate(sentences):
            file.attrs[f"note {index}"] = numpy.bytes_(sentence)
        rows = file.create_dataset("rows", shape=(256,), dtype=h5py.vlen_dtype(numpy.int32))
        for index in range(256):
            rows[index] = numpy.arange(index, index + 9, dtype="i4")
    reading = read_bytes(stored.getvalue(), "model.h5")
    assert list(reading.formats) == ["model.h5"]
    assert reading.unread == []


def _list_verified_structures(data: bytes, bytes_window) -> dict[str, list[tuple[int, int]]]:
    """Return by signature the offset and the length of each structure whose checksum is verified as a file is walked.

    The value in the global heap that has a checksum has no signature; its name here is ``mappings``.
    """
    walker = ObjectWalker(read_superblock(bytes_window(data)), 10_000)
    walker.run()
    structures: dict[str, list[tuple[int, int]]] = {}
    for offset, length in walker.source.checksums.verified.items():
        signature = data[offset : offset + 4]
        name = signature.decode("ascii", "replace").lstrip("\ufffd") if signature[-1] >= 0x40 else "mappings"
        structures.setdefault(name, []).append((offset, length))
    return structures


def _write_every_structure(h5py) -> bytes:
    """Return a file of h5py with each structure that has a checksum and is read here."""
    stored = BytesIO()
    with h5py.File(stored, "w", libver="latest") as file:
        # The newest chunk of the extensible array needs a super block, and the fixed array has pages.
        file.create_dataset("growing", data=bytearray(400), dtype="u1", chunks=(1,), maxshape=(None,))
        file.create_dataset("fixed", data=bytearray(1030), dtype="u1", chunks=(1,))
        file.create_dataset("grid", data=[bytearray(20)] * 20, dtype="u1", chunks=(1, 1), maxshape=(None, None))
        layout = h5py.VirtualLayout((9,), "u1")
        layout[:] = h5py.VirtualSource(".", "fixed", (9,), dtype="u1")[:]
        file.create_virtual_dataset("virtual", layout)
        # Attributes of growing number move the header into continuation blocks, and then into a heap.
        for number in range(7):
            file.attrs[f"number {number}"] = number
        group = file.create_group("many")
        for number in range(300):
            group[f"a link with a rather long name {number}"] = h5py.SoftLink("/fixed")
        # Space in the heap becomes free. It keeps the bytes of the link.
        del group["a link with a rather long name 9"]
    return stored.getvalue()


def _read_all_with_h5py(h5py, data: bytes) -> None:
    """Read each object, attribute and element of a file with h5py."""
    with h5py.File(BytesIO(data)) as file:
        groups = [file]
        for group in groups:
            dict(group.attrs)
            for name in group:
                link = group.get(name, getlink=True)
                child = group[name] if isinstance(link, h5py.HardLink) else None
                if isinstance(child, h5py.Group):
                    groups.append(child)
                elif child is not None:
                    dict(child.attrs)
                    child[...]


def test_hdf5_structure_with_a_changed_byte_is_reported_as_damaged_as_h5py_refuses_it(read_bytes, bytes_window):
    h5py = pytest.importorskip("h5py")
    data = _write_every_structure(h5py)
    _read_all_with_h5py(h5py, data)
    assert read_bytes(data, "w.h5").reasons() == {UnreadReason.UNCLAIMED}
    structures = _list_verified_structures(data, bytes_window)
    assert set(structures) == {
        *("HDF", "OHDR", "OCHK", "FRHP", "FHDB", "FHIB", "BTHD", "BTLF", "BTIN", "FSHD", "FSSE"),
        *("FAHD", "FADB", "EAHD", "EAIB", "EASB", "EADB", "mappings"),
    }
    # h5py reads the free space only to write.
    read_by_h5py = set(structures) - {"FSHD", "FSSE"}
    for name, places in structures.items():
        offset, length = places[0]
        # Without its signature, the manager of free space is unclaimed.
        for position in range(offset + 4, offset + length, max(1, length // 9)):
            changed = bytearray(data)
            changed[position] ^= 0x10
            reading = read_bytes(bytes(changed), "w.h5", only=find_reader("hdf5"))
            assert UnreadReason.DAMAGED in reading.reasons(), (name, position - offset)
            if name in read_by_h5py:
                with pytest.raises((OSError, RuntimeError, KeyError, ValueError)):
                    _read_all_with_h5py(h5py, bytes(changed))


@pytest.mark.parametrize("name", ["earliest-ordered.h5", "v110.h5"])
def test_bytes_over_the_zeros_of_an_hdf5_heap_header_are_reported_as_damage_that_states_the_offset(name, read_bytes):
    data = bytearray(fixture_path(f"written/h5py/{name}").read_bytes())
    header = data.index(b"FRHP")
    zeros = data.index(bytes(8), header)
    data[zeros : zeros + 8] = b"\x01" * 8
    reading = read_bytes(bytes(data), "w.h5")
    expected = f"the header of a heap at byte {header} does not match its checksum, so the HDF5 library refuses it"
    assert expected in reading.details


def test_pickle_in_an_hdf5_object_that_does_not_match_its_checksum_is_read(read_bytes):
    file = Hdf5()
    datatype = bytes((0x13, 0, 0, 0)) + struct.pack("<I", len(EVAL_ONE))
    data = file.build(file.add_group([build_attribute("meta", EVAL_ONE, datatype)]))
    reading = read_bytes(data.replace(b"meta", b"mete"), "w.h5")
    assert UnreadReason.DAMAGED in reading.reasons()
    assert reading.evaluates


@pytest.mark.parametrize(("count", "expected_absences"), [(20, 20), (21, 21), (90, 21)])
def test_hdf5_structures_that_do_not_match_their_checksums_are_listed_up_to_twenty_and_then_counted(
    count, expected_absences, read_bytes
):
    file = Hdf5()
    groups = [file.add_group([build_attribute("meta", b"value")]) for _ in range(count)]
    root = file.add_group([build_hard_link(f"g{number}", group) for number, group in enumerate(groups)])
    reading = read_bytes(file.build(root).replace(b"meta", b"mete"), "w.h5")
    assert reading.reasons() == {UnreadReason.DAMAGED}
    assert len(reading.unread) == expected_absences
    more = f"{count - 20} more structures do not match their checksums"
    assert (more in reading.details) == (count > 20)


def test_hdf5_structure_beyond_the_end_of_the_file_counts_once_however_often_it_is_visited(bytes_window):
    source = StructureSource(bytes_window(bytes(64)))
    for address in [100, 200] * 30:
        source.verify_checksum(address, 50, "a block of a heap")
    assert [unread.where.offset for unread in source.checksums.list_absences()] == [100, 200]


def test_hdf5_mismatches_beyond_the_bound_on_their_offsets_are_counted_as_a_least_number(monkeypatch):
    monkeypatch.setattr("modelaudit.formats.weights.hdf5.checksums._MAX_COUNTED_MISMATCHES", 50)
    log = ChecksumLog()
    for offset in range(80):
        log.record_mismatch(offset, "a block of a heap")
    *_, last = log.list_absences()
    assert last.detail == "at least 30 more structures do not match their checksums"


def test_hdf5_checksums_over_the_bound_on_verified_bytes_are_reported_as_unread(read_bytes, monkeypatch):
    data = build_hdf5_model(build_keras2_config())
    for bound, expected in ((1 << 20, set()), (100, {UnreadReason.LIMIT})):
        monkeypatch.setattr("modelaudit.formats.weights.hdf5.checksums._MAX_VERIFIED_BYTES", bound)
        assert read_bytes(data, "w.h5").reasons() == expected


def _write_sparse_pages(h5py, path, count: int, written: list[int], growth: int | None) -> bytes:
    """Write a file with a dataset of ``count`` chunks of a byte, only those in ``written`` stored. Return its bytes."""
    # In memory, h5py leaves out the unwritten bytes at the end.
    with h5py.File(path, "w", libver="latest") as file:
        dataset = file.create_dataset("sparse", shape=(count,), dtype="u1", chunks=(1,), maxshape=(growth,))
        for number in written:
            dataset[number] = 1
    return path.read_bytes()


def test_pages_of_an_hdf5_chunk_index_that_were_never_written_are_not_read(tmp_path, read_bytes, bytes_window):
    h5py = pytest.importorskip("h5py")
    # A page has 1024 chunks. The blocks of an extensible array have pages from the chunk 131,000 on.
    growing = _write_sparse_pages(h5py, tmp_path / "growing.h5", 900_000, [3, 200_000, 201_030, 899_999], None)
    fixed = _write_sparse_pages(h5py, tmp_path / "fixed.h5", 4000, [1500], 4000)
    for data, read_pages in ((growing, 3), (fixed, 1)):
        assert read_bytes(data, "w.h5").details == []
        # The zeros of an unwritten page would be chunks at the start of the file.
        verified = _list_verified_structures(data, bytes_window)
        assert sum(length == 1024 * 8 + 4 for each in verified.values() for _, length in each) == read_pages
    # The last page of the fixed array was not written, so its bytes belong to nothing.
    block = fixed.index(b"FADB")
    last_page = block + 14 + 1 + 4 + 3 * (1024 * 8 + 4)
    assert not any(fixed[last_page : last_page + len(_INSERTED)])
    changed = fixed[:last_page] + _INSERTED + fixed[last_page + len(_INSERTED) :]
    assert read_bytes(changed, "w.h5").reasons() == {UnreadReason.UNCLAIMED}


def test_list_of_hundreds_of_free_sections_in_an_hdf5_heap_is_claimed(bytes_window, read_bytes):
    h5py = pytest.importorskip("h5py")
    stored = BytesIO()
    with h5py.File(stored, "w", libver="latest") as file:
        # The list states how many sections have each size. That number takes two bytes for over 255 sections.
        for number in range(900):
            file[f"a link to nothing {number}"] = h5py.SoftLink("/nothing")
        for number in range(0, 900, 3):
            del file[f"a link to nothing {number}"]
    data = stored.getvalue()
    # The free space keeps the bytes of the links.
    assert read_bytes(data, "w.h5").reasons() == {UnreadReason.UNCLAIMED}
    assert "FSSE" in _list_verified_structures(data, bytes_window)


def test_superblock_that_states_an_end_beyond_the_last_byte_is_reported_without_a_number_of_bytes(read_bytes):
    data = build_hdf5_model("{}")
    assert "the superblock states an end of the file beyond the last byte" in read_bytes(data[:-1], "m.h5").details
