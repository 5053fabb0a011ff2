import pytest

from keras_xai.cli import main
from keras_xai.training.runs import read_log


@pytest.mark.slow
def test_demo_learns_and_its_masks_lie_on_the_target(tmp_path, capsys):
    assert main(["demo", str(tmp_path / "demo"), "--quiet"]) == 0
    report = tmp_path / "demo" / "report.html"
    assert capsys.readouterr().out.splitlines()[-1] == str(report)
    assert "<svg" in report.read_text()
    last = read_log(tmp_path / "demo" / "run")[-1]
    assert last["val_accuracy"] >= 0.95
    assert last["val_pointing_game"] >= 0.8
