"""Declarations of formats, and the rules that judge the kinds of defects that they declare."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support.cases import check_each
from support.fixtures import fixture_path
from support.reading import BytesWindow

import modelaudit
from modelaudit.catalogue import load_catalogue
from modelaudit.formats.declaration import Declaration
from modelaudit.formats.registry import DECLARATIONS, FACTS, READERS, TEXT_FORMATS, find_reader, import_object
from modelaudit.model.defect_kind import DefectKind
from modelaudit.model.errors import ConfigurationError
from modelaudit.wire import protobuf
from modelaudit.wire.base import HEAD_BYTES, Head
from modelaudit.wire.codecs import CODECS
from modelaudit.wire.protobuf import FieldCursor

PACKAGE = Path(modelaudit.__file__).parent

NAMES = sorted({each.name for each in DECLARATIONS})
# A valid rule without its format and kinds.
RULE_TEMPLATE = """\
id: format/toy
title: A toy
check: security
severity: high
confidence: high
why: It is a toy.
fix: Remove it.
references: ["https://example.org"]
cwe: []
since: 0.1.0
match:
  - subject: defect
    where:
      format: [{format}]
      kind: [{kind}]
message: "{{detail}}"
examples: {{fires: [a.bin], quiet: [b.bin]}}
"""


def collect_judged_kinds(format_name: str) -> set[object]:
    """Return the kinds of defects of a format that some rule names, other than a fallback."""
    kinds: set[object] = set()
    for rule in load_catalogue(formats=FACTS).findings.values():
        for matcher in rule.match:
            where = dict(matcher.where)
            if matcher.subject == "defect" and not rule.is_fallback and format_name in where["format"]:
                kinds |= set(where["kind"])
    return kinds


def test_importing_the_registry_imports_no_reader() -> None:
    code = "import sys, modelaudit.formats.registry; print(*(n for n in sys.modules if n.startswith('modelaudit.')))"
    completed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = completed.stdout.split()
    # modelaudit.formats.<room>.<folder> is a declaration; a name with one part more is a module beside it.
    beside_declarations = {name for name in imported if name.startswith("modelaudit.formats.") and name.count(".") > 3}
    assert not beside_declarations, "a declaration imports a module beside it"
    # Modules that are small and import little.
    allowed = {f"modelaudit.{name}" for name in ("languages.card_defects", "wire.reader", "wire.defects")}
    allowed |= {f"modelaudit.model.{name}" for name in ("content", "defect_kind", "format_facts")}
    others = {name for name in imported if name.count(".") > 1 and not name.startswith("modelaudit.formats.")}
    assert others <= allowed, "a declaration imports a module that is not light"


@check_each("declaration", DECLARATIONS)
def test_each_function_and_codec_that_a_format_declares_exists(declaration: Declaration) -> None:
    embedded = declaration.embedded
    object_names = [declaration.read, declaration.interpreter, embedded.begins if embedded else ""]
    object_names += [declaration.recognise] if isinstance(declaration.recognise, str) else []
    for name in filter(None, object_names):
        assert name.startswith("modelaudit.")
        import_object(name)  # raises where it does not exist
    if embedded is not None:
        ways_to_identify = [embedded.magic, embedded.codec, embedded.begins]
        assert sum(map(bool, ways_to_identify)) == 1
        assert not embedded.codec or embedded.codec in CODECS
    assert bool(declaration.read) == bool(declaration.recognise)
    assert declaration.fallback is None or declaration.read


def test_no_two_fallback_readers_have_the_same_rank() -> None:
    ranks = [each.fallback for each in DECLARATIONS if each.fallback is not None]
    assert len(ranks) == len(set(ranks))


def test_fallback_readers_come_last_in_the_order_of_their_ranks() -> None:
    order = [reader.fallback for reader in READERS]
    assert order == sorted(order)
    assert [reader.format for reader in READERS if reader.fallback] == [
        *(
            "sentencepiece",
            "sentencepiece",
            "coreml",
            "paddle",
            "tensorflow",
            "markup",
            "markdown",
            "skops",
            "notebook",
            "xgboost",
        ),
        *(
            "requirements",
            "spacy",
            "shell",
            "text",
            "json",
            "yaml",
            "markup",
            "xml",
            "lightgbm",
            "text",
            "ocdbt",
            "text",
        ),
    ]


def test_find_reader_raises_an_error_for_a_format_with_several_readers() -> None:
    assert find_reader("gguf").format == "gguf"
    with pytest.raises(ValueError):
        find_reader("tensorflow")


@check_each("name", sorted(FACTS.defects))
def test_every_kind_of_defect_has_a_rule_or_a_reason_why_it_is_harmless(name: str) -> None:
    judged = collect_judged_kinds(name)
    # The reason why a kind is harmless is empty for the kinds that need a rule.
    harmless_reasons = FACTS.defects[name].items()
    missing = [kind for kind, reason in harmless_reasons if not reason and kind not in judged]
    assert not missing, f"{name} declares {missing}: add them to a rule for defects, or declare why they are harmless"
    judged_harmless = [kind for kind, reason in harmless_reasons if reason and kind in judged]
    assert not judged_harmless, f"{name} declares {judged_harmless} as harmless, but a rule judges them"


@pytest.mark.parametrize(
    ("fixture", "rule"),
    [
        ("safetensors/truncated/in-data.safetensors", "coverage/damaged"),
        ("zip/malicious/encrypted-member.zip", "coverage/encrypted"),
    ],
)
def test_harmless_defect_that_leaves_content_unread_is_reported_as_an_absence(fixture: str, rule: str) -> None:
    report = modelaudit.scan(fixture_path(fixture), second_opinion=False)
    assert rule in {finding.rule for finding in report.findings}
    assert report.exit_code == 3


def test_defect_kind_has_its_word_as_value_and_its_second_text_as_the_harmless_reason() -> None:
    class ToyDefect(DefectKind):
        TOO_LONG = "too-long"
        TOO_SHORT = "too-short", "it is read whole"

    assert f"{ToyDefect.TOO_LONG}" == ToyDefect.TOO_LONG.value == "too-long"
    assert (ToyDefect.TOO_LONG.harmless, ToyDefect.TOO_SHORT.harmless) == ("", "it is read whole")
    assert ToyDefect("too-short") is ToyDefect.TOO_SHORT


@pytest.mark.parametrize(
    ("format_name", "kind", "message"),
    [
        ("no-such-format", "trailing-data", "'no-such-format' is not one of"),
        ("gguf", "too-funny", "'too-funny' is not one of"),
        ("gguf", "crc-mismatch", "'gguf' declares no kind listed under 'kind'; it declares alignment-invalid"),
    ],
)
def test_error_about_a_rule_for_an_undeclared_format_or_defect_kind_names_the_line(
    tmp_path: Path, format_name: str, kind: str, message: str
) -> None:
    file = tmp_path / "findings/format/toy.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(RULE_TEMPLATE.format(format=format_name, kind=kind))
    with pytest.raises(ConfigurationError, match=r"toy\.yaml:\d+:") as error:
        load_catalogue(extra=[tmp_path], formats=FACTS)
    assert message in str(error.value)


def test_rule_is_refused_if_its_format_cannot_have_one_of_its_defect_kinds(tmp_path: Path) -> None:
    file = tmp_path / "findings/format/toy.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(RULE_TEMPLATE.format(format="gguf", kind="duplicate-key, crc-mismatch"))
    with pytest.raises(ConfigurationError, match="'crc-mismatch' is a kind of defect that gguf cannot have"):
        load_catalogue(extra=[tmp_path], formats=FACTS)


def wrap_message(key: bytes, message: bytes) -> bytes:
    """Return a field that holds ``message``, with a length of four bytes."""
    length = len(message)
    digits = [0x80 | length & 0x7F, 0x80 | length >> 7 & 0x7F, 0x80 | length >> 14 & 0x7F, length >> 21]
    return key + bytes(digits) + message


# Each has a group that the text ``#   …`` opens: at the start as in Markdown, behind the first field of a Core ML or Caffe
# model, in the graph of an ONNX model, in a SavedModel, and in the first block of a PaddlePaddle program.
@check_each(
    "start, key",
    [(b"", b""), (b"\n\x01a", b""), (b"\x08\x03", b""), (b"\x12\0", b""), (b"\x08\x03", b"\x3a"),
     (b"\x08\x01", b"\x12"), (b"", b"\n")],
)  # fmt: skip
def test_recognition_parses_as_many_fields_of_a_group_however_long_it_is(
    start: bytes, key: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = 0
    read_key = FieldCursor.read_key

    def count_key(cursor: FieldCursor) -> tuple[int, int]:
        nonlocal count
        count += 1
        return read_key(cursor)

    def count_keys(fields: int) -> int:
        nonlocal count
        count = 0
        group = b"#" + b"  " * fields
        if key == b"\n":
            group = b"\x08\0\x10\0" + group  # the number of the block and of its parent
        data = start + (wrap_message(key, group) if key else group)
        head = Head("model", None, data[:HEAD_BYTES], BytesWindow(data))
        for reader in READERS:
            if reader.format not in TEXT_FORMATS:
                assert not reader.recognises(head)
        return count

    monkeypatch.setattr(FieldCursor, "read_key", count_key)
    monkeypatch.setattr(protobuf, "_MOST_FIRST_FIELDS", 200)
    assert 200 <= count_keys(300) == count_keys(600)


@check_each(
    "format_name, path",
    [("onnx", "onnx/malicious/custom-operator.onnx"), ("tensorflow", "tensorflow/malicious/py-func.pb")],
)
def test_model_behind_a_group_of_fields_is_recognised(format_name: str, path: str) -> None:
    # ``#`` opens group 4, and ``$`` ends it. Parsers of protocol buffers skip it as an unknown field.
    data = b"#" + b"  " * 100 + b"$" + fixture_path(path).read_bytes()
    head = Head("model", None, data[:HEAD_BYTES], BytesWindow(data))
    assert format_name in {reader.format for reader in READERS if reader.recognises(head)}
