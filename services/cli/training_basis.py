"""How much it matters to a model whether its features come from bars with dividends taken out of the prices."""

import numpy as np

from services.cli.evaluation_models import predict_rows
from services.cli.training_history import History
from services.inference.evaluate import correlations
from services.inference.findings import BasisGap
from services.inference.labels import percentiles
from services.inference.model import Model
from services.market.dividends import Bases


def compare_bases(bases: Bases, price: History, total: History, model: Model) -> BasisGap:
    """Compare a model's alphas on both bases.

    Args:
        bases: of the stocks' prices.
        price: history of bars that are restated for splits only.
        total: the same stocks and sessions, from bars that are restated for dividends, too.
        model: trained on the former.
    """
    counts = price.counts
    positions = price.positions[np.nonzero(counts)[0]]
    ours, theirs = (predict_rows(model, history.features[counts]) for history in (price, total))
    pays = np.broadcast_to((bases.total != 1.0).any(axis=0), counts.shape)[counts]
    gap = np.abs(ours - theirs)[pays]
    agreement = correlations(percentiles(ours, positions), percentiles(theirs, positions), positions)
    return BasisGap(
        known=bases.known,
        taken=bases.taken,
        rows=len(gap),
        median=float(np.median(gap)) if len(gap) else 0.0,
        p95=float(np.quantile(gap, 0.95)) if len(gap) else 0.0,
        deviation=float(ours.std()),
        rank_correlation=float(agreement.mean()),
    )
