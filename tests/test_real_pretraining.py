"""A classifier of other photographs, whose convolutions the model starts from."""

import keras
import numpy as np

from keras_xai.datasets.split import Split
from keras_xai.recipes import joint_photographs
from keras_xai.reproduction.real_pretraining import (
    build_pretrained,
    group_classes,
    pretraining_config,
)
from keras_xai.training.joint import build_from_config


def test_classes_are_grouped_by_category_and_others_left_out():
    split = Split(
        np.arange(6, dtype=np.uint8)[:, None, None, None],
        np.array([0, 1, 2, 3, 1, 2], np.int32),
        None,
        tuple("abcdef"),
        ("goose", "poodle", "reel", "stork"),
    )
    found = group_classes(split, {"goose": "bird", "stork": "bird", "poodle": "dog"})
    assert found.class_names == ("bird", "dog")
    assert found.labels.tolist() == [0, 1, 0, 1]
    assert found.filenames == ("a", "b", "d", "e")
    assert found.images.ravel().tolist() == [0, 1, 3, 4]
    some = group_classes(split, {"poodle": "dog", "goose": "bird"}, 2)
    assert some.num_images == 2 and set(some.filenames) < set("abe")


def test_pretrained_classifier_has_the_sources_convolutions_alone(float32):
    config = joint_photographs.get_config("smoke")
    shape = (32, 32, 3)
    source = build_from_config(config, shape, 2).get_layer("classifier")
    first, again, other = (
        build_pretrained(config, shape, 5, source, seed=seed, precision="float32")
        for seed in (0, 0, 1)
    )
    for layer in first.layers:
        weights = layer.get_weights()
        if isinstance(layer, keras.layers.Conv2D):
            expected = source.get_layer(layer.name).get_weights()
            for weight, of_source in zip(weights, expected, strict=True):
                assert np.array_equal(weight, of_source)
    assert first.output_shape == (None, 5)
    kernels = [model.get_layer("probs").get_weights()[0] for model in (first, again)]
    assert np.array_equal(*kernels)
    assert not np.array_equal(kernels[0], other.get_layer("probs").get_weights()[0])


def test_pretraining_is_the_first_stage_of_another_length():
    config = joint_photographs.get_config("smoke")
    (stage,) = pretraining_config(config, 7, 9).stages
    assert (stage.epochs, stage.steps_per_epoch) == (7, 9)
    assert stage.white_mask and stage.optimizer == config.stages[0].optimizer
