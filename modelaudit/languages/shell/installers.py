"""Collect the addresses and package indexes from which a script installs packages, or fetches code that it runs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from modelaudit.languages.manifests import is_expected_forge
from modelaudit.languages.shell.command import Command
from modelaudit.languages.shell.index_settings import collect_index_settings, judge_index
from modelaudit.languages.shell.program_names import EVALUATORS, INTERPRETERS, RUNNERS, normalize_program_name
from modelaudit.model.copies import replace
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.outline import Mention
from modelaudit.wire.requirement_lines import collect_requirement_mentions

# Each runs the code of what it fetches, to build it or to list what it needs.
_PIP_COMMANDS: Final = frozenset({"install", "download", "wheel"})
_INDEX_OPTIONS: Final = frozenset({"-i", "--index-url", "--extra-index-url"})
_PIP: Final = frozenset({"pip", "pip2", "pip3", "pipx"})
# Other package managers, with the words that install or run a package; with none, the program always does.
_NODE_INSTALLATION: Final = frozenset({"install", "i", "in", "add", "exec", "x", "dlx", "ci", "link", "create", "init"})
_INSTALLING_WORDS: Final = {
    "npm": _NODE_INSTALLATION, "pnpm": _NODE_INSTALLATION, "yarn": _NODE_INSTALLATION, "bun": _NODE_INSTALLATION,
    "npx": frozenset[str](), "bunx": frozenset[str](), "pnpx": frozenset[str](),
    "gem": frozenset({"install", "update"}), "bundle": frozenset({"add", "install", "config"}),
    "cargo": frozenset({"install", "add"}), "deno": frozenset({"run", "install"}),
    "uv": frozenset({"add", "install", "run", "sync"}), "poetry": frozenset({"add"}), "pdm": frozenset({"add"}),
    "conda": frozenset({"install", "create", "env"}), "mamba": frozenset({"install", "create", "env"}),
    "micromamba": frozenset({"install", "create", "env"}), "pixi": frozenset({"add", "install", "global"}),
    "composer": frozenset({"require", "config"}), "luarocks": frozenset({"install"}),
    "apt": frozenset({"install"}), "apt-get": frozenset({"install"}), "dnf": frozenset({"install"}),
    "yum": frozenset({"install", "localinstall"}), "rpm": frozenset({"-i", "-U", "-ivh", "-Uvh"}),
    "apk": frozenset({"add"}), "snap": frozenset({"install"}), "brew": frozenset({"install", "tap"}),
    "pacman": frozenset({"-U"}), "zypper": frozenset({"install", "in", "addrepo", "ar"}),
    "flatpak": frozenset({"install", "remote-add"}), "yum-config-manager": frozenset({"--add-repo"}),
    "add-apt-repository": frozenset(), "apt-add-repository": frozenset(),
    # Programs that fetch code and run it, or install what they fetch on a cluster.
    "go": frozenset({"run", "install", "get"}), "nix": frozenset({"run", "shell", "build", "develop", "profile"}),
    "nix-env": frozenset(), "nix-shell": frozenset(), "dotnet": frozenset({"tool", "add"}),
    "ansible-pull": frozenset(),
    "ansible-playbook": frozenset(), "ansible-galaxy": frozenset({"install"}), "terraform": frozenset({"init"}),
    "kubectl": frozenset({"apply", "create", "replace"}), "oc": frozenset({"apply", "create", "replace"}),
    "helm": frozenset({"install", "upgrade", "template", "repo", "pull"}), "vagrant": frozenset({"init", "box"}),
    "docker": frozenset({"build", "compose", "plugin"}), "podman": frozenset({"build"}),
    "docker-compose": frozenset(), "gh": frozenset({"extension"}),
    "jupyter": frozenset({"labextension", "nbextension"}), "code": frozenset({"--install-extension"}),
}  # fmt: skip
_NODE_RUNNERS: Final = frozenset({"npx", "bunx", "pnpx"})
_REPOSITORY: Final = defer_pattern(r"git@[\w.-]+:|(?:github|gitlab|bitbucket|gist):")
# ``go run host/module@version``, and the archives of packages that Ubuntu's users publish.
_GO_MODULE: Final = defer_pattern(r"[\w-]+(?:\.[\w-]+)+/\S+")
_PERSONAL_ARCHIVE: Final = defer_pattern(r"ppa:[\w.+-]+/[\w.+-]+")
# Inline programs of Julia and R that install a package from an address, or from an index.
_INLINE_INSTALLATIONS: Final = (
    ("", defer_pattern(r"Pkg\.(?:add|develop)\([^)]{0,200}?url\s*=\s*[\"']([^\"']{1,300})")),
    ("", defer_pattern(r"install_(?:url|git)\(\s*[\"']([^\"']{1,300})")),
    ("https://github.com/", defer_pattern(r"install_github\(\s*[\"']([\w.-]{1,100}/[^\"']{1,200})")),
    ("--index-url ", defer_pattern(r"install\.packages\([^)]{0,300}?repos\s*=\s*[\"']([^\"']{1,300})")),
)
_BUILDERS: Final = frozenset(
    {"make", "gmake", "cmake", "ninja", "meson", "bazel", "cargo", "go", "npm", "yarn", "pnpm", "pip", "pip3", "uv",
     "poetry", "docker-compose", "just", "mvn", "gradle", "ant", "scons"}
)  # fmt: skip
_INLINE_PROGRAMS: Final = frozenset({"julia", "Rscript", "R", "r", "littler"})
_MAX_PROGRAM_LENGTH: Final = 100_000
_REQUIREMENTS: Final = "requirements"
_SHORT_REPOSITORY: Final = defer_pattern(r"(github|gitlab):([\w.-]+/[\w./#-]+)")
# Installers that take ``owner/name`` for a repository of GitHub, with a third part for a formula.
_GITHUB_INSTALLERS: Final = frozenset({"npm", "pnpm", "yarn", "bun", "npx", "bunx", "pnpx", "brew", "gh"})
_GITHUB_NAME: Final = defer_pattern(r"\w[\w.-]*/[\w.-]+(?:/[\w.-]+)?(?:#\S*)?")
_CLONING_WORDS: Final = {"git": "clone", "hg": "clone", "svn": "checkout", "fossil": "clone", "gh": "repo"}
# git-clone(1), git(1), hg and svn checkout.
_CLONE_OPTIONS_WITH_VALUE: Final = frozenset(
    {"-C", "-c", "-b", "--branch", "--depth", "-o", "--origin", "-u", "--upload-pack", "--reference", "-j", "--jobs",
     "--separate-git-dir", "--filter", "--shallow-since", "--shallow-exclude", "--config", "--template", "-r",
     "--revision", "--username", "--password", "--git-dir", "--work-tree", "--server-option"}
)  # fmt: skip
# Programs that install a downloaded file, each with the subcommands that install; without any, it always installs.
_CONTENT_INSTALLERS: Final = {
    **dict.fromkeys(("dpkg", "rpm", "apk", "pacman", "installer", "msiexec", "patch"), frozenset[str]()),
    **dict.fromkeys(
        (
            "apt",
            "apt-get",
            "dnf",
            "yum",
            "zypper",
            "pip",
            "pip3",
            "uv",
            "gem",
            "npm",
            "snap",
            "flatpak",
            "conda",
            "mamba",
        ),
        frozenset({"install", "add", "localinstall", "pip"}),
    ),
    **dict.fromkeys(("kubectl", "oc", "helm"), frozenset({"apply", "create", "replace", "install", "upgrade"})),
    **dict.fromkeys(("docker", "podman"), frozenset({"load", "import", "build"})),
    "git": frozenset({"apply", "am"}),
}
_MOST_FOLDERS_OF_PATH: Final = 20
_MAX_LEADING_WORDS: Final = 7
_OPTIONS_WITH_VALUE: Final = frozenset(
    {"-i", "-f", "-e", "--index-url", "--extra-index-url", "--find-links", "--editable", "--trusted-host", "--index",
     "--default-index", "--from", "-r", "-c"}
)  # fmt: skip
# Options of uv, under their names in requirements files; ``--from`` is followed by a requirement.
_SPELLINGS: Final = {"--index": "--index-url", "--default-index": "--index-url", "--from": ""}


def _collect_addresses(words: list[str]) -> Iterator[Mention]:
    """Yield a mention for each address from which another package manager than pip installs, or runs, a package."""
    name = normalize_program_name(words[0])
    subcommands = _INSTALLING_WORDS[name]
    if subcommands and subcommands.isdisjoint(words[1:]):
        return
    for before, word in pairwise(words):
        # ``--git=https://host/x``, and ``git@host:x`` of npm
        address = word.partition("=")[2] if word.startswith("-") else word
        if name == "go" and _GO_MODULE.fullmatch(address):
            address = f"https://{address}"
        elif _PERSONAL_ARCHIVE.fullmatch(address):
            yield Mention(_REQUIREMENTS, "signed-index", address)
        repository = _SHORT_REPOSITORY.fullmatch(address)
        if repository is not None:
            address = f"https://{repository[1]}.com/{repository[2]}"
        elif name in _GITHUB_INSTALLERS and not before.startswith("-") and _GITHUB_NAME.fullmatch(address):
            owner, repository_name = address.split("/")[:2]
            # Homebrew finds the tap ``owner/name`` in a repository with a prefix.
            address = f"https://github.com/{owner}/{'homebrew-' if name == 'brew' else ''}{repository_name}"
        address = address.replace("oci://", "https://", 1)
        if "$" not in address and ("://" in address or _REPOSITORY.match(address)):
            for mention in collect_requirement_mentions(address.replace("git@", "git+ssh://git@", 1)):
                is_address = mention.use in ("address", "archive")
                is_run = is_address and _runs_package(name, words) and not is_expected_forge(address)
                run = replace(mention, use="run-address", name=mention.detail or mention.name, detail="")
                yield run if is_run else mention


def _runs_package(name: str, words: list[str]) -> bool:
    """Whether a package manager of Node runs the package that it fetches, as ``npx`` does."""
    return name in _NODE_RUNNERS or (name in ("npm", "pnpm", "yarn", "bun") and words[1] in ("exec", "x", "dlx"))


def _collect_inline_installations(program: str) -> Iterator[Mention]:
    """Yield a mention for each address or index from which a program of Julia or R installs a package."""
    for option, pattern in _INLINE_INSTALLATIONS:
        for match in pattern.finditer(program):
            yield from collect_requirement_mentions(f"{option}{match[1]}")


def _find_installer(words: list[str]) -> int | None:
    """Return the index of pip, uvx or the like among the first words of a command, or behind ``python … -m``."""
    for index, word in enumerate(words[:_MAX_LEADING_WORDS]):
        if normalize_program_name(word) in _PIP or word == "uvx":
            return index
    if words and normalize_program_name(words[0]) in INTERPRETERS and "-m" in words[:-1]:
        index = words.index("-m") + 1
        return index if normalize_program_name(words[index]) in _PIP else None
    return None


def _list_first_arguments(arguments: list[str]) -> list[str]:
    """List the arguments among which the command of pip is: the first ones, with all options in front of it."""
    pairs = pairwise(("", *arguments))
    is_behind = (not word.startswith("-") and not before.startswith("-") for before, word in pairs)
    first_operand = next((index for index, is_operand in enumerate(is_behind) if is_operand), 0)
    return arguments[: max(_MAX_LEADING_WORDS, first_operand + 1)]


def collect_requirements(words: list[str]) -> Iterator[Mention]:
    """Yield a mention for each address or foreign index in the words of a command, if it calls an installer.

    The arguments are judged as lines of a requirements file, so that both places have the same rules.
    """
    if words and normalize_program_name(words[0]) in _INSTALLING_WORDS:
        yield from _collect_addresses(words)
        return
    if words and words[0].rpartition("/")[2] in _INLINE_PROGRAMS:
        yield from _collect_inline_installations(" ".join(words[1:])[:_MAX_PROGRAM_LENGTH])
        return
    # The installer may follow other words: ``sudo python -m pip install …``.
    installer_index = _find_installer(words)
    if installer_index is None:
        return
    arguments_given = words[installer_index + 1 :]
    # Options of pip can precede its command: ``pip --proxy address install name``.
    runs_package = words[installer_index] == "pipx" and arguments_given[:1] == ["run"]
    takes_requirements = words[installer_index] == "uvx" or runs_package
    if not takes_requirements and _PIP_COMMANDS.isdisjoint(_list_first_arguments(arguments_given)):
        return
    arguments = iter(arguments_given)
    for word in arguments:
        option, _, value = word.partition("=")
        if word in _OPTIONS_WITH_VALUE:
            value = next(arguments, "")
        option = _SPELLINGS.get(option, option)
        if "$" in value:
            yield from judge_index("--index-url", value) if option in _INDEX_OPTIONS else ()
        elif word in _OPTIONS_WITH_VALUE:
            yield from collect_requirement_mentions(f"{option} {value}".strip())
        elif "$" not in word and word not in (".", "install", "run"):
            yield from collect_requirement_mentions(word)


def collect_sources(command: Command, words: list[str]) -> Iterator[Mention]:
    """Yield a mention for each source of packages that a command takes them from, or sets for later commands.

    Args:
        command: as it is written.
        words: its words without wrappers such as ``sudo``.
    """
    yield from collect_requirements(words)
    yield from collect_index_settings(command, words)


def _drop_options(arguments: list[str], options_with_value: frozenset[str]) -> list[str]:
    """Return the arguments without options, and without the values of those that take one as a word of its own."""
    pairs = pairwise(("", *arguments))
    return [word for before, word in pairs if not word.startswith("-") and before not in options_with_value]


def installs_content(words: list[str]) -> bool:
    """Whether a command installs a package, an image or the objects of a cluster, or changes files by a patch."""
    name = normalize_program_name(words[0]) if words else ""
    needed = _CONTENT_INSTALLERS.get(name)
    return needed is not None and (not needed or not needed.isdisjoint(words[1:4]))


class CloneTracker:
    """The repositories that a script clones, until it builds or runs something in one of their folders."""

    def __init__(self) -> None:
        self._addresses: dict[str, str] = {}  # by folder
        self._entered_address = ""

    def follow_command(self, words: list[str]) -> Iterator[Mention]:
        """Yield a mention of the address of a cloned repository if the command builds or runs something of it."""
        name = normalize_program_name(words[0]) if words else ""
        arguments = _drop_options(words[1:], _CLONE_OPTIONS_WITH_VALUE if name in _CLONING_WORDS else frozenset())
        if name == "gh" and arguments[:2] == ["repo", "clone"] and len(arguments) > 2:
            arguments = ["repo", f"https://github.com/{arguments[2]}", *arguments[3:]]
        is_clone = _CLONING_WORDS.get(name, "") in arguments[:1] and len(arguments) > 1
        if is_clone and "$" not in arguments[1]:
            folder = arguments[2] if len(arguments) > 2 else arguments[1].rstrip("/").rpartition("/")[2]
            self._addresses[folder.removesuffix(".git").strip("./").rpartition("/")[2]] = arguments[1]
            return
        # A path may lead through the folder: ``x/run.sh``, ``/tmp/x``.
        folders = [part for word in (*words[:1], *arguments) for part in word.split("/")[:_MOST_FOLDERS_OF_PATH]]
        named_address = next((self._addresses[folder] for folder in folders if folder in self._addresses), "")
        if name in ("cd", "pushd"):
            self._entered_address = named_address or self._entered_address
            return
        is_runner = name in RUNNERS or name in EVALUATORS
        runs_code = name in _BUILDERS or words[:1] != [name] or (is_runner and bool(arguments))
        address = named_address or self._entered_address
        if address and runs_code:
            self._entered_address = ""
            self._addresses = {folder: each for folder, each in self._addresses.items() if each != address}
            # What is cloned is not installed by an installer, so that the scheme counts less.
            yield from collect_requirement_mentions(f"https://{address.partition('://')[2]}")
