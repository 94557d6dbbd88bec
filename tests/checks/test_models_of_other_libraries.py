"""Scans of OpenVINO and R models, where several files or the use of a name decide the severity."""

from __future__ import annotations

import pytest
from builders.r_objects import call, function, promise, rds, strings, symbol
from builders.xml_files import network

import modelaudit
from modelaudit.model.finding import Severity

CONSTANT = (
    '<layer id="0" name="w" type="Const" version="opset1">'
    '<data element_type="f32" shape="4" offset="0" size="16"/></layer>'
)


def scan_severities(folder):
    report = modelaudit.scan(folder, second_opinion=False)
    return {finding.rule: finding.severity for finding in report.findings if not finding.rule.startswith("license/")}


@pytest.mark.parametrize(("weights", "fails"), [(None, False), (b"\1" * 16, False), (b"\1" * 15, True)])
def test_weights_of_openvino_are_compared_with_the_binary_file(weights, fails, tmp_path):
    (tmp_path / "net.xml").write_text(network(CONSTANT))
    if weights is not None:
        (tmp_path / "net.bin").write_bytes(weights)
    assert ("openvino/weights" in scan_severities(tmp_path)) == fails


@pytest.mark.parametrize(
    ("item", "rules"),
    [
        (promise(symbol("x")), {"r/promise", "coverage/unverified-name"}),
        (function(call("system", strings("true"))), {"r/dangerous-call"}),
        (function(call("readRDS", strings("x"))), {"r/dangerous-call"}),
        (call("readRDS", strings("x")), set()),
        (call("lm", symbol("y")), set()),
        (call("acme", symbol("y")), set()),
        (call("system", strings("true")), {"r/dangerous-call"}),
        (function(call("acme", symbol("y"))), {"r/unverified-function"}),
        (function(call("{", call("+", symbol("file"), symbol("source")))), set()),
    ],
)
def test_code_in_r_objects_is_judged_by_its_use(item, rules, tmp_path):
    (tmp_path / "model.rds").write_bytes(rds(item))
    assert set(scan_severities(tmp_path)) == rules


def test_a_promise_is_critical_and_an_unlisted_function_is_not(tmp_path):
    (tmp_path / "model.rds").write_bytes(rds(promise(symbol("x"))))
    (tmp_path / "other.rds").write_bytes(rds(function(call("acme"))))
    found = scan_severities(tmp_path)
    assert (found["r/promise"], found["r/unverified-function"]) == (Severity.CRITICAL, Severity.MEDIUM)
