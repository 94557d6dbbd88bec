from __future__ import annotations

from pathlib import Path

import pytest

import modelaudit

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
