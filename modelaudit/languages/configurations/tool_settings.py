"""Find the programs that tools run because of one setting: its value is a program, or names the file of one.

One table lists the settings, and how the tool takes their values. A value that is as a whole a Python program which
fetches and runs something counts under any key.

Sources: ``ultralytics/data/utils.py`` (``check_det_dataset``), ``ultralytics/nn/tasks.py`` (``parse_model``); the
documentation of MkDocs, mypy, Pylint, pixi, Cog, pre-commit, Node, Visual Studio Code, GitHub and Kedro;
``mmengine/config/config.py`` and ``detectron2/config/config.py`` (``_base_``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum, auto
from typing import Final

from msgspec import Struct

from modelaudit.languages.code_text import find_python_calls
from modelaudit.languages.configurations.commands import COMMAND_MARKS, is_prose_key
from modelaudit.languages.configurations.python_names import (
    FORMAT,
    build_outlines,
    is_dotted_name,
    make_python_mention,
)
from modelaudit.languages.configurations.started_commands import STARTED_PROGRAMS
from modelaudit.languages.python import uses
from modelaudit.languages.run_files import ANY, PYTHON, SHELL
from modelaudit.languages.settings import Interpreter, Setting, TextMarks
from modelaudit.model.copies import replace
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import Limits
from modelaudit.model.outline import RUN_FILE, TOOL, Mention, Outline, Reference, ReferenceKind, References
from modelaudit.model.structure import Unread, UnreadReason
from modelaudit.wire.base import LimitReachedError, Reading
from modelaudit.wire.bounds import keep_first


class _Effect(Enum):
    """The way in which a tool takes a value."""

    PYTHON_TEXT = auto()
    """Python runs the value."""
    PYTHON_FILE = auto()
    SHELL_FILE = auto()
    ANY_FILE = auto()
    """The value names files that Python, a shell or another program runs."""
    TOOL = auto()
    """The value names the program that an editor starts in the place of a tool."""
    DATASET_CLASS = auto()
    """The value names a class that Kedro imports."""
    BASE = auto()
    """The value names a file that is loaded and merged."""
    SEARCH = auto()
    """The value names a folder whose configurations Hydra merges, and whose classes it then makes."""
    WEIGHTS = auto()
    """The value names a file of weights."""


class _ToolSetting(Struct, frozen=True):
    """Settings that one tool takes in one way.

    Attributes:
        files: ends of the paths of its files, in lower case, behind a ``/``; empty for any file.
        steps: the last steps of the key path, without indices of lists.
        is_top: whether the path has no other step.
    """

    effect: _Effect
    files: tuple[str, ...]
    steps: tuple[str, ...]
    is_top: bool = False


_MKDOCS: Final = ("/mkdocs.yml", "/mkdocs.yaml")
_MYPY: Final = ("/mypy.ini", "/.mypy.ini", "/setup.cfg", "/pyproject.toml")
_PIXI: Final = ("/pixi.toml", "/pyproject.toml")
_ACTION: Final = ("/action.yml", "/action.yaml")
_CATALOG: Final = defer_pattern(r"/(?:[^/]*catalog[^/]*\.ya?ml|catalog/.*\.ya?ml)\Z")
_SETTINGS: Final = (
    _ToolSetting(_Effect.PYTHON_TEXT, (), ("download",), is_top=True),
    _ToolSetting(_Effect.PYTHON_TEXT, (), ("activation",), is_top=True),
    _ToolSetting(_Effect.PYTHON_TEXT, (), ("init-hook",)),
    _ToolSetting(_Effect.PYTHON_TEXT, (), ("init_hook",)),
    _ToolSetting(_Effect.PYTHON_TEXT, (), ("exec_lines",)),
    _ToolSetting(_Effect.PYTHON_TEXT, (), ("code_to_run",)),
    # Components that hold their source: a tool of AutoGen, one of smolagents, and a node of Langflow.
    _ToolSetting(_Effect.PYTHON_TEXT, (), ("config", "source_code")),
    _ToolSetting(_Effect.PYTHON_TEXT, (), ("tools", "code")),
    _ToolSetting(_Effect.PYTHON_TEXT, (), ("template", "code", "value")),
    # The script that Accelerate starts.
    _ToolSetting(_Effect.PYTHON_FILE, (), ("main_training_script",)),
    # The definitions of Dagster.
    _ToolSetting(_Effect.PYTHON_FILE, (), ("load_from", "python_file")),
    _ToolSetting(_Effect.PYTHON_FILE, (), ("python_file", "relative_path")),
    _ToolSetting(_Effect.PYTHON_FILE, _MKDOCS, ("hooks",)),
    _ToolSetting(_Effect.PYTHON_FILE, _MKDOCS, ("scripts",)),
    _ToolSetting(_Effect.PYTHON_FILE, _MYPY, ("mypy", "plugins")),
    _ToolSetting(_Effect.PYTHON_FILE, ("/cog.yaml", "/cog.yml"), ("predict",)),
    _ToolSetting(_Effect.PYTHON_FILE, ("/cog.yaml", "/cog.yml"), ("train",)),
    _ToolSetting(_Effect.SHELL_FILE, _PIXI, ("activation", "scripts")),
    _ToolSetting(_Effect.ANY_FILE, ("/.pre-commit-config.yaml", "/.pre-commit-hooks.yaml"), ("entry",)),
    _ToolSetting(_Effect.ANY_FILE, ("/package.json",), ("main",)),
    _ToolSetting(_Effect.ANY_FILE, ("/package.json",), ("module",)),
    _ToolSetting(_Effect.ANY_FILE, ("/package.json",), ("bin",)),
    _ToolSetting(_Effect.ANY_FILE, _ACTION, ("main",)),
    _ToolSetting(_Effect.ANY_FILE, _ACTION, ("pre",)),
    _ToolSetting(_Effect.ANY_FILE, _ACTION, ("post",)),
    _ToolSetting(_Effect.ANY_FILE, ("/.vscode/launch.json",), ("program",)),
    *(
        _ToolSetting(_Effect.TOOL, ("/.vscode/settings.json", ".code-workspace"), (key,))
        for key in (
            *("git.path", "python.defaultInterpreterPath", "python.pythonPath", "python.interpreterPath", "ruff.path"),
            *("python.condaPath", "python.poetryPath", "eslint.runtime", "go.alternateTools", "clangd.path"),
            *("black-formatter.path", "mypy-type-checker.path", "typescript.tsdk", "rust-analyzer.server.path"),
            "cmake.cmakePath",
        )
    ),
    _ToolSetting(_Effect.SEARCH, (), ("hydra", "searchpath")),
    _ToolSetting(_Effect.BASE, (), ("_base_",)),
    _ToolSetting(_Effect.BASE, (), ("_BASE_",)),
    *(_ToolSetting(_Effect.WEIGHTS, (), (key,)) for key in ("WEIGHTS", "load_from", "resume_from", "init_checkpoint")),
)
_SETTINGS_BY_STEP: Final = {
    step: tuple(row for row in _SETTINGS if row.steps[-1] == step) for step in {row.steps[-1] for row in _SETTINGS}
}
_KEYS: Final = frozenset(
    {"download", "activation", "init-hook", "init_hook", "exec_lines", "code_to_run", "_base_", "_BASE_", "WEIGHTS",
     "load_from", "resume_from", "init_checkpoint", "source_code", "authorized_imports", "template", "python_file",
     "main_training_script",
     "searchpath"}
)  # fmt: skip
_NAMES: Final = frozenset(
    file.rpartition("/")[2] for setting in _SETTINGS for file in setting.files if file.rpartition("/")[2] != "setup.cfg"
) | {"agent.json"}  # of smolagents
_FILE_KINDS: Final = {_Effect.PYTHON_FILE: PYTHON, _Effect.SHELL_FILE: SHELL, _Effect.ANY_FILE: ANY, _Effect.TOOL: TOOL}
_FOLDER_VARIABLE: Final = defer_pattern(r"\$\{workspace(?:Folder|Root)(?::[^}]*)?\}/?")
_WORD: Final = defer_pattern(r"[^\s,:;\"'\[\]]{1,300}")
_WEB: Final = defer_pattern(r"https?://\S+", re.IGNORECASE)
_FOLDER_ELSEWHERE: Final = defer_pattern(r"(?:file://)?(?:/|~|\.\.)|https?://", re.IGNORECASE)
_PICKLE_ON_WEB: Final = defer_pattern(
    r"https?://\S+\.(?:pkl|pickle|pth|pt|ckpt|bin|joblib|dill)(?:[?#]\S*)?", re.IGNORECASE
)
# A Python program, and not an address, a command of a shell or a path; the marks keep most values from the parser.
_PROGRAM: Final = defer_pattern(r"\bimport\b|\w\s*\(")
# INI keeps the quotes around a value, which the tool removes.
_QUOTED: Final = defer_pattern(r"\A([\"'])(.*)\1\Z", re.DOTALL)
_INLINE_SHELL: Final = defer_pattern(r"\s*((?:bash|sh)\s+-\w*c)\b")
# Modules that a tool may have imported where it runs the value, such as ``torch`` where YOLO evaluates an activation.
_PREAMBLE: Final = "import os, subprocess, sys, torch\nimport torch.nn as nn\n"
_NOT_PROGRAM: Final = defer_pattern(r"\s*(?:https?://|bash |sh )")
_RUNNING_CALL: Final = defer_pattern(
    r"(?:os|posix|nt)\.(?:system|popen|exec\w*|spawn\w*|posix_spawn\w*)|(?:subprocess|pty|runpy|commands)\.\w+"
    r"|builtins\.(?:exec|eval|compile|__import__)|(?:\w+\.){1,20}(?:system|popen|Popen|check_output|getoutput)"
)
# Kedro looks for a class in its own packages first, such as ``pandas.CSVDataset`` in ``kedro_datasets``.
_KEDRO_PACKAGES: Final = frozenset(
    {"api", "biosequence", "conda", "dask", "databricks", "email", "geopandas", "holoviews", "huggingface", "ibis",
     "io", "json", "kedro", "kedro_datasets", "kedro_datasets_experimental", "langchain", "langfuse", "matlab",
     "matplotlib", "mlrun", "networkx", "opik", "openxml", "pandas", "partitions", "pickle", "pillow", "plotly",
     "polars", "pypdf", "pytorch", "rioxarray", "redis", "safetensors", "snowflake", "spark", "spark_delta", "svmlight",
     "tensorflow", "text", "tracking", "video", "xarray", "yaml", "kedro_mlflow", "chromadb", "darts", "prophet"}
)  # fmt: skip
# A program of Python that fetches, or decodes what it evaluates.
_DECODED_TEXT: Final = r"\s{0,9}\([^\n]{0,300}?(?:b64decode|fromhex|unhexlify|decompress|urlopen|marshal|codecs)"
_PROGRAM_MARKS: Final = TextMarks(
    (
        ("exec", defer_pattern(rf"exec(?<=\bexec){_DECODED_TEXT}")),
        ("eval", defer_pattern(rf"eval(?<=\beval){_DECODED_TEXT}")),
        *COMMAND_MARKS.patterns,
    )
)
# A tool, a pipe or a filter of Open WebUI, which its server runs: a program with a class of one of these names.
_SERVED_COMPONENT: Final = defer_pattern(r"class (?:Tools|Pipe|Pipeline|Filter|Action)\b")
_KEDRO_MARK: Final = defer_pattern(r"type(?<=\btype)[\"']?[ \t]{0,9}:[ \t]{0,9}[\"']?\w{1,100}\.\w")
_MARKS: Final = TextMarks((("class ", _SERVED_COMPONENT), ("type", _KEDRO_MARK), *_PROGRAM_MARKS.patterns))
_MAX_REFERENCES: Final = 2_000
_MAX_PROGRAMS: Final = 500
_MAX_MENTIONS: Final = 20_000


def read_tool_settings(path: str, settings: Sequence[Setting], limits: Limits) -> Iterator[Reading]:
    """Yield the uses of names in programs that are values, and references to files that tools run or load."""
    place = "/" + path.replace("\\", "/").lower()
    programs: dict[tuple[str, ...], list[Setting]] = {}
    run_files: list[Reference] = []
    loaded_files: list[Reference] = []
    for setting in settings:
        if not isinstance(setting.value, str) or not setting.value:
            continue
        for effect in _list_effects(place, setting):
            if effect is _Effect.PYTHON_TEXT:
                programs.setdefault(_get_list_path(setting), []).append(setting)
            elif effect in _FILE_KINDS:
                run_files += (
                    Reference(ReferenceKind.CODE, word, _FILE_KINDS[effect], where=setting.where)
                    for word in _WORD.findall(_FOLDER_VARIABLE.sub("", setting.value))
                )
            else:
                loaded_files += _refer_to_web(effect, setting)
        if _is_running_program(setting) or _is_served_component(setting):
            programs.setdefault(_get_list_path(setting), []).append(setting)
    yield from _analyze_programs(programs.values())
    yield from build_outlines(_mention_folders_elsewhere(place, settings))
    for format_name, references in ((RUN_FILE, run_files), (FORMAT, loaded_files)):
        kept, absences = keep_first(dict.fromkeys(references), _MAX_REFERENCES, "files that tools run or load")
        if kept:
            yield References(format_name, kept)
        yield from absences
    if _CATALOG.search(place):
        yield from build_outlines(_mention_data_sets(settings))


def _is_served_component(setting: Setting) -> bool:
    """Whether the value is the source of a component that Open WebUI imports."""
    return setting.key == "content" and _SERVED_COMPONENT.search(str(setting.value)) is not None


def _get_list_path(setting: Setting) -> tuple[str, ...]:
    """Return the path of the list that holds the value, or that of the value itself."""
    return setting.path[:-1] if setting.path and setting.path[-1].isdigit() else setting.path


def _list_effects(place: str, setting: Setting) -> Iterator[_Effect]:
    """Yield each way in which a tool takes the setting of the file at ``place``.

    The step that the table names may be above others: ``bin`` of Node may be a value or a table of values.
    """
    for index, step in enumerate(setting.path):
        for row in _SETTINGS_BY_STEP.get(step, ()):
            # Sections of INI join their names: ``tool.mypy``.
            above = ".".join(each for each in setting.path[:index] if not each.isdigit())
            is_below = not row.steps[:-1] or f".{above}".endswith("." + ".".join(row.steps[:-1]))
            is_place = not row.files or place.endswith(row.files)
            if is_below and is_place and not (row.is_top and above):
                yield row.effect


def _refer_to_web(effect: _Effect, setting: Setting) -> Iterator[Reference]:
    """Yield a reference if a setting names a base, or weights that are a pickle, by a web address."""
    value = str(setting.value).strip()
    if effect is _Effect.BASE and _WEB.fullmatch(value):
        yield Reference(ReferenceKind.CODE, value[:1000], setting.key, where=setting.where)
    elif effect is _Effect.WEIGHTS and _PICKLE_ON_WEB.fullmatch(value):
        yield Reference(ReferenceKind.MODEL, value[:1000], setting.key, where=setting.where)


def _mention_folders_elsewhere(place: str, settings: Sequence[Setting]) -> Iterator[Mention]:
    """Yield the folders outside of the model from which Hydra takes further configurations."""
    for setting in settings:
        value = str(setting.value).strip()
        if _FOLDER_ELSEWHERE.match(value) and _Effect.SEARCH in _list_effects(place, setting):
            yield Mention("switches", "search-path", value[:200], setting.where)


def _is_running_program(setting: Setting) -> bool:
    """Whether a value is as a whole a Python program that calls what runs commands, with a command that fetches."""
    value = str(setting.value)
    if is_prose_key(setting.key) or _PROGRAM.search(value) is None or not _PROGRAM_MARKS.search(value):
        return False
    try:
        return any(map(_RUNNING_CALL.fullmatch, find_python_calls(value)))
    except LimitReachedError:
        return True


def _analyze_programs(programs: Iterable[list[Setting]]) -> Iterator[Reading]:
    """Yield the uses of names in each program; several values of one key are its lines.

    The tool runs the program when it needs the value. Its calls therefore count as calls in a function.
    """
    from modelaudit.languages.python.analysis import analyze_source

    distinct: dict[Mention, None] = {}
    shell_programs: list[Mention] = []
    reached_bound = False
    for count, values in enumerate(programs):
        if count >= _MAX_PROGRAMS:
            detail = f"only the first {_MAX_PROGRAMS} programs in the values were analysed"
            yield Unread(UnreadReason.LIMIT, detail)
            break
        text = "\n".join(_QUOTED.sub(r"\2", str(setting.value).strip()) for setting in dict.fromkeys(values))
        inline_shell = _INLINE_SHELL.match(text)
        if inline_shell is not None:
            shell_programs.append(Mention(STARTED_PROGRAMS, "command", inline_shell[1], values[0].where, text[:200]))
        # Python calls behind any bracket: ``(f)(1)``.
        if _NOT_PROGRAM.match(text) or ("(" not in text and _PROGRAM.search(text) is None):
            continue
        analysis = analyze_source(_PREAMBLE + text, is_imported=False)
        reached_bound = reached_bound or bool(analysis.bounds)
        for mention in analysis.mentions:
            is_own = (mention.where.line or 0) > _PREAMBLE.count("\n")
            if is_own and mention.use != uses.IMPORT:
                distinct[replace(mention, where=values[0].where)] = None
    mentions, absences = keep_first(distinct, _MAX_MENTIONS, "uses of names in programs")
    if mentions:
        yield Outline("python", mentions)
    yield from absences
    yield from build_outlines(shell_programs)
    if reached_bound:
        yield Unread(UnreadReason.LIMIT, "a program in a value was not analysed as a whole")


def _mention_data_sets(settings: Iterable[Setting]) -> Iterator[Mention]:
    """Yield a mention of each class of data sets that Kedro imports from elsewhere than its own packages."""
    for setting in settings:
        value = setting.value
        if setting.key == "type" and is_dotted_name(value) and str(value).partition(".")[0] not in _KEDRO_PACKAGES:
            yield make_python_mention("target", str(value), setting)


TOOL_SETTINGS = Interpreter(_KEYS, read_tool_settings, _NAMES, marks=_MARKS)
