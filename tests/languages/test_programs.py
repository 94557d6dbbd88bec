from __future__ import annotations

from pathlib import Path

import pytest

import modelaudit
from modelaudit.model.report import Extent


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("kernel.pyx", b"import os\n", "Python source"),
        ("run", b"#!/usr/bin/perl\nprint;\n", "scripts"),
        ("CMakeLists.cmake", b"project(x)\n", "build files"),
        ("Modelfile.tmpl", b"{{ if .System }}{{ .System }}{{ end }}", "another language"),
        ("schema.json", b'{"__class__": "system", "__module__": "os", "__loader__": "TypeNode"}', "loader imports"),
        ("graph.pbtxt", b"node {}\n", "graphs"),
        ("model.mil", b"program(1.0) {}\n", "graphs"),
        ("start.vbs", b"x = 1\n", "source code"),
        ("page.hta", b"<p>x</p>\n", "source code"),
        ("build.groovy", b"x = 1\n", "source code"),
    ],
)
def test_program_without_a_reader_is_read_as_text_and_reported_as_unread(
    tmp_path: Path, name: str, content: bytes, word: str
) -> None:
    (tmp_path / name).write_bytes(content)
    report = modelaudit.scan(tmp_path, second_opinion=False)
    (record,) = report.coverage.artifacts
    assert record.extent is Extent.PARTLY
    ((_, absence),) = record.absences
    assert word in absence.unread.detail
    assert report.exit_code == 3


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("notes.txt", b"import os\n"),
        ("config.json", b'{"model_type": "bert"}'),
        ("README.md", b"---\nauto_map: x\n---\n"),
    ],
)
def test_text_that_is_not_a_program_is_not_reported_as_unread(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert modelaudit.scan(tmp_path, second_opinion=False).exit_code == 0
