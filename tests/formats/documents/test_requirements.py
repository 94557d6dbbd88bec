from __future__ import annotations

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cases import check_each
from support.scans import scan_text

import modelaudit
from modelaudit.model.limits import MIB
from modelaudit.model.outline import Outline
from modelaudit.model.structure import UnreadReason
from modelaudit.wire.requirement_lines import collect_requirement_mentions, join_requirement_lines


@check_each(
    "line, expected",
    [
        ("numpy>=1.2 ; python_version > '3.8'  # http://no", []),
        ("-r other.txt", []),
        ("-e .", [("editable", ".")]),
        ("-e ../x", [("local-path", "-e ../x")]),
        ("./wheels/a.whl", []),
        ("/opt/a.whl", [("local-path", "/opt/a.whl")]),
        ("--index-url https://e.invalid/s", [("index", "https://e.invalid/s")]),
        ("-i http://e.invalid/s", [("plain-text", "http://e.invalid/s")]),
        ("-i http://localhost:8080/s", [("local-index", "http://localhost:8080/s")]),
        ("--index-url ${HOST}", [("unknown-index", "${HOST}")]),
        ("--find-links=https://e.invalid/l", [("links", "https://e.invalid/l")]),
        ("--trusted-host e.invalid", [("trusted-host", "e.invalid")]),
        ("x @ git+https://u:p@e.invalid/x", [("address", "git+https://e.invalid/x")]),
        ("x @ git+https://e.invalid/x@" + "a" * 40, [("pinned-address", "git+https://e.invalid/x@" + "a" * 40)]),
        ("git+http://e.invalid/x", [("plain-text", "git+http://e.invalid/x")]),
    ],
)
def test_requirement_line_that_names_an_address_index_host_or_outside_path_is_mentioned_by_use(line, expected):
    assert [(mention.use, mention.name) for mention in collect_requirement_mentions(line)] == expected


@check_each(
    "line, use",
    [
        ("--extra https://e.invalid/s", "index"),
        ("--pypi-url=https://e.invalid/s", "index"),
        ("--pre -f ../wheels", "local-index"),
        ("--ind https://e.invalid/s", "index"),
        ("--trusted e.invalid", "trusted-host"),
        ("x @ HTTPS://e.invalid/x.whl", "archive"),
        ("x @ https://e.invalid/x.whl?y=1", "archive"),
        ("x @ https://e.invalid/x", "address"),
        ("x @ https://github.com/a/x/releases/download/v1/x.whl", "address"),
        ("x @ https://huggingface.co/a/x/resolve/main/x.whl", "address"),
        ("x @ https://github.com.e.invalid/x.whl", "archive"),
        ("x @ https://e.invalid/x.whl#sha256=" + "a" * 64, "pinned-address"),
        ("x @ HTTP://e.invalid/x.whl", "plain-text"),
        ("x" + " " * 3000 + "@ https://e.invalid/x.whl", "archive"),
        ("-e../x", "local-path"),
    ],
)
def test_source_in_a_requirement_line_is_found_despite_option_abbreviation_case_or_spacing(line, use):
    assert [each.use for each in collect_requirement_mentions(line)] == [use]


@check_each(
    "line, rules",
    [
        ("x @ git+https://github.com/stranger/x@hotfix", {"requirements/moving-source", "requirements/from-address"}),
        (
            "git+https://t:k@git.e.invalid/stranger/x.git#egg=x",
            {"requirements/moving-source", "requirements/from-address"},
        ),
        (
            "x @ https://github.com/stranger/x/archive/refs/heads/main.zip",
            {"requirements/moving-source", "requirements/from-address"},
        ),
        ("x @ https://github.com/stranger/x/archive/refs/tags/v1.2.zip", {"requirements/from-address"}),
        ("x @ git+https://github.com/stranger/x@v1.2.0", {"requirements/from-address"}),
        ("x @ git+https://github.com/HuggingFace/x.git@main", {"requirements/from-address"}),
        ("x @ git+https://github.com/stranger/x@" + "a" * 40, set()),
    ],
)
def test_package_of_a_branch_of_a_stranger_in_a_file_that_deployments_install_is_reviewed(tmp_path, line, rules):
    exit_code, found = scan_text(tmp_path, "requirements.txt", f"{line}\n")
    assert (exit_code, found) == (3 if "requirements/moving-source" in rules else 0, rules)


