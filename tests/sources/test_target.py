from __future__ import annotations

import os
import runpy

import pytest
from huggingface_hub import constants
from hypothesis import given
from hypothesis import strategies as st
from support.cases import check_each

from modelaudit.model.artifact import ModelRef, RefKind
from modelaudit.model.errors import ConfigurationError
from modelaudit.sources.settings import DEFAULT_ENDPOINT, HubSettings
from modelaudit.sources.target import looks_like_a_path, parse_repository

COMMIT = "0123456789abcdef0123456789abcdef01234567"
MODEL, DATASET = RefKind.MODEL, RefKind.DATASET


@check_each(
    "text, revision, ref",
    [
        ("acme/tiny", None, ModelRef(MODEL, "acme/tiny")),
        ("gpt2", None, ModelRef(MODEL, "gpt2")),
        ("acme/tiny@v1.0", None, ModelRef(MODEL, "acme/tiny", "v1.0")),
        ("acme/tiny@v1", "v1", ModelRef(MODEL, "acme/tiny", "v1")),
        ("acme/tiny@refs/pr/3", None, ModelRef(MODEL, "acme/tiny", "refs/pr/3")),
        ("acme/tiny", COMMIT, ModelRef(MODEL, "acme/tiny", COMMIT)),
        ("hf://acme/tiny@main", None, ModelRef(MODEL, "acme/tiny", "main")),
        ("models/acme/tiny", None, ModelRef(MODEL, "acme/tiny")),
        ("datasets/acme/rows@v2", None, ModelRef(DATASET, "acme/rows", "v2")),
        ("datasets/squad", None, ModelRef(DATASET, "squad")),
        ("hf://datasets/acme/rows", "x/y", ModelRef(DATASET, "acme/rows", "x/y")),
        ("https://huggingface.co/acme/tiny", None, ModelRef(MODEL, "acme/tiny")),
        ("https://huggingface.co/acme/tiny/", "v1", ModelRef(MODEL, "acme/tiny", "v1")),
        ("https://HuggingFace.co/acme/tiny/discussions/3#x", None, ModelRef(MODEL, "acme/tiny")),
        ("https://huggingface.co/acme/tiny/tree/main?x=1", None, ModelRef(MODEL, "acme/tiny", "main")),
        ("https://huggingface.co/acme/tiny/tree/refs%2Fpr%2F3", None, ModelRef(MODEL, "acme/tiny", "refs/pr/3")),
        (f"https://hf.co/gpt2/commit/{COMMIT}", None, ModelRef(MODEL, "gpt2", COMMIT)),
        ("https://huggingface.co/datasets/acme/rows/tree/v2", None, ModelRef(DATASET, "acme/rows", "v2")),
    ],
)
def test_repository_names_are_parsed(text: str, revision: str | None, ref: ModelRef) -> None:
    assert not looks_like_a_path(text)
    assert parse_repository(text, revision) == ref


