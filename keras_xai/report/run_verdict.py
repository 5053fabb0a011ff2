"""What the numbers of runs say, in sentences."""

from collections.abc import Sequence

from markupsafe import Markup

from keras_xai.report.curves import LogRow
from keras_xai.report.formats import format_share
from keras_xai.report.run_files import Run
from keras_xai.report.run_recipes import Recipe


def judge_run(run: Run) -> list[Markup]:
    """Says what one run learned."""
    last, num_images = run.log[-1], run.settings["num_validation"]
    sentences = [_say_what(run)]
    if not run.is_finished:
        text = Markup("<b>It is not finished</b>: this is after {} of {} epochs.")
        sentences.append(text.format(len(run.log), run.num_planned))
    if "val_accuracy" in last:
        sentences.append(
            Markup("It labels <b>{}</b> of the {} validation images right{}").format(
                format_share(last["val_accuracy"]), num_images, _compare(last)
            )
        )
    if "val_pointing_game" in last:
        sentences.append(
            Markup(
                "Where there is a target, the strongest point of its mask lies on it "
                "in <b>{}</b> of the images."
            ).format(format_share(last["val_pointing_game"]))
        )
    if "val_mass_on_target" in last:
        sentences.append(_say_where(last))
    if "val_iou" in last:
        sentences.append(
            Markup("Above 0.75 it overlaps with the target by an IoU of {}.").format(
                format_share(last["val_iou"])
            )
        )
    if "val_coverage" in last:
        sentences.append(
            Markup("The mean of all masks is {}.").format(
                format_share(last["val_coverage"])
            )
        )
    return [Markup(" ").join(sentences)]


def _say_where(last: LogRow) -> Markup:
    text = Markup("Of the mask’s mass there, <b>{}</b> lies on the target").format(
        format_share(last["val_mass_on_target"])
    )
    if "target_share" in last:
        text += Markup(" (of a constant mask’s, {})").format(
            format_share(last["target_share"])
        )
    if "val_mass_on_distractors" in last:
        text += Markup(" and {} on other objects").format(
            format_share(last["val_mass_on_distractors"])
        )
    return text + "."


def _say_what(run: Run) -> Markup:
    if run.target is None:
        num_classes = len(run.settings["class_names"])
        return Markup("The model tells {} classes apart.").format(num_classes)
    return Markup("The model tells images with “{}” from images without.").format(
        run.target
    )


def _compare(last: LogRow) -> str:
    if "majority_rate" not in last:
        return "."
    majority = format_share(last["majority_rate"])
    if last["val_accuracy"] > last["majority_rate"]:
        return (
            f"; always giving the most frequent answer would be right for {majority}."
        )
    return (
        ", no better than always giving the most frequent answer, which is right for "
        f"{majority}."
    )


def judge_recipes(recipes: Sequence[Recipe]) -> list[Markup]:
    """Says what several runs learned: a paragraph, and a point for each recipe."""
    num_runs = sum(len(recipe.runs) for recipe in recipes)
    num_finished = sum(recipe.num_finished for recipe in recipes)
    what = "one recipe" if len(recipes) == 1 else f"{len(recipes)} recipes"
    verdict = [
        Markup(
            "<b>{}</b> runs of {}, {} of them finished. Means are over the finished "
            "ones, ± is the standard deviation over their seeds."
        ).format(num_runs, what, num_finished)
    ]
    for recipe in recipes:
        name = Markup("The recipe")
        if recipe.letter:
            name = Markup("Recipe <b>{}</b> ({})").format(
                recipe.letter, recipe.differences
            )
        if not recipe.num_finished:
            verdict.append(Markup("{} has no finished run yet.").format(name))
            continue
        runs = "run" if recipe.num_finished == 1 else "runs"
        means = recipe.means
        parts = [
            Markup("labels <b>{}</b> right (the majority rate is {})").format(
                means["val_accuracy"], recipe.majority_rate
            )
        ]
        if means["val_pointing_game"] != "–":
            parts.append(
                Markup(
                    "its masks peak on the target in <b>{}</b> of the images and have "
                    "<b>{}</b> of their mass on it"
                ).format(means["val_pointing_game"], means["val_mass_on_target"])
            )
            if recipe.target_share != "–":
                parts[-1] += Markup(" (a constant mask: {})").format(
                    recipe.target_share
                )
        if recipe.num_data > 1:
            runs += f" on {recipe.num_data} data sets"
        verdict.append(
            Markup("{}, {} finished {}: {}.").format(
                name, recipe.num_finished, runs, Markup(", ").join(parts)
            )
        )
    return verdict
