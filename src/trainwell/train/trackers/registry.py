"""Names of trackers: places outside the run folder where a run is written down, too."""

from __future__ import annotations

from collections.abc import Callable

from trainwell.core.errors import UsageError
from trainwell.core.recipe_file import parse_value
from trainwell.core.registry import Registry
from trainwell.train.trackers.tracker import Tracker

trackers: Registry[Callable[..., Tracker]] = Registry("tracker", home="trainwell.train.trackers")


def tracker_of(text: str) -> Tracker:
    """The tracker that one typed: its name, then its options as `key=value`.

    Raises:
        UnknownName: there is no such tracker or option.
        UsageError: a word behind the name is no `key=value`.
        MissingExtra: the tracker's library is not installed.

    Example:
        >>> tracker_of("tensorboard folder=boards/a").folder.as_posix()
        'boards/a'
    """
    name, *words = text.split() or [""]
    for word in words:
        if not word.partition("=")[1]:
            raise UsageError(f"--tracker {name} got {word!r}", remedy="Write its options as key=value.")
    options = {key: parse_value(value) for key, _, value in (word.partition("=") for word in words)}
    found: Tracker = trackers.bind(name, options)()
    return found
