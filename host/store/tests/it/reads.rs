//! What lists and look-ups return: page by page, in order, of one owner.

use std::collections::BTreeMap;

use host_base::{Digest, Timestamp};
use host_store::records::{Delayed, Deployment, Reminder, Reply, Task};
use host_store::{ReadError, Reader, StateValue, TaskKey, TimerKey, TimerOf, WorkflowFilter};
use proptest::prelude::*;

use super::*;

fn task_key(id: &str, handle: u32) -> TaskKey {
    let workflow = workflow(id);
    TaskKey {
        workflow,
        run: 1,
        handle,
    }
}

fn timer_key(due: u64, id: &str) -> TimerKey {
    let (due, workflow) = (Timestamp(due), workflow(id));
    let of = TimerOf::Workflow {
        workflow,
        run: 1,
        handle: 2,
    };
    TimerKey { due, of }
}

/// All things of a list, read in pages of `limit`.
fn pages<T: Clone>(
    limit: usize,
    page: impl Fn(Option<&T>, usize) -> Result<Vec<T>, ReadError>,
) -> Vec<T> {
    let mut all: Vec<T> = Vec::new();
    loop {
        let next = page(all.last(), limit).unwrap();
        assert!(next.len() <= limit);
        if next.is_empty() {
            return all;
        }
        all.extend(next);
    }
}

#[test]
fn what_was_never_written_is_not_there() {
    let reader = &Scratch::new().reader.clone();
    let digest = Digest::of(b"");
    assert_eq!(reader.instance(&workflow("w")).unwrap(), None);
    assert_eq!(reader.event(&workflow("w"), 1, 0).unwrap(), None);
    assert_eq!(reader.state(&actor("a", "b"), "").unwrap(), None);
    assert_eq!(reader.reply(&tenant("t"), &digest).unwrap(), None);
    assert_eq!(reader.component(&digest).unwrap(), None);
    assert_eq!(reader.inbox(&to_workflow("w"), None, 9).unwrap(), []);
    assert_eq!(reader.entities_with_mail(None, 9).unwrap(), []);
    assert_eq!(
        reader
            .workflows_with_status(Status::Running, None, 9)
            .unwrap(),
        []
    );
    assert_eq!(reader.tenants().unwrap(), []);
}

#[test]
fn a_history_is_that_of_one_run_of_one_workflow() {
    let scratch = Scratch::new();
    scratch.commit(|batch| {
        for n in 0..5 {
            batch.put_event(&workflow("w"), 1, n, &event(n));
            batch.put_event(&workflow("w"), 2, n, &event(100 + n));
            batch.put_event(&workflow("ww"), 1, n, &event(200 + n));
            batch.put_event(&workflow_of("tt", "w"), 1, n, &event(300 + n));
        }
    });
    let history = |run, from, limit| scratch.reader.history(&workflow("w"), run, from, limit);
    assert_eq!(history(1, 3, 9).unwrap(), [(3, event(3)), (4, event(4))]);
    assert_eq!(history(2, 0, 1).unwrap(), [(0, event(100))]);
    assert_eq!(history(1, 5, 9).unwrap(), []);
    assert_eq!(history(1, 0, 0).unwrap(), []);
}

#[test]
fn an_inbox_is_read_from_its_oldest_message_on() {
    let scratch = Scratch::new();
    let to = to_workflow("w");
    scratch.commit(|batch| {
        for n in [0, 1, 300, u64::MAX] {
            batch.put_mail(&to, n, &mail(&n.to_string()));
        }
        batch.put_mail(&to_workflow("w "), 0, &mail("other"));
        batch.delete_mail(&to, 0);
    });
    let numbers = pages(1, |last: Option<&u64>, limit| {
        let mails = scratch.reader.inbox(&to, last.copied(), limit)?;
        Ok(mails.into_iter().map(|(number, _)| number).collect())
    });
    assert_eq!(numbers, [1, 300, u64::MAX]);
    assert_eq!(
        scratch.reader.inbox(&to, Some(1), 1).unwrap(),
        [(300, mail("300"))]
    );
}

#[test]
fn each_entity_with_mail_is_named_once_and_only_as_long_as_it_has_any() {
    let scratch = Scratch::new();
    let other = Entity::Workflow(workflow_of("a", "z"));
    let entities = [
        other,
        to_workflow("w"),
        to_workflow("ww"),
        Entity::Actor(actor("counter", "a")),
    ];
    scratch.commit(|batch| {
        for (entity, number) in entities.iter().flat_map(|to| (0..20).map(move |n| (to, n))) {
            batch.put_mail(entity, number, &mail("m"));
        }
        batch.put_mail(&to_workflow("done"), 0, &mail("m"));
        batch.delete_mail(&to_workflow("done"), 0);
    });
    let found = pages(2, |last, limit| {
        scratch.reader.entities_with_mail(last, limit)
    });
    assert_eq!(found, entities);
}

