from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelaudit.model.artifact import Artifact, RefKind, Snapshot
from modelaudit.model.errors import ConfigurationError, SourceError, WindowError
from modelaudit.model.limits import Limits
from modelaudit.model.structure import UnreadReason
from modelaudit.sources import resolve_target
from modelaudit.sources.target import note_local_readings


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Return a folder that holds one file, config.json, with the content ``{}``."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    return folder


def index_by_path(snapshot: Snapshot) -> dict[str, Artifact]:
    """Map the path of each artifact to the artifact; fail if two have the same path."""
    assert len({artifact.path for artifact in snapshot.artifacts}) == len(snapshot.artifacts)
    return {artifact.path: artifact for artifact in snapshot.artifacts}


def get_obstacle_reason(artifact: Artifact) -> UnreadReason:
    """Return why an artifact could not be opened; fail if it could."""
    assert artifact.obstacle is not None
    assert "\n" not in artifact.obstacle.detail
    return artifact.obstacle.reason


def read_artifact(artifact: Artifact) -> bytes:
    """Read all bytes of an artifact; fail if it cannot be opened."""
    assert artifact.open is not None
    with artifact.open() as window:
        return window.read(0, window.size)


def test_folder_is_listed_in_sorted_order_with_hidden_files(model: Path) -> None:
    for name in ("z.bin", ".hidden", "sub/a", "sub/.git/HEAD", ".git/config", ".cache/huggingface/x.metadata", "A"):
        (model / name).parent.mkdir(parents=True, exist_ok=True)
        (model / name).write_text(name)
    snapshot = resolve_target(str(model))
    paths = [artifact.path for artifact in snapshot.artifacts]
    assert paths == sorted(
        [
            "z.bin",
            ".hidden",
            "sub/a",
            "sub/.git/HEAD",
            ".git/config",
            ".cache/huggingface/x.metadata",
            "A",
            "config.json",
        ]
    )
    assert read_artifact(index_by_path(snapshot)["sub/.git/HEAD"]) == b"sub/.git/HEAD"
    assert (snapshot.ref.kind, snapshot.commit, snapshot.notes) == (RefKind.FOLDER, None, ())
    assert (snapshot.origin, snapshot.root) == (str(model), model)


def test_unchanged_folder_resolves_to_an_equal_snapshot_each_time(model: Path) -> None:
    for number in range(50):
        (model / f"{number}.txt").touch()
    assert resolve_target(str(model)) == resolve_target(str(model))


def test_file_is_a_snapshot_of_one_artifact(model: Path) -> None:
    snapshot = resolve_target(str(model / "config.json"))
    [artifact] = snapshot.artifacts
    assert (artifact.path, artifact.size, read_artifact(artifact)) == ("config.json", 2, b"{}")
    assert (snapshot.ref.kind, snapshot.origin, snapshot.root) == (RefKind.FILE, str(model), model / "config.json")


def test_empty_folder_has_no_artifacts(tmp_path: Path) -> None:
    assert resolve_target(str(tmp_path)).artifacts == ()


def test_empty_file_can_be_opened(model: Path) -> None:
    (model / "empty").touch()
    empty = index_by_path(resolve_target(str(model)))["empty"]
    assert (empty.size, empty.obstacle, read_artifact(empty)) == (0, None, b"")


def test_relative_paths_and_trailing_slash_are_resolved(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(model)
    assert resolve_target(".").origin == resolve_target("../model/").origin == str(model)
    assert [artifact.path for artifact in resolve_target("./config.json").artifacts] == ["config.json"]


def test_special_files_are_never_opened(model: Path) -> None:
    os.mkfifo(model / "fifo")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(model / "socket"))
        artifacts = index_by_path(resolve_target(str(model)))
    assert (
        get_obstacle_reason(artifacts["fifo"]) == get_obstacle_reason(artifacts["socket"]) == UnreadReason.NOT_REGULAR
    )
    assert artifacts["fifo"].open is None


