"""List the files from whose addresses a tool fetches packages, and tell those addresses from descriptions.

In a lock file or manifest of one table, each address is a source unless it only describes a package. Files of the other
table have further addresses, and there only those behind certain keys are sources.

Sources: the documentation of each tool, such as https://doc.rust-lang.org/cargo/reference/specifying-dependencies.html,
https://getcomposer.org/doc/05-repositories.md, https://pre-commit.com, https://helm.sh/docs/topics/charts and
https://docs.gitlab.com/ci/yaml/includes.
"""

from __future__ import annotations

import re
from typing import Final

from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.wire.base import Head
from modelaudit.wire.text import get_file_name

_EVERY_ADDRESS: Final = defer_pattern(
    r"(?:uv|poetry|pdm|pixi|yarn|bun|cargo|gemfile|pipfile|renv|composer|flake|pubspec|podfile|devbox|mix)\.lock"
    r"|pylock(?:\.[^.]+)?\.toml|(?:package-lock|npm-shrinkwrap)\.json|pnpm-lock\.ya?ml|(?:.+\.)?conda-lock\.ya?ml"
    r"|manifest(?:-v[\d.]+)?\.toml|project\.toml|composer\.json|deno\.(?:jsonc?|lock)|import_map\.json"
    r"|(?:gradle|maven)-wrapper\.properties|(?:nuget|packages)\.config|packages\.lock\.json|\.bazel(?:isk)?rc"
    r"|(?:module|workspace)(?:\.bazel)?|flake\.nix|package\.(?:swift|resolved)|pubspec\.yaml|conanfile\.txt"
    r"|vcpkg(?:-configuration)?\.json|bower\.json|gemfile|podfile|cartfile(?:\.resolved)?|\.?mise\.toml"
    r"|(?:settings|build)\.gradle(?:\.kts)?|devbox\.json|go\.mod"
)
# ``replace a => host/b v1`` of Go, which fetches from the host by HTTPS.
_GO_REPLACEMENT: Final = defer_pattern(r"(=>[ \t]+)(?=[\w-]+(?:\.[\w-]+)+/)")
# The head of an explicit list of conda, which any name may have.
_EXPLICIT_LIST: Final = defer_pattern(rb"^@EXPLICIT[ \t\r]*$", re.MULTILINE)
# By the path of the file, in lower case: what precedes an address in its line if the tool fetches from there.
_KEYS_BY_PATH: Final = tuple(
    (defer_pattern(rf"(?:.*/)?(?:{path})"), defer_pattern(key))
    for path, key in (
        (r"cargo\.toml|\.cargo/config(?:\.toml)?", r"\b(?:git|registry|index|url)\b[\"']?\s*=\s*[\"']?\Z"),
        (r"\.pre-commit-config\.ya?ml", r"\brepo:\s*[\"']?\Z"),
        (r"\.gitlab-ci\.ya?ml", r"(?:\bremote:|\binclude:|^\s*-)\s*[\"']?\Z"),
        (r"taskfile\.(?:dist\.)?ya?ml", r"^\s*[a-z][a-z\d_.-]*:\s*[\"']?\Z"),
        (r"\.?lefthook(?:-local)?\.ya?ml", r"\b(?:git_url|remote):\s*[\"']?\Z"),
        (
            r"(?:docker-)?compose[\w.-]*\.ya?ml",
            r"^\s*(?:-\s+)?(?:(?:path|context|dockerfile|include):\s*)?[\"']?\Z",
        ),
        (
            r"(?:chart|requirements|helmfile|galaxy)\.(?:ya?ml|lock)",
            r"\b(?:repository|url|source|name|src):\s*[\"']?\Z",
        ),
        (r"kustomization\.ya?ml", r"^\s*-\s+[\"']?\Z"),
        (r"[^/]+\.tf", r"\bsource\s*=\s*\"(?:\w+::)?\Z"),
        (r"\.?devcontainer(?:/.*)?\.json", r"^\s*[\"']\Z|\bfeatures\b[^\n]*[\"']\Z"),
        (r"\.github/workflows/[^/]+\.ya?ml", r"\buses:\s*[\"']?\Z"),
        (r"(?:packages|dependencies)\.ya?ml", r"\b(?:git|tarball|package):\s*[\"']?\Z"),
    )
)
# Terraform applies a module, and Helm a chart, as it is at that time; a revision is a part of the address.
_RUN_BY_TOOL: Final = defer_pattern(r"(?:.*/)?(?:[^/]+\.tf|(?:chart|helmfile)\.ya?ml)")
# ``source = "github.com/owner/module"`` of Terraform, which fetches from there by git.
_TERRAFORM_FORGE: Final = defer_pattern(r"(\bsource\s*=\s*\")(?=(?:github|bitbucket)\.[a-z]{2,3}/)")
# In these files, a repository of a known forge is the rule, and its revision is stated beside it.
_KNOWN_FORGE: Final = defer_pattern(
    r"(?:https|ssh)://(?:www\.)?(?:github\.com|gitlab\.com|bitbucket\.org)/", re.IGNORECASE
)


def lists_sources(head: Head) -> bool:
    """Whether a tool fetches packages from addresses in a file of this name or with this start."""
    name = get_file_name(head.path)
    is_named = _EVERY_ADDRESS.fullmatch(name) is not None or find_source_key(head.path) is not None
    return is_named or _EXPLICIT_LIST.search(head.data) is not None


def find_source_key(path: str) -> re.Pattern[str] | None:
    """Return the pattern of what precedes a source in its line; ``None`` if each address of the file is a source."""
    lowered = path.replace("\\", "/").lower()
    return next((key for names, key in _KEYS_BY_PATH if names.fullmatch(lowered)), None)


def write_addresses(path: str, text: str) -> str:
    """Return the text of a file with addresses in place of the names that a tool turns into addresses."""
    if path.lower().endswith(".tf"):
        return _TERRAFORM_FORGE.sub(r"\1https://", text)
    return _GO_REPLACEMENT.sub(r"\1https://", text) if get_file_name(path) == "go.mod" else text


def runs_sources(path: str) -> bool:
    """Whether a tool runs, with the rights of its user, what it fetches from the addresses of a file."""
    return _RUN_BY_TOOL.fullmatch(path.replace("\\", "/").lower()) is not None


def is_expected_forge(address: str) -> bool:
    """Whether an address behind such a key is that of a repository on a known forge."""
    return _KNOWN_FORGE.match(address) is not None
