//! Customers that are paused and resumed while something of them is in memory.

use super::pools::{Held, start_working_pool};
use super::world::{Stored, World, accept_many, settings};
use crate::actors::messages::{Notify, SettingsChanged};
use crate::policy::CustomerSettings;
use crate::store::Leased;
use crate::store::examples::{accept_leased, customer, eventually, new};

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

#[actix::test]
async fn what_waits_of_a_customer_is_claimed_as_soon_as_it_is_resumed() {
    let world = Stored::empty()
        .await
        .start(settings(1, 4, 8), 1000, Box::new(start_working_pool));
    pause(&world, &["acme"]);
    accept_many(&world.store, "acme", 5).await;
    while world.room.announce(&customer("acme")) {}
    pause(&world, &[]);
    world.supervisor.send(SettingsChanged).await.unwrap();
    assert!(world.room.announce(&customer("acme")), "a claim has begun, after which it is to be told anew");
    eventually("they are delivered", async || world.totals().await.delivered == 5).await;
}

#[actix::test]
async fn a_pause_concerns_nobody_else() {
    let held = Held::default();
    let stored = Stored::empty()
        .await
        .with("acme", 40)
        .await
        .with("globex", 40)
        .await;
    let world = stored.start(settings(1, 4, 8), 1000, held.make_pool());
    let taken = |name: &str| world.room.places(&customer(name)).1;
    eventually("all is in memory", async || taken("acme") + taken("globex") == 80).await;
    pause(&world, &["acme"]);
    // Nobody tells; the next tick finds it.
    eventually("what was ready has gone back", async || taken("acme") <= 4).await;
    assert!(taken("globex") >= 36, "{}", taken("globex"));
    eventually("the other's are delivered", async || {
        held.release_one(&world);
        world.totals().await.delivered >= 40
    })
    .await;
    eventually("and all of them", async || taken("globex") == 0).await;
    assert!(world.totals().await.queued >= 36);
}

#[actix::test]
async fn what_was_posted_before_a_pause_and_comes_after_it_goes_back_and_keeps_its_place() {
    let held = Held::default();
    let world = Stored::empty()
        .await
        .start(settings(1, 4, 8), 1000, held.make_pool());
    pause(&world, &["acme"]);
    let reservation = world.room.admit(&customer("acme"), 1).unwrap();
    let (notification, lease) = accept_leased(&world.store, new("acme", "evt_1")).await;
    let leased = Box::new(Leased { notification, lease });
    world.supervisor.send(SettingsChanged).await.unwrap();
    world.supervisor.do_send(Notify::Here { leased, reservation });
    eventually("it has gone back", async || world.room.places(&customer("acme")).1 == 0).await;
    assert!(world.room.admit(&customer("acme"), 1).is_none(), "later ones do not overtake it");
    pause(&world, &[]);
    held.eventually_holds(1).await;
    held.release_one(&world);
    world.eventually_delivered(1).await;
}
