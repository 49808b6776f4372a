//! Every option of every attribute, and what it comes to.

use guest_sdk::client::Caller;
use guest_sdk::prelude::*;
use guest_sdk::{Activity, Actor, Workflow};

/// All that an activity may say.
#[activity(
    name = "weigh-parcel",
    timeout = "1500ms",
    schedule_to_close = "2h",
    heartbeat_timeout = "3m",
    retry(
        max_attempts = "unlimited",
        first_interval = "20ms",
        coefficient = 3,
        max_interval = "1d",
        jitter = 1.0,
        non_retryable = ["lost", "broken"],
    )
)]
fn weigh() -> u32 {
    250
}

/// What is not said of the retries comes from the default policy.
#[activity(retry(max_attempts = 7, jitter = 0))]
fn pack() {}

#[activity]
fn ship() {}

fn check_activities() {
    let retry = weigh::RETRY.unwrap();
    assert_eq!(weigh::NAME, "weigh-parcel");
    assert_eq!(weigh::DESCRIPTION, "All that an activity may say.");
    assert_eq!(weigh::TIMEOUT, Some(Duration::from_millis(1_500)));
    assert_eq!(weigh::SCHEDULE_TO_CLOSE, Some(Duration::from_hours(2)));
    assert_eq!(weigh::HEARTBEAT_TIMEOUT, Some(Duration::from_mins(3)));
    assert_eq!(retry.max_attempts, u32::MAX);
    assert_eq!(retry.first_interval, Duration::from_millis(20));
    assert_eq!((retry.coefficient, retry.jitter), (3.0, 1.0));
    assert_eq!(retry.max_interval, Duration::from_hours(24));
    assert_eq!(retry.non_retryable, ["lost", "broken"]);
    let some = RetryPolicy {
        max_attempts: 7,
        jitter: 0.0,
        ..RetryPolicy::DEFAULT
    };
    assert_eq!((pack::RETRY, pack::TIMEOUT), (Some(some), None));
    assert_eq!((ship::NAME, ship::RETRY), ("ship", None));
}

const LEFT: Query<(), u32> = Query::new("left");
const BOOK: Update<u32, ()> = Update::new("book");
const CANCEL: Update<u32, ()> = Update::new("cancel");

#[workflow(name = "sell-seats", queries(LEFT), updates(BOOK, CANCEL))]
async fn sell() {}

fn check_workflows() {
    assert_eq!(sell::NAME, "sell-seats");
    let updates: Vec<_> = sell::updates().into_iter().map(|one| one.name).collect();
    assert_eq!((sell::queries().len(), updates), (1, vec!["book".to_owned(), "cancel".to_owned()]));
}

#[derive(Clone, Default, Serialize, Deserialize, JsonSchema)]
struct Door {
    open: bool,
}

/// Opens and shuts.
#[actor(name = "FrontDoor", idle = "90s", reentrant(depth = 4))]
impl Door {
    #[activate]
    fn wake(&mut self) {}

    #[deactivate]
    fn rest(&mut self, ctx: &ActorContext) -> Result<(), Failure> {
        ctx.set("rested", &true)
    }

    #[method(name = "open")]
    fn open_wide(&mut self) {
        self.open = true;
    }

    #[method(read_only)]
    fn is_open(&self) -> bool {
        self.open
    }

    /// A door, and other doors.
    #[method]
    fn copies(&self, _like: Option<Self>) -> Result<(Self, Vec<Self>), Failure> {
        Ok((self.clone(), vec![self.clone()]))
    }
}

#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Hall {}

#[actor(reentrant)]
impl Hall {
    #[method]
    fn itself(&self) -> Self {
        Self {}
    }
}

#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Wall {}

#[actor]
impl Wall {}

fn check_actors() {
    assert_eq!((Door::TYPE, Door::DESCRIPTION), ("FrontDoor", "Opens and shuts."));
    assert_eq!((Door::IDLE, Door::REENTRANCY), (Some(Duration::from_secs(90)), Some(4)));
    assert!(Door::ACTIVATE.is_some() && Door::DEACTIVATE.is_some());
    let methods: Vec<_> = Door::methods().into_iter().map(|one| (one.name, one.read_only)).collect();
    let expected = [("open", false), ("IsOpen", true), ("Copies", false)];
    assert_eq!(methods, expected.map(|(name, reads)| (name.to_owned(), reads)));
    assert_eq!(Hall::REENTRANCY, Some(32));
    assert_eq!((Wall::TYPE, Wall::IDLE, Wall::REENTRANCY), ("Wall", None, None));
    assert!(Wall::ACTIVATE.is_none() && Wall::DEACTIVATE.is_none());
}

/// A client answers with the actor's type where the method says `Self`.
fn doors<C: Caller>(door: &DoorClient<C>, hall: &HallClient<C>) -> (C::Answer<(Door, Vec<Door>)>, C::Answer<Hall>) {
    (door.copies(Some(Door::default())), hall.itself())
}

guest_sdk::export! {
    workflows: [sell],
    actors: [Door, Hall, Wall],
    activities: [weigh, pack, ship],
}

fn main() {
    let _ = doors::<ActorContext>;
    check_activities();
    check_workflows();
    check_actors();
}
