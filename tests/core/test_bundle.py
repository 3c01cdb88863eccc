"""A bundle on disk: complete, unchanged and of this format, or refused with the file's name."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import zipfile
from importlib.resources import files
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from baselines import DAY, MONDAY, office, office_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oddlog_core.bundle import DETECTORS, FORMAT, About, Trained, read_bundle, write_bundle
from oddlog_core.calibration import Calibration
from oddlog_core.errors import BundleError
from road import OPTIONS, answer

WITHOUT_TORCH = [kind for kind in DETECTORS if kind.log not in {"conn", "flows"}]
LATER = {kind.name: office(office_of(kind), 200, seed=8, start=MONDAY + 2 * DAY, days=0.3) for kind in WITHOUT_TORCH}
WORDS = {"oddlog": "0.1.0", "created": "2026-11-24T00:00:00+00:00", "comment": "for tests"}


@pytest.fixture(scope="module")
def trained():
    return {kind.name: learned(kind, seed=4) for kind in WITHOUT_TORCH}


def learned(kind, seed):
    baseline = office(office_of(kind), 600 if kind.every_record else 1500, seed=seed)
    fitted = kind.fit([baseline], OPTIONS)
    about = About(len(baseline), len(fitted.held_back), int(baseline.clock[0]), int(baseline.clock[-1]))
    return Trained(fitted.detector, Calibration.fit(fitted.held_back, fitted.per_day), about)


@pytest.fixture(scope="module")
def written(trained, tmp_path_factory):
    """A bundle that no test may change."""
    folder = tmp_path_factory.mktemp("written") / "office"
    write_bundle(folder, trained, **WORDS)
    return folder


@pytest.fixture
def copied(written, tmp_path):
    return shutil.copytree(written, tmp_path / "copied")


def files_in(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_written_and_read_back_it_answers_the_same(trained, written):
    bundle = read_bundle(written)
    assert (bundle.oddlog, bundle.created, bundle.comment) == tuple(WORDS.values())
    assert bundle.trained.keys() == trained.keys()
    for name, one in bundle.trained.items():
        assert (one.calibration, one.about) == (trained[name].calibration, trained[name].about)
        threshold = one.calibration.threshold(0.02)
        found = answer(one.detector, [LATER[name]], threshold)
        assert found.findings
        assert found == answer(trained[name].detector, [LATER[name]], threshold)


def test_all_of_it_is_json_onnx_or_plain_arrays(written):
    assert {path.suffix for path in files_in(written)} <= {".json", ".npz", ".onnx"}
    for path in written.rglob("*.json"):
        json.loads(path.read_text())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(st.data())
def test_a_changed_byte_anywhere_is_refused_with_the_name_of_a_file(written, data):
    path = data.draw(st.sampled_from(files_in(written)))
    content = path.read_bytes()
    at = data.draw(st.integers(0, len(content) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != content[at]))
    try:
        path.write_bytes(content[:at] + bytes([other]) + content[at + 1 :])
        with pytest.raises(BundleError, match=r"bundle\.json|modes\.json|profiles\.json"):
            read_bundle(written)
    finally:
        path.write_bytes(content)


def test_a_missing_file_is_named(written, tmp_path):
    for i, path in enumerate(files_in(written)):
        copy = shutil.copytree(written, tmp_path / str(i))
        (copy / path.relative_to(written)).unlink()
        with pytest.raises(BundleError, match=path.name):
            read_bundle(copy)


def test_a_folder_that_is_no_bundle_is_named(tmp_path):
    with pytest.raises(BundleError, match="nowhere is no bundle"):
        read_bundle(tmp_path / "nowhere")


@pytest.mark.parametrize("number", [FORMAT + 1, None, "1"])
def test_another_format_is_refused_and_both_are_said(copied, number):
    manifest = json.loads((copied / "bundle.json").read_text())
    (copied / "bundle.json").write_text(json.dumps({**manifest, "format": number}))
    with pytest.raises(BundleError, match=rf"bundle\.json: format is {number}, this oddlog reads {FORMAT}"):
        read_bundle(copied)


@pytest.mark.parametrize("garbage", [b"", b"null", b"[]", b"{", b'{"format": 1}', b"\xff\xfe", b'{"format": "\xff"}'])
def test_a_garbage_manifest_is_named(copied, garbage):
    (copied / "bundle.json").write_bytes(garbage)
    with pytest.raises(BundleError, match=r"bundle\.json"):
        read_bundle(copied)


def test_a_newer_format_is_said_to_be_newer(copied):
    manifest = json.loads((copied / "bundle.json").read_text())
    (copied / "bundle.json").write_text(json.dumps({**manifest, "format": FORMAT + 1}))
    with pytest.raises(BundleError, match="a newer oddlog wrote it"):
        read_bundle(copied)


def sealed(folder, name, content):
    """Put another file in and make every hash right, as someone would who forges a bundle."""
    (folder / name).write_bytes(content)
    manifest = json.loads((folder / "bundle.json").read_text())
    manifest["files"][name] = hashlib.sha256(content).hexdigest()
    text = json.dumps({**manifest, "sha256": ""})
    manifest["sha256"] = hashlib.sha256(text.encode()).hexdigest()
    (folder / "bundle.json").write_text(text.replace('"sha256": ""', f'"sha256": "{manifest["sha256"]}"'))


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\x80\x04]\x94.", b"\xff"])
def test_a_file_with_the_right_hash_and_the_wrong_content_is_refused(copied, content):
    sealed(copied, "ntlm-kmodes/modes.json", content)
    with pytest.raises(BundleError, match="ntlm-kmodes does not hold what this oddlog saves there: "):
        read_bundle(copied)


def test_a_file_that_no_hash_covers_is_refused(copied):
    (copied / "ntlm-kmodes" / "more.json").write_text("{}")
    with pytest.raises(BundleError, match=r"more\.json is no part of the bundle"):
        read_bundle(copied)


@pytest.fixture
def starter(tmp_path):
    """The shipped bundle, which has a model and arrays."""
    return shutil.copytree(Path(str(files("oddlog") / "starter")), tmp_path / "starter")


def test_arrays_that_hold_pickled_objects_are_refused(starter):
    class Pickled:
        def __reduce__(self):
            return print, ("this was executed",)

    np.savez(starter / "forged.npz", forged=np.array([Pickled()], dtype=object))
    content = (starter / "forged.npz").read_bytes()
    (starter / "forged.npz").unlink()
    with zipfile.ZipFile(starter / "conn-autoencoder" / "relations.npz") as arrays:
        names = arrays.namelist()
    forged = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as pickled, zipfile.ZipFile(forged, "w") as archive:
        for name in names:
            archive.writestr(name, pickled.read("forged.npy"))
    sealed(starter, "conn-autoencoder/relations.npz", forged.getvalue())
    with pytest.raises(BundleError, match="allow_pickle"):
        read_bundle(starter)


def test_a_model_whose_weights_lie_in_another_file_is_refused(starter, monkeypatch):
    onnx = pytest.importorskip("onnx", reason="forging a model needs onnx, which the extra `train` brings")
    model = onnx.load(starter / "conn-autoencoder" / "model.onnx")
    onnx.save_model(model, starter / "model.onnx", save_as_external_data=True, location="weights", size_threshold=512)
    content = (starter / "model.onnx").read_bytes()
    # Where onnxruntime looks for them unless it is told not to.
    monkeypatch.chdir(starter)
    assert onnxruntime.InferenceSession(content).get_inputs()
    sealed(starter, "conn-autoencoder/model.onnx", content)
    with pytest.raises(BundleError, match=r"conn-autoencoder .*: some of it lies in another file"):
        read_bundle(starter)


@pytest.mark.parametrize("content", [b"", b"no model"])
def test_what_is_no_model_is_refused(starter, content):
    sealed(starter, "conn-autoencoder/model.onnx", content)
    with pytest.raises(BundleError, match="not a model that can be used"):
        read_bundle(starter)


def test_the_digest_names_the_content(trained, written, tmp_path):
    write_bundle(tmp_path / "again", trained, **WORDS)
    assert read_bundle(tmp_path / "again").digest == read_bundle(written).digest
    write_bundle(tmp_path / "other", trained, **{**WORDS, "comment": "for other tests"})
    assert read_bundle(tmp_path / "other").digest != read_bundle(written).digest


def test_a_bundle_is_replaced_whole_and_no_draft_stays(trained, copied):
    name = WITHOUT_TORCH[0].name
    write_bundle(copied, {name: learned(WITHOUT_TORCH[0], seed=5)}, **WORDS)
    assert read_bundle(copied).trained.keys() == {name}
    assert {path.name for path in copied.iterdir()} == {"bundle.json", name}
    assert [path.name for path in copied.parent.iterdir()] == ["copied"]


def test_an_empty_folder_becomes_a_bundle(trained, tmp_path):
    (tmp_path / "new").mkdir()
    write_bundle(tmp_path / "new", trained, **WORDS)
    assert read_bundle(tmp_path / "new").trained.keys() == trained.keys()


def refused(folder, trained, says):
    before = {path: path.read_bytes() for path in files_in(folder.parent)}
    with pytest.raises(BundleError, match=says):
        write_bundle(folder, trained, **WORDS)
    assert {path: path.read_bytes() for path in files_in(folder.parent)} == before


def test_a_folder_of_other_files_is_not_overwritten(trained, tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.txt").write_text("years of work")
    refused(tmp_path / "home", trained, "holds files but no bundle")


def test_a_bundle_beside_other_files_is_not_overwritten(trained, copied):
    (copied / "notes").mkdir()
    (copied / "notes" / "mine.txt").write_text("why we trained it so")
    refused(copied, trained, r"notes/mine\.txt, which is no part of the bundle")


def test_a_folder_with_a_damaged_manifest_is_not_overwritten(trained, copied):
    (copied / "bundle.json").write_text("{")
    refused(copied, trained, r"bundle\.json is damaged")


def test_a_file_is_not_overwritten(trained, tmp_path):
    (tmp_path / "bundle").write_text("not a folder")
    refused(tmp_path / "bundle", trained, "is a file")


def test_a_detector_of_a_newer_oddlog_is_named(trained, tmp_path):
    name = WITHOUT_TORCH[0].name
    write_bundle(tmp_path / "newer", {"ntlm-oracle": trained[name]}, **WORDS)
    with pytest.raises(BundleError, match=r"bundle\.json: no detector is called 'ntlm-oracle'"):
        read_bundle(tmp_path / "newer")


def test_the_calibration_read_back_is_exact_to_the_last_bit(trained, written):
    for name, one in read_bundle(written).trained.items():
        scores = np.linspace(0, 20, 101)
        assert (one.calibration.rarity(scores) == trained[name].calibration.rarity(scores)).all()
