"""Old path of `studio.training.data.inspect`, for importers that have not moved yet."""

from studio.training.data.inspect import *  # noqa: F403
