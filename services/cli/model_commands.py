"""The commands that make and judge models, and their flags. Libraries load inside of them, once the flags are read."""

import os
from pathlib import Path

from services.cli import options
from services.cli.flags import (
    EvaluateBarsFlag,
    EvaluateHorizonsFlag,
    FactorsFlag,
    FormatFlag,
    HomeFlag,
    HorizonsFlag,
    PageFlag,
    TrainBarsFlag,
    TrainDividendsFlag,
    TrainJudgeFlag,
    TrainOutFlag,
    TrainUniverseFlag,
)


def train_models(
    *,
    bars: TrainBarsFlag,
    universe: TrainUniverseFlag = None,
    dividends: TrainDividendsFlag = None,
    judge: TrainJudgeFlag = None,
    out: TrainOutFlag = Path("models"),
    horizons: HorizonsFlag = "5,10",
    home: HomeFlag = None,
) -> int:
    """Train models on a file of bars: alpha_5 and alpha_10, each with a card and a page that tell what it is worth.

    Takes minutes and about 2 GB. The same files give the same models, byte for byte. What was broken off goes on where
    it was; its parts are kept in --home until then.
    """
    wanted = options.parse_horizons(horizons)
    # Read when XGBoost loads. Its threads otherwise spin while they wait for each other: on a busy machine ten times
    # the time.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    from services.cli.train import TrainRequest, run  # noqa: PLC0415  # XGBoost and all factors: a second
    from services.cli.training_work import DEFAULT_HOME  # noqa: PLC0415  # as above

    return run(
        TrainRequest(
            bars=bars.expanduser(),
            universe=universe.expanduser() if universe else None,
            dividends=dividends.expanduser() if dividends else None,
            others=tuple(path.expanduser() for path in judge or ()),
            home=(home or DEFAULT_HOME).expanduser(),
            out=out.expanduser(),
            horizons=wanted,
        )
    )


def evaluate(
    *,
    bars: EvaluateBarsFlag,
    universe: TrainUniverseFlag = None,
    factor: FactorsFlag = "",
    horizons: EvaluateHorizonsFlag = "5,10,20",
    form: FormatFlag = "table",
    out: PageFlag = None,
) -> int:
    """Measure how well TechRating and the score ordered the returns that followed, on a file of bars.

    Prints IC, Rank IC with 95 % intervals, tenths net of costs, by year and regime. Takes a minute and about 2 GB.
    """
    wanted = options.parse_horizons(horizons)
    from services.cli.evaluate import EvaluateRequest, run  # noqa: PLC0415  # XGBoost and all factors: a second

    return run(
        EvaluateRequest(
            bars=bars.expanduser(),
            universe=universe.expanduser() if universe else None,
            factors=options.parse_names(factor),
            horizons=wanted,
            form=form,
            page=out.expanduser() if out else None,
        )
    )
