"""The table of losses, and the reader of a loss in a statement."""

from collections.abc import Callable

from ..errors import demand
from ..fields import Json, number
from .base import Loss
from .likelihoods import KullbackLeibler, Logistic, Poisson, Softmax
from .piecewise import Absolute, Hinge, Huber, Quantile, Squared, SquaredHinge

LOSSES: dict[str, Callable[..., Loss]] = {
    "squared": Squared,
    "huber": Huber,
    "quantile": Quantile,
    "absolute": Absolute,
    "hinge": Hinge,
    "squared_hinge": SquaredHinge,
    "logistic": Logistic,
    "softmax": Softmax,
    "kullback_leibler": KullbackLeibler,
    "poisson": Poisson,
}


def stated_loss(stated: Json) -> Loss:
    """Read the loss: its name, or an object with its kind and its parameter."""
    entry = stated.get("loss")
    fields = entry if isinstance(entry, dict) else {"kind": entry}
    kind = str(fields.get("kind"))
    demand(kind in LOSSES, "statement.loss", "unknown", repr(entry))
    make = LOSSES[kind]
    name = str(getattr(make, "parameter", ""))
    wanted = {"kind", name} if name else {"kind"}
    fits = set(fields) == wanted and isinstance(entry, dict) == bool(name)
    demand(fits, "statement.loss", "fields", repr(entry))
    if not name:
        return make()
    where = f"statement.loss.{name}"
    loss = make(number(fields[name], where))
    demand(loss.defined, where, "range", fields[name])
    return loss