@pytest.mark.parametrize(
    "line",
    [
        "--use-feature=fast-deps",
        "--allow-unverified package",
        "--python-version=3.10",
        "--install-option=--prefix=x",
        "--exists-action=i",
        "--target=x",
        "--timeout=60",
    ],
)
def test_option_that_neither_names_a_source_nor_drops_a_check_gives_no_mention(line):
    assert list(collect_requirement_mentions(line)) == []


# A comment ends with its line, whatever character breaks the line; the last two texts continue an option.
@pytest.mark.parametrize(
    "text",
    [
        "# a \\\n-i https://e.invalid/s\n",
        "# a\r-i https://e.invalid/s\n",
        "# a\x0c-i https://e.invalid/s\n",
        "# a\u2028-i https://e.invalid/s\n",
        "-i \\\nhttps://e.invalid/s",
        "-i \\\r\nhttps://e.invalid/s\\",
    ],
)
def test_continued_requirement_lines_are_joined_as_pip_joins_them(text):
    lines = [line for _, line in join_requirement_lines((text,))]
    uses = [mention.use for line in lines for mention in collect_requirement_mentions(line)]
    assert uses == ["index"]


@check_each(
    "path, is_requirements_file",
    [
        ("requirements.txt", True),
        ("requirements-dev.txt", True),
        ("dev-requirements.in", True),
        ("constraints.txt", True),
        ("requirements/base.txt", True),
        ("notes.txt", False),
        ("my_requirements.md", False),
    ],
)
def test_requirements_files_are_recognised_by_name(read_bytes, path, is_requirements_file):
    assert (read_bytes(b"numpy\n", path).formats[path] == ["requirements"]) is is_requirements_file


def test_requirements_file_over_the_bound_on_lines_gives_a_mention_before_it_and_is_partly_unread(read_bytes):
    reading = read_bytes(b"a\ngit+https://e.invalid/x\n" + b"\n" * 20_000, "requirements.txt")
    assert [mention.where.line for outline in reading.of(Outline) for mention in outline.mentions] == [2]
    assert UnreadReason.LIMIT in reading.reasons()


@settings(deadline=None)  # the first text that may hold a secret imports the detectors
@given(st.binary(max_size=200))
def test_requirements_files_of_any_bytes_never_crash_the_reader(read_bytes, data):
    # Any error that the reader does not report as damage or as a limit fails the test.
    read_bytes(b"numpy\n" + data, "requirements.txt")


def _write_in_utf_7(text: str) -> str:
    return "+" + base64.b64encode(text.encode("utf-16-be")).decode().rstrip("=") + "-"


_HOSTILE_LINE = "--index-url http://e.invalid/s"


@check_each(
    "text, code, rule",
    [
        (f"# -*- coding: utf-7 -*-\nnumpy\n{_write_in_utf_7(_HOSTILE_LINE)}\n", 1, "requirements/unprotected-source"),
        (f"# coding: unicode_escape\n\\x2d{_HOSTILE_LINE[1:]}\n", 1, "requirements/unprotected-source"),
        ("numpy\n# coding=utf-7 coding=utf-8\n+AC0ALQBwAHIAZQ-\n", 0, None),
        ("# coding: rot13\nnumpy\n", 3, "coverage/program-not-judged"),
        ("# coding: no-such-codec\nnumpy\n", 3, "coverage/program-not-judged"),
        ("# coding: utf-7\n+AC\udcff\n", 3, "coverage/damaged"),
        ("# coding: latin-1\nnumpy\n", 0, None),
        ("# -*- coding: gbk -*-\nnumpy\n", 0, None),
        (f"\ufeff# coding: utf-7\nnumpy\n{_write_in_utf_7(_HOSTILE_LINE)}\n", 0, None),
        (f"a\nb\n# coding: utf-7\n{_write_in_utf_7(_HOSTILE_LINE)}\n", 0, None),
    ],
)
def test_requirements_file_is_read_in_the_codec_of_its_coding_line_as_pip_reads_it(tmp_path, text, code, rule):
    (tmp_path / "requirements.txt").write_bytes(text.encode("utf-8", "surrogateescape"))
    report = modelaudit.scan(tmp_path, second_opinion=False)
    assert report.exit_code == code
    rules = {finding.rule for finding in report.findings} - {"license/undeclared"}
    assert rules == ({rule} if rule else set())


