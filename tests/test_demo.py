import importlib.util
import json

import pytest

from keras_xai.cli import main
from keras_xai.training.runs import read_log

needs_innvestigate = pytest.mark.skipif(
    importlib.util.find_spec("innvestigate") is None,
    reason="iNNvestigate is not installed (make setup-innvestigate)",
)


@pytest.mark.slow
@needs_innvestigate
def test_demo_learns_and_its_masks_lie_on_the_target(tmp_path, capsys):
    assert main(["demo", str(tmp_path / "demo"), "--quiet"]) == 0
    report = tmp_path / "demo" / "report.html"
    assert capsys.readouterr().out.splitlines()[-1] == str(report)
    assert "<svg" in report.read_text()
    last = read_log(tmp_path / "demo" / "run")[-1]
    assert last["val_accuracy"] >= 0.95
    assert last["val_pointing_game"] >= 0.8
    comparison = json.loads((tmp_path / "demo/comparison/comparison.json").read_text())
    kinds = [method["kind"] for method in comparison["methods"]]
    assert [kinds.count(k) for k in ("joint", "analyzer", "baseline")] == [1, 6, 5]
    assert not any(method["failure"] for method in comparison["methods"])


def test_demo_goes_on_with_its_own_polygons_only(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("keras_xai.analyzers.innvestigate.check_installed", lambda: 0)
    manifest = tmp_path / "demo/polygons/manifest.json"
    manifest.parent.mkdir(parents=True)
    manifest.write_text('{"config": {"seed": 4}}')
    assert main(["demo", str(tmp_path / "demo"), "--seed", "5"]) == 2
    assert "of another demo; expected a new folder, or --seed 4" in (
        capsys.readouterr().err
    )


def test_demo_says_at_once_what_is_missing(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert main(["demo", str(tmp_path / "demo")]) == 2
    assert "innvestigate is not installed; install it" in capsys.readouterr().err
    assert not (tmp_path / "demo").exists()
