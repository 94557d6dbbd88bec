"""Where policies and decisions may lie: never at or below a target, because a hostile model would bring its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from modelaudit.model.errors import ConfigurationError
from modelaudit.model.policy import Policy
from modelaudit.policy.model_folders import find_model_file

POLICY_NAME: Final = "modelaudit.yaml"
REGISTER_NAME: Final = "decisions.yaml"


class FoundPolicy(Struct, frozen=True):
    """The result of the search for ``modelaudit.yaml``.

    Attributes:
        path: the file; ``None`` if none was found.
        notes: a line for each file of this name that was passed over.
    """

    path: Path | None
    notes: tuple[str, ...] = ()


def find_policy(start: Path, targets: Sequence[str]) -> FoundPolicy:
    """Search for ``modelaudit.yaml`` in ``start`` and then in each folder above it, up to the root.

    A file is passed over, with a note, if it lies at or below a target, or if it belongs to a user who is neither
    this one nor root nor the owner of ``start``: on a shared machine, anybody may write into ``/tmp``. One in a folder
    that holds a model is an error: it is that of the project or came with the model, and only the user knows.

    Args:
        start: the working directory.
        targets: as the user names them; those that are no path are ignored.

    Raises:
        ConfigurationError: the file cannot be read, such as a link that leads nowhere, or its folder holds a model.
    """
    folder = start.resolve()
    owners = _list_trusted_owners(folder)
    places = [each / POLICY_NAME for each in (folder, *folder.parents)]
    path, notes = _search(places, targets, "--policy", lambda path: _explain_passing_over(path, targets, owners))
    model_file = "" if path is None else find_model_file(path.parent, targets)
    if model_file:
        raise ConfigurationError(
            f"{path}: the search found this file in a folder with a model ({model_file!a}), which may have brought it; "
            f"if it is yours, name it: --policy {path}; if not, name another policy, such as --policy default"
        )
    return FoundPolicy(path, notes)


def _search(
    places: Iterable[Path],
    targets: Sequence[str],
    option: str,
    explain: Callable[[Path], str],
    describe: Callable[[Path], str] = str,
) -> tuple[Path | None, tuple[str, ...]]:
    """Return the first place with a file that may be used, and a note for each file that is passed over.

    Args:
        places: in the order of the search.
        targets: as the user names them.
        option: the option that names such a file.
        explain: returns why a file is passed over; empty if it is used.
        describe: returns the words of a note for a path.

    Raises:
        ConfigurationError: something that is not a readable file has the name.
    """
    notes = []
    for path in places:
        misnamed = path.with_suffix(".yml")
        if os.path.lexists(misnamed) and find_enclosing_target(misnamed, targets) is None:
            notes.append(f"{describe(misnamed)}: not used, because of its ending; rename it to {path.name}")
        if not os.path.lexists(path):
            continue
        reason = explain(path)
        if not reason:
            if not path.is_file():
                raise ConfigurationError(f"{path}: is not a file that can be read; replace it, or use {option}")
            return path, tuple(notes)
        notes.append(f"{describe(path)}: not used, because {reason}")
    return None, tuple(notes)


def _explain_passing_over(path: Path, targets: Sequence[str], owners: set[int]) -> str:
    """Return why the search passes over a policy, with the next step; empty if it does not."""
    target = find_enclosing_target(path, targets)
    if target is not None:
        return f"it lies in the target {target}; move it above the target, or scan the folder of the model alone"
    statuses = [path.lstat(), *([path.stat()] if path.exists() else [])]
    if not owners >= {status.st_uid for status in statuses}:
        return "it belongs to another user; to use it, name it with --policy"
    return ""


def find_register(policy_files: Sequence[Path], targets: Sequence[str]) -> tuple[Path | None, tuple[str, ...]]:
    """Search for ``decisions.yaml`` beside the policy file and in the working directory.

    A file is passed over as ``find_policy`` passes one over; one beside the policy lies in a folder that the user
    trusts. The notes name no folder, because reports show them.

    Args:
        policy_files: of the policy, the one that was named first.
        targets: as the user names them; those that are no path are ignored.

    Returns:
        The path, ``None`` if none was found, and a line for each file that was passed over.

    Raises:
        ConfigurationError: a register is there and cannot be read: without it, what it refuses would pass.
    """
    folders = dict.fromkeys([*(path.absolute().parent for path in policy_files[:1]), Path.cwd()])
    places = [folder / REGISTER_NAME for folder in folders]

    def explain(path: Path) -> str:
        return explain_unused_register(path, policy_files, targets)

    return _search(places, targets, "--decisions", explain, lambda path: path.name)


def explain_unused_register(path: Path, policy_files: Sequence[Path], targets: Sequence[str]) -> str:
    """Return why ``find_register`` passes over a register at ``path``, or would if there were one; else nothing."""
    target = find_enclosing_target(path, targets)
    if target is not None:
        return f"it lies in the target {target}, which could accept itself"
    statuses = [*([path.lstat()] if os.path.lexists(path) else []), *([path.stat()] if path.exists() else [])]
    if not _list_trusted_owners(path.parent) >= {status.st_uid for status in statuses}:
        return "it belongs to another user; to use it, name --decisions"
    is_beside_policy = any(path.absolute().parent == each.absolute().parent for each in policy_files[:1])
    model_file = "" if is_beside_policy else find_model_file(path.parent, targets)
    return f"its folder holds a model ({model_file!a}); to use it, name --decisions" if model_file else ""


def _list_trusted_owners(start: Path) -> set[int]:
    """List the owners of policies that are found and not named: this user, root, and the owner of ``start``.

    In a container, the checkout often belongs to another user than the one that runs. Windows has no such numbers.
    """
    own = {os.getuid()} if hasattr(os, "getuid") else set()
    return {0, start.stat().st_uid, *own}


def find_project_folder(path: Path) -> Path:
    """Return the base folder of paths in reports of a project.

    It is the nearest folder around ``path`` with a repository of git, because pipelines know files by their path
    there; else the working directory, if ``path`` lies in it; else the folder of ``path``.
    """
    folders = Path(os.path.abspath(path)).parents  # noqa: PTH100 - the method keeps the dots
    repository = next((folder for folder in folders if (folder / ".git").exists()), None)
    if repository is not None:
        return repository
    here = Path.cwd()
    return here if here in folders else folders[0]


def refuse_inside_target(path: Path, targets: Sequence[str], option: str) -> None:
    """Refuse a file that lies at or below a target.

    Args:
        path: the policy, the register of decisions, or the baseline.
        targets: as the user names them; those that are no path are ignored. Of a saved report, give the origin if
            ``report.target.kind`` is ``RefKind.FOLDER``.
        option: the option that names the file, such as ``--policy``, or the place: ``modelaudit.yaml:7``.

    Raises:
        ConfigurationError: it lies in a target.
    """
    target = find_enclosing_target(path, targets)
    if target is None:
        return
    folder = Path(target).absolute()
    raise ConfigurationError(
        f"{option}: {path} lies in the target {target}, and a model must not judge itself; "
        f"move the file out of it, for instance to {suggest_place(folder) / path.name}"
    )


def refuse_policy_inside_target(policy: Policy, target: str) -> None:
    """Refuse a policy if it, or a file that it extends, lies at or below a target. Raises ``ConfigurationError``."""
    for path in policy.files:
        refuse_inside_target(path, (target,), "--policy")


def find_enclosing_target(path: Path, targets: Sequence[str]) -> str | None:
    """Return the first target that is ``path`` or contains it, by its name or through links; ``None`` without one."""
    enclosing = [*_list_enclosing(path.absolute()), *_list_enclosing(path.resolve())]
    return next((target for target in targets if target and _is_any_of(Path(target), enclosing)), None)


def _list_enclosing(path: Path) -> Iterator[Path]:
    """Yield ``path`` and each folder around it, without the dots of its spelling."""
    normal = Path(os.path.normpath(path))
    yield from (normal, *normal.parents)


def _is_any_of(target: Path, paths: Sequence[Path]) -> bool:
    """Whether ``target`` exists and is one of ``paths``, in whatever spelling the file system allows."""
    try:
        wanted = target.stat()
    except (OSError, ValueError):
        return False
    return any(path.exists() and os.path.samestat(path.stat(), wanted) for path in paths)


def suggest_place(folder: Path) -> Path:
    """Return a folder outside of a target: the working directory, or the one above the target if that lies in it."""
    here = Path.cwd()
    return here if find_enclosing_target(here, [str(folder)]) is None else folder.parent
