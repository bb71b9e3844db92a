"""The facts of a column, as the card's table shows them."""

from __future__ import annotations

import polars as pl
import pytest

from trainwell.core.recipe import Recipe
from trainwell.data.build import build
from trainwell.data.source import Source
from trainwell.report.columns import column_facts


@pytest.mark.parametrize(("step", "text"), [("1d", "2024-01-01 … 2024-0"), ("1h", "2024-01-01 … 2024-01-0")])
def test_dates_are_shown_by_their_first_middle_and_last(step: str, text: str) -> None:
    days = pl.datetime_range(pl.datetime(2024, 1, 1), pl.datetime(2024, 4, 9), step, eager=True).head(100)
    frame = pl.DataFrame({"day": days, "y": ["a", "b"] * 50})
    card = build(Source(frame, "t"), Recipe(target="y", split={"test": 0, "valid": 0})).card
    shown = next(column_facts(entry).text for entry in card.columns if entry["name"] == "day")
    assert shown.startswith(text)
    assert shown.endswith("2024-04-09" if step == "1d" else "2024-01-05 03:00")


def test_shares_are_of_all_cells_also_where_few_labels_are_listed() -> None:
    codes = [f"z{i}" for i in range(300)] * 2
    card = build(Source(pl.DataFrame({"zip": codes, "y": ["a", "b"] * 300}), "t"), Recipe(target="y")).card
    shown = next(column_facts(entry).text for entry in card.columns if entry["name"] == "zip")
    assert shown.count("<1%") == 3
