//! Replay as facts: a body runs against arrivals, its history is kept, and the next body must agree.

use host_base::{AttributeValue, Failure};
use host_engine::ActivityOptions;

use super::*;

const LIMITS: MachineLimits = MachineLimits {
    history_events_max: 1_000,
    pending_max: 100,
    turn_bytes_max: 1_000,
};

type History = Vec<(u64, Event)>;

fn machine(history: &History, unseen_from: u64) -> Machine {
    let started = Started {
        seed: vec![7; 32],
        ..Started::default()
    };
    Machine::new(
        &started,
        Timestamp(1_000),
        history.clone(),
        unseen_from,
        LIMITS,
    )
}

/// A body that has seen nothing yet.
fn fresh() -> Machine {
    machine(&History::new(), 1)
}

/// A body whose committed turns have seen the whole history.
fn replay(history: &History) -> Machine {
    machine(history, history.last().map_or(1, |(last, _)| last + 1))
}

fn activity(name: &str) -> Command {
    Command::Activity {
        name: name.to_owned(),
        input: b"1".to_vec(),
        options: ActivityOptions::default(),
    }
}

fn event(name: &str) -> Command {
    Command::Event {
        name: name.to_owned(),
    }
}

fn result_of(handle: u32, value: &str) -> Arrival {
    Arrival::Resolved {
        handle,
        outcome: Ok(value.into()),
    }
}

fn raised(name: &str, value: &str) -> Arrival {
    Arrival::Raised {
        name: name.to_owned(),
        value: value.into(),
    }
}

/// What a wait gives: handle and value, or `None` where the body has to wait.
fn wait(machine: &mut Machine, handles: &[u32]) -> Option<(u32, String)> {
    match machine.wait_any(handles).unwrap()? {
        Wakeup::Completion(completion) => {
            let value = String::from_utf8(completion.outcome.unwrap()).unwrap();
            Some((completion.handle, value))
        }
        Wakeup::CancelRequested(reason) => Some((0, reason)),
        other => panic!("{other:?} was not asked for"),
    }
}

/// The same where each handle is said once.
fn wait_more(machine: &mut Machine, more: &[u32]) -> Option<(u32, String)> {
    match machine.wait_more(more).unwrap()? {
        Wakeup::Completion(completion) => {
            let value = String::from_utf8(completion.outcome.unwrap()).unwrap();
            Some((completion.handle, value))
        }
        other => panic!("{other:?} was not asked for"),
    }
}

fn got(handle: u32, value: &str) -> Option<(u32, String)> {
    Some((handle, value.to_owned()))
}

/// One activity scheduled, resolved, seen, and a second one scheduled after it.
fn two_steps() -> History {
    let mut body = fresh();
    body.command(activity("first")).unwrap();
    assert_eq!(wait(&mut body, &[1]), None);
    assert!(body.arrive(result_of(1, "a")));
    assert_eq!(wait(&mut body, &[1]), got(1, "a"));
    body.command(activity("second")).unwrap();
    assert_eq!(wait(&mut body, &[2]), None);
    body.take_recorded()
}

#[test]
fn a_replay_repeats_commands_and_results_and_records_nothing() {
    let mut body = replay(&two_steps());
    assert_eq!(body.command(activity("first")), Ok(1));
    assert_eq!(wait(&mut body, &[1]), got(1, "a"));
    assert_eq!(body.command(activity("second")), Ok(2));
    assert_eq!(wait(&mut body, &[2]), None);
    assert_eq!(body.take_recorded(), []);
    assert_eq!(body.divergence(), None);
}

#[test]
fn what_was_said_once_is_waited_for_until_it_is_returned_or_given_up() {
    let mut body = fresh();
    for command in [activity("a"), event("go"), activity("b"), event("go")] {
        body.command(command).unwrap();
    }
    // What nobody waits for yet stays where it is, also where it comes first.
    assert!(body.arrive(result_of(1, "a")));
    assert_eq!(wait_more(&mut body, &[3, 4]), None);
    assert!(body.arrive(raised("go", "first")));
    assert!(body.arrive(raised("go", "second")));
    assert_eq!(wait_more(&mut body, &[]), got(4, "second"));
    body.command(Command::Cancel { handle: 3 }).unwrap();
    assert!(!body.arrive(result_of(3, "b")));
    assert_eq!(wait_more(&mut body, &[]), None);
    assert_eq!(wait_more(&mut body, &[2, 1]), got(1, "a"));
    assert_eq!(wait_more(&mut body, &[]), got(2, "first"));
    assert_eq!(wait_more(&mut body, &[]), None);
}

