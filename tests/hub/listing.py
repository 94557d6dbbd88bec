"""The JSON in which the Hub describes repositories, files, folders, scans and commits."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import yaml
from hub.gitstore import Blob, Commit, read_chunks
from hub.repository import FileScan, Repository, format_date

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


def describe_entry(repository: Repository, commit: Commit, path: str, expand: bool) -> Json | None:
    """Describe a file or folder as ``tree`` and ``paths-info`` do; None if the path does not exist.

    ``expand`` adds the last commit that changed it, and for a file the results of the scanners.
    """
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
        change = repository.find_last_change(commit, path)
        about["lastCommit"] = {
            "id": change.oid,
            "title": change.message.split("\n")[0],
            "date": format_date(change.date),
        }
        if blob is not None:
            about["securityFileStatus"] = describe_security_status(repository, path)
    return about


def list_paths(commit: Commit, folder: str, recursive: bool) -> list[str] | None:
    """List the paths of the files and folders in a folder, folders first; None if there is no such folder.

    ``folder`` is empty for the root. ``recursive`` includes the paths in its folders.
    """
    prefix = f"{folder}/" if folder else ""
    files = [path for path in commit.files if path.startswith(prefix)]
    if not files:
        return None if folder else []
    paths = set(files)
    for path in files:
        parent, _, _ = path.rpartition("/")
        while len(parent) > len(folder):
            paths.add(parent)
            parent, _, _ = parent.rpartition("/")
    if not recursive:
        paths = {path for path in paths if "/" not in path[len(prefix) :]}
    return sorted(paths, key=lambda path: (path in commit.files, path.encode()))


def describe_security_status(repository: Repository, path: str) -> Json:
    """Describe the results of the Hub's five scanners for a file.

    The result on record is that of ``protectAiScan``, and of ``pickleImportScan`` if it has imports or else of
    ``avScan``. The other scanners have not scanned the file.
    """
    scan = repository.scans.get(path, FileScan("safe"))
    if not repository.scans_done:
        scan = FileScan("queued")
    unscanned: Json = {"status": "unscanned", "message": None, "reportLink": None, "reportLabel": None}
    result: Json = {**unscanned, "status": scan.status, "message": scan.message or None}
    imports = [{"module": module, "name": name, "safety": safety} for module, name, safety in scan.imports]
    about: Json = {
        "status": scan.status,
        "jFrogScan": unscanned,
        "protectAiScan": result,
        "avScan": {**(unscanned if imports else result), "version": "1.4.3/27600"},
        "pickleImportScan": {**(result if imports else unscanned), "pickleImports": imports},
        "virusTotalScan": unscanned,
        **scan.answers,
    }
    return {name: value for name, value in about.items() if value is not None}


def summarise_scans(repository: Repository, commit: Commit) -> Json:
    """Summarise the scans of a repository: whether they are done, and the files with issues."""
    issues = [
        {"path": path, "level": scan.status}
        for path, scan in sorted(repository.scans.items())
        if path in commit.files and scan.status in ("caution", "suspicious", "unsafe")
    ]
    return {"scansDone": repository.scans_done, "filesWithIssues": issues if repository.scans_done else []}


def describe_sibling(path: str, blob: Blob, blobs: bool) -> Json:
    """Describe a file as ``siblings`` of a repository lists it; ``blobs`` adds its object id and size."""
    about: Json = {"rfilename": path}
    if blobs:
        about |= {"blobId": blob.oid, "size": blob.size}
        if blob.sha256:
            about["lfs"] = {"sha256": blob.sha256, "size": blob.size, "pointerSize": blob.pointer_size}
    return about


def parse_front_matter(commit: Commit) -> Json:
    """Parse the front matter of the model card; empty if there is none or it is not a YAML mapping."""
    readme = commit.files.get("README.md")
    text = b"".join(read_chunks(readme.content, 0, readme.size)).decode(errors="replace") if readme else ""
    opening, closing = "---\n", "\n---"
    # The line break of the opening line may also begin the closing line.
    end = text.find(closing, len(opening) - 1)
    if not text.startswith(opening) or end < 0:
        return {}
    try:
        front_matter = yaml.safe_load(text[len(opening) : end])
    except yaml.YAMLError:
        return {}
    return front_matter if isinstance(front_matter, dict) else {}


def _list_tags(front_matter: Json) -> list[str]:
    """List the tags that the Hub derives from a model card: ``license:mit``, ``dataset:acme/rows``, ``en``."""
    listed = front_matter.get("tags")
    tags = [str(tag) for tag in listed] if isinstance(listed, list) else []
    tags += [str(front_matter[name]) for name in ("library_name", "pipeline_tag") if name in front_matter]
    for name in ("license", "base_model", "datasets", "language"):
        value = front_matter.get(name)
        values: Iterable[object] = value if isinstance(value, list) else [value] if value else []
        prefix = {"datasets": "dataset:", "language": ""}.get(name, f"{name}:")
        tags += [f"{prefix}{each.isoformat() if isinstance(each, date) else each}" for each in values]
    return [*dict.fromkeys(tags), "region:us"]


def describe_repository(repository: Repository, commit: Commit, *, blobs: bool = False) -> Json:
    """Describe a repository with every field that a caller may ask for; ``blobs`` adds the sizes of the files."""
    front_matter = parse_front_matter(commit)
    return {
        "_id": repository.key,
        "id": repository.id,
        **({"modelId": repository.id} if repository.kind == "model" else {}),
        **({"author": repository.owner} if repository.owner else {}),
        "sha": commit.oid,
        "lastModified": format_date(commit.date),
        "createdAt": format_date(min(each.date for each in repository.commits.values())),
        "private": repository.private,
        "gated": repository.gated,
        "disabled": repository.disabled,
        "downloads": 0,
        "likes": 0,
        "tags": _list_tags(front_matter),
        **{name: front_matter[name] for name in ("library_name", "pipeline_tag", "mask_token") if name in front_matter},
        **({"cardData": front_matter} if front_matter else {}),
        **({"spaces": []} if repository.kind == "model" else {}),
        "siblings": [describe_sibling(path, blob, blobs) for path, blob in sorted(commit.files.items())],
        "usedStorage": sum(blob.size for blob in commit.files.values()),
        "downloadsAllTime": 0,
        "trendingScore": 0,
    }


def describe_commit(commit: Commit) -> Json:
    """Describe a commit as ``/commits`` does."""
    title, _, message = commit.message.partition("\n")
    avatar = "/avatars/none.svg"
    authors = [{"user": commit.author, "avatar": avatar}]
    return {
        "id": commit.oid,
        "title": title,
        "message": message.strip(),
        "authors": authors,
        "date": format_date(commit.date),
    }
