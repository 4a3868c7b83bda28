"""Old path of `studio.engine.training.resumable`, for importers that have not moved yet."""

from studio.engine.training.resumable import *  # noqa: F403