#[test]
fn results_come_in_the_order_in_which_they_arrived_again() {
    let run = |body: &mut Machine| {
        for name in ["a", "b", "c"] {
            body.command(activity(name)).unwrap();
        }
    };
    let mut body = fresh();
    run(&mut body);
    assert_eq!(wait(&mut body, &[1, 2, 3]), None);
    assert!(body.arrive(result_of(3, "c")));
    assert!(body.arrive(result_of(1, "a")));
    assert_eq!(wait(&mut body, &[1, 2]), got(1, "a"));
    assert_eq!(wait(&mut body, &[2, 3]), got(3, "c"));
    let mut again = replay(&body.take_recorded());
    run(&mut again);
    assert_eq!(wait(&mut again, &[1, 2]), got(1, "a"));
    assert_eq!(wait(&mut again, &[2, 3]), got(3, "c"));
    assert_eq!(wait(&mut again, &[2]), None);
}

#[test]
fn another_command_is_a_divergence_that_says_where_and_what() {
    let mut body = replay(&two_steps());
    body.command(activity("first")).unwrap();
    assert_eq!(wait(&mut body, &[1]), got(1, "a"));
    assert!(body.command(activity("other")).is_err());
    let expected = Divergence {
        event: 3,
        history: "activity second(1)".to_owned(),
        asked: "activity other(1)".to_owned(),
    };
    assert_eq!(body.divergence(), Some(&expected));
}

#[test]
fn another_input_or_option_is_a_divergence() {
    let mut body = replay(&two_steps());
    let Command::Activity { name, input, .. } = activity("first") else {
        unreachable!("an activity is an activity");
    };
    let options = ActivityOptions {
        heartbeat_timeout: Some(std::time::Duration::from_secs(1)),
        ..ActivityOptions::default()
    };
    let asked = Command::Activity {
        name,
        input,
        options,
    };
    assert!(body.command(asked).is_err());
    assert!(body.divergence().is_some());
}

#[test]
fn code_that_waits_where_history_has_a_command_diverges() {
    let mut body = replay(&two_steps());
    body.command(activity("first")).unwrap();
    assert_eq!(wait(&mut body, &[1]), got(1, "a"));
    assert!(body.wait_any(&[1]).is_err());
}

#[test]
fn code_that_asks_for_more_than_it_had_asked_for_diverges() {
    let mut body = fresh();
    body.command(activity("first")).unwrap();
    assert_eq!(wait(&mut body, &[1]), None);
    let mut changed = replay(&body.take_recorded());
    changed.command(activity("first")).unwrap();
    assert!(changed.command(activity("more")).is_err());
}

#[test]
fn code_that_returns_where_it_had_waited_diverges() {
    let mut body = fresh();
    body.command(activity("first")).unwrap();
    assert_eq!(wait(&mut body, &[1]), None);
    let mut changed = replay(&body.take_recorded());
    changed.command(activity("first")).unwrap();
    assert!(changed.finish(&Ok(Payload::new())).is_err());
}

#[test]
fn what_arrived_while_the_code_did_not_fit_is_seen_by_code_that_does() {
    let mut body = fresh();
    body.command(activity("first")).unwrap();
    assert_eq!(wait(&mut body, &[1]), None);
    let mut history = body.take_recorded();
    let unseen_from = body.next_sequence();
    let mut stalled = machine(&history, unseen_from);
    assert!(stalled.command(activity("other")).is_err());
    let mut parked = machine(&history, unseen_from);
    assert!(parked.arrive(result_of(1, "a")));
    history.extend(parked.take_recorded());

    let mut repaired = machine(&history, unseen_from);
    repaired.command(activity("first")).unwrap();
    assert_eq!(wait(&mut repaired, &[1]), got(1, "a"));
    assert_eq!(repaired.command(activity("second")), Ok(2));
    assert_eq!(repaired.finish(&Ok(Payload::new())), Ok(()));
}

