"""A model's card: what the model predicts, from which features, how it was made, and which bytes hold it."""

import re
from dataclasses import dataclass
from datetime import date
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from services.market.errors import ModelUnusableError

FEATURE = re.compile(r"[a-z][a-z0-9_]*@[1-9][0-9]*")
Bound = Annotated[float, Field(allow_inf_nan=False)]


@dataclass(frozen=True, slots=True)
class TrainedOn:
    """What a model learned from, as far as anybody but people reads it.

    Attributes:
        first_day: first session of the bars; None if the card does not tell.
        last_day: last session of the bars, those that only labels look at included; None if the card does not tell.
    """

    first_day: date | None = None
    last_day: date | None = None


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
        feature_ranges: (column,) quantiles 0.005 and 0.995 of the feature in the rows learned from, missing values left
            out, in the factor's unit; empty if the card does not tell.
        trained_on: the bars that it learned from.
    """

    name: str
    version: Annotated[int, Field(ge=1)]
    horizon_sessions: Annotated[int, Field(ge=1)]
    features: Annotated[tuple[str, ...], Field(min_length=1)]
    base: Annotated[float, Field(allow_inf_nan=False)]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    training: Annotated[str, Field(min_length=1)]
    scale: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0
    feature_ranges: tuple[tuple[Bound, Bound], ...] = ()
    trained_on: TrainedOn = TrainedOn()

    def __post_init__(self) -> None:
        odd = [feature for feature in self.features if not FEATURE.fullmatch(feature)]
        if odd:
            raise ValueError(f"feature {odd[0]!r} is not of the form name@version")
        if len(set(self.names)) < len(self.names):
            raise ValueError("a feature stands there twice")
        if self.feature_ranges and len(self.feature_ranges) != len(self.features):
            raise ValueError("feature_ranges must have a range for each feature")
        if any(low > high for low, high in self.feature_ranges):
            raise ValueError("a range of feature_ranges ends before it begins")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the features without their versions, in the model's order."""
        return tuple(feature.partition("@")[0] for feature in self.features)

    def facts(self) -> dict[str, str]:
        """Return the card as texts, for a model's description; features are separated by commas.

        `learned_until`, the last session whose bars the model has seen, is there if the card tells.
        """
        last_day = self.trained_on.last_day
        learned = {} if last_day is None else {"learned_until": last_day.isoformat()}
        return learned | {
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
