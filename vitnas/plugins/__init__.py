"""One loader for all that is a file: operators, proxies, qualities, strategies; spaces and devices (YAML).

A plug-in is one file with one class: the name is the file's stem (``conv_ffn``, or ``optuna-tpe`` for
``optuna_tpe.py``) and the class is the stem in CamelCase. Every kind is looked up in one order: a path, the
user's own folder (``./ops``, ``./proxies``, ``./qualities``, ``./strategies``, ``./runtimes``;
``./search_spaces`` and ``./hardware_profiles``), built in, entry points (``vitnas.ops`` and so on). The first
is used, and a warning says which others have its name. Whatever goes wrong in a plug-in is a `PluginError`
that names it.
"""

from vitnas.plugins.failures import blaming, defect, nonsense, running, where
from vitnas.plugins.loading import list_plugins, load_class, load_plugin, user_files
from vitnas.plugins.places import (
    DATA,
    KINDS,
    PACKAGE_FOLDER,
    UserFiles,
    adopt,
    camel_case,
    data_folders,
    find_data,
    first_kind,
    list_data,
    plugin_file,
    shown,
)
from vitnas.plugins.sources import code_hash, is_shipped
from vitnas.plugins.trust import ask, in_hand, is_path, obey, path_hashes, trusting

__all__ = [
    "DATA",
    "KINDS",
    "PACKAGE_FOLDER",
    "UserFiles",
    "adopt",
    "ask",
    "blaming",
    "camel_case",
    "code_hash",
    "data_folders",
    "defect",
    "find_data",
    "first_kind",
    "in_hand",
    "is_path",
    "is_shipped",
    "list_data",
    "list_plugins",
    "load_class",
    "load_plugin",
    "nonsense",
    "obey",
    "path_hashes",
    "plugin_file",
    "running",
    "shown",
    "trusting",
    "user_files",
    "where",
]
