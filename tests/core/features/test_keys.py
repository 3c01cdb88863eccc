"""Keys of values: equal for what is equal, in every batch, and else different."""

from __future__ import annotations

import numpy as np
import numpy.testing as npt
from baselines import encoded
from hypothesis import given
from hypothesis import strategies as st
from oddlog_core.features import keys
from oddlog_core.features.keys import joined, of_categories, of_integers
from oddlog_core.records import MISSING, Categories

VALUES = st.lists(st.none() | st.sampled_from(["", "0", "a", "b", "T", "é"]) | st.text(max_size=3), max_size=30)
NUMBERS = st.lists(st.sampled_from([0, 1, -1, MISSING, 2**63 - 1]) | st.integers(0, 65_535), max_size=30)


def same(keys, values):
    """Whether keys are equal exactly where values are."""
    return len(set(keys.tolist())) == len(set(zip(keys.tolist(), values, strict=True))) == len(set(values))


@given(VALUES)
def test_values_have_one_key_each_and_what_is_unset_its_own(values):
    assert same(of_categories(encoded(values)), values)


@given(VALUES, st.randoms())
def test_a_value_has_the_same_key_in_whichever_batch_and_dictionary(values, random):
    order = list(range(len(values)))
    random.shuffle(order)
    shuffled = of_categories(encoded([values[i] for i in order]))
    npt.assert_array_equal(shuffled, of_categories(encoded(values))[order])


@given(NUMBERS)
def test_numbers_have_one_key_each(values):
    assert same(of_integers(np.array(values, np.int64)), values)


@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3), st.integers(-3, 3)), max_size=40))
def test_combinations_have_one_key_each_and_their_order_counts(rows):
    columns = [of_integers(np.array(column, np.int64)) for column in np.array(rows, np.int64).reshape(-1, 3).T]
    assert same(joined(*columns), rows)


def test_keys_are_the_same_in_every_process():
    # Bundles keep keys: what computes others makes every host a stranger.
    assert of_categories(encoded(["10.0.0.1", None])).tolist() == [-1_872_567_390_102_450_605, 0]
    assert of_integers(np.array([445])).tolist() == [304_364_983_546_827_986]
    assert joined(np.array([1]), np.array([2])).tolist() == [-7_541_218_347_953_203_506]


def test_names_that_somebody_made_up_long_have_keys_and_are_not_remembered():
    before = keys._key.cache_info()
    long = Categories(np.arange(3, dtype=np.int32), ["a" * 32_000, "A" * 32_000, "b" * 65])
    found = keys.of_categories(long).tolist()
    assert len(set(found)) == 3
    assert keys.of_names(long).tolist() == [found[0], found[0], found[2]]
    assert keys._key.cache_info() == before