#[test]
fn an_actors_state_is_its_own_and_sorted_by_key() {
    let scratch = Scratch::new();
    let one = actor("counter", "a");
    scratch.commit(|batch| {
        for key in ["b", "", "a\0b", "a", "gone"] {
            batch.put_state(&one, key, key.as_bytes().to_vec().into());
        }
        batch.delete_state(&one, "gone");
        batch.put_state(&actor("counter", "aa"), "x", StateValue::default());
    });
    let row = |key: &str| (key.to_owned(), StateValue::from(key.as_bytes().to_vec()));
    let found = |prefix: &str| {
        pages(3, |last: Option<&(String, StateValue)>, limit| {
            let after = last.map(|(key, _)| key.as_str());
            scratch.reader.state_keys(&one, prefix, after, limit)
        })
    };
    assert_eq!(found(""), ["", "a", "a\0b", "b"].map(row));
    assert_eq!(found("a"), ["a", "a\0b"].map(row));
}

#[test]
fn actors_with_state_are_listed_by_type_and_id() {
    let scratch = Scratch::new();
    let all = [
        actor("a", "1"),
        actor("a", "2"),
        actor("aa", "1"),
        actor("b", "1"),
    ];
    scratch.commit(|batch| {
        for (actor, key) in all
            .iter()
            .flat_map(|actor| ["x", "y"].map(|key| (actor, key)))
        {
            batch.put_state(actor, key, b"1".to_vec().into());
        }
        let foreign = ActorKey::new(tenant("u"), "a", "9").unwrap();
        batch.put_state(&foreign, "x", b"1".to_vec().into());
    });
    let actors = |of_type: Option<&str>| {
        pages(1, |last, limit| {
            scratch.reader.actors(&tenant("t"), of_type, last, limit)
        })
    };
    assert_eq!(actors(None), all);
    assert_eq!(actors(Some("a")), all[..2]);
    assert_eq!(actors(Some("c")), []);
}

#[test]
fn tasks_are_listed_for_all_and_for_one_run() {
    let scratch = Scratch::new();
    let task = |event| Task {
        event,
        ..Task::default()
    };
    scratch.commit(|batch| {
        for (place, id) in ["a", "b"].into_iter().enumerate() {
            batch.put_task(&task_key(id, 1), &task(place as u64));
            batch.put_task(&task_key(id, 2), &task(10));
        }
        batch.delete_task(&task_key("a", 2));
    });
    let found = pages(2, |last: Option<&(TaskKey, Task)>, limit| {
        scratch.reader.tasks(last.map(|(key, _)| key), limit)
    });
    let keys: Vec<_> = found.into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, [task_key("a", 1), task_key("b", 1), task_key("b", 2)]);
    let of_a = scratch.reader.tasks_of(&workflow("a"), 1).unwrap();
    assert_eq!(of_a, [(task_key("a", 1), task(0))]);
    assert_eq!(scratch.reader.tasks_of(&workflow("a"), 2).unwrap(), []);
}

#[test]
fn timers_come_in_the_order_in_which_they_are_due() {
    let scratch = Scratch::new();
    let due = [5, 300, 70_000, u64::MAX];
    scratch.commit(|batch| {
        due.iter()
            .rev()
            .for_each(|due| batch.put_timer(&timer_key(*due, "w")));
        batch.put_timer(&timer_key(1, "w"));
        batch.delete_timer(&timer_key(1, "w"));
    });
    let until = |until: u64| -> Vec<u64> {
        let timers = pages(1, |last, limit| {
            scratch.reader.timers(last, Timestamp(until), limit)
        });
        timers.into_iter().map(|timer| timer.due.0).collect()
    };
    assert_eq!(until(4), [0_u64; 0]);
    assert_eq!(until(300), due[..2]);
    assert_eq!(until(u64::MAX), due);
    let beyond = timer_key(301, "w");
    let none = scratch.reader.timers(Some(&beyond), Timestamp(300), 9);
    assert_eq!(none.unwrap(), []);
}

#[test]
fn replies_deployments_and_components_come_back_as_they_were() {
    let scratch = Scratch::new();
    let (key, other) = (Digest([0xff; 32]), Digest([0; 32]));
    let reply = Reply {
        outcome: None,
        expires_ms: 9,
        ..Reply::default()
    };
    let deployment = Deployment {
        file: "a.wasm".to_owned(),
        ..Deployment::default()
    };
    let component = vec![7; 100_000];
    scratch.commit(|batch| {
        batch.put_reply(&tenant("t"), &key, &reply);
        batch.put_reply(&tenant("t"), &other, &reply);
        batch.put_reply(&tenant("u"), &other, &reply);
        batch.delete_reply(&tenant("t"), &other);
        batch.put_deployment(&tenant("t"), "orders", &deployment);
        batch.put_deployment(&tenant("t"), "mail", &deployment);
        batch.put_deployment(&tenant("tt"), "mail", &deployment);
        batch.put_component(&key, &component);
    });
    let reader = &scratch.reader;
    assert_eq!(
        reader.reply(&tenant("t"), &key).unwrap().as_ref(),
        Some(&reply)
    );
    let replies = pages(1, |last: Option<&(_, _, _)>, limit| {
        reader.replies(
            last.map(|(tenant, key, _): &(TenantId, Digest, Reply)| (tenant.clone(), *key)),
            limit,
        )
    });
    let expected = [
        (tenant("t"), key, reply.clone()),
        (tenant("u"), other, reply),
    ];
    assert_eq!(replies, expected);
    let plugins = ["mail", "orders"].map(|name| (name.to_owned(), deployment.clone()));
    assert_eq!(reader.deployments(&tenant("t")).unwrap(), plugins);
    assert_eq!(reader.tenants().unwrap(), [tenant("t"), tenant("tt")]);
    assert_eq!(reader.component(&key).unwrap(), Some(component));
}

