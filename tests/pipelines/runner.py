"""A runner of GitHub Actions for one composite action, and the comments of a pull request behind its API."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).resolve().parents[2]
BOT: Final = "github-actions[bot]"
_EXPRESSION: Final = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")
_COMMAND: Final = re.compile(r"::([\w-]+)(?: ([^:]*))?::(.*)")
_KEPT_VARIABLES: Final = re.compile(r"PATH|HOME|LANG|HF_\w+|PIP_\w+|SSL_\w+|\w+_proxy|NO_PROXY", re.IGNORECASE)


@dataclass
class JobResult:
    """What a job with the action left behind.

    Attributes:
        exit_code: of the first step that failed; 0 if none did.
        outputs: the outputs of the action.
        log: the log of all steps.
        commands: (name, properties, message) of the commands that the runner obeyed, in order.
        summary: the summaries of the steps.
        used: the actions that it used, each with its inputs.
        steps: the outputs of each step with an id.
    """

    exit_code: int = 0
    outputs: dict[str, str] = field(default_factory=dict)
    log: str = ""
    commands: list[tuple[str, str, str]] = field(default_factory=list)
    summary: str = ""
    used: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    steps: dict[str, dict[str, str]] = field(default_factory=dict)


class Runner:
    """Runs the steps of ``action.yml`` in order, as a runner would, with the environment of a runner and no more.

    Attributes:
        workspace: the working directory of the job.
        temporary: the folder for files of the job.
        environment: further variables of the job.
        cached: keys of the cache; a restored one counts as a hit.
        inputs: inputs of every job, which a job may override.
        installed: the outputs of the step ``install`` of an earlier job, which then is not run again.
    """

    def __init__(self, workspace: Path, temporary: Path) -> None:
        self.workspace, self.temporary = workspace, temporary
        self.environment: dict[str, str] = {}
        self.cached: set[str] = set()
        self.inputs: dict[str, str] = {}
        self.installed: dict[str, str] | None = None
        self._action = yaml.load((ROOT / "action.yml").read_bytes(), yaml.BaseLoader)

    def run(self, **inputs: str) -> JobResult:
        """Run the action with inputs, whose names have underscores in place of dashes."""
        values = {name: each.get("default", "") for name, each in self._action["inputs"].items()}
        given = {name.replace("_", "-"): value for name, value in (self.inputs | inputs).items()}
        assert given.keys() <= values.keys()
        result, context = JobResult(), {"github.token": "token-of-the-job"}
        context |= {f"inputs.{name}": value for name, value in (values | given).items()}
        for step in self._action["runs"]["steps"]:
            condition = step.get("if", "")
            if (result.exit_code and condition != "always()") or not _evaluate_condition(condition, context):
                continue
            outputs = self._run_step(step, context, result)
            if name := step.get("id"):
                result.steps[name] = outputs
                context |= {f"steps.{name}.outputs.{key}": value for key, value in outputs.items()}
        result.outputs = {name: _expand(each["value"], context) for name, each in self._action["outputs"].items()}
        result.commands = list(read_commands(result.log))
        return result

    def _run_step(self, step: Mapping[str, Any], context: Mapping[str, str], result: JobResult) -> dict[str, str]:
        """Run one step and return its outputs."""
        if "uses" in step:
            inputs = {name: _expand(value, context) for name, value in step.get("with", {}).items()}
            result.used.append((step["uses"], inputs))
            return self._answer_action(step["uses"].partition("@")[0], inputs)
        assert "${{" not in step["run"], "an expression in a script is read by the shell"
        if step.get("id") == "install" and self.installed is not None:
            return self.installed
        files = {name: self.temporary / name for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        for file in files.values():
            file.write_bytes(b"")
        environment = {name: value for name, value in os.environ.items() if _KEPT_VARIABLES.fullmatch(name)}
        environment |= {
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTION_PATH": str(ROOT),
            "GITHUB_WORKSPACE": str(self.workspace),
            "RUNNER_TEMP": str(self.temporary),
            **{name: str(path) for name, path in files.items()},
            **self.environment,
            **{name: _expand(value, context) for name, value in step.get("env", {}).items()},
        }
        shell = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", step["run"]]
        done = subprocess.run(
            shell, cwd=self.workspace, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )
        result.log += done.stdout.decode(errors="replace")
        result.exit_code = result.exit_code or done.returncode
        result.summary += files["GITHUB_STEP_SUMMARY"].read_text("utf-8")
        return _parse_outputs(files["GITHUB_OUTPUT"].read_text("utf-8"))

    def _answer_action(self, name: str, inputs: Mapping[str, str]) -> dict[str, str]:
        """Return the outputs of an action of somebody else, which this runner has in no copy."""
        if name == "actions/cache/restore":
            return {"cache-hit": "true" if inputs["key"] in self.cached else ""}
        if name == "actions/cache/save":
            assert all(Path(path).is_dir() for path in inputs["path"].splitlines())
            self.cached.add(inputs["key"])
        return {"python-path": sys.executable} if name == "actions/setup-python" else {}


def _evaluate_condition(condition: str, context: Mapping[str, str]) -> bool:
    """Evaluate the forms of ``if`` that the action uses: comparisons with a text, joined by ``&&``."""
    for part in filter(None, condition.split(" && ")):
        if part == "always()":
            continue
        comparison = re.fullmatch(r"([\w.-]+) (==|!=) '(.*)'", part)
        assert comparison, f"this runner does not know the condition {part!r}"
        name, operator, text = comparison.groups()
        if (context.get(name, "") == text) != (operator == "=="):
            return False
    return True


def _expand(text: str, context: Mapping[str, str]) -> str:
    """Expand the expressions of a text; a name without a value is empty, as for a runner."""
    return _EXPRESSION.sub(lambda match: context.get(match[1], ""), text)


def _parse_outputs(text: str) -> dict[str, str]:
    """Parse the file of outputs; every one is written with a delimiter."""
    outputs: dict[str, str] = {}
    lines = iter(text.splitlines())
    for line in lines:
        name, mark, delimiter = line.partition("<<")
        assert mark and len(delimiter) > 30, line
        value: list[str] = []
        while (line := next(lines)) != delimiter:
            value.append(line)
        outputs[name] = "\n".join(value)
    return outputs


def read_commands(log: str) -> Iterator[tuple[str, str, str]]:
    """Yield (name, properties, message) of each command in a log that a runner obeys."""
    token = ""
    for line in log.split("\n"):
        if token:
            token = "" if line.strip() == f"::{token}::" else token
        elif command := _COMMAND.match(line.lstrip()):
            if command[1] == "stop-commands":
                token = command[3]
            else:
                yield command[1], command[2] or "", command[3]


@dataclass
class PullRequest:
    """The comments of one pull request, as GitHub's API keeps them; a context manager's value serves them."""

    token: str
    comments: list[dict[str, Any]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    url: str = ""
    refuse: bool = False

    def add(self, body: str, author: str) -> dict[str, Any]:
        """Add a comment."""
        comment = {"id": len(self.comments) + 1, "body": body, "user": {"login": author}}
        self.comments.append(comment)
        return comment

    def answer(self, method: str, path: str, authorization: str, content: bytes) -> tuple[int, Any]:
        """Answer one request with a status and a JSON value."""
        self.requests.append(f"{method} {path}")
        if self.refuse or authorization != f"Bearer {self.token}":
            return 403, {"message": "Resource not accessible by integration"}
        where, _, query = path.partition("?")
        if where == "/repos/acme/app/issues/7/comments":
            if method == "POST":
                return 201, self.add(json.loads(content)["body"], BOT)
            page = int(dict(pair.split("=") for pair in query.split("&"))["page"])
            return 200, self.comments[100 * (page - 1) : 100 * page]
        if method == "PATCH" and (found := re.fullmatch(r"/repos/acme/app/issues/comments/(\d+)", where)):
            comment = self.comments[int(found[1]) - 1]
            comment["body"] = json.loads(content)["body"]
            return 200, comment
        return 404, {"message": "Not Found"}


@contextmanager
def serve_pull_request(token: str) -> Iterator[PullRequest]:
    """Serve pull request 7 of ``acme/app`` on the loopback interface."""
    pull_request = PullRequest(token)

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            authorization = self.headers.get("Authorization", "")
            status, value = pull_request.answer(self.command, self.path, authorization, content)
            body = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PATCH = _answer  # noqa: N815

        def log_message(self, format: str, *arguments: object) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        pull_request.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        try:
            yield pull_request
        finally:
            server.shutdown()
