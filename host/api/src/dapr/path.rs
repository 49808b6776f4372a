//! The names in a path, unescaped as Dapr's server unescapes them: `+` stands for a space, and `%2B` for a plus.
//!
//! Knows nothing of what they name. The router's own parameters do not tell those two from each other any more.

use axum::extract::{FromRequestParts, MatchedPath, OriginalUri};
use axum::http::request::Parts;
use percent_encoding::percent_decode_str;

use super::error::Error;

/// What a name must not contain, because it would mean something in a path or a query.
const FORBIDDEN: [char; 4] = ['/', '\\', '#', '?'];

/// The names in a path, in their order.
pub(super) struct Names<const N: usize>(pub(super) [String; N]);

impl<const N: usize, S: Send + Sync> FromRequestParts<S> for Names<N> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Names<N>, Error> {
        let route = MatchedPath::from_request_parts(parts, state).await;
        let route = route.map_err(|error| bad(error.to_string()))?;
        let Ok(OriginalUri(uri)) = OriginalUri::from_request_parts(parts, state).await;
        let names: Vec<String> = names(route.as_str(), uri.path()).collect::<Result<_, _>>()?;
        // The route has as many as its handler asks for, or nothing that is sent could be answered.
        let names = names.try_into();
        names
            .map(Names)
            .map_err(|names: Vec<String>| bad(format!("{} names, not {N}", names.len())))
    }
}

/// What stands in the path where the route has a parameter.
fn names(route: &str, path: &str) -> impl Iterator<Item = Result<String, Error>> {
    let segments = route.split('/').zip(path.split('/'));
    let raw = segments.filter(|(part, _)| part.starts_with('{'));
    raw.map(|(_, raw)| unescaped(raw))
}

fn unescaped(raw: &str) -> Result<String, Error> {
    let spaced = raw.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8();
    let name = decoded.map_err(|error| bad(format!("{raw} is not UTF-8: {error}")))?;
    let may_not = |one: char| FORBIDDEN.contains(&one) || one.is_control();
    if name == "." || name == ".." || name.contains(may_not) {
        return Err(bad(format!(
            "the name {name:?} must not be . or .. and must not contain /, \\, #, ? or control characters"
        )));
    }
    Ok(name.into_owned())
}

fn bad(message: String) -> Error {
    Error::bad_request("ERR_BAD_REQUEST", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_unescaped_and_a_plus_is_a_space() {
        assert_eq!(unescaped("a%3Ab+c%2Bd").unwrap(), "a:b c+d");
        assert_eq!(unescaped("a|b@c:d").unwrap(), "a|b@c:d");
    }

    #[test]
    fn names_stand_where_the_route_has_parameters() {
        let names = names(
            "/v1.0/actors/{type}/{id}/method/{method}",
            "/v1.0/actors/T/%2B/method/m%20n",
        );
        let names: Vec<String> = names.map(Result::unwrap).collect();
        assert_eq!(names, ["T", "+", "m n"]);
    }

    #[test]
    fn a_name_that_means_something_in_a_path_is_refused() {
        for name in [".", "..", "a%2Fb", "a%5Cb", "a%23", "a%3F", "a%00", "%ff"] {
            assert!(unescaped(name).is_err(), "{name}");
        }
    }
}
