//! Deleting dead letters.

use crate::command::Operator;
use crate::scripted::{Answers, Scripted};

#[actix_web::test]
async fn a_purge_goes_on_while_there_is_more() {
    let answers = [
        (200, r#"{"deleted":500,"more":true}"#),
        (200, r#"{"deleted":1,"more":false}"#),
    ];
    let table: [(&[&str], &str); 3] = [
        (&[], "501 dead letters deleted\n"),
        (&["--quiet"], ""),
        (&["--json"], "{\"deleted\":501,\"more\":false}\n"),
    ];
    for (options, printed) in table {
        let service = Scripted::answering(&answers);
        let purge = [
            "dead-letters",
            "purge",
            "--customer",
            "a b",
            "--reason",
            "rejected",
            "--confirm",
        ];
        let ran = Operator::of(&service.url)
            .run(&[&purge[..], options].concat())
            .await;
        assert_eq!((ran.code, ran.printed.as_str()), (Some(0), printed), "{ran:?}");
        let asked = "DELETE /dead-letters?customer=a+b&reason=rejected&confirm=true";
        assert_eq!(service.asked(), [asked, asked]);
    }
}

#[actix_web::test]
async fn a_purge_that_is_not_done_says_why_and_how_far_it_came() {
    let unconfirmed =
        r#"{"code":"confirmation_required","status":400,"detail":"say confirm=true","total":7}"#;
    let unfiltered = r#"{"code":"filter_required","status":400,"detail":"a filter is needed"}"#;
    let unavailable = r#"{"code":"storage_unavailable","status":503,"detail":"not now"}"#;
    let (some, none) = (r#"{"deleted":500,"more":true}"#, r#"{"deleted":0,"more":true}"#);
    let table: [(Answers<'_>, &[&str], &str); 4] = [
        (&[(400, unconfirmed)], &[], "the filter finds 7 dead letters; --confirm deletes for good"),
        (&[(400, unfiltered)], &["--confirm"], "filter_required: a filter is needed"),
        (
            &[(200, some), (503, unavailable)],
            &["--confirm"],
            "after 500 deleted: storage_unavailable: not now",
        ),
        (&[(200, some), (200, none)], &["--confirm"], "500 deleted; there are more"),
    ];
    for (answers, options, right) in table {
        let service = Scripted::answering(answers);
        let purge = ["dead-letters", "purge", "--reason", "rejected"];
        let ran = Operator::of(&service.url)
            .run(&[&purge[..], options].concat())
            .await;
        assert_eq!((ran.code, ran.printed.as_str()), (Some(2), ""), "{right}: {ran:?}");
        assert!(ran.said.contains(right), "{right}: {ran:?}");
        assert_eq!(service.asked().len(), answers.len(), "{right}");
    }
}
