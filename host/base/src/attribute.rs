//! Search attributes: named values by which workflows are found, and the conditions that look for them.
//!
//! Owns which names and values there are, and how both and conditions are written. Pure; knows nothing of workflows.
//!
//! There are four types, those that a search tells apart: text, number, truth value and time. There is no whole
//! number besides: what is counted is exact as a number, and what is only compared for being the same is a text.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::iter::Peekable;
use std::str::{Chars, FromStr};

/// Longest name of an attribute, in bytes.
pub const ATTRIBUTE_NAME_BYTES_MAX: usize = 64;
/// Conditions of one search.
pub const CONDITIONS_MAX: usize = 16;
/// Numbers are less than this and more than the same below zero: beyond it, not every whole number is one.
const NUMBER_END: f64 = 9_007_199_254_740_992.0;

/// The attributes of one workflow, by their names.
pub type Attributes = BTreeMap<String, AttributeValue>;

/// What an attribute is.
#[derive(Clone, Debug, PartialEq)]
pub enum AttributeValue {
    /// A text.
    Text(String),
    /// A number.
    Number(f64),
    /// True or false.
    Bool(bool),
    /// A point in time, in milliseconds since 1970-01-01T00:00:00Z.
    Time(i64),
}

/// Why an attribute cannot be, or why a condition is none. Says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidAttribute(String);

impl InvalidAttribute {
    /// The same of the attribute of that name.
    pub fn of(self, name: &str) -> InvalidAttribute {
        InvalidAttribute(format!("attribute {name}: {self}"))
    }
}

/// Whether an attribute may have this name.
///
/// # Errors
/// It may not.
pub fn check_attribute_name(name: &str) -> Result<(), InvalidAttribute> {
    let bytes = name.len();
    if name.is_empty() {
        return refuse("the name of an attribute must not be empty");
    }
    if bytes > ATTRIBUTE_NAME_BYTES_MAX {
        return refuse(format!(
            "the name of an attribute may have {ATTRIBUTE_NAME_BYTES_MAX} bytes, and this one has {bytes}"
        ));
    }
    if name.chars().any(char::is_control) {
        return refuse(format!(
            "the name of an attribute must not contain control characters, and {name:?} does"
        ));
    }
    Ok(())
}

impl AttributeValue {
    /// Whether there is such a number or time.
    ///
    /// # Errors
    /// There is not.
    pub fn check(&self) -> Result<(), InvalidAttribute> {
        match self {
            AttributeValue::Number(number) if number.abs() < NUMBER_END => Ok(()),
            AttributeValue::Number(number) => refuse(format!(
                "an attribute that is a number lies between -2^53 and 2^53, and {number} does not: make it a text"
            )),
            AttributeValue::Time(millis) if jiff::Timestamp::from_millisecond(*millis).is_err() => {
                refuse("an attribute that is a time lies in the years -9999 to 9999")
            }
            AttributeValue::Time(_) | AttributeValue::Text(_) | AttributeValue::Bool(_) => Ok(()),
        }
    }

    /// How many bytes it has.
    pub fn bytes(&self) -> usize {
        match self {
            AttributeValue::Text(text) => text.len(),
            AttributeValue::Number(number) => size_of_val(number),
            AttributeValue::Bool(truth) => size_of_val(truth),
            AttributeValue::Time(millis) => size_of_val(millis),
        }
    }

    /// A point in time as RFC 3339 has it.
    ///
    /// # Errors
    /// It is none.
    pub fn time(text: &str) -> Result<AttributeValue, InvalidAttribute> {
        match text.parse::<jiff::Timestamp>() {
            Ok(time) => Ok(AttributeValue::Time(time.as_millisecond())),
            Err(_) => refuse(format!("`{text}` is no time such as 2030-01-31T12:00:00Z")),
        }
    }

    /// A word without quotes is what it looks like.
    fn of_word(word: &str) -> AttributeValue {
        let number = word.parse::<f64>().ok().filter(|number| number.is_finite());
        match word {
            "true" => AttributeValue::Bool(true),
            "false" => AttributeValue::Bool(false),
            word => number
                .map(AttributeValue::Number)
                .or_else(|| AttributeValue::time(word).ok())
                .unwrap_or_else(|| AttributeValue::Text(word.to_owned())),
        }
    }

