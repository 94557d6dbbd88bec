"""Find texts that show an attack by themselves: commands of attacks, files of secrets, drop points for stolen data.

Each pattern has a name in the vocabulary ``python-code``. The patterns apply to string constants of a source, to shell
lines and to build files.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.wire.deadline import check_deadline

_SHELLS: Final = r"(?:ba|z|da|k|c|a)?sh\b|python[0-9.]*|perl|ruby|node|php|source\b|iex\b|Invoke-Expression"
# The modules and functions by which a pickle runs something, between the marks of the opcodes that import by name.
_SYSTEM: Final = r"(?:os|posix|nt)", r"(?:system|popen|exec[lv]\w{0,3}|spawn\w{1,4}|posix_spawnp?)"
_RUNNERS: Final = (
    r"(?:subprocess|pty|builtins|__builtin__|runpy|importlib|pkgutil|_posixsubprocess|torch\.utils\.[\w.]{1,60})",
    r"(?:exec\w{0,9}|eval|compile|Popen|run\w{0,20}|call|check_\w{1,9}|getoutput|getstatusoutput|spawn|fork_exec|system"
    r"|__import__|import_module|getattr|resolve_name|open)",
)
_MEMO: Final = r"(?:\x94|q[\s\S])?"
# Each pattern takes linear time: repetitions are bounded, and cannot match the text that must follow them. The comment
# above a pattern gives a text that it matches, where the name does not.
_PATTERNS: Final = (
    # curl https://host/x | sudo bash
    ("(download | shell)", r"\b(?:curl|wget|fetch|iwr|Invoke-WebRequest)\b[^\n;]{0,400}?\|\s{0,9}"
     r"(?:sudo\s{1,9}(?:-\w{1,9}\s{1,9})?)?"
     rf"(?:/(?:usr/)?(?:local/)?bin/)?(?:env\s{{1,9}})?(?:{_SHELLS})"),
    # bash -c "$(curl https://host/x)"
    ("(shell $(download))", rf"\b(?:{_SHELLS}|eval)\s{{1,9}}(?:-c\s{{0,9}})?[\"'<(]{{0,3}}\s{{0,9}}"
     r"[$`(<]{1,2}\(?\s{0,9}(?:curl|wget)\b"),
    # wget https://host/x; chmod +x x
    ("(download && run)", r"\b(?:curl|wget)\b[^\n;&|]{1,400}(?:&&|;)\s{0,9}(?:sudo\s{1,9})?"
     r"(?:chmod\s{1,9}(?:\+x|[0-7]{3,4})|(?:ba|z)?sh\s|python[0-9.]*\s|\./)"),
    ("(shell over /dev/tcp)", r"/dev/(?:tcp|udp)/"),
    # nc host 1 -e /bin/sh, or mkfifo f; … | nc host 1, or socat tcp:host:1 exec:sh
    ("(netcat shell)", r"\b(?:nc|ncat|netcat)\b[^\n|;]{0,80}\s-\w{0,5}[ec]\b|\bmkfifo\b[^\n]{0,120}\bnc\b|"
     r"\bsocat\b[^\n]{0,80}\bexec:"),
    ("(interactive shell)", r"\b(?:ba|z)?sh\s{1,9}-i\b"),
    # echo … | base64 -d | sh
    ("(decoded | shell)", rf"\bbase64\s{{1,9}}(?:-d|-D|--decode)\b[^|\n]{{0,200}}\|\s{{0,9}}(?:{_SHELLS})"),
    # powershell -nop -enc …
    ("(encoded powershell)", r"(?i:\bpowershell(?:\.exe)?\b[^\n]{0,120}?\s-(?:e|ec|enc|encodedcommand)\s)"),
    ("(powershell download)", r"(?i:\bDownloadString\s{0,9}\(|\bIEX\s{0,9}\()"),
    ("(deletes everything)", r"\brm\s{1,9}-(?:rf|fr)\s{1,9}(?:--no-preserve-root\s{1,9})?(?:/|~|\$HOME)(?:\s|\*|$)"),
    ("(authorized keys)", r"\.ssh/authorized_keys"),
    ("(shell start-up file)", r"(?:~|…|\$HOME|\$\{HOME\}|/root|/home/[^/\s]{1,40})/\."
     r"(?:bashrc|zshrc|profile|bash_profile|zprofile|bash_login|bash_logout|zshenv|zlogin|xprofile|xinitrc|xsession|"
     r"xsessionrc)\b|"
     r"\A\.(?:bashrc|zshrc|bash_profile|zprofile|bash_login|zshenv|xprofile)\Z|\.config/fish/config\.fish\b"),
    # …/site-packages/x.pth
    ("(start-up of Python)", r"-packages/[^\s\"']{0,80}\.pth\b|\b(?:site|user)customize\.py\b|\bPYTHONSTARTUP\b"),
    # crontab -, /etc/cron.d/x, or HKCU\Software\Microsoft\Windows\CurrentVersion\Run
    ("(scheduled task)", r"\bcrontab\s{1,9}-|/etc/cron\.|/var/spool/cron|/etc/systemd/system/|"
     r"\\CurrentVersion\\Run\b|\bschtasks\b"),
    # ~/.config/autostart/x.desktop, or …\Start Menu\Programs\Startup\x.bat
    ("(start at login)", r"\.config/(?:autostart|systemd/user)\b|\bLibrary/Launch(?:Agents|Daemons)/|\.ssh/rc\b|"
     r"Start Menu[\\/]{1,2}Programs[\\/]{1,2}Startup|\.ipython/profile_\w{1,40}/startup/|/etc/ld\.so\.preload\b|"
     r"\.config/(?:environment\.d|plasma-workspace/env)/"),
    ("(trusted list of torch.hub)", r"(?:^|/)trusted_list\Z"),
    ("(private key)", r"\.ssh/id_(?:rsa|dsa|ecdsa|ed25519)\b|\.gnupg/"),
    # 169.254.169.254 is the address of the metadata service, which gives out credentials.
    ("(cloud credentials)", r"\.aws/credentials|\.config/gcloud|\.azure/|\.kube/config|"
     r"\.docker/config\.json|169\.254\.169\.254"),
    ("(password store)", r"/etc/shadow\b|\bLogin Data\b|\bkey4\.db\b|\bwallet\.dat\b|/etc/passwd\b|\.netrc\b"),
    ("(hub token)", r"\.cache/huggingface/token|\.huggingface/token|\.config/gh/hosts\.yml|\.git-credentials\b|"
     r"\.npmrc\b|\.pypirc\b|\.codex/auth\.json|\.claude/\.credentials|\.gemini/oauth_creds|\.vault-token\b|"
     r"\.cargo/credentials|\bcookies\.sqlite\b"),
    # Services that take data without an account: webhooks of chats, request bins, tunnels, paste sites.
    ("(drop point)", r"discord(?:app)?\.com/api/webhooks|api\.telegram\.org/bot|hooks\.slack\.com/services|"
     r"webhook\.site|"
     r"\bpipedream\.net|\binteract(?:sh)?\.(?:sh|com)\b|\boast(?:ify)?\.(?:com|fun|me|pro|live|site|online)\b|"
     r"burpcollaborator\.net|"
     r"\bngrok(?:-free)?\.(?:io|app)\b|requestbin\.|transfer\.sh/|pastebin\.com/raw|hastebin\.com/raw"),
    ("(onion address)", r"\b[a-z2-7]{16,56}\.onion\b"),
    ("(preloaded library)", r"\bLD_PRELOAD\b|\bDYLD_INSERT_LIBRARIES\b"),
    # __import__('os'), or f.__globals__['os']
    ("(reaches into the interpreter)", r"\b__import__\s{0,9}\(|__subclasses__\s{0,9}\(|"
     r"__globals__\s{0,9}[\[.]|__builtins__\s{0,9}[\[.]"),
    # os.system('…'), subprocess.run(…), or popen("…")
    ("(call that runs a command)", r"\bos\.(?:system|popen)\s{0,9}\(|"
     r"\bsubprocess\.(?:run|call|Popen|check_output|check_call|getoutput)\s{0,9}\(|"
     r"(?<![\w.])(?:system|popen|execl|execlp)\s{0,9}\(\s{0,9}\\?[\"']"),
    # INSTALL x FROM 'https://host' of DuckDB, load_extension('x') of SQLite, COPY … FROM PROGRAM 'x' of PostgreSQL
    ("(database that runs code)", r"(?i:\bINSTALL\s{1,9}\w{1,60}\s{1,9}FROM\s{1,9}['\"]|\ballow_unsigned_extensions\b|"
     r"\bload_extension\s{0,9}\(\s{0,9}['\"]|\bxp_cmdshell\b|\b(?:FROM|TO)\s{1,9}PROGRAM\s{1,9}['\"])"),
    # A pickle that calls what its loader imports by name: cposix\nsystem\n, or the same by STACK_GLOBAL
    ("(pickle that runs something)", "|".join(
        rf"(?<![A-Za-z ])c{module}\n{name}\n|\x8c[\s\S]{module}{_MEMO}\x8c[\s\S]{name}{_MEMO}\x93"
        for module, name in (_SYSTEM, _RUNNERS)
    )),
    ("(miner)", r"stratum\+(?:tcp|ssl)://|\bxmrig\b"),
)  # fmt: skip
_COMPILED_PATTERNS: Final = tuple((name, defer_pattern(pattern)) for name, pattern in _PATTERNS)
# A quick test: the patterns above are tried only on texts that have one of these words. PROGRAM has to be in capitals,
# because "from program 'x'" is also prose.
_ANY_HINT: Final = defer_pattern(
    r"curl|wget|fetch|iwr|Invoke-W|/dev/|\bnc\b|ncat|netcat|mkfifo|socat|sh\s+-i|base64|(?i:powershell)|"
    r"(?i:DownloadString)|"
    r"(?i:iex\s*\()|\brm\s|\.ssh|bashrc|zshrc|profile|bash_log|zshenv|zlogin|\.x(?:init|sess)|fish|"
    r"autostart|Launch|Start Menu|PROGRAM|install_ext|"
    r"(?i:INSTALL\s{1,9}\w{1,60}\s{1,9}FROM|unsigned_ext|load_extension|xp_cmdshell)|"
    r"environment\.d|plasma|cron|systemd|\\Current|"
    r"schtasks|gnupg|\.aws|gcloud|\.azure|\.kube|\.docker|"
    r"trusted_list|169\.254|/etc/|Login Data|key4|wallet\.dat|netrc|huggingface/token|gh/hosts|git-cred|npmrc|pypirc|"
    r"/auth\.json|/\.credentials|oauth_creds|vault-token|cargo/cred|cookies\.sqlite|webhook|telegram|slack|"
    r"pipedream|interact|oast|burp|"
    r"ngrok|requestbin|transfer\.sh|pastebin|hastebin|\.onion|LD_PRELOAD|DYLD|stratum|xmrig|"
    r"-packages/|customize|c[\w.]{2,60}\n\w{3,40}\n|\x8c[\s\S][\w.]{2,60}(?:\x94|q[\s\S])?\x8c|STARTUP|__(?:import|subclasses|globals|builtins)__|subprocess\.|"
    r"(?:system|popen|execl|execlp)\s{0,9}\("
)
_PIECE_LENGTH: Final = 200_000  # characters that are searched between two checks of the deadline
_PIECE_OVERLAP: Final = 2000  # more than any pattern spans

# The names of the patterns whose texts are paths of secrets.
SECRET_PLACES: Final = frozenset({"(private key)", "(cloud credentials)", "(password store)", "(hub token)"})

_SECRET_FOLDER: Final = defer_pattern(
    r"(?:~|…|\$HOME|\$\{HOME\}|/root|/home/[^/\s]{1,40})/\.(?:ssh|aws|gnupg|kube|docker|azure|config/gcloud|netrc)(?:/|\Z)"
    r"|\.cache/huggingface/?\Z"
)


def is_secret_place(text: str) -> bool:
    """Whether a path is that of a file or a folder of secrets, such as ``~/.ssh``."""
    if _SECRET_FOLDER.search(text) is not None:
        return True
    return any(name in SECRET_PLACES for name, _ in find_attack_texts(text))


def find_attack_texts(text: str) -> Iterator[tuple[str, str]]:
    """Yield the name of each pattern that matches ``text``, and the first matching part.

    Raises:
        LimitReachedError: the time for the artifact is over.
    """
    found_names: set[str] = set()
    for start in range(0, max(1, len(text) - _PIECE_OVERLAP), _PIECE_LENGTH - _PIECE_OVERLAP):
        piece = text[start : start + _PIECE_LENGTH]
        if _ANY_HINT.search(piece) is None:
            continue
        check_deadline()
        for name, pattern in _COMPILED_PATTERNS:
            match = pattern.search(piece) if name not in found_names else None
            if match is not None:
                found_names.add(name)
                yield name, match[0]
