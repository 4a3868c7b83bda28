"""Old path of `studio.engine.training.request`, for importers that have not moved yet."""

from studio.engine.training.request import *  # noqa: F403
