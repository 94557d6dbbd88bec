"""The lists of operators: what the readers can name under a condition is listed, and nothing that reaches out is trusted."""

from __future__ import annotations

import re

import pytest

from modelaudit.catalogue import load_catalogue
from modelaudit.formats.graphs.tensorflow.graph import FILE_ATTRIBUTES
from modelaudit.model.catalogue import Standing

LISTS = load_catalogue().vocabularies
REACHES = re.compile(
    r"File|PyFunc|py_func|Save(?!d)|Restore|TFRecord|TextLine|Sql|LMDB|Rpc|DebugI|Debug(Nan|Num)|DataService"
)


def test_every_operator_is_listed_under_the_name_that_a_reader_gives_it():
    listed = LISTS["tensorflow-operators"]
    for op in FILE_ATTRIBUTES:
        conditional = [name for name in listed if name.startswith(f"{op} ")]
        assert len(conditional) == 1, op
        assert listed[op].standing is Standing.TRUSTED
        assert listed[conditional[0]].standing is Standing.DANGEROUS
    for op in ("SaveV2", "MergeV2Checkpoints", "CacheDataset", "CacheDatasetV2", "InitializeTableFromTextFileV2"):
        assert listed[f"{op} with a fixed path"].standing is Standing.DANGEROUS


def test_nothing_that_reaches_files_machines_or_python_is_trusted_but_by_its_argument():
    trusted = {name for name, entry in LISTS["tensorflow-operators"].items() if entry.standing is Standing.TRUSTED}
    by_argument = {
        "SaveV2", "RestoreV2", "Restore", "RestoreSlice", "InitializeTableFromTextFile", "InitializeTableFromTextFileV2",
        "ReaderRestoreState", "ReaderRestoreStateV2", "ShardedFilename", "ShardedFilespec",
    }  # fmt: skip
    assert {name for name in trusted if REACHES.search(name)} == by_argument


@pytest.mark.parametrize(
    "name", ["py_func", "save", "load_combine", "pd_op.save_combine", "pd_op.read_file", "gen_nccl_id"]
)
def test_operators_of_paddle_that_reach_out_are_dangerous(name):
    assert LISTS["paddle-operators"][name].standing is Standing.DANGEROUS


def test_the_lists_are_long_enough_to_be_of_use():
    assert len(LISTS["tensorflow-operators"]) > 1300
    assert len(LISTS["paddle-operators"]) > 2500
    assert len(LISTS["coreml"]) > 150
