"""A run, its data and its explanations, as `train` and `explain` leave them."""

import csv
import json
from types import SimpleNamespace

import numpy as np
from PIL import Image

from keras_xai.report.report import write_report

SIZE = 8
CLASSIFIER_ROW = {
    "stage": "classifier",
    "epoch": 1,
    "loss": 0.71,
    "cross_entropy": 0.71,
    "accuracy": 0.521,
    "val_cross_entropy": 0.683,
    "val_accuracy": 0.666,
    "majority_rate": 0.503,
}
JOINT_ROW = CLASSIFIER_ROW | {
    "stage": "joint",
    "mask_loss": 0.0123,
    "val_accuracy": 0.912,
    "val_coverage": 0.087,
    "val_pointing_game": 0.834,
    "val_iou": 0.342,
    "val_mass_on_target": 0.615,
    "val_mass_on_distractors": 0.129,
    "target_share": 0.056,
}


def write_inputs(
    root, *, rows=(CLASSIFIER_ROW, JOINT_ROW), target="star", names=None, wrong=(1,)
):
    """Writes a run, its data and its explanations; images alternate in truth."""
    names = names or [f"{i:06d}" for i in range(6)]
    class_names = [f"no {target}", target]
    run, data, explained = (root / name for name in ("run", "data", "explained"))
    for folder in (run, data / "JPEGImages", explained):
        folder.mkdir(parents=True)
    config = {
        "stages": [
            {"name": row["stage"], "trains": ["classifier"], "epochs": 1}
            for row in rows
        ],
        "dense_activation": target,
        "batch_norm_momentum": None,
    }
    settings = {
        "config": config,
        "seed": 41,
        "precision": "float32",
        "class_names": class_names,
        "num_train": 18,
        "num_validation": len(names),
    }
    (run / "config.json").write_text(json.dumps(settings))
    (run / "environment.json").write_text(json.dumps({"machine": target}))
    write_csv(run / "log.csv", list(JOINT_ROW), rows)

    list_path = data / "ImageSets" / "Main" / f"{target}_val.txt"
    list_path.parent.mkdir(parents=True)
    truths = [i % 2 for i in range(len(names))]
    list_path.write_text(
        "".join(
            f"{name} {1 if truth else -1:2d}\n"
            for name, truth in zip(names, truths, strict=True)
        )
    )
    rng = np.random.default_rng(3)
    masks = rng.uniform(size=(len(names), SIZE, SIZE)).astype(np.float32)
    predictions = []
    for i, (name, truth) in enumerate(zip(names, truths, strict=True)):
        pixels = rng.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(data / "JPEGImages" / f"{name}.png", "PNG")
        label = 1 - truth if i in wrong else truth
        probs = [0.9 - 0.01 * i, 0.1 + 0.01 * i][:: 1 if label == 0 else -1]
        predictions.append([f"{name}.png", class_names[label], *probs])
    with (explained / "predictions.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["filename", "label", *class_names], *predictions])
    filenames = [row[0] for row in predictions]
    np.savez(explained / "masks.npz", mask=masks, filename=np.array(filenames))
    return SimpleNamespace(
        run=run,
        data=data,
        explained=explained,
        out=root / "out" / "report.html",
        config=config,
        masks=dict(zip(filenames, masks, strict=True)),
    )


def write_csv(path, fields, rows):
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fields)
        writer.writeheader()
        writer.writerows(rows)


def write(inputs):
    write_report([inputs.run, inputs.explained, inputs.data], inputs.out)
    return inputs.out.read_text(encoding="utf-8")
