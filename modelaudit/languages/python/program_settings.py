"""Settings of libraries that name a program or a native library, and values that name a file of the author's choice.

``matplotlib.rcParams["animation.ffmpeg_path"] = "tools/render"`` has Matplotlib run that file in the place of ffmpeg. A
path into the system, or a name without a folder, is the ordinary use: ``/usr/bin/ffmpeg``.

Sources: ``matplotlib/rcsetup.py``, ``pytesseract/pytesseract.py``, ``pydub/audio_segment.py``, ``moviepy/config.py``,
``imageio_ffmpeg/_utils.py``, ``git/cmd.py`` of GitPython, ``nltk/internals.py``, ``phonemizer/backend/espeak``,
``torch/utils/cpp_extension.py``, ``triton/knobs.py``, ``sys.executable``, ``git help git`` and ``man environ``.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from typing import Final

from modelaudit.languages.python import partial_texts
from modelaudit.languages.python.values import Constant, Unknown, Value, list_alternatives
from modelaudit.model.lazy_pattern import defer_pattern

SETTING_NAME: Final = "(setting that names a program)"
"""The name of an assignment that has a library run, or load into its process, a file of the author's choice."""

# The setting, by its name without the package's inner modules, with the programs that it ordinarily names.
_FFMPEG: Final = frozenset({"ffmpeg", "ffprobe", "ffplay", "avconv"})
_MAGICK: Final = frozenset({"convert", "magick"})
_PROGRAMS: Final = {
    "matplotlib.rcParams[animation.ffmpeg_path]": _FFMPEG,
    "matplotlib.rcParams[animation.avconv_path]": _FFMPEG,
    "matplotlib.rcParams[animation.mencoder_path]": frozenset({"mencoder"}),
    "matplotlib.rcParams[animation.convert_path]": _MAGICK,
    "pytesseract.pytesseract.tesseract_cmd": frozenset({"tesseract"}),
    "pytesseract.tesseract_cmd": frozenset({"tesseract"}),
    "pydub.AudioSegment.converter": _FFMPEG,
    "pydub.AudioSegment.ffmpeg": _FFMPEG,
    "pydub.AudioSegment.ffprobe": _FFMPEG,
    "moviepy.config.FFMPEG_BINARY": _FFMPEG,
    "moviepy.config.IMAGEMAGICK_BINARY": _MAGICK,
    "moviepy.config.change_settings[FFMPEG_BINARY]": _FFMPEG,
    "moviepy.config.change_settings[IMAGEMAGICK_BINARY]": _MAGICK,
    "git.Git.GIT_PYTHON_GIT_EXECUTABLE": frozenset({"git"}),
    "git.cmd.Git.GIT_PYTHON_GIT_EXECUTABLE": frozenset({"git"}),
    "nltk.internals._java_bin": frozenset({"java"}),
    "torch.utils.cpp_extension.CUDA_HOME": frozenset({"cuda"}),
    "torch._inductor.config.cpp.cxx": frozenset({"g++", "clang++"}),
    "PIL.EpsImagePlugin.gs_binary": frozenset({"gs", "gswin32c", "gswin64c"}),
    "sys.executable": frozenset({"python", "python3"}),
    "sys._base_executable": frozenset({"python", "python3"}),
    "os.environ[IMAGEIO_FFMPEG_EXE]": _FFMPEG,
    "os.environ[FFMPEG_BINARY]": _FFMPEG,
    "os.environ[IMAGEMAGICK_BINARY]": _MAGICK,
    "os.environ[GIT_PYTHON_GIT_EXECUTABLE]": frozenset({"git"}),
    "os.environ[GIT_SSH]": frozenset({"ssh"}),
    "os.environ[GIT_SSH_COMMAND]": frozenset({"ssh"}),
    "os.environ[GIT_ASKPASS]": frozenset({"echo", "true"}),
    "os.environ[GIT_EXTERNAL_DIFF]": frozenset({"diff"}),
    "os.environ[GIT_EXEC_PATH]": frozenset({"git-core"}),
    "os.environ[GIT_TEMPLATE_DIR]": frozenset({"templates"}),
    "os.environ[GIT_CONFIG_GLOBAL]": frozenset({".gitconfig", "null"}),
    "os.environ[TRITON_PTXAS_PATH]": frozenset({"ptxas"}),
    "os.environ[CC]": frozenset({"gcc", "cc", "clang", "icx"}),
    "os.environ[CXX]": frozenset({"g++", "c++", "clang++", "icpx"}),
    "os.environ[CUDACXX]": frozenset({"nvcc"}),
    "os.environ[BROWSER]": frozenset({"chrome", "firefox"}),
    "os.environ[PAGER]": frozenset({"less", "more", "cat"}),
    "os.environ[EDITOR]": frozenset({"vi", "vim", "nano", "emacs"}),
    "os.environ[PHONEMIZER_ESPEAK_LIBRARY]": frozenset({"libespeak-ng.dll", "libespeak-ng.so", "libespeak-ng.so.1"}),
    "os.environ[PHONEMIZER_ESPEAK_PATH]": frozenset({"espeak", "espeak-ng"}),
    "os.environ[LD_PRELOAD]": frozenset(),
    "os.environ[LD_AUDIT]": frozenset(),
    "os.environ[DYLD_INSERT_LIBRARIES]": frozenset(),
    "os.environ[PYTHONSTARTUP]": frozenset(),
    "os.environ[BASH_ENV]": frozenset(),
    "os.environ[PERL5OPT]": frozenset(),
}  # fmt: skip
# Calls whose first argument is the program or the library.
_SETTERS: Final = {
    "git.refresh": frozenset({"git"}),
    "git.cmd.Git.refresh": frozenset({"git"}),
    "nltk.internals.config_java": frozenset({"java"}),
    "phonemizer.backend.espeak.wrapper.EspeakWrapper.set_library": frozenset({"libespeak-ng.dll", "libespeak-ng.so"}),
    "phonemizer.backend.EspeakBackend.set_library": frozenset({"libespeak-ng.dll", "libespeak-ng.so"}),
    "clang.cindex.Config.set_library_file": frozenset({"libclang.so", "libclang.dll", "libclang.dylib"}),
}
_SETTER_KEYWORDS: Final = ("path", "bin", "library", "filename")
# Mappings of settings under each of their names, and functions that set them by groups: ``rc("animation", …)``.
_MAPPINGS: Final = {
    "matplotlib.rcParams": "matplotlib.rcParams",
    "matplotlib.pyplot.rcParams": "matplotlib.rcParams",
    "matplotlib.rcParamsDefault": "matplotlib.rcParams",
    "moviepy.config.change_settings": "moviepy.config.change_settings",
}
_GROUPED: Final = {"matplotlib.rc": "matplotlib.rcParams", "matplotlib.pyplot.rc": "matplotlib.rcParams"}
_MAPPING_METHODS: Final = frozenset({"update", "setdefault", "__setitem__", "__ior__", "_set"})
_SYSTEM_PATH: Final = defer_pattern(r"(?:/(?!tmp/|var/tmp/|dev/shm/)|[A-Za-z]:[\\/])")
_OWN_PATH: Final = defer_pattern(r"(?:[\w.+-]+|…|~)?(?:[/\\][\w .+…-]+)+")


