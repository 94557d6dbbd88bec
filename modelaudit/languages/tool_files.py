"""Report text that a tool runs because of its name: build files, desktop files, editor settings and the like.

One table names the files, the tool, and the pattern without which the tool runs nothing from the file. No reader
analyses these languages, so that each such file leaves an absence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Final

from msgspec import Struct

from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention, Outline
from modelaudit.model.structure import Location, Unread, UnreadReason
from modelaudit.wire.base import Reader, Reading
from modelaudit.wire.text import get_file_name, looks_like_text
from modelaudit.wire.windows import iterate_chunks

_MOST_SHOWN: Final = 1 << 20  # bytes of a file that a desktop reads
_MOST_ADDRESSES: Final = 5
_OVERLAP: Final = 4096  # of two chunks, longer than a match of the patterns below
_ANYTHING: Final = r"\S"
_ANY_NAME: Final = ("",)
# Documents and programs show such files, and no tool takes them for one.
_DOCUMENTATION: Final = (".md", ".markdown", ".mdx", ".rst", ".html", ".htm", ".py", ".ipynb", ".json", ".jsonl")


class _ToolFile(Struct, frozen=True):
    """Files that one tool runs.

    Attributes:
        tool: what runs them, as the absence states it.
        names: ends of their paths, in lower case.
        pattern: what a file contains if the tool runs anything from it, of at most 4000 characters.
        needs: bytes in lower case that every match has, whatever its case; the search for them is ten times faster.
        but_names: ends of the paths of files that the tool does not run.
    """

    tool: str
    names: tuple[str, ...]
    pattern: re.Pattern[bytes]
    needs: bytes = b""
    but_names: tuple[str, ...] = ()


def _declare(
    tool: str,
    names: tuple[str, ...],
    pattern: str = _ANYTHING,
    needs: bytes = b"",
    but_names: tuple[str, ...] = (),
) -> _ToolFile:
    """Return a row of the table; the pattern ignores case."""
    return _ToolFile(tool, names, defer_pattern(pattern.encode(), re.IGNORECASE | re.MULTILINE), needs, but_names)


_TOOL_FILES: Final = (
    _declare(
        "Bazel, Tilt or gclient runs it",
        ("/build", "/build.bazel", "/workspace", "/tiltfile", "/deps"),
        r"\w\s*\(|=\s*[\[{]",
    ),
    _declare(
        "PyInstaller or rpmbuild runs it",
        (".spec",),
        r"\bAnalysis\s*\(|^%(?:prep|build|install|post|pre)\b|\b(?:import|exec)\b",
    ),
    _declare(
        "Ruby tools run it",
        ("/vagrantfile", "/rakefile", "/gemfile", ".gemspec", ".rake", "/podfile", "/fastfile", "/brewfile"),
    ),
    _declare("Snakemake runs it", ("/snakefile", ".smk")),
    _declare("Nextflow or a workflow engine runs it", (".nf", ".wdl", ".cwl")),
    _declare("a literate notebook runs its cells", (".qmd", ".rmd", ".rnw"), r"```+\s*\{|^<<"),
    _declare(
        "MyST or Jupytext runs its cells",
        (".md", ".markdown", ".myst"),
        r"(?:(?<!`)`{3,}+|(?<!~)~{3,}+|(?<!:):{3,}+)\s*+\{code-cell\}",
    ),
    _declare(
        "MSBuild runs its targets",
        (".csproj", ".vbproj", ".fsproj", ".vcxproj", ".proj", ".targets", ".props"),
        r"<(?:\w+:)?(?:Exec|UsingTask|PreBuildEvent|PostBuildEvent|DownloadFile|Analyzer|\w+Tool(?:Path|Exe))\b",
    ),
    _declare(
        "Ant runs its targets",
        (".xml",),
        r"<(?:\w+:)?(?:exec|script|java|apply|sshexec|scriptdef)\b[^>]{0,300}\b(?:executable|language"
        r"|classname|command)\s*=",
    ),
    _declare("Maven runs its plug-ins", ("/pom.xml", ".pom"), r"<plugin>|<extension>"),
    _declare(
        "an editor of JetBrains runs it",
        (".xml", ".iml", ".run"),
        r"SCRIPT_TEXT|SCRIPT_PATH|ShConfigurationType|ToolBeforeRunTask|INTERPRETER_PATH",
    ),
    _declare(
        "a Mac runs it",
        (".plist", ".terminal", ".workflow", ".wflow", ".mobileconfig"),
        r"ProgramArguments|<key>\s{0,20}Program\b|CommandString|COMMAND_STRING|PayloadType"
        r"|AMActionVersion",
    ),
    _declare(
        "a desktop opens the program that it names",
        (".url", ".webloc", ".inetloc", ".website"),
        r"file:|=\s*\\\\|IconFile\s*=\s*\\\\|(?:ms-\w+|search-ms|javascript):",
    ),
    _declare(
        "Windows asks the other machine that it names when it shows the folder",
        ("/desktop.ini", "/autorun.inf"),
        r"^[^;\n]{0,80}=\s{0,9}(?:@?\\\\|file:|https?:)|^(?:open|shellexecute|shell\\[^=\n]{1,80}command)\s{0,9}=",
    ),
    _declare(
        "Windows runs it",
        (
            ".reg",
            ".inf",
            ".scf",
            ".settingcontent-ms",
            ".library-ms",
            ".search-ms",
            ".appref-ms",
            ".sct",
            ".pif",
            ".msc",
            ".diagcab",
            ".jnlp",
            ".rdp",
            ".theme",
        ),
    ),
    _declare(
        "a spreadsheet runs or fetches the targets that it names", (".slk", ".iqy", ".oqy", ".rqy", ".dqy", ".odc")
    ),
    # A field that begins with the sign of a formula, and names a program, a topic and an item (DDE).
    _declare(
        "a spreadsheet starts the program that a field names",
        (".csv", ".tsv"),
        r"(?:^|[,;\t])[ ]?[\"']{0,3}[=+@-][^,;\t\n]{0,200}?\w\s{0,9}\|\s{0,9}'[^'\n]{1,300}'\s{0,9}!"
        r"|(?:^|[,;\t])[ ]?[\"']{0,3}[=+@-]\s{0,9}(?:DDE|WEBSERVICE|CALL|REGISTER|EXEC)\s{0,9}\(",
    ),
    _declare(
        "an office program fetches what it opens from another machine",
        (".rels",),
        r"<Relationship\b(?=[^>]{0,900}/(?:attachedTemplate|oleObject|externalLink\w{0,20}|frame|subDocument)[\"'])"
        r"(?=[^>]{0,900}\bTargetMode\s{0,9}=\s{0,9}[\"']External)",
    ),
    _declare("cron or at runs its commands", ("/crontab", ".cron", "/anacrontab"), r"^[^#\n]*\S\s+\S"),
    _declare("udev runs its commands", (".rules",), r"\b(?:RUN|PROGRAM|IMPORT)\b[^\n=]{0,40}\+?="),
    _declare("systemd runs its commands", (".socket", ".path", ".mount", ".automount"), r"^Exec\w*\s*="),
    _declare(
        "an editor runs it",
        (
            "/.exrc",
            "/.nvimrc",
            "/_vimrc",
            "/.gvimrc",
            ".vim",
            "/.lvimrc",
            "/.emacs",
            "/.dir-locals.el",
            "/.nanorc",
            "/.screenrc",
            "/.tmux.conf",
            "/.inputrc",
        ),
    ),
    _declare(
        "TeX runs its commands",
        (".tex", ".sty", ".cls", ".ltx", ".dtx", ".ins", "/latexmkrc", ".latexmkrc"),
        r"\\write18|\\directlua|\\(?:input|openin)\b[^\n]{0,20}\||ShellEscape|\bsystem\b",
    ),
    _declare(
        "Cargo runs the programs that it names",
        ("/.cargo/config", "/.cargo/config.toml"),
        r"\b(?:rustc(?:-wrapper|-workspace-wrapper)?|rustdoc|runner|linker|credential-\w+"
        r"|token-from-stdout)\b[\"']?\s*=",
    ),
    _declare(
        "IPython runs its lines at the start",
        ("ipython_config.json", "ipython_kernel_config.json", "jupyter_config.json"),
        r"\"(?:exec_lines|exec_files|code_to_run|file_to_run|module_to_run|extensions"
        r"|exec_PYTHONSTARTUP)\"",
    ),
    _declare(
        "gin imports and calls the names in it",
        (".gin",),
        r"__gin__|@[\w./]{0,200}\b(?:os|sys|subprocess|builtins|shutil|posix|importlib|runpy|pty"
        r"|socket)\.|^\s*(?:import|from)\s+(?:os|sys|subprocess|builtins|shutil|posix|importlib|runpy"
        r"|pty)\b",
    ),
    # Under any name: gin resolves every name of such a file to the object that it imports.
    _declare(
        "gin imports and calls the names in it",
        _ANY_NAME,
        # As Python does, gin ends a line at a carriage return, and goes on behind a backslash at its end. What is too
        # far apart to be compared counts as well.
        r"(?:^|\r)[ \t\f\\\r\n]{0,100}from[ \t\f\\\r\n]{1,100}__gin__[ \t\f\\\r\n]{1,100}import\b"
        r"|[ \t\f\\\r\n]{100}(?:from[ \t\f\\\r\n]{1,100})?__gin__\b|\b__gin__[ \t\f\\\r\n]{100}",
        b"__gin__",
        _DOCUMENTATION,
    ),
    _declare(
        "Emacs evaluates its local variables",
        _ANY_NAME,
        # The last 3000 characters of a file; ``hack-local-variable-regexp`` allows spaces before the colon.
        r"Local Variables:(?:(?!Local Variables:)[^\0]){0,3000}?\beval[ \t]*+:",
        b"local variables:",
    ),
    _declare(
        "Emacs evaluates its local variables",
        _ANY_NAME,
        r"-\*-(?:(?!-\*-)[^\n]){0,2000}?\beval[ \t]*+:",
        b"-*-",
    ),
    _declare(
        "programs run what its variables name when they start",
        (".env",),
        r"\b(?:BASH_ENV|LD_PRELOAD|LD_AUDIT|DYLD_INSERT_LIBRARIES|GIT_SSH_COMMAND|PYTHONSTARTUP|NODE_OPTIONS|PERL5OPT"
        r"|RUBYOPT|PROMPT_COMMAND)[ \t]*=",
    ),
    _declare(
        "a template engine runs its program",
        (".mako", ".mak"),
        r"(?:\$\{|<%|^[ \t]*%)[^\n}]{0,300}(?:__|\b(?:import|exec|eval|open|system|popen|getattr|subprocess)\b)",
    ),
    _declare(
        "a template engine runs its program",
        (".erb", ".rhtml", ".ejs", ".jsp", ".asp", ".aspx", ".cshtml", ".psp"),
        r"<%|@\{",
    ),
    _declare(
        "Terraform or Nomad runs its commands",
        (".tf", ".hcl", ".nomad"),
        r"local-exec|remote-exec|\"(?:raw_)?exec\"|\bdata[ \t]{1,9}\"external\"",
    ),
    _declare("SSH runs its commands", ("/ssh_config", "/.ssh/config"), r"^[ \t]*(?:Proxy|Local|KnownHosts)Command\b"),
    _declare(
        "an editor runs it",
        (".launch", "/external tools.xml", "/watchertasks.xml"),
        r"ATTR_LOCATION|<tool\b|name\s*=\s*['\"]program['\"]",
    ),
    _declare("Xcode runs it", (".xcscheme", "/project.pbxproj"), r"scriptText|ShellScriptBuildPhase|PBXBuildRule"),
    _declare(
        "logrotate runs its commands", (".conf", ".logrotate"), r"^[ \t]*(?:pre|post|first|last)(?:rotate|action)\b"
    ),
    _declare(
        "autoenv runs its lines as commands",
        (".env",),
        r"^[ \t]*+(?!#|export[ \t]|[\w.-]+[ \t]*=|[\"'\w.-]+[ \t]*:|\s|[A-Za-z0-9+/=]+$|-----|\Z)\S+[ \t]+\S",
    ),
    _declare(
        "Jupyter imports modules and starts programs by the names in it",
        ("jupyter_server_config.json", "jupyter_notebook_config.json", "jupyterhub_config.json"),
        r"extensions|_class\"|\"shell\"|_command\"|hook\"",
    ),
    _declare("a debugger runs it", ("/.lldbinit", "/.gdbinit", ".gdb", ".lldb")),
)
TOOL_FILE_ENDINGS: Final = tuple(ending for row in _TOOL_FILES for ending in row.names if ending)
"""Ends of the paths, in lower case and behind a slash, of the files that the table judges."""
# Files that a desktop reads when it shows their folder, and an address of another machine in one: Windows logs in there
_SHOWN_FILES: Final = (
    "/desktop.ini", "/autorun.inf", ".url", ".website", ".library-ms", ".search-ms", ".searchconnector-ms", ".scf",
    ".theme", ".lnk", ".rdp", ".contact", ".desktop", ".directory", ".settingcontent-ms",
)  # fmt: skip
_THIS_MACHINE: Final = rb"(?!localhost\b|127\.)"
_OTHER_MACHINE: Final = defer_pattern(
    rb"(?:[=>,;\"']|\bfull address:s:)[ \t]{0,9}@?(?:\\\\" + _THIS_MACHINE + rb"(?![.?]\\)[\w.-]{2,100}(?:@\w{1,10})?\\"
    rb"|file:/{2,5}" + _THIS_MACHINE + rb"(?!/|[A-Za-z]:)[\w-]{1,60}(?:\.[\w-]{1,60}){1,8}/"
    rb"|smb://" + _THIS_MACHINE + rb"[\w.-]{2,100})",
    re.IGNORECASE,
)  # fmt: skip


def _read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield an absence for each tool that runs the file.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    path = "/" + artifact.path.replace("\\", "/").lower()
    candidates = [row for row in _TOOL_FILES if path.endswith(row.names) and not path.endswith(row.but_names)]
    if path.endswith(_SHOWN_FILES):
        yield from _find_other_machines(window, limits)
    before, line = b"", 1
    for chunk in iterate_chunks(window, 0, min(window.size, limits.document_bytes)):
        # UTF-16, which Windows writes, puts zeros between the letters.
        piece = before + chunk.replace(b"\0", b"")
        folded = piece.lower()
        for row in tuple(candidates):
            match = row.pattern.search(piece) if row.needs in folded else None
            if match is not None and row in candidates:
                candidates = [each for each in candidates if each.tool != row.tool]
                where = Location(line=line + piece.count(b"\n", 0, match.start()))
                name = get_file_name(artifact.path)
                yield Unread(UnreadReason.PROGRAM, f"{row.tool} ({name}): its commands were not analysed", where)
        if not candidates:
            return
        before = piece[-_OVERLAP:]
        line += piece.count(b"\n", 0, len(piece) - len(before))


def _find_other_machines(window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield an outline of the first addresses by which a desktop signs in at another machine.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    data = window.read(0, min(window.size, limits.document_bytes, _MOST_SHOWN)).replace(b"\0", b"")
    mentions = []
    for match in islice(_OTHER_MACHINE.finditer(data), _MOST_ADDRESSES):
        address = match[0].lstrip(b"=>,;\"' \t@").decode("latin-1")
        where = Location(line=1 + data.count(b"\n", 0, match.start()))
        mentions.append(Mention("shell-commands", "asks-machine", address, where))
    if mentions:
        yield Outline("text", tuple(mentions))


TOOL_FILES: Final = Reader("text", looks_like_text, _read)
"""Examines every text, in addition to the reader of its format; therefore it is not one of ``READERS``."""
