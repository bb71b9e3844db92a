"""Rows whose texts nearly repeat another row's: the same review with a word changed, the same article with another first line.

They are found, told, and kept together or dropped by the recipe's rule.

Texts are compared by the share of their passages of five characters that both have (Jaccard). Sketches of a few smallest hashes
find the pairs worth comparing, so that the cost grows with the length of all texts, not with the number of pairs.

Sources: Broder, "On the resemblance and containment of documents", 1997; Leskovec, Rajaraman and Ullman, "Mining of massive
datasets", chapter 3; Lee et al., "Deduplicating training data makes language models better", ACL 2022.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from trainwell.data import clean
from trainwell.data.card import Check
from trainwell.data.draft import Draft, raw_of
from trainwell.data.kinds import text
from trainwell.data.splits import TEST, TRAIN
from trainwell.data.stored import Stored

#: Characters of a passage.
PASSAGE = 5
#: Share of passages in common from which two texts nearly repeat each other.
ALIKE = 0.8
#: Bands of a sketch and smallest hashes in each: pairs with 0.8 in common meet in a band with a chance of 99.8%.
BANDS, ROWS = 12, 4
#: Texts with fewer letters have too few passages to be nearly anything.
FEWEST_LETTERS = 12
#: Letters beyond which nobody looks; letters whose passages are hashed at once.
MOST_LETTERS, BLOCK = 200_000_000, 2_000_000
_SIGNS = re.compile(r"[\W_]+")
#: What was done about them, by treatment.
DONE = {
    "together": "kept, each with its like in one part of the split",
    "apart": "kept, and split like other rows: so many rows repeat that the texts are a form rather than copied",
    "keep": "kept, and split like other rows, as the recipe says",
    "drop": "dropped; the first of each stays",
}


def near_units(draft: Draft, units: np.ndarray) -> tuple[np.ndarray, str]:
    """The first row whose texts each row nearly repeats (N,), and how such rows are treated.

    Args:
        draft: what is known so far; the finding goes onto its card.
        units: the first row that each row equals (N,).

    Returns:
        Rows that are equal are one unit here, too. The treatment is together, apart, keep, drop, or "" where there are none.
    """
    if isinstance(draft.source.frame, Stored):
        draft.card.add(Check("near_duplicates", "PASS", "Rows in files larger than memory were not searched for texts alike."))
        return units, ""
    schema = draft.source.table.schema  # asked for once: polars lists all columns anew each time
    columns = [name for name in draft.features if schema.get(name) == pl.String and _holds_texts(draft, name)]
    if not columns:
        return units, ""
    alike = _alike(draft, columns)
    near = joined(units, alike)
    again = clean.repeated(near, draft.usable) & ~clean.repeated(units, draft.usable)
    n, rows = int(again.sum()), np.flatnonzero(again)
    if not n:
        draft.card.add(Check("near_duplicates", "PASS", "No text nearly repeats another one."))
        return units, ""
    policy = draft.recipe.prepare.near_duplicates
    coarse = n > clean.COARSE * draft.usable.sum()
    treatment = policy if policy != "auto" else "apart" if coarse else "together"
    examples = tuple(_example(draft, columns[0], row, int(near[row])) for row in rows[:3].tolist())
    said = f"{n:,} rows nearly repeat the text of an earlier one (four fifths of its passages); they were {DONE[treatment]}."
    draft.card.add(Check("near_duplicates", "WARN", said, columns[0], n, examples))
    return near, treatment


def _holds_texts(draft: Draft, name: str) -> bool:
    column = draft.recipe.columns.get(name)
    asked = column.kind if column is not None and column.kind != "auto" else draft.source.kinds.get(name, "auto")
    if asked != "auto":
        return asked == "text"
    return text.recognise(raw_of(draft.source, name, np.arange(len(draft.source)))) is not None


def _alike(draft: Draft, columns: list[str]) -> np.ndarray:
    """The first row whose texts in all columns are nearly those of each row; a row with an empty text is like no other."""
    rows = np.arange(len(draft.source))
    keys, empty = [], np.zeros(len(rows), bool)
    for name in columns:
        words = raw_of(draft.source, name, rows).words
        groups = near_repeats(words.texts.to_list())
        keys.append(words.spread(groups, -1))
        empty |= keys[-1] < 0
    _, first, place = np.unique(np.stack(keys, axis=1), axis=0, return_index=True, return_inverse=True)
    return np.where(empty, rows, first[place.reshape(-1)])


def joined(units: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Units of rows that either puts together, named by their first row, (N,).

    Example:
        >>> joined(np.array([0, 0, 2, 3]), np.array([0, 1, 1, 3])).tolist()
        [0, 0, 0, 3]
    """
    n, rows = len(units), np.arange(len(units))
    if (others == rows).all():
        return units
    links = coo_matrix((np.ones(2 * n, bool), (np.r_[rows, rows], np.r_[units, others])), shape=(n, n))
    place = connected_components(links, directed=False)[1]
    _, first, back = np.unique(place, return_index=True, return_inverse=True)
    return np.asarray(first[back])


def _example(draft: Draft, name: str, row: int, first: int) -> str:
    cells = draft.source.table[name]
    return f"row {row}: {str(cells[row])[:40]!r}, row {first}: {str(cells[first])[:40]!r}"


