"""Attestations attached to images: in a real registry, and in one on the loopback interface that misbehaves."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

import pytest
from support.attested import AttestedModel, make_attested
from support.command import CommandResult, run_command
from support.sigstore_instance import ISSUER, run_instance

from modelaudit.model.errors import ConfigurationError, SourceError
from modelaudit.sources.registry import MANIFEST, Registry, parse_image

BUNDLE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"
SETTINGS: Final = "version: 0.1\nstorage: {{filesystem: {{rootdirectory: {folder}}}}}\nhttp: {{addr: {address}}}\n"


@pytest.fixture(scope="module")
def real_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The registry of Debian, on a port of its own; the name of an image in it."""
    folder = tmp_path_factory.mktemp("registry")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    (folder / "settings.yml").write_text(SETTINGS.format(folder=folder / "data", address=address))
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(["docker-registry", "serve", folder / "settings.yml"], stdout=log, stderr=log)
        try:
            for _ in range(600):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", int(address.rpartition(":")[2]))) == 0:
                        break
                time.sleep(0.05)
            (folder / "weights.bin").write_bytes(b"weights")
            command = ["oras", "push", "--plain-http", f"{address}/acme/tiny:v1", "weights.bin"]
            subprocess.run(command, check=True, capture_output=True, cwd=folder)
            yield f"{address}/acme/tiny"
        finally:
            server.kill()
            server.wait()


@pytest.fixture(scope="module")
def attested(tmp_path_factory: pytest.TempPathFactory) -> AttestedModel:
    return make_attested(tmp_path_factory.mktemp("attested"))


def push(attested: AttestedModel, image: str, *arguments: str | Path) -> CommandResult:
    """Run ``attest --push``."""
    options = ("--report", attested.report, "--key", attested.key, "--push", image, *arguments)
    return run_command("attest", attested.model, *options)


