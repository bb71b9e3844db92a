"""Names of files: none twice, none of another file's, and as they were where nothing stands against it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trainwell.train.picture_output import once

names = st.text("ab-23", min_size=1, max_size=5)


@given(st.lists(names), st.sets(names))
def test_names_of_files_are_all_different_and_the_first_of_each_stays(given_names, taken):
    found = once(given_names, taken)
    assert len(set(found)) == len(found) == len(given_names)
    assert not set(found) & taken
    assert all(new.startswith(old) for new, old in zip(found, given_names, strict=True))
    if len(set(given_names)) == len(given_names) and not set(given_names) & taken:
        assert found == given_names
