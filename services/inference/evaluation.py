"""What is known of a model once its walk forward is over, and what may be said of it."""

from dataclasses import dataclass

from services.inference.calibrate import Calibration
from services.inference.evaluate import Skill
from services.inference.leaks import Alarm, Shuffled
from services.inference.walk_forward import Block

STYLE_SHARE = 0.6
"""A model that keeps less of its Rank IC than this without known styles is mostly a tilt to them."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What the walk forward found; everything out of sample but `in_sample_ic`.

    Attributes:
        blocks: the walk, in positions of sessions.
        model: the model.
        liquid: the model among names above `LIQUID_USD` a day; None if they are too few.
        style_residual: what is left of the model when known styles are taken out.
        rivals: simple rules on the same rows.
        in_sample_ic: mean IC of the last block's model on the rows it was trained on.
        shuffled: what training on shuffled labels gives.
        alarm: whether the result is suspiciously good.
        calibration: from ranks to returns.
    """

    blocks: tuple[Block, ...]
    model: Skill
    liquid: Skill | None
    style_residual: Skill
    rivals: dict[str, Skill]
    in_sample_ic: float
    shuffled: Shuffled
    alarm: Alarm
    calibration: Calibration


def verdict(evaluation: Evaluation) -> str:
    """Say in a few sentences what the model is good for, no better than the figures do."""
    model, residual, net = evaluation.model.rank_ic, evaluation.style_residual.rank_ic, evaluation.model.spread
    best, rival = max(evaluation.rivals.items(), key=lambda item: item[1].rank_ic.mean)
    tilted = residual.mean < STYLE_SHARE * model.mean
    said = [
        f"Rank IC {model}, " + ("above 0 out of sample." if model.low > 0 else "**no skill shown out of sample**."),
        ("Mostly a low-volatility and momentum tilt that flags likely losers; w" if tilted else "W")
        + f"ithout known styles Rank IC {residual}, "
        + ("small but above 0." if residual.low > 0 else "nothing of its own shown."),
    ]
    if rival.rank_ic.mean >= model.mean:
        said.append(f"A plain rule, {best}, did no worse: {rival.rank_ic}.")
    shown = "A trading edge is not shown" if net.net_t < 2 else "The spread of the tenths is positive on this sample"
    said.append(f"{shown}: {net.net * 1e4:.0f} basis points a period after costs, t {net.net_t:.1f}.")
    if not evaluation.calibration.scale:
        said.append("Returns did not rise with predictions by more than their error, so **alpha is always 0**.")
    return " ".join(said)
