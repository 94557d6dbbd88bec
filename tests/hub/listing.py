"""The JSON in which the Hub describes repositories, files, folders, scans and commits."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import yaml
from hub.gitstore import Blob, Commit, chunks
from hub.repository import FileScan, Repository, iso

Json = dict[str, object]

SHARED_FIELDS = (
    *("author", "cardData", "createdAt", "disabled", "downloads", "downloadsAllTime", "gated", "lastModified", "likes"),
    *("private", "resourceGroup", "sha", "siblings", "tags", "trendingScore", "usedStorage", "xetEnabled"),
)
MODEL_FIELDS = (
    *SHARED_FIELDS,
    *("baseModels", "childrenModelCount", "config", "evalResults", "gguf", "inference", "inferenceProviderMapping"),
    *("library_name", "mask_token", "model-index", "pipeline_tag", "safetensors", "spaces", "transformersInfo"),
    "widgetData",
)
DATASET_FIELDS = (*SHARED_FIELDS, "citation", "description", "mainSize", "paperswithcode_id")


def entry(repository: Repository, commit: Commit, path: str, expand: bool) -> Json | None:
    """A file or folder as ``tree`` and ``paths-info`` show it; None if the path does not exist."""
    blob = commit.files.get(path)
    if blob is not None:
        about: Json = {"type": "file", "oid": blob.oid, "size": blob.size}
        if blob.sha256:
            about["lfs"] = {"oid": blob.sha256, "size": blob.size, "pointerSize": blob.pointer_size}
    elif path and path in commit.trees:
        about = {"type": "directory", "oid": commit.trees[path], "size": 0}
    else:
        return None
    about["path"] = path
    if expand:
        change = repository.last_change(commit, path)
        about["lastCommit"] = {"id": change.oid, "title": change.message.split("\n")[0], "date": iso(change.date)}
        if blob is not None:
            about["securityFileStatus"] = security_status(repository, path)
    return about


def paths(commit: Commit, folder: str, recursive: bool) -> list[str] | None:
    """The paths that a listing of a folder holds, folders first; None if there is no such folder."""
    prefix = f"{folder}/" if folder else ""
    below = [p for p in commit.files if p.startswith(prefix)]
    if not below:
        return None if folder else []
    names = set(below)
    for path in below:
        parts = path[len(prefix) :].split("/")[:-1]
        names.update(prefix + "/".join(parts[: n + 1]) for n in range(len(parts)))
    names.discard("")
    if not recursive:
        names = {n for n in names if "/" not in n[len(prefix) :]}
    return sorted(names, key=lambda n: (n in commit.files, n.encode()))


def security_status(repository: Repository, path: str) -> Json:
    """The verdicts of the Hub's five scanners on a file."""
    found = repository.scans.get(path, FileScan("safe"))
    if not repository.scans_done:
        found = FileScan("queued")
    none: Json = {"status": "unscanned", "message": None, "reportLink": None, "reportLabel": None}
    this: Json = {**none, "status": found.status, "message": found.message or None}
    imports = [{"module": m, "name": n, "safety": s} for m, n, s in found.imports]
    pickled: Json = {**this, "pickleImports": imports} if imports else {**none, "pickleImports": []}
    clam: Json = {**this, "version": "1.4.3/27600"}
    return {
        "status": found.status,
        "jFrogScan": none,
        "protectAiScan": this,
        "avScan": clam if not imports else {**none, "version": "1.4.3/27600"},
        "pickleImportScan": pickled,
        "virusTotalScan": none,
    }


def scan_summary(repository: Repository, commit: Commit) -> Json:
    """The whole repository's verdict: the files that the scanners object to."""
    issues = [
        {"path": path, "level": found.status}
        for path, found in sorted(repository.scans.items())
        if path in commit.files and found.status in ("caution", "suspicious", "unsafe")
    ]
    return {"scansDone": repository.scans_done, "filesWithIssues": issues if repository.scans_done else []}


def sibling(path: str, blob: Blob, blobs: bool) -> Json:
    """A file as the repository's own description lists it."""
    about: Json = {"rfilename": path}
    if blobs:
        about |= {"blobId": blob.oid, "size": blob.size}
        if blob.sha256:
            about["lfs"] = {"sha256": blob.sha256, "size": blob.size, "pointerSize": blob.pointer_size}
    return about


def card(commit: Commit) -> Json:
    """The front matter of the model card; empty if there is none or it is no YAML mapping."""
    readme = commit.files.get("README.md")
    text = b"".join(chunks(readme.content, 0, readme.size)).decode(errors="replace") if readme else ""
    if not text.startswith("---\n") or "\n---" not in text[3:]:
        return {}
    try:
        data = yaml.safe_load(text[4 : text.index("\n---", 3)])
    except yaml.YAMLError:
        return {}
    return data if isinstance(data, dict) else {}


def _tags(data: Json) -> list[str]:
    listed = data.get("tags")
    tags = [str(tag) for tag in listed] if isinstance(listed, list) else []
    tags += [str(data[name]) for name in ("library_name", "pipeline_tag") if name in data]
    for name in ("license", "base_model", "datasets", "language"):
        value = data.get(name)
        values: Iterable[object] = value if isinstance(value, list) else [value] if value else []
        prefix = {"datasets": "dataset:", "language": ""}.get(name, f"{name}:")
        tags += [f"{prefix}{v.isoformat() if isinstance(v, date) else v}" for v in values]
    return [*dict.fromkeys(tags), "region:us"]


def description(repository: Repository, commit: Commit, *, blobs: bool = False) -> Json:
    """A repository's own description, every field that may be asked for included."""
    data = card(commit)
    return {
        "_id": repository.key,
        "id": repository.id,
        **({"modelId": repository.id} if repository.kind == "model" else {}),
        **({"author": repository.owner} if repository.owner else {}),
        "sha": commit.oid,
        "lastModified": iso(commit.date),
        "createdAt": iso(min(c.date for c in repository.commits.values())),
        "private": repository.private,
        "gated": repository.gated,
        "disabled": repository.disabled,
        "downloads": 0,
        "likes": 0,
        "tags": _tags(data),
        **{name: data[name] for name in ("library_name", "pipeline_tag", "mask_token") if name in data},
        **({"cardData": data} if data else {}),
        **({"spaces": []} if repository.kind == "model" else {}),
        "siblings": [sibling(path, blob, blobs) for path, blob in sorted(commit.files.items())],
        "usedStorage": sum(blob.size for blob in commit.files.values()),
        "downloadsAllTime": 0,
        "trendingScore": 0,
    }


def commit_entry(commit: Commit) -> Json:
    """A commit as ``/commits`` lists it."""
    title, _, message = commit.message.partition("\n")
    avatar = "/avatars/none.svg"
    authors = [{"user": commit.author, "avatar": avatar}]
    return {"id": commit.oid, "title": title, "message": message.strip(), "authors": authors, "date": iso(commit.date)}
