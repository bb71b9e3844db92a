"""Attack a bundle: change its bytes, or its content under digests made right again, and open what comes out.

    python scripts/mutate_bundles.py income.tw --times 100000

Every outcome must be a refusal in one sentence, or, with right digests, a bundle that opens; nothing may be imported, written
or started on the way, and no opening may take more memory than twice the file and 64 MB. Ends with 1 where that does not hold.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trainwell.core.errors import TrainwellError
from trainwell.ship import container
from trainwell.ship.bundle import open_bundle
from trainwell.ship.container import Container

Blocks = dict[str, bytes]
#: What a program does that a file of data must not make it do.
FORBIDDEN = (
    "import",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
    "subprocess.",
    "socket.",
    "shutil.",
    "ctypes.dlopen",
)
#: Openings whose memory is measured: every so many, for measuring makes them ten times slower.
MEASURED = 20
WORDS = [
    "",
    "../../etc/passwd",
    "os:system",
    "builtins:exec",
    "\0",
    "a" * 3_000,
    "__import__('os')",
    "!!python/object:os.system",
]
NUMBERS = [0, -1, 1, 1 << 31, 1 << 62, 1 << 80, 1e308, float("nan"), float("inf"), 0.5]


@dataclass
class Outcome:
    """What became of the attacks."""

    refused: int = 0
    opened: int = 0
    worst_memory: int = 0
    sentences: Counter[str] = field(default_factory=Counter)
    wordless: list[str] = field(default_factory=list)


class Watch:
    """Counts what is done while it is on, by Python's audit hook."""

    def __init__(self) -> None:
        self.on, self.seen = False, Counter[str]()
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.on and event.startswith(FORBIDDEN):
            self.seen[f"{event} {str(arguments)[:120]}"] += 1
        if self.on and event == "open" and arguments[1] not in ("r", "rb", None):
            self.seen[f"open {arguments[:2]}"] += 1


def bytes_changed(draw: random.Random, whole: bytes, _: Blocks) -> bytes:
    """Some bytes flipped, cut out, doubled or put in."""
    content = bytearray(whole)
    for _ in range(draw.choice((1, 1, 2, 8))):
        place = draw.randrange(len(content)) if draw.random() < 0.5 else draw.randrange(min(2_000, len(content)))
        span = draw.choice((1, 1, 4, 64))
        piece = bytes(content[place : place + span])
        change = draw.randrange(4)
        content[place : place + span] = (
            bytes(b ^ (1 << draw.randrange(8)) for b in piece)
            if change == 0
            else b""
            if change == 1
            else piece * 2
            if change == 2
            else draw.randbytes(span)
        )
        if bytes(content) == whole or not content:
            content += b"\0"
    return bytes(content)


def content_changed(draw: random.Random, _: bytes, blocks: Blocks) -> bytes:
    """One block changed, left out or exchanged, under right digests."""
    changed = dict(blocks)
    name = draw.choice(list(changed))
    if draw.random() < 0.1:
        del changed[name]
    elif draw.random() < 0.1:
        changed[name] = changed[draw.choice(list(changed))]
    elif name.endswith(".json") and draw.random() < 0.8:
        changed[name] = json.dumps(_altered(draw, json.loads(changed[name]))).encode()
    else:
        changed[name] = bytes_changed(draw, changed[name], {})
    return container.content(changed)


def _altered(draw: random.Random, value: Any) -> Any:
    """The same JSON with one thing in it changed, somewhere."""
    if isinstance(value, dict) and value and draw.random() < 0.9:
        key = draw.choice(list(value))
        if draw.random() < 0.1:
            return {k: v for k, v in value.items() if k != key}
        return value | {key: _altered(draw, value[key])}
    if isinstance(value, list) and value and draw.random() < 0.9:
        place = draw.randrange(len(value))
        return [*value[:place], _altered(draw, value[place]), *value[place + 1 :]]
    return draw.choice([draw.choice(WORDS), draw.choice(NUMBERS), None, True, [], {}, [[]] * 3, {"name": "mlp"}, [value] * 50])


WATCH: list[Watch] = []


def attack(
    path: Path, times: int, change: Callable[[random.Random, bytes, Blocks], bytes], place: Path, seed: int = 0
) -> Outcome:
    """Change the bundle and open it, so many times.

    Raises:
        AssertionError: an opening did what it must not do, or ended in something else than a refusal.
    """
    with Container(path) as box:
        blocks = {name: box.read(name) for name in box.names}
    open_bundle(path)  # imports what opening needs
    if not WATCH:
        WATCH.append(Watch())
    watch, whole, draw, found = WATCH[0], path.read_bytes(), random.Random(seed), Outcome()
    for _ in range(times):
        place.write_bytes(change(draw, whole, blocks))
        _open(place, watch, found)
    assert not watch.seen, watch.seen
    assert not found.wordless, found.wordless[:3]
    return found


def _open(place: Path, watch: Watch, found: Outcome) -> None:
    measured = (found.refused + found.opened) % MEASURED == 0
    if measured:
        tracemalloc.start()
    watch.on = True
    try:
        open_bundle(place)
        found.opened += 1
    except TrainwellError as error:
        found.refused += 1
        found.sentences[error.what[:60]] += 1
        told = str(error)
        if "\n" in told or (str(place) not in told and "network of your own" not in told):
            found.wordless.append(told)
    finally:
        watch.on = False
        if measured:
            found.worst_memory = max(found.worst_memory, tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()


def main() -> None:
    """Attack the bundle that is named, and print what became of it."""
    parser = argparse.ArgumentParser(description="Attack a bundle.")
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--times", type=int, default=100_000)
    chosen = parser.parse_args()
    for change, share in ((bytes_changed, 0.9), (content_changed, 0.1)):
        start = time.process_time()
        found = attack(chosen.bundle, int(chosen.times * share), change, chosen.bundle.with_suffix(".mutated"))
        seconds = time.process_time() - start
        print(f"{change.__name__}: {found.refused:,} refused, {found.opened:,} opened, {seconds:.0f} s of CPU")
        print(f"  most memory of Python {found.worst_memory:,} bytes; commonest sentences {found.sentences.most_common(4)}")
        assert change is content_changed or not found.opened
        assert found.worst_memory <= 2 * chosen.bundle.stat().st_size + (64 << 20)


if __name__ == "__main__":
    main()
