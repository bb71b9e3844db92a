"""A table: what is in it, a network, its scores against free baselines, answers for new rows.

python examples/table.py
"""

from __future__ import annotations

import trainwell as tw


def main() -> None:
    data = tw.load("breast_cancer")
    print(data.card)
    recipe = tw.Recipe.suggest(data).but(epochs=20)
    run = tw.fit(recipe, data, seed=0)
    print(tw.evaluate(run, data))
    new = data.source.frame.head(3).drop(data.preparation.target.names)
    print(run.predict(new))


if __name__ == "__main__":
    main()
