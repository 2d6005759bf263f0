"""A model's card: what the model predicts, from which features, how it was made, and which bytes hold it."""

import json
import re
from dataclasses import dataclass
from datetime import date
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from services.market.errors import ModelUnusableError

Bound = Annotated[float, Field(allow_inf_nan=False)]
FEATURE = re.compile(r"[a-z][a-z0-9_]*@[1-9][0-9]*")


@dataclass(frozen=True, slots=True)
class Card:
    """A checked card. A file may hold more, such as evaluations; what is not named here is for people.

    Attributes:
        name: name of the model, that of its folder.
        version: version of the model, that of its folder; from 1.
        horizon_sessions: sessions over which alpha is predicted; from 1.
        features: (column,) `name@version` of the factor in each column, in the model's order, each once.
        base: alpha before any tree speaks, a fraction.
        sha256: hex digest of model.ubj.
        training: how the model was made and what it is good for, for people.
        scale: return that a unit of the learned label was found to be worth; part of the booster's leaves already.
        feature_ranges: (column, 2) p0.5 and p99.5 of each feature in training, in the order of `features`, units of the
            factors; None if the card does not tell.
    """

    name: str
    version: Annotated[int, Field(ge=1)]
    horizon_sessions: Annotated[int, Field(ge=1)]
    features: Annotated[tuple[str, ...], Field(min_length=1)]
    base: Annotated[float, Field(allow_inf_nan=False)]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    training: Annotated[str, Field(min_length=1)]
    scale: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0
    feature_ranges: tuple[tuple[Bound, Bound], ...] | None = None

    def __post_init__(self) -> None:
        odd = [feature for feature in self.features if not FEATURE.fullmatch(feature)]
        if odd:
            raise ValueError(f"feature {odd[0]!r} is not of the form name@version")
        if len(set(self.names)) < len(self.names):
            raise ValueError("a feature stands there twice")
        if self.feature_ranges is not None:
            self._check_ranges(self.feature_ranges)

    def _check_ranges(self, ranges: tuple[tuple[float, float], ...]) -> None:
        if len(ranges) != len(self.features):
            raise ValueError(f"feature_ranges has {len(ranges)} ranges for {len(self.features)} features")
        odd = [feature for feature, (low, high) in zip(self.features, ranges, strict=True) if low > high]
        if odd:
            raise ValueError(f"the range of {odd[0]} ends below its beginning")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the features without their versions, in the model's order."""
        return tuple(feature.partition("@")[0] for feature in self.features)

    def facts(self) -> dict[str, str]:
        """Return the card as texts, for a model's description; features are separated by commas."""
        return {
            "version": str(self.version),
            "horizon_sessions": str(self.horizon_sessions),
            "features": ",".join(self.features),
            "base": repr(self.base),
            "scale": repr(self.scale),
            "sha256": self.sha256,
            "training": self.training,
        }


_CARDS = TypeAdapter(Card)


def read_card(content: bytes) -> Card:
    """Read a card from the JSON of its file.

    Raises:
        ModelUnusableError: it is not JSON, a field is absent or of another type, or does not hold what it should.
    """
    try:
        return _CARDS.validate_json(content, strict=True)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(("card.json", *map(str, fault["loc"])))
        raise ModelUnusableError(f"{place}: {fault['msg']}") from None


def read_learned_days(content: bytes) -> tuple[date, date] | None:
    """Read from a card's JSON the first and last session of the bars that its model learned from, if it tells."""
    trained_on = json.loads(content).get("trained_on", {})
    try:
        return date.fromisoformat(trained_on["first_day"]), date.fromisoformat(trained_on["last_day"])
    except (KeyError, TypeError, ValueError):
        return None
