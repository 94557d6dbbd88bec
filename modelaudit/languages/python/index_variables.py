"""Find variables of the environment by which code has installers take packages from another server."""

from __future__ import annotations

from typing import Final

from modelaudit.languages.python import partial_texts
from modelaudit.languages.python.values import Value
from modelaudit.languages.shell.index_settings import INDEX_VARIABLES

FOREIGN_INDEX_NAME: Final = "(index of packages at another address)"
"""The name of an assignment that has installers take packages from a server that is not a known index."""
# The default indexes, their public mirrors, and builds of known libraries.
_KNOWN_HOSTS: Final = (
    "pypi.org", "pythonhosted.org", "pypi.python.org", "pytorch.org", "nvidia.com", "npmjs.org", "anaconda.org",
    "anaconda.com", "tuna.tsinghua.edu.cn", "aliyun.com", "aliyuncs.com", "ustc.edu.cn", "huaweicloud.com",
    "tencent.com", "douban.com", "doubanio.com", "bfsu.edu.cn", "sjtu.edu.cn", "npmmirror.com", "vllm.ai",
    "goproxy.cn", "goproxy.io", "golang.org", "rust-lang.org", "crates.io", "julialang.org",
)  # fmt: skip


def find_foreign_index(variable: str, value: Value) -> str:
    """Return the address that a variable of an installer gets, unless its host is a known index; then empty."""
    if variable not in INDEX_VARIABLES:
        return ""
    address = partial_texts.write_text(value)
    host = partial_texts.find_foreign_host(address)
    is_known = any(host == known or host.endswith(f".{known}") for known in _KNOWN_HOSTS)
    return address if host and not is_known else ""
