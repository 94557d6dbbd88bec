"""Find variables of the environment by which code has programs started, or libraries loaded, of another's choice.

``os.environ["PATH"] = folder`` has every program that a library starts later come from that folder, and
``os.environ[name] = value`` may set any such variable. A value that the source writes out shows what is started.

Sources: ``os.get_exec_path``, ``sys.breakpointhook``, ``webbrowser.register_standard_browsers``, ``man ld.so``,
``man environ``, ``git help git``, ``setuptools/_distutils/sysconfig.py``, ``torch/utils/cpp_extension.py``.
"""

from __future__ import annotations

from typing import Final

from modelaudit.languages.python import partial_texts
from modelaudit.languages.python.values import Constant, ExternalName, Value, collect_tags, list_alternatives
from modelaudit.model.lazy_pattern import defer_pattern

# Variables that name a command with its arguments, each with the programs that it ordinarily names.
_COMMANDS: Final = {
    "BROWSER": frozenset({"chrome", "firefox", "google-chrome", "chromium", "open", "xdg-open", "w3m", "lynx"}),
    **dict.fromkeys(("PAGER", "GIT_PAGER", "MANPAGER"), frozenset({"less", "more", "cat"})),
    **dict.fromkeys(
        ("EDITOR", "VISUAL", "GIT_EDITOR", "GIT_SEQUENCE_EDITOR"),
        frozenset({"vi", "vim", "nvim", "nano", "emacs", "code", "true", ":"}),
    ),
    **dict.fromkeys(("GIT_SSH_COMMAND", "GIT_SSH", "GIT_PROXY_COMMAND"), frozenset({"ssh"})),
    "GIT_EXTERNAL_DIFF": frozenset({"diff"}),
    **dict.fromkeys(("GIT_ASKPASS", "SSH_ASKPASS", "SUDO_ASKPASS"), frozenset({"echo", "true"})),
    "PYTHONBREAKPOINT": frozenset({"0", "pdb.set_trace", "ipdb.set_trace", "pudb.set_trace", "IPython.embed"}),
}
# Variables that name a single program or library, or a file of settings that names one.
_PROGRAMS: Final = frozenset(
    {"CC", "CXX", "CPP", "CUDACXX", "NVCC", "LDSHARED", "AR", "LD", "SHELL", "COMSPEC", "PYTHONSTARTUP", "BASH_ENV",
     "ENV", "LD_PRELOAD", "LD_AUDIT", "DYLD_INSERT_LIBRARIES", "GIT_PYTHON_GIT_EXECUTABLE", "GIT_CONFIG_GLOBAL",
     "GIT_CONFIG_SYSTEM", "GIT_CONFIG", "IMAGEIO_FFMPEG_EXE", "FFMPEG_BINARY", "IMAGEMAGICK_BINARY",
     "TRITON_PTXAS_PATH", "PHONEMIZER_ESPEAK_LIBRARY", "PHONEMIZER_ESPEAK_PATH", "NODE_OPTIONS", "PERL5OPT",
     "RUBYOPT", "JAVA_TOOL_OPTIONS"}
)  # fmt: skip
# Variables that list the folders in which programs, libraries or modules are looked for.
_FOLDERS: Final = frozenset(
    {"PATH", "PATHEXT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FRAMEWORK_PATH", "PYTHONPATH", "PYTHONHOME",
     "PYTHONUSERBASE", "GIT_EXEC_PATH", "GIT_TEMPLATE_DIR", "PERL5LIB", "RUBYLIB", "NODE_PATH", "CUDA_HOME",
     "CUDA_PATH"}
)  # fmt: skip
_NAMES: Final = frozenset(_COMMANDS) | _PROGRAMS | _FOLDERS
# Functions that find a known program on the machine.
_FINDERS: Final = frozenset(
    {
        "shutil.which",
        "distutils.spawn.find_executable",
        "imageio_ffmpeg.get_ffmpeg_exe",
        "static_ffmpeg.run.get_or_fetch",
    }
)
# A switch, a number or a name: what the variables hold that name no program.
_SWITCH: Final = defer_pattern(r"[\w.,:=+-]{0,64}")
_UNKNOWN_NAME: Final = partial_texts.UNKNOWN_PART


def find_open_program(variable: str, value: Value) -> str:
    """Return what a variable gets, if that decides which programs start and the source does not show it.

    Args:
        variable: its name; ``…`` if the source computes it.
        value: the new value, or what is known of all values that the source sets.
    """
    if variable == _UNKNOWN_NAME:
        is_shown = all(map(_is_switch, list_alternatives(value)))
        return "" if is_shown else partial_texts.write_text(value)
    if variable not in _NAMES:
        return ""
    for each in list_alternatives(value):
        text = partial_texts.write_text(each)
        if isinstance(each, Constant) and not each.is_open:
            if _names_command(variable, text):
                return text
        elif not _shows_program(variable, each, text):
            return text
    return ""


def _is_switch(value: Value) -> bool:
    """Whether a value is written out, and no command, path or address."""
    if not isinstance(value, Constant) or value.is_open:
        return False
    return not isinstance(value.value, str) or _SWITCH.fullmatch(value.value) is not None


def _names_command(variable: str, text: str) -> bool:
    """Whether a written value of a variable is a command of the author: with arguments, or a function of Python."""
    ordinary = _COMMANDS.get(variable)
    words = text.split()
    is_function = variable == "PYTHONBREAKPOINT" and bool(words)
    return ordinary is not None and (len(words) > 1 or is_function) and words[0].rpartition("/")[2] not in ordinary


def _shows_program(variable: str, value: Value, text: str) -> bool:
    """Whether a value that is not constant still shows what is started: known folders, or a program of the machine."""
    if "installed" in collect_tags(value):
        return True
    is_found = isinstance(value, ExternalName) and value.is_result and value.name in _FINDERS
    return (is_found and variable in _PROGRAMS) or partial_texts.UNKNOWN_PART not in text