#[test]
fn events_are_kept_and_go_to_the_waits_in_order_whatever_their_case() {
    let mut body = fresh();
    assert!(body.arrive(raised("GO", "1")));
    assert!(body.arrive(raised("go", "2")));
    body.command(event("Go")).unwrap();
    body.command(event("go")).unwrap();
    assert_eq!(wait(&mut body, &[2]), got(2, "2"));
    assert_eq!(wait(&mut body, &[1]), got(1, "1"));
}

#[test]
fn a_wait_for_an_event_that_is_given_up_leaves_it_to_the_next() {
    let mut body = fresh();
    body.command(event("go")).unwrap();
    body.command(event("go")).unwrap();
    assert!(body.arrive(raised("go", "1")));
    body.command(Command::Cancel { handle: 1 }).unwrap();
    assert_eq!(wait(&mut body, &[2]), got(2, "1"));
}

#[test]
fn a_result_that_nobody_waits_for_is_not_recorded() {
    let mut body = fresh();
    body.command(activity("a")).unwrap();
    body.command(Command::Cancel { handle: 1 }).unwrap();
    assert!(!body.arrive(result_of(1, "late")));
    assert!(!body.arrive(result_of(9, "unknown")));
    let mut once = fresh();
    once.command(activity("a")).unwrap();
    assert!(once.arrive(result_of(1, "first")));
    assert!(!once.arrive(result_of(1, "again")));
}

#[test]
fn a_line_is_logged_once() {
    let body_to_the_wait = |body: &mut Machine| {
        body.log(LogLevel::Info, "begun".to_owned());
        body.command(activity("a")).unwrap();
        assert_eq!(wait(body, &[1]), None);
    };
    let mut body = fresh();
    body_to_the_wait(&mut body);
    assert_eq!(body.take_logs().len(), 1);
    let mut again = replay(&body.take_recorded());
    body_to_the_wait(&mut again);
    assert_eq!(again.take_logs(), []);
    assert!(again.arrive(result_of(1, "x")));
    assert_eq!(wait(&mut again, &[1]), got(1, "x"));
    again.log(LogLevel::Info, "gone on".to_owned());
    assert_eq!(again.take_logs().len(), 1);
}

#[test]
fn time_random_numbers_and_ids_are_the_same_in_every_replay() {
    let run = |body: &mut Machine| {
        body.command(activity("a")).unwrap();
        let early = (body.now(), body.random_u64(), body.new_id());
        let _ = body.wait_any(&[1]).unwrap();
        (early, body.now(), body.random_u64())
    };
    let mut body = fresh();
    body.begin_turn(Timestamp(1_005));
    body.command(activity("a")).unwrap();
    body.begin_turn(Timestamp(2_000));
    assert!(body.arrive(result_of(1, "x")));
    let history = body.take_recorded();
    let first = run(&mut machine(&history, 2));
    let second = run(&mut replay(&history));
    assert_eq!(first, second);
    assert_eq!(first.1, Timestamp(2_000));
}

#[test]
fn a_timer_is_due_so_long_after_the_turn_that_armed_it() {
    let mut body = fresh();
    body.begin_turn(Timestamp(5_000));
    let duration = std::time::Duration::from_millis(50);
    body.command(Command::Timer { duration }).unwrap();
    let recorded = body.take_recorded();
    let Some(EventKind::TimerScheduled(timer)) = &recorded[0].1.kind else {
        panic!("{recorded:?}");
    };
    assert_eq!(timer.due_ms, 5_050);
    let mut later = replay(&recorded);
    later.begin_turn(Timestamp(9_000));
    assert_eq!(later.command(Command::Timer { duration }), Ok(1));
}

#[test]
fn limits_are_named_with_their_values() {
    let mut body = fresh();
    for _ in 0..LIMITS.pending_max {
        body.command(activity("a")).unwrap();
    }
    let refused = body.command(activity("a")).unwrap_err();
    assert_eq!(
        refused.0,
        "100 commands are outstanding, which is `workflow_pending_max`"
    );
    assert_eq!(body.divergence(), None);
    let mut long = fresh();
    for value in 0..LIMITS.history_events_max {
        assert!(long.arrive(raised("go", &value.to_string())));
    }
    let refused = long.command(activity("a")).unwrap_err();
    assert_eq!(
        refused.0,
        "the history has reached `history_events_max` of 1000 events"
    );
}

