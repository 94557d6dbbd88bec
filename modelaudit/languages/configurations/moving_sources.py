"""Find code that tools fetch from the repositories of others and run, as far as no revision fixes its content.

pre-commit and workflows run hooks and actions at a commit; GitLab includes jobs, Compose builds images, and development
containers install features. The owner decides at each run what these places hold.

Sources: https://pre-commit.com/#pre-commit-configyaml---repos, the reference of ``jobs.<job_id>.steps[*].uses``,
https://docs.gitlab.com/ci/yaml/#includeremote, https://docs.docker.com/reference/compose-file/build/#context,
https://containers.dev/implementors/features/#referencing-a-feature.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from modelaudit.languages.configurations.python_names import build_outlines
from modelaudit.languages.settings import Interpreter, Setting
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention
from modelaudit.wire.base import Reading
from modelaudit.wire.moving_addresses import find_owner, is_branch, is_fixed
from modelaudit.wire.text import get_file_name

_PRE_COMMIT: Final = frozenset({".pre-commit-config.yaml", ".pre-commit-config.yml"})
_GITLAB: Final = frozenset({".gitlab-ci.yml", ".gitlab-ci.yaml"})
_COMPOSE: Final = defer_pattern(r"(?:docker-)?compose[\w.-]{0,60}\.ya?ml")
_DEVELOPMENT: Final = frozenset({"devcontainer.json", ".devcontainer.json"})
_ACTION: Final = defer_pattern(r"([\w.-]{1,100}/[\w.-]{1,100})(?:/[\w./-]{1,200})?@([\w./-]{1,200})")
_REPOSITORY: Final = defer_pattern(r"(?:https?|git|ssh)://\S+|git@\S+|github\.com/\S+")
_FEATURE: Final = defer_pattern(r"([\w-]+(?:\.[\w-]+)+(?::\d+)?/\S+?)(?:[:@]([\w.-]+(?::[0-9a-f]+)?))?")
_QUOTED: Final = 200


def read_moving_sources(path: str, settings: Sequence[Setting], limits: Limits) -> Iterator[Reading]:
    """Yield an outline of such places, each by its owner."""
    yield from build_outlines(_collect_sources(get_file_name(path), settings))


def _collect_sources(name: str, settings: Sequence[Setting]) -> Iterator[Mention]:
    """Yield a mention of the owner of each such place."""
    values = {setting.path: str(setting.value) for setting in settings} if name in _PRE_COMMIT else {}
    for setting in settings:
        value = str(setting.value).strip()
        if setting.key == "uses":
            yield from _mention_action(value, setting)
        elif name in _PRE_COMMIT and setting.key == "repo":
            if is_branch(values.get((*setting.path[:-1], "rev"), "")) and "://" in value:
                yield from mention_owner(value, value, setting)
        elif name in _GITLAB and setting.path[:1] == ("include",) and setting.key in ("include", "remote"):
            if value.startswith(("https://", "http://")):
                yield from mention_owner(value, value, setting)
        elif _COMPOSE.fullmatch(name) is not None and "build" in setting.path and setting.key in ("build", "context"):
            revision = value.partition("#")[2].partition(":")[0]
            if _REPOSITORY.fullmatch(value) and not is_fixed(revision):
                yield from mention_owner(value, value, setting)
        elif name in _DEVELOPMENT:
            yield from _mention_feature(setting)


def _mention_action(value: str, setting: Setting) -> Iterator[Mention]:
    """Yield a mention of the owner of an action of GitHub at a branch."""
    match = _ACTION.fullmatch(value)
    if match is not None and is_branch(match[2]):
        yield from mention_owner(f"https://github.com/{match[1]}", value, setting)


def _mention_feature(setting: Setting) -> Iterator[Mention]:
    """Yield a mention of the owner of a feature of a development container without a digest."""
    address = (*(setting.get_steps_below("features") or ()), "")[0]
    match = _FEATURE.fullmatch(address)
    if match is not None and not is_fixed(match[2] or ""):
        yield from mention_owner(f"{match[1]}/", address, setting)


def mention_owner(address: str, shown: str, setting: Setting) -> Iterator[Mention]:
    """Yield a mention of the owner of an address, with what the file writes as the detail."""
    owner = find_owner(f"{address}/")
    if owner:
        yield Mention("requirements", "moving", owner[:_QUOTED], setting.where, shown[:_QUOTED])


MOVING_SOURCES = Interpreter(
    frozenset({"uses", "build", "context"}), read_moving_sources, _PRE_COMMIT | _GITLAB | _DEVELOPMENT
)
