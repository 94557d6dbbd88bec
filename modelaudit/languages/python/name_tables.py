"""Names of Python libraries that the evaluator treats in a way of their own.

The tables list how values travel: which functions import, run text, fetch, decode or send. Whether a use is dangerous
is for the rules to decide.
"""

from __future__ import annotations

import builtins
from typing import Final

BUILTINS: Final = (frozenset(dir(builtins)) - {"__spec__"}) | {
    "__import__",
    "unicode",
    "execfile",
    "raw_input",
    "reduce",
    "unichr",
}

WELL_KNOWN_MODULES: Final = {
    name: name
    for name in (
        *("os", "sys", "subprocess", "builtins", "shutil", "socket", "pty", "ctypes", "importlib", "pickle", "posix"),
        *("nt", "runpy", "marshal", "webbrowser", "requests", "_posixsubprocess"),
    )
} | {"_os": "os", "_sys": "sys", "__builtin__": "builtins", "__builtins__": "builtins", "_subprocess": "subprocess"}
"""Modules that are the same wherever they are reached from: ``torch.os`` is ``os``. Keys may be aliases."""

PUBLIC_MODULES: Final = {
    "requests.api": "requests", "requests.sessions": "requests", "pandas.io.pickle": "pandas",
    "pandas.core.frame": "pandas", "pandas.io.api": "pandas", "pandas.core.computation.eval": "pandas",
    "numpy.lib.npyio": "numpy", "numpy.lib._npyio_impl": "numpy", "yaml.loader": "yaml", "yaml.cyaml": "yaml",
    "urllib3.poolmanager": "urllib3", "urllib3.connectionpool": "urllib3", "httpx._client": "httpx",
    "httpx._api": "httpx", "numexpr.necompiler": "numexpr", "joblib.numpy_pickle": "joblib",
    "importlib._bootstrap_external": "importlib.machinery", "_frozen_importlib_external": "importlib.machinery",
    "aiohttp.client": "aiohttp", "huggingface_hub.hf_api": "huggingface_hub", "dill._dill": "dill",
    "cloudpickle.cloudpickle": "cloudpickle",
}  # fmt: skip
"""The public package of modules further down, where a library defines what it offers under a shorter name."""

PORTED_NAMES: Final = {
    "six.exec_": "builtins.exec", "six.moves.builtins": "builtins", "six.moves.cPickle": "pickle",
    "six.moves.copyreg": "copyreg", "six.moves.getoutput": "subprocess.getoutput",
    "six.moves.http_client": "http.client", "six.moves.reload_module": "importlib.reload",
    "six.moves.socketserver": "socketserver", "six.moves.urllib": "urllib", "six.moves.xmlrpc_client": "xmlrpc.client",
    "past.builtins": "builtins", "future.builtins": "builtins", "future.utils.exec_": "builtins.exec",
    "future.moves.pickle": "pickle", "future.moves.subprocess": "subprocess", "future.moves.urllib": "urllib",
    "future.moves.http": "http", "future.moves.xmlrpc": "xmlrpc", "future.moves.builtins": "builtins",
    "future.backports.urllib": "urllib", "future.backports.http": "http",
    "sympy.core.compatibility.exec_": "builtins.exec", "tornado.util.exec_in": "builtins.exec",
}  # fmt: skip
"""The names of Python 3, by the names under which libraries for Python 2 and 3 offer the same functions."""

POWERFUL_MODULES: Final = frozenset(
    {"os", "subprocess", "builtins", "pty", "ctypes", "runpy", "marshal", "_posixsubprocess"}
)
"""Modules that ordinary code never passes on as a whole: the receiver can take any name of them, unseen here."""

LOADER_MODULES: Final = frozenset(
    {"torch.hub", "torch.serialization", "torch.package", "torch.utils.cpp_extension", "joblib", "dill", "cloudpickle",
     "yaml", "jsonpickle", "code", "timeit", "urllib.request", "multiprocessing.connection", "asyncio.subprocess"}
)  # fmt: skip
"""Further modules in which code that computes a name can find one that runs code or fetches it."""

THREAD_CLASSES: Final = frozenset({"threading.Thread", "threading.Timer", "multiprocessing.Process"})
"""Classes whose objects call their method ``run`` once they are started."""

