"""Write schema/recipe.schema.json, which editors use to complete and check recipes."""

from __future__ import annotations

from pathlib import Path

from trainwell.core.atomic import write_atomic
from trainwell.core.recipe_file import json_schema

SCHEMA = Path(__file__).parents[1] / "schema" / "recipe.schema.json"

if __name__ == "__main__":
    write_atomic(SCHEMA, json_schema())
    print(SCHEMA)
