"""Files of git in a repository, each written here, since no git shall find one below the fixtures."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import modelaudit
from modelaudit.model.outline import Outline


def said(reading) -> list[tuple[str, str]]:
    return [(each.use, each.name) for outline in reading.of(Outline) for each in outline.mentions]


def submodule(**entries: str) -> bytes:
    return ('[submodule "data"]\n' + "".join(f"\t{key} = {value}\n" for key, value in entries.items())).encode()


@pytest.mark.parametrize(
    "value",
    ["-u./run", '"-u./run"', "ext::sh -c true", "ssh://-oProxyCommand=true/x", "ssh://a@-oX=y/x", "-u\\\n./run"],
)
def test_an_address_that_is_a_command_or_an_option_runs_one(value, read_bytes):
    assert said(read_bytes(submodule(url=value), ".gitmodules")) == [("git-command", "submodule.url")]


def test_a_submodule_may_not_be_updated_by_a_command(read_bytes):
    assert said(read_bytes(submodule(update="!sh x"), ".gitmodules")) == [("git-command", "submodule.update")]
    assert said(read_bytes(submodule(update="rebase"), ".gitmodules")) == []


@pytest.mark.parametrize(
    "value", ["../x", "/x", "a/../../x", ".git/hooks", "a/.GIT/x", "C:\\x", '"a\r"', '"../x" ; note', '".."/x']
)
def test_a_path_that_leads_out_of_its_place_is_told(value, read_bytes):
    assert said(read_bytes(submodule(path=value), ".gitmodules")) == [("git-outside", "submodule.path")]


def test_a_name_that_leads_out_of_its_place_is_told(read_bytes):
    data = submodule(path="x").replace(b'"data"', b'"../../modules/x"')
    assert said(read_bytes(data, ".gitmodules")) == [("git-outside", "submodule.name")]


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_plain_submodules_are_quiet(ending, read_bytes):
    data = submodule(path="third_party/x.git", url="https://example.invalid/-/x.git", branch="main").replace(
        b"\n", ending.encode()
    )
    assert said(read_bytes(data, ".gitmodules")) == []


def test_an_address_that_stands_for_another_may_be_a_command(read_bytes):
    assert said(read_bytes(b'[url "ext::sh -c true %S"]\n\tinsteadOf = https://\n', ".git/config")) == [
        ("git-command", "url.insteadof")
    ]


def test_programs_of_git_lfs_are_told(read_bytes):
    data = b'[lfs "customtransfer.x"]\n\tpath = sh\n[lfs "extension.y"]\n\tsmudge = sh -c true\n[lfs]\n\tfetchinclude = *\n'
    assert said(read_bytes(data, ".lfsconfig")) == [("git-command", "lfs.path"), ("git-command", "lfs.smudge")]


@pytest.mark.parametrize(
    ("value", "host"),
    [
        ("https://lfs.example.invalid/x", "lfs.example.invalid"),
        ("https://user@example.invalid:8080/x", "example.invalid"),
        ("git@example.invalid:x.git", "example.invalid"),
        ("https://huggingface.co@example.invalid/x", "example.invalid"),
        ("file:///tmp/x", "file:///tmp/x"),
    ],
)
def test_the_host_of_large_files_is_named(value, host, read_bytes):
    assert said(read_bytes(f"[lfs]\n\turl = {value}\n".encode(), ".lfsconfig")) == [("store", host)]


def test_drivers_of_attributes_are_named_once(read_bytes):
    data = b"# a filter=no\n*.bin filter=lfs -text\n[attr]x merge=mine\n*.bin filter=lfs\n*.txt text eol=lf -diff\n"
    reading = read_bytes(data, ".gitattributes")
    assert said(reading) == [("filter", "filter=lfs"), ("merge", "merge=mine")]
    assert reading.formats[".gitattributes"] == ["text"]


def test_what_the_hub_writes_is_quiet_and_the_rest_is_told(tmp_path):
    (tmp_path / ".gitattributes").write_text("*.safetensors filter=lfs diff=lfs merge=lfs -text\n")
    (tmp_path / ".lfsconfig").write_text("[lfs]\n\turl = https://huggingface.co/org/model.git/info/lfs\n")
    (tmp_path / ".gitmodules").write_bytes(submodule(path="x", url="https://example.invalid/x.git"))

    def scan() -> tuple[int, set[str]]:
        report = modelaudit.scan(tmp_path, second_opinion=False)
        return report.exit_code, {each.rule for each in report.findings if not each.rule.startswith("license/")}

    assert scan() == (0, set())
    (tmp_path / ".gitattributes").write_text("*.safetensors filter=acme\n")
    (tmp_path / ".lfsconfig").write_text("[lfs]\n\turl = https://example.invalid/x\n")
    assert scan() == (0, {"shell/git-driver", "shell/lfs-elsewhere"})
    (tmp_path / ".gitmodules").write_bytes(submodule(path="../x", url="--upload-pack=./run"))
    assert scan() == (1, {"shell/git-driver", "shell/lfs-elsewhere", "shell/git-command", "shell/submodule-outside"})


@settings(max_examples=200, deadline=None)
@given(
    st.text(alphabet='[]"\\=!-:;#\n\r ./submodulepathurlfilter', max_size=80),
    st.sampled_from([".gitmodules", ".lfsconfig", ".gitattributes"]),
)
def test_whatever_the_text_it_ends(read_bytes, text, name):
    read_bytes(text.encode(), name)
