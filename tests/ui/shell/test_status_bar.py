from __future__ import annotations

import pytest

from studio.ui.core.notices import Notice, Notices
from studio.ui.shell.status_bar import StatusModel


@pytest.fixture
def status(qapp: object) -> StatusModel:
    return StatusModel()


def test_nothing_is_known_at_first(status: StatusModel) -> None:
    assert (status.device, status.dtype, status.unused_gpu, status.preview_share) == ("", "", "", None)


def test_the_device_is_named_once_it_is_known(status: StatusModel) -> None:
    seen: list[tuple[str, str, str]] = []
    status.changed.connect(lambda: seen.append((status.device, status.dtype, status.unused_gpu)))
    known = ("cpu (a fake)", "float32", "Install the right torch.")
    status.set_device(*known)
    status.set_device("none")
    assert seen == [known, ("none", "", "")]


def test_the_share_of_previews_is_shown(status: StatusModel) -> None:
    seen: list[float | None] = []
    status.changed.connect(lambda: seen.append(status.preview_share))
    status.set_preview_share(0.08)
    assert seen == [0.08]


def test_a_notice_is_posted_whole() -> None:
    notices, seen, done = Notices(), [], []
    notices.posted.connect(seen.append)
    full, saved = "The disk is full.", "It is saved."
    notices.post(full, kind="error", details="ENOSPC", action="Retry", act=lambda: done.append(1))
    notices.post(saved)
    first, second = seen
    assert (first.sentence, first.kind, first.details, first.action) == (full, "error", "ENOSPC", "Retry")
    first.act()
    assert done == [1]
    assert second == Notice(sentence=saved, kind="info", details="", action="", act=None)
