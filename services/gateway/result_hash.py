"""The hash of a result: equal for equal bars, configuration, factor versions and models (scoring.md, "result_hash")."""

import hashlib
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from services.gateway.candidates import Candidates
from services.gateway.models import Model
from services.gateway.ranking import Ranking
from services.market.omission import Omission
from services.market.weeks import WEEKLY_PREFIX

SUB_SCORES = ("trend_score", "momentum_score", "volume_score", "oscillator_score", "breakout_score")


def versions(config_hash: str, columns: Mapping[str, int], models: Iterable[Model]) -> dict[str, str]:
    """Return the versions of all that a result is made by, by part.

    Args:
        config_hash: of the scoring configuration.
        columns: version of the formula by column. Weekly factors are in no score: a scan that returns them has the
            result of one that does not.
        models: those that gave alphas.
    """
    daily = (f"{name}@{number}" for name, number in columns.items() if not name.startswith(WEEKLY_PREFIX))
    return {"config": config_hash, "factors": hashlib.sha256(",".join(daily).encode()).hexdigest()} | {
        model.role: str(model) for model in models
    }


def result_hash(
    as_of: str, versions: Mapping[str, str], candidates: Candidates, ranking: Ranking, omissions: Iterable[Omission]
) -> str:
    """Return the hex sha256 of a result.

    Args:
        as_of: ISO date.
        versions: config hash, factor versions and model hashes, by part.
        candidates: all scored symbols, in symbol order.
        ranking: which of them are rows, with scores, signals and flags.
        omissions: every omission, by symbol.
    """
    digest = hashlib.sha256()
    for text in (as_of, *(f"{part}={version}" for part, version in sorted(versions.items()))):
        digest.update(f"{text}\n".encode())
    rows = np.sort(ranking.rows)
    numbers = [ranking.scores, candidates.columns["tech_rating"], *(candidates.columns[name] for name in SUB_SCORES)]
    missing = np.full(len(candidates.symbols), np.nan)
    numbers += [candidates.alphas.get(role, missing) for role in ("alpha_5", "alpha_10")]
    numbers.append(candidates.columns["close"])
    digest.update("\n".join(candidates.symbols[row] for row in rows).encode())
    digest.update(_canonical(np.stack(numbers, axis=1)[rows]).tobytes())
    digest.update(ranking.signals[rows].astype("<i8").tobytes())
    digest.update(ranking.flags[rows].astype("<u4").tobytes())
    for omission in omissions:
        digest.update(f"{omission.symbol} {omission.reason.name}\n".encode())
    return digest.hexdigest()


def _canonical(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give every NaN the same bits, and make -0 a 0."""
    return np.where(np.isnan(numbers), np.nan, numbers + 0.0).astype("<f8")
