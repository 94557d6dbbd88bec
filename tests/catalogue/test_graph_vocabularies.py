"""The lists of operators: they use the names of the readers, and trust no operator that reaches outside the model."""

from __future__ import annotations

import re

import pytest
from support.catalogue import load_shipped

from modelaudit.formats.graphs.tensorflow.graph import FILE_ATTRIBUTES
from modelaudit.model.catalogue import Standing

LISTS = load_shipped().vocabularies
# Parts of the names of TensorFlow operators that reach files, databases, the network or Python; not of ``SavedSlice``.
REACHES_OUTSIDE = re.compile(
    r"File|PyFunc|py_func|Save(?!d)|Restore|TFRecord|TextLine|Sql|LMDB|Rpc|DebugI|Debug(Nan|Num)|DataService"
)


def test_trusted_operator_with_a_file_attribute_has_a_dangerous_entry_for_use_with_a_file():
    listed = LISTS["tensorflow-operators"]
    for op in FILE_ATTRIBUTES:
        conditional = [name for name in listed if name.startswith(f"{op} ")]
        assert len(conditional) == 1, op
        assert listed[op].standing is Standing.TRUSTED
        assert listed[conditional[0]].standing is Standing.DANGEROUS


@pytest.mark.parametrize(
    "op", ["SaveV2", "MergeV2Checkpoints", "CacheDataset", "CacheDatasetV2", "InitializeTableFromTextFileV2"]
)
def test_tensorflow_file_operator_is_dangerous_if_the_graph_itself_sets_the_path(op):
    assert LISTS["tensorflow-operators"][f"{op} with a fixed path"].standing is Standing.DANGEROUS


def test_tensorflow_operator_that_reaches_files_is_trusted_only_if_an_input_or_relative_path_gives_them():
    trusted = {name for name, entry in LISTS["tensorflow-operators"].items() if entry.standing is Standing.TRUSTED}
    # Each of these receives its path as an input, and is dangerous only if the graph fixes that path.
    takes_path_as_input = {
        "SaveV2", "RestoreV2", "Restore", "RestoreSlice", "InitializeTableFromTextFile", "InitializeTableFromTextFileV2",
        "ReaderRestoreState", "ReaderRestoreStateV2", "ShardedFilename", "ShardedFilespec",
    }  # fmt: skip
    reads_relative_path = {
        f"{op} of fixed relative paths" for op in ("TFRecordDataset", "TFRecordDatasetV2", "TextLineDataset")
    }
    assert {name for name in trusted if REACHES_OUTSIDE.search(name)} == takes_path_as_input | reads_relative_path


@pytest.mark.parametrize(
    "name", ["py_func", "save", "load_combine", "pd_op.save_combine", "pd_op.read_file", "gen_nccl_id"]
)
def test_paddle_operator_that_reaches_files_or_python_is_dangerous(name):
    assert LISTS["paddle-operators"][name].standing is Standing.DANGEROUS


def test_operator_lists_have_at_least_their_expected_number_of_entries():
    assert len(LISTS["tensorflow-operators"]) > 1300
    assert len(LISTS["paddle-operators"]) > 2500
    assert len(LISTS["coreml"]) > 150