def test_address_behind_a_very_long_run_of_spaces_is_reported():
    line = f"package{' ' * 200_000}@ https://e.invalid/x.whl  # why"
    (mention,) = collect_requirement_mentions(line)
    assert (mention.name, mention.detail) == ("https://e.invalid", "https://e.invalid/x.whl")


def test_line_of_a_requirements_file_longer_than_the_bound_is_reported_as_unread(read_bytes):
    for filler in (b" " * MIB, b"\\\n" * MIB):
        reading = read_bytes(
            b"git+https://e.invalid/x\n--pre" + filler + b"--index-url https://e.invalid/s\n", "requirements.txt"
        )
        assert [mention.use for outline in reading.of(Outline) for mention in outline.mentions] == ["address"]
        assert UnreadReason.LIMIT in reading.reasons()


NODE_LOCK = '{"packages": {"node_modules/x": {"resolved": "%s", "integrity": "sha512-x"}}}'
UV_LOCK = (
    'version = 1\n[[package]]\nname = "x"\nsource = { registry = "%s" }\nsdist = { url = "%s", hash = "sha256:0" }\n'
)


@check_each(
    "name, text",
    [
        ("uv.lock", UV_LOCK % ("https://pypi.org/simple", "http://e.invalid/x.tar.gz")),
        ("uv.lock", 'source = { git = "http://e.invalid/x.git#' + "a" * 40 + '" }\n'),
        ("poetry.lock", '[package.source]\ntype = "url"\nurl = "http://e.invalid/x.whl"\n'),
        ("pylock.dev.toml", 'lock-version = "1.0"\n[[packages.wheels]]\nurl = "http://e.invalid/x.whl"\n'),
        ("Pipfile.lock", '{"_meta": {"sources": [{"url": "http://e.invalid/simple"}]}}'),
        ("package-lock.json", NODE_LOCK % "http://e.invalid/x.tgz"),
        ("package-lock.json", NODE_LOCK % "http:\\/\\/e.invalid\\/x.tgz"),
        ("package-lock.json", NODE_LOCK % "\\u0068ttp://e.invalid/x.tgz"),
        ("yarn.lock", 'x@1:\n  version "1.0.0"\n  resolved "http://e.invalid/x.tgz#' + "a" * 40 + '"\n'),
        ("pnpm-lock.yaml", "packages:\n  x@1:\n    resolution: {tarball: http://e.invalid/x.tgz}\n"),
        ("bun.lock", '{"packages": {"x": ["x@http://e.invalid/x.tgz", {}]},}'),
        ("Gemfile.lock", "GEM\n  remote: http://e.invalid/\n"),
        ("requirements.lock", "x @ http://e.invalid/x.whl\n"),
        ("package.json", '{"dependencies": {"x": "http://e.invalid/x.tgz"}}'),
        ("package.json", '{"overrides": {"x": {"y": "http://e.invalid/x.tgz"}}}'),
        ("pyproject.toml", '[project]\nname = "x"\nversion = "1"\ndependencies = ["x @ http://e.invalid/x.whl"]\n'),
        ("pyproject.toml", '[tool.uv]\noverride-dependencies = ["x @ http://e.invalid/x.whl"]\n'),
        ("pixi.toml", '[pypi-dependencies]\nx = { url = "http://e.invalid/x.whl" }\n'),
        ("tox.ini", "[testenv]\ndeps =\n  x @ http://e.invalid/x.whl\n"),
        ("run.py", '# /// script\n# dependencies = ["x @ http://e.invalid/x.whl"]\n# ///\n'),
        ("run", '#!/usr/bin/env -S uv run\r\n# /// script\r\n# [tool.uv]\r\n# find-links = ["http://e.invalid/"]\r\n# ///\r\n'),
        ("Pipfile", '[packages]\nx = { file = "http://e.invalid/x.whl" }\n'),
        ("run.py", "#!/usr/bin/env -S pipx run --spec git+http://e.invalid/x x\nprint(1)\n"),
        ("run.py", "#!/usr/bin/env -S uv run --with http://e.invalid/x.whl\nprint(1)\n"),
        ("spec-file.txt", "# x\n@EXPLICIT\nhttp://e.invalid/x-1-0.conda\n"),
        ("renv.lock", '{"R": {"Repositories": [{"Name": "CRAN", "URL": "http://e.invalid"}]}}'),
        ("Manifest.toml", '[[deps.X]]\nrepo-url = "http://e.invalid/X.jl.git"\n'),
        ("Cargo.toml", '[dependencies]\ne = { git = "http://e.invalid/e" }\n'),
        ("composer.json", '{"repositories": [{"type": "vcs", "url": "http://e.invalid/x"}]}'),
        ("deno.json", '{"imports": {"x": "http://e.invalid/x.ts"}}'),
        ("gradle-wrapper.properties", "distributionUrl=http\\://e.invalid/gradle.zip\n"),
        ("nuget.config", "<configuration><add key='e' value='http://e.invalid/v3'/></configuration>"),
        (".pre-commit-config.yaml", "repos:\n- repo: http://e.invalid/hooks\n  rev: v1\n"),
        (".gitlab-ci.yml", "include:\n  - remote: 'http://e.invalid/ci.yml'\n"),
        ("Taskfile.yml", "version: '3'\nincludes:\n  e: http://e.invalid/Taskfile.yml\n"),
        ("lefthook.yml", "remotes:\n  - git_url: http://e.invalid/x\n"),
        ("compose.yaml", "include:\n  - http://e.invalid/x.yaml\nservices: {}\n"),
        ("Chart.yaml", "dependencies:\n- name: e\n  repository: http://e.invalid\n"),
        ("main.tf", 'module "x" {\n  source = "git::http://e.invalid/x.git"\n}\n'),
        ("config.yaml", "model_class_name: Model\nrequirements:\n- git+http://e.invalid/x.git\n"),
        ("environment.yml", "name: x\ndependencies:\n- python\n- pip:\n  - x @ http://e.invalid/x.whl\n"),
        ("cog.yaml", "build:\n  python_packages: |\n    numpy\n    --index-url http://e.invalid/s\n"),
    ],
)  # fmt: skip
def test_source_without_encryption_in_a_lock_file_manifest_or_script_fails_the_scan(tmp_path, name, text):
    code, rules = scan_text(tmp_path, name, text)
    assert code == 1
    assert "requirements/unprotected-source" in rules


