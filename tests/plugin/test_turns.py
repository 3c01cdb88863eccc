"""Turns: order kept, one begun after the other, two ended at once, and what fails or is given up."""

from __future__ import annotations

from functools import partial
from threading import Barrier, get_ident

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oddlog.turns import in_turns


@given(st.lists(st.integers(0, 3), max_size=12))
def test_results_come_in_the_order_of_what_they_came_of(lengths):
    begun = []

    def begin(thing):
        number, length = thing
        begun.append(number)
        return [partial(lambda *of: of, number, piece) for piece in range(length)]

    found = list(in_turns(iter(enumerate(lengths)), begin))
    assert found == [(number, piece) for number, length in enumerate(lengths) for piece in range(length)]
    assert begun == [*range(len(lengths))]


def test_two_are_ended_at_once():
    both = Barrier(2, timeout=30)

    def end():
        both.wait()
        return get_ident()

    assert len(set(in_turns(iter("ab"), lambda _: [end]))) == 2


@pytest.mark.parametrize("where", ["taken", "begun", "ended"])
def test_what_fails_is_raised_after_what_came_before_it(where):
    def coming():
        yield "first"
        if where == "taken":
            raise LookupError
        yield "second"
        yield "third"

    def begin(thing):
        if where == "begun" and thing == "second":
            raise LookupError
        return [partial(end, thing)]

    def end(thing):
        if where == "ended" and thing == "second":
            raise LookupError
        return thing

    found = in_turns(coming(), begin)
    assert next(found) == "first"
    with pytest.raises(LookupError):
        next(found)


def test_whoever_gives_up_waits_for_nothing_more_than_is_under_way():
    taken = []
    found = in_turns(map(taken.append, range(1000)), lambda _: [])
    found.close()
    assert not taken
    found = in_turns((taken.append(i) or i for i in range(1000)), lambda i: [lambda: i])
    assert next(found) == 0
    found.close()
    assert len(taken) < 10
