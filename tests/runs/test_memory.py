from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.runs.memory import JobRecord, PictureRecord
from tests.runs.steps import frame, step_done

if TYPE_CHECKING:
    from studio.engine.events import StepDone

PREVIEW, STATE = 3 * 8 * 8, 2 * 4 * 4 * 2 * 2
"""Bytes of a step of `step_done`: a preview of 8 by 8, and two arrays of latents."""


def filled(
    steps: int, *, of: int | None = None, room: int = 1000, states: int = 1000, image: int = 0
) -> tuple[JobRecord, PictureRecord]:
    """Return a record with room for so many previews and so many states, and the picture in it."""
    record = JobRecord(room * PREVIEW, states * STATE)
    for step in range(1, steps + 1):
        record.add(step_done(step, steps=of or steps, image=image))
    picture = record.picture(image)
    assert picture is not None
    return record, picture


def numbers(picture: PictureRecord | None) -> list[int]:
    return [] if picture is None else [done.step for done in picture.steps]


def previewed(picture: PictureRecord | None) -> list[int]:
    return [] if picture is None else [done.step for done in picture.steps if done.preview is not None]


def with_state(picture: PictureRecord | None) -> list[int]:
    return [] if picture is None else [done.step for done in picture.steps if done.state is not None]


def total(record: JobRecord) -> int:
    """What a record has that it can give up, counted by hand."""
    found = 0
    for image in record.images():
        picture = record.picture(image)
        assert picture is not None
        found += sum(done.preview.nbytes for done in picture.steps if done.preview is not None)
        keys = [(done, quantity) for done in picture.steps for quantity in ("x0", "x_t")]
        frames = [picture.frame(*key) for key in keys]  # type: ignore[arg-type]
        previews = [done.preview for done, _ in keys]
        found += sum(f.nbytes for f, p in zip(frames, previews, strict=True) if f is not None and f is not p)
    return found


# ------------------------------------------------------------------------------------------------------ what is kept
def test_nothing_is_there_before_the_first_step() -> None:
    record = JobRecord()
    assert record.images() == ()
    assert record.picture(0) is None


def test_every_step_is_kept_as_it_came() -> None:
    record, steps = JobRecord(), [step_done(step, steps=1000) for step in range(1, 1001)]
    for done in steps:
        record.add(done)
    picture = record.picture(0)
    assert picture is not None
    assert all(kept is done for kept, done in zip(picture.steps, steps, strict=True))


def test_each_picture_has_steps_of_its_own() -> None:
    record = JobRecord()
    for step, image in itertools.product((1, 2), (0, 1, 2)):
        record.add(step_done(step, image=image))
    assert record.images() == (0, 1, 2)
    for image in range(3):
        picture = record.picture(image)
        assert picture is not None
        assert (picture.image, numbers(picture)) == (image, [1, 2])
        assert {done.image for done in picture.steps} == {image}


def test_a_step_is_found_by_its_number_and_else_the_nearest() -> None:
    _, picture = filled(40, room=10)
    assert picture.find(40) is picture.last
    assert picture.find(41) is None
    assert [picture.nearest(step) for step in (0, 13, 1000)] == [picture.find(step) for step in (1, 13, 40)]
    assert PictureRecord(0).nearest(1) is None
    assert PictureRecord(0).last is None


# ---------------------------------------------------------------------------------------------------------- thinning
@given(steps=st.integers(1, 300), room=st.integers(3, 40))
def test_every_step_and_state_stays_and_the_previews_that_stay_are_even(steps: int, room: int) -> None:
    record = JobRecord(room * PREVIEW)
    for step in range(1, steps + 1):
        record.add(step_done(step, steps=steps))
        picture = record.picture(0)
        assert picture is not None
        assert numbers(picture) == with_state(picture) == list(range(1, step + 1))
        kept, stride = previewed(picture), picture.preview_stride
        assert kept == sorted({*range(stride, step + 1, stride), step})
        assert len(kept) > min(step, room) // 2  # no more is given up than must be
        assert len(kept) <= room


def test_previews_are_not_charged_to_the_states() -> None:
    # Four runs side by side of 50 steps at 1024 by 1024: 3 MB a preview, 0.5 MB of latents.
    record = JobRecord(256 * 2**20)
    frames = [frame(image, side=1024) for image in range(4)]
    for step in range(1, 51):
        for image in range(4):
            record.add(step_done(step, steps=50, image=image, preview=frames[image]))
    for image in range(4):
        assert with_state(record.picture(image)) == list(range(1, 51))
        assert len(previewed(record.picture(image))) >= 50 // 4


