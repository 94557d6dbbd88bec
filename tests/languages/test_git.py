"""Files of git in a repository, each written here, so that git finds none below the fixtures."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cases import check_each

import modelaudit
from modelaudit.model.outline import Outline


def list_mentions(reading) -> list[tuple[str, str]]:
    """Return use and name of each mention."""
    return [(each.use, each.name) for outline in reading.of(Outline) for each in outline.mentions]


def format_submodule(**entries: str) -> bytes:
    """Return a ``.gitmodules`` whose submodule ``data`` has these settings."""
    return ('[submodule "data"]\n' + "".join(f"\t{key} = {value}\n" for key, value in entries.items())).encode()


@pytest.mark.parametrize(
    "value",
    ["-u./run", '"-u./run"', "ext::sh -c true", "ssh://-oProxyCommand=true/x", "ssh://a@-oX=y/x", "-u\\\n./run"],
)
def test_submodule_url_with_command_or_option_is_reported(value, read_bytes):
    assert list_mentions(read_bytes(format_submodule(url=value), ".gitmodules")) == [("git-command", "submodule.url")]


def test_submodule_update_command_is_reported(read_bytes):
    assert list_mentions(read_bytes(format_submodule(update="!sh x"), ".gitmodules")) == [
        ("git-command", "submodule.update")
    ]
    assert list_mentions(read_bytes(format_submodule(update="rebase"), ".gitmodules")) == []


@check_each("value", ["../x", "/x", "a/../../x", ".git/hooks", "a/.GIT/x", "C:\\x", '"a\r"', '"../x" ; note', '".."/x'])
def test_submodule_path_that_leaves_the_tree_enters_dot_git_or_ends_in_a_return_is_reported(value, read_bytes):
    assert list_mentions(read_bytes(format_submodule(path=value), ".gitmodules")) == [("git-outside", "submodule.path")]


def test_submodule_name_with_parent_folders_is_reported(read_bytes):
    data = format_submodule(path="x").replace(b'"data"', b'"../../modules/x"')
    assert list_mentions(read_bytes(data, ".gitmodules")) == [("git-outside", "submodule.name")]


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_ordinary_git_submodules_give_no_mentions(ending, read_bytes):
    data = format_submodule(path="third_party/x.git", url="https://example.invalid/-/x.git", branch="main").replace(
        b"\n", ending.encode()
    )
    assert list_mentions(read_bytes(data, ".gitmodules")) == []


def test_git_url_replacement_that_runs_a_command_is_reported(read_bytes):
    assert list_mentions(read_bytes(b'[url "ext::sh -c true %S"]\n\tinsteadOf = https://\n', ".git/config")) == [
        ("git-command", "url.insteadof")
    ]


def test_programs_that_a_git_lfs_configuration_runs_are_mentioned(read_bytes):
    data = b'[lfs "customtransfer.x"]\n\tpath = sh\n[lfs "extension.y"]\n\tsmudge = sh -c true\n[lfs]\n\tfetchinclude = *\n'
    assert list_mentions(read_bytes(data, ".lfsconfig")) == [("git-command", "lfs.path"), ("git-command", "lfs.smudge")]


@pytest.mark.parametrize(
    ("value", "host"),
    [
        ("https://lfs.example.invalid/x", "lfs.example.invalid"),
        ("https://user@example.invalid:8080/x", "example.invalid"),
        ("git@example.invalid:x.git", "example.invalid"),
        ("https://huggingface.co@example.invalid/x", "example.invalid"),
        ("file:///tmp/x", "file:///tmp/x"),  # without a host, the whole URL
    ],
)
def test_git_lfs_store_is_mentioned_by_the_host_of_its_url_or_by_the_whole_url_without_one(value, host, read_bytes):
    assert list_mentions(read_bytes(f"[lfs]\n\turl = {value}\n".encode(), ".lfsconfig")) == [("store", host)]


def test_each_attribute_driver_is_reported_once(read_bytes):
    data = b"# a filter=no\n*.bin filter=lfs -text\n[attr]x merge=mine\n*.bin filter=lfs\n*.txt text eol=lf -diff\n"
    reading = read_bytes(data, ".gitattributes")
    assert list_mentions(reading) == [("filter", "filter=lfs"), ("merge", "merge=mine")]
    assert reading.formats[".gitattributes"] == ["text"]


def test_ordinary_git_settings_cause_no_findings_and_other_drivers_stores_and_submodules_do(tmp_path):
    (tmp_path / ".gitattributes").write_text("*.safetensors filter=lfs diff=lfs merge=lfs -text\n")
    (tmp_path / ".lfsconfig").write_text("[lfs]\n\turl = https://huggingface.co/org/model.git/info/lfs\n")
    (tmp_path / ".gitmodules").write_bytes(format_submodule(path="x", url="https://example.invalid/x.git"))

    def scan() -> tuple[int, set[str]]:
        """Return the exit code and the rules that fired, except for those about licences."""
        report = modelaudit.scan(tmp_path, second_opinion=False)
        return report.exit_code, {each.rule for each in report.findings if not each.rule.startswith("license/")}

    assert scan() == (0, set())
    (tmp_path / ".gitattributes").write_text("*.safetensors filter=acme\n")
    (tmp_path / ".lfsconfig").write_text("[lfs]\n\turl = https://example.invalid/x\n")
    assert scan() == (3, {"shell/git-driver", "shell/lfs-elsewhere"})
    (tmp_path / ".gitmodules").write_bytes(format_submodule(path="../x", url="--upload-pack=./run"))
    assert scan() == (1, {"shell/git-driver", "shell/lfs-elsewhere", "shell/git-command", "shell/submodule-outside"})


@settings(max_examples=200, deadline=None)
@given(
    st.text(alphabet='[]"\\=!-:;#\n\r ./submodulepathurlfilter', max_size=80),
    st.sampled_from([".gitmodules", ".lfsconfig", ".gitattributes"]),
)
def test_git_file_of_any_text_is_read_without_error(read_bytes, text, name):
    read_bytes(text.encode(), name)
