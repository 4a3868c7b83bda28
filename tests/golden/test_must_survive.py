"""What the program must never lose, and the tests that prove each of it.

A test is named as it was called in commit 124763c (``moved_tests.json`` says where it is today), or, if it is younger,
as it is called today.
"""

from __future__ import annotations

import pytest

from tests.golden.map_tests import ROOT, find_tests, moved_tests, places

SURVIVES: dict[str, list[str]] = {
    "x0_hat and x_t": [
        "tests/engine/test_viewing.py::test_a_preview_shows_x0_hat_or_the_state_as_the_codec_decodes_them",
        "tests/ui/views/test_canvas.py::test_the_switch_shows_the_state_itself_and_asks_the_running_job_for_it",
        "tests/ui/test_run.py::test_each_side_of_a_step_is_a_frame_of_its_own",
    ],
    "live": [
        "tests/ui/test_run.py::test_a_job_is_looked_at_live_from_its_beginning",
        "tests/ui/test_run.py::test_going_live_looks_at_the_newest_of_the_running_job",
        "tests/ui/views/test_canvas.py::test_a_step_that_is_clicked_is_looked_at_until_the_pill_leads_back",
    ],
    "noise colours": [
        "tests/ui/theme/test_tokens.py::test_the_ramp_goes_from_violet_at_all_noise_to_amber_at_none",
        "tests/ui/theme/test_tokens.py::test_the_ramp_has_no_jumps",
    ],
    "thinning to 128 steps with recomputation": [
        "tests/runs/test_recording.py::test_of_a_long_run_evenly_chosen_steps_are_kept",
        "tests/runs/test_with_engine.py::test_steps_that_are_not_kept_are_made_again_bit_for_bit",
        "tests/golden/test_old_files.py::test_a_step_that_the_old_run_did_not_keep_is_computed_and_forked",
        "tests/ui/test_remaking.py::"
        "test_every_step_has_a_tick_and_those_that_were_not_kept_are_made_again_when_they_are_looked_at",
    ],
    "Keep this step": [
        "tests/ui/test_step_keeping.py::test_a_step_is_kept_as_it_is_shown_and_says_where_it_comes_from",
        "tests/ui/test_step_keeping.py::test_a_kept_step_leads_back_to_its_run",
    ],
    "fork of any parameter": [
        "tests/cli/test_fork.py::test_everything_that_is_still_to_come_can_be_changed",
        "tests/engine/test_fork.py::test_a_fork_may_go_on_otherwise",
        "tests/engine/test_fork.py::test_a_fork_may_take_another_number_of_steps",
        "tests/ui/test_forking.py::test_everything_can_be_changed",
    ],
    "a fork that changes nothing is bit-equal": [
        "tests/engine/test_fork.py::"
        "test_a_fork_that_changes_nothing_is_its_parent_from_every_step_for_the_rest_of_the_calls",
        "tests/engine/test_fork.py::test_the_proof_above_would_notice",
        "tests/cli/test_fork.py::"
        "test_a_fork_that_changes_nothing_is_its_parent_bit_for_bit_and_costs_what_remains",
    ],
    "panes: conditional, unconditional, guidance, score": [
        "tests/engine/test_explain.py::test_each_side_of_guidance_is_what_its_prompt_says_alone",
        "tests/engine/test_explain.py::test_the_score_is_the_length_of_the_noise_over_its_level",
        "tests/ui/test_panes.py::test_all_pictures_are_of_one_size_and_named_beside_a_panel_too",
    ],
    "lineage and G": [
        "tests/ui/test_lineage.py::test_the_first_fork_lies_beside_its_parent_and_the_others_beneath",
        "tests/ui/test_lineage.py::test_a_run_that_is_opened_from_the_tree_leads_to_its_picture",
        "tests/ui/test_forking.py::test_a_fork_knows_its_parent_and_leads_back_to_it",
    ],
    "pin": [
        "tests/runs/test_store.py::test_a_pinned_run_never_gives_up_its_states",
        "tests/cli/test_runs.py::test_runs_are_pinned_and_unpinned_and_trimmed",
        "tests/ui/test_window.py::"
        "test_a_run_is_pinned_by_key_where_it_is_looked_at_and_that_is_seen_beside_its_picture",
    ],
    "budget of the runs": [
        "tests/runs/test_store.py::test_over_the_budget_the_oldest_give_up_their_states_and_nothing_else",
        "tests/runs/test_store.py::test_a_budget_holds_for_the_next_program_too",
    ],
    "budget of the previews": [
        "tests/engine/test_pace.py::test_the_pace_keeps_its_promises",
        "tests/engine/test_pace.py::test_a_pace_that_breaks_a_promise_is_seen",
        "tests/engine/test_viewing.py::test_a_real_run_keeps_its_budget",
    ],
    "trash with run": [
        "tests/ui/test_trash.py::test_a_run_goes_to_the_trash_with_its_picture_and_comes_back_with_it",
        "tests/ui/test_trash.py::test_the_gallery_takes_the_run_along_and_undo_brings_both_back",
    ],
    "verify": [
        "tests/cli/test_verify.py::test_a_picture_that_comes_out_the_same_is_identical",
        "tests/cli/test_verify.py::test_a_picture_that_was_painted_over_differs_and_nothing_explains_it",
        "tests/ui/test_window.py::test_a_picture_is_verified_from_its_page",
        "tests/golden/test_old_files.py::test_an_old_picture_verifies",
    ],
    "lockstep": [
        "tests/engine/test_compare.py::test_six_equal_panes_cost_as_many_forwards_as_one",
        "tests/engine/test_compare.py::"
        "test_batched_every_model_call_answers_each_pane_as_it_is_answered_alone",
        "tests/engine/test_compare.py::test_a_call_that_mixes_its_panes_up_would_be_noticed",
    ],
    "--exact": [
        "tests/engine/test_compare.py::test_unbatched_every_pane_is_bit_for_bit_what_it_is_alone",
        "tests/cli/test_compare.py::test_exactly_compared_each_is_what_it_is_alone",
    ],
    "stated batching error": [
        "tests/ui/views/test_compare_words.py::test_how_far_batching_took_the_runs_is_stated",
        "tests/ui/test_comparing.py::test_the_window_says_how_far_batching_took_the_runs",
        "tests/ui/models/test_compare_alone.py::test_a_cheap_comparison_is_measured_unasked",
    ],
    "x_T hash": [
        "tests/ui/views/test_compare_words.py::test_whether_the_noise_is_the_same_is_said_once_it_is_known",
        "tests/cli/test_compare.py::test_pictures_from_one_noise_come_with_their_cost_and_a_sheet",
    ],
    "alignment by level, step and calls": [
        "tests/ui/models/test_compare.py::"
        "test_by_noise_level_nearest_levels_stand_side_by_side_and_the_gap_is_told",
        "tests/ui/models/test_compare.py::test_by_step_and_by_model_calls",
        "tests/ui/models/test_compare_alignment.py::test_no_other_step_of_any_run_is_nearer_to_a_level",
    ],
    "wipe": [
        "tests/ui/views/test_compare_panes.py::test_a_wipe_shows_a_at_the_left_and_b_at_the_right",
        "tests/ui/views/test_compare_panes.py::test_the_line_is_dragged_and_stays_in_the_picture",
        "tests/ui/views/test_compare.py::test_comma_and_period_move_the_line",
    ],
    "blink": [
        "tests/ui/views/test_compare_panes.py::test_while_it_is_held_b_gives_way_to_a",
        "tests/ui/views/test_compare.py::test_holding_b_shows_a",
    ],
    "difference": [
        "tests/ui/views/test_compare_panes.py::test_a_difference_has_the_colour_of_its_amount",
        "tests/ui/models/test_compare_measures.py::"
        "test_gain_enlarges_a_difference_and_stops_at_the_last_colour",
    ],
    "tile": [
        "tests/ui/views/test_compare_panes.py::test_tiles_are_larger_than_cards",
        "tests/ui/views/test_compare.py::test_a_key_changes_the_layout_wherever_the_focus_is",
    ],
    "stored runs in Compare": [
        "tests/ui/models/test_compare_stored.py::"
        "test_recorded_runs_are_looked_at_as_if_they_had_just_been_made",
        "tests/ui/test_comparing_recorded.py::test_runs_are_chosen_from_their_list_and_laid_side_by_side",
        "tests/ui/test_comparing_recorded.py::test_another_recorded_run_joins_those_that_are_compared",
    ],
    "long reference": [
        "tests/ui/models/test_compare_reference.py::"
        "test_a_long_run_is_made_from_the_same_noise_and_measured_against",
    ],
    "PSNR and SSIM": [
        "tests/ui/models/test_compare_measures.py::"
        "test_the_psnr_of_a_constant_offset_is_that_of_its_closed_form",
        "tests/ui/models/test_compare_measures.py::test_the_ssim_agrees_with_a_second_implementation",
        "tests/ui/models/test_compare_curves.py::test_finished_pictures_are_scored_against_the_reference",
    ],
    "the sweep of 1,024 cells": [
        "tests/ui/models/test_sweep.py::test_what_cannot_be_swept_is_said",
        "tests/ui/models/test_sweep.py::test_every_value_meets_every_other_row_by_row",
        "tests/ui/views/test_sweep.py::test_of_a_large_sweep_only_what_is_seen_is_read",
    ],
    "a sweep resumed after a restart": [
        "tests/ui/models/test_sweep.py::test_a_sweep_goes_on_at_the_next_start_without_making_a_cell_twice",
        "tests/ui/views/test_sweep.py::test_a_sweep_is_there_at_the_next_start",
        "tests/golden/test_window.py::test_the_old_sweep_goes_on_where_it_was_stopped",
    ],
    "two cells compared": [
        "tests/ui/models/test_sweep.py::test_two_cells_are_compared_as_they_were_recorded",
        "tests/ui/views/test_sweep.py::test_two_cells_are_chosen_and_lie_side_by_side",
    ],
    "training with pause": [
        "tests/ui/test_training_thread.py::"
        "test_a_paused_training_rests_until_it_is_to_go_on_and_makes_pictures_meanwhile",
        "tests/ui/test_training_window.py::test_it_is_paused_and_goes_on_and_says_so",
    ],
    "training resumed after a kill": [
        "tests/engine/test_killed.py::test_a_killed_training_goes_on_to_the_same_bits",
        "tests/engine/test_training.py::test_stopped_anywhere_and_resumed_it_makes_the_same_model",
        "tests/ui/test_training_window.py::test_an_unfinished_training_of_another_day_is_listed_with_resume",
    ],
    "a picture made between two steps of a training": [
        "tests/engine/test_training.py::test_a_picture_made_between_two_steps_changes_no_bit_of_either",
        "tests/ui/test_training_thread.py::test_a_picture_is_made_between_two_steps_and_the_training_goes_on",
    ],
    "checkpoint comparison": [
        "tests/ui/models/test_train_checkpoints.py::"
        "test_a_comparison_has_one_prompt_and_one_noise_and_a_column_for_each_checkpoint",
        "tests/ui/test_training_window.py::test_checkpoints_are_compared_on_the_page_of_comparisons",
    ],
    "Sheet": [
        "tests/ui/models/test_train_sheet.py::"
        "test_six_steps_of_each_checkpoint_are_decoded_and_then_written_in_rows",
        "tests/ui/test_training_window.py::test_a_sheet_of_checkpoints_is_saved",
    ],
    "Noise: a picture dissolves under both schedules": [
        "tests/ui/models/test_forward.py::test_a_state_is_alpha_of_the_picture_and_sigma_of_the_noise",
        "tests/ui/models/test_forward.py::test_both_schedules_get_the_same_noise_until_another_is_drawn",
        "tests/ui/test_training_window.py::test_a_picture_of_the_folder_dissolves_as_the_slider_moves",
    ],
    "Go on": [
        "tests/ui/test_going_on.py::test_esc_offers_to_go_on_and_that_makes_the_rest",
        "tests/ui/test_going_on_exactly.py::test_a_cancelled_job_that_goes_on_makes_what_it_would_have_made",
    ],
    "Ideas": [
        "tests/ui/views/test_ideas.py::test_an_example_takes_the_prompts_place_as_one_step_of_undo",
        "tests/ui/views/test_ideas.py::test_names_are_searched_and_taken_with_the_keyboard_alone",
    ],
    "completion": [
        "tests/ui/views/test_ideas.py::test_what_is_offered_first_is_taken_as_one_step_of_undo",
        "tests/ui/models/test_completion.py::test_the_last_words_are_gone_on_from",
    ],
    "three preview decoders": [
        "tests/engine/test_viewing.py::test_no_tier_changes_the_picture",
        "tests/engine/test_viewing.py::test_cheaper_decoders_are_made_only_where_a_budget_asks_for_them",
        "tests/engine/test_viewing.py::test_a_model_that_came_alone_falls_back_to_the_linear_map",
        "tests/engine/test_starter_previews.py::"
        "test_it_is_nearer_to_the_decoder_than_the_linear_map_and_that_is_of_use",
    ],
    "drag-out": [
        "tests/ui/views/test_gallery.py::test_a_picture_is_dragged_out_as_a_file_and_an_image",
        "tests/ui/views/test_large_view.py::test_the_picture_is_dragged_out_as_a_file",
    ],
    "saved 4 or 8 times as large": [
        "tests/gallery/test_saving.py::test_hard_pixels_become_squares_and_smooth_ones_do_not",
        "tests/ui/views/test_large_view.py::test_it_is_saved_elsewhere_enlarged",
        "tests/ui/test_exporting.py::test_the_picture_that_is_looked_at_is_saved_enlarged",
    ],
    "PNG drop": [
        "tests/ui/test_window.py::test_a_dropped_picture_fills_the_form_and_starts_nothing",
        "tests/ui/test_dropping.py::test_a_picture_of_ours_gives_its_request_for_itself_alone",
    ],
    "exports": [
        "tests/ui/test_exporting.py::test_an_animation_has_a_frame_for_each_step",
        "tests/ui/test_exporting.py::test_a_sheet_holds_them_all",
        "tests/ui/views/test_compare.py::test_what_is_seen_is_saved_as_one_labelled_picture",
        "tests/ui/views/test_sweep.py::test_the_sweep_is_saved_as_one_labelled_picture",
    ],
    "undo in every place": [
        "tests/ui/test_window.py::test_undo_and_redo_work_in_the_form",
        "tests/ui/test_window.py::test_undo_brings_back_what_was_thrown_away_where_that_was_done",
        "tests/ui/test_window.py::test_a_job_taken_out_of_the_queue_comes_back_to_its_place",
        "tests/ui/test_comparing.py::test_control_z_undoes_in_the_columns_and_control_y_makes_it_again",
        "tests/ui/test_training_window.py::test_undo_takes_back_what_was_edited_in_this_form",
        "tests/ui/models/test_train_form.py::test_edits_can_be_undone_and_the_source_with_them",
    ],
    "themes": [
        "tests/ui/test_window.py::test_the_theme_follows_what_is_chosen",
        "tests/ui/theme/test_theme.py::test_it_follows_the_system_while_it_runs",
        "tests/ui/theme/test_theme.py::test_a_choice_is_kept_whatever_the_system_does",
    ],
    "STEPWISE_HOME": [
        "tests/test_folders.py::test_one_variable_puts_every_folder_under_it",
        "tests/test_folders.py::test_without_the_variable_the_systems_own_folders_are_used",
    ],
    "doctor": [
        "tests/cli/test_models.py::test_the_doctor_tells_of_devices_versions_folders_and_space",
        "tests/cli/test_models.py::test_the_doctor_tells_of_broken_models_and_full_disks",
    ],
    "offline start": [
        "tests/golden/test_offline.py::test_a_picture_is_made_without_any_network",
        "tests/golden/test_offline.py::test_the_window_opens_without_any_network",
        "tests/golden/test_offline.py::test_a_look_at_the_network_is_seen",
    ],
    "the launcher": [
        "tests/packaging/test_launch.py::test_arguments_and_exit_code_pass_through",
        "tests/packaging/test_launch.py::test_no_arguments_start_the_program",
        "tests/packaging/test_install.py::test_a_first_start_makes_installs_checks_and_stamps",
    ],
}


@pytest.fixture(scope="module")
def today() -> set[str]:
    return set(find_tests(ROOT))


def unproven(tests: list[str], today: set[str], moved: dict[str, list[str]]) -> list[str]:
    """Return the tests that are not there today."""
    return [name for name in tests if not today.issuperset(places(name, moved))]


@pytest.mark.parametrize("what", SURVIVES)
def test_its_tests_are_there(what: str, today: set[str]) -> None:
    assert SURVIVES[what]
    assert unproven(SURVIVES[what], today, moved_tests()) == []


def test_a_proof_that_went_is_seen(today: set[str]) -> None:
    assert unproven(["tests/nowhere.py::test_nothing"], today, {}) == ["tests/nowhere.py::test_nothing"]
