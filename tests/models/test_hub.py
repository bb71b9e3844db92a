"""Weights by name: fetched from a hub of our own, kept, mapped to the names used here, and refused in sentences."""

from __future__ import annotations

import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch
from safetensors.torch import save, save_file

from trainwell.core.errors import CompileError, MissingExtra
from trainwell.core.shape import Input, Shape
from trainwell.models.build import build
from trainwell.models.hub import fetched
from trainwell.models.pretrained import take_over
from trainwell.models.transformers_names import spelled

COLOUR = Shape((Input("picture", "picture", (3, 32, 32)),))
COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(http.server.BaseHTTPRequestHandler):
    """Two repositories: `timm/resnet18.tiny` with weights of a narrow ResNet, and `someone/empty`."""

    content = b""

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        _, owner, name, _, _, file = (*self.path.split("/"), "", "", "", "", "")[:6]
        known = f"{owner}/{name}" in ("timm/resnet18.tiny", "someone/empty")
        found = known and name != "empty" and file == "model.safetensors"
        self.send_response(200 if found else 404)
        if not found:
            self.send_header("X-Error-Code", "EntryNotFound" if known else "RepoNotFound")
        else:
            self.send_header("ETag", '"weights"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Content-Length", str(len(self.content) if found else 0))
        self.end_headers()
        if body and found:
            self.wfile.write(self.content)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is written."""


@pytest.fixture(scope="module")
def hub() -> Iterator[str]:
    torch.default_generator.manual_seed(0)
    state = build("resnet18", COLOUR, 1000, {"width": 4}).state_dict()
    Hub.content = save({name: tensor.contiguous() for name, tensor in state.items()})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def _run(code: str, hub: str, home: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own: the client reads where the hub is when it is imported."""
    settings = os.environ | {"HF_ENDPOINT": hub, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1"}
    settings |= more
    return subprocess.run([sys.executable, "-c", code], env=settings, cwd=home, capture_output=True, text=True)


FIT = """
import trainwell as tw
recipe = tw.Recipe(model={"name": "resnet18", "width": 4}, init_from="timm:resnet18.tiny", steps=2, doctor="off", threads=1,
                   compile="off", memory_format="contiguous")
tw.fit(recipe, tw.load("digits"), folder="run", observers=[lambda row: None])
print(open("run/recipe.yaml").read())
"""
ASK = """
from trainwell.core.errors import TrainwellError
from trainwell.models.hub import fetched
for name in {names}:
    try:
        print(fetched(name).origin)
    except TrainwellError as error:
        print(error)
"""


def test_weights_come_from_a_hub_and_are_there_when_it_is_gone(hub: str, tmp_path: Path) -> None:
    told = _run(FIT, hub, tmp_path).stdout
    assert f"tensors taken from timm/resnet18.tiny, commit {COMMIT[:12]}; conv1.weight fitted from 3 to 1 channels" in told
    asked = ASK.format(names=["timm:resnet18.tiny", "hf:someone/else"])
    offline = _run(asked, "http://127.0.0.1:9", tmp_path, HF_HUB_OFFLINE="1").stdout
    assert offline.splitlines()[0] == f"timm/resnet18.tiny, commit {COMMIT[:12]}"
    assert "'someone/else' is not on this machine, and the Hugging Face Hub cannot be reached" in offline


def test_what_the_hub_does_not_have_is_said(hub: str, tmp_path: Path) -> None:
    told = _run(ASK.format(names=["hf:someone/nothing", "hf:someone/empty", "hf:timm/resnet18.tiny/other.bin"]), hub, tmp_path)
    unknown, empty, other = told.stdout.splitlines()
    assert "no repository 'someone/nothing' that you may read" in unknown
    assert "'someone/empty' holds no model.safetensors or pytorch_model.bin" in empty
    assert "'timm/resnet18.tiny' holds no other.bin" in other


def test_names_without_a_tag_ask_timm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(CompileError, match=r"timm:resnet18' has no tag.*not installed.*timm:resnet18.a1_in1k"):
        fetched("timm:resnet18")
    with pytest.raises(MissingExtra, match=r"need the extra hub.*trainwell\[hub\]"):
        fetched("timm:resnet18.a1_in1k")
    with pytest.raises(MissingExtra, match=r"torchvision is not installed.*tv_in1k"):
        fetched("torchvision:resnet18")
    for name in ("hf:", "hf:resnet"):
        with pytest.raises(CompileError, match=r"names no .*hf:microsoft/resnet-18"):
            fetched(name)


def test_torchvision_says_where_its_weights_lie(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    save_file({"fc.bias": torch.zeros(2)}, tmp_path / "tiny.safetensors")
    url = (tmp_path / "tiny.safetensors").as_uri()

    def weights(name: str) -> SimpleNamespace:
        if name != "tiny":
            raise ValueError(f"Unknown model {name}")
        return SimpleNamespace(DEFAULT=SimpleNamespace(url=url))

    here = ModuleType("torchvision.models")
    here.get_model_weights = weights  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torchvision", ModuleType("torchvision"))
    monkeypatch.setitem(sys.modules, "torchvision.models", here)
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: True)
    monkeypatch.setattr("torch.hub.get_dir", lambda: str(tmp_path / "hub"))
    path, origin = fetched("torchvision:tiny")
    assert (path.read_bytes(), origin) == ((tmp_path / "tiny.safetensors").read_bytes(), url)
    with pytest.raises(CompileError, match="torchvision has no weights of the name 'huge'"):
        fetched("torchvision:huge")


def _theirs(name: str, pairs: list[tuple[str, str]]) -> str:
    for here, there in pairs:
        name = name.replace(here, there)
    return name


def test_resnet_of_transformers() -> None:
    network = build("resnet50", COLOUR, 10, {"width": 4})
    theirs = {}
    for name, tensor in network.state_dict().items():
        parts = name.split(".")
        norm, end = "normalization" if "bn" in name or "downsample.1" in name else "convolution", parts[-1]
        if name.startswith("layer"):
            stage, block, rest = int(parts[0][5:]) - 1, parts[1], parts[2]
            inner = "shortcut" if rest == "downsample" else f"layer.{int(rest[-1]) - 1}"
            name = f"resnet.encoder.stages.{stage}.layers.{block}.{inner}.{norm}.{end}"
        elif parts[0] in ("conv1", "bn1"):
            name = f"resnet.embedder.embedder.{norm}.{end}"
        theirs[name.replace("fc.", "classifier.1.")] = tensor
    assert any("shortcut" in name for name in theirs)
    assert {n: t.shape for n, t in spelled(theirs).items()} == {n: t.shape for n, t in network.state_dict().items()}


def test_vit_of_transformers() -> None:
    options = {"width": 8, "depth": 2, "heads": 2, "patch": 8}
    network, other = build("vit", COLOUR, 10, options), build("vit", COLOUR, 10, options)
    pairs = [("attn.proj", "attention.output.dense"), ("norm1", "layernorm_before"), ("norm2", "layernorm_after")]
    pairs += [("mlp.fc1", "intermediate.dense"), ("mlp.fc2", "output.dense"), ("blocks.", "vit.encoder.layer.")]
    pairs += [("patch_embed.proj", "vit.embeddings.patch_embeddings.projection"), ("cls_token", "vit.embeddings.cls_token")]
    pairs += [("pos_embed", "vit.embeddings.position_embeddings"), ("head.", "classifier.")]
    theirs = {}
    for name, tensor in network.state_dict().items():
        there = "vit.layernorm." + name[5:] if name.startswith("norm.") else _theirs(name, pairs)
        if "attn.qkv" in name:
            for part, piece in zip(("query", "key", "value"), tensor.chunk(3), strict=True):
                theirs[there.replace("attn.qkv", f"attention.attention.{part}")] = piece
        else:
            theirs[there] = tensor
    assert not take_over(other, spelled(theirs)).unused
    assert all(torch.equal(t, other.state_dict()[n]) for n, t in network.state_dict().items())


def test_convnext_of_transformers() -> None:
    network = build("convnext", COLOUR, 10, {"width": 4, "blocks": (1, 2), "patch": 2})
    pairs = [(".downsample.", ".downsampling_layer."), (".blocks.", ".layers."), ("conv_dw", "dwconv"), ("mlp.fc", "pwconv")]
    pairs += [("gamma", "layer_scale_parameter"), ("stem.0", "embeddings.patch_embeddings"), ("head.norm", "layernorm")]
    pairs += [("stem.1", "embeddings.layernorm"), (".norm.", ".layernorm."), ("stages.", "encoder.stages.")]
    theirs = {}
    for name, tensor in network.state_dict().items():
        there = name.replace("head.fc", "classifier") if name.startswith("head.fc") else f"convnext.{_theirs(name, pairs)}"
        theirs[there] = tensor
    fresh = build("convnext", COLOUR, 10, {"width": 4, "blocks": (1, 2), "patch": 2})
    assert [n for n in take_over(fresh, spelled(theirs)).unused if "normalize" not in n] == []


def test_other_names_stay_as_they_are() -> None:
    given = {"body.key.weight": torch.ones(1), "classifier.bias": torch.ones(2)}
    assert list(spelled(given)) == list(given)
    assert fetched("C:/weights.pth").path == Path("C:/weights.pth")
