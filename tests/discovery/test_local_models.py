"""Models that code loads by a path: where a path is looked up, and that it never leads out of the code base."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from discovery.test_discover import TF, search
from support.catalogue import load_shipped

from modelaudit.discovery import discover
from modelaudit.discovery.targets import list_targets
from modelaudit.model.discovery import Discovery
from modelaudit.model.limits import Limits
from modelaudit.model.report import Anchor
from modelaudit.model.structure import UnreadReason

LOADS = "import torch\ntorch.load({path!r})\n"


def list_paths(found: Discovery, root: Path) -> list[str]:
    """List the paths below the root that exist, and the names of the others with a question mark."""
    return [use.path.removeprefix(f"{root}/") if use.path else f"{use.name}?" for use in found.uses]


@pytest.mark.parametrize(
    ("file", "path", "expected"),
    [
        ("app.py", "a.pt", ["a.pt"]),
        ("app.py", "./a.pt", ["a.pt"]),
        ("src/app.py", "a.pt", ["a.pt"]),  # the program runs in the root
        ("src/app.py", "../a.pt", ["a.pt"]),
        ("src/app.py", "b.pt", ["src/b.pt"]),  # the program runs in the folder of the file
        ("src/deep/app.py", "b.pt", ["src/b.pt"]),
        ("src/deep/app.py", "same.pt", ["same.pt", "src/deep/same.pt"]),  # either may be meant
        ("app.py", "src\\b.pt", ["src/b.pt"]),
        ("app.py", "nets", ["nets"]),
        ("app.py", "absent.pt", ["absent.pt?"]),
        ("app.py", "../outside.pt", ["../outside.pt?"]),
        ("app.py", "/etc/hostname", ["/etc/hostname?"]),
        ("app.py", "~/a.pt", ["~/a.pt?"]),
        ("app.py", "nets/../../outside.pt", ["nets/../../outside.pt?"]),
    ],
)
def test_path_is_looked_up_in_the_folders_around_its_file(
    tmp_path: Path, file: str, path: str, expected: list[str]
) -> None:
    (tmp_path / "outside.pt").write_bytes(b"x")
    root = tmp_path / "code"
    files = dict.fromkeys(("a.pt", "same.pt", "src/b.pt", "src/deep/same.pt", "nets/c.pt"), "x")
    found = search(root, files | {file: LOADS.format(path=path)})
    assert list_paths(found, root) == expected
    # What lies outside and exists on this machine is a part that is not scanned.
    is_outside = "outside" in path or path == "/etc/hostname"
    assert [each.unread.reason for each in found.absences] == [UnreadReason.LINK_OUTSIDE] * is_outside


def test_absolute_path_into_the_code_base_is_found(tmp_path: Path) -> None:
    found = search(tmp_path, {"a.pt": "x", "app.py": LOADS.format(path=f"{tmp_path}/a.pt")})
    assert list_paths(found, tmp_path) == ["a.pt"]


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("../outside.pt", UnreadReason.LINK_OUTSIDE),
        ("absent.pt", UnreadReason.LINK_DANGLING),
        ("pipe", UnreadReason.NOT_REGULAR),
    ],
)
def test_link_that_cannot_be_scanned_makes_the_list_incomplete(
    tmp_path: Path, target: str, reason: UnreadReason
) -> None:
    root = tmp_path / "code"
    root.mkdir()
    (tmp_path / "outside.pt").write_bytes(b"x")
    os.mkfifo(root / "pipe")
    (root / "link.pt").symlink_to(target)
    found = search(root, {"app.py": LOADS.format(path="link.pt")})
    assert list_paths(found, root) == ["link.pt?"]
    assert [(each.file, each.unread.reason, each.unread.where.line) for each in found.absences] == [
        (f"{root}/app.py", reason, 2)
    ]
    assert not found.is_complete


def test_links_inside_name_the_same_model_once(tmp_path: Path) -> None:
    (tmp_path / "link.pt").symlink_to("a.pt")
    found = search(tmp_path, {"a.pt": "x", "app.py": "import torch\ntorch.load('a.pt')\ntorch.load('./link.pt')\n"})
    (target,) = list_targets(found)
    assert (target.text, target.anchors) == (f"{tmp_path}/a.pt", (Anchor("app.py", 2), Anchor("app.py", 3)))


def test_target_of_a_relative_path_is_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    search(
        tmp_path, {"hf:/a.pt": "x", "app.py": LOADS.format(path="./hf:/a.pt"), "src/app.py": LOADS.format(path="b.pt")}
    )
    (tmp_path / "src/b.pt").write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    for typed, expected in (
        (".", ["./hf:/a.pt", "./src/b.pt"]),
        ("src", ["./src/b.pt"]),
        ("src/app.py", ["./src/b.pt"]),
    ):
        found = discover(typed, Limits(), load_shipped())
        assert [each.text for each in list_targets(found)] == expected


def test_path_of_another_file_begins_at_that_file(tmp_path: Path) -> None:
    settings = "from pathlib import Path\nMODELS = Path(__file__).parent / 'nets'\n"
    app = TF + "from conf.settings import MODELS\nAutoModel.from_pretrained(MODELS / 'tiny')\n"
    found = search(tmp_path, {"conf/settings.py": settings, "app.py": app, "conf/nets/tiny/config.json": "{}"})
    assert list_paths(found, tmp_path) == ["conf/nets/tiny"]


def test_setting_counts_where_its_path_leads_to_weights(tmp_path: Path) -> None:
    text = "model_path: nets/tiny\ncheckpoint: nets/tiny/a.pt\nmodel_dir: docs\nbase_model: nets/absent.pt\n"
    found = search(tmp_path, {"conf/a.yaml": text, "nets/tiny/a.pt": "x", "docs/a.txt": "x"})
    assert list_paths(found, tmp_path) == ["nets/tiny", "nets/tiny/a.pt"]


@pytest.mark.parametrize(
    "lines",
    [
        'COPY nets/tiny /models/x\nCMD ["vllm", "serve", "/models/x"]',
        'WORKDIR /srv\nCOPY --chown=1:1 nets ./nets\nENTRYPOINT ["vllm", "serve", "/srv/nets/tiny"]',
        'COPY ["nets/tiny", "/models/x/"]\nCMD vllm serve --model /models/x',
        'ADD . /app\nWORKDIR /app\nCMD ["vllm", "serve", "nets/tiny"]',
        'FROM vllm/vllm-openai\nCOPY nets/ /models/\nCMD ["--model", "/models/tiny"]',
    ],
)
def test_path_in_an_image_is_that_of_the_code_base_from_which_it_is_copied(tmp_path: Path, lines: str) -> None:
    text = lines if lines.startswith("FROM") else f"FROM python\n{lines}"
    found = search(tmp_path, {"docker/Dockerfile": f"{text}\n", "nets/tiny/a.pt": "x"})
    assert set(list_paths(found, tmp_path)) == {"nets/tiny"}
