//! When work stands still, and when it only waits for what it has to wait for.

use std::time::Duration;

use super::silence::{Silence, impatient};
use super::world::Stored;
use crate::policy::{CustomerSettings, RetrySettings};
use crate::store::examples::{customer, eventually};

#[actix::test]
async fn customers_that_wait_long_for_answers_are_no_standstill_before_their_time_is_over() {
    for (timeout_ms, waits, why) in [
        (600_000, true, "answers may still come"),
        (1, false, "their time is over"),
    ] {
        let silence = Silence::default();
        let stored = Stored::empty().await.with("slow", 60).await;
        let retry = RetrySettings {
            request_timeout_ms: Some(timeout_ms),
            ..RetrySettings::default()
        };
        let slow = CustomerSettings {
            retry,
            ..CustomerSettings::default()
        };
        stored.store.directory().lay_over([(customer("slow"), slow)]);
        let world = stored.start(impatient(16), 1000, silence.make_pool(|_| true));
        // It may have so many and no more.
        eventually("as much is under way as may be", async || silence.count() >= 8).await;
        world.two_ticks().await;
        world
            .eventually_counted(why, |counts| counts.ready > 0 && counts.stalled_for.is_zero() == waits)
            .await;
        let stalled = Duration::from_millis(600);
        if !waits {
            world
                .eventually_counted(why, |counts| counts.stalled_for > stalled)
                .await;
            world
                .eventually_counted("it is told what stands still", |counts| {
                    counts.standstill.as_ref().is_some_and(|what| {
                        let whose = (what.account.as_str(), what.customer.as_ref());
                        whose == ("default", Some(&customer("slow"))) && what.ready == counts.ready
                    })
                })
                .await;
        }
    }
}
