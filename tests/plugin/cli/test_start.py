"""What a command loads: `oddlog --help` starts at once, and a sensor has no torch."""

from __future__ import annotations

import json

HEAVY = ("numba", "numpy", "onnxruntime", "pandas", "pyarrow", "scipy", "sklearn", "torch", "zat")
TELL = f"""
import atexit, sys
atexit.register(lambda: print(sorted({HEAVY!r} & sys.modules.keys()), file=sys.stderr))
""".replace("('", "{'").replace("')", "'}")
# As if these had never been installed.
WITHOUT_TRAINING = """
import sys
from importlib.machinery import PathFinder

class Without:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "onnx", "onnxscript"}:
            return None
        return PathFinder.find_spec(name, path, target)

sys.meta_path = [Without if finder is PathFinder else finder for finder in sys.meta_path]
"""


def test_the_help_loads_no_library_that_is_slow_to_load(process, tmp_path):
    said = process(["--help"], tmp_path, TELL)
    assert said.exit_code == 0
    assert said.err.strip() == "[]"


def test_scoring_loads_neither_torch_nor_pandas(process, small_office, tmp_path):
    said = process(["score", str(small_office.attacked), "--bundle", "starter", "--out", "found"], tmp_path, TELL)
    assert said.exit_code == 0, said.err
    assert "'pyarrow'" in said.err
    assert not {"'torch'", "'pandas'"} & set(said.err.strip("[]\n").split(", "))


def test_arrow_still_has_pandas_where_it_is_asked_for_it(process, tmp_path):
    code = """
from oddlog.cli.options import without_pandas
without_pandas()
import pyarrow as pa
assert pa.array([1]).to_pandas().sum() == 1
"""
    assert process(["--help"], tmp_path, code).err == ""


def test_a_sensor_without_torch_scores_all_three_logs(process, small_office, tmp_path):
    arguments = ["score", str(small_office.attacked), "--bundle", "starter", "--out", "found", "--config", "many.toml"]
    (tmp_path / "many.toml").write_text("notices_per_day = 10000\n")
    said = process(arguments, tmp_path, WITHOUT_TRAINING)
    assert said.exit_code == 0, said.err
    lines = (tmp_path / "found" / "notice.log").read_text().splitlines()
    assert {json.loads(line)["oddlog"]["log"] for line in lines} == {"conn", "dce_rpc", "ntlm"}


def test_training_on_conn_without_torch_says_what_to_install(process, small_office, tmp_path):
    said = process(["train", str(small_office.quiet / "conn.log"), "--bundle", "new"], tmp_path, WITHOUT_TRAINING)
    assert said.exit_code == 1
    assert said.err == "oddlog: learning from conn logs and flows needs torch: install oddlog with its extra `train`\n"
    assert not (tmp_path / "new").exists()


def test_training_on_logons_needs_no_torch(process, small_office, tmp_path):
    said = process(["train", str(small_office.quiet / "ntlm.log"), "--bundle", "new"], tmp_path, WITHOUT_TRAINING)
    assert said.exit_code == 0, said.err
    assert (tmp_path / "new" / "bundle.json").is_file()


def test_loading_a_model_leaves_nothing_at_home(process, tmp_path, monkeypatch):
    # onnxruntime keeps a device id and events to send there, unless it is told not to.
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    said = process(["inspect", "starter"], tmp_path)
    assert (said.exit_code, said.err) == (0, "")
    assert "conn-autoencoder" in said.out
    assert list(tmp_path.rglob("*")) == []