@given(steps=st.integers(1, 300), room=st.integers(3, 40))
def test_where_states_alone_are_too_many_those_that_stay_are_even_and_no_step_is_lost(
    steps: int, room: int
) -> None:
    record = JobRecord(10**9, room * STATE)
    for step in range(1, steps + 1):
        record.add(step_done(step, steps=steps))
        picture = record.picture(0)
        assert picture is not None
        assert numbers(picture) == list(range(1, step + 1))
        kept, stride = with_state(picture), picture.state_stride
        assert kept == sorted({*range(stride, step + 1, stride), step})
        assert min(step, room) // 2 < len(kept) <= room
        assert [done.step for done in picture.available()] == kept


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(1, 9), st.booleans()), max_size=120),
    st.integers(3, 12),
)
def test_it_never_takes_more_than_it_may_and_counts_right(
    events: list[tuple[int, int, bool]], room: int
) -> None:
    record, steps = JobRecord(room * PREVIEW), dict.fromkeys(range(4), 0)
    for image, side, decoded in events:
        if decoded:
            record.put_frame(image, max(steps[image], 1), "x_t", frame(1, side))
        else:
            steps[image] += 1
            record.add(step_done(steps[image], steps=30, image=image))
        # The newest previews of four pictures, which are never given up, may alone be more.
        assert total(record) <= max(room, 4) * PREVIEW
        assert total(record) == sum(
            picture.bytes for picture in map(record.picture, record.images()) if picture
        )


def test_of_one_step_too_large_for_the_record_the_newest_is_kept() -> None:
    record = JobRecord(max_bytes=10, max_state_bytes=10)
    for step in range(1, 6):
        record.add(step_done(step))
        picture = record.picture(0)
        assert picture is not None
        assert picture.last is not None
        assert picture.last.step == step
        assert previewed(picture) == with_state(picture) == [step]


def test_where_states_are_too_many_the_oldest_finished_picture_goes_first() -> None:
    record = JobRecord(10**9, 10 * STATE)
    for image, step in itertools.product(range(3), range(1, 5)):
        record.add(step_done(step, steps=4, image=image))
    assert record.images() == (1, 2)
    assert [with_state(record.picture(image)) for image in record.images()] == [[1, 2, 3, 4]] * 2


def test_pictures_that_form_together_are_thinned_together() -> None:
    record = JobRecord(13 * PREVIEW, 13 * STATE)
    for step, image in itertools.product(range(1, 9), range(3)):
        record.add(step_done(step, steps=9, image=image))
    assert record.images() == (0, 1, 2)
    assert [previewed(record.picture(image)) for image in range(3)] == [[2, 4, 6, 8]] * 3
    assert [with_state(record.picture(image)) for image in range(3)] == [[2, 4, 6, 8]] * 3


def test_decoded_frames_go_before_steps_do() -> None:
    record, picture = filled(8, of=20, room=10)
    for step in (1, 2, 3):
        record.put_frame(0, step, "x0", frame(step))
    record.add(step_done(9, steps=20))
    record.add(step_done(10, steps=20))
    assert previewed(picture) == list(range(1, 11))


def test_a_newly_decoded_frame_takes_the_place_of_the_one_decoded_first() -> None:
    side = 16
    record, picture = filled(8, of=20, room=12)
    assert 3 * side * side == 4 * PREVIEW
    done = picture.steps
    record.put_frame(0, 1, "x0", frame(71, side))
    record.put_frame(0, 2, "x0", frame(72, side))
    frames = [picture.frame(step, "x0") for step in done[:2]]
    assert [int(pixels[0, 0, 0]) for pixels in frames if pixels is not None] == [1, 72]
    assert numbers(picture) == list(range(1, 9))


def test_a_frame_that_finds_no_room_is_not_kept() -> None:
    record, picture = filled(4, room=5)
    assert record.put_frame(0, 4, "x0", frame(1))
    assert not record.put_frame(0, 4, "x_t", frame(1, side=200))
    assert picture.frame(picture.steps[3], "x_t") is None
    assert numbers(picture) == [1, 2, 3, 4]


def test_a_frame_that_is_looked_at_takes_the_place_of_previews() -> None:
    record, picture = filled(8, of=20, room=8)
    assert record.put_frame(0, 3, "x_t", frame(1, side=16))
    assert previewed(picture) == [2, 4, 6, 8]
    assert record.put_frame(0, 4, "x_t", frame(2, side=16))
    assert previewed(picture) == [2, 4, 6, 8]


# ------------------------------------------------------------------------------------------------------------ frames
def test_a_frame_is_the_preview_until_a_better_one_is_decoded() -> None:
    record = JobRecord()
    done = step_done(1, tier="linear")
    record.add(done)
    picture = record.picture(0)
    assert picture is not None
    assert picture.frame(done, "x0") is done.preview
    assert not picture.is_full(done, "x0")
    better = frame(77, side=16)
    record.put_frame(0, 1, "x0", better)
    assert picture.frame(done, "x0") is better
    assert picture.is_full(done, "x0")


