//! What every database behind the store must do: one suite of laws, run for each of them.

mod accepting;
mod claiming;
mod keeping;
mod listing;
mod settling;

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
                other_bytes_under_a_known_id_are_answered_with_what_is_stored,
                an_id_that_comes_twice_at_once_is_stored_once,
                other_bytes_that_come_at_once_are_answered_with_what_is_stored,
                customers_that_share_an_application_get_ids_of_their_own,
                customers_with_applications_of_their_own_keep_their_ids,
                hundreds_of_accepts_at_once_are_all_answered,
                a_caller_that_goes_away_leaves_nothing_leased,
            ],
            claiming: [
                what_is_accepted_without_a_lease_can_be_claimed_at_once,
                what_is_leased_cannot_be_claimed_until_the_lease_is_dropped,
                a_claim_takes_the_oldest_first_up_to_its_limit,
                a_claim_takes_from_one_customer_only,
                what_is_settled_is_never_claimed,
                a_retry_is_not_claimed_before_it_is_due,
                customers_that_wait_are_named_page_by_page,
            ],
            keeping: [
                a_clean_stop_and_a_new_start_keep_everything,
                a_closed_store_takes_nothing_more,
                the_newest_bytes_and_names_survive_a_new_start,
            ],
            listing: [
                pages_neither_repeat_nor_skip_whatever_is_accepted_meanwhile,
                a_list_is_narrowed_by_everything_that_is_asked_for,
            ],
            settling: [
                requests_and_progress_are_given_back,
                a_first_try_success_needs_no_rows_of_its_own,
                an_outcome_replaces_the_one_before,
                the_ledger_balances_whatever_happens,
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
}

impl Fixture for TestDatabase {
    async fn fresh() -> Self {
        Self::new().await
    }

    fn url(&self) -> String {
        self.url()
    }
}

contract!(sqlite, super::DatabaseInDirectory);
contract!(postgres, super::TestDatabase);
