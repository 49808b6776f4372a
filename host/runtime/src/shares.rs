//! Processor time: every task that runs guests' code runs here, and each poll of it is charged to its tenant.
//!
//! Owns who runs next where more want to than there are processors. There are two lanes. Most tasks run in
//! the short one, on the threads that also serve the network. A tenant's tasks that compute for long run in
//! the long one, on threads of low priority, so that they take what the others leave, and all of it where
//! the others leave all. As long as one tenant is alone in a lane, its tasks run as they come. Where there
//! are several, a few tasks at a time have a place in the lane, and the next place goes to the tenant that
//! has had the least time by its weight. Knows nothing of what the tasks do.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use tokio::runtime::Handle;

use crate::locks::lock;

/// A tenant's weight where nothing is said of it.
pub(crate) const USUAL_WEIGHT: u32 = 100;
/// Tasks that have a place in the short lane, for each processor: one that runs, and one that is next.
const SHORT_PLACES: usize = 2;
/// A poll that takes longer computes for long: the lane's other tasks wait for it.
const LONG_FROM: Duration = Duration::from_millis(1);
/// How much of a tenant's time is remembered to tell whether its tasks compute for long.
const REMEMBERED: Duration = Duration::from_millis(200);
/// A tenant is one of long tasks where long polls take more than one part in so many of its time.
const LONG_SHARE: u64 = 4;
/// For how long a tenant is measured exactly that seemed to compute for long.
const SUSPECT_FOR: Duration = Duration::from_secs(1);
/// For how long tenants that were met in a lane have to share it.
const SHARED_FOR: Duration = Duration::from_secs(10);
/// How much earlier than all others a tenant may be that has not wanted a place lately.
const CREDIT: Duration = Duration::from_millis(1);
/// Threads of the long lane get about a tenth of a processor that others want, too.
const LOW_PRIORITY: i32 = 10;

/// The work of one task.
type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The two lanes.
pub(crate) struct Shares {
    short: Lane,
    long: Lane,
    since: Instant,
}

/// What one tenant has had.
pub(crate) struct Account {
    id: u64,
    weight: AtomicU32,
    used: AtomicU64,
    /// Of the time that is remembered: all, and what was taken by long polls, in nanoseconds.
    recent: AtomicU64,
    recent_long: AtomicU64,
    /// Until when its polls are measured exactly, in nanoseconds since the start.
    suspect_until: AtomicU64,
    /// What it has had in each lane by its weight, in nanoseconds.
    short: AtomicU64,
    long: AtomicU64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    Short,
    Long,
}

struct Lane {
    which: Which,
    threads: Handle,
    /// Who ran here last.
    last: AtomicU64,
    /// Until when several tenants share it, in nanoseconds since the start.
    shared_until: AtomicU64,
    queue: Mutex<Queue>,
}

/// Who waits for a place in a lane.
struct Queue {
    free: usize,
    /// The tenants that wait, by the time that they had had when they were last looked at.
    order: BTreeSet<(u64, u64)>,
    waiting: HashMap<u64, Waiting>,
    /// The time that the tenant had had which got the last place.
    floor: u64,
}

struct Waiting {
    account: Arc<Account>,
    tickets: VecDeque<Arc<Ticket>>,
}

/// A task's place in the queue.
struct Ticket {
    granted: AtomicBool,
    given_up: AtomicBool,
    waker: Waker,
}

/// A place in a lane, given back when it is dropped.
struct Place<'a>(&'a Lane);

/// Measures one poll.
enum Meter {
    /// Nearly free; what interrupts the thread is measured with it.
    Clock(Instant),
    /// The thread's own time, which costs a call of the kernel.
    Thread(Duration),
}

/// What one poll took.
#[derive(Clone, Copy)]
enum Took {
    /// At most that.
    AtMost(Duration),
    Exactly(Duration),
}

/// A task: it is in one lane or the other.
struct Task {
    shares: Arc<Shares>,
    account: Arc<Account>,
    lane: Which,
    ticket: Option<Arc<Ticket>>,
    /// None once it has ended or is in the other lane.
    work: Option<Work>,
}

