"""Whether this installation works: versions, devices, extras, a writable cache, and a training that is done for real."""

from __future__ import annotations

import os
import platform
import re
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from trainwell.core.i18n import spoken

CORE = ("torch", "numpy", "polars", "pydantic", "pyyaml", "safetensors", "typer", "rich", "pillow", "scikit-learn")
#: Extras that only those need who work on this package.
FOR_DEVELOPERS = {"dev", "docs"}


@dataclass(frozen=True)
class Installation:
    """What was found.

    Args:
        python: version and system.
        versions: of this package and what it needs.
        devices: what networks can be trained on, the first one by default.
        extras: extra → package → its version, or None where it is missing.
        tests: what was tried → seconds, or the error as text.
    """

    python: str
    versions: dict[str, str | None]
    devices: list[str]
    extras: dict[str, dict[str, str | None]]
    tests: dict[str, float | str] = field(default_factory=dict)

    @property
    def works(self) -> bool:
        """Whether nothing that is needed is missing, and everything tried went well."""
        return None not in self.versions.values() and all(isinstance(told, float) for told in self.tests.values())

    def to_dict(self) -> dict[str, Any]:
        """As plain data, for JSON."""
        return asdict(self) | {"works": self.works}


def look_at_installation() -> Installation:
    """Look and try; takes some seconds.

    Example:
        >>> look_at_installation().devices[0][:3] in ("cpu", "cud", "mps")
        True
    """
    python = f"{platform.python_version()} on {platform.platform(terse=True)}, {platform.machine()}"
    tests: dict[str, float | str] = {}
    for name, work in TESTS.items():
        start = time.perf_counter()
        try:
            work()
            tests[name] = round(time.perf_counter() - start, 2)
        except Exception as error:  # whatever is broken here is what one wants to be told
            tests[name] = f"{type(error).__name__}: {error}"
    return Installation(python, {n: known_version(n) for n in ("trainwell", *CORE)}, _devices(), _extras(), tests)


def known_version(package: str) -> str | None:
    """The version of an installed package; None where it is missing.

    Example:
        >>> known_version("no-such-package") is None
        True
    """
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _devices() -> list[str]:
    import torch

    found = [f"cpu: {os.cpu_count()} cores, {torch.get_num_threads()} threads"]
    if torch.backends.mps.is_available():
        found.insert(0, "mps")
    for number in reversed(range(torch.cuda.device_count())):
        about = torch.cuda.get_device_properties(number)
        found.insert(0, f"cuda:{number}: {about.name}, {about.total_memory >> 30} GiB")
    return found


def _extras() -> dict[str, dict[str, str | None]]:
    found: dict[str, dict[str, str | None]] = {}
    for line in requires("trainwell") or []:
        match = re.search(r"extra == ['\"]([\w-]+)['\"]", line)
        package = re.match(r"[\w.-]+", line)
        if match and package and match[1] not in FOR_DEVELOPERS and package[0] != "trainwell":
            found.setdefault(match[1], {})[package[0]] = known_version(package[0])
    return found


def _write() -> None:
    from trainwell.data.readers.memory import spill_folder

    with tempfile.NamedTemporaryFile(dir=spill_folder()) as file:
        file.write(b"x" * 1024)


def _table() -> None:
    """A table is trained on, kept, opened again, and answers the same."""
    from trainwell.core.recipe import Recipe
    from trainwell.data.load import load
    from trainwell.evaluate.run import evaluate
    from trainwell.train.fit import fit
    from trainwell.train.run import Run

    data = load("iris")
    with tempfile.TemporaryDirectory() as place:
        run = fit(Recipe(preset="quick", epochs=20), data, folder=Path(place) / "run", observers=[_silent])
        rows = [{"sepal length (cm)": 5.1, "petal length (cm)": 1.4}, {"petal width (cm)": 2.1}]
        if not run.predict(rows).equals(Run.open(Path(place) / "run").predict(rows)):
            raise AssertionError("the run that was opened again answers otherwise")
        if evaluate(run, data, baselines=False).scores["accuracy"].value < 0.7:
            raise AssertionError("the network has learnt nothing")


def _pictures() -> None:
    """A few updates of a convolutional network on digits."""
    from trainwell.core.recipe import Recipe
    from trainwell.data.load import load
    from trainwell.train.fit import fit

    fit(Recipe(preset="quick", steps=20), load("digits"), observers=[_silent])


def _silent(row: dict[str, Any]) -> None:
    """An observer that says nothing."""


#: What is tried, in this order.
TESTS: dict[str, Callable[[], None]] = {
    "the cache folder is writable": _write,
    "a table is trained on, kept and opened again": _table,
    "pictures are trained on": _pictures,
}


def show_installation(found: Installation, *, console: Console | None = None) -> None:
    """Print what was found: versions, devices, extras, tests, and what to do about what is missing."""
    out = console or Console(highlight=False)
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    table.add_row("Python", found.python)
    table.add_row(spoken("packages"), ", ".join(f"{name} {told or 'MISSING'}" for name, told in found.versions.items()))
    table.add_row(spoken("devices"), "\n".join(found.devices))
    for extra, packages in sorted(found.extras.items()):
        missing = [name for name, told in packages.items() if told is None]
        have = ", ".join(f"{name} {told}" for name, told in packages.items() if told)
        table.add_row(f"extra {extra}", have if not missing else f'not installed: pip install "trainwell\\[{extra}]"')
    for name, told in found.tests.items():
        went = (
            f"[green]ok[/] {spoken(name)} ({told:.1f} s)"
            if isinstance(told, float)
            else f"[red]FAILED[/] {spoken(name)}: {told}"
        )
        table.add_row(spoken("test"), went)
    out.print(table)
    out.print(spoken("Everything works." if found.works else "Something does not work: see above."), style="bold")
