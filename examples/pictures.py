"""Pictures: handwritten digits with augmentation, a report to open in a browser.

python examples/pictures.py
"""

from __future__ import annotations

import trainwell as tw


def main() -> None:
    data = tw.load("digits")
    recipe = tw.Recipe(preset="quick", augment=[{"name": "rotate", "degrees": 10}, "crop"])
    run = tw.fit(recipe, data, folder="runs/example-digits")
    print(tw.evaluate(run, data))
    print("report:", tw.report(run, data))


if __name__ == "__main__":
    main()
