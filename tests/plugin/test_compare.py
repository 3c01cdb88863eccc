"""`compare`: what is compared with what, and the sentences that follow from the numbers."""

from __future__ import annotations

import re
from types import SimpleNamespace

import numpy as np
import pytest
from oddlog import compare
from oddlog.errors import OddlogError
from oddlog.logs import open_logs
from oddlog_core.options import FlowOptions

TWO = np.arange(40) % 2


def row(architecture, features, optimizer, own, shared=None, clusters=(TWO, TWO)):
    """A row of models with some loss."""
    columns = {"base": 10, "rolling": 34, "full": 74}[features]
    return compare.Row(
        [
            SimpleNamespace(
                features=features,
                options=FlowOptions(architecture, optimizer),
                n_columns=columns,
                n_shared=10,
                own=own,
                shared=own if shared is None else shared,
                floor=0.05,
                shared_floor=0.05,
                seconds=1.0,
                history=[],
                clusters=labels,
            )
            for labels in clusters
        ]
    )


def said(*rows):
    choice = compare.Choice(("basic",), ("base",), ("adam",))
    return compare.findings(compare.Comparison(choice, 300, 100, list(rows)))


@pytest.mark.parametrize(
    ("adam", "verdict"),
    [((0.1, 0.1, 0.1), "holds."), ((0.1, 0.1, 0.3), "holds mostly."), ((0.1, 0.3, 0.3), "does not hold.")],
)
def test_adam_beats_sgd_where_it_does(adam, verdict):
    kinds = ("basic", "narrow", "deep")
    rows = [row(kind, "full", "sgd", 0.2) for kind in kinds]
    rows += [row(kind, "full", "adam", own) for kind, own in zip(kinds, adam, strict=True)]
    [sentence, _] = said(*rows)
    assert sentence.startswith(f"Adam beats SGD: {verdict}")
    assert f"in {sum(own < 0.2 for own in adam)} of 3 pairs" in sentence


def test_rolling_features_cut_the_loss_where_they_do():
    before, after = row("basic", "base", "adam", 0.208), row("basic", "rolling", "adam", 0.118, 0.190)
    sentence, floor, _ = said(before, after, row("basic", "rolling", "sgd", 0.9), row("basic", "base", "sgd", 0.1))[1:]
    assert "(0.208 to 0.118 in the article): holds." in sentence
    assert "from 0.208 over 10 columns to 0.118 over 34, 43.3 % less" in sentence
    assert "on the 10 shared columns from 0.208 to 0.190, 8.7 % less" in sentence
    assert "from 0.158 to 0.068, 57.0 % less; on the shared columns from 0.158 to 0.140, 11.4 % less" in floor
    sentence, *_ = said(before, row("basic", "rolling", "adam", 0.13))
    assert "does not hold" in sentence


@pytest.mark.parametrize(("double", "verdict"), [(0.19, "holds"), (0.3, "holds"), (0.17, "does not hold")])
def test_a_second_layer_gains_little_where_it_does(double, verdict):
    sentence, _ = said(row("basic", "full", "adam", 0.2), row("double", "full", "adam", double))
    assert f": {verdict}. " in sentence
    assert "with full" in sentence


def test_clusters_agree_by_the_adjusted_rand_index():
    assert row("basic", "base", "adam", 0.2).agreement == 1.0
    assert row("basic", "base", "adam", 0.2, clusters=(TWO, 1 - TWO)).agreement == 1.0
    chance = np.random.default_rng(1).permutation(TWO)
    assert abs(row("basic", "base", "adam", 0.2, clusters=(TWO, chance)).agreement) < 0.2
    assert row("basic", "base", "adam", 0.2, clusters=(TWO,)).agreement is None
    # Two seeds that see but one kind agree on nothing.
    assert row("basic", "base", "adam", 0.2, clusters=(TWO * 0, TWO * 0)).agreement is None


def test_what_was_not_compared_is_not_mentioned():
    assert said(row("narrow", "base", "adam", 0.2, clusters=(TWO,))) == []


def test_models_are_compared_on_a_log(small_office, tmp_path):
    pytest.importorskip("torch")
    curves = pytest.importorskip("oddlog.curves")
    choice = compare.Choice(("basic", "embedding"), ("base", "rolling"), ("sgd", "adam"), epochs=2)
    told = []
    logs = open_logs([small_office.quiet / "conn.log"])
    comparison = compare.compare(logs, choice, lambda _name, share: told.append(share))
    assert (comparison.learned_from, comparison.held_back) == (3000, 1000)
    assert told == sorted(told)
    assert told[-1] == 1.0
    kinds = [row.kind for row in comparison.rows]
    assert len(set(kinds)) == 8
    assert kinds[:3] == [("basic", "base", "sgd"), ("basic", "base", "adam"), ("embedding", "base", "sgd")]
    for found in comparison.rows:
        seeds = [trial.options.seed for trial in found.trials]
        assert seeds == [0, 1]
        assert found.trials[0].own != found.trials[1].own
        assert found.own == pytest.approx(np.mean([trial.own for trial in found.trials]))
        if found.kind[1] == "base":
            assert found.own == found.shared
    page = compare.markdown(comparison)
    assert page.count("\n| ") == 2 + 8
    assert all(f"- {sentence}" in page for sentence in compare.findings(comparison))
    svg, png = curves.draw(comparison, tmp_path)
    assert png.read_bytes().startswith(b"\x89PNG")
    text = svg.read_text()
    assert all(re.search(rf">{name}<", text) for name in ("base", "rolling", "basic, adam", "embedding, sgd"))
    curves.draw(comparison, tmp_path)
    assert svg.read_text() == text


def test_too_few_records_are_said(logons, tmp_path):
    pytest.importorskip("torch")
    path = tmp_path / "ntlm.log"
    path.write_bytes(logons({"ts": 1.0}))
    with pytest.raises(OddlogError, match="0 conn records are too few"):
        compare.compare(open_logs([path]), compare.Choice(("basic",), ("base",), ("adam",)), lambda *_: None)


@pytest.mark.parametrize(
    ("option", "value", "named"),
    [("--architectures", "basic,wide", "'wide' is none of basic"), ("--features", "", "'' is none of base")],
)
def test_a_choice_that_does_not_exist_is_named(option, value, named):
    from click.testing import CliRunner  # noqa: PLC0415
    from oddlog.cli.compare import compare as command  # noqa: PLC0415

    result = CliRunner().invoke(command, ["conn.log", option, value])
    assert result.exit_code == 2
    assert named in result.output