/// Makes the calling thread one of low priority; what does not work changes only who goes first.
pub(crate) fn lower_priority() {
    if let Err(error) = rustix::process::nice(LOW_PRIORITY) {
        tracing::warn!(%error, "a thread for long computations has the usual priority");
    }
}

impl Account {
    /// A tenant that has had nothing yet. No other one has this `id`.
    pub(crate) fn new(id: u64) -> Account {
        Account {
            id,
            weight: AtomicU32::new(USUAL_WEIGHT),
            used: AtomicU64::new(0),
            recent: AtomicU64::new(0),
            recent_long: AtomicU64::new(0),
            suspect_until: AtomicU64::new(0),
            short: AtomicU64::new(0),
            long: AtomicU64::new(0),
        }
    }

    /// From now on its time counts by this weight: twice the weight, half as much.
    pub(crate) fn weigh(&self, weight: u32) {
        self.weight.store(weight.max(1), Ordering::Relaxed);
    }

    /// The processor time that its tasks have had since the host was started.
    pub(crate) fn used(&self) -> Duration {
        Duration::from_nanos(self.used.load(Ordering::Relaxed))
    }

    fn had(&self, lane: Which) -> &AtomicU64 {
        match lane {
            Which::Short => &self.short,
            Which::Long => &self.long,
        }
    }

    /// Whether its polls are to be measured exactly: in the short lane most are so short that this would
    /// cost more than it tells.
    fn is_suspect(&self, now: u64) -> bool {
        now < self.suspect_until.load(Ordering::Relaxed)
    }

    fn charge(&self, lane: Which, took: Took, now: u64) {
        let nanos = match took {
            Took::AtMost(time) if time >= LONG_FROM => {
                // It computed for long, or its thread was interrupted: the next ones will tell.
                let until = now.saturating_add(self::nanos(SUSPECT_FOR));
                self.suspect_until.store(until, Ordering::Relaxed);
                self::nanos(LONG_FROM)
            }
            Took::AtMost(time) => self::nanos(time),
            Took::Exactly(time) => {
                if time >= LONG_FROM {
                    self.recent_long
                        .fetch_add(self::nanos(time), Ordering::Relaxed);
                }
                self::nanos(time)
            }
        };
        self.used.fetch_add(nanos, Ordering::Relaxed);
        let weight = u64::from(self.weight.load(Ordering::Relaxed));
        let weighed = nanos.saturating_mul(u64::from(USUAL_WEIGHT)) / weight;
        self.had(lane).fetch_add(weighed, Ordering::Relaxed);
        self.forget_old(self.recent.fetch_add(nanos, Ordering::Relaxed) + nanos);
    }

    fn forget_old(&self, recent: u64) {
        if recent > nanos(REMEMBERED) {
            // Who comes in between is forgotten, too, which is about right all the same.
            self.recent.store(recent / 2, Ordering::Relaxed);
            let long = self.recent_long.load(Ordering::Relaxed);
            self.recent_long.store(long / 2, Ordering::Relaxed);
        }
    }

    /// The lane where its tasks belong.
    fn lane(&self) -> Which {
        let long = self.recent_long.load(Ordering::Relaxed);
        if long * LONG_SHARE > self.recent.load(Ordering::Relaxed) {
            Which::Long
        } else {
            Which::Short
        }
    }
}

impl Shares {
    /// `short` are the threads that serve everything, `long` those of low priority; there are so many
    /// `processors` for each.
    pub(crate) fn new(short: Handle, long: Handle, processors: usize) -> Shares {
        Shares {
            short: Lane::new(Which::Short, short, SHORT_PLACES * processors),
            long: Lane::new(Which::Long, long, processors),
            since: Instant::now(),
        }
    }

    /// Runs a tenant's work to its end.
    pub(crate) fn spawn(
        self: &Arc<Self>,
        account: &Arc<Account>,
        work: impl Future<Output = ()> + Send + 'static,
    ) {
        let task = Task {
            shares: Arc::clone(self),
            account: Arc::clone(account),
            lane: account.lane(),
            ticket: None,
            work: Some(Box::pin(work)),
        };
        self.run(task);
    }

    fn run(&self, task: Task) {
        self.lane(task.lane).threads.spawn(task);
    }

