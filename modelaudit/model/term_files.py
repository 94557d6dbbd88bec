"""Classify files that hold licence terms by their names alone.

Sources use it to choose the files to fetch, readers to choose those to read, and the licence check to conclude; one
function for all three, so that no file is fetched and then ignored.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from modelaudit.model.address import member_path
from modelaudit.model.evidence import ProseKind
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.spelling import normalize_appearance

_MAX_NAME_CHARACTERS: Final = 255

_CODE_SUFFIXES: Final = frozenset({
    "py", "pyi", "pyc", "ipynb", "js", "mjs", "cjs", "ts", "tsx", "jsx", "c", "cc", "cpp", "cu", "cuh", "h", "hpp",
    "rs", "go", "java", "jinja", "j2", "cmake", "sh", "bash", "ps1", "bat", "rb", "php", "lua", "r", "jl", "swift",
    "kt", "scala", "css", "scss", "svg", "ico",
})  # fmt: skip
_SETTING_SUFFIXES: Final = frozenset({
    "json", "jsonl", "json5", "yaml", "yml", "toml", "ini", "cfg", "xml", "csv", "tsv", "lock",
})  # fmt: skip
_WEIGHT_SUFFIXES: Final = frozenset({
    "bin", "pt", "pth", "ckpt", "safetensors", "gguf", "ggml", "onnx", "h5", "hdf5", "pkl", "pickle", "joblib",
    "msgpack", "npy", "npz", "parquet", "arrow", "pb", "tflite", "keras", "pdparams", "zip", "gz", "tar", "tgz",
    "7z", "bz2", "xz", "zst", "whl", "jar", "so", "dll", "dylib", "exe",
})  # fmt: skip
_OTHER_SUFFIXES: Final = _CODE_SUFFIXES | _WEIGHT_SUFFIXES
"""Suffixes of files that hold something else, whatever their name."""
_MEDIA_SUFFIXES: Final = frozenset({
    "png", "jpg", "jpeg", "gif", "webp", "bmp", "tif", "tiff", "avi", "mkv", "mov", "mp4", "webm", "aac", "flac", "m4a",
    "mp3", "oga", "ogg", "opus", "wav",
})  # fmt: skip

_CLOSED_TEXT_SUFFIXES: Final = frozenset({"doc", "dot", "wpd", "wps", "pages"})
"""Suffixes of texts for people whose format is not read."""
_CLOSED_TEXT_NAME: Final = defer_pattern(
    r"(?:^|[-_. ])(?:terms|conditions|licen[cs]\w*|lizenz\w*|eula|agreement|contract|nda)(?:[-_. ]|$)"
)

# Words for a licence or its terms, in the languages of published models.
_LICENSE_WORDS: Final = (
    r"(?:un)?licen[cs]es?|licen[cç]ia|licenza|licença|licentie|lizenz(?:en)?|copying|eula|tos|legal|agreement|contract"
    r"|permissions?|лицензи[яи]"
)
_CJK_LICENSE_WORDS: Final = defer_pattern(
    r"许可|許可|授权|授權|协议|協議|条款|條款|ライセンス|利用規約|라이선스|라이센스|이용약관"
)
_TERMS_NAME: Final = (
    r"(?:(?:model|licen[cs]e|service|user?|usage|legal)[-_ ])?(?:terms|conditions)"
    r"(?:[-_ ](?:of|and|&|for)[-_ ][^.]*)?(?:\.[^.]*)?"
)
_NON_COMMERCIAL_NAME: Final = r"non[-_ ]?commercial(?:[-_ ]?use)?(?:[-_ ]?only)?"
_KIND_PATTERNS: Final = (
    (
        ProseKind.POLICY,
        defer_pattern(r"(?:.*[-_. ])?(?:(?:acceptable|prohibited)[-_ ]?)?use[-_ ]?policy(?:[-_. ].*)?"
                   r"|(?:.*[-_. ])?(?:acceptable|prohibited)[-_ ]?use(?:[-_. ].*)?|aup(?:[-_. ].*)?"),
    ),
    (
        ProseKind.NOTICE,
        defer_pattern(r"(?:.*[-_. ])?(?:notices?|thirdpartynotices?|attributions?|copyrights?)(?:[-_. ].*)?"
                   r"|third[-_ ]?party[-_ ]?licen[cs]es?(?:[-_. ].*)?|licen[cs]es[-_ ]sources(?:[-_. ].*)?|dep5"),
    ),
    (
        ProseKind.LICENSE,
        # A licence plate is that of a car, and annotators agree with one another.
        defer_pattern(
            r"(?!.*(?:licen[cs]e[-_ ]?plate|annotat))"
            rf"(?:(?:.*[-_. ])?(?:{_LICENSE_WORDS})(?:[-_. ~(].*|~)?|{_TERMS_NAME}"
            r"|.*(?:licen[cs](?:e(?!d)|ing)|lizenz|eula).*)"
        ),
    ),
    (
        ProseKind.CARD,
        defer_pattern(r"read[-_ ]?me(?!t).*|model[-_ ]?card.*|(?:usage|disclaimers?|important"
                   rf"|(?:use[-_ ]?)?restrictions|(?:intended|limited|restricted)[-_ ]?use|{_NON_COMMERCIAL_NAME})"
                   r"(?:[-_.](?:[a-z-]{2,8}|zh[-_]cn|first))?(?:\.[a-z]+)?"),
    ),
)  # fmt: skip
_WORD_END: Final = defer_pattern(r"(?<=[a-z])(?=[A-Z0-9])|(?<=[A-Z0-9])(?=[A-Z][a-z])|(?<=[0-9])(?=[A-Za-z])")
_PACKAGE_METADATA: Final = defer_pattern(r"(?:^|[/!])(?:[^/!]+\.dist-info/METADATA|PKG-INFO)$")
_LICENSE_FOLDER: Final = defer_pattern(r"(?:^|[/!])licen[cs]es?/[^/!]+$", re.IGNORECASE)
# "agreement.png" alone is a scan of it, "human_agreement.png" a figure; a licence stays one with words for its part.
_MEDIA_NAME: Final = defer_pattern(
    rf"(?:model[-_ ])?(?:{_LICENSE_WORDS}|terms)"
    r"|(?:(?:the|our|model|weights?|software|research|signed)[-_ ])*"
    r"(?:licen[cs]e|licen[cç]ia|licenza|licença|licentie|lizenz|eula|nutzungsbedingungen"
    r"|(?:licen[cs]e|user|model|research)[-_ ]agreement|(?:use|usage|model|licen[cs]e)[-_ ]terms"
    r"|terms[-_ ](?:of[-_ ](?:use|service)|and[-_ ]conditions))"
    r"(?:[-_ .](?:agreement|terms|text|notice|scan|signed|page|model|weights?|final|en|de|zh|p?v?\d{1,4}))*"
)
# Settings and data with the name of a licence hold its terms. Plurals are left out, because they name lists of known
# licences, and so are words that name other data too, such as "agreement", "permissions" and "terms".
_SETTING_NAME: Final = defer_pattern(
    r"(?:(?:model|weights)[-_ ])?(?:(?:un)?licen[cs]e|licen[cç]ia|licenza|licença|licentie|lizenz|eula|лицензия)"
    rf"|terms[-_ ]of[-_ ](?:use|service)|{_NON_COMMERCIAL_NAME}"
)


@lru_cache(maxsize=4096)
def classify_text_file(path: str, name: str = "") -> ProseKind | None:
    """Classify a file by its name or its folder; ``None`` if it holds no terms.

    Look-alike spellings of a name count too: a file that people take for a licence has to be read.

    Args:
        path: POSIX path, also of a member of a container.
        name: the file name, if it is not simply the part after the last slash.
    """
    name = name or member_path(path).replace("\\", "/").rpartition("/")[2]
    if not name or len(name) > _MAX_NAME_CHARACTERS:
        return None
    # Words may follow one another without a mark between them, as in "Llama3License".
    parted = normalize_appearance(_WORD_END.sub("-", _restore_case(name, path))).strip()
    name = normalize_appearance(name).strip()
    suffix = name.rpartition(".")[2] if "." in name else ""
    if suffix in _OTHER_SUFFIXES:
        return None
    if suffix in _MEDIA_SUFFIXES:
        return ProseKind.LICENSE if _MEDIA_NAME.fullmatch(name.rpartition(".")[0]) else None
    if suffix in _CLOSED_TEXT_SUFFIXES and _CLOSED_TEXT_NAME.search(parted):
        return ProseKind.LICENSE
    if suffix in _SETTING_SUFFIXES:
        return ProseKind.LICENSE if _SETTING_NAME.fullmatch(name.rpartition(".")[0]) else None
    for kind, pattern in _KIND_PATTERNS:
        if pattern.fullmatch(name) or pattern.fullmatch(parted):
            return kind
    return ProseKind.LICENSE if _CJK_LICENSE_WORDS.search(name) or _LICENSE_FOLDER.search(path) else None


def _restore_case(name: str, path: str) -> str:
    """Return ``name``, which may be in lower case, as it is spelled at the end of ``path``."""
    spelled = member_path(path).replace("\\", "/").rpartition("/")[2][: len(name)]
    return spelled if spelled.lower() == name.lower() else name


def may_be_text(path: str) -> bool:
    """Whether a file may be a text for people or a structured text, by its suffix; source code is none."""
    name = normalize_appearance(member_path(path).rpartition("/")[2]).strip()
    suffix = name.rpartition(".")[2] if "." in name else ""
    return not name.startswith(".git") and suffix not in _OTHER_SUFFIXES and suffix not in _MEDIA_SUFFIXES


def is_picture_or_recording(path: str) -> bool:
    """Whether a file is a picture, a recording or a film, by its suffix."""
    return normalize_appearance(path).rpartition(".")[2] in _MEDIA_SUFFIXES


def is_package_metadata(path: str) -> bool:
    """Whether a path is that of the metadata of a Python package, which states the licence of the package."""
    return _PACKAGE_METADATA.search(path) is not None
