"""Scans of OpenVINO and R models, where several files or the use of a name decide the severity."""

from __future__ import annotations

import pytest
from builders.r_objects import build_rds, encode_call, encode_function, encode_promise, encode_strings, encode_symbol
from builders.xml_files import build_openvino_network

import modelaudit
from modelaudit.model.finding import Severity

# Four numbers of 32 bits, which are the first 16 bytes of the file with the weights.
CONSTANT = (
    '<layer id="0" name="w" type="Const" version="opset1">'
    '<data element_type="f32" shape="4" offset="0" size="16"/></layer>'
)


def scan_severities(folder):
    """Scan a folder; return the severity of each rule that fired, except for rules about licences."""
    report = modelaudit.scan(folder, second_opinion=False)
    return {finding.rule: finding.severity for finding in report.findings if not finding.rule.startswith("license/")}


@pytest.mark.parametrize(("weights", "is_reported"), [(None, False), (b"\1" * 16, False), (b"\1" * 15, True)])
def test_openvino_network_is_reported_if_its_bin_file_is_too_short_for_the_weights(weights, is_reported, tmp_path):
    (tmp_path / "net.xml").write_text(build_openvino_network(CONSTANT))
    if weights is not None:
        (tmp_path / "net.bin").write_bytes(weights)
    assert ("openvino/weights" in scan_severities(tmp_path)) == is_reported


@pytest.mark.parametrize(
    ("item", "rules"),
    [
        (encode_promise(encode_symbol("x")), {"r/promise", "coverage/unverified-name"}),
        (encode_function(encode_call("system", encode_strings("true"))), {"r/dangerous-call"}),
        (encode_function(encode_call("readRDS", encode_strings("x"))), {"r/dangerous-call"}),
        (encode_call("readRDS", encode_strings("x")), set()),
        (encode_call("lm", encode_symbol("y")), set()),
        (encode_call("acme", encode_symbol("y")), set()),
        (encode_call("system", encode_strings("true")), {"r/dangerous-call"}),
        (encode_function(encode_call("acme", encode_symbol("y"))), {"r/unverified-function"}),
        # Here the dangerous names are variables, and nothing calls them.
        (encode_function(encode_call("{", encode_call("+", encode_symbol("file"), encode_symbol("source")))), set()),
    ],
)
def test_scan_of_an_r_object_with_code_fires_the_expected_rules(item, rules, tmp_path):
    (tmp_path / "model.rds").write_bytes(build_rds(item))
    assert set(scan_severities(tmp_path)) == rules


def test_r_promise_has_severity_critical_and_an_unlisted_r_function_severity_medium(tmp_path):
    (tmp_path / "model.rds").write_bytes(build_rds(encode_promise(encode_symbol("x"))))
    (tmp_path / "other.rds").write_bytes(build_rds(encode_function(encode_call("acme"))))
    severities = scan_severities(tmp_path)
    assert (severities["r/promise"], severities["r/unverified-function"]) == (Severity.CRITICAL, Severity.MEDIUM)