    fn lane(&self, which: Which) -> &Lane {
        match which {
            Which::Short => &self.short,
            Which::Long => &self.long,
        }
    }
}

impl Lane {
    fn new(which: Which, threads: Handle, places: usize) -> Lane {
        Lane {
            which,
            threads,
            last: AtomicU64::new(u64::MAX),
            shared_until: AtomicU64::new(0),
            queue: Mutex::new(Queue {
                free: places,
                order: BTreeSet::new(),
                waiting: HashMap::new(),
                floor: 0,
            }),
        }
    }

    /// Whether several tenants have been here lately, the one that comes now included.
    fn is_shared(&self, account: &Account, now: u64) -> bool {
        let last = self.last.load(Ordering::Relaxed);
        if last != account.id {
            self.last.store(account.id, Ordering::Relaxed);
            if last != u64::MAX {
                let until = now.saturating_add(nanos(SHARED_FOR));
                self.shared_until.store(until, Ordering::Relaxed);
                return true;
            }
        }
        now < self.shared_until.load(Ordering::Relaxed)
    }

    /// A place at once; else a ticket for the next one.
    fn enter(&self, account: &Arc<Account>, waker: &Waker) -> Option<Arc<Ticket>> {
        let mut queue = lock(&self.queue);
        if queue.free > 0 && queue.order.is_empty() {
            queue.free -= 1;
            let had = account.had(self.which);
            queue.floor = queue.floor.max(had.load(Ordering::Relaxed));
            return None;
        }
        let ticket = Arc::new(Ticket {
            granted: AtomicBool::new(false),
            given_up: AtomicBool::new(false),
            waker: waker.clone(),
        });
        queue.put(account, self.which, Arc::clone(&ticket));
        Some(ticket)
    }

    /// Nobody comes for it any more.
    fn give_up(&self, ticket: &Ticket) {
        // Under the lock, so that it is not granted meanwhile.
        let queue = lock(&self.queue);
        ticket.given_up.store(true, Ordering::Relaxed);
        drop(queue);
        if ticket.granted.load(Ordering::Relaxed) {
            self.leave();
        }
    }

    /// Gives the places that are free to whoever is next.
    fn leave(&self) {
        let mut queue = lock(&self.queue);
        queue.free += 1;
        while queue.free > 0 {
            let Some(ticket) = queue.take(self.which) else {
                return;
            };
            if !ticket.given_up.load(Ordering::Relaxed) {
                queue.free -= 1;
                ticket.granted.store(true, Ordering::Release);
                ticket.waker.wake_by_ref();
            }
        }
    }
}

impl Queue {
    fn put(&mut self, account: &Arc<Account>, lane: Which, ticket: Arc<Ticket>) {
        if let Some(waiting) = self.waiting.get_mut(&account.id) {
            return waiting.tickets.push_back(ticket);
        }
        // What it did not use while it was away is not saved up.
        let earliest = self.floor.saturating_sub(nanos(CREDIT));
        let had = account.had(lane).fetch_max(earliest, Ordering::Relaxed);
        self.order.insert((had.max(earliest), account.id));
        let waiting = Waiting {
            account: Arc::clone(account),
            tickets: VecDeque::from([ticket]),
        };
        self.waiting.insert(account.id, waiting);
    }

    /// The first ticket of the tenant that has had the least.
    fn take(&mut self, lane: Which) -> Option<Arc<Ticket>> {
        loop {
            let (seen, id) = self.order.pop_first()?;
            let waiting = self.waiting.get_mut(&id)?;
            let had = waiting.account.had(lane).load(Ordering::Relaxed);
            // It has had more since it was put there: others may have had less.
            if had > seen && self.order.first().is_some_and(|next| *next < (had, id)) {
                self.order.insert((had, id));
                continue;
            }
            let ticket = waiting.tickets.pop_front();
            if waiting.tickets.is_empty() {
                self.waiting.remove(&id);
            } else {
                self.order.insert((had, id));
            }
            self.floor = self.floor.max(had);
            return ticket;
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.leave();
    }
}

impl Meter {
    fn start(exactly: bool) -> Meter {
        if exactly {
            Meter::Thread(thread_time())
        } else {
            Meter::Clock(Instant::now())
        }
    }

