//! Monitor: a workflow that checks something for ever and tells when it changes.
//!
//! Shows continuing as new: each run makes some checks and hands what it knows to the next, so that the history
//! stays short however long it goes on. What arrives in between, such as the event that ends it, is not lost.
//! Who wants to know of changes subscribes to a topic, of its own or of the host's. A site that seems down is looked
//! at twice, which monitors did not do that were begun before that was so.

use guest_sdk::prelude::*;
use guest_sdk::rand::RngExt;

/// What is watched. It stands for the outside world here, so that one can turn it off.
#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Site {
    down: bool,
}

/// Is up or down.
#[actor]
impl Site {
    #[method]
    fn set_up(&mut self, up: bool) {
        self.down = !up;
    }

    #[method(read_only)]
    fn is_up(&self) -> bool {
        !self.down
    }
}

/// What to watch, how often, and what is known so far.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
struct Watch {
    site: String,
    every_ms: u64,
    /// Ends after so many checks; without it, at the event `stop`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    checks_max: Option<u64>,
    /// Checks of one run; then it continues as new.
    #[serde(default = "a_hundred")]
    checks_per_run: u64,
    #[serde(default)]
    known: Known,
}

fn a_hundred() -> u64 {
    100
}

#[derive(Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Known {
    checks: u64,
    failed: u64,
    /// As of the last check; unknown before the first.
    up: Option<bool>,
}

/// What is published when the site goes down or comes up.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
struct Change {
    site: String,
    up: bool,
    check: u64,
}

/// What has changed, and which monitors have ended.
#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Board {
    changes: Vec<Change>,
    ended: Vec<String>,
}

/// Shows what was published.
#[actor]
impl Board {
    /// Shows changes of a site from now on, and when monitors end.
    #[method]
    fn follow(&self, ctx: &ActorContext, site: String) {
        ctx.subscribe(topic_of(&site), "Note");
        ctx.subscribe(topic::of_workflow("monitor"), "NoteEnd");
    }

    #[method]
    fn note(&mut self, change: Change) {
        self.changes.push(change);
    }

    #[method]
    fn note_end(&mut self, event: WorkflowEvent) {
        if event.stage != WorkflowStage::Started {
            self.ended.push(event.id);
        }
    }

    #[method]
    fn show(&self) -> Vec<Change> {
        self.changes.clone()
    }

    #[method]
    fn ended(&self) -> Vec<String> {
        self.ended.clone()
    }
}

fn topic_of(site: &str) -> String {
    format!("changes/{site}")
}

/// Checks a site until it is told to stop, and returns what it knows then.
#[workflow]
async fn monitor(ctx: WorkflowContext, mut watch: Watch) -> Result<Known, Failure> {
    let mut stop = ctx.event::<()>("stop").schedule();
    // Of monitors that were begun together, not all are to check at once.
    let every_ms = watch.every_ms + ctx.rng().random_range(0..=watch.every_ms / 10);
    for _ in 0..watch.checks_per_run {
        check_once(&ctx, &mut watch).await?;
        let enough = |max| watch.known.checks >= max;
        if watch.checks_max.is_some_and(enough) {
            return Ok(watch.known);
        }
        let pause = ctx.sleep(Duration::from_millis(every_ms));
        if let Either::Left(_) = select(&mut stop, pause).await {
            return Ok(watch.known);
        }
        if ctx.continue_as_new_suggested() {
            break;
        }
    }
    ctx.continue_as_new(monitor, watch)
}

async fn check_once(ctx: &WorkflowContext, watch: &mut Watch) -> Result<(), Failure> {
    let mut up = ctx.activity(check, watch.site.clone()).await?;
    if !up && ctx.patched("look-twice") {
        up = ctx.activity(check, watch.site.clone()).await?;
    }
    let Watch { site, known, .. } = watch;
    known.checks += 1;
    known.failed += u64::from(!up);
    if known.up.replace(up) != Some(up) {
        let change = Change {
            site: site.clone(),
            up,
            check: known.checks,
        };
        ctx.publish(topic_of(site), &change);
    }
    Ok(())
}

/// Looks whether a site is up.
#[activity(timeout = "5s")]
fn check(ctx: &ActivityContext, site: String) -> Result<bool, Failure> {
    ctx.actor::<Site>(site).is_up()
}

guest_sdk::export! {
    workflows: [monitor],
    actors: [Site, Board],
    activities: [check],
    example: monitor, "monitor-{site}", Watch {
        site: "example.com".to_owned(),
        every_ms: 10,
        checks_max: Some(25),
        checks_per_run: 10,
        known: Known::default(),
    },
}