CALLBACK_TAKERS: Final = frozenset(
    {"Thread", "Process", "Timer", "submit", "register", "to_thread", "start_new_thread", "run_in_executor",
     "call_soon", "call_later", "enter", "finalize", "apply_async", "add_done_callback"}
)  # fmt: skip
"""Functions and methods, by their last name, that call the functions passed to them."""

IMPORTERS: Final = frozenset(
    {
        *("importlib.import_module", "importlib.__import__", "builtins.__import__", "pkgutil.resolve_name"),
        *(
            "pydoc.locate",
            "sys.modules.get",
            "sys.modules.__getitem__",
            "sys.modules.pop",
            "sys.modules.setdefault",
            "imp.load_module",
        ),
        *(
            "imp.find_module",
            "builtins.__loader__.load_module",
            "*.load_module",
            "*.import_module",
            "importlib._bootstrap._gcd_import",
        ),
        *("importlib._bootstrap._load", "importlib._bootstrap.__import__", "hydra.utils.get_class"),
        *("hydra.utils.get_method", "hydra.utils.get_object", "werkzeug.utils.import_string"),
        *("django.utils.module_loading.import_string", "importlib.machinery.BuiltinImporter.load_module"),
        *("_frozen_importlib.BuiltinImporter.load_module", "_frozen_importlib.__import__", "pydoc.safeimport"),
        *("_frozen_importlib._gcd_import", "test.support.import_helper.import_module", "pydoc.resolve"),
        *("logging.config.BaseConfigurator.resolve", "logging.config.DictConfigurator.resolve"),
        *("logging.config._resolve", "zope.dottedname.resolve.resolve", "twisted.python.reflect.namedAny"),
        *("twisted.python.reflect.namedModule", "twisted.python.reflect.namedObject", "wrapt.resolve_path"),
        *("kombu.utils.imports.symbol_by_name", "celery.utils.imports.symbol_by_name"),
        *("IPython.utils.importstring.import_item", "traitlets.utils.importstring.import_item"),
        *("traitlets.import_item", "pyramid.path.DottedNameResolver.resolve", "gunicorn.util.load_class"),
        *("gunicorn.util.import_app", "uvicorn.importer.import_from_string", "unittest.mock._importer"),
        *("unittest.TestLoader.loadTestsFromName", "unittest.defaultTestLoader.loadTestsFromName"),
        *("hydra._internal.utils._locate", "detectron2.utils.registry.locate", "jsonpickle.unpickler.loadclass"),
        *("pydantic.v1.utils.import_string", "airflow.utils.module_loading.import_string"),
        *("rest_framework.settings.import_from_string", "sympy.external.import_module"),
    }
)
"""Functions that return the module or object of a name passed as text."""

GETTERS: Final = frozenset(
    {
        *("builtins.getattr", "builtins.object.__getattribute__", "builtins.type.__getattribute__"),
        *("inspect.getattr_static", "types.ModuleType.__getattribute__", "builtins.super.__getattribute__"),
        *("operator.attrgetter.__call__", "builtins.hasattr"),  # ``hasattr`` returns none, but names one as well
    }
)
"""Functions that return an attribute of the first argument; the second names it."""

FORWARD_REFERENCES: Final = frozenset({"typing.ForwardRef", "typing_extensions.ForwardRef", "annotationlib.ForwardRef"})
"""Classes that keep a text, which is evaluated as a type later on."""

EVALUATORS: Final = frozenset(
    {"builtins.exec", "builtins.eval", "builtins.compile", "builtins.execfile",
     "code.InteractiveInterpreter.runsource", "code.InteractiveConsole.push", "code.InteractiveInterpreter.runcode",
     "code.compile_command", "codeop.compile_command", "_interpreters.run_string", "_xxsubinterpreters.run_string",
     "ast.parse", "timeit.timeit", "timeit.repeat", "timeit.Timer", "cProfile.run", "profile.run", "bdb.Bdb.run",
     "trace.Trace.run", "doctest.debug_script", "pdb.run", "pdb.runeval", "IPython.get_ipython.run_cell",
     "IPython.get_ipython.ex", "IPython.get_ipython.ev", *FORWARD_REFERENCES,
     "sympy.sympify", "sympy.S", "sympy.parse_expr", "sympy.parsing.sympy_parser.parse_expr", "pandas.eval",
     "sympy.core.sympify.sympify", "numpy.testing.runstring", "torch._inductor.codecache.PyCodeCache.load",
     "torch.utils.benchmark.Timer", "torch.utils.benchmark.utils.timer.Timer",
     "numexpr.evaluate", "torch.fx.graph_module._exec_with_source", "torch.fx.graph_module._forward_from_src"}
)  # fmt: skip
"""Functions whose first argument is a text of code."""

