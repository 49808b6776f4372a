//! `plugins/order_saga`: all of an order is done, or all of it is undone in reverse.

use serde_json::{Value, json};

use crate::host::{Host, plugin};
use crate::scenario::Scenario;

const PLUGIN: &str = "order_saga.wasm";
const JOURNAL: [&str; 5] = ["actor", "call", "Journal", "o", "Read"];

/// An order of that item, started as that workflow under the id `w`.
fn started(workflow: &str, item: &str, email: &str) -> Scenario {
    let order = json!({
        "order_id": "o", "item": item, "cents": 100, "email": email,
        "packing_seconds": if workflow == "order" { 0 } else { 3_600 },
    });
    let order = order.to_string();
    let start = [
        "workflow", "start", workflow, "--id", "w", "--input", &order,
    ];
    Scenario::new(&[PLUGIN]).repeat(&start).resume()
}

fn journal(scenario: Scenario, deeds: &[&str]) -> Scenario {
    scenario.answers(&JOURNAL, &json!(deeds).to_string())
}

#[test]
fn an_order_is_done_whole_wherever_the_host_is_killed() {
    let output = r#"{"order_id":"o","receipt":"receipt-o","parcel":"parcel-o"}"#;
    let order = started("order", "teapot", "dora").ends("w", "completed", output);
    let order = order.ends("books-o", "completed", "null");
    journal(order, &["charged", "shipped", "notified", "booked"])
        .stride(2)
        .check();
}

#[test]
fn what_was_done_is_undone_in_reverse_where_a_later_step_fails() {
    let order = started("order", "teapot", "").ends("w", "failed", r#""no-address""#);
    let deeds = ["charged", "shipped", "called back", "refunded"];
    journal(order, &deeds).stride(2).check();
}

#[test]
fn what_was_done_is_undone_where_the_order_is_cancelled() {
    let order = started("change_of_mind", "teapot", "dora")
        .ends("w", "completed", r#""cancelled""#)
        .ends("order-o", "cancelled", r#""cancelled""#);
    journal(order, &["charged", "refunded"]).stride(2).check();
}

#[test]
fn an_order_that_cannot_be_shipped_gives_the_money_back() {
    let host = Host::new();
    let order = r#"{"order_id":"o","item":"unicorn","cents":100,"email":"dora"}"#;
    let run = ["run", &plugin(PLUGIN), "--input", order];
    host.run(&run)
        .expect(1)
        .says("there is no unicorn left (sold-out)")
        .says("nobody breeds them any more (extinct)");
    let journal = host.run(&JOURNAL).expect(0);
    let deeds: Value = serde_json::from_str(&journal.stdout).unwrap();
    assert_eq!(deeds, json!(["charged", "called back", "refunded"]));
}

#[test]
fn an_order_that_cannot_be_served_begins_nothing() {
    let host = Host::new();
    let order = r#"{"order_id":"o","item":"teapot","cents":0,"email":"dora"}"#;
    let run = ["run", &plugin(PLUGIN), "--input", order];
    host.run(&run).expect(1).says("(bad-order)");
    host.run(&JOURNAL).expect(0).answers("[]");
}
