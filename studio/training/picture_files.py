"""Old path of `studio.training.data.picture_files`, for importers that have not moved yet."""

from studio.training.data.picture_files import *  # noqa: F403