CODE_KEYWORDS: Final = ("source", "object", "stmt", "statement", "cmd", "expr", "expression", "code", "s", "arg")
"""The names of the first parameter of those functions."""

TAKERS_OF_SETUP: Final = frozenset(
    {"timeit.timeit", "timeit.repeat", "timeit.Timer", "torch.utils.benchmark.Timer",
     "torch.utils.benchmark.utils.timer.Timer"}
)  # fmt: skip
"""Those of them whose second argument, ``setup``, is a text of code as well."""

COMMANDS: Final = frozenset(
    {"os.system", "os.popen", "posix.system", "nt.system", "subprocess.run", "subprocess.call", "subprocess.Popen",
     "subprocess.check_call", "subprocess.check_output", "subprocess.getoutput", "subprocess.getstatusoutput",
     "asyncio.create_subprocess_shell", "asyncio.create_subprocess_exec", "pty.spawn", "commands.getoutput",
     *(f"os.{kind}{form}" for kind in ("exec", "spawn") for form in ("l", "le", "lp", "lpe", "v", "ve", "vp", "vpe")),
     "os.posix_spawn", "os.posix_spawnp", "_posixsubprocess.fork_exec", "*.system", "*.popen",
     "IPython.get_ipython.system", "IPython.get_ipython.getoutput"}
)  # fmt: skip
"""Functions that run their argument as a command."""

LOADERS: Final = frozenset(
    {"pickle.loads", "pickle.load", "pickle.Unpickler", "cPickle.loads", "_pickle.loads", "_pickle.load",
     "cloudpickle.loads", "cloudpickle.load", "dill.loads", "dill.load", "marshal.loads", "marshal.load",
     "joblib.load", "torch.load", "jsonpickle.decode", "yaml.unsafe_load", "shelve.open", "ctypes.CDLL",
     "pandas.read_pickle", "numpy.load(allow_pickle)"}
)  # fmt: skip
"""Functions that build objects or run code from bytes."""

# ``eval`` and ``compile`` are also methods of most models.
_RUNNERS: Final = frozenset(
    {"builtins.exec", "builtins.__import__", "runpy.run_path", "runpy.run_module", "ctypes.PyDLL", "ctypes.cdll"}
)

POWERFUL_MEMBERS: Final = frozenset(
    member
    for module, _, member in (name.rpartition(".") for name in COMMANDS | LOADERS | _RUNNERS)
    if module in POWERFUL_MODULES
)
"""The last parts of the names that run commands or code, in modules that ordinary code never passes on."""

NETWORK_RESULTS: Final = {
    name: frozenset({"network"})
    for name in (
        *("requests.get", "requests.post", "requests.request", "requests.Session.get", "requests.Session.post"),
        *("requests.session.get", "urllib.request.urlopen", "urllib.request.urlretrieve", "urllib.urlopen"),
        *(
            "urllib2.urlopen",
            "httpx.get",
            "httpx.post",
            "httpx.Client.get",
            "httpx.stream",
            "urllib3.PoolManager.request",
        ),
        *(
            "urllib3.request",
            "socket.socket",
            "socket.create_connection",
            "_socket.socket",
            "http.client.HTTPSConnection",
        ),
        *("http.client.HTTPConnection", "urllib.request.build_opener", "aiohttp.ClientSession.get", "wget.download"),
        *("urllib.request.Request", "ftplib.FTP", "telnetlib.Telnet", "aiohttp.request", "ssl.wrap_socket"),
        *("ssl.SSLContext.wrap_socket", "ssl.create_default_context.wrap_socket", "websocket.create_connection"),
        *("asyncio.open_connection", "asyncio.open_unix_connection", "websockets.connect"),
        *("websockets.sync.client.connect", "websocket.WebSocket"),
        *("multiprocessing.connection.Client", "xmlrpc.client.ServerProxy", "imaplib.IMAP4_SSL", "nntplib.NNTP"),
        *("pika.BlockingConnection", "kafka.KafkaProducer", "redis.Redis", "redis.from_url", "zmq.Context.socket"),
        *("paramiko.SSHClient", "dns.resolver.resolve", "dns.resolver.query", "socket.gethostbyname_ex"),
    )
} | {
    name: frozenset({"hub"})
    for name in ("huggingface_hub.hf_hub_download", "huggingface_hub.snapshot_download",
                 "transformers.utils.cached_file", "transformers.utils.hub.cached_file",
                 "huggingface_hub.file_download.hf_hub_download")
}  # fmt: skip
"""The tag that functions give their result, because it comes from the network or from a model hub."""

