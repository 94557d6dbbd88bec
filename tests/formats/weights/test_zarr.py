"""Zarr stores: the codecs and extensions in the metadata, and the chunk files that they determine."""

from __future__ import annotations

import base64
import gzip
import json

import pytest
from builders.payloads import EVAL_ONE
from builders.zarr_stores import (
    build_consolidated_group,
    build_sharding_codec,
    build_v2_metadata,
    build_v3_metadata,
    encode_json,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cases import check_each

import modelaudit
from modelaudit.checks.chunks import ChunkGrids
from modelaudit.model.outline import ChunkGrid, Outline, References

# Bytes that begin like no known format.
UNKNOWN = bytes(range(150, 250))


def get_outline(reading) -> Outline:
    """Return the one outline of Zarr metadata."""
    (outline,) = (each for each in reading.of(Outline) if each.format == "zarr")
    return outline


def list_grids(reading) -> tuple[ChunkGrid, ...]:
    """Return the grids of chunk files that the metadata determine."""
    return tuple(grid for references in reading.of(References) for grid in references.grids)


def scan_files(folder, files):
    """Write ``files`` (path -> bytes or metadata) to ``folder``, scan it, and return the report."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if isinstance(data, bytes) else encode_json(data))
    return modelaudit.scan(folder, second_opinion=False)


def list_rules(report) -> set[str]:
    """Return the rules of all findings, except those on licences."""
    return {finding.rule for finding in report.findings if not finding.rule.startswith("license/")}


def test_every_codec_and_extension_in_zarr_metadata_is_mentioned(read_bytes):
    array = build_v3_metadata(
        build_sharding_codec("numcodecs.zlib", {"name": "acme"}),
        data_type={"name": "d"},
        storage_transformers=[{"name": "t"}],
    )
    mentions = get_outline(read_bytes(encode_json(array), "zarr.json")).mentions
    assert {(mention.use, mention.name) for mention in mentions} == {
        *(("codec", name) for name in ("sharding_indexed", "numcodecs.zlib", "acme", "bytes", "crc32c")),
        ("data type", "d"), ("chunk grid", "regular"), ("chunk key encoding", "default"), ("storage transformer", "t"),
    }  # fmt: skip
    old = build_v2_metadata(compressor={"id": "zlib"}, filters=[{"id": "delta", "dtype": "<f8"}])
    assert [each.name for each in get_outline(read_bytes(encode_json(old), ".zarray")).mentions] == ["zlib", "delta"]


def test_zarr_codec_is_mentioned_even_if_its_settings_look_like_array_metadata(read_bytes):
    codec = {"name": "numcodecs.pickle", "zarr_format": 3, "shape": [1]}
    mentions = get_outline(read_bytes(encode_json(build_v3_metadata(codec)), "zarr.json")).mentions
    assert "numcodecs.pickle" in {mention.name for mention in mentions}


@check_each(
    "metadata, expected",
    [
        # A grid: the folder, the prefix of each file name, the separator of numbers, and the chunks in each dimension.
        (build_v2_metadata(shape=[5], chunks=[2]), ChunkGrid("", "", ".", (3,))),
        (build_v2_metadata(shape=[4, 4], chunks=[2, 4], dimension_separator="/"), ChunkGrid("", "", "/", (2, 1))),
        (build_v2_metadata(shape=[], chunks=[]), ChunkGrid("", "", ".", ())),
        (build_v3_metadata(), ChunkGrid("", "c", "/", (1,))),
        (build_v3_metadata(chunk_key_encoding={"name": "v2"}), ChunkGrid("", "", ".", (1,))),
        (
            build_v3_metadata(chunk_key_encoding={"name": "default", "configuration": {"separator": "."}}),
            ChunkGrid("", "c", ".", (1,)),
        ),
        (build_consolidated_group(**{"a/b": build_v3_metadata()}), ChunkGrid("a/b", "c", "/", (1,))),
        (
            {"metadata": {"w/.zarray": build_v2_metadata()}, "zarr_consolidated_format": 1},
            ChunkGrid("w/", "", ".", (1,)),
        ),
    ],
)
def test_zarr_metadata_determine_the_folder_the_separator_and_the_number_of_the_chunk_files(
    metadata, expected, read_bytes
):
    assert list_grids(read_bytes(encode_json(metadata), "zarr.json")) == (expected,)


@pytest.mark.parametrize(
    "metadata",
    [
        build_v2_metadata(shape=[2, 2]),  # with one chunk size
        build_v2_metadata(chunks=[0]),
        build_v2_metadata(shape=["3"]),
        build_v3_metadata(chunk_grid={"name": "acme"}),
    ],
)
def test_zarr_metadata_with_an_invalid_shape_or_an_unknown_chunk_grid_give_no_chunk_grid(metadata, read_bytes):
    assert list_grids(read_bytes(encode_json(metadata), "zarr.json")) == ()


def test_zarr_metadata_under_another_file_name_give_no_chunk_grid(read_bytes):
    assert list_grids(read_bytes(encode_json(build_v3_metadata()), "config.json")) == ()
    assert get_outline(read_bytes(encode_json(build_v3_metadata("numcodecs.pickle")), "config.json")).mentions


@pytest.mark.parametrize(
    ("grid", "chunk_paths", "other_paths"),
    [
        (ChunkGrid("w", "c", "/", (2, 3)), ["w/c/0/0", "w/c/1/2", "w/c/1/2!content"], ["w/c/2/0", "w/c/0", "w/0/0", "c/0/0", "w/c/0/-1", "w/c/0/0/0"]),
        (ChunkGrid("", "", ".", (2, 3)), ["0.0", "1.2", "1.2![bytes 3-9]"], ["1.3", "1", "1.2.0", "x/0.0", "1.2!other", "\u0661.0"]),
        (ChunkGrid("w", "c", "/", ()), ["w/c"], ["w/c/0", "w"]),
        (ChunkGrid("w", "", ".", ()), ["w/0"], ["w/1", "w/c"]),
        (ChunkGrid("w", "", "#", (2,)), [], ["w/0", "w/1"]),
        (ChunkGrid("..", "", ".", (2,)), [], ["0", "../0"]),
    ],
)  # fmt: skip
def test_zarr_chunk_grid_includes_only_the_paths_of_its_chunk_files(grid, chunk_paths, other_paths):
    for folder in ("", "s.zip!"):
        chunks = ChunkGrids([(f"{folder}zarr.json", References("zarr", (), (grid,)))])
        assert [path for path in chunk_paths if not chunks.includes_address(folder + path)] == []
        assert [path for path in other_paths if chunks.includes_address(folder + path)] == []


def test_scan_of_unknown_bytes_passes_only_if_they_are_a_zarr_chunk_file(tmp_path):
    store = {"w/zarr.json": build_v3_metadata(), "w/c/0": UNKNOWN}
    report = scan_files(tmp_path, store)
    assert (report.exit_code, list_rules(report)) == (0, set())
    formats = {artifact.path: artifact.formats for artifact in report.coverage.artifacts}
    assert formats["w/c/0"] == ("tensor-storage",)
    report = scan_files(tmp_path, store | {"w/c/1": UNKNOWN})
    assert (report.exit_code, list_rules(report)) == (3, {"coverage/no-reader"})


def test_content_of_a_compressed_zarr_chunk_is_read(tmp_path):
    store = {"w/.zarray": build_v2_metadata(compressor={"id": "gzip"})}
    assert scan_files(tmp_path, store | {"w/0": gzip.compress(UNKNOWN)}).exit_code == 0
    assert "pickle/dangerous-call" in list_rules(scan_files(tmp_path, store | {"w/0": gzip.compress(EVAL_ONE)}))


def test_truncated_compressed_stream_in_a_zarr_chunk_is_reported_as_damaged(tmp_path):
    store = {"w/.zarray": build_v2_metadata(compressor={"id": "gzip"})}
    report = scan_files(tmp_path, store | {"w/0": gzip.compress(UNKNOWN)[:-40]})
    assert (report.exit_code, list_rules(report)) == (3, {"coverage/damaged", "archive/inconsistent"})


def test_bytes_after_a_compressed_stream_are_reported_except_in_a_zarr_shard(tmp_path):
    data = gzip.compress(UNKNOWN) + UNKNOWN
    shard = {"w/zarr.json": build_v3_metadata(build_sharding_codec("bytes")), "w/c/0": data}
    assert list_rules(scan_files(tmp_path, shard)) == set()
    assert "archive/extra-bytes" in list_rules(scan_files(tmp_path, {"w/other": data}))


def test_base64_pickle_in_the_fill_value_of_a_zarr_array_is_read(tmp_path):
    array = build_v2_metadata(dtype="|O", fill_value=base64.b64encode(EVAL_ONE).decode())
    assert "pickle/dangerous-call" in list_rules(scan_files(tmp_path, {".zarray": array}))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_mutated_zarr_metadata_never_crash_the_reader(read_bytes, data):
    # Any error that the reader does not report as damage or as a limit fails the test.
    metadata = data.draw(
        st.sampled_from(
            [
                build_v2_metadata(),
                build_v3_metadata(build_sharding_codec("bytes")),
                build_consolidated_group(w=build_v3_metadata()),
            ]
        )
    )
    values = st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
                          lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3), max_leaves=6)  # fmt: skip
    replaced_keys = data.draw(st.sets(st.sampled_from([*metadata, "shape", "chunks", "codecs"]), max_size=3))
    mutated = metadata | {key: data.draw(values) for key in replaced_keys}
    read_bytes(json.dumps(mutated).encode(), "zarr.json")
