"""Weights by name: `timm:resnet18.a1_in1k`, `torchvision:resnet18`, `hf:owner/repository` become a file on this machine.

What was fetched once is found again without a network. timm and torchvision need not be installed; where they are, they are
asked which weights a bare name means.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch

from trainwell.core.errors import CompileError, MissingExtra

KEY = "recipe key 'init_from'"
#: Files of weights in a repository of the Hugging Face Hub, the first that is there.
IN_REPOSITORIES = ("model.safetensors", "pytorch_model.bin")


class Fetched(NamedTuple):
    """A file of weights and where it comes from; empty for what lay on this machine."""

    path: Path
    origin: str = ""


def fetched(name: str) -> Fetched:
    """The file that a name stands for, fetched when it is not here; a path stands for itself.

    Args:
        name: a path, or one of `timm:NAME.TAG`, `torchvision:NAME`, `hf:OWNER/REPOSITORY[/FILE][@REVISION]`.

    Raises:
        CompileError: there are no such weights, or they cannot be reached.
        MissingExtra: what is needed to fetch them is not installed.

    Example:
        >>> fetched("runs/a")
        Fetched(path=PosixPath('runs/a'), origin='')
    """
    home, colon, rest = name.partition(":")
    if not colon or home not in HOMES:
        return Fetched(Path(name))
    if not rest:
        raise CompileError(f"{name!r} names no weights", where=KEY, remedy=f"Write {EXAMPLES[home]}.")
    return HOMES[home](rest)


def _of_hub(name: str) -> Fetched:
    place, _, revision = name.partition("@")
    owner, repository, *file = [*place.split("/", 2), ""]
    if not owner or not repository:
        raise CompileError(f"'hf:{name}' names no repository", where=KEY, remedy=f"Write {EXAMPLES['hf']}.")
    wanted = tuple(part for part in file if part) or IN_REPOSITORIES
    return _downloaded(f"{owner}/{repository}", wanted, revision or None)


def _of_timm(name: str) -> Fetched:
    architecture, _, tag = name.partition(".")
    if not tag:
        if importlib.util.find_spec("timm") is None:
            remedy = f"Write the whole name, such as {EXAMPLES['timm']} (https://huggingface.co/timm lists them)."
            what = f"'timm:{name}' has no tag that says which weights, and timm is not installed, which would know"
            raise CompileError(what, where=KEY, remedy=remedy)
        tag = _usual_tag(architecture)
    return _downloaded(f"timm/{architecture}.{tag}", IN_REPOSITORIES, None)


def _usual_tag(architecture: str) -> str:
    """The tag that timm takes when nobody names one."""
    from timm.models import get_pretrained_cfg  # type: ignore[import-not-found,unused-ignore]

    found = get_pretrained_cfg(architecture, allow_unregistered=False) if architecture else None
    if found is None or not found.tag:
        remedy = f"Write the whole name, such as {EXAMPLES['timm']}."
        raise CompileError(f"timm has no weights of the name {architecture!r}", where=KEY, remedy=remedy)
    return str(found.tag)


def _downloaded(repository: str, files: tuple[str, ...], revision: str | None) -> Fetched:
    if importlib.util.find_spec("huggingface_hub") is None:
        remedy = 'Run pip install "trainwell[hub]".'
        raise MissingExtra("weights from the Hugging Face Hub need the extra hub", where=KEY, remedy=remedy)
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError, RepositoryNotFoundError

    for file in files:
        try:
            path = Path(hf_hub_download(repository, file, revision=revision))
        except LocalEntryNotFoundError:
            remedy = "Fetch them where there is a network and copy the file: init_from takes a path, too."
            what = f"{repository!r} is not on this machine, and the Hugging Face Hub cannot be reached"
            raise CompileError(what, where=KEY, remedy=remedy) from None
        except EntryNotFoundError:
            continue
        except RepositoryNotFoundError:
            what = f"the Hugging Face Hub has no repository {repository!r} that you may read"
            raise CompileError(what, where=KEY, remedy="See its spelling.") from None
        except Exception as error:  # the client raises errors of many kinds; each is a refusal
            said = str(error).strip().splitlines()[0]
            raise CompileError(f"{repository!r} cannot be fetched ({said})", where=KEY) from None
        return Fetched(path, f"{repository}, commit {path.parents[file.count('/')].name[:12]}")
    raise CompileError(f"{repository!r} holds no {' or '.join(files)}", where=KEY, remedy="Name the file: hf:OWNER/NAME/FILE.")


def _of_torchvision(name: str) -> Fetched:
    if importlib.util.find_spec("torchvision") is None:
        what = "torchvision is not installed, which knows where its weights lie"
        remedy = "Install the torchvision that belongs to your torch, or take timm:NAME.tv_in1k, the same weights."
        raise MissingExtra(what, where=KEY, remedy=remedy)
    from torchvision.models import get_model_weights  # type: ignore[import-not-found,unused-ignore]

    try:
        url = str(get_model_weights(name).DEFAULT.url)
    except ValueError as error:
        raise CompileError(f"torchvision has no weights of the name {name!r} ({error})", where=KEY) from None
    path = Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(url, str(path), progress=False)
        except OSError as error:
            raise CompileError(f"{url} cannot be reached ({error})", where=KEY, remedy="Copy the file here.") from None
    return Fetched(path, url)


#: Who knows names of weights.
HOMES: dict[str, Callable[[str], Fetched]] = {"hf": _of_hub, "timm": _of_timm, "torchvision": _of_torchvision}
EXAMPLES = {"hf": "hf:microsoft/resnet-18", "timm": "timm:resnet18.a1_in1k", "torchvision": "torchvision:resnet18"}
