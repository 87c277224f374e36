//! Customers that are paused and resumed while something of them is in memory.

use super::pools::Held;
use super::world::{Stored, World, settings};
use crate::policy::CustomerSettings;
use crate::store::examples::{customer, eventually};

/// Lays files over the settings that pause these customers and no others.
pub(super) fn pause(world: &World, names: &[&str]) {
    let paused = |name: &&str| {
        let settings = CustomerSettings {
            paused: true,
            ..CustomerSettings::default()
        };
        (customer(name), settings)
    };
    world.store.directory().lay_over(names.iter().map(paused));
}

#[actix::test]
async fn a_reload_pauses_and_resumes_what_is_in_memory() {
    let held = Held::default();
    let stored = Stored::empty().await.with("acme", 40).await;
    let world = stored.start(settings(1, 4, 8), 1000, held.make_pool());
    let taken = || world.room.places(&customer("acme")).1;
    held.eventually_holds(4).await;
    eventually("all is in memory", async || taken() == 40).await;

    pause(&world, &["acme"]);
    world.reconfigure(settings(1, 4, 8));
    eventually("what was ready has gone back", async || taken() == 4).await;
    held.release_one(&world);
    eventually("what was under way is recorded", async || world.totals().await.delivered == 4).await;
    world.two_ticks().await;
    assert_eq!((held.count(), taken()), ((0, 0), 0), "nothing more goes out");

    pause(&world, &[]);
    world.reconfigure(settings(1, 4, 8));
    eventually("the rest follows", async || {
        held.release_one(&world);
        world.totals().await.delivered == 40
    })
    .await;
    world.eventually_idle().await;
    assert_eq!(world.totals().await.retries, 0);
}