#[test]
fn a_failure_ends_the_history_with_its_reason() {
    let mut body = fresh();
    let failure = Failure::new("rejected", "no title");
    assert_eq!(body.finish(&Err(failure.clone())), Ok(()));
    let recorded = body.take_recorded();
    let expected = Some(EventKind::Failed(Box::new(failure.into())));
    assert_eq!(recorded[0].1.kind, expected);
}

fn query(name: &str) -> Ask {
    Ask::Query(Query {
        name: name.to_owned(),
        input: Payload::new(),
    })
}

fn update(id: &str) -> Update {
    Update {
        id: id.to_owned(),
        name: "set".to_owned(),
        input: b"1".to_vec(),
        accepted: false,
    }
}

/// Asks, and lets the ask in.
fn ask(body: &mut Machine, number: u64, ask: Ask) -> bool {
    body.ask(number, ask);
    body.next_ask()
}

fn completed(id: &str) -> Command {
    Command::CompleteUpdate {
        id: id.to_owned(),
        outcome: Ok(b"2".to_vec()),
    }
}

/// A body that has scheduled an activity and accepted an update while it waited for it.
fn with_update() -> Machine {
    let mut body = fresh();
    body.command(activity("first")).unwrap();
    assert_eq!(wait(&mut body, &[1]), None);
    body.begin_turn(Timestamp(2_000));
    assert!(ask(&mut body, 0, Ask::Update(update("u"))));
    assert_eq!(body.wait_any(&[1]), Ok(Some(Wakeup::Update(update("u")))));
    body.accept_update().unwrap();
    body
}

#[test]
fn a_query_is_handed_out_when_nothing_else_is_and_records_nothing() {
    let mut body = fresh();
    body.command(activity("a")).unwrap();
    assert_eq!(wait(&mut body, &[1]), None);
    body.take_recorded();
    assert!(body.arrive(result_of(1, "x")));
    let recorded = body.take_recorded().len();
    assert!(ask(&mut body, 7, query("q")));
    assert_eq!(wait(&mut body, &[1]), got(1, "x"));
    assert!(matches!(body.wait_any(&[]), Ok(Some(Wakeup::Query(_)))));
    body.answer_query(Ok(b"3".to_vec())).unwrap();
    assert_eq!(body.wait_any(&[]), Ok(None));
    assert_eq!((recorded, body.take_recorded().len()), (1, 0));
    let answer = Answer::Answered(Ok(b"3".to_vec()));
    assert_eq!(body.take_answers(), [(7, answer)]);
}

#[test]
fn nothing_can_be_scheduled_while_a_query_is_answered_or_an_update_is_judged() {
    for asked in [query("q"), Ask::Update(update("u"))] {
        let mut body = fresh();
        assert!(ask(&mut body, 0, asked));
        body.wait_any(&[]).unwrap();
        assert!(body.is_undecided());
        let refused = body.command(activity("a")).unwrap_err();
        assert!(
            refused.0.starts_with("nothing can be scheduled"),
            "{refused}"
        );
        assert_eq!(body.take_recorded(), []);
    }
}

#[test]
fn what_the_code_does_not_answer_is_answered_for_it() {
    let mut body = fresh();
    assert!(ask(&mut body, 0, query("q")));
    body.wait_any(&[]).unwrap();
    assert_eq!(body.wait_any(&[]), Ok(None));
    let answers = body.take_answers();
    let [(0, Answer::Answered(Err(failure)))] = &answers[..] else {
        panic!("{answers:?}");
    };
    assert_eq!(failure.message, "the workflow's code gave no answer");
}

#[test]
fn code_that_was_asked_is_touched_and_is_given_no_update() {
    let mut body = fresh();
    assert!(ask(&mut body, 0, query("q")));
    body.wait_any(&[]).unwrap();
    body.answer_query(Ok(Payload::new())).unwrap();
    assert!(body.is_touched());
    assert!(!ask(&mut body, 1, Ask::Update(update("u"))));
    assert!(ask(&mut body, 2, query("q")));
    let left: Vec<_> = body
        .take_asks()
        .into_iter()
        .map(|(number, _)| number)
        .collect();
    assert_eq!(left, [1, 2]);
}

