//! Failures and outcomes of [`host_base`] as records, and back.
//!
//! Loses nothing in either direction; knows nothing of where the records lie.

use host_base::failure::Cause;
use host_base::{Failure, Outcome};

use crate::records::{CauseRecord, FailureRecord, OutcomeKind, OutcomeRecord};

impl From<Failure> for FailureRecord {
    fn from(failure: Failure) -> FailureRecord {
        FailureRecord {
            code: failure.code,
            message: failure.message,
            retryable: failure.retryable,
            details: failure.details,
            causes: failure.causes.into_iter().map(CauseRecord::from).collect(),
        }
    }
}

impl From<FailureRecord> for Failure {
    fn from(record: FailureRecord) -> Failure {
        Failure {
            code: record.code,
            message: record.message,
            retryable: record.retryable,
            details: record.details,
            causes: record.causes.into_iter().map(Cause::from).collect(),
        }
    }
}

impl From<Cause> for CauseRecord {
    fn from(Cause { code, message }: Cause) -> CauseRecord {
        CauseRecord { code, message }
    }
}

impl From<CauseRecord> for Cause {
    fn from(CauseRecord { code, message }: CauseRecord) -> Cause {
        Cause { code, message }
    }
}

impl From<Outcome> for OutcomeRecord {
    fn from(outcome: Outcome) -> OutcomeRecord {
        let kind = match outcome {
            Ok(value) => OutcomeKind::Value(value),
            Err(failure) => OutcomeKind::Failure(Box::new(failure.into())),
        };
        OutcomeRecord { kind: Some(kind) }
    }
}

impl From<OutcomeRecord> for Outcome {
    fn from(record: OutcomeRecord) -> Outcome {
        match record.kind {
            Some(OutcomeKind::Value(value)) => Ok(value),
            Some(OutcomeKind::Failure(failure)) => Err((*failure).into()),
            None => Ok(Vec::new()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(outcome: Outcome) {
        let record = OutcomeRecord::from(outcome.clone());
        assert_eq!(Outcome::from(record), outcome);
    }

    #[test]
    fn an_outcome_comes_back_as_it_was() {
        check(Ok(b"{}".to_vec()));
        check(Ok(Vec::new()));
        check(Err(Failure::transient("busy", "try again")));
        let details = Some(b"[1]".to_vec());
        let failure = Failure::new("sold-out", "no more");
        let failure = failure.caused_by(Failure::new("empty", "the shelf is empty"));
        check(Err(Failure { details, ..failure }));
    }

    #[test]
    fn an_outcome_that_says_nothing_is_an_empty_value() {
        assert_eq!(Outcome::from(OutcomeRecord::default()), Ok(Vec::new()));
    }
}
