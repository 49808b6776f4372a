//! Search attributes: set at the start and by the code, kept, bounded, and found.

use host_base::attribute::read_attribute;
use host_base::{Attributes, Search};
use host_runtime::{Rerun, Selection, Start, StartError, WorkflowFilter, WorkflowView};

use host_store::records::{BatchDeed, EventKind, Reason};

use super::*;

/// Attributes as a user writes them.
fn attributes(words: &str) -> Attributes {
    let words = words.split_whitespace();
    words.map(|word| read_attribute(word).unwrap()).collect()
}

/// Starts one that has itself found by its input, too.
async fn start(
    host: &Host,
    id: &str,
    words: &str,
    input: Value,
) -> Result<WorkflowView, StartError> {
    let start = Start {
        name: "labelled".to_owned(),
        id: Some(id.to_owned()),
        input: host::payload(input),
        attributes: attributes(words),
        ..Start::default()
    };
    host.start_workflow_with(&tenant(), start).await
}

async fn has(host: &Host, id: &str, words: &str) {
    let (what, wanted) = (format!("{id} to have {words}"), attributes(words));
    let look = async || (host.view(id)?.attributes == wanted).then_some(());
    host::until(&what, look).await;
}

fn found(host: &Host, search: &str) -> Vec<String> {
    let search: Search = search.parse().unwrap();
    let all = host.workflows(&tenant(), &WorkflowFilter::default(), None, 100);
    let found = all
        .unwrap()
        .into_iter()
        .filter(|view| search.fits(&view.attributes));
    found.map(|view| view.key.id).collect()
}

#[tokio::test]
async fn a_workflow_is_found_by_what_it_was_started_with_and_by_what_its_code_says() {
    let host = Scratch::new().await;
    let started = start(
        &host,
        "w",
        "customer=ada vip=true",
        json!({"total": 5, "due": []}),
    )
    .await;
    assert_eq!(
        started.unwrap().attributes,
        attributes("customer=ada vip=true")
    );
    has(
        &host,
        "w",
        "customer=ada vip=true total=5 due=1970-01-01T00:00:00Z",
    )
    .await;
    start(&host, "v", "", json!({"total": 6})).await.unwrap();
    has(&host, "v", "total=6").await;
    assert_eq!(found(&host, "total >= 5"), ["v", "w"]);
    assert_eq!(found(&host, "total > 5"), ["v"]);
    assert_eq!(
        found(&host, "customer ^= a and due < 1970-01-02T00:00:00Z"),
        ["w"]
    );
    host.raise("w", "label", json!({"customer": null, "total": "5"}))
        .await
        .unwrap();
    has(&host, "w", "total=\"5\" vip=true due=1970-01-01T00:00:00Z").await;
    assert_eq!(found(&host, "total >= 0"), ["v"]);
    let host = host.reopen().await;
    assert_eq!(found(&host, "total = \"5\" and vip = true"), ["w"]);
    // Its code is replayed, and goes on from what it has said.
    host.raise("w", "label", json!({"vip": false}))
        .await
        .unwrap();
    has(&host, "w", "total=\"5\" vip=false due=1970-01-01T00:00:00Z").await;
    host.raise("w", "label", ()).await.unwrap();
    host.wait("w").await.unwrap();
    assert_eq!(found(&host, "vip = false"), ["w"]);
}

#[tokio::test]
async fn the_next_run_keeps_what_the_one_before_has_said() {
    let host = Scratch::new().await;
    start(&host, "w", "customer=ada", json!({"total": 5}))
        .await
        .unwrap();
    host.raise("w", "label", true).await.unwrap();
    host::until("the next run", async || {
        (host.view("w")?.run == 2).then_some(())
    })
    .await;
    has(&host, "w", "customer=ada total=5").await;
    host.raise("w", "label", json!({"total": 6})).await.unwrap();
    has(&host, "w", "customer=ada total=6").await;
    let host = host.reopen().await;
    host.raise("w", "label", json!({"more": 1})).await.unwrap();
    has(&host, "w", "customer=ada total=6 more=1").await;
}

