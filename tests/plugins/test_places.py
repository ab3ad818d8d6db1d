"""One order of look-up in every kind: a path, the user's own folder, ours, other packages."""

from __future__ import annotations

import warnings

import pytest

from vitnas import plugins
from vitnas.errors import InvalidInput, PluginError, UnknownName
from vitnas.hardware.load_device import load_device
from vitnas.space.files import load_space

STRATEGY = '''
class {name}:
    """{line}"""
'''
KINDS = [
    ("operator", "ops/conv_ffn.py", "conv_ffn", "class ConvFfn:\n    'Mine.'"),
    ("proxy", "proxies/naswot.py", "naswot", "class Naswot:\n    'Mine.'"),
    ("strategy", "strategies/optuna_tpe.py", "optuna-tpe", "class OptunaTpe:\n    'Mine.'"),
    ("runtime", "runtimes/torch_eager.py", "torch-eager", "class TorchEager:\n    'Mine.'"),
]


@pytest.mark.parametrize(("kind", "file", "name", "text"), KINDS, ids=[k for k, *_ in KINDS])
def test_the_users_file_wins_over_ours_and_it_is_said_once(write, kind, file, name, text):
    path = write(file, text)
    told = f"./{file} is used in place of the built-in {kind} '{path.stem}'"
    with pytest.warns(UserWarning, match=told) as caught:
        found = plugins.load_plugin(kind, name)
    assert [str(w.message) for w in caught] == [told]
    assert found.__doc__ == "Mine."
    assert plugins.list_plugins(kind)[name] == "Mine."
    assert plugins.plugin_file(kind, name) == path
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plugins.load_plugin(kind, name)


def test_so_do_spaces_and_devices(write):
    shipped = plugins.find_data("search_spaces", "vit").read_text()
    write("search_spaces/vit.yaml", shipped.replace("description:", "description: Mine,"))
    write("hardware_profiles/stm32f746.yaml", plugins.find_data("hardware_profiles", "stm32f746").read_text())
    with pytest.warns(
        UserWarning, match=r"^\./search_spaces/vit.yaml is used in place of the built-in space 'vit'$"
    ):
        assert load_space("vit").description.startswith("Mine")
    with pytest.warns(UserWarning, match=r"in place of the built-in device 'stm32f746'$"):
        load_device("stm32f746")


def test_a_path_wins_over_both(write):
    write("ops/mine.py", "class Mine:\n    'In the folder.'")
    write("other/mine.py", "class Mine:\n    'By its path.'")
    plugins.ask("other/mine.py")
    assert plugins.load_plugin("operator", "other/mine.py").__doc__ == "By its path."
    assert plugins.load_plugin("operator", "mine").__doc__ == "In the folder."


def test_our_own_checkout_hides_nothing(monkeypatch):
    monkeypatch.chdir(plugins.PACKAGE_FOLDER)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert plugins.load_plugin("operator", "conv_ffn").__module__ == "vitnas.ops.conv_ffn"
    monkeypatch.chdir(plugins.PACKAGE_FOLDER.parent)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_space("vit")


def test_a_package_comes_last(write, package):
    package("theirs", STRATEGY.format(name="Mine", line="Theirs."), "vitnas.strategies", "mine", "random")
    assert plugins.list_plugins("strategy")["mine"] == "from theirs:Mine"
    assert plugins.load_plugin("strategy", "mine").__doc__ == "Theirs."
    assert plugins.plugin_file("strategy", "mine").name == "theirs.py"
    told = (
        r"vitnas/strategies/random.py is used in place of the strategy 'random' of theirs:Random \(theirs\)$"
    )
    with pytest.warns(UserWarning, match=told):
        plugins.load_plugin("strategy", "random")
    write("strategies/mine.py", STRATEGY.format(name="Mine", line="Mine."))
    with pytest.warns(
        UserWarning, match=r"^\./strategies/mine.py is used in place of the strategy 'mine' of"
    ):
        assert plugins.load_plugin("strategy", "mine").__doc__ == "Mine."


def test_an_exception_of_a_package_is_blamed_on_it(package):
    module = "class Mine:\n    def ask(self, n):\n        return 1 / 0"
    package("faulty", module, "vitnas.strategies", "mine")
    strategy = plugins.load_plugin("strategy", "mine")()
    said = r"^strategy 'mine' \(.*faulty.py:3\) fails: ZeroDivisionError"
    with pytest.raises(PluginError, match=said), plugins.blaming():
        strategy.ask(1)


def test_two_packages_of_one_name_are_an_error(package):
    package("one", "class Mine: ...", "vitnas.ops", "mine")
    package("two", "class Mine: ...", "vitnas.ops", "mine")
    with pytest.raises(
        InvalidInput, match=r"one:Mine \(one\) and two:Mine \(two\) are both the operator 'mine'"
    ):
        plugins.load_plugin("operator", "mine")


def test_two_files_of_one_name_are_an_error(write):
    write("ops/a-b.py", "class AB:\n    'Hyphen.'")
    assert plugins.load_plugin("operator", "a_b").__doc__ == "Hyphen."
    write("ops/a_b.py", "class AB:\n    'Underscore.'")
    for name in ("a-b", "a_b"):
        with pytest.raises(
            InvalidInput, match=r"^\./ops/a-b.py and \./ops/a_b.py are both the operator 'a_b'"
        ):
            plugins.load_plugin("operator", name)
    assert plugins.load_plugin("operator", "conv_ffn")
    assert "a_b" in plugins.list_plugins("operator")


@pytest.mark.parametrize("name", ["../errors", "_layers", "nothing", ""])
def test_a_name_is_no_path(write, name):
    with pytest.raises(UnknownName, match="unknown operator"):
        plugins.load_plugin("operator", name)


def test_a_name_of_data_is_no_path(write):
    write("secret.yaml", "")
    write("search_spaces/x.yaml", "")
    with pytest.raises(UnknownName, match="unknown space"):
        plugins.find_data("search_spaces", "../secret")


def test_a_changed_file_is_imported_again(write):
    write("ops/mine.py", "class Mine:\n    'One.'")
    first = plugins.load_plugin("operator", "mine")
    assert plugins.load_plugin("operator", "mine") is first
    write("ops/mine.py", "class Mine:\n    'Two.'")
    assert plugins.load_plugin("operator", "mine").__doc__ == "Two."


def test_another_folder_has_other_plugins(write, tmp_path, monkeypatch):
    from vitnas.arch.operators import arguments

    operator = "class Mine:\n    def __init__(self, inputs, width, *, {}: int = 1): ..."
    for folder in ("one", "two"):
        write(f"{folder}/ops/mine.py", operator.format(folder))
        monkeypatch.chdir(tmp_path / folder)
        assert list(arguments("mine")) == [folder]


def test_a_quality_and_a_proxy_of_one_name(write):
    """``--quality`` takes both: the user's quality, then the user's proxy, then ours."""
    from vitnas.quality.parse import quality_class
    from vitnas.quality.proxy import ProxyQuality

    write("proxies/params.py", "class Params: ...")
    with pytest.warns(UserWarning, match=r"^\./proxies/params.py is used in place of the built-in qual"):
        assert quality_class("params") is ProxyQuality
    write("qualities/params.py", "from vitnas.qualities.depth import Depth\nclass Params(Depth): ...")
    with pytest.warns(UserWarning, match=r"^./qualities/params.py is used in place of the "):
        assert quality_class("params").__name__ == "Params"
    assert quality_class("naswot") is ProxyQuality