def near_straddle_check(near: np.ndarray, units: np.ndarray, part: np.ndarray) -> list[Check]:
    """Validation and test rows that nearly repeat a train row: only where the parts were given, or rows were left apart."""
    if (near == np.arange(len(near))).all():
        return []
    trained, same = np.zeros(len(near), bool), np.zeros(len(near), bool)
    trained[near[part == TRAIN]] = same[units[part == TRAIN]] = True
    found = []
    for code, name in ((1, "validation"), (TEST, "test")):
        shared = np.flatnonzero((part == code) & trained[near] & ~same[units])
        if len(shared):
            said = f"{len(shared):,} {name} rows nearly repeat a train row: scores on them look too good. "
            said += "prepare.near_duplicates=drop leaves those train rows out."
            found.append(Check("near_straddle", "WARN", said, "", len(shared), tuple(f"row {row}" for row in shared[:5])))
    return found


def near_repeats(texts: Sequence[str]) -> np.ndarray:
    """The first text that each text nearly repeats, through others if need be, `(N,)` int64; its own place for the others.

    Letter case, punctuation and spaces do not count.

    Example:
        >>> soup = "The soup was cold and the waiter rude, we will never come here again"
        >>> near_repeats([soup, "Quite another story of a meal", soup + "!!", soup.replace("rude", "late")]).tolist()
        [0, 1, 0, 0]
    """
    bare = [_SIGNS.sub(" ", text.lower()).strip() for text in texts]
    looked_at = np.array([place for place, text in enumerate(bare) if len(text) >= FEWEST_LETTERS], np.int64)
    leader = np.arange(len(texts))
    if sum(map(len, bare)) > MOST_LETTERS or len(looked_at) < 2:
        return leader
    sketches = np.concatenate(list(_sketches([bare[place] for place in looked_at])))
    passages: dict[int, np.ndarray] = {}
    for a, b in _candidates(sketches):
        one, other = int(looked_at[a]), int(looked_at[b])
        first, second = _leader(leader, one), _leader(leader, other)
        if first != second and _in_common(bare, one, other, passages) >= ALIKE:
            leader[max(first, second)] = min(first, second)
    return np.array([_leader(leader, place) for place in range(len(texts))], np.int64)


def _leader(leader: np.ndarray, place: int) -> int:
    while leader[place] != place:
        leader[place] = leader[leader[place]]
        place = int(leader[place])
    return place


def _sketches(texts: Sequence[str]) -> Iterator[np.ndarray]:
    """The smallest hash of every text's passages under each of `BANDS * ROWS` hash functions, `(n, BANDS * ROWS)` uint32."""
    draw = np.random.default_rng(0)
    mixes = draw.integers(0, 2**32, (BANDS * ROWS, 2), dtype=np.uint32) | np.array([0, 1], np.uint32)
    start = 0
    while start < len(texts):
        stop, letters = start, 0
        while stop < len(texts) and (stop == start or letters + len(texts[stop]) <= BLOCK):
            letters += len(texts[stop])
            stop += 1
        hashes, begin = _passages(texts[start:stop])
        yield np.stack([np.minimum.reduceat((hashes ^ flip) * factor, begin) for flip, factor in mixes], axis=1)
        start = stop


def _passages(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Hashes of the passages of texts of five letters or more, one text after the other, uint32; where each text's begin."""
    points = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), np.uint32)
    n = len(points) - PASSAGE + 1
    hashes = np.zeros(n, np.uint32)
    for place in range(PASSAGE):
        hashes = (hashes ^ points[place : place + n]) * np.uint32(0x9E3779B1)
        hashes ^= hashes >> np.uint32(15)
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    ends = np.cumsum(lengths)
    whole = np.ones(n, bool)
    for back in range(1, PASSAGE):  # passages that would reach into the next text
        places = ends[:-1] - back
        whole[places[places < n]] = False
    counts = lengths - PASSAGE + 1
    return hashes[whole], np.cumsum(counts) - counts


def _candidates(sketches: np.ndarray) -> Iterator[tuple[int, int]]:
    """Pairs of texts with one band in common: each with the one before it in the order of the band."""
    seen: set[tuple[int, int]] = set()
    for band in range(BANDS):
        key = np.zeros(len(sketches), np.uint64)
        for column in range(band * ROWS, (band + 1) * ROWS):
            key = (key ^ sketches[:, column]) * np.uint64(0x9E3779B97F4A7C15)
            key ^= key >> np.uint64(29)
        order = np.argsort(key, kind="stable")
        alike = np.flatnonzero(key[order[1:]] == key[order[:-1]])
        for a, b in zip(order[alike].tolist(), order[alike + 1].tolist(), strict=True):
            if (a, b) not in seen:
                seen.add((a, b))
                yield a, b


def _in_common(texts: Sequence[str], a: int, b: int, known: dict[int, np.ndarray]) -> float:
    """The share of the passages of either text that both have."""
    for place in (a, b):
        if place not in known:
            known[place] = np.unique(_passages([texts[place]])[0])
    both = len(np.intersect1d(known[a], known[b], assume_unique=True))
    return both / (len(known[a]) + len(known[b]) - both)
