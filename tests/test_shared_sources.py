"""Calls that only two files of a model show together."""

from __future__ import annotations

from pathlib import Path

from support.cases import check_each

import modelaudit

_HELPER = "import subprocess as tool\nNAME = 'system'\nMODULE = 'subprocess'\nTITLE = 'os'\n"


def scan(folder: Path, files: dict[str, str]) -> int:
    """Write files into a new folder, scan it, and return the exit code."""
    folder = folder / str(len(list(folder.iterdir())))
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return modelaudit.scan(folder, second_opinion=False).exit_code


@check_each(
    "path, code",
    [
        ("modeling_a.py", "import os\nfrom .helper import NAME\ngetattr(os, NAME)('touch x')\n"),
        ("code/loader.py", "from helper import tool\ntool.__dict__.get('r' + 'un')(['touch', 'x'])\n"),
        (
            "a/b.py",
            "import sys\nfrom a.helper import MODULE\nobject.__getattribute__(sys.modules[MODULE], 'run')(['x'])\n",
        ),
    ],
)
def test_call_by_a_name_of_another_file_is_found(tmp_path: Path, path: str, code: str) -> None:
    helper = f"{path.rpartition('/')[0]}/helper.py".lstrip("/")
    assert scan(tmp_path, {path: code, helper: _HELPER}) == 1


@check_each(
    "code",
    [
        "import os\nfrom .helper import TITLE\nprint(os.path.join(TITLE, 'a'))\n",
        "from .helper import NAME\nROLES = {NAME: 1}\n",
        "import json\nfrom .helper import NAME\ngetattr(json, 'dumps')(NAME)\n",
    ],
)
def test_text_of_another_file_that_names_nothing_raises_no_alarm(tmp_path: Path, code: str) -> None:
    assert scan(tmp_path, {"modeling_a.py": code, "helper.py": "NAME = 'system'\nTITLE = 'os'\n"}) == 0


@check_each(
    "code",
    [
        "from . import helper\ngetattr(helper.tool, helper.MEMBER)(['x'])\n",
        "import helper as h\nrun = getattr(h.tool, h.MEMBER)\nrun(['x'])\n",
        "import importlib\nh = importlib.import_module('helper')\ngetattr(h.tool, h.MEMBER)(['x'])\n",
        "from . import inner\ngetattr(inner.helper.tool, inner.helper.MEMBER)(['x'])\n",
    ],
)
def test_call_by_members_of_another_file_is_found(tmp_path: Path, code: str) -> None:
    files = {"helper.py": "import subprocess as tool\nMEMBER = 'r' + 'un'\n", "inner.py": "from . import helper\n"}
    assert scan(tmp_path, {"modeling_a.py": code, **files}) == 1


def test_member_of_another_file_that_names_a_layer_is_no_finding(tmp_path: Path) -> None:
    helper = "import torch.nn as tool\nMEMBER = 'Linear'\n"
    code = "from . import helper\nlayer = getattr(helper.tool, helper.MEMBER)(2, 2)\n"
    assert scan(tmp_path, {"modeling_a.py": code, "helper.py": helper}) == 0