@pytest.mark.skipif(os.geteuid() != 0, reason="making a device node takes root")
def test_device_node_is_never_opened(model: Path) -> None:
    try:
        os.mknod(model / "zero", stat.S_IFCHR | 0o600, os.makedev(1, 5))  # the device of /dev/zero
    except PermissionError:
        pytest.skip("device nodes cannot be made here")
    zero = index_by_path(resolve_target(str(model)))["zero"]
    assert get_obstacle_reason(zero) is UnreadReason.NOT_REGULAR
    assert zero.obstacle is not None
    assert "character device" in zero.obstacle.detail


def test_special_file_as_target_is_listed_and_never_opened(model: Path) -> None:
    os.mkfifo(model / "fifo")
    [artifact] = resolve_target(str(model / "fifo")).artifacts
    assert get_obstacle_reason(artifact) is UnreadReason.NOT_REGULAR


@pytest.mark.parametrize("absolute", [True, False])
def test_link_outside_the_folder_is_not_followed(model: Path, absolute: bool) -> None:
    (model.parent / "secret").write_text("secret")
    (model / "link").symlink_to(model.parent / "secret" if absolute else "../secret")
    (model / "folder").symlink_to(model.parent if absolute else "..")
    artifacts = index_by_path(resolve_target(str(model)))
    assert sorted(artifacts) == ["config.json", "folder", "link"]
    assert (
        get_obstacle_reason(artifacts["link"]) == get_obstacle_reason(artifacts["folder"]) == UnreadReason.LINK_OUTSIDE
    )
    # The reason names the target of the link.
    assert "secret" in str(artifacts["link"].obstacle)


def test_link_to_a_sibling_path_that_begins_with_the_folder_name_counts_as_outside(model: Path) -> None:
    (model.parent / "model-other").write_text("x")
    (model / "link").symlink_to("../model-other")
    assert get_obstacle_reason(index_by_path(resolve_target(str(model)))["link"]) is UnreadReason.LINK_OUTSIDE


def test_dangling_and_cyclic_links_are_reported_as_absences(model: Path) -> None:
    (model / "dangling").symlink_to("nothing")
    (model / "through-file").symlink_to("config.json/x")
    (model / "self").symlink_to("self")
    (model / "a").symlink_to("b")
    (model / "b").symlink_to("a")
    artifacts = index_by_path(resolve_target(str(model)))
    for name in ("dangling", "through-file", "self", "a", "b"):
        assert get_obstacle_reason(artifacts[name]) is UnreadReason.LINK_DANGLING


def test_links_inside_a_folder_are_noted_and_linked_folders_are_not_walked(model: Path) -> None:
    (model / "sub").mkdir()
    (model / "sub" / "up").symlink_to("..")
    (model / "again").symlink_to("config.json")
    (model / "absolute").symlink_to(model / "sub")
    snapshot = resolve_target(str(model))
    assert [artifact.path for artifact in snapshot.artifacts] == ["again", "config.json"]
    [note] = snapshot.notes
    assert note.startswith("3 links lead to files or folders of the model (")
    assert "'again' -> 'config.json'" in note
    assert "'sub/up' -> '..'" in note


def test_file_with_two_links_is_an_artifact_under_all_three_names(model: Path) -> None:
    (model / "sub").mkdir()
    (model / "notes.txt").write_text("import os")
    (model / "sub" / "modeling_x.py").symlink_to("../notes.txt")
    (model / "again.py").symlink_to("sub/modeling_x.py")
    artifacts = index_by_path(resolve_target(str(model)))
    for name in ("notes.txt", "sub/modeling_x.py", "again.py"):
        assert (artifacts[name].size, read_artifact(artifacts[name])) == (9, b"import os")


def test_link_whose_target_was_replaced_after_listing_is_not_opened(model: Path) -> None:
    (model / "notes.txt").write_text("import os")
    (model / "modeling_x.py").symlink_to("notes.txt")
    artifact = index_by_path(resolve_target(str(model)))["modeling_x.py"]
    (model / "notes.txt").unlink()
    (model / "notes.txt").symlink_to("/etc/passwd")
    with pytest.raises(WindowError) as caught:
        read_artifact(artifact)
    assert caught.value.reason is UnreadReason.CHANGED


