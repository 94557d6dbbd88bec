from __future__ import annotations

from pathlib import Path

import pytest

from modelaudit.policy import model_folders
from modelaudit.policy.model_folders import find_model_file

MODEL_CARD = "---\npipeline_tag: text-generation\n---\n"


@pytest.mark.parametrize(
    ("name", "text", "is_sign"),
    [
        ("config.json", '{"model_type": "llama"}', True),
        ("config.json", r'{"model\u005ftype": "llama"}', True),
        ("config.json", " " * (2 << 20) + '{"architectures": []}', True),
        ("config.json", "[" * 100_000, True),
        ("config.json", '{"comment": "model_type"}', False),
        ("config.json", '{"inner": {"model_type": 1}}', False),
        ("config.json", "{model_type: 1}", False),
        ("model_index.json", r'{"_class\u005fname": "Pipeline"}', True),
        ("README.md", MODEL_CARD, True),
        ("README.md", "\ufeff \n---\r\n'base_model': a/b\r\n---", True),
        ("README.md", '---\n"pipeline_tag": x\n---\n', True),
        ("README.md", "---\n{? library_name : x}\n---\n", True),
        ("README.md", "---\ntitle: x\n---\n# pipeline_tag: x\n", False),
        ("README.md", "# Code\n" + MODEL_CARD, False),
    ],
)
def test_file_shows_a_model_however_it_is_spelt(tmp_path: Path, name: str, text: str, is_sign: bool) -> None:
    (tmp_path / name).write_bytes(text.encode())
    assert find_model_file(tmp_path) == (name if is_sign else "")


def test_file_that_is_too_large_to_be_read_shows_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_folders, "_MAX_BYTES", 10)
    (tmp_path / "config.json").write_text(" " * 11)
    assert find_model_file(tmp_path) == "config.json"
