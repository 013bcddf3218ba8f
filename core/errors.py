"""Every refusal that Tusker can give, as a tree of exceptions.

    TuskerError                 a sentence for the person at the screen
    ├── BadInput                what was given cannot be used (exit code 2)
    │   ├── BadImage            a picture that cannot be read
    │   ├── BadArchive          a zip that cannot be opened safely
    │   ├── BadBundle           a bundle that no model can be made of
    │   ├── BadDataset          pictures that cannot be learned from
    │   ├── BadConfig           a setting outside its range
    │   ├── LimitExceeded       more than this host allows
    │   ├── UnknownModel        no backbone and no run of that name
    │   └── WeightsUnavailable  weights that could not be had
    ├── NotEnoughResources      this machine cannot do it now
    ├── RunDamaged              a run folder that is not what its manifest says
    └── Cancelled               somebody asked the job to stop

Anything else that is raised is a bug. `str(error)` is one sentence or two: what was
expected, what was found, and what to do.
"""


class TuskerError(Exception):
    """A refusal whose text can be shown as it stands."""


class BadInput(TuskerError):
    """What was given cannot be used."""


class BadImage(BadInput):
    """A picture that cannot be read."""


class BadArchive(BadInput):
    """A zip that cannot be opened safely."""


class BadBundle(BadInput):
    """A bundle that no model can be made of."""


class BadDataset(BadInput):
    """Pictures that cannot be learned from."""


class BadConfig(BadInput):
    """A setting outside its range."""


class LimitExceeded(BadInput):
    """More than this host allows; the text names the limit and the variable that raises it."""


class UnknownModel(BadInput):
    """No backbone and no run of that name."""


class WeightsUnavailable(BadInput):
    """Pretrained weights that are neither on this machine nor to be downloaded."""


class NotEnoughResources(TuskerError):
    """This machine has too little memory or disk for what was asked."""


class RunDamaged(TuskerError):
    """A run folder whose files are not the ones its manifest names."""


class Cancelled(TuskerError):
    """Somebody asked the job to stop."""
