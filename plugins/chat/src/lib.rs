//! Chat: an actor for each user, rooms that are topics, and a workflow that writes down what is said.
//!
//! Shows publish and subscribe: what one user says is part of that user's turn and reaches all others in the
//! room once and in order. Nobody keeps a list of who is there but the host. What was heard expires, what is to be
//! said later is a delayed message, and who types is known to a timer, which nobody minds to lose. Who is invited
//! asks the one who invites, in the middle of that user's turn, what was said so far.

use guest_sdk::prelude::*;

/// Messages that are read at once.
const PAGE: u64 = 20;
/// What was heard is forgotten after so long.
const MEMORY: Duration = Duration::from_hours(30 * 24);

/// One user. What was heard lies under keys of its own, so that a turn writes one message and not all.
#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct User {
    rooms: Vec<String>,
    heard: u64,
    typing: bool,
}

/// What a user says, and where.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
struct Line {
    room: String,
    text: String,
}

/// What a user says later: after a time such as `1h30m`, or at one such as `2030-01-31T12:00:00Z`.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Later {
    when: String,
    line: Line,
}

/// Who is to come to a room; to the one who comes, who has said so.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Invitation {
    room: String,
    user: String,
}

/// What is heard in a room.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Message {
    room: String,
    from: String,
    text: String,
}

/// The topic of a room.
fn topic_of(room: &str) -> String {
    format!("room/{room}")
}

/// Joins rooms, speaks there, and remembers what was said.
#[actor(reentrant(depth = 2), idle = "10m")]
impl User {
    /// A timer is gone when the user has left the memory.
    #[activate]
    fn wake(&mut self) {
        self.typing = false;
    }

    #[deactivate]
    fn doze_off(&mut self, ctx: &ActorContext) {
        ctx.log(format!("{} is away", ctx.id()));
    }

    /// Needs no place in the memory before somebody says something.
    #[method]
    fn log_out(&self, ctx: &ActorContext) {
        ctx.deactivate();
    }

    /// Is forgotten, with all that was heard and all rooms.
    #[method]
    fn close_account(&self, ctx: &ActorContext) {
        ctx.delete_actor();
        ctx.deactivate();
    }

    /// Hears from now on what is said in a room.
    #[method]
    fn join(&mut self, ctx: &ActorContext, room: String) {
        ctx.subscribe(topic_of(&room), "Hear");
        if !self.rooms.contains(&room) {
            self.rooms.push(room);
        }
    }

    /// Hears no more of a room.
    #[method]
    fn leave(&mut self, ctx: &ActorContext, room: String) {
        ctx.unsubscribe(topic_of(&room));
        self.rooms.retain(|joined| *joined != room);
    }

    /// Has somebody else join a room.
    #[method]
    fn invite(&mut self, ctx: &ActorContext, invitation: Invitation) -> Result<(), Failure> {
        let Invitation { room, user } = invitation;
        let guest = ctx.actor::<Self>(user);
        let user = ctx.id().to_owned();
        ctx.reentrant(self, || guest.come(Invitation { room, user }))
    }

    /// Joins a room, and hears of the one who has invited what was said there. That user waits for this one, and
    /// would let nobody else in.
    #[method]
    fn come(&mut self, ctx: &ActorContext, invitation: Invitation) -> Result<(), Failure> {
        let Invitation { room, user } = invitation;
        self.join(ctx, room.clone());
        let said = ctx.actor::<Self>(user).history()?;
        let mut said = said.into_iter().filter(|message| message.room == room);
        said.try_for_each(|message| self.hear(ctx, message))
    }

    /// Says something to all in a room, which a user must have joined.
    #[method]
    fn say(&self, ctx: &ActorContext, line: Line) -> Result<(), Failure> {
        let Line { room, text } = line;
        let from = ctx.id().to_owned();
        if !self.rooms.contains(&room) {
            return Err(failure!("not-there", "{from} is not in room {room}"));
        }
        ctx.publish(topic_of(&room), &Message { room, from, text });
        Ok(())
    }

    /// Says something later; returns by which id that can be taken back.
    #[method]
    fn say_later(&self, ctx: &ActorContext, later: Later) -> Result<MessageId, Failure> {
        let itself = ctx.actor::<Self>(ctx.id());
        itself.later(later.when).say(later.line)
    }

    #[method]
    fn take_back(&self, ctx: &ActorContext, message: MessageId) -> Result<(), Failure> {
        ctx.cancel_message(&message)
    }

    /// Shows for ten seconds that the user types.
    #[method]
    fn start_typing(&mut self, ctx: &ActorContext) -> Result<(), Failure> {
        self.typing = true;
        ctx.timer::<Self>("typing").due("10s").call().stop_typing()
    }

    #[method]
    fn stop_typing(&mut self) {
        self.typing = false;
    }

    /// Remembers what was said in one of the rooms.
    #[method]
    fn hear(&mut self, ctx: &ActorContext, message: Message) -> Result<(), Failure> {
        ctx.set_expiring(&key_of(self.heard), &message, MEMORY)?;
        self.heard += 1;
        Ok(())
    }

    /// The latest of what was heard, in its order.
    #[method]
    fn history(&self, ctx: &ActorContext) -> Result<Vec<Message>, Failure> {
        let latest = self.heard.saturating_sub(PAGE)..self.heard;
        let messages = latest.filter_map(|number| ctx.get(&key_of(number)).transpose());
        messages.collect()
    }
}

fn key_of(number: u64) -> String {
    format!("message/{number}")
}

/// Who meets where, and what each of them says in turn.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Meeting {
    room: String,
    lines: Vec<Speech>,
}

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
struct Speech {
    user: String,
    text: String,
}

/// Has users meet in a room, and returns what was heard there. It listens like everybody else.
#[workflow]
async fn minutes(ctx: WorkflowContext, meeting: Meeting) -> Result<Vec<Message>, Failure> {
    let Meeting { room, lines } = meeting;
    ctx.subscribe(topic_of(&room));
    let users = || lines.iter().map(|speech| ctx.actor::<User>(&speech.user));
    try_join_all(users().map(|user| user.join(room.clone()))).await?;
    for Speech { user, text } in lines.clone() {
        let room = room.clone();
        ctx.actor::<User>(user).say(Line { room, text }).await?;
    }
    let mut heard: Vec<Message> = Vec::new();
    while heard.len() < lines.len() {
        heard.push(ctx.event(topic_of(&room)).await?);
    }
    // Nobody needs to say that they have gone.
    for user in users() {
        user.one_way().leave(room.clone());
    }
    Ok(heard)
}

guest_sdk::export! {
    workflows: [minutes],
    actors: [User],
    example: minutes, "minutes-{room}", Meeting {
        room: "kitchen".to_owned(),
        lines: vec![
            Speech { user: "ann".to_owned(), text: "Is there coffee?".to_owned() },
            Speech { user: "bob".to_owned(), text: "In five minutes.".to_owned() },
            Speech { user: "ann".to_owned(), text: "I will wait.".to_owned() },
        ],
    },
}