def run_oras(*arguments: str) -> str:
    """Run the client of OCI registries, and return what it prints."""
    command = ["oras", arguments[0], *arguments[1:], "--plain-http"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.mark.counterpart
def test_referrers_in_a_real_registry_are_those_that_oras_lists(
    attested: AttestedModel, real_registry: str, tmp_path: Path
) -> None:
    file = tmp_path / "pushed.jsonl"
    done = push(attested, f"{real_registry}:v1", "-o", file)
    assert done.returncode == 0, done.stderr
    listed = json.loads(run_oras("discover", "--format", "json", f"{real_registry}:v1"))["manifests"]
    assert [each["artifactType"] for each in listed] == [BUNDLE, BUNDLE]
    assert all(each["digest"] in done.stderr for each in listed)
    contents = []
    for each in listed:
        manifest = json.loads(run_oras("manifest", "fetch", f"{real_registry}@{each['digest']}"))
        assert manifest["subject"]["digest"] in done.stderr
        [layer] = manifest["layers"]
        contents.append(run_oras("blob", "fetch", "--output", "-", f"{real_registry}@{layer['digest']}"))
    assert "".join(contents) == file.read_text()
    subjects = json.loads(base64.b64decode(json.loads(contents[1])["dsseEnvelope"]["payload"]))["subject"]
    image = manifest["subject"]["digest"].removeprefix("sha256:")
    assert {"sha256": image} in [each["digest"] for each in subjects]
    verified = run_command("verify", attested.model, "--attestation", file, "--key", attested.public)
    assert verified.returncode == 0, verified.stdout
    # A further attestation joins the first ones; equal evidence has equal bytes, and so is there already.
    for options in ((), ("--expires", "30d")):
        assert push(attested, f"{real_registry}@sha256:{image}", *options).returncode == 0
    assert len(json.loads(run_oras("discover", "--format", "json", f"{real_registry}:v1"))["manifests"]) == 3


@pytest.mark.counterpart
def test_commands_of_the_page_bring_each_attestation_of_an_image_back(
    attested: AttestedModel, real_registry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    subprocess.run(["oras", "push", "--plain-http", f"{real_registry}:v3", "--artifact-type", "a/b"], check=True)
    files = [tmp_path / name for name in ("first.jsonl", "second.jsonl")]
    for file, days in zip(files, ("30d", "60d"), strict=True):
        done = push(attested, f"{real_registry}:v3", "-o", file, "--expires", days)
        assert done.returncode == 0, done.stderr
    page = (Path(__file__).resolve().parents[2] / "docs/attestation.md").read_text("utf-8")
    [block] = re.findall(r"^```sh\n(oras .*?)^```$", page, re.MULTILINE | re.DOTALL)
    # The client talks to this name without TLS.
    monkeypatch.setenv("IMAGE", f"{real_registry.replace('127.0.0.1', 'localhost')}:v3")
    done_block = subprocess.run(["bash", "-eu", "-c", block], capture_output=True, text=True, check=False)
    assert done_block.returncode == 0, done_block
    fetched = list(tmp_path.glob("*.att"))
    assert len(fetched) == 2
    for file in fetched:
        verified = run_command("verify", attested.model, "--attestation", file, "--key", attested.public)
        assert verified.returncode == 0, verified.stdout
    assert sorted(file.read_text() for file in fetched) == sorted(file.read_text() for file in files)


@pytest.mark.counterpart
def test_image_that_the_registry_lacks_is_named(attested: AttestedModel, real_registry: str, tmp_path: Path) -> None:
    file = tmp_path / "none.jsonl"
    for image in (f"{real_registry}:v2", f"{real_registry}@sha256:{'0' * 64}"):
        done = push(attested, image, "-o", file)
        assert (done.returncode, file.exists()) == (4, False)
        assert "the registry has no such image: status 404" in done.stderr


Answer = tuple[int, dict[str, str], bytes]


class LoopbackRegistry:
    """A registry with the API of referrers that answers as a test wants; every request is kept."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.stored: dict[str, bytes] = {}
        self.change: Callable[[str, str, dict[str, str]], Answer | None] = lambda *_: None
        self.has_referrers = True
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                """Print nothing."""

            def serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {key.lower(): value for key, value in self.headers.items()}
                outer.requests.append((self.command, self.path, headers))
                answer = outer.change(self.command, self.path, headers) or outer.answer(self.command, self.path, body)
                self.send_response(answer[0])
                for key, value in {"Content-Length": str(len(answer[2])), **answer[1]}.items():
                    self.send_header(key, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(answer[2])

        for verb in ("GET", "HEAD", "POST", "PUT"):
            setattr(Handler, f"do_{verb}", Handler.serve)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def answer(self, method: str, path: str, body: bytes) -> Answer:
        """Answer as a sound registry does."""
        name = path.partition("?")[0]
        if method == "POST":
            return 202, {"Location": f"{name}one?state=x"}, b""
        if method == "PUT" and "/uploads/" in name:
            digest = path.rpartition("digest=")[2].replace("%3A", ":")
            self.stored[f"/v2/acme/tiny/blobs/{digest}"] = body
            return 201, {}, b""
        if method == "PUT":
            self.stored[name] = body
            subject = json.loads(body).get("subject", {}).get("digest", "")
            return 201, {"OCI-Subject": subject} if self.has_referrers and subject else {}, b""
        if "/referrers/" in name:
            return (200, {}, b'{"manifests": []}') if self.has_referrers else (404, {}, b"")
        found = self.stored.get(name)
        return (404, {}, b"") if found is None else (200, {"Content-Type": MANIFEST}, found)


@pytest.fixture
def registry() -> Iterator[LoopbackRegistry]:
    registry = LoopbackRegistry()
    registry.stored["/v2/acme/tiny/manifests/v1"] = b'{"schemaVersion": 2}'
    yield registry
    registry.server.shutdown()
    registry.server.server_close()


def attach(registry: LoopbackRegistry, credentials: tuple[str, str] | None = None) -> str:
    """Attach one blob to the image, and return the digest of the referrer."""
    with Registry(parse_image(f"{registry.host}/acme/tiny:v1"), credentials) as client:
        return client.attach(client.find_image(), BUNDLE, b"{}\n", "summary.sigstore.json").digest


def test_registry_with_the_api_of_referrers_gets_no_index_under_a_tag(registry: LoopbackRegistry) -> None:
    digest = attach(registry)
    assert f"/v2/acme/tiny/manifests/{digest}" in registry.stored
    assert not [path for path in registry.stored if "manifests/sha256-" in path]


def test_index_under_the_tag_keeps_the_referrers_of_others(registry: LoopbackRegistry) -> None:
    registry.has_referrers = False
    subject = hashlib.sha256(registry.stored["/v2/acme/tiny/manifests/v1"]).hexdigest()
    tag = f"/v2/acme/tiny/manifests/sha256-{subject}"
    registry.stored[tag] = json.dumps({"manifests": [{"digest": "sha256:other"}]}).encode()
    digest = attach(registry)
    attach(registry)
    listed = [each["digest"] for each in json.loads(registry.stored[tag])["manifests"]]
    assert listed == ["sha256:other", digest]
    registry.stored[tag] = before = b"[]"
    with pytest.raises(SourceError, match="is not an index of referrers; nothing was changed"):
        attach(registry)
    assert registry.stored[tag] == before


def test_token_is_asked_for_with_the_password_and_sent(registry: LoopbackRegistry) -> None:
    def demand(method: str, path: str, headers: dict[str, str]) -> Answer | None:
        if path.startswith("/token"):
            sent = headers.get("authorization", "")
            return (200, {}, b'{"token": "t"}') if sent == "Basic YTpi" else (401, {}, b"")
        challenge = f'Bearer realm="http://{registry.host}/token",service="s",scope="x"'
        return None if headers.get("authorization") == "Bearer t" else (401, {"WWW-Authenticate": challenge}, b"")

    registry.change = demand
    assert attach(registry, ("a", "b")).startswith("sha256:")
    with pytest.raises(SourceError, match=r"status 401; log in"):
        attach(registry, ("a", "wrong"))


def test_password_is_read_from_the_settings_of_docker_and_sent_to_their_host_alone(
    registry: LoopbackRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    registry.change = lambda _method, _path, headers: (
        None if headers.get("authorization") == "Basic YTpi" else (401, {"WWW-Authenticate": 'Basic realm="r"'}, b"")
    )
    for host, works in ((registry.host, True), ("registry.example", False)):
        (tmp_path / "config.json").write_text(json.dumps({"auths": {host: {"auth": "YTpi"}}}))
        if works:
            assert attach(registry).startswith("sha256:")
        else:
            with pytest.raises(SourceError, match="status 401"):
                attach(registry)
    (tmp_path / "config.json").write_text("[")
    with pytest.raises(SourceError, match="status 401"):
        attach(registry)


@pytest.mark.parametrize(
    ("method", "part", "answer", "words"),
    [
        ("POST", "/uploads/", (202, {"Location": "http://192.0.2.1/take"}, b""), "sends an upload to another server"),
        ("POST", "/uploads/", (500, {}, b""), "accepts no upload: status 500"),
        ("PUT", "/uploads/", (400, {}, b""), "refuses a blob: status 400"),
        ("PUT", "/manifests/", (403, {}, b""), "refuses a manifest: status 403; log in"),
        ("GET", "/manifests/v1", (200, {}, b"x" * 5_000_000), "the answer has more than 4,194,304 bytes"),
        ("POST", "/uploads/", (202, {"Location": "http://127.0.0.1:80.example/take"}, b""), "upload to another server"),
        ("POST", "/uploads/", (202, {"Location": "http://[/take"}, b""), "sends an upload to no address"),
        ("POST", "/uploads/", (401, {"WWW-Authenticate": 'Bearer realm="http://a\xa0/"'}, b""), "no answer"),
        ("GET", "/manifests/v1", (302, {"Location": "http://192.0.2.1/"}, b""), "has no such image: status 302"),
    ],
)
def test_answer_of_a_bad_registry_is_refused(
    registry: LoopbackRegistry, method: str, part: str, answer: Answer, words: str
) -> None:
    registry.change = lambda sent, path, _: answer if sent == method and part in path else None
    with pytest.raises(SourceError, match=words):
        attach(registry)


@pytest.mark.parametrize("location", ["http://{host}.example/", "http://{host}@example/", "http://{host}1/", "//x/"])
def test_upload_to_a_server_whose_address_begins_alike_gets_no_password(
    registry: LoopbackRegistry, location: str
) -> None:
    place = location.format(host=registry.host)
    registry.change = lambda method, *_: (202, {"Location": place}, b"") if method == "POST" else None
    with pytest.raises(SourceError, match="sends an upload to another server"):
        attach(registry, ("a", "b"))


@pytest.mark.parametrize("body", [b"[" * 100_000, b"x" * 5_000_000])
def test_token_that_is_no_answer_ends_in_one_line(registry: LoopbackRegistry, body: bytes) -> None:
    challenge = {"WWW-Authenticate": f'Bearer realm="http://{registry.host}/token"'}
    registry.change = lambda _method, path, _: (200, {}, body) if path.startswith("/token") else (401, challenge, b"")
    with pytest.raises(SourceError, match=r"status 401|more than 4,194,304 bytes"):
        attach(registry, ("a", "b"))


def test_compressed_answer_is_not_unpacked(registry: LoopbackRegistry) -> None:
    packed = gzip.compress(b"x" * 1_000_000)
    registry.change = lambda method, *_: (200, {"Content-Encoding": "gzip"}, packed) if method == "GET" else None
    with Registry(parse_image(f"{registry.host}/acme/tiny:v1")) as client:
        assert client.find_image().size == len(packed)


def test_digest_of_a_tag_is_that_of_the_delivered_bytes_and_not_of_a_header(registry: LoopbackRegistry) -> None:
    stated = {"Docker-Content-Digest": f"sha256:{'b' * 64}"}
    registry.change = lambda method, *_: (200, stated, b"{}") if method == "GET" else None
    with Registry(parse_image(f"{registry.host}/acme/tiny:v1")) as client:
        assert client.find_image().digest == f"sha256:{hashlib.sha256(b'{}').hexdigest()}"


def test_manifest_with_another_digest_than_the_named_one_is_refused(registry: LoopbackRegistry) -> None:
    registry.stored[f"/v2/acme/tiny/manifests/sha256:{'a' * 64}"] = b"{}"
    with (
        Registry(parse_image(f"{registry.host}/acme/tiny@sha256:{'a' * 64}")) as client,
        pytest.raises(SourceError, match="the registry delivers sha256:"),
    ):
        client.find_image()


def test_registry_that_does_not_answer_is_one_line(attested: AttestedModel) -> None:
    done = push(attested, "127.0.0.1:1/acme/tiny:v1")
    assert (done.returncode, done.stderr.count("\n")) == (4, 1)
    assert "no answer" in done.stderr


@pytest.mark.parametrize(
    "text",
    ["", "tiny", "host/tiny", "host/Tiny:v1", "host/tiny:", "host/tiny@sha256:1", "https://h/tiny:v1", "host/../x:v1"],
)
def test_text_that_names_no_image_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="is not an image"):
        parse_image(text)


def test_image_on_another_machine_is_reached_by_tls_alone() -> None:
    assert parse_image("registry.example/a:v1").base == "https://registry.example/v2/a"
    assert parse_image("localhost:5000/a/b:v1@sha256:" + "0" * 64).base == "http://localhost:5000/v2/a/b"


def test_attestation_of_an_identity_is_attached(
    registry: LoopbackRegistry, attested: AttestedModel, tmp_path: Path
) -> None:
    file = tmp_path / "pushed.jsonl"
    with run_instance() as instance:
        config, root = instance.write(tmp_path)
        options = (
            "--report",
            attested.report,
            "--trust-config",
            config,
            "--push",
            f"{registry.host}/acme/tiny:v1",
            "-o",
            file,
        )
        done = run_command("attest", attested.model, *options, SIGSTORE_ID_TOKEN=instance.make_token())
    assert done.returncode == 0, done.stderr
    assert set(file.read_bytes().splitlines(keepends=True)) <= set(registry.stored.values())
    signer = ("--identity", "releases@acme.example", "--issuer", ISSUER, "--trusted-root", root)
    assert run_command("verify", attested.model, "--attestation", file, *signer).returncode == 0