#[test]
fn an_update_that_is_accepted_does_not_touch_and_is_met_at_the_same_wait_again() {
    let mut body = with_update();
    assert!(!body.is_touched());
    assert_eq!(body.now(), Timestamp(2_000));
    body.command(activity("by the update")).unwrap();
    assert!(body.arrive(result_of(2, "x")));
    assert_eq!(wait(&mut body, &[1, 2]), got(2, "x"));
    body.command(completed("u")).unwrap();
    let history = body.take_recorded();

    let mut again = replay(&history);
    again.command(activity("first")).unwrap();
    let accepted = Update {
        accepted: true,
        ..update("u")
    };
    assert_eq!(again.wait_any(&[1]), Ok(Some(Wakeup::Update(accepted))));
    assert_eq!(again.now(), Timestamp(2_000));
    again.accept_update().unwrap();
    again.command(activity("by the update")).unwrap();
    assert_eq!(wait(&mut again, &[1, 2]), got(2, "x"));
    again.command(completed("u")).unwrap();
    assert_eq!(wait(&mut again, &[1]), None);
    assert_eq!((again.take_recorded(), again.divergence()), (vec![], None));
}

#[test]
fn an_update_that_was_accepted_cannot_be_refused_passed_by_or_waited_over() {
    let history = with_update().take_recorded();
    let at_the_update = || {
        let mut body = replay(&history);
        body.command(activity("first")).unwrap();
        body
    };
    let mut refusing = at_the_update();
    refusing.wait_any(&[1]).unwrap();
    assert!(refusing.refuse_update(Failure::new("no", "no")).is_err());
    assert_eq!(refusing.divergence().map(|found| found.event), Some(2));
    let mut passing = at_the_update();
    assert!(passing.command(activity("second")).is_err());
    assert_eq!(passing.divergence().map(|found| found.event), Some(2));
    let mut waiting = at_the_update();
    assert!(waiting.wait(1).is_err());
}

#[test]
fn an_update_that_is_refused_leaves_no_trace() {
    let mut body = fresh();
    assert!(ask(&mut body, 0, Ask::Update(update("u"))));
    body.wait_any(&[]).unwrap();
    let why = Failure::new("no", "no");
    body.refuse_update(why.clone()).unwrap();
    assert_eq!(body.take_recorded(), []);
    assert_eq!(body.take_answers(), [(0, Answer::Answered(Err(why)))]);
    assert!(body.is_touched() && !body.has_open_updates());
}

#[test]
fn an_update_is_applied_once_in_a_run() {
    let mut body = with_update();
    assert!(body.has_open_updates());
    assert!(!ask(&mut body, 1, Ask::Update(update("u"))));
    body.command(completed("u")).unwrap();
    assert!(body.command(completed("u")).is_err());
    assert!(!ask(&mut body, 2, Ask::Update(update("u"))));
    let expected = [
        (0, Answer::Accepted("u".to_owned())),
        (1, Answer::Pending("u".to_owned())),
        (2, Answer::Applied(3)),
    ];
    assert_eq!(body.take_answers(), expected);
    let mut again = replay(&body.take_recorded());
    assert!(!ask(&mut again, 3, Ask::Update(update("u"))));
    assert_eq!(again.take_answers(), [(3, Answer::Applied(3))]);
}

#[test]
fn code_that_waits_for_one_handle_cannot_be_asked() {
    let mut body = fresh();
    body.command(activity("a")).unwrap();
    assert_eq!(body.wait(1), Ok(None));
    assert!(ask(&mut body, 0, query("q")));
    assert_eq!(body.wait(1), Ok(None));
    assert!(!body.next_ask());
    let answers = body.take_answers();
    let [(0, Answer::Answered(Err(failure)))] = &answers[..] else {
        panic!("{answers:?}");
    };
    assert_eq!((&*failure.code, failure.retryable), ("refused", true));
}

