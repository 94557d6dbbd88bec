"""Discovery over code bases of several files: imports, bounds, links, and what is passed over."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from discovery.test_discover import HF, TF, describe, search
from support.catalogue import load_shipped

from modelaudit.discovery import discover
from modelaudit.discovery.targets import list_targets
from modelaudit.model.copies import replace
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.limits import Limits
from modelaudit.model.report import Anchor
from modelaudit.model.structure import UnreadReason

LOADS_MODEL = TF + "from {module} import MODEL\nAutoModel.from_pretrained(MODEL)\n"


@pytest.mark.parametrize(
    ("importer", "statement", "defining"),
    [
        ("pkg/app.py", "from .config import MODEL", "pkg/config.py"),
        ("pkg/sub/app.py", "from ..config import MODEL", "pkg/config.py"),
        ("pkg/app.py", "from pkg.config import MODEL", "pkg/config.py"),
        ("src/pkg/app.py", "from pkg.config import MODEL", "src/pkg/config.py"),
        ("pkg/app.py", "from config import MODEL", "pkg/config.py"),
        ("pkg/app.py", "from . import config\nMODEL = config.MODEL", "pkg/config.py"),
        ("app.py", "import config\nMODEL = config.MODEL", "config.py"),
        ("app.py", "import config as c\nMODEL = c.MODEL", "config.py"),
        ("pkg/app.py", "from .config import *", "pkg/config.py"),
        ("pkg/app.py", "from .config import MODEL as M\nMODEL = M", "pkg/config.py"),
        ("tests/app.py", "from pkg import MODEL", "pkg/__init__.py"),
    ],
)
def test_constant_of_another_file_is_known(tmp_path: Path, importer: str, statement: str, defining: str) -> None:
    text = f"{TF}{statement}\nAutoModel.from_pretrained(MODEL)\n"
    found = search(tmp_path, {importer: text, defining: 'MODEL = "acme/tiny"\n'})
    line = text.count("\n")
    assert f"{line} acme/tiny" in [describe(use) for use in found.uses if use.file.endswith(importer)]


def test_attribute_of_an_object_of_another_file_is_known(tmp_path: Path) -> None:
    settings = "class Settings:\n    model: str = 'acme/tiny'\n\nsettings = Settings()\n"
    text = TF + "from settings import settings\nAutoModel.from_pretrained(settings.model)\n"
    found = search(tmp_path, {"app.py": text, "settings.py": settings})
    assert "3 acme/tiny" in map(describe, found.uses)


def test_option_of_another_file_is_known(tmp_path: Path) -> None:
    options = "import argparse\ndef parse_args():\n    p = argparse.ArgumentParser()\n"
    options += "    p.add_argument('--model', default='acme/tiny')\n    return p.parse_args()\n"
    text = TF + "from options import parse_args\nargs = parse_args()\nAutoModel.from_pretrained(args.model)\n"
    assert "4 acme/tiny" in map(describe, search(tmp_path, {"app.py": text, "options.py": options}).uses)


def test_files_that_import_each_other_end(tmp_path: Path) -> None:
    files = {"a.py": "from b import MODEL\n", "b.py": "from a import MODEL\n"}
    files["c.py"] = TF + "from a import MODEL\nAutoModel.from_pretrained(MODEL)\n"
    assert [describe(use) for use in search(tmp_path, files).uses] == ["3 ?"]


def test_name_of_a_folder_of_the_code_base_is_local(tmp_path: Path) -> None:
    files = {"app.py": TF + 'AutoModel.from_pretrained("nets/tiny")\n', "nets/tiny/config.json": "{}"}
    assert [(use.source, use.name) for use in search(tmp_path, files).uses] == [("local", "nets/tiny")]


def test_folders_without_code_of_the_project_are_counted_and_not_read(tmp_path: Path) -> None:
    code = TF + 'AutoModel.from_pretrained("acme/tiny")\n'
    names = [".git/hook.py", "node_modules/a/b.py", "env/lib/c.py", "app/d.py"]
    found = search(tmp_path, dict.fromkeys(names, code) | {"env/pyvenv.cfg": "", "env/bin/python": ""})
    assert [use.file.removeprefix(f"{tmp_path}/") for use in found.uses] == ["app/d.py"]
    assert found.skipped_folders == ((".git", 1), ("node_modules", 1), ("virtual environment", 1))


def test_folder_that_git_tracks_is_read_whatever_its_name_is(tmp_path: Path) -> None:
    code = TF + 'AutoModel.from_pretrained("acme/tiny")\n'
    names = ["src/venv/a.py", "src/env/lib/b.py", "src/site-packages/c.py", "src/fake/d.py"]
    environment = {"src/env/pyvenv.cfg": "", "src/env/bin/python": "", "src/fake/pyvenv.cfg": ""}
    files = dict.fromkeys([*names, "src/node_modules/e.py"], code) | environment
    for folder in (tmp_path, tmp_path / "linked"):
        search(folder, files)
    for arguments in (("init", "-q"), ("add", *names)):
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True)
    # A working tree of its own has a file that names its folder of git.
    (tmp_path / "linked/.git").write_text("gitdir: ../.git\n")
    for root in (tmp_path / "src", tmp_path / "linked/src"):
        found = discover(str(root), Limits(), load_shipped())
        assert sorted(use.file.removeprefix(f"{root.parent}/") for use in found.uses) == sorted(names), root
        assert found.skipped_folders == (("node_modules", 1),)


def test_name_of_the_hub_beside_a_path_is_no_longer_covered_by_the_path(tmp_path: Path) -> None:
    loads = TF + 'AutoModel.from_pretrained("{}")\n'
    files = {
        "src/a.py": loads.format("evil/m"),
        "src/evil/m/config.json": "{}",
        "b.py": loads.format("acme/n"),
        "acme/n/config.json": "{}",
        "c.py": loads.format("data/llama"),
    }
    found = search(tmp_path, files)
    uses = sorted((use.source, use.name or "") for use in found.uses)
    assert uses == [("huggingface", "evil/m"), ("local", "acme/n"), ("local", "data/llama"), ("local", "src/evil/m")]
    (absence,) = found.absences
    assert absence.file.endswith("c.py") and "takes it from the Hub" in absence.unread.detail


def test_source_in_an_encoding_that_may_hide_calls_is_an_absence(tmp_path: Path) -> None:
    hidden = "# coding: utf-7\nimport torch\n+AHQ-orch.load('bad.pkl')\n"
    found = search(tmp_path, {"a.py": hidden, "b.py": "# coding: rot13\n", "c.py": "# coding: latin-1\n"})
    assert [each.file.rpartition("/")[2] for each in found.absences] == ["a.py", "b.py"]
    assert [use.name for use in found.uses] == ["bad.pkl"]


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("tool", "#!/usr/bin/env pypy3\n"),
        ("tool", "#!/usr/bin/env -S uv run --script\n"),
        ("tool", "\ufeff#!/usr/bin/python3\n"),
        ("tool.old", "#!/usr/bin/env python3\n"),
    ],
)
def test_file_without_a_known_name_is_read_as_its_first_line_says(tmp_path: Path, name: str, start: str) -> None:
    found = search(tmp_path, {name: start + TF + 'AutoModel.from_pretrained("acme/tiny")\n'})
    assert [use.name for use in found.uses] == ["acme/tiny"]


LOADS = "from transformers import AutoModel; AutoModel.from_pretrained('acme/tiny')"
STARTS = f'python -c "{LOADS}"'
TORCH_LOADS = "import torch; torch.load('acme/tiny')"


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("a.sh", f'set -e\npython -c "{LOADS}"\n', 2),
        ("a.sh", f'uv run python3 -c "{TORCH_LOADS}"\n', 1),
        ("a.sh", f"cd x\npython - <<'END'\nimport os\n{LOADS}\nEND\n", 4),
        ("a.sh", f"python3 <<END\n{TORCH_LOADS}\nEND\n", 2),
        ("Makefile", f'all:\n\tpython -c "{LOADS}"\n', 2),
        ("Dockerfile", f'FROM python\nRUN python -c "{LOADS}"\n', 2),
        ("ci.yaml", f'steps:\n- run: |\n    python -c "{LOADS}"\n', 3),
        ("ci.py", f"import os\nos.system({STARTS!r})\n", 2),
    ],
)
def test_source_of_python_in_a_command_is_read(tmp_path: Path, name: str, text: str, line: int) -> None:
    assert [(use.line, use.name) for use in search(tmp_path, {name: text}).uses] == [(line, "acme/tiny")]


def test_files_of_other_kinds_are_counted(tmp_path: Path) -> None:
    found = search(tmp_path, {"a.js": "x", "b.js": "x", "README.md": "x", "c.py": "1"})
    assert (found.files_read, found.files_of_other_kinds) == (1, ((".js", 2), (".md", 1)))


def test_large_file_is_an_absence(tmp_path: Path) -> None:
    found = search(tmp_path, {"a.py": TF + " " * 2000}, replace(Limits(), prose_bytes=1000))
    assert [each.unread.reason for each in found.absences] == [UnreadReason.LIMIT]


def test_entries_beyond_the_limit_are_an_absence(tmp_path: Path) -> None:
    found = search(tmp_path, {f"{number}.py": "1" for number in range(9)}, replace(Limits(), folder_entries=5))
    assert [each.unread.reason for each in found.absences] == [UnreadReason.LIMIT]
    assert not found.is_complete


def test_folder_beyond_the_depth_is_an_absence(tmp_path: Path) -> None:
    found = search(tmp_path, {"a/b/c/d/e.py": "1"}, replace(Limits(), folder_depth=2))
    assert [each.unread.reason for each in found.absences] == [UnreadReason.LIMIT]


def test_link_that_leads_out_is_an_absence_and_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "outside.py").write_text(TF + 'AutoModel.from_pretrained("acme/secret")\n', encoding="utf-8")
    (tmp_path / "code").mkdir()
    (tmp_path / "code/link.py").symlink_to(tmp_path / "outside.py")
    (tmp_path / "code/pipe.py").unlink(missing_ok=True)
    os.mkfifo(tmp_path / "code/pipe.py")
    found = search(tmp_path / "code", {"app.py": "1"})
    assert not found.uses
    assert {each.unread.reason for each in found.absences} == {UnreadReason.LINK_OUTSIDE, UnreadReason.NOT_REGULAR}


def test_link_inside_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "link.py").symlink_to(tmp_path / "app.py")
    found = search(tmp_path, {"app.py": TF + 'AutoModel.from_pretrained("acme/tiny")\n'})
    assert len(found.uses) == 1
    assert not found.absences


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.py", "AutoModel.from_pretrained('acme/tiny'\n"),
        ("a.yaml", "model_id: [\n"),
        ("a.json", '{"model_id": \n'),
        ("a.ipynb", '{"cells": [{"source": "from_pretrained"}'),
        ("a.ipynb", '{"cells": [{"cell_type": "code", "source": ["M.from_pretrained(\'a/b\'"]}]}'),
        ("modelaudit.yaml", "models: [\n"),
    ],
)
def test_part_that_does_not_parse_is_an_absence(tmp_path: Path, name: str, text: str) -> None:
    found = search(tmp_path, {name: text})
    assert [each.unread.reason for each in found.absences] == [UnreadReason.DAMAGED]
    assert not found.is_complete


def test_broken_part_leaves_the_others_readable(tmp_path: Path) -> None:
    text = TF + 'AutoModel.from_pretrained("acme/tiny")\n\ndef f(:\n    AutoModel.from_pretrained("acme/x")\n'
    found = search(tmp_path, {"a.py": text})
    assert [describe(use) for use in found.uses] == ["2 acme/tiny"]
    assert [each.unread.reason for each in found.absences] == [UnreadReason.DAMAGED]


def test_work_on_a_hostile_source_is_bounded(tmp_path: Path) -> None:
    nested = "x = " + "[" * 80 + "1" + "]" * 80 + "\n"
    text = TF + nested + 'AutoModel.from_pretrained("acme/tiny")\n' + "f(" * 85 + "M.from_pretrained(n)" + ")" * 85
    text += "\nd" + "[0]" * 3000 + "\n" + "a = b = c\n" * 20_000
    found = search(tmp_path, {"a.py": text})
    assert "3 acme/tiny" in map(describe, found.uses)


@pytest.mark.parametrize("name", ["a.py", "a.ipynb", "a.yaml", "a.json", "a.sh", "Dockerfile", "Makefile", "a.toml",
                                  "Modelfile", "modelaudit.yaml", "a.tpl"])  # fmt: skip
def test_bytes_that_are_no_text_end_in_no_error(tmp_path: Path, name: str) -> None:
    words = b"from_pretrained( model_id: FROM vllm serve a/b https://huggingface.co/"
    for start in (b"", b"\xff\xfe", b"\0", b"\x80" * 50, b"{" * 500, b"[" * 500, b"$(" * 500, b"\x1b]0;x\x07"):
        (tmp_path / name).write_bytes(start + words + b"\xff" + os.urandom(200))
        discover(str(tmp_path), Limits(), load_shipped())


def test_single_file_keeps_its_typed_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "app.py").write_text(HF + 'snapshot_download("acme/tiny")\n', encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    found = discover("app.py", Limits(), load_shipped())
    assert [(use.file, use.line) for use in found.uses] == [("app.py", 2)]


def test_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="does not exist"):
        discover(str(tmp_path / "missing"), Limits(), load_shipped())


def test_result_does_not_depend_on_the_folder_around(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"b.py": TF + 'AutoModel.from_pretrained("acme/tiny")\n', "a.sh": "vllm serve acme/tiny\n"}
    for name in ("one", "two"):
        search(tmp_path / name / "src", files)
    results = []
    for name in ("one", "two"):
        monkeypatch.chdir(tmp_path / name)
        results.append(discover("src", Limits(), load_shipped()))
    assert results[0] == results[1]


def test_targets_are_listed_once_with_all_their_lines(tmp_path: Path) -> None:
    files = {"a.py": TF + 'AutoModel.from_pretrained("acme/tiny")\n', "b.sh": "vllm serve acme/tiny\nollama pull x\n"}
    files["c.sh"] = "hf download --repo-type dataset acme/rows --revision v1\n"
    (first, second) = list_targets(search(tmp_path, files))
    assert first.text == "hf://acme/tiny"
    assert first.anchors == (Anchor("a.py", 2), Anchor("b.sh", 1))
    assert second.text == "hf://datasets/acme/rows@v1"
