"""The address that a checkout was cloned from, as its configuration states it."""

from __future__ import annotations

from pathlib import Path

from support.cases import check_each

import modelaudit
from modelaudit.model.description import Topic

TOPICS = Topic.REPOSITORY, Topic.DOWNLOAD, Topic.HOMEPAGE, Topic.SUPPLIER


def list_facts(folder: Path, config: str, name: str = ".git/config") -> dict[str, tuple[str, int | None]]:
    """Return value and line of the facts on the address, by topic, of a folder with this configuration."""
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / ".git/HEAD").parent.mkdir(exist_ok=True)
    (folder / ".git/HEAD").write_text("ref: refs/heads/main\n")
    (folder / name).write_text(config)
    (folder / "config.json").write_text('{"model_type": "llama"}')
    facts = modelaudit.scan(folder, offline=True, second_opinion=False).description.list_facts(*TOPICS)
    return {fact.topic: (fact.value, fact.where.line) for fact in facts}


def test_remote_of_the_hub_states_repository_download_page_and_owner(tmp_path: Path) -> None:
    config = '[core]\n\tbare = false\n[remote "origin"]\n\turl = https://huggingface.co/acme/tiny\n\tfetch = +refs/*\n'
    address = ("https://huggingface.co/acme/tiny", 4)
    assert list_facts(tmp_path, config) == {
        "repository": address, "download": address, "homepage": address, "supplier": ("acme", 4),
    }  # fmt: skip


def test_remote_of_another_server_states_no_owner(tmp_path: Path) -> None:
    config = '[remote "origin"]\n\turl = https://git.example/acme/tiny.git\n'
    address = ("https://git.example/acme/tiny", 2)
    assert list_facts(tmp_path, config) == {"repository": address, "download": address}


@check_each(
    "number, config",
    [
        (1, '[remote "origin"]\n\turl = https://user:token@huggingface.co/acme/tiny\n'),
        (2, '[remote "origin"]\n\turl = git@hf.co:acme/tiny\n'),
        (3, '[remote "origin"]\n\turl = ext::sh -c touch% /tmp/x\n'),
        (4, '[remote "upstream"]\n\turl = https://huggingface.co/acme/tiny\n'),
        (5, '[core]\n\turl = https://huggingface.co/acme/tiny\n'),
        (6, '[remote "origin"]\n[core]\n\turl = https://huggingface.co/acme/tiny\n'),
        (7, "# https://huggingface.co/acme/tiny\n"),
    ],
)  # fmt: skip
def test_no_other_line_is_an_address_and_no_token_is_kept(tmp_path: Path, number: int, config: str) -> None:
    assert list_facts(tmp_path / str(number), config) == {}


def test_configuration_of_a_folder_inside_the_model_is_none_of_the_checkout(tmp_path: Path) -> None:
    config = '[remote "origin"]\n\turl = https://huggingface.co/acme/tiny\n'
    assert list_facts(tmp_path, config, "part/.git/config") == {}
