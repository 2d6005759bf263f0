"""What is known of a model once its walk forward is over, and what may be said of it."""

from dataclasses import dataclass
from typing import Final

from services.inference.appraise import Appraisal
from services.inference.calibrate import Calibration
from services.inference.estimates import Estimate
from services.inference.leaks import Alarm, Shuffled

MODEL: Final = "model"
STYLE_SHARE: Final = 0.6
"""A model that keeps less of its Rank IC than this without known styles is mostly a tilt to them."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What the walk forward found; everything out of sample but `in_sample_ic`.

    Attributes:
        model: the model.
        scores: what a scan makes of it: the score with the alphas of these models, and without any; empty if not all
            models of the score were trained.
        rivals: simple rules, and a ridge regression, on the same rows.
        decay: Rank IC over other horizons, by name of all these.
        best_rounds: (block,) rounds that were best on the last fifth of what a block learned from.
        rounds: rounds of the model that is served.
        in_sample_ic: mean IC of the last block's model on the rows it was trained on.
        shuffled: what training on shuffled labels gives.
        alarm: whether the result is suspiciously good.
        calibration: from ranks to returns.
    """

    model: Appraisal
    scores: dict[str, Appraisal]
    rivals: dict[str, Appraisal]
    decay: dict[str, dict[int, Estimate]]
    best_rounds: tuple[int, ...]
    rounds: int
    in_sample_ic: float
    shuffled: Shuffled
    alarm: Alarm
    calibration: Calibration

    @property
    def subjects(self) -> dict[str, Appraisal]:
        """All that was appraised, by name: the model first."""
        return {MODEL: self.model, **self.scores, **self.rivals}


def verdict(evaluation: Evaluation) -> str:
    """Say in a few sentences what the model is good for, no better than the figures do."""
    skill, residual = evaluation.model.skill, evaluation.model.without_styles
    model, net = skill.rank_ic, skill.spread
    ranked = {name: appraisal.skill.rank_ic for name, appraisal in evaluation.rivals.items()}
    best, rival = max(ranked.items(), key=lambda item: item[1].mean)
    tilted = model.mean > 0 and residual.mean < STYLE_SHARE * model.mean
    said = [
        f"Rank IC {model}, " + ("above 0 out of sample." if model.low > 0 else "**no skill shown out of sample**."),
        ("Mostly a low-volatility and momentum tilt that flags likely losers; w" if tilted else "W")
        + f"ithout known styles Rank IC {residual}, "
        + ("small but above 0." if residual.low > 0 else "nothing of its own shown."),
    ]
    if rival.mean >= model.mean:
        said.append(f"Something simpler, {best}, did no worse: {rival}.")
    shown = "A trading edge is not shown" if net.net_t < 2 else "The spread of the tenths is positive on this sample"
    said.append(f"{shown}: {net.net * 1e4:.0f} basis points a period after costs, t {net.net_t:.1f}.")
    if evaluation.alarm is Alarm.WARN:
        said.append(f"**leak?** An IC of {skill.ic} out of sample is more than daily bars usually give.")
    if not evaluation.calibration.scale:
        said.append("Returns did not rise with predictions by more than their error, so **alpha is always 0**.")
    return " ".join(said)