@pytest.mark.parametrize(
    ("fields", "full"),
    [
        ({"tier": "full"}, True),
        ({"tier": "small"}, False),
        ({"tier": None, "preview": None}, False),
        ({"tier": "full", "preview_of": "x_t"}, False),
    ],
    ids=["full", "small", "no preview", "of the other side"],
)
def test_only_what_the_models_own_decoder_made_is_full(fields: dict[str, object], full: bool) -> None:
    picture = PictureRecord(0)
    assert picture.is_full(step_done(1, **fields), "x0") is full


def test_a_side_that_was_not_shown_has_no_frame_until_it_is_decoded() -> None:
    record = JobRecord()
    done = step_done(1, preview_of="x0")
    record.add(done)
    picture = record.picture(0)
    assert picture is not None
    assert picture.frame(done, "x_t") is None
    assert picture.latents(done, "x_t") is done.state
    assert picture.latents(done, "x0") is done.x0_hat
    record.put_frame(0, 1, "x_t", decoded := frame(5))
    assert picture.frame(done, "x_t") is decoded
    assert picture.frame(done, "x0") is done.preview


def test_the_latest_frame_is_the_newest_steps_that_has_one() -> None:
    record = JobRecord()
    for step in range(1, 6):
        shown = {"preview_of": "x_t" if step == 3 else "x0"} if step <= 3 else {"preview": None}
        record.add(step_done(step, steps=9, **shown))
    picture = record.picture(0)
    assert picture is not None
    steps = picture.steps
    assert picture.latest_frame("x0") is steps[1].preview
    assert picture.latest_frame("x_t") is steps[2].preview
    assert picture.latest_frame() is steps[2].preview
    record.put_frame(0, 5, "x0", better := frame(9))
    assert picture.latest_frame("x0") is better
    assert picture.latest_frame() is better
    assert PictureRecord(0).latest_frame() is None


def test_a_frame_of_what_is_not_kept_is_not_kept_either() -> None:
    record, picture = filled(3)
    assert not record.put_frame(0, 4, "x0", frame(1))
    assert not record.put_frame(1, 1, "x0", frame(1))
    assert record.images() == (0,)
    assert picture.bytes == 3 * PREVIEW


def test_a_frame_goes_with_the_state_it_was_decoded_from() -> None:
    record, picture = filled(6, of=40, states=7)
    record.put_frame(0, 5, "x0", frame(1))
    for step in range(7, 12):
        record.add(step_done(step, steps=40))
    assert with_state(picture) == [2, 4, 6, 8, 10, 11]
    done = picture.find(5)
    assert done is not None
    assert picture.frame(done, "x0") is None


# ----------------------------------------------------------------------------------------------------- other threads
def check(picture: PictureRecord) -> int:
    """Read a picture as a window does, and complain of what cannot be."""
    steps = list(picture.steps)
    there = [done.step for done in steps]
    assert there == sorted(set(there)), "not in order"
    last, latest = picture.last, picture.latest_frame("x0")
    assert (last is None) == (latest is None), "a step without its frame"
    for done in steps[:3]:
        assert picture.latents(done, "x0") is not None
        picture.is_full(done, "x0")
        picture.nearest(done.step)
    return there[-1] if there else 0


@pytest.mark.parametrize("steps", [400, pytest.param(1500, marks=pytest.mark.long)])
def test_readers_in_other_threads_never_see_half_of_it(steps: int) -> None:
    record = JobRecord(40 * PREVIEW)
    faults: list[BaseException] = []
    over = threading.Event()

    def read() -> None:
        newest = 0
        try:
            while not over.is_set():
                if (picture := record.picture(0)) is not None:
                    seen = check(picture)
                    assert seen >= newest, "the newest was gone"
                    newest = seen
                    record.put_frame(0, newest, "x0", frame(newest))
        except BaseException as fault:  # noqa: BLE001 - handed to the test
            faults.append(fault)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for step in range(1, steps + 1):
        record.add(step_done(step, steps=steps))
    over.set()
    for reader in readers:
        reader.join()
    assert not faults
    assert total(record) <= 40 * PREVIEW


def test_a_list_that_somebody_goes_through_only_grows() -> None:
    record, _ = filled(1, of=100, room=8)
    lists: list[tuple[list[StepDone], list[StepDone]]] = []
    for step in range(2, 60):
        picture = record.picture(0)
        assert picture is not None
        lists.append((picture.steps, list(picture.steps)))
        record.add(step_done(step, steps=100))
    for now, then in lists:
        assert all(a is b for a, b in zip(now, then, strict=False))
        assert len(now) >= len(then)


def test_what_a_preview_that_is_given_up_took_is_free_again() -> None:
    record, picture = filled(11, of=40, room=10)
    assert previewed(picture) == [2, 4, 6, 8, 10, 11]
    assert record.put_frame(0, 11, "x0", frame(1))
    record.add(step_done(12, steps=40))
    assert previewed(picture) == [2, 4, 6, 8, 10, 12]
    assert picture.bytes == total(record) == 7 * PREVIEW
