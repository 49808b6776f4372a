//! Streams of server-sent events.
//!
//! Knows their form and nothing of what they tell.

use std::io::{self, BufRead, BufReader, Lines};
use std::time::Duration;

use anyhow::anyhow;
use ureq::BodyReader;
use ureq::http::{Method, StatusCode};

use super::{Asked, Remote, Trouble};

/// After how long without a word, of which a host says one every fifteen seconds, a stream has broken off.
const SILENCE_MAX: Duration = Duration::from_secs(45);

/// An event.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Event {
    /// Its type; empty where nothing is said.
    pub(crate) kind: String,
    /// By what a stream is gone on with behind it; empty where it has none.
    pub(crate) id: String,
    /// What it tells.
    pub(crate) data: String,
}

impl Remote {
    /// Opens a stream behind the last event that was seen. None: there is nothing behind it, and never will be.
    pub(crate) fn stream(
        &self,
        path: &str,
        last_event: Option<&str>,
    ) -> Result<Option<impl Iterator<Item = io::Result<Event>> + use<>>, Trouble> {
        let asked = Asked {
            last_event,
            silence_max: Some(SILENCE_MAX),
            ..Asked::new(Method::GET, path)
        };
        let response = self.respond(&asked)?;
        match response.status() {
            StatusCode::OK => {
                let body: BodyReader<'static> = response.into_body().into_reader();
                Ok(Some(Events(BufReader::new(body).lines())))
            }
            _ => self.read(&asked, response).map(|_| None),
        }
    }

    /// The trouble with a stream that ends before anything was told.
    pub(crate) fn broken_off(&self) -> Trouble {
        let server = self.name();
        Trouble::Unreached(anyhow!("{server} breaks off its stream of events"))
    }
}

/// The events of a stream. One that is not whole when the stream ends is none.
struct Events<R>(Lines<R>);

impl<R: BufRead> Iterator for Events<R> {
    type Item = io::Result<Event>;

    fn next(&mut self) -> Option<io::Result<Event>> {
        let mut event = Event::default();
        loop {
            let line = match self.0.next()? {
                Ok(line) => line,
                Err(error) => return Some(Err(error)),
            };
            if !line.is_empty() {
                event.take(&line);
            } else if !event.data.is_empty() {
                return Some(Ok(event));
            }
        }
    }
}

impl Event {
    /// Lines that begin with a colon are said so that something is said.
    fn take(&mut self, line: &str) {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "event" => value.clone_into(&mut self.kind),
            "id" => value.clone_into(&mut self.id),
            "data" if self.data.is_empty() => value.clone_into(&mut self.data),
            "data" => {
                self.data.push('\n');
                self.data.push_str(value);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(text: &str) -> Vec<Event> {
        let events = Events(text.as_bytes().lines());
        events.map(Result::unwrap).collect()
    }

    fn event(kind: &str, id: &str, data: &str) -> Event {
        let [kind, id, data] = [kind, id, data].map(str::to_owned);
        Event { kind, id, data }
    }

    #[test]
    fn an_event_ends_with_an_empty_line_and_silence_is_none() {
        let text = "id: 1.0\ndata: {\ndata:}\n\n:\n\nevent: rest\ndata: 1\n\nid: 1.1\ndata: cut";
        let expected = [event("", "1.0", "{\n}"), event("rest", "", "1")];
        assert_eq!(events(text), expected);
        assert_eq!(events(":\n\nretry: 3\n\n"), []);
    }
}
