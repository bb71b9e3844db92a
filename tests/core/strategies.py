"""Random recipes: every field, filled as a user may fill it."""

from __future__ import annotations

from hypothesis import strategies as st

from trainwell.core.recipe import Recipe

# Words that YAML readers are known to mistake for something else come up often.
TRICKY = [
    "on",
    "off",
    "yes",
    "no",
    "null",
    "~",
    "1e3",
    "1e-3",
    "0x1F",
    "017",
    "1_000",
    "1:30",
    "2026-01-31",
    ".inf",
    ".5",
    "-",
    "a: b",
    "#",
]
WORDS = st.sampled_from(TRICKY) | st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)
NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True).filter(
    lambda s: "__" not in s and s not in {"name", "options", "auto"}
)
NUMBERS = st.floats(0, 1e6, allow_nan=False)
VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.floats(allow_nan=False)
    | WORDS
    | st.lists(NUMBERS, max_size=3)
)
PARTS = st.builds(
    lambda name, options: {"name": name, **options}, NAMES | st.just("auto"), st.dictionaries(NAMES, VALUES, max_size=3)
)
COLUMN = st.fixed_dictionaries(
    {},
    optional={
        "kind": st.sampled_from(["number", "category", "ignore"]),
        "missing": st.sampled_from(["mean", "constant"]),
        "fill": st.none() | WORDS | st.floats(allow_nan=False),
    },
)
SPLIT = st.fixed_dictionaries(
    {},
    optional={
        "how": st.sampled_from(["random", "time"]),
        "valid": st.floats(0, 0.9),
        "by": st.none() | WORDS,
        "fold": st.none() | st.integers(0, 9),
    },
)


def auto_or(strategy):
    return st.just("auto") | strategy


FIELDS = {
    "target": st.none() | WORDS | st.lists(WORDS, max_size=3),
    "columns": st.dictionaries(WORDS, COLUMN, max_size=3),
    "split": SPLIT,
    "prepare": st.fixed_dictionaries({}, optional={"rare": st.integers(1, 99), "scale": st.sampled_from(["log", "none"])}),
    "model": PARTS,
    "optimizer": PARTS,
    "metrics": auto_or(st.lists(NAMES, max_size=3)),
    "augment": auto_or(st.lists(PARTS, max_size=3)),
    "learning_rate": auto_or(NUMBERS),
    "batch_size": auto_or(st.integers(0, 4096)),
    "epochs": auto_or(st.floats(0.01, 1e4)),
    "ema": auto_or(st.floats(0, 0.9999)),
    "compile": st.sampled_from(["auto", "on", "off"]),
    "device": st.sampled_from(["auto", "cpu", "cuda:1"]),
    "time_limit": NUMBERS,
}
RECIPES = st.fixed_dictionaries({}, optional=FIELDS).map(lambda fields: Recipe(**fields))
