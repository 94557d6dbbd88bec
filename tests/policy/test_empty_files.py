"""Empty files that the ready policies accept, because nothing reads them as a part of a model."""

from __future__ import annotations

from pathlib import Path

from support.cases import check_each

import modelaudit


@check_each(
    "name, is_accepted",
    [
        ("models/.gitignore", True),
        (".gitkeep", True),
        ("package/py.typed", True),
        ("package/__init__.py", True),
        ("model.bin", False),
        ("config.json", False),
        ("gitignore.txt", False),
    ],
)
def test_an_empty_file_is_accepted_by_its_name_alone(tmp_path: Path, name: str, is_accepted: bool) -> None:
    folder = tmp_path / name.replace("/", "-")
    (folder / name).parent.mkdir(parents=True)
    (folder / name).touch()
    (folder / "README.md").write_text("---\nlicense: mit\n---\n# A model\n")
    report = modelaudit.scan(folder, second_opinion=False)
    assert (report.exit_code == 0) is is_accepted
