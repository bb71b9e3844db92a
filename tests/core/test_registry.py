"""A function's name is its registered name; its keyword-only parameters are its options."""

from __future__ import annotations

import inspect
import sys
from importlib.metadata import EntryPoint

import pytest

from trainwell.core import registry as registry_module
from trainwell.core.errors import RecipeError, UnknownName
from trainwell.core.registry import Registry, argument_help, options_of


def squared(output, target, *, scale: float = 1.0, power: int = 2):
    """Squared error.

    Args:
        output: what the network says.
        scale: factor on
            every loss.
        power: the exponent.

    Source: Gauss, 1809.

    Example:
        >>> squared(1, 0)
    """
    return scale * abs(output - target) ** power


@pytest.fixture
def losses() -> Registry:
    registry: Registry = Registry("loss", home="")
    registry.register(squared)
    return registry


def test_the_name_is_the_functions_and_the_options_are_keyword_only(losses):
    assert losses.names() == ["squared"]
    assert "squared" in losses
    assert list(losses.options("squared")) == ["scale", "power"]
    assert losses["squared"] is squared


def test_an_option_knows_its_type_default_and_help(losses):
    option = losses.options("squared")["scale"]
    assert (option.annotation, option.default, option.help, option.required) == (float, 1.0, "factor on every loss.", False)


def test_bind_fills_the_options_in_and_converts_what_the_command_line_gives(losses):
    assert losses.bind("squared", {"scale": "3", "power": 1})(2.0, 0.0) == 6.0


def test_an_unknown_name_and_an_unknown_option_get_a_suggestion(losses):
    with pytest.raises(UnknownName, match=r"no loss 'sqared'. Did you mean squared\?"):
        losses["sqared"]
    with pytest.raises(UnknownName, match=r"loss 'squared' has no option 'scales'. Did you mean scale\?"):
        losses.bind("squared", {"scales": 1})


def test_a_wrong_type_names_the_option_the_value_and_the_default(losses):
    with pytest.raises(RecipeError, match=r"loss 'squared' got scale='wide': .*number.*The default is 1\.0"):
        losses.bind("squared", {"scale": "wide"})


def test_a_required_option_is_asked_for():
    def focal(*, gamma: float):
        return gamma

    registry: Registry = Registry("loss", home="")
    registry.register(focal)
    with pytest.raises(RecipeError, match="needs the option 'gamma'"):
        registry.bind("focal", {})


def test_a_second_registration_from_another_module_is_an_error(losses):
    def other():
        return None

    other.__name__, other.__module__ = "squared", "elsewhere"
    with pytest.raises(RecipeError, match=r"registered twice: in .*test_registry.* and in elsewhere"):
        losses.register(other)


HOME = """
from {name}.registry import things

@things.register
def alpha(*, x: int = 1): return x
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package on disk whose modules register themselves."""
    name = f"home_{tmp_path.name.replace('-', '_')}"
    folder = tmp_path / name
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "registry.py").write_text(
        f"from trainwell.core.registry import Registry\nthings = Registry('thing', home='{name}')\n"
    )
    (folder / "alpha.py").write_text(HOME.format(name=name))
    monkeypatch.syspath_prepend(tmp_path)
    yield folder
    for module in [m for m in sys.modules if m.split(".")[0] == name]:
        del sys.modules[module]


def things_of(package):
    return __import__(f"{package.name}.registry", fromlist=["things"]).things


def test_modules_of_the_home_are_imported_on_first_use_only(package):
    things = things_of(package)
    assert f"{package.name}.alpha" not in sys.modules
    assert things.names() == ["alpha"]
    assert f"{package.name}.alpha" in sys.modules


def test_a_home_that_fails_to_import_fails_every_time(package):
    (package / "beta.py").write_text("raise ImportError('no such library')")
    things = things_of(package)
    for _ in range(2):
        with pytest.raises(ImportError, match="no such library"):
            things.names()


def test_third_parties_register_through_an_entry_point(losses, monkeypatch, package):
    things = things_of(package)
    (package / "plugin").mkdir()
    (package.parent / "third_party_thing.py").write_text(
        f"from {package.name}.registry import things\n@things.register\ndef gamma(): return 3\n"
    )
    points = [EntryPoint("thing-gamma", "third_party_thing", "trainwell"), EntryPoint("other-x", "does_not_exist", "trainwell")]
    monkeypatch.setattr(registry_module, "entry_points", lambda group: points)
    assert things.names() == ["alpha", "gamma"]
    del sys.modules["third_party_thing"]


def test_help_ends_where_the_argument_section_ends():
    assert argument_help(inspect.getdoc(squared)) == {
        "output": "what the network says.",
        "scale": "factor on every loss.",
        "power": "the exponent.",
    }
    assert argument_help("") == {}


def test_positional_parameters_are_no_options():
    assert list(options_of(squared)) == ["scale", "power"]
