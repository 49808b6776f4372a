//! Tenants: each is held to its own limits, and has its own instances of what others have, too.

use std::time::Duration;

use host_base::limits::BadLimit;
use host_runtime::TenantError;

use super::*;
use crate::host::{fixture, payload, until};

fn limits(value: Value) -> serde_json::Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn strict() -> TenantId {
    TenantId::new("strict").unwrap()
}

fn strict_counter() -> ActorKey {
    ActorKey::new(strict(), "Counter", "c").unwrap()
}

/// A host on which two tenants have the same plugin.
async fn two_tenants() -> Scratch {
    let host = Scratch::new().await;
    let probe = fixture("sdk_probe");
    host.deploy(&strict(), "sdk_probe", &probe).await.unwrap();
    host
}

#[tokio::test]
async fn a_limit_of_one_tenant_holds_for_it_at_once_and_after_a_restart_and_for_nobody_else() {
    let host = two_tenants().await;
    let spin = async |host: &Scratch, actor: &ActorKey| {
        let (code, message) = failure(host.call(actor, "Misbehave", "memory").await);
        assert_eq!(code, "memory-limit");
        message
    };
    // An instance is there by now that was made under the limits of the host.
    host.call(&strict_counter(), "Add", 1).await.unwrap();
    let own = json!({"memory_bytes_max": 8 << 20});
    host.set_tenant_limits(&strict(), &limits(own))
        .await
        .unwrap();
    assert!(spin(&host, &strict_counter()).await.contains("8388608"));
    assert!(spin(&host, &counter("c")).await.contains("67108864"));
    let host = host.reopen().await;
    assert!(spin(&host, &strict_counter()).await.contains("8388608"));
    assert!(spin(&host, &counter("c")).await.contains("67108864"));
    let none = limits(json!({}));
    host.set_tenant_limits(&strict(), &none).await.unwrap();
    assert!(spin(&host, &strict_counter()).await.contains("67108864"));
}

#[tokio::test]
async fn what_a_tenant_hands_over_is_held_to_its_own_limit() {
    let host = two_tenants().await;
    let own = limits(json!({"payload_bytes_max": 100}));
    let held_to = host.set_tenant_limits(&strict(), &own).await.unwrap();
    assert_eq!(held_to.payload_bytes_max, 100);
    assert_eq!(host.limits_of(&strict()), held_to);
    let long = "a".repeat(200);
    let (code, message) = failure(host.call(&strict_counter(), "Read", &long).await);
    assert_eq!(code, "limit");
    assert!(message.contains("`payload_bytes_max` of 100"), "{message}");
    assert!(host.call(&counter("c"), "Read", &long).await.is_ok());
}

#[tokio::test]
async fn limits_that_cannot_be_a_tenants_are_refused_and_nothing_changes() {
    let host = two_tenants().await;
    let before = host.limits_of(&strict());
    for wrong in [
        json!({"entities_live_max": 5}),
        json!({"payload_bytes_max": 1_u64 << 40}),
        json!({"payload_bytes_max": "much"}),
        json!({"no_such": 1}),
    ] {
        let set = limits(wrong.clone());
        let refused = host.set_tenant_limits(&strict(), &set).await.unwrap_err();
        assert!(
            matches!(refused, TenantError::BadLimit(_)),
            "{wrong}: {refused}"
        );
        assert_eq!(host.limits_of(&strict()), before, "{wrong}");
    }
    let shared = limits(json!({"entities_live_max": 5}));
    let refused = host.set_tenant_limits(&strict(), &shared).await;
    let expected = BadLimit::OfTheMachine("entities_live_max".to_owned());
    assert!(matches!(refused, Err(TenantError::BadLimit(it)) if it == expected));
}

#[tokio::test]
async fn a_tenant_that_computes_for_ever_keeps_no_other_from_its_work() {
    let host = Scratch::with(|limits| limits.turn_cpu_max = Duration::from_secs(60)).await;
    let probe = fixture("sdk_probe");
    host.deploy(&strict(), "sdk_probe", &probe).await.unwrap();
    let (owner, mut spinning) = (strict(), Vec::new());
    for number in 0..12 {
        let id = format!("spin-{number}");
        let started = host.start_workflow(&owner, "misbehave", Some(&id), payload("spin"));
        spinning.push(started.await.unwrap().key);
    }
    until("the computing to begin", async || {
        let used = host.processor_time_of(&strict());
        (used > Duration::from_millis(200)).then_some(())
    })
    .await;
    for _ in 0..200 {
        host.call(&counter("c"), "Add", 1).await.unwrap();
    }
    let double = json!({"name": "double", "input": 21});
    assert_eq!(host.run("run_activity", "w", double).await, Ok(json!(42)));
    // Twelve times a minute on a few processors: had each call waited for its turn among them, some had ended.
    let has_ended = |key| host.workflow(key).unwrap().unwrap().outcome.is_some();
    assert!(!spinning.iter().any(has_ended));
}