def test_link_to_a_special_file_adds_no_artifact(model: Path) -> None:
    os.mkfifo(model / "fifo")
    (model / "modeling_x.py").symlink_to("fifo")
    artifacts = index_by_path(resolve_target(str(model)))
    assert sorted(artifacts) == ["config.json", "fifo"]
    assert get_obstacle_reason(artifacts["fifo"]) is UnreadReason.NOT_REGULAR


def test_file_with_many_links_is_read_under_a_bounded_number_of_names(model: Path) -> None:
    for number in range(100):
        (model / f"link{number:02}").symlink_to("config.json")
    snapshot = resolve_target(str(model))
    [note] = snapshot.notes
    assert len(note) < 300
    assert note.startswith("100 links")
    assert note.endswith(", …")
    obstacles = [artifact.obstacle for artifact in snapshot.artifacts]
    assert len(obstacles) == 101
    # The file itself and sixteen links to it are read.
    assert set(obstacles[:17]) == {None}
    assert {each and each.reason for each in obstacles[17:]} == {UnreadReason.LIMIT}


def test_target_that_is_a_link_is_followed_and_a_linked_file_has_the_name_of_the_link(model: Path) -> None:
    (model.parent / "latest").symlink_to(model)
    (model.parent / "weights.json").symlink_to(model / "config.json")
    assert [artifact.path for artifact in resolve_target(str(model.parent / "latest")).artifacts] == ["config.json"]
    [artifact] = resolve_target(str(model.parent / "weights.json")).artifacts
    assert (artifact.path, read_artifact(artifact)) == ("weights.json", b"{}")


@pytest.mark.parametrize(
    "name",
    [
        b"new\nline",
        b"\x1b[31mred\x07",
        b"\xff\xfe.bin",
        b"back\\slash",
        b"....",
        b" ",
        "ü模型".encode(),
        b"-rf",
        b"a" * 255,
    ],
)
def test_unusual_file_names_appear_unchanged_in_the_snapshot(model: Path, name: bytes) -> None:
    (Path(os.fsdecode(os.fsencode(model) + b"/" + name))).write_bytes(b"content")
    # A link is named in a note. Its own name must not exceed 255 bytes.
    (Path(os.fsdecode(os.fsencode(model) + b"/link-" + name[:200]))).symlink_to(os.fsdecode(name))
    snapshot = resolve_target(str(model))
    assert read_artifact(index_by_path(snapshot)[os.fsdecode(name)]) == b"content"
    [note] = snapshot.notes
    assert note.isprintable()
    note.encode("utf-8")


def test_unusual_name_as_target_is_resolved(model: Path) -> None:
    target = os.fsdecode(os.fsencode(model) + b"/\xff\n.bin")
    Path(target).write_bytes(b"x")
    [artifact] = resolve_target(target).artifacts
    assert artifact.path == "\udcff\n.bin"
    assert read_artifact(artifact) == b"x"


