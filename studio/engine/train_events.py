"""Old path of `studio.engine.training.events`, for importers that have not moved yet."""

from studio.engine.training.events import *  # noqa: F403