LOCAL_RESULTS: Final = {
    name: frozenset({"file"})
    for name in ("builtins.open", "io.open", "codecs.open", "tokenize.open", "pathlib.Path.read_text",
                 "pathlib.Path.read_bytes", "pathlib.Path.open", "importlib.resources.read_text",
                 "importlib.resources.open_text", "pkgutil.get_data", "linecache.getlines", "os.read",
                 "configparser.ConfigParser", "configparser.RawConfigParser", "PIL.Image.open", "numpy.load",
                 "safetensors.safe_open.metadata", "omegaconf.OmegaConf.load")
} | {
    name: frozenset({"installed"})
    for name in ("site.getsitepackages", "site.getusersitepackages", "sysconfig.get_path", "sysconfig.get_paths")
}  # fmt: skip
"""The tag that functions give their result: read from a file, or a place of installed packages."""

RESULT_TAGS: Final = NETWORK_RESULTS | LOCAL_RESULTS
"""The tags that functions add to their results by themselves."""

PATH_BUILDERS: Final = frozenset({"pathlib.Path", "pathlib.PurePath", "os.path.join", "pathlib.Path.with_name",
                          "pathlib.Path.joinpath", "pathlib.Path.with_suffix"})  # fmt: skip
"""Functions that build a path from parts."""

IMPORT_LOCATIONS: Final = frozenset(
    {
        *("importlib.util.spec_from_file_location", "importlib.machinery.SourceFileLoader", "sys.path.insert"),
        *("importlib.machinery.ExtensionFileLoader", "sys.path.append", "sys.path.extend", "torch.ops.load_library"),
        *("torch.classes.load_library", "zipimport.zipimporter"),
    }
)
"""Functions that import code from a path, or add one to where Python imports from."""

SENDERS: Final = frozenset(
    {
        *(
            name
            for name in NETWORK_RESULTS
            if not name.endswith(("Connection", "SSHClient", ".FTP", ".Telnet", "_opener"))
        ),
        *("requests.put", "requests.patch", "socket.socket.send", "socket.socket.sendall", "socket.socket.sendto"),
        *("socket.socket.connect", "socket.create_connection.sendall", "socket.create_connection.send"),
        *("http.client.HTTPSConnection.request", "http.client.HTTPConnection.request", "smtplib.SMTP.sendmail"),
        *("smtplib.SMTP.send_message", "smtplib.SMTP_SSL.send_message", "smtplib.LMTP.send_message"),
        *("smtplib.SMTP_SSL.sendmail", "httpx.Client.post", "socket.gethostbyname", "socket.getaddrinfo"),
        *("ftplib.FTP.storbinary", "huggingface_hub.upload_file", "huggingface_hub.HfApi.upload_file"),
        *("urllib.request.build_opener.open", "aiohttp.ClientSession.post"),
    }
)
"""Functions that send their arguments over the network."""


PUBLISHERS: Final = frozenset(
    {"push_to_hub", "upload_file", "upload_folder", "upload_large_folder", "create_commit", "create_repo",
     "create_branch", "create_tag", "create_discussion", "create_pull_request", "comment_discussion",
     "preupload_lfs_files", "add_space_secret", "add_space_variable", "save_to_hub", "push_to_hub_keras"}
)  # fmt: skip
"""Methods, by their last name, that write to a repository of the Hub."""
TRACKERS: Final = frozenset(
    {"wandb", "mlflow", "comet_ml", "neptune", "clearml", "aim", "dagshub", "sentry_sdk", "posthog", "mixpanel",
     "swanlab", "trackio", "rollbar", "bugsnag", "datadog", "newrelic", "segment", "langfuse", "langsmith", "boto3",
     "pymongo", "redis", "telegram", "slack_sdk", "discord"}
)  # fmt: skip
"""Packages of services that keep what their clients send."""
HUB_READERS: Final = frozenset(
    {"from_pretrained", "hf_hub_download", "snapshot_download", "load_dataset", "cached_file", "model_info",
     "dataset_info", "hf_hub_url", "list_repo_files", "repo_info", "file_exists", "try_to_load_from_cache"}
)  # fmt: skip
"""Functions and methods, by their last name, that ask the Hub for a repository or a file."""