#[test]
fn code_that_has_ended_is_queried_where_its_history_ends() {
    let mut body = fresh();
    assert_eq!(body.next_query(), Ok(None));
    body.finish(&Ok(Payload::new())).unwrap();
    let history = body.take_recorded();
    let mut again = replay(&history);
    again.ask(0, query("q"));
    let asked = again.next_query().unwrap().map(|query| query.name);
    assert_eq!(asked.as_deref(), Some("q"));
    again.answer_query(Ok(Payload::new())).unwrap();
    assert_eq!(again.next_query(), Ok(None));
    let mut longer = replay(&history);
    longer.ask(0, query("q"));
    assert!(longer.command(activity("more")).is_err());
    let mut shorter = replay(&two_steps_and_the_end());
    shorter.ask(0, query("q"));
    assert!(shorter.next_query().is_err());
}

fn two_steps_and_the_end() -> History {
    let mut history = two_steps();
    let completed = Some(EventKind::Completed(Completed {}));
    let next = history.last().map_or(1, |(last, _)| last + 1);
    let event = Event {
        at_ms: 1_000,
        kind: completed,
    };
    history.push((next, event));
    history
}

fn request() -> Arrival {
    Arrival::CancelRequested {
        reason: "enough".to_owned(),
    }
}

#[test]
fn a_request_to_end_comes_once_and_in_its_order() {
    let run = |body: &mut Machine| {
        body.command(activity("a")).unwrap();
        body.command(activity("b")).unwrap();
    };
    let mut body = fresh();
    run(&mut body);
    assert_eq!(wait(&mut body, &[1, 2]), None);
    assert!(body.arrive(result_of(2, "b")));
    assert!(body.arrive(request()));
    assert!(body.arrive(result_of(1, "a")));
    assert!(!body.arrive(request()));
    let story = |body: &mut Machine| {
        assert_eq!(wait(body, &[2]), got(2, "b"));
        assert_eq!(wait(body, &[1]), got(0, "enough"));
        assert_eq!(wait(body, &[1]), got(1, "a"));
    };
    story(&mut body);
    let mut again = replay(&body.take_recorded());
    run(&mut again);
    story(&mut again);
}

#[test]
fn code_that_is_told_nothing_else_gets_a_request_to_end_as_a_failure() {
    let mut body = fresh();
    body.command(activity("a")).unwrap();
    assert_eq!(body.wait(1), Ok(None));
    assert!(body.arrive(request()));
    let failure = body.wait(1).unwrap().unwrap().unwrap_err();
    assert_eq!(failure.code, "cancelled");
    assert!(body.arrive(result_of(1, "a")));
    assert_eq!(body.wait(1), Ok(Some(Ok(b"a".to_vec()))));
}

#[test]
fn what_was_not_taken_goes_over_to_the_next_run_in_its_order() {
    let mut body = fresh();
    body.command(event("a")).unwrap();
    assert_eq!(wait(&mut body, &[1]), None);
    assert!(body.arrive(raised("A", "1")));
    assert!(body.arrive(raised("b", "2")));
    assert!(body.arrive(request()));
    assert!(body.arrive(raised("a", "3")));
    assert_eq!(wait(&mut body, &[1]), got(1, "1"));
    let next = Command::ContinueAsNew {
        input: b"4".to_vec(),
    };
    assert_eq!(body.command(next), Ok(0));
    assert_eq!(body.command(Command::Cancel { handle: 1 }), Ok(0));
    assert!(body.command(activity("late")).is_err());
    assert_eq!(body.finish(&Ok(Vec::new())), Ok(()));
    assert_eq!(body.continues(), Some(&b"4".to_vec()));
    let left: Vec<_> = body.carry_over().iter().map(describe).collect();
    assert_eq!(left, ["event b", "a request to end", "event a"]);
}

#[test]
fn code_that_comes_first_goes_the_new_way_and_history_says_so_once() {
    let mut body = fresh();
    assert_eq!(body.patched("p"), Ok(true));
    assert_eq!(body.patched("p"), Ok(true));
    body.command(activity("new")).unwrap();
    let history = body.take_recorded();
    assert_eq!(history.len(), 2);
    let mut again = replay(&history);
    assert_eq!(again.patched("p"), Ok(true));
    again.command(activity("new")).unwrap();
    assert_eq!((again.take_recorded(), again.divergence()), (vec![], None));
}

