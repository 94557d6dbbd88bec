"""The steps of the action: install, resolve, scan, comment. Each reads the environment, and trusts none of it.

A runner obeys lines of the log that begin with ``::``, and lines ``name<<delimiter`` of a file. Texts of a model reach
both, so commands are off while such a text is printed, and every delimiter is random.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import subprocess
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

_CHECKOUT: Final = Path(__file__).resolve().parents[2]
_VERDICTS: Final = ("fail", "incomplete", "review", "pass")
"""The answers of a report, the worst first."""
_COULD_NOT_RUN: Final = 4
_WRONG_INPUT: Final = 2
_NOT_SCANNED: Final = "not-scanned"
"""The cause of a target without a report, beside the kinds of causes in reports."""
_MOST_ERRORS_SHOWN: Final = 10
"""GitHub keeps as many annotations of one step."""
_MOST_ERROR_CHARACTERS: Final = 2_000
_SUMMARY_BYTES: Final = 1 << 20
"""The limit of one step ("Job summaries" in the documentation of GitHub Actions)."""
_COMMENT_CHARACTERS: Final = 65_536
_COMMENT_PAGES: Final = 30
"""Pages of 100 comments that are searched for the one of an earlier run."""
_ANSWER_BYTES: Final = 32 << 20
_TIMEOUT_SECONDS: Final = 30
_MARKER: Final = re.compile(r"<!-- [\x20-\x7e]{1,200} -->")
_BOT: Final = "github-actions[bot]"
"""The author of what a workflow writes with its own token."""


class ActionError(Exception):
    """The action cannot do what an input asks; the message names the input and the next step."""


def main() -> int:
    """Run the step that the command line names, and return its exit code."""
    steps = {"install": install, "resolve": resolve, "scan": scan, "comment": comment}
    return steps[sys.argv[1]]()


# --- The files and the log of the runner ------------------------------------------------------------------------------


def set_output(name: str, value: str) -> None:
    """Set an output of the step; a value of any text stays one value."""
    delimiter = f"modelaudit-{secrets.token_hex(16)}"
    _append("GITHUB_OUTPUT", f"{name}<<{delimiter}\n{value}\n{delimiter}\n".encode(errors="replace"))


def _append(variable: str, content: bytes) -> None:
    """Append to the file that a variable of the runner names; without one, as on a desk, nothing is kept."""
    if path := os.environ.get(variable):
        with Path(path).open("ab") as file:
            file.write(content)


def annotate(level: str, message: str) -> None:
    """Print an annotation of the level ``error``, ``warning`` or ``notice``, of one line of any text."""
    escaped = message.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    print(f"::{level} title=modelaudit::{escaped}", flush=True)


@contextmanager
def commands_off() -> Iterator[None]:
    """Keep the runner from obeying what is printed within the block."""
    token = secrets.token_hex(16)
    print(f"::stop-commands::{token}", flush=True)
    try:
        yield
    finally:
        print(f"\n::{token}::", flush=True)


def read_switch(name: str) -> bool:
    """Read an input that is ``true`` or ``false``. Raises ``ActionError`` for any other text."""
    value = os.environ.get(f"INPUT_{name}", "").strip().lower()
    if value not in ("true", "false"):
        raise ActionError(f"the input {name.lower().replace('_', '-')} is {value!r}; write true or false")
    return value == "true"


def name_inputs(message: str) -> str:
    """Name in a message of the command the inputs of the action, in place of the options that they become."""
    message = re.sub(r"^-o (?=\S+=)", "the input formats: ", message)
    return re.sub(r"(['\"]?)(?<![\w-])--(policy|fail-on|baseline|decisions|offline)\b(?!-)\1", r"the input \2", message)


def list_targets() -> list[str]:
    """List the targets of the input, one on each line."""
    return [line.strip() for line in os.environ.get("INPUT_TARGET", "").splitlines() if line.strip()]


# --- install ----------------------------------------------------------------------------------------------------------


def install() -> int:
    """Install this checkout from its lock into an environment of its own, outside of the workspace."""
    folder = Path(tempfile.mkdtemp(prefix="modelaudit-", dir=os.environ.get("RUNNER_TEMP")))
    python = folder / "bin/python"
    pip = [str(python), "-I", "-m", "pip", "--disable-pip-version-check", "--quiet", "install", "--no-input"]
    locks = [f"--requirement={_CHECKOUT}/requirements/{name}.lock" for name in ("run", "build")]
    for command in (
        [sys.executable, "-I", "-m", "venv", str(folder)],
        [*pip, "--require-hashes", *locks],
        [*pip, "--no-deps", "--no-build-isolation", str(_CHECKOUT)],
    ):
        if (code := subprocess.run(command, check=False).returncode) != 0:
            annotate(
                "error", f"modelaudit could not be installed: exit code {code}; the log of this step has the reason"
            )
            return _COULD_NOT_RUN
    set_output("python", str(python))
    return 0


# --- resolve ----------------------------------------------------------------------------------------------------------


def resolve() -> int:
    """Set the key of the cache to the commits of all targets on the Hub; none, if one cannot be told now.

    The scan does without a cache then, and reports itself what keeps the Hub from answering.
    """
    from huggingface_hub import HfApi

    from modelaudit.model.artifact import RefKind
    from modelaudit.model.errors import ModelAuditError
    from modelaudit.policy_choice import choose_policy
    from modelaudit.sources.cache import locate_cached_repository
    from modelaudit.sources.failures import CLIENT_ERRORS
    from modelaudit.sources.settings import HubSettings
    from modelaudit.sources.target import is_commit, parse_repository

    commits, folders = [], []
    try:
        settings = HubSettings.read()
        api = HfApi(settings.request_endpoint, settings.token)
        policy = os.environ.get("INPUT_POLICY", "").strip() or None
        for target in list_targets() or choose_policy(policy, (), ()).targets:
            if Path(target).exists():
                continue
            reference = parse_repository(target, None)
            commit = reference.revision or ""
            if not is_commit(commit):
                kind = "dataset" if reference.kind is RefKind.DATASET else "model"
                found = api.repo_info(
                    reference.name, revision=reference.revision, repo_type=kind, timeout=_TIMEOUT_SECONDS
                )
                commit = found.sha or ""
            commits.append(f"{reference.name}@{commit}")
            folders.append(str(locate_cached_repository(reference, settings)))
    except (ModelAuditError, *CLIENT_ERRORS) as error:
        with commands_off():
            print(f"No cache for this run: {type(error).__name__}: {error}; the scan asks the Hub again and reports it")
        return 0
    if commits:
        # A digest, because the name of a repository may hold what a key may not.
        set_output("key", f"modelaudit-hub-{hashlib.sha256(json.dumps(commits).encode()).hexdigest()}")
        set_output("path", "\n".join(folders))
    return 0


# --- scan -------------------------------------------------------------------------------------------------------------


def scan() -> int:
    """Scan, then write outputs, annotations and the summary. Returns 0 whatever the verdict: a later step gates."""
    folder = Path(tempfile.mkdtemp(prefix="modelaudit-reports-", dir=os.environ.get("RUNNER_TEMP")))
    try:
        formats = list_formats()
        command = build_command(folder, formats)
    except ActionError as error:
        code, errors = _WRONG_INPUT, [str(error)]
    else:
        code, errors = run_scan(command)
    reports = [json.loads(path.read_bytes()) for path in list_files(folder / "json")]
    for name, value in summarize(reports, code, errors).items():
        set_output(name, value)
    for output, format in (("html", "html"), ("sarif", "sarif"), ("sbom", "cyclonedx"), ("json", "json")):
        set_output(output, choose_path(folder / format))
    set_output("reports", str(folder) if reports else "")
    set_output("comments", str(folder / "comment"))
    print_annotations(folder / "annotations")
    if not errors and (not reports or code in (_WRONG_INPUT, _COULD_NOT_RUN)):
        errors = [f"the scan ended with exit code {code} and without a reason; see its log"]
    for message in errors[:_MOST_ERRORS_SHOWN]:
        annotate("error", message)
    if os.environ.get("INPUT_SUMMARY", "").strip().lower() != "false":
        write_summary([path.read_bytes() for path in list_files(folder / "markdown")], code, errors)
    return 0


def print_annotations(folder: Path) -> None:
    """Print the annotations of each report in a folder."""
    for path in list_files(folder):
        for line in path.read_text("utf-8").split("\n"):
            # Each line is a command of the runner or begins with a word of ours. No other command passes.
            if re.match(r"::(error|warning|notice)[ :]|modelaudit: ", line):
                print(line)


def list_formats() -> list[str]:
    """List the formats to write: those of the input, and those that this script or a switch needs."""
    wanted = re.split(r"[\s,]+", os.environ.get("INPUT_FORMATS", "").strip())
    wanted += ["json", "annotations"]
    needed_by = {"SARIF_UPLOAD": "sarif", "SUMMARY": "markdown", "COMMENT": "comment"}
    wanted += [format for switch, format in needed_by.items() if read_switch(switch)]
    return list(dict.fromkeys(filter(None, wanted)))


def build_command(folder: Path, formats: Sequence[str]) -> list[str]:
    """Build the command of the scan, whose reports go into a folder for each format.

    Raises:
        ActionError: an input has a value that no option takes.
    """
    options = {
        f"--{name.lower().replace('_', '-')}": os.environ.get(f"INPUT_{name}", "").strip()
        for name in ("POLICY", "FAIL_ON", "BASELINE", "DECISIONS")
    }
    # Joined by the equals sign, so that a value that begins with a dash is no option of its own.
    given = [f"{option}={value}" for option, value in options.items() if value]
    command = [sys.executable, "-I", "-m", "modelaudit", "scan", "--output=table", *given]
    for format in formats:
        if not re.fullmatch(r"[a-z-]{1,40}", format):
            raise ActionError(f"the input formats holds {format!r}, which is not a format; see modelaudit scan --help")
        (folder / format).mkdir()
        command.append(f"--output={format}={folder / format}/")
    read_switch("CACHE")  # other steps compare it, and would take any other text for false
    if read_switch("OFFLINE"):
        command.append("--offline")
    return [*command, "--", *list_targets()]


def run_scan(command: Sequence[str]) -> tuple[int, list[str]]:
    """Run the scan with its output in the log; return its exit code, and the error of each target without a report.

    The errors name inputs in place of options.
    """
    errors = []
    with commands_off(), subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        # Both streams go to one, because the runner reads two without order, and obeys commands on either.
        for line in process.stderr:
            sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()
            if (text := line.decode(errors="replace").strip()).startswith("modelaudit: error: "):
                errors.append(name_inputs(text.removeprefix("modelaudit: error: ")))
    return process.returncode, errors


def list_files(folder: Path) -> list[Path]:
    """List the files of a folder, the oldest first; of a folder that does not exist, none.

    The scan writes the reports of a target before the next target begins, so they come in the order of the targets.
    """
    if not folder.is_dir():
        return []
    return sorted(folder.iterdir(), key=lambda path: (path.stat().st_mtime_ns, path.name))


def choose_path(folder: Path) -> str:
    """Choose the path for an output: the one file of the folder, the folder of several, else nothing."""
    files = list_files(folder)
    return "" if not files else str(files[0] if len(files) == 1 else folder)


def summarize(reports: Sequence[Mapping[str, Any]], code: int, errors: Sequence[str]) -> dict[str, str]:
    """Return the outputs that reports decide; without a report, nothing was scanned, and both answers are empty.

    Args:
        reports: of the targets that were scanned.
        code: the exit code of the scan.
        errors: of the targets that were not.
    """

    def worst(question: str) -> str:
        answers = {report["decision"][question]["verdict"] for report in reports}
        # Of several targets one may have ended without a report.
        answers |= {"incomplete"} if reports and (errors or code in (_WRONG_INPUT, _COULD_NOT_RUN)) else set()
        return next((verdict for verdict in _VERDICTS if verdict in answers), "")

    causes = {cause["kind"] for report in reports for cause in report["decision"]["causes"]}
    causes |= {_NOT_SCANNED} if code == _COULD_NOT_RUN or (reports and errors) else set()
    return {
        "load": worst("load"),
        "use": worst("use"),
        "exit-code": str(code),
        "causes": ",".join(sorted(causes)),
        "findings": str(sum(len(report["findings"]) for report in reports)),
    }


def write_summary(pages: Sequence[bytes], code: int, errors: Sequence[str]) -> None:
    """Write what was not scanned, and the pages that fit into the summary of one step; count the pages that do not."""
    head = b""
    if errors or not pages:
        count = "no report" if not pages else f"{len(errors)} without a report"
        reasons = list(errors[:_MOST_ERRORS_SHOWN]) or ["no reason was printed; see the log of the step"]
        if len(errors) > len(reasons):
            reasons.append(f"and {len(errors) - len(reasons)} more; see the log of the step")
        # Shown as code, so that nothing of it is read as Markdown or HTML.
        indented = "\n".join(f"    {line[:_MOST_ERROR_CHARACTERS]}" for each in reasons for line in each.splitlines())
        head = f"## modelaudit: exit code {code}, and {count}\n\n{indented}\n".encode(errors="replace")
    kept = [head] if head else []
    room = _SUMMARY_BYTES - 1_000 - len(head)
    fitting = 0
    for page in pages:
        if len(page) + 2 > room:
            break
        room -= len(page) + 2
        kept.append(page)
        fitting += 1
    if fitting < len(pages):
        left_out = len(pages) - fitting
        kept.append(f"{left_out} of {len(pages)} reports are too long for this page; the files hold them.\n".encode())
    _append("GITHUB_STEP_SUMMARY", b"\n\n".join(kept))


# --- comment ----------------------------------------------------------------------------------------------------------


def comment() -> int:
    """Keep one comment for each report on the pull request up to date. A failure is a warning: the gate decides."""
    number = read_pull_request()
    if number is None:
        annotate("notice", "no comment was written: this run belongs to no pull request")
        return 0
    try:
        api = CommentApi(number)
        for path in list_files(Path(os.environ["COMMENTS"])):
            api.publish(path.read_text("utf-8"))
    except (ActionError, OSError, KeyError, ValueError) as error:
        is_refused = isinstance(error, urllib.error.HTTPError) and error.code in (401, 403, 404)
        step = "; the job needs the permission pull-requests: write" if is_refused else "; run the job again"
        annotate("warning", f"the comment could not be written: {error}{step}")
    return 0


def read_pull_request() -> int | None:
    """Read the number of the pull request from the event of the workflow; ``None`` if there is none."""
    try:
        event = json.loads(Path(os.environ["GITHUB_EVENT_PATH"]).read_bytes())
        return int(event["pull_request"]["number"])
    except (KeyError, OSError, TypeError, ValueError):
        return None


class CommentApi:
    """The comments of one pull request (REST API of GitHub, "Issue comments").

    Raises:
        ActionError: the repository or the token is missing from the environment.
    """

    def __init__(self, number: int) -> None:
        repository, self._token = os.environ.get("GITHUB_REPOSITORY", ""), os.environ.get("COMMENT_TOKEN", "")
        if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository, re.ASCII) or not self._token:
            raise ActionError("GITHUB_REPOSITORY or the token is missing")
        base = os.environ.get("GITHUB_API_URL") or "https://api.github.com"
        self._repository = f"{base.rstrip('/')}/repos/{repository}"
        self._comments = f"{self._repository}/issues/{number}/comments"

    def publish(self, body: str) -> None:
        """Replace the comment of an earlier run, which the marker in the first line names; else add one.

        Raises:
            ActionError: the text has no marker, or is too long.
            OSError: the server did not answer, or refused.
            ValueError: the answer is not JSON.
        """
        marker = body.partition("\n")[0].strip()
        if not _MARKER.fullmatch(marker) or len(body) > _COMMENT_CHARACTERS:
            raise ActionError("the text has no marker in its first line, or more characters than a comment takes")
        earlier = self._find(marker)
        if earlier is None:
            self._request("POST", self._comments, {"body": body})
        else:
            self._request("PATCH", f"{self._repository}/issues/comments/{earlier}", {"body": body})

    def _find(self, marker: str) -> int | None:
        """Find the comment with a marker that a workflow wrote: anybody can write the marker of another comment."""
        for page in range(1, _COMMENT_PAGES + 1):
            found = self._request("GET", f"{self._comments}?per_page=100&page={page}")
            for each in found:
                if each["user"]["login"] == _BOT and str(each["body"]).partition("\n")[0].strip() == marker:
                    return int(each["id"])
            if len(found) < 100:
                return None
        return None

    def _request(self, method: str, address: str, content: Mapping[str, str] | None = None) -> Any:
        """Send one request and return the JSON of its answer."""
        headers = {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {self._token}",
            "Content-Type": "application/json",
            "User-Agent": "modelaudit",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        data = None if content is None else json.dumps(content).encode()
        request = urllib.request.Request(address, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as answer:
            return json.loads(answer.read(_ANSWER_BYTES))


if __name__ == "__main__":
    sys.exit(main())
