"""Old path of `studio.engine.training.scales`, for importers that have not moved yet."""

from studio.engine.training.scales import *  # noqa: F403
