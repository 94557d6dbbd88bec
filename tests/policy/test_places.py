"""The search for ``modelaudit.yaml``, and the refusal of policies at or below a target."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from support.cases import check_each

from modelaudit.model.errors import ConfigurationError
from modelaudit.policy.places import (
    find_enclosing_target,
    find_policy,
    find_project_folder,
    find_register,
    refuse_inside_target,
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project with a policy, and with a model that brings a policy of its own."""
    (tmp_path / "project/models/hostile/deep").mkdir(parents=True)
    for folder in ("project", "project/models/hostile", "project/models/hostile/deep"):
        (tmp_path / folder / "modelaudit.yaml").write_text("extends: default\n")
    return tmp_path / "project"


def test_policy_is_found_from_the_working_directory_upwards(project: Path) -> None:
    assert find_policy(project / "models", []).path == project / "modelaudit.yaml"
    assert find_policy(project, []).path == project / "modelaudit.yaml"
    assert find_policy(project / "models/hostile", []).path == project / "models/hostile/modelaudit.yaml"


@pytest.mark.parametrize("start", ["models/hostile", "models/hostile/deep"])
def test_policy_in_a_target_is_passed_over_and_named_and_the_search_goes_on_above(project: Path, start: str) -> None:
    found = find_policy(project / start, ["org/other", str(project / "models/hostile")])
    assert found.path == project / "modelaudit.yaml"
    assert len(found.notes) == start.count("/")
    assert all("not used, because it lies in the target" in note and "\n" not in note for note in found.notes)


def test_policy_is_passed_over_where_the_target_is_named_through_a_link_or_a_relative_path(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "link").symlink_to("models/hostile")
    assert find_policy(project / "link", [str(project / "link")]).path == project / "modelaudit.yaml"
    assert find_policy(project / "models/hostile", [str(project / "link")]).path == project / "modelaudit.yaml"
    monkeypatch.chdir(project / "models/hostile/deep")
    assert find_policy(Path.cwd(), [".."]).path == project / "modelaudit.yaml"
    assert find_policy(Path.cwd(), ["../../.."]).path is None


