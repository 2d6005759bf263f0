"""How close a factor must be to its oracle."""

import numpy as np

from services.scorer.factors.spec import FactorSpec, Unit
from tests.scorer import plain


def tolerance(spec: FactorSpec, expected: float, bars: plain.Bars) -> float:
    """1e-9 of the value or of what its unit is made of; of the largest input after jumps, as windows there cancel."""
    window = slice(None) if spec.recursive else slice(-spec.lookback, None)
    inputs = [getattr(bars, "spy" if field == "benchmark" else field)[window] for field in spec.inputs]
    largest = max(float(np.abs(x).max()) for x in inputs)
    jumps = largest > 20 * min(float(np.abs(x[-1:]).max()) for x in inputs)
    scale = largest if jumps or spec.unit in {Unit.USD, Unit.SHARES} else {Unit.POINTS: 100.0}.get(spec.unit, 1.0)
    return 1e-9 * max(abs(expected), scale)