@check_each(
    "name, text, rule",
    [
        ("uv.lock", UV_LOCK % ("https://e.invalid/simple", "https://files.pythonhosted.org/x"), "other-index"),
        ("package-lock.json", NODE_LOCK % "https://e.invalid/x.tgz", "other-index"),
        ("uv.lock", 'source = { git = "https://github.com/a/x" }\n', "from-address"),
        ("package.json", '{"dependencies": {"x": "a/x"}}', "from-address"),
        ("package.json", '{"dependencies": {"x": "git@e.invalid:a/x.git"}}', "from-address"),
        ("package.json", '{"dependencies": {"x": "file:../x"}}', "from-address"),
        ("requirements.txt", "x @ ${URL}\n", "from-address"),
        ("go.mod", "module x\nreplace github.com/a/b => e.invalid/b v1.0.0\n", "other-index"),
        ("Dockerfile", "FROM a\nADD https://e.invalid/x.git /x\nRUN make -C /x install\n", "from-address"),
    ],
)
def test_foreign_or_unknown_source_of_a_package_is_reported_and_passes(tmp_path, name, text, rule):
    assert scan_text(tmp_path, name, text) == (0, {f"requirements/{rule}"})


@check_each(
    "name, text, code",
    [
        ("requirements.txt", "numpy\n--extra-index-url \\\n  https://e.invalid/s\n", 1),
        ("requirements.txt", "-i \\\nhttps://e.invalid/s # mirror\n", 1),
        ("requirements.txt", "--find-links https://e.invalid/wheels\nx\n", 1),
        ("setup.sh", "pip install x \\\n  --index-url \\\n  https://e.invalid/s\n", 1),
        ("environment.yml", "dependencies:\n- pip:\n  - --extra-index-url https://e.invalid/s\n  - x\n", 1),
        ("pip.conf", "[global]\nextra-index-url = https://e.invalid/s\n", 1),
        (".npmrc", "registry=https://e.invalid/\n", 1),
        ("Dockerfile", "FROM a\nENV PIP_EXTRA_INDEX_URL=https://e.invalid/s\n", 1),
        ("requirements.txt", "--extra-index-url https://download.pytorch.org/whl/cu121\ntorch\n", 0),
        ("requirements.txt", "-i https://pypi.tuna.tsinghua.edu.cn/simple\nnumpy\n", 0),
        ("requirements.txt", "--find-links ./wheels\nx\n", 0),
        ("requirements.txt", "-i http://localhost:3141/root/pypi\nx\n", 0),
        ("README.md", "```sh\npip install x --extra-index-url https://e.invalid/s\n```\n", 0),
    ],
)
def test_server_of_packages_that_no_list_knows_fails_the_scan(tmp_path, name, text, code):
    ended, rules = scan_text(tmp_path, name, text)
    assert ended == code
    assert ("requirements/foreign-index" in rules) == bool(code)


