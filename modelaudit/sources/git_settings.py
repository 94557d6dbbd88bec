"""Recognise ordinary settings below ``.git``: those that a clone has, and that let git run no other program.

A scan judges them like all settings. A tree digest leaves them out, because they differ between two clones of one
commit. Any other setting, such as a path of hooks, a filter or a command of ssh, is an entry of the tree.

Sources: https://git-scm.com/docs/git-config, and the hooks that ``git lfs install`` of Git LFS 2 and 3 writes.
"""

from __future__ import annotations

from typing import Final

from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.sources.git_layout import name_in_repository

MOST_BYTES: Final = 1 << 16
"""Larger settings are not ordinary."""

_SECTION: Final = defer_pattern(r'\[([A-Za-z]{1,30})( "[^"\\\n]{1,200}")?\]')
_SETTING: Final = defer_pattern(
    r'[ \t]*([A-Za-z][A-Za-z0-9-]{0,40})(?:[ \t]*=[ \t]*([^"\\\x00-\x08\x0b-\x1f]{0,500}))?'
)
# A remote helper, as in "ext::sh -c …", is a program. What begins with a hyphen, or has a host that does, is an option.
_ADDRESS: Final = defer_pattern(r"(?!-)(?!.*(?:::|[/@]-))[\w./~@:%+=,\[\]-]{1,500}")
_WORK_TREE: Final = defer_pattern(r"(?:\.\./){3,20}(?!.*\.\.)[\w.@/ -]{1,300}")
"""The folder of a submodule, from its repository ``.git/modules/NAME``."""
_PLAIN: Final = {
    "branch": "merge pushremote rebase remote",
    "core": "abbrev autocrlf bare bigfilethreshold commitgraph compression eol filemode hidedotfiles ignorecase"
    " logallrefupdates longpaths multipackindex precomposeunicode preloadindex protecthfs protectntfs quotepath"
    " repositoryformatversion safecrlf sparsecheckout sparsecheckoutcone symlinks untrackedcache",
    "extensions": "noop objectformat partialclone preciousobjects refstorage relativeworktrees worktreeconfig",
    "feature": "manyfiles",
    "fetch": "prune prunetags recursesubmodules writecommitgraph",
    "gc": "auto autodetach reflogexpire",
    "index": "skiphash sparse version",
    "lfs": "access locksverify repositoryformatversion",
    "maintenance": "auto strategy",
    "pull": "ff rebase",
    "push": "autosetupremote default",
    "remote": "fetch partialclonefilter promisor prune tagopt",
    "submodule": "active recurse",
    "user": "email name",
}
_PLAIN_NAMES: Final = frozenset(f"{section}.{name}" for section, names in _PLAIN.items() for name in names.split())
_ADDRESS_NAMES: Final = frozenset({"remote.url", "remote.pushurl", "submodule.url"})
# The brackets keep a word of verdicts out of the texts of this package.
_LARGE_FILES: Final = defer_pattern(
    r"(cl[e]an)=git-lfs \1 -- %f|smudge=git-lfs smudge (?:--skip )?-- %f|"
    r"process=git-lfs filter-process(?: --skip)?|required=true"
)
_HOOK: Final = defer_pattern(
    r"#!/bin/sh\n"
    r"command -v git-lfs >/dev/null 2>&1 \|\| \{ (?:echo|printf) >&2 "
    r"(?:\"(?:[\w\s.,:;'/()%-]|\\n){0,500}\" ?){1,2}; exit 2; \}\n"
    r"git lfs (post-checkout|post-commit|post-merge|pre-push) \"\$@\"\n?"
)


def is_ordinary_setting(name: str, data: bytes) -> bool:
    """Whether a file is the configuration, a hook of Git LFS, or the text of a commit, in its ordinary form.

    Args:
        name: path below the folder ``.git``.
        data: the whole file, of at most ``MOST_BYTES``.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    inner = name_in_repository(name)
    if inner in ("config", "config.worktree"):
        return _is_ordinary_configuration(text, is_submodule=inner != name)
    if inner in ("COMMIT_EDITMSG", "TAG_EDITMSG"):
        # A text for people; git reads it again only to offer it to them.
        return not text.startswith("#!") and all(each.isprintable() or each in "\n\t" for each in text)
    hook = _HOOK.fullmatch(text)
    return hook is not None and inner == f"hooks/{hook[1]}"


def _is_ordinary_configuration(text: str, *, is_submodule: bool) -> bool:
    """Whether every line of a configuration is a section, or a setting by which git runs no other program."""
    section, subsection = "", ""
    for line in text.split("\n"):
        if not line.strip():
            continue
        heading = _SECTION.fullmatch(line)
        if heading is not None:
            section, subsection = heading[1].lower(), (heading[2] or "").strip(' "')
            continue
        setting = _SETTING.fullmatch(line)
        if setting is None:
            return False
        name, value = setting[1].lower(), setting[2] or ""
        is_work_tree = is_submodule and f"{section}.{name}" == "core.worktree" and _WORK_TREE.fullmatch(value)
        if not (is_work_tree or _is_ordinary(section, subsection, name, value)):
            return False
    return True


def _is_ordinary(section: str, subsection: str, name: str, value: str) -> bool:
    """Whether git runs no other program by a setting, but Git LFS in its own form."""
    if section == "filter":
        return subsection == "lfs" and _LARGE_FILES.fullmatch(f"{name}={value}") is not None
    full_name = f"{section}.{name}"
    if full_name in _ADDRESS_NAMES:
        return _ADDRESS.fullmatch(value) is not None
    return full_name in _PLAIN_NAMES
