"""Codes of categories."""

from __future__ import annotations

from collections import Counter

import numpy as np
from baselines import encoded
from hypothesis import given
from hypothesis import strategies as st
from oddlog_core.features.vocabulary import MISSING_NAME, UNSEEN, UNSEEN_NAME, Vocabulary, count_values
from oddlog_core.records import Categories

VALUES = st.lists(st.none() | st.sampled_from(["a", "A", "b", ""]) | st.text(max_size=3), max_size=30)


@given(VALUES, st.lists(st.text(max_size=3), unique=True, max_size=8))
def test_unset_is_0_known_values_follow_and_all_others_are_unseen(values, known):
    vocabulary = Vocabulary(known)
    expected = [0 if value is None else known.index(value) + 1 if value in known else UNSEEN for value in values]
    codes = vocabulary.encode(encoded(values))
    assert codes.tolist() == expected
    assert len(vocabulary) == len(known) + 1
    names = [MISSING_NAME if v is None else v if v in known else UNSEEN_NAME for v in values]
    assert [vocabulary.name(code) for code in codes] == names


@given(VALUES, VALUES)
def test_counts_are_of_set_fields_over_all_batches_and_by_the_one_spelling(one, other):
    counts = count_values([encoded(one), encoded(other)], str.lower)
    assert counts == Counter(value.lower() for value in [*one, *other] if value is not None)


def test_a_value_of_the_dictionary_that_no_record_has_is_not_counted():
    assert count_values([Categories(np.array([1], np.int32), ["absent", "present"])]) == {"present": 1}
