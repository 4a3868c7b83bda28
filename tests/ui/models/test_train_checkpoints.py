"""Which models are the checkpoints of a training, and which of them are compared."""

from __future__ import annotations

from studio.ui.models.train_checkpoints import checkpoints_of, spread


def test_checkpoints_come_by_step_and_the_finished_model_last() -> None:
    models = ["foxes-1000", "foxes-200", "foxes", "hens-5", "foxes-2-300", "foxes-old"]
    assert checkpoints_of("foxes", models) == ("foxes-200", "foxes-1000", "foxes")
    assert checkpoints_of("foxes-2", models) == ("foxes-2-300",)
    assert checkpoints_of("cats", models) == ()


def test_a_name_is_not_read_as_a_pattern() -> None:
    assert checkpoints_of("a.b", ["a.b-1", "axb-2"]) == ("a.b-1",)


def test_of_many_the_first_the_last_and_some_between_are_taken() -> None:
    names = [str(number) for number in range(21)]
    assert spread(names, 6) == ("0", "4", "8", "12", "16", "20")
    assert spread(names[:3], 6) == ("0", "1", "2")