    fn took(self) -> Took {
        match self {
            Meter::Clock(began) => Took::AtMost(began.elapsed()),
            Meter::Thread(began) => Took::Exactly(thread_time().saturating_sub(began)),
        }
    }
}

/// The processor time that this thread has had.
fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let nanos = u64::try_from(time.tv_nsec).unwrap_or_default();
    Duration::from_secs(seconds) + Duration::from_nanos(nanos)
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl Task {
    /// Whether it may run now, and if so, whether it has a place to give back.
    fn enter(&mut self, now: u64, waker: &Waker) -> Option<bool> {
        if let Some(ticket) = &self.ticket {
            if !ticket.granted.load(Ordering::Acquire) {
                return None;
            }
            self.ticket = None;
            return Some(true);
        }
        let lane = self.shares.lane(self.lane);
        if !lane.is_shared(&self.account, now) {
            return Some(false);
        }
        self.ticket = lane.enter(&self.account, waker);
        self.ticket.is_none().then_some(true)
    }

    /// Goes on in the other lane, if it belongs there. One that waits for something is woken once for
    /// nothing, which every future allows.
    fn change_lanes(&mut self) -> bool {
        let lane = self.account.lane();
        if lane == self.lane {
            return false;
        }
        self.shares.run(Task {
            shares: Arc::clone(&self.shares),
            account: Arc::clone(&self.account),
            lane,
            ticket: None,
            work: self.work.take(),
        });
        true
    }
}

impl Future for Task {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let task = self.get_mut();
        let now = nanos(task.shares.since.elapsed());
        let Some(has_place) = task.enter(now, context.waker()) else {
            return Poll::Pending;
        };
        let place = has_place.then(|| Place(task.shares.lane(task.lane)));
        let exactly = task.lane == Which::Long || task.account.is_suspect(now);
        let meter = Meter::start(exactly);
        let polled = match &mut task.work {
            Some(work) => work.as_mut().poll(context),
            None => Poll::Ready(()),
        };
        task.account.charge(task.lane, meter.took(), now);
        drop(place);
        if polled.is_ready() || task.change_lanes() {
            task.work = None;
            return Poll::Ready(());
        }
        Poll::Pending
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.shares.lane(self.lane).give_up(&ticket);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    fn lane(places: usize) -> (tokio::runtime::Runtime, Lane) {
        let threads = tokio::runtime::Builder::new_current_thread().build();
        let threads = threads.unwrap();
        let lane = Lane::new(Which::Short, threads.handle().clone(), places);
        (threads, lane)
    }

    fn accounts<const N: usize>() -> [Arc<Account>; N] {
        std::array::from_fn(|id| Arc::new(Account::new(id as u64)))
    }

    /// Who runs in which order, if each poll takes a millisecond and all tasks are there from the start.
    fn order(lane: &Lane, tasks: &[&Arc<Account>]) -> Vec<u64> {
        let holder = Arc::new(Account::new(99));
        assert!(lane.enter(&holder, Waker::noop()).is_none());
        let enter =
            |account: &&Arc<Account>| (Arc::clone(account), lane.enter(account, Waker::noop()));
        let mut waiting: Vec<_> = tasks.iter().map(enter).collect();
        let mut ran = Vec::new();
        lane.leave();
        while let Some(next) = waiting.iter().position(|(_, ticket)| {
            let ticket = ticket.as_ref().unwrap();
            ticket.granted.load(Ordering::Acquire)
        }) {
            let (account, _) = waiting.remove(next);
            account.charge(Which::Short, Took::Exactly(Duration::from_millis(1)), 0);
            ran.push(account.id);
            lane.leave();
        }
        assert!(waiting.is_empty());
        ran
    }

    #[test]
    fn two_tenants_take_turns_however_many_tasks_one_of_them_has() {
        let (_threads, lane) = lane(1);
        let [many, few] = accounts();
        let tasks = [&many, &many, &many, &many, &many, &many, &few, &few];
        assert_eq!(order(&lane, &tasks), [0, 1, 0, 1, 0, 0, 0, 0]);
    }

