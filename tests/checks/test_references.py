from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest
from support.cases import check_each

import modelaudit
from modelaudit.checks.references import build_reference_subjects, collect_referenced_paths
from modelaudit.model.artifact import Artifact
from modelaudit.model.outline import Reference, ReferenceKind, References
from modelaudit.model.structure import Unread, UnreadReason


def make_file(path: str, size: int = 10) -> Artifact:
    """Return an artifact that is never opened."""
    return Artifact(path, size, lambda: nullcontext(None))  # type: ignore[arg-type, return-value]


def make_link(path: str, reason: UnreadReason = UnreadReason.LINK_OUTSIDE) -> Artifact:
    """Return an artifact that is not read, for the given reason; by default a link to a place outside of the folder."""
    return Artifact(path, 0, None, obstacle=Unread(reason, "a link"))


def test_referenced_paths_are_the_code_and_the_data_that_was_read() -> None:
    data = ("weights.bin", "missing.bin", "/etc/passwd", "leads-away/w.bin")
    items = [*(Reference(ReferenceKind.DATA, each) for each in data), Reference(ReferenceKind.CODE, "code.py")]
    paths = collect_referenced_paths([("a.onnx", References("onnx", tuple(items)))], FILES)
    assert (paths.data, paths.code) == ({"weights.bin"}, {"code.py"})


FILES = [
    make_file("model.onnx"),
    make_file("weights.bin"),
    make_file("sub/model.onnx"),
    make_file("sub/w.bin"),
    make_link("leads-away"),
    make_link("out"),
]


@check_each(
    "address, target, state, path",
    [
        ("model.onnx", "weights.bin", "present", "weights.bin"),
        ("model.onnx", "./weights.bin", "present", "weights.bin"),
        ("sub/model.onnx", "w.bin", "present", "sub/w.bin"),
        ("model.onnx", "other.bin", "missing", "other.bin"),
        ("model.onnx", "../weights.bin", "outside", "../weights.bin"),
        ("model.onnx", "..\\weights.bin", "outside", "../weights.bin"),
        ("sub/model.onnx", "../weights.bin", "detour", "weights.bin"),
        ("model.onnx", "sub/../weights.bin", "detour", "weights.bin"),
        ("model.onnx", "a/../../etc/passwd", "outside", "../etc/passwd"),
        ("model.onnx", "/etc/passwd", "absolute", "/etc/passwd"),
        ("model.onnx", "C:\\windows", "absolute", "C:\\windows"),
        ("model.onnx", "~/secret", "absolute", "~/secret"),
        ("model.onnx", "https://example.org/x", "web", "https://example.org/x"),
        ("model.onnx", "leads-away/passwd", "link", "leads-away/passwd"),
        ("model.onnx", "out", "link", "out"),
        ("archive.zip!inner.onnx", "weights.bin", "present", "weights.bin"),
    ],
)
def test_subject_of_a_reference_states_where_its_target_lies_and_its_normalised_path(address, target, state, path):
    references = References("onnx", (Reference(ReferenceKind.DATA, target),))
    (subject,) = build_reference_subjects([(address, references)], FILES)
    assert (subject.fields["state"], subject.fields["path"]) == (state, path)


@check_each(
    "target, state",
    [
        ("data/hidden.bin", "link"),
        ("data/deeper/hidden.bin", "link"),
        ("data/seen.bin", "present"),
        ("x.bin", "missing"),
    ],
)
def test_missing_target_counts_as_a_link_only_below_a_folder_with_more_links_than_are_listed(target, state):
    # Stands for itself and for five more links of its folder, which the snapshot only counts.
    listed_link = Artifact("data/a", 0, None, obstacle=Unread(UnreadReason.LINK_OUTSIDE, "a link", further_files=5))
    references = References("onnx", (Reference(ReferenceKind.DATA, target),))
    files = [make_file("model.onnx"), make_file("data/seen.bin"), listed_link]
    (subject,) = build_reference_subjects([("model.onnx", references)], files)
    assert subject.fields["state"] == state


def test_state_of_a_reference_is_too_short_if_the_file_is_smaller_than_required():
    references = References("onnx", (Reference(ReferenceKind.DATA, "weights.bin", min_size=11),))
    (subject,) = build_reference_subjects([("model.onnx", references)], FILES)
    assert (subject.fields["state"], subject.fields["size"]) == ("too-short", 10)
    assert subject.evidence[0].endswith(f"(too-short: 10 bytes, but {subject.fields['needs']} are needed)")


def test_state_of_a_reference_to_code_in_another_repository_is_foreign_repository():
    references = References("json", (Reference(ReferenceKind.CODE, "org/model--code.Class"),))
    (subject,) = build_reference_subjects([("config.json", references)], FILES)
    assert subject.fields["state"] == "foreign-repository"


CODE_THAT_TRUSTS = (
    'from transformers import AutoModel\nAutoModel.from_pretrained("other/base", trust_remote_code=True)\n'
)


def scan_remote_code_rules(folder: Path) -> set[str]:
    """Scan a folder; return the rules about remote code that fired."""
    return {each.rule for each in modelaudit.scan(folder, second_opinion=False).findings if "remote-code" in each.rule}


@pytest.mark.parametrize(
    ("files", "rule"),
    [
        ({"inference.py": CODE_THAT_TRUSTS, "notes.txt": "x"}, "code/suggests-remote-code"),
        ({"inference.py": CODE_THAT_TRUSTS}, "code/trusts-remote-code"),  # a single file: the importer is unknown
        ({"handler.py": CODE_THAT_TRUSTS, "notes.txt": "x"}, "code/trusts-remote-code"),
        (
            {"x.py": CODE_THAT_TRUSTS, "config.json": '{"auto_map": {"AutoModel": "x.Model"}}'},
            "code/trusts-remote-code",
        ),
        ({"x.py": "from .y import z\n", "y.py": CODE_THAT_TRUSTS}, "code/trusts-remote-code"),
    ],
)
def test_rule_about_trust_remote_code_is_milder_only_if_no_loader_or_module_imports_the_file(tmp_path, files, rule):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert scan_remote_code_rules(tmp_path) == {rule}
