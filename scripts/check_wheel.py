"""Build the wheel, install it where nothing but its own requirements is, and use it: what a user gets, before it is released.

    python scripts/check_wheel.py            # in the development environment
    python scripts/check_wheel.py --demo     # with the whole demo

The environment is made new and pip installs the wheel into it. What the wheel requires is not downloaded again (torch alone
takes minutes): of every distribution that its metadata asks for, and of theirs in turn, the files are linked from the
development environment, at the versions that lie there. Packages of extras and of development are not linked, so an import of
one fails here as it fails for a user. What this does not show is whether an index serves these requirements.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
LARGEST = 2_000_000
#: Used by whoever installs the wheel, each in a process of its own and an empty folder.
COMMANDS = [
    ["trainwell", "--version"],
    ["trainwell", "--help"],
    ["trainwell", "fit", "iris", "--out", "run", "preset=quick", "epochs=3"],
    ["trainwell", "evaluate", "run", "--no-baseline"],
    ["trainwell", "bundle", "run", "--to", "iris.tw"],
    ["trainwell", "predict", "iris.tw", "rows.csv"],
]
#: Asks for an extra that is not there: one sentence, and no traceback.
REFUSED = ["trainwell", "serve", "run"]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--demo", action="store_true", help="run trainwell demo too")
    asked, start = parser.parse_args(), time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        wheel = built(Path(folder))
        size = wheel.stat().st_size
        environment = installed(wheel, Path(folder, "env"))
        used(environment, Path(folder, "work"), demo=asked.demo)
    print(f"the wheel has {size:,} bytes and works; {time.perf_counter() - start:.0f} s")


def built(folder: Path) -> Path:
    """The wheel, which must be small and hold what is not Python too."""
    run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)])
    (wheel,) = folder.glob("trainwell-*.whl")
    size = wheel.stat().st_size
    if size > LARGEST:
        raise SystemExit(f"the wheel has {size:,} bytes, more than {LARGEST:,}")
    with zipfile.ZipFile(wheel) as archive:
        there = {name.removeprefix("trainwell/") for name in archive.namelist() if name.startswith("trainwell/")}
    source = ROOT / "src" / "trainwell"
    wanted = {str(p.relative_to(source)) for p in source.rglob("*") if p.is_file() and "__pycache__" not in p.parts}
    if there != wanted:
        raise SystemExit(f"the wheel lacks or adds files: {sorted(there ^ wanted)[:5]}")
    print(f"wheel: {size:,} bytes, {len(there)} files")
    return wheel


def installed(wheel: Path, environment: Path) -> Path:
    """A new environment with the wheel, and links to what it requires."""
    run([sys.executable, "-m", "venv", "--without-pip", str(environment)])
    (site,) = environment.glob("lib/python*/site-packages")
    pip = [sys.executable, "-m", "pip", "--python", str(environment / "bin/python")]
    run([*pip, "install", "--quiet", "--no-deps", str(wheel)])
    (info,) = site.glob("trainwell-*.dist-info")
    names = sorted({found.metadata["Name"]: found for found in required(Distribution.at(info), set())}.items())
    for _, found in names:
        link(found, site)
    print(f"environment: trainwell and {len(names)} packages that it requires")
    return environment


def required(package: Distribution, seen: set[str]) -> Iterator[Distribution]:
    """The distributions that a package needs, and what they need; those of extras only where an extra is asked for."""
    for line in package.requires or []:
        asked = Requirement(line)
        if (asked.marker is None or asked.marker.evaluate({"extra": ""})) and asked.name not in seen:
            seen.add(asked.name)
            try:
                found = distribution(asked.name)
            except PackageNotFoundError:
                raise SystemExit(f"{asked.name} is required and not installed here") from None
            if not asked.specifier.contains(found.version, prereleases=True):
                raise SystemExit(f"{line} is required, {found.version} is installed here")
            yield found
            yield from required(found, seen)


def link(package: Distribution, site: Path) -> None:
    """The first folder or file of every path of a package, beside the wheel's own."""
    for top in {Path(file).parts[0] for file in package.files or [] if Path(file).parts[0] not in ("..", "__pycache__")}:
        there, here = Path(str(package.locate_file(top))), site / top
        if there.exists() and not here.exists():
            here.symlink_to(there, target_is_directory=there.is_dir())


def used(environment: Path, folder: Path, *, demo: bool) -> None:
    """Use it as from a shell that knows no other Python."""
    folder.mkdir()
    folder.joinpath("rows.csv").write_text("sepal length (cm),petal length (cm)\n5.1,1.4\n6.3,5.0\n")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    told = kept | {"PATH": f"{environment / 'bin'}:/usr/bin:/bin", "HOME": str(folder)}
    for command in [*COMMANDS, *([["trainwell", "demo"]] if demo else [])]:
        print("$", " ".join(command), flush=True)
        run([str(environment / "bin" / command[0]), *command[1:]], cwd=folder, env=told)
    refused = [str(environment / "bin" / REFUSED[0]), *REFUSED[1:]]
    done = subprocess.run(refused, cwd=folder, env=told, capture_output=True, text=True)
    if done.returncode != 1 or "trainwell[serve]" not in done.stderr or "Traceback" in done.stderr:
        raise SystemExit(f"without its extra serve says: {done.returncode} {done.stderr}")


def run(command: list[str], **options: object) -> None:
    done = subprocess.run(command, capture_output=True, text=True, **options)  # type: ignore[call-overload]
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


if __name__ == "__main__":
    main()