def test_policy_of_another_user_is_passed_over_unless_the_working_directory_is_theirs(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = os.getuid() + 1
    real_stat = os.stat_result

    def give_away(path: Path, *names: str) -> None:
        """Let the named files and folders belong to the stranger."""
        original = Path.stat

        def stat(self: Path, *, follow_symlinks: bool = True) -> os.stat_result:
            result = original(self, follow_symlinks=follow_symlinks)
            if self.name in names:
                result = real_stat((*result[:4], stranger, *result[5:10]))
            return result

        monkeypatch.setattr(Path, "stat", stat)
        monkeypatch.setattr(Path, "lstat", lambda self: stat(self, follow_symlinks=False))

    monkeypatch.setattr(os, "getuid", lambda: stranger - 1)
    give_away(project, "modelaudit.yaml")
    found = find_policy(project, [])
    assert found.path is None
    assert "belongs to another user" in found.notes[0]
    monkeypatch.undo()
    give_away(project, "modelaudit.yaml", "project")
    assert find_policy(project, []).path == project / "modelaudit.yaml"


def test_policy_that_cannot_be_read_is_an_error_and_one_with_a_wrong_ending_is_named(project: Path) -> None:
    policy = project / "modelaudit.yaml"
    policy.rename(project / "modelaudit.yml")
    found = find_policy(project, [])
    assert found.path is None
    assert found.notes == (f"{project}/modelaudit.yml: not used, because of its ending; rename it to modelaudit.yaml",)
    policy.symlink_to("nowhere.yaml")
    with pytest.raises(ConfigurationError, match=r"modelaudit\.yaml: is not a file that can be read"):
        find_policy(project, [])
    assert find_policy(project, [str(project)]).path is None, "a hostile model cannot stop its own scan"
    policy.unlink()
    policy.mkdir()
    with pytest.raises(ConfigurationError, match=r"modelaudit\.yaml: is not a file that can be read"):
        find_policy(project, [])


def test_file_in_a_target_is_refused_with_the_place_to_move_it_to(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    with pytest.raises(ConfigurationError) as caught:
        refuse_inside_target(Path("models/hostile/modelaudit.yaml"), ["models/hostile"], "--policy")
    assert caught.value.exit_code == 2
    assert str(caught.value) == (
        "--policy: models/hostile/modelaudit.yaml lies in the target models/hostile, and a model must not judge itself; "
        f"move the file out of it, for instance to {project}/modelaudit.yaml"
    )
    refuse_inside_target(Path("modelaudit.yaml"), ["models/hostile", "org/model", "nul\0byte", ""], "--policy")
    monkeypatch.chdir(project / "models/hostile")
    with pytest.raises(ConfigurationError, match=r"for instance to .*/models/decisions.yaml$"):
        refuse_inside_target(Path("decisions.yaml"), ["."], "--decisions")


def test_file_lies_in_a_target_by_its_name_or_by_the_place_to_which_a_link_leads(project: Path) -> None:
    hostile = project / "models/hostile"
    (project / "to-hostile.yaml").symlink_to(hostile / "modelaudit.yaml")
    (hostile / "to-project.yaml").symlink_to(project / "modelaudit.yaml")
    for path in (project / "to-hostile.yaml", hostile / "to-project.yaml", project / "models/x/../hostile/new.yaml"):
        assert find_enclosing_target(path, [str(hostile)]) == str(hostile), path
    assert find_enclosing_target(project / "modelaudit.yaml", [str(hostile)]) is None
    assert find_enclosing_target(hostile / "modelaudit.yaml", [str(hostile / "modelaudit.yaml")]) is not None
    # A file as a target covers itself alone, not its neighbours.
    (project / "model.pkl").touch()
    assert find_enclosing_target(project / "modelaudit.yaml", [str(project / "model.pkl")]) is None


def test_paths_of_a_project_are_relative_to_its_repository_or_else_to_the_working_directory(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = project / "models/modelaudit.yaml"
    monkeypatch.chdir(project)
    assert find_project_folder(policy) == project
    monkeypatch.chdir(project / "models/hostile")
    assert find_project_folder(policy) == project / "models"
    (project / ".git").mkdir()
    assert find_project_folder(policy) == project


@check_each(
    "name, text, is_model",
    [
        ("weights.PKL", "", True),
        ("model-00001-of-00002.safetensors", "", True),
        ("config.json", '{"hidden_size": 8, "model_type": "llama"}', True),
        ("README.md", "---\r\nlicense: mit\r\nlibrary_name: transformers\r\n---\r\n# Tiny\r\n", True),
        ("README.md", "---\nlicense: mit\nlayout: page\n---\nbase_model: of ours\n", False),
        ("README.md", "# Project\n\npipeline_tag: text\n", False),
        ("config.json", '{"port": 80}', False),
        ("train.py", "", False),
    ],
)
def test_policy_beside_the_files_of_a_model_is_an_error_and_a_register_is_passed_over_with_a_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str, is_model: bool
) -> None:
    folder = Path(tempfile.mkdtemp(dir=tmp_path))
    for each in (tmp_path, folder):
        (each / "modelaudit.yaml").touch()
        (each / "decisions.yaml").touch()
    (folder / name).write_text(text)
    monkeypatch.chdir(folder)
    register, notes = find_register([], ["model.pkl"])
    if not is_model:
        policy = find_policy(folder, ["model.pkl"])
        assert (policy.path, policy.notes, register, notes) == (
            folder / "modelaudit.yaml",
            (),
            folder / "decisions.yaml",
            (),
        )
        return
    # A policy decides the whole scan, and another can be named; a register that is left out accepts nothing.
    with pytest.raises(ConfigurationError) as caught:
        find_policy(folder, ["model.pkl"])
    assert f"in a folder with a model ({name!r}), which may have brought it; if it is yours, " in str(caught.value)
    assert register is None
    assert [f"not used, because its folder holds a model ({name!r})" in note for note in notes] == [True]
    # A policy that the user names makes its folder one that the user trusts.
    assert find_register([folder / "modelaudit.yaml"], ["model.pkl"]) == (folder / "decisions.yaml", ())


def test_register_that_cannot_be_read_is_an_error_and_one_with_a_wrong_ending_is_named(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    (project / "decisions.yml").touch()
    wrong_ending = "decisions.yml: not used, because of its ending; rename it to decisions.yaml"
    assert find_register([], []) == (None, (wrong_ending,))
    register = project / "decisions.yaml"
    register.symlink_to("nowhere.yaml")
    with pytest.raises(ConfigurationError, match=r"decisions\.yaml: is not a file that can be read"):
        find_register([], [])
    assert find_register([], [str(project)])[0] is None, "a hostile model cannot stop its own scan"
    register.unlink()
    register.mkdir()
    with pytest.raises(ConfigurationError, match=r"decisions\.yaml: is not a file that can be read"):
        find_register([], [])