@check_each(
    "name, text",
    [
        ("run.sh", "export PIP_INDEX_URL=http://e.invalid/s\npip install x\n"),
        ("run.sh", "PIP_EXTRA_INDEX_URL='https://pypi.org/simple http://e.invalid/s' pip install x\n"),
        ("run.sh", "docker build --build-arg UV_INDEX=x=http://e.invalid/s .\n"),
        ("run.sh", "pip config --user set global.index-url http://e.invalid/s\n"),
        ("run.sh", "npm config set registry=http://e.invalid/s\n"),
        ("run.sh", "conda config --add channels http://e.invalid/s\n"),
        ("run.sh", "go env -w GOPROXY=http://e.invalid,direct\n"),
        ("run.sh", "poetry source add x http://e.invalid/s\n"),
        ("run.sh", "pip download -i http://e.invalid/s x\n"),
        ("run.sh", "micromamba install -c http://e.invalid/s x\n"),
        ("run.sh", "echo 'deb [trusted=yes] http://e.invalid/s ./' > /etc/apt/sources.list.d/e.list\n"),
        ("run.sh", "git config --global url.http://e.invalid/.insteadOf https://github.com/\n"),
        ("Dockerfile", "FROM python:3.11\nENV PIP_INDEX_URL http://e.invalid/s\n"),
        ("Dockerfile", "FROM python:3.11\nARG A=b PIP_INDEX_URL=http://e.invalid/s\n"),
        (".env", "UV_INDEX_URL=http://e.invalid\n"),
        ("environment.yml", "variables:\n  UV_DEFAULT_INDEX: http://e.invalid/s\n"),
        ("compose.yaml", "services:\n  a:\n    environment:\n      - PIP_INDEX_URL=http://e.invalid/s\n"),
    ],
)
def test_index_without_encryption_in_a_variable_or_a_setting_of_an_installer_fails_the_scan(tmp_path, name, text):
    code, rules = scan_text(tmp_path, name, text)
    assert code == 1
    assert "requirements/unprotected-source" in rules


@check_each(
    "text, rules",
    [
        ("npx -y https://e.invalid/a.tgz\n", {"requirements/runs-address"}),
        ("pnpm dlx https://e.invalid/a.tgz\n", {"requirements/runs-address"}),
        ("npm install https://e.invalid/a.tgz\n", {"requirements/foreign-archive"}),
        ("pip install https://e.invalid/a.whl\n", {"requirements/foreign-archive"}),
    ],
)
def test_package_from_a_server_that_no_list_knows_is_for_review(tmp_path, text, rules):
    assert scan_text(tmp_path, "run.sh", text) == (3, rules)


@check_each(
    "text, rules",
    [
        ("npx -y https://github.com/a/b\n", {"requirements/from-address"}),
        ("pip install https://github.com/a/x/releases/download/v1/x.whl\n", {"requirements/from-address"}),
        ("pip install https://data.pyg.org/whl/x.whl\n", {"requirements/from-address"}),
        ("pip install https://files.pythonhosted.org/x.whl\n", set()),
    ],
)
def test_package_from_a_known_server_passes(tmp_path, text, rules):
    assert scan_text(tmp_path, "run.sh", text) == (0, rules)


def test_index_of_requirements_that_a_variable_names_is_for_review(tmp_path):
    text = "--index-url ${HOST}\nnumpy\n"
    assert scan_text(tmp_path, "requirements.txt", text) == (3, {"requirements/unknown-index"})