#[test]
fn an_old_history_keeps_the_old_way_also_where_it_has_not_been() {
    let mut body = replay(&two_steps());
    assert_eq!(body.patched("p"), Ok(false));
    body.command(activity("first")).unwrap();
    assert_eq!(wait(&mut body, &[1]), got(1, "a"));
    body.command(activity("second")).unwrap();
    assert_eq!(wait(&mut body, &[2]), None);
    assert_eq!(body.patched("p"), Ok(false));
    assert_eq!(body.patched("later"), Ok(true));
    assert_eq!(body.take_recorded().len(), 1);
}

#[test]
fn a_history_of_the_new_way_agrees_with_code_that_does_not_ask_any_more_and_not_with_the_old_code()
{
    let mut body = fresh();
    body.patched("p").unwrap();
    body.command(activity("new")).unwrap();
    assert_eq!(wait(&mut body, &[1]), None);
    let history = body.take_recorded();
    let mut newer = replay(&history);
    newer.command(activity("new")).unwrap();
    assert_eq!(wait(&mut newer, &[1]), None);
    assert_eq!(newer.divergence(), None);
    let mut older = replay(&history);
    assert!(older.command(activity("old")).is_err());
    assert_eq!(older.divergence().map(|found| found.event), Some(2));
}

#[test]
fn a_value_is_recorded_once_and_every_replay_is_given_it() {
    let mut body = fresh();
    assert_eq!(body.recorded_value(), Ok(None));
    let value = b"7".to_vec();
    let record = Command::RecordValue {
        value: value.clone(),
    };
    assert_eq!(body.command(record), Ok(0));
    body.command(activity("a")).unwrap();
    let history = body.take_recorded();
    let mut again = replay(&history);
    assert_eq!(again.recorded_value(), Ok(Some(value)));
    assert_eq!(again.command(activity("a")), Ok(1));
    let mut without = replay(&history);
    assert!(without.command(activity("a")).is_err());
    let mut elsewhere = replay(&two_steps());
    assert!(elsewhere.recorded_value().is_err());
    assert_eq!(elsewhere.divergence().map(|found| found.event), Some(1));
}

#[test]
fn only_what_is_said_behind_the_history_is_news() {
    let mut body = replay(&two_steps());
    body.set_status(b"1".to_vec()).unwrap();
    assert_eq!(body.take_status(), None);
    let mut body = fresh();
    body.set_status(b"1".to_vec()).unwrap();
    body.set_status(b"2".to_vec()).unwrap();
    assert_eq!(body.take_status(), Some(b"2".to_vec()));
    assert_eq!(body.take_status(), None);
}

#[test]
fn what_code_is_found_by_is_what_it_has_said_of_each_name_last_also_in_a_replay() {
    let mut body = replay(&two_steps());
    let names = |body: &Machine| {
        let attributes = body.attributes().iter();
        attributes
            .map(|one| one.name.clone())
            .collect::<Vec<_>>()
            .join(" ")
    };
    let mut set = |name: &str, value| {
        let value = Option::map(value, AttributeValue::Bool);
        body.set_attribute(name.to_owned(), value).unwrap();
        names(&body)
    };
    assert_eq!(set("b", Some(true)), "b");
    assert_eq!(set("a", Some(true)), "a b");
    assert_eq!(set("b", Some(false)), "a b");
    assert_eq!(set("a", None), "b");
    assert_eq!(set("a", None), "b");
    assert_eq!(
        (body.attributes_with("b"), body.attributes_with("c")),
        (1, 2)
    );
}

#[test]
fn a_query_neither_records_nor_says_anything() {
    let mut body = fresh();
    body.patched("known").unwrap();
    assert!(ask(&mut body, 0, query("q")));
    body.wait_any(&[]).unwrap();
    assert_eq!(body.patched("known"), Ok(true));
    assert!(body.patched("new").is_err());
    assert!(body.set_status(Payload::new()).is_err());
    assert!(body.set_attribute("a".to_owned(), None).is_err());
    assert!(body.recorded_value().is_err());
}
