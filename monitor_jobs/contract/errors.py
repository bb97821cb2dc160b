"""Errors a user can act on: each message says what, with which value, and what to do.

SextantError
├── BadInput               a value that came from outside does not fit its contract
├── NotFound               a thing that was named does not exist
├── Conflict               the thing exists already, or is in a state that forbids this
├── ModelUnsuitable        a model package cannot be loaded or served
├── EngineUnavailable      the container engine did not do what was asked
└── StoreUnavailable       the object store did not do what was asked
    └── StoreRefused       it answered that it will not: access denied, no such bucket
"""


class SextantError(Exception):
    """The root of every error that Sextant raises on purpose."""


class BadInput(SextantError):
    """A value that came from outside does not fit its contract."""


class NotFound(SextantError):
    """A thing that was named does not exist."""


class Conflict(SextantError):
    """The thing exists already, or is in a state that forbids this."""


class ModelUnsuitable(SextantError):
    """A model package cannot be loaded or served."""


class EngineUnavailable(SextantError):
    """The container engine did not do what was asked: it is absent, stopped, or fails."""


class StoreUnavailable(SextantError):
    """The object store did not do what was asked; trying again later may help."""


class StoreRefused(StoreUnavailable):
    """The object store answered that it will not: access denied, no such bucket. Somebody must mend its settings."""