    /// How this lies to that; nothing where they are of different types.
    fn compare(&self, other: &AttributeValue) -> Option<Ordering> {
        match (self, other) {
            (AttributeValue::Text(one), AttributeValue::Text(other)) => Some(one.cmp(other)),
            (AttributeValue::Number(one), AttributeValue::Number(other)) => one.partial_cmp(other),
            (AttributeValue::Bool(one), AttributeValue::Bool(other)) => Some(one.cmp(other)),
            (AttributeValue::Time(one), AttributeValue::Time(other)) => Some(one.cmp(other)),
            (
                AttributeValue::Text(_)
                | AttributeValue::Number(_)
                | AttributeValue::Bool(_)
                | AttributeValue::Time(_),
                _,
            ) => None,
        }
    }

    fn begins_with(&self, other: &AttributeValue) -> bool {
        match (self, other) {
            (AttributeValue::Text(text), AttributeValue::Text(beginning)) => {
                text.starts_with(beginning)
            }
            _ => false,
        }
    }
}

/// How an attribute must lie to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `^=`: it is a text that begins so.
    BeginsWith,
}

/// What is wanted of one attribute. Who does not have it, or has it as another type, does not fit.
#[derive(Clone, Debug, PartialEq)]
struct Condition {
    name: String,
    operator: Operator,
    value: AttributeValue,
}

impl Condition {
    fn fits(&self, attributes: &Attributes) -> bool {
        let Some(value) = attributes.get(&self.name) else {
            return false;
        };
        let Some(order) = value.compare(&self.value) else {
            return false;
        };
        match self.operator {
            Operator::Equal => order.is_eq(),
            Operator::NotEqual => order.is_ne(),
            Operator::Less => order.is_lt(),
            Operator::LessOrEqual => order.is_le(),
            Operator::Greater => order.is_gt(),
            Operator::GreaterOrEqual => order.is_ge(),
            Operator::BeginsWith => value.begins_with(&self.value),
        }
    }
}

/// What workflows are looked for by: conditions that are all wanted; none: anything fits. Two are the same that are
/// written the same.
#[derive(Clone, Debug, Default)]
pub struct Search {
    text: String,
    conditions: Vec<Condition>,
}

impl Search {
    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether a workflow of these attributes fits.
    pub fn fits(&self, attributes: &Attributes) -> bool {
        self.conditions.iter().all(|one| one.fits(attributes))
    }
}

impl PartialEq for Search {
    fn eq(&self, other: &Search) -> bool {
        self.text == other.text
    }
}

impl Eq for Search {}

/// Conditions: `customer = ada and total >= 10`. Values are written as [`read_attribute`] reads them, except that a text
/// with spaces or operators in it stands in double quotes; so does a name.
impl FromStr for Search {
    type Err = InvalidAttribute;

    fn from_str(text: &str) -> Result<Search, InvalidAttribute> {
        Ok(Search {
            text: text.to_owned(),
            conditions: read_conditions(text)?,
        })
    }
}

/// Reads `NAME=VALUE`. A value is what it looks like: a number, `true` or `false`, a time such as
/// `2030-01-31T12:00:00Z`, or else a text; in double quotes, it is always a text.
///
/// # Errors
/// It is no attribute.
pub fn read_attribute(text: &str) -> Result<(String, AttributeValue), InvalidAttribute> {
    let Some((name, value)) = text.split_once('=') else {
        return refuse(format!("`{text}` is no attribute: write NAME=VALUE"));
    };
    let value = match value.starts_with('"') {
        true => quoted_to_its_end(value)?,
        false => AttributeValue::of_word(value),
    };
    check_attribute_name(name)?;
    value.check()?;
    Ok((name.to_owned(), value))
}

fn quoted_to_its_end(text: &str) -> Result<AttributeValue, InvalidAttribute> {
    let mut chars = text.chars().peekable();
    let inner = quoted(&mut chars)?;
    match chars.next() {
        None => Ok(AttributeValue::Text(inner)),
        Some(_) => refuse(format!("something stands behind the quotes of {text}")),
    }
}

fn read_conditions(text: &str) -> Result<Vec<Condition>, InvalidAttribute> {
    let mut tokens = tokens(text)?.into_iter();
    let mut conditions = Vec::new();
    loop {
        conditions.push(condition(&mut tokens)?);
        if conditions.len() > CONDITIONS_MAX {
            return refuse(format!("a search may have {CONDITIONS_MAX} conditions"));
        }
        match tokens.next() {
            None => return Ok(conditions),
            Some(Token::Word(word)) if word.eq_ignore_ascii_case("and") => {}
            Some(other) => {
                return refuse(format!("{} stands where `and` is expected", other.shown()));
            }
        }
    }
}

