"""How many networks were scored on the same test rows: after many looks the best of them is too good to be true."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path

import numpy as np

from trainwell.data.cache import cache_home
from trainwell.data.data import Data
from trainwell.data.fingerprint import rows_digest
from trainwell.score.predictions import Predictions

#: Characters at the beginning of running text that name a part.
BEGIN = 1_000
_log = logging.getLogger("trainwell")


def note_look(data: Data, predictions: Predictions, what: str, *, part: str = "test") -> int:
    """Write down that a network was scored on these test rows; returns how many different ones were so far.

    The same network scored again is no new look. The count is kept in the cache of this machine, by the content of the test
    rows, so that no choice of columns, preparation or file name starts it anew.

    Args:
        data: whose test rows were scored.
        predictions: the network's answers for them: they tell one network from another.
        what: what was scored, for whoever reads the file.
        part: the part that was scored.

    Returns:
        The number of looks, this one included; 0 when the cache cannot be written.
    """
    path = place_of_looks(data, part=part)
    answers = blake2b(np.ascontiguousarray(predictions.output).tobytes(), digest_size=8).hexdigest()
    try:
        known = _known(path)
        if answers not in known:
            path.parent.mkdir(parents=True, exist_ok=True)
            line = {"answers": answers, "when": datetime.now(UTC).isoformat(timespec="seconds"), "what": what}
            torn = path.exists() and not path.read_bytes().endswith(b"\n")
            with path.open("a", encoding="utf-8") as file:
                file.write("\n" * torn + json.dumps(line, ensure_ascii=False) + "\n")
    except OSError as error:
        _log.warning("looks at the test rows are not counted: %s", error)
        return 0
    return len(known | {answers})


def place_of_looks(data: Data, *, part: str = "test") -> Path:
    """The file in which looks at these rows are written down."""
    return cache_home() / "looks" / f"{_digest(data, part)}.jsonl"


def _digest(data: Data, part: str) -> str:
    state, rows = data.preparation.language, data.rows[part]
    if state is None:
        return rows_digest(data.source, rows)
    first, last = (int(rows[0]), int(rows[-1])) if len(rows) else (0, -1)
    windows = np.arange(first, last + 1, state.window)[:BEGIN]  # those that do not judge, too
    begin = state.text(np.asarray(data.arrays["target"][windows]).reshape(-1))[:BEGIN]  # however it is cut
    return blake2b(begin.encode(errors="surrogatepass"), digest_size=16).hexdigest()


def looks_at(data: Data, *, part: str = "test") -> int:
    """How many different networks were scored on these test rows on this machine.

    Example:
        >>> from trainwell.data.load import load
        >>> looks_at(load({"x": [0.25, 1.5, 7.0] * 9, "y": [1.0, 0.5, 2.0] * 9}, target="y"))
        0
    """
    return len(_known(place_of_looks(data, part=part)))


def _known(path: Path) -> set[str]:
    if not path.exists():
        return set()
    lines = path.read_text(encoding="utf-8").splitlines()
    return {json.loads(line)["answers"] for line in lines if line.endswith("}")}  # a torn last line is no look