@check_each(
    "text, revision, words",
    [
        ("", None, "it is empty"),
        ("acme tiny", None, "ASCII letters"),
        ("acme/tiny.git", None, "'.git'"),
        ("acme--tiny", None, "'--'"),
        ("acme/ti..ny", None, "'..'"),
        ("acme/-tiny", None, "begins and ends"),
        ("hf://a/b/c", None, "one '/'"),
        ("acme/" + "x" * 97, None, "96"),
        ("аcme/tiny", None, "ASCII letters"),  # noqa: RUF001 - a Cyrillic letter that looks like a Latin one
        ("acme/tiny@", None, "ends with '@'"),
        ("acme/tiny@a", "b", "leave one of them out"),
        ("acme/tiny@../../x", None, "cannot be a revision"),
        ("acme/tiny", "/etc/passwd", "cannot be a revision"),
        ("acme/tiny", "a b", "cannot be a revision"),
        ("acme/tiny", ".hidden", "cannot be a revision"),
        ("acme/tiny", "", "cannot be a revision"),
        ("spaces/acme/app", None, "a Space is a program: download it"),
        ("https://huggingface.co/spaces/acme/app", None, "'spaces/acme/app' is neither a model nor a dataset"),
        ("https://example.com/acme/tiny", None, "is an address; name a repository"),
        ("https://huggingface.co/", None, "is an address; name a repository"),
        (
            "https://huggingface.co/acme/tiny/blob/main/a.py",
            None,
            "a scan covers all of its files; scan acme/tiny@main",
        ),
        ("https://hf.co/acme/tiny/resolve/v1/a/b.bin?download=true", None, "of a file in a repository"),
        ("https://huggingface.co/datasets/acme/rows/tree/main/x", None, "of a folder in a repository"),
        ("https://huggingface.co/acme/tiny/tree/main", "v1", "leave one of them out"),
        ("https://[huggingface.co/acme/tiny", None, "is an address"),
        ("s3://bucket/models/tiny/model.pkl", None, "download the file and name its path"),
    ],
)
def test_invalid_repository_name_or_revision_is_refused(text: str, revision: str | None, words: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_repository(text, revision)
    assert words in str(caught.value)
    assert caught.value.exit_code == 2


@given(st.text(max_size=40), st.none() | st.text(max_size=40))
def test_arbitrary_target_text_is_parsed_as_a_repository_or_refused(text: str, revision: str | None) -> None:
    looks_like_a_path(text)  # must not raise, whatever the text
    try:
        ref = parse_repository(text, revision)
    except ConfigurationError:
        return
    assert ".." not in ref.name + (ref.revision or "")
    assert not ref.name.startswith("/")


@check_each("text", ["./x", "/x", "../x", ".", "~/x", "a/b/c", "datasets/a/b/c", "x/"])
def test_target_in_the_form_of_a_path_is_taken_as_a_path(text: str) -> None:
    assert looks_like_a_path(text)


@check_each("text", ["spaces/acme/app", "kernels/acme/fast", "buckets/acme/data"])
def test_kind_that_cannot_be_scanned_is_no_path(text: str) -> None:
    assert not looks_like_a_path(text)
    with pytest.raises(ConfigurationError, match="is neither a model nor a dataset"):
        parse_repository(text, None)


def test_endpoint_token_cache_folder_and_offline_mode_are_taken_from_environment_variables() -> None:
    bare = HubSettings.read({"HOME": "/home/x"})
    assert (bare.endpoint, bare.token, bare.offline) == (DEFAULT_ENDPOINT, None, False)
    assert str(bare.cache).endswith("/.cache/huggingface/hub")
    assert str(HubSettings.read({"XDG_CACHE_HOME": "/c"}).cache) == "/c/huggingface/hub"
    assert str(HubSettings.read({"HF_HOME": "/h", "XDG_CACHE_HOME": "/c"}).cache) == "/h/hub"
    assert str(HubSettings.read({"HF_HOME": "/h", "HF_HUB_CACHE": "/k"}).cache) == "/k"
    full = HubSettings.read({"HF_ENDPOINT": "http://127.0.0.1:1/", "HF_TOKEN": " hf_x\n", "HF_HUB_OFFLINE": "yes"})
    assert (full.endpoint, full.token, full.offline) == ("http://127.0.0.1:1", "hf_x", True)
    assert "hf_x" not in repr(full)
    assert HubSettings.read({"HF_HUB_OFFLINE": "0"}, offline=True).offline
    assert not HubSettings.read({"HF_HUB_OFFLINE": "0"}).offline


@check_each(
    "variables",
    [{}, {"XDG_CACHE_HOME": "/c"}, {"HF_HOME": "/h", "XDG_CACHE_HOME": "/c"}, {"HF_HOME": "/h", "HF_HUB_CACHE": "/k"},
     {"HUGGINGFACE_HUB_CACHE": "/old"}, {"HF_ENDPOINT": "http://127.0.0.1:1/"}, {"HF_HUB_OFFLINE": "yes"},
     {"HF_HUB_OFFLINE": "0"}, {"HF_HUB_OFFLINE": "on"}, {"TRANSFORMERS_OFFLINE": "1"}],
)  # fmt: skip
def test_settings_from_environment_variables_equal_those_of_the_client(variables: dict[str, str]) -> None:
    environment = {"HOME": "/home/x", **variables}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "environ", environment)
        client = runpy.run_path(constants.__file__)  # it reads the variables when it runs
        settings = HubSettings.read(environment)
    assert str(settings.cache) == client["HF_HUB_CACHE"]
    assert (settings.endpoint, settings.offline) == (client["ENDPOINT"], client["HF_HUB_OFFLINE"])


@pytest.mark.parametrize(
    "endpoint",
    ["huggingface.co", "ftp://x", "https://", "http://a b", "ann:secret@x", "ftp://ann:secret@x",
     "https://ann:secret/x@x", "https://ann@secret@x", "https://ann:secret@"],
)  # fmt: skip
def test_invalid_endpoint_is_refused_without_its_password(endpoint: str) -> None:
    with pytest.raises(ConfigurationError, match="HF_ENDPOINT") as refused:
        HubSettings.read({"HF_ENDPOINT": endpoint})
    assert "secret" not in str(refused.value)


def test_credentials_of_the_endpoint_are_in_the_address_for_requests_only() -> None:
    settings = HubSettings.read({"HF_ENDPOINT": "https://ann:s%40cret@hub.example:8443/mirror/"})
    assert settings.endpoint == "https://hub.example:8443/mirror"
    assert settings.request_endpoint == "https://ann:s%40cret@hub.example:8443/mirror"
    assert "cret" not in repr(settings)
    assert "cret" not in settings.hide_credentials(f"GET {settings.request_endpoint}/api failed")
    without = HubSettings.read({"HF_ENDPOINT": "https://hub.example"})
    assert without.request_endpoint == without.endpoint == without.hide_credentials("https://hub.example")
