"""What `torchrun` tells a process through its environment; asked before torch is loaded."""

from __future__ import annotations

import os


def team_size() -> int:
    """How many processes train together; 1 for a process of its own.

    Example:
        >>> team_size()
        1
    """
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_follower() -> bool:
    """Whether this process is one of a team and not its first, so that it has nothing to say or to write.

    Example:
        >>> is_follower()
        False
    """
    return team_size() > 1 and os.environ.get("RANK", "0") != "0"
