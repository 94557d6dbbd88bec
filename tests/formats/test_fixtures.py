"""Test that each fixture has the outcome of its kind: benign, malicious, truncated or bomb."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pytest
from support.cases import check_each
from support.fixtures import FIXTURES
from support.scans import group_by_folder, scan_fixture

from modelaudit.formats.registry import DECLARATIONS, READERS
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.structure import UnreadReason
from modelaudit.reports.layout import render_parts
from modelaudit.reports.terminal import build_summary

KINDS = ("benign", "malicious", "truncated", "bomb")
FORMATS = sorted(path.parent.name for path in FIXTURES.glob("*/benign"))
# Some formats occur only inside a container, and their fixtures are in the container's folder.
FOLDER_OF = {each.name: each.fixtures for each in DECLARATIONS if each.fixtures}
# Bombs whose size or depth exceeds a limit.
BOMBS_OVER_A_LIMIT = (
    *("zip/bomb/ratio.zip", "zip/bomb/overlapping.zip", "zip/bomb/nested.zip", "torch-zip/bomb/ratio.pt"),
    *("json/bomb/deep.json", "yaml/bomb/deep.yaml"),
)
# Formats that are recognised but not read.
SEALED = ("cntk", "rar", "rknn", "tensorrt")
# Malicious fixtures that do not fail under the default policy, with their exit code and the rules that fire.
NOT_FAILED = {
    "json/malicious/duplicate-key.json": (3, {"code/code-missing", "document/duplicate-key"}),
    "json/malicious/flow.json": (1, {"configuration/script-value"}),
    "json/malicious/tool-servers.json": (3, {"configuration/tools-elsewhere"}),
    "yaml/malicious/.pre-commit-config.yaml": (3, {"requirements/moving-source"}),
    "yaml/malicious/served-model.yaml": (3, {"configuration/serves-from-store"}),
    "yaml/malicious/endpoints.yaml": (3, {"configuration/sends-elsewhere"}),
    "python/malicious/installs-elsewhere.py": (3, {"code/installs-elsewhere", "code/reaches-into-interpreter"}),
    "yaml/malicious/search-path.yaml": (3, {"configuration/search-elsewhere"}),
    "markdown/malicious/SKILL.md": (3, {"agents/risky-instruction"}),
    "jinja/malicious/bidi.jinja": (0, {"jinja/suspicious-text"}),
    "jinja/malicious/config.jinja": (0, {"jinja/foreign-object"}),
    "jinja/malicious/encoded.jinja": (0, {"jinja/suspicious-text"}),
    "jinja/malicious/further.jinja": (0, {"jinja/further-template"}),
    "jinja/malicious/mark.jinja": (0, {"jinja/conditional-text"}),
    "jinja/malicious/markup.jinja": (0, {"jinja/suspicious-text"}),
    "jinja/malicious/override.jinja": (0, {"jinja/odd-text", "jinja/suspicious-text"}),
    "jinja/malicious/unlisted.jinja": (3, {"jinja/unlisted-function"}),
    "pickle/malicious/unverified-type.pkl": (3, {"pickle/unverified-type"}),
    "tensorflow/malicious/custom-operator.pb": (3, {"coverage/unverified-name"}),
    "tensorflow/malicious/checkpoint": (0, {"tensorflow/checkpoint-elsewhere"}),
    "caffe/malicious/custom-layer.prototxt": (3, {"coverage/unverified-name"}),
    "coreml/malicious/custom-layer.mlmodel": (3, {"coreml/custom-class"}),
    "coreml/malicious/custom-model.mlmodel": (3, {"coreml/custom-class"}),
    "coreml/malicious/custom-operator.mlmodel": (3, {"coreml/custom-class"}),
    "paddle/malicious/custom-operator.pdmodel": (3, {"coverage/unverified-name"}),
    "text/malicious/escapes.txt": (0, set()),  # a matter for reports, which show no control character raw
    "skops/malicious/unverified-type.skops": (3, {"skops/unverified-type"}),
    "hydra/malicious/unlisted.nemo": (3, {"torch/unverified-target"}),
    "torch-bytecode/malicious/custom-operator.ptl": (3, {"coverage/unverified-name"}),
    "torch-legacy/malicious/other-keys.pt": (3, {"coverage/damaged"}),
    "torch-zip/malicious/record-larger.pt": (0, {"torch/storage-odd"}),
    "torch-zip/malicious/record-missing.pt": (0, {"torch/storage-odd"}),
    "torchscript/malicious/class-in-pickle.pt": (3, {"coverage/unverified-name"}),
    "torchscript/malicious/custom-class.pt": (3, {"coverage/unverified-name"}),
    "torchscript/malicious/custom-operator.pt": (3, {"coverage/unverified-name"}),
    "text/malicious/train.jl": (3, {"coverage/program-not-judged"}),
    "notebook/malicious/script-output.ipynb": (0, {"code/notebook-script"}),
    "python-build/malicious/pyproject.toml": (0, {"code/build-requirement", "code/build-step"}),
    "python-build/malicious/setup.cfg": (0, {"code/build-requirement"}),
    "zip/malicious/damaged-content.zip": (3, {"archive/inconsistent", "coverage/damaged"}),
    "zip/malicious/encrypted-member.zip": (3, {"coverage/encrypted"}),
    "zip/malicious/link-member.zip": (0, {"archive/link-member"}),
    "7z/malicious/encrypted-member.7z": (3, {"coverage/encrypted"}),
    "7z/malicious/link-member.7z": (0, {"archive/link-member"}),
    "7z/malicious/unknown-compression.7z": (3, {"archive/odd-names", "coverage/no-reader"}),
    "tar/malicious/link-member.tar": (0, {"archive/link-member"}),
    "tar/malicious/special-member.tar": (0, {"archive/special-member"}),
    "hdf5/malicious/data-beyond-end.h5": (0, {"hdf5/inconsistent"}),
    "hdf5/malicious/not-json.h5": (3, {"coverage/damaged"}),
    "hdf5/malicious/size-mismatch.h5": (0, {"hdf5/inconsistent"}),
    "hdf5/malicious/trailing-data.h5": (3, {"hdf5/extra-bytes"}),
    "hdf5/malicious/unknown-filter.h5": (3, {"hdf5/unknown-extension"}),
    "hdf5/malicious/user-link.h5": (3, {"hdf5/unknown-extension"}),
    "keras/malicious/custom-layer.json": (3, {"keras/unverified-class"}),
    "keras/malicious/missing-vocabulary.json": (0, {"keras/reads-missing"}),
    "keras/malicious/registered.json": (3, {"keras/unverified-class"}),
    "format/malicious/text.safetensors": (0, {"format/other-format"}),
    "format/malicious/weights.bat": (3, {"format/run-by-name"}),
    "format/malicious/weights.html": (3, {"format/run-by-name"}),
    "gguf/malicious/nested-array.gguf": (0, {"gguf/nested-array"}),
    "gguf/malicious/unknown-dtype.gguf": (3, {"gguf/unknown-type"}),
    "markup/malicious/drawing.svg": (3, {"document/page-with-script"}),
    "markup/malicious/handler.svg": (3, {"document/page-with-script"}),
    "markup/malicious/page.html": (3, {"document/page-with-script"}),
    "markup/malicious/handler.html": (3, {"document/page-with-script"}),
    "markup/malicious/address.html": (3, {"document/page-with-script"}),
    "markup/malicious/frame.htm": (3, {"document/page-with-script"}),
    "media/malicious/active.pdf": (0, {"media/pdf-active"}),
    "media/malicious/attachment.pdf": (0, {"media/pdf-attachment"}),
    "msgpack/malicious/unknown-dtype.msgpack": (3, {"msgpack/unknown-value"}),
    "msgpack/malicious/unknown-extension.msgpack": (3, {"msgpack/unknown-value"}),
    "text/malicious/pointer.safetensors": (3, {"coverage/content-absent"}),
    "text/malicious/pointer-crlf.bin": (3, {"coverage/content-absent"}),
    "onnx/malicious/custom-operator.onnx": (3, {"coverage/unverified-name"}),
    "onnx/malicious/custom-operator-in-subgraph.onnx": (3, {"coverage/unverified-name"}),
    "onnx/malicious/overloaded-operator.onnx": (3, {"coverage/unverified-name"}),
    "onnx/malicious/external-missing.onnx": (3, {"onnx/external-data-missing"}),
    "ort/malicious/custom-operator.ort": (3, {"coverage/unverified-name"}),
    "tflite/malicious/buffer-outside.tflite": (3, {"coverage/damaged"}),
    "tflite/malicious/custom-operator.tflite": (3, {"coverage/unverified-name"}),
    "tflite/malicious/unknown-builtin.tflite": (3, {"coverage/unverified-name"}),
    "tflite/malicious/external-missing.tflite": (3, {"tflite/external-data-missing"}),
    "executorch/malicious/custom-operator.pte": (3, {"coverage/unverified-name"}),
    "executorch/malicious/unknown-backend.pte": (3, {"coverage/unverified-name"}),
    "executorch/malicious/segment-outside.pte": (3, {"coverage/damaged"}),
    "json/malicious/switches.json": (0, {"configuration/unguarded-loading", "configuration/weaker-loading"}),
    "json/malicious/weights-elsewhere.json": (0, {"configuration/weights-elsewhere"}),
    "yaml/malicious/weights.yaml": (0, {"configuration/weights-from-web"}),
    "shell/malicious/generated.sh": (0, {"shell/generated-script"}),
    "markdown/malicious/INSTALL.md": (0, {"shell/instruction"}),
    "text/malicious/.env": (0, {"secret/settings-file"}),
    "zip/malicious/unknown-compression.zip": (3, {"archive/odd-names", "coverage/no-reader"}),
    "rds/malicious/active-binding.rds": (3, {"r/unverified-function"}),
    "rds/malicious/unlisted-call.rds": (3, {"r/unverified-function"}),
    "xml/malicious/custom-layer.xml": (3, {"coverage/unverified-name"}),
    "xml/malicious/doctype-web.xml": (0, {"xml/remote-grammar"}),
    "xml/malicious/stylesheet.xml": (0, {"xml/remote-stylesheet"}),
    "xml/malicious/unlisted-function.pmml": (3, {"coverage/unverified-name"}),
    "xgboost/malicious/unknown-objective.json": (3, {"boosters/unknown-name"}),
    "java-object/malicious/proxy.ser": (3, {"java/unverified-class"}),
    "java-object/malicious/unlisted.model": (3, {"java/unverified-class"}),
    "mxnet/malicious/custom-symbol.json": (3, {"mxnet/custom-operator"}),
    "shell/malicious/attributes.zip": (3, {"shell/git-driver", "shell/lfs-elsewhere"}),
    "ggml/malicious/unknown-dtype.bin": (3, {"coverage/damaged", "ggml/unknown-type"}),
    "ggml/malicious/unknown-program.bin": (3, {"coverage/no-reader"}),
    "spacy/malicious/factory.cfg": (3, {"spacy/unverified-function"}),
    "spacy/malicious/inline.cfg": (3, {"spacy/unverified-function"}),
    "spacy/malicious/interpolated.cfg": (3, {"spacy/unverified-function"}),
    "spacy/malicious/source.cfg": (3, {"spacy/further-pipeline"}),
    "spacy/malicious/unlisted.cfg": (3, {"spacy/unverified-function"}),
    "zarr/malicious/unaccounted.zarr.zip": (3, {"coverage/no-reader"}),
    "zarr/malicious/unknown-codec.json": (3, {"coverage/unverified-name"}),
    "zarr/malicious/unknown-type.json": (3, {"coverage/unverified-name"}),
}


def _list_fixtures(kind: str, formats: Iterable[str] = FORMATS) -> list[str]:
    """Return the paths of the fixtures of a kind, such as ``onnx/malicious/python-operator.onnx``."""
    return sorted(
        str(path.relative_to(FIXTURES))
        for name in formats
        for path in (FIXTURES / name / kind).glob("*")
        if path.is_file()
    )


@check_each("name", sorted({FOLDER_OF.get(reader.format, reader.format) for reader in READERS} | {*FORMATS}))
def test_every_format_has_every_kind_of_fixture(name):
    missing = [kind for kind in KINDS if not any((FIXTURES / name / kind).glob("*"))]
    assert not missing, f"{name}: no builder in fixtures/builders yields {name}/<kind>/ for {', '.join(missing)}"


@pytest.mark.parametrize("name", group_by_folder(FORMATS))
def test_malicious_fixture_fails_the_scan_unless_a_different_result_is_listed_for_it(name):
    reports = {path: scan_fixture(path) for path in _list_fixtures("malicious", [name])}
    unexpected = []
    for path, report in reports.items():
        rules = {finding.rule for finding in report.findings if not finding.rule.startswith("license/")}
        expected = NOT_FAILED.get(path, (1, rules))  # an unlisted fixture fails, with whatever rules
        if (report.exit_code, rules) != expected:
            found = f"exit code {report.exit_code} with {', '.join(sorted(rules)) or 'no rule'}"
            wanted = f"exit code {expected[0]} with {', '.join(sorted(expected[1])) or 'no rule'}"
            unexpected.append(
                f"{path} has {found}, where {wanted if path in NOT_FAILED else 'exit code 1'} is expected"
            )
    assert not unexpected, (
        "\n".join(unexpected) + "\nmend the rule or the builder, or list the outcome in NOT_FAILED of this module"
    )


@pytest.mark.parametrize("name", group_by_folder(FORMATS))
def test_summary_claims_that_every_file_was_read_only_if_coverage_is_complete(name):
    claim_of_completeness = re.compile(r"every file|whole (?:model|file)|completely", re.IGNORECASE)
    wrongly_claimed = []
    # Two benign fixtures are enough, because those of one format have alike summaries.
    for path in (*_list_fixtures("benign", [name])[:2], *_list_fixtures("malicious", [name])):
        report = scan_fixture(path)
        summary = render_parts(build_summary(report), width=100, color=False).decode()
        if claim_of_completeness.search(summary) and not report.coverage.is_complete:
            wrongly_claimed.append(path)
    assert wrongly_claimed == []


def test_each_malicious_fixture_that_is_listed_as_not_failing_exists():
    gone = sorted(NOT_FAILED.keys() - set(_list_fixtures("malicious")))
    assert not gone, f"NOT_FAILED lists {', '.join(gone)}, which no builder yields; remove the entry"


@check_each("path", lambda: _list_fixtures("benign"))
def test_benign_fixture_is_read_completely_and_has_no_defect_unless_its_text_is_latin_1(path, read_fixture):
    reading = read_fixture(path)
    assert reading.structures or path.startswith(SEALED)
    # A text in Latin-1 has the defect that it is not UTF-8.
    assert reading.kinds() <= ({"not-utf-8"} if "latin-1" in path else set())
    assert reading.unread == []


@check_each("path", lambda: _list_fixtures("truncated"))
def test_truncated_fixture_is_reported_as_damaged_or_has_an_invalid_front_matter(path, read_fixture):
    reading = read_fixture(path)
    # A format without a signature is recognised by counts that fit the size, so that a cut file is of no known format.
    is_unrecognised = not reading.formats and bool(reading.inner.unread)
    is_damaged = UnreadReason.DAMAGED in reading.reasons() or is_unrecognised
    assert is_damaged or "front-matter-invalid" in reading.kinds(), (reading.unread, reading.kinds())


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
def test_bomb_fixture_yields_a_structure_or_an_absence_and_a_listed_one_exceeds_a_limit(name, read_bytes):
    readings = {}
    for path in _list_fixtures("bomb", [name]):
        # A bomb that has to exceed no limit is read up to a low bound, because up to the usual one it takes seconds.
        limits = Limits() if path in BOMBS_OVER_A_LIMIT else Limits(expansion_floor=4 * MIB)
        readings[path] = read_bytes((FIXTURES / path).read_bytes(), Path(path).name, limits)
    assert [path for path, reading in readings.items() if not reading.structures and not reading.unread] == []
    over_a_limit = {path for path, reading in readings.items() if UnreadReason.LIMIT in reading.reasons()}
    assert {path for path in BOMBS_OVER_A_LIMIT if path.startswith(f"{name}/")} <= over_a_limit


def test_total_size_of_all_fixtures_is_less_than_8_mib():
    assert sum(path.stat().st_size for path in FIXTURES.rglob("*") if path.is_file()) < 8 * 1024 * 1024
