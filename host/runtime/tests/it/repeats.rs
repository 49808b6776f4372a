//! Requests that carry an idempotency key: they are done once, whoever repeats them and whenever.

use super::host::payload;
use super::*;

#[tokio::test]
async fn what_has_a_key_is_done_once_though_who_asked_for_it_went_away() {
    let host = Scratch::new().await;
    let reception = json!({"topic": "item", "count": 2});
    host.start("receive", "w", reception).await.unwrap();
    let (w, raise) = (workflow("w"), |value| payload(value));
    for _ in 0..20 {
        let raising = host.raise_event_once(&w, "item", raise(1), "k");
        tokio::select! {
            biased;
            raised = raising => raised.unwrap(),
            () = std::future::ready(()) => {}
        }
    }
    for value in [1, 2, 1] {
        host.raise_event_once(&w, "item", raise(value), "k")
            .await
            .unwrap();
    }
    assert_eq!(host.wait("w").await, Ok(json!([1, 2])));
}
