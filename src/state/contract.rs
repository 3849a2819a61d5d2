//! What every state store must do, as one suite: a store joins it with one line, `state_contract!(fixture)`.

mod event;
mod gate;
mod log;
mod long;
mod memory_of;
mod news;
mod outbox;
mod review;
pub(crate) mod sample;
mod unsettled;

pub(crate) use event::*;
pub(crate) use gate::*;
pub(crate) use log::*;
pub(crate) use long::*;
pub(crate) use memory_of::*;
pub(crate) use news::*;
pub(crate) use outbox::*;
pub(crate) use review::*;
pub(crate) use unsettled::*;

/// Makes a test of each case. The fixture gives a new state, and whatever must outlive it.
macro_rules! state_contract {
    ($fixture:path) => {
        state_contract! { @each $fixture;
            a_log_begins_with_its_genesis,
            entries_are_given_in_order_and_in_pages,
            leaves_are_the_bytes_of_the_entries,
            each_kind_of_entry_can_be_found,
            the_newest_come_first_when_asked,
            what_is_written_verifies,
            heads_cover_everything_and_follow_one_another,
            people_stand_behind_pseudonyms,
            no_text_can_steer_a_terminal,
            no_key_stands_in_the_log,
            a_policy_text_is_told_once,
            the_newest_approval_counts,
            an_approval_is_taken_back_once_and_none_before_it_returns,
            events_are_listed_and_change_their_time,
            an_event_is_told_once_as_it_stands,
            a_withdrawn_event_counts_no_longer_and_is_remembered,
            records_without_a_start_count_since_they_were_first_seen,
            places_are_followed_apart_and_forgotten,
            runs_are_listed_newest_first,
            a_run_must_begin_before_it_ends,
            the_newest_forecast_counts,
            what_was_done_is_counted_by_stage_and_time,
            what_a_forecast_has_seen_is_not_counted_again,
            slots_are_remembered,
            the_commitment_key_stays,
            manifests_are_kept_and_replaced,
            a_long_list_is_kept_like_any_other,
            a_lease_is_exclusive_until_it_is_dropped,
            settling_is_harmless,
            holds_come_and_go,
            a_hold_of_each_scope_stops_its_records_only,
            a_hit_writes_nothing,
            a_batch_known_by_its_list_meets_every_hold_and_pause,
            a_hold_is_released_by_a_second_person,
            the_review_of_a_hold_is_moved_while_it_is_in_force,
            what_a_hold_covered_is_kept_for_a_day_after_its_end,
            an_event_after_the_plan_outdates_it,
            a_decision_taken_back_after_the_plan_outdates_it,
            an_approval_cancelled_after_the_plan_outdates_it,
            a_hold_that_only_the_store_can_apply_outdates_the_plan,
            a_pause_of_each_scope_stops_its_work_only,
            an_intent_waits_for_its_one_outcome,
            an_outcome_needs_an_open_intent,
            a_recovery_stands_before_its_outcome,
            open_intents_come_oldest_first,
            what_does_not_add_up_is_refused,
            a_batch_has_one_intent,
            a_hold_acknowledged_protects_against_every_later_batch,
            a_letter_is_kept_once,
            a_letter_is_tried_until_it_is_delivered,
            a_clock_that_was_wrong_puts_off_no_letter,
            alarms_open_rise_and_end_with_what_is_told_of_them,
            an_alarm_is_acknowledged_by_its_code,
            only_what_was_delivered_is_forgotten,
            one_delivers_at_a_time,
            a_case_grows_until_it_is_decided,
            two_people_have_to_say_the_same,
            the_author_is_none_of_several_people,
            a_part_is_decided_by_itself,
            a_part_is_taken_back_and_waits,
            a_proposal_stays_over_what_its_proposer_saw,
            two_people_decide_over_the_same_part,
            a_decision_is_taken_back_or_carried_out_once,
            a_transfer_waits_for_its_receipt
        }
    };
    (@each $fixture:path; $($case:ident),*) => {
        $(
            #[test]
            fn $case() {
                let (state, _kept) = $fixture();
                $crate::state::contract::$case(&state);
            }
        )*
    };
}

pub(crate) use state_contract;