@check_each(
    "text, rules",
    [
        ("pip install -i $(cat index.txt) x\n", {"requirements/other-index"}),
        ('pip install --index-url="$INDEX" x\n', {"requirements/other-index"}),
        ("echo 'deb http://e.invalid/s ./' > /etc/apt/sources.list.d/e.list\n", {"requirements/other-index"}),
        ("npm install a/b\nbrew tap a/b\ngh extension install a/b\n", {"requirements/from-address"}),
        ("export PIP_INDEX_URL=https://pypi.org/simple\n", set()),
        ("export PIP_INDEX_URL=$PIP_INDEX_URL PIP_FIND_LINKS=./wheels\n", set()),
        ("pip install --extra-index-url https://download.pytorch.org/whl/${CUDA} torch\n", set()),
        ("npm install --prefix web/ui\nnpm install @a/b ./c/d\n", set()),
        ('git config --global url."https://$TOKEN@github.com/".insteadOf https://github.com/\n', set()),
        ("git config --global user.name x\ngit config core.hooksPath .githooks\n", set()),
        ("npm config get registry\n", set()),
    ],
)
def test_unknown_or_foreign_index_of_a_script_is_reported_and_a_default_index_or_folder_is_not(tmp_path, text, rules):
    assert scan_text(tmp_path, "run.sh", text) == (0, rules)


@check_each(
    "name, text",
    [
        ("uv.lock", UV_LOCK % ("https://pypi.org/simple", "https://files.pythonhosted.org/x.tar.gz")),
        ("uv.lock", UV_LOCK % ("https://download.pytorch.org/whl/cu124", "https://download.pytorch.org/whl/x.whl")),
        ("uv.lock", 'source = { git = "https://github.com/a/x?rev=v1#' + "a" * 40 + '" }\n'),
        ("package-lock.json", NODE_LOCK % "https://registry.npmjs.org/x/-/x-1.tgz"),
        # npm 5 and 6 recorded http for their own registry.
        ("package-lock.json", NODE_LOCK % "http://registry.npmjs.org/x/-/x-1.tgz"),
        ("package-lock.json", '{"packages": {"x": {"funding": {"type": "x", "url": "http://e.invalid"}}}}'),
        ("package-lock.json", '{"packages": {"x": {"deprecated": "use y, see http://e.invalid"}}}'),
        ("yarn.lock", '# see http://e.invalid\nx@1:\n  resolved "https://registry.yarnpkg.com/x/-/x-1.tgz#ab"\n'),
        ("pixi.lock", "packages:\n- conda: https://conda.anaconda.org/conda-forge/noarch/x.conda\n  sha256: ab\n"),
        ("package.json", '{"homepage": "http://e.invalid", "dependencies": {"x": "^1", "y": "file:./y", "z": "npm:a@1"}}'),
        ("notes.json", '{"dependencies": {"x": "http://e.invalid/x.tgz"}}'),
        ("requirements.txt", "x==1 ; python_version > '3'\n"),
        ("Cargo.toml", '[package]\nhomepage = "http://e.invalid"\n# git = "http://e.invalid"\n'),
        ("composer.json", '{"homepage": "http://e.invalid", "support": {"source": "http://e.invalid"}}'),
        (".pre-commit-config.yaml", "repos:\n- repo: https://github.com/psf/black\n  rev: 24.1.0\n"),
        ("compose.yaml", "services:\n  a:\n    environment:\n      API_URL: http://b:8000\n"),
        ("Taskfile.yml", "version: '3'\nvars:\n  API_URL: http://e.invalid\n"),
        (".gitlab-ci.yml", "x:\n  environment:\n    url: http://e.invalid\n"),
        ("gradle-wrapper.properties", "distributionUrl=https\\://services.gradle.org/distributions/gradle-8-bin.zip\n"),
        ("renv.lock", '{"R": {"Repositories": [{"Name": "CRAN", "URL": "https://cloud.r-project.org"}]}}'),
        ("spec.txt", "@EXPLICIT\nhttps://conda.anaconda.org/conda-forge/noarch/x.conda#d41d8cd98f00b204e9800998ecf8427e\n"),
        ("pom.xml", '<project xmlns="http://maven.apache.org/POM/4.0.0"><url>http://e.invalid</url></project>'),
        ("go.mod", "module x\nrequire github.com/a/b v1.0.0\nreplace a/b => ./b\n"),
    ],
)  # fmt: skip
def test_default_registry_pinned_commit_or_description_of_a_package_gives_no_finding(tmp_path, name, text):
    assert scan_text(tmp_path, name, text) == (0, set())


def test_lock_file_with_more_sources_than_are_kept_is_reported_as_partly_unread(tmp_path):
    addresses = "".join(f'source = {{ git = "https://e.invalid/{number}.git" }}\n' for number in range(2_100))
    code, rules = scan_text(tmp_path, "uv.lock", addresses)
    assert code == 3
    assert "coverage/limit-reached" in rules