def test_file_whose_path_is_longer_than_the_system_limit_is_read(model: Path) -> None:
    """400 folders of 20 characters: the file's path is twice as long as the system accepts in one call."""
    descriptor = os.open(model, os.O_RDONLY)
    for _ in range(400):
        os.mkdir("d" * 20, dir_fd=descriptor)
        deeper = os.open("d" * 20, os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = deeper
    file = os.open("deep.txt", os.O_WRONLY | os.O_CREAT, dir_fd=descriptor)
    os.write(file, b"deep")
    os.close(file)
    os.symlink("deep.txt", "link", dir_fd=descriptor)
    os.close(descriptor)
    artifacts = index_by_path(resolve_target(str(model)))
    [deep] = [artifact for path, artifact in artifacts.items() if path.endswith("deep.txt")]
    assert len(deep.path) > 400 * 20
    assert read_artifact(deep) == b"deep"
    [link] = [artifact for path, artifact in artifacts.items() if path.endswith("link")]
    assert get_obstacle_reason(link) is UnreadReason.UNREADABLE


def test_folder_below_the_depth_limit_is_reported_as_unread(model: Path) -> None:
    (model / "a" / "b" / "c" / "d").mkdir(parents=True)
    (model / "a" / "b" / "file").touch()
    (model / "a" / "b" / "c" / "file").touch()
    artifacts = index_by_path(resolve_target(str(model), limits=Limits(folder_depth=2)))
    assert sorted(artifacts) == ["a/b/c", "a/b/file", "config.json"]
    assert get_obstacle_reason(artifacts["a/b/c"]) is UnreadReason.LIMIT


@pytest.mark.slow
def test_unfollowed_links_beyond_the_bound_of_a_folder_are_counted_in_its_last_listed_link(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for number in range(7):
        (tmp_path / f"{number}.bin").symlink_to("/etc/passwd")
        (tmp_path / f"sub/{number}.bin").symlink_to("nothing")
    artifacts = resolve_target(str(tmp_path), limits=Limits(folder_absences=3)).artifacts
    obstacles = {artifact.path: artifact.obstacle for artifact in artifacts if artifact.obstacle}
    assert list(obstacles) == ["0.bin", "1.bin", "2.bin", "sub/0.bin", "sub/1.bin", "sub/2.bin"]
    assert [each.further_files for each in obstacles.values()] == [0, 0, 4, 0, 0, 4]
    counted = "('3.bin', '4.bin', '5.bin', '6.bin')"
    assert obstacles["2.bin"].detail.endswith(f"; 4 more of this folder {counted} have the same reason")
    assert obstacles["sub/2.bin"].reason is UnreadReason.LINK_DANGLING


def test_folder_entries_beyond_the_bound_are_an_absence_and_names_alone_decide_which_are_left_out(
    tmp_path: Path,
) -> None:
    (tmp_path / "a").mkdir()
    for name in ("d", "a/2", "c", "a/1", "b"):
        (tmp_path / name).write_text("x")
    artifacts = resolve_target(str(tmp_path), limits=Limits(folder_entries=3)).artifacts
    assert [artifact.path for artifact in artifacts] == [".", "b", "c"]
    assert artifacts[0].obstacle.reason is UnreadReason.LIMIT
    assert "1 of 4 in this folder were left out" in artifacts[0].obstacle.detail
    artifacts = resolve_target(str(tmp_path), limits=Limits(folder_entries=5)).artifacts
    assert [artifact.path for artifact in artifacts] == ["a", "a/1", "b", "c", "d"]
    assert "1 of 2 in this folder were left out" in artifacts[0].obstacle.detail


def test_hundred_thousand_files_are_listed(tmp_path: Path) -> None:
    for folder in range(100):
        (tmp_path / str(folder)).mkdir()
        descriptor = os.open(tmp_path / str(folder), os.O_RDONLY)
        for number in range(1000):
            os.mknod(str(number), 0o600, dir_fd=descriptor)
        os.close(descriptor)
    assert len(resolve_target(str(tmp_path)).artifacts) == 100_000


def test_file_that_vanishes_after_listing_is_reported_as_unread(model: Path) -> None:
    [artifact] = resolve_target(str(model)).artifacts
    (model / "config.json").unlink()
    with pytest.raises(WindowError, match="since it was listed") as caught:
        read_artifact(artifact)
    assert caught.value.reason is UnreadReason.CHANGED


UNPRIVILEGED_PROGRAM = """
import json, sys
from modelaudit.model.errors import ModelAuditError, WindowError
from modelaudit.sources import resolve_target
from modelaudit.sources.target import note_local_readings
import modelaudit.sources.local, modelaudit.sources.cache
import os
unprivileged_id = 65534
os.setgroups([]); os.setgid(unprivileged_id); os.setuid(unprivileged_id)
try:
    artifacts = resolve_target(sys.argv[1]).artifacts
except ModelAuditError as error:
    print(json.dumps({"error": str(error), "exit": error.exit_code}))
else:
    print(json.dumps({each.path: each.obstacle and [each.obstacle.reason, each.obstacle.detail] for each in artifacts}))
"""


def resolve_unprivileged(target: Path) -> dict[str, object]:
    """Resolve ``target`` in a process without privileges, because root may read all.

    Returns:
        The obstacle of each path as (reason, detail), or ``None`` without one; or ``error`` and ``exit`` of an error.
    """
    command = [sys.executable, "-c", UNPRIVILEGED_PROGRAM, str(target)]
    process = subprocess.run(command, capture_output=True, text=True, check=True, cwd="/")
    return dict(json.loads(process.stdout))


@pytest.fixture
def world_readable_folder() -> Iterator[Path]:
    """Return a folder that other users may enter; they may not enter the folders of pytest."""
    if os.geteuid() != 0:
        pytest.skip("giving up privileges takes root")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        folder.chmod(0o755)
        yield folder


def test_unreadable_files_are_reported(world_readable_folder: Path) -> None:
    (world_readable_folder / "open").write_text("x")
    (world_readable_folder / "closed").write_text("x")
    (world_readable_folder / "closed").chmod(0o600)
    (world_readable_folder / "folder").mkdir(mode=0o700)
    (world_readable_folder / "into").symlink_to("folder/file")
    (world_readable_folder / "folder" / "file").touch()
    obstacles = resolve_unprivileged(world_readable_folder)
    assert obstacles["open"] is None
    assert obstacles["closed"] == ["unreadable", "permission to read the file is denied"]
    assert obstacles["folder"] == ["unreadable", "it cannot be listed: Permission denied"]
    assert obstacles["into"] == ["unreadable", "the link to 'folder/file' cannot be followed: Permission denied"]


def test_unreadable_target_folder_is_an_error_and_an_unreadable_target_file_is_an_unread_artifact(
    world_readable_folder: Path,
) -> None:
    (world_readable_folder / "folder").mkdir(mode=0o700)
    (world_readable_folder / "file").touch(mode=0o600)
    assert resolve_unprivileged(world_readable_folder / "folder") == {
        "error": f"The folder '{world_readable_folder}/folder' cannot be listed: Permission denied. Check its permissions.",
        "exit": 4,
    }
    assert resolve_unprivileged(world_readable_folder / "file") == {
        "file": ["unreadable", "permission to read the file is denied"]
    }
    missing = resolve_unprivileged(world_readable_folder / "folder" / "x")
    assert missing["exit"] == 4
    assert "Permission denied" in str(missing["error"])


@pytest.mark.parametrize(
    "target", ["./nothing", "/nothing/here", "../nothing", "a/b/c", "nothing/", "~/nothing", "/a\0b"]
)
def test_missing_path_is_an_error(target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceError, match=r"The file or folder .* does not exist") as caught:
        resolve_target(target)
    assert caught.value.exit_code == 4
    assert str(caught.value).isprintable()


def test_dangling_link_as_target_is_an_error(model: Path) -> None:
    (model / "gone").symlink_to("nothing")
    with pytest.raises(SourceError, match="link that cannot be followed: No such file or directory"):
        resolve_target(str(model / "gone"))


def test_target_that_is_both_local_path_and_repository_id_is_read_as_path_with_a_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("acme/tiny").mkdir(parents=True)
    for folder in ("gpt2", "models/tiny", "datasets/text"):
        Path(folder).mkdir(parents=True)
    for target in ("acme/tiny", "gpt2", "models/tiny", "datasets/text"):
        snapshot = resolve_target(target)
        assert snapshot.ref.kind is RefKind.FOLDER
        # A name alone is nearly always meant as a folder, and so is one below a folder models or datasets.
        is_like_an_id = target == "acme/tiny"
        assert bool([*note_local_readings([target])]) is is_like_an_id
        assert not [*note_local_readings([f"./{target}", f"{target}/none"])]


def test_revision_option_with_a_local_path_is_refused(model: Path) -> None:
    with pytest.raises(ConfigurationError, match="no revisions"):
        resolve_target(str(model), revision="main")


def test_local_target_does_not_import_the_hub_client(model: Path) -> None:
    code = "import sys, modelaudit.sources as s; s.resolve_target(sys.argv[1]); print('huggingface_hub' in sys.modules)"
    process = subprocess.run([sys.executable, "-c", code, str(model)], capture_output=True, text=True, check=True)
    assert process.stdout == "False\n"
