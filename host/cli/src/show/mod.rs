//! How things look, to people and to programs: the trace, reports, histories, tables, progress.
//!
//! Owns every word that is shown of a record; knows nothing of what is done with the runtime.

pub(crate) mod console;
pub(crate) mod history;
pub(crate) mod json;
pub(crate) mod list;
pub(crate) mod progress;
pub(crate) mod report;
pub(crate) mod stall;
pub(crate) mod table;
pub(crate) mod text;
pub(crate) mod time;
pub(crate) mod trace;
pub(crate) mod trial;
