//! What a survey adds up, whatever comes in which parts.

use super::*;
use crate::store::examples::customer;

fn group(name: &str, account: &str, queued: u64, at: i64) -> WaitingGroup {
    WaitingGroup {
        customer: Customer::parse(name).ok(),
        account: Some(AccountName::new(account)),
        waiting: Waiting {
            queued,
            oldest_at: Some(Timestamp::from_millis(at)),
        },
        due_at: Some(Timestamp::from_millis(at + 10)),
    }
}

fn survey(bounds: (usize, usize), parts: Vec<Vec<WaitingGroup>>) -> BacklogSurvey {
    let bounds = SurveyBounds {
        accounts: bounds.0,
        customers: bounds.1,
    };
    let mut surveyor = Surveyor::new(Timestamp::from_millis(1000), bounds);
    for groups in parts {
        surveyor.add(SurveyPart { groups, next: None }, |customer| customer.as_str() == "paused");
    }
    surveyor.finish(Timestamp::from_millis(2000))
}

fn waiting(queued: u64, at: i64) -> Waiting {
    Waiting {
        queued,
        oldest_at: Some(Timestamp::from_millis(at)),
    }
}

#[test]
fn a_customer_whose_rows_lie_in_two_parts_is_one() {
    let parts = vec![
        vec![group("a", "x", 2, 50), group("b", "x", 3, 40)],
        vec![group("b", "y", 4, 30), group("c", "y", 1, 60)],
    ];
    let found = survey((10, 2), parts);
    assert_eq!(found.all, waiting(10, 30));
    let named = [(customer("b"), waiting(7, 30)), (customer("a"), waiting(2, 50))];
    assert_eq!(found.customers, named);
    assert_eq!(found.other_customers, waiting(1, 60));
    assert_eq!(found.accounts[&AccountName::new("x")], waiting(5, 40));
    assert_eq!(found.accounts[&AccountName::new("y")], waiting(5, 30));
}

#[test]
fn a_million_customers_and_accounts_take_no_more_room_than_is_given() {
    let parts = (0..1000).map(|part| {
        let groups = (0..1000).map(|number| {
            let number = part * 1000 + number;
            group(&format!("c{number:07}"), &format!("a{number}"), 1 + number % 7, 5)
        });
        groups.collect()
    });
    let found = survey((100, 20), parts.collect());
    assert_eq!((found.accounts.len(), found.customers.len()), (100, 20));
    assert_eq!(found.overdue_accounts.len(), 100);
    assert_eq!(found.other_overdue, Some(Timestamp::from_millis(15)), "the others together");
    assert!(found.customers.iter().all(|(_, waiting)| waiting.queued == 7));
    let named: u64 = found.customers.iter().map(|(_, waiting)| waiting.queued).sum();
    assert_eq!(named + found.other_customers.queued, found.all.queued);
    let named: u64 = found.accounts.values().map(|waiting| waiting.queued).sum();
    assert_eq!(named + found.other_accounts.queued, found.all.queued);
}

#[test]
fn overdue_is_what_has_been_due_for_longest_and_is_not_paused() {
    let later = WaitingGroup {
        due_at: Some(Timestamp::from_millis(5000)),
        ..group("later", "x", 1, 1)
    };
    let found = survey((10, 10), vec![vec![later.clone()]]);
    assert_eq!(found.overdue, None, "its time has not come");
    let nameless = group("", "x", 1, 2);
    let groups = vec![
        later,
        group("paused", "x", 1, 3),
        group("a", "x", 1, 9),
        group("b", "y", 1, 7),
        nameless,
    ];
    let found = survey((10, 10), vec![groups]);
    let overdue = Overdue {
        customer: customer("b"),
        account: AccountName::new("y"),
        due_at: Timestamp::from_millis(17),
    };
    assert_eq!(found.overdue, Some(overdue));
    let by_account = [("x", 19), ("y", 17)];
    let by_account = by_account.map(|(name, at)| (AccountName::new(name), Timestamp::from_millis(at)));
    assert_eq!(found.overdue_accounts, BTreeMap::from(by_account));
    assert_eq!((found.all.queued, found.other_customers.queued), (5, 1), "a name that cannot be read counts");
}