def find_mapping(name: str) -> str:
    """Return the mapping of settings that a name, or one of its methods, refers to; empty for any other name."""
    owner, _, method = name.rpartition(".")
    return _MAPPINGS.get(name) or (_MAPPINGS.get(owner, "") if method in _MAPPING_METHODS else "")


def find_group(name: str) -> str:
    """Return the mapping that a function changes, as ``matplotlib.rc`` does; empty for any other function."""
    return _GROUPED.get(name, "")


def find_setter_value(name: str, args: Sequence[Value], keywords: Mapping[str, Value]) -> Value | None:
    """Return the program that a call of a setter names; ``None`` for any other call."""
    if name not in _SETTERS:
        return None
    return args[0] if args else next((keywords[each] for each in _SETTER_KEYWORDS if each in keywords), None)


def find_open_program(setting: str, value: Value) -> str:
    """Return ``…`` if a setting of a library names a program, and the source shows nothing of the program."""
    if setting not in _PROGRAMS and setting not in _SETTERS:
        return ""
    is_open = any(isinstance(each, Unknown) and not each.text for each in list_alternatives(value))
    is_variable = setting.startswith("os.environ")  # see ``program_variables``
    return partial_texts.UNKNOWN_PART if is_open and not is_variable else ""


def find_own_program(setting: str, value: Value) -> str:
    """Return the path that a setting or a setter of this name gets, if it names a file of the author's choice.

    Empty for settings that name no program, for a program of the system, and for a name without a folder. An unknown
    folder before the ordinary name of the program counts as one of the system.
    """
    ordinary = _PROGRAMS.get(setting, _SETTERS.get(setting))
    if ordinary is None:
        return ""
    # A variable may hold a command with options.
    # The last of several programs that a library tries: ``(None, "g++")``.
    last = Constant(value.value[-1]) if isinstance(value, Constant) and isinstance(value.value, tuple) else value
    path = next(iter(partial_texts.write_text(last).split()), "")
    if _SYSTEM_PATH.match(path) or _OWN_PATH.fullmatch(path) is None:
        return ""
    name = posixpath.basename(path.replace("\\", "/")).removesuffix(".exe")
    is_elsewhere = path.startswith((partial_texts.UNKNOWN_PART, "~"))
    return "" if name == partial_texts.UNKNOWN_PART or (is_elsewhere and name in ordinary) else path
