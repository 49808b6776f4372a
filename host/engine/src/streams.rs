//! `wasi:io`: standard streams that become log lines, and pollables.
//!
//! Only the three standard streams exist. They are no entries of the resource table, but numbers: an
//! instance that never waits holds nothing.

use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::{
    DynInputStream, DynOutputStream, DynPollable, IoError, Pollable, StreamError, StreamResult,
    subscribe,
};
use wasmtime_wasi_io::bindings::wasi::io::{error, poll, streams};

use crate::guest::{Guest, timed};
use crate::output::Stream;

pub(crate) const STDIN: u32 = 0;
pub(crate) const STDOUT: u32 = 1;
pub(crate) const STDERR: u32 = 2;

/// What a stream takes at once.
const WRITE_BYTES_MAX: u64 = 64 << 10;

fn stream(resource: &Resource<DynOutputStream>) -> StreamResult<Stream> {
    match resource.rep() {
        STDOUT => Ok(Stream::Out),
        STDERR => Ok(Stream::Error),
        other => Err(StreamError::trap(&format!("{other} is no stream"))),
    }
}

impl Guest {
    fn take_output(&mut self, to: &Resource<DynOutputStream>, bytes: &[u8]) -> StreamResult<()> {
        let stream = stream(to)?;
        if bytes.len() as u64 > WRITE_BYTES_MAX {
            return Err(StreamError::trap(
                "more was written than check-write allowed",
            ));
        }
        self.print(stream, bytes);
        Ok(())
    }

    fn take_zeroes(&mut self, to: &Resource<DynOutputStream>, length: u64) -> StreamResult<()> {
        let length = length.min(WRITE_BYTES_MAX + 1);
        let length = usize::try_from(length).expect("WRITE_BYTES_MAX fits");
        self.take_output(to, &vec![0; length])
    }

    /// A pollable of something that never has to be waited for.
    fn ready_at_once(&mut self) -> Result<Resource<DynPollable>> {
        let ready = self.table.push(Ready)?;
        subscribe(&mut self.table, ready)
    }
}

struct Ready;

#[wasmtime_wasi::async_trait]
impl Pollable for Ready {
    async fn ready(&mut self) {}
}

impl error::Host for Guest {}

impl error::HostError for Guest {
    fn to_debug_string(&mut self, error: Resource<IoError>) -> Result<String> {
        error::HostError::to_debug_string(&mut self.table, error)
    }

    fn drop(&mut self, error: Resource<IoError>) -> Result<()> {
        error::HostError::drop(&mut self.table, error)
    }
}

impl poll::Host for Guest {
    async fn poll(&mut self, pollables: Vec<Resource<DynPollable>>) -> Result<Vec<u32>> {
        let ready = poll::Host::poll(&mut self.table, pollables);
        let (ready, waited) = timed(ready).await;
        self.budget.waited(waited);
        ready
    }
}

impl poll::HostPollable for Guest {
    async fn ready(&mut self, pollable: Resource<DynPollable>) -> Result<bool> {
        poll::HostPollable::ready(&mut self.table, pollable).await
    }

    async fn block(&mut self, pollable: Resource<DynPollable>) -> Result<()> {
        let ready = poll::HostPollable::block(&mut self.table, pollable);
        let (ready, waited) = timed(ready).await;
        self.budget.waited(waited);
        ready
    }

    fn drop(&mut self, pollable: Resource<DynPollable>) -> Result<()> {
        poll::HostPollable::drop(&mut self.table, pollable)
    }
}

impl streams::Host for Guest {
    fn convert_stream_error(&mut self, error: StreamError) -> Result<streams::StreamError> {
        streams::Host::convert_stream_error(&mut self.table, error)
    }
}

/// Standard input is at its end.
impl streams::HostInputStream for Guest {
    fn read(&mut self, _stream: Resource<DynInputStream>, _length: u64) -> StreamResult<Vec<u8>> {
        Err(StreamError::Closed)
    }

    async fn blocking_read(
        &mut self,
        _stream: Resource<DynInputStream>,
        _length: u64,
    ) -> StreamResult<Vec<u8>> {
        Err(StreamError::Closed)
    }

    fn skip(&mut self, _stream: Resource<DynInputStream>, _length: u64) -> StreamResult<u64> {
        Err(StreamError::Closed)
    }

    async fn blocking_skip(
        &mut self,
        _stream: Resource<DynInputStream>,
        _length: u64,
    ) -> StreamResult<u64> {
        Err(StreamError::Closed)
    }

    fn subscribe(&mut self, _stream: Resource<DynInputStream>) -> Result<Resource<DynPollable>> {
        self.ready_at_once()
    }

    async fn drop(&mut self, _stream: Resource<DynInputStream>) -> Result<()> {
        Ok(())
    }
}

impl streams::HostOutputStream for Guest {
    fn check_write(&mut self, to: Resource<DynOutputStream>) -> StreamResult<u64> {
        stream(&to).map(|_| WRITE_BYTES_MAX)
    }

    fn write(&mut self, to: Resource<DynOutputStream>, bytes: Vec<u8>) -> StreamResult<()> {
        self.take_output(&to, &bytes)
    }

    async fn blocking_write_and_flush(
        &mut self,
        to: Resource<DynOutputStream>,
        bytes: Vec<u8>,
    ) -> StreamResult<()> {
        self.take_output(&to, &bytes)
    }

    fn flush(&mut self, to: Resource<DynOutputStream>) -> StreamResult<()> {
        stream(&to).map(drop)
    }

    async fn blocking_flush(&mut self, to: Resource<DynOutputStream>) -> StreamResult<()> {
        stream(&to).map(drop)
    }

    fn subscribe(&mut self, _stream: Resource<DynOutputStream>) -> Result<Resource<DynPollable>> {
        self.ready_at_once()
    }

    fn write_zeroes(&mut self, to: Resource<DynOutputStream>, length: u64) -> StreamResult<()> {
        self.take_zeroes(&to, length)
    }

    async fn blocking_write_zeroes_and_flush(
        &mut self,
        to: Resource<DynOutputStream>,
        length: u64,
    ) -> StreamResult<()> {
        self.take_zeroes(&to, length)
    }

    fn splice(
        &mut self,
        _to: Resource<DynOutputStream>,
        _from: Resource<DynInputStream>,
        _length: u64,
    ) -> StreamResult<u64> {
        Err(StreamError::Closed)
    }

    async fn blocking_splice(
        &mut self,
        _to: Resource<DynOutputStream>,
        _from: Resource<DynInputStream>,
        _length: u64,
    ) -> StreamResult<u64> {
        Err(StreamError::Closed)
    }

    async fn drop(&mut self, _stream: Resource<DynOutputStream>) -> Result<()> {
        Ok(())
    }
}
