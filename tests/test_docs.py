"""Tests of the documentation: generated pages are up to date, examples run, links resolve."""

from __future__ import annotations

import ast
import dataclasses
import hashlib
import importlib
import importlib.util
import inspect
import json
import os
import re
import shlex
import struct
import subprocess
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

import click
import pytest
import yaml
from support.catalogue import load_shipped
from support.warm import find_warm_program

import modelaudit
from modelaudit.catalogue import load_catalogue
from modelaudit.catalogue.schema import CallableFile, FindingFile, TrustedFile
from modelaudit.catalogue.terms import LicenseFile
from modelaudit.cli.main import command as program
from modelaudit.model.finding import CheckFamily
from modelaudit.reports import REPORTS

ROOT = Path(__file__).resolve().parent.parent
PAGES = [*sorted((ROOT / "docs").rglob("*.md")), *sorted(ROOT.glob("*.md"))]

CODE_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
HOSTS_OF_PACKAGES = re.compile(r"pypi\.org|pythonhosted|download\.pytorch|--(extra-)?index-url", re.IGNORECASE)
PINNED_ACTION = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
"""A GitHub action that is pinned to a commit: ``actions/checkout@<40 digits> # v4.2.2``."""


def load_module(path: Path) -> ModuleType:
    """Load a module from a file outside of the import path."""
    spec = importlib.util.spec_from_file_location(f"docs_{path.stem}", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look for the names of their annotations
    spec.loader.exec_module(module)
    return module


one_worker = pytest.mark.xdist_group("generated pages")
"""One worker renders the pages once for all of these tests."""

generate = load_module(ROOT / "docs/generate.py")
transcripts = load_module(ROOT / "docs/transcripts.py")
SiteTree = generate.SiteTree


def name_page(page: Path) -> str:
    """Return the path of a file within the repository."""
    return page.relative_to(ROOT).as_posix()


@pytest.fixture(scope="module")
def site() -> SiteTree:
    """Return the pages of the site as they are rendered now."""
    tree: SiteTree = generate.render_site()
    return tree


@one_worker
def test_committed_documentation_pages_equal_the_generated_ones() -> None:
    stale = [
        name_page(path)
        for path, text in generate.render_committed_files().items()
        if path.read_text(encoding="utf-8") != text
    ]
    assert not stale, f"{', '.join(stale)} differ from the code: run `make docs`"


def test_examples_are_not_rendered_from_fixtures_that_are_not_current(monkeypatch: pytest.MonkeyPatch) -> None:
    fault = "the fixtures are not built; run `make fixtures`"
    monkeypatch.setitem(generate.render_examples.__globals__, "explain_missing_build", lambda: fault)
    with pytest.raises(SystemExit, match="the fixtures are not built"):
        generate.render_examples(load_catalogue())


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="a transcript shows modelscan, which needs Python below 3.13")
@pytest.mark.slow
@pytest.mark.parametrize("page", generate.WITH_TRANSCRIPTS)
def test_transcripts_of_commands_are_up_to_date(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    assert transcripts.BLOCK.search(text)
    assert text == transcripts.update_transcripts(text, [find_warm_program()]), f"{page} is stale: run `make docs`"


GUIDES = ("start", "ci", "security-engineers", "compliance-officers")
"""The pages for the four kinds of readers."""


@one_worker
@pytest.mark.parametrize("guide", GUIDES)
def test_guide_has_a_worked_example_and_shows_a_small_picture_of_a_real_report_with_its_content_in_words(
    guide: str, site: SiteTree
) -> None:
    text = (ROOT / f"docs/{guide}.md").read_text(encoding="utf-8")
    assert f"docs/{guide}.md" in generate.WITH_TRANSCRIPTS
    ((description, target),) = re.findall(r"^!\[(.+)\]\((images/.+\.png)\)$", text, re.MULTILINE)
    picture = (ROOT / "docs" / target).read_bytes()
    assert len(description.split()) >= 10
    assert picture.startswith(b"\x89PNG\r\n") and len(picture) < 200_000
    assert site.attachments[target] == ROOT / "docs" / target


@pytest.mark.slow
@pytest.mark.counterpart
@pytest.mark.xdist_group("browser")
def test_script_takes_every_picture_that_a_guide_shows(tmp_path: Path) -> None:
    screenshots = load_module(ROOT / "docs/screenshots.py")
    screenshots.take_pictures(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {f"{guide}.png" for guide in GUIDES}
    for path in tmp_path.iterdir():
        width, height = struct.unpack(">II", path.read_bytes()[16:24])  # of the chunk IHDR
        assert (width, height) == (screenshots.WIDTH, screenshots.HEIGHT)


def test_make_demo_ends_with_the_question_that_each_file_answers() -> None:
    done = subprocess.run(["make", "--dry-run", "demo"], cwd=ROOT, check=True, capture_output=True, text=True)
    answers = [line for line in done.stdout.splitlines() if line.startswith("echo ")][-3:]
    for file, question in (
        ("report.html", "May we load it"),
        ("bom.cdx.json", "What is in it?"),
        ("report.json", "machines"),
    ):
        assert [line for line in answers if file in line and question in line], file


@one_worker
def test_every_rule_and_license_has_a_page_and_a_line_in_the_index(site: SiteTree) -> None:
    catalogue = load_shipped()
    indexed = {kind: (ROOT / f"docs/{kind}.md").read_text(encoding="utf-8") for kind in ("rules", "licenses")}
    assert {path for path in site.pages if "/" in path} == {
        *(f"rules/{id_}.md" for id_ in catalogue.findings),
        *(f"licenses/{id_}.md" for id_ in catalogue.licenses),
    }
    assert not [id_ for id_ in catalogue.findings if f"\n| [{id_}](" not in indexed["rules"]]
    assert not [id_ for id_ in catalogue.licenses if f"\n| {id_} |" not in indexed["licenses"]]


@one_worker
def test_documentation_page_of_each_rule_explains_the_rule_and_shows_the_examples_that_it_has(site: SiteTree) -> None:
    for id_, rule in load_shipped().findings.items():
        text = site.pages[f"rules/{id_}.md"]
        expected_parts = ["## What it finds", "## Why it matters", "## What to do", f"since {rule.rule.since}"]
        expected_parts += ["## Example", "must fire:"] if rule.fires else []
        expected_parts += ["must not fire:"] if rule.quiet else []
        expected_parts += ["MITRE ATLAS", "CWE-"] if rule.rule.cwe and rule.rule.check is CheckFamily.SECURITY else []
        assert not [part for part in expected_parts if part not in text], id_


def test_taxonomy_contains_every_cwe_number_that_a_rule_names() -> None:
    catalogue = load_shipped()
    assert {cwe for rule in catalogue.findings.values() for cwe in rule.rule.cwe} <= catalogue.taxonomy.keys()


@pytest.mark.slow
def test_python_examples_of_the_documentation_run_without_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    example_count = 0
    for page in PAGES:
        namespace: dict[str, object] = {}
        for language, code in CODE_BLOCK.findall(page.read_text(encoding="utf-8")):
            if language == "python":
                exec(compile(code, name_page(page), "exec"), namespace)
                example_count += 1
    assert example_count >= 6


def test_modelaudit_names_that_documentation_examples_import_exist() -> None:
    missing, imports = [], 0
    for page in PAGES:
        for _, code in CODE_BLOCK.findall(page.read_text(encoding="utf-8")):
            try:
                tree = ast.parse(code)
            except SyntaxError:
                continue
            for node in ast.walk(tree):
                if isinstance(node, ast.ImportFrom) and str(node.module).startswith("modelaudit."):
                    module = importlib.import_module(str(node.module))
                    imports += len(node.names)
                    absent = [alias.name for alias in node.names if not hasattr(module, alias.name)]
                    missing += [f"{name_page(page)}: {node.module}.{name}" for name in absent]
    assert not missing
    assert imports >= 8


def test_api_page_names_every_argument_of_scan_and_has_at_least_four_examples() -> None:
    text = (ROOT / "docs/api.md").read_text(encoding="utf-8")
    assert text.count("```python") >= 4
    assert not [
        argument for argument in inspect.signature(modelaudit.scan).parameters if f"| `{argument}` |" not in text
    ]


def test_documentation_offers_the_check_families_that_have_rules_and_announces_no_other() -> None:
    with_rules = {rule.rule.check for rule in load_shipped().findings.values()}
    offered = ", ".join(family for family in CheckFamily if family in with_rules)
    for text in (
        modelaudit.scan.__doc__ or "",
        *(ROOT.joinpath("docs", page).read_text() for page in ("api.md", "cli.md")),
    ):
        plain = " ".join(text.replace("`", "").split())
        assert "no rules yet" not in plain
        assert offered in plain or offered.replace(", provenance", " and provenance") in plain


def test_example_rule_in_the_guide_has_the_keys_and_matchers_of_the_real_rule() -> None:
    text = (ROOT / "docs/extending.md").read_text(encoding="utf-8")
    codes = [code for language, code in CODE_BLOCK.findall(text) if language == "yaml"]
    example = yaml.safe_load(codes[0])
    real = yaml.safe_load((ROOT / "rules/findings" / f"{example['id']}.yaml").read_text(encoding="utf-8"))
    assert example.keys() == real.keys()
    assert (example["match"], example["message"], example["severity"]) == (
        real["match"],
        real["message"],
        real["severity"],
    )


def test_example_list_of_elements_in_the_guide_is_a_valid_list(tmp_path: Path) -> None:
    text = (ROOT / "docs/extending.md").read_text(encoding="utf-8")
    (code,) = [code for language, code in CODE_BLOCK.findall(text) if language == "yaml" and "\nelements:\n" in code]
    (tmp_path / "elements").mkdir()
    (tmp_path / "elements/own.yaml").write_text(code, encoding="utf-8")
    (own,) = [each for each in load_catalogue(extra=[tmp_path]).element_lists if each.id == "own"]
    assert [bool(each.parts) for each in own.elements] == [True, True, False]


def test_paths_in_contributing_md_and_extending_md_exist_except_for_those_of_the_toy_example() -> None:
    for page in ("CONTRIBUTING.md", "docs/extending.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        paths = [
            path for path in re.findall(r"`((?:modelaudit|rules|fixtures|tests)/[\w/.-]+)`", text) if "<" not in path
        ]
        assert len(paths) > 8, page
        assert not [path for path in paths if "toy" not in path and not (ROOT / path).exists()], page


def test_guide_extending_md_names_every_key_of_the_rule_files_that_does_not_explain_itself() -> None:
    text = (ROOT / "docs/extending.md").read_text(encoding="utf-8")
    keys = {field.name.replace("_", "-") for file in (FindingFile, CallableFile, TrustedFile, LicenseFile)
            for field in dataclasses.fields(file)}  # fmt: skip
    # The examples of the guide show these keys, and their names explain them.
    self_explanatory = {"why", "library", "url", "cwe", "references", "clauses", "name", "examples", "read"}
    assert not [key for key in keys - self_explanatory if f"`{key}" not in text]
    required = [field.name for field in dataclasses.fields(FindingFile) if is_required_field(field)]
    (listed,) = re.findall(r"^((?:`\w+`(?:, | and ))+`\w+`) are required", text, re.MULTILINE)
    assert re.findall(r"\w+", listed.replace(" and ", ", ")) == required


INSTALLATION = ("python3 -m venv .venv", ".venv/bin/pip install .", 'export PATH="$PWD/.venv/bin:$PATH"')
"""The commands that need PyPI; tests/test_packaging.py builds and installs the distribution."""


def test_readme_has_at_most_1200_words() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) <= 1200


def test_contributing_guide_has_at_most_1000_words() -> None:
    assert len((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split()) <= 1000


@pytest.mark.slow
def test_readme_modelaudit_commands_run_and_readme_make_commands_pass_a_dry_run(tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = re.findall(
        r"^\$ (.+?)(?:\s+#.*)?$", "\n".join(code for _, code in CODE_BLOCK.findall(text)), re.MULTILINE
    )
    assert len(commands) >= 7
    committed = set(run_git("ls-files").splitlines())
    folders = {parent.as_posix() for path in committed for parent in Path(path).parents}
    (tmp_path / "fixtures").symlink_to(ROOT / "fixtures")
    for command in commands:
        executable, *arguments = shlex.split(command)
        assert not [each for each in arguments if each.startswith("fixtures/") and each not in committed | folders]
        if executable == "make":
            subprocess.run(
                ["make", "--dry-run", f"VENV={tmp_path}/venv", *arguments], cwd=ROOT, check=True, capture_output=True
            )
        elif command not in INSTALLATION:
            assert executable == "modelaudit", command
            done = subprocess.run(
                [find_warm_program(), *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
            )
            assert done.returncode in (0, 1, 3), f"{command}: {done.returncode} {done.stderr}"


def test_every_documented_command_has_options_that_exist() -> None:
    for page in PAGES:
        for command_line in list_command_lines(page.read_text(encoding="utf-8")):
            words = command_line.partition("#")[0].split()
            command = program.get_command(click.Context(program), words[1]) if len(words) > 1 else None
            if isinstance(command, click.Group) and len(words) > 2:
                command = command.commands.get(words[2])
            known = {option for each in command.params for option in each.opts} if command else {"--version", "--help"}
            given = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
            assert given <= known | {"-h", "--help", "--no-second-opinion"}, f"{name_page(page)}: {command_line}"


def list_command_lines(text: str) -> list[str]:
    """List the command lines of ``modelaudit`` in the code spans and the code blocks of a page."""
    spans = re.findall(r"`(modelaudit [^`]+)`", text)
    lines = [line for _, code in CODE_BLOCK.findall(text) for line in code.splitlines()]
    return [
        *spans,
        *(line[line.index("modelaudit ") :].partition("; ")[0] for line in lines if " modelaudit " in f" {line}"),
    ]


def is_required_field(field: dataclasses.Field[object]) -> bool:
    """Whether a field of a dataclass has no default."""
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


@one_worker
def test_links_between_pages_of_the_site_resolve(site: SiteTree) -> None:
    """Headings and outside requests are checked by `make docs`, which builds the pages."""
    broken = []
    for path, text in site.pages.items():
        for link in LINK.findall(CODE_BLOCK.sub("", text)):
            target = link.partition("#")[0]
            if target and not re.match(r"[a-z]+:", target):
                linked_path = os.path.normpath(Path(path).parent / target)
                if linked_path not in site.pages.keys() | site.attachments.keys():
                    broken.append(f"{path}: {link}")
    assert not broken


def test_site_check_reports_outside_requests_and_missing_pages(tmp_path: Path) -> None:
    # A link leads outside only when the reader follows it; the script and the icon are requested with the page.
    page = (
        '<a href="https://a.test">read</a><script src="https://b.test/x.js"></script><link rel=icon href="//c.test/i">'
    )
    (tmp_path / "index.html").write_text(page)
    faults = list(load_module(ROOT / "docs/check_site.py").find_faults(tmp_path))
    assert [fault[:20] for fault in faults if "requests" in fault] == ["index.html: requests"] * 2
    assert "b.test" in faults[0] and "c.test" in faults[1]
    assert "rules/pickle/dangerous-call.html: missing" in faults


@one_worker
def test_every_document_is_in_the_navigation_of_the_site(site: SiteTree) -> None:
    configuration = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    navigation = set(re.findall(r"[\w-]+\.md", json.dumps(configuration["nav"])))
    assert navigation == {path for path in site.pages if "/" not in path}
    assert (configuration["strict"], configuration["theme"]["font"]) == (True, False)


def test_relative_links_in_documents_lead_to_files_of_the_repository_and_to_existing_headings() -> None:
    committed = set(run_git("ls-files", "--cached", "--others", "--exclude-standard").splitlines())
    folders = {parent.as_posix() for path in committed for parent in Path(path).parents}
    broken = []
    for page in PAGES:
        for link in LINK.findall(CODE_BLOCK.sub("", page.read_text(encoding="utf-8"))):
            target, _, fragment = link.partition("#")
            if re.match(r"[a-z]+:", target):
                continue
            file = (page.parent / target).resolve() if target else page
            if not file.is_relative_to(ROOT) or name_page(file) not in committed | folders:
                broken.append(f"{name_page(page)}: {link} is not a committed file")
            elif fragment and fragment not in list_fragments(file):
                broken.append(f"{name_page(page)}: {link} names no heading")
    assert not broken


def run_git(*arguments: str) -> str:
    """Run git in the repository and return its output."""
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout


@cache
def list_fragments(page: Path) -> frozenset[str]:
    """List the fragments of a page, to which links can lead."""
    return frozenset(map(generate.make_anchor, HEADING.findall(page.read_text(encoding="utf-8"))))


def test_report_page_names_every_top_level_field_of_the_report_schema() -> None:
    schema = json.loads((ROOT / "docs/report-v1.schema.json").read_text(encoding="utf-8"))
    text = (ROOT / "docs/report.md").read_text(encoding="utf-8")
    assert not [field for field in _list_fields(schema) if f"| `{field}` |" not in text]


def test_report_page_lists_every_output() -> None:
    text = (ROOT / "docs/report.md").read_text(encoding="utf-8")
    assert not [name for name in REPORTS if f"\n| `{name}` | " not in text]


def _list_fields(schema: dict[str, object]) -> list[str]:
    """List the fields of the report itself, which the schema may define behind a reference."""
    definition = schema
    reference = schema.get("$ref")
    if isinstance(reference, str):
        for step in reference.removeprefix("#/").split("/"):
            definition = definition[step]  # type: ignore[assignment]
    fields = definition["properties"]
    assert isinstance(fields, dict) and len(fields) > 5
    return list(fields)


def test_readme_shows_make_demo_and_make_test_and_every_exit_code() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert 0 < text.index("make demo") < text.index("make test") < text.index("## ")
    assert all(f"\n| {code} | " in text for code in (0, 1, 2, 3, 4))


def test_github_workflows_and_action_pin_the_actions_that_they_use() -> None:
    for file in [ROOT / "action.yml", *sorted((ROOT / ".github/workflows").glob("*.yml"))]:
        uses = re.findall(r"uses: (.+)", file.read_text(encoding="utf-8"))
        assert uses and all(use.startswith("./ ") or PINNED_ACTION.fullmatch(use) for use in uses), file.name


def test_github_workflows_bound_their_time_and_keep_no_credentials() -> None:
    for file in sorted((ROOT / ".github/workflows").glob("*.yml")):
        text = file.read_text(encoding="utf-8")
        assert all("timeout-minutes" in job for job in yaml.safe_load(text)["jobs"].values()), file.name
        assert text.count("actions/checkout@") == text.count("persist-credentials: false"), file.name


def test_lock_files_have_a_hash_for_each_version_and_name_no_package_host() -> None:
    locks = {file.stem: file.read_text(encoding="utf-8") for file in (ROOT / "requirements").glob("*.lock")}
    assert locks.keys() == {"run", "build", "dev", "docs", "weights", "fuzz", "audit", "counterparts"}
    for stem, text in locks.items():
        assert not HOSTS_OF_PACKAGES.search(text), stem
        # An entry begins at the start of a line; the lines with its hashes are indented.
        entries = re.findall(r"^[a-z0-9].*?(?=^[a-z0-9]|\Z)", text, re.MULTILINE | re.DOTALL)
        assert entries and all("--hash=sha256:" in entry for entry in entries), stem
    pins = {stem: set(re.findall(r"^[\w.-]+==\S+", text, re.MULTILINE)) for stem, text in locks.items()}
    assert pins["run"] <= pins["dev"] and pins["build"] <= pins["dev"]


def test_makefile_pyproject_and_documents_name_no_package_host() -> None:
    files = [ROOT / "Makefile", ROOT / "pyproject.toml", *PAGES]
    assert not [name_page(file) for file in files if HOSTS_OF_PACKAGES.search(file.read_text(encoding="utf-8"))]


def test_license_file_of_the_project_is_the_apache_2_text() -> None:
    digest = hashlib.sha256((ROOT / "LICENSE").read_bytes()).hexdigest()
    assert digest == "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"


def test_guide_shows_example_answers_for_each_shipped_policy_with_an_intended_use() -> None:
    text = (ROOT / "docs/licences-in-use.md").read_text(encoding="utf-8")
    for policy in load_shipped().policies.values():
        part = text.partition(f"\n## {policy.name}\n")[2].partition("\n## ")[0]
        assert (part.count("Exit code ") >= 2) is policy.intent.is_stated, policy.name
    verdicts = set(re.findall(r"^Exit code (\d, [a-z]+)[:, ]", text, re.MULTILINE))
    assert verdicts == {"0, pass", "1, fail", "3, review"}
    assert "tmp" not in text  # the path of the folder in which the examples were run
