//! What every database behind the store must do: one suite of laws, run for each of them.

mod accepting;
mod auditing;
mod claiming;
mod dead_letters;
mod keeping;
mod keys;
mod listing;
mod portals;
mod pruning;
mod redriving;
mod setting;
mod settling;
mod surveying;

use super::Store;
use super::examples::options;
use super::postgres::tests::TestDatabase;
use super::sqlite::tests::DatabaseInDirectory;

/// A fresh database that stores can be opened on.
trait Fixture: Sized {
    /// Makes a database that nobody has used.
    async fn fresh() -> Self;

    /// Returns where it is.
    fn url(&self) -> String;

    /// Changes it behind the store's back.
    async fn tamper(&self, statement: &'static str);

    async fn open(&self) -> Store {
        Store::open(options(self.url())).await.unwrap()
    }
}

/// Makes a test of each law for one kind of database.
macro_rules! contract {
    ($backend:ident, $fixture:ty) => {
        contract! { @laws $backend, $fixture,
            accepting: [
                what_is_accepted_is_given_back_byte_for_byte,
                the_same_event_again_is_known_and_counted,
                what_a_post_would_run_into_is_found_and_nothing_is_counted,
                other_bytes_under_a_known_id_are_answered_with_what_is_stored,
                an_id_that_comes_twice_at_once_is_stored_once,
                other_bytes_that_come_at_once_are_answered_with_what_is_stored,
                customers_that_share_an_application_get_ids_of_their_own,
                customers_with_applications_of_their_own_keep_their_ids,
                no_two_events_of_an_application_have_one_id,
                many_customers_of_an_application_may_use_the_same_ids_at_once,
                what_is_repeated_at_once_is_answered_with_its_state,
                hundreds_of_accepts_at_once_are_all_answered,
                a_transaction_takes_few_large_events,
                a_caller_that_goes_away_leaves_nothing_leased,
            ],
            auditing: [
                a_cell_says_where_those_stand_that_were_accepted_in_its_minute,
                a_series_has_a_point_for_each_step,
                an_audit_counts_the_ledger_and_the_rows_of_what_it_is_about,
                an_audit_does_not_count_more_rows_than_it_may,
                a_lost_row_and_a_wrong_count_are_found_with_their_customer_and_minute,
                what_the_ledger_has_no_cell_of_is_not_compared,
                minutes_are_compared_from_either_end,
                nothing_differs_while_everything_moves,
                totals_are_added_up_page_by_page,
            ],
            claiming: [
                what_is_accepted_without_a_lease_can_be_claimed_at_once,
                what_is_leased_cannot_be_claimed_until_the_lease_is_dropped,
                a_claim_takes_the_oldest_first_up_to_its_limit,
                a_claim_takes_no_more_bytes_than_there_is_room_for,
                an_event_that_is_gone_takes_no_room,
                a_claim_takes_from_one_customer_only,
                what_is_settled_is_never_claimed,
                a_retry_is_not_claimed_before_it_is_due,
                customers_that_wait_are_named_page_by_page,
                an_account_is_waited_for_by_whom_has_something_queued_for_it,
            ],
            dead_letters: [
                what_was_not_delivered_is_found_by_what_it_died_of,
                dead_letters_come_in_parts_in_either_order,
                dead_letters_are_grouped_by_what_they_have_in_common,
                many_dead_letters_at_once_are_counted_by_kind,
            ],
            keeping: [
                a_clean_stop_and_a_new_start_keep_everything,
                a_closed_store_takes_nothing_more,
                the_newest_bytes_and_names_survive_a_new_start,
            ],
            keys: [
                of_keys_that_are_revoked_the_last_admin_stays,
                the_last_use_of_a_key_is_kept_until_it_is_revoked,
                a_use_that_comes_late_does_not_bring_back_a_revoked_key,
                a_clean_stop_writes_all_uses_that_wait,
            ],
            listing: [
                pages_neither_repeat_nor_skip_whatever_is_accepted_meanwhile,
                a_list_is_narrowed_by_everything_that_is_asked_for,
                a_page_looks_at_so_many_rows_and_says_where_to_go_on,
            ],
            portals: [
                tokens_that_are_over_make_room_and_no_revision_comes_twice,
                old_tokens_leave_with_what_is_left_of_revoked_ones,
            ],
            pruning: [
                what_is_over_leaves_and_everything_else_stays,
                a_step_looks_at_a_few_rows_and_takes_all_that_belongs_to_them,
                requests_leave_before_their_notification,
                kinds_of_dead_letters_are_counted_down_and_leave_with_the_last,
                counts_by_minute_leave_and_are_not_made_again,
                counts_of_an_old_minute_change_while_they_are_there,
                what_was_sent_again_leaves_with_its_traces_and_redrives_after_their_end,
            ],
            redriving: [
                a_dead_letter_that_is_sent_again_begins_anew_under_its_id,
                a_redrive_gets_on_step_by_step_and_counts_what_came_of_it,
                redrives_of_one_customer_are_listed_apart,
            ],
            setting: [
                settings_are_given_back_as_they_were_written,
                a_change_is_refused_where_something_else_is_there,
                versions_go_on_over_a_deletion,
                the_sealed_secrets_of_all_accounts_are_listed,
                what_is_there_already_is_no_new_version,
                whoever_follows_the_changes_sees_each_last_one,
                what_cannot_be_read_of_settings_holds_up_nothing,
                old_versions_leave,
                secrets_stay_until_others_come_or_all_is_deleted,
                changes_at_once_get_revisions_of_their_own,
            ],
            settling: [
                requests_and_progress_are_given_back,
                a_first_try_success_needs_no_rows_of_its_own,
                an_outcome_replaces_the_one_before,
                the_ledger_balances_whatever_happens,
            ],
            surveying: [
                what_waits_is_counted_by_account_and_customer,
                a_survey_names_no_more_than_it_may,
                what_is_not_due_yet_is_not_overdue,
                the_room_that_the_store_takes_is_measured,
            ],
        }
    };
    (@laws $backend:ident, $fixture:ty, $($file:ident: [$($law:ident,)+],)+) => {
        mod $backend {
            $($(
                #[tokio::test]
                async fn $law() {
                    super::$file::$law::<$fixture>().await;
                }
            )+)+
        }
    };
}

impl Fixture for DatabaseInDirectory {
    async fn fresh() -> Self {
        Self::new()
    }

    fn url(&self) -> String {
        self.url()
    }

    async fn tamper(&self, statement: &'static str) {
        self.tamper(statement).await;
    }
}

impl Fixture for TestDatabase {
    async fn fresh() -> Self {
        Self::new().await
    }

    fn url(&self) -> String {
        self.url()
    }

    async fn tamper(&self, statement: &'static str) {
        self.tamper(statement).await;
    }
}

contract!(sqlite, super::DatabaseInDirectory);
contract!(postgres, super::TestDatabase);