enum Token {
    Word(String),
    Quoted(String),
    Operator(Operator),
    /// What looks like an operator and is none.
    Unknown(String),
}

impl Token {
    fn shown(&self) -> String {
        match self {
            Token::Word(word) | Token::Unknown(word) => format!("`{word}`"),
            Token::Quoted(text) => format!("\"{text}\""),
            Token::Operator(_) => "an operator".to_owned(),
        }
    }
}

const EXPECTED: &str = "a condition is a name, one of = != < <= > >= ^= and a value, such as total >= 10; several are \
                        joined by `and`";

fn condition(tokens: &mut impl Iterator<Item = Token>) -> Result<Condition, InvalidAttribute> {
    let (name, operator, value) = (tokens.next(), tokens.next(), tokens.next());
    let name = match name {
        Some(Token::Word(name) | Token::Quoted(name)) => name,
        other => return unexpected(other),
    };
    let operator = match operator {
        Some(Token::Operator(operator)) => operator,
        other => return unexpected(other),
    };
    let value = match value {
        Some(Token::Word(word)) => AttributeValue::of_word(&word),
        Some(Token::Quoted(text)) => AttributeValue::Text(text),
        other => return unexpected(other),
    };
    if operator == Operator::BeginsWith && !matches!(value, AttributeValue::Text(_)) {
        return refuse("only a text begins with something: put what stands behind ^= in quotes");
    }
    check_attribute_name(&name)?;
    value.check()?;
    Ok(Condition {
        name,
        operator,
        value,
    })
}

fn unexpected<T>(token: Option<Token>) -> Result<T, InvalidAttribute> {
    let found = token.map_or_else(|| "it ends too early".to_owned(), |token| token.shown());
    refuse(format!("{found}: {EXPECTED}"))
}

fn tokens(text: &str) -> Result<Vec<Token>, InvalidAttribute> {
    let mut chars = text.chars().peekable();
    let mut tokens = Vec::new();
    while let Some(next) = chars.peek() {
        match next {
            next if next.is_whitespace() => drop(chars.next()),
            '"' => tokens.push(Token::Quoted(quoted(&mut chars)?)),
            next if is_of_operator(*next) => {
                tokens.push(operator(&run(&mut chars, is_of_operator)))
            }
            _ => tokens.push(Token::Word(run(&mut chars, is_of_word))),
        }
    }
    Ok(tokens)
}

/// All that comes next and is of a kind.
fn run(chars: &mut Peekable<Chars<'_>>, is_of_it: fn(char) -> bool) -> String {
    std::iter::from_fn(|| chars.next_if(|next| is_of_it(*next))).collect()
}

fn is_of_operator(char: char) -> bool {
    "=!<>^".contains(char)
}

fn is_of_word(char: char) -> bool {
    !(char.is_whitespace() || char == '"' || is_of_operator(char))
}

fn operator(text: &str) -> Token {
    Token::Operator(match text {
        "=" => Operator::Equal,
        "!=" => Operator::NotEqual,
        "<" => Operator::Less,
        "<=" => Operator::LessOrEqual,
        ">" => Operator::Greater,
        ">=" => Operator::GreaterOrEqual,
        "^=" => Operator::BeginsWith,
        other => return Token::Unknown(other.to_owned()),
    })
}

/// A text in double quotes, in which a backslash stands before those and before itself.
fn quoted(chars: &mut Peekable<Chars<'_>>) -> Result<String, InvalidAttribute> {
    let mut text = String::new();
    chars.next();
    while let Some(next) = chars.next() {
        match next {
            '"' => return Ok(text),
            '\\' => text.extend(chars.next()),
            next => text.push(next),
        }
    }
    refuse(format!("the quotes of \"{text} do not end"))
}