type Model = BTreeMap<WorkflowKey, Instance>;

/// Compares every list of workflows with the same list made from the model.
fn check_lists(reader: &Reader, model: &Model, limit: usize) {
    let names = [None, Some("a".to_owned()), Some("b".to_owned())];
    for name in names {
        for status in [
            None,
            Some(Status::Pending),
            Some(Status::Running),
            Some(Status::Failed),
        ] {
            let name = name.clone();
            check_list(reader, model, limit, &WorkflowFilter { status, name });
        }
    }
    for status in [Status::Pending, Status::Running, Status::Failed] {
        let expected = model
            .iter()
            .filter(|(_, instance)| instance.status() == status);
        let expected: Vec<_> = expected.map(|(key, _)| key.clone()).collect();
        let found = pages(limit, |last, limit| {
            reader.workflows_with_status(status, last, limit)
        });
        assert_eq!(found, expected);
    }
    let statuses = [Status::Pending, Status::Running];
    for tenant in [tenant("t"), tenant("u")] {
        let fits = |(key, instance): &(&WorkflowKey, &Instance)| {
            key.tenant == tenant && statuses.contains(&instance.status())
        };
        let found = reader.some_with_status(&tenant, &statuses, limit);
        let expected = model.iter().filter(fits).count().min(limit);
        assert_eq!(found.unwrap().len(), expected);
    }
}

fn check_list(reader: &Reader, model: &Model, limit: usize, filter: &WorkflowFilter) {
    let fits = |instance: &Instance| {
        filter
            .status
            .is_none_or(|status| instance.status() == status)
            && filter
                .name
                .as_ref()
                .is_none_or(|name| instance.name == *name)
    };
    for owner in [tenant("t"), tenant("tt")] {
        let expected = model
            .iter()
            .filter(|(key, it)| key.tenant == owner && fits(it));
        let expected: Vec<_> = expected
            .map(|(key, it)| (key.clone(), it.clone()))
            .collect();
        let found = pages(limit, |last: Option<&(WorkflowKey, Instance)>, limit| {
            let after = last.map(|(key, _)| key.id.as_str());
            reader.workflows(&owner, filter, after, limit)
        });
        assert_eq!(found, expected, "{filter:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn lists_of_workflows_say_what_the_instances_say(
        writes in prop::collection::vec(
            ("t|tt", "[xyz]{1,2}", "a|b", prop::sample::select(vec![
                Status::Pending, Status::Running, Status::Failed,
            ])),
            0..40,
        ),
        limit in 1..4_usize,
    ) {
        let scratch = Scratch::new();
        let mut model = Model::new();
        for (owner, id, name, status) in writes {
            let key = workflow_of(&owner, &id);
            let now = instance(&name, status);
            let before = model.insert(key.clone(), now.clone());
            scratch.commit(|batch| batch.put_instance(&key, before.as_ref(), &now));
        }
        check_lists(&scratch.reader, &model, limit);
    }
}

#[test]
fn an_actor_is_deleted_with_all_that_it_owns_and_nobody_elses() {
    let scratch = Scratch::new();
    let (gone, kept) = (actor("a", "b"), actor("a", "bb"));
    scratch.commit(|batch| {
        for one in [&gone, &kept] {
            batch.put_state(one, "k", StateValue::default());
            batch.put_reminder(one, "r", &Reminder::default());
            batch.put_delayed(one, "d", &Delayed::default());
        }
        batch.delete_actor(&gone);
        batch.put_state(&gone, "later", StateValue::default());
    });
    let reader = &scratch.reader;
    let owned = |one: &ActorKey| {
        let state = reader.state_keys(one, "", None, 9).unwrap();
        let keys: Vec<_> = state.into_iter().map(|(key, _)| key).collect();
        let reminders = reader.reminders(one, None, 9).unwrap().len();
        (keys.join(" "), reminders, reader.delayed(one, "d").unwrap())
    };
    assert_eq!(owned(&gone), ("later".to_owned(), 0, None));
    assert_eq!(owned(&kept), ("k".to_owned(), 1, Some(Delayed::default())));
}
