//! Components that are hostile before any of their functions is asked for, or that no SDK would make.

use serde_json::Value;

use super::attacked::{Attacked, in_shell, problem, refused};

#[test]
fn a_table_that_grows_for_ever_is_refused_more_entries() {
    let attacked = Attacked::start();
    attacked.deploys_text("table_bomb").expect(200);
    attacked.starts("attack", "a", Value::Null);
    assert_eq!(attacked.ended("a")["status"], "completed");
    attacked.still_serves();
}

#[test]
fn a_component_of_more_tables_than_there_is_room_for_is_refused() {
    let attacked = Attacked::start();
    refused(&attacked.deploys_text("many_tables"), "bad-input", "table");
    attacked.still_serves();
}

#[test]
fn a_component_of_more_memory_than_there_is_room_for_is_refused() {
    let attacked = Attacked::start();
    refused(
        &attacked.deploys_text("many_memories"),
        "bad-input",
        "memor",
    );
    attacked.still_serves();
}

#[test]
fn a_component_of_more_globals_than_an_instance_holds_is_refused() {
    let attacked = Attacked::start();
    let globals = "(global (mut i64) (i64.const 0))\n".repeat(200_000);
    let component = in_shell(&format!("{globals}(func $describe)(func $run)"));
    problem(&attacked.deploys(&component));
    attacked.still_serves();
}

#[test]
fn recursion_without_end_fills_a_stack_of_webassembly() {
    let attacked = Attacked::start();
    attacked.deploys_text("full_stack").expect(200);
    attacked.starts("attack", "a", Value::Null);
    let ended = attacked.ended("a");
    assert_eq!(ended["failure"]["code"], "trap", "{ended}");
    assert!(ended.to_string().contains("its stack is full"), "{ended}");
    attacked.still_serves();
}

#[test]
fn resources_without_number_end_at_the_limit() {
    let attacked = Attacked::start();
    attacked.deploys_text("resource_bomb").expect(200);
    attacked.starts("attack", "a", Value::Null);
    let ended = attacked.ended("a");
    assert_eq!(ended["failure"]["code"], "trap", "{ended}");
    attacked.still_serves();
}

#[test]
fn values_that_share_their_memory_are_not_copied_without_end() {
    let attacked = Attacked::start();
    attacked.deploys_text("overlapping_values").expect(200);
    attacked.starts("attack", "a", Value::Null);
    let ended = attacked.ended("a");
    assert_eq!(ended["status"], "failed", "{ended}");
    attacked.still_serves();
}

#[test]
fn a_description_whose_texts_share_their_memory_is_not_copied_without_end() {
    let attacked = Attacked::start();
    problem(&attacked.deploys_text("overlapping_manifest"));
    attacked.still_serves();
}

#[test]
fn what_is_no_component_is_refused_whatever_it_is() {
    let attacked = Attacked::start();
    let good = in_shell("(func $describe)(func $run)");
    attacked.deploys(&good).expect(200);
    for cut in [0, 4, 8, 100, good.len() / 2, good.len() - 1] {
        problem(&attacked.deploys(&good[..cut]));
    }
    for at in (8..good.len()).step_by(61) {
        let mut damaged = good.clone();
        damaged[at] ^= 0xff;
        let answer = attacked.deploys(&damaged);
        assert!(matches!(answer.status, 200 | 400), "{at}: {answer:?}");
    }
    attacked.still_serves();
}
