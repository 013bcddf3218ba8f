"""Every error that Tusker shows to people, as a tree of exceptions.

    TuskerError                 base of all errors that can be shown as they stand
    ├── BadInput                the input cannot be used (exit code 2)
    │   ├── BadImage            a picture cannot be decoded
    │   ├── BadArchive          an archive is damaged or unsafe
    │   ├── BadBundle           a bundle does not hold a usable model
    │   ├── BadDataset          the pictures cannot be learned from
    │   │   └── NoClasses       they are not sorted into two or more classes
    │   ├── BadConfig           a setting is out of range
    │   ├── LimitExceeded       the input exceeds a limit of this host
    │   ├── UnknownModel        no backbone or run has this name
    │   └── WeightsUnavailable  pretrained weights cannot be found or downloaded
    ├── NotEnoughResources      this machine lacks memory or disk space
    ├── RunDamaged              files of a run do not match its manifest
    └── Cancelled               the job was cancelled

Any other exception is a bug. `str(error)` is one or two sentences: what was expected, what was
found and what to do.
"""


class TuskerError(Exception):
    """Base of all errors that can be shown as they stand."""


class BadInput(TuskerError):
    """The input cannot be used."""


class BadImage(BadInput):
    """A picture cannot be decoded."""


class BadArchive(BadInput):
    """An archive is damaged or unsafe."""


class BadBundle(BadInput):
    """A bundle does not hold a usable model."""


class BadDataset(BadInput):
    """The pictures cannot be learned from."""


class NoClasses(BadDataset):
    """The pictures are not sorted into two or more classes."""


class BadConfig(BadInput):
    """A setting is out of range."""


class LimitExceeded(BadInput):
    """The input exceeds a limit; the text names the limit and the variable that raises it."""


class UnknownModel(BadInput):
    """No backbone or run has this name."""


class WeightsUnavailable(BadInput):
    """Pretrained weights are not on this machine and cannot be downloaded."""


class NotEnoughResources(TuskerError):
    """This machine lacks memory or disk space."""


class RunDamaged(TuskerError):
    """Files of a run do not match its manifest."""


class Cancelled(TuskerError):
    """The job was cancelled."""