    #[test]
    fn twice_the_weight_is_twice_the_time() {
        let (_threads, lane) = lane(1);
        let [heavy, usual] = accounts();
        heavy.weigh(2 * USUAL_WEIGHT);
        let tasks = [
            &heavy, &heavy, &heavy, &heavy, &usual, &usual, &usual, &usual,
        ];
        let ran = order(&lane, &tasks);
        assert_eq!(ran[..6].iter().filter(|id| **id == heavy.id).count(), 4);
    }

    #[test]
    fn a_tenant_that_was_away_is_next_and_has_not_saved_up_time() {
        let (_threads, lane) = lane(1);
        let [busy, sleeper] = accounts();
        order(&lane, &[&busy; 100]);
        let mut tasks = vec![&busy; 10];
        tasks.extend([&sleeper; 10]);
        let ran = order(&lane, &tasks);
        let first = ran.iter().take(10).filter(|id| **id == sleeper.id).count();
        assert!((4..=7).contains(&first), "{ran:?}");
        assert_eq!(
            ran[..2].iter().filter(|id| **id == sleeper.id).count(),
            2,
            "{ran:?}"
        );
    }

    #[test]
    fn a_ticket_that_was_given_up_keeps_nobody_from_a_place() {
        let (_threads, lane) = lane(1);
        let [one] = accounts();
        let enter = || lane.enter(&one, Waker::noop());
        assert!(enter().is_none());
        let (before, granted, after) = (enter().unwrap(), enter().unwrap(), enter().unwrap());
        lane.give_up(&before);
        lane.leave();
        assert!(granted.granted.load(Ordering::Acquire));
        lane.give_up(&granted);
        assert!(after.granted.load(Ordering::Acquire));
    }

    #[test]
    fn a_tenant_that_computes_for_long_leaves_the_short_lane_and_comes_back() {
        let account = Account::new(0);
        let charge = |took| account.charge(Which::Short, Took::Exactly(took), 0);
        (0..1_000).for_each(|_| charge(Duration::from_micros(20)));
        assert!(account.lane() == Which::Short);
        // Short polls in between hide nothing.
        for _ in 0..20 {
            (0..10).for_each(|_| charge(Duration::from_micros(20)));
            charge(Duration::from_millis(9));
        }
        assert!(account.lane() == Which::Long);
        (0..100_000).for_each(|_| charge(Duration::from_micros(20)));
        assert!(account.lane() == Which::Short);
    }

    #[test]
    fn a_poll_that_seems_long_is_believed_only_when_it_is_measured_exactly() {
        let account = Account::new(0);
        let long = Duration::from_millis(9);
        assert!(!account.is_suspect(0));
        account.charge(Which::Short, Took::AtMost(long), 0);
        assert!(account.is_suspect(1) && account.lane() == Which::Short);
        account.charge(Which::Short, Took::Exactly(long), 1);
        assert!(account.lane() == Which::Long);
        assert!(!account.is_suspect(2 * nanos(SUSPECT_FOR)));
    }

    #[test]
    fn tasks_of_two_tenants_run_to_their_end_in_both_lanes() {
        let threads = || {
            tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .build()
        };
        let (short, long) = (threads().unwrap(), threads().unwrap());
        let shares = Arc::new(Shares::new(
            short.handle().clone(),
            long.handle().clone(),
            1,
        ));
        let ended = Arc::new(AtomicUsize::new(0));
        let (done, all_done) = std::sync::mpsc::channel::<()>();
        let accounts: [_; 2] = accounts();
        for round in 0..200_usize {
            let (ended, done) = (Arc::clone(&ended), done.clone());
            shares.spawn(&accounts[round % 2], async move {
                for _ in 0..5 {
                    let until = Instant::now() + Duration::from_micros(50 * (round as u64 % 40));
                    while Instant::now() < until {}
                    tokio::task::yield_now().await;
                }
                ended.fetch_add(1, Ordering::Relaxed);
                drop(done);
            });
        }
        drop(done);
        assert!(all_done.recv().is_err());
        assert_eq!(ended.load(Ordering::Relaxed), 200);
        let used = accounts
            .iter()
            .map(|account| account.used())
            .sum::<Duration>();
        assert!(used > Duration::from_millis(200), "{used:?}");
    }
}