def sends_data(module: str, member: str) -> bool:
    """Whether a module, or an object that it makes, has a sender of this name."""
    return any(each.startswith(f"{module}.") and each.endswith(f".{member}") for each in SENDERS)


SECRET_RESULTS: Final = frozenset(
    {
        *("os.environ", "os.environb", "os.environ.copy", "os.environ.items", "os.environ.values", "getpass.getpass"),
        *("huggingface_hub.get_token", "huggingface_hub.HfFolder.get_token", "keyring.get_password", "pwd.getpwall"),
        *("browser_cookie3.chrome", "getpass.getuser", "socket.gethostname", "platform.node", "platform.uname"),
        *("huggingface_hub.utils.get_token", "os.uname", "posix.environ"),
    }
)
"""Names that yield the environment, a password, a token, or the names of user and machine."""

COMMAND_METHODS: Final = frozenset(
    {"system", "popen", "execl", "execle", "execlp", "execlpe", "execve", "execvp", "execvpe", "execv", "spawnl",
     "spawnle", "spawnlp", "spawnlpe", "spawnv", "spawnve", "spawnvp", "spawnvpe", "posix_spawnp", "check_output",
     "check_call", "getoutput",
     "getstatusoutput", "Popen", "posix_spawn", "fork_exec", "dup2", "run_string", "runsource", "run_path",
     "exec_module", "load_module", "create_subprocess_shell", "subprocess_shell", "subprocess_exec", "load_extension",
     "source_to_code", "register_custom_ops_library", "LoadLibrary", "__reduce_ex__", "extractall", "set_executable",
     "set_forkserver_preload", "enable_load_extension", "recv_pyobj", "create_connection", "create_datagram_endpoint",
     "exec_command", "run_line_magic", "run_cell_magic", "run_cell", "safe_execfile", "find_line_magic",
     "find_cell_magic", "getRuntime", "launchedTaskWithLaunchPath_arguments_", "spawn_command_line_async",
     "spawn_command_line_sync"}
)  # fmt: skip
"""Methods whose name alone shows that they run commands or code, on whatever object they are called."""

INTERPRETER_ATTRIBUTES: Final = frozenset(
    {"__subclasses__", "__globals__", "__builtins__", "__code__", "__closure__", "f_globals", "f_builtins", "f_locals",
     "gi_frame", "tb_frame", "cr_frame", "f_back", "func_globals", "__getattribute__", "__mro__", "__base__",
     "__bases__", "__loader__"}
)  # fmt: skip
"""Attributes that lead from any object to the interpreter: its frames, globals, builtins and class tree."""

SELF_ATTRIBUTES: Final = frozenset({"__call__", "__func__", "__wrapped__", "__self__", "func"})
"""Attributes of a callable that are, or call, the callable itself."""

CLASS_HOOKS: Final = ("__init_subclass__", "__set_name__", "__prepare__", "__mro_entries__", "__class_getitem__")
"""Methods that Python calls while it runs a class statement."""

DECODING_FUNCTIONS: Final = frozenset(
    {
        *("base64.b64decode", "base64.urlsafe_b64decode", "base64.standard_b64decode", "base64.b32decode"),
        *("base64.b16decode", "base64.b85decode", "base64.a85decode", "base64.decodebytes", "base64.decodestring"),
        *("binascii.unhexlify", "binascii.a2b_hex", "binascii.a2b_base64", "binascii.a2b_uu", "codecs.decode"),
        *("zlib.decompress", "gzip.decompress", "bz2.decompress", "lzma.decompress", "builtins.bytes.fromhex"),
        *("builtins.bytearray.fromhex", "marshal.loads", "quopri.decodestring", "cryptography.fernet.Fernet.decrypt"),
        *("Crypto.Cipher.AES.new.decrypt", "Cryptodome.Cipher.AES.new.decrypt", "builtins.chr"),
    }
)
"""Functions that undo an encoding; their result is tagged even where the argument is unknown."""
