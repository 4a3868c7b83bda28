"""Old path of `studio.engine.training.estimate`, for importers that have not moved yet."""

from studio.engine.training.estimate import *  # noqa: F403
