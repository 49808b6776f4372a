//! Failures, outcomes and search attributes of [`host_base`] as records, and back.
//!
//! Loses nothing in either direction; knows nothing of where the records lie.

use host_base::failure::Cause;
use host_base::{AttributeValue, Attributes, Failure, Outcome};

use crate::records::{
    Attribute, AttributeKind, CauseRecord, FailureRecord, OutcomeKind, OutcomeRecord,
};

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

impl From<AttributeValue> for AttributeKind {
    fn from(value: AttributeValue) -> AttributeKind {
        match value {
            AttributeValue::Text(text) => AttributeKind::Text(text),
            AttributeValue::Number(number) => AttributeKind::Number(number),
            AttributeValue::Bool(truth) => AttributeKind::Bool(truth),
            AttributeValue::Time(millis) => AttributeKind::TimeMs(millis),
        }
    }
}

impl From<AttributeKind> for AttributeValue {
    fn from(kind: AttributeKind) -> AttributeValue {
        match kind {
            AttributeKind::Text(text) => AttributeValue::Text(text),
            AttributeKind::Number(number) => AttributeValue::Number(number),
            AttributeKind::Bool(truth) => AttributeValue::Bool(truth),
            AttributeKind::TimeMs(millis) => AttributeValue::Time(millis),
        }
    }
}

/// Attributes as records, in the order of their names.
pub fn attributes_to_records(attributes: Attributes) -> Vec<Attribute> {
    let attributes = attributes.into_iter();
    let record = |(name, value): (String, AttributeValue)| Attribute {
        name,
        value: Some(value.into()),
    };
    attributes.map(record).collect()
}

/// The attributes that records hold; what a newer host wrote and this one does not know is left out.
pub fn attributes_of_records(records: Vec<Attribute>) -> Attributes {
    let records = records.into_iter();
    let known = |record: Attribute| Some((record.name, record.value?.into()));
    records.filter_map(known).collect()
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
    fn attributes_come_back_as_they_were() {
        let attributes = Attributes::from([
            ("a".to_owned(), AttributeValue::Text(String::new())),
            ("b".to_owned(), AttributeValue::Number(-0.5)),
            ("c".to_owned(), AttributeValue::Bool(false)),
            ("d".to_owned(), AttributeValue::Time(-1)),
        ]);
        let records = attributes_to_records(attributes.clone());
        assert_eq!(attributes_of_records(records), attributes);
    }

    #[test]
    fn an_outcome_that_says_nothing_is_an_empty_value() {
        assert_eq!(Outcome::from(OutcomeRecord::default()), Ok(Vec::new()));
    }
}