fn refuse<T>(text: impl Into<String>) -> Result<T, InvalidAttribute> {
    Err(InvalidAttribute(text.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> AttributeValue {
        AttributeValue::Text(text.to_owned())
    }

    /// What a search finds among these, by their places.
    fn check(search: &str, found: &[usize]) {
        let all = [
            r#"customer="ada" total=10 vip=true due=2030-01-31T12:00:00Z"#,
            r#"customer="adele" total=9.5 vip=false due=2030-01-31T11:00:00Z"#,
            r#"customer="10" total="10""#,
            "",
        ];
        let wanted: Search = search.parse().unwrap();
        let fits = |line: &str| {
            let attributes = line
                .split_whitespace()
                .map(|one| read_attribute(one).unwrap());
            let attributes: Attributes = attributes.collect();
            wanted.fits(&attributes)
        };
        let places = (0..).zip(all).filter(|(_, line)| fits(line));
        let places: Vec<usize> = places.map(|(place, _)| place).collect();
        assert_eq!(places, found, "{search}");
    }

    #[test]
    fn a_search_finds_what_fits_every_condition_and_is_of_its_type() {
        check("customer = ada", &[0]);
        check("customer != ada", &[1, 2]);
        check("customer ^= ad", &[0, 1]);
        check("customer ^= \"1\"", &[2]);
        check("customer < adele and customer >= \"10\"", &[0, 2]);
        check("total = 10", &[0]);
        check("total = \"10\"", &[2]);
        check("total>9.5", &[0]);
        check("total >= 9.5 AND total<1e1", &[1]);
        check("total != 3", &[0, 1]);
        check("vip = true", &[0]);
        check("vip <= true", &[0, 1]);
        check("due > 2030-01-31T11:30:00Z", &[0]);
        check("due = 2030-01-31T13:00:00+01:00", &[0]);
        check("\"customer\" = \"ada\" and vip = true", &[0]);
        check("customer = nobody", &[]);
        check("other != x", &[]);
    }

    #[track_caller]
    fn refused(search: &str, why: &str) {
        let error = read_conditions(search).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }

    #[test]
    fn a_search_that_is_none_says_what_is_expected() {
        for search in [
            "",
            "a",
            "a =",
            "a = b and",
            "= b",
            "a b c",
            "a == b",
            "a =! b",
        ] {
            refused(search, "total >= 10");
        }
        refused("a = b c = d", "`c` stands where `and` is expected");
        refused("a = \"b", "do not end");
        refused("a ^= 10", "in quotes");
        refused("a = 9007199254740993", "make it a text");
        refused("\"\" = 1", "must not be empty");
        let many = |number: usize| vec!["a = 1"; number].join(" and ");
        assert_eq!(
            read_conditions(&many(CONDITIONS_MAX)).unwrap().len(),
            CONDITIONS_MAX
        );
        refused(&many(CONDITIONS_MAX + 1), "16 conditions");
    }

    #[test]
    fn a_value_is_what_it_looks_like_and_in_quotes_a_text() {
        let value = |line: &str| read_attribute(line).unwrap().1;
        assert_eq!(value("a=ada b"), text("ada b"));
        assert_eq!(value("a="), text(""));
        assert_eq!(value("a=b=c"), text("b=c"));
        assert_eq!(value(r#"a="x \" \\ y""#), text(r#"x " \ y"#));
        assert_eq!(value("a=-1.5"), AttributeValue::Number(-1.5));
        assert_eq!(value("a=nan"), text("nan"));
        assert_eq!(value("a=false"), AttributeValue::Bool(false));
        assert_eq!(value("a=1969-12-31T23:59:59Z"), AttributeValue::Time(-1000));
        for line in ["a", "=1", r#"a="b"#, r#"a="b"c"#, "a\n=1"] {
            assert!(read_attribute(line).is_err(), "{line}");
        }
    }

    #[test]
    fn names_numbers_and_times_have_bounds() {
        assert!(check_attribute_name(&"x".repeat(ATTRIBUTE_NAME_BYTES_MAX)).is_ok());
        assert!(check_attribute_name(&"x".repeat(ATTRIBUTE_NAME_BYTES_MAX + 1)).is_err());
        for number in [NUMBER_END - 1.0, 1.0 - NUMBER_END, 0.0] {
            assert_eq!(AttributeValue::Number(number).check(), Ok(()));
        }
        for number in [NUMBER_END, -NUMBER_END, f64::INFINITY, f64::NAN] {
            assert!(AttributeValue::Number(number).check().is_err(), "{number}");
        }
        assert!(AttributeValue::Time(0).check().is_ok());
        assert!(AttributeValue::Time(i64::MAX).check().is_err());
    }
}