#[tokio::test]
async fn a_rerun_has_what_its_source_had_there() {
    let host = Scratch::new().await;
    start(&host, "w", "customer=ada", json!({"total": 5}))
        .await
        .unwrap();
    host.raise("w", "label", json!({"customer": null, "total": 6}))
        .await
        .unwrap();
    host.raise("w", "label", json!({"total": 7})).await.unwrap();
    host.raise("w", "label", ()).await.unwrap();
    host.wait("w").await.unwrap();
    assert_eq!(host.view("w").unwrap().attributes, attributes("total=7"));
    let again = |from, id: &str| Rerun {
        from,
        id: Some(id.to_owned()),
        ..Rerun::default()
    };
    let begun = host.rerun(&workflow("w"), again(0, "a")).await.unwrap();
    assert_eq!(begun.attributes, attributes("customer=ada"));
    has(&host, "a", "customer=ada total=5").await;
    let raised = host
        .events("w")
        .into_iter()
        .position(|(_, kind)| matches!(kind, EventKind::EventRaised(_)));
    let from = raised.unwrap() as u64;
    host.rerun(&workflow("w"), again(from, "b")).await.unwrap();
    has(&host, "b", "total=6").await;
}

#[tokio::test]
async fn a_batch_is_over_what_a_search_finds() {
    let host = Scratch::new().await;
    for (id, words) in [
        ("a", "team=red"),
        ("b", "team=blue"),
        ("c", "team=\"red\""),
        ("d", ""),
    ] {
        start(&host, id, words, json!(null)).await.unwrap();
    }
    let red = Selection {
        search: "team = red".parse().unwrap(),
        ..Selection::default()
    };
    assert_eq!(host.count_workflows(&tenant(), &red).await.unwrap(), 2);
    let deed = BatchDeed::Terminate(Reason::default());
    host.start_batch(&tenant(), deed, &red, None).await.unwrap();
    let status = |id: &str| host.view(id).unwrap().status_name();
    host::until("the end of the red ones", async || {
        (status("a") == "terminated" && status("c") == "terminated").then_some(())
    })
    .await;
    assert!(
        [status("b"), status("d")]
            .iter()
            .all(|status| *status != "terminated")
    );
}

#[tokio::test]
async fn a_start_takes_attributes_up_to_the_bounds() {
    let host = Scratch::with(|limits| {
        limits.attributes_max = 2;
        limits.attribute_value_bytes_max = 8;
    });
    let host = host.await;
    start(&host, "w", "a=12345678x b=1", json!(null))
        .await
        .unwrap_err();
    start(&host, "w", "a=x2345678 b=1", json!(null))
        .await
        .unwrap();
    let refused = |refused: Result<WorkflowView, StartError>| match refused.unwrap_err() {
        StartError::Refused(failure) => (failure.code, failure.message),
        StartError::AlreadyExists(view) => panic!("{view:?}"),
    };
    let (code, text) = refused(start(&host, "v", "a=x23456789", json!(null)).await);
    assert_eq!(code, "limit");
    assert!(text.contains("`attribute_value_bytes_max` of 8"), "{text}");
    let (code, text) = refused(start(&host, "v", "a=1 b=2 c=3", json!(null)).await);
    assert_eq!(code, "limit");
    assert!(text.contains("2 attributes (`attributes_max`)"), "{text}");
    let named = Start {
        name: "labelled".to_owned(),
        attributes: Attributes::from([(String::new(), host_base::AttributeValue::Bool(true))]),
        ..Start::default()
    };
    let (code, _) = refused(host.start_workflow_with(&tenant(), named).await);
    assert_eq!(code, "bad-input");
}

#[tokio::test]
async fn code_that_goes_beyond_the_bounds_fails_with_their_names() {
    let host = Scratch::with(|limits| {
        limits.attributes_max = 2;
        limits.attribute_value_bytes_max = 8;
    });
    let host = host.await;
    start(&host, "w", "a=1", json!({"b": "12345678"}))
        .await
        .unwrap();
    has(&host, "w", "a=1 b=\"12345678\"").await;
    // There is room for one that is there already, and for one in the place of one that goes.
    host.raise("w", "label", json!({"a": 2})).await.unwrap();
    host.raise("w", "label", json!({"a": null})).await.unwrap();
    host.raise("w", "label", json!({"c": 3})).await.unwrap();
    has(&host, "w", "b=\"12345678\" c=3").await;
    host.raise("w", "label", json!({"d": 4})).await.unwrap();
    let (code, text) = failure(host.wait("w").await);
    assert_eq!(code, "limit");
    assert!(text.contains("`attributes_max`"), "{text}");
    assert_eq!(
        host.view("w").unwrap().attributes,
        attributes("b=\"12345678\" c=3")
    );
    for (id, label, words) in [
        (
            "v",
            json!({"b": "123456789"}),
            "`attribute_value_bytes_max` of 8",
        ),
        ("u", json!({"x".repeat(65): 1}), "64 bytes"),
        ("t", json!({"b": 1e16}), "2^53"),
    ] {
        start(&host, id, "", label).await.unwrap();
        let (_, text) = failure(host.wait(id).await);
        assert!(text.contains(words), "{text}");
    }
}
